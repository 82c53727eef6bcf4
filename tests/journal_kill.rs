//! kill -9 and a failing disk: what was acknowledged is there, and what failed is never acknowledged.
//!
//! The test binary runs itself as the program that dies: [`appends_until_it_dies`] is that program.

mod journal;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use journal::{draft, open, proven, served, streams};
use portside::journal::{Stream, hash, verify};

const DIR: &str = "PORTSIDE_TEST_JOURNAL";
const PRODUCERS: &str = "PORTSIDE_TEST_PRODUCERS";

/// Says `ack STREAM SEQUENCE` when a record is durable, `refused WHY` when it is not.
#[test]
#[ignore = "the program that the other tests kill"]
fn appends_until_it_dies() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let producers: u64 = std::env::var(PRODUCERS).unwrap().parse().unwrap();
    let (journal, _) = open(Path::new(&dir));
    let out = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for producer in 0..producers {
            let (journal, out) = (journal.clone(), &out);
            scope.spawn(move || {
                let stream = &streams()[producer as usize % streams().len()];
                let mut refusals = 0;
                for number in 0.. {
                    let line = match journal.append(&[draft(stream, number)]).wait() {
                        Ok(at) => format!("ack {} {}\n", at[0].stream, at[0].sequence),
                        Err(error) => {
                            refusals += 1;
                            format!("refused {error}\n")
                        }
                    };
                    out.lock().unwrap().write_all(line.as_bytes()).unwrap();
                    if refusals == 5 {
                        return;
                    }
                }
            });
        }
    });
}

fn program(before: &[&str], dir: &Path, producers: u64) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut command = match before {
        [] => Command::new(&exe),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&exe);
            command
        }
    };
    command.args(["--exact", "appends_until_it_dies", "--ignored", "--nocapture"]);
    command.env(DIR, dir).env(PRODUCERS, producers.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Reads `count` acknowledgements, kills, and reads what was still on its way.
fn killed_after(mut child: Child, count: usize) -> Vec<(Stream, u64)> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut acked = Vec::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        acked.extend(ack(&line));
        if acked.len() == count {
            child.kill().unwrap();
        }
        line.clear();
    }
    child.wait().unwrap();
    acked
}

fn ack(line: &[u8]) -> Option<(Stream, u64)> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (stream, sequence) = text[text.find("ack ")?..].strip_prefix("ack ")?.split_once(' ')?;
    Some((stream.parse().ok()?, sequence.parse().ok()?))
}

#[test]
fn what_was_acknowledged_survives_twenty_kills_and_no_id_has_two_contents() {
    let dir = tempfile::tempdir().unwrap();
    let mut hashes: BTreeMap<(Stream, u64), [u8; 32]> = BTreeMap::new();
    for round in 0..20_usize {
        let acked = killed_after(program(&[], dir.path(), 6).spawn().unwrap(), 1 + round * 37 % 230);
        assert!(!acked.is_empty());
        let report = verify(dir.path()).unwrap();
        assert_eq!(report.problems, [], "round {round}");
        let (journal, findings) = open(dir.path());
        assert!(findings.len() <= 1, "round {round}: {findings:?}");
        let mut there = BTreeMap::new();
        for stream in streams() {
            proven(&journal, &stream);
            let records = served(&journal, &stream).into_iter();
            there.extend(records.map(|(sequence, bytes)| ((stream.clone(), sequence), hash(&bytes))));
        }
        for id in &acked {
            assert!(there.contains_key(id), "round {round}: {id:?} was acknowledged and is gone");
        }
        for (id, hash) in &hashes {
            assert_eq!(there.get(id), Some(hash), "round {round}: {id:?} was readable before and is not the same");
        }
        hashes = there;
        journal.close_blocking();
    }
    println!("{} records, 20 kills, none missing", hashes.len());
}

/// Runs the program with the storage thread's `call` failing from the 20th on, and returns what it said.
fn with_failing(call: &str, how: &str, dir: &Path) -> Option<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{how}:when=20+"));
    let strace = ["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let Ok(mut child) = program(&strace, dir, 1).spawn() else {
        println!("skipped: strace is not installed");
        return None;
    };
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    if !child.wait().unwrap().success() && errors.contains("ptrace") {
        println!("skipped: strace may not trace here: {errors}");
        return None;
    }
    Some(said)
}

#[test]
fn after_a_failed_flush_or_write_nothing_is_acknowledged_any_more() {
    for (call, how) in [("fdatasync", "error=EIO"), ("pwrite64", "error=EIO"), ("pwrite64", "retval=100")] {
        let dir = tempfile::tempdir().unwrap();
        let Some(said) = with_failing(call, how, dir.path()) else { return };
        let acked: Vec<_> = said.lines().filter_map(|line| ack(format!("{line}\n").as_bytes())).collect();
        assert!((5..20).contains(&acked.len()), "{call} {how}: {said}");
        let after: Vec<_> = said.lines().skip_while(|line| !line.contains("refused")).collect();
        let refused = after.iter().filter(|line| line.contains("takes no more records since a write failed"));
        assert_eq!(refused.count(), 5, "{call} {how}: {said}");
        assert!(!after.iter().any(|line| line.contains("ack ")), "{call} {how}: {said}");
        assert_eq!(verify(dir.path()).unwrap().problems, [], "{call} {how}");
        let (journal, _) = open(dir.path());
        assert!(proven(&journal, &Stream::Alarm) >= acked.len() as u64, "{call} {how}");
    }
}

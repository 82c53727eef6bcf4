//! kill -9 of the daemon at random moments of a running demo: what was acknowledged is on record, nothing moved without
//! a record, and nothing came down on a vehicle.
//!
//! `PORTSIDE_KILLS` sets how often, `PORTSIDE_SEED` the moments. Where there is a Mosquitto and Python, a centre that
//! shares no code with the lane listens as well.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use portside::clock::Clock;
use rustix::process::{Pid, Signal, kill_process};
use site::journal::{Record, of_kind, proven, records};
use site::mosquitto::Mosquitto;
use site::peer::Centre;
use site::{daemon, number, portside, until, wait};

/// One line of the demo and when it was read: never before it happened.
type Line = (Timestamp, String);

/// A running demo, its lines as they come.
struct Demo {
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Demo {
    fn start(dir: &Path, seed: u64, broker: Option<&str>) -> Self {
        Self::of("gate", dir, seed, broker)
    }

    fn of(lane: &str, dir: &Path, seed: u64, broker: Option<&str>) -> Self {
        let mut command = portside();
        command.args(["demo", "--headless", "--lane", lane, "--seed", &seed.to_string(), "--dir"]).arg(dir);
        if let Some(broker) = broker {
            command.args(["--broker", broker]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<Line>>>::default();
        let theirs = lines.clone();
        let reader = std::thread::spawn(move || {
            let clock = Clock::start();
            for line in out.lines().map_while(Result::ok) {
                theirs.lock().unwrap().push((clock.wall(), line));
            }
        });
        Self { child, lines, reader: Some(reader) }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    fn count(&self, what: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|(_, line)| line.contains(what)).count()
    }

    /// Interrupts it, and answers with everything it said and what it said was wrong.
    fn end(mut self) -> (Vec<Line>, String, bool) {
        kill_process(self.pid(), Signal::INT).unwrap();
        let status = until("the end of the demo", || self.child.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        let mut faults = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut faults).unwrap();
        (self.lines(), faults, status.success())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The living children of a process, from the process table: also a daemon that does not answer yet.
fn children(parent: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        if process(pid).is_some_and(|(state, of)| state != "Z" && of == parent.as_raw_nonzero().get()) {
            found.push(pid);
        }
    }
    found
}

/// State and parent of a process; `None` when there is none.
fn process(pid: Pid) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name in brackets may hold anything; what follows the last bracket is plain.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn daemon_of(demo: &Demo) -> Pid {
    until("the demo's daemon", || children(demo.pid()).first().copied())
}

/// Waits for a moment: some time, or one of the next things that happen and then a little.
fn wait_for_a_moment(demo: &Demo, dice: &mut fastrand::Rng) {
    match dice.u8(0..10) {
        0..=3 => std::thread::sleep(Duration::from_millis(dice.u64(200..8_000))),
        4..=8 => {
            let enough = demo.lines.lock().unwrap().len() + dice.usize(1..5);
            // Where nothing happens for long, that is a moment as well.
            for _ in 0..10_000 {
                if demo.lines.lock().unwrap().len() >= enough {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(dice.u64(0..60)));
        }
        // While it starts and reads its journal.
        _ => std::thread::sleep(Duration::from_millis(dice.u64(0..500))),
    }
}

/// What an officer did and the daemon acknowledged: agency, name, and the words of the deed.
fn acknowledged(lines: &[Line]) -> Vec<[String; 3]> {
    let said = lines.iter().filter_map(|(_, line)| line.split_once("recorded  "));
    said.map(|(_, rest)| {
        let (who, deed) = rest.split_once(' ').unwrap();
        let (name, deed) = deed.split_once(' ').unwrap();
        [who.to_owned(), name.to_owned(), deed.split(':').next().unwrap().to_owned()]
    })
    .collect()
}

fn about<'a>(records: &'a [Record], kind: &str, inspection: &str, agency: &str) -> Vec<&'a Record> {
    let all = of_kind(records, kind).into_iter();
    all.filter(|record| record.subject() == inspection && record.data()["agency"] == agency).collect()
}

/// Every acknowledged deed has its record, and an opened verdict is the one that was given.
fn acknowledged_is_on_record(lines: &[Line], records: &[Record]) -> usize {
    let deeds = acknowledged(lines);
    let mut verdicts = 0;
    for [agency, name, deed] in &deeds {
        let words: Vec<_> = deed.split(' ').collect();
        match words[..] {
            ["judge", inspection, verdict] => {
                verdicts += 1;
                let sealed = about(records, "inspection.verdict.sealed", inspection, agency);
                assert_eq!(sealed.len(), 1, "{agency} {name} {deed} was acknowledged");
                for opened in about(records, "inspection.verdict.opened", inspection, agency) {
                    assert_eq!(opened.data()["verdict"], verdict, "{agency} {name} said {deed}");
                    assert_eq!(opened.data()["officer"], name.as_str());
                }
            }
            ["identify", plate] => {
                let found = of_kind(records, "inspection.identified");
                assert!(found.iter().any(|record| record.data()["identity"] == plate), "{deed} was acknowledged");
            }
            ["lift_hold", inspection] => {
                let lifted = about(records, "inspection.hold_lifted", inspection, agency);
                assert_eq!(lifted.len(), 1, "{agency} {name} {deed} was acknowledged");
            }
            _ => {}
        }
    }
    verdicts
}

/// The site never saw a relay before the order for it was on record, nor more often.
fn moved_only_on_record(lines: &[Line], records: &[Record], order: &str) -> usize {
    let seen: Vec<_> =
        lines.iter().filter(|(_, line)| line.contains(&format!("the site sees the {order} relay on"))).collect();
    let asked: Vec<_> =
        of_kind(records, "arm.asked").into_iter().filter(|record| record.data()["order"] == order).collect();
    for (before, (when, line)) in seen.iter().enumerate() {
        let on_record = asked.iter().filter(|record| record.time() <= *when).count();
        assert!(on_record > before, "{line}: it is number {}, and {on_record} were on record", before + 1);
    }
    seen.len()
}

/// No id stands for two contents, in the journal and at the centre together.
fn one_content_each<'a>(all: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut known = BTreeMap::<String, &[u8]>::new();
    for bytes in all {
        let says: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let id = says["id"].as_str().unwrap().to_owned();
        if let Some(other) = known.insert(id, bytes) {
            assert!(
                other == bytes,
                "two contents:\n{}\n{}",
                String::from_utf8_lossy(other),
                String::from_utf8_lossy(bytes)
            );
        }
    }
    known.len()
}

/// What one lane did while its daemon was killed again and again.
#[derive(Default)]
struct Tally {
    kills: usize,
    answered: usize,
    verdicts: usize,
    opens: usize,
    closes: usize,
    closed: usize,
    records: usize,
}

/// Kills the daemon of one demo so often, lets traffic go on, ends the demo, and judges what is left.
fn one_lane(kills: usize, seed: u64, broker: Option<&Mosquitto>) -> Tally {
    let dir = tempfile::tempdir().unwrap();
    let centre = broker.and_then(|broker| Centre::start(broker.port, dir.path()));
    let mut dice = fastrand::Rng::with_seed(seed);
    let demo = Demo::start(dir.path(), seed, broker.map(Mosquitto::url).as_deref());
    let (killed, answered) = kill_again_and_again(&demo, dir.path(), kills, &mut dice);
    // The lane recovers by itself: another subject goes through from beginning to end, and one of them was let through.
    let told = demo.count(" s  ended ");
    let everything = |demo: &Demo| {
        let seen = ["the site sees the open relay on", "the site sees the close relay on", " judge "];
        demo.count(" s  ended ") > told + 1 && seen.iter().all(|what| demo.count(what) > 0)
    };
    let went_on = wait(|| everything(&demo).then_some(())).is_some();
    let stands = daemon::status(&daemon::socket(dir.path()));
    let (lines, faults, well) = demo.end();
    let text: Vec<_> = lines.iter().map(|(_, line)| line.as_str()).collect();
    println!("{}", text.join("\n"));

    let store = daemon::store(dir.path());
    proven(&store);
    let records = records(&store);
    assert_eq!(text.iter().filter(|line| line.contains("STRUCK")).count(), 0);
    assert_eq!(of_kind(&records, "audit.stopped").len(), 1, "only the last one ended in order");
    let restarts = text.iter().filter(|line| line.contains("starting it again")).count();
    assert_eq!(restarts, killed.len(), "the daemon died by itself");
    let tally = Tally {
        kills: killed.len(),
        answered,
        verdicts: acknowledged_is_on_record(&lines, &records),
        opens: moved_only_on_record(&lines, &records, "open"),
        closes: moved_only_on_record(&lines, &records, "close"),
        closed: of_kind(&records, "inspection.closed").len(),
        records: records.len(),
    };
    let ids = one_content_each(records.iter().map(|record| record.bytes.as_slice()));
    assert_eq!(ids, records.len(), "an id stands in the journal twice");
    if let Some(centre) = centre {
        let received = centre.end();
        assert_eq!(received.report["faults"], 0, "{}", received.report);
        let came = received.is_the_journal_from_its_start(&records);
        println!("the centre received {came} of {ids} records, {} of them again", received.report["duplicates"]);
    }
    assert!(well && faults.is_empty(), "the demo is not content: {faults}");
    assert!(went_on, "no traffic after the last kill: {stands:#?}");
    assert!(tally.verdicts > 0 && tally.opens > 0 && tally.closes > 0 && tally.closed > 1);
    tally
}

/// The daemons that were killed, and how many of them had come so far as to answer.
fn kill_again_and_again(demo: &Demo, dir: &Path, kills: usize, dice: &mut fastrand::Rng) -> (BTreeSet<i32>, usize) {
    let (mut killed, mut answered) = (BTreeSet::new(), 0);
    while killed.len() < kills {
        wait_for_a_moment(demo, dice);
        let pid = daemon_of(demo);
        if let Some(status) = daemon::status(&daemon::socket(dir)) {
            assert_eq!(status["about"]["pid"], pid.as_raw_nonzero().get(), "the daemon died by itself");
            answered += 1;
        }
        kill_process(pid, Signal::KILL).unwrap();
        assert!(killed.insert(pid.as_raw_nonzero().get()), "{pid:?} was killed before");
        until("the end of the killed daemon", || (!children(demo.pid()).contains(&pid)).then_some(()));
    }
    (killed, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_lane_keeps_its_word() {
    let kills = usize::try_from(number("PORTSIDE_KILLS", 20)).unwrap();
    let seed = number("PORTSIDE_SEED", fastrand::u64(0..1_000_000));
    println!("{kills} kills, PORTSIDE_SEED={seed}");
    // Two lanes share the kills: most of the time is waiting.
    let brokers = [Mosquitto::start("").await, Mosquitto::start("").await];
    let lanes = std::thread::scope(|scope| {
        let each = brokers.iter().zip([kills - kills / 2, kills / 2]).zip(seed..);
        let each: Vec<_> =
            each.map(|((broker, kills), seed)| scope.spawn(move || one_lane(kills, seed, broker.as_ref()))).collect();
        each.into_iter().map(|lane| lane.join().unwrap()).collect::<Vec<_>>()
    });
    let sum = |what: fn(&Tally) -> usize| lanes.iter().map(what).sum::<usize>();
    println!(
        "{} kills, {} of them of a daemon that answered: {} verdicts acknowledged, {} openings, {} closings, {} \
         inspections closed, {} records, all as they must be",
        sum(|lane| lane.kills),
        sum(|lane| lane.answered),
        sum(|lane| lane.verdicts),
        sum(|lane| lane.opens),
        sum(|lane| lane.closes),
        sum(|lane| lane.closed),
        sum(|lane| lane.records),
    );
}

/// The demo itself sees to it that nothing unreleased leaves by the exit and that no bag is struck.
#[test]
fn killed_at_random_moments_a_belt_sends_nobody_out_unreleased() {
    let (dir, seed) = (tempfile::tempdir().unwrap(), number("PORTSIDE_SEED", fastrand::u64(0..1_000_000)));
    println!("PORTSIDE_SEED={seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let demo = Demo::of("belt", dir.path(), seed, None);
    let kills = usize::try_from(number("PORTSIDE_KILLS", 20)).unwrap() / 4;
    let (killed, _) = kill_again_and_again(&demo, &dir.path().join("belt"), kills, &mut dice);
    let left = demo.count("leaves by the exit");
    let went_on = wait(|| (demo.count("leaves by the exit") > left).then_some(())).is_some();
    let (lines, faults, well) = demo.end();
    let text: Vec<_> = lines.iter().map(|(_, line)| line.as_str()).collect();
    println!("{}", text.join("\n"));
    assert_eq!(text.iter().filter(|line| line.contains("starting it again")).count(), killed.len());
    let store = daemon::store(&dir.path().join("belt"));
    proven(&store);
    let records = records(&store);
    assert_eq!(one_content_each(records.iter().map(|record| record.bytes.as_slice())), records.len());
    for closed in of_kind(&records, "inspection.closed") {
        let released = || of_kind(&records, "inspection.released").iter().any(|one| one.subject() == closed.subject());
        assert!(closed.data()["outcome"] != "departed" || released(), "{closed:?}");
    }
    assert!(well && faults.is_empty(), "the demo is not content: {faults}");
    assert!(went_on, "no bag left by the exit after the last kill");
}

#[test]
fn a_daemon_whose_demo_is_killed_ends_by_itself_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(dir.path(), 3, None);
    until("an answer", || daemon::status(&daemon::socket(dir.path())));
    let pid = daemon_of(&demo);
    demo.child.kill().unwrap();
    demo.child.wait().unwrap();
    // Whoever inherits it may never ask how it ended.
    until("the end of the orphaned daemon", || process(pid).is_none_or(|(state, _)| state == "Z").then_some(()));
    let store = daemon::store(dir.path());
    proven(&store);
    let before = records(&store);
    assert_eq!(of_kind(&before, "audit.stopped").len(), 1);

    // The same folder again: the journal goes on, and the centre takes no offence.
    let demo = Demo::start(dir.path(), 3, None);
    until("an answer", || daemon::status(&daemon::socket(dir.path())));
    until("a vehicle", || (demo.count(" arrives: ") > 0).then_some(()));
    let (_, faults, well) = demo.end();
    assert!(well, "{faults}");
    proven(&store);
    let after = records(&store);
    assert!(after.len() > before.len());
    assert!(before.iter().zip(&after).all(|(before, after)| before.bytes == after.bytes), "the journal began anew");
}

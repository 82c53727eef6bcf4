//! A verifier in another language, which shares no line with this one, says the same of the same journals.

#![allow(clippy::unwrap_used)] // helpers of tests fail like tests

mod journal;
mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use journal::{fill, open};
use portside::journal::{Draft, EvidenceFiles, Report, Stream, verify};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("verify")
}

/// A closed journal of a few records, two of which name evidence.
fn store(dir: &Path) {
    let (journal, _) = open(dir);
    fill(&journal, 10);
    let (files, _) = EvidenceFiles::open(dir).unwrap();
    let time = jiff::Timestamp::from_millisecond(1_795_248_930_123).unwrap();
    for bytes in [&b"a picture"[..], b"another"] {
        let kept = files.put(bytes).unwrap();
        let data = json!({ "images": [{ "sha256": kept.sha256 }] });
        let draft = Draft::new(Stream::Inspection, "inspection.picture", "inspection-1", time, data);
        journal.append(&[draft]).wait().unwrap();
    }
    journal.close_blocking();
}

/// The peer's answer: its exit status and report; `None`, with a line that says so, where there is no Python.
fn peer(path: &Path) -> Option<(i32, Value)> {
    let output = Command::new(site::python()?).arg(folder().join("portside_verify.py")).arg(path).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Some((output.status.code().unwrap(), report))
}

fn same(ours: &Report, theirs: &Value) {
    let streams = serde_json::to_value(&ours.streams).unwrap();
    assert_eq!(theirs["streams"], streams);
    assert_eq!(theirs["evidence"], ours.evidence);
    assert_eq!((&theirs["port"], &theirs["lane"]), (&json!(ours.port), &json!(ours.lane)));
}

#[test]
fn both_find_a_whole_journal_whole_and_say_the_same_of_it() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let Some((status, theirs)) = peer(dir.path()) else { return };
    let ours = verify(dir.path()).unwrap();
    assert_eq!((status, ours.is_clean()), (0, true), "{theirs}\n{ours:?}");
    same(&ours, &theirs);
}

#[test]
fn both_find_every_byte_of_the_log_that_was_flipped() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    let Some(python) = site::python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/flips.py");
    let output = Command::new(python).arg(script).arg(folder()).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(theirs["unseen"], json!([]));
    same(&verify(dir.path()).unwrap(), &theirs["whole"]);

    let mut tried = 0;
    for path in journal::tree(&dir.path().join("log")).into_keys() {
        let whole = fs::read(&path).unwrap();
        let used = whole.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // A segment with no record is prepared for those to come.
        for at in (0..used).filter(|_| used > 64) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            let found = verify(dir.path()).map_or(true, |report| !report.is_clean());
            assert!(found, "{} byte {at}", path.display());
            tried += 1;
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(theirs["tried"], tried, "both tried the same");
    println!("{tried} bytes flipped, each found by both");
}

#[test]
fn both_find_what_was_removed_altered_or_put_in() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("an evidence file removed", |dir| fs::remove_file(first_evidence(dir)).unwrap()),
        ("an evidence file altered", |dir| fs::write(first_evidence(dir), b"other").unwrap()),
        ("the head file removed", |dir| fs::remove_file(dir.join("head")).unwrap()),
        ("the last record cut off", |dir| {
            let (path, bytes) = journal::tree(&dir.join("log")).pop_first().unwrap();
            let magic = [0xF5, b'P', b'J', 0xFF];
            let last = bytes.windows(4).rposition(|four| four == magic).unwrap();
            let mut cut = bytes.clone();
            cut[last..].fill(0);
            fs::write(path, cut).unwrap();
        }),
        ("another lane's name", |dir| {
            let lane = fs::read_to_string(dir.join("lane")).unwrap();
            fs::write(dir.join("lane"), lane.replace("G03", "G04")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path());
        damage(dir.path());
        let Some((status, theirs)) = peer(dir.path()) else { return };
        let ours = verify(dir.path()).map_or(true, |report| !report.is_clean());
        assert!(ours && status != 0, "{what}: {ours} and {status}\n{theirs}");
    }
}

fn first_evidence(dir: &Path) -> PathBuf {
    journal::tree(&dir.join("evidence")).into_keys().next().unwrap()
}

#[test]
fn records_as_the_centre_has_them_are_proved_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(&dir.path().join("store"));
    fill(&journal, 12);
    let lines: Vec<Vec<u8>> = journal::streams()
        .iter()
        .flat_map(|stream| journal::served(&journal, stream).into_values().collect::<Vec<_>>())
        .collect();
    let path = dir.path().join("received.jsonl");
    fs::write(&path, lines.join(&b'\n')).unwrap();
    let Some((status, report)) = peer(&path) else { return };
    assert_eq!((status, &report["problems"]), (0, &json!([])));
    let without: Vec<_> = lines.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line.clone()).collect();
    fs::write(&path, without.join(&b'\n')).unwrap();
    let (status, report) = peer(&path).unwrap();
    assert_eq!(status, 1);
    assert!(report["problems"][0].as_str().unwrap().contains("are missing"), "{report}");
}

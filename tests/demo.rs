//! `portside demo --once`, judged by what stands in its journal and not by what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use site::journal::{Record, of_kind, proven, records};
use site::{daemon, portside};

/// What the journal says of one inspection, in the order in which it was written.
type Inspections<'a> = BTreeMap<&'a str, Vec<&'a Record>>;

fn inspections(records: &[Record]) -> Inspections<'_> {
    let mut found = Inspections::new();
    // A camera's pictures of an instant become evidence when they are durable, be it after the inspection has closed.
    let decided = |record: &&Record| record.stream() == "inspection" && record.kind() != "inspection.snapshot";
    for record in records.iter().filter(decided) {
        found.entry(record.subject()).or_default().push(record);
    }
    found
}

fn place(records: &[&Record], kind: &str) -> Option<usize> {
    records.iter().position(|record| record.kind() == kind)
}

/// The opened verdicts by agency.
fn verdicts<'a>(records: &[&'a Record]) -> BTreeMap<&'a str, &'a str> {
    let opened = records.iter().filter(|record| record.kind() == "inspection.verdict.opened");
    opened
        .map(|record| (record.data()["agency"].as_str().unwrap(), record.data()["verdict"].as_str().unwrap()))
        .collect()
}

/// How an inspection went, by its records alone.
fn outcome(records: &[&Record]) -> &'static str {
    let verdicts: BTreeSet<_> = verdicts(records).into_values().collect();
    let (held, released) = (place(records, "inspection.held"), place(records, "inspection.released"));
    let entered = place(records, "inspection.entered");
    assert!(place(records, "inspection.closed") == Some(records.len() - 1), "{records:#?}");
    match (held, released) {
        (None, Some(released)) => {
            assert_eq!(verdicts, ["clear"].into());
            assert!(entered > Some(released), "drove in before it was released: {records:#?}");
            "released"
        }
        (Some(held), Some(released)) => {
            let lifted = place(records, "inspection.hold_lifted").expect("somebody lifted the hold");
            assert!(held < lifted && lifted < released && entered > Some(released), "{records:#?}");
            assert!(verdicts.contains("unknown"));
            "held, then released"
        }
        (Some(_), None) => {
            assert_eq!(entered, None, "a held subject drove in: {records:#?}");
            if verdicts.contains("alarm") {
                "alarmed"
            } else {
                assert!(verdicts.contains("not_reviewed"), "{verdicts:?}");
                "not reviewed"
            }
        }
        (None, None) => panic!("neither held nor released: {records:#?}"),
    }
}

/// Each inspection has a picture on record before the review opened, and the picture is in the store.
fn pictures_came_first(records: &[&Record], store: &Path) {
    let review = place(records, "inspection.review_opened").unwrap();
    let named = records[review].data()["pictures"].as_array().unwrap();
    assert!(!named.is_empty(), "the review opened without a picture");
    for name in named {
        let pictured = records[..review]
            .iter()
            .any(|record| record.kind() == "inspection.picture" && record.data()["sha256"] == *name);
        assert!(pictured, "{name} is not on record before the review");
        assert!(is_kept(store, name.as_str().unwrap()), "{name} is not in the store");
    }
}

/// Some file under `dir` has this SHA-256.
fn is_kept(dir: &Path, sha256: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => is_kept(&entry.path(), sha256),
            false => fs::read(entry.path()).is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == sha256),
        }
    })
}

/// Before the first verdict of an inspection was opened, no byte of the log tells one: neither by a word nor by the
/// length of what is sealed.
fn sealed_until_opened(records: &[&Record], log: &[u8]) {
    let at = |record: &Record| {
        let place = log.windows(record.bytes.len()).position(|window| window == record.bytes);
        place.expect("the log holds the exact bytes of a record")
    };
    let review = at(records[place(records, "inspection.review_opened").unwrap()]);
    let opened = at(records[place(records, "inspection.verdict.opened").unwrap()]);
    assert!(review < opened);
    let between = String::from_utf8_lossy(&log[review..opened]).into_owned();
    assert!(between.contains("inspection.verdict.sealed"), "nothing was sealed: {between}");
    assert!(!between.contains("\"verdict\":"), "{between}");
    for officer in ["100234", "7731"] {
        for verdict in ["clear", "alarm", "unknown"] {
            assert!(!between.contains(&format!("\"{officer}\",\"{verdict}\"")), "{between}");
        }
    }
    for sealed in records.iter().filter(|record| record.kind() == "inspection.verdict.sealed") {
        let fields: BTreeSet<_> = sealed.data().as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["after_ms", "agency", "sealed"].into(), "{sealed:?}");
        let text = sealed.data()["sealed"].as_str().unwrap();
        let plain = hex::decode(text).expect("hex");
        for word in ["clear", "alarm", "unknown", "verdict"] {
            assert!(!plain.windows(word.len()).any(|window| window == word.as_bytes()), "{word} can be read");
        }
    }
}

/// The bytes of every segment, in the order of their names.
fn log_bytes(store: &Path) -> Vec<u8> {
    let mut files = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    // What the index keeps of records is a copy; the log is the file that holds the first record of every stream.
    files.retain(|file| !file.to_string_lossy().contains("index"));
    files.sort();
    files.iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

/// Four bags: who left by the exit was released by every desk, and a picture of it was judged.
fn of_the_belt(store: &Path) {
    proven(store);
    let records = records(store);
    let inspections = inspections(&records);
    assert_eq!(inspections.len(), 4, "{inspections:#?}");
    for records in inspections.values() {
        let closed = records.last().filter(|record| record.kind() == "inspection.closed").expect("it is closed");
        if closed.data()["outcome"] == "departed" {
            assert_eq!(verdicts(records).into_values().collect::<Vec<_>>(), ["clear", "clear"]);
            assert!(place(records, "inspection.held").is_none() && place(records, "inspection.released").is_some());
            pictures_came_first(records, store);
        }
    }
}

#[test]
fn one_run_leaves_a_released_a_held_an_alarmed_and_a_not_reviewed_inspection_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let output = portside().args(["demo", "--once", "--headless", "--dir"]).arg(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);

    let store = daemon::store(dir.path());
    proven(&store);
    let records = records(&store);
    let inspections = inspections(&records);
    let mut outcomes: Vec<_> = inspections.values().map(|records| outcome(records)).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["alarmed", "held, then released", "not reviewed", "released"], "{said}");

    let log = log_bytes(&store);
    let mut lengths = BTreeMap::<&str, BTreeSet<usize>>::new();
    for records in inspections.values() {
        pictures_came_first(records, &store);
        sealed_until_opened(records, &log);
        for sealed in records.iter().filter(|record| record.kind() == "inspection.verdict.sealed") {
            let agency = sealed.data()["agency"].as_str().unwrap();
            lengths.entry(agency).or_default().insert(sealed.data()["sealed"].as_str().unwrap().len());
        }
    }
    for (agency, lengths) in &lengths {
        assert_eq!(lengths.len(), 1, "the length of what {agency} sealed tells its verdict: {lengths:?}");
    }
    assert_eq!(lengths.len(), 2, "{lengths:?}");

    of_the_belt(&daemon::store(&dir.path().join("belt")));

    let aside = of_kind(&records, "alarm.scan_set_aside");
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(aside[0].data()["file"], "broken-transfer.png");
    let reason = aside[0].data()["reason"].as_str().unwrap();
    assert!(reason.split(' ').count() > 3, "no reason: {reason}");
    let folder = dir.path().join("pictures/set-aside");
    assert!(folder.join("broken-transfer.png").exists());
    assert!(fs::read_to_string(folder.join("broken-transfer.png.reason.txt")).unwrap().contains(reason));

    let check = portside().args(["check", "-c"]).arg(daemon::lane_file(dir.path())).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

//! The journal as its callers see it: append, read, close, open again, and what opening says.

#![allow(clippy::unwrap_used)] // helpers of tests fail like tests

mod journal;

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use journal::{draft, fill, identity, open, proven, served, small, streams, texts, tree};
use portside::journal::{
    AppendError, Draft, DraftError, Gravity, Identity, Journal, OpenError, Position, Record, Stored, Stream, verify,
};
use serde_json::json;

#[test]
fn what_was_appended_is_read_back_chained_and_contiguous_over_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, findings) = open(dir.path());
    assert_eq!(findings, []);
    let epoch = journal.epoch();
    let mut last = fill(&journal, 90);
    for _ in 0..3 {
        for (stream, sequence) in &last {
            assert_eq!(proven(&journal, stream), *sequence);
            assert_eq!(journal.reader().ends_blocking(stream).unwrap(), Some((1, *sequence)));
            assert_eq!(journal.heads().borrow().streams[stream], *sequence);
        }
        journal.close_blocking();
        assert_eq!(verify(dir.path()).unwrap().problems, []);
        let (again, findings) = open(dir.path());
        assert_eq!((findings, again.epoch()), (vec![], epoch));
        last = fill(&again, 40);
        journal = again;
    }
    assert!(fs::read_dir(dir.path().join("log")).unwrap().count() > 4, "the log must have rotated");
}

#[tokio::test]
async fn calls_are_kept_in_the_order_they_were_made_whether_awaited_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let drafts: Vec<Draft> = (0..5).map(|number| draft(&Stream::Alarm, number)).collect();
    drop(journal.append(&drafts[..2]));
    let third = journal.append(&drafts[2..4]);
    let last = journal.append(&drafts[4..]).await.unwrap();
    assert_eq!(last, [Position { stream: Stream::Alarm, sequence: 5 }]);
    assert_eq!(third.await.unwrap()[1].sequence, 4);
    let stored = journal.reader().read(Stream::Alarm, 1, 10, 1 << 20).await.unwrap();
    let numbers: Vec<_> =
        stored.iter().map(|stored| Record::parse(&stored.bytes).unwrap().value()["number"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    journal.close().await;
}

#[test]
fn reading_stops_at_the_bytes_asked_for_but_always_gives_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 40);
    let reader = journal.reader();
    assert_eq!(reader.read_blocking(&Stream::Alarm, 3, 4, 1).unwrap().len(), 1);
    let all = reader.read_blocking(&Stream::Alarm, 1, 4, 1 << 20).unwrap();
    let three: usize = all[..3].iter().map(|stored| stored.bytes.len()).sum();
    assert_eq!(reader.read_blocking(&Stream::Alarm, 1, 4, three).unwrap(), all[..3]);
    assert_eq!(reader.read_blocking(&Stream::Alarm, 11, 4, 1 << 20).unwrap(), []);
    assert_eq!(reader.ends_blocking(&Stream::Audit).unwrap(), None);
}

#[test]
fn the_youngest_records_of_a_stream_are_read_without_the_index_back_to_the_one_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 400);
    let reader = journal.reader();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let is = |sequence: u64| move |stored: &Stored| stored.sequence == sequence;
    let sequences = |found: Option<Vec<Stored>>| -> Option<Vec<u64>> {
        found.map(|found| found.iter().map(|stored| stored.sequence).collect())
    };
    let young = runtime.block_on(reader.youngest(Stream::Alarm, usize::MAX, is(60))).unwrap();
    assert_eq!(young, Some(reader.read_blocking(&Stream::Alarm, 60, 1000, usize::MAX).unwrap()));
    assert_eq!(sequences(young), Some((60..=100).collect()));
    let all = runtime.block_on(reader.youngest(Stream::Alarm, usize::MAX, |_| false)).unwrap();
    assert_eq!(sequences(all), Some((1..=100).collect()), "the beginning of the log is an end as well");
    let bounded = runtime.block_on(reader.youngest(Stream::Alarm, 20 * 1024, is(1))).unwrap();
    assert_eq!(bounded, None, "there may be older ones");
    journal.close_blocking();
}

#[test]
fn young_and_old_records_read_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let long = |number: usize| {
        let data = json!({ "number": number, "text": "x".repeat(3000) });
        Draft::new(Stream::Alarm, "a.b", "arm", Timestamp::from_second(1).unwrap(), data)
    };
    let _ = journal.append(&(1..=500).map(long).collect::<Vec<_>>()).wait().unwrap();
    let reader = journal.reader();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for from in [1, 50, 490, 500] {
        let here = runtime.block_on(reader.read(Stream::Alarm, from, 30, 10_000)).unwrap();
        assert_eq!(here, reader.read_blocking(&Stream::Alarm, from, 30, 10_000).unwrap(), "from {from}");
        assert_eq!(here[0].sequence, from);
    }
    assert_eq!(runtime.block_on(reader.read(Stream::Alarm, 501, 30, 10_000)).unwrap(), []);
    journal.close_blocking();
}

#[test]
fn an_inspection_is_all_that_names_it_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let time = Timestamp::from_second(1).unwrap();
    let note = |stream: Stream, subject: &str, data| Draft::new(stream, "a.b", subject, time, data);
    for number in 0..100 {
        let drafts = [
            note(Stream::Inspection, "i1", json!({ "number": number })),
            note(Stream::Device, "arm", json!({ "inspection": "i1" })),
            note(Stream::Device, "arm", json!({})),
            note(Stream::Telemetry, "i1", json!({})),
        ];
        journal.append(&drafts).wait().unwrap();
    }
    journal.append(&[note(Stream::Inspection, "i10", json!({}))]).wait().unwrap();
    let found = journal.reader().inspection_blocking("i1").unwrap();
    let places: Vec<_> = found.iter().map(|stored| (stored.stream.clone(), stored.sequence)).collect();
    let expected: Vec<_> = (0..100).flat_map(|n| [(Stream::Inspection, n + 1), (Stream::Device, 2 * n + 1)]).collect();
    assert_eq!(places, expected);
    assert_eq!(journal.reader().inspections_blocking(5).unwrap(), ["i10", "i1"]);
}

#[test]
fn what_cannot_be_a_record_takes_no_sequence_and_none_of_its_call_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut large = draft(&Stream::Alarm, 1);
    large.data = json!("x".repeat(5000));
    let error = journal.append(&[draft(&Stream::Alarm, 0), large]).wait().unwrap_err();
    assert!(matches!(error, AppendError::Draft(DraftError::TooLarge { limit: 4096, .. })), "{error}");
    assert_eq!(journal.append(&[draft(&Stream::Alarm, 2)]).wait().unwrap()[0].sequence, 1);
}

#[test]
fn what_is_retired_is_owed_no_more_after_a_restart_and_never_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 40);
    assert_eq!(journal.owed(&Stream::Alarm), 1);
    journal.retire(&Stream::Alarm, 7);
    journal.retire(&Stream::Alarm, 3);
    assert_eq!(journal.owed(&Stream::Alarm), 8);
    journal.close_blocking();
    let (journal, _) = open(dir.path());
    assert_eq!((journal.owed(&Stream::Alarm), journal.owed(&Stream::Inspection)), (8, 1));
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let error = Journal::open(dir.path(), &identity(), small()).unwrap_err();
    assert!(matches!(&error, OpenError::Locked(_)), "{error}");
    fill(&journal, 4);
    journal.close_blocking();
    open(dir.path());
}

#[test]
fn a_closed_journal_takes_and_shows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let other = journal.clone();
    journal.close_blocking();
    assert_eq!(other.append(&[draft(&Stream::Alarm, 0)]).wait(), Err(AppendError::Closed));
    assert!(other.reader().read_blocking(&Stream::Alarm, 1, 1, 1).is_err());
}

#[test]
fn another_lanes_journal_and_a_newer_one_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 4);
    journal.close_blocking();
    let before = tree(dir.path());
    let other = Identity { lane: "G04".to_owned(), ..identity() };
    let error = Journal::open(dir.path(), &other, small()).unwrap_err();
    assert!(matches!(&error, OpenError::OtherLane { .. }), "{error}");
    assert_eq!(tree(dir.path()), before);
    let lane = dir.path().join("lane");
    let newer = fs::read_to_string(&lane).unwrap().replace("\"form\":1", "\"form\":2,\"more\":[]");
    fs::write(&lane, newer).unwrap();
    let before = tree(dir.path());
    let error = Journal::open(dir.path(), &identity(), small()).unwrap_err();
    assert!(matches!(&error, OpenError::Newer { found: 2, .. }), "{error}");
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn records_without_a_lane_file_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 4);
    journal.close_blocking();
    for lane in [None, Some("{}")] {
        let path = dir.path().join("lane");
        let _ = lane.map_or_else(|| fs::remove_file(&path), |text| fs::write(&path, text));
        let before = tree(dir.path());
        let error = Journal::open(dir.path(), &identity(), small()).unwrap_err();
        assert!(matches!(&error, OpenError::NoIdentity { .. }), "{error}");
        assert_eq!(tree(dir.path()), before);
    }
}

#[test]
fn a_first_start_cut_short_at_any_file_is_begun_again() {
    for left in
        [&["log/00000001.log"][..], &["log/00000001.log", "log/00000002.log"], &["head"], &["head", "log/00000001.log"]]
    {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path());
        drop(journal);
        let made = tempfile::tempdir().unwrap();
        fs::create_dir(made.path().join("log")).unwrap();
        for file in left {
            fs::copy(dir.path().join(file), made.path().join(file)).unwrap();
        }
        let (journal, findings) = open(made.path());
        assert_eq!(findings, [], "{left:?}");
        fill(&journal, 4);
        assert_eq!(proven(&journal, &Stream::Alarm), 1);
    }
}

/// Closes a filled journal, changes its files, opens it again; returns what it says.
fn reopened(dir: &Path, change: impl FnOnce(&Path)) -> (Journal, String, bool) {
    let (journal, _) = open(dir);
    fill(&journal, 200);
    journal.retire(&Stream::Alarm, 9);
    journal.close_blocking();
    change(dir);
    let (journal, findings) = open(dir);
    let alarmed = findings.iter().any(|finding| finding.gravity == Gravity::Alarm);
    (journal, texts(&findings), alarmed)
}

fn every_index_file(dir: &Path, change: impl Fn(&Path)) {
    for path in tree(&dir.join("index")).keys() {
        change(path);
    }
}

#[test]
fn a_lost_or_useless_index_is_built_anew_without_loss_and_without_an_alarm() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("missing", |dir| fs::remove_dir_all(dir.join("index")).unwrap()),
        ("emptied", |dir| {
            fs::remove_dir_all(dir.join("index")).unwrap();
            fs::create_dir(dir.join("index")).unwrap();
        }),
        ("garbage in every file", |dir| every_index_file(dir, |path| fs::write(path, [0x5a; 70_000]).unwrap())),
        ("every file cut short", |dir| every_index_file(dir, |path| fs::write(path, [1, 2, 3]).unwrap())),
        ("snapshots gone and garbage in db", |dir| {
            every_index_file(dir, |path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if name.starts_with("snap.") {
                    fs::remove_file(path).unwrap();
                } else if name == "db" {
                    let mut bytes = fs::read(path).unwrap();
                    bytes.iter_mut().skip(3).step_by(61).for_each(|byte| *byte ^= 0xff);
                    fs::write(path, bytes).unwrap();
                }
            });
        }),
        ("a file in its place", |dir| {
            fs::remove_dir_all(dir.join("index")).unwrap();
            fs::write(dir.join("index"), b"x").unwrap();
        }),
    ];
    for (name, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let (journal, said, alarmed) = reopened(dir.path(), change);
        for stream in streams() {
            assert_eq!(proven(&journal, &stream), 50, "{name}: {said}");
        }
        assert!(said.contains("index") && !alarmed, "{name}: {said}");
        assert_eq!(journal.reader().inspections_blocking(9).unwrap().len(), 5, "{name}");
        assert!(journal.owed(&Stream::Alarm) <= 10, "{name}: what was not confirmed must stay owed");
    }
}

#[test]
fn a_torn_snapshot_of_the_index_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, said, _) = reopened(dir.path(), |dir| {
        fs::write(dir.join("index/snap.0000000000000400"), b"torn").unwrap();
    });
    assert_eq!((said.as_str(), journal.owed(&Stream::Alarm)), ("", 10));
    assert_eq!(proven(&journal, &Stream::Alarm), 50);
}

#[test]
fn an_index_that_lies_is_found_out_and_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    // The same journal with the same epoch took another way: its index points elsewhere.
    let (journal, _) = open(dir.path());
    fill(&journal, 40);
    journal.close_blocking();
    for (path, bytes) in tree(dir.path()) {
        let copy = other.path().join(path.strip_prefix(dir.path()).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, bytes).unwrap();
    }
    let (journal, _) = open(dir.path());
    fill(&journal, 40);
    journal.close_blocking();
    let (journal, _) = open(other.path());
    for number in 0..60 {
        journal.append(&[draft(&Stream::Inspection, number)]).wait().unwrap();
    }
    journal.close_blocking();
    fs::remove_dir_all(other.path().join("index")).unwrap();
    fs::rename(dir.path().join("index"), other.path().join("index")).unwrap();
    let (journal, _) = open(other.path());
    assert_eq!(proven(&journal, &Stream::Inspection), 70);
}

#[test]
fn an_emptied_log_is_said_and_no_sequence_is_given_out_twice() {
    for ending in ["closed", "killed"] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path());
        fill(&journal, 200);
        let head = fs::read(dir.path().join("head")).unwrap();
        let epoch = journal.epoch();
        journal.close_blocking();
        if ending == "killed" {
            // The head file as it was before the orderly end.
            fs::write(dir.path().join("head"), head).unwrap();
        }
        fs::remove_dir_all(dir.path().join("log")).unwrap();
        assert!(!verify(dir.path()).unwrap().is_clean(), "{ending}");
        let (journal, findings) = open(dir.path());
        let said = texts(&findings);
        assert!(said.contains("of stream alarm are missing") && said.contains("Alarm"), "{ending}: {said}");
        assert_eq!(journal.epoch(), epoch);
        for stream in streams() {
            let next = journal.append(&[draft(&stream, 0)]).wait().unwrap()[0].sequence;
            assert!(next > 50, "{ending}: {stream} {next}");
            assert_eq!(served(&journal, &stream).len(), 1);
        }
        journal.close_blocking();
        let (_, findings) = open(dir.path());
        assert_eq!(texts(&findings), "", "{ending}: it is said once");
    }
}

#[test]
fn a_log_rolled_back_by_a_segment_is_said_and_the_rest_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, said, alarmed) = reopened(dir.path(), |dir| {
        let logs = tree(&dir.join("log"));
        for (path, _) in logs.iter().skip(3) {
            fs::remove_file(path).unwrap();
        }
    });
    assert!(alarmed && said.contains("are missing"), "{said}");
    let left = served(&journal, &Stream::Alarm).len() as u64;
    assert!((5..50).contains(&left), "{left}");
    let next = journal.append(&[draft(&Stream::Alarm, 0)]).wait().unwrap()[0].sequence;
    assert_eq!(next, 51);
    assert_eq!(served(&journal, &Stream::Alarm).len() as u64, left + 1);
}

#[test]
fn a_missing_segment_costs_its_own_records_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, said, alarmed) = reopened(dir.path(), |dir| fs::remove_file(dir.join("log/00000002.log")).unwrap());
    assert!(alarmed && said.contains("00000002.log"), "{said}");
    let left = served(&journal, &Stream::Alarm);
    assert!(left.len() < 50 && left.contains_key(&1) && left.contains_key(&50), "{}", left.len());
    assert_eq!(journal.append(&[draft(&Stream::Alarm, 0)]).wait().unwrap()[0].sequence, 51);
}

#[test]
fn without_head_file_the_log_is_believed_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, said, alarmed) = reopened(dir.path(), |dir| fs::remove_file(dir.join("head")).unwrap());
    assert!(alarmed && said.contains("head file is missing"), "{said}");
    assert_eq!(proven(&journal, &Stream::Alarm), 50);
}

#[test]
fn with_log_and_head_file_gone_a_new_epoch_begins_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let (journal, _) = open(dir.path());
        let epoch = journal.epoch();
        journal.close_blocking();
        epoch
    };
    let (journal, said, alarmed) = reopened(dir.path(), |dir| {
        fs::remove_file(dir.join("head")).unwrap();
        fs::remove_dir_all(dir.join("log")).unwrap();
    });
    assert!(alarmed && said.contains("a new epoch"), "{said}");
    assert_ne!(journal.epoch(), before);
    fill(&journal, 4);
    assert_eq!(proven(&journal, &Stream::Alarm), 1);
}

#[test]
fn the_journal_can_be_proved_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 100);
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.streams["alarm"].records, 25);
}

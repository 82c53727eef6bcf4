//! The journal as its callers see it: append, read, close, open again, and what opening says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use portside::journal::{
    AppendError, Draft, Finding, Gravity, Identity, Journal, NO_HASH, OpenError, Options, Record, Stream, hash,
};
use serde_json::json;

fn identity() -> Identity {
    Identity { port: "CNTYN".to_owned(), lane: "G03".to_owned() }
}

fn draft(stream: &Stream, number: u64) -> Draft {
    let time = Timestamp::from_millisecond(1_795_248_930_123).unwrap();
    let subject = format!("inspection-{}", number % 5);
    Draft::new(stream.clone(), "inspection.noted", &subject, time, json!({ "number": number }))
}

fn open(dir: &Path) -> (Journal, Vec<Finding>) {
    Journal::open(dir, &identity(), small()).unwrap()
}

fn small() -> Options {
    Options { segment_size: 16 * 1024, record_limit: 4096 }
}

fn streams() -> Vec<Stream> {
    vec![Stream::Alarm, Stream::Inspection, Stream::Telemetry, Stream::agency("customs").unwrap()]
}

/// Appends `count` records over all streams, one at a time, and returns the last sequences.
fn fill(journal: &Journal, count: u64) -> BTreeMap<Stream, u64> {
    let streams = streams();
    let mut last = BTreeMap::new();
    for number in 0..count {
        let stream = &streams[number as usize % streams.len()];
        let positions = journal.append(&[draft(stream, number)]).wait().unwrap();
        last.insert(stream.clone(), positions[0].sequence);
    }
    last
}

/// Reads a stream as the centre would: contiguous from 1, each `prev` the hash of the bytes before. Returns its length.
fn proven(journal: &Journal, stream: &Stream) -> u64 {
    let (mut prev, mut next) = (NO_HASH, 1);
    loop {
        let batch = journal.reader().read_blocking(stream, next, 7, 1 << 20).unwrap();
        if batch.is_empty() {
            return next - 1;
        }
        for stored in batch {
            let record = Record::parse(&stored.bytes).unwrap();
            assert_eq!((record.sequence, record.prev, &record.stream), (next, prev, stream));
            (prev, next) = (hash(&stored.bytes), next + 1);
        }
    }
}

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
        let (again, findings) = open(dir.path());
        assert_eq!((findings, again.epoch()), (vec![], epoch));
        last = fill(&again, 40);
        journal = again;
    }
    assert!(fs::read_dir(dir.path().join("log")).unwrap().count() > 4, "the log must have rotated");
}

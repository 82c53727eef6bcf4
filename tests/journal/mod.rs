//! A journal to try things on, and a reader as strict as the centre.

#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use portside::journal::{Draft, Finding, Identity, Journal, NO_HASH, Options, Record, Stream, hash};
use serde_json::json;

pub(crate) fn identity() -> Identity {
    Identity { port: "CNTYN".to_owned(), lane: "G03".to_owned() }
}

/// Segments so small that every test crosses some.
pub(crate) fn small() -> Options {
    Options { segment_size: 16 * 1024, record_limit: 4096 }
}

pub(crate) fn open(dir: &Path) -> (Journal, Vec<Finding>) {
    Journal::open(dir, &identity(), small()).unwrap()
}

pub(crate) fn streams() -> Vec<Stream> {
    vec![Stream::Alarm, Stream::Inspection, Stream::Telemetry, Stream::agency("customs").unwrap()]
}

pub(crate) fn draft(stream: &Stream, number: u64) -> Draft {
    let time = Timestamp::from_millisecond(1_795_248_930_123).unwrap();
    let subject = format!("inspection-{}", number % 5);
    Draft::new(stream.clone(), "inspection.noted", &subject, time, json!({ "number": number }))
}

/// Appends `count` records over all streams, one at a time, and returns the last sequences.
pub(crate) fn fill(journal: &Journal, count: u64) -> BTreeMap<Stream, u64> {
    let streams = streams();
    let mut last = BTreeMap::new();
    for number in 0..count {
        let stream = &streams[number as usize % streams.len()];
        let positions = journal.append(&[draft(stream, number)]).wait().unwrap();
        last.insert(stream.clone(), positions[0].sequence);
    }
    last
}

/// Everything of a stream that can be read, gaps or not.
pub(crate) fn served(journal: &Journal, stream: &Stream) -> BTreeMap<u64, Vec<u8>> {
    let (mut found, mut next) = (BTreeMap::new(), 1);
    loop {
        let batch = journal.reader().read_blocking(stream, next, 7, 1 << 20).unwrap();
        let Some(last) = batch.last() else { break };
        next = last.sequence + 1;
        for stored in batch {
            let before = found.insert(stored.sequence, stored.bytes.to_vec());
            assert_eq!(before, None);
        }
    }
    found
}

/// Reads a stream as the centre would: contiguous from 1, each `prev` the hash of the bytes before. Returns its length.
pub(crate) fn proven(journal: &Journal, stream: &Stream) -> u64 {
    let (mut prev, mut next) = (NO_HASH, 1);
    for (sequence, bytes) in served(journal, stream) {
        let record = Record::parse(&bytes).unwrap();
        assert_eq!((sequence, record.sequence, record.prev, &record.stream), (next, next, prev, stream));
        (prev, next) = (hash(&bytes), next + 1);
    }
    next - 1
}

/// Every file below `dir` with its bytes.
pub(crate) fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

/// Findings as text, for messages and searches.
pub(crate) fn texts(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{:?}: {finding}\n", finding.gravity)).collect()
}

//! The proof of a journal: every frame, every record, every chain, the head file and every evidence file that a record
//! names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::evidence::{EvidenceError, EvidenceFiles};
use super::frame::{FrameHeader, Spot};
use super::head::{Found, Head};
use super::identity::{LaneFile, OpenError};
use super::offline::Offline;
use super::record::{Hash, NO_HASH, Record, hash};
use super::scan::Item;

/// Keys under which records name evidence files.
const EVIDENCE: [&str; 2] = ["sha256", "sidecar"];

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stream, where it is known.
    pub stream: Option<String>,
    /// The record's sequence, where it is known.
    pub sequence: Option<u64>,
    /// The file, inside the journal's directory.
    pub file: String,
    /// Bytes from the file's start.
    pub offset: u32,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.offset)?;
        if let Some(stream) = &self.stream {
            write!(f, "{stream} ")?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, "{sequence}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// What was found of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Records that can be read.
    pub records: u64,
    /// Sequence of the last one.
    pub newest: u64,
    /// Lower-case hex SHA-256 of the last one: what the centre's copy must end with.
    pub hash: String,
}

/// What a journal proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Port id.
    pub port: String,
    /// Lane id.
    pub lane: String,
    /// Epoch.
    pub epoch: Uuid,
    /// By stream.
    pub streams: BTreeMap<String, StreamReport>,
    /// Evidence files that are named by a record and have their hash.
    pub evidence: u64,
    /// Expected after a power cut or beside a running daemon; nothing is wrong.
    pub notes: Vec<String>,
    /// Empty when the journal is whole.
    pub problems: Vec<Problem>,
}

impl Report {
    /// True when nothing is missing, altered or out of place.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Proves the journal in `dir`, without touching it. A running daemon may have it open.
pub fn verify(dir: &Path) -> Result<Report, OpenError> {
    let journal = Offline::open(dir)?;
    let mut proof = Proof::new(&journal.lane);
    let tail = journal.walk(&mut |item| proof.take(item))?;
    let closed = proof.head(&journal.head, tail.end);
    if let Some(torn) = tail.torn {
        match closed {
            true => proof.at(&torn.file, torn.offset, "bytes after the end of a journal that was closed in order"),
            false => proof.report.notes.push(torn.to_string()),
        }
    }
    proof.evidence(dir)?;
    Ok(proof.finish())
}

struct Proof<'a> {
    lane: &'a LaneFile,
    tips: BTreeMap<String, (u64, Hash, u64)>,
    /// Hashes at the sequences that the head file names, to compare with it.
    hashes: BTreeMap<(String, u64), Hash>,
    named: BTreeMap<String, Named>,
    report: Report,
}

/// Who names an evidence file first.
struct Named {
    stream: String,
    sequence: u64,
    at: Spot,
}

impl<'a> Proof<'a> {
    fn new(lane: &'a LaneFile) -> Self {
        let report = Report {
            port: lane.port.clone(),
            lane: lane.lane.clone(),
            epoch: lane.epoch,
            streams: BTreeMap::new(),
            evidence: 0,
            notes: Vec::new(),
            problems: Vec::new(),
        };
        Self { lane, tips: BTreeMap::new(), hashes: BTreeMap::new(), named: BTreeMap::new(), report }
    }

    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Frame { at, header, record } => self.frame(at, header, record),
            Item::Damage(damage) => {
                self.at(&damage.file, damage.offset, &format!("{} ({} bytes)", damage.what, damage.length))
            }
        }
    }

    fn at(&mut self, file: &str, offset: u32, what: &str) {
        let problem = Problem { stream: None, sequence: None, file: file.to_owned(), offset, what: what.to_owned() };
        self.report.problems.push(problem);
    }

    fn of(&mut self, stream: &str, sequence: u64, at: Spot, what: String) {
        let problem = Problem {
            stream: Some(stream.to_owned()),
            sequence: Some(sequence),
            file: file(at),
            offset: at.offset(),
            what,
        };
        self.report.problems.push(problem);
    }

    fn frame(&mut self, at: Spot, header: FrameHeader, bytes: &[u8]) {
        let record = match Record::parse(bytes) {
            Ok(record) => record,
            Err(error) => return self.at(&file(at), at.offset(), &error.to_string()),
        };
        let stream = record.stream.to_string();
        let source = format!("/{}/{}/{stream}", self.lane.port, self.lane.lane);
        if record.source != source || record.epoch != self.lane.epoch {
            self.of(&stream, record.sequence, at, format!("it belongs to {} {}", record.source, record.epoch));
        }
        if (header.sequence, header.tag) != (record.sequence, record.stream.tag()) {
            self.of(&stream, record.sequence, at, "the frame around it is another record's".to_owned());
        }
        self.chain(&stream, at, &record, hash(bytes));
        if let Some(data) = record.data.filter(|data| EVIDENCE.iter().any(|key| data.get().contains(key))) {
            self.names(&stream, record.sequence, at, &serde_json::from_str(data.get()).unwrap_or(Value::Null));
        }
    }

    fn chain(&mut self, stream: &str, at: Spot, record: &Record<'_>, hash: Hash) {
        let (last, prev, count) = self.tips.get(stream).copied().unwrap_or((0, NO_HASH, 0));
        let sequence = record.sequence;
        if sequence <= last {
            self.of(stream, sequence, at, format!("it stands after record {last}"));
        } else if sequence > last + 1 {
            self.of(stream, sequence, at, format!("records {} to {} before it are missing", last + 1, sequence - 1));
        } else if record.prev != prev {
            self.of(
                stream,
                sequence,
                at,
                format!("`prev` is not the hash of record {last}: one of the two was altered"),
            );
        }
        self.tips.insert(stream.to_owned(), (last.max(sequence), hash, count + 1));
        self.hashes.insert((stream.to_owned(), sequence), hash);
    }

    /// Remembers every evidence file that `data` names, however deep.
    fn names(&mut self, stream: &str, sequence: u64, at: Spot, data: &Value) {
        match data {
            Value::Object(fields) => {
                for key in EVIDENCE {
                    if let Some(Value::String(sha256)) = fields.get(key) {
                        let named = Named { stream: stream.to_owned(), sequence, at };
                        self.named.entry(sha256.clone()).or_insert(named);
                    }
                }
                fields.values().for_each(|value| self.names(stream, sequence, at, value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.names(stream, sequence, at, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Compares with the head file; true when that says the journal was closed in order.
    fn head(&mut self, found: &Found, end: Spot) -> bool {
        match found {
            Found::Head { head, one_damaged, .. } => {
                if *one_damaged {
                    self.report.notes.push("one half of the head file cannot be read; the other is whole".to_owned());
                }
                self.compare(head, end);
                head.closed && head.durable == end
            }
            Found::Missing | Found::Unreadable => {
                self.at("head", 0, "it is missing or cannot be read, so that records may be missing at the log's end");
                false
            }
        }
    }

    fn compare(&mut self, head: &Head, end: Spot) {
        if head.epoch != self.lane.epoch {
            return self.at("head", 0, &format!("it belongs to another journal, epoch {}", head.epoch));
        }
        for (stream, tip) in head.tips.iter().filter(|(_, tip)| tip.sequence > 0) {
            let name = stream.to_string();
            let last = self.tips.get(&name).map_or(0, |(last, _, _)| *last);
            if last < tip.sequence {
                self.of(
                    &name,
                    tip.sequence,
                    end,
                    format!("records {} to {} are missing at the end", last + 1, tip.sequence),
                );
            } else if self.hashes.get(&(name.clone(), tip.sequence)).is_some_and(|hash| *hash != tip.hash) {
                self.of(&name, tip.sequence, end, "it is not the record that the head file knows".to_owned());
            }
        }
    }

    fn evidence(&mut self, dir: &Path) -> Result<(), OpenError> {
        let files = EvidenceFiles::read_only(dir);
        let named = std::mem::take(&mut self.named);
        for (sha256, by) in &named {
            match files.check(sha256) {
                Ok(_) => self.report.evidence += 1,
                Err(error @ (EvidenceError::Missing { .. } | EvidenceError::Altered { .. })) => {
                    self.of(&by.stream, by.sequence, by.at, error.to_string());
                }
                Err(error @ (EvidenceError::NotAHash(_) | EvidenceError::Io { .. })) => {
                    self.of(&by.stream, by.sequence, by.at, format!("its evidence cannot be read: {error}"));
                }
            }
        }
        let there: BTreeSet<String> = files.list().unwrap_or_default().into_iter().collect();
        for orphan in there.into_iter().filter(|sha256| !named.contains_key(sha256)) {
            self.report.notes.push(format!("evidence that no record names: {orphan}"));
        }
        Ok(())
    }

    fn finish(mut self) -> Report {
        for (stream, (newest, hash, records)) in self.tips {
            self.report.streams.insert(stream, StreamReport { records, newest, hash: hex::encode(hash) });
        }
        self.report
    }
}

fn file(at: Spot) -> String {
    format!("log/{:08}.log", at.segment())
}

//! Answers to calls that only read the journal: they never disturb the lane.

use std::path::Path;

use jiff::Timestamp;

use super::call::{Call, Reply};
use crate::journal::{Journal, Reader, Record, Stored, Stream, verify};

/// Records in one answer at most; whoever wants more asks on from the last one.
const RECORDS_MAX: usize = 10_000;
/// Bytes in one answer at most.
const BYTES_MAX: usize = 16 << 20;
/// Inspections that are looked through for one whose id begins as asked.
const INSPECTIONS_MAX: usize = 10_000;

/// Answers `call`; the store lies in `dir`.
pub async fn answer(call: Call, journal: &Journal, dir: &Path) -> Reply {
    let reader = journal.reader();
    let answered = match call {
        Call::Records { stream, from, limit } => records(&reader, &stream, from, limit).await,
        Call::Inspection { inspection } => one_inspection(&reader, &inspection).await,
        Call::Recent { stream, limit } => recent(journal, &reader, stream.as_deref(), limit).await,
        Call::Verify => verified(dir).await,
        Call::Act { .. } | Call::Status | Call::Points { .. } | Call::WritePoint { .. } | Call::User { .. } => {
            Err("this call is for the lane".to_owned())
        }
    };
    answered.unwrap_or_else(|message| Reply::Failed { message })
}

async fn records(reader: &Reader, stream: &str, from: u64, limit: usize) -> Result<Reply, String> {
    let stream: Stream = stream.parse().map_err(|error| format!("{error}"))?;
    let found =
        reader.read(stream, from, limit.min(RECORDS_MAX), BYTES_MAX).await.map_err(|error| error.to_string())?;
    texts(found.into_iter().map(|stored| stored.bytes))
}

async fn one_inspection(reader: &Reader, begins: &str) -> Result<Reply, String> {
    let mut known = reader.inspections(INSPECTIONS_MAX).await.map_err(|error| error.to_string())?;
    known.retain(|id| id.starts_with(begins));
    let id = match known.as_slice() {
        [one] => one.clone(),
        [] => return Err(format!("no inspection begins with `{begins}`; `portside journal list` names them")),
        many => return Err(format!("{} inspections begin with `{begins}`; write more of the id", many.len())),
    };
    let found = reader.inspection(id).await.map_err(|error| error.to_string())?;
    texts(found.into_iter().map(|stored| stored.bytes))
}

/// The newest records of each stream, all streams together in the order of their times.
async fn recent(journal: &Journal, reader: &Reader, only: Option<&str>, limit: usize) -> Result<Reply, String> {
    let limit = limit.min(RECORDS_MAX);
    let heads = journal.heads().borrow().clone();
    let mut found = Vec::new();
    let only: Option<Stream> = only.map(str::parse).transpose().map_err(|error| format!("{error}"))?;
    for (stream, newest) in heads.streams {
        if only.as_ref().is_some_and(|only| *only != stream) {
            continue;
        }
        let from = newest.saturating_sub(limit as u64) + 1;
        let stored = reader.read(stream, from, limit, BYTES_MAX).await.map_err(|error| error.to_string())?;
        found.extend(stored);
    }
    found.sort_by_cached_key(place);
    let skip = found.len().saturating_sub(limit);
    texts(found.into_iter().skip(skip).map(|stored| stored.bytes))
}

/// By time, and records of one moment by stream and sequence. What cannot be read stands first.
fn place(stored: &Stored) -> (Option<Timestamp>, Stream, u64) {
    let time = Record::parse(&stored.bytes).ok().map(|record| record.time);
    (time, stored.stream.clone(), stored.sequence)
}

fn texts<B: AsRef<[u8]>>(records: impl Iterator<Item = B>) -> Result<Reply, String> {
    let texts = records.map(|bytes| String::from_utf8(bytes.as_ref().to_vec()));
    let records = texts.collect::<Result<Vec<_>, _>>().map_err(|_| "a record is not text".to_owned())?;
    Ok(Reply::Records { records })
}

async fn verified(dir: &Path) -> Result<Reply, String> {
    let dir = dir.to_owned();
    let report = tokio::task::spawn_blocking(move || verify(&dir)).await.map_err(|panic| panic.to_string())?;
    let report = report.map_err(|error| error.to_string())?;
    Ok(Reply::Verified { report: Box::new(report) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Draft, Identity, Options};

    #[tokio::test]
    async fn the_newest_records_stand_in_the_order_of_time_and_not_of_its_letters() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".into(), lane: "G03".into() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let draft = |stream, kind: &str, time: &str| {
            Draft::new(stream, kind, "arm", time.parse().unwrap(), serde_json::json!({}))
        };
        let drafts = [
            draft(Stream::Alarm, "alarm.third", "2026-01-01T00:00:00.932Z"),
            draft(Stream::Device, "device.first", "2026-01-01T00:00:00.93Z"),
            draft(Stream::Device, "device.second", "2026-01-01T00:00:00.93Z"),
        ];
        journal.append(&drafts).await.unwrap();
        let Reply::Records { records } = recent(&journal, &journal.reader(), None, 9).await.unwrap() else {
            panic!("no records")
        };
        let kinds: Vec<_> = records.iter().map(|text| Record::parse(text.as_bytes()).unwrap().kind).collect();
        assert_eq!(kinds, ["device.first", "device.second", "alarm.third"]);
        journal.close().await;
    }
}

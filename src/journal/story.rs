//! Records as people read them: one line each, and the story of one inspection.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::gist::gist;
use super::reader::Stored;
use super::record::{Record, hash};

/// How much of each record a story tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// When, what, who, and the outcome with its reason.
    Brief,
    /// Every field of every record, with its place and hash.
    Why,
}

/// One record on one line: stream, sequence, time, what, whose, and what matters of its data.
pub fn line(stored: &Stored) -> String {
    match Record::parse(&stored.bytes) {
        Ok(record) => format!(
            "{:<12} {:>8}  {}  {:<28} {}  {}",
            stored.stream.to_string(),
            stored.sequence,
            day_and_time(record.time),
            record.kind,
            record.subject,
            gist(&record.kind, &record.value())
        ),
        Err(error) => format!("{:<12} {:>8}  {error}", stored.stream.to_string(), stored.sequence),
    }
}

/// The story of one inspection, from its records in order.
pub fn story(inspection: &str, records: &[Stored], detail: Detail) -> String {
    let parsed: Vec<_> =
        records.iter().filter_map(|stored| Some((stored, Record::parse(&stored.bytes).ok()?))).collect();
    let Some((_, first)) = parsed.first() else {
        return format!("inspection {inspection}: no record of it\n");
    };
    let lane = first.source.rsplit_once('/').map_or("", |(lane, _)| lane);
    let mut told = format!("inspection {inspection}   lane {lane}   {} UTC\n", day_and_time(first.time));
    for (stored, record) in &parsed {
        let after = record.time.duration_since(first.time).as_millis();
        let value = record.value();
        // Writing to a String cannot fail.
        let _ = writeln!(
            told,
            "  {}  {:>+9.3} s  {:<26} {}",
            time_of_day(record.time),
            after as f64 / 1000.0,
            words(&record.kind),
            gist(&record.kind, &value)
        );
        if detail == Detail::Why {
            let digest = hex::encode(hash(&stored.bytes));
            let _ = writeln!(told, "      {} {}  sha256 {digest}", stored.stream, stored.sequence);
            fields(&mut told, "", &value);
        }
    }
    told
}

fn day_and_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

fn time_of_day(time: Timestamp) -> String {
    time.strftime("%H:%M:%S%.3f").to_string()
}

/// `inspection.hold_placed` as `hold placed`: the noun is known where a story is told.
fn words(kind: &str) -> String {
    kind.strip_prefix("inspection.").unwrap_or(kind).replace(['.', '_'], " ")
}

/// Every leaf of `data` on a line of its own, with its path.
fn fields(told: &mut String, path: &str, data: &Value) {
    match data {
        Value::Object(inner) => inner.iter().for_each(|(key, value)| fields(told, &join(path, key), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| fields(told, &join(path, &at.to_string()), value));
        }
        // Serialised, a text has its control characters escaped.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(told, "      {path}: {data}");
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::record::{NO_HASH, Origin, Prepared};
    use super::super::{Draft, Stream};
    use super::*;

    fn stored(sequence: u64, kind: &str, milliseconds: i64, data: Value) -> Stored {
        let time = Timestamp::from_millisecond(1_795_248_930_123 + milliseconds).unwrap();
        let draft = Draft::new(Stream::Inspection, kind, "i1", time, data);
        let origin = Origin { port: "CNTYN".to_owned(), lane: "G03".to_owned(), epoch: uuid::Uuid::from_u128(7) };
        let mut bytes = Vec::new();
        Prepared::new(&draft, 4096).unwrap().write(&origin, sequence, &NO_HASH, &mut bytes);
        Stored { stream: Stream::Inspection, sequence, bytes: bytes.into() }
    }

    #[test]
    fn a_story_says_when_what_who_and_why() {
        let officer = json!({ "agency": "customs", "name": "李" });
        let records = [
            stored(1, "inspection.opened", 0, json!({ "reason": "approach" })),
            stored(2, "inspection.hold_placed", 12_345, json!({ "officer": officer, "reason": "seal broken" })),
        ];
        assert_eq!(
            story("i1", &records, Detail::Brief),
            "inspection i1   lane /CNTYN/G03   2026-11-21 08:15:30.123 UTC\n  \
             08:15:30.123     +0.000 s  opened                     reason approach\n  \
             08:15:42.468    +12.345 s  hold placed                officer 李 (customs), reason seal broken\n"
        );
        let why = story("i1", &records, Detail::Why);
        assert!(why.contains("      officer.agency: \"customs\"\n"), "{why}");
    }

    #[test]
    fn typed_text_cannot_break_a_line_or_drive_the_terminal() {
        let records = [stored(1, "inspection.opened", 0, json!({ "reason": "a\n\u{1b}[2Jb" }))];
        for told in [story("i1", &records, Detail::Why), line(&records[0])] {
            assert!(!told.contains('\u{1b}') && !told.contains("\n\u{1b}"), "{told:?}");
        }
        assert_eq!(story("i1", &records, Detail::Brief).lines().count(), 2);
    }
}

//! The bytes of a record: CloudEvents 1.0 in structured JSON, in one fixed key order, chained by SHA-256.
//!
//! These bytes are the evidence. They are made once, stored as they are, sent as they are, and hashed as they are;
//! nothing ever formats a record a second time.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::stream::Stream;
use crate::clock::rfc3339_millis;

/// SHA-256 of a record's exact bytes.
pub type Hash = [u8; 32];

/// `prev` of the first record of a stream.
pub const NO_HASH: Hash = [0; 32];

/// What the caller wants kept; the journal adds sequence, epoch and chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Where it goes.
    pub stream: Stream,
    /// `{noun}.{what happened}`, e.g. `inspection.released`; the record's `type` is `portside.` and this.
    pub kind: String,
    /// Inspection or device id.
    pub subject: String,
    /// Lane time.
    pub time: Timestamp,
    /// URI of the schema of `data`, when there is one.
    pub schema: Option<String>,
    /// The record's `data`.
    pub data: Value,
}

impl Draft {
    /// A draft without a schema.
    pub fn new(stream: Stream, kind: &str, subject: &str, time: Timestamp, data: Value) -> Self {
        Self { stream, kind: kind.to_owned(), subject: subject.to_owned(), time, schema: None, data }
    }
}

/// Why a draft cannot become a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// `kind` is not `noun.what_happened`.
    Kind(String),
    /// `subject` is empty.
    NoSubject,
    /// The record would be larger than the journal takes.
    TooLarge {
        /// The draft's kind.
        kind: String,
        /// Bytes it would have, at most.
        size: usize,
        /// Bytes a record may have.
        limit: usize,
    },
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(
                f,
                "record kind `{kind}` is not of the form noun.what_happened in a-z, 0-9, `_`, `-`, without `portside.`"
            ),
            Self::NoSubject => f.write_str("the record has no subject: expected an inspection or device id"),
            Self::TooLarge { kind, size, limit } => write!(
                f,
                "a `{kind}` record of {size} bytes is larger than the {limit} bytes the journal takes: put the bulk \
                 into an evidence file and name its hash"
            ),
        }
    }
}

impl std::error::Error for DraftError {}

/// Whose records these are; the same for every record of one journal.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) port: String,
    pub(super) lane: String,
    pub(super) epoch: Uuid,
}

/// A draft with everything escaped and checked on the caller's thread, so that the storage thread only pastes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) stream: Stream,
    /// From `"type":` to `"time":"…",`.
    front: String,
    /// From `"datacontenttype":` to the closing brace.
    back: String,
}

/// Bytes of a record beside the draft's own: names, ids, sequence, hash, and three times the longest stream name.
const FRAME_OF_RECORD: usize = 900;

impl Prepared {
    pub(super) fn new(draft: &Draft, limit: usize) -> Result<Self, DraftError> {
        if !is_kind(&draft.kind) {
            return Err(DraftError::Kind(draft.kind.clone()));
        }
        if draft.subject.is_empty() {
            return Err(DraftError::NoSubject);
        }
        let front = format!(
            r#""type":"portside.{}","subject":{},"time":"{}","#,
            draft.kind,
            quoted(&draft.subject),
            rfc3339_millis(draft.time)
        );
        let schema = draft.schema.as_ref().map_or_else(String::new, |uri| format!(r#""dataschema":{},"#, quoted(uri)));
        let back = format!(r#""datacontenttype":"application/json",{schema}"data":{}}}"#, draft.data);
        let size = front.len() + back.len() + FRAME_OF_RECORD;
        if size > limit {
            return Err(DraftError::TooLarge { kind: draft.kind.clone(), size, limit });
        }
        Ok(Self { stream: draft.stream.clone(), front, back })
    }

    /// Bytes this record will have, at most.
    pub(super) fn size(&self) -> usize {
        self.front.len() + self.back.len() + FRAME_OF_RECORD
    }

    /// Writes the record's exact bytes to the end of `out`.
    pub(super) fn write(&self, origin: &Origin, sequence: u64, prev: &Hash, out: &mut Vec<u8>) {
        let Origin { port, lane, epoch } = origin;
        let stream = &self.stream;
        let prev = hex::encode(prev);
        // Writing to a Vec cannot fail.
        let _ = write!(
            out,
            concat!(
                r#"{{"specversion":"1.0","id":"{epoch}.{stream}.{sequence:020}","source":"/{port}/{lane}/{stream}","#,
                r#"{front}"sequence":"{sequence:020}","stream":"{stream}","epoch":"{epoch}","prev":"{prev}",{back}"#
            ),
            epoch = epoch,
            stream = stream,
            sequence = sequence,
            port = port,
            lane = lane,
            front = self.front,
            prev = prev,
            back = self.back,
        );
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn is_kind(kind: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
    };
    kind.contains('.') && !kind.starts_with("portside.") && kind.len() <= 128 && kind.split('.').all(word)
}

/// SHA-256 of `bytes`.
pub fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// A record read from its bytes, every field checked against the form of the contract.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Dedup key: `{epoch}.{stream}.{sequence}`.
    pub id: Cow<'a, str>,
    /// `/{port}/{lane}/{stream}`.
    pub source: Cow<'a, str>,
    /// `{noun}.{what happened}`, without `portside.`.
    pub kind: String,
    /// Inspection or device id.
    pub subject: Cow<'a, str>,
    /// Lane time.
    pub time: Timestamp,
    /// Place in its stream and epoch, from 1.
    pub sequence: u64,
    /// Stream.
    pub stream: Stream,
    /// The journal it belongs to.
    pub epoch: Uuid,
    /// Hash of the record before it in its stream.
    pub prev: Hash,
    /// The record's `data`; `None` when it is sealed (`data_base64`).
    pub data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Form<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    epoch: Cow<'a, str>,
    #[serde(borrow)]
    prev: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    data_base64: Option<Cow<'a, str>>,
}

/// Why bytes are no record: one sentence that names the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARecord(String);

impl fmt::Display for NotARecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotARecord {}

impl<'a> Record<'a> {
    /// Reads a record. Never panics, whatever the bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotARecord> {
        let form: Form<'a> =
            serde_json::from_slice(bytes).map_err(|error| NotARecord(format!("not a record in JSON: {error}")))?;
        if form.specversion != "1.0" {
            return Err(wrong("specversion", &form.specversion, "`1.0`"));
        }
        if form.data.is_some() == form.data_base64.is_some() {
            return Err(NotARecord("a record has either `data` or `data_base64`".to_owned()));
        }
        let stream: Stream = form.stream.parse().map_err(|error| NotARecord(format!("stream: {error}")))?;
        let epoch = Uuid::parse_str(&form.epoch).map_err(|_| wrong("epoch", &form.epoch, "a UUID"))?;
        let record = Self {
            sequence: sequence(&form.sequence)?,
            prev: prev(&form.prev)?,
            kind: kind(&form.kind)?,
            time: form.time.parse().map_err(|_| wrong("time", &form.time, "UTC such as 2026-11-21T08:15:30.123Z"))?,
            stream,
            epoch,
            id: form.id,
            source: form.source,
            subject: form.subject,
            data: form.data,
        };
        record.agrees_with_itself()?;
        Ok(record)
    }

    fn agrees_with_itself(&self) -> Result<(), NotARecord> {
        let id = format!("{}.{}.{:020}", self.epoch, self.stream, self.sequence);
        if self.id != id {
            return Err(wrong("id", &self.id, &format!("`{id}`, made of epoch, stream and sequence")));
        }
        match self.source.strip_prefix('/').map(|source| source.split('/').collect::<Vec<_>>()).as_deref() {
            Some([_, _, stream]) if *stream == self.stream.to_string() => Ok(()),
            Some(_) | None => Err(wrong("source", &self.source, &format!("`/port/lane/{}`", self.stream))),
        }
    }

    /// The inspection that the record's `data` names, for records whose subject is something else.
    pub fn inspection(&self) -> Option<Cow<'a, str>> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            inspection: Option<Cow<'a, str>>,
        }
        serde_json::from_str::<Named<'a>>(self.data?.get()).ok()?.inspection
    }

    /// `data` as a value; `Null` when it is sealed.
    pub fn value(&self) -> Value {
        self.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or(Value::Null)
    }
}

fn wrong(field: &str, found: &str, expected: &str) -> NotARecord {
    NotARecord(format!("{field} is `{found}`: expected {expected}"))
}

fn sequence(text: &str) -> Result<u64, NotARecord> {
    let digits = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number > 0 => Ok(number),
        Ok(_) | Err(_) => Err(wrong("sequence", text, "20 digits, from 1")),
    }
}

fn prev(text: &str) -> Result<Hash, NotARecord> {
    let mut hash = NO_HASH;
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut hash) {
        Ok(()) if lower => Ok(hash),
        Ok(()) | Err(_) => Err(wrong("prev", text, "64 lower-case hex digits")),
    }
}

fn kind(text: &str) -> Result<String, NotARecord> {
    match text.strip_prefix("portside.") {
        Some(kind) if is_kind(kind) => Ok(kind.to_owned()),
        Some(_) | None => Err(wrong("type", text, "`portside.noun.what_happened`")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn origin() -> Origin {
        Origin {
            port: "CNTYN".to_owned(),
            lane: "G03".to_owned(),
            epoch: "0198c2a4-7b1c-7def-8123-456789abcdef".parse().unwrap(),
        }
    }

    fn written(draft: &Draft, sequence: u64, prev: &Hash) -> Vec<u8> {
        let mut out = Vec::new();
        Prepared::new(draft, 4096).unwrap().write(&origin(), sequence, prev, &mut out);
        out
    }

    fn draft() -> Draft {
        let time = Timestamp::from_millisecond(1_795_248_930_123).unwrap();
        let data = json!({"release": {"mode": "inspected"}, "plate": "粤B12345", "note": "a\"b"});
        Draft::new(Stream::Inspection, "inspection.released", "0198c2b0-0000-7000-8000-000000000001", time, data)
    }

    /// If this fails, do not change the test: the centre and every verifier hold on to these bytes.
    #[test]
    fn record_bytes_are_pinned() {
        let first = written(&draft(), 1, &NO_HASH);
        assert_eq!(
            String::from_utf8(first.clone()).unwrap(),
            concat!(
                r#"{"specversion":"1.0","id":"0198c2a4-7b1c-7def-8123-456789abcdef.inspection.00000000000000000001","#,
                r#""source":"/CNTYN/G03/inspection","type":"portside.inspection.released","#,
                r#""subject":"0198c2b0-0000-7000-8000-000000000001","time":"2026-11-21T08:15:30.123Z","#,
                r#""sequence":"00000000000000000001","stream":"inspection","#,
                r#""epoch":"0198c2a4-7b1c-7def-8123-456789abcdef","#,
                r#""prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
                r#""datacontenttype":"application/json","#,
                r#""data":{"note":"a\"b","plate":"粤B12345","release":{"mode":"inspected"}}}"#
            )
        );
        let mut second = draft();
        second.stream = Stream::agency("customs").unwrap();
        second.schema = Some("urn:portside:inspection.released:1".to_owned());
        second.data = json!({});
        assert_eq!(
            String::from_utf8(written(&second, 42, &hash(&first))).unwrap(),
            concat!(
                r#"{"specversion":"1.0","id":"0198c2a4-7b1c-7def-8123-456789abcdef.agency-customs.00000000000000000042","#,
                r#""source":"/CNTYN/G03/agency-customs","type":"portside.inspection.released","#,
                r#""subject":"0198c2b0-0000-7000-8000-000000000001","time":"2026-11-21T08:15:30.123Z","#,
                r#""sequence":"00000000000000000042","stream":"agency-customs","#,
                r#""epoch":"0198c2a4-7b1c-7def-8123-456789abcdef","#,
                r#""prev":"PREV","datacontenttype":"application/json","#,
                r#""dataschema":"urn:portside:inspection.released:1","data":{}}"#
            )
            .replace("PREV", PINNED_HASH)
        );
    }

    /// What `sha256sum` says of the first record's bytes.
    const PINNED_HASH: &str = "7c5fa2869eddf7b06a6413bdca91f6fcbdb62dbbba4d7148c9df8404eb784c23";

    #[test]
    fn a_record_reads_back_as_what_was_drafted() {
        let bytes = written(&draft(), 7, &[0xab; 32]);
        let record = Record::parse(&bytes).unwrap();
        assert_eq!((record.sequence, record.prev, &record.stream), (7, [0xab; 32], &Stream::Inspection));
        assert_eq!((record.kind.as_str(), &*record.subject), ("inspection.released", &*draft().subject));
        assert_eq!((record.time, record.value()), (draft().time, draft().data));
    }

    #[test]
    fn a_draft_that_cannot_be_a_record_is_refused_before_it_has_a_sequence() {
        let with = |change: fn(&mut Draft)| {
            let mut draft = draft();
            change(&mut draft);
            Prepared::new(&draft, 4096).unwrap_err()
        };
        assert_eq!(with(|d| d.kind = "portside.a.b".into()), DraftError::Kind("portside.a.b".into()));
        assert_eq!(with(|d| d.kind = "released".into()), DraftError::Kind("released".into()));
        assert_eq!(with(|d| d.kind = "a.\"".into()), DraftError::Kind("a.\"".into()));
        assert_eq!(with(|d| d.subject.clear()), DraftError::NoSubject);
        assert!(matches!(with(|d| d.data = json!("x".repeat(4096))), DraftError::TooLarge { limit: 4096, .. }));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let good = String::from_utf8(written(&draft(), 7, &NO_HASH)).unwrap();
        for (from, to, field) in [
            ("\"1.0\"", "\"1.1\"", "specversion"),
            ("00007\",\"stream", "0007\",\"stream", "sequence"),
            ("inspection.00000000000000000007", "inspection.00000000000000000008", "id"),
            ("/CNTYN/G03/inspection", "/CNTYN/G03/alarm", "source"),
            ("portside.inspection", "inspection", "type"),
            ("\"prev\":\"0", "\"prev\":\"G", "prev"),
            ("T08:15", "T28:15", "time"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{field}");
            let error = Record::parse(bad.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(field), "{field}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_subject_and_text_survives(subject in "\\PC{1,40}", text in "(?s).{0,60}") {
            let mut draft = draft();
            draft.subject = subject.clone();
            draft.data = json!({ "text": text, "inspection": "x" });
            let bytes = written(&draft, 1, &NO_HASH);
            prop_assert!(bytes.len() <= Prepared::new(&draft, 4096).unwrap().size());
            let record = Record::parse(&bytes).unwrap();
            prop_assert_eq!(&*record.subject, subject.as_str());
            prop_assert_eq!(record.value(), draft.data);
            let inspection = record.inspection();
            prop_assert_eq!(inspection.as_deref(), Some("x"));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::parse(&bytes);
        }

        #[test]
        fn a_damaged_record_never_panics(at in 0_usize..500, byte in any::<u8>()) {
            let mut bytes = written(&draft(), 7, &NO_HASH);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Record::parse(&bytes).map(|record| record.value());
        }
    }
}

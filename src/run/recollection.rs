//! What was going on when the last run ended, from the journal alone.

use std::sync::Arc;

use crate::journal::{Journal, Reader, Record, Seals, Stored, Stream};
use crate::lane::{Memory, Secret};

/// A start whose index was lost looks back this far in the log, about a second on an ordinary disk.
const LOOKED_BACK_MAX: usize = 1 << 30;

/// Records that tell of what was open.
pub(super) struct Recollection {
    /// The records of the `inspection` stream, oldest inspection first.
    pub(super) records: Vec<Found>,
    /// Everything that was asked for could be read.
    pub(super) whole: bool,
}

/// One record, with what was sealed in it.
pub(super) struct Found {
    pub(super) kind: String,
    pub(super) subject: String,
    data: serde_json::Value,
    secret: Option<Secret>,
}

impl Recollection {
    /// The records as the lane reads them.
    pub(super) fn memories(&self) -> impl Iterator<Item = Memory<'_>> {
        self.records.iter().map(|found| Memory {
            kind: &found.kind,
            subject: &found.subject,
            data: &found.data,
            secret: found.secret.clone(),
        })
    }
}

/// The records of the `most` youngest inspections.
pub(super) async fn recall(journal: &Journal, seals: &Seals, most: usize) -> Recollection {
    let reader = journal.reader();
    let young = if reader.is_behind().await { young_by_log(&reader, most).await } else { None };
    let (found, whole) = match young {
        Some(found) => (found, true),
        None => young_by_index(&reader, most).await,
    };
    let mut parsed = Vec::new();
    for bytes in &found {
        let Ok(record) = Record::parse(bytes) else { continue };
        if record.stream != Stream::Inspection {
            continue;
        }
        let data = record.value();
        let sealed = data.get("sealed").and_then(|sealed| sealed.as_str()).map(str::to_owned);
        let agency = data.get("agency").and_then(|agency| agency.as_str()).map(str::to_owned);
        let secret = match (sealed, agency) {
            (Some(sealed), Some(agency)) => seals.unseal(&record.subject, &agency, &sealed).ok(),
            _ => None,
        };
        let secret = secret.and_then(|plain: Vec<u8>| serde_json::from_slice(&plain).ok());
        parsed.push(Found { kind: record.kind.to_string(), subject: record.subject.to_string(), data, secret });
    }
    Recollection { records: parsed, whole }
}

/// Records of the youngest inspections, oldest inspection first, and whether all of them could be read.
async fn young_by_index(reader: &Reader, most: usize) -> (Vec<Arc<[u8]>>, bool) {
    let known = reader.inspections(most).await;
    let mut whole = known.is_ok();
    let mut ids = known.unwrap_or_default();
    ids.reverse();
    let mut found = Vec::new();
    for id in ids {
        match reader.inspection(id.clone()).await {
            Ok(stored) => found.extend(stored.into_iter().map(|stored| stored.bytes)),
            Err(error) => {
                whole = false;
                tracing::error!(inspection = id, %error, "an inspection cannot be read back");
            }
        }
    }
    (found, whole)
}

/// The same from the end of the log, while the index that was lost is being built: a lane that waits for it stands
/// still for seconds.
async fn young_by_log(reader: &Reader, most: usize) -> Option<Vec<Arc<[u8]>>> {
    let mut opened = 0;
    let enough = move |stored: &Stored| {
        let is_first = Record::parse(&stored.bytes).is_ok_and(|record| record.kind == "inspection.opened");
        opened += usize::from(is_first);
        opened == most
    };
    let found = reader.youngest(Stream::Inspection, LOOKED_BACK_MAX, enough).await;
    let found = found.inspect_err(|error| tracing::error!(%error, "the log cannot be read back")).ok()??;
    Some(found.into_iter().map(|stored| stored.bytes).collect())
}

/// A crash may come between the record that closes an inspection and the erasing of its key.
pub(super) fn erase_old_keys(seals: &Arc<Seals>, open: Vec<Arc<str>>) {
    let seals = seals.clone();
    tokio::task::spawn_blocking(move || {
        let held = seals.held().unwrap_or_default();
        for inspection in held.iter().filter(|held| !open.iter().any(|open| **open == ***held)) {
            if let Err(error) = seals.erase(inspection) {
                tracing::error!(inspection, %error, "the key of a closed inspection could not be erased");
            }
        }
    });
}

//! What was going on when the last run ended, from the journal alone.

use std::sync::Arc;

use crate::journal::{Journal, Reader, Record, Seals, Stored, Stream};
use crate::lane::{Memory, Recalled, recall};

/// Younger inspections than this many are looked through for one that was open.
const RECALLED_MAX: usize = 8;
/// A start whose index was lost looks back this far in the log, about a second on an ordinary disk.
const LOOKED_BACK_MAX: usize = 1 << 30;

/// The inspection that was open, and the records that tell of it.
pub(super) struct Recollection {
    pub(super) open: Recalled,
    /// Everything that was asked for could be read.
    pub(super) whole: bool,
    /// Kind and subject of the records that were looked through, oldest first.
    pub(super) records: Vec<(String, String)>,
}

/// The inspection that was open when the last run ended, from its own records.
pub(super) async fn recall(journal: &Journal, seals: &Seals, settings: &crate::lane::Settings) -> Recollection {
    let reader = journal.reader();
    let young = if reader.is_behind().await { young_by_log(&reader).await } else { None };
    let (found, whole) = match young {
        Some(found) => (found, true),
        None => young_by_index(&reader).await,
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
        parsed.push((record.kind.to_string(), record.subject.to_string(), data, secret));
    }
    let memories =
        parsed.iter().map(|(kind, subject, data, secret)| Memory { kind, subject, data, secret: secret.clone() });
    let open = recall::fold(settings, memories);
    let records = parsed.iter().map(|(kind, subject, ..)| (kind.clone(), subject.clone())).collect();
    Recollection { open, whole, records }
}

/// Records of the youngest inspections, oldest inspection first, and whether all of them could be read.
async fn young_by_index(reader: &Reader) -> (Vec<Arc<[u8]>>, bool) {
    let known = reader.inspections(RECALLED_MAX).await;
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
async fn young_by_log(reader: &Reader) -> Option<Vec<Arc<[u8]>>> {
    let mut opened = 0;
    let enough = move |stored: &Stored| {
        let is_first = Record::parse(&stored.bytes).is_ok_and(|record| record.kind == "inspection.opened");
        opened += usize::from(is_first);
        opened == RECALLED_MAX
    };
    let found = reader.youngest(Stream::Inspection, LOOKED_BACK_MAX, enough).await;
    let found = found.inspect_err(|error| tracing::error!(%error, "the log cannot be read back")).ok()??;
    Some(found.into_iter().map(|stored| stored.bytes).collect())
}

/// A crash may come between the record that closes an inspection and the erasing of its key.
pub(super) fn erase_old_keys(seals: &Arc<Seals>, open: Option<Arc<str>>) {
    let seals = seals.clone();
    tokio::task::spawn_blocking(move || {
        let held = seals.held().unwrap_or_default();
        for inspection in held.iter().filter(|held| open.as_deref() != Some(held.as_str())) {
            if let Err(error) = seals.erase(inspection) {
                tracing::error!(inspection, %error, "the key of a closed inspection could not be erased");
            }
        }
    });
}

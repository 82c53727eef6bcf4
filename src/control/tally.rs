//! The agreement of the desks over the runs of the daemon: kept from what is closed, begun from the journal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::journal::{Journal, Record, Stream};
use crate::lane::Note;
use crate::lane::agreement::{Agreement, AgreementView};

/// So far back in the journal's `inspection` stream a start looks: some five hundred inspections.
const RECORDS_MAX: u64 = 8_000;
/// Read at once.
const PAGE: usize = 500;
/// Bytes read at once.
const PAGE_BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
struct Kept {
    agreement: Agreement,
    /// What was shown of it last; `None` when it has changed since.
    view: Option<Arc<AgreementView>>,
}

/// The agreement of one station's desks.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Kept>>);

impl Tally {
    /// Begins with nothing and takes in what earlier runs closed while the lane goes on: no start waits for it.
    pub fn begin(journal: &Journal) -> Self {
        let tally = Self::default();
        let (filled, journal) = (tally.clone(), journal.clone());
        let newest = journal.heads().borrow().streams.get(&Stream::Inspection).copied().unwrap_or(0);
        tokio::spawn(async move {
            let earlier = closed(&journal, newest).await;
            let mut kept = filled.lock();
            kept.agreement.recall(&earlier);
            kept.view = None;
        });
        tally
    }

    /// A record is durable.
    pub(super) fn kept(&self, note: &Note) {
        if note.kind == "inspection.closed" {
            let mut kept = self.lock();
            kept.agreement.closed(&note.data);
            kept.view = None;
        }
    }

    /// The figures.
    pub fn view(&self) -> Arc<AgreementView> {
        let mut kept = self.lock();
        let view = kept.view.take().unwrap_or_else(|| Arc::new(kept.agreement.view()));
        kept.view = Some(Arc::clone(&view));
        view
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Data of the records that closed inspections, oldest first, up to the sequence `newest`.
async fn closed(journal: &Journal, newest: u64) -> Vec<serde_json::Value> {
    let reader = journal.reader();
    let mut closed = Vec::new();
    let mut from = newest.saturating_sub(RECORDS_MAX) + 1;
    while from <= newest {
        let page = match reader.read(Stream::Inspection, from, PAGE, PAGE_BYTES).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the agreement of the desks begins anew: the journal cannot be read back");
                break;
            }
        };
        let Some(last) = page.last().map(|stored| stored.sequence) else { break };
        let records = page.iter().filter(|stored| stored.sequence <= newest);
        let records = records.filter_map(|stored| Record::parse(&stored.bytes).ok());
        closed.extend(records.filter(|record| record.kind == "inspection.closed").map(|record| record.value()));
        from = last + 1;
    }
    closed
}

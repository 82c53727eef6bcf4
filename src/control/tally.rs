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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::journal::{Draft, Identity, Options};
    use crate::lane::Topic;

    fn verdicts(customs: &str, ciq: &str) -> Value {
        json!({ "outcome": "passed", "verdicts": [
            { "agency": "customs", "verdict": customs }, { "agency": "ciq", "verdict": ciq },
        ], "findings": [] })
    }

    fn note(kind: &'static str, data: Value) -> Note {
        Note { topic: Topic::Inspection, kind, subject: "i".into(), data, secret: None }
    }

    fn agreed(tally: &Tally) -> (usize, usize, Option<f64>) {
        let view = tally.view();
        view.pairs.first().map_or((0, 0, None), |pair| (pair.both, pair.same, pair.kappa))
    }

    #[test]
    fn only_what_is_closed_counts_and_a_figure_once_shown_follows_it() {
        let tally = Tally::default();
        assert_eq!(agreed(&tally), (0, 0, None));
        tally.kept(&note("inspection.verdict.opened", verdicts("alarm", "alarm")));
        assert_eq!(agreed(&tally), (0, 0, None), "it may be withdrawn yet");
        tally.kept(&note("inspection.closed", verdicts("clear", "clear")));
        assert_eq!(agreed(&tally), (1, 1, None), "chance alone says the same of one");
        // Clear clear, alarm alarm, alarm clear: p0 = 2/3; pe = 1/3 * 2/3 + 2/3 * 1/3 = 4/9; (6 - 4) / (9 - 4) = 2/5.
        tally.kept(&note("inspection.closed", verdicts("alarm", "alarm")));
        tally.kept(&note("inspection.closed", verdicts("alarm", "clear")));
        let (both, same, kappa) = agreed(&tally);
        assert_eq!((both, same), (3, 2));
        assert!((kappa.unwrap() - 0.4).abs() < 1e-12, "{kappa:?}");
        assert!(Arc::ptr_eq(&tally.view(), &tally.view()), "nothing is counted again that has not changed");
    }

    #[tokio::test]
    async fn a_start_goes_on_counting_where_the_run_before_ended_and_counts_nothing_twice() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".into(), lane: "B01".into() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let draft = |kind: &str, data: Value| {
            Draft::new(Stream::Inspection, kind, "i", "2026-01-01T00:00:00Z".parse().unwrap(), data)
        };
        // More than one page, and others between.
        let before: Vec<_> = (0..PAGE + 100)
            .flat_map(|at| {
                let said = if at % 2 == 0 { ("clear", "clear") } else { ("alarm", "clear") };
                [draft("inspection.opened", json!({})), draft("inspection.closed", verdicts(said.0, said.1))]
            })
            .collect();
        for some in before.chunks(100) {
            journal.append(some).await.unwrap();
        }
        let newest = journal.heads().borrow().streams[&Stream::Inspection];
        journal.append(&[draft("inspection.closed", verdicts("alarm", "alarm"))]).await.unwrap();
        let earlier = closed(&journal, newest).await;
        assert_eq!(earlier.len(), PAGE + 100, "what this run closed is counted when it is kept");
        let tally = Tally::default();
        tally.kept(&note("inspection.closed", verdicts("alarm", "alarm")));
        tally.lock().agreement.recall(&earlier);
        let (both, same, kappa) = agreed(&tally);
        assert_eq!((both, same), (PAGE + 101, (PAGE + 100) / 2 + 1));
        // 300 clear clear, 300 alarm clear, 1 alarm alarm: p0 = 301/601; pe = (300 * 600 + 301 * 1) / 601^2.
        let chance = (300.0 * 600.0 + 301.0) / (601.0 * 601.0);
        assert!((kappa.unwrap() - (301.0 / 601.0 - chance) / (1.0 - chance)).abs() < 1e-12, "{kappa:?}");
    }
}

//! The journal as the uplink sees it.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::owed::{Owed, Span, Stored};
use crate::journal::{Heads, Journal, Stream};

/// An open journal with the uplink's place in its news.
#[derive(Debug)]
pub struct FromJournal {
    journal: Journal,
    heads: watch::Receiver<Heads>,
    epoch: Arc<str>,
    /// Oldest readable sequence by stream; it moves only when old segments are let go.
    oldest: std::collections::BTreeMap<Stream, u64>,
}

impl FromJournal {
    /// The uplink's view of `journal`.
    pub fn new(journal: Journal) -> Self {
        let heads = journal.heads();
        let epoch = journal.epoch().to_string().into();
        Self { journal, heads, epoch, oldest: std::collections::BTreeMap::new() }
    }
}

impl Owed for FromJournal {
    fn epoch(&self) -> Arc<str> {
        self.epoch.clone()
    }

    fn spans(&mut self) -> Vec<Span> {
        let heads = self.heads.borrow_and_update().clone();
        let mut spans = Vec::new();
        for (stream, newest) in heads.streams {
            let oldest = *self.oldest.entry(stream.clone()).or_insert(1);
            let retired = self.journal.owed(&stream).saturating_sub(1);
            spans.push(Span { stream: stream.to_string().into(), oldest, newest, retired });
        }
        spans
    }

    async fn changed(&mut self) {
        if self.heads.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn read(
        &self,
        stream: &Arc<str>,
        from: u64,
        records: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Stored>, String>> + Send + 'static {
        let (reader, stream) = (self.journal.reader(), stream.clone());
        async move {
            let stream: Stream = stream.parse().map_err(|error| format!("{error}"))?;
            let found = reader.read(stream, from, records, bytes).await.map_err(|error| error.to_string())?;
            let stored = |found: crate::journal::Stored| Stored {
                sequence: found.sequence,
                bytes: Bytes::from_owner(found.bytes),
            };
            Ok(found.into_iter().map(stored).collect())
        }
    }

    fn retire(&mut self, stream: &Arc<str>, up_to: u64) {
        if let Ok(stream) = stream.parse() {
            self.journal.retire(&stream, up_to);
        }
    }
}

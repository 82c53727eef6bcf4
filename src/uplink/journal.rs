//! The journal as the uplink sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::owed::{Owed, Span, Stored};
use crate::journal::{Heads, Journal, ReadError, Stream};

/// The uplink's end of a [`Journal`].
#[derive(Debug)]
pub struct JournalOwed {
    journal: Journal,
    heads: watch::Receiver<Heads>,
    /// Streams by the name that the uplink calls them.
    streams: BTreeMap<Arc<str>, Known>,
}

#[derive(Debug)]
struct Known {
    stream: Stream,
    /// Oldest sequence that the journal still has.
    oldest: u64,
}

impl JournalOwed {
    /// Looks once what every stream still has; a stream that comes later begins with its first record.
    pub async fn open(journal: Journal) -> Result<Self, ReadError> {
        let mut heads = journal.heads();
        let known: Vec<Stream> = heads.borrow_and_update().streams.keys().cloned().collect();
        let mut streams = BTreeMap::new();
        for stream in known {
            let ends = journal.reader().ends(stream.clone()).await?;
            let oldest = ends.map_or_else(|| newest(&heads, &stream) + 1, |(oldest, _)| oldest);
            streams.insert(Arc::from(stream.to_string()), Known { stream, oldest });
        }
        heads.mark_changed();
        Ok(Self { journal, heads, streams })
    }
}

fn newest(heads: &watch::Receiver<Heads>, stream: &Stream) -> u64 {
    heads.borrow().streams.get(stream).copied().unwrap_or(0)
}

impl Owed for JournalOwed {
    fn epoch(&self) -> Arc<str> {
        self.journal.epoch().to_string().into()
    }

    fn spans(&mut self) -> Vec<Span> {
        let heads = self.heads.borrow_and_update().clone();
        let spans = heads.streams.into_iter().map(|(stream, newest)| {
            let retired = self.journal.owed(&stream).saturating_sub(1);
            let name: Arc<str> = stream.to_string().into();
            let known = self.streams.entry(name.clone()).or_insert(Known { stream, oldest: 1 });
            Span { stream: name, oldest: known.oldest, newest, retired }
        });
        spans.collect()
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
        let reader = self.journal.reader();
        let stream = self.streams.get(stream).map(|known| known.stream.clone());
        async move {
            let stream = stream.ok_or("the journal has no such stream")?;
            let found = reader.read(stream, from, records, bytes).await.map_err(|fault| fault.to_string())?;
            let stored = found.into_iter().map(|record| Stored {
                sequence: record.sequence,
                // The journal's bytes are shared, not copied.
                bytes: Bytes::from_owner(record.bytes),
            });
            Ok(stored.collect())
        }
    }

    fn retire(&mut self, stream: &Arc<str>, up_to: u64) {
        if let Some(known) = self.streams.get(stream) {
            self.journal.retire(&known.stream, up_to);
        }
    }
}

//! A journal in memory: chained records, and the words of the uplink about them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use portside::uplink::{Owed, Span, Stored};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

const EPOCH: &str = "0198c2a4-0000-7000-8000-000000000002";

#[derive(Default)]
struct Stream {
    records: Vec<Bytes>,
    retired: u64,
    prev: String,
}

#[derive(Clone)]
pub struct Ledger {
    streams: Arc<Mutex<BTreeMap<Arc<str>, Stream>>>,
    grown: watch::Sender<u64>,
}

/// The uplink's end of a [`Ledger`].
pub struct LedgerOwed {
    ledger: Ledger,
    grown: watch::Receiver<u64>,
}

impl Ledger {
    pub fn new() -> Self {
        Self { streams: Arc::default(), grown: watch::channel(0).0 }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Stream>> {
        self.streams.lock().expect("no test panics while it holds the ledger")
    }

    /// Appends records whose data are `filler` and a number.
    pub fn append(&self, stream: &str, count: usize, filler: &str) {
        let mut streams = self.streams();
        let log = streams.entry(stream.into()).or_default();
        if log.records.is_empty() {
            log.prev = "0".repeat(64);
        }
        for _ in 0..count {
            let sequence = log.records.len() + 1;
            let record = format!(
                concat!(
                    r#"{{"specversion":"1.0","id":"{epoch}.{stream}.{sequence:020}","source":"/CNTYN/G03/{stream}","#,
                    r#""type":"portside.test.made","subject":"s","time":"2026-11-21T08:15:30.123Z","#,
                    r#""sequence":"{sequence:020}","stream":"{stream}","epoch":"{epoch}","prev":"{prev}","#,
                    r#""datacontenttype":"application/json","data":{{"n":{sequence},"filler":"{filler}"}}}}"#
                ),
                epoch = EPOCH,
                stream = stream,
                sequence = sequence,
                prev = log.prev,
                filler = filler,
            );
            log.prev = hex::encode(Sha256::digest(record.as_bytes()));
            log.records.push(record.into());
        }
        drop(streams);
        self.grown.send_modify(|times| *times += 1);
    }

    pub fn owed(&self) -> LedgerOwed {
        LedgerOwed { ledger: self.clone(), grown: self.grown.subscribe() }
    }

    pub fn total(&self) -> u64 {
        self.streams().values().map(|stream| stream.records.len() as u64).sum()
    }

    pub fn retired_total(&self) -> u64 {
        self.streams().values().map(|stream| stream.retired).sum()
    }

    pub fn retired(&self, stream: &str) -> u64 {
        self.streams().get(stream).map_or(0, |stream| stream.retired)
    }

    /// Everything is owed again.
    pub fn forget_retired(&self) {
        self.streams().values_mut().for_each(|stream| stream.retired = 0);
    }

    pub fn record(&self, stream: &str, sequence: u64) -> Bytes {
        self.streams()[stream].records[sequence as usize - 1].clone()
    }
}

impl Owed for LedgerOwed {
    fn epoch(&self) -> Arc<str> {
        EPOCH.into()
    }

    fn spans(&mut self) -> Vec<Span> {
        self.grown.mark_unchanged();
        let streams = self.ledger.streams();
        let spans = streams.iter().map(|(stream, log)| Span {
            stream: stream.clone(),
            oldest: 1,
            newest: log.records.len() as u64,
            retired: log.retired,
        });
        spans.collect()
    }

    async fn changed(&mut self) {
        if self.grown.changed().await.is_err() {
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
        let streams = self.ledger.streams();
        let mut left = bytes;
        let log = streams.get(stream).map_or(&[][..], |log| &log.records[from as usize - 1..]);
        let found = log.iter().enumerate().take(records).take_while(|(place, record)| {
            let fits = left > 0 || *place == 0;
            left = left.saturating_sub(record.len());
            fits
        });
        let found = found.map(|(place, record)| Stored { sequence: from + place as u64, bytes: record.clone() });
        std::future::ready(Ok(found.collect()))
    }

    fn retire(&mut self, stream: &Arc<str>, up_to: u64) {
        let mut streams = self.ledger.streams();
        let log = streams.get_mut(stream).expect("only streams of the ledger are retired");
        assert!(up_to > log.retired && up_to <= log.records.len() as u64, "retired {up_to} of {stream}");
        log.retired = up_to;
    }
}

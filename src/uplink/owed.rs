//! What the uplink needs of a journal: what is owed, its bytes, and a way to say that it is owed no longer.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

/// One record as it lies in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its sequence within its stream.
    pub sequence: u64,
    /// Its exact bytes, the message's payload.
    pub bytes: Bytes,
}

/// How far one stream reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Stream.
    pub stream: Arc<str>,
    /// Sequence of the oldest record that the journal still has; one more than `newest` when it has none.
    pub oldest: u64,
    /// Sequence of the newest durable record; 0 when there is none.
    pub newest: u64,
    /// Everything up to here is owed no longer.
    pub retired: u64,
}

/// A journal, seen from the uplink. One uplink owns it.
pub trait Owed: Send + 'static {
    /// The journal's epoch.
    fn epoch(&self) -> Arc<str>;

    /// How far every stream reaches. Newly durable records show here before [`Owed::changed`] completes for them.
    fn spans(&mut self) -> Vec<Span>;

    /// Completes when records became durable since [`Owed::spans`] was last called. Never completes once the journal
    /// is closed.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;

    /// Reads records of `stream` with sequences from `from` on, in order: at most `records`, and no more once `bytes`
    /// are reached, but at least one. Where the journal has let records go, it begins at the oldest it has.
    fn read(
        &self,
        stream: &Arc<str>,
        from: u64,
        records: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Stored>, String>> + Send + 'static;

    /// Records of `stream` up to `up_to` are owed no longer. Losing this word in a crash means that they are sent
    /// again, which is allowed.
    fn retire(&mut self, stream: &Arc<str>, up_to: u64);
}

/// A record larger than the broker takes. It stays in the journal; the centre learns of it by the note.
#[derive(Debug)]
pub struct SetAside {
    /// Stream.
    pub stream: Arc<str>,
    /// Sequence.
    pub sequence: u64,
    /// Bytes of the packet that would carry it.
    pub size: usize,
    /// Bytes that a packet may have.
    pub limit: usize,
    pub(super) noted: mpsc::Sender<(Arc<str>, u64)>,
}

impl SetAside {
    /// The note about this record is durable: its stream goes on behind it.
    pub fn noted(self) {
        // A full or closed queue loses nothing: the record is still owed and will be offered again.
        let _ = self.noted.try_send((self.stream, self.sequence));
    }
}

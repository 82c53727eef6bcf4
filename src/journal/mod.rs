//! What must not be forgotten: the evidence log, its index, the evidence files and the cursors.
//!
//! ```text
//! DIR/lane            whose journal this is: port, lane, epoch, form
//! DIR/head            how far the log is known to reach
//! DIR/log/*.log       the evidence log: the one truth, append-only
//! DIR/index/          built from the log, and again whenever it is lost
//! DIR/evidence/       pictures and other bulk, each file named by its SHA-256
//! DIR/keys/           keys of verdicts that are still sealed
//! ```
//! One process has a journal open, by a lock on the directory. Others may read the files at any time: `portside journal
//! verify DIR` does.

mod evidence;
mod files;
mod follow;
mod frame;
#[cfg(fuzzing)]
pub mod fuzz;
mod gist;
mod head;
mod identity;
mod index;
mod log;
mod offline;
mod open;
mod reader;
mod recent;
mod record;
mod recover;
mod scan;
mod seal;
mod segment;
mod shared;
mod storage;
mod story;
mod stream;
mod tail;
mod verify;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Poll};

use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub use evidence::{Evidence, EvidenceError, EvidenceFiles};
pub use follow::record_belongs_to;
pub use frame::RECORD_LIMIT;
pub use identity::{Identity, OpenError};
pub use offline::Offline;
pub use open::{Finding, Gravity, Options};
pub use reader::{ReadError, Reader, Stored};
pub use record::{Draft, DraftError, Hash, NO_HASH, NotARecord, Record, hash};
pub use scan::Damage;
pub use seal::{SealError, Seals};
pub use shared::DiskUse;
pub use storage::AppendError;
pub use story::{Detail, line, story};
pub use stream::{AgencyId, Stream, UnknownStream};
pub use verify::{Problem, Report, StreamReport, verify};

use record::Prepared;
use shared::Shared;
use storage::{Answer, Call, Work};

/// Drafts that may wait for the disk, in bytes. Beyond it an append is refused rather than the memory filled.
const WAITING_MAX: usize = 64 << 20;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Its stream.
    pub stream: Stream,
    /// Its sequence in the stream.
    pub sequence: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.stream, self.sequence)
    }
}

/// The last durable sequence of every stream that has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The journal's epoch.
    pub epoch: Uuid,
    /// Last durable sequences.
    pub streams: BTreeMap<Stream, u64>,
}

/// An open journal. Cheap to clone; the last clone's end closes it in order, though only [`Journal::close`] waits for
/// that.
#[derive(Clone, Debug)]
pub struct Journal {
    queue: Sender<Work>,
    heads: watch::Receiver<Heads>,
    reader: Reader,
    record_limit: usize,
}

impl Journal {
    /// Keeps `drafts`, all in one go and in this order.
    ///
    /// They enter the queue now, whether or not the answer is ever awaited: the order of calls is the order on disk.
    /// Never waits for the disk; the answer comes when all of them are durable. After an error none, some or all of
    /// them may be found in the journal later, but none was acknowledged.
    pub fn append(&self, drafts: &[Draft]) -> Append {
        match self.enqueue(drafts) {
            Ok(waiting) => Append(State::Waiting(waiting)),
            Err(error) => Append(State::Refused(Some(error))),
        }
    }

    fn enqueue(&self, drafts: &[Draft]) -> Result<oneshot::Receiver<Answer>, AppendError> {
        if let Some(reason) = self.shared().fence() {
            return Err(AppendError::Fenced { reason });
        }
        let records = drafts.iter().map(|draft| Prepared::new(draft, self.record_limit)).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(AppendError::Draft)?;
        let bytes = records.iter().map(Prepared::size).sum();
        let waiting = self.shared().waiting.fetch_add(bytes, Ordering::Relaxed);
        let (answer, receiver) = oneshot::channel();
        let sent = if waiting > WAITING_MAX {
            Err(AppendError::Busy { waiting })
        } else {
            self.queue.send(Work::Append(Call { records, bytes, answer })).map_err(|_| AppendError::Closed)
        };
        if sent.is_err() {
            self.shared().waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        sent.map(|()| receiver)
    }

    /// The last durable sequences, and a way to wait for them to grow.
    pub fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.clone()
    }

    /// The journal's epoch.
    pub fn epoch(&self) -> Uuid {
        self.heads.borrow().epoch
    }

    /// Reads what is durable.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// See [`Reader::owed`].
    pub fn owed(&self, stream: &Stream) -> u64 {
        self.reader.owed(stream)
    }

    /// See [`Reader::retire`].
    pub fn retire(&self, stream: &Stream, up_to: u64) {
        self.reader.retire(stream, up_to);
    }

    /// Why no record is taken any more; `None` while all is well.
    pub fn fenced(&self) -> Option<Arc<str>> {
        self.shared().fence()
    }

    /// What the journal asked of its disk since it was opened.
    pub fn disk_use(&self) -> DiskUse {
        self.shared().disk_use()
    }

    /// Finishes what was asked before, closes and unlocks. Later calls of any clone are refused.
    pub async fn close(self) {
        // The task blocks on the disk for as long as the last commit takes.
        let _ = tokio::task::spawn_blocking(move || self.close_blocking()).await;
    }

    /// See [`Self::close`]; for threads that may wait.
    pub fn close_blocking(self) {
        let (closed, wait) = mpsc::sync_channel(1);
        if self.queue.send(Work::Close(closed)).is_ok() {
            let _ = wait.recv();
        }
    }

    fn shared(&self) -> &Shared {
        &self.reader.shared
    }
}

/// The answer to an append: a future, or [`Append::wait`] on a thread that may block.
#[derive(Debug)]
#[must_use = "nothing may be done on a record before its answer has come"]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Waiting(oneshot::Receiver<Answer>),
    Refused(Option<AppendError>),
}

impl Append {
    /// Waits for the disk. Not for async code: that awaits.
    pub fn wait(self) -> Result<Vec<Position>, AppendError> {
        match self.0 {
            State::Waiting(receiver) => receiver.blocking_recv().unwrap_or(Err(AppendError::Closed)),
            State::Refused(error) => Err(error.unwrap_or(AppendError::Closed)),
        }
    }
}

impl Future for Append {
    type Output = Result<Vec<Position>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Waiting(receiver) => {
                Pin::new(receiver).poll(context).map(|answer| answer.unwrap_or(Err(AppendError::Closed)))
            }
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(AppendError::Closed))),
        }
    }
}

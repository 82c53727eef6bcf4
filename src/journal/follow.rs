//! The index thread: follows the log at its own pace, so that no append ever waits for the index, and builds the
//! index anew when it cannot be trusted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use super::frame::{Piece, Spot, frame_size, pieces};
use super::index::{BATCH, Entry, Index, IndexError};
use super::record::Record;
use super::recover::stream_of;
use super::segment::{self, FIRST};
use super::shared::{Shared, State};
use super::stream::Stream;

/// An index on disk that failed this often in a row is kept in memory until the journal is opened again.
const ATTEMPTS: u32 = 5;

/// Records gather this long before they enter the index, unless somebody wants to read: entering each alone would
/// write twice what the log itself writes.
const GATHER: Duration = Duration::from_millis(100);

/// The index in use, and what outlives it.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) epoch: Uuid,
    /// `None` while it is built anew, and after the journal was closed.
    pub(super) index: RwLock<Option<Index>>,
    /// The next sequence owed of each stream, as far as this run knows.
    pub(super) owed: Mutex<BTreeMap<Stream, u64>>,
}

impl Shelf {
    /// Runs `ask` on the index; `None` when there is none.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Index) -> Result<T, IndexError>) -> Option<Result<T, IndexError>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(ask)
    }

    fn put(&self, index: Option<Index>) {
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
    }
}

/// The running index thread.
#[derive(Debug)]
pub(super) struct Follower {
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Follower {
    pub(super) fn start(shared: Arc<Shared>, shelf: Arc<Shelf>) -> io::Result<Self> {
        let work = Work { shared: Arc::clone(&shared), shelf, log: shared.dir.join("log") };
        let thread = std::thread::Builder::new().name("journal-index".to_owned()).spawn(move || work.run())?;
        Ok(Self { thread: Some(thread), shared })
    }

    /// Ends the thread; the index is closed when this returns.
    pub(super) fn stop(mut self) {
        self.shared.change(|state| state.closed = true);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Work {
    shared: Arc<Shared>,
    shelf: Arc<Shelf>,
    log: PathBuf,
}

/// Why following stopped.
enum Stop {
    Closed,
    Index(IndexError),
    Log(io::Error),
}

impl Work {
    fn run(self) {
        let (mut failures, mut furthest) = (0, Spot::ZERO);
        loop {
            let why = match self.follow() {
                Stop::Closed => break,
                Stop::Index(error) => error.to_string(),
                Stop::Log(error) => error.to_string(),
            };
            // On a full disk each attempt gets to the same place: only going further than ever is a new beginning.
            let reached = self.shared.state().indexed;
            failures = if reached > furthest { 1 } else { failures + 1 };
            furthest = furthest.max(reached);
            tracing::warn!(%why, failures, "the journal's index is useless: building it anew from the log");
            self.begin_anew();
            if failures == ATTEMPTS {
                tracing::error!(%why, "the journal's index cannot be kept on disk: it is kept in memory");
                self.shelf.put(None);
                Index::remove(&self.shared.dir.join("index"));
                self.shelf.put(Some(Index::in_memory(self.shelf.epoch)));
                continue;
            }
            if failures > ATTEMPTS {
                tracing::error!(%why, "the journal's index cannot be built: records are kept but cannot be read here");
                self.shared.change(|state| state.index_down = true);
                self.shared.wait(|state| state.closed);
                break;
            }
            std::thread::sleep(Duration::from_millis(50) * failures);
        }
        let _ = self.shelf.ask(Index::flush);
        self.shelf.put(None);
    }

    /// Keeps the index complete up to what is durable, until something is wrong.
    fn follow(&self) -> Stop {
        let mut at = match self.begin() {
            Ok(at) => at,
            Err(stop) => return stop,
        };
        loop {
            let urgent = |state: &State| state.closed || state.index_failed || (state.wanted > 0 && state.durable > at);
            self.shared.wait(|state| urgent(state) || state.durable > at);
            let state = self.shared.gather(GATHER, urgent);
            if state.closed {
                self.finish(at, state.durable);
                return Stop::Closed;
            }
            if state.index_failed {
                return Stop::Index(IndexError::wrong());
            }
            match self.add(at, state.durable) {
                Ok(reached) => at = reached,
                Err(stop) => return stop,
            }
        }
    }

    /// Where the index goes on. One that begins says so, lest the next start take it for a useless one.
    fn begin(&self) -> Result<Spot, Stop> {
        let first = Spot::new(1, FIRST);
        let at = match self.shelf.ask(Index::watermark) {
            Some(Ok(Some(mark))) => mark,
            Some(Ok(None)) => {
                self.put(&[], first)?;
                let _ = self.shelf.ask(Index::flush);
                first
            }
            Some(Err(error)) => return Err(Stop::Index(error)),
            None => return Err(Stop::Index(IndexError::gone())),
        };
        self.shared.change(|state| state.indexed = at);
        Ok(at)
    }

    /// At the end what gathered still enters the index, unless that is much: a stop must not take long.
    fn finish(&self, at: Spot, durable: Spot) {
        if at.segment() == durable.segment() {
            let _ = self.add(at, durable);
        }
    }

    /// Adds what lies between `from` and `to`, but not beyond the end of `from`'s segment.
    fn add(&self, from: Spot, to: Spot) -> Result<Spot, Stop> {
        let here = from.segment() == to.segment();
        let after = if here { to } else { Spot::new(from.segment() + 1, FIRST) };
        let bytes = match File::open(segment::path(&self.log, from.segment())) {
            Ok(file) => {
                let end = if here { to.offset() } else { segment::size(&file).map_err(Stop::Log)? };
                segment::load(&file, from.offset(), end).map_err(Stop::Log)?
            }
            // A missing segment is said by whoever looked at the log; its neighbours are served all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Stop::Log(error)),
        };
        let mut entries = Vec::with_capacity(BATCH);
        for piece in pieces(&bytes) {
            let Piece::Frame { at, header, record } = piece else { continue };
            let place = |at: usize| Spot::new(from.segment(), from.offset() + u32::try_from(at).unwrap_or(u32::MAX));
            let Some(stream) = stream_of(header, record) else { continue };
            let subject = subject_of(record);
            entries.push(Entry { at: place(at), stream, sequence: header.sequence, subject });
            if entries.len() == BATCH {
                self.put(&entries, place(at + frame_size(record.len())))?;
                entries.clear();
            }
        }
        self.put(&entries, after)?;
        Ok(after)
    }

    fn put(&self, entries: &[Entry], upto: Spot) -> Result<(), Stop> {
        match self.shelf.ask(|index| index.add(entries, upto)) {
            Some(Ok(())) => {
                self.shared.change(|state| state.indexed = upto);
                Ok(())
            }
            Some(Err(error)) => Err(Stop::Index(error)),
            None => Err(Stop::Index(IndexError::gone())),
        }
    }

    /// Puts an empty index in the place of the useless one. The cursors are remembered.
    fn begin_anew(&self) {
        self.shelf.put(None);
        self.shared.change(|state| (state.indexed, state.index_failed) = (Spot::ZERO, false));
        let dir = self.shared.dir.join("index");
        let opened =
            Index::set_aside(&dir).map_err(IndexError::from).and_then(|()| Index::open(&dir, self.shelf.epoch));
        match opened {
            Ok(index) => {
                let owed = self.shelf.owed.lock().unwrap_or_else(PoisonError::into_inner);
                for (stream, next) in &*owed {
                    let _ = index.set_owed(stream, *next);
                }
                drop(owed);
                self.shelf.put(Some(index));
            }
            Err(error) => tracing::warn!(%error, "the journal's index cannot be opened"),
        }
    }
}

/// The inspection that a record belongs to: the one that its data names, else, except for devices, its subject.
/// Telemetry belongs to none.
pub fn record_belongs_to<'a>(record: &Record<'a>) -> Option<Cow<'a, str>> {
    match record.stream {
        Stream::Telemetry => None,
        Stream::Device => record.inspection(),
        Stream::Alarm | Stream::Inspection | Stream::Agency(_) | Stream::Audit => {
            record.inspection().or_else(|| Some(record.subject.clone()))
        }
    }
}

fn subject_of(record: &[u8]) -> Option<String> {
    let record = Record::parse(record).ok()?;
    // The index ends a subject with NUL; an id never holds one.
    record_belongs_to(&record).filter(|subject| !subject.contains('\0')).map(Cow::into_owned)
}

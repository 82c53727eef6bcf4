//! Reading: whatever is durable at the time of the question is in the answer.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::follow::Shelf;
use super::frame::{self, HEADER, Piece, RECORD_LIMIT, Spot, pieces};
use super::index::{Index, IndexError};
use super::record::Record;
use super::recover::stream_of;
use super::segment::{self, FIRST};
use super::shared::Shared;
use super::stream::Stream;
use super::tail::{self, Reached};

/// The index thread says within this where it begins, unless the disk is in trouble.
const BEGINS_WITHIN: Duration = Duration::from_millis(500);

/// A record as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its stream.
    pub stream: Stream,
    /// Its place in the stream.
    pub sequence: u64,
    /// The exact bytes.
    pub bytes: Arc<[u8]>,
}

impl Stored {
    /// A record that came by another way than from the log; `None` when the bytes are no record.
    pub fn of_record(bytes: &[u8]) -> Option<Self> {
        let record = Record::parse(bytes).ok()?;
        Some(Self { stream: record.stream.clone(), sequence: record.sequence, bytes: bytes.into() })
    }
}

/// Why nothing can be read.
#[derive(Debug)]
pub enum ReadError {
    /// The index cannot be built, most likely because the disk is full or broken.
    NoIndex,
    /// The log cannot be read.
    Log(io::Error),
    /// The journal is closed.
    Closed,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIndex => f.write_str(
                "the journal's index cannot be built: check space and health of the disk; `portside journal list DIR` \
                 reads the records without it",
            ),
            Self::Log(error) => write!(f, "reading the journal's log: {error}"),
            Self::Closed => f.write_str("the journal is closed"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads the journal. Cheap to clone.
///
/// The `async` calls run on the runtime's blocking pool and may be awaited anywhere; those named `…_blocking` wait for
/// the disk and, after a rebuild began, for the index: call them from threads of your own only.
///
/// A damaged record is left out: the answer then jumps a sequence, and the log file has a line about it.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) shelf: Arc<Shelf>,
}

impl Reader {
    /// Records of a stream from sequence `from` on, in order: at most `max_records`, and no more than `max_bytes`
    /// together unless the first alone is larger.
    pub async fn read(
        &self,
        stream: Stream,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        let young = self.shared.recent.read(&stream, from, max_records, max_bytes);
        if let Some(young) = young.filter(|_| !self.shared.state().closed) {
            return Ok(young);
        }
        self.aside(move |reader| reader.read_blocking(&stream, from, max_records, max_bytes)).await
    }

    /// The youngest records of a stream, oldest first, back to the one that is `enough`. Straight from the log where
    /// that is quicker than to wait for an index that is being built; `None` then means that no such record is in the
    /// last `bytes_max` of it.
    pub async fn youngest(
        &self,
        stream: Stream,
        bytes_max: usize,
        enough: impl FnMut(&Stored) -> bool + Send + 'static,
    ) -> Result<Option<Vec<Stored>>, ReadError> {
        self.aside(move |reader| reader.youngest_blocking(&stream, bytes_max, enough)).await
    }

    /// True while a question would have to wait for much of the index to be built.
    pub async fn is_behind(&self) -> bool {
        let behind = |reader: Self| {
            let state =
                reader.shared.wait_at_most(BEGINS_WITHIN, |state| state.indexed > Spot::ZERO || state.index_down);
            Ok(state.durable.segment() > state.indexed.segment() + 1)
        };
        self.aside(behind).await.unwrap_or(false)
    }

    /// The oldest and newest sequence of a stream that can be read; `None` when it is empty.
    pub async fn ends(&self, stream: Stream) -> Result<Option<(u64, u64)>, ReadError> {
        self.aside(move |reader| reader.ends_blocking(&stream)).await
    }

    /// Everything that belongs to an inspection, in the order in which it was recorded.
    pub async fn inspection(&self, subject: String) -> Result<Vec<Stored>, ReadError> {
        self.aside(move |reader| reader.inspection_blocking(&subject)).await
    }

    /// Ids of the youngest inspections, youngest first.
    pub async fn inspections(&self, limit: usize) -> Result<Vec<String>, ReadError> {
        self.aside(move |reader| reader.inspections_blocking(limit)).await
    }

    /// See [`Self::read`].
    pub fn read_blocking(
        &self,
        stream: &Stream,
        from: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<Stored>, ReadError> {
        self.answered(|reader| {
            let mut from = from;
            loop {
                let places = reader.ask(|index| index.stream(stream, from, max_records))?;
                let Some((last, _)) = places.last().copied() else { return Ok(Vec::new()) };
                let wanted = places.into_iter().map(|(sequence, at)| Wanted { at, place: Some((stream, sequence)) });
                let found = reader.fetch(wanted, max_bytes)?;
                if !found.is_empty() {
                    return Ok(found);
                }
                // All of these are damaged: an empty answer would say that the stream ends here.
                from = last + 1;
            }
        })
    }

    /// See [`Self::ends`].
    pub fn ends_blocking(&self, stream: &Stream) -> Result<Option<(u64, u64)>, ReadError> {
        self.answered(|reader| reader.ask(|index| index.ends(stream)))
    }

    /// See [`Self::inspection`].
    pub fn inspection_blocking(&self, subject: &str) -> Result<Vec<Stored>, ReadError> {
        self.answered(|reader| {
            let places = reader.ask(|index| index.subject(subject))?;
            reader.fetch(places.into_iter().map(|at| Wanted { at, place: None }), usize::MAX)
        })
    }

    /// See [`Self::inspections`].
    pub fn inspections_blocking(&self, limit: usize) -> Result<Vec<String>, ReadError> {
        self.answered(|reader| reader.ask(|index| index.subjects(limit)))
    }

    /// The next sequence of a stream that the centre has not confirmed; 1 in the beginning. Touches memory mostly.
    pub fn owed(&self, stream: &Stream) -> u64 {
        let mut owed = self.shelf.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = owed.get(stream) {
            return *next;
        }
        let next = self.shelf.ask(|index| index.owed(stream)).and_then(Result::ok).flatten().unwrap_or(1);
        owed.insert(stream.clone(), next);
        next
    }

    /// Everything of a stream up to and with `up_to` is confirmed. Never goes back. A power cut may undo the last
    /// seconds of it; then records are owed, and sent, again. Touches memory mostly.
    pub fn retire(&self, stream: &Stream, up_to: u64) {
        let next = up_to.saturating_add(1);
        if next <= self.owed(stream) {
            return;
        }
        self.shelf.owed.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), next);
        if let Some(Err(error)) = self.shelf.ask(|index| index.set_owed(stream, next)) {
            tracing::warn!(%error, "the journal's index failed");
            self.distrust();
        }
    }

    fn youngest_blocking(
        &self,
        stream: &Stream,
        bytes_max: usize,
        mut enough: impl FnMut(&Stored) -> bool,
    ) -> Result<Option<Vec<Stored>>, ReadError> {
        let mut found = Vec::new();
        let end = self.shared.state().durable;
        let reached = tail::backwards(&self.shared.dir.join("log"), end, bytes_max, &mut |header, record| {
            if stream_of(header, record).as_ref() != Some(stream) {
                return ControlFlow::Continue(());
            }
            let stored = Stored { stream: stream.clone(), sequence: header.sequence, bytes: Arc::from(record) };
            let last = enough(&stored);
            found.push(stored);
            if last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.reverse();
        match reached.map_err(ReadError::Log)? {
            Reached::Enough | Reached::Beginning => Ok(Some(found)),
            Reached::Bound => Ok(None),
        }
    }

    async fn aside<T: Send + 'static>(
        &self,
        ask: impl FnOnce(Self) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let reader = self.clone();
        // A panic of the task and a runtime that is shutting down look alike, and leave as little to read.
        tokio::task::spawn_blocking(move || ask(reader)).await.unwrap_or(Err(ReadError::Closed))
    }

    /// Waits until the index holds all that is durable and asks; when the index turns out wrong, waits for another.
    fn answered<T>(&self, ask: impl Fn(&Self) -> Result<T, Failure>) -> Result<T, ReadError> {
        loop {
            let durable = self.shared.state().durable;
            self.shared.change(|state| state.wanted += 1);
            let state = self
                .shared
                .wait(|state| state.closed || state.index_down || (state.indexed >= durable && !state.index_failed));
            self.shared.change(|state| state.wanted -= 1);
            if state.closed {
                return Err(ReadError::Closed);
            }
            if state.index_down {
                return Err(ReadError::NoIndex);
            }
            match ask(self) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Log(error)) => return Err(ReadError::Log(error)),
                Err(Failure::Index(error)) => {
                    tracing::warn!(%error, "the journal's index failed");
                    self.distrust();
                }
                Err(Failure::Gone) => {}
            }
        }
    }

    /// Has the index built anew.
    fn distrust(&self) {
        self.shared.change(|state| state.index_failed = true);
    }

    fn ask<T>(&self, ask: impl FnOnce(&Index) -> Result<T, IndexError>) -> Result<T, Failure> {
        self.shelf.ask(ask).map_or(Err(Failure::Gone), |answer| answer.map_err(Failure::Index))
    }

    fn fetch<'a>(&self, wanted: impl Iterator<Item = Wanted<'a>>, max_bytes: usize) -> Result<Vec<Stored>, Failure> {
        let mut window = Window::new(self);
        let mut found = Vec::new();
        let mut bytes = 0_usize;
        for Wanted { at, place } in wanted {
            let Some(stored) = window.record(at).map_err(Failure::Log)? else {
                if !window.is_damaged(at).map_err(Failure::Log)? {
                    return Err(Failure::Index(IndexError::wrong()));
                }
                tracing::error!(segment = at.segment(), offset = at.offset(), "a record of the journal is damaged");
                continue;
            };
            if place.is_some_and(|(stream, sequence)| stored.stream != *stream || stored.sequence != sequence) {
                return Err(Failure::Index(IndexError::wrong()));
            }
            bytes = bytes.saturating_add(stored.bytes.len());
            if bytes > max_bytes && !found.is_empty() {
                break;
            }
            found.push(stored);
        }
        Ok(found)
    }
}

enum Failure {
    Index(IndexError),
    Log(io::Error),
    /// The index is being replaced.
    Gone,
}

struct Wanted<'a> {
    at: Spot,
    /// What must lie there, where the index says it.
    place: Option<(&'a Stream, u64)>,
}

/// Records that follow each other are read with few calls.
const WINDOW: u32 = 128 * 1024;

struct Window<'a> {
    reader: &'a Reader,
    file: Option<(u32, File)>,
    start: Spot,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(reader: &'a Reader) -> Self {
        Self { reader, file: None, start: Spot::ZERO, bytes: Vec::new() }
    }

    /// The record at `at`; `None` when it is damaged or its segment is gone.
    fn record(&mut self, at: Spot) -> io::Result<Option<Stored>> {
        if let Some(stored) = self.inside(at) {
            return Ok(Some(stored));
        }
        for length in [WINDOW, (HEADER + RECORD_LIMIT) as u32] {
            if !self.load(at, length)? {
                return Ok(None);
            }
            if let Some(stored) = self.inside(at) {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    fn inside(&self, at: Spot) -> Option<Stored> {
        if at.segment() != self.start.segment() {
            return None;
        }
        let offset = at.offset().checked_sub(self.start.offset())? as usize;
        let (header, record) = frame::read(self.bytes.get(offset..)?)?;
        let stream = stream_of(header, record)?;
        Some(Stored { stream, sequence: header.sequence, bytes: Arc::from(record) })
    }

    /// True when the log itself has no whole frame at `at`; false when `at` lies inside a frame or beyond the end,
    /// where no index of this log can point.
    fn is_damaged(&mut self, at: Spot) -> io::Result<bool> {
        if !self.load(Spot::new(at.segment(), FIRST), u32::MAX)? {
            return Ok(true);
        }
        let offset = at.offset().saturating_sub(FIRST) as usize;
        Ok(pieces(&self.bytes).any(|piece| match piece {
            Piece::Hole { at, length } => (at..at + length).contains(&offset),
            Piece::Frame { .. } => false,
        }))
    }

    fn load(&mut self, at: Spot, length: u32) -> io::Result<bool> {
        if self.file.as_ref().is_none_or(|(segment, _)| *segment != at.segment()) {
            match File::open(segment::path(&self.reader.shared.dir.join("log"), at.segment())) {
                Ok(file) => self.file = Some((at.segment(), file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let Some((_, file)) = &self.file else { return Ok(false) };
        self.start = at;
        let end = at.offset().saturating_add(length).min(segment::size(file)?);
        self.bytes = segment::load(file, at.offset(), end)?;
        Ok(true)
    }
}

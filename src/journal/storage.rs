//! The storage thread: the only writer of the log. It takes what waits, writes it, waits for the disk once, and then
//! answers everybody.
//!
//! ```text
//! append ──queue──► take what waits ─► encode, chain ─► one write, one fdatasync ─► durable place, heads ─► answers
//!                                                              │ any error
//!                                                              └────────► fenced: every later append is refused
//! ```
//! After a failed write or flush nobody knows what the disk holds, and asking again can report success for data that
//! is gone (the kernel drops the dirty pages). So nothing is tried twice: the journal is fenced until it is opened
//! anew and has looked at the disk itself.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::follow::Follower;
use super::frame::{self, FrameHeader, Piece, pieces};
use super::head::{Head, HeadFile, RESERVE, Tip};
use super::log::Log;
use super::reader::Stored;
use super::record::{DraftError, Origin, Prepared, hash};
use super::recover::stream_of;
use super::shared::Shared;
use super::stream::Stream;
use super::{Heads, Position};
use crate::clock::Clock;

/// After a commit that answered at least this many callers, the next one waits a moment for them to come back.
const CROWD: usize = 4;
/// That moment, as a share of the last flush, and at most.
const MOMENT_SHARE: u32 = 8;
const MOMENT_MAX: Duration = Duration::from_micros(500);
/// One commit takes no more than this many records, so that the first of them does not wait for ever.
const COMMIT_RECORDS: usize = 1024;
/// The head file is written after this many records, or when nothing came for [`QUIET`].
const HEAD_EVERY: usize = 512;
const QUIET: Duration = Duration::from_secs(5);

/// Why a record was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The draft cannot be a record. Nothing of this call was kept.
    Draft(DraftError),
    /// Too much waits for the disk already. Nothing of this call was kept.
    Busy {
        /// Bytes that wait.
        waiting: usize,
    },
    /// The disk is full. It may be tried again once there is space.
    NoSpace {
        /// What the system said.
        reason: String,
    },
    /// A write or flush failed earlier: nobody knows what the disk holds until the journal is opened anew.
    Fenced {
        /// What failed.
        reason: Arc<str>,
    },
    /// The journal is closed, or its storage thread is gone. The record may or may not be on disk.
    Closed,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draft(error) => error.fmt(f),
            Self::Busy { waiting } => write!(f, "the disk does not keep up: {waiting} bytes wait to be written"),
            Self::NoSpace { reason } => {
                write!(f, "no space for another segment of the journal ({reason}): free space on its volume")
            }
            Self::Fenced { reason } => write!(
                f,
                "the journal takes no more records since a write failed ({reason}): check the disk, then restart"
            ),
            Self::Closed => f.write_str("the journal is closed"),
        }
    }
}

impl std::error::Error for AppendError {}

pub(super) type Answer = Result<Vec<Position>, AppendError>;

/// One call of `append` in the queue.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) records: Vec<Prepared>,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What the storage thread is asked.
#[derive(Debug)]
pub(super) enum Work {
    Append(Call),
    /// Finish what was asked before, close everything, unlock, and say so.
    Close(mpsc::SyncSender<()>),
}

/// What the storage thread owns.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) origin: Origin,
    pub(super) log: Log,
    pub(super) head: HeadFile,
    pub(super) tips: BTreeMap<Stream, Tip>,
    pub(super) heads: watch::Sender<Heads>,
    pub(super) shared: Arc<Shared>,
    pub(super) follower: Follower,
    /// Held for its lock alone.
    pub(super) lock: File,
    pub(super) pace: Pace,
}

/// What the last commit tells of the next: when many wait for each, half of them would always come just after the
/// disk began to flush for the others, and the disk would flush twice for what fits into one.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    /// Callers that the last commit answered.
    answered: usize,
    /// How long its flush took.
    flush: Duration,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { clock: Clock::start(), answered: 0, flush: Duration::ZERO }
    }

    /// How long the next commit may wait for more callers than the few that alone make it worth while.
    fn patience(&self) -> Duration {
        if self.answered < CROWD { Duration::ZERO } else { (self.flush / MOMENT_SHARE).min(MOMENT_MAX) }
    }
}

/// Why a commit stopped.
enum Stop {
    NoSpace(io::Error),
    Fenced,
}

impl Storage {
    /// Serves the queue until `Close` or until nobody can send any more.
    pub(super) fn run(mut self, queue: &Receiver<Work>) {
        let mut since_head = 0;
        let closing = loop {
            match queue.recv_timeout(QUIET) {
                Ok(Work::Append(call)) => {
                    let (calls, close) = self.take_waiting(queue, call);
                    since_head += self.serve(calls);
                    if let Some(close) = close {
                        break Some(close);
                    }
                }
                Ok(Work::Close(close)) => break Some(close),
                Err(RecvTimeoutError::Timeout) if since_head > 0 => since_head = HEAD_EVERY,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            if since_head >= HEAD_EVERY {
                since_head = 0;
                let _ = self.write_head(Closing::No);
            }
        };
        let _ = self.write_head(Closing::Yes);
        let Self { follower, lock, .. } = self;
        follower.stop();
        // Said outright: a child process that another thread is just starting holds a copy of the file until its exec.
        let _ = lock.unlock();
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    /// Everything that waits already, up to the size of a commit.
    fn take_waiting(&self, queue: &Receiver<Work>, first: Call) -> (Vec<Call>, Option<mpsc::SyncSender<()>>) {
        let mut records = first.records.len();
        let mut calls = vec![first];
        let until = self.pace.clock.moment() + self.pace.patience();
        // Those who wait already, and those whom the last commit answered.
        let mut crowd = None;
        while records < COMMIT_RECORDS {
            let work = queue.try_recv().ok().or_else(|| {
                let crowd = *crowd.get_or_insert(calls.len() + self.pace.answered);
                let left = until.since(self.pace.clock.moment());
                if calls.len() < crowd && !left.is_zero() { queue.recv_timeout(left).ok() } else { None }
            });
            match work {
                Some(Work::Append(call)) => {
                    records += call.records.len();
                    calls.push(call);
                }
                Some(Work::Close(close)) => return (calls, Some(close)),
                None => break,
            }
        }
        (calls, None)
    }

    /// Makes the calls' records durable and answers; returns how many records were written.
    fn serve(&mut self, calls: Vec<Call>) -> usize {
        let mut run = Vec::new();
        let mut scratch = Vec::new();
        let mut answers = Vec::with_capacity(calls.len());
        let mut written = 0;
        let mut waiting = 0;
        for call in calls {
            waiting += call.bytes;
            let result = match self.shared.fence() {
                Some(reason) => Err(AppendError::Fenced { reason }),
                None => self.place_call(&call.records, &mut run, &mut scratch),
            };
            written += result.as_ref().map_or(0, Vec::len);
            answers.push((call.answer, result));
        }
        let _ = self.flush(&mut run);
        self.shared.waiting.fetch_sub(waiting, Ordering::Relaxed);
        self.pace.answered = answers.len();
        for (answer, result) in answers {
            let result = match self.shared.fence() {
                Some(reason) if result.is_ok() => Err(AppendError::Fenced { reason }),
                Some(_) | None => result,
            };
            // Who no longer waits has given up, and knows that the record may be there.
            let _ = answer.send(result);
        }
        written
    }

    fn place_call(&mut self, records: &[Prepared], run: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Answer {
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            match self.place(record, run, scratch) {
                Ok(sequence) => positions.push(Position { stream: record.stream.clone(), sequence }),
                Err(Stop::NoSpace(error)) => return Err(AppendError::NoSpace { reason: error.to_string() }),
                Err(Stop::Fenced) => {
                    return Err(AppendError::Fenced { reason: self.shared.fence().unwrap_or_default() });
                }
            }
        }
        Ok(positions)
    }

    /// Adds one record to the run, after making room and keeping the head file's promise.
    fn place(&mut self, record: &Prepared, run: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<u64, Stop> {
        let room = frame::frame_size(record.size());
        if run.len() + room > self.log.room() {
            self.flush(run)?;
            self.log.rotate().map_err(Stop::NoSpace)?;
        }
        let mut tip = self.tips.get(&record.stream).copied().unwrap_or(Tip::NONE);
        if tip.sequence >= tip.ceiling {
            self.flush(run)?;
            self.tips.insert(record.stream.clone(), tip);
            self.write_head(Closing::No)?;
            tip = self.tips.get(&record.stream).copied().unwrap_or(tip);
        }
        let sequence = tip.sequence + 1;
        scratch.clear();
        record.write(&self.origin, sequence, &tip.hash, scratch);
        let header = FrameHeader { tag: record.stream.tag(), sequence, durable: self.log.spot() };
        frame::write(run, header, scratch);
        let tip = Tip { sequence, hash: hash(scratch), ..tip };
        match self.tips.get_mut(&record.stream) {
            Some(place) => *place = tip,
            None => drop(self.tips.insert(record.stream.clone(), tip)),
        }
        Ok(sequence)
    }

    /// Writes the run and waits for the disk; then readers may know.
    fn flush(&mut self, run: &mut Vec<u8>) -> Result<(), Stop> {
        if self.shared.fence().is_some() {
            return Err(Stop::Fenced);
        }
        if run.is_empty() {
            return Ok(());
        }
        let began = self.pace.clock.moment();
        match self.log.commit(run) {
            Ok(bytes) => {
                self.pace.flush = self.pace.clock.moment().since(began);
                self.shared.count(bytes);
                self.shared.recent.add(pieces(run).filter_map(stored));
                run.clear();
                self.publish();
                Ok(())
            }
            Err(error) => Err(self.raise_fence("writing the log", &error)),
        }
    }

    fn publish(&self) {
        self.shared.advance(self.log.spot());
        self.heads.send_modify(|heads| {
            for (stream, tip) in &self.tips {
                match heads.streams.get_mut(stream) {
                    Some(sequence) => *sequence = tip.sequence,
                    None => drop(heads.streams.insert(stream.clone(), tip.sequence)),
                }
            }
        });
    }

    fn raise_fence(&self, doing: &str, error: &io::Error) -> Stop {
        let reason = format!("{doing}: {error}");
        tracing::error!(%reason, "the journal is fenced: no record is taken until it is opened anew");
        self.shared.raise_fence(&reason);
        Stop::Fenced
    }

    /// Writes the head file for what is durable. Called between runs only.
    fn write_head(&mut self, closing: Closing) -> Result<(), Stop> {
        if self.shared.fence().is_some() {
            return Err(Stop::Fenced);
        }
        let reserve = match closing {
            Closing::No => RESERVE,
            Closing::Yes => 0,
        };
        self.tips.values_mut().for_each(|tip| tip.ceiling = tip.sequence + reserve);
        let head = Head {
            epoch: self.origin.epoch,
            durable: self.log.spot(),
            closed: matches!(closing, Closing::Yes),
            tips: self.tips.clone(),
        };
        match self.head.write(&head) {
            Ok(()) => {
                self.shared.count(4096);
                Ok(())
            }
            Err(error) => Err(self.raise_fence("writing the head file", &error)),
        }
    }
}

fn stored(piece: Piece<'_>) -> Option<Stored> {
    match piece {
        Piece::Frame { header, record, .. } => {
            Some(Stored { stream: stream_of(header, record)?, sequence: header.sequence, bytes: Arc::from(record) })
        }
        Piece::Hole { .. } => None,
    }
}

/// Whether the head is the journal's last word.
#[derive(Clone, Copy)]
enum Closing {
    Yes,
    No,
}

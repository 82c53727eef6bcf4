//! Which record goes next: alarms first, telemetry last, each stream in its own order.
//!
//! ```text
//!            ┌───────────── taken ─────────────┐
//!            ▼                                 │
//!   Open ──not taken──► Held ──time is up──► Trial
//!    ▲                   ▲                     │
//!    │                   └──────not taken──────┘
//!    └── noted (a record too large was set aside)
//! ```
//! - *taken*: the broker stored the record for somebody (PUBACK 0x00).
//! - *not taken*: nobody subscribes, the broker refuses, the record is too large, or it cannot be read. The stream
//!   goes back to that record and everything behind it will be sent again, so that a receiver sees a whole pass in
//!   order. Other streams go on.
//! - *time is up*: one single record goes out to find out whether the reason is gone.
//!
//! Pure: moments and answers come in, choices go out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use portside_devices::moment::Moment;
use serde::{Serialize, Serializer};

use super::message::{RECORD_TYPE, packet_size};
use super::owed::{Span, Stored};

/// Records read from the journal in one go. A stream holds at most one and a half times as many.
const BATCH_RECORDS: usize = 512;
/// Bytes read from the journal in one go, but for a record that is larger by itself.
const BATCH_BYTES: usize = 256 * 1024;
/// Records read for a trial: one goes out, but the first ones may be damaged.
const TRIAL_RECORDS: usize = 4;
/// A stream whose records the journal cannot hand out is tried again after this long.
const RETRY_UNREADABLE: Duration = Duration::from_secs(1);
/// A record too large for the broker is offered for a note again after this long.
const RETRY_TOO_LARGE: Duration = Duration::from_secs(30);
/// Waits after refusals double from here …
const REFUSED_FIRST: Duration = Duration::from_secs(1);
/// … to here.
const REFUSED_MOST: Duration = Duration::from_secs(60);

/// Why a stream stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The broker has nobody to give its records to (reason 0x10).
    NoSubscriber,
    /// The broker refuses its records, for this reason.
    Refused(String),
    /// A record is larger than the broker takes, and the note about it is not durable yet.
    TooLarge,
    /// The journal cannot hand its records out, for this reason.
    Unreadable(String),
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSubscriber => write!(f, "no subscriber"),
            Self::Refused(reason) => write!(f, "refused by the broker: {reason}"),
            Self::TooLarge => write!(f, "a record is too large for the broker"),
            Self::Unreadable(reason) => write!(f, "not readable: {reason}"),
        }
    }
}

impl Serialize for Waiting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the broker answered to one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Stored for somebody: owed no longer.
    Taken,
    /// Nobody subscribes.
    Unheard,
    /// Refused.
    Refused(String),
}

/// Names one sending of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    /// Place of the stream in this order.
    pub(super) stream: usize,
    /// The record.
    pub(super) sequence: u64,
    /// Rises whenever the stream goes back, so that an answer to an older pass is known as such.
    pass: u32,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Send this record; the broker's answer comes back with the ticket.
    Send(Ticket, Bytes),
    /// This record does not fit; its stream waits until [`Order::noted`].
    SetAside { stream: Arc<str>, sequence: u64, size: usize },
}

/// Records to fetch from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) stream: usize,
    pub(super) name: Arc<str>,
    pub(super) from: u64,
    pub(super) records: usize,
    pub(super) bytes: usize,
    pass: u32,
}

/// How many messages may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Free places in the window.
    pub(super) free: usize,
    /// Of these, places that only alarms and inspections may take.
    pub(super) reserved: usize,
}

/// The order of sending, over all connections: a new one begins with [`Order::begin`].
#[derive(Debug)]
pub(super) struct Order {
    streams: Vec<Stream>,
    /// Length of a stream's topic without the stream's name.
    topic_root: usize,
    /// Bytes that a packet may have.
    packet_limit: usize,
    retry_unheard: Duration,
    turn: u64,
}

#[derive(Debug)]
struct Stream {
    name: Arc<str>,
    urgency: Urgency,
    /// Newest durable sequence.
    head: u64,
    /// Everything up to here has been taken.
    taken: u64,
    /// What the journal was last told of `taken`.
    retired: u64,
    /// Sent in this pass and not contiguously taken: ascending sequences, and whether each was taken.
    sent: VecDeque<(u64, bool)>,
    /// Read and to be sent next, in order.
    buffer: VecDeque<Stored>,
    /// Bytes in `buffer`.
    buffered: usize,
    /// The sequence to read next.
    read_from: u64,
    pass: u32,
    pace: Pace,
    /// The turn it was last served at: among equals the one that waited longest goes first.
    served: u64,
}

#[derive(Debug)]
enum Pace {
    Open,
    Held { why: Waiting, until: Moment, tries: u32 },
    Trial { why: Waiting, tries: u32 },
}

/// Less goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Alarm,
    Inspection,
    Agency,
    Device,
    Audit,
    Other,
    Telemetry,
}

impl Urgency {
    fn of(stream: &str) -> Self {
        match stream {
            "alarm" => Self::Alarm,
            "inspection" => Self::Inspection,
            "device" => Self::Device,
            "audit" => Self::Audit,
            "telemetry" => Self::Telemetry,
            agency if agency.starts_with("agency-") => Self::Agency,
            _ => Self::Other,
        }
    }

    const fn may_take_reserved(self) -> bool {
        match self {
            Self::Alarm | Self::Inspection => true,
            Self::Agency | Self::Device | Self::Audit | Self::Other | Self::Telemetry => false,
        }
    }
}

impl Order {
    pub(super) fn new(topic_root: usize, retry_unheard: Duration) -> Self {
        Self { streams: Vec::new(), topic_root, packet_limit: 0, retry_unheard, turn: 0 }
    }

    /// A connection begins: everything that was sent and not taken goes again, from the oldest owed record on, in
    /// packets of at most `limit` bytes.
    pub(super) fn begin(&mut self, limit: usize) {
        self.packet_limit = limit;
        for stream in &mut self.streams {
            stream.go_back();
            stream.pace = Pace::Open;
        }
    }

    /// The journal has grown.
    pub(super) fn grown(&mut self, spans: &[Span]) {
        for span in spans {
            match self.streams.iter_mut().find(|stream| stream.name == span.stream) {
                Some(stream) => stream.head = stream.head.max(span.newest),
                None => self.streams.push(Stream::new(span)),
            }
        }
    }

    /// What to fetch from the journal, most urgent first; `None` when enough is at hand.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let stream = self.streams.iter().enumerate().filter(|(_, stream)| stream.runs_low());
        let (index, stream) = stream.min_by_key(|(_, stream)| (stream.urgency, stream.served))?;
        let records = match stream.pace {
            Pace::Open => BATCH_RECORDS,
            Pace::Trial { .. } | Pace::Held { .. } => TRIAL_RECORDS,
        };
        Some(Wanted {
            stream: index,
            name: stream.name.clone(),
            from: stream.read_from,
            records,
            bytes: BATCH_BYTES,
            pass: stream.pass,
        })
    }

    /// What was wanted has been read, or could not be.
    pub(super) fn fetched(&mut self, wanted: &Wanted, records: Result<Vec<Stored>, String>, now: Moment) {
        let stream = &mut self.streams[wanted.stream];
        if stream.pass != wanted.pass {
            return;
        }
        match records {
            Ok(records) if !records.is_empty() => stream.store(records),
            // Records that the journal knows to be damaged are left out: behind a whole batch of them it goes on.
            Ok(_) if wanted.from + wanted.records as u64 <= stream.head => stream.read_from += wanted.records as u64,
            Ok(_) => {
                stream.hold(Waiting::Unreadable("the journal handed out nothing".to_owned()), now + RETRY_UNREADABLE)
            }
            Err(reason) => stream.hold(Waiting::Unreadable(reason), now + RETRY_UNREADABLE),
        }
    }

    /// The next thing to do, if there is room and a record at hand.
    pub(super) fn choose(&mut self, now: Moment, room: Room) -> Option<Choice> {
        for stream in &mut self.streams {
            stream.end_hold(now);
        }
        let ready = self.streams.iter().enumerate().filter(|(_, stream)| stream.is_ready(room));
        let (index, _) = ready.min_by_key(|(_, stream)| (stream.urgency, stream.served))?;
        self.turn += 1;
        let stream = &mut self.streams[index];
        stream.served = self.turn;
        let record = stream.buffer.front()?;
        let size = packet_size(self.topic_root + stream.name.len(), RECORD_TYPE.len(), record.bytes.len());
        if size > self.packet_limit {
            let (stream_name, sequence) = (stream.name.clone(), record.sequence);
            stream.pace = Pace::Held { why: Waiting::TooLarge, until: now + RETRY_TOO_LARGE, tries: 0 };
            return Some(Choice::SetAside { stream: stream_name, sequence, size });
        }
        let record = stream.take_first()?;
        stream.sent.push_back((record.sequence, false));
        Some(Choice::Send(Ticket { stream: index, sequence: record.sequence, pass: stream.pass }, record.bytes))
    }

    /// The broker answered one sending.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer, now: Moment) {
        let retry_unheard = self.retry_unheard;
        let stream = &mut self.streams[ticket.stream];
        if stream.pass != ticket.pass {
            return;
        }
        match answer {
            Answer::Taken => {
                stream.mark_taken(ticket.sequence);
                if let Pace::Trial { .. } = stream.pace {
                    stream.pace = Pace::Open;
                }
            }
            Answer::Unheard => stream.hold(Waiting::NoSubscriber, now + retry_unheard),
            Answer::Refused(reason) => {
                let wait = REFUSED_FIRST.saturating_mul(1 << stream.tries().min(6)).min(REFUSED_MOST);
                stream.hold(Waiting::Refused(reason), now + wait);
            }
        }
    }

    /// The note about a record too large is durable: its stream goes on behind it.
    pub(super) fn noted(&mut self, name: &str, sequence: u64) {
        let Some(stream) = self.streams.iter_mut().find(|stream| *stream.name == *name) else { return };
        let waits_for_it = stream.buffer.front().is_some_and(|record| record.sequence == sequence)
            && matches!(
                stream.pace,
                Pace::Held { why: Waiting::TooLarge, .. } | Pace::Trial { why: Waiting::TooLarge, .. }
            );
        if waits_for_it && stream.take_first().is_some() {
            stream.sent.push_back((sequence, false));
            stream.mark_taken(sequence);
            stream.pace = Pace::Open;
        }
    }

    /// Streams that got further since this was last asked, and how far.
    pub(super) fn take_retired(&mut self) -> Vec<(Arc<str>, u64)> {
        let moved = self.streams.iter_mut().filter(|stream| stream.taken > stream.retired);
        moved
            .map(|stream| {
                stream.retired = stream.taken;
                (stream.name.clone(), stream.taken)
            })
            .collect()
    }

    /// Every stream with the number of records it owes and why it stands still.
    pub(super) fn backlog(&self) -> impl Iterator<Item = (&Arc<str>, u64, Option<Waiting>)> {
        self.streams.iter().map(|stream| (&stream.name, stream.head.saturating_sub(stream.taken), stream.waiting()))
    }

    /// Name of the stream at this place.
    pub(super) fn name(&self, stream: usize) -> &str {
        &self.streams[stream].name
    }
}

impl Stream {
    fn new(span: &Span) -> Self {
        Self {
            urgency: Urgency::of(&span.stream),
            name: span.stream.clone(),
            head: span.newest,
            taken: span.retired,
            retired: span.retired,
            sent: VecDeque::new(),
            buffer: VecDeque::new(),
            buffered: 0,
            read_from: span.retired + 1,
            pass: 0,
            pace: Pace::Open,
            served: 0,
        }
    }

    fn runs_low(&self) -> bool {
        let room = match self.pace {
            Pace::Open => self.buffer.len() < BATCH_RECORDS / 2 && self.buffered < BATCH_BYTES / 2,
            Pace::Trial { .. } => self.buffer.is_empty() && self.sent.is_empty(),
            Pace::Held { .. } => false,
        };
        room && self.read_from <= self.head
    }

    fn is_ready(&self, room: Room) -> bool {
        let has_room = if self.urgency.may_take_reserved() { room.free > 0 } else { room.free > room.reserved };
        let may_send = match self.pace {
            Pace::Open => true,
            Pace::Trial { .. } => self.sent.is_empty(),
            Pace::Held { .. } => false,
        };
        has_room && may_send && !self.buffer.is_empty()
    }

    fn store(&mut self, records: Vec<Stored>) {
        for record in records {
            // A journal that repeats itself or steps back must not make us send out of order.
            if record.sequence >= self.read_from {
                self.read_from = record.sequence + 1;
                self.buffered += record.bytes.len();
                self.buffer.push_back(record);
            }
        }
    }

    fn take_first(&mut self) -> Option<Stored> {
        let record = self.buffer.pop_front()?;
        self.buffered -= record.bytes.len();
        Some(record)
    }

    fn mark_taken(&mut self, sequence: u64) {
        if let Ok(place) = self.sent.binary_search_by_key(&sequence, |(sent, _)| *sent) {
            self.sent[place].1 = true;
        }
        while let Some((sequence, true)) = self.sent.front() {
            self.taken = *sequence;
            self.sent.pop_front();
        }
    }

    fn hold(&mut self, why: Waiting, until: Moment) {
        let tries = self.tries() + 1;
        self.go_back();
        self.pace = Pace::Held { why, until, tries };
    }

    fn end_hold(&mut self, now: Moment) {
        if let Pace::Held { why, until, tries } = &self.pace
            && *until <= now
        {
            self.pace = Pace::Trial { why: why.clone(), tries: *tries };
        }
    }

    fn go_back(&mut self) {
        self.sent.clear();
        self.buffer.clear();
        self.buffered = 0;
        self.read_from = self.taken + 1;
        self.pass = self.pass.wrapping_add(1);
    }

    fn tries(&self) -> u32 {
        match self.pace {
            Pace::Open => 0,
            Pace::Held { tries, .. } | Pace::Trial { tries, .. } => tries,
        }
    }

    fn waiting(&self) -> Option<Waiting> {
        match &self.pace {
            Pace::Open => None,
            Pace::Held { why, .. } | Pace::Trial { why, .. } => Some(why.clone()),
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;

//! The task of one link to line or frame devices: listen, or ask in turns, and never let one answer pass for another's.
//!
//! ```text
//!            open                     a record of the device
//!   Down ──────────► Up, unheard ──────────────────────────► Up, heard ◄─┐ another one
//!    ▲ ▲ refused: later  │ silence                            │    └─────┘
//!    └─┴─────────────────┴─── hung up, silence, no answer ◄───┘
//! ```
//! A device that speaks by itself is listened to and is silent when nothing of it has come for its `silence`. A polled
//! one is asked in turns, and only a record that answers the request counts. After an answer that did not come nothing
//! that may still come counts either: a TCP connection is dropped, on a serial line it is quiet until a late answer is
//! over.

mod ask;
mod heard;
mod outbox;
mod wire;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::profile::{PollClass, Profile};
use portside_devices::reading::Reading;
use portside_devices::stream::{Found, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use heard::Heard;
use outbox::{Kept, Outbox};
use wire::{Heap, Wire};
use write::Command;

use super::breaker::Breaker;
use super::medium::Medium;
use super::turn::{self, Job, Turn, Turns};
use super::{DeviceSpec, Drive, FieldEvent, LinkSpec, LinkState, LinkStats, Order};
use crate::clock::Clock;

/// Longest wait for a medium to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(1);
/// Waits between openings that led to nothing: doubled up to the second.
const REOPEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Longest wait of the task, so that its progress can be seen from outside.
const BEAT: Duration = Duration::from_millis(500);
/// After this long without a byte a unit that was begun is not finished any more.
const PAUSE: Duration = Duration::from_secs(1);
/// How long bytes that still come after an answer that did not may put the next request off.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// Silence that must follow such bytes.
const SETTLED: Duration = Duration::from_millis(50);

/// The connection or port.
#[derive(Debug)]
enum Line {
    Up(Wire),
    Down { retry_at: Moment, reason: Arc<str> },
}

/// How the devices of a link are talked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Talk {
    /// They are asked.
    Polled,
    /// The only one speaks by itself, at least this often.
    Speaking { silence: Duration },
    /// They are only written to.
    Written,
}

/// Whether a device is heard, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    New,
    Up,
    Down,
}

#[derive(Debug)]
struct Device {
    spec: DeviceSpec,
    heard: Heard,
    breaker: Breaker,
    health: Health,
}

/// What to do next.
#[derive(Debug)]
enum Next {
    Open,
    Command,
    Poll(Turn),
    Listen(Moment),
}

/// What ended a wait.
#[derive(Debug)]
enum Woken {
    Order(Order),
    Heard(Result<Heap, String>),
    Time,
}

#[derive(Debug)]
pub(super) struct LineLink {
    name: Arc<str>,
    medium: Medium,
    timeout: Duration,
    drive: Drive,
    clock: Clock,
    events: mpsc::Sender<FieldEvent>,
    commands: mpsc::Receiver<Order>,
    urgent: mpsc::UnboundedReceiver<Order>,
    stats: Arc<LinkStats>,
    line: Line,
    talk: Talk,
    devices: Vec<Device>,
    turns: Turns,
    orders: VecDeque<Command>,
    outbox: Outbox,
    /// Openings since a device was last heard.
    in_vain: u32,
    /// When the link was opened or a device last said something that counts.
    alive: Moment,
    /// When the last bytes came.
    last_bytes: Moment,
    /// Before this nothing is sent, and never later than the second moment whatever comes.
    quiet_until: (Moment, Moment),
}

/// True for a profile whose devices this link talks with.
pub(super) const fn speaks(profile: &Profile) -> bool {
    profile.stream.is_some()
}

fn talk(devices: &[DeviceSpec]) -> Talk {
    let streams = || devices.iter().filter_map(|spec| spec.profile.stream.as_ref());
    if streams().any(Stream::is_polled) {
        return Talk::Polled;
    }
    match streams().find(|stream| stream.tells()) {
        Some(stream) => Talk::Speaking { silence: stream.silence },
        None => Talk::Written,
    }
}

impl LineLink {
    pub(super) fn new(
        spec: LinkSpec,
        clock: Clock,
        events: mpsc::Sender<FieldEvent>,
        commands: mpsc::Receiver<Order>,
        urgent: mpsc::UnboundedReceiver<Order>,
        stats: Arc<LinkStats>,
    ) -> Self {
        let now = clock.moment();
        let talk = talk(&spec.devices);
        let jobs = spec.devices.iter().enumerate().flat_map(|(place, spec)| jobs(place, spec, now)).collect();
        let turns = Turns::new(jobs, spec.devices.len());
        let device = |spec: DeviceSpec| {
            let heard = Heard::new(spec.profile.clone(), &spec.watched);
            Device { spec, heard, breaker: Breaker::new(), health: Health::New }
        };
        Self {
            name: spec.name,
            medium: spec.medium,
            timeout: spec.timeout,
            drive: spec.drive,
            clock,
            events,
            commands,
            urgent,
            stats,
            line: Line::Down { retry_at: now, reason: "not yet open".into() },
            talk,
            devices: spec.devices.into_iter().map(device).collect(),
            turns,
            orders: VecDeque::new(),
            outbox: Outbox::default(),
            in_vain: 0,
            alive: now,
            last_bytes: now,
            quiet_until: (now, now),
        }
    }

    pub(super) async fn run(mut self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            self.stats.beat();
            self.take_in();
            let now = self.clock.moment();
            self.age(now);
            self.outbox.tell(&self.events, now);
            match self.next(now) {
                Next::Open => self.open(&cancel).await,
                Next::Command => self.command().await,
                Next::Poll(turn) => self.poll(turn).await,
                Next::Listen(until) => self.listen(until, &cancel).await,
            }
        }
        self.drop_orders("the program ends");
    }

    fn next(&self, now: Moment) -> Next {
        let mut until = now + BEAT;
        let stale = self.devices.iter().filter_map(|device| device.heard.stale_next()).min();
        for moment in [self.outbox.next(now), stale].into_iter().flatten() {
            until = until.min(moment);
        }
        match &self.line {
            Line::Down { retry_at, .. } if *retry_at <= now => return Next::Open,
            Line::Down { retry_at, .. } => return Next::Listen(until.min(*retry_at)),
            Line::Up(wire) if wire.is_waiting() => until = until.min(self.last_bytes + PAUSE),
            Line::Up(_) => {}
        }
        if self.quiet_until.0 > now {
            return Next::Listen(until.min(self.quiet_until.0));
        }
        if !self.orders.is_empty() {
            return Next::Command;
        }
        if let Talk::Speaking { silence } = self.talk {
            return Next::Listen(until.min(self.alive + silence));
        }
        match self.turns.next(now, |place| self.devices[place].breaker.not_before(Moment::START)) {
            turn::Next::Now(turn) => Next::Poll(turn),
            turn::Next::NotBefore(moment) => Next::Listen(until.min(moment)),
            turn::Next::None => Next::Listen(until),
        }
    }

    async fn listen(&mut self, until: Moment, cancel: &CancellationToken) {
        let pause = self.clock.until(until);
        let profile = self.devices.first().map(|device| device.spec.profile.clone());
        let line = &mut self.line;
        let hear = async {
            match (line, profile.as_ref().and_then(|profile| Some((profile, profile.stream.as_ref()?)))) {
                (Line::Up(wire), Some((profile, stream))) => wire.hear(profile, stream).await,
                (Line::Up(_) | Line::Down { .. }, _) => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            biased;
            () = cancel.cancelled() => Woken::Time,
            Some(order) = self.urgent.recv() => Woken::Order(order),
            Some(order) = self.commands.recv() => Woken::Order(order),
            heap = hear => Woken::Heard(heap),
            () = tokio::time::sleep(pause) => Woken::Time,
        };
        match woken {
            Woken::Order(order) => self.accept(order),
            Woken::Heard(Ok(heap)) => {
                let now = self.clock.moment();
                self.last_bytes = now;
                self.unsettled(now);
                self.came(heap, now);
            }
            Woken::Heard(Err(why)) => self.hung_up(&why),
            Woken::Time => {}
        }
    }

    /// Takes in whatever has been asked for, without waiting.
    fn take_in(&mut self) {
        while let Ok(order) = self.urgent.try_recv() {
            self.accept(order);
        }
        while let Ok(order) = self.commands.try_recv() {
            self.accept(order);
        }
    }

    async fn open(&mut self, cancel: &CancellationToken) {
        let medium = self.medium.clone();
        let opening = Wire::open(&medium, OPEN_TIMEOUT);
        tokio::pin!(opening);
        let result = loop {
            let order = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                result = &mut opening => break result,
                Some(order) = self.urgent.recv() => order,
                Some(order) = self.commands.recv() => order,
            };
            self.accept(order);
        };
        let now = self.clock.moment();
        match result {
            Ok(wire) => {
                self.line = Line::Up(wire);
                self.stats.connected(true);
                (self.alive, self.last_bytes) = (now, now);
                // Of a device that says nothing, an open line is all that can be known.
                if self.talk == Talk::Written {
                    (0..self.devices.len()).for_each(|place| self.is_heard(place, now));
                }
            }
            Err(reason) => {
                self.stats.failed();
                self.down(&reason, now);
            }
        }
    }

    /// The line is gone or leads to nothing: it is opened again, ever more slowly while that changes nothing.
    fn down(&mut self, reason: &str, now: Moment) {
        if self.in_vain == 0 {
            tracing::warn!(link = &*self.name, reason, "link down");
        }
        let wait = match self.in_vain {
            0 => Duration::ZERO,
            many => (REOPEN.0 * (1 << many.min(5))).min(REOPEN.1),
        };
        self.in_vain = self.in_vain.saturating_add(1);
        self.line = Line::Down { retry_at: now + wait, reason: reason.into() };
        self.drop_orders(&format!("link `{}` is down: {reason}", self.name));
        for place in 0..self.devices.len() {
            self.fell_silent(place, reason, now);
        }
    }

    fn hung_up(&mut self, why: &str) {
        self.stats.connected(false);
        self.stats.failed();
        self.down(&format!("{} {why}", self.medium), self.clock.moment());
    }

    /// What time alone changes: stale records, units that will not be finished, silence.
    fn age(&mut self, now: Moment) {
        for place in 0..self.devices.len() {
            let readings = self.devices[place].heard.grown_stale(now);
            self.tell(place, readings, now);
        }
        let profile = self.devices.first().map(|device| device.spec.profile.clone());
        if let (Line::Up(wire), Some(profile)) = (&mut self.line, profile)
            && wire.is_waiting()
            && now.since(self.last_bytes) >= PAUSE
            && let Some(stream) = &profile.stream
        {
            let heap = wire.pause(&profile, stream);
            self.came(heap, now);
        }
        self.silence(now);
    }

    fn silence(&mut self, now: Moment) {
        let (Talk::Speaking { silence }, Line::Up(wire)) = (self.talk, &self.line) else { return };
        if now.since(self.alive) < silence {
            return;
        }
        let profile = self.devices.first().map_or("", |device| &*device.spec.profile.name);
        let seconds = silence.as_secs_f64();
        let reason = match wire.bytes {
            0 => format!("nothing came for {seconds} s"),
            bytes => format!(
                "{bytes} bytes came, but for {seconds} s nothing that profile `{profile}` describes: compare baud rate, \
                 parity and model"
            ),
        };
        self.stats.connected(false);
        // A peer that vanished without a word is found by opening again.
        self.down(&reason, now);
    }

    /// What the device said by itself.
    fn came(&mut self, heap: Heap, now: Moment) {
        if heap.noise > 0 {
            self.stats.failed();
        }
        let Talk::Speaking { .. } = self.talk else { return };
        if heap.ignored > 0 || !heap.records.is_empty() {
            self.alive = now;
            self.is_heard(0, now);
        }
        for (record, found) in heap.records {
            let readings = self.devices[0].heard.heard(record, found, now);
            self.tell(0, readings, now);
        }
    }

    /// Bytes after an answer that did not come: the next request waits until they are over, though not for ever.
    fn unsettled(&mut self, now: Moment) {
        if self.quiet_until.0 > now {
            self.quiet_until.0 = self.quiet_until.0.max(now + SETTLED).min(self.quiet_until.1);
        }
    }

    fn answered(&mut self, place: usize, record: usize, found: Vec<Found>, now: Moment) {
        self.devices[place].breaker.answered();
        self.alive = now;
        self.is_heard(place, now);
        let readings = self.devices[place].heard.heard(record, found, now);
        self.tell(place, readings, now);
    }

    /// The device said something that counts.
    fn is_heard(&mut self, place: usize, now: Moment) {
        self.in_vain = 0;
        let device = &mut self.devices[place];
        if device.health != Health::Up {
            device.health = Health::Up;
            let event = FieldEvent::Link { device: device.spec.index, at: now, state: LinkState::Up };
            self.push(event);
        }
    }

    /// The device is not heard: its readings are stale at once, not when somebody misses them.
    fn fell_silent(&mut self, place: usize, reason: &str, now: Moment) {
        let device = &mut self.devices[place];
        if device.health == Health::Down {
            return;
        }
        tracing::warn!(link = &*self.name, device = &*device.spec.id, reason, "device is not heard");
        device.health = Health::Down;
        let index = device.spec.index;
        let stale = device.heard.silent(now);
        self.push(FieldEvent::Link { device: index, at: now, state: LinkState::Down { reason: reason.into() } });
        self.tell(place, stale, now);
    }

    fn tell(&mut self, place: usize, readings: Vec<Reading>, at: Moment) {
        if !readings.is_empty() {
            self.push(FieldEvent::Batch { device: self.devices[place].spec.index, at, readings });
        }
    }

    fn push(&mut self, event: FieldEvent) {
        if self.outbox.push(event) == Kept::Latest {
            self.stats.untold();
        }
        self.outbox.tell(&self.events, self.clock.moment());
    }
}

/// What one device is asked, class by class.
fn jobs(place: usize, spec: &DeviceSpec, now: Moment) -> Vec<Job> {
    let requests = spec.profile.stream.as_ref().map_or(&[][..], |stream| &stream.requests);
    let of_class = |class| (0..requests.len()).filter(|index| requests[*index].class == class).collect::<Vec<_>>();
    let classes = PollClass::ALL.into_iter().map(|class| (class, of_class(class)));
    let classes = classes.filter(|(_, requests)| !requests.is_empty());
    classes.map(|(class, requests)| Job::new(place, requests, spec.intervals.of(class), now)).collect()
}

//! The task of one link: choose what to do next, do it, and never let one answer pass for another's.
//!
//! ```text
//!            connected                  answered
//!   Down ───────────────► Up ◄──────────────────────┐
//!    ▲ ▲ refused: later    │ request ───────────────┘
//!    └─┴───────────────────┘ no answer, or not an answer to this: dropped with all that may still come
//! ```
//! A protective order does not wait for a request in flight: that gets [`GRACE`] to end, then its connection is
//! dropped and the order goes out on a fresh one. A second connection beside the first is no way out: many I/O
//! modules accept only one.

mod write;

use std::sync::Arc;
use std::time::Duration;

use portside_devices::barrier::rest;
use portside_devices::codec::encode;
use portside_devices::moment::Moment;
use portside_devices::plan::plan;
use portside_devices::profile::PollClass;
use portside_devices::reading::Reading;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::medium::Medium;
use super::orders::{self, Command, Orders, Protective, Step};
use super::seen::Seen;
use super::turn::{self, Job, Pace, Turn, Turns};
use super::wire::{Ask, Exception, Got, Wire};
use super::{DeviceSpec, Drive, FieldEvent, LinkSpec, LinkState, LinkStats, Order, Outcome, Urgency};
use crate::clock::Clock;

/// What a request in flight gets when a protective order waits: with reconnecting and writing on a lane's own
/// network it leaves the order well inside the 50 ms of the promise to withdraw a close.
const GRACE: Duration = Duration::from_millis(20);
/// Longest wait for the answer to a protective write.
const PROTECTIVE_TIMEOUT_MAX: Duration = Duration::from_millis(100);
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Longest wait for a connection while a protective order waits for it.
const CONNECT_TIMEOUT_URGENT: Duration = Duration::from_millis(250);
/// Waits between connections that are refused: doubled up to the second.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// Longest wait of the task, so that its progress can be seen from outside.
const BEAT: Duration = Duration::from_millis(500);
/// How long an ending link tries to end its pulses.
const FAREWELL: Duration = Duration::from_millis(500);

/// The connection.
#[derive(Debug)]
enum Line {
    Up(Wire),
    Down {
        retry_at: Moment,
        /// Connections refused in a row; 0 while nothing is known to be wrong.
        refused: u32,
        reason: Arc<str>,
    },
}

/// Whether a device answers, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Health {
    New,
    Up,
    Down(Arc<str>),
}

#[derive(Debug)]
struct Device {
    spec: DeviceSpec,
    seen: Seen,
    breaker: Breaker,
    health: Health,
    /// False while the change of health waits for room in the channel.
    told: bool,
}

/// What became of one request.
#[derive(Debug)]
enum Reply {
    Got(Got),
    /// No answer that counts; the connection is gone.
    Lost(String),
    /// Dropped for a protective order; the connection is gone.
    Overtaken,
}

/// What to do next.
#[derive(Debug)]
enum Next {
    Connect,
    Protect,
    End,
    Command,
    Poll(Turn),
    Wait(Moment),
}

#[derive(Debug)]
pub(super) struct Link {
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
    devices: Vec<Device>,
    orders: Orders,
    turns: Turns,
}

impl Link {
    pub(super) fn new(
        spec: LinkSpec,
        clock: Clock,
        events: mpsc::Sender<FieldEvent>,
        commands: mpsc::Receiver<Order>,
        urgent: mpsc::UnboundedReceiver<Order>,
        stats: Arc<LinkStats>,
    ) -> Self {
        let now = clock.moment();
        let mut jobs = Vec::new();
        let mut devices = Vec::new();
        for (place, spec) in spec.devices.into_iter().enumerate() {
            let blocks = plan(&spec.profile);
            for class in PollClass::ALL {
                let of_class: Vec<usize> = (0..blocks.len()).filter(|block| blocks[*block].class == class).collect();
                if !of_class.is_empty() {
                    jobs.push(Job::new(place, of_class, spec.intervals.of(class), now));
                }
            }
            let seen = Seen::new(spec.profile.clone(), blocks, &spec.watched);
            devices.push(Device { spec, seen, breaker: Breaker::new(), health: Health::New, told: true });
        }
        let turns = Turns::new(jobs, devices.len());
        let line = Line::Down { retry_at: now, refused: 0, reason: "not yet connected".into() };
        let (name, medium, timeout, drive) = (spec.name, spec.medium, spec.timeout, spec.drive);
        let orders = Orders::default();
        let mut link =
            Self { name, medium, timeout, drive, clock, events, commands, urgent, stats, line, devices, orders, turns };
        if drive == Drive::Full {
            link.plan_rest(now);
        }
        link
    }

    /// Before anything else every output is brought to rest: the program may have died in the middle of a pulse.
    fn plan_rest(&mut self, now: Moment) {
        for (place, device) in self.devices.iter().enumerate() {
            for write in rest(&device.spec.profile) {
                if let Ok(off) = encode(&device.spec.profile.points[write.point], &write.value) {
                    self.orders.end_at(place, write.point, off, now);
                }
            }
        }
    }

    pub(super) async fn run(mut self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            self.stats.beat();
            self.take_in();
            self.tell_again();
            let now = self.clock.moment();
            self.orders.give_up(now);
            match self.next(now) {
                Next::Connect => self.connect().await,
                Next::Protect => self.protect().await,
                Next::End => self.end_pulse().await,
                Next::Command => self.command().await,
                Next::Poll(turn) => self.poll(turn).await,
                Next::Wait(until) => self.wait(until, &cancel).await,
            }
        }
        self.farewell().await;
    }

    fn next(&self, now: Moment) -> Next {
        let beat = now + BEAT;
        if let Line::Down { retry_at, .. } = &self.line {
            return if *retry_at <= now { Next::Connect } else { Next::Wait((*retry_at).min(beat)) };
        }
        let waits = match self.orders.next(now) {
            orders::Next::Protective => return Next::Protect,
            orders::Next::End => return Next::End,
            orders::Next::Command => return Next::Command,
            orders::Next::NotBefore(moment) => moment,
            orders::Next::None => beat,
        };
        match self.turns.next(now, |device| self.devices[device].breaker.not_before()) {
            turn::Next::Now(turn) => Next::Poll(turn),
            turn::Next::NotBefore(moment) => Next::Wait(moment.min(waits).min(beat)),
            turn::Next::None => Next::Wait(waits.min(beat)),
        }
    }

    async fn wait(&mut self, until: Moment, cancel: &CancellationToken) {
        let pause = self.clock.until(until);
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            Some(order) = self.urgent.recv() => self.accept(order),
            Some(order) = self.commands.recv() => self.accept(order),
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Takes in whatever has come, without waiting.
    fn take_in(&mut self) {
        while let Ok(order) = self.urgent.try_recv() {
            self.accept(order);
        }
        while let Ok(order) = self.commands.try_recv() {
            self.accept(order);
        }
    }

    /// Judges an order that came in: refused with a reason, or put in its queue.
    fn accept(&mut self, order: Order) {
        let Order { request, reply } = order;
        let steps = match self.steps(&request) {
            Ok(steps) => steps,
            Err(why) => {
                let _ = reply.send(Outcome::Refused(why));
                return;
            }
        };
        let Some(place) = self.devices.iter().position(|device| device.spec.index == request.device) else { return };
        match request.urgency {
            Urgency::Protective { give_up } => {
                let give_up = give_up.map(|wait| self.clock.moment() + wait);
                self.orders.protect(place, steps, give_up, reply);
                // What protects does not wait for the next attempt to connect.
                if let Line::Down { retry_at, .. } = &mut self.line {
                    *retry_at = Moment::START;
                }
            }
            Urgency::Command => match self.obstacle(place) {
                Some(why) => {
                    let _ = reply.send(Outcome::NotSent(why));
                }
                None => self.orders.command(Command { device: place, steps, reply }),
            },
        }
    }

    fn steps(&self, request: &super::WriteRequest) -> Result<Vec<Step>, String> {
        let device = self.devices.iter().find(|device| device.spec.index == request.device);
        let device = device.ok_or_else(|| format!("link `{}` has no device {}", self.name, request.device))?;
        if self.drive == Drive::WatchOnly {
            return Err(format!("link `{}` only reads", self.name));
        }
        let step = |write: &portside_devices::barrier::PointWrite| {
            let point = device.spec.profile.points.get(write.point);
            let point = point.ok_or_else(|| format!("`{}` has no point {}", device.spec.id, write.point))?;
            let words = encode(point, &write.value).map_err(|why| format!("device `{}`: {why}", device.spec.id))?;
            Ok(Step { point: write.point, value: write.value.clone(), write: words })
        };
        request.writes.iter().map(step).collect()
    }

    /// Why a command to this device cannot be sent, if so.
    fn obstacle(&self, place: usize) -> Option<String> {
        if let Line::Down { refused: 1.., reason, .. } = &self.line {
            return Some(format!("link `{}` is down: {reason}", self.name));
        }
        let device = &self.devices[place];
        if device.breaker.is_open() {
            return Some(format!("device `{}` does not answer", device.spec.id));
        }
        self.orders.protects(place).then(|| format!("a protective order for `{}` is not confirmed yet", device.spec.id))
    }

    async fn connect(&mut self) {
        let result = loop {
            if let Some(result) = self.attempt().await {
                break result;
            }
        };
        let now = self.clock.moment();
        match result {
            Ok(wire) => {
                // After a mere drop the waits between attempts go on, or a unit that drops every connection would
                // take all the turns of its link.
                if matches!(self.line, Line::Down { refused: 1.., .. }) {
                    self.orders.line_is_back(now);
                }
                self.line = Line::Up(wire);
                self.stats.connected(true);
            }
            Err(reason) => self.refused(&reason, now),
        }
    }

    /// One attempt to connect; `None` when it made way for that of a protective order, whose limit is shorter and whose
    /// first packet must not wait for the repetition of one that was lost.
    async fn attempt(&mut self) -> Option<Result<Wire, String>> {
        let urgent = self.orders.protecting();
        let within = if urgent { CONNECT_TIMEOUT_URGENT } else { CONNECT_TIMEOUT };
        let medium = self.medium.clone();
        let connecting = Wire::connect(&medium, within);
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                biased;
                result = &mut connecting => return Some(result),
                Some(order) = self.urgent.recv() => {
                    self.accept(order);
                    if !urgent && self.orders.protecting() {
                        return None;
                    }
                }
                Some(order) = self.commands.recv() => self.accept(order),
            }
        }
    }

    fn refused(&mut self, reason: &str, now: Moment) {
        let before = match &self.line {
            Line::Up(_) => 0,
            Line::Down { refused, .. } => *refused,
        };
        if before == 0 {
            tracing::warn!(link = &*self.name, reason, "link down");
        }
        let wait =
            if self.orders.urgent() { RECONNECT.0 } else { (RECONNECT.0 * (1 << before.min(5))).min(RECONNECT.1) };
        let reason = orders::reason(reason);
        self.line = Line::Down { retry_at: now + wait, refused: before.saturating_add(1), reason: reason.clone() };
        self.stats.failed();
        self.orders.drop_commands(None, &format!("link `{}` is down: {reason}", self.name));
        for place in 0..self.devices.len() {
            self.fell_silent(place, reason.clone(), now);
        }
        self.unconfirmed(&reason, now);
    }

    /// Tells that protective orders wait for a link that is down.
    fn unconfirmed(&mut self, reason: &Arc<str>, now: Moment) {
        while let Some(mut order) = self.orders.take_protective(now) {
            order.attempts += 1;
            self.tell_unconfirmed(&mut order, reason, now);
            // Put behind this moment, so that the loop ends; the link's return brings it forward.
            self.orders.again(order, now + Duration::from_nanos(1));
        }
    }

    fn drop_line(&mut self, reason: &str) {
        self.stats.connected(false);
        self.line = Line::Down { retry_at: Moment::START, refused: 0, reason: reason.into() };
    }

    /// One request and its answer; the only place that puts bytes on the wire.
    async fn exchange(&mut self, place: usize, ask: &Ask, limit: Duration, yields: Yields) -> Reply {
        let Line::Up(wire) = &mut self.line else { return Reply::Lost("the link is down".to_owned()) };
        let unit = self.devices[place].spec.unit;
        let sent = self.clock.moment();
        let mut came: Vec<Order> = Vec::new();
        let result = {
            let answer = wire.exchange(unit, ask);
            let limit = tokio::time::sleep(limit);
            tokio::pin!(answer, limit);
            loop {
                tokio::select! {
                    biased;
                    result = &mut answer => break Some(result),
                    () = &mut limit => break None,
                    Some(order) = self.urgent.recv() => {
                        came.push(order);
                        if yields == Yields::ToProtection && came.len() == 1 {
                            let grace = limit.deadline().min(tokio_now_plus(GRACE));
                            limit.as_mut().reset(grace);
                        }
                    }
                }
            }
        };
        let overtaken = !came.is_empty() && yields == Yields::ToProtection;
        for order in came {
            self.accept(order);
        }
        match result {
            Some(Ok(got)) => {
                self.stats.answered(self.clock.moment().since(sent));
                Reply::Got(got)
            }
            Some(Err(why)) => {
                self.stats.failed();
                self.drop_line(&why);
                Reply::Lost(why)
            }
            None => {
                self.stats.failed();
                let why =
                    format!("no answer from unit {unit} within {} ms", self.clock.moment().since(sent).as_millis());
                self.drop_line(&why);
                if overtaken { Reply::Overtaken } else { Reply::Lost(why) }
            }
        }
    }

    async fn poll(&mut self, turn: Turn) {
        let block = self.devices[turn.device].seen.block(turn.block);
        let ask = Ask::Read { table: block.table, start: block.start, count: block.count };
        let reply = self.exchange(turn.device, &ask, self.timeout, Yields::ToProtection).await;
        let now = self.clock.moment();
        let readings = match reply {
            Reply::Got(Got::Data(data)) => {
                self.answers(turn.device, now);
                self.devices[turn.device].seen.answered(turn.block, data, now)
            }
            Reply::Got(Got::Exception(Exception::Illegal(why) | Exception::Unable(why))) => {
                self.answers(turn.device, now);
                self.devices[turn.device].seen.refused(turn.block, &why, now)
            }
            Reply::Got(Got::Exception(Exception::Absent(why))) | Reply::Lost(why) => {
                return self.poll_failed(turn, &why, now);
            }
            Reply::Got(Got::Written) => return self.poll_failed(turn, "a write was confirmed instead", now),
            // The read has its turn again on the fresh connection.
            Reply::Overtaken => return,
        };
        self.tell(turn.device, readings, now);
        match self.turns.answered(turn, now) {
            Pace::Within => {}
            Pace::OnTime => self.stats.cycle(0),
            Pace::Late { skipped } => self.stats.cycle(1 + skipped),
        }
    }

    fn poll_failed(&mut self, turn: Turn, why: &str, now: Moment) {
        self.turns.failed(turn, now);
        self.devices[turn.device].breaker.failed(now);
        self.fell_silent(turn.device, orders::reason(why), now);
    }

    /// The device answered, whatever it said.
    fn answers(&mut self, place: usize, now: Moment) {
        let device = &mut self.devices[place];
        device.breaker.answered();
        if device.health != Health::Up {
            device.health = Health::Up;
            self.tell_health(place, now);
        }
    }

    /// The device does not answer: its readings are stale at once, not when somebody misses them.
    fn fell_silent(&mut self, place: usize, reason: Arc<str>, now: Moment) {
        let device = &mut self.devices[place];
        if matches!(device.health, Health::Down(_)) {
            return;
        }
        tracing::warn!(link = &*self.name, device = &*device.spec.id, %reason, "device does not answer");
        device.health = Health::Down(reason);
        self.tell_health(place, now);
    }

    fn tell_health(&mut self, place: usize, at: Moment) {
        let device = &mut self.devices[place];
        let index = device.spec.index;
        let (state, stale) = match &device.health {
            Health::New => return,
            Health::Up => (LinkState::Up, Vec::new()),
            Health::Down(reason) => (LinkState::Down { reason: reason.clone() }, device.seen.silent(at)),
        };
        let mut told = self.events.try_send(FieldEvent::Link { device: index, at, state }).is_ok();
        if told && !stale.is_empty() {
            told = self.events.try_send(FieldEvent::Batch { device: index, at, readings: stale }).is_ok();
        }
        self.devices[place].told = told;
        if !told {
            self.stats.untold();
        }
    }

    /// Tells the changes of health that found no room before.
    fn tell_again(&mut self) {
        if self.devices.iter().all(|device| device.told) {
            return;
        }
        let now = self.clock.moment();
        for place in 0..self.devices.len() {
            if !self.devices[place].told && self.events.capacity() > 1 {
                self.tell_health(place, now);
            }
        }
    }

    fn tell(&mut self, place: usize, readings: Vec<Reading>, at: Moment) {
        if readings.is_empty() {
            return;
        }
        let device = &mut self.devices[place];
        if self.events.try_send(FieldEvent::Batch { device: device.spec.index, at, readings }).is_err() {
            device.seen.forget();
            self.stats.untold();
        }
    }

    fn not_confirmed(&mut self, mut order: Protective, why: &str) {
        let now = self.clock.moment();
        self.tell_unconfirmed(&mut order, &orders::reason(why), now);
        self.orders.again(order, now);
    }

    fn tell_unconfirmed(&mut self, order: &mut Protective, reason: &Arc<str>, now: Moment) {
        if order.told.is_some_and(|told| now.since(told) < Duration::from_secs(1)) {
            return;
        }
        let device = self.devices[order.device].spec.index;
        let (attempts, reason) = (order.attempts, reason.clone());
        let event = FieldEvent::Unconfirmed { device, at: now, attempts, reason };
        match self.events.try_send(event) {
            Ok(()) => order.told = Some(now),
            Err(_) => self.stats.untold(),
        }
    }
}

/// Whether a request in flight is given up for a protective order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Yields {
    ToProtection,
    ToNothing,
}

/// The runtime's clock, which times its sleeps; everything that is decided uses [`Clock`].
fn tokio_now_plus(wait: Duration) -> tokio::time::Instant {
    tokio::time::sleep(wait).deadline()
}

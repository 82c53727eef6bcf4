//! The task of one link: choose what to do next, do it, and never let one answer pass for another's.
//!
//! ```text
//!            connected                  answered
//!   Down ───────────────► Up ◄──────────────────────┐
//!    ▲ ▲ refused: later    │ request ───────────────┘
//!    └─┴───────────────────┘ no answer, or not an answer to this: TCP: dropped with all that may still come;
//!                            a bus: kept, and left alone until all that may still come is over
//! ```
//! A protective order does not wait for a request in flight: that gets a moment to end, then its connection is
//! dropped and the order goes out on a fresh one; on a bus it goes out as soon as the bus is silent. A second connection
//! beside the first is no way out: many I/O modules accept only one.

mod exchange;
mod line;
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
use super::wire::{Ask, Exception, Got};
use super::{DeviceSpec, Drive, FieldEvent, LinkSpec, LinkState, LinkStats, Order, Outcome, Urgency};
use crate::clock::Clock;
use exchange::{Bar, Identity, Reply, Yields};
use line::Line;

/// Longest wait for the answer to a protective write.
const PROTECTIVE_TIMEOUT_MAX: Duration = Duration::from_millis(100);
/// How long after an order the arm may be moving.
const CALM: Duration = Duration::from_secs(5);
/// Longest wait of the task, so that its progress can be seen from outside.
const BEAT: Duration = Duration::from_millis(500);
/// How long an ending link tries to end its pulses.
const FAREWELL: Duration = Duration::from_millis(500);

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
    identity: Identity,
    health: Health,
    /// False while the change of health waits for room in the channel.
    told: bool,
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
    /// Until then the arm may be moving.
    calm_until: Moment,
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
            let identity = Identity::of(&spec.profile);
            devices.push(Device { spec, seen, breaker: Breaker::new(), identity, health: Health::New, told: true });
        }
        let turns = Turns::new(jobs, devices.len());
        let line = Line::Down { retry_at: now, refused: 0, reason: "not yet connected".into() };
        let (name, medium, timeout, drive) = (spec.name, spec.medium, spec.timeout, spec.drive);
        let orders = Orders::default();
        let mut link = Self {
            name,
            medium,
            timeout,
            drive,
            clock,
            events,
            commands,
            urgent,
            stats,
            line,
            devices,
            orders,
            turns,
            calm_until: Moment::START,
        };
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
        let ordered = self.orders.next(now);
        let quiet_until = self.quiet_until();
        let waits = match ordered {
            orders::Next::Protective => return Next::Protect,
            orders::Next::End | orders::Next::Command if quiet_until > now => quiet_until,
            orders::Next::End => return Next::End,
            orders::Next::Command => return Next::Command,
            orders::Next::NotBefore(moment) => moment,
            orders::Next::None => beat,
        };
        if quiet_until > now {
            return Next::Wait(quiet_until.min(waits).min(beat));
        }
        match self.turns.next(now, |device| self.devices[device].breaker.not_before(self.calm_until)) {
            turn::Next::Now(turn) => Next::Poll(turn),
            turn::Next::NotBefore(moment) => Next::Wait(moment.min(waits).min(beat)),
            turn::Next::None => Next::Wait(waits.min(beat)),
        }
    }

    /// Until then nobody on the line is asked: a request has failed, and what may come of it has to be over.
    fn quiet_until(&self) -> Moment {
        match &self.line {
            Line::Up(wire) => wire.not_before(),
            Line::Down { .. } => Moment::START,
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
        self.calm_until = self.clock.moment() + CALM;
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

    async fn poll(&mut self, turn: Turn) {
        let began = self.clock.moment();
        match self.identify(turn.device, self.timeout, Yields::ToProtection).await {
            Ok(()) => {}
            Err(Bar::Stranger(why) | Bar::Lost(why)) => return self.poll_failed(turn, &why, began),
            Err(Bar::Overtaken) => return,
        }
        let block = self.devices[turn.device].seen.block(turn.block);
        let ask = Ask::Read { table: block.table, start: block.start, count: block.count };
        let reply = self.exchange(turn.device, &ask, self.timeout, Yields::ToProtection).await;
        let now = self.clock.moment();
        let readings = match reply {
            Reply::Got(Got::Data(data)) => {
                self.answers(turn.device, now);
                let device = &mut self.devices[turn.device];
                let (index, block) = (device.spec.index, device.seen.block(turn.block));
                self.stats.board().answered(index, device.seen.profile(), block, &data, now);
                device.seen.answered(turn.block, data, now)
            }
            Reply::Got(Got::Exception(Exception::Illegal(why) | Exception::Unable(why))) => {
                self.answers(turn.device, now);
                let device = &mut self.devices[turn.device];
                self.stats.board().refused(device.spec.index, device.seen.block(turn.block), &why, now);
                device.seen.refused(turn.block, &why, now)
            }
            Reply::Got(Got::Exception(Exception::Absent(why))) | Reply::Lost(why) => {
                return self.poll_failed(turn, &why, began);
            }
            Reply::Got(Got::Written) => return self.poll_failed(turn, "a write was confirmed instead", began),
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

    fn poll_failed(&mut self, turn: Turn, why: &str, began: Moment) {
        let now = self.clock.moment();
        self.turns.failed(turn, now);
        self.failed(turn.device, began, now);
        self.fell_silent(turn.device, orders::reason(why), now);
    }

    /// A request to the device that began at `began` came to nothing.
    fn failed(&mut self, place: usize, began: Moment, now: Moment) {
        let alone = self.devices.len() == 1;
        let cost = now.since(began) + self.clock.until(self.quiet_until());
        let device = &mut self.devices[place];
        device.breaker.failed(now, if alone { Duration::ZERO } else { cost });
        if device.breaker.is_open() {
            // Who answers there one day may be another.
            device.identity = Identity::of(&device.spec.profile);
        }
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

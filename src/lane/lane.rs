//! The gate lane: told what happened, it says what to do, in order.
//!
//! One event goes through three turns: what silence and time have changed, what the event says, what follows. A doubt
//! takes a close back before anything else is thought of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use serde_json::json;

use super::arm::{self, Arm, News, Withdrawal};
use super::contacts::{self, Position};
use super::inspection::{Inspection, Way};
use super::passage::{Behind, Trespass};
use super::recall::Recalled;
use super::sensors::{self, Change, Sensors};
use super::settings::{Place, Settings};
use super::temperature::Dial;
use super::{ArmContact, Effect, Event, Order, OrderOutcome, Presence};
use crate::thermal::population::Population;

/// Gives each new inspection its id.
pub type Ids = Box<dyn FnMut() -> Arc<str> + Send>;

/// What entitles the lane to one close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum License {
    /// Nothing: a full passage or a person is needed.
    None,
    /// The arm was opened for a subject and no doubt has come up since; the passage goes on.
    Proving,
    /// The subject has passed, and every proving sensor changed.
    Passed,
    /// A named person confirmed that the arm is clear.
    Confirmed,
}

/// The pure machine of one gate lane.
pub struct Lane {
    pub(super) settings: Settings,
    pub(super) ids: Ids,
    pub(super) now: Moment,
    /// Before this moment nothing happens by time alone.
    wake: Moment,
    pub(super) begun: bool,
    pub(super) sensors: Sensors,
    pub(super) arm: Arm,
    pub(super) asked: Option<Order>,
    pub(super) license: License,
    /// The last of what the thermometer said of itself; `None` where the lane has none.
    pub(super) dial: Option<Dial>,
    /// Temperatures of those who passed. A start forgets them: what was sealed cannot be read again.
    pub(super) passed: Population,
    pub(super) told_protection: bool,
    pub(super) inspection: Option<Inspection>,
    /// Id of the inspection that ended last, `None` since the start.
    pub(super) before: Option<Arc<str>>,
    pub(super) trespass: Option<Trespass>,
    pub(super) behind: Behind,
    pub(super) out: Vec<Effect>,
}

impl Lane {
    /// A lane that has seen nothing and assumes nothing.
    pub fn new(settings: Settings, ids: Ids) -> Self {
        Self::restore(settings, ids, Recalled::NOTHING)
    }

    /// A lane that goes on with the inspection that its records tell of: same subject, same step. What was running
    /// out begins anew at [`Moment::START`]; nothing opens for a recalled subject until a person confirms it.
    pub fn restore(mut settings: Settings, ids: Ids, memory: Recalled) -> Self {
        settings.clear_for = settings.clear_for.max(Duration::from_millis(1_500));
        settings.stale_after = settings.stale_after.min(Duration::from_millis(300));
        settings.renew_every = settings.renew_every.min(Duration::from_millis(100));
        Self {
            sensors: Sensors::new(&settings),
            arm: Arm::new(&settings),
            begun: false,
            asked: None,
            license: License::None,
            dial: settings.temperature.as_ref().map(Dial::new),
            passed: Population::default(),
            told_protection: false,
            inspection: memory.inspection,
            before: None,
            trespass: None,
            behind: Behind::Shut,
            now: Moment::START,
            wake: Moment::START,
            out: Vec::new(),
            ids,
            settings,
        }
    }

    /// Takes one event and says what to do about it, in order. Time never goes back: an earlier `now` counts as the
    /// latest.
    pub fn handle(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        if self.now < self.wake && self.repeats(&event) {
            return Vec::new();
        }
        self.expire();
        self.take(event);
        self.follow();
        self.wake = self.deadline().unwrap_or(Moment::START);
        std::mem::take(&mut self.out)
    }

    /// Most readings say what the last one said. Before the next deadline they change nothing but their own time.
    fn repeats(&mut self, event: &Event) -> bool {
        match event {
            Event::Sensor { sensor, presence } => self.sensors.repeats(self.now, *sensor, *presence),
            Event::Arm { contact, state } => self.arm.repeats(self.now, *contact, *state),
            Event::Tick => true,
            Event::Gauge { .. }
            | Event::Radiation(_)
            | Event::Officer { .. }
            | Event::Picture(_)
            | Event::Ordered { .. }
            | Event::Refused { .. } => false,
        }
    }

    /// Nobody can tell what a guarding sensor sees, or where the arm is.
    pub(super) fn blind(&self) -> bool {
        self.sensors.guard_unknown() || self.arm.position() == Position::Unknown
    }

    /// When the lane wants to be told [`Event::Tick`], if nothing else happens before. Always later than the last
    /// event.
    pub fn deadline(&self) -> Option<Moment> {
        let waits = [
            self.settings.clear_for,
            self.settings.clear_for + super::passage::PROTECTION_PATIENCE,
            self.settings.trailer_gap,
            self.settings.gone_after,
        ];
        let asked = match self.inspection.as_ref().and_then(Inspection::way) {
            Some(Way::Waiting { asked }) => Some(asked + self.settings.gone_after),
            Some(Way::Pending | Way::Confirm | Way::Under { .. } | Way::Beyond | Way::Vanished) | None => None,
        };
        let until = self.inspection.as_ref().and_then(Inspection::until);
        let all = [self.sensors.next(self.now, &waits), self.arm.next(self.now), until, asked, self.series_until()];
        all.into_iter().flatten().filter(|moment| *moment > self.now).min()
    }

    fn expire(&mut self) {
        while let Some(sensor) = self.sensors.expire(self.now) {
            self.sensor_lost(sensor);
        }
        while let Some(news) = self.arm.expire(self.now) {
            self.guard();
            self.arm_news(news);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Sensor { sensor, presence } => self.sensor(sensor, presence),
            Event::Arm { contact, state } => {
                let news = self.arm.read(self.now, contact, state);
                self.guard();
                news.into_iter().for_each(|news| self.arm_news(news));
            }
            Event::Officer { officer, act, ticket } => {
                let answer = self.act(&officer, act);
                self.out.push(Effect::Answer { ticket, answer });
            }
            Event::Gauge { gauge, value } => self.gauge(gauge, value),
            Event::Radiation(news) => self.radiation(news),
            Event::Picture(picture) => self.picture(&picture),
            Event::Ordered { order, outcome } => self.ordered(order, outcome),
            Event::Refused { order, rule } => self.refused(order, rule),
            Event::Tick => {}
        }
    }

    fn follow(&mut self) {
        while let Some(news) = self.arm.step(self.now) {
            self.arm_news(news);
        }
        self.guard();
        if self.blind() {
            self.doubted();
        }
        while let Some(sensor) = self.sensors.stuck(self.now) {
            self.alarm("alarm.sensor_stuck", json!({ "sensor": sensor, "for_ms": ms(sensors::STUCK_AFTER) }));
        }
        self.begin();
        self.end_series();
        self.end_trespass();
        while self.advance() {}
        self.close_when_clear();
        if let Some(renewal) = self.arm.renew(self.now) {
            self.asked = Some(Order::Close { renewal });
            self.out.push(Effect::Move(Order::Close { renewal }));
        }
    }

    fn sensor(&mut self, sensor: usize, presence: Presence) {
        let change = self.sensors.read(self.now, sensor, presence);
        self.guard();
        match change {
            Some(Change::Lost) => self.sensor_lost(sensor),
            Some(Change::Rose) => self.rose(sensor),
            Some(Change::Found) if presence == Presence::Present => self.rose(sensor),
            Some(Change::Fell | Change::Found) | None => {}
        }
    }

    fn sensor_lost(&mut self, sensor: usize) {
        self.guard();
        if self.sensors.place(sensor).is_some_and(Place::guards_arm) {
            self.doubted();
        }
        if self.sensors.tell_lost(sensor) {
            self.alarm("alarm.sensor_lost", json!({ "sensor": self.sensors.name(sensor) }));
        }
    }

    /// Takes a close in progress back on any doubt, before anything else.
    pub(super) fn guard(&mut self) {
        if !self.arm.closing() {
            return;
        }
        if let Some(why) = self.doubt() {
            self.withdraw(&why);
        }
    }

    /// What speaks against closing, if anything does.
    pub(super) fn doubt(&self) -> Option<String> {
        let sensor = self.sensors.doubt().map(|(name, says)| format!("{}:{name}", sensors::word(says)));
        sensor.or_else(|| self.arm.doubt().map(str::to_owned))
    }

    /// From here a full passage or a person is needed before a close.
    pub(super) fn doubted(&mut self) {
        self.license = License::None;
        self.sensors.forget_changes();
    }

    /// Takes the close back in this barrier's way.
    pub(super) fn withdraw(&mut self, why: &str) {
        let how = self.arm.withdrawal();
        let order = match how {
            Withdrawal::CloseOff => Order::CloseOff,
            Withdrawal::Stop => Order::Stop,
            Withdrawal::Reverse => Order::Open,
        };
        self.protect(order, why);
        self.arm.withdrawn(self.now, how);
        self.doubted();
    }

    fn arm_news(&mut self, news: News) {
        match news {
            News::Seen { from, to } => self.arm_seen(from, to),
            News::Fault { fault, closing } => {
                if closing {
                    self.withdraw(fault.word());
                }
                self.doubted();
                self.alarm(fault.alarm(), json!({}));
            }
            News::Emergency { closing } => {
                if closing && self.settings.arm.closes == Closes::Held {
                    self.protect(Order::CloseOff, "emergency_open");
                }
                self.doubted();
                self.device_note("arm.emergency_open", json!({ "sensors": self.sensors.vector() }));
                self.alarm("alarm.emergency_open", json!({}));
            }
            News::StopPressed { closing } => {
                if self.settings.arm.can_stop {
                    self.protect(Order::Stop, "stop_pressed");
                }
                if closing && self.settings.arm.closes == Closes::Held {
                    self.protect(Order::CloseOff, "stop_pressed");
                }
                self.doubted();
                self.device_note("arm.stopped", json!({ "by": "button", "sensors": self.sensors.vector() }));
            }
            News::Lost(contact) => {
                if matches!(contact, ArmContact::Opened | ArmContact::Closed) {
                    self.doubted();
                }
                if self.arm.tell_lost(contact) {
                    self.alarm("alarm.contact_lost", json!({ "contact": contacts::contact_word(contact) }));
                }
            }
        }
    }

    fn arm_seen(&mut self, from: Position, to: Position) {
        let data = json!({
            "position": to.word(), "before": from.word(), "sensors": self.sensors.vector(), "arm": self.arm.vector(),
        });
        self.device_note("arm.seen", data);
        if to != Position::Closed {
            return;
        }
        self.behind = Behind::Shut;
        if self.arm.state() == arm::State::Stopped && from != Position::Unknown {
            self.alarm("alarm.arm_forced", json!({ "while": "stopped" }));
        }
    }

    fn ordered(&mut self, order: Order, outcome: OrderOutcome) {
        if outcome == OrderOutcome::Written {
            if matches!(order, Order::Open | Order::Close { renewal: 0 }) {
                self.arm.written(self.now);
            }
            return;
        }
        match (order, outcome, self.settings.arm.closes) {
            (Order::Open, OrderOutcome::NotWritten, _) => self.arm.not_opened(self.now),
            (Order::Close { .. }, OrderOutcome::NotWritten, Closes::Pulse | Closes::Own) => {
                self.arm.not_closed(self.now);
            }
            (Order::Close { .. }, _, _) if self.arm.closing() => self.withdraw("order_not_confirmed"),
            (Order::Open | Order::Close { .. } | Order::CloseOff | Order::Stop, _, _) => {}
        }
        self.alarm("alarm.order_failed", json!({ "order": order_word(order), "outcome": outcome }));
    }

    fn refused(&mut self, order: Order, rule: &'static str) {
        match order {
            Order::Close { renewal } if self.arm.closing() => {
                if renewal == 0 && self.settings.arm.closes != Closes::Held {
                    self.arm.not_closed(self.now);
                } else {
                    self.withdraw("order_refused");
                }
            }
            Order::Open => self.arm.not_opened(self.now),
            Order::Close { .. } | Order::CloseOff | Order::Stop => {}
        }
        self.alarm("alarm.order_refused", json!({ "order": order_word(order), "rule": rule }));
    }
}

/// The word of an order in records.
pub(super) const fn order_word(order: Order) -> &'static str {
    match order {
        Order::Open => "open",
        Order::Close { .. } => "close",
        Order::CloseOff => "close_off",
        Order::Stop => "stop",
    }
}

/// Whole milliseconds, as records carry them.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("now", &self.now).field("inspection", &self.inspection).finish_non_exhaustive()
    }
}

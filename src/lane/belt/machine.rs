//! The belt lane: told what happened, it says what to do, in order.
//!
//! ```text
//!  entry ──► scan ──► [source] ──► decision ──┬─ released and certain ──► exit
//!                                             └─ anything else ─► belt stopped here, or diverter to the examination
//! ```
//! Several subjects are in flight, in order. Where each is follows from light barriers and from how far the belt has
//! run. A subject is certain as long as every barrier saw it when and as it was expected; one that is not goes to the
//! examination, whatever was said of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::json;

use super::divert::Turn;
use super::edges::{Edge, Edges};
use super::event::{Effect, Event, Order, Wire};
use super::images::Images;
use super::recall::Recalled;
use super::settings::{Settings, Spot};
use super::subject::{Doubt, Subject};
use super::travel::{Mark, Motion, Travel};
use super::wires::Wires;
use crate::lane::lane::ms;
use crate::lane::{Contact, Ids, OrderOutcome, Presence};

/// While something is on a belt that runs, the lane looks at it at least this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A beam that stays on over a belt that stands is switched off after this.
const BEAM_OVER_STANDING: Duration = Duration::from_secs(3);
/// So many closed inspections are told apart from those that never were.
const CLOSED_REMEMBERED: usize = 64;

/// The belt was told to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopping {
    pub(super) asked: Moment,
    pub(super) told: bool,
}

/// What is lost again within this time is not told again.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The pure machine of one belt lane.
pub struct Belt {
    pub(in crate::lane) settings: Settings,
    pub(super) ids: Ids,
    pub(super) now: Moment,
    pub(super) begun: bool,
    pub(super) travel: Travel,
    pub(super) edges: Edges,
    pub(super) wires: Wires,
    pub(super) images: Images,
    /// On the belt, the foremost first.
    pub(in crate::lane) belt: Vec<Subject>,
    /// Off the belt, and not ended.
    pub(in crate::lane) aside: Vec<Subject>,
    pub(super) turn: Turn,
    pub(super) stopping: Option<Stopping>,
    /// Who left the scan sensor last, and where.
    pub(super) scanned_last: Option<(Arc<str>, Mark)>,
    /// The beam was switched off for this reason, and has not been seen off since.
    beam_off: Option<&'static str>,
    /// Sensors of which it was told that something is stuck at them.
    pub(super) stuck: Vec<bool>,
    pub(super) closed: VecDeque<Arc<str>>,
    /// When what was told to be lost.
    told: BTreeMap<Arc<str>, Moment>,
    pub(super) out: Vec<Effect>,
}

impl Belt {
    /// A lane that has seen nothing and assumes nothing.
    pub fn new(settings: Settings, ids: Ids) -> Self {
        Self::restore(settings, ids, Recalled::NOTHING)
    }

    /// A lane that goes on with the inspections that its records tell of. Nobody knows where on the belt their subjects
    /// are, or whether: they are examined.
    pub fn restore(mut settings: Settings, ids: Ids, memory: Recalled) -> Self {
        settings.stale_after = settings.stale_after.min(Duration::from_secs(60));
        let travel = Travel::new(settings.speed);
        let mut lane = Self {
            edges: Edges::new(&settings, travel.mark()),
            wires: Wires::new(settings.stale_after),
            images: Images::new(&settings),
            turn: Turn::new(&settings),
            stuck: vec![false; settings.sensors.len()],
            travel,
            ids,
            now: Moment::START,
            begun: false,
            belt: Vec::new(),
            aside: memory.aside,
            stopping: None,
            scanned_last: None,
            beam_off: None,
            closed: VecDeque::new(),
            told: BTreeMap::new(),
            out: Vec::new(),
            settings,
        };
        for subject in memory.adrift {
            let id = Arc::clone(&subject.case.id);
            lane.aside.push(subject);
            lane.doubt(&id, Doubt::Restart);
        }
        lane
    }

    /// Takes one event and says what to do about it, in order. Time never goes back: an earlier `now` counts as the
    /// latest.
    pub fn handle(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.travel.advance(self.now);
        self.expire();
        self.take(event);
        self.follow();
        std::mem::take(&mut self.out)
    }

    /// When the lane wants to be told [`Event::Tick`], if nothing else happens before. Always later than the last
    /// event.
    pub fn deadline(&self) -> Option<Moment> {
        let busy = !self.belt.is_empty() || self.images.next_mm().is_some();
        let moving = !matches!(self.travel.motion(), Motion::Stopped { .. });
        let look = (busy && moving).then(|| self.now + LOOK_EVERY);
        let papers = self.belt.iter().chain(&self.aside).filter_map(Subject::until);
        let stop = self.stopping.map(|stopping| stopping.asked + self.settings.stop_within);
        let beam = match self.travel.motion() {
            Motion::Stopped { since } => Some(since + BEAM_OVER_STANDING),
            Motion::Unknown | Motion::Running { .. } | Motion::Backward => None,
        };
        let singles = [look, stop, beam, self.turn.deadline()].into_iter().flatten();
        let all = singles.chain(papers).chain(self.wires.silences()).chain(self.edges.next(&self.travel));
        all.filter(|moment| *moment > self.now).min()
    }

    fn expire(&mut self) {
        let here = self.travel.mark();
        while let Some(sensor) = self.edges.expire(here) {
            self.edge(sensor, Edge::Lost);
        }
        while let Some(wire) = self.wires.expire(self.now) {
            self.wire(wire);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Sensor { sensor, presence } => {
                if let Some(edge) = self.edges.read(sensor, presence, self.travel.mark()) {
                    self.edge(sensor, edge);
                }
            }
            Event::Wire { wire, state } => {
                if self.wires.read(self.now, wire, state) {
                    self.wire(wire);
                }
            }
            Event::Officer { officer, act, ticket } => {
                let answer = self.act(&officer, act);
                self.out.push(Effect::Answer { ticket, answer });
            }
            Event::Picture(picture) => self.picture(&picture),
            Event::Ordered { order, outcome } => self.ordered(&order, outcome),
            Event::Refused { order, rule } => self.refused(&order, rule),
            Event::Tick => {}
        }
    }

    fn follow(&mut self) {
        while let Some((sensor, edge)) = self.edges.settle(self.travel.mark()) {
            self.edge(sensor, edge);
        }
        if !self.begun {
            self.begun = self.edges.all_reported() && self.wires.heard(Wire::Running);
        }
        self.watch_reach();
        while let Some((inspection, until)) = self.images.advance(self.now, self.travel.mark().mm) {
            self.left_source(&inspection, until);
        }
        self.lose_overdue();
        self.watch_stuck();
        self.advance_papers();
        self.release_halted();
        self.turn_diverter();
        self.watch_stop();
        self.watch_beam();
    }

    /// One contact says something else than before.
    fn wire(&mut self, wire: Wire) {
        let says = self.wires.says(wire);
        if says == Contact::Unknown && self.is_news(wire.word()) {
            self.alarm(None, "alarm.contact_lost", json!({ "contact": wire.word() }));
        }
        match wire {
            Wire::Running | Wire::Reversed => self.motion(),
            Wire::Beam if says == Contact::Off => self.beam_off = None,
            Wire::Beam if says == Contact::Unknown && self.begun => {
                self.switch_beam_off("unreadable");
                self.stop_belt("xray_lost", None);
            }
            Wire::Fault | Wire::EmergencyStop if says == Contact::On => {
                self.alarm(None, "alarm.xray_fault", json!({ "contact": wire.word() }));
            }
            Wire::DiverterFault if says != Contact::Off => self.diverter_fault("diverter_fault"),
            Wire::Interlock if says == Contact::Off => {
                self.alarm(None, "alarm.interlock_open", json!({}));
            }
            Wire::Beam
            | Wire::Fault
            | Wire::EmergencyStop
            | Wire::Interlock
            | Wire::Passing
            | Wire::Diverted
            | Wire::DiverterFault => {}
        }
    }

    fn motion(&mut self) {
        let reversed = if self.wires.heard(Wire::Reversed) { self.wires.says(Wire::Reversed) } else { Contact::Off };
        let Some(before) = self.travel.read(self.wires.says(Wire::Running), reversed) else { return };
        let motion = self.travel.motion();
        if motion == Motion::Backward || before == Motion::Backward {
            self.images.blur(self.travel.mark().mm);
        }
        match motion {
            Motion::Unknown | Motion::Backward => self.doubt_belt(Doubt::Motion),
            Motion::Stopped { .. } => self.stopping = None,
            Motion::Running { .. } => {}
        }
        if motion == Motion::Unknown && !self.belt.is_empty() {
            self.stop_belt("belt_unknown", None);
        }
        if before == Motion::Backward {
            self.survey();
        }
        self.device_note(
            self.settings.drive.device.clone(),
            "belt.seen",
            json!({ "motion": motion_word(motion), "before": motion_word(before) }),
        );
    }

    /// Stops the belt, unless that was asked a moment ago.
    pub(super) fn stop_belt(&mut self, why: &str, inspection: Option<&Arc<str>>) {
        if matches!(self.travel.motion(), Motion::Stopped { .. }) {
            // It stands; the order still reaches a belt that somebody starts at this moment.
            self.protect(Order::BeltStop, why, inspection);
            return;
        }
        match self.stopping {
            Some(stopping) if self.now.since(stopping.asked) < self.settings.stop_within => return,
            Some(Stopping { told: false, .. }) => {
                self.alarm(inspection, "alarm.belt_did_not_stop", json!({ "after_ms": ms(self.settings.stop_within) }));
                self.switch_beam_off("belt_did_not_stop");
                self.stopping = Some(Stopping { asked: self.now, told: true });
            }
            Some(Stopping { told: true, .. }) => self.stopping = Some(Stopping { asked: self.now, told: true }),
            None => self.stopping = Some(Stopping { asked: self.now, told: false }),
        }
        self.protect(Order::BeltStop, why, inspection);
    }

    /// A belt that was told to stop and is not seen to is told again.
    fn watch_stop(&mut self) {
        let due = self.stopping.is_some_and(|stop| self.now.since(stop.asked) >= self.settings.stop_within);
        if due && !matches!(self.travel.motion(), Motion::Stopped { .. }) {
            self.stop_belt("not_seen_stopped", None);
        }
    }

    fn watch_beam(&mut self) {
        let (beam, interlock) = (self.wires.says(Wire::Beam), self.wires.says(Wire::Interlock));
        if beam != Contact::On {
            return;
        }
        let standing = match self.travel.motion() {
            Motion::Stopped { since } => self.now.since(since) >= BEAM_OVER_STANDING,
            Motion::Unknown | Motion::Running { .. } | Motion::Backward => false,
        };
        if self.settings.drive.has_interlock && interlock != Contact::On {
            self.switch_beam_off("interlock");
        } else if self.wires.says(Wire::EmergencyStop) == Contact::On {
            self.switch_beam_off("emergency_stop");
        } else if standing {
            self.switch_beam_off("belt_stands");
        }
    }

    /// Once for each reason, until the beam is seen off.
    fn switch_beam_off(&mut self, why: &'static str) {
        if !self.settings.drive.has_beam || self.beam_off.replace(why) == Some(why) {
            return;
        }
        if self.settings.drive.can_beam_off {
            self.protect(Order::BeamOff, why, None);
        }
        if self.is_news(why) {
            self.alarm(None, "alarm.beam", json!({ "why": why, "switched_off": self.settings.drive.can_beam_off }));
        }
    }

    /// True where what was lost is worth an alarm: not again and again, lest a loose wire flood the alarm stream.
    pub(super) fn is_news(&mut self, what: &str) -> bool {
        let fresh = self.told.get(what).is_none_or(|told| self.now.since(*told) >= TELL_AGAIN_AFTER);
        if fresh {
            self.told.insert(what.into(), self.now);
        }
        fresh
    }

    fn ordered(&mut self, order: &Order, outcome: OrderOutcome) {
        if outcome == OrderOutcome::Written {
            return;
        }
        if matches!(order, Order::Pass { .. } | Order::Divert) {
            self.turn.not_given(self.now);
        }
        self.alarm(None, "alarm.order_failed", json!({ "order": order.word(), "outcome": outcome }));
    }

    fn refused(&mut self, order: &Order, rule: &'static str) {
        if matches!(order, Order::Pass { .. } | Order::Divert) {
            self.turn.not_given(self.now);
        }
        if let Order::Pass { inspection } = order {
            self.lead_aside(&inspection.clone(), "order_refused");
        }
        self.alarm(None, "alarm.order_refused", json!({ "order": order.word(), "rule": rule }));
    }

    /// Whether nobody reaches to the belt between the scan and where it is too late to exchange one for another.
    fn watch_reach(&mut self) {
        let open = (0..self.settings.sensors.len()).any(|sensor| {
            self.settings.sensors[sensor].spot == Spot::Reach && self.edges.raw(sensor) != Presence::Clear
        });
        if !open {
            return;
        }
        let near = |subject: &&Subject| {
            subject.at == Spot::Scan || (subject.at == Spot::Decision && !self.behind_blade(subject))
        };
        let ids: Vec<_> = self.belt.iter().filter(near).map(|subject| Arc::clone(&subject.case.id)).collect();
        ids.iter().for_each(|id| self.doubt(id, Doubt::Reach));
    }

    /// A subject on the belt or beside it.
    pub(super) fn subject(&mut self, id: &str) -> Option<&mut Subject> {
        self.belt.iter_mut().chain(&mut self.aside).find(|subject| &*subject.case.id == id)
    }

    /// Its place on the belt.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.belt.iter().position(|subject| &*subject.case.id == id)
    }

    /// Remembers that an inspection has ended.
    pub(super) fn forget(&mut self, id: Arc<str>) {
        self.closed.push_back(Arc::clone(&id));
        if self.closed.len() > CLOSED_REMEMBERED {
            self.closed.pop_front();
        }
        self.out.push(Effect::Forget { inspection: id });
    }
}

/// The word of a motion in records and views.
pub(super) const fn motion_word(motion: Motion) -> &'static str {
    match motion {
        Motion::Unknown => "unknown",
        Motion::Stopped { .. } => "stopped",
        Motion::Running { .. } => "running",
        Motion::Backward => "backward",
    }
}

impl fmt::Debug for Belt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Belt").field("now", &self.now).field("belt", &self.belt).finish_non_exhaustive()
    }
}

//! What must never happen at a belt, checked a second time on the orders themselves, and asked for where nobody ordered.
//!
//! This file knows nothing of the belt machine. It keeps its own books from the same events and from the records that
//! became durable: its own reckoning of the belt's way, of the fronts at the scan and at the decision, and of which
//! scan front the front at the decision must have been. There is no order here that runs a belt or starts a beam,
//! because no such order exists.
//!
//! ```text
//!  front at scan ──record names it──► known ──front at decision, as far on as the way is long──► at the decision
//!        └── doubt: a sensor or the belt unknown, backwards, a hand reaches in ──► never known again
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::event::{Event, Order, Wire};
use super::settings::{Settings, Spot};
use crate::lane::interlock::Rule;
use crate::lane::{Act, Contact, Note, Officer, Presence};

/// What has not been read for longer than this is unknown; the lane file may only shorten it.
const STALE_MAX: Duration = Duration::from_secs(60);
/// A blink shorter than this on a belt that stands is none.
const SETTLED: Duration = Duration::from_secs(1);
/// Fronts that are kept in the books.
const FRONTS_MAX: usize = 64;

/// Turning to the exit needs a diverter.
pub const NO_DIVERTER: Rule = Rule("this lane has no diverter");
/// Only stopping protects.
pub const TURNING_PROTECTS_NOBODY: Rule = Rule("turning the diverter is never a protective order");
/// The release.
pub const PASS_ON_RELEASE: Rule = Rule("turn to the exit only for a subject whose release is on record");
/// The right subject.
pub const PASS_AT_DECISION: Rule = Rule(
    "turn to the exit only while the released subject, followed without a doubt since its scan, is at the decision",
);
/// The blade.
pub const NOTHING_OVER_THE_BLADE: Rule =
    Rule("never turn the diverter while something stands over it, or nobody knows whether");
/// The senses.
pub const PASS_ON_KNOWN: Rule = Rule("turn to the exit only while every light barrier and the belt can be read");

/// A light barrier, as these books see it.
#[derive(Clone, Copy, Debug)]
struct Eye {
    spot: Spot,
    says: Presence,
    read: Moment,
    counts: Presence,
    changed: Option<(f64, Moment, u32)>,
}

/// A front at the scan.
#[derive(Clone, Debug)]
struct Scanned {
    mm: f64,
    changes: u32,
    doubts: u64,
    inspection: Option<Arc<str>>,
    met: bool,
}

/// Something at or behind the decision.
#[derive(Clone, Debug)]
struct Beyond {
    front: (f64, u32),
    rear: Option<(f64, u32)>,
    doubts: u64,
    /// The scan front that it was, by its place on the belt.
    scan_mm: Option<f64>,
    passes: bool,
}

/// The independent check on orders.
#[derive(Clone, Debug)]
pub struct Interlock {
    settings: Settings,
    now: Moment,
    mm: f64,
    changes: u32,
    running: Contact,
    reversed: Contact,
    leads: (Contact, Contact),
    wires_read: [Option<Moment>; 4],
    eyes: Vec<Eye>,
    scans: VecDeque<Scanned>,
    beyond: VecDeque<Beyond>,
    /// Rises with every doubt: what was scanned before is not known any more.
    doubts: u64,
    released: BTreeSet<Arc<str>>,
    /// Something may stand over the blade until the belt has run this far.
    blade_unknown_until: f64,
    confirming: bool,
    demanded: Option<Moment>,
}

impl Interlock {
    /// An interlock that has seen nothing: everything is unknown.
    pub fn new(settings: &Settings) -> Self {
        let eye = |sensor: &super::settings::Sensor| Eye {
            spot: sensor.spot,
            says: Presence::Unknown,
            read: Moment::START,
            counts: Presence::Unknown,
            changed: None,
        };
        let blade = settings.diverter().map_or(0.0, |diverter| diverter.lead_mm + diverter.blade_mm);
        Self {
            now: Moment::START,
            mm: 0.0,
            changes: 0,
            running: Contact::Unknown,
            reversed: Contact::Off,
            leads: (Contact::Unknown, Contact::Unknown),
            wires_read: [None; 4],
            eyes: settings.sensors.iter().map(eye).collect(),
            scans: VecDeque::new(),
            beyond: VecDeque::new(),
            doubts: 0,
            released: BTreeSet::new(),
            blade_unknown_until: (blade + settings.length_max_mm) * (1.0 + settings.tolerance) + settings.slack_mm,
            confirming: false,
            demanded: None,
            settings: settings.clone(),
        }
    }

    /// Sees an event, before the machine does or after, but at the same moment.
    pub fn observe(&mut self, now: Moment, event: &Event) {
        self.advance(now);
        match event {
            Event::Sensor { sensor, presence } => self.sensor(*sensor, *presence),
            Event::Wire { wire, state } => self.wire(*wire, *state),
            Event::Officer { officer, act, .. } => self.officer(officer, act),
            Event::Picture(_) | Event::Ordered { .. } | Event::Refused { .. } | Event::Tick => {}
        }
        self.count_edges();
    }

    /// Sees a record that is durable.
    pub fn observe_record(&mut self, note: &Note) {
        match note.kind {
            "inspection.released" => {
                self.released.insert(Arc::clone(&note.subject));
            }
            "inspection.closed" => self.closed(&note.subject),
            "inspection.held" | "inspection.hold_placed" | "inspection.doubted" => {
                self.released.remove(&note.subject);
            }
            "inspection.scanned" => {
                let at = note.data.get("mm").and_then(serde_json::Value::as_f64);
                let named = |scan: &&mut Scanned| at.is_some_and(|mm| (scan.mm - mm).abs() < 0.5);
                if let Some(scan) = self.scans.iter_mut().find(named) {
                    scan.inspection = Some(Arc::clone(&note.subject));
                }
            }
            "belt.confirmed_clear" if std::mem::take(&mut self.confirming) => {
                self.blade_unknown_until = self.mm;
                self.beyond.clear();
            }
            _ => {}
        }
    }

    /// What left on its release is no more astray because its inspection has ended.
    fn closed(&mut self, inspection: &Arc<str>) {
        if !self.released.remove(inspection) {
            return;
        }
        let passed: Vec<bool> = self.beyond.iter().map(|thing| self.name(thing) == Some(inspection)).collect();
        for (thing, passed) in self.beyond.iter_mut().zip(passed) {
            thing.passes |= passed;
        }
    }

    /// May this order leave? A permitted order counts as given. `protective`: it comes from [`crate::lane::Effect::Protect`].
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn permit(&mut self, now: Moment, order: &Order, protective: bool) -> Result<(), Rule> {
        self.advance(now);
        match order {
            Order::BeltStop | Order::BeamOff => Ok(()),
            Order::Pass { .. } | Order::Divert if self.settings.diverter().is_none() => Err(NO_DIVERTER),
            Order::Pass { .. } | Order::Divert if protective => Err(TURNING_PROTECTS_NOBODY),
            Order::Divert if self.blade_clear() => Ok(()),
            Order::Divert => Err(NOTHING_OVER_THE_BLADE),
            Order::Pass { inspection } => self.pass(inspection),
        }
    }

    /// What nobody ordered and has to be: the belt is stopped before something goes where it may not. Ask after every
    /// event; the same demand comes again only after the belt has had time to stop.
    pub fn demand(&mut self, now: Moment) -> Option<Order> {
        self.advance(now);
        if self.running == Contact::Off {
            self.demanded = None;
            return None;
        }
        let again = self.demanded.is_none_or(|at| self.now.since(at) >= self.settings.stop_within);
        let astray = self.beyond.iter().any(|thing| self.astray(thing));
        if !astray || !again {
            return None;
        }
        self.demanded = Some(self.now);
        Some(Order::BeltStop)
    }

    /// It is where only released subjects may be, or is about to be led there.
    fn astray(&self, thing: &Beyond) -> bool {
        let Some(diverter) = self.settings.diverter() else { return !thing.passes && !self.may_pass(thing) };
        let behind = self.least(thing.rear) >= diverter.lead_mm + diverter.blade_mm;
        let over = self.most(thing.front) >= diverter.lead_mm && !behind;
        over && !thing.passes && self.leads != (Contact::Off, Contact::On)
    }

    fn pass(&mut self, inspection: &Arc<str>) -> Result<(), Rule> {
        if !self.released.contains(inspection) {
            return Err(PASS_ON_RELEASE);
        }
        let readable = self.eyes.iter().all(|eye| eye.says != Presence::Unknown);
        if !readable || self.running == Contact::Unknown || self.reversed != Contact::Off {
            return Err(PASS_ON_KNOWN);
        }
        if !self.blade_clear() && self.leads != (Contact::On, Contact::Off) {
            return Err(NOTHING_OVER_THE_BLADE);
        }
        let place =
            self.beyond.iter().position(|thing| self.name(thing) == Some(inspection)).ok_or(PASS_AT_DECISION)?;
        let past = self.settings.diverter().map_or(0.0, |diverter| diverter.lead_mm + diverter.blade_mm);
        if self.most(self.beyond[place].front) >= past {
            return Err(PASS_AT_DECISION);
        }
        self.beyond[place].passes = true;
        Ok(())
    }

    /// The inspection of something at the decision, if it was followed there without a doubt.
    fn name(&self, thing: &Beyond) -> Option<&Arc<str>> {
        let scan_mm = thing.scan_mm.filter(|_| thing.doubts == self.doubts)?;
        let scan = self.scans.iter().find(|scan| scan.mm.to_bits() == scan_mm.to_bits())?;
        scan.inspection.as_ref()
    }

    fn may_pass(&self, thing: &Beyond) -> bool {
        self.name(thing).is_some_and(|inspection| self.released.contains(inspection))
    }

    /// How far it has come since, at most.
    fn most(&self, (mm, changes): (f64, u32)) -> f64 {
        (self.mm - mm) * (1.0 + self.settings.tolerance) + self.slack(changes)
    }

    /// How far its rear has come, at least; what has no rear yet has not come at all.
    fn least(&self, rear: Option<(f64, u32)>) -> f64 {
        rear.map_or(0.0, |(mm, changes)| (self.mm - mm) * (1.0 - self.settings.tolerance) - self.slack(changes))
    }

    fn slack(&self, changes: u32) -> f64 {
        self.settings.slack_mm + f64::from(self.changes.saturating_sub(changes)) * self.settings.slip_mm
    }

    fn blade_clear(&self) -> bool {
        let Some(diverter) = self.settings.diverter() else { return false };
        let over = |thing: &Beyond| {
            self.most(thing.front) >= diverter.lead_mm && self.least(thing.rear) < diverter.lead_mm + diverter.blade_mm
        };
        self.mm >= self.blade_unknown_until && !self.beyond.iter().any(over)
    }

    fn advance(&mut self, now: Moment) {
        let seconds = now.since(self.now).as_secs_f64();
        self.now = self.now.max(now);
        if self.running == Contact::On && self.reversed == Contact::Off {
            self.mm += seconds * self.settings.speed;
        }
        let stale = self.settings.stale_after.min(STALE_MAX);
        let now = self.now;
        let mut lost = false;
        for eye in &mut self.eyes {
            if eye.says != Presence::Unknown && now.since(eye.read) >= stale {
                (eye.says, eye.counts, eye.changed) = (Presence::Unknown, Presence::Unknown, None);
                lost = true;
            }
        }
        let silent = |read: &Option<Moment>| read.is_some_and(|read| now.since(read) >= stale);
        if silent(&self.wires_read[0]) && self.running != Contact::Unknown {
            self.running = Contact::Unknown;
            self.changes += 1;
            lost = true;
        }
        if silent(&self.wires_read[1]) && self.reversed != Contact::Unknown {
            self.reversed = Contact::Unknown;
            lost = true;
        }
        if silent(&self.wires_read[2]) {
            self.leads.0 = Contact::Unknown;
        }
        if silent(&self.wires_read[3]) {
            self.leads.1 = Contact::Unknown;
        }
        if lost {
            self.doubts += 1;
        }
    }

    fn sensor(&mut self, sensor: usize, presence: Presence) {
        let (mm, now, changes) = (self.mm, self.now, self.changes);
        let Some(eye) = self.eyes.get_mut(sensor) else { return };
        (eye.says, eye.read) = (presence, now);
        if presence == Presence::Unknown || (eye.spot == Spot::Reach && presence == Presence::Present) {
            self.doubts += 1;
            (eye.counts, eye.changed) = (presence, None);
        } else if eye.counts == Presence::Unknown {
            (eye.counts, eye.changed) = (presence, None);
            if eye.spot == Spot::Decision {
                self.found_at_decision(presence);
            }
        } else if eye.counts == presence {
            eye.changed = None;
        } else {
            eye.changed.get_or_insert((mm, now, changes));
        }
    }

    fn count_edges(&mut self) {
        while let Some((place, at)) = self.ripe() {
            let (mm, since, changes) = at;
            let moving = self.running == Contact::On || self.now.since(since) < SETTLED;
            let eye = &mut self.eyes[place];
            (eye.counts, eye.changed) = (eye.says, None);
            match (eye.spot, eye.says) {
                (Spot::Scan, Presence::Present) => self.scanned(mm, changes),
                (Spot::Decision, Presence::Present) => self.at_decision(mm, changes, moving),
                (Spot::Decision, Presence::Clear) => self.left_decision(mm, changes, moving),
                (Spot::Scan | Spot::Entry | Spot::Exit | Spot::Examine | Spot::Reach, _)
                | (Spot::Decision, Presence::Unknown) => {}
            }
        }
    }

    fn ripe(&self) -> Option<(usize, (f64, Moment, u32))> {
        let settings = &self.settings;
        let each = self.eyes.iter().enumerate().filter_map(|(place, eye)| {
            let at = eye.changed?;
            let far = if eye.says == Presence::Clear { settings.gap_mm } else { settings.noise_mm };
            (self.mm - at.0 >= far || self.now.since(at.1) >= SETTLED).then_some((place, at))
        });
        each.min_by_key(|(_, at)| at.1)
    }

    fn scanned(&mut self, mm: f64, changes: u32) {
        self.scans.push_back(Scanned { mm, changes, doubts: self.doubts, inspection: None, met: false });
        if self.scans.len() > FRONTS_MAX {
            self.scans.pop_front();
        }
    }

    /// Which scan front it was: the only one that can be here by now.
    fn at_decision(&mut self, mm: f64, changes: u32, moving: bool) {
        let settings = &self.settings;
        let way = settings.decision_mm - settings.scan_mm;
        let could = |scan: &&mut Scanned| {
            let slack = settings.slack_mm + f64::from(changes.saturating_sub(scan.changes)) * settings.slip_mm;
            let run = mm - scan.mm;
            run >= way * (1.0 - settings.tolerance) - slack && run <= way * (1.0 + settings.tolerance) + slack
        };
        let doubts = self.doubts;
        let mut could: Vec<_> = self.scans.iter_mut().filter(could).collect();
        let known = match could.as_mut_slice() {
            [only] if moving && !only.met && only.doubts == doubts => Some(only.mm),
            _ => None,
        };
        could.iter_mut().for_each(|scan| scan.met = true);
        self.beyond.push_back(Beyond { front: (mm, changes), rear: None, doubts, scan_mm: known, passes: false });
        if self.beyond.len() > FRONTS_MAX {
            self.beyond.pop_front();
        }
    }

    /// The light barrier at the decision can be read again, and nobody saw what came or went meanwhile.
    fn found_at_decision(&mut self, presence: Presence) {
        let here = (self.mm, self.changes);
        let standing = self.beyond.iter_mut().find(|thing| thing.rear.is_none());
        match (presence, standing) {
            (Presence::Present, None) => {
                // Its front may be as far on as anything is long.
                let front = (self.mm - self.settings.length_max_mm, self.changes);
                self.beyond.push_back(Beyond { front, rear: None, doubts: self.doubts, scan_mm: None, passes: false });
            }
            (Presence::Clear, Some(thing)) => thing.rear = Some(here),
            (Presence::Present, Some(_)) | (Presence::Clear, None) | (Presence::Unknown, _) => {}
        }
    }

    fn left_decision(&mut self, mm: f64, changes: u32, moving: bool) {
        if moving {
            if let Some(thing) = self.beyond.iter_mut().find(|thing| thing.rear.is_none()) {
                thing.rear = Some((mm, changes));
            }
        } else {
            // Taken off a belt that stands.
            self.beyond.retain(|thing| thing.rear.is_some());
        }
        let far = self.settings.exit_mm - self.settings.decision_mm;
        let gone: Vec<bool> = self.beyond.iter().map(|thing| self.least(thing.rear) > far.max(1.0)).collect();
        let mut gone = gone.into_iter();
        self.beyond.retain(|_| !gone.next().unwrap_or(false));
    }

    fn wire(&mut self, wire: Wire, state: Contact) {
        let now = Some(self.now);
        match wire {
            Wire::Running => {
                self.wires_read[0] = now;
                if self.running != state {
                    self.running = state;
                    self.changes += 1;
                    self.doubts += u64::from(state == Contact::Unknown);
                }
            }
            Wire::Reversed => {
                self.wires_read[1] = now;
                if self.reversed != state {
                    self.reversed = state;
                    self.changes += 1;
                    self.doubts += 1;
                }
            }
            Wire::Passing => (self.wires_read[2], self.leads.0) = (now, state),
            Wire::Diverted => (self.wires_read[3], self.leads.1) = (now, state),
            Wire::Interlock | Wire::Beam | Wire::Fault | Wire::EmergencyStop | Wire::DiverterFault => {}
        }
    }

    fn officer(&mut self, officer: &Officer, act: &Act) {
        if *act == Act::ConfirmClear {
            let known = self.settings.agencies.contains(&officer.agency) && !officer.name.trim().is_empty();
            let clear = |eye: &Eye| !matches!(eye.spot, Spot::Decision | Spot::Exit) || eye.says == Presence::Clear;
            self.confirming = known && self.running == Contact::Off && self.eyes.iter().all(clear);
        }
    }
}

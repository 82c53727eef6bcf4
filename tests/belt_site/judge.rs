//! A third opinion on a belt lane: plain, from readings, records and orders alone, sharing no idea with machine or
//! interlock.
//!
//! What it asks for is necessary, never sufficient: it reckons without tolerance where the lane has to be careful, and
//! takes a subject for gone where in doubt. What breaks one of its rules is wrong beyond dispute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use portside::lane::belt::{Decision, Diverter, Event, Order, Settings, Spot, Wire};
use portside::lane::{Contact, Note, Presence};
use portside_devices::moment::Moment;

const SETTLED: Duration = Duration::from_secs(1);

/// What the records say of one inspection.
#[derive(Clone, Debug, Default)]
struct Paper {
    /// Front at the scan: way and starts and stops until then.
    scan: Option<(f64, u32)>,
    released: bool,
    /// Something happened after which it has to be examined.
    barred: Option<&'static str>,
    sent: bool,
    aside: bool,
}

/// A shadow at the decision.
#[derive(Clone, Debug)]
struct Shadow {
    front: (f64, u32),
    rear: Option<f64>,
    /// Whose it was, once it was let through.
    of: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    says: Presence,
    at: Option<Moment>,
}

/// The judge of one run.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    settings: Settings,
    now: Moment,
    mm: f64,
    changes: u32,
    readings: Vec<Reading>,
    wires: BTreeMap<Wire, (Contact, Moment)>,
    papers: BTreeMap<Arc<str>, Paper>,
    shadows: Vec<Shadow>,
    /// What counts at the decision, and where a change began that does not count yet.
    decision: (Presence, Option<(f64, u32, Moment)>),
    blade_known_at: f64,
    stopped: Option<Moment>,
}

impl Judge {
    /// A judge that has seen nothing; these inspections were open when the lane was started again.
    pub(crate) fn new(settings: &Settings, open: BTreeSet<Arc<str>>) -> Self {
        let barred = Paper { barred: Some("the lane was started again"), ..Paper::default() };
        let blade = diverter(settings).map_or(0.0, |diverter| diverter.lead_mm + diverter.blade_mm);
        Self {
            now: Moment::START,
            mm: 0.0,
            changes: 0,
            readings: vec![Reading { says: Presence::Unknown, at: None }; settings.sensors.len()],
            wires: BTreeMap::new(),
            papers: open.into_iter().map(|id| (id, barred.clone())).collect(),
            shadows: Vec::new(),
            decision: (Presence::Unknown, None),
            blade_known_at: blade + settings.length_max_mm,
            stopped: None,
            settings: settings.clone(),
        }
    }

    /// Inspections that are open by their records.
    pub(crate) fn open(&self) -> BTreeSet<Arc<str>> {
        self.papers.keys().cloned().collect()
    }

    fn says(&self, wire: Wire) -> Contact {
        self.wires.get(&wire).map_or(Contact::Unknown, |(says, _)| *says)
    }

    /// `None`: nobody can tell. Otherwise -1, 0 or 1.
    fn motion(&self) -> Option<i8> {
        let reversed = if self.wires.contains_key(&Wire::Reversed) { self.says(Wire::Reversed) } else { Contact::Off };
        match (self.says(Wire::Running), reversed) {
            (Contact::Off, _) => Some(0),
            (Contact::On, Contact::Off) => Some(1),
            (Contact::On, Contact::On) => Some(-1),
            (Contact::Unknown, _) | (Contact::On, Contact::Unknown) => None,
        }
    }

    /// Sees an event before machine and interlock do.
    pub(crate) fn observe(&mut self, now: Moment, event: &Event) {
        if self.motion() == Some(1) {
            self.mm += now.since(self.now).as_secs_f64() * self.settings.speed;
        }
        self.now = now;
        self.look_for_silence();
        match event {
            Event::Sensor { sensor, presence } => self.read(*sensor, *presence),
            Event::Wire { wire, state } => self.wire(*wire, *state),
            Event::Officer { .. } | Event::Picture(_) | Event::Ordered { .. } | Event::Refused { .. } | Event::Tick => {
            }
        }
        self.count();
    }

    fn look_for_silence(&mut self) {
        let (now, stale) = (self.now, self.settings.stale_after);
        for sensor in 0..self.readings.len() {
            let Reading { says, at } = self.readings[sensor];
            if says != Presence::Unknown && at.is_some_and(|at| now.since(at) >= stale) {
                self.read(sensor, Presence::Unknown);
                self.readings[sensor].at = at;
            }
        }
        let silent =
            |(_, (says, at)): &(&Wire, &(Contact, Moment))| *says != Contact::Unknown && now.since(*at) >= stale;
        let silent: Vec<_> = self.wires.iter().filter(silent).map(|(wire, _)| *wire).collect();
        silent.into_iter().for_each(|wire| self.wire(wire, Contact::Unknown));
    }

    fn read(&mut self, sensor: usize, presence: Presence) {
        let Some(reading) = self.readings.get_mut(sensor) else { return };
        let before = std::mem::replace(&mut reading.says, presence);
        reading.at = Some(self.now);
        let spot = self.settings.sensors[sensor].spot;
        if presence == Presence::Unknown && before != Presence::Unknown && spot != Spot::Reach {
            self.bar("a light barrier could not be read");
        }
        if spot != Spot::Decision {
            return;
        }
        let here = (self.mm, self.changes, self.now);
        self.decision = match (self.decision.0, presence) {
            (_, Presence::Unknown) => (Presence::Unknown, None),
            (Presence::Unknown, found) => (found, None),
            (counts, says) if counts == says => (counts, None),
            (counts, _) => (counts, Some(self.decision.1.unwrap_or(here))),
        };
    }

    fn wire(&mut self, wire: Wire, state: Contact) {
        let before = self.motion();
        self.wires.insert(wire, (state, self.now));
        let after = self.motion();
        if before == after {
            return;
        }
        self.changes += 1;
        if !matches!(after, Some(0 | 1)) {
            self.bar("nobody could tell which way the belt ran");
        }
    }

    /// Everything on the belt has to be examined.
    fn bar(&mut self, why: &'static str) {
        self.papers.values_mut().filter(|paper| !paper.aside).for_each(|paper| paper.barred = Some(why));
    }

    /// Fronts and rears at the decision, as the lane file defines them.
    fn count(&mut self) {
        let (counts, Some((mm, changes, at))) = self.decision else { return };
        let far = if counts == Presence::Present { self.settings.gap_mm } else { self.settings.noise_mm };
        let slowly = self.now.since(at) >= SETTLED;
        if self.mm - mm < far && !slowly {
            return;
        }
        if counts == Presence::Clear {
            self.decision = (Presence::Present, None);
            self.shadows.push(Shadow { front: (mm, changes), rear: None, of: None });
            return;
        }
        self.decision = (Presence::Clear, None);
        if self.motion() == Some(1) {
            self.shadows.iter_mut().filter(|shadow| shadow.rear.is_none()).for_each(|shadow| shadow.rear = Some(mm));
        } else {
            self.shadows.retain(|shadow| shadow.rear.is_some());
        }
        let far = self.mm - 20_000.0;
        self.shadows.retain(|shadow| shadow.rear.is_none_or(|rear| rear > far));
    }

    /// Sees a record that is durable.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn record(&mut self, note: &Note) -> Result<(), String> {
        let id = &note.subject;
        match note.kind {
            "inspection.opened" => drop(self.papers.insert(id.clone(), Paper::default())),
            "belt.confirmed_clear" => {
                self.blade_known_at = self.mm;
                self.shadows.clear();
            }
            "inspection.sent" if note.data["side"] == "exit" => return self.sent(id),
            "inspection.closed" => {
                let paper = self.papers.remove(id);
                let may = paper.is_some_and(|paper| paper.sent && paper.released && paper.barred.is_none());
                if note.data["outcome"] == "departed" && !may {
                    return Err(format!("{id} departed, and had not been let through on its own release"));
                }
            }
            _ => {}
        }
        let changes = self.changes;
        let Some(paper) = self.papers.get_mut(id) else { return Ok(()) };
        match note.kind {
            "inspection.scanned" => paper.scan = note.data["mm"].as_f64().map(|mm| (mm, changes.saturating_sub(1))),
            "inspection.released" => paper.released = true,
            "inspection.held" | "inspection.hold_placed" => paper.released = false,
            "inspection.doubted" => (paper.released, paper.barred) = (false, Some("it was doubted")),
            "inspection.sent" => paper.sent = false,
            "inspection.aside" => paper.aside = true,
            _ => {}
        }
        Ok(())
    }

    fn sent(&mut self, id: &Arc<str>) -> Result<(), String> {
        let shadow = self.stands_released(id)?;
        if let Some(paper) = self.papers.get_mut(id) {
            paper.sent = true;
        }
        if diverter(&self.settings).is_none() {
            self.shadows[shadow].of = Some(id.clone());
        }
        Ok(())
    }

    /// The shadow at the decision that this released subject must be.
    fn stands_released(&self, id: &Arc<str>) -> Result<usize, String> {
        let paper = self.papers.get(id).ok_or_else(|| format!("{id} is not open"))?;
        if !paper.released {
            return Err(format!("{id} goes to the exit without a release on record"));
        }
        if let Some(why) = paper.barred {
            return Err(format!("{id} goes to the exit although {why}"));
        }
        let (scan, before) = paper.scan.ok_or_else(|| format!("{id} goes to the exit and was never scanned"))?;
        let settings = &self.settings;
        let way = settings.decision_mm - settings.scan_mm;
        let fits = |shadow: &Shadow| {
            let starts = f64::from(shadow.front.1.saturating_sub(before));
            let may = way * settings.tolerance + settings.slack_mm + starts * settings.slip_mm + 1.0;
            (shadow.front.0 - scan - way).abs() <= may && shadow.of.as_ref().is_none_or(|of| of == id)
        };
        self.shadows.iter().position(fits).ok_or_else(|| format!("{id} goes to the exit and is not at the decision"))
    }

    /// Whether this order is right at this moment.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn order(&self, order: &Order, protective: bool) -> Result<(), String> {
        // Exhaustive: an order that runs a belt or starts a beam would not compile here.
        match order {
            Order::BeltStop | Order::BeamOff => Ok(()),
            Order::Pass { .. } | Order::Divert if protective => Err("a turn protects nobody".into()),
            Order::Divert => self.blade(),
            Order::Pass { inspection } => {
                self.stands_released(inspection)?;
                if self.leads() == Some(true) { Ok(()) } else { self.blade() }
            }
        }
    }

    /// An order that was carried out.
    pub(crate) fn given(&mut self, order: &Order) {
        match order {
            Order::BeltStop => self.stopped = Some(self.now),
            Order::Pass { inspection } => {
                if let Ok(shadow) = self.stands_released(inspection) {
                    self.shadows[shadow].of = Some(inspection.clone());
                }
            }
            Order::BeamOff | Order::Divert => {}
        }
    }

    /// `true`: the diverter is seen to lead to the exit; `false`: to the examination.
    fn leads(&self) -> Option<bool> {
        match (self.says(Wire::Passing), self.says(Wire::Diverted)) {
            (Contact::On, Contact::Off) => Some(true),
            (Contact::Off, Contact::On) => Some(false),
            _ => None,
        }
    }

    fn over(&self, shadow: &Shadow) -> bool {
        diverter(&self.settings).is_some_and(|diverter| {
            let end = diverter.lead_mm + diverter.blade_mm;
            self.mm - shadow.front.0 >= diverter.lead_mm && shadow.rear.is_none_or(|rear| self.mm - rear < end)
        })
    }

    fn blade(&self) -> Result<(), String> {
        if self.mm < self.blade_known_at {
            return Err("the diverter turns, and nobody knows what stands over it".into());
        }
        match self.shadows.iter().find(|shadow| self.over(shadow)) {
            Some(shadow) => Err(format!("the diverter turns at {:.0} mm against {shadow:?}", self.mm)),
            None => Ok(()),
        }
    }

    /// Looks at the lane after an event and everything that it led to.
    ///
    /// # Errors
    /// What goes where it may not, on a belt that runs and was not told to stop.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        self.look_at_reach();
        if self.motion() == Some(0) || self.stopped.is_some_and(|at| self.now.since(at) <= self.settings.stop_within) {
            return Ok(());
        }
        let stop = diverter(&self.settings).is_none();
        let wrong = |shadow: &&Shadow| {
            let where_it_counts = if stop { shadow.rear.is_none() } else { self.over(shadow) };
            where_it_counts && shadow.of.is_none() && (stop || self.leads() != Some(false))
        };
        match self.shadows.iter().find(wrong) {
            Some(shadow) => Err(format!("the belt runs on at {:.0} mm with {shadow:?} unreleased", self.mm)),
            None => Ok(()),
        }
    }

    /// Who is between scan and decision while somebody may be reaching in has to be examined.
    fn look_at_reach(&mut self) {
        let each = self.readings.iter().zip(&self.settings.sensors);
        let open = each.filter(|(_, sensor)| sensor.spot == Spot::Reach).any(|(read, _)| read.says != Presence::Clear);
        if open {
            let between = |paper: &&mut Paper| paper.scan.is_some() && !paper.sent && !paper.aside;
            let why = "somebody may have reached in";
            self.papers.values_mut().filter(between).for_each(|paper| paper.barred = Some(why));
        }
    }
}

fn diverter(settings: &Settings) -> Option<&Diverter> {
    match &settings.decision {
        Decision::Divert(diverter) => Some(diverter),
        Decision::Stop => None,
    }
}

//! A subject's way along the belt: which one it is that a light barrier sees, and what became of those it does not.

use std::sync::Arc;

use serde_json::json;

use super::edges::Edge;
use super::machine::Belt;
use super::settings::{Decision, Spot};
use super::subject::{Doubt, Side, Stage, Step, Subject};
use super::travel::{Mark, Motion};
use crate::lane::Presence;

/// The light barriers that a subject passes in turn.
const ON_THE_WAY: [Spot; 4] = [Spot::Entry, Spot::Scan, Spot::Decision, Spot::Exit];

impl Belt {
    pub(super) fn edge(&mut self, sensor: usize, edge: Edge) {
        let Some(spot) = self.settings.sensors.get(sensor).map(|sensor| sensor.spot) else { return };
        if edge == Edge::Lost {
            self.blind(sensor, spot);
            return;
        }
        // Backwards a front is a rear: what stands where is looked at when the belt runs forward again.
        if spot == Spot::Reach || self.travel.motion() == Motion::Backward {
            return;
        }
        match edge {
            Edge::Rose(mark) => self.arrive(spot, mark),
            Edge::Fell(mark) => self.leave(spot, mark),
            Edge::FoundPresent(mark) => self.find(spot, mark),
            Edge::FoundClear => self.miss(spot),
            Edge::Lost => {}
        }
    }

    fn blind(&mut self, sensor: usize, spot: Spot) {
        let name = self.settings.sensors[sensor].name.clone();
        if self.is_news(&name) {
            self.alarm(None, "alarm.sensor_lost", json!({ "sensor": name }));
        }
        if spot != Spot::Reach {
            self.doubt_belt(Doubt::Blind);
        }
    }

    /// A front is at a light barrier.
    fn arrive(&mut self, spot: Spot, mark: Mark) {
        if spot == Spot::Entry {
            self.open("entry", spot, mark);
            return;
        }
        let found = if mark.moving { self.expected(spot, mark) } else { None };
        match (found, spot) {
            (Some(id), _) => self.reach(&id, spot, mark),
            (None, Spot::Exit) if mark.moving => {
                self.alarm(None, "alarm.passed_unreleased", json!({ "sensor": "exit" }));
                self.stop_belt("passed_unreleased", None);
            }
            (None, Spot::Exit | Spot::Examine | Spot::Entry | Spot::Reach) => {}
            (None, Spot::Scan | Spot::Decision) => {
                let doubt = if mark.moving { Doubt::Inserted } else { Doubt::Placed };
                self.insert(spot, mark, doubt);
            }
        }
    }

    /// The subject whose front has to be at `spot` about here. Where several could be meant, all are doubted.
    fn expected(&mut self, spot: Spot, mark: Mark) -> Option<Arc<str>> {
        let meant: Vec<Arc<str>> = self
            .belt
            .iter()
            .filter(|subject| Some(subject.at) == spot.before())
            .filter(|subject| {
                let (from, to) = self.window(subject, spot, mark);
                let run = mark.mm - subject.front.mm;
                from <= run && run <= to
            })
            .map(|subject| Arc::clone(&subject.case.id))
            .collect();
        if meant.len() > 1 {
            meant.iter().for_each(|id| self.doubt(id, Doubt::Ambiguous));
        }
        meant.into_iter().next()
    }

    /// How far the belt runs, at least and at most, until this subject's front is at `spot`.
    fn window(&self, subject: &Subject, spot: Spot, mark: Mark) -> (f64, f64) {
        let settings = &self.settings;
        let way = settings.position(spot) - settings.position(subject.at);
        let changes = f64::from(mark.changes.saturating_sub(subject.front.changes));
        let slack = settings.slack_mm + changes * settings.slip_mm;
        (way * (1.0 - settings.tolerance) - slack, way * (1.0 + settings.tolerance) + slack)
    }

    /// The subject's front is where it was expected.
    fn reach(&mut self, id: &Arc<str>, spot: Spot, mark: Mark) {
        let Some(subject) = self.subject(id) else { return };
        subject.come(spot, mark);
        match spot {
            Spot::Scan => self.scan(id, mark),
            Spot::Decision => self.decide(id),
            Spot::Exit => self.at_exit(id),
            Spot::Entry | Spot::Examine | Spot::Reach => {}
        }
    }

    fn scan(&mut self, id: &Arc<str>, mark: Mark) {
        self.images.enter(id, mark.mm);
        let Some(subject) = self.subject(id) else { return };
        if subject.step == Step::AwaitingScan {
            subject.step = Step::AwaitingPicture { until: None };
        }
        if !subject.doubts.is_empty() {
            self.images.doubt(id);
        }
        self.inspection_note(id, "inspection.scanned", json!({ "mm": mark.mm }));
        let close = self.settings.images.cut_mm;
        if let Some((before, _)) = self.scanned_last.take().filter(|(_, rear)| mark.mm - rear.mm < close) {
            self.doubt(&before, Doubt::Close);
            self.doubt(id, Doubt::Close);
        }
    }

    fn at_exit(&mut self, id: &Arc<str>) {
        let Some(subject) = self.subject(id) else { return };
        if subject.stage == Stage::Bound(Side::Exit) && subject.may_pass() {
            return;
        }
        self.alarm(Some(id), "alarm.passed_unreleased", json!({ "sensor": "exit" }));
        self.stop_belt("passed_unreleased", Some(id));
    }

    /// Opens an inspection at a place on the belt that follows from where it was first seen.
    fn open(&mut self, reason: &'static str, spot: Spot, mark: Mark) -> Arc<str> {
        let id = (self.ids)();
        let subject = Subject::new(Arc::clone(&id), &self.settings.desks, spot, mark);
        let place = self.belt.iter().position(|other| other.at < spot).unwrap_or(self.belt.len());
        self.belt.insert(place, subject);
        let data = json!({ "reason": reason, "at": spot.word(), "sensors": self.sensor_vector() });
        self.inspection_note(&id, "inspection.opened", data);
        id
    }

    /// Something that nobody has announced.
    fn insert(&mut self, spot: Spot, mark: Mark, doubt: Doubt) {
        let id = self.open("inserted", spot, mark);
        self.doubt(&id, doubt);
        self.alarm(Some(&id), "alarm.inserted", json!({ "at": spot.word(), "doubt": doubt.word() }));
        match spot {
            Spot::Scan => {
                self.scan(&id, mark);
                self.doubt_scanned();
            }
            Spot::Decision => self.decide(&id),
            Spot::Entry | Spot::Exit | Spot::Examine | Spot::Reach => {}
        }
    }

    /// Where something nobody announced goes into the scan, it may be in the picture of whoever is still there.
    fn doubt_scanned(&mut self) {
        let waits = |subject: &&Subject| matches!(subject.step, Step::AwaitingPicture { .. });
        let ids: Vec<_> = self.belt.iter().filter(waits).map(|subject| Arc::clone(&subject.case.id)).collect();
        ids.iter().for_each(|id| self.doubt(id, Doubt::Ambiguous));
    }

    /// Who stands at the light barrier.
    fn occupant(&self, spot: Spot) -> Option<Arc<str>> {
        let found = self.belt.iter().find(|subject| subject.covers(spot))?;
        Some(Arc::clone(&found.case.id))
    }

    /// A rear has left a light barrier.
    fn leave(&mut self, spot: Spot, mark: Mark) {
        let Some(id) = self.occupant(spot) else { return };
        if !mark.moving && spot != Spot::Exit && spot != Spot::Examine {
            self.take_off(&id, spot);
            return;
        }
        if mark.moving {
            self.measure(&id, spot, mark);
        }
        match spot {
            Spot::Scan => {
                self.images.leave(&id, mark.mm);
                self.scanned_last = Some((id, mark));
            }
            Spot::Decision => self.past_decision(&id),
            Spot::Exit => self.depart(&id),
            Spot::Examine => self.set_aside(&id),
            Spot::Entry | Spot::Reach => {}
        }
    }

    /// Notes the rear, and compares the length with what the barrier before saw.
    fn measure(&mut self, id: &Arc<str>, spot: Spot, mark: Mark) {
        let (slack, slip, tolerance) = (self.settings.slack_mm, self.settings.slip_mm, self.settings.tolerance);
        let noise = self.settings.noise_mm;
        let Some(subject) = self.subject(id) else { return };
        let Some((length, changes)) = subject.pass(spot, mark) else { return };
        let before = subject.length.replace((length, changes));
        let Some((was, then)) = before else { return };
        let may = length.max(was) * tolerance + 2.0 * slack + noise + slip * f64::from(changes + then);
        if (length - was).abs() > may {
            self.doubt(id, Doubt::Length);
        }
    }

    fn past_decision(&mut self, id: &Arc<str>) {
        let Some(subject) = self.subject(id) else { return };
        if subject.stage == Stage::Halted {
            self.alarm(Some(id), "alarm.passed_unreleased", json!({ "sensor": "decision" }));
            self.stop_belt("passed_unreleased", Some(id));
        }
    }

    /// A sensor that could not be read shows something.
    fn find(&mut self, spot: Spot, mark: Mark) {
        if self.occupant(spot).is_none() {
            self.insert(spot, mark, Doubt::Blind);
        }
    }

    /// A sensor that could not be read shows nothing: whatever stood there has gone on.
    fn miss(&mut self, spot: Spot) {
        if let Some(id) = self.occupant(spot) {
            let mark = self.travel.mark();
            if let Some(subject) = self.subject(&id) {
                subject.pass(spot, mark);
            }
            self.images.gone(&id, mark.at);
        }
    }

    /// The belt runs forward again: what stands at a light barrier and is not known there is somebody new.
    pub(super) fn survey(&mut self) {
        for spot in ON_THE_WAY {
            let Some(sensor) = self.settings.sensor(spot) else { continue };
            let mark = self.travel.mark();
            match (self.edges.says(sensor), self.occupant(spot)) {
                (Presence::Present, None) if spot != Spot::Exit => self.insert(spot, mark, Doubt::Motion),
                (Presence::Clear, Some(_)) => self.miss(spot),
                (Presence::Present | Presence::Clear | Presence::Unknown, _) => {}
            }
        }
    }

    /// At the decision: on, or not.
    fn decide(&mut self, id: &Arc<str>) {
        let stop = matches!(self.settings.decision, Decision::Stop);
        let Some(subject) = self.subject(id) else { return };
        let (pass, word) = (subject.may_pass(), subject.word());
        subject.stage = match (pass, stop) {
            (true, _) => Stage::Bound(Side::Exit),
            (false, true) => Stage::Halted,
            (false, false) => Stage::Bound(Side::Examine),
        };
        match subject.stage {
            Stage::Bound(side) => self.send(id, side, word),
            Stage::Halted | Stage::Upstream => {
                self.stop_belt(word, Some(id));
                self.inspection_note(id, "inspection.halted", json!({ "why": word }));
            }
        }
    }

    pub(super) fn send(&mut self, id: &Arc<str>, side: Side, why: &str) {
        let Some(subject) = self.subject(id) else { return };
        subject.stage = Stage::Bound(side);
        let doubts: Vec<_> = subject.doubts.iter().map(|doubt| doubt.word()).collect();
        self.inspection_note(id, "inspection.sent", json!({ "side": side.word(), "why": why, "doubts": doubts }));
        self.papers_of(id);
    }

    /// A subject that stood at the decision may go on once it is released; until then the belt does not run.
    pub(super) fn release_halted(&mut self) {
        let halted = |subject: &&Subject| subject.stage == Stage::Halted;
        let standing = matches!(self.travel.motion(), Motion::Stopped { .. });
        let ids: Vec<_> =
            self.belt.iter().filter(halted).map(|subject| (Arc::clone(&subject.case.id), subject.may_pass())).collect();
        for (id, pass) in ids {
            if pass {
                self.send(&id, Side::Exit, "released");
            } else if !standing {
                self.stop_belt("unreleased_at_decision", Some(&id));
            }
        }
    }

    /// Subjects that should have been seen at the next light barrier and were not.
    pub(super) fn lose_overdue(&mut self) {
        let here = self.travel.mark();
        let overdue: Vec<_> = self.belt.iter().filter(|subject| self.overdue(subject, here)).collect();
        let overdue: Vec<_> =
            overdue.into_iter().map(|subject| (Arc::clone(&subject.case.id), subject.stage)).collect();
        for (id, stage) in overdue {
            match stage {
                Stage::Bound(Side::Examine) if self.settings.sensor(Spot::Examine).is_none() => self.set_aside(&id),
                Stage::Bound(_) | Stage::Upstream | Stage::Halted => self.vanish(&id),
            }
        }
    }

    fn overdue(&self, subject: &Subject, here: Mark) -> bool {
        let next = match (subject.at, subject.stage) {
            (Spot::Entry, _) => Spot::Scan,
            (Spot::Scan, _) => Spot::Decision,
            (Spot::Decision, Stage::Halted) if subject.covers(Spot::Decision) => return false,
            (Spot::Decision, Stage::Bound(Side::Examine)) if self.settings.sensor(Spot::Examine).is_some() => {
                Spot::Examine
            }
            (Spot::Decision, _) => Spot::Exit,
            (Spot::Exit | Spot::Examine | Spot::Reach, _) => return false,
        };
        let (_, latest) = self.window(subject, next, here);
        let wavers = self.settings.sensor(next).is_some_and(|sensor| self.edges.wavers(sensor));
        let ripening = if wavers { self.settings.noise_mm + self.settings.gap_mm } else { 0.0 };
        here.mm - subject.front.mm > latest + ripening
    }

    /// Something stands at a light barrier for longer than anything is long, while the belt runs.
    pub(super) fn watch_stuck(&mut self) {
        let longest = self.settings.length_max_mm * (1.0 + self.settings.tolerance) + self.settings.slack_mm;
        for sensor in 0..self.settings.sensors.len() {
            let spot = self.settings.sensors[sensor].spot;
            let run = self.edges.since(sensor).map_or(0.0, |since| self.travel.mark().mm - since.mm);
            if spot == Spot::Reach || self.edges.says(sensor) != Presence::Present {
                self.stuck[sensor] = false;
            } else if run > longest && !std::mem::replace(&mut self.stuck[sensor], true) {
                self.is_stuck(sensor, spot);
            }
        }
    }

    fn is_stuck(&mut self, sensor: usize, spot: Spot) {
        let name = self.settings.sensors[sensor].name.clone();
        let occupant = self.occupant(spot);
        self.alarm(occupant.as_ref(), "alarm.stuck", json!({ "sensor": name }));
        self.stop_belt("stuck", occupant.as_ref());
        let behind: Vec<_> =
            self.belt.iter().filter(|subject| subject.at <= spot).map(|subject| Arc::clone(&subject.case.id)).collect();
        behind.iter().for_each(|id| self.doubt(id, Doubt::Stuck));
    }
}

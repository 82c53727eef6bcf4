//! The diverter: at rest it leads to the examination; it is turned to the exit for one released subject, and back.
//!
//! ```text
//!            the next subject may pass, nothing over the blade
//!  Examine ───────────────────────────────────────────────────► Exit
//!     ▲                                                           │
//!     └────── nobody who may pass is next, nothing over the blade ┘
//! ```
//! Nothing is turned while something stands over the blade. A subject that comes near a blade that does not lead where
//! it has to go is stopped with the belt, unless it can still be led to the examination.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::json;

use super::event::{Order, Wire};
use super::machine::Belt;
use super::settings::{Diverter, Settings, Spot};
use super::subject::{Side, Stage, Subject};
use super::travel::{Mark, Motion};
use crate::lane::Contact;

/// Beyond its regular travel the diverter gets this long, for the disk and the link.
const PATIENCE: Duration = Duration::from_millis(500);
/// The belt is stopped while a subject is still this far from the blade, in the time of its way.
const AHEAD: Duration = Duration::from_millis(200);

/// What was asked of the diverter.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    asked: Option<(Side, Moment)>,
    /// Latched until a person resumes.
    pub(super) fault: Option<&'static str>,
    /// What was refused, or did not arrive, is not asked again before this.
    not_before: Moment,
    /// Something may stand over the blade until the belt has run this far.
    unknown_until_mm: Option<f64>,
    by: Duration,
}

/// Where one subject is about the blade, with every doubt about the way on the side of caution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Near {
    /// Not there yet.
    Before,
    /// So near that the blade must stand right.
    Close,
    /// Over it, or perhaps.
    Over,
    /// Wholly behind it.
    Behind,
}

impl Turn {
    pub(super) fn new(settings: &Settings) -> Self {
        let (by, unknown_until_mm) = match settings.diverter() {
            Some(diverter) => (diverter.travel + PATIENCE, Some(zone_mm(settings, diverter))),
            None => (Duration::ZERO, None),
        };
        Self { asked: None, fault: None, not_before: Moment::START, unknown_until_mm, by }
    }

    /// Something may stand over the blade until the belt has run this far.
    fn unknown_until(&mut self, mm: f64) {
        self.unknown_until_mm = Some(self.unknown_until_mm.map_or(mm, |until| until.max(mm)));
    }

    /// What was asked was not given.
    pub(super) fn not_given(&mut self, now: Moment) {
        self.asked = None;
        self.not_before = now + PATIENCE;
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.asked.map(|(_, at)| at + self.by)
    }

    /// A person looked: nothing stands over the blade.
    pub(super) fn looked(&mut self) {
        self.unknown_until_mm = None;
    }
}

/// After so much belt nothing that stood over the blade at the start does so any more.
fn zone_mm(settings: &Settings, diverter: &Diverter) -> f64 {
    (diverter.lead_mm + diverter.blade_mm + settings.length_max_mm) * (1.0 + settings.tolerance) + settings.slack_mm
}

impl Belt {
    /// Where the diverter is seen to lead.
    pub(super) fn leads(&self) -> Option<Side> {
        match (self.wires.says(Wire::Passing), self.wires.says(Wire::Diverted)) {
            (Contact::On, Contact::Off) => Some(Side::Exit),
            (Contact::Off, Contact::On) => Some(Side::Examine),
            (Contact::On, Contact::On | Contact::Unknown)
            | (Contact::Off, Contact::Off | Contact::Unknown)
            | (Contact::Unknown, _) => None,
        }
    }

    pub(super) fn turn_diverter(&mut self) {
        let Some(diverter) = self.settings.diverter().cloned() else { return };
        let here = self.travel.mark();
        if self.turn.unknown_until_mm.is_some_and(|until| here.mm >= until) {
            self.turn.unknown_until_mm = None;
        }
        self.watch_turn();
        self.guard_blade(&diverter, here);
        if self.turn.fault.is_none() && self.now >= self.turn.not_before {
            self.ask_turn(&diverter, here);
        }
    }

    /// Arrived, or late.
    fn watch_turn(&mut self) {
        let Some((side, at)) = self.turn.asked else { return };
        if self.leads() == Some(side) {
            self.turn.asked = None;
        } else if self.now.since(at) >= self.turn.by {
            self.turn.asked = None;
            self.diverter_fault("diverter_did_not_arrive");
        }
    }

    pub(super) fn diverter_fault(&mut self, what: &'static str) {
        if self.turn.fault.is_some() || self.settings.diverter().is_none() {
            return;
        }
        self.turn.fault = Some(what);
        self.alarm(None, "alarm.diverter_fault", json!({ "fault": what }));
        if !self.belt.is_empty() {
            self.stop_belt(what, None);
        }
    }

    /// Nothing goes over a blade that does not lead where it has to go.
    fn guard_blade(&mut self, diverter: &Diverter, here: Mark) {
        if matches!(self.travel.motion(), Motion::Stopped { .. }) {
            return;
        }
        let leads = self.leads();
        let wrong: Vec<_> = self
            .belt
            .iter()
            .filter(|subject| match (near(&self.settings, diverter, subject, here), subject.stage) {
                (Near::Close | Near::Over, Stage::Bound(Side::Exit)) => {
                    leads != Some(Side::Exit) || !subject.ordered || !subject.may_pass()
                }
                (Near::Close | Near::Over, Stage::Bound(Side::Examine)) => leads != Some(Side::Examine),
                (Near::Before | Near::Behind, _) | (_, Stage::Upstream | Stage::Halted) => false,
            })
            .map(|subject| (Arc::clone(&subject.case.id), subject.stage, near(&self.settings, diverter, subject, here)))
            .collect();
        for (id, stage, near) in wrong {
            if stage == Stage::Bound(Side::Exit) && leads == Some(Side::Examine) && near == Near::Close {
                self.send(&id, Side::Examine, "late");
            } else {
                self.stop_belt("diverter_not_in_place", Some(&id));
            }
        }
    }

    fn ask_turn(&mut self, diverter: &Diverter, here: Mark) {
        let clear = self.turn.unknown_until_mm.is_none()
            && !self.belt.iter().any(|s| near(&self.settings, diverter, s, here) == Near::Over);
        let before_or_over = |subject: &&Subject| near(&self.settings, diverter, subject, here) != Near::Behind;
        let next = self.belt.iter().filter(|subject| matches!(subject.stage, Stage::Bound(_))).filter(before_or_over);
        // One that may not pass any more is no reason to lead to the exit, even if it was one before.
        let leading: Vec<_> = next
            .take_while(|subject| subject.stage == Stage::Bound(Side::Exit) && subject.may_pass())
            .map(|subject| (Arc::clone(&subject.case.id), subject.ordered))
            .collect();
        let asked = self.turn.asked.map(|(side, _)| side);
        if leading.is_empty() {
            let rests = self.leads() == Some(Side::Examine) && asked.is_none();
            if clear && !rests && asked != Some(Side::Examine) && self.heard() {
                self.turn.asked = Some((Side::Examine, self.now));
                self.order(Order::Divert, "rest", None);
            }
            return;
        }
        // Where it leads to the exit already, the order moves nothing and may be given at any time.
        if !clear && self.leads() != Some(Side::Exit) {
            return;
        }
        for (id, ordered) in leading {
            if !ordered {
                if let Some(subject) = self.subject(&id) {
                    subject.ordered = true;
                }
                self.turn.asked = Some((Side::Exit, self.now));
                self.order(Order::Pass { inspection: Arc::clone(&id) }, "released", Some(&id));
            }
        }
    }

    /// It has left where it could still go either way.
    pub(super) fn behind_blade(&self, subject: &Subject) -> bool {
        match self.settings.diverter() {
            Some(diverter) => near(&self.settings, diverter, subject, self.travel.mark()) == Near::Behind,
            None => !subject.covers(Spot::Decision),
        }
    }

    /// What the diverter reports of itself has not ended.
    pub(super) fn diverter_still_faulty(&self) -> bool {
        self.wires.heard(Wire::DiverterFault) && self.wires.says(Wire::DiverterFault) != Contact::Off
    }

    /// The subject leaves the books. Its papers end where it was seen or missed; its rear may still be over the blade.
    pub(super) fn leaves_books(&mut self, id: &str) {
        let Some(diverter) = self.settings.diverter() else { return };
        let here = self.travel.mark();
        let Some(subject) = self.belt.iter().find(|subject| &*subject.case.id == id) else { return };
        let Some(front) = subject.decision_front() else { return };
        if near(&self.settings, diverter, subject, here) == Near::Behind {
            return;
        }
        let settings = &self.settings;
        let rear = subject.decision_rear().map_or(front.mm + settings.length_max_mm, |rear| rear.mm);
        let changes = f64::from(here.changes.saturating_sub(front.changes));
        let way = (diverter.lead_mm + diverter.blade_mm) / (1.0 - settings.tolerance);
        self.turn.unknown_until(rear + way + settings.slack_mm + changes * settings.slip_mm);
    }

    /// The diverter has said where it leads.
    fn heard(&self) -> bool {
        self.wires.heard(Wire::Passing) && self.wires.heard(Wire::Diverted)
    }

    /// Subjects that are believed to be behind the decision and have not been seen at the end.
    pub(super) fn behind_decision(&self) -> Vec<Arc<str>> {
        let behind = |subject: &&Subject| subject.at == Spot::Decision && subject.stage != Stage::Upstream;
        self.belt.iter().filter(behind).map(|subject| Arc::clone(&subject.case.id)).collect()
    }
}

fn near(settings: &Settings, diverter: &Diverter, subject: &Subject, here: Mark) -> Near {
    if subject.at < Spot::Decision {
        return Near::Before;
    }
    let Some(front) = subject.decision_front() else { return Near::Behind };
    let slack =
        |mark: Mark| settings.slack_mm + f64::from(here.changes.saturating_sub(mark.changes)) * settings.slip_mm;
    let furthest = (here.mm - front.mm) * (1.0 + settings.tolerance) + slack(front);
    let behind = subject.decision_rear().is_some_and(|rear| {
        (here.mm - rear.mm) * (1.0 - settings.tolerance) - slack(rear) >= diverter.lead_mm + diverter.blade_mm
    });
    if behind {
        Near::Behind
    } else if furthest >= diverter.lead_mm {
        Near::Over
    } else if furthest + settings.speed * AHEAD.as_secs_f64() >= diverter.lead_mm {
        Near::Close
    } else {
        Near::Before
    }
}

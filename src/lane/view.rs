//! What screens show of the lane: a plain copy, made on demand, that says nothing a screen may not know.

use std::sync::Arc;

use serde::Serialize;

use portside_devices::kind::Closes;

use super::arm::State;
use super::contacts::Position;
use super::inspection::{Inspection, Reason, Sameness, Step, Way};
use super::lane::{Lane, License, ms};
use super::review::{self, HoldReason, Standing};
use super::settings::{DeskRole, Place};
use super::{ExaminationView, ImageRef, Order, Presence};

/// The lane at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// `boot`, `free`, `blind` (nobody can tell what stands at the arm, or where the arm is), or the step of the inspection: `unidentified`, `awaiting_picture`, `reviewing`, `held`,
    /// `released`, `passing`, `vanished`.
    pub step: &'static str,
    /// The inspection in the lane.
    pub inspection: Option<InspectionView>,
    /// The barrier.
    pub arm: ArmView,
    /// Presence sensors in the order of the lane file.
    pub sensors: Vec<SensorView>,
    /// Codes of the faults that are latched or last, e.g. `arm_astray`, `sensor_lost:under`.
    pub faults: Vec<String>,
    /// What a person has to do next, most urgent first; empty when nothing waits for a person.
    pub next: Vec<Todo>,
}

/// One thing that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Todo {
    /// Stable code: `identify`, `judge`, `measure`, `lift_hold`, `examination_begin`, `examination_arrive`,
    /// `examination_open`, `examination_finding`, `examination_close`, `disposition`, `accept`, `resume`,
    /// `confirm_clear`, `confirm_subject`.
    pub code: &'static str,
    /// Agencies that can do it; empty means every agency.
    pub agencies: Vec<Arc<str>>,
    /// The sentence for an English screen.
    pub text: String,
}

/// The inspection in the lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectionView {
    /// Inspection id.
    pub id: Arc<str>,
    /// Why it was opened: `approach`, `tailgating`, `override`.
    pub reason: &'static str,
    /// Licence plate or other number; `None` until identified.
    pub identity: Option<Arc<str>>,
    /// SHA-256 of each picture, oldest first.
    pub pictures: Vec<Arc<str>>,
    /// The newest image and how many there are, which a verdict names; `None` before the first.
    pub image: Option<ImageRef>,
    /// Ids of all images, oldest first.
    pub images: Vec<Arc<str>>,
    /// Desks in the order of the lane file.
    pub desks: Vec<DeskView>,
    /// The subject's temperature; `None` where the lane measures none.
    pub temperature: Option<TemperatureView>,
    /// What the radiation portal found; `None` where the lane has none.
    pub radiation: Option<RadiationView>,
    /// Standing holds.
    pub holds: Vec<HoldView>,
    /// The joint examination; `None` before one is begun.
    pub examination: Option<ExaminationView>,
    /// Milliseconds until this step's time is up; `None` where nothing runs out.
    pub left_ms: Option<u64>,
    /// The daemon was restarted and nobody has yet confirmed that this is the subject in the lane.
    pub needs_confirmation: bool,
}

/// One desk: who has given, and what once it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeskView {
    /// Agency id.
    pub agency: Arc<str>,
    /// `required` or `advisory`.
    pub role: &'static str,
    /// `waiting`, `given` (sealed), or the opened verdict: `clear`, `alarm`, `unknown`, `not_reviewed`.
    pub standing: &'static str,
}

/// How far the temperature has come: what was measured is its agency's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemperatureView {
    /// The agency whose it is.
    pub agency: Arc<str>,
    /// `waiting`, `measuring`, `measured`, `confirm` (a person measures again), `confirmed`, `waived`.
    pub standing: &'static str,
}

/// What the radiation portal found of the subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RadiationView {
    /// The agency that holds for it.
    pub agency: Arc<str>,
    /// `waiting`, `clear`, `alarm`, `unknown`, `waived`.
    pub standing: &'static str,
}

/// One agency's hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// The only agency that can lift it.
    pub agency: Arc<str>,
    /// `alarm`, `unknown`, `not_reviewed`, `no_picture`, `temperature`, `radiation`, or what the officer wrote.
    pub reasons: Vec<Arc<str>>,
}

/// The barrier: asked is never seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArmView {
    /// The last order given, `None` since the start.
    pub asked: Option<Order>,
    /// Where the limits show it: `unknown`, `closed`, `between`, `open`, `both_limits`.
    pub seen: &'static str,
    /// State: `boot`, `unknown`, `closed`, `opening`, `open`, `closing`, `astray`, `stopped`, `emergency`, `fault`.
    pub state: &'static str,
    /// Why it does not close although it stands open with nobody in passage.
    pub waits_for: Option<&'static str>,
}

/// One presence sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SensorView {
    /// Name from the lane file.
    pub name: Arc<str>,
    /// `approach`, `under`, `beyond`.
    pub place: &'static str,
    /// What it says.
    pub presence: Presence,
    /// Milliseconds it has said so.
    pub for_ms: u64,
}

pub(super) const fn place_word(place: Place) -> &'static str {
    match place {
        Place::Approach => "approach",
        Place::Under => "under",
        Place::Beyond => "beyond",
    }
}

pub(super) const fn role_word(role: DeskRole) -> &'static str {
    match role {
        DeskRole::Required => "required",
        DeskRole::Advisory => "advisory",
    }
}

impl Lane {
    /// What screens show at the moment of the last event.
    pub fn view(&self) -> View {
        let step = match &self.inspection {
            _ if !self.begun => "boot",
            None if self.blind() => "blind",
            None => "free",
            Some(inspection) => inspection.word(),
        };
        View {
            step,
            inspection: self.inspection.as_ref().map(|inspection| self.inspection_view(inspection)),
            arm: ArmView {
                asked: self.asked,
                seen: self.arm.seen().word(),
                state: state_word(self.arm.state()),
                waits_for: self.waits_for(),
            },
            sensors: self.sensor_views(),
            faults: self.faults(),
            next: self.todos(),
        }
    }

    fn inspection_view(&self, inspection: &Inspection) -> InspectionView {
        let desks = inspection.case.review.iter().map(|(desk, standing)| DeskView {
            agency: Arc::clone(&desk.agency),
            role: role_word(desk.role),
            standing: review::word(standing),
        });
        let holds = inspection.case.holds.iter().map(|hold| HoldView {
            agency: Arc::clone(&hold.agency),
            reasons: hold.reasons.iter().map(HoldReason::word).collect(),
        });
        InspectionView {
            id: Arc::clone(&inspection.case.id),
            reason: inspection.reason.word(),
            identity: inspection.case.identity.clone(),
            pictures: inspection.case.pictures.clone(),
            image: inspection.case.image(),
            images: inspection.case.images.clone(),
            desks: desks.collect(),
            temperature: self.temperature_view(inspection),
            radiation: self.radiation_view(inspection),
            holds: holds.collect(),
            examination: inspection.case.examination_view(),
            left_ms: inspection.until().map(|until| ms(until.since(self.now))),
            needs_confirmation: inspection.sameness == Sameness::Restored,
        }
    }

    fn temperature_view(&self, inspection: &Inspection) -> Option<TemperatureView> {
        let agency = Arc::clone(&self.settings.temperature.as_ref()?.agency);
        Some(TemperatureView { agency, standing: inspection.case.screening.as_ref()?.word() })
    }

    fn radiation_view(&self, inspection: &Inspection) -> Option<RadiationView> {
        let agency = Arc::clone(&self.settings.radiation.as_ref()?.agency);
        Some(RadiationView { agency, standing: inspection.case.portal?.word() })
    }

    fn sensor_views(&self) -> Vec<SensorView> {
        let each = self.sensors.iter().map(|(name, place, presence, since)| SensorView {
            name: Arc::clone(name),
            place: place_word(place),
            presence,
            for_ms: ms(self.now.since(since)),
        });
        each.collect()
    }

    /// An officer's opening that no subject has used: it ends when a person says so.
    fn opened_for_nobody(&self) -> bool {
        let waits = |inspection: &Inspection| {
            inspection.reason == Reason::Override
                && matches!(inspection.way(), Some(Way::Waiting { .. } | Way::Confirm))
        };
        self.arm.seen() == Position::Open
            && self.inspection.as_ref().is_some_and(waits)
            && !self.sensors.present(Place::Approach)
    }

    fn waits_for(&self) -> Option<&'static str> {
        if self.settings.arm.closes == Closes::Own || self.arm.seen() != Position::Open || self.arm.closing() {
            return None;
        }
        if self.arm.latched().is_some() {
            return Some("resume");
        }
        let vanished = self.inspection.as_ref().and_then(Inspection::way) == Some(Way::Vanished);
        match self.license {
            License::Proving if !vanished => Some("passage"),
            License::None | License::Proving => Some("confirm_clear"),
            License::Passed | License::Confirmed if !self.sensors.guard_clear(self.now, self.settings.clear_for) => {
                Some("clear")
            }
            License::Passed | License::Confirmed => self.arm.doubt().or(Some("passage")),
        }
    }

    fn faults(&self) -> Vec<String> {
        let lost = self.sensors.iter().filter(|(_, _, says, _)| *says == Presence::Unknown);
        let lost = lost.map(|(name, ..)| format!("sensor_unknown:{name}"));
        self.arm.latched().map(str::to_owned).into_iter().chain(lost).collect()
    }

    fn todos(&self) -> Vec<Todo> {
        let mut todos = Vec::new();
        let mut add = |code, agencies: Vec<Arc<str>>, text: String| todos.push(Todo { code, agencies, text });
        if let Some(what) = self.arm.latched() {
            add("resume", Vec::new(), format!("The arm is latched ({what}): end the cause, then resume."));
        }
        if let Some(inspection) = &self.inspection {
            for (code, agencies, text) in todo(inspection) {
                add(code, agencies, text.to_owned());
            }
            let asked = self.temperature_view(inspection).filter(|view| view.standing == "confirm");
            if let Some(view) = asked.filter(|_| inspection.way().is_none()) {
                let text = "Measure the person's temperature with an instrument of your own, and type it.";
                add("measure", vec![view.agency], text.to_owned());
            }
        }
        let passing = self.inspection.as_ref().and_then(Inspection::way);
        let stands = matches!(self.arm.state(), State::Astray { .. }) && self.arm.seen() == Position::Between;
        if stands && self.inspection.is_none() {
            let text = "The arm stands between its limits and closes only from its opened one: look that it is free, then \
                open it, and confirm that nobody is there.";
            add("open_arm", Vec::new(), text.to_owned());
        }
        if self.opened_for_nobody() {
            let text = "The arm was opened and nobody is at it: look, then confirm; or let the subject come.";
            add("confirm_clear", Vec::new(), text.to_owned());
        }
        if self.waits_for() == Some("confirm_clear") && matches!(passing, None | Some(Way::Vanished)) {
            add(
                "confirm_clear",
                Vec::new(),
                "The arm stands open: look that nobody is there, then confirm.".to_owned(),
            );
        }
        todos
    }
}

fn todo(inspection: &Inspection) -> Vec<(&'static str, Vec<Arc<str>>, &'static str)> {
    let mut todos = Vec::new();
    if inspection.sameness == Sameness::Restored || inspection.way() == Some(Way::Confirm) {
        todos.push(("confirm_subject", Vec::new(), "Look whether this subject stands in the lane, then confirm."));
    }
    match inspection.step {
        Step::Unidentified { .. } => todos.push(("identify", Vec::new(), "Type the licence plate or other number.")),
        Step::Reviewing { .. } => {
            let waiting = inspection.case.review.iter().filter(|(_, standing)| **standing == Standing::Waiting);
            let agencies: Vec<_> = waiting.map(|(desk, _)| Arc::clone(&desk.agency)).collect();
            if !agencies.is_empty() {
                todos.push(("judge", agencies, "Judge the subject.")); // nobody named would mean everybody
            }
        }
        Step::Held => todos.extend(inspection.case.todos()),
        Step::AwaitingPicture { .. } | Step::Released { .. } => {}
    }
    todos
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Boot => "boot",
        State::Unknown => "unknown",
        State::Closed => "closed",
        State::Opening { .. } => "opening",
        State::Open => "open",
        State::Closing { .. } => "closing",
        State::Astray { .. } => "astray",
        State::Stopped => "stopped",
        State::Emergency => "emergency",
        State::Fault(_) => "fault",
    }
}

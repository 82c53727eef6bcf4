//! What screens show of a belt lane: a plain copy, made on demand, that says nothing a screen may not know.

use std::sync::Arc;

use serde::Serialize;

use super::machine::{Belt, motion_word};
use super::settings::Decision;
use super::subject::{Side, Stage, Step, Subject};
use crate::lane::lane::ms;
use crate::lane::review::{self, HoldReason, Standing};
use crate::lane::view::{DeskView, HoldView, Todo, role_word};
use crate::lane::{Contact, ExaminationView, ImageRef, Presence};

use super::event::Wire;

/// The belt lane at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// `boot`, `free` when nothing is on the belt, or `busy`.
    pub step: &'static str,
    /// Subjects on the belt, the foremost first.
    pub belt: Vec<SubjectView>,
    /// Subjects at the examination.
    pub aside: Vec<SubjectView>,
    /// The belt: `unknown`, `stopped`, `running`, `backward`.
    pub motion: &'static str,
    /// It was told to stop and has not been seen to.
    pub stopping: bool,
    /// Where the diverter leads: `exit`, `examine`, `unknown`; `None` where the lane has none.
    pub diverter: Option<&'static str>,
    /// The beam: `on`, `off`, `unknown`; `None` where the machine does not say.
    pub beam: Option<&'static str>,
    /// Sensors in the order of the lane file.
    pub sensors: Vec<BarrierView>,
    /// Codes of the faults that are latched or last.
    pub faults: Vec<String>,
    /// What a person has to do next, most urgent first.
    pub next: Vec<Todo>,
}

/// One subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubjectView {
    /// Inspection id.
    pub id: Arc<str>,
    /// `awaiting_scan`, `awaiting_picture`, `reviewing`, `held`, `released`, `passing`.
    pub step: &'static str,
    /// The sensor that it reached last: `entry`, `scan`, `decision`, `exit`, `examine`.
    pub at: &'static str,
    /// Millimetres that the belt has run since.
    pub since_mm: u64,
    /// Where it is led: `exit`, `examine`; `halted` at the decision; `None` before it.
    pub bound: Option<&'static str>,
    /// Why it is not certain which subject this is.
    pub doubts: Vec<&'static str>,
    /// Number or name; `None` until identified.
    pub identity: Option<Arc<str>>,
    /// SHA-256 of each picture, oldest first.
    pub pictures: Vec<Arc<str>>,
    /// The newest image and how many there are, which a verdict names; `None` before the first.
    pub image: Option<ImageRef>,
    /// Ids of all images, oldest first.
    pub images: Vec<Arc<str>>,
    /// Desks in the order of the lane file.
    pub desks: Vec<DeskView>,
    /// Standing holds.
    pub holds: Vec<HoldView>,
    /// The joint examination; `None` before one is begun.
    pub examination: Option<ExaminationView>,
    /// Milliseconds until this step's time is up; `None` where nothing runs out.
    pub left_ms: Option<u64>,
}

/// One light barrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarrierView {
    /// Name from the lane file.
    pub name: Arc<str>,
    /// `entry`, `scan`, `decision`, `exit`, `examine`, `reach`.
    pub place: &'static str,
    /// What it says.
    pub presence: Presence,
    /// Milliseconds it has said so.
    pub for_ms: u64,
}

impl Belt {
    /// What screens show at the moment of the last event.
    pub fn view(&self) -> View {
        let step = match (self.begun, self.belt.is_empty()) {
            (false, _) => "boot",
            (true, true) => "free",
            (true, false) => "busy",
        };
        let diverter =
            matches!(self.settings.decision, Decision::Divert(_)).then(|| self.leads().map_or("unknown", Side::word));
        View {
            step,
            belt: self.belt.iter().map(|subject| self.subject_view(subject)).collect(),
            aside: self.aside.iter().map(|subject| self.subject_view(subject)).collect(),
            motion: motion_word(self.travel.motion()),
            stopping: self.stopping.is_some(),
            diverter,
            beam: self.wires.heard(Wire::Beam).then(|| contact_word(self.wires.says(Wire::Beam))),
            sensors: self.barrier_views(),
            faults: self.faults(),
            next: self.todos(),
        }
    }

    fn subject_view(&self, subject: &Subject) -> SubjectView {
        let case = &subject.case;
        let desks = case.review.iter().map(|(desk, standing)| DeskView {
            agency: Arc::clone(&desk.agency),
            role: role_word(desk.role),
            standing: review::word(standing),
        });
        let holds = case.holds.iter().map(|hold| HoldView {
            agency: Arc::clone(&hold.agency),
            reasons: hold.reasons.iter().map(HoldReason::word).collect(),
        });
        let since = (self.travel.mark().mm - subject.front.mm).max(0.0);
        SubjectView {
            id: Arc::clone(&case.id),
            step: subject.word(),
            at: subject.at.word(),
            since_mm: since as u64,
            bound: match subject.stage {
                Stage::Upstream => None,
                Stage::Halted => Some("halted"),
                Stage::Bound(side) => Some(side.word()),
            },
            doubts: subject.doubts.iter().map(|doubt| doubt.word()).collect(),
            identity: case.identity.clone(),
            pictures: case.pictures.clone(),
            image: case.image(),
            images: case.images.clone(),
            desks: desks.collect(),
            holds: holds.collect(),
            examination: case.examination_view(),
            left_ms: subject.until().map(|until| ms(until.since(self.now))),
        }
    }

    fn barrier_views(&self) -> Vec<BarrierView> {
        let each = self.edges.iter().zip(&self.settings.sensors);
        let view = each.map(|((name, presence, since), sensor)| BarrierView {
            name: Arc::clone(name),
            place: sensor.spot.word(),
            presence,
            for_ms: ms(self.now.since(since.at)),
        });
        view.collect()
    }

    fn faults(&self) -> Vec<String> {
        let lost = self.edges.iter().filter(|(_, says, _)| *says == Presence::Unknown);
        let lost = lost.map(|(name, ..)| format!("sensor_unknown:{name}"));
        let stuck = self.stuck.iter().zip(&self.settings.sensors).filter(|(stuck, _)| **stuck);
        let stuck = stuck.map(|(_, sensor)| format!("stuck:{}", sensor.name));
        let running = (self.wires.says(Wire::Running) == Contact::Unknown).then(|| "belt_unknown".to_owned());
        let latched = self.turn.fault.map(str::to_owned);
        latched.into_iter().chain(running).chain(stuck).chain(lost).collect()
    }

    fn todos(&self) -> Vec<Todo> {
        let mut todos = Vec::new();
        let mut add = |code, agencies, text: String| todos.push(Todo { code, agencies, text });
        if let Some(what) = self.turn.fault {
            add("resume", Vec::new(), format!("The diverter is latched ({what}): end the cause, then resume."));
        }
        for subject in self.belt.iter().filter(|subject| subject.stage == Stage::Halted) {
            let text = "The belt stands with an unreleased subject at the decision: take it off, or wait for its \
                release; then start the belt at the machine.";
            add("start_belt", Vec::new(), format!("{text} ({})", subject.case.id));
        }
        for subject in self.belt.iter().chain(&self.aside) {
            let id = &subject.case.id;
            match subject.step {
                Step::Reviewing { .. } => {
                    let waits = subject.case.review.iter().filter(|(_, standing)| **standing == Standing::Waiting);
                    let agencies: Vec<_> = waits.map(|(desk, _)| Arc::clone(&desk.agency)).collect();
                    if !agencies.is_empty() {
                        add("judge", agencies, format!("Judge the subject ({id})."));
                    }
                }
                Step::Held => {
                    for (code, agencies, text) in subject.case.todos() {
                        add(code, agencies, format!("{} ({id}).", text.trim_end_matches('.')));
                    }
                }
                Step::AwaitingScan | Step::AwaitingPicture { .. } | Step::Released { .. } => {}
            }
        }
        todos
    }
}

const fn contact_word(state: Contact) -> &'static str {
    match state {
        Contact::On => "on",
        Contact::Off => "off",
        Contact::Unknown => "unknown",
    }
}

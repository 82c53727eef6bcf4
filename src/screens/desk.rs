//! What one desk may know of the lane, made from the view that the control task publishes.
//!
//! Before the verdicts are opened another desk's standing is `hidden`: neither what it gave nor that it gave. A desk is
//! told of a change only where this composition differs from the one before, so that a verdict of another desk changes
//! no byte and no time of what it receives. Whatever is added here must be the same with and without that verdict.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde::Serialize;

use super::Site;
use crate::control::machine::LaneView;
use crate::control::status::Status;
use crate::lane::{self, HoldView, ImageRef, InspectionView, belt};
use crate::uplink::DeviceState;

/// The lane for one desk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct State {
    /// `normal` or `emergency`.
    pub(super) mode: Arc<str>,
    /// The lane's own step.
    pub(super) lane: &'static str,
    /// Codes of the faults that are latched or last.
    pub(super) faults: Vec<String>,
    /// `on`, `off`, `unknown`; `None` where nobody says.
    pub(super) beam: Option<&'static str>,
    /// `unknown`, `stopped`, `running`, `backward`; `None` at a gate.
    pub(super) motion: Option<&'static str>,
    /// Subjects under way, the foremost first; those at the examination last.
    pub(super) subjects: Vec<Subject>,
    /// What waits for a person, as far as this desk may know it.
    pub(super) next: Vec<Todo>,
}

/// One subject for one desk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Subject {
    /// Inspection id.
    pub(super) id: Arc<str>,
    /// Step of the inspection.
    pub(super) step: &'static str,
    /// The sensor that it reached last; `None` at a gate.
    pub(super) at: Option<&'static str>,
    /// Plate or number.
    pub(super) identity: Option<Arc<str>>,
    /// The newest image, which a verdict names.
    pub(super) image: Option<ImageRef>,
    /// Ids of all images, oldest first.
    pub(super) images: Vec<Arc<str>>,
    /// Why it is not certain which subject this is.
    pub(super) doubts: Vec<&'static str>,
    /// All desks of the station.
    pub(super) desks: Vec<Desk>,
    /// Standing holds.
    pub(super) holds: Vec<HoldView>,
    /// Time that is left.
    pub(super) left_ms: Left,
    /// Time that a review has.
    pub(super) timeout_ms: u64,
    /// What else is shared.
    pub(super) facts: Facts,
}

/// One desk of the station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Desk {
    /// Agency id.
    pub(super) agency: Arc<str>,
    /// Name for people.
    pub(super) name: Arc<str>,
    /// `required` or `advisory`.
    pub(super) role: &'static str,
    /// As the lane says for one's own desk; for another's `hidden` until the verdicts are opened.
    pub(super) standing: &'static str,
}

/// Milliseconds that are left. They run by themselves: only whether there are any is a change.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Left(pub(super) Option<u64>);

impl PartialEq for Left {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_some() == other.0.is_some()
    }
}

/// What stands beside the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Facts {
    /// The release permit.
    pub(super) permit: Option<Arc<str>>,
    /// Control orders.
    pub(super) orders: Vec<Arc<str>>,
    /// What the radiation portal found.
    pub(super) radiation: Option<&'static str>,
    /// How far the temperature has come; for its own agency alone.
    pub(super) temperature: Option<&'static str>,
}

/// What waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Todo {
    /// Stable code.
    pub(super) code: &'static str,
    /// Who can do it; empty means everybody.
    pub(super) agencies: Vec<Arc<str>>,
    /// The sentence.
    pub(super) text: String,
}

/// What this desk may know at `now`.
pub(super) fn compose(site: &Site, status: &Status, agency: &str, now: Moment) -> State {
    let passed = now.since(status.at);
    let (faults, next) = match &status.lane {
        LaneView::Gate(view) => (&view.faults, &view.next),
        LaneView::Belt(view) => (&view.faults, &view.next),
    };
    let (beam, motion) = match &status.lane {
        LaneView::Gate(_) => (None, None),
        LaneView::Belt(view) => (view.beam, Some(view.motion)),
    };
    let viewer = Viewer { site, agency, step: status.lane.step(), passed };
    let subjects = match &status.lane {
        LaneView::Gate(view) => view.inspection.iter().map(|inspection| viewer.vehicle(inspection)).collect(),
        LaneView::Belt(view) => view.belt.iter().chain(&view.aside).map(|subject| viewer.bag(subject)).collect(),
    };
    let blind = site.xray.iter().filter(|xray| unreachable(status, xray)).map(|_| "xray_unreachable".to_owned());
    State {
        mode: status.words.mode.clone(),
        lane: status.lane.step(),
        faults: faults.iter().cloned().chain(blind).collect(),
        beam,
        motion,
        subjects,
        next: next.iter().filter_map(|todo| viewer.todo(todo)).collect(),
    }
}

fn unreachable(status: &Status, device: &str) -> bool {
    let device = status.devices.iter().find(|view| &*view.id == device);
    device.is_none_or(|view| matches!(view.health.state, DeviceState::Lost | DeviceState::Unknown))
}

/// Whose eyes it is seen with, and how old the view is.
struct Viewer<'a> {
    site: &'a Site,
    agency: &'a str,
    step: &'static str,
    passed: Duration,
}

impl Viewer<'_> {
    fn vehicle(&self, inspection: &InspectionView) -> Subject {
        let temperature = inspection.temperature.as_ref().filter(|view| &*view.agency == self.agency);
        Subject {
            id: inspection.id.clone(),
            step: self.step,
            at: None,
            identity: inspection.identity.clone(),
            image: inspection.image.clone(),
            images: inspection.images.clone(),
            doubts: if inspection.needs_confirmation { vec!["restart"] } else { Vec::new() },
            desks: self.desks(&inspection.desks),
            holds: inspection.holds.clone(),
            left_ms: self.left(inspection.left_ms),
            timeout_ms: millis(self.site.timeout),
            facts: Facts {
                permit: None,
                orders: Vec::new(),
                radiation: inspection.radiation.as_ref().map(|view| view.standing),
                temperature: temperature.map(|view| view.standing),
            },
        }
    }

    fn bag(&self, subject: &belt::SubjectView) -> Subject {
        Subject {
            id: subject.id.clone(),
            step: subject.step,
            at: Some(subject.at),
            identity: subject.identity.clone(),
            image: subject.image.clone(),
            images: subject.images.clone(),
            doubts: subject.doubts.clone(),
            desks: self.desks(&subject.desks),
            holds: subject.holds.clone(),
            left_ms: self.left(subject.left_ms),
            timeout_ms: millis(self.site.timeout),
            facts: Facts { permit: None, orders: Vec::new(), radiation: None, temperature: None },
        }
    }

    fn desks(&self, desks: &[lane::DeskView]) -> Vec<Desk> {
        let each = desks.iter().map(|desk| Desk {
            agency: desk.agency.clone(),
            name: self.site.name_of(&desk.agency),
            role: desk.role,
            standing: match desk.standing {
                "waiting" | "given" if &*desk.agency != self.agency => "hidden",
                standing => standing,
            },
        });
        each.collect()
    }

    /// Who still has to judge is what a sealed verdict must not tell, so each desk hears of its own part alone.
    fn todo(&self, todo: &lane::Todo) -> Option<Todo> {
        let mine = todo.agencies.iter().any(|agency| &**agency == self.agency);
        let agencies = match todo.code {
            "judge" if mine => vec![self.agency.into()],
            "judge" => return None,
            _ => todo.agencies.clone(),
        };
        Some(Todo { code: todo.code, agencies, text: todo.text.clone() })
    }

    fn left(&self, left_ms: Option<u64>) -> Left {
        Left(left_ms.map(|left| left.saturating_sub(millis(self.passed))))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

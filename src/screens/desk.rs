//! What one desk is told of the lane: its own sight of it, as the lane made it, with the names and times of the site.
//!
//! What a desk may know is decided by the lane alone. A page is told of a change only where this composition differs from
//! the one before, so that a verdict of another desk, which changes nothing in it, changes no byte and no time of what
//! the page receives. Whatever is added here must be the same with and without that verdict.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde::Serialize;
use serde_json::{Value, json};

use super::Site;
use crate::control::machine::LaneView;
use crate::control::status::Status;
use crate::lane::agreement::AgreementView;
use crate::lane::{ExaminationView, HoldView, ImageRef, Mine, SubjectSight, Todo};
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
    /// What this desk may do next.
    pub(super) next: Vec<Todo>,
    /// How far the desks agree, from inspections that are closed.
    pub(super) stats: Arc<AgreementView>,
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
    /// All desks of the station.
    pub(super) desks: Vec<Desk>,
    /// What this desk said.
    pub(super) mine: Option<Mine>,
    /// Standing holds.
    pub(super) holds: Vec<HoldView>,
    /// The joint examination.
    pub(super) examination: Option<ExaminationView>,
    /// When this step's time is up; sent as `left_ms`.
    #[serde(skip)]
    pub(super) until: Option<Moment>,
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
    /// As the lane lets this desk know it.
    pub(super) standing: &'static str,
}

/// What stands beside the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Facts {
    /// The release permit.
    pub(super) permit: Option<Arc<str>>,
    /// Control orders.
    pub(super) orders: Vec<Arc<str>>,
    /// What the radiation portal found: `waiting`, `clear`, `alarm`, `unknown`, `waived`.
    pub(super) radiation: Option<&'static str>,
}

/// What the desk of `agency` may know; `None` for an agency that the lane does not have.
pub(super) fn compose(site: &Site, status: &Status, agency: &str) -> Option<State> {
    let sight = status.sights.get(agency)?;
    let blind = site.xray.iter().filter(|xray| unreachable(status, xray)).map(|_| "xray_unreachable".to_owned());
    Some(State {
        mode: status.words.mode.clone(),
        lane: sight.step,
        faults: sight.faults.iter().cloned().chain(blind).collect(),
        beam: sight.beam,
        motion: sight.motion,
        subjects: sight.subjects.iter().map(|subject| of_subject(site, status, subject)).collect(),
        next: sight.next.clone(),
        stats: status.agreement.clone(),
    })
}

/// The message for the page, at `now`.
pub(super) fn message(state: &State, generation: u64, now: Moment, wall: &str) -> String {
    let mut told = json!(state);
    told["type"] = json!("state");
    told["generation"] = json!(generation);
    told["now"] = json!(wall);
    let subjects = told["subjects"].as_array_mut().into_iter().flatten();
    for (told, subject) in subjects.zip(&state.subjects) {
        told["left_ms"] = subject.until.map_or(Value::Null, |until| json!(millis(until.since(now))));
    }
    told.to_string()
}

fn of_subject(site: &Site, status: &Status, subject: &SubjectSight) -> Subject {
    let desks = subject.desks.iter().map(|desk| Desk {
        agency: desk.agency.clone(),
        name: site.name_of(&desk.agency),
        role: desk.role,
        standing: desk.standing,
    });
    Subject {
        id: subject.id.clone(),
        step: subject.step,
        at: subject.at,
        identity: subject.identity.clone(),
        image: subject.image.clone(),
        images: subject.images.clone(),
        desks: desks.collect(),
        mine: subject.mine.clone(),
        holds: subject.holds.clone(),
        examination: subject.examination.clone(),
        until: subject.until,
        timeout_ms: millis(site.timeout),
        facts: Facts { permit: None, orders: Vec::new(), radiation: radiation(status, &subject.id) },
    }
}

fn radiation(status: &Status, inspection: &str) -> Option<&'static str> {
    match &status.lane {
        LaneView::Gate(view) => {
            let view = view.inspection.as_ref().filter(|view| &*view.id == inspection)?;
            view.radiation.as_ref().map(|radiation| radiation.standing)
        }
        LaneView::Belt(_) => None,
    }
}

fn unreachable(status: &Status, device: &str) -> bool {
    let device = status.devices.iter().find(|view| &*view.id == device);
    device.is_none_or(|view| matches!(view.health.state, DeviceState::Lost | DeviceState::Unknown))
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

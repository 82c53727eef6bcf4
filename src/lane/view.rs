//! What screens show of the lane: a plain copy, made on demand, that says nothing a screen may not know.

use std::sync::Arc;

use serde::Serialize;

use super::settings::{DeskRole, Place};
use super::{Order, Presence};

/// The lane at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// `boot`, `free`, or the step of the inspection: `unidentified`, `awaiting_picture`, `reviewing`, `held`,
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
    /// Stable code: `identify`, `judge`, `lift_hold`, `resume`, `confirm_clear`, `confirm_subject`.
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
    /// Desks in the order of the lane file.
    pub desks: Vec<DeskView>,
    /// Standing holds.
    pub holds: Vec<HoldView>,
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

/// One agency's hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// The only agency that can lift it.
    pub agency: Arc<str>,
    /// `alarm`, `unknown`, `not_reviewed`, `no_picture`, or what the officer wrote.
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

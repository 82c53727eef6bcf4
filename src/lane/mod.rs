//! What should happen in the lane: a pure machine that is told what happened and says what to do.

mod effect;
mod event;
mod settings;

pub use effect::{Effect, Note, Order, Secret, Topic};
pub use event::{Act, ArmContact, Contact, Event, Officer, OrderOutcome, Picture, Presence, Verdict};
pub use settings::{Arm, Desk, DeskRole, PictureRule, Place, Sensor, Settings};

/// Why an officer's act is refused, in the officer's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no subject in the lane.
    NoSubject,
}

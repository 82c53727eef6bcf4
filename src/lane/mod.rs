//! What should happen in the lane: a pure machine that is told what happened and says what to do.

mod act;
pub mod agreement;
mod arm;
pub mod belt;
mod case;
mod contacts;
mod decision;
mod effect;
mod event;
mod examination;
mod examined;
mod fault;
mod finding;
mod inspection;
pub mod interlock;
mod judgement;
#[allow(clippy::module_inception)] // the machine of the room is the lane itself
mod lane;
pub mod marks;
mod passage;
pub mod radiation;
pub mod recall;
mod record;
mod refusal;
mod review;
mod screening;
mod sensors;
mod settings;
mod sight;
pub mod temperature;
mod view;

pub use effect::{Effect, Note, Order, Remark, SealedVerdict, Secret, Topic};
pub use event::{Act, ArmContact, Arrival, Contact, Event, Officer, OrderOutcome, Picture, Presence, Verdict};
pub use examined::{ExaminationView, HandOverView, Marked, PartyView};
pub use finding::{Disposition, Found};
pub use interlock::Interlock;
pub use lane::{Ids, Lane};
pub use marks::{Category, ImageRef, Region, Shape};
pub use recall::{Memory, Recalled};
pub use refusal::Refusal;
pub use screening::Measurement;
pub use settings::{Arm, Desk, DeskRole, PictureRule, Place, Sensor, Settings};
pub use sight::{Mine, Sight, SubjectSight};
pub use view::{ArmView, DeskView, HoldView, InspectionView, RadiationView, SensorView, TemperatureView, Todo, View};

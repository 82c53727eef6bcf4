//! A belt lane: baggage or parcels pass an X-ray machine one behind the other, and each is released or examined.
//!
//! What the desks do with one inspection is the gate's; what is different is that several are under way at once, and
//! that nobody but light barriers and the way of the belt says which is where.

mod act;
mod divert;
mod edges;
mod event;
mod images;
pub mod interlock;
pub(super) mod machine;
mod papers;
mod passage;
pub mod recall;
mod record;
pub(super) mod settings;
pub(super) mod subject;
mod travel;
mod view;
mod wires;

pub use event::{Effect, Event, Order, Wire};
pub use interlock::Interlock;
pub use machine::Belt;
pub use recall::Recalled;
pub use settings::{Decision, Diverter, Drive, ImageRule, Sensor, Settings, Spot};
pub use view::{BarrierView, SubjectView, View};

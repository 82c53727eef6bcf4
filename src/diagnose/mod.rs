//! What is wrong with a wire, judged from what was read over it. Pure: answers come in, causes go out; whoever reads
//! (`check --online`, `probe`) asks the questions.
//!
//! ```text
//!  planned reads ─┐                         ┌─► cause: what is wrong, and what to do
//!  follow-ups ────┼─► Sight ─► causes(…) ───┤
//!  what a person  │                         └─► nothing: it reads well
//!  sees there ────┘
//! ```
//! A cause is named only where something was read that speaks for it; what merely could be is not said.

mod cause;
mod contact;
mod device;
pub mod folder;
pub mod source;
mod value;
pub mod views;

use std::sync::Arc;
use std::time::Duration;

pub use cause::Cause;
pub use contact::{Expectation, History, contacts, seen, watched};
pub use device::{causes, denies, no_way};
pub use value::{Shown, orders, shown};

use portside_devices::plan::Block;
use portside_devices::profile::{Profile, Table};

use crate::field::medium::Medium;
use crate::field::touch::{Answer, NoWay};

/// Everything that was read of one Modbus device.
#[derive(Clone, Debug)]
pub struct Sight {
    /// How it is reached.
    pub medium: Medium,
    /// Its unit id.
    pub unit: u8,
    /// What it should be.
    pub profile: Arc<Profile>,
    /// How long it was given for each answer.
    pub timeout: Duration,
    /// Whether there is a way to it.
    pub way: Result<(), NoWay>,
    /// What its identity register answered, where its profile has one.
    pub identity: Option<Answer>,
    /// The reads that the lane needs.
    pub reads: Vec<Read>,
    /// What was asked besides, because of what these said.
    pub more: More,
}

/// One read that the lane needs, and what came of it.
#[derive(Clone, Debug)]
pub struct Read {
    /// What was asked.
    pub block: Block,
    /// What came.
    pub answer: Answer,
}

/// What was found where the planned reads failed.
#[derive(Clone, Debug, Default)]
pub struct More {
    /// The unit answers when it is given this long.
    pub late: Option<Duration>,
    /// Other units that answer at the same place, and which device of the lane each is, if any.
    pub units: Vec<(u8, Option<Arc<str>>)>,
    /// The place answers serial frames, where Modbus TCP was expected.
    pub serial_frames: bool,
    /// The setting of the port at which the unit answers.
    pub setting: Option<String>,
    /// Which program holds the port.
    pub holder: Option<String>,
    /// Reads (places in [`Sight::reads`]) that are answered in another table.
    pub tables: Vec<(usize, Table)>,
    /// Reads that are answered when they begin so many addresses later.
    pub shifts: Vec<(usize, i32, Answer)>,
    /// Known profiles that the identity fits.
    pub models: Vec<Arc<str>>,
}

//! What reaches the belt lane, and what it orders.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lane::{Act, Contact, Officer, OrderOutcome, Picture, Presence};

/// Which contact of the X-ray machine, its belt or the diverter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// The belt runs, whichever way.
    Running,
    /// The belt runs backwards.
    Reversed,
    /// The interlock chain is closed.
    Interlock,
    /// The tube emits.
    Beam,
    /// The machine reports a fault.
    Fault,
    /// An emergency stop button is pressed.
    EmergencyStop,
    /// Limit switch of the diverter: it leads to the exit.
    Passing,
    /// Limit switch of the diverter: it leads to the examination.
    Diverted,
    /// The diverter reports a fault, or that something stands in its way.
    DiverterFault,
}

impl Wire {
    /// Every wire.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Reversed,
        Self::Interlock,
        Self::Beam,
        Self::Fault,
        Self::EmergencyStop,
        Self::Passing,
        Self::Diverted,
        Self::DiverterFault,
    ];

    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "belt_running",
            Self::Reversed => "belt_reversed",
            Self::Interlock => "interlock",
            Self::Beam => "xray_on",
            Self::Fault => "fault",
            Self::EmergencyStop => "emergency_stop",
            Self::Passing => "passing",
            Self::Diverted => "diverted",
            Self::DiverterFault => "diverter_fault",
        }
    }
}

/// One thing that reached the lane.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A presence sensor was read; sent for every poll, changed or not, so that silence shows.
    Sensor {
        /// Place in [`super::Settings::sensors`].
        sensor: usize,
        /// What it says.
        presence: Presence,
    },
    /// A contact was read; sent for every poll, changed or not.
    Wire {
        /// Which one.
        wire: Wire,
        /// What it says.
        state: Contact,
    },
    /// A person acted. The answer goes back with the same ticket.
    Officer {
        /// Who.
        officer: Officer,
        /// What.
        act: Act,
        /// Names the waiting caller.
        ticket: u64,
    },
    /// Durable picture evidence arrived.
    Picture(Picture),
    /// What became of an order.
    Ordered {
        /// The order as it was given.
        order: Order,
        /// What became of it.
        outcome: OrderOutcome,
    },
    /// The independent interlock refused an order that this machine gave.
    Refused {
        /// The order as it was given.
        order: Order,
        /// The rule that refused it.
        rule: &'static str,
    },
    /// Time has come to look at deadlines again.
    Tick,
}

/// An order to the X-ray machine or the diverter. There is none that runs a belt or starts a beam: a person does that
/// at the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Stop the belt.
    BeltStop,
    /// Switch the beam off.
    BeamOff,
    /// Turn the diverter to the exit, for this inspection's subject and no other.
    Pass {
        /// Inspection id.
        inspection: Arc<str>,
    },
    /// Turn the diverter back to where it rests: the examination.
    Divert,
}

impl Order {
    /// The word in records.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::BeltStop => "belt_stop",
            Self::BeamOff => "beam_off",
            Self::Pass { .. } => "pass",
            Self::Divert => "divert",
        }
    }
}

/// What the belt lane wants done.
pub type Effect = crate::lane::Effect<Order>;

//! Simulated devices: what they answer to a request at a moment. Pure; `src/simulate/` of the daemon puts them on
//! real sockets.

mod bank;
pub mod belt;
mod belt_site;
mod faults;
mod gate;
mod line_portal;
mod live;
mod model;
mod optris;
mod scale;
mod sign;
mod speaker;
mod spoil;
mod vehicle;

pub use bank::Bank;
pub use belt_site::BeltSite;
pub use faults::{Fault, Faults};
pub use gate::{ArmFault, Button, Gate, GateSetup, GateView, SensorFault, Spot};
pub use line_portal::{LinePortal, Load, Tempo};
pub use live::{AtTheMachine, Live};
pub use model::Model;
pub use optris::Thermometers;
pub use scale::{AskedScale, ContinuousScale, Platform};
pub use sign::Sign;
pub use speaker::{LineFault, LineFaults, Passed, Speaker};
pub use spoil::{Sent, WireFault, send};
pub use vehicle::{Manner, VehicleView};

use crate::moment::Moment;
use crate::profile::Table;

/// A request as it reaches a device, free of framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Functions 1 to 4.
    Read {
        /// Which table.
        table: Table,
        /// First address.
        start: u16,
        /// Bits or registers.
        count: u16,
    },
    /// Functions 5 and 15.
    WriteCoils {
        /// First address.
        start: u16,
        /// On or off, by rising address.
        bits: Vec<bool>,
    },
    /// Functions 6 and 16.
    WriteRegisters {
        /// First address.
        start: u16,
        /// The words, by rising address.
        words: Vec<u16>,
    },
}

/// What a device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To a read of bits.
    Bits(Vec<bool>),
    /// To a read of registers.
    Words(Vec<u16>),
    /// To a write.
    Written,
    /// The exception code of Modbus.
    Exception(u8),
}

/// Exception code: the device does not have this function.
pub const ILLEGAL_FUNCTION: u8 = 1;
/// Exception code: the device does not have this address.
pub const ILLEGAL_ADDRESS: u8 = 2;

/// A simulated site of one or more units behind one address.
pub trait Simulator: Send + 'static {
    /// Brings the site to `now` and answers; `None` where nobody answers to this unit.
    fn answer(&mut self, now: Moment, unit: u8, request: &Request) -> Option<Response>;
}

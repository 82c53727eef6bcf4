//! The TOML a technician writes, made into types that cannot be wrong, every fault with its place.

mod checked;
mod value;

pub use checked::{
    Agency, Config, Connection, Desk, Device, Gate, Identity, Lane, Link, OnModbus, Review, Screens, Security, Sensor,
    Station, Store, Uplink,
};
pub use value::{Direction, Id, Mode, Receipts, Recipient, Traffic};

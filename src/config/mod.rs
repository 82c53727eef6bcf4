//! The TOML a technician writes, made into types that cannot be wrong, every fault with its place.
//!
//! ```text
//! bytes ─ read.rs ─► text ─ table.rs, file.rs ─► sections ─ settle/ ─► Config
//!                      └───────── faults of every step ─────────► Report
//! ```

mod address;
mod checked;
mod choice;
pub mod codes;
mod cost;
mod faults;
mod file;
mod measure;
mod profiles;
mod quantity;
mod read;
mod report;
pub mod schema;
mod serial;
mod settings;
mod settle;
mod table;
mod value;

pub use checked::{
    Agency, Belt, BeltDiverter, BeltSensor, Config, Connection, Desk, Device, Gate, Identity, Lane, Link, OnCamera,
    OnLines, OnModbus, Review, Screens, Security, Sensor, Station, Store, Uplink, Way,
};
pub use choice::{Decisive, Direction, Mode, Receipts, Traffic};
pub use cost::{Figures, interval_of};
pub(crate) use faults::nearest;
pub use read::{Checked, load, parse};
pub use report::{Ink, Report, Source};
pub use value::{Id, Recipient};

pub use crate::field::medium::Medium;

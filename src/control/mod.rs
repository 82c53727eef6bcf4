//! The only task that moves a lane.
pub mod call;
pub mod socket;
pub mod telemetry;

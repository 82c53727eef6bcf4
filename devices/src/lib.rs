//! What the bytes of lane devices mean: profiles, points, planners and simulators.
//!
//! This crate knows no sockets, files, runtimes or clocks: bytes and moments come in as arguments, readings and
//! bytes go out as values.

pub mod barrier;
pub mod camera;
pub mod codec;
pub mod fault;
pub mod kind;
pub mod library;
pub mod lines;
pub mod modbus;
pub mod moment;
pub mod page;
pub mod plan;
pub mod portal;
pub mod profile;
pub mod reading;
pub mod simulate;
pub mod stream;

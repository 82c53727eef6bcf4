//! Serves the devices' pure simulators on real sockets.
pub mod phantom;

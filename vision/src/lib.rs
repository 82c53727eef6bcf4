//! What pixels mean. All OpenCV of the project lives in this crate, and runs only in its own executable: the library
//! reads with calls that block, reports some failures as frames and others as exceptions, and may die on a bad
//! stream. The daemon starts such processes, gives each one job and a time limit, and replaces them.

pub mod capture;
pub mod clock;
pub mod look;
pub mod slot;
pub mod source;
pub mod tamper;
pub mod watch;

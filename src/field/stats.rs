//! What a link has done, in counters that `status` and benches read without disturbing it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::board::Board;

/// Counters of one link since its start.
#[derive(Debug, Default)]
pub struct LinkStats {
    beats: AtomicU64,
    connected: AtomicBool,
    connects: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
    cycles: AtomicU64,
    late: AtomicU64,
    untold: AtomicU64,
    stray: AtomicU64,
    round_trip_micros: AtomicU64,
    round_trip_micros_max: AtomicU64,
    board: Board,
}

/// The counters at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkFigures {
    /// Turns of the task, also while it waits: a number that stands still for 2 s is a task that hangs.
    pub beats: u64,
    /// A connection stands.
    pub connected: bool,
    /// Connections made.
    pub connects: u64,
    /// Requests answered.
    pub requests: u64,
    /// Requests that got no usable answer.
    pub failures: u64,
    /// Poll cycles (one class of one device) that were finished.
    pub cycles: u64,
    /// Of those and of the skipped: cycles that were not finished before their next tick.
    pub late: u64,
    /// Events that found the channel full and were told again later.
    pub untold: u64,
    /// Bytes on a bus that came when none were due: late answers, noise, another master.
    pub stray: u64,
    /// Mean time from request to answer.
    pub round_trip_mean: Duration,
    /// Longest time from request to answer.
    pub round_trip_max: Duration,
}

impl LinkStats {
    /// The newest answer of every point.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The counters now.
    pub fn figures(&self) -> LinkFigures {
        let requests = self.requests.load(Relaxed);
        LinkFigures {
            beats: self.beats.load(Relaxed),
            connected: self.connected.load(Relaxed),
            connects: self.connects.load(Relaxed),
            requests,
            failures: self.failures.load(Relaxed),
            cycles: self.cycles.load(Relaxed),
            late: self.late.load(Relaxed),
            untold: self.untold.load(Relaxed),
            stray: self.stray.load(Relaxed),
            round_trip_mean: Duration::from_micros(self.round_trip_micros.load(Relaxed) / requests.max(1)),
            round_trip_max: Duration::from_micros(self.round_trip_micros_max.load(Relaxed)),
        }
    }

    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Relaxed);
    }

    pub(super) fn connected(&self, stands: bool) {
        self.connected.store(stands, Relaxed);
        self.connects.fetch_add(u64::from(stands), Relaxed);
    }

    pub(super) fn answered(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Relaxed);
        self.round_trip_micros.fetch_add(micros, Relaxed);
        self.round_trip_micros_max.fetch_max(micros, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn cycle(&self, late: u64) {
        self.cycles.fetch_add(1, Relaxed);
        self.late.fetch_add(late, Relaxed);
    }

    pub(super) fn untold(&self) {
        self.untold.fetch_add(1, Relaxed);
    }

    pub(super) fn stray(&self, bytes: u64) {
        self.stray.fetch_add(bytes, Relaxed);
    }
}

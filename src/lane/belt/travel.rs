//! How far the belt has run, as well as its running contact and nominal speed tell.
//!
//! ```text
//!            runs                    stops
//!  Unknown ───────► Running ◄──────────────────► Stopped
//!     ▲                │ reversed
//!     └── unreadable ──┴──────► Backward ── forward ──► Running
//! ```
//! A contact is polled, so each start and stop is seen late; what that adds to a way is counted, not guessed.

use std::time::Duration;

use portside_devices::moment::Moment;

use crate::lane::Contact;

/// A belt that was told to stop, or lost its motor, still moves for so long.
const COAST: Duration = Duration::from_millis(800);

/// What the belt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    Unknown,
    Stopped { since: Moment },
    Running { since: Moment },
    Backward,
}

/// A place on the belt: how far it had run when something was there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) mm: f64,
    /// Starts and stops until then.
    pub(super) changes: u32,
    pub(super) at: Moment,
    /// The belt was running, or had been a moment before.
    pub(super) moving: bool,
}

/// The distance that the belt has run.
#[derive(Clone, Debug)]
pub(super) struct Travel {
    speed: f64,
    mm: f64,
    changes: u32,
    at: Moment,
    motion: Motion,
}

impl Travel {
    pub(super) const fn new(speed: f64) -> Self {
        Self { speed, mm: 0.0, changes: 0, at: Moment::START, motion: Motion::Unknown }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Moment) {
        let seconds = now.since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        match self.motion {
            Motion::Running { .. } => self.mm += seconds * self.speed,
            Motion::Unknown | Motion::Stopped { .. } | Motion::Backward => {}
        }
    }

    /// Takes a reading of the running or the reversed contact; the motion before, if it changed.
    pub(super) fn read(&mut self, running: Contact, reversed: Contact) -> Option<Motion> {
        let now = self.at;
        let next = match (running, reversed) {
            (Contact::Unknown, _) | (Contact::On, Contact::Unknown) => Motion::Unknown,
            (Contact::On, Contact::On) => Motion::Backward,
            (Contact::On, Contact::Off) => Motion::Running { since: now },
            (Contact::Off, _) => Motion::Stopped { since: now },
        };
        if std::mem::discriminant(&next) == std::mem::discriminant(&self.motion) {
            return None;
        }
        self.changes += 1;
        Some(std::mem::replace(&mut self.motion, next))
    }

    pub(super) const fn motion(&self) -> Motion {
        self.motion
    }

    /// The place that is at a sensor at this moment.
    pub(super) fn mark(&self) -> Mark {
        let moving = match self.motion {
            Motion::Running { .. } => true,
            Motion::Stopped { since } => self.at.since(since) <= COAST,
            Motion::Unknown | Motion::Backward => false,
        };
        Mark { mm: self.mm, changes: self.changes, at: self.at, moving }
    }

    /// When the belt will have run on to `mm`, if it goes on as it does.
    pub(super) fn when(&self, mm: f64) -> Option<Moment> {
        match self.motion {
            Motion::Running { .. } => {
                let seconds = ((mm - self.mm) / self.speed).max(0.0);
                // A little later than reckoned, so that rounding never asks for a moment just before.
                Some(self.at + Duration::from_secs_f64(seconds.min(1e6)) + Duration::from_micros(10))
            }
            Motion::Unknown | Motion::Stopped { .. } | Motion::Backward => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(travel: &mut Travel, until_ms: u64) {
        travel.advance(Moment::from_millis(until_ms));
    }

    #[test]
    fn only_a_belt_that_is_seen_running_forward_covers_ground() {
        let mut travel = Travel::new(200.0);
        run(&mut travel, 1_000);
        assert_eq!(travel.mark().mm, 0.0, "unknown at first");
        travel.read(Contact::On, Contact::Off);
        run(&mut travel, 2_000);
        assert_eq!(travel.mark().mm, 200.0);
        travel.read(Contact::On, Contact::On);
        run(&mut travel, 3_000);
        travel.read(Contact::Off, Contact::Off);
        run(&mut travel, 4_000);
        assert_eq!((travel.mark().mm, travel.mark().changes), (200.0, 3));
        assert!(!travel.mark().moving, "it has stood for longer than it coasts");
    }

    #[test]
    fn a_belt_whose_direction_cannot_be_read_is_unknown() {
        let mut travel = Travel::new(200.0);
        travel.read(Contact::On, Contact::Unknown);
        assert_eq!(travel.motion(), Motion::Unknown);
    }
}

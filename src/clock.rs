//! The one clock: the only place of the daemon that asks the machine what time it is.

use std::time::Duration;

use jiff::Timestamp;
use portside_devices::moment::Moment;
use rustix::time::{ClockId, clock_gettime};

/// Hands out the lane's monotonic time and the wall time that records carry.
///
/// Monotonic time is `CLOCK_BOOTTIME`, which goes on during suspend: after a pause every lease and reading is as old
/// as it truly is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Duration,
}

impl Clock {
    /// A clock whose [`Moment::START`] is this instant.
    pub fn start() -> Self {
        Self { start: boot_time() }
    }

    /// The instant in the lane's monotonic time.
    pub fn moment(&self) -> Moment {
        Moment::START + boot_time().saturating_sub(self.start)
    }

    /// The wall time, UTC. It may step; nothing is ordered or timed by it.
    #[allow(clippy::disallowed_methods, clippy::unused_self)] // this is the one place
    pub fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The moment that lies `time` after the machine was booted, which other processes can name too; the start of the run
    /// for what lies before it.
    pub fn since_boot(&self, time: Duration) -> Moment {
        Moment::START + time.saturating_sub(self.start)
    }

    /// How long from now until `moment`; zero when it has passed.
    pub fn until(&self, moment: Moment) -> Duration {
        moment.since(self.moment())
    }
}

fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `time` as records carry it: UTC with milliseconds, `2026-11-21T08:15:30.123Z`.
pub fn rfc3339_millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_never_go_back() {
        let clock = Clock::start();
        let first = clock.moment();
        assert!(clock.moment() >= first);
    }

    #[test]
    fn a_time_since_boot_is_the_moment_that_it_is_here() {
        let clock = Clock::start();
        let (before, named, after) = (clock.moment(), boot_time(), clock.moment());
        assert!((before..=after).contains(&clock.since_boot(named)));
        assert_eq!(clock.since_boot(Duration::ZERO), Moment::START);
    }

    #[test]
    fn wall_time_is_written_with_three_digits_and_z() {
        let time = Timestamp::from_millisecond(1_795_248_930_120).unwrap();
        assert_eq!(rfc3339_millis(time), "2026-11-21T08:15:30.120Z");
    }
}

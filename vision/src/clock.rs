//! The machine's time since boot, the one clock that this process and the daemon both have.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the machine was booted. Goes on during suspend, never steps.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

//! The circuit breaker of one unit: a unit that does not answer must not take the others' turns.
//!
//! ```text
//!   Closed{failures} ──third failure in a row──► Open{until} ──probe answered──► Closed{0}
//!                                                   │   ▲
//!                                                   └───┘ probe failed: wait again
//! ```

use std::time::Duration;

use portside_devices::moment::Moment;

/// Failures in a row after which a unit is left alone.
const FAILURES_MAX: u32 = 3;
/// How often a unit that is left alone is tried again.
const PROBE_EVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Polled as planned; so many failures since the last answer.
    Closed { failures: u32 },
    /// Left alone until then, when one request probes it.
    Open { until: Moment },
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self::Closed { failures: 0 }
    }

    pub(super) const fn answered(&mut self) {
        *self = Self::new();
    }

    pub(super) fn failed(&mut self, now: Moment) {
        *self = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } | Self::Open { .. } => Self::Open { until: now + PROBE_EVERY },
        };
    }

    /// Before this moment the unit is not polled.
    pub(super) const fn not_before(self) -> Moment {
        match self {
            Self::Closed { .. } => Moment::START,
            Self::Open { until } => until,
        }
    }

    /// True while the unit is left alone: commands to it are refused at once.
    pub(super) const fn is_open(self) -> bool {
        match self {
            Self::Closed { .. } => false,
            Self::Open { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_on_the_third_failure_in_a_row_and_closes_on_the_first_answer() {
        let (mut breaker, now) = (Breaker::new(), Moment::from_millis(1_000));
        breaker.failed(now);
        breaker.failed(now);
        breaker.answered();
        breaker.failed(now);
        breaker.failed(now);
        assert!(!breaker.is_open());
        breaker.failed(now);
        assert_eq!(breaker.not_before(), Moment::from_millis(3_000));
        breaker.failed(Moment::from_millis(3_000));
        assert_eq!(breaker.not_before(), Moment::from_millis(5_000));
        breaker.answered();
        assert!(!breaker.is_open());
    }
}

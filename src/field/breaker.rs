//! The circuit breaker of one unit: a unit that does not answer must not take the others' turns.
//!
//! ```text
//!   Closed{failures} ──third failure in a row──► Open{until} ──probe answered──► Closed{0}
//!    (a unit that has never answered               │   ▲
//!     has no credit: its first)                    └───┘ probe failed: wait longer
//! ```

use std::time::Duration;

use portside_devices::moment::Moment;

/// Failures in a row after which a unit is left alone.
const FAILURES_MAX: u32 = 3;
/// How soon a unit that is left alone is tried again at first; each time it fails it is left alone four times as long,
/// as far as its link needs that.
const PROBE_FIRST: Duration = Duration::from_secs(2);
/// The longest that a unit which is back may have to wait for its turn.
const PROBE_LAST: Duration = Duration::from_secs(60);
/// A dead unit takes at most one part in so many of its link: below one in a hundred, so that the slowest hundredth of
/// the others' polls does not show it.
const SHARE: u32 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Polled as planned; so many failures since the last answer.
    Closed { failures: u32 },
    /// Left alone until then, when one request probes it.
    Open { until: Moment, wait: Duration },
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self::Closed { failures: FAILURES_MAX - 1 }
    }

    pub(super) const fn answered(&mut self) {
        *self = Self::Closed { failures: 0 };
    }

    /// `cost`: how long the failure kept the link from the others; zero where there are none.
    pub(super) fn failed(&mut self, now: Moment, cost: Duration) {
        let open = |wait: Duration| Self::Open { until: now + wait, wait };
        *self = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } => open(PROBE_FIRST),
            Self::Open { wait, .. } => open((wait * 4).min((cost * SHARE).clamp(PROBE_FIRST, PROBE_LAST))),
        };
    }

    /// Before this moment the unit is not polled.
    pub(super) const fn not_before(self) -> Moment {
        match self {
            Self::Closed { .. } => Moment::START,
            Self::Open { until, .. } => until,
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
        let (mut breaker, now, cost) = (Breaker::new(), Moment::from_millis(1_000), Duration::ZERO);
        breaker.failed(now, cost);
        assert!(breaker.is_open(), "nothing is known of it that would be worth waiting for");
        breaker.answered();
        breaker.failed(now, cost);
        breaker.failed(now, cost);
        assert!(!breaker.is_open());
        breaker.failed(now, cost);
        assert_eq!(breaker.not_before(), Moment::from_millis(3_000));
        breaker.failed(Moment::from_millis(3_000), cost);
        assert_eq!(
            breaker.not_before(),
            Moment::from_millis(5_000),
            "a unit that costs nobody anything is tried often"
        );
        breaker.answered();
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_dead_unit_takes_less_than_a_hundredth_of_its_link() {
        for (cost, last) in [(5, 2), (100, 20), (500, 60)] {
            let (mut breaker, mut waits) = (Breaker::new(), Vec::new());
            for _ in 0..12 {
                breaker.failed(Moment::START, Duration::from_millis(cost));
                waits.push(breaker.not_before().as_millis() / 1_000);
            }
            assert_eq!(waits[..2], [2, 8.min(last)], "{cost} ms: one that comes back soon is found soon");
            assert_eq!(waits.last(), Some(&last));
            assert!(cost * 100 < last * 1_000);
        }
    }
}

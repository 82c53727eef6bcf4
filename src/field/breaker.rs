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
/// How soon a unit that is left alone is tried again: at once enough for whoever plugs it in where that costs nobody
/// anything, later where others wait meanwhile. Each time it fails it is left alone four times as long.
const PROBE_FIRST: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// The longest that a unit which is back may have to wait for its turn.
const PROBE_LAST: Duration = Duration::from_secs(60);
/// A unit that has just died takes at most one part in so many of its link.
const SHARE_FIRST: u32 = 20;
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
        let first = (cost * SHARE_FIRST).clamp(PROBE_FIRST.0, PROBE_FIRST.1);
        *self = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => Self::Closed { failures: failures + 1 },
            Self::Closed { .. } => open(first),
            Self::Open { wait, .. } => open((wait * 4).min((cost * SHARE).clamp(first, PROBE_LAST))),
        };
    }

    /// Before this moment the unit is not polled. While the arm may be moving, until `calm`, nobody is tried who most
    /// likely will not answer: the sensors that guard it would not be read meanwhile.
    pub(super) fn not_before(self, calm: Moment) -> Moment {
        match self {
            Self::Closed { .. } => Moment::START,
            Self::Open { until, .. } => until.max(calm),
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
        assert_eq!(breaker.not_before(Moment::START), Moment::from_millis(3_000));
        breaker.failed(Moment::from_millis(3_000), cost);
        assert_eq!(
            breaker.not_before(Moment::START),
            Moment::from_millis(5_000),
            "a unit that costs nobody anything is tried often"
        );
        breaker.answered();
        assert!(!breaker.is_open());
    }

    #[test]
    fn while_the_arm_may_be_moving_only_those_who_answer_are_asked() {
        let (mut breaker, calm) = (Breaker::new(), Moment::from_millis(60_000));
        breaker.answered();
        assert_eq!(breaker.not_before(calm), Moment::START);
        for _ in 0..3 {
            breaker.failed(Moment::START, Duration::ZERO);
        }
        assert_eq!(breaker.not_before(calm), calm);
        assert_eq!(breaker.not_before(Moment::START), Moment::from_millis(2_000));
    }

    #[test]
    fn a_dead_unit_takes_less_than_a_hundredth_of_its_link() {
        for (cost, first, last) in [(5, 2, 2), (100, 2, 20), (250, 5, 50), (500, 10, 60)] {
            let (mut breaker, mut waits) = (Breaker::new(), Vec::new());
            for _ in 0..12 {
                breaker.failed(Moment::START, Duration::from_millis(cost));
                waits.push(breaker.not_before(Moment::START).as_millis() / 1_000);
            }
            assert_eq!(waits[..2], [first, (first * 4).min(last)], "{cost} ms: one that comes back soon is found soon");
            assert_eq!(waits.last(), Some(&last));
            assert!(cost * 100 < last * 1_000);
        }
    }
}

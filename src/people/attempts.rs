//! How often may be guessed.
//!
//! ```text
//! failure       1    2    3    4     5
//! then nothing 1 s  2 s  4 s  8 s  15 min     is checked for that name; what failed 15 min ago is forgotten
//! ```
//! Five failures within 15 minutes lock for 15 minutes, so no 15 minutes see more than five checks and no hour more than
//! twenty. Names that nobody has are counted just so: how a name is refused never tells whether it is one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use portside_devices::moment::Moment;

/// Failures that lock.
const FAILURES_MAX: usize = 5;
/// Failures count for this long, and a lock lasts as long.
pub(super) const WINDOW: Duration = Duration::from_secs(15 * 60);
/// What follows the first failure; each further one doubles it.
const DELAY: Duration = Duration::from_secs(1);
/// Names remembered. One hash at a time cannot fail for as many within the window, so none is forgotten too early.
const NAMES_MAX: usize = 65_536;

/// Whether a proof may be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may. It counts as failed until it has succeeded, so that many at once are no way around the delay.
    Open,
    /// Not for this long: the delay after a failure.
    Wait(Duration),
    /// Not for this long: too many failures.
    Locked(Duration),
}

/// Failures by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    failed: BTreeMap<Box<str>, VecDeque<Moment>>,
}

impl Attempts {
    /// Asks for a check under `name`.
    pub(super) fn begin(&mut self, now: Moment, name: &str) -> Gate {
        match self.gate(now, name) {
            Gate::Open => {}
            closed @ (Gate::Wait(_) | Gate::Locked(_)) => return closed,
        }
        self.make_room(now);
        let failed = self.failed.entry(name.into()).or_default();
        failed.retain(|at| now.since(*at) < WINDOW);
        failed.push_back(now);
        Gate::Open
    }

    /// How it stands with `name`, without asking for anything.
    pub(super) fn gate(&self, now: Moment, name: &str) -> Gate {
        let Some(failed) = self.failed.get(name) else { return Gate::Open };
        let Some(last) = failed.back().filter(|last| now.since(**last) < WINDOW) else { return Gate::Open };
        // So many lay within one window when the last was counted, and the lock lasts from there.
        if failed.len() >= FAILURES_MAX {
            return Gate::Locked(WINDOW - now.since(*last));
        }
        let counting = failed.iter().filter(|at| now.since(**at) < WINDOW).count();
        let delay = DELAY * (1 << (counting - 1));
        match delay.checked_sub(now.since(*last)) {
            Some(left) if !left.is_zero() => Gate::Wait(left),
            Some(_) | None => Gate::Open,
        }
    }

    /// True when the failure that was counted last locked `name`.
    pub(super) fn is_locked(&self, now: Moment, name: &str) -> bool {
        matches!(self.gate(now, name), Gate::Locked(_))
    }

    /// Forgets the failures of `name`: it was proved, or a supervisor says so. True when there were any.
    pub(super) fn forgive(&mut self, name: &str) -> bool {
        self.failed.remove(name).is_some()
    }

    fn make_room(&mut self, now: Moment) {
        if self.failed.len() < NAMES_MAX {
            return;
        }
        self.failed.retain(|_, failed| failed.back().is_some_and(|last| now.since(*last) < WINDOW));
        while self.failed.len() >= NAMES_MAX {
            let oldest = self.failed.iter().min_by_key(|(_, failed)| failed.back()).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return };
            self.failed.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_delay_doubles_and_the_fifth_failure_locks_for_a_quarter_of_an_hour() {
        let mut attempts = Attempts::default();
        // When it is tried, and what is said 100 ms later.
        let story = [(0, 1), (1_000, 2), (3_000, 4), (7_000, 8)];
        for (millis, delay) in story {
            assert_eq!(attempts.begin(at(millis), "a"), Gate::Open, "at {millis}");
            let left = seconds(delay) - Duration::from_millis(100);
            assert_eq!(attempts.begin(at(millis + 100), "a"), Gate::Wait(left));
        }
        assert_eq!(attempts.begin(at(15_000), "a"), Gate::Open);
        assert!(attempts.is_locked(at(15_000), "a"));
        assert_eq!(attempts.begin(at(16_000), "a"), Gate::Locked(seconds(899)));
        assert_eq!(attempts.begin(at(15_000 + 899_999), "a"), Gate::Locked(Duration::from_millis(1)));
        assert_eq!(attempts.begin(at(15_000 + 900_000), "a"), Gate::Open);
    }

    #[test]
    fn a_refused_try_neither_counts_nor_prolongs() {
        let mut attempts = Attempts::default();
        attempts.begin(at(0), "a");
        for millis in 1..1_000 {
            assert!(matches!(attempts.begin(at(millis), "a"), Gate::Wait(_)));
        }
        assert_eq!(attempts.begin(at(1_000), "a"), Gate::Open);
    }

    #[test]
    fn another_name_and_a_forgiven_one_are_free() {
        let mut attempts = Attempts::default();
        for millis in [0, 1_000, 3_000, 7_000, 15_000] {
            attempts.begin(at(millis), "a");
        }
        assert_eq!(attempts.begin(at(15_001), "b"), Gate::Open);
        assert!(attempts.forgive("a"));
        assert_eq!(attempts.begin(at(15_002), "a"), Gate::Open);
        assert!(!attempts.forgive("c"));
    }

    #[test]
    fn a_thousand_tries_in_an_hour_are_checked_twenty_times_at_most() {
        let mut attempts = Attempts::default();
        let tries = (0..1_000).map(|number| number * HOUR / 1_000);
        let checked = tries.filter(|millis| attempts.begin(at(*millis), "a") == Gate::Open).count();
        assert!((15..=20).contains(&checked), "{checked}");
    }

    #[test]
    fn many_at_the_same_instant_are_checked_once() {
        let mut attempts = Attempts::default();
        let checked = (0..1_000).filter(|_| attempts.begin(at(5), "a") == Gate::Open).count();
        assert_eq!(checked, 1);
    }

    #[test]
    fn a_flood_of_names_fills_no_memory_and_forgets_the_oldest() {
        let mut attempts = Attempts::default();
        for number in 0..NAMES_MAX as u64 + 100 {
            attempts.begin(at(number / 100), &number.to_string());
        }
        assert_eq!(attempts.failed.len(), NAMES_MAX);
        assert!(!attempts.failed.contains_key("0") && attempts.failed.contains_key("200"));
    }

    proptest! {
        /// However the tries are spread, no hour that begins anywhere sees more than twenty checks, and no quarter
        /// more than five.
        #[test]
        fn no_hour_sees_more_than_twenty_checks(gaps in prop::collection::vec(0_u64..400_000, 1..400)) {
            let mut attempts = Attempts::default();
            let mut millis = 0;
            let mut checked = Vec::new();
            for gap in gaps {
                millis += gap * gap / 400_000;
                if attempts.begin(at(millis), "a") == Gate::Open {
                    checked.push(millis);
                }
            }
            for from in &checked {
                let within = |span: u64| checked.iter().filter(|at| (*from..from + span).contains(at)).count();
                prop_assert!(within(HOUR) <= 20 && within(HOUR / 4) <= 5, "from {from}: {checked:?}");
            }
        }
    }
}

//! When a doubt about a camera's eye is worth an alarm: it lasts, and nothing stands before the camera.
//!
//! A vehicle right before a camera hides its view as well as a hand does, so only what lasts in an empty lane is believed;
//! and it is taken back in the same way.

use std::time::Duration;

use portside_devices::moment::Moment;

/// How long an eye must be doubted, or clear again, before it is said.
const LASTS: Duration = Duration::from_secs(30);
/// How often eyes are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What a picture is doubted for; `None`: nothing.
type Doubt = Option<&'static str>;

/// What is made of the doubts of all cameras.
#[derive(Debug)]
pub(super) struct Doubts {
    cameras: Vec<Doubted>,
    looked: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Doubted {
    /// What is seen, and since when without a break.
    seen: Option<(Doubt, Moment)>,
    /// What was said last.
    told: Doubt,
}

impl Doubts {
    /// Of so many cameras, none of them doubted.
    pub(super) fn of(cameras: usize) -> Self {
        Self { cameras: vec![Doubted::default(); cameras], looked: None }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&mut self, now: Moment) -> bool {
        let due = self.looked.is_none_or(|looked| now.since(looked) >= LOOK);
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// What a camera shows of an empty lane, `None` while it shows nothing or the lane is not empty. Answers with what is
    /// to be said.
    pub(super) fn seen(&mut self, camera: usize, seen: Option<Doubt>, now: Moment) -> Option<Doubt> {
        let doubted = self.cameras.get_mut(camera)?;
        let Some(seen) = seen else {
            doubted.seen = None;
            return None;
        };
        let since = doubted.seen.filter(|(before, _)| *before == seen).map_or(now, |(_, since)| since);
        doubted.seen = Some((seen, since));
        if seen == doubted.told || now.since(since) < LASTS {
            return None;
        }
        doubted.told = seen;
        Some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said at which second of what is seen each second.
    fn said(seen: impl IntoIterator<Item = Option<Doubt>>) -> Vec<(u64, Doubt)> {
        let mut doubts = Doubts::of(1);
        let at = |second| Moment::from_millis(second * 1000);
        let say = |(second, seen)| doubts.seen(0, seen, at(second)).map(|doubt| (second, doubt));
        (0..).zip(seen).filter_map(say).collect()
    }

    fn times(count: usize, seen: Option<Doubt>) -> impl Iterator<Item = Option<Doubt>> {
        std::iter::repeat_n(seen, count)
    }

    #[test]
    fn what_lasts_in_an_empty_lane_is_said_once_and_taken_back_once() {
        let clear = || times(40, Some(None));
        let covered = || times(100, Some(Some("covered")));
        assert_eq!(said(clear().chain(covered()).chain(clear())), [(70, Some("covered")), (170, None)]);
        let turned = times(60, Some(Some("turned")));
        assert_eq!(said(covered().chain(turned)), [(30, Some("covered")), (130, Some("turned"))]);
    }

    #[test]
    fn what_a_lorry_hides_is_not_said() {
        let covered = |count| times(count, Some(Some("covered")));
        // Seen for 29 s before it came in and 29 s after it left, and for ten minutes while it stood there.
        let visit = covered(29).chain(times(600, None)).chain(covered(29));
        assert_eq!(said(visit.chain(times(60, Some(None)))), []);
    }

    #[test]
    fn eyes_are_looked_at_once_a_second() {
        let mut doubts = Doubts::of(0);
        let due: Vec<u64> = (0..30).filter(|tenth| doubts.is_due(Moment::from_millis(tenth * 100))).collect();
        assert_eq!(due, [0, 10, 20]);
        assert_eq!(doubts.seen(7, Some(None), Moment::START), None, "there is no such camera");
    }
}

//! A line counter that begins again, carried on as one that does not.

/// Carries the counter of one detector on over its wraps.
///
/// The shorter way round is taken for the true one: a counter that fell back by less than half of its span has fallen
/// back, all else is lines that were lost.
#[derive(Clone, Copy, Debug)]
pub struct Unwrapped {
    wraps: u64,
    /// What the detector said last, and what was made of it.
    last: Option<(u32, u32)>,
}

impl Unwrapped {
    /// For a counter that begins again at 0 after `wraps` lines, 2 to 2^32.
    pub const fn new(wraps: u64) -> Self {
        Self { wraps, last: None }
    }

    /// The line's number in a count that goes on; only 2^32 lines later does that one begin again.
    pub fn next(&mut self, said: u32) -> u32 {
        let carried = match self.last {
            None => said,
            Some((last, carried)) => {
                let ahead = (u64::from(said) + self.wraps - u64::from(last) % self.wraps) % self.wraps;
                if ahead <= self.wraps / 2 {
                    carried.wrapping_add(low(ahead))
                } else {
                    carried.wrapping_sub(low(self.wraps - ahead))
                }
            }
        };
        self.last = Some((said, carried));
        carried
    }
}

/// A step that is at most half of 2^32.
fn low(step: u64) -> u32 {
    u32::try_from(step).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrap_is_a_step_like_any_other() {
        let mut count = Unwrapped::new(0x100);
        let carried: Vec<u32> = [253, 254, 254, 255, 0, 1, 5, 4].map(|said| count.next(said)).into();
        assert_eq!(carried, [253, 254, 254, 255, 256, 257, 261, 260]);
        let mut whole = Unwrapped::new(1 << 32);
        assert_eq!([u32::MAX, 0, 2].map(|said| whole.next(said)), [u32::MAX, 0, 2]);
    }

    proptest! {
        #[test]
        fn steps_come_out_as_they_went_in(
            wraps in 4_u64..70_000,
            start in 0_u32..1_000_000,
            steps in proptest::collection::vec(0_u32..40_000, 0..50),
        ) {
            let mut count = Unwrapped::new(wraps);
            let said = |at: u32| u32::try_from(u64::from(at) % wraps).unwrap();
            let (mut at, mut before) = (start, count.next(said(start)));
            for step in steps {
                let step = step % u32::try_from(wraps / 2).unwrap();
                at += step;
                let carried = count.next(said(at));
                prop_assert_eq!(carried.wrapping_sub(before), step);
                before = carried;
            }
        }
    }
}

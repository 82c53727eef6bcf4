//! Lines in the order in which the subject went through the beam, whatever the wire did to them.
//!
//! ```text
//!            near ahead                      whole, or too much came after it
//!   line ──┬────────────► its place ─────────────────────────────────────────► row of all views
//!          ├ behind ────► too late or twice: dropped, counted
//!          └ far ───────► alone: dropped, counted; followed by its neighbour: the count began anew, the image breaks
//! ```
//! A counter of any width may run over. Where a line is missing, its place in the row is empty, and whoever gets the row
//! fills it.

use std::collections::VecDeque;

/// One line as the detector said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLine {
    /// The detector's own count of lines; all views of one moment have the same.
    pub counter: u32,
    /// The view, from 0.
    pub view: u8,
    /// Samples as read: of the softer energy, then of the harder one, if there is one.
    pub samples: Vec<u16>,
}

/// What became of the lines that came, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that were used.
    pub taken: u64,
    /// Lines that never came, each view for itself.
    pub lost: u64,
    /// Lines that came twice or when their place was filled already.
    pub late: u64,
    /// Lines of a view, length or counter that cannot be.
    pub odd: u64,
    /// How often the counter began anew, or more was lost than can be filled.
    pub breaks: u64,
}

/// All views of one moment; `None` where a view's line never came.
pub(super) type RawRow = Vec<Option<Vec<u16>>>;

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ordered {
    /// The next moment.
    Row(RawRow),
    /// What follows does not join what came before.
    Break,
}

/// How much disorder is put right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Bits of the counter, 2 to 32.
    pub(super) counter_bits: u8,
    /// Lines in a row that may be missing.
    pub(super) gap_max: u32,
    /// Lines that may come before one that is waited for.
    pub(super) reorder: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    views: usize,
    samples: usize,
    mask: u32,
    gap_max: u32,
    reorder: usize,
    place: Place,
    counts: Counts,
}

#[derive(Clone, Debug)]
enum Place {
    /// Any counter is the first.
    Anywhere,
    /// Waiting for what is missing in the first of `rows`, whose counter is `next`.
    At { next: u32, rows: VecDeque<RawRow>, stranger: Option<RawLine> },
}

/// Where a counter lies as seen from the one that is waited for.
enum Where {
    Ahead(u32),
    Behind,
    Far,
}

impl Order {
    pub(super) fn new(views: u8, samples: usize, patience: Patience) -> Self {
        let bits = patience.counter_bits.clamp(2, 32);
        let mask = u32::MAX >> (32 - bits);
        // A quarter of the counter's range ahead, a quarter behind: what is between can be told from both.
        let gap_max = patience.gap_max.min(mask / 4);
        let reorder = patience.reorder.min(gap_max) as usize;
        let views = usize::from(views.max(1));
        Self { views, samples, mask, gap_max, reorder, place: Place::Anywhere, counts: Counts::default() }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn take(&mut self, line: RawLine) -> Vec<Ordered> {
        if usize::from(line.view) >= self.views || line.samples.len() != self.samples {
            self.counts.odd += 1;
            return Vec::new();
        }
        let counter = line.counter & self.mask;
        let line = RawLine { counter, ..line };
        let Place::At { next, rows, stranger } = &mut self.place else { return self.start(vec![line]) };
        match place_of(counter, *next, self.mask, self.gap_max) {
            Where::Ahead(ahead) => {
                *stranger = None;
                put(rows, self.views, ahead as usize, line, &mut self.counts);
                self.released()
            }
            Where::Behind => {
                self.counts.late += 1;
                Vec::new()
            }
            Where::Far => match stranger.take() {
                Some(first) if joins(&first, &line, self.mask) => {
                    let mut out = self.flush();
                    out.push(Ordered::Break);
                    self.counts.breaks += 1;
                    // The first stranger counted as odd until the second one believed it.
                    self.counts.odd -= 1;
                    out.extend(self.start(vec![first, line]));
                    out
                }
                Some(_) | None => {
                    self.counts.odd += 1;
                    *stranger = Some(line);
                    Vec::new()
                }
            },
        }
    }

    /// Whatever came so far, with what is missing left empty; the next line may have any counter.
    pub(super) fn flush(&mut self) -> Vec<Ordered> {
        let Place::At { rows, .. } = std::mem::replace(&mut self.place, Place::Anywhere) else { return Vec::new() };
        rows.into_iter().map(|row| self.out(row)).collect()
    }

    fn start(&mut self, lines: Vec<RawLine>) -> Vec<Ordered> {
        let Some(first) = lines.first() else { return Vec::new() };
        self.place = Place::At { next: first.counter, rows: VecDeque::new(), stranger: None };
        lines.into_iter().flat_map(|line| self.take(line)).collect()
    }

    fn released(&mut self) -> Vec<Ordered> {
        let mut ready = Vec::new();
        if let Place::At { next, rows, .. } = &mut self.place {
            while let Some(row) = rows.pop_front() {
                if row.iter().any(Option::is_none) && rows.len() <= self.reorder {
                    rows.push_front(row);
                    break;
                }
                *next = next.wrapping_add(1) & self.mask;
                ready.push(row);
            }
        }
        ready.into_iter().map(|row| self.out(row)).collect()
    }

    fn out(&mut self, row: RawRow) -> Ordered {
        self.counts.lost += row.iter().filter(|line| line.is_none()).count() as u64;
        Ordered::Row(row)
    }
}

fn put(rows: &mut VecDeque<RawRow>, views: usize, at: usize, line: RawLine, counts: &mut Counts) {
    while rows.len() <= at {
        rows.push_back(vec![None; views]);
    }
    match rows.get_mut(at).and_then(|row| row.get_mut(usize::from(line.view))) {
        Some(slot @ None) => {
            *slot = Some(line.samples);
            counts.taken += 1;
        }
        Some(Some(_)) | None => counts.late += 1,
    }
}

fn place_of(counter: u32, next: u32, mask: u32, gap_max: u32) -> Where {
    let ahead = counter.wrapping_sub(next) & mask;
    let behind = next.wrapping_sub(counter) & mask;
    if ahead <= gap_max {
        Where::Ahead(ahead)
    } else if behind <= gap_max.max(1) {
        Where::Behind
    } else {
        Where::Far
    }
}

/// Whether `line` may come right after `first`, of the same moment or of the next.
fn joins(first: &RawLine, line: &RawLine, mask: u32) -> bool {
    match line.counter.wrapping_sub(first.counter) & mask {
        0 => line.view != first.view,
        1 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { counter_bits: 8, gap_max: 10, reorder: 2 };

    fn line(counter: u32, view: u8) -> RawLine {
        RawLine { counter, view, samples: vec![u16::try_from(counter).unwrap()] }
    }

    /// What each row holds of each view: its counter, or `-`; `|` is a break.
    fn told(order: &mut Order, lines: &[(u32, u8)]) -> String {
        let rows = lines.iter().flat_map(|(counter, view)| order.take(line(*counter, *view)));
        say(&rows.collect::<Vec<_>>())
    }

    fn say(rows: &[Ordered]) -> String {
        let cell = |cell: &Option<Vec<u16>>| cell.as_ref().map_or("-".to_owned(), |samples| samples[0].to_string());
        let row = |row: &Ordered| match row {
            Ordered::Row(row) => row.iter().map(cell).collect::<Vec<_>>().join("+"),
            Ordered::Break => "|".to_owned(),
        };
        rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_in_order_pass_at_once_and_the_counter_may_run_over() {
        let mut order = Order::new(1, 1, PATIENCE);
        assert_eq!(told(&mut order, &[(254, 0), (255, 0), (0, 0), (1, 0)]), "254 255 0 1");
        assert_eq!(order.counts(), Counts { taken: 4, ..Counts::default() });
    }

    #[test]
    fn two_that_changed_places_are_put_right_and_a_third_time_is_dropped() {
        let mut order = Order::new(1, 1, PATIENCE);
        assert_eq!(told(&mut order, &[(7, 0), (9, 0), (8, 0), (8, 0), (9, 0), (10, 0)]), "7 8 9 10");
        assert_eq!(order.counts(), Counts { taken: 4, late: 2, ..Counts::default() });
    }

    #[test]
    fn what_is_missing_is_waited_for_until_more_came_than_can_change_places() {
        let mut order = Order::new(1, 1, PATIENCE);
        assert_eq!(told(&mut order, &[(7, 0), (9, 0), (10, 0)]), "7");
        assert_eq!(told(&mut order, &[(11, 0)]), "- 9 10 11");
        assert_eq!(told(&mut order, &[(8, 0)]), "", "its place was filled");
        assert_eq!(order.counts(), Counts { taken: 4, lost: 1, late: 1, ..Counts::default() });
    }

    #[test]
    fn a_view_whose_line_never_came_does_not_hold_up_the_others() {
        let mut order = Order::new(2, 1, PATIENCE);
        let lines = [(1, 0), (1, 1), (2, 1), (3, 0), (3, 1), (4, 1), (4, 0), (5, 0), (5, 1)];
        assert_eq!(told(&mut order, &lines), "1+1 -+2 3+3 4+4 5+5");
    }

    #[test]
    fn one_wild_counter_is_dropped_and_two_that_join_begin_anew() {
        let mut order = Order::new(1, 1, PATIENCE);
        assert_eq!(told(&mut order, &[(7, 0), (100, 0), (8, 0), (9, 0)]), "7 8 9");
        assert_eq!(order.counts().odd, 1);
        assert_eq!(told(&mut order, &[(100, 0), (101, 0), (102, 0)]), "| 100 101 102");
        assert_eq!(order.counts(), Counts { taken: 6, odd: 1, breaks: 1, ..Counts::default() });
    }

    #[test]
    fn a_line_of_another_length_or_view_is_none() {
        let mut order = Order::new(1, 1, PATIENCE);
        assert!(order.take(RawLine { samples: vec![1, 2], ..line(1, 0) }).is_empty());
        assert!(order.take(line(1, 1)).is_empty());
        assert_eq!(order.counts(), Counts { odd: 2, ..Counts::default() });
    }

    #[test]
    fn what_waits_comes_out_when_the_source_falls_silent() {
        let mut order = Order::new(2, 1, PATIENCE);
        assert_eq!(told(&mut order, &[(1, 0), (2, 0)]), "");
        assert_eq!(say(&order.flush()), "1+- 2+-");
        assert_eq!(told(&mut order, &[(77, 0), (77, 1)]), "77+77");
    }

    proptest! {
        /// A line is used once or counted as not used; between two breaks the rows are one after the other.
        #[test]
        fn any_disorder_loses_count_of_nothing(
            bits in 2u8..=32, views in 1u8..4, gap_max in 0u32..40, reorder in 0u32..8,
            steps in prop::collection::vec((prop_oneof![8 => -3i64..4, 1 => -100i64..100, 1 => any::<i64>()], 0u8..4), 0..400),
        ) {
            let mut order = Order::new(views, 1, Patience { counter_bits: bits, gap_max, reorder });
            let mut at = 0i64;
            let mut out = Vec::new();
            for (by, view) in &steps {
                at = at.wrapping_add(*by);
                out.extend(order.take(RawLine { counter: at as u32, view: *view, samples: vec![0] }));
                if let Place::At { rows, .. } = &order.place {
                    prop_assert!(rows.len() <= gap_max as usize + 1);
                }
            }
            out.extend(order.flush());
            let held = |row: &Ordered| match row { Ordered::Row(row) => row.iter().flatten().count(), Ordered::Break => 0 };
            let counts = order.counts();
            prop_assert_eq!(out.iter().map(held).sum::<usize>() as u64, counts.taken);
            prop_assert_eq!(counts.taken + counts.late + counts.odd, steps.len() as u64);
            prop_assert_eq!(out.iter().filter(|row| **row == Ordered::Break).count() as u64, counts.breaks);
        }
    }
}

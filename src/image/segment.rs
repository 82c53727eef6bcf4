//! Which lines are a subject.
//!
//! ```text
//!             absorbing on `lines_min` lines                    quiet on `lead_out` lines
//!  ┌─────────┐ Begin, `lead_in` lines before it, and these ┌──────┐ End
//!  │ Waiting │────────────────────────────────────────────►│ Open │────────────────────► Waiting
//!  └─────────┘                                             └──────┘
//!    ▲  │ quiet: the oldest line kept is air                 │  ├ `lines_max` lines: End (Oversize), Begin
//!    └──┘                                                    │  └ break, silence, beam gone: End (Incomplete)
//! ```
//! Opening takes more width and more absorption than staying open, so that a subject's thin edge neither flickers nor is
//! cut off. Runs narrower than `speck` elements are noise. What is narrower than `width_open` or shorter than `lines_min`
//! makes no image. A line on which nothing comes through any element is no subject but a beam that is off.

use std::collections::VecDeque;
use std::sync::Arc;

use super::order::Patience;
use super::processor::Step;
use super::{AIR, Flaw, Format, Line, Outcome};

/// What counts as a subject. Widths are detector elements, lengths are lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// Part of the air value, in thousandths, that must be missing for an element to absorb: to open an image.
    pub open_permille: u16,
    /// The same, to keep it open.
    pub keep_permille: u16,
    /// Absorbing elements side by side that are more than noise.
    pub speck: u32,
    /// Absorbing elements in such runs that open an image.
    pub width_open: u32,
    /// Fewer than these are a quiet line.
    pub width_keep: u32,
    /// Lines that must absorb, one after the other, to open an image.
    pub lines_min: u32,
    /// Lines kept before the first that absorbs.
    pub lead_in: u32,
    /// Quiet lines that end an image; they belong to it.
    pub lead_out: u32,
    /// Lines of an image at most.
    pub lines_max: u32,
    /// Lines that reach the detector's end before the image is called clipped.
    pub clipped_lines: u32,
    /// Bits of the detector's line counter, 2 to 32.
    pub counter_bits: u8,
    /// Lines in a row that may be lost and filled; what loses more is incomplete.
    pub gap_max: u32,
    /// Lines that may come before one that is late.
    pub reorder: u32,
}

impl Default for Segmentation {
    /// For a baggage machine with a pitch of about 1 mm and lines every 0.5 mm or so.
    fn default() -> Self {
        Self {
            open_permille: 40,
            keep_permille: 25,
            speck: 3,
            width_open: 5,
            width_keep: 3,
            lines_min: 4,
            lead_in: 32,
            lead_out: 64,
            lines_max: 10_000,
            clipped_lines: 3,
            counter_bits: 32,
            gap_max: 64,
            reorder: 2,
        }
    }
}

impl Segmentation {
    pub(super) const fn patience(&self) -> Patience {
        Patience { counter_bits: self.counter_bits, gap_max: self.gap_max, reorder: self.reorder }
    }
}

/// Part of the air value below which nothing comes through, in thousandths: where all elements are, the beam is off.
const DARK_PERMILLE: u16 = 10;
/// Lines without any beam that end an image.
const DARK_LINES: u32 = 8;

/// All views of one moment, corrected.
pub(super) type Row = Vec<Cell>;

/// One view of it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) samples: Arc<[u16]>,
    pub(super) filled: bool,
    /// So much of this view was lost that what stands here means nothing.
    pub(super) unknown: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Segmenter {
    settings: Segmentation,
    pixels: usize,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// `kept` are the last lines; the last `absorbing` of them may become a subject. `joined`: what came right before
    /// the first of them is not known.
    Waiting {
        kept: VecDeque<Row>,
        absorbing: u32,
        joined: bool,
    },
    Open(Open),
}

#[derive(Clone, Debug, Default)]
struct Open {
    lines: u32,
    filled: u32,
    quiet: u32,
    dark: u32,
    clipped: u32,
    incomplete: bool,
}

impl Open {
    fn push(&mut self, row: Row, look: &Look, steps: &mut Vec<Step>) {
        self.filled += u32::from(row.iter().any(|cell| cell.filled));
        self.incomplete |= row.iter().any(|cell| cell.unknown);
        self.clipped += u32::from(look.clipped);
        self.quiet = if look.keeps { 0 } else { self.quiet + 1 };
        self.dark = if look.dark { self.dark + 1 } else { 0 };
        let index = self.lines;
        self.lines += 1;
        let lines = (0u8..).zip(row);
        steps.extend(
            lines.map(|(view, cell)| Step::Line(Line { index, view, filled: cell.filled, samples: cell.samples })),
        );
    }
}

/// What a row shows.
struct Look {
    opens: bool,
    keeps: bool,
    clipped: bool,
    dark: bool,
}

impl Segmenter {
    pub(super) fn new(format: &Format, settings: Segmentation) -> Self {
        // An image holds the lines that open it and no longer lead-in than still fits: else it would be full before its
        // subject is in it.
        let lines_min = settings.lines_min.max(1);
        let lines_max = settings.lines_max.max(lines_min);
        let lead_in = settings.lead_in.min(lines_max - lines_min);
        let settings = Segmentation { lines_min, lines_max, lead_in, ..settings };
        let state = State::Waiting { kept: VecDeque::new(), absorbing: 0, joined: true };
        Self { settings, pixels: format.pixels as usize, state }
    }

    /// Takes the next row; gives back one that was air, if that is certain by now.
    pub(super) fn take(&mut self, row: Row, steps: &mut Vec<Step>) -> Option<Row> {
        let look = self.look(&row);
        match &mut self.state {
            State::Waiting { .. } if look.dark => {
                self.state = waiting(true);
                None
            }
            State::Waiting { kept, absorbing, joined } => {
                *absorbing = match (*absorbing > 0 && look.keeps, look.opens) {
                    (true, _) | (_, true) => *absorbing + 1,
                    (false, false) => 0,
                };
                kept.push_back(row);
                if *absorbing >= self.settings.lines_min {
                    let whole = !*joined || kept.len() > *absorbing as usize;
                    let rows = std::mem::take(kept);
                    self.open(rows, whole, steps);
                    return None;
                }
                let spare = kept.len() > self.settings.lead_in as usize + *absorbing as usize;
                *joined &= !spare;
                spare.then(|| kept.pop_front()).flatten()
            }
            State::Open(_) => {
                self.add(row, &look, steps);
                None
            }
        }
    }

    /// What follows does not join what came before: an open image is incomplete.
    pub(super) fn break_off(&mut self, steps: &mut Vec<Step>) {
        if let State::Open(open) = &mut self.state {
            open.incomplete = true;
            end(open, false, &self.settings, steps);
        }
        self.state = waiting(true);
    }

    fn open(&mut self, rows: VecDeque<Row>, whole: bool, steps: &mut Vec<Step>) {
        steps.push(Step::Begin);
        let mut open = Open { incomplete: !whole, ..Open::default() };
        for row in rows {
            let look = self.look(&row);
            open.push(row, &look, steps);
        }
        self.state = State::Open(open);
    }

    fn add(&mut self, row: Row, look: &Look, steps: &mut Vec<Step>) {
        let State::Open(open) = &mut self.state else { return };
        if open.lines >= self.settings.lines_max {
            let quiet = open.quiet > 0 || !look.keeps;
            end(open, true, &self.settings, steps);
            if quiet {
                // Nothing may come any more, and an image of nothing would be one too many.
                self.state = waiting(true);
                self.take(row, steps);
                return;
            }
            steps.push(Step::Begin);
            *open = Open { incomplete: true, dark: open.dark, ..Open::default() };
        }
        open.push(row, look, steps);
        open.incomplete |= open.dark >= DARK_LINES;
        if open.dark >= DARK_LINES {
            end(open, false, &self.settings, steps);
            self.state = waiting(true);
        } else if open.quiet >= self.settings.lead_out.max(1) {
            end(open, false, &self.settings, steps);
            self.state = waiting(false);
        }
    }

    fn look(&self, row: &Row) -> Look {
        let below = |permille: u16| AIR - (u32::from(AIR) * u32::from(permille.min(1000)) / 1000) as u16;
        let (open, keep) = (below(self.settings.open_permille), below(self.settings.keep_permille));
        let low = |cell: &Cell| cell.samples.get(..self.pixels).map_or(0, <[u16]>::len);
        let views = || row.iter().filter(|cell| !cell.unknown).map(|cell| &cell.samples[..low(cell)]);
        let wide = |limit: u16| {
            views().map(|line| self.runs(line, limit)).fold((0, false), |all, one| (all.0.max(one.0), all.1 | one.1))
        };
        let ((width_open, clipped), (width_keep, _)) = (wide(open), wide(keep));
        let through = below(1000 - DARK_PERMILLE);
        let dark = row.iter().flat_map(|cell| cell.samples.iter()).all(|sample| *sample < through);
        let opens = width_open >= self.settings.width_open.max(1);
        Look {
            opens,
            // What would open an image keeps it open, also where a technician made keeping harder than opening.
            keeps: opens || width_keep >= self.settings.width_keep.max(1),
            // Without a beam nothing reaches anywhere.
            clipped: clipped && !dark,
            dark,
        }
    }

    /// Elements below `limit` in runs that are more than noise, and whether such a run reaches an end.
    fn runs(&self, line: &[u16], limit: u16) -> (u32, bool) {
        let speck = self.settings.speck.max(1) as usize;
        let (mut width, mut clipped, mut at) = (0, false, 0);
        for run in line.chunk_by(|left, right| (*left < limit) == (*right < limit)) {
            let absorbs = run.first().is_some_and(|sample| *sample < limit) && run.len() >= speck;
            if absorbs {
                width += run.len() as u32;
                clipped |= at == 0 || at + run.len() == line.len();
            }
            at += run.len();
        }
        (width, clipped)
    }
}

const fn waiting(joined: bool) -> State {
    State::Waiting { kept: VecDeque::new(), absorbing: 0, joined }
}

fn end(open: &Open, oversize: bool, settings: &Segmentation, steps: &mut Vec<Step>) {
    let clipped = open.clipped >= settings.clipped_lines.max(1);
    let flaws = [
        (open.incomplete, Flaw::Incomplete),
        (clipped, Flaw::Clipped),
        (oversize, Flaw::Oversize),
        (open.filled > 0, Flaw::Gaps),
    ];
    let flaws = flaws.into_iter().filter_map(|(is, flaw)| is.then_some(flaw)).collect();
    steps.push(Step::End(Outcome { lines: open.lines, filled: open.filled, flaws }));
}

//! From a detector's lines to images: puts them in order, corrects them, and says where a subject begins and ends.
//!
//! The air that stands between subjects teaches the slow gain only when it fell out of the lines kept before a subject,
//! so that a subject's thin first edge never does.

use std::sync::Arc;

use super::air::Air;
use super::order::{Counts, Order, Ordered, RawLine, RawRow};
use super::segment::{Cell, Row, Segmentation, Segmenter};
use super::{AIR, Calibration, Format, Line, Outcome};

/// What came of a line. One image at a time; all views begin and end together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An image begins.
    Begin,
    /// Its next line of one view; for each index every view has one.
    Line(Line),
    /// It ended.
    End(Outcome),
}

/// A detector's lines, one machine for each detector.
#[derive(Clone, Debug)]
pub struct Processor {
    calibration: Calibration,
    order: Order,
    air: Air,
    segmenter: Segmenter,
    views: Vec<Last>,
    gap_max: u32,
    blank: Arc<[u16]>,
}

/// The last line that a view sent, and how many it owes since.
#[derive(Clone, Debug)]
struct Last {
    samples: Arc<[u16]>,
    owed: u32,
}

impl Processor {
    /// Takes lines of `format`.
    pub fn new(format: Format, calibration: Calibration, settings: Segmentation) -> Self {
        let blank: Arc<[u16]> = vec![AIR; format.samples()].into();
        let last = Last { samples: blank.clone(), owed: 0 };
        Self {
            calibration,
            order: Order::new(format.views, format.samples(), settings.patience()),
            air: Air::new(&format),
            gap_max: settings.gap_max,
            segmenter: Segmenter::new(&format, settings),
            views: vec![last; usize::from(format.views.max(1))],
            blank,
        }
    }

    /// Takes the next line that the detector said.
    pub fn line(&mut self, line: RawLine) -> Vec<Step> {
        let ordered = self.order.take(line);
        self.follow(ordered)
    }

    /// The source fell silent: an open image ends incomplete, and the next line may have any counter.
    pub fn silence(&mut self) -> Vec<Step> {
        let ordered = self.order.flush();
        let mut steps = self.follow(ordered);
        self.break_off(&mut steps);
        steps
    }

    /// What became of the lines so far.
    pub const fn counts(&self) -> Counts {
        self.order.counts()
    }

    /// How far the beam is from where it was calibrated: 0.02 is 2 % more gain than then. Beyond a tenth or so the
    /// detector should be calibrated again.
    pub fn drift(&self) -> f32 {
        self.air.drift()
    }

    fn follow(&mut self, ordered: Vec<Ordered>) -> Vec<Step> {
        let mut steps = Vec::new();
        for what in ordered {
            match what {
                Ordered::Row(row) => {
                    let row = self.corrected(row);
                    if let Some(air) = self.segmenter.take(row, &mut steps) {
                        self.learn(&air);
                    }
                }
                Ordered::Break => self.break_off(&mut steps),
            }
        }
        steps
    }

    fn break_off(&mut self, steps: &mut Vec<Step>) {
        self.segmenter.break_off(steps);
        for view in &mut self.views {
            *view = Last { samples: self.blank.clone(), owed: 0 };
        }
    }

    fn corrected(&mut self, row: RawRow) -> Row {
        let mut cells = Vec::with_capacity(row.len());
        for ((at, said), last) in row.into_iter().enumerate().zip(&mut self.views) {
            let filled = said.is_none();
            match said {
                Some(said) => {
                    let samples = self.calibration.correct(at, &said, self.air.of_view(at)).into();
                    *last = Last { samples, owed: 0 };
                }
                None => last.owed = last.owed.saturating_add(1),
            }
            cells.push(Cell { samples: last.samples.clone(), filled, unknown: last.owed > self.gap_max });
        }
        cells
    }

    fn learn(&mut self, row: &Row) {
        for (view, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.filled) {
            self.air.learn(view, &cell.samples);
        }
    }
}

//! Tells dark and white lines from those of subjects, and makes calibrations of them.

use std::sync::Arc;

use portside_devices::lines::{self as wire, Detector, Frame, FrameKind, Splitter};

use crate::field::lines::Heard;
use crate::image::{Calibration, CalibrationError, Format, RawLine};

/// What became of a line.
#[derive(Debug)]
pub(super) enum Said {
    /// It is of whatever is on the belt.
    Data(RawLine),
    /// It is the first dark or white one of several.
    Begins,
    /// It is another one.
    Taken,
    /// There are enough of them.
    Calibrated {
        /// What they make.
        calibration: Calibration,
        /// The lines as bytes, where the next run of the daemon would not be sent any.
        memory: Option<Vec<u8>>,
    },
    /// There are enough of them, and they make none.
    Failed(CalibrationError),
}

/// Collects the dark and white lines of one detector.
#[derive(Debug)]
pub(super) struct Calibrating {
    detector: Arc<Detector>,
    format: Format,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Lines of subjects come.
    Idle,
    /// Dark and white lines come; those that are needed are kept.
    Collecting { dark: Vec<RawLine>, white: Vec<RawLine> },
    /// There are enough of them; more of the same are of no use.
    Enough,
}

impl Calibrating {
    pub(super) const fn new(detector: Arc<Detector>, format: Format) -> Self {
        Self { detector, format, state: State::Idle }
    }

    /// A connection begins.
    pub(super) fn begun(&mut self) {
        self.state = match self.detector.calibration {
            wire::Calibration::First { .. } => State::Collecting { dark: Vec::new(), white: Vec::new() },
            wire::Calibration::Flagged { .. } | wire::Calibration::Done { .. } => State::Idle,
        };
    }

    /// What needs no lines at all.
    pub(super) fn fixed(&self) -> Option<Calibration> {
        match self.detector.calibration {
            wire::Calibration::Done { air } => Some(Calibration::corrected(&self.format, air)),
            wire::Calibration::Flagged { .. } | wire::Calibration::First { .. } => None,
        }
    }

    /// What the lines of an earlier run make.
    pub(super) fn remembered(&self, bytes: &[u8]) -> Option<Calibration> {
        let (mut dark, mut white, mut splitter) = (Vec::new(), Vec::new(), Splitter::default());
        let mut sort = |frame: Frame| {
            let Frame { kind, counter, view, samples } = frame;
            let line = RawLine { counter, view, samples };
            match kind {
                FrameKind::Dark => dark.push(line),
                FrameKind::White => white.push(line),
                FrameKind::Data => {}
            }
        };
        splitter.push(&self.detector, bytes, &mut sort);
        splitter.quiet(&self.detector, &mut sort);
        Calibration::from_lines(&self.format, &dark, &white).ok()
    }

    /// Takes the next line.
    pub(super) fn take(&mut self, heard: Heard) -> Said {
        let Heard { kind, line } = heard;
        let (needed, kind) = match (self.detector.calibration, &self.state) {
            (wire::Calibration::Done { .. }, _) => return Said::Data(line),
            (wire::Calibration::Flagged { lines }, _) => ((lines, lines), kind),
            (wire::Calibration::First { dark, white }, State::Collecting { dark: taken, .. }) => {
                ((dark, white), if taken.len() < self.all(dark) { FrameKind::Dark } else { FrameKind::White })
            }
            (wire::Calibration::First { .. }, State::Idle | State::Enough) => return Said::Data(line),
        };
        if kind == FrameKind::Data {
            // Half a calibration is none: the next one begins anew.
            self.state = State::Idle;
            return Said::Data(line);
        }
        self.collect(kind, line, (self.all(needed.0), self.all(needed.1)))
    }

    /// So many lines of each view.
    fn all(&self, lines: u32) -> usize {
        lines as usize * usize::from(self.format.views.max(1))
    }

    fn collect(&mut self, kind: FrameKind, line: RawLine, needed: (usize, usize)) -> Said {
        let said = match &self.state {
            State::Enough => return Said::Taken,
            State::Idle => {
                self.state = State::Collecting { dark: Vec::new(), white: Vec::new() };
                Said::Begins
            }
            State::Collecting { .. } => Said::Taken,
        };
        let State::Collecting { dark, white } = &mut self.state else { return said };
        let (list, room) = if kind == FrameKind::Dark { (&mut *dark, needed.0) } else { (&mut *white, needed.1) };
        if list.len() < room {
            list.push(line);
        }
        if dark.len() < needed.0 || white.len() < needed.1 {
            return said;
        }
        let made = Calibration::from_lines(&self.format, dark, white);
        let memory = self.memory();
        self.state = State::Enough;
        match made {
            Ok(calibration) => Said::Calibrated { calibration, memory },
            Err(error) => Said::Failed(error),
        }
    }

    fn memory(&self) -> Option<Vec<u8>> {
        let (wire::Calibration::Flagged { .. }, State::Collecting { dark, white }) =
            (self.detector.calibration, &self.state)
        else {
            return None;
        };
        let bytes = |kind: FrameKind, line: &RawLine| {
            let counter = u32::try_from(u64::from(line.counter) % self.detector.counter.wraps).unwrap_or(0);
            self.detector.write(&Frame { kind, counter, view: line.view, samples: line.samples.clone() })
        };
        let dark = dark.iter().flat_map(|line| bytes(FrameKind::Dark, line));
        Some(dark.chain(white.iter().flat_map(|line| bytes(FrameKind::White, line))).collect())
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;

    use super::*;

    fn calibrating(calibration: wire::Calibration) -> Calibrating {
        let profile = Library::shipped().get("xray/generic-baggage-lines").unwrap().unwrap();
        let detector = Detector { pixels: 32, calibration, ..profile.detector.clone().unwrap() };
        let format = super::super::format_of(&detector);
        Calibrating::new(Arc::new(detector), format)
    }

    fn heard(kind: FrameKind, counter: u32) -> Heard {
        let samples =
            (0..64).map(|at| if kind == FrameKind::Dark { 900 + at } else { 40_000 + at + counter as u16 % 7 });
        Heard { kind, line: RawLine { counter, view: 0, samples: samples.collect() } }
    }

    /// What every line was taken for: data `d`, begins `b`, taken `t`, calibrated `c`, failed `f`.
    fn said(calibrating: &mut Calibrating, kinds: &str) -> String {
        let kinds = (0..).zip(kinds.chars()).map(|(counter, kind)| {
            let kind = match kind {
                'k' => FrameKind::Dark,
                'w' => FrameKind::White,
                _ => FrameKind::Data,
            };
            match calibrating.take(heard(kind, counter)) {
                Said::Data(_) => 'd',
                Said::Begins => 'b',
                Said::Taken => 't',
                Said::Calibrated { .. } => 'c',
                Said::Failed(_) => 'f',
            }
        });
        kinds.collect()
    }

    #[test]
    fn flagged_lines_make_one_calibration_in_either_order_and_more_of_them_none() {
        let mut one = calibrating(wire::Calibration::Flagged { lines: 8 });
        assert_eq!(said(&mut one, "ddkkkkkkkkkkwwwwwwwwwwdd"), "ddbttttttttttttttttcttdd");
        assert_eq!(said(&mut one, "wwwwwwwwkkkkkkkkd"), "bttttttttttttttcd");
    }

    #[test]
    fn half_a_calibration_is_none() {
        let mut one = calibrating(wire::Calibration::Flagged { lines: 8 });
        assert_eq!(said(&mut one, "kkkkkkkkdwwwwwwwwd"), "btttttttdbtttttttd");
    }

    #[test]
    fn the_first_lines_of_a_connection_are_dark_and_white_where_the_profile_says_so() {
        let mut one = calibrating(wire::Calibration::First { dark: 8, white: 8 });
        one.begun();
        let all: Vec<char> = (0..20)
            .map(|counter| {
                let kind = if counter < 8 { FrameKind::Dark } else { FrameKind::White };
                let as_sent = Heard { kind: FrameKind::Data, ..heard(kind, counter) };
                match one.take(as_sent) {
                    Said::Data(_) => 'd',
                    Said::Calibrated { memory, .. } => {
                        assert!(memory.is_none());
                        'c'
                    }
                    Said::Begins | Said::Taken | Said::Failed(_) => 't',
                }
            })
            .collect();
        assert_eq!(all.iter().collect::<String>(), "tttttttttttttttcdddd");
    }

    #[test]
    fn what_is_remembered_makes_the_same_calibration() {
        let mut one = calibrating(wire::Calibration::Flagged { lines: 8 });
        let kinds = [FrameKind::Dark; 8].into_iter().chain([FrameKind::White; 8]);
        let last = (0..).zip(kinds).map(|(counter, kind)| one.take(heard(kind, counter))).last();
        let Some(Said::Calibrated { calibration, memory: Some(memory) }) = last else { panic!("{last:?}") };
        assert_eq!(one.remembered(&memory), Some(calibration));
        assert_eq!(one.remembered(&memory[..memory.len() / 2]), None);
    }

    #[test]
    fn lines_without_a_beam_make_no_calibration() {
        let mut one = calibrating(wire::Calibration::Flagged { lines: 8 });
        let mut dark_as_white = |counter| one.take(Heard { kind: FrameKind::White, ..heard(FrameKind::Dark, counter) });
        (0..8).for_each(|counter| drop(dark_as_white(counter)));
        assert!(said(&mut one, "kkkkkkkk").ends_with('f'));
    }
}

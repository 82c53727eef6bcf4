//! From what an element says to what comes through: each has an offset and a gain of its own.
//!
//! ```text
//!   corrected = AIR · (said − dark) / (white − dark)        dark: beam off, white: beam on and nothing in it
//! ```
//! Elements that do not measure are left out, and the nearest good ones of the same energy stand for them.

use std::fmt;

use super::defect::{self, BadPixel, Seen};
use super::{AIR, Format, RawLine};

/// Lines of dark and of white that a calibration needs of each view.
pub const LINES_MIN: usize = 8;
/// Bad elements of one energy and view that are left out, of a hundred.
pub const BAD_PERCENT_MAX: usize = 10;

/// Offset, gain and bad elements of every view and energy.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    views: Vec<View>,
    bad: Vec<BadPixel>,
}

#[derive(Clone, Debug, PartialEq)]
struct View {
    offset: Vec<f32>,
    gain: Vec<f32>,
    repairs: Vec<Repair>,
}

/// A bad element and the two that stand for it; `part` is how much of the right one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Repair {
    at: usize,
    left: usize,
    right: usize,
    part: f32,
}

/// Why the lines make no calibration. Views and energies count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalibrationError {
    /// Too few lines of one view.
    TooFew {
        /// `dark` or `white`.
        what: &'static str,
        /// The view.
        view: u8,
        /// Lines that there are.
        found: usize,
    },
    /// A line is as long as no line of this format.
    Length {
        /// `dark` or `white`.
        what: &'static str,
        /// The view.
        view: u8,
        /// Samples in it.
        found: usize,
        /// Samples that there should be.
        expected: usize,
    },
    /// With the beam on there is no more than without it.
    NoBeam {
        /// The view.
        view: u8,
        /// The energy.
        energy: u8,
    },
    /// More elements do not measure than can be left out.
    TooManyBad {
        /// The view.
        view: u8,
        /// The energy.
        energy: u8,
        /// Bad ones.
        found: usize,
        /// All of them.
        pixels: u32,
    },
}

impl fmt::Display for CalibrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { what, view, found } => write!(
                f,
                "calibration: {found} {what} lines of view {view}, expected at least {LINES_MIN}; record them again"
            ),
            Self::Length { what, view, found, expected } => write!(
                f,
                "calibration: a {what} line of view {view} has {found} samples, expected {expected}; compare pixels and \
                 energies of the profile with the detector"
            ),
            Self::NoBeam { view, energy } => write!(
                f,
                "calibration: view {view} energy {energy} sees no more with the beam than without it; check that white was \
                 recorded with the beam on and nothing on the belt, and that dark and white are not exchanged"
            ),
            Self::TooManyBad { view, energy, found, pixels } => write!(
                f,
                "calibration: {found} of {pixels} elements of view {view} energy {energy} do not measure, at most \
                 {BAD_PERCENT_MAX} % can be left out; check the detector's boards and record dark and white again"
            ),
        }
    }
}

impl std::error::Error for CalibrationError {}

impl Calibration {
    /// From lines of the beam off and of the beam on with nothing in it.
    ///
    /// # Errors
    /// [`CalibrationError`] where a view has too few of them, or they cannot be what they are said to be.
    pub fn from_lines(format: &Format, dark: &[RawLine], white: &[RawLine]) -> Result<Self, CalibrationError> {
        let mut found = Self { views: Vec::new(), bad: Vec::new() };
        for view in 0..format.views {
            let (dark, white) = (of_view(format, "dark", dark, view)?, of_view(format, "white", white, view)?);
            let mut of_view = View { offset: Vec::new(), gain: Vec::new(), repairs: Vec::new() };
            for energy in 0..format.energies {
                let defects = of_view.add(format, energy, view, &dark, &white)?;
                let named =
                    defects.iter().map(|(pixel, defect)| BadPixel { view, energy, pixel: *pixel, defect: *defect });
                found.bad.extend(named);
            }
            found.views.push(of_view);
        }
        Ok(found)
    }

    /// Of a detector that corrects its elements itself and says `air` where nothing stands in the beam.
    pub fn corrected(format: &Format, air: u16) -> Self {
        let view = View {
            offset: vec![0.0; format.samples()],
            gain: vec![f32::from(AIR) / f32::from(air.max(1)); format.samples()],
            repairs: Vec::new(),
        };
        Self { views: vec![view; usize::from(format.views.max(1))], bad: Vec::new() }
    }

    /// Elements that are left out.
    pub fn bad(&self) -> &[BadPixel] {
        &self.bad
    }

    /// What comes through, times `drift`, in samples of which [`AIR`] is all. `said` and `drift` are as long as a line.
    pub(super) fn correct(&self, view: usize, said: &[u16], drift: &[f32]) -> Vec<u16> {
        let Some(of_view) = self.views.get(view) else { return said.to_vec() };
        let elements = said.iter().zip(&of_view.offset).zip(&of_view.gain).zip(drift);
        let whole = |(((said, offset), gain), drift): (((&u16, &f32), &f32), &f32)| {
            // A conversion from float takes what is out of range as the nearest that is in it.
            ((f32::from(*said) - offset) * gain * drift + 0.5) as u16
        };
        let mut samples: Vec<u16> = elements.map(whole).collect();
        for Repair { at, left, right, part } in &of_view.repairs {
            let (left, right) = (f32::from(samples[*left]), f32::from(samples[*right]));
            samples[*at] = (left + part * (right - left) + 0.5) as u16;
        }
        samples
    }
}

impl View {
    /// Adds the next energy; gives what is wrong with which of its elements.
    fn add(
        &mut self,
        format: &Format,
        energy: u8,
        view: u8,
        dark: &[&[u16]],
        white: &[&[u16]],
    ) -> Result<Vec<(u32, defect::Defect)>, CalibrationError> {
        let (first, pixels) = (self.offset.len(), format.pixels as usize);
        let (dark, white) = (Seen::of(dark, first, pixels), Seen::of(white, first, pixels));
        let (view, energy) = (view + 1, energy + 1);
        if defect::median(&white.mean) <= defect::median(&dark.mean) + 1.0 {
            return Err(CalibrationError::NoBeam { view, energy });
        }
        let defects = defect::find(&dark, &white);
        if defects.len() * 100 > pixels * BAD_PERCENT_MAX {
            return Err(CalibrationError::TooManyBad { view, energy, found: defects.len(), pixels: format.pixels });
        }
        let gain = |(dark, white): (&f32, &f32)| f32::from(AIR) / (white - dark).max(1.0);
        self.gain.extend(dark.mean.iter().zip(&white.mean).map(gain));
        self.offset.extend(dark.mean);
        let bad: Vec<usize> = defects.iter().map(|(pixel, _)| *pixel as usize).collect();
        self.repairs.extend(bad.iter().filter_map(|at| repair(*at, &bad, first, pixels)));
        Ok(defects)
    }
}

/// Who stands for element `at` of a channel that begins at `first`; at its ends the one neighbour that there is.
fn repair(at: usize, bad: &[usize], first: usize, pixels: usize) -> Option<Repair> {
    let good = |at: &usize| bad.binary_search(at).is_err();
    let (left, right) = ((0..at).rev().find(good), (at + 1..pixels).find(good));
    let (left, right) = (left.or(right)?, right.or(left)?);
    let part = if left == right { 0.0 } else { (at - left) as f32 / (right - left) as f32 };
    Some(Repair { at: first + at, left: first + left, right: first + right, part })
}

fn of_view<'a>(
    format: &Format,
    what: &'static str,
    lines: &'a [RawLine],
    view: u8,
) -> Result<Vec<&'a [u16]>, CalibrationError> {
    let (lines, expected): (Vec<&[u16]>, _) =
        (lines.iter().filter(|line| line.view == view).map(|line| &*line.samples).collect(), format.samples());
    let view = view + 1;
    if let Some(odd) = lines.iter().find(|line| line.len() != expected) {
        return Err(CalibrationError::Length { what, view, found: odd.len(), expected });
    }
    if lines.len() < LINES_MIN {
        return Err(CalibrationError::TooFew { what, view, found: lines.len() });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Defect;

    const FORMAT: Format =
        Format { pixels: 100, energies: 2, views: 2, pitch_um: 0, line_um: 0, live: true, raw: true };
    const STILL: [f32; 200] = [1.0; 200];

    /// Lines as elements with offsets of 90 to 110 and gains of 0.8 to 1.2 say them, in `light` parts of 10,000 counts,
    /// with noise; `change` has the last word on each sample: line, view, element of both energies, what it would say.
    fn said(light: f64, seed: u64, change: impl Fn(usize, u8, usize, f64) -> f64) -> Vec<RawLine> {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut lines = Vec::new();
        for at in 0..12 {
            for view in 0..2 {
                let mut sample = |element: usize| {
                    let (offset, gain) = (90.0 + (element * 7 % 21) as f64, 0.8 + (element * 13 % 41) as f64 / 100.0);
                    let noise = (dice.f64() - 0.5) * (6.0 + 60.0 * light);
                    change(at, view, element, offset + 10_000.0 * light * gain + noise).round().clamp(0.0, 65_535.0)
                        as u16
                };
                let samples = (0..200).map(&mut sample).collect();
                lines.push(RawLine { counter: at as u32, view, samples });
            }
        }
        lines
    }

    fn as_is(_: usize, _: u8, _: usize, sample: f64) -> f64 {
        sample
    }

    #[test]
    fn what_comes_through_is_the_same_for_every_element() {
        let calibration = Calibration::from_lines(&FORMAT, &said(0.0, 1, as_is), &said(1.0, 2, as_is)).unwrap();
        assert_eq!(calibration.bad(), []);
        for (light, expected) in [(1.0, 60_000.0), (0.5, 30_000.0), (0.01, 600.0)] {
            for line in said(light, 3, as_is) {
                let corrected = calibration.correct(usize::from(line.view), &line.samples, &STILL);
                let worst = corrected.iter().map(|sample| (f64::from(*sample) - expected).abs()).fold(0.0, f64::max);
                assert!(worst < 60.0 + 400.0 * light, "{light}: {worst}");
            }
        }
    }

    #[test]
    fn elements_that_do_not_measure_are_named_and_their_neighbours_stand_for_them() {
        let broken = |at: usize, view: u8, element: usize, sample: f64| match (view, element) {
            (0, 0) => 100.0 + (at % 3) as f64,
            (0, 40 | 41) => 777.0,
            (1, 130) => sample + 3_000.0,
            (1, 199) => sample + if at.is_multiple_of(2) { 60.0 } else { -60.0 },
            _ => sample,
        };
        let calibration = Calibration::from_lines(&FORMAT, &said(0.0, 1, broken), &said(1.0, 2, broken)).unwrap();
        let found: Vec<_> = calibration.bad().iter().map(|bad| (bad.view, bad.energy, bad.pixel, bad.defect)).collect();
        let expected = [
            (0, 0, 0, Defect::Dead),
            (0, 0, 40, Defect::Stuck),
            (0, 0, 41, Defect::Stuck),
            (1, 1, 30, Defect::Hot),
            (1, 1, 99, Defect::Noisy),
        ];
        assert_eq!(found, expected);
        assert_eq!(calibration.bad()[3].to_string(), "view 2 energy 2 element 30 is hot");
        for line in said(0.5, 3, broken) {
            let corrected = calibration.correct(usize::from(line.view), &line.samples, &STILL);
            assert!(corrected.iter().all(|sample| sample.abs_diff(30_000) < 300), "{corrected:?}");
        }
    }

    #[test]
    fn two_bad_ones_side_by_side_lie_on_the_line_between_the_good_ones() {
        let bad = [4, 5];
        let parts = [repair(4, &bad, 10, 8), repair(5, &bad, 10, 8)].map(|repair| repair.unwrap().part);
        assert!((parts[0] - 1.0 / 3.0).abs() < 1e-6 && (parts[1] - 2.0 / 3.0).abs() < 1e-6, "{parts:?}");
        let first = repair(0, &[0, 1], 10, 8).unwrap();
        assert_eq!((first.at, first.left, first.right), (10, 12, 12), "at an end the one neighbour that there is");
        assert!(repair(0, &[0], 0, 1).is_none());
    }

    #[test]
    fn lines_that_calibrate_nothing_are_refused_with_what_to_do() {
        let (dark, white) = (said(0.0, 1, as_is), said(1.0, 2, as_is));
        let refused = |dark: &[RawLine], white: &[RawLine]| {
            Calibration::from_lines(&FORMAT, dark, white).unwrap_err().to_string()
        };
        assert!(refused(&dark[..10], &white).contains("5 dark lines of view 1, expected at least 8"));
        assert!(refused(&white, &dark).contains("dark and white are not exchanged"));
        assert!(refused(&dark, &dark).contains("sees no more with the beam"));
        let mut short = white.clone();
        short[3].samples.pop();
        assert!(refused(&dark, &short).contains("a white line of view 2 has 199 samples, expected 200"));
        let half = |_: usize, _: u8, element: usize, sample: f64| if element.is_multiple_of(8) { 50.0 } else { sample };
        assert!(refused(&said(0.0, 1, half), &said(1.0, 2, half)).contains("13 of 100 elements of view 1 energy 1"));
    }

    #[test]
    fn a_detector_that_corrects_itself_is_only_scaled() {
        let calibration = Calibration::corrected(&FORMAT, 50_000);
        assert_eq!(calibration.correct(0, &[50_000, 25_000, 0], &STILL), [60_000, 30_000, 0]);
    }
}

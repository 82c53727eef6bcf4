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

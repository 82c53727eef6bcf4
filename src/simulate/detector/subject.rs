//! A subject on its way through the beam: what comes through, line by line.

use crate::simulate::phantom::beam::Pair;
use crate::simulate::phantom::scene::Scene;
use crate::simulate::phantom::{Detector as Film, Exposure};

/// No noise and no gains: those are the panel's.
const IDEAL: Film = Film { photons: 1e18, gain_spread: 0.0 };

/// What comes through a subject, leading edge first. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    lines: std::sync::Arc<[Box<[u16]>]>,
}

impl Subject {
    /// `scene` seen by `beams`, `size` being lines and detector elements. It is computed on every `grain`-th place of
    /// both and drawn between them: with 1 an edge is as sharp as it can be, with 2 it costs a quarter. This takes a
    /// second or so for a bag: call it ahead, and not where others wait.
    pub fn of(scene: &Scene, beams: &Pair, size: (u32, u32), energies: u8, grain: u32) -> Self {
        let grain = grain.max(1);
        let coarse = (size.0.div_ceil(grain).max(1), size.1.div_ceil(grain).max(1));
        Self::seen(&Exposure::of(scene, beams, IDEAL, coarse, 0), size, energies)
    }

    /// An exposure stretched to `size`.
    pub fn seen(exposure: &Exposure, size: (u32, u32), energies: u8) -> Self {
        let all = [&exposure.low, &exposure.high];
        let counts = if energies == 2 { &all[..] } else { &all[1..] };
        let across: Vec<Between> = (0..size.0).map(|line| Between::of(line, size.0, exposure.width)).collect();
        let down: Vec<Between> = (0..size.1).map(|pixel| Between::of(pixel, size.1, exposure.height)).collect();
        let width = exposure.width as usize;
        let line = |x: &Between| {
            let sample = |counts: &[u16], y: &Between| {
                let at = |x: usize, y: usize| f32::from(counts[y * width + x]);
                let top = at(x.first, y.first) * (1.0 - x.part) + at(x.second, y.first) * x.part;
                let bottom = at(x.first, y.second) * (1.0 - x.part) + at(x.second, y.second) * x.part;
                (top * (1.0 - y.part) + bottom * y.part).round() as u16
            };
            counts.iter().flat_map(|counts| down.iter().map(|y| sample(counts, y))).collect()
        };
        Self { lines: across.iter().map(line).collect() }
    }

    /// So many lines of nothing.
    pub fn air(lines: usize) -> Self {
        Self { lines: vec![Box::default(); lines].into() }
    }

    /// Lines that it is long.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True for one without a line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What comes through at one line: the softer energy, then the harder one.
    pub fn line(&self, at: usize) -> Option<&[u16]> {
        self.lines.get(at).map(|line| &**line)
    }
}

/// A place between two others.
struct Between {
    first: usize,
    second: usize,
    part: f32,
}

impl Between {
    /// Where place `at` of `of` lies among `count` places.
    fn of(at: u32, of: u32, count: u32) -> Self {
        let exact = (f64::from(at) + 0.5) / f64::from(of) * f64::from(count) - 0.5;
        let exact = exact.clamp(0.0, f64::from(count - 1));
        let first = exact.floor() as usize;
        Self { first, second: (first + 1).min(count as usize - 1), part: (exact - exact.floor()) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_s_lines_are_the_columns_of_its_exposure() {
        let exposure =
            Exposure { width: 2, height: 3, low: vec![1, 2, 3, 4, 5, 6], high: vec![11, 12, 13, 14, 15, 16] };
        let subject = Subject::seen(&exposure, (2, 3), 2);
        assert_eq!(subject.line(0).unwrap(), [1, 3, 5, 11, 13, 15]);
        assert_eq!(subject.line(1).unwrap(), [2, 4, 6, 12, 14, 16]);
        assert_eq!((subject.len(), subject.line(2)), (2, None));
        assert_eq!(Subject::seen(&exposure, (2, 3), 1).line(1).unwrap(), [12, 14, 16]);
    }

    #[test]
    fn a_coarse_exposure_is_drawn_between_its_places() {
        let exposure = Exposure { width: 2, height: 1, low: vec![0; 2], high: vec![0, 1_000] };
        let samples: Vec<u16> = (0..4).map(|at| Subject::seen(&exposure, (4, 1), 1).line(at).unwrap()[0]).collect();
        assert_eq!(samples, [0, 250, 750, 1_000]);
        let coarse = Subject::of(&Scene::bag(3), &Pair::baggage(), (40, 32), 2, 2);
        assert_eq!((coarse.len(), coarse.line(0).unwrap().len()), (40, 64));
        let darkest = coarse.line(20).unwrap().iter().min();
        assert!(darkest < Some(&40_000), "a bag is in the way");
    }
}

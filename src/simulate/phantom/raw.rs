//! What a line detector says before anybody corrects it: every element has a dark current and a gain of its own, and some
//! are broken.

use super::beam::{Beam, Pair};
use super::{AIR, Detector, Exposure, normal};

/// Counts of a converter of 16 bits in air, of an element of average gain.
const FULL: f64 = 48_000.0;
/// Counts without a beam, and how far apart elements are.
const DARK: (f64, f64) = (1_200.0, 90.0);
/// Part of one by which the elements' gains differ.
const SPREAD: f64 = 0.06;
/// Counts of noise that the electronics add.
const READING: f64 = 6.0;

/// A detector of two energies, one element as broken as another machine's would be.
#[derive(Debug)]
pub struct Sensor {
    /// Dark counts and gain of each element, softer energy first.
    elements: Vec<(f64, f64)>,
    beams: Pair,
    photons: f64,
    dice: fastrand::Rng,
}

impl Sensor {
    /// A detector of `pixels` elements. The same seed is the same detector.
    pub fn new(pixels: u32, seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut elements: Vec<_> =
            (0..2 * pixels).map(|_| (DARK.0 + DARK.1 * normal(&mut dice), 1.0 + SPREAD * normal(&mut dice))).collect();
        let broken = dice.usize(0..elements.len());
        elements[broken].1 = 0.0;
        Self { elements, beams: Pair::baggage(), photons: Detector::default().photons, dice }
    }

    /// Elements of a line.
    pub fn pixels(&self) -> u32 {
        (self.elements.len() / 2) as u32
    }

    /// What the beams leave of themselves behind a thing; the elements' own ways are left to [`Self::line`].
    pub fn expose(&self, scene: &super::scene::Scene, lines: u32, seed: u64) -> Exposure {
        Exposure::of(
            scene,
            &self.beams,
            Detector { photons: self.photons, gain_spread: 0.0 },
            (lines, self.pixels()),
            seed,
        )
    }

    /// A line without a beam, as the detector says it.
    pub fn dark(&mut self) -> Vec<u16> {
        let dice = &mut self.dice;
        self.elements.iter().map(|(dark, _)| counts(*dark, dice)).collect()
    }

    /// A line of air.
    pub fn white(&mut self) -> Vec<u16> {
        let pixels = self.elements.len() / 2;
        let flicker = |beam: &Beam| (beam.excess() / self.photons).sqrt();
        let (low, high) = (flicker(&self.beams.low), flicker(&self.beams.high));
        let of = |place: usize| if place < pixels { low } else { high };
        let air: Vec<f64> = (0..2 * pixels).map(|place| 1.0 + of(place) * normal(&mut self.dice)).collect();
        self.say(&air)
    }

    /// Line `column` of what was exposed.
    pub fn line(&mut self, exposure: &Exposure, column: u32) -> Vec<u16> {
        let rows = 0..exposure.height as usize;
        let of = |counts: &[u16], row: usize| f64::from(counts[row * exposure.width as usize + column as usize]) / AIR;
        let low = rows.clone().map(|row| of(&exposure.low, row));
        let left: Vec<f64> = low.chain(rows.map(|row| of(&exposure.high, row))).collect();
        self.say(&left)
    }

    fn say(&mut self, left: &[f64]) -> Vec<u16> {
        let dice = &mut self.dice;
        self.elements.iter().zip(left).map(|((dark, gain), left)| counts(dark + FULL * gain * left, dice)).collect()
    }
}

fn counts(signal: f64, dice: &mut fastrand::Rng) -> u16 {
    // Between 0 and 65,535, of which a u16 keeps every whole number.
    (signal + READING * normal(dice)).round().clamp(0.0, 65_535.0) as u16
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;

    /// Offset and gain taken from dark and white lines, as any machine does it.
    fn corrected(dark: &[f64], white: &[f64], line: &[u16]) -> Vec<f64> {
        let each = line.iter().zip(dark).zip(white);
        each.map(|((said, dark), white)| AIR * (f64::from(*said) - dark) / (white - dark)).collect()
    }

    fn mean(lines: &[Vec<u16>]) -> Vec<f64> {
        (0..lines[0].len())
            .map(|place| lines.iter().map(|line| f64::from(line[place])).sum::<f64>() / lines.len() as f64)
            .collect()
    }

    #[test]
    fn dark_and_white_lines_undo_what_the_elements_do_but_for_the_broken_one() {
        let mut sensor = Sensor::new(60, 4);
        let dark = mean(&(0..64).map(|_| sensor.dark()).collect::<Vec<_>>());
        let white = mean(&(0..64).map(|_| sensor.white()).collect::<Vec<_>>());
        let exposure = sensor.expose(&Scene::bag(3), 50, 9);
        let line = sensor.line(&exposure, 25);
        let truth = |place: usize| {
            let (row, counts) = if place < 60 { (place, &exposure.low) } else { (place - 60, &exposure.high) };
            f64::from(counts[row * 50 + 25])
        };
        let wrong: Vec<usize> = corrected(&dark, &white, &line)
            .iter()
            .enumerate()
            .filter(|(place, said)| (**said - truth(*place)).abs() > 250.0 || !said.is_finite())
            .map(|(place, _)| place)
            .collect();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!((white[wrong[0]] - dark[wrong[0]]).abs() < 20.0, "the broken element sees no beam");
        let spread = dark.iter().cloned().fold(f64::MIN, f64::max) - dark.iter().cloned().fold(f64::MAX, f64::min);
        assert!(spread > 100.0, "elements differ in the dark: {spread}");
    }
}

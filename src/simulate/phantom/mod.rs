//! X-ray pictures of things that nobody packed, computed: two energies, photon noise, and a detector whose elements are
//! not alike. The same seed gives the same picture.
//!
//! ```text
//!   Scene ──path_at──► layers ──Beam::behind──► part left ──noise, gain──► Exposure ──► files
//! ```
//! Scatter, afterglow and the fan's perspective are left out.

pub mod beam;
pub mod files;
pub mod luggage;
pub mod material;
pub mod scene;
mod substance;
pub mod wedge;

use beam::{Beam, Pair};
use scene::Scene;

/// Detector counts in air, below the 65,535 of 16 bits so that noise does not clip.
pub const AIR: f64 = 60_000.0;

/// How the detector behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// Photons that an element stops in air in one line.
    pub photons: f64,
    /// How far the elements' gains are apart, after the machine's own correction: standard deviation, part of one.
    pub gain_spread: f64,
}

impl Default for Detector {
    /// 120,000 photons a line and element, gains corrected to 0.3 %.
    fn default() -> Self {
        Self { photons: 120_000.0, gain_spread: 0.003 }
    }
}

/// Two pictures of one scene, rows from the top, one detector element a row: the belt moves from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Pixels across.
    pub width: u32,
    /// Pixels down, which are detector elements.
    pub height: u32,
    /// Counts of the softer beam.
    pub low: Vec<u16>,
    /// Counts of the harder beam.
    pub high: Vec<u16>,
}

impl Exposure {
    /// Sends `beams` through `scene`. `seed` is that of noise and gains.
    pub fn of(scene: &Scene, beams: &Pair, detector: Detector, (width, height): (u32, u32), seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for y in 0..height {
            let mut gain = || 1.0 + detector.gain_spread * normal(&mut dice);
            let gains = (gain(), gain());
            for x in 0..width {
                let place = |at: u32, of: u32| (f64::from(at) + 0.5) / f64::from(of);
                let path = scene.path_at(place(x, width), place(y, height));
                low.push(detect(&beams.low, &path, detector.photons, gains.0, &mut dice));
                high.push(detect(&beams.high, &path, detector.photons, gains.1, &mut dice));
            }
        }
        Self { width, height, low, high }
    }
}

/// Counts as the detector reports them. The number of photons varies with its square root (Poisson), and each weighs what
/// its energy is.
fn detect(beam: &Beam, path: &[beam::Layer], photons: f64, gain: f64, dice: &mut fastrand::Rng) -> u16 {
    let left = beam.behind(path);
    let spread = (left.variance * beam.excess() / photons).sqrt();
    // Between 0 and 65,535, of which a u16 keeps every whole number.
    (AIR * gain * (left.signal + spread * normal(dice))).round().clamp(0.0, 65_535.0) as u16
}

/// Twelve uniform draws sum to a normal one closely enough for a picture.
fn normal(dice: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0
}

/// A 16-bit grey PNG of a packed bag, of the harder beam; the same seed gives the same bytes.
pub fn bag(seed: u64, width: u32, height: u32) -> Vec<u8> {
    let exposure = Exposure::of(&Scene::bag(seed), &Pair::baggage(), Detector::default(), (width, height), seed);
    files::png(&exposure.high, width, height)
}

#[cfg(test)]
mod tests {
    use super::beam::Layer;
    use super::material::Material;
    use super::*;

    const STILL: Detector = Detector { photons: 1e18, gain_spread: 0.0 };

    #[test]
    fn the_same_seed_packs_the_same_bag_and_another_seed_another() {
        assert_eq!(bag(7, 80, 60), bag(7, 80, 60));
        assert_ne!(bag(7, 80, 60), bag(8, 80, 60));
    }

    #[test]
    fn air_is_bright_and_a_bag_is_darker_but_not_black() {
        let decoded = image::load_from_memory(&bag(3, 200, 150)).unwrap().into_luma16();
        let corner = decoded.get_pixel(1, 1).0[0];
        let darkest = decoded.pixels().map(|pixel| pixel.0[0]).min().unwrap();
        assert!(corner > 58_000, "air {corner}");
        assert!(darkest < corner / 2, "darkest {darkest}");
    }

    #[test]
    fn each_step_of_a_wedge_is_as_dark_as_the_law_says() {
        let materials = [Material::Polyethylene, Material::Aluminium, Material::Iron];
        let line = Beam::lines(&[(60.0, 1.0)]);
        let beams = Pair { low: line.clone(), high: line };
        let exposure = Exposure::of(&Scene::wedge(&materials, 4, 0.05), &beams, STILL, (100, 60), 1);
        let at = |row: u32, step: u32| {
            let (x, y) = Scene::step_at(row, 3, step, 4);
            f64::from(exposure.low[((y * 60.0) as usize) * 100 + (x * 100.0) as usize])
        };
        // 60,000 exp(-μ t) at 60 keV: 0.197 * 0.94 * 0.05, 0.2778 * 2.70 * 0.2, 1.205 * 7.87 * 0.15.
        assert!((at(0, 0) - 59_447.0).abs() < 20.0, "{}", at(0, 0));
        assert!((at(1, 3) - 51_643.0).abs() < 20.0, "{}", at(1, 3));
        assert!((at(2, 2) - 14_468.0).abs() < 20.0, "{}", at(2, 2));
    }

    fn spread(detector: Detector, path: &[Layer], beam: &Beam) -> (f64, f64) {
        let mut dice = fastrand::Rng::with_seed(5);
        let counts: Vec<f64> =
            (0..20_000).map(|_| f64::from(detect(beam, path, detector.photons, 1.0, &mut dice))).collect();
        let mean = counts.iter().sum::<f64>() / 20_000.0;
        (mean, (counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 20_000.0).sqrt())
    }

    #[test]
    fn noise_is_that_of_the_photons_that_are_left() {
        let line = Beam::lines(&[(60.0, 1.0)]);
        let detector = Detector { photons: 10_000.0, gain_spread: 0.0 };
        // 60,000 of 10,000 photons vary by 60,000 / 100.
        let (mean, deviation) = spread(detector, &[], &line);
        assert!((mean - 60_000.0).abs() < 20.0 && (deviation / 600.0 - 1.0).abs() < 0.03, "{mean} {deviation}");
        // Behind 1 mm of iron 38.74 % are left, and vary by 60,000 * sqrt(0.3874) / 100.
        let (mean, deviation) = spread(detector, &[(Material::Iron, 0.1)], &line);
        assert!((mean - 23_244.0).abs() < 20.0 && (deviation / 373.5 - 1.0).abs() < 0.03, "{mean} {deviation}");
    }

    #[test]
    fn each_element_has_a_gain_of_its_own_along_the_whole_line() {
        let detector = Detector { photons: 1e18, gain_spread: 0.01 };
        let exposure = Exposure::of(&Scene::air(), &Pair::baggage(), detector, (50, 400), 2);
        let rows: Vec<&[u16]> = exposure.high.chunks(50).collect();
        assert!(rows.iter().all(|row| row.iter().all(|count| count == &row[0])), "one gain a row");
        let mean = rows.iter().map(|row| f64::from(row[0])).sum::<f64>() / 400.0;
        let variance = rows.iter().map(|row| (f64::from(row[0]) - mean).powi(2)).sum::<f64>() / 400.0;
        assert!((variance.sqrt() / 600.0 - 1.0).abs() < 0.15, "{}", variance.sqrt());
    }
}

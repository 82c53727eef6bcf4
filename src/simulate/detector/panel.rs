//! A detector's elements: none is like the other, some do not measure, and photons come one by one.

use portside_devices::lines::Detector;

use crate::image::AIR;

/// How a panel differs from an ideal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// What an element says without a beam, part of its range, and how far elements are apart in it.
    pub dark: (f64, f64),
    /// What an element says of air, part of its range, and how far elements are apart in it.
    pub white: (f64, f64),
    /// Photons that an element stops in air in one line.
    pub photons: f64,
    /// Elements of each energy that always say the same.
    pub bad: usize,
}

impl Default for Quality {
    /// Offsets of 2 %, gains apart by 8 %, 120,000 photons a line, two bad elements.
    fn default() -> Self {
        Self { dark: (0.02, 0.004), white: (0.75, 0.06), photons: 120_000.0, bad: 2 }
    }
}

/// What stands in the beam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Beam<'a> {
    /// There is no beam.
    Off,
    /// Nothing.
    Air,
    /// What comes through, [`AIR`] where nothing stands, in the order of a line.
    Through(&'a [u16]),
}

/// Normal deviates that are used again and again from another place: drawing one for each sample would cost more than
/// everything else.
const DEVIATES: usize = 1 << 14;

/// The panel of one view.
#[derive(Clone, Debug)]
pub struct Panel {
    max: f64,
    elements: Vec<Element>,
    noise: f64,
    deviates: Vec<f32>,
    dice: fastrand::Rng,
}

#[derive(Clone, Copy, Debug)]
struct Element {
    offset: f64,
    gain: f64,
    stuck: Option<u16>,
}

impl Panel {
    /// A panel as `detector` describes it; the same seed gives the same elements and the same noise.
    pub fn new(detector: &Detector, quality: Quality, seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let max = f64::from(detector.sample.max());
        let mut elements: Vec<Element> = (0..detector.samples())
            .map(|_| Element {
                offset: max * (quality.dark.0 + quality.dark.1 * normal(&mut dice)).max(0.0),
                gain: max * (quality.white.0 * (1.0 + quality.white.1 * normal(&mut dice))).clamp(0.1, 0.9),
                stuck: None,
            })
            .collect();
        let pixels = detector.pixels as usize;
        for energy in 0..usize::from(detector.energies) {
            for _ in 0..quality.bad {
                // Not beside the edge, where there is no neighbour on one side.
                let at = energy * pixels + dice.usize(1..pixels - 1);
                elements[at].stuck = Some(if dice.bool() { 0 } else { detector.sample.max() });
            }
        }
        let deviates = (0..DEVIATES).map(|_| normal(&mut dice) as f32).collect();
        Self { max, elements, noise: 1.0 / quality.photons, deviates, dice }
    }

    /// What its elements say of one moment.
    pub fn say(&mut self, beam: Beam<'_>) -> Vec<u16> {
        let mut at = self.dice.usize(0..DEVIATES);
        let mut say = |(place, element): (usize, &Element)| {
            if let Some(stuck) = element.stuck {
                return stuck;
            }
            let part = match beam {
                Beam::Off => 0.0,
                Beam::Air => 1.0,
                Beam::Through(samples) => samples.get(place).map_or(1.0, |sample| f64::from(*sample) / f64::from(AIR)),
            };
            at = (at + 1) % DEVIATES;
            let deviate = f64::from(self.deviates[at]);
            // Photons vary with the square root of their number; the electronics by one count.
            let signal = element.gain * (part + (part * self.noise).sqrt() * deviate);
            (element.offset + signal + deviate).round().clamp(0.0, self.max) as u16
        };
        self.elements.iter().enumerate().map(&mut say).collect()
    }

    /// Elements that always say the same, as places in a line.
    pub fn bad(&self) -> Vec<usize> {
        let all = self.elements.iter().enumerate();
        all.filter(|(_, element)| element.stuck.is_some()).map(|(at, _)| at).collect()
    }
}

/// Twelve uniform draws sum to a normal one closely enough.
fn normal(dice: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;

    use super::*;

    fn panel(quality: Quality) -> Panel {
        let profile = Library::shipped().get("xray/generic-baggage-lines").unwrap().unwrap();
        Panel::new(profile.detector.as_ref().unwrap(), quality, 5)
    }

    #[test]
    fn elements_differ_in_darkness_and_gain_and_the_same_seed_gives_the_same_panel() {
        let (mut one, mut same) = (panel(Quality::default()), panel(Quality::default()));
        assert_eq!(one.say(Beam::Air), same.say(Beam::Air));
        let mean =
            |samples: &[u16]| samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / samples.len() as f64;
        let (dark, air) = (one.say(Beam::Off), one.say(Beam::Air));
        // 2 % and 77 % of 65,535.
        assert!((mean(&dark) - 1_311.0).abs() < 120.0, "{}", mean(&dark));
        assert!((mean(&air) - 50_462.0).abs() < 600.0, "{}", mean(&air));
        let spread = air.iter().map(|sample| (f64::from(*sample) - mean(&air)).powi(2)).sum::<f64>() / air.len() as f64;
        assert!(spread.sqrt() > 1_500.0, "gains differ: {}", spread.sqrt());
    }

    #[test]
    fn half_of_the_beam_is_half_of_the_signal_above_darkness() {
        let quality = Quality { photons: 1e18, bad: 0, dark: (0.1, 0.0), white: (0.5, 0.0) };
        let mut panel = panel(quality);
        let half = vec![AIR / 2; 2_304];
        let said = panel.say(Beam::Through(&half));
        // 10 % and a quarter of 65,535.
        assert!(said.iter().all(|sample| (i32::from(*sample) - 22_937).abs() <= 6), "{:?}", &said[..8]);
    }

    #[test]
    fn bad_elements_say_the_same_with_and_without_a_beam() {
        let mut panel = panel(Quality::default());
        let bad = panel.bad();
        assert!((2..=4).contains(&bad.len()));
        let (dark, air) = (panel.say(Beam::Off), panel.say(Beam::Air));
        assert!(bad.iter().all(|at| dark[*at] == air[*at]));
    }
}

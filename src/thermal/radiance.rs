//! Counts to degrees: what an infrared detector saw, less what it did not see of the object.
//!
//! A camera sees what the object emits, what it reflects, what the air and a window before the lens emit, each weakened
//! by what lies between. The formula is the one of FLIR's cameras as G. J. Tattersall published it (Thermimage,
//! `raw2temp`) and as ExifTool's forum worked it out (topic 4898); the window stands in the middle of the path.
//!
//! ```text
//!   raw = R1 / (R2 · (exp(B / T) − F)) − O           T in kelvin
//!   τ   = X · exp(−√(d/2) · (α1 + β1·√w)) + (1 − X) · exp(−√(d/2) · (α2 + β2·√w))      half of the path
//!   w   = humidity · exp(1.5587 + 0.06939·t − 0.00027816·t² + 0.00000068455·t³)        t: air in °C
//! ```

use serde::{Deserialize, Serialize};

/// Kelvin at 0 °C.
pub const ZERO_CELSIUS: f64 = 273.15;
/// Kelvin that a count can stand for in imagers whose output is linear in temperature (FLIR's TLinear: Lepton and
/// Boson 0.01 and 0.1, Tau, Vue and Duo 0.04 and 0.4).
const STEPS: [f64; 4] = [0.01, 0.04, 0.1, 0.4];
/// Where the middle of a scene must lie for a step to be assumed, °C. No two steps put the same counts in here.
const SCENE: std::ops::RangeInclusive<f64> = -40.0..=110.0;

/// How counts become degrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// By Planck's law with the camera's constants.
    Planck(Radiometry),
    /// Each count is so many kelvin.
    Linear(f64),
    /// The file does not say.
    Unsaid,
}

/// A camera's calibration and what it was told of the object and the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radiometry {
    /// The detector's calibration.
    pub planck: Planck,
    /// How the air weakens.
    pub air: Air,
    /// The object and what is around it.
    pub scene: Scene,
}

/// Constants of Planck's law for one camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // named as in every publication of the formula
pub struct Planck {
    pub r1: f64,
    pub r2: f64,
    pub b: f64,
    pub f: f64,
    pub o: f64,
}

/// Constants of how air absorbs in the camera's band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // named as in every publication of the formula
pub struct Air {
    pub alpha1: f64,
    pub alpha2: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub x: f64,
}

/// What the camera cannot see by itself and has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Of the object's surface, above 0 and at most 1; skin has 0.98.
    pub emissivity: f64,
    /// Metres to the object.
    pub distance: f64,
    /// °C of what the object reflects.
    pub reflected: f64,
    /// °C of the air between.
    pub air: f64,
    /// Relative humidity, 0 to 1.
    pub humidity: f64,
    /// °C of the window before the lens.
    pub window: f64,
    /// What of the radiation the window lets through, above 0 and at most 1; 1 where there is none.
    pub transmission: f64,
}

/// Why a camera's numbers cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsound(pub &'static str);

impl Planck {
    fn radiance(&self, celsius: f64) -> f64 {
        self.r1 / (self.r2 * ((self.b / (celsius + ZERO_CELSIUS)).exp() - self.f)) - self.o
    }

    fn celsius(&self, raw: f64) -> Option<f64> {
        let inside = self.r1 / (self.r2 * (raw + self.o)) + self.f;
        let celsius = self.b / inside.ln() - ZERO_CELSIUS;
        // Below the detector's zero there is no temperature, and nothing is colder than nothing.
        (inside > 1.0 && celsius.is_finite() && celsius > -ZERO_CELSIUS).then_some(celsius)
    }
}

impl Air {
    /// What of the radiation half of the way lets through.
    fn half_way(&self, scene: &Scene) -> f64 {
        let t = scene.air;
        let water = scene.humidity * (1.5587 + 0.06939 * t - 0.000_278_16 * t.powi(2) + 6.8455e-7 * t.powi(3)).exp();
        let part = |alpha: f64, beta: f64| (-(scene.distance / 2.0).sqrt() * (alpha + beta * water.sqrt())).exp();
        self.x * part(self.alpha1, self.beta1) + (1.0 - self.x) * part(self.alpha2, self.beta2)
    }
}

impl Radiometry {
    /// The same camera told something else of the scene.
    #[must_use]
    pub fn told(self, scene: Scene) -> Self {
        Self { scene, ..self }
    }

    /// Refuses numbers with which no temperature can be reckoned.
    ///
    /// # Errors
    /// What is wrong, and what it must be.
    pub fn check(&self) -> Result<(), Unsound> {
        let Self { planck, scene, .. } = self;
        let share = |value: f64| value > 0.0 && value <= 1.0;
        let warm = |value: f64| (-90.0..=200.0).contains(&value);
        let rules = [
            (
                planck.r1 > 0.0 && planck.r2 > 0.0 && planck.b > 0.0 && planck.f > 0.0,
                "its Planck constants are not positive",
            ),
            (
                planck.o.is_finite() && planck.r1.is_finite() && planck.b.is_finite(),
                "its Planck constants are no numbers",
            ),
            (share(scene.emissivity), "its emissivity is not above 0 and at most 1"),
            (share(scene.transmission), "its window's transmission is not above 0 and at most 1"),
            ((0.0..=10_000.0).contains(&scene.distance), "its object distance is not 0 to 10,000 m"),
            ((0.0..=1.0).contains(&scene.humidity), "its relative humidity is not 0 to 1"),
            (warm(scene.reflected) && warm(scene.air) && warm(scene.window), "its surroundings are not -90 to 200 °C"),
            (share(self.air.half_way(scene)), "its air lets through nothing, or more than everything"),
        ];
        rules.iter().find(|(sound, _)| !sound).map_or(Ok(()), |(_, what)| Err(Unsound(what)))
    }

    /// What is taken from a count and what it is multiplied with, before Planck's law turns round.
    fn line(&self) -> (f64, f64) {
        let Self { planck, air, scene } = self;
        let (tau, emissivity, window) = (air.half_way(scene), scene.emissivity, scene.transmission);
        let through = emissivity * tau * window;
        let foreign = (1.0 - emissivity) / emissivity * planck.radiance(scene.reflected)
            + (1.0 - tau) / (emissivity * tau) * planck.radiance(scene.air)
            + (1.0 - window) / through * planck.radiance(scene.window)
            + (1.0 - tau) / (through * tau) * planck.radiance(scene.air);
        (1.0 / (through * tau), foreign)
    }
}

/// The degrees of every count that a picture has.
#[derive(Clone, Debug)]
pub struct Degrees {
    lowest: u16,
    celsius: Vec<f32>,
}

impl Degrees {
    /// Not a number where the count stands for no temperature.
    pub fn celsius(&self, count: u16) -> f32 {
        let at = count.checked_sub(self.lowest).map(usize::from);
        at.and_then(|at| self.celsius.get(at)).copied().unwrap_or(f32::NAN)
    }
}

impl Scale {
    /// Degrees for the counts of a picture; `None` where the scale is not known.
    #[allow(clippy::cast_possible_truncation)] // a temperature has seven digits at most
    pub fn table(&self, counts: &[u16]) -> Option<Degrees> {
        let (lowest, highest) = (*counts.iter().min()?, *counts.iter().max()?);
        let each = |of: &dyn Fn(f64) -> Option<f64>| {
            let degrees = |count: u16| of(f64::from(count)).map_or(f32::NAN, |celsius| celsius as f32);
            Some(Degrees { lowest, celsius: (lowest..=highest).map(degrees).collect() })
        };
        match self {
            Self::Planck(radiometry) => {
                let (gain, foreign) = radiometry.line();
                each(&|count| radiometry.planck.celsius(count * gain - foreign))
            }
            Self::Linear(step) => each(&|count| Some(count * step - ZERO_CELSIUS)),
            Self::Unsaid => None,
        }
    }

    /// The only step of linear imagers with which the middle of these counts is a scene on earth: an assumption, good
    /// enough to look at a picture and not to judge a person.
    pub fn assumed(counts: &[u16]) -> Option<f64> {
        let mut sorted = counts.to_vec();
        sorted.sort_unstable();
        let median = f64::from(*sorted.get(counts.len() / 2)?);
        let mut fitting = STEPS.into_iter().filter(|step| SCENE.contains(&(median * step - ZERO_CELSIUS)));
        fitting.next().filter(|_| fitting.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The constants of a FLIR E40, as its files carry them.
    fn e40() -> Radiometry {
        Radiometry {
            planck: Planck { r1: 14_866.514, r2: 0.011_086_479, b: 1_395.7, f: 1.0, o: -5_859.0 },
            air: Air { alpha1: 0.006_569, alpha2: 0.012_62, beta1: -0.002_276, beta2: -0.006_67, x: 1.9 },
            scene: Scene {
                emissivity: 0.95,
                distance: 2.0,
                reflected: 20.99,
                air: 13.99,
                humidity: 0.49,
                window: 18.99,
                transmission: 0.98,
            },
        }
    }

    fn celsius(radiometry: Radiometry, count: u16) -> f32 {
        Scale::Planck(radiometry).table(&[count]).unwrap().celsius(count)
    }

    /// Nothing between, nothing reflected.
    fn bare() -> Scene {
        Scene { emissivity: 1.0, distance: 0.0, transmission: 1.0, ..e40().scene }
    }

    #[test]
    fn a_count_is_the_degrees_that_flyr_reckons() {
        // Coldest, corner and warmest of a real picture of this camera, by flyr 5.1.
        for (count, expected) in [(17_059, 17.876), (17_947, 22.940), (18_266, 24.700)] {
            let found = celsius(e40(), count);
            assert!((found - expected).abs() < 0.02, "{count}: {found}, expected {expected}");
        }
    }

    #[test]
    fn a_black_body_at_the_lens_has_the_temperature_whose_radiance_it_gives() {
        let radiometry = e40().told(bare());
        let count = radiometry.planck.radiance(36.5).round();
        assert!((f64::from(celsius(radiometry, count as u16)) - 36.5).abs() < 0.01);
    }

    #[test]
    fn what_a_warm_object_emits_less_or_loses_on_the_way_is_added_again() {
        let radiometry = e40().told(bare());
        let count = radiometry.planck.radiance(36.5).round() as u16;
        let seen = |scene: Scene| celsius(radiometry.told(scene), count);
        assert!(seen(Scene { emissivity: 0.9, ..bare() }) > 37.5, "a poor emitter is warmer than it looks");
        assert!(seen(Scene { distance: 10.0, ..bare() }) > 36.6, "so is a distant one");
        assert!(seen(Scene { transmission: 0.9, ..bare() }) > 37.5, "so is one behind a window");
        let warm = Scene { emissivity: 0.9, reflected: 60.0, ..bare() };
        assert!(seen(warm) < 36.5, "one that reflects a heater is colder");
    }

    #[test]
    fn a_count_below_the_detectors_zero_has_no_temperature() {
        assert!(celsius(e40().told(bare()), 5_000).is_nan());
    }

    #[test]
    fn numbers_with_which_nothing_can_be_reckoned_are_refused_with_what_they_must_be() {
        assert_eq!(e40().check(), Ok(()));
        for scene in [
            Scene { emissivity: 0.0, ..bare() },
            Scene { emissivity: f64::NAN, ..bare() },
            Scene { transmission: 1.2, ..bare() },
            Scene { distance: -1.0, ..bare() },
            Scene { distance: f64::INFINITY, ..bare() },
            Scene { humidity: 49.0, ..bare() },
            Scene { reflected: -400.0, ..bare() },
        ] {
            assert!(e40().told(scene).check().is_err(), "{scene:?}");
        }
        let planck = Planck { b: 0.0, ..e40().planck };
        assert!(Radiometry { planck, ..e40() }.check().is_err());
    }

    #[test]
    fn a_linear_count_is_kelvin_and_an_unsaid_step_is_assumed_only_where_one_alone_makes_sense() {
        assert!((Scale::Linear(0.04).table(&[7_741]).unwrap().celsius(7_741) - 36.49).abs() < 0.001);
        assert!(Scale::Unsaid.table(&[7_741]).is_none());
        assert_eq!(Scale::assumed(&[6_743, 6_994, 7_077]), Some(0.04));
        assert_eq!(Scale::assumed(&[30_965; 9]), Some(0.01), "36.5 °C of a Lepton");
        assert_eq!(Scale::assumed(&[3_096; 9]), Some(0.1));
        assert_eq!(Scale::assumed(&[60_000; 9]), None);
        assert_eq!(Scale::assumed(&[]), None);
    }

    proptest! {
        #[test]
        fn more_radiation_is_never_colder(counts in proptest::collection::vec(any::<u16>(), 1..200)) {
            let table = Scale::Planck(e40()).table(&counts).unwrap();
            let mut sorted = counts;
            sorted.sort_unstable();
            let degrees: Vec<f32> = sorted.iter().map(|count| table.celsius(*count)).filter(|c| c.is_finite()).collect();
            prop_assert!(degrees.windows(2).all(|pair| pair[0] <= pair[1]));
        }

        #[test]
        fn no_count_has_two_assumed_steps(count in any::<u16>()) {
            let fitting = STEPS.iter().filter(|step| SCENE.contains(&(f64::from(count) * *step - ZERO_CELSIUS))).count();
            prop_assert!(fitting <= 1);
        }
    }
}

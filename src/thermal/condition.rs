//! What must hold for a temperature to count, and why one does not: `invalid` with every reason, never `normal`.
//!
//! In the spirit of IEC 80601-2-59 and ISO/TR 13154, whose texts were not at hand. Where each shipped value comes from is
//! said at it in the lane file's reference and in `docs/thermal.md`; a site that has the standards sets its own.

use std::fmt;
use std::ops::RangeInclusive;

use super::Thermogram;
use super::blackbody::{self, Watch};
use super::face::{self, Face, Window};
use portside_devices::moment::Moment;

/// What the lane file asks of a thermal picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// What is taken as a face.
    pub face: face::Rules,
    /// Sources of known temperature; `None`: not asked, and the camera is believed.
    pub reference: Option<blackbody::Rules>,
    /// °C of the surroundings; `None`: not asked.
    pub ambient: Option<RangeInclusive<f64>>,
    /// Relative humidity, 0 to 1; `None`: not asked.
    pub humidity: Option<RangeInclusive<f64>>,
    /// Metres to the face; `None`: not asked.
    pub distance: Option<RangeInclusive<f64>>,
}

impl Default for Rules {
    /// Without a lane file. Pixels: a face of 180 x 240 mm at 1 mm a pixel (workswell.eu, "Fever screening measuring
    /// using thermal camera"); area: 4 x 4 pixels on the corner of the eye (stemmer-imaging.com, "How to achieve
    /// effective camera-based body temperature measurements"); surroundings and distance: what Wang et al. found to
    /// change the result little (Sensors 2023, 23(18), 8011). No source of known temperature is a reason against it.
    fn default() -> Self {
        Self {
            face: face::Rules { window: Window::WHOLE, skin: 30.0..=43.0, least: (180, 240), area: 16 },
            reference: Some(blackbody::Rules {
                sources: Vec::new(),
                drift_max: 2.0,
                uneven_max: 0.5,
                fresh_for: std::time::Duration::from_secs(60),
            }),
            ambient: Some(18.0..=32.0),
            humidity: Some(0.15..=0.80),
            distance: Some(0.4..=2.8),
        }
    }
}

/// What somebody knows of the place at the moment of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Surroundings {
    /// °C.
    pub ambient: Option<f64>,
    /// 0 to 1.
    pub humidity: Option<f64>,
    /// Metres to the face.
    pub distance: Option<f64>,
}

/// Why a temperature does not count.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // what was seen, and what was asked
pub enum Reason {
    /// Too cold or too hot, or nobody knows.
    Ambient { is: Option<f64>, asked: RangeInclusive<f64> },
    /// Too dry or too humid, or nobody knows.
    Humidity { is: Option<f64>, asked: RangeInclusive<f64> },
    /// Too near or too far, or nobody knows.
    Distance { is: Option<f64>, asked: RangeInclusive<f64> },
    /// No source of known temperature has been seen.
    ReferenceUnseen,
    /// It was seen too long ago.
    ReferenceStale,
    /// It does not look like one temperature.
    ReferenceUneven { kelvin: f64, most: f64 },
    /// The camera is too far off.
    Drift { kelvin: f64, most: f64 },
    /// Nothing as warm as skin is in the window.
    NoFace,
    /// More than one person is.
    Persons { seen: usize },
    /// The face has too few pixels.
    FaceSmall { seen: (usize, usize), least: (usize, usize) },
    /// The face goes beyond the window.
    FaceCut,
    /// Something hotter than skin is at the face.
    Hot,
    /// No area of the eyes is steady.
    NoArea,
    /// What a count stands for was guessed.
    ScaleAssumed,
}

impl Reason {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ambient { .. } => "ambient",
            Self::Humidity { .. } => "humidity",
            Self::Distance { .. } => "distance",
            Self::ReferenceUnseen => "reference_unseen",
            Self::ReferenceStale => "reference_stale",
            Self::ReferenceUneven { .. } => "reference_uneven",
            Self::Drift { .. } => "drift",
            Self::NoFace => "no_face",
            Self::Persons { .. } => "persons",
            Self::FaceSmall { .. } => "face_small",
            Self::FaceCut => "face_cut",
            Self::Hot => "hot",
            Self::NoArea => "no_area",
            Self::ScaleAssumed => "scale_assumed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |f: &mut fmt::Formatter<'_>, what, is: &Option<f64>, asked: &RangeInclusive<f64>, unit| {
            let is = is.map_or("not known".to_owned(), |is| format!("{is:.2}{unit}"));
            write!(f, "{what} is {is}, expected {} to {}{unit}", asked.start(), asked.end())
        };
        match self {
            Self::Ambient { is, asked } => range(f, "the air", is, asked, " °C"),
            Self::Humidity { is, asked } => range(f, "the relative humidity", is, asked, ""),
            Self::Distance { is, asked } => range(f, "the distance", is, asked, " m"),
            Self::ReferenceUnseen => {
                f.write_str("no source of known temperature is seen: switch it on, say where it is")
            }
            Self::ReferenceStale => f.write_str("the source of known temperature was seen too long ago"),
            Self::ReferenceUneven { kelvin, most } => {
                write!(
                    f,
                    "the source of known temperature differs by {kelvin:.2} K, expected {most} K at most: is it covered?"
                )
            }
            Self::Drift { kelvin, most } => {
                write!(
                    f,
                    "the camera is {kelvin:+.2} K off, expected {most} K at most: let it warm up, have it calibrated"
                )
            }
            Self::NoFace => f.write_str("nothing in the window is as warm as skin"),
            Self::Persons { seen } => write!(f, "{seen} areas as warm as skin, expected one person"),
            Self::FaceSmall { seen, least } => {
                let ((x, y), (least_x, least_y)) = (seen, least);
                write!(f, "the face has {x} x {y} pixels, expected {least_x} x {least_y} at least: come nearer")
            }
            Self::FaceCut => f.write_str("the face goes beyond the window"),
            Self::Hot => f.write_str("something hotter than skin is at the face"),
            Self::NoArea => f.write_str("the eyes show no steady warm area"),
            Self::ScaleAssumed => f.write_str("what a count stands for was guessed: say it with --kelvin-per-count"),
        }
    }
}

/// What a picture says of a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The face, also where it does not count.
    pub face: Option<Face>,
    /// Why it does not count; empty where it does.
    pub reasons: Vec<Reason>,
}

impl Reading {
    /// The temperature that counts.
    pub fn celsius(&self) -> Option<f32> {
        self.face.as_ref().filter(|_| self.reasons.is_empty()).map(|face| face.celsius)
    }
}

/// Reads a picture. `watch` has looked at its sources of known temperature, or at those of one before it.
pub fn read(now: Moment, picture: &Thermogram, around: &Surroundings, watch: &Watch, rules: &Rules) -> Reading {
    let mut reasons = surroundings(around, rules);
    let corrected = match rules.reference.as_ref().map(|reference| watch.correction(now, reference)) {
        None => None,
        Some(Ok(correction)) => Some(correction.apply(picture)),
        Some(Err(reason)) => {
            reasons.push(reason);
            None
        }
    };
    let (face, against) = face::find(corrected.as_ref().unwrap_or(picture), &rules.face);
    reasons.extend(against);
    Reading { face, reasons }
}

fn surroundings(around: &Surroundings, rules: &Rules) -> Vec<Reason> {
    let unmet = |is: Option<f64>, asked: &Option<RangeInclusive<f64>>| {
        let asked = asked.clone()?;
        let met = is.is_some_and(|is| asked.contains(&is));
        (!met).then_some((is, asked))
    };
    let ambient = unmet(around.ambient, &rules.ambient).map(|(is, asked)| Reason::Ambient { is, asked });
    let humidity = unmet(around.humidity, &rules.humidity).map(|(is, asked)| Reason::Humidity { is, asked });
    let distance = unmet(around.distance, &rules.distance).map(|(is, asked)| Reason::Distance { is, asked });
    [ambient, humidity, distance].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::blackbody::Source;
    use super::super::face::tests::{picture, room, rules as face_rules, warm};
    use super::*;

    const CORNER: Window = Window { left: 0.0, top: 0.0, width: 0.1, height: 0.1 };
    const INSIDE: Surroundings = Surroundings { ambient: Some(22.0), humidity: Some(0.4), distance: Some(1.0) };

    fn rules() -> Rules {
        let reference = Rules::default().reference.unwrap();
        let sources = vec![Source { window: CORNER, celsius: 35.0 }];
        let window = Window { left: 0.1, width: 0.9, ..Window::WHOLE };
        Rules {
            face: face::Rules { window, ..face_rules() },
            reference: Some(blackbody::Rules { sources, ..reference }),
            ..Rules::default()
        }
    }

    /// A person at 36.4 °C before a camera that shows everything `off` too warm, with a source of 35 °C in the corner.
    fn scene(off: f32) -> Thermogram {
        let mut celsius = room(&[(35, 30)]);
        warm(&mut celsius, (38, 26), 4, 36.4);
        warm(&mut celsius, (0, 0), 6, 35.0);
        picture(celsius.into_iter().map(|celsius| celsius + off).collect())
    }

    fn reading(picture: &Thermogram, around: &Surroundings, rules: &Rules) -> Reading {
        let mut watch = Watch::default();
        watch.look(Moment::START, picture, rules.reference.as_ref().unwrap());
        read(Moment::START, picture, around, &watch, rules)
    }

    #[test]
    fn a_camera_that_is_off_is_corrected_by_the_source_and_the_value_is_true() {
        for off in [-1.5, 0.0, 0.8] {
            let reading = reading(&scene(off), &INSIDE, &rules());
            assert_eq!(reading.reasons, []);
            assert!((reading.celsius().unwrap() - 36.4).abs() < 0.05, "{off}: {reading:?}");
        }
    }

    #[test]
    fn every_condition_that_does_not_hold_is_a_reason_and_takes_the_value_away() {
        let unknown = Surroundings::default();
        let reading = reading(&scene(3.0), &unknown, &rules());
        let codes: Vec<_> = reading.reasons.iter().map(Reason::code).collect();
        assert_eq!(codes, ["ambient", "humidity", "distance", "drift"]);
        assert!(reading.face.is_some(), "it is shown all the same");
        assert_eq!(reading.celsius(), None);
    }

    #[test]
    fn without_a_source_of_known_temperature_nothing_counts_unless_the_lane_file_says_so() {
        let none = Rules { reference: Rules::default().reference, ..rules() };
        assert_eq!(reading(&scene(0.0), &INSIDE, &none).reasons, [Reason::ReferenceUnseen]);
        let trusted = Rules { reference: None, ..rules() };
        let reading = read(Moment::START, &scene(0.0), &INSIDE, &Watch::default(), &trusted);
        assert!(reading.celsius().is_some());
    }

    #[test]
    fn each_reason_says_what_was_seen_and_what_was_expected() {
        let asked = Reason::Ambient { is: Some(12.0), asked: 18.0..=32.0 };
        assert_eq!(asked.to_string(), "the air is 12.00 °C, expected 18 to 32 °C");
        let small = Reason::FaceSmall { seen: (30, 41), least: (180, 240) };
        assert_eq!(small.to_string(), "the face has 30 x 41 pixels, expected 180 x 240 at least: come nearer");
    }

    proptest! {
        /// Whatever the place is like, a value that counts was taken where it may be.
        #[test]
        fn no_value_counts_outside_of_the_conditions(
            ambient in proptest::option::of(-10.0..50.0_f64),
            humidity in proptest::option::of(0.0..1.0_f64),
            distance in proptest::option::of(0.0..5.0_f64),
            off in -4.0..4.0_f32,
        ) {
            prop_assume!((off.abs() - 2.0).abs() > 0.01);
            let reading = reading(&scene(off), &Surroundings { ambient, humidity, distance }, &rules());
            let within = |range: std::ops::RangeInclusive<f64>, is: Option<f64>| is.is_some_and(|is| range.contains(&is));
            let holds = within(18.0..=32.0, ambient) && within(0.15..=0.8, humidity) && within(0.4..=2.8, distance)
                && off.abs() < 2.0;
            prop_assert_eq!(reading.celsius().is_some(), holds);
        }
    }
}

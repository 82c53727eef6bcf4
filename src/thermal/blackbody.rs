//! A source of known temperature in the picture: what the camera makes of it says how far the camera can be believed.
//!
//! ```text
//!   Unseen ──seen, even, near enough──► Known: corrected for as long as it is fresh ──► stale
//!      └─────────uneven, or too far off (drift)──► refused, and an alarm: camera or source is at fault
//! ```
//! One source corrects an offset; two correct the gain as well. The correction is applied to the whole picture.

use std::time::Duration;

use portside_devices::moment::Moment;

use super::Thermogram;
use super::condition::Reason;
use super::face::Window;

/// One source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Where the picture shows nothing but its surface.
    pub window: Window,
    /// °C it is set to.
    pub celsius: f64,
}

/// What the lane file says of the sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// One, or two of different temperatures.
    pub sources: Vec<Source>,
    /// Kelvin that the camera may be off before it is not believed.
    pub drift_max: f64,
    /// Kelvin between the colder and the warmer tenth of a source's pixels.
    pub uneven_max: f64,
    /// How long a correction counts.
    pub fresh_for: Duration,
}

/// What makes a camera's degrees true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    gain: f64,
    offset: f64,
}

impl Correction {
    /// The picture with true degrees.
    #[allow(clippy::cast_possible_truncation)] // degrees have seven digits at most
    pub fn apply(&self, picture: &Thermogram) -> Thermogram {
        picture.map(|celsius| (f64::from(celsius) * self.gain + self.offset) as f32)
    }
}

/// What the last look at the sources came to.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Watch {
    /// Nobody has looked.
    #[default]
    Unseen,
    /// The camera could be corrected.
    Known {
        /// When.
        since: Moment,
        /// How.
        correction: Correction,
    },
    /// It could not.
    Refused(Reason),
}

impl Watch {
    /// Looks at the sources of a picture.
    pub fn look(&mut self, now: Moment, picture: &Thermogram, rules: &Rules) {
        *self = match correction(picture, rules) {
            Ok(correction) => Self::Known { since: now, correction },
            Err(reason) => Self::Refused(reason),
        };
    }

    /// What makes the camera's degrees true.
    ///
    /// # Errors
    /// Why it cannot be believed.
    pub fn correction(&self, now: Moment, rules: &Rules) -> Result<Correction, Reason> {
        match self {
            Self::Unseen => Err(Reason::ReferenceUnseen),
            Self::Known { since, .. } if now > *since + rules.fresh_for => Err(Reason::ReferenceStale),
            Self::Known { correction, .. } => Ok(*correction),
            Self::Refused(reason) => Err(reason.clone()),
        }
    }
}

fn correction(picture: &Thermogram, rules: &Rules) -> Result<Correction, Reason> {
    let mut pairs = Vec::new();
    for source in &rules.sources {
        let seen = seen(picture, source, rules.uneven_max)?;
        let off = seen - source.celsius;
        if off.abs() > rules.drift_max {
            return Err(Reason::Drift { kelvin: off, most: rules.drift_max });
        }
        pairs.push((seen, source.celsius));
    }
    match pairs[..] {
        [(seen, set)] => Ok(Correction { gain: 1.0, offset: set - seen }),
        [(seen, set), (seen2, set2)] if (seen2 - seen).abs() > 1.0 => {
            let gain = (set2 - set) / (seen2 - seen);
            Ok(Correction { gain, offset: set - gain * seen })
        }
        _ => Err(Reason::ReferenceUnseen),
    }
}

/// The middle of what the camera makes of a source.
fn seen(picture: &Thermogram, source: &Source, uneven_max: f64) -> Result<f64, Reason> {
    let (columns, rows) = source.window.of(picture);
    let mut celsius: Vec<f64> = rows
        .flat_map(|y| columns.clone().map(move |x| (x, y)))
        .filter_map(|(x, y)| picture.at(x, y).map(f64::from))
        .collect();
    celsius.sort_by(f64::total_cmp);
    let part = |tenths: usize| celsius.get((celsius.len().checked_sub(1)?) * tenths / 10).copied();
    let (Some(low), Some(middle), Some(high)) = (part(1), part(5), part(9)) else {
        return Err(Reason::ReferenceUnseen);
    };
    if high - low > uneven_max {
        return Err(Reason::ReferenceUneven { kelvin: high - low, most: uneven_max });
    }
    Ok(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOP: Window = Window { left: 0.0, top: 0.0, width: 1.0, height: 0.5 };
    const BOTTOM: Window = Window { left: 0.0, top: 0.5, width: 1.0, height: 0.5 };

    fn rules(sources: &[(Window, f64)]) -> Rules {
        let sources = sources.iter().map(|(window, celsius)| Source { window: *window, celsius: *celsius }).collect();
        Rules { sources, drift_max: 2.0, uneven_max: 0.3, fresh_for: Duration::from_secs(60) }
    }

    fn picture(top: f32, bottom: f32) -> Thermogram {
        Thermogram::new(4, [[top; 8], [bottom; 8]].concat()).unwrap()
    }

    fn corrected(rules: &Rules, picture: &Thermogram) -> Result<Thermogram, Reason> {
        let mut watch = Watch::default();
        watch.look(Moment::START, picture, rules);
        watch.correction(Moment::START, rules).map(|correction| correction.apply(picture))
    }

    #[test]
    fn one_source_moves_the_picture_and_two_stretch_it() {
        let one = corrected(&rules(&[(TOP, 35.0)]), &picture(34.2, 36.0)).unwrap();
        assert!((one.at(0, 3).unwrap() - 36.8).abs() < 0.001);
        let two = corrected(&rules(&[(TOP, 30.0), (BOTTOM, 40.0)]), &picture(31.0, 40.0)).unwrap();
        assert!((two.at(0, 0).unwrap() - 30.0).abs() < 0.001 && (two.at(0, 3).unwrap() - 40.0).abs() < 0.001);
    }

    #[test]
    fn a_camera_that_is_too_far_off_is_not_corrected_but_refused() {
        let drifted = corrected(&rules(&[(TOP, 35.0)]), &picture(32.5, 36.0));
        assert_eq!(drifted, Err(Reason::Drift { kelvin: -2.5, most: 2.0 }));
    }

    #[test]
    fn a_source_that_is_covered_or_uneven_is_none() {
        let half = Window { left: 0.0, top: 0.25, width: 1.0, height: 0.5 };
        let uneven = corrected(&rules(&[(half, 35.0)]), &picture(35.0, 22.0));
        assert!(matches!(uneven, Err(Reason::ReferenceUneven { .. })), "{uneven:?}");
        let nothing = corrected(&rules(&[(TOP, 35.0)]), &picture(f32::NAN, 22.0));
        assert_eq!(nothing, Err(Reason::ReferenceUnseen));
        assert_eq!(Watch::default().correction(Moment::START, &rules(&[])), Err(Reason::ReferenceUnseen));
    }

    #[test]
    fn a_correction_counts_only_while_it_is_fresh_and_a_refusal_takes_it_away() {
        let rules = rules(&[(TOP, 35.0)]);
        let mut watch = Watch::default();
        watch.look(Moment::START, &picture(35.1, 36.0), &rules);
        assert!(watch.correction(Moment::START + Duration::from_secs(60), &rules).is_ok());
        let late = Moment::START + Duration::from_secs(61);
        assert_eq!(watch.correction(late, &rules), Err(Reason::ReferenceStale));
        watch.look(Moment::START, &picture(39.0, 36.0), &rules);
        assert!(watch.correction(Moment::START, &rules).is_err());
    }
}

//! What infrared readings say of a person: normal, elevated, or nothing that counts. Indicative only: a person with an
//! instrument of their own confirms what is not normal.
//!
//! ```text
//!  Waiting ──a plausible reading──► Measuring ──enough that agree──► normal | elevated
//!                                      └────────time up────────────► invalid, with every reason that came up
//! ```
//! A thermometer in a lane also sees doors, windows and hot cups. What is not plausible for a person never begins a
//! series, and breaks one that has begun. Of the readings that agree the highest counts: a fever is not averaged away.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde::{Deserialize, Serialize};

use crate::thermal::population::{self, Population};

/// What the lane file says about measuring temperatures. Degrees are Celsius, lengths metres.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The thermometer's device id.
    pub device: Arc<str>,
    /// The agency whose result it is: it confirms, and it alone holds for it.
    pub agency: Arc<str>,
    /// Without a normal or confirmed result the agency holds the subject.
    pub required: bool,
    /// From here on it is elevated.
    pub elevated: f64,
    /// Who stands out among those who passed of late is elevated as well; `None`: not asked.
    pub relative: Option<population::Rules>,
    /// What a person's skin can have.
    pub plausible: RangeInclusive<f64>,
    /// Surroundings in which the thermometer can be trusted; `None`: not asked.
    pub ambient: Option<RangeInclusive<f64>>,
    /// Distances at which it can be trusted; `None`: not asked.
    pub distance: Option<RangeInclusive<f64>>,
    /// Readings in a row that must agree.
    pub repeats: usize,
    /// Agreeing readings differ by no more than this.
    pub spread: f64,
    /// A series that is not complete after this is invalid.
    pub within: Duration,
    /// What the device can say of itself: [`Gauge::Valid`], [`Gauge::Fault`], both or neither.
    pub vouches: Vec<Gauge>,
    /// Whether the values may stand in the shared records.
    pub health: Health,
}

/// Whether health data may stand in records that every agency reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Sealed: the shared record says that there was a measurement, and whether a second one is asked for.
    Sealed,
    /// In the record, for all to read.
    Shared,
}

/// One value that a thermometer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gauge {
    /// Temperature of the measured surface.
    Temperature,
    /// Temperature of the surroundings.
    Ambient,
    /// Distance to the subject.
    Distance,
    /// Whether the device vouches for the measurement: 1 yes, 0 no.
    Valid,
    /// Whether the device reports a fault: 1 yes, 0 no.
    Fault,
}

/// What a series or a person's measurement comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Below the limit.
    Normal,
    /// At or above the limit.
    Elevated,
    /// Nothing that counts. Invalid is not normal.
    Invalid,
}

/// Why a series does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The surroundings are too cold or too hot, or nobody knows.
    Ambient,
    /// The subject is too near or too far, or nobody knows.
    Distance,
    /// The device gave no usable reading, or did not vouch for it.
    Unreadable,
    /// What stood before the thermometer went away, or something else came.
    Interrupted,
    /// The readings did not agree.
    Spread,
    /// There were fewer readings than asked for.
    TooFew,
    /// Nobody was seen by the thermometer at all.
    NotMeasured,
}

/// The result of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Indication {
    /// What it comes to.
    pub outcome: Outcome,
    /// The highest of the readings that agreed; `None` where none did.
    pub celsius: Option<f64>,
    /// Why it does not count; empty unless invalid.
    pub reasons: Vec<Reason>,
    /// The limit, where those who passed of late set a lower one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

impl Rules {
    /// What a temperature read by the lane comes to among those who passed of late, and their limit where it is the
    /// lower one. It says nothing of an instrument of another kind, which measures something else than skin.
    fn among(&self, celsius: f64, limit: Option<f64>) -> (Outcome, Option<f64>) {
        let limit = limit.filter(|limit| *limit < self.elevated);
        match self.judge(celsius) {
            Outcome::Normal if limit.is_some_and(|limit| celsius >= limit) => (Outcome::Elevated, limit),
            outcome @ (Outcome::Normal | Outcome::Elevated | Outcome::Invalid) => (outcome, limit),
        }
    }

    /// What a temperature comes to, however it was measured.
    pub fn judge(&self, celsius: f64) -> Outcome {
        match (self.plausible.contains(&celsius), celsius >= self.elevated) {
            (false, _) => Outcome::Invalid,
            (true, true) => Outcome::Elevated,
            (true, false) => Outcome::Normal,
        }
    }
}

/// The last of what one thermometer said. It belongs to the device, not to a subject.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dial {
    ambient: Option<f64>,
    distance: Option<f64>,
    trust: Trust,
    soundness: Trust,
}

/// Whether a device may be believed, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// It says so, or has no way to say otherwise.
    Given,
    /// It says otherwise, or should have said and has not been heard.
    Refused,
}

impl Dial {
    /// Nothing has been heard: a device that can vouch for itself has not done so.
    pub fn new(rules: &Rules) -> Self {
        let can = |gauge| if rules.vouches.contains(&gauge) { Trust::Refused } else { Trust::Given };
        Self { ambient: None, distance: None, trust: can(Gauge::Valid), soundness: can(Gauge::Fault) }
    }

    /// Takes a reading that is not the temperature itself; `None` is one that cannot be used.
    pub fn set(&mut self, gauge: Gauge, value: Option<f64>) {
        let given = |wanted| if value == Some(wanted) { Trust::Given } else { Trust::Refused };
        match gauge {
            Gauge::Temperature => {}
            Gauge::Ambient => self.ambient = value,
            Gauge::Distance => self.distance = value,
            Gauge::Valid => self.trust = given(1.0),
            Gauge::Fault => self.soundness = given(0.0),
        }
    }

    /// What speaks against a temperature read now.
    fn objection(&self, rules: &Rules) -> Option<Reason> {
        let within = |range: &Option<RangeInclusive<f64>>, value: Option<f64>| {
            range.as_ref().is_none_or(|range| value.is_some_and(|value| range.contains(&value)))
        };
        if [self.trust, self.soundness].contains(&Trust::Refused) {
            Some(Reason::Unreadable)
        } else if !within(&rules.ambient, self.ambient) {
            Some(Reason::Ambient)
        } else if !within(&rules.distance, self.distance) {
            Some(Reason::Distance)
        } else {
            None
        }
    }
}

/// One subject's series.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// Nothing plausible has been read.
    Waiting,
    /// Readings come in.
    Measuring {
        /// When the first plausible one came.
        since: Moment,
        /// The last ones in a row, oldest first; never more than asked for.
        row: Vec<f64>,
        /// What has spoken against readings so far.
        objections: Vec<Reason>,
    },
}

impl Series {
    /// Takes one temperature; the result, if it completes the series.
    pub fn take(
        &mut self,
        now: Moment,
        celsius: Option<f64>,
        dial: &Dial,
        passed: &mut Population,
        rules: &Rules,
    ) -> Option<Indication> {
        let plausible = celsius.filter(|celsius| rules.plausible.contains(celsius));
        if let (Self::Waiting, Some(_)) = (&*self, plausible) {
            *self = Self::Measuring { since: now, row: Vec::new(), objections: Vec::new() };
        }
        let Self::Measuring { row, objections, .. } = self else { return None };
        let objection = match (celsius, plausible) {
            (None, _) => Some(Reason::Unreadable),
            (Some(_), None) => Some(Reason::Interrupted),
            (Some(_), Some(_)) => dial.objection(rules),
        };
        if let Some(reason) = objection {
            row.clear();
            note(objections, reason);
            return None;
        }
        row.extend(plausible);
        if row.len() > rules.repeats {
            row.remove(0);
        }
        if row.len() < rules.repeats {
            return None;
        }
        let (low, high) =
            row.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        // A tenth of a device's tenth: 36.7 - 36.4 is a hair more than 0.3 in binary.
        if high - low > rules.spread + 0.001 {
            note(objections, Reason::Spread);
            return None;
        }
        let limit = rules.relative.as_ref().and_then(|relative| {
            let limit = passed.limit(now, relative);
            passed.add(now, high, relative);
            limit
        });
        let (outcome, limit) = rules.among(high, limit);
        Some(Indication { outcome, celsius: Some(high), reasons: Vec::new(), limit })
    }

    /// When an incomplete series is invalid.
    pub fn until(&self, rules: &Rules) -> Option<Moment> {
        match self {
            Self::Waiting => None,
            Self::Measuring { since, .. } => Some(*since + rules.within),
        }
    }

    /// What an incomplete series comes to.
    pub fn broken_off(&self) -> Indication {
        let reasons = match self {
            Self::Waiting => vec![Reason::NotMeasured],
            Self::Measuring { objections, .. } if objections.is_empty() => vec![Reason::TooFew],
            Self::Measuring { objections, .. } => objections.clone(),
        };
        Indication { outcome: Outcome::Invalid, celsius: None, reasons, limit: None }
    }
}

fn note(objections: &mut Vec<Reason>, reason: Reason) {
    if !objections.contains(&reason) {
        objections.push(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules {
            device: "thermo".into(),
            agency: "ciq".into(),
            required: true,
            elevated: 37.3,
            relative: None,
            plausible: 34.0..=43.0,
            ambient: Some(16.0..=32.0),
            distance: Some(0.3..=0.8),
            repeats: 3,
            spread: 0.3,
            within: Duration::from_secs(5),
            vouches: Vec::new(),
            health: Health::Sealed,
        }
    }

    fn dial(ambient: Option<f64>, distance: Option<f64>) -> Dial {
        let mut dial = Dial::new(&rules());
        dial.set(Gauge::Ambient, ambient);
        dial.set(Gauge::Distance, distance);
        dial
    }

    /// Readings every half second; the result, and the reading that completed it.
    fn measured(readings: &[Option<f64>], dial: &Dial) -> (Option<Indication>, Series) {
        let mut series = Series::Waiting;
        for (index, celsius) in (0u32..).zip(readings) {
            let now = Moment::START + Duration::from_millis(500) * index;
            if let Some(indication) = series.take(now, *celsius, dial, &mut Population::default(), &rules()) {
                return (Some(indication), series);
            }
        }
        (None, series)
    }

    fn outcome(readings: &[f64]) -> Option<(Outcome, f64)> {
        let readings: Vec<_> = readings.iter().copied().map(Some).collect();
        let indication = measured(&readings, &dial(Some(22.0), Some(0.5))).0?;
        Some((indication.outcome, indication.celsius?))
    }

    #[test]
    fn enough_readings_that_agree_are_normal_or_elevated_by_the_highest_of_them() {
        assert_eq!(outcome(&[36.4, 36.5, 36.7]), Some((Outcome::Normal, 36.7)));
        assert_eq!(outcome(&[37.1, 37.3, 37.2]), Some((Outcome::Elevated, 37.3)), "at the limit");
        assert_eq!(outcome(&[37.2, 37.2, 37.2]), Some((Outcome::Normal, 37.2)));
        assert_eq!(outcome(&[36.4, 36.5]), None, "too few");
    }

    #[test]
    fn the_background_begins_no_series_and_breaks_one_that_has_begun() {
        assert_eq!(outcome(&[21.0, 21.0, 21.0, 21.0]), None);
        assert_eq!(outcome(&[21.0, 36.4, 36.5, 36.5]), Some((Outcome::Normal, 36.5)));
        assert_eq!(outcome(&[36.4, 36.5, 21.0, 36.5]), None, "somebody else may stand there");
        assert_eq!(outcome(&[36.4, 36.5, 60.0, 38.5, 38.6, 38.5]), Some((Outcome::Elevated, 38.6)));
        assert_eq!(measured(&[Some(21.0)], &Dial::new(&rules())).1, Series::Waiting);
    }

    #[test]
    fn readings_that_do_not_agree_are_not_averaged() {
        assert_eq!(outcome(&[36.0, 38.0, 36.0, 38.0]), None);
        assert_eq!(outcome(&[36.0, 36.8, 36.9, 37.0]), Some((Outcome::Normal, 37.0)), "the last three agree");
    }

    #[test]
    fn what_speaks_against_the_readings_is_in_the_reasons_and_the_result_is_never_normal() {
        let person = [Some(36.5); 4];
        for (dial, readings, reasons) in [
            (dial(Some(5.0), Some(0.5)), &person[..], vec![Reason::Ambient]),
            (dial(None, Some(0.5)), &person[..], vec![Reason::Ambient]),
            (dial(Some(22.0), Some(1.9)), &person[..], vec![Reason::Distance]),
            (dial(Some(22.0), None), &person[..], vec![Reason::Distance]),
            (
                dial(Some(22.0), Some(0.5)),
                &[Some(36.5), None, Some(21.0)][..],
                vec![Reason::Unreadable, Reason::Interrupted],
            ),
            (dial(Some(22.0), Some(0.5)), &[Some(36.0), Some(38.0), Some(36.0)][..], vec![Reason::Spread]),
            (dial(Some(22.0), Some(0.5)), &person[..2], vec![Reason::TooFew]),
            (dial(Some(22.0), Some(0.5)), &[][..], vec![Reason::NotMeasured]),
        ] {
            let (done, series) = measured(readings, &dial);
            assert_eq!(done, None);
            let broken = series.broken_off();
            assert_eq!((broken.outcome, broken.celsius), (Outcome::Invalid, None));
            assert_eq!(broken.reasons, reasons);
        }
    }

    #[test]
    fn a_device_that_does_not_vouch_or_is_faulty_or_silent_about_it_is_not_believed() {
        for (gauge, value) in
            [(Gauge::Valid, Some(0.0)), (Gauge::Valid, None), (Gauge::Fault, Some(1.0)), (Gauge::Fault, None)]
        {
            let mut dial = dial(Some(22.0), Some(0.5));
            dial.set(gauge, value);
            let (done, series) = measured(&[Some(36.5); 5], &dial);
            assert_eq!(done, None, "{gauge:?} {value:?}");
            assert_eq!(series.broken_off().reasons, [Reason::Unreadable]);
        }
        let unheard = Dial::new(&Rules { vouches: vec![Gauge::Valid], ambient: None, distance: None, ..rules() });
        assert_eq!(measured(&[Some(36.5); 5], &unheard).0, None, "it can vouch and has not");
    }

    #[test]
    fn who_stands_out_among_those_who_passed_is_elevated_and_an_instrument_of_another_kind_is_not_compared() {
        let relative = population::Rules { deviations: 3.0, least: 10, most: 50, within: Duration::from_secs(600) };
        let rules = Rules { relative: Some(relative), ..rules() };
        let dial = dial(Some(22.0), Some(0.5));
        let mut passed = Population::default();
        let mut person = |celsius: f64| {
            let mut series = Series::Waiting;
            (0..3).find_map(|_| series.take(Moment::START, Some(celsius), &dial, &mut passed, &rules)).unwrap()
        };
        let people = [[34.4; 10].as_slice(), &[36.9, 34.6, 38.0]].concat();
        let outcomes: Vec<Indication> = people.into_iter().map(&mut person).collect();
        assert!(outcomes[..10].iter().all(|seen| seen.outcome == Outcome::Normal && seen.limit.is_none()), "too few");
        assert_eq!(
            (outcomes[10].outcome, outcomes[10].limit.is_some()),
            (Outcome::Elevated, true),
            "far above the others"
        );
        assert_eq!(outcomes[11].outcome, Outcome::Normal);
        assert_eq!(outcomes[12].outcome, Outcome::Elevated);
        assert_eq!(rules.judge(36.9), Outcome::Normal, "measured in the ear it is one");
    }

    #[test]
    fn those_who_passed_never_make_a_fever_normal() {
        let relative = population::Rules { deviations: 10.0, least: 10, most: 50, within: Duration::from_secs(600) };
        let rules = Rules { relative: Some(relative), ..rules() };
        let mut passed = Population::default();
        (0..40).for_each(|_| passed.add(Moment::START, 39.0, &relative));
        let mut series = Series::Waiting;
        let dial = dial(Some(22.0), Some(0.5));
        let seen = (0..3).find_map(|_| series.take(Moment::START, Some(37.4), &dial, &mut passed, &rules)).unwrap();
        assert_eq!((seen.outcome, seen.limit), (Outcome::Elevated, None));
    }

    #[test]
    fn a_series_runs_out_from_its_first_plausible_reading() {
        let mut series = Series::Waiting;
        let dial = dial(Some(22.0), Some(0.5));
        series.take(Moment::START, Some(20.0), &dial, &mut Population::default(), &rules());
        assert_eq!(series.until(&rules()), None);
        let first = Moment::START + Duration::from_secs(7);
        series.take(first, Some(36.5), &dial, &mut Population::default(), &rules());
        series.take(first + Duration::from_secs(1), Some(20.0), &dial, &mut Population::default(), &rules());
        assert_eq!(series.until(&rules()), Some(first + Duration::from_secs(5)));
    }

    proptest! {
        /// Whatever comes, a normal result has as many plausible readings in a row as asked for, all below the limit
        /// and near to each other.
        #[test]
        fn normal_always_rests_on_a_row_of_plausible_readings_below_the_limit(
            readings in proptest::collection::vec(proptest::option::weighted(0.9, 20.0..45.0_f64), 0..40)
        ) {
            let mut series = Series::Waiting;
            let dial = dial(Some(22.0), Some(0.5));
            for (index, celsius) in readings.iter().enumerate() {
                let Some(indication) = series.take(Moment::START, *celsius, &dial, &mut Population::default(), &rules()) else { continue };
                let row = &readings[index + 1 - 3..=index];
                prop_assert!(row.iter().all(|value| value.is_some_and(|value| rules().plausible.contains(&value))));
                if indication.outcome == Outcome::Normal {
                    prop_assert!(row.iter().all(|value| value.is_some_and(|value| value < 37.3)));
                }
                break;
            }
        }
    }
}

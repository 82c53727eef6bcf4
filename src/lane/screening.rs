//! The temperature among the papers of an inspection: measured by the lane, confirmed by a person, or waived by the
//! agency whose it is.
//!
//! ```text
//!  Measuring ──► Indicated: normal ───────────────────────────► nothing stands against a release
//!      │            └── elevated, invalid ──► Confirmed: normal ──┘
//!      └──────────────────────────────────────► Confirmed: elevated ──► the agency holds, until it lifts
//!                                               any but normal, at the decision ──► the agency holds, until it lifts
//! ```
//! Health data are the agency's own. Shared records say that it was measured and whether a second measurement is asked
//! for; what was measured stands in their sealed part.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::{Case, Entry, Lift};
use super::lane::Lane;
use super::record::person;
use super::review::HoldReason;
use super::temperature::{Gauge, Health, Indication, Outcome, Reason, Rules, Series};
use super::{Memory, Officer, Refusal, Secret};
use crate::thermal::population::Population;

/// How far the temperature of one subject has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Screening {
    Measuring(Series),
    Indicated(Outcome),
    Confirmed(Outcome),
    /// The agency lifted its hold: its own decision ends the matter.
    Waived,
}

/// What was measured, as it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The agency whose it is.
    pub agency: Arc<str>,
    /// What it comes to.
    pub temperature: Outcome,
    /// Degrees Celsius; `None` where nothing counts.
    pub celsius: Option<f64>,
    /// Why it does not count.
    pub reasons: Vec<Reason>,
    /// The limit, where those who passed of late set a lower one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

impl Screening {
    pub(super) const fn new() -> Self {
        Self::Measuring(Series::Waiting)
    }

    /// True where a person has to measure.
    const fn asks(&self) -> bool {
        matches!(self, Self::Indicated(Outcome::Elevated | Outcome::Invalid))
    }

    /// True where a measurement that is not normal is known, and nobody has settled it.
    const fn stands(&self) -> bool {
        self.asks() || matches!(self, Self::Confirmed(Outcome::Elevated | Outcome::Invalid))
    }

    /// True where nothing more is asked of the temperature.
    const fn settled(&self) -> bool {
        matches!(self, Self::Waived | Self::Indicated(Outcome::Normal) | Self::Confirmed(Outcome::Normal))
    }

    /// The word for screens of every agency: it does not tell elevated from invalid.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Measuring(Series::Waiting) => "waiting",
            Self::Measuring(Series::Measuring { .. }) => "measuring",
            Self::Indicated(Outcome::Normal) => "measured",
            Self::Indicated(Outcome::Elevated | Outcome::Invalid) => "confirm",
            Self::Confirmed(_) => "confirmed",
            Self::Waived => "waived",
        }
    }
}

impl Case {
    /// Takes one temperature of the subject in the lane; the record, if it completes the series.
    fn measure(
        &mut self,
        now: Moment,
        celsius: Option<f64>,
        dial: &super::temperature::Dial,
        passed: &mut Population,
        rules: &Rules,
    ) -> Option<Entry> {
        let Some(Screening::Measuring(series)) = &mut self.screening else { return None };
        let indication = series.take(now, celsius, dial, passed, rules)?;
        Some(self.indicate(indication, rules))
    }

    fn indicate(&mut self, indication: Indication, rules: &Rules) -> Entry {
        let Indication { outcome, celsius, reasons, limit } = indication;
        let screening = self.screening.insert(Screening::Indicated(outcome));
        let data = json!({ "agency": rules.agency, "device": rules.device, "confirm": screening.asks() });
        let measured = Measurement { agency: Arc::clone(&rules.agency), temperature: outcome, celsius, reasons, limit };
        entry("inspection.temperature.indicated", data, measured, rules.health)
    }

    /// Takes a person's own measurement: the record of it, and of the hold that a normal one ends.
    fn confirm(
        &mut self,
        officer: &Officer,
        celsius: f64,
        instrument: &str,
        rules: &Rules,
    ) -> Result<(Vec<Entry>, Outcome), Refusal> {
        let Some(screening) = &mut self.screening else { return Err(Refusal::NotScreened) };
        if officer.agency != rules.agency {
            return Err(Refusal::NotYourMeasurement { agency: Arc::clone(&rules.agency) });
        }
        if instrument.is_empty() {
            return Err(Refusal::NoInstrument);
        }
        let (low, high) = (*rules.plausible.start(), *rules.plausible.end());
        let outcome = rules.judge(celsius);
        if outcome == Outcome::Invalid {
            return Err(Refusal::ImplausibleTemperature { low_tenths: tenths(low), high_tenths: tenths(high) });
        }
        if matches!(screening, Screening::Confirmed(_) | Screening::Waived) {
            return Err(Refusal::AlreadyConfirmed);
        }
        *screening = Screening::Confirmed(outcome);
        let data = json!({
            "agency": rules.agency, "officer": person(officer), "instrument": instrument,
        });
        let measured = Measurement {
            agency: Arc::clone(&rules.agency),
            temperature: outcome,
            celsius: Some(celsius),
            reasons: Vec::new(),
            limit: None,
        };
        let mut entries = vec![entry("inspection.temperature.confirmed", data, measured, rules.health)];
        if outcome == Outcome::Normal {
            entries.extend(self.end_temperature_hold(officer, instrument));
        }
        Ok((entries, outcome))
    }

    /// The agency's own normal measurement ends what it held for its temperature, and nothing else.
    fn end_temperature_hold(&mut self, officer: &Officer, instrument: &str) -> Option<Entry> {
        let hold = self.holds.iter_mut().find(|hold| hold.reasons.contains(&HoldReason::Temperature))?;
        hold.reasons.retain(|reason| *reason != HoldReason::Temperature);
        if !hold.reasons.is_empty() {
            return None;
        }
        let agency = Arc::clone(&hold.agency);
        self.holds.retain(|hold| hold.agency != agency);
        let reason = format!("temperature measured again with {instrument}");
        let left = self.owners();
        let data = json!({
            "agency": agency, "officer": officer.name, "reason": reason, "lifted": ["temperature"], "left": left,
        });
        self.lifts.push(Lift { agency, officer: Arc::clone(&officer.name), reason: reason.into() });
        Some(Entry { kind: "inspection.hold_lifted", data, secret: None })
    }

    /// At a decision: an incomplete series ends, and what is not settled holds. The records of both.
    pub(super) fn decide_temperature(&mut self, rules: Option<&Rules>) -> Option<Entry> {
        let rules = rules?;
        let ended = match &self.screening {
            Some(Screening::Measuring(series)) => Some(series.broken_off()),
            Some(Screening::Indicated(_) | Screening::Confirmed(_) | Screening::Waived) | None => None,
        };
        let entry = ended.map(|indication| self.indicate(indication, rules));
        let open = self.screening.as_ref().is_some_and(|screening| !screening.settled());
        if rules.required && open {
            self.hold(&rules.agency, HoldReason::Temperature);
        }
        entry
    }

    /// The agency lifts what it held for its temperature.
    pub(super) fn waive_temperature(&mut self) {
        if let Some(screening) = self.screening.as_mut().filter(|screening| !screening.settled()) {
            *screening = Screening::Waived;
        }
    }

    /// Takes in what one record of an earlier run says of the temperature.
    pub(super) fn recall_temperature(&mut self, kind: &str, record: &Memory<'_>) {
        // What was measured and cannot be read any more is not normal.
        let sealed = match &record.secret {
            Some(Secret::Measurement(measured)) => Some(measured.temperature),
            Some(Secret::Verdict(_) | Secret::Remark(_)) | None => None,
        };
        let shared = record.data.get("temperature").and_then(|word| Outcome::deserialize(word).ok());
        let outcome = sealed.or(shared).unwrap_or(Outcome::Invalid);
        let Some(screening) = &mut self.screening else { return };
        match kind {
            "inspection.temperature.indicated" => *screening = Screening::Indicated(outcome),
            "inspection.temperature.confirmed" => {
                *screening = Screening::Confirmed(outcome);
                if outcome == Outcome::Normal {
                    // A hold with nothing left is ended by the record that says so.
                    for hold in self.holds.iter_mut().filter(|hold| hold.reasons.len() > 1) {
                        hold.reasons.retain(|reason| *reason != HoldReason::Temperature);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The record of a measurement: what every agency may know, and what it may not.
fn entry(kind: &'static str, mut data: Value, measured: Measurement, health: Health) -> Entry {
    match health {
        Health::Sealed => Entry { kind, data, secret: Some(Secret::Measurement(measured)) },
        Health::Shared => {
            data["temperature"] = json!(measured.temperature);
            data["celsius"] = json!(measured.celsius);
            data["reasons"] = json!(measured.reasons);
            if let Some(limit) = measured.limit {
                data["limit"] = json!(limit);
            }
            Entry { kind, data, secret: None }
        }
    }
}

/// Tenths of a degree, for a refusal that can be compared.
#[allow(clippy::cast_possible_truncation)] // the lane file bounds them to what a person can have
fn tenths(celsius: f64) -> i32 {
    (celsius * 10.0).round() as i32
}

impl Lane {
    /// Takes a reading of the thermometer.
    pub(super) fn gauge(&mut self, gauge: Gauge, value: Option<f64>) {
        let (Some(rules), Some(dial)) = (&self.settings.temperature, &mut self.dial) else { return };
        dial.set(gauge, value);
        let Some(inspection) = self.inspection.as_mut().filter(|inspection| inspection.way().is_none()) else { return };
        if gauge != Gauge::Temperature {
            return;
        }
        if let Some(entry) = inspection.case.measure(self.now, value, dial, &mut self.passed, rules) {
            self.inspection_entry(entry);
        }
    }

    /// When an incomplete series ends.
    pub(super) fn series_until(&self) -> Option<Moment> {
        let rules = self.settings.temperature.as_ref()?;
        let inspection = self.inspection.as_ref().filter(|inspection| inspection.way().is_none())?;
        match inspection.case.screening.as_ref()? {
            Screening::Measuring(series) => series.until(rules),
            Screening::Indicated(_) | Screening::Confirmed(_) | Screening::Waived => None,
        }
    }

    /// Ends a series whose time is up.
    pub(super) fn end_series(&mut self) {
        if self.series_until().is_none_or(|until| self.now < until) {
            return;
        }
        let (Some(rules), Some(inspection)) = (&self.settings.temperature, &mut self.inspection) else { return };
        let Some(Screening::Measuring(series)) = &inspection.case.screening else { return };
        let indication = series.broken_off();
        let entry = inspection.case.indicate(indication, rules);
        self.inspection_entry(entry);
    }

    /// The agency whose measurement an override would pass over unseen.
    pub(super) fn measurement_stands(&self) -> Option<Arc<str>> {
        let rules = self.settings.temperature.as_ref().filter(|rules| rules.required)?;
        let screening = self.inspection.as_ref()?.case.screening.as_ref()?;
        screening.stands().then(|| Arc::clone(&rules.agency))
    }

    /// A person has measured.
    pub(super) fn confirm_temperature(
        &mut self,
        officer: &Officer,
        asked: &Arc<str>,
        celsius: f64,
        instrument: &str,
    ) -> Result<Arc<str>, Refusal> {
        let rules = self.settings.temperature.clone().ok_or(Refusal::NotScreened)?;
        let inspection = self.seen(Some(asked))?;
        if inspection.way().is_some() {
            let because = "the subject is released; stop the arm, or send somebody";
            return Err(Refusal::WrongStep { step: inspection.word(), because });
        }
        let (entries, outcome) = inspection.case.confirm(officer, celsius, instrument, &rules)?;
        entries.into_iter().for_each(|entry| self.inspection_entry(entry));
        Ok(match outcome {
            Outcome::Normal => format!("recorded: {celsius:.1} °C is normal").into(),
            Outcome::Elevated | Outcome::Invalid if rules.required => {
                format!("recorded: {celsius:.1} °C is elevated; {} holds the subject", rules.agency).into()
            }
            Outcome::Elevated | Outcome::Invalid => format!("recorded: {celsius:.1} °C is elevated").into(),
        })
    }
}

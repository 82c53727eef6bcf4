//! Thins readings into telemetry: at most one record a device and second, holding the batch.
//!
//! The first change after a quiet second goes out at once; what follows within the second is kept as first, last,
//! least and greatest, and goes out together when the second is over. A change of quality is a change like any other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::reading::{Quality, Reading, Value};
use serde::Serialize;

/// Contract §3: at most one telemetry record per device in this time.
pub const WINDOW: Duration = Duration::from_secs(1);

/// The `data` of a `telemetry.readings` record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Readings {
    /// Device id.
    pub device: Arc<str>,
    /// Point name to what it said since the record before.
    pub points: BTreeMap<Arc<str>, Said>,
}

/// What one point said in one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// Newest value; absent when the newest reading has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Value>,
    /// Quality of the newest reading.
    pub quality: Quality,
    /// Age of the newest reading when the record was made, milliseconds.
    pub age_ms: u64,
    /// Only when the point was read more than once in the window.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub thinned: Option<Thinned>,
}

/// What thinning keeps of the readings before the newest one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thinned {
    /// Readings in the window.
    pub count: u32,
    /// Oldest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Value>,
    /// Least numeric value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Greatest numeric value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

#[derive(Debug)]
struct Window {
    first: Option<Value>,
    last: Reading,
    count: u32,
    min: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Default)]
struct Device {
    sent: Option<Moment>,
    points: BTreeMap<Arc<str>, Window>,
}

impl Device {
    fn due(&self) -> Option<Moment> {
        if self.points.is_empty() {
            return None;
        }
        Some(self.sent.map_or(Moment::START, |sent| sent + WINDOW))
    }
}

/// Collects readings of all devices and says when which record is due.
#[derive(Debug)]
pub struct Thinner {
    ids: Vec<Arc<str>>,
    devices: Vec<Device>,
}

impl Thinner {
    /// A thinner for the devices with these ids, in the order that [`Thinner::add`] counts them.
    pub fn new(ids: Vec<Arc<str>>) -> Self {
        let devices = ids.iter().map(|_| Device::default()).collect();
        Self { ids, devices }
    }

    /// Takes in what device number `device` said.
    pub fn add(&mut self, device: usize, readings: Vec<Reading>) {
        let Some(device) = self.devices.get_mut(device) else { return };
        for reading in readings {
            let number = reading.value.as_ref().and_then(Value::as_f64);
            match device.points.get_mut(&reading.point) {
                Some(window) => {
                    window.count = window.count.saturating_add(1);
                    window.min = least(window.min, number);
                    window.max = greatest(window.max, number);
                    window.last = reading;
                }
                None => {
                    let window =
                        Window { first: reading.value.clone(), count: 1, min: number, max: number, last: reading };
                    device.points.insert(window.last.point.clone(), window);
                }
            }
        }
    }

    /// When the next record is due; `None` while there is nothing to say.
    pub fn deadline(&self) -> Option<Moment> {
        self.devices.iter().filter_map(Device::due).min()
    }

    /// The records that are due at `now`.
    pub fn take(&mut self, now: Moment) -> Vec<Readings> {
        let mut due = Vec::new();
        for (id, device) in self.ids.iter().zip(&mut self.devices) {
            if device.due().is_some_and(|due| due <= now) {
                device.sent = Some(now);
                let points = std::mem::take(&mut device.points);
                let points = points.into_iter().map(|(name, window)| (name, said(window, now))).collect();
                due.push(Readings { device: id.clone(), points });
            }
        }
        due
    }
}

fn said(window: Window, now: Moment) -> Said {
    let thinned = (window.count > 1).then(|| Thinned {
        count: window.count,
        first: window.first,
        min: window.min.filter(|_| !is_switch(&window.last)),
        max: window.max.filter(|_| !is_switch(&window.last)),
    });
    let age = now.since(window.last.at).as_millis();
    Said {
        last: window.last.value,
        quality: window.last.quality,
        age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        thinned,
    }
}

fn is_switch(reading: &Reading) -> bool {
    matches!(reading.value, Some(Value::Bool(_)))
}

fn least(known: Option<f64>, next: Option<f64>) -> Option<f64> {
    known.into_iter().chain(next).reduce(f64::min)
}

fn greatest(known: Option<f64>, next: Option<f64>) -> Option<f64> {
    known.into_iter().chain(next).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(value: f64, at: u64) -> Reading {
        Reading {
            point: "weight".into(),
            value: Some(Value::Float(value)),
            quality: Quality::Good,
            at: Moment::from_millis(at),
        }
    }

    fn thinner() -> Thinner {
        Thinner::new(vec!["scale".into()])
    }

    #[test]
    fn the_first_change_after_a_quiet_second_goes_out_at_once() {
        let mut thinner = thinner();
        assert_eq!(thinner.deadline(), None);
        thinner.add(0, vec![reading(1.0, 5000)]);
        assert!(thinner.deadline().unwrap() <= Moment::from_millis(5000));
        let due = thinner.take(Moment::from_millis(5002));
        assert_eq!(
            serde_json::to_string(&due).unwrap(),
            r#"[{"device":"scale","points":{"weight":{"last":1.0,"quality":"good","age_ms":2}}}]"#
        );
    }

    #[test]
    fn what_follows_within_the_second_waits_and_goes_out_as_one_with_its_extremes() {
        let mut thinner = thinner();
        thinner.add(0, vec![reading(1.0, 0)]);
        assert_eq!(thinner.take(Moment::from_millis(0)).len(), 1);
        for (value, at) in [(5.0, 100), (-2.0, 200), (3.0, 900)] {
            thinner.add(0, vec![reading(value, at)]);
            assert!(thinner.take(Moment::from_millis(at)).is_empty());
        }
        assert_eq!(thinner.deadline(), Some(Moment::from_millis(1000)));
        let due = thinner.take(Moment::from_millis(1000));
        assert_eq!(
            serde_json::to_string(&due[0].points["weight"]).unwrap(),
            r#"{"last":3.0,"quality":"good","age_ms":100,"count":3,"first":5.0,"min":-2.0,"max":5.0}"#
        );
    }

    #[test]
    fn a_device_never_has_two_records_within_one_second() {
        let mut thinner = thinner();
        let mut sent: Vec<u64> = Vec::new();
        for at in (0..10_000).step_by(37) {
            thinner.add(0, vec![reading(at as f64, at)]);
            if !thinner.take(Moment::from_millis(at)).is_empty() {
                sent.push(at);
            }
        }
        assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "{sent:?}");
        assert!(sent.len() >= 9);
    }

    #[test]
    fn a_reading_without_a_value_keeps_its_reason() {
        let mut thinner = thinner();
        let bad = Reading { value: None, quality: Quality::Bad("not a number".into()), ..reading(0.0, 0) };
        thinner.add(0, vec![bad]);
        let due = thinner.take(Moment::START);
        assert_eq!(
            serde_json::to_string(&due[0].points["weight"]).unwrap(),
            r#"{"quality":{"bad":"not a number"},"age_ms":0}"#
        );
    }
}

//! Which point of which device the lane listens to, and as what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portside_devices::kind::Kind;
use portside_devices::portal;
use portside_devices::reading::{Reading, Value};

use super::machine::Happening;
use crate::config::{self, Config};
use crate::lane::belt::Wire;
use crate::lane::temperature::{Gauge, Health};
use crate::lane::{ArmContact, Contact, Event, Presence};

/// What a point means to the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sensor(usize),
    Contact(ArmContact),
    Gauge(Gauge),
    Wire(Wire),
    /// A radiation portal's: what passes it is reduced elsewhere, from all of its points together.
    Portal,
}

/// Standard points of a barrier that the lane listens to.
const CONTACTS: [(&str, ArmContact); 6] = [
    ("opened", ArmContact::Opened),
    ("closed", ArmContact::Closed),
    ("protection", ArmContact::Protection),
    ("fault", ArmContact::Fault),
    ("emergency_open", ArmContact::EmergencyOpen),
    ("stop_pressed", ArmContact::StopPressed),
];

/// Standard points of a thermometer that the lane listens to.
const GAUGES: [(&str, Gauge); 5] = [
    ("ambient", Gauge::Ambient),
    ("distance", Gauge::Distance),
    ("valid", Gauge::Valid),
    ("fault", Gauge::Fault),
    ("temperature", Gauge::Temperature),
];

/// Standard points of an X-ray machine or a belt that the lane listens to.
const DRIVE: [(&str, Wire); 6] = [
    ("belt_running", Wire::Running),
    ("belt_reversed", Wire::Reversed),
    ("interlock", Wire::Interlock),
    ("xray_on", Wire::Beam),
    ("fault", Wire::Fault),
    ("emergency_stop", Wire::EmergencyStop),
];

/// Standard points of a diverter that the lane listens to.
const DIVERTER: [(&str, Wire); 3] =
    [("passing", Wire::Passing), ("diverted", Wire::Diverted), ("fault", Wire::DiverterFault)];

/// Translates readings of devices into events of the lane.
#[derive(Debug)]
pub struct Roles {
    /// By device number: point name to what it means. A sensor may hang on the barrier's own inputs.
    by_device: BTreeMap<usize, BTreeMap<Arc<str>, Role>>,
    /// Thermometers whose temperatures nobody may read but their agency.
    discreet: BTreeSet<usize>,
}

impl Roles {
    /// Reads the roles off the lane file.
    pub fn of(config: &Config) -> Self {
        let mut by_device: BTreeMap<usize, BTreeMap<Arc<str>, Role>> = BTreeMap::new();
        match &config.way {
            config::Way::Gate(gate) => {
                for (number, sensor) in gate.sensors.iter().enumerate() {
                    by_device.entry(sensor.device).or_default().insert(sensor.point.clone(), Role::Sensor(number));
                }
                for (name, contact) in CONTACTS {
                    by_device.entry(gate.arm).or_default().insert(name.into(), Role::Contact(contact));
                }
            }
            config::Way::Belt(belt) => belt_roles(belt, &mut by_device),
        }
        let rules = config.screening();
        let named = |rules: &crate::lane::temperature::Rules| {
            config.devices.iter().position(|device| device.id.as_str() == &*rules.device)
        };
        if let Some(device) = rules.and_then(named) {
            let points = by_device.entry(device).or_default();
            points.extend(GAUGES.map(|(name, gauge)| (name.into(), Role::Gauge(gauge))));
        }
        for device in (0..config.devices.len()).filter(|device| config.devices[*device].kind() == Kind::Radiation) {
            let points = by_device.entry(device).or_default();
            for name in portal::POINTS {
                points.entry((*name).into()).or_insert(Role::Portal);
            }
        }
        // What a thermometer reads in a lane is a person's temperature, whether or not that person is screened.
        let shared = config.temperature.as_ref().filter(|rules| rules.health == Health::Shared).and_then(named);
        let thermometers =
            (0..config.devices.len()).filter(|device| config.devices[*device].kind() == Kind::Thermometer);
        Self { by_device, discreet: thermometers.filter(|device| shared != Some(*device)).collect() }
    }

    /// Names of the points of `device` that the lane must hear at every poll, changed or not.
    pub fn watched(&self, device: usize) -> impl Iterator<Item = &Arc<str>> {
        self.by_device.get(&device).into_iter().flat_map(BTreeMap::keys)
    }

    /// True for a value that must not stand in shared records or on shared screens.
    pub fn discreet(&self, device: usize, point: &str) -> bool {
        self.discreet.contains(&device) && point == "temperature"
    }

    /// True for a reading that the lane takes after the others of its batch: a temperature counts with what the device
    /// says of itself and its surroundings at the same moment.
    pub fn comes_last(&self, device: usize, reading: &Reading) -> bool {
        let role = self.by_device.get(&device).and_then(|points| points.get(&reading.point));
        role == Some(&Role::Gauge(Gauge::Temperature))
    }

    /// What a reading of `device` tells whichever lane this is; `None` when the point means nothing to it.
    pub fn happening(&self, device: usize, reading: &Reading) -> Option<Happening> {
        if let Role::Wire(wire) = self.by_device.get(&device)?.get(&reading.point)? {
            let on = reading.value.as_ref().and_then(Value::as_bool).filter(|_| reading.quality.is_good());
            return Some(Happening::Wire { wire: *wire, state: state(on) });
        }
        match self.event(device, reading)? {
            Event::Sensor { sensor, presence } => Some(Happening::Sensor { sensor, presence }),
            Event::Arm { contact, state } => Some(Happening::Arm { contact, state }),
            Event::Gauge { gauge, value } => Some(Happening::Gauge { gauge, value }),
            Event::Officer { .. }
            | Event::Radiation(_)
            | Event::Picture(_)
            | Event::Ordered { .. }
            | Event::Refused { .. }
            | Event::Tick => None,
        }
    }

    /// What a reading of `device` tells a gate; `None` when the point means nothing to it.
    pub fn event(&self, device: usize, reading: &Reading) -> Option<Event> {
        let role = *self.by_device.get(&device)?.get(&reading.point)?;
        let on = reading.value.as_ref().and_then(Value::as_bool).filter(|_| reading.quality.is_good());
        Some(match role {
            Role::Sensor(sensor) => Event::Sensor { sensor, presence: presence(on) },
            Role::Contact(contact) => Event::Arm { contact, state: state(on) },
            Role::Wire(_) | Role::Portal => return None,
            Role::Gauge(gauge) => {
                let value = reading.value.as_ref().and_then(Value::as_f64).filter(|_| reading.quality.is_good());
                Event::Gauge { gauge, value }
            }
        })
    }
}

fn belt_roles(belt: &config::Belt, by_device: &mut BTreeMap<usize, BTreeMap<Arc<str>, Role>>) {
    for (number, sensor) in belt.sensors.iter().enumerate() {
        by_device.entry(sensor.device).or_default().insert(sensor.point.clone(), Role::Sensor(number));
    }
    let diverter = belt.diverter.as_ref().map(|diverter| diverter.device);
    let drive = DRIVE.iter().map(|(name, wire)| (belt.drive, *name, *wire));
    let blade = diverter.into_iter().flat_map(|device| DIVERTER.iter().map(move |(name, wire)| (device, *name, *wire)));
    for (device, name, wire) in drive.chain(blade) {
        by_device.entry(device).or_default().entry(name.into()).or_insert(Role::Wire(wire));
    }
}

const fn presence(on: Option<bool>) -> Presence {
    match on {
        Some(true) => Presence::Present,
        Some(false) => Presence::Clear,
        None => Presence::Unknown,
    }
}

const fn state(on: Option<bool>) -> Contact {
    match on {
        Some(true) => Contact::On,
        Some(false) => Contact::Off,
        None => Contact::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portside_devices::moment::Moment;
    use portside_devices::reading::Quality;

    const SCREENED: &str = r#"
[[device]]
id = "thermo"
kind = "thermometer"
profile = "thermometer/calex-pyrousb"
address = "modbus://10.0.0.22:502/1"
interval = "500 ms"

[temperature]
device = "thermo"
agency = "border"
elevated = "37.3 °C"
"#;

    fn roles(more: &str) -> Roles {
        let text = include_str!("../../config/gate.toml").to_owned() + SCREENED + more;
        let checked = crate::config::parse(std::path::Path::new("lane.toml"), text.as_bytes());
        Roles::of(&checked.unwrap_or_else(|report| panic!("{}", report.render(crate::config::Ink::Plain))).config)
    }

    fn reading(point: &str, value: Option<Value>, quality: Quality) -> Reading {
        Reading { point: point.into(), value, quality, at: Moment::START }
    }

    #[test]
    fn a_temperature_reaches_the_lane_after_what_the_device_says_of_it_and_no_shared_record() {
        let roles = roles("");
        let warm = reading("temperature", Some(Value::Float(38.5)), Quality::Good);
        let event = roles.event(1, &warm);
        assert_eq!(event, Some(Event::Gauge { gauge: Gauge::Temperature, value: Some(38.5) }));
        let fault = reading("fault", Some(Value::Bool(true)), Quality::Good);
        assert_eq!(roles.event(1, &fault), Some(Event::Gauge { gauge: Gauge::Fault, value: Some(1.0) }));
        let lost = reading("temperature", Some(Value::Float(36.5)), Quality::Stale);
        assert_eq!(roles.event(1, &lost), Some(Event::Gauge { gauge: Gauge::Temperature, value: None }));
        assert!(roles.comes_last(1, &warm) && !roles.comes_last(1, &fault));
        assert!(roles.discreet(1, "temperature") && !roles.discreet(1, "ambient") && !roles.discreet(0, "temperature"));
        let watched: Vec<_> = roles.watched(1).map(|name| &**name).collect();
        assert!(watched.contains(&"temperature") && watched.contains(&"fault"), "{watched:?}");
    }

    #[test]
    fn a_site_that_shares_health_data_says_so() {
        assert!(!roles("seal = false\n").discreet(1, "temperature"));
    }
}

//! Which point of which device the lane listens to, and as what.

use std::collections::BTreeMap;
use std::sync::Arc;

use portside_devices::reading::{Reading, Value};

use crate::config::Config;
use crate::lane::{ArmContact, Contact, Event, Presence};

/// What a point means to the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Sensor(usize),
    Contact(ArmContact),
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

/// Translates readings of devices into events of the lane.
#[derive(Debug)]
pub struct Roles {
    /// By device number: point name to what it means. A sensor may hang on the barrier's own inputs.
    by_device: BTreeMap<usize, BTreeMap<Arc<str>, Role>>,
}

impl Roles {
    /// Reads the roles off the lane file.
    pub fn of(config: &Config) -> Self {
        let mut by_device: BTreeMap<usize, BTreeMap<Arc<str>, Role>> = BTreeMap::new();
        for (number, sensor) in config.gate.sensors.iter().enumerate() {
            by_device.entry(sensor.device).or_default().insert(sensor.point.clone(), Role::Sensor(number));
        }
        for (name, contact) in CONTACTS {
            by_device.entry(config.gate.arm).or_default().insert(name.into(), Role::Contact(contact));
        }
        Self { by_device }
    }

    /// Names of the points of `device` that the lane must hear at every poll, changed or not.
    pub fn watched(&self, device: usize) -> impl Iterator<Item = &Arc<str>> {
        self.by_device.get(&device).into_iter().flat_map(BTreeMap::keys)
    }

    /// What a reading of `device` tells the lane; `None` when the point means nothing to it.
    pub fn event(&self, device: usize, reading: &Reading) -> Option<Event> {
        let role = *self.by_device.get(&device)?.get(&reading.point)?;
        let on = reading.value.as_ref().and_then(Value::as_bool).filter(|_| reading.quality.is_good());
        Some(match role {
            Role::Sensor(sensor) => Event::Sensor { sensor, presence: presence(on) },
            Role::Contact(contact) => Event::Arm { contact, state: state(on) },
        })
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

//! Radiation portals: what passes each of them, from all that it says, before any of it is thinned.
//!
//! Every portal of the lane file is recorded and alarms. What the one that `[radiation]` names finds also goes to the
//! lane, which holds the subject for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portside_devices::kind::Kind;
use portside_devices::moment::Moment;
use portside_devices::portal::{self, Occupancy, Portal, PortalEvent, Ray};
use portside_devices::reading::{Quality, Reading, Value};
use serde::Serialize;
use serde_json::json;

use super::machine::Happening;
use super::{Control, Shown};
use crate::clock::{Clock, rfc3339_millis};
use crate::config::Config;
use crate::lane::Topic;
use crate::lane::radiation::{Finding, News};

/// Where a profile tells how many have passed, this number names the passage.
const NUMBER: &str = "aux_occupancies";

/// One portal as screens show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PortalView {
    /// Device id.
    pub device: Arc<str>,
    /// Something passes it, as far as is known.
    pub occupied: bool,
    /// The passage that ended last; `None` since the start.
    pub last: Option<Passed>,
}

/// What one passage came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passed {
    /// When it ended, UTC.
    pub ended: String,
    /// What was found.
    pub finding: Finding,
    /// Why an alarm could have been missed.
    pub doubt: Option<&'static str>,
}

/// One portal.
#[derive(Debug)]
struct Watched {
    id: Arc<str>,
    portal: Portal,
    /// Its profile's points of [`portal::POINTS`].
    points: Vec<Arc<str>>,
    number: Option<Value>,
    last: Option<Passed>,
}

/// Every portal of the lane.
#[derive(Debug)]
pub struct Portals {
    /// By device number.
    watched: BTreeMap<usize, Watched>,
    /// The one whose findings hold subjects.
    named: Option<usize>,
}

impl Portals {
    /// Reads them off the lane file.
    pub fn of(config: &Config) -> Self {
        let portals = config.devices.iter().enumerate().filter(|(_, device)| device.kind() == Kind::Radiation);
        let watched = portals.map(|(number, device)| {
            let points = device.modbus().into_iter().flat_map(|on| on.profile.points.iter());
            let points = points.filter(|point| portal::POINTS.contains(&&*point.name));
            let points = points.map(|point| point.name.clone()).collect();
            (number, Watched { id: device.id.shared(), portal: Portal::new(), points, number: None, last: None })
        });
        let watched: BTreeMap<_, _> = watched.collect();
        let rules = config.radiation.as_ref();
        let named = rules.and_then(|rules| watched.iter().find(|(_, at)| at.id == rules.portal).map(|(at, _)| *at));
        Self { watched, named }
    }

    /// Takes the readings of one answer in.
    fn hear(&mut self, device: usize, at: Moment, readings: &[Reading]) -> Vec<PortalEvent> {
        let Some(watched) = self.watched.get_mut(&device) else { return Vec::new() };
        if let Some(number) = readings.iter().rfind(|reading| &*reading.point == NUMBER) {
            watched.number = number.value.clone().filter(|_| number.quality.is_good());
        }
        watched.portal.observe(at, readings)
    }

    /// The device does not answer: whatever its link still tells of it, nothing that it said last is so any more.
    fn lost(&mut self, device: usize, at: Moment) -> Vec<PortalEvent> {
        let Some(watched) = self.watched.get_mut(&device) else { return Vec::new() };
        let stale = |point: &Arc<str>| Reading { point: point.clone(), value: None, quality: Quality::Stale, at };
        let stale: Vec<Reading> = watched.points.iter().map(stale).collect();
        watched.number = None;
        watched.portal.observe(at, &stale)
    }

    /// What screens show, in the order of the lane file.
    pub(super) fn views(&self) -> Vec<PortalView> {
        let view = |watched: &Watched| PortalView {
            device: watched.id.clone(),
            occupied: watched.portal.is_occupied(),
            last: watched.last.clone(),
        };
        self.watched.values().map(view).collect()
    }
}

impl Control {
    pub(super) fn portal_heard(&mut self, device: usize, at: Moment, readings: &[Reading]) {
        let events = self.parts.portals.hear(device, at, readings);
        self.portal_told(device, events);
    }

    pub(super) fn portal_lost(&mut self, device: usize, at: Moment) {
        let events = self.parts.portals.lost(device, at);
        self.portal_told(device, events);
    }

    fn portal_told(&mut self, device: usize, events: Vec<PortalEvent>) {
        for event in events {
            self.shown = Shown::Outdated;
            let news = match event {
                PortalEvent::Began { .. } => continue,
                PortalEvent::Alarm { ray, .. } => {
                    self.portal_alarm(device, ray);
                    News::Alarm
                }
                PortalEvent::Ended(occupancy) => {
                    self.occupancy(device, &occupancy);
                    News::Ended(finding(&occupancy).0)
                }
            };
            if self.parts.portals.named == Some(device) {
                self.step(Happening::Radiation(news));
            }
        }
    }

    fn portal_alarm(&mut self, device: usize, ray: Ray) {
        let Some(id) = self.parts.portals.watched.get(&device).map(|watched| watched.id.clone()) else { return };
        let inspection = self.parts.machine.view().inspection();
        let data = json!({ "device": id, "ray": ray_word(ray), "inspection": inspection });
        self.note(Topic::Alarm, "alarm.radiation", &inspection.unwrap_or(id), data);
    }

    fn occupancy(&mut self, device: usize, occupancy: &Occupancy) {
        let clock = self.parts.clock;
        let inspection = self.parts.machine.view().inspection();
        let Some(watched) = self.parts.portals.watched.get_mut(&device) else { return };
        let (finding, doubt) = finding(occupancy);
        let ended = wall(clock, occupancy.ended);
        let data = json!({
            "number": watched.number, "began": wall(clock, occupancy.began), "ended": ended,
            "gamma": sort(occupancy.gamma), "neutron": sort(occupancy.neutron),
            "gamma_max": occupancy.gamma_max, "neutron_max": occupancy.neutron_max, "speed": occupancy.speed,
            "finding": finding, "doubt": doubt, "inspection": inspection,
        });
        watched.last = Some(Passed { ended, finding, doubt });
        let id = watched.id.clone();
        self.note(Topic::Device, "device.occupancy", &id, data);
    }
}

/// What one sort of detector found, in a word.
fn sort(found: portal::Finding) -> Finding {
    match found {
        portal::Finding::Clear => Finding::Clear,
        portal::Finding::Alarm => Finding::Alarm,
        portal::Finding::Unknown(_) => Finding::Unknown,
    }
}

/// What the passage comes to, and why an alarm could have been missed.
fn finding(occupancy: &Occupancy) -> (Finding, Option<&'static str>) {
    let found = occupancy.finding();
    let doubt = match found {
        portal::Finding::Unknown(doubt) => Some(doubt.text()),
        portal::Finding::Clear | portal::Finding::Alarm => None,
    };
    (sort(found), doubt)
}

const fn ray_word(ray: Ray) -> &'static str {
    match ray {
        Ray::Gamma => "gamma",
        Ray::Neutron => "neutron",
    }
}

/// The wall time of a moment that has been, as records carry it.
fn wall(clock: Clock, moment: Moment) -> String {
    let ago: Duration = clock.moment().since(moment);
    let ago = SignedDuration::try_from(ago).unwrap_or_default();
    rfc3339_millis(clock.wall().checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH))
}

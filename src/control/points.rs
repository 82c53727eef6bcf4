//! A technician's look at single points, and the few that may be written from the shell.
//!
//! What moves the arm, a belt or a diverter, or ends a beam, has verbs of its own that the interlock guards. A point
//! that reaches the same terminal under another name is refused with it.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::barrier::PointWrite;
use portside_devices::codec::{Raw, decode, encode};
use portside_devices::kind::{Direction, Kind};
use portside_devices::moment::Moment;
use portside_devices::profile::{Point, Profile, Table};
use portside_devices::reading::{Quality, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use super::Control;
use super::call::Reply;
use super::devices::Devices;
use crate::config::Config;
use crate::field::{Newest, Outcome, Urgency, WriteRequest};
use crate::journal::{Draft, Stream};
use crate::lane::{Officer, Refusal};
use crate::uplink::DeviceState;

/// One point at this moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointNow {
    /// Device id.
    pub device: Arc<str>,
    /// Point name.
    pub point: Arc<str>,
    /// Where the device keeps it: `discrete 3`.
    pub address: String,
    /// Its bits or words as they came; empty where none did.
    pub raw: Vec<u16>,
    /// What they mean.
    pub value: Option<Value>,
    /// The unit of the value.
    pub unit: Option<Arc<str>>,
    /// How far to trust it.
    pub quality: Quality,
    /// Milliseconds since it was read; `None` where it never was.
    pub age_ms: Option<u64>,
    /// Whether `portside point write` takes it; the reason where not.
    pub writable: Result<(), String>,
}

/// Who writes.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name in the record.
    pub officer: Officer,
    /// Unix user id; `None` at a screen.
    pub uid: Option<u32>,
}

/// One device that has points.
#[derive(Debug)]
struct Pointed {
    id: Arc<str>,
    /// Device number, everywhere in control.
    index: usize,
    /// Its link's number.
    link: usize,
    unit: u8,
    profile: Arc<Profile>,
}

/// The points of the lane.
#[derive(Debug)]
pub struct Points {
    devices: Vec<Pointed>,
    agencies: Vec<Arc<str>>,
}

impl Points {
    /// Reads them off the lane file.
    pub fn of(config: &Config) -> Self {
        let devices = config.devices.iter().enumerate().filter_map(|(index, device)| {
            let on = device.modbus()?;
            Some(Pointed { id: device.id.shared(), index, link: on.link, unit: on.unit, profile: on.profile.clone() })
        });
        let agencies = config.agencies.iter().map(|agency| agency.id.shared()).collect();
        Self { devices: devices.collect(), agencies }
    }

    fn find(&self, device: &str, point: &str) -> Result<(&Pointed, usize), String> {
        let known = || self.devices.iter().map(|device| &*device.id).collect::<Vec<_>>().join(", ");
        let at = self.devices.iter().find(|at| &*at.id == device);
        let at = at.ok_or_else(|| format!("no device `{device}` with points here; there are: {}", known()))?;
        let index = at.profile.point_index(point);
        let names = || at.profile.points.iter().map(|point| &*point.name).collect::<Vec<_>>().join(", ");
        Ok((at, index.ok_or_else(|| format!("device `{device}` has no point `{point}`; it has: {}", names()))?))
    }

    /// What points last said, in the lane file's order.
    ///
    /// # Errors
    /// A sentence, when there is no such device or point.
    pub fn now(
        &self,
        devices: &Devices,
        device: Option<&str>,
        point: Option<&str>,
        now: Moment,
    ) -> Result<Vec<PointNow>, String> {
        if let Some(device) = device {
            let any = self.devices.iter().find(|at| &*at.id == device).and_then(|at| at.profile.points.first());
            let name = point.or(any.map(|point| &*point.name)).unwrap_or_default();
            self.find(device, name)?;
        }
        let mut found = Vec::new();
        for at in self.devices.iter().filter(|at| device.is_none_or(|device| &*at.id == device)) {
            let board = devices.links.get(at.link).map(|link| link.stats().board());
            let lost = devices.views.get(at.index).is_none_or(|view| view.health.state == DeviceState::Lost);
            let points = at.profile.points.iter().enumerate();
            for (index, described) in
                points.filter(|(_, described)| point.is_none_or(|point| &*described.name == point))
            {
                let newest = board.and_then(|board| board.newest(at.index, index));
                let writable = self.may_write(at, index);
                found.push(point_now(
                    &at.id,
                    described,
                    newest,
                    if lost { Answering::No } else { Answering::Yes },
                    now,
                    writable,
                ));
            }
        }
        Ok(found)
    }

    /// Whether a technician may write this point from the shell.
    fn may_write(&self, at: &Pointed, index: usize) -> Result<(), String> {
        let point = &at.profile.points[index];
        if !point.writable() {
            return Err("it can only be read".to_owned());
        }
        if let Some(verb) = guarded(&at.profile, point) {
            return Err(verb.to_owned());
        }
        let place = |at: &Pointed, point: &Point| Some((at.link, at.unit, terminal(point)?));
        let here = place(at, point);
        for other in &self.devices {
            for twin in &other.profile.points {
                if let (Some(verb), true) =
                    (guarded(&other.profile, twin), here.is_some() && place(other, twin) == here)
                {
                    return Err(format!("it is the terminal of `{}.{}`: {verb}", other.id, twin.name));
                }
            }
        }
        Ok(())
    }

    /// The request that writes a value.
    fn request(&self, device: &str, point: &str, value: &Value) -> Result<(usize, WriteRequest), String> {
        let (at, index) = self.find(device, point)?;
        self.may_write(at, index).map_err(|why| format!("`{device}.{point}`: {why}"))?;
        let described = &at.profile.points[index];
        encode(described, value)?;
        let writes = vec![PointWrite { point: index, value: value.clone() }];
        Ok((at.link, WriteRequest { device: at.index, writes, urgency: Urgency::Command }))
    }
}

/// The coil or register that a write reaches; a longer value by its first one.
fn terminal(point: &Point) -> Option<(Table, u16)> {
    point.register().map(|register| (register.table, register.address))
}

/// How the lane moves what hangs on this point, if it guards it.
fn guarded(profile: &Profile, point: &Point) -> Option<&'static str> {
    let standard = profile.kind.standard_points().iter().find(|standard| standard.name == &*point.name);
    if standard.is_none_or(|standard| standard.direction != Direction::Output) {
        return None;
    }
    match profile.kind {
        Kind::Barrier => Some("it moves the arm, which only the lane does: use `portside barrier open|stop|resume`"),
        Kind::Xray | Kind::Belt => {
            Some("it acts on the belt or the beam, which the lane stops and only a person at the machine starts")
        }
        Kind::Diverter => Some("it moves the diverter, which only the lane does"),
        Kind::Io
        | Kind::Thermometer
        | Kind::Weighbridge
        | Kind::Radiation
        | Kind::Ups
        | Kind::Display
        | Kind::Light
        | Kind::Camera => None,
    }
}

/// Whether the device of a point answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// It does.
    Yes,
    /// It does not: what it said last is stale.
    No,
}

/// A point from what was last heard of it.
pub fn point_now(
    device: &Arc<str>,
    point: &Point,
    newest: Option<Newest>,
    answering: Answering,
    now: Moment,
    writable: Result<(), String>,
) -> PointNow {
    let bits = point.register().is_some_and(|register| register.table.is_bits());
    let (value, quality) = match &newest {
        _ if !point.readable() => (None, Quality::Bad("it can only be written".to_owned())),
        None => (None, Quality::Stale),
        Some(Newest { refused: Some(why), .. }) => (None, Quality::Bad(why.to_string())),
        Some(Newest { raw, .. }) if bits => match raw.first() {
            Some(bit) => decode(point, Raw::Bit(*bit != 0)),
            None => (None, Quality::Stale),
        },
        Some(Newest { raw, .. }) => decode(point, Raw::Words(raw)),
    };
    let quality = if answering == Answering::No && quality.is_good() { Quality::Stale } else { quality };
    let age = newest.as_ref().map(|newest| now.since(newest.at));
    let place = terminal(point).map_or_else(String::new, |(table, address)| format!("{} {address}", table.word()));
    PointNow {
        device: device.clone(),
        point: point.name.clone(),
        address: place,
        raw: newest.map(|newest| newest.raw).unwrap_or_default(),
        value,
        unit: point.unit.clone(),
        quality,
        age_ms: age.map(|age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        writable,
    }
}

impl Control {
    /// Records that a person is about to write, then writes, then records what became of it, then answers.
    pub(super) fn write_point(
        &mut self,
        person: &Person,
        device: &Arc<str>,
        point: &Arc<str>,
        value: &Value,
        answer: oneshot::Sender<Reply>,
    ) {
        if !self.parts.points.agencies.contains(&person.officer.agency) {
            let refusal = Refusal::UnknownAgency { agency: person.officer.agency.clone() };
            let _ = answer.send(Reply::Refused { code: refusal.code().to_owned(), message: refusal.to_string() });
            return;
        }
        let (link, request) = match self.parts.points.request(device, point, value) {
            Ok(found) => found,
            Err(message) => {
                let _ = answer.send(Reply::Refused { code: "point_refused".to_owned(), message });
                return;
            }
        };
        let Some(link) = self.parts.devices.links.get(link) else { return };
        let data = json!({
            "agency": person.officer.agency, "officer": person.officer.name, "uid": person.uid,
            "point": point, "value": value,
        });
        let time = self.parts.clock.wall();
        let draft = Draft::new(Stream::Audit, "audit.point_write", device, time, data.clone());
        let ticket = self.parts.scribe.keep_drafts(vec![draft], time);
        let outcome = link.write_after(async move { ticket.await.map_err(|unkept| unkept.to_string()) }, request);
        let (scribe, clock, device, place) =
            (self.parts.scribe.clone(), self.parts.clock, device.clone(), format!("{device}.{point}"));
        tokio::spawn(async move {
            let outcome = outcome.await.unwrap_or_else(|_| Outcome::Unknown("its link has ended".to_owned()));
            let (word, reason) = match outcome {
                Outcome::Written => ("written", None),
                Outcome::Refused(why) => ("refused", Some(why)),
                Outcome::NotSent(why) => ("not_sent", Some(why)),
                Outcome::Unknown(why) => ("unknown", Some(why)),
            };
            let mut data = data;
            (data["outcome"], data["reason"]) = (json!(word), json!(reason));
            let draft = Draft::new(Stream::Audit, "audit.point_written", &device, clock.wall(), data);
            let kept = scribe.keep_drafts(vec![draft], clock.wall()).await;
            // A caller who left finds the outcome in the journal.
            let _ = answer.send(match (reason, kept) {
                (None, Ok(())) => Reply::Done { message: format!("{place} is written, and recorded").into() },
                (Some(why), Ok(())) => Reply::Failed { message: format!("{place}: {}: {why}", word.replace('_', " ")) },
                (reason, Err(unkept)) => Reply::Failed {
                    message: format!(
                        "{place}: {}{}, but what became of it is not on record: {unkept}",
                        word.replace('_', " "),
                        reason.map_or_else(String::new, |why| format!(" ({why})"))
                    ),
                },
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;

    use super::*;

    fn points(devices: &[(&str, &str, u8)]) -> Points {
        let library = Library::shipped();
        let devices = devices.iter().enumerate().map(|(index, (id, profile, unit))| Pointed {
            id: (*id).into(),
            index,
            link: 0,
            unit: *unit,
            profile: library.get(profile).unwrap().unwrap(),
        });
        Points { devices: devices.collect(), agencies: Vec::new() }
    }

    #[test]
    fn what_moves_the_arm_is_refused_with_the_verb_that_does_it() {
        let points = points(&[("arm", "barrier/generic-relay", 1)]);
        for name in ["open", "close", "stop"] {
            let why = points.request("arm", name, &Value::Bool(true)).unwrap_err();
            assert!(why.contains("portside barrier"), "{why}");
        }
        assert!(points.request("arm", "opened", &Value::Bool(true)).unwrap_err().contains("only be read"));
        assert!(points.request("arm", "opend", &Value::Bool(true)).unwrap_err().contains("it has: "));
    }

    #[test]
    fn the_arms_terminal_under_another_name_is_refused_too_and_the_same_coil_of_another_unit_is_not() {
        let arm = ("arm", "barrier/generic-relay", 1);
        let first = |points: &Points| {
            let io = points.devices[1].profile.clone();
            let coil = io.points.iter().find(|point| terminal(point) == Some((Table::Coil, 0))).unwrap();
            points.request("io", &coil.name, &Value::Bool(true)).map(|_| ())
        };
        let why = first(&points(&[arm, ("io", "io/waveshare-8ch", 1)])).unwrap_err();
        assert!(why.contains("`arm."), "{why}");
        assert_eq!(first(&points(&[arm, ("io", "io/waveshare-8ch", 2)])), Ok(()));
    }

    #[test]
    fn a_point_says_its_raw_words_and_age_and_is_stale_when_its_device_is_lost() {
        let io = Library::shipped().get("io/waveshare-8ch").unwrap().unwrap();
        let point = io.point("di1").unwrap();
        let newest = || Some(Newest { raw: vec![1], refused: None, at: Moment::from_millis(100) });
        let now = Moment::from_millis(350);
        let shown = point_now(&"io".into(), point, newest(), Answering::Yes, now, Ok(()));
        assert_eq!((shown.raw, shown.age_ms, shown.quality.is_good()), (vec![1], Some(250), true));
        let lost = point_now(&"io".into(), point, newest(), Answering::No, now, Ok(()));
        assert_eq!(lost.quality, Quality::Stale);
        let never = point_now(&"io".into(), point, None, Answering::Yes, now, Ok(()));
        assert_eq!((never.value, never.age_ms), (None, None));
    }
}

//! The barrier, what guards it, and whether doubt would reach it in time.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::{Shape, is_spare};
use portside_devices::profile::{Point, PollClass, Truth};

use super::device::{Draft, find, withdrawal, worst_poll};
use super::{Settling, shared, twice};
use crate::config::checked::{Gate, Sensor};
use crate::config::choice::{DeviceKind, Place};
use crate::config::codes;
use crate::config::cost::{REACTION_MAX, millis};
use crate::config::faults::{Placed, list};
use crate::config::file::{GateTable, SensorTable};
use crate::config::value::PointName;
use crate::lane;

/// Below this the gap between a lorry and its trailer looks like a free way.
const CLEAR_MIN: Duration = Duration::from_millis(1_500);
/// A reading older than this decides nothing, whatever the interval: an arm moves a metre in that time.
const STALE_MAX: Duration = Duration::from_millis(300);
/// A shorter limit would call a lane PC's own hiccups a failed sensor.
const STALE_MIN: Duration = Duration::from_millis(150);

/// The contacts that steer the arm, as far as its profile has them.
const CONTACTS: &[&str] = &["opened", "closed", "protection", "fault", "emergency_open", "stop_pressed"];

/// Reads [gate].
pub(super) fn gate(table: Placed<GateTable>, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<Gate> {
    let (header, table) = (table.span, table.value);
    let arm = table.arm.as_ref().and_then(|name| {
        let arm = find(&name.value.0, &name.span, devices, on)?;
        arm_is_a_barrier(&name.span, arm, devices, on).then_some(arm)
    });
    if let Some(clear) = table.clear.as_ref().filter(|clear| clear.value.0 < CLEAR_MIN) {
        let message = "the way under the arm counts as clear too soon";
        let label = format!("{}, expected at least 1.5 s", millis(clear.value.0));
        on.faults.add(codes::CLEAR_TOO_SHORT, clear.span.clone(), message, label);
    }
    let sensors = table.sensor.map(|list| sensors(list.value, &header, devices, on));
    if let Some(arm) = arm {
        devices[arm].used = true;
        contacts_are_fast(&devices[arm], on);
    }
    for device in devices.iter().filter(|device| device.used) {
        in_time(device, devices, on);
    }
    let sensors: Vec<Sensor> = sensors??;
    let slowest =
        sensors.iter().map(|sensor| sensor.device).chain(arm).filter_map(|at| worst_poll(&devices[at], devices));
    let stale = (slowest.max()? * 3).clamp(STALE_MIN, STALE_MAX);
    Some(Gate {
        arm: arm?,
        travel: table.travel?.value.0,
        clear: table.clear?.value.0,
        identify: table.identify?.value.0,
        leave: table.leave?.value.0,
        gone: table.gone?.value.0,
        stale,
        sensors,
    })
}

fn arm_is_a_barrier(span: &Range<usize>, arm: usize, devices: &[Draft], on: &mut Settling<'_>) -> bool {
    let Some(kind) = &devices[arm].kind else { return false };
    let barrier = kind.value == DeviceKind::Barrier;
    if !barrier {
        let message = format!("the gate's arm is not a barrier but a device of kind `{}`", kind.value.word());
        on.faults
            .add(codes::WRONG_KIND, span.clone(), message, "expected a device of kind `barrier`")
            .aside(kind.span.clone(), "its kind");
    }
    barrier
}

/// Reads the sensors; `None` where one of them is not whole.
fn sensors(
    tables: Vec<Placed<SensorTable>>,
    header: &Range<usize>,
    devices: &mut [Draft],
    on: &mut Settling<'_>,
) -> Option<Vec<Sensor>> {
    let points = tables.iter().filter_map(|table| table.value.point.as_ref());
    let named = points.map(|at| (format!("{}.{}", at.value.device, at.value.point), at));
    twice(named, codes::POINT_TWICE, on.faults, |point| format!("two sensors read `{point}`"));
    one_input_by_two_names(&tables, devices, on);
    let names = tables.iter().filter_map(|table| table.value.name.as_ref());
    twice(names.map(|at| (at.value.0.to_string(), at)), codes::DUPLICATE, on.faults, |name| {
        format!("two sensors are called `{name}`")
    });
    if tables.iter().all(|table| table.value.place.is_some()) {
        places(&tables, header, on);
    }
    tables.into_iter().map(|table| sensor(table.value, devices, on)).collect::<Vec<_>>().into_iter().collect()
}

/// A profile may give one input two names; as two sensors they would be one witness that is believed twice.
fn one_input_by_two_names(tables: &[Placed<SensorTable>], devices: &[Draft], on: &mut Settling<'_>) {
    let mut names = BTreeSet::new();
    let fresh = tables.iter().filter_map(|table| table.value.point.as_ref());
    let fresh = fresh.filter(|at| names.insert((at.value.device.clone(), at.value.point.clone())));
    let inputs: Vec<_> = fresh.filter_map(|at| Some((input(&at.value, devices)?, at))).collect();
    twice(inputs.into_iter(), codes::POINT_TWICE, on.faults, |input| {
        format!("two sensors read {input} under two names")
    });
}

/// The place of an input on its module.
fn input(name: &PointName, devices: &[Draft]) -> Option<String> {
    let device = devices.iter().find(|draft| draft.id.as_ref().is_some_and(|id| id.value.as_str() == name.device))?;
    let point = device.profile.as_ref()?.value.point(&name.point)?;
    let Some(register) = point.register() else { return Some(format!("`{}` of `{}`", point.name, name.device)) };
    let bit = match register.truth {
        Some(Truth::Bit(bit)) => format!(" bit {bit}"),
        Some(Truth::Equals { mask, .. }) => format!(" mask {mask:#x}"),
        None => String::new(),
    };
    Some(format!("{} {}{bit} of `{}`", register.table.word(), register.address, name.device))
}

/// Whether there is a sensor wherever one is needed.
fn places(tables: &[Placed<SensorTable>], header: &Range<usize>, on: &mut Settling<'_>) {
    let is = |table: &SensorTable, place: Place| table.place.as_ref().is_some_and(|at| at.value == place);
    let any = |place: Place| tables.iter().any(|table| is(&table.value, place));
    let mut wrong = |code, message: &str, label: &str, help: &str| {
        on.faults.add(code, header.clone(), message, label).help(help);
    };
    if !any(Place::Approach) {
        let help = "add a [[gate.sensor]] with place = \"approach\", wholly outside of the arm's sweep";
        wrong(
            codes::NO_APPROACH,
            "no sensor notices a subject before the arm",
            "expected a sensor at the approach",
            help,
        );
    }
    if !any(Place::Under) {
        let help = "add a [[gate.sensor]] with place = \"under\" for the loop or photocell under the arm";
        wrong(codes::UNGUARDED, "nothing guards the arm", "expected a sensor under it", help);
        return;
    }
    let proving = |table: &SensorTable| !is(table, Place::Approach) && table.proves.as_ref().is_some_and(|at| at.value);
    let known = tables.iter().all(|table| table.value.proves.is_some());
    if known && !tables.iter().any(|table| proving(&table.value)) {
        let help = "add `proves = true` to the sensor under the arm that every subject crosses";
        wrong(
            codes::NO_PROOF,
            "no sensor that guards the arm has to prove itself",
            "a stuck one would not be found",
            help,
        );
    }
}

fn sensor(table: SensorTable, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<Sensor> {
    let at = table.point?;
    let device = find(&at.value.device, &at.span, devices, on)?;
    devices[device].used = true;
    let point = sensing(&at, &devices[device], on)?;
    let place = match table.place?.value {
        Place::Approach => lane::Place::Approach,
        Place::Under => lane::Place::Under,
        Place::Beyond => lane::Place::Beyond,
    };
    Some(Sensor {
        device,
        point: shared(point),
        sensor: lane::Sensor { name: table.name?.value.0, place, proves: table.proves?.value },
    })
}

/// The point, if it is one that can say whether something stands there.
fn sensing(at: &Placed<PointName>, device: &Draft, on: &mut Settling<'_>) -> Option<Arc<str>> {
    let PointName { device: id, point: name } = &at.value;
    let kind = device.kind.as_ref()?;
    if matches!(kind.value, DeviceKind::Xray | DeviceKind::Camera) {
        let message = format!("`{id}` has no points");
        let what = if kind.value == DeviceKind::Xray { "an X-ray machine" } else { "a camera" };
        let label = format!("{what} gives pictures, expected an input");
        on.faults.add(codes::NO_SENSOR_POINT, at.span.clone(), message, label);
        return None;
    }
    let profile = &device.profile.as_ref()?.value;
    let inputs = || {
        profile.points.iter().filter(|point| senses(point) && (is_spare(&point.name) || kind.value == DeviceKind::Io))
    };
    let Some(point) = profile.point(name) else {
        let label = format!("not a point of profile `{}`", profile.name);
        on.faults
            .add(codes::UNKNOWN_POINT, at.span.clone(), format!("device `{id}` has no point `{name}`"), label)
            .nearest(name, inputs().map(|point| &*point.name));
        return None;
    };
    let label = if point.writable() {
        "it is an output, expected an input"
    } else if !senses(point) {
        "it is not a bool that is read"
    } else if kind.value == DeviceKind::Barrier && !is_spare(name) {
        "it is a contact of the arm itself"
    } else if point.poll != PollClass::Fast {
        let label = format!("profile `{}` does not read it in its fast class", profile.name);
        on.faults.add(
            codes::TOO_SLOW,
            at.span.clone(),
            format!("`{id}.{name}` is read too seldom to guard the arm"),
            label,
        );
        return None;
    } else {
        return Some(point.name.clone());
    };
    let free: Vec<&str> = inputs().map(|point| &*point.name).collect();
    on.faults
        .add(codes::NO_SENSOR_POINT, at.span.clone(), format!("`{id}.{name}` cannot sense presence"), label)
        .help(format!("inputs of `{id}` are {}", list(free)));
    None
}

fn senses(point: &Point) -> bool {
    point.shape() == Shape::Bool && point.readable() && !point.writable()
}

fn contacts_are_fast(arm: &Draft, on: &mut Settling<'_>) {
    let Some(profile) = &arm.profile else { return };
    let points = CONTACTS.iter().filter_map(|name| profile.value.point(name));
    let slow: Vec<&str> = points.filter(|point| point.poll != PollClass::Fast).map(|point| &*point.name).collect();
    if !slow.is_empty() {
        let message = format!("the arm's contacts {} are read too seldom", list(slow));
        let label = "its profile does not read them in its fast class";
        let help = "give them `poll = \"fast\"` in the profile";
        on.faults.add(codes::TOO_SLOW, profile.span.clone(), message, label).help(help);
    }
}

/// Promise 5: a close is withdrawn within one input poll and 50 ms, 150 ms at most. Every device of the gate is
/// asked, the approach's too: what is read more seldom would be stale to the lane before it is read again.
fn in_time(device: &Draft, devices: &[Draft], on: &mut Settling<'_>) {
    let (Some(poll), Some(withdrawal)) = (worst_poll(device, devices), withdrawal(device, devices)) else { return };
    let (Some(id), Some(interval)) = (&device.id, &device.interval) else { return };
    let reaction = poll + withdrawal;
    if reaction <= REACTION_MAX {
        return;
    }
    let message = format!("the arm would be stopped too late: `{}` is read only every {}", id.value, millis(poll));
    let (parts, most) = (format!("{} + {}", millis(poll), millis(withdrawal)), millis(REACTION_MAX));
    let label = format!("{parts} = {}, expected at most {most}", millis(reaction));
    if interval.value == poll {
        on.faults
            .add(codes::TOO_SLOW, interval.span.clone(), message, label)
            .help("set `interval = \"100 ms\"` or shorter");
    } else {
        on.faults.add(codes::TOO_SLOW, id.span.clone(), message, label).help(
            "the devices on its link take that long together: move the others to a link of their own, and set a \
                 serial bus to a higher `baud`",
        );
    }
}

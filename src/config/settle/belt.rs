//! The belt: whether its light barriers and ways make sense, and whether a diverter can turn in time.

use std::ops::Range;
use std::time::Duration;

use portside_devices::profile::PollClass;

use super::device::{Draft, find, worst_poll};
use super::gate::sensing;
use super::{Settling, shared, twice};
use crate::config::checked::{Belt, BeltDiverter, BeltSensor};
use crate::config::choice::{BeltPlace, Decide, DeviceKind};
use crate::config::codes;
use crate::config::cost::millis;
use crate::config::faults::{Placed, list};
use crate::config::file::{BeltSensorTable, BeltTable, DeviceName};
use crate::lane::belt::{ImageRule, Sensor, Spot};

/// A light barrier that is read more seldom sees a bag too late to stop it.
const POLL_MAX: Duration = Duration::from_millis(150);
/// Beyond its own travel, the diverter waits this long for disk and link.
const TURN_MARGIN: Duration = Duration::from_millis(500);
/// A belt runs on for about this long after a start or stop that was not seen yet.
const SLIP: Duration = Duration::from_millis(300);
const STALE_MIN: Duration = Duration::from_millis(500);

/// Reads [belt].
pub(super) fn belt(table: Placed<BeltTable>, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<Belt> {
    let (header, table) = (table.span, table.value);
    let drive = table.drive.as_ref().and_then(|name| drive(name, devices, on));
    let enclosed = table.enclosed.as_ref()?.value;
    let decision = table.decision.clone();
    let diverter = diverter(&table, &header, devices, on);
    let places = [
        table.scan.as_ref().map(|way| (way.value.0 * 1_000.0, way.span.clone())),
        table.stop_at.as_ref().map(|way| (way.value.0 * 1_000.0, way.span.clone())),
        table.exit.as_ref().map(|way| (way.value.0 * 1_000.0, way.span.clone())),
    ];
    if let [Some((scan, _)), Some((stop, at)), Some((exit, end))] = &places {
        if stop <= scan {
            order(at, "the decision does not come after the scan", on);
        } else if exit <= stop {
            order(end, "the exit does not come after the decision", on);
        }
    }
    let list = table.sensor.as_ref().map_or(&[][..], |list| &list.value);
    where_needed(list, &header, enclosed, on);
    let sensors: Option<Vec<BeltSensor>> =
        table.sensor.map(|list| list.value)?.into_iter().map(|table| sensor(table.value, devices, on)).collect();
    let (drive, sensors, decision) = (drive?, sensors?, decision?);
    let slowest = sensors.iter().map(|sensor| sensor.device).chain([drive]);
    let poll = slowest.filter_map(|at| worst_poll(&devices[at], devices)).max()?;
    let speed = table.speed?.value.0 * 1_000.0;
    if poll > POLL_MAX {
        let message = format!("the belt is read only every {}", millis(poll));
        let label = format!("expected at most {} from one reading to the next", millis(POLL_MAX));
        on.faults
            .add(codes::TOO_SLOW, header.clone(), message, label)
            .help("set `interval = \"50 ms\"` for its devices");
    }
    let mm = |metres: f64| metres * 1_000.0;
    let [scan, stop_at, exit] = places.map(|place| place.map(|(mm, _)| mm));
    let exit = exit?;
    let slip = speed * (poll + SLIP).as_secs_f64();
    let diverter = match decision.value {
        Decide::Stop => None,
        Decide::Divert => Some(in_time(diverter?, speed, poll, &decision.span, on)?),
    };
    Some(Belt {
        drive,
        diverter,
        places_mm: [scan?, stop_at?, exit, table.examine.map_or(exit, |way| mm(way.value.0))],
        speed,
        tolerance: table.tolerance?.value.0,
        slack_mm: speed * (2 * poll).as_secs_f64() + 10.0,
        slip_mm: slip,
        gap_mm: mm(table.gap?.value.0),
        noise_mm: mm(table.dust?.value.0),
        length_max_mm: mm(table.longest?.value.0),
        images: ImageRule {
            source_mm: mm(table.source?.value.0),
            min: table.picture_after?.value.0,
            max: table.picture_within?.value.0,
            late: table.picture_late?.value.0,
            step: table.file_times?.value.0,
            count: table.pictures?.value.0,
            cut_mm: mm(table.cut?.value.0),
        },
        stale: (poll * 4).max(STALE_MIN),
        stop_within: table.stops_within?.value.0,
        sensors,
    })
}

fn order(span: &Range<usize>, message: &str, on: &mut Settling<'_>) {
    let label = "expected scan < stop_at < exit, each from the entry sensor";
    on.faults.add(codes::CLASH, span.clone(), message, label);
}

/// What drives the belt can be told to stop, and forgets it again by itself.
fn drive(name: &Placed<DeviceName>, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<usize> {
    let found = find(&name.value.0, &name.span, devices, on)?;
    devices[found].used = true;
    let kind = devices[found].kind.as_ref()?;
    if !matches!(kind.value, DeviceKind::Xray | DeviceKind::Belt) {
        let message = format!("the belt is driven by a device of kind `{}`", kind.value.word());
        on.faults
            .add(codes::WRONG_KIND, name.span.clone(), message, "expected a device of kind `xray` or `belt`")
            .aside(kind.span.clone(), "its kind");
        return None;
    }
    let Some(profile) = &devices[found].profile else {
        let message = format!("`{}` has no control points: nobody could tell whether the belt runs", name.value.0);
        let label = "expected a device with a `profile` and a modbus:// address";
        on.faults.add(codes::NO_BELT_STOP, name.span.clone(), message, label);
        return None;
    };
    let stop = profile.value.point("belt_stop");
    if stop.is_none_or(|point| point.pulse.is_none()) {
        let message = format!("`{}` cannot stop the belt", name.value.0);
        let label = "expected a profile with the output `belt_stop`, with a `pulse`";
        on.faults
            .add(codes::NO_BELT_STOP, name.span.clone(), message, label)
            .aside(profile.span.clone(), "its profile");
        return None;
    }
    Some(found)
}

fn diverter(
    table: &BeltTable,
    header: &Range<usize>,
    devices: &mut [Draft],
    on: &mut Settling<'_>,
) -> Option<BeltDiverter> {
    let decision = table.decision.as_ref()?;
    let given: Vec<(&str, Option<Range<usize>>)> = vec![
        ("diverter", table.diverter.as_ref().map(|key| key.span.clone())),
        ("lead", table.lead.as_ref().map(|key| key.span.clone())),
        ("blade", table.blade.as_ref().map(|key| key.span.clone())),
        ("travel", table.travel.as_ref().map(|key| key.span.clone())),
    ];
    for (key, span) in given {
        match (decision.value, span) {
            (Decide::Divert, None) => {
                let message = format!("a belt with decision = \"divert\" has no `{key}`");
                on.faults.add(codes::MISSING, header.clone(), message, format!("`{key}` is required"));
            }
            (Decide::Stop, Some(span)) => {
                let message = format!("a belt with decision = \"stop\" has a `{key}`");
                on.faults
                    .add(codes::CLASH, span, message, "nothing is diverted")
                    .aside(decision.span.clone(), "the decision");
            }
            (Decide::Divert, Some(_)) | (Decide::Stop, None) => {}
        }
    }
    let name = table.diverter.as_ref()?;
    let device = find(&name.value.0, &name.span, devices, on)?;
    devices[device].used = true;
    let kind = devices[device].kind.as_ref()?;
    if kind.value != DeviceKind::Diverter {
        let message = format!("the diverter is a device of kind `{}`", kind.value.word());
        on.faults
            .add(codes::WRONG_KIND, name.span.clone(), message, "expected a device of kind `diverter`")
            .aside(kind.span.clone(), "its kind");
        return None;
    }
    Some(BeltDiverter {
        device,
        lead_mm: table.lead.as_ref()?.value.0 * 1_000.0,
        blade_mm: table.blade.as_ref()?.value.0 * 1_000.0,
        travel: table.travel.as_ref()?.value.0,
    })
}

/// A subject must not be at the diverter before the diverter is where it should be.
fn in_time(
    diverter: BeltDiverter,
    speed: f64,
    poll: Duration,
    span: &Range<usize>,
    on: &mut Settling<'_>,
) -> Option<BeltDiverter> {
    let needs = diverter.travel + poll + TURN_MARGIN;
    let has = Duration::from_secs_f64(diverter.lead_mm / speed);
    if has < needs {
        let message = "the diverter would turn too late";
        let label = format!("{} from the decision to the diverter, it needs {}", millis(has), millis(needs));
        on.faults
            .add(codes::DIVERTER_LATE, span.clone(), message, label)
            .help("set the decision sensor further ahead and `lead` to its distance, or let the belt run slower");
        return None;
    }
    Some(diverter)
}

/// Whether there is a light barrier wherever one is needed, and only one.
fn where_needed(tables: &[Placed<BeltSensorTable>], header: &Range<usize>, enclosed: bool, on: &mut Settling<'_>) {
    let points = tables.iter().filter_map(|table| table.value.point.as_ref());
    let named = points.map(|at| (format!("{}.{}", at.value.device, at.value.point), at));
    twice(named, codes::POINT_TWICE, on.faults, |point| format!("two sensors read `{point}`"));
    let places = tables.iter().filter_map(|table| table.value.place.as_ref());
    let single = places.clone().filter(|place| place.value != BeltPlace::Reach);
    twice(single.map(|at| (at.value.word().to_owned(), at)), codes::DUPLICATE, on.faults, |place| {
        format!("two sensors are at `{place}`")
    });
    if tables.iter().any(|table| table.value.place.is_none()) {
        return;
    }
    let any = |wanted: BeltPlace| places.clone().any(|place| place.value == wanted);
    let missing: Vec<&str> = [BeltPlace::Entry, BeltPlace::Scan, BeltPlace::Decision, BeltPlace::Exit]
        .into_iter()
        .filter(|place| !any(*place))
        .map(BeltPlace::word)
        .collect();
    if !missing.is_empty() {
        let message = format!("no light barrier at {}", list(missing));
        on.faults
            .add(codes::NO_BARRIER, header.clone(), message, "expected one at entry, scan, decision and exit")
            .help("add a [[belt.sensor]] for each");
    }
    if !enclosed && !any(BeltPlace::Reach) {
        let message = "bags could be exchanged behind the scan, and nobody would see it";
        on.faults
            .add(codes::OPEN_BELT, header.clone(), message, "expected `enclosed = true` or a sensor at \"reach\"")
            .help("cover the belt from the tunnel to the decision, or guard it with a light curtain");
    }
}

fn sensor(table: BeltSensorTable, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<BeltSensor> {
    let at = table.point?;
    let device = find(&at.value.device, &at.span, devices, on)?;
    devices[device].used = true;
    let point = sensing(&at, &devices[device], on)?;
    let fast = devices[device].profile.as_ref().and_then(|profile| profile.value.point(&point));
    if fast.is_none_or(|point| point.poll != PollClass::Fast) {
        return None; // said by `sensing`
    }
    let spot = match table.place?.value {
        BeltPlace::Entry => Spot::Entry,
        BeltPlace::Scan => Spot::Scan,
        BeltPlace::Decision => Spot::Decision,
        BeltPlace::Exit => Spot::Exit,
        BeltPlace::Examine => Spot::Examine,
        BeltPlace::Reach => Spot::Reach,
    };
    Some(BeltSensor { device, point: shared(point), sensor: Sensor { name: table.name?.value.0, spot } })
}

//! How temperatures are measured, and by whom they are confirmed.

use std::ops::{Range, RangeInclusive};

use portside_devices::profile::Profile;

use super::device::{Draft, find};
use super::{AgencyDraft, Settling, shared};
use crate::config::choice::DeviceKind;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::{DAY, MINUTE, TemperatureTable};
use crate::config::measure::Count;
use crate::config::quantity::{Span, duration};
use crate::lane::temperature::{Gauge, Health, Rules};
use crate::thermal::population;

/// Of those who passed, the latest so many count at most.
const MOST: usize = 500;

/// Reads [temperature].
pub(super) fn temperature(
    table: Placed<TemperatureTable>,
    agencies: Option<&[AgencyDraft]>,
    devices: &mut [Draft],
    on: &mut Settling<'_>,
) -> Option<Rules> {
    let (header, table) = (table.span, table.value);
    let device = table.device.as_ref().and_then(|name| thermometer(&name.value.0, &name.span, devices, on));
    let agency = table.agency.as_ref().and_then(|name| {
        let agencies = agencies?;
        super::station::agency(name, "temperatures confirmed by", agencies, on)?;
        Some(shared(name.value.0.as_str()))
    });
    let plausible = range(bare(table.lowest), bare(table.highest), on).flatten();
    let outside = |limit: f64| plausible.as_ref().is_some_and(|range| limit <= *range.start() || limit >= *range.end());
    if let (Some(elevated), Some(plausible)) =
        (table.elevated.as_ref().filter(|limit| outside(limit.value.0)), &plausible)
    {
        let label = format!("expected more than {} °C and less than {} °C", plausible.start(), plausible.end());
        let message = "the limit lies outside of what counts as a person's temperature";
        on.faults.add(codes::CLASH, elevated.span.clone(), message, label);
    }
    let profile = device.and_then(|device| devices[device].profile.as_ref()).map(|profile| profile.value.clone());
    let has = |name: &str| profile.as_ref().is_none_or(|profile| profile.point(name).is_some());
    for (point, given) in [
        ("ambient", table.ambient_min.as_ref().map(|at| &at.span).or(table.ambient_max.as_ref().map(|at| &at.span))),
        ("distance", table.distance_min.as_ref().map(|at| &at.span).or(table.distance_max.as_ref().map(|at| &at.span))),
    ] {
        if let Some(span) = given.filter(|_| !has(point)) {
            let message = format!("the thermometer does not tell `{point}`");
            let label = "a bound on what is not measured would make every result invalid";
            on.faults.add(codes::CLASH, span.clone(), message, label).help("remove it, or choose another model");
        }
    }
    let ambient = range(bare(table.ambient_min), bare(table.ambient_max), on);
    let distance = range(bare(table.distance_min), bare(table.distance_max), on);
    if let (Some(device), Some(repeats), Some(within)) = (device, &table.repeats, &table.within) {
        in_time(&devices[device], repeats, within.value.0, &header, on);
    }
    let profile = profile?;
    Some(Rules {
        device: shared(devices[device?].id.as_ref()?.value.as_str()),
        agency: agency?,
        required: table.required?.value,
        elevated: table.elevated?.value.0,
        relative: match table.relative {
            Some(deviations) => Some(relative(deviations.value.0, table.relative_people?, table.relative_within?)),
            None => None,
        },
        plausible: plausible?,
        ambient: ambient?,
        distance: distance?,
        repeats: table.repeats?.value.0,
        spread: table.spread?.value.0,
        within: table.within?.value.0,
        vouches: vouches(&profile),
        health: if table.seal?.value { Health::Sealed } else { Health::Shared },
    })
}

/// A whole number of deviations is exact in any of these.
#[allow(clippy::cast_precision_loss)]
fn relative(deviations: usize, people: Placed<Count<10, 500>>, within: Placed<Span<MINUTE, DAY>>) -> population::Rules {
    let least = people.value.0;
    population::Rules { deviations: deviations as f64, least, most: MOST.max(least), within: within.value.0 }
}

fn bare<T: Into<f64>>(placed: Option<Placed<T>>) -> Option<Placed<f64>> {
    placed.map(|placed| Placed::new(placed.value.into(), placed.span))
}

fn vouches(profile: &Profile) -> Vec<Gauge> {
    let gauges = [("valid", Gauge::Valid), ("fault", Gauge::Fault)];
    gauges.into_iter().filter(|(name, _)| profile.point(name).is_some()).map(|(_, gauge)| gauge).collect()
}

fn thermometer(name: &str, span: &Range<usize>, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<usize> {
    let found = find(name, span, devices, on)?;
    devices[found].used = true;
    let kind = devices[found].kind.as_ref()?;
    if kind.value != DeviceKind::Thermometer {
        let message = format!("temperatures cannot be measured by a device of kind `{}`", kind.value.word());
        on.faults
            .add(codes::WRONG_KIND, span.clone(), message, "expected a device of kind `thermometer`")
            .aside(kind.span.clone(), "its kind");
        return None;
    }
    Some(found)
}

/// Two bounds or none. The outer `None`: a fault has been said.
fn range(
    low: Option<Placed<f64>>,
    high: Option<Placed<f64>>,
    on: &mut Settling<'_>,
) -> Option<Option<RangeInclusive<f64>>> {
    match (low, high) {
        (None, None) => Some(None),
        (Some(low), Some(high)) if low.value < high.value => Some(Some(low.value..=high.value)),
        (Some(low), Some(high)) => {
            let message = "nothing lies between these bounds";
            on.faults
                .add(codes::CLASH, high.span, message, format!("expected more than {}", low.value))
                .aside(low.span, "the lower bound");
            None
        }
        (Some(one), None) | (None, Some(one)) => {
            let message = "one bound is given and the other is not";
            on.faults.add(codes::CLASH, one.span, message, "expected both a lowest and a highest value");
            None
        }
    }
}

/// A series that cannot be complete in its time would make every result invalid.
fn in_time(
    device: &Draft,
    repeats: &Placed<crate::config::measure::Count<1, 20>>,
    within: std::time::Duration,
    header: &Range<usize>,
    on: &mut Settling<'_>,
) {
    let (Some(interval), Some(profile)) = (&device.interval, &device.profile) else { return };
    let Some(point) = profile.value.point("temperature") else { return };
    let each = crate::config::interval_of(point.poll, interval.value);
    let need = each * u32::try_from(repeats.value.0).unwrap_or(u32::MAX);
    if need > within {
        let millis = |time: std::time::Duration| duration(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let message = "a series cannot be complete in its time";
        let label = format!("{} readings take {}, `within` is {}", repeats.value.0, millis(need), millis(within));
        on.faults
            .add(codes::CLASH, repeats.span.clone(), message, label)
            .aside(header.clone(), "in this section")
            .help("read the thermometer more often, ask for fewer readings, or lengthen `within`");
    }
}

//! The station and its desks.

use std::ops::Range;

use super::device::{Draft, find};
use super::{AgencyDraft, Settling, empty, twice};
use crate::config::checked::{Desk, Station};
use crate::config::choice::{DeviceKind, Role};
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::{AgencyName, DeskTable, StationTable};
use crate::lane::DeskRole;

/// Reads the one station of the lane.
pub(super) fn station(
    tables: Placed<Vec<Placed<StationTable>>>,
    agencies: Option<&[AgencyDraft]>,
    devices: &mut [Draft],
    on: &mut Settling<'_>,
) -> Option<Station> {
    let mut list = tables.value.into_iter();
    let Some(first) = list.next() else {
        empty(tables.span, "station", on);
        return None;
    };
    for other in list {
        let message = "a second station is not in this version";
        on.faults
            .add(codes::NOT_HERE, other.span, message, "expected one [[station]]")
            .aside(first.span.clone(), "the first");
    }
    let (header, table) = (first.span, first.value);
    let xray = table.xray.as_ref().map(|name| xray(&name.value.0, &name.span, devices, on));
    let desks = table.desks.map(|desks| desk_list(desks, &header, agencies, on));
    Some(Station {
        id: table.id?.value,
        xray: match xray {
            Some(xray) => Some(xray?),
            None => None,
        },
        picture: table.picture?.value.0,
        desks: desks??,
    })
}

fn xray(name: &str, span: &Range<usize>, devices: &mut [Draft], on: &mut Settling<'_>) -> Option<usize> {
    let found = find(name, span, devices, on)?;
    devices[found].used = true;
    let kind = devices[found].kind.as_ref()?;
    if kind.value != DeviceKind::Xray {
        let message = format!("the station's X-ray machine is a device of kind `{}`", kind.value.word());
        on.faults
            .add(codes::WRONG_KIND, span.clone(), message, "expected a device of kind `xray`")
            .aside(kind.span.clone(), "its kind");
        return None;
    }
    Some(found)
}

fn desk_list(
    tables: Placed<Vec<Placed<DeskTable>>>,
    header: &Range<usize>,
    agencies: Option<&[AgencyDraft]>,
    on: &mut Settling<'_>,
) -> Option<Vec<Desk>> {
    let named = tables.value.iter().filter_map(|desk| desk.value.agency.as_ref());
    twice(named.map(|at| (at.value.0.clone(), at)), codes::DESK_TWICE, on.faults, |agency| {
        format!("agency `{agency}` has two desks")
    });
    let roles: Vec<Option<Role>> = tables.value.iter().map(|desk| Some(desk.value.role.as_ref()?.value)).collect();
    if roles.iter().all(|role| *role == Some(Role::Advisory)) {
        let label = "expected at least one desk with role \"required\"";
        on.faults
            .add(codes::NO_REQUIRED_DESK, tables.span.clone(), "no desk's verdict is required for a release", label)
            .aside(header.clone(), "at this station");
    }
    let agencies = agencies?;
    let desks: Vec<Option<Desk>> = tables.value.iter().map(|table| desk(&table.value, agencies, on)).collect();
    let desks: Vec<Desk> = desks.into_iter().collect::<Option<_>>()?;
    idle(agencies, &desks, on);
    Some(desks)
}

fn desk(table: &DeskTable, agencies: &[AgencyDraft], on: &mut Settling<'_>) -> Option<Desk> {
    let found = table.agency.as_ref().and_then(|name| agency(name, "desk of", agencies, on));
    let role = match table.role.as_ref()?.value {
        Role::Required => DeskRole::Required,
        Role::Advisory => DeskRole::Advisory,
    };
    Some(Desk { agency: found?, role })
}

/// Finds an agency by its id; `what` is how a fault begins: "desk of" an unknown agency.
pub(super) fn agency(
    name: &Placed<AgencyName>,
    what: &str,
    agencies: &[AgencyDraft],
    on: &mut Settling<'_>,
) -> Option<usize> {
    let ids = || agencies.iter().filter_map(|(id, _)| id.as_ref()).map(|id| id.value.as_str());
    let found = agencies.iter().position(|(id, _)| id.as_ref().is_some_and(|id| id.value.as_str() == name.value.0));
    if found.is_none() && agencies.iter().all(|(id, _)| id.is_some()) {
        let message = format!("{what} an unknown agency `{}`", name.value.0);
        on.faults
            .add(codes::UNKNOWN_AGENCY, name.span.clone(), message, "no [[agency]] has this id")
            .nearest(&name.value.0, ids());
    }
    found
}

fn idle(agencies: &[AgencyDraft], desks: &[Desk], on: &mut Settling<'_>) {
    for (index, (id, _)) in agencies.iter().enumerate() {
        let Some(id) = id.as_ref().filter(|_| desks.iter().all(|desk| desk.agency != index)) else { continue };
        let message = format!("agency `{}` has no desk", id.value);
        on.faults.add(codes::IDLE_AGENCY, id.span.clone(), message, "it can hold, but is never asked for a verdict");
    }
}

//! Judges what the sections of a lane file say of each other, and turns them into a [`Config`].

mod belt;
mod bus;
mod camera;
mod device;
mod gate;
mod line;
mod lines;
mod radiation;
mod screens;
mod station;
mod temperature;
mod uplink;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::checked::{Agency, Config, Device, Lane, Review, Station, Store, Way};
use super::choice::Traffic;
use super::codes::{self, Code};
use super::faults::{Faults, Placed};
use super::file::{AgencyTable, BeltTable, GateTable, LaneFile, LaneTable, ReviewTable, StoreTable};
use super::profiles::Profiles;
use super::value::Id;

/// What the judges share.
pub(super) struct Settling<'a> {
    pub(super) faults: &'a mut Faults,
    pub(super) profiles: &'a mut Profiles,
    /// The lane file's folder, from which relative paths count.
    pub(super) base: &'a Path,
}

impl Settling<'_> {
    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }
}

/// The whole file. `None` wherever a part is missing; each fault has been said by then.
pub(super) fn settle(file: LaneFile, hash: &str, on: &mut Settling<'_>) -> Option<Config> {
    let buses = bus::buses(file.bus.as_ref().map(|buses| &buses.value), on);
    let agencies = file.agency.map(|agencies| agency_list(agencies, on));
    if let Some(list) = file.device.as_ref().filter(|list| list.value.is_empty()) {
        empty(list.span.clone(), "device", on);
    }
    let mut devices = device::drafts(file.device.map(|list| list.value).unwrap_or_default(), buses, on);
    let traffic = file.lane.as_ref().and_then(|lane| lane.value.traffic.as_ref());
    let way = way(traffic, file.gate, file.belt, file.lane.as_ref().map(|lane| &lane.span), &mut devices, on);
    let station = file.station.and_then(|list| station::station(list, agencies.as_deref(), &mut devices, on));
    let temperature =
        file.temperature.map(|table| temperature::temperature(table, agencies.as_deref(), &mut devices, on));
    let radiation =
        file.radiation.map(|table| radiation::radiation(table, agencies.as_deref(), way.as_ref(), &mut devices, on));
    device::unused(&devices, on);
    device::loads(&devices, on);
    let lane = file.lane.and_then(|table| lane(table, on));
    let uplink = file.uplink.map(|table| uplink::uplink(table.value, lane.as_ref(), on));
    let screens = file.screens.map(|table| screens::screens(table.value, on));
    let store = file.store.and_then(|table| store(table.value, on));
    let review = file.review.and_then(|table| review(&table.value));
    let agencies: Option<Vec<Agency>> = agencies.and_then(|list| list.into_iter().map(|(_, agency)| agency).collect());
    let (devices, links) = device::finish(devices)?;
    Some(Config {
        lane: lane?,
        agencies: agencies?,
        store: store?,
        uplink: match uplink {
            Some(uplink) => Some(uplink?),
            None => None,
        },
        screens: match screens {
            Some(screens) => Some(screens?),
            None => None,
        },
        links,
        way: as_its_pictures_come(way?, station.as_ref()?, &devices),
        devices,
        station: station?,
        review: review?,
        temperature: match temperature {
            Some(rules) => Some(rules?),
            None => None,
        },
        radiation: match radiation {
            Some(rules) => Some(rules?),
            None => None,
        },
        hash: hash.into(),
    })
}

/// A picture that is made of lines is there as soon as its subject has left the beam: nothing has to be waited for that
/// a machine would do before it writes a file.
fn as_its_pictures_come(mut way: Way, station: &Station, devices: &[Device]) -> Way {
    let lines = station.xray.is_some_and(|xray| devices[xray].lines().is_some());
    match &mut way {
        Way::Belt(belt) if lines => belt.images.min = Duration::ZERO,
        Way::Belt(_) | Way::Gate(_) => {}
    }
    way
}

/// The gate of a lane for vehicles, or the belt of one for baggage or parcels.
fn way(
    traffic: Option<&Placed<Traffic>>,
    gate: Option<Placed<GateTable>>,
    belt: Option<Placed<BeltTable>>,
    lane: Option<&std::ops::Range<usize>>,
    devices: &mut [device::Draft],
    on: &mut Settling<'_>,
) -> Option<Way> {
    let rides = traffic.is_some_and(|traffic| matches!(traffic.value, Traffic::Baggage | Traffic::Parcel));
    let extra = if rides { gate.as_ref().map(|at| &at.span) } else { belt.as_ref().map(|at| &at.span) };
    if let (Some(extra), Some(traffic)) = (extra, traffic) {
        let (has, needs) = if rides { ("[gate]", "[belt]") } else { ("[belt]", "[gate]") };
        let message = format!("a lane for traffic `{}` has a {has}", traffic.value.word());
        on.faults
            .add(codes::CLASH, extra.clone(), message, format!("expected a {needs} instead"))
            .aside(traffic.span.clone(), "the traffic");
    }
    let belt = if rides || gate.is_none() { belt } else { None };
    match (belt, gate) {
        (Some(belt), _) => belt::belt(belt, devices, on).map(Way::Belt),
        (None, Some(gate)) if !rides => gate::gate(gate, devices, on).map(Way::Gate),
        (None, gate) => {
            if gate.is_none() {
                let needs = if rides { "belt" } else { "gate" };
                on.faults
                    .add(
                        codes::MISSING,
                        lane.map_or(0..0, Clone::clone),
                        format!("the lane file has no [{needs}]"),
                        format!("[{needs}] is required"),
                    )
                    .help(format!(
                        "`portside init {}` writes one to compare with",
                        if rides { "baggage" } else { "gate" }
                    ));
            }
            None
        }
    }
}

fn lane(table: Placed<LaneTable>, on: &mut Settling<'_>) -> Option<Lane> {
    let table = table.value;
    if let Some(traffic) = &table.traffic {
        match traffic.value {
            Traffic::Vehicle | Traffic::Baggage | Traffic::Parcel => {}
            Traffic::Person => {
                let message = format!("lanes for traffic `{}` are not in this version", traffic.value.word());
                on.faults.add(
                    codes::NOT_HERE,
                    traffic.span.clone(),
                    message,
                    "expected \"vehicle\", \"baggage\" or \"parcel\"",
                );
            }
        }
    }
    Some(Lane {
        port: table.port?.value,
        id: table.id?.value,
        name: table.name?.value.0,
        traffic: table.traffic?.value,
        direction: table.direction?.value,
        mode: table.mode?.value,
        time_zone: table.time_zone?.value.0,
    })
}

/// An agency whose id is known, with the rest of it where that is sound.
type AgencyDraft = (Option<Placed<Id>>, Option<Agency>);

fn agency_list(tables: Placed<Vec<Placed<AgencyTable>>>, on: &mut Settling<'_>) -> Vec<AgencyDraft> {
    if tables.value.is_empty() {
        empty(tables.span, "agency", on);
    }
    let ids = tables.value.iter().filter_map(|table| table.value.id.as_ref());
    duplicates(ids, "agencies", on.faults);
    tables.value.into_iter().map(|table| agency(table.value, on)).collect()
}

fn agency(table: AgencyTable, on: &mut Settling<'_>) -> AgencyDraft {
    if let Some(keys) = table.seal_to.as_ref().filter(|keys| !keys.value.is_empty()) {
        let message = "sealing for an agency is not in this version";
        on.faults.add(codes::NOT_YET, keys.span.clone(), message, "kept for later; nothing is sealed to these keys");
    }
    let id = table.id.clone();
    let whole = || {
        Some(Agency {
            id: table.id?.value,
            name: table.name?.value.0,
            seal_to: table.seal_to?.value.into_iter().map(|key| key.value).collect(),
        })
    };
    (id, whole())
}

fn store(table: StoreTable, on: &Settling<'_>) -> Option<Store> {
    Some(Store { dir: on.path(&table.dir?.value.0), limit: table.limit?.value.0, keep: table.keep?.value.0 })
}

fn review(table: &ReviewTable) -> Option<Review> {
    Some(Review { blind: table.blind.as_ref()?.value, timeout: table.timeout.as_ref()?.value.0 })
}

/// Faults every id that an earlier one of the same sort has already.
fn duplicates<'a>(ids: impl Iterator<Item = &'a Placed<Id>>, what: &str, faults: &mut Faults) {
    twice(ids.map(|id| (id.value.to_string(), id)), codes::DUPLICATE, faults, |id| {
        format!("two {what} have the id `{id}`")
    });
}

/// Faults every entry whose key an earlier one has already, and points at that one too.
fn twice<'a, T: 'a>(
    entries: impl Iterator<Item = (String, &'a Placed<T>)>,
    code: Code,
    faults: &mut Faults,
    message: impl Fn(&str) -> String,
) {
    let mut seen: BTreeMap<String, &Placed<T>> = BTreeMap::new();
    for (key, entry) in entries {
        match seen.get(&key) {
            Some(first) => {
                faults
                    .add(code, entry.span.clone(), message(&key), "the second")
                    .aside(first.span.clone(), "the first");
            }
            None => drop(seen.insert(key, entry)),
        }
    }
}

/// Faults a list that needs at least one entry.
fn empty(span: std::ops::Range<usize>, key: &str, on: &mut Settling<'_>) {
    let label = format!("expected at least one [[{key}]]");
    on.faults.add(codes::EMPTY, span, format!("the lane file has no [[{key}]]"), label);
}

/// A text as the checked configuration shares it.
fn shared(text: impl Into<Arc<str>>) -> Arc<str> {
    text.into()
}

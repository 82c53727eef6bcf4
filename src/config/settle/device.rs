//! Devices, the buses and connections that they hang on, and what reading them costs.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::profile::Profile;

use super::{Settling, duplicates, shared, twice};
use crate::config::address::{Address, Host};
use crate::config::checked::{Connection, Device, Link, OnModbus};
use crate::config::choice::DeviceKind;
use crate::config::codes;
use crate::config::cost::{Polled, figures, millis};
use crate::config::faults::Placed;
use crate::config::file::{BusTable, DeviceTable, Named, ProfileName};
use crate::config::profiles::Found;
use crate::config::value::Id;

const INTERVAL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(250);

/// A device as far as it could be understood. Faults of one key do not hide those of another.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: Option<Placed<Id>>,
    /// The header.
    pub(super) span: Range<usize>,
    pub(super) kind: Option<Placed<DeviceKind>>,
    name: Option<Arc<str>>,
    reach: Option<Placed<Reach>>,
    /// Where the file names the profile.
    pub(super) profile: Option<Placed<Arc<Profile>>>,
    pub(super) interval: Option<Placed<Duration>>,
    timeout: Option<Duration>,
    /// The gate or the station needs it.
    pub(super) used: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    Tcp {
        host: Host,
        port: u16,
        unit: u8,
    },
    Folder(PathBuf),
    /// Something that was refused: kept to find two devices at one place.
    Refused(String),
}

impl Draft {
    /// The connection that it shares with others of the same host and port.
    fn link(&self) -> Option<(&Host, u16)> {
        match &self.reach.as_ref()?.value {
            Reach::Tcp { host, port, .. } => Some((host, *port)),
            Reach::Folder(_) | Reach::Refused(_) => None,
        }
    }

    /// What polling it costs; `None` while that cannot be known.
    fn polled(&self) -> Option<Polled<'_>> {
        Some(Polled { profile: &self.profile.as_ref()?.value, interval: self.interval.as_ref()?.value })
    }
}

/// Refuses serial buses, and two of them on one port.
pub(super) fn buses(buses: &Named<BusTable>, on: &mut Settling<'_>) {
    let ports = buses.0.iter().filter_map(|(_, bus)| bus.value.port.as_ref());
    let named = ports.map(|port| (port.value.0.display().to_string(), port));
    twice(named, codes::SAME_PORT, on.faults, |port| format!("two buses open the serial port {port}"));
    for (name, _) in &buses.0 {
        let message = format!("serial buses are not supported by this version: `{}`", name.value);
        on.faults
            .add(codes::NOT_HERE, name.span.clone(), message, "expected devices on Modbus TCP")
            .help("connect the bus through a Modbus TCP gateway and write modbus://GATEWAY:502/UNIT");
    }
}

/// Reads every device.
pub(super) fn drafts(
    tables: Vec<Placed<DeviceTable>>,
    buses: Option<&Placed<Named<BusTable>>>,
    on: &mut Settling<'_>,
) -> Vec<Draft> {
    duplicates(tables.iter().filter_map(|table| table.value.id.as_ref()), "devices", on.faults);
    let buses: Vec<&str> = buses.iter().flat_map(|buses| &buses.value.0).map(|(name, _)| name.value.as_str()).collect();
    let drafts: Vec<Draft> = tables.into_iter().map(|table| draft(table, &buses, on)).collect();
    let places = drafts.iter().filter_map(|draft| {
        let reach = draft.reach.as_ref()?;
        Some((reach.value.place(), reach))
    });
    twice(places, codes::SAME_PLACE, on.faults, |place| format!("two devices are at {place}"));
    drafts
}

impl Reach {
    fn place(&self) -> String {
        match self {
            Self::Tcp { host, port, unit } => format!("{}:{port}, unit {unit}", host.0),
            Self::Folder(dir) => format!("folder {}", dir.display()),
            Self::Refused(place) => place.clone(),
        }
    }
}

fn draft(table: Placed<DeviceTable>, buses: &[&str], on: &mut Settling<'_>) -> Draft {
    let (span, table) = (table.span, table.value);
    let reach = table.address.as_ref().and_then(|address| reach(address, buses, on));
    fit(&table, reach.as_ref(), &span, on);
    let polled = table.kind.as_ref().is_none_or(|kind| kind.value != DeviceKind::Xray);
    let name = table.profile.as_ref().filter(|_| polled);
    let profile = name.and_then(|name| profile(name, table.kind.as_ref(), on));
    let header = span.clone();
    let interval = match table.interval {
        Some(interval) => Placed::new(interval.value.0, interval.span),
        None => Placed::new(INTERVAL, header),
    };
    Draft {
        name: table.name.map(|name| name.value.0),
        id: table.id,
        span,
        kind: table.kind,
        reach,
        profile,
        interval: Some(interval),
        timeout: Some(table.timeout.map_or(TIMEOUT, |timeout| timeout.value.0)),
        used: false,
    }
}

fn reach(address: &Placed<Address>, buses: &[&str], on: &mut Settling<'_>) -> Option<Placed<Reach>> {
    let reach = match &address.value {
        Address::ModbusTcp { host, port, unit } => Reach::Tcp { host: host.clone(), port: *port, unit: *unit },
        Address::Folder(dir) => {
            if !dir.is_dir() {
                let label = "no such folder on this machine";
                on.faults
                    .add(codes::NOT_THERE_YET, address.span.clone(), format!("{} is not there", dir.display()), label)
                    .help("create it, or mount the share of the X-ray machine there");
            }
            Reach::Folder(dir.clone())
        }
        Address::ModbusBus { bus, unit } => {
            if !buses.contains(&bus.as_str()) {
                let label = "no [bus.NAME] section has this name";
                let adding =
                    on.faults.add(codes::UNKNOWN_BUS, address.span.clone(), format!("unknown bus `{bus}`"), label);
                if buses.is_empty() {
                    adding.help(format!("for Modbus TCP write the port too: modbus://{bus}:502/{unit}"));
                } else {
                    adding.nearest(bus, buses.iter().copied());
                }
            }
            Reach::Refused(format!("bus {bus}, unit {unit}"))
        }
        Address::Serial { port } => {
            let message = "serial buses are not supported by this version";
            on.faults
                .add(codes::NOT_HERE, address.span.clone(), message, "expected modbus://HOST:PORT/UNIT")
                .help("connect the device through a Modbus TCP gateway");
            Reach::Refused(format!("serial port {port}"))
        }
        Address::Later(scheme) => {
            let message = format!("addresses with {scheme}:// are not in this version");
            on.faults.add(
                codes::NOT_HERE,
                address.span.clone(),
                message,
                "expected modbus://HOST:PORT/UNIT or file:///FOLDER",
            );
            return None;
        }
    };
    Some(Placed::new(reach, address.span.clone()))
}

/// Keys that a kind of device needs or cannot use.
fn fit(table: &DeviceTable, reach: Option<&Placed<Reach>>, header: &Range<usize>, on: &mut Settling<'_>) {
    let Some(kind) = &table.kind else { return };
    let word = kind.value.word();
    let xray = kind.value == DeviceKind::Xray;
    if let Some(reach) = reach {
        let folder = matches!(reach.value, Reach::Folder(_));
        if folder != xray {
            let expected = if xray { "file:///FOLDER, where its pictures arrive" } else { "modbus://HOST:PORT/UNIT" };
            let message = format!("a device of kind `{word}` cannot be reached like this");
            on.faults
                .add(codes::CLASH, reach.span.clone(), message, format!("expected {expected}"))
                .aside(kind.span.clone(), "the kind");
        }
    }
    if xray {
        let extra = [
            table.profile.as_ref().map(|key| ("profile", key.span.clone())),
            table.interval.as_ref().map(|key| ("interval", key.span.clone())),
            table.timeout.as_ref().map(|key| ("timeout", key.span.clone())),
        ];
        for (key, span) in extra.into_iter().flatten() {
            let message = format!("a device of kind `xray` has no `{key}`");
            on.faults.add(codes::CLASH, span, message, "its folder is watched, nothing is polled").help("remove it");
        }
    } else if !table.given.contains(&"profile") {
        let message = format!("the {word} has no `profile`");
        on.faults
            .add(codes::MISSING, header.clone(), message, "`profile` is required")
            .help(format!("add `profile = \"{}\"`, or the model that is wired there", on.profiles.example(word)));
    }
}

fn profile(
    name: &Placed<ProfileName>,
    kind: Option<&Placed<DeviceKind>>,
    on: &mut Settling<'_>,
) -> Option<Placed<Arc<Profile>>> {
    match on.profiles.find(&name.value.0) {
        Found::Sound(profile) => {
            if let Some(kind) = kind.filter(|kind| kind.value.word() != profile.kind.word()) {
                let message =
                    format!("profile `{}` does not describe a device of kind `{}`", name.value.0, kind.value.word());
                let label = format!("it is for kind `{}`", profile.kind.word());
                on.faults
                    .add(codes::WRONG_KIND, name.span.clone(), message, label)
                    .aside(kind.span.clone(), "the kind here");
                return None;
            }
            if profile.base.is_some() {
                let message = format!("profile `{}` has points without a fixed address", name.value.0);
                on.faults
                    .add(codes::NOT_HERE, name.span.clone(), message, "its [base] is not read by this version's links")
                    .help("copy it into a profile of your own, without [base], the base added to each address");
                return None;
            }
            Some(Placed::new(profile, name.span.clone()))
        }
        // Its faults are shown in its own text.
        Found::Broken => None,
        Found::Unknown(names) => {
            on.faults
                .add(
                    codes::UNKNOWN_PROFILE,
                    name.span.clone(),
                    format!("unknown profile `{}`", name.value.0),
                    "no such profile",
                )
                .nearest(&name.value.0, names.iter().map(String::as_str));
            None
        }
    }
}

/// Finds a device by its id.
pub(super) fn find(name: &str, span: &Range<usize>, devices: &[Draft], on: &mut Settling<'_>) -> Option<usize> {
    let found = devices.iter().position(|device| device.id.as_ref().is_some_and(|id| id.value.as_str() == name));
    // With a device whose own id is wrong, every reference to it would be faulted a second time.
    if found.is_none() && devices.iter().all(|device| device.id.is_some()) {
        let ids = devices.iter().filter_map(|device| device.id.as_ref()).map(|id| id.value.as_str());
        on.faults
            .add(codes::UNKNOWN_DEVICE, span.clone(), format!("unknown device `{name}`"), "no [[device]] has this id")
            .nearest(name, ids);
    }
    found
}

/// Warns of devices that nothing uses, refuses barriers that nothing guards.
pub(super) fn unused(devices: &[Draft], on: &mut Settling<'_>) {
    if on.faults.any_errors() {
        return; // a misspelt reference has been faulted already
    }
    for device in devices.iter().filter(|device| !device.used) {
        let (Some(id), Some(kind)) = (&device.id, &device.kind) else { continue };
        if kind.value == DeviceKind::Barrier {
            let message = format!("a second barrier is not in this version: `{}`", id.value);
            on.faults.add(codes::NOT_HERE, id.span.clone(), message, "expected one barrier, the `arm` of [gate]");
        } else if !kind.value.stands_alone() {
            let message = format!("nothing uses device `{}`", id.value);
            on.faults.add(codes::UNUSED, id.span.clone(), message, "neither [gate] nor [[station]] names it");
        }
    }
}

/// Refuses links that cannot read their devices as often as they should.
pub(super) fn loads(devices: &[Draft], on: &mut Settling<'_>) {
    for (first, device) in devices.iter().enumerate() {
        let Some(link) = device.link() else { continue };
        if devices[..first].iter().any(|other| other.link() == Some(link)) {
            continue;
        }
        let sharing: Vec<&Draft> = devices.iter().filter(|other| other.link() == Some(link)).collect();
        let Some(polled) = sharing.iter().map(|device| device.polled()).collect::<Option<Vec<_>>>() else { continue };
        let figures = figures(&polled);
        let Some(shortest) = sharing.iter().filter_map(|device| device.interval.as_ref()).min_by_key(|at| at.value)
        else {
            continue;
        };
        if figures.need > shortest.value {
            let message =
                format!("the link to {}:{} cannot keep up with its {} devices", link.0.0, link.1, sharing.len());
            let label =
                format!("needs {} per cycle but the interval is {}", millis(figures.need), millis(shortest.value));
            let mut adding = on.faults.add(codes::LOAD, shortest.span.clone(), message, label);
            for other in sharing.iter().filter(|other| other.span != device.span).take(4) {
                adding = adding.aside(other.span.clone(), "on the same link");
            }
            adding.help("lengthen `interval` of the devices that can wait, or move some to another link");
        }
    }
}

/// The worst time from one reading of `device`'s fast points to the next, link and all.
pub(super) fn worst_poll(device: &Draft, devices: &[Draft]) -> Option<Duration> {
    let link = device.link()?;
    let sharing = devices.iter().filter(|other| other.link() == Some(link));
    let polled = sharing.map(Draft::polled).collect::<Option<Vec<_>>>()?;
    Some(device.interval.as_ref()?.value.max(figures(&polled).cycle))
}

/// The devices and the connections that they share; `None` where one is not whole.
pub(super) fn finish(drafts: Vec<Draft>) -> Option<(Vec<Device>, Vec<Link>)> {
    let mut links: Vec<Link> = Vec::new();
    let mut devices = Vec::new();
    for (index, draft) in drafts.into_iter().enumerate() {
        let id = draft.id?.value;
        let connection = match draft.reach?.value {
            Reach::Folder(dir) => Connection::Folder(dir),
            Reach::Refused(_) => return None,
            Reach::Tcp { host, port, unit } => {
                let link = join(&mut links, &host, port, index);
                let (profile, interval) = (draft.profile?.value, draft.interval?.value);
                Connection::Modbus(OnModbus { link, unit, profile, interval, timeout: draft.timeout? })
            }
        };
        devices.push(Device { name: draft.name.unwrap_or_else(|| id.shared()), id, connection });
    }
    Some((devices, links))
}

fn join(links: &mut Vec<Link>, host: &Host, port: u16, device: usize) -> usize {
    let place = links.iter().position(|link| link.host == host.0 && link.port == port);
    let place = place.unwrap_or_else(|| {
        links.push(Link { host: shared(Arc::clone(&host.0)), port, devices: Vec::new() });
        links.len() - 1
    });
    links[place].devices.push(device);
    place
}

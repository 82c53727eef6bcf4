//! Devices, and what reading those of one link costs.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::plan::Speed;
use portside_devices::profile::{Profile, Protocol};

use super::bus::{Bus, Way, changing_name, judge};
use super::{Settling, camera, duplicates, line, lines, twice};
use crate::config::address::Address;
use crate::config::checked::{Connection, Device, Link, OnCamera, OnLines, OnModbus};
use crate::config::choice::DeviceKind;
use crate::config::codes;
use crate::config::cost::{Figures, Polled, figures, millis};
use crate::config::faults::Placed;
use crate::config::file::{DeviceTable, ProfileName};
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
    camera: camera::Keys,
    /// Where the pictures of an X-ray machine with control points arrive.
    images: Option<PathBuf>,
    /// Where its lines come from.
    beside: Option<lines::Beside>,
    /// The gate, the belt or the station needs it.
    pub(super) used: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A Modbus unit.
    Unit {
        way: Way,
        unit: u8,
    },
    /// A device that speaks in lines or frames, alone on a connection or a port.
    Line(Way),
    /// A detector that sends lines, alone on a connection.
    Lines(Way),
    Folder(PathBuf),
    /// A camera or a recording, as its process is told.
    Camera(Arc<str>),
    /// Something that was refused: kept to find two devices at one place.
    Refused(String),
}

impl Draft {
    /// The link that it shares with others, and where the file says so.
    pub(super) fn way(&self) -> Option<(&Way, &Range<usize>)> {
        let reach = self.reach.as_ref()?;
        match &reach.value {
            Reach::Unit { way, .. } | Reach::Line(way) => Some((way, &reach.span)),
            Reach::Lines(_) | Reach::Folder(_) | Reach::Camera(_) | Reach::Refused(_) => None,
        }
    }

    fn link(&self) -> Option<&Way> {
        self.way().map(|(way, _)| way)
    }

    /// What polling it costs; `None` while that cannot be known.
    fn polled(&self) -> Option<Polled<'_>> {
        Some(Polled { profile: &self.profile.as_ref()?.value, interval: self.interval.as_ref()?.value })
    }
}

/// Reads every device, and judges the buses by what hangs on them.
pub(super) fn drafts(tables: Vec<Placed<DeviceTable>>, mut buses: Vec<Bus>, on: &mut Settling<'_>) -> Vec<Draft> {
    duplicates(tables.iter().filter_map(|table| table.value.id.as_ref()), "devices", on.faults);
    let drafts: Vec<Draft> = tables.into_iter().map(|table| draft(table, &mut buses, on)).collect();
    let of_reach =
        |draft: &Draft| draft.reach.as_ref().map(|reach| Placed::new(reach.value.place(), reach.span.clone()));
    let beside = |draft: &Draft| draft.beside.as_ref().map(lines::Beside::place);
    let places: Vec<_> = drafts.iter().flat_map(|draft| [of_reach(draft), beside(draft)]).flatten().collect();
    twice(places.iter().map(|at| (at.value.clone(), at)), codes::SAME_PLACE, on.faults, |place| {
        format!("two devices are at {place}")
    });
    judge(&buses, &drafts, on);
    line::sharing(&drafts, on);
    drafts
}

impl Reach {
    /// The link and the unit on it; a device alone on its link is unit 1.
    fn unit(self) -> Option<(Way, u8)> {
        match self {
            Self::Unit { way, unit } => Some((way, unit)),
            Self::Line(way) => Some((way, 1)),
            Self::Lines(_) | Self::Folder(_) | Self::Camera(_) | Self::Refused(_) => None,
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Unit { way, unit } => format!("{}, unit {unit}", way.place()),
            Self::Line(way) | Self::Lines(way) => way.place(),
            Self::Folder(dir) => format!("folder {}", dir.display()),
            Self::Camera(source) => source.to_string(),
            Self::Refused(place) => place.clone(),
        }
    }
}

fn draft(table: Placed<DeviceTable>, buses: &mut [Bus], on: &mut Settling<'_>) -> Draft {
    let (span, table) = (table.span, table.value);
    let kind = table.kind.as_ref().map(|kind| kind.value);
    let mut reach = table.address.as_ref().and_then(|address| reach(address, kind, buses, on));
    fit(&table, reach.as_ref(), &span, on);
    let camera = camera::keys(&table, on);
    let folder = matches!(reach.as_ref().map(|reach| &reach.value), Some(Reach::Folder(_)));
    let images = table.images.as_ref().and_then(|address| images(address, table.kind.as_ref(), folder, on));
    let name = table.profile.as_ref().filter(|_| !folder && kind != Some(DeviceKind::Camera));
    let profile = name.and_then(|name| profile(name, table.kind.as_ref(), on));
    if let (Some(reach), Some(profile)) = (&mut reach, &profile) {
        protocol(reach, profile, on);
        lines::alone(reach, profile, &table, on);
    }
    let beside = lines::beside(&table, reach.as_ref().map(|reach| &reach.value), on);
    let header = span.clone();
    let interval = match table.interval {
        Some(interval) => Placed::new(interval.value.0, interval.span),
        None if kind == Some(DeviceKind::Camera) => Placed::new(camera::INTERVAL, header),
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
        images,
        beside,
        timeout: Some(table.timeout.map_or(TIMEOUT, |timeout| timeout.value.0)),
        camera,
        used: false,
    }
}

/// The folder of an X-ray machine whose control points are elsewhere.
fn images(
    address: &Placed<Address>,
    kind: Option<&Placed<DeviceKind>>,
    folder: bool,
    on: &mut Settling<'_>,
) -> Option<PathBuf> {
    let span = address.span.clone();
    if let Some(kind) = kind.filter(|kind| kind.value != DeviceKind::Xray) {
        let message = format!("a device of kind `{}` has no `images`", kind.value.word());
        on.faults
            .add(codes::CLASH, span, message, "only an X-ray machine makes pictures")
            .aside(kind.span.clone(), "the kind");
        return None;
    }
    if folder {
        let label = "expected control points at `address`";
        on.faults.add(codes::CLASH, span, "the address is a folder already", label).help("remove `images`");
        return None;
    }
    let Address::File(dir) = &address.value else {
        on.faults.add(codes::CLASH, span, "pictures come from a folder", "expected file:///FOLDER");
        return None;
    };
    folder_is_there(dir, &address.span, on);
    Some(dir.clone())
}

fn folder_is_there(dir: &std::path::Path, span: &Range<usize>, on: &mut Settling<'_>) {
    if !dir.is_dir() {
        let label = "no such folder on this machine";
        on.faults
            .add(codes::NOT_THERE_YET, span.clone(), format!("{} is not there", dir.display()), label)
            .help("create it, or mount the share of the X-ray machine there");
    }
}

fn reach(
    address: &Placed<Address>,
    kind: Option<DeviceKind>,
    buses: &mut [Bus],
    on: &mut Settling<'_>,
) -> Option<Placed<Reach>> {
    let reach = match &address.value {
        Address::ModbusTcp { host, port, unit } => Reach::Unit { way: Way::tcp(host, *port), unit: *unit },
        Address::ModbusGateway { host, port, unit } => Reach::Unit { way: Way::gateway(host, *port), unit: *unit },
        Address::ModbusBus { bus, unit } => {
            let tcp = format!("for Modbus TCP write the port too: modbus://{bus}:502/{unit}");
            match on_bus(bus, &tcp, &address.span, buses, on) {
                Some(way) => Reach::Unit { way, unit: *unit },
                // Two devices of one unit are found although their bus is faulty.
                None => Reach::Refused(format!("bus {bus}, unit {unit}")),
            }
        }
        Address::Serial { path, settings, unit } => {
            changing_name(path, &address.span, on);
            let way = Way::port(path, settings);
            match unit {
                Some(unit) => Reach::Unit { way, unit: *unit },
                None => Reach::Line(way),
            }
        }
        Address::SerialBus { bus, unit } => {
            let help = "for a port of its own write its path: serial:///dev/serial/by-id/…?baud=9600";
            let way = on_bus(bus, help, &address.span, buses, on)?;
            match unit {
                Some(unit) => Reach::Unit { way, unit: *unit },
                None => Reach::Line(way),
            }
        }
        Address::Tcp { host, port } => Reach::Line(Way::tcp(host, *port)),
        Address::Rtsp(rtsp) => Reach::Camera(rtsp.to_string().into()),
        Address::V4l2(path) => Reach::Camera(camera::local(path, &address.span, on)),
        Address::File(path) if kind == Some(DeviceKind::Camera) => {
            Reach::Camera(camera::recording(path, &address.span, on))
        }
        Address::File(dir) => {
            folder_is_there(dir, &address.span, on);
            Reach::Folder(dir.clone())
        }
    };
    Some(Placed::new(reach, address.span.clone()))
}

/// The way by the bus called `name`; `None` where the bus itself is faulty or not there.
fn on_bus(name: &str, help: &str, span: &Range<usize>, buses: &mut [Bus], on: &mut Settling<'_>) -> Option<Way> {
    if let Some(bus) = buses.iter_mut().find(|bus| bus.name == name) {
        bus.used = true;
        return bus.way.clone();
    }
    let label = "no [bus.NAME] section has this name";
    let adding = on.faults.add(codes::UNKNOWN_BUS, span.clone(), format!("unknown bus `{name}`"), label);
    if buses.is_empty() {
        adding.help(help);
    } else {
        adding.nearest(name, buses.iter().map(|bus| bus.name.as_str()));
    }
    None
}

/// Whether the address leads to what the profile speaks.
fn protocol(reach: &Placed<Reach>, profile: &Placed<Arc<Profile>>, on: &mut Settling<'_>) {
    let mut wrong = |message: String, label: &str, help: &str| {
        on.faults
            .add(codes::CLASH, reach.span.clone(), message, label)
            .aside(profile.span.clone(), "the profile")
            .help(help);
    };
    match (&reach.value, profile.value.protocol) {
        (Reach::Unit { way, .. }, Protocol::Modbus) if !way.carries_bytes() => wrong(
            format!("Modbus needs 8 data bits, {} has 7", way.place()),
            "expected a bus with data_bits = 8",
            "Modbus ASCII, which gets by with 7, is not spoken; set the device to RTU",
        ),
        (Reach::Line(_), Protocol::Modbus) => wrong(
            format!("profile `{}` speaks Modbus, and the address has no unit id", profile.value.name),
            "expected modbus://…/UNIT or serial://PATH?unit=UNIT",
            "write modbus://HOST:PORT/UNIT, modbus://BUS/UNIT, or serial:///dev/serial/by-id/…?baud=9600&unit=1",
        ),
        (Reach::Unit { way, .. }, Protocol::Line | Protocol::Frame) if line::is_modbus(way) => wrong(
            format!("profile `{}` does not speak Modbus", profile.value.name),
            "expected tcp://HOST:PORT or serial://PATH?baud=BAUD",
            "write tcp://HOST:PORT for a device on the network, serial:///dev/serial/by-id/…?baud=9600 for one on a port",
        ),
        (Reach::Unit { .. } | Reach::Line(_), Protocol::XrayLines) if !lines::is_fit(&reach.value) => wrong(
            format!("profile `{}` is that of a detector, which sends its lines over the network", profile.value.name),
            "expected tcp://HOST:PORT",
            "where the machine has control points too, name their profile here, and the detector's as `detector` with \
             `lines = \"tcp://HOST:PORT\"`",
        ),
        (
            Reach::Unit { .. } | Reach::Lines(_) | Reach::Folder(_) | Reach::Camera(_) | Reach::Refused(_),
            Protocol::Modbus,
        )
        | (
            Reach::Unit { .. }
            | Reach::Line(_)
            | Reach::Lines(_)
            | Reach::Folder(_)
            | Reach::Camera(_)
            | Reach::Refused(_),
            Protocol::Line | Protocol::Frame | Protocol::XrayLines,
        ) => {}
    }
}

/// Keys that a kind of device needs or cannot use.
fn fit(table: &DeviceTable, reach: Option<&Placed<Reach>>, header: &Range<usize>, on: &mut Settling<'_>) {
    let Some(kind) = &table.kind else { return };
    let word = kind.value.word();
    let (xray, camera) = (kind.value == DeviceKind::Xray, kind.value == DeviceKind::Camera);
    if let Some(reach) = reach {
        let fits = match reach.value {
            Reach::Folder(_) => xray,
            Reach::Camera(_) => camera,
            Reach::Unit { .. } | Reach::Line(_) | Reach::Lines(_) | Reach::Refused(_) => {
                !camera && (!xray || table.profile.is_some())
            }
        };
        if !fits {
            let expected = match (xray, camera) {
                (true, _) => "file:///FOLDER, where its pictures arrive",
                (_, true) => "rtsp://HOST:PORT/PATH, v4l2:///dev/v4l/by-id/… or file:///CLIP",
                (false, false) => "modbus://HOST:PORT/UNIT",
            };
            let message = format!("a device of kind `{word}` cannot be reached like this");
            on.faults
                .add(codes::CLASH, reach.span.clone(), message, format!("expected {expected}"))
                .aside(kind.span.clone(), "the kind");
        }
    }
    let watched = matches!(reach.map(|reach| &reach.value), Some(Reach::Folder(_)) | None);
    if (xray && watched) || camera {
        let extra = [
            table.profile.as_ref().map(|key| ("profile", key.span.clone())),
            table.interval.as_ref().filter(|_| xray).map(|key| ("interval", key.span.clone())),
            table.timeout.as_ref().map(|key| ("timeout", key.span.clone())),
        ];
        let label =
            if xray { "its folder is watched, nothing is polled" } else { "its process is watched, nothing is polled" };
        for (key, span) in extra.into_iter().flatten() {
            let message = format!("a device of kind `{word}` has no `{key}`");
            on.faults.add(codes::CLASH, span, message, label).help("remove it");
        }
    } else if !xray && !table.given.contains(&"profile") {
        let message = format!("the {word} has no `profile`");
        on.faults
            .add(codes::MISSING, header.clone(), message, "`profile` is required")
            .help(format!("add `profile = \"{}\"`, or the model that is wired there", on.profiles.example(word)));
    }
}

pub(super) fn profile(
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
            on.faults.add(codes::UNUSED, id.span.clone(), message, "neither [gate], [belt] nor [[station]] names it");
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
        let figures = figures(&polled, link.speed);
        let Some(shortest) = sharing.iter().filter_map(|device| device.interval.as_ref()).min_by_key(|at| at.value)
        else {
            continue;
        };
        if figures.need > shortest.value {
            let (what, help) = match link.speed {
                Speed::Tcp { .. } => (
                    format!("the link to {}", link.name),
                    "lengthen `interval` of the devices that can wait, or move some to another link",
                ),
                Speed::Serial { .. } => (
                    link.place(),
                    "lengthen `interval` of the devices that can wait, set devices and bus to a higher `baud`, or move \
                     some to another bus",
                ),
            };
            let message = match sharing.len() {
                1 => format!("{what} cannot keep up with its device"),
                several => format!("{what} cannot keep up with its {several} devices"),
            };
            let label =
                format!("needs {} per cycle but the interval is {}", millis(figures.need), millis(shortest.value));
            let mut adding = on.faults.add(codes::LOAD, shortest.span.clone(), message, label);
            for other in sharing.iter().filter(|other| other.span != device.span).take(4) {
                adding = adding.aside(other.span.clone(), "on the same link");
            }
            adding.help(help);
        }
    }
}

/// The worst time from one reading of `device`'s fast points to the next, link and all.
pub(super) fn worst_poll(device: &Draft, devices: &[Draft]) -> Option<Duration> {
    Some(device.interval.as_ref()?.value.max(shared_figures(device, devices)?.cycle))
}

/// The worst time from the doubt to the withdrawal on the wire of `device`'s link.
pub(super) fn withdrawal(device: &Draft, devices: &[Draft]) -> Option<Duration> {
    Some(shared_figures(device, devices)?.withdrawal(device.link()?.speed))
}

/// What the devices of `device`'s link cost together.
fn shared_figures(device: &Draft, devices: &[Draft]) -> Option<Figures> {
    let link = device.link()?;
    let sharing = devices.iter().filter(|other| other.link() == Some(link));
    Some(figures(&sharing.map(Draft::polled).collect::<Option<Vec<_>>>()?, link.speed))
}

/// The devices and the links that they share; `None` where one is not whole.
pub(super) fn finish(drafts: Vec<Draft>) -> Option<(Vec<Device>, Vec<Link>)> {
    let mut links: Vec<Link> = Vec::new();
    let mut devices = Vec::new();
    for (index, draft) in drafts.into_iter().enumerate() {
        let id = draft.id?.value;
        let connection = match draft.reach?.value {
            Reach::Folder(dir) => Connection::Folder(dir),
            Reach::Refused(_) => return None,
            Reach::Lines(way) => Connection::Lines(OnLines { medium: way.medium, profile: draft.profile?.value }),
            Reach::Camera(source) => {
                let (every, camera::Keys { credentials, snapshots }) = (draft.interval?.value, draft.camera);
                Connection::Camera(OnCamera { source, credentials, every, snapshots })
            }
            reach @ (Reach::Unit { .. } | Reach::Line(_)) => {
                let (way, unit) = reach.unit()?;
                let link = join(&mut links, way, index);
                let (profile, interval) = (draft.profile?.value, draft.interval?.value);
                Connection::Modbus(OnModbus { link, unit, profile, interval, timeout: draft.timeout? })
            }
        };
        let name = draft.name.unwrap_or_else(|| id.shared());
        let lines = draft.beside.map(|beside| beside.on);
        devices.push(Device { name, id, connection, images: draft.images, lines });
    }
    Some((devices, links))
}

fn join(links: &mut Vec<Link>, way: Way, device: usize) -> usize {
    let place = links.iter().position(|link| link.medium == way.medium);
    let place = place.unwrap_or_else(|| {
        links.push(Link { name: way.name, medium: way.medium, speed: way.speed, devices: Vec::new() });
        links.len() - 1
    });
    links[place].devices.push(device);
    place
}

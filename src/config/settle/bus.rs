//! Serial buses and the other ways to a device; what devices on one of them share.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portside_devices::plan::Speed;

use super::device::Draft;
use super::{Settling, twice};
use crate::config::address::Host;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::{BusTable, Named};
use crate::config::serial::{QUIET, Settings};
use crate::field::medium::{self, Medium};

/// The way to one or more devices: one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// As `status` and logs call it: the bus's name, or the place itself.
    pub(super) name: Arc<str>,
    pub(super) medium: Medium,
    pub(super) speed: Speed,
}

impl Way {
    pub(super) fn tcp(host: &Host, port: u16) -> Self {
        Self::unnamed(Medium::tcp(Arc::clone(&host.0), port), Speed::TCP)
    }

    /// A gateway says nothing of the bus behind it: 9,600 Bd is what most have.
    pub(super) fn gateway(host: &Host, port: u16) -> Self {
        let (host, gap) = (Arc::clone(&host.0), Duration::from_millis(5));
        Self::unnamed(Medium::RtuOverTcp { host, port, gap, quiet: QUIET }, Speed::serial(9_600))
    }

    pub(super) fn port(path: &Path, settings: &Settings) -> Self {
        let serial = settings.port(path);
        let speed = settings.speed(&serial);
        Self::unnamed(Medium::Serial(serial), speed)
    }

    fn unnamed(medium: Medium, speed: Speed) -> Self {
        Self { name: medium.to_string().into(), medium, speed }
    }

    /// What faults call it.
    pub(super) fn place(&self) -> String {
        match &self.medium {
            Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => self.name.to_string(),
            Medium::Serial(_) if self.own_port().is_some() => format!("serial port {}", self.name),
            Medium::Serial(_) => format!("bus {}", self.name),
        }
    }

    /// The serial port of a device that is alone on it; `None` for a [bus.NAME] and for TCP.
    fn own_port(&self) -> Option<&Path> {
        match &self.medium {
            Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => None,
            Medium::Serial(serial) => Some(&*serial.path).filter(|path| path.as_os_str() == &*self.name),
        }
    }

    /// True where eight bits of a byte arrive.
    pub(super) fn carries_bytes(&self) -> bool {
        match &self.medium {
            Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => true,
            Medium::Serial(serial) => serial.data_bits == medium::DataBits::Eight,
        }
    }
}

/// A [bus.NAME]; what it says of itself may be faulty.
#[derive(Debug)]
pub(super) struct Bus {
    pub(super) name: String,
    /// Its name in the header.
    span: Range<usize>,
    pub(super) way: Option<Way>,
    /// An address names it.
    pub(super) used: bool,
    port: Option<Placed<PathBuf>>,
}

/// Reads the buses.
pub(super) fn buses(tables: Option<&Named<BusTable>>, on: &mut Settling<'_>) -> Vec<Bus> {
    let tables = tables.map(|named| &named.0[..]).unwrap_or_default();
    tables.iter().map(|(name, table)| bus(name.value.as_str(), name.span.clone(), &table.value, on)).collect()
}

fn bus(name: &str, span: Range<usize>, table: &BusTable, on: &mut Settling<'_>) -> Bus {
    let port = table.port.as_ref().map(|port| Placed::new(on.path(&port.value.0), port.span.clone()));
    if let Some(port) = &port {
        changing_name(&port.value, &port.span, on);
    }
    let way = port.as_ref().zip(Settings::of(table)).map(|(port, settings)| {
        let way = Way::port(&port.value, &settings);
        Way { name: name.into(), ..way }
    });
    Bus { name: name.to_owned(), span, way, used: false, port }
}

/// Warns of a port whose number depends on what was plugged in first.
pub(super) fn changing_name(port: &Path, span: &Range<usize>, on: &mut Settling<'_>) {
    let name = port.to_string_lossy();
    if !name.starts_with("/dev/ttyUSB") && !name.starts_with("/dev/ttyACM") {
        return;
    }
    let (message, label) = (format!("the port {name} has no stable name"), "after a restart it may be another adapter");
    on.faults
        .add(codes::PORT_NUMBER, span.clone(), message, label)
        .help("write its name below /dev/serial/by-id/ (`ls -l /dev/serial/by-id`)");
}

/// Refuses a port that is opened twice, under whatever names, and a place that is addressed in two protocols; warns of
/// buses without a device.
pub(super) fn judge(buses: &[Bus], drafts: &[Draft], on: &mut Settling<'_>) {
    let alone = drafts.iter().filter_map(|draft| {
        let (way, span) = draft.way()?;
        Some(Placed::new(way.own_port()?.to_owned(), span.clone()))
    });
    let alone: Vec<Placed<PathBuf>> = alone.collect();
    let ports = buses.iter().filter_map(|bus| bus.port.as_ref()).chain(&alone);
    // Two names of one port, such as a number and a name by id, are found where the port is there.
    let ports = ports.map(|port| (port.value.canonicalize().unwrap_or_else(|_| port.value.clone()), port));
    let ports = ports.map(|(path, port)| (path.display().to_string(), port));
    twice(ports, codes::SAME_PORT, on.faults, |port| format!("the serial port {port} is opened twice"));
    two_protocols(drafts, on);
    if on.faults.any_errors() {
        return; // an address that names the bus may be among the faulty ones
    }
    for bus in buses.iter().filter(|bus| !bus.used) {
        let message = format!("no device is on bus `{}`", bus.name);
        on.faults
            .add(codes::IDLE_BUS, bus.span.clone(), message, "no address names it")
            .help(format!("write address = \"modbus://{}/UNIT\" for its devices, or remove it", bus.name));
    }
}

/// A place answers in one protocol: asked in another, it would take the one's telegrams for the other's noise.
fn two_protocols(drafts: &[Draft], on: &mut Settling<'_>) {
    let ways: Vec<_> = drafts.iter().filter_map(Draft::way).collect();
    for (second, (way, span)) in ways.iter().enumerate() {
        let other = |(other, _): &&(&Way, _)| other.medium != way.medium && other.name == way.name;
        let Some((_, first)) = ways[..second].iter().find(other) else { continue };
        let message = format!("{} is addressed in two protocols", way.name);
        on.faults
            .add(codes::CLASH, (*span).clone(), message, "the one")
            .aside((*first).clone(), "the other")
            .help("write modbus:// for a Modbus TCP device, modbus+rtu:// for a gateway to a serial bus, not both");
    }
}

//! Detectors that send lines: an X-ray machine's only address, or beside its control points.

use std::sync::Arc;

use portside_devices::profile::{Profile, Protocol};

use super::Settling;
use super::bus::Way;
use super::device::{Reach, profile};
use crate::config::address::Address;
use crate::config::checked::OnLines;
use crate::config::choice::DeviceKind;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::DeviceTable;
use crate::field::medium::Medium;

/// A detector beside control points, and where the file says so.
#[derive(Debug)]
pub(super) struct Beside {
    at: Placed<Way>,
    pub(super) on: OnLines,
}

impl Beside {
    /// What faults call it.
    pub(super) fn place(&self) -> Placed<String> {
        Placed::new(self.at.value.place(), self.at.span.clone())
    }
}

/// True for what may lead to a detector.
pub(super) const fn is_fit(reach: &Reach) -> bool {
    match reach {
        Reach::Line(Way { medium: Medium::Tcp { .. }, .. }) => true,
        Reach::Line(_)
        | Reach::Unit { .. }
        | Reach::Lines(_)
        | Reach::Folder(_)
        | Reach::Camera(_)
        | Reach::Refused(_) => false,
    }
}

/// Makes the address of a device whose profile is a detector's that of a detector.
pub(super) fn alone(
    reach: &mut Placed<Reach>,
    profile: &Placed<Arc<Profile>>,
    table: &DeviceTable,
    on: &mut Settling<'_>,
) {
    if profile.value.protocol != Protocol::XrayLines {
        return;
    }
    let way = match &reach.value {
        Reach::Line(way) if is_fit(&reach.value) => way.clone(),
        Reach::Unit { .. }
        | Reach::Line(_)
        | Reach::Lines(_)
        | Reach::Folder(_)
        | Reach::Camera(_)
        | Reach::Refused(_) => return,
    };
    reach.value = Reach::Lines(way);
    let extra = [
        table.interval.as_ref().map(|key| ("interval", key.span.clone())),
        table.timeout.as_ref().map(|key| ("timeout", key.span.clone())),
        table.images.as_ref().map(|key| ("images", key.span.clone())),
    ];
    for (key, span) in extra.into_iter().flatten() {
        let label = "its lines come as the belt runs, nothing is polled, and they are its pictures";
        on.faults.add(codes::CLASH, span, format!("a detector of lines has no `{key}`"), label).help("remove it");
    }
}

/// The detector beside control points.
pub(super) fn beside(table: &DeviceTable, reach: Option<&Reach>, on: &mut Settling<'_>) -> Option<Beside> {
    let Some(lines) = &table.lines else {
        if let Some(detector) = &table.detector {
            let label = "expected `lines = \"tcp://HOST:PORT\"` beside it";
            on.faults.add(codes::CLASH, detector.span.clone(), "`detector` stands without `lines`", label);
        }
        return None;
    };
    if !sensible(table, lines, reach, on) {
        return None;
    }
    let Some(name) = &table.detector else {
        on.faults
            .add(
                codes::MISSING,
                lines.span.clone(),
                "nothing says how these lines are framed",
                "`detector` is required",
            )
            .help("add `detector = \"xray/generic-baggage-lines\"`, or the model that sends there");
        return None;
    };
    let way = match &lines.value {
        Address::Tcp { host, port } => Way::tcp(host, *port),
        Address::ModbusTcp { .. }
        | Address::ModbusGateway { .. }
        | Address::ModbusBus { .. }
        | Address::Serial { .. }
        | Address::SerialBus { .. }
        | Address::Rtsp(_)
        | Address::V4l2(_)
        | Address::File(_) => {
            let message = "lines come over the network";
            on.faults.add(codes::CLASH, lines.span.clone(), message, "expected tcp://HOST:PORT");
            return None;
        }
    };
    let found = profile(name, table.kind.as_ref(), on)?;
    if found.value.detector.is_none() {
        let message = format!("profile `{}` does not describe a detector", found.value.name);
        let label = "expected one with protocol \"xray-lines\"";
        on.faults.add(codes::CLASH, name.span.clone(), message, label);
        return None;
    }
    let on = OnLines { medium: way.medium.clone(), profile: found.value };
    Some(Beside { at: Placed::new(way, lines.span.clone()), on })
}

/// Whether such a device can have `lines` at all.
fn sensible(table: &DeviceTable, lines: &Placed<Address>, reach: Option<&Reach>, on: &mut Settling<'_>) -> bool {
    let span = lines.span.clone();
    if let Some(kind) = table.kind.as_ref().filter(|kind| kind.value != DeviceKind::Xray) {
        let message = format!("a device of kind `{}` has no `lines`", kind.value.word());
        let label = "only an X-ray machine sends lines";
        on.faults.add(codes::CLASH, span, message, label).aside(kind.span.clone(), "the kind");
        return false;
    }
    if let Some(Reach::Lines(_) | Reach::Folder(_)) = reach {
        let label = "expected control points at `address`";
        on.faults.add(codes::CLASH, span, "the pictures come from the address already", label).help("remove `lines`");
        return false;
    }
    if let Some(images) = &table.images {
        on.faults
            .add(codes::CLASH, span, "two ways for one machine's pictures", "expected `lines` or `images`")
            .aside(images.span.clone(), "the folder")
            .help("keep `lines` where the machine can send them: they are shown as the belt moves");
        return false;
    }
    true
}

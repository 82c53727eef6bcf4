//! Line and frame devices: whether their address leads to them, and who may share their link.

use std::sync::Arc;

use portside_devices::profile::Profile;

use super::Settling;
use super::bus::Way;
use super::device::Draft;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::field::medium::Medium;

/// Why a Modbus address leads to no line device, if so. A serial port may have several units of them.
pub(super) const fn is_modbus(way: &Way) -> bool {
    match way.medium {
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => true,
        Medium::Serial(_) => false,
    }
}

/// Refuses links on which somebody would be heard in place of another: a device that speaks by itself is alone, and
/// Modbus shares with nobody.
pub(super) fn sharing(drafts: &[Draft], on: &mut Settling<'_>) {
    let known: Vec<_> = drafts.iter().filter_map(|draft| Some((draft.way()?.0, draft.profile.as_ref()?))).collect();
    for (second, (way, profile)) in known.iter().enumerate() {
        let Some((_, other)) = known[..second].iter().find(|(other, _)| other.medium == way.medium) else { continue };
        if let Some(why) = stranger(profile, other).or_else(|| stranger(other, profile)) {
            let message =
                format!("profiles `{}` and `{}` cannot share {}", other.value.name, profile.value.name, way.place());
            on.faults
                .add(codes::CLASH, profile.span.clone(), message, why)
                .aside(other.span.clone(), "the other")
                .help("give each a connection or port of its own");
        }
    }
}

fn stranger(one: &Placed<Arc<Profile>>, other: &Placed<Arc<Profile>>) -> Option<&'static str> {
    match (&one.value.stream, &other.value.stream) {
        (Some(_), None) => Some("one of them speaks Modbus, and each would take the other's bytes for noise"),
        (Some(stream), Some(_)) if !stream.is_polled() => Some("one of them speaks without being asked"),
        (Some(_) | None, _) => None,
    }
}

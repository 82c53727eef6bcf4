//! Cameras: where their pictures come from, and when they are kept.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::uplink::exposed;
use super::{Settling, twice};
use crate::config::address::Address;
use crate::config::choice::{Decisive, DeviceKind};
use crate::config::codes;
use crate::config::file::DeviceTable;

/// How often a frame is taken where the file does not say.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);
/// Faster than any camera gives frames, and slower than a snapshot may be old.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(40), Duration::from_secs(1));

/// What only a camera has.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) credentials: Option<PathBuf>,
    pub(super) snapshots: Vec<Decisive>,
}

/// Reads them, and refuses them to everything else.
pub(super) fn keys(table: &DeviceTable, on: &mut Settling<'_>) -> Keys {
    let Some(kind) = &table.kind else { return Keys::default() };
    if kind.value != DeviceKind::Camera {
        let extra = [
            table.credentials.as_ref().map(|key| ("credentials", key.span.clone())),
            table.snapshots.as_ref().map(|key| ("snapshots", key.span.clone())),
        ];
        for (key, span) in extra.into_iter().flatten() {
            let message = format!("a device of kind `{}` has no `{key}`", kind.value.word());
            on.faults
                .add(codes::CLASH, span, message, "only a camera has this key")
                .aside(kind.span.clone(), "the kind");
        }
        return Keys::default();
    }
    if let Some(interval) = table.interval.as_ref().filter(|at| at.value.0 < INTERVALS.0 || at.value.0 > INTERVALS.1) {
        let message = "a camera's frames are taken too often or too seldom";
        on.faults.add(codes::OUT_OF_RANGE, interval.span.clone(), message, "expected from 40 ms to 1 s");
    }
    let stream = matches!(table.address.as_ref().map(|at| &at.value), Some(Address::Rtsp(_)) | None);
    let credentials = table.credentials.as_ref().map(|path| {
        if !stream {
            let message = "only a stream has a login";
            on.faults.add(codes::CLASH, path.span.clone(), message, "expected the address rtsp://…").help("remove it");
        }
        let full = on.path(&path.value.0);
        if !full.is_file() {
            let message = format!("{} is not there", full.display());
            on.faults
                .add(codes::NOT_THERE_YET, path.span.clone(), message, "no such file on this machine")
                .help("until it is, the camera is lost; write one line USER:PASSWORD into it");
        }
        exposed(&full, &path.span, on);
        full
    });
    let snapshots = match &table.snapshots {
        Some(list) => {
            let named = list.value.iter().map(|at| (at.value.word().to_owned(), at));
            twice(named, codes::CLASH, on.faults, |word| format!("`{word}` stands twice in `snapshots`"));
            list.value.iter().map(|at| at.value).collect()
        }
        None => Decisive::ALL.to_vec(),
    };
    Keys { credentials, snapshots }
}

/// A camera of this machine.
pub(super) fn local(path: &Path, span: &Range<usize>, on: &mut Settling<'_>) -> Arc<str> {
    let name = path.to_string_lossy();
    if name.starts_with("/dev/video") {
        let (message, label) =
            (format!("the camera {name} has no stable name"), "after a restart it may be another one");
        on.faults
            .add(codes::CAMERA_NUMBER, span.clone(), message, label)
            .help("write its name below /dev/v4l/by-id/ (`ls -l /dev/v4l/by-id`)");
    }
    format!("v4l2://{name}").into()
}

/// A recording that is played again and again.
pub(super) fn recording(path: &Path, span: &Range<usize>, on: &mut Settling<'_>) -> Arc<str> {
    if !path.is_file() {
        let message = format!("{} is not there", path.display());
        on.faults.add(codes::NOT_THERE_YET, span.clone(), message, "no such recording on this machine");
    }
    format!("file://{}", path.display()).into()
}

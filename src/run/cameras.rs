//! The cameras of the lane file: their processes, and who looks at them.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Connection, Device};
use crate::control::snapshots::Camera;
use crate::field::FieldEvent;
use crate::field::camera::{self, CameraHandle, CameraSpec};

/// Starts a process for each camera of the lane file.
pub(super) fn start(
    config: &Config,
    clock: Clock,
    events: &mpsc::Sender<FieldEvent>,
    stop: &CancellationToken,
) -> Vec<CameraHandle> {
    let program: camera::Program = Arc::new(camera::program::find);
    let spec = |(index, device): (usize, &Device)| match &device.connection {
        Connection::Camera(on) => Some(CameraSpec {
            id: device.id.shared(),
            index,
            source: on.source.clone(),
            credentials: on.credentials.clone(),
            every: on.every,
            limits: camera::Limits::default(),
        }),
        Connection::Modbus(_) | Connection::Folder(_) | Connection::Lines(_) => None,
    };
    let specs = config.devices.iter().enumerate().filter_map(spec);
    specs.map(|spec| camera::watch(spec, program.clone(), clock, events.clone(), stop.clone())).collect()
}

/// The cameras in the lane file's order, each with the instants at which it is looked at.
pub(super) fn looked_at(config: &Config, cameras: &[CameraHandle]) -> Vec<Camera> {
    let instants = config.devices.iter().filter_map(|device| match &device.connection {
        Connection::Camera(on) => Some(on.snapshots.clone()),
        Connection::Modbus(_) | Connection::Folder(_) | Connection::Lines(_) => None,
    });
    let eyes = cameras.iter().map(|camera| camera.eye().clone());
    eyes.zip(instants).map(|(eye, instants)| Camera { eye, instants }).collect()
}

//! From a watched folder to evidence: a picture is durable before the lane hears of it.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::control::Scan;
use crate::field::folder::FolderEvent;
use crate::field::{self, LinkState};
use crate::journal::{EvidenceError, EvidenceFiles};
use crate::lane::{Arrival, Picture};

/// Watches every folder into which a device drops pictures, until `stop`.
pub(super) fn watch_folders(
    config: &Config,
    evidence: &EvidenceFiles,
    clock: Clock,
    scans: &mpsc::Sender<Scan>,
    stop: &CancellationToken,
) {
    for (number, device) in config.devices.iter().enumerate() {
        let Some(dir) = device.folder() else { continue };
        let (events, incoming) = mpsc::channel(2);
        let (id, decoder) = (device.id.shared(), field::decoder::Decoder::default());
        tokio::spawn(field::folder::watch(id, dir.clone(), decoder, clock, events, stop.clone()));
        tokio::spawn(keep_pictures(number, incoming, evidence.clone(), scans.clone(), clock));
    }
}

/// Makes each picture durable before the lane hears of it.
async fn keep_pictures(
    device: usize,
    mut incoming: mpsc::Receiver<FolderEvent>,
    evidence: EvidenceFiles,
    scans: mpsc::Sender<Scan>,
    clock: Clock,
) {
    while let Some(event) = incoming.recv().await {
        let scan = match event {
            FolderEvent::Arrived(arrived) => match keep_picture(arrived, &evidence, clock).await {
                Ok(scan) => scan,
                Err((held, error)) => {
                    // It is held, and found again as stale when the program starts.
                    tracing::error!(%held, %error, "a picture could not be made durable");
                    let reason = format!("{held} could not be made durable: {error}").into();
                    Scan::Link { device, state: LinkState::Down { reason } }
                }
            },
            FolderEvent::SetAside { device, name, reason } => Scan::SetAside { device, name, reason },
            FolderEvent::Link { down: None, .. } => Scan::Link { device, state: LinkState::Up },
            FolderEvent::Link { down: Some(reason), .. } => {
                Scan::Link { device, state: LinkState::Down { reason: reason.into() } }
            }
        };
        if scans.send(scan).await.is_err() {
            return;
        }
    }
}

async fn keep_picture(
    mut arrived: field::folder::Arrived,
    evidence: &EvidenceFiles,
    clock: Clock,
) -> Result<Scan, (String, String)> {
    let (store, bytes) = (evidence.clone(), std::mem::take(&mut arrived.bytes));
    let (size, sidecar) = (bytes.len() as u64, arrived.sidecar.take());
    let put = move || {
        let sidecar = sidecar.map(|sidecar| store.put(&sidecar.bytes)).transpose()?;
        Ok((store.put_known(&bytes)?, sidecar))
    };
    let kept = match tokio::task::spawn_blocking(put).await {
        Ok(kept) => kept.map_err(|error: EvidenceError| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    };
    let ((kept, known), sidecar) = kept.map_err(|error| (arrived.path.display().to_string(), error))?;
    let arrival = match arrived.made(known, clock) {
        Ok(made) => Arrival::Fresh { made },
        Err(reason) => Arrival::Stale { reason: reason.into() },
    };
    let field::folder::Arrived { device, path, decoded, name, .. } = arrived;
    let picture = Picture {
        sha256: kept.sha256.as_str().into(),
        image: None,
        media_type: decoded.format.media_type().into(),
        size,
        width: decoded.width,
        height: decoded.height,
        bits: decoded.bits,
        form: decoded.form.word().into(),
        views: decoded.views.len(),
        sidecar: sidecar.map(|sidecar| sidecar.sha256.as_str().into()),
        name: name.into(),
        device,
        arrival,
    };
    Ok(Scan::Picture { picture, path })
}

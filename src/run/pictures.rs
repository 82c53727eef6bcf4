//! From a watched folder to evidence: a picture is durable before the lane hears of it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::control::Scan;
use crate::field::decoder::{Bytes, Decoder};
use crate::field::folder::FolderEvent;
use crate::field::{self, LinkState};
use crate::image::feed::Feed;
use crate::image::of_picture;
use crate::journal::{EvidenceError, EvidenceFiles};
use crate::lane::{Arrival, Picture};

/// Watches every folder into which a device drops pictures, until `stop`.
pub(super) fn watch_folders(
    config: &Config,
    evidence: &EvidenceFiles,
    clock: Clock,
    scans: &mpsc::Sender<Scan>,
    feed: &Feed,
    stop: &CancellationToken,
) {
    for (number, device) in config.devices.iter().enumerate() {
        let Some(dir) = device.folder() else { continue };
        let (events, incoming) = mpsc::channel(2);
        let (id, decoder) = (device.id.shared(), Decoder::default());
        tokio::spawn(field::folder::watch(id, dir.clone(), decoder.clone(), clock, events, stop.clone()));
        let screens = Screens { decoder, feed: feed.clone() };
        tokio::spawn(keep_pictures(number, incoming, evidence.clone(), scans.clone(), clock, screens));
    }
}

/// Makes each picture durable before the lane hears of it.
async fn keep_pictures(
    device: usize,
    mut incoming: mpsc::Receiver<FolderEvent>,
    evidence: EvidenceFiles,
    scans: mpsc::Sender<Scan>,
    clock: Clock,
    screens: Screens,
) {
    while let Some(event) = incoming.recv().await {
        let mut shown = None;
        let scan = match event {
            FolderEvent::Arrived(arrived) => match keep_picture(arrived, &evidence, clock).await {
                Ok((picture, path, file)) => {
                    shown = Some((picture.sha256.clone(), file)).filter(|_| picture.arrival.is_fresh());
                    Scan::Picture { picture, path: Some(path) }
                }
                Err((held, error)) => {
                    // It is held, and found again as stale when the program starts.
                    tracing::error!(%held, %error, "a picture could not be made durable");
                    let reason = format!("{held} could not be made durable: {error}").into();
                    Scan::Link { device, state: LinkState::Down { reason } }
                }
            },
            FolderEvent::SetAside { device, name, reason } => Scan::SetAside { device, name, reason },
            FolderEvent::Link { down: None, .. } => {
                screens.feed.link(true);
                Scan::Link { device, state: LinkState::Up }
            }
            FolderEvent::Link { down: Some(reason), .. } => {
                screens.feed.link(false);
                Scan::Link { device, state: LinkState::Down { reason: reason.into() } }
            }
        };
        if scans.send(scan).await.is_err() {
            return;
        }
        // Behind the lane: what the picture is of has been asked by the time the desks see it.
        if let Some((image, file)) = shown {
            screens.show(image, file).await;
        }
    }
}

/// Where finished pictures are shown, and who decodes them.
struct Screens {
    decoder: Decoder,
    feed: Feed,
}

impl Screens {
    /// Sends a finished picture the way of a detector's lines: its columns.
    async fn show(&self, image: Arc<str>, file: File) {
        let bytes = Bytes { file: &file.bytes, sidecar: file.sidecar.as_deref() };
        let picture = match self.decoder.picture(bytes).await {
            Ok(picture) => picture,
            Err(failure) => {
                // It was whole a moment ago.
                tracing::error!(%image, ?failure, "a picture that is evidence could not be shown");
                return;
            }
        };
        let feed = self.feed.clone();
        let shown = tokio::task::spawn_blocking(move || {
            let finished = of_picture(&picture);
            feed.begin(image.clone(), finished.format());
            finished.lines().for_each(|line| feed.line(&image, line));
            feed.end(&image, &finished.outcome());
        });
        if let Err(panic) = shown.await {
            tracing::error!(%panic, "a picture that is evidence could not be shown");
        }
    }
}

/// The bytes of a picture as they arrived.
struct File {
    bytes: Vec<u8>,
    sidecar: Option<Vec<u8>>,
}

async fn keep_picture(
    mut arrived: field::folder::Arrived,
    evidence: &EvidenceFiles,
    clock: Clock,
) -> Result<(Picture, PathBuf, File), (String, String)> {
    let (store, bytes) = (evidence.clone(), std::mem::take(&mut arrived.bytes));
    let (size, sidecar) = (bytes.len() as u64, arrived.sidecar.take().map(|sidecar| sidecar.bytes));
    let file = File { bytes, sidecar };
    let put = move || {
        let sidecar = file.sidecar.as_ref().map(|sidecar| store.put(sidecar)).transpose()?;
        Ok((store.put_known(&file.bytes)?, sidecar, file))
    };
    let kept = match tokio::task::spawn_blocking(put).await {
        Ok(kept) => kept.map_err(|error: EvidenceError| error.to_string()),
        Err(panic) => Err(panic.to_string()),
    };
    let ((kept, known), sidecar, file) = kept.map_err(|error| (arrived.path.display().to_string(), error))?;
    let arrival = match arrived.made(known, clock) {
        Ok(made) => Arrival::Fresh { made },
        Err(reason) => Arrival::Stale { reason: reason.into() },
    };
    let field::folder::Arrived { device, path, decoded, name, .. } = arrived;
    let picture = Picture {
        sha256: kept.sha256.as_str().into(),
        image: None,
        presentation: None,
        outcome: None,
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
    Ok((picture, path, file))
}

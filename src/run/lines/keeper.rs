//! Makes finished images durable, and tells the lane of each once it is.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use tokio::sync::mpsc;

use super::Parts;
use crate::control::Scan as Told;
use crate::image::files::{presentation_png, tiff16};
use crate::image::material::Table;
use crate::image::render::{Rendered, Shades, render};
use crate::image::{Outcome, Scan};
use crate::journal::EvidenceFiles;
use crate::lane::{Arrival, Picture};

/// Images that wait to be kept, beside the one that is: behind them the belt's lines wait.
const WAITING: usize = 1;

/// An image that has ended.
pub(super) struct Kept {
    /// What the desks call it.
    pub(super) id: Arc<str>,
    /// Its lines.
    pub(super) scan: Scan,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// When its subject left the beam.
    pub(super) made: Moment,
}

enum Job {
    Keep(Kept),
    Remember(Vec<u8>),
}

/// The way to the task that keeps what a detector brings.
pub(super) struct Keeper {
    device: Arc<str>,
    jobs: mpsc::Sender<Job>,
}

impl Keeper {
    /// Starts it for `device`; what the next run shall remember goes to `memory`. It ends with the handle.
    /// The lane hears of an image no earlier than `hold` after its subject left the beam.
    pub(super) fn start(device: Arc<str>, parts: &Parts, memory: PathBuf, hold: Duration) -> Self {
        let (jobs, mut waiting) = mpsc::channel(WAITING);
        let (evidence, scans, id, clock) = (parts.evidence.clone(), parts.scans.clone(), device.clone(), parts.clock);
        let materials = parts.materials.clone();
        tokio::spawn(async move {
            while let Some(job) = waiting.recv().await {
                match job {
                    Job::Keep(kept) => {
                        let due = kept.made + hold;
                        let told = keep(kept, id.clone(), evidence.clone(), materials.clone()).await;
                        tokio::time::sleep(clock.until(due)).await;
                        if scans.send(told).await.is_err() {
                            return;
                        }
                    }
                    Job::Remember(bytes) => remember(memory.clone(), bytes).await,
                }
            }
        });
        Self { device, jobs }
    }

    /// Whose images it keeps.
    pub(super) const fn device(&self) -> &Arc<str> {
        &self.device
    }

    /// Keeps an image; waits while another one waits.
    pub(super) async fn keep(&self, kept: Kept) {
        // It ends only when the lane has.
        let _ = self.jobs.send(Job::Keep(kept)).await;
    }

    /// Keeps the lines of a calibration for the next run.
    pub(super) async fn remember(&self, bytes: Vec<u8>) {
        let _ = self.jobs.send(Job::Remember(bytes)).await;
    }
}

async fn keep(kept: Kept, device: Arc<str>, evidence: EvidenceFiles, materials: Option<Arc<Table>>) -> Told {
    let (id, name) = (kept.id.clone(), device.clone());
    let put = tokio::task::spawn_blocking(move || put(&kept, device, &evidence, materials.as_deref())).await;
    match put.map_err(|panic| panic.to_string()).and_then(|put| put) {
        Ok(picture) => Told::Picture { picture, path: None },
        Err(error) => {
            tracing::error!(device = %name, image = %id, error, "an image could not be made durable");
            let reason = format!("the image could not be made durable: {error}");
            Told::SetAside { device: name, name: id.to_string(), reason }
        }
    }
}

/// For processing first: without it there is no evidence, without the other it can be drawn again.
fn put(kept: &Kept, device: Arc<str>, evidence: &EvidenceFiles, materials: Option<&Table>) -> Result<Picture, String> {
    let Kept { id, scan, outcome, made } = kept;
    let format = scan.format();
    let bytes = tiff16(scan).map_err(|error| error.to_string())?;
    let raw = evidence.put(&bytes).map_err(|error| error.to_string())?;
    let drawn =
        drawn(scan, materials).map(|drawn| presentation_png(&drawn).map_err(|error| error.to_string())).transpose()?;
    let drawn = drawn.map(|bytes| evidence.put(&bytes)).transpose().map_err(|error| error.to_string())?;
    Ok(Picture {
        sha256: raw.sha256.as_str().into(),
        media_type: "image/tiff".into(),
        size: raw.size,
        width: outcome.lines,
        height: format.pixels,
        bits: 16,
        form: "raw".into(),
        views: usize::from(format.views) * usize::from(format.energies),
        image: Some(id.clone()),
        presentation: drawn.map(|drawn| drawn.sha256.as_str().into()),
        outcome: Some(outcome.clone()),
        sidecar: None,
        name: format!("{id}.tif").into(),
        device,
        arrival: Arrival::Fresh { made: *made },
    })
}

/// All views, the first at the top.
fn drawn(scan: &Scan, materials: Option<&Table>) -> Option<Rendered> {
    let mut views = (0..scan.format().views).filter_map(|view| render(scan, view, materials));
    let mut all = views.next()?;
    for view in views {
        match (&mut all.shades, view.shades) {
            (Shades::Grey(all), Shades::Grey(more)) | (Shades::Colour(all), Shades::Colour(more)) => all.extend(more),
            (Shades::Grey(_), Shades::Colour(_)) | (Shades::Colour(_), Shades::Grey(_)) => continue,
        }
        all.height += view.height;
    }
    Some(all)
}

async fn remember(path: PathBuf, bytes: Vec<u8>) {
    let kept = tokio::task::spawn_blocking(move || replace(&path, &bytes)).await;
    match kept {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the calibration is lost with this run: it could not be kept"),
        Err(panic) => tracing::error!(%panic, "the calibration is lost with this run"),
    }
}

/// What stands under the name is whole at any time.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

//! From a detector's lines to images on desks and in evidence.
//!
//! ```text
//!  field::lines ──Heard──► Calibrating ──data──► Processor ──Step──► Feed ──► desks, line by line
//!                              └ dark, white: a new Processor  └─End─► Keeper: evidence, then the lane
//! ```
//! One task makes the images of a detector; another makes them durable, so that a slow disk does not hold up the belt's
//! next subject until there is more than one to keep.

mod calibrating;
mod keeper;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::lines::Detector;
use portside_devices::moment::Moment;
use portside_devices::reading::{Quality, Reading, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::calibrating::{Calibrating, Said};
use self::keeper::{Keeper, Kept};
use crate::clock::Clock;
use crate::config::{Config, Traffic, Way};
use crate::control::Scan as Told;
use crate::field::FieldEvent;
use crate::field::lines::{self, Heard, LinesEvent, LinesHandle, LinesSpec};
use crate::image::feed::Feed;
use crate::image::material::Table;
use crate::image::{Calibration, Flaw, Format, Outcome, Processor, Scan, Segmentation, Step};
use crate::journal::EvidenceFiles;

/// Bundles of lines that may wait for the processor; behind them TCP holds the detector back.
const BUNDLES_WAITING: usize = 8;
/// A vehicle and its trailer are one subject: a clear stretch up to this long belongs to it.
const VEHICLE_GAP_UM: u32 = 2_000_000;
/// Longest vehicle that is one image.
const VEHICLE_UM: u32 = 30_000_000;
/// Polls and turns of the control task on top of what a belt's place is not known by.
const BELT_ROUND: Duration = Duration::from_millis(300);
/// How often readings of images are told at most.
const READINGS: Duration = Duration::from_secs(1);

/// Where images go and what they need.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) evidence: EvidenceFiles,
    pub(super) feed: Feed,
    pub(super) materials: Option<Arc<Table>>,
    pub(super) clock: Clock,
    pub(super) scans: mpsc::Sender<Told>,
    pub(super) events: mpsc::Sender<FieldEvent>,
}

/// Listens to every detector of the lane file, until `stop`.
pub(super) fn start(config: &Config, parts: &Parts, stop: &CancellationToken) -> Vec<LinesHandle> {
    let mut handles = Vec::new();
    for (index, device) in config.devices.iter().enumerate() {
        let Some((on, detector)) = device.lines().and_then(|on| Some((on, on.profile.detector.clone()?))) else {
            continue;
        };
        let (id, detector) = (device.id.shared(), Arc::new(detector));
        let spec = LinesSpec { id: id.clone(), index, medium: on.medium.clone(), detector: detector.clone() };
        let (lines, heard) = mpsc::channel(BUNDLES_WAITING);
        handles.push(lines::listen(spec, parts.clock, lines, parts.events.clone(), stop.clone()));
        let format = format_of(&detector);
        let memory = config.store.dir.join("calibration").join(format!("{id}.lines"));
        let keeper = Keeper::start(id, parts, memory.clone(), hold(config));
        let settings = segmentation(config, &detector);
        tokio::spawn(Maker::new(index, &detector, format, settings, parts.clone(), keeper).run(heard, memory));
    }
    handles
}

/// What a detector's images are.
fn format_of(detector: &Detector) -> Format {
    Format {
        pixels: detector.pixels,
        energies: detector.energies,
        views: detector.views,
        pitch_um: detector.pitch_um,
        line_um: detector.line_um,
        live: true,
        raw: true,
    }
}

/// The belt's sensors say where a subject is only so exactly: an image that comes before they let its subject leave the
/// beam would be nobody's.
fn hold(config: &Config) -> Duration {
    match &config.way {
        Way::Belt(belt) => {
            let apart = belt.images.source_mm * belt.tolerance + belt.slack_mm + belt.slip_mm;
            Duration::try_from_secs_f64(apart / belt.speed).unwrap_or_default() + BELT_ROUND
        }
        Way::Gate(_) => Duration::ZERO,
    }
}

/// What is a subject on this lane.
fn segmentation(config: &Config, detector: &Detector) -> Segmentation {
    let usual = Segmentation::default();
    let lines = |um: u32, least: u32| um.checked_div(detector.line_um).map_or(least, |lines| lines.max(least));
    match (&config.way, config.lane.traffic) {
        (Way::Gate(_), Traffic::Vehicle) => Segmentation {
            lead_out: lines(VEHICLE_GAP_UM, usual.lead_out),
            lines_max: lines(VEHICLE_UM, usual.lines_max),
            ..usual
        },
        (Way::Belt(belt), _) => Segmentation { lead_out: lines((belt.gap_mm * 1e3) as u32, 16), ..usual },
        (Way::Gate(_), Traffic::Baggage | Traffic::Parcel | Traffic::Person) => usual,
    }
}

/// An image that grows.
struct Open {
    id: Arc<str>,
    scan: Scan,
}

/// Makes the images of one detector.
struct Maker {
    index: usize,
    format: Format,
    settings: Segmentation,
    parts: Parts,
    keeper: Keeper,
    calibrating: Calibrating,
    /// `None` until it is calibrated.
    processor: Option<Processor>,
    open: Option<Open>,
    /// A line of a subject takes this long.
    line: Duration,
    /// When the last lines came.
    heard: Moment,
    lost: (u64, Moment),
}

impl Maker {
    fn new(
        index: usize,
        detector: &Arc<Detector>,
        format: Format,
        settings: Segmentation,
        parts: Parts,
        keeper: Keeper,
    ) -> Self {
        let now = parts.clock.moment();
        Self {
            index,
            calibrating: Calibrating::new(detector.clone(), format.clone()),
            format,
            settings,
            parts,
            keeper,
            processor: None,
            open: None,
            line: Duration::from_secs(1) / detector.rate.max(1),
            heard: now,
            lost: (0, now),
        }
    }

    async fn run(mut self, mut events: mpsc::Receiver<LinesEvent>, memory: PathBuf) {
        self.remember(memory).await;
        while let Some(event) = events.recv().await {
            match event {
                LinesEvent::Begun => self.calibrating.begun(),
                LinesEvent::Link { up } => self.parts.feed.link(up),
                LinesEvent::Silence => self.silence().await,
                LinesEvent::Lines { at, lines } => {
                    self.heard = at;
                    for heard in lines {
                        self.take(heard).await;
                    }
                    self.tell_lost().await;
                }
            }
        }
    }

    /// The calibration of an earlier run holds until the machine takes another.
    async fn remember(&mut self, memory: PathBuf) {
        let fixed = self.calibrating.fixed();
        let bytes = tokio::task::spawn_blocking(move || std::fs::read(memory)).await;
        let remembered = || bytes.ok().and_then(Result::ok).and_then(|bytes| self.calibrating.remembered(&bytes));
        match fixed.or_else(remembered) {
            Some(calibration) => self.calibrated(calibration).await,
            None => {
                let reason =
                    "no image is made before dark and white lines have come: have the machine calibrate itself";
                self.tell("calibration", Err(reason.to_owned())).await;
            }
        }
    }

    async fn take(&mut self, heard: Heard) {
        match self.calibrating.take(heard) {
            Said::Data(line) => {
                let Some(processor) = &mut self.processor else { return };
                let steps = processor.line(line);
                self.follow(steps).await;
            }
            // What comes behind dark and white lines does not join what was before them.
            Said::Begins => self.silence().await,
            Said::Taken => {}
            Said::Calibrated { calibration, memory } => {
                if let Some(memory) = memory {
                    self.keeper.remember(memory).await;
                }
                self.calibrated(calibration).await;
            }
            Said::Failed(error) => self.tell("calibration", Err(error.to_string())).await,
        }
    }

    async fn calibrated(&mut self, calibration: Calibration) {
        self.silence().await;
        let bad = calibration.bad().len();
        tracing::info!(device = %self.keeper.device(), bad, "the detector is calibrated");
        self.tell("calibration", Ok(Value::Text("taken".to_owned()))).await;
        self.tell("bad_elements", Ok(Value::Int(i64::try_from(bad).unwrap_or(i64::MAX)))).await;
        self.processor = Some(Processor::new(self.format.clone(), calibration, self.settings.clone()));
    }

    async fn silence(&mut self) {
        let steps = self.processor.as_mut().map(Processor::silence).unwrap_or_default();
        self.follow(steps).await;
    }

    async fn follow(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Begin => {
                    let id: Arc<str> = Uuid::now_v7().to_string().into();
                    self.parts.feed.begin(id.clone(), &self.format);
                    self.open = Some(Open { id, scan: Scan::new(self.format.clone()) });
                }
                Step::Line(line) => {
                    if let Some(open) = &mut self.open {
                        open.scan.add(&line);
                        self.parts.feed.line(&open.id, line);
                    }
                }
                Step::End(outcome) => {
                    if let Some(Open { id, scan }) = self.open.take() {
                        self.parts.feed.end(&id, &outcome);
                        let made = self.left(&outcome);
                        self.keeper.keep(Kept { id, scan, outcome, made }).await;
                    }
                }
            }
        }
    }

    /// When the subject left the beam: before the quiet lines that ended its image, unless something else did.
    fn left(&self, outcome: &Outcome) -> Moment {
        let quiet = !outcome.flaws.iter().any(|flaw| matches!(flaw, Flaw::Incomplete | Flaw::Oversize));
        let behind = if quiet { self.line * self.settings.lead_out } else { Duration::ZERO };
        let nanos = u64::try_from(behind.as_nanos()).unwrap_or(u64::MAX);
        Moment::from_nanos(self.heard.as_nanos().saturating_sub(nanos))
    }

    async fn tell_lost(&mut self) {
        let Some(lost) = self.processor.as_ref().map(|processor| processor.counts().lost) else { return };
        let now = self.parts.clock.moment();
        if lost != self.lost.0 && now.since(self.lost.1) > READINGS {
            self.lost = (lost, now);
            self.tell("lines_lost", Ok(Value::Int(i64::try_from(lost).unwrap_or(i64::MAX)))).await;
        }
    }

    /// A reading of the detector; `Err` says why there is none.
    async fn tell(&self, point: &str, said: Result<Value, String>) {
        let at = self.parts.clock.moment();
        let (value, quality) = match said {
            Ok(value) => (Some(value), Quality::Good),
            Err(reason) => (None, Quality::Bad(reason)),
        };
        let readings = vec![Reading { point: point.into(), value, quality, at }];
        // A control task that is gone needs no reading.
        let _ = self.parts.events.send(FieldEvent::Batch { device: self.index, at, readings }).await;
    }
}

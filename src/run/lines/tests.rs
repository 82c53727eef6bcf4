//! A simulated detector on a real socket, the real link, processor, feed and evidence.

use std::net::{Ipv4Addr, SocketAddr};

use portside_devices::library::Library;
use portside_devices::lines::{Arrangement, Sample};

use super::*;
use crate::field::LinkState;
use crate::field::medium::Medium;
use crate::field::picture::{Energy, decode};
use crate::image::feed;
use crate::lane::Picture;
use crate::simulate::detector::{Fault, LineDetector, Quality as Panel, Subject};
use crate::simulate::phantom::beam::Pair;
use crate::simulate::phantom::scene::Scene;

/// Lines of a subject.
const LONG: u32 = 120;

/// Only so that what never comes fails the test instead of stopping it.
const HANG: Duration = Duration::from_secs(120);

async fn hangs<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, waiting).await.unwrap_or_else(|_| panic!("waited {} s for {what}", HANG.as_secs()))
}

struct Site {
    source: LineDetector,
    feed: Feed,
    told: mpsc::Receiver<Told>,
    readings: mpsc::Receiver<FieldEvent>,
    evidence: EvidenceFiles,
    memory: PathBuf,
    detector: Arc<Detector>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

fn detector() -> Detector {
    let profile = Library::shipped().get("xray/generic-cargo-lines").unwrap().unwrap();
    let shipped = profile.detector.clone().unwrap();
    Detector {
        pixels: 48,
        rate: 400,
        idle: portside_devices::lines::Idle::Lines,
        silence: Duration::from_millis(400),
        arrangement: Arrangement::PixelHighFirst,
        sample: Sample { bits: 14, ..shipped.sample },
        calibration: portside_devices::lines::Calibration::Flagged { lines: 32 },
        ..shipped
    }
}

impl Site {
    async fn start() -> Self {
        let (dir, clock, stop) = (tempfile::tempdir().unwrap(), Clock::start(), CancellationToken::new());
        let detector = Arc::new(detector());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let source = LineDetector::start((*detector).clone(), Panel::default(), 7, any, clock, stop.clone());
        let source = source.await.unwrap();
        let (scans, told) = mpsc::channel(8);
        let (events, readings) = mpsc::channel(4_096);
        let (evidence, _) = EvidenceFiles::open(dir.path()).unwrap();
        let feed = Feed::new(feed::Settings::default(), clock);
        let memory = dir.path().join("calibration/xr.lines");
        let parts = Parts {
            evidence: evidence.clone(),
            feed: feed.clone(),
            materials: None,
            clock,
            scans,
            events: events.clone(),
        };
        let (lines, heard) = mpsc::channel(BUNDLES_WAITING);
        let medium = Medium::tcp("127.0.0.1", source.address().port());
        let spec = LinesSpec { id: "xr".into(), index: 3, medium, detector: detector.clone() };
        drop(lines::listen(spec, clock, lines, events, stop.clone()));
        let keeper = Keeper::start("xr".into(), &parts, memory.clone(), Duration::ZERO);
        let settings = Segmentation { lead_in: 8, lead_out: 16, ..Segmentation::default() };
        let maker = Maker::new(3, &detector, format_of(&detector), settings, parts, keeper);
        tokio::spawn(maker.run(heard, memory.clone()));
        Self { source, feed, told, readings, evidence, memory, detector, stop, _dir: dir }
    }

    fn put(&self, seed: u64, faults: &[(u32, Fault)]) {
        let size = (LONG, self.detector.pixels);
        self.source.put_with(Subject::of(&Scene::bag(seed), &Pair::baggage(), size, 2, 1), 60, faults);
    }

    /// Waits until the detector is heard again.
    async fn up(&mut self) {
        while !matches!(
            hangs("the link", self.readings.recv()).await,
            Some(FieldEvent::Link { state: LinkState::Up, .. })
        ) {}
    }

    async fn picture(&mut self) -> Picture {
        match hangs("an image", self.told.recv()).await {
            Some(Told::Picture { picture, path: None }) => picture,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a reading of `point` that is good.
    async fn reading(&mut self, point: &str) -> Value {
        loop {
            if let Some(FieldEvent::Batch { readings, .. }) = hangs(point, self.readings.recv()).await {
                let found = readings.into_iter().find(|reading| &*reading.point == point && reading.quality.is_good());
                if let Some(value) = found.and_then(|reading| reading.value) {
                    return value;
                }
            }
        }
    }
}

fn flaws(picture: &Picture) -> Vec<Flaw> {
    picture.outcome.as_ref().unwrap().flaws.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_becomes_the_same_image_on_the_desks_and_in_evidence() {
    let mut site = Site::start().await;
    assert_eq!(site.reading("bad_elements").await, Value::Int(4));
    site.put(1, &[]);
    let picture = site.picture().await;
    let image = picture.image.clone().unwrap();
    assert_eq!((picture.height, picture.views, picture.bits, &*picture.form), (48, 2, 16, "raw"));
    assert_eq!(flaws(&picture), []);
    assert!((LONG..LONG + 40).contains(&picture.width), "{} lines", picture.width);

    let shown = site.feed.snapshot(&image).unwrap();
    assert_eq!(shown.outcome.as_ref(), picture.outcome.as_ref());
    let file = decode(&site.evidence.read(&picture.sha256).unwrap(), None).unwrap();
    let energies: Vec<_> = file.header.views.iter().map(|view| view.energy).collect();
    assert_eq!(energies, [Some(Energy::Low), Some(Energy::High)]);
    let sample = |energy: usize, line: usize, pixel: usize| {
        let at = 2 * (energy * 48 * picture.width as usize + pixel * picture.width as usize + line);
        u16::from_le_bytes([file.samples[at], file.samples[at + 1]])
    };
    for line in 0..picture.width as usize {
        let stored = shown.views[0][line].as_ref().unwrap();
        for place in [0, 5, 47, 48, 95] {
            assert_eq!(stored.samples[place], sample(place / 48, line, place % 48), "line {line}, sample {place}");
        }
    }
    let drawn = site.evidence.read(picture.presentation.as_ref().unwrap()).unwrap();
    let drawn = decode(&drawn, None).unwrap().header;
    assert_eq!((drawn.width, drawn.height), (picture.width, 48));
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_lines_are_filled_marked_and_counted_and_garbage_costs_nothing() {
    let mut site = Site::start().await;
    site.reading("calibration").await;
    let garbage = vec![0x4C, 0x58, 0x43, 0x31, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    site.put(2, &[(40, Fault::Garbage(garbage)), (60, Fault::Lose(5))]);
    let picture = site.picture().await;
    assert_eq!(flaws(&picture), [Flaw::Gaps]);
    assert_eq!(picture.outcome.as_ref().unwrap().filled, 5);
    let shown = site.feed.snapshot(picture.image.as_ref().unwrap()).unwrap();
    let filled = shown.views[0].iter().flatten().filter(|line| line.filled).count();
    assert_eq!(filled, 5);
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_ends_an_image_incomplete_and_the_next_one_is_whole_again() {
    let mut site = Site::start().await;
    site.up().await;
    site.reading("calibration").await;
    site.put(3, &[(60, Fault::Cut)]);
    let half = site.picture().await;
    assert_eq!(flaws(&half), [Flaw::Incomplete]);
    assert!(half.width < LONG, "{} lines", half.width);
    // What was left of the subject when the link was up again began in its middle.
    let rest = site.picture().await;
    assert_eq!(flaws(&rest), [Flaw::Incomplete]);
    assert_ne!(half.image, rest.image);
    site.put(4, &[]);
    assert_eq!(flaws(&site.picture().await), []);
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detector_that_stalls_leaves_an_image_incomplete() {
    let mut site = Site::start().await;
    site.up().await;
    site.reading("calibration").await;
    site.put(5, &[(60, Fault::Stall(Duration::from_millis(900)))]);
    assert_eq!(flaws(&site.picture().await), [Flaw::Incomplete]);
    // The subject is through by the time that lines come again.
    site.up().await;
    site.put(6, &[]);
    assert_eq!(flaws(&site.picture().await), []);
    site.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_remembers_the_calibration() {
    let mut site = Site::start().await;
    site.reading("calibration").await;
    site.put(7, &[]);
    site.picture().await;
    // The keeper does one thing after the other: what came before the image is on the disk.
    let calibrating = Calibrating::new(site.detector.clone(), format_of(&site.detector));
    let remembered = calibrating.remembered(&std::fs::read(&site.memory).unwrap()).unwrap();
    assert_eq!(remembered.bad().len(), 4);
    site.stop.cancel();
}

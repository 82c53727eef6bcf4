//! Pictures of the lane at the instants that matter.
//!
//! ```text
//!  record of the lane ──► decisive? ──► newest frame of each camera ──► worker: evidence, then record
//!                                       (they lie ready, nobody waits)
//! ```
//! The release and the arm never wait for a picture: the frames are taken at the instant, everything that takes time is
//! done by a task of its own. A camera that has no picture to give is named in the record with the reason.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portside_devices::moment::Moment;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::doubts::Doubts;
use super::scribe::Scribe;
use crate::clock::{Clock, rfc3339_millis};
use crate::config::Decisive;
use crate::field::camera::{CameraState, Eye, Frame};
use crate::journal::{Draft, EvidenceFiles, Stream};
use crate::lane::{Note, Topic};

/// Snapshots that may wait for the disk with their pictures; of more only the record is kept, and says so.
const WAITING_MAX: usize = 32;
/// One kind of alarm gives a picture at most this often.
const ALARM_EVERY: Duration = Duration::from_secs(10);
/// What happens to one inspection within this time is one instant: no camera's newest frame would be another.
const ONE_INSTANT: Duration = Duration::from_millis(40);

/// One camera of the lane, and at which instants its picture is kept.
#[derive(Clone, Debug)]
pub struct Camera {
    /// What can be seen of it.
    pub eye: Eye,
    /// When its picture is kept.
    pub instants: Vec<Decisive>,
}

/// The control task's end: looks at every record of the lane and takes pictures at the decisive ones.
#[derive(Debug)]
pub struct Snapshots {
    cameras: Vec<Camera>,
    takes: mpsc::UnboundedSender<Take>,
    waiting: Arc<AtomicUsize>,
    clock: Clock,
    /// What was looked at within [`ALARM_EVERY`].
    recent: Vec<(Decided, Moment)>,
    doubts: Doubts,
}

/// What was there at one instant.
#[derive(Debug)]
struct Take {
    of: Decided,
    time: Timestamp,
    pictures: Vec<Picture>,
    missing: Vec<Missing>,
}

#[derive(Debug)]
struct Picture {
    camera: Arc<str>,
    frame: Arc<Frame>,
    age: Duration,
}

#[derive(Debug)]
struct Missing {
    camera: Arc<str>,
    why: String,
}

/// A record that is a decisive instant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decided {
    instant: Decisive,
    kind: &'static str,
    place: Place,
}

impl Decided {
    /// Whether pictures of `self` show `later` as well, which happened `after` it.
    fn covers(&self, later: &Self, after: Duration) -> bool {
        let same = self.instant == later.instant;
        let alarm = self.instant == Decisive::Alarm;
        same && if alarm { self.kind == later.kind } else { self.place == later.place && after < ONE_INSTANT }
    }
}

/// Where the record of the pictures belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Inspection(Arc<str>),
    /// An alarm while nobody is in the lane.
    Alarm(Arc<str>),
    /// A movement while nobody is in the lane.
    Device(Arc<str>),
}

impl Snapshots {
    /// Starts the worker. It ends when everything that was taken is on record and this is dropped.
    pub fn start(
        cameras: Vec<Camera>,
        evidence: EvidenceFiles,
        scribe: Scribe,
        clock: Clock,
    ) -> (Self, JoinHandle<()>) {
        let (takes, mut incoming) = mpsc::unbounded_channel::<Take>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = waiting.clone();
        let worker = tokio::spawn(async move {
            while let Some(take) = incoming.recv().await {
                keep(take, &evidence, &scribe).await;
                left.fetch_sub(1, Ordering::Relaxed);
            }
        });
        let doubts = Doubts::of(cameras.len());
        (Self { cameras, takes, waiting, clock, recent: Vec::new(), doubts }, worker)
    }

    /// Takes what each camera shows if one of `notes` is a decisive instant. Waits for nothing.
    pub(super) fn look(&mut self, notes: &[Note], now: Moment) {
        if self.cameras.is_empty() {
            return;
        }
        self.recent.retain(|(_, at)| now.since(*at) < ALARM_EVERY);
        for of in notes.iter().filter_map(decided) {
            if !self.recent.iter().any(|(seen, at)| seen.covers(&of, now.since(*at))) {
                self.recent.push((of.clone(), now));
                self.take(of, now);
            }
        }
    }

    /// What is new about the eyes themselves: camera, and what it is doubted for, or `None` when it is clear again.
    pub(super) fn doubts(
        &mut self,
        now: Moment,
        empty: impl FnOnce() -> bool,
    ) -> Vec<(Arc<str>, Option<&'static str>)> {
        if self.cameras.is_empty() || !self.doubts.is_due(now) {
            return Vec::new();
        }
        let empty = empty();
        let seen = |camera: &Camera| shown(&camera.eye).filter(|_| empty).map(|frame| frame.blemish.doubt());
        let cameras = self.cameras.iter().enumerate();
        let news = cameras
            .filter_map(|(at, camera)| Some((camera.eye.id().clone(), self.doubts.seen(at, seen(camera), now)?)));
        news.collect()
    }

    fn take(&self, of: Decided, now: Moment) {
        let asked = self.cameras.iter().filter(|camera| camera.instants.contains(&of.instant));
        let room = self.waiting.load(Ordering::Relaxed) < WAITING_MAX;
        let (mut pictures, mut missing) = (Vec::new(), Vec::new());
        for Camera { eye, .. } in asked {
            let camera = eye.id().clone();
            match shown(eye).filter(|_| room) {
                Some(frame) => pictures.push(Picture { camera, age: now.since(frame.made), frame }),
                None => missing.push(Missing { camera, why: why_not(eye, room) }),
            }
        }
        if pictures.is_empty() && missing.is_empty() {
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The worker ends only after this value.
        let _ = self.takes.send(Take { of, time: self.clock.wall(), pictures, missing });
    }

    /// How each camera stands, for `status`.
    pub(super) fn views(&self, now: Moment) -> Value {
        let view = |camera: &Camera| {
            let mut view = serde_json::to_value(camera.eye.state()).unwrap_or_default();
            view["id"] = json!(camera.eye.id());
            view["starts"] = json!(camera.eye.starts());
            let newest = camera.eye.newest();
            view["age_ms"] = json!(newest.as_ref().map(|frame| millis(now.since(frame.made))));
            view["doubt"] = json!(newest.and_then(|frame| frame.blemish.doubt()));
            view
        };
        self.cameras.iter().map(view).collect()
    }
}

/// The newest frame, if it shows the lane as it is: a frozen picture would be evidence of what was not.
fn shown(eye: &Eye) -> Option<Arc<Frame>> {
    match eye.state() {
        CameraState::Live => eye.newest(),
        CameraState::Unavailable { .. }
        | CameraState::Starting
        | CameraState::Stale { .. }
        | CameraState::Lost { .. } => None,
    }
}

fn why_not(eye: &Eye, room: bool) -> String {
    let state = eye.state();
    match state.complaint() {
        Some(complaint) => format!("{}: {complaint}", state.word()),
        None if !room => "the disk is too slow to keep its picture".to_owned(),
        None => "there was no frame yet".to_owned(),
    }
}

/// Whether a record is a decisive instant, and where its pictures belong.
fn decided(note: &Note) -> Option<Decided> {
    let instant = match note.kind {
        "inspection.opened" => Decisive::Arrival,
        "inspection.identified" => Decisive::Identified,
        "inspection.picture" => Decisive::Picture,
        "inspection.verdict.sealed" | "inspection.verdict.opened" => Decisive::Verdict,
        "inspection.released" | "inspection.override" => Decisive::Release,
        "arm.asked" if note.data["order"] == "open" => Decisive::Opening,
        "inspection.closed" => Decisive::Departed,
        _ if note.topic == Topic::Alarm => Decisive::Alarm,
        _ => return None,
    };
    let place = match (note.topic, note.data["inspection"].as_str()) {
        (Topic::Inspection, _) => Place::Inspection(note.subject.clone()),
        (Topic::Alarm | Topic::Device, Some(inspection)) => Place::Inspection(inspection.into()),
        (Topic::Alarm, None) => Place::Alarm(note.subject.clone()),
        (Topic::Device, None) => Place::Device(note.subject.clone()),
    };
    Some(Decided { instant, kind: note.kind, place })
}

/// Makes the pictures durable and puts them on record.
async fn keep(take: Take, evidence: &EvidenceFiles, scribe: &Scribe) {
    let Take { of, time, pictures, mut missing } = take;
    let mut kept = Vec::new();
    for Picture { camera, frame, age } in pictures {
        let (store, bytes) = (evidence.clone(), frame.clone());
        let put = tokio::task::spawn_blocking(move || store.put(&bytes.jpeg).map_err(|error| error.to_string())).await;
        match put.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(evidence) => kept.push(json!({
                "camera": camera, "sha256": evidence.sha256, "media_type": "image/jpeg", "size": evidence.size,
                "width": frame.width, "height": frame.height,
                "captured": rfc3339_millis(before(time, age)), "age_ms": millis(age), "doubt": frame.blemish.doubt(),
            })),
            Err(error) => missing.push(Missing { camera, why: format!("could not be made durable: {error}") }),
        }
    }
    let missing: Vec<Value> =
        missing.into_iter().map(|Missing { camera, why }| json!({ "camera": camera, "why": why })).collect();
    let data = json!({ "instant": of.instant.word(), "of": of.kind, "pictures": kept, "missing": missing });
    let (stream, kind, subject) = match &of.place {
        Place::Inspection(inspection) => (Stream::Inspection, "inspection.snapshot", inspection),
        Place::Alarm(device) => (Stream::Alarm, "alarm.snapshot", device),
        Place::Device(device) => (Stream::Device, "device.snapshot", device),
    };
    let draft = Draft::new(stream, kind, subject, time, data);
    if let Err(unkept) = scribe.keep_drafts(vec![draft], time).await {
        tracing::error!(kind = of.kind, %unkept, "pictures of the lane are not on record");
    }
}

fn before(time: Timestamp, age: Duration) -> Timestamp {
    SignedDuration::try_from(age).ok().and_then(|age| time.checked_sub(age).ok()).unwrap_or(time)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use portside_devices::camera::Blemish;

    use super::*;
    use crate::journal::{Identity, Journal, Options, Record, Seals};

    const JPEG: &[u8] = b"\xFF\xD8\xFF\x00\xFF\xD9";

    fn note(topic: Topic, kind: &'static str, subject: &str, data: Value) -> Note {
        Note { topic, kind, subject: subject.into(), data, secret: None }
    }

    fn of(instant: Decisive, kind: &'static str, place: Place) -> Option<Decided> {
        Some(Decided { instant, kind, place })
    }

    #[test]
    fn the_instants_that_matter_are_told_from_the_records() {
        let one = || Place::Inspection("i1".into());
        let inspection = |kind| decided(&note(Topic::Inspection, kind, "i1", json!({})));
        assert_eq!(inspection("inspection.opened"), of(Decisive::Arrival, "inspection.opened", one()));
        assert_eq!(inspection("inspection.override"), of(Decisive::Release, "inspection.override", one()));
        assert_eq!(inspection("inspection.closed"), of(Decisive::Departed, "inspection.closed", one()));
        assert_eq!(inspection("inspection.entered"), None);
        let asked = |order: &str, inspection: Value| {
            decided(&note(Topic::Device, "arm.asked", "arm", json!({ "order": order, "inspection": inspection })))
        };
        assert_eq!(asked("open", json!("i1")), of(Decisive::Opening, "arm.asked", one()));
        assert_eq!(asked("open", Value::Null), of(Decisive::Opening, "arm.asked", Place::Device("arm".into())));
        assert_eq!(asked("close", json!("i1")), None);
        let alarm = decided(&note(Topic::Alarm, "alarm.arm_forced", "arm", json!({ "inspection": null })));
        assert_eq!(alarm, of(Decisive::Alarm, "alarm.arm_forced", Place::Alarm("arm".into())));
    }

    struct Stage {
        dir: tempfile::TempDir,
        journal: Journal,
        evidence: EvidenceFiles,
        snapshots: Snapshots,
        worker: JoinHandle<()>,
        clock: Clock,
    }

    /// A journal, and cameras in the states given, each with a frame.
    fn stage(cameras: &[(&str, CameraState, &[Decisive])]) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".into(), lane: "G03".into() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let (evidence, _) = EvidenceFiles::open(dir.path()).unwrap();
        let seals = Arc::new(Seals::open(dir.path(), &dir.path().join("key")).unwrap());
        let clock = Clock::start();
        let frame = || Frame {
            jpeg: JPEG.to_vec(),
            width: 8,
            height: 6,
            sequence: 1,
            made: clock.moment(),
            blemish: Blemish::default(),
        };
        let camera = |(id, state, instants): &(&str, CameraState, &[Decisive])| Camera {
            eye: Eye::scripted((*id).into(), state.clone(), Some(frame())),
            instants: instants.to_vec(),
        };
        let cameras = cameras.iter().map(camera).collect();
        let scribe = Scribe::start(journal.clone(), seals);
        let (snapshots, worker) = Snapshots::start(cameras, evidence.clone(), scribe, clock);
        Stage { dir, journal, evidence, snapshots, worker, clock }
    }

    impl Stage {
        /// Ends the worker; answers with the kinds and data of a stream, and the folder in which all lies.
        async fn records(self, stream: Stream) -> (tempfile::TempDir, Vec<(String, Value)>) {
            drop(self.snapshots);
            self.worker.await.unwrap();
            let stored = self.journal.reader().read(stream, 1, 100, 1 << 20).await.unwrap();
            let parsed = stored.iter().map(|stored| {
                let record = Record::parse(&stored.bytes).unwrap();
                (record.kind.to_string(), record.value())
            });
            let records = parsed.collect();
            self.journal.close().await;
            (self.dir, records)
        }
    }

    #[tokio::test]
    async fn a_release_keeps_what_each_camera_shows_and_names_those_that_show_nothing() {
        let lost = CameraState::Lost { reason: "no route to host".into() };
        let frozen = CameraState::Stale { why: crate::field::camera::Why::Frozen };
        let mut stage = stage(&[
            ("front", CameraState::Live, &[Decisive::Release]),
            ("rear", lost, &[Decisive::Release, Decisive::Alarm]),
            ("roof", frozen, &[Decisive::Release]),
            ("side", CameraState::Live, &[Decisive::Alarm]),
        ]);
        let now = stage.clock.moment() + Duration::from_millis(180);
        stage.snapshots.look(&[note(Topic::Inspection, "inspection.released", "i1", json!({}))], now);
        let evidence = stage.evidence.clone();
        let (_dir, records) = stage.records(Stream::Inspection).await;
        let [(kind, data)] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(
            (kind.as_str(), &data["instant"], &data["of"]),
            ("inspection.snapshot", &json!("release"), &json!("inspection.released"))
        );
        let picture = &data["pictures"][0];
        assert_eq!(data["pictures"].as_array().unwrap().len(), 1);
        assert_eq!((&picture["camera"], &picture["width"]), (&json!("front"), &json!(8)));
        assert!(picture["age_ms"].as_u64().unwrap() >= 180, "{picture}");
        assert_eq!(evidence.read(picture["sha256"].as_str().unwrap()).unwrap(), JPEG);
        assert_eq!(
            data["missing"],
            json!([
                { "camera": "rear", "why": "lost: no route to host" },
                { "camera": "roof", "why": "stale: its picture is frozen" },
            ])
        );
    }

    #[tokio::test]
    async fn one_instant_is_seen_once_and_one_kind_of_alarm_not_at_every_turn() {
        let mut stage = stage(&[("front", CameraState::Live, Decisive::ALL)]);
        let verdict = || note(Topic::Inspection, "inspection.verdict.opened", "i1", json!({}));
        let alarm = |kind| note(Topic::Alarm, kind, "arm", json!({ "inspection": null }));
        let now = stage.clock.moment();
        stage.snapshots.look(&[verdict(), verdict()], now);
        for seconds in [0, 1, 9, 10] {
            stage.snapshots.look(&[alarm("alarm.order_failed")], now + Duration::from_secs(seconds));
        }
        stage.snapshots.look(&[alarm("alarm.intrusion")], now + Duration::from_secs(1));
        let (_dir, records) = stage.records(Stream::Alarm).await;
        let of: Vec<_> = records.iter().map(|(kind, data)| (kind.as_str(), data["of"].as_str().unwrap())).collect();
        let (failed, intrusion) = ("alarm.order_failed", "alarm.intrusion");
        assert_eq!(of, [("alarm.snapshot", failed), ("alarm.snapshot", failed), ("alarm.snapshot", intrusion)]);
    }

    #[tokio::test]
    async fn a_lane_without_cameras_keeps_no_record_of_pictures() {
        let mut stage = stage(&[]);
        let now = stage.clock.moment();
        stage.snapshots.look(&[note(Topic::Inspection, "inspection.released", "i1", json!({}))], now);
        assert!(stage.records(Stream::Inspection).await.1.is_empty());
    }
}

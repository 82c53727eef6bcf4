//! `portside-vision` itself under the keeper: killed, stopped, fed a picture that explodes and an empty file, again and
//! again, beside a gate that is polled. Skips where it is not built beside these tests. `PORTSIDE_ROUNDS` sets how often;
//! `make test-vision` makes it a hundred.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use image::{GrayImage, ImageFormat};
use modbus_peer::{Act, Peer, Rig, device};
use portside::clock::Clock;
use portside::field::camera::{CameraHandle, CameraSpec, CameraState, Limits, watch};
use portside::field::{FieldEvent, LinkState};
use portside_devices::library::Library;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const HANG: Duration = Duration::from_secs(60);
/// A gate's limit switches are read this often.
const NOMINAL: Duration = Duration::from_millis(100);

/// Waits until the camera stands as `wanted`.
async fn until(handle: &CameraHandle, what: &str, wanted: impl Fn(&CameraState) -> bool) {
    let mut eye = handle.eye().clone();
    let wait = async {
        while !wanted(&eye.state()) {
            assert!(eye.changed().await, "nobody watches the camera any more");
        }
    };
    let waited = tokio::time::timeout(HANG, wait).await;
    waited.unwrap_or_else(|_| panic!("never {what}: {:?}", handle.eye().state()));
}

/// Processes that this one started and that have not ended.
fn children() -> Vec<Pid> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let after: Vec<&str> = stat.rsplit_once(") ").map(|(_, after)| after.split(' ').collect()).unwrap_or_default();
        if after.get(1) == Some(&own.as_str()) && after[0] != "Z" {
            found.extend(entry.file_name().to_str().and_then(|id| Pid::from_raw(id.parse().ok()?)));
        }
    }
    found
}

fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// A clip that a camera plays; what lies under its name is changed while it runs.
struct Scene {
    dir: tempfile::TempDir,
    bomb: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let mut bomb = std::io::Cursor::new(Vec::new());
        GrayImage::new(8000, 8000).write_to(&mut bomb, ImageFormat::Png).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), bomb: bomb.into_inner() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("scene.mp4")
    }

    fn shows(&self, bytes: &[u8]) {
        let beside = self.dir.path().join("next");
        fs::write(&beside, bytes).unwrap();
        fs::rename(&beside, self.path()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lane_never_misses_a_poll_while_a_real_camera_process_goes_wrong() {
    let vision = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("portside-vision");
    if !vision.is_file() {
        println!("skipped: {} is not built (make test-vision)", vision.display());
        return;
    }
    let rounds: usize = std::env::var("PORTSIDE_ROUNDS").map_or(4, |text| text.parse().unwrap());
    let peer = Peer::start(|asked| vec![Act::Send(asked.right())]).await;
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let mut rig = Rig::start(peer.address, vec![device(0, 1, &profile, &["opened"], NOMINAL)], Duration::from_secs(5));
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Up, .. }).then_some(())).await;

    // What this machine is worth without any camera, to hold the figures against.
    let quiet = rig.handle.stats().figures();
    let alone = async {
        while rig.handle.stats().figures().cycles < quiet.cycles + 100 {
            tokio::time::sleep(NOMINAL).await;
        }
    };
    tokio::time::timeout(HANG, alone).await.expect("the gate is polled");
    let alone = rig.handle.stats().figures();
    println!("without a camera: {} poll cycles, {} late", alone.cycles - quiet.cycles, alone.late - quiet.late);

    let clip = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("vision/clips/parking-car.mp4")).unwrap();
    let (scene, clock, stop) = (Scene::new(), Clock::start(), CancellationToken::new());
    scene.shows(&clip);
    let spec = CameraSpec {
        id: "front".into(),
        index: 1,
        source: format!("file://{}", scene.path().display()).into(),
        credentials: None,
        every: Duration::from_millis(200),
        limits: Limits {
            silence: Duration::from_secs(1),
            memory: 256 << 20,
            pause: Duration::from_millis(10),
            pause_max: Duration::from_millis(100),
        },
    };
    let (events, _told) = mpsc::channel(64);
    let handle = watch(spec, Arc::new(move || Ok(vision.clone())), clock, events, stop.clone());
    let live = |state: &CameraState| *state == CameraState::Live;
    let lost = |state: &CameraState| matches!(state, CameraState::Lost { .. });
    until(&handle, "live", live).await;

    let (before, memory, begun) = (rig.handle.stats().figures(), own_memory(), clock.moment());
    for round in 0..rounds {
        match round % 4 {
            0 | 1 => {
                let signal = if round % 4 == 0 { Signal::KILL } else { Signal::STOP };
                children().into_iter().for_each(|child| kill_process(child, signal).unwrap());
            }
            bad => {
                scene.shows(if bad == 2 { &scene.bomb } else { b"" });
                // It holds the old file open: a new process takes up what lies there.
                children().into_iter().for_each(|child| kill_process(child, Signal::KILL).unwrap());
            }
        }
        until(&handle, "lost", lost).await;
        if round % 4 >= 2 {
            let starts = handle.eye().starts();
            let refused = async {
                while !matches!(handle.eye().state(), CameraState::Lost { reason }
                    if !reason.contains("signal: 9"))
                {
                    assert!(handle.eye().starts() < starts + 50, "{:?}", handle.eye().state());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(HANG, refused).await.expect("the source is refused");
            scene.shows(&clip);
        }
        until(&handle, "live", live).await;
    }
    let (after, took) = (rig.handle.stats().figures(), clock.moment() - begun);
    let grown = own_memory().saturating_sub(memory);
    let (cycles, late) = (after.cycles - before.cycles, after.late - before.late);
    println!(
        "{rounds} rounds in {:.0} s, {} processes: {cycles} poll cycles, {late} late, {} requests failed; memory grew by {} kB",
        took.as_secs_f64(),
        handle.eye().starts(),
        after.failures - before.failures,
        grown >> 10,
    );
    stop.cancel();
    handle.ended().await;
    assert_eq!(children(), []);
    assert!(cycles > 0);
    assert_eq!((after.failures, after.connects), (0, 1));
    assert!(grown < 64 << 20, "memory grew by {} kB", grown >> 10);
}

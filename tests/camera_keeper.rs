//! Cameras whose process does everything that a process can do wrong, beside a link that goes on polling. The process is
//! real, a shell script that plays the part of `portside-vision`.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modbus_peer::{Act, HANG, Peer, Rig, device};
use portside::clock::Clock;
use portside::field::camera::{CameraHandle, CameraSpec, CameraState, Limits, Program, Why, watch};
use portside::field::{FieldEvent, LinkState};
use portside_devices::camera::{Blemish, Message, Newest, Said};
use portside_devices::library::Library;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const JPEG: [u8; 6] = [0xFF, 0xD8, 0xFF, 0x00, 0xFF, 0xD9];

/// `say FILE` writes a message; what follows is what the process does by the name of its source.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
say() { cat "$here/$1"; }
echo $$ >> "$here/processes"
echo "$*" >> "$here/calls"
case "$2" in
live) while :; do say frame; sleep 0.1; done ;;
frozen) while :; do say frozen; sleep 0.1; done ;;
stalled) say frame; while :; do say heartbeat; sleep 0.1; done ;;
lost) while :; do say lost; sleep 0.1; done ;;
ended) say frame; say ended; exit 0 ;;
crash) say frame; kill -SEGV $$ ;;
stopped) say frame; kill -STOP $$ ;;
leak) say frame; held=$(head -c 80000000 /dev/zero | tr '\0' a); while :; do say heartbeat; sleep 0.1; done ;;
nonsense) echo "INFO  decoder opened, 25 frames a second, all is well"; sleep 1000 ;;
deaf) say frame; trap '' TERM INT HUP; sleep 1000 & sleep 1000 ;;
all)
    count=$(wc -l < "$here/processes")
    case $((count % 5)) in
    0) say frame; kill -KILL $$ ;;
    1) say frame; kill -STOP $$ ;;
    2) say frame; held=$(head -c 80000000 /dev/zero | tr '\0' a); while :; do say heartbeat; sleep 0.1; done ;;
    3) exit 0 ;;
    4) head -c 1000000 /dev/urandom ;;
    esac ;;
esac
"#;

/// A folder with the script and its messages.
struct Stage {
    dir: TempDir,
    clock: Clock,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { dir: tempfile::tempdir().unwrap(), clock: Clock::start() };
        let frame = || Said::Frame { width: 8, height: 6, jpeg: JPEG.to_vec() };
        for (name, frozen, said) in [
            ("frame", false, frame()),
            ("frozen", true, frame()),
            ("heartbeat", false, Said::Heartbeat),
            ("lost", false, Said::Lost { reason: "rtsp://a:b@10.0.0.9/1\ndid not open".to_owned() }),
            ("ended", false, Said::Ended),
        ] {
            // A time that has not come yet counts as the time when it was heard.
            let newest = Newest {
                sequence: 7,
                captured: Duration::from_nanos(u64::MAX),
                age: Duration::ZERO,
                blemish: Blemish { frozen, ..Blemish::default() },
            };
            let message = Message { newest, said };
            fs::write(stage.file(name), [&message.header()[..], message.payload()].concat()).unwrap();
        }
        fs::write(stage.program(), SCRIPT).unwrap();
        fs::set_permissions(stage.program(), fs::Permissions::from_mode(0o755)).unwrap();
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self) -> PathBuf {
        self.file("vision")
    }

    fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.file(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn watch(&self, source: &str, stop: &CancellationToken) -> (CameraHandle, mpsc::Receiver<FieldEvent>) {
        let (events, told) = mpsc::channel(64);
        let limits = Limits {
            silence: Duration::from_secs(1),
            memory: 48 << 20,
            pause: Duration::from_millis(1),
            pause_max: Duration::from_millis(20),
        };
        let spec = CameraSpec {
            id: "cam1".into(),
            index: 3,
            source: source.into(),
            credentials: None,
            every: Duration::from_millis(100),
            limits,
        };
        let place = self.program();
        let program: Program = Arc::new(move || Ok(place.clone()));
        (watch(spec, program, self.clock, events, stop.clone()), told)
    }

    /// Every process that was started, those that are gone left out.
    fn alive(&self) -> Vec<String> {
        let alive = |id: &String| Path::new("/proc").join(id).exists();
        self.lines("processes").into_iter().filter(alive).collect()
    }
}

/// Waits until the camera stands as `wanted`.
async fn until(handle: &CameraHandle, what: &str, wanted: impl Fn(&CameraState) -> bool) -> CameraState {
    let mut eye = handle.eye().clone();
    let wait = async {
        loop {
            let state = eye.state();
            if wanted(&state) {
                return state;
            }
            assert!(eye.changed().await, "nobody watches the camera any more");
        }
    };
    let state = tokio::time::timeout(HANG, wait).await;
    state.unwrap_or_else(|_| panic!("never {what}: {:?}", handle.eye().state()))
}

/// Waits until the camera's process was started more than `count` times.
async fn restarted(handle: &CameraHandle, count: u64) {
    let wait = async {
        while handle.eye().starts() <= count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG * 10, wait).await.expect("it is started again");
}

#[tokio::test]
async fn a_camera_that_gives_frames_is_live_and_its_newest_frame_lies_ready() {
    let (stage, stop) = (Stage::new(), CancellationToken::new());
    let (handle, mut told) = stage.watch("live", &stop);
    until(&handle, "live", |state| *state == CameraState::Live).await;
    let frame = handle.eye().newest().unwrap();
    assert_eq!((frame.width, frame.height, frame.sequence, &frame.jpeg[..]), (8, 6, 7, &JPEG[..]));
    let event = told.recv().await.unwrap();
    assert!(matches!(event, FieldEvent::Link { device: 3, state: LinkState::Up, .. }), "{event:?}");
    let call = stage.lines("calls").remove(0);
    let own = std::process::id();
    assert_eq!(call, format!("watch live --every 100ms --memory 48 --with-parent {own}"));
    stop.cancel();
    handle.ended().await;
    assert_eq!(stage.alive(), [""; 0]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_relied_on_is_stale_and_says_why() {
    let (stage, stop) = (Stage::new(), CancellationToken::new());
    for (source, why) in [("frozen", Why::Frozen), ("stalled", Why::NoFrames)] {
        let (handle, mut told) = stage.watch(source, &stop);
        until(&handle, source, |state| *state == CameraState::Stale { why }).await;
        let told = async {
            while !matches!(told.recv().await.unwrap(), FieldEvent::Link { state: LinkState::Down { reason }, .. }
                if &*reason == why.sentence())
            {}
        };
        tokio::time::timeout(HANG, told).await.expect("control is told");
    }
    stop.cancel();
}

#[tokio::test]
async fn a_source_that_is_lost_is_told_without_its_login() {
    let (stage, stop) = (Stage::new(), CancellationToken::new());
    let (handle, _told) = stage.watch("lost", &stop);
    let state = until(&handle, "lost", |state| matches!(state, CameraState::Lost { .. })).await;
    assert_eq!(state, CameraState::Lost { reason: "rtsp://…@10.0.0.9/1 did not open".into() });
    assert_eq!(handle.eye().starts(), 1);
    stop.cancel();
}

#[tokio::test]
async fn a_process_that_goes_wrong_is_replaced_and_the_reason_said() {
    for (source, reason) in [
        ("crash", "its process ended: signal: 11"),
        ("stopped", "its process gave no sign of life for 1000 ms"),
        ("leak", "MiB of memory"),
        ("nonsense", "a message begins with [49, 4e, 46, 4f]"),
        ("ended", "its process ended: exit status: 0"),
    ] {
        let (stage, stop) = (Stage::new(), CancellationToken::new());
        let (handle, _told) = stage.watch(source, &stop);
        let lost = |state: &CameraState| matches!(state, CameraState::Lost { reason: said } if said.contains(reason));
        until(&handle, reason, lost).await;
        restarted(&handle, 2).await;
        stop.cancel();
        handle.ended().await;
        assert_eq!(stage.alive(), [""; 0], "{source}");
    }
}

#[tokio::test]
async fn a_camera_without_its_program_is_unavailable_and_comes_when_it_is_installed() {
    let (stage, stop) = (Stage::new(), CancellationToken::new());
    let hidden = stage.file("hidden");
    fs::rename(stage.program(), &hidden).unwrap();
    let place = stage.program();
    let program: Program =
        Arc::new(move || place.exists().then(|| place.clone()).ok_or_else(|| "it is not installed".to_owned()));
    let (events, _told) = mpsc::channel(8);
    let spec = CameraSpec {
        id: "cam1".into(),
        index: 0,
        source: "live".into(),
        credentials: Some("/etc/login".into()),
        every: Duration::from_millis(100),
        limits: Limits { pause_max: Duration::from_millis(20), ..Limits::default() },
    };
    let handle = watch(spec, program, stage.clock, events, stop.clone());
    let unavailable = CameraState::Unavailable { reason: "it is not installed".into() };
    until(&handle, "unavailable", |state| *state == unavailable).await;
    fs::rename(&hidden, stage.program()).unwrap();
    until(&handle, "live", |state| *state == CameraState::Live).await;
    assert!(stage.lines("calls")[0].ends_with(" --credentials /etc/login"));
    stop.cancel();
}

#[tokio::test]
async fn what_the_process_started_ends_with_it() {
    let (stage, stop) = (Stage::new(), CancellationToken::new());
    let (handle, _told) = stage.watch("deaf", &stop);
    until(&handle, "live", |state| *state == CameraState::Live).await;
    let group = stage.lines("processes").remove(0);
    stop.cancel();
    handle.ended().await;
    let wait = async {
        while !members(&group).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, wait).await.unwrap_or_else(|_| panic!("still there: {:?}", members(&group)));
}

/// Processes of a group that have not ended.
fn members(group: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let after: Vec<&str> = stat.rsplit_once(") ").map(|(_, after)| after.split(' ').collect()).unwrap_or_default();
        if after.get(2) == Some(&group) && after[0] != "Z" {
            found.push(stat);
        }
    }
    found
}

/// Killed, stopped, too large, silent, talking nonsense, over and over: the link beside it never misses an answer, and
/// memory returns. `PORTSIDE_ENDURANCE` makes it 500 processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_never_misses_an_answer_while_cameras_go_wrong() {
    let rounds = if std::env::var_os("PORTSIDE_ENDURANCE").is_some() { 500 } else { 50 };
    let peer = Peer::start(|asked| vec![Act::Send(asked.right())]).await;
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let devices = vec![device(0, 1, &profile, &["opened"], Duration::from_millis(50))];
    let mut rig = Rig::start(peer.address, devices, Duration::from_secs(5));
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Up, .. }).then_some(())).await;

    let (stage, stop) = (Stage::new(), CancellationToken::new());
    let (handle, _told) = stage.watch("all", &stop);
    restarted(&handle, 10).await;
    let (before, memory) = (rig.handle.stats().figures(), own_memory());
    restarted(&handle, rounds).await;
    let after = rig.handle.stats().figures();
    stop.cancel();
    handle.ended().await;
    let grown = own_memory().saturating_sub(memory);
    println!(
        "{rounds} processes: {} polls answered, {} failed, {} late; memory grew by {} kB",
        after.requests - before.requests,
        after.failures - before.failures,
        after.late - before.late,
        grown >> 10,
    );
    assert!(after.requests > before.requests);
    assert_eq!((after.failures, after.connects), (0, 1));
    assert!(grown < 32 << 20, "memory grew by {} kB", grown >> 10);
    assert_eq!(stage.alive(), [""; 0]);
}

fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

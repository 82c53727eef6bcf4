//! The real daemon with cameras: what they show at decisive instants is evidence, and a lane without them works.
//!
//! The cameras' process is a shell script where nothing else is said. The last test takes `portside-vision` itself, and
//! skips where it is not built beside these tests (`make test-vision`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portside::journal::EvidenceFiles;
use portside::simulate::Served;
use portside_devices::camera::{Blemish, Message, Newest, Said};
use portside_devices::simulate::{Gate, Manner};
use serde_json::{Value, json};
use site::daemon::{Daemon, store};
use site::journal::{Record, of_kind, proven, records};
use site::lane;

const JPEG: [u8; 6] = [0xFF, 0xD8, 0xFF, 0x00, 0xFF, 0xD9];

const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$2" in *front*) message=frame ;; *) message=lost ;; esac
while :; do cat "$here/$message"; sleep 0.2; done
"#;

fn script(dir: &Path) -> PathBuf {
    let frame = Said::Frame { width: 8, height: 6, jpeg: JPEG.to_vec() };
    for (name, said) in [("frame", frame), ("lost", Said::Lost { reason: "no route to host".to_owned() })] {
        let captured = Duration::from_nanos(u64::MAX);
        let newest = Newest { sequence: 1, captured, age: Duration::ZERO, blemish: Blemish::default() };
        let message = Message { newest, said };
        fs::write(dir.join(name), [&message.header()[..], message.payload()].concat()).unwrap();
    }
    let program = dir.join("vision.sh");
    fs::write(&program, SCRIPT).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn camera(id: &str, address: &str) -> String {
    format!("[[device]]\nid = \"{id}\"\nkind = \"camera\"\naddress = \"{address}\"\n\n")
}

/// One vehicle from its arrival to its departure.
fn passage(daemon: &Daemon, gate: &Served<Gate>) -> String {
    daemon
        .until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed");
    gate.with(|gate, now| {
        gate.step(now);
        gate.send(Manner::Pass, 5.0, 6.0)
    });
    let status = daemon.step("unidentified");
    let inspection = status["lane"]["inspection"]["id"].as_str().unwrap().to_owned();
    daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
    daemon.step("reviewing");
    for agency in ["customs", "ciq"] {
        daemon.done(&["verdict", &inspection, "--agency", agency, "--officer", "1", "clear"]);
    }
    // On a busy machine the arm may wait for a person then, which is no matter here.
    daemon.step("free");
    inspection
}

/// Instants of the snapshots of an inspection, each once, sorted: two verdicts may come so fast that they are one. Alarms
/// of a machine that is too busy to poll are left out.
fn instants<'a>(snapshots: &[&'a Record]) -> Vec<&'a str> {
    let all = snapshots.iter().map(|record| record.data()["instant"].as_str().unwrap());
    let mut instants: Vec<_> = all.filter(|instant| *instant != "alarm").collect();
    instants.sort_unstable();
    instants.dedup();
    instants
}

fn state(status: &Value, camera: usize) -> &Value {
    &status["cameras"][camera]["state"]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cameras_show_at_each_decisive_instant_is_evidence_of_the_inspection() {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    let more = camera("front", "rtsp://10.0.0.30/front") + &camera("rear", "rtsp://10.0.0.31/rear");
    lane::write(dir.path(), gate.address(), &more);
    let daemon = Daemon::start_with_vision(dir.path(), &script(dir.path()));
    daemon.until("both cameras heard", |status| state(status, 0) == "live" && state(status, 1) == "lost");
    let screen = daemon.done(&["status"]);
    assert!(screen.contains("camera    front: live, newest frame "), "{screen}");
    assert!(screen.contains("camera    rear: lost, no route to host"), "{screen}");

    let inspection = passage(&daemon, &gate);
    daemon.end();
    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    let snapshots = of_kind(&records, "inspection.snapshot");
    assert!(snapshots.iter().all(|record| record.subject() == inspection));
    assert_eq!(instants(&snapshots), ["arrival", "departed", "identified", "opening", "release", "verdict"]);
    let evidence = EvidenceFiles::read_only(&store(dir.path()));
    for record in snapshots {
        let data = record.data();
        assert_eq!(data["missing"], json!([{ "camera": "rear", "why": "lost: no route to host" }]));
        let [picture] = data["pictures"].as_array().unwrap().as_slice() else { panic!("{data}") };
        assert_eq!((&picture["camera"], &picture["media_type"]), (&json!("front"), &json!("image/jpeg")));
        assert!(picture["age_ms"].is_u64() && picture["captured"].is_string(), "{picture}");
        assert_eq!(evidence.read(picture["sha256"].as_str().unwrap()).unwrap(), JPEG);
    }
    let links = of_kind(&records, "device.link");
    let of = |id: &str| links.iter().find(|record| record.subject() == id).map(|record| record.data().clone());
    assert_eq!(of("front"), Some(json!({ "state": "up" })));
    assert_eq!(of("rear"), Some(json!({ "state": "down", "reason": "no route to host" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_program_cameras_are_unavailable_and_the_lane_works() {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), &camera("front", "rtsp://10.0.0.30/front"));
    let daemon = Daemon::start_with_vision(dir.path(), Path::new("/nowhere/portside-vision"));
    daemon.until("an absent program", |status| state(status, 0) == "unavailable");
    passage(&daemon, &gate);
    daemon.end();
    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    assert_eq!(of_kind(&records, "inspection.released").len(), 1);
    for record in of_kind(&records, "inspection.snapshot") {
        let data = record.data();
        assert_eq!(data["pictures"], json!([]));
        let why = data["missing"][0]["why"].as_str().unwrap();
        assert!(why.starts_with("unavailable: portside-vision is not installed: looked for /nowhere/"), "{why}");
    }
}

/// `portside-vision`, if it is built beside these tests.
fn vision() -> Option<PathBuf> {
    let beside = std::env::current_exe().unwrap().parent()?.parent()?.join("portside-vision");
    if beside.is_file() {
        return Some(beside);
    }
    println!("skipped: {} is not built (make test-vision)", beside.display());
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_clip_is_kept_as_pictures_and_its_process_ends_with_a_daemon_that_was_killed() {
    let Some(vision) = vision() else { return };
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("vision/clips/parking-car.mp4");
    lane::write(dir.path(), gate.address(), &camera("front", &format!("file://{}", clip.display())));
    let daemon = Daemon::start_with_vision(dir.path(), &vision);
    daemon.until("a live clip", |status| state(status, 0) == "live");
    passage(&daemon, &gate);
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let call = fs::read(entry.path().join("cmdline")).ok()?;
        let parent = format!("--with-parent\0{}\0", daemon.pid().as_raw_nonzero());
        String::from_utf8_lossy(&call).contains(&parent).then(|| entry.path())
    });
    let processes: Vec<PathBuf> = all.collect();
    assert_eq!(processes.len(), 1, "{processes:?}");
    drop(daemon); // which kills it
    site::until("the end of the camera's process", || (!processes[0].exists()).then_some(()));

    let records = records(&store(dir.path()));
    let snapshots = of_kind(&records, "inspection.snapshot");
    assert!(instants(&snapshots).len() >= 5, "{:?}", instants(&snapshots));
    let evidence = EvidenceFiles::read_only(&store(dir.path()));
    for record in snapshots {
        let picture = &record.data()["pictures"][0];
        let jpeg = evidence.read(picture["sha256"].as_str().unwrap()).unwrap();
        let decoded = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (768, 432));
        println!("{}: {} bytes, {} ms old", record.data()["instant"], picture["size"], picture["age_ms"]);
    }
}

//! The manners of the real daemon: how it starts with nothing around it, ends, takes a new lane file, and keeps others
//! out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use portside::simulate::Served;
use portside_devices::simulate::{Gate, Manner};
use rustix::process::Signal;
use serde_json::Value;
use site::daemon::{Daemon, lane_file, socket, store};
use site::journal::{of_kind, proven, records};
use site::{free_port, lane, portside};
use tempfile::TempDir;

/// A simulated gate, a lane file for it, and a daemon that has seen it closed and free.
async fn running() -> (TempDir, Served<Gate>, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), "");
    let daemon = Daemon::start(dir.path());
    free(&daemon);
    (dir, gate, daemon)
}

fn free(daemon: &Daemon) -> Value {
    daemon.until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed")
}

fn id(status: &Value) -> String {
    status["lane"]["inspection"]["id"].as_str().expect("an inspection").to_owned()
}

fn drive_up(gate: &Served<Gate>) {
    gate.with(|gate, now| {
        gate.step(now);
        gate.send(Manner::Pass, 5.0, 6.0)
    });
}

/// A vehicle stands at the arm and customs has judged it.
fn half_judged(daemon: &Daemon, gate: &Served<Gate>) -> String {
    drive_up(gate);
    let inspection = id(&daemon.step("unidentified"));
    daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
    daemon.step("reviewing");
    daemon.done(&["verdict", &inspection, "--agency", "customs", "--officer", "100234", "clear"]);
    inspection
}

fn edit(dir: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(lane_file(dir)).unwrap();
    assert!(text.contains(from));
    fs::write(lane_file(dir), text.replace(from, to)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_the_lane_goes_on_where_it_was_and_a_person_confirms_the_subject_before_it_opens() {
    let (dir, gate, daemon) = running().await;
    let inspection = half_judged(&daemon, &gate);
    daemon.end();
    proven(&store(dir.path()));
    let before = records(&store(dir.path()));
    let stopped = of_kind(&before, "audit.stopped");
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].data()["step"], "reviewing");

    let daemon = Daemon::start(dir.path());
    let status = daemon.until("the arm seen closed", |status| status["lane"]["arm"]["seen"] == "closed");
    assert_eq!((status["lane"]["step"].as_str(), id(&status)), (Some("reviewing"), inspection.clone()));
    assert_eq!(status["lane"]["inspection"]["identity"], "粤B12345");
    assert_eq!(status["lane"]["inspection"]["needs_confirmation"], true);
    let standing = |desk: usize| status["lane"]["inspection"]["desks"][desk]["standing"].clone();
    assert_eq!((standing(0), standing(1)), ("given".into(), "waiting".into()));

    // The last verdict is in, everything is decided, and still the arm stays down.
    daemon.done(&["verdict", &inspection, "--agency", "ciq", "--officer", "7731", "clear"]);
    let status = daemon.until("a person is asked", |status| {
        let next = status["lane"]["next"].as_array().unwrap();
        status["lane"]["step"] == "released" && next.iter().any(|todo| todo["code"] == "confirm_subject")
    });
    assert_eq!(id(&status), inspection);
    let asked = |records: &[site::journal::Record]| {
        of_kind(records, "arm.asked").iter().filter(|record| record.data()["order"] == "open").count()
    };
    let so_far = records(&store(dir.path()));
    assert_eq!(of_kind(&so_far, "inspection.released").len(), 1);
    assert_eq!(asked(&so_far), 0, "opened although nobody confirmed the subject");
    assert!(gate.with(|gate, _| gate.view().arm) < 0.01);

    daemon.done(&["barrier", "confirm-subject", "--agency", "customs", "--officer", "100234"]);
    site::until("the vehicle to drive through", || (gate.with(|gate, _| gate.view().passed) > 0).then_some(()));
    free(&daemon);
    daemon.end();
    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    assert_eq!(asked(&records), 1);
    assert_eq!(of_kind(&records, "inspection.opened").len(), 1, "one subject, one inspection");
    assert_eq!(of_kind(&records, "inspection.closed").len(), 1);
    assert_eq!(gate.with(|gate, _| gate.view().struck), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_lane_file_is_refused_at_sighup_with_the_fault_drawn_and_the_lane_goes_on() {
    let (dir, gate, daemon) = running().await;
    let before = daemon.status().unwrap();
    let good = fs::read_to_string(lane_file(dir.path())).unwrap();
    edit(dir.path(), "travel = \"4 s\"", "travle = \"4 s\"");
    daemon.signal(Signal::HUP);
    let heard = daemon.hears("READY=1");
    assert!(heard.contains("RELOADING=1") && !heard.contains("STOPPING=1"), "{heard}");
    site::until("the fault in the log", || {
        let log = daemon.log();
        (log.contains("travle = \"4 s\"") && log.contains("^^^^^^") && log.contains("did you mean")).then_some(())
    });

    drive_up(&gate);
    let status = daemon.step("unidentified");
    for same in ["pid", "config_hash"] {
        assert_eq!(status["about"][same], before["about"][same], "{same}");
    }
    assert!(status["generation"].as_u64() > before["generation"].as_u64(), "the same run goes on counting");
    assert_eq!(status["journal"]["epoch"], before["journal"]["epoch"]);

    // Put right again, it is the file that the lane already has.
    fs::write(lane_file(dir.path()), good).unwrap();
    daemon.signal(Signal::HUP);
    daemon.hears("READY=1");
    assert_eq!(id(&daemon.status().unwrap()), id(&status));
    daemon.end();
    assert_eq!(of_kind(&records(&store(dir.path())), "audit.started").len(), 1, "it never started anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_up_neither_the_start_nor_a_stop_nor_the_end() {
    use rustix::fs::{OFlags, fcntl_setfl};
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), "");
    // A pipe so full that the first byte of the log would wait.
    let (_unread, mut log) = std::io::pipe().unwrap();
    fcntl_setfl(&log, OFlags::NONBLOCK).unwrap();
    for size in [4096, 1] {
        while log.write(&vec![b'x'; size]).is_ok() {}
    }
    fcntl_setfl(&log, OFlags::empty()).unwrap();

    let mut daemon = Daemon::spawn_logging_to(dir.path(), log);
    daemon.hears("READY=1");
    free(&daemon);
    daemon.done(&["barrier", "stop", "--agency", "customs", "--officer", "100234"]);
    daemon.until("a latched stop", |status| status["lane"]["arm"]["state"] == "stopped");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().success());
    proven(&store(dir.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_lane_file_is_taken_at_sighup_by_the_same_process_in_the_same_journal() {
    let (dir, gate, daemon) = running().await;
    let inspection = half_judged(&daemon, &gate);
    let before = daemon.status().unwrap();
    edit(dir.path(), "name = \"货运卡口 3 号通道\"", "name = \"货运卡口三号通道\"");
    daemon.signal(Signal::HUP);
    let heard = daemon.hears("READY=1");
    assert!(heard.contains("RELOADING=1"), "{heard}");
    assert!(!heard.contains("STOPPING=1"), "systemd would end the service: {heard}");
    let after = daemon.until("the new file", |status| status["about"]["name"] == "货运卡口三号通道");
    assert_ne!(after["about"]["config_hash"], before["about"]["config_hash"]);
    assert_eq!(after["about"]["pid"], before["about"]["pid"]);
    assert_eq!(after["journal"]["epoch"], before["journal"]["epoch"]);
    assert_eq!(id(&after), inspection);
    daemon.until("the same step", |status| status["lane"]["step"] == "reviewing");
    daemon.end();
    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    let hashes: Vec<_> =
        of_kind(&records, "audit.started").iter().map(|record| &record.data()["config_hash"]).collect();
    assert_eq!(hashes, [&before["about"]["config_hash"], &after["about"]["config_hash"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_file_that_is_right_but_cannot_start_gives_way_to_the_old_one() {
    let (dir, gate, daemon) = running().await;
    let inspection = half_judged(&daemon, &gate);
    let before = daemon.status().unwrap();
    std::fs::write(dir.path().join("not-a-folder"), "").unwrap();
    edit(dir.path(), "dir = \"store\"", "dir = \"not-a-folder/store\"");
    daemon.signal(Signal::HUP);
    daemon.hears("RELOADING=1");
    let after = daemon.until("the old file", |status| status["lane"]["step"] == "reviewing");
    assert_eq!(after["about"], before["about"]);
    assert_eq!(id(&after), inspection);
    daemon.end();
    proven(&store(dir.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_that_comes_during_a_reload_is_not_forgotten() {
    let (dir, _gate, mut daemon) = running().await;
    edit(dir.path(), "name = \"货运卡口 3 号通道\"", "name = \"货运卡口三号通道\"");
    daemon.signal(Signal::HUP);
    daemon.hears("RELOADING=1");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().success());
    proven(&store(dir.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_is_refused_at_once_and_the_first_is_unharmed() {
    let (dir, gate, daemon) = running().await;
    let before = daemon.status().unwrap();
    for other in [dir.path().join("other.sock"), socket(dir.path())] {
        let second =
            portside().args(["run", "-c"]).arg(lane_file(dir.path())).arg("--socket").arg(&other).output().unwrap();
        let said = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(
            said.contains(if other == socket(dir.path()) { "already listens" } else { "cannot be opened" }),
            "{said}"
        );
    }
    let inspection = half_judged(&daemon, &gate);
    let status = daemon.status().unwrap();
    assert_eq!(status["about"]["pid"], before["about"]["pid"]);
    assert_eq!(id(&status), inspection);
    daemon.end();
    proven(&store(dir.path()));
    assert_eq!(of_kind(&records(&store(dir.path())), "audit.started").len(), 1);
}

#[test]
fn with_no_device_and_no_broker_the_daemon_is_ready_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let (nobody, no_broker) = (free_port(), free_port());
    lane::write(dir.path(), ([127, 0, 0, 1], nobody).into(), &lane::uplink(&format!("mqtt://127.0.0.1:{no_broker}")));
    let daemon = Daemon::start(dir.path());
    let status = daemon.until("both are known to be missing", |status| {
        status["devices"][0]["state"] == "lost" && status["uplink"]["link"] == "offline"
    });
    let sensors = status["lane"]["sensors"].as_array().unwrap();
    assert!(sensors.iter().all(|sensor| sensor["presence"] == "unknown"), "nothing is assumed: {status}");
    assert_eq!(status["lane"]["arm"]["seen"], "unknown");
    for reason in [&status["devices"][0]["reason"], &status["uplink"]["reason"]] {
        assert!(reason.as_str().is_some_and(|reason| reason.contains("refused")), "{status}");
    }
    let screen = daemon.done(&["status"]);
    assert!(screen.contains("lost") && screen.contains("offline"), "{screen}");
    // A named person may ask; that the order never arrived is said and kept.
    daemon.call(&["barrier", "open", "--agency", "customs", "--officer", "100234", "--reason", "ambulance"]);
    site::until("the alarm", || of_kind(&records(&store(dir.path())), "alarm.order_failed").len().checked_sub(1));
    assert_eq!(daemon.status().unwrap()["lane"]["arm"]["seen"], "unknown");
    daemon.end();
    proven(&store(dir.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_socket_is_for_owner_and_group_and_is_gone_after_an_orderly_end() {
    let (dir, _gate, daemon) = running().await;
    let mode = fs::metadata(socket(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    daemon.end();
    assert!(!socket(dir.path()).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_a_program_started_ends_at_sigterm_although_its_standard_input_stays_open() {
    let (dir, _gate, daemon) = running().await;
    daemon.end();
    let mut child = portside()
        .args(["run", "--end-with-stdin", "-c"])
        .arg(lane_file(dir.path()))
        .arg("--socket")
        .arg(socket(dir.path()))
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    site::until("an answer", || site::daemon::status(&socket(dir.path())));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let clock = portside::clock::Clock::start();
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if clock.moment() > portside_devices::moment::Moment::START + Duration::from_secs(30) {
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let _ = child.kill();
    let _ = child.wait();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
}

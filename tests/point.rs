//! `portside point` against the shipped daemon: what it reads, what it refuses, and that a write is on record first.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod site;

use portside::clock::Clock;
use portside::simulate::bench::Bench;
use portside_devices::library::Library;
use portside_devices::modbus::Framing;
use portside_devices::moment::Moment;
use portside_devices::profile::Table;
use portside_devices::simulate::{Model, Request, Response, Simulator};
use serde_json::Value;
use site::daemon::{Daemon, store};
use site::{journal, lane};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Whether the first relay of the module is on.
fn relay(bench: &Bench) -> bool {
    let read = Request::Read { table: Table::Coil, start: 0, count: 1 };
    let answer = bench.with(1, |model| model.answer(Moment::START, 1, &read)).unwrap();
    answer == Some(Response::Bits(vec![true]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_technician_reads_every_point_and_writes_what_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    let io = Library::shipped().get("io/waveshare-8ch").unwrap().unwrap();
    let output = io.points.iter().find(|point| point.writable() && point.register().unwrap().address == 0).unwrap();
    let lamp = format!("lamp.{}", output.name);
    let bench = Bench::new(vec![Model::new(io.clone(), 1)], Clock::start());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(bench.clone().serve_tcp(listener, Framing::Tcp, CancellationToken::new()));
    let more = format!(
        "[[device]]\nid = \"lamp\"\nkind = \"io\"\nprofile = \"io/waveshare-8ch\"\naddress = \"modbus://127.0.0.1:{port}/1\"\n"
    );
    lane::write(dir.path(), gate.address(), &more);
    let daemon = Daemon::start(dir.path());

    let read = site::until("a good reading of the arm", || {
        let points = json(&daemon.done(&["point", "read", "arm.closed", "--json"]));
        Some(points[0].clone()).filter(|point| point["quality"] == "good")
    });
    assert_eq!((&read["address"], &read["raw"]), (&json("\"discrete 1\""), &json("[1]")), "{read}");
    assert!(read["age_ms"].as_u64().is_some(), "{read}");
    let all = json(&daemon.done(&["point", "list", "--json"]));
    let count = all.as_array().unwrap().len();
    let arm = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    assert_eq!(count, io.points.len() + arm.points.len());

    let person = ["--agency", "customs", "--officer", "7"];
    let write = |what: &str, value: &str, more: &[&str]| {
        daemon.call(&[&["point", "write", what, value][..], &person, more].concat())
    };
    let refused = write("arm.open", "on", &["--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("moves the arm") && words.contains("portside barrier"), "{words}");
    assert_eq!(write(&lamp, "on", &[]).status.code(), Some(2), "nobody can be asked here");
    assert!(!relay(&bench));

    site::until("the lamp's link is up", || daemon.status().filter(|status| status["devices"][1]["state"] == "good"));
    let done = write(&lamp, "on", &["--yes"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(relay(&bench), "the relay is on once the call says so");
    daemon.end();

    let records = journal::records(&store(dir.path()));
    let told: Vec<_> = records.iter().filter(|record| record.kind().starts_with("audit.point_")).collect();
    assert_eq!(
        told.iter().map(|record| record.kind()).collect::<Vec<_>>(),
        ["audit.point_write", "audit.point_written"]
    );
    assert_eq!(told[1].data()["outcome"], "written");
    assert_eq!(told[0].data()["officer"], "7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_daemon_the_lane_file_says_where_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), "");
    let file = site::daemon::lane_file(dir.path());
    let output = site::portside()
        .args(["point", "read", "arm.closed", "--json", "-c"])
        .arg(&file)
        .env("PORTSIDE_SOCKET", dir.path().join("none.sock"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let points = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!((&points[0]["value"], &points[0]["quality"]), (&json("true"), &json("\"good\"")));
}

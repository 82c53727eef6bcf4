//! How soon a started lane reads, how soon it is back with a large journal, and what it keeps in memory.
//!
//!     cargo bench --bench start                     # ten starts, a journal of a million records (400 MB)
//!     RECORDS=100000 cargo bench --bench start
//!     SECONDS=600 cargo bench --bench start         # memory of the gate lane after ten minutes
//!
//! A lane reads from when its status shows where the arm stands, asked for over the control socket every 2 ms. It is back
//! when it answers with the heads of its journal and reads.

#![allow(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

mod site;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use portside::journal::{Draft, Identity, Journal, Options, Stream};
use serde_json::{Value, json};
use site::peers::{Daemon, Peer, lane_file};
use site::{Times, folder, now, resident, setting};

const STARTS: usize = 10;
const RESTARTS: usize = 3;
const BATCH: usize = 1000;

#[tokio::main]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("barrier") {
        return site::simulator::barrier().await;
    }
    let mut barrier = Peer::start(&["barrier".to_owned()]);
    let arm: u16 = barrier.hear().await.parse().expect("a port");
    println!("start:");
    small(arm).await;
    large(arm).await;
    barrier.end().await;
}

fn reads(status: &Value) -> bool {
    status["lane"]["arm"]["seen"] == "closed"
}

/// Starts the lane and waits until it reads.
async fn start(dir: &Path, times: &mut Times) -> (Daemon, Value) {
    let began = now();
    let mut daemon = Daemon::start(dir);
    let status = daemon.until(reads).await;
    times.add(now().saturating_sub(began));
    (daemon, status)
}

async fn small(arm: u16) {
    let dir = folder();
    lane_file(dir.path(), None, arm, "100 ms", "");
    let mut times = Times::default();
    for _ in 0..STARTS {
        let (daemon, _) = start(dir.path(), &mut times).await;
        daemon.end().await;
    }
    println!("  gate lane, start -> first reading     {times}   (aim 300 ms)");
    let (daemon, _) = start(dir.path(), &mut times).await;
    let seconds = setting("SECONDS", 10);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    println!("  gate lane, resident after {seconds} s        {:.1} MiB   (aim 40 MiB)", resident(daemon.pid()));
    daemon.end().await;
}

async fn large(arm: u16) {
    let dir = folder();
    let records = usize::try_from(setting("RECORDS", 1_000_000)).unwrap_or(0);
    let began = now();
    fill(&dir.path().join("store"), records).await;
    println!("  a journal of {records} records was written in {:.1} s", now().saturating_sub(began).as_secs_f64());
    lane_file(dir.path(), None, arm, "100 ms", "");
    let (mut in_order, mut killed) = (Times::default(), Times::default());
    let mut fresh = 0.0_f64;
    for _ in 0..RESTARTS {
        let (daemon, status) = start(dir.path(), &mut in_order).await;
        assert!(status["journal"]["newest"]["telemetry"].as_u64() >= Some(records as u64), "{}", status["journal"]);
        fresh = fresh.max(resident(daemon.pid()));
        daemon.kill().await;
        let (daemon, _) = start(dir.path(), &mut killed).await;
        daemon.end().await;
    }
    println!("  restart after an end in order         {in_order}   (aim 3 s)");
    println!("  restart after kill -9                 {killed}");
    let mut lost = Times::default();
    std::fs::remove_dir_all(dir.path().join("store/index")).expect("there is an index");
    let (daemon, _) = start(dir.path(), &mut lost).await;
    println!("  restart without its index             {lost}   resident {:.1} MiB", resident(daemon.pid()));
    daemon.end().await;
    let (daemon, _) = start(dir.path(), &mut in_order).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("  resident at once {fresh:.1} MiB, after 5 s {:.1} MiB", resident(daemon.pid()));
    daemon.end().await;
}

/// Writes a journal as the lane would: telemetry of one device.
async fn fill(store: &Path, records: usize) {
    let identity = Identity { port: "CNTYN".to_owned(), lane: "G03".to_owned() };
    let (journal, _) = Journal::open(store, &identity, Options::default()).expect("the journal opens");
    let time = Timestamp::from_second(1_795_248_930).expect("a time");
    let mut last = None;
    for first in (0..records).step_by(BATCH) {
        let draft = |number: usize| {
            let points =
                json!({ "di1": { "last": number.is_multiple_of(2), "quality": "good", "age_ms": number % 100 } });
            let data = json!({ "device": "arm", "points": points });
            Draft::new(Stream::Telemetry, "telemetry.readings", "arm", time, data)
        };
        let drafts: Vec<Draft> = (first..records.min(first + BATCH)).map(draft).collect();
        if let Some(before) = last.replace(journal.append(&drafts)) {
            let before: portside::journal::Append = before;
            before.await.expect("it is durable");
        }
    }
    if let Some(last) = last {
        last.await.expect("it is durable");
    }
    // A lane is never so fast that its index stays behind.
    journal.reader().ends(Stream::Telemetry).await.expect("the index is there");
    journal.close().await;
}

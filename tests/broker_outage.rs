//! The broker goes and comes back while a real daemon goes on polling: what the centre has in the end, and whether a
//! device ever noticed.
//!
//! `PORTSIDE_OUTAGE` sets how many seconds it is away.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::{Served, serve};
use portside_devices::moment::Moment;
use portside_devices::profile::Table;
use portside_devices::simulate::{Request, Response, Simulator};
use serde_json::Value;
use site::daemon::{Daemon, store};
use site::journal::{Record, proven, records};
use site::mosquitto::Mosquitto;
use site::peer::Centre;
use site::{lane, number, until};
use tokio_util::sync::CancellationToken;

const BOARDS: usize = 4;
const UNITS: u8 = 4;
/// How often each unit is to be read.
const NOMINAL: Duration = Duration::from_millis(100);
/// One outage at a time, or the other one's work shows in the figures.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Several I/O modules behind one address; their inputs change all the time, and they note when they are read.
#[derive(Default)]
struct Boards {
    reads: BTreeMap<u8, Vec<Moment>>,
}

impl Simulator for Boards {
    fn answer(&mut self, now: Moment, unit: u8, request: &Request) -> Option<Response> {
        let Request::Read { table, start, count } = request else { return Some(Response::Exception(1)) };
        if *table == Table::Discrete {
            self.reads.entry(unit).or_default().push(now);
        }
        let on = |input: u16| (now.as_millis() / 300 + u64::from(input)).is_multiple_of(3);
        let bits = (*start..start + count).map(|input| *table == Table::Discrete && on(input));
        Some(Response::Bits(bits.collect()))
    }
}

/// `[[device]]` for every unit of every board.
fn devices(boards: &[Served<Boards>]) -> String {
    let one = |board: usize, address: SocketAddr, unit: u8| {
        format!(
            "[[device]]\nid = \"io{board}-{unit}\"\nkind = \"io\"\nname = \"I/O\"\nprofile = \"io/waveshare-8ch\"\n\
             address = \"modbus://{address}/{unit}\"\ninterval = \"100 ms\"\ntimeout = \"250 ms\"\n\n"
        )
    };
    let each = boards.iter().enumerate();
    each.flat_map(|(board, served)| (1..=UNITS).map(move |unit| one(board, served.address(), unit))).collect()
}

/// Poll intervals of all units between two moments, sorted.
fn intervals(boards: &[Served<Boards>], from: Moment, to: Moment) -> Vec<Duration> {
    let mut all = Vec::new();
    for board in boards {
        board.with(|board, _| {
            for reads in board.reads.values() {
                let within: Vec<_> = reads.iter().filter(|read| **read >= from && **read <= to).collect();
                all.extend(within.windows(2).map(|pair| pair[1].since(*pair[0])));
            }
        });
    }
    all.sort_unstable();
    all
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}

fn figures(what: &str, sorted: &[Duration]) {
    println!(
        "{what}: {} polls of {} units, interval p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms; \
         p99 is {:.2} x nominal",
        sorted.len(),
        BOARDS * usize::from(UNITS),
        quantile(sorted, 0.5),
        quantile(sorted, 0.99),
        quantile(sorted, 0.999),
        quantile(sorted, 1.0),
        quantile(sorted, 0.99) / (NOMINAL.as_secs_f64() * 1e3),
    );
}

fn owes_nothing(status: &Value) -> bool {
    status["uplink"]["link"] == "online"
        && status["uplink"]["streams"].as_object().unwrap().values().all(|stream| stream["owed"] == 0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Terminated,
    Killed,
}

struct Outage {
    centre: Centre,
    journal: Vec<Record>,
    /// Records that were durable and acknowledged by the broker after the outage.
    settled: usize,
    _dir: tempfile::TempDir,
    _broker: Mosquitto,
}

/// A lane whose broker is away for a while. `None` where a peer is absent.
async fn outage(way: Way) -> Option<Outage> {
    let mut broker = Mosquitto::start("persistence true\npersistence_location DIR/\n").await?;
    let dir = tempfile::tempdir().unwrap();
    let centre = Centre::start(broker.port, dir.path())?;
    let clock = Clock::start();
    let gate = lane::gate().await;
    let mut boards = Vec::new();
    for _ in 0..BOARDS {
        boards.push(serve(Boards::default(), clock, CancellationToken::new()).await.unwrap());
    }
    lane::write(dir.path(), gate.address(), &(devices(&boards) + &lane::uplink(&broker.url())));
    let daemon = Daemon::start(dir.path());
    daemon.until("an uplink with nothing owed", owes_nothing);
    let began = clock.moment();
    tokio::time::sleep(Duration::from_secs(3)).await; // to have something to compare with

    let seconds = number("PORTSIDE_OUTAGE", 5);
    let gone = clock.moment();
    match way {
        Way::Terminated => broker.terminate(),
        Way::Killed => broker.kill(),
    }
    daemon.done(&["barrier", "stop", "--agency", "customs", "--officer", "100234"]);
    daemon.done(&["barrier", "resume", "--agency", "customs", "--officer", "100234"]);
    tokio::time::sleep(Duration::from_secs(seconds)).await; // the outage itself
    let back = clock.moment();
    let status = daemon.until("the uplink to notice", |status| status["uplink"]["link"] != "online");
    let owed: u64 =
        status["uplink"]["streams"].as_object().unwrap().values().filter_map(|stream| stream["owed"].as_u64()).sum();
    broker.run().await;
    daemon.until("nothing owed", owes_nothing);
    let caught_up = clock.moment();
    let settled = records(&store(dir.path())).len();
    figures("before", &intervals(&boards, began, gone));
    figures("during", &intervals(&boards, gone, back));
    println!(
        "away for {seconds} s, {owed} records owed at its end, delivered {:.1} s after the start of the broker",
        caught_up.since(back).as_secs_f64()
    );
    daemon.end();
    proven(&store(dir.path()));
    Some(Outage { journal: records(&store(dir.path())), centre, settled, _dir: dir, _broker: broker })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_stopped_in_order_costs_no_record_and_no_order() {
    let _alone = ALONE.lock().await;
    let Some(outage) = outage(Way::Terminated).await else { return };
    until("the centre to have it all", || (outage.centre.count() >= outage.settled).then_some(()));
    let received = outage.centre.end();
    assert_eq!(received.report["faults"], 0, "{}", received.report);
    let came = received.is_the_journal_from_its_start(&outage.journal);
    println!(
        "stopped by SIGTERM: {came} of {} records came, 0 of the {} that were settled are missing, 0 out of order, {} came \
         twice",
        outage.journal.len(),
        outage.settled,
        received.report["duplicates"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_costs_only_what_it_had_taken_over_and_it_is_counted() {
    let _alone = ALONE.lock().await;
    let Some(outage) = outage(Way::Killed).await else { return };
    // What the broker lost never comes: the end is when nothing has come for a while.
    let mut count = outage.centre.count();
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let next = outage.centre.count();
        if next == count {
            break;
        }
        count = next;
    }
    let received = outage.centre.end();
    let came: BTreeSet<_> = received.records.iter().map(Vec::as_slice).collect();
    let lost: Vec<_> =
        outage.journal[..outage.settled].iter().filter(|record| !came.contains(&*record.bytes)).collect();
    let held: BTreeSet<_> = outage.journal.iter().map(|record| record.bytes.as_slice()).collect();
    assert!(came.is_subset(&held), "the centre has a record that the journal has not");
    println!(
        "killed by SIGKILL: {} of {} settled records lost by the broker, {} came twice",
        lost.len(),
        outage.settled,
        received.report["duplicates"]
    );
    // The loss shows as gaps in the sequence and as nothing else.
    for fault in received.report["first_faults"].as_array().unwrap() {
        assert!(fault.as_str().unwrap().contains("came after sequence"), "{}", received.report);
    }
    assert!(received.report["faults"].as_u64().unwrap() > 0 || lost.is_empty(), "a loss that nobody can see");
}

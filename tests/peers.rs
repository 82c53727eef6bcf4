//! The whole lane between two programs that share no line with it: a pymodbus server for the gate, and a centre of
//! paho-mqtt, the CloudEvents SDK and plain SHA-256 behind Mosquitto.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::time::Duration;

use portside::clock::Clock;
use serde_json::Value;
use site::daemon::{Daemon, store};
use site::journal::{of_kind, proven, records};
use site::mosquitto::Mosquitto;
use site::peer::{Centre, Peer};
use site::{lane, until};

/// The lane's shortest clear time, as its lane file says.
const CLEAR: Duration = Duration::from_millis(1_500);

/// The gate's board: what it was told, in order.
struct Board {
    peer: Peer,
    written: Vec<String>,
}

impl Board {
    /// Sets the inputs: opened, closed, approach, under, beyond.
    fn inputs(&mut self, five: &str) {
        self.peer.say(&format!("{five}000"));
    }

    fn look(&mut self) {
        self.written.extend(self.peer.printed().into_iter().filter(|line| line.starts_with("WRITE ")));
    }

    /// How often this was written so far.
    fn count(&mut self, write: &str) -> usize {
        self.look();
        self.written.iter().filter(|line| *line == write).count()
    }

    fn reads(&mut self) -> u64 {
        self.peer.say("READS");
        loop {
            let line = self.peer.line();
            match line.strip_prefix("READS ") {
                Some(reads) => return reads.parse().unwrap(),
                None => self.written.push(line),
            }
        }
    }
}

/// The three sensors as the lane sees them.
fn sensors(status: &Value) -> Vec<&str> {
    status["lane"]["sensors"].as_array().unwrap().iter().map(|sensor| sensor["presence"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_passage_between_pymodbus_and_paho() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let dir = tempfile::tempdir().unwrap();
    let Some(centre) = Centre::start(broker.port, dir.path()) else { return };
    let peer = Peer::start("pymodbus_gate.py", &[]).unwrap();
    let port = peer.line().strip_prefix("PORT ").expect("the peer listens").parse().unwrap();
    let mut board = Board { peer, written: Vec::new() };
    lane::write(dir.path(), ([127, 0, 0, 1], port).into(), &lane::uplink(&broker.url()));
    let daemon = Daemon::start(dir.path());
    daemon.until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["seen"] == "closed");

    board.inputs("01100");
    let status = daemon.step("unidentified");
    let inspection = status["lane"]["inspection"]["id"].as_str().unwrap().to_owned();
    daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
    daemon.step("reviewing");
    daemon.done(&["verdict", &inspection, "--agency", "customs", "--officer", "100234", "clear"]);
    assert_eq!(board.count("WRITE 0 1"), 0, "opened on one verdict of two");
    daemon.done(&["verdict", &inspection, "--agency", "ciq", "--officer", "7731", "clear"]);
    until("the open coil", || (board.count("WRITE 0 1") > 0).then_some(()));

    // The arm rises, the vehicle drives through; each change waits until the lane has seen the one before.
    board.inputs("00100");
    daemon.until("a rising arm", |status| status["lane"]["arm"]["seen"] == "between");
    board.inputs("10100");
    daemon.until("an open arm", |status| status["lane"]["arm"]["seen"] == "open");
    for (inputs, seen) in [
        ("10110", ["present", "present", "clear"]),
        ("10011", ["clear", "present", "present"]),
        ("10001", ["clear", "clear", "present"]),
    ] {
        board.inputs(inputs);
        daemon.until(inputs, |status| sensors(status) == seen);
        assert_eq!(board.count("WRITE 2 1"), 0, "closed on a vehicle: {:?}", board.written);
    }
    let clock = Clock::start();
    let clear = clock.moment();
    board.inputs("10000");
    until("the close coil", || (board.count("WRITE 2 1") > 0).then_some(()));
    let after = clock.moment().since(clear);
    assert!(after >= CLEAR, "closed {after:?} after the way was clear");
    board.inputs("00000");
    daemon.until("a falling arm", |status| status["lane"]["arm"]["seen"] == "between");
    board.inputs("01000");
    let status = daemon.until("a closed lane", |status| {
        status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed"
    });
    assert!(status["lane"]["faults"].as_array().unwrap().is_empty(), "{status}");

    let reads = board.reads();
    assert!(reads > 20, "polled {reads} times");
    daemon.until("nothing owed", |status| {
        let mut streams = status["uplink"]["streams"].as_object().unwrap().values();
        streams.all(|stream| stream["owed"] == 0)
    });
    let known = records(&store(dir.path())).len();
    until("the centre to have it all", || (centre.count() >= known).then_some(()));
    daemon.end();
    assert_eq!(
        (board.count("WRITE 0 1"), board.count("WRITE 1 1"), board.count("WRITE 2 1")),
        (1, 0, 1),
        "one opening, no stop, one closing: {:?}",
        board.written
    );
    let ends_at_rest = |coil: &str| board.written.iter().rfind(|line| line.starts_with(coil)).unwrap().ends_with('0');
    assert!(["WRITE 0", "WRITE 1", "WRITE 2"].into_iter().all(ends_at_rest), "{:?}", board.written);

    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    let story: Vec<_> =
        records.iter().filter(|record| record.subject() == inspection).map(|record| record.kind()).collect();
    assert_eq!(
        story,
        [
            "inspection.opened",
            "inspection.identified",
            "inspection.review_opened",
            "inspection.verdict.sealed",
            "inspection.verdict.sealed",
            "inspection.verdict.opened",
            "inspection.verdict.opened",
            "inspection.released",
            "inspection.entered",
            "inspection.closed"
        ]
    );
    assert_eq!(of_kind(&records, "alarm.tailgating").len(), 0);
    let received = centre.end();
    assert_eq!(received.report["faults"], 0, "{}", received.report);
    assert_eq!(received.report["status"][0]["state"], "online");
    let came = received.is_the_journal_from_its_start(&records);
    println!("{reads} reads by pymodbus; closed {after:?} after clear; {came} records at the centre, each proved");
}

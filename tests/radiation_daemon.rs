//! A radiation portal on a real gate lane: what passes it is on record, what it finds holds the subject, and only its
//! agency ends that.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::Served;
use portside::simulate::line::{OnLine, serve};
use portside_devices::simulate::{Gate, LineFault, LinePortal, Load, Manner, Tempo};
use serde_json::Value;
use site::daemon::{Daemon, store};
use site::journal::{of_kind, proven, records};
use site::lane;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Faster than the real one, so that tests wait for what they are about.
const TEMPO: Tempo = Tempo { scan: Duration::from_millis(5), background: Duration::from_millis(50) };
const CLEAN: Load = Load { lasts: Duration::from_millis(60), ..Load::CLEAN };

struct Lane {
    dir: TempDir,
    gate: Served<Gate>,
    portal: OnLine<LinePortal>,
    daemon: Daemon,
    _end: DropGuard,
}

/// A gate lane with a portal that has been seen to work.
async fn running() -> Lane {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    let end = CancellationToken::new();
    let (address, portal) = serve(LinePortal::new(TEMPO), Clock::start(), end.clone()).await.unwrap();
    let more = format!(
        r#"
[[device]]
id = "rpm"
kind = "radiation"
profile = "radiation/rapiscan-rpm"
address = "tcp://{address}"

[radiation]
portal = "rpm"
agency = "customs"
"#
    );
    lane::write(dir.path(), gate.address(), &more);
    let daemon = Daemon::start(dir.path());
    daemon
        .until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed");
    daemon.until("a portal", |status| {
        let devices = status["devices"].as_array().unwrap();
        devices.iter().any(|device| device["id"] == "rpm" && device["state"] == "good")
    });
    // The first may have begun before the portal was heard to be in order.
    portal.with(|portal, _| [CLEAN, CLEAN].map(|load| portal.drive(load)));
    daemon.until("a clear passage", |status| status["portals"][0]["last"]["finding"] == "clear");
    Lane { dir, gate, portal, daemon, _end: end.drop_guard() }
}

impl Lane {
    /// Someone drives up; the inspection.
    fn arrival(&self) -> String {
        self.gate.with(|gate, now| {
            gate.step(now);
            gate.send(Manner::Pass, 5.0, 6.0)
        });
        let status = self.daemon.step("unidentified");
        assert_eq!(status["lane"]["inspection"]["radiation"]["standing"], "waiting", "what passed before is another's");
        status["lane"]["inspection"]["id"].as_str().unwrap().to_owned()
    }

    fn found(&self, standing: &str) -> Value {
        self.daemon.until(standing, |status| status["lane"]["inspection"]["radiation"]["standing"] == standing)
    }

    /// Both agencies say that the subject is clear.
    fn judged(&self, inspection: &str) {
        self.daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
        self.daemon.step("reviewing");
        for (agency, officer) in [("customs", "100234"), ("ciq", "7731")] {
            self.daemon.done(&["verdict", inspection, "--agency", agency, "--officer", officer, "clear"]);
        }
    }

    fn released(&self) {
        self.daemon.until("the release", |status| {
            ["released", "passing", "free"].iter().any(|step| status["lane"]["step"] == *step)
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_holds_the_subject_in_the_lane_although_both_verdicts_are_clear_until_its_agency_lifts() {
    let lane = running().await;
    let inspection = lane.arrival();
    lane.portal.with(|portal, _| portal.drive(Load { gamma: 300, ..CLEAN }));
    let status = lane.found("alarm");
    assert_eq!(status["lane"]["inspection"]["holds"][0]["reasons"], serde_json::json!(["radiation"]));
    lane.judged(&inspection);
    lane.daemon.step("held");
    lane.daemon.until("its end", |status| status["portals"][0]["last"]["finding"] == "alarm");
    let screen = lane.daemon.done(&["status"]);
    assert!(screen.contains("portal    rpm: last passage alarm, ended 20"), "{screen}");
    let lift = |agency| ["hold", "lift", &inspection, "--agency", agency, "--officer", "7", "--reason", "by hand"];
    assert!(!lane.daemon.call(&lift("ciq")).status.success());
    lane.daemon.done(&lift("customs"));
    lane.released();
    let Lane { dir, daemon, .. } = lane;
    daemon.end();

    proven(&store(dir.path()));
    let all = records(&store(dir.path()));
    let alarms = of_kind(&all, "alarm.radiation");
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].data(), &serde_json::json!({ "device": "rpm", "ray": "gamma", "inspection": inspection }));
    let occupancies: Vec<&Value> = of_kind(&all, "device.occupancy").iter().map(|record| record.data()).collect();
    let numbers: Vec<_> = occupancies.iter().filter_map(|data| data["number"].as_i64()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let (before, with) = (occupancies[1], occupancies[2]);
    assert_eq!((&before["finding"], &before["inspection"]), (&"clear".into(), &Value::Null));
    assert_eq!((&with["finding"], &with["inspection"]), (&"alarm".into(), &inspection.as_str().into()));
    assert_eq!(
        (with["gamma_max"].as_f64(), &with["gamma"], &with["neutron"]),
        (Some(1200.0), &"alarm".into(), &"clear".into())
    );
    assert!(with["speed"].as_f64().is_some_and(|speed| (speed - 8.2 / 3.6).abs() < 0.01), "{with}");
    let time = |data: &Value, key: &str| data[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time(with, "began") < time(with, "ended") && time(before, "ended") < time(with, "began"), "{with}");
    assert_eq!(of_kind(&all, "inspection.released")[0].data()["by"], "lifts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_passage_of_the_subject_in_the_lane_releases_it() {
    let lane = running().await;
    let inspection = lane.arrival();
    lane.portal.with(|portal, _| portal.drive(CLEAN));
    lane.found("clear");
    lane.judged(&inspection);
    lane.released();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_that_was_not_heard_to_its_end_holds() {
    let lane = running().await;
    let inspection = lane.arrival();
    lane.portal.with(|portal, _| portal.drive(Load { lasts: Duration::from_secs(2), ..CLEAN }));
    lane.daemon.until("something in the portal", |status| status["portals"][0]["occupied"] == true);
    lane.portal.faults(|faults| faults.put(LineFault::HangUp, Some(1)));
    let status = lane.found("unknown");
    assert_eq!(status["portals"][0]["last"]["doubt"], "the portal was not heard for a part of the passage");
    lane.judged(&inspection);
    lane.daemon.step("held");
    let Lane { dir, daemon, .. } = lane;
    daemon.end();
    assert!(of_kind(&records(&store(dir.path())), "inspection.released").is_empty());
}

//! A thermometer on a real gate lane: what it says holds the traveller, a named officer answers it, and no number
//! leaves the seal.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;

use portside::clock::Clock;
use portside::simulate::{Served, serve};
use portside_devices::library::Library;
use portside_devices::simulate::{Gate, Live, Manner};
use site::daemon::{Daemon, store};
use site::journal::{of_kind, proven, records};
use site::lane;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A skin temperature that no other number of these tests looks like.
const FEVER: f64 = 38.7;

async fn thermometer(model: &str) -> Served<Live> {
    let profile = Library::shipped().get(model).unwrap().unwrap();
    let live = Live::new(profile, 1).unwrap();
    serve(live, Clock::start(), CancellationToken::new()).await.unwrap()
}

/// A gate lane with a thermometer, and what follows `[temperature]`.
async fn running(rules: &str) -> (TempDir, Served<Gate>, Served<Live>, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    let thermometer = thermometer("thermometer/calex-pyrousb").await;
    let more = format!(
        r#"
[[device]]
id = "thermo"
kind = "thermometer"
profile = "thermometer/calex-pyrousb"
address = "modbus://{}/1"
interval = "50 ms"

[temperature]
device = "thermo"
agency = "ciq"
elevated = "37.3 °C"
{rules}
"#,
        thermometer.address()
    );
    lane::write(dir.path(), gate.address(), &more);
    let daemon = Daemon::start(dir.path());
    daemon
        .until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed");
    (dir, gate, thermometer, daemon)
}

/// Someone drives up, is measured, and both agencies say that they are clear.
fn judged(daemon: &Daemon, gate: &Served<Gate>, standing: &str) -> String {
    gate.with(|gate, now| {
        gate.step(now);
        gate.send(Manner::Pass, 5.0, 6.0)
    });
    let status =
        daemon.until("a measurement", |status| status["lane"]["inspection"]["temperature"]["standing"] == standing);
    let inspection = status["lane"]["inspection"]["id"].as_str().unwrap().to_owned();
    daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
    daemon.step("reviewing");
    for (agency, officer) in [("customs", "100234"), ("ciq", "7731")] {
        daemon.done(&["verdict", &inspection, "--agency", agency, "--officer", officer, "clear"]);
    }
    inspection
}

#[tokio::test(flavor = "multi_thread")]
async fn an_elevated_indication_holds_until_a_named_officer_confirms_and_its_numbers_stay_sealed() {
    let (dir, gate, thermometer, daemon) = running("").await;
    thermometer.with(|live, _| live.stand(Some(FEVER)));
    let inspection = judged(&daemon, &gate, "confirm");
    let status = daemon.step("held");
    assert_eq!(status["lane"]["inspection"]["holds"][0]["agency"], "ciq");
    let told = serde_json::to_string(&status).unwrap();
    assert!(!told.contains("38.7"), "{told}");

    let wrong = daemon.call(&[
        "temperature",
        &inspection,
        "36.6",
        "--agency",
        "customs",
        "--officer",
        "100234",
        "--instrument",
        "ear 12",
    ]);
    assert!(!wrong.status.success(), "{wrong:?}");
    daemon.done(&[
        "temperature",
        &inspection,
        "36.6",
        "--agency",
        "ciq",
        "--officer",
        "7731",
        "--instrument",
        "ear 12",
    ]);
    daemon.until("the release", |status| {
        ["released", "leaving", "free"].iter().any(|step| status["lane"]["step"] == *step)
    });
    daemon.end();

    proven(&store(dir.path()));
    let all = records(&store(dir.path()));
    for kind in ["inspection.temperature.indicated", "inspection.temperature.confirmed"] {
        let found = of_kind(&all, kind);
        assert_eq!(found.len(), 1, "{kind}");
        assert!(found[0].subject().contains(&inspection), "{}", found[0].subject());
        let data = found[0].data();
        assert!(data["sealed"].is_string() || data["sealed"].is_object(), "{data}");
        assert!(data.get("celsius").is_none() && data.get("temperature").is_none(), "{data}");
    }
    let confirmed = of_kind(&all, "inspection.temperature.confirmed")[0].data();
    assert_eq!((&confirmed["officer"]["name"], &confirmed["instrument"]), (&"7731".into(), &"ear 12".into()));
    for record in &all {
        let text = String::from_utf8_lossy(&record.bytes);
        // A sealed text is base64, a hash hex: neither holds a point.
        assert!(!text.contains("38.7") && !text.contains("36.6"), "{text}");
    }
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!log.contains("38.7") && !log.contains("36.6"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_may_call_measured_is_not_normal() {
    // Warmer than the simulated hall: every result is invalid, whoever stands there.
    let (dir, gate, thermometer, daemon) =
        running("ambient_min = \"27 °C\"\nambient_max = \"32 °C\"\nseal = false").await;
    thermometer.with(|live, _| live.stand(Some(36.5)));
    judged(&daemon, &gate, "confirm");
    daemon.step("held");
    daemon.end();
    let all = records(&store(dir.path()));
    let data = of_kind(&all, "inspection.temperature.indicated")[0].data();
    assert_eq!((&data["temperature"], &data["reasons"]), (&"invalid".into(), &serde_json::json!(["ambient"])));
    assert!(of_kind(&all, "inspection.released").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_normal_indication_stands_against_nothing() {
    let (_dir, gate, thermometer, daemon) = running("").await;
    thermometer.with(|live, _| live.stand(Some(36.5)));
    judged(&daemon, &gate, "measured");
    daemon.until("the release", |status| {
        ["released", "leaving", "free"].iter().any(|step| status["lane"]["step"] == *step)
    });
}

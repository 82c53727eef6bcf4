//! A belt lane whose X-ray machine sends lines: the real daemon, a simulated belt behind Modbus TCP, a simulated
//! detector on a TCP socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use portside::clock::Clock;
use portside::journal::EvidenceFiles;
use portside::simulate::detector::{Fault, LineDetector, Quality, Subject};
use portside::simulate::phantom::{beam::Pair, scene::Scene};
use portside::simulate::{Served, serve};
use portside_devices::profile::Profile;
use portside_devices::simulate::BeltSite;
use portside_devices::simulate::belt::BeltSetup;
use serde_json::Value;
use site::daemon::{Daemon, lane_file, store};
use site::until;
use tokio_util::sync::CancellationToken;

const DETECTOR: &str = r#"
kind = "xray"
vendor = "Test"
model = "small detector"
protocol = "xray-lines"
source = "made for this test"

[lines]
sync = "AA 55 AA"
header = 8
counter = { at = 4, type = "u16" }
kind = { at = 3, data = 0, dark = 1, white = 2 }
pixels = 64
energies = 2
arrangement = "low-then-high"
bits = 16
rate = 200
speed_mm_s = 500
calibration = { lines = "flagged", average = 32 }
"#;

const LANE: &str = r#"
[lane]
port = "CNTYN"
id = "B01"
name = "行李查验 1 号通道"
traffic = "baggage"
direction = "entry"
time_zone = "Asia/Shanghai"

[[agency]]
id = "customs"
name = "海关"

[store]
dir = "store"

[profiles]
dir = "profiles"

[[device]]
id = "scanner"
kind = "xray"
profile = "xray/generic-io"
address = "modbus://@SITE@/1"
interval = "50 ms"
lines = "tcp://@DETECTOR@"
detector = "xray/test-lines"

[[device]]
id = "eyes"
kind = "io"
profile = "io/waveshare-8ch"
address = "modbus://@SITE@/2"
interval = "50 ms"

[belt]
drive = "scanner"
decision = "stop"
scan = "0.8 m"
source = "0.4 m"
stop_at = "4 m"
exit = "6 m"
speed = "0.5 m/s"
tolerance = "10 %"
picture_within = "30 s"
picture_late = "40 s"
enclosed = true

[[belt.sensor]]
point = "eyes.di1"
name = "entry"
place = "entry"

[[belt.sensor]]
point = "eyes.di2"
name = "before the tunnel"
place = "scan"

[[belt.sensor]]
point = "eyes.di3"
name = "decision"
place = "decision"

[[belt.sensor]]
point = "eyes.di4"
name = "exit"
place = "exit"

[[station]]
id = "xr1"
xray = "scanner"
desks = [{ agency = "customs" }]

[review]
timeout = "10 min"
"#;

struct Site {
    belt: Served<BeltSite>,
    detector: LineDetector,
    daemon: Daemon,
}

impl Site {
    async fn start(dir: &Path) -> Self {
        let setup = BeltSetup {
            scan_mm: 800.0,
            source_mm: 400.0,
            decision_mm: 4_000.0,
            exit_mm: 6_000.0,
            blade: None,
            blade_travel: Duration::from_millis(200),
            speed: 500.0,
            picture_gap_mm: 60.0,
        };
        let belt = serve(BeltSite::new(setup), Clock::start(), CancellationToken::new()).await.unwrap();
        let framing = Profile::parse("xray/test-lines", DETECTOR).unwrap().detector.unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let detector =
            LineDetector::start(framing, Quality::default(), 11, any, Clock::start(), CancellationToken::new());
        let detector = detector.await.unwrap();
        fs::create_dir_all(dir.join("profiles/xray")).unwrap();
        fs::write(dir.join("profiles/xray/test-lines.toml"), DETECTOR).unwrap();
        let (site, lines) = (belt.address().to_string(), detector.address().to_string());
        fs::write(lane_file(dir), LANE.replace("@SITE@", &site).replace("@DETECTOR@", &lines)).unwrap();
        let daemon = Daemon::start(dir);
        daemon.until("a belt that is read", |status| status["lane"]["step"] == "free");
        Self { belt, detector, daemon }
    }

    /// A bag passes the source, while its lines are sent; a person stops the belt behind it. Its inspection.
    fn scan(&self, seed: u64, faults: &[(u32, Fault)]) -> String {
        let subject = Subject::of(&Scene::bag(seed), &Pair::baggage(), (200, 64), 2, 1);
        self.belt.with(|site, now| site.at(now).start());
        self.daemon.until("a belt that runs", |status| status["lane"]["motion"] == "running");
        let bag = self.belt.with(|site, now| site.at(now).put(-5.0, 500.0));
        let front = || {
            self.belt
                .with(|site, now| site.at(now).bags().iter().find(|at| at.id == bag).map(|at| (at.front, at.rear())))
        };
        until("the bag to reach the source", || front().filter(|(front, _)| *front > 1_200.0));
        self.detector.put_with(subject, 0, faults);
        until("the bag to be through", || front().filter(|(_, rear)| *rear > 1_700.0));
        self.belt.with(|site, now| site.at(now).stop());
        let reviewing = |status: &Value| {
            subjects(status).find(|subject| subject["step"] == "reviewing").map(|subject| subject["id"].clone())
        };
        let status = self.daemon.until("a review", |status| reviewing(status).is_some());
        reviewing(&status).unwrap().as_str().unwrap().to_owned()
    }

    fn records(&self, kind: &str) -> Vec<Value> {
        let records = self.daemon.done(&["journal", "list", "--json"]);
        let records = records.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.filter(|record| record["type"] == format!("portside.{kind}")).collect()
    }

    /// The one picture of an inspection.
    fn picture(&self, inspection: &str) -> Value {
        let mut all = self.records("inspection.picture");
        all.retain(|record| record["subject"] == inspection);
        assert_eq!(all.len(), 1, "{all:?}\n{}", self.daemon.log());
        all.remove(0)["data"].clone()
    }
}

fn subjects(status: &Value) -> impl Iterator<Item = &Value> {
    let list = |key: &str| status["lane"][key].as_array().into_iter().flatten();
    list("belt").chain(list("aside"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_bag_are_evidence_of_its_own_inspection() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start(dir.path()).await;
    let picture = site.picture(&site.scan(1, &[(80, Fault::Lose(4))]));
    assert_eq!((&picture["flaws"], &picture["filled"]), (&serde_json::json!(["gaps"]), &serde_json::json!(4)));
    assert_eq!((picture["height"].as_u64(), picture["views"].as_u64()), (Some(64), Some(2)));
    assert_eq!((&picture["form"], &picture["width"]), (&"raw".into(), &picture["lines"]));
    let image = picture["image"].as_str().unwrap();
    assert_eq!(picture["name"], format!("{image}.tif"));

    let evidence = EvidenceFiles::read_only(&store(dir.path()));
    let kept = |key: &str| evidence.read(picture[key].as_str().unwrap()).unwrap();
    let raw = portside::field::picture::decode(&kept("sha256"), None).unwrap();
    assert_eq!((u64::from(raw.header.width), raw.header.bits), (picture["width"].as_u64().unwrap(), 16));
    assert!(kept("presentation").starts_with(b"\x89PNG"));
    site.daemon.done(&["journal", "verify"]);
    site.daemon.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_cut_within_a_bag_leaves_its_image_incomplete_and_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start(dir.path()).await;
    let inspection = site.scan(2, &[(120, Fault::Cut)]);
    let half = site.picture(&inspection);
    assert_eq!(half["flaws"], serde_json::json!(["incomplete"]));
    assert!(half["lines"].as_u64().is_some_and(|lines| lines < 200), "{half}");
    // What the detector still had of the bag comes when the bag has its picture: it is on record, and nobody's.
    let unbound = until("the rest of the bag", || {
        Some(site.records("alarm.unbound_picture")).filter(|unbound| !unbound.is_empty())
    });
    let [rest] = &unbound[..] else { panic!("{unbound:?}") };
    assert_eq!(rest["data"]["flaws"], serde_json::json!(["incomplete"]), "{rest}");
    assert!(half["image"].as_str().unwrap() < rest["data"]["image"].as_str().unwrap(), "{half} {rest}");
    site.picture(&inspection);
    let states: Vec<Value> = site
        .records("device.link")
        .into_iter()
        .filter(|record| record["subject"] == "scanner")
        .map(|record| record["data"]["state"].clone())
        .collect();
    assert!(states.iter().any(|state| state == "down"), "{states:?}");
    site.daemon.end();
}

//! A belt lane as it is shipped: the real daemon, a simulated belt behind real Modbus TCP, pictures in a watched
//! folder, officers at the control socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::{Served, phantom, serve};
use portside_devices::simulate::BeltSite;
use portside_devices::simulate::belt::{Away, Bag, BeltSetup, Eye};
use serde_json::Value;
use site::daemon::{Daemon, lane_file};
use site::{until, wait};
use tokio_util::sync::CancellationToken;

const SPEED: f64 = 0.5;

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

[[agency]]
id = "ciq"
name = "检验检疫"

[store]
dir = "store"
limit = "10 GB"
keep = "180 d"

[[device]]
id = "scanner"
kind = "xray"
profile = "xray/generic-io"
address = "modbus://@SITE@/1"
images = "file://@FOLDER@"
interval = "50 ms"

[[device]]
id = "eyes"
kind = "io"
profile = "io/waveshare-8ch"
address = "modbus://@SITE@/2"
interval = "50 ms"
@DIVERTER@
[belt]
drive = "scanner"
scan = "0.8 m"
source = "0.4 m"
stop_at = "4 m"
exit = "6 m"
speed = "0.5 m/s"
tolerance = "10 %"
picture_after = "0 ms"
picture_within = "30 s"
picture_late = "40 s"
enclosed = true
@DECISION@
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
desks = [{ agency = "customs" }, { agency = "ciq" }]

[review]
blind = true
timeout = "10 min"
"#;

const DIVERTER: &str = r#"
[[device]]
id = "diverter"
kind = "diverter"
profile = "diverter/generic-io"
address = "modbus://@SITE@/3"
interval = "50 ms"
"#;

const DIVERT: &str = r#"
decision = "divert"
diverter = "diverter"
lead = "0.8 m"
blade = "0.3 m"
travel = "500 ms"
"#;

fn setup(divert: bool) -> BeltSetup {
    BeltSetup {
        scan_mm: 800.0,
        source_mm: 400.0,
        decision_mm: 4_000.0,
        exit_mm: 6_000.0,
        blade: divert.then_some((800.0, 300.0)),
        blade_travel: Duration::from_millis(200),
        speed: SPEED * 1_000.0,
        picture_gap_mm: 60.0,
    }
}

struct Site {
    served: Served<BeltSite>,
    daemon: Daemon,
    folder: std::path::PathBuf,
    gone: Vec<(u64, Away)>,
    pictures: u64,
}

impl Site {
    async fn start(dir: &Path, divert: bool) -> Self {
        let served = serve(BeltSite::new(setup(divert)), Clock::start(), CancellationToken::new()).await.unwrap();
        let folder = dir.join("pictures");
        fs::create_dir(&folder).unwrap();
        write(dir, served.address(), &folder, divert);
        let daemon = Daemon::start(dir);
        let site = Self { served, daemon, folder, gone: Vec::new(), pictures: 0 };
        site.daemon.until("a belt that is read", |status| status["lane"]["step"] == "free");
        site
    }

    fn start_belt(&self) {
        self.served.with(|site, now| site.at(now).start());
        self.daemon.until("a belt that is seen running", |status| status["lane"]["motion"] == "running");
    }

    fn stop_belt(&self) {
        self.served.with(|site, now| site.at(now).stop());
        self.daemon.until("a belt that is seen standing", |status| status["lane"]["motion"] == "stopped");
    }

    /// A bag goes in; the belt is stopped by a person once it is through the source, and its picture written.
    fn scan(&mut self) -> (u64, String) {
        let known: Vec<String> = ids(&self.daemon.status().unwrap());
        self.start_belt();
        let bag = self.served.with(|site, now| site.at(now).put(-5.0, 500.0));
        // Well through: where exactly the source is the daemon knows only as well as it knows the way of the belt.
        let through = |bags: &[Bag]| bags.iter().any(|at| at.id == bag && at.rear() > 1_600.0);
        until("the bag to be through", || self.served.with(|site, now| through(site.at(now).bags())).then_some(()));
        self.stop_belt();
        self.pictures += 1;
        let name = format!("scan{}.png", self.pictures);
        fs::write(self.folder.join(name), phantom::bag(self.pictures, 64, 48)).unwrap();
        let reviewing = |status: &Value| {
            let new = subjects(status).find(|subject| !known.contains(&id(subject)));
            new.is_some_and(|subject| subject["step"] == "reviewing")
        };
        let status = self.daemon.until("a review", reviewing);
        let new = subjects(&status).map(id).find(|id| !known.contains(id));
        (bag, new.unwrap())
    }

    fn judge(&self, inspection: &str, verdicts: [&str; 2]) {
        for (agency, verdict) in ["customs", "ciq"].into_iter().zip(verdicts) {
            self.daemon.done(&["verdict", inspection, verdict, "--agency", agency, "--officer", "somebody"]);
        }
    }

    fn left(&mut self, bag: u64) -> Away {
        let (served, gone) = (&self.served, &mut self.gone);
        let left = wait(|| {
            gone.extend(served.with(|site, now| site.at(now).gone()));
            gone.iter().find(|(id, _)| *id == bag).map(|(_, away)| *away)
        });
        left.unwrap_or_else(|| panic!("bag {bag} did not leave\n{}", self.daemon.done(&["journal", "list", "--json"])))
    }

    fn step(&self, inspection: &str, step: &str) {
        self.daemon.until(&format!("{inspection} to be {step}"), |status| {
            subjects(status).any(|subject| id(subject) == inspection && subject["step"] == step)
        });
    }

    fn closed(&self, inspection: &str) -> String {
        until("the inspection to close", || {
            let records = self.daemon.done(&["journal", "list", "--stream", "inspection", "--json"]);
            let mut records = records.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let closed =
                |record: &Value| record["type"] == "portside.inspection.closed" && record["subject"] == inspection;
            let found = records.rfind(|record| closed(record))?;
            Some(found["data"]["outcome"].as_str().unwrap_or_default().to_owned())
        })
    }
}

fn write(dir: &Path, address: SocketAddr, folder: &Path, divert: bool) {
    let (device, decision) = if divert { (DIVERTER, DIVERT) } else { ("", "decision = \"stop\"\n") };
    let text = LANE
        .replace("@DIVERTER@", device)
        .replace("@DECISION@", decision)
        .replace("@SITE@", &address.to_string())
        .replace("@FOLDER@", folder.to_str().unwrap());
    fs::write(lane_file(dir), text).unwrap();
}

fn subjects(status: &Value) -> impl Iterator<Item = &Value> {
    let list = |key: &str| status["lane"][key].as_array().into_iter().flatten();
    list("belt").chain(list("aside"))
}

fn id(subject: &Value) -> String {
    subject["id"].as_str().unwrap().to_owned()
}

fn ids(status: &Value) -> Vec<String> {
    subjects(status).map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_bag_leaves_an_alarmed_one_is_examined_and_one_that_nobody_reviewed_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let mut site = Site::start(dir.path(), true).await;
    // The daemon does not know what stood over the diverter when it started, until a person has looked.
    site.daemon.done(&["barrier", "confirm-clear", "--agency", "customs", "--officer", "somebody"]);

    let (bag, inspection) = site.scan();
    site.judge(&inspection, ["clear", "clear"]);
    site.step(&inspection, "released");
    site.start_belt();
    assert_eq!(site.left(bag), Away::Exit, "{}", site.daemon.log());
    assert_eq!(site.closed(&inspection), "departed");

    let (bag, alarmed) = site.scan();
    site.judge(&alarmed, ["clear", "alarm"]);
    site.step(&alarmed, "held");
    site.start_belt();
    assert_eq!(site.left(bag), Away::Examine, "{}", site.daemon.log());

    let (bag, unreviewed) = site.scan();
    site.start_belt();
    assert_eq!(site.left(bag), Away::Examine, "{}", site.daemon.log());
    site.step(&unreviewed, "held");
    let hold = ["hold", "lift", alarmed.as_str(), "--agency", "ciq", "--officer", "somebody", "--reason", "examined"];
    site.daemon.done(&hold);
    assert_eq!(site.closed(&alarmed), "examined");
    exported_from_the_daemon(&site, dir.path(), &alarmed, &unreviewed);

    assert!(site.daemon.done(&["status"]).contains("examination: held"), "{}", site.daemon.done(&["status"]));
    assert_eq!(site.served.with(|site, now| site.at(now).struck()), 0);
    site.daemon.done(&["journal", "verify"]);
    site.daemon.end();
}

/// The daemon gives what was closed, its evidence part by part, and puts on record that it did.
fn exported_from_the_daemon(site: &Site, dir: &Path, closed: &str, open: &str) {
    let file = dir.join("case.zip");
    let told = site.daemon.done(&["journal", "export", closed, "-o", file.to_str().unwrap()]);
    assert!(told.contains("evidence") && !told.contains("missing"), "{told}");
    assert!(site::portside().args(["journal", "verify"]).arg(&file).status().unwrap().success());
    let again = dir.join("again.zip");
    site.daemon.done(&["journal", "export", closed, "-o", again.to_str().unwrap()]);
    assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap(), "an export is no part of the next one");
    let exports = site.daemon.done(&["journal", "list", "--stream", "audit", "--json"]);
    let exports = exports.lines().filter(|line| line.contains("portside.audit.exported") && line.contains(closed));
    assert_eq!(exports.count(), 2);
    let refused = site.daemon.call(&["journal", "export", open, "-o", dir.join("open.zip").to_str().unwrap()]);
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.contains("is not closed yet"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_belt_stops_with_an_unreleased_bag_and_nothing_but_a_person_starts_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut site = Site::start(dir.path(), false).await;
    let (bag, inspection) = site.scan();
    site.start_belt();
    let halted = |status: &Value| subjects(status).any(|subject| subject["bound"] == "halted");
    site.daemon.until("a bag that is halted", |status| halted(status) && status["lane"]["motion"] == "stopped");
    assert!(site.served.with(|site, now| site.at(now).at(Eye::Decision)).contains(&bag));
    site.judge(&inspection, ["clear", "clear"]);
    site.daemon.until("the release", |status| subjects(status).any(|subject| subject["bound"] == "exit"));
    assert!(!site.served.with(|site, now| site.at(now).runs()), "a release runs no belt");
    // The stop that was given ends by itself, and that starts nothing either.
    until("the end of the stop", || site.served.with(|site, now| site.at(now).runs() || site.is_free()).then_some(()));
    assert!(!site.served.with(|site, now| site.at(now).runs()));
    site.start_belt();
    assert_eq!(site.left(bag), Away::Exit, "{}", site.daemon.log());
    assert_eq!(site.closed(&inspection), "departed");
    site.daemon.done(&["journal", "verify"]);
    site.daemon.end();
}

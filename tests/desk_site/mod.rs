//! A baggage lane with a live detector, its daemon, and officers in front of real browsers.
#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used, clippy::expect_used)] // each test program uses a part

pub mod compare;
mod lane;
mod officer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portside::clock::Clock;
use portside::image::AIR;
use portside::run::materials;
use portside::simulate::phantom::beam::Pair;
use portside::simulate::phantom::luggage::Contents;
use portside::simulate::phantom::{Detector, wedge};
use portside::simulate::tunnel::{LineSender, Tunnel, TunnelSetup};
use portside::simulate::{Served, serve};
use portside_devices::profile::Profile;
use portside_devices::simulate::BeltSite;
use portside_devices::simulate::belt::{Away, BeltSetup};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::site::daemon::Daemon;
use crate::site::{free_port, until, wait};

pub use compare::first_line_of;
pub use officer::{Officer, PASSWORD, english};

/// Small, so that software graphics keep up: 192 elements of 3 mm, a line for every 2.5 mm of the belt.
pub const TUNNEL: TunnelSetup = TunnelSetup { pixels: 192, pitch_mm: 3.0, line_mm: 2.5, source_mm: 1_200.0 };
/// Agencies in the order in which a lane has them.
pub const AGENCIES: [(&str, &str); 6] = [
    ("customs", "海关"),
    ("ciq", "检验检疫"),
    ("border", "边检"),
    ("security", "安检"),
    ("transport", "交通运输"),
    ("maritime", "海事"),
];
/// Dark lines and white ones of a calibration.
const CALIBRATION: u32 = 64;
/// Millimetres a second.
const SPEED: f64 = 200.0;

const BELT: BeltSetup = BeltSetup {
    scan_mm: 800.0,
    source_mm: 400.0,
    decision_mm: 4_000.0,
    exit_mm: 6_000.0,
    blade: Some((800.0, 300.0)),
    blade_travel: Duration::from_millis(200),
    speed: SPEED,
    picture_gap_mm: 60.0,
};

/// What the detector has said since it was connected to.
#[derive(Clone, Debug, Default)]
pub struct Said {
    dark: Vec<f64>,
    white: Vec<f64>,
    pub lines: Vec<Vec<u16>>,
    /// When each was handed to the socket, wall time in milliseconds.
    pub sent_ms: Vec<f64>,
}

impl Said {
    /// What an element of the softer energy truly let through, out of the raw lines and nothing else.
    pub fn truth(&self, line: usize, sample: usize) -> f64 {
        let raw = f64::from(self.lines[line][sample]);
        f64::from(AIR) * (raw - self.dark[sample]) / (self.white[sample] - self.dark[sample])
    }

    /// Elements of a line.
    pub fn elements(&self) -> usize {
        self.dark.len() / 2
    }

    /// Elements that measure.
    pub fn measures(&self, sample: usize) -> bool {
        self.white[sample] - self.dark[sample] > 1_000.0
    }
}

/// The lane.
pub struct DeskSite {
    pub dir: PathBuf,
    pub plan: Plan,
    pub belt: Served<BeltSite>,
    pub tunnel: Arc<Mutex<Tunnel>>,
    pub sender: LineSender,
    pub said: Arc<Mutex<Said>>,
    pub daemon: Daemon,
    pub port: u16,
    stop: CancellationToken,
    gone: Vec<(u64, Away)>,
}

impl Drop for DeskSite {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What differs from lane to lane.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub desks: usize,
    /// Agencies of the lane where there are more than desks, those with a desk first.
    pub agencies: usize,
    pub review: &'static str,
    pub lock_after: &'static str,
    /// How often the devices of the belt are read: more seldom, and a busy machine is not taken for one that is blind.
    pub poll: &'static str,
    /// What the X-ray machine is called in the lane file.
    pub xray_name: &'static str,
    pub tunnel: TunnelSetup,
    /// Bags are computed on every so-many-th place.
    pub grain: u32,
}

/// What a technician does once with a step wedge.
fn calibrate_materials(dir: &Path) {
    let path = materials::path(&dir.join("store"), "scanner");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let patches = wedge::patches(&Pair::baggage(), Detector::default());
    fs::write(path, serde_json::to_vec(&patches).unwrap()).unwrap();
}

pub const PLAN: Plan = Plan {
    desks: 2,
    agencies: 0,
    review: "10 min",
    lock_after: "5 min",
    poll: "50 ms",
    xray_name: "X 光机",
    tunnel: TUNNEL,
    grain: 1,
};

impl DeskSite {
    /// Builds it in `dir` and starts its daemon.
    pub async fn start(dir: &Path, plan: Plan) -> Self {
        let stop = CancellationToken::new();
        let belt = serve(BeltSite::new(BELT), Clock::start(), stop.clone()).await.unwrap();
        let profile = lane::profile(plan.tunnel, SPEED);
        let detector = Profile::parse(lane::DETECTOR_NAME, &profile).unwrap().detector.unwrap();
        let tunnel = Arc::new(Mutex::new(Tunnel::new(plan.tunnel, &detector, 11)));
        let said = Arc::new(Mutex::new(Said::default()));
        let (machine, heard) = (tunnel.clone(), said.clone());
        let calibrate = Arc::new(move || {
            let (dark, white) = machine.lock().unwrap().calibrate(CALIBRATION);
            *heard.lock().unwrap() = Said { dark: mean(&dark), white: mean(&white), ..Said::default() };
            (dark, white)
        });
        let sender = LineSender::serve(detector, calibrate, stop.clone()).await.unwrap();
        let port = free_port();
        lane::write(dir, plan, &profile, port, belt.address(), sender.address());
        calibrate_materials(dir);
        tokio::spawn(send(belt.clone(), tunnel.clone(), said.clone(), sender.clone(), stop.clone()));
        let daemon = Daemon::start(dir);
        let site = Self { dir: dir.to_owned(), plan, belt, tunnel, sender, said, daemon, port, stop, gone: Vec::new() };
        site.daemon.until("a belt that is read", |status| status["lane"]["step"] == "free");
        // The daemon does not know what stood over the diverter when it started, until a person has looked.
        site.daemon.done(&["barrier", "confirm-clear", "--agency", "customs", "--officer", "somebody"]);
        site
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// A person starts the belt, and again where the lane still held it.
    pub fn start_belt(&self) {
        self.daemon.until("a belt that is seen running", |status| {
            start_again(&self.belt);
            status["lane"]["motion"] == "running"
        });
    }

    pub fn stop_belt(&self) {
        self.belt.with(|site, now| site.at(now).stop());
        self.daemon.until("a belt that is seen standing", |status| status["lane"]["motion"] == "stopped");
    }

    /// A packed bag is put down at the entry of the belt, which runs from then on.
    pub fn put(&self, contents: Contents, length: f64, seed: u64) -> u64 {
        let exposure = Tunnel::expose(self.plan.tunnel, contents, length, self.plan.grain, seed);
        self.start_belt();
        let bag = self.belt.with(|site, now| site.at(now).put(-5.0, length));
        self.tunnel.lock().unwrap().pack(bag, exposure);
        bag
    }

    /// Waits until the front of a bag is at `mm`.
    pub fn rides_to(&self, bag: u64, mm: f64) {
        let there = |site: &mut BeltSite, now| site.at(now).bags().iter().any(|at| at.id == bag && at.front >= mm);
        until(&format!("bag {bag} to come to {mm} mm"), || {
            start_again(&self.belt);
            self.belt.with(there).then_some(())
        });
    }

    /// A bag goes through the source and the belt is stopped behind it; gives the bag and its inspection.
    pub fn scan(&self, contents: Contents, seed: u64) -> (u64, String) {
        let known: Vec<String> = self.daemon.status().iter().flat_map(subjects).map(|one| id(&one)).collect();
        let bag = self.put(contents, 500.0, seed);
        self.rides_to(bag, 2_100.0);
        self.stop_belt();
        (bag, self.reviewed(&known))
    }

    /// The inspection that none of `known` is, once it is being reviewed.
    pub fn reviewed(&self, known: &[String]) -> String {
        let new = |status: &Value| {
            let subjects = subjects(status).into_iter();
            subjects.filter(|one| one["step"] == "reviewing").map(|one| id(&one)).find(|id| !known.contains(id))
        };
        let status = self.daemon.until("a review", |status| new(status).is_some());
        new(&status).unwrap()
    }

    pub fn step(&self, inspection: &str, step: &str) {
        self.daemon.until(&format!("{inspection} to be {step}"), |status| {
            subjects(status).iter().any(|one| id(one) == inspection && one["step"] == step)
        });
    }

    /// What the detector has said until now. A copy: whoever holds the original keeps the detector from speaking, and
    /// the devices beside it.
    pub fn heard(&self) -> Said {
        self.said.lock().unwrap().clone()
    }

    /// Which way a bag left.
    pub fn left(&mut self, bag: u64) -> Away {
        let (belt, gone) = (&self.belt, &mut self.gone);
        let left = wait(|| {
            start_again(belt);
            gone.extend(belt.with(|site, now| site.at(now).gone()));
            gone.iter().find(|(id, _)| *id == bag).map(|(_, away)| *away)
        });
        left.unwrap_or_else(|| panic!("bag {bag} did not leave\n{}", self.daemon.log()))
    }

    /// The records of an inspection, whose kinds end with `kind`.
    pub fn records(&self, inspection: &str, kind: &str) -> Vec<Value> {
        let text = self.daemon.done(&["journal", "list", "--stream", "inspection", "--json"]);
        let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let kind = format!("portside.{kind}");
        records.filter(|record| record["subject"] == inspection && record["type"] == kind.as_str()).collect()
    }
}

/// A lane that lost sight of its sensors, as on a busy machine, has stopped the belt: a person starts it when it may.
fn start_again(belt: &Served<BeltSite>) {
    belt.with(|site, now| {
        if !site.at(now).runs() && site.is_free() {
            site.at(now).start();
        }
    });
}

/// The detector empties its buffer into the network, and what it says is written down.
async fn send(
    belt: Served<BeltSite>,
    tunnel: Arc<Mutex<Tunnel>>,
    said: Arc<Mutex<Said>>,
    sender: LineSender,
    stop: CancellationToken,
) {
    let clock = Clock::start();
    while !stop.is_cancelled() {
        let lines = belt.with(|site, now| tunnel.lock().unwrap().look(site.at(now)));
        for line in lines {
            let mut said = said.lock().unwrap();
            said.lines.push(line.clone());
            said.sent_ms.push(clock.wall().as_microsecond() as f64 / 1_000.0);
            sender.send(line);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn mean(lines: &[Vec<u16>]) -> Vec<f64> {
    let of = |place: usize| lines.iter().map(|line| f64::from(line[place])).sum::<f64>() / lines.len() as f64;
    (0..lines[0].len()).map(of).collect()
}

/// Whatever is on the belt or at the examination.
pub fn subjects(status: &Value) -> Vec<Value> {
    let list = |key: &str| status["lane"][key].as_array().cloned().unwrap_or_default();
    [list("belt"), list("aside")].concat()
}

pub fn id(subject: &Value) -> String {
    subject["id"].as_str().unwrap().to_owned()
}

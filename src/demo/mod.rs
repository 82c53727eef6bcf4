//! `portside demo`: two whole lanes on one machine, from the wire to the centre: a vehicle gate and a baggage belt.
//!
//! ```text
//!  vehicles, arm, loops ◄─Modbus TCP─► daemon (own process) ─MQTT 5─► broker ─► centre, checks the chain
//!  X-ray machine ──files──►               ▲                              ▲
//!  officers ──control socket──────────────┘                              │
//!  bags, belt, diverter, X-ray machine, officers ◄──the same──► daemon ──┘
//! ```
//! Nothing in it is short-circuited: the daemon is the shipped binary with a lane file, and everything reaches it over
//! a real socket, file or pipe.

mod attended;
mod belt;
mod centre;
mod daemon;
mod desks;
mod logins;
mod luggage;
mod machine;
mod people;
mod picture;
mod pictures;
mod show;
mod story;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use portside_devices::simulate::{Gate, GateSetup, GateView, Manner, VehicleView};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::simulate::{Served, serve};
use attended::Attended;
use daemon::Paths;
use desks::Desks;
use people::People;
use pictures::Pictures;
use show::{Line, Show, Sites};
use story::Story;

const LANE_FILE: &str = include_str!("lane.toml");
/// What the demo's camera sees; whose it is: `vision/clips/README.md`.
const CLIP: &[u8] = include_bytes!("../../vision/clips/parking-car.mp4");
/// Topic root of the demo's lane.
const ROOT: &str = "eport/v1/CNTYN/G03";
/// How often the people of the demo look at their screens.
const LOOK: Duration = Duration::from_millis(120);
/// How often the simulated site is looked at for movements.
const WATCH: Duration = Duration::from_millis(15);
/// Without any progress for this long, something is wrong.
const STUCK: Duration = Duration::from_secs(120);
/// A picture that the lane has not taken by now is lost, as after a kill: the subject is scanned again.
const SCAN_AGAIN: Duration = Duration::from_secs(4);
/// Where the gate's pages are; the belt's are one further. Other ports where these are taken.
const PAGES: u16 = 8443;
/// A vehicle has left the lane: nothing of it is nearer than this, metres.
const NEAR: f64 = 8.0;

/// A lane of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lane {
    /// Vehicles at a barrier.
    Gate,
    /// Bags on a belt.
    Belt,
}

/// What the demo was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// One inspection of each outcome, then the end.
    pub once: bool,
    /// Drives the traffic.
    pub seed: u64,
    /// The folder for state; it is kept.
    pub dir: PathBuf,
    /// Instead of the embedded broker.
    pub broker: Option<String>,
    /// Address that the embedded broker and the pages listen on.
    pub listen: IpAddr,
    /// Lines instead of a terminal view.
    pub headless: bool,
    /// This lane alone; `None` for all.
    pub lane: Option<Lane>,
}

impl Options {
    fn plays(&self, lane: Lane) -> bool {
        self.lane.is_none_or(|only| only == lane)
    }
}

/// What a demo that ended has to say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Sentences about what went wrong; empty is well.
    pub faults: Vec<String>,
}

/// Runs the demo until it is done or `stop` is cancelled.
///
/// # Errors
/// A sentence when it cannot start.
pub async fn run(options: Options, stop: CancellationToken) -> Result<Outcome, String> {
    let clock = Clock::start();
    let paths = Paths { dir: options.dir.clone() };
    let belt_paths = Paths { dir: options.dir.join("belt") };
    let explain = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    std::fs::create_dir_all(paths.pictures()).map_err(explain("the demo's folder cannot be made"))?;
    let site_stop = CancellationToken::new();
    let gate = serve(Gate::new(GateSetup::new(Closes::Pulse)), clock, site_stop.clone())
        .await
        .map_err(explain("the simulated site cannot be served"))?;
    let broker = start_broker(&options)?;
    let desks = |port| Desks::at(options.listen, port).map_err(explain("the pages"));
    let (at_the_gate, at_the_belt) = (desks(PAGES)?, desks(PAGES + 1)?);
    write_lane_file(&paths, &broker, &gate, &at_the_gate, options.once).map_err(explain("the lane file"))?;
    let belt = belt::build(&belt_paths, &broker, &at_the_belt, &options, clock, site_stop.clone())
        .await
        .map_err(explain("the simulated belt"))?;
    let program = std::env::current_exe().map_err(explain("the program's own path"))?;
    let begin = |lane: Lane, paths: &Paths, root: &str| {
        options.plays(lane).then(|| Attended::start(&program, paths, &broker, root, &site_stop)).transpose()
    };
    let (at_gate, at_belt) = (begin(Lane::Gate, &paths, ROOT)?, begin(Lane::Belt, &belt_paths, belt::ROOT)?);

    let centres = [&at_gate, &at_belt].into_iter().flatten().map(|lane| lane.centre.clone()).collect();
    let sites = Sites { gate: gate.clone(), belt: belt.belt.clone() };
    let show = Show::start(&options, [&paths, &belt_paths], &broker, centres, sites, clock);
    tokio::spawn(watch_movements(gate.clone(), show.clone(), site_stop.clone()));
    for (lane, name, paths, desks) in
        [(Lane::Gate, "gate", &paths, &at_the_gate), (Lane::Belt, "belt", &belt_paths, &at_the_belt)]
    {
        if options.plays(lane) {
            tokio::spawn(desks.clone().open(name, paths.clone(), show.clone(), site_stop.clone()));
        }
    }
    let mut stage = Stage {
        pictures: Pictures::new(options.seed),
        dice: fastrand::Rng::with_seed(options.seed),
        people: People::new(paths.socket(), at_the_gate, show.clone()),
        paths,
        clock,
        gate: gate.clone(),
        show: show.clone(),
    };
    let people = People::new(belt_paths.socket(), at_the_belt, show.clone());
    let mut bags = belt::Stage::new(belt, people, &options, clock, show.clone());
    let mut outcome = Outcome::default();
    let (vehicles, bags) = tokio::join!(
        async { if options.plays(Lane::Gate) { stage.play(&options, &stop).await } else { Vec::new() } },
        async { if options.plays(Lane::Belt) { bags.play(&options, &stop).await } else { Vec::new() } },
    );
    outcome.faults.extend(vehicles.into_iter().chain(bags));

    let struck = gate.with(|gate, _| gate.view().struck);
    if struck > 0 {
        outcome.faults.push(format!("the arm came down on a vehicle {struck} times"));
    }
    for lane in [at_gate, at_belt].into_iter().flatten() {
        lane.end(clock, &show, &mut outcome).await;
    }
    site_stop.cancel();
    show.end();
    Ok(outcome)
}

fn start_broker(options: &Options) -> Result<String, String> {
    if let Some(url) = &options.broker {
        return Ok(url.clone());
    }
    #[cfg(feature = "embedded-broker")]
    {
        let broker = crate::broker::start(std::net::SocketAddr::new(options.listen, 0))
            .map_err(|error| format!("the embedded broker cannot start: {error}"))?;
        Ok(format!("mqtt://{}", broker.addr))
    }
    #[cfg(not(feature = "embedded-broker"))]
    {
        Err("this build has no embedded broker; name one with --broker mqtt://HOST:PORT".to_owned())
    }
}

fn host_and_port(url: &str) -> Result<(String, u16), String> {
    let address: crate::uplink::Address = url.parse().map_err(|error| format!("--broker {url}: {error}"))?;
    Ok((address.host, address.port))
}

fn write_lane_file(paths: &Paths, broker: &str, gate: &Served<Gate>, desks: &Desks, once: bool) -> std::io::Result<()> {
    let pictures = std::path::absolute(paths.pictures())?;
    let clip = std::path::absolute(paths.clip())?;
    std::fs::write(&clip, CLIP)?;
    let text = LANE_FILE
        .replace("@BROKER@", broker)
        .replace("@SITE@", &gate.address().to_string())
        .replace("@PICTURES@", &pictures.display().to_string())
        .replace("@CLIP@", &clip.display().to_string())
        .replace("@PAGES@", &desks.pages.to_string())
        .replace("@REVIEW@", if once { "5 s" } else { "40 s" });
    std::fs::write(paths.lane_file(), text)
}

/// Tells of every movement of the arm as the site sees it, and of every vehicle it strikes.
async fn watch_movements(gate: Served<Gate>, show: Show, stop: CancellationToken) {
    let mut before = look(&gate);
    while !stop.is_cancelled() {
        tokio::time::sleep(WATCH).await;
        let now = look(&gate);
        for (name, place) in [("open", 0), ("stop", 1), ("close", 2)] {
            if now.relays[place] && !before.relays[place] {
                show.line(Line::Relay(name));
            }
        }
        if now.struck > before.struck {
            show.line(Line::Struck);
        }
        before = now;
    }
}

fn look(gate: &Served<Gate>) -> GateView {
    gate.with(|gate, now| {
        gate.step(now);
        gate.view()
    })
}

/// Everything that plays: vehicles, pictures, officers.
struct Stage {
    pictures: Pictures,
    dice: fastrand::Rng,
    people: People,
    paths: Paths,
    clock: Clock,
    gate: Served<Gate>,
    show: Show,
}

impl Stage {
    /// Sends subject after subject; answers with what went wrong.
    async fn play(&mut self, options: &Options, stop: &CancellationToken) -> Vec<String> {
        let mut faults = Vec::new();
        if options.once {
            let (name, bytes) = self.pictures.half();
            if let Err(error) = pictures::send(&self.paths.pictures(), &name, &bytes).await {
                faults.push(format!("the broken picture cannot be written: {error}"));
            }
        }
        let mut stories = story::ALL.into_iter();
        loop {
            let story = if options.once {
                match stories.next() {
                    Some(story) => story,
                    None => break,
                }
            } else {
                Story::draw(&mut self.dice)
            };
            if stop.is_cancelled() {
                break;
            }
            match self.tell(story, options.once, stop).await {
                Ok(()) => {}
                Err(_) if stop.is_cancelled() => break,
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            }
        }
        faults
    }

    /// One subject from its arrival to its departure.
    async fn tell(&mut self, story: Story, once: bool, stop: &CancellationToken) -> Result<(), String> {
        let plate = story::plate(&mut self.dice);
        let patience = Duration::from_secs(if once { 12 } else { 48 });
        let mut subject = Subject { story, plate, sent: false, pictured: None, seen: None, patience };
        let began = self.clock.moment();
        let mut last = (began, Value::Null);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Err("stopped".to_owned()),
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = self.clock.moment();
            let status = self.people.look().await;
            self.show.status(&status);
            let mark = progress_mark(&status);
            if mark != last.1 {
                last = (now, mark);
            } else if now.since(last.0) > STUCK {
                return Err(format!("nothing has happened for {} s; the lane said {}", STUCK.as_secs(), last.1));
            }
            if status.is_null() {
                continue;
            }
            if self.turn(&mut subject, &status).await {
                return Ok(());
            }
        }
    }

    /// One look at the screens; true when the subject's story is told.
    async fn turn(&mut self, subject: &mut Subject, status: &Value) -> bool {
        let step = status["lane"]["step"].as_str().unwrap_or_default();
        let view = look(&self.gate);
        if !subject.sent {
            let ready = step == "free" && status["lane"]["arm"]["seen"] == "closed" && view.vehicles.is_empty();
            if ready {
                self.send(subject);
            } else {
                self.act(subject, status, &view);
            }
            return false;
        }
        if let Some(id) = status["lane"]["inspection"]["id"].as_str() {
            subject.seen.get_or_insert_with(|| id.into());
        }
        let now = self.clock.moment();
        let scanned = subject.pictured.as_ref().is_some_and(|(inspection, sent)| {
            Some(inspection) == subject.seen.as_ref() && now.since(*sent) < SCAN_AGAIN
        });
        if step == "awaiting_picture" && !scanned {
            subject.pictured = subject.seen.clone().map(|inspection| (inspection, now));
            let (name, bytes) = self.pictures.next();
            if let Err(error) = pictures::send(&self.paths.pictures(), &name, &bytes).await {
                self.show.line(Line::Words(format!("the X-ray machine cannot write {name}: {error}")));
            }
        }
        self.act(subject, status, &view);
        let gone = view.vehicles.is_empty();
        if gone && step == "free" && subject.seen.is_none() {
            // It came and went while the daemon was away: nobody saw it, so it comes again.
            subject.sent = false;
            return false;
        }
        if gone && step == "free" && status["lane"]["arm"]["seen"] == "closed" && subject.seen.is_some() {
            self.show.line(Line::Told { story: subject.story, inspection: subject.seen.clone().unwrap_or_default() });
            return true;
        }
        false
    }

    fn send(&mut self, subject: &mut Subject) {
        let manner = if subject.story.passes() { Manner::Pass } else { Manner::TurnBack(subject.patience) };
        let length = 4.0 + 6.0 * self.dice.f64();
        self.gate.with(|gate, now| {
            gate.step(now);
            gate.send(manner, length, 4.0)
        });
        subject.sent = true;
        self.show.line(Line::Arrives { plate: subject.plate.clone(), story: subject.story });
    }

    /// Officers and the person at the lane do what the status asks of them, each deed once.
    fn act(&self, subject: &Subject, status: &Value, view: &GateView) {
        let clear = |vehicle: &VehicleView| {
            let (low, high) = (vehicle.rear.min(vehicle.front), vehicle.rear.max(vehicle.front));
            low > NEAR || high < -2.0
        };
        let lane_clear = view.vehicles.iter().all(clear);
        for deed in story::deeds(subject.story, &subject.plate, status, lane_clear, view.sensors[0]) {
            self.people.act(deed);
        }
    }
}

/// The subject in the lane.
struct Subject {
    story: Story,
    plate: String,
    sent: bool,
    /// The inspection that got its picture, and when it was sent.
    pictured: Option<(Arc<str>, Moment)>,
    /// The inspection that the lane opened for it.
    seen: Option<Arc<str>>,
    patience: Duration,
}

/// What must change from time to time for the demo to be going on.
fn progress_mark(status: &Value) -> Value {
    let lane = &status["lane"];
    serde_json::json!([
        lane["step"],
        lane["inspection"]["id"],
        lane["arm"]["seen"],
        status["journal"]["newest"]["inspection"]
    ])
}

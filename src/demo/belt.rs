//! The baggage lane of the demo: bags that ride through an X-ray machine, its lines, and the people around it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::simulate::BeltSite;
use portside_devices::simulate::belt::{Away, BeltSetup};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::daemon::Paths;
use super::desks::Desks;
use super::luggage::{Packed, Stock};
use super::machine::Machine;
use super::people::People;
use super::show::{Line, Show};
use super::story::{self, Story};
use super::{LOOK, Options, STUCK};
use crate::clock::Clock;
use crate::simulate::{Served, serve};

const LANE_FILE: &str = include_str!("belt.toml");
/// Topic root of this lane.
pub(super) const ROOT: &str = "eport/v1/CNTYN/B01";
/// As the lane file says it.
const SETUP: BeltSetup = BeltSetup {
    scan_mm: 800.0,
    source_mm: 400.0,
    decision_mm: 4_000.0,
    exit_mm: 6_000.0,
    blade: Some((800.0, 300.0)),
    blade_travel: Duration::from_millis(200),
    speed: 400.0,
    picture_gap_mm: 60.0,
};
/// Passengers put their bags down so far apart.
const BETWEEN: Duration = Duration::from_secs(7);
/// A person sees that the belt stands, and why, before starting it.
const START_AFTER: Duration = Duration::from_secs(2);

/// So far behind the source a picture is finished, and so far before it none has begun.
const CLEAR_MM: f64 = 150.0;
/// The belt has to be seen standing for so long before a person reaches to the diverter.
const LOOKS_FOR: Duration = Duration::from_secs(1);

/// The belt and the X-ray machine over it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// Bags, light barriers, diverter.
    pub(super) belt: Served<BeltSite>,
    /// The detector.
    pub(super) machine: Machine,
}

/// Serves the belt and its detector on sockets and writes the lane file.
pub(super) async fn build(
    paths: &Paths,
    broker: &str,
    desks: &Desks,
    options: &Options,
    clock: Clock,
    until: CancellationToken,
) -> std::io::Result<Site> {
    let belt = serve(BeltSite::new(SETUP), clock, until.clone()).await?;
    let machine = Machine::start(paths, belt.clone(), options.seed, until).await?;
    let text = LANE_FILE
        .replace("@BROKER@", broker)
        .replace("@SITE@", &belt.address().to_string())
        .replace("@DETECTOR@", &machine.address().to_string())
        .replace("@PROFILES@", &std::path::absolute(paths.profiles())?.display().to_string())
        .replace("@PAGES@", &desks.pages.to_string())
        .replace("@REVIEW@", if options.once { "5 s" } else { "90 s" });
    std::fs::write(paths.lane_file(), text)?;
    Ok(Site { belt, machine })
}

/// Everything that plays around the belt.
pub(super) struct Stage {
    site: Served<BeltSite>,
    machine: Machine,
    clock: Clock,
    people: People,
    show: Show,
    stock: Stock,
    /// Stories of the bags that are on the belt or were.
    bags: BTreeMap<u64, Story>,
    /// Of those that the lane has opened no inspection for.
    announced: VecDeque<Story>,
    inspections: BTreeMap<Arc<str>, Story>,
    put: Option<Moment>,
    stands: Option<Moment>,
    /// The daemon for which a person has looked at the diverter.
    looked_for: Option<u64>,
    left: u64,
}

impl Stage {
    pub(super) fn new(site: Site, people: People, options: &Options, clock: Clock, show: Show) -> Self {
        Self {
            site: site.belt,
            machine: site.machine,
            clock,
            people,
            show,
            stock: Stock::new(options.once, options.seed),
            bags: BTreeMap::new(),
            announced: VecDeque::new(),
            inspections: BTreeMap::new(),
            put: None,
            stands: None,
            looked_for: None,
            left: 0,
        }
    }

    /// Puts bag after bag on the belt; answers with what went wrong.
    pub(super) async fn play(&mut self, options: &Options, stop: &CancellationToken) -> Vec<String> {
        let mut faults = Vec::new();
        let mut last = (self.clock.moment(), Value::Null);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
            let (now, status) = (self.clock.moment(), self.people.look().await);
            self.show.belt(&status);
            faults.extend(self.leave());
            let mark = json!([status["lane"]["belt"], status["lane"]["aside"], self.left]);
            if mark != last.1 {
                last = (now, mark);
            } else if options.once && now.since(last.0) > STUCK {
                faults.push(format!("nothing has happened at the belt for {} s; it said {}", STUCK.as_secs(), last.1));
                break;
            }
            if status.is_null() {
                continue;
            }
            self.meet(&status);
            self.attend(&status, now);
            self.put_down(&status, now);
            let done =
                self.stock.left == Some(0) && self.left == self.bags.len() as u64 && subjects(&status).next().is_none();
            if options.once && done {
                break;
            }
        }
        let struck = self.site.with(|site, now| site.at(now).struck());
        if struck > 0 {
            faults.push(format!("the diverter moved against a bag {struck} times"));
        }
        faults
    }

    /// Bags that have left; an unreleased one may not leave by the exit.
    fn leave(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for (bag, away) in self.site.with(|site, now| site.at(now).gone()) {
            self.left += 1;
            let story = self.bags.get(&bag).copied();
            let words = match away {
                Away::Exit => "leaves by the exit",
                Away::Examine => "is led to the examination",
                Away::Hands => "was taken off",
            };
            self.show.line(Line::Words(format!("movement  the site sees that bag {bag} {words}")));
            if away == Away::Exit && story != Some(Story::Released) {
                faults.push(format!("bag {bag} left by the exit although nobody released it"));
            }
        }
        faults
    }

    /// Knows the story of each inspection: bags and inspections come in one order.
    fn meet(&mut self, status: &Value) {
        for subject in subjects(status) {
            let Some(id) = subject["id"].as_str() else { continue };
            if !self.inspections.contains_key(id)
                && let Some(story) = self.announced.pop_front()
            {
                self.inspections.insert(id.into(), story);
            }
        }
    }

    /// Officers judge and examine; a person looks at the diverter and starts the belt.
    fn attend(&mut self, status: &Value, now: Moment) {
        for subject in subjects(status) {
            let Some(id) = subject["id"].as_str() else { continue };
            let story = self.inspections.get(id).copied().unwrap_or(Story::Held);
            story::deeds_at_the_belt(story, subject).into_iter().for_each(|deed| self.people.act(deed));
        }
        let pid = status["about"]["pid"].as_u64();
        let stands = status["lane"]["motion"] == "stopped";
        if self.looked_for != pid {
            // A daemon that has just started does not know what is at the diverter until a person has looked.
            self.site.with(|site, now| site.at(now).stop());
            if !stands {
                self.stands = None;
                return;
            }
            self.clear_the_diverter();
            if now.since(*self.stands.get_or_insert(now)) >= LOOKS_FOR {
                self.people.act(story::look_at_the_diverter(pid.unwrap_or(0)));
                (self.looked_for, self.stands) = (pid, None);
            }
            return;
        }
        let judged = self.people.has_visitors() && self.is_seen(status);
        if judged {
            self.wait_for_the_desks();
        }
        let free = self.site.with(|site, now| (site.at(now).runs(), site.is_free()));
        if free == (false, true) && !judged {
            let since = *self.stands.get_or_insert(now);
            if now.since(since) >= START_AFTER {
                self.site.with(|site, now| site.at(now).start());
                self.show.line(Line::Words("movement  a person starts the belt at the machine".to_owned()));
                self.stands = None;
            }
        } else {
            self.stands = None;
        }
    }

    /// Whether a bag whose picture is finished waits for a verdict.
    fn is_seen(&self, status: &Value) -> bool {
        let source = SETUP.scan_mm + SETUP.source_mm;
        let inside = self.site.with(|site, now| {
            site.at(now).bags().iter().any(|bag| bag.rear() < source + CLEAR_MM && bag.front > source - CLEAR_MM)
        });
        let reviewing = |subject: &Value| subject["step"] == "reviewing" && subject["at"] != "examine";
        !inside && subjects(status).any(reviewing)
    }

    /// Somebody looks at the picture in earnest: the person at the machine stops the belt meanwhile.
    fn wait_for_the_desks(&self) {
        let stopped = self.site.with(|site, now| {
            let belt = site.at(now);
            let runs = belt.runs();
            belt.stop();
            runs
        });
        if stopped {
            self.show.line(Line::Words(
                "movement  the belt waits for the desks: a person stopped it at the machine".to_owned(),
            ));
        }
    }

    /// What stands behind the decision is taken to the examination by hand.
    fn clear_the_diverter(&self) {
        self.site.with(|site, now| {
            let belt = site.at(now);
            let there: Vec<u64> =
                belt.bags().iter().filter(|bag| bag.front > SETUP.decision_mm).map(|bag| bag.id).collect();
            for bag in there {
                belt.take(bag);
            }
        });
    }

    fn put_down(&mut self, status: &Value, now: Moment) {
        let running = status["lane"]["motion"] == "running" && self.looked_for == status["about"]["pid"].as_u64();
        let due = self.put.is_none_or(|put| now.since(put) >= BETWEEN);
        if !running || !due {
            return;
        }
        let Some(Packed { story, length, exposure }) = self.stock.next() else { return };
        let bag = self.site.with(|site, now| site.at(now).put(-5.0, length));
        self.machine.pack(bag, exposure);
        self.bags.insert(bag, story);
        self.announced.push_back(story);
        self.put = Some(now);
        self.show.line(Line::Words(format!("bag {bag} is put on the belt: {}", story.at_the_belt())));
    }
}

fn subjects(status: &Value) -> impl Iterator<Item = &Value> {
    let list = |key: &str| status["lane"][key].as_array().into_iter().flatten();
    list("belt").chain(list("aside"))
}

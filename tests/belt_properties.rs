//! The rules of the belt as invariants: random events, hands, silence, restarts, and a machine that has gone mad.
//!
//! Machine, interlock and judge are three opinions on each order. `PORTSIDE_ENDURANCE=1` plays 10^7 events a variant
//! instead of 10^5; a failing run prints its seed, and `PORTSIDE_SEED` plays it again.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod belt_site;

use std::sync::Arc;
use std::time::Duration;

use belt_site::{Kind, Site, picture, settings};
use fastrand::Rng;
use portside::lane::belt::{Effect, Event, Order, Settings, Wire, recall};
use portside::lane::{Act, Contact, Memory, Note, Officer, OrderOutcome, Presence, Verdict};

const BOTH: [Kind; 2] = [Kind::Stop, Kind::Divert];

/// Events from one restart to the next.
const RESTART_EVERY: usize = 20_000;

fn events() -> usize {
    if std::env::var_os("PORTSIDE_ENDURANCE").is_some() { 10_000_000 } else { 100_000 }
}

fn seed() -> u64 {
    let given = std::env::var("PORTSIDE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}: play it again with PORTSIDE_SEED={seed}");
    seed
}

fn pick<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

/// What a run came to.
#[derive(Debug, Default)]
struct Reached {
    sent: usize,
    departed: usize,
    passes: usize,
    diverts: usize,
    demands: usize,
    refusals: usize,
    restarts: usize,
}

/// One run: the site, and the records of what is still open, as a journal would keep them.
struct Play {
    rng: Rng,
    kind: Kind,
    site: Site,
    journal: Vec<Note>,
    reached: Reached,
    /// Before the last restart.
    events: usize,
}

impl Play {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut site = Site::with(steady(kind), recall::Recalled::NOTHING, "run-0");
        site.poll = Duration::from_millis(100);
        site.reports_faults = true;
        Self { rng: Rng::with_seed(seed), kind, site, journal: Vec::new(), reached: Reached::default(), events: 0 }
    }

    fn events(&self) -> usize {
        self.events + self.site.events
    }

    fn step(&mut self) {
        if self.events() > (self.reached.restarts + 1) * RESTART_EVERY {
            self.restart();
        }
        match self.rng.u8(..100) {
            0..8 => self.read_anything(),
            8..12 => self.site.reach = pick(&mut self.rng, &[Presence::Clear, Presence::Clear, Presence::Present]),
            12..18 => self.contact(),
            18..24 => self.motor(),
            24..38 => self.hands(),
            38..62 => self.officer(),
            62..64 => {
                let name = self.rng.u16(..).to_string();
                let made = self.site.now;
                self.site.send(Event::Picture(picture(&name, made)));
            }
            64..66 => self.answer(),
            66 => self.site.silent = self.rng.u8(..4) == 0,
            67 => self.site.deaf = self.rng.u8(..4) == 0,
            68..94 => {
                let millis = pick(&mut self.rng, &[50, 100, 300, 1_600, 4_000]);
                self.site.run(millis);
            }
            _ => self.calm_passage(),
        }
        self.keep();
    }

    /// A light barrier says anything, once or until further notice.
    fn read_anything(&mut self) {
        let sensor = self.rng.usize(..self.site.says.len());
        let says = [Presence::Clear, Presence::Clear, Presence::Present, Presence::Present, Presence::Unknown];
        let presence = pick(&mut self.rng, &says);
        let lasts = self.rng.u8(..3) == 0;
        self.site.says[sensor] = lasts.then_some(presence);
        self.site.send(Event::Sensor { sensor, presence });
    }

    fn contact(&mut self) {
        let wire = pick(&mut self.rng, &Wire::ALL);
        let state = pick(&mut self.rng, &[Contact::On, Contact::Off, Contact::Unknown]);
        self.site.wires.clear();
        if self.rng.u8(..3) == 0 {
            self.site.wires.push((wire, state));
        }
        self.site.send(Event::Wire { wire, state });
    }

    fn motor(&mut self) {
        match self.rng.u8(..8) {
            0 => self.site.world.stop(),
            1 if self.rng.u8(..3) == 0 => self.site.world.reverse(),
            _ => self.site.world.start(),
        }
    }

    fn hands(&mut self) {
        let bags: Vec<u64> = self.site.world.bags().iter().map(|bag| bag.id).collect();
        let length = 250.0 + 600.0 * self.rng.f64();
        if bags.is_empty() || self.rng.u8(..3) > 0 {
            let front = if self.rng.u8(..8) == 0 { 4_500.0 * self.rng.f64() } else { -5.0 };
            self.site.world.put(front, length);
            return;
        }
        let (one, other) = (pick(&mut self.rng, &bags), pick(&mut self.rng, &bags));
        match self.rng.u8(..3) {
            0 => drop(self.site.world.take(one)),
            1 => self.site.world.swap(one, other),
            _ => self.site.world.shift(one, 400.0 * self.rng.f64() - 200.0),
        }
    }

    fn subjects(&self) -> Vec<Arc<str>> {
        let view = self.site.view();
        view.belt.iter().chain(&view.aside).map(|subject| subject.id.clone()).collect()
    }

    fn officer(&mut self) {
        let rng = &mut self.rng;
        let agency = pick(rng, &["customs", "ciq", "customs", "ciq", "security", "border", "pirates"]);
        let name = if rng.u8(..20) == 0 { "" } else { "somebody" };
        let ids = self.subjects();
        let rng = &mut self.rng;
        let inspection = if ids.is_empty() || rng.u8(..20) == 0 { "other".into() } else { pick(rng, &ids) };
        let reason = if rng.u8(..10) == 0 { "" } else { "because" }.into();
        let verdicts = [Verdict::Clear, Verdict::Clear, Verdict::Clear, Verdict::Alarm, Verdict::Unknown];
        let act = match rng.u8(..20) {
            0..8 => Act::judge(inspection, pick(rng, &verdicts)),
            8 => Act::PlaceHold { inspection, reason },
            9..13 => Act::LiftHold { inspection, reason },
            13 => Act::Identify { inspection: Some(inspection), identity: "E12345678".into() },
            14 => Act::Stop,
            15..17 => Act::Resume,
            17 => Act::Open { reason },
            _ => Act::ConfirmClear,
        };
        let _ = self.site.act_as(Officer { agency: agency.into(), name: name.into() }, act);
    }

    /// A link says anything about an order, and an interlock refuses anything.
    fn answer(&mut self) {
        let ids = self.subjects();
        let inspection = if ids.is_empty() { "other".into() } else { pick(&mut self.rng, &ids) };
        let order = pick(&mut self.rng, &[Order::Pass { inspection }, Order::Divert, Order::BeltStop, Order::BeamOff]);
        if self.rng.bool() {
            self.site.send(Event::Refused { order, rule: "any" });
        } else {
            let outcomes = [OrderOutcome::Written, OrderOutcome::NotWritten, OrderOutcome::Unknown];
            let outcome = pick(&mut self.rng, &outcomes);
            self.site.send(Event::Ordered { order, outcome });
        }
    }

    /// Bags that pass undisturbed, so that the runs reach the exit again and again.
    fn calm_passage(&mut self) {
        let site = &mut self.site;
        (site.silent, site.deaf, site.reach) = (false, false, Presence::Clear);
        site.says.fill(None);
        site.wires.clear();
        let bags: Vec<u64> = site.world.bags().iter().map(|bag| bag.id).collect();
        for bag in bags {
            let _ = site.world.take(bag);
        }
        site.world.stop();
        site.run(1_500);
        let _ = site.act("customs", Act::Resume);
        let _ = site.act("customs", Act::ConfirmClear);
        site.world.start();
        site.run(3_000);
        for _ in 0..=self.rng.u8(..3) {
            let site = &mut self.site;
            site.world.start();
            site.world.put(-5.0, 250.0 + 600.0 * self.rng.f64());
            site.run(4_500 + self.rng.u64(..5_000));
            self.clear_all();
        }
        for _ in 0..self.rng.u8(..24) {
            self.site.run(1_000);
            self.clear_all();
        }
    }

    fn clear_all(&mut self) {
        for inspection in self.subjects() {
            let alarm = self.rng.u8(..12) == 0;
            for agency in ["customs", "ciq"] {
                let verdict = if alarm { Verdict::Alarm } else { Verdict::Clear };
                let _ = self.site.act(agency, Act::judge(inspection.clone(), verdict));
            }
        }
    }

    /// Keeps the journal, counts what was reached, and forgets the log.
    fn keep(&mut self) {
        for (_, effect) in std::mem::take(&mut self.site.log) {
            match effect {
                Effect::Record(note) if note.kind == "inspection.closed" => {
                    self.journal.retain(|kept| kept.subject != note.subject);
                    self.reached.departed += usize::from(note.data["outcome"] == "departed");
                }
                Effect::Record(note) => {
                    self.reached.sent += usize::from(note.kind == "inspection.sent" && note.data["side"] == "exit");
                    if note.kind.starts_with("inspection.") {
                        self.journal.push(note);
                    }
                }
                Effect::Move(Order::Pass { .. }) => self.reached.passes += 1,
                Effect::Move(Order::Divert) => self.reached.diverts += 1,
                _ => {}
            }
        }
    }

    /// The daemon ends and starts again; belt and bags do what they did.
    fn restart(&mut self) {
        self.keep();
        let memories = self.journal.iter().map(|note| Memory {
            kind: note.kind,
            subject: &note.subject,
            data: &note.data,
            secret: note.secret.clone(),
        });
        let recalled = recall::fold(&self.site.settings, memories);
        self.reached.restarts += 1;
        self.count();
        self.events += self.site.events;
        let prefix = format!("run-{}", self.reached.restarts).leak();
        let mut after = Site::with(steady(self.kind), recalled, prefix);
        after.world = self.site.world.clone();
        (after.poll, after.reports_faults) = (self.site.poll, true);
        self.site = after;
    }

    fn count(&mut self) {
        self.reached.demands += self.site.demands;
        self.reached.refusals += self.site.refusals.len();
    }

    /// What a machine that has gone mad could order at this moment: the interlock permits nothing that the judge
    /// forbids. Asked of copies, so that the run goes on as if it had not spoken.
    fn go_mad(&mut self) -> (usize, usize) {
        let ids = self.subjects();
        let (mut permitted, mut refused) = (0, 0);
        let passes = ids.into_iter().map(|inspection| Order::Pass { inspection });
        for order in passes.chain([Order::Divert]) {
            let protective = self.rng.u8(..4) == 0;
            let now = self.site.now;
            if self.site.interlock.clone().permit(now, &order, protective).is_err() {
                refused += 1;
                continue;
            }
            let judged = self.site.plain.order(&order, protective);
            assert_eq!(judged, Ok(()), "the interlock permitted {order:?}\n{}", self.site.tail());
            permitted += 1;
        }
        (permitted, refused)
    }
}

/// As on site, where between two readings there is a little more time.
fn steady(kind: Kind) -> Settings {
    let mut settings = settings(kind);
    settings.stale_after = Duration::from_millis(500);
    settings
}

#[test]
fn no_order_of_events_lets_anything_pass_but_a_released_subject_or_turns_the_diverter_against_one() {
    let seed = seed();
    for kind in BOTH {
        let mut play = Play::new(kind, seed);
        while play.events() < events() {
            play.step();
        }
        play.count();
        println!("{kind:?}: {} events, {:?}", play.events(), play.reached);
        assert!(play.reached.sent > 3 && play.reached.departed > 1, "the run reaches what it is about");
        let turns = play.reached.passes > 3 && play.reached.diverts > 3;
        assert_eq!(turns, kind == Kind::Divert, "the run reaches the orders it is about");
        assert!(play.reached.restarts > 2);
    }
}

#[test]
fn a_machine_that_has_gone_mad_is_caught_by_the_interlock() {
    let seed = seed();
    for kind in BOTH {
        let mut play = Play::new(kind, seed);
        let (mut permitted, mut refused) = (0, 0);
        while play.events() < events() {
            play.step();
            let (more, less) = play.go_mad();
            (permitted, refused) = (permitted + more, refused + less);
        }
        println!("{kind:?}: {permitted} planted orders rightly permitted, {refused} refused");
        assert!(refused > 100 && (permitted > 0) == (kind == Kind::Divert));
    }
}

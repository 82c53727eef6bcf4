//! A picture is never bound to another subject, and nothing leaves by the exit on another's picture: bags of random
//! length, gap and speed, noisy light barriers, pictures that come at random, late, twice or never, and hands.
//!
//! The simulated belt knows which bag is which; the lane is told only what light barriers and a folder tell it.
//! `PORTSIDE_SUBJECTS` says how many bags each run sees, `PORTSIDE_SEED` which.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod belt_site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use belt_site::{Kind, SPEED, ids, picture, settings, setup};
use fastrand::Rng;
use portside::lane::belt::{Belt, Effect, Event, Interlock, Order, Settings, Spot, Wire};
use portside::lane::{Act, Contact, Note, Officer, Presence, Verdict};
use portside_devices::moment::Moment;
use portside_devices::simulate::belt::{self as world, Away, Eye};

const STEP: Duration = Duration::from_millis(20);
/// What is clear for longer, on a belt that stands, is clear.
const SETTLED: Duration = Duration::from_millis(1_100);
/// What has not changed is told again this often.
const REFRESH: Duration = Duration::from_secs(20);

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing but the ordinary: noise, tolerance, jitter.
    None,
    /// Pictures are lost, late, very late and doubled.
    Pictures,
    /// Hands take, put, push and swap, and pictures misbehave as well.
    Hands,
}

/// What a run came to.
#[derive(Debug, Default)]
struct Score {
    bags: u64,
    pictures: u64,
    bound: u64,
    unbound: u64,
    departed: u64,
    hands: u64,
    stops: u32,
    refusals: u64,
    /// Pictures bound to a subject that is not what they show.
    crossed: Vec<String>,
    /// Bags that left by the exit without a release of their own.
    escaped: Vec<String>,
}

/// A shadow at a light barrier that has not ended.
///
/// It is what the lane was told, and the bags in it are those that cross the light barrier before it ends: a barrier
/// that blinks just ahead of a bag begins the bag's shadow early, with nobody there. Seed 5 of 3 000 bags, diverter and
/// hands, had that: 36 mm of blink, 20 mm of clear belt, then bag 1121; one shadow, one bag, and its own picture. Once
/// the shadow has ended, whoever comes is somebody else, or a machine that took one for the other would be believed.
#[derive(Clone, Debug)]
struct Shadow {
    id: Arc<str>,
    /// When, and at what place of the belt, it was last told to be there.
    present: (Moment, f64),
}

impl Shadow {
    /// Gaps are measured on the true belt here, and on its nominal speed by the lane: that much may lie between.
    const MEASURE: f64 = 1.1;

    fn lasts(mut self, says: Presence, now: Moment, mm: f64, gap: f64) -> Option<Self> {
        if says != Presence::Clear {
            self.present = (now, mm);
        }
        let ended = mm - self.present.1 > gap * Self::MEASURE || now.since(self.present.0) > SETTLED;
        (!ended).then_some(self)
    }
}

struct Run {
    rng: Rng,
    kind: Kind,
    trouble: Trouble,
    settings: Settings,
    lane: Belt,
    interlock: Interlock,
    world: world::Belt,
    now: Moment,
    told: Vec<(Presence, Moment)>,
    wires: Vec<(Contact, Moment)>,
    /// Until when each light barrier says the opposite.
    blinks: Vec<Moment>,
    reach_until: Moment,
    coming: Vec<(Moment, Moment, String)>,
    /// Between the last bag and the next.
    gap: f64,
    stopped_since: Option<Moment>,
    stubborn: u32,
    lifted: Moment,
    /// Bags that the inspection's shadow at the scan was made of.
    truth: BTreeMap<Arc<str>, BTreeSet<u64>>,
    scanning: Option<Shadow>,
    /// Inspections that wait for the desks.
    asked: Vec<Arc<str>>,
    pictured: BTreeMap<Arc<str>, BTreeSet<u64>>,
    /// Bags that were let through, with the inspection on which.
    passed: BTreeMap<u64, Arc<str>>,
    /// The inspection that was let through last, and its shadow at the decision.
    passing: Option<Shadow>,
    score: Score,
    tickets: u64,
}

impl Run {
    fn new(kind: Kind, trouble: Trouble, seed: u64) -> Self {
        let mut settings = settings(kind);
        settings.stale_after = Duration::from_secs(60);
        if kind == Kind::Stop {
            // Between scan and decision this one is closed: nobody reaches in, and no curtain is needed.
            settings.sensors.retain(|sensor| sensor.spot != Spot::Reach);
        }
        let told = vec![(Presence::Unknown, Moment::START); settings.sensors.len()];
        Self {
            rng: Rng::with_seed(seed),
            lane: Belt::new(settings.clone(), ids("i")),
            interlock: Interlock::new(&settings),
            world: world::Belt::new(setup(&settings)),
            now: Moment::START,
            blinks: vec![Moment::START; settings.sensors.len()],
            wires: vec![(Contact::Unknown, Moment::START); WIRES.len()],
            told,
            reach_until: Moment::START,
            coming: Vec::new(),
            gap: 0.0,
            stopped_since: None,
            stubborn: 0,
            lifted: Moment::START,
            truth: BTreeMap::new(),
            scanning: None,
            asked: Vec::new(),
            pictured: BTreeMap::new(),
            passed: BTreeMap::new(),
            passing: None,
            score: Score::default(),
            tickets: 0,
            kind,
            trouble,
            settings,
        }
    }

    fn play(mut self, bags: u64) -> Score {
        self.world.start();
        while self.score.bags < bags || !self.world.bags().is_empty() {
            self.step(self.score.bags < bags);
        }
        self.score.stops = self.world.stops();
        self.score
    }

    fn step(&mut self, loading: bool) {
        let next = self.now + STEP;
        while let Some(wake) = self.lane.deadline().filter(|wake| *wake < next) {
            self.now = wake.max(self.now);
            self.send(Event::Tick);
        }
        self.now = next;
        self.world.advance(STEP);
        if loading {
            self.load();
        }
        if self.trouble == Trouble::Hands && self.rng.u32(..1_000) == 0 {
            self.meddle();
        }
        self.shoot();
        self.tell();
        self.deliver();
        self.look();
        self.judge();
        self.tend();
    }

    /// The next bag, behind the one before with a gap.
    fn load(&mut self) {
        let last = self.world.bags().iter().map(world::Bag::rear).fold(f64::INFINITY, f64::min);
        if last < self.gap {
            return;
        }
        let length = 250.0 + 650.0 * self.rng.f64();
        self.world.put(-1.0, length);
        self.score.bags += 1;
        let least = if self.kind == Kind::Divert { 1_100.0 } else { 200.0 };
        self.gap = least + 600.0 * self.rng.f64() * self.rng.f64();
        if self.rng.u32(..20) == 0 {
            self.world.set_speed(SPEED * (0.98 + 0.04 * self.rng.f64()));
        }
    }

    fn shoot(&mut self) {
        for shot in self.world.shots() {
            self.score.pictures += 1;
            let name = shot.bags.iter().map(u64::to_string).collect::<Vec<_>>().join("+");
            let regular = Duration::from_millis(self.rng.u64(350..1_400));
            let odd = if self.trouble == Trouble::None { 100 } else { self.rng.u32(..100) };
            let made = self.now + regular;
            match odd {
                0 => continue,
                1 => {
                    self.coming.push((made, made, name.clone()));
                    let again = made + Duration::from_millis(self.rng.u64(..8_000));
                    self.coming.push((again, again, name));
                }
                2 => {
                    let late = self.now + Duration::from_millis(self.rng.u64(1_500..2_900));
                    self.coming.push((late, late, name));
                }
                3 => {
                    let late = made + Duration::from_millis(self.rng.u64(4_000..60_000));
                    self.coming.push((late, made, name));
                }
                _ => self.coming.push((made, made, name)),
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.coming.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, made, name) in due {
            self.send(Event::Picture(picture(&name, made)));
        }
    }

    fn tell(&mut self) {
        for sensor in 0..self.settings.sensors.len() {
            let spot = self.settings.sensors[sensor].spot;
            let mut present = match spot {
                Spot::Entry => self.world.sees(Eye::Entry),
                Spot::Scan => self.world.sees(Eye::Scan),
                Spot::Decision => self.world.sees(Eye::Decision),
                Spot::Exit => self.world.sees(Eye::Exit),
                Spot::Examine => self.world.sees(Eye::Examine),
                Spot::Reach => self.now < self.reach_until,
            };
            if spot != Spot::Reach && self.rng.u32(..10_000) == 0 {
                let most = if self.trouble == Trouble::Hands && self.rng.u32(..20) == 0 { 400 } else { 41 };
                self.blinks[sensor] = self.now + Duration::from_millis(self.rng.u64(20..most));
            }
            present ^= self.now < self.blinks[sensor];
            let says = if present { Presence::Present } else { Presence::Clear };
            if self.told[sensor].0 != says || self.now.since(self.told[sensor].1) >= REFRESH {
                self.told[sensor] = (says, self.now);
                self.send(Event::Sensor { sensor, presence: says });
            }
        }
        let (passing, diverted) = self.world.limits();
        let says = [
            self.world.runs(),
            self.world.backwards(),
            true,
            self.world.beam(),
            passing && self.kind == Kind::Divert,
            diverted && self.kind == Kind::Divert,
        ];
        for (place, on) in says.into_iter().enumerate() {
            let state = if on { Contact::On } else { Contact::Off };
            if self.wires[place].0 != state || self.now.since(self.wires[place].1) >= REFRESH {
                self.wires[place] = (state, self.now);
                self.send(Event::Wire { wire: WIRES[place], state });
            }
        }
    }

    fn send(&mut self, event: Event) {
        self.interlock.observe(self.now, &event);
        for effect in self.lane.handle(self.now, event) {
            match effect {
                Effect::Record(note) => self.note(&note),
                Effect::Move(order) => self.order(&order, false),
                Effect::Protect(order) => self.order(&order, true),
                Effect::Answer { .. } | Effect::Forget { .. } => {}
            }
        }
        if let Some(order) = self.interlock.demand(self.now) {
            self.obey(&order);
        }
    }

    fn order(&mut self, order: &Order, protective: bool) {
        match self.interlock.permit(self.now, order, protective) {
            Ok(()) => self.obey(order),
            Err(rule) => {
                self.score.refusals += 1;
                self.send(Event::Refused { order: order.clone(), rule: rule.0 });
            }
        }
    }

    fn obey(&mut self, order: &Order) {
        match order {
            Order::BeltStop => self.world.stop(),
            Order::BeamOff => self.world.beam_off(),
            Order::Pass { .. } => self.world.lead(Away::Exit),
            Order::Divert => self.world.lead(Away::Examine),
        }
    }

    fn note(&mut self, note: &Note) {
        self.interlock.observe_record(note);
        let id = &note.subject;
        match note.kind {
            "inspection.scanned" => {
                let bags: BTreeSet<u64> = self.world.at(Eye::Scan).into_iter().collect();
                // Whoever is in this shadow is not in the one before as well, however short the gap was.
                if let Some(before) = self.scanning.take() {
                    self.truth.entry(before.id).and_modify(|before| before.retain(|bag| !bags.contains(bag)));
                }
                self.truth.insert(id.clone(), bags);
                self.scanning = Some(self.shadow(id));
            }
            "inspection.picture" => self.pictured(id, note.data["name"].as_str().unwrap_or_default()),
            "alarm.unbound_picture" if note.data["reason"] != "it is a copy of an earlier picture" => {
                self.score.unbound += 1;
            }
            "inspection.review_opened" => self.asked.push(id.clone()),
            "inspection.sent" if note.data["side"] == "exit" => {
                let bags = self.world.at(Eye::Decision);
                bags.iter().for_each(|bag| drop(self.passed.insert(*bag, id.clone())));
                self.passing = Some(self.shadow(id));
            }
            "inspection.sent" | "inspection.halted" => {
                self.passed.retain(|_, inspection| inspection != id);
                self.passing = None;
            }
            "inspection.closed" => {
                self.score.departed += u64::from(note.data["outcome"] == "departed");
                if self.truth.len() > 500 {
                    self.prune();
                }
            }
            _ => {}
        }
    }

    /// What left long ago is no more asked for.
    fn prune(&mut self) {
        for map in [&mut self.truth, &mut self.pictured] {
            while map.len() > 200 {
                map.pop_first();
            }
        }
    }

    fn pictured(&mut self, id: &Arc<str>, name: &str) {
        self.score.bound += 1;
        let shown: BTreeSet<u64> = name.split('+').filter_map(|bag| bag.parse().ok()).collect();
        let scanned = self.truth.get(id).cloned().unwrap_or_default();
        if shown != scanned {
            self.score.crossed.push(format!("{id} was {scanned:?}, and got the picture of {shown:?}"));
        }
        self.pictured.entry(id.clone()).or_default().extend(shown);
    }

    /// Every desk judges what it was asked about since the last step.
    fn judge(&mut self) {
        for inspection in std::mem::take(&mut self.asked) {
            let alarm = self.rng.u32(..20) == 0;
            for agency in ["customs", "ciq"] {
                let verdict = if alarm && agency == "ciq" { Verdict::Alarm } else { Verdict::Clear };
                self.act(agency, Act::judge(inspection.clone(), verdict));
            }
        }
    }

    fn act(&mut self, agency: &str, act: Act) {
        self.tickets += 1;
        let officer = Officer { agency: agency.into(), name: "somebody".into() };
        self.send(Event::Officer { officer, act, ticket: self.tickets });
    }

    fn says(&self, spot: Spot) -> Presence {
        let place = self.settings.sensors.iter().position(|sensor| sensor.spot == spot).unwrap();
        self.told[place].0
    }

    fn shadow(&self, id: &Arc<str>) -> Shadow {
        Shadow { id: id.clone(), present: (self.now, self.world.travelled()) }
    }

    /// Follows the bags: what makes a shadow together is one subject; who left by the exit was let through.
    fn look(&mut self) {
        let (now, mm) = (self.now, self.world.travelled());
        let gap = self.settings.gap_mm;
        let lasts = |shadow: Shadow, says| shadow.lasts(says, now, mm, gap);
        let (scan, decision) = (self.says(Spot::Scan), self.says(Spot::Decision));
        self.scanning = self.scanning.take().and_then(|shadow| lasts(shadow, scan));
        self.passing = self.passing.take().and_then(|shadow| lasts(shadow, decision));
        if let Some(bags) = self.scanning.as_ref().and_then(|shadow| self.truth.get_mut(&shadow.id)) {
            bags.extend(self.world.at(Eye::Scan));
        }
        if let Some(shadow) = &self.passing {
            self.passed.extend(self.world.at(Eye::Decision).into_iter().map(|bag| (bag, shadow.id.clone())));
        }
        for (bag, away) in self.world.gone() {
            let pass = self.passed.remove(&bag);
            if away != Away::Exit {
                continue;
            }
            let own = BTreeSet::from([bag]);
            match pass.map(|id| (self.pictured.get(&id).cloned().unwrap_or_default(), id)) {
                Some((shown, _)) if shown.is_superset(&own) => {}
                Some((shown, id)) => self.score.escaped.push(format!("bag {bag} left on {id}, which shows {shown:?}")),
                None => self.score.escaped.push(format!("bag {bag} left at {:?} on nothing", self.now)),
            }
        }
    }

    /// People at the lane: they lift holds, and set a belt going again that was stopped.
    fn tend(&mut self) {
        if self.now.since(self.lifted) > Duration::from_secs(20) {
            self.lifted = self.now;
            for subject in self.lane.view().aside {
                for hold in subject.holds {
                    let inspection = subject.id.clone();
                    self.act(&hold.agency, Act::LiftHold { inspection, reason: "examined".into() });
                }
            }
        }
        if self.world.runs() {
            self.stopped_since = None;
            self.stubborn = 0;
            return;
        }
        let since = *self.stopped_since.get_or_insert(self.now);
        match self.now.since(since).as_millis() {
            2_000 => self.clear_away(),
            4_000 => self.act("customs", Act::ConfirmClear),
            4_040 => self.act("customs", Act::Resume),
            4_500 => {
                self.world.start();
                self.stopped_since = None;
                self.stubborn += 1;
            }
            _ => {}
        }
    }

    /// Takes off what stands at the decision and behind it; when that does not help, everything.
    fn clear_away(&mut self) {
        let from = if self.stubborn > 2 { -10_000.0 } else { self.settings.decision_mm };
        let bags: Vec<u64> = self.world.bags().iter().filter(|bag| bag.front > from).map(|bag| bag.id).collect();
        for bag in bags {
            self.world.take(bag);
        }
        self.hand(from);
    }

    /// A hand that is where the curtain looks is seen.
    fn hand(&mut self, at: f64) {
        self.score.hands += 1;
        if at > self.settings.scan_mm && at < self.settings.exit_mm - 50.0 {
            self.reach_until = self.now + Duration::from_millis(self.rng.u64(150..1_200));
        }
    }

    /// Somebody reaches in, where a hand can: before the scan, or, seen by the curtain, behind the tunnel.
    fn meddle(&mut self) {
        let tunnel = self.settings.scan_mm - 10.0;
        let open = self.settings.scan_mm + self.settings.images.source_mm + 100.0;
        let behind = self.kind == Kind::Divert && self.rng.bool();
        let (from, to) = if behind { (open, self.settings.decision_mm - 10.0) } else { (-900.0, tunnel) };
        let near: Vec<_> =
            self.world.bags().iter().filter(|bag| bag.rear() > from && bag.front < to).cloned().collect();
        let at = if behind { open } else { 0.0 };
        match (self.rng.u32(..5), near.as_slice()) {
            (0, [bag, ..]) => drop(self.world.take(bag.id)),
            (1, [one, other, ..]) => self.world.swap(one.id, other.id),
            (2, [bag, ..]) => {
                let by = (to - bag.front).min(400.0) * self.rng.f64() - (bag.rear() - from).min(200.0) * self.rng.f64();
                self.world.shift(bag.id, by);
            }
            (3, [one, other, ..]) => {
                // Pushed together.
                let by = one.rear() - other.front - 30.0 * self.rng.f64();
                self.world.shift(other.id, by);
            }
            (4, _) => {
                let length = 200.0 + 400.0 * self.rng.f64();
                let front = from + length + (to - from - length).max(0.0) * self.rng.f64();
                if front < to {
                    self.world.put(front, length);
                }
            }
            _ => return,
        }
        self.hand(at);
    }
}

const WIRES: [Wire; 6] = [Wire::Running, Wire::Reversed, Wire::Interlock, Wire::Beam, Wire::Passing, Wire::Diverted];

fn subjects() -> u64 {
    let endurance = std::env::var_os("PORTSIDE_ENDURANCE").is_some();
    let asked = std::env::var("PORTSIDE_SUBJECTS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(if endurance { 1_000_000 } else { 1_500 })
}

fn seed() -> u64 {
    let seed =
        std::env::var("PORTSIDE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("PORTSIDE_SEED={seed}");
    seed
}

fn run(kind: Kind, trouble: Trouble) -> Score {
    let score = Run::new(kind, trouble, seed()).play(subjects());
    let part = score.unbound as f64 / score.pictures as f64;
    println!(
        "{kind:?} {trouble:?}: {} bags, {} pictures, {} bound, {} unbound ({:.3} %), {} departed, {} hands, \
         {} stops, {} refusals, {} crossed, {} escaped",
        score.bags,
        score.pictures,
        score.bound,
        score.unbound,
        part * 100.0,
        score.departed,
        score.hands,
        score.stops,
        score.refusals,
        score.crossed.len(),
        score.escaped.len()
    );
    assert!(score.crossed.is_empty(), "{kind:?} {trouble:?}: {:#?}", &score.crossed[..score.crossed.len().min(5)]);
    assert!(score.escaped.is_empty(), "{kind:?} {trouble:?}: {:#?}", &score.escaped[..score.escaped.len().min(5)]);
    score
}

#[test]
fn without_interference_every_picture_but_one_in_a_hundred_finds_its_subject_and_none_another() {
    for kind in [Kind::Stop, Kind::Divert] {
        let score = run(kind, Trouble::None);
        assert!(score.unbound * 100 < score.pictures, "{kind:?}: a lane that binds nothing is safe and useless");
        assert!(score.departed * 10 > score.bags * 8, "{kind:?}: what is cleared leaves");
        assert_eq!(score.refusals, 0, "{kind:?}: machine and interlock reckon alike");
    }
}

#[test]
fn pictures_that_are_lost_late_or_doubled_are_bound_to_nobody_else() {
    for kind in [Kind::Stop, Kind::Divert] {
        let score = run(kind, Trouble::Pictures);
        assert!(score.bound * 10 > score.pictures * 8, "{kind:?}: what is not in doubt is bound");
    }
}

#[test]
fn whatever_hands_do_no_picture_and_no_release_is_anothers() {
    for kind in [Kind::Stop, Kind::Divert] {
        let score = run(kind, Trouble::Hands);
        assert!(score.hands > score.bags / 20, "{kind:?}: the run reaches what it is about");
        assert!(score.departed > 0 && score.bound > 0);
    }
}

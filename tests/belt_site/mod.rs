//! A belt lane in virtual time: the machine, its interlock, and bags that ride on a simulated belt.
//!
//! Every order of the machine is put before the interlock and a third, plain judge, who looks at the records as well;
//! what the interlock demands is done.

#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for the one effect it is about")]

mod judge;

use std::sync::Arc;
use std::time::Duration;

use judge::Judge;
use portside::lane::belt::{
    Belt, Decision, Diverter, Drive, Effect, Event, ImageRule, Interlock, Order, Recalled, Sensor, Settings, Spot,
    View, Wire,
};
use portside::lane::{Act, Arrival, Contact, Desk, DeskRole, Ids, Note, Officer, Picture, Presence, Refusal, Verdict};
use portside_devices::moment::Moment;
use portside_devices::simulate::belt as world;
use serde_json::Value;
use world::{Away, BeltSetup, Eye, Shot};

pub(crate) const SPEED: f64 = 200.0;

/// Which way an unreleased subject is kept from the exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stop,
    Divert,
}

pub(crate) fn settings(kind: Kind) -> Settings {
    let desk = |agency: &str, role| Desk { agency: agency.into(), role };
    let spots = [Spot::Entry, Spot::Scan, Spot::Decision, Spot::Exit, Spot::Examine, Spot::Reach];
    let wanted = |spot: &Spot| kind == Kind::Divert || *spot != Spot::Examine;
    Settings {
        agencies: ["customs", "ciq", "border", "security"].map(Arc::from).to_vec(),
        desks: vec![
            desk("customs", DeskRole::Required),
            desk("ciq", DeskRole::Required),
            desk("security", DeskRole::Advisory),
        ],
        review_timeout: Duration::from_secs(60),
        blind: true,
        sensors: spots
            .into_iter()
            .filter(wanted)
            .map(|spot| Sensor { name: format!("eye_{}", spot.word()).into(), spot })
            .collect(),
        drive: Drive { device: "scanner".into(), can_beam_off: true, has_beam: true, has_interlock: true },
        decision: match kind {
            Kind::Stop => Decision::Stop,
            Kind::Divert => Decision::Divert(Diverter {
                device: "diverter".into(),
                lead_mm: 600.0,
                blade_mm: 300.0,
                travel: Duration::from_millis(800),
            }),
        },
        scan_mm: 800.0,
        decision_mm: 3_000.0,
        exit_mm: 4_200.0,
        examine_mm: 4_200.0,
        speed: SPEED,
        tolerance: 0.03,
        slack_mm: 30.0,
        slip_mm: 60.0,
        gap_mm: 40.0,
        noise_mm: 15.0,
        length_max_mm: 1_200.0,
        images: ImageRule {
            source_mm: 400.0,
            min: Duration::from_millis(300),
            max: Duration::from_millis(1_500),
            late: Duration::from_millis(3_000),
            step: Duration::from_millis(200),
            count: 1,
            cut_mm: 100.0,
        },
        stale_after: Duration::from_millis(300),
        stop_within: Duration::from_secs(2),
    }
}

pub(crate) fn setup(settings: &Settings) -> BeltSetup {
    BeltSetup {
        scan_mm: settings.scan_mm,
        source_mm: settings.images.source_mm,
        decision_mm: settings.decision_mm,
        exit_mm: settings.exit_mm,
        blade: match &settings.decision {
            Decision::Divert(diverter) => Some((diverter.lead_mm, diverter.blade_mm)),
            Decision::Stop => None,
        },
        blade_travel: Duration::from_millis(500),
        speed: settings.speed,
        picture_gap_mm: 60.0,
    }
}

/// Ids that count, so that runs can be compared; long enough to be meant whole.
pub(crate) fn ids(prefix: &'static str) -> Ids {
    let mut count = 0;
    Box::new(move || {
        count += 1;
        format!("{prefix}-{count:012}").into()
    })
}

pub(crate) fn officer(agency: &str) -> Officer {
    Officer { agency: agency.into(), name: format!("officer of {agency}").into() }
}

pub(crate) fn picture(name: &str, made: Moment) -> Picture {
    Picture {
        sha256: format!("{name:0>64}").into(),
        image: None,
        presentation: None,
        outcome: None,
        media_type: "image/png".into(),
        size: 1_000,
        width: 40,
        height: 30,
        bits: 16,
        form: "raw".into(),
        views: 1,
        sidecar: None,
        name: name.into(),
        device: "scanner".into(),
        arrival: Arrival::Fresh { made },
    }
}

/// What every eye says, where a test overrides what it sees.
pub(crate) type Says = Vec<Option<Presence>>;

pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) lane: Belt,
    pub(crate) interlock: Interlock,
    pub(crate) plain: Judge,
    pub(crate) world: world::Belt,
    pub(crate) now: Moment,
    last: Moment,
    pub(crate) says: Says,
    pub(crate) reach: Presence,
    /// Wires that say something else than the world does.
    pub(crate) wires: Vec<(Wire, Contact)>,
    /// Machine and diverter report faults of their own.
    pub(crate) reports_faults: bool,
    /// Nothing is read any more.
    pub(crate) silent: bool,
    /// Orders to stop are not obeyed.
    pub(crate) deaf: bool,
    /// Pictures come by themselves, so long after their bag has left the source.
    pub(crate) picture_after: Option<Duration>,
    coming: Vec<(Moment, Moment, String)>,
    pub(crate) log: Vec<(Moment, Effect)>,
    pub(crate) refusals: Vec<&'static str>,
    pub(crate) demands: usize,
    pub(crate) gone: Vec<(u64, Away)>,
    pub(crate) poll: Duration,
    pub(crate) events: usize,
    ticket: u64,
}

impl Site {
    pub(crate) fn new(kind: Kind) -> Self {
        Self::with(settings(kind), Recalled::NOTHING, "inspection")
    }

    pub(crate) fn with(settings: Settings, memory: Recalled, prefix: &'static str) -> Self {
        Self {
            plain: Judge::new(&settings, memory.inspections().cloned().collect()),
            lane: Belt::restore(settings.clone(), ids(prefix), memory),
            interlock: Interlock::new(&settings),
            world: world::Belt::new(setup(&settings)),
            now: Moment::START,
            last: Moment::START,
            says: vec![None; settings.sensors.len()],
            reach: Presence::Clear,
            wires: Vec::new(),
            reports_faults: false,
            silent: false,
            deaf: false,
            picture_after: Some(Duration::from_millis(700)),
            coming: Vec::new(),
            log: Vec::new(),
            refusals: Vec::new(),
            demands: 0,
            gone: Vec::new(),
            poll: Duration::from_millis(50),
            events: 0,
            ticket: 0,
            settings,
        }
    }

    /// A lane whose belt has run empty for a while.
    pub(crate) fn started(kind: Kind) -> Self {
        let mut site = Self::new(kind);
        site.world.start();
        site.run(15_000);
        site.log.clear();
        site
    }

    /// Lets time pass in steps of 10 ms.
    pub(crate) fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            let next = self.now + Duration::from_millis(10);
            while let Some(wake) = self.lane.deadline().filter(|wake| *wake < next) {
                assert!(wake > self.last, "a deadline lies after the last event");
                self.now = wake.max(self.now);
                self.send(Event::Tick);
            }
            self.now = next;
            self.world.advance(Duration::from_millis(10));
            self.shoot();
            let gone = self.world.gone();
            self.gone.extend(gone);
            self.deliver();
            if self.now.as_millis().is_multiple_of(self.poll.as_millis() as u64) && !self.silent {
                self.poll_all();
            }
        }
    }

    /// Runs until `done`, and panics with the last effects if that takes longer than `millis`.
    pub(crate) fn until(&mut self, what: &str, millis: u64, done: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_millis(millis);
        while !done(self) {
            assert!(self.now < end, "{what} did not happen\n{}", self.tail());
            self.run(50);
        }
    }

    fn shoot(&mut self) {
        for Shot { bags } in self.world.shots() {
            if let Some(after) = self.picture_after {
                let name = bags.iter().map(|bag| format!("bag{bag}")).collect::<Vec<_>>().join("+");
                self.coming.push((self.now + after, self.now + after, name));
            }
        }
    }

    fn deliver(&mut self) {
        let due: Vec<_> = self.coming.iter().filter(|(at, ..)| *at <= self.now).cloned().collect();
        self.coming.retain(|(at, ..)| *at > self.now);
        for (_, made, name) in due {
            self.send(Event::Picture(picture(&name, made)));
        }
    }

    /// A picture comes after `millis`, whatever the bags do.
    pub(crate) fn picture_in(&mut self, millis: u64, name: &str) {
        let at = self.now + Duration::from_millis(millis);
        self.coming.push((at, at, name.to_owned()));
    }

    pub(crate) fn poll_all(&mut self) {
        for sensor in 0..self.settings.sensors.len() {
            let presence = self.says[sensor].unwrap_or_else(|| self.seen(self.settings.sensors[sensor].spot));
            self.send(Event::Sensor { sensor, presence });
        }
        let (passing, diverted) = self.world.limits();
        let all = [
            (Wire::Running, self.world.runs()),
            (Wire::Reversed, self.world.backwards()),
            (Wire::Interlock, true),
            (Wire::Beam, self.world.beam()),
            (Wire::EmergencyStop, false),
            (Wire::Passing, passing),
            (Wire::Diverted, diverted),
        ];
        let faults = [(Wire::Fault, false), (Wire::DiverterFault, false)];
        let faults = if self.reports_faults { &faults[..] } else { &[] };
        for (wire, on) in all.iter().chain(faults).copied() {
            let said = self.wires.iter().find(|(other, _)| *other == wire).map(|(_, state)| *state);
            self.send(Event::Wire { wire, state: said.unwrap_or(if on { Contact::On } else { Contact::Off }) });
        }
    }

    fn seen(&self, spot: Spot) -> Presence {
        let eye = match spot {
            Spot::Entry => Eye::Entry,
            Spot::Scan => Eye::Scan,
            Spot::Decision => Eye::Decision,
            Spot::Exit => Eye::Exit,
            Spot::Examine => Eye::Examine,
            Spot::Reach => return self.reach,
        };
        if self.world.sees(eye) { Presence::Present } else { Presence::Clear }
    }

    pub(crate) fn send(&mut self, event: Event) {
        self.events += 1;
        self.last = self.now;
        self.plain.observe(self.now, &event);
        self.interlock.observe(self.now, &event);
        let effects = self.lane.handle(self.now, event);
        for effect in effects {
            self.carry_out(effect);
        }
        if let Some(order) = self.interlock.demand(self.now) {
            assert_eq!(order, Order::BeltStop, "an interlock demands nothing but a stop");
            self.demands += 1;
            self.plain.given(&order);
            self.obey(&order);
        }
        let looked = self.plain.look();
        self.hold_to(looked);
    }

    fn hold_to(&self, judged: Result<(), String>) {
        if let Err(wrong) = judged {
            panic!("{wrong}\n{}", self.tail());
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        self.log.push((self.now, effect.clone()));
        let (order, protective) = match effect {
            Effect::Record(note) => {
                let judged = self.plain.record(&note);
                self.hold_to(judged);
                return self.interlock.observe_record(&note);
            }
            Effect::Answer { .. } | Effect::Forget { .. } => return,
            Effect::Move(order) => (order, false),
            Effect::Protect(order) => (order, true),
        };
        self.hold_to(self.plain.order(&order, protective));
        match self.interlock.permit(self.now, &order, protective) {
            Ok(()) => {
                self.plain.given(&order);
                self.obey(&order);
            }
            Err(rule) => {
                self.refusals.push(rule.0);
                self.send(Event::Refused { order, rule: rule.0 });
            }
        }
    }

    fn obey(&mut self, order: &Order) {
        match order {
            Order::BeltStop if self.deaf => {}
            Order::BeltStop => self.world.stop(),
            Order::BeamOff => self.world.beam_off(),
            Order::Pass { .. } => self.world.lead(Away::Exit),
            Order::Divert => self.world.lead(Away::Examine),
        }
    }

    pub(crate) fn act(&mut self, agency: &str, act: Act) -> Result<Arc<str>, Refusal> {
        self.act_as(officer(agency), act)
    }

    pub(crate) fn act_as(&mut self, officer: Officer, act: Act) -> Result<Arc<str>, Refusal> {
        self.ticket += 1;
        let ticket = self.ticket;
        self.send(Event::Officer { officer, act, ticket });
        let answer = self.log.iter().rev().find_map(|(_, effect)| match effect {
            Effect::Answer { ticket: of, answer } if *of == ticket => Some(answer.clone()),
            _ => None,
        });
        answer.expect("every act is answered")
    }

    pub(crate) fn judge(&mut self, inspection: &Arc<str>, agency: &str, verdict: Verdict) {
        self.act(agency, Act::judge(inspection.clone(), verdict)).expect("the verdict is taken");
    }

    /// Both required desks say clear.
    pub(crate) fn clear(&mut self, inspection: &Arc<str>) {
        self.judge(inspection, "customs", Verdict::Clear);
        self.judge(inspection, "ciq", Verdict::Clear);
        self.run(100);
    }

    pub(crate) fn lift(&mut self, inspection: &Arc<str>, agency: &str) {
        let act = Act::LiftHold { inspection: inspection.clone(), reason: "examined".into() };
        self.act(agency, act).expect("the hold is lifted");
    }

    pub(crate) fn view(&self) -> View {
        self.lane.view()
    }

    /// Puts a bag before the entry and waits until its inspection is open.
    pub(crate) fn load(&mut self, length: f64) -> (u64, Arc<str>) {
        let bag = self.world.put(-5.0, length);
        let known: Vec<_> = self.opened();
        self.until("the inspection of a new bag", 5_000, |site| site.opened().len() > known.len());
        (bag, self.opened().pop().unwrap())
    }

    /// Ids of every inspection opened since the log was cleared.
    pub(crate) fn opened(&self) -> Vec<Arc<str>> {
        self.notes("inspection.opened").into_iter().map(|note| note.subject.clone()).collect()
    }

    pub(crate) fn notes(&self, kind: &str) -> Vec<&Note> {
        let notes = self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Record(note) if note.kind == kind => Some(note),
            _ => None,
        });
        notes.collect()
    }

    pub(crate) fn records_of(&self, inspection: &str) -> Vec<(&'static str, Value)> {
        let notes = self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Record(note) if &*note.subject == inspection => Some((note.kind, note.data.clone())),
            _ => None,
        });
        notes.collect()
    }

    pub(crate) fn alarms(&self) -> Vec<&'static str> {
        let alarms = self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Record(note) if note.kind.starts_with("alarm.") => Some(note.kind),
            _ => None,
        });
        alarms.collect()
    }

    /// How the inspection ended.
    pub(crate) fn outcome(&self, inspection: &str) -> Option<String> {
        let closed = self.notes("inspection.closed").into_iter().find(|note| &*note.subject == inspection)?;
        Some(closed.data["outcome"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn step(&self, inspection: &str) -> Option<&'static str> {
        let view = self.view();
        view.belt.iter().chain(&view.aside).find(|subject| &*subject.id == inspection).map(|subject| subject.step)
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        let orders = self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Move(order) | Effect::Protect(order) => Some(order.clone()),
            _ => None,
        });
        orders.collect()
    }

    /// Where the bag left to.
    pub(crate) fn left(&self, bag: u64) -> Option<Away> {
        self.gone.iter().find(|(gone, _)| *gone == bag).map(|(_, away)| *away)
    }

    pub(crate) fn sensor(&self, spot: Spot) -> usize {
        self.settings.sensors.iter().position(|sensor| sensor.spot == spot).unwrap()
    }

    /// The last effects, for a failing test.
    pub(crate) fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(40);
        let lines = self.log[from..].iter().map(|(at, effect)| format!("{:>8} {effect:?}", at.as_millis()));
        lines.collect::<Vec<_>>().join("\n")
    }
}

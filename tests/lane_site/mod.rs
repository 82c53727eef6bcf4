//! A gate lane in virtual time: the machine, its interlock and a third, plain judge, with a barrier that moves.
//!
//! Every order of the machine is put before the interlock and the judge; both must agree with it.

#![allow(dead_code)] // each test binary uses its own part

pub(crate) mod judge;

use std::sync::Arc;
use std::time::Duration;

use portside::lane::{
    Act, Arm, ArmContact, Arrival, Contact, Desk, DeskRole, Effect, Event, Ids, Interlock, Lane, Officer, Order,
    OrderOutcome, Picture, PictureRule, Place, Presence, Recalled, Refusal, Sensor, Settings, Verdict, View,
};
use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use serde_json::Value;

use judge::Judge;

pub(crate) const APPROACH: usize = 0;
pub(crate) const UNDER: usize = 1;
pub(crate) const BEYOND: usize = 2;

pub(crate) fn settings(closes: Closes) -> Settings {
    let sensor = |name: &str, place| Sensor { name: name.into(), place, proves: true };
    let desk = |agency: &str, role| Desk { agency: agency.into(), role };
    Settings {
        agencies: ["customs", "ciq", "border", "security"].map(Arc::from).to_vec(),
        sensors: vec![
            sensor("approach", Place::Approach),
            sensor("under", Place::Under),
            sensor("beyond", Place::Beyond),
        ],
        arm: Arm {
            device: "arm".into(),
            closes,
            can_stop: true,
            has_protection: true,
            has_stop_button: true,
            has_fault: true,
            travel: Duration::from_secs(3),
        },
        desks: vec![
            desk("customs", DeskRole::Required),
            desk("ciq", DeskRole::Required),
            desk("security", DeskRole::Advisory),
        ],
        picture: PictureRule::None,
        temperature: None,
        radiation: None,
        review_timeout: Duration::from_secs(90),
        blind: true,
        clear_for: Duration::from_millis(1_500),
        stale_after: Duration::from_millis(300),
        renew_every: Duration::from_millis(100),
        identify_timeout: Duration::from_secs(20),
        leave_timeout: Duration::from_secs(60),
        gone_after: Duration::from_secs(10),
        trailer_gap: Duration::from_millis(500),
    }
}

/// Ids that count, so that runs can be compared.
pub(crate) fn ids(prefix: &'static str) -> Ids {
    let mut count = 0;
    Box::new(move || {
        count += 1;
        format!("{prefix}-{count}").into()
    })
}

pub(crate) fn officer(agency: &str) -> Officer {
    Officer { agency: agency.into(), name: format!("officer of {agency}").into() }
}

pub(crate) fn picture(name: &str) -> Picture {
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
        arrival: Arrival::Fresh { made: Moment::from_nanos(u64::MAX) },
    }
}

/// What moves the arm of the simulated barrier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Drive {
    Off,
    Up,
    Down,
}

pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) lane: Lane,
    pub(crate) interlock: Interlock,
    pub(crate) judge: Judge,
    pub(crate) now: Moment,
    last: Moment,
    pub(crate) says: Vec<Presence>,
    pub(crate) silent: Vec<bool>,
    pub(crate) contacts: [(ArmContact, Contact); 4],
    /// Limits as the wires show them, where a test overrides what the arm does.
    pub(crate) limits: Option<(Contact, Contact)>,
    pub(crate) arm_silent: bool,
    /// 0 closed, 1 open.
    pub(crate) height: f64,
    pub(crate) drive: Drive,
    pub(crate) held_until: Moment,
    /// The barrier ignores every order.
    pub(crate) dead: bool,
    pub(crate) log: Vec<(Moment, Effect)>,
    pub(crate) poll: Duration,
    /// Events sent so far.
    pub(crate) events: usize,
    ticket: u64,
}

impl Site {
    pub(crate) fn new(closes: Closes) -> Self {
        Self::with(settings(closes))
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::recalled(settings, Recalled::NOTHING, "i")
    }

    pub(crate) fn recalled(settings: Settings, memory: Recalled, prefix: &'static str) -> Self {
        Self {
            lane: Lane::restore(settings.clone(), ids(prefix), memory),
            interlock: Interlock::new(&settings),
            judge: Judge::new(&settings),
            now: Moment::START,
            last: Moment::START,
            says: vec![Presence::Clear; settings.sensors.len()],
            silent: vec![false; settings.sensors.len()],
            contacts: [
                (ArmContact::Protection, Contact::On),
                (ArmContact::Fault, Contact::Off),
                (ArmContact::EmergencyOpen, Contact::Off),
                (ArmContact::StopPressed, Contact::Off),
            ],
            limits: None,
            arm_silent: false,
            height: 0.0,
            drive: Drive::Off,
            held_until: Moment::START,
            dead: false,
            log: Vec::new(),
            poll: Duration::from_millis(50),
            events: 0,
            ticket: 0,
            settings,
        }
    }

    /// A lane that has been up for a second.
    pub(crate) fn started(closes: Closes) -> Self {
        let mut site = Self::new(closes);
        site.run(1_000);
        site
    }

    /// Lets time pass in steps of 10 ms: the arm moves, inputs are polled, the machine is woken when it asked for it.
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
            self.step_arm(0.010);
            if self.now.as_millis().is_multiple_of(self.poll.as_millis() as u64) {
                self.poll_all();
            }
        }
    }

    pub(crate) fn poll_all(&mut self) {
        for sensor in 0..self.says.len() {
            if !self.silent[sensor] {
                self.send(Event::Sensor { sensor, presence: self.says[sensor] });
            }
        }
        if self.arm_silent {
            return;
        }
        let (opened, closed) = self.limits.unwrap_or((on(self.height >= 1.0), on(self.height <= 0.0)));
        self.send(Event::Arm { contact: ArmContact::Opened, state: opened });
        self.send(Event::Arm { contact: ArmContact::Closed, state: closed });
        for (contact, state) in self.contacts {
            self.send(Event::Arm { contact, state });
        }
    }

    fn step_arm(&mut self, seconds: f64) {
        let closes = self.settings.arm.closes;
        if self.drive == Drive::Down && closes == Closes::Held && self.now >= self.held_until {
            self.drive = Drive::Off; // the I/O module's watchdog
        }
        let travel = self.settings.arm.travel.as_secs_f64();
        self.height = match self.drive {
            Drive::Off => self.height,
            Drive::Up => (self.height + seconds / travel).min(1.0),
            Drive::Down => (self.height - seconds / travel).max(0.0),
        };
    }

    pub(crate) fn send(&mut self, event: Event) {
        self.events += 1;
        self.last = self.now;
        self.interlock.observe(self.now, &event);
        self.judge.observe(self.now, &event);
        let effects = self.lane.handle(self.now, event);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        self.interlock.observe_effect(&effect);
        self.judge.carried_out(&effect);
        let (order, protective) = match &effect {
            Effect::Move(order) => (*order, false),
            Effect::Protect(order) => (*order, true),
            Effect::Record(_) | Effect::Answer { .. } | Effect::Forget { .. } => {
                self.log.push((self.now, effect));
                return;
            }
        };
        self.log.push((self.now, effect));
        if let Err(rule) = self.judge.permit(self.now, order, protective) {
            panic!("the machine broke a rule at {:?} with {order:?}: {rule}\n{}", self.now, self.tail());
        }
        if let Err(rule) = self.interlock.permit(self.now, order, protective) {
            panic!("the interlock refused {order:?} at {:?}: {rule}\n{}", self.now, self.tail());
        }
        if self.dead {
            return;
        }
        match order {
            Order::Open => self.drive = Drive::Up,
            Order::Close { .. } => {
                self.drive = Drive::Down;
                self.held_until = self.now + Duration::from_millis(500);
            }
            Order::CloseOff if self.drive == Drive::Down => self.drive = Drive::Off,
            Order::CloseOff => {}
            Order::Stop => self.drive = Drive::Off,
        }
        self.send(Event::Ordered { order, outcome: OrderOutcome::Written });
    }

    /// The last lines of the log, for a failing test.
    pub(crate) fn tail(&self) -> String {
        let from = self.log.len().saturating_sub(25);
        self.log[from..].iter().map(|(at, effect)| format!("{:>8} {effect:?}\n", at.as_millis())).collect()
    }

    pub(crate) fn act(&mut self, agency: &str, act: Act) -> Result<Arc<str>, Refusal> {
        self.act_as(officer(agency), act)
    }

    pub(crate) fn act_as(&mut self, officer: Officer, act: Act) -> Result<Arc<str>, Refusal> {
        self.ticket += 1;
        let mine = self.ticket;
        self.send(Event::Officer { officer, act, ticket: mine });
        let answers = self.log.iter().rev().find_map(|(_, effect)| match effect {
            Effect::Answer { ticket, answer } if *ticket == mine => Some(answer.clone()),
            _ => None,
        });
        answers.expect("every act is answered")
    }

    pub(crate) fn set(&mut self, sensor: usize, presence: Presence) {
        self.says[sensor] = presence;
        self.run(50);
    }

    pub(crate) fn contact(&mut self, contact: ArmContact, state: Contact) {
        for slot in self.contacts.iter_mut().filter(|slot| slot.0 == contact) {
            slot.1 = state;
        }
        self.run(50);
    }

    pub(crate) fn view(&self) -> View {
        self.lane.view()
    }

    pub(crate) fn id(&self) -> Arc<str> {
        self.view().inspection.expect("an inspection is in the lane").id
    }

    pub(crate) fn step(&self) -> &'static str {
        self.view().step
    }

    pub(crate) fn judge_as(&mut self, agency: &str, verdict: Verdict) -> Result<Arc<str>, Refusal> {
        let inspection = self.id();
        self.act(agency, Act::judge(inspection, verdict))
    }

    pub(crate) fn identify(&mut self) {
        let inspection = Some(self.id());
        self.act("customs", Act::Identify { inspection, identity: "粤B12345".into() }).unwrap();
    }

    /// A subject stands at the approach, identified.
    pub(crate) fn arrive(&mut self) {
        self.set(APPROACH, Presence::Present);
        self.identify();
    }

    /// A released subject stands before an open arm.
    pub(crate) fn release(&mut self) {
        self.arrive();
        self.judge_as("customs", Verdict::Clear).unwrap();
        self.judge_as("ciq", Verdict::Clear).unwrap();
        self.run(3_500);
        assert_eq!(self.view().arm.state, "open", "{}", self.tail());
    }

    /// The subject drives through; everything is clear behind it.
    pub(crate) fn drive_through(&mut self) {
        self.set(UNDER, Presence::Present);
        self.run(500);
        self.set(APPROACH, Presence::Clear);
        self.set(BEYOND, Presence::Present);
        self.run(500);
        self.set(UNDER, Presence::Clear);
        self.run(600);
        self.set(BEYOND, Presence::Clear);
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.records().map(|note| note.kind).collect()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &portside::lane::Note> {
        self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Record(note) => Some(note),
            _ => None,
        })
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.records().filter(|note| note.kind == kind).count()
    }

    pub(crate) fn data(&self, kind: &str) -> &Value {
        &self.records().filter(|note| note.kind == kind).last().unwrap_or_else(|| panic!("no {kind}")).data
    }

    /// Orders given, without renewals.
    pub(crate) fn orders(&self) -> Vec<Order> {
        let orders = self.log.iter().filter_map(|(_, effect)| match effect {
            Effect::Move(Order::Close { renewal }) if *renewal > 0 => None,
            Effect::Move(order) | Effect::Protect(order) => Some(*order),
            _ => None,
        });
        orders.collect()
    }

    pub(crate) fn closes(&self) -> usize {
        self.orders().iter().filter(|order| matches!(order, Order::Close { .. })).count()
    }
}

pub(crate) fn on(yes: bool) -> Contact {
    if yes { Contact::On } else { Contact::Off }
}

/// Place of the first effect that is wanted.
pub(crate) fn place_of(site: &Site, want: impl Fn(&Effect) -> bool) -> usize {
    site.log.iter().position(|(_, effect)| want(effect)).unwrap_or_else(|| panic!("not found:\n{}", site.tail()))
}

/// Whether an effect is a record of this kind.
pub(crate) fn is_record(effect: &Effect, kind: &str) -> bool {
    matches!(effect, Effect::Record(note) if note.kind == kind)
}

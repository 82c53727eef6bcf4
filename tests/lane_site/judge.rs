//! A third opinion on orders: slow and plain, from the whole history, sharing no idea with machine or interlock.

use std::time::Duration;

use portside::lane::{Act, ArmContact, Contact, Effect, Event, Note, Order, OrderOutcome, Presence, Settings};
use portside_devices::kind::Closes;
use portside_devices::moment::Moment;

const STALE: Duration = Duration::from_millis(300);
const CLEAR: Duration = Duration::from_millis(1_500);

/// Everything that happened has a number; later is larger.
pub(crate) struct Judge {
    settings: Settings,
    number: u64,
    reads: Vec<Vec<(u64, Moment, Presence)>>,
    contacts: Vec<(u64, Moment, ArmContact, Contact)>,
    orders: Vec<(u64, Moment, Order, bool)>,
    doubts: u64,
    stops: u64,
    resumes: u64,
    confirms: u64,
    confirm_event: u64,
    releases: Vec<(u64, String, bool)>,
    remembered: Option<String>,
    closes_failed: u64,
}

impl Judge {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            number: 1,
            reads: vec![Vec::new(); settings.sensors.len()],
            contacts: Vec::new(),
            orders: Vec::new(),
            doubts: 1,
            stops: 0,
            resumes: 0,
            confirms: 0,
            confirm_event: 0,
            releases: Vec::new(),
            remembered: None,
            closes_failed: 0,
        }
    }

    pub(crate) fn observe(&mut self, now: Moment, event: &Event) {
        self.number += 1;
        self.look_for_silence(now);
        match event {
            Event::Sensor { sensor, presence } if *sensor < self.reads.len() => {
                trim(&mut self.reads[*sensor]);
                self.reads[*sensor].push((self.number, now, *presence));
                if *presence == Presence::Unknown && self.guards(*sensor) {
                    self.doubts = self.number;
                }
            }
            Event::Arm { contact, state } => {
                trim(&mut self.contacts);
                self.contacts.push((self.number, now, *contact, *state));
                let limit = matches!(contact, ArmContact::Opened | ArmContact::Closed);
                if limit && *state == Contact::Unknown {
                    self.doubts = self.number;
                }
                if *contact == ArmContact::StopPressed && *state == Contact::On {
                    self.stops = self.number;
                }
            }
            Event::Officer { act: Act::Stop, .. } => self.stops = self.number,
            Event::Officer { act: Act::ConfirmClear, .. } => self.confirm_event = self.number,
            Event::Ordered { order: Order::Close { .. }, outcome: OrderOutcome::NotWritten } => {
                self.closes_failed = self.number;
            }
            _ => {}
        }
    }

    /// A guarding sensor or a limit that was silent for longer than 300 ms was unknown meanwhile.
    fn look_for_silence(&mut self, now: Moment) {
        let silent = |last: Option<Moment>| last.is_some_and(|read| now.since(read) > STALE);
        for sensor in 0..self.reads.len() {
            if self.guards(sensor) && silent(self.reads[sensor].last().map(|read| read.1)) {
                self.doubts = self.number;
            }
        }
        for limit in [ArmContact::Opened, ArmContact::Closed] {
            if silent(self.last_contact(limit).map(|read| read.0)) {
                self.doubts = self.number;
            }
        }
    }

    pub(crate) fn carried_out(&mut self, effect: &Effect) {
        let Effect::Record(Note { kind, subject, .. }) = effect else { return };
        self.number += 1;
        match *kind {
            "inspection.released" | "inspection.override" => {
                self.releases.push((self.number, subject.to_string(), true));
            }
            "inspection.closed" | "inspection.held" | "inspection.hold_placed" => {
                self.releases.push((self.number, subject.to_string(), false));
            }
            "inspection.confirmed" => {
                if let Some(subject) = self.remembered.take() {
                    self.releases.push((self.number, subject, true));
                }
            }
            // The record says the machine took it; it counts from the moment of the act.
            "arm.confirmed_clear" => self.confirms = self.confirm_event,
            "arm.resumed" => self.resumes = self.number,
            _ => {}
        }
    }

    /// A record of an earlier run: a release found so counts once a person confirms the subject.
    pub(crate) fn recalled(&mut self, kind: &str, subject: &str) {
        match kind {
            "inspection.released" | "inspection.override" => self.remembered = Some(subject.to_owned()),
            "inspection.closed" | "inspection.held" | "inspection.hold_placed" => self.remembered = None,
            _ => {}
        }
    }

    /// Judges an order and notes it as given.
    pub(crate) fn permit(&mut self, now: Moment, order: Order, protective: bool) -> Result<(), String> {
        self.number += 1;
        let verdict = self.judge(now, order, protective);
        if verdict.is_ok() {
            trim(&mut self.orders);
            self.orders.push((self.number, now, order, protective));
            if order == Order::Stop {
                self.stops = self.number;
            }
        }
        verdict
    }

    pub(crate) fn judge(&self, now: Moment, order: Order, protective: bool) -> Result<(), String> {
        let last = self.orders.last().copied();
        match (order, protective) {
            (Order::Stop | Order::CloseOff, _) => Ok(()),
            (Order::Close { .. }, true) => Err("a protective close".into()),
            (Order::Open, true) => need(self.close_lasts(now, false), "reversal of nothing"),
            (Order::Open, false) => {
                need(self.stops <= self.resumes, "open while stopped")?;
                need(!self.close_lasts(now, true), "open while closing")?;
                let standing = self.releases.last().is_some_and(|(_, _, stands)| *stands);
                let after = self.releases.last().map_or(0, |release| release.0);
                need(standing && after > self.last_close().map_or(0, |close| close.0), "open without a release")
            }
            (Order::Close { renewal: 0 }, false) => {
                self.fit_to_close(now)?;
                need(self.at(now, ArmContact::Opened) == Contact::On, "close an arm not seen open")?;
                need(self.at(now, ArmContact::Closed) == Contact::Off, "close an arm seen closed")?;
                self.entitled()
            }
            (Order::Close { renewal }, false) => {
                self.fit_to_close(now)?;
                match last {
                    Some((_, at, Order::Close { renewal: before }, _))
                        if renewal == before + 1 && now.since(at) <= STALE =>
                    {
                        Ok(())
                    }
                    _ => Err(format!("a renewal after {last:?}")),
                }
            }
        }
    }

    fn fit_to_close(&self, now: Moment) -> Result<(), String> {
        need(self.settings.arm.closes != Closes::Own, "own never closes")?;
        need(self.stops <= self.resumes, "close while stopped")?;
        for sensor in (0..self.reads.len()).filter(|sensor| self.guards(*sensor)) {
            self.clear_long_enough(now, sensor)?;
        }
        if self.settings.arm.has_protection {
            need(self.at(now, ArmContact::Protection) == Contact::On, "no protection")?;
        }
        if self.settings.arm.has_stop_button {
            need(self.at(now, ArmContact::StopPressed) == Contact::Off, "stop button")?;
        }
        if self.settings.arm.has_fault {
            need(self.at(now, ArmContact::Fault) == Contact::Off, "operator fault")?;
        }
        Ok(())
    }

    /// Walks back through the readings until 1.5 s are covered.
    fn clear_long_enough(&self, now: Moment, sensor: usize) -> Result<(), String> {
        let mut newer = now;
        for (_, at, presence) in self.reads[sensor].iter().rev() {
            need(newer.since(*at) <= STALE, "silence within the clear run")?;
            need(*presence == Presence::Clear, "presence or unknown within the clear run")?;
            if now.since(*at) >= CLEAR {
                return Ok(());
            }
            newer = *at;
        }
        Err("never clear for long enough".into())
    }

    fn entitled(&self) -> Result<(), String> {
        let close = self.last_close().map_or(0, |close| close.0);
        let from = self.doubts.max(close).max(self.stops);
        let opened =
            self.orders.iter().rev().find(|order| order.2 == Order::Open && !order.3).map_or(0, |order| order.0);
        let confirmed = self.confirms > from && self.confirms > opened && !self.present_since(self.confirms);
        if confirmed {
            return Ok(());
        }
        need(opened > from, "no open since the last doubt, stop or close, and nobody confirmed")?;
        for (sensor, about) in self.settings.sensors.iter().enumerate().filter(|(_, about)| about.proves) {
            let since = if about.place.guards_arm() { opened } else { from };
            need(self.changed_since(sensor, since), "a proving sensor did not change")?;
        }
        Ok(())
    }

    fn changed_since(&self, sensor: usize, since: u64) -> bool {
        self.reads[sensor].windows(2).any(|pair| {
            let known = pair[0].2 != Presence::Unknown && pair[1].2 != Presence::Unknown;
            known && pair[0].2 != pair[1].2 && pair[1].0 > since
        })
    }

    fn present_since(&self, since: u64) -> bool {
        let guards = (0..self.reads.len()).filter(|sensor| self.guards(*sensor));
        guards.flat_map(|sensor| &self.reads[sensor]).any(|read| read.0 > since && read.2 == Presence::Present)
    }

    fn last_close(&self) -> Option<(u64, Moment)> {
        let close = self.orders.iter().rev().find(|order| order.2 == Order::Close { renewal: 0 });
        close.map(|order| (order.0, order.1))
    }

    /// The last order was a close and nothing shows that it ended. `lapses`: a `held` close ends by itself.
    fn close_lasts(&self, now: Moment, lapses: bool) -> bool {
        let Some((number, at, Order::Close { .. }, _)) = self.orders.last().copied() else { return false };
        let ended = self.contacts.iter().rev().take_while(|contact| contact.0 > number).any(|contact| {
            matches!(contact.2, ArmContact::Closed | ArmContact::EmergencyOpen) && contact.3 == Contact::On
        });
        let lapsed = lapses && self.settings.arm.closes == Closes::Held && now.since(at) > STALE;
        let failed = self.settings.arm.closes == Closes::Pulse && self.closes_failed > number;
        !ended && !lapsed && !failed
    }

    fn last_contact(&self, which: ArmContact) -> Option<(Moment, Contact)> {
        self.contacts.iter().rev().find(|contact| contact.2 == which).map(|contact| (contact.1, contact.3))
    }

    fn at(&self, now: Moment, which: ArmContact) -> Contact {
        match self.last_contact(which) {
            Some((read, state)) if now.since(read) <= STALE => state,
            _ => Contact::Unknown,
        }
    }

    fn guards(&self, sensor: usize) -> bool {
        self.settings.sensors[sensor].place.guards_arm()
    }
}

/// History that no rule looks back to any more is dropped, so that endurance runs stay fast.
fn trim<T>(history: &mut Vec<T>) {
    if history.len() > 8_192 {
        history.drain(..4_096);
    }
}

fn need(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

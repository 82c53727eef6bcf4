//! What must never happen, checked a second time on the orders themselves.
//!
//! This file knows nothing of the lane machine. It keeps its own books from the same events, from the records that
//! became durable and from the orders that it let through, and refuses an order that breaks a rule. `control.rs`
//! asks it at the last moment before an order leaves.
//!
//! ```text
//!            release or override durable         open permitted               proofs and 1.5 s clear
//!  locked ───────────────────────────────► may open ──────────► proving ───────────────────────────► may close once
//! ```
//! - A doubt (start, a sensor or limit unknown, a stop) sends back to where a full passage or a person is needed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;
use portside_devices::moment::Moment;

use super::settings::Settings;
use super::{Act, ArmContact, Contact, Effect, Event, Officer, Order, OrderOutcome, Presence};

/// Every guarding sensor must have been clear for this long, whatever the lane file says (faults.md S4, V17).
const CLEAR_FOR: Duration = Duration::from_millis(1_500);
/// What has not been read for longer than this is unknown (faults.md S7).
const STALE_AFTER: Duration = Duration::from_millis(300);
/// A `held` close whose renewals pause for longer than this has ended.
const RENEWAL_GAP: Duration = Duration::from_millis(300);

/// A rule that refused an order; its text is what the record and the technician read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rule(pub &'static str);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?})", self.0)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A barrier that closes by itself is never asked to.
pub const OWN_NEVER_CLOSES: Rule = Rule("a barrier that closes by itself is never asked to close");
/// Stop latches.
pub const STOP_LATCHES: Rule = Rule("after a stop nothing moves until a named person resumes");
/// Presence forbids closing.
pub const NEVER_ON_PRESENCE: Rule = Rule("never close while a guarding sensor shows presence");
/// Unknown forbids closing.
pub const NEVER_ON_UNKNOWN: Rule =
    Rule("never close while a guarding sensor is unknown or has not been read for 300 ms");
/// The clear run.
pub const CLEAR_UNBROKEN: Rule =
    Rule("close only after every guarding sensor has been clear without a break for 1.5 s");
/// The operator's own protection.
pub const PROTECTION_READY: Rule = Rule("close only while the barrier's own protection reports ready and no fault");
/// Asked is not seen.
pub const CLOSE_FROM_OPEN: Rule = Rule("close only an arm that is seen fully open");
/// Proof of life.
pub const PROVED_OR_CONFIRMED: Rule = Rule(
    "close only after every proving sensor changed in this passage, or a named person confirmed that the arm is clear, \
     with no doubt since; one close for each",
);
/// A renewal belongs to a close.
pub const RENEWAL_OF_ONE_CLOSE: Rule =
    Rule("a renewal continues the `held` close in progress, counts up by one and pauses for at most 300 ms");
/// Not both ways.
pub const NEVER_BOTH_WAYS: Rule = Rule("never ask one way while the other is asked, except to reverse a close");
/// A release or override stands.
pub const OPEN_ON_RELEASE: Rule = Rule("open only on a recorded release or override of the subject in the lane");
/// Protecting means open, stop, take back.
pub const CLOSING_PROTECTS_NOBODY: Rule = Rule("a close is never a protective order");

#[derive(Clone, Copy, Debug)]
struct Sense {
    says: Presence,
    clear_since: Option<Moment>,
    read: Moment,
    guards: bool,
    proves: bool,
    changed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Wire {
    says: Contact,
    read: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Open,
    Close { renewal: u32, at: Moment },
}

/// The independent check on orders.
#[derive(Clone, Debug)]
pub struct Interlock {
    senses: Vec<Sense>,
    wires: [Wire; 6],
    agencies: Vec<Arc<str>>,
    closes: Closes,
    has_protection: bool,
    has_fault: bool,
    has_stop_button: bool,
    asked: Asked,
    stopped: bool,
    /// A named person resumed, and nobody has stopped since; counts once it is on record.
    resuming: bool,
    proving: bool,
    /// A named person confirmed, and no doubt has come up since; counts once it is on record.
    confirming: bool,
    confirmed: bool,
    released: Option<Arc<str>>,
    remembered: Option<Arc<str>>,
}

impl Interlock {
    /// An interlock that has seen nothing: everything is unknown.
    pub fn new(settings: &Settings) -> Self {
        let sense = |sensor: &super::Sensor| Sense {
            says: Presence::Unknown,
            clear_since: None,
            read: Moment::START,
            guards: sensor.place.guards_arm(),
            proves: sensor.proves,
            changed: false,
        };
        Self {
            senses: settings.sensors.iter().map(sense).collect(),
            wires: [Wire { says: Contact::Unknown, read: Moment::START }; 6],
            agencies: settings.agencies.clone(),
            closes: settings.arm.closes,
            has_protection: settings.arm.has_protection,
            has_fault: settings.arm.has_fault,
            has_stop_button: settings.arm.has_stop_button,
            asked: Asked::Nothing,
            stopped: false,
            resuming: false,
            proving: false,
            confirming: false,
            confirmed: false,
            released: None,
            remembered: None,
        }
    }

    /// Sees an event, before the machine does or after, but at the same moment.
    pub fn observe(&mut self, now: Moment, event: &Event) {
        self.expire(now);
        match event {
            Event::Sensor { sensor, presence } => self.sensor(now, *sensor, *presence),
            Event::Arm { contact, state } => self.contact(now, *contact, *state),
            Event::Officer { officer, act, .. } => self.officer(officer, act),
            Event::Ordered { order: Order::Close { renewal: 0 }, outcome: OrderOutcome::NotWritten }
                if self.closes == Closes::Pulse =>
            {
                self.end_close();
            }
            Event::Ordered { .. }
            | Event::Gauge { .. }
            | Event::Radiation(_)
            | Event::Picture(_)
            | Event::Refused { .. }
            | Event::Tick => {}
        }
    }

    /// Sees an effect that has been carried out: a record that is durable. Anything else changes nothing here;
    /// orders are seen by [`Interlock::permit`].
    pub fn observe_effect(&mut self, effect: &Effect) {
        if let Effect::Record(note) = effect {
            match note.kind {
                "inspection.released" | "inspection.override" => self.released = Some(Arc::clone(&note.subject)),
                "inspection.closed" | "inspection.held" | "inspection.hold_placed" => self.revoke(&note.subject),
                "arm.resumed" => self.stopped &= !std::mem::take(&mut self.resuming),
                "arm.confirmed_clear" => self.confirmed |= std::mem::take(&mut self.confirming),
                _ => {}
            }
        }
    }

    /// Sees a record of an earlier run, oldest first: a release found so counts once a named person confirms the
    /// subject.
    pub fn recall(&mut self, kind: &str, subject: &str) {
        match kind.strip_prefix("portside.").unwrap_or(kind) {
            "inspection.released" | "inspection.override" => self.remembered = Some(subject.into()),
            "inspection.closed" | "inspection.held" | "inspection.hold_placed" => self.revoke(subject),
            _ => {}
        }
    }

    /// May this order leave? A permitted order counts as given. `protective`: it comes from [`Effect::Protect`].
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn permit(&mut self, now: Moment, order: Order, protective: bool) -> Result<(), Rule> {
        self.expire(now);
        match order {
            Order::Stop => self.stop(),
            Order::CloseOff => {
                self.end_close();
                self.doubt();
            }
            Order::Open if protective => self.reverse()?,
            Order::Open => self.open(now)?,
            Order::Close { .. } if protective => return Err(CLOSING_PROTECTS_NOBODY),
            Order::Close { renewal: 0 } => self.close(now)?,
            Order::Close { renewal } => self.renew(now, renewal)?,
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.latch();
        self.end_close();
        if self.asked == Asked::Open {
            self.asked = Asked::Nothing;
        }
        self.doubt();
    }

    fn latch(&mut self) {
        self.stopped = true;
        self.resuming = false;
    }

    fn end_close(&mut self) {
        if matches!(self.asked, Asked::Close { .. }) {
            self.asked = Asked::Nothing;
        }
    }

    fn reverse(&mut self) -> Result<(), Rule> {
        if !matches!(self.asked, Asked::Close { .. }) {
            return Err(NEVER_BOTH_WAYS);
        }
        if self.says(ArmContact::StopPressed) == Contact::On {
            return Err(STOP_LATCHES);
        }
        self.asked = Asked::Open;
        self.doubt();
        Ok(())
    }

    fn open(&mut self, now: Moment) -> Result<(), Rule> {
        if self.stopped {
            return Err(STOP_LATCHES);
        }
        if self.close_runs(now) {
            return Err(NEVER_BOTH_WAYS);
        }
        if self.released.is_none() {
            return Err(OPEN_ON_RELEASE);
        }
        self.asked = Asked::Open;
        self.proving = true;
        self.confirming = false;
        self.confirmed = false;
        self.senses.iter_mut().filter(|sense| sense.guards).for_each(|sense| sense.changed = false);
        Ok(())
    }

    fn close(&mut self, now: Moment) -> Result<(), Rule> {
        self.close_at_all(now)?;
        if self.asked != Asked::Nothing {
            return Err(NEVER_BOTH_WAYS);
        }
        let at = |contact| self.says(contact);
        if (at(ArmContact::Opened), at(ArmContact::Closed)) != (Contact::On, Contact::Off) {
            return Err(CLOSE_FROM_OPEN);
        }
        let proved = self.proving && self.senses.iter().all(|sense| sense.changed || !sense.proves);
        if !proved && !self.confirmed {
            return Err(PROVED_OR_CONFIRMED);
        }
        self.asked = Asked::Close { renewal: 0, at: now };
        self.released = None;
        self.doubt();
        Ok(())
    }

    fn renew(&mut self, now: Moment, next: u32) -> Result<(), Rule> {
        self.close_at_all(now)?;
        match self.asked {
            Asked::Close { renewal, at }
                if self.closes == Closes::Held && next == renewal + 1 && now.since(at) <= RENEWAL_GAP =>
            {
                self.asked = Asked::Close { renewal: next, at: now };
                Ok(())
            }
            Asked::Close { .. } | Asked::Open | Asked::Nothing => Err(RENEWAL_OF_ONE_CLOSE),
        }
    }

    /// What holds for the first close request and for each renewal.
    fn close_at_all(&self, now: Moment) -> Result<(), Rule> {
        if self.closes == Closes::Own {
            return Err(OWN_NEVER_CLOSES);
        }
        if self.stopped {
            return Err(STOP_LATCHES);
        }
        for sense in self.senses.iter().filter(|sense| sense.guards) {
            match sense.says {
                Presence::Present => return Err(NEVER_ON_PRESENCE),
                Presence::Unknown => return Err(NEVER_ON_UNKNOWN),
                Presence::Clear if sense.clear_since.is_none_or(|since| now.since(since) < CLEAR_FOR) => {
                    return Err(CLEAR_UNBROKEN);
                }
                Presence::Clear => {}
            }
        }
        let ready = !self.has_protection || self.says(ArmContact::Protection) == Contact::On;
        let whole = self.says(ArmContact::Fault) == Contact::Off
            || (!self.has_fault && self.says(ArmContact::Fault) != Contact::On);
        let free = !self.has_stop_button || self.says(ArmContact::StopPressed) == Contact::Off;
        if ready && whole && free { Ok(()) } else { Err(PROTECTION_READY) }
    }

    fn close_runs(&self, now: Moment) -> bool {
        match (self.asked, self.closes) {
            (Asked::Close { at, .. }, Closes::Held) => now.since(at) <= RENEWAL_GAP,
            (Asked::Close { .. }, Closes::Pulse | Closes::Own) => true,
            (Asked::Open | Asked::Nothing, _) => false,
        }
    }

    /// From here a full passage or a person is needed before a close.
    fn doubt(&mut self) {
        self.proving = false;
        self.confirming = false;
        self.confirmed = false;
        self.senses.iter_mut().for_each(|sense| sense.changed = false);
    }

    fn sensor(&mut self, now: Moment, sensor: usize, presence: Presence) {
        let Some(sense) = self.senses.get_mut(sensor) else { return };
        let before = std::mem::replace(&mut sense.says, presence);
        sense.read = now;
        match presence {
            Presence::Clear => {
                sense.clear_since.get_or_insert(now);
                sense.changed |= before == Presence::Present;
            }
            Presence::Present => {
                sense.clear_since = None;
                sense.changed |= before == Presence::Clear;
                self.confirmed &= !sense.guards;
                self.confirming &= !sense.guards;
            }
            Presence::Unknown => {
                sense.clear_since = None;
                if sense.guards {
                    self.doubt();
                }
            }
        }
    }

    fn contact(&mut self, now: Moment, contact: ArmContact, state: Contact) {
        self.wires[place(contact)] = Wire { says: state, read: now };
        match (contact, state) {
            (ArmContact::StopPressed, Contact::On) => self.stop(),
            (ArmContact::Opened | ArmContact::Closed, Contact::Unknown) => self.doubt(),
            (ArmContact::Opened, Contact::On) if self.asked == Asked::Open => self.asked = Asked::Nothing,
            (ArmContact::EmergencyOpen, Contact::On) => self.end_close(),
            _ => {}
        }
        if (self.says(ArmContact::Opened), self.says(ArmContact::Closed)) == (Contact::Off, Contact::On) {
            self.end_close();
        }
    }

    fn officer(&mut self, officer: &Officer, act: &Act) {
        if *act == Act::Stop {
            // The close itself ends with the order that takes it back; a barrier without a stop is reversed.
            self.latch();
            self.doubt();
        }
        if !self.agencies.contains(&officer.agency) || officer.name.trim().is_empty() {
            return;
        }
        match act {
            Act::Resume => self.resuming = self.says(ArmContact::StopPressed) != Contact::On,
            Act::ConfirmClear => {
                let clear = |sense: &Sense| !sense.guards || sense.says == Presence::Clear;
                self.confirming = self.senses.iter().all(clear);
            }
            Act::ConfirmSubject => self.released = self.remembered.take().or(self.released.take()),
            Act::Identify { .. }
            | Act::Judge { .. }
            | Act::Shown { .. }
            | Act::PlaceHold { .. }
            | Act::LiftHold { .. }
            | Act::ExaminationBegin { .. }
            | Act::ExaminationArrive { .. }
            | Act::ExaminationOpen { .. }
            | Act::ExaminationFinding { .. }
            | Act::ExaminationClose { .. }
            | Act::Disposition { .. }
            | Act::HandOver { .. }
            | Act::Accept { .. }
            | Act::Temperature { .. }
            | Act::Open { .. }
            | Act::Stop => {}
        }
    }

    fn revoke(&mut self, subject: &str) {
        for release in [&mut self.released, &mut self.remembered] {
            release.take_if(|released| &**released == subject);
        }
    }

    fn expire(&mut self, now: Moment) {
        for sense in &mut self.senses {
            if now.since(sense.read) > STALE_AFTER {
                sense.says = Presence::Unknown;
                sense.clear_since = None;
            }
        }
        for wire in &mut self.wires {
            if now.since(wire.read) > STALE_AFTER {
                wire.says = Contact::Unknown;
            }
        }
        let blind = self.senses.iter().any(|sense| sense.guards && sense.says == Presence::Unknown);
        if blind || self.wires[..2].iter().any(|wire| wire.says == Contact::Unknown) {
            self.doubt();
        }
    }

    fn says(&self, contact: ArmContact) -> Contact {
        self.wires[place(contact)].says
    }
}

const fn place(contact: ArmContact) -> usize {
    match contact {
        ArmContact::Opened => 0,
        ArmContact::Closed => 1,
        ArmContact::Protection => 2,
        ArmContact::Fault => 3,
        ArmContact::EmergencyOpen => 4,
        ArmContact::StopPressed => 5,
    }
}

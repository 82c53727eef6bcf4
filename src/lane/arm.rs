//! The barrier's arm: what was asked of it and what its contacts show, which are never taken for each other.
//!
//! ```text
//!  Boot ──► Unknown ◄──────────────────────────────┐
//!              │ limits readable                   │ limits unreadable
//!              ▼                                   │
//!  Closed ──ask──► Opening ──opened──► Open ──ask──► Closing ──closed──► Closed
//!     │               │                 │               │
//!     │ left alone    │ travel + 20 %   │ left alone    │ doubt: withdrawn ─► Open / Astray / Stopped / Opening
//!     ▼               ▼                 ▼               ▼ travel + 20 %
//!   Fault           Fault            Astray ──────►   Fault          any ──stop──► Stopped   any ──button──► Emergency
//! ```
//! - Boot → Unknown, Closed, Open, Astray: both limits have been read for the first time.
//! - Closed, Astray → Opening: asked to open. Opening → Open: the opened limit is seen.
//! - Open → Closing: asked to close. Closing → Closed: the closed limit is seen.
//! - Opening, Closing → Fault: not left, or not arrived, within the travel time and a fifth.
//! - Closing → Open, Astray (`held`), Stopped or Opening (`pulse`): the close was taken back on a doubt.
//! - Closing → Fault: the arm came back up by itself, its own protection spoke.
//! - Closed → Fault: the arm left its limit and nobody here asked. Open → Astray: the same at the other end.
//! - Astray → Closed: by itself where the barrier closes itself or was coasting; elsewhere → Fault.
//! - Astray → Fault: between the limits for longer than the travel time and a fifth.
//! - Closed, Open, Opening, Astray → Fault: both limits at once; the operator reports a fault.
//! - Closed, Open, Astray → Unknown: the limits cannot be read; back by what they show.
//! - any → Stopped: a person or the stop button. any → Emergency: the emergency button.
//! - Stopped, Emergency, Fault → what the limits show: a person resumes; moves nothing.

use std::time::Duration;

use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use serde_json::Value;

use super::contacts::{Contacts, Position};
use super::fault::Fault;
use super::settings::{self, Settings};
use super::{ArmContact, Contact};

/// Contacts of one poll arrive one after the other: what they contradict for less than this is not a contradiction.
const BOTH_AFTER: Duration = Duration::from_millis(250);
/// A bouncing limit switch is not a forced arm; half of the 500 ms within which a forced arm must be told is kept.
const FORCED_AFTER: Duration = Duration::from_millis(150);
/// An arm whose close was taken back may reach its limit by its own mass within this time.
const COAST: Duration = Duration::from_millis(1_000);

/// The arm's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Boot,
    Unknown,
    Closed,
    Opening { since: Moment },
    Open,
    Closing { since: Moment, left: bool, renewal: u32, renewed: Moment },
    Astray { since: Moment, told: bool, coasts_until: Moment },
    Stopped,
    Emergency,
    Fault(Fault),
}

/// What the lane has to record, and where need be to act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The limits show another position than before.
    Seen { from: Position, to: Position },
    /// A fault has latched. `closing`: a close was in progress and has to be taken back.
    Fault { fault: Fault, closing: bool },
    /// The emergency button was pressed.
    Emergency { closing: bool },
    /// The stop button was pressed.
    StopPressed { closing: bool },
    /// A limit, the protection or a button cannot be read any more.
    Lost(ArmContact),
}

/// How a close in progress is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withdrawal {
    CloseOff,
    Stop,
    Reverse,
}

/// The arm.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    state: State,
    seen: Position,
    contacts: Contacts,
    about: settings::Arm,
    renew_every: Duration,
}

impl Arm {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            state: State::Boot,
            seen: Position::Unknown,
            contacts: Contacts::new(settings.stale_after),
            about: settings.arm.clone(),
            renew_every: settings.renew_every,
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Where the arm was last seen, as told in records.
    pub(super) const fn seen(&self) -> Position {
        self.seen
    }

    pub(super) const fn closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// What is latched until a person resumes.
    pub(super) const fn latched(&self) -> Option<&'static str> {
        match self.state {
            State::Stopped => Some("stop"),
            State::Emergency => Some("emergency_open"),
            State::Fault(fault) => Some(fault.word()),
            State::Boot
            | State::Unknown
            | State::Closed
            | State::Opening { .. }
            | State::Open
            | State::Closing { .. }
            | State::Astray { .. } => None,
        }
    }

    /// Latched so that even a person's order to open is refused until somebody resumes.
    pub(super) const fn refuses_open(&self) -> Option<&'static str> {
        match self.state {
            State::Boot => Some("boot"),
            State::Stopped | State::Emergency | State::Fault(Fault::Operator | Fault::BothLimits) => self.latched(),
            State::Fault(
                Fault::DidNotLeave | Fault::DidNotArrive | Fault::CameBack | Fault::Forced | Fault::Astray,
            )
            | State::Unknown
            | State::Closed
            | State::Opening { .. }
            | State::Open
            | State::Closing { .. }
            | State::Astray { .. } => None,
        }
    }

    /// True when the contact says what it said before; notes that it was read.
    pub(super) fn repeats(&mut self, now: Moment, contact: ArmContact, says: Contact) -> bool {
        self.contacts.repeats(now, contact, says)
    }

    /// Takes a reading; `News` where its edge alone is news.
    pub(super) fn read(&mut self, now: Moment, contact: ArmContact, says: Contact) -> Option<News> {
        let before = self.contacts.read(now, contact, says)?;
        let closing = self.closing();
        match (contact, says) {
            (_, Contact::Unknown) => Some(News::Lost(contact)).filter(|_| before != Contact::Unknown),
            (ArmContact::StopPressed, Contact::On) => {
                self.state = State::Stopped;
                Some(News::StopPressed { closing })
            }
            (ArmContact::EmergencyOpen, Contact::On) => {
                self.state = State::Emergency;
                Some(News::Emergency { closing })
            }
            (ArmContact::Fault, Contact::On) => {
                if self.latched().is_none() {
                    self.state = State::Fault(Fault::Operator);
                }
                Some(News::Fault { fault: Fault::Operator, closing })
            }
            (
                ArmContact::Opened
                | ArmContact::Closed
                | ArmContact::Protection
                | ArmContact::Fault
                | ArmContact::EmergencyOpen
                | ArmContact::StopPressed,
                Contact::On | Contact::Off,
            ) => None,
        }
    }

    /// True once for each loss that is worth an alarm.
    pub(super) fn tell_lost(&mut self, contact: ArmContact) -> bool {
        self.contacts.tell_lost(contact)
    }

    /// The next contact that has been silent for too long; it is unknown from here on.
    pub(super) fn expire(&mut self, now: Moment) -> Option<News> {
        self.contacts.expire(now).map(News::Lost)
    }

    /// Follows the limits and the time by one arrow of the diagram. Call until `None`.
    pub(super) fn step(&mut self, now: Moment) -> Option<News> {
        let position = self.position();
        if position == Position::Both {
            return self.both(now);
        }
        if self.state != State::Boot && position != self.seen {
            let from = std::mem::replace(&mut self.seen, position);
            return Some(News::Seen { from, to: position });
        }
        self.follow(now, position)
    }

    fn follow(&mut self, now: Moment, position: Position) -> Option<News> {
        match (self.state, position) {
            (State::Boot, _) if self.limits_read() => self.land(now, position),
            (State::Unknown, Position::Closed | Position::Between | Position::Open) => self.land(now, position),
            (State::Closed | State::Open | State::Astray { .. }, Position::Unknown) => self.state = State::Unknown,
            (State::Closed, Position::Between | Position::Open) if now >= self.forced_at() => {
                return Some(self.fault(Fault::Forced));
            }
            (State::Open, Position::Between) => self.land(now, position),
            (State::Astray { .. }, Position::Open) => self.state = State::Open,
            (State::Open | State::Astray { .. }, Position::Closed) => return self.came_down(now),
            (State::Astray { since, told: false, .. }, Position::Between) if now >= since + self.patience() => {
                return Some(self.fault(Fault::Astray));
            }
            // Seen since it was asked: an arm that stood open before has yet to show that it obeys.
            (State::Opening { since }, Position::Open) if self.contacts.read_after(ArmContact::Opened, since) => {
                self.state = State::Open;
            }
            (State::Opening { since }, Position::Unknown | Position::Closed | Position::Between | Position::Both)
                if now >= since + self.patience() =>
            {
                return Some(self.fault(Self::late(position == Position::Closed)));
            }
            (State::Closing { .. }, Position::Closed) => self.state = State::Closed,
            (State::Closing { left: true, .. }, Position::Open) => return Some(self.fault(Fault::CameBack)),
            (State::Closing { since, .. }, _) if now >= since + self.patience() => {
                return Some(self.fault(Self::late(position == Position::Open)));
            }
            (State::Closing { since, left: false, renewal, renewed }, Position::Between) => {
                self.state = State::Closing { since, left: true, renewal, renewed };
            }
            _ => {} // the arrows above are the whole diagram; everything else stays where it is
        }
        None
    }

    fn both(&mut self, now: Moment) -> Option<News> {
        if now < self.both_at() {
            return None;
        }
        if self.seen != Position::Both {
            let from = std::mem::replace(&mut self.seen, Position::Both);
            return Some(News::Seen { from, to: Position::Both });
        }
        (self.latched().is_none() && self.state != State::Boot).then(|| self.fault(Fault::BothLimits))
    }

    fn came_down(&mut self, now: Moment) -> Option<News> {
        let coasting = matches!(self.state, State::Astray { coasts_until, .. } if now <= coasts_until);
        if coasting || self.about.closes == Closes::Own {
            self.state = State::Closed;
            return None;
        }
        (now >= self.forced_at()).then(|| self.fault(Fault::Forced))
    }

    fn fault(&mut self, fault: Fault) -> News {
        let closing = self.closing();
        self.state = State::Fault(fault);
        News::Fault { fault, closing }
    }

    const fn late(still_at_start: bool) -> Fault {
        if still_at_start { Fault::DidNotLeave } else { Fault::DidNotArrive }
    }

    fn land(&mut self, now: Moment, position: Position) {
        self.state = match position {
            Position::Closed => State::Closed,
            Position::Open => State::Open,
            Position::Between => State::Astray { since: now, told: false, coasts_until: Moment::START },
            Position::Unknown | Position::Both => State::Unknown,
        };
    }

    /// Asked to open.
    pub(super) fn ask_open(&mut self, now: Moment) {
        self.state = State::Opening { since: now };
    }

    /// Asked to close.
    pub(super) fn ask_close(&mut self, now: Moment) {
        self.state = State::Closing { since: now, left: false, renewal: 0, renewed: now };
    }

    /// The order reached the device: travel is timed from here.
    pub(super) fn written(&mut self, now: Moment) {
        match &mut self.state {
            State::Opening { since } | State::Closing { since, left: false, renewal: 0, .. } => *since = now,
            State::Closing { .. }
            | State::Boot
            | State::Unknown
            | State::Closed
            | State::Open
            | State::Astray { .. }
            | State::Stopped
            | State::Emergency
            | State::Fault(_) => {}
        }
    }

    /// The order to open did not reach the device. Word of it can come late: a close asked since goes on.
    pub(super) fn not_opened(&mut self, now: Moment) {
        if matches!(self.state, State::Opening { .. }) {
            self.land(now, self.position());
        }
    }

    /// The order to close did not reach the device: nothing is asked any more.
    pub(super) fn not_closed(&mut self, now: Moment) {
        if self.closing() {
            self.land(now, self.position());
        }
    }

    /// How this barrier takes a close back.
    pub(super) const fn withdrawal(&self) -> Withdrawal {
        match (self.about.closes, self.about.can_stop) {
            (Closes::Held, _) => Withdrawal::CloseOff,
            (Closes::Pulse | Closes::Own, true) => Withdrawal::Stop,
            (Closes::Pulse | Closes::Own, false) => Withdrawal::Reverse,
        }
    }

    /// The close in progress has been taken back that way.
    pub(super) fn withdrawn(&mut self, now: Moment, how: Withdrawal) {
        match how {
            Withdrawal::Stop => self.state = State::Stopped, // a stop latches, also over a fault
            Withdrawal::CloseOff | Withdrawal::Reverse if !self.closing() => {}
            Withdrawal::Reverse => self.ask_open(now),
            Withdrawal::CloseOff => match self.position() {
                Position::Between => {
                    self.state = State::Astray { since: now, told: false, coasts_until: now + COAST };
                }
                Position::Unknown | Position::Closed | Position::Open | Position::Both => {
                    self.land(now, self.position())
                }
            },
        }
    }

    /// A person stops the arm.
    pub(super) fn stop(&mut self) {
        self.state = State::Stopped;
    }

    /// A person ends what is latched; `Err` names what is still there.
    pub(super) fn resume(&mut self, now: Moment) -> Result<(), &'static str> {
        for (contact, what) in [
            (ArmContact::StopPressed, "stop button"),
            (ArmContact::EmergencyOpen, "emergency button"),
            (ArmContact::Fault, "operator fault"),
        ] {
            if self.contacts.says(contact) == Contact::On {
                return Err(what);
            }
        }
        if self.position() == Position::Both {
            return Err("both limits made");
        }
        self.land(now, self.position());
        if let State::Astray { told, .. } = &mut self.state {
            *told = true; // the person who resumes has seen it
        }
        Ok(())
    }

    /// Number of the renewal that is due, of a `held` close.
    pub(super) fn renew(&mut self, now: Moment) -> Option<u32> {
        let every = self.renew_every;
        match &mut self.state {
            State::Closing { renewal, renewed, .. } if self.about.closes == Closes::Held && now >= *renewed + every => {
                *renewal = renewal.saturating_add(1);
                *renewed = now;
                Some(*renewal)
            }
            State::Closing { .. }
            | State::Boot
            | State::Unknown
            | State::Closed
            | State::Opening { .. }
            | State::Open
            | State::Astray { .. }
            | State::Stopped
            | State::Emergency
            | State::Fault(_) => None,
        }
    }

    /// What the contacts say against closing, apart from where the arm stands.
    pub(super) fn doubt(&self) -> Option<&'static str> {
        let says = |contact| self.contacts.says(contact);
        if self.about.has_protection && says(ArmContact::Protection) != Contact::On {
            return Some("protection_not_ready");
        }
        let bad = |has: bool, contact| says(contact) == Contact::On || (has && says(contact) != Contact::Off);
        if bad(self.about.has_stop_button, ArmContact::StopPressed) {
            return Some("stop_pressed");
        }
        if bad(self.about.has_fault, ArmContact::Fault) {
            return Some("arm_fault");
        }
        if says(ArmContact::EmergencyOpen) == Contact::On {
            return Some("emergency_open");
        }
        match self.position() {
            Position::Both => Some("both_limits"),
            Position::Unknown => Some("position_unknown"),
            Position::Closed | Position::Between | Position::Open => None,
        }
    }

    pub(super) fn position(&self) -> Position {
        self.contacts.position()
    }

    /// Both limits have been read at least once.
    pub(super) fn limits_read(&self) -> bool {
        self.contacts.limits_read()
    }

    /// What the contacts that have been read say, for records.
    pub(super) fn vector(&self) -> Value {
        self.contacts.vector()
    }

    /// Moments at which the arm's state changes by time alone; some may have passed.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        let own = match self.state {
            State::Opening { since } | State::Astray { since, told: false, .. } => {
                [Some(since + self.patience()), None]
            }
            State::Closing { since, renewed, .. } => [Some(since + self.patience()), Some(renewed + self.renew_every)],
            State::Boot
            | State::Unknown
            | State::Closed
            | State::Open
            | State::Astray { .. }
            | State::Stopped
            | State::Emergency
            | State::Fault(_) => [None, None],
        };
        let limits = [Some(self.both_at()), Some(self.forced_at())];
        self.contacts.silences().chain(own.into_iter().chain(limits).flatten()).filter(|moment| *moment > now).min()
    }

    fn both_at(&self) -> Moment {
        self.contacts.since(ArmContact::Opened).max(self.contacts.since(ArmContact::Closed)) + BOTH_AFTER
    }

    fn forced_at(&self) -> Moment {
        self.contacts.since(ArmContact::Closed) + FORCED_AFTER
    }

    /// The travel time and a fifth.
    fn patience(&self) -> Duration {
        self.about.travel + self.about.travel / 5
    }
}

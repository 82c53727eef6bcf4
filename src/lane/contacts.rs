//! What the contacts of the barrier say, each with when it was last read and since when it says so.

use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::{Map, Value};

use super::sensors::TELL_AGAIN_AFTER;
use super::{ArmContact, Contact};

/// Where the limits show the arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// A limit is unreadable.
    Unknown,
    /// At the closed limit.
    Closed,
    /// At neither limit.
    Between,
    /// At the opened limit.
    Open,
    /// At both, which cannot be.
    Both,
}

impl Position {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Between => "between",
            Self::Open => "open",
            Self::Both => "both_limits",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Wire {
    says: Contact,
    since: Moment,
    read: Option<Moment>,
    told_lost: bool,
}

impl Wire {
    /// A loss is worth an alarm again once the contact has been readable for a while.
    fn settle(&mut self, now: Moment) {
        if self.told_lost && self.says != Contact::Unknown && now.since(self.since) >= TELL_AGAIN_AFTER {
            self.told_lost = false;
        }
    }
}

const CONTACTS: [ArmContact; 6] = [
    ArmContact::Opened,
    ArmContact::Closed,
    ArmContact::Protection,
    ArmContact::Fault,
    ArmContact::EmergencyOpen,
    ArmContact::StopPressed,
];

/// The contacts of one barrier.
#[derive(Clone, Debug)]
pub(super) struct Contacts {
    wires: [Wire; 6],
    stale_after: Duration,
}

impl Contacts {
    pub(super) fn new(stale_after: Duration) -> Self {
        Self {
            wires: [Wire { says: Contact::Unknown, since: Moment::START, read: None, told_lost: false }; 6],
            stale_after,
        }
    }

    /// Takes a reading and returns what the contact said before, if that was something else.
    pub(super) fn read(&mut self, now: Moment, contact: ArmContact, says: Contact) -> Option<Contact> {
        let wire = &mut self.wires[place(contact)];
        wire.settle(now);
        wire.read = Some(now);
        if wire.says == says {
            return None;
        }
        wire.since = now;
        Some(std::mem::replace(&mut wire.says, says))
    }

    /// True when the contact says what it said before; notes that it was read.
    pub(super) fn repeats(&mut self, now: Moment, contact: ArmContact, says: Contact) -> bool {
        let wire = &mut self.wires[place(contact)];
        let same = wire.read.is_some() && wire.says == says;
        if same {
            wire.read = Some(now);
            wire.settle(now);
        }
        same
    }

    /// True once for each loss that is worth an alarm.
    pub(super) fn tell_lost(&mut self, contact: ArmContact) -> bool {
        !std::mem::replace(&mut self.wires[place(contact)].told_lost, true)
    }

    /// The next contact that has been silent for too long; it is unknown from here on.
    pub(super) fn expire(&mut self, now: Moment) -> Option<ArmContact> {
        let silent = |wire: &Wire| {
            wire.says != Contact::Unknown && wire.read.is_some_and(|read| now.since(read) >= self.stale_after)
        };
        let found = self.wires.iter().position(silent)?;
        self.wires[found].says = Contact::Unknown;
        self.wires[found].since = now;
        Some(CONTACTS[found])
    }

    pub(super) fn says(&self, contact: ArmContact) -> Contact {
        self.wires[place(contact)].says
    }

    /// Since when the contact says what it says.
    pub(super) fn since(&self, contact: ArmContact) -> Moment {
        self.wires[place(contact)].since
    }

    /// The contact has been read later than `moment`.
    pub(super) fn read_after(&self, contact: ArmContact, moment: Moment) -> bool {
        self.wires[place(contact)].read.is_some_and(|read| read > moment)
    }

    /// Both limits have been read at least once.
    pub(super) fn limits_read(&self) -> bool {
        self.wires[..2].iter().all(|wire| wire.read.is_some())
    }

    pub(super) fn position(&self) -> Position {
        match (self.says(ArmContact::Opened), self.says(ArmContact::Closed)) {
            (Contact::Unknown, _) | (_, Contact::Unknown) => Position::Unknown,
            (Contact::On, Contact::Off) => Position::Open,
            (Contact::Off, Contact::On) => Position::Closed,
            (Contact::Off, Contact::Off) => Position::Between,
            (Contact::On, Contact::On) => Position::Both,
        }
    }

    /// What the contacts that have been read say, for records.
    pub(super) fn vector(&self) -> Value {
        let read = CONTACTS.iter().zip(&self.wires).filter(|(_, wire)| wire.read.is_some());
        let each = read.map(|(contact, wire)| (contact_word(*contact).to_owned(), Value::from(state_word(wire.says))));
        Value::Object(each.collect::<Map<_, _>>())
    }

    /// Moments at which silence makes a contact unknown.
    pub(super) fn silences(&self) -> impl Iterator<Item = Moment> {
        let known = self.wires.iter().filter(|wire| wire.says != Contact::Unknown);
        known.filter_map(|wire| wire.read).map(|read| read + self.stale_after)
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

/// The word of a contact in records.
pub(super) const fn contact_word(contact: ArmContact) -> &'static str {
    match contact {
        ArmContact::Opened => "opened",
        ArmContact::Closed => "closed",
        ArmContact::Protection => "protection",
        ArmContact::Fault => "fault",
        ArmContact::EmergencyOpen => "emergency_open",
        ArmContact::StopPressed => "stop_pressed",
    }
}

/// The word of a contact's state in records.
pub(super) const fn state_word(state: Contact) -> &'static str {
    match state {
        Contact::On => "on",
        Contact::Off => "off",
        Contact::Unknown => "unknown",
    }
}

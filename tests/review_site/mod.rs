//! A gate with a subject before it and nothing that moves: what is left is what desks do.

#![allow(dead_code)] // each test binary uses its own part

use std::sync::Arc;
use std::time::Duration;

use portside::lane::{
    Act, ArmContact, Contact, Desk, DeskRole, Effect, Event, ImageRef, Lane, Memory, Note, Order, Presence, Recalled,
    Refusal, Secret, Settings, Topic, recall,
};
use portside_devices::kind::Closes;
use portside_devices::moment::Moment;

use crate::lane_site::{self, ids, officer};

pub(crate) const TIMEOUT: Duration = Duration::from_secs(90);

/// A lane with these desks.
pub(crate) fn settings(desks: &[(&'static str, DeskRole)]) -> Settings {
    let desk = |(agency, role): &(&'static str, DeskRole)| Desk { agency: (*agency).into(), role: *role };
    Settings { desks: desks.iter().map(desk).collect(), review_timeout: TIMEOUT, ..lane_site::settings(Closes::Held) }
}

/// The lane, and everything that it ever wanted kept.
pub(crate) struct Bench {
    settings: Settings,
    pub(crate) lane: Lane,
    pub(crate) now: Moment,
    pub(crate) notes: Vec<Note>,
    /// Records that were there when the arm was first asked to open.
    pub(crate) opened_after: Option<usize>,
    ticket: u64,
}

impl Bench {
    /// A subject stands there, identified: the desks are asked.
    pub(crate) fn reviewing(settings: &Settings) -> Self {
        let lane = Lane::restore(settings.clone(), ids("i"), Recalled::NOTHING);
        let settings = settings.clone();
        let mut bench = Self { settings, lane, now: Moment::START, notes: Vec::new(), opened_after: None, ticket: 0 };
        bench.read();
        bench.act("customs", Act::Identify { inspection: None, identity: "粤B12345".into() }).unwrap();
        assert_eq!(bench.step(), "reviewing");
        bench
    }

    /// Every sensor and contact is read: somebody stands before a closed arm.
    fn read(&mut self) {
        for sensor in 0..self.settings.sensors.len() {
            let presence = if sensor == lane_site::APPROACH { Presence::Present } else { Presence::Clear };
            self.send(Event::Sensor { sensor, presence });
        }
        for contact in [
            (ArmContact::Opened, Contact::Off),
            (ArmContact::Closed, Contact::On),
            (ArmContact::Protection, Contact::On),
            (ArmContact::Fault, Contact::Off),
            (ArmContact::StopPressed, Contact::Off),
        ] {
            self.send(Event::Arm { contact: contact.0, state: contact.1 });
        }
    }

    pub(crate) fn send(&mut self, event: Event) -> Option<Result<Arc<str>, Refusal>> {
        self.now = self.now + Duration::from_millis(1);
        let mut answered = None;
        for effect in self.lane.handle(self.now, event) {
            match effect {
                Effect::Record(note) => self.notes.push(note),
                Effect::Move(Order::Open) => {
                    self.opened_after.get_or_insert(self.notes.len());
                }
                Effect::Answer { answer, .. } => answered = Some(answer),
                Effect::Move(_) | Effect::Protect(_) | Effect::Forget { .. } => {}
            }
        }
        answered
    }

    pub(crate) fn act(&mut self, agency: &str, act: Act) -> Result<Arc<str>, Refusal> {
        self.ticket += 1;
        let event = Event::Officer { officer: officer(agency), act, ticket: self.ticket };
        self.send(event).expect("every act is answered")
    }

    /// The review's time is up.
    pub(crate) fn time_up(&mut self) {
        self.now = self.now + TIMEOUT;
        self.send(Event::Tick);
        self.read();
    }

    /// The daemon starts again from its records. The keys of what these agencies sealed are lost.
    pub(crate) fn restart(&mut self, unreadable: &[&str]) {
        let readable = |secret: &Secret| !unreadable.contains(&&**secret.agency());
        let inspection = self.notes.iter().filter(|note| note.topic == Topic::Inspection);
        let memories = inspection.map(|note| Memory {
            kind: note.kind,
            subject: &note.subject,
            data: &note.data,
            secret: note.secret.clone().filter(readable),
        });
        let recalled = recall::fold(&self.settings, memories);
        self.lane = Lane::restore(self.settings.clone(), ids("after"), recalled);
        self.now = Moment::START;
        self.read();
    }

    pub(crate) fn step(&self) -> &'static str {
        self.lane.view().step
    }

    pub(crate) fn id(&self) -> Arc<str> {
        self.lane.view().inspection.expect("a subject is there").id
    }

    pub(crate) fn image(&self) -> Option<ImageRef> {
        self.lane.view().inspection?.image
    }

    /// Agencies whose holds stand, in order.
    pub(crate) fn holders(&self) -> Vec<String> {
        let holds = self.lane.view().inspection.map(|inspection| inspection.holds).unwrap_or_default();
        let mut holders: Vec<String> = holds.iter().map(|hold| hold.agency.to_string()).collect();
        holders.sort_unstable();
        holders
    }

    pub(crate) fn notes_of(&self, kind: &str) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |note| note.kind == kind)
    }
}

//! What the contacts of the X-ray machine and the diverter say; silence makes them unknown.

use std::time::Duration;

use portside_devices::moment::Moment;

use super::event::Wire;
use crate::lane::Contact;

#[derive(Clone, Copy, Debug)]
struct Said {
    says: Contact,
    read: Option<Moment>,
}

/// The contacts of one belt lane.
#[derive(Clone, Debug)]
pub(super) struct Wires {
    said: [Said; Wire::ALL.len()],
    stale_after: Duration,
}

impl Wires {
    pub(super) fn new(stale_after: Duration) -> Self {
        let nothing = Said { says: Contact::Unknown, read: None };
        Self { said: [nothing; Wire::ALL.len()], stale_after }
    }

    /// Takes a reading; true when the contact says something else than before.
    pub(super) fn read(&mut self, now: Moment, wire: Wire, says: Contact) -> bool {
        let said = &mut self.said[wire as usize];
        said.read = Some(now);
        let news = said.says != says;
        said.says = says;
        news
    }

    /// The next contact that has been silent for too long; it is unknown from here on.
    pub(super) fn expire(&mut self, now: Moment) -> Option<Wire> {
        let silent = |said: &Said| {
            said.says != Contact::Unknown && said.read.is_some_and(|read| now.since(read) >= self.stale_after)
        };
        let place = self.said.iter().position(silent)?;
        self.said[place].says = Contact::Unknown;
        Some(Wire::ALL[place])
    }

    pub(super) const fn says(&self, wire: Wire) -> Contact {
        self.said[wire as usize].says
    }

    /// The contact has been read at least once: the machine has it.
    pub(super) const fn heard(&self, wire: Wire) -> bool {
        self.said[wire as usize].read.is_some()
    }

    /// Moments at which silence makes a contact unknown.
    pub(super) fn silences(&self) -> impl Iterator<Item = Moment> {
        let known = self.said.iter().filter(|said| said.says != Contact::Unknown);
        known.filter_map(|said| said.read).map(|read| read + self.stale_after)
    }
}

//! Light barriers: what they say, and when that counts as a front or a rear.
//!
//! A handle, a strap or a hole makes a light barrier blink. A change counts once the belt has run far enough in it, or
//! time enough has passed on a belt that stands; its place is where it began.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::settings::Settings;
use super::travel::{Mark, Travel};
use crate::lane::Presence;

/// On a belt that stands, what has lasted for so long is no blink.
const SETTLED: Duration = Duration::from_secs(1);

/// What happened at a light barrier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Edge {
    /// Something's front arrived.
    Rose(Mark),
    /// Something's rear left.
    Fell(Mark),
    /// Readable again, and present: nobody knows what stands there, or since when.
    FoundPresent(Mark),
    /// Readable again, and clear.
    FoundClear,
    /// It cannot be read.
    Lost,
}

#[derive(Clone, Debug)]
struct Sense {
    name: Arc<str>,
    says: Presence,
    read: Option<Moment>,
    /// What counts, and since where.
    settled: Presence,
    since: Mark,
    /// A change that does not count yet began here.
    pending: Option<Mark>,
}

/// All light barriers of the lane, in the order of [`Settings::sensors`].
#[derive(Clone, Debug)]
pub(super) struct Edges {
    senses: Vec<Sense>,
    stale_after: Duration,
    gap_mm: f64,
    noise_mm: f64,
}

impl Edges {
    pub(super) fn new(settings: &Settings, start: Mark) -> Self {
        let sense = |sensor: &super::settings::Sensor| Sense {
            name: Arc::clone(&sensor.name),
            says: Presence::Unknown,
            read: None,
            settled: Presence::Unknown,
            since: start,
            pending: None,
        };
        Self {
            senses: settings.sensors.iter().map(sense).collect(),
            stale_after: settings.stale_after,
            gap_mm: settings.gap_mm,
            noise_mm: settings.noise_mm,
        }
    }

    /// Takes a reading; what it says at once, if anything. [`Edges::settle`] says the rest.
    pub(super) fn read(&mut self, sensor: usize, presence: Presence, here: Mark) -> Option<Edge> {
        let sense = self.senses.get_mut(sensor)?;
        sense.read = Some(here.at);
        sense.says = presence;
        sense.take(here)
    }

    /// The next sensor that has been silent for too long.
    pub(super) fn expire(&mut self, here: Mark) -> Option<usize> {
        let stale_after = self.stale_after;
        let silent = |sense: &Sense| {
            sense.says != Presence::Unknown && sense.read.is_some_and(|read| here.at.since(read) >= stale_after)
        };
        let place = self.senses.iter().position(silent)?;
        let sense = &mut self.senses[place];
        sense.says = Presence::Unknown;
        sense.take(here);
        Some(place)
    }

    /// The change that has lasted long enough and began first. Call until `None`.
    pub(super) fn settle(&mut self, here: Mark) -> Option<(usize, Edge)> {
        let (gap, noise) = (self.gap_mm, self.noise_mm);
        let ripe = |(place, sense): (usize, &Sense)| {
            let began = sense.pending?;
            let far = here.mm - began.mm >= if sense.says == Presence::Clear { gap } else { noise };
            (far || here.at.since(began.at) >= SETTLED).then_some((place, began))
        };
        let (place, began) = self.senses.iter().enumerate().filter_map(ripe).min_by_key(|(_, began)| began.at)?;
        let sense = &mut self.senses[place];
        sense.pending = None;
        sense.settled = sense.says;
        sense.since = began;
        Some((place, if sense.says == Presence::Clear { Edge::Fell(began) } else { Edge::Rose(began) }))
    }

    /// What counts at the sensor.
    pub(super) fn says(&self, sensor: usize) -> Presence {
        self.senses.get(sensor).map_or(Presence::Unknown, |sense| sense.settled)
    }

    /// What the sensor said last, whether or not it counts yet.
    pub(super) fn raw(&self, sensor: usize) -> Presence {
        self.senses.get(sensor).map_or(Presence::Unknown, |sense| sense.says)
    }

    /// Since where the sensor has said it.
    pub(super) fn since(&self, sensor: usize) -> Option<Mark> {
        self.senses.get(sensor).map(|sense| sense.since)
    }

    /// A front or rear at this sensor may be about to count.
    pub(super) fn wavers(&self, sensor: usize) -> bool {
        self.senses.get(sensor).is_some_and(|sense| sense.pending.is_some())
    }

    /// Every sensor has been read at least once.
    pub(super) fn all_reported(&self) -> bool {
        self.senses.iter().all(|sense| sense.read.is_some())
    }

    /// Name and what counts, for records and views.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Presence, Mark)> {
        self.senses.iter().map(|sense| (&sense.name, sense.settled, sense.since))
    }

    /// Moments at which silence or length alone changes something.
    pub(super) fn next(&self, travel: &Travel) -> impl Iterator<Item = Moment> {
        self.senses.iter().flat_map(move |sense| {
            let silent = sense.read.filter(|_| sense.says != Presence::Unknown).map(|read| read + self.stale_after);
            let need = if sense.says == Presence::Clear { self.gap_mm } else { self.noise_mm };
            let far = sense.pending.and_then(|began| travel.when(began.mm + need));
            let long = sense.pending.map(|began| began.at + SETTLED);
            [silent, far, long].into_iter().flatten()
        })
    }
}

impl Sense {
    fn take(&mut self, here: Mark) -> Option<Edge> {
        match (self.settled, self.says) {
            (Presence::Unknown, Presence::Unknown) => None,
            (Presence::Clear | Presence::Present, Presence::Unknown) => {
                self.turn(here);
                Some(Edge::Lost)
            }
            (Presence::Unknown, Presence::Present) => {
                self.turn(here);
                Some(Edge::FoundPresent(here))
            }
            (Presence::Unknown, Presence::Clear) => {
                self.turn(here);
                Some(Edge::FoundClear)
            }
            (Presence::Clear, Presence::Clear) | (Presence::Present, Presence::Present) => {
                self.pending = None;
                None
            }
            (Presence::Clear, Presence::Present) | (Presence::Present, Presence::Clear) => {
                self.pending.get_or_insert(here);
                None
            }
        }
    }

    fn turn(&mut self, here: Mark) {
        self.settled = self.says;
        self.since = here;
        self.pending = None;
    }
}

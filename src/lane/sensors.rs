//! What the presence sensors say, and how long they have said it.
//!
//! ```text
//!            read clear            read present
//!  Unknown ─────────────► Clear ◄──────────────► Present
//!     ▲                     │                       │
//!     └──── read unknown, or not read for stale_after ────┘
//! ```
//! - Unknown → Clear, Unknown → Present: a reading. Not a proof of change: nobody knows what was before.
//! - Clear ↔ Present: a reading that differs. The sensor lives: it has changed.
//! - any → Unknown: the link says so, or silence lasted `stale_after`. A clear run ends with it.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::{Map, Value};

use super::Presence;
use super::settings::{Place, Sensor, Settings};

/// A guarding sensor that has been present for so long is stuck or blocked: somebody has to look.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(180);

/// A sensor that was lost is told again only after it has been readable for this long, so that a loose wire does not
/// flood the alarm stream.
pub(super) const TELL_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What changed at one sensor with one reading or one silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Clear before, present after.
    Rose,
    /// Present before, clear after.
    Fell,
    /// Known before, unknown after.
    Lost,
    /// Unknown before, known after.
    Found,
}

/// One sensor's past as far as decisions need it.
#[derive(Clone, Debug)]
struct Sense {
    name: Arc<str>,
    place: Place,
    proves: bool,
    says: Presence,
    since: Moment,
    read: Option<Moment>,
    changed: bool,
    told_stuck: bool,
    told_lost: bool,
}

/// All presence sensors of the lane, in the order of [`Settings::sensors`].
#[derive(Clone, Debug)]
pub(super) struct Sensors {
    senses: Vec<Sense>,
    stale_after: Duration,
}

impl Sensors {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { senses: settings.sensors.iter().map(Sense::new).collect(), stale_after: settings.stale_after }
    }

    /// Takes a reading. `None` when nothing changed or the sensor is not one of ours.
    pub(super) fn read(&mut self, now: Moment, sensor: usize, presence: Presence) -> Option<Change> {
        let sense = self.senses.get_mut(sensor)?;
        sense.read = Some(now);
        sense.turn(now, presence)
    }

    /// True when the sensor says what it said before; notes that it was read.
    pub(super) fn repeats(&mut self, now: Moment, sensor: usize, presence: Presence) -> bool {
        let Some(sense) = self.senses.get_mut(sensor) else { return true };
        let same = sense.read.is_some() && sense.says == presence;
        if same {
            sense.read = Some(now);
            sense.settle(now);
        }
        same
    }

    /// The next sensor that has been silent for too long, which is unknown from here on.
    pub(super) fn expire(&mut self, now: Moment) -> Option<usize> {
        let stale_after = self.stale_after;
        let silent = |sense: &Sense| {
            sense.says != Presence::Unknown && sense.read.is_some_and(|read| now.since(read) >= stale_after)
        };
        let place = self.senses.iter().position(silent)?;
        self.senses[place].turn(now, Presence::Unknown);
        Some(place)
    }

    /// The next guarding sensor that has been present for [`STUCK_AFTER`]; told once each time.
    pub(super) fn stuck(&mut self, now: Moment) -> Option<Arc<str>> {
        let stuck = |sense: &&mut Sense| {
            sense.guards()
                && !sense.told_stuck
                && sense.says == Presence::Present
                && now.since(sense.since) >= STUCK_AFTER
        };
        let sense = self.senses.iter_mut().find(stuck)?;
        sense.told_stuck = true;
        Some(Arc::clone(&sense.name))
    }

    /// True once for each loss that is worth an alarm.
    pub(super) fn tell_lost(&mut self, sensor: usize) -> bool {
        self.senses.get_mut(sensor).is_some_and(|sense| !std::mem::replace(&mut sense.told_lost, true))
    }

    /// Every sensor has been read at least once.
    pub(super) fn all_reported(&self) -> bool {
        self.senses.iter().all(|sense| sense.read.is_some())
    }

    /// At least one sensor at `place` shows present.
    pub(super) fn present(&self, place: Place) -> bool {
        self.senses.iter().any(|sense| sense.place == place && sense.says == Presence::Present)
    }

    /// The lane has a sensor at `place`.
    pub(super) fn exist(&self, place: Place) -> bool {
        self.senses.iter().any(|sense| sense.place == place)
    }

    /// Every sensor at `place` has been clear for `wait` without a break. True where there is none.
    pub(super) fn clear_at(&self, place: Place, now: Moment, wait: Duration) -> bool {
        self.senses.iter().filter(|sense| sense.place == place).all(|sense| sense.clear_for(now, wait))
    }

    /// Every guarding sensor has been clear for `wait` without a break.
    pub(super) fn guard_clear(&self, now: Moment, wait: Duration) -> bool {
        self.senses.iter().filter(|sense| sense.guards()).all(|sense| sense.clear_for(now, wait))
    }

    /// The guarding sensor that speaks against closing, if any does.
    pub(super) fn doubt(&self) -> Option<(&Arc<str>, Presence)> {
        let dissents = |sense: &&Sense| sense.guards() && sense.says != Presence::Clear;
        self.senses.iter().find(dissents).map(|sense| (&sense.name, sense.says))
    }

    /// Nobody can tell what some guarding sensor sees.
    pub(super) fn guard_unknown(&self) -> bool {
        self.senses.iter().any(|sense| sense.guards() && sense.says == Presence::Unknown)
    }

    /// Names, with what they say, of the guarding sensors that are not clear.
    pub(super) fn dissenting(&self) -> Vec<Arc<str>> {
        let dissents = self.senses.iter().filter(|sense| sense.guards() && sense.says != Presence::Clear);
        dissents.map(|sense| format!("{} is {}", sense.name, word(sense.says)).into()).collect()
    }

    /// Starts the proof of change anew for the sensors that guard the arm.
    pub(super) fn forget_guard_changes(&mut self) {
        self.senses.iter_mut().filter(|sense| sense.guards()).for_each(|sense| sense.changed = false);
    }

    /// Starts the proof of change anew for every sensor.
    pub(super) fn forget_changes(&mut self) {
        self.senses.iter_mut().for_each(|sense| sense.changed = false);
    }

    /// Sensors that must prove themselves and have not changed since the proof began.
    pub(super) fn unproved(&self) -> Vec<Arc<str>> {
        let mute = self.senses.iter().filter(|sense| sense.proves && !sense.changed);
        mute.map(|sense| Arc::clone(&sense.name)).collect()
    }

    pub(super) fn place(&self, sensor: usize) -> Option<Place> {
        self.senses.get(sensor).map(|sense| sense.place)
    }

    pub(super) fn name(&self, sensor: usize) -> Option<Arc<str>> {
        self.senses.get(sensor).map(|sense| Arc::clone(&sense.name))
    }

    /// The sensor vector that goes into the records of alarms and movements.
    pub(super) fn vector(&self) -> Value {
        let each = self.senses.iter().map(|sense| (sense.name.to_string(), Value::from(word(sense.says))));
        Value::Object(each.collect::<Map<_, _>>())
    }

    /// Name, place, what it says, since when: for the view.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Place, Presence, Moment)> {
        self.senses.iter().map(|sense| (&sense.name, sense.place, sense.says, sense.since))
    }

    /// Moments after `now` at which silence or length alone changes something.
    pub(super) fn next(&self, now: Moment, waits: &[Duration]) -> Option<Moment> {
        self.senses.iter().filter_map(|sense| sense.next(now, self.stale_after, waits)).min()
    }
}

impl Sense {
    fn new(sensor: &Sensor) -> Self {
        Self {
            name: Arc::clone(&sensor.name),
            place: sensor.place,
            proves: sensor.proves,
            says: Presence::Unknown,
            since: Moment::START,
            read: None,
            changed: false,
            told_stuck: false,
            told_lost: false,
        }
    }

    const fn guards(&self) -> bool {
        self.place.guards_arm()
    }

    fn clear_for(&self, now: Moment, wait: Duration) -> bool {
        self.says == Presence::Clear && now.since(self.since) >= wait
    }

    /// A loss is worth an alarm again once the sensor has been readable for a while.
    fn settle(&mut self, now: Moment) {
        if self.told_lost && self.says != Presence::Unknown && now.since(self.since) >= TELL_AGAIN_AFTER {
            self.told_lost = false;
        }
    }

    fn turn(&mut self, now: Moment, presence: Presence) -> Option<Change> {
        let change = match (self.says, presence) {
            (Presence::Clear, Presence::Present) => Change::Rose,
            (Presence::Present, Presence::Clear) => Change::Fell,
            (Presence::Clear | Presence::Present, Presence::Unknown) => Change::Lost,
            (Presence::Unknown, Presence::Clear | Presence::Present) => Change::Found,
            (Presence::Clear, Presence::Clear)
            | (Presence::Present, Presence::Present)
            | (Presence::Unknown, Presence::Unknown) => {
                self.settle(now);
                return None;
            }
        };
        self.says = presence;
        self.since = now;
        self.told_stuck = false;
        self.changed |= matches!(change, Change::Rose | Change::Fell);
        Some(change)
    }

    fn next(&self, now: Moment, stale_after: Duration, waits: &[Duration]) -> Option<Moment> {
        let silent = self.read.filter(|_| self.says != Presence::Unknown).map(|read| read + stale_after);
        let long =
            (self.says == Presence::Present && self.guards() && !self.told_stuck).then(|| self.since + STUCK_AFTER);
        let clear = waits.iter().filter(|_| self.says == Presence::Clear).map(|wait| self.since + *wait);
        [silent, long].into_iter().flatten().chain(clear).filter(|moment| *moment > now).min()
    }
}

/// The word of a presence in records.
pub(super) const fn word(presence: Presence) -> &'static str {
    match presence {
        Presence::Clear => "clear",
        Presence::Present => "present",
        Presence::Unknown => "unknown",
    }
}

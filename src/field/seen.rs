//! What one device last said and what of it was told: raw blocks are compared before anything is decoded.

use std::sync::Arc;

use portside_devices::codec::{Raw, decode};
use portside_devices::moment::Moment;
use portside_devices::plan::Block;
use portside_devices::profile::{Point, Profile};
use portside_devices::reading::{Quality, Reading, Value};

/// What one read brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Bits(Vec<bool>),
    Words(Vec<u16>),
}

/// One point as it was last told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) value: Option<Value>,
    pub(super) quality: Quality,
}

#[derive(Debug)]
pub(super) struct Seen {
    profile: Arc<Profile>,
    blocks: Vec<Block>,
    watched: Vec<bool>,
    /// By block: does it hold a watched point?
    block_watched: Vec<bool>,
    /// By block: the last answer, if everything in it has been told.
    raw: Vec<Option<Data>>,
    /// By point.
    told: Vec<Option<Told>>,
}

impl Seen {
    pub(super) fn new(profile: Arc<Profile>, blocks: Vec<Block>, watched: &[Arc<str>]) -> Self {
        let watched: Vec<bool> = profile.points.iter().map(|point| watched.contains(&point.name)).collect();
        let block_watched = blocks.iter().map(|block| block.points.iter().any(|point| watched[*point])).collect();
        let (raw, told) = (vec![None; blocks.len()], vec![None; profile.points.len()]);
        Self { profile, blocks, watched, block_watched, raw, told }
    }

    /// What the blocks were planned from.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(super) fn block(&self, block: usize) -> &Block {
        &self.blocks[block]
    }

    /// What is to be told of an answer to `block`. Its length was checked against the request.
    pub(super) fn answered(&mut self, block: usize, data: Data, at: Moment) -> Vec<Reading> {
        if self.raw[block].as_ref() == Some(&data) {
            return self.repeat(block, at);
        }
        let mut readings = Vec::new();
        for place in 0..self.blocks[block].points.len() {
            let index = self.blocks[block].points[place];
            let (value, quality) = self.decode(block, index, &data);
            self.tell(index, Told { value, quality }, at, &mut readings);
        }
        self.raw[block] = Some(data);
        readings
    }

    /// What is to be told when the device answers `block` with an exception.
    pub(super) fn refused(&mut self, block: usize, reason: &str, at: Moment) -> Vec<Reading> {
        self.raw[block] = None;
        let mut readings = Vec::new();
        for place in 0..self.blocks[block].points.len() {
            let index = self.blocks[block].points[place];
            let told = Told { value: None, quality: Quality::Bad(reason.to_owned()) };
            self.tell(index, told, at, &mut readings);
        }
        readings
    }

    /// What is to be told when the device has ceased to answer: every point that it reads, once, with its last value.
    pub(super) fn silent(&mut self, at: Moment) -> Vec<Reading> {
        self.raw.fill(None);
        let mut readings = Vec::new();
        for index in 0..self.profile.points.len() {
            if !self.profile.points[index].readable() {
                continue;
            }
            let stale = match self.told[index].take() {
                Some(Told { value, quality: Quality::Good | Quality::Stale }) => {
                    Told { value, quality: Quality::Stale }
                }
                Some(Told { .. }) | None => Told { value: None, quality: Quality::Stale },
            };
            readings.push(reading(&self.profile.points[index], &stale, at));
            self.told[index] = Some(stale);
        }
        readings
    }

    /// Nobody heard what was told last: the next answers tell everything again.
    pub(super) fn forget(&mut self) {
        self.raw.fill(None);
        self.told.fill(None);
    }

    fn decode(&self, block: usize, index: usize, data: &Data) -> (Option<Value>, Quality) {
        let point = &self.profile.points[index];
        let raw = point.register().and_then(|register| {
            let from = usize::from(register.address - self.blocks[block].start);
            match data {
                Data::Bits(bits) => bits.get(from).map(|bit| Raw::Bit(*bit)),
                Data::Words(words) => words.get(from..from + usize::from(register.width())).map(Raw::Words),
            }
        });
        match raw {
            Some(raw) => decode(point, raw),
            None => (None, Quality::Bad("the answer was too short for this point".to_owned())),
        }
    }

    fn tell(&mut self, index: usize, found: Told, at: Moment, readings: &mut Vec<Reading>) {
        let point = &self.profile.points[index];
        let differs = self.told[index].as_ref().is_none_or(|told| changed(point, told, &found));
        if differs || self.watched[index] {
            readings.push(reading(point, &found, at));
        }
        // A watched point has no deadband: what is repeated must be what was read.
        if differs || self.watched[index] {
            self.told[index] = Some(found);
        }
    }

    /// The same answer again: only watched points are told, from what was told before.
    fn repeat(&self, block: usize, at: Moment) -> Vec<Reading> {
        if !self.block_watched[block] {
            return Vec::new();
        }
        let watched = self.blocks[block].points.iter().filter(|index| self.watched[**index]);
        watched
            .filter_map(|index| self.told[*index].as_ref().map(|told| reading(&self.profile.points[*index], told, at)))
            .collect()
    }
}

/// True where `found` must be told: another quality, another truth, or a step larger than the deadband.
pub(super) fn changed(point: &Point, told: &Told, found: &Told) -> bool {
    if told.quality != found.quality {
        return true;
    }
    match (&told.value, &found.value) {
        (Some(Value::Int(_) | Value::Float(_)), Some(Value::Int(_) | Value::Float(_))) if point.deadband > 0.0 => {
            let size = |told: &Told| told.value.as_ref().and_then(Value::as_f64).unwrap_or(f64::NAN);
            (size(told) - size(found)).abs() > point.deadband
        }
        (one, other) => one != other,
    }
}

pub(super) fn reading(point: &Point, told: &Told, at: Moment) -> Reading {
    Reading { point: point.name.clone(), value: told.value.clone(), quality: told.quality.clone(), at }
}

#[cfg(test)]
mod tests {
    use portside_devices::plan::plan;

    use super::*;

    fn seen(watched: &[&str]) -> Seen {
        let text = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
            [[point]]\nname = \"a\"\ntable = \"holding\"\naddress = 0\ntype = \"u16\"\ndeadband = 5\n\
            [[point]]\nname = \"b\"\ntable = \"holding\"\naddress = 1\ntype = \"u16\"\nrange = [0, 100]\n";
        let profile = Arc::new(Profile::parse("io/test", text).unwrap());
        let blocks = plan(&profile);
        let watched: Vec<Arc<str>> = watched.iter().map(|name| Arc::from(*name)).collect();
        Seen::new(profile, blocks, &watched)
    }

    fn told(readings: &[Reading]) -> Vec<String> {
        readings
            .iter()
            .map(|reading| match (&reading.value, &reading.quality) {
                (Some(value), Quality::Good) => format!("{} {value}", reading.point),
                (value, quality) => format!("{} {value:?} {quality:?}", reading.point),
            })
            .collect()
    }

    fn words(seen: &mut Seen, a: u16, b: u16) -> Vec<String> {
        told(&seen.answered(0, Data::Words(vec![a, b]), Moment::START))
    }

    #[test]
    fn a_point_is_told_when_it_moves_further_than_its_deadband_from_what_was_told() {
        let mut seen = seen(&[]);
        assert_eq!(words(&mut seen, 10, 1), ["a 10", "b 1"]);
        assert!(words(&mut seen, 10, 1).is_empty());
        assert!(words(&mut seen, 13, 1).is_empty());
        assert_eq!(words(&mut seen, 16, 1), ["a 16"], "small steps add up");
    }

    #[test]
    fn a_watched_point_is_told_on_every_answer() {
        let mut seen = seen(&["b"]);
        assert_eq!(words(&mut seen, 10, 1), ["a 10", "b 1"]);
        assert_eq!(words(&mut seen, 10, 1), ["b 1"]);
        assert_eq!(words(&mut seen, 99, 1), ["a 99", "b 1"]);
    }

    #[test]
    fn a_watched_point_repeats_what_was_read_last_whatever_its_deadband() {
        let mut seen = seen(&["a"]);
        words(&mut seen, 10, 1);
        assert_eq!(words(&mut seen, 13, 1), ["a 13"]);
        assert_eq!(words(&mut seen, 13, 1), ["a 13"]);
    }

    #[test]
    fn silence_makes_everything_stale_and_the_next_answer_tells_it_again() {
        let mut seen = seen(&[]);
        words(&mut seen, 10, 101);
        let stale = told(&seen.silent(Moment::START));
        assert_eq!(stale, ["a Some(Int(10)) Stale", "b None Stale"], "a bad value has no last good one");
        assert_eq!(words(&mut seen, 10, 2), ["a 10", "b 2"]);
    }

    #[test]
    fn an_exception_makes_its_points_bad_until_they_are_read_again() {
        let mut seen = seen(&[]);
        words(&mut seen, 10, 1);
        assert_eq!(seen.refused(0, "no", Moment::START).len(), 2);
        assert_eq!(seen.refused(0, "no", Moment::START).len(), 0);
        assert_eq!(words(&mut seen, 10, 1), ["a 10", "b 1"]);
    }

    #[test]
    fn what_nobody_heard_is_told_again() {
        let mut seen = seen(&[]);
        words(&mut seen, 10, 1);
        seen.forget();
        assert_eq!(words(&mut seen, 10, 1), ["a 10", "b 1"]);
    }
}

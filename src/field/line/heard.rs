//! What one line or frame device last said, and what of it was told.

use std::sync::Arc;

use portside_devices::moment::Moment;
use portside_devices::profile::Profile;
use portside_devices::reading::{Quality, Reading};
use portside_devices::stream::{Found, Stream};

use crate::field::seen::{Told, changed, reading};

/// Told values of one device, and when each record's points grow stale.
#[derive(Debug)]
pub(super) struct Heard {
    profile: Arc<Profile>,
    watched: Vec<bool>,
    /// By point.
    told: Vec<Option<Told>>,
    /// By record: when its points are stale unless it comes again.
    stale_at: Vec<Option<Moment>>,
}

impl Heard {
    pub(super) fn new(profile: Arc<Profile>, watched: &[Arc<str>]) -> Self {
        let watched = profile.points.iter().map(|point| watched.contains(&point.name)).collect();
        let records = profile.stream.as_ref().map_or(0, |stream| stream.records.len());
        let told = vec![None; profile.points.len()];
        Self { profile, watched, told, stale_at: vec![None; records] }
    }

    fn stream(&self) -> Option<&Stream> {
        self.profile.stream.as_ref()
    }

    /// What is to be told of a record: watched points always, others when they have changed.
    pub(super) fn heard(&mut self, record: usize, found: Vec<Found>, at: Moment) -> Vec<Reading> {
        let stale = self.stream().and_then(|stream| stream.records[record].stale);
        self.stale_at[record] = stale.map(|stale| at + stale);
        let mut readings = Vec::new();
        for Found { point: index, value, quality } in found {
            let (point, found) = (&self.profile.points[index], Told { value, quality });
            let differs = self.told[index].as_ref().is_none_or(|told| changed(point, told, &found));
            if differs || self.watched[index] {
                readings.push(reading(point, &found, at));
                self.told[index] = Some(found);
            }
        }
        readings
    }

    /// When the next record's points grow stale.
    pub(super) fn stale_next(&self) -> Option<Moment> {
        self.stale_at.iter().flatten().min().copied()
    }

    /// What is to be told of points whose record has not come again in time, although the device speaks.
    pub(super) fn grown_stale(&mut self, now: Moment) -> Vec<Reading> {
        let mut points = Vec::new();
        for record in 0..self.stale_at.len() {
            if self.stale_at[record].is_some_and(|at| at <= now) {
                self.stale_at[record] = None;
                points.extend(self.stream().into_iter().flat_map(|stream| &stream.records[record].points).copied());
            }
        }
        points.into_iter().filter_map(|index| self.grow_stale(index, now)).collect()
    }

    /// What is to be told when the device has fallen silent: every point that it says, once, with its last value.
    pub(super) fn silent(&mut self, at: Moment) -> Vec<Reading> {
        self.stale_at.fill(None);
        let readable = |index: &usize| self.profile.points[*index].readable();
        let points: Vec<usize> = (0..self.profile.points.len()).filter(readable).collect();
        points.into_iter().filter_map(|index| self.grow_stale(index, at)).collect()
    }

    fn grow_stale(&mut self, index: usize, at: Moment) -> Option<Reading> {
        let value = match self.told[index].take() {
            Some(Told { value, quality: Quality::Good | Quality::Stale }) => value,
            Some(Told { quality: Quality::Bad(_) | Quality::Invalid(_), .. }) | None => None,
        };
        let told = Told { value, quality: Quality::Stale };
        let reading = reading(&self.profile.points[index], &told, at);
        self.told[index] = Some(told);
        Some(reading)
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::stream::Understood;

    use super::*;

    const PROFILE: &str = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"line\"\nsource = \"test\"\n\
        [[record]]\nname = \"a\"\npattern = \"A{a:int}\"\nstale = \"2 s\"\n\
        [[record]]\nname = \"b\"\npattern = \"B{b:int}\"\n\
        [[point]]\nname = \"a\"\ndeadband = 5\n[[point]]\nname = \"b\"\nrange = [0, 100]\n";

    struct Site {
        heard: Heard,
        profile: Arc<Profile>,
    }

    fn site(watched: &[&str]) -> Site {
        let profile = Arc::new(Profile::parse("io/test", PROFILE).unwrap());
        let watched: Vec<Arc<str>> = watched.iter().map(|name| Arc::from(*name)).collect();
        Site { heard: Heard::new(profile.clone(), &watched), profile }
    }

    impl Site {
        fn line(&mut self, line: &str, millis: u64) -> Vec<String> {
            let stream = self.profile.stream.clone().unwrap();
            let Understood::Record { record, found } = stream.understand(&self.profile, line.as_bytes(), None) else {
                panic!("{line}")
            };
            shown(&self.heard.heard(record, found, Moment::from_millis(millis)))
        }
    }

    fn shown(readings: &[Reading]) -> Vec<String> {
        readings.iter().map(|reading| format!("{} {:?} {:?}", reading.point, reading.value, reading.quality)).collect()
    }

    #[test]
    fn a_point_is_told_when_it_moves_and_a_watched_one_each_time() {
        let mut site = site(&["b"]);
        assert_eq!(site.line("A10", 0), ["a Some(Int(10)) Good"]);
        assert!(site.line("A13", 0).is_empty());
        assert_eq!(site.line("A16", 0), ["a Some(Int(16)) Good"], "small steps add up");
        assert_eq!(site.line("B1", 0), site.line("B1", 0));
    }

    #[test]
    fn a_record_that_does_not_come_again_leaves_its_points_stale_although_the_device_speaks() {
        let mut site = site(&[]);
        site.line("A10", 0);
        site.line("B1", 1_500);
        assert_eq!(site.heard.stale_next(), Some(Moment::from_millis(2_000)));
        assert!(site.heard.grown_stale(Moment::from_millis(1_999)).is_empty());
        assert_eq!(shown(&site.heard.grown_stale(Moment::from_millis(2_000))), ["a Some(Int(10)) Stale"]);
        assert_eq!(site.heard.stale_next(), None);
        assert_eq!(site.line("A10", 3_000), ["a Some(Int(10)) Good"]);
    }

    #[test]
    fn silence_makes_everything_stale_and_the_next_record_tells_it_again() {
        let mut site = site(&[]);
        site.line("A10", 0);
        site.line("B101", 0);
        let stale = shown(&site.heard.silent(Moment::START));
        assert_eq!(stale, ["a Some(Int(10)) Stale", "b None Stale"], "a bad value has no last good one");
        assert_eq!(site.line("A10", 0), ["a Some(Int(10)) Good"]);
    }
}

//! What the device of a detector says of itself: whether it sends, how fast, and how often it was not understood.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::lines::Tally;
use portside_devices::moment::Moment;
use portside_devices::reading::{Quality, Reading, Value};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::field::{FieldEvent, LinkState};

/// The rate is counted over this time.
const WINDOW: Duration = Duration::from_secs(1);
/// A rate that differs from the one told by less than this part of it is the same.
const SAME: f64 = 0.03;

/// Lines a second.
pub(super) const LINE_RATE: &str = "line_rate";
/// How often something else stood where a line should have begun.
pub(super) const RESYNCS: &str = "resyncs";
/// Bytes that belonged to no line.
pub(super) const SKIPPED: &str = "skipped_bytes";

#[derive(Debug)]
pub(super) struct Health {
    index: usize,
    events: mpsc::Sender<FieldEvent>,
    clock: Clock,
    state: Option<LinkState>,
    since: Moment,
    lines: u32,
    told: [Option<Value>; 3],
}

impl Health {
    pub(super) fn new(index: usize, events: mpsc::Sender<FieldEvent>, clock: Clock) -> Self {
        Self { index, events, clock, state: None, since: clock.moment(), lines: 0, told: [None, None, None] }
    }

    /// Tells whether the detector sends; true when that is news and was told. While nobody has room for it, it stays news.
    pub(super) fn link(&mut self, state: &LinkState) -> bool {
        let same = match (&self.state, state) {
            (Some(LinkState::Up), LinkState::Up) | (Some(LinkState::Down { .. }), LinkState::Down { .. }) => true,
            (Some(LinkState::Up | LinkState::Down { .. }) | None, LinkState::Up | LinkState::Down { .. }) => false,
        };
        let event = FieldEvent::Link { device: self.index, at: self.clock.moment(), state: state.clone() };
        if same || self.events.try_send(event).is_err() {
            return false;
        }
        self.state = Some(state.clone());
        if *state == LinkState::Up {
            (self.since, self.lines) = (self.clock.moment(), 0);
        }
        true
    }

    /// So many lines came of one view.
    pub(super) fn lines(&mut self, count: usize) {
        self.lines = self.lines.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Tells once a second what has changed.
    pub(super) fn round(&mut self, tally: &Tally) {
        let now = self.clock.moment();
        let time = now.since(self.since);
        if time < WINDOW {
            return;
        }
        let rate = f64::from(self.lines) / time.as_secs_f64();
        (self.since, self.lines) = (now, 0);
        let count = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let said = [
            (LINE_RATE, Value::Float((rate * 10.0).round() / 10.0)),
            (RESYNCS, count(tally.lost)),
            (SKIPPED, count(tally.skipped)),
        ];
        let news: Vec<(usize, &str, Value)> = (0..)
            .zip(said)
            .filter(|(place, (_, value))| !same(self.told[*place].as_ref(), value))
            .map(|(place, (name, value))| (place, name, value))
            .collect();
        if news.is_empty() {
            return;
        }
        let reading = |name: &str, value: &Value| Reading {
            point: Arc::from(name),
            value: Some(value.clone()),
            quality: Quality::Good,
            at: now,
        };
        let readings = news.iter().map(|(_, name, value)| reading(name, value)).collect();
        if self.events.try_send(FieldEvent::Batch { device: self.index, at: now, readings }).is_ok() {
            for (place, _, value) in news {
                self.told[place] = Some(value);
            }
        }
    }
}

fn same(told: Option<&Value>, value: &Value) -> bool {
    match (told, value) {
        (Some(Value::Float(told)), Value::Float(value)) => (told - value).abs() <= SAME * told.abs(),
        (told, value) => told == Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_again_when_it_is_another_one() {
        let rate = |value: f64| Value::Float(value);
        assert!(same(Some(&rate(375.0)), &rate(370.0)));
        assert!(!same(Some(&rate(375.0)), &rate(300.0)));
        assert!(!same(Some(&rate(0.0)), &rate(1.0)));
        assert!(!same(None, &rate(0.0)));
        assert!(same(Some(&Value::Int(3)), &Value::Int(3)) && !same(Some(&Value::Int(3)), &Value::Int(4)));
    }

    #[test]
    fn what_found_no_room_is_told_again() {
        let (events, mut told) = mpsc::channel(1);
        let mut health = Health::new(4, events, Clock::start());
        assert!(health.link(&LinkState::Up));
        assert!(!health.link(&LinkState::Down { reason: "x".into() }), "no room");
        assert!(matches!(told.try_recv(), Ok(FieldEvent::Link { device: 4, state: LinkState::Up, .. })));
        assert!(health.link(&LinkState::Down { reason: "x".into() }));
        assert!(!health.link(&LinkState::Down { reason: "y".into() }), "it is down already");
    }
}

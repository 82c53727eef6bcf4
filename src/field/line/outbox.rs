//! What waits to be told: a device speaks at its own pace, control listens at its own, and neither waits for the other.
//!
//! Everything is told in order while it fits. A device that says more than [`PACE`] lets through, or a control task that
//! does not listen, makes events wait; once [`WAITING_MAX`] of them do, they are told as the latest values. One thing is
//! never lost in that: a contact that was on, such as an alarm, is told as on before it is told as off.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::reading::{Reading, Value};
use tokio::sync::mpsc;

use crate::field::{FieldEvent, LinkState};

/// Most events in one window, and how long it is: more than any scale or portal says, less than keeps control busy.
const PACE: (u32, Duration) = (500, Duration::from_millis(250));
/// Events that wait before they are told as the latest values: two minutes of a portal.
const WAITING_MAX: usize = 1_024;
/// How soon a full channel is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<FieldEvent>,
    window: Moment,
    told: u32,
    blocked: bool,
}

/// Whether events were put together because nobody took them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Each,
    Latest,
}

impl Outbox {
    pub(super) fn push(&mut self, event: FieldEvent) -> Kept {
        self.waiting.push_back(event);
        if self.waiting.len() <= WAITING_MAX {
            return Kept::Each;
        }
        let events = std::mem::take(&mut self.waiting);
        self.waiting = latest(events);
        Kept::Latest
    }

    /// Tells what can be told without waiting.
    pub(super) fn tell(&mut self, events: &mpsc::Sender<FieldEvent>, now: Moment) {
        if now.since(self.window) >= PACE.1 {
            (self.window, self.told) = (now, 0);
        }
        self.blocked = false;
        while self.told < PACE.0 {
            let Some(event) = self.waiting.pop_front() else { return };
            match events.try_send(event) {
                Ok(()) => self.told += 1,
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    self.blocked = true;
                    return;
                }
                // Nobody is left to tell.
                Err(mpsc::error::TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
    }

    /// When there is something to tell again; `None` while nothing waits.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        if self.waiting.is_empty() {
            return None;
        }
        Some(if self.blocked { now + TRY_AGAIN } else { self.window + PACE.1 })
    }
}

/// The same told as the latest values: of each device its last state, then what was on and is not any more, then
/// everything as it last was.
fn latest(events: VecDeque<FieldEvent>) -> VecDeque<FieldEvent> {
    let mut devices: Vec<Latest> = Vec::new();
    for event in events {
        let (FieldEvent::Batch { device, .. }
        | FieldEvent::Link { device, .. }
        | FieldEvent::Unconfirmed { device, .. }) = &event;
        let device = *device;
        let place = devices.iter().position(|latest| latest.device == device).unwrap_or_else(|| {
            devices.push(Latest { device, at: Moment::START, state: None, on: Vec::new(), last: Vec::new() });
            devices.len() - 1
        });
        devices[place].take(event);
    }
    devices.into_iter().flat_map(Latest::events).collect()
}

struct Latest {
    device: usize,
    at: Moment,
    state: Option<(Moment, LinkState)>,
    on: Vec<Reading>,
    last: Vec<Reading>,
}

impl Latest {
    fn take(&mut self, event: FieldEvent) {
        match event {
            FieldEvent::Batch { at, readings, .. } => {
                self.at = at;
                for reading in readings {
                    if is_on(&reading) {
                        put(&mut self.on, reading.clone());
                    }
                    put(&mut self.last, reading);
                }
            }
            FieldEvent::Link { at, state, .. } => self.state = Some((at, state)),
            // Only links with protective orders tell these, and they have no outbox.
            FieldEvent::Unconfirmed { .. } => {}
        }
    }

    fn events(self) -> Vec<FieldEvent> {
        let Self { device, at, state, on, last } = self;
        let gone = |reading: &Reading| last.iter().any(|later| later.point == reading.point && !is_on(later));
        let on: Vec<Reading> = on.into_iter().filter(gone).collect();
        let state = state.map(|(at, state)| FieldEvent::Link { device, at, state });
        let batch =
            |readings: Vec<Reading>| (!readings.is_empty()).then_some(FieldEvent::Batch { device, at, readings });
        state.into_iter().chain(batch(on)).chain(batch(last)).collect()
    }
}

fn is_on(reading: &Reading) -> bool {
    reading.value == Some(Value::Bool(true)) && reading.quality.is_good()
}

fn put(list: &mut Vec<Reading>, reading: Reading) {
    match list.iter_mut().find(|other: &&mut Reading| Arc::ptr_eq(&other.point, &reading.point)) {
        Some(other) => *other = reading,
        None => list.push(reading),
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::reading::Quality;

    use super::*;

    struct Points(Vec<Arc<str>>);

    impl Points {
        fn batch(&self, place: usize, value: Value, millis: u64) -> FieldEvent {
            let at = Moment::from_millis(millis);
            let reading = Reading { point: self.0[place].clone(), value: Some(value), quality: Quality::Good, at };
            FieldEvent::Batch { device: 3, at, readings: vec![reading] }
        }
    }

    fn points() -> Points {
        Points(vec!["counts".into(), "alarm".into()])
    }

    fn told(events: &mut mpsc::Receiver<FieldEvent>) -> Vec<String> {
        let mut list = Vec::new();
        while let Ok(event) = events.try_recv() {
            match event {
                FieldEvent::Batch { readings, .. } => {
                    let shown = readings.iter().map(|one| format!("{} {}", one.point, one.value.clone().unwrap()));
                    list.push(shown.collect::<Vec<_>>().join(", "));
                }
                FieldEvent::Link { state, .. } => list.push(format!("{state:?}")),
                FieldEvent::Unconfirmed { .. } => list.push("unconfirmed".to_owned()),
            }
        }
        list
    }

    #[test]
    fn everything_is_told_in_order_while_it_fits() {
        let (points, mut outbox) = (points(), Outbox::default());
        let (tx, mut rx) = mpsc::channel(10);
        for (place, number) in [1, 2, 3].into_iter().enumerate() {
            outbox.push(points.batch(0, Value::Int(number), place as u64));
        }
        outbox.tell(&tx, Moment::START);
        assert_eq!(told(&mut rx), ["counts 1", "counts 2", "counts 3"]);
        assert_eq!(outbox.next(Moment::START), None);
    }

    #[test]
    fn a_full_channel_is_never_waited_for_and_loses_nothing_short_of_two_minutes() {
        let (points, mut outbox) = (points(), Outbox::default());
        let (tx, mut rx) = mpsc::channel(2);
        for number in 0..40 {
            outbox.push(points.batch(0, Value::Int(number), 0));
            outbox.tell(&tx, Moment::START);
        }
        assert!(outbox.next(Moment::START).is_some());
        let mut list = told(&mut rx);
        while outbox.next(Moment::START).is_some() {
            outbox.tell(&tx, Moment::START);
            list.extend(told(&mut rx));
        }
        assert_eq!(list.len(), 40);
    }

    #[test]
    fn what_nobody_takes_is_told_as_the_latest_and_an_alarm_that_came_and_went_is_told_as_on_first() {
        let (points, mut outbox) = (points(), Outbox::default());
        let (tx, mut rx) = mpsc::channel(2_000);
        outbox.push(FieldEvent::Link { device: 3, at: Moment::START, state: LinkState::Up });
        let mut kept = Kept::Each;
        for number in 0..10_000 {
            if number == 500 {
                outbox.push(points.batch(1, Value::Bool(true), number));
                outbox.push(points.batch(1, Value::Bool(false), number));
            }
            let number = i64::try_from(number).unwrap();
            if outbox.push(points.batch(0, Value::Int(number), 0)) == Kept::Latest {
                kept = Kept::Latest;
            }
            assert!(outbox.waiting.len() <= WAITING_MAX);
        }
        assert_eq!(kept, Kept::Latest);
        let mut list = Vec::new();
        for window in 0..20 {
            outbox.tell(&tx, Moment::from_millis(window * 500));
            list.extend(told(&mut rx));
        }
        assert_eq!(list.last().unwrap(), "counts 9999");
        assert_eq!(list[0], "Up");
        let on = list.iter().position(|line| line.contains("alarm on")).expect("the alarm was told");
        let off = list.iter().position(|line| line.contains("alarm off")).unwrap();
        assert!(on < off, "{list:?}");
    }

    #[test]
    fn a_device_that_says_too_much_is_told_at_the_pace_of_the_lane() {
        let (points, mut outbox) = (points(), Outbox::default());
        let (tx, mut rx) = mpsc::channel(1_000);
        for number in 0..1_000 {
            outbox.push(points.batch(0, Value::Int(number), 0));
        }
        outbox.tell(&tx, Moment::START);
        outbox.tell(&tx, Moment::from_millis(249));
        assert_eq!(told(&mut rx).len(), 500);
        assert_eq!(outbox.next(Moment::from_millis(249)), Some(Moment::from_millis(250)));
        outbox.tell(&tx, Moment::from_millis(250));
        assert_eq!(told(&mut rx).len(), 500);
    }
}

//! What the thread that waits for the camera hands to the one that writes. Of frames only the newest: a reader that is
//! slow gets fewer, never older ones.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opencv::core::Mat;
use portside_devices::camera::Said;

/// Events that may wait; of more, the oldest are forgotten.
const EVENTS_MAX: usize = 16;

/// One frame.
#[derive(Debug)]
pub struct Shot {
    /// 8-bit BGR.
    pub pixels: Mat,
    /// When it came, since the machine was booted.
    pub captured: Duration,
    /// Its number, from 1.
    pub sequence: u64,
}

/// The next thing to write.
#[derive(Debug)]
pub enum Next {
    /// Something happened to the source.
    Event(Said),
    /// A frame came.
    Shot(Shot),
    /// Nothing within the time that was waited.
    Nothing,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Said>,
    shot: Option<Shot>,
    sequence: u64,
    /// By when the waiting thread will have come round.
    due: Option<Duration>,
}

/// The place between the two threads.
#[derive(Debug, Default)]
pub struct Slot {
    held: Mutex<Held>,
    news: Condvar,
}

impl Slot {
    /// The thread will be silent until `due` at the latest.
    pub fn announce(&self, due: Duration) {
        self.held().due = Some(due);
    }

    /// True when the thread has been silent for longer than it announced.
    pub fn is_overdue(&self, now: Duration) -> bool {
        self.held().due.is_some_and(|due| now > due)
    }

    /// Hands an event over.
    pub fn tell(&self, event: Said) {
        let mut held = self.held();
        if held.events.len() == EVENTS_MAX {
            held.events.pop_front();
        }
        held.events.push_back(event);
        self.news.notify_one();
    }

    /// Hands a frame over, in place of one that is still here.
    pub fn put(&self, pixels: Mat, captured: Duration) {
        let mut held = self.held();
        held.sequence += 1;
        held.shot = Some(Shot { pixels, captured, sequence: held.sequence });
        self.news.notify_one();
    }

    /// Waits for at most `wait`. Events go before frames.
    pub fn next(&self, wait: Duration) -> Next {
        let empty = |held: &mut Held| held.events.is_empty() && held.shot.is_none();
        let waited = self.news.wait_timeout_while(self.held(), wait, empty);
        let (mut held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match held.events.pop_front() {
            Some(event) => Next::Event(event),
            None => held.shot.take().map_or(Next::Nothing, Next::Shot),
        }
    }

    /// What is held is whole after any panic: each change is one assignment.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn a_slow_reader_gets_the_newest_frame_and_sees_how_many_it_missed() {
        let slot = Slot::default();
        for second in 1..=3 {
            slot.put(Mat::default(), Duration::from_secs(second));
        }
        let Next::Shot(shot) = slot.next(SOON) else { panic!("a frame was put") };
        assert_eq!((shot.sequence, shot.captured), (3, Duration::from_secs(3)));
        assert!(matches!(slot.next(SOON), Next::Nothing));
    }

    #[test]
    fn events_go_first_and_only_the_newest_are_kept() {
        let slot = Slot::default();
        slot.put(Mat::default(), Duration::ZERO);
        for number in 0..=EVENTS_MAX {
            slot.tell(Said::Lost { reason: number.to_string() });
        }
        let Next::Event(Said::Lost { reason }) = slot.next(SOON) else { panic!("an event was told") };
        assert_eq!(reason, "1");
        for _ in 1..EVENTS_MAX {
            assert!(matches!(slot.next(SOON), Next::Event(_)));
        }
        assert!(matches!(slot.next(SOON), Next::Shot(_)));
    }

    #[test]
    fn a_thread_that_stays_away_longer_than_it_said_is_overdue() {
        let slot = Slot::default();
        assert!(!slot.is_overdue(Duration::MAX));
        slot.announce(Duration::from_secs(5));
        assert!(!slot.is_overdue(Duration::from_secs(5)));
        assert!(slot.is_overdue(Duration::from_secs(6)));
    }
}

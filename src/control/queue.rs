//! What waits for the disk, in the order in which the lane gave it.
//!
//! ```text
//!  push ──► [Kept][Move][Answer][Kept][Move]… ──► ready: what stands before the first record that is not yet durable
//!                    └── withdraw: what protects takes back a close that has not left
//! ```
//! A disk may be slow for as long as it likes; a movement may not be late. One that comes out too old is handed back
//! as late: what it was decided on may no longer hold.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::call::Reply;
use super::machine::Waits;
use super::scribe::Ticket;
use crate::lane::{Note, Order};

/// A close that waited longer is not given: the lane may have changed its mind about guarding it.
const CLOSE_VALID: Duration = Duration::from_secs(1);
/// An opening that waited longer is not given: another subject may stand at the arm.
const OPEN_VALID: Duration = Duration::from_secs(3);

/// One thing in the queue.
pub(super) enum Step<O> {
    /// Records on their way to the disk, and what they were.
    Kept { ticket: Ticket, records: Vec<Note> },
    /// An order that waits for the records before it, and when the lane gave it.
    Move { order: O, given: Moment },
    /// An answer that waits for the records before it.
    Answer { ticket: u64, reply: Reply },
    /// A verdict key that can be erased.
    Forget(Arc<str>),
    /// A sender's file that became evidence.
    Taken(PathBuf),
}

/// What no record stands before any more.
pub(super) enum Ready<O> {
    /// Give this order.
    Move(O),
    /// This order waited too long and must not be given.
    Late(O),
    /// Answer.
    Answer { ticket: u64, reply: Reply },
    /// Erase a verdict key.
    Forget(Arc<str>),
    /// Move a sender's file away.
    Taken(PathBuf),
}

/// Everything that waits.
pub(super) struct Queue<O> {
    steps: VecDeque<Step<O>>,
}

impl<O> Default for Queue<O> {
    fn default() -> Self {
        Self { steps: VecDeque::new() }
    }
}

impl<O: Waits> Queue<O> {
    /// Puts one thing at the end.
    pub(super) fn push(&mut self, step: Step<O>) {
        self.steps.push_back(step);
    }

    /// Things that wait.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The records that everything else waits for.
    pub(super) fn ticket(&mut self) -> Option<&mut Ticket> {
        match self.steps.front_mut() {
            Some(Step::Kept { ticket, .. }) => Some(ticket),
            Some(Step::Move { .. } | Step::Answer { .. } | Step::Forget(_) | Step::Taken(_)) | None => None,
        }
    }

    /// The records that everything else waited for are durable.
    pub(super) fn kept(&mut self) -> Vec<Note> {
        match self.steps.pop_front() {
            Some(Step::Kept { records, .. }) => records,
            Some(other) => {
                self.steps.push_front(other);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// The next thing that waits for no record any more.
    pub(super) fn ready(&mut self, now: Moment) -> Option<Ready<O>> {
        match self.steps.pop_front()? {
            kept @ Step::Kept { .. } => {
                self.steps.push_front(kept);
                None
            }
            Step::Move { order, given } if now.since(given) > order.valid() => Some(Ready::Late(order)),
            Step::Move { order, .. } => Some(Ready::Move(order)),
            Step::Answer { ticket, reply } => Some(Ready::Answer { ticket, reply }),
            Step::Forget(inspection) => Some(Ready::Forget(inspection)),
            Step::Taken(path) => Some(Ready::Taken(path)),
        }
    }

    /// Takes back every movement that has not left and that `protective` contradicts; returns them.
    pub(super) fn withdraw(&mut self, protective: &O) -> Vec<O> {
        let mut withdrawn = Vec::new();
        self.steps.retain(|step| match step {
            Step::Move { order, .. } if order.withdrawn_by(protective) => {
                withdrawn.push(order.clone());
                false
            }
            Step::Move { .. } | Step::Kept { .. } | Step::Answer { .. } | Step::Forget(_) | Step::Taken(_) => true,
        });
        withdrawn
    }

    /// Whether a close waits that has not left.
    pub(super) fn holds_close(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Move { order, .. } if order.closes()))
    }

    /// The end: everything that is left, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Step<O>> + '_ {
        self.steps.drain(..)
    }
}

impl Waits for Order {
    fn valid(&self) -> Duration {
        match self {
            Self::Close { .. } => CLOSE_VALID,
            Self::Open => OPEN_VALID,
            // What takes a movement back is right at any time.
            Self::CloseOff | Self::Stop => Duration::MAX,
        }
    }

    /// Whatever protects takes a waiting close back; a stop takes a waiting opening back as well.
    fn withdrawn_by(&self, protective: &Self) -> bool {
        match self {
            Self::Close { .. } => true,
            Self::Open => matches!(protective, Self::Stop),
            Self::CloseOff | Self::Stop => false,
        }
    }

    fn closes(&self) -> bool {
        matches!(self, Self::Close { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: Order = Order::Close { renewal: 0 };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    /// A queue whose disk does not answer, with `order` behind its record.
    fn stalled(order: Order) -> Queue<Order> {
        let mut queue = Queue::default();
        queue.push(Step::Kept { ticket: Box::pin(std::future::pending()), records: Vec::new() });
        queue.push(Step::Move { order, given: at(0) });
        queue
    }

    fn orders(queue: &mut Queue<Order>, now: Moment) -> Vec<(Order, bool)> {
        std::iter::from_fn(|| queue.ready(now))
            .filter_map(|ready| match ready {
                Ready::Move(order) => Some((order, true)),
                Ready::Late(order) => Some((order, false)),
                Ready::Answer { .. } | Ready::Forget(_) | Ready::Taken(_) => None,
            })
            .collect()
    }

    #[test]
    fn nothing_leaves_before_the_records_in_front_of_it_are_durable() {
        let mut queue = stalled(Order::Open);
        assert!(orders(&mut queue, at(10)).is_empty());
        queue.kept();
        assert_eq!(orders(&mut queue, at(10)), [(Order::Open, true)]);
    }

    #[test]
    fn a_close_that_was_taken_back_while_the_disk_was_slow_never_leaves() {
        for protective in [Order::CloseOff, Order::Stop, Order::Open] {
            let mut queue = stalled(CLOSE);
            assert!(queue.holds_close());
            assert_eq!(queue.withdraw(&protective), [CLOSE]);
            queue.kept();
            assert!(orders(&mut queue, at(20)).is_empty(), "{protective:?}");
        }
    }

    #[test]
    fn a_stop_takes_a_waiting_opening_back_and_a_close_off_does_not() {
        let mut queue = stalled(Order::Open);
        assert_eq!(queue.withdraw(&Order::CloseOff), []);
        assert_eq!(queue.withdraw(&Order::Stop), [Order::Open]);
    }

    #[test]
    fn a_movement_that_waited_too_long_comes_out_as_late() {
        for (order, last) in [(CLOSE, 1000), (Order::Open, 3000)] {
            let mut queue = stalled(order);
            queue.kept();
            assert_eq!(orders(&mut queue, at(last)), [(order, true)]);
            let mut queue = stalled(order);
            queue.kept();
            assert_eq!(orders(&mut queue, at(last + 1)), [(order, false)]);
        }
    }
}

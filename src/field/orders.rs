//! What is to be written, and what of it goes first: protective orders, then the ends of pulses, then commands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::codec::Write;
use portside_devices::moment::Moment;
use portside_devices::reading::Value;
use tokio::sync::oneshot;

use super::Outcome;

/// One write of an order, already in the device's words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) point: usize,
    pub(super) value: Value,
    pub(super) write: Write,
}

/// An order that is tried once.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) device: usize,
    pub(super) steps: Vec<Step>,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// An order that is repeated until the device confirms it.
#[derive(Debug)]
pub(super) struct Protective {
    pub(super) device: usize,
    pub(super) steps: Vec<Step>,
    /// Steps that the device has confirmed.
    pub(super) confirmed: usize,
    pub(super) attempts: u32,
    pub(super) give_up: Option<Moment>,
    /// When it was last said that it is not confirmed.
    pub(super) told: Option<Moment>,
    not_before: Moment,
    replies: Vec<oneshot::Sender<Outcome>>,
}

impl Protective {
    pub(super) fn answer(self, outcome: &Outcome) {
        for reply in self.replies {
            // Whoever asked may be gone: the write was done all the same.
            let _ = reply.send(outcome.clone());
        }
    }
}

/// The end of a pulse, or an output to bring to rest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    pub(super) device: usize,
    pub(super) point: usize,
    pub(super) write: Write,
    due: Moment,
    attempts: u32,
}

/// What is to be written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Protective,
    End,
    Command,
    NotBefore(Moment),
    None,
}

#[derive(Debug, Default)]
pub(super) struct Orders {
    protective: VecDeque<Protective>,
    ends: Vec<End>,
    commands: VecDeque<Command>,
}

impl Orders {
    /// Takes a protective order in. It supersedes the device's waiting commands and every order that would be given
    /// up anyway: a reversal that has not been done when a stop comes must not be done after it.
    pub(super) fn protect(
        &mut self,
        device: usize,
        steps: Vec<Step>,
        give_up: Option<Moment>,
        reply: oneshot::Sender<Outcome>,
    ) {
        self.drop_commands(Some(device), "overtaken by a protective order");
        if let Some(same) = self.protective.iter_mut().find(|other| {
            other.device == device && other.steps == steps && other.confirmed == 0 && other.give_up.is_none()
        }) {
            same.replies.push(reply);
            return;
        }
        let overtaken = |other: &Protective| other.device == device && other.give_up.is_some();
        while let Some(index) = self.protective.iter().position(overtaken) {
            if let Some(order) = self.protective.remove(index) {
                order.answer(&Outcome::Unknown("overtaken by a later protective order".to_owned()));
            }
        }
        self.protective.push_back(Protective {
            device,
            steps,
            confirmed: 0,
            attempts: 0,
            give_up,
            told: None,
            not_before: Moment::START,
            replies: vec![reply],
        });
    }

    pub(super) fn command(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    /// True while a protective order for `device` waits to be confirmed.
    pub(super) fn protects(&self, device: usize) -> bool {
        self.protective.iter().any(|order| order.device == device)
    }

    /// True while something waits that must reach a device as soon as the link is back.
    pub(super) fn urgent(&self) -> bool {
        !self.protective.is_empty() || !self.ends.is_empty()
    }

    /// True while a protective order waits.
    pub(super) fn protecting(&self) -> bool {
        !self.protective.is_empty()
    }

    pub(super) fn next(&self, now: Moment) -> Next {
        if self.protective.iter().any(|order| order.not_before <= now) {
            return Next::Protective;
        }
        if self.ends.iter().any(|end| end.due <= now) {
            return Next::End;
        }
        if !self.commands.is_empty() {
            return Next::Command;
        }
        let waits = self.protective.iter().map(|order| order.not_before).chain(self.ends.iter().map(|end| end.due));
        waits.min().map_or(Next::None, Next::NotBefore)
    }

    /// The protective order whose turn it is; it comes back by [`Orders::again`] unless it was answered.
    pub(super) fn take_protective(&mut self, now: Moment) -> Option<Protective> {
        let index = self.protective.iter().position(|order| order.not_before <= now)?;
        self.protective.remove(index)
    }

    /// A protective order that could not be confirmed waits for its next attempt: the first few follow at once, then
    /// five a second, so that a dead unit leaves turns to the others of its link.
    pub(super) fn again(&mut self, mut order: Protective, now: Moment) {
        let wait = if order.attempts <= 3 { Duration::ZERO } else { Duration::from_millis(200) };
        order.not_before = now + wait;
        self.protective.push_front(order);
    }

    /// The end of a pulse that is due.
    pub(super) fn due_end(&self, now: Moment) -> Option<End> {
        self.ends.iter().filter(|end| end.due <= now).min_by_key(|end| end.due).cloned()
    }

    /// The pulse of `point` ends at `due`, whatever was planned for it before.
    pub(super) fn end_at(&mut self, device: usize, point: usize, write: Write, due: Moment) {
        self.ended(device, point);
        self.ends.push(End { device, point, write, due, attempts: 0 });
    }

    /// Nothing is left to end at `point`.
    pub(super) fn ended(&mut self, device: usize, point: usize) {
        self.ends.retain(|end| end.device != device || end.point != point);
    }

    /// An end that could not be written is tried again, ever more slowly down to every 2 s, and never forgotten.
    pub(super) fn end_again(&mut self, device: usize, point: usize, now: Moment) {
        for end in self.ends.iter_mut().filter(|end| end.device == device && end.point == point) {
            let wait = Duration::from_millis(50) * (1 << end.attempts.min(6));
            end.due = now + wait.min(Duration::from_secs(2));
            end.attempts += 1;
        }
    }

    /// The link is back: what waited for it does not wait any longer.
    pub(super) fn line_is_back(&mut self, now: Moment) {
        for order in &mut self.protective {
            order.not_before = order.not_before.min(now);
        }
        for end in self.ends.iter_mut().filter(|end| end.attempts > 0) {
            end.due = end.due.min(now);
        }
    }

    pub(super) fn take_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Answers waiting commands, of one device or of all, with the reason why they were not sent.
    pub(super) fn drop_commands(&mut self, device: Option<usize>, reason: &str) {
        let (dropped, kept): (Vec<_>, Vec<_>) =
            self.commands.drain(..).partition(|command| device.is_none_or(|device| command.device == device));
        self.commands = kept.into();
        for command in dropped {
            let _ = command.reply.send(Outcome::NotSent(reason.to_owned()));
        }
    }

    /// Answers the protective orders whose time has passed.
    pub(super) fn give_up(&mut self, now: Moment) {
        let over = |order: &Protective| order.give_up.is_some_and(|moment| moment <= now);
        while let Some(index) = self.protective.iter().position(over) {
            if let Some(order) = self.protective.remove(index) {
                order.answer(&Outcome::Unknown("not confirmed in its time".to_owned()));
            }
        }
    }

    /// The link ends: every pulse is due.
    pub(super) fn all_due(&mut self, now: Moment) {
        for end in &mut self.ends {
            end.due = end.due.min(now);
        }
    }
}

/// Shares one reason among many places.
pub(super) fn reason(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn step(point: usize, on: bool) -> Step {
        let address = u16::try_from(point).unwrap();
        Step { point, value: Value::Bool(on), write: Write::Coil { address, on } }
    }

    fn command(orders: &mut Orders, device: usize) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        orders.command(Command { device, steps: vec![step(0, true)], reply });
        outcome
    }

    fn protect(orders: &mut Orders, point: usize, give_up: Option<Moment>) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        orders.protect(0, vec![step(point, true)], give_up, reply);
        outcome
    }

    #[test]
    fn protection_goes_first_then_ends_of_pulses_then_commands() {
        let mut orders = Orders::default();
        let _waiting = command(&mut orders, 1);
        assert_eq!(orders.next(at(0)), Next::Command);
        orders.end_at(1, 0, Write::Coil { address: 0, on: false }, at(0));
        assert_eq!(orders.next(at(0)), Next::End);
        let _stop = protect(&mut orders, 1, None);
        assert_eq!(orders.next(at(0)), Next::Protective);
    }

    #[test]
    fn a_protective_order_takes_the_waiting_commands_of_its_device_and_no_others() {
        let mut orders = Orders::default();
        let (mut own, mut other) = (command(&mut orders, 0), command(&mut orders, 1));
        let _stop = protect(&mut orders, 1, None);
        assert!(matches!(own.try_recv(), Ok(Outcome::NotSent(_))));
        assert!(other.try_recv().is_err());
    }

    #[test]
    fn a_stop_supersedes_a_reversal_but_a_reversal_never_a_stop() {
        let mut orders = Orders::default();
        let mut open = protect(&mut orders, 0, Some(at(5_000)));
        let mut stop = protect(&mut orders, 1, None);
        assert!(matches!(open.try_recv(), Ok(Outcome::Unknown(_))));
        let _open = protect(&mut orders, 0, Some(at(5_000)));
        assert!(stop.try_recv().is_err());
        assert_eq!(orders.take_protective(at(0)).unwrap().steps[0].point, 1);
    }

    #[test]
    fn the_same_stop_asked_twice_is_done_once_and_answered_twice() {
        let mut orders = Orders::default();
        let (mut first, mut second) = (protect(&mut orders, 1, None), protect(&mut orders, 1, None));
        orders.take_protective(at(0)).unwrap().answer(&Outcome::Written);
        assert_eq!((first.try_recv(), second.try_recv()), (Ok(Outcome::Written), Ok(Outcome::Written)));
        assert_eq!(orders.next(at(0)), Next::None);
    }

    #[test]
    fn a_reversal_is_given_up_in_time_and_a_stop_never() {
        let mut orders = Orders::default();
        let mut stop = protect(&mut orders, 1, None);
        let mut open = protect(&mut orders, 0, Some(at(5_000)));
        orders.give_up(at(4_999));
        assert!(open.try_recv().is_err());
        orders.give_up(at(5_000));
        assert!(matches!(open.try_recv(), Ok(Outcome::Unknown(_))));
        orders.give_up(at(1_000_000));
        assert!(stop.try_recv().is_err());
    }

    #[test]
    fn an_end_that_fails_is_tried_again_ever_more_slowly_and_at_once_when_the_line_is_back() {
        let mut orders = Orders::default();
        orders.end_at(0, 3, Write::Coil { address: 3, on: false }, at(500));
        assert_eq!(orders.next(at(0)), Next::NotBefore(at(500)));
        let mut waits = Vec::new();
        for _ in 0..8 {
            orders.end_again(0, 3, at(1_000));
            let Next::NotBefore(next) = orders.next(at(0)) else { panic!() };
            waits.push(next.since(at(1_000)).as_millis());
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        orders.line_is_back(at(1_000));
        assert!(orders.due_end(at(1_000)).is_some());
        orders.ended(0, 3);
        assert_eq!(orders.next(at(9_999)), Next::None);
    }
}

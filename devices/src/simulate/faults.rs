//! Faults of a simulated link, on demand.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Response, Simulator};
use crate::moment::Moment;

/// What goes wrong with the answers of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer; the request is not carried out.
    Silent,
    /// The request is carried out, its answer is lost.
    AnswerLost,
    /// The request is carried out, its answer comes this much later.
    Late(Duration),
    /// This exception instead of an answer; the request is not carried out.
    Exception(u8),
    /// Registers are answered with this word, bits inverted.
    Wrong(u16),
}

/// The faults that are on, each for a number of requests or until it is taken off.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    by_unit: BTreeMap<u8, (Fault, Option<u32>)>,
}

impl Faults {
    /// Puts `fault` on `unit`, for `times` requests or for good.
    pub fn put(&mut self, unit: u8, fault: Fault, times: Option<u32>) {
        self.by_unit.insert(unit, (fault, times));
    }

    /// Takes the fault off `unit`.
    pub fn clear(&mut self, unit: u8) {
        self.by_unit.remove(&unit);
    }

    /// The fault that meets the next request to `unit`.
    fn take(&mut self, unit: u8) -> Option<Fault> {
        let (fault, times) = self.by_unit.get_mut(&unit)?;
        let found = fault.clone();
        if let Some(left) = times {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.by_unit.remove(&unit);
            }
        }
        Some(found)
    }

    /// Lets `site` answer through the faults: the answer, and how long it is held back.
    pub fn answer<S: Simulator + ?Sized>(
        &mut self,
        site: &mut S,
        now: Moment,
        unit: u8,
        request: &super::Request,
    ) -> Option<(Response, Duration)> {
        let prompt = |response| (response, Duration::ZERO);
        match self.take(unit) {
            None => site.answer(now, unit, request).map(prompt),
            Some(Fault::Silent) => None,
            Some(Fault::AnswerLost) => {
                site.answer(now, unit, request);
                None
            }
            Some(Fault::Late(wait)) => site.answer(now, unit, request).map(|response| (response, wait)),
            Some(Fault::Exception(code)) => Some(prompt(Response::Exception(code))),
            Some(Fault::Wrong(word)) => site.answer(now, unit, request).map(|response| prompt(spoil(response, word))),
        }
    }
}

fn spoil(response: Response, word: u16) -> Response {
    match response {
        Response::Bits(bits) => Response::Bits(bits.into_iter().map(|bit| !bit).collect()),
        Response::Words(words) => Response::Words(vec![word; words.len()]),
        Response::Written => Response::Written,
        Response::Exception(code) => Response::Exception(code),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, Request};
    use super::*;
    use crate::profile::Table;

    #[test]
    fn a_fault_lasts_as_many_requests_as_it_was_put_for() {
        let (mut faults, mut bank) = (Faults::default(), Bank::new(1, 10));
        let read = Request::Read { table: Table::Holding, start: 0, count: 1 };
        faults.put(1, Fault::Silent, Some(2));
        assert!(faults.answer(&mut bank, Moment::START, 1, &read).is_none());
        assert!(faults.answer(&mut bank, Moment::START, 1, &read).is_none());
        assert!(faults.answer(&mut bank, Moment::START, 1, &read).is_some());
    }

    #[test]
    fn a_lost_answer_is_carried_out_and_silence_is_not() {
        let (mut faults, mut bank) = (Faults::default(), Bank::new(1, 10));
        let write = |word| Request::WriteRegisters { start: 3, words: vec![word] };
        faults.put(1, Fault::Silent, Some(1));
        faults.answer(&mut bank, Moment::START, 1, &write(7));
        assert_eq!(bank.register(1, 3), Some(0));
        faults.put(1, Fault::AnswerLost, Some(1));
        assert!(faults.answer(&mut bank, Moment::START, 1, &write(7)).is_none());
        assert_eq!(bank.register(1, 3), Some(7));
    }
}

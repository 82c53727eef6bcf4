//! A bank of plain registers: N units of M registers, as benches and driver tests need it.

use super::{ILLEGAL_ADDRESS, Request, Response, Simulator};
use crate::moment::Moment;
use crate::profile::Table;

/// Units 1 to N with M registers each. Every table of a unit shows the same words; a bit is a word that is not 0.
#[derive(Clone, Debug)]
pub struct Bank {
    units: Vec<Vec<u16>>,
}

impl Bank {
    /// `units` units of `registers` registers, all 0.
    pub fn new(units: u8, registers: u16) -> Self {
        Self { units: vec![vec![0; usize::from(registers)]; usize::from(units)] }
    }

    fn unit(&mut self, unit: u8) -> Option<&mut Vec<u16>> {
        self.units.get_mut(usize::from(unit).checked_sub(1)?)
    }

    /// What a register holds.
    pub fn register(&self, unit: u8, address: u16) -> Option<u16> {
        self.units.get(usize::from(unit).checked_sub(1)?)?.get(usize::from(address)).copied()
    }

    /// Makes a register hold `word`; what the bank does not have stays as it is.
    pub fn set(&mut self, unit: u8, address: u16, word: u16) {
        if let Some(register) = self.unit(unit).and_then(|words| words.get_mut(usize::from(address))) {
            *register = word;
        }
    }
}

impl Simulator for Bank {
    fn answer(&mut self, _now: Moment, unit: u8, request: &Request) -> Option<Response> {
        let words = self.unit(unit)?;
        let (start, count) = match request {
            Request::Read { start, count, .. } => (*start, usize::from(*count)),
            Request::WriteCoils { start, bits } => (*start, bits.len()),
            Request::WriteRegisters { start, words } => (*start, words.len()),
        };
        let range = usize::from(start)..usize::from(start) + count;
        let Some(place) = words.get_mut(range) else { return Some(Response::Exception(ILLEGAL_ADDRESS)) };
        Some(match request {
            Request::Read { table: Table::Coil | Table::Discrete, .. } => {
                Response::Bits(place.iter().map(|word| *word != 0).collect())
            }
            Request::Read { table: Table::Holding | Table::Input, .. } => Response::Words(place.to_vec()),
            Request::WriteCoils { bits, .. } => {
                place.iter_mut().zip(bits).for_each(|(word, bit)| *word = u16::from(*bit));
                Response::Written
            }
            Request::WriteRegisters { words, .. } => {
                place.copy_from_slice(words);
                Response::Written
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_there_is_an_exception() {
        let mut bank = Bank::new(2, 4);
        let write = Request::WriteRegisters { start: 2, words: vec![5, 6] };
        assert_eq!(bank.answer(Moment::START, 2, &write), Some(Response::Written));
        let read = |start, count| Request::Read { table: Table::Input, start, count };
        assert_eq!(bank.answer(Moment::START, 2, &read(1, 3)), Some(Response::Words(vec![0, 5, 6])));
        assert_eq!(bank.answer(Moment::START, 2, &read(2, 3)), Some(Response::Exception(ILLEGAL_ADDRESS)));
        assert_eq!(bank.answer(Moment::START, 3, &read(0, 1)), None);
    }
}

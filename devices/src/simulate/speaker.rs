//! Simulated devices that speak in lines or frames, and the faults of their lines.

use std::time::Duration;

use crate::moment::Moment;

/// A simulated device on the other end of a line.
pub trait Speaker: Send + 'static {
    /// What it says by itself up to `now`, since it was last asked.
    fn speak(&mut self, now: Moment) -> Vec<u8>;

    /// When it will say something next; `None` for a device that only answers.
    fn next(&self) -> Option<Moment>;

    /// What it answers to bytes that came to it.
    fn hear(&mut self, now: Moment, bytes: &[u8]) -> Vec<u8>;
}

/// What goes wrong with what a device says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// Nothing comes through.
    Silent,
    /// It comes this much later.
    Late(Duration),
    /// One bit of it is turned round: the lowest of the byte at this place, counted round.
    Disturbed(usize),
    /// Only this many bytes of it come.
    Cut(usize),
    /// These bytes come before it.
    Noise(Vec<u8>),
    /// The line is hung up instead.
    HangUp,
}

/// What of a device's bytes comes out at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// These, so much later.
    Bytes(Vec<u8>, Duration),
    /// The line is hung up.
    HungUp,
}

/// The faults that are on, the first in the list first, each for a number of messages or for good.
#[derive(Clone, Debug, Default)]
pub struct LineFaults {
    list: Vec<(LineFault, Option<u32>)>,
}

impl LineFaults {
    /// Puts a fault behind those that are on, for `times` messages or for good.
    pub fn put(&mut self, fault: LineFault, times: Option<u32>) {
        self.list.push((fault, times));
    }

    /// Takes all faults off.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// What comes of `bytes` through the fault whose turn it is.
    pub fn pass(&mut self, mut bytes: Vec<u8>) -> Passed {
        let whole = |bytes| Passed::Bytes(bytes, Duration::ZERO);
        if bytes.is_empty() {
            return whole(bytes);
        }
        match self.take() {
            None => whole(bytes),
            Some(LineFault::Silent) => whole(Vec::new()),
            Some(LineFault::Late(wait)) => Passed::Bytes(bytes, wait),
            Some(LineFault::Disturbed(place)) => {
                let place = place % bytes.len();
                bytes[place] ^= 1;
                whole(bytes)
            }
            Some(LineFault::Cut(length)) => {
                bytes.truncate(length);
                whole(bytes)
            }
            Some(LineFault::Noise(mut noise)) => {
                noise.append(&mut bytes);
                whole(noise)
            }
            Some(LineFault::HangUp) => Passed::HungUp,
        }
    }

    fn take(&mut self) -> Option<LineFault> {
        let (fault, times) = self.list.first_mut()?;
        let found = fault.clone();
        if let Some(left) = times {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.list.remove(0);
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_one_after_the_other_and_end() {
        let mut faults = LineFaults::default();
        faults.put(LineFault::Cut(1), Some(2));
        faults.put(LineFault::Noise(vec![9]), Some(1));
        let mut passed = || match faults.pass(vec![1, 2]) {
            Passed::Bytes(bytes, _) => bytes,
            Passed::HungUp => panic!(),
        };
        assert_eq!([passed(), passed(), passed(), passed()], [vec![1], vec![1], vec![9, 1, 2], vec![1, 2]]);
    }
}

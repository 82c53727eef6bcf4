//! Infrared thermometers with a binary protocol, several on one line.

use super::Speaker;
use crate::moment::Moment;

/// Up to four thermometers, addresses 1 to 4.
#[derive(Clone, Debug, Default)]
pub struct Thermometers {
    /// Tenths of a degree of each that is there.
    pub tenths: Vec<i16>,
    heard: Vec<u8>,
}

impl Thermometers {
    /// Thermometers that show these tenths of a degree.
    pub const fn new(tenths: Vec<i16>) -> Self {
        Self { tenths, heard: Vec::new() }
    }

    fn answer(&self, address: u8, command: u8) -> Vec<u8> {
        let place = usize::from(address.wrapping_sub(0xB1));
        let Some(tenths) = self.tenths.get(place) else { return Vec::new() };
        match command {
            0x01 => (tenths + 1_000).to_be_bytes().to_vec(),
            0x04 => 950_u16.to_be_bytes().to_vec(),
            0x0F => 42_u16.to_be_bytes().to_vec(),
            0x0E => vec![0x01, 0x02, address],
            _ => Vec::new(),
        }
    }
}

impl Speaker for Thermometers {
    fn speak(&mut self, _: Moment) -> Vec<u8> {
        Vec::new()
    }

    fn next(&self) -> Option<Moment> {
        None
    }

    fn hear(&mut self, _: Moment, bytes: &[u8]) -> Vec<u8> {
        self.heard.extend(bytes);
        let mut answer = Vec::new();
        while self.heard.len() >= 2 {
            let asked: Vec<u8> = self.heard.drain(..2).collect();
            answer.extend(self.answer(asked[0], asked[1]));
        }
        answer
    }
}

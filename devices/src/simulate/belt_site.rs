//! The belt behind its modules: unit 1 the X-ray machine (`xray/generic-io`), unit 2 the light barriers (inputs 1 to 5
//! of an `io/waveshare-8ch`: entry, scan, decision, exit, examination), unit 3 the diverter (`diverter/generic-io`).

use std::time::Duration;

use super::belt::{Away, Belt, BeltSetup, Eye};
use super::{ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Request, Response, Simulator};
use crate::moment::Moment;
use crate::profile::Table;

const MACHINE: u8 = 1;
const EYES: u8 = 2;
const DIVERTER: u8 = 3;
const STEP: Duration = Duration::from_millis(5);

/// A belt that answers Modbus.
#[derive(Clone, Debug)]
pub struct BeltSite {
    belt: Belt,
    now: Moment,
    /// Outputs: belt stop, beam off, lead to the exit.
    coils: [bool; 3],
}

impl BeltSite {
    /// An empty belt that stands.
    pub const fn new(setup: BeltSetup) -> Self {
        Self { belt: Belt::new(setup), now: Moment::START, coils: [false; 3] }
    }

    /// The belt at `now`.
    pub fn at(&mut self, now: Moment) -> &mut Belt {
        while now.since(self.now) >= STEP {
            self.now = self.now + STEP;
            self.belt.advance(STEP);
            // What is held stopped does not run, whoever starts it.
            if self.coils[0] {
                self.belt.stop();
            }
            if self.coils[1] {
                self.belt.beam_off();
            }
        }
        &mut self.belt
    }

    /// Nothing holds the belt stopped.
    pub const fn is_free(&self) -> bool {
        !self.coils[0]
    }

    fn inputs(&self, unit: u8) -> [bool; 16] {
        let mut inputs = [false; 16];
        match unit {
            MACHINE => {
                inputs[0] = true; // the interlock chain is closed
                inputs[2] = self.belt.beam();
                inputs[3] = true;
                inputs[4] = self.belt.runs();
                inputs[5] = self.belt.backwards();
                inputs[6] = true;
            }
            EYES => {
                let eyes = [Eye::Entry, Eye::Scan, Eye::Decision, Eye::Exit, Eye::Examine];
                inputs.iter_mut().zip(eyes).for_each(|(input, eye)| *input = self.belt.sees(eye));
            }
            _ => (inputs[0], inputs[1]) = self.belt.limits(),
        }
        inputs
    }

    fn write(&mut self, unit: u8, start: u16, bits: &[bool]) -> Response {
        let (first, count) = match unit {
            MACHINE => (0, 2),
            DIVERTER => (2, 1),
            _ => return Response::Exception(ILLEGAL_FUNCTION),
        };
        let start = usize::from(start);
        if start + bits.len() > count {
            return Response::Exception(ILLEGAL_ADDRESS);
        }
        self.coils[first + start..first + start + bits.len()].copy_from_slice(bits);
        if self.coils[0] {
            self.belt.stop();
        }
        if self.coils[1] {
            self.belt.beam_off();
        }
        self.belt.lead(if self.coils[2] { Away::Exit } else { Away::Examine });
        Response::Written
    }
}

impl Simulator for BeltSite {
    fn answer(&mut self, now: Moment, unit: u8, request: &Request) -> Option<Response> {
        self.at(now);
        if !matches!(unit, MACHINE | EYES | DIVERTER) {
            return None;
        }
        Some(match request {
            Request::Read { table: Table::Discrete, start, count } => bits(&self.inputs(unit), *start, *count),
            Request::Read { table: Table::Coil, start, count } => match unit {
                MACHINE => bits(&self.coils[..2], *start, *count),
                DIVERTER => bits(&self.coils[2..], *start, *count),
                _ => bits(&[false; 8], *start, *count),
            },
            Request::WriteCoils { start, bits } => self.write(unit, *start, bits),
            Request::Read { .. } | Request::WriteRegisters { .. } => Response::Exception(ILLEGAL_FUNCTION),
        })
    }
}

fn bits(all: &[bool], start: u16, count: u16) -> Response {
    let range = usize::from(start)..usize::from(start) + usize::from(count);
    all.get(range).map_or(Response::Exception(ILLEGAL_ADDRESS), |bits| Response::Bits(bits.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_is_written_stops_the_belt_and_letting_it_go_starts_nothing() {
        let setup = BeltSetup {
            scan_mm: 800.0,
            source_mm: 400.0,
            decision_mm: 3_000.0,
            exit_mm: 4_200.0,
            blade: None,
            blade_travel: Duration::from_millis(500),
            speed: 200.0,
            picture_gap_mm: 60.0,
        };
        let mut site = BeltSite::new(setup);
        site.at(Moment::START).start();
        let running = Request::Read { table: Table::Discrete, start: 4, count: 1 };
        let write = |on| Request::WriteCoils { start: 0, bits: vec![on] };
        let now = Moment::from_millis;
        assert_eq!(site.answer(now(100), 1, &running), Some(Response::Bits(vec![true])));
        for on in [true, false] {
            assert_eq!(site.answer(now(200), 1, &write(on)), Some(Response::Written));
            assert_eq!(site.answer(now(300), 1, &running), Some(Response::Bits(vec![false])));
        }
        assert_eq!(site.answer(now(300), 9, &running), None);
    }
}

//! What a wire makes of an answer: faults of the line and of its devices, as bytes.

use std::time::Duration;

use super::Response;
use crate::modbus::{Asked, Framing, answer};

/// What is wrong with the next answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// No answer.
    Silent,
    /// The answer comes this much later.
    Late(Duration),
    /// The answer bears another unit's number.
    WrongUnit(u8),
    /// The checksum of a serial answer is wrong; on TCP its protocol number is.
    BadCheck,
    /// Bytes without sense instead of an answer.
    Garbage,
    /// The answer breaks off in the middle.
    Cut,
    /// The answer comes twice, as two devices of one unit id give it.
    Twice,
    /// The connection is ended instead of an answer.
    Drop,
    /// This exception instead of an answer.
    Exception(u8),
}

/// What goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// These bytes, after this time.
    Bytes(Duration, Vec<u8>),
    /// The end of the connection.
    End,
}

/// The answer as it goes out through a fault.
pub fn send(fault: Option<&WireFault>, framing: Framing, asked: &Asked, response: &Response) -> Sent {
    let good = || answer(framing, asked, response);
    let now = |bytes| Sent::Bytes(Duration::ZERO, bytes);
    match fault {
        None => now(good()),
        Some(WireFault::Silent) => Sent::Nothing,
        Some(WireFault::Late(wait)) => Sent::Bytes(*wait, good()),
        Some(WireFault::WrongUnit(unit)) => now(answer(framing, &Asked { unit: *unit, ..asked.clone() }, response)),
        Some(WireFault::BadCheck) => {
            let mut bytes = good();
            let place = if framing == Framing::Rtu { bytes.len() - 1 } else { 2 };
            bytes[place] ^= 0x55;
            now(bytes)
        }
        // What a receiver makes of the same bits at a wrong rate: seldom anything that begins like a frame.
        Some(WireFault::Garbage) => now(vec![0xE0, 0xFC, 0x1C, 0xFF, 0x00, 0xE3, 0x80]),
        Some(WireFault::Cut) => {
            let mut bytes = good();
            bytes.truncate(bytes.len() - 3);
            now(bytes)
        }
        Some(WireFault::Twice) => now([good(), good()].concat()),
        Some(WireFault::Drop) => Sent::End,
        Some(WireFault::Exception(code)) => now(answer(framing, asked, &Response::Exception(*code))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;
    use crate::modbus::{Heard, hear};
    use crate::profile::Table;

    #[test]
    fn each_fault_is_heard_as_what_it_is() {
        let asked = Asked::new(0, 3, Request::Read { table: Table::Holding, start: 0, count: 2 });
        let response = Response::Words(vec![1, 2]);
        let heard = |fault: WireFault| match send(Some(&fault), Framing::Rtu, &asked, &response) {
            Sent::Bytes(_, bytes) => Some(hear(Framing::Rtu, &asked, &bytes)),
            Sent::Nothing | Sent::End => None,
        };
        let answered = |response: &Response, extra| Some(Heard::Answer { response: response.clone(), extra });
        assert_eq!(heard(WireFault::Late(Duration::from_secs(1))), answered(&response, 0));
        assert_eq!(heard(WireFault::Twice), answered(&response, 9));
        assert_eq!(heard(WireFault::Exception(6)), answered(&Response::Exception(6), 0));
        assert_eq!(heard(WireFault::WrongUnit(4)), Some(Heard::OtherUnit(4)));
        assert_eq!(heard(WireFault::BadCheck), Some(Heard::BadCheck));
        assert_eq!(heard(WireFault::Garbage), Some(Heard::Foreign));
        assert_eq!(heard(WireFault::Cut), Some(Heard::Part));
        assert_eq!((heard(WireFault::Silent), heard(WireFault::Drop)), (None, None));
    }
}

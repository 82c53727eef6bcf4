//! Modbus frames as bytes, both ways: for what has to see the bytes themselves. A technician's tools must tell
//! another unit from another protocol, a bench simulator must be able to answer wrongly, a recording must be read.
//!
//! Frames: Modbus on TCP 1.0b, 3.1.3 (`transaction protocol length unit PDU`), and Modbus over serial line 1.02, 2.5.1
//! (`unit PDU crc`). PDUs: Modbus application protocol 1.1b3, 6.1 to 6.12.

use crate::profile::Table;
use crate::simulate::{Request, Response};

/// How a PDU is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Header of 7 bytes, with the number of the transaction.
    Tcp,
    /// Unit in front, CRC behind.
    Rtu,
}

/// One request on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Counts on TCP; 0 on RTU.
    pub transaction: u16,
    /// Unit id.
    pub unit: u8,
    /// Function code: 5 and 15 write the same coils, and are answered differently.
    pub function: u8,
    /// What is asked.
    pub request: Request,
}

impl Asked {
    /// A request with the function code that fits it: one coil or register is written by 5 and 6.
    pub fn new(transaction: u16, unit: u8, request: Request) -> Self {
        Self { transaction, unit, function: function(&request), request }
    }
}

/// What the bytes that came after a request are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing against them yet: more must come.
    Part,
    /// A whole answer to the request.
    Answer {
        /// What it says.
        response: Response,
        /// Bytes behind it, which nobody asked for.
        extra: usize,
    },
    /// A whole, sound answer of another unit.
    OtherUnit(u8),
    /// A whole, sound answer to another request: another function or transaction.
    OtherRequest,
    /// An answer of the right unit, function and length with a wrong checksum.
    BadCheck,
    /// A count or an echo that does not fit what was asked.
    Misfit(String),
    /// No Modbus of this framing.
    Foreign,
}

const fn function(request: &Request) -> u8 {
    match request {
        Request::Read { table: Table::Coil, .. } => 1,
        Request::Read { table: Table::Discrete, .. } => 2,
        Request::Read { table: Table::Holding, .. } => 3,
        Request::Read { table: Table::Input, .. } => 4,
        Request::WriteCoils { bits, .. } if bits.len() == 1 => 5,
        Request::WriteRegisters { words, .. } if words.len() == 1 => 6,
        Request::WriteCoils { .. } => 15,
        Request::WriteRegisters { .. } => 16,
    }
}

/// The bytes of a request.
pub fn request(framing: Framing, asked: &Asked) -> Vec<u8> {
    let mut pdu = vec![asked.function];
    match &asked.request {
        Request::Read { start, count, .. } => put(&mut pdu, &[*start, *count]),
        Request::WriteCoils { start, bits } if asked.function == 5 => put(&mut pdu, &[*start, coil_word(bits)]),
        Request::WriteRegisters { start, words } if asked.function == 6 => {
            put(&mut pdu, &[*start, words.first().copied().unwrap_or(0)]);
        }
        Request::WriteCoils { start, bits } => {
            put(&mut pdu, &[*start, low_word(bits.len())]);
            counted(&mut pdu, &packed(bits));
        }
        Request::WriteRegisters { start, words } => {
            put(&mut pdu, &[*start, low_word(words.len())]);
            counted(&mut pdu, &words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
        }
    }
    wrap(framing, asked.transaction, asked.unit, &pdu)
}

/// The bytes of an answer to `asked`.
pub fn answer(framing: Framing, asked: &Asked, response: &Response) -> Vec<u8> {
    let mut pdu = vec![asked.function];
    match (response, &asked.request) {
        (Response::Exception(code), _) => pdu = vec![asked.function | 0x80, *code],
        (Response::Bits(bits), _) => counted(&mut pdu, &packed(bits)),
        (Response::Words(words), _) => {
            counted(&mut pdu, &words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>());
        }
        (Response::Written, Request::WriteCoils { start, bits }) if asked.function == 5 => {
            put(&mut pdu, &[*start, coil_word(bits)]);
        }
        (Response::Written, Request::WriteRegisters { start, words }) if asked.function == 6 => {
            put(&mut pdu, &[*start, words.first().copied().unwrap_or(0)]);
        }
        (Response::Written, Request::WriteCoils { start, bits }) => put(&mut pdu, &[*start, low_word(bits.len())]),
        (Response::Written, Request::WriteRegisters { start, words }) => {
            put(&mut pdu, &[*start, low_word(words.len())]);
        }
        (Response::Written, Request::Read { start, count, .. }) => put(&mut pdu, &[*start, *count]),
    }
    wrap(framing, asked.transaction, asked.unit, &pdu)
}

fn wrap(framing: Framing, transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(pdu.len() + 8);
    match framing {
        Framing::Tcp => {
            put(&mut frame, &[transaction, 0, low_word(pdu.len() + 1)]);
            frame.push(unit);
            frame.extend_from_slice(pdu);
        }
        Framing::Rtu => {
            frame.push(unit);
            frame.extend_from_slice(pdu);
            let check = crc(&frame);
            frame.extend_from_slice(&check.to_le_bytes());
        }
    }
    frame
}

fn put(bytes: &mut Vec<u8>, words: &[u16]) {
    bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

fn counted(pdu: &mut Vec<u8>, data: &[u8]) {
    pdu.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
    pdu.extend_from_slice(data);
}

fn coil_word(bits: &[bool]) -> u16 {
    if bits.first() == Some(&true) { 0xFF00 } else { 0 }
}

fn low_word(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn packed(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

fn unpacked(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect()
}

/// The checksum of a serial frame (polynomial 0xA001, reflected; sent low byte first).
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// A frame taken apart as far as its wrapping goes.
struct Frame<'a> {
    transaction: u16,
    unit: u8,
    pdu: &'a [u8],
    /// The checksum agrees; always on TCP.
    sound: bool,
    length: usize,
}

/// The first frame of `bytes`: `Ok(None)` while more must come, `Err` where there is none.
fn frame(framing: Framing, bytes: &[u8], pdu_length: impl Fn(&[u8]) -> Length) -> Result<Option<Frame<'_>>, ()> {
    match framing {
        Framing::Tcp => {
            // What cannot be a header is foreign as soon as its third byte is there, not when seven are.
            if bytes.get(2).is_some_and(|byte| *byte != 0) || bytes.get(3).is_some_and(|byte| *byte != 0) {
                return Err(());
            }
            let Some(header) = bytes.get(..7) else { return Ok(None) };
            let length = usize::from(word(header, 4));
            if !(3..=254).contains(&length) {
                return Err(());
            }
            let Some(pdu) = bytes.get(7..6 + length) else { return Ok(None) };
            Ok(Some(Frame { transaction: word(header, 0), unit: header[6], pdu, sound: true, length: 6 + length }))
        }
        Framing::Rtu => {
            let Some((unit, rest)) = bytes.split_first() else { return Ok(None) };
            let length = match pdu_length(rest) {
                Length::Is(length) => length,
                Length::More => return Ok(None),
                Length::None => return Err(()),
            };
            let (Some(pdu), Some(check)) = (rest.get(..length), rest.get(length..length + 2)) else { return Ok(None) };
            let sound = crc(&bytes[..=length]).to_le_bytes() == *check;
            Ok(Some(Frame { transaction: 0, unit: *unit, pdu, sound, length: length + 3 }))
        }
    }
}

/// How long a PDU is that begins like this.
enum Length {
    Is(usize),
    More,
    None,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes.get(at).copied().unwrap_or(0), bytes.get(at + 1).copied().unwrap_or(0)])
}

fn answer_length(pdu: &[u8]) -> Length {
    match (pdu.first(), pdu.get(1)) {
        (None, _) => Length::More,
        (Some(0x81..=0xAB), _) => Length::Is(2),
        (Some(1..=4), Some(count)) => Length::Is(2 + usize::from(*count)),
        (Some(1..=4), None) => Length::More,
        (Some(5 | 6 | 15 | 16), _) => Length::Is(5),
        (Some(_), _) => Length::None,
    }
}

fn request_length(pdu: &[u8]) -> Length {
    match (pdu.first(), pdu.get(5)) {
        (None, _) => Length::More,
        (Some(1..=6), _) => Length::Is(5),
        (Some(15 | 16), Some(count)) => Length::Is(6 + usize::from(*count)),
        (Some(15 | 16), None) => Length::More,
        (Some(_), _) => Length::None,
    }
}

/// What `bytes`, everything that came since `asked` was sent, are. Never panics, whatever came.
pub fn hear(framing: Framing, asked: &Asked, bytes: &[u8]) -> Heard {
    let frame = match frame(framing, bytes, answer_length) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Heard::Part,
        Err(()) => return Heard::Foreign,
    };
    let code = frame.pdu.first().copied().unwrap_or(0);
    let fits = code & 0x7F == asked.function;
    if !frame.sound {
        return if frame.unit == asked.unit && fits { Heard::BadCheck } else { Heard::Foreign };
    }
    if framing == Framing::Tcp && frame.transaction != asked.transaction {
        return Heard::OtherRequest;
    }
    if frame.unit != asked.unit {
        return Heard::OtherUnit(frame.unit);
    }
    if !fits {
        return Heard::OtherRequest;
    }
    match response(asked, frame.pdu) {
        Ok(response) => Heard::Answer { response, extra: bytes.len() - frame.length },
        Err(why) => Heard::Misfit(why),
    }
}

fn response(asked: &Asked, pdu: &[u8]) -> Result<Response, String> {
    let (code, body) = pdu.split_first().map_or((0, pdu), |(code, body)| (*code, body));
    if code & 0x80 != 0 {
        return body.first().map(|code| Response::Exception(*code)).ok_or_else(|| "an exception without code".into());
    }
    match &asked.request {
        Request::Read { table, count, .. } => {
            let (said, data) = body.split_first().map_or((0, body), |(said, data)| (usize::from(*said), data));
            let count = usize::from(*count);
            let wanted = if table.is_bits() { count.div_ceil(8) } else { count * 2 };
            if said != wanted || data.len() != wanted {
                return Err(format!("it says {said} bytes and carries {}, {wanted} were asked for", data.len()));
            }
            if table.is_bits() {
                let mut bits = unpacked(data);
                bits.truncate(count);
                return Ok(Response::Bits(bits));
            }
            Ok(Response::Words(data.chunks_exact(2).map(|pair| word(pair, 0)).collect()))
        }
        Request::WriteCoils { start, .. } | Request::WriteRegisters { start, .. } => {
            let sent = request(Framing::Tcp, asked);
            let echo = &sent[8..12.min(sent.len())];
            if body == echo { Ok(Response::Written) } else { Err(format!("the echo of the write to {start} differs")) }
        }
    }
}

/// What a device makes of the bytes that reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// More must come.
    Part,
    /// A whole request, in so many bytes.
    Asked(Asked, usize),
    /// A whole frame of a function that no device here has, in so many bytes.
    Unknown {
        /// With an empty read in it: only transaction, unit and function count.
        asked: Asked,
        /// Bytes of the frame.
        length: usize,
    },
    /// Nothing that could be a request.
    Foreign,
}

/// The first request in `bytes`. Never panics, whatever came.
pub fn receive(framing: Framing, bytes: &[u8]) -> Received {
    let frame = match frame(framing, bytes, request_length) {
        Ok(Some(frame)) if frame.sound => frame,
        Ok(None) => return Received::Part,
        Ok(Some(_)) | Err(()) => return Received::Foreign,
    };
    let function = frame.pdu.first().copied().unwrap_or(0);
    let asked = |request| Asked { transaction: frame.transaction, unit: frame.unit, function, request };
    let (start, count, rest) = (word(frame.pdu, 1), word(frame.pdu, 3), frame.pdu.get(6..).unwrap_or(&[]));
    let whole = frame.pdu.len() >= 5;
    let read = |table| Some(Request::Read { table, start, count });
    let request = match function {
        1 => read(Table::Coil),
        2 => read(Table::Discrete),
        3 => read(Table::Holding),
        4 => read(Table::Input),
        5 => Some(Request::WriteCoils { start, bits: vec![count == 0xFF00] }),
        6 => Some(Request::WriteRegisters { start, words: vec![count] }),
        15 if rest.len() == usize::from(count).div_ceil(8) => {
            let mut bits = unpacked(rest);
            bits.truncate(usize::from(count));
            Some(Request::WriteCoils { start, bits })
        }
        16 if rest.len() == usize::from(count) * 2 => {
            Some(Request::WriteRegisters { start, words: rest.chunks_exact(2).map(|pair| word(pair, 0)).collect() })
        }
        _ => None,
    };
    match request.filter(|_| whole) {
        Some(request) => Received::Asked(asked(request), frame.length),
        None => {
            let asked = asked(Request::Read { table: Table::Holding, start: 0, count: 0 });
            Received::Unknown { asked, length: frame.length }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(table: Table, start: u16, count: u16) -> Request {
        Request::Read { table, start, count }
    }

    #[test]
    fn a_serial_read_is_the_bytes_of_the_specification() {
        // unit 0x11, function 3, start 0x006B, count 3, CRC 0x8776 low byte first (Modicon PI-MBUS-300, CRC example).
        let asked = Asked::new(0, 0x11, read(Table::Holding, 0x6B, 3));
        assert_eq!(request(Framing::Rtu, &asked), [0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87]);
    }

    #[test]
    fn a_tcp_answer_is_heard_only_for_its_own_request() {
        let asked = Asked::new(7, 1, read(Table::Input, 0, 1));
        // transaction 7, protocol 0, length 5, unit 1, function 4, 2 bytes, 0x1234
        let good = [0, 7, 0, 0, 0, 5, 1, 4, 2, 0x12, 0x34];
        let answered = Heard::Answer { response: Response::Words(vec![0x1234]), extra: 0 };
        assert_eq!(hear(Framing::Tcp, &asked, &good), answered);
        for (at, byte, heard) in [
            (1, 8, Heard::OtherRequest),
            (6, 2, Heard::OtherUnit(2)),
            (7, 3, Heard::OtherRequest),
            (8, 4, Heard::Misfit("it says 4 bytes and carries 2, 2 were asked for".into())),
            (2, 1, Heard::Foreign),
        ] {
            let mut bytes = good;
            bytes[at] = byte;
            assert_eq!(hear(Framing::Tcp, &asked, &bytes), heard, "byte {at}");
        }
        assert_eq!(hear(Framing::Tcp, &asked, &good[..10]), Heard::Part);
        assert_eq!(hear(Framing::Tcp, &asked, b"SSH-2.0-dropbear\r\n"), Heard::Foreign);
    }

    #[test]
    fn a_serial_answer_tells_a_wrong_check_from_another_unit_and_from_noise() {
        let asked = Asked::new(0, 3, read(Table::Discrete, 0, 3));
        let mut good = answer(Framing::Rtu, &asked, &Response::Bits(vec![true, false, true]));
        assert_eq!(good[..4], [3, 2, 1, 0b101]);
        let second = good.clone();
        let doubled = [good.clone(), second].concat();
        let response = Response::Bits(vec![true, false, true]);
        assert_eq!(hear(Framing::Rtu, &asked, &doubled), Heard::Answer { response, extra: 6 });
        let other = answer(Framing::Rtu, &Asked { unit: 4, ..asked.clone() }, &Response::Exception(2));
        assert_eq!(hear(Framing::Rtu, &asked, &other), Heard::OtherUnit(4));
        good[4] ^= 0xFF;
        assert_eq!(hear(Framing::Rtu, &asked, &good), Heard::BadCheck);
        assert_eq!(hear(Framing::Rtu, &asked, &[0xE0, 0x7C, 0xFF]), Heard::Foreign);
    }

    fn requests() -> impl Strategy<Value = Request> {
        let tables = prop_oneof![Just(Table::Coil), Just(Table::Discrete), Just(Table::Holding), Just(Table::Input)];
        prop_oneof![
            (tables, any::<u16>(), 1_u16..125).prop_map(|(table, start, count)| read(table, start, count)),
            (any::<u16>(), proptest::collection::vec(any::<bool>(), 1..100))
                .prop_map(|(start, bits)| Request::WriteCoils { start, bits }),
            (any::<u16>(), proptest::collection::vec(any::<u16>(), 1..100))
                .prop_map(|(start, words)| Request::WriteRegisters { start, words }),
        ]
    }

    fn fitting(request: &Request) -> Response {
        match request {
            Request::Read { table: Table::Coil | Table::Discrete, count, .. } => {
                Response::Bits((0..*count).map(|at| at % 3 == 0).collect())
            }
            Request::Read { table: Table::Holding | Table::Input, count, .. } => Response::Words((0..*count).collect()),
            Request::WriteCoils { .. } | Request::WriteRegisters { .. } => Response::Written,
        }
    }

    proptest! {
        #[test]
        fn what_one_side_sends_the_other_receives(request_ in requests(), unit in 1_u8..248, transaction: u16) {
            for framing in [Framing::Tcp, Framing::Rtu] {
                let transaction = if framing == Framing::Tcp { transaction } else { 0 };
                let asked = Asked::new(transaction, unit, request_.clone());
                let sent = request(framing, &asked);
                prop_assert_eq!(receive(framing, &sent), Received::Asked(asked.clone(), sent.len()));
                prop_assert_eq!(receive(framing, &sent[..sent.len() - 1]), Received::Part);
                let response = fitting(&request_);
                let back = answer(framing, &asked, &response);
                prop_assert_eq!(hear(framing, &asked, &back), Heard::Answer { response, extra: 0 });
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), request_ in requests()) {
            for framing in [Framing::Tcp, Framing::Rtu] {
                receive(framing, &bytes);
                hear(framing, &Asked::new(0, 1, request_.clone()), &bytes);
            }
        }
    }
}

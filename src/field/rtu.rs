//! Modbus RTU: one request and its answer on a bus where nothing says which request an answer belongs to.
//!
//! ```text
//!        silence ≥ gap     request      answer, whole       silence ≥ gap
//!   Idle ─────────────► … ─────────► … ───────────────► … ───────────────► accepted
//!                                     │ another unit, function or length, bad CRC,
//!                                     │ a byte too many, nothing in time
//!                                     ▼
//!                                   foul: nobody is asked for `quiet`, what comes meanwhile is dropped
//! ```
//! tokio-modbus checks unit and function alone, skips noise byte by byte, and leaves in the port what comes late: a
//! late answer becomes the next request's. So it sees here only telegrams that [`verdict`] has found to answer the
//! very request: it packs and unpacks them, on a pipe that exists for one request.
//!
//! What this cannot know: an answer that is later than time-out and `quiet` together, and fits the next request of the
//! same unit in function and length. `quiet` has to be longer than the slowest device of the bus.

use std::io;
use std::time::Duration;

use portside_devices::moment::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_modbus::client::{Client, rtu};
use tokio_modbus::slave::Slave;
use tokio_modbus::{ExceptionCode, Request, Response};

use super::medium::{Medium, Stream};
use super::wire::Fault;
use crate::clock::Clock;

/// Longest telegram (Modbus over serial line 1.02, 2.5.1).
const TELEGRAM_MAX: usize = 256;
/// How long a bus may keep talking before a request is given up.
const BABBLE_MAX: Duration = Duration::from_millis(500);

/// A serial bus, or what a gateway passes on of one.
#[derive(Debug)]
pub(super) struct Rtu {
    stream: Stream,
    clock: Clock,
    character: Duration,
    gap: Duration,
    quiet: Duration,
    /// When the last byte was sent or seen.
    active: Moment,
    /// Before this moment only what protects may ask.
    not_before: Moment,
    /// Bytes that came when none were due.
    stray: u64,
}

impl Rtu {
    /// A bus that was just opened: what it still carries belongs to requests of whoever had it before.
    pub(super) fn new(stream: Stream, medium: &Medium, clock: Clock) -> Self {
        let (character, gap, quiet) = match medium {
            Medium::Serial(serial) => (serial.character(), serial.gap, serial.quiet),
            Medium::RtuOverTcp { gap, quiet, .. } => (portside_devices::plan::character(9_600, 11), *gap, *quiet),
            Medium::Tcp { .. } => (Duration::ZERO, Duration::ZERO, Duration::ZERO),
        };
        let now = clock.moment();
        Self { stream, clock, character, gap, quiet, active: now, not_before: now + quiet, stray: 0 }
    }

    /// A request has failed or was dropped: whatever it may still bring must be over before the next.
    pub(super) fn spoil(&mut self) {
        self.not_before = self.clock.moment() + self.quiet;
    }

    pub(super) const fn not_before(&self) -> Moment {
        self.not_before
    }

    /// How long the telegrams of a request are on their way, gaps included.
    pub(super) fn transmission(&self, characters: u32) -> Duration {
        self.character * characters + self.gap * 2
    }

    /// Bytes that came when none were due, since the last call.
    pub(super) fn take_stray(&mut self) -> u64 {
        std::mem::take(&mut self.stray)
    }

    /// One request and its answer. After an error, and when the future is dropped, the bus is to be spoilt.
    pub(super) async fn exchange(
        &mut self,
        unit: u8,
        request: Request<'_>,
    ) -> Result<Result<Response, ExceptionCode>, Fault> {
        let (near, mut far) = tokio::io::duplex(2 * TELEGRAM_MAX);
        let mut context = rtu::attach_slave(near, Slave(unit));
        let carried = async {
            let mut telegram = [0; TELEGRAM_MAX];
            // It was written as one piece, into a pipe that has room for it.
            let length = far.read(&mut telegram).await.map_err(|error| Fault::Foul(error.to_string()))?;
            let answer = self.converse(&telegram[..length]).await?;
            far.write_all(&answer).await.map_err(|error| Fault::Foul(error.to_string()))
        };
        let called = async { context.call(request).await.map_err(|error| Fault::Foul(error.to_string())) };
        let (answer, ()) = tokio::try_join!(called, carried)?;
        Ok(answer)
    }

    /// Sends a telegram into silence and waits for the one that answers it, and for the silence behind it.
    async fn converse(&mut self, request: &[u8]) -> Result<Vec<u8>, Fault> {
        let gone = gone(&self.stream);
        self.silence().await?;
        self.stream.write_all(request).await.map_err(&gone)?;
        self.stream.flush().await.map_err(&gone)?;
        self.active = self.clock.moment();
        let (mut came, mut buffer) = (Vec::new(), [0; TELEGRAM_MAX]);
        loop {
            let judged = match verdict(request, &came) {
                Verdict::More => None,
                Verdict::Whole => Some(Ok(())),
                Verdict::Wrong(why) => Some(Err(why)),
            };
            let read = match judged {
                None => self.stream.read(&mut buffer).await.map_err(&gone)?,
                // A telegram ends with the silence behind it; what is none is heard to its end too, to be named whole.
                Some(judged) => match timeout(self.gap, self.stream.read(&mut buffer)).await {
                    Ok(read) => read.map_err(&gone)?,
                    Err(_) => return judged.map(|()| came).map_err(Fault::Foul),
                },
            };
            self.active = self.clock.moment();
            came.extend_from_slice(&buffer[..read]);
            came.truncate(2 * TELEGRAM_MAX);
        }
    }

    /// Waits until nothing has been on the bus for the gap, and drops what was.
    async fn silence(&mut self) -> Result<(), Fault> {
        let gone = gone(&self.stream);
        let (began, mut buffer) = (self.clock.moment(), [0; TELEGRAM_MAX]);
        loop {
            let now = self.clock.moment();
            if now.since(began) > BABBLE_MAX {
                return Err(Fault::Foul(
                    "the bus is never silent: another master on it, another baud rate, or noise".to_owned(),
                ));
            }
            let came = match self.gap.checked_sub(now.since(self.active)).filter(|rest| !rest.is_zero()) {
                Some(rest) => match timeout(rest, self.stream.read(&mut buffer)).await {
                    Ok(read) => read.map_err(&gone)?,
                    Err(_) => 0,
                },
                None => match self.stream.drain().map_err(&gone)? {
                    0 => return Ok(()),
                    came => came,
                },
            };
            if came > 0 {
                self.stray += u64::try_from(came).unwrap_or(u64::MAX);
                self.active = self.clock.moment();
            }
        }
    }
}

/// What it means that the stream has ended.
fn gone(medium: &Stream) -> impl Fn(io::Error) -> Fault + use<> {
    let what = match medium {
        Stream::Serial(_) => "the serial port hung up: its adapter was unplugged or has no power",
        Stream::Tcp(_) => "the gateway to the bus has ended the connection",
    };
    move |error| Fault::Gone(format!("{what} ({error})"))
}

/// What the bytes that have come are to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The beginning of its answer.
    More,
    /// Its answer.
    Whole,
    /// Not its answer, and why not.
    Wrong(String),
}

/// Holds `came` against `request`, both as they are on the wire: unit, function, data, CRC.
///
/// An answer has the request's unit and function, the length that the request asks for (or that of an exception), a
/// CRC that holds, and nothing in front of it or behind it.
pub fn verdict(request: &[u8], came: &[u8]) -> Verdict {
    let (Some(length), &[unit, function, ..]) = (answer_length(request), request) else {
        return Verdict::Wrong("the request itself is not one".to_owned());
    };
    let exception = came.get(1) == Some(&(function | 0x80));
    let length = if exception { 5 } else { length };
    let begins = came.iter().zip([unit, if exception { function | 0x80 } else { function }]);
    let counted = exception || function > 4 || came.get(2).is_none_or(|bytes| usize::from(*bytes) == length - 5);
    if begins.into_iter().all(|(came, due)| *came == due) && counted && came.len() <= length {
        if came.len() < length {
            return Verdict::More;
        }
        let (data, sum) = came.split_at(length - 2);
        if crc(data).to_le_bytes() == sum {
            return Verdict::Whole;
        }
    }
    Verdict::Wrong(why_not(request, came, length))
}

/// Names the cause where the bytes show one.
fn why_not(request: &[u8], came: &[u8], length: usize) -> String {
    let sound = |telegram: &[u8]| {
        telegram.len() > 3 && crc(&telegram[..telegram.len() - 2]).to_le_bytes() == telegram[telegram.len() - 2..]
    };
    if came.len() > request.len() && came.starts_with(request) {
        return "the request itself came back in front of the answer: switch off the adapter's echo".to_owned();
    }
    if came == request {
        return "the request itself came back and no answer: the adapter echoes, or its wires are joined".to_owned();
    }
    if came.len() > length && sound(&came[..length]) {
        return format!("{} bytes came behind the answer: two units with one id, or noise", came.len() - length);
    }
    if sound(came) && came[0] != request[0] {
        return format!("unit {} answers what unit {} was asked", came[0], request[0]);
    }
    if sound(came) {
        return format!("{} bytes came that are sound, but not an answer to this request", came.len());
    }
    format!(
        "{} bytes came whose checksum is wrong: another baud rate or parity, a bad wire, or two at once",
        came.len()
    )
}

/// How long the answer to a request is; `None` where it is not one that is asked here.
fn answer_length(request: &[u8]) -> Option<usize> {
    let &[_, function, _, _, high, low, ..] = request else { return None };
    let count = usize::from(u16::from_be_bytes([high, low]));
    match function {
        1 | 2 => Some(5 + count.div_ceil(8)),
        3 | 4 => Some(5 + 2 * count),
        5 | 6 | 15 | 16 => Some(8),
        _ => None,
    }
}

/// CRC-16 of Modbus (over serial line 1.02, 6.2.2), sent low byte first.
fn crc(data: &[u8]) -> u16 {
    data.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xA001 } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit 17, read holding registers 107 to 109.
    const ASK: &[u8] = &[17, 3, 0, 107, 0, 3, 0x76, 0x87];
    const ANSWER: &[u8] = &[17, 3, 6, 0xAE, 0x41, 0x56, 0x52, 0x43, 0x40, 0x49, 0xAD];

    fn sealed(telegram: &[u8]) -> Vec<u8> {
        [telegram, &crc(telegram).to_le_bytes()].concat()
    }

    fn wrong(came: &[u8]) -> String {
        match verdict(ASK, came) {
            Verdict::Wrong(why) => why,
            verdict @ (Verdict::More | Verdict::Whole) => panic!("{came:?} is {verdict:?}"),
        }
    }

    #[test]
    fn an_answer_is_accepted_once_it_is_whole_and_not_before() {
        assert_eq!(sealed(&ASK[..6]), ASK);
        assert_eq!(sealed(&ANSWER[..9]), ANSWER);
        for length in 0..ANSWER.len() {
            assert_eq!(verdict(ASK, &ANSWER[..length]), Verdict::More, "{length}");
        }
        assert_eq!(verdict(ASK, ANSWER), Verdict::Whole);
        let exception = sealed(&[17, 0x83, 2]);
        assert_eq!(verdict(ASK, &exception[..4]), Verdict::More);
        assert_eq!(verdict(ASK, &exception), Verdict::Whole);
    }

    #[test]
    fn no_single_wrong_bit_is_accepted() {
        for bit in 0..ANSWER.len() * 8 {
            let mut came = ANSWER.to_vec();
            came[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(verdict(ASK, &came), Verdict::Wrong(_) | Verdict::More), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_likely_cause() {
        assert!(wrong(&[ANSWER, &[0]].concat()).contains("behind the answer"));
        assert!(wrong(&sealed(&[18, 3, 6, 0, 0, 0, 0, 0, 0])).contains("unit 18 answers what unit 17"));
        assert!(wrong(&sealed(&[17, 4, 6, 0, 0, 0, 0, 0, 0])).contains("not an answer to this request"));
        assert!(wrong(&sealed(&[17, 3, 4, 0, 0, 0, 0])).contains("not an answer to this request"));
        assert!(wrong(&[&[0xFF], ANSWER].concat()).contains("checksum"));
        assert!(wrong(&[ASK, ANSWER].concat()).contains("echo"));
        assert!(wrong(ASK).contains("echo"));
    }

    #[test]
    fn bits_and_writes_have_their_own_lengths() {
        let coils = sealed(&[1, 1, 0, 0, 0, 9]);
        assert_eq!(verdict(&coils, &sealed(&[1, 1, 2, 0xFF, 1])), Verdict::Whole);
        assert!(matches!(verdict(&coils, &sealed(&[1, 1, 1, 0xFF])), Verdict::Wrong(_)));
        let write = sealed(&[1, 5, 0, 2, 0xFF, 0]);
        assert_eq!(verdict(&write, &write), Verdict::Whole, "a write is confirmed by its echo");
        let several = sealed(&[1, 16, 0, 1, 0, 2, 4, 0, 1, 0, 2]);
        assert_eq!(verdict(&several, &sealed(&[1, 16, 0, 1, 0, 2])), Verdict::Whole);
    }

    proptest::proptest! {
        #[test]
        fn bytes_at_random_are_judged_without_a_panic(
            request in proptest::collection::vec(0_u8.., 0..20),
            came in proptest::collection::vec(0_u8.., 0..300),
        ) {
            let _ = verdict(&request, &came);
        }
    }
}

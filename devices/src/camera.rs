//! What the process that watches one camera says on its standard output: one message after the other, each a header of
//! 40 bytes and a payload. Numbers are big-endian.
//!
//! ```text
//!   0  4  magic "PSV1"
//!   4  1  kind      1 frame, 2 heartbeat, 3 opened, 4 lost, 5 ended
//!   5  1  flags     of the picture: bit 0 frozen, 1 black, 2 the eye is covered, 3 blurred, 4 turned; the others are 0
//!   6  2  width     of the frame, or of the stream that was opened; else 0
//!   8  2  height    the same
//!  10  2  zero
//!  12  4  length    of the payload: a JPEG, why the source was lost as UTF-8, or nothing
//!  16  8  sequence  of the newest frame; gaps are frames that nobody had time for
//!  24  8  captured  when the newest frame came out of the camera: nanoseconds of the machine's CLOCK_BOOTTIME
//!  32  8  age       nanoseconds from then until this was written
//! ```
//! A pipe loses and turns nothing around, so there is no checksum: whatever does not fit means that something else than
//! our own process speaks, and it is ended. Length and picture size are bounded before anything is kept.

use std::fmt;
use std::time::Duration;

/// Every message begins with it.
pub const MAGIC: [u8; 4] = *b"PSV1";
/// Bytes of a header.
pub const HEADER_LEN: usize = 40;
/// Largest JPEG; one of 4K at full quality has about 6 MB.
pub const JPEG_MAX: usize = 16 << 20;
/// Longest reason.
pub const REASON_MAX: usize = 1 << 10;
/// Largest width and height of a picture.
pub const SIDE_MAX: u16 = 8192;

const FROZEN: u8 = 1;
const BLACK: u8 = 2;
const COVERED: u8 = 4;
const BLURRED: u8 = 8;
const TURNED: u8 = 16;

/// What is wrong with a picture that comes in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blemish {
    /// It has not changed for longer than a living camera's noise allows.
    pub frozen: bool,
    /// There is nothing on it.
    pub black: bool,
    /// Nothing can be seen of what was there, dark or bright.
    pub covered: bool,
    /// What was there has lost its edges.
    pub blurred: bool,
    /// Another view.
    pub turned: bool,
}

impl Blemish {
    /// What makes one doubt that the camera still looks where it was made to look; a vehicle right before it may.
    pub const fn doubt(&self) -> Option<&'static str> {
        match self {
            Self { covered: true, .. } => Some("covered"),
            Self { blurred: true, .. } => Some("blurred"),
            Self { turned: true, .. } => Some("turned"),
            Self { covered: false, blurred: false, turned: false, .. } => None,
        }
    }

    fn flags(self) -> u8 {
        let Self { frozen, black, covered, blurred, turned } = self;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        flag(frozen, FROZEN)
            | flag(black, BLACK)
            | flag(covered, COVERED)
            | flag(blurred, BLURRED)
            | flag(turned, TURNED)
    }

    /// `None` where a flag is set that none of our processes sets.
    fn of(flags: u8) -> Option<Self> {
        let is = |flag| flags & flag != 0;
        let known = Self {
            frozen: is(FROZEN),
            black: is(BLACK),
            covered: is(COVERED),
            blurred: is(BLURRED),
            turned: is(TURNED),
        };
        (known.flags() == flags).then_some(known)
    }
}

/// The newest frame at the time of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Its number since the process began; 0 before the first.
    pub sequence: u64,
    /// When it came out of the camera, since the machine was booted.
    pub captured: Duration,
    /// How old it was when the message was written.
    pub age: Duration,
    /// What is wrong with it.
    pub blemish: Blemish,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The newest frame.
    pub newest: Newest,
    /// What is said.
    pub said: Said,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The newest frame itself.
    Frame {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
        /// Its bytes, from start to end marker.
        jpeg: Vec<u8>,
    },
    /// The process is alive.
    Heartbeat,
    /// The source opened.
    Opened {
        /// Pixels across; 0 when the source does not say.
        width: u16,
        /// Pixels down.
        height: u16,
    },
    /// The source did not open, or gave no more frames. It is tried again.
    Lost {
        /// What a technician should look at.
        reason: String,
    },
    /// A recording that was to be played once is over.
    Ended,
}

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It does not begin with [`MAGIC`].
    Magic([u8; 4]),
    /// A field has a value that none of our processes writes.
    Field(&'static str, u64),
    /// The payload is longer than its kind allows.
    TooLong(usize, usize),
    /// The payload is not what its kind carries.
    Payload(&'static str),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic(found) => write!(f, "a message begins with {found:02x?}, expected `PSV1`"),
            Self::Field(name, value) => write!(f, "a message's {name} is {value}, which no camera process writes"),
            Self::TooLong(length, limit) => write!(f, "a message of {length} bytes, expected at most {limit}"),
            Self::Payload(what) => write!(f, "a message's payload is not {what}"),
        }
    }
}

impl std::error::Error for WireError {}

/// What stands at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole message, and how many bytes it took.
    Message(Message, usize),
    /// The beginning of a message that has this many bytes in all, as far as it can be told.
    Needs(usize),
}

/// Reads the message at the beginning of `bytes`. Never needs more than [`HEADER_LEN`] + [`JPEG_MAX`] bytes.
///
/// # Errors
/// When no message begins so, however it went on.
pub fn parse(bytes: &[u8]) -> Result<Parsed, WireError> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else { return Ok(Parsed::Needs(HEADER_LEN)) };
    let header = Header::read(header)?;
    let Some(payload) = rest.get(..header.length) else { return Ok(Parsed::Needs(HEADER_LEN + header.length)) };
    Ok(Parsed::Message(header.message(payload)?, HEADER_LEN + header.length))
}

#[derive(Clone, Copy)]
enum Kind {
    Frame,
    Heartbeat,
    Opened,
    Lost,
    Ended,
}

struct Header {
    kind: Kind,
    newest: Newest,
    width: u16,
    height: u16,
    length: usize,
}

impl Header {
    fn read(bytes: &[u8; HEADER_LEN]) -> Result<Self, WireError> {
        let magic = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if magic != MAGIC {
            return Err(WireError::Magic(magic));
        }
        let kind = match bytes[4] {
            1 => Kind::Frame,
            2 => Kind::Heartbeat,
            3 => Kind::Opened,
            4 => Kind::Lost,
            5 => Kind::Ended,
            other => return Err(WireError::Field("kind", other.into())),
        };
        let blemish = Blemish::of(bytes[5]).ok_or(WireError::Field("flags", bytes[5].into()))?;
        let (width, height) = (short(bytes, 6), short(bytes, 8));
        let sized = matches!(kind, Kind::Frame);
        let may_be_sized = sized || matches!(kind, Kind::Opened);
        for (name, side) in [("width", width), ("height", height)] {
            if side > SIDE_MAX || (sized && side == 0) || (!may_be_sized && side != 0) {
                return Err(WireError::Field(name, side.into()));
            }
        }
        if short(bytes, 10) != 0 {
            return Err(WireError::Field("reserved field", short(bytes, 10).into()));
        }
        let length = usize::try_from(long(bytes, 8) & 0xFFFF_FFFF).unwrap_or(usize::MAX);
        let limit = match kind {
            Kind::Frame => JPEG_MAX,
            Kind::Lost => REASON_MAX,
            Kind::Heartbeat | Kind::Opened | Kind::Ended => 0,
        };
        if length > limit {
            return Err(WireError::TooLong(length, limit));
        }
        let newest = Newest {
            sequence: long(bytes, 16),
            captured: Duration::from_nanos(long(bytes, 24)),
            age: Duration::from_nanos(long(bytes, 32)),
            blemish,
        };
        Ok(Self { kind, newest, width, height, length })
    }

    fn message(&self, payload: &[u8]) -> Result<Message, WireError> {
        let Self { width, height, .. } = *self;
        let said = match self.kind {
            Kind::Frame if is_jpeg(payload) => Said::Frame { width, height, jpeg: payload.to_vec() },
            Kind::Frame => return Err(WireError::Payload("a JPEG from start to end marker")),
            Kind::Heartbeat => Said::Heartbeat,
            Kind::Opened => Said::Opened { width, height },
            Kind::Lost => match std::str::from_utf8(payload) {
                Ok(reason) => Said::Lost { reason: reason.to_owned() },
                Err(_) => return Err(WireError::Payload("UTF-8")),
            },
            Kind::Ended => Said::Ended,
        };
        Ok(Message { newest: self.newest, said })
    }
}

fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.len() > 4 && bytes.starts_with(&[0xFF, 0xD8, 0xFF]) && bytes.ends_with(&[0xFF, 0xD9])
}

fn short(bytes: &[u8; HEADER_LEN], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8; HEADER_LEN], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Message {
    /// The header as it is written; the payload follows it as it is.
    pub fn header(&self) -> [u8; HEADER_LEN] {
        let (kind, width, height) = match &self.said {
            Said::Frame { width, height, .. } => (1, *width, *height),
            Said::Heartbeat => (2, 0, 0),
            Said::Opened { width, height } => (3, *width, *height),
            Said::Lost { .. } => (4, 0, 0),
            Said::Ended => (5, 0, 0),
        };
        let Newest { sequence, captured, age, blemish } = self.newest;
        let mut header = [0; HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(4, &[kind, blemish.flags()]);
        put(6, &width.to_be_bytes());
        put(8, &height.to_be_bytes());
        put(12, &u32::try_from(self.payload().len()).unwrap_or(u32::MAX).to_be_bytes());
        put(16, &sequence.to_be_bytes());
        put(24, &nanos(captured).to_be_bytes());
        put(32, &nanos(age).to_be_bytes());
        header
    }

    /// What follows the header. A reason is cut at [`REASON_MAX`] bytes.
    pub fn payload(&self) -> &[u8] {
        match &self.said {
            Said::Frame { jpeg, .. } => jpeg,
            Said::Lost { reason } => &reason.as_bytes()[..reason.floor_char_boundary(REASON_MAX)],
            Said::Heartbeat | Said::Opened { .. } | Said::Ended => &[],
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JPEG: [u8; 6] = [0xFF, 0xD8, 0xFF, 0x00, 0xFF, 0xD9];

    fn newest() -> Newest {
        Newest {
            sequence: 0x0102,
            captured: Duration::from_nanos(0x0A0B_0C0D_0E0F),
            age: Duration::from_nanos(1_000_000),
            blemish: Blemish { black: true, ..Blemish::default() },
        }
    }

    fn bytes(message: &Message) -> Vec<u8> {
        [&message.header()[..], message.payload()].concat()
    }

    #[test]
    fn a_frame_is_these_bytes() {
        let said = Said::Frame { width: 768, height: 432, jpeg: JPEG.to_vec() };
        let message = Message { newest: newest(), said };
        // If this fails, do not change the test: daemon and camera process may be of different versions.
        #[rustfmt::skip]
        let expected = [
            b'P', b'S', b'V', b'1', // magic
            1, 2,                   // a frame, black
            0x03, 0x00, 0x01, 0xB0, // 768 × 432
            0, 0,                   // zero
            0, 0, 0, 6,             // length
            0, 0, 0, 0, 0, 0, 1, 2, // sequence
            0, 0, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, // captured
            0, 0, 0, 0, 0, 0x0F, 0x42, 0x40,          // age
            0xFF, 0xD8, 0xFF, 0x00, 0xFF, 0xD9,       // the JPEG
        ];
        assert_eq!(bytes(&message), expected);
        assert_eq!(parse(&expected), Ok(Parsed::Message(message, 46)));
    }

    #[test]
    fn the_beginning_of_a_message_says_how_much_is_missing() {
        let message = Message { newest: newest(), said: Said::Lost { reason: "no route to host".to_owned() } };
        let bytes = bytes(&message);
        for length in 0..bytes.len() {
            let needed = if length < HEADER_LEN { HEADER_LEN } else { bytes.len() };
            assert_eq!(parse(&bytes[..length]), Ok(Parsed::Needs(needed)), "{length}");
        }
    }

    #[test]
    fn what_no_camera_process_writes_is_refused_before_anything_is_kept() {
        let frame =
            bytes(&Message { newest: newest(), said: Said::Frame { width: 1, height: 1, jpeg: JPEG.to_vec() } });
        let with = |at: usize, new: &[u8]| {
            let mut changed = frame.clone();
            changed[at..at + new.len()].copy_from_slice(new);
            parse(&changed)
        };
        assert_eq!(with(0, b"HTTP"), Err(WireError::Magic(*b"HTTP")));
        assert_eq!(with(4, &[6]), Err(WireError::Field("kind", 6)));
        assert_eq!(with(5, &[32]), Err(WireError::Field("flags", 32)));
        assert_eq!(with(6, &[0x20, 0x01]), Err(WireError::Field("width", 8193)));
        assert_eq!(with(8, &[0, 0]), Err(WireError::Field("height", 0)));
        assert_eq!(with(10, &[0, 1]), Err(WireError::Field("reserved field", 1)));
        assert_eq!(with(12, &[0xFF; 4]), Err(WireError::TooLong(0xFFFF_FFFF, JPEG_MAX)));
        assert_eq!(with(40, &[0]), Err(WireError::Payload("a JPEG from start to end marker")));
        assert_eq!(with(4, &[2]), Err(WireError::Field("width", 1)));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let message = Message { newest: newest(), said: Said::Lost { reason: "断".repeat(REASON_MAX) } };
        let Ok(Parsed::Message(read, _)) = parse(&bytes(&message)) else { panic!("it is a message") };
        assert_eq!(read.said, Said::Lost { reason: "断".repeat(REASON_MAX / 3) });
    }

    fn said() -> impl Strategy<Value = Said> {
        let jpeg = proptest::collection::vec(any::<u8>(), 0..64)
            .prop_map(|inner| [&[0xFF, 0xD8, 0xFF][..], &inner, &[0xFF, 0xD9]].concat());
        prop_oneof![
            (1..=SIDE_MAX, 1..=SIDE_MAX, jpeg).prop_map(|(width, height, jpeg)| Said::Frame { width, height, jpeg }),
            Just(Said::Heartbeat),
            (0..=SIDE_MAX, 0..=SIDE_MAX).prop_map(|(width, height)| Said::Opened { width, height }),
            "\\PC{0,40}".prop_map(|reason| Said::Lost { reason }),
            Just(Said::Ended),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            said in said(), sequence: u64, captured: u64, age: u64, flags in 0..32_u8,
        ) {
            let (captured, age) = (Duration::from_nanos(captured), Duration::from_nanos(age));
            let newest = Newest { sequence, captured, age, blemish: Blemish::of(flags).unwrap() };
            let message = Message { newest, said };
            let written = bytes(&message);
            prop_assert_eq!(written[5], flags);
            prop_assert_eq!(parse(&written), Ok(Parsed::Message(message, written.len())));
        }

        #[test]
        fn no_bytes_make_it_panic_or_ask_for_more_than_a_picture(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..96), begins_well: bool,
        ) {
            if begins_well && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(&MAGIC);
            }
            match parse(&bytes) {
                Ok(Parsed::Needs(needed)) => prop_assert!(needed > bytes.len() && needed <= HEADER_LEN + JPEG_MAX),
                Ok(Parsed::Message(_, taken)) => prop_assert!(taken >= HEADER_LEN && taken <= bytes.len()),
                Err(_) => {}
            }
        }
    }
}

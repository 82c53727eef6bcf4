//! A profile: the TOML text that describes one device model, read into types that cannot be wrong.
//!
//! ```toml
//! kind = "barrier"
//! vendor = "Example"
//! model = "R8"
//! protocol = "modbus"
//! source = "maker's manual, page 12"
//! closes = "pulse"
//!
//! [[point]]
//! name = "opened"
//! table = "discrete"
//! address = 0
//! ```

mod check;
mod check_stream;
mod code;
mod framing;
mod lines;
mod parse;
mod reader;
mod records;
mod register;
mod schema;
mod schema_lines;
mod schema_stream;
mod signals;
mod skeleton;
mod trials;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

pub use code::EXPLANATIONS;
pub use register::{ByteOrder, Command, DataType, Decimals, Register, Table, Truth, WordOrder};
pub use schema::schema;
pub use skeleton::skeleton;

use crate::fault::Fault;
use crate::kind::{Closes, Kind, Shape};
use crate::lines::{Detector, Frame, FrameKind};
use crate::reading::Value;
use crate::stream::{Signal, Stream, Words};

/// One device model.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `KIND/VENDOR-MODEL`, as the lane file names it.
    pub name: Arc<str>,
    /// What the device is for.
    pub kind: Kind,
    /// Who makes it.
    pub vendor: Arc<str>,
    /// The maker's name of the model.
    pub model: Arc<str>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where the map was read.
    pub source: Arc<str>,
    /// What a technician must know before trusting it.
    pub note: Option<Arc<str>>,
    /// How it closes; `Some` for every barrier, `None` for every other kind.
    pub closes: Option<Closes>,
    /// Time after which the module drops a held close that is not renewed; `Some` where `closes` is `held`.
    pub watchdog: Option<Duration>,
    /// Addresses without a point that a read may span to reach the next point; 0 unless the maker allows more.
    pub gap: u16,
    /// How its lines or frames are understood; `None` for Modbus alone.
    pub stream: Option<Stream>,
    /// How the lines of an X-ray detector are framed; `Some` with [`Protocol::XrayLines`] alone, which has no points.
    pub detector: Option<Detector>,
    /// Its points, in the order of the text. Names are unique.
    pub points: Vec<Point>,
    /// Where the device says at which address its points begin; `None` where the addresses are fixed.
    pub base: Option<Base>,
    /// How to recognise the model on the wire.
    pub identify: Option<Identify>,
    /// Raw words and the values that must come out of them.
    pub tests: Vec<ProfileTest>,
}

impl Profile {
    /// Reads `text`, known as `name` (`KIND/VENDOR-MODEL`). On failure: every fault of the text in its order.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Fault>> {
        parse::profile(name, text)
    }

    /// The profile of a device whose points begin at `start`, as its [`Base`] register says. Fails where a point would
    /// lie beyond the last address.
    pub fn based(&self, start: u16) -> Result<Self, String> {
        let mut based = Self { base: None, ..self.clone() };
        for point in &mut based.points {
            let Place::Register(register) = &mut point.place else { continue };
            let reach = u32::from(register.address) + u32::from(start) + u32::from(register.width());
            if reach > 0x1_0000 {
                return Err(format!(
                    "the device says that its points begin at {start}, which puts `{}` beyond address 65535",
                    point.name
                ));
            }
            register.address += start;
        }
        Ok(based)
    }

    /// The point called `name`.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.points.iter().find(|point| &*point.name == name)
    }

    /// The place of the point called `name` in [`Profile::points`].
    pub fn point_index(&self, name: &str) -> Option<usize> {
        self.points.iter().position(|point| &*point.name == name)
    }
}

/// What a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Modbus, on TCP or a serial bus: the lane file's address decides.
    Modbus,
    /// Lines of text, on TCP or a serial port.
    Line,
    /// Frames of bytes, on TCP or a serial port.
    Frame,
    /// Lines of an X-ray detector, on TCP.
    XrayLines,
}

impl Protocol {
    pub(crate) const WORDS: &[(&str, Self)] =
        &[("modbus", Self::Modbus), ("line", Self::Line), ("frame", Self::Frame), ("xray-lines", Self::XrayLines)];
}

/// One named, typed value of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Standard name of its kind, or a free one.
    pub name: Arc<str>,
    /// Where the device keeps it.
    pub place: Place,
    /// A contact that is made when the bit is 0.
    pub inverted: bool,
    /// Value = raw × scale + offset.
    pub scale: f64,
    /// Value = raw × scale + offset.
    pub offset: f64,
    /// Unit of the value.
    pub unit: Option<Arc<str>>,
    /// Values outside of it are `bad`.
    pub range: Option<RangeInclusive<f64>>,
    /// Raw codes by which the device itself says "no measurement": `invalid`.
    pub invalid: Vec<u64>,
    /// The only values that exist, where the list is closed; others are `bad`, and refused when written.
    pub allowed: Vec<i64>,
    /// A change not larger than this is not reported.
    pub deadband: f64,
    /// How often it is polled.
    pub poll: PollClass,
    /// Whether it is read, written or both.
    pub access: Access,
    /// The output is switched on, and off again after this.
    pub pulse: Option<Duration>,
    /// Where the point stands in the profile's text.
    pub span: Range<usize>,
}

/// Where a device keeps a point.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // a profile has some dozen points, and decoding reads them all the time
pub enum Place {
    /// In a bit or in registers of a Modbus device.
    Register(Register),
    /// In what a line or frame device sends, or is sent.
    Signal(Signal),
}

impl Point {
    /// Its place in a Modbus device; `None` for a device that speaks otherwise.
    pub const fn register(&self) -> Option<&Register> {
        match &self.place {
            Place::Register(register) => Some(register),
            Place::Signal(_) => None,
        }
    }

    /// Its place in what a line or frame device sends and is sent; `None` for a Modbus device.
    pub const fn signal(&self) -> Option<&Signal> {
        match &self.place {
            Place::Signal(signal) => Some(signal),
            Place::Register(_) => None,
        }
    }

    /// Whether it is on or off, a number, or a text.
    pub const fn shape(&self) -> Shape {
        match &self.place {
            Place::Register(register) => match register.data {
                DataType::Bool => Shape::Bool,
                DataType::U8Low
                | DataType::U8High
                | DataType::U16
                | DataType::I16
                | DataType::U32
                | DataType::I32
                | DataType::F32
                | DataType::U64
                | DataType::I64
                | DataType::F64 => Shape::Number,
            },
            Place::Signal(signal) => signal.shape,
        }
    }

    /// True where it is polled.
    pub const fn readable(&self) -> bool {
        match self.access {
            Access::Read | Access::ReadWrite => true,
            Access::Write => false,
        }
    }

    /// True where it may be written.
    pub const fn writable(&self) -> bool {
        match self.access {
            Access::Write | Access::ReadWrite => true,
            Access::Read => false,
        }
    }

    /// True where switching it on lasts until it is switched off: no pulse, no self-clearing command word.
    pub fn latches(&self) -> bool {
        if let Some(Words::Switch { off: None, .. }) =
            self.signal().and_then(|signal| signal.sink.as_ref()).map(|sink| &sink.words)
        {
            return false;
        }
        let command = self.register().and_then(|register| register.command);
        self.pulse.is_none() && command.is_none_or(|command| command.off.is_some())
    }
}

/// How often a point is polled; the lane file gives each class its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PollClass {
    /// Contacts that protect people or steer the lane.
    Fast,
    /// Measurements.
    Normal,
    /// Counters, temperatures, serial numbers.
    Slow,
}

impl PollClass {
    pub(crate) const WORDS: &[(&str, Self)] = &[("fast", Self::Fast), ("normal", Self::Normal), ("slow", Self::Slow)];

    /// All of them, fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Normal, Self::Slow];
}

/// Whether a point is read, written or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Read only.
    Read,
    /// Write only: reading it back says nothing.
    Write,
    /// Both: polled, and read back when the answer to a write is lost.
    ReadWrite,
}

impl Access {
    pub(crate) const WORDS: &[(&str, Self)] =
        &[("read", Self::Read), ("write", Self::Write), ("read-write", Self::ReadWrite)];
}

/// A register that tells at which address the points of a device begin: theirs are counted from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Which table: `holding` or `input`.
    pub table: Table,
    /// Address in the request.
    pub address: u16,
}

/// A register that tells the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identify {
    /// Which table: `holding` or `input`.
    pub table: Table,
    /// Address in the request.
    pub address: u16,
    /// What this model holds there.
    pub equals: u16,
}

/// A `[[test]]` block: what goes in and what must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileTest {
    /// What is tried.
    pub trial: Trial,
    /// Where the block stands in the profile's text.
    pub span: Range<usize>,
}

impl ProfileTest {
    /// True where it says what comes out of, or is sent for, the point at this place.
    pub fn shows(&self, index: usize) -> bool {
        match &self.trial {
            Trial::Register { point, .. } | Trial::Write { point, .. } => *point == index,
            Trial::Unit { expect, .. } => expect.iter().any(|(point, _)| *point == index),
            Trial::Bytes { .. } | Trial::Line(_) => false,
        }
    }

    /// What it tries, in words: ``point `opened` ``.
    pub fn subject(&self, profile: &Profile) -> String {
        let point = |index: &usize| format!("point `{}`", profile.points[*index].name);
        let records = |places: &mut dyn Iterator<Item = &usize>| {
            let records = profile.stream.iter().flat_map(|stream| &stream.records).collect::<Vec<_>>();
            places.map(|place| format!("`{}`", records[*place].name)).collect::<Vec<_>>().join(", ")
        };
        match &self.trial {
            Trial::Register { point: index, .. } => point(index),
            Trial::Write { point: index, .. } => format!("writing {}", point(index)),
            Trial::Unit { record: None, .. } => "a unit".to_owned(),
            Trial::Unit { record: Some(record), .. } => format!("record {}", records(&mut [*record].iter())),
            Trial::Bytes { records: places, .. } => format!("bytes that hold {}", records(&mut places.iter())),
            Trial::Line(_) => "a line".to_owned(),
        }
    }
}

/// What a `[[test]]` block tries.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial {
    /// Raw bits or words of one point.
    Register {
        /// The point's place in [`Profile::points`].
        point: usize,
        /// Bits (0 or 1) or words as they arrive, first address first.
        raw: Vec<u16>,
        /// What must come out.
        expect: Expect,
    },
    /// One line without its end, or one whole frame.
    Unit {
        /// Its bytes.
        unit: Vec<u8>,
        /// Which record it must be; `None`: none at all.
        record: Option<usize>,
        /// What must come out for points of it.
        expect: Vec<(usize, Expect)>,
    },
    /// Bytes as they come from the wire, disturbances and all.
    Bytes {
        /// What comes.
        bytes: Vec<u8>,
        /// The records that must be found, in their order.
        records: Vec<usize>,
    },
    /// A value that is written.
    Write {
        /// The point's place in [`Profile::points`].
        point: usize,
        /// The value.
        value: Value,
        /// The unit number it is written to.
        unit: u8,
        /// The bytes that must be sent.
        sends: Vec<u8>,
    },
    /// One line of a detector.
    Line(LineTrial),
}

/// A line of a detector: its header, how its samples begin, and what that must be. The other samples are 0, and what
/// stands behind them is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineTrial {
    /// The header as it comes.
    pub header: Vec<u8>,
    /// The first samples as they come.
    pub samples: Vec<u8>,
    /// What the line must show.
    pub kind: FrameKind,
    /// What its counter must be.
    pub counter: u32,
    /// Which view it must be of.
    pub view: u8,
    /// How the samples of the softer (or only) energy must begin.
    pub low: Vec<u16>,
    /// How those of the harder energy must begin.
    pub high: Vec<u16>,
}

impl LineTrial {
    /// What came out instead, if it differs.
    ///
    /// # Errors
    /// That, in words.
    pub fn run(&self, detector: &Detector) -> Result<(), String> {
        if self.header.len() != detector.header {
            return Err(format!("`header` has {} bytes, the profile says {}", self.header.len(), detector.header));
        }
        let room = detector.samples() * detector.sample.bytes;
        if self.samples.len() > room {
            return Err(format!("`samples` has {} bytes, a line {room}", self.samples.len()));
        }
        if !self.header.starts_with(&detector.sync) {
            return Err("`header` does not begin with `sync`".to_owned());
        }
        let bytes = detector.finish([&self.header[..], &self.samples[..]].concat());
        let frame = detector.read(&bytes).map_err(|why| format!("it is no line: {why}"))?;
        self.agree(detector, &frame)
    }

    fn agree(&self, detector: &Detector, frame: &Frame) -> Result<(), String> {
        let Frame { kind, counter, view, samples } = frame;
        if (*kind, *counter, *view) != (self.kind, self.counter, self.view) {
            return Err(format!("it came out as {} line {counter} of view {view}", kind.word()));
        }
        let (low, high) = samples.split_at(detector.pixels as usize);
        for (name, expected, came) in [("low", &self.low, low), ("high", &self.high, high)] {
            if !came.starts_with(expected) {
                let begins = &came[..came.len().min(expected.len())];
                return Err(format!("`{name}` came out as {begins:?}"));
            }
        }
        Ok(())
    }
}

/// What a `[[test]]` block expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// A good reading of this value.
    Good(Value),
    /// A reading that is `bad`.
    Bad,
    /// A reading that is `invalid`.
    Invalid,
}

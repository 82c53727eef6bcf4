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
mod code;
mod parse;
mod reader;
mod schema;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

pub use code::EXPLANATIONS;
pub use schema::schema;

use crate::fault::Fault;
use crate::kind::{Closes, Kind};
use crate::reading::Value;

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
    /// Its points, in the order of the text. Names are unique.
    pub points: Vec<Point>,
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
}

impl Protocol {
    pub(crate) const WORDS: &[(&str, Self)] = &[("modbus", Self::Modbus)];
}

/// One named, typed value of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Standard name of its kind, or a free one.
    pub name: Arc<str>,
    /// Which of Modbus's four tables.
    pub table: Table,
    /// Address in the request, counted from 0: reference 40001 is address 0 of `holding`.
    pub address: u16,
    /// What the bits or words hold.
    pub data: DataType,
    /// Which byte of a word comes first.
    pub byte_order: ByteOrder,
    /// Which word of a longer value comes first.
    pub word_order: WordOrder,
    /// How a boolean is found in a register; `None` for coils, discrete inputs and numbers.
    pub truth: Option<Truth>,
    /// Bits of an integer that belong to this point; the value is what they hold, moved down.
    pub mask: Option<u64>,
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
    /// Command words of a boolean in a register.
    pub command: Option<Command>,
    /// Where the point stands in the profile's text.
    pub span: Range<usize>,
}

impl Point {
    /// Registers or bits that it occupies.
    pub const fn width(&self) -> u16 {
        match self.table {
            Table::Coil | Table::Discrete => 1,
            Table::Holding | Table::Input => self.data.words(),
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
        self.pulse.is_none() && self.command.is_none_or(|command| command.off.is_some())
    }
}

/// The words written for a boolean that lives in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Written for on.
    pub on: u16,
    /// Written for off; `None` where the device clears the command by itself.
    pub off: Option<u16>,
}

/// One of Modbus's four tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Bits that can be read and written (functions 1, 5, 15).
    Coil,
    /// Bits that can only be read (function 2).
    Discrete,
    /// Registers that can be read and written (functions 3, 6, 16).
    Holding,
    /// Registers that can only be read (function 4).
    Input,
}

impl Table {
    pub(crate) const WORDS: &[(&str, Self)] =
        &[("coil", Self::Coil), ("discrete", Self::Discrete), ("holding", Self::Holding), ("input", Self::Input)];

    /// True for the tables of single bits.
    pub const fn is_bits(self) -> bool {
        match self {
            Self::Coil | Self::Discrete => true,
            Self::Holding | Self::Input => false,
        }
    }

    /// True for the tables that Modbus can write.
    pub const fn is_writable(self) -> bool {
        match self {
            Self::Coil | Self::Holding => true,
            Self::Discrete | Self::Input => false,
        }
    }

    /// The word a profile calls it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Holding => "holding",
            Self::Input => "input",
        }
    }
}

/// What the bits or words of a point hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// On or off.
    Bool,
    /// The low byte of a register.
    U8Low,
    /// The high byte of a register.
    U8High,
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Two registers, IEEE 754 single.
    F32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, two's complement.
    I64,
    /// Four registers, IEEE 754 double.
    F64,
}

impl DataType {
    pub(crate) const WORDS: &[(&str, Self)] = &[
        ("bool", Self::Bool),
        ("u8_low", Self::U8Low),
        ("u8_high", Self::U8High),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("f32", Self::F32),
        ("u64", Self::U64),
        ("i64", Self::I64),
        ("f64", Self::F64),
    ];

    /// Registers that it fills.
    pub const fn words(self) -> u16 {
        match self {
            Self::Bool | Self::U8Low | Self::U8High | Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// True for the types whose raw bits are a number without a sign.
    pub const fn is_unsigned(self) -> bool {
        match self {
            Self::U8Low | Self::U8High | Self::U16 | Self::U32 | Self::U64 => true,
            Self::Bool | Self::I16 | Self::I32 | Self::F32 | Self::I64 | Self::F64 => false,
        }
    }
}

/// Which byte of a word comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// High byte first, as Modbus says.
    Big,
    /// Low byte first.
    Little,
}

impl ByteOrder {
    pub(crate) const WORDS: &[(&str, Self)] = &[("big", Self::Big), ("little", Self::Little)];
}

/// Which word of a longer value comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WordOrder {
    /// High word first.
    HighFirst,
    /// Low word first.
    LowFirst,
}

impl WordOrder {
    pub(crate) const WORDS: &[(&str, Self)] = &[("high-first", Self::HighFirst), ("low-first", Self::LowFirst)];
}

/// How a boolean is found in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It is this bit, counted from the lowest.
    Bit(u8),
    /// It is on when the masked register holds this value.
    Equals {
        /// Bits that count.
        mask: u16,
        /// What they must hold.
        value: u16,
    },
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

/// Raw bits or words of one point and what must come out of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileTest {
    /// The point's place in [`Profile::points`].
    pub point: usize,
    /// Bits (0 or 1) or words as they arrive, first address first.
    pub raw: Vec<u16>,
    /// What must come out.
    pub expect: Expect,
    /// Where the block stands in the profile's text.
    pub span: Range<usize>,
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

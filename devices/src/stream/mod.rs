//! Devices that speak in lines of text or in frames of bytes, as a profile describes them.
//!
//! ```text
//!   bytes ──Splitter──► unit (one line, one frame) ──Stream::understand──► record ──► values of points
//!   value ──Template──► bytes
//! ```
//! Everything here is total: any bytes give values, noise or nothing, never a panic and never more memory than the
//! longest unit that the profile allows.

mod charset;
mod checksum;
mod layout;
mod meaning;
mod pattern;
mod split;
mod template;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use charset::Charset;
pub use checksum::{Checksum, Form, Sum};
pub use layout::{Cell, CellKind, Layout, Order, Selector};
pub use meaning::{Found, Held, Understood};
pub use pattern::{FieldKind, Pattern, PatternFault, Piece};
pub use split::Splitter;
pub(crate) use template::hex_bytes;
pub use template::{Part, Template, TemplateFault, TextRules, ValueForm};

use crate::kind::Shape;
use crate::profile::PollClass;
use crate::reading::Value;

/// How one model's lines or frames are told apart and understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Where a unit begins and ends.
    pub framing: Framing,
    /// What guards a unit against disturbances.
    pub checksum: Option<Checksum>,
    /// How text is written in bytes.
    pub charset: Charset,
    /// Longest pause of a device that speaks by itself: after it the device counts as silent.
    pub silence: Duration,
    /// Longest wait for an answer, where the device is slower than the lane file allows.
    pub timeout: Option<Duration>,
    /// Names of the fields that records hold.
    pub fields: Vec<Arc<str>>,
    /// What a unit can be, in the order in which they are tried.
    pub records: Vec<Record>,
    /// Beginnings of units that the device sends and that mean nothing here.
    pub ignored: Vec<Vec<u8>>,
    /// What the device is asked; empty where it speaks by itself.
    pub requests: Vec<Request>,
}

impl Stream {
    /// A stream without records, as `[line]` or `[frame]` alone describe it.
    pub(crate) const fn bare(framing: Framing, checksum: Option<Checksum>, charset: Charset) -> Self {
        Self {
            framing,
            checksum,
            charset,
            silence: Duration::from_secs(5),
            timeout: None,
            fields: Vec::new(),
            records: Vec::new(),
            ignored: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// The bytes of a request to the device with this unit number.
    pub fn ask(&self, request: &Request, unit: u8) -> Result<Vec<u8>, String> {
        request.send.render(unit, None, &TextRules::new(self, '?', 0, ""))
    }

    /// True where the device is asked rather than listened to.
    pub const fn is_polled(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Longest unit in bytes, whatever arrives.
    pub const fn unit_max(&self) -> usize {
        match &self.framing {
            Framing::Line(line) => line.max,
            Framing::Frame(frame) => frame.max,
        }
    }
}

/// Where a unit begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Text up to an end of line.
    Line(LineFraming),
    /// Bytes of a length that is known.
    Frame(FrameFraming),
}

/// Lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFraming {
    /// What begins a line; empty where the end of the one before does.
    pub start: Vec<u8>,
    /// What ends it; never empty.
    pub end: Vec<u8>,
    /// Longest line with its start and without its end.
    pub max: usize,
}

/// Frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFraming {
    /// What begins a frame; empty only with [`Length::OfAnswer`].
    pub start: Vec<u8>,
    /// What its last bytes are; often empty.
    pub end: Vec<u8>,
    /// How long it is.
    pub length: Length,
    /// Longest frame.
    pub max: usize,
}

/// How long a frame is, start and checksum and end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always as long.
    Fixed(usize),
    /// The frame says it.
    Told {
        /// Offset of the length.
        at: usize,
        /// Its bytes: 1 or 2.
        size: usize,
        /// Which byte comes first.
        order: Order,
        /// What the length in the frame leaves out.
        add: usize,
    },
    /// As long as the record that answers the request.
    OfAnswer,
}

/// One kind of unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name in tests and messages.
    pub name: Arc<str>,
    /// How it is recognised and where its fields are.
    pub shape: RecordShape,
    /// Places of the points that are read from its fields.
    pub points: Vec<usize>,
    /// Points that it gives a value by coming at all.
    pub set: Vec<(usize, Value)>,
    /// Points for which it means that there is no measurement, and why.
    pub invalid: Vec<(usize, Arc<str>)>,
    /// Its points are stale when it has not come for this long.
    pub stale: Option<Duration>,
    /// Where it stands in the profile's text.
    pub span: Range<usize>,
}

/// How a record is recognised.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordShape {
    /// By a pattern.
    Line(Pattern),
    /// By bytes at places.
    Frame(Layout),
}

impl RecordShape {
    /// The fields that it holds.
    pub fn fields(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Line(pattern) => Box::new(pattern.fields()),
            Self::Frame(layout) => Box::new(layout.cells.iter().map(|cell| cell.field)),
        }
    }
}

/// Something the device is asked again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its name in messages.
    pub name: Arc<str>,
    /// How often.
    pub class: PollClass,
    /// What is sent.
    pub send: Template,
    /// Places of the records that answer it; no other does.
    pub answers: Vec<usize>,
    /// Where it stands in the profile's text.
    pub span: Range<usize>,
}

/// Where a point of such a device comes from and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What it carries.
    pub shape: Shape,
    /// Places of the fields that it is read from, added up where there are several; empty where only records set it.
    pub fields: Vec<usize>,
    /// When a bool is on; where there is neither, a number other than 0 is.
    pub truth: Option<Test>,
    /// The field that says how many decimals the number has.
    pub decimals: Option<usize>,
    /// When a number without a sign is below zero.
    pub negative: Option<Condition>,
    /// When the device disowns the value, and the reason.
    pub invalid_when: Vec<(Condition, Arc<str>)>,
    /// How it is written.
    pub sink: Option<Sink>,
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field.
    pub field: usize,
    /// What must hold.
    pub test: Test,
}

/// What a field is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// This bit of the number is 1, counted from the lowest.
    Bit(u8),
    /// The number or the text is one of these.
    Among(Vec<Literal>),
}

/// A value in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Arc<str>),
}

/// How a point is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// What is sent.
    pub words: Words,
    /// How a text is made harmless.
    pub rules: TextRules,
    /// Places of the records that confirm it; where there are none, the device confirms nothing.
    pub answers: Vec<usize>,
    /// Places of the records that refuse it.
    pub refusals: Vec<usize>,
}

/// What is sent for a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Words {
    /// The value in its place.
    Value(Template),
    /// One text for on, one for off.
    Switch {
        /// For on.
        on: Template,
        /// For off; `None` where the device ends it by itself.
        off: Option<Template>,
    },
}

//! Where the fields of a frame are.

use super::charset::Charset;
use super::meaning::Held;

/// The layout of one kind of frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How long the frame is; `None` where the framing says it.
    pub length: Option<usize>,
    /// Bytes by which it is recognised.
    pub when: Vec<Selector>,
    /// Its fields.
    pub cells: Vec<Cell>,
}

/// A byte by which a frame is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selector {
    /// Its offset from the frame's first byte.
    pub at: usize,
    /// Bits of it that count.
    pub mask: u8,
    /// What they hold.
    pub equals: u8,
}

/// One field of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its place among the names of the stream.
    pub field: usize,
    /// Offset of its first byte from the frame's first byte.
    pub at: usize,
    /// What it holds.
    pub kind: CellKind,
    /// Which byte comes first.
    pub order: Order,
    /// Bits of a number that belong to it; the value is what they hold, moved down.
    pub mask: Option<u64>,
    /// Added to a whole number.
    pub add: i64,
}

/// What a field of a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// One byte, unsigned.
    U8,
    /// One byte, two's complement.
    I8,
    /// Two bytes, unsigned.
    U16,
    /// Two bytes, two's complement.
    I16,
    /// Three bytes, unsigned.
    U24,
    /// Four bytes, unsigned.
    U32,
    /// Four bytes, two's complement.
    I32,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
    /// Decimal digits as text, this many, padded with blanks.
    Digits(usize),
    /// Text of this many bytes.
    Text(usize),
}

/// Which byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The highest.
    Big,
    /// The lowest.
    Little,
}

impl Order {
    /// Both with the word a profile calls them by.
    pub const WORDS: &[(&str, Self)] = &[("big", Self::Big), ("little", Self::Little)];

    /// Bytes put together as a number.
    pub fn join(self, bytes: &[u8]) -> u64 {
        let join = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
        match self {
            Self::Big => bytes.iter().fold(0, join),
            Self::Little => bytes.iter().rev().fold(0, join),
        }
    }
}

impl CellKind {
    /// Every kind with the word a profile calls it by; those of text take their length from the profile.
    pub const WORDS: &[(&str, Self)] = &[
        ("u8", Self::U8),
        ("i8", Self::I8),
        ("u16", Self::U16),
        ("i16", Self::I16),
        ("u24", Self::U24),
        ("u32", Self::U32),
        ("i32", Self::I32),
        ("f32", Self::F32),
        ("f64", Self::F64),
        ("digits", Self::Digits(0)),
        ("text", Self::Text(0)),
    ];

    /// Bytes that it takes.
    pub const fn width(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U24 => 3,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
            Self::Digits(length) | Self::Text(length) => length,
        }
    }

    /// True for whole numbers in bytes, out of which bits can be picked.
    pub const fn has_bits(self) -> bool {
        match self {
            Self::U8 | Self::U16 | Self::U24 | Self::U32 => true,
            Self::I8 | Self::I16 | Self::I32 | Self::F32 | Self::F64 | Self::Digits(_) | Self::Text(_) => false,
        }
    }
}

impl Layout {
    /// The fields of a frame; `None` where it is not of this kind.
    pub fn read(&self, frame: &[u8], charset: Charset) -> Option<Vec<(usize, Held)>> {
        if self.length.is_some_and(|length| length != frame.len()) {
            return None;
        }
        let fits =
            |selector: &Selector| frame.get(selector.at).is_some_and(|byte| byte & selector.mask == selector.equals);
        if !self.when.iter().all(fits) {
            return None;
        }
        self.cells.iter().map(|cell| Some((cell.field, cell.read(frame, charset)?))).collect()
    }

    /// Bytes that a frame must have for all fields to be in it.
    pub fn reach(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.at + cell.kind.width());
        cells.chain(self.when.iter().map(|selector| selector.at + 1)).max().unwrap_or(0)
    }
}

impl Cell {
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // picking bits apart is the point
    fn read(&self, frame: &[u8], charset: Charset) -> Option<Held> {
        let bytes = frame.get(self.at..self.at.checked_add(self.kind.width())?)?;
        let bits = || {
            let bits = self.order.join(bytes);
            self.mask.map_or(bits, |mask| (bits & mask) >> mask.trailing_zeros())
        };
        let whole = |number: i64| Held::Int(number.saturating_add(self.add));
        Some(match self.kind {
            CellKind::U8 | CellKind::U16 | CellKind::U24 | CellKind::U32 => whole(bits() as i64),
            CellKind::I8 => whole(i64::from(bits() as u8 as i8)),
            CellKind::I16 => whole(i64::from(bits() as u16 as i16)),
            CellKind::I32 => whole(i64::from(bits() as u32 as i32)),
            CellKind::F32 => Held::Float(f64::from(f32::from_bits(bits() as u32))),
            CellKind::F64 => Held::Float(f64::from_bits(bits())),
            CellKind::Digits(_) => return decimal(bytes).map(|held| held.add(self.add)),
            CellKind::Text(_) => {
                let text = charset.text(bytes).filter(|text| !text.chars().any(char::is_control))?;
                Held::Text(text.trim_matches(' ').into())
            }
        })
    }
}

/// A number written in digits, as indicators send it: blanks for zeros in front, no point.
fn decimal(bytes: &[u8]) -> Option<Held> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(' ');
    if text.len() >= 2 && text.bytes().all(|byte| byte == b'-') {
        return Some(Held::Missing(text.into()));
    }
    text.parse().ok().map(Held::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(at: usize, kind: CellKind) -> Cell {
        Cell { field: 0, at, kind, order: Order::Big, mask: None, add: 0 }
    }

    fn read(cell: Cell, frame: &[u8]) -> Option<Held> {
        let layout = Layout { length: None, when: Vec::new(), cells: vec![cell] };
        layout.read(frame, Charset::Ascii).map(|mut held| held.remove(0).1)
    }

    #[test]
    fn fields_are_put_together_from_their_bytes() {
        let frame = [0x02, 0x80, 0x01, 0xFF, b' ', b'4', b'2', 0x41, 0xA4, 0, 0];
        assert_eq!(read(cell(1, CellKind::U16), &frame), Some(Held::Int(0x8001)));
        assert_eq!(read(cell(1, CellKind::I16), &frame), Some(Held::Int(-32767)));
        assert_eq!(read(Cell { order: Order::Little, ..cell(1, CellKind::U24) }, &frame), Some(Held::Int(0xFF_0180)));
        assert_eq!(read(cell(3, CellKind::I8), &frame), Some(Held::Int(-1)));
        assert_eq!(read(Cell { mask: Some(0xF0), ..cell(1, CellKind::U8) }, &frame), Some(Held::Int(8)));
        assert_eq!(read(Cell { add: -2, ..cell(4, CellKind::Digits(3)) }, &frame), Some(Held::Int(40)));
        assert_eq!(read(cell(7, CellKind::F32), &frame), Some(Held::Float(20.5)));
        assert_eq!(read(cell(5, CellKind::Text(2)), &frame), Some(Held::Text("42".into())));
    }

    #[test]
    fn a_frame_of_another_kind_or_too_short_for_its_fields_is_not_read() {
        let layout = |length, equals| Layout {
            length,
            when: vec![Selector { at: 0, mask: 0xFF, equals }],
            cells: vec![cell(1, CellKind::U16)],
        };
        assert!(layout(None, 2).read(&[2, 0, 1], Charset::Ascii).is_some());
        assert!(layout(None, 3).read(&[2, 0, 1], Charset::Ascii).is_none());
        assert!(layout(Some(4), 2).read(&[2, 0, 1], Charset::Ascii).is_none());
        assert!(layout(None, 2).read(&[2, 0], Charset::Ascii).is_none());
        assert_eq!(read(cell(usize::MAX, CellKind::U16), &[0]), None);
        assert_eq!(read(cell(0, CellKind::Digits(3)), b"1x2"), None);
    }
}

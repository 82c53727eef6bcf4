//! Where a Modbus device keeps a point, and how its bits or words are put together.

/// The place of a point in a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
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
    /// Command words of a boolean in a register.
    pub command: Option<Command>,
    /// Where the device says how many of the number's digits are decimals; `None` where they do not change.
    pub decimals: Option<Decimals>,
}

impl Register {
    /// Registers or bits that are read for it: those that it fills, up to the one with its decimals.
    pub const fn width(&self) -> u16 {
        let own = match self.table {
            Table::Coil | Table::Discrete => 1,
            Table::Holding | Table::Input => self.data.words(),
        };
        match self.decimals {
            Some(decimals) if decimals.word >= own => decimals.word + 1,
            Some(_) | None => own,
        }
    }
}

/// The bits that say how many digits of a number are decimals. They come in the same read as the number: read apart, a
/// weight could meet the decimals of another moment and be wrong by a factor of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimals {
    /// Which word, counted from the number's first one.
    pub word: u16,
    /// Which bits of it.
    pub mask: u16,
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
    /// The tables of registers alone.
    pub(crate) const REGISTERS: &[(&str, Self)] = &[("holding", Self::Holding), ("input", Self::Input)];

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

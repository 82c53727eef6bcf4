//! What guards a unit against disturbances on the wire.

/// A checksum and where it stands in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it is reckoned.
    pub sum: Sum,
    /// First byte that it covers, counted from the unit's first.
    pub from: usize,
    /// How many bytes stand after it.
    pub after: usize,
    /// How it is written.
    pub form: Form,
}

/// How a checksum is reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sum {
    /// The bytes added up, modulo 256.
    Sum8,
    /// What makes the bytes and itself add up to 0 modulo 256.
    Sum8Negated,
    /// What makes the low seven bits of the bytes and itself add up to 0 modulo 128: Toledo's.
    Sum7Negated,
    /// The bytes combined by exclusive or.
    Xor8,
    /// The bytes added up, modulo 65,536.
    Sum16,
    /// CRC-16 as Modbus has it, low byte first.
    Crc16Modbus,
    /// CRC-16 with polynomial 0x1021 and beginning 0xFFFF, high byte first.
    Crc16Ccitt,
    /// CRC-16 with polynomial 0x1021 and beginning 0, high byte first.
    Crc16Xmodem,
}

/// How a checksum is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Its bytes.
    Raw,
    /// Two hexadecimal digits a byte; either case is read, upper case is written.
    Hex,
}

impl Form {
    /// Every form with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[("raw", Self::Raw), ("hex", Self::Hex)];
}

impl Sum {
    /// Every way with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[
        ("sum8", Self::Sum8),
        ("sum8-negated", Self::Sum8Negated),
        ("sum7-negated", Self::Sum7Negated),
        ("xor8", Self::Xor8),
        ("sum16", Self::Sum16),
        ("crc16-modbus", Self::Crc16Modbus),
        ("crc16-ccitt", Self::Crc16Ccitt),
        ("crc16-xmodem", Self::Crc16Xmodem),
    ];

    /// Its bytes over `bytes`, in the order in which they are sent.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let total = || bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        match self {
            Self::Sum8 => vec![total()],
            Self::Sum8Negated => vec![total().wrapping_neg()],
            Self::Sum7Negated => {
                let low = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(byte & 0x7F));
                vec![low.wrapping_neg() & 0x7F]
            }
            Self::Xor8 => vec![bytes.iter().fold(0, |sum, byte| sum ^ byte)],
            Self::Sum16 => {
                bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte))).to_be_bytes().to_vec()
            }
            Self::Crc16Modbus => reflected(bytes).to_le_bytes().to_vec(),
            Self::Crc16Ccitt => forward(0xFFFF, bytes).to_be_bytes().to_vec(),
            Self::Crc16Xmodem => forward(0, bytes).to_be_bytes().to_vec(),
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::Sum8 | Self::Sum8Negated | Self::Sum7Negated | Self::Xor8 => 1,
            Self::Sum16 | Self::Crc16Modbus | Self::Crc16Ccitt | Self::Crc16Xmodem => 2,
        }
    }
}

/// Polynomial 0x8005 with its bits turned round (Modbus over serial line 1.02, appendix B).
fn reflected(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

fn forward(begin: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(begin, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc >> 15 == 1 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}

impl Checksum {
    /// Bytes that it takes in a unit.
    pub const fn width(self) -> usize {
        match self.form {
            Form::Raw => self.sum.size(),
            Form::Hex => self.sum.size() * 2,
        }
    }

    /// Where it stands in a unit of `length` bytes; `None` where the unit is too short for it.
    pub const fn place(self, length: usize) -> Option<usize> {
        match length.checked_sub(self.width() + self.after) {
            Some(at) if at >= self.from => Some(at),
            Some(_) | None => None,
        }
    }

    /// Puts the checksum of its bytes into a unit; one that is too short for it is left as it is.
    pub fn sign(self, unit: &mut [u8]) {
        if let Some(at) = self.place(unit.len()) {
            let sum = written(self.sum.of(&unit[self.from..at]), self.form);
            unit[at..at + sum.len()].copy_from_slice(&sum);
        }
    }

    /// True where the unit holds the checksum of its bytes.
    pub fn holds(self, unit: &[u8]) -> bool {
        let Some(at) = self.place(unit.len()) else { return false };
        let expected = written(self.sum.of(&unit[self.from..at]), self.form);
        let found = &unit[at..at + self.width()];
        match self.form {
            Form::Raw => found == expected,
            Form::Hex => found.eq_ignore_ascii_case(&expected),
        }
    }
}

/// A checksum as it is sent.
pub(super) fn written(bytes: Vec<u8>, form: Form) -> Vec<u8> {
    match form {
        Form::Raw => bytes,
        Form::Hex => bytes.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_s_check_values_come_out() {
        // Check values of the catalogue of parametrised CRC algorithms for the nine digits.
        let digits = b"123456789";
        assert_eq!(Sum::Crc16Modbus.of(digits), [0x37, 0x4B]);
        assert_eq!(Sum::Crc16Ccitt.of(digits), [0x29, 0xB1]);
        assert_eq!(Sum::Crc16Xmodem.of(digits), [0x31, 0xC3]);
        assert_eq!(Sum::Sum8.of(digits), [0xDD]);
        assert_eq!(Sum::Sum8Negated.of(digits), [0x23]);
        assert_eq!(Sum::Xor8.of(digits), [0x31]);
        assert_eq!(Sum::Sum16.of(digits), [0x01, 0xDD]);
        assert_eq!(Sum::Sum7Negated.of(&[0x02, 0x7F, 0xFF]), [0x00], "2 + 127 + 127 is 0 modulo 128");
    }

    #[test]
    fn a_checksum_is_found_where_it_stands_and_covers_what_it_says() {
        // Captured from a Yaohua indicator at 1,560 kg: the sum of bytes 1 to 8 as two digits before the end.
        let unit = *b"\x02+00156001\x39\x03";
        let checksum = Checksum { sum: Sum::Xor8, from: 1, after: 1, form: Form::Hex };
        assert!(checksum.holds(&unit));
        for place in 1..11 {
            let mut other = unit;
            other[place] ^= 1;
            assert!(!checksum.holds(&other), "byte {place}");
        }
        assert!(!checksum.holds(b"\x02"));
    }
}

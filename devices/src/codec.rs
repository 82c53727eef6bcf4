//! Raw bits and words into values with a quality, and values into the words to write.

use crate::kind::Shape;
use crate::profile::{
    ByteOrder, DataType, Expect, Point, Profile, ProfileTest, Register, Table, Trial, Truth, WordOrder,
};
use crate::reading::{Quality, Value};
use crate::stream::Words;

/// What a device sent for one point: exactly its bits or words, first address first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// One coil or discrete input.
    Bit(bool),
    /// As many registers as [`Register::width`] says.
    Words(&'a [u16]),
}

/// The value of a point and how far it can be trusted. Never panics, whatever the device sent.
pub fn decode(point: &Point, raw: Raw<'_>) -> (Option<Value>, Quality) {
    let Some(register) = point.register() else { return bad(format!("`{}` is in no register", point.name)) };
    match (raw, register.data) {
        (Raw::Bit(on), _) => good(Value::Bool(on != point.inverted)),
        (Raw::Words(words), _) if words.len() != usize::from(register.width()) => {
            bad(format!("{} registers came, expected {}", words.len(), register.width()))
        }
        (Raw::Words(words), DataType::Bool) => match register.truth {
            Some(truth) => good(Value::Bool(holds(truth, ordered(register, words[0])) != point.inverted)),
            None => bad("the profile does not say where the bool is".to_owned()),
        },
        (Raw::Words(words), _) => {
            let own = &words[..usize::from(register.data.words())];
            let decimals = register.decimals.map_or(0, |place| {
                let word = ordered(register, words[usize::from(place.word)]);
                i32::from((word & place.mask) >> place.mask.trailing_zeros())
            });
            number(point, register, bits(register, own), decimals)
        }
    }
}

fn good(value: Value) -> (Option<Value>, Quality) {
    (Some(value), Quality::Good)
}

const fn bad(reason: String) -> (Option<Value>, Quality) {
    (None, Quality::Bad(reason))
}

const fn holds(truth: Truth, word: u16) -> bool {
    match truth {
        Truth::Bit(bit) => word >> bit & 1 == 1,
        Truth::Equals { mask, value } => word & mask == value,
    }
}

const fn ordered(register: &Register, word: u16) -> u16 {
    match register.byte_order {
        ByteOrder::Big => word,
        ByteOrder::Little => word.swap_bytes(),
    }
}

/// The words of a point put together, high word first.
fn bits(register: &Register, words: &[u16]) -> u64 {
    let join = |all: u64, word: &u16| all << 16 | u64::from(ordered(register, *word));
    match register.word_order {
        WordOrder::HighFirst => words.iter().fold(0, join),
        WordOrder::LowFirst => words.iter().rev().fold(0, join),
    }
}

/// A raw number before scaling.
enum Number {
    Int(i128),
    Float(f64),
}

#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // picking bits apart is the point
fn unpack(register: &Register, bits: u64) -> Number {
    match register.data {
        DataType::U8Low => Number::Int(i128::from(bits as u8)),
        DataType::U8High => Number::Int(i128::from((bits >> 8) as u8)),
        DataType::Bool | DataType::U16 | DataType::U32 | DataType::U64 => {
            Number::Int(i128::from(picked(register, bits)))
        }
        DataType::I16 => Number::Int(i128::from(bits as u16 as i16)),
        DataType::I32 => Number::Int(i128::from(bits as u32 as i32)),
        DataType::I64 => Number::Int(i128::from(bits as i64)),
        DataType::F32 => Number::Float(f64::from(f32::from_bits(bits as u32))),
        DataType::F64 => Number::Float(f64::from_bits(bits)),
    }
}

fn picked(register: &Register, bits: u64) -> u64 {
    register.mask.map_or(bits, |mask| (bits & mask) >> mask.trailing_zeros())
}

fn number(point: &Point, register: &Register, bits: u64, decimals: i32) -> (Option<Value>, Quality) {
    if point.invalid.contains(&bits) {
        let digits = usize::from(register.data.words()) * 4;
        return (None, Quality::Invalid(format!("the device sent 0x{bits:0digits$X}, its code for no measurement")));
    }
    let plain = point.scale == 1.0 && point.offset == 0.0 && decimals == 0;
    let (value, size) = match unpack(register, bits) {
        Number::Int(raw) => match i64::try_from(raw) {
            Ok(whole) if plain => (Value::Int(whole), raw as f64),
            // Divided, not multiplied by 0.01: 12345 with two decimals is 123.45 to the last bit.
            Ok(_) | Err(_) => scaled(point, raw as f64 / 10_f64.powi(decimals)),
        },
        Number::Float(raw) => scaled(point, raw),
    };
    judge(point, value, size)
}

fn scaled(point: &Point, raw: f64) -> (Value, f64) {
    let size = raw * point.scale + point.offset;
    (Value::Float(size), size)
}

pub(crate) fn judge(point: &Point, value: Value, size: f64) -> (Option<Value>, Quality) {
    if !size.is_finite() {
        return bad(format!("the device sent {size}, which is no measurement"));
    }
    let unit = point.unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    if let Some(range) = point.range.as_ref().filter(|range| !range.contains(&size)) {
        return bad(format!("{value}{unit} is outside of the plausible {} to {}{unit}", range.start(), range.end()));
    }
    if !point.allowed.is_empty() && !allows(point, size) {
        return bad(format!("{value} is none of the values that this point can have"));
    }
    good(value)
}

fn allows(point: &Point, size: f64) -> bool {
    point.allowed.iter().any(|allowed| *allowed as f64 == size)
}

/// What is written to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Function 5.
    Coil {
        /// Address in the request.
        address: u16,
        /// On or off.
        on: bool,
    },
    /// Function 6.
    Register {
        /// Address in the request.
        address: u16,
        /// The word.
        word: u16,
    },
    /// Function 16.
    Registers {
        /// Address of the first.
        address: u16,
        /// The words, first address first.
        words: Vec<u16>,
    },
}

/// The words that make `point` hold `value`, or why it cannot.
pub fn encode(point: &Point, value: &Value) -> Result<Write, String> {
    if !point.writable() {
        return Err(format!("point `{}` cannot be written", point.name));
    }
    let Some(register) = point.register() else { return Err(format!("point `{}` is in no register", point.name)) };
    if register.data == DataType::Bool {
        let on = value.as_bool().ok_or_else(|| format!("point `{}` is on or off, not {value}", point.name))?;
        return switch(point, register, on);
    }
    let size = match value {
        Value::Int(_) | Value::Float(_) => value.as_f64(),
        Value::Bool(_) | Value::Text(_) => None,
    };
    let size = size.ok_or_else(|| format!("point `{}` is a number, not {value}", point.name))?;
    if let (_, Quality::Bad(reason)) = judge(point, value.clone(), size) {
        return Err(format!("point `{}`: {reason}", point.name));
    }
    let bits = pack(register, (size - point.offset) / point.scale)
        .ok_or_else(|| format!("point `{}`: {value} does not fit into its registers", point.name))?;
    Ok(registers(register, bits))
}

fn switch(point: &Point, register: &Register, on: bool) -> Result<Write, String> {
    let address = register.address;
    match (register.table, register.command) {
        (Table::Coil, _) => Ok(Write::Coil { address, on: on != point.inverted }),
        (_, Some(command)) if on => Ok(Write::Register { address, word: command.on }),
        (_, Some(command)) => match command.off {
            Some(word) => Ok(Write::Register { address, word }),
            None => Err(format!("point `{}` ends by itself and cannot be switched off", point.name)),
        },
        (Table::Discrete | Table::Holding | Table::Input, None) => {
            Err(format!("the profile does not say what to write to `{}`", point.name))
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // each cast is guarded by its range
fn pack(register: &Register, raw: f64) -> Option<u64> {
    let whole = raw.round();
    let within = |low: f64, high: f64| (low..=high).contains(&whole);
    match register.data {
        DataType::U16 if within(0.0, f64::from(u16::MAX)) => Some(whole as u64),
        DataType::U32 if within(0.0, f64::from(u32::MAX)) => Some(whole as u64),
        // The largest f64 below 2^64 and 2^63: above 2^53 a float is no exact counter anyway.
        DataType::U64 if within(0.0, 18_446_744_073_709_549_568.0) => Some(whole as u64),
        DataType::I16 if within(f64::from(i16::MIN), f64::from(i16::MAX)) => Some(u64::from(whole as i16 as u16)),
        DataType::I32 if within(f64::from(i32::MIN), f64::from(i32::MAX)) => Some(u64::from(whole as i32 as u32)),
        DataType::I64 if within(-9_223_372_036_854_775_808.0, 9_223_372_036_854_774_784.0) => Some(whole as i64 as u64),
        DataType::F32 => Some(raw as f32).filter(|single| single.is_finite()).map(|single| u64::from(single.to_bits())),
        DataType::F64 => Some(raw.to_bits()),
        DataType::Bool
        | DataType::U8Low
        | DataType::U8High
        | DataType::U16
        | DataType::U32
        | DataType::U64
        | DataType::I16
        | DataType::I32
        | DataType::I64 => None,
    }
}

fn registers(register: &Register, bits: u64) -> Write {
    let address = register.address;
    let mut words: Vec<u16> = bits
        .to_be_bytes()
        .chunks_exact(2)
        .map(|pair| ordered(register, u16::from_be_bytes([pair[0], pair[1]])))
        .collect();
    words.drain(..4 - usize::from(register.data.words()));
    if register.word_order == WordOrder::LowFirst {
        words.reverse();
    }
    match words[..] {
        [word] => Write::Register { address, word },
        _ => Write::Registers { address, words },
    }
}

/// Runs one `[[test]]` block: what came out instead, if it differs.
pub fn run_test(profile: &Profile, test: &ProfileTest) -> Result<(), String> {
    match (&test.trial, &profile.stream) {
        (Trial::Register { point, raw, expect }, _) => {
            let point = &profile.points[*point];
            let bits = point.register().is_some_and(|register| register.table.is_bits());
            let raw = match (bits, &raw[..]) {
                (true, [bit]) => Raw::Bit(*bit != 0),
                (true, many) => return Err(format!("`raw` holds {} bits, `{}` is one", many.len(), point.name)),
                (false, words) => Raw::Words(words),
            };
            let (value, quality) = decode(point, raw);
            agree(point, expect, value.as_ref(), &quality)
        }
        (Trial::Unit { unit, record, expect }, Some(stream)) => stream.try_unit(profile, unit, *record, expect),
        (Trial::Bytes { bytes, records }, Some(stream)) => stream.try_bytes(profile, bytes, records),
        (Trial::Write { point, value, unit, sends }, Some(_)) => {
            try_write(&profile.points[*point], value, *unit, sends)
        }
        (Trial::Line(trial), _) => match &profile.detector {
            Some(detector) => trial.run(detector),
            None => Err("the profile has no `lines`".to_owned()),
        },
        (Trial::Unit { .. } | Trial::Bytes { .. } | Trial::Write { .. }, None) => {
            Err("the profile has neither lines nor frames".to_owned())
        }
    }
}

fn try_write(point: &Point, value: &Value, unit: u8, sends: &[u8]) -> Result<(), String> {
    match words(point, unit, value) {
        Ok(bytes) if bytes == sends => Ok(()),
        Ok(bytes) => Err(format!("{} was sent", shown(&bytes))),
        Err(why) => Err(format!("nothing was sent: {why}")),
    }
}

/// Bytes as a technician can compare them: text where it is text, hexadecimal digits where not.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\"{}\" ({})", bytes.escape_ascii(), hex.join(" "))
}

/// Holds what came out against what a test expects.
pub(crate) fn agree(point: &Point, expect: &Expect, value: Option<&Value>, quality: &Quality) -> Result<(), String> {
    let agrees = match (expect, quality) {
        (Expect::Good(expected), Quality::Good) => value.is_some_and(|value| same(expected, value)),
        (Expect::Bad, Quality::Bad(_)) | (Expect::Invalid, Quality::Invalid(_)) => true,
        (Expect::Good(_) | Expect::Bad | Expect::Invalid, _) => false,
    };
    if agrees {
        return Ok(());
    }
    Err(match (value, quality) {
        (Some(value), _) => format!("`{}` came out as {value}", point.name),
        (None, Quality::Bad(reason) | Quality::Invalid(reason)) => {
            format!("`{}` came out without a value: {reason}", point.name)
        }
        (None, Quality::Good | Quality::Stale) => format!("`{}` came out without a value", point.name),
    })
}

/// The bytes that make a point of a line or frame device hold `value`, or why it cannot.
pub fn words(point: &Point, unit: u8, value: &Value) -> Result<Vec<u8>, String> {
    let named = |why: String| format!("point `{}`: {why}", point.name);
    let Some(signal) = point.signal() else { return Err(named("it is in a register".to_owned())) };
    let Some(sink) = &signal.sink else { return Err(format!("point `{}` cannot be written", point.name)) };
    match (&sink.words, value) {
        (Words::Switch { on, off }, Value::Bool(wanted)) => {
            let template = if *wanted != point.inverted { Some(on) } else { off.as_ref() };
            let template = template.ok_or_else(|| named("it ends by itself and cannot be switched off".to_owned()))?;
            template.render(unit, None, &sink.rules).map_err(named)
        }
        (Words::Switch { .. }, Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
            Err(format!("point `{}` is on or off, not {value}", point.name))
        }
        (Words::Value(template), _) => {
            template.render(unit, Some(&raw_value(point, value)?), &sink.rules).map_err(named)
        }
    }
}

/// The value as the device counts it.
fn raw_value(point: &Point, value: &Value) -> Result<Value, String> {
    match (point.shape(), value) {
        (Shape::Text, Value::Text(_)) => Ok(value.clone()),
        (Shape::Number, Value::Int(_) | Value::Float(_)) => {
            let size = value.as_f64().unwrap_or(f64::NAN);
            if let (_, Quality::Bad(reason)) = judge(point, value.clone(), size) {
                return Err(format!("point `{}`: {reason}", point.name));
            }
            let plain = point.scale == 1.0 && point.offset == 0.0;
            Ok(if plain { value.clone() } else { Value::Float((size - point.offset) / point.scale) })
        }
        (Shape::Text | Shape::Number | Shape::Bool, _) => Err(format!("point `{}` cannot hold {value}", point.name)),
    }
}

/// Equal as a technician reads it: 21 is 21.0, and scaling by 0.1 may leave a rounding error.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            let (one, other) = (expected.as_f64().unwrap_or(f64::NAN), found.as_f64().unwrap_or(f64::NAN));
            (one - other).abs() <= one.abs() * 1e-9 + 1e-9
        }
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A point of an `io` profile described by TOML lines.
    fn point(lines: &str) -> Point {
        let text = format!(
            "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
             [[point]]\nname = \"p\"\naddress = 7\n{lines}"
        );
        Profile::parse("io/test", &text).expect("profile").points.remove(0)
    }

    fn value(lines: &str, words: &[u16]) -> Option<Value> {
        decode(&point(lines), Raw::Words(words)).0
    }

    #[test]
    fn numbers_are_put_together_from_their_words_and_bytes() {
        let int = |number| Some(Value::Int(number));
        assert_eq!(value("table = \"holding\"\ntype = \"u16\"", &[0xFFFE]), int(65534));
        assert_eq!(value("table = \"holding\"\ntype = \"i16\"", &[0xFFFE]), int(-2));
        assert_eq!(value("table = \"holding\"\ntype = \"u8_low\"", &[0x0B05]), int(5));
        assert_eq!(value("table = \"holding\"\ntype = \"u8_high\"", &[0x0B05]), int(11));
        assert_eq!(value("table = \"input\"\ntype = \"u32\"", &[0x0001, 0x0002]), int(65538));
        assert_eq!(
            value("table = \"input\"\ntype = \"u32\"\nword_order = \"low-first\"", &[0x0002, 0x0001]),
            int(65538)
        );
        assert_eq!(value("table = \"input\"\ntype = \"u16\"\nbyte_order = \"little\"", &[0x3412]), int(0x1234));
        assert_eq!(value("table = \"input\"\ntype = \"i32\"", &[0xFFFF, 0xFFFF]), int(-1));
        assert_eq!(value("table = \"input\"\ntype = \"u16\"\nmask = 0x0070", &[0x00B5]), int(3));
        let float = |number| Some(Value::Float(number));
        assert_eq!(value("table = \"input\"\ntype = \"f32\"", &[0x41A4, 0x0000]), float(20.5));
        assert_eq!(value("table = \"input\"\ntype = \"f64\"", &[0x4034, 0x8000, 0, 0]), float(20.5));
        assert_eq!(value("table = \"input\"\ntype = \"i16\"\nscale = 0.5\noffset = -10", &[4]), float(-8.0));
    }

    #[test]
    fn a_number_takes_its_decimals_from_a_word_of_the_same_read() {
        let lines = "table = \"holding\"\ntype = \"i32\"\ndecimals_word = 5\ndecimals_mask = 0x0070";
        let float = |number| Some(Value::Float(number));
        assert_eq!(value(lines, &[0, 12345, 9, 9, 9, 0x0023]), float(123.45));
        assert_eq!(value(lines, &[0xFFFF, 0xFFFF, 0, 0, 0, 0x0010]), float(-0.1));
        assert_eq!(value(lines, &[0, 12345, 0, 0, 0, 0xFF8F]), Some(Value::Int(12345)));
        assert_eq!(value(lines, &[0, 12345]), None, "the word with the decimals is missing");
    }

    #[test]
    fn what_cannot_be_used_is_bad_with_a_reason_and_what_the_device_disowns_is_invalid() {
        let quality = |lines: &str, words: &[u16]| decode(&point(lines), Raw::Words(words));
        for (lines, words, part) in [
            ("table = \"input\"\ntype = \"f32\"", &[0x7FC0_u16, 0][..], "NaN"),
            ("table = \"input\"\ntype = \"f32\"", &[0x7F80, 0], "inf"),
            ("table = \"input\"\ntype = \"i16\"\nrange = [0, 60]\nunit = \"°C\"", &[71], "71 °C is outside"),
            ("table = \"input\"\ntype = \"u16\"\nallowed = [1, 2]", &[3], "none of the values"),
            ("table = \"input\"\ntype = \"u32\"", &[3], "1 registers came, expected 2"),
        ] {
            let (value, quality) = quality(lines, words);
            assert_eq!(value, None);
            assert!(matches!(&quality, Quality::Bad(reason) if reason.contains(part)), "{lines}: {quality:?}");
        }
        let (value, quality) = quality("table = \"input\"\ntype = \"i16\"\ninvalid = [0x7FFF]", &[0x7FFF]);
        assert_eq!(value, None);
        assert!(matches!(&quality, Quality::Invalid(reason) if reason.contains("0x7FFF")), "{quality:?}");
    }

    #[test]
    fn booleans_come_out_of_bits_codes_and_inverted_contacts() {
        let on = Some(Value::Bool(true));
        assert_eq!(value("table = \"holding\"\ntype = \"bool\"\nbit = 3", &[0b1000]), on);
        assert_eq!(value("table = \"holding\"\ntype = \"bool\"\nmask = 0xFF\nequals = 5", &[0x0305]), on);
        assert_ne!(value("table = \"holding\"\ntype = \"bool\"\nmask = 0xFF\nequals = 5", &[0x0306]), on);
        let inverted = point("table = \"discrete\"\ninverted = true");
        assert_eq!(decode(&inverted, Raw::Bit(false)).0, on);
    }

    #[test]
    fn values_are_written_as_the_words_that_read_back_the_same() {
        let rw = "access = \"read-write\"\ntable = \"holding\"\n";
        for (lines, number) in [
            ("type = \"u16\"", Value::Int(65535)),
            ("type = \"i16\"", Value::Int(-300)),
            ("type = \"i32\"\nword_order = \"low-first\"", Value::Int(-70_000)),
            ("type = \"u64\"\nbyte_order = \"little\"", Value::Int(0x0102_0304_0506)),
            ("type = \"f32\"", Value::Float(20.5)),
            ("type = \"f64\"\nword_order = \"low-first\"", Value::Float(-0.1)),
            ("type = \"u16\"\nscale = 0.5\noffset = 5", Value::Float(12.5)),
        ] {
            let point = point(&format!("{rw}{lines}"));
            let words = match encode(&point, &number).unwrap() {
                Write::Register { address: 7, word } => vec![word],
                Write::Registers { address: 7, words } => words,
                other @ (Write::Coil { .. } | Write::Register { .. } | Write::Registers { .. }) => panic!("{other:?}"),
            };
            assert_eq!(decode(&point, Raw::Words(&words)).0, Some(number), "{lines}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_wrapped() {
        let rw = "access = \"read-write\"\ntable = \"holding\"\n";
        for (lines, number) in [
            ("type = \"u16\"", Value::Int(65536)),
            ("type = \"u16\"", Value::Int(-1)),
            ("type = \"u16\"", Value::Float(f64::NAN)),
            ("type = \"u16\"", Value::Bool(true)),
            ("type = \"i16\"\nrange = [0, 10]", Value::Int(11)),
            ("type = \"u16\"\nallowed = [1]", Value::Int(2)),
            ("type = \"f32\"", Value::Float(1e300)),
        ] {
            assert!(encode(&point(&format!("{rw}{lines}")), &number).is_err(), "{lines} {number:?}");
        }
        assert!(encode(&point("table = \"discrete\""), &Value::Bool(true)).is_err());
    }

    #[test]
    fn a_command_word_without_off_is_written_and_never_switched_off() {
        let open = point("table = \"holding\"\ntype = \"bool\"\naccess = \"write\"\non = 0x6802");
        assert_eq!(encode(&open, &Value::Bool(true)), Ok(Write::Register { address: 7, word: 0x6802 }));
        assert!(encode(&open, &Value::Bool(false)).is_err());
    }
}

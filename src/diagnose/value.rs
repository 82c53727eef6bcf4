//! One value: does it make sense, and if not, in which other order or scale would it?

use portside_devices::codec::{Raw, decode};
use portside_devices::plan::Block;
use portside_devices::profile::{ByteOrder, DataType, Place, Point, Profile, WordOrder};
use portside_devices::reading::{Quality, Value};
use portside_devices::simulate::Response;

use super::Cause;
use crate::field::touch::{Answer, Outcome};

/// One point as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Place in the profile's points.
    pub index: usize,
    /// Its bits or words as they came.
    pub raw: Vec<u16>,
    /// What they mean.
    pub value: Option<Value>,
    /// How far to trust it.
    pub quality: Quality,
}

/// The points of a read, from its answer; none where the device did not answer with data.
pub fn shown(profile: &Profile, block: &Block, answer: &Answer) -> Vec<Shown> {
    let (Outcome::Answer(response) | Outcome::Twice(response, _)) = &answer.outcome else { return Vec::new() };
    let points = block.points.iter().filter_map(|index| {
        let point = &profile.points[*index];
        let register = point.register()?;
        let from = usize::from(register.address - block.start);
        let (raw, (value, quality)) = match response {
            Response::Bits(bits) => {
                let bit = *bits.get(from)?;
                (vec![u16::from(bit)], decode(point, Raw::Bit(bit)))
            }
            Response::Words(words) => {
                let words = words.get(from..from + usize::from(register.width()))?;
                (words.to_vec(), decode(point, Raw::Words(words)))
            }
            Response::Written | Response::Exception(_) => return None,
        };
        Some(Shown { index: *index, raw, value, quality })
    });
    points.collect()
}

/// The four orders of a value of two words or more, the two of one word, none of a bit.
pub fn orders(point: &Point) -> Vec<(ByteOrder, WordOrder)> {
    use ByteOrder::{Big, Little};
    use WordOrder::{HighFirst, LowFirst};
    match point.register().map(|register| register.data) {
        None | Some(DataType::Bool | DataType::U8Low | DataType::U8High) => Vec::new(),
        Some(DataType::U16 | DataType::I16) => vec![(Big, HighFirst), (Little, HighFirst)],
        Some(DataType::U32 | DataType::I32 | DataType::F32 | DataType::U64 | DataType::I64 | DataType::F64) => {
            vec![(Big, HighFirst), (Big, LowFirst), (Little, HighFirst), (Little, LowFirst)]
        }
    }
}

/// What is wrong with a value, if it cannot be as it is.
pub(super) fn causes(point: &Point, shown: &Shown) -> Vec<Cause> {
    let Some(register) = point.register() else { return Vec::new() };
    let name = || point.name.to_string();
    let reason = match &shown.quality {
        Quality::Good if !absurd(point, shown.value.as_ref()) => return Vec::new(),
        Quality::Good | Quality::Stale => String::new(),
        Quality::Bad(reason) => reason.clone(),
        Quality::Invalid(reason) => return vec![Cause::NoMeasurement { point: name(), reason: reason.clone() }],
    };
    if register.data == DataType::Bool {
        return vec![Cause::Implausible { point: name(), reason }];
    }
    let as_is = free(point, &shown.raw);
    let mut found = Vec::new();
    let own = (register.byte_order, register.word_order);
    for order in orders(point).into_iter().filter(|order| *order != own) {
        let (value, quality) = decode(&in_order(point, order), Raw::Words(&shown.raw));
        if let Some(value) = value.filter(|value| quality.is_good() && !absurd(point, Some(value)) && !is_zero(value)) {
            found.push(Cause::Order {
                point: name(),
                as_is: text(point, as_is),
                order,
                value: with_unit(point, &value),
            });
        }
    }
    if !as_is.is_finite() && (found.is_empty() || is_own_nan(&shown.raw)) {
        return vec![Cause::NoMeasurement { point: name(), reason }];
    }
    // Several orders that all make sense explain nothing between them; a power of ten beside one order is a doubt too.
    match (found.len(), power(point, as_is)) {
        // Of longer values a single order that makes sense is no accident.
        (1, None) => found,
        (1, Some(_)) if register.data.words() > 1 => found,
        (1, Some(scale)) => found.into_iter().chain([scale]).collect(),
        (_, Some(scale)) => vec![scale],
        (0, None) => vec![Cause::Implausible { point: name(), reason }],
        (_, None) => found,
    }
}

fn power(point: &Point, as_is: f64) -> Option<Cause> {
    let range = point.range.as_ref().filter(|_| !absurd(point, Some(&Value::Float(as_is))))?;
    let factor =
        [0.1, 0.01, 0.001, 10.0, 100.0, 1000.0].into_iter().find(|factor| range.contains(&(as_is * factor)))?;
    let value = with_unit(point, &Value::Float(tidy(as_is * factor)));
    Some(Cause::Scale { point: point.name.to_string(), as_is: text(point, as_is), factor, value })
}

/// A float without a range that no instrument sends: what swapped words make of an ordinary number.
fn absurd(point: &Point, value: Option<&Value>) -> bool {
    let float = point.register().is_some_and(|register| matches!(register.data, DataType::F32 | DataType::F64));
    let size = value.and_then(Value::as_f64).unwrap_or(0.0).abs();
    float && size != 0.0 && !(1e-6..1e9).contains(&size)
}

/// NaN as devices send it on purpose; another order would make an ordinary number of its bytes.
fn is_own_nan(words: &[u16]) -> bool {
    let (Some(first), rest) = (words.first(), &words[1.min(words.len())..]) else { return false };
    matches!(first & 0x7FFF, 0x7FC0 | 0x7FF8 | 0x7FFF) && rest.iter().all(|word| matches!(word, 0 | 0xFFFF))
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

/// The value without its range.
fn free(point: &Point, words: &[u16]) -> f64 {
    let open = Point { range: None, allowed: Vec::new(), ..point.clone() };
    decode(&open, Raw::Words(words)).0.as_ref().and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn in_order(point: &Point, (byte_order, word_order): (ByteOrder, WordOrder)) -> Point {
    let mut other = point.clone();
    if let Some(register) = point.register() {
        let mut register = *register;
        (register.byte_order, register.word_order) = (byte_order, word_order);
        other.place = Place::Register(register);
    }
    other
}

/// Six digits: without those that scaling by 0.1, or a float of 32 bits, leaves behind.
fn tidy(value: f64) -> f64 {
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let unit = 10_f64.powf(5.0 - magnitude);
    (value * unit).round() / unit
}

fn text(point: &Point, value: f64) -> String {
    with_unit(point, &Value::Float(value))
}

/// A value with its unit, in at most six digits.
pub(super) fn with_unit(point: &Point, value: &Value) -> String {
    let unit = point.unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    match value {
        Value::Float(size) if *size != 0.0 && !(1e-4..1e7).contains(&size.abs()) => format!("{size:.3e}{unit}"),
        Value::Float(size) => format!("{}{unit}", tidy(*size)),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => format!("{value}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lines: &str) -> Point {
        let text = format!(
            "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
             [[point]]\nname = \"p\"\ntable = \"input\"\naddress = 7\n{lines}"
        );
        Profile::parse("io/test", &text).expect("profile").points.remove(0)
    }

    fn judged(lines: &str, words: &[u16]) -> Vec<Cause> {
        let point = point(lines);
        let (value, quality) = decode(&point, Raw::Words(words));
        causes(&point, &Shown { index: 0, raw: words.to_vec(), value, quality })
    }

    #[test]
    fn a_float_whose_words_are_swapped_is_told_with_the_order_that_makes_sense() {
        // 21.5 is 0x41AC_0000.
        let found = judged("type = \"f32\"\nrange = [-40, 85]", &[0x0000, 0x41AC]);
        assert!(
            matches!(&found[..], [Cause::Order { order: (ByteOrder::Big, WordOrder::LowFirst), value, .. }] if value == "21.5"),
            "{found:?}"
        );
        let bytes = judged("type = \"f32\"\nrange = [-40, 85]", &[0xAC41, 0x0000]);
        assert!(matches!(&bytes[..], [Cause::Order { order: (ByteOrder::Little, WordOrder::HighFirst), .. }]));
        assert!(judged("type = \"f32\"\nrange = [-40, 85]", &[0x41AC, 0x0000]).is_empty());
    }

    #[test]
    fn a_float_without_a_range_is_suspect_when_no_instrument_sends_it() {
        let found = judged("type = \"f32\"", &[0x3333, 0x41AB]);
        assert!(matches!(&found[..], [.., Cause::Order { .. }]), "{found:?}");
        assert!(judged("type = \"f32\"", &[0x41AB, 0x3333]).is_empty());
        assert!(judged("type = \"f32\"", &[0, 0]).is_empty());
    }

    #[test]
    fn a_wrong_scale_is_told_by_its_power_of_ten() {
        let found = judged("type = \"u16\"\nunit = \"°C\"\nrange = [-40, 85]", &[365]);
        assert!(
            matches!(&found[..], [Cause::Scale { factor, value, .. }] if *factor == 0.1 && value == "36.5 °C"),
            "{found:?}"
        );
    }

    #[test]
    fn a_code_for_no_measurement_and_a_nan_are_not_taken_for_wrong_settings() {
        assert!(matches!(judged("type = \"u16\"\ninvalid = [0xFFFF]", &[0xFFFF])[..], [Cause::NoMeasurement { .. }]));
        assert!(matches!(judged("type = \"f32\"", &[0x7FC0, 0])[..], [Cause::NoMeasurement { .. }]));
    }

    #[test]
    fn what_nothing_explains_is_said_to_be_unexplained() {
        let found = judged("type = \"u16\"\nrange = [1, 2]", &[0x5A5A]);
        assert!(matches!(found[..], [Cause::Implausible { .. }]), "{found:?}");
    }
}

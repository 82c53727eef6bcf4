//! Numbers that carry their unit: `"1.5 s"`, `"200 GB"`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::codes;
use super::faults::Faults;
use super::table::{Spot, TomlValue, wrong_type};

/// A duration of `MIN` to `MAX` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<const MIN: u64, const MAX: u64>(pub(super) Duration);

/// A number of bytes, `MIN` to `MAX` megabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size<const MIN: u64, const MAX: u64>(pub(super) u64);

const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: &[(&str, u64)] = &[
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const MEGA: u64 = 1_000_000;

/// Why a text is not a number with its unit.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    NoUnit,
    UnknownUnit,
    NoNumber,
}

/// Reads digits, at most three of them behind a point, and a unit; the answer is in the smallest unit.
fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, Flaw> {
    let text = text.trim();
    let cut = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(cut);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| Flaw::NoNumber)?;
    let thousandths: u64 = match fraction.len() {
        1..=3 => format!("{fraction:0<3}").parse().map_err(|_| Flaw::NoNumber)?,
        _ => return Err(Flaw::NoNumber),
    };
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Err(Flaw::NoUnit);
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(Flaw::UnknownUnit)?;
    Ok(whole.saturating_mul(*factor).saturating_add(thousandths.saturating_mul(*factor) / 1_000))
}

/// A time with its unit, such as `5ms`; `None` where it is none.
pub(super) fn time(text: &str) -> Option<Duration> {
    parse(text, TIMES).ok().map(Duration::from_millis)
}

pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    spot: Spot<'_>,
    units: &[(&str, u64)],
    example: &str,
    faults: &mut Faults,
) -> Option<u64> {
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let bare = match value.get_ref() {
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    };
    if let Some(number) = bare {
        let message = format!("{spot} has no unit");
        faults
            .add(codes::NO_UNIT, value.span(), message, format!("expected a number with its unit, {}", names()))
            .help(format!("write {} = \"{number} {}\", or what you mean by {number}", spot.key, units[1].0));
        return None;
    }
    let Some(text) = value.get_ref().as_str() else {
        wrong_type(value, spot, &format!("a number with its unit such as \"{example}\""), faults);
        return None;
    };
    let (message, help) = match parse(text, units) {
        Ok(amount) => return Some(amount),
        Err(Flaw::NoUnit) => {
            (format!("{spot} has no unit"), format!("write {} = \"{} {}\"", spot.key, text.trim(), units[1].0))
        }
        Err(Flaw::UnknownUnit) => {
            (format!("{spot} has an unknown unit"), format!("write a number and one unit, such as \"{example}\""))
        }
        Err(Flaw::NoNumber) => (
            format!("{spot} does not begin with a number"),
            format!("write a number and a unit, such as \"{example}\""),
        ),
    };
    faults
        .add(codes::NO_UNIT, value.span(), message, format!("\"{text}\", expected a number with its unit, {}", names()))
        .help(help);
    None
}

pub(super) fn out_of_range(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, low: &str, high: &str, faults: &mut Faults) {
    let label = format!("expected {low} to {high}");
    faults.add(codes::OUT_OF_RANGE, value.span(), format!("{spot} is out of its safe range"), label);
}

impl<const MIN: u64, const MAX: u64> TomlValue for Span<MIN, MAX> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let millis = read(value, spot, TIMES, "1.5 s", faults)?;
        if !(MIN..=MAX).contains(&millis) {
            out_of_range(value, spot, &duration(MIN), &duration(MAX), faults);
            return None;
        }
        Some(Self(Duration::from_millis(millis)))
    }
}

impl<const MIN: u64, const MAX: u64> TomlValue for Size<MIN, MAX> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let bytes = read(value, spot, SIZES, "200 GB", faults)?;
        let (low, high) = (MIN * MEGA, MAX * MEGA);
        if !(low..=high).contains(&bytes) {
            out_of_range(value, spot, &size(low), &size(high), faults);
            return None;
        }
        Some(Self(bytes))
    }
}

/// Milliseconds in the largest unit that needs no fraction: `90 s`, `100 ms`.
pub(super) fn duration(millis: u64) -> String {
    shown(millis, TIMES)
}

/// Bytes in the largest decimal unit that needs no fraction.
pub(super) fn size(bytes: u64) -> String {
    shown(bytes, &SIZES[..3])
}

fn shown(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().rev().find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor));
    let (name, factor) = fits.unwrap_or(&units[0]);
    format!("{} {name}", amount / factor)
}

pub(super) fn schema(units: &[(&str, u64)], range: &str) -> Schema {
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    json_schema!({
        "type": "string",
        "pattern": format!("^\\s*[0-9]+(\\.[0-9]{{1,3}})?\\s*({})\\s*$", names.join("|")),
        // Moves into the key's description, where a person sees it.
        "$comment": range,
    })
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Span<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Duration_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(TIMES, &format!("{} to {}", duration(MIN), duration(MAX)))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Size<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Size_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(SIZES, &format!("{} to {}", size(MIN * MEGA), size(MAX * MEGA)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_its_unit_is_read_exactly() {
        for (text, millis) in [
            ("1.5 s", 1_500),
            ("100ms", 100),
            ("0.25 s", 250),
            (" 2  min ", 120_000),
            ("180 d", 15_552_000_000),
            ("0 s", 0),
        ] {
            assert_eq!(parse(text, TIMES), Ok(millis), "{text}");
        }
        assert_eq!(parse("200 GB", SIZES), Ok(200_000_000_000));
        assert_eq!(parse("1.5 GiB", SIZES), Ok(1_610_612_736));
    }

    #[test]
    fn what_is_not_a_number_with_its_unit_says_why() {
        for (text, flaw) in [
            ("90", Flaw::NoUnit),
            ("90 seconds", Flaw::UnknownUnit),
            ("1 S", Flaw::UnknownUnit),
            ("s", Flaw::NoNumber),
            ("", Flaw::NoNumber),
            ("-1 s", Flaw::NoNumber),
            ("1. s", Flaw::NoNumber),
            ("1.5.2 s", Flaw::NoNumber),
            ("1.2345 s", Flaw::NoNumber),
            ("99999999999999999999 s", Flaw::NoNumber),
            ("1 s 2 s", Flaw::UnknownUnit),
        ] {
            assert_eq!(parse(text, TIMES), Err(flaw), "{text}");
        }
    }

    #[test]
    fn a_number_beyond_all_bounds_saturates_instead_of_wrapping() {
        assert_eq!(parse("18446744073709551615 d", TIMES), Ok(u64::MAX));
    }

    #[test]
    fn amounts_are_shown_in_the_unit_a_person_would_choose() {
        assert_eq!(duration(90_000), "90 s");
        assert_eq!(duration(120_000), "2 min");
        assert_eq!(duration(0), "0 ms");
        assert_eq!(size(200_000_000_000), "200 GB");
    }
}

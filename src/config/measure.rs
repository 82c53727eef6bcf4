//! Temperatures and lengths with their unit: `"37.3 °C"`, `"0.5 m"`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::faults::Faults;
use super::quantity::{out_of_range, read, schema};
use super::table::{Spot, TomlValue, wrong_type};

/// Degrees Celsius, `MIN` to `MAX` whole ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Degrees<const MIN: u64, const MAX: u64>(pub(super) f64);

/// Metres, `MIN` to `MAX` millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Metres<const MIN: u64, const MAX: u64>(pub(super) f64);

/// How many of something, `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count<const MIN: u64, const MAX: u64>(pub(super) usize);

/// In thousandths. A Chinese keyboard has the one letter ℃; the second is what faults suggest.
const TEMPERATURES: &[(&str, u64)] = &[("℃", 1_000), ("°C", 1_000), ("C", 1_000)];
const LENGTHS: &[(&str, u64)] = &[("mm", 1), ("m", 1_000), ("cm", 10)];

impl<const MIN: u64, const MAX: u64> From<Degrees<MIN, MAX>> for f64 {
    fn from(degrees: Degrees<MIN, MAX>) -> Self {
        degrees.0
    }
}

impl<const MIN: u64, const MAX: u64> From<Metres<MIN, MAX>> for f64 {
    fn from(metres: Metres<MIN, MAX>) -> Self {
        metres.0
    }
}

#[allow(clippy::cast_precision_loss)] // a few thousand at most
fn thousandths(amount: u64) -> f64 {
    amount as f64 / 1_000.0
}

impl<const MIN: u64, const MAX: u64> TomlValue for Degrees<MIN, MAX> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let amount = read(value, spot, TEMPERATURES, "37.3 °C", faults)?;
        if !(MIN * 1_000..=MAX * 1_000).contains(&amount) {
            out_of_range(value, spot, &format!("{MIN} °C"), &format!("{MAX} °C"), faults);
            return None;
        }
        Some(Self(thousandths(amount)))
    }
}

impl<const MIN: u64, const MAX: u64> TomlValue for Metres<MIN, MAX> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let amount = read(value, spot, LENGTHS, "0.5 m", faults)?;
        if !(MIN..=MAX).contains(&amount) {
            out_of_range(value, spot, &format!("{MIN} mm"), &format!("{MAX} mm"), faults);
            return None;
        }
        Some(Self(thousandths(amount)))
    }
}

impl<const MIN: u64, const MAX: u64> TomlValue for Count<MIN, MAX> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(number) = value.get_ref().as_integer().and_then(|number| number.as_str().parse::<u64>().ok()) else {
            wrong_type(value, spot, &format!("a whole number, {MIN} to {MAX}"), faults);
            return None;
        };
        if !(MIN..=MAX).contains(&number) {
            out_of_range(value, spot, &MIN.to_string(), &MAX.to_string(), faults);
            return None;
        }
        usize::try_from(number).ok().map(Self)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Degrees<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Degrees_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(TEMPERATURES, &format!("{MIN} °C to {MAX} °C"))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Metres<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Metres_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(LENGTHS, &format!("{MIN} mm to {MAX} mm"))
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Count<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Count_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

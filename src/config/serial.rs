//! How a serial port is set, in a [bus.NAME] section or behind `serial://PATH?`.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use portside_devices::plan::{self, Speed};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::choice::ParityBit;
use super::codes;
use super::faults::{Faults, list, nearest};
use super::file::BusTable;
use super::quantity;
use super::table::{Spot, TomlValue, wrong_type};
use super::value::{Flaw, TextValue};
use crate::field::medium;

/// How long nobody is asked after an answer that did not come: with the time-out before it, half a second in all, which
/// is more than slow meters take.
pub(super) const QUIET: Duration = Duration::from_millis(250);
/// What a device takes before its answer begins, the lag of a USB adapter included.
const TURNAROUND: Duration = Duration::from_millis(10);
/// Gaps, quiet times and turnarounds that can be meant.
const GAP: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));
const PAUSE: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(5));

/// Declares a number of a closed list.
macro_rules! numbers {
    ($($(#[doc = $about:literal])* $name:ident, $words:literal, $list:expr;)*) => {$(
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name(pub(super) u32);

        impl $name {
            const ALL: &[u32] = $list;

            fn parse(text: &str) -> Result<Self, Flaw> {
                let number = text.parse().ok().filter(|number| Self::ALL.contains(number));
                number.map(Self).ok_or_else(|| Flaw::new(codes::BAD_ADDRESS, concat!("expected ", $words)))
            }
        }

        impl TomlValue for $name {
            fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
                let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse::<u32>().ok());
                let known = number.filter(|number| Self::ALL.contains(number));
                if known.is_none() {
                    wrong_type(value, spot, $words, faults);
                }
                known.map(Self)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "enum": Self::ALL })
            }
        }
    )*};
}

numbers! {
    /// Bits per second.
    Baud, "one of 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600",
        &[1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
    /// Data bits of a character.
    DataBits, "7 or 8", &[7, 8];
    /// Stop bits of a character.
    StopBits, "1 or 2", &[1, 2];
}

/// How a serial port is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) baud: Baud,
    pub(super) data_bits: DataBits,
    pub(super) parity: ParityBit,
    pub(super) stop_bits: StopBits,
    /// `None`: what the standard asks for at this speed.
    pub(super) gap: Option<Duration>,
    pub(super) quiet: Duration,
    pub(super) turnaround: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            baud: Baud(9_600),
            data_bits: DataBits(8),
            parity: ParityBit::None,
            stop_bits: StopBits(1),
            gap: None,
            quiet: QUIET,
            turnaround: TURNAROUND,
        }
    }
}

const KEYS: &[&str] = &["baud", "data_bits", "parity", "stop_bits", "gap", "quiet", "turnaround", "unit"];

impl Settings {
    /// The settings of a [bus.NAME]; `None` where one of them is wrong.
    pub(super) fn of(table: &BusTable) -> Option<Self> {
        Some(Self {
            baud: table.baud.as_ref()?.value,
            data_bits: table.data_bits.as_ref()?.value,
            parity: table.parity.as_ref()?.value,
            stop_bits: table.stop_bits.as_ref()?.value,
            gap: match &table.gap {
                Some(gap) => Some(gap.value.0),
                None if table.given.contains(&"gap") => return None,
                None => None,
            },
            quiet: table.quiet.as_ref()?.value.0,
            turnaround: table.turnaround.as_ref()?.value.0,
        })
    }

    /// Reads `baud=9600&parity=even&unit=3`: the settings, and the unit id where the text gives one.
    pub(super) fn query(text: &str) -> Result<(Self, Option<u8>), Flaw> {
        let (mut settings, mut unit, mut seen) = (Self::default(), None, Vec::new());
        for part in text.split('&') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(bad(format!("`{part}` is no KEY=VALUE")));
            };
            if seen.contains(&key) {
                return Err(bad(format!("`{key}` stands there twice")));
            }
            seen.push(key);
            let label = |flaw: Flaw| bad(format!("`{key}`: {}", flaw.label));
            match key {
                "baud" => settings.baud = Baud::parse(value).map_err(label)?,
                "data_bits" => settings.data_bits = DataBits::parse(value).map_err(label)?,
                "parity" => settings.parity = ParityBit::parse(value).map_err(label)?,
                "stop_bits" => settings.stop_bits = StopBits::parse(value).map_err(label)?,
                "gap" => settings.gap = Some(pause(value, GAP).map_err(label)?),
                "quiet" => settings.quiet = pause(value, PAUSE).map_err(label)?,
                "turnaround" => settings.turnaround = pause(value, PAUSE).map_err(label)?,
                "unit" => unit = Some(super::address::bus_unit(value)?),
                other => {
                    let flaw = Flaw::new(codes::BAD_ADDRESS, format!("unknown setting `{other}`"));
                    return Err(match nearest(other, KEYS.iter().copied()) {
                        Some(near) => flaw.help(format!("did you mean `{near}`?")),
                        None => flaw.help(format!("known are {}", list(KEYS.iter().copied()))),
                    });
                }
            }
        }
        Ok((settings, unit))
    }

    /// The port at `path` with these settings.
    pub(super) fn port(&self, path: &Path) -> medium::Serial {
        let mut serial = medium::Serial {
            path: path.to_owned(),
            baud: self.baud.0,
            data_bits: if self.data_bits.0 == 7 { medium::DataBits::Seven } else { medium::DataBits::Eight },
            parity: match self.parity {
                ParityBit::None => medium::Parity::None,
                ParityBit::Even => medium::Parity::Even,
                ParityBit::Odd => medium::Parity::Odd,
            },
            stop_bits: if self.stop_bits.0 == 2 { medium::StopBits::Two } else { medium::StopBits::One },
            gap: Duration::ZERO,
            quiet: self.quiet,
        };
        serial.gap = self.gap.unwrap_or_else(|| plan::silence(serial.baud, serial.character()));
        serial
    }

    /// What its telegrams cost.
    pub(super) fn speed(&self, serial: &medium::Serial) -> Speed {
        Speed::Serial { character: serial.character(), gap: serial.gap, turnaround: self.turnaround }
    }
}

fn bad(label: String) -> Flaw {
    Flaw::new(codes::BAD_ADDRESS, label).help("write \"serial:///dev/serial/by-id/…?baud=9600&parity=even\"")
}

fn pause(text: &str, (low, high): (Duration, Duration)) -> Result<Duration, Flaw> {
    let read = quantity::time(text).filter(|time| (low..=high).contains(time));
    let shown = |time: Duration| format!("{} ms", time.as_millis());
    read.ok_or_else(|| Flaw::new(codes::BAD_ADDRESS, format!("expected {} to {}", shown(low), shown(high))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_behind_an_address_are_those_of_a_bus() {
        let (settings, unit) =
            Settings::query("baud=19200&data_bits=7&parity=even&stop_bits=2&gap=5ms&quiet=1s&unit=7").ok().unwrap();
        assert_eq!((settings.baud, settings.data_bits, settings.stop_bits), (Baud(19_200), DataBits(7), StopBits(2)));
        assert_eq!((settings.parity, unit), (ParityBit::Even, Some(7)));
        assert_eq!((settings.gap, settings.quiet), (Some(Duration::from_millis(5)), Duration::from_secs(1)));
        for wrong in
            ["baud", "baud=9601", "baud=9600&baud=9600", "bud=9600", "gap=0ms", "quiet=9 s", "unit=248", "unit=0"]
        {
            assert_eq!(Settings::query(wrong).err().map(|flaw| flaw.code), Some(codes::BAD_ADDRESS), "{wrong}");
        }
    }

    #[test]
    fn a_character_takes_its_bits_and_the_gap_three_and_a_half_of_them() {
        let port = Settings::query("baud=9600&parity=even").ok().unwrap().0.port(Path::new("/dev/x"));
        assert_eq!(port.character().as_micros(), 1_145); // 11 bits
        assert_eq!(port.gap.as_micros(), 4_010);
        let fast = Settings::query("baud=115200").ok().unwrap().0.port(Path::new("/dev/x"));
        assert_eq!((fast.character().as_micros(), fast.gap.as_micros()), (86, 1_750));
    }
}

//! The kinds of device a lane knows, and for each the standard points that every profile of the kind speaks of.

use serde::{Deserialize, Serialize};

mod tables;

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A barrier arm over the lane.
    Barrier,
    /// Inputs and outputs without a meaning of their own: loops, photocells, lamps hang on it.
    Io,
    /// An X-ray machine: its control points. Its pictures come by another way.
    Xray,
    /// A thermometer that looks at persons.
    Thermometer,
    /// A weighbridge or a scale.
    Weighbridge,
    /// A radiation portal.
    Radiation,
    /// An uninterruptible power supply.
    Ups,
    /// A text display for people in the lane.
    Display,
    /// A traffic light or signal tower.
    Light,
    /// A camera. It has no points and no profile.
    Camera,
    /// A diverter between the exit and the examination.
    Diverter,
    /// A belt without an X-ray machine.
    Belt,
}

/// How a barrier closes, which decides how a close is asked for and taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closes {
    /// While the request is renewed; the I/O module's watchdog drops it when renewals cease.
    Held,
    /// On one pulse; taken back by a pulse on the stop or the open output.
    Pulse,
    /// By itself: it is never asked to.
    Own,
}

impl Kind {
    /// Every kind with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[
        ("barrier", Self::Barrier),
        ("io", Self::Io),
        ("xray", Self::Xray),
        ("thermometer", Self::Thermometer),
        ("weighbridge", Self::Weighbridge),
        ("radiation", Self::Radiation),
        ("ups", Self::Ups),
        ("display", Self::Display),
        ("light", Self::Light),
        ("camera", Self::Camera),
        ("diverter", Self::Diverter),
        ("belt", Self::Belt),
    ];

    /// The word a profile calls it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Barrier => "barrier",
            Self::Io => "io",
            Self::Xray => "xray",
            Self::Thermometer => "thermometer",
            Self::Weighbridge => "weighbridge",
            Self::Radiation => "radiation",
            Self::Ups => "ups",
            Self::Display => "display",
            Self::Light => "light",
            Self::Camera => "camera",
            Self::Diverter => "diverter",
            Self::Belt => "belt",
        }
    }

    /// The standard points of the kind; empty where every name is free or where there are no points.
    pub const fn standard_points(self) -> &'static [StandardPoint] {
        match self {
            Self::Barrier => tables::BARRIER,
            Self::Xray => tables::XRAY,
            Self::Thermometer => tables::THERMOMETER,
            Self::Weighbridge => tables::WEIGHBRIDGE,
            Self::Radiation => tables::RADIATION,
            Self::Ups => tables::UPS,
            Self::Display => tables::DISPLAY,
            Self::Light => tables::LIGHT,
            Self::Diverter => tables::DIVERTER,
            Self::Belt => tables::BELT,
            Self::Io | Self::Camera => &[],
        }
    }

    /// True where a model is described by a profile; a camera is described by its address alone.
    pub const fn has_profiles(self) -> bool {
        !matches!(self, Self::Camera)
    }

    /// The only outputs that a profile of this kind may have, spare terminals included; `None` where it may have any.
    ///
    /// Belts are run and beams started by a person at the machine: what this program may ask for is that they end.
    pub const fn only_outputs(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Xray => Some(&["belt_stop", "beam_off"]),
            Self::Belt => Some(&["belt_stop"]),
            // A measuring device is never told anything: zeroing a scale or muting an alarm is a person's act.
            Self::Thermometer | Self::Weighbridge | Self::Radiation | Self::Ups | Self::Camera => Some(&[]),
            Self::Barrier | Self::Io | Self::Display | Self::Light | Self::Diverter => None,
        }
    }
}

impl Closes {
    /// Every way with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[("held", Self::Held), ("pulse", Self::Pulse), ("own", Self::Own)];

    /// The word a profile calls it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Pulse => "pulse",
            Self::Own => "own",
        }
    }
}

/// A point that a kind knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardPoint {
    /// The name.
    pub name: &'static str,
    /// Which way it goes.
    pub direction: Direction,
    /// What it carries.
    pub shape: Shape,
    /// The unit that its values must come out in.
    pub unit: Option<&'static str>,
    /// What it means, for help texts.
    pub meaning: &'static str,
    /// Whether a profile must have it.
    pub need: Need,
}

/// Which way a standard point goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device says it.
    Input,
    /// The lane asks for it.
    Output,
}

/// What a standard point carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// On or off.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
}

/// Whether a profile must have a standard point, may, or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Required,
    /// Never.
    Optional,
    /// Unless this other standard point is there.
    RequiredUnless(&'static str),
    /// Required for these ways of closing, forbidden for the others.
    RequiredFor(&'static [Closes]),
    /// Allowed for these ways of closing, forbidden for the others.
    OptionalFor(&'static [Closes]),
}

/// True for names of spare terminals that any kind may have: `di1`, `do2`, `ai3`, `ao4`, `aux_…`.
pub fn is_spare(name: &str) -> bool {
    let terminal = ["di", "do", "ai", "ao"].iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    });
    terminal || name.strip_prefix("aux_").is_some_and(|rest| !rest.is_empty())
}

/// True for names that speak of starting a beam, which no profile may do.
pub fn is_expose(name: &str) -> bool {
    name.split('_').any(|part| matches!(part, "expose" | "exposure" | "exposing" | "irradiate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_terminals_have_a_number_or_begin_with_aux() {
        for name in ["di1", "do12", "ai3", "ao4", "aux_heater"] {
            assert!(is_spare(name), "{name}");
        }
        for name in ["di", "dix", "opend", "aux_", "aux", "1di"] {
            assert!(!is_spare(name), "{name}");
        }
    }

    #[test]
    fn no_standard_point_starts_a_beam_or_runs_a_belt() {
        let outputs = |kind: Kind| kind.standard_points().iter().filter(|point| point.direction == Direction::Output);
        for (word, kind) in Kind::WORDS {
            assert_eq!(kind.word(), *word);
            assert!(kind.standard_points().iter().all(|point| !is_expose(point.name)));
            if let Some(only) = kind.only_outputs() {
                assert!(outputs(*kind).all(|point| only.contains(&point.name)), "{word}");
                assert!(only.iter().all(|name| outputs(*kind).any(|point| point.name == *name)), "{word}");
            }
        }
        assert_eq!(Kind::Xray.only_outputs(), Some(&["belt_stop", "beam_off"][..]));
        assert_eq!(Kind::Belt.only_outputs(), Some(&["belt_stop"][..]));
    }

    #[test]
    fn standard_points_have_one_meaning_each_and_numbers_that_are_measured_have_a_unit() {
        for (word, kind) in Kind::WORDS {
            let points = kind.standard_points();
            for (index, point) in points.iter().enumerate() {
                assert!(points[..index].iter().all(|other| other.name != point.name), "{word}.{}", point.name);
                assert!(!is_spare(point.name) && !point.meaning.is_empty());
                assert!(point.unit.is_none() || point.shape == Shape::Number);
            }
        }
    }
}

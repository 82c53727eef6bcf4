//! The kinds of device a lane knows, and for each the standard points that every profile of the kind speaks of.

use serde::{Deserialize, Serialize};

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A barrier arm over the lane.
    Barrier,
    /// Inputs and outputs without a meaning of their own: loops, photocells, lamps hang on it.
    Io,
    /// An X-ray station.
    Xray,
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
    pub const WORDS: &[(&str, Self)] = &[("barrier", Self::Barrier), ("io", Self::Io), ("xray", Self::Xray)];

    /// The word a profile calls it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Barrier => "barrier",
            Self::Io => "io",
            Self::Xray => "xray",
        }
    }

    /// The standard points of the kind; empty where every name is free.
    pub const fn standard_points(self) -> &'static [StandardPoint] {
        match self {
            Self::Barrier => BARRIER,
            Self::Io | Self::Xray => &[],
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
}

/// Whether a profile must have a standard point, may, or must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Required,
    /// Never.
    Optional,
    /// Required for these ways of closing, forbidden for the others.
    RequiredFor(&'static [Closes]),
    /// Allowed for these ways of closing, forbidden for the others.
    OptionalFor(&'static [Closes]),
}

const fn output(name: &'static str, shape: Shape, need: Need, meaning: &'static str) -> StandardPoint {
    StandardPoint { name, direction: Direction::Output, shape, meaning, need }
}

const fn input(name: &'static str, shape: Shape, need: Need, meaning: &'static str) -> StandardPoint {
    StandardPoint { name, direction: Direction::Input, shape, meaning, need }
}

const BARRIER: &[StandardPoint] = &[
    output("open", Shape::Bool, Need::Required, "raise the arm"),
    output("close", Shape::Bool, Need::RequiredFor(&[Closes::Held, Closes::Pulse]), "lower the arm"),
    output("stop", Shape::Bool, Need::Optional, "stop the arm where it is"),
    output(
        "close_counter",
        Shape::Number,
        Need::OptionalFor(&[Closes::Held]),
        "rises with every renewal of a held close; the module's watchdog looks at it",
    ),
    input("opened", Shape::Bool, Need::Required, "limit switch: fully open"),
    input("closed", Shape::Bool, Need::Required, "limit switch: fully closed"),
    input("protection", Shape::Bool, Need::Optional, "the operator's own protection is ready"),
    input("fault", Shape::Bool, Need::Optional, "the operator reports a fault"),
    input("emergency_open", Shape::Bool, Need::Optional, "the emergency open button is pressed"),
    input("stop_pressed", Shape::Bool, Need::Optional, "the stop button is pressed"),
    input("moving", Shape::Bool, Need::Optional, "the motor runs"),
    input("position", Shape::Number, Need::Optional, "how far the arm is"),
];

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
    fn no_standard_point_starts_a_beam() {
        for (_, kind) in Kind::WORDS {
            assert!(kind.standard_points().iter().all(|point| !is_expose(point.name)));
        }
    }
}

//! Values that are one word of a closed list.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::codes;
use super::faults::{list, nearest};
use super::value::{Flaw, TextValue, inline_text};

/// Declares an enum whose values are words in the lane file; the doc comments are what an editor shows.
macro_rules! choice {
    ($(#[doc = $about:literal])* $vis:vis $name:ident, $what:literal {
        $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*
    } $(later $($later:literal)*)?) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            const WORDS: &[&str] = &[$($word),*];
            /// Every one of them.
            #[allow(dead_code)] // few choices are gone through
            $vis const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that the lane file and the records use.
            #[allow(dead_code)] // not every choice is written out again
            $vis const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl TextValue for $name {
            const WHAT: &str = $what;

            fn parse(text: &str) -> Result<Self, Flaw> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    $($($later)|* => Err(not_here(text, $what, Self::WORDS)),)?
                    other => Err(unknown_word(other, Self::WORDS)),
                }
            }

            fn schema() -> Schema {
                json_schema!({ "type": "string", "oneOf": [$({
                    "const": $word, "description": super::table::sentence(concat!($($doc, "\n"),*))
                }),*] })
            }
        }

        inline_text!($name);
    };
}

fn not_here(word: &str, what: &str, known: &[&str]) -> Flaw {
    let label = format!("expected one of {}", list(known.iter().copied()));
    let message = Some(format!("`{word}` is {what} that this version does not have"));
    Flaw { code: codes::NOT_HERE, message, label, help: None }
}

fn unknown_word(word: &str, known: &[&str]) -> Flaw {
    let flaw = Flaw::new(codes::UNKNOWN_WORD, format!("expected one of {}", list(known.iter().copied())));
    match nearest(word, known.iter().copied()) {
        Some(near) => flaw.help(format!("did you mean `{near}`?")),
        None => flaw,
    }
}

choice! {
    /// What passes through the lane.
    pub Traffic, "a kind of traffic" {
        /// Vehicles, at a gate.
        Vehicle = "vehicle",
        /// Baggage, on a belt.
        Baggage = "baggage",
        /// Mail and express parcels, on a belt.
        Parcel = "parcel",
        /// Persons.
        Person = "person",
    }
}

choice! {
    /// Which way subjects pass.
    pub Direction, "a direction" {
        /// Into the country.
        Entry = "entry",
        /// Out of the country.
        Exit = "exit",
        /// Both ways.
        Both = "both",
    }
}

choice! {
    /// How strictly persons are screened.
    pub Mode, "a mode" {
        /// The ordinary state.
        Normal = "normal",
        /// An epidemic or another declared emergency.
        Emergency = "emergency",
    }
}

choice! {
    /// What makes a record no longer owed to the centre.
    pub Receipts, "a way of receipts" {
        /// The centre's own signed receipt. Not in this version.
        Centre = "centre",
        /// The broker's acknowledgement with reason 0x00.
        Puback = "puback",
    }
}

choice! {
    /// What a device is for.
    pub(super) DeviceKind, "a kind of device" {
        /// A barrier arm over the lane.
        Barrier = "barrier",
        /// Inputs and outputs without a meaning of their own: loops, photocells, lamps hang on it.
        Io = "io",
        /// An X-ray machine.
        Xray = "xray",
        /// A thermometer that looks at persons.
        Thermometer = "thermometer",
        /// A weighbridge or a scale.
        Weighbridge = "weighbridge",
        /// A radiation portal.
        Radiation = "radiation",
        /// An uninterruptible power supply.
        Ups = "ups",
        /// A text display for people in the lane.
        Display = "display",
        /// A traffic light or signal tower.
        Light = "light",
        /// A diverter between the exit and the examination.
        Diverter = "diverter",
        /// A belt without an X-ray machine.
        Belt = "belt",
        /// A camera that looks at the lane.
        Camera = "camera",
    } later "thermal" "seal" "reader"
}

impl DeviceKind {
    /// True where the readings alone are worth having: nothing else in the lane file need name such a device.
    pub(super) const fn stands_alone(self) -> bool {
        match self {
            Self::Weighbridge | Self::Radiation | Self::Ups | Self::Display | Self::Light | Self::Camera => true,
            Self::Barrier | Self::Io | Self::Xray | Self::Thermometer | Self::Diverter | Self::Belt => false,
        }
    }
}

choice! {
    /// An instant of an inspection at which pictures of the lane are kept.
    pub Decisive, "a decisive instant" {
        /// A subject is in the lane.
        Arrival = "arrival",
        /// Its plate or number is known.
        Identified = "identified",
        /// An X-ray picture became evidence of it.
        Picture = "picture",
        /// A desk judged, or its time was up.
        Verdict = "verdict",
        /// The release, or a named person's override.
        Release = "release",
        /// The arm is asked to open.
        Opening = "opening",
        /// The subject has left.
        Departed = "departed",
        /// Something that a person must know.
        Alarm = "alarm",
    }
}

choice! {
    /// The parity bit of a serial port.
    pub(super) ParityBit, "a parity" {
        /// No parity bit.
        None = "none",
        /// Even.
        Even = "even",
        /// Odd.
        Odd = "odd",
    }
}

choice! {
    /// What a desk's silence means.
    pub(super) Role, "a role" {
        /// No release without its verdict.
        Required = "required",
        /// Its silence blocks nothing; its alarm holds all the same.
        Advisory = "advisory",
    }
}

choice! {
    /// Where a presence sensor looks.
    pub(super) Place, "a place" {
        /// Before the arm and wholly outside of its sweep: announces a subject, does not guard the arm.
        Approach = "approach",
        /// Under the arm: guards it.
        Under = "under",
        /// Behind the arm: guards it, and shows that the subject has passed.
        Beyond = "beyond",
    }
}

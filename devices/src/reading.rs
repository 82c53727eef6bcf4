//! What a device said: a value, how far it can be trusted, and when.
//!
//! A failed sensor is a reading with a quality, not an error: the lane has to decide with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The value of one point in the unit that its profile names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A contact, a coil, a bit.
    Bool(bool),
    /// A counter, a code, an unscaled register.
    Int(i64),
    /// A scaled or floating-point value. Always finite: a NaN becomes a `bad` reading without a value.
    Float(f64),
    /// A text that the device sent.
    Text(String),
}

impl Value {
    /// The truth of a boolean value; `None` for every other type.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(on) => Some(*on),
            Self::Int(_) | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// The value as a number; `None` for a text.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(on) => Some(f64::from(u8::from(*on))),
            // A 64-bit counter above 2^53 loses its last digits here, which plausibility and scaling tolerate.
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(on) => write!(f, "{}", if *on { "on" } else { "off" }),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// How far a reading can be trusted. Each reason is a sentence for the technician.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Read from the device within its interval and plausible.
    Good,
    /// The last good value, but the device has not answered since.
    Stale,
    /// The device answered, but what it said cannot be used: NaN, out of the plausible range, an exception.
    Bad(String),
    /// The device itself says that this measurement does not count.
    Invalid(String),
}

impl Quality {
    /// True for [`Quality::Good`] alone: nothing else may be decided with.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Good)
    }
}

/// One point of one device at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The point's standard name in its profile, e.g. `opened`.
    pub point: std::sync::Arc<str>,
    /// `None` when nothing usable was read.
    pub value: Option<Value>,
    /// How far to trust it, and why not.
    pub quality: Quality,
    /// When the lane received it.
    pub at: Moment,
}

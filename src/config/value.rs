//! The single values of a lane file, each a type that only a right value fits into.

use std::fmt;
use std::sync::Arc;

/// A name that topics, records and file names are made of: letters, digits and `-`, 1 to 40 of them. `all` and
/// names that begin with `_` are the centre's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key to which confidential records are sealed, in age's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(Arc<str>);

impl Recipient {
    /// The key as text: `age1…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What passes through the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Vehicles, at a gate.
    Vehicle,
    /// Baggage, on a belt.
    Baggage,
    /// Mail and express parcels, on a belt.
    Parcel,
    /// Persons.
    Person,
}

/// Which way subjects pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Into the country.
    Entry,
    /// Out of the country.
    Exit,
    /// Both ways.
    Both,
}

/// How strictly persons are screened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The ordinary state.
    Normal,
    /// An epidemic or another declared emergency.
    Emergency,
}

/// What makes a record no longer owed to the centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Receipts {
    /// The centre's own signed receipt.
    Centre,
    /// The broker's acknowledgement with reason 0x00.
    Puback,
}

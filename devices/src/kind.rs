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

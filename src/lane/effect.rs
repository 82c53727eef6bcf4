//! What the lane wants done, in order.
//!
//! `control.rs` carries effects out in the order given: an [`Effect::Move`] or [`Effect::Answer`] waits until every
//! [`Effect::Record`] before it is durable. [`Effect::Protect`] waits for nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Verdict;
use super::screening::Measurement;

/// A stream of the journal that the lane writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// `inspection`
    Inspection,
    /// `alarm`
    Alarm,
    /// `device`
    Device,
}

/// A record that the lane wants kept; the journal adds sequence, time and chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Stream.
    pub topic: Topic,
    /// `{noun}.{what happened}`, without the `portside.` in front.
    pub kind: &'static str,
    /// Inspection id or device id.
    pub subject: Arc<str>,
    /// The record's `data`.
    pub data: serde_json::Value,
    /// What must be durable but unreadable; `control.rs` encrypts it under the inspection's key and adds it to `data`
    /// as `sealed`.
    pub secret: Option<Secret>,
}

/// What is written sealed, for one agency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// Its verdict, before its time.
    Verdict(SealedVerdict),
    /// What it measured of a person.
    Measurement(Measurement),
}

impl Secret {
    /// The agency whose it is.
    pub const fn agency(&self) -> &Arc<str> {
        match self {
            Self::Verdict(sealed) => &sealed.agency,
            Self::Measurement(measured) => &measured.agency,
        }
    }
}

/// One agency's verdict before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedVerdict {
    /// Agency id.
    pub agency: Arc<str>,
    /// Officer's name.
    pub officer: Arc<str>,
    /// The verdict.
    pub verdict: Verdict,
}

/// An order to the barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Open: raise the arm.
    Open,
    /// Close: the one request of a passage (`pulse`), or the first or a renewed one (`held`).
    Close {
        /// Rises with every renewal of the same close, from 0.
        renewal: u32,
    },
    /// Take a `held` close request back. Always allowed.
    CloseOff,
    /// Stop the arm where it is. Always allowed.
    Stop,
}

/// One thing the lane wants done; `O` is what it may order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<O = Order> {
    /// Keep this. What follows waits for it.
    Record(Note),
    /// Give this order once everything before it is durable, if the interlock still agrees then.
    Move(O),
    /// Give this order now: it protects people and waits for no disk. `Stop`, `CloseOff`, or `Open` as the reversal
    /// of a close in progress.
    Protect(O),
    /// Answer the officer's act with this ticket once everything before it is durable.
    Answer {
        /// The ticket of the act.
        ticket: u64,
        /// Done, with a sentence for the officer, or refused with the reason.
        answer: Result<Arc<str>, super::Refusal>,
    },
    /// The inspection has ended: its verdict key can be erased.
    Forget {
        /// Inspection id.
        inspection: Arc<str>,
    },
}

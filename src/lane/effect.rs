//! What the lane wants done, in order.
//!
//! `control.rs` carries effects out in the order given: an [`Effect::Move`] or [`Effect::Answer`] waits until every
//! [`Effect::Record`] before it is durable. [`Effect::Protect`] waits for nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Verdict;
use super::marks::{ImageRef, Region, rows};
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
    /// What it noted beside an act.
    Remark(Remark),
}

impl Secret {
    /// Bytes that it takes on disk whatever it says: its length is there for everybody to see.
    pub const fn room(&self) -> usize {
        match self {
            Self::Verdict(_) => SealedVerdict::ROOM,
            Self::Measurement(_) => 0,
            Self::Remark(_) => Remark::ROOM,
        }
    }

    /// The agency whose it is.
    pub const fn agency(&self) -> &Arc<str> {
        match self {
            Self::Verdict(sealed) => &sealed.agency,
            Self::Measurement(measured) => &measured.agency,
            Self::Remark(remark) => &remark.agency,
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
    /// The image that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// What is marked in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "rows")]
    pub regions: Vec<Region>,
    /// What the officer wrote beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

impl SealedVerdict {
    /// Every sealed verdict is as long as this, whether or not anything is marked in it: a hundred boxes and the
    /// longest note go in, or some nine hundred corners of polygons.
    pub const ROOM: usize = 5_631;

    /// Whether it is no longer than any other.
    pub fn fits(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|plain| plain.len() <= Self::ROOM)
    }
}

/// One agency's note beside an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Agency id.
    pub agency: Arc<str>,
    /// What was written; `None` where nothing was.
    pub note: Option<Arc<str>>,
}

impl Remark {
    /// Every remark is as long as this: the longest note goes in, however it is escaped.
    pub const ROOM: usize = 4_607;
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

impl<O> Effect<O> {
    /// The same with its order worded otherwise.
    pub fn map<P>(self, word: impl FnOnce(O) -> P) -> Effect<P> {
        match self {
            Self::Record(note) => Effect::Record(note),
            Self::Move(order) => Effect::Move(word(order)),
            Self::Protect(order) => Effect::Protect(word(order)),
            Self::Answer { ticket, answer } => Effect::Answer { ticket, answer },
            Self::Forget { inspection } => Effect::Forget { inspection },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Category, Shape, marks};

    #[test]
    fn a_hundred_boxes_and_the_longest_note_are_no_longer_than_nothing_at_all() {
        let shape = Shape::Box { x: 99_999, y: 9_999, width: 9_999, height: 9_999 };
        let mut sealed = SealedVerdict {
            agency: "a".repeat(200).into(),
            officer: "o".repeat(200).into(),
            verdict: Verdict::Unknown,
            image: Some(ImageRef { id: "f".repeat(64).into(), revision: 99 }),
            regions: vec![Region { view: 0, shape, category: Category::Other }; marks::REGIONS_MAX],
            note: Some("n".repeat(marks::NOTE_MAX).into()),
        };
        assert!(sealed.fits(), "{} bytes", serde_json::to_vec(&sealed).unwrap().len());
        sealed.note = Some("n".repeat(SealedVerdict::ROOM).into());
        assert!(!sealed.fits());
    }

    #[test]
    fn a_verdict_that_was_sealed_before_there_were_marks_is_read() {
        let plain = r#"{"agency":"ciq","officer":"o","verdict":"alarm"}"#;
        let Secret::Verdict(sealed) = serde_json::from_str(plain).unwrap() else { panic!("no verdict") };
        assert_eq!((sealed.verdict, sealed.regions.len(), sealed.image), (Verdict::Alarm, 0, None));
    }
}

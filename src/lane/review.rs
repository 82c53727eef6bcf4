//! What each desk has said of the subject, sealed until its time.
//!
//! ```text
//!  Waiting ──judges──► Given ──all required in, or time up──► Opened
//!     └───────────────────────time up───────────────────────► NotReviewed
//! ```
//! - Waiting → Given: the desk judged; no other desk learns of it.
//! - Waiting → Opened: the same where verdicts are not blind.
//! - Given → Opened: all required verdicts are in, or time is up; all desks in one batch.
//! - Waiting → NotReviewed: time is up, or the others were opened. Silence of a required desk holds the subject.

use std::sync::Arc;

use super::marks::{ImageRef, Region};
use super::settings::{Desk, DeskRole};
use super::{SealedVerdict, Verdict};

/// One desk's part in the review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Given(Said),
    Opened(Said),
    NotReviewed,
}

/// What a desk said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) officer: Arc<str>,
    pub(super) verdict: Verdict,
    pub(super) image: Option<ImageRef>,
    pub(super) regions: Vec<Region>,
    pub(super) note: Option<Arc<str>>,
    /// From the first image on its screen.
    pub(super) after_ms: Option<u64>,
}

impl Said {
    /// What a sealed verdict says.
    pub(super) fn of(sealed: &SealedVerdict, after_ms: Option<u64>) -> Self {
        let SealedVerdict { officer, verdict, image, regions, note, .. } = sealed.clone();
        Self { officer, verdict, image, regions, note, after_ms }
    }

    /// A verdict of which nothing else is known.
    pub(super) fn bare(officer: &str, verdict: Verdict) -> Self {
        Self { officer: officer.into(), verdict, image: None, regions: Vec::new(), note: None, after_ms: None }
    }
}

/// Why an agency holds a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HoldReason {
    Alarm,
    Unknown,
    NotReviewed,
    NoPicture,
    Temperature,
    Radiation,
    /// Nobody is sure that this is the subject it is believed to be.
    Doubt,
    /// The agency is at a joint examination.
    Examination,
    /// The agency handed a finding over.
    HandOver,
    /// The agency accepted another's finding.
    Accepted,
    Placed(Arc<str>),
}

impl HoldReason {
    /// The word in records; a placed hold carries the officer's own.
    pub(super) fn word(&self) -> Arc<str> {
        match self {
            Self::Alarm => "alarm".into(),
            Self::Unknown => "unknown".into(),
            Self::NotReviewed => "not_reviewed".into(),
            Self::NoPicture => "no_picture".into(),
            Self::Temperature => "temperature".into(),
            Self::Radiation => "radiation".into(),
            Self::Doubt => "doubt".into(),
            Self::Examination => "examination".into(),
            Self::HandOver => "hand_over".into(),
            Self::Accepted => "accepted".into(),
            Self::Placed(text) => Arc::clone(text),
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "alarm" => Self::Alarm,
            "unknown" => Self::Unknown,
            "not_reviewed" => Self::NotReviewed,
            "no_picture" => Self::NoPicture,
            "temperature" => Self::Temperature,
            "radiation" => Self::Radiation,
            "doubt" => Self::Doubt,
            "examination" => Self::Examination,
            "hand_over" => Self::HandOver,
            "accepted" => Self::Accepted,
            text => Self::Placed(text.into()),
        }
    }
}

/// The desks of one inspection, in the order of the lane file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Review {
    desks: Vec<Desk>,
    standing: Vec<Standing>,
}

impl Review {
    pub(super) fn new(desks: &[Desk]) -> Self {
        Self { desks: desks.to_vec(), standing: vec![Standing::Waiting; desks.len()] }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Desk, &Standing)> {
        self.desks.iter().zip(&self.standing)
    }

    /// This agency's desk.
    pub(super) fn of(&mut self, agency: &str) -> Option<&mut Standing> {
        let place = self.desks.iter().position(|desk| &*desk.agency == agency)?;
        self.standing.get_mut(place)
    }

    /// Takes what a desk says.
    pub(super) fn give(&mut self, agency: &str, said: Said, blind: bool) {
        if let Some(standing) = self.of(agency) {
            *standing = if blind { Standing::Given(said) } else { Standing::Opened(said) };
        }
    }

    /// Every required desk has spoken, and there is at least one.
    pub(super) fn complete(&self) -> bool {
        let mut required = self.iter().filter(|(desk, _)| desk.role == DeskRole::Required).peekable();
        required.peek().is_some() && required.all(|(_, standing)| *standing != Standing::Waiting)
    }

    /// Opening has begun, so it has to be finished; a crash can fall in between.
    pub(super) fn opening(&self, blind: bool) -> bool {
        self.standing.iter().any(|standing| match standing {
            Standing::NotReviewed => true,
            Standing::Opened(_) => blind,
            Standing::Waiting | Standing::Given(_) => false,
        })
    }

    /// A verdict waits sealed.
    pub(super) fn sealed(&self) -> bool {
        self.standing.iter().any(|standing| matches!(standing, Standing::Given(_)))
    }

    /// Opens the next desk that is not open yet, and says which. Call until `None`.
    pub(super) fn open_next(&mut self) -> Option<(&Desk, &Standing)> {
        let shut = |standing: &Standing| matches!(standing, Standing::Waiting | Standing::Given(_));
        let place = self.standing.iter().position(shut)?;
        let standing = &mut self.standing[place];
        *standing =
            match std::mem::replace(standing, Standing::NotReviewed) {
                Standing::Given(said) => Standing::Opened(said),
                other @ (Standing::Waiting | Standing::Opened(_) | Standing::NotReviewed) => {
                    if other == Standing::Waiting { Standing::NotReviewed } else { other }
                }
            };
        Some((&self.desks[place], &self.standing[place]))
    }

    /// The holds that the opened verdicts ask for.
    pub(super) fn holds(&self) -> Vec<(Arc<str>, HoldReason)> {
        let holds = self.iter().filter_map(|(desk, standing)| {
            let reason = match (standing, desk.role) {
                (Standing::Opened(Said { verdict: Verdict::Alarm, .. }), _) => HoldReason::Alarm,
                (Standing::Opened(Said { verdict: Verdict::Unknown, .. }), DeskRole::Required) => HoldReason::Unknown,
                (Standing::NotReviewed | Standing::Waiting | Standing::Given(_), DeskRole::Required) => {
                    HoldReason::NotReviewed
                }
                (Standing::Opened(_), _)
                | (Standing::NotReviewed | Standing::Waiting | Standing::Given(_), DeskRole::Advisory) => {
                    return None;
                }
            };
            Some((Arc::clone(&desk.agency), reason))
        });
        let mut holds: Vec<_> = holds.collect();
        if !self.desks.iter().any(|desk| desk.role == DeskRole::Required) {
            // A lane without a required desk never hears a consent.
            holds.extend(self.desks.iter().map(|desk| (Arc::clone(&desk.agency), HoldReason::NotReviewed)));
        }
        holds
    }
}

/// The word of a standing in records and views.
pub(super) const fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Waiting => "waiting",
        Standing::Given(_) => "given",
        Standing::Opened(said) => verdict_word(said.verdict),
        Standing::NotReviewed => "not_reviewed",
    }
}

/// The word of a verdict in records.
pub(super) const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clear => "clear",
        Verdict::Alarm => "alarm",
        Verdict::Unknown => "unknown",
    }
}

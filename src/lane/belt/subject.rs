//! One subject on the belt: its papers, how far they have come, and where it is.
//!
//! ```text
//!  AwaitingScan ──► AwaitingPicture ──► Reviewing ──► Released ──► exit: departed
//!       │                 │                │             │ ▲
//!       └── doubt ────────┴── no picture ──┴─► Held ◄────┘ └── lifted
//!                                               └──► aside: examined, holds lifted
//! ```
//! - AwaitingScan → AwaitingPicture: its front is at the scan sensor.
//! - AwaitingPicture → Reviewing: every picture is there. → Held: not in time.
//! - Reviewing → Released: every required verdict is clear, no hold stands. → Held: anything else.
//! - any → Held: a doubt about where it is. A doubt stays: it does not go to the exit by itself any more, lifted or not.
//! - Held → Released: the last hold was lifted by its owner.

use std::sync::Arc;

use portside_devices::moment::Moment;

use super::settings::Spot;
use super::travel::Mark;
use crate::lane::Desk;
use crate::lane::case::{Case, Grounds};

/// How far the papers have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    AwaitingScan,
    /// `until`: when its last picture must be there; `None` while it is in the scan.
    AwaitingPicture {
        until: Option<Moment>,
    },
    Reviewing {
        until: Moment,
    },
    Held,
    Released {
        grounds: Grounds,
    },
}

/// Why it is not certain that this is the subject it is believed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It was first seen behind the entry.
    Inserted,
    /// It or another one could be meant.
    Ambiguous,
    /// One sensor saw it longer or shorter than another.
    Length,
    /// So near to another one that one picture may show both.
    Close,
    /// Nobody can tell whether, or which way, the belt ran.
    Motion,
    /// Somebody reached in, or the curtain that would show it cannot be read.
    Reach,
    /// A sensor on its way cannot be read.
    Blind,
    /// It appeared on a belt that stood still.
    Placed,
    /// Something is stuck before it, or it is stuck itself.
    Stuck,
    /// The daemon was restarted while it was on the belt.
    Restart,
}

impl Doubt {
    /// The word in records and views.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Ambiguous => "ambiguous",
            Self::Length => "length",
            Self::Close => "close",
            Self::Motion => "motion",
            Self::Reach => "reach",
            Self::Blind => "blind",
            Self::Placed => "placed",
            Self::Stuck => "stuck",
            Self::Restart => "restart",
        }
    }

    /// The doubt that this word stands for.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        let all = [
            Self::Inserted,
            Self::Ambiguous,
            Self::Length,
            Self::Close,
            Self::Motion,
            Self::Reach,
            Self::Blind,
            Self::Placed,
            Self::Stuck,
            Self::Restart,
        ];
        all.into_iter().find(|doubt| doubt.word() == word)
    }
}

/// Where a subject leaves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Exit,
    Examine,
}

impl Side {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Examine => "examine",
        }
    }
}

/// Where a subject is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before the decision.
    Upstream,
    /// At the decision, and not allowed on: the belt stands, or is being stopped.
    Halted,
    /// Behind the decision, on its way to this side.
    Bound(Side),
}

/// One subject on the belt.
#[derive(Clone, Debug)]
pub(in crate::lane) struct Subject {
    pub(in crate::lane) case: Case,
    pub(super) step: Step,
    pub(super) doubts: Vec<Doubt>,
    pub(super) stage: Stage,
    /// The sensor that it reached last, and where its front did.
    pub(in crate::lane) at: Spot,
    pub(super) front: Mark,
    /// Sensors that it has reached and not left, with where its front reached them.
    over: Vec<(Spot, Mark)>,
    /// Where its front reached the decision, and where its rear left it.
    decision: (Option<Mark>, Option<Mark>),
    /// As the sensor before measured it, and how many starts and stops fell into that.
    pub(super) length: Option<(f64, u32)>,
    /// The diverter was asked to lead it to the exit.
    pub(super) ordered: bool,
}

impl Subject {
    pub(super) fn new(id: Arc<str>, desks: &[Desk], at: Spot, front: Mark) -> Self {
        Self {
            case: Case::new(id, desks),
            step: Step::AwaitingScan,
            doubts: Vec::new(),
            stage: Stage::Upstream,
            at,
            front,
            over: vec![(at, front)],
            decision: (Some(front).filter(|_| at == Spot::Decision), None),
            length: None,
            ordered: false,
        }
    }

    /// Its front is at the next sensor.
    pub(super) fn come(&mut self, spot: Spot, front: Mark) {
        self.at = spot;
        self.front = front;
        self.over.push((spot, front));
        if spot == Spot::Decision {
            self.decision.0 = Some(front);
        }
    }

    /// Its rear leaves a sensor. Answers with the length as that sensor saw it, and the starts and stops in it.
    pub(super) fn pass(&mut self, spot: Spot, rear: Mark) -> Option<(f64, u32)> {
        let place = self.over.iter().position(|(over, _)| *over == spot)?;
        let (_, front) = self.over.remove(place);
        if spot == Spot::Decision {
            self.decision.1 = Some(rear);
        }
        Some((rear.mm - front.mm, rear.changes.saturating_sub(front.changes)))
    }

    /// Where its front reached the decision.
    pub(super) const fn decision_front(&self) -> Option<Mark> {
        self.decision.0
    }

    /// Where its rear left the decision.
    pub(super) const fn decision_rear(&self) -> Option<Mark> {
        self.decision.1
    }

    /// Somebody took it off the belt: it is over nothing any more.
    pub(super) fn lifted_off(&mut self) {
        self.decision = (None, None);
        self.over.clear();
    }

    /// It stands at this sensor.
    pub(super) fn covers(&self, spot: Spot) -> bool {
        self.over.iter().any(|(over, _)| *over == spot)
    }

    /// Released, and certain to be the one that was released.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.step, Step::Released { .. }) && self.doubts.is_empty() && self.case.holds.is_empty()
    }

    /// The word of the step in views, records and refusals.
    pub(in crate::lane) const fn word(&self) -> &'static str {
        match (self.step, self.stage) {
            (Step::AwaitingScan, _) => "awaiting_scan",
            (Step::AwaitingPicture { .. }, _) => "awaiting_picture",
            (Step::Reviewing { .. }, _) => "reviewing",
            (Step::Held, _) => "held",
            (Step::Released { .. }, Stage::Bound(Side::Exit)) => "passing",
            (Step::Released { .. }, Stage::Upstream | Stage::Halted | Stage::Bound(Side::Examine)) => "released",
        }
    }

    /// When this step's time is up.
    pub(in crate::lane) const fn until(&self) -> Option<Moment> {
        match self.step {
            Step::AwaitingPicture { until } => until,
            Step::Reviewing { until } => Some(until),
            Step::AwaitingScan | Step::Held | Step::Released { .. } => None,
        }
    }
}

//! One inspection: the subject in the lane, what was said of it, and how far it has come.
//!
//! ```text
//!  Unidentified ──► AwaitingPicture ──► Reviewing ──► Released: Pending ─► Waiting ─► Under ─► Beyond ─► closed
//!       └───────────────────────────────►  │  │          ▲         │ ▲        │ ▲
//!                               │          ▼  └──────────┤         ▼ │        ▼ │
//!                               └───────► Held ──lifted──┘      Confirm     Vanished
//! ```
//! - Unidentified → AwaitingPicture, Reviewing: an identity was typed; the lane has an X-ray source, or has none.
//! - AwaitingPicture → Reviewing: a picture is there. AwaitingPicture → Held: none came in time.
//! - Reviewing → Released: every required verdict is clear and no hold stands. Reviewing → Held: anything else.
//! - Held → Released: the last hold was lifted by its owner.
//! - Unidentified, AwaitingPicture, Reviewing → Released: an override by a named person, no hold standing.
//! - Pending → Waiting: the arm was asked to open. Pending → Confirm: it cannot be asked, or the lane was restarted.
//! - Waiting → Confirm: the opening was interrupted. Confirm → Pending: a person says it is still this subject.
//! - Waiting → Under → Beyond → closed: the sensors show it. Under → Waiting: it backed out.
//! - Waiting, Under → Vanished: no sensor shows it any more. Vanished → Under: it was there after all.
//! - any step before Released → closed: it left the approach, or passed without a release.

use std::sync::Arc;

use portside_devices::moment::Moment;

use super::case::{Case, Grounds};
use super::settings::Desk;

/// Why an inspection was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Approach,
    Tailgating,
    Override,
}

impl Reason {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Approach => "approach",
            Self::Tailgating => "tailgating",
            Self::Override => "override",
        }
    }
}

/// Where a released subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The arm is to be asked to open as soon as it can be.
    Pending,
    /// A person has to say that this is still the subject, and that the arm may open.
    Confirm,
    /// The arm was asked to open at this moment; the subject stands before it.
    Waiting { asked: Moment },
    /// The subject is under the arm. `beyond_rose`: a sensor behind the arm has seen it arrive there.
    Under { beyond_rose: bool },
    /// The subject has left the space under the arm.
    Beyond,
    /// No sensor shows the subject, and none showed it leave.
    Vanished,
}

/// How far the inspection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `until`: when the officers are asked once; `None` when they have been.
    Unidentified {
        until: Option<Moment>,
    },
    AwaitingPicture {
        until: Moment,
    },
    Reviewing {
        until: Moment,
    },
    Held,
    /// `leave_by`: when a subject that is still here is told once; `None` before the opening and after the telling.
    Released {
        grounds: Grounds,
        way: Way,
        leave_by: Option<Moment>,
    },
}

/// Whether the lane has watched this subject without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    /// Watched since it arrived, or a person confirmed it.
    Watched,
    /// The daemon was restarted meanwhile: another subject may stand there.
    Restored,
}

/// One inspection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inspection {
    pub(super) case: Case,
    pub(super) reason: Reason,
    /// A picture made before is another's.
    pub(super) opened: Moment,
    pub(super) step: Step,
    pub(super) sameness: Sameness,
}

impl Inspection {
    pub(super) fn new(id: Arc<str>, reason: Reason, desks: &[Desk], opened: Moment, until: Moment) -> Self {
        Self {
            case: Case::new(id, desks),
            reason,
            opened,
            step: Step::Unidentified { until: Some(until) },
            sameness: Sameness::Watched,
        }
    }

    /// The way of a released subject.
    pub(super) const fn way(&self) -> Option<Way> {
        match self.step {
            Step::Released { way, .. } => Some(way),
            Step::Unidentified { .. } | Step::AwaitingPicture { .. } | Step::Reviewing { .. } | Step::Held => None,
        }
    }

    /// Moves a released subject along; the rest of its step stays.
    pub(super) fn go(&mut self, onward: Way) {
        if let Step::Released { way, .. } = &mut self.step {
            *way = onward;
        }
    }

    /// Releases the subject on these grounds. Nothing is asked of the arm yet.
    pub(super) fn release(&mut self, grounds: Grounds) {
        let way = match self.sameness {
            Sameness::Watched => Way::Pending,
            Sameness::Restored => Way::Confirm,
        };
        self.step = Step::Released { grounds, way, leave_by: None };
    }

    /// The word of the step in views, records and refusals.
    pub(super) const fn word(&self) -> &'static str {
        match self.step {
            Step::Unidentified { .. } => "unidentified",
            Step::AwaitingPicture { .. } => "awaiting_picture",
            Step::Reviewing { .. } => "reviewing",
            Step::Held => "held",
            Step::Released { way, .. } => match way {
                Way::Pending | Way::Confirm | Way::Waiting { .. } => "released",
                Way::Under { .. } | Way::Beyond => "passing",
                Way::Vanished => "vanished",
            },
        }
    }

    /// When this step's time is up.
    pub(super) const fn until(&self) -> Option<Moment> {
        match self.step {
            Step::Unidentified { until } => until,
            Step::AwaitingPicture { until } | Step::Reviewing { until } => Some(until),
            Step::Released { leave_by, .. } => leave_by,
            Step::Held => None,
        }
    }
}

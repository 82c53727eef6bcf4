//! The open inspections as their own records tell them, after a crash.
//!
//! Only what was recorded counts. Where on the belt a subject was is not recalled: while nobody looked, the belt may
//! have run and people may have reached in. What was on the belt is doubted, and examined.

use std::sync::Arc;

use portside_devices::moment::Moment;

use super::settings::{Settings, Spot};
use super::subject::{Doubt, Side, Stage, Step, Subject};
use super::travel::{Mark, Travel};
use crate::lane::Memory;
use crate::lane::case::{Grounds, text};
use crate::lane::review::HoldReason;

/// What [`fold`] remembers: the inspections that were open.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Their subjects were on the belt.
    pub(super) adrift: Vec<Subject>,
    /// Their subjects were at the examination.
    pub(super) aside: Vec<Subject>,
}

impl Recalled {
    /// Nothing: a lane that starts for the first time, or started empty.
    pub const NOTHING: Self = Self { adrift: Vec::new(), aside: Vec::new() };

    /// Ids of the inspections that were open.
    pub fn inspections(&self) -> impl Iterator<Item = &Arc<str>> {
        self.adrift.iter().chain(&self.aside).map(|subject| &subject.case.id)
    }
}

/// Rebuilds the open inspections from the records of the `inspection` stream, oldest first. Records of closed
/// inspections may be left out, and any number of them may come before.
pub fn fold<'a>(settings: &Settings, records: impl IntoIterator<Item = Memory<'a>>) -> Recalled {
    let start = Travel::new(settings.speed).mark();
    let mut recalled = Recalled::NOTHING;
    for record in records {
        let kind = record.kind.strip_prefix("portside.").unwrap_or(record.kind);
        let open = |subject: &Subject| &*subject.case.id == record.subject;
        match kind {
            "inspection.opened" if !recalled.adrift.iter().any(open) => {
                recalled.adrift.push(opened(settings, &record, start));
            }
            "inspection.closed" => {
                recalled.adrift.retain(|subject| !open(subject));
                recalled.aside.retain(|subject| !open(subject));
            }
            "inspection.aside" => {
                if let Some(place) = recalled.adrift.iter().position(open) {
                    recalled.aside.push(recalled.adrift.remove(place));
                }
            }
            kind => {
                let mut all = recalled.adrift.iter_mut().chain(&mut recalled.aside);
                if let Some(subject) = all.find(|subject| open(subject)) {
                    take(settings, subject, kind, &record);
                }
            }
        }
    }
    recalled
}

fn opened(settings: &Settings, record: &Memory<'_>, start: Mark) -> Subject {
    let mut subject = Subject::new(record.subject.into(), &settings.desks, Spot::Entry, start);
    subject.stage = Stage::Bound(Side::Examine);
    subject
}

fn take(settings: &Settings, subject: &mut Subject, kind: &str, record: &Memory<'_>) {
    subject.case.recall(kind, record);
    match kind {
        "inspection.scanned" if subject.step == Step::AwaitingScan => {
            subject.step = Step::AwaitingPicture { until: None };
        }
        "inspection.review_opened" => {
            subject.step = Step::Reviewing { until: Moment::START + settings.review_timeout };
        }
        "inspection.doubted" => {
            subject.case.hold_for_all(&settings.desks, &HoldReason::Doubt);
            let doubt = text(record.data, "doubt").and_then(Doubt::from_word).unwrap_or(Doubt::Restart);
            if !subject.doubts.contains(&doubt) {
                subject.doubts.push(doubt);
            }
        }
        "inspection.held" => subject.step = Step::Held,
        "inspection.hold_placed" if matches!(subject.step, Step::Released { .. }) => subject.step = Step::Held,
        "inspection.released" => {
            let lifts = text(record.data, "by") == Some("lifts");
            subject.step = Step::Released { grounds: if lifts { Grounds::Lifts } else { Grounds::Verdicts } };
        }
        _ => {} // the rest tells of the way, which is not recalled
    }
}

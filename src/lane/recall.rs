//! The open inspection as its own records tell it, after a crash.
//!
//! Only what was recorded counts: a decision that is not on record was never answered, so nobody relies on it. Times
//! are not recalled: what was running out begins anew with the start of the run.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde_json::Value;

use super::Secret;
use super::case::{Grounds, text};
use super::inspection::{Inspection, Reason, Sameness, Step, Way};
use super::radiation::Portal;
use super::screening::Screening;
use super::settings::Settings;

/// One record of the `inspection` stream, oldest first.
#[derive(Clone, Debug)]
pub struct Memory<'a> {
    /// Kind, with or without `portside.` in front.
    pub kind: &'a str,
    /// Inspection id.
    pub subject: &'a str,
    /// The record's `data`.
    pub data: &'a Value,
    /// What was sealed in it, if it could be unsealed.
    pub secret: Option<Secret>,
}

/// What [`fold`] remembers: the inspection that was open, if one was.
#[derive(Clone, Debug)]
pub struct Recalled {
    pub(super) inspection: Option<Inspection>,
}

impl Recalled {
    /// Nothing: a lane that starts for the first time, or started with no subject.
    pub const NOTHING: Self = Self { inspection: None };

    /// Id of the inspection that was open.
    pub fn inspection(&self) -> Option<&Arc<str>> {
        self.inspection.as_ref().map(|inspection| &inspection.case.id)
    }
}

/// Rebuilds the open inspection from the records of the `inspection` stream, oldest first. Records of closed
/// inspections may be left out, and any number of them may come before.
pub fn fold<'a>(settings: &Settings, records: impl IntoIterator<Item = Memory<'a>>) -> Recalled {
    let mut open: Option<Inspection> = None;
    for record in records {
        let kind = record.kind.strip_prefix("portside.").unwrap_or(record.kind);
        match (kind, &mut open) {
            ("inspection.opened", open) => *open = Some(opened(settings, &record)),
            ("inspection.closed", open) if is(open.as_ref(), record.subject) => *open = None,
            (kind, Some(inspection)) if &*inspection.case.id == record.subject => {
                take(settings, inspection, kind, &record)
            }
            _ => {} // a record of an inspection that has ended
        }
    }
    Recalled { inspection: open }
}

fn is(open: Option<&Inspection>, id: &str) -> bool {
    open.is_some_and(|inspection| &*inspection.case.id == id)
}

fn opened(settings: &Settings, record: &Memory<'_>) -> Inspection {
    let reason = match text(record.data, "reason") {
        Some("tailgating") => Reason::Tailgating,
        Some("override") => Reason::Override,
        _ => Reason::Approach,
    };
    let (opened, until) = (Moment::START, Moment::START + settings.identify_timeout);
    let mut inspection = Inspection::new(record.subject.into(), reason, &settings.desks, opened, until);
    inspection.case.screening = settings.temperature.as_ref().map(|_| Screening::new());
    inspection.case.portal = settings.radiation.as_ref().map(|_| Portal::new());
    inspection.sameness = Sameness::Restored;
    inspection
}

fn take(settings: &Settings, inspection: &mut Inspection, kind: &str, record: &Memory<'_>) {
    inspection.case.recall(kind, record);
    match kind {
        "inspection.review_opened" => {
            inspection.step = Step::Reviewing { until: Moment::START + settings.review_timeout };
        }
        "inspection.hold_placed" if inspection.way().is_some() => inspection.step = Step::Held,
        "inspection.radiation" => inspection.case.recall_radiation(record.data, settings.radiation.as_ref()),
        "inspection.held" => inspection.step = Step::Held,
        "inspection.released" => {
            let lifts = text(record.data, "by") == Some("lifts");
            inspection.release(if lifts { Grounds::Lifts } else { Grounds::Verdicts });
        }
        "inspection.override" => inspection.release(Grounds::Override),
        "inspection.entered" => inspection.go(Way::Under { beyond_rose: false }),
        "inspection.backed_out" => inspection.go(Way::Confirm),
        _ => {} // the rest tells of the inspection and decides nothing
    }
}

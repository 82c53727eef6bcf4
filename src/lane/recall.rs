//! The open inspection as its own records tell it, after a crash.
//!
//! Only what was recorded counts: a decision that is not on record was never answered, so nobody relies on it. Times
//! are not recalled: what was running out begins anew with the start of the run.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde_json::Value;

use super::inspection::{Grounds, Inspection, Lift, Reason, Sameness, Step, Way};
use super::review::{HoldReason, Standing};
use super::settings::Settings;
use super::{Officer, Secret, Verdict};

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
        self.inspection.as_ref().map(|inspection| &inspection.id)
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
            (kind, Some(inspection)) if &*inspection.id == record.subject => take(settings, inspection, kind, &record),
            _ => {} // a record of an inspection that has ended
        }
    }
    Recalled { inspection: open }
}

fn is(open: Option<&Inspection>, id: &str) -> bool {
    open.is_some_and(|inspection| &*inspection.id == id)
}

fn opened(settings: &Settings, record: &Memory<'_>) -> Inspection {
    let reason = match text(record.data, "reason") {
        Some("tailgating") => Reason::Tailgating,
        Some("override") => Reason::Override,
        _ => Reason::Approach,
    };
    let (opened, until) = (Moment::START, Moment::START + settings.identify_timeout);
    let mut inspection = Inspection::new(record.subject.into(), reason, &settings.desks, opened, until);
    inspection.sameness = Sameness::Restored;
    inspection
}

fn take(settings: &Settings, inspection: &mut Inspection, kind: &str, record: &Memory<'_>) {
    let data = record.data;
    match kind {
        "inspection.identified" => inspection.identity = text(data, "identity").map(Arc::from),
        "inspection.picture" => inspection.pictures.extend(text(data, "sha256").map(Arc::from)),
        "inspection.review_opened" => {
            inspection.step = Step::Reviewing { until: Moment::START + settings.review_timeout };
        }
        "inspection.verdict.sealed" => sealed(inspection, record),
        "inspection.verdict.opened" => verdict_opened(inspection, data),
        "inspection.hold_placed" => {
            if let (Some(agency), Some(reason)) = (text(data, "agency"), text(data, "reason")) {
                inspection.hold(&agency.into(), HoldReason::Placed(reason.into()));
            }
            if inspection.way().is_some() {
                inspection.step = Step::Held;
            }
        }
        "inspection.held" => held(inspection, data),
        "inspection.hold_lifted" => lifted(inspection, data),
        "inspection.released" => {
            let lifts = text(data, "by") == Some("lifts");
            inspection.release(if lifts { Grounds::Lifts } else { Grounds::Verdicts });
        }
        "inspection.override" => inspection.release(Grounds::Override),
        "inspection.entered" => inspection.go(Way::Under { beyond_rose: false }),
        "inspection.backed_out" => inspection.go(Way::Confirm),
        _ => {} // the rest tells of the inspection and decides nothing
    }
}

fn sealed(inspection: &mut Inspection, record: &Memory<'_>) {
    let Some(agency) = text(record.data, "agency") else { return };
    // A verdict that was recorded and cannot be read any more holds: it must neither vanish nor be taken for clear.
    let (officer, verdict) = record
        .secret
        .as_ref()
        .map_or(("".into(), Verdict::Unknown), |secret| (Arc::clone(&secret.officer), secret.verdict));
    inspection.review.give(&Officer { agency: agency.into(), name: officer }, verdict, true);
}

fn verdict_opened(inspection: &mut Inspection, data: &Value) {
    let Some(standing) = text(data, "agency").and_then(|agency| inspection.review.of(agency)) else { return };
    let verdict = match text(data, "verdict") {
        Some("clear") => Verdict::Clear,
        Some("alarm") => Verdict::Alarm,
        Some("not_reviewed") => {
            *standing = Standing::NotReviewed;
            return;
        }
        _ => Verdict::Unknown,
    };
    *standing = Standing::Opened { officer: text(data, "officer").unwrap_or("").into(), verdict };
}

fn held(inspection: &mut Inspection, data: &Value) {
    inspection.step = Step::Held;
    for hold in data.get("holds").and_then(Value::as_array).into_iter().flatten() {
        let Some(agency) = text(hold, "agency").map(Arc::from) else { continue };
        for reason in hold.get("reasons").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            inspection.hold(&agency, HoldReason::from_word(reason));
        }
    }
}

fn lifted(inspection: &mut Inspection, data: &Value) {
    let (Some(agency), Some(officer), Some(reason)) =
        (text(data, "agency"), text(data, "officer"), text(data, "reason"))
    else {
        return;
    };
    inspection.lift(agency);
    inspection.lifts.push(Lift { agency: agency.into(), officer: officer.into(), reason: reason.into() });
}

fn text<'a>(data: &'a Value, key: &str) -> Option<&'a str> {
    data.get(key).and_then(Value::as_str)
}

//! From identity to release or hold: what has to be there before the desks are asked, and what follows from their
//! verdicts. Silence never releases: no identity waits, no picture and no verdict hold.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::{Value, json};

use super::inspection::{Grounds, Inspection, Step};
use super::lane::{Lane, ms};
use super::review::{self, HoldReason, Standing};
use super::settings::{DeskRole, PictureRule};
use super::view::role_word;
use super::{Arrival, Picture};

/// File times may be cut down to steps of this length.
const FILE_TIME_STEP: Duration = Duration::from_secs(2);

impl Lane {
    pub(super) fn identified_or_ask(&mut self, until: Option<Moment>) -> bool {
        let Some(inspection) = &mut self.inspection else { return false };
        if inspection.identity.is_some() {
            match self.settings.picture {
                PictureRule::Required { within } if inspection.pictures.is_empty() => {
                    inspection.step = Step::AwaitingPicture { until: self.now + within };
                }
                PictureRule::Required { .. } | PictureRule::None => self.open_review(),
            }
            return true;
        }
        let due = until.is_some_and(|until| self.now >= until);
        if due {
            inspection.step = Step::Unidentified { until: None };
            self.alarm("alarm.unidentified", json!({ "after_ms": ms(self.settings.identify_timeout) }));
        }
        due
    }

    pub(super) fn pictured_or_hold(&mut self, until: Moment) -> bool {
        let Some(inspection) = &mut self.inspection else { return false };
        if !inspection.pictures.is_empty() {
            self.open_review();
            return true;
        }
        if self.now < until {
            return false;
        }
        let required = |desk: &&super::Desk| desk.role == DeskRole::Required;
        let any = self.settings.desks.iter().any(|desk| required(&desk));
        for desk in self.settings.desks.iter().filter(|desk| !any || required(desk)) {
            inspection.hold(&desk.agency, HoldReason::NoPicture);
        }
        self.hold();
        true
    }

    fn open_review(&mut self) {
        let Some(inspection) = &mut self.inspection else { return };
        inspection.step = Step::Reviewing { until: self.now + self.settings.review_timeout };
        let desks = self.settings.desks.iter();
        let desks: Vec<_> = desks.map(|desk| json!({ "agency": desk.agency, "role": role_word(desk.role) })).collect();
        let data = json!({
            "identity": inspection.identity, "pictures": inspection.pictures, "desks": desks,
            "blind": self.settings.blind, "timeout_ms": ms(self.settings.review_timeout),
        });
        self.inspection_note("inspection.review_opened", data);
    }

    pub(super) fn conclude_when_due(&mut self, until: Moment) -> bool {
        let Some(inspection) = &self.inspection else { return false };
        let due = inspection.review.complete() || inspection.review.opening(self.settings.blind) || self.now >= until;
        if due {
            self.open_verdicts();
            self.judge();
        }
        due
    }

    fn open_verdicts(&mut self) {
        loop {
            let Some(inspection) = &mut self.inspection else { return };
            let Some((desk, standing)) = inspection.review.open_next() else { return };
            let data = opened(&desk.agency, desk.role, standing);
            self.inspection_note("inspection.verdict.opened", data);
        }
    }

    fn judge(&mut self) {
        let Some(inspection) = &mut self.inspection else { return };
        for (agency, reason) in inspection.review.holds() {
            inspection.hold(&agency, reason);
        }
        if inspection.holds.is_empty() {
            self.release(Grounds::Verdicts);
        } else {
            self.hold();
        }
    }

    fn hold(&mut self) {
        let Some(inspection) = &mut self.inspection else { return };
        inspection.step = Step::Held;
        let data = json!({ "holds": holds(inspection) });
        self.inspection_note("inspection.held", data);
    }

    pub(super) fn release(&mut self, grounds: Grounds) -> bool {
        let Some(inspection) = &mut self.inspection else { return false };
        inspection.release(grounds);
        let lifts = inspection.lifts.iter();
        let lifts: Vec<_> = lifts
            .map(|lift| json!({ "agency": lift.agency, "officer": lift.officer, "reason": lift.reason }))
            .collect();
        let data = json!({
            "by": grounds.word(), "identity": inspection.identity, "verdicts": verdicts(inspection), "lifts": lifts,
        });
        self.inspection_note("inspection.released", data);
        true
    }

    /// Picture evidence: of the subject in the lane, or of nobody.
    pub(super) fn picture(&mut self, picture: &Picture) {
        let mut data = json!({
            "sha256": picture.sha256, "media_type": picture.media_type, "size": picture.size, "width": picture.width,
            "height": picture.height, "bits": picture.bits, "form": picture.form, "views": picture.views,
            "name": picture.name, "device": picture.device,
        });
        if let Some(sidecar) = &picture.sidecar {
            data["sidecar"] = json!(sidecar);
        }
        match (self.stray(&picture.arrival), &mut self.inspection) {
            (None, Some(inspection)) => {
                inspection.pictures.push(Arc::clone(&picture.sha256));
                self.inspection_note("inspection.picture", data);
            }
            (reason, _) => {
                data["reason"] = json!(reason.unwrap_or_else(|| "no subject is in the lane".into()));
                self.alarm("alarm.unbound_picture", data);
            }
        }
    }

    /// Why a picture cannot be of the subject in the lane, if so: another's must never speak for it.
    fn stray(&self, arrival: &Arrival) -> Option<Arc<str>> {
        match (arrival, &self.inspection) {
            (Arrival::Stale { reason }, _) => Some(Arc::clone(reason)),
            (Arrival::Fresh { made }, Some(inspection)) if inspection.opened.since(*made) > FILE_TIME_STEP => {
                Some("it was made before the subject in the lane arrived".into())
            }
            (Arrival::Fresh { .. }, _) => None,
        }
    }
}

/// Holds as records carry them.
pub(super) fn holds(inspection: &Inspection) -> Value {
    let each = inspection.holds.iter().map(|hold| {
        let reasons: Vec<_> = hold.reasons.iter().map(HoldReason::word).collect();
        json!({ "agency": hold.agency, "reasons": reasons })
    });
    each.collect()
}

/// One opened verdict as records carry it.
pub(super) fn opened(agency: &str, role: DeskRole, standing: &Standing) -> Value {
    let officer = match standing {
        Standing::Opened { officer, .. } => Some(officer),
        Standing::Waiting | Standing::Given { .. } | Standing::NotReviewed => None,
    };
    json!({ "agency": agency, "role": role_word(role), "verdict": review::word(standing), "officer": officer })
}

/// Every opened verdict; what is still sealed is not among them.
pub(super) fn verdicts(inspection: &Inspection) -> Value {
    let open = inspection.review.iter().filter(|(_, standing)| match standing {
        Standing::Opened { .. } | Standing::NotReviewed => true,
        Standing::Waiting | Standing::Given { .. } => false,
    });
    open.map(|(desk, standing)| opened(&desk.agency, desk.role, standing)).collect()
}

//! From identity to release or hold: what has to be there before the desks are asked, and what follows from their
//! verdicts. Silence never releases: no identity waits, no picture and no verdict hold.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::json;

use super::case::{Grounds, picture_data};
use super::inspection::Step;
use super::lane::{Lane, ms};
use super::review::HoldReason;
use super::settings::{PictureRule, Settings};
use super::{Arrival, Picture};

/// File times may be cut down to steps of this length.
const FILE_TIME_STEP: Duration = Duration::from_secs(2);

impl Lane {
    pub(super) fn identified_or_ask(&mut self, until: Option<Moment>) -> bool {
        let Some(inspection) = &mut self.inspection else { return false };
        if inspection.case.identity.is_some() {
            match self.settings.picture {
                PictureRule::Required { within } if inspection.case.pictures.is_empty() => {
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
        if !inspection.case.pictures.is_empty() {
            self.open_review();
            return true;
        }
        if self.now < until {
            return false;
        }
        inspection.case.hold_for_all(&self.settings.desks, &HoldReason::NoPicture);
        self.hold();
        true
    }

    fn open_review(&mut self) {
        let Some(inspection) = &mut self.inspection else { return };
        inspection.step = Step::Reviewing { until: self.now + self.settings.review_timeout };
        let Settings { desks, blind, review_timeout, .. } = &self.settings;
        let entry = inspection.case.review_opened(desks, *blind, *review_timeout);
        self.inspection_entry(entry);
    }

    pub(super) fn conclude_when_due(&mut self, until: Moment) -> bool {
        let Some(inspection) = &self.inspection else { return false };
        let due = inspection.case.review.complete()
            || inspection.case.review.opening(self.settings.blind)
            || self.now >= until;
        if due {
            self.open_verdicts();
            self.judge();
        }
        due
    }

    fn open_verdicts(&mut self) {
        while let Some(entry) = self.inspection.as_mut().and_then(|inspection| inspection.case.open_next()) {
            self.inspection_entry(entry);
        }
    }

    fn judge(&mut self) {
        self.decide_measurements();
        let Some(inspection) = &mut self.inspection else { return };
        if inspection.case.conclude() {
            self.release(Grounds::Verdicts);
        } else {
            self.hold();
        }
    }

    fn hold(&mut self) {
        self.decide_measurements();
        let Some(inspection) = &mut self.inspection else { return };
        inspection.step = Step::Held;
        let entry = inspection.case.held();
        self.inspection_entry(entry);
    }

    /// What was measured of the subject, or was not, holds before anybody releases it.
    fn decide_measurements(&mut self) {
        let Some(inspection) = &mut self.inspection else { return };
        inspection.case.decide_radiation(self.settings.radiation.as_ref());
        if let Some(entry) = inspection.case.decide_temperature(self.settings.temperature.as_ref()) {
            self.inspection_entry(entry);
        }
    }

    /// Every hold is lifted. One that an officer placed may have come before the measurements were known.
    pub(super) fn lifted(&mut self) -> bool {
        self.decide_measurements();
        if self.inspection.as_ref().is_some_and(|inspection| inspection.case.holds.is_empty()) {
            return self.release(Grounds::Lifts);
        }
        self.hold();
        true
    }

    pub(super) fn release(&mut self, grounds: Grounds) -> bool {
        let Some(inspection) = &mut self.inspection else { return false };
        inspection.release(grounds);
        let entry = inspection.case.released(grounds);
        self.inspection_entry(entry);
        true
    }

    /// Picture evidence: of the subject in the lane, or of nobody.
    pub(super) fn picture(&mut self, picture: &Picture) {
        match (self.stray(&picture.arrival), &mut self.inspection) {
            (None, Some(inspection)) => {
                let entry = inspection.case.picture(picture);
                self.inspection_entry(entry);
            }
            (reason, _) => {
                let mut data = picture_data(picture);
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

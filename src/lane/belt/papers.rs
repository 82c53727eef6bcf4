//! From scan to release or hold, and how an inspection ends. Silence never releases.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde_json::json;

use super::machine::Belt;
use super::settings::Spot;
use super::subject::{Doubt, Side, Stage, Step, Subject};
use crate::lane::Picture;
use crate::lane::case::{Case, Grounds, picture_data};
use crate::lane::review::HoldReason;

impl Belt {
    /// Doubts where a subject is. It is held, and goes to the examination whatever is said of it.
    pub(super) fn doubt(&mut self, id: &Arc<str>, doubt: Doubt) {
        let desks = self.settings.desks.clone();
        let Some(subject) = self.subject(id) else { return };
        if subject.doubts.contains(&doubt) {
            return;
        }
        subject.doubts.push(doubt);
        subject.case.hold_for_all(&desks, &HoldReason::Doubt);
        let (at, leaving) = (subject.at, subject.stage == Stage::Bound(Side::Exit));
        let reviewing = matches!(subject.step, Step::Reviewing { .. });
        self.images.doubt(id);
        self.inspection_note(id, "inspection.doubted", json!({ "doubt": doubt.word(), "at": at.word() }));
        if !reviewing {
            self.hold(id);
        }
        if leaving {
            self.stop_belt("doubt", Some(id));
        }
    }

    /// Doubts everything on the belt.
    pub(super) fn doubt_belt(&mut self, doubt: Doubt) {
        let ids: Vec<_> = self.belt.iter().map(|subject| Arc::clone(&subject.case.id)).collect();
        ids.iter().for_each(|id| self.doubt(id, doubt));
    }

    /// Its rear has left the source: its pictures come until then.
    pub(super) fn left_source(&mut self, id: &str, until: Moment) {
        if let Some(Subject { step: step @ Step::AwaitingPicture { until: None }, .. }) = self.subject(id) {
            *step = Step::AwaitingPicture { until: Some(until) };
        }
    }

    /// Picture evidence: of the one subject that it can be of, or of nobody.
    pub(super) fn picture(&mut self, picture: &Picture) {
        let mut all = self.belt.iter().chain(&self.aside);
        let known = all.find(|subject| subject.case.images.contains(picture.image()));
        // A further file of an image goes where the image went, and is none that is still owed.
        let bound = match known.filter(|_| picture.image.is_some()) {
            Some(subject) => Ok(Arc::clone(&subject.case.id)),
            None => self.images.bind(self.now, self.travel.mark().mm, picture),
        };
        let bound = bound.and_then(|id| match self.subject(&id) {
            Some(subject) => Ok((Arc::clone(&id), subject.case.picture(picture))),
            None => Err("its subject has left the lane".into()),
        });
        match bound {
            Ok((id, entry)) => self.entry(&id, entry),
            Err(reason) => {
                let mut data = picture_data(picture);
                data["reason"] = json!(reason);
                self.alarm(None, "alarm.unbound_picture", data);
            }
        }
    }

    /// Takes every arrow that is due in anybody's papers.
    pub(super) fn advance_papers(&mut self) {
        let now = self.now;
        let count = self.settings.images.count;
        let due = |subject: &&Subject| match subject.step {
            Step::AwaitingScan | Step::Released { .. } => false,
            Step::AwaitingPicture { until } => {
                subject.case.images.len() >= count || until.is_some_and(|until| now >= until)
            }
            Step::Reviewing { .. } => true,
            Step::Held => subject.case.holds.is_empty(),
        };
        let ids: Vec<_> = self.belt.iter().chain(&self.aside).filter(due).map(|s| Arc::clone(&s.case.id)).collect();
        ids.iter().for_each(|id| self.papers_of(id));
        let ended = |subject: &&Subject| matches!(subject.step, Step::Released { .. });
        let ids: Vec<_> = self.aside.iter().filter(ended).map(|subject| Arc::clone(&subject.case.id)).collect();
        ids.iter().for_each(|id| self.close(id, "examined"));
    }

    pub(super) fn papers_of(&mut self, id: &Arc<str>) {
        while self.step_papers(id) {}
    }

    fn step_papers(&mut self, id: &Arc<str>) -> bool {
        let (now, count, blind) = (self.now, self.settings.images.count, self.settings.blind);
        let desks = self.settings.desks.clone();
        let Some(subject) = self.subject(id) else { return false };
        // Beyond the decision nobody waits any more: what has not been said is not said.
        let gone = subject.stage == Stage::Bound(Side::Examine);
        match subject.step {
            Step::AwaitingScan if gone => {
                subject.case.hold_for_all(&desks, &HoldReason::NoPicture);
                self.hold(id)
            }
            Step::AwaitingPicture { .. } if subject.case.images.len() >= count => self.open_review(id),
            Step::AwaitingPicture { until } if gone || until.is_some_and(|until| now >= until) => {
                subject.case.hold_for_all(&desks, &HoldReason::NoPicture);
                self.hold(id)
            }
            Step::Reviewing { until } => {
                let review = &subject.case.review;
                let due = gone || review.complete() || review.opening(blind) || now >= until;
                due && self.conclude(id)
            }
            Step::Held if subject.case.holds.is_empty() => self.release(id, Grounds::Lifts),
            Step::AwaitingScan | Step::AwaitingPicture { .. } | Step::Held | Step::Released { .. } => false,
        }
    }

    fn open_review(&mut self, id: &Arc<str>) -> bool {
        let (desks, blind, timeout) = (self.settings.desks.clone(), self.settings.blind, self.settings.review_timeout);
        let until = self.now + timeout;
        let Some(subject) = self.subject(id) else { return false };
        subject.step = Step::Reviewing { until };
        let entry = subject.case.review_opened(&desks, blind, timeout);
        self.entry(id, entry);
        true
    }

    fn conclude(&mut self, id: &Arc<str>) -> bool {
        while let Some(entry) = self.subject(id).and_then(|subject| subject.case.open_next()) {
            self.entry(id, entry);
        }
        let clear = self.subject(id).is_some_and(|subject| subject.case.conclude());
        if clear { self.release(id, Grounds::Verdicts) } else { self.hold(id) }
    }

    /// Nothing more can be said of it: what was said is opened.
    fn finish_review(&mut self, id: &Arc<str>) {
        if self.subject(id).is_some_and(|subject| matches!(subject.step, Step::Reviewing { .. })) {
            self.conclude(id);
        }
    }

    fn hold(&mut self, id: &Arc<str>) -> bool {
        let Some(subject) = self.subject(id) else { return false };
        subject.step = Step::Held;
        let entry = subject.case.held();
        self.entry(id, entry);
        true
    }

    fn release(&mut self, id: &Arc<str>, grounds: Grounds) -> bool {
        let Some(subject) = self.subject(id) else { return false };
        subject.step = Step::Released { grounds };
        let entry = subject.case.released(grounds);
        self.entry(id, entry);
        true
    }

    /// A released subject that did not make it to the exit goes to the examination.
    pub(super) fn lead_aside(&mut self, id: &Arc<str>, why: &str) {
        let bound = self.subject(id).is_some_and(|subject| subject.stage == Stage::Bound(Side::Exit));
        if bound {
            self.send(id, Side::Examine, why);
        }
    }

    /// Somebody took it off a belt that stands.
    pub(super) fn take_off(&mut self, id: &Arc<str>, spot: Spot) {
        self.images.gone(id, self.now);
        self.inspection_note(id, "inspection.taken_off", json!({ "at": spot.word() }));
        if let Some(subject) = self.subject(id) {
            subject.lifted_off();
        }
        let unseen = |case: &Case| case.pictures.is_empty() && case.holds.is_empty();
        let withdrawn = self.subject(id).is_some_and(|subject| {
            matches!(subject.step, Step::AwaitingScan | Step::AwaitingPicture { until: None }) && unseen(&subject.case)
        });
        if withdrawn { self.close(id, "withdrawn") } else { self.set_aside(id) }
    }

    /// It is on the side of the examination.
    pub(super) fn set_aside(&mut self, id: &Arc<str>) {
        self.leaves_books(id);
        let Some(place) = self.place(id) else { return };
        let mut subject = self.belt.remove(place);
        let released = matches!(subject.step, Step::Released { .. });
        subject.stage = Stage::Bound(Side::Examine);
        self.aside.push(subject);
        if released {
            self.close(id, "handed_out");
        } else {
            self.inspection_note(id, "inspection.aside", json!({ "sensors": self.sensor_vector() }));
            self.papers_of(id);
        }
    }

    /// It should have been seen, and was not.
    pub(super) fn vanish(&mut self, id: &Arc<str>) {
        let Some(at) = self.subject(id).map(|subject| subject.at) else { return };
        self.images.gone(id, self.now);
        self.finish_review(id);
        self.alarm(Some(id), "alarm.vanished", json!({ "after": at.word() }));
        self.close(id, "vanished");
    }

    /// It has left by the exit.
    pub(super) fn depart(&mut self, id: &Arc<str>) {
        let passed = self.subject(id).is_some_and(|s| s.may_pass() && s.stage == Stage::Bound(Side::Exit));
        self.finish_review(id);
        self.close(id, if passed { "departed" } else { "passed_unreleased" });
    }

    pub(super) fn close(&mut self, id: &Arc<str>, outcome: &'static str) {
        let sensors = self.sensor_vector();
        let Some(subject) = self.subject(id) else { return };
        let grounds = match subject.step {
            Step::Released { grounds } => Some(grounds.word()),
            Step::AwaitingScan | Step::AwaitingPicture { .. } | Step::Reviewing { .. } | Step::Held => None,
        };
        let case = &subject.case;
        let doubts: Vec<_> = subject.doubts.iter().map(|doubt| doubt.word()).collect();
        let data = json!({
            "outcome": outcome, "released_by": grounds, "identity": case.identity, "doubts": doubts,
            "holds": case.holds_data(), "verdicts": case.verdicts_data(),
            "findings": case.findings_data(), "sensors": sensors,
        });
        let held = !case.holds.is_empty();
        if held {
            self.alarm(Some(id), "alarm.held_subject_left", json!({ "outcome": outcome }));
        }
        self.inspection_note(id, "inspection.closed", data);
        self.leaves_books(id);
        self.belt.retain(|subject| subject.case.id != *id);
        self.aside.retain(|subject| subject.case.id != *id);
        self.forget(Arc::clone(id));
    }
}

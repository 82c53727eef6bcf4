//! What officers do: each act is recorded and done, or refused with a reason; nothing in between.

use std::sync::Arc;

use portside_devices::kind::Closes;
use serde_json::json;

use super::arm::Withdrawal;
use super::case::Grounds;
use super::contacts::Position;
use super::examination::Deed;
use super::inspection::{Inspection, Reason, Sameness, Step, Way};
use super::judgement::Opinion;
use super::lane::{Lane, License};
use super::record::person;
use super::settings::Place;
use super::{Act, ImageRef, Officer, Order, Refusal};

// Asked is never seen: what these say of the barrier is what was ordered.
const STOP_ORDERED: &str = "stop ordered; the barrier has not confirmed it yet";
const CLOSE_TAKEN_BACK: &str = "any close is taken back; the barrier has not confirmed it yet, and an opening goes on: \
    this barrier has no stop output: use its own button";
const OPENING_INSTEAD: &str = "opening ordered instead of the close; the barrier has not confirmed it yet: \
    this barrier has no stop output: use its own button";
const NO_STOP: &str = "nothing is ordered any more until a resume, but nothing could be sent: \
    this barrier has no stop output: use its own button";
/// Shortest beginning of an id that stands for it.
const BEGINNING_MIN: usize = 4;
/// Characters of an id that are its whole time: no other inspection of the lane begins so.
const WHOLE_TIME: usize = 13;

type Answer = Result<Arc<str>, Refusal>;

impl Lane {
    /// Does what the officer asks, or says why not.
    pub(super) fn act(&mut self, officer: &Officer, act: Act) -> Answer {
        if act == Act::Stop {
            return Ok(self.stop(officer)); // whoever shouts stop is obeyed
        }
        if !self.settings.agencies.contains(&officer.agency) {
            return Err(Refusal::UnknownAgency { agency: Arc::clone(&officer.agency) });
        }
        if officer.name.trim().is_empty() {
            return Err(Refusal::NamelessOfficer);
        }
        match act {
            Act::Identify { inspection, identity } => self.identify(officer, inspection.as_ref(), identity.trim()),
            Act::Judge { inspection, verdict, image, regions, note } => {
                self.give_verdict(officer, &inspection, Opinion { verdict, image, regions, note })
            }
            Act::Shown { inspection, image } => self.shown(officer, &inspection, &image),
            Act::PlaceHold { inspection, reason } => self.place_hold(officer, &inspection, reason.trim()),
            Act::LiftHold { inspection, reason } => self.lift_hold(officer, &inspection, reason.trim()),
            Act::Temperature { inspection, celsius, instrument } => {
                self.confirm_temperature(officer, &inspection, celsius, instrument.trim())
            }
            Act::ExaminationBegin { inspection, with, note } => {
                self.deed(officer, &inspection, Deed::Begin { with }, note)
            }
            Act::ExaminationArrive { inspection } => self.deed(officer, &inspection, Deed::Arrive, None),
            Act::ExaminationOpen { inspection } => self.deed(officer, &inspection, Deed::Open, None),
            Act::ExaminationFinding { inspection, found, note } => {
                self.deed(officer, &inspection, Deed::Find { found }, note)
            }
            Act::ExaminationClose { inspection } => self.deed(officer, &inspection, Deed::Close, None),
            Act::Disposition { inspection, disposition, instead_of, note } => {
                self.deed(officer, &inspection, Deed::Dispose { disposition, instead_of }, note)
            }
            Act::HandOver { inspection, to, note } => self.deed(officer, &inspection, Deed::HandOver { to }, note),
            Act::Accept { inspection, from } => self.deed(officer, &inspection, Deed::Accept { from }, None),
            Act::Open { reason } => self.open_by_override(officer, reason.trim()),
            Act::Stop => Ok(self.stop(officer)),
            Act::Resume => self.resume(officer),
            Act::ConfirmClear => self.confirm_clear(officer),
            Act::ConfirmSubject => self.confirm_subject(officer),
        }
    }

    fn stop(&mut self, officer: &Officer) -> Arc<str> {
        let closing = self.arm.closing();
        if self.settings.arm.can_stop {
            self.protect(Order::Stop, "officer");
        }
        let answer = match self.arm.withdrawal() {
            Withdrawal::CloseOff => {
                self.protect(Order::CloseOff, "officer");
                if self.settings.arm.can_stop { STOP_ORDERED } else { CLOSE_TAKEN_BACK }
            }
            Withdrawal::Reverse if closing => {
                self.protect(Order::Open, "officer");
                OPENING_INSTEAD
            }
            Withdrawal::Stop => STOP_ORDERED,
            Withdrawal::Reverse => NO_STOP,
        };
        self.arm.stop();
        self.doubted();
        self.device_note(
            "arm.stopped",
            json!({ "by": "officer", "officer": person(officer), "sensors": self.sensors.vector() }),
        );
        answer.into()
    }

    /// The inspection in the lane, if it is the one the officer saw.
    pub(super) fn seen(&mut self, asked: Option<&Arc<str>>) -> Result<&mut Inspection, Refusal> {
        let before = self.before.clone();
        let inspection = self.inspection.as_mut().ok_or(Refusal::NoSubject)?;
        match asked {
            Some(asked) if !means(asked, &inspection.case.id, before.as_deref()) => {
                Err(Refusal::OtherInspection { asked: Arc::clone(asked), current: Arc::clone(&inspection.case.id) })
            }
            Some(_) | None => Ok(inspection),
        }
    }

    fn identify(&mut self, officer: &Officer, asked: Option<&Arc<str>>, identity: &str) -> Answer {
        let inspection = self.seen(asked)?;
        if identity.is_empty() {
            return Err(Refusal::NoIdentity);
        }
        if !matches!(inspection.step, Step::Unidentified { .. } | Step::AwaitingPicture { .. }) {
            return Err(Refusal::WrongStep {
                step: inspection.word(),
                because: "the identity is fixed once the desks have been asked",
            });
        }
        let entry = inspection.case.identify(officer, identity);
        self.inspection_entry(entry);
        Ok(format!("recorded: {identity}").into())
    }

    fn shown(&mut self, officer: &Officer, asked: &Arc<str>, image: &ImageRef) -> Answer {
        let now = self.now;
        let entry = self.seen(Some(asked))?.case.shown(officer, image, now)?;
        entry.into_iter().for_each(|entry| self.inspection_entry(entry));
        Ok("noted".into())
    }

    fn give_verdict(&mut self, officer: &Officer, asked: &Arc<str>, opinion: Opinion) -> Answer {
        let (blind, now) = (self.settings.blind, self.now);
        let inspection = self.seen(Some(asked))?;
        let closed = (!matches!(inspection.step, Step::Reviewing { .. })).then(|| inspection.word());
        let entry = inspection.case.judge(officer, opinion, blind, closed, now)?;
        self.inspection_entry(entry);
        Ok("recorded".into())
    }

    fn place_hold(&mut self, officer: &Officer, asked: &Arc<str>, reason: &str) -> Answer {
        let inspection = self.seen(Some(asked))?;
        inspection.case.may_hold(officer, reason)?;
        match inspection.way() {
            None => {}
            Some(Way::Pending | Way::Confirm) => inspection.step = Step::Held,
            Some(Way::Waiting { .. } | Way::Under { .. } | Way::Beyond | Way::Vanished) => {
                return Err(Refusal::WrongStep {
                    step: inspection.word(),
                    because: "the arm has been asked to open; stop the arm, or send somebody",
                });
            }
        }
        let entry = inspection.case.place_hold(officer, reason);
        self.inspection_entry(entry);
        Ok("held".into())
    }

    fn lift_hold(&mut self, officer: &Officer, asked: &Arc<str>, reason: &str) -> Answer {
        let (entry, says) = self.seen(Some(asked))?.case.lift_hold(officer, reason)?;
        self.inspection_entry(entry);
        Ok(says)
    }

    fn deed(&mut self, officer: &Officer, asked: &Arc<str>, deed: Deed, note: Option<Arc<str>>) -> Answer {
        let agencies = self.settings.agencies.clone();
        let inspection = self.seen(Some(asked))?;
        if inspection.step != Step::Held {
            return Err(Refusal::WrongStep { step: inspection.word(), because: "only a held subject is examined" });
        }
        let (entry, says) = inspection.case.deed(officer, deed, note, &agencies)?;
        self.inspection_entry(entry);
        Ok(says)
    }

    fn open_by_override(&mut self, officer: &Officer, reason: &str) -> Answer {
        if reason.is_empty() {
            return Err(Refusal::NoReason);
        }
        if let Some(what) = self.arm.refuses_open() {
            return Err(Refusal::Latched { what });
        }
        if let Some(inspection) = &self.inspection {
            if !inspection.case.holds.is_empty() {
                return Err(Refusal::HoldStands { owners: inspection.case.owners() });
            }
            if inspection.case.review.sealed() {
                return Err(Refusal::VerdictSealed);
            }
            if let Some(agency) = self.measurement_stands() {
                return Err(Refusal::MeasurementStands { agency });
            }
        } else {
            self.open_inspection(Reason::Override);
        }
        let Some(inspection) = &mut self.inspection else { return Err(Refusal::NoSubject) };
        inspection.release(Grounds::Override);
        inspection.sameness = Sameness::Watched; // the named person vouches for the subject
        let step = json!({ "officer": person(officer), "reason": reason });
        self.inspection_note("inspection.override", step);
        self.open_for_person("override");
        Ok(match self.arm.position() {
            Position::Unknown => "asked to open; whether the arm moves cannot be seen".into(),
            Position::Closed | Position::Between | Position::Open | Position::Both => "opening".into(),
        })
    }

    /// Opens at a person's word: a close in progress is reversed, a mechanical fault is no obstacle.
    fn open_for_person(&mut self, why: &str) {
        if !self.arm.closing() {
            self.open_arm(why);
            return;
        }
        match self.settings.arm.closes {
            Closes::Held => {
                self.withdraw(why);
                self.open_arm(why);
            }
            Closes::Pulse | Closes::Own => {
                self.protect(Order::Open, why);
                self.arm.withdrawn(self.now, Withdrawal::Reverse);
                self.wait_for_subject();
            }
        }
    }

    fn resume(&mut self, officer: &Officer) -> Answer {
        let was = self.arm.latched().ok_or(Refusal::NothingLatched)?;
        self.arm.resume(self.now).map_err(|what| Refusal::StillThere { what })?;
        self.device_note(
            "arm.resumed",
            json!({ "was": was, "officer": person(officer), "sensors": self.sensors.vector() }),
        );
        Ok(format!("{was} ended; nothing moves by itself").into())
    }

    fn confirm_clear(&mut self, officer: &Officer) -> Answer {
        let dissenting = self.sensors.dissenting();
        if !dissenting.is_empty() {
            return Err(Refusal::NotClear { sensors: dissenting });
        }
        let ends = self.ends_by_confirmation()?;
        let closes = self.settings.arm.closes != Closes::Own && self.arm.position() == Position::Open;
        if ends.is_none() && !closes {
            return Err(Refusal::NothingToConfirm);
        }
        if let (true, Some(what)) = (closes, self.arm.latched()) {
            return Err(Refusal::Latched { what });
        }
        self.device_note(
            "arm.confirmed_clear",
            json!({ "officer": person(officer), "sensors": self.sensors.vector(), "arm": self.arm.vector() }),
        );
        if let Some(outcome) = ends {
            self.close_inspection(outcome);
        }
        self.license = if closes { License::Confirmed } else { License::None };
        Ok(if closes { "confirmed; the arm may close".into() } else { "confirmed".into() })
    }

    /// The outcome of a released inspection that ends when a person says nobody is there.
    fn ends_by_confirmation(&self) -> Result<Option<&'static str>, Refusal> {
        let Some(inspection) = &self.inspection else { return Ok(None) };
        match (inspection.way(), inspection.reason) {
            (None, _) => Ok(None),
            (Some(Way::Vanished), _) => Ok(Some("vanished")),
            (Some(Way::Waiting { .. } | Way::Confirm), Reason::Override) if !self.sensors.present(Place::Approach) => {
                Ok(Some("nobody_passed"))
            }
            (Some(Way::Pending | Way::Confirm | Way::Waiting { .. } | Way::Under { .. } | Way::Beyond), _) => {
                Err(Refusal::SubjectInPassage)
            }
        }
    }

    fn confirm_subject(&mut self, officer: &Officer) -> Answer {
        let shut = self.arm.position() != Position::Open;
        let refuses = self.arm.refuses_open();
        let inspection = self.inspection.as_mut().ok_or(Refusal::NoSubject)?;
        let opens = match inspection.way() {
            Some(Way::Confirm) => true,
            Some(Way::Under { .. } | Way::Vanished) => shut,
            Some(Way::Pending | Way::Waiting { .. } | Way::Beyond) | None => false,
        };
        if !opens && inspection.sameness == Sameness::Watched {
            return Err(Refusal::NothingToConfirm);
        }
        if let (true, Some(what)) = (opens, refuses) {
            return Err(Refusal::Latched { what });
        }
        inspection.sameness = Sameness::Watched;
        self.inspection_note("inspection.confirmed", json!({ "officer": person(officer) }));
        if opens {
            self.open_for_person("confirmed_subject");
        }
        Ok("confirmed".into())
    }
}

/// Whether `asked` is the id, or the beginning of it and of none before. Ids sort by time: what does not begin the id
/// before begins no older one either. After a start the id before is not known.
pub(super) fn means(asked: &str, id: &str, before: Option<&str>) -> bool {
    let alone = match before {
        Some(before) => asked.len() >= BEGINNING_MIN && !before.starts_with(asked),
        None => asked.len() >= WHOLE_TIME,
    };
    asked == id || (alone && id.starts_with(asked))
}

#[cfg(test)]
mod tests {
    use super::means;

    #[test]
    fn the_beginning_of_an_id_stands_for_it_only_where_it_can_mean_no_other_inspection() {
        let (id, before) = ("0198c2b0-7b1c-7def-8123-456789abcdef", "0198c2af-9000-7def-8123-456789abcdef");
        assert!(means(id, id, Some(before)) && means(id, id, None));
        assert!(means("0198c2b", id, Some(before)));
        assert!(!means("0198c2", id, Some(before)), "begins the one before as well");
        assert!(!means("", id, Some("1")) && !means("019", id, Some("1")), "too short to be meant");
        assert!(means("0198", id, Some("0197c2af-9000")));
        assert!(means("0198c2b0-7b1c", id, None) && !means("0198c2b0", id, None), "nothing is known of the one before");
        assert!(!means("0198c2b0-7b1d", id, Some(before)));
    }
}

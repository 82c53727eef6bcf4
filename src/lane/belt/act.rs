//! What officers do at a belt lane: each act is recorded and done, or refused with a reason; nothing in between.

use std::sync::Arc;

use serde_json::json;

use super::machine::Belt;
use super::settings::Spot;
use super::subject::{Side, Stage, Step, Subject};
use super::travel::Motion;
use crate::lane::examination::Deed;
use crate::lane::judgement::Opinion;
use crate::lane::record::person;
use crate::lane::{Act, ImageRef, Officer, Presence, Refusal};

/// Characters of an id that are its whole time: nothing else that was opened begins so.
const WHOLE_TIME: usize = 13;

type Answer = Result<Arc<str>, Refusal>;

impl Belt {
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
            Act::Identify { inspection, identity } => self.identify(officer, inspection.as_deref(), identity.trim()),
            Act::Judge { inspection, verdict, image, regions, note } => {
                self.give_verdict(officer, &inspection, Opinion { verdict, image, regions, note })
            }
            Act::Shown { inspection, image } => self.shown(officer, &inspection, &image),
            Act::PlaceHold { inspection, reason } => self.place_hold(officer, &inspection, reason.trim()),
            Act::LiftHold { inspection, reason } => self.lift_hold(officer, &inspection, reason.trim()),
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
            Act::Stop => Ok(self.stop(officer)),
            Act::Resume => self.resume(officer),
            Act::ConfirmClear => self.confirm_clear(officer),
            Act::Temperature { .. } => Err(Refusal::NotScreened), // a bag has none
            Act::Open { .. } | Act::ConfirmSubject => Err(Refusal::NoArm),
        }
    }

    fn stop(&mut self, officer: &Officer) -> Arc<str> {
        self.stopping = None; // a person's stop is given again, whatever was given before
        self.stop_belt("officer", None);
        let device = self.settings.drive.device.clone();
        self.device_note(device, "belt.stopped", json!({ "officer": person(officer) }));
        "stop ordered; the belt has not confirmed it yet, and only a person at the machine starts it again".into()
    }

    /// The inspection that the officer means.
    fn meant(&self, asked: Option<&str>) -> Result<Arc<str>, Refusal> {
        let open = || self.belt.iter().chain(&self.aside).map(|subject| &subject.case.id);
        let Some(asked) = asked else {
            let mut all = open();
            return match (all.next(), all.next()) {
                (Some(only), None) => Ok(Arc::clone(only)),
                (None, _) => Err(Refusal::NoSubject),
                (Some(_), Some(_)) => Err(Refusal::WhichSubject { open: open().count() }),
            };
        };
        let mut meant = open().filter(|id| &***id == asked || (asked.len() >= WHOLE_TIME && id.starts_with(asked)));
        match (meant.next(), meant.next()) {
            (Some(only), None) => Ok(Arc::clone(only)),
            (Some(_), Some(_)) => Err(Refusal::WhichSubject { open: open().count() }),
            (None, _) if self.closed.iter().any(|id| id.starts_with(asked)) => {
                Err(Refusal::WrongStep { step: "closed", because: "the inspection has ended" })
            }
            (None, _) => Err(Refusal::NotOpen { asked: asked.into() }),
        }
    }

    /// The subject that the officer means, and its inspection's id.
    fn seen(&mut self, asked: Option<&str>) -> Result<(Arc<str>, &mut Subject), Refusal> {
        let id = self.meant(asked)?;
        let subject = self.subject(&id).ok_or(Refusal::NoSubject)?;
        Ok((id, subject))
    }

    fn identify(&mut self, officer: &Officer, asked: Option<&str>, identity: &str) -> Answer {
        let (id, subject) = self.seen(asked)?;
        if identity.is_empty() {
            return Err(Refusal::NoIdentity);
        }
        if matches!(subject.step, Step::Released { .. }) {
            return Err(Refusal::WrongStep { step: subject.word(), because: "the identity is fixed by the release" });
        }
        let entry = subject.case.identify(officer, identity);
        self.entry(&id, entry);
        Ok(format!("recorded: {identity}").into())
    }

    fn shown(&mut self, officer: &Officer, asked: &str, image: &ImageRef) -> Answer {
        let now = self.now;
        let (id, subject) = self.seen(Some(asked))?;
        let entry = subject.case.shown(officer, image, now)?;
        entry.into_iter().for_each(|entry| self.entry(&id, entry));
        Ok("noted".into())
    }

    fn give_verdict(&mut self, officer: &Officer, asked: &str, opinion: Opinion) -> Answer {
        let (blind, now) = (self.settings.blind, self.now);
        let (id, subject) = self.seen(Some(asked))?;
        let closed = (!matches!(subject.step, Step::Reviewing { .. })).then(|| subject.word());
        let entry = subject.case.judge(officer, opinion, blind, closed, now)?;
        self.entry(&id, entry);
        Ok("recorded".into())
    }

    fn place_hold(&mut self, officer: &Officer, asked: &str, reason: &str) -> Answer {
        let (id, subject) = self.seen(Some(asked))?;
        subject.case.may_hold(officer, reason)?;
        let leaving = subject.stage == Stage::Bound(Side::Exit);
        let released = matches!(subject.step, Step::Released { .. });
        if released {
            subject.step = Step::Held;
        }
        let entry = subject.case.place_hold(officer, reason);
        self.entry(&id, entry);
        if leaving {
            self.stop_belt("hold_placed", Some(&id));
            return Ok("held; it was on its way out, and the belt is being stopped: take it off".into());
        }
        Ok("held".into())
    }

    fn lift_hold(&mut self, officer: &Officer, asked: &str, reason: &str) -> Answer {
        let (id, subject) = self.seen(Some(asked))?;
        let (entry, says) = subject.case.lift_hold(officer, reason)?;
        self.entry(&id, entry);
        Ok(says)
    }

    fn deed(&mut self, officer: &Officer, asked: &str, deed: Deed, note: Option<Arc<str>>) -> Answer {
        let agencies = self.settings.agencies.clone();
        let id = self.meant(Some(asked))?;
        let on_belt = self.belt.iter().any(|subject| subject.case.id == id);
        let subject = self.subject(&id).ok_or(Refusal::NoSubject)?;
        if subject.step != Step::Held {
            return Err(Refusal::WrongStep { step: subject.word(), because: "only a held subject is examined" });
        }
        if on_belt && matches!(deed, Deed::Open) {
            let because = "it is still on the belt; take it to the examination first";
            return Err(Refusal::WrongStep { step: subject.word(), because });
        }
        let (entry, says) = subject.case.deed(officer, deed, note, &agencies)?;
        self.entry(&id, entry);
        Ok(says)
    }

    fn resume(&mut self, officer: &Officer) -> Answer {
        let was = self.turn.fault.ok_or(Refusal::NothingLatched)?;
        if self.diverter_still_faulty() {
            return Err(Refusal::StillThere { what: "the diverter's own fault" });
        }
        self.turn.fault = None;
        if let Some(device) = self.settings.diverter().map(|diverter| diverter.device.clone()) {
            self.device_note(device, "belt.resumed", json!({ "was": was, "officer": person(officer) }));
        }
        Ok(format!("{was} ended; the belt is started by a person at the machine").into())
    }

    /// A person looked: nothing stands between the decision and the exit. What was believed to be there has been taken
    /// off.
    fn confirm_clear(&mut self, officer: &Officer) -> Answer {
        // Asked for or not: the interlock, which keeps books of its own, may wait for it where this machine does not.
        let behind = self.behind_decision();
        if !matches!(self.travel.motion(), Motion::Stopped { .. }) {
            return Err(Refusal::BeltRuns);
        }
        let dissents = |sensor: &usize| {
            let spot = self.settings.sensors[*sensor].spot;
            matches!(spot, Spot::Decision | Spot::Exit | Spot::Examine) && self.edges.raw(*sensor) != Presence::Clear
        };
        let sensors: Vec<_> = (0..self.settings.sensors.len()).filter(dissents).collect();
        if !sensors.is_empty() {
            let names = sensors.into_iter().map(|sensor| self.settings.sensors[sensor].name.clone());
            return Err(Refusal::NotClear { sensors: names.collect() });
        }
        self.turn.looked();
        let device = self.settings.drive.device.clone();
        self.device_note(device, "belt.confirmed_clear", json!({ "officer": person(officer) }));
        for id in behind {
            self.take_off(&id, Spot::Decision);
        }
        Ok("confirmed".into())
    }
}

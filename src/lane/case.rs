//! What every inspection carries, whatever its subject and wherever it is: pictures, review, holds, lifts.
//!
//! A gate has one at a time, a belt several; what the desks may do with one of them is the same.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde_json::{Value, json};

use super::examination::{Examination, HandOver};
use super::finding::Disposition;
use super::lane::ms;
use super::radiation::Portal;
use super::record::person;
use super::review::{HoldReason, Review};
use super::screening::Screening;
use super::settings::{Desk, DeskRole};
use super::view::role_word;
use super::{Memory, Officer, Picture, Refusal, Secret};

/// What a release rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grounds {
    Verdicts,
    Lifts,
    Override,
}

impl Grounds {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Verdicts => "verdicts",
            Self::Lifts => "lifts",
            Self::Override => "override",
        }
    }
}

/// One agency's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) agency: Arc<str>,
    pub(super) reasons: Vec<HoldReason>,
}

/// One lifted hold, as the release names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lift {
    pub(super) agency: Arc<str>,
    pub(super) officer: Arc<str>,
    pub(super) reason: Arc<str>,
}

/// A record of the inspection that is still to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) data: Value,
    pub(super) secret: Option<Secret>,
}

/// The papers of one inspection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Case {
    pub(super) id: Arc<str>,
    pub(super) identity: Option<Arc<str>>,
    pub(super) pictures: Vec<Arc<str>>,
    /// Ids of the images that the pictures are of, oldest first.
    pub(super) images: Vec<Arc<str>>,
    /// Desks whose screens have drawn an image, and when the first one; the moment is not recalled.
    pub(super) shown: Vec<(Arc<str>, Option<Moment>)>,
    pub(super) review: Review,
    pub(super) holds: Vec<Hold>,
    pub(super) lifts: Vec<Lift>,
    /// The joint examination; `None` before one is begun.
    pub(super) examination: Option<Examination>,
    /// Findings that were handed over, oldest first.
    pub(super) handed_over: Vec<HandOver>,
    /// What agencies do after their findings, oldest first.
    pub(super) dispositions: Vec<(Arc<str>, Disposition)>,
    /// The subject's temperature; `None` where the lane measures none.
    pub(super) screening: Option<Screening>,
    /// What the radiation portal found; `None` where the lane has none.
    pub(super) portal: Option<Portal>,
}

impl Case {
    pub(super) fn new(id: Arc<str>, desks: &[Desk]) -> Self {
        Self {
            id,
            identity: None,
            pictures: Vec::new(),
            images: Vec::new(),
            shown: Vec::new(),
            review: Review::new(desks),
            holds: Vec::new(),
            lifts: Vec::new(),
            examination: None,
            handed_over: Vec::new(),
            dispositions: Vec::new(),
            screening: None,
            portal: None,
        }
    }

    /// Adds a reason to the agency's hold, which begins with the first.
    pub(super) fn hold(&mut self, agency: &Arc<str>, reason: HoldReason) {
        match self.holds.iter_mut().find(|hold| hold.agency == *agency) {
            Some(hold) if hold.reasons.contains(&reason) => {}
            Some(hold) => hold.reasons.push(reason),
            None => self.holds.push(Hold { agency: Arc::clone(agency), reasons: vec![reason] }),
        }
    }

    /// Every desk whose word is required holds, or every desk where none is.
    pub(super) fn hold_for_all(&mut self, desks: &[Desk], reason: &HoldReason) {
        let required = |desk: &&Desk| desk.role == DeskRole::Required;
        let any = desks.iter().any(|desk| required(&desk));
        for desk in desks.iter().filter(|desk| !any || required(desk)) {
            self.hold(&desk.agency, reason.clone());
        }
    }

    /// Removes the agency's hold and returns it.
    pub(super) fn lift(&mut self, agency: &str) -> Option<Hold> {
        let place = self.holds.iter().position(|hold| &*hold.agency == agency)?;
        let hold = self.holds.remove(place);
        self.leave_examination(agency);
        if hold.reasons.contains(&HoldReason::Temperature) {
            self.waive_temperature();
        }
        if hold.reasons.contains(&HoldReason::Radiation) {
            self.waive_radiation();
        }
        Some(hold)
    }

    /// Agencies whose holds stand.
    pub(super) fn owners(&self) -> Vec<Arc<str>> {
        self.holds.iter().map(|hold| Arc::clone(&hold.agency)).collect()
    }

    /// The identity as an officer typed it.
    pub(super) fn identify(&mut self, officer: &Officer, identity: &str) -> Entry {
        let before = self.identity.replace(identity.into());
        let data = json!({ "identity": identity, "before": before, "officer": person(officer) });
        Entry { kind: "inspection.identified", data, secret: None }
    }

    /// Durable picture evidence of this subject.
    pub(super) fn picture(&mut self, picture: &Picture) -> Entry {
        self.pictures.push(Arc::clone(&picture.sha256));
        self.add_image(Some(Arc::clone(picture.image())));
        Entry { kind: "inspection.picture", data: picture_data(picture), secret: None }
    }

    /// Several files may be of one image.
    fn add_image(&mut self, image: Option<Arc<str>>) {
        let image = image.filter(|image| !self.images.contains(image));
        self.images.extend(image);
    }

    /// The desks are asked.
    pub(super) fn review_opened(&self, desks: &[Desk], blind: bool, timeout: Duration) -> Entry {
        let desks = desks.iter().map(|desk| json!({ "agency": desk.agency, "role": role_word(desk.role) }));
        let data = json!({
            "identity": self.identity, "pictures": self.pictures, "desks": desks.collect::<Vec<_>>(),
            "blind": blind, "timeout_ms": ms(timeout),
        });
        Entry { kind: "inspection.review_opened", data, secret: None }
    }

    /// Holds that the opened verdicts ask for; `true` when nothing stands against a release.
    pub(super) fn conclude(&mut self) -> bool {
        for (agency, reason) in self.review.holds() {
            self.hold(&agency, reason);
        }
        self.holds.is_empty()
    }

    /// Whether this officer may place a hold for this reason at all.
    pub(super) fn may_hold(&self, officer: &Officer, reason: &str) -> Result<(), Refusal> {
        if reason.is_empty() {
            return Err(Refusal::NoReason);
        }
        if self.owners().contains(&officer.agency) {
            return Err(Refusal::AlreadyHeld { agency: Arc::clone(&officer.agency) });
        }
        Ok(())
    }

    /// Places an officer's hold.
    pub(super) fn place_hold(&mut self, officer: &Officer, reason: &str) -> Entry {
        self.hold(&officer.agency, HoldReason::Placed(reason.into()));
        let data = json!({ "agency": officer.agency, "officer": officer.name, "reason": reason });
        Entry { kind: "inspection.hold_placed", data, secret: None }
    }

    /// Lifts the officer's agency's hold, and no other's: the record and the sentence for the officer.
    pub(super) fn lift_hold(&mut self, officer: &Officer, reason: &str) -> Result<(Entry, Arc<str>), Refusal> {
        if reason.is_empty() {
            return Err(Refusal::NoReason);
        }
        if self.holds.is_empty() {
            return Err(Refusal::NoHold);
        }
        let agency = Arc::clone(&officer.agency);
        if !self.owners().contains(&agency) {
            return Err(Refusal::NotYourHold { agency, owners: self.owners() });
        }
        self.may_lift(&agency)?;
        let Some(hold) = self.lift(&agency) else { return Err(Refusal::NoHold) };
        self.lifts.push(Lift { agency, officer: Arc::clone(&officer.name), reason: reason.into() });
        let left = self.owners();
        let lifted: Vec<_> = hold.reasons.iter().map(HoldReason::word).collect();
        let data = json!({
            "agency": officer.agency, "officer": officer.name, "reason": reason, "lifted": lifted, "left": left,
        });
        let says =
            if left.is_empty() { "lifted".into() } else { format!("lifted; still held by {}", left.join(", ")).into() };
        Ok((Entry { kind: "inspection.hold_lifted", data, secret: None }, says))
    }

    /// What stands against a release.
    pub(super) fn held(&self) -> Entry {
        Entry { kind: "inspection.held", data: json!({ "holds": self.holds_data() }), secret: None }
    }

    /// The one release.
    pub(super) fn released(&self, grounds: Grounds) -> Entry {
        let lifts = self.lifts.iter();
        let lifts: Vec<_> = lifts
            .map(|lift| json!({ "agency": lift.agency, "officer": lift.officer, "reason": lift.reason }))
            .collect();
        let data = json!({
            "by": grounds.word(), "identity": self.identity, "verdicts": self.verdicts_data(), "lifts": lifts,
        });
        Entry { kind: "inspection.released", data, secret: None }
    }

    /// Holds as records carry them.
    pub(super) fn holds_data(&self) -> Value {
        let each = self.holds.iter().map(|hold| {
            let reasons: Vec<_> = hold.reasons.iter().map(HoldReason::word).collect();
            json!({ "agency": hold.agency, "reasons": reasons })
        });
        each.collect()
    }

    /// Takes in what one record of an earlier run says of the papers.
    pub(super) fn recall(&mut self, kind: &str, record: &Memory<'_>) {
        let data = record.data;
        match kind {
            "inspection.identified" => self.identity = text(data, "identity").map(Arc::from),
            "inspection.picture" => {
                self.pictures.extend(text(data, "sha256").map(Arc::from));
                let image = text(data, "image").or(text(data, "sha256"));
                self.add_image(image.map(Arc::from));
            }
            "inspection.shown" | "inspection.verdict.sealed" | "inspection.verdict.opened" => {
                self.recall_judgement(kind, record);
            }
            "inspection.hold_placed" => {
                if let (Some(agency), Some(reason)) = (text(data, "agency"), text(data, "reason")) {
                    // Nobody's own words: the lane placed it.
                    let placed = text(data, "officer").map(|_| HoldReason::Placed(reason.into()));
                    self.hold(&agency.into(), placed.unwrap_or_else(|| HoldReason::from_word(reason)));
                }
            }
            "inspection.held" => self.recall_held(data),
            "inspection.hold_lifted" => self.recall_lifted(data),
            "inspection.temperature.indicated" | "inspection.temperature.confirmed" => {
                self.recall_temperature(kind, record);
            }
            "inspection.examination.begun"
            | "inspection.examination.arrived"
            | "inspection.examination.opened"
            | "inspection.examination.finding"
            | "inspection.examination.closed"
            | "inspection.disposition"
            | "inspection.case.handed_over"
            | "inspection.case.accepted" => self.recall_examination(kind, record),
            _ => {} // the rest tells of the subject's way
        }
    }

    fn recall_held(&mut self, data: &Value) {
        for hold in data.get("holds").and_then(Value::as_array).into_iter().flatten() {
            let Some(agency) = text(hold, "agency").map(Arc::from) else { continue };
            let reasons = hold.get("reasons").and_then(Value::as_array).into_iter().flatten();
            for reason in reasons.filter_map(Value::as_str) {
                self.hold(&agency, HoldReason::from_word(reason));
            }
        }
    }

    fn recall_lifted(&mut self, data: &Value) {
        let (Some(agency), Some(officer), Some(reason)) =
            (text(data, "agency"), text(data, "officer"), text(data, "reason"))
        else {
            return;
        };
        self.lift(agency);
        self.lifts.push(Lift { agency: agency.into(), officer: officer.into(), reason: reason.into() });
    }
}

/// A picture as records carry it.
pub(super) fn picture_data(picture: &Picture) -> Value {
    let mut data = json!({
        "sha256": picture.sha256, "media_type": picture.media_type, "size": picture.size, "width": picture.width,
        "height": picture.height, "bits": picture.bits, "form": picture.form, "views": picture.views,
        "name": picture.name, "device": picture.device,
    });
    if let Some(image) = &picture.image {
        data["image"] = json!(image);
    }
    if let Some(presentation) = &picture.presentation {
        data["presentation"] = json!(presentation);
    }
    if let Some(outcome) = &picture.outcome {
        data["lines"] = json!(outcome.lines);
        data["filled"] = json!(outcome.filled);
        data["flaws"] = json!(outcome.flaws);
    }
    if let Some(sidecar) = &picture.sidecar {
        data["sidecar"] = json!(sidecar);
    }
    data
}

/// A text of a record's data.
pub(super) fn text<'a>(data: &'a Value, key: &str) -> Option<&'a str> {
    data.get(key).and_then(Value::as_str)
}

//! The joint examination among the papers of an inspection: one opening with every agency present, what each of them
//! found, what each of them does about it.
//!
//! ```text
//!  held ──begin──► Called ──every called agency is there, one opens──► Opened ──each found and closed──► Ended
//!                    └── begin again: others are called                   └── each lifts its own hold
//! ```
//! - begin: by an agency that holds the subject, or whose desk does not find it clear. Regions become shared.
//! - Called → Opened: once, when every agency that holds or was called has arrived. Who arrives holds from then on.
//! - Opened → Ended: every agency that was there has recorded a finding and closed its part.
//!
//! Findings are the ground truth of the verdicts. What an agency does afterwards is its own; a finding that is another
//! agency's business is handed over, and the giver holds the subject until that agency has accepted it. A correction is
//! a new record. Notes stay sealed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::case::{Case, Entry, text};
use super::finding::{Disposition, Found};
use super::marks::Category;
use super::review::{HoldReason, Standing};
use super::{Memory, Officer, Refusal, Remark, Secret, Verdict};

/// What a person does about a held subject beyond lifting a hold.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Begin { with: Vec<Arc<str>> },
    Arrive,
    Open,
    Find { found: Found },
    Close,
    Dispose { disposition: Disposition, instead_of: Option<Disposition> },
    HandOver { to: Arc<str> },
    Accept { from: Arc<str> },
}

/// Where a joint examination stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Called,
    Opened,
    Ended,
}

impl Stage {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Called => "called",
            Self::Opened => "opened",
            Self::Ended => "ended",
        }
    }
}

/// One agency that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) agency: Arc<str>,
    pub(super) officer: Arc<str>,
    pub(super) found: Option<Found>,
    /// Findings so far: what is more than one corrects the one before.
    count: u64,
    pub(super) closed: bool,
}

/// One joint examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Examination {
    pub(super) stage: Stage,
    /// Called besides those that hold.
    with: Vec<Arc<str>>,
    /// There, in the order of arrival.
    pub(super) parties: Vec<Party>,
}

/// A finding that was handed to the agency whose business it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HandOver {
    pub(super) from: Arc<str>,
    pub(super) to: Arc<str>,
    pub(super) found: Category,
    pub(super) accepted: bool,
}

type Done = Result<(Entry, Arc<str>), Refusal>;

impl Case {
    /// Does one of these deeds for a held subject: the record and the sentence for the officer. `agencies` are the
    /// lane's.
    pub(super) fn deed(
        &mut self,
        officer: &Officer,
        deed: Deed,
        note: Option<Arc<str>>,
        agencies: &[Arc<str>],
    ) -> Done {
        let (mut entry, says) = match deed {
            Deed::Begin { with } => self.begin(officer, with, agencies)?,
            Deed::Arrive => self.arrive(officer)?,
            Deed::Open => self.open(officer)?,
            Deed::Find { found } => self.find(officer, found)?,
            Deed::Close => self.close_part(officer)?,
            Deed::Dispose { disposition, instead_of } => self.dispose(officer, disposition, instead_of)?,
            Deed::HandOver { to } => self.hand_over(officer, to, agencies)?,
            Deed::Accept { from } => self.accept(officer, &from)?,
        };
        entry.data["agency"] = json!(officer.agency);
        entry.data["officer"] = json!(officer.name);
        // Sealed whether or not anything was written: that is nobody else's business either.
        entry.secret = Some(Secret::Remark(Remark { agency: Arc::clone(&officer.agency), note }));
        Ok((entry, says))
    }

    fn begin(&mut self, officer: &Officer, with: Vec<Arc<str>>, agencies: &[Arc<str>]) -> Done {
        if self.review.sealed() {
            return Err(Refusal::VerdictSealed);
        }
        if self.examination.as_ref().is_some_and(|examination| examination.stage != Stage::Called) {
            return Err(Refusal::AlreadyOpened);
        }
        if let Some(stranger) = with.iter().find(|agency| !agencies.contains(agency)) {
            return Err(Refusal::UnknownAgency { agency: Arc::clone(stranger) });
        }
        if !self.owners().contains(&officer.agency) && !self.doubts(&officer.agency) {
            return Err(Refusal::NoDoubt { agency: Arc::clone(&officer.agency) });
        }
        self.call(with.clone());
        let data = json!({ "with": with, "called": self.called(), "regions": self.marked() });
        Ok(entry("inspection.examination.begun", data, format!("called: {}", self.called().join(", "))))
    }

    fn call(&mut self, with: Vec<Arc<str>>) {
        let parties = self.examination.take().map(|before| before.parties).unwrap_or_default();
        self.examination = Some(Examination { stage: Stage::Called, with, parties });
    }

    /// Its opened verdict is not clear.
    fn doubts(&self, agency: &str) -> bool {
        self.review.iter().any(|(desk, standing)| match standing {
            Standing::Opened(said) => *desk.agency == *agency && said.verdict != Verdict::Clear,
            Standing::Waiting | Standing::Given(_) | Standing::NotReviewed => false,
        })
    }

    /// Agencies that have to be there.
    pub(super) fn called(&self) -> Vec<Arc<str>> {
        let mut called = self.owners();
        let with = self.examination.iter().flat_map(|examination| &examination.with);
        with.for_each(|agency| {
            if !called.contains(agency) {
                called.push(Arc::clone(agency));
            }
        });
        called
    }

    /// Agencies that have to be there and are not.
    pub(super) fn missing(&self) -> Vec<Arc<str>> {
        let mut called = self.called();
        called.retain(|agency| self.party(agency).is_none());
        called
    }

    fn party(&self, agency: &str) -> Option<&Party> {
        self.examination.as_ref()?.parties.iter().find(|party| &*party.agency == agency)
    }

    fn arrive(&mut self, officer: &Officer) -> Done {
        let agency = &officer.agency;
        match self.examination.as_ref().map(|examination| examination.stage) {
            Some(Stage::Called | Stage::Opened) => {}
            Some(Stage::Ended) => return Err(Refusal::AlreadyOpened),
            None => return Err(Refusal::NoExamination),
        }
        let called = self.called();
        if !called.contains(agency) {
            return Err(Refusal::NotCalled { agency: Arc::clone(agency), called });
        }
        if self.party(agency).is_some() {
            return Err(Refusal::AlreadyArrived { agency: Arc::clone(agency) });
        }
        let holds = !self.owners().contains(agency);
        self.arrived(agency, &officer.name, holds);
        let missing = self.missing();
        let says =
            if missing.is_empty() { "all are there".to_owned() } else { format!("missing: {}", missing.join(", ")) };
        Ok(entry("inspection.examination.arrived", json!({ "holds": holds, "missing": missing }), says))
    }

    fn arrived(&mut self, agency: &Arc<str>, officer: &str, holds: bool) {
        if holds {
            self.hold(agency, HoldReason::Examination);
        }
        if let Some(examination) = &mut self.examination {
            let (agency, officer) = (Arc::clone(agency), officer.into());
            examination.parties.push(Party { agency, officer, found: None, count: 0, closed: false });
        }
    }

    fn open(&mut self, officer: &Officer) -> Done {
        let missing = self.missing();
        let Some(examination) = &mut self.examination else { return Err(Refusal::NoExamination) };
        if examination.stage != Stage::Called {
            return Err(Refusal::AlreadyOpened);
        }
        if !missing.is_empty() {
            return Err(Refusal::NotAllPresent { missing });
        }
        if !examination.parties.iter().any(|party| party.agency == officer.agency) {
            return Err(Refusal::NotPresent { agency: Arc::clone(&officer.agency) });
        }
        examination.stage = Stage::Opened;
        let present = examination.parties.iter().map(|party| json!({ "agency": party.agency, "name": party.officer }));
        let data = json!({ "present": present.collect::<Vec<_>>() });
        Ok(entry("inspection.examination.opened", data, "opened; each agency records what it finds".to_owned()))
    }

    /// This agency's part in an examination that was opened.
    fn part(&mut self, agency: &Arc<str>) -> Result<&mut Party, Refusal> {
        let Some(examination) = &mut self.examination else { return Err(Refusal::NoExamination) };
        if examination.stage == Stage::Called {
            return Err(Refusal::NotOpened);
        }
        let party = examination.parties.iter_mut().find(|party| party.agency == *agency);
        party.ok_or_else(|| Refusal::NotPresent { agency: Arc::clone(agency) })
    }

    fn find(&mut self, officer: &Officer, found: Found) -> Done {
        let party = self.part(&officer.agency)?;
        party.count += 1;
        party.found = Some(found);
        let number = party.count;
        let corrects = Some(number - 1).filter(|before| *before > 0);
        if found == Found::Nothing {
            self.take_back(&officer.agency);
        }
        let data = json!({ "found": found.word(), "number": number, "corrects": corrects });
        Ok(entry("inspection.examination.finding", data, format!("recorded: {}", found.word())))
    }

    /// What it gave away was not there, and nobody has accepted it.
    fn take_back(&mut self, agency: &Arc<str>) {
        self.handed_over.retain(|handed| handed.from != *agency || handed.accepted);
    }

    fn close_part(&mut self, officer: &Officer) -> Done {
        let agency = Arc::clone(&officer.agency);
        let party = self.part(&agency)?;
        let Some(found) = party.found else { return Err(Refusal::NoFinding { agency }) };
        if std::mem::replace(&mut party.closed, true) {
            return Err(Refusal::PartClosed { agency });
        }
        let left = self.end_examination();
        let says =
            if left.is_empty() { "closed".to_owned() } else { format!("closed; still at it: {}", left.join(", ")) };
        Ok(entry("inspection.examination.closed", json!({ "found": found.word(), "left": left }), says))
    }

    /// Ends it when nobody is left, and says who is.
    fn end_examination(&mut self) -> Vec<Arc<str>> {
        let Some(examination) = &mut self.examination else { return Vec::new() };
        let open = examination.parties.iter().filter(|party| !party.closed);
        let left: Vec<_> = open.map(|party| Arc::clone(&party.agency)).collect();
        if left.is_empty() && examination.stage == Stage::Opened {
            examination.stage = Stage::Ended;
        }
        left
    }

    /// What this agency found, or accepted from another.
    pub(super) fn finding(&self, agency: &str) -> Option<Found> {
        let accepted = self.handed_over.iter().find(|handed| handed.accepted && &*handed.to == agency);
        let accepted = accepted.map(|handed| Found::Item(handed.found));
        match self.party(agency).and_then(|party| party.found) {
            Some(found @ Found::Item(_)) => Some(found),
            found => accepted.or(found),
        }
    }

    fn dispose(&mut self, officer: &Officer, disposition: Disposition, instead_of: Option<Disposition>) -> Done {
        let agency = Arc::clone(&officer.agency);
        if self.finding(&agency).is_none() {
            return Err(Refusal::NoFinding { agency });
        }
        let stands = |wanted| self.dispositions.contains(&(Arc::clone(&agency), wanted));
        if instead_of.is_some_and(|wrong| !stands(wrong)) {
            return Err(Refusal::NothingToCorrect);
        }
        if stands(disposition) {
            return Err(Refusal::AlreadyDisposed { agency });
        }
        self.disposed(&agency, disposition, instead_of);
        let data = json!({ "disposition": disposition, "instead_of": instead_of });
        Ok(entry("inspection.disposition", data, format!("recorded: {}", disposition.word())))
    }

    fn disposed(&mut self, agency: &Arc<str>, disposition: Disposition, instead_of: Option<Disposition>) {
        self.dispositions.retain(|(by, stands)| by != agency || Some(*stands) != instead_of);
        self.dispositions.push((Arc::clone(agency), disposition));
    }

    fn hand_over(&mut self, officer: &Officer, to: Arc<str>, agencies: &[Arc<str>]) -> Done {
        let from = Arc::clone(&officer.agency);
        if !agencies.contains(&to) {
            return Err(Refusal::UnknownAgency { agency: to });
        }
        if to == from {
            return Err(Refusal::HandOverToSelf);
        }
        let found = match self.finding(&from) {
            Some(Found::Item(found)) => found,
            Some(Found::Nothing) | None => return Err(Refusal::NoFinding { agency: from }),
        };
        if self.handed_over.iter().any(|handed| handed.accepted && handed.from == from && handed.to == to) {
            return Err(Refusal::AlreadyAccepted { agency: to });
        }
        let holds = !self.owners().contains(&from);
        let before = self.handed_over.iter().find(|handed| !handed.accepted && handed.from == from);
        let instead_of = before.map(|before| Arc::clone(&before.to));
        let says = format!("handed over; {from} holds the subject until {to} accepts");
        let data = json!({ "to": to, "found": found, "instead_of": instead_of, "holds": holds });
        self.handed(from, to, found, holds);
        Ok(entry("inspection.case.handed_over", data, says))
    }

    fn handed(&mut self, from: Arc<str>, to: Arc<str>, found: Category, holds: bool) {
        if holds {
            self.hold(&from, HoldReason::HandOver);
        }
        self.take_back(&from);
        self.handed_over.push(HandOver { from, to, found, accepted: false });
    }

    fn accept(&mut self, officer: &Officer, from: &Arc<str>) -> Done {
        let to = &officer.agency;
        let Some(found) = self.accepted(from, to) else {
            return Err(Refusal::NotHandedOver { agency: Arc::clone(to), from: Arc::clone(from) });
        };
        let says = format!("accepted; {to} holds the subject, {from} may lift its hold");
        Ok(entry("inspection.case.accepted", json!({ "from": from, "found": found }), says))
    }

    /// The receiver has the case, and holds.
    fn accepted(&mut self, from: &str, to: &Arc<str>) -> Option<Category> {
        let mut all = self.handed_over.iter_mut();
        let handed = all.find(|handed| !handed.accepted && &*handed.from == from && handed.to == *to)?;
        handed.accepted = true;
        let found = handed.found;
        self.hold(to, HoldReason::Accepted);
        Some(found)
    }

    /// Whether the agency's own part in an examination forbids lifting its hold.
    pub(super) fn may_lift(&self, agency: &Arc<str>) -> Result<(), Refusal> {
        let opened = self.examination.as_ref().is_some_and(|examination| examination.stage != Stage::Called);
        if opened && self.party(agency).is_some_and(|party| !party.closed) {
            return Err(Refusal::ExaminationOpen { agency: Arc::clone(agency) });
        }
        match self.handed_over.iter().find(|handed| !handed.accepted && handed.from == *agency) {
            Some(handed) => Err(Refusal::HandOverPending { agency: Arc::clone(agency), to: Arc::clone(&handed.to) }),
            None => Ok(()),
        }
    }

    /// Whoever lifts its hold before the opening is not waited for because it held.
    pub(super) fn leave_examination(&mut self, agency: &str) {
        if let Some(examination) = self.examination.as_mut().filter(|examination| examination.stage == Stage::Called) {
            examination.parties.retain(|party| &*party.agency != agency);
        }
    }

    /// What each agency found, for the record that ends the inspection.
    pub(super) fn findings_data(&self) -> Value {
        let parties = self.examination.iter().flat_map(|examination| &examination.parties);
        let found = parties.filter_map(|party| Some(json!({ "agency": party.agency, "found": party.found?.word() })));
        found.collect()
    }

    /// Takes in what one record of an earlier run says of the examination.
    pub(super) fn recall_examination(&mut self, kind: &str, record: &Memory<'_>) {
        let data = record.data;
        let Some(agency) = text(data, "agency").map(Arc::<str>::from) else { return };
        let holds = data.get("holds").and_then(Value::as_bool) == Some(true);
        let disposition = |key| text(data, key).and_then(Disposition::from_word);
        match kind {
            "inspection.examination.begun" => {
                let with = data.get("with").and_then(Value::as_array).into_iter().flatten();
                self.call(with.filter_map(Value::as_str).map(Arc::from).collect());
            }
            "inspection.examination.arrived" => {
                self.arrived(&agency, text(data, "officer").unwrap_or_default(), holds);
            }
            "inspection.examination.opened" => {
                if let Some(examination) = &mut self.examination {
                    examination.stage = Stage::Opened;
                }
            }
            "inspection.examination.finding" => {
                // What was found and cannot be read is not nothing.
                let found = text(data, "found").and_then(Found::from_word).unwrap_or(Found::Item(Category::Other));
                let _ = self.find(&Officer { agency, name: "".into() }, found);
            }
            "inspection.examination.closed" => {
                if let Ok(party) = self.part(&agency) {
                    party.closed = true;
                }
                self.end_examination();
            }
            "inspection.disposition" => {
                if let Some(stands) = disposition("disposition") {
                    self.disposed(&agency, stands, disposition("instead_of"));
                }
            }
            "inspection.case.handed_over" => {
                let found = text(data, "found").and_then(Category::from_word).unwrap_or(Category::Other);
                if let Some(to) = text(data, "to") {
                    self.handed(agency, to.into(), found, holds);
                }
            }
            "inspection.case.accepted" => {
                self.accepted(text(data, "from").unwrap_or_default(), &agency);
            }
            _ => {}
        }
    }
}

fn entry(kind: &'static str, data: Value, says: String) -> (Entry, Arc<str>) {
    (Entry { kind, data, secret: None }, says.into())
}

//! What screens show of a joint examination, and what each agency may do about a held subject next.

use std::sync::Arc;

use serde::Serialize;

use super::case::Case;
use super::examination::{Party, Stage};
use super::finding::{Disposition, Found};
use super::marks::{Category, ImageRef, Region};
use super::review::Standing;

/// A joint examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExaminationView {
    /// `called`, `opened`, `ended`.
    pub stage: &'static str,
    /// Agencies that have to be there before the opening.
    pub called: Vec<Arc<str>>,
    /// Those of them that are not there; empty from the opening on.
    pub missing: Vec<Arc<str>>,
    /// Who is there, in the order of arrival.
    pub parties: Vec<PartyView>,
    /// What each desk had marked: shared from the beginning of the examination on.
    pub regions: Vec<Marked>,
    /// Findings that were handed over, oldest first.
    pub handed_over: Vec<HandOverView>,
    /// What agencies do, oldest first.
    pub dispositions: Vec<DispositionView>,
}

/// One agency at an examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartyView {
    /// Agency id.
    pub agency: Arc<str>,
    /// Who came.
    pub officer: Arc<str>,
    /// What it found; `None` until it has said.
    pub found: Option<Found>,
    /// It has closed its part.
    pub closed: bool,
}

/// What one desk had marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Marked {
    /// Agency id.
    pub agency: Arc<str>,
    /// The image; `None` where none was named.
    pub image: Option<ImageRef>,
    /// What is marked in it.
    pub regions: Vec<Region>,
}

/// One finding that was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandOverView {
    /// Who found it.
    pub from: Arc<str>,
    /// Whose business it is.
    pub to: Arc<str>,
    /// What it is.
    pub found: Category,
    /// Until it is accepted the giver holds.
    pub accepted: bool,
}

/// What one agency does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DispositionView {
    /// Agency id.
    pub agency: Arc<str>,
    /// What.
    pub disposition: Disposition,
}

type Next = (&'static str, Vec<Arc<str>>, &'static str);

impl Case {
    /// What desks have marked in what is opened.
    pub(super) fn marked(&self) -> Vec<Marked> {
        let marked = self.review.iter().filter_map(|(desk, standing)| match standing {
            Standing::Opened(said) if !said.regions.is_empty() => Some(Marked {
                agency: Arc::clone(&desk.agency),
                image: said.image.clone(),
                regions: said.regions.clone(),
            }),
            Standing::Opened(_) | Standing::Waiting | Standing::Given(_) | Standing::NotReviewed => None,
        });
        marked.collect()
    }

    pub(super) fn examination_view(&self) -> Option<ExaminationView> {
        let examination = self.examination.as_ref()?;
        let party = |party: &Party| PartyView {
            agency: Arc::clone(&party.agency),
            officer: Arc::clone(&party.officer),
            found: party.found,
            closed: party.closed,
        };
        let handed = self.handed_over.iter().map(|handed| HandOverView {
            from: Arc::clone(&handed.from),
            to: Arc::clone(&handed.to),
            found: handed.found,
            accepted: handed.accepted,
        });
        let disposed = self.dispositions.iter();
        let disposed = disposed
            .map(|(agency, disposition)| DispositionView { agency: Arc::clone(agency), disposition: *disposition });
        let waits = examination.stage == Stage::Called;
        Some(ExaminationView {
            stage: examination.stage.word(),
            called: self.called(),
            missing: if waits { self.missing() } else { Vec::new() },
            parties: examination.parties.iter().map(party).collect(),
            regions: self.marked(),
            handed_over: handed.collect(),
            dispositions: disposed.collect(),
        })
    }

    /// What may be done about a held subject, and by which agencies.
    pub(super) fn todos(&self) -> Vec<Next> {
        let mut todos = Vec::new();
        let mut add = |code, agencies: Vec<Arc<str>>, text| {
            if !agencies.is_empty() {
                todos.push((code, agencies, text));
            }
        };
        let pending = self.handed_over.iter().filter(|handed| !handed.accepted);
        add("accept", pending.map(|handed| Arc::clone(&handed.to)).collect(), "Accept what was handed over.");
        let which = |wanted: &dyn Fn(&Party) -> bool| -> Vec<Arc<str>> {
            let parties = self.examination.iter().flat_map(|examination| &examination.parties);
            parties.filter(|party| wanted(party)).map(|party| Arc::clone(&party.agency)).collect()
        };
        match self.examination.as_ref().map(|examination| examination.stage) {
            Some(Stage::Called) if self.missing().is_empty() => {
                add("examination_open", which(&|_| true), "All are there: open the subject.");
            }
            Some(Stage::Called) => add("examination_arrive", self.missing(), "Come to the joint examination."),
            Some(Stage::Opened) => {
                add("examination_finding", which(&|party| party.found.is_none()), "Record what was found, or nothing.");
                let found = which(&|party| party.found.is_some() && !party.closed);
                add("examination_close", found, "Close this agency's part in the examination.");
            }
            Some(Stage::Ended) | None => {}
        }
        let mut lifters = self.owners();
        lifters.retain(|agency| self.may_lift(agency).is_ok());
        add("lift_hold", lifters, "The holder examines the subject and lifts its hold.");
        let undisposed = |party: &Party| {
            let item = matches!(party.found, Some(Found::Item(_)));
            item && !self.dispositions.iter().any(|(agency, _)| *agency == party.agency)
        };
        add("disposition", which(&undisposed), "Record what becomes of what was found.");
        if self.examination.is_none() {
            add("examination_begin", self.owners(), "Call the agencies to a joint examination.");
        }
        todos
    }
}

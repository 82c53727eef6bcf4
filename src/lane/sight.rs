//! What one desk may know, and nothing else.
//!
//! Until the verdicts are opened no desk learns what another says, nor that it has said anything: its sight is then the
//! same whatever the other desks do. Nothing here depends on when the lane was last told something; what runs out is
//! given as the moment at which it does.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde::Serialize;
use serde_json::{Value, json};

use super::belt::Belt;
use super::case::Case;
use super::lane::{Lane, ms};
use super::marks::{ImageRef, Region};
use super::review::{self, HoldReason, Said, Standing};
use super::view::{DeskView, HoldView, Todo, role_word};
use super::{ExaminationView, Verdict};

/// What one desk may know of the lane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sight {
    /// The step of the lane, as in its view.
    pub step: &'static str,
    /// Subjects: the foremost first, those at the examination last.
    pub subjects: Vec<SubjectSight>,
    /// Whether the beam is on: `on`, `off`, `unknown`; `None` where nobody says.
    pub beam: Option<&'static str>,
    /// What the belt does: `unknown`, `stopped`, `running`, `backward`; `None` where there is none.
    pub motion: Option<&'static str>,
    /// Codes of faults.
    pub faults: Vec<String>,
    /// What this agency may do next, most urgent first.
    pub next: Vec<Todo>,
}

/// What one desk may know of one subject.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubjectSight {
    /// Inspection id.
    pub id: Arc<str>,
    /// The step, as in the lane's view.
    pub step: &'static str,
    /// The sensor of a belt that it reached last; `None` at a gate.
    pub at: Option<&'static str>,
    /// Number or name; `None` until identified.
    pub identity: Option<Arc<str>>,
    /// The newest image and how many there are.
    pub image: Option<ImageRef>,
    /// Ids of all images, oldest first.
    pub images: Vec<Arc<str>>,
    /// Desks; of the others `hidden` stands for whatever they have or have not said.
    pub desks: Vec<DeskView>,
    /// What this desk said.
    pub mine: Option<Mine>,
    /// Standing holds. What officers of another agency wrote is `placed`.
    pub holds: Vec<HoldView>,
    /// The joint examination.
    pub examination: Option<ExaminationView>,
    /// When this step's time is up.
    #[serde(skip)]
    pub until: Option<Moment>,
}

/// What this desk said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mine {
    /// Its verdict.
    pub verdict: Verdict,
    /// The image that it rests on.
    pub image: Option<ImageRef>,
    /// What is marked in it.
    pub regions: Vec<Region>,
    /// What was written beside it.
    pub note: Option<Arc<str>>,
}

impl Sight {
    /// As a screen gets it: with the milliseconds that are left at `now` beside each subject.
    pub fn at(&self, now: Moment) -> Value {
        let mut sight = json!(self);
        let subjects = sight["subjects"].as_array_mut().into_iter().flatten();
        for (shown, subject) in subjects.zip(&self.subjects) {
            shown["left_ms"] = json!(subject.until.map(|until| ms(until.since(now))));
        }
        sight
    }
}

impl Case {
    fn sight(&self, me: &str, step: &'static str, until: Option<Moment>) -> SubjectSight {
        let shut = self.review.iter().any(|(_, standing)| matches!(standing, Standing::Waiting | Standing::Given(_)));
        let given = self.review.iter().any(|(_, standing)| matches!(standing, Standing::Given(_)));
        let desks = self.review.iter().map(|(desk, standing)| {
            let hidden = match standing {
                Standing::Waiting | Standing::Given(_) => true,
                // A crash between two openings leaves some open beside others that are shut.
                Standing::NotReviewed => shut,
                Standing::Opened(_) => given,
            };
            let standing = if hidden && *desk.agency != *me { "hidden" } else { review::word(standing) };
            DeskView { agency: Arc::clone(&desk.agency), role: role_word(desk.role), standing }
        });
        let own = self.review.iter().find(|(desk, _)| *desk.agency == *me);
        SubjectSight {
            id: Arc::clone(&self.id),
            step,
            at: None,
            identity: self.identity.clone(),
            image: self.image(),
            images: self.images.clone(),
            desks: desks.collect(),
            mine: own.and_then(|(_, standing)| mine(standing)),
            holds: self.holds_for(me),
            examination: self.examination_view(),
            until,
        }
    }

    fn holds_for(&self, me: &str) -> Vec<HoldView> {
        let holds = self.holds.iter().map(|hold| {
            let word = |reason: &HoldReason| match reason {
                HoldReason::Placed(_) if *hold.agency != *me => "placed".into(),
                reason => reason.word(),
            };
            HoldView { agency: Arc::clone(&hold.agency), reasons: hold.reasons.iter().map(word).collect() }
        });
        holds.collect()
    }
}

fn mine(standing: &Standing) -> Option<Mine> {
    match standing {
        Standing::Given(said) | Standing::Opened(said) => {
            let Said { verdict, image, regions, note, .. } = said.clone();
            Some(Mine { verdict, image, regions, note })
        }
        Standing::Waiting | Standing::NotReviewed => None,
    }
}

/// What this agency may do: of the others not even who has something to do is told.
fn mine_to_do(todos: Vec<Todo>, me: &str) -> Vec<Todo> {
    let mine = |todo: &Todo| todo.agencies.is_empty() || todo.agencies.iter().any(|agency| **agency == *me);
    let only =
        |todo: Todo| Todo { agencies: todo.agencies.into_iter().filter(|agency| **agency == *me).collect(), ..todo };
    todos.into_iter().filter(mine).map(only).collect()
}

impl Lane {
    /// What the desk of this agency may know.
    pub fn view_for(&self, agency: &str) -> Sight {
        let view = self.view();
        let subject = self.inspection.as_ref();
        let subject = subject.map(|subject| subject.case.sight(agency, subject.word(), subject.until()));
        Sight {
            step: view.step,
            subjects: subject.into_iter().collect(),
            beam: None,
            motion: None,
            faults: view.faults,
            next: mine_to_do(view.next, agency),
        }
    }

    /// Agencies of the lane.
    pub fn agencies(&self) -> &[Arc<str>] {
        &self.settings.agencies
    }
}

impl Belt {
    /// What the desk of this agency may know.
    pub fn view_for(&self, agency: &str) -> Sight {
        let view = self.view();
        let subjects = self.belt.iter().chain(&self.aside).map(|subject| SubjectSight {
            at: Some(subject.at.word()),
            ..subject.case.sight(agency, subject.word(), subject.until())
        });
        Sight {
            step: view.step,
            subjects: subjects.collect(),
            beam: view.beam,
            motion: Some(view.motion),
            faults: view.faults,
            next: mine_to_do(view.next, agency),
        }
    }

    /// Agencies of the lane.
    pub fn agencies(&self) -> &[Arc<str>] {
        &self.settings.agencies
    }
}

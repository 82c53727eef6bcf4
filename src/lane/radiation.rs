//! What the lane's radiation portal found of the subject, among the papers of its inspection.
//!
//! ```text
//!  Waiting ──a passage ends clear──► Clear ──an alarm, or a passage that could not be judged──► Found
//!     └───────an alarm, or a passage that could not be judged─────────────────────────────────► Found
//!  any but Clear ──the agency lifts its hold──► Waived ──an alarm of a later passage──► Found
//! ```
//! An alarm is never undone by a clear passage after it: the agency lifts. Where a finding is required, no passage at
//! all is no consent either. What ends while a subject is in the lane is taken for its own: the portal stands where
//! only that subject can pass.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::{Case, Entry, text};
use super::inspection::{Step, Way};
use super::lane::Lane;
use super::review::HoldReason;

/// What the lane file says about the portal in the lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The portal's device id.
    pub portal: Arc<str>,
    /// The agency that holds for what it finds, and that alone lifts.
    pub agency: Arc<str>,
    /// No release without a clear passage.
    pub required: bool,
}

/// What a passage through the portal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Seen from beginning to end with the detectors in order, and no alarm.
    Clear,
    /// At least one alarm.
    Alarm,
    /// No alarm was seen, but one could have been missed.
    Unknown,
}

impl Finding {
    /// The word in records and views.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Alarm => "alarm",
            Self::Unknown => "unknown",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "clear" => Self::Clear,
            "alarm" => Self::Alarm,
            _ => Self::Unknown,
        }
    }
}

/// What the portal tells the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It alarms, whatever follows.
    Alarm,
    /// Something has passed it.
    Ended(Finding),
}

impl News {
    const fn finding(self) -> Finding {
        match self {
            Self::Alarm => Finding::Alarm,
            Self::Ended(finding) => finding,
        }
    }
}

/// What is known of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Clear,
    Found(Finding),
    /// The agency lifted its hold: its own decision ends the matter.
    Waived,
}

/// The portal's part of the papers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portal {
    standing: Standing,
    /// The passage under way has alarmed since the subject is here: its end brings no news.
    alarmed: bool,
}

impl Portal {
    pub(super) const fn new() -> Self {
        Self { standing: Standing::Waiting, alarmed: false }
    }

    /// Takes news in; `true` where it stands against the subject.
    fn take(&mut self, news: News, rules: &Rules) -> bool {
        let repeated = match news {
            News::Alarm => {
                self.alarmed = true;
                false
            }
            News::Ended(finding) => std::mem::take(&mut self.alarmed) && finding == Finding::Alarm,
        };
        if repeated {
            return false;
        }
        match (news.finding(), self.standing) {
            (Finding::Alarm, _) => {
                self.standing = Standing::Found(Finding::Alarm);
                true
            }
            (Finding::Clear, Standing::Waiting | Standing::Found(Finding::Unknown | Finding::Clear)) => {
                self.standing = Standing::Clear;
                false
            }
            (Finding::Unknown, Standing::Waiting | Standing::Clear) => {
                self.standing = Standing::Found(Finding::Unknown);
                rules.required
            }
            (Finding::Clear, Standing::Clear | Standing::Waived | Standing::Found(Finding::Alarm))
            | (Finding::Unknown, Standing::Waived | Standing::Found(_)) => false,
        }
    }

    const fn settled(&self) -> bool {
        matches!(self.standing, Standing::Clear | Standing::Waived)
    }

    /// The word for screens.
    pub(super) const fn word(&self) -> &'static str {
        match self.standing {
            Standing::Waiting => "waiting",
            Standing::Clear => "clear",
            Standing::Found(finding) => finding.word(),
            Standing::Waived => "waived",
        }
    }
}

impl Case {
    /// Takes news of the portal in: its record, after that of the hold which it places where one `may` be placed.
    fn radiation(&mut self, news: News, rules: &Rules, may: MayHold) -> Vec<Entry> {
        let Some(portal) = &mut self.portal else { return Vec::new() };
        let against = portal.take(news, rules);
        let holds = against && may == MayHold::Yes;
        let ended = matches!(news, News::Ended(_));
        let data = json!({
            "agency": rules.agency, "device": rules.portal, "finding": news.finding(), "ended": ended, "holds": holds,
        });
        let found = Entry { kind: "inspection.radiation", data, secret: None };
        let stands = |case: &Self| {
            let mut holds = case.holds.iter();
            holds.any(|hold| hold.agency == rules.agency && hold.reasons.contains(&HoldReason::Radiation))
        };
        if !holds || stands(self) {
            return vec![found];
        }
        self.hold(&rules.agency, HoldReason::Radiation);
        let data = json!({ "agency": rules.agency, "officer": Value::Null, "reason": HoldReason::Radiation.word() });
        vec![Entry { kind: "inspection.hold_placed", data, secret: None }, found]
    }

    /// At a decision: where a clear passage is required and there was none, the agency holds.
    pub(super) fn decide_radiation(&mut self, rules: Option<&Rules>) {
        let Some(rules) = rules.filter(|rules| rules.required) else { return };
        if self.portal.is_some_and(|portal| !portal.settled()) {
            self.hold(&rules.agency, HoldReason::Radiation);
        }
    }

    /// The agency lifts what it held for the portal's sake.
    pub(super) fn waive_radiation(&mut self) {
        if let Some(portal) = self.portal.as_mut().filter(|portal| !portal.settled()) {
            portal.standing = Standing::Waived;
        }
    }

    /// Takes in what one record of an earlier run says of the portal.
    pub(super) fn recall_radiation(&mut self, data: &Value, rules: Option<&Rules>) {
        let (Some(portal), Some(rules)) = (&mut self.portal, rules) else { return };
        let finding = Finding::from_word(text(data, "finding").unwrap_or_default());
        let ended = data.get("ended").and_then(Value::as_bool) != Some(false);
        portal.take(if ended { News::Ended(finding) } else { News::Alarm }, rules);
    }
}

/// Whether the subject can still be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayHold {
    Yes,
    No,
}

impl Lane {
    /// The portal in the lane has told something. Without a subject it is nobody's here: the alarm is told elsewhere.
    pub(super) fn radiation(&mut self, news: News) {
        let (Some(rules), Some(inspection)) = (&self.settings.radiation, &mut self.inspection) else { return };
        let may = match inspection.way() {
            None => MayHold::Yes,
            // What was released on a clear passage or on the agency's word is stopped by an alarm alone.
            Some(Way::Pending | Way::Confirm) if news.finding() == Finding::Alarm => MayHold::Yes,
            Some(
                Way::Pending | Way::Confirm | Way::Waiting { .. } | Way::Under { .. } | Way::Beyond | Way::Vanished,
            ) => MayHold::No,
        };
        let entries = inspection.case.radiation(news, rules, may);
        if inspection.way().is_some() && !inspection.case.holds.is_empty() {
            inspection.step = Step::Held;
        }
        entries.into_iter().for_each(|entry| self.inspection_entry(entry));
    }
}

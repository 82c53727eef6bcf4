//! What is asked over the control socket, and what is answered: one JSON object a line, either way.
//!
//! The socket is the local door: whoever may open it (mode 0660) may act for any agency of the lane, so every act
//! carries the person's name, and the record carries the Unix user beside it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::Report;
use crate::lane::marks::{self, NOTE_MAX};
use crate::lane::{Act, Officer};
use crate::people::{Administered, OneTimeCode, Refused, UserAct, UserView};

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// A person acts on the lane.
    Act {
        /// Who.
        officer: Officer,
        /// What.
        act: Act,
    },
    /// What points are there and what they last said.
    Points {
        /// Device id; `None` means all.
        device: Option<Arc<str>>,
        /// Point name; `None` means all.
        point: Option<Arc<str>>,
    },
    /// A technician writes one point that moves nothing the lane guards.
    WritePoint {
        /// Who.
        officer: Officer,
        /// Device id.
        device: Arc<str>,
        /// Point name.
        point: Arc<str>,
        /// The value, in the unit of the profile.
        value: portside_devices::reading::Value,
    },
    /// The lane, its devices, the journal and the uplink on one screen.
    Status,
    /// Records of one stream in order, from a sequence on.
    Records {
        /// Stream name.
        stream: String,
        /// First sequence.
        from: u64,
        /// At most so many.
        limit: usize,
    },
    /// All records of one inspection in order.
    Inspection {
        /// Inspection id, or the beginning of one.
        inspection: String,
    },
    /// The newest records of one stream or of all, oldest first.
    Recent {
        /// Stream name; `None` means all.
        stream: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// Walks the whole journal and checks it.
    Verify,
    /// Somebody administers the users.
    User {
        /// What.
        act: UserAct,
    },
}

/// True for calls that read the journal alone and need no word with the lane.
pub const fn reads(call: &Call) -> bool {
    match call {
        Call::Act { .. } | Call::Status | Call::Points { .. } | Call::WritePoint { .. } | Call::User { .. } => false,
        Call::Records { .. } | Call::Inspection { .. } | Call::Recent { .. } | Call::Verify => true,
    }
}

/// Longest agency, name, inspection id or identity, in bytes.
const WORD_MAX: usize = 200;
/// Longest reason, in bytes.
const REASON_MAX: usize = 2000;
/// Most agencies called to one examination.
const AGENCIES_MAX: usize = 32;
/// The code of an act that is refused for its text.
pub const UNREADABLE: &str = "unreadable_text";

/// Whether what a person wrote may stand in a record and on a screen; the error is the sentence for that person.
///
/// # Errors
/// When a text is too long or is not one line of printable text, or no agency is named.
pub fn readable(call: &Call) -> Result<(), String> {
    let (Call::Act { officer, .. } | Call::WritePoint { officer, .. }) = call else { return Ok(()) };
    if officer.agency.trim().is_empty() {
        return Err("the agency is empty; name the one that the officer acts for".to_owned());
    }
    bounded("agency", &officer.agency, WORD_MAX)?;
    bounded("officer", &officer.name, WORD_MAX)?;
    if let Call::WritePoint { device, point, value, .. } = call {
        bounded("device", device, WORD_MAX)?;
        bounded("point", point, WORD_MAX)?;
        return bounded("value", &value.to_string(), WORD_MAX);
    }
    let Call::Act { act, .. } = call else { return Ok(()) };
    match act {
        Act::Identify { inspection, identity } => {
            bounded("inspection", inspection.as_deref().unwrap_or_default(), WORD_MAX)?;
            bounded("identity", identity, WORD_MAX)
        }
        Act::Judge { inspection, image, regions, note, .. } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("image", image.as_ref().map_or("", |image| &image.id), WORD_MAX)?;
            bounded("note", note.as_deref().unwrap_or_default(), NOTE_MAX)?;
            marks::bounded(regions)
        }
        Act::Shown { inspection, image } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("image", &image.id, WORD_MAX)
        }
        Act::PlaceHold { inspection, reason } | Act::LiftHold { inspection, reason } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("reason", reason, REASON_MAX)
        }
        Act::ExaminationBegin { inspection, with, note } => {
            bounded("inspection", inspection, WORD_MAX)?;
            if with.len() > AGENCIES_MAX {
                return Err(format!("{} agencies are called, more than {AGENCIES_MAX}; nothing was done", with.len()));
            }
            with.iter().try_for_each(|agency| bounded("agency", agency, WORD_MAX))?;
            bounded("note", note.as_deref().unwrap_or_default(), NOTE_MAX)
        }
        Act::ExaminationArrive { inspection }
        | Act::ExaminationOpen { inspection }
        | Act::ExaminationClose { inspection } => bounded("inspection", inspection, WORD_MAX),
        Act::ExaminationFinding { inspection, note, .. } | Act::Disposition { inspection, note, .. } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("note", note.as_deref().unwrap_or_default(), NOTE_MAX)
        }
        Act::HandOver { inspection, to, note } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("agency", to, WORD_MAX)?;
            bounded("note", note.as_deref().unwrap_or_default(), NOTE_MAX)
        }
        Act::Accept { inspection, from } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("agency", from, WORD_MAX)
        }
        Act::Temperature { inspection, instrument, .. } => {
            bounded("inspection", inspection, WORD_MAX)?;
            bounded("instrument", instrument, WORD_MAX)
        }
        Act::Open { reason } => bounded("reason", reason, REASON_MAX),
        Act::Stop | Act::Resume | Act::ConfirmClear | Act::ConfirmSubject => Ok(()),
    }
}

fn bounded(what: &str, text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("the {what} has {} bytes, more than {max}; nothing was done, write less", text.len()));
    }
    if text.contains(breaks) {
        return Err(format!(
            "the {what} holds control characters, line breaks or marks that turn a line around; nothing was done, write one line"
        ));
    }
    Ok(())
}

fn breaks(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same person in text that a record can bear, for an act that is never refused.
pub fn legible(officer: &Officer) -> Officer {
    let text = |text: &str| -> Arc<str> {
        let end = text.floor_char_boundary(WORD_MAX);
        text[..end].replace(breaks, "\u{fffd}").into()
    };
    Officer { agency: text(&officer.agency), name: text(&officer.name) }
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done and recorded.
    Done {
        /// A sentence for the person.
        message: Arc<str>,
    },
    /// Refused; nothing was done.
    Refused {
        /// Stable code of the reason.
        code: String,
        /// The reason in a sentence.
        message: String,
    },
    /// It failed at run time; the sentence says whether anything was done.
    Failed {
        /// What happened.
        message: String,
    },
    /// The answer to [`Call::Status`].
    Status {
        /// See `portside status --json`.
        status: Box<serde_json::Value>,
    },
    /// The answer to [`Call::Points`].
    Points {
        /// In the lane file's order.
        points: Vec<super::points::PointNow>,
    },
    /// Records, each in its exact bytes.
    Records {
        /// One record a string.
        records: Vec<String>,
    },
    /// The answer to [`Call::Verify`].
    Verified {
        /// What was found.
        report: Box<Report>,
    },
    /// The answer to a list of users.
    Users {
        /// By name.
        users: Vec<UserView>,
    },
    /// A one-time code for a user, which is shown this once.
    Code {
        /// Whose it is.
        user: UserView,
        /// The code.
        code: OneTimeCode,
        /// It ends then.
        until: jiff::Timestamp,
    },
}

impl From<Result<Administered, Refused>> for Reply {
    fn from(done: Result<Administered, Refused>) -> Self {
        match done {
            Ok(Administered::Done(message)) => Self::Done { message: message.into() },
            Ok(Administered::Users(users)) => Self::Users { users },
            Ok(Administered::Code { user, code, until }) => Self::Code { user, code, until },
            Err(Refused { code, message }) => Self::Refused { code: code.to_owned(), message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(agency: &str, name: &str, reason: &str) -> Result<(), String> {
        let officer = Officer { agency: agency.into(), name: name.into() };
        readable(&Call::Act { officer, act: Act::Open { reason: reason.into() } })
    }

    #[test]
    fn one_line_within_its_bound_is_taken_in_any_script() {
        assert_eq!(open("海关", &"n".repeat(WORD_MAX), &"r".repeat(REASON_MAX)), Ok(()));
    }

    #[test]
    fn text_that_is_too_long_or_breaks_the_line_is_refused_by_name() {
        for (agency, name, reason, says) in [
            (" ", "n", "r", "agency is empty"),
            (&*"a".repeat(WORD_MAX + 1), "n", "r", "agency has 201 bytes"),
            ("a", "n\u{1b}[2J", "r", "officer holds control"),
            ("a", "n", "r\u{2028}r", "reason holds control"),
            ("a", "n", &*"r".repeat(REASON_MAX + 1), "reason has 2001 bytes"),
        ] {
            let refused = open(agency, name, reason).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
        let act = Act::Identify { inspection: Some("i\n".into()), identity: "x".into() };
        let officer = Officer { agency: "a".into(), name: "n".into() };
        assert!(readable(&Call::Act { officer, act }).unwrap_err().contains("inspection holds"));
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let officer = Officer { agency: "关".repeat(100).into(), name: "n".into() };
        assert_eq!(legible(&officer).agency.len(), 198);
    }
}

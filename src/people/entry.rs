//! What goes on record about people: the `audit` records of this room, without a password, code or token in them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::name::breaks;
use super::sessions::{EndedBy, LockedBy};
use super::user::{Person, User};
use crate::clock::rfc3339_millis;
use crate::journal::{Draft, Stream};

/// Longest address on record.
const FROM_LONGEST: usize = 64;

/// What somebody tries to prove who they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    LogIn,
    First,
    Unlock,
    HandOver,
}

impl Doing {
    const fn word(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::First => "first_log_in",
            Self::Unlock => "unlock",
            Self::HandOver => "hand_over",
        }
    }
}

/// Who changes a user: somebody at the shell, or a supervisor at a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Uid(u32),
    Person(Person),
}

/// A change of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    Added { code_until: Timestamp },
    Disabled,
    Enabled,
    Code { code_until: Timestamp },
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    LoggedIn { person: Person, from: Arc<str>, first: bool },
    PasswordSet { person: Person, from: Arc<str> },
    Refused { doing: Doing, name: String, from: Arc<str>, reason: &'static str, unrecorded: u64 },
    Unrecorded { count: u64 },
    AccountLocked { name: String, from: Arc<str>, lasts: Duration },
    AccountUnlocked { name: String, by: Who },
    SessionLocked { person: Person, by: LockedBy },
    SessionUnlocked { person: Person },
    SessionEnded { person: Person, by: EndedBy },
    HandedOver { leaves: Person, comes: Person, from: Arc<str> },
    Edited { user: Box<User>, edit: Edit, by: Who },
    Unchanged { name: String, why: String },
    SetAside { text: String },
}

impl Entry {
    /// The record as the journal takes it.
    pub(super) fn draft(&self, time: Timestamp) -> Draft {
        let (kind, data) = self.told();
        let stream = if kind.starts_with("alarm.") { Stream::Alarm } else { Stream::Audit };
        Draft::new(stream, kind, "people", time, data)
    }

    fn told(&self) -> (&'static str, Value) {
        match self {
            Self::LoggedIn { person, from, first } => {
                ("audit.login", of(person, json!({ "role": person.role, "from": from, "first": first })))
            }
            Self::PasswordSet { person, from } => ("audit.password_set", of(person, json!({ "from": from }))),
            Self::Refused { doing, name, from, reason, unrecorded } => (
                "audit.login_refused",
                json!({ "what": doing.word(), "name": name, "from": from, "reason": reason, "unrecorded": unrecorded }),
            ),
            Self::Unrecorded { count } => ("audit.refusals_unrecorded", json!({ "unrecorded": count })),
            Self::AccountLocked { name, from, lasts } => {
                let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
                ("audit.account_locked", json!({ "name": name, "from": from, "for_ms": lasts }))
            }
            Self::AccountUnlocked { name, by } => ("audit.account_unlocked", by_whom(by, json!({ "name": name }))),
            Self::SessionLocked { person, by } => ("audit.session_locked", of(person, json!({ "why": by.word() }))),
            Self::SessionUnlocked { person } => ("audit.session_unlocked", of(person, json!({}))),
            Self::SessionEnded { person, by } => ("audit.session_ended", of(person, json!({ "why": by.word() }))),
            Self::HandedOver { leaves, comes, from } => {
                ("audit.handed_over", of(leaves, json!({ "to": comes.name, "from": from })))
            }
            Self::Edited { user, edit, by } => edited(user, edit, by),
            Self::Unchanged { name, why } => ("audit.user_unchanged", json!({ "name": name, "reason": why })),
            Self::SetAside { text } => ("alarm.people", json!({ "text": text })),
        }
    }
}

fn edited(user: &User, edit: &Edit, by: &Who) -> (&'static str, Value) {
    let name = user.name.as_str();
    match edit {
        Edit::Added { code_until } => (
            "audit.user_added",
            by_whom(
                by,
                json!({
                    "name": name, "display": user.display, "agency": user.agency, "role": user.role,
                    "code_until": rfc3339_millis(*code_until),
                }),
            ),
        ),
        Edit::Disabled => ("audit.user_disabled", by_whom(by, json!({ "name": name }))),
        Edit::Enabled => ("audit.user_enabled", by_whom(by, json!({ "name": name }))),
        Edit::Code { code_until } => {
            ("audit.user_code", by_whom(by, json!({ "name": name, "code_until": rfc3339_millis(*code_until) })))
        }
    }
}

fn of(person: &Person, mut data: Value) -> Value {
    data["agency"] = json!(person.agency);
    data["officer"] = json!(person.name);
    data
}

fn by_whom(who: &Who, mut data: Value) -> Value {
    match who {
        Who::Uid(uid) => data["uid"] = json!(uid),
        Who::Person(person) => data["by"] = json!({ "agency": person.agency, "name": person.name }),
    }
    data
}

/// Where somebody sits, as it stands on record.
pub(super) fn place(from: &str) -> Arc<str> {
    let shown: String = from.chars().take(FROM_LONGEST).map(|c| if breaks(c) { '\u{fffd}' } else { c }).collect();
    shown.into()
}

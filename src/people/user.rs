//! Who may log in, and as what.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::hash::Hashed;
use super::name::{Name, breaks};

/// Longest display name, in characters.
const DISPLAY_LONGEST: usize = 60;

/// What a person is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Judges and acts for an agency.
    Officer,
    /// An officer who also ends the lock of an account.
    Supervisor,
    /// Looks after devices; judges nothing.
    Technician,
    /// Reads the record; does nothing else.
    Auditor,
}

impl Role {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Officer, Self::Supervisor, Self::Technician, Self::Auditor];

    /// The word in records and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Officer => "officer",
            Self::Supervisor => "supervisor",
            Self::Technician => "technician",
            Self::Auditor => "auditor",
        }
    }

    /// Whether who has it judges subjects for the agency.
    pub const fn judges(self) -> bool {
        match self {
            Self::Officer | Self::Supervisor => true,
            Self::Technician | Self::Auditor => false,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A person as the rest of the daemon knows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The name typed at log-in.
    pub name: Arc<str>,
    /// The name for people.
    pub display: Arc<str>,
    /// The agency whose person it is; one of the lane file.
    pub agency: Arc<str>,
    /// What the person is here for.
    pub role: Role,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Account {
    Enabled,
    Disabled,
}

/// How a person proves to be that person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Proof {
    /// A code that sets the first password.
    Code { hashed: Hashed, expires: Timestamp },
    /// A password.
    Password { hashed: Hashed, since: Timestamp },
}

impl Proof {
    pub(super) const fn hashed(&self) -> &Hashed {
        match self {
            Self::Code { hashed, .. } | Self::Password { hashed, .. } => hashed,
        }
    }
}

/// One user as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) name: Name,
    pub(super) display: Arc<str>,
    pub(super) agency: Arc<str>,
    pub(super) role: Role,
    pub(super) account: Account,
    pub(super) proof: Proof,
}

impl User {
    pub(super) fn person(&self) -> Person {
        Person { name: self.name.shared(), display: self.display.clone(), agency: self.agency.clone(), role: self.role }
    }

    /// The user as a list shows one.
    pub(super) fn view(&self, now: Timestamp) -> UserView {
        let state = match (&self.account, &self.proof) {
            (Account::Disabled, _) => UserState::Disabled,
            (Account::Enabled, Proof::Password { .. }) => UserState::Enabled,
            (Account::Enabled, Proof::Code { expires, .. }) if *expires > now => {
                UserState::CodeWaits { until: *expires }
            }
            (Account::Enabled, Proof::Code { .. }) => UserState::CodeExpired,
        };
        UserView {
            name: self.name.as_str().to_owned(),
            display: self.display.to_string(),
            agency: self.agency.to_string(),
            role: self.role,
            state,
        }
    }
}

/// One user as a list shows one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// The name typed at log-in.
    pub name: String,
    /// The name for people.
    pub display: String,
    /// The agency.
    pub agency: String,
    /// What the person is here for.
    pub role: Role,
    /// How the account stands.
    #[serde(flatten)]
    pub state: UserState,
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UserState {
    /// It has a password.
    Enabled,
    /// The one-time code has not been used yet.
    CodeWaits {
        /// It ends then.
        until: Timestamp,
    },
    /// The one-time code ended unused; `passwd` makes another.
    CodeExpired,
    /// It may not log in.
    Disabled,
}

/// Reads a name for people.
///
/// # Errors
/// A sentence for the person who typed it.
pub(super) fn display(text: &str) -> Result<Arc<str>, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > DISPLAY_LONGEST || text.contains(breaks) {
        return Err(format!("a display name is one line of 1 to {DISPLAY_LONGEST} characters"));
    }
    Ok(text.into())
}

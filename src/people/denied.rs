//! Why somebody is not let in, in words for that person. None of them tells whether a name is a user's.

use std::fmt;
use std::time::Duration;

use super::rule::Weakness;
use super::sessions::EndedBy;

/// Why a log-in, a first log-in, an unlocking or a hand-over was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Name, password or code is wrong; nothing says which.
    Wrong,
    /// Nothing was checked: the last failure is too near.
    Wait {
        /// Then it may be tried again.
        left: Duration,
    },
    /// Nothing was checked: there were too many failures.
    Locked {
        /// Then it may be tried again.
        left: Duration,
    },
    /// Too many log in at this moment; nothing was checked.
    Busy,
    /// The password is right and the account disabled.
    Disabled,
    /// The code is right and too old.
    CodeExpired,
    /// The new password is not taken.
    Weak(Weakness),
    /// The password is right and the account is of an agency that this lane does not have.
    NotOfThisLane,
    /// The person who takes over is of another agency, or judges nothing.
    NoSuccessor,
    /// Who takes over is who hands over.
    SamePerson,
    /// The session that this needs is over, or there was none.
    NoSession,
    /// The session that this needs is locked.
    SessionLocked,
    /// The person's role does not allow it.
    NotAllowed,
    /// It could not be put on record or kept, so it was not done.
    Unkept(String),
}

impl Denied {
    /// Stable code of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Wait { .. } => "wait",
            Self::Locked { .. } => "account_locked",
            Self::Busy => "busy",
            Self::Disabled => "disabled",
            Self::CodeExpired => "code_expired",
            Self::Weak(weakness) => weakness.code(),
            Self::NotOfThisLane => "not_of_this_lane",
            Self::NoSuccessor => "no_successor",
            Self::SamePerson => "same_person",
            Self::NoSession => "no_session",
            Self::SessionLocked => "session_locked",
            Self::NotAllowed => "not_allowed",
            Self::Unkept(_) => "unkept",
        }
    }

    /// When it makes sense to try again.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Wait { left } | Self::Locked { left } => Some(*left),
            Self::Busy => Some(Duration::from_secs(2)),
            Self::Wrong
            | Self::Disabled
            | Self::CodeExpired
            | Self::Weak(_)
            | Self::NotOfThisLane
            | Self::NoSuccessor
            | Self::SamePerson
            | Self::NoSession
            | Self::SessionLocked
            | Self::NotAllowed
            | Self::Unkept(_) => None,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("name, password or code is wrong"),
            Self::Wait { left } => write!(f, "wait {} before you try again", whole(*left)),
            Self::Locked { left } => write!(
                f,
                "too many attempts failed; try again in {}, or ask a supervisor to end the lock",
                whole(*left)
            ),
            Self::Busy => f.write_str("too many people log in at this moment; try again in a few seconds"),
            Self::Disabled => f.write_str("this account is disabled; ask who administers this lane"),
            Self::CodeExpired => f.write_str("this code is older than 24 h; ask for another one"),
            Self::Weak(weakness) => weakness.fmt(f),
            Self::NotOfThisLane => f.write_str("your agency is not one of this lane; ask who administers it"),
            Self::NoSuccessor => f.write_str("only an officer or supervisor of the same agency can take over"),
            Self::SamePerson => f.write_str("you have this desk already; the person who takes over logs in here"),
            Self::NoSession => f.write_str("you are not logged in; log in again"),
            Self::SessionLocked => f.write_str("the screen is locked; unlock it first"),
            Self::NotAllowed => f.write_str("your role does not allow this"),
            Self::Unkept(why) => write!(f, "this could not be recorded, so it was not done: {why}"),
        }
    }
}

impl std::error::Error for Denied {}

/// `8 s`, `14 min`: rounded up, so that nobody comes back too early.
fn whole(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1_000);
    if seconds <= 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEntry {
    /// There is no such session (any more).
    NoSession,
    /// It is locked; its case is kept.
    Locked,
}

impl NoEntry {
    /// Stable code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSession => "no_session",
            Self::Locked => "session_locked",
        }
    }
}

impl fmt::Display for NoEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSession => Denied::NoSession.fmt(f),
            Self::Locked => Denied::SessionLocked.fmt(f),
        }
    }
}

impl std::error::Error for NoEntry {}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logout => "you logged out",
            Self::Elsewhere => "you logged in on another screen, so this one was logged out",
            Self::HandOver => "another officer took over this desk",
            Self::Disabled => "your account was disabled",
            Self::NewCode => "your account got a one-time code; log in with it",
            Self::Age => "the session lasted as long as one may; log in again",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_so_that_nobody_comes_back_too_early() {
        for (millis, said) in
            [(1, "1 s"), (1_000, "1 s"), (1_001, "2 s"), (90_000, "90 s"), (91_000, "2 min"), (899_999, "15 min")]
        {
            assert_eq!(whole(Duration::from_millis(millis)), said);
        }
    }
}

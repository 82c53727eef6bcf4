//! Who is logged in: a pure table of sessions, told what happens and when.
//!
//! ```text
//!            act                idle                 unlock (proof)
//!           ┌───┐   ┌─────── lock_after ──────┐   ┌──────────────────┐
//!  log in ─►│ Open ├─┤                        ├─►│ Locked            ├─► Open
//!           └───┘   └─ the officer locks ─────┘   └──────────────────┘
//!  Open, Locked ─► ended: logged out, logged in elsewhere, handed over, account changed, too old
//! ```
//! A locked session keeps its place and its case, and may do nothing. A token is known by its hash alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use sha2::{Digest, Sha256};

use super::name::Name;

/// SHA-256 of a session's token.
pub(super) type TokenHash = [u8; 32];

/// The hash under which a token is known.
pub(super) fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// Without an act for this long a session is locked.
    pub lock_after: Duration,
    /// A session ends this long after its log-in, whatever is done in it.
    pub session: Duration,
}

impl Default for Spans {
    /// Those of a lane file that says nothing.
    fn default() -> Self {
        Self { lock_after: Duration::from_secs(5 * 60), session: Duration::from_secs(8 * 3600) }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The person logged out.
    Logout,
    /// The same person logged in on another screen.
    Elsewhere,
    /// Another person took over.
    HandOver,
    /// The account was disabled.
    Disabled,
    /// The account got a one-time code.
    NewCode,
    /// It lasted as long as a session may.
    Age,
}

impl EndedBy {
    /// The word in records and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Elsewhere => "elsewhere",
            Self::HandOver => "hand_over",
            Self::Disabled => "disabled",
            Self::NewCode => "new_code",
            Self::Age => "age",
        }
    }
}

/// Why a session was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockedBy {
    Idle,
    Officer,
}

impl LockedBy {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Officer => "officer",
        }
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Acts are taken.
    Open,
    /// The case is kept; nothing is taken before the password has been given.
    Locked,
    /// It is over.
    Ended(EndedBy),
}

/// What a session is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The person does something: a key, a mouse, an act. The idle time begins anew.
    Acts,
    /// A page looks by itself.
    Watches,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) user: Name,
    pub(super) from: Arc<str>,
    began: Moment,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open { active: Moment },
    Locked,
}

/// What became of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) token: TokenHash,
    pub(super) user: Name,
    pub(super) what: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Locked(LockedBy),
    Unlocked,
    Ended(EndedBy),
}

/// All sessions.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    spans: Spans,
    table: BTreeMap<TokenHash, Session>,
}

impl Sessions {
    pub(super) fn new(spans: Spans) -> Self {
        Self { spans, table: BTreeMap::new() }
    }

    /// Ends what is too old and locks what is idle. Every other call does this first, so that a late timer never makes a
    /// session last.
    pub(super) fn due(&mut self, now: Moment) -> Vec<Change> {
        let Spans { lock_after, session: longest } = self.spans;
        let mut changes = Vec::new();
        for (token, session) in &mut self.table {
            let mut change = |what| changes.push(Change { token: *token, user: session.user.clone(), what });
            if now.since(session.began) >= longest {
                change(Turn::Ended(EndedBy::Age));
                continue;
            }
            match session.state {
                State::Open { active } if now.since(active) >= lock_after => {
                    change(Turn::Locked(LockedBy::Idle));
                    session.state = State::Locked;
                }
                State::Open { .. } | State::Locked => {}
            }
        }
        self.table.retain(|_, session| now.since(session.began) < longest);
        changes
    }

    /// When [`Self::due`] has something to do next.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let of = |session: &Session| {
            let end = session.began + self.spans.session;
            match session.state {
                State::Open { active } => end.min(active + self.spans.lock_after),
                State::Locked => end,
            }
        };
        self.table.values().map(of).min()
    }

    /// Begins a session of `user`, who has one at a time: an older one ends.
    pub(super) fn begin(&mut self, now: Moment, token: TokenHash, user: &Name, from: &Arc<str>) -> Vec<Change> {
        let mut changes = self.due(now);
        changes.extend(self.end_all(user, EndedBy::Elsewhere));
        let state = State::Open { active: now };
        self.table.insert(token, Session { user: user.clone(), from: from.clone(), began: now, state });
        changes
    }

    /// The session, after [`Self::due`].
    pub(super) fn get(&self, token: &TokenHash) -> Option<&Session> {
        self.table.get(token)
    }

    /// How the session stands; `None` when there is none (any more).
    pub(super) fn standing(&self, token: &TokenHash) -> Option<Standing> {
        self.table.get(token).map(|session| match session.state {
            State::Open { .. } => Standing::Open,
            State::Locked => Standing::Locked,
        })
    }

    /// The person did something in an open session.
    pub(super) fn acted(&mut self, now: Moment, token: &TokenHash) {
        if let Some(State::Open { active }) = self.table.get_mut(token).map(|session| &mut session.state) {
            *active = now;
        }
    }

    /// Locks an open session.
    pub(super) fn lock(&mut self, token: &TokenHash, by: LockedBy) -> Option<Change> {
        let session = self.table.get_mut(token)?;
        match session.state {
            State::Locked => None,
            State::Open { .. } => {
                session.state = State::Locked;
                Some(Change { token: *token, user: session.user.clone(), what: Turn::Locked(by) })
            }
        }
    }

    /// Opens a locked session; its end stays where it was.
    pub(super) fn unlock(&mut self, now: Moment, token: &TokenHash) -> Option<Change> {
        let session = self.table.get_mut(token)?;
        match session.state {
            State::Open { .. } => None,
            State::Locked => {
                session.state = State::Open { active: now };
                Some(Change { token: *token, user: session.user.clone(), what: Turn::Unlocked })
            }
        }
    }

    /// Ends a session.
    pub(super) fn end(&mut self, token: &TokenHash, by: EndedBy) -> Option<Change> {
        let session = self.table.remove(token)?;
        Some(Change { token: *token, user: session.user, what: Turn::Ended(by) })
    }

    /// Ends every session of `user`.
    pub(super) fn end_all(&mut self, user: &Name, by: EndedBy) -> Vec<Change> {
        let tokens: Vec<TokenHash> =
            self.table.iter().filter(|(_, session)| session.user == *user).map(|(token, _)| *token).collect();
        tokens.iter().filter_map(|token| self.end(token, by)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCK: u64 = 300;
    const LONGEST: u64 = 8 * 3600;

    fn sessions() -> Sessions {
        let spans = Spans { lock_after: Duration::from_secs(LOCK), session: Duration::from_secs(LONGEST) };
        Sessions::new(spans)
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn user(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    fn turns(changes: &[Change]) -> Vec<Turn> {
        changes.iter().map(|change| change.what).collect()
    }

    fn log_in(sessions: &mut Sessions, seconds: u64, token: u8, name: &str) -> Vec<Turn> {
        turns(&sessions.begin(at(seconds), [token; 32], &user(name), &"10.0.1.5".into()))
    }

    #[test]
    fn an_idle_session_is_locked_on_the_second_and_an_act_puts_that_off() {
        let mut sessions = sessions();
        log_in(&mut sessions, 0, 1, "zhang");
        assert_eq!(sessions.deadline(), Some(at(LOCK)));
        sessions.acted(at(200), &[1; 32]);
        assert_eq!(sessions.due(at(200 + LOCK - 1)), []);
        assert_eq!(turns(&sessions.due(at(200 + LOCK))), [Turn::Locked(LockedBy::Idle)]);
        assert_eq!(sessions.standing(&[1; 32]), Some(Standing::Locked));
        assert_eq!(sessions.due(at(10_000)), [], "said once");
        sessions.acted(at(10_001), &[1; 32]);
        assert_eq!(sessions.standing(&[1; 32]), Some(Standing::Locked), "an act opens nothing");
    }

    #[test]
    fn unlocking_does_not_put_off_the_end() {
        let mut sessions = sessions();
        log_in(&mut sessions, 0, 1, "zhang");
        sessions.due(at(LOCK));
        assert_eq!(sessions.unlock(at(LONGEST - 10), &[1; 32]).map(|change| change.what), Some(Turn::Unlocked));
        assert_eq!(sessions.deadline(), Some(at(LONGEST)));
        assert_eq!(turns(&sessions.due(at(LONGEST))), [Turn::Ended(EndedBy::Age)]);
        assert_eq!((sessions.standing(&[1; 32]), sessions.deadline()), (None, None));
    }

    #[test]
    fn an_officer_has_one_session_and_others_keep_theirs() {
        let mut sessions = sessions();
        log_in(&mut sessions, 0, 1, "zhang");
        log_in(&mut sessions, 1, 2, "li");
        assert_eq!(log_in(&mut sessions, 2, 3, "zhang"), [Turn::Ended(EndedBy::Elsewhere)]);
        let standing: Vec<_> = [1, 2, 3].iter().map(|token| sessions.standing(&[*token; 32])).collect();
        assert_eq!(standing, [None, Some(Standing::Open), Some(Standing::Open)]);
    }

    #[test]
    fn what_is_locked_or_ended_is_so_once() {
        let mut sessions = sessions();
        log_in(&mut sessions, 0, 1, "zhang");
        assert!(sessions.lock(&[1; 32], LockedBy::Officer).is_some());
        assert!(sessions.lock(&[1; 32], LockedBy::Officer).is_none());
        assert!(sessions.end(&[1; 32], EndedBy::Logout).is_some());
        assert!(sessions.end(&[1; 32], EndedBy::Logout).is_none());
        assert!(sessions.unlock(at(1), &[1; 32]).is_none());
    }

    #[derive(Clone, Debug)]
    enum Step {
        LogIn(u8),
        Act(usize),
        Lock(usize),
        Unlock(usize),
        LogOut(usize),
        Tick,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3_u8).prop_map(Step::LogIn),
            (0..40_usize).prop_map(Step::Act),
            (0..40_usize).prop_map(Step::Lock),
            (0..40_usize).prop_map(Step::Unlock),
            (0..40_usize).prop_map(Step::LogOut),
            Just(Step::Tick),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: a person has one session at most, none is older than the longest, none is
        /// open that was idle too long, and whoever sleeps until the deadline misses nothing.
        #[test]
        fn sessions_keep_their_bounds(steps in prop::collection::vec((0_u64..4_000, step()), 1..80)) {
            let mut sessions = sessions();
            let mut now = 0;
            let mut tokens: Vec<(TokenHash, u64)> = Vec::new();
            for (number, (wait, step)) in steps.into_iter().enumerate() {
                let quiet_until = sessions.deadline();
                now += wait;
                let due = sessions.due(at(now));
                prop_assert_eq!(due.is_empty(), quiet_until.is_none_or(|deadline| at(now) < deadline));
                let token = |place: usize| tokens.get(place % tokens.len().max(1)).map_or([0xff; 32], |(token, _)| *token);
                match step {
                    Step::LogIn(who) => {
                        let token = token_hash(&number.to_string());
                        sessions.begin(at(now), token, &user(&format!("u{who}")), &"here".into());
                        tokens.push((token, now));
                    }
                    Step::Act(place) => sessions.acted(at(now), &token(place)),
                    Step::Lock(place) => drop(sessions.lock(&token(place), LockedBy::Officer)),
                    Step::Unlock(place) => drop(sessions.unlock(at(now), &token(place))),
                    Step::LogOut(place) => drop(sessions.end(&token(place), EndedBy::Logout)),
                    Step::Tick => {}
                }
                let mut users: Vec<_> = sessions.table.values().map(|session| session.user.clone()).collect();
                let all = users.len();
                users.sort();
                users.dedup();
                prop_assert_eq!(users.len(), all);
                for (token, began) in &tokens {
                    prop_assert!(sessions.get(token).is_none() || now - began < LONGEST);
                }
                for session in sessions.table.values() {
                    if let State::Open { active } = session.state {
                        prop_assert!(at(now).since(active) < Duration::from_secs(LOCK));
                    }
                }
            }
        }
    }
}

//! Who may come in: users, guesses and sessions together, as one pure machine that is told what happens and when.
//!
//! Whether a password is right is reckoned outside, and takes its time. So a log-in has two halves: [`Register::begin`]
//! hands out what to compare with and counts a failure in advance; [`Register::proved`] or [`Register::failed`] says
//! what came of it. What goes on record, and what became of sessions, waits in [`Register::news`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portside_devices::moment::Moment;

use super::attempts::{Attempts, Gate, WINDOW};
use super::denied::{Denied, NoEntry};
use super::entry::{Doing, Edit, Entry, Who, place};
use super::hash::Hashed;
use super::name::{Name, glimpse};
use super::sessions::{Change, EndedBy, LockedBy, Presence, Sessions, Spans, Standing, TokenHash, Turn};
use super::user::{Account, Person, Proof, User};

/// Refusals that go on record at once; one more a second after that. A guesser must not fill the journal.
const REFUSALS_MAX: u64 = 60;
/// Refusals that did not go on record are counted there this often.
const UNRECORDED_EVERY: Duration = Duration::from_secs(60);
/// Characters of a typed name by which attempts under it are counted.
const KEY_LONGEST: usize = 64;

/// A proof that is being checked.
#[derive(Clone, Debug)]
pub(super) struct Check {
    doing: Doing,
    key: Box<str>,
    shown: String,
    from: Arc<str>,
    user: Option<Name>,
    proof: Option<Proof>,
}

impl Check {
    /// What to compare with; `None`: with nothing, and in the same time.
    pub(super) fn hashed(&self) -> Option<Hashed> {
        self.proof.as_ref().map(|proof| proof.hashed().clone())
    }
}

/// What there is to tell.
#[derive(Debug, Default)]
pub(super) struct News {
    /// For the record.
    pub(super) entries: Vec<Entry>,
    /// For whoever watches a session.
    pub(super) changes: Vec<Change>,
}

/// How many refusals may go on record.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    spent: u64,
    since: Moment,
    unrecorded: u64,
    told: Moment,
}

/// Everything about people.
#[derive(Debug)]
pub(super) struct Register {
    users: BTreeMap<Name, User>,
    agencies: Vec<Arc<str>>,
    attempts: Attempts,
    sessions: Sessions,
    allowance: Allowance,
    news: News,
}

impl Register {
    pub(super) fn new(users: Vec<User>, agencies: Vec<Arc<str>>, spans: Spans) -> Self {
        Self {
            users: users.into_iter().map(|user| (user.name.clone(), user)).collect(),
            agencies,
            attempts: Attempts::default(),
            sessions: Sessions::new(spans),
            allowance: Allowance { spent: 0, since: Moment::START, unrecorded: 0, told: Moment::START },
            news: News::default(),
        }
    }

    /// What there is to tell since the last time.
    pub(super) fn news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Does what time asks for.
    pub(super) fn tick(&mut self, now: Moment) {
        let changes = self.sessions.due(now);
        self.note(changes);
        if self.allowance.unrecorded > 0 && now.since(self.allowance.told) >= UNRECORDED_EVERY {
            let count = std::mem::take(&mut self.allowance.unrecorded);
            self.allowance.told = now;
            self.news.entries.push(Entry::Unrecorded { count });
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let unrecorded = (self.allowance.unrecorded > 0).then(|| self.allowance.told + UNRECORDED_EVERY);
        [self.sessions.deadline(), unrecorded].into_iter().flatten().min()
    }

    /// The first half of a proof of who somebody is.
    pub(super) fn begin(&mut self, now: Moment, doing: Doing, typed: &str, from: &str) -> Result<Check, Denied> {
        self.tick(now);
        let name = Name::parse(typed).ok();
        let user = name.as_ref().and_then(|name| self.users.get(name));
        let fits = |proof: &&Proof| matches!(proof, Proof::Code { .. }) == (doing == Doing::First);
        let check = Check {
            doing,
            key: match &name {
                Some(name) => name.as_str().into(),
                // No user has a name with a space in it.
                None => format!(" {}", typed.chars().take(KEY_LONGEST).collect::<String>()).into(),
            },
            shown: user.map_or_else(|| glimpse(typed), |user| user.name.to_string()),
            from: place(from),
            user: user.map(|user| user.name.clone()),
            proof: user.map(|user| &user.proof).filter(fits).cloned(),
        };
        let denied = match self.attempts.begin(now, &check.key) {
            Gate::Open => return Ok(check),
            Gate::Wait(left) => Denied::Wait { left },
            Gate::Locked(left) => Denied::Locked { left },
        };
        self.refused(now, &check, &denied);
        Err(denied)
    }

    /// It was not proved.
    pub(super) fn failed(&mut self, now: Moment, check: &Check) -> Denied {
        self.refused(now, check, &Denied::Wrong);
        if self.attempts.is_locked(now, &check.key) {
            let (name, from) = (check.shown.clone(), check.from.clone());
            self.news.entries.push(Entry::AccountLocked { name, from, lasts: WINDOW });
        }
        Denied::Wrong
    }

    /// It could not be checked.
    pub(super) fn unchecked(&mut self, now: Moment, check: &Check, denied: Denied) -> Denied {
        self.refused(now, check, &denied);
        denied
    }

    /// It was proved: who it is, unless the account may not come in.
    pub(super) fn proved(&mut self, now: Moment, wall: Timestamp, check: &Check) -> Result<User, Denied> {
        self.tick(now);
        let user = check.user.as_ref().and_then(|name| self.users.get(name));
        // A code that was made, or a password that was set, while the old one was being checked.
        let Some(user) = user.filter(|user| Some(&user.proof) == check.proof.as_ref()).cloned() else {
            return Err(self.failed(now, check));
        };
        self.attempts.forgive(&check.key);
        match self.barred(wall, &user) {
            Some(denied) => {
                self.refused(now, check, &denied);
                Err(denied)
            }
            None => Ok(user),
        }
    }

    fn barred(&self, wall: Timestamp, user: &User) -> Option<Denied> {
        let expired = matches!(&user.proof, Proof::Code { expires, .. } if *expires <= wall);
        if user.account == Account::Disabled {
            return Some(Denied::Disabled);
        }
        if expired {
            return Some(Denied::CodeExpired);
        }
        let here = self.agencies.contains(&user.agency);
        (!here).then_some(Denied::NotOfThisLane)
    }

    /// A session of `user` begins.
    pub(super) fn log_in(&mut self, now: Moment, check: &Check, user: &User, token: TokenHash) -> Person {
        let changes = self.sessions.begin(now, token, &user.name, &check.from);
        self.note(changes);
        let first = check.doing == Doing::First;
        let (person, from) = (user.person(), check.from.clone());
        self.news.entries.push(Entry::LoggedIn { person: person.clone(), from, first });
        person
    }

    /// The session of one officer goes over to another of the same agency.
    pub(super) fn hand_over(
        &mut self,
        now: Moment,
        old: &TokenHash,
        check: &Check,
        user: &User,
        token: TokenHash,
    ) -> Result<Person, Denied> {
        let leaves = self.may_hand_over(now, old).and_then(|leaves| match () {
            () if leaves.name == user.name.shared() => Err(Denied::SamePerson),
            () if leaves.agency != user.agency || !user.role.judges() => Err(Denied::NoSuccessor),
            () => Ok(leaves),
        });
        let leaves = leaves.map_err(|denied| self.unchecked(now, check, denied))?;
        let mut changes: Vec<Change> = self.sessions.end(old, EndedBy::HandOver).into_iter().collect();
        changes.extend(self.sessions.begin(now, token, &user.name, &check.from));
        self.note(changes);
        let (comes, from) = (user.person(), check.from.clone());
        self.news.entries.push(Entry::HandedOver { leaves, comes: comes.clone(), from });
        Ok(comes)
    }

    /// Who would hand over: somebody who judges, at an open screen.
    pub(super) fn may_hand_over(&mut self, now: Moment, token: &TokenHash) -> Result<Person, Denied> {
        let person = self.session(now, token, Presence::Watches).map_err(|no| match no {
            NoEntry::NoSession => Denied::NoSession,
            NoEntry::Locked => Denied::SessionLocked,
        })?;
        if person.role.judges() { Ok(person) } else { Err(Denied::NotAllowed) }
    }

    /// Whose open session the token is.
    pub(super) fn session(&mut self, now: Moment, token: &TokenHash, presence: Presence) -> Result<Person, NoEntry> {
        self.tick(now);
        match self.sessions.standing(token) {
            Some(Standing::Open) => {}
            Some(Standing::Locked) => return Err(NoEntry::Locked),
            Some(Standing::Ended(_)) | None => return Err(NoEntry::NoSession),
        }
        match presence {
            Presence::Acts => self.sessions.acted(now, token),
            Presence::Watches => {}
        }
        self.holder(token).ok_or(NoEntry::NoSession)
    }

    /// Whose session the token is, locked or not.
    pub(super) fn holder(&self, token: &TokenHash) -> Option<Person> {
        self.sessions.get(token).and_then(|session| self.users.get(&session.user)).map(User::person)
    }

    /// How the session stands.
    pub(super) fn standing(&mut self, now: Moment, token: &TokenHash) -> Option<Standing> {
        self.tick(now);
        self.sessions.standing(token)
    }

    /// The officer locks the screen.
    pub(super) fn lock(&mut self, now: Moment, token: &TokenHash) {
        self.tick(now);
        let change = self.sessions.lock(token, LockedBy::Officer);
        self.note(change);
    }

    /// The officer is back.
    pub(super) fn unlock(&mut self, now: Moment, token: &TokenHash) {
        let change = self.sessions.unlock(now, token);
        self.note(change);
    }

    /// The session is over.
    pub(super) fn end(&mut self, now: Moment, token: &TokenHash, by: EndedBy) {
        self.tick(now);
        let change = self.sessions.end(token, by);
        self.note(change);
    }

    /// Ends the lock of an account.
    pub(super) fn lift(&mut self, name: &Name, by: Who) {
        if self.attempts.forgive(name.as_str()) {
            self.news.entries.push(Entry::AccountUnlocked { name: name.to_string(), by });
        }
    }

    /// The user of that name.
    pub(super) fn user(&self, name: &Name) -> Option<&User> {
        self.users.get(name)
    }

    /// All users by name, with `changed` among them.
    pub(super) fn users_with(&self, changed: Option<&User>) -> Vec<User> {
        let mut users = self.users.clone();
        if let Some(changed) = changed {
            users.insert(changed.name.clone(), changed.clone());
        }
        users.into_values().collect()
    }

    /// Whether the lane has this agency.
    pub(super) fn agencies(&self) -> &[Arc<str>] {
        &self.agencies
    }

    /// The user is like this from here on; an account that may not come in has no session.
    pub(super) fn set(&mut self, user: User) {
        let by = match (&user.account, &user.proof) {
            (Account::Disabled, _) => Some(EndedBy::Disabled),
            (Account::Enabled, Proof::Code { .. }) => Some(EndedBy::NewCode),
            (Account::Enabled, Proof::Password { .. }) => None,
        };
        if let Some(by) = by {
            let changes = self.sessions.end_all(&user.name, by);
            self.note(changes);
        }
        self.users.insert(user.name.clone(), user);
    }

    /// The record of a change.
    pub(super) fn edited(user: &User, edit: Edit, by: Who) -> Entry {
        Entry::Edited { user: Box::new(user.clone()), edit, by }
    }

    fn note(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            if let Some(person) = self.users.get(&change.user).map(User::person) {
                self.news.entries.extend(match change.what {
                    Turn::Locked(by) => Some(Entry::SessionLocked { person, by }),
                    Turn::Unlocked => Some(Entry::SessionUnlocked { person }),
                    // The record of the hand-over says it with both names.
                    Turn::Ended(EndedBy::HandOver) => None,
                    Turn::Ended(by) => Some(Entry::SessionEnded { person, by }),
                });
            }
            self.news.changes.push(change);
        }
    }

    fn refused(&mut self, now: Moment, check: &Check, denied: &Denied) {
        let allowance = &mut self.allowance;
        let refilled = now.since(allowance.since).as_secs();
        allowance.spent = allowance.spent.saturating_sub(refilled);
        allowance.since = allowance.since + Duration::from_secs(refilled);
        if allowance.spent >= REFUSALS_MAX {
            if allowance.unrecorded == 0 {
                allowance.told = now;
            }
            allowance.unrecorded += 1;
            return;
        }
        allowance.spent += 1;
        let unrecorded = std::mem::take(&mut allowance.unrecorded);
        self.news.entries.push(Entry::Refused {
            doing: check.doing,
            name: check.shown.clone(),
            from: check.from.clone(),
            reason: denied.code(),
            unrecorded,
        });
    }
}

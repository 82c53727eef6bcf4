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

/// Refusals that go on record at once; one more a second after that. A guesser must not fill the journal. What was
/// checked against a user's own proof is always on record: the lock bounds it, and no flood may hide it.
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
        if self.attempts.is_locked(now, &check.key) && (check.user.is_some() || self.allowed(now)) {
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
        let unchecked = matches!(denied, Denied::Wait { .. } | Denied::Locked { .. } | Denied::Busy);
        if (unchecked || check.user.is_none()) && !self.allowed(now) {
            return;
        }
        let unrecorded = std::mem::take(&mut self.allowance.unrecorded);
        self.news.entries.push(Entry::Refused {
            doing: check.doing,
            name: check.shown.clone(),
            from: check.from.clone(),
            reason: denied.code(),
            unrecorded,
        });
    }

    /// Whether one more may go on record; if not, it is counted.
    fn allowed(&mut self, now: Moment) -> bool {
        let allowance = &mut self.allowance;
        let refilled = now.since(allowance.since).as_secs();
        allowance.spent = allowance.spent.saturating_sub(refilled);
        allowance.since = allowance.since + Duration::from_secs(refilled);
        if allowance.spent >= REFUSALS_MAX {
            if allowance.unrecorded == 0 {
                allowance.told = now;
            }
            allowance.unrecorded += 1;
            return false;
        }
        allowance.spent += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::hash::Hasher;
    use crate::people::sessions::token_hash;
    use crate::people::user::Role;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn wall(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// zhang and li of customs, wang of border, a technician of customs; su has a code; gone is of an agency that the lane
    /// does not have.
    fn register() -> Register {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let hashed = runtime.block_on(Hasher::new().unwrap().hash("x".into())).unwrap();
        let user = |name: &str, agency: &str, role| User {
            name: Name::parse(name).unwrap(),
            display: name.into(),
            agency: agency.into(),
            role,
            account: Account::Enabled,
            proof: Proof::Password { hashed: hashed.clone(), since: wall("2026-01-01T00:00:00Z") },
        };
        let mut su = user("su", "customs", Role::Officer);
        su.proof = Proof::Code { hashed: hashed.clone(), expires: wall("2026-01-02T00:00:00Z") };
        let users = vec![
            user("zhang", "customs", Role::Officer),
            user("li", "customs", Role::Supervisor),
            user("wang", "border", Role::Officer),
            user("tech", "customs", Role::Technician),
            user("gone", "quarantine", Role::Officer),
            su,
        ];
        Register::new(users, vec!["customs".into(), "border".into()], Spans::default())
    }

    fn begin(register: &mut Register, now: u64, name: &str) -> Result<Check, Denied> {
        register.begin(at(now), Doing::LogIn, name, "10.0.1.5")
    }

    fn log_in(register: &mut Register, now: u64, name: &str, token: &str) {
        let check = begin(register, now, name).unwrap();
        let user = register.proved(at(now), wall("2026-01-01T12:00:00Z"), &check).unwrap();
        register.log_in(at(now), &check, &user, token_hash(token));
    }

    fn kinds(register: &mut Register) -> Vec<String> {
        let time = wall("2026-01-01T12:00:00Z");
        register
            .news()
            .entries
            .iter()
            .map(|entry| entry.draft(time).kind.trim_start_matches("audit.").to_owned())
            .collect()
    }

    /// What an outsider sees of five failures and what follows, and how many records there are of it.
    fn seen(name: &str) -> (Vec<String>, usize) {
        let mut register = register();
        let mut seen = Vec::new();
        for now in [0, 0, 1, 2, 3, 7, 15, 16, 500, 915, 916] {
            seen.push(match begin(&mut register, now, name) {
                Ok(check) => register.failed(at(now), &check).to_string(),
                Err(denied) => denied.to_string(),
            });
        }
        (seen, register.news().entries.len())
    }

    #[test]
    fn a_name_that_nobody_has_is_refused_word_for_word_as_a_users() {
        let known = seen("zhang");
        assert_eq!(known, seen("nobody"));
        assert_eq!(known, seen("su"), "who has no password yet");
        assert_eq!(known, seen("no name at all \u{1b}[2J"));
        assert_eq!(known, seen(" ZHANG "), "capitals do not count");
        assert!(known.0[8].contains("too many attempts failed"), "{known:?}");
    }

    #[test]
    fn guesses_at_one_account_lock_no_other_and_another_spelling_is_no_way_around() {
        let mut register = register();
        for (now, name) in [(0, "zhang"), (1, "Zhang"), (3, "ZHANG"), (7, " zhang"), (15, "zhanG")] {
            let check = begin(&mut register, now, name).unwrap();
            register.failed(at(now), &check);
        }
        assert!(matches!(begin(&mut register, 16, "zHang"), Err(Denied::Locked { .. })));
        log_in(&mut register, 16, "li", "t");
        assert!(kinds(&mut register).contains(&"account_locked".to_owned()));
        register.lift(&Name::parse("zhang").unwrap(), Who::Uid(0));
        assert!(begin(&mut register, 17, "zhang").is_ok());
        assert_eq!(kinds(&mut register), ["account_unlocked"]);
    }

    #[test]
    fn a_proof_of_what_was_changed_meanwhile_proves_nothing() {
        let mut register = register();
        let check = begin(&mut register, 0, "zhang").unwrap();
        let mut user = register.user(&Name::parse("zhang").unwrap()).unwrap().clone();
        user.proof = Proof::Code { hashed: user.proof.hashed().clone(), expires: wall("2026-02-01T00:00:00Z") };
        register.set(user);
        assert_eq!(register.proved(at(0), wall("2026-01-01T12:00:00Z"), &check), Err(Denied::Wrong));
    }

    #[test]
    fn the_right_password_opens_no_disabled_account_and_none_of_another_lane_and_no_old_code() {
        let mut register = register();
        let mut zhang = register.user(&Name::parse("zhang").unwrap()).unwrap().clone();
        zhang.account = Account::Disabled;
        register.set(zhang);
        let proved = |register: &mut Register, doing, name, time: &str| {
            let check = register.begin(at(0), doing, name, "here").unwrap();
            register.proved(at(0), wall(time), &check).map(|user| user.name.to_string())
        };
        let noon = "2026-01-01T12:00:00Z";
        assert_eq!(proved(&mut register, Doing::LogIn, "zhang", noon), Err(Denied::Disabled));
        assert_eq!(proved(&mut register, Doing::LogIn, "gone", noon), Err(Denied::NotOfThisLane));
        assert_eq!(proved(&mut register, Doing::First, "su", "2026-01-02T00:00:00Z"), Err(Denied::CodeExpired));
        assert_eq!(proved(&mut register, Doing::First, "su", noon), Ok("su".to_owned()));
        let code_as_password = register.begin(at(60), Doing::LogIn, "su", "here").unwrap();
        assert_eq!(code_as_password.hashed(), None, "a code is no password");
    }

    #[test]
    fn disabling_ends_the_session_at_once_and_says_so() {
        let mut register = register();
        log_in(&mut register, 0, "zhang", "t");
        let mut zhang = register.user(&Name::parse("zhang").unwrap()).unwrap().clone();
        zhang.account = Account::Disabled;
        register.set(zhang);
        assert_eq!(register.session(at(1), &token_hash("t"), Presence::Watches), Err(NoEntry::NoSession));
        assert_eq!(kinds(&mut register), ["login", "session_ended"]);
    }

    #[test]
    fn a_hand_over_puts_both_names_on_record_and_ends_the_old_session() {
        let mut register = register();
        log_in(&mut register, 0, "zhang", "old");
        log_in(&mut register, 0, "li", "elsewhere");
        let check = register.begin(at(5), Doing::HandOver, "li", "10.0.1.5").unwrap();
        let li = register.proved(at(5), wall("2026-01-01T12:00:00Z"), &check).unwrap();
        let comes = register.hand_over(at(5), &token_hash("old"), &check, &li, token_hash("new")).unwrap();
        assert_eq!(&*comes.name, "li");
        let open = |register: &mut Register, token| register.session(at(6), &token_hash(token), Presence::Acts).is_ok();
        assert_eq!(["old", "elsewhere", "new"].map(|token| open(&mut register, token)), [false, false, true]);
        let news = register.news();
        let data = news.entries.last().unwrap().draft(wall("2026-01-01T12:00:00Z")).data;
        assert_eq!((&data["officer"], &data["to"]), (&"zhang".into(), &"li".into()));
        assert_eq!(news.changes.len(), 2, "the one handed over and li's older one");
    }

    #[test]
    fn nobody_takes_over_who_is_of_another_agency_or_judges_nothing_or_from_a_locked_screen() {
        for (name, why) in [("wang", Denied::NoSuccessor), ("tech", Denied::NoSuccessor), ("zhang", Denied::SamePerson)]
        {
            let mut register = register();
            log_in(&mut register, 0, "zhang", "old");
            let check = register.begin(at(5), Doing::HandOver, name, "here").unwrap();
            let user = register.proved(at(5), wall("2026-01-01T12:00:00Z"), &check).unwrap();
            let given = register.hand_over(at(5), &token_hash("old"), &check, &user, token_hash("new"));
            assert_eq!(given, Err(why));
            assert!(register.session(at(6), &token_hash("old"), Presence::Acts).is_ok(), "it goes on");
        }
        let mut register = register();
        log_in(&mut register, 0, "zhang", "old");
        register.lock(at(1), &token_hash("old"));
        assert_eq!(register.may_hand_over(at(2), &token_hash("old")), Err(Denied::SessionLocked));
        log_in(&mut register, 2, "tech", "t");
        assert_eq!(register.may_hand_over(at(2), &token_hash("t")), Err(Denied::NotAllowed));
    }

    #[test]
    fn a_flood_of_refusals_is_counted_and_does_not_fill_the_journal() {
        let mut register = register();
        for number in 0..10_000 {
            let check = begin(&mut register, 0, &format!("n{number}")).unwrap();
            register.failed(at(0), &check);
        }
        assert_eq!(register.news().entries.len(), 60);
        assert_eq!(register.deadline(), Some(at(60)));
        register.tick(at(60));
        assert_eq!(register.news().entries, [Entry::Unrecorded { count: 10_000 - 60 }]);
        assert_eq!(register.deadline(), None);
        // However many names a flood has, the guesses at a user stand out of it.
        for number in 0..1_000 {
            drop(begin(&mut register, 60, &format!("m{number}")).map(|check| register.failed(at(60), &check)));
        }
        register.news();
        for now in [60, 61, 63, 67, 75] {
            let check = begin(&mut register, now, "zhang").unwrap();
            register.failed(at(now), &check);
            drop(begin(&mut register, now, "nobody"));
        }
        let entries = register.news().entries;
        let of_zhang = |entry: &&Entry| matches!(entry, Entry::Refused { name, .. } | Entry::AccountLocked { name, .. } if name == "zhang");
        assert_eq!(entries.iter().filter(of_zhang).count(), 6, "{entries:?}");
    }

    #[test]
    fn an_act_in_a_locked_session_is_refused_and_its_holder_is_still_known() {
        let mut register = register();
        log_in(&mut register, 0, "zhang", "t");
        let token = token_hash("t");
        assert_eq!(register.deadline(), Some(at(300)));
        assert_eq!(register.session(at(300), &token, Presence::Acts), Err(NoEntry::Locked));
        assert_eq!(register.holder(&token).map(|person| person.name.to_string()), Some("zhang".to_owned()));
        register.unlock(at(400), &token);
        assert!(register.session(at(401), &token, Presence::Acts).is_ok());
        assert_eq!(kinds(&mut register), ["login", "session_locked", "session_unlocked"]);
    }
}

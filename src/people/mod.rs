//! People: who may log in, how they prove it, and who is at which screen.
//!
//! ```text
//!  screens ─► log in, unlock, hand over ─► register.begin ─► hash (one at a time) ─► register.proved ─► record ─► session
//!  shell ───► user add, passwd, disable ─► record ─► file ─► register.set
//! ```
//! [`register`] decides and is pure; this handle brings it time, hashes, the disk and the journal. A session begins when
//! its record is durable. A failure counts from the moment that the check begins, so that many at once gain nothing; and
//! what was begun is finished although the caller has left, so that hanging up is no way around the record.

mod administer;
mod attempts;
mod code;
mod denied;
mod entry;
mod file;
mod hash;
mod name;
mod register;
mod rule;
mod secret;
mod sessions;
mod user;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portside_devices::moment::Moment;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use administer::{Administered, Refused, UserAct};
pub use code::OneTimeCode;
pub use denied::{Denied, NoEntry};
pub use file::NAME as FILE;
pub use name::Name;
pub use rule::{SHORTEST as PASSWORD_SHORTEST, Weakness};
pub use secret::Secret;
pub use sessions::{EndedBy, Presence, Spans, Standing};
pub use user::{Person, Role, UserState, UserView};

use crate::clock::Clock;
use crate::journal::{Append, Draft, Journal};
use entry::{Doing, Entry, Who};
use file::{Found, UsersFile};
use hash::{Hasher, NoHash};
use register::{Check, Register};
use sessions::{TokenHash, Turn, token_hash};
use user::{Proof, User};

/// Without a deadline the timer looks this often.
const ROUND: Duration = Duration::from_secs(60);
/// Proofs under way at once from one place: a guesser there leaves turns for officers elsewhere.
const FROM_ONE_PLACE: usize = 8;
/// Bytes of a session's token: 256 bits.
const TOKEN: usize = 32;

/// What people are told of the lane.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The store's folder, in which the file of users lies.
    pub dir: PathBuf,
    /// The agencies of the lane.
    pub agencies: Vec<Arc<str>>,
    /// How long sessions last.
    pub spans: Spans,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct Session {
    /// What the browser keeps as its cookie: 64 hex digits, known here by its hash alone.
    pub token: Secret,
    /// Whose it is.
    pub person: Person,
}

/// The people of a lane. Cheap to clone.
#[derive(Clone)]
pub struct People {
    shared: Arc<Shared>,
}

struct Shared {
    register: Mutex<Register>,
    watchers: Mutex<BTreeMap<TokenHash, watch::Sender<Standing>>>,
    hasher: Hasher,
    /// Proofs under way, by place.
    proving: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
    file: UsersFile,
    /// Why users cannot be changed; `None`: they can.
    untouched: Option<String>,
    /// Held while users change, so that the file gets them one after the other.
    changing: tokio::sync::Mutex<()>,
    journal: Journal,
    clock: Clock,
    /// Deadlines have changed.
    sooner: Notify,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

impl People {
    /// Opens the people of a lane. Waits for the disk. A file of users that cannot be used is said in the log and on
    /// record and never replaced in silence; the lane works without.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn open(settings: Settings, journal: Journal, clock: Clock) -> Result<Self, String> {
        let file = UsersFile::in_dir(&settings.dir);
        let (users, trouble, untouched) = match file.read() {
            Found::Users(users) => (users, None, None),
            Found::SetAside(text) => (Vec::new(), Some(text), None),
            Found::Untouched(text) => (Vec::new(), Some(text.clone()), Some(text)),
        };
        let people = Self {
            shared: Arc::new(Shared {
                register: Mutex::new(Register::new(users, settings.agencies, settings.spans)),
                watchers: Mutex::default(),
                hasher: Hasher::new()?,
                proving: Arc::default(),
                file,
                untouched,
                changing: tokio::sync::Mutex::default(),
                journal,
                clock,
                sooner: Notify::new(),
            }),
        };
        if let Some(text) = trouble {
            tracing::error!("{text}");
            people.shared.keep(&[Entry::SetAside { text }]);
        }
        Ok(people)
    }

    /// Locks idle sessions and ends old ones in time, until `stop` is cancelled.
    pub async fn keep_time(self, stop: CancellationToken) {
        loop {
            let deadline = self.shared.tell(|register| {
                register.tick(self.shared.clock.moment());
                register.deadline()
            });
            let wait = deadline.0.map_or(ROUND, |deadline| self.shared.clock.until(deadline)).min(ROUND);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = self.shared.sooner.notified() => {}
            }
        }
    }

    /// Logs somebody in who has a password. `from` is where the screen is, for the record: its IP address, without port.
    ///
    /// # Errors
    /// Why not, in words that do not tell whether the name is a user's.
    pub async fn login(&self, name: &str, password: Secret, from: &str) -> Result<Session, Denied> {
        let shared = self.shared.clone();
        let (name, from) = (name.to_owned(), from.to_owned());
        whole(async move {
            let (check, user) = shared.prove(Doing::LogIn, &name, password, &from).await?;
            shared.begin_session(|register, now, token| Ok(register.log_in(now, &check, &user, token))).await
        })
        .await
    }

    /// Logs somebody in with the one-time code; from then on the password is `chosen`.
    ///
    /// # Errors
    /// As [`Self::login`], or the password is too weak: then the code stays good.
    pub async fn first_login(&self, name: &str, code: Secret, chosen: Secret, from: &str) -> Result<Session, Denied> {
        // Nothing is learnt from this about anybody: it is judged by what was typed alone.
        if let Ok(typed) = Name::parse(name) {
            rule::judge(chosen.expose(), &typed).map_err(Denied::Weak)?;
        }
        let shared = self.shared.clone();
        let (name, from) = (name.to_owned(), from.to_owned());
        whole(async move {
            let (check, user) = shared.prove(Doing::First, &name, code::bare(code.expose()), &from).await?;
            let user = shared.set_password(user, chosen, &from).await?;
            shared.begin_session(|register, now, token| Ok(register.log_in(now, &check, &user, token))).await
        })
        .await
    }

    /// Whose open session this is. [`Presence::Acts`] puts the idle lock off.
    ///
    /// # Errors
    /// When the session is locked, or there is none.
    pub fn session(&self, token: &str, presence: Presence) -> Result<Person, NoEntry> {
        let now = self.shared.clock.moment();
        self.shared.tell(|register| register.session(now, &token_hash(token), presence)).0
    }

    /// Whose session this is although it may be locked, and how it stands.
    pub fn holder(&self, token: &str) -> Option<(Person, Standing)> {
        let (now, token) = (self.shared.clock.moment(), token_hash(token));
        self.shared
            .tell(|register| {
                register.standing(now, &token).and_then(|standing| Some((register.holder(&token)?, standing)))
            })
            .0
    }

    /// Follows how a session stands, until it has ended.
    pub fn watch(&self, token: &str) -> Option<watch::Receiver<Standing>> {
        self.holder(token)?;
        let watchers = self.shared.watchers();
        watchers.get(&token_hash(token)).map(watch::Sender::subscribe)
    }

    /// Locks the screen: the case is kept, nothing is taken before the password has been given.
    pub fn lock(&self, token: &str) {
        let now = self.shared.clock.moment();
        drop(self.shared.tell(|register| register.lock(now, &token_hash(token))));
    }

    /// Unlocks the screen with the password of whose session it is.
    ///
    /// # Errors
    /// As [`Self::login`], or there is no such session.
    pub async fn unlock(&self, token: &str, password: Secret, from: &str) -> Result<Person, Denied> {
        let (person, _) = self.holder(token).ok_or(Denied::NoSession)?;
        let (shared, token, from) = (self.shared.clone(), token_hash(token), from.to_owned());
        whole(async move {
            let (_, user) = shared.prove(Doing::Unlock, &person.name, password, &from).await?;
            let now = shared.clock.moment();
            let (still, record) = shared.tell(|register| {
                register.unlock(now, &token);
                register.standing(now, &token)
            });
            shared.sooner.notify_one();
            kept(record).await?;
            match still {
                Some(Standing::Open) => Ok(user.person()),
                Some(Standing::Locked | Standing::Ended(_)) | None => Err(Denied::NoSession),
            }
        })
        .await
    }

    /// Ends a session. Nothing happens when there is none.
    pub async fn logout(&self, token: &str) {
        let now = self.shared.clock.moment();
        let ((), record) = self.shared.tell(|register| register.end(now, &token_hash(token), EndedBy::Logout));
        if let Err(denied) = kept(record).await {
            tracing::warn!(%denied, "a log-out is not on record");
        }
    }

    /// The officer at an open screen hands over to `name`, who proves it; both names go on record. The old session ends.
    ///
    /// # Errors
    /// As [`Self::login`], or these two cannot.
    pub async fn hand_over(&self, token: &str, name: &str, password: Secret, from: &str) -> Result<Session, Denied> {
        let (shared, old) = (self.shared.clone(), token_hash(token));
        let (name, from) = (name.to_owned(), from.to_owned());
        shared.tell(|register| register.may_hand_over(shared.clock.moment(), &old)).0?;
        whole(async move {
            let (check, user) = shared.prove(Doing::HandOver, &name, password, &from).await?;
            let give = |register: &mut Register, now, token| register.hand_over(now, &old, &check, &user, token);
            shared.begin_session(give).await
        })
        .await
    }

    /// A supervisor ends the lock of an account of the same agency. Nothing happens when it is not locked.
    ///
    /// # Errors
    /// When the session is none of a supervisor's, or the name of no user of that agency.
    pub async fn lift(&self, token: &str, name: &str) -> Result<(), Denied> {
        let person = self.session(token, Presence::Acts).map_err(|no| match no {
            NoEntry::NoSession => Denied::NoSession,
            NoEntry::Locked => Denied::SessionLocked,
        })?;
        let name = Name::parse(name).map_err(|_| Denied::NotAllowed)?;
        let (lifted, record) = self.shared.tell(|register| {
            let same = register.user(&name).is_some_and(|user| user.agency == person.agency);
            if person.role != Role::Supervisor || !same {
                return Err(Denied::NotAllowed);
            }
            register.lift(&name, Who::Person(person));
            Ok(())
        });
        kept(record).await?;
        lifted
    }
}

impl Shared {
    fn register(&self) -> MutexGuard<'_, Register> {
        // A panic while it was held is a bug that a test finds; the lane goes on with what there is.
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, BTreeMap<TokenHash, watch::Sender<Standing>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the register, and tells everybody what came of it: the record, in the order of what happened,
    /// and who watches a session.
    fn tell<T>(&self, work: impl FnOnce(&mut Register) -> T) -> (T, Option<Append>) {
        let mut register = self.register();
        let done = work(&mut register);
        let news = register.news();
        let record = self.keep(&news.entries);
        if !news.changes.is_empty() {
            let mut watchers = self.watchers();
            for change in news.changes {
                let standing = match change.what {
                    Turn::Locked(_) => Standing::Locked,
                    Turn::Unlocked => Standing::Open,
                    Turn::Ended(by) => Standing::Ended(by),
                };
                match standing {
                    Standing::Ended(_) => {
                        watchers.remove(&change.token).map(|watcher| watcher.send_replace(standing));
                    }
                    Standing::Open | Standing::Locked => {
                        watchers.get(&change.token).map(|watcher| watcher.send_replace(standing));
                    }
                }
            }
        }
        (done, record)
    }

    fn keep(&self, entries: &[Entry]) -> Option<Append> {
        if entries.is_empty() {
            return None;
        }
        let wall = self.clock.wall();
        let drafts: Vec<Draft> = entries.iter().map(|entry| entry.draft(wall)).collect();
        for draft in &drafts {
            tracing::info!(kind = draft.kind, "recorded");
        }
        Some(self.journal.append(&drafts))
    }

    /// Whether somebody is who they say; a refusal is on record when this returns.
    async fn prove(&self, doing: Doing, name: &str, secret: Secret, from: &str) -> Result<(Check, User), Denied> {
        let _turn = Proving::begin(&self.proving, from).ok_or(Denied::Busy)?;
        let (begun, record) = self.tell(|register| register.begin(self.clock.moment(), doing, name, from));
        kept(record).await?;
        let check = begun?;
        let right = self.hasher.check(secret, check.hashed()).await;
        let now = self.clock.moment();
        let (proved, record) = self.tell(|register| match right {
            Ok(true) => register.proved(now, self.clock.wall(), &check),
            Ok(false) => Err(register.failed(now, &check)),
            Err(no) => Err(register.unchecked(now, &check, no.into())),
        });
        kept(record).await?;
        proved.map(|user| (check, user))
    }

    /// Begins the session that `begin` puts into the register; it is on record when this returns.
    async fn begin_session(
        &self,
        begin: impl FnOnce(&mut Register, Moment, TokenHash) -> Result<Person, Denied>,
    ) -> Result<Session, Denied> {
        let token = new_token()?;
        let hash = token_hash(token.expose());
        let now = self.clock.moment();
        self.watchers().insert(hash, watch::Sender::new(Standing::Open));
        let (person, record) = self.tell(|register| begin(register, now, hash));
        self.sooner.notify_one();
        let person = kept(record).await.and(person);
        if person.is_err() {
            drop(self.tell(|register| register.end(now, &hash, EndedBy::Logout)));
            self.watchers().remove(&hash);
        }
        Ok(Session { token, person: person? })
    }

    /// Sets the first password of a user who was proved.
    async fn set_password(&self, proved: User, chosen: Secret, from: &str) -> Result<User, Denied> {
        rule::judge(chosen.expose(), &proved.name).map_err(Denied::Weak)?;
        let hashed = self.hasher.hash(chosen).await?;
        let _changing = self.changing.lock().await;
        self.may_change().map_err(Denied::Unkept)?;
        // The code was used, or another one made, while the password was being hashed.
        if self.register().user(&proved.name) != Some(&proved) {
            return Err(Denied::Wrong);
        }
        let user = User { proof: Proof::Password { hashed, since: self.clock.wall() }, ..proved };
        let entry = Entry::PasswordSet { person: user.person(), from: entry::place(from) };
        self.change(&user, entry).await.map_err(Denied::Unkept)?;
        Ok(user)
    }

    fn may_change(&self) -> Result<(), String> {
        self.untouched.clone().map_or(Ok(()), Err)
    }

    /// Puts a change of a user on record, then into the file, then into force; the caller holds `changing`.
    async fn change(&self, user: &User, entry: Entry) -> Result<(), String> {
        kept(self.keep(&[entry])).await.map_err(|denied| denied.to_string())?;
        let (file, users) = (self.file.clone(), self.register().users_with(Some(user)));
        let written = tokio::task::spawn_blocking(move || file.write(users)).await;
        let why = match written {
            Ok(Ok(())) => {
                drop(self.tell(|register| register.set(user.clone())));
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        let why = format!("the file of users could not be written: {why}");
        tracing::error!("{why}");
        drop(self.keep(&[Entry::Unchanged { name: user.name.to_string(), why: why.clone() }]));
        Err(why)
    }
}

/// One proof under way.
struct Proving {
    from: Arc<str>,
    all: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
}

impl Proving {
    /// `None` when too many are under way from there.
    fn begin(all: &Arc<Mutex<BTreeMap<Arc<str>, usize>>>, from: &str) -> Option<Self> {
        let from = entry::place(from);
        let mut counts = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(from.clone()).or_default();
        if *count >= FROM_ONE_PLACE {
            return None;
        }
        *count += 1;
        Some(Self { from, all: all.clone() })
    }
}

impl Drop for Proving {
    fn drop(&mut self) {
        let mut counts = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

/// Runs to its end although the caller may leave.
async fn whole<T: Send + 'static>(work: impl Future<Output = Result<T, Denied>> + Send + 'static) -> Result<T, Denied> {
    tokio::spawn(work).await.unwrap_or_else(|panic| Err(Denied::Unkept(panic.to_string())))
}

async fn kept(record: Option<Append>) -> Result<(), Denied> {
    match record {
        Some(record) => record.await.map(|_| ()).map_err(|error| Denied::Unkept(error.to_string())),
        None => Ok(()),
    }
}

fn new_token() -> Result<Secret, Denied> {
    let mut random = [0; TOKEN];
    getrandom::fill(&mut random)
        .map_err(|error| Denied::Unkept(format!("the system gives no random numbers: {error}")))?;
    Ok(Secret::new(hex::encode(random)))
}

impl From<NoHash> for Denied {
    fn from(no: NoHash) -> Self {
        match no {
            NoHash::Busy => Self::Busy,
            NoHash::Broken(why) => Self::Unkept(why),
        }
    }
}

/// What a fuzzer feeds: the file of users.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    file::fuzz(bytes);
}

//! What an administrator does to users from the shell: add, list, disable, enable, a code for a forgotten password, the
//! end of an account's lock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::{OneTimeCode, VALID};
use super::entry::{Edit, Who};
use super::name::Name;
use super::register::Register;
use super::user::{Account, Proof, Role, User, UserView, display};
use super::{Denied, People, Shared, kept};

/// Users of one lane.
const USERS_MAX: usize = 2_000;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum UserAct {
    /// A user more, who logs in with a one-time code.
    Add {
        /// Name typed at log-in.
        name: String,
        /// Name for people; the name where there is none.
        display: Option<String>,
        /// Agency.
        agency: String,
        /// Role.
        role: Role,
    },
    /// All users.
    List,
    /// The account may not come in; its session ends at once.
    Disable {
        /// Whose.
        name: String,
    },
    /// The account may come in again.
    Enable {
        /// Whose.
        name: String,
    },
    /// A one-time code in place of the password; the session ends at once.
    Code {
        /// Whose.
        name: String,
    },
    /// Ends the lock that failed attempts brought.
    Unlock {
        /// Whose.
        name: String,
    },
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Administered {
    /// It was done.
    Done(String),
    /// The users.
    Users(Vec<UserView>),
    /// It was done, and this code is shown once.
    Code {
        /// Whose code it is.
        user: UserView,
        /// The code.
        code: OneTimeCode,
        /// It ends then.
        until: Timestamp,
    },
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code of the reason.
    pub code: &'static str,
    /// What to do about it.
    pub message: String,
}

impl People {
    /// Does what an administrator asks; `uid` is the Unix user that goes on record.
    ///
    /// # Errors
    /// Why nothing was done.
    pub async fn administer(&self, act: UserAct, uid: u32) -> Result<Administered, Refused> {
        let shared = self.shared.clone();
        // What was begun is finished although the caller has left.
        let done = tokio::spawn(async move { shared.administer(act, Who::Uid(uid)).await });
        done.await.unwrap_or_else(|panic| Err(failed(panic.to_string())))
    }
}

impl Shared {
    async fn administer(&self, act: UserAct, who: Who) -> Result<Administered, Refused> {
        if matches!(act, UserAct::List) {
            self.may_change().map_err(failed)?;
            return Ok(Administered::Users(self.list()));
        }
        if let UserAct::Unlock { name } = &act {
            return self.end_lock(&self.known(name)?, who).await;
        }
        let _changing = self.changing.lock().await;
        self.may_change().map_err(failed)?;
        match act {
            UserAct::Add { name, display, agency, role } => {
                let user = self.fresh(&name, display.as_deref(), &agency, role)?;
                self.give_code(user, who, true).await
            }
            UserAct::Code { name } => self.give_code(Fresh::from(self.known(&name)?), who, false).await,
            UserAct::Disable { name } => self.disable(self.known(&name)?, who).await,
            UserAct::Enable { name } => {
                let user = User { account: Account::Enabled, ..self.known(&name)? };
                self.change(&user, Register::edited(&user, Edit::Enabled, who)).await.map_err(failed)?;
                Ok(Administered::Done(format!("user {} may log in again", user.name)))
            }
            UserAct::List | UserAct::Unlock { .. } => Err(failed("this was answered already".to_owned())),
        }
    }

    fn list(&self) -> Vec<UserView> {
        let wall = self.clock.wall();
        self.register().users_with(None).iter().map(|user| user.view(wall)).collect()
    }

    fn known(&self, name: &str) -> Result<User, Refused> {
        let name = Name::parse(name).map_err(|message| Refused { code: "bad_name", message })?;
        self.register().user(&name).cloned().ok_or_else(|| Refused {
            code: "unknown_user",
            message: format!("there is no user {name}; `portside user list` names them"),
        })
    }

    fn fresh(&self, name: &str, shown: Option<&str>, agency: &str, role: Role) -> Result<Fresh, Refused> {
        let name = Name::parse(name).map_err(|message| Refused { code: "bad_name", message })?;
        let display =
            display(shown.unwrap_or(name.as_str())).map_err(|message| Refused { code: "bad_name", message })?;
        let register = self.register();
        if register.user(&name).is_some() {
            let message = format!("there is a user {name} already; `portside user passwd {name}` gives another code");
            return Err(Refused { code: "known_user", message });
        }
        if register.users_with(None).len() >= USERS_MAX {
            let message = format!("there are {USERS_MAX} users already, as many as one lane takes");
            return Err(Refused { code: "too_many_users", message });
        }
        let Some(agency) = register.agencies().iter().find(|known| ***known == *agency).cloned() else {
            let known: Vec<&str> = register.agencies().iter().map(|known| &**known).collect();
            let message = format!("this lane has no such agency; it has {}", known.join(", "));
            return Err(Refused { code: "unknown_agency", message });
        };
        Ok(Fresh { name, display, agency, role, account: Account::Enabled })
    }

    async fn give_code(&self, fresh: Fresh, who: Who, added: bool) -> Result<Administered, Refused> {
        let code = OneTimeCode::make().map_err(failed)?;
        let hashed = self.hasher.hash(code.secret()).await.map_err(|no| failed(Denied::from(no).to_string()))?;
        let wall = self.clock.wall();
        let until = wall + VALID;
        let user = fresh.with(Proof::Code { hashed, expires: until });
        let edit = if added { Edit::Added { code_until: until } } else { Edit::Code { code_until: until } };
        self.change(&user, Register::edited(&user, edit, who)).await.map_err(failed)?;
        Ok(Administered::Code { user: user.view(wall), code, until })
    }

    /// In force at once: a disk that fails must not keep somebody in.
    async fn disable(&self, user: User, who: Who) -> Result<Administered, Refused> {
        let user = User { account: Account::Disabled, ..user };
        let ((), record) = self.tell(|register| register.set(user.clone()));
        let changed = self.change(&user, Register::edited(&user, Edit::Disabled, who)).await;
        kept(record).await.map_err(|denied| failed(denied.to_string()))?;
        let until = "it is disabled until the daemon starts again, and not after that";
        changed.map_err(|why| failed(format!("{why}; {until}")))?;
        Ok(Administered::Done(format!("user {} may not log in; a session there was has ended", user.name)))
    }

    async fn end_lock(&self, user: &User, who: Who) -> Result<Administered, Refused> {
        let ((), record) = self.tell(|register| register.lift(&user.name, who));
        kept(record).await.map_err(|denied| failed(denied.to_string()))?;
        Ok(Administered::Done(format!("user {} may try to log in at once", user.name)))
    }
}

/// A user who has no proof yet.
struct Fresh {
    name: Name,
    display: std::sync::Arc<str>,
    agency: std::sync::Arc<str>,
    role: Role,
    account: Account,
}

impl Fresh {
    fn with(self, proof: Proof) -> User {
        let Self { name, display, agency, role, account } = self;
        User { name, display, agency, role, account, proof }
    }
}

impl From<User> for Fresh {
    fn from(user: User) -> Self {
        let User { name, display, agency, role, account, proof: _ } = user;
        Self { name, display, agency, role, account }
    }
}

fn failed(message: String) -> Refused {
    Refused { code: "failed", message }
}

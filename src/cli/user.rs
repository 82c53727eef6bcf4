//! `portside user`: who may log in at the pages.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::door::{self, DoorArgs};
use crate::control::call::{Call, Reply};
use crate::people::{OneTimeCode, Role, UserAct, UserState, UserView};

/// `portside user`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside user add zhang.wei --agency customs --role officer --display 张伟\n\nNobody has a password that somebody else chose: whoever is added logs in once with the code that this prints, and\nchooses one. Every change is on record with the Unix user who made it."
)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    verb: UserVerb,
}

#[derive(Subcommand, Debug)]
enum UserVerb {
    /// Add a person, and print the one-time code for the first log-in
    #[command(
        after_help = "Example:\n  portside user add zhang.wei --agency customs --role officer --display 张伟\n\nThe code is good for 24 hours and shown this once."
    )]
    Add {
        /// What the person types at log-in: letters, digits, `.`, `-`, `_`
        name: String,
        /// Agency that the person belongs to, as the lane file names it
        #[arg(long, value_name = "AGENCY")]
        agency: String,
        /// What the person is here for
        #[arg(long, value_enum)]
        role: RoleWord,
        /// The person's name for people [default: the name]
        #[arg(long, value_name = "NAME")]
        display: Option<String>,
        #[command(flatten)]
        door: DoorArgs,
    },
    /// List everybody
    #[command(after_help = "Example:\n  portside user list --json")]
    List {
        #[command(flatten)]
        door: DoorArgs,
    },
    /// Let a person log in no more; a session there is ends at once
    #[command(after_help = "Example:\n  portside user disable zhang.wei")]
    Disable(Named),
    /// Let a disabled person log in again
    #[command(after_help = "Example:\n  portside user enable zhang.wei")]
    Enable(Named),
    /// Print a one-time code in place of a forgotten password, which is void from then on
    #[command(after_help = "Example:\n  portside user passwd zhang.wei")]
    Passwd(Named),
    /// End the lock that failed attempts brought
    #[command(after_help = "Example:\n  portside user unlock zhang.wei")]
    Unlock(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// Whose account
    name: String,
    #[command(flatten)]
    door: DoorArgs,
}

/// The roles.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleWord {
    /// Judges and acts for an agency
    Officer,
    /// An officer who also ends the lock of an account
    Supervisor,
    /// Looks after devices; judges nothing
    Technician,
    /// Reads the record; does nothing else
    Auditor,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Officer => Self::Officer,
            RoleWord::Supervisor => Self::Supervisor,
            RoleWord::Technician => Self::Technician,
            RoleWord::Auditor => Self::Auditor,
        }
    }
}

/// Runs `portside user`.
pub(super) fn run(args: UserArgs) -> ExitCode {
    let (act, door) = match args.verb {
        UserVerb::Add { name, agency, role, display, door } => {
            (UserAct::Add { name, display, agency, role: role.into() }, door)
        }
        UserVerb::List { door } => (UserAct::List, door),
        UserVerb::Disable(Named { name, door }) => (UserAct::Disable { name }, door),
        UserVerb::Enable(Named { name, door }) => (UserAct::Enable { name }, door),
        UserVerb::Passwd(Named { name, door }) => (UserAct::Code { name }, door),
        UserVerb::Unlock(Named { name, door }) => (UserAct::Unlock { name }, door),
    };
    match door::ask(&door.socket, &Call::User { act }) {
        Ok(reply) => {
            if !door.json {
                print!("{}", text(&reply));
            }
            door::print(&reply, door.json)
        }
        Err(message) => {
            eprintln!("portside: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What a person reads; empty where the door says it.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Users { users } => list(users),
        Reply::Code { user, code, until } => handed_out(user, code, *until),
        Reply::Done { .. }
        | Reply::Refused { .. }
        | Reply::Failed { .. }
        | Reply::Status { .. }
        | Reply::Points { .. }
        | Reply::Records { .. }
        | Reply::Verified { .. } => String::new(),
    }
}

fn handed_out(user: &UserView, code: &OneTimeCode, until: jiff::Timestamp) -> String {
    let until = until.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M %Z");
    format!(
        "One-time code of {} ({} of {}), good until {until}:\n\n    {}\n\n\
         It is shown this once. Hand it over in person: whoever has it chooses the password.\n\
         It is used on the log-in page under \"First log-in\".\n",
        user.name,
        user.role,
        user.agency,
        code.expose()
    )
}

fn list(users: &[UserView]) -> String {
    if users.is_empty() {
        return "There are no users yet; `portside user add` adds one.\n".to_owned();
    }
    let width = |of: fn(&UserView) -> &str| users.iter().map(|user| of(user).chars().count()).max().unwrap_or(0);
    let (name, agency) = (width(|user| &user.name), width(|user| &user.agency));
    let line = |user: &UserView| {
        let state = match &user.state {
            UserState::Enabled => "enabled".to_owned(),
            UserState::CodeWaits { .. } => "waits for the first log-in".to_owned(),
            UserState::CodeExpired => "its code has expired; `portside user passwd` gives another".to_owned(),
            UserState::Disabled => "disabled".to_owned(),
        };
        format!("{:name$}  {:agency$}  {:<10}  {}, {state}\n", user.name, user.agency, user.role.word(), user.display)
    };
    users.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, state: UserState) -> UserView {
        UserView { name: name.into(), display: "张伟".into(), agency: "customs".into(), role: Role::Officer, state }
    }

    #[test]
    fn a_list_stands_in_columns_and_says_how_each_account_stands() {
        let users = [user("zhang.wei", UserState::Enabled), user("li", UserState::Disabled)];
        assert_eq!(
            list(&users),
            "zhang.wei  customs  officer     张伟, enabled\nli         customs  officer     张伟, disabled\n"
        );
        assert!(list(&[]).contains("user add"));
    }
}

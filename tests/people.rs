//! People: added through a running daemon, logging in with the codes that it printed, guessed at, handed over; and no
//! secret of theirs anywhere on the disk.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portside::clock::Clock;
use portside::journal::{Identity, Journal, Options, Stream};
use portside::people::{
    Administered, Denied, EndedBy, NoEntry, OneTimeCode, People, Presence, Role, Secret, Settings, Spans, Standing,
    UserAct,
};
use portside::simulate::Served;
use portside_devices::simulate::Gate;
use rustix::process::Signal;
use serde_json::Value;
use site::daemon::{Daemon, store};
use site::journal::{of_kind, proven, records};
use site::lane;
use tempfile::TempDir;

const PASSWORD: &str = "seven lorries wait";
const OTHER: &str = "绿色的大象在门口等着";
const WRONG: &str = "eight lorries went";
const DESK: &str = "10.0.1.5";

async fn running() -> (TempDir, Served<Gate>, Daemon) {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), "");
    let daemon = Daemon::start(dir.path());
    (dir, gate, daemon)
}

/// The code in what `portside user add` or `passwd` printed.
fn code(printed: &str) -> String {
    let line = printed.lines().find(|line| line.trim().len() == 19 && line.matches('-').count() == 3);
    line.unwrap_or_else(|| panic!("no code in {printed}")).trim().to_owned()
}

/// People on the store of a daemon that has ended, or on one of their own.
struct Office {
    people: People,
    journal: Journal,
}

impl Office {
    fn open(store: &Path, spans: Spans) -> Self {
        let identity = Identity { port: "CNTYN".into(), lane: "G03".into() };
        let (journal, _) = Journal::open(store, &identity, Options::default()).unwrap();
        let agencies: Vec<Arc<str>> = vec!["customs".into(), "ciq".into()];
        let settings = Settings { dir: store.to_owned(), agencies, spans };
        let people = People::open(settings, journal.clone(), Clock::start()).unwrap();
        Self { people, journal }
    }

    async fn add(&self, name: &str, agency: &str, role: Role) -> OneTimeCode {
        let act = UserAct::Add { name: name.into(), display: None, agency: agency.into(), role };
        let Administered::Code { code, .. } = self.people.administer(act, 0).await.unwrap() else { panic!("no code") };
        code
    }

    /// Somebody who has logged in for the first time; answers with the token.
    async fn hire(&self, name: &str, agency: &str, role: Role, password: &str) -> String {
        let code = self.add(name, agency, role).await;
        let first = self.people.first_login(name, code.expose().into(), password.into(), DESK).await.unwrap();
        first.token.expose().to_owned()
    }

    async fn login(&self, name: &str, password: &str) -> Result<String, Denied> {
        let session = self.people.login(name, password.into(), DESK).await?;
        Ok(session.token.expose().to_owned())
    }

    fn who(&self, token: &str) -> Result<String, NoEntry> {
        self.people.session(token, Presence::Acts).map(|person| person.name.to_string())
    }

    async fn close(self) {
        drop(self.people);
        self.journal.close().await;
    }
}

fn office() -> (TempDir, Office) {
    let dir = tempfile::tempdir().unwrap();
    let office = Office::open(dir.path(), Spans::default());
    (dir, office)
}

/// Every file below `dir` that holds `secret`.
fn holding(dir: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(holding(&path, secret));
        } else if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn kinds(store: &Path) -> Vec<String> {
    let of_people = |kind: &&str| !["audit.started", "audit.stopped", "audit.journal"].contains(kind);
    let records = records(store);
    let kinds = records.iter().map(|record| record.kind()).filter(|kind| kind.starts_with("audit.")).filter(of_people);
    kinds.map(|kind| kind.trim_start_matches("audit.").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_administered_through_the_daemon_with_the_unix_user_on_record_and_their_codes_open_the_first_session()
{
    let (dir, _gate, daemon) = running().await;
    let add = ["user", "add", "Zhang.Wei", "--agency", "customs", "--role", "officer", "--display", "张伟"];
    let first = code(&daemon.done(&add));
    let again = daemon.call(&add);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("[known_user]"), "{again:?}");
    let nowhere = daemon.call(&["user", "add", "li", "--agency", "police", "--role", "officer"]);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("it has customs, ciq"), "{nowhere:?}");
    daemon.done(&["user", "add", "li", "--agency", "ciq", "--role", "auditor"]);
    daemon.done(&["user", "disable", "li"]);
    let listed = daemon.done(&["user", "list"]);
    assert!(
        listed.contains("zhang.wei") && listed.contains("张伟, waits") && listed.contains("li, disabled"),
        "{listed}"
    );
    let second = code(&daemon.done(&["user", "passwd", "zhang.wei"]));
    let json: Value = serde_json::from_str(&daemon.done(&["user", "list", "--json"])).unwrap();
    assert_eq!(
        (json["users"][1]["name"].as_str(), json["users"][1]["state"].as_str()),
        (Some("zhang.wei"), Some("code_waits"))
    );
    daemon.done(&["user", "enable", "li"]);
    daemon.done(&["user", "unlock", "zhang.wei"]);
    let store = store(dir.path());
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    daemon.end();
    proven(&store);
    assert_eq!(fs::metadata(store.join("people.json")).unwrap().permissions().mode() & 0o777, 0o600);
    let all = records(&store);
    let added = of_kind(&all, "audit.user_added");
    assert_eq!(added.len(), 2, "a refused one is no change");
    assert_eq!(added[0].data()["uid"], rustix::process::getuid().as_raw());
    assert_eq!((&added[0].data()["name"], &added[0].data()["role"]), (&"zhang.wei".into(), &"officer".into()));
    assert_eq!(kinds(&store), ["user_added", "user_added", "user_disabled", "user_code", "user_enabled"]);

    let office = Office::open(&store, Spans::default());
    let people = &office.people;
    let enter = async |code: &str| people.first_login("zhang.wei", code.into(), PASSWORD.into(), DESK).await;
    let session = enter(&second.to_lowercase()).await.unwrap();
    assert_eq!(
        (&*session.person.name, &*session.person.display, session.person.role),
        ("zhang.wei", "张伟", Role::Officer)
    );
    assert_eq!(enter(&second).await.unwrap_err(), Denied::Wrong, "a code is used once");
    assert!(matches!(enter(&first).await.unwrap_err(), Denied::Wait { .. }));
    let token = session.token.expose().to_owned();
    office.close().await;
    for secret in [&*first, &first.replace('-', ""), &second, &second.replace('-', ""), PASSWORD, &token] {
        assert_eq!(holding(&store, secret), Vec::<String>::new(), "a secret is on the disk");
        assert!(!log.contains(secret), "a secret is in the log: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_survive_a_kill_and_a_broken_file_is_set_aside_with_an_alarm_while_the_lane_works() {
    let (dir, _gate, mut daemon) = running().await;
    daemon.done(&["user", "add", "zhang", "--agency", "customs", "--role", "officer"]);
    daemon.signal(Signal::KILL);
    daemon.ended();
    let daemon = Daemon::start(dir.path());
    assert!(daemon.done(&["user", "list"]).contains("zhang"));
    daemon.end();
    let file = store(dir.path()).join("people.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let daemon = Daemon::start(dir.path());
    daemon.until("a lane that works", |status| status["lane"]["step"] == "free");
    assert!(daemon.done(&["user", "list"]).contains("no users yet"));
    assert!(daemon.log().contains("people.json.broken-1"), "{}", daemon.log());
    daemon.done(&["user", "add", "li", "--agency", "customs", "--role", "officer"]);
    daemon.end();
    let all = records(&store(dir.path()));
    let alarms = of_kind(&all, "alarm.people");
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].data()["text"].as_str().unwrap().contains("people.json.broken-1"));
    assert_eq!(fs::read(file.with_extension("json.broken-1")).unwrap(), whole[..whole.len() / 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_has_one_session_and_the_older_screen_is_told() {
    let (_dir, office) = office();
    let older = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    let mut told = office.people.watch(&older).unwrap();
    assert_eq!(*told.borrow(), Standing::Open);
    let newer = office.login("zhang", PASSWORD).await.unwrap();
    assert_ne!(older, newer, "a log-in makes a new token");
    assert_eq!((newer.len(), newer.bytes().all(|byte| byte.is_ascii_hexdigit())), (64, true));
    told.changed().await.unwrap();
    assert_eq!(*told.borrow(), Standing::Ended(EndedBy::Elsewhere));
    assert_eq!((office.who(&older), office.who(&newer)), (Err(NoEntry::NoSession), Ok("zhang".into())));
    office.people.logout(&newer).await;
    assert_eq!(office.who(&newer), Err(NoEntry::NoSession));
    assert!(office.people.watch(&newer).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_and_a_new_code_end_the_session_at_once_and_void_the_password() {
    let (_dir, office) = office();
    let token = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    let mut told = office.people.watch(&token).unwrap();
    office.people.administer(UserAct::Disable { name: "zhang".into() }, 0).await.unwrap();
    told.changed().await.unwrap();
    assert_eq!(*told.borrow(), Standing::Ended(EndedBy::Disabled));
    assert_eq!(office.who(&token), Err(NoEntry::NoSession));
    assert_eq!(office.login("zhang", PASSWORD).await, Err(Denied::Disabled));
    office.people.administer(UserAct::Enable { name: "zhang".into() }, 0).await.unwrap();
    let token = office.login("zhang", PASSWORD).await.unwrap();
    office.people.administer(UserAct::Code { name: "zhang".into() }, 0).await.unwrap();
    assert_eq!(office.who(&token), Err(NoEntry::NoSession));
    assert_eq!(office.login("zhang", PASSWORD).await, Err(Denied::Wrong), "the old password is void");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_screen_keeps_its_holder_and_opens_with_the_password_of_that_person_alone() {
    let (_dir, office) = office();
    let token = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    office.hire("li", "customs", Role::Officer, OTHER).await;
    office.people.lock(&token);
    assert_eq!(office.who(&token), Err(NoEntry::Locked));
    let (person, standing) = office.people.holder(&token).unwrap();
    assert_eq!((&*person.name, standing), ("zhang", Standing::Locked));
    assert_eq!(office.people.unlock(&token, OTHER.into(), DESK).await, Err(Denied::Wrong));
    assert!(
        matches!(office.people.unlock(&token, PASSWORD.into(), DESK).await, Err(Denied::Wait { .. })),
        "guesses count"
    );
    office.people.administer(UserAct::Unlock { name: "zhang".into() }, 0).await.unwrap();
    assert_eq!(office.people.unlock(&token, PASSWORD.into(), DESK).await.map(|person| person.name), Ok("zhang".into()));
    assert_eq!(office.who(&token), Ok("zhang".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_nobody_touches_is_locked_by_itself_and_ends_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let spans = Spans { lock_after: Duration::from_millis(80), session: Duration::from_millis(400) };
    let office = Office::open(dir.path(), spans);
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(office.people.clone().keep_time(stop.clone()));
    let token = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    let mut told = office.people.watch(&token).unwrap();
    assert_eq!(*told.wait_for(|standing| *standing != Standing::Open).await.unwrap(), Standing::Locked);
    let ended = told.wait_for(|standing| matches!(standing, Standing::Ended(_))).await.unwrap();
    assert_eq!(*ended, Standing::Ended(EndedBy::Age));
    drop(ended);
    stop.cancel();
    assert_eq!(office.who(&token), Err(NoEntry::NoSession));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_needs_a_successor_of_the_agency_and_both_names_are_on_record() {
    let (dir, office) = office();
    let zhang = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    office.hire("li", "customs", Role::Supervisor, OTHER).await;
    office.hire("wang", "ciq", Role::Officer, OTHER).await;
    let hand_over = async |to: &str, password: &str| office.people.hand_over(&zhang, to, password.into(), DESK).await;
    assert_eq!(hand_over("wang", OTHER).await.unwrap_err(), Denied::NoSuccessor);
    assert_eq!(hand_over("zhang", PASSWORD).await.unwrap_err(), Denied::SamePerson);
    assert_eq!(hand_over("li", WRONG).await.unwrap_err(), Denied::Wrong);
    assert_eq!(office.who(&zhang), Ok("zhang".into()), "a refused one changes nothing");
    office.people.administer(UserAct::Unlock { name: "li".into() }, 0).await.unwrap();
    let mut told = office.people.watch(&zhang).unwrap();
    let session = hand_over("li", OTHER).await.unwrap();
    told.changed().await.unwrap();
    assert_eq!(*told.borrow(), Standing::Ended(EndedBy::HandOver));
    let li = session.token.expose().to_owned();
    assert_eq!((office.who(&zhang), office.who(&li)), (Err(NoEntry::NoSession), Ok("li".into())));
    assert_eq!(*office.people.watch(&li).unwrap().borrow(), Standing::Open);
    office.close().await;
    let all = records(dir.path());
    let handed = of_kind(&all, "audit.handed_over");
    assert_eq!((&handed[0].data()["officer"], &handed[0].data()["to"]), (&"zhang".into(), &"li".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_guesses_at_once_are_checked_once_and_lock_nobody_else() {
    let (dir, office) = office();
    office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    let guess = |number: usize| {
        let people = office.people.clone();
        tokio::spawn(async move { people.login("zhang", WRONG.into(), &format!("10.0.9.{number}")).await })
    };
    let mut denied = Vec::new();
    for guess in (0..100).map(guess).collect::<Vec<_>>() {
        denied.push(guess.await.unwrap().unwrap_err());
    }
    assert_eq!(denied.iter().filter(|denied| **denied == Denied::Wrong).count(), 1, "{denied:?}");
    assert!(denied.iter().all(|denied| matches!(denied, Denied::Wrong | Denied::Wait { .. })), "{denied:?}");
    // Another account is free meanwhile.
    let li = office.hire("li", "customs", Role::Officer, OTHER).await;
    assert_eq!(office.who(&li), Ok("li".into()));
    office.close().await;
    let all = records(dir.path());
    let refused = of_kind(&all, "audit.login_refused");
    let wrong: Vec<&str> = refused
        .iter()
        .filter(|record| record.data()["reason"] == "wrong")
        .filter_map(|record| record.data()["name"].as_str())
        .collect();
    assert_eq!(wrong, ["zhang"]);
    for secret in [WRONG, PASSWORD, OTHER] {
        assert_eq!(holding(dir.path(), secret), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_before_the_answer_is_no_way_around_the_delay_nor_the_record() {
    let (_dir, office) = office();
    office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    for _ in 0..2 {
        let mut gone = Box::pin(office.people.login("zhang", WRONG.into(), DESK));
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(gone.as_mut().poll(context))).await;
        assert!(polled.is_pending(), "who hangs up has no answer yet");
    }
    let refused = site::until("two records of guesses by somebody who is gone", || {
        let found = office.journal.reader().read_blocking(&Stream::Audit, 1, 1_000, 1 << 20).unwrap();
        let records: Vec<Value> = found.iter().map(|stored| serde_json::from_slice(&stored.bytes).unwrap()).collect();
        let reasons = records.iter().filter_map(|record| record["data"]["reason"].as_str().map(str::to_owned));
        Some(reasons.collect::<std::collections::BTreeSet<_>>()).filter(|reasons| reasons.len() == 2)
    });
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), ["wait", "wrong"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_typed_as_the_name_is_on_record_by_three_letters_and_a_name_cannot_forge_a_line() {
    let (dir, office) = office();
    let hostile = "x\n{\"kind\":\"audit.login\"}\u{1b}[2J\u{202e}";
    for name in [PASSWORD, hostile, &"n".repeat(100_000)] {
        assert_eq!(office.login(name, WRONG).await, Err(Denied::Wrong));
    }
    office.close().await;
    proven(dir.path());
    let all = records(dir.path());
    let names: Vec<&str> =
        of_kind(&all, "audit.login_refused").iter().filter_map(|record| record.data()["name"].as_str()).collect();
    assert_eq!(names, ["sev…+15", "x\u{fffd}{…+26", "nnn…+999"]);
    assert_eq!(holding(dir.path(), PASSWORD), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_password_leaves_the_code_good_and_nothing_is_known_before_the_record_is() {
    let (dir, office) = office();
    let code = office.add("zhang", "customs", Role::Officer).await;
    let first =
        async |password: &str| office.people.first_login("zhang", code.expose().into(), password.into(), DESK).await;
    for (password, weak) in
        [("short", "password_short"), ("zhang zhang", "password_is_name"), ("1234567890", "password_common")]
    {
        assert_eq!(first(password).await.unwrap_err().code(), weak);
    }
    let token = first(PASSWORD).await.unwrap().token;
    assert_eq!(kinds(dir.path()), ["user_added", "password_set", "login"], "on the disk when the answer comes");
    assert_eq!(office.who(token.expose()), Ok("zhang".into()));
    // A journal that takes nothing any more lets nobody in.
    office.journal.clone().close().await;
    assert!(matches!(office.login("zhang", PASSWORD).await, Err(Denied::Unkept(_))));
    assert_eq!(format!("{:?}", Secret::from(PASSWORD)), "Secret(…)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_ends_the_lock_of_an_account_of_the_own_agency_alone() {
    let (dir, office) = office();
    let supervisor = office.hire("li", "customs", Role::Supervisor, OTHER).await;
    let officer = office.hire("zhang", "customs", Role::Officer, PASSWORD).await;
    office.hire("wang", "ciq", Role::Officer, OTHER).await;
    assert_eq!(office.login("zhang", WRONG).await, Err(Denied::Wrong));
    assert_eq!(office.people.lift(&officer, "zhang").await, Err(Denied::NotAllowed));
    assert_eq!(office.people.lift(&supervisor, "wang").await, Err(Denied::NotAllowed));
    assert_eq!(office.people.lift(&supervisor, "zhang").await, Ok(()));
    assert!(office.login("zhang", PASSWORD).await.is_ok(), "at once");
    office.close().await;
    let all = records(dir.path());
    assert_eq!(of_kind(&all, "audit.account_unlocked")[0].data()["by"]["name"], "li");
}

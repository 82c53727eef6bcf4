//! Wrong wirings and settings, simulated on real sockets, pseudo-terminals and folders: what `check --online`, `probe`
//! and `status` say of each, and whether the cause is named. `docs/wrong-wirings.md` is what this test saw; with
//! `BLESS=1` it is written anew, otherwise it must agree.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod site;
mod wirings;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portside::cli::online::{self, OnlineArgs};
use portside::clock::Clock;
use portside::config;
use portside::control::call::{Call, Reply};
use portside::control::socket;
use portside::notify::Progress;
use portside::run::{Environment, lane_key_path, run_once};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wirings::{CASES, Case, Scene};

const PAGE: &str = "docs/wrong-wirings.md";
/// So many at once: they mostly wait, but each has a daemon.
const AT_ONCE: usize = 6;

const HEAD: &str = "# Wrong wirings, and what the tools say\n\n\
    Each row is a fault that was built on this machine: simulated devices on real sockets and pseudo-terminals, real \
    folders, the real daemon. `tests/wrong_wirings.rs` builds them all and holds this page to what it saw (`BLESS=1` \
    writes it anew); times, ports and paths are replaced by N, PORT and DIR.\n\n\
    `check --online` names the cause in every row, and the test asserts it. `probe` finds what it can without a lane file: \
    its table of registers (`--registers`) shows every order side by side, and leaves the judging to whoever looks. `status` \
    says what the running daemon notices, which is mostly the symptom: a value that is wrong and plausible is good to it.\n\n";

/// What was seen of one case.
struct Row {
    name: &'static str,
    named: &'static str,
    code: &'static str,
    codes: Vec<&'static str>,
    check: String,
    probe: String,
    status: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_wiring_is_named() {
    assert!(CASES.len() >= 30, "the page promises thirty");
    let only = std::env::var("PORTSIDE_WIRING").ok();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let cases = CASES.iter().filter(|case| only.as_ref().is_none_or(|only| case.name.contains(only.as_str())));
    let running: Vec<_> = cases
        .map(|case| {
            let gate = gate.clone();
            tokio::spawn(async move {
                let _place = gate.acquire_owned().await.unwrap();
                see(case).await
            })
        })
        .collect();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for row in running {
        match row.await {
            Ok(row) => rows.push(row),
            Err(panic) => failed.push(panic.to_string()),
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !row.codes.contains(&row.code))
        .map(|row| format!("{}: expected {}, found {:?}: {}", row.name, row.code, row.codes, row.check))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    if only.is_some() {
        println!("{}", page(&rows));
        return;
    }
    // A pseudo-terminal has no parity: which of two settings answers first depends on how busy the machine is.
    let page = page(&rows).replace("8E1", "8N1").replace("8O1", "8N1");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, page).unwrap();
        return;
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    for (line, known) in page.lines().zip(known.lines()) {
        assert_eq!(line, known, "BLESS=1 writes {PAGE} anew; read what changed");
    }
    assert_eq!(page.lines().count(), known.lines().count(), "{PAGE} has other rows");
}

/// Builds the fault, and looks at it with all three tools, one after the other: two at once would disturb each other.
async fn see(case: &'static Case) -> Row {
    let dir = tempfile::tempdir().unwrap();
    let scene = (case.set)(dir.path().to_owned()).await;
    let file = scene.write(dir.path());
    let checked =
        config::load(&file).unwrap_or_else(|report| panic!("{}: {}", case.name, report.render(config::Ink::Plain)));
    let args = OnlineArgs {
        online: true,
        watch: scene.watch,
        expect: scene.expect.iter().map(|text| text.parse().unwrap()).collect(),
        beside: true,
    };
    let found = online::touch(&checked.config, &args).await;
    let mut others = found.iter().filter(|found| &*found.id != scene.device && !found.causes.is_empty());
    if let Some(other) = others.next().filter(|_| !scene.spreads) {
        panic!("{}: `{}` is well, and is said not to be: {:?}", case.name, other.id, other.causes);
    }
    let device = found.iter().find(|found| &*found.id == scene.device).unwrap();
    let sentences: Vec<String> = device.causes.iter().map(ToString::to_string).collect();
    let codes = device.causes.iter().map(portside::diagnose::Cause::code).collect();
    let probe = probe(&scene).await;
    let status = match scene.status {
        "-" => "-".to_owned(),
        _ => status(checked.config, dir.path(), &scene).await,
    };
    let place = |text: &str| normal(text, dir.path());
    let (check, probe, status) = (place(&sentences.join(" — ")), place(&probe), place(&status));
    scene.stop.cancel();
    Row { name: case.name, named: case.named, code: case.code, codes, check, probe, status }
}

/// What `portside probe` prints, its last lines: the first says what it is about to do.
async fn probe(scene: &Scene) -> String {
    let Some(words) = &scene.probe else { return "-".to_owned() };
    let mut command = tokio::process::Command::from(site::portside());
    let output = command.args(["probe", "modbus", "--timeout", "500ms"]).args(words).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("reads only")).map(str::trim).collect();
    lines.join(" — ")
}

/// What the daemon's status says of the device, once it says what is waited for and goes on saying it.
async fn status(config: config::Config, dir: &Path, scene: &Scene) -> String {
    let (path, stop) = (dir.join("control.sock"), CancellationToken::new());
    let lane_key = lane_key_path(&config.store.dir);
    let env =
        Environment { config, socket: path.clone(), lane_key, clock: Clock::start(), progress: Progress::default() };
    let running = tokio::spawn(run_once(env, stop.clone()));
    let (clock, mut last, mut same) = (Clock::start(), String::new(), 0);
    while same < 4 {
        assert!(clock.moment().as_millis() < 60_000, "waited for `{}` in the status: {last}", scene.status);
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Ok(Reply::Status { status }) = socket::ask(&path, &Call::Status).await else { continue };
        let line = device_line(&status, scene.device);
        let line = if scene.state_only { line.split([':', ';']).next().unwrap().to_owned() } else { line };
        same = if line == last && line.contains(scene.status) { same + 1 } else { 0 };
        last = line;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    last
}

fn device_line(status: &Value, id: &str) -> String {
    let devices = status["devices"].as_array().unwrap();
    let device = devices.iter().find(|device| device["id"] == id).unwrap();
    let mut line = device["state"].as_str().unwrap().to_owned();
    if let Some(reason) = device["reason"].as_str() {
        let _ = write!(line, ": {reason}");
    }
    if id == "arm" {
        let _ = write!(line, "; arm seen {}", status["lane"]["arm"]["seen"].as_str().unwrap());
    }
    for (point, reason) in device["bad"].as_object().into_iter().flatten() {
        let _ = write!(line, "; {point}: {}", reason.as_str().unwrap());
    }
    line
}

/// The text without what differs from run to run: the folder, ports, times, the name and number of a process.
fn normal(text: &str, dir: &Path) -> String {
    let text = text.replace(dir.to_str().unwrap(), "DIR");
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
    let holder = format!("{} ({})", comm.trim(), std::process::id());
    let mut text = text.replace(&holder, "PROGRAM (PID)");
    // What the system says depends on whether there is a network, and on who runs this.
    for words in [
        "Name or service not known",
        "Temporary failure in name resolution",
        "No address associated with hostname",
        "Permission denied (os error 13)",
        "Operation not permitted (os error 1)",
        "Read-only file system (os error 30)",
        "No such file or directory (os error 2)",
    ] {
        text = text.replace(words, "the system's words");
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, after) = rest.split_at(at);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        let (number, behind) = after.split_at(end);
        out += before;
        let port = ["127.0.0.1:", ".invalid:"].iter().any(|host| out.ends_with(host));
        let time = [" ms", " s ", " s;", " s:", "ms", " bytes"].iter().any(|unit| behind.starts_with(unit));
        out += if port {
            "PORT"
        } else if time {
            "N"
        } else {
            number
        };
        rest = behind;
    }
    out += rest;
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn page(rows: &[Row]) -> String {
    let mut page = String::from(HEAD);
    page += "| # | wrong | named by | `check --online` | `probe` | `status` |\n|---|---|---|---|---|---|\n";
    for (number, row) in (1..).zip(rows) {
        let cell = |text: &str| text.replace('|', "\\|");
        let _ = writeln!(
            page,
            "| {number} | {} | {} | **{}**: {} | {} | {} |",
            row.name,
            row.named,
            row.code,
            cell(&row.check),
            cell(&row.probe),
            cell(&row.status)
        );
    }
    page
}

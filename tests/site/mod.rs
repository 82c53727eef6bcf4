//! What the tests of the real binary are made of: a daemon of one's own, its journal, and the programs around it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)] // each test program uses a part

pub mod daemon;
pub mod journal;
pub mod lane;
#[path = "../uplink_site/mosquitto.rs"]
pub mod mosquitto;
pub mod peer;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use portside::clock::Clock;
use portside_devices::moment::Moment;

/// Only so that what never comes fails the test instead of stopping it.
pub const HANG: Duration = Duration::from_secs(120);
/// Topic root of every lane in these tests.
pub const ROOT: &str = "eport/v1/CNTYN/G03";

/// The program as it is shipped.
pub fn portside() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portside"));
    command.env_remove("PORTSIDE_SOCKET").env_remove("CREDENTIALS_DIRECTORY").env_remove("NOTIFY_SOCKET");
    command
}

/// A port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .map(|addr| addr.port())
        .expect("a free port")
}

/// Looks until there is something to see; `None` when it never comes.
pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let clock = Clock::start();
    while clock.moment().since(Moment::START) < HANG {
        if let Some(seen) = look() {
            return Some(seen);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The same for what must come.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait(look).unwrap_or_else(|| panic!("waited {} s for {what}", HANG.as_secs()))
}

/// The interpreter of the tests' virtual environment; `None`, with a line that says so, where there is none.
pub fn python() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| checkout.join(".venv"), PathBuf::from);
    let python = venv.join("bin/python");
    if python.exists() {
        return Some(python);
    }
    absent("there is no Python with the test peers here (make setup, or set PORTSIDE_VENV)")
}

/// What a test without its peer comes to: a line that says so, and a failure where every peer must be there (`.ci/run`).
pub fn absent<T>(why: &str) -> Option<T> {
    assert!(std::env::var_os("PORTSIDE_PEERS").is_none(), "{why}");
    println!("skipped: {why}");
    None
}

/// A number from the environment, else `default`.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

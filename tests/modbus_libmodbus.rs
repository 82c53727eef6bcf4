//! The link against the Modbus library that most C programs use, libmodbus: on TCP, and on a serial bus.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;
mod rtu_bus;
mod rtu_peer;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use modbus_peer::{HANG, Rig, device};
use portside::field::medium::Medium;
use portside::field::{Outcome, Urgency, WriteRequest};
use portside_devices::barrier::{BarrierCommand, writes};
use portside_devices::library::Library;
use portside_devices::reading::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

struct Server {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

/// Compiles the server and starts it; `None`, with a line that says so, where the library is not installed.
async fn start(dir: &Path, words: &[&OsStr]) -> Option<Server> {
    let (source, server) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/libmodbus_server.c"), dir.join("server"));
    let compile = Command::new("cc")
        .args(["-I/usr/include/modbus", "-o"])
        .arg(&server)
        .args([source, "-lmodbus"])
        .stderr(Stdio::null())
        .status();
    if !compile.await.is_ok_and(|status| status.success()) {
        println!("SKIPPED: no C compiler, or no libmodbus-dev");
        return None;
    }
    let mut child = Command::new(server).args(words).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(HANG, lines.next_line()).await.unwrap().unwrap().expect("the server has started");
    Some(Server { _child: child, lines, port: line.parse().unwrap() })
}

/// Polls inputs and opens: the relay is pulsed once, after every output was brought to rest.
async fn drives(server: &mut Server, medium: Medium, unit: u8) {
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let devices = vec![device(0, unit, &profile, &["opened", "closed"], Duration::from_millis(20))];
    let mut rig = Rig::on(medium, devices, Duration::from_millis(500));
    assert_eq!(rig.good("closed").await, Value::Bool(false));
    let open = writes(&profile, BarrierCommand::Open).unwrap();
    let outcome = rig.handle.write(WriteRequest { device: 0, writes: open, urgency: Urgency::Command }).await.unwrap();
    assert_eq!(outcome, Outcome::Written);
    let mut written = Vec::new();
    while written.len() < 6 {
        let line = tokio::time::timeout(HANG, server.lines.next_line()).await.expect("the pulse ends");
        written.push(line.unwrap().expect("the server lives"));
    }
    assert_eq!(written, ["WRITE 0 0", "WRITE 1 0", "WRITE 2 0", "WRITE 2 0", "WRITE 0 1", "WRITE 0 0"]);
}

#[tokio::test]
async fn a_barrier_on_libmodbus_is_polled_and_opened_by_one_pulse() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut server) = start(dir.path(), &["tcp".as_ref()]).await else { return };
    let medium = Medium::tcp("127.0.0.1", server.port);
    drives(&mut server, medium, 1).await;
}

#[tokio::test]
async fn a_barrier_on_a_bus_of_libmodbus_is_polled_and_opened_by_one_pulse() {
    if !rtu_bus::has_socat() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let _socat = rtu_bus::join(dir.path());
    let far = dir.path().join("far");
    let Some(mut server) = start(dir.path(), &["rtu".as_ref(), far.as_ref(), "17".as_ref()]).await else { return };
    let medium = rtu_peer::port(&dir.path().join("near"), Duration::from_millis(2), Duration::from_millis(200));
    drives(&mut server, medium, 17).await;
}

//! The link against a Modbus server that shares no code with it: pymodbus.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use modbus_peer::{HANG, Rig, device, profile};
use portside::field::{FieldEvent, Outcome, Urgency, WriteRequest};
use portside_devices::barrier::{BarrierCommand, writes};
use portside_devices::library::Library;
use portside_devices::reading::{Quality, Value};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The interpreter of the tests' virtual environment.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    Some(venv.join("bin/python")).filter(|python| python.exists())
}

async fn has_pymodbus(python: &Path) -> bool {
    let probe = Command::new(python).args(["-c", "import pymodbus"]).stderr(Stdio::null()).status().await;
    probe.is_ok_and(|status| status.success())
}

/// Starts the peer; `None`, with a line that says so, where it is not installed.
async fn start() -> Option<(Child, Lines<BufReader<ChildStdout>>, std::net::SocketAddr)> {
    let python = match python() {
        Some(python) if has_pymodbus(&python).await => python,
        Some(_) | None => {
            println!("SKIPPED: pymodbus is not installed in $PORTSIDE_VENV or .venv (tests/peers/requirements.txt)");
            return None;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pymodbus_server.py");
    let mut child = Command::new(python).arg(script).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(HANG, lines.next_line()).await.unwrap().unwrap().expect("the peer has started");
    let port: u16 = line.strip_prefix("PORT ").unwrap().parse().unwrap();
    Some((child, lines, ([127, 0, 0, 1], port).into()))
}

#[tokio::test]
async fn a_barrier_on_pymodbus_is_polled_and_opened_by_one_pulse() {
    let Some((_child, mut lines, address)) = start().await else { return };
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let watched = ["opened", "closed"];
    let devices = vec![device(0, 1, &profile, &watched, Duration::from_millis(20))];
    let mut rig = Rig::start(address, devices, Duration::from_millis(500));
    assert_eq!(rig.good("closed").await, Value::Bool(true));
    let open = writes(&profile, BarrierCommand::Open).unwrap();
    let outcome = rig.handle.write(WriteRequest { device: 0, writes: open, urgency: Urgency::Command }).await.unwrap();
    assert_eq!(outcome, Outcome::Written);
    rig.becomes("opened", Value::Bool(true)).await;
    let mut written = Vec::new();
    while written.last().map(String::as_str) != Some("WRITE 0 0") || written.len() < 6 {
        let line = tokio::time::timeout(HANG, lines.next_line()).await.expect("the pulse ends").unwrap().unwrap();
        written.push(line);
    }
    // At rest first, then close off, open on, and the end of the pulse.
    assert_eq!(written, ["WRITE 0 0", "WRITE 1 0", "WRITE 2 0", "WRITE 2 0", "WRITE 0 1", "WRITE 0 0"]);
}

#[tokio::test]
async fn numbers_that_python_packed_come_out_as_they_were() {
    let Some((_child, _lines, address)) = start().await else { return };
    let point = |name: &str, address: u16, data: &str, more: &str| {
        format!(
            "[[point]]\nname = \"{name}\"\ntable = \"input\"\naddress = {address}\ntype = \"{data}\"\npoll = \"fast\"\n{more}\n"
        )
    };
    let body = [
        point("warm", 0, "f32", "unit = \"°C\""),
        point("weight", 2, "i32", ""),
        point("tilt", 4, "i16", "scale = 0.1"),
        point("broken", 5, "f32", ""),
        point("level", 7, "f64", ""),
        point("count", 11, "u32", "word_order = \"low-first\""),
    ]
    .concat();
    let profile = profile("io/peer", &body);
    let names = ["warm", "weight", "tilt", "broken", "level", "count"];
    let mut rig = Rig::start(
        address,
        vec![device(0, 1, &profile, &names, Duration::from_millis(20))],
        Duration::from_millis(500),
    );
    let readings = rig
        .until(|event| match event {
            FieldEvent::Batch { readings, .. } => Some(readings.clone()),
            FieldEvent::Link { .. } | FieldEvent::Unconfirmed { .. } => None,
        })
        .await;
    let values: Vec<_> = readings.iter().map(|reading| reading.value.clone()).collect();
    assert_eq!(
        values,
        [
            Some(Value::Float(21.5)),
            Some(Value::Int(-70_000)),
            Some(Value::Float(-30.0)),
            None,
            Some(Value::Float(1234.5)),
            Some(Value::Int(3_000_000_000))
        ]
    );
    assert!(matches!(&readings[3].quality, Quality::Bad(reason) if reason.contains("NaN")));
}

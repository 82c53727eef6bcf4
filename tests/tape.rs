//! A link recorded by `portside record` and played by `portside simulate replay`: the same questions get the same
//! answers, from the shipped program.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod site;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use portside::clock::Clock;
use portside::field::medium::Medium;
use portside::field::touch::Touch;
use portside::simulate::bench::Bench;
use portside::simulate::tape;
use portside_devices::library::Library;
use portside_devices::modbus::Framing;
use portside_devices::profile::Table;
use portside_devices::reading::Value;
use portside_devices::simulate::Model;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(20);

/// A verb as a child that is killed with the test, and the address that its first line ends with.
struct Running {
    child: Child,
    medium: Medium,
}

impl Running {
    fn start(words: &[&str]) -> Self {
        let mut child = site::portside().args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, port) = line.trim().rsplit_once(':').unwrap_or_else(|| panic!("{line}"));
        Self { child, medium: Medium::tcp("127.0.0.1", port.parse().unwrap()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set(bench: &Bench, on: bool) {
    bench.with(1, |model| model.set(model.profile().point_index("di3").unwrap(), &Value::Bool(on))).unwrap().unwrap();
}

async fn asked(medium: &Medium, turns: usize, mut between: impl FnMut(usize)) -> Vec<Vec<u8>> {
    let mut touch = Touch::open(medium, LIMIT).await.unwrap();
    let mut heard = Vec::new();
    for turn in 0..turns {
        between(turn);
        let answer = touch.read(1, Table::Discrete, 0, 8, LIMIT).await;
        assert!(answer.is_data(), "{answer:?}");
        heard.push(answer.bytes);
    }
    heard
}

#[tokio::test]
async fn what_was_recorded_is_played_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("io.tape");
    let bench = Bench::new(vec![Model::new(shipped(), 1)], Clock::start());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let device = listener.local_addr().unwrap().to_string();
    tokio::spawn(bench.clone().serve_tcp(listener, Framing::Tcp, CancellationToken::new()));

    let recorder = Running::start(&["record", &device, "--listen", "127.0.0.1:0", "-o", path(&file)]);
    let heard = asked(&recorder.medium, 3, |turn| set(&bench, turn == 1)).await;
    assert_ne!(heard[0][9..], heard[1][9..], "the input was switched on in between");
    drop(recorder);

    let text = std::fs::read_to_string(&file).unwrap();
    let entries = tape::parse(&text).unwrap();
    assert!(entries.len() >= 7, "opened, and three questions with their answers: {text}");

    let player = Running::start(&["simulate", "replay", path(&file), "--listen", "127.0.0.1:0"]);
    assert_eq!(asked(&player.medium, 3, |_| {}).await, heard);
    drop(player);

    let again = site::portside().args(["record", &device, "--listen", "127.0.0.1:0", "-o", path(&file)]).output();
    assert_eq!(again.unwrap().status.code(), Some(2), "a tape is never written over");
}

fn shipped() -> Arc<portside_devices::profile::Profile> {
    Library::shipped().get("io/waveshare-8ch").unwrap().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

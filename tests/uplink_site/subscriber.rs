//! `tests/peers/subscriber.py` as a child.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::ROOT;

pub struct Subscriber {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn python() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| checkout.join(".venv"), PathBuf::from);
    let python = venv.join("bin/python");
    if python.exists() {
        return Some(python);
    }
    println!("skipped: there is no Python with the test peers here (make setup, or set PORTSIDE_VENV)");
    None
}

impl Subscriber {
    /// Starts one and waits until it is subscribed. `None` when Python is absent.
    pub async fn start(port: u16, count: u64, more: &[&str]) -> Option<Self> {
        let mut child = Command::new(python()?)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/subscriber.py"))
            .args(["--port", &port.to_string(), "--root", ROOT, "--count", &count.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Python starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next_line().await.expect("it can be read");
        assert_eq!(first.as_deref(), Some("ready"));
        Some(Self { child, lines })
    }

    /// Waits for its end: what it saw, and whether it proved everything.
    pub async fn end(mut self) -> (Value, bool) {
        let report = self.lines.next_line().await.expect("it can be read").expect("it reports");
        let proved = self.child.wait().await.expect("it ends").success();
        (serde_json::from_str(&report).expect("JSON"), proved)
    }
}

//! `portside run` as a child, with a folder of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{HANG, portside, until, wait};

/// A running daemon. Whatever a test leaves running is killed.
pub struct Daemon {
    child: Child,
    dir: PathBuf,
    manager: UnixDatagram,
}

/// The lane file of the daemon in `dir`.
pub fn lane_file(dir: &Path) -> PathBuf {
    dir.join("lane.toml")
}

/// The control socket of the daemon in `dir`.
pub fn socket(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

/// The journal of the daemon in `dir`.
pub fn store(dir: &Path) -> PathBuf {
    dir.join("store")
}

impl Daemon {
    /// Starts a daemon on the lane file in `dir`, and waits until it says that it is ready.
    pub fn start(dir: &Path) -> Self {
        let daemon = Self::spawn(dir);
        daemon.hears("READY=1");
        daemon
    }

    /// The same with `PORTSIDE_VISION` set.
    pub fn start_with_vision(dir: &Path, vision: &Path) -> Self {
        let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let daemon = Self::launch(dir, log, &[("PORTSIDE_VISION", vision)]);
        daemon.hears("READY=1");
        daemon
    }

    /// The same without waiting.
    pub fn spawn(dir: &Path) -> Self {
        let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
        Self::spawn_logging_to(dir, log)
    }

    /// The same with a log elsewhere.
    pub fn spawn_logging_to(dir: &Path, log: impl Into<Stdio>) -> Self {
        Self::launch(dir, log, &[])
    }

    fn launch(dir: &Path, log: impl Into<Stdio>, more: &[(&str, &Path)]) -> Self {
        let notify = dir.join("notify");
        let _ = fs::remove_file(&notify);
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_read_timeout(Some(HANG)).unwrap();
        let child = portside()
            .args(["run", "-c"])
            .arg(lane_file(dir))
            .arg("--socket")
            .arg(socket(dir))
            .env("NOTIFY_SOCKET", &notify)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, dir: dir.to_owned(), manager }
    }

    /// Waits until the daemon tells the service manager `word`; answers with everything that it told until then.
    pub fn hears(&self, word: &str) -> String {
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while !heard.lines().any(|line| line == word) {
            let length = self
                .manager
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("waited for {word}: {error}; heard {heard}\n{}", self.log()));
            heard += &String::from_utf8_lossy(&buffer[..length]);
            heard.push('\n');
        }
        heard
    }

    /// What `portside status --json` would print; `None` while nobody answers.
    pub fn status(&self) -> Option<Value> {
        status(&socket(&self.dir))
    }

    /// Waits for a status.
    pub fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let mut last = None;
        let seen = wait(|| {
            last = self.status();
            last.clone().filter(&good)
        });
        let words = || format!("no {what}; the last status: {last:?}; the daemon's last words:\n{}", self.log());
        seen.unwrap_or_else(|| panic!("{}", words()))
    }

    /// Waits until the lane has come to `step`.
    pub fn step(&self, step: &str) -> Value {
        self.until(&format!("step {step}"), |status| status["lane"]["step"] == step)
    }

    /// A verb of the shell, to this daemon.
    pub fn call(&self, words: &[&str]) -> Output {
        portside().args(words).env("PORTSIDE_SOCKET", socket(&self.dir)).output().unwrap()
    }

    /// The same, which must be done.
    pub fn done(&self, words: &[&str]) -> String {
        let output = self.call(words);
        assert!(output.status.success(), "{words:?}: {output:?}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let what = format!("the end of the daemon; its last words:\n{}", self.log());
        let child = &mut self.child;
        until(&what, || child.try_wait().unwrap())
    }

    /// Ends it in order.
    pub fn end(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the status over the socket, as any program may.
pub fn status(socket: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(b"{\"call\":\"status\"}\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    let reply: Value = serde_json::from_str(&line).ok()?;
    Some(reply["status"].clone()).filter(|status| !status.is_null())
}

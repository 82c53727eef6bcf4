//! A Mosquitto of one's own on a free port, with a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::free_port;

pub struct Mosquitto {
    child: Option<Child>,
    pub port: u16,
    pub dir: TempDir,
}

/// The program, or `None` with a line about it.
fn program() -> Option<PathBuf> {
    let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    let found = places.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
    if found.is_none() {
        println!("skipped: there is no mosquitto here (apt-get install mosquitto)");
    }
    found
}

impl Mosquitto {
    /// Starts one with `extra` lines of configuration; in them `DIR` stands for its directory. `None` when absent.
    pub async fn start(extra: &str) -> Option<Self> {
        program()?;
        let dir = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 100\n{}\n",
            extra.replace("DIR", dir.path().to_str().expect("a plain path"))
        );
        // Mosquitto started by root drops to its own user, who must be able to write here.
        let text = format!("user root\n{text}");
        std::fs::write(dir.path().join("mosquitto.conf"), text).expect("the configuration is written");
        let mut mosquitto = Self { child: None, port, dir };
        mosquitto.run().await;
        Some(mosquitto)
    }

    /// Runs it (again) and waits until it listens.
    pub async fn run(&mut self) {
        let program = program().expect("it was there before");
        let log = std::fs::File::options().create(true).append(true).open(self.dir.path().join("log")).expect("a log");
        let child = Command::new(program)
            .arg("-c")
            .arg(self.dir.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto starts");
        self.child = Some(child);
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "mosquitto does not listen: {}",
            std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
        );
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Asks it to end, as a system does; it writes its state to disk.
    pub fn terminate(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("the signal is sent");
        child.wait().expect("it ends");
    }

    /// Kills it as it stands.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }

    /// Stops it without ending it: it is there and answers nothing.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(self.child.as_ref().expect("it runs"));
        rustix::process::kill_process(id, signal).expect("the signal is sent");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

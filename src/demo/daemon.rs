//! The daemon of the demo: the same binary with `run`, as a process of its own, started again when it dies, as systemd
//! would do.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// systemd's unit waits a second; a demo has less patience.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// An orderly end takes less; whoever takes longer is killed.
const END_WITHIN: Duration = Duration::from_secs(10);

/// How the daemon fared when it was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// In order.
    InOrder,
    /// By itself with an error, or it had to be killed.
    Badly,
}

/// Where the daemon of a demo finds and leaves things.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// The demo's folder.
    pub(super) dir: PathBuf,
}

impl Paths {
    /// The lane file.
    pub(super) fn lane_file(&self) -> PathBuf {
        self.dir.join("lane.toml")
    }

    /// The control socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("control.sock")
    }

    /// The journal.
    pub(super) fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// The folder that the X-ray machine writes into.
    pub(super) fn pictures(&self) -> PathBuf {
        self.dir.join("pictures")
    }

    /// Profiles of the demo's own.
    pub(super) fn profiles(&self) -> PathBuf {
        self.dir.join("profiles")
    }

    /// The recording that the camera plays.
    pub(super) fn clip(&self) -> PathBuf {
        self.dir.join("camera.mp4")
    }

    /// What the daemon logged.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("portside.log")
    }
}

/// Keeps the daemon running until `stop`, then ends it in order.
pub(super) async fn supervise(program: PathBuf, paths: Paths, stop: CancellationToken) -> Ended {
    loop {
        let mut child = match start(&program, &paths) {
            Ok(child) => child,
            Err(error) => {
                eprintln!("demo: {} cannot be started: {error}", program.display());
                return Ended::Badly;
            }
        };
        // Waiting for a child closes its standard input, unless somebody else holds it.
        let lifeline = child.stdin.take();
        let died = tokio::select! {
            status = child.wait() => status,
            () = stop.cancelled() => {
                drop(lifeline);
                return end(child).await;
            }
        };
        let words = died.map_or_else(|error| error.to_string(), |status| status.to_string());
        if died_of_its_configuration(&words) {
            eprintln!("demo: the daemon refuses its lane file; see {}", paths.log().display());
            return Ended::Badly;
        }
        println!("demo: the daemon ended ({words}); starting it again");
        tokio::time::sleep(RESTART_AFTER).await;
    }
}

fn died_of_its_configuration(words: &str) -> bool {
    words == "exit status: 2"
}

fn start(program: &Path, paths: &Paths) -> std::io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(paths.log())?;
    Command::new(program)
        .args(["run", "--end-with-stdin", "-c"])
        .arg(paths.lane_file())
        .arg("--socket")
        .arg(paths.socket())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
}

/// Its standard input is closed, which tells the daemon that its parent is done with it.
async fn end(mut child: Child) -> Ended {
    match tokio::time::timeout(END_WITHIN, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ended::InOrder,
        Ok(_) => Ended::Badly,
        Err(_) => {
            let _ = child.kill().await;
            Ended::Badly
        }
    }
}

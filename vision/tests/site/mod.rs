//! What the tests of the executable are made of: a watching process whose messages are read as the daemon reads them,
//! and an RTSP camera of GStreamer's.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)] // each test program uses a part

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use portside_devices::camera::{Message, Parsed, Said, parse};
use portside_vision::clock::since_boot;

/// Only so that what never comes fails the test instead of stopping it.
pub const HANG: Duration = Duration::from_secs(120);

/// The clip that is shipped.
pub fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clips/parking-car.mp4")
}

/// `portside-vision watch`, and what it says.
pub struct Watching {
    pub child: Child,
    messages: Receiver<(Duration, Message)>,
    errors: Option<std::thread::JoinHandle<String>>,
}

impl Watching {
    pub fn start(source: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_portside-vision"))
            .args(["watch", source])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, messages) = channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let (mut held, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
            while let Ok(count @ 1..) = out.read(&mut chunk) {
                held.extend_from_slice(&chunk[..count]);
                while let Parsed::Message(message, taken) = parse(&held).expect("a message of ours") {
                    held.drain(..taken);
                    if tell.send((since_boot(), message)).is_err() {
                        return;
                    }
                }
            }
        });
        let mut err = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        Self { child, messages, errors: Some(errors) }
    }

    /// The next message, and when it came.
    pub fn next(&self) -> (Duration, Message) {
        self.messages.recv_timeout(HANG).expect("the process says something")
    }

    /// The first message that is `wanted`; messages before it are forgotten.
    pub fn until(&self, what: &str, wanted: impl Fn(&Message) -> bool) -> (Duration, Message) {
        let begun = since_boot();
        while since_boot().saturating_sub(begun) < HANG {
            let (at, message) = self.next();
            if wanted(&message) {
                return (at, message);
            }
        }
        panic!("waited for {what}")
    }

    pub fn frame(&self) -> (Duration, Message) {
        self.until("a frame", is_frame)
    }

    pub fn lost(&self) -> (Duration, String) {
        let (at, message) = self.until("the loss", |message| matches!(message.said, Said::Lost { .. }));
        let Said::Lost { reason } = message.said else { unreachable!() };
        (at, reason)
    }

    /// Waits for its end; answers with what it said on standard error, too.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.errors.take().unwrap().join().unwrap())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn is_frame(message: &Message) -> bool {
    matches!(message.said, Said::Frame { .. })
}

/// A camera of GStreamer's own RTSP server that plays the shipped clip.
pub struct Camera {
    pub child: Child,
    orders: ChildStdin,
    pub port: String,
}

impl Camera {
    /// Starts a camera at `port`, "0" for any; `None`, with a line that says so, where GStreamer is absent.
    pub fn start(port: &str, login: Option<&str>) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/rtsp_camera.py");
        // Debian's GObject bindings belong to Debian's own interpreter.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(clip())
            .arg(port)
            .args(login)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            let _ = child.wait();
            println!("skipped: there is no GStreamer RTSP server for Python here; `make setup-vision` installs it");
            return None;
        }
        Some(Self { orders: child.stdin.take()?, child, port: line.trim().to_owned() })
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/ch1", self.port)
    }

    /// `play`, `freeze` or `stall`.
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the camera listens");
    }

    pub fn kill(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.port.clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

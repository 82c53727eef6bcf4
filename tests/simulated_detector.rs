//! A detector of lines on a technician's bench: `portside simulate` with a profile of one, listened to over its socket.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod site;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use portside_devices::library::Library;
use portside_devices::lines::{Detector, Frame, FrameKind, Splitter};

const PROFILE: &str = "xray/generic-baggage-lines";

/// Killed with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the detector says, frame by frame.
struct Heard {
    stream: TcpStream,
    splitter: Splitter,
    detector: Detector,
    frames: Vec<Frame>,
}

impl Heard {
    /// Reads until a frame is what `wanted` says, and gives everything from the beginning until it.
    fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> &[Frame] {
        let mut buffer = vec![0; 1 << 16];
        loop {
            if let Some(at) = self.frames.iter().position(&wanted) {
                return &self.frames[..=at];
            }
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the detector hung up after {} lines", self.frames.len());
            let Self { splitter, detector, frames, .. } = self;
            splitter.push(detector, &buffer[..count], |frame| frames.push(frame));
        }
    }
}

#[test]
fn a_technician_puts_a_bag_under_a_detector_and_loses_lines_of_it() {
    let mut child = site::portside()
        .args(["simulate", PROFILE, "--listen", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut typing, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut running = Running(child);
    let said: Vec<String> = BufReader::new(said).lines().take(3).map(Result::unwrap).collect();
    assert_eq!(said[2], format!("detector = \"{PROFILE}\""));
    let address = said[1].strip_prefix("lines = \"tcp://").unwrap().trim_end_matches('"');

    let detector = Library::shipped().get(PROFILE).unwrap().unwrap().detector.clone().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(site::HANG)).unwrap();
    let mut heard = Heard { stream, splitter: Splitter::default(), detector, frames: Vec::new() };
    let first = heard.until(|frame| frame.kind == FrameKind::Data);
    let of = |kind| first.iter().filter(|frame| frame.kind == kind).count();
    assert!(of(FrameKind::Dark) >= 64 && of(FrameKind::White) >= 64, "it is calibrated when somebody connects");
    let white = first.iter().rfind(|frame| frame.kind == FrameKind::White).unwrap().samples.clone();

    typing.write_all(b"dance\nbag 7 firearm\n").unwrap();
    // Steel lets little of the beam through; which of the elements are dead is the detector's own affair.
    let dark = |frame: &Frame| {
        let behind = frame.samples.iter().zip(&white).filter(|(sample, air)| **air > 20_000 && **sample < *air / 10);
        frame.kind == FrameKind::Data && behind.count() > 20
    };
    heard.until(dark);
    heard.frames.clear();
    typing.write_all(b"lose 12\n").unwrap();
    let gap = |frames: &[Frame]| frames.windows(2).any(|pair| pair[1].counter.wrapping_sub(pair[0].counter) == 13);
    let mut lines = 0;
    while !gap(&heard.frames) {
        let last = heard.frames.last().map(|frame| frame.counter);
        heard.until(|frame| Some(frame.counter) > last);
        lines += 1;
        assert!(lines < 5_000, "no line was lost");
    }
    drop(typing);
    assert!(running.0.wait().unwrap().success(), "it ends with its standard input");
}

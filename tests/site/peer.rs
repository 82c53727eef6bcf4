//! Programs in Python that share no line with the lane.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::journal::Record;
use super::{HANG, ROOT, absent, python};

/// DCMTK's reader of DICOM files; `None`, with a line that says so, where it is absent.
pub fn dcmdump() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join("dcmdump")).find(|program| program.is_file());
    found.or_else(|| absent("there is no dcmdump here (apt-get install dcmtk)"))
}

/// A script of `tests/peers/` as a child that is talked to in lines.
pub struct Peer {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
}

impl Peer {
    /// Starts a script; `None`, with a line that says so, where Python is absent.
    pub fn start(script: &str, args: &[&str]) -> Option<Self> {
        let mut child = Command::new(python()?)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let (out, lines) = channel();
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in from.lines().map_while(Result::ok) {
                if out.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self { orders: child.stdin.take().expect("a pipe"), child, lines })
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(HANG).expect("the peer says something")
    }

    /// Lines that are there already.
    pub fn printed(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Says a line to it.
    pub fn say(&mut self, line: &str) {
        writeln!(self.orders, "{line}").expect("the peer listens");
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the signal is sent");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `subscriber.py` with a session that the broker keeps, until it is told to end.
pub struct Centre {
    peer: Peer,
    out: PathBuf,
}

/// What a centre received.
pub struct Received {
    /// Its report, as `subscriber.py` prints it.
    pub report: Value,
    /// Each record once, exact bytes, in the order in which they came.
    pub records: Vec<Vec<u8>>,
}

impl Centre {
    /// Subscribes at the broker on `port`; it writes what it receives into `dir`.
    pub fn start(port: u16, dir: &Path) -> Option<Self> {
        let out = dir.join("received.jsonl");
        let port = port.to_string();
        let args = ["--port", &port, "--root", ROOT, "--persistent", "--timeout", "3600", "--out"];
        let peer = Peer::start("subscriber.py", &[&args[..], &[out.to_str().unwrap()]].concat())?;
        assert_eq!(peer.line(), "ready");
        Some(Self { peer, out })
    }

    /// Different records so far.
    pub fn count(&self) -> usize {
        self.peer.signal(Signal::USR1);
        self.peer.line().parse().expect("a number")
    }

    /// Ends it and reads what it received.
    pub fn end(self) -> Received {
        self.peer.signal(Signal::TERM);
        let report = serde_json::from_str(&self.peer.line()).expect("JSON");
        let bytes = std::fs::read(&self.out).expect("it wrote what it received");
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Received { report, records: lines.map(<[u8]>::to_vec).collect() }
    }
}

impl Received {
    /// What it received of one stream, in the order in which it came.
    fn of_stream(&self, stream: &str) -> Vec<&[u8]> {
        let says = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON")["stream"] == stream;
        self.records.iter().map(Vec::as_slice).filter(|bytes| says(bytes)).collect()
    }

    /// Everything that the centre received is what the journal holds, stream by stream, from the first record on and
    /// without a hole; answers with how many records.
    pub fn is_the_journal_from_its_start(&self, journal: &[Record]) -> usize {
        let streams: std::collections::BTreeSet<_> = journal.iter().map(Record::stream).collect();
        let mut found = 0;
        for stream in streams {
            let came = self.of_stream(stream);
            let held: Vec<_> = journal.iter().filter(|record| record.stream() == stream).collect();
            assert!(came.len() <= held.len(), "{stream}: the centre has more than the journal");
            for (came, held) in came.iter().zip(&held) {
                assert!(*came == held.bytes, "{stream}: {} came instead of {held:?}", String::from_utf8_lossy(came));
            }
            found += came.len();
        }
        assert_eq!(found, self.records.len(), "the centre has a stream that the journal has not");
        found
    }
}

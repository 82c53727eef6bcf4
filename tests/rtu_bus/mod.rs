//! A serial bus of two joined pseudo-terminals (socat) with pymodbus's slaves at its far end.
#![allow(dead_code)] // each user takes its part

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process that ends with its owner.
pub(crate) struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The interpreter of the tests' virtual environment, if it has what the slaves need.
pub(crate) fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| root.join(".venv"), PathBuf::from);
    let python = Some(venv.join("bin/python")).filter(|python| python.exists())?;
    let probe = Command::new(&python).args(["-c", "import pymodbus, serial"]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success()).then_some(python)
}

/// True where socat is installed; says so where it is not.
pub(crate) fn has_socat() -> bool {
    let found = Command::new("socat").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("SKIPPED: socat is not installed");
    }
    found
}

/// Joins two pseudo-terminals, `near` and `far` in `dir`, until it is dropped.
pub(crate) fn join(dir: &Path) -> Owned {
    let end = |name: &str| format!("pty,raw,echo=0,link={}", dir.join(name).display());
    let socat = Command::new("socat").arg(end("near")).arg(end("far")).stderr(Stdio::null()).spawn().unwrap();
    let socat = Owned(socat);
    while !["near", "far"].iter().all(|name| dir.join(name).exists()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    socat
}

/// Starts the slaves `units` at the far end, and waits until they listen.
pub(crate) fn slaves(python: &Path, dir: &Path, units: &[u8]) -> (Owned, Lines<BufReader<ChildStdout>>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pymodbus_rtu.py");
    let units = units.iter().map(u8::to_string);
    let mut child = Command::new(python);
    let child = child.arg(script).arg(dir.join("far")).args(units).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Owned(child.spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "READY");
    (child, lines)
}

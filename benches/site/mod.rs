//! What the benches stand on: a lane on loopback with its broker, its simulated devices and its daemon, each a process
//! of its own, and the figures that are read off them from outside.

#![allow(dead_code, unreachable_pub, reason = "every bench uses its own part")]
#![allow(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

#[path = "../../tests/uplink_site/mosquitto.rs"]
pub mod mosquitto;
pub mod peers;
pub mod simulator;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

/// The time since the machine started: the same in every process, so that one can stamp what another caused.
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address").port()
}

/// A number from the environment, such as `SECONDS=60`.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A folder of its own on the disk of the build, or where `PORTSIDE_BENCH_DIR` says.
pub fn folder() -> TempDir {
    let parent = std::env::var_os("PORTSIDE_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    tempfile::tempdir_in(parent).expect("a folder")
}

/// Times of one kind, in milliseconds.
#[derive(Debug, Default)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e3);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The time that this part of all stays within.
    pub fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (part * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (median, late, worst) = (self.at(0.5), self.at(0.99), self.at(1.0));
        write!(f, "p50 {median:6.2} ms  p99 {late:6.2} ms  max {worst:7.2} ms  ({} times)", self.len())
    }
}

/// How long one small durable write takes on the disk of `dir`, into a file that is there: what no journal can go below.
pub fn disk(dir: &Path) -> Times {
    let path = dir.join("disk");
    let file = File::create(&path).expect("a file");
    file.write_all_at(&[0; 1 << 20], 0).expect("it is written");
    file.sync_all().expect("it is flushed");
    let mut times = Times::default();
    for number in 0..200 {
        let start = now();
        file.write_all_at(&[b'x'; 700], number * 700).expect("it is written");
        file.sync_data().expect("it is flushed");
        times.add(now().saturating_sub(start));
    }
    std::fs::remove_file(path).expect("it is removed");
    times
}

/// Processor time that a process has used.
pub fn processor_time(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    // utime and stime, fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of a process, MiB.
pub fn resident(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

//! Three slaves on one serial bus: what one of them costs the other two when it is dead.
//!
//! pymodbus at the other end of a pair of pseudo-terminals that socat joins; no wire, so characters take no time, but
//! gaps, time-outs and quiet times are those of a site. The dead unit is dead from the start, so that its first tries
//! count. `cargo bench --bench rtu`, with `SECONDS=120` for longer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

#[path = "../tests/rtu_bus/mod.rs"]
mod rtu_bus;
mod site;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portside::clock::Clock;
use portside::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
use portside::field::{self, DeviceSpec, Drive, FieldEvent, Intervals, LinkSpec};
use portside_devices::moment::Moment;
use portside_devices::profile::Profile;
use portside_devices::reading::Quality;
use site::Times;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(100);
/// As the lane file has it where it says nothing.
const TIMEOUT: Duration = Duration::from_millis(250);
const QUIET: Duration = Duration::from_millis(250);
const GAP: Duration = Duration::from_micros(4_010);

fn main() {
    let Some(python) = rtu_bus::python() else {
        println!("SKIPPED: pymodbus and pyserial are not in $PORTSIDE_VENV or .venv");
        return;
    };
    if !rtu_bus::has_socat() {
        return;
    }
    let seconds = site::setting("SECONDS", 60);
    let nominal = measure(&python, &[1, 2, 3], seconds);
    let beside = measure(&python, &[1, 2], seconds);
    println!("from one reading of a healthy unit to its next, polled every 100 ms, {seconds} s");
    println!("  three alive   {nominal}");
    println!("  one dead      {beside}");
    println!("  p99 with a dead unit / nominal p99: {:.2} (aim: at most 1.2)", beside.at(0.99) / nominal.at(0.99));
}

/// The times between the readings of units 1 and 2 while `alive` answer.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn measure(python: &Path, alive: &[u8], seconds: u64) -> Times {
    let dir = tempfile::tempdir().expect("a folder");
    let _socat = rtu_bus::join(dir.path());
    let _slaves = rtu_bus::slaves(python, dir.path(), alive);
    let (events, mut received) = mpsc::channel(1024);
    let cancel = CancellationToken::new();
    let link = field::spawn(spec(dir.path()), Clock::start(), events, cancel.clone());
    let (mut times, mut last) = (Times::default(), BTreeMap::<usize, Moment>::new());
    let gather = async {
        while let Some(event) = received.recv().await {
            let FieldEvent::Batch { device: device @ 1..=2, at, readings } = event else { continue };
            if readings.iter().any(|reading| reading.quality != Quality::Good) {
                continue;
            }
            if let Some(before) = last.insert(device, at) {
                times.add(at.since(before));
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(seconds), gather).await;
    cancel.cancel();
    link.ended().await;
    times
}

fn spec(dir: &Path) -> LinkSpec {
    let profile = Profile::parse(
        "io/bench",
        "kind = \"io\"\nvendor = \"Bench\"\nmodel = \"Slave\"\nprotocol = \"modbus\"\nsource = \"bench\"\n\
         [[point]]\nname = \"level\"\ntable = \"holding\"\naddress = 7\ntype = \"u16\"\npoll = \"fast\"\n",
    );
    let profile = Arc::new(profile.expect("the profile is sound"));
    let device = |unit: u8| DeviceSpec {
        id: format!("d{unit}").into(),
        index: usize::from(unit),
        unit,
        profile: profile.clone(),
        intervals: Intervals { fast: EVERY, normal: EVERY, slow: EVERY },
        watched: vec!["level".into()],
    };
    LinkSpec {
        name: "bench".into(),
        medium: Medium::Serial(Serial {
            path: dir.join("near"),
            baud: 9_600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            gap: GAP,
            quiet: QUIET,
        }),
        devices: (1..=3).map(device).collect(),
        timeout: TIMEOUT,
        drive: Drive::WatchOnly,
    }
}

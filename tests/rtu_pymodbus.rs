//! The link on a serial bus against slaves that share no code with it: pymodbus, over a pair that socat joins.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;
mod rtu_bus;
mod rtu_peer;

use std::time::Duration;

use modbus_peer::{Rig, device, profile};
use portside::field::{FieldEvent, LinkState, Outcome, Urgency};
use portside_devices::reading::{Quality, Reading, Value};
use rtu_bus::{has_socat, join, python, slaves};
use rtu_peer::port;

const GAP: Duration = Duration::from_millis(2);
const QUIET: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(20);

const POINTS: &str = "[[point]]\nname = \"level\"\ntable = \"holding\"\naddress = 7\ntype = \"u16\"\npoll = \"fast\"\n\
                      [[point]]\nname = \"lamp\"\ntable = \"coil\"\naddress = 5\naccess = \"read-write\"\n\
                      pulse = \"100 ms\"\npoll = \"fast\"\n";

#[tokio::test]
async fn three_slaves_on_one_pair_of_which_one_is_dead_are_polled_and_written() {
    if !has_socat() {
        return;
    }
    let Some(python) = python() else {
        println!("SKIPPED: pymodbus and pyserial are not in $PORTSIDE_VENV or .venv (tests/peers/requirements.txt)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let _socat = join(dir.path());
    let (_slaves, mut lines) = slaves(&python, dir.path(), &[1, 2]);
    let profile = profile("io/peer", POINTS);
    let devices = (1..=3).map(|unit| device(usize::from(unit), unit, &profile, &["level"], EVERY)).collect();
    let mut rig = Rig::on(port(&dir.path().join("near"), GAP, QUIET), devices, TIMEOUT);
    let (mut seen, mut dead) = ([0; 4], None);
    rig.until(|event| {
        match event {
            FieldEvent::Batch { device, readings, .. } => {
                let good = |reading: &&Reading| &*reading.point == "level" && reading.quality == Quality::Good;
                for reading in readings.iter().filter(good) {
                    assert_ne!(*device, 3, "nobody is there");
                    assert_eq!(reading.value, Some(Value::Int(i64::try_from(*device).unwrap() * 1000 + 7)));
                    seen[*device] += 1;
                }
            }
            FieldEvent::Link { device: 3, state: LinkState::Down { reason }, .. } => dead = Some(reason.clone()),
            FieldEvent::Link { .. } | FieldEvent::Unconfirmed { .. } => {}
        }
        (seen[1] > 30 && seen[2] > 30 && dead.is_some()).then_some(())
    })
    .await;
    assert!(dead.unwrap().contains("no answer from unit 3"));
    let written = rig.handle.write_point(2, 1, Value::Bool(true), Urgency::Command).await.unwrap();
    assert_eq!(written, Outcome::Written);
    // Every output is at rest first; the pulse ends by itself.
    let wanted = ["WRITE 2 5 1", "WRITE 2 5 0"];
    let lines = tokio::task::spawn_blocking(move || {
        let mut wanted = wanted.into_iter().peekable();
        let mut heard = Vec::new();
        while let Some(next) = wanted.peek() {
            let line = lines.next().unwrap().unwrap();
            if line == *next {
                wanted.next();
            }
            heard.push(line);
        }
        heard
    });
    let heard = tokio::time::timeout(modbus_peer::HANG, lines).await.expect("the pulse ends").unwrap();
    assert!(heard.contains(&"WRITE 1 5 0".to_owned()), "{heard:?}");
}

#[tokio::test]
async fn a_pair_whose_other_end_is_gone_is_noticed_and_used_again_when_it_is_back() {
    if !has_socat() {
        return;
    }
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let socat = join(dir.path());
    let (pymodbus, _lines) = slaves(&python, dir.path(), &[1]);
    let profile = profile("io/peer", POINTS);
    let devices = vec![device(0, 1, &profile, &["level"], EVERY)];
    let mut rig = Rig::on(port(&dir.path().join("near"), GAP, QUIET), devices, TIMEOUT);
    assert_eq!(rig.good("level").await, Value::Int(1007));
    drop(socat); // what is read from here on is nothing, again and again
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Down { .. }, .. }).then_some(())).await;
    let beats = rig.handle.stats().figures().beats;
    drop(pymodbus);
    let _socat = join(dir.path());
    let (_pymodbus, _lines) = slaves(&python, dir.path(), &[1]);
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Up, .. }).then_some(())).await;
    assert_eq!(rig.good("level").await, Value::Int(1007));
    let figures = rig.handle.stats().figures();
    assert!(figures.connects >= 2 && figures.beats - beats < 10_000, "no reader spins on an end: {figures:?}");
}

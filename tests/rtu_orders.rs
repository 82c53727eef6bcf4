//! What TCP promises of orders holds on a bus too: what protects waits for no turn and no quiet time and is repeated
//! until it is confirmed, what moves is never asked twice.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;
mod rtu_peer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use modbus_peer::{Act, Asked, HANG, Rig, device, profile};
use portside::field::{FieldEvent, LinkState, Outcome, Urgency, WriteRequest};
use portside_devices::barrier::{BarrierCommand, writes};
use portside_devices::library::Library;
use portside_devices::profile::Profile;
use portside_devices::reading::Value;
use rtu_peer::{Bus, port};
use tokio::sync::oneshot;

const STOP: Urgency = Urgency::Protective { give_up: None };
const TIMEOUT: Duration = Duration::from_millis(100);
const QUIET: Duration = Duration::from_millis(200);
const GAP: Duration = Duration::from_millis(2);
const EVERY: Duration = Duration::from_millis(20);

fn right(asked: &Asked) -> Vec<Act> {
    vec![Act::Send(asked.right_telegram())]
}

fn stops(asked: &Asked) -> bool {
    asked.pdu[0] == 5 && asked.address() == 1 && asked.count() == 0xFF00
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("usb-adapter");
    (dir, link)
}

/// A barrier on the bus, answering.
async fn relay(link: &std::path::Path, timeout: Duration, quiet: Duration) -> (Rig, Arc<Profile>) {
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let devices = vec![device(0, 1, &profile, &["opened", "closed"], EVERY)];
    let mut rig = Rig::on(port(link, GAP, quiet), devices, timeout);
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Up, .. }).then_some(())).await;
    (rig, profile)
}

fn stop(rig: &Rig, profile: &Profile) -> oneshot::Receiver<Outcome> {
    let writes = writes(profile, BarrierCommand::Stop).unwrap();
    rig.handle.write(WriteRequest { device: 0, writes, urgency: STOP })
}

async fn outcome(receiver: oneshot::Receiver<Outcome>) -> Outcome {
    tokio::time::timeout(HANG, receiver).await.expect("no outcome came").expect("the link answers")
}

/// Waits until `holds`, looking again whenever anything else has run.
async fn eventually(otherwise: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HANG, wait).await.unwrap_or_else(|_| panic!("{otherwise}"));
}

#[tokio::test]
async fn outputs_are_brought_to_rest_before_anything_else() {
    let (_dir, link) = place();
    let bus = Bus::start(&link, right);
    let (mut rig, _) = relay(&link, HANG, Duration::ZERO).await;
    rig.good("opened").await;
    let first: Vec<_> =
        bus.asked().iter().take(3).map(|asked| (asked.pdu[0], asked.address(), asked.count())).collect();
    assert_eq!(first, [(5, 0, 0), (5, 1, 0), (5, 2, 0)]);
}

#[tokio::test]
async fn a_stop_is_repeated_until_it_is_confirmed() {
    let (_dir, link) = place();
    let seen = AtomicUsize::new(0);
    let bus = Bus::start(
        &link,
        move |asked| {
            if stops(asked) && seen.fetch_add(1, SeqCst) < 5 { Vec::new() } else { right(asked) }
        },
    );
    let (mut rig, profile) = relay(&link, TIMEOUT, QUIET).await;
    let stop = stop(&rig, &profile);
    rig.until(|event| matches!(event, FieldEvent::Unconfirmed { device: 0, attempts: 1, .. }).then_some(())).await;
    assert_eq!(outcome(stop).await, Outcome::Written);
    assert_eq!(bus.asked().iter().filter(|asked| stops(asked)).count(), 6);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_poll_that_nobody_answers() {
    let (_dir, link) = place();
    let mute = Arc::new(AtomicBool::new(false));
    let muted = mute.clone();
    let bus =
        Bus::start(&link, move |asked| if muted.load(SeqCst) && !asked.is_write() { Vec::new() } else { right(asked) });
    // An answer may take longer than the test, and the quiet after it too: the stop waits for neither.
    let (rig, profile) = relay(&link, HANG * 10, Duration::ZERO).await;
    mute.store(true, SeqCst);
    let polled = bus.asked().len();
    eventually("no poll came", || !bus.asked().iter().skip(polled).all(Asked::is_write)).await;
    assert_eq!(outcome(stop(&rig, &profile)).await, Outcome::Written);
    // On a machine that is busy it may be repeated before its confirmation is heard.
    assert!(bus.asked().iter().any(stops));
    assert_eq!(rig.handle.stats().figures().connects, 1, "others on the bus are not cut off");
}

#[tokio::test]
async fn a_stop_goes_out_while_the_bus_is_left_alone() {
    let (_dir, link) = place();
    let bus = Bus::start(&link, right);
    let profile = Library::shipped().get("barrier/generic-relay").unwrap().unwrap();
    let spec = device(0, 1, &profile, &["opened"], EVERY);
    // A bus that was just opened is left alone as after a failure, here for longer than the test.
    let rig = Rig::on(port(&link, GAP, HANG * 10), vec![spec], TIMEOUT);
    assert_eq!(outcome(stop(&rig, &profile)).await, Outcome::Written);
    let asked = bus.asked();
    assert!(stops(&asked[0]) && asked.iter().all(Asked::is_write), "nothing else goes out: {asked:?}");
}

#[tokio::test]
async fn nothing_but_the_echo_of_the_very_write_confirms_a_stop() {
    let (_dir, link) = place();
    let seen = AtomicUsize::new(0);
    let bus = Bus::start(&link, move |asked| {
        if !stops(asked) {
            return right(asked);
        }
        match seen.fetch_add(1, SeqCst) {
            // The late answer to a poll, the echo of another coil's write, of the opposite, of another unit.
            0 => vec![Act::Send(asked.telegram(&[2, 1, 0]))],
            1 => vec![Act::Send(asked.telegram(&[5, 0, 2, 0xFF, 0]))],
            2 => vec![Act::Send(asked.telegram(&[5, 0, 1, 0, 0]))],
            3 => vec![Act::Send(rtu_peer::seal(&[2, 5, 0, 1, 0xFF, 0]))],
            _ => right(asked),
        }
    });
    let (rig, profile) = relay(&link, TIMEOUT, QUIET).await;
    assert_eq!(outcome(stop(&rig, &profile)).await, Outcome::Written);
    assert_eq!(bus.asked().iter().filter(|asked| stops(asked)).count(), 5);
}

#[tokio::test]
async fn a_write_whose_echo_is_lost_is_looked_up_and_not_asked_again() {
    let (_dir, link) = place();
    let lit = AtomicBool::new(false);
    let bus = Bus::start(&link, move |asked| match (asked.pdu[0], asked.count()) {
        (5, 0xFF00) => {
            lit.store(true, SeqCst);
            Vec::new()
        }
        (1, _) => vec![Act::Send(asked.telegram(&[1, 1, u8::from(lit.load(SeqCst))]))],
        _ => right(asked),
    });
    let lamp =
        profile("io/test", "[[point]]\nname = \"lamp\"\ntable = \"coil\"\naddress = 5\naccess = \"read-write\"\n");
    let mut rig = Rig::on(port(&link, GAP, QUIET), vec![device(0, 7, &lamp, &["lamp"], HANG)], TIMEOUT);
    rig.good("lamp").await;
    let written = rig.handle.write_point(0, 0, Value::Bool(true), Urgency::Command);
    assert_eq!(outcome(written).await, Outcome::Written, "reading back shows it");
    let heard = bus.heard();
    let at = heard.iter().position(|heard| heard.asked.count() == 0xFF00).expect("it was written");
    assert_eq!(heard[at + 1].asked.pdu[0], 1, "then it was read");
    let silence = heard[at + 1].at.since(heard[at].at);
    assert!(silence >= TIMEOUT + QUIET, "a late echo had its time: {silence:?}");
    assert_eq!(heard.iter().filter(|heard| heard.asked.count() == 0xFF00).count(), 1);
}

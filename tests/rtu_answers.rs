//! On a bus nothing says which request an answer belongs to, and yet none is ever taken for another's.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;
mod rtu_peer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use modbus_peer::{Act, Asked, Rig, device, profile};
use portside::field::medium::{self, Medium};
use portside::field::{FieldEvent, LinkState};
use portside_devices::profile::Profile;
use portside_devices::reading::{Quality, Value};
use rtu_peer::{Bus, Heard, QUIET, port, seal};

const TIMEOUT: Duration = Duration::from_millis(100);
const GAP: Duration = Duration::from_millis(2);
const EVERY: Duration = Duration::from_millis(20);

/// Two blocks of one function and length that hold other values, so that an answer taken for another's shows.
fn two_blocks() -> Arc<Profile> {
    profile(
        "io/test",
        "[[point]]\nname = \"low\"\ntable = \"holding\"\naddress = 0\ntype = \"u32\"\npoll = \"fast\"\n\
         [[point]]\nname = \"high\"\ntable = \"holding\"\naddress = 100\ntype = \"u32\"\npoll = \"fast\"\n",
    )
}

const LOW: i64 = 1000 << 16 | 1001;
const HIGH: i64 = 1100 << 16 | 1101;

fn right(asked: &Asked) -> Vec<Act> {
    vec![Act::Send(asked.right_telegram())]
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("usb-adapter");
    (dir, link)
}

/// Polls two units on a bus whose fifth answer is not as it should be. Every good reading must be right, before and
/// after, and the bus must be kept: one bad telegram is no reason to close what others share.
async fn survives(what: &str, misbehave: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Vec<Heard> {
    survives_with(what, GAP, misbehave).await
}

async fn survives_with(
    what: &str,
    gap: Duration,
    misbehave: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
) -> Vec<Heard> {
    let (_dir, link) = place();
    let bus = Bus::start(&link, move |asked| if asked.number == 4 { misbehave(asked) } else { right(asked) });
    let names = ["low", "high"];
    let devices = vec![device(0, 7, &two_blocks(), &names, EVERY), device(1, 9, &two_blocks(), &names, EVERY)];
    let mut rig = Rig::on(port(&link, gap, QUIET), devices, TIMEOUT);
    let mut after = 0;
    rig.until(|event| {
        let FieldEvent::Batch { readings, .. } = event else { return None };
        for reading in readings.iter().filter(|reading| reading.quality == Quality::Good) {
            let right = if &*reading.point == "low" { LOW } else { HIGH };
            assert_eq!(reading.value, Some(Value::Int(right)), "{what}: `{}` took another's answer", reading.point);
            after += u32::from(bus.heard().len() > 8);
        }
        (after > 8).then_some(())
    })
    .await;
    let figures = rig.handle.stats().figures();
    assert_eq!(figures.connects, 1, "{what}");
    assert!(figures.failures >= 1, "{what}: it was not accepted");
    bus.heard()
}

/// Silence after the request that failed, as the slaves saw it.
fn silence_after_the_fifth(heard: &[Heard]) -> Duration {
    heard[5].at.since(heard[4].at)
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next() {
    let late = |asked: &Asked| vec![Act::Wait(TIMEOUT * 2), Act::Send(asked.right_telegram())];
    let heard = survives("late", late).await;
    assert!(silence_after_the_fifth(&heard) >= TIMEOUT + QUIET, "{:?}", silence_after_the_fifth(&heard));
}

#[tokio::test]
async fn silence_is_survived_and_followed_by_quiet() {
    let heard = survives("silence", |_| Vec::new()).await;
    assert!(silence_after_the_fifth(&heard) >= TIMEOUT + QUIET, "{:?}", silence_after_the_fifth(&heard));
}

#[tokio::test]
async fn the_answer_of_another_unit_is_no_answer() {
    survives("unit", |_| vec![Act::Send(seal(&[8, 3, 4, 0, 1, 0, 2]))]).await;
    // Of the other unit of this very bus.
    survives("neighbour", |asked| vec![Act::Send(seal(&[16 - asked.unit, 3, 4, 0, 1, 0, 2]))]).await;
}

#[tokio::test]
async fn the_answer_to_another_function_is_no_answer() {
    survives("function", |asked| vec![Act::Send(asked.telegram(&[4, 4, 0, 1, 0, 2]))]).await;
    survives("exception", |asked| vec![Act::Send(asked.telegram(&[0x84, 2]))]).await;
}

#[tokio::test]
async fn an_answer_with_another_number_of_registers_is_no_answer() {
    survives("fewer", |asked| vec![Act::Send(asked.telegram(&[3, 2, 0, 1]))]).await;
    survives("more", |asked| vec![Act::Send(asked.telegram(&[3, 6, 0, 1, 0, 2, 0, 3]))]).await;
    survives("hollow", |asked| vec![Act::Send(asked.telegram(&[3, 4, 0, 1]))]).await;
}

#[tokio::test]
async fn an_answer_with_a_wrong_checksum_is_no_answer() {
    survives("checksum", |asked| {
        let mut bytes = asked.right_telegram();
        *bytes.last_mut().unwrap() ^= 1;
        vec![Act::Send(bytes)]
    })
    .await;
    survives("one bit", |asked| {
        let mut bytes = asked.right_telegram();
        bytes[4] ^= 0x10;
        vec![Act::Send(bytes)]
    })
    .await;
}

#[tokio::test]
async fn an_answer_with_bytes_too_many_is_no_answer() {
    survives("behind", |asked| vec![Act::Send([asked.right_telegram(), vec![0]].concat())]).await;
    let later = |asked: &Asked| {
        vec![Act::Send(asked.right_telegram()), Act::Wait(Duration::from_millis(10)), Act::Send(vec![0])]
    };
    survives_with("behind, within the gap", QUIET / 4, later).await;
    survives("in front", |asked| vec![Act::Send([vec![0xFF], asked.right_telegram()].concat())]).await;
    survives("twice", |asked| vec![Act::Send(asked.right_telegram().repeat(2))]).await;
    survives("echo", |asked| {
        let request = seal(&[&[asked.unit], &asked.pdu[..]].concat());
        vec![Act::Send([request, asked.right_telegram()].concat())]
    })
    .await;
}

#[tokio::test]
async fn a_second_answer_behind_the_gap_is_dropped_before_the_next_request() {
    let (_dir, link) = place();
    let bus = Bus::start(&link, |asked| {
        // Behind the last answer of a cycle: in front of the answer to the next request it would be taken for that.
        let stale = asked.telegram(&[3, 4, 0, 1, 0, 2]);
        if asked.address() == 100 {
            vec![Act::Send(asked.right_telegram()), Act::Wait(GAP * 3), Act::Send(stale)]
        } else {
            right(asked)
        }
    });
    // Both blocks in one cycle, and then time for what nobody has asked for: no tick may pass during the quiet time at
    // the start, or the next cycle follows at once.
    let devices = vec![device(0, 7, &two_blocks(), &["low", "high"], QUIET * 3 / 2)];
    let mut rig = Rig::on(port(&link, GAP, QUIET), devices, TIMEOUT);
    while bus.heard().len() < 12 {
        assert_eq!(rig.good("low").await, Value::Int(LOW));
        assert_eq!(rig.good("high").await, Value::Int(HIGH));
    }
    let figures = rig.handle.stats().figures();
    assert!(figures.stray >= 9, "what was dropped is counted: {figures:?}");
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up_in_time() {
    let drip = |asked: &Asked| {
        let bytes = asked.right_telegram();
        bytes.iter().flat_map(|byte| [Act::Wait(Duration::from_millis(15)), Act::Send(vec![*byte])]).collect()
    };
    survives("drip", drip).await;
    survives("half", |asked| vec![Act::Send(asked.right_telegram()[..5].to_vec())]).await;
}

#[tokio::test]
async fn an_answer_in_pieces_is_an_answer_and_the_gap_is_kept_behind_it() {
    let (_dir, link) = place();
    let gap = Duration::from_millis(25);
    let bus = Bus::start(&link, |asked| {
        let whole = asked.right_telegram();
        let (one, two) = whole.split_at(4);
        vec![Act::Send(one.to_vec()), Act::Wait(Duration::from_millis(5)), Act::Send(two.to_vec())]
    });
    let devices = vec![device(0, 7, &two_blocks(), &["low"], EVERY)];
    let mut rig = Rig::on(port(&link, gap, QUIET), devices, Duration::from_millis(500));
    while bus.heard().len() < 10 {
        assert_eq!(rig.good("low").await, Value::Int(LOW));
    }
    assert_eq!(rig.handle.stats().figures().failures, 0);
    for pair in bus.heard().windows(2) {
        let silence = pair[1].at.since(pair[0].answered.expect("answered"));
        assert!(silence >= gap, "{silence:?}");
    }
}

#[tokio::test]
async fn bytes_at_random_never_end_the_link_and_are_never_believed() {
    let (_dir, link) = place();
    let random = std::sync::Mutex::new(fastrand::Rng::with_seed(0x0050_0521));
    let bus = Bus::start(&link, move |asked| {
        // Every other answer is right, so that the unit is never taken out.
        if asked.number >= 200 || asked.number % 2 == 0 {
            return right(asked);
        }
        let mut random = random.lock().unwrap();
        let length = random.usize(1..40);
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        // Mostly with the right beginning, and now and then with a checksum that holds.
        match random.u8(..4) {
            0 => {}
            1 => bytes = asked.telegram(&bytes),
            _ => bytes = [&[asked.unit, asked.pdu[0]], &bytes[..]].concat(),
        }
        vec![Act::Send(bytes)]
    });
    let devices = vec![device(0, 7, &two_blocks(), &["low"], Duration::from_millis(1))];
    let mut rig = Rig::on(port(&link, GAP, Duration::from_millis(5)), devices, Duration::from_millis(10));
    while bus.heard().len() < 210 {
        rig.reading("low", |reading| {
            let wrong = reading.quality == Quality::Good && reading.value != Some(Value::Int(LOW));
            assert!(!wrong, "{reading:?}");
            Some(())
        })
        .await;
    }
    rig.becomes("low", Value::Int(LOW)).await;
}

#[tokio::test]
async fn behind_a_gateway_a_late_answer_is_dropped_and_the_connection_kept() {
    let (bus, medium) = Bus::behind_gateway(|asked| match asked.number {
        4 => vec![Act::Wait(TIMEOUT * 2), Act::Send(asked.right_telegram())],
        _ => right(asked),
    })
    .await;
    let mut rig = Rig::on(medium, vec![device(0, 7, &two_blocks(), &["low", "high"], EVERY)], TIMEOUT);
    while bus.heard().len() < 12 {
        assert_eq!(rig.good("low").await, Value::Int(LOW));
        assert_eq!(rig.good("high").await, Value::Int(HIGH));
    }
    let figures = rig.handle.stats().figures();
    assert!(figures.failures >= 1 && figures.connects == 1, "{figures:?}");
    assert!(figures.stray >= 9, "{figures:?}");
}

#[tokio::test]
async fn the_reason_names_what_was_on_the_bus() {
    let (_dir, link) = place();
    let _bus = Bus::start(&link, |asked| vec![Act::Send(seal(&[&[asked.unit], &asked.pdu[..]].concat()))]);
    let devices = vec![device(0, 7, &two_blocks(), &["low"], EVERY)];
    let mut rig = Rig::on(port(&link, GAP, QUIET), devices, TIMEOUT);
    let reason = down(&mut rig, 0).await;
    assert!(reason.contains("the adapter echoes"), "{reason}");
}

/// The reason with which the device goes down.
async fn down(rig: &mut Rig, index: usize) -> String {
    rig.until(|event| match event {
        FieldEvent::Link { device, state: LinkState::Down { reason }, .. } if *device == index => {
            Some(reason.to_string())
        }
        FieldEvent::Link { .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => None,
    })
    .await
}

async fn up(rig: &mut Rig, index: usize) {
    rig.until(|event| match event {
        FieldEvent::Link { device, state: LinkState::Up, .. } => (*device == index).then_some(()),
        FieldEvent::Link { .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => None,
    })
    .await;
}

#[tokio::test]
async fn a_port_that_hangs_up_is_opened_again_under_its_name_when_it_is_back() {
    let (_dir, link) = place();
    let bus = Bus::start(&link, right);
    let devices = vec![device(0, 7, &two_blocks(), &["low"], EVERY)];
    let mut rig = Rig::on(port(&link, GAP, QUIET), devices, TIMEOUT);
    assert_eq!(rig.good("low").await, Value::Int(LOW));
    drop(bus); // the other side of the pair goes: EIO
    let reason = down(&mut rig, 0).await;
    assert!(reason.contains("serial port hung up"), "{reason}");
    std::fs::remove_file(&link).unwrap();
    // Another number, the same name.
    let _bus = Bus::start(&link, right);
    up(&mut rig, 0).await;
    assert_eq!(rig.good("low").await, Value::Int(LOW));
    assert!(rig.handle.stats().figures().connects >= 2);
}

#[tokio::test]
async fn a_port_that_is_not_there_or_in_use_is_named() {
    let (_dir, link) = place();
    let medium = port(&link, GAP, QUIET);
    let open = |medium: Medium| async move { medium::open(&medium, TIMEOUT).await };
    let reason = open(medium.clone()).await.unwrap_err();
    assert!(reason.contains("is not there"), "{reason}");
    let _bus = Bus::start(&link, right);
    let held = open(medium.clone()).await.unwrap();
    let reason = open(medium.clone()).await.unwrap_err();
    assert!(reason.contains("in use by another program"), "{reason}");
    drop(held);
    open(medium).await.unwrap();
}

#[tokio::test]
async fn another_device_behind_a_port_that_was_opened_again_is_not_used() {
    let (_dir, link) = place();
    let model = |holds: u16| {
        move |asked: &Asked| match asked.address() {
            210 => vec![Act::Send(asked.telegram(&[&[3, 2], &holds.to_be_bytes()[..]].concat()))],
            _ => right(asked),
        }
    };
    let told = profile(
        "io/test",
        "[identify]\ntable = \"holding\"\naddress = 210\nequals = 0x4150\n\
         [[point]]\nname = \"low\"\ntable = \"holding\"\naddress = 0\ntype = \"u32\"\npoll = \"fast\"\n\
         [[point]]\nname = \"lamp\"\ntable = \"coil\"\naddress = 5\naccess = \"read-write\"\n",
    );
    let bus = Bus::start(&link, model(0x4150));
    let mut rig = Rig::on(port(&link, GAP, QUIET), vec![device(0, 7, &told, &["low"], EVERY)], TIMEOUT);
    assert_eq!(rig.good("low").await, Value::Int(LOW));
    assert_eq!(bus.asked()[0].address(), 210, "before anything else");
    drop(bus);
    down(&mut rig, 0).await;
    std::fs::remove_file(&link).unwrap();
    let other = Bus::start(&link, model(0x4117));
    // It answers, and so the device stays down: nothing of it is read, nothing written.
    let lamp = rig.handle.write_point(0, 1, Value::Bool(true), portside::field::Urgency::Protective { give_up: None });
    let reason = rig
        .until(|event| match event {
            FieldEvent::Unconfirmed { reason, .. } if reason.contains("0x") => Some(reason.to_string()),
            FieldEvent::Unconfirmed { .. } | FieldEvent::Link { .. } | FieldEvent::Batch { .. } => None,
        })
        .await;
    assert!(reason.contains("is not `io/test`") && reason.contains("0x4117, expected 0x4150"), "{reason}");
    assert!(other.asked().iter().all(|asked| asked.address() == 210), "{:?}", other.asked());
    drop(other);
    std::fs::remove_file(&link).unwrap();
    let _bus = Bus::start(&link, model(0x4150));
    up(&mut rig, 0).await;
    assert_eq!(lamp.await.unwrap(), portside::field::Outcome::Written);
}

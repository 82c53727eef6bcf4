//! Nothing that is not the answer to a request is ever taken for it: a scripted peer misbehaves byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::sync::Arc;
use std::time::Duration;

use modbus_peer::{Act, Asked, Peer, Rig, device, frame, profile};
use portside::field::{FieldEvent, LinkState};
use portside_devices::profile::Profile;
use portside_devices::reading::{Quality, Value};

const TIMEOUT: Duration = Duration::from_millis(100);

/// Two blocks that hold other values, so that an answer taken for another's shows.
fn two_blocks() -> Arc<Profile> {
    profile(
        "io/test",
        "[[point]]\nname = \"low\"\ntable = \"holding\"\naddress = 0\ntype = \"u32\"\npoll = \"fast\"\n\
         [[point]]\nname = \"high\"\ntable = \"holding\"\naddress = 100\ntype = \"u32\"\npoll = \"fast\"\n",
    )
}

const LOW: i64 = 1000 << 16 | 1001;
const HIGH: i64 = 1100 << 16 | 1101;

/// Polls a peer that misbehaves on its fifth request; every good reading must be right, before and after.
async fn survives(what: &str, misbehave: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Vec<Asked> {
    let peer =
        Peer::start(move |asked| if asked.number == 4 { misbehave(asked) } else { vec![Act::Send(asked.right())] })
            .await;
    let devices = vec![device(0, 7, &two_blocks(), &["low", "high"], Duration::from_millis(20))];
    let mut rig = Rig::start(peer.address, devices, TIMEOUT);
    let mut after = 0;
    rig.until(|event| {
        let FieldEvent::Batch { readings, .. } = event else { return None };
        for reading in readings.iter().filter(|reading| reading.quality == Quality::Good) {
            let right = if &*reading.point == "low" { LOW } else { HIGH };
            assert_eq!(reading.value, Some(Value::Int(right)), "{what}: `{}` took another's answer", reading.point);
            after += u32::from(peer.asked().len() > 8);
        }
        (after > 6).then_some(())
    })
    .await;
    peer.asked()
}

fn connections(asked: &[Asked]) -> usize {
    asked.iter().map(|asked| asked.connection).max().unwrap_or(0) + 1
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next() {
    let late = |asked: &Asked| vec![Act::Wait(TIMEOUT * 2), Act::Send(asked.right())];
    assert_eq!(connections(&survives("late", late).await), 2);
}

#[tokio::test]
async fn the_answer_of_another_unit_is_no_answer() {
    let other = |asked: &Asked| vec![Act::Send(frame(asked.transaction, 8, &[3, 4, 0, 1, 0, 2]))];
    assert_eq!(connections(&survives("unit", other).await), 2);
}

#[tokio::test]
async fn the_answer_to_another_function_is_no_answer() {
    let other = |asked: &Asked| vec![Act::Send(asked.frame(&[4, 4, 0, 1, 0, 2]))];
    assert_eq!(connections(&survives("function", other).await), 2);
}

#[tokio::test]
async fn the_answer_to_another_transaction_is_no_answer() {
    let other = |asked: &Asked| {
        let before = u16::from_be_bytes(asked.transaction).wrapping_sub(1).to_be_bytes();
        vec![Act::Send(frame(before, asked.unit, &[3, 4, 0, 1, 0, 2]))]
    };
    assert_eq!(connections(&survives("transaction", other).await), 2);
}

#[tokio::test]
async fn a_truncated_answer_is_no_answer() {
    let truncated = |asked: &Asked| {
        let right = asked.right();
        vec![Act::Send(right[..right.len() - 2].to_vec())]
    };
    assert_eq!(connections(&survives("truncated", truncated).await), 2);
    // The frame is whole, but its own byte count promises more than it holds.
    let hollow = |asked: &Asked| vec![Act::Send(asked.frame(&[3, 4, 0, 1]))];
    assert_eq!(connections(&survives("hollow", hollow).await), 2);
}

#[tokio::test]
async fn an_answer_with_another_number_of_registers_is_no_answer() {
    let fewer = |asked: &Asked| vec![Act::Send(asked.frame(&[3, 2, 0, 1]))];
    assert_eq!(connections(&survives("fewer", fewer).await), 2);
    let more = |asked: &Asked| vec![Act::Send(asked.frame(&[3, 6, 0, 1, 0, 2, 0, 3]))];
    assert_eq!(connections(&survives("more", more).await), 2);
}

#[tokio::test]
async fn bytes_after_an_answer_do_not_shift_the_next() {
    let garbage = |asked: &Asked| vec![Act::Send([asked.right(), vec![0xFF, 0, 1, 2, 3]].concat())];
    survives("garbage", garbage).await;
    // A whole second answer, as if to the next request, in the same segment and in one of its own.
    let twice = |asked: &Asked| {
        let next = u16::from_be_bytes(asked.transaction).wrapping_add(2).to_be_bytes();
        vec![Act::Send([asked.right(), frame(next, asked.unit, &[3, 4, 0, 1, 0, 2])].concat())]
    };
    survives("twice", twice).await;
    let again = |asked: &Asked| {
        let right = asked.right();
        vec![Act::Send(right.clone()), Act::Wait(Duration::from_millis(5)), Act::Send(right)]
    };
    survives("again", again).await;
}

#[tokio::test]
async fn silence_and_a_connection_closed_in_the_middle_are_survived() {
    assert_eq!(connections(&survives("silence", |_| Vec::new()).await), 2);
    let closed = |asked: &Asked| vec![Act::Send(asked.right()[..8].to_vec()), Act::Close];
    assert_eq!(connections(&survives("closed", closed).await), 2);
}

#[tokio::test]
async fn an_exception_makes_its_points_bad_and_keeps_the_connection() {
    let peer = Peer::start(|asked| match asked.address() {
        100 => vec![Act::Send(asked.frame(&[0x83, 2]))],
        _ => vec![Act::Send(asked.right())],
    })
    .await;
    let devices = vec![device(0, 7, &two_blocks(), &["low", "high"], Duration::from_millis(20))];
    let mut rig = Rig::start(peer.address, devices, TIMEOUT);
    let reason = rig
        .reading("high", |reading| match &reading.quality {
            Quality::Bad(reason) => Some(reason.clone()),
            Quality::Good | Quality::Stale | Quality::Invalid(_) => None,
        })
        .await;
    assert!(reason.contains("exception 2"), "{reason}");
    for _ in 0..5 {
        assert_eq!(rig.good("low").await, Value::Int(LOW));
    }
    assert_eq!(connections(&peer.asked()), 1);
}

#[tokio::test]
async fn a_device_that_falls_silent_is_stale_at_once_with_its_last_value() {
    let peer = Peer::start(|asked| if asked.number < 6 { vec![Act::Send(asked.right())] } else { Vec::new() }).await;
    let devices = vec![device(3, 7, &two_blocks(), &["low"], Duration::from_millis(20))];
    let mut rig = Rig::start(peer.address, devices, TIMEOUT);
    let reason = rig
        .until(|event| match event {
            FieldEvent::Link { device: 3, state: LinkState::Down { reason }, .. } => Some(reason.clone()),
            FieldEvent::Link { .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => None,
        })
        .await;
    assert!(reason.contains("no answer from unit 7"), "{reason}");
    assert_eq!(peer.asked().len(), 7, "told on the first poll that failed");
    let value = rig.reading("low", |reading| (reading.quality == Quality::Stale).then(|| reading.value.clone())).await;
    assert_eq!(value, Some(Value::Int(LOW)));
}

#[tokio::test]
async fn a_dead_unit_takes_few_turns_from_the_others() {
    let peer = Peer::start(|asked| if asked.unit == 2 { Vec::new() } else { vec![Act::Send(asked.right())] }).await;
    let profile = two_blocks();
    let every = Duration::from_millis(20);
    let devices = vec![device(0, 1, &profile, &["low"], every), device(1, 2, &profile, &["low"], every)];
    let mut rig = Rig::start(peer.address, devices, Duration::from_millis(50));
    rig.until(|event| matches!(event, FieldEvent::Link { device: 1, state: LinkState::Down { .. }, .. }).then_some(()))
        .await;
    for _ in 0..60 {
        rig.good("low").await;
    }
    let asked = peer.asked();
    let (dead, alive) =
        (asked.iter().filter(|asked| asked.unit == 2).count(), asked.iter().filter(|asked| asked.unit == 1).count());
    assert!(dead >= 1, "{dead}");
    assert!(dead * 10 < alive, "{dead} turns for the dead unit, {alive} for the living");
}

#[tokio::test]
async fn bytes_at_random_never_end_the_link() {
    let random = std::sync::Mutex::new(fastrand::Rng::with_seed(0x0050_0521));
    let peer = Peer::start(move |asked| {
        // Every other answer is right, so that the unit is never taken out.
        if asked.number >= 300 || asked.number % 2 == 0 {
            return vec![Act::Send(asked.right())];
        }
        let mut random = random.lock().unwrap();
        let length = random.usize(1..40);
        let mut pdu: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        if random.bool() {
            pdu[0] = 3;
        }
        // The right header most of the time, so that the bytes get past it.
        let bytes = if random.u8(..4) > 0 { asked.frame(&pdu) } else { pdu };
        vec![Act::Send(bytes), Act::Close]
    })
    .await;
    let devices = vec![device(0, 7, &two_blocks(), &["low"], Duration::from_millis(1))];
    let mut rig = Rig::start(peer.address, devices, Duration::from_millis(20));
    // Nonsense in the right shape cannot be told from sense: what counts is that the link lives on and is right again.
    while peer.asked().len() < 310 {
        rig.reading("low", |_| Some(())).await;
    }
    rig.becomes("low", Value::Int(LOW)).await;
}

//! The uplink against a broker that does what brokers should not.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says by panicking what went wrong

mod uplink_site;

use std::collections::BTreeMap;
use std::time::Duration;

use portside::uplink::{Settings, Waiting};
use uplink_site::ledger::Ledger;
use uplink_site::stub::{Packet, Peer, Stub};
use uplink_site::{settings, spawn};

fn quick(stub: &Stub) -> Settings {
    let mut settings = settings(&stub.url());
    settings.stall_after = Duration::from_millis(700);
    settings.retry_unheard = Duration::from_millis(300);
    settings
}

/// A lane with something to send has sent it by then; one that has not is cut off all the same.
const A_WHILE: Duration = Duration::from_millis(100);

/// Acknowledges everything until the lane says goodbye.
async fn serve(mut peer: Peer) {
    while let Some(packet) = peer.packet().await {
        match packet {
            Packet::Record { id, .. } | Packet::Status { id, .. } => peer.answer(id, 0).await,
            Packet::Ping => {}
            Packet::Disconnect => return,
        }
    }
}

#[tokio::test]
async fn a_record_goes_out_byte_for_byte_as_it_lies_in_the_journal() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("inspection", 1, "海关");
    let lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[]).await;
    assert!(matches!(peer.packet().await, Some(Packet::Status { .. })), "the status goes first");
    let Some(Packet::Record { stream, sequence, payload, .. }) = peer.packet().await else {
        panic!("a record follows")
    };
    assert_eq!((stream.as_str(), sequence), ("inspection", 1));
    assert_eq!(payload, ledger.record("inspection", 1));
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn a_withheld_acknowledgement_ends_the_connection_and_the_record_goes_again() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("alarm", 5, "x");
    let mut lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[]).await;
    for expected in 1..=5 {
        let (id, _, sequence) = peer.record().await.unwrap();
        assert_eq!(sequence, expected);
        if sequence != 3 {
            peer.answer(id, 0).await;
        }
    }
    let reason = lane.offline().await;
    assert!(reason.contains("acknowledged nothing"), "{reason}");
    assert_eq!(ledger.retired("alarm"), 2, "nothing behind a gap is retired");
    let mut peer = stub.accept(&[]).await;
    for expected in 3..=5 {
        let (id, _, sequence) = peer.record().await.unwrap();
        assert_eq!(sequence, expected);
        peer.answer(id, 0).await;
    }
    lane.nothing_owed(&ledger).await;
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn a_record_that_nobody_subscribes_to_stays_owed_and_is_tried_alone() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("device", 3, "x");
    let mut lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[]).await;
    for _ in 0..3 {
        let (id, _, sequence) = peer.record().await.unwrap();
        peer.answer(id, if sequence == 1 { 0x10 } else { 0 }).await;
    }
    let waits = |state: &portside::uplink::UplinkState| state.streams["device"].waiting == Some(Waiting::NoSubscriber);
    lane.until("the stream waits", waits).await;
    assert_eq!(ledger.retired("device"), 0);
    let (id, _, sequence) = peer.record().await.unwrap();
    assert_eq!(sequence, 1);
    assert!(peer.is_quiet().await, "it goes alone");
    peer.answer(id, 0).await;
    for expected in 2..=3 {
        let (id, _, sequence) = peer.record().await.unwrap();
        assert_eq!(sequence, expected);
        peer.answer(id, 0).await;
    }
    lane.nothing_owed(&ledger).await;
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn a_stream_over_its_quota_backs_off_while_the_others_go_on() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("telemetry", 1, "x");
    let mut lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[]).await;
    let (id, _, _) = peer.record().await.unwrap();
    peer.answer(id, 0x97).await;
    let refused = Waiting::Refused("QuotaExceeded".to_owned());
    lane.until("the stream waits", |state| state.streams["telemetry"].waiting == Some(refused.clone())).await;
    ledger.append("alarm", 1, "x");
    let (id, stream, _) = peer.record().await.unwrap();
    assert_eq!(stream, "alarm", "on the same connection");
    peer.answer(id, 0).await;
    let (id, stream, sequence) = peer.record().await.unwrap();
    assert_eq!((stream.as_str(), sequence), ("telemetry", 1));
    peer.answer(id, 0).await;
    lane.nothing_owed(&ledger).await;
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn a_receive_maximum_of_one_is_kept() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("telemetry", 4, "x");
    let mut lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[0x21, 0, 1]).await;
    let Some(Packet::Status { id, .. }) = peer.packet().await else { panic!("the status goes first") };
    assert!(peer.is_quiet().await);
    peer.answer(id, 0).await;
    for expected in 1..=4 {
        let (id, _, sequence) = peer.record().await.unwrap();
        assert_eq!(sequence, expected);
        assert!(peer.is_quiet().await, "one at a time");
        peer.answer(id, 0).await;
    }
    lane.nothing_owed(&ledger).await;
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn a_record_larger_than_the_broker_takes_is_set_aside_with_a_note_and_blocks_nothing() {
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    ledger.append("inspection", 1, "x");
    ledger.append("inspection", 1, &"x".repeat(1000));
    ledger.append("inspection", 1, "x");
    ledger.append("telemetry", 1, "x");
    let mut lane = spawn(quick(&stub), &ledger);
    let mut peer = stub.accept(&[0x27, 0, 0, 3, 0xe8]).await; // Maximum Packet Size 1000
    for expected in ["inspection", "telemetry"] {
        let (id, stream, sequence) = peer.record().await.unwrap();
        assert_eq!((stream.as_str(), sequence), (expected, 1));
        peer.answer(id, 0).await;
    }
    let aside = lane.handle.set_aside().await.expect("the uplink lives");
    assert_eq!((&*aside.stream, aside.sequence, aside.limit), ("inspection", 2, 1000));
    assert!(aside.size > 1000);
    lane.until("the stream waits for the note", |state| {
        state.streams["inspection"].waiting == Some(Waiting::TooLarge) && ledger.retired("inspection") == 1
    })
    .await;
    assert!(peer.is_quiet().await, "nothing goes out behind it before it is noted");
    assert_eq!(ledger.retired("inspection"), 1, "it is owed until it is noted");
    aside.noted();
    let (id, stream, sequence) = peer.record().await.unwrap();
    assert_eq!((stream.as_str(), sequence), ("inspection", 3));
    peer.answer(id, 0).await;
    lane.nothing_owed(&ledger).await;
    tokio::join!(serve(peer), lane.close());
}

#[tokio::test]
async fn wherever_the_connection_is_cut_everything_is_acknowledged_and_first_comes_in_order() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (stub, ledger) = (Stub::new().await, Ledger::new());
    let mut settings = quick(&stub);
    settings.window = 8;
    settings.retry_max = Duration::from_millis(20);
    let mut lane = spawn(settings, &ledger);
    let mut first: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut acknowledged: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..40 {
        for stream in ["alarm", "telemetry", "agency-customs"] {
            ledger.append(stream, random.usize(0..6), "x");
        }
        let mut peer = stub.accept(&[]).await;
        for _ in 0..random.usize(0..20) {
            let Ok(Some((id, stream, sequence))) = tokio::time::timeout(A_WHILE, peer.record()).await else { break };
            let firsts = first.entry(stream.clone()).or_default();
            if !firsts.contains(&sequence) {
                firsts.push(sequence);
            }
            if random.u8(..) < 200 {
                acknowledged.entry(stream).or_default().push(sequence);
                peer.answer(id, 0).await;
            }
        }
        drop(peer); // a reset, for there are unread bytes, or an end in the middle of a packet
        for (stream, acknowledged) in &acknowledged {
            let retired = ledger.retired(stream);
            assert!(
                (1..=retired).all(|sequence| acknowledged.contains(&sequence)),
                "{stream} retired {retired}: {acknowledged:?}"
            );
        }
    }
    let mut peer = stub.accept(&[]).await;
    while let Some((id, stream, sequence)) = tokio::select! {
        record = peer.record() => record,
        () = lane.nothing_owed(&ledger) => None,
    } {
        let firsts = first.entry(stream).or_default();
        if !firsts.contains(&sequence) {
            firsts.push(sequence);
        }
        peer.answer(id, 0).await;
    }
    for (stream, firsts) in &first {
        assert!(firsts.iter().copied().eq(1..=firsts.len() as u64), "{stream}: {firsts:?}");
    }
    assert_eq!(first.values().map(Vec::len).sum::<usize>() as u64, ledger.total());
    tokio::join!(serve(peer), lane.close());
}

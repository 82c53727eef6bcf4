//! Orders on a misbehaving wire: what protects is repeated until it is confirmed, what moves is never asked twice.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use modbus_peer::{Act, Asked, HANG, Peer, Rig, device};
use portside::clock::Clock;
use portside::field::{FieldEvent, LinkState, Outcome, Urgency, WriteRequest};
use portside::simulate::serve;
use portside_devices::barrier::{BarrierCommand, writes};
use portside_devices::kind::Closes;
use portside_devices::library::Library;
use portside_devices::profile::Profile;
use portside_devices::reading::Value;
use portside_devices::simulate::{Fault, Gate, GateSetup};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

const STOP: Urgency = Urgency::Protective { give_up: None };

fn shipped(name: &str) -> Arc<Profile> {
    Library::shipped().get(name).unwrap().unwrap()
}

fn order(rig: &Rig, profile: &Profile, command: BarrierCommand, urgency: Urgency) -> oneshot::Receiver<Outcome> {
    rig.handle.write(WriteRequest { device: 0, writes: writes(profile, command).unwrap(), urgency })
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

/// Writes of `on` to a coil.
fn switched_on(asked: &[Asked], coil: u16) -> usize {
    asked.iter().filter(|asked| asked.pdu[0] == 5 && asked.address() == coil && asked.count() == 0xFF00).count()
}

fn right(asked: &Asked) -> Vec<Act> {
    vec![Act::Send(asked.right())]
}

async fn relay(peer: &Peer, timeout: Duration) -> (Rig, Arc<Profile>) {
    let profile = shipped("barrier/generic-relay");
    let devices = vec![device(0, 1, &profile, &["opened", "closed"], Duration::from_millis(20))];
    let mut rig = Rig::start(peer.address, devices, timeout);
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Up, .. }).then_some(())).await;
    (rig, profile)
}

#[tokio::test]
async fn outputs_are_brought_to_rest_before_anything_else() {
    let peer = Peer::start(right).await;
    let (mut rig, _) = relay(&peer, Duration::from_millis(200)).await;
    rig.good("opened").await;
    let first: Vec<_> =
        peer.asked().iter().take(3).map(|asked| (asked.pdu[0], asked.address(), asked.count())).collect();
    assert_eq!(first, [(5, 0, 0), (5, 1, 0), (5, 2, 0)]);
}

#[tokio::test]
async fn a_stop_is_repeated_until_it_is_confirmed() {
    let stops = Arc::new(AtomicUsize::new(0));
    let seen = stops.clone();
    let peer = Peer::start(move |asked| {
        let stop = asked.pdu[0] == 5 && asked.address() == 1 && asked.count() == 0xFF00;
        if stop && seen.fetch_add(1, SeqCst) < 6 { Vec::new() } else { right(asked) }
    })
    .await;
    let (mut rig, profile) = relay(&peer, Duration::from_millis(30)).await;
    let stop = order(&rig, &profile, BarrierCommand::Stop, STOP);
    rig.until(|event| matches!(event, FieldEvent::Unconfirmed { device: 0, attempts: 1, .. }).then_some(())).await;
    let open = order(&rig, &profile, BarrierCommand::Open, Urgency::Command);
    assert!(matches!(outcome(open).await, Outcome::NotSent(_)), "no command before the stop is confirmed");
    assert_eq!(outcome(stop).await, Outcome::Written);
    assert_eq!(switched_on(&peer.asked(), 1), 7);
    assert_eq!(switched_on(&peer.asked(), 0), 0);
}

#[tokio::test]
async fn a_stop_that_a_dead_unit_never_confirms_leaves_turns_to_the_others() {
    for act in [None, Some(Act::Close)] {
        let drops = act.clone();
        let peer = Peer::start(move |asked| match asked.unit {
            1 => drops.iter().cloned().collect(),
            _ => right(asked),
        })
        .await;
        let (relay, other) = (shipped("barrier/generic-relay"), shipped("io/waveshare-8ch"));
        let every = Duration::from_millis(20);
        let devices = vec![device(0, 1, &relay, &[], every), device(1, 2, &other, &["di1"], every)];
        let mut rig = Rig::start(peer.address, devices, Duration::from_millis(50));
        let mut stop = order(&rig, &relay, BarrierCommand::Stop, STOP);
        rig.until(|event| matches!(event, FieldEvent::Unconfirmed { attempts: 5.., .. }).then_some(())).await;
        let before = peer.asked().len();
        for _ in 0..40 {
            rig.good("di1").await;
        }
        let asked = peer.asked();
        let stops = switched_on(&asked[before..], 1);
        assert!((1..=20).contains(&stops), "{stops} attempts beside 40 polls of the other");
        assert!(stop.try_recv().is_err(), "a stop is never given up");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_poll_in_flight() {
    let mute = Arc::new(AtomicBool::new(false));
    let muted = mute.clone();
    let peer =
        Peer::start(move |asked| if muted.load(SeqCst) && !asked.is_write() { Vec::new() } else { right(asked) }).await;
    // An answer may take longer than the test: only the drop of the connection can let the stop through.
    let (_rig, profile) = relay(&peer, HANG * 10).await;
    let rig = _rig;
    mute.store(true, SeqCst);
    let polled = peer.asked().len();
    eventually("no poll came", || !peer.asked().iter().skip(polled).all(Asked::is_write)).await;
    assert_eq!(outcome(order(&rig, &profile, BarrierCommand::Stop, STOP)).await, Outcome::Written);
    assert_eq!(switched_on(&peer.asked(), 1), 1);
}

#[tokio::test]
async fn a_stop_given_while_the_link_is_down_goes_out_first_when_it_is_back() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let profile = shipped("barrier/generic-relay");
    let devices = vec![device(0, 1, &profile, &["opened"], Duration::from_millis(20))];
    let mut rig = Rig::start(address, devices, Duration::from_millis(100));
    rig.until(|event| matches!(event, FieldEvent::Link { state: LinkState::Down { .. }, .. }).then_some(())).await;
    let open = order(&rig, &profile, BarrierCommand::Open, Urgency::Command);
    assert!(matches!(outcome(open).await, Outcome::NotSent(reason) if reason.contains("is down")));
    let reversal = Urgency::Protective { give_up: Some(Duration::from_millis(300)) };
    let reversal = order(&rig, &profile, BarrierCommand::Open, reversal);
    assert!(matches!(outcome(reversal).await, Outcome::Unknown(_)), "given up, not done an hour later");
    let stop = order(&rig, &profile, BarrierCommand::Stop, STOP);
    let clock = Clock::start();
    let gate = Gate::new(GateSetup::new(Closes::Pulse));
    let site = portside::simulate::serve_at(gate, address, clock, CancellationToken::new()).await.unwrap();
    assert_eq!(outcome(stop).await, Outcome::Written);
    assert_eq!(site.with(|gate, _| gate.view().closings), 0);
}

#[tokio::test]
async fn an_open_whose_answer_was_lost_is_read_back_and_not_repeated() {
    for (done, expected) in [(true, "written"), (false, "not done")] {
        let lost = Arc::new(AtomicBool::new(false));
        let seen = lost.clone();
        let peer = Peer::start(move |asked| match asked.pdu[0] {
            5 if asked.address() == 0 && asked.count() == 0xFF00 => {
                seen.store(true, SeqCst);
                Vec::new()
            }
            // Reading coil 0 back shows whether it was done.
            1 if asked.address() == 0 && asked.count() == 1 => {
                vec![Act::Send(asked.frame(&[1, 1, u8::from(done && seen.load(SeqCst))]))]
            }
            _ => right(asked),
        })
        .await;
        let (rig, profile) = relay(&peer, Duration::from_millis(50)).await;
        let result = outcome(order(&rig, &profile, BarrierCommand::Open, Urgency::Command)).await;
        match expected {
            "written" => assert_eq!(result, Outcome::Written),
            _ => assert!(matches!(&result, Outcome::NotSent(why) if why.contains("reading back")), "{result:?}"),
        }
        assert_eq!(switched_on(&peer.asked(), 0), 1, "{expected}");
    }
}

#[tokio::test]
async fn a_close_whose_answer_was_lost_stays_in_doubt_although_it_reads_back_as_off() {
    let peer = Peer::start(|asked| match asked.pdu[0] {
        5 if asked.address() == 2 && asked.count() == 0xFF00 => Vec::new(),
        1 if asked.address() == 2 && asked.count() == 1 => vec![Act::Send(asked.frame(&[1, 1, 0]))],
        _ => right(asked),
    })
    .await;
    let (rig, profile) = relay(&peer, Duration::from_millis(50)).await;
    let result = outcome(order(&rig, &profile, BarrierCommand::Close { renewal: 0 }, Urgency::Command)).await;
    assert!(matches!(&result, Outcome::Unknown(why) if why.contains("reads back as off")), "{result:?}");
    assert_eq!(switched_on(&peer.asked(), 2), 1);
}

/// A listener whose queue is full: further connections hang.
fn full_listener() -> (std::net::TcpListener, Vec<std::net::TcpStream>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let waiting = std::iter::from_fn(connect).take(64).collect();
    (listener, waiting)
}

#[tokio::test]
async fn a_stop_starts_its_own_attempt_while_another_connection_hangs() {
    let (listener, _waiting) = full_listener();
    let profile = shipped("barrier/generic-relay");
    let devices = vec![device(0, 1, &profile, &["opened"], Duration::from_millis(20))];
    let mut rig = Rig::start(listener.local_addr().unwrap(), devices, Duration::from_millis(100));
    // The link's task runs until its connection hangs, then this one goes on.
    tokio::task::yield_now().await;
    let _stop = order(&rig, &profile, BarrierCommand::Stop, STOP);
    let first = |event: &FieldEvent| match event {
        FieldEvent::Link { state: LinkState::Down { reason }, .. } => Some(reason.clone()),
        FieldEvent::Link { .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => None,
    };
    let reason = rig.until(first).await;
    assert!(reason.contains("within 250 ms"), "the attempt of before went on: {reason}");
}

#[tokio::test]
async fn the_end_of_a_pulse_survives_the_loss_of_the_link() {
    let ends = Arc::new(AtomicUsize::new(0));
    let (seen, opened) = (ends.clone(), Arc::new(AtomicBool::new(false)));
    let peer = Peer::start(move |asked| {
        if asked.pdu[0] == 5 && asked.address() == 0 {
            if asked.count() == 0xFF00 {
                opened.store(true, SeqCst);
            } else if opened.load(SeqCst) && seen.fetch_add(1, SeqCst) < 2 {
                return vec![Act::Close];
            }
        }
        right(asked)
    })
    .await;
    let (mut rig, profile) = relay(&peer, Duration::from_millis(50)).await;
    assert_eq!(outcome(order(&rig, &profile, BarrierCommand::Open, Urgency::Command)).await, Outcome::Written);
    eventually("the pulse was not ended", || ends.load(SeqCst) >= 3).await;
    rig.good("opened").await;
    let asked = peer.asked();
    let off = asked
        .iter()
        .filter(|asked| asked.pdu[0] == 5 && asked.address() == 0 && asked.count() == 0)
        .collect::<Vec<_>>();
    // At rest at the start, before the pulse opens (close comes off, open does not), and three times at its end.
    assert_eq!(off.len(), 1 + 3);
    assert!(off[1].connection < off[2].connection && off[2].connection < off[3].connection);
}

#[tokio::test]
async fn a_link_that_ends_ends_its_pulses() {
    let peer = Peer::start(right).await;
    let (rig, profile) = relay(&peer, Duration::from_millis(100)).await;
    assert_eq!(outcome(order(&rig, &profile, BarrierCommand::Open, Urgency::Command)).await, Outcome::Written);
    rig.cancel.cancel();
    let ended = || peer.asked().iter().filter(|asked| asked.pdu == [5, 0, 0, 0, 0]).count() >= 2;
    eventually("the pulse was not ended", ended).await;
}

#[tokio::test]
async fn a_held_close_lives_by_its_renewals_and_dies_with_them() {
    let (clock, cancel) = (Clock::start(), CancellationToken::new());
    let site = serve(Gate::new(GateSetup::new(Closes::Held)), clock, cancel.clone()).await.unwrap();
    site.with(|gate, now| {
        gate.step(now);
        gate.place_arm(1.0);
    });
    let profile = shipped("barrier/generic-held");
    let devices = vec![device(0, 1, &profile, &["opened", "closed"], Duration::from_millis(10))];
    let mut rig = Rig::start(site.address(), devices, Duration::from_millis(200));
    rig.becomes("opened", Value::Bool(true)).await;
    for renewal in 0..5 {
        let close = order(&rig, &profile, BarrierCommand::Close { renewal }, Urgency::Command);
        assert_eq!(outcome(close).await, Outcome::Written);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(site.with(|gate, now| {
        gate.step(now);
        gate.view().closing
    }));
    let off = order(&rig, &profile, BarrierCommand::CloseOff, STOP);
    assert_eq!(outcome(off).await, Outcome::Written);
    assert!(!site.with(|gate, now| {
        gate.step(now);
        gate.view().relays[2]
    }));

    // Asked anew and then never renewed: the module lets go by itself.
    let close = order(&rig, &profile, BarrierCommand::Close { renewal: 0 }, Urgency::Command);
    assert_eq!(outcome(close).await, Outcome::Written);
    let let_go = || {
        site.with(|gate, now| {
            gate.step(now);
            !gate.view().relays[2]
        })
    };
    eventually("the module held on to a request that nobody renewed", let_go).await;
    assert!(site.with(|gate, _| gate.view().arm) > 0.5, "it let go long before the arm was down");
}

#[tokio::test]
async fn a_gate_is_opened_through_a_pulse_and_a_lost_answer_does_not_open_it_twice() {
    let (clock, cancel) = (Clock::start(), CancellationToken::new());
    let site = serve(Gate::new(GateSetup::new(Closes::Pulse)), clock, cancel.clone()).await.unwrap();
    let profile = shipped("barrier/generic-relay");
    let devices = vec![device(0, 1, &profile, &["opened", "closed"], Duration::from_millis(20))];
    let mut rig = Rig::start(site.address(), devices, Duration::from_millis(60));
    rig.becomes("closed", Value::Bool(true)).await;
    site.faults(|faults| faults.put(1, Fault::AnswerLost, Some(1)));
    let result = outcome(order(&rig, &profile, BarrierCommand::Open, Urgency::Command)).await;
    assert!(matches!(result, Outcome::Written | Outcome::NotSent(_)), "{result:?}");
    if result != Outcome::Written {
        // The lost answer was that of the switching-off before: nothing moved, and the caller was told so.
        assert!(!site.with(|gate, _| gate.view().relays[0]));
        assert_eq!(outcome(order(&rig, &profile, BarrierCommand::Open, Urgency::Command)).await, Outcome::Written);
    }
    rig.becomes("opened", Value::Bool(true)).await;
    assert_eq!(site.with(|gate, _| gate.view().relays), [false; 3], "the pulse has ended");
}

//! From an input to its record at the centre's side, and from an input to a coil, at a poll of 10 ms; each beside a bare
//! tokio-modbus loop that keeps nothing, in one run.
//!
//!     cargo bench --bench reaction              # 500 changes and 250 coils of each
//!     CHANGES=5000 COILS=2500 cargo bench --bench reaction
//!
//! The daemon is the shipped program with a lane file. The record is what the lane keeps when the arm moves unasked
//! (`arm.seen`), received by a plain MQTT 5 client from Mosquitto. The coil is the close that the lane gives when the
//! barrier's own protection reports ready: it waits until its record is on disk.

#![allow(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

mod site;

use std::time::Duration;

use portside::lane::Act;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, MqttOptions};
use site::mosquitto::Mosquitto;
use site::peers::{Daemon, Heard, Peer, lane_file, listen};
use site::{Times, disk, folder, setting};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_modbus::client::{Reader as _, Writer as _, tcp};
use tokio_modbus::slave::Slave;

const POLL: Duration = Duration::from_millis(10);
const ROUNDS: u64 = 2;
const BARE_TOPIC: &str = "bench/bare";

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let port = |place: usize| words.get(place).and_then(|word| word.parse().ok()).unwrap_or(0);
    match words.first().map(String::as_str) {
        Some("barrier") => site::simulator::barrier().await,
        Some("loop") => bare(port(1), port(2)).await,
        _ => measure().await,
    }
}

async fn measure() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let dir = folder();
    let disk = disk(dir.path());
    let (mut ours, our_port) = barrier().await;
    let (mut plain, plain_port) = barrier().await;
    // Before the lane begins: a stream that nobody hears is tried again after seconds only.
    let mut records = listen(broker.port, "eport/v1/CNTYN/G03/stream/+").await;
    let mut bare_records = listen(broker.port, BARE_TOPIC).await;
    lane_file(dir.path(), Some(broker.port), our_port, "10 ms", "");
    let mut daemon = Daemon::start(dir.path());
    daemon.until(|status| status["lane"]["arm"]["seen"] == "closed").await;
    let bare = Peer::start(&["loop".to_owned(), plain_port.to_string(), broker.port.to_string()]);
    // The arm closes only behind sensors that have been clear for 1.5 s.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let (coils, changes) = (setting("COILS", 250) / ROUNDS, setting("CHANGES", 500) / ROUNDS);
    let (mut coil, mut bare_coil) = (Times::default(), Times::default());
    let (mut record, mut bare_record) = (Times::default(), Times::default());
    let mut unmatched = 0;
    for _ in 0..ROUNDS {
        for _ in 0..coils {
            daemon.act(&Act::Open { reason: "bench".into() }).await;
            daemon.until(|status| status["lane"]["arm"]["state"] == "open").await;
            daemon.act(&Act::ConfirmClear).await;
            reaction(&mut ours, &mut coil).await;
        }
        for _ in 0..coils {
            tokio::time::sleep(POLL * 2).await;
            reaction(&mut plain, &mut bare_coil).await;
        }
        forget(&mut records, &mut bare_records).await;
        unmatched += moves(&mut ours, &mut records, changes, &mut record).await;
        unmatched += moves(&mut plain, &mut bare_records, changes, &mut bare_record).await;
        // An arm that was moved by hand for long latches an alarm, which a person ends before the next coils.
        daemon.ask(&Act::Resume).await;
    }
    println!("reaction: poll {} ms, Mosquitto, journal on {}", POLL.as_millis(), dir.path().display());
    println!("  disk alone, write + fdatasync         {disk}");
    println!("  input -> record -> subscriber         {record}   {unmatched} not matched");
    println!("    bare loop, nothing kept             {bare_record}");
    println!("    ratio {}", ratio(&record, &bare_record));
    println!("  input -> record on disk -> coil       {coil}   (aim p50/p99 6/11 ms)");
    println!("    bare loop, nothing kept             {bare_coil}");
    println!("    ratio {}", ratio(&coil, &bare_coil));
    daemon.end().await;
    bare.end().await;
    ours.end().await;
    plain.end().await;
}

fn ratio(ours: &Times, bare: &Times) -> String {
    format!("p50 {:.2}, p99 {:.2}", ours.at(0.5) / bare.at(0.5), ours.at(0.99) / bare.at(0.99))
}

async fn barrier() -> (Peer, u16) {
    let mut peer = Peer::start(&["barrier".to_owned()]);
    let port = peer.hear().await.parse().expect("a port");
    (peer, port)
}

/// Makes the protection ready at a moment that no poll knows of, and takes the time until the close coil is written.
async fn reaction(barrier: &mut Peer, times: &mut Times) {
    barrier.say(&format!("ready {}", fastrand::u64(5_000..25_000))).await;
    let nanos: u64 = barrier.hear().await.parse().expect("a number");
    assert!(nanos > 0, "the close coil was never written");
    times.add(Duration::from_nanos(nanos));
}

/// What the coils left behind.
async fn forget(ours: &mut UnboundedReceiver<Heard>, bare: &mut UnboundedReceiver<Heard>) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    while ours.try_recv().is_ok() {}
    while bare.try_recv().is_ok() {}
}

/// Moves the arm by hand and takes the time until the record of it is at the subscriber; returns the moves without one.
async fn moves(barrier: &mut Peer, records: &mut UnboundedReceiver<Heard>, count: u64, times: &mut Times) -> u64 {
    let mut missing = 0;
    for _ in 0..count {
        barrier.say("flip").await;
        let told = barrier.hear().await;
        let (nanos, position) = told.split_once(' ').expect("a moment and a position");
        let moved = Duration::from_nanos(nanos.parse().expect("a number"));
        match tokio::time::timeout(Duration::from_secs(2), seen(records, position)).await {
            Ok(heard) => times.add(heard.saturating_sub(moved)),
            Err(_) => missing += 1,
        }
        tokio::time::sleep(Duration::from_micros(fastrand::u64(10_000..30_000))).await;
    }
    missing
}

/// When the record that shows the arm at `position` was here.
async fn seen(records: &mut UnboundedReceiver<Heard>, position: &str) -> Duration {
    let wanted = format!("\"position\":\"{position}\"");
    loop {
        let (at, payload) = records.recv().await.expect("the listener lives");
        if String::from_utf8_lossy(&payload).contains(&wanted) {
            return at;
        }
    }
}

/// What a loop without a journal does: reads every 10 ms, publishes the arm when it moved, writes the coil when the
/// protection is ready.
async fn bare(modbus: u16, broker: u16) {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], modbus));
    let stream = tokio::net::TcpStream::connect(address).await.expect("the barrier answers");
    stream.set_nodelay(true).expect("it can be set");
    let mut link = tcp::attach_slave(stream, Slave(1));
    let mut options = MqttOptions::new("bare", "127.0.0.1", broker);
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut eventloop) = AsyncClient::new(options, 100);
    tokio::spawn(async move { while eventloop.poll().await.is_ok() {} });
    let parent = tokio::spawn(async { tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await });
    let mut tick = tokio::time::interval(POLL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last = Vec::new();
    while !parent.is_finished() {
        tick.tick().await;
        let inputs = link.read_discrete_inputs(0, 6).await.expect("it answers").expect("without an exception");
        if inputs[2] && last.get(2) != Some(&true) {
            link.write_single_coil(2, true).await.expect("it answers").expect("without an exception");
        }
        if last.get(..2).is_some_and(|before: &[bool]| before != &inputs[..2]) {
            let text = format!("{{\"position\":\"{}\"}}", if inputs[0] { "open" } else { "closed" });
            client.try_publish(BARE_TOPIC, QoS::AtLeastOnce, false, text).expect("there is room");
        }
        last = inputs;
    }
}

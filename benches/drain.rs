//! How fast the uplink drains a backlog, beside a bare rumqttc window loop, on one Mosquitto in one run.
//!
//!     cargo bench --bench drain              # 200,000 records, three rounds
//!     RECORDS=20000 cargo bench --bench drain
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says by panicking what went wrong

#[path = "../tests/uplink_site/mod.rs"]
mod uplink_site;

use bytes::Bytes;
use portside::clock::Clock;
use portside::uplink::RECORD_TYPE;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio_util::sync::CancellationToken;
use uplink_site::ledger::Ledger;
use uplink_site::mosquitto::Mosquitto;
use uplink_site::{ROOT, settings, spawn};

const WINDOW: u16 = 100;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let records = std::env::var("RECORDS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000_usize);
    let Some(broker) = Mosquitto::start("").await else { return };
    let stop = CancellationToken::new();
    tokio::spawn(listen(broker.port, stop.clone()));
    let ledger = Ledger::new();
    ledger.append("telemetry", records, "");
    let payloads: Vec<Bytes> = (1..=records as u64).map(|sequence| ledger.record("telemetry", sequence)).collect();
    println!("{records} records of about {} bytes, window {WINDOW}", payloads[records / 2].len());
    for round in 1..=ROUNDS {
        let bare = rate(records, bare(broker.port, &payloads)).await;
        ledger.forget_retired();
        let uplink = rate(records, uplink(&broker, &ledger)).await;
        println!("round {round}: bare {bare:.0}/s, uplink {uplink:.0}/s, ratio {:.2}", uplink / bare);
    }
    stop.cancel();
}

async fn rate(records: usize, work: impl Future<Output = ()>) -> f64 {
    let clock = Clock::start();
    let start = clock.moment();
    work.await;
    records as f64 / clock.moment().since(start).as_secs_f64()
}

/// A subscriber, for without one the broker says that nobody hears.
async fn listen(port: u16, stop: CancellationToken) {
    let mut options = MqttOptions::new("listener", "127.0.0.1", port);
    options.set_max_packet_size(Some(1 << 20));
    let (client, mut eventloop) = AsyncClient::new(options, 10);
    client.subscribe(format!("{ROOT}/stream/#"), QoS::AtMostOnce).await.expect("it is queued");
    while let Some(event) = stop.run_until_cancelled(eventloop.poll()).await {
        event.expect("the listener stays connected");
    }
}

async fn bare(port: u16, payloads: &[Bytes]) {
    let mut options = MqttOptions::new("bare", "127.0.0.1", port);
    options.set_outgoing_inflight_upper_limit(WINDOW).set_max_packet_size(Some(1 << 20));
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut eventloop) = AsyncClient::new(options, usize::from(WINDOW) + 4);
    let topic = format!("{ROOT}/stream/telemetry");
    let properties = PublishProperties { content_type: Some(RECORD_TYPE.to_owned()), ..PublishProperties::default() };
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < payloads.len() {
        while sent < payloads.len() && sent - acknowledged < usize::from(WINDOW) {
            client
                .try_publish_with_properties(
                    &topic,
                    QoS::AtLeastOnce,
                    false,
                    payloads[sent].clone(),
                    properties.clone(),
                )
                .expect("there is room");
            sent += 1;
        }
        if let Event::Incoming(Packet::PubAck(_)) = eventloop.poll().await.expect("the bare loop stays connected") {
            acknowledged += 1;
        }
    }
}

async fn uplink(broker: &Mosquitto, ledger: &Ledger) {
    let mut settings = settings(&broker.url());
    settings.window = WINDOW;
    let mut lane = spawn(settings, ledger);
    lane.nothing_owed(ledger).await;
    lane.close().await;
}

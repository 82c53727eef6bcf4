//! The uplink and the broker inside the daemon.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says by panicking what went wrong
#![cfg(feature = "embedded-broker")]

mod uplink_site;

use uplink_site::ledger::Ledger;
use uplink_site::subscriber::Subscriber;
use uplink_site::{settings, spawn};

#[tokio::test]
async fn the_embedded_broker_carries_a_lane_to_a_centre() {
    let addr = "127.0.0.1:0".parse().expect("an address");
    let broker = tokio::task::spawn_blocking(move || portside::broker::start(addr)).await.unwrap().expect("it starts");
    let ledger = Ledger::new();
    for stream in ["telemetry", "alarm", "inspection"] {
        ledger.append(stream, 50, "x");
    }
    let Some(centre) = Subscriber::start(broker.addr.port(), 150, &[]).await else { return };
    let mut lane = spawn(settings(&format!("mqtt://{}", broker.addr)), &ledger);
    lane.nothing_owed(&ledger).await;
    let (report, proved) = centre.end().await;
    assert!(proved, "{report}");
    assert_eq!(report["status"][0]["state"], "online");
    lane.close().await;
}

#[test]
fn a_port_that_is_taken_is_an_error_and_not_a_silent_thread() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fault = portside::broker::start(taken.local_addr().unwrap()).unwrap_err();
    assert_eq!(fault.kind(), std::io::ErrorKind::AddrInUse);
}

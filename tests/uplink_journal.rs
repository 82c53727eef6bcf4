//! The uplink and the real journal: what is on disk reaches the centre, once, also over a restart.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says by panicking what went wrong

mod uplink_site;

use std::path::Path;

use jiff::Timestamp;
use portside::journal::{Draft, Identity, Journal, Options, Stream};
use portside::uplink::JournalOwed;
use serde_json::json;
use uplink_site::mosquitto::Mosquitto;
use uplink_site::subscriber::Subscriber;
use uplink_site::{Running, settings, spawn_with};

fn open(dir: &Path) -> Journal {
    let identity = Identity { port: "CNTYN".into(), lane: "G03".into() };
    Journal::open(dir, &identity, Options::default()).expect("the journal opens").0
}

async fn append(journal: &Journal, stream: Stream, count: usize) {
    let time = Timestamp::from_millisecond(1_795_248_930_120).expect("a time");
    let draft = Draft::new(stream, "test.made", "s", time, json!({"text": "海关"}));
    journal.append(&vec![draft; count]).await.expect("the records are durable");
}

async fn everything_retired(lane: &mut Running, journal: &Journal) {
    let heads = journal.heads();
    let nothing_left = || heads.borrow().streams.iter().all(|(stream, newest)| journal.owed(stream) == newest + 1);
    lane.until("everything retired", |state| state.owed() == 0 && nothing_left()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_disk_reaches_the_centre_once_also_over_a_restart() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let Some(centre) = Subscriber::start(broker.port, 1_120, &[]).await else { return };
    let dir = tempfile::tempdir().expect("a directory");

    let journal = open(dir.path());
    append(&journal, Stream::Telemetry, 1_000).await;
    append(&journal, Stream::agency("customs").expect("an id"), 10).await;
    let mut lane = spawn_with(settings(&broker.url()), JournalOwed::open(journal.clone()).await.expect("it reads"));
    lane.online().await;
    append(&journal, Stream::Alarm, 10).await; // a stream that was not there before
    everything_retired(&mut lane, &journal).await;
    lane.close().await;
    append(&journal, Stream::Inspection, 50).await;
    journal.close().await;

    let journal = open(dir.path());
    let mut lane = spawn_with(settings(&broker.url()), JournalOwed::open(journal.clone()).await.expect("it reads"));
    append(&journal, Stream::Telemetry, 50).await;
    everything_retired(&mut lane, &journal).await;
    lane.close().await;
    journal.close().await;

    let (report, proved) = centre.end().await;
    assert!(proved, "{report}");
    assert_eq!(report["duplicates"], 0, "{report}");
}

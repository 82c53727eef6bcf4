//! The centre of the demo: an MQTT client that counts what arrives and checks every stream's chain with nothing but
//! SHA-256.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// Hashes of a stream that are kept to know a record again.
const KNOWN_MAX: usize = 4096;

/// What the centre has received.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// The newest sequences of each stream and the hashes of their records.
    streams: BTreeMap<String, BTreeMap<u64, String>>,
    /// The lane has run before: what comes first follows from what an earlier centre received.
    goes_on: bool,
    /// Records, each counted once.
    pub(super) records: u64,
    /// Records that came again, byte for byte.
    pub(super) again: u64,
    /// Sentences about gaps and broken chains; empty is well.
    pub(super) faults: Vec<String>,
}

impl Received {
    /// Takes in one message of a stream.
    pub(super) fn take(&mut self, stream: &str, payload: &[u8]) {
        let Ok(record) = serde_json::from_slice::<serde_json::Value>(payload) else {
            self.faults.push(format!("{stream}: a message is not JSON"));
            return;
        };
        let sequence = record["sequence"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let hash = hex::encode(Sha256::digest(payload));
        let known = self.streams.entry(stream.to_owned()).or_default();
        if let Some(other) = known.get(&sequence) {
            self.again += 1;
            if *other != hash {
                self.faults.push(format!("{stream}: {sequence} came twice and was not the same"));
            }
            return;
        }
        match known.last_key_value() {
            None if self.goes_on => {}
            None if sequence != 1 || record["prev"] != "0".repeat(64) => {
                self.faults.push(format!("{stream}: begins with {sequence}"))
            }
            Some((newest, _)) if sequence != newest + 1 => {
                self.faults.push(format!("{stream}: {sequence} came after {newest}"));
            }
            Some((newest, before)) if record["prev"] != before.as_str() => {
                self.faults.push(format!("{stream}: {sequence} does not follow from {newest}"));
            }
            None | Some(_) => {}
        }
        self.records += 1;
        known.insert(sequence, hash);
        if known.len() > KNOWN_MAX {
            known.pop_first();
        }
    }

    /// Newest sequence of a stream.
    pub(super) fn newest(&self, stream: &str) -> u64 {
        self.streams.get(stream).and_then(BTreeMap::last_key_value).map_or(0, |(newest, _)| *newest)
    }
}

/// A shared view of what the centre has received.
#[derive(Clone, Debug)]
pub(super) struct Centre(Arc<Mutex<Received>>);

impl Centre {
    /// A centre for a lane that has run before (`goes_on`), or begins.
    pub(super) fn new(goes_on: bool) -> Self {
        Self(Arc::new(Mutex::new(Received { goes_on, ..Received::default() })))
    }

    /// What it has received so far.
    pub(super) fn received(&self) -> Received {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Subscribes at `host:port` and takes in what comes, until `stop`.
    pub(super) async fn listen(self, host: String, port: u16, root: String, stop: CancellationToken) {
        let lane = root.rsplit('/').next().unwrap_or_default();
        let mut options = MqttOptions::new(format!("eport-centre-demo-{lane}"), host, port);
        options.set_keep_alive(Duration::from_secs(10)).set_clean_start(false).set_max_packet_size(Some(2 << 20));
        let mut properties = rumqttc::v5::mqttbytes::v5::ConnectProperties::new();
        properties.session_expiry_interval = Some(3600);
        properties.max_packet_size = Some(2 << 20);
        options.set_connect_properties(properties);
        let (client, mut events) = AsyncClient::new(options, 64);
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    let topic = format!("{root}/stream/#");
                    if let Err(error) = client.try_subscribe(topic, QoS::AtLeastOnce) {
                        tracing::warn!(%error, "the centre cannot subscribe");
                    }
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                    let stream = topic.rsplit('/').next().unwrap_or_default();
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).take(stream, &publish.payload);
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: u64, prev: &str) -> Vec<u8> {
        format!(r#"{{"sequence":"{sequence:020}","prev":"{prev}"}}"#).into_bytes()
    }

    #[test]
    fn a_chain_that_holds_is_counted_and_a_repeated_record_once() {
        let mut received = Received::default();
        let first = record(1, &"0".repeat(64));
        received.take("alarm", &first);
        received.take("alarm", &first);
        received.take("alarm", &record(2, &hex::encode(Sha256::digest(&first))));
        assert_eq!((received.records, received.again, received.faults.len()), (2, 1, 0));
    }

    #[test]
    fn the_first_record_of_a_lane_that_goes_on_may_have_any_sequence_and_only_the_first() {
        let mut received = Received { goes_on: true, ..Received::default() };
        received.take("alarm", &record(7, &"1".repeat(64)));
        assert!(received.faults.is_empty());
        received.take("alarm", &record(9, &"1".repeat(64)));
        assert_eq!(received.faults.len(), 1);
        let mut received = Received::default();
        received.take("alarm", &record(7, &"1".repeat(64)));
        assert_eq!(received.faults.len(), 1);
    }

    #[test]
    fn one_id_with_two_contents_is_seen() {
        let mut received = Received::default();
        received.take("alarm", &record(1, &"0".repeat(64)));
        received.take("alarm", &record(1, &"1".repeat(64)));
        assert!(received.faults[0].contains("not the same"));
    }

    #[test]
    fn a_gap_and_a_changed_record_are_seen() {
        let mut received = Received::default();
        received.take("alarm", &record(1, &"0".repeat(64)));
        received.take("alarm", &record(3, &"0".repeat(64)));
        assert!(received.faults[0].contains("3 came after 1"));
        received.take("alarm", &record(4, &"1".repeat(64)));
        assert!(received.faults[1].contains("does not follow"));
    }
}

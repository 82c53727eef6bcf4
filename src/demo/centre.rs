//! The centre of the demo: an MQTT client that counts what arrives and checks every stream's chain with nothing but
//! SHA-256.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// What the centre has received.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// Newest sequence and hash by stream.
    streams: BTreeMap<String, (u64, String)>,
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
        let (newest, hash) = self.streams.get(stream).cloned().unwrap_or((0, "0".repeat(64)));
        if sequence <= newest {
            self.again += 1;
            return;
        }
        if sequence != newest + 1 {
            self.faults.push(format!("{stream}: {sequence} came after {newest}"));
        } else if record["prev"] != hash.as_str() {
            self.faults.push(format!("{stream}: {sequence} does not follow from {newest}"));
        }
        self.records += 1;
        self.streams.insert(stream.to_owned(), (sequence, hex::encode(Sha256::digest(payload))));
    }

    /// Newest sequence of a stream.
    pub(super) fn newest(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |(newest, _)| *newest)
    }
}

/// A shared view of what the centre has received.
#[derive(Clone, Debug, Default)]
pub(super) struct Centre(Arc<Mutex<Received>>);

impl Centre {
    /// What it has received so far.
    pub(super) fn received(&self) -> Received {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Subscribes at `host:port` and takes in what comes, until `stop`.
    pub(super) async fn listen(self, host: String, port: u16, root: String, stop: CancellationToken) {
        let mut options = MqttOptions::new("eport-centre-demo", host, port);
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
    fn a_gap_and_a_changed_record_are_seen() {
        let mut received = Received::default();
        received.take("alarm", &record(1, &"0".repeat(64)));
        received.take("alarm", &record(3, &"0".repeat(64)));
        assert!(received.faults[0].contains("3 came after 1"));
        received.take("alarm", &record(4, &"1".repeat(64)));
        assert!(received.faults[1].contains("does not follow"));
    }
}

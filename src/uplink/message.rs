//! The wire form: topics, payloads, and how large a packet becomes. Other systems hold on to every byte of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde::Serialize;

use super::owed::Span;

/// Content type of a record.
pub const RECORD_TYPE: &str = "application/cloudevents+json";

/// The topics of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    root: String,
}

impl Topics {
    /// Topics under `eport/v1/{port}/{lane}`.
    pub fn new(port: &str, lane: &str) -> Self {
        Self { root: format!("eport/v1/{port}/{lane}") }
    }

    /// Retained; also the will's.
    pub fn status(&self) -> String {
        format!("{}/status", self.root)
    }

    /// One record a message, in order.
    pub fn stream(&self, stream: &str) -> String {
        format!("{}/stream/{stream}", self.root)
    }
}

/// How a device is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Answers, and what it says can be used.
    Good,
    /// Answers, but not all it says can be used.
    Degraded,
    /// Does not answer.
    Lost,
    /// Not asked yet.
    Unknown,
}

/// How one device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceHealth {
    /// In one word.
    pub state: DeviceState,
    /// For the technician; `None` when there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the lane says of itself in its status; the uplink adds session, epoch and streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LaneStatus {
    /// Software version.
    pub version: Arc<str>,
    /// Lower-case hex SHA-256 of the configuration in force.
    pub config_hash: Arc<str>,
    /// `normal` or `emergency`.
    pub mode: Arc<str>,
    /// Challenges that a request which moves a device may carry, newest first.
    pub challenges: Vec<Arc<str>>,
    /// Every device by its id.
    pub devices: BTreeMap<Arc<str>, DeviceHealth>,
}

/// What the lane says it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Online,
    Offline,
    Closing,
}

/// What every status, and nothing more than which the will carries.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Presence {
    pub(super) state: Standing,
    pub(super) session: Arc<str>,
    pub(super) epoch: Arc<str>,
}

impl Presence {
    /// The bytes of the will, and of a status where nothing longer fits.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        json(self)
    }
}

/// The whole status.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status<'a> {
    #[serde(flatten)]
    pub(super) presence: Presence,
    pub(super) since: &'a str,
    #[serde(flatten)]
    pub(super) lane: &'a LaneStatus,
    pub(super) streams: BTreeMap<Arc<str>, StreamStatus>,
}

impl Status<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        json(self)
    }
}

/// One stream within the status. An empty stream's oldest is one more than its newest.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StreamStatus {
    oldest: String,
    newest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<String>,
}

impl StreamStatus {
    pub(super) fn new(span: &Span, waiting: Option<String>) -> Self {
        Self { oldest: sequence(span.oldest), newest: sequence(span.newest), waiting }
    }
}

/// Properties of a record's message.
pub(super) fn record_properties() -> PublishProperties {
    PublishProperties { content_type: Some(RECORD_TYPE.to_owned()), ..PublishProperties::default() }
}

/// Properties of a status message.
pub(super) fn status_properties() -> PublishProperties {
    PublishProperties { content_type: Some("application/json".to_owned()), ..PublishProperties::default() }
}

/// Bytes of a QoS 1 PUBLISH with a content type and no other property (MQTT 5.0, 3.3).
pub(super) const fn packet_size(topic: usize, content_type: usize, payload: usize) -> usize {
    let properties = 1 + 2 + content_type;
    let remaining = 2 + topic + 2 + varint(properties) + properties + payload;
    1 + varint(remaining) + remaining
}

/// Bytes that MQTT's variable byte integer takes for `value` (MQTT 5.0, 1.5.5).
const fn varint(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

fn sequence(sequence: u64) -> String {
    format!("{sequence:020}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings and numbers under string keys: there is nothing that could fail to be written.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Publish;

    // Other systems hold on to these bytes: if one of these tests fails, do not change the test.

    fn presence(state: Standing) -> Presence {
        Presence {
            state,
            session: "0198c2a4-0000-7000-8000-000000000001".into(),
            epoch: "0198c2a4-0000-7000-8000-000000000002".into(),
        }
    }

    #[test]
    fn topics_stand_under_port_and_lane() {
        let topics = Topics::new("CNTYN", "G03");
        assert_eq!(topics.status(), "eport/v1/CNTYN/G03/status");
        assert_eq!(topics.stream("agency-customs"), "eport/v1/CNTYN/G03/stream/agency-customs");
    }

    #[test]
    fn the_will_is_state_session_and_epoch_only() {
        assert_eq!(
            String::from_utf8(presence(Standing::Offline).to_bytes()).unwrap(),
            r#"{"state":"offline","session":"0198c2a4-0000-7000-8000-000000000001","epoch":"0198c2a4-0000-7000-8000-000000000002"}"#
        );
    }

    #[test]
    fn the_status_says_all_of_the_contract_in_this_order() {
        let lane = LaneStatus {
            version: "0.1.0".into(),
            config_hash: "9f2c".into(),
            mode: "normal".into(),
            challenges: vec!["c1".into(), "c0".into()],
            devices: BTreeMap::from([
                ("arm".into(), DeviceHealth { state: DeviceState::Good, reason: None }),
                ("loop".into(), DeviceHealth { state: DeviceState::Lost, reason: Some("no answer".into()) }),
            ]),
        };
        let full = Span { stream: "alarm".into(), oldest: 3, newest: 42, retired: 40 };
        let empty = Span { stream: "audit".into(), oldest: 1, newest: 0, retired: 0 };
        let status = Status {
            presence: presence(Standing::Online),
            since: "2026-11-21T08:15:30.120Z",
            lane: &lane,
            streams: BTreeMap::from([
                (full.stream.clone(), StreamStatus::new(&full, None)),
                (empty.stream.clone(), StreamStatus::new(&empty, Some("no subscriber".to_owned()))),
            ]),
        };
        assert_eq!(
            String::from_utf8(status.to_bytes()).unwrap(),
            concat!(
                r#"{"state":"online","session":"0198c2a4-0000-7000-8000-000000000001","epoch":"0198c2a4-0000-7000-8000-000000000002","#,
                r#""since":"2026-11-21T08:15:30.120Z","version":"0.1.0","config_hash":"9f2c","mode":"normal","challenges":["c1","c0"],"#,
                r#""devices":{"arm":{"state":"good"},"loop":{"state":"lost","reason":"no answer"}},"#,
                r#""streams":{"alarm":{"oldest":"00000000000000000003","newest":"00000000000000000042"},"#,
                r#""audit":{"oldest":"00000000000000000001","newest":"00000000000000000000","waiting":"no subscriber"}}}"#
            )
        );
    }

    #[test]
    fn a_record_travels_with_this_content_type_and_these_header_bytes() {
        let mut publish =
            Publish::new("eport/v1/P/L/stream/alarm", QoS::AtLeastOnce, &b"{}"[..], Some(record_properties()));
        publish.pkid = 7;
        let mut bytes = bytes::BytesMut::new();
        publish.write(&mut bytes).unwrap();
        let mut expected = vec![0x32, 63, 0, 25]; // PUBLISH, QoS 1, not retained; 63 bytes follow; a topic of 25
        expected.extend_from_slice(b"eport/v1/P/L/stream/alarm");
        expected.extend_from_slice(&[0, 7, 31, 0x03, 0, 28]); // packet id 7; 31 bytes of properties: content type of 28
        expected.extend_from_slice(b"application/cloudevents+json");
        expected.extend_from_slice(b"{}");
        assert_eq!(bytes.to_vec(), expected);
    }

    #[test]
    fn the_computed_size_is_the_size_on_the_wire() {
        for payload in [0, 1, 60, 62, 63, 64, 65, 127, 300, 16_000, 16_300, 16_400, 2_097_000, 2_097_200] {
            let mut publish = Publish::new(
                "eport/v1/CNTYN/G03/stream/alarm",
                QoS::AtLeastOnce,
                vec![b'x'; payload],
                Some(record_properties()),
            );
            publish.pkid = 1;
            let mut bytes = bytes::BytesMut::new();
            publish.write(&mut bytes).unwrap();
            let computed = packet_size("eport/v1/CNTYN/G03/stream/alarm".len(), RECORD_TYPE.len(), payload);
            assert_eq!(bytes.len(), computed, "payload of {payload}");
        }
    }
}

//! How the uplink fares, for screens, metrics and the status verb.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::order::Waiting;
use crate::clock::rfc3339_millis;

/// Whether there is a broker at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "link", rename_all = "snake_case")]
pub enum Link {
    /// An attempt is being made.
    Connecting,
    /// The broker accepted us.
    Online {
        /// Since when.
        #[serde(serialize_with = "time")]
        since: Timestamp,
    },
    /// Between two attempts.
    Offline {
        /// Why the last connection or attempt ended, for the technician.
        reason: String,
        /// Since when there has been no connection; the start of the uplink when there never was one.
        #[serde(serialize_with = "time")]
        since: Timestamp,
    },
}

/// What one stream owes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Durable records that are still owed.
    pub owed: u64,
    /// Why it stands still; `None` while it moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// How the uplink fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UplinkState {
    /// The connection.
    #[serde(flatten)]
    pub link: Link,
    /// What each stream owes.
    pub streams: BTreeMap<Arc<str>, Backlog>,
    /// When the broker last acknowledged a message.
    #[serde(serialize_with = "maybe_time")]
    pub last_ack: Option<Timestamp>,
}

impl UplinkState {
    /// Before the first attempt, and before the journal was looked at.
    pub(super) fn connecting() -> Self {
        Self { link: Link::Connecting, streams: BTreeMap::new(), last_ack: None }
    }

    /// Records still owed over all streams.
    pub fn owed(&self) -> u64 {
        self.streams.values().map(|stream| stream.owed).sum()
    }
}

fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_millis(*time))
}

#[allow(clippy::ref_option)] // the shape that serde calls
fn maybe_time<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => time(moment, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_as_one_flat_object() {
        let time = Timestamp::from_millisecond(1_795_248_930_120).unwrap();
        let waiting = Backlog { owed: 7, waiting: Some(Waiting::NoSubscriber) };
        let mut state = UplinkState {
            link: Link::Online { since: time },
            streams: BTreeMap::from([("alarm".into(), Backlog::default()), ("telemetry".into(), waiting)]),
            last_ack: Some(time),
        };
        assert_eq!(
            serde_json::to_string(&state).unwrap(),
            r#"{"link":"online","since":"2026-11-21T08:15:30.120Z","streams":{"alarm":{"owed":0},"telemetry":{"owed":7,"waiting":"no subscriber"}},"last_ack":"2026-11-21T08:15:30.120Z"}"#
        );
        assert_eq!(state.owed(), 7);
        state.link = Link::Connecting;
        state.last_ack = None;
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.starts_with(r#"{"link":"connecting","#) && text.ends_with(r#""last_ack":null}"#), "{text}");
    }
}

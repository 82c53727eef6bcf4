//! Why a connection ended, by who has to act: the network comes back by itself, a refusal needs a person.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode;
use rumqttc::v5::{ConnectionError, StateError, TlsError};

/// Why a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not reachable, cut, silent: try again soon.
    Link(String),
    /// One side rejects the other: try again, but seldom, for a person must change something.
    Refused(String),
    /// The broker acknowledges nothing though it is there.
    Stalled(Duration),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(reason) | Self::Refused(reason) => f.write_str(reason),
            Self::Stalled(wait) => {
                write!(f, "the broker acknowledged nothing for {} s though messages wait", wait.as_secs_f32())
            }
        }
    }
}

impl From<ConnectionError> for Fault {
    // The error belongs to another crate, which may grow; what is not known here is a broken link.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => Self::Refused(format!("the broker refused us: {code:?}")),
            ConnectionError::Timeout(_) => Self::Link("no answer from the broker in time".to_owned()),
            ConnectionError::Io(error) | ConnectionError::Tls(TlsError::Io(error)) => from_io(&error),
            ConnectionError::Tls(error) => Self::Refused(error.to_string()),
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
                from_disconnect(reason_code, reason_string)
            }
            ConnectionError::MqttState(StateError::Deserialization(PacketError::Io(error)) | StateError::Io(error)) => {
                from_io(&error)
            }
            ConnectionError::MqttState(StateError::AwaitPingResp) => {
                Self::Link("the broker did not answer a ping".to_owned())
            }
            ConnectionError::MqttState(StateError::ConnectionAborted) => {
                Self::Link("the broker closed the connection".to_owned())
            }
            other => Self::Link(other.to_string()),
        }
    }
}

fn from_io(error: &io::Error) -> Fault {
    let tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    let text = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if tls { Fault::Refused(format!("TLS: {text}")) } else { Fault::Link(text) }
}

// As above: other crate's enum.
#[allow(clippy::wildcard_enum_match_arm)]
fn from_disconnect(code: DisconnectReasonCode, reason: Option<String>) -> Fault {
    let text = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    match code {
        DisconnectReasonCode::SessionTakenOver => Fault::Refused(format!(
            "another client took our place{text}: give every lane its own client id, and run one daemon a lane"
        )),
        DisconnectReasonCode::NotAuthorized
        | DisconnectReasonCode::TopicNameInvalid
        | DisconnectReasonCode::RetainNotSupported
        | DisconnectReasonCode::QoSNotSupported
        | DisconnectReasonCode::PacketTooLarge => Fault::Refused(format!("the broker dropped us: {code:?}{text}")),
        code => Fault::Link(format!("the broker dropped us: {code:?}{text}")),
    }
}

/// How long to wait before the next attempt. Waits double and are jittered, so that the lanes of a port do not all
/// come back in the same instant.
#[derive(Debug)]
pub(super) struct Backoff {
    tries: u32,
    most: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const REFUSED_FIRST: Duration = Duration::from_secs(1);
const REFUSED_MOST: Duration = Duration::from_secs(30);

impl Backoff {
    pub(super) const fn new(most: Duration) -> Self {
        Self { tries: 0, most }
    }

    /// The broker acknowledged something: the next fault is a new story.
    pub(super) const fn reset(&mut self) {
        self.tries = 0;
    }

    /// The wait after `fault`; `chance` in 0..1 spreads it over its upper half.
    pub(super) fn wait(&mut self, fault: &Fault, chance: f64) -> Duration {
        let (first, most) = match fault {
            Fault::Link(_) | Fault::Stalled(_) => (FIRST, self.most),
            Fault::Refused(_) => (REFUSED_FIRST, REFUSED_MOST),
        };
        let wait = first.saturating_mul(1 << self.tries.min(16)).min(most);
        self.tries = self.tries.saturating_add(1);
        wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_begin_again_after_an_acknowledgement() {
        let mut backoff = Backoff::new(Duration::from_millis(1500));
        let link = Fault::Link(String::new());
        let waits: Vec<_> = (0..6).map(|_| backoff.wait(&link, 1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1500, 1500]);
        backoff.reset();
        assert_eq!(backoff.wait(&link, 0.0).as_millis(), 50);
        for _ in 0..100 {
            backoff.wait(&link, 0.5);
        }
        assert_eq!(backoff.wait(&link, 0.0).as_millis(), 750);
    }

    #[test]
    fn a_broker_that_refuses_us_is_asked_less_often() {
        let mut backoff = Backoff::new(Duration::from_millis(1500));
        let refused = Fault::Refused(String::new());
        let waits: Vec<_> = (0..7).map(|_| backoff.wait(&refused, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_certificate_fault_is_a_refusal_and_a_reset_is_the_link() {
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert!(matches!(Fault::from(ConnectionError::Io(tls)), Fault::Refused(_)));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(matches!(Fault::from(ConnectionError::Io(reset)), Fault::Link(_)));
    }
}

//! The streams of the journal: each has its own sequence and its own chain.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One stream. The order of the variants is the order of urgency between streams when the uplink has a choice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What a person must know at once.
    Alarm,
    /// The passages of subjects: everything that decides a release.
    Inspection,
    /// What only one agency can read.
    Agency(AgencyId),
    /// What devices did.
    Device,
    /// Who did what to the lane itself, and signed checkpoints.
    Audit,
    /// Thinned readings.
    Telemetry,
}

/// An agency's id as the lane file gives it: letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgencyId(Arc<str>);

impl AgencyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStream(String);

impl fmt::Display for UnknownStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no stream: expected alarm, inspection, device, telemetry, audit or agency-ID with an id of \
             letters, digits and hyphens",
            self.0
        )
    }
}

impl std::error::Error for UnknownStream {}

impl Stream {
    /// The stream of one agency; refused when the id could not stand in a topic.
    pub fn agency(id: &str) -> Result<Self, UnknownStream> {
        if is_id(id) { Ok(Self::Agency(AgencyId(Arc::from(id)))) } else { Err(UnknownStream(format!("agency-{id}"))) }
    }

    /// The byte that marks frames of this stream in the log.
    pub(super) const fn tag(&self) -> u8 {
        match self {
            Self::Alarm => 1,
            Self::Inspection => 2,
            Self::Device => 3,
            Self::Telemetry => 4,
            Self::Audit => 5,
            Self::Agency(_) => 6,
        }
    }
}

/// True for what may name a port, a lane or an agency.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alarm => f.write_str("alarm"),
            Self::Inspection => f.write_str("inspection"),
            Self::Device => f.write_str("device"),
            Self::Telemetry => f.write_str("telemetry"),
            Self::Audit => f.write_str("audit"),
            Self::Agency(id) => write!(f, "agency-{}", id.as_str()),
        }
    }
}

impl FromStr for Stream {
    type Err = UnknownStream;

    fn from_str(text: &str) -> Result<Self, UnknownStream> {
        match text {
            "alarm" => Ok(Self::Alarm),
            "inspection" => Ok(Self::Inspection),
            "device" => Ok(Self::Device),
            "telemetry" => Ok(Self::Telemetry),
            "audit" => Ok(Self::Audit),
            other => match other.strip_prefix("agency-") {
                Some(id) if is_id(id) => Self::agency(id),
                Some(_) | None => Err(UnknownStream(other.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_read_back_from_its_name() {
        for name in ["alarm", "inspection", "device", "telemetry", "audit", "agency-customs", "agency-C1-x"] {
            assert_eq!(name.parse::<Stream>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_name_that_could_not_stand_in_a_topic_is_refused() {
        for name in ["", "alarms", "agency-", "agency-a/b", "agency-海关", "agency-a b", "agency-#"] {
            let error = name.parse::<Stream>().unwrap_err();
            assert!(error.to_string().contains("is no stream"), "{name}");
        }
    }
}

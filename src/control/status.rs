//! What the control task publishes: one view of the lane with a generation number.

use std::collections::BTreeMap;
use std::sync::Arc;

use portside_devices::moment::Moment;
use serde::Serialize;

use super::devices::DeviceView;
use super::machine::LaneView;
use super::portals::PortalView;
use crate::lane::Sight;
use crate::lane::agreement::AgreementView;

/// What stays the same for one run.
#[derive(Clone, Debug, Serialize)]
pub struct LaneWords {
    /// Port id.
    pub port: Arc<str>,
    /// Lane id.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// Software version.
    pub version: &'static str,
    /// Process id.
    pub pid: u32,
    /// Lower-case hex SHA-256 of the lane file.
    pub config_hash: Arc<str>,
    /// `normal` or `emergency`.
    pub mode: Arc<str>,
}

/// One view of the lane.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Rises with every view of this run.
    pub generation: u64,
    /// Which lane this is.
    #[serde(rename = "about")]
    pub words: LaneWords,
    /// When it was so; the times left in it count from here.
    #[serde(skip)]
    pub at: Moment,
    /// The lane.
    pub lane: LaneView,
    /// The devices.
    pub devices: Vec<DeviceView>,
    /// The radiation portals.
    pub portals: Vec<PortalView>,
    /// How far the desks agree, from closed inspections.
    pub agreement: Arc<AgreementView>,
    /// What each agency's desk may know; in nobody else's status.
    #[serde(skip)]
    pub sights: Arc<BTreeMap<Arc<str>, Sight>>,
}

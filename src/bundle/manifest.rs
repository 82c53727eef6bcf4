//! `manifest.json`: what is in a bundle, what is not, and how its records hang together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The form of these bundles.
pub const FORM: &str = "portside-bundle/1";
/// Its name in the bundle.
pub(super) const NAME: &str = "manifest.json";

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORM`].
    pub form: String,
    /// Program and version that wrote it.
    pub tool: String,
    /// Inspection id.
    pub inspection: String,
    /// `/port/lane`.
    pub lane: String,
    /// The journal's epoch.
    pub epoch: String,
    /// Whether the inspection was closed when it was exported.
    pub closed: bool,
    /// Every other file, in the order of the bundle.
    pub files: Vec<Entry>,
    /// Of each stream, the records that follow each other without a gap.
    pub streams: BTreeMap<String, Vec<Run>>,
    /// Records of the inspection that are not in it, by stream: what is sealed never leaves the lane in a bundle.
    pub held_back: BTreeMap<String, u64>,
    /// Evidence that records name and that is not in it.
    pub missing: Vec<Missing>,
    /// Places of the journal that could not be read when it was exported: records of the inspection may have been there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// What became of each picture, and of the reports, in DICOS.
    pub dicos: Vec<Made>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in the bundle.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex SHA-256 of its bytes.
    pub sha256: String,
}

/// Records that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Sequence of the first.
    pub from: u64,
    /// Sequence of the last.
    pub to: u64,
    /// SHA-256 of the record before the first, as the first says.
    pub prev: String,
    /// SHA-256 of the last: what the centre's copy of it must have.
    pub hash: String,
}

/// Evidence that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub sha256: String,
    /// Why.
    pub why: String,
}

/// What became of something in DICOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// SHA-256 of the picture, or `reports`.
    pub of: String,
    /// Its files in the bundle.
    #[serde(default)]
    pub files: Vec<String>,
    /// Why there are none, or not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

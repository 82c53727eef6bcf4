//! A journal as `portside journal list DIR --json` prints it, and nothing else of ours in between.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::portside;

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub says: Value,
}

impl Record {
    /// Its type without the project's name.
    pub fn kind(&self) -> &str {
        let kind = self.says["type"].as_str().unwrap();
        kind.strip_prefix("portside.").unwrap_or(kind)
    }

    pub fn subject(&self) -> &str {
        self.says["subject"].as_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.says["id"].as_str().unwrap()
    }

    pub fn stream(&self) -> &str {
        self.says["stream"].as_str().unwrap()
    }

    pub fn data(&self) -> &Value {
        &self.says["data"]
    }

    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// When it was made, UTC.
    pub fn time(&self) -> jiff::Timestamp {
        self.says["time"].as_str().unwrap().parse().unwrap()
    }
}

/// Every record of the journal in `dir`, in the order in which they were written.
pub fn records(dir: &Path) -> Vec<Record> {
    let output = portside().args(["journal", "list", "--json"]).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Record { bytes: line.to_vec(), says: serde_json::from_slice(line).unwrap() }).collect()
}

/// The records of this kind.
pub fn of_kind<'a>(records: &'a [Record], kind: &str) -> Vec<&'a Record> {
    records.iter().filter(|record| record.kind() == kind).collect()
}

/// `portside journal verify` finds nothing wrong.
pub fn proven(dir: &Path) {
    let output = portside().args(["journal", "verify"]).arg(dir).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

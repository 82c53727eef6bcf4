//! Everything of one inspection in one ZIP file that can be handed over and proved without the lane.
//!
//! ```text
//!  records ──Told──► what they say ──┬─ records/STREAM.jsonl   their exact bytes
//!  evidence files ───────────────────┼─ evidence/SHA256.EXT
//!  decoded pictures ──objects────────┼─ dicos/*.dcs            DX for processing, threat reports
//!                                    └─ README.txt, manifest.json (SHA-256 of every file; written last)
//!  check: the file alone ──► proved, not provable, wrong
//! ```
//! The same inspection gives the same bytes: no clock, no compression, files in one order. What is sealed for an agency
//! never goes in ([`Told::of`]). Where records, evidence and decoded pictures come from is the caller's ([`Source`]).

mod check;
mod manifest;
mod objects;
mod told;
mod write;

use std::fmt;

use crate::field::picture::Picture;

pub use check::{Checked, check, records};
pub use manifest::{FORM, Manifest};
pub use told::{Told, Wanted};
pub use write::{Tolerance, write};

/// Where the parts of an inspection come from.
pub trait Source {
    /// The bytes of an evidence file, proved to have its hash.
    ///
    /// # Errors
    /// A sentence that says which file and what is wrong with it.
    fn evidence(&mut self, sha256: &str) -> Result<Vec<u8>, String>;

    /// A picture decoded, in a process that can do nothing else.
    ///
    /// # Errors
    /// Why it is none.
    fn picture(&mut self, file: &[u8], sidecar: Option<&[u8]>) -> Result<Picture, String>;
}

/// Why there is no bundle. Nothing was written.
#[derive(Debug)]
pub enum Refusal {
    /// The inspection is not closed, and the caller did not ask for one that is open.
    Open {
        /// Its id.
        inspection: String,
    },
    /// No record is of it.
    NoRecords,
    /// A record cannot be read.
    Record(String),
    /// An evidence file is missing, altered or unreadable.
    Evidence(String),
    /// A file of the bundle cannot be made.
    Write(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { inspection } => write!(
                f,
                "inspection {inspection} is not closed yet; export it when it is, or now without what is still sealed: --open"
            ),
            Self::NoRecords => f.write_str("no record is of this inspection; `portside journal list` names them"),
            Self::Record(text) => write!(f, "a record cannot be exported: {text}; `portside journal verify` says more"),
            Self::Evidence(text) => {
                write!(f, "{text}; --incomplete exports the rest, and its manifest says what is missing")
            }
            Self::Write(text) => write!(f, "the bundle cannot be written: {text}"),
        }
    }
}

impl std::error::Error for Refusal {}

//! What is asked over the control socket, and what is answered: one JSON object a line, either way.
//!
//! The socket is the local door: whoever may open it (mode 0660) may act for any agency of the lane, so every act
//! carries the person's name, and the record carries the Unix user beside it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::Report;
use crate::lane::{Act, Officer};

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// A person acts on the lane.
    Act {
        /// Who.
        officer: Officer,
        /// What.
        act: Act,
    },
    /// The lane, its devices, the journal and the uplink on one screen.
    Status,
    /// Records of one stream in order, from a sequence on.
    Records {
        /// Stream name.
        stream: String,
        /// First sequence.
        from: u64,
        /// At most so many.
        limit: usize,
    },
    /// All records of one inspection in order.
    Inspection {
        /// Inspection id, or the beginning of one.
        inspection: String,
    },
    /// The newest records of one stream or of all, oldest first.
    Recent {
        /// Stream name; `None` means all.
        stream: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// Walks the whole journal and checks it.
    Verify,
}

/// True for calls that read the journal alone and need no word with the lane.
pub const fn reads(call: &Call) -> bool {
    match call {
        Call::Act { .. } | Call::Status => false,
        Call::Records { .. } | Call::Inspection { .. } | Call::Recent { .. } | Call::Verify => true,
    }
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Done and recorded.
    Done {
        /// A sentence for the person.
        message: Arc<str>,
    },
    /// Refused; nothing was done.
    Refused {
        /// Stable code of the reason.
        code: String,
        /// The reason in a sentence.
        message: String,
    },
    /// It failed at run time; the sentence says whether anything was done.
    Failed {
        /// What happened.
        message: String,
    },
    /// The answer to [`Call::Status`].
    Status {
        /// See `portside status --json`.
        status: Box<serde_json::Value>,
    },
    /// Records, each in its exact bytes.
    Records {
        /// One record a string.
        records: Vec<String>,
    },
    /// The answer to [`Call::Verify`].
    Verified {
        /// What was found.
        report: Box<Report>,
    },
}

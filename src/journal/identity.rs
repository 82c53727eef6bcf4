//! Whose journal a directory holds: `lane` names port, lane, epoch and form, and is read before anything is written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{files, stream::is_id};

/// The form of the directory that this program writes. A higher number on disk is refused.
pub(super) const FORM: u32 = 1;
const NAME: &str = "lane";

/// Which lane a journal belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Port id of the lane file.
    pub port: String,
    /// Lane id of the lane file.
    pub lane: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.port, self.lane)
    }
}

/// Why a journal cannot be opened. Nothing was written.
#[derive(Debug)]
pub enum OpenError {
    /// Port or lane id cannot stand in a record.
    Name(String),
    /// Another process has it open.
    Locked(PathBuf),
    /// The directory holds another lane's journal.
    OtherLane {
        /// The directory.
        dir: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Who asked.
        expected: Identity,
    },
    /// A newer program wrote it.
    Newer {
        /// The directory.
        dir: PathBuf,
        /// Form found.
        found: u32,
    },
    /// Records without the file that says whose they are, or a file that says nothing.
    NoIdentity {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with the file.
        why: String,
    },
    /// The directory holds no journal, and it was to be read only.
    NoJournal(PathBuf),
    /// The options contradict each other.
    Options(&'static str),
    /// The file system refused.
    Io {
        /// What was being done, with the path.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}` cannot name a port or lane: expected letters, digits and hyphens"),
            Self::Locked(dir) => write!(
                f,
                "{}: another portside has this journal open: stop it first, or give this lane a directory of its own",
                dir.display()
            ),
            Self::OtherLane { dir, found, expected } => write!(
                f,
                "{}: this is the journal of lane {found}, and this lane is {expected}: mount the right volume or \
                 correct [store] dir; nothing was written",
                dir.display()
            ),
            Self::Newer { dir, found } => write!(
                f,
                "{}: written in form {found} by a newer portside, this one knows form {FORM}: install the newer one; \
                 nothing was written",
                dir.display()
            ),
            Self::NoIdentity { dir, why } => write!(
                f,
                "{}: the directory holds records, but its file `{NAME}` {why}: restore it from a backup or move the \
                 directory aside; nothing was written",
                dir.display()
            ),
            Self::NoJournal(dir) => write!(
                f,
                "{}: no journal is here (no file `{NAME}`): expected the [store] dir of a lane",
                dir.display()
            ),
            Self::Options(what) => write!(f, "journal options: {what}"),
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Adds what was being done to what the system said.
pub(super) fn doing<T>(what: &str, path: &Path, result: io::Result<T>) -> Result<T, OpenError> {
    result.map_err(|error| OpenError::Io { doing: format!("{what} {}", path.display()), error })
}

/// The file `lane`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LaneFile {
    pub(super) form: u32,
    pub(super) port: String,
    pub(super) lane: String,
    pub(super) epoch: Uuid,
}

impl LaneFile {
    pub(super) fn begin(identity: &Identity, now: Timestamp) -> Self {
        Self { form: FORM, port: identity.port.clone(), lane: identity.lane.clone(), epoch: epoch(now) }
    }

    /// Reads the file of `dir`; `None` when there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = dir.join(NAME);
        let Some(bytes) = doing("reading", &path, files::read_if_there(&path))? else { return Ok(None) };
        #[derive(Deserialize)]
        struct Form {
            form: u32,
        }
        // The form comes first: a newer file may hold what this program cannot read.
        match serde_json::from_slice::<Form>(&bytes) {
            Ok(Form { form }) if form > FORM => return Err(OpenError::Newer { dir: dir.to_owned(), found: form }),
            Ok(_) | Err(_) => {}
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| OpenError::NoIdentity { dir: dir.to_owned(), why: format!("cannot be read ({error})") })
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), OpenError> {
        let path = dir.join(NAME);
        let text = serde_json::to_vec(self).unwrap_or_default();
        doing("writing", &path, files::replace(&path, &text))
    }

    /// Refuses another lane's journal.
    pub(super) fn check(&self, dir: &Path, expected: &Identity) -> Result<(), OpenError> {
        let found = Identity { port: self.port.clone(), lane: self.lane.clone() };
        if found == *expected {
            Ok(())
        } else {
            Err(OpenError::OtherLane { dir: dir.to_owned(), found, expected: expected.clone() })
        }
    }
}

impl Identity {
    pub(super) fn check(&self) -> Result<(), OpenError> {
        match [&self.port, &self.lane].into_iter().find(|name| !is_id(name)) {
            Some(bad) => Err(OpenError::Name(bad.clone())),
            None => Ok(()),
        }
    }
}

/// A fresh epoch: UUIDv7 of this wall time.
pub(super) fn epoch(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

//! Sealed verdicts: readable by the daemon alone until they are opened, and by nobody once the inspection's key is
//! erased.
//!
//! Each inspection has a random key; it lies in `keys/`, wrapped by the lane key. What is sealed is bound to its
//! inspection and agency: moved to another one it does not open. It is padded first: `unknown` is two letters longer
//! than `clear`, and the length of a record is there for everybody to see.
//!
//! Erasing overwrites and removes the wrapped key. An SSD may keep the old bytes in spare blocks; they are of no use
//! without the lane key.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::files::{make_dir, read_if_there, replace, sync_dir};

const KEY: usize = 32;
const NONCE: usize = 24;
/// What is sealed is as long as the next multiple of this.
const BLOCK: usize = 256;

/// Why something cannot be sealed or opened.
#[derive(Debug)]
pub enum SealError {
    /// The inspection's id cannot name a file.
    Name(String),
    /// The lane key's file can be read by others.
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The lane key's file has another length than a key.
    NotAKey(PathBuf),
    /// The inspection has no key: it was erased, or nothing was ever sealed.
    NoKey(String),
    /// Not sealed by this lane for this inspection and agency, or altered.
    Refused,
    /// The system has no random numbers.
    NoRandom(String),
    /// The file system refused.
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}` is no inspection id: expected letters, digits and hyphens"),
            Self::Exposed { path, mode } => write!(
                f,
                "the lane key {} can be read by others (mode {mode:04o}): treat it as known, and set mode 0600 on a new one",
                path.display()
            ),
            Self::NotAKey(path) => write!(f, "{} is no lane key: expected {KEY} bytes", path.display()),
            Self::NoKey(inspection) => {
                write!(f, "inspection {inspection} has no key: it was erased at closing, or nothing was sealed")
            }
            Self::Refused => f.write_str("this was not sealed here for this inspection and agency, or it was altered"),
            Self::NoRandom(error) => write!(f, "the system gives no random numbers: {error}"),
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl std::error::Error for SealError {}

/// Seals and opens. Its calls wait for the disk; from async code run them aside.
pub struct Seals {
    dir: PathBuf,
    lane: XChaCha20Poly1305,
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seals").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Seals {
    /// The seals of the journal in `journal`, under the lane key in the file `lane_key`, which is made when it is not
    /// there, and refused when the group or others may read it.
    pub fn open(journal: &Path, lane_key: &Path) -> Result<Self, SealError> {
        let dir = journal.join("keys");
        doing("creating", &dir, make_dir(&dir))?;
        if !lane_key.exists() {
            make_lane_key(lane_key)?;
        }
        let mode = doing("reading", lane_key, fs::metadata(lane_key))?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SealError::Exposed { path: lane_key.to_owned(), mode });
        }
        let bytes = doing("reading", lane_key, fs::read(lane_key))?;
        let lane = cipher(&bytes).ok_or_else(|| SealError::NotAKey(lane_key.to_owned()))?;
        Ok(Self { dir, lane })
    }

    /// Seals `secret` for one inspection and agency; hex text that may stand in a record. The inspection's key is
    /// durable when this returns.
    ///
    /// `room` is the length that all secrets of this sort have, in bytes: a shorter one is made as long.
    pub fn seal(&self, inspection: &str, agency: &str, secret: &[u8], room: usize) -> Result<String, SealError> {
        let key = match self.key(inspection) {
            Err(SealError::NoKey(_)) => self.make_key(inspection)?,
            key => key?,
        };
        lock(&key, &bound(inspection, agency), &padded(secret, room)).map(hex::encode)
    }

    /// Opens what [`Self::seal`] sealed for this inspection and agency.
    pub fn unseal(&self, inspection: &str, agency: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let sealed = hex::decode(sealed).map_err(|_| SealError::Refused)?;
        unpadded(unlock(&self.key(inspection)?, &bound(inspection, agency), &sealed)?)
    }

    /// Erases the inspection's key: nothing sealed for it can be opened again. Does nothing when there is none.
    pub fn erase(&self, inspection: &str) -> Result<(), SealError> {
        let path = self.path(inspection)?;
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => doing("opening", &path, file)?,
        };
        let length = doing("reading", &path, file.metadata())?.len();
        doing("overwriting", &path, file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)]))?;
        doing("overwriting", &path, file.sync_all())?;
        doing("removing", &path, fs::remove_file(&path))?;
        doing("flushing", &self.dir, sync_dir(&self.dir))
    }

    /// Inspections that have a key.
    pub fn held(&self) -> Result<Vec<String>, SealError> {
        let names = doing("reading", &self.dir, fs::read_dir(&self.dir))?;
        Ok(names.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn key(&self, inspection: &str) -> Result<XChaCha20Poly1305, SealError> {
        let path = self.path(inspection)?;
        let wrapped = doing("reading", &path, read_if_there(&path))?;
        let wrapped = wrapped.ok_or_else(|| SealError::NoKey(inspection.to_owned()))?;
        cipher(&unlock(&self.lane, inspection.as_bytes(), &wrapped)?).ok_or(SealError::Refused)
    }

    fn make_key(&self, inspection: &str) -> Result<XChaCha20Poly1305, SealError> {
        let path = self.path(inspection)?;
        let key = random::<KEY>()?;
        let wrapped = lock(&self.lane, inspection.as_bytes(), &key)?;
        doing("writing", &path, replace(&path, &wrapped))?;
        cipher(&key).ok_or(SealError::Refused)
    }

    fn path(&self, inspection: &str) -> Result<PathBuf, SealError> {
        if super::stream::is_id(inspection) {
            Ok(self.dir.join(inspection))
        } else {
            Err(SealError::Name(inspection.to_owned()))
        }
    }
}

/// What a sealed text is tied to. Neither part can hold the separator.
fn bound(inspection: &str, agency: &str) -> Vec<u8> {
    [inspection.as_bytes(), b"\0", agency.as_bytes()].concat()
}

/// One marking byte and zeros, as ISO/IEC 7816-4 pads.
fn padded(secret: &[u8], room: usize) -> Vec<u8> {
    let mut padded = [secret, &[0x80]].concat();
    padded.resize(padded.len().max(room + 1).next_multiple_of(BLOCK), 0);
    padded
}

fn unpadded(mut padded: Vec<u8>) -> Result<Vec<u8>, SealError> {
    let mark = padded.iter().rposition(|byte| *byte != 0).filter(|at| padded[*at] == 0x80);
    padded.truncate(mark.ok_or(SealError::Refused)?);
    Ok(padded)
}

fn cipher(key: &[u8]) -> Option<XChaCha20Poly1305> {
    XChaCha20Poly1305::new_from_slice(key).ok()
}

fn lock(key: &XChaCha20Poly1305, aad: &[u8], msg: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE>()?;
    let sealed = key.encrypt(&XNonce::from(nonce), Payload { msg, aad }).map_err(|_| SealError::Refused)?;
    Ok([&nonce[..], &sealed].concat())
}

fn unlock(key: &XChaCha20Poly1305, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or(SealError::Refused)?;
    key.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).map_err(|_| SealError::Refused)
}

fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| SealError::NoRandom(error.to_string()))?;
    Ok(bytes)
}

/// Makes a lane key: under another name first, so that a power cut leaves none rather than half of one.
fn make_lane_key(path: &Path) -> Result<(), SealError> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
    let mut file: File = doing("creating", &temporary, file)?;
    doing("writing", &temporary, file.write_all(&random::<KEY>()?))?;
    doing("writing", &temporary, file.sync_all())?;
    doing("naming", path, fs::rename(&temporary, path))?;
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).map_or(Ok(()), |dir| doing("flushing", dir, sync_dir(dir)))
}

fn doing<T>(what: &str, path: &Path, result: io::Result<T>) -> Result<T, SealError> {
    result.map_err(|error| SealError::Io { doing: format!("{what} {}", path.display()), error })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn seals(dir: &Path) -> Seals {
        Seals::open(dir, &dir.join("lane.key")).unwrap()
    }

    #[test]
    fn a_sealed_verdict_opens_after_a_restart_for_its_inspection_and_agency_only() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = seals(dir.path()).seal("i1", "customs", b"alarm", 0).unwrap();
        let seals = seals(dir.path());
        seals.seal("i2", "customs", b"clear", 0).unwrap();
        assert_eq!(seals.unseal("i1", "customs", &sealed).unwrap(), b"alarm");
        assert!(matches!(seals.unseal("i1", "ciq", &sealed), Err(SealError::Refused)));
        assert!(matches!(seals.unseal("i2", "customs", &sealed), Err(SealError::Refused)));
    }

    #[test]
    fn nothing_on_disk_shows_the_secret_or_equal_secrets_as_equal() {
        let dir = tempfile::tempdir().unwrap();
        let seals = seals(dir.path());
        let sealed = seals.seal("i1", "customs", b"clear", 0).unwrap();
        assert_ne!(sealed, seals.seal("i1", "customs", b"clear", 0).unwrap());
        assert!(!sealed.contains(&hex::encode("clear")));
        let lane = fs::read(dir.path().join("lane.key")).unwrap();
        assert!(cipher(&fs::read(dir.path().join("keys/i1")).unwrap()).is_none());
        assert!(!fs::read(dir.path().join("keys/i1")).unwrap().windows(KEY).any(|window| window == lane));
    }

    #[test]
    fn what_is_sealed_has_one_length_whatever_it_says_and_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let seals = seals(dir.path());
        let lengths = ["clear", "unknown", "", "0\u{80}\0\0"].map(|secret| {
            let sealed = seals.seal("i1", "customs", secret.as_bytes(), 0).unwrap();
            assert_eq!(seals.unseal("i1", "customs", &sealed).unwrap(), secret.as_bytes());
            sealed.len()
        });
        assert_eq!(lengths, [lengths[0]; 4]);
    }

    #[test]
    fn a_secret_with_room_has_the_length_of_the_longest() {
        let dir = tempfile::tempdir().unwrap();
        let seals = seals(dir.path());
        let lengths = [0, 1, 5_118, 5_119].map(|length| {
            let sealed = seals.seal("i1", "customs", &vec![7; length], 5_119).unwrap();
            assert_eq!(seals.unseal("i1", "customs", &sealed).unwrap(), vec![7; length]);
            sealed.len()
        });
        assert_eq!(lengths, [lengths[0]; 4]);
        assert!(seals.seal("i1", "customs", &[7; 5_120], 5_119).unwrap().len() > lengths[0]);
    }

    #[test]
    fn every_altered_digit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let seals = seals(dir.path());
        let sealed = seals.seal("i1", "customs", b"clear", 0).unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(matches!(seals.unseal("i1", "customs", &altered), Err(SealError::Refused)), "digit {at}");
        }
    }

    #[test]
    fn an_erased_key_opens_nothing_ever_again() {
        let dir = tempfile::tempdir().unwrap();
        let seals = seals(dir.path());
        let sealed = seals.seal("i1", "customs", b"clear", 0).unwrap();
        seals.erase("i1").unwrap();
        seals.erase("i1").unwrap();
        assert!(matches!(seals.unseal("i1", "customs", &sealed), Err(SealError::NoKey(_))));
        seals.seal("i1", "customs", b"other", 0).unwrap();
        assert!(matches!(seals.unseal("i1", "customs", &sealed), Err(SealError::Refused)));
    }

    #[test]
    fn a_lane_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("lane.key");
        drop(seals(dir.path()));
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Seals::open(dir.path(), &key), Err(SealError::Exposed { mode: 0o644, .. })));
    }

    #[test]
    fn an_inspection_that_names_a_path_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(seals(dir.path()).seal("../lane", "customs", b"x", 0), Err(SealError::Name(_))));
    }
}

//! Evidence files: pictures and other bulk, each named by the SHA-256 of its bytes.
//!
//! A file is whole and durable before its name exists, and a name is never written twice: what stands under a hash
//! either has that hash or was altered, and an altered file is never shown as good.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{make_dir, sync_dir};
use super::open::Finding;

/// A durable evidence file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    /// Lower-case hex SHA-256 of its bytes.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// Why evidence cannot be shown.
#[derive(Debug)]
pub enum EvidenceError {
    /// Not a lower-case hex SHA-256.
    NotAHash(String),
    /// No such file.
    Missing {
        /// Its name.
        sha256: String,
    },
    /// The file has other bytes than its name says.
    Altered {
        /// Its name.
        sha256: String,
        /// What its bytes hash to.
        found: String,
    },
    /// The file system refused.
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHash(text) => write!(f, "`{text}` names no evidence: expected 64 lower-case hex digits"),
            Self::Missing { sha256 } => write!(f, "evidence is missing, hash {sha256}: the centre may have a copy"),
            Self::Altered { sha256, found } => {
                write!(f, "evidence was altered: the file named {sha256} has hash {found}; it is not shown")
            }
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
        }
    }
}

impl std::error::Error for EvidenceError {}

/// The evidence files of one journal. Its calls wait for the disk; from async code run them aside.
#[derive(Clone, Debug)]
pub struct EvidenceFiles {
    dir: PathBuf,
}

impl EvidenceFiles {
    /// The evidence of the journal in `journal`. Files that a power cut left half written are removed: no record
    /// names them.
    pub fn open(journal: &Path) -> Result<(Self, Vec<Finding>), EvidenceError> {
        let files = Self { dir: journal.join("evidence") };
        io("creating", &files.dir, make_dir(&files.dir))?;
        let temporary = files.temporary();
        io("creating", &temporary, make_dir(&temporary))?;
        let mut findings = Vec::new();
        for entry in io("reading", &temporary, fs::read_dir(&temporary))? {
            let path = io("reading", &temporary, entry)?.path();
            io("removing", &path, fs::remove_file(&path))?;
            findings.push(Finding::note(format!("removed half-written evidence {}", path.display())));
        }
        Ok((files, findings))
    }

    /// The evidence of `journal` for reading alone: touches nothing.
    pub fn read_only(journal: &Path) -> Self {
        Self { dir: journal.join("evidence") }
    }

    /// Keeps `bytes`; durable when this returns. Bytes that are there already cost nothing.
    pub fn put(&self, bytes: &[u8]) -> Result<Evidence, EvidenceError> {
        self.put_from(&mut &*bytes).map(|(evidence, _)| evidence)
    }

    /// Keeps `bytes` as [`Self::put`] does, and tells whether anything stood under their hash before.
    pub fn put_known(&self, bytes: &[u8]) -> Result<(Evidence, bool), EvidenceError> {
        self.put_from(&mut &*bytes)
    }

    /// Keeps a copy of the file at `path`, as [`Self::put`] does.
    pub fn put_file(&self, path: &Path) -> Result<Evidence, EvidenceError> {
        let mut file = io("opening", path, File::open(path))?;
        self.put_from(&mut file).map(|(evidence, _)| evidence)
    }

    fn put_from(&self, source: &mut dyn Read) -> Result<(Evidence, bool), EvidenceError> {
        let temporary = self.temporary().join(format!("{:032x}", fastrand::u128(..)));
        let kept = self.copy(source, &temporary);
        if kept.is_err() {
            // Whatever went wrong: what is left of the copy is nobody's evidence.
            let _ = fs::remove_file(&temporary);
        }
        kept
    }

    fn copy(&self, source: &mut dyn Read, temporary: &Path) -> Result<(Evidence, bool), EvidenceError> {
        let mut file = io("creating", temporary, File::create_new(temporary))?;
        let (sha256, size) = io("copying to", temporary, digest(source, |chunk| file.write_all(chunk)))?;
        if self.read(&sha256).is_ok() {
            io("removing", temporary, fs::remove_file(temporary))?;
            return Ok((Evidence { sha256, size }, true));
        }
        io("flushing", temporary, file.sync_all())?;
        let path = self.path(&sha256);
        // An altered file is replaced, and was evidence all the same.
        let known = path.symlink_metadata().is_ok();
        let folder = path.parent().unwrap_or(&self.dir);
        io("creating", folder, make_dir(folder))?;
        io("naming", &path, fs::rename(temporary, &path))?;
        io("flushing", folder, sync_dir(folder))?;
        Ok((Evidence { sha256, size }, known))
    }

    /// The bytes under a hash, proved to have it.
    pub fn read(&self, sha256: &str) -> Result<Vec<u8>, EvidenceError> {
        let mut file = self.find(sha256)?;
        let mut bytes = Vec::new();
        let (found, _) = io(
            "reading",
            &self.path(sha256),
            digest(&mut file, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            }),
        )?;
        self.same(sha256, found).map(|()| bytes)
    }

    /// At most `length` bytes of a file from `from` on, and its size. Not proved: whoever has all parts does that.
    pub fn part(&self, sha256: &str, from: u64, length: u64) -> Result<(Vec<u8>, u64), EvidenceError> {
        let mut file = self.find(sha256)?;
        let path = self.path(sha256);
        let size = io("reading", &path, file.metadata())?.len();
        io("reading", &path, file.seek(SeekFrom::Start(from)))?;
        let mut bytes = Vec::new();
        io("reading", &path, file.take(length).read_to_end(&mut bytes))?;
        Ok((bytes, size))
    }

    /// Proves a file without keeping it in memory.
    pub fn check(&self, sha256: &str) -> Result<Evidence, EvidenceError> {
        let mut file = self.find(sha256)?;
        let (found, size) = io("reading", &self.path(sha256), digest(&mut file, |_| Ok(())))?;
        self.same(sha256, found).map(|()| Evidence { sha256: sha256.to_owned(), size })
    }

    /// Names of all files, sorted.
    pub fn list(&self) -> Result<Vec<String>, EvidenceError> {
        let mut names = Vec::new();
        let folders = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            folders => io("reading", &self.dir, folders)?,
        };
        for folder in folders {
            let folder = io("reading", &self.dir, folder)?.path();
            if folder == self.temporary() {
                continue;
            }
            for entry in io("reading", &folder, fs::read_dir(&folder))? {
                names.push(io("reading", &folder, entry)?.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn find(&self, sha256: &str) -> Result<File, EvidenceError> {
        if !is_hash(sha256) {
            return Err(EvidenceError::NotAHash(sha256.to_owned()));
        }
        let path = self.path(sha256);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(EvidenceError::Missing { sha256: sha256.to_owned() })
            }
            file => io("opening", &path, file),
        }
    }

    fn same(&self, sha256: &str, found: String) -> Result<(), EvidenceError> {
        if found == sha256 { Ok(()) } else { Err(EvidenceError::Altered { sha256: sha256.to_owned(), found }) }
    }

    fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// Files are spread over 256 folders.
    fn path(&self, sha256: &str) -> PathBuf {
        self.dir.join(&sha256[..2]).join(sha256)
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn digest(source: &mut dyn Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<(String, u64)> {
    let (mut hasher, mut size, mut chunk) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let count = source.read(&mut chunk)?;
        if count == 0 {
            return Ok((hex::encode(hasher.finalize()), size));
        }
        hasher.update(&chunk[..count]);
        size += count as u64;
        each(&chunk[..count])?;
    }
}

fn io<T>(doing: &str, path: &Path, result: io::Result<T>) -> Result<T, EvidenceError> {
    result.map_err(|error| EvidenceError::Io { doing: format!("{doing} {}", path.display()), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> EvidenceFiles {
        EvidenceFiles::open(dir).unwrap().0
    }

    #[test]
    fn evidence_is_named_by_its_hash_and_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let (kept, known) = files.put_known(b"abc").unwrap();
        assert!(!known);
        assert_eq!(kept.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((kept.size, files.read(&kept.sha256).unwrap()), (3, b"abc".to_vec()));
        assert_eq!(files.put(b"abc").unwrap(), kept);
        assert_eq!(files.put_known(b"abc").unwrap(), (kept.clone(), true));
        assert_eq!(files.list().unwrap(), [kept.sha256]);
        assert_eq!(fs::read_dir(files.temporary()).unwrap().count(), 0);
    }

    #[test]
    fn altered_evidence_is_never_shown_and_is_mended_by_the_original() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let kept = files.put(b"picture").unwrap();
        fs::write(files.path(&kept.sha256), b"forgery").unwrap();
        assert!(matches!(files.read(&kept.sha256), Err(EvidenceError::Altered { .. })));
        assert!(matches!(files.check(&kept.sha256), Err(EvidenceError::Altered { .. })));
        assert_eq!(files.put(b"picture").unwrap(), kept);
        assert_eq!(files.read(&kept.sha256).unwrap(), b"picture");
    }

    #[test]
    fn missing_evidence_is_missing_and_says_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let hash = "0".repeat(64);
        let error = files(dir.path()).read(&hash).unwrap_err().to_string();
        assert!(error.starts_with(&format!("evidence is missing, hash {hash}")), "{error}");
    }

    #[test]
    fn a_name_that_is_no_hash_never_reaches_the_file_system() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "../../etc/passwd", &"A".repeat(64), &"é".repeat(32)] {
            assert!(matches!(files(dir.path()).read(name), Err(EvidenceError::NotAHash(_))), "{name}");
        }
    }

    #[test]
    fn what_a_power_cut_left_half_written_is_removed_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let stray = files(dir.path()).temporary().join("stray");
        fs::write(&stray, b"half").unwrap();
        let (_, findings) = EvidenceFiles::open(dir.path()).unwrap();
        assert!(findings[0].text.contains("half-written evidence"), "{findings:?}");
        assert!(!stray.exists());
    }
}

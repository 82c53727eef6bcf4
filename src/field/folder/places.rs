//! Where a sender's file lies: in the watched folder, held, taken, or set aside. Every move is a rename on one share,
//! and overwrites nothing.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::FILE_LIMIT;

/// Sub-folder for files that are about to become evidence: their sender cannot put others in their place.
pub const TAKING: &str = "taking";
/// Sub-folder for files that became evidence.
pub const TAKEN: &str = "taken";
/// Sub-folder for files that cannot be used, each with `NAME.reason.txt` beside it.
pub const SET_ASIDE: &str = "set-aside";

/// What tells one state of one file from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
    pub(super) size: u64,
    pub(super) written: (i64, i64),
}

impl Identity {
    pub(super) fn of(meta: &Metadata) -> Self {
        let written = (meta.mtime(), meta.mtime_nsec());
        Self { device: meta.dev(), number: meta.ino(), size: meta.len(), written }
    }

    /// When the file was last written, by the clock of the share.
    pub(super) fn time(&self) -> Timestamp {
        let nanos = i32::try_from(self.written.1).unwrap_or(0);
        Timestamp::new(self.written.0, nanos).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// The bytes of a file and which file it was; `None` while somebody writes to it.
pub(super) fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Identity)>> {
    let file = fs::OpenOptions::new().read(true).custom_flags(nofollow()).open(path)?;
    let before = Identity::of(&file.metadata()?);
    let mut bytes = Vec::new();
    (&file).take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    let after = identity(&file)?;
    Ok((before == after && after.size == bytes.len() as u64).then_some((bytes, after)))
}

fn identity(file: &File) -> io::Result<Identity> {
    file.metadata().map(|meta| Identity::of(&meta))
}

fn nofollow() -> i32 {
    i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits()).unwrap_or(0)
}

/// Moves the file that was read as `bytes` out of its sender's reach; `None` when another lay there by then, which is
/// put back.
pub(super) fn hold(path: &Path, seen: Identity, bytes: &[u8]) -> io::Result<Option<PathBuf>> {
    let held = move_to(&parent(path).join(TAKING), path)?;
    let same = held.symlink_metadata().is_ok_and(|meta| Identity::of(&meta) == seen)
        // Some shares number a file anew when it is renamed: its bytes tell.
        || read(&held).is_ok_and(|again| again.is_some_and(|(again, _)| again == bytes));
    if same {
        return Ok(Some(held));
    }
    put_back(&held, path)?;
    Ok(None)
}

fn put_back(held: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, held, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // A third file has the name by now, or the share knows no such rename.
        Err(_) => move_to(parent(path), held).map(|_| ()),
    }
}

/// Moves a file that became durable evidence from [`TAKING`] into [`TAKEN`]: the sender's copy stays.
///
/// # Errors
/// When the file system refuses; the file then stays, its folder's link is told to be down, and it is nobody's
/// evidence when it is found again.
pub fn take(held: &Path) -> io::Result<()> {
    move_to(&parent(parent(held)).join(TAKEN), held).map(|_| ())
}

/// Moves a file of the watched folder `dir`, or one that is held there, into [`SET_ASIDE`].
pub(super) fn set_aside(dir: &Path, path: &Path, reason: &str) -> io::Result<()> {
    let target = move_to(&dir.join(SET_ASIDE), path)?;
    let mut note = target.into_os_string();
    note.push(".reason.txt");
    fs::write(note, format!("{reason}\n"))
}

/// Moves `path` into `dir`, under a name that overwrites nothing.
fn move_to(dir: &Path, path: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let name = file_name(path);
    let mut target = dir.join(&name);
    let mut copy = 1;
    while target.symlink_metadata().is_ok() {
        copy += 1;
        target = dir.join(format!("{copy}-{name}"));
    }
    fs::rename(path, &target)?;
    Ok(target)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_took_the_place_of_the_one_read_is_put_back_and_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scan.png");
        fs::write(&path, "first").unwrap();
        let (bytes, seen) = read(&path).unwrap().unwrap();
        fs::write(dir.path().join("other"), "other").unwrap();
        fs::rename(dir.path().join("other"), &path).unwrap();
        assert_eq!(hold(&path, seen, &bytes).unwrap(), None);
        assert_eq!(fs::read(&path).unwrap(), b"other");
    }

    #[test]
    fn a_held_file_is_out_of_its_senders_reach_and_is_taken_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scan.png");
        fs::write(&path, "first").unwrap();
        let (bytes, seen) = read(&path).unwrap().unwrap();
        let held = hold(&path, seen, &bytes).unwrap().unwrap();
        fs::write(&path, "second").unwrap();
        take(&held).unwrap();
        assert_eq!(fs::read(dir.path().join("taken/scan.png")).unwrap(), b"first");
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }
}

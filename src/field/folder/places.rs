//! Where a sender's file lies: in the watched folder, held, taken, or set aside. Every move is a rename on one share,
//! and overwrites nothing.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::FILE_LIMIT;
use super::names::is_sidecar_of;

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

/// One file of a set as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) path: &'a Path,
    pub(super) seen: Identity,
    pub(super) bytes: &'a [u8],
}

/// Moves a set of files that were read out of their sender's reach, and gives the place of the last; `None` when
/// another lay in the place of one of them by then: then all are put back.
pub(super) fn hold(dir: &Path, parts: &[Part<'_>]) -> io::Result<Option<PathBuf>> {
    let paths: Vec<&Path> = parts.iter().map(|part| part.path).collect();
    let held = move_to(&dir.join(TAKING), &paths)?;
    let same = held.iter().zip(parts).all(|(held, part)| is_the_one(held, part));
    if same {
        return Ok(held.into_iter().last());
    }
    for (held, part) in held.iter().zip(parts).filter(|(held, part)| held.as_path() != part.path) {
        put_back(held, part.path)?;
    }
    Ok(None)
}

fn is_the_one(held: &Path, part: &Part<'_>) -> bool {
    held.symlink_metadata().is_ok_and(|meta| Identity::of(&meta) == part.seen)
        // Some shares number a file anew when it is renamed: its bytes tell.
        || read(held).is_ok_and(|again| again.is_some_and(|(again, _)| again == part.bytes))
}

fn put_back(held: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, held, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // A third file has the name by now, or the share knows no such rename.
        Err(_) => move_to(parent(path), &[held]).map(|_| ()),
    }
}

/// Moves a file that became durable evidence from [`TAKING`] into [`TAKEN`], with its sidecar: the sender's copy stays.
///
/// # Errors
/// When the file system refuses; the file then stays, its folder's link is told to be down, and it is nobody's
/// evidence when it is found again.
pub fn take(held: &Path) -> io::Result<()> {
    let sidecar = sidecar_beside(held);
    let paths: Vec<&Path> = [held].into_iter().chain(sidecar.as_deref()).collect();
    move_to(&parent(parent(held)).join(TAKEN), &paths).map(|_| ())
}

fn sidecar_beside(held: &Path) -> Option<PathBuf> {
    let beside = fs::read_dir(parent(held)).ok()?.flatten().map(|entry| entry.path());
    beside.into_iter().find(|path| is_sidecar_of(path, held))
}

/// Moves a set of files of the watched folder `dir`, or of those that are held there, into [`SET_ASIDE`].
pub(super) fn set_aside(dir: &Path, paths: &[&Path], reason: &str) -> io::Result<()> {
    let targets = move_to(&dir.join(SET_ASIDE), paths)?;
    let Some(target) = targets.into_iter().next() else { return Ok(()) };
    let mut note = target.into_os_string();
    note.push(".reason.txt");
    fs::write(note, format!("{reason}\n"))
}

/// Moves files into `dir`, under names that overwrite nothing and still belong together.
fn move_to(dir: &Path, paths: &[&Path]) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    let named = |copy: u32| -> Vec<PathBuf> {
        let prefix = if copy == 1 { String::new() } else { format!("{copy}-") };
        paths.iter().map(|path| dir.join(format!("{prefix}{}", file_name(path)))).collect()
    };
    let free = |targets: &Vec<PathBuf>| {
        targets.iter().zip(paths).all(|(target, path)| target == path || target.symlink_metadata().is_err())
    };
    let targets = (1..).map(named).find(free).unwrap_or_default();
    for (path, target) in paths.iter().zip(&targets) {
        if path != target {
            fs::rename(path, target)?;
        }
    }
    Ok(targets)
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
        assert_eq!(hold(dir.path(), &[Part { path: &path, seen, bytes: &bytes }]).unwrap(), None);
        assert_eq!(fs::read(&path).unwrap(), b"other");
    }

    #[test]
    fn a_held_file_is_out_of_its_senders_reach_and_is_taken_from_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scan.png");
        fs::write(&path, "first").unwrap();
        let (bytes, seen) = read(&path).unwrap().unwrap();
        let held = hold(dir.path(), &[Part { path: &path, seen, bytes: &bytes }]).unwrap().unwrap();
        fs::write(&path, "second").unwrap();
        take(&held).unwrap();
        assert_eq!(fs::read(dir.path().join("taken/scan.png")).unwrap(), b"first");
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn a_file_and_its_sidecar_keep_names_that_belong_together_wherever_they_go() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("taking")).unwrap();
        fs::write(dir.path().join("taking/scan.json"), "of an earlier run").unwrap();
        let (raw, json) = (dir.path().join("scan.raw"), dir.path().join("scan.json"));
        fs::write(&raw, "samples").unwrap();
        fs::write(&json, "{}").unwrap();
        let ((samples, raw_seen), (text, json_seen)) = (read(&raw).unwrap().unwrap(), read(&json).unwrap().unwrap());
        let parts =
            [Part { path: &json, seen: json_seen, bytes: &text }, Part { path: &raw, seen: raw_seen, bytes: &samples }];
        let held = hold(dir.path(), &parts).unwrap().unwrap();
        assert!(held.ends_with("taking/2-scan.raw"), "{held:?}");
        take(&held).unwrap();
        assert!(dir.path().join("taken/2-scan.raw").exists() && dir.path().join("taken/2-scan.json").exists());
        assert!(dir.path().join("taking/scan.json").exists());
    }
}

//! A watched folder: the link to an X-ray machine that leaves its pictures as files.
//!
//! A file counts when it is complete, and only then: it decodes to its last row and ends as its format ends. A file
//! that stays incomplete while nothing is written to it any more, and one that lies about its size, is set aside
//! with the reason beside it; the folder goes on.
//!
//! The folder is looked at when the kernel tells of a change and every [`RESCAN`], because a share mounted from another
//! machine tells nothing.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use portside_devices::moment::Moment;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::picture::{Decoded, Unreadable, decode};
use crate::clock::Clock;

/// How often the folder is looked at when the kernel says nothing.
const RESCAN: Duration = Duration::from_millis(500);
/// An incomplete file to which nothing was written for this long will not become complete.
const GIVE_UP: Duration = Duration::from_secs(5);
/// A picture file larger than this is set aside unread.
pub const FILE_LIMIT: u64 = 256 << 20;
/// Sub-folder for files that became evidence.
pub const TAKEN: &str = "taken";
/// Sub-folder for files that cannot be used, each with `NAME.reason.txt` beside it.
pub const SET_ASIDE: &str = "set-aside";

/// What a watched folder has to tell.
#[derive(Debug)]
pub enum FolderEvent {
    /// A complete picture. The receiver makes it durable and then calls [`take`].
    Arrived(Arrived),
    /// A file that cannot be used lies in [`SET_ASIDE`].
    SetAside {
        /// Id of the device that the folder belongs to.
        device: std::sync::Arc<str>,
        /// File name as it arrived.
        name: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// The folder cannot be read (again), or can (`None`).
    Link {
        /// Id of the device that the folder belongs to.
        device: std::sync::Arc<str>,
        /// Why not, in a sentence.
        down: Option<String>,
    },
}

/// A complete picture file.
#[derive(Debug)]
pub struct Arrived {
    /// Id of the device that the folder belongs to.
    pub device: std::sync::Arc<str>,
    /// Where the file lies.
    pub path: PathBuf,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What the bytes say.
    pub decoded: Decoded,
}

/// A file that was seen and is not yet complete.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Growing {
    size: u64,
    modified: (i64, i64),
    since: Moment,
}

/// Watches `dir` for `device` until cancelled. A missing folder is a link that is down, not an error: it may be mounted
/// later.
pub async fn watch(
    device: std::sync::Arc<str>,
    dir: PathBuf,
    clock: Clock,
    events: mpsc::Sender<FolderEvent>,
    stop: CancellationToken,
) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    let mut watcher = notify::recommended_watcher(move |_| {
        // A full channel already holds the wake-up.
        let _ = wake.try_send(());
    })
    .ok();
    let mut watching = false;
    let mut down: Option<String> = Some(String::new());
    let mut growing = std::collections::BTreeMap::new();
    loop {
        if !watching && let Some(watcher) = watcher.as_mut() {
            watching = watcher.watch(&dir, RecursiveMode::NonRecursive).is_ok();
        }
        let looked = look(&device, &dir, clock, growing, &events).await;
        let state = match looked {
            Ok(still) => {
                growing = still;
                None
            }
            Err(reason) => {
                growing = std::collections::BTreeMap::new();
                watching = false;
                Some(reason)
            }
        };
        if state != down {
            down.clone_from(&state);
            if events.send(FolderEvent::Link { device: device.clone(), down: state }).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RESCAN) => {}
            Some(()) = woken.recv() => {}
        }
    }
}

type Unfinished = std::collections::BTreeMap<PathBuf, Growing>;

async fn look(
    device: &std::sync::Arc<str>,
    dir: &Path,
    clock: Clock,
    growing: Unfinished,
    events: &mpsc::Sender<FolderEvent>,
) -> Result<Unfinished, String> {
    let mut still = Unfinished::new();
    let listed = {
        let dir = dir.to_owned();
        tokio::task::spawn_blocking(move || list(&dir)).await.map_err(|error| error.to_string())??
    };
    for path in listed {
        let before = growing.get(&path).copied();
        let job = path.clone();
        let outcome = tokio::task::spawn_blocking(move || examine(&job, before, clock)).await;
        let event = match outcome.unwrap_or_else(|panic| Examined::SetAside(format!("decoding it failed: {panic}"))) {
            Examined::Complete(bytes, decoded) => {
                FolderEvent::Arrived(Arrived { device: device.clone(), path, bytes, decoded })
            }
            Examined::Growing(state) => {
                still.insert(path, state);
                continue;
            }
            Examined::Gone => continue,
            Examined::SetAside(reason) => {
                let name = file_name(&path);
                if let Err(error) = set_aside(&path, &reason) {
                    return Err(format!("cannot set {name} aside: {error}"));
                }
                FolderEvent::SetAside { device: device.clone(), name, reason }
            }
        };
        let arrived = match &event {
            FolderEvent::Arrived(arrived) => Some(arrived.path.clone()),
            FolderEvent::SetAside { .. } | FolderEvent::Link { .. } => None,
        };
        if events.send(event).await.is_err() {
            return Ok(still);
        }
        if let Some(path) = arrived {
            wait_until_taken(&path).await;
        }
    }
    Ok(still)
}

/// The receiver moves the file away once it is durable; until then it must not be offered again.
async fn wait_until_taken(path: &Path) {
    for _ in 0..600 {
        if !path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Files of the folder that may be pictures, oldest first. Hidden and temporary names are left to their writer.
fn list(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let explain = |error: std::io::Error| format!("cannot read the folder {}: {error}", dir.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(explain)? {
        let entry = entry.map_err(explain)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let temporary = name.starts_with('.') || [".tmp", ".part", ".filepart"].iter().any(|end| name.ends_with(end));
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        if temporary || meta.is_dir() {
            continue;
        }
        files.push(((meta.mtime(), meta.mtime_nsec()), entry.path()));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

enum Examined {
    Complete(Vec<u8>, Decoded),
    Growing(Growing),
    SetAside(String),
    Gone,
}

fn examine(path: &Path, before: Option<Growing>, clock: Clock) -> Examined {
    let Ok(meta) = path.symlink_metadata() else { return Examined::Gone };
    if !meta.is_file() {
        return Examined::SetAside("it is not a regular file; links and devices are not followed".to_owned());
    }
    if meta.len() > FILE_LIMIT {
        return Examined::SetAside(format!("it has {} bytes, more than the limit of {FILE_LIMIT}", meta.len()));
    }
    let modified = (meta.mtime(), meta.mtime_nsec());
    let now = clock.moment();
    let state = match before {
        Some(known) if (known.size, known.modified) == (meta.len(), modified) => {
            if now.since(known.since) < GIVE_UP {
                // Nothing was written since the last look, so it is as incomplete as it was.
                return Examined::Growing(known);
            }
            known
        }
        Some(_) | None => Growing { size: meta.len(), modified, since: now },
    };
    let waited_enough = now.since(state.since) >= GIVE_UP;
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Examined::Gone,
        Err(error) if waited_enough => return Examined::SetAside(format!("it cannot be read: {error}")),
        Err(_) => return Examined::Growing(state),
    };
    match decode(&bytes) {
        Ok(decoded) => Examined::Complete(bytes, decoded),
        Err(Unreadable::Incomplete(_)) if !waited_enough => Examined::Growing(state),
        Err(Unreadable::Incomplete(reason)) => Examined::SetAside(format!(
            "{reason}, and nothing was written to it for {} s: the sender stopped half-way; send it again",
            GIVE_UP.as_secs()
        )),
        Err(Unreadable::Never(reason)) => Examined::SetAside(reason),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = fs::OpenOptions::new().read(true).custom_flags(nofollow()).open(path)?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn nofollow() -> i32 {
    i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits()).unwrap_or(0)
}

/// Moves a file that became durable evidence into [`TAKEN`]: the sender's copy stays, and is not offered again.
///
/// # Errors
/// When the file system refuses; the file then stays and is offered again, which evidence by hash makes harmless.
pub fn take(path: &Path) -> std::io::Result<()> {
    move_to(path, TAKEN).map(|_| ())
}

fn set_aside(path: &Path, reason: &str) -> std::io::Result<()> {
    let target = move_to(path, SET_ASIDE)?;
    let mut note = target.into_os_string();
    note.push(".reason.txt");
    fs::write(note, format!("{reason}\n"))
}

/// Moves `path` into its folder's `sub`, under a name that overwrites nothing.
fn move_to(path: &Path, sub: &str) -> std::io::Result<PathBuf> {
    let dir = path.parent().unwrap_or(Path::new(".")).join(sub);
    fs::create_dir_all(&dir)?;
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

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Duration = Duration::from_secs(20);

    struct Watched {
        dir: tempfile::TempDir,
        events: mpsc::Receiver<FolderEvent>,
        _stop: tokio_util::sync::DropGuard,
    }

    impl Watched {
        fn start() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (send, events) = mpsc::channel(4);
            let stop = CancellationToken::new();
            tokio::spawn(watch("scanner".into(), dir.path().into(), Clock::start(), send, stop.clone()));
            Self { dir, events, _stop: stop.drop_guard() }
        }

        async fn next(&mut self) -> FolderEvent {
            loop {
                let event = tokio::time::timeout(SMALL, self.events.recv()).await.expect("an event").unwrap();
                if !matches!(event, FolderEvent::Link { .. }) {
                    return event;
                }
            }
        }
    }

    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        image::DynamicImage::new_luma16(64, 48)
            .write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)
            .unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_file_written_in_pieces_arrives_once_and_whole() {
        let mut watched = Watched::start();
        let whole = png();
        let path = watched.dir.path().join("scan-1.png");
        let (first, second) = whole.split_at(whole.len() / 2);
        fs::write(&path, first).unwrap();
        tokio::time::sleep(RESCAN * 3).await;
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, second).unwrap();
        let FolderEvent::Arrived(arrived) = watched.next().await else { panic!("not arrived") };
        assert_eq!(arrived.bytes, whole);
        assert_eq!((arrived.decoded.width, arrived.decoded.height, arrived.decoded.bits), (64, 48, 16));
        take(&arrived.path).unwrap();
        assert!(watched.dir.path().join("taken/scan-1.png").exists());
    }

    #[tokio::test]
    async fn half_a_file_is_set_aside_with_its_reason_and_the_next_one_still_arrives() {
        let mut watched = Watched::start();
        let whole = png();
        fs::write(watched.dir.path().join("half.png"), &whole[..whole.len() - 20]).unwrap();
        let FolderEvent::SetAside { name, reason, .. } = watched.next().await else { panic!("not set aside") };
        assert_eq!(name, "half.png");
        assert!(reason.contains("breaks off"), "{reason}");
        let note = watched.dir.path().join("set-aside/half.png.reason.txt");
        assert!(fs::read_to_string(note).unwrap().contains("breaks off"));
        fs::write(watched.dir.path().join("good.png"), &whole).unwrap();
        assert!(matches!(watched.next().await, FolderEvent::Arrived(_)));
    }

    #[tokio::test]
    async fn a_link_out_of_the_folder_is_not_followed() {
        let mut watched = Watched::start();
        std::os::unix::fs::symlink("/etc/passwd", watched.dir.path().join("link.png")).unwrap();
        assert!(matches!(watched.next().await, FolderEvent::SetAside { .. }));
    }

    #[tokio::test]
    async fn a_missing_folder_is_a_link_that_is_down_until_it_appears() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("share");
        let (send, mut events) = mpsc::channel(4);
        let stop = CancellationToken::new();
        tokio::spawn(watch("scanner".into(), dir.clone(), Clock::start(), send, stop.clone()));
        assert!(matches!(events.recv().await, Some(FolderEvent::Link { down: Some(_), .. })));
        fs::create_dir(&dir).unwrap();
        let up = tokio::time::timeout(SMALL, events.recv()).await.unwrap();
        assert!(matches!(up, Some(FolderEvent::Link { down: None, .. })));
        stop.cancel();
    }
}

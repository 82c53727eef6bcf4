//! A watched folder: the link to an X-ray machine that leaves its pictures as files.
//!
//! A file counts when it is complete, and only then: it decodes to its last row and ends as its format ends. A file
//! that stays incomplete while nothing is written to it any more, and one that lies about its size, is set aside
//! with the reason beside it; the folder goes on.
//!
//! A complete file is moved into [`TAKING`] before it is offered, so it is offered once, whatever becomes of it, and its
//! sender cannot put another in its place. What lies there when the program starts is offered as stale.
//!
//! The folder is looked at when the kernel tells of a change and every [`RESCAN`], because a share mounted from another
//! machine tells nothing.

mod places;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecursiveMode, Watcher};
use portside_devices::moment::Moment;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use places::{Identity, file_name, hold, read, set_aside};
pub use places::{SET_ASIDE, TAKEN, TAKING, take};

use super::picture::{Decoded, Unreadable, decode};
use crate::clock::Clock;

/// How often the folder is looked at when the kernel says nothing.
const RESCAN: Duration = Duration::from_millis(500);
/// An incomplete file to which nothing was written for this long will not become complete.
const GIVE_UP: Duration = Duration::from_secs(5);
/// A picture file larger than this is set aside unread.
pub const FILE_LIMIT: u64 = 256 << 20;
/// A picture that was not taken away by then is told as a fault of the link.
const TAKE_LIMIT: Duration = Duration::from_secs(30);
/// A picture is written as it is made: one whose file time is further off is not of who stands in the lane.
const AGE_LIMIT: Duration = Duration::from_secs(60);

/// What a watched folder has to tell.
#[derive(Debug)]
pub enum FolderEvent {
    /// A complete picture. The receiver makes it durable and then calls [`take`].
    Arrived(Arrived),
    /// A file that cannot be used lies in [`SET_ASIDE`].
    SetAside {
        /// Id of the device that the folder belongs to.
        device: Arc<str>,
        /// File name as it arrived.
        name: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// The folder cannot be read (again), or can (`None`).
    Link {
        /// Id of the device that the folder belongs to.
        device: Arc<str>,
        /// Why not, in a sentence.
        down: Option<String>,
    },
}

/// A complete picture file.
#[derive(Debug)]
pub struct Arrived {
    /// Id of the device that the folder belongs to.
    pub device: Arc<str>,
    /// File name as it arrived.
    pub name: String,
    /// Where the file is held, for [`take`].
    pub path: PathBuf,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// What the bytes say.
    pub decoded: Decoded,
    /// When it was last written, by the clock of the share.
    pub written: Timestamp,
    /// It was held already when the program started.
    pub left_over: bool,
}

impl Arrived {
    /// When the picture was made, if it came as it was made; else why it says nothing about who is there. `known` when
    /// its bytes were kept before.
    ///
    /// # Errors
    /// The reason, in a sentence.
    pub fn made(&self, known: bool, clock: Clock) -> Result<Moment, String> {
        if known {
            return Err("the same picture is evidence already".to_owned());
        }
        if self.left_over {
            return Err(format!("it was left in `{TAKING}` by an earlier run"));
        }
        // In this order, so that a pause between the two makes nothing older than the program.
        let age = clock.wall().duration_since(self.written);
        let now = clock.moment();
        if age.unsigned_abs() > AGE_LIMIT {
            let (apart, limit) = (age.unsigned_abs().as_secs(), AGE_LIMIT.as_secs());
            return Err(format!(
                "its file time is {apart} s off this clock, expected at most {limit} s: if it is new, set the clocks"
            ));
        }
        let age = age.max(jiff::SignedDuration::ZERO).unsigned_abs();
        if age > now.since(Moment::START) {
            return Err("it was written before the program started".to_owned());
        }
        let nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        Ok(Moment::from_nanos(now.as_nanos().saturating_sub(nanos)))
    }
}

/// A file that was seen and is not yet complete.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Growing {
    seen: Identity,
    since: Moment,
}

/// Watches `dir` for `device` until cancelled. A missing folder is a link that is down, not an error: it may be mounted
/// later.
pub async fn watch(
    device: Arc<str>,
    dir: PathBuf,
    clock: Clock,
    events: mpsc::Sender<FolderEvent>,
    stop: CancellationToken,
) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    let watcher = notify::recommended_watcher(move |_| {
        // A full channel already holds the wake-up.
        let _ = wake.try_send(());
    });
    let mut folder = Folder {
        device,
        dir,
        clock,
        events,
        watcher: watcher.ok(),
        watching: false,
        growing: Unfinished::new(),
        offered: BTreeMap::new(),
    };
    let mut down: Option<String> = Some(String::new());
    loop {
        let state = tokio::select! {
            () = stop.cancelled() => return,
            state = folder.round() => state,
        };
        if state != down {
            down.clone_from(&state);
            let event = FolderEvent::Link { device: folder.device.clone(), down: state };
            if folder.events.send(event).await.is_err() {
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

type Unfinished = BTreeMap<PathBuf, Growing>;

struct Folder {
    device: Arc<str>,
    dir: PathBuf,
    clock: Clock,
    events: mpsc::Sender<FolderEvent>,
    watcher: Option<notify::RecommendedWatcher>,
    watching: bool,
    growing: Unfinished,
    /// Files in [`TAKING`] that this run has offered, and when.
    offered: BTreeMap<PathBuf, Moment>,
}

/// Whatever touches the share runs aside: one that hangs must not hold up the rest of the program.
async fn aside<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(job).await.map_err(|panic| format!("looking at it failed: {panic}"))
}

impl Folder {
    /// One look at the folder; what is wrong with it, if anything.
    async fn round(&mut self) -> Option<String> {
        match self.look().await {
            Ok(()) => self.not_taken(),
            Err(reason) => {
                self.growing.clear();
                self.watching = false;
                Some(reason)
            }
        }
    }

    async fn look(&mut self) -> Result<(), String> {
        self.subscribe().await?;
        let dir = self.dir.clone();
        let (listed, held) = aside(move || list_both(&dir)).await??;
        self.offered.retain(|path, _| held.contains(path));
        self.growing.retain(|path, _| listed.contains(path) || held.contains(path));
        let left_over: Vec<_> = held.into_iter().filter(|path| !self.offered.contains_key(path)).collect();
        for path in left_over {
            self.look_at(path, true).await?;
        }
        for path in listed {
            self.look_at(path, false).await?;
        }
        Ok(())
    }

    async fn subscribe(&mut self) -> Result<(), String> {
        let (false, Some(mut watcher)) = (self.watching, self.watcher.take()) else { return Ok(()) };
        let dir = self.dir.clone();
        let job = move || (watcher.watch(&dir, RecursiveMode::NonRecursive).is_ok(), watcher);
        let (watching, watcher) = aside(job).await?;
        (self.watching, self.watcher) = (watching, Some(watcher));
        Ok(())
    }

    async fn look_at(&mut self, path: PathBuf, left_over: bool) -> Result<(), String> {
        let (dir, job, clock) = (self.dir.clone(), path.clone(), self.clock);
        let (before, name) = (self.growing.remove(&path), file_name(&path));
        let event = match aside(move || examine(&dir, &job, before, left_over, clock)).await?? {
            Examined::Complete { path, bytes, decoded, written } => {
                self.offered.insert(path.clone(), self.clock.moment());
                let device = self.device.clone();
                FolderEvent::Arrived(Arrived { device, name, path, bytes, decoded, written, left_over })
            }
            Examined::Growing(state) => {
                self.growing.insert(path, state);
                return Ok(());
            }
            Examined::Gone => return Ok(()),
            Examined::SetAside(reason) => FolderEvent::SetAside { device: self.device.clone(), name, reason },
        };
        self.events.send(event).await.map_err(|_| "nobody listens to it any more".to_owned())
    }

    /// A picture that was offered and still lies where it was held.
    fn not_taken(&self) -> Option<String> {
        let now = self.clock.moment();
        let (path, _) = self.offered.iter().find(|(_, offered)| now.since(**offered) > TAKE_LIMIT)?;
        Some(format!("{} cannot be moved to `{TAKEN}`: look at the rights and the room of the folder", path.display()))
    }
}

/// Files of the folder that may be pictures, and files that are held.
fn list_both(dir: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), String> {
    let listed = list(dir)?;
    let taking = dir.join(TAKING);
    match fs::create_dir(&taking) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(format!("cannot make the folder {}: {error}: the lane has to write there", taking.display()));
        }
        Ok(()) | Err(_) => {}
    }
    Ok((listed, list(&taking)?))
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
        files.push((Identity::of(&meta).written, entry.path()));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

enum Examined {
    Complete { path: PathBuf, bytes: Vec<u8>, decoded: Decoded, written: Timestamp },
    Growing(Growing),
    SetAside(String),
    Gone,
}

/// Judges the file at `path`, and moves it to where it then belongs.
fn examine(dir: &Path, path: &Path, before: Option<Growing>, held: bool, clock: Clock) -> Result<Examined, String> {
    let examined = match std::panic::catch_unwind(|| judge(path, before, clock)) {
        Ok(Judged::Whole(bytes, decoded, seen, state)) => {
            let moved = if held { Ok(Some(path.to_owned())) } else { hold(path, seen, &bytes) };
            let moved = moved.map_err(|error| format!("cannot move {} to `{TAKING}`: {error}", path.display()))?;
            match moved {
                Some(path) => Examined::Complete { path, bytes, decoded, written: seen.time() },
                None => Examined::Growing(state),
            }
        }
        Ok(Judged::Not(examined)) => examined,
        Err(_) => Examined::SetAside("decoding it failed".to_owned()),
    };
    if let Examined::SetAside(reason) = &examined {
        set_aside(dir, path, reason).map_err(|error| format!("cannot set {} aside: {error}", file_name(path)))?;
    }
    Ok(examined)
}

enum Judged {
    Whole(Vec<u8>, Decoded, Identity, Growing),
    Not(Examined),
}

fn judge(path: &Path, before: Option<Growing>, clock: Clock) -> Judged {
    let Ok(meta) = path.symlink_metadata() else { return Judged::Not(Examined::Gone) };
    let aside = |reason: String| Judged::Not(Examined::SetAside(reason));
    if !meta.is_file() {
        return aside("it is not a regular file; links and devices are not followed".to_owned());
    }
    if meta.len() > FILE_LIMIT {
        return aside(format!("it has {} bytes, more than the limit of {FILE_LIMIT}", meta.len()));
    }
    let (seen, now) = (Identity::of(&meta), clock.moment());
    let known = before.filter(|known| known.seen == seen);
    let state = known.unwrap_or(Growing { seen, since: now });
    let waited_enough = now.since(state.since) >= GIVE_UP;
    if known.is_some() && !waited_enough {
        // Nothing was written since the last look, so it is as incomplete as it was.
        return Judged::Not(Examined::Growing(state));
    }
    let (bytes, seen) = match read(path) {
        Ok(Some(read)) => read,
        Ok(None) => return Judged::Not(Examined::Growing(Growing { seen, since: now })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Judged::Not(Examined::Gone),
        Err(error) if waited_enough => return aside(format!("it cannot be read: {error}")),
        Err(_) => return Judged::Not(Examined::Growing(state)),
    };
    match decode(&bytes) {
        Ok(decoded) => Judged::Whole(bytes, decoded, seen, state),
        Err(Unreadable::Incomplete(_)) if !waited_enough => Judged::Not(Examined::Growing(state)),
        Err(Unreadable::Incomplete(reason)) => aside(format!(
            "{reason}, and nothing was written to it for {} s: the sender stopped half-way; send it again",
            GIVE_UP.as_secs()
        )),
        Err(Unreadable::Never(reason)) => aside(reason),
    }
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
    async fn a_picture_that_is_never_taken_is_offered_once_and_holds_up_no_other() {
        let mut watched = Watched::start();
        fs::write(watched.dir.path().join("a.png"), png()).unwrap();
        let FolderEvent::Arrived(first) = watched.next().await else { panic!("not arrived") };
        assert!(!first.left_over);
        fs::write(watched.dir.path().join("b.png"), png()).unwrap();
        let FolderEvent::Arrived(second) = watched.next().await else { panic!("not arrived") };
        assert!(first.path.ends_with("taking/a.png") && second.path.ends_with("taking/b.png"));
        assert!(second.made(false, Clock::start()).is_err(), "written before this clock began");
    }

    #[tokio::test]
    async fn what_an_earlier_run_held_is_offered_as_stale() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(TAKING)).unwrap();
        let clock = Clock::start();
        fs::write(dir.path().join("taking/old.png"), png()).unwrap();
        let (send, events) = mpsc::channel(4);
        let stop = CancellationToken::new();
        tokio::spawn(watch("scanner".into(), dir.path().into(), clock, send, stop.clone()));
        let mut watched = Watched { dir, events, _stop: stop.drop_guard() };
        let FolderEvent::Arrived(arrived) = watched.next().await else { panic!("not arrived") };
        assert!(arrived.made(false, clock).unwrap_err().contains("earlier run"));
        take(&arrived.path).unwrap();
        assert!(watched.dir.path().join("taken/old.png").exists());
    }

    #[test]
    fn only_a_picture_as_new_as_its_file_is_fresh() {
        let clock = Clock::start();
        let at = |written: Timestamp| Arrived {
            device: "scanner".into(),
            name: "scan.png".to_owned(),
            path: PathBuf::new(),
            bytes: Vec::new(),
            decoded: Decoded { media_type: "image/png", width: 1, height: 1, bits: 8 },
            written,
            left_over: false,
        };
        let seconds = jiff::SignedDuration::from_secs;
        let new = at(clock.wall());
        assert!(new.made(false, clock).is_ok());
        assert!(new.made(true, clock).unwrap_err().contains("evidence already"));
        for (apart, says) in [(5, "before the program started"), (90, "s off this clock"), (-90, "s off this clock")] {
            let reason = at(clock.wall() - seconds(apart)).made(false, clock).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
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

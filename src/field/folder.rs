//! A watched folder: the link to an X-ray machine that leaves its pictures as files.
//!
//! A file counts when it is complete, and only then: it decodes to its last row and ends as its format ends, and where
//! the format has no end of its own, nobody has written to it for [`SETTLE`]. A file of samples alone counts together
//! with its sidecar, in whatever order the two arrive. A file that stays incomplete while nothing is written to it any
//! more, and one that lies about its size, is set aside with the reason beside it; the folder goes on. What the bytes
//! say is found out by a [`Decoder`], which is another process.
//!
//! Senders over SMB and FTP write under a temporary name and rename, or let the file grow, or reserve its size and fill
//! it; all three are waited for.
//!
//! A complete file is moved into [`TAKING`] before it is offered, so it is offered once, whatever becomes of it, and its
//! sender cannot put another in its place. What lies there when the program starts is offered as stale.
//!
//! The folder is looked at when the kernel tells of a change and every [`RESCAN`], because a share mounted from another
//! machine tells nothing.

mod names;
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

use names::{Set, is_temporary, sets};
use places::{Identity, Part, file_name, hold, read, set_aside};
pub use places::{SET_ASIDE, TAKEN, TAKING, take};

use super::decoder::{Bytes, Decoder, Failure};
use super::picture::{Decoded, Unreadable, recognise};
use crate::clock::Clock;

/// How often the folder is looked at when the kernel says nothing.
const RESCAN: Duration = Duration::from_millis(500);
/// An incomplete file to which nothing was written for this long will not become complete.
const GIVE_UP: Duration = Duration::from_secs(5);
/// A file whose format has no end of its own is complete when nothing was written to it for this long.
const SETTLE: Duration = Duration::from_secs(1);
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
    /// The sidecar of a file of samples alone.
    pub sidecar: Option<Sidecar>,
    /// What the bytes say.
    pub decoded: Decoded,
    /// When it was last written, by the clock of the share.
    pub written: Timestamp,
    /// It was held already when the program started.
    pub left_over: bool,
}

/// What came beside a file of samples alone and says how they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    /// File name as it arrived.
    pub name: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
struct Growing {
    /// State of the file, and of its sidecar.
    seen: Vec<Identity>,
    since: Moment,
    /// It is looked at again when it was quiet for this long, or as soon as it changes.
    again: Duration,
}

/// Watches `dir` for `device` until cancelled. A missing folder is a link that is down, not an error: it may be mounted
/// later.
pub async fn watch(
    device: Arc<str>,
    dir: PathBuf,
    decoder: Decoder,
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
        decoder,
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
    decoder: Decoder,
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
        let sets = sets(held, listed);
        self.growing.retain(|path, _| sets.iter().any(|set| set.file == *path));
        for set in sets {
            if !self.offered.contains_key(&set.file) {
                self.look_at(set).await?;
            }
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

    async fn look_at(&mut self, set: Set) -> Result<(), String> {
        let (job, before, clock) = (set.clone(), self.growing.remove(&set.file), self.clock);
        let judged = match aside(move || look(&job, before, clock)).await? {
            Looked::Read(read) => self.judge(read).await?,
            Looked::Not(judged) => judged,
        };
        match judged {
            Judged::Whole(read, decoded) => self.offer(set, read, decoded).await,
            Judged::Growing(state) => {
                self.growing.insert(set.file, state);
                Ok(())
            }
            Judged::SetAside(reason) => self.set_aside(set, reason).await,
            Judged::Gone => Ok(()),
        }
    }

    async fn judge(&self, read: Read) -> Result<Judged, String> {
        let bytes = Bytes { file: &read.bytes, sidecar: read.sidecar.as_ref().map(|(sidecar, _)| &sidecar[..]) };
        let unreadable = match self.decoder.header(bytes).await {
            Ok(decoded) => return Ok(Judged::Whole(read, decoded)),
            Err(Failure::Unavailable(reason)) => return Err(reason),
            Err(Failure::Unreadable(why)) => why,
        };
        Ok(match unreadable {
            Unreadable::Incomplete(reason) => read.state.or_give_up(self.clock, &reason),
            Unreadable::Never(reason) => Judged::SetAside(reason),
        })
    }

    async fn offer(&mut self, set: Set, read: Read, decoded: Decoded) -> Result<(), String> {
        let (name, left_over) = (file_name(&set.file), set.held);
        let sidecar_name = set.sidecar.as_deref().map(file_name);
        let (dir, job) = (self.dir.clone(), set.clone());
        let (held, read) = aside(move || (hold(&dir, &read.parts(&job)), read)).await?;
        let held = held.map_err(|error| format!("cannot move {} to `{TAKING}`: {error}", set.file.display()))?;
        let Some(path) = held else {
            self.growing.insert(set.file, read.state);
            return Ok(());
        };
        self.offered.insert(path.clone(), self.clock.moment());
        let sidecar = sidecar_name.zip(read.sidecar).map(|(name, (bytes, _))| Sidecar { name, bytes });
        let (device, bytes, written) = (self.device.clone(), read.bytes, read.seen.time());
        self.tell(FolderEvent::Arrived(Arrived { device, name, path, bytes, sidecar, decoded, written, left_over }))
            .await
    }

    async fn set_aside(&mut self, set: Set, reason: String) -> Result<(), String> {
        let (dir, name, note) = (self.dir.clone(), file_name(&set.file), reason.clone());
        aside(move || set_aside(&dir, &set.paths(), &note))
            .await?
            .map_err(|error| format!("cannot set {name} aside: {error}"))?;
        self.tell(FolderEvent::SetAside { device: self.device.clone(), name, reason }).await
    }

    async fn tell(&self, event: FolderEvent) -> Result<(), String> {
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
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        if is_temporary(&entry.file_name().to_string_lossy()) || meta.is_dir() {
            continue;
        }
        files.push((Identity::of(&meta).written, entry.path()));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// What a look at a file gives.
enum Looked {
    /// Its bytes, to be decoded.
    Read(Read),
    /// Nothing to decode, and what that means.
    Not(Judged),
}

/// What becomes of a file.
enum Judged {
    Whole(Read, Decoded),
    Growing(Growing),
    SetAside(String),
    Gone,
}

/// The bytes of a file and of its sidecar, and which files they were.
struct Read {
    bytes: Vec<u8>,
    seen: Identity,
    sidecar: Option<(Vec<u8>, Identity)>,
    state: Growing,
}

impl Read {
    /// The sidecar first: whoever finds the file of samples finds its sidecar.
    fn parts<'a>(&'a self, set: &'a Set) -> Vec<Part<'a>> {
        let sidecar = set.sidecar.as_deref().zip(self.sidecar.as_ref());
        let sidecar = sidecar.map(|(path, (bytes, seen))| Part { path, seen: *seen, bytes });
        sidecar.into_iter().chain([Part { path: &set.file, seen: self.seen, bytes: &self.bytes }]).collect()
    }
}

impl Growing {
    fn quiet(&self, clock: Clock) -> Duration {
        clock.moment().since(self.since)
    }

    fn or_give_up(mut self, clock: Clock, reason: &str) -> Judged {
        if self.quiet(clock) < GIVE_UP {
            self.again = GIVE_UP;
            return Judged::Growing(self);
        }
        let seconds = GIVE_UP.as_secs();
        Judged::SetAside(format!(
            "{reason}, and nothing was written to it for {seconds} s: the sender stopped half-way; send it again"
        ))
    }
}

/// Reads what may be complete.
fn look(set: &Set, before: Option<Growing>, clock: Clock) -> Looked {
    let mut seen = Vec::new();
    for path in set.paths() {
        let Ok(meta) = path.symlink_metadata() else { return Looked::Not(Judged::Gone) };
        if let Some(reason) = unfit(&meta) {
            return Looked::Not(Judged::SetAside(reason));
        }
        seen.push(Identity::of(&meta));
    }
    let known = before.filter(|known| known.seen == seen);
    if let Some(known) = known.as_ref().filter(|known| known.quiet(clock) < known.again) {
        return Looked::Not(Judged::Growing(known.clone()));
    }
    let state = known.unwrap_or_else(|| Growing { seen, since: clock.moment(), again: Duration::ZERO });
    if let Some(missing) = set.missing() {
        return Looked::Not(state.or_give_up(clock, &missing));
    }
    read_set(set, state, clock)
}

fn unfit(meta: &fs::Metadata) -> Option<String> {
    if !meta.is_file() {
        return Some("it is not a regular file; links and devices are not followed".to_owned());
    }
    let size = meta.len();
    (size > FILE_LIMIT).then(|| format!("it has {size} bytes, more than the limit of {FILE_LIMIT}"))
}

fn read_set(set: &Set, mut state: Growing, clock: Clock) -> Looked {
    let mut parts = Vec::new();
    for path in set.paths() {
        match read(path) {
            Ok(Some(part)) => parts.push(part),
            Ok(None) => return Looked::Not(Judged::Growing(Growing { since: clock.moment(), ..state })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Looked::Not(Judged::Gone),
            Err(error) => return Looked::Not(state.or_give_up(clock, &format!("it cannot be read: {error}"))),
        }
    }
    let sidecar = if set.sidecar.is_some() { parts.pop() } else { None };
    let Some((bytes, seen)) = parts.pop() else { return Looked::Not(Judged::Gone) };
    let settles = match recognise(&bytes) {
        _ if sidecar.is_some() => true,
        Ok(format) => !format.proves_its_end(),
        Err(Unreadable::Incomplete(reason)) => return Looked::Not(state.or_give_up(clock, &reason)),
        Err(Unreadable::Never(reason)) => return Looked::Not(Judged::SetAside(reason)),
    };
    if settles && state.quiet(clock) < SETTLE {
        state.again = SETTLE;
        return Looked::Not(Judged::Growing(state));
    }
    Looked::Read(Read { bytes, seen, sidecar, state })
}

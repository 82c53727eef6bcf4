//! Opening a journal: look at everything before writing anything, and say what was found.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock, mpsc};

use tokio::sync::watch;
use uuid::Uuid;

use super::follow::{Follower, Shelf};
use super::frame::{RECORD_LIMIT, Spot, frame_size};
use super::head::{self, Found, Head, HeadFile, RESERVE, Tip};
use super::identity::{Identity, LaneFile, OpenError, doing};
use super::index::Index;
use super::log::Log;
use super::reader::Reader;
use super::record::Origin;
use super::recover::{Recovered, recover};
use super::segment::{self, FIRST};
use super::shared::Shared;
use super::storage::{Pace, Storage};
use super::{Heads, Journal, files};
use crate::clock::Clock;

/// How a journal lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of each segment of the log. Segments that exist keep theirs.
    pub segment_size: u32,
    /// Bytes that a record may have, at most [`RECORD_LIMIT`].
    pub record_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_size: 8 << 20, record_limit: RECORD_LIMIT }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// Expected after a power cut, or mended without loss.
    Note,
    /// Evidence is missing or cannot be trusted: a person and the centre must know.
    Alarm,
}

/// Something that opening the journal found and dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub gravity: Gravity,
    /// What was found and what was done, in one sentence.
    pub text: String,
}

impl Finding {
    pub(super) fn note(text: String) -> Self {
        Self { gravity: Gravity::Note, text }
    }

    pub(super) fn alarm(text: String) -> Self {
        Self { gravity: Gravity::Alarm, text }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Journal {
    /// Opens the journal in `dir`, or begins one in a directory that holds none.
    ///
    /// Says what it found: torn tails, damage, what was rebuilt or is missing. The caller records these and raises the
    /// alarms. Another lane's directory, a newer form and a second process are refused before anything is written.
    pub fn open(dir: &Path, identity: &Identity, options: Options) -> Result<(Self, Vec<Finding>), OpenError> {
        identity.check()?;
        check_options(options)?;
        doing("creating", dir, files::make_dir(dir))?;
        let lock = lock(dir)?;
        let mut findings = Vec::new();
        let (lane, head, turn) = who(dir, identity, &mut findings)?;
        let log_dir = dir.join("log");
        doing("creating", &log_dir, files::make_dir(&log_dir))?;
        let recovered = doing("reading", &log_dir, recover(&log_dir, lane.epoch, head.as_ref()))?;
        say(&recovered, &mut findings);
        let log = doing("opening", &log_dir, Log::open(&log_dir, lane.epoch, options.segment_size, recovered.end))?;
        let mut head_file = doing("opening", &dir.join(head::NAME), HeadFile::open(dir, turn))?;
        let tips = doing("writing", &dir.join(head::NAME), write_head(&mut head_file, &lane, &recovered))?;
        lane.write_if_new(dir)?;
        let index = open_index(dir, lane.epoch, recovered.end, &mut findings);
        start(dir, lane, lock, log, head_file, tips, index, options).map(|journal| (journal, findings))
    }
}

fn check_options(options: Options) -> Result<(), OpenError> {
    if options.record_limit > RECORD_LIMIT {
        return Err(OpenError::Options("record_limit is above 256 KiB, which frames cannot hold"));
    }
    if (options.segment_size as usize) < FIRST as usize + frame_size(options.record_limit + 1024) {
        return Err(OpenError::Options("segment_size is too small for one record of record_limit"));
    }
    Ok(())
}

/// Locks the directory itself: a bind mount of it is the same directory, and no lock file can be left behind.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let file = doing("opening", dir, File::open(dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(dir.to_owned())),
        Err(TryLockError::Error(error)) => doing("locking", dir, Err(error)),
    }
}

/// Whose journal this is and what its head file says. Writes nothing.
fn who(
    dir: &Path,
    identity: &Identity,
    findings: &mut Vec<Finding>,
) -> Result<(LaneFile, Option<Head>, u64), OpenError> {
    let lane = LaneFile::read(dir)?;
    if let Some(lane) = &lane {
        lane.check(dir, identity)?;
    }
    let head_path = dir.join(head::NAME);
    let bytes = doing("reading", &head_path, files::read_if_there(&head_path))?.unwrap_or_default();
    let found = head::read(&bytes);
    let log_dir = dir.join("log");
    let has_log = !doing("reading", &log_dir, segment::list(&log_dir))?.is_empty();
    let Some(lane) = lane else {
        return begin(dir, identity, &found, has_log);
    };
    match found {
        Found::Head { head, turn, .. } if head.epoch != lane.epoch => {
            findings.push(Finding::alarm(format!(
                "the head file belongs to epoch {}, the journal to {}: it was replaced; the log alone is believed, and \
                 whether records are missing at its end cannot be told",
                head.epoch, lane.epoch
            )));
            Ok((lane, None, turn))
        }
        Found::Head { head, turn, one_damaged } => {
            if one_damaged {
                findings.push(Finding::note("one half of the head file was torn; the other was used".to_owned()));
            }
            Ok((lane, Some(head), turn))
        }
        Found::Missing | Found::Unreadable if has_log => {
            findings.push(Finding::alarm(
                "the head file is missing or unreadable: the log alone is believed, and whether records are missing at \
                 its end cannot be told"
                    .to_owned(),
            ));
            Ok((lane, None, 0))
        }
        Found::Missing | Found::Unreadable => {
            let fresh = LaneFile::begin(identity, Clock::start().wall());
            findings.push(Finding::alarm(format!(
                "the journal of epoch {} is gone, log and head file both: nothing is known of its records; a new epoch \
                 {} begins",
                lane.epoch, fresh.epoch
            )));
            fresh.write(dir)?;
            Ok((fresh, None, 0))
        }
    }
}

/// A directory without a `lane` file: empty, or left by a power cut during the very first start.
fn begin(
    dir: &Path,
    identity: &Identity,
    found: &Found,
    has_log: bool,
) -> Result<(LaneFile, Option<Head>, u64), OpenError> {
    let used = match found {
        Found::Head { head, .. } => head.tips.values().any(|tip| tip.sequence > 0),
        Found::Missing => false,
        // A first head file that was torn: then there is no record yet either.
        Found::Unreadable => has_log,
    };
    let records = has_log && {
        let log_dir = dir.join("log");
        let recovered = doing("reading", &log_dir, recover(&log_dir, Uuid::nil(), None))?;
        !recovered.tips.is_empty()
    };
    if used || records {
        return Err(OpenError::NoIdentity { dir: dir.to_owned(), why: "is missing".to_owned() });
    }
    let log_dir = dir.join("log");
    for number in doing("reading", &log_dir, segment::list(&log_dir))? {
        let path = segment::path(&log_dir, number);
        doing("removing the empty", &path, std::fs::remove_file(&path))?;
    }
    Ok((LaneFile::begin(identity, Clock::start().wall()), None, 0))
}

impl LaneFile {
    /// Written last of a new journal: with it the journal exists.
    fn write_if_new(&self, dir: &Path) -> Result<(), OpenError> {
        match Self::read(dir)? {
            Some(_) => Ok(()),
            None => self.write(dir),
        }
    }
}

fn say(recovered: &Recovered, findings: &mut Vec<Finding>) {
    if let Some(torn) = &recovered.torn {
        findings.push(Finding::note(format!("cleared a torn tail: {torn}")));
    }
    for damage in &recovered.damage {
        findings.push(Finding::alarm(format!("the log is damaged, its other records are served: {damage}")));
    }
    for loss in &recovered.lost {
        let more = if loss.skipped_to > loss.known {
            format!("; more may be, so the next one gets number {}", loss.skipped_to + 1)
        } else {
            String::new()
        };
        findings.push(Finding::alarm(format!(
            "the log ends before what the head file knows: records {} to {} of stream {} are missing{more}",
            loss.from, loss.known, loss.stream
        )));
    }
}

/// The head file agrees with what was recovered before anything is appended.
fn write_head(
    file: &mut HeadFile,
    lane: &LaneFile,
    recovered: &Recovered,
) -> std::io::Result<BTreeMap<super::Stream, Tip>> {
    let mut tips = recovered.tips.clone();
    tips.values_mut().for_each(|tip| tip.ceiling = tip.sequence + RESERVE);
    let head = Head { epoch: lane.epoch, durable: recovered.end, closed: false, tips };
    file.write(&head)?;
    Ok(head.tips)
}

/// Opens the index, or begins it anew when it is useless. `None`: the index thread goes on trying.
fn open_index(dir: &Path, epoch: Uuid, end: Spot, findings: &mut Vec<Finding>) -> Option<Index> {
    let path = dir.join("index");
    let was_there = path.is_dir();
    let has_records = end.offset() > FIRST || end.segment() > 1;
    let opened = Index::open(&path, epoch).and_then(|index| index.watermark().map(|mark| (index, mark)));
    let why = match opened {
        Ok((index, Some(mark))) if mark <= end => return Some(index),
        Ok((index, None)) if !has_records => return Some(index),
        Ok((index, None)) if !was_there => {
            findings.push(Finding::note("the index was missing: it is built from the log".to_owned()));
            return Some(index);
        }
        Ok((_, None)) => "it was empty or of another epoch".to_owned(),
        Ok((_, Some(_))) => "it knows more than the log".to_owned(),
        Err(error) => error.to_string(),
    };
    findings.push(Finding::note(format!("the index was set aside and is built anew from the log: {why}")));
    Index::set_aside(&path).ok()?;
    Index::open(&path, epoch).ok()
}

#[allow(clippy::too_many_arguments)] // every part of the journal, once
fn start(
    dir: &Path,
    lane: LaneFile,
    lock: File,
    log: Log,
    head: HeadFile,
    tips: BTreeMap<super::Stream, Tip>,
    index: Option<Index>,
    options: Options,
) -> Result<Journal, OpenError> {
    let streams = tips.iter().map(|(stream, tip)| (stream.clone(), tip.sequence)).collect();
    let (heads, watched) = watch::channel(Heads { epoch: lane.epoch, streams });
    let shared = Arc::new(Shared::new(dir.to_owned(), log.spot()));
    let shelf = Arc::new(Shelf { epoch: lane.epoch, index: RwLock::new(index), owed: Mutex::new(BTreeMap::new()) });
    let follower =
        doing("starting the index thread of", dir, Follower::start(Arc::clone(&shared), Arc::clone(&shelf)))?;
    let origin = Origin { port: lane.port, lane: lane.lane, epoch: lane.epoch };
    let storage =
        Storage { origin, log, head, tips, heads, shared: Arc::clone(&shared), follower, lock, pace: Pace::new() };
    let (queue, work) = mpsc::channel();
    let thread = std::thread::Builder::new().name("journal-storage".to_owned()).spawn(move || storage.run(&work));
    doing("starting the storage thread of", dir, thread)?;
    Ok(Journal { queue, heads: watched, reader: Reader { shared, shelf }, record_limit: options.record_limit })
}

//! The index: where in the log each record lies, by stream and by inspection, and how far each stream was sent.
//!
//! It is kept in sled, which neither survives a power cut whole nor opens whatever it finds (see the design notes on
//! sled 0.34.7): so it holds nothing that the log does not, every call into it is guarded against panics, and at any
//! doubt it is thrown away and built anew. Batches stay at or below 100 operations, because sled's memory grows without
//! bound above a few hundred.
//!
//! | key | value |
//! |---|---|
//! | `s` stream 0 first-sequence | up to 64 pairs of sequence and [`Spot`] |
//! | `i` subject 0 first-spot | up to 64 spots |
//! | `n` first-spot | subject of an inspection, by age |
//! | `f` subject | that it has such an entry |
//! | `o` stream | the next sequence owed |
//! | `w` | epoch, and the spot up to which all this is complete |

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::{ControlFlow, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use super::frame::Spot;
use super::stream::Stream;

/// Entries of one value.
const CHUNK: usize = 64;
/// Records that one batch may take: at most four keys each, and the watermark.
pub(super) const BATCH: usize = 24;

/// The index cannot answer. It has to be built anew.
#[derive(Debug)]
pub(super) struct IndexError(String);

impl IndexError {
    /// There is no index at the moment.
    pub(super) fn gone() -> Self {
        Self("there is none".to_owned())
    }

    /// It pointed at a place where another record lies.
    pub(super) fn wrong() -> Self {
        Self("it does not fit the log".to_owned())
    }
}

impl From<std::io::Error> for IndexError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Looks at a key and its value and says whether to go on.
type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;
/// A key and its value.
type Chunk = (Vec<u8>, Vec<u8>);

/// One record as the index sees it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: Spot,
    pub(super) stream: Stream,
    pub(super) sequence: u64,
    /// What it can be found by beside its sequence: the inspection it belongs to.
    pub(super) subject: Option<String>,
}

/// The open index.
#[derive(Debug)]
pub(super) struct Index {
    db: Db,
    epoch: Uuid,
}

/// Where the index is kept.
#[derive(Debug)]
enum Db {
    Disk(sled::Db),
    /// In a full or broken volume, where sled opens nothing: the lane still has to read its own records.
    Memory(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>),
}

impl Db {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self {
            Self::Disk(db) => guarded(|| db.get(key)).map(|value| value.map(|value| value.to_vec())),
            Self::Memory(map) => Ok(map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()),
        }
    }

    /// All of `changes` or none.
    fn put(&self, changes: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), IndexError> {
        match self {
            Self::Disk(db) => {
                let mut batch = sled::Batch::default();
                changes.into_iter().for_each(|(key, value)| batch.insert(key, value));
                guarded(|| db.apply_batch(batch))
            }
            Self::Memory(map) => {
                map.write().unwrap_or_else(PoisonError::into_inner).extend(changes);
                Ok(())
            }
        }
    }

    /// Shows `visit` what lies in `range`, in order, until it says `Break`.
    fn ascend(&self, range: RangeInclusive<Vec<u8>>, visit: &mut Visit<'_>) -> Result<(), IndexError> {
        match self {
            Self::Disk(db) => guarded(|| {
                for entry in db.range(range) {
                    let (key, value) = entry?;
                    if visit(&key, &value).is_break() {
                        break;
                    }
                }
                Ok(())
            }),
            Self::Memory(map) => {
                let map = map.read().unwrap_or_else(PoisonError::into_inner);
                let _ = map.range(range).try_for_each(|(key, value)| visit(key, value));
                Ok(())
            }
        }
    }

    /// The last `max` entries in `range`, last first.
    fn descend(&self, range: RangeInclusive<Vec<u8>>, max: usize) -> Result<Vec<Chunk>, IndexError> {
        match self {
            Self::Disk(db) => guarded(|| {
                let entries = db.range(range).rev().take(max);
                entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
            }),
            Self::Memory(map) => {
                let map = map.read().unwrap_or_else(PoisonError::into_inner);
                Ok(map.range(range).rev().take(max).map(|(key, value)| (key.clone(), value.clone())).collect())
            }
        }
    }
}

/// Every key that begins with `prefix`; after it come numbers of eight bytes at most.
fn under(prefix: &[u8]) -> RangeInclusive<Vec<u8>> {
    prefix.to_vec()..=[prefix, &[0xff; 9]].concat()
}

impl Index {
    /// Opens the index in `dir`, or begins an empty one when there is none. A torn snapshot is dropped, which sled
    /// survives without loss.
    pub(super) fn open(dir: &Path, epoch: Uuid) -> Result<Self, IndexError> {
        let first = open_db(dir);
        let db = match first {
            Ok(db) => db,
            Err(_) => {
                drop_snapshots(dir);
                open_db(dir)?
            }
        };
        Ok(Self { db: Db::Disk(db), epoch })
    }

    /// An empty index that lives as long as the process.
    pub(super) fn in_memory(epoch: Uuid) -> Self {
        Self { db: Db::Memory(RwLock::default()), epoch }
    }

    /// Moves a useless index aside. Only the last one is kept, for whoever wants to know why: it holds no evidence.
    pub(super) fn set_aside(dir: &Path) -> std::io::Result<()> {
        let aside = dir.with_extension("set-aside");
        let _ = fs::remove_dir_all(&aside);
        match fs::rename(dir, &aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => fs::remove_dir_all(dir),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the index and the one set aside: on a full disk their space is worth more than they are.
    pub(super) fn remove(dir: &Path) {
        let _ = fs::remove_dir_all(dir);
        let _ = fs::remove_dir_all(dir.with_extension("set-aside"));
    }

    /// Up to where the index is complete; `None` for one that is empty or of another epoch.
    pub(super) fn watermark(&self) -> Result<Option<Spot>, IndexError> {
        let value = self.db.get(b"w")?;
        Ok(value.and_then(|value| {
            let (epoch, spot) = value.split_at_checked(16)?;
            let spot = u64::from_be_bytes(spot.try_into().ok()?);
            (epoch == self.epoch.as_bytes()).then_some(Spot::from_u64(spot))
        }))
    }

    /// Adds entries in the log's order and moves the watermark to `upto`, all or nothing.
    pub(super) fn add(&self, entries: &[Entry], upto: Spot) -> Result<(), IndexError> {
        let mut changes = BTreeMap::new();
        for entry in entries.iter().take(BATCH) {
            let pair = [entry.sequence.to_be_bytes(), entry.at.to_u64().to_be_bytes()].concat();
            self.extend(&mut changes, &stream_prefix(&entry.stream), entry.sequence, &pair)?;
            if let Some(subject) = &entry.subject {
                let prefix = subject_prefix(subject);
                if entry.stream == Stream::Inspection {
                    self.first_of(&mut changes, subject, entry.at)?;
                }
                self.extend(&mut changes, &prefix, entry.at.to_u64(), &entry.at.to_u64().to_be_bytes())?;
            }
        }
        let mark = [&self.epoch.as_bytes()[..], &upto.to_u64().to_be_bytes()].concat();
        changes.insert(b"w".to_vec(), mark);
        self.db.put(changes)
    }

    /// Enters an inspection into the list by age, at its first record.
    fn first_of(&self, changes: &mut BTreeMap<Vec<u8>, Vec<u8>>, subject: &str, at: Spot) -> Result<(), IndexError> {
        let key = [b"f", subject.as_bytes()].concat();
        if !changes.contains_key(&key) && self.db.get(&key)?.is_none() {
            changes.insert([&b"n"[..], &at.to_u64().to_be_bytes()].concat(), subject.as_bytes().to_vec());
            changes.insert(key, Vec::new());
        }
        Ok(())
    }

    /// Adds `item` to the last chunk under `prefix`, or begins one.
    fn extend(
        &self,
        changes: &mut BTreeMap<Vec<u8>, Vec<u8>>,
        prefix: &[u8],
        number: u64,
        item: &[u8],
    ) -> Result<(), IndexError> {
        match self.last(changes, prefix)? {
            Some((key, mut value)) if value.len() < CHUNK * item.len() => {
                value.extend_from_slice(item);
                changes.insert(key, value);
            }
            Some(_) | None => drop(changes.insert([prefix, &number.to_be_bytes()].concat(), item.to_vec())),
        }
        Ok(())
    }

    /// The last chunk under `prefix`, with the changes not yet written.
    fn last(&self, changes: &BTreeMap<Vec<u8>, Vec<u8>>, prefix: &[u8]) -> Result<Option<Chunk>, IndexError> {
        let changed = changes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)).last();
        if let Some((key, value)) = changed {
            return Ok(Some((key.clone(), value.clone())));
        }
        Ok(self.db.descend(under(prefix), 1)?.pop())
    }

    /// Sequences and places of a stream's records from `from` on, at most `max`.
    pub(super) fn stream(&self, stream: &Stream, from: u64, max: usize) -> Result<Vec<(u64, Spot)>, IndexError> {
        let prefix = stream_prefix(stream);
        let key = [&prefix[..], &from.to_be_bytes()].concat();
        let first = self.db.descend(prefix.clone()..=key.clone(), 1)?.pop();
        let start = first.map_or(key, |(key, _)| key);
        let mut found = Vec::new();
        self.db.ascend(start..=under(&prefix).into_inner().1, &mut |_, value| {
            found.extend(pairs(value).filter(|(sequence, _)| *sequence >= from));
            if found.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        found.truncate(max);
        Ok(found)
    }

    /// First and last sequence of a stream.
    pub(super) fn ends(&self, stream: &Stream) -> Result<Option<(u64, u64)>, IndexError> {
        let range = under(&stream_prefix(stream));
        let mut first = None;
        self.db.ascend(range.clone(), &mut |_, value| {
            first = pairs(value).next();
            ControlFlow::Break(())
        })?;
        let last = self.db.descend(range, 1)?.pop().and_then(|(_, value)| pairs(&value).last());
        Ok(first.zip(last).map(|((first, _), (last, _))| (first, last)))
    }

    /// Places of the records that belong to an inspection, in order.
    pub(super) fn subject(&self, subject: &str) -> Result<Vec<Spot>, IndexError> {
        let mut found = Vec::new();
        self.db.ascend(under(&subject_prefix(subject)), &mut |_, value| {
            found.extend(value.chunks_exact(8).map(spot));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// The youngest inspections, youngest first.
    pub(super) fn subjects(&self, max: usize) -> Result<Vec<String>, IndexError> {
        let names = self.db.descend(under(b"n"), max)?;
        Ok(names.into_iter().map(|(_, name)| String::from_utf8_lossy(&name).into_owned()).collect())
    }

    /// The next sequence owed, as last remembered.
    pub(super) fn owed(&self, stream: &Stream) -> Result<Option<u64>, IndexError> {
        let value = self.db.get(&owed_key(stream))?;
        Ok(value.and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?))))
    }

    /// Remembers the next sequence owed. A power cut may undo it; then records are sent again.
    pub(super) fn set_owed(&self, stream: &Stream, next: u64) -> Result<(), IndexError> {
        self.db.put(BTreeMap::from([(owed_key(stream), next.to_be_bytes().to_vec())]))
    }

    /// Hands what is in memory to the system.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        match &self.db {
            Db::Disk(db) => guarded(|| db.flush()).map(drop),
            Db::Memory(_) => Ok(()),
        }
    }
}

fn open_db(dir: &Path) -> Result<sled::Db, IndexError> {
    guarded(|| {
        sled::Config::new()
            .path(dir)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(4 << 20)
            .flush_every_ms(Some(5_000))
            .print_profile_on_drop(false)
            .open()
    })
}

fn drop_snapshots(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Runs `f` so that a panic inside sled is an error like any other.
fn guarded<T>(f: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(IndexError(error.to_string())),
        Err(_) => Err(IndexError("it panicked".to_owned())),
    }
}

fn stream_prefix(stream: &Stream) -> Vec<u8> {
    [b"s", stream.to_string().as_bytes(), b"\0"].concat()
}

fn subject_prefix(subject: &str) -> Vec<u8> {
    [b"i", subject.as_bytes(), b"\0"].concat()
}

fn owed_key(stream: &Stream) -> Vec<u8> {
    [b"o", stream.to_string().as_bytes()].concat()
}

fn spot(bytes: &[u8]) -> Spot {
    Spot::from_u64(number(bytes))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn pairs(value: &[u8]) -> impl Iterator<Item = (u64, Spot)> + '_ {
    value.chunks_exact(16).map(|pair| (number(&pair[..8]), spot(&pair[8..])))
}

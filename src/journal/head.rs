//! The head file: how far the log is known to reach, so that a log emptied or rolled back is noticed.
//!
//! Two slots of 4 KiB, written in turn, each with a checksum: a power cut during a write leaves the other. A slot says
//! for every stream the last durable sequence with its hash, and a **ceiling**: no sequence above it is given out before
//! a later slot is on disk. So the file needs no flush of its own for each commit, and still no sequence can be given
//! out twice after the log was lost: the next one lies above the ceiling.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::frame::Spot;
use super::record::{Hash, NO_HASH};
use super::stream::Stream;

pub(super) const NAME: &str = "head";
const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"PSHEAD1\n";

/// Sequences that a stream may give out before the head file must be written again.
pub(super) const RESERVE: u64 = 4096;

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// Last sequence; 0 before the first record.
    pub(super) sequence: u64,
    /// Hash of that record.
    pub(super) hash: Hash,
    /// Highest sequence that may have been given out.
    pub(super) ceiling: u64,
}

impl Tip {
    pub(super) const NONE: Self = Self { sequence: 0, hash: NO_HASH, ceiling: 0 };
}

/// One state of the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: Uuid,
    /// Up to here the log was on disk.
    pub(super) durable: Spot,
    /// The journal was closed in order: nothing was written after this.
    pub(super) closed: bool,
    pub(super) tips: BTreeMap<Stream, Tip>,
}

#[derive(Serialize, Deserialize)]
struct Slot {
    turn: u64,
    epoch: Uuid,
    durable: u64,
    closed: bool,
    tips: Vec<(String, u64, String, u64)>,
}

impl Slot {
    fn head(&self) -> Option<Head> {
        let mut tips = BTreeMap::new();
        for (stream, sequence, hash, ceiling) in &self.tips {
            let mut bytes = NO_HASH;
            hex::decode_to_slice(hash, &mut bytes).ok()?;
            tips.insert(stream.parse().ok()?, Tip { sequence: *sequence, hash: bytes, ceiling: *ceiling });
        }
        Some(Head { epoch: self.epoch, durable: Spot::from_u64(self.durable), closed: self.closed, tips })
    }

    fn encode(&self) -> io::Result<[u8; SLOT]> {
        let text = serde_json::to_vec(self)?;
        let mut slot = [0; SLOT];
        let end = 16 + text.len();
        if end > SLOT {
            return Err(io::Error::other("more streams than the head file has room for"));
        }
        slot[..8].copy_from_slice(MAGIC);
        slot[8..12].copy_from_slice(&(text.len() as u32).to_le_bytes());
        slot[16..end].copy_from_slice(&text);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&slot[..12]), &slot[16..]);
        slot[12..16].copy_from_slice(&crc.to_le_bytes());
        Ok(slot)
    }

    fn decode(slot: &[u8]) -> Option<Self> {
        let crc = crc32c::crc32c_append(crc32c::crc32c(slot.get(..12)?), slot.get(16..)?);
        let number = |at: usize| Some(u32::from_le_bytes(slot.get(at..at + 4)?.try_into().ok()?));
        if !slot.starts_with(MAGIC) || number(12)? != crc {
            return None;
        }
        serde_json::from_slice(slot.get(16..16 + number(8)? as usize)?).ok()
    }
}

/// What was found in the head file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file, or an empty one.
    Missing,
    /// Neither slot can be read.
    Unreadable,
    /// The later readable slot. With `one_damaged` the other cannot be read and may have been the later one; its
    /// ceilings are already raised for that.
    Head { head: Head, turn: u64, one_damaged: bool },
}

/// Reads the head file's bytes.
pub(super) fn read(bytes: &[u8]) -> Found {
    if bytes.is_empty() {
        return Found::Missing;
    }
    let slots: Vec<&[u8]> = bytes.chunks(SLOT).take(2).collect();
    let damaged = slots.iter().any(|slot| Slot::decode(slot).is_none() && slot.iter().any(|&byte| byte != 0));
    let latest = slots.iter().filter_map(|slot| Slot::decode(slot)).max_by_key(|slot| slot.turn);
    match latest.and_then(|slot| Some((slot.head()?, slot.turn))) {
        None => Found::Unreadable,
        Some((mut head, turn)) => {
            if damaged {
                head.closed = false;
                head.tips.values_mut().for_each(|tip| tip.ceiling = tip.ceiling.saturating_add(RESERVE));
            }
            Found::Head { head, turn, one_damaged: damaged }
        }
    }
}

/// The open head file.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    turn: u64,
}

impl HeadFile {
    pub(super) fn open(dir: &Path, turn: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(NAME))?;
        Ok(Self { file, turn })
    }

    /// Writes `head` into the older slot and waits until it is on disk.
    pub(super) fn write(&mut self, head: &Head) -> io::Result<()> {
        self.turn += 1;
        let tips = head
            .tips
            .iter()
            .map(|(stream, tip)| (stream.to_string(), tip.sequence, hex::encode(tip.hash), tip.ceiling));
        let slot = Slot {
            turn: self.turn,
            epoch: head.epoch,
            durable: head.durable.to_u64(),
            closed: head.closed,
            tips: tips.collect(),
        };
        let written = self.file.write_at(&slot.encode()?, (self.turn % 2) * SLOT as u64)?;
        if written != SLOT {
            return Err(io::Error::other("the head file was written in part"));
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sequence: u64) -> Head {
        let tip = Tip { sequence, hash: [7; 32], ceiling: sequence + RESERVE };
        Head {
            epoch: Uuid::from_u128(5),
            durable: Spot::new(2, 128),
            closed: true,
            tips: BTreeMap::from([(Stream::Alarm, tip), (Stream::agency("customs").unwrap(), tip)]),
        }
    }

    fn two_written() -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let mut file = HeadFile::open(dir.path(), 0).unwrap();
        file.write(&head(1)).unwrap();
        file.write(&head(2)).unwrap();
        std::fs::read(dir.path().join(NAME)).unwrap()
    }

    #[test]
    fn the_later_slot_counts() {
        assert_eq!(read(&two_written()), Found::Head { head: head(2), turn: 2, one_damaged: false });
    }

    #[test]
    fn with_the_later_slot_torn_the_earlier_one_counts_and_its_ceilings_rise() {
        let mut bytes = two_written();
        bytes[100] ^= 1; // turn 2 lies in the first slot
        let Found::Head { head: found, turn: 1, one_damaged: true } = read(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(found.tips[&Stream::Alarm].ceiling, 1 + 2 * RESERVE);
        assert!(!found.closed);
    }

    #[test]
    fn any_flipped_byte_of_a_slot_is_noticed() {
        let bytes = two_written();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            assert!(!matches!(read(&bytes), Found::Head { one_damaged: false, .. }), "byte {at}");
        }
    }

    #[test]
    fn eleven_streams_fit() {
        let mut head = head(u64::MAX / 2);
        for number in 0..12 {
            head.tips.insert(Stream::agency(&format!("{number}-a-long-agency")).unwrap(), Tip::NONE);
        }
        let dir = tempfile::tempdir().unwrap();
        HeadFile::open(dir.path(), 0).unwrap().write(&head).unwrap();
    }
}

//! What is known after a start: where the log ends, where each stream stands, and what is missing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::frame::{FrameHeader, Piece, Spot, frame_size, pieces};
use super::head::{Head, Tip};
use super::record::{Record, hash};
use super::scan::{self, Damage, Item, Tail};
use super::segment::{self, FIRST};
use super::stream::Stream;

/// The state of the log that writing goes on from.
#[derive(Clone, Debug)]
pub(super) struct Recovered {
    pub(super) tips: BTreeMap<Stream, Tip>,
    pub(super) end: Spot,
    pub(super) torn: Option<Damage>,
    pub(super) damage: Vec<Damage>,
    /// The log ends before what the head file knows.
    pub(super) lost: Vec<Loss>,
}

/// Records of one stream that the head file knows and the log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) stream: Stream,
    /// First missing sequence.
    pub(super) from: u64,
    /// The last sequence that is known to be missing.
    pub(super) known: u64,
    /// The next record gets the sequence after this one.
    pub(super) skipped_to: u64,
}

/// Finds the state of the log in `dir`. With a head file whose word fits the log only what came after it is read.
pub(super) fn recover(dir: &Path, epoch: Uuid, head: Option<&Head>) -> io::Result<Recovered> {
    match head {
        Some(head) if fits(dir, head)? => from_head(dir, epoch, head),
        Some(head) => whole_log(dir, epoch, Some(head)),
        None => whole_log(dir, epoch, None),
    }
}

/// True when every segment up to the head's place is there and the last frame before it is one the head names.
fn fits(dir: &Path, head: &Head) -> io::Result<bool> {
    let at = head.durable;
    let numbers = segment::list(dir)?;
    if !(1..=at.segment()).all(|number| numbers.binary_search(&number).is_ok()) {
        return Ok(false);
    }
    if at.offset() <= FIRST {
        return Ok(head.tips.values().all(|tip| tip.sequence == 0));
    }
    let file = std::fs::File::open(segment::path(dir, at.segment()))?;
    let bytes = segment::load(&file, FIRST, at.offset())?;
    let last = pieces(&bytes).last();
    Ok(match last {
        Some(Piece::Frame { at: start, record, .. }) => {
            let hash = hash(record);
            FIRST as usize + start + frame_size(record.len()) == at.offset() as usize
                && head.tips.values().any(|tip| tip.hash == hash)
        }
        Some(Piece::Hole { .. }) | None => false,
    })
}

fn from_head(dir: &Path, epoch: Uuid, head: &Head) -> io::Result<Recovered> {
    let mut found = Found::default();
    // The whole of the segment in use, so that damage in it is said; older ones are left to the proof.
    let from = Spot::new(head.durable.segment(), FIRST);
    let tail = scan::walk(dir, epoch, from, head.durable, &mut |item| found.take(item))?;
    let mut tips = head.tips.clone();
    for (stream, last) in found.last {
        let tip = tips.entry(stream).or_insert(Tip::NONE);
        if last.sequence > tip.sequence {
            (tip.sequence, tip.hash) = (last.sequence, hash(&last.record));
        }
    }
    Ok(Recovered { tips, end: tail.end, torn: tail.torn, damage: found.damage, lost: Vec::new() })
}

fn whole_log(dir: &Path, epoch: Uuid, head: Option<&Head>) -> io::Result<Recovered> {
    let mut found = Found::default();
    let known = head.map_or(Spot::ZERO, |head| head.durable);
    let Tail { end, torn } = scan::walk(dir, epoch, Spot::new(1, FIRST), known, &mut |item| found.take(item))?;
    let mut tips: BTreeMap<Stream, Tip> = found
        .last
        .into_iter()
        .map(|(stream, last)| (stream, Tip { sequence: last.sequence, hash: hash(&last.record), ceiling: 0 }))
        .collect();
    let lost = head.map_or_else(Vec::new, |head| join(&mut tips, head, end));
    Ok(Recovered { tips, end, torn, damage: found.damage, lost })
}

/// Brings the log's word and the head's together: a sequence that may have been given out is never given out again.
fn join(tips: &mut BTreeMap<Stream, Tip>, head: &Head, end: Spot) -> Vec<Loss> {
    let mut lost = Vec::new();
    let ends_early = end < head.durable;
    for (stream, headed) in &head.tips {
        let tip = tips.entry(stream.clone()).or_insert(Tip::NONE);
        let from = tip.sequence + 1;
        if headed.sequence > tip.sequence {
            (tip.sequence, tip.hash) = (headed.sequence, headed.hash);
        }
        tip.ceiling = headed.ceiling;
        if ends_early && !head.closed {
            tip.sequence = tip.sequence.max(headed.ceiling);
        }
        if from <= headed.sequence || tip.sequence >= from {
            lost.push(Loss { stream: stream.clone(), from, known: headed.sequence, skipped_to: tip.sequence });
        }
    }
    lost
}

#[derive(Debug, Default)]
struct Found {
    last: BTreeMap<Stream, Last>,
    damage: Vec<Damage>,
}

#[derive(Debug)]
struct Last {
    sequence: u64,
    record: Vec<u8>,
}

impl Found {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Frame { header, record, .. } => {
                if let Some(stream) = stream_of(header, record) {
                    let last = self.last.entry(stream).or_insert(Last { sequence: 0, record: Vec::new() });
                    if header.sequence > last.sequence {
                        last.sequence = header.sequence;
                        record.clone_into(&mut last.record);
                    }
                }
            }
            Item::Damage(damage) => self.damage.push(damage),
        }
    }
}

/// The stream of a frame: from its tag, for an agency's from the record.
pub(super) fn stream_of(header: FrameHeader, record: &[u8]) -> Option<Stream> {
    match header.tag {
        1 => Some(Stream::Alarm),
        2 => Some(Stream::Inspection),
        3 => Some(Stream::Device),
        4 => Some(Stream::Telemetry),
        5 => Some(Stream::Audit),
        6 => Record::parse(record).ok().map(|record| record.stream),
        _ => None,
    }
}

//! Walks the log from one place to its end: every whole frame, every damaged place, and the torn tail.
//!
//! A hole is **damage** when something written later knew that place to be on disk already, or when the head file did.
//! Otherwise it is a **torn tail**: the power went before the commit was whole, so nothing from the hole on was ever
//! acknowledged.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::frame::{FrameHeader, Piece, Spot, frame_size, pieces};
use super::segment::{self, FIRST};

/// A place of the log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, inside the journal's directory.
    pub file: String,
    /// Bytes from its start.
    pub offset: u32,
    /// Bytes that cannot be read.
    pub length: u32,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} bytes at {}: {}", self.file, self.length, self.offset, self.what)
    }
}

impl Damage {
    fn new(at: Spot, length: usize, what: &'static str) -> Self {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self { file: format!("log/{:08}.log", at.segment()), offset: at.offset(), length, what }
    }
}

/// What the walk meets, in the log's order.
#[derive(Clone, Debug)]
pub(super) enum Item<'a> {
    Frame { at: Spot, header: FrameHeader, record: &'a [u8] },
    Damage(Damage),
}

/// Where the log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The next frame belongs here.
    pub(super) end: Spot,
    /// What an unfinished commit left there.
    pub(super) torn: Option<Damage>,
}

/// Walks the log in `dir` from `from`, which is a frame's edge. `known` is what the head file knows to be on disk.
pub(super) fn walk(
    dir: &Path,
    epoch: Uuid,
    from: Spot,
    known: Spot,
    visit: &mut dyn FnMut(Item<'_>),
) -> io::Result<Tail> {
    let numbers = segment::list(dir)?;
    let Some(last) = last_used(dir, &numbers, from)? else {
        let number = numbers.first().copied().unwrap_or(1).max(from.segment());
        let end = Spot::new(number, FIRST).max(from);
        return Ok(Tail { end, torn: leftovers(dir, &numbers, end)? });
    };
    let mut tail = Tail { end: from, torn: None };
    for number in from.segment().max(1)..=last {
        let start = if number == from.segment() { from.offset().max(FIRST) } else { FIRST };
        if !numbers.contains(&number) {
            visit(Item::Damage(Damage::new(Spot::new(number, 0), 0, "the segment file is missing")));
            continue;
        }
        tail = Segment { dir, number, start, known, epoch }.walk(number == last, visit)?;
    }
    if tail.torn.is_none() {
        tail.torn = leftovers(dir, &numbers, Spot::new(last + 1, FIRST))?;
    }
    Ok(tail)
}

/// The last segment from `from` on that holds a frame.
fn last_used(dir: &Path, numbers: &[u32], from: Spot) -> io::Result<Option<u32>> {
    for &number in numbers.iter().rev().take_while(|&&number| number >= from.segment()) {
        let start = if number == from.segment() { from.offset().max(FIRST) } else { FIRST };
        let bytes = read(dir, number, start)?;
        if pieces(&bytes).any(|piece| matches!(piece, Piece::Frame { .. })) || number == from.segment() {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Bytes that an unfinished commit left where no frame is.
fn leftovers(dir: &Path, numbers: &[u32], from: Spot) -> io::Result<Option<Damage>> {
    for &number in numbers.iter().filter(|&&number| number >= from.segment()) {
        let start = if number == from.segment() { from.offset() } else { FIRST };
        if let Some(length) = read(dir, number, start)?.iter().rposition(|&byte| byte != 0) {
            return Ok(Some(Damage::new(Spot::new(number, start), length + 1, TORN)));
        }
    }
    Ok(None)
}

const TORN: &str = "an unfinished commit, of which nothing was acknowledged";

fn read(dir: &Path, number: u32, start: u32) -> io::Result<Vec<u8>> {
    let file = File::open(segment::path(dir, number))?;
    segment::load(&file, start, segment::size(&file)?)
}

struct Segment<'a> {
    dir: &'a Path,
    number: u32,
    start: u32,
    known: Spot,
    epoch: Uuid,
}

impl Segment<'_> {
    fn spot(&self, at: usize) -> Spot {
        Spot::new(self.number, self.start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)))
    }

    fn walk(&self, last: bool, visit: &mut dyn FnMut(Item<'_>)) -> io::Result<Tail> {
        let mut bytes = read(self.dir, self.number, self.start)?;
        let mut torn = self.torn_from(&bytes, last);
        if holes(&bytes, torn) > 0 {
            // A daemon that writes while we read can show a place before and a later one after its write.
            bytes = read(self.dir, self.number, self.start)?;
            torn = self.torn_from(&bytes, last);
        }
        self.check_header(visit)?;
        let mut end = self.spot(0);
        for piece in pieces(&bytes).take_while(|piece| place(piece) < torn) {
            match piece {
                Piece::Frame { at, header, record } => {
                    end = self.spot(at + frame_size(record.len()));
                    visit(Item::Frame { at: self.spot(at), header, record });
                }
                Piece::Hole { at, length } => {
                    end = self.spot((at + length).next_multiple_of(8));
                    visit(Item::Damage(Damage::new(self.spot(at), length, "the checksum does not fit")));
                }
            }
        }
        let used = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        let torn = (torn < used).then(|| Damage::new(self.spot(torn), used - torn, TORN));
        Ok(Tail { end, torn })
    }

    fn check_header(&self, visit: &mut dyn FnMut(Item<'_>)) -> io::Result<()> {
        let file = File::open(segment::path(self.dir, self.number))?;
        let header = segment::load(&file, 0, FIRST)?;
        if self.start == FIRST && !segment::header_is_right(&header, self.number, self.epoch) {
            let what = "the segment's header is not that of this journal";
            visit(Item::Damage(Damage::new(Spot::new(self.number, 0), FIRST as usize, what)));
        }
        Ok(())
    }

    /// Where the torn tail begins: the first hole that nothing and nobody knew to be on disk.
    fn torn_from(&self, bytes: &[u8], last: bool) -> usize {
        if !last {
            return usize::MAX;
        }
        let known_later = pieces(bytes).filter_map(|piece| match piece {
            Piece::Frame { header, .. } => Some(header.durable),
            Piece::Hole { .. } => None,
        });
        let known = known_later.max().unwrap_or(Spot::ZERO).max(self.known);
        let first = pieces(bytes).find_map(|piece| match piece {
            Piece::Hole { at, .. } if self.spot(at) >= known => Some(at),
            Piece::Hole { .. } | Piece::Frame { .. } => None,
        });
        first.unwrap_or(usize::MAX)
    }
}

fn place(piece: &Piece<'_>) -> usize {
    match *piece {
        Piece::Frame { at, .. } | Piece::Hole { at, .. } => at,
    }
}

fn holes(bytes: &[u8], torn: usize) -> usize {
    pieces(bytes).filter(|piece| matches!(piece, Piece::Hole { at, .. } if *at < torn)).count()
}

//! The writing end of the log: one owner, one write and one `fdatasync` for each commit.
//!
//! A commit lies in one segment: what does not fit waits for the next, and the segment before is on disk by then. So an
//! unfinished commit can only be at the end of the last segment that holds anything.
//!
//! Space ahead of the writing place is filled with zeros as part of a commit, [`AHEAD`] bytes at a time. Writing into
//! space that is already written changes no file metadata, so that most commits cost the disk their own pages and
//! nothing else.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::frame::Spot;
use super::segment::{self, FIRST};

/// Zeros written ahead of the writing place.
const AHEAD: usize = 256 * 1024;

/// The log, open for writing.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    epoch: Uuid,
    segment_size: u32,
    file: File,
    number: u32,
    size: u32,
    offset: u32,
    zeroed: u32,
    spare: bool,
    buffer: Vec<u8>,
}

impl Log {
    /// Opens the log in `dir` to go on at `end`, and clears what a torn commit left there.
    pub(super) fn open(dir: &Path, epoch: Uuid, segment_size: u32, end: Spot) -> io::Result<Self> {
        let path = segment::path(dir, end.segment());
        let file = if path.exists() {
            OpenOptions::new().read(true).write(true).open(&path)?
        } else {
            segment::create(dir, end.segment(), epoch, segment_size)?
        };
        let size = segment::size(&file)?;
        clear(&file, end.offset(), size)?;
        let mut log = Self {
            dir: dir.to_owned(),
            epoch,
            segment_size,
            file,
            number: end.segment(),
            size,
            offset: end.offset(),
            zeroed: end.offset(),
            spare: false,
            buffer: Vec::new(),
        };
        // Without space for the spare the lane still finishes its subject in the segment at hand.
        let _ = log.make_spare();
        Ok(log)
    }

    /// Where the next frame goes.
    pub(super) const fn spot(&self) -> Spot {
        Spot::new(self.number, self.offset)
    }

    /// Bytes that still fit into this segment.
    pub(super) const fn room(&self) -> usize {
        self.size.saturating_sub(self.offset) as usize
    }

    /// Puts `frames` on disk; returns the bytes written. They fit, and they are durable when this returns `Ok`.
    /// After an error nobody knows what is on disk: the caller must not write again.
    pub(super) fn commit(&mut self, frames: &[u8]) -> io::Result<usize> {
        let end = self.offset as usize + frames.len();
        self.buffer.clear();
        self.buffer.extend_from_slice(frames);
        if end > self.zeroed as usize {
            let zeroed = (end + AHEAD).next_multiple_of(4096).min(self.size as usize).max(end);
            self.buffer.resize(zeroed - self.offset as usize, 0);
            self.zeroed = u32::try_from(zeroed).unwrap_or(u32::MAX);
        }
        let written = self.file.write_at(&self.buffer, u64::from(self.offset))?;
        if written != self.buffer.len() {
            return Err(io::Error::other(format!("only {written} of {} bytes were written", self.buffer.len())));
        }
        self.file.sync_data()?;
        self.offset = u32::try_from(end).unwrap_or(u32::MAX);
        Ok(written)
    }

    /// Goes on to the next segment. On an error nothing has changed and it may be tried again.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.make_spare()?;
        let path = segment::path(&self.dir, self.number + 1);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        self.size = segment::size(&file)?;
        self.file = file;
        self.number += 1;
        (self.offset, self.zeroed, self.spare) = (FIRST, FIRST, false);
        // A failure shows at the next rotation; until then this segment has room.
        let _ = self.make_spare();
        Ok(())
    }

    /// The segment after this one exists before it is needed: when the disk is full, the lane has at least its space.
    fn make_spare(&mut self) -> io::Result<()> {
        if !self.spare {
            segment::create(&self.dir, self.number + 1, self.epoch, self.segment_size)?;
            self.spare = true;
        }
        Ok(())
    }
}

/// Zeros from `from` to the last byte that is not, durably: the remains of a torn commit must never be read again.
fn clear(file: &File, from: u32, size: u32) -> io::Result<()> {
    let bytes = segment::load(file, from, size)?;
    if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
        file.write_all_at(&vec![0; last + 1], u64::from(from))?;
        file.sync_data()?;
    }
    Ok(())
}

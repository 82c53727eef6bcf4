//! A journal's directory read without opening the journal: no lock, no index, nothing written. A running daemon may
//! go on writing; what is seen is everything that was durable when the reading began.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files;
use super::frame::Spot;
use super::head::{self, Found};
use super::identity::{Identity, LaneFile, OpenError, doing};
use super::reader::Stored;
use super::recover::stream_of;
use super::scan::{self, Damage, Item, Tail};
use super::segment::FIRST;

/// A journal's directory, for reading alone.
#[derive(Debug)]
pub struct Offline {
    pub(super) dir: PathBuf,
    pub(super) lane: LaneFile,
    pub(super) head: Found,
}

impl Offline {
    /// Looks at the journal in `dir`. Refused when there is none, or one of a newer form.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        // The head comes before the log, so that a daemon that goes on writing is never ahead of its own log here.
        let path = dir.join(head::NAME);
        let bytes = doing("reading", &path, files::read_if_there(&path))?.unwrap_or_default();
        let lane = LaneFile::read(dir)?;
        let lane = lane.ok_or_else(|| OpenError::NoJournal(dir.to_owned()))?;
        Ok(Self { dir: dir.to_owned(), lane, head: head::read(&bytes) })
    }

    /// Whose journal it is.
    pub fn identity(&self) -> Identity {
        Identity { port: self.lane.port.clone(), lane: self.lane.lane.clone() }
    }

    /// Every readable record, in the order in which they were written. Damaged ones are passed over.
    pub fn each(&self, visit: &mut dyn FnMut(Stored)) -> Result<(), OpenError> {
        self.each_or_damage(visit, &mut |_| {})
    }

    /// The same, and every place that cannot be read.
    pub fn each_or_damage(
        &self,
        visit: &mut dyn FnMut(Stored),
        damaged: &mut dyn FnMut(Damage),
    ) -> Result<(), OpenError> {
        let walked = self.walk(&mut |item| match item {
            Item::Frame { header, record, .. } => {
                if let Some(stream) = stream_of(header, record) {
                    visit(Stored { stream, sequence: header.sequence, bytes: Arc::from(record) });
                }
            }
            Item::Damage(damage) => damaged(damage),
        });
        walked.map(drop)
    }

    pub(super) fn walk(&self, visit: &mut dyn FnMut(Item<'_>)) -> Result<Tail, OpenError> {
        let log = self.dir.join("log");
        doing("reading", &log, scan::walk(&log, self.lane.epoch, Spot::new(1, FIRST), self.known(), visit))
    }

    fn known(&self) -> Spot {
        match &self.head {
            Found::Head { head, .. } if head.epoch == self.lane.epoch => head.durable,
            Found::Head { .. } | Found::Missing | Found::Unreadable => Spot::ZERO,
        }
    }
}

//! From whoever makes images to whoever looks at them: the last images in bounded memory, and readers each at a pace of
//! their own.
//!
//! ```text
//!  processor ──begin, line, end──► shelf (last N images, so many bytes) ◄──place── reader, fast
//!                                                                       ◄──place── reader, slow: every n-th line first
//! ```
//! A writer never waits for a reader, and no reader for another: what they share is a lock that is held for the time of
//! copying a few handles. What a reader did not get is always visible: images have numbers and lines an index, the end
//! says how many lines there were, and an image that memory let go of is said to be gone.

mod place;
mod shelf;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Format, Line, Outcome};
use crate::clock::Clock;
use place::Place;
pub use shelf::Stored;
use shelf::{Shelf, Unfit};

/// What memory a feed may use, and how it deals with slow readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Images kept, at least 1.
    pub images: usize,
    /// Bytes of all kept images; older ones go first, and an image that alone is larger is cut.
    pub bytes: usize,
    /// Bytes of samples that a reader is given at once; one line at least.
    pub frame: usize,
    /// A reader that is behind by more lines than this is given every n-th first.
    pub behind: u32,
    /// The first image has the number after this one, so that readers of two feeds can tell their images apart.
    pub numbers_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { images: 8, bytes: 96 << 20, frame: 128 << 10, behind: 512, numbers_after: 0 }
    }
}

/// Lines of one view: the first has index `first`, each further one `step` more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The image's number.
    pub number: u32,
    /// View, from 0.
    pub view: u8,
    /// 1: they follow each other. A power of two above it: every so many-th, for a reader who is behind.
    pub step: u8,
    /// Index of the first one.
    pub first: u32,
    /// The image's format.
    pub format: Arc<Format>,
    /// At least one.
    pub lines: Vec<Stored>,
}

/// What a reader is told next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Whether the source of the lines can be reached; the first that a reader hears.
    Link {
        /// It can.
        up: bool,
    },
    /// An image has begun.
    Begin {
        /// Its id.
        image: Arc<str>,
        /// Counts the images of this run from 1.
        number: u32,
        /// What its lines are.
        format: Arc<Format>,
        /// When it began.
        made: Timestamp,
    },
    /// Lines of an image that has begun. They may come after its end: those that a slow reader was not given at first.
    Lines(Lines),
    /// An image has ended.
    End {
        /// Its id.
        image: Arc<str>,
        /// Its number.
        number: u32,
        /// How.
        outcome: Outcome,
        /// Lines of all its views that the outcome counts and the feed never had, so that no reader will get them.
        missing: u64,
    },
    /// Memory let an image go; what this reader did not get of it, it will not get.
    Gone {
        /// Its id.
        image: Arc<str>,
        /// Its number.
        number: u32,
    },
}

/// An image in memory, for who needs all of it at once.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its id.
    pub image: Arc<str>,
    /// Its number in this run.
    pub number: u32,
    /// What its lines are.
    pub format: Arc<Format>,
    /// When it began.
    pub made: Timestamp,
    /// Of each view its lines so far; `None` for one that nobody handed over.
    pub views: Vec<Vec<Option<Stored>>>,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
}

/// One entry of the list of images in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub image: Arc<str>,
    /// Its number in this run.
    pub number: u32,
    /// When it began.
    pub made: Timestamp,
    /// Whether it has ended.
    pub ended: bool,
}

/// The writers' handle; cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    shelf: Arc<Mutex<Shelf>>,
    bell: Arc<watch::Sender<()>>,
    clock: Clock,
}

impl Feed {
    /// An empty feed whose source cannot be reached yet.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self { shelf: Arc::new(Mutex::new(Shelf::new(settings))), bell: Arc::new(watch::Sender::new(())), clock }
    }

    /// An image begins.
    pub fn begin(&self, image: Arc<str>, format: &Format) {
        let made = self.clock.wall();
        let begun = self.shelf().begin(image.clone(), format, made);
        self.told(&image, begun.map(drop));
    }

    /// A line of an image that has begun.
    pub fn line(&self, image: &str, line: Line) {
        let taken = self.shelf().line(image, line);
        self.told(image, taken.map(drop));
    }

    /// An image has ended.
    pub fn end(&self, image: &str, outcome: &Outcome) {
        let ended = self.shelf().end(image, outcome);
        self.told(image, ended);
    }

    /// Whether the source can be reached.
    pub fn link(&self, up: bool) {
        self.shelf().set_link(up);
        self.bell.send_replace(());
    }

    /// A reader, who begins with the newest image.
    pub fn watch(&self) -> Watcher {
        let place = Place::new(&self.shelf());
        Watcher { feed: self.clone(), rung: self.bell.subscribe(), place }
    }

    /// A reader who gets nothing but what it asks for.
    pub fn watch_wanted(&self) -> Watcher {
        Watcher { feed: self.clone(), rung: self.bell.subscribe(), place: Place::wanting() }
    }

    /// All of an image that is in memory.
    pub fn snapshot(&self, image: &str) -> Option<Snapshot> {
        let shelf = self.shelf();
        let found = shelf.find(image)?;
        Some(Snapshot {
            image: found.id.clone(),
            number: found.number,
            format: found.format.clone(),
            made: found.made,
            views: found.views.clone(),
            outcome: found.outcome.clone(),
        })
    }

    /// The images in memory, oldest first.
    pub fn images(&self) -> Vec<Summary> {
        let shelf = self.shelf();
        let each = shelf.images().map(|image| Summary {
            image: image.id.clone(),
            number: image.number,
            made: image.made,
            ended: image.outcome.is_some(),
        });
        each.collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Every step leaves the shelf whole, so a thread that died with the lock left it so.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, image: &str, taken: Result<(), Unfit>) {
        match taken {
            Ok(()) => self.bell.send_replace(()),
            // Lines of an image that memory let go of, or cut, come at the pace of the belt: none is worth a line of log.
            Err(Unfit::NoImage | Unfit::Full) => tracing::debug!(image, "a line has no place in memory"),
            Err(unfit) => tracing::warn!(image, ?unfit, "the screens cannot show a line or image as it came"),
        }
    }
}

/// One reader's own place.
#[derive(Debug)]
pub struct Watcher {
    feed: Feed,
    rung: watch::Receiver<()>,
    place: Place,
}

impl Watcher {
    /// What comes next, at once if anything waits. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> News {
        loop {
            self.rung.borrow_and_update();
            if let Some(news) = self.ready() {
                return news;
            }
            // The bell cannot be gone: this reader holds a handle of it.
            let _ = self.rung.changed().await;
        }
    }

    /// What comes next, if anything waits.
    pub fn ready(&mut self) -> Option<News> {
        let shelf = self.feed.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        self.place.next(&shelf)
    }

    /// Asks for an image once more from its beginning; `false` when it is not in memory. While it is on its way already,
    /// nothing is sent twice.
    pub fn want(&mut self, image: &str) -> bool {
        let shelf = self.feed.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let there = self.place.want(&shelf, image);
        drop(shelf);
        self.rung.mark_changed();
        there
    }
}

#[cfg(test)]
mod tests;

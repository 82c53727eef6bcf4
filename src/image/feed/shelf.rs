//! The last images, in bounded memory. Knows no reader.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::Settings;
use crate::image::{Format, Line, Outcome};

/// A line costs this much beside its samples.
const LINE_OVERHEAD: usize = 64;
/// A source that leaves out more lines than this at once did not lose them: its counter is not believed.
const GAP_MAX: u32 = 4096;
/// Lines of one view are no more than this, whatever they weigh.
const LINES_MAX: u32 = 1 << 20;

/// Samples of one line, and whether they stand for one that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The softer energy's samples, then the harder one's; or red, green and blue.
    pub samples: Arc<[u16]>,
    /// The source did not send it.
    pub filled: bool,
}

/// One image. A line that is `None` was never handed over and never will be: lines of a view come in order.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: Arc<str>,
    pub(super) number: u32,
    pub(super) format: Arc<Format>,
    pub(super) made: Timestamp,
    pub(super) views: Vec<Vec<Option<Stored>>>,
    pub(super) outcome: Option<Outcome>,
    bytes: usize,
}

impl Kept {
    /// Lines of one view that were handed over or left out so far.
    pub(super) fn reach(&self, view: usize) -> u32 {
        self.views.get(view).map_or(0, |lines| u32::try_from(lines.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn line(&self, view: usize, index: u32) -> Option<&Stored> {
        self.views.get(view)?.get(index as usize)?.as_ref()
    }

    /// Lines of all views that its outcome counts and nobody handed over.
    pub(super) fn missing(&self, outcome: &Outcome) -> u64 {
        let have = self.views.iter().map(|lines| lines.iter().flatten().count() as u64).sum::<u64>();
        (u64::from(outcome.lines) * self.views.len() as u64).saturating_sub(have)
    }
}

/// Why an image or a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Pixels, energies or views of the format are none, or more than a frame can say.
    Format,
    /// The image is there already.
    Twice,
    /// The image was never begun, has ended, or memory let it go.
    NoImage,
    /// No such view, not as many samples as the format says, or not behind the line before it.
    Line,
    /// It alone fills the memory.
    Full,
}

/// The last images, oldest first.
#[derive(Debug)]
pub(super) struct Shelf {
    settings: Settings,
    images: VecDeque<Kept>,
    begun: u32,
    bytes: usize,
    link: bool,
}

impl Shelf {
    pub(super) fn new(settings: Settings) -> Self {
        Self { begun: settings.numbers_after, settings, images: VecDeque::new(), bytes: 0, link: false }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn images(&self) -> impl DoubleEndedIterator<Item = &Kept> {
        self.images.iter()
    }

    pub(super) fn find(&self, id: &str) -> Option<&Kept> {
        self.images.iter().rev().find(|image| &*image.id == id)
    }

    pub(super) fn numbered(&self, number: u32) -> Option<&Kept> {
        self.images.iter().rev().find(|image| image.number == number)
    }

    pub(super) const fn link(&self) -> bool {
        self.link
    }

    pub(super) const fn set_link(&mut self, up: bool) {
        self.link = up;
    }

    /// Begins an image, and hands back what had to go for it: freeing it takes longer than a writer should hold a lock.
    pub(super) fn begin(&mut self, id: Arc<str>, format: &Format, made: Timestamp) -> Result<Vec<Kept>, Unfit> {
        let fits = (1..=u32::from(u16::MAX)).contains(&format.pixels)
            && ((1..=2).contains(&format.energies) || format.coloured())
            && (1..=16).contains(&format.views);
        if !fits {
            return Err(Unfit::Format);
        }
        if self.find(&id).is_some() {
            return Err(Unfit::Twice);
        }
        self.begun += 1;
        let views = vec![Vec::new(); usize::from(format.views)];
        let (number, format) = (self.begun, Arc::new(format.clone()));
        self.images.push_back(Kept { id, number, format, made, views, outcome: None, bytes: 0 });
        Ok(self.make_room())
    }

    /// Takes a line, and hands back what had to go for it.
    pub(super) fn line(&mut self, id: &str, line: Line) -> Result<Vec<Kept>, Unfit> {
        let limit = self.settings.bytes;
        let image = self.images.iter_mut().rev().find(|image| &*image.id == id && image.outcome.is_none());
        let image = image.ok_or(Unfit::NoImage)?;
        let samples = image.format.samples();
        let view = usize::from(line.view);
        let reach = image.reach(view);
        let follows = view < image.views.len()
            && line.samples.len() == samples
            && (reach..=reach.saturating_add(GAP_MAX)).contains(&line.index);
        if !follows {
            return Err(Unfit::Line);
        }
        let size = samples * 2 + LINE_OVERHEAD;
        let left_out = (line.index - reach) as usize;
        if image.bytes + size + left_out * LINE_OVERHEAD > limit || line.index >= LINES_MAX {
            return Err(Unfit::Full);
        }
        let lines = &mut image.views[view];
        lines.resize(line.index as usize, None);
        lines.push(Some(Stored { samples: line.samples, filled: line.filled }));
        image.bytes += size + left_out * LINE_OVERHEAD;
        self.bytes += size + left_out * LINE_OVERHEAD;
        Ok(self.make_room())
    }

    pub(super) fn end(&mut self, id: &str, outcome: &Outcome) -> Result<(), Unfit> {
        let open = |image: &&mut Kept| &*image.id == id && image.outcome.is_none();
        let image = self.images.iter_mut().rev().find(open).ok_or(Unfit::NoImage)?;
        image.outcome = Some(outcome.clone());
        Ok(())
    }

    /// Lets the oldest images go, never the newest.
    fn make_room(&mut self) -> Vec<Kept> {
        let mut gone = Vec::new();
        while self.images.len() > 1 && (self.images.len() > self.settings.images || self.bytes > self.settings.bytes) {
            let Some(oldest) = self.images.pop_front() else { break };
            self.bytes -= oldest.bytes;
            gone.push(oldest);
        }
        gone
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> Format {
        Format { pixels: 2, energies: 1, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true }
    }

    fn line(index: u32) -> Line {
        Line { index, view: 0, filled: false, samples: [1, 2].into() }
    }

    fn shelf(images: usize, bytes: usize) -> Shelf {
        Shelf::new(Settings { images, bytes, ..Settings::default() })
    }

    fn begin(shelf: &mut Shelf, id: &str) {
        shelf.begin(id.into(), &format(), Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_and_when_they_weigh_too_much() {
        let mut shelf = shelf(2, 1000);
        for id in ["a", "b", "c"] {
            begin(&mut shelf, id);
        }
        assert!(shelf.find("a").is_none());
        for index in 0..10 {
            shelf.line("b", line(index)).unwrap();
        }
        for index in 0..10 {
            shelf.line("c", line(index)).unwrap();
            assert!(shelf.bytes() <= 1000);
        }
        assert!(shelf.find("b").is_none(), "c needed its room");
        assert_eq!(shelf.find("c").unwrap().reach(0), 10);
    }

    #[test]
    fn an_image_that_alone_fills_the_memory_takes_no_more_and_says_what_is_missing() {
        let mut shelf = shelf(4, 200);
        begin(&mut shelf, "a");
        assert!(shelf.line("a", line(0)).is_ok() && shelf.line("a", line(1)).is_ok());
        assert_eq!(shelf.line("a", line(2)).unwrap_err(), Unfit::Full);
        let outcome = Outcome { lines: 3, ..Outcome::default() };
        shelf.end("a", &outcome).unwrap();
        assert_eq!(shelf.find("a").unwrap().missing(&outcome), 1);
        assert_eq!(shelf.bytes(), 2 * (4 + LINE_OVERHEAD));
    }

    #[test]
    fn all_three_colours_weigh() {
        let mut shelf = shelf(4, 1 << 20);
        let coloured = Format { energies: 3, raw: false, ..format() };
        shelf.begin("a".into(), &coloured, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(shelf.line("a", line(0)).unwrap_err(), Unfit::Line, "two colours are missing");
        shelf.line("a", Line { samples: [1; 6].into(), ..line(0) }).unwrap();
        assert_eq!(shelf.bytes(), 12 + LINE_OVERHEAD);
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let mut shelf = shelf(4, 1 << 20);
        for broken in [
            Format { pixels: 0, ..format() },
            Format { pixels: 65_536, ..format() },
            Format { energies: 3, ..format() },
            Format { energies: 4, raw: false, ..format() },
            Format { views: 0, ..format() },
        ] {
            assert_eq!(shelf.begin("x".into(), &broken, Timestamp::UNIX_EPOCH).unwrap_err(), Unfit::Format);
        }
        begin(&mut shelf, "a");
        assert_eq!(shelf.begin("a".into(), &format(), Timestamp::UNIX_EPOCH).unwrap_err(), Unfit::Twice);
        assert_eq!(shelf.line("b", line(0)).unwrap_err(), Unfit::NoImage);
        assert_eq!(shelf.line("a", Line { view: 1, ..line(0) }).unwrap_err(), Unfit::Line);
        assert_eq!(shelf.line("a", Line { samples: [1].into(), ..line(0) }).unwrap_err(), Unfit::Line);
        assert_eq!(shelf.line("a", line(GAP_MAX + 1)).unwrap_err(), Unfit::Line);
        shelf.line("a", line(5)).unwrap();
        assert_eq!(shelf.line("a", line(5)).unwrap_err(), Unfit::Line, "a line comes once");
        assert_eq!(shelf.find("a").unwrap().line(0, 4), None);
        shelf.end("a", &Outcome::default()).unwrap();
        assert_eq!(shelf.line("a", line(6)).unwrap_err(), Unfit::NoImage, "it has ended");
    }
}

//! How far one reader has come.
//!
//! ```text
//!  lines of a view   0 ───── given ─────┬── strand (every n-th up to its end) ──┬── not looked at yet ──► reach
//!                    comb: the lines that a thinned strand left out, offset by offset, once nothing newer waits
//! ```
//! Every line below the strand's end belongs to exactly one strand or one offset of one comb, so whatever the pace it is
//! given exactly once. A reader that has fallen behind by more than [`Settings::behind`] lines is given every n-th, with
//! n such that it has caught up after so many; the rest follows in finer and finer combs.

use std::collections::VecDeque;
use std::sync::Arc;

use super::shelf::{Kept, Shelf, Stored};
use super::{Lines, News};

/// The coarsest thinning: a frame says its step in one byte, and combs need a power of two.
const STEP_MAX: u32 = 128;

/// Lines `next`, `next + step`, … below `end`.
#[derive(Clone, Copy, Debug)]
struct Strand {
    next: u32,
    step: u32,
    end: u32,
}

/// What a strand that began at `first` left out: its offsets from 1 to `step` - 1, the middle first.
#[derive(Clone, Copy, Debug)]
struct Comb {
    first: u32,
    step: u32,
    end: u32,
    turn: u32,
    strand: Strand,
}

impl Comb {
    fn of(strand: Strand) -> Self {
        let Strand { next: first, step, end } = strand;
        let mut comb = Self { first, step, end, turn: 0, strand };
        comb.advance();
        comb
    }

    /// The next offset, in the order of reversed bits: after each power of two the lines lie evenly.
    fn advance(&mut self) -> bool {
        self.turn += 1;
        let bits = self.step.trailing_zeros();
        let offset = self.turn.reverse_bits() >> (u32::BITS - bits);
        self.strand = Strand { next: self.first + offset, step: self.step, end: self.end };
        self.turn < self.step
    }
}

/// How far the reader has come in one view.
#[derive(Debug, Default)]
struct Track {
    strand: Option<Strand>,
    head: u32,
    combs: VecDeque<Comb>,
}

impl Track {
    /// The next lines at the head, thinned where the reader is far behind.
    fn ahead(&mut self, image: &Kept, view: usize, limits: &Limits) -> Option<Lines> {
        loop {
            if let Some(strand) = &mut self.strand {
                match take(strand, image, view, limits.frame) {
                    Some(lines) => return Some(lines),
                    None => self.strand = None,
                }
            }
            let reach = image.reach(view);
            let waiting = reach.saturating_sub(self.head);
            if waiting == 0 {
                return None;
            }
            let step = waiting.div_ceil(limits.behind).next_power_of_two().min(STEP_MAX);
            let end = reach.min(self.head.saturating_add(limits.behind.saturating_mul(step)));
            let strand = Strand { next: self.head, step, end };
            if step > 1 {
                self.combs.push_back(Comb::of(strand));
            }
            self.strand = Some(strand);
            self.head = end;
        }
    }

    /// Lines that were left out.
    fn finer(&mut self, image: &Kept, view: usize, limits: &Limits) -> Option<Lines> {
        loop {
            let comb = self.combs.front_mut()?;
            match take(&mut comb.strand, image, view, limits.frame) {
                Some(lines) => return Some(lines),
                None if comb.advance() => {}
                None => drop(self.combs.pop_front()),
            }
        }
    }

    fn position(&self) -> u32 {
        self.strand.map_or(self.head, |strand| strand.next)
    }
}

/// Lines of the strand that follow each other; lines that nobody handed over are passed by.
fn take(strand: &mut Strand, image: &Kept, view: usize, most: u32) -> Option<Lines> {
    let mut lines: Vec<Stored> = Vec::new();
    let mut first = strand.next;
    while strand.next < strand.end && lines.len() < most as usize {
        match image.line(view, strand.next) {
            Some(line) => lines.push(line.clone()),
            None if lines.is_empty() => first = strand.next.saturating_add(strand.step),
            None => break,
        }
        strand.next = strand.next.saturating_add(strand.step);
    }
    let format = image.format.clone();
    let (number, view, step) = (image.number, u8::try_from(view).ok()?, u8::try_from(strand.step).ok()?);
    (!lines.is_empty()).then_some(Lines { number, view, step, first, format, lines })
}

/// How much a reader gets at once, in lines of one image.
struct Limits {
    frame: u32,
    behind: u32,
}

/// One image on its way to the reader.
#[derive(Debug)]
struct Entry {
    id: Arc<str>,
    number: u32,
    stage: Stage,
    tracks: Vec<Track>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The reader has not heard of it.
    Unsaid,
    /// It has begun.
    Begun,
    /// Its end was said; lines that were left out may still follow.
    Ended,
}

impl Entry {
    fn of(image: &Kept) -> Self {
        let tracks = image.views.iter().map(|_| Track::default()).collect();
        Self { id: image.id.clone(), number: image.number, stage: Stage::Unsaid, tracks }
    }

    /// What comes next of this image but for what was left out.
    fn ahead(&mut self, image: &Kept, limits: &Limits) -> Option<News> {
        if self.stage == Stage::Unsaid {
            self.stage = Stage::Begun;
            let (image, number, format, made) = (image.id.clone(), image.number, image.format.clone(), image.made);
            return Some(News::Begin { image, number, format, made });
        }
        let mut order: Vec<usize> = (0..self.tracks.len()).collect();
        order.sort_by_key(|view| self.tracks[*view].position());
        for view in order {
            if let Some(lines) = self.tracks[view].ahead(image, view, limits) {
                return Some(News::Lines(lines));
            }
        }
        let outcome = image.outcome.as_ref().filter(|_| self.stage == Stage::Begun)?;
        self.stage = Stage::Ended;
        let missing = image.missing(outcome);
        Some(News::End { image: image.id.clone(), number: image.number, outcome: outcome.clone(), missing })
    }

    fn finer(&mut self, image: &Kept, limits: &Limits) -> Option<News> {
        let mut tracks = self.tracks.iter_mut().enumerate();
        tracks.find_map(|(view, track)| track.finer(image, view, limits)).map(News::Lines)
    }
}

/// What one reader has been given.
#[derive(Debug)]
pub(super) struct Place {
    link: Option<bool>,
    newest: u32,
    entries: VecDeque<Entry>,
}

impl Place {
    /// A reader who comes now: it gets the newest image so far, and everything from there on.
    pub(super) fn new(shelf: &Shelf) -> Self {
        let newest = shelf.images().next_back().map_or(0, |image| image.number.saturating_sub(1));
        Self { link: None, newest, entries: VecDeque::new() }
    }

    /// A reader who gets nothing but what it asks for.
    pub(super) const fn wanting() -> Self {
        Self { link: None, newest: u32::MAX, entries: VecDeque::new() }
    }

    /// Gives an image of the shelf once more from its beginning; `false` when it is not there.
    pub(super) fn want(&mut self, shelf: &Shelf, id: &str) -> bool {
        self.adopt(shelf);
        let Some(image) = shelf.find(id) else { return false };
        let open = |entry: &Entry| entry.number == image.number && entry.stage != Stage::Ended;
        if !self.entries.iter().any(open) {
            self.entries.retain(|entry| entry.number != image.number);
            self.entries.push_back(Entry::of(image));
        }
        true
    }

    /// What comes next; `None` when the reader has everything there is.
    pub(super) fn next(&mut self, shelf: &Shelf) -> Option<News> {
        if self.link != Some(shelf.link()) {
            self.link = Some(shelf.link());
            return Some(News::Link { up: shelf.link() });
        }
        self.adopt(shelf);
        if let Some(gone) = self.gone(shelf) {
            return Some(gone);
        }
        let each = |entry: &mut Entry, work: fn(&mut Entry, &Kept, &Limits) -> Option<News>| {
            let image = shelf.numbered(entry.number)?;
            work(entry, image, &limits(shelf, image))
        };
        let ahead = self.entries.iter_mut().find_map(|entry| each(entry, Entry::ahead));
        ahead.or_else(|| self.entries.iter_mut().rev().find_map(|entry| each(entry, Entry::finer)))
    }

    fn adopt(&mut self, shelf: &Shelf) {
        let newer = shelf.images().filter(|image| image.number > self.newest);
        self.entries.extend(newer.map(Entry::of));
        self.newest = self.newest.max(shelf.images().next_back().map_or(0, |image| image.number));
    }

    /// The next image that memory let go of. One that the reader never heard of shows as a gap in the numbers.
    fn gone(&mut self, shelf: &Shelf) -> Option<News> {
        loop {
            let place = self.entries.iter().position(|entry| shelf.numbered(entry.number).is_none())?;
            let entry = self.entries.remove(place)?;
            if entry.stage != Stage::Unsaid {
                return Some(News::Gone { image: entry.id, number: entry.number });
            }
        }
    }
}

fn limits(shelf: &Shelf, image: &Kept) -> Limits {
    let settings = shelf.settings();
    let line = image.format.samples() * 2;
    let frame = u32::try_from(settings.frame / line.max(1)).unwrap_or(u32::MAX).clamp(1, u32::from(u16::MAX));
    Limits { frame, behind: settings.behind.max(1) }
}

//! All lines of one image, in memory: what is classified, rendered and written to files once it has ended.

use super::{Format, Line};

/// An image whose lines follow each other without a gap in any view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    format: Format,
    /// For each view its lines one after the other, as they came.
    views: Vec<Vec<u16>>,
}

/// One energy of one view. A line is a column of the picture.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    samples: &'a [u16],
    first: usize,
    stride: usize,
    pixels: usize,
    lines: usize,
}

impl Scan {
    /// Without any line yet.
    pub fn new(format: Format) -> Self {
        let views = vec![Vec::new(); usize::from(format.views.max(1))];
        Self { format, views }
    }

    /// Of the lines of one image, in any order of views.
    pub fn of<'a>(format: Format, lines: impl IntoIterator<Item = &'a Line>) -> Self {
        let mut scan = Self::new(format);
        for line in lines {
            scan.add(line);
        }
        scan
    }

    /// Adds the next line of a view. A line that is not the next, or not as long as the format says, is left out, and
    /// `false` says so.
    pub fn add(&mut self, line: &Line) -> bool {
        let length = self.format.samples();
        let Some(view) = self.views.get_mut(usize::from(line.view)) else { return false };
        let next = length > 0 && line.samples.len() == length && view.len() / length == line.index as usize;
        if next {
            view.extend_from_slice(&line.samples);
        }
        next
    }

    /// Shape of its lines.
    pub const fn format(&self) -> &Format {
        &self.format
    }

    /// Its lines again, the views of each moment together. Which ones the source never sent is not kept here.
    pub fn each_line(&self) -> impl Iterator<Item = Line> {
        let length = self.format.samples();
        (0u32..).zip(0..self.lines()).flat_map(move |(index, at)| {
            let of_view = move |samples: &Vec<u16>| samples[at * length..][..length].into();
            let lines = (0u8..).zip(&self.views);
            lines.map(move |(view, samples)| Line { index, view, filled: false, samples: of_view(samples) })
        })
    }

    /// Lines that all views have.
    pub fn lines(&self) -> usize {
        self.views.iter().map(Vec::len).min().unwrap_or(0) / self.format.samples().max(1)
    }

    /// One energy (0 is the softer one) of one view, `None` where there is no such.
    pub fn plane(&self, view: u8, energy: u8) -> Option<Plane<'_>> {
        let samples = self.views.get(usize::from(view))?;
        let (pixels, stride) = (self.format.pixels as usize, self.format.samples());
        let first = pixels * usize::from(energy);
        (energy < self.format.energies).then(|| Plane { samples, first, stride, pixels, lines: self.lines() })
    }
}

impl<'a> Plane<'a> {
    /// Lines, which are columns of the picture.
    pub const fn lines(&self) -> usize {
        self.lines
    }

    /// Elements, which are rows of the picture.
    pub const fn pixels(&self) -> usize {
        self.pixels
    }

    /// One line; empty beyond the last.
    pub fn line(&self, index: usize) -> &'a [u16] {
        let from = index * self.stride + self.first;
        self.samples.get(from..from + self.pixels).unwrap_or(&[])
    }

    /// The picture's rows from the top, one after the other: element 0 of each line first.
    pub fn rows(&self) -> Vec<u16> {
        let mut rows = vec![0; self.lines * self.pixels];
        transpose(self.lines, self.pixels, |line, pixel, at| {
            if let Some(row) = rows.get_mut(at) {
                *row = self.line(line).get(pixel).copied().unwrap_or(0);
            }
        });
        rows
    }
}

/// Visits every (line, element) with its place among rows. In blocks, so that neither side leaves the cache.
pub(super) fn transpose(lines: usize, pixels: usize, mut visit: impl FnMut(usize, usize, usize)) {
    const BLOCK: usize = 32;
    for first_line in (0..lines).step_by(BLOCK) {
        for first_pixel in (0..pixels).step_by(BLOCK) {
            for pixel in first_pixel..(first_pixel + BLOCK).min(pixels) {
                for line in first_line..(first_line + BLOCK).min(lines) {
                    visit(line, pixel, pixel * lines + line);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_column_and_its_first_element_is_at_the_top() {
        let format = Format { pixels: 2, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
        let line = |index: u32, samples: [u16; 4]| Line { index, view: 0, filled: false, samples: samples.into() };
        let mut scan = Scan::of(format, &[line(0, [1, 2, 10, 20]), line(1, [3, 4, 30, 40]), line(2, [5, 6, 50, 60])]);
        assert_eq!(scan.plane(0, 0).unwrap().rows(), [1, 3, 5, 2, 4, 6]);
        assert_eq!(scan.plane(0, 1).unwrap().rows(), [10, 30, 50, 20, 40, 60]);
        assert!(scan.plane(0, 2).is_none() && scan.plane(1, 0).is_none());
        assert!(!scan.add(&line(9, [0; 4])), "not the next");
        assert!(!scan.add(&Line { view: 1, ..line(3, [0; 4]) }), "no such view");
        assert_eq!(scan.lines(), 3);
    }
}

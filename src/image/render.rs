//! An image as a person sees it: hue by material, lightness by what is lost. docs/materials.md has the formulas, which the
//! page's shader shares.

use super::material::{Class, Table};
use super::scan::{Plane, transpose};
use super::{AIR, Scan};

/// What is lost, as ln, where the picture is black.
const BLACK: f32 = 6.0;
/// Below 1, so that thin things stand out against air.
const POWER: f32 = 0.7;
/// Steps in which lightness is tabled: finer than a 256th of it.
const SHADES: usize = 8_192;

/// A picture for the eye, rows from the top, one detector element a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Pixels across: lines.
    pub width: u32,
    /// Pixels down: detector elements.
    pub height: u32,
    /// The pixels.
    pub shades: Shades,
}

/// Pixels of 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shades {
    /// One byte a pixel.
    Grey(Vec<u8>),
    /// Red, green and blue.
    Colour(Vec<u8>),
}

/// One view, in colour where it has two energies, its samples are a measurement and `table` is that of its machine; in its
/// own colours where it came with some. `None` where there is no such view.
pub fn render(scan: &Scan, view: u8, table: Option<&Table>) -> Option<Rendered> {
    let low = scan.plane(view, 0)?;
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(low.lines()), side(low.pixels()));
    if scan.format().coloured() {
        return Some(Rendered { width, height, shades: Shades::Colour(own_colours(scan, view)?) });
    }
    let classes = table.map_or_else(Vec::new, |table| table.classes(scan, view));
    let lightness = Lightness::new(scan.format().raw);
    let grey = |line: usize, pixel: usize| lightness.of(low, scan.plane(view, 1), line, pixel);
    let pixels = low.lines() * low.pixels();
    let shades = if classes.len() == pixels && pixels > 0 {
        let mut colour = vec![0; 3 * pixels];
        transpose(low.lines(), low.pixels(), |line, pixel, at| {
            let class = classes[line * low.pixels() + pixel];
            colour[3 * at..3 * at + 3].copy_from_slice(&tinted(class, grey(line, pixel)));
        });
        Shades::Colour(colour)
    } else {
        let mut greys = vec![0; pixels];
        transpose(low.lines(), low.pixels(), |line, pixel, at| greys[at] = byte(grey(line, pixel)));
        Shades::Grey(greys)
    };
    Some(Rendered { width, height, shades })
}

/// As somebody rendered them.
fn own_colours(scan: &Scan, view: u8) -> Option<Vec<u8>> {
    let planes = [scan.plane(view, 0)?, scan.plane(view, 1)?, scan.plane(view, 2)?];
    let (lines, pixels) = (planes[0].lines(), planes[0].pixels());
    let mut colour = vec![0; 3 * lines * pixels];
    transpose(lines, pixels, |line, pixel, at| {
        let parts = planes.map(|plane| byte(f32::from(plane.line(line)[pixel]) / f32::from(AIR)));
        colour[3 * at..3 * at + 3].copy_from_slice(&parts);
    });
    Some(colour)
}

/// Lightness of every sample, tabled: a logarithm for each would take most of the time.
struct Lightness {
    raw: bool,
    lost: Vec<f32>,
    shades: Vec<f32>,
}

impl Lightness {
    fn new(raw: bool) -> Self {
        let lost = (0..=u16::MAX).map(|sample| (f32::from(AIR) / f32::from(sample).max(1.0)).ln().max(0.0)).collect();
        let shade = |step: usize| 1.0 - (step as f32 / (SHADES - 1) as f32).powf(POWER);
        Self { raw, lost, shades: (0..SHADES).map(shade).collect() }
    }

    fn of(&self, low: Plane<'_>, high: Option<Plane<'_>>, line: usize, pixel: usize) -> f32 {
        let sample = low.line(line)[pixel];
        if !self.raw {
            // Somebody chose the shades already.
            return (f32::from(sample) / f32::from(AIR)).min(1.0);
        }
        let lost = self.lost[usize::from(sample)];
        let both = high.map_or(lost, |high| (lost + self.lost[usize::from(high.line(line)[pixel])]) / 2.0);
        let step = (both / BLACK * (SHADES - 1) as f32 + 0.5) as usize;
        self.shades[step.min(SHADES - 1)]
    }
}

fn tinted(class: Class, grey: f32) -> [u8; 3] {
    match class {
        Class::Empty | Class::Saturated => [byte(grey); 3],
        Class::Organic | Class::Mixed | Class::Inorganic => class.colour().map(|part| {
            let part = f32::from(part) / 255.0;
            byte(if grey < 0.5 { part * 2.0 * grey } else { part + (1.0 - part) * (2.0 * grey - 1.0) })
        }),
    }
}

/// From 0 to 1; a conversion from float keeps to what a byte holds.
fn byte(part: f32) -> u8 {
    (part * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Format, Line};

    fn scan(energies: u8, raw: bool, lines: &[&[u16]]) -> Scan {
        let pixels = lines[0].len() as u32 / u32::from(energies);
        let format = Format { pixels, energies, views: 1, pitch_um: 0, line_um: 0, live: true, raw };
        let line = |(index, samples): (usize, &&[u16])| Line {
            index: index as u32,
            view: 0,
            filled: false,
            samples: (*samples).into(),
        };
        Scan::of(format, &lines.iter().enumerate().map(line).collect::<Vec<_>>())
    }

    #[test]
    fn one_energy_is_grey_from_white_air_to_black_nothing() {
        // 60,000 / e is 22,073: 1 - (1/6)^0.7 is 0.7147; 60,000 / e^6 is 148.7.
        let rendered = render(&scan(1, true, &[&[60_000, 22_073], &[149, 0]]), 0, None).unwrap();
        assert_eq!(rendered, Rendered { width: 2, height: 2, shades: Shades::Grey(vec![255, 0, 182, 0]) });
    }

    #[test]
    fn two_energies_without_a_table_are_grey_of_both() {
        // ln of what is lost is 1 and 0: the middle is 0.5, 1 - (1/12)^0.7 is 0.8244.
        let rendered = render(&scan(2, true, &[&[22_073, 60_000]]), 0, None).unwrap();
        assert_eq!(rendered.shades, Shades::Grey(vec![210]));
    }

    #[test]
    fn what_somebody_rendered_keeps_its_shades() {
        let rendered = render(&scan(1, false, &[&[60_000, 30_000, 0]]), 0, None).unwrap();
        assert_eq!(rendered.shades, Shades::Grey(vec![255, 128, 0]));
    }

    #[test]
    fn a_tint_is_black_below_white_above_and_itself_in_the_middle() {
        for class in Class::ALL {
            assert_eq!(tinted(class, 0.0), [0; 3]);
            assert_eq!(tinted(class, 1.0), [255; 3]);
        }
        assert_eq!(tinted(Class::Organic, 0.5), Class::Organic.colour());
        assert_eq!(tinted(Class::Mixed, 0.25), [20, 80, 35]);
        assert_eq!(tinted(Class::Saturated, 0.25), [64; 3], "what cannot be told has no colour");
    }

    #[test]
    fn a_view_that_is_not_there_or_has_no_line_is_no_picture() {
        assert!(render(&scan(1, true, &[&[1]]), 1, None).is_none());
        let empty = Scan::new(scan(1, true, &[&[1]]).format().clone());
        assert_eq!(render(&empty, 0, None).unwrap().width, 0);
    }
}

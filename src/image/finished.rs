//! A finished file as an image of the same kind as live ones: its columns are lines, the belt runs along its width.
//!
//! What air is in a foreign file nobody says. In a measurement it is taken as the middle of what is within a tenth of the
//! brightest; a picture without any air comes out too bright. Colours that somebody chose stay colours, and are never computed
//! with.

use super::{AIR, Format, Line, Outcome, Scan};
use crate::field::picture::{Decoded, Energy, Form, Photometric, Picture, View};

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its samples as lines; of a coloured picture red, green and blue.
    pub scan: Scan,
}

impl Finished {
    /// Shape of its lines.
    pub const fn format(&self) -> &Format {
        self.scan.format()
    }

    /// Its lines, the views of each moment together.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.scan.each_line()
    }

    /// How it ended: a file that could be read is whole.
    pub fn outcome(&self) -> Outcome {
        Outcome { lines: u32::try_from(self.scan.lines()).unwrap_or(u32::MAX), ..Outcome::default() }
    }
}

/// The picture of a decoded file.
pub fn of_picture(picture: &Picture) -> Finished {
    let header = &picture.header;
    let rendered = header.photometric == Photometric::Rgb;
    let raw = header.form == Form::Raw && !rendered;
    let planes = match header.photometric {
        Photometric::Rgb => Planes::of_colours(picture),
        Photometric::Monochrome1 | Photometric::Monochrome2 => Planes::of_energies(picture, raw),
    };
    let format = Format {
        pixels: header.height,
        energies: planes.each,
        views: u8::try_from(planes.all.len() / usize::from(planes.each)).unwrap_or(u8::MAX),
        pitch_um: 0,
        line_um: 0,
        live: false,
        raw,
    };
    let (width, height) = (header.width as usize, header.height as usize);
    let mut scan = Scan::new(format);
    for (view, planes) in (0u8..).zip(planes.all.chunks(usize::from(planes.each))) {
        for index in 0..header.width {
            let column =
                |plane: &Vec<u16>| (0..height).map(|row| plane[row * width + index as usize]).collect::<Vec<_>>();
            let samples = planes.iter().flat_map(column).collect();
            scan.add(&Line { index, view, filled: false, samples });
        }
    }
    Finished { scan }
}

/// What a file holds: of each view as many planes, rows from the top.
struct Planes {
    each: u8,
    all: Vec<Vec<u16>>,
}

impl Planes {
    fn of_energies(picture: &Picture, raw: bool) -> Self {
        let (each, order) = order(&picture.header.views);
        Self { each, all: order.iter().map(|at| plane(picture, *at, raw)).collect() }
    }

    /// Red, green and blue; one plane of a picture that is grey and merely stored as colours.
    fn of_colours(picture: &Picture) -> Self {
        let views = 0..picture.header.views.len();
        let all: Vec<_> = views.flat_map(|at| [0, 1, 2].map(|channel| colour(picture, at, channel))).collect();
        let grey = all.chunks(3).all(|colours| colours.iter().all(|colour| *colour == colours[0]));
        if grey { Self { each: 1, all: all.into_iter().step_by(3).collect() } } else { Self { each: 3, all } }
    }
}

/// Energies of a line, and which picture of the file is which: view 1 low, view 1 high, view 2 low, …
fn order(views: &[View]) -> (u8, Vec<usize>) {
    let of = |energy: Energy| (0..views.len()).filter(move |at| views[*at].energy == Some(energy));
    let pairs: Vec<usize> = of(Energy::Low).zip(of(Energy::High)).flat_map(|(low, high)| [low, high]).collect();
    if pairs.len() == views.len() && !views.is_empty() { (2, pairs) } else { (1, (0..views.len()).collect()) }
}

/// Samples of one grey picture of the file, rows from the top, [`AIR`] in air or for white.
fn plane(picture: &Picture, at: usize, raw: bool) -> Vec<u16> {
    let header = &picture.header;
    let pixels = header.width as usize * header.height as usize;
    let samples = (at * pixels..(at + 1) * pixels).map(|at| sample(picture, at));
    let grey: Vec<u16> = if header.photometric == Photometric::Monochrome1 {
        samples.map(|sample| full(header) - sample).collect()
    } else {
        samples.collect()
    };
    let white = if raw { air(&grey) } else { full(header) };
    if white.abs_diff(AIR) <= AIR / 100 && raw {
        // As this program writes it.
        return grey;
    }
    scaled(grey, white)
}

/// One colour of one coloured picture of the file, [`AIR`] where there is most of it.
fn colour(picture: &Picture, at: usize, channel: usize) -> Vec<u16> {
    let header = &picture.header;
    let pixels = header.width as usize * header.height as usize;
    let samples = (at * pixels..(at + 1) * pixels).map(|at| sample(picture, 3 * at + channel));
    scaled(samples.collect(), full(header))
}

fn scaled(samples: Vec<u16>, white: u16) -> Vec<u16> {
    let of = |sample: u16| u64::from(sample) * u64::from(AIR) / u64::from(white.max(1));
    samples.into_iter().map(|sample| u16::try_from(of(sample)).unwrap_or(u16::MAX)).collect()
}

/// The greatest value of a sample.
const fn full(header: &Decoded) -> u16 {
    u16::MAX >> (16 - if header.bits > 16 || header.bits == 0 { 16 } else { header.bits })
}

/// One sample, signed ones moved so that the lowest is 0.
fn sample(picture: &Picture, at: usize) -> u16 {
    let header = &picture.header;
    let byte = |at: usize| u16::from(picture.samples.get(at).copied().unwrap_or(0));
    let said = if header.sample_bytes == 2 { byte(2 * at) | byte(2 * at + 1) << 8 } else { byte(at) };
    let full = full(header);
    if header.signed { (said & full) ^ (full / 2 + 1) } else { said & full }
}

/// What air is: the middle of all samples within a tenth of the brightest, of which half a percent may be wild.
fn air(samples: &[u16]) -> u16 {
    let mut counts = vec![0usize; usize::from(u16::MAX) + 1];
    for sample in samples {
        counts[usize::from(*sample)] += 1;
    }
    // The sample that `part` of all are at least as bright as.
    let brightest = |part: usize| {
        let mut left = part;
        let reached = |(_, count): &(u16, &usize)| {
            left = left.saturating_sub(**count);
            left == 0
        };
        (0..=u16::MAX).zip(&counts).rev().find(reached).map_or(0, |(sample, _)| sample)
    };
    let bright = brightest(samples.len() / 200 + 1);
    let near: usize = counts[usize::from(bright) * 9 / 10..].iter().sum();
    brightest(near / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::picture::Format as FileFormat;
    use crate::image::files;

    fn picture(width: u32, height: u32, bits: u8, photometric: Photometric, samples: &[u16]) -> Picture {
        let sample_bytes = if bits > 8 { 2 } else { 1 };
        let form = if bits > 8 { Form::Raw } else { Form::Rendered };
        let header = Decoded {
            format: FileFormat::Raw,
            width,
            height,
            bits,
            sample_bytes,
            signed: false,
            photometric,
            form,
            modality: None,
            views: vec![View::default()],
        };
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes()[..usize::from(sample_bytes)].to_vec());
        Picture { samples: bytes.collect(), header }
    }

    fn said(finished: &Finished) -> Vec<Vec<u16>> {
        finished.lines().map(|line| line.samples.to_vec()).collect()
    }

    #[test]
    fn columns_become_lines_from_the_left_and_white_becomes_air() {
        let finished = of_picture(&picture(3, 2, 8, Photometric::Monochrome2, &[0, 51, 255, 102, 0, 255]));
        assert_eq!(said(&finished), [[0, 24_000], [12_000, 0], [60_000, 60_000]]);
        let Format { pixels, energies, views, raw, live, .. } = finished.format().clone();
        assert_eq!((pixels, energies, views, raw, live), (2, 1, 1, false, false));
        assert_eq!(finished.outcome().lines, 3);
    }

    #[test]
    fn where_the_lowest_is_white_it_becomes_air() {
        let finished = of_picture(&picture(2, 1, 8, Photometric::Monochrome1, &[0, 255]));
        assert_eq!(said(&finished), [[60_000], [0]]);
    }

    #[test]
    fn a_measurement_of_12_bits_has_its_air_where_its_brightest_lie() {
        let mut samples = vec![3_000; 1_000];
        samples.extend([1_500, 30, 4_095]);
        let finished = of_picture(&picture(1_003, 1, 12, Photometric::Monochrome2, &samples));
        let said = said(&finished);
        assert!(finished.format().raw);
        assert_eq!((said[0][0], said[1_000][0], said[1_001][0]), (60_000, 30_000, 600));
        assert_eq!(said[1_002][0], 65_535, "one wild element is no air, and ends at what 16 bits hold");
    }

    #[test]
    fn signed_samples_begin_at_their_lowest() {
        let mut picture = picture(2, 1, 12, Photometric::Monochrome2, &[0x0800, 0x07ff]);
        picture.header.signed = true;
        assert_eq!(sample(&picture, 0), 0);
        assert_eq!(sample(&picture, 1), 4_095);
    }

    #[test]
    fn colours_are_kept_as_three_planes_that_are_no_energies() {
        let samples = [255, 0, 51, 255, 255, 255, 0, 102, 0, 0, 0, 255];
        let finished = of_picture(&picture(2, 2, 8, Photometric::Rgb, &samples));
        // Of each column red, green and blue, from the top.
        assert_eq!(said(&finished), [[60_000, 0, 0, 24_000, 12_000, 0], [60_000, 0, 60_000, 0, 60_000, 60_000]]);
        let format = finished.format();
        assert_eq!((format.pixels, format.energies, format.views, format.raw), (2, 3, 1, false));
        assert!(format.coloured() && !format.dual());
    }

    #[test]
    fn colours_of_16_bits_are_rendered_too_and_views_called_low_and_high_stay_views() {
        let samples = [65_535, 0, 0, 0, 65_535, 0];
        let mut picture = picture(1, 1, 16, Photometric::Rgb, &samples);
        picture.header.views =
            [Energy::Low, Energy::High].map(|energy| View { name: None, energy: Some(energy) }).to_vec();
        let finished = of_picture(&picture);
        assert_eq!(said(&finished), [[60_000, 0, 0], [0, 60_000, 0]]);
        assert_eq!((finished.format().energies, finished.format().views, finished.format().raw), (3, 2, false));
    }

    #[test]
    fn a_grey_picture_that_is_stored_as_colours_is_grey() {
        let finished = of_picture(&picture(2, 1, 8, Photometric::Rgb, &[51, 51, 51, 255, 255, 255]));
        assert_eq!(said(&finished), [[12_000], [60_000]]);
        assert_eq!((finished.format().energies, finished.format().raw), (1, false));
    }

    #[test]
    fn what_this_program_writes_comes_back_as_it_was() {
        let format = Format { pixels: 2, energies: 2, views: 2, pitch_um: 0, line_um: 0, live: false, raw: true };
        let mut scan = Scan::new(format);
        for index in 0..40u16 {
            for view in 0..2 {
                let samples = vec![60_000 - index, 40_000, 59_900 + index, 1_000 + u16::from(view)];
                assert!(scan.add(&Line { index: index.into(), view, filled: false, samples: samples.into() }));
            }
        }
        let file = files::tiff16(&scan).unwrap();
        let back = of_picture(&crate::field::picture::decode(&file, None).unwrap());
        assert_eq!(back.scan, scan);
    }

    #[test]
    fn energies_in_any_order_are_paired() {
        let view = |energy: Option<Energy>| View { name: None, energy };
        let (low, high) = (view(Some(Energy::Low)), view(Some(Energy::High)));
        assert_eq!(order(&[high.clone(), low.clone()]), (2, vec![1, 0]));
        assert_eq!(order(&[low.clone(), low.clone(), high.clone(), high]), (2, vec![0, 2, 1, 3]));
        assert_eq!(order(&[low, view(None)]), (1, vec![0, 1]));
    }
}

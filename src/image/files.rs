//! An image as files: every sample for processing, and a picture for presentation. Both are evidence.

use std::fmt;
use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype};
use tiff::tags::Tag;

use super::Scan;
use super::render::{Rendered, Shades};

/// Why an image is no file.
#[derive(Debug)]
pub struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the image cannot be written as a file: {}; its lines stay on the desks", self.0)
    }
}

impl std::error::Error for Unwritable {}

/// TIFF of 16-bit grey pages, every sample as it is, Deflate. A page for each energy of each view, in this order: view 1
/// low, view 1 high, view 2 low, …; its description says which (`energy: low view: 1`, with one energy `view: 1`). Lines
/// are columns, line 0 at the left.
///
/// # Errors
/// [`Unwritable`] where the image has no line, or has colours: they are no energies, and whoever reads the file would take
/// them for some.
pub fn tiff16(scan: &Scan) -> Result<Vec<u8>, Unwritable> {
    let format = scan.format();
    if format.coloured() {
        return Err(Unwritable(
            "it has colours that somebody rendered, and a file for processing has measurements".to_owned(),
        ));
    }
    let mut bytes = Cursor::new(Vec::new());
    let mut written = || -> tiff::TiffResult<()> {
        let encoder = TiffEncoder::new(&mut bytes)?;
        // Side by side, transmissions differ by little more than noise.
        let encoder = encoder.with_predictor(Predictor::Horizontal);
        let mut encoder = encoder.with_compression(Compression::Deflate(DeflateLevel::Fast));
        for view in 0..format.views {
            for energy in 0..format.energies {
                let Some(plane) = scan.plane(view, energy) else { continue };
                let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
                let (width, height) = (side(plane.lines()), side(plane.pixels()));
                let mut page = encoder.new_image::<colortype::Gray16>(width, height)?;
                page.encoder().write_tag(Tag::ImageDescription, &*description(format.energies, energy, view))?;
                page.write_data(&plane.rows())?;
            }
        }
        Ok(())
    };
    written().map_err(|error| Unwritable(error.to_string()))?;
    Ok(bytes.into_inner())
}

fn description(energies: u8, energy: u8, view: u8) -> String {
    let view = u32::from(view) + 1;
    match (energies, energy) {
        (..=1, _) => format!("view: {view}"),
        (_, 0) => format!("energy: low view: {view}"),
        (..) => format!("energy: high view: {view}"),
    }
}

/// PNG of 8 bits a channel.
///
/// # Errors
/// [`Unwritable`] where the picture has no pixel.
pub fn presentation_png(rendered: &Rendered) -> Result<Vec<u8>, Unwritable> {
    let (pixels, colour) = match &rendered.shades {
        Shades::Grey(pixels) => (pixels, ExtendedColorType::L8),
        Shades::Colour(pixels) => (pixels, ExtendedColorType::Rgb8),
    };
    if pixels.is_empty() {
        return Err(Unwritable("it has no line".to_owned()));
    }
    let mut bytes = Vec::new();
    // An image must be on all desks within a second: half the time for a tenth more bytes.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
        .write_image(pixels, rendered.width, rendered.height, colour)
        .map_err(|error| Unwritable(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::picture::{self, Energy, Form, Photometric};
    use crate::image::render::render;
    use crate::image::{Format, Line};

    /// 3 lines of 2 elements, every sample another: hundreds are the view, tens the energy.
    fn scan(energies: u8, views: u8) -> Scan {
        let format = Format { pixels: 2, energies, views, pitch_um: 0, line_um: 0, live: true, raw: true };
        let mut scan = Scan::new(format);
        for view in 0..views {
            for index in 0..3u16 {
                let of =
                    |energy: u16| (0..2).map(move |pixel| 1_000 * u16::from(view) + 100 * energy + 10 * index + pixel);
                let samples: Vec<u16> = (0..u16::from(energies)).flat_map(of).collect();
                assert!(scan.add(&Line { index: index.into(), view, filled: false, samples: samples.into() }));
            }
        }
        scan
    }

    #[test]
    fn the_decoder_of_files_reads_back_every_sample_energy_and_view() {
        let scan = scan(2, 2);
        let read = picture::decode(&tiff16(&scan).unwrap(), None).unwrap();
        assert_eq!((read.header.width, read.header.height, read.header.form), (3, 2, Form::Raw));
        let energies: Vec<_> = read.header.views.iter().map(|view| view.energy).collect();
        assert_eq!(energies, [Energy::Low, Energy::High, Energy::Low, Energy::High].map(Some));
        assert_eq!(read.header.views[3].name.as_deref(), Some("energy: high view: 2"));
        let samples: Vec<u16> = read.samples.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let expected = [
            [0, 10, 20, 1, 11, 21],
            [100, 110, 120, 101, 111, 121],
            [1_000, 1_010, 1_020, 1_001, 1_011, 1_021],
            [1_100, 1_110, 1_120, 1_101, 1_111, 1_121],
        ];
        assert_eq!(samples, expected.concat());
    }

    #[test]
    fn one_energy_is_not_called_low() {
        let read = picture::decode(&tiff16(&scan(1, 1)).unwrap(), None).unwrap();
        assert_eq!(read.header.views[0].energy, None);
        assert_eq!(read.header.views[0].name.as_deref(), Some("view: 1"));
    }

    #[test]
    fn the_decoder_reads_back_every_pixel_of_a_presentation() {
        let grey = render(&scan(1, 1), 0, None).unwrap();
        let read = picture::decode(&presentation_png(&grey).unwrap(), None).unwrap();
        assert_eq!((read.header.width, read.header.height), (3, 2));
        assert_eq!((Shades::Grey(read.samples), read.header.form), (grey.shades, Form::Rendered));
        let pixels: Vec<u8> = (0..18).collect();
        let colour = Rendered { width: 3, height: 2, shades: Shades::Colour(pixels.clone()) };
        let read = picture::decode(&presentation_png(&colour).unwrap(), None).unwrap();
        assert_eq!((read.header.photometric, read.samples), (Photometric::Rgb, pixels));
    }

    #[test]
    fn colours_are_shown_and_never_written_as_energies() {
        let format = Format { energies: 3, live: false, raw: false, ..scan(1, 1).format().clone() };
        let mut coloured = Scan::new(format);
        // 51 of 255 is 12,000 of 60,000.
        let samples = [60_000, 0, 12_000, 60_000, 0, 24_000].into();
        assert!(coloured.add(&Line { index: 0, view: 0, filled: false, samples }));
        assert!(tiff16(&coloured).is_err());
        let shown = render(&coloured, 0, None).unwrap();
        assert_eq!(shown.shades, Shades::Colour(vec![255, 51, 0, 0, 255, 102]));
        let read = picture::decode(&presentation_png(&shown).unwrap(), None).unwrap();
        assert_eq!(read.header.photometric, Photometric::Rgb);
        assert_eq!(crate::image::of_picture(&read).scan, coloured);
    }

    #[test]
    fn an_image_without_lines_is_no_file() {
        let empty = Scan::new(scan(2, 1).format().clone());
        assert!(tiff16(&empty).is_err());
        assert!(presentation_png(&render(&empty, 0, None).unwrap()).is_err());
    }
}

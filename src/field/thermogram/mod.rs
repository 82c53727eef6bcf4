//! What a thermal imager's file holds: its counts, and what the camera says of them.
//!
//! ```text
//!   JPEG ──segments──► FFF ──records──► counts (plain, or a PNG inside), camera, marked places
//!   TIFF, one page of 16-bit grey ────► counts; what one of them is, the file does not say
//! ```
//! The bytes are foreign. The daemon has them read by a child process ([`super::decoder`]), as it does with pictures.

mod fff;
mod segments;

use super::picture::{Form, Format, Picture, Unreadable, decode, recognise};
use crate::thermal::radiance::Scale;
use crate::thermal::{Frame, Imager, SIDE_LIMIT};

/// Reads a whole file.
///
/// # Errors
/// [`Unreadable::Incomplete`] while bytes are missing at the end, [`Unreadable::Never`] for everything else.
pub fn read(bytes: &[u8]) -> Result<Frame, Unreadable> {
    match recognise(bytes)? {
        Format::Jpeg => fff::read(&segments::flir(bytes)?),
        Format::Tiff => tiff(&decode(bytes, None)?),
        Format::Png | Format::Dicom | Format::Raw => Err(never("it is no file of a thermal imager that a lane reads")),
    }
}

fn tiff(picture: &Picture) -> Result<Frame, Unreadable> {
    let header = &picture.header;
    if header.form != Form::Raw || header.views.len() != 1 {
        return Err(never("it is a TIFF without temperatures: expected one page of 16-bit grey"));
    }
    let serial = None;
    let imager = Imager {
        width: header.width,
        height: header.height,
        model: None,
        serial,
        scale: Scale::Unsaid,
        spots: Vec::new(),
    };
    frame(imager, counts(picture))
}

/// A frame with as many counts as its size says.
fn frame(imager: Imager, counts: Vec<u16>) -> Result<Frame, Unreadable> {
    let Imager { width, height, .. } = imager;
    match imager.pixels() {
        None => Err(never(format!("it claims {width} x {height} pixels, expected 1 to {SIDE_LIMIT} a side"))),
        Some(pixels) if pixels != counts.len() => {
            Err(never(format!("it claims {width} x {height} pixels and holds {}", counts.len())))
        }
        Some(_) => Ok(Frame { imager, counts }),
    }
}

/// The samples of a 16-bit grey picture.
fn counts(picture: &Picture) -> Vec<u16> {
    picture.samples.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect()
}

fn never(why: impl std::fmt::Display) -> Unreadable {
    Unreadable::Never(format!(
        "{why}; a radiometric JPEG of FLIR or a 16-bit TIFF is, as the camera saved it: viewers and messengers drop \
         the temperatures"
    ))
}

/// A place in a record where a number should be.
fn short(what: &str) -> Unreadable {
    Unreadable::Never(format!("its {what} is shorter than it must be; copy the file from the camera again"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_picture_for_people_has_no_temperatures_and_says_what_has() {
        let mut jpeg = Vec::new();
        image::DynamicImage::new_rgb8(32, 16).write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        let mut png = Vec::new();
        image::DynamicImage::new_luma16(8, 8).write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        for bytes in [jpeg, png] {
            let Err(Unreadable::Never(why)) = read(&bytes) else { panic!("no temperatures in it") };
            assert!(why.contains("16-bit TIFF"), "{why}");
        }
        assert!(matches!(read(b"\xff\xd8"), Err(Unreadable::Incomplete(_))));
    }

    #[test]
    fn one_page_of_16_bit_grey_is_a_frame_whose_scale_is_unsaid() {
        let mut tiff = Cursor::new(Vec::new());
        let samples: Vec<u16> = (6_743..6_755).collect();
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut tiff).unwrap();
        encoder.write_image::<tiff::encoder::colortype::Gray16>(4, 3, &samples).unwrap();
        let frame = read(&tiff.into_inner()).unwrap();
        assert_eq!((frame.imager.width, frame.imager.height, &frame.counts), (4, 3, &samples));
        assert_eq!(frame.imager.scale, Scale::Unsaid);
    }
}

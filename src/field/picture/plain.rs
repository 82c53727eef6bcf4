//! PNG and JPEG, 8 or 16 bits a sample: 16-bit grey is a measurement, everything else was made to be looked at.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{Decoded, Form, Format, Photometric, Picture, SAMPLES_LIMIT, SIDE_LIMIT, Unreadable, View};

/// PNG ends with its IEND chunk (PNG 3rd edition, 11.2.5).
const IEND: &[u8] = &[0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
/// JPEG ends with the EOI marker (ITU-T T.81, B.1.1.3).
const EOI: &[u8] = &[0xff, 0xd9];

pub(super) fn decode(bytes: &[u8], format: Format) -> Result<Picture, Unreadable> {
    let (kind, end) = if format == Format::Png { (ImageFormat::Png, IEND) } else { (ImageFormat::Jpeg, EOI) };
    if !ends_with(bytes, end) {
        return Err(Unreadable::Incomplete(format!("it breaks off after {} bytes", bytes.len())));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_LIMIT), Some(SIDE_LIMIT));
    limits.max_alloc = Some(2 * SAMPLES_LIMIT);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(Unreadable::broken)?;
    let (width, height) = decoder.dimensions();
    let header = header(format, width, height, decoder.color_type());
    header.checked_size()?;
    let image = DynamicImage::from_decoder(decoder).map_err(Unreadable::broken)?;
    Picture::new(header, samples(image))
}

/// Some machines pad with zeros behind the end.
fn ends_with(bytes: &[u8], end: &[u8]) -> bool {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..used].ends_with(end)
}

fn header(format: Format, width: u32, height: u32, color: ColorType) -> Decoded {
    let deep = color.bits_per_pixel() / u16::from(color.channel_count()) > 8;
    let (bits, sample_bytes) = if deep { (16, 2) } else { (8, 1) };
    let photometric = if color.has_color() { Photometric::Rgb } else { Photometric::Monochrome2 };
    let form = if deep && !color.has_color() { Form::Raw } else { Form::Rendered };
    let views = vec![View::default()];
    Decoded { format, width, height, bits, sample_bytes, signed: false, photometric, form, modality: None, views }
}

/// The samples without transparency, low byte first.
fn samples(image: DynamicImage) -> Vec<u8> {
    let (deep, colour) = (image.color().bits_per_pixel() / u16::from(image.color().channel_count()) > 8, image.color());
    match (deep, colour.has_color()) {
        (false, false) => image.into_luma8().into_raw(),
        (false, true) => image.into_rgb8().into_raw(),
        (true, false) => super::tiff::little(&image.into_luma16()),
        (true, true) => super::tiff::little(&image.into_rgb16()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    fn png16(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(width, height, |x, y| {
            image::Luma([u16::try_from((x * 251 + y * 13) % 65_536).unwrap()])
        });
        DynamicImage::ImageLuma16(pixels).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_luma8(width, height).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        bytes
    }

    #[test]
    fn a_whole_16_bit_png_is_a_measurement_with_its_samples_low_byte_first() {
        let picture = decode(&png16(40, 30), None).unwrap();
        let Decoded { format, width, height, bits, form, photometric, .. } = picture.header;
        assert_eq!((format, width, height, bits, form), (Format::Png, 40, 30, 16, Form::Raw));
        assert_eq!(photometric, Photometric::Monochrome2);
        assert_eq!(&picture.samples[..6], [0, 0, 251, 0, 0xf6, 1]);
    }

    #[test]
    fn eight_bits_and_colour_are_for_presentation() {
        assert_eq!(decode(&jpeg(32, 16), None).unwrap().header.form, Form::Rendered);
        let mut bytes = Vec::new();
        DynamicImage::new_rgba8(5, 4).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        let picture = decode(&bytes, None).unwrap();
        assert_eq!((picture.header.form, picture.header.photometric), (Form::Rendered, Photometric::Rgb));
        assert_eq!(picture.samples.len(), 5 * 4 * 3);
    }

    #[test]
    fn every_cut_of_a_png_or_jpeg_is_incomplete_and_never_a_picture() {
        for whole in [png16(20, 10), jpeg(32, 16)] {
            for cut in 0..whole.len() {
                assert!(matches!(decode(&whole[..cut], None), Err(Unreadable::Incomplete(_))), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_png_with_a_flipped_pixel_byte_is_broken() {
        let mut bytes = png16(20, 10);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        assert!(matches!(decode(&bytes, None), Err(Unreadable::Never(_))));
    }

    #[test]
    fn a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
        let mut bytes = png16(20, 10);
        for (width, height) in [(0x7fff_ffffu32, 10u32), (60_000, 60_000)] {
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            let crc = {
                let mut crc = 0xffff_ffffu32;
                for byte in &bytes[12..29] {
                    crc ^= u32::from(*byte);
                    (0..8).for_each(|_| crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
                }
                !crc
            };
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
            let refused = decode(&bytes, None);
            assert!(matches!(refused, Err(Unreadable::Never(_))), "{refused:?}");
        }
    }

    #[test]
    fn zeros_behind_the_end_are_tolerated() {
        let mut bytes = jpeg(32, 16);
        bytes.extend([0; 512]);
        assert!(decode(&bytes, None).is_ok());
    }
}

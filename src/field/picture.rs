//! Is this a whole picture, and of what size? PNG and JPEG, 8 or 16 bits a sample.
//!
//! The bytes come from another maker's machine and may be half, broken or lying: sizes are checked before memory is
//! taken, the picture is decoded to its last row, and its end must be the end that its format asks for.

use std::io::Cursor;

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

/// Longest side in pixels; cargo images of 20 m at 1 mm pitch stay below it.
const SIDE_LIMIT: u32 = 65_535;
/// Decoded bytes at most.
const MEMORY_LIMIT: u64 = 1 << 30;

/// What the bytes of a complete picture say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bits a sample.
    pub bits: u8,
}

/// Why the bytes are no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It may become one when more bytes arrive.
    Incomplete(String),
    /// It will not become one.
    Never(String),
}

/// Decodes the whole picture and throws the pixels away.
///
/// # Errors
/// [`Unreadable::Incomplete`] while bytes are missing at the end, [`Unreadable::Never`] for everything else.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Unreadable> {
    let (format, media_type) = recognise(bytes)?;
    if !ends_properly(bytes, format) {
        return Err(Unreadable::Incomplete(format!("it breaks off after {} bytes", bytes.len())));
    }
    let broken = |error: image::ImageError| Unreadable::Never(format!("it is broken: {error}"));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(MEMORY_LIMIT);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let size = decoder.total_bytes();
    if width > SIDE_LIMIT || height > SIDE_LIMIT || size > MEMORY_LIMIT {
        return Err(Unreadable::Never(format!(
            "it claims {width} x {height} pixels, more than the limit of {SIDE_LIMIT} a side and {MEMORY_LIMIT} bytes"
        )));
    }
    let bits = bits_a_sample(decoder.color_type());
    let mut pixels = vec![0; usize::try_from(size).unwrap_or(0)];
    decoder.read_image(&mut pixels).map_err(broken)?;
    Ok(Decoded { media_type, width, height, bits })
}

fn recognise(bytes: &[u8]) -> Result<(ImageFormat, &'static str), Unreadable> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const JPEG: &[u8] = b"\xff\xd8\xff";
    if bytes.starts_with(PNG) {
        return Ok((ImageFormat::Png, "image/png"));
    }
    if bytes.starts_with(JPEG) {
        return Ok((ImageFormat::Jpeg, "image/jpeg"));
    }
    if PNG.starts_with(bytes) || JPEG.starts_with(bytes) {
        return Err(Unreadable::Incomplete("it is empty or has only its first bytes".to_owned()));
    }
    Err(Unreadable::Never("it is neither PNG nor JPEG; this lane takes PNG and JPEG of 8 or 16 bits".to_owned()))
}

/// PNG ends with its IEND chunk (PNG 3rd edition, 11.2.5), JPEG with the EOI marker (ITU-T T.81, B.1.1.3). Some
/// machines pad with zeros behind it.
fn ends_properly(bytes: &[u8], format: ImageFormat) -> bool {
    const IEND: &[u8] = &[0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
    const EOI: &[u8] = &[0xff, 0xd9];
    let end = if format == ImageFormat::Png { IEND } else { EOI };
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes[..used].ends_with(end)
}

fn bits_a_sample(color: ColorType) -> u8 {
    u8::try_from(color.bits_per_pixel() / u16::from(color.channel_count())).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png16(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(width, height, |x, y| {
            image::Luma([u16::try_from((x * 251 + y * 13) % 65_536).unwrap()])
        });
        image::DynamicImage::ImageLuma16(pixels).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        image::DynamicImage::new_luma8(width, height)
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg)
            .unwrap();
        bytes
    }

    #[test]
    fn a_whole_16_bit_png_tells_its_size() {
        let decoded = decode(&png16(40, 30)).unwrap();
        assert_eq!(decoded, Decoded { media_type: "image/png", width: 40, height: 30, bits: 16 });
    }

    #[test]
    fn every_cut_of_a_png_or_jpeg_is_incomplete_and_never_a_picture() {
        for whole in [png16(20, 10), jpeg(32, 16)] {
            for cut in 0..whole.len() {
                assert!(matches!(decode(&whole[..cut]), Err(Unreadable::Incomplete(_))), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_png_with_a_flipped_pixel_byte_is_broken() {
        let mut bytes = png16(20, 10);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        assert!(matches!(decode(&bytes), Err(Unreadable::Never(_))));
    }

    #[test]
    fn a_png_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
        let mut bytes = png16(20, 10);
        bytes[16..20].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
        assert!(matches!(decode(&bytes), Err(Unreadable::Never(_))));
    }

    #[test]
    fn text_is_no_picture() {
        assert!(matches!(decode(b"hello, this is a note"), Err(Unreadable::Never(_))));
    }

    #[test]
    fn zeros_behind_the_end_are_tolerated() {
        let mut bytes = jpeg(32, 16);
        bytes.extend([0; 512]);
        assert_eq!(decode(&bytes).map(|decoded| decoded.media_type), Ok("image/jpeg"));
    }
}

//! TIFF 6.0, one view a page: 8 or 16 bits, grey or RGB, uncompressed, LZW, Deflate or PackBits.

use std::io::{Cursor, ErrorKind};

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::{Decoded, Energy, Form, Format, Photometric, Picture, SAMPLES_LIMIT, Unreadable, View, legible};

/// Where a page may say what it shows: ImageDescription and PageName (TIFF 6.0 sections 8 and 12).
const NAMES: [Tag; 2] = [Tag::Unknown(285), Tag::ImageDescription];

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, Unreadable> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(SAMPLES_LIMIT).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(explain)?.with_limits(limits);
    let mut samples = Vec::new();
    let mut whole: Option<Decoded> = None;
    loop {
        let (page, view) = header(&mut decoder)?;
        let header = whole.get_or_insert_with(|| page.clone());
        if page != (Decoded { views: Vec::new(), ..header.clone() }) {
            return Err(Unreadable::Never("its pages differ in size or depth; expected views of one size".to_owned()));
        }
        header.views.push(view);
        header.checked_size()?;
        read(&mut decoder, &mut samples)?;
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(explain)?;
    }
    match whole {
        Some(header) => Picture::new(header, samples),
        None => Err(Unreadable::Never("it has no page".to_owned())),
    }
}

type Pages<'a> = Decoder<Cursor<&'a [u8]>>;

/// The page's header without views, and what it says of its view.
fn header(decoder: &mut Pages<'_>) -> Result<(Decoded, View), Unreadable> {
    let (width, height) = decoder.dimensions().map_err(explain)?;
    let color = decoder.colortype().map_err(explain)?;
    let sound = match color {
        // The decoder turns WhiteIsZero round, so that the lowest value is black in either.
        ColorType::Gray(bits @ (8 | 16)) => Some((bits, Photometric::Monochrome2)),
        ColorType::RGB(bits @ (8 | 16)) => Some((bits, Photometric::Rgb)),
        ColorType::Gray(_)
        | ColorType::RGB(_)
        | ColorType::Palette(_)
        | ColorType::GrayA(_)
        | ColorType::RGBA(_)
        | ColorType::CMYK(_)
        | ColorType::CMYKA(_)
        | ColorType::YCbCr(_)
        | ColorType::Lab(_)
        | ColorType::Multiband { .. }
        | _ => None,
    };
    let expected = || format!("its samples are {color:?}, expected grey or RGB of 8 or 16 bits");
    let (bits, photometric) = sound.ok_or_else(|| Unreadable::Never(expected()))?;
    let form = if bits == 16 && photometric == Photometric::Monochrome2 { Form::Raw } else { Form::Rendered };
    let name = NAMES.iter().find_map(|tag| decoder.get_tag_ascii_string(*tag).ok()).map(|name| legible(&name));
    let name = name.filter(|name| !name.is_empty());
    let energy = name.as_deref().and_then(energy);
    let (sample_bytes, views) = (bits / 8, Vec::new());
    let format = Format::Tiff;
    let header =
        Decoded { format, width, height, bits, sample_bytes, signed: false, photometric, form, modality: None, views };
    Ok((header, View { name, energy }))
}

/// `low`, `high` as words of a page's or frame's name.
pub(super) fn energy(name: &str) -> Option<Energy> {
    name.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| match word.to_ascii_lowercase().as_str() {
        "low" | "le" => Some(Energy::Low),
        "high" | "hi" | "he" => Some(Energy::High),
        _ => None,
    })
}

fn read(decoder: &mut Pages<'_>, samples: &mut Vec<u8>) -> Result<(), Unreadable> {
    match decoder.read_image().map_err(explain)? {
        DecodingResult::U8(page) => samples.extend(page),
        DecodingResult::U16(page) => samples.extend(little(&page)),
        other @ (DecodingResult::U32(_)
        | DecodingResult::U64(_)
        | DecodingResult::F16(_)
        | DecodingResult::F32(_)
        | DecodingResult::F64(_)
        | DecodingResult::I8(_)
        | DecodingResult::I16(_)
        | DecodingResult::I32(_)
        | DecodingResult::I64(_)) => {
            drop(other);
            return Err(Unreadable::Never("its samples are signed, float or wider than 16 bits".to_owned()));
        }
    }
    Ok(())
}

/// 16-bit samples, low byte first.
pub(super) fn little(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn explain(error: TiffError) -> Unreadable {
    match error {
        TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Unreadable::Incomplete("it breaks off before what its directory names".to_owned())
        }
        other @ (TiffError::IoError(_)
        | TiffError::FormatError(_)
        | TiffError::UnsupportedError(_)
        | TiffError::LimitsExceeded
        | TiffError::IntSizeError
        | TiffError::UsageError(_)) => Unreadable::broken(other),
    }
}

#[cfg(test)]
mod tests {
    use tiff::encoder::{TiffEncoder, colortype};

    use super::super::decode;
    use super::*;

    fn pages(names: &[&str], size: (u32, u32)) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        for (page, name) in (0u16..).zip(names) {
            let mut image = encoder.new_image::<colortype::Gray16>(size.0, size.1).unwrap();
            image.encoder().write_tag(Tag::ImageDescription, *name).unwrap();
            let samples: Vec<u16> = (0..size.0 * size.1).map(|at| page * 1000 + u16::try_from(at).unwrap()).collect();
            image.write_data(&samples).unwrap();
        }
        bytes.into_inner()
    }

    #[test]
    fn each_page_is_a_view_and_says_its_energy() {
        let picture = decode(&pages(&["energy: low", "energy: high"], (4, 3)), None).unwrap();
        assert_eq!((picture.header.width, picture.header.height, picture.header.form), (4, 3, Form::Raw));
        let energies: Vec<_> = picture.header.views.iter().map(|view| view.energy).collect();
        assert_eq!(energies, [Some(Energy::Low), Some(Energy::High)]);
        assert_eq!(picture.samples.len(), 4 * 3 * 2 * 2);
        assert_eq!(&picture.samples[24..28], [0xe8, 3, 0xe9, 3], "1000, 1001 of the second page");
    }

    #[test]
    fn every_cut_of_a_tiff_is_no_picture_and_most_may_still_become_one() {
        let whole = pages(&["x"], (16, 8));
        for cut in 0..whole.len() - 8 {
            assert!(decode(&whole[..cut], None).is_err(), "cut at {cut}");
        }
        assert!(matches!(decode(&whole[..100], None), Err(Unreadable::Incomplete(_))));
    }

    #[test]
    fn a_directory_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
        let mut whole = pages(&["x"], (16, 8));
        let small = 16u32.to_le_bytes();
        let entry: Vec<u8> = [&[0, 1, 4, 0, 1, 0, 0, 0][..], &small].concat();
        let at = whole.windows(entry.len()).position(|window| window == entry).expect("ImageWidth, LONG, 1, 16");
        whole[at + 8..at + 12].copy_from_slice(&60_000_000u32.to_le_bytes());
        assert!(matches!(decode(&whole, None), Err(Unreadable::Never(_))));
    }
}

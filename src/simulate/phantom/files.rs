//! An exposure as the files that X-ray machines leave.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};
use serde_json::json;
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use super::{AIR, Exposure};

/// A file's name and bytes.
pub type Named = (String, Vec<u8>);

/// How a machine hands its pictures over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// A 16-bit PNG for each energy.
    PngPair,
    /// One TIFF, a page for each energy.
    Tiff,
    /// Samples alone of both energies, and a sidecar.
    Raw,
    /// A DICOS-like projection for each energy: the elements that readers need, not the whole standard.
    Dicos,
    /// An 8-bit JPEG as a screen shows it.
    Rendered,
}

/// Every habit.
pub const HABITS: [Habit; 5] = [Habit::PngPair, Habit::Tiff, Habit::Raw, Habit::Dicos, Habit::Rendered];

/// The files of one scan called `name`, in the order in which the machine writes them.
pub fn files(exposure: &Exposure, name: &str, habit: Habit) -> Vec<Named> {
    let Exposure { width, height, low, high } = exposure;
    let both = [("low", low), ("high", high)];
    match habit {
        Habit::PngPair => {
            both.map(|(energy, counts)| (format!("{name}-{energy}.png"), png(counts, *width, *height))).into()
        }
        Habit::Tiff => vec![(format!("{name}.tif"), tiff(exposure))],
        Habit::Raw => {
            let samples = low.iter().chain(high).flat_map(|count| count.to_le_bytes()).collect();
            let sidecar = json!({
                "width": width, "height": height, "bits_allocated": 16, "byte_order": "little", "modality": "DX",
                "photometric": "MONOCHROME2", "views": [{ "energy": "low" }, { "energy": "high" }],
            });
            vec![(format!("{name}.raw"), samples), (format!("{name}.json"), sidecar.to_string().into_bytes())]
        }
        Habit::Dicos => {
            both.map(|(energy, counts)| (format!("{name}-{energy}.dcs"), dicos(exposure, energy, counts))).into()
        }
        Habit::Rendered => vec![(format!("{name}.jpg"), jpeg(exposure))],
    }
}

/// 16-bit grey. Writing into memory fails for no picture of a size that fits there; an empty file would be set aside.
pub(super) fn png(counts: &[u16], width: u32, height: u32) -> Vec<u8> {
    let picture = ImageBuffer::<Luma<u16>, _>::from_raw(width, height, counts.to_vec());
    written(picture.map(DynamicImage::ImageLuma16), ImageFormat::Png)
}

/// The harder beam, logarithmic as eyes like it.
fn jpeg(exposure: &Exposure) -> Vec<u8> {
    let shade = |count: &u16| {
        let depth = (AIR / f64::from(*count).max(1.0)).ln().clamp(0.0, 6.0);
        (255.0 * (1.0 - depth / 6.0)).round() as u8
    };
    let shades = exposure.high.iter().map(shade).collect();
    let picture = ImageBuffer::<Luma<u8>, _>::from_raw(exposure.width, exposure.height, shades);
    written(picture.map(DynamicImage::ImageLuma8), ImageFormat::Jpeg)
}

fn written(picture: Option<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let done = picture.is_some_and(|picture| picture.write_to(&mut Cursor::new(&mut bytes), format).is_ok());
    if done { bytes } else { Vec::new() }
}

fn tiff(exposure: &Exposure) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut pages = || -> tiff::TiffResult<()> {
        let mut encoder = TiffEncoder::new(&mut bytes)?;
        for (energy, counts) in [("energy: low", &exposure.low), ("energy: high", &exposure.high)] {
            let mut page = encoder.new_image::<colortype::Gray16>(exposure.width, exposure.height)?;
            page.encoder().write_tag(Tag::ImageDescription, energy)?;
            page.write_data(counts)?;
        }
        Ok(())
    };
    if pages().is_ok() { bytes.into_inner() } else { Vec::new() }
}

/// Digital X-ray for processing of DICOS, explicit little-endian.
fn dicos(exposure: &Exposure, energy: &str, counts: &[u16]) -> Vec<u8> {
    const CLASS: &[u8] = b"1.2.840.10008.5.1.4.1.1.501.2.2\0";
    const EXPLICIT_LITTLE: &[u8] = b"1.2.840.10008.1.2.1\0";
    let word = |number: u32| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let samples: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
    let kind = format!("ORIGINAL\\PRIMARY\\PROJECTION\\{}_ENERGY", energy.to_uppercase());
    let mut meta = Vec::new();
    element(&mut meta, (0x0002, 0x0001), b"OB", &[0, 1]);
    element(&mut meta, (0x0002, 0x0002), b"UI", CLASS);
    element(&mut meta, (0x0002, 0x0003), b"UI", b"1.2.3.4.5\0");
    element(&mut meta, (0x0002, 0x0010), b"UI", EXPLICIT_LITTLE);
    element(&mut meta, (0x0002, 0x0012), b"UI", b"1.2.3.4\0");
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    let length = u32::try_from(meta.len()).unwrap_or(0).to_le_bytes();
    element(&mut file, (0x0002, 0x0000), b"UL", &length);
    file.extend(meta);
    element(&mut file, (0x0008, 0x0008), b"CS", kind.as_bytes());
    element(&mut file, (0x0008, 0x0016), b"UI", CLASS);
    element(&mut file, (0x0008, 0x0018), b"UI", b"1.2.3.4.5\0");
    element(&mut file, (0x0008, 0x0060), b"CS", b"DX");
    element(&mut file, (0x0008, 0x0068), b"CS", b"FOR PROCESSING");
    element(&mut file, (0x0028, 0x0002), b"US", &word(1));
    element(&mut file, (0x0028, 0x0004), b"CS", b"MONOCHROME2");
    element(&mut file, (0x0028, 0x0010), b"US", &word(exposure.height));
    element(&mut file, (0x0028, 0x0011), b"US", &word(exposure.width));
    element(&mut file, (0x0028, 0x0100), b"US", &word(16));
    element(&mut file, (0x0028, 0x0101), b"US", &word(16));
    element(&mut file, (0x0028, 0x0102), b"US", &word(15));
    element(&mut file, (0x0028, 0x0103), b"US", &word(0));
    element(&mut file, (0x7fe0, 0x0010), b"OW", &samples);
    file
}

/// One element of explicit representation (PS3.5 7.1.2); values are padded to even length.
fn element(file: &mut Vec<u8>, (group, number): (u16, u16), representation: &[u8; 2], value: &[u8]) {
    file.extend(group.to_le_bytes());
    file.extend(number.to_le_bytes());
    file.extend(representation);
    let length = u32::try_from(value.len().next_multiple_of(2)).unwrap_or(0);
    if matches!(representation, b"OB" | b"OW") {
        file.extend([0, 0]);
        file.extend(length.to_le_bytes());
    } else {
        file.extend(u16::try_from(length).unwrap_or(0).to_le_bytes());
    }
    file.extend(value);
    if value.len() % 2 == 1 {
        file.push(if representation == b"OB" { 0 } else { b' ' });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Detector;
    use super::super::beam::Pair;
    use super::super::scene::Scene;
    use super::*;
    use crate::field::picture::{Energy, Form, Picture, Unreadable, decode};

    fn exposure() -> Exposure {
        Exposure::of(&Scene::bag(1), &Pair::baggage(), Detector::default(), (41, 30), 1)
    }

    fn read(files: &[Named]) -> Vec<Picture> {
        match files {
            [(raw, samples), (json, sidecar)] if raw.ends_with(".raw") && json.ends_with(".json") => {
                vec![decode(samples, Some(sidecar)).unwrap()]
            }
            files => files.iter().map(|(_, bytes)| decode(bytes, None).unwrap()).collect(),
        }
    }

    #[test]
    fn every_habit_that_keeps_samples_brings_both_energies_back_exactly() {
        let exposure = exposure();
        let expected: Vec<u8> =
            exposure.low.iter().chain(&exposure.high).flat_map(|count| count.to_le_bytes()).collect();
        for habit in [Habit::PngPair, Habit::Tiff, Habit::Raw, Habit::Dicos] {
            let pictures = read(&files(&exposure, "scan", habit));
            let samples: Vec<u8> = pictures.iter().flat_map(|picture| picture.samples.clone()).collect();
            assert_eq!(samples, expected, "{habit:?}");
            assert!(pictures.iter().all(|picture| picture.header.form == Form::Raw), "{habit:?}");
            let energies: Vec<_> =
                pictures.iter().flat_map(|picture| &picture.header.views).map(|view| view.energy).collect();
            if habit != Habit::PngPair {
                assert_eq!(energies, [Some(Energy::Low), Some(Energy::High)], "{habit:?}");
            }
        }
    }

    #[test]
    fn the_rendered_one_says_that_it_is() {
        let picture = read(&files(&exposure(), "scan", Habit::Rendered)).remove(0);
        assert_eq!((picture.header.form, picture.header.width), (Form::Rendered, 41));
    }

    #[test]
    fn every_cut_of_a_dicom_file_is_no_picture_and_may_become_one() {
        let (_, whole) = files(&exposure(), "scan", Habit::Dicos).remove(0);
        for cut in (0..whole.len()).filter(|cut| *cut < 700 || cut % 97 == 0) {
            let found = decode(&whole[..cut], None);
            assert!(matches!(found, Err(Unreadable::Incomplete(_))), "cut at {cut}: {found:?}");
        }
    }

    #[test]
    fn a_dicom_file_that_claims_other_rows_is_no_picture() {
        let (_, mut whole) = files(&exposure(), "scan", Habit::Dicos).remove(0);
        let rows = [0x28, 0, 0x10, 0, b'U', b'S', 2, 0];
        let at = whole.windows(8).position(|window| window == rows).unwrap() + 8;
        whole[at..at + 2].copy_from_slice(&60_000u16.to_le_bytes());
        assert!(matches!(decode(&whole, None), Err(Unreadable::Incomplete(_))));
        whole[at..at + 2].copy_from_slice(&3u16.to_le_bytes());
        assert!(matches!(decode(&whole, None), Err(Unreadable::Never(_))));
    }
}

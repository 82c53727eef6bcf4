//! DX images for processing: the samples as the detector gave them.

use dicom_dictionary_std::{tags, uids};
use jiff::Timestamp;

use super::element::{Set, of_dicos};
use super::{Inspection, NotWritten, Reference, Series, Written, common, uid};

/// Which part of the spectrum a view was taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Energy {
    /// One detector, all of it.
    Whole,
    /// The softer one of two.
    Low,
    /// The harder one of two.
    High,
}

impl Energy {
    /// Second value of Image Type: the standard's image characteristics.
    const fn word(self) -> &'static str {
        match self {
            Self::Whole => "INTENSITY",
            Self::Low => "LOW ENERGY",
            Self::High => "HIGH ENERGY",
        }
    }
}

/// One view at one energy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection<'a> {
    /// Place among the images of the inspection, from 1.
    pub number: u32,
    /// SHA-256 of the evidence that it was taken from, lower-case hex.
    pub source: &'a str,
    /// Place in that evidence, from 0.
    pub view: usize,
    /// Device id of the X-ray machine.
    pub device: &'a str,
    /// When it became evidence.
    pub at: Timestamp,
    /// When the first image of the inspection did.
    pub first: Timestamp,
    /// Its energy.
    pub energy: Energy,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Bits of a sample that carry something, 1 to 16.
    pub bits: u8,
    /// Bytes a sample, 1 or 2.
    pub sample_bytes: u8,
    /// The lowest value is white.
    pub inverse: bool,
    /// Distance of rows and of columns in micrometres, where somebody said it.
    pub spacing_um: Option<(u32, u32)>,
    /// Rows from the top, the low byte first.
    pub samples: &'a [u8],
}

/// Writes a DX image for processing.
///
/// # Errors
/// When the samples are not as many as the header says, or the file cannot be written.
pub fn write(inspection: &Inspection, projection: &Projection<'_>) -> Result<Written, NotWritten> {
    let pixels = usize::from(projection.width) * usize::from(projection.height);
    if projection.samples.len() != pixels * usize::from(projection.sample_bytes) || pixels == 0 {
        return Err(NotWritten(format!(
            "{} x {} pixels of {} bytes are not {} bytes of samples",
            projection.width,
            projection.height,
            projection.sample_bytes,
            projection.samples.len()
        )));
    }
    let shape = format!("{} {} {}", projection.source, projection.view, env!("CARGO_PKG_VERSION"));
    let reference = Reference {
        class: uids::DICOS_DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING.to_owned(),
        instance: uid(&["image", &inspection.id, &shape]),
    };
    let mut set = Set::new();
    let series = Series {
        modality: "XRAY",
        device: projection.device,
        made: projection.at,
        began: projection.first,
        number: projection.number,
    };
    common(&mut set, inspection, &series)?;
    set.text(tags::ACQUISITION_STATUS, "SUCCESSFUL")?;
    acquisition(&mut set, projection)?;
    pixel_description(&mut set, projection)?;
    set.pixels(projection.samples, projection.sample_bytes);
    Ok(Written { bytes: set.file(&reference)?, reference })
}

fn acquisition(set: &mut Set, projection: &Projection<'_>) -> Result<(), NotWritten> {
    set.texts(tags::IMAGE_TYPE, &["ORIGINAL", projection.energy.word()])?;
    set.text(tags::PRESENTATION_INTENT_TYPE, "FOR PROCESSING")?;
    // The standard wants numbers, and no machine has told the lane any: 0 can be none that was measured.
    set.text(tags::KVP, "0")?;
    set.text(tags::X_RAY_TUBE_CURRENT_INU_A, "0")?;
    set.floats(of_dicos::EFFECTIVE_ENERGY, vec![0.0])?;
    set.unknown(tags::DETECTOR_TYPE)?;
    set.text(of_dicos::COORDINATE_SYSTEM, "LHS")?;
    set.text(of_dicos::IMAGE_ORIGIN, "MACHINE")?;
    set.items(tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new())?;
    // The picture's own directions: along the belt, and down the detector.
    set.texts(tags::IMAGE_POSITION_PATIENT, &["0", "0", "0"])?;
    set.texts(tags::IMAGE_ORIENTATION_PATIENT, &["1", "0", "0", "0", "1", "0"])?;
    if let Some((rows, columns)) = projection.spacing_um {
        set.texts(tags::IMAGER_PIXEL_SPACING, &[&millimetres(rows), &millimetres(columns)])?;
    }
    Ok(())
}

fn pixel_description(set: &mut Set, projection: &Projection<'_>) -> Result<(), NotWritten> {
    let inverse = projection.inverse;
    set.number(tags::SAMPLES_PER_PIXEL, 1)?;
    set.text(tags::PHOTOMETRIC_INTERPRETATION, if inverse { "MONOCHROME1" } else { "MONOCHROME2" })?;
    set.text(tags::PRESENTATION_LUT_SHAPE, if inverse { "INVERSE" } else { "IDENTITY" })?;
    set.number(tags::ROWS, projection.height)?;
    set.number(tags::COLUMNS, projection.width)?;
    set.number(tags::BITS_ALLOCATED, u16::from(projection.sample_bytes) * 8)?;
    set.number(tags::BITS_STORED, u16::from(projection.bits))?;
    set.number(tags::HIGH_BIT, u16::from(projection.bits).saturating_sub(1))?;
    set.number(tags::PIXEL_REPRESENTATION, 0)?;
    set.text(tags::BURNED_IN_ANNOTATION, "NO")?;
    set.text(tags::LOSSY_IMAGE_COMPRESSION, "00")?;
    set.text(tags::PIXEL_INTENSITY_RELATIONSHIP, "LIN")?;
    set.signed(tags::PIXEL_INTENSITY_RELATIONSHIP_SIGN, if inverse { -1 } else { 1 })?;
    set.text(tags::RESCALE_INTERCEPT, "0")?;
    set.text(tags::RESCALE_SLOPE, "1")?;
    // Unspecified (PS3.3 C.11.1.1.2): a share of what came through air, in no unit.
    set.text(tags::RESCALE_TYPE, "US")
}

fn millimetres(um: u32) -> String {
    format!("{}.{:03}", um / 1000, um % 1000)
}

//! Attributes of a data set, each with the value representation that its registry gives it: the DICOM registry (PS3.6),
//! which lists most of what DICOS uses, and behind it [`OF_DICOS`].

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use jiff::Timestamp;

use super::{EDITION, NotWritten, Reference};

/// Attributes of DICOS that PS3.6 does not list, or lists otherwise. NEMA IIC 1 itself is not public; these are the tags
/// that the Stratovan toolkit (SDICOS, made for the TSA; PyPI `pydicos` 1.3.0 wraps it) names after it, and without which
/// it refuses a file. Even groups: none is private.
pub(super) mod of_dicos {
    use dicom_core::Tag;

    /// Origin of the image's coordinates. PS3.6 gives the tag to another attribute, of representation UI.
    pub(in super::super) const IMAGE_ORIGIN: Tag = Tag(0x0008, 0x0118);
    /// Handedness of the image's coordinates.
    pub(in super::super) const COORDINATE_SYSTEM: Tag = Tag(0x0008, 0x2108);
    /// Of a potential threat object.
    pub(in super::super) const PROCESSING_START_TIME: Tag = Tag(0x4010, 0x1080);
    /// Of a potential threat object.
    pub(in super::super) const PROCESSING_END_TIME: Tag = Tag(0x4010, 0x1081);
    /// Of a potential threat object, milliseconds.
    pub(in super::super) const PROCESSING_TIME: Tag = Tag(0x4010, 0x1082);
    /// Units of the image in one of the world. PS3.6 gives it the representation DS.
    pub(in super::super) const IMAGE_SCALE: Tag = Tag(0x4010, 0x1075);
    /// Of the beam, keV.
    pub(in super::super) const EFFECTIVE_ENERGY: Tag = Tag(0x4300, 0x0902);
}

const OF_DICOS: [(Tag, VR); 7] = [
    (of_dicos::IMAGE_ORIGIN, VR::CS),
    (of_dicos::COORDINATE_SYSTEM, VR::CS),
    (of_dicos::PROCESSING_START_TIME, VR::DT),
    (of_dicos::PROCESSING_END_TIME, VR::DT),
    (of_dicos::PROCESSING_TIME, VR::FL),
    (of_dicos::IMAGE_SCALE, VR::FD),
    (of_dicos::EFFECTIVE_ENERGY, VR::FL),
];

/// Implementation Class UID: what wrote the file.
const WRITER: &str = "2.25.266301480126303484402870434017716934017";
/// Implementation Version Name.
const WRITER_NAME: &str = concat!("PORTSIDE ", env!("CARGO_PKG_VERSION"));

/// A data set, or an item of a sequence.
#[derive(Debug)]
pub(super) struct Set(InMemDicomObject);

impl Set {
    pub(super) fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// A text; empty where nobody knows it. Cut to what its representation bears.
    pub(super) fn text(&mut self, tag: Tag, text: &str) -> Result<(), NotWritten> {
        let vr = representation(tag)?;
        let fits = legible(text, longest(vr), parts(vr));
        let value = if fits.is_empty() { PrimitiveValue::Empty } else { PrimitiveValue::from(fits) };
        self.put(tag, vr, value);
        Ok(())
    }

    /// Several values of a text.
    pub(super) fn texts(&mut self, tag: Tag, texts: &[&str]) -> Result<(), NotWritten> {
        let vr = representation(tag)?;
        let each = texts.iter().map(|text| legible(text, longest(vr), parts(vr))).collect::<Vec<_>>();
        self.put(tag, vr, PrimitiveValue::Strs(each.into()));
        Ok(())
    }

    /// A day and a time of day, UTC.
    pub(super) fn date_and_time(&mut self, date: Tag, time: Tag, at: Timestamp) -> Result<(), NotWritten> {
        self.text(date, &at.strftime("%Y%m%d").to_string())?;
        self.text(time, &at.strftime("%H%M%S.%6f").to_string())
    }

    /// A moment with its distance from UTC.
    pub(super) fn moment(&mut self, tag: Tag, at: Timestamp) -> Result<(), NotWritten> {
        self.text(tag, &at.strftime("%Y%m%d%H%M%S.%6f+0000").to_string())
    }

    /// An unsigned number of 16 bits.
    pub(super) fn number(&mut self, tag: Tag, number: u16) -> Result<(), NotWritten> {
        self.put(tag, representation(tag)?, PrimitiveValue::from(number));
        Ok(())
    }

    /// A signed number of 16 bits.
    pub(super) fn signed(&mut self, tag: Tag, number: i16) -> Result<(), NotWritten> {
        self.put(tag, representation(tag)?, PrimitiveValue::from(number));
        Ok(())
    }

    /// Floats of 32 bits.
    pub(super) fn floats(&mut self, tag: Tag, floats: Vec<f32>) -> Result<(), NotWritten> {
        self.put(tag, representation(tag)?, PrimitiveValue::F32(floats.into()));
        Ok(())
    }

    /// A float of 64 bits.
    pub(super) fn double(&mut self, tag: Tag, float: f64) -> Result<(), NotWritten> {
        self.put(tag, representation(tag)?, PrimitiveValue::from(float));
        Ok(())
    }

    /// An attribute that is there and empty: nobody knows it.
    pub(super) fn unknown(&mut self, tag: Tag) -> Result<(), NotWritten> {
        self.put(tag, representation(tag)?, PrimitiveValue::Empty);
        Ok(())
    }

    /// A sequence.
    pub(super) fn items(&mut self, tag: Tag, items: Vec<Self>) -> Result<(), NotWritten> {
        let vr = representation(tag)?;
        let items: Vec<_> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, vr, DataSetSequence::from(items)));
        Ok(())
    }

    /// A sequence of one item that names another file.
    pub(super) fn references(&mut self, tag: Tag, references: &[Reference]) -> Result<(), NotWritten> {
        use dicom_dictionary_std::tags;
        let item = |reference: &Reference| {
            let mut item = Self::new();
            item.text(tags::REFERENCED_SOP_CLASS_UID, &reference.class)?;
            item.text(tags::REFERENCED_SOP_INSTANCE_UID, &reference.instance)?;
            Ok(item)
        };
        let items = references.iter().map(item).collect::<Result<_, _>>()?;
        self.items(tag, items)
    }

    /// Samples of 8 or 16 bits, the low byte first.
    pub(super) fn pixels(&mut self, samples: &[u8], sample_bytes: u8) {
        let (vr, value) = if sample_bytes == 1 {
            (VR::OB, PrimitiveValue::U8(samples.into()))
        } else {
            let words: Vec<u16> = samples.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
            (VR::OW, PrimitiveValue::U16(words.into()))
        };
        self.put(dicom_dictionary_std::tags::PIXEL_DATA, vr, value);
    }

    /// The file of this data set: explicit, little-endian.
    pub(super) fn file(mut self, reference: &Reference) -> Result<Vec<u8>, NotWritten> {
        use dicom_dictionary_std::tags;
        self.text(tags::SOP_CLASS_UID, &reference.class)?;
        self.text(tags::SOP_INSTANCE_UID, &reference.instance)?;
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(&reference.class)
            .media_storage_sop_instance_uid(&reference.instance)
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let object = self.0.with_meta(meta).map_err(failed)?;
        let mut bytes = front(reference)?;
        object.write_dataset(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn put(&mut self, tag: Tag, vr: VR, value: PrimitiveValue) {
        self.0.put(DataElement::new(tag, vr, value));
    }
}

/// Preamble and file meta information (PS3.10 7.1), written here because dicom-object's table of it has no place for the
/// edition of DICOS, (0002,0004), that readers of such files look for.
fn front(reference: &Reference) -> Result<Vec<u8>, NotWritten> {
    let mut group = Vec::new();
    // A representation of long form: two bytes reserved, four of length.
    group.extend(b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01");
    meta(&mut group, 0x0002, *b"UI", &reference.class)?;
    meta(&mut group, 0x0003, *b"UI", &reference.instance)?;
    meta(&mut group, 0x0004, *b"CS", EDITION)?;
    meta(&mut group, 0x0010, *b"UI", uids::EXPLICIT_VR_LITTLE_ENDIAN)?;
    meta(&mut group, 0x0012, *b"UI", WRITER)?;
    meta(&mut group, 0x0013, *b"SH", WRITER_NAME)?;
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM\x02\0\0\0UL\x04\0");
    bytes.extend(u32::try_from(group.len()).map_err(failed)?.to_le_bytes());
    bytes.extend(group);
    Ok(bytes)
}

fn meta(group: &mut Vec<u8>, element: u16, representation: [u8; 2], text: &str) -> Result<(), NotWritten> {
    let pad = if representation == *b"UI" { 0 } else { b' ' };
    let mut value = text.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), pad);
    group.extend(2_u16.to_le_bytes());
    group.extend(element.to_le_bytes());
    group.extend(representation);
    group.extend(u16::try_from(value.len()).map_err(failed)?.to_le_bytes());
    group.extend(value);
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> NotWritten {
    NotWritten(format!("the DICOS file cannot be written: {error}"))
}

fn representation(tag: Tag) -> Result<VR, NotWritten> {
    if let Some((_, vr)) = OF_DICOS.iter().find(|(of_dicos, _)| *of_dicos == tag) {
        return Ok(*vr);
    }
    match StandardDataDictionary.by_tag(tag).map(DataDictionaryEntry::vr) {
        Some(VirtualVr::Exact(vr)) => Ok(vr),
        Some(_) | None => Err(NotWritten(format!("{tag} is in no registry with one representation"))),
    }
}

/// Longest text of a representation in characters (PS3.5 6.2).
const fn longest(vr: VR) -> usize {
    if matches!(vr, VR::SH | VR::CS | VR::DS) {
        16
    } else if matches!(vr, VR::ST) {
        1024
    } else if matches!(vr, VR::LT) {
        10_240
    } else {
        64
    }
}

/// Whether a backslash parts values in this representation.
const fn parts(vr: VR) -> bool {
    !matches!(vr, VR::ST | VR::LT | VR::UT)
}

/// What a value can bear of a text that a person or a device wrote.
fn legible(text: &str, longest: usize, parted: bool) -> String {
    let bears = |c: char| if c.is_control() || (parted && c == '\\') { '\u{fffd}' } else { c };
    text.trim().chars().map(bears).take(longest).collect()
}

#[cfg(test)]
mod tests {
    use dicom_dictionary_std::tags;

    use super::*;

    #[test]
    fn an_attribute_that_is_not_registered_is_refused() {
        let refused = Set::new().text(Tag(0x4010, 0x10f0), "20260101").unwrap_err().to_string();
        assert!(refused.contains("(4010,10F0)") && refused.contains("registry"), "{refused}");
        assert!(Set::new().text(tags::ALARM_DECISION, "CLEAR").is_ok());
    }

    #[test]
    fn text_is_cut_to_what_its_representation_bears_and_cannot_become_two_values() {
        assert_eq!(legible("粤B\\12345\n", 64, true), "粤B\u{fffd}12345");
        assert_eq!(legible("0123456789abcdefg", longest(VR::SH), true).len(), 16);
        assert_eq!(legible("a\\b", 64, false), "a\\b");
    }
}

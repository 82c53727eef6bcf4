//! Attributes of a data set, each with the value representation that the registry gives it.

use std::io::Cursor;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use jiff::Timestamp;

use super::{NotWritten, Reference};

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
        let mut bytes = Cursor::new(Vec::new());
        object.write_all(&mut bytes).map_err(failed)?;
        Ok(bytes.into_inner())
    }

    fn put(&mut self, tag: Tag, vr: VR, value: PrimitiveValue) {
        self.0.put(DataElement::new(tag, vr, value));
    }
}

fn failed(error: impl std::fmt::Display) -> NotWritten {
    NotWritten(format!("the DICOS file cannot be written: {error}"))
}

fn representation(tag: Tag) -> Result<VR, NotWritten> {
    match StandardDataDictionary.by_tag(tag).map(DataDictionaryEntry::vr) {
        Some(VirtualVr::Exact(vr)) => Ok(vr),
        Some(_) | None => Err(NotWritten(format!("{tag} has no one representation in the DICOM registry"))),
    }
}

/// Longest text of a representation in characters (PS3.5 6.2).
const fn longest(vr: VR) -> usize {
    match vr {
        VR::SH | VR::CS | VR::DS => 16,
        VR::ST => 1024,
        VR::LT => 10_240,
        _ => 64,
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
        // In files of other toolkits; not in PS3.6.
        let refused = Set::new().text(Tag(0x4010, 0x1080), "20260101").unwrap_err().to_string();
        assert!(refused.contains("(4010,1080)") && refused.contains("registry"), "{refused}");
        assert!(Set::new().text(tags::ALARM_DECISION, "CLEAR").is_ok());
    }

    #[test]
    fn text_is_cut_to_what_its_representation_bears_and_cannot_become_two_values() {
        assert_eq!(legible("粤B\\12345\n", 64, true), "粤B\u{fffd}12345");
        assert_eq!(legible("0123456789abcdefg", longest(VR::SH), true).len(), 16);
        assert_eq!(legible("a\\b", 64, false), "a\\b");
    }
}

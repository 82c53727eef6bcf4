//! Samples alone, `NAME.raw`, described by a sidecar `NAME.json` (docs/xray-files.md has its keys).

use serde::Deserialize;

use super::{Decoded, Form, Format, Photometric, Picture, Unreadable, View, legible};

/// The sidecar. Keys that we do not know are the maker's own.
#[derive(Debug, Deserialize)]
struct Sidecar {
    width: u32,
    height: u32,
    bits_allocated: u8,
    bits_stored: Option<u8>,
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    byte_order: ByteOrder,
    #[serde(default)]
    header_bytes: u64,
    photometric: Option<Photometric>,
    form: Option<Form>,
    modality: Option<String>,
    #[serde(default)]
    views: Vec<View>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByteOrder {
    #[default]
    Little,
    Big,
}

pub(super) fn decode(bytes: &[u8], sidecar: &[u8]) -> Result<Picture, Unreadable> {
    let (header, order, skip) = describe(sidecar)?;
    let size = header.checked_size()?;
    let skip = usize::try_from(skip).map_err(Unreadable::broken)?;
    let samples = bytes.get(skip..).unwrap_or_default();
    if samples.len() < size {
        return Err(Unreadable::Incomplete(format!(
            "it has {} bytes, and its sidecar speaks of {skip} and {size} behind them",
            bytes.len()
        )));
    }
    let mut samples = samples.to_vec();
    if order == ByteOrder::Big && header.sample_bytes == 2 {
        samples.chunks_exact_mut(2).for_each(|sample| sample.swap(0, 1));
    }
    Picture::new(header, samples)
}

fn describe(sidecar: &[u8]) -> Result<(Decoded, ByteOrder, u64), Unreadable> {
    let said = read(sidecar)?;
    let bits_allocated = said.bits_allocated;
    if !matches!(bits_allocated, 8 | 16) {
        return Err(Unreadable::Never(format!("its sidecar says `bits_allocated` {bits_allocated}, expected 8 or 16")));
    }
    let modality = said.modality.map(|word| legible(&word));
    if modality.as_deref() == Some("CT") {
        return Err(super::dicom::no_volume());
    }
    let mut views = said.views;
    for view in &mut views {
        view.name = view.name.as_deref().map(legible);
    }
    if views.is_empty() {
        views.push(View::default());
    }
    let header = Decoded {
        format: Format::Raw,
        width: said.width,
        height: said.height,
        bits: said.bits_stored.unwrap_or(bits_allocated),
        sample_bytes: bits_allocated / 8,
        signed: said.signed,
        photometric: said.photometric.unwrap_or(Photometric::Monochrome2),
        form: said.form.unwrap_or(Form::Raw),
        modality,
        views,
    };
    Ok((header, said.byte_order, said.header_bytes))
}

fn read(sidecar: &[u8]) -> Result<Sidecar, Unreadable> {
    let text = sidecar.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sidecar);
    serde_json::from_slice(text).map_err(|error| {
        let reason = format!("its sidecar cannot be read: {error}");
        if error.is_eof() { Unreadable::Incomplete(reason) } else { Unreadable::Never(reason) }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Energy, decode};
    use super::*;

    const SIDECAR: &str = r#"{"width": 2, "height": 1, "bits_allocated": 16, "bits_stored": 12, "byte_order": "big",
        "header_bytes": 3, "maker": "unknown keys are the maker's", "views": [{"energy": "low"}, {"name": "top"}]}"#;

    #[test]
    fn samples_follow_the_header_of_the_sidecar_view_after_view() {
        let bytes = [9, 9, 9, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08];
        let picture = decode(&bytes, Some(SIDECAR.as_bytes())).unwrap();
        assert_eq!(picture.samples, [2, 1, 4, 3, 6, 5, 8, 7]);
        assert_eq!((picture.header.bits, picture.header.form), (12, Form::Raw));
        assert_eq!(picture.header.views[0].energy, Some(Energy::Low));
        assert_eq!(picture.header.views[1].name.as_deref(), Some("top"));
    }

    #[test]
    fn too_few_bytes_may_still_come_and_too_many_are_a_lie() {
        let sidecar = Some(SIDECAR.as_bytes());
        assert!(matches!(decode(&[0; 10], sidecar), Err(Unreadable::Incomplete(_))));
        assert!(matches!(decode(&[0; 12], sidecar), Err(Unreadable::Never(_))));
    }

    #[test]
    fn half_a_sidecar_may_become_whole_and_a_wrong_one_never() {
        let is = |text: &str| decode(&[0; 4], Some(text.as_bytes())).unwrap_err();
        assert!(matches!(is(&SIDECAR[..40]), Unreadable::Incomplete(_)));
        assert!(matches!(is("{\"width\": \"two\"}"), Unreadable::Never(_)));
        let huge = r#"{"width": 60000, "height": 60000, "bits_allocated": 16}"#;
        assert!(matches!(is(huge), Unreadable::Never(_)));
        let volume = r#"{"width": 2, "height": 1, "bits_allocated": 16, "modality": "CT"}"#;
        assert!(matches!(is(volume), Unreadable::Never(reason) if reason.contains("CT")));
    }
}

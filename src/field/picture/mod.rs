//! What an X-ray file holds: is it whole, which picture is in it, and its samples.
//!
//! ```text
//!   bytes ──recognise──► plain (PNG, JPEG) ─┐
//!                        tiff               ├─► Picture { header: Decoded, samples }
//!                        dicom (and DICOS) ─┤
//!   bytes + sidecar ───► raw ───────────────┘
//! ```
//! The bytes come from another maker's machine and may be half, broken or lying: sizes are checked before memory is
//! taken, every picture is decoded to its last row, and what a header claims must be what the data hold. The daemon
//! calls none of this on foreign bytes itself: [`super::decoder`] has it done by a child process.

mod dicom;
mod jpegls;
mod plain;
mod raw;
mod rle;
mod tiff;

use serde::{Deserialize, Serialize};

/// Longest side in pixels; cargo images of 20 m at 1 mm pitch stay below it.
pub const SIDE_LIMIT: u32 = 65_535;
/// Decoded bytes at most: a cargo image of 40 m at 1 mm pitch, 1,600 rows, two energies. Little where parsers are fuzzed,
/// which is about what they do wrong and not about how long a large picture takes.
pub const SAMPLES_LIMIT: u64 = if cfg!(fuzzing) { 1 << 20 } else { 256 << 20 };
/// Views, energies or frames of one file at most.
pub const VIEWS_LIMIT: usize = 64;

/// How the picture lay in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// TIFF, one view a page.
    Tiff,
    /// DICOM, or DICOS, which is DICOM for security.
    Dicom,
    /// Samples alone, described by a sidecar.
    Raw,
}

impl Format {
    /// As in records and on the wire.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Dicom => "application/dicom",
            Self::Raw => "application/octet-stream",
        }
    }

    /// Whether the file itself proves that nothing is missing at its end. The others may be preallocated by a sender
    /// that fills them later, so that only quiet tells.
    pub const fn proves_its_end(self) -> bool {
        match self {
            Self::Png | Self::Jpeg => true,
            Self::Tiff | Self::Dicom | Self::Raw => false,
        }
    }
}

/// What the samples are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// For processing: as measured, proportional to what the detector saw.
    Raw,
    /// For presentation: somebody chose window, filter or colour already.
    Rendered,
}

impl Form {
    /// As in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Rendered => "rendered",
        }
    }
}

/// What a sample's value means, in the words of DICOM (PS3.3 C.7.6.3.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Photometric {
    /// One channel, the lowest value is white.
    #[serde(rename = "MONOCHROME1")]
    Monochrome1,
    /// One channel, the lowest value is black.
    #[serde(rename = "MONOCHROME2")]
    Monochrome2,
    /// Three channels, interleaved.
    #[serde(rename = "RGB")]
    Rgb,
}

impl Photometric {
    /// Samples a pixel.
    pub const fn channels(self) -> u8 {
        match self {
            Self::Monochrome1 | Self::Monochrome2 => 1,
            Self::Rgb => 3,
        }
    }
}

/// Which part of the spectrum a view was taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Energy {
    /// The softer one.
    Low,
    /// The harder one.
    High,
}

impl Energy {
    /// The one that a name has among its words: `scan-0815-low.png`, `energy: high view: 0`.
    pub fn named(name: &str) -> Option<Self> {
        tiff::energy(name)
    }
}

/// One of the pictures of a file, all of one size: a view, an energy or a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// What the file calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its energy, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
}

/// What the bytes of a complete picture say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoded {
    /// How it lay in its file.
    pub format: Format,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bits of a sample that carry something, 1 to 16.
    pub bits: u8,
    /// Bytes a sample, 1 or 2, the low byte first.
    pub sample_bytes: u8,
    /// Samples are two's complement numbers of [`Self::bits`] bits.
    pub signed: bool,
    /// What the values mean.
    pub photometric: Photometric,
    /// What the samples are for.
    pub form: Form,
    /// DICOM's word for the kind of machine, where the file has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
    /// At least one; their samples follow each other.
    pub views: Vec<View>,
}

impl Decoded {
    /// Bytes of all samples, `None` where the numbers are beyond every limit or contradict each other.
    pub fn samples_size(&self) -> Option<u64> {
        let sides = 1..=SIDE_LIMIT;
        let sound = sides.contains(&self.width)
            && sides.contains(&self.height)
            && (1..=VIEWS_LIMIT).contains(&self.views.len())
            && matches!((self.sample_bytes, self.bits), (1, 1..=8) | (2, 1..=16));
        let pixels = u64::from(self.width) * u64::from(self.height);
        let pixel = u64::from(self.sample_bytes) * u64::from(self.photometric.channels());
        let size = pixels.checked_mul(pixel)?.checked_mul(self.views.len() as u64)?;
        (sound && size <= SAMPLES_LIMIT).then_some(size)
    }

    /// [`Self::samples_size`], or the refusal of what claims to be larger than any picture.
    pub(super) fn checked_size(&self) -> Result<usize, Unreadable> {
        self.samples_size().and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
            Unreadable::Never(format!(
                "it claims {} view(s) of {} x {} pixels of {} bits, expected 1 to {VIEWS_LIMIT} of 1 to {SIDE_LIMIT} \
                 pixels a side, 1 to 16 bits, and {SAMPLES_LIMIT} bytes in all",
                self.views.len(),
                self.width,
                self.height,
                self.bits
            ))
        })
    }
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is.
    pub header: Decoded,
    /// [`Decoded::samples_size`] bytes: views one after the other, rows from the top, channels interleaved.
    pub samples: Vec<u8>,
}

impl Picture {
    /// A picture whose samples are as many as its header says.
    fn new(header: Decoded, samples: Vec<u8>) -> Result<Self, Unreadable> {
        let size = header.checked_size()?;
        if samples.len() == size {
            return Ok(Self { header, samples });
        }
        Err(Unreadable::Never(format!("its header speaks of {size} bytes of samples, and it holds {}", samples.len())))
    }
}

/// Why the bytes are no picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// It may become one when more bytes arrive.
    Incomplete(String),
    /// It will not become one.
    Never(String),
}

impl Unreadable {
    fn broken(error: impl std::fmt::Display) -> Self {
        Self::Never(format!("it is broken: {error}"))
    }
}

/// Decodes a whole file; `sidecar` is the text beside a file of samples alone.
///
/// # Errors
/// [`Unreadable::Incomplete`] while bytes are missing at the end, [`Unreadable::Never`] for everything else.
pub fn decode(bytes: &[u8], sidecar: Option<&[u8]>) -> Result<Picture, Unreadable> {
    if let Some(sidecar) = sidecar {
        return raw::decode(bytes, sidecar);
    }
    match recognise(bytes)? {
        format @ (Format::Png | Format::Jpeg) => plain::decode(bytes, format),
        Format::Tiff => tiff::decode(bytes),
        Format::Dicom => dicom::decode(bytes),
        Format::Raw => Err(Unreadable::Never("samples alone need a sidecar".to_owned())),
    }
}

/// Which format the first bytes announce.
///
/// # Errors
/// [`Unreadable::Incomplete`] while they may become one, [`Unreadable::Never`] where they are none that a lane takes.
pub fn recognise(bytes: &[u8]) -> Result<Format, Unreadable> {
    const MAGICS: [(&[u8], Format); 4] = [
        (b"\x89PNG\r\n\x1a\n", Format::Png),
        (b"\xff\xd8\xff", Format::Jpeg),
        (b"II*\0", Format::Tiff),
        (b"MM\0*", Format::Tiff),
    ];
    // DICOM PS3.10 7.1: a preamble of 128 bytes of any content, then the prefix.
    const PREAMBLE: usize = 128;
    const PREFIX: &[u8] = b"DICM";
    let of_bytes = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| *format);
    let rest = bytes.get(PREAMBLE..);
    if rest.is_some_and(|rest| rest.starts_with(PREFIX)) {
        return Ok(Format::Dicom);
    }
    if let Some(format) = of_bytes {
        return Ok(format);
    }
    let start = bytes.get(..PREAMBLE + PREFIX.len()).unwrap_or(bytes);
    if start.is_empty() {
        return Err(Unreadable::Incomplete("it is empty".to_owned()));
    }
    if start.iter().all(|byte| *byte == 0) {
        // A sender may have reserved the size first.
        return Err(Unreadable::Incomplete(format!("the first of its {} bytes are not written", bytes.len())));
    }
    if MAGICS.iter().any(|(magic, _)| magic.starts_with(bytes)) || rest.is_some_and(|rest| PREFIX.starts_with(rest)) {
        return Err(Unreadable::Incomplete(format!("it has only {} bytes", bytes.len())));
    }
    Err(Unreadable::Never(
        "it is none of PNG, JPEG, TIFF, DICOM and DICOS; samples alone need the name NAME.raw and a NAME.json beside it"
            .to_owned(),
    ))
}

/// Keeps what a person can read of text that a file carries.
fn legible(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0').chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Decoded {
        Decoded {
            format: Format::Raw,
            width: 3,
            height: 2,
            bits: 12,
            sample_bytes: 2,
            signed: false,
            photometric: Photometric::Monochrome2,
            form: Form::Raw,
            modality: None,
            views: vec![View::default(); 2],
        }
    }

    #[test]
    fn text_is_no_picture() {
        assert!(matches!(decode(b"hello, this is a note", None), Err(Unreadable::Never(_))));
    }

    #[test]
    fn nothing_first_bytes_or_reserved_ones_may_become_a_picture() {
        for bytes in [&b""[..], b"\x89PN", b"II", &[0; 100], &[0; 4096]] {
            assert!(matches!(recognise(bytes), Err(Unreadable::Incomplete(_))), "{bytes:?}");
        }
    }

    #[test]
    fn the_size_of_the_samples_is_that_of_all_views_and_channels() {
        assert_eq!(header().samples_size(), Some(24));
        assert_eq!(Decoded { photometric: Photometric::Rgb, ..header() }.samples_size(), Some(72));
    }

    #[test]
    fn a_header_beyond_any_limit_or_against_itself_has_no_size() {
        let none = |header: Decoded| assert_eq!(header.samples_size(), None, "{header:?}");
        none(Decoded { width: 0, ..header() });
        none(Decoded { width: SIDE_LIMIT + 1, ..header() });
        none(Decoded { width: 60_000, height: 60_000, ..header() });
        none(Decoded { bits: 12, sample_bytes: 1, ..header() });
        none(Decoded { sample_bytes: 4, bits: 32, ..header() });
        none(Decoded { views: Vec::new(), ..header() });
        none(Decoded { views: vec![View::default(); VIEWS_LIMIT + 1], ..header() });
    }
}

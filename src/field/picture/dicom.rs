//! DICOM files (PS3.10), and DICOS files, which are DICOM with object classes for security (NEMA IIC 1): projections
//! only. A volume is refused; a threat report is recognised and is no picture.
//!
//! Read with dicom-object; samples are taken out here, strictly, because a frame that is smaller than its header says
//! must not be filled up with black.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Cursor};

use dicom_object::{DefaultDicomObject, FileDicomObject, InMemDicomObject, ReadError, Tag};

use super::{
    Decoded, Form, Format, Photometric, Picture, SAMPLES_LIMIT, Unreadable, VIEWS_LIMIT, View, jpegls, legible, rle,
};

const fn tag(group: u16, element: u16) -> Tag {
    Tag(group, element)
}
const IMAGE_TYPE: Tag = tag(0x0008, 0x0008);
const SOP_CLASS: Tag = tag(0x0008, 0x0016);
const MODALITY: Tag = tag(0x0008, 0x0060);
const INTENT: Tag = tag(0x0008, 0x0068);
const VIEW_POSITION: Tag = tag(0x0018, 0x5101);
const SAMPLES: Tag = tag(0x0028, 0x0002);
const PHOTOMETRIC: Tag = tag(0x0028, 0x0004);
const PLANAR: Tag = tag(0x0028, 0x0006);
const FRAMES: Tag = tag(0x0028, 0x0008);
const ROWS: Tag = tag(0x0028, 0x0010);
const COLUMNS: Tag = tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = tag(0x0028, 0x0100);
const BITS_STORED: Tag = tag(0x0028, 0x0101);
const SIGNED: Tag = tag(0x0028, 0x0103);
const PIXELS: Tag = tag(0x7fe0, 0x0010);

/// Object classes that are volumes: CT and enhanced CT of DICOM (PS3.4 B.5), CT of DICOS.
const VOLUMES: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.501.1"];
/// DICOS threat detection report.
const THREAT_REPORT: &str = "1.2.840.10008.5.1.4.1.1.501.3";

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, Unreadable> {
    let object = FileDicomObject::from_reader(Cursor::new(bytes)).map_err(explain)?;
    refuse_others(&object)?;
    if object.get(PIXELS).is_none() {
        return Err(Unreadable::Incomplete("it has no pixel data".to_owned()));
    }
    let header = header(&object)?;
    let size = header.checked_size()?;
    let transfer = object.meta().transfer_syntax.trim_end_matches(['\0', ' ']).to_owned();
    let coding = Coding::of(&transfer)?;
    let mut samples = match coding {
        Coding::Native => native(&object, size)?,
        Coding::Jpeg | Coding::JpegLs | Coding::Jpeg2000 | Coding::Rle => unpack(&object, &header, coding)?,
    };
    if header.photometric == Photometric::Rgb && coding == Coding::Native && optional(&object, PLANAR)? == Some(1) {
        samples = interleaved(&samples, &header);
    }
    Picture::new(header, samples)
}

pub(super) fn no_volume() -> Unreadable {
    Unreadable::Never("it is a CT volume; this lane reads projections (DICOM or DICOS DX), not volumes".to_owned())
}

fn refuse_others(object: &DefaultDicomObject) -> Result<(), Unreadable> {
    let class = text(object, SOP_CLASS).unwrap_or_else(|| legible(&object.meta().media_storage_sop_class_uid));
    let modality = text(object, MODALITY).unwrap_or_default();
    if class == THREAT_REPORT || modality == "TDR" {
        let what = "it is a threat report (DICOS TDR), not a picture: what the machine's algorithm found";
        return Err(Unreadable::Never(what.to_owned()));
    }
    if VOLUMES.contains(&class.as_str()) || modality == "CT" {
        return Err(no_volume());
    }
    Ok(())
}

fn header(object: &DefaultDicomObject) -> Result<Decoded, Unreadable> {
    let allocated = number(object, BITS_ALLOCATED)?;
    let sample_bytes = match allocated {
        8 => 1,
        16 => 2,
        other => return Err(Unreadable::Never(format!("it has {other} bits a sample, expected 8 or 16"))),
    };
    let frames = optional(object, FRAMES)?.unwrap_or(1);
    let frames = usize::try_from(frames).ok().filter(|count| (1..=VIEWS_LIMIT).contains(count));
    let frames =
        frames.ok_or_else(|| Unreadable::Never(format!("it has no number of frames from 1 to {VIEWS_LIMIT}")))?;
    let kind: Vec<String> = text(object, IMAGE_TYPE).unwrap_or_default().split('\\').map(str::to_owned).collect();
    let view =
        View { name: text(object, VIEW_POSITION), energy: kind.iter().find_map(|word| super::tiff::energy(word)) };
    let bits = optional(object, BITS_STORED)?.unwrap_or(allocated);
    Ok(Decoded {
        format: Format::Dicom,
        width: number(object, COLUMNS)?,
        height: number(object, ROWS)?,
        bits: u8::try_from(bits).unwrap_or(0),
        sample_bytes,
        signed: optional(object, SIGNED)? == Some(1),
        photometric: photometric(object)?,
        form: form(object, allocated),
        modality: text(object, MODALITY),
        views: vec![view; frames],
    })
}

/// Grey or colour; the colour spaces of JPEG come out of their decoders as RGB.
fn photometric(object: &DefaultDicomObject) -> Result<Photometric, Unreadable> {
    let word = text(object, PHOTOMETRIC).unwrap_or_default();
    let samples = optional(object, SAMPLES)?.unwrap_or(1);
    match (word.as_str(), samples) {
        ("MONOCHROME1", 1) => Ok(Photometric::Monochrome1),
        ("MONOCHROME2", 1) => Ok(Photometric::Monochrome2),
        ("RGB" | "YBR_RCT" | "YBR_ICT", 3) => Ok(Photometric::Rgb),
        (word, samples) => Err(Unreadable::Never(format!(
            "it has {samples} sample(s) a pixel of `{word}`, expected MONOCHROME1, MONOCHROME2 or RGB"
        ))),
    }
}

/// What the file says it is for (PS3.3 C.8.11.1, Presentation Intent Type); one that says nothing was made for a
/// screen if it is coloured or of 8 bits, or of a class that has no other use, such as CR.
fn form(object: &DefaultDicomObject, allocated: u32) -> Form {
    match text(object, INTENT).as_deref() {
        Some("FOR PROCESSING") => Form::Raw,
        Some(_) => Form::Rendered,
        None if allocated == 16 && text(object, MODALITY).as_deref() == Some("DX") => Form::Raw,
        None => Form::Rendered,
    }
}

fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let value = object.get(tag)?.to_str().ok()?;
    Some(legible(&value)).filter(|text| !text.is_empty())
}

fn optional(object: &InMemDicomObject, tag: Tag) -> Result<Option<u32>, Unreadable> {
    let Some(element) = object.get(tag) else { return Ok(None) };
    element
        .to_int::<u32>()
        .map(Some)
        .map_err(|error| Unreadable::Never(format!("its element {tag} is no number: {error}")))
}

fn number(object: &InMemDicomObject, tag: Tag) -> Result<u32, Unreadable> {
    optional(object, tag)?.ok_or_else(|| Unreadable::Never(format!("its element {tag} is missing")))
}

/// How the frames are coded (PS3.5 annex A), by transfer syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Native,
    /// Baseline, and lossless (process 14).
    Jpeg,
    JpegLs,
    Jpeg2000,
    Rle,
}

impl Coding {
    fn of(transfer: &str) -> Result<Self, Unreadable> {
        match transfer.strip_prefix("1.2.840.10008.1.2") {
            Some("" | ".1" | ".2" | ".1.99") => Ok(Self::Native),
            Some(".4.50" | ".4.57" | ".4.70") => Ok(Self::Jpeg),
            Some(".4.80" | ".4.81") => Ok(Self::JpegLs),
            Some(".4.90" | ".4.91") => Ok(Self::Jpeg2000),
            Some(".5") => Ok(Self::Rle),
            _ => Err(Unreadable::Never(format!(
                "its transfer syntax {transfer} is not read here; expected native, deflated, RLE, JPEG baseline or \
                 lossless, JPEG-LS or JPEG 2000"
            ))),
        }
    }
}

fn native(object: &DefaultDicomObject, size: usize) -> Result<Vec<u8>, Unreadable> {
    let element = object.element(PIXELS).map_err(Unreadable::broken)?;
    if element.fragments().is_some() {
        return Err(Unreadable::Never(
            "its frames are coded, and its transfer syntax says that they are not".to_owned(),
        ));
    }
    let mut samples = element.to_bytes().map_err(Unreadable::broken)?.into_owned();
    if samples.len() < size {
        return Err(Unreadable::Incomplete(format!("it holds {} bytes of samples of {size}", samples.len())));
    }
    // An odd number of bytes is padded to an even one (PS3.5 8.1.1).
    if samples.len() == size + 1 {
        samples.truncate(size);
    }
    Ok(samples)
}

/// Colour by colour into pixel by pixel.
fn interleaved(planes: &[u8], header: &Decoded) -> Vec<u8> {
    let (sample, channels) = (usize::from(header.sample_bytes), usize::from(header.photometric.channels()));
    let plane = header.width as usize * header.height as usize * sample;
    let frames = planes.chunks(plane * channels);
    frames
        .flat_map(|frame| {
            (0..plane / sample).flat_map(move |pixel| {
                (0..channels).flat_map(move |channel| {
                    let at = channel * plane + pixel * sample;
                    frame.get(at..at + sample).unwrap_or_default()
                })
            })
        })
        .copied()
        .collect()
}

fn unpack(object: &DefaultDicomObject, header: &Decoded, coding: Coding) -> Result<Vec<u8>, Unreadable> {
    let mut samples = Vec::new();
    for frame in frames(object, header.views.len())? {
        let decoded = match coding {
            Coding::Native => return Err(Unreadable::Never("its frames are not coded".to_owned())),
            Coding::Jpeg => jpeg(&frame, header),
            Coding::JpegLs => jpegls::decode(&frame, (header.width, header.height)).and_then(|c| grey(c, header)),
            Coding::Jpeg2000 => jpeg2000(&frame, header),
            Coding::Rle => run_lengths(&frame, header),
        };
        samples.extend(decoded.map_err(Unreadable::Never)?);
    }
    Ok(samples)
}

/// The coded frames: one fragment each, or all fragments of the only frame, or cut where the offset table says.
fn frames(object: &DefaultDicomObject, count: usize) -> Result<Vec<Cow<'_, [u8]>>, Unreadable> {
    let element = object.element(PIXELS).map_err(Unreadable::broken)?;
    let fragments = element.fragments().ok_or_else(|| {
        Unreadable::Never("its frames are not coded, and its transfer syntax says they are".to_owned())
    })?;
    if fragments.len() == count {
        return Ok(fragments.iter().map(|fragment| Cow::Borrowed(&fragment[..])).collect());
    }
    if count == 1 && !fragments.is_empty() {
        return Ok(vec![Cow::Owned(fragments.concat())]);
    }
    let table = element.value().offset_table().unwrap_or_default();
    if table.len() != count {
        return Err(Unreadable::Never(format!("it has {} coded pieces for {count} frames", fragments.len())));
    }
    // Offsets count from the first fragment's item tag, and each item has a head of 8 bytes (PS3.5 A.4).
    let mut frames = vec![Vec::new(); count];
    let mut at = 0u64;
    for fragment in fragments {
        let frame = table.iter().filter(|offset| u64::from(**offset) <= at).count().saturating_sub(1);
        if let Some(frame) = frames.get_mut(frame) {
            frame.extend_from_slice(fragment);
        }
        at += 8 + fragment.len() as u64;
    }
    Ok(frames.into_iter().map(Cow::Owned).collect())
}

fn same_size(what: &str, found: (u32, u32), header: &Decoded) -> Result<(), String> {
    if found == (header.width, header.height) {
        return Ok(());
    }
    Err(format!("its {what} frame has {} x {} pixels, expected {} x {}", found.0, found.1, header.width, header.height))
}

/// One component's samples in the header's width.
fn grey(component: jpegls::Component, header: &Decoded) -> Result<Vec<u8>, String> {
    if component.bits > 8 * header.sample_bytes || header.photometric == Photometric::Rgb {
        return Err(format!("its JPEG-LS frame has one component of {} bits, unlike its header", component.bits));
    }
    same_size("JPEG-LS", (component.width, component.height), header)?;
    Ok(narrow(component.samples.into_iter().map(u32::from), header))
}

fn narrow(samples: impl Iterator<Item = u32>, header: &Decoded) -> Vec<u8> {
    samples.flat_map(|sample| sample.to_le_bytes().into_iter().take(usize::from(header.sample_bytes))).collect()
}

fn jpeg(frame: &[u8], header: &Decoded) -> Result<Vec<u8>, String> {
    use jpeg_decoder::{Decoder, PixelFormat};
    let mut decoder = Decoder::new(Cursor::new(frame));
    decoder.set_max_decoding_buffer_size(usize::try_from(SAMPLES_LIMIT).unwrap_or(usize::MAX));
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("its JPEG frame has no header")?;
    same_size("JPEG", (info.width.into(), info.height.into()), header)?;
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    match (info.pixel_format, header.photometric.channels(), header.sample_bytes) {
        (PixelFormat::L8, 1, 1) | (PixelFormat::RGB24, 3, 1) => Ok(pixels),
        (PixelFormat::L8, 1, 2) => Ok(narrow(pixels.into_iter().map(u32::from), header)),
        // The decoder gives 16-bit samples in this machine's order.
        (PixelFormat::L16, 1, 2) => {
            Ok(narrow(pixels.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]]).into()), header))
        }
        (found, ..) => Err(format!("its JPEG frame is {found:?}, unlike its header")),
    }
}

fn jpeg2000(frame: &[u8], header: &Decoded) -> Result<Vec<u8>, String> {
    let parameters = jpeg2k::DecodeParameters::new().strict(true);
    let image = jpeg2k::Image::from_bytes_with(frame, parameters).map_err(|error| error.to_string())?;
    let channels = image.components();
    if channels.len() != usize::from(header.photometric.channels()) {
        return Err(format!("its JPEG 2000 frame has {} components, unlike its header", channels.len()));
    }
    for channel in channels {
        same_size("JPEG 2000", (channel.width(), channel.height()), header)?;
        if channel.precision() > u32::from(header.sample_bytes) * 8 {
            return Err(format!("its JPEG 2000 frame has {} bits a sample", channel.precision()));
        }
    }
    let planes: Vec<&[i32]> = channels.iter().map(jpeg2k::ImageComponent::data).collect();
    let pixels = header.width as usize * header.height as usize;
    if planes.iter().any(|plane| plane.len() != pixels) {
        return Err("its JPEG 2000 frame has fewer samples than its header says".to_owned());
    }
    Ok(narrow((0..pixels).flat_map(|at| planes.iter().map(move |plane| plane[at].cast_unsigned())), header))
}

fn run_lengths(frame: &[u8], header: &Decoded) -> Result<Vec<u8>, String> {
    let pixels = header.width as usize * header.height as usize;
    let bytes = usize::from(header.sample_bytes);
    let planes = rle::decode(frame, pixels, bytes * usize::from(header.photometric.channels()))?;
    // The high byte of each sample comes first (PS3.5 G.2).
    let order: Vec<&Vec<u8>> = planes.chunks(bytes).flat_map(|sample| sample.iter().rev()).collect();
    Ok((0..pixels).flat_map(|at| order.iter().map(move |plane| plane[at])).collect())
}

/// A file that ends inside of an element may be on its way; the rest will not become one.
fn explain(error: ReadError) -> Unreadable {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut cut = matches!(error, ReadError::PrematureEnd { .. });
    let mut said = vec![error.to_string()];
    while let Some(error) = cause.and_then(Error::source) {
        cut |= error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
        said.push(error.to_string());
        cause = Some(error);
    }
    let said = format!("it cannot be read as DICOM: {}", said.join(": "));
    if cut { Unreadable::Incomplete(said) } else { Unreadable::Never(said) }
}

//! The thermal part of a JPEG: APP1 segments that begin with `FLIR`, numbered, joined in their order.
//!
//! ```text
//!   FF E1  length (2, big-endian, itself included)  "FLIR" 00 01  number (1)  last number (1)  part of the FFF
//! ```
//! From ExifTool's `FLIR.pm` and files of two cameras.

use super::super::picture::Unreadable;
use super::{never, short};

/// Segments of JPEG in front of the picture (ITU-T T.81, B.1.1.3): APP1 carries ours, SOS begins the picture.
const APP1: u8 = 0xe1;
const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const FLIR: &[u8] = b"FLIR\0\x01";

/// The joined parts.
pub(super) fn flir(jpeg: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut parts: Vec<Option<&[u8]>> = Vec::new();
    let mut rest = jpeg.get(2..).unwrap_or_default();
    loop {
        let (marker, content, after) = segment(rest)?;
        if marker == SOS || marker == EOI {
            break;
        }
        rest = after;
        let Some(part) = content.strip_prefix(FLIR).filter(|_| marker == APP1) else { continue };
        let ([number, last], part) = part.split_first_chunk().ok_or_else(|| short("thermal part"))?;
        if parts.is_empty() {
            parts.resize(usize::from(*last) + 1, None);
        }
        let expected = parts.len();
        match parts.get_mut(usize::from(*number)) {
            Some(place @ None) if expected == usize::from(*last) + 1 => *place = Some(part),
            Some(_) | None => return Err(never(format!("its thermal parts contradict each other at part {number}"))),
        }
    }
    if parts.is_empty() {
        return Err(never("it is a JPEG without temperatures"));
    }
    let whole: Option<Vec<&[u8]>> = parts.into_iter().collect();
    whole.map(|parts| parts.concat()).ok_or_else(|| never("a part of its temperatures is missing"))
}

/// A segment's marker, its content, and what follows.
fn segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Unreadable> {
    let cut = || Unreadable::Incomplete("it breaks off before its picture".to_owned());
    // Any number of fill bytes may stand before a marker (B.1.1.2).
    let start = bytes.iter().position(|byte| *byte != 0xff).ok_or_else(cut)?;
    if start == 0 {
        return Err(Unreadable::Never("it is no JPEG behind its first bytes: expected a marker".to_owned()));
    }
    let marker = bytes[start];
    let bytes = &bytes[start + 1..];
    if marker == SOS || marker == EOI {
        return Ok((marker, &[], bytes));
    }
    let length = usize::from(u16::from_be_bytes(*bytes.first_chunk().ok_or_else(cut)?));
    let (segment, after) = bytes.split_at_checked(length.max(2)).ok_or_else(cut)?;
    Ok((marker, &segment[2..], after))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A JPEG with nothing but these parts.
    pub(in super::super) fn jpeg(parts: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\x00\x04ab".to_vec();
        for (number, last, part) in parts {
            let content = [FLIR, &[*number, *last], part].concat();
            bytes.extend([0xff, APP1]);
            bytes.extend(u16::try_from(content.len() + 2).unwrap().to_be_bytes());
            bytes.extend(content);
        }
        bytes.extend(b"\xff\xda\x00\x02\xff\xd9");
        bytes
    }

    #[test]
    fn parts_are_joined_by_their_number() {
        assert_eq!(flir(&jpeg(&[(1, 1, b"world"), (0, 1, b"hello ")])).unwrap(), b"hello world");
        assert_eq!(flir(&jpeg(&[(0, 0, b"alone")])).unwrap(), b"alone");
    }

    #[test]
    fn parts_that_are_missing_doubled_or_beyond_the_last_are_refused() {
        for parts in [
            &[][..],
            &[(0, 1, &b"a"[..])],
            &[(0, 0, b"a"), (0, 0, b"b")],
            &[(2, 1, b"a")],
            &[(0, 1, b"a"), (1, 2, b"b")],
        ] {
            assert!(matches!(flir(&jpeg(parts)), Err(Unreadable::Never(_))), "{parts:?}");
        }
    }

    #[test]
    fn every_cut_before_the_picture_is_incomplete() {
        let whole = jpeg(&[(0, 0, b"temperatures")]);
        let picture = whole.len() - 4;
        for cut in 2..picture {
            assert!(matches!(flir(&whole[..cut]), Err(Unreadable::Incomplete(_))), "cut at {cut}");
        }
    }
}

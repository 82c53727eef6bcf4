//! Frames: how records lie in a segment, and how they are found again when something beside them is damaged.
//!
//! ```text
//! 0      4      8      12  13    16         24        32           32+length
//! | magic | length | crc | tag | 0 | sequence | durable | record bytes | zeros to a multiple of 8 |
//! ```
//! Numbers are little-endian. `crc` is CRC32C over bytes 4..8, 12..32 and the record. `durable` is the [`Spot`] up to
//! which the log was known to be on disk when the frame was written: it tells an unfinished commit (nothing of it was
//! ever acknowledged) from damage to records that were. The magic holds bytes that no UTF-8 text can hold, so that
//! no record can look like a frame.

/// A place in the log: segment number above, offset in the segment below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot(u64);

impl Spot {
    /// Before everything.
    pub(super) const ZERO: Self = Self(0);

    /// The place `offset` bytes into segment `segment`.
    pub(super) const fn new(segment: u32, offset: u32) -> Self {
        Self((segment as u64) << 32 | offset as u64)
    }

    /// Segment number.
    pub(super) const fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Bytes from the start of the segment's file.
    pub(super) const fn offset(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }

    pub(super) const fn to_u64(self) -> u64 {
        self.0
    }

    pub(super) const fn from_u64(bits: u64) -> Self {
        Self(bits)
    }
}

/// A record may have this many bytes; larger things are evidence files.
pub const RECORD_LIMIT: usize = 256 * 1024;

pub(super) const HEADER: usize = 32;
const MAGIC: [u8; 4] = [0xF5, b'P', b'J', 0xFF];

/// What stands before a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) tag: u8,
    pub(super) sequence: u64,
    pub(super) durable: Spot,
}

/// Bytes a frame takes for a record of `length` bytes.
pub(super) const fn frame_size(length: usize) -> usize {
    (HEADER + length).next_multiple_of(8)
}

/// Writes one frame to the end of `out`, which must be a multiple of 8 long.
pub(super) fn write(out: &mut Vec<u8>, header: FrameHeader, record: &[u8]) {
    let mut head = [0; HEADER];
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&(record.len() as u32).to_le_bytes());
    head[12] = header.tag;
    head[16..24].copy_from_slice(&header.sequence.to_le_bytes());
    head[24..32].copy_from_slice(&header.durable.to_u64().to_le_bytes());
    let crc = checksum(&head, record);
    head[8..12].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(record);
    out.resize(out.len().next_multiple_of(8), 0);
}

fn checksum(head: &[u8; HEADER], record: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&head[4..8]);
    let crc = crc32c::crc32c_append(crc, &head[12..]);
    crc32c::crc32c_append(crc, record)
}

/// The frame at the start of `bytes`, when a whole and undamaged one stands there.
pub(super) fn read(bytes: &[u8]) -> Option<(FrameHeader, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEADER>()?;
    if head[..4] != MAGIC {
        return None;
    }
    let length = u32_at(head, 4) as usize;
    if length > RECORD_LIMIT {
        return None;
    }
    let record = rest.get(..length)?;
    if u32_at(head, 8) != checksum(head, record) {
        return None;
    }
    let header = FrameHeader { tag: head[12], sequence: u64_at(head, 16), durable: Spot::from_u64(u64_at(head, 24)) };
    Some((header, record))
}

fn u32_at(bytes: &[u8; HEADER], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; HEADER], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// What stands somewhere in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A whole frame.
    Frame { at: usize, header: FrameHeader, record: &'a [u8] },
    /// Bytes that are neither a frame nor the zeros between two, though something was written there or after them.
    Hole { at: usize, length: usize },
}

/// Cuts `bytes`, which begin on a frame's edge, into frames and holes. Zeros at the end are space not yet used.
pub(super) fn pieces(bytes: &[u8]) -> Pieces<'_> {
    Pieces { bytes, at: 0 }
}

#[derive(Clone, Debug)]
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let padding = self.at..self.at.next_multiple_of(8).min(self.bytes.len());
        self.at = padding.end;
        if self.bytes[padding.clone()].iter().any(|&byte| byte != 0) {
            return Some(Piece::Hole { at: padding.start, length: padding.len() });
        }
        let at = self.at;
        let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        if let Some((header, record)) = read(rest) {
            self.at = at + HEADER + record.len();
            return Some(Piece::Frame { at, header, record });
        }
        let length = hole(rest);
        self.at = if length == 0 { self.bytes.len() } else { at + length };
        (length > 0).then_some(Piece::Hole { at, length })
    }
}

/// Bytes until the next frame; without one, until the last byte that is not zero.
fn hole(rest: &[u8]) -> usize {
    let next = (8..rest.len()).step_by(8).find(|&at| rest[at..].starts_with(&MAGIC) && read(&rest[at..]).is_some());
    next.unwrap_or_else(|| rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(sequence: u64) -> FrameHeader {
        FrameHeader { tag: 2, sequence, durable: Spot::new(1, 64) }
    }

    /// If this fails, do not change the test: logs on disk have this form.
    #[test]
    fn frame_bytes_are_pinned() {
        let mut out = Vec::new();
        write(&mut out, FrameHeader { tag: 2, sequence: 0x0102, durable: Spot::new(3, 0x40) }, b"{}");
        assert_eq!(
            out,
            [
                &[0xF5, b'P', b'J', 0xFF][..],   // magic
                &[2, 0, 0, 0],                   // length
                &PINNED_CRC,                     // CRC32C
                &[2, 0, 0, 0],                   // tag
                &[0x02, 0x01, 0, 0, 0, 0, 0, 0], // sequence
                &[0x40, 0, 0, 0, 3, 0, 0, 0],    // durable: offset, segment
                b"{}\0\0\0\0\0\0",
            ]
            .concat()
        );
    }

    /// Worked out bit by bit with the polynomial 0x82F63B78, apart from this code.
    const PINNED_CRC: [u8; 4] = [217, 13, 127, 163];

    #[test]
    fn zeros_are_space_not_a_hole() {
        assert_eq!(pieces(&[0; 4096]).count(), 0);
    }

    proptest! {
        #[test]
        fn a_damaged_byte_costs_one_frame_at_most(
            sizes in proptest::collection::vec(0_usize..300, 1..20), at in any::<prop::sample::Index>(), flip in 1_u8..=255
        ) {
            let mut bytes = Vec::new();
            for (sequence, size) in sizes.iter().enumerate() {
                write(&mut bytes, header(sequence as u64), &vec![b'x'; *size]);
            }
            bytes.resize(bytes.len() + 64, 0);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let found: Vec<_> = pieces(&bytes).filter(|piece| matches!(piece, Piece::Frame { .. })).collect();
            prop_assert!(found.len() + 1 >= sizes.len());
            for piece in found {
                if let Piece::Frame { header, record, .. } = piece {
                    prop_assert_eq!(record.len(), sizes[header.sequence as usize]);
                }
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let covered: usize = pieces(&bytes).map(|piece| match piece {
                Piece::Frame { record, .. } => frame_size(record.len()),
                Piece::Hole { length, .. } => length,
            }).sum();
            prop_assert!(covered <= bytes.len().next_multiple_of(8));
        }
    }
}

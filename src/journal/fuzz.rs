//! Doors for the fuzz targets to parsers that are nobody else's business.

use super::frame::{HEADER, Piece, pieces};
use super::head;

/// Cuts `bytes` as a segment's content: pieces must follow each other, within the bytes, and end.
pub fn segment(bytes: &[u8]) {
    let mut end = 0;
    for piece in pieces(bytes) {
        let (at, length) = match piece {
            Piece::Frame { at, record, .. } => (at, HEADER + record.len()),
            Piece::Hole { at, length } => (at, length),
        };
        assert!(at >= end && length > 0, "{piece:?} begins before {end}");
        end = at + length;
        assert!(end <= bytes.len(), "{piece:?} goes beyond the end");
    }
}

/// Reads `bytes` as a head file.
pub fn head(bytes: &[u8]) {
    drop(head::read(bytes));
}

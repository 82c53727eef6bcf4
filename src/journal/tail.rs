//! The log from its end backwards: how a start finds what was going on while its index is still being built.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::frame::{FrameHeader, Piece, Spot, pieces};
use super::segment::{self, FIRST};

/// Shows every whole frame before `end`, youngest first, until `visit` breaks. `Continue` when it never did and the
/// beginning of the log was reached, or segments were looked at for `bytes_max`.
pub(super) fn backwards(
    dir: &Path,
    end: Spot,
    bytes_max: usize,
    visit: &mut dyn FnMut(FrameHeader, &[u8]) -> ControlFlow<()>,
) -> io::Result<Reached> {
    let mut seen = 0;
    for number in (1..=end.segment()).rev() {
        if seen >= bytes_max {
            return Ok(Reached::Bound);
        }
        let file = match File::open(segment::path(dir, number)) {
            Ok(file) => file,
            // Said by whoever proves the log; its neighbours are read all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let upto = if number == end.segment() { end.offset() } else { segment::size(&file)? };
        let bytes = segment::load(&file, FIRST, upto)?;
        seen += bytes.len();
        let frames: Vec<_> = pieces(&bytes)
            .filter_map(|piece| match piece {
                Piece::Frame { header, record, .. } => Some((header, record)),
                Piece::Hole { .. } => None,
            })
            .collect();
        for (header, record) in frames.into_iter().rev() {
            if visit(header, record).is_break() {
                return Ok(Reached::Enough);
            }
        }
    }
    Ok(Reached::Beginning)
}

/// Why the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The visitor had enough.
    Enough,
    /// There is no older record.
    Beginning,
    /// There may be older records, but it was to look no further.
    Bound,
}

//! Lines as they travel to a page: one binary WebSocket message, little-endian.
//!
//! ```text
//!  0 version 1 │ 1 view │ 2 energies │ 3 step │ 4 image number u32 │ 8 first line u32 │ 12 count u16 │ 14 pixels u16
//! 16 bytes of the mask u32, a multiple of 4 │ 20 mask: bit i is line i of this frame, set where it was filled │
//!    count × energies × pixels samples u16
//! ```
//! Of a coloured picture the byte of energies is 3, and its samples are red, green and blue.
//!
//! Everything of 16 bits begins at a multiple of 4, so a page can look at the samples where they lie.

use bytes::Bytes;

use crate::image::feed::Lines;

/// Bytes before the mask.
pub(super) const HEADER: usize = 20;
const VERSION: u8 = 1;

/// The message for these lines.
pub(super) fn encode(lines: &Lines) -> Bytes {
    let mask = mask(lines);
    let samples: usize = lines.lines.iter().map(|line| line.samples.len()).sum();
    let mut frame = Vec::with_capacity(HEADER + mask.len() + samples * 2);
    frame.extend([VERSION, lines.view, lines.format.energies, lines.step]);
    frame.extend(lines.number.to_le_bytes());
    frame.extend(lines.first.to_le_bytes());
    frame.extend(u16::try_from(lines.lines.len()).unwrap_or(u16::MAX).to_le_bytes());
    frame.extend(u16::try_from(lines.format.pixels).unwrap_or(u16::MAX).to_le_bytes());
    frame.extend(u32::try_from(mask.len()).unwrap_or(0).to_le_bytes());
    frame.extend(mask);
    for line in &lines.lines {
        frame.extend(line.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    }
    frame.into()
}

fn mask(lines: &Lines) -> Vec<u8> {
    let mut mask = vec![0; lines.lines.len().div_ceil(32) * 4];
    for (place, line) in lines.lines.iter().enumerate() {
        mask[place / 8] |= u8::from(line.filled) << (place % 8);
    }
    mask
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::Format;
    use crate::image::feed::Stored;

    fn lines(filled: &[bool]) -> Lines {
        let format = Format { pixels: 2, energies: 2, views: 2, pitch_um: 0, line_um: 0, live: true, raw: true };
        let stored = |filled: &bool| Stored { samples: [1, 60_000, 3, 0x0102].into(), filled: *filled };
        let lines = filled.iter().map(stored).collect();
        Lines { number: 7, view: 1, step: 8, first: 1000, format: Arc::new(format), lines }
    }

    #[test]
    fn a_frame_is_these_bytes_and_if_this_fails_the_pages_have_to_change_too() {
        let expected = [
            &[1, 1, 2, 8][..], // version, view, energies, step
            &[7, 0, 0, 0],     // image number
            &[0xe8, 3, 0, 0],  // first line: 1000
            &[2, 0, 2, 0],     // two lines of two pixels
            &[4, 0, 0, 0],     // bytes of the mask
            &[0b10, 0, 0, 0],  // the second was filled
            &[1, 0, 0x60, 0xea, 3, 0, 2, 1],
            &[1, 0, 0x60, 0xea, 3, 0, 2, 1],
        ];
        assert_eq!(encode(&lines(&[false, true])), expected.concat());
    }

    #[test]
    fn a_mask_has_a_bit_for_each_line() {
        assert_eq!(encode(&lines(&[false; 3])).len(), HEADER + 4 + 3 * 8);
        let mut filled = [false; 33];
        filled[32] = true;
        let frame = encode(&lines(&filled));
        assert_eq!((&frame[16..20], &frame[20..28]), (&[8, 0, 0, 0][..], &[0, 0, 0, 0, 1, 0, 0, 0][..]));
        assert_eq!(frame.len(), HEADER + 8 + 33 * 8);
    }
}

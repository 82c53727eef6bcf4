//! The local average that keeps noise from speckling: over 5 × 5 samples, of those whose harder energy is like the middle
//! one's. Across the edge of a thing nothing is mixed, for a mixture of steel and air would look like plastic.

use crate::image::scan::Plane;

/// Samples to either side.
pub(super) const REACH: usize = 2;

/// Whether `other` belongs to the same thing as `middle`: within an eighth of it and 32 counts. All numbers are whole, so
/// that a shader comes to the same.
const fn alike(middle: u16, other: u16) -> bool {
    middle.abs_diff(other) as u32 * 8 <= middle as u32 + 256
}

/// Gives both energies' local means of every sample, lines one after the other. Beyond the picture's edge stands the edge.
pub(super) fn each(low: Plane<'_>, high: Plane<'_>, mut mean: impl FnMut(f32, f32)) {
    let (lines, pixels) = (low.lines(), low.pixels());
    if lines == 0 || pixels == 0 {
        return;
    }
    for line in 0..lines {
        let near: [usize; 2 * REACH + 1] = std::array::from_fn(|by| (line + by).saturating_sub(REACH).min(lines - 1));
        let rows = near.map(|line| (low.line(line), high.line(line)));
        for pixel in 0..pixels {
            let (low, high) = around(&rows, high.line(line)[pixel], pixel, pixels);
            mean(low, high);
        }
    }
}

fn around(rows: &[(&[u16], &[u16])], middle: u16, pixel: usize, pixels: usize) -> (f32, f32) {
    let (mut low_sum, mut high_sum, mut count) = (0u32, 0u32, 0u32);
    for (low, high) in rows {
        for by in 0..=2 * REACH {
            let at = (pixel + by).saturating_sub(REACH).min(pixels - 1);
            if alike(middle, high[at]) {
                low_sum += u32::from(low[at]);
                high_sum += u32::from(high[at]);
                count += 1;
            }
        }
    }
    // Sums of 25 samples of 16 bits are whole numbers that a float of 32 bits keeps.
    let count = count.max(1) as f32;
    (low_sum as f32 / count, high_sum as f32 / count)
}

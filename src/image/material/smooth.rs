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
    let mut sums = vec![Sum::default(); pixels];
    for line in 0..lines {
        sums.fill(Sum::default());
        for by in 0..=2 * REACH {
            let near = (line + by).saturating_sub(REACH).min(lines - 1);
            add(&mut sums, high.line(line), &widened(low.line(near)), &widened(high.line(near)));
        }
        for sum in &sums {
            // Sums of 25 samples of 16 bits are whole numbers that a float of 32 bits keeps.
            let count = sum.count.max(1) as f32;
            mean(sum.low as f32 / count, sum.high as f32 / count);
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    low: u32,
    high: u32,
    count: u32,
}

/// The line with its ends repeated, so that the loop below has no edge to think of.
fn widened(line: &[u16]) -> Vec<u16> {
    let end = |sample: Option<&u16>| [sample.copied().unwrap_or(0); REACH];
    [&end(line.first()), line, &end(line.last())].concat()
}

/// Adds what belongs to the thing at each of `middle`, from one line. Offset by offset and not sample by sample: the
/// compiler makes of it what takes many samples at once.
fn add(sums: &mut [Sum], middle: &[u16], low: &[u16], high: &[u16]) {
    for by in 0..=2 * REACH {
        let samples = low[by..].iter().zip(&high[by..]);
        for ((sum, middle), (low, high)) in sums.iter_mut().zip(middle).zip(samples) {
            let belongs = u32::from(alike(*middle, *high));
            sum.low += belongs * u32::from(*low);
            sum.high += belongs * u32::from(*high);
            sum.count += belongs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Format, Line, Scan};

    fn means(lines: &[[u16; 3]]) -> Vec<f32> {
        let format = Format { pixels: 3, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
        let mut scan = Scan::new(format);
        for (index, line) in (0u32..).zip(lines) {
            let samples = [line.map(|sample| sample / 2), *line].concat().into();
            assert!(scan.add(&Line { index, view: 0, filled: false, samples }));
        }
        let mut means = Vec::new();
        each(scan.plane(0, 0).unwrap(), scan.plane(0, 1).unwrap(), |low, high| {
            assert!((high / 2.0 - low).abs() < 0.51, "both energies are averaged over the same samples");
            means.push(high);
        });
        means
    }

    #[test]
    fn beyond_an_edge_stands_the_edge() {
        // Alone, a sample stands for all 25. Beside 10 and 30, 20 is one of 25 in the middle and the ends count ten times.
        assert_eq!(means(&[[20, 20, 20]]), [20.0; 3]);
        // 0: 3 × 10, 20, 30; 1: 2 × 10, 20, 2 × 30; 2: 10, 20, 3 × 30.
        assert_eq!(means(&[[10, 20, 30]]), [16.0, 20.0, 24.0]);
        // The same along the lines.
        assert_eq!(means(&[[10; 3], [20; 3], [30; 3]])[..4], [16.0, 16.0, 16.0, 20.0]);
    }

    #[test]
    fn what_is_unlike_the_middle_does_not_count() {
        // An eighth of 8,000 and 32 are 1,032.
        assert_eq!(means(&[[8_000, 8_000, 9_033]])[0], 8_000.0);
        assert_eq!(means(&[[8_000, 8_000, 9_032]])[0], (4.0 * 8_000.0 + 9_032.0) / 5.0);
    }
}

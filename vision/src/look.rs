//! Whether a picture that comes in time shows the lane: frozen and black, from brightness alone.
//!
//! A living sensor is never still: its noise, or what the encoder makes of it, changes some brightness somewhere in most
//! of the picture from one look to the next. A stopped camera, encoder or switch repeats its last picture instead, and the
//! clock that it writes into a corner may go on. So the picture is divided into cells, and it lives when more of them
//! change than such a clock covers.

use std::time::Duration;

use portside_devices::camera::Blemish;

/// Cells across and down.
const CELLS: (usize, usize) = (16, 12);
/// Samples a cell has across and down at most: whatever the camera's size, a look costs the same.
const SAMPLES: usize = 20;
/// Brightness steps that decoding the same picture twice never makes.
const NOISE: u8 = 1;
/// Cells that a clock written into a still picture may change.
const CLOCK_CELLS: usize = 8;
/// How long a picture may be still.
const STILL_MAX: Duration = Duration::from_secs(2);
/// How long a picture may be black: a vehicle that stands right before the camera, an iris that adjusts.
const BLACK_MAX: Duration = Duration::from_secs(1);
/// Mean brightness up to which a picture may be black.
const BLACK_MEAN: f64 = 24.0;
/// Standard deviation of brightness up to which there is nothing on it.
const BLACK_DEVIATION: f64 = 8.0;

/// 8-bit brightness, row by row without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'a> {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width` × `height` bytes.
    pub pixels: &'a [u8],
}

/// What is kept of one picture: samples of each cell, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Samples {
    columns: usize,
    rows: usize,
    bright: Vec<u8>,
}

/// What is seen of one source over time.
#[derive(Clone, Debug, Default)]
pub struct Look {
    last: Option<Samples>,
    changed: Duration,
    black_since: Option<Duration>,
}

impl Look {
    /// Judges the next picture, taken at `at`; times must not go back.
    pub fn next(&mut self, picture: Luma<'_>, at: Duration) -> Blemish {
        let samples = Samples::of(picture);
        let lives = self.last.as_ref().is_none_or(|last| changed_cells(last, &samples) > CLOCK_CELLS);
        if lives {
            self.changed = at;
        }
        let black = is_black(&samples.bright);
        let since = *self.black_since.get_or_insert(at);
        if !black {
            self.black_since = None;
        }
        self.last = Some(samples);
        Blemish {
            frozen: at.saturating_sub(self.changed) >= STILL_MAX,
            black: black && at.saturating_sub(since) >= BLACK_MAX,
            ..Blemish::default()
        }
    }
}

impl Samples {
    fn of(picture: Luma<'_>) -> Self {
        let columns = picture.width.min(CELLS.0 * SAMPLES);
        let rows = picture.height.min(CELLS.1 * SAMPLES);
        let mut bright = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            let line = &picture.pixels[row * picture.height / rows * picture.width..][..picture.width];
            bright.extend((0..columns).map(|column| line[column * picture.width / columns]));
        }
        Self { columns, rows, bright }
    }
}

/// Cells in which at least one sample differs by more than [`NOISE`]; all of them when the size is another.
fn changed_cells(before: &Samples, after: &Samples) -> usize {
    if (before.columns, before.rows) != (after.columns, after.rows) {
        return CELLS.0 * CELLS.1;
    }
    let mut changed = [false; CELLS.0 * CELLS.1];
    for row in 0..after.rows {
        let line = row * after.columns..(row + 1) * after.columns;
        let pairs = before.bright[line.clone()].iter().zip(&after.bright[line]);
        for (column, (was, is)) in pairs.enumerate() {
            if was.abs_diff(*is) > NOISE {
                let cell = row * CELLS.1 / after.rows * CELLS.0 + column * CELLS.0 / after.columns;
                changed[cell] = true;
            }
        }
    }
    changed.iter().filter(|changed| **changed).count()
}

fn is_black(bright: &[u8]) -> bool {
    let count = bright.len().max(1) as f64;
    let mean = bright.iter().map(|bright| f64::from(*bright)).sum::<f64>() / count;
    let variance = bright.iter().map(|bright| (f64::from(*bright) - mean).powi(2)).sum::<f64>() / count;
    mean <= BLACK_MEAN && variance.sqrt() <= BLACK_DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;
    const HEIGHT: usize = 48;

    fn luma(pixels: &[u8]) -> Luma<'_> {
        Luma { width: WIDTH, height: HEIGHT, pixels }
    }

    /// A grey picture with noise of one step more than decoding makes.
    fn noisy(seed: usize) -> Vec<u8> {
        (0..WIDTH * HEIGHT)
            .map(|at| 100 + if (at * 7 + seed * 13).is_multiple_of(11) { NOISE + 1 } else { 0 })
            .collect()
    }

    fn seconds(tenths: u64) -> Duration {
        Duration::from_millis(tenths * 100)
    }

    fn over(pictures: impl Iterator<Item = Vec<u8>>) -> Vec<Blemish> {
        let mut look = Look::default();
        pictures.enumerate().map(|(tenths, picture)| look.next(luma(&picture), seconds(tenths as u64))).collect()
    }

    #[test]
    fn noise_alone_is_life() {
        assert!(over((0..60).map(noisy)).iter().all(|blemish| *blemish == Blemish::default()));
    }

    #[test]
    fn a_picture_that_stops_is_frozen_after_two_seconds_and_lives_again_at_once() {
        let seen = over((0..60).map(|at| noisy(at.min(20))).chain([noisy(1)]));
        let frozen: Vec<usize> = (0..seen.len()).filter(|at| seen[*at].frozen).collect();
        assert_eq!(frozen, (40..60).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_ticks_in_a_still_picture_is_no_life() {
        let seen = over((0..60).map(|at| {
            let mut picture = noisy(0);
            for pixel in &mut picture[..WIDTH / CELLS.0 * CLOCK_CELLS] {
                *pixel = (at * 37 % 200) as u8;
            }
            picture
        }));
        assert!(seen[40].frozen);
    }

    #[test]
    fn a_dark_picture_is_black_after_a_second_and_a_dark_one_with_a_lamp_is_not() {
        let dark = |lamp: bool| {
            over((0..30).map(move |at| {
                let mut picture: Vec<u8> = noisy(at).iter().map(|bright| bright - 92).collect();
                picture[..if lamp { 40 } else { 0 }].fill(250);
                picture
            }))
        };
        let black: Vec<usize> =
            dark(false).iter().enumerate().filter(|(_, seen)| seen.black).map(|(at, _)| at).collect();
        assert_eq!(black, (10..30).collect::<Vec<_>>());
        assert!(dark(true).iter().all(|seen| !seen.black));
    }

    #[test]
    fn a_bright_still_wall_is_not_black_and_another_size_is_a_change() {
        let mut look = Look::default();
        let wall = vec![200; WIDTH * HEIGHT];
        assert_eq!(look.next(luma(&wall), seconds(0)), Blemish::default());
        let small = Luma { width: 8, height: 6, pixels: &wall[..48] };
        assert_eq!(look.next(small, seconds(50)), Blemish::default());
        assert_eq!(look.next(small, seconds(70)), Blemish { frozen: true, ..Blemish::default() });
    }

    #[test]
    fn no_picture_at_all_is_no_panic() {
        let nothing = Luma { width: 0, height: 0, pixels: &[] };
        assert!(!Look::default().next(nothing, seconds(0)).frozen);
    }
}

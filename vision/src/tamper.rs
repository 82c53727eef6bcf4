//! Whether a camera still looks where it looked, with a clear eye: covered, out of focus, turned away.
//!
//! ```text
//!  reference of this view, learned slowly ──► cells with structure ──┬─ structure gone nearly everywhere ──► covered
//!  the picture, cell by cell ────────────────────────────────────────┼─ still there, fine edges gone ──────► blurred
//!                                                                    └─ another one nearly everywhere ─────► turned
//! ```
//! Light and exposure change all day, so brightness itself counts for nothing: cells are compared by their pattern, with
//! mean and contrast taken out. Whatever stands before the camera covers cells as well, and a lorry nearly all of them;
//! this says what is seen, and whoever knows that the lane is empty may believe it.
//!
//! Only cells count that have looked alike for a while: what moves through the lane has no place in its view.
//! The reference is that of this process: a camera that was turned while nobody watched is not noticed.

use std::time::Duration;

use crate::look::Luma;

/// Cells across and down.
const CELLS: (usize, usize) = (16, 12);
/// Samples of a cell's pattern across and down.
const PATTERN: usize = 10;
/// Rows of a cell in which fine edges are measured.
const EDGE_ROWS: usize = 8;
/// What is learned first is forgotten after so long; lorries that wait for minutes leave little of themselves behind.
const MEMORY: Duration = Duration::from_secs(3_600);
/// So long, a cell that does not look alike is learned anew.
const RELEARN: Duration = Duration::from_secs(30);
/// So long, looking alike is remembered.
const STEADY_FOR: Duration = Duration::from_secs(15);
/// How alike a cell has looked on the whole to be one of the view's own.
const STEADY: f32 = 0.8;
/// What is seen for less than this was somebody passing close by.
const HOLD: Duration = Duration::from_secs(3);
/// Standard deviation of brightness from which a cell has a pattern that can be known again.
const STRUCTURE: f32 = 5.0;
/// Cells with structure that a judgement needs.
const CELLS_MIN: usize = 10;
/// Part of these cells that must be without structure, or unlike. After a turn some look alike by chance.
const MOST: f32 = 0.85;
const UNLIKE_CELLS: f32 = 0.75;
/// Correlation below which a pattern is another one.
const UNLIKE: f32 = 0.4;
/// Part of its contrast below which a cell's structure is gone.
const GONE: f32 = 0.25;
/// Part of its fine edges, measured against contrast, below which a cell is out of focus; and the part of the cells that
/// must be. What is soft in focus loses less.
const SOFT: f32 = 0.75;
const SOFT_CELLS: f32 = 0.7;
/// Below this a cell has no edges to lose; of the others half as many are enough.
const EDGES: f32 = 1.5;

/// What is wrong with the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Nothing of the lane can be seen, dark or bright.
    pub covered: bool,
    /// The lane is there and its edges are not.
    pub blurred: bool,
    /// It shows another view.
    pub turned: bool,
}

/// One cell of one picture.
#[derive(Clone, Debug, Default)]
struct Cell {
    /// Brightness without its mean.
    pattern: Vec<f32>,
    /// Its standard deviation.
    contrast: f32,
    /// Root of the mean square of differences between neighbours: an edge that is spread out has less of it.
    edges: f32,
    /// Of the reference: how alike it has looked, 0 to 1.
    steady: f32,
}

/// What is known of one camera's view.
#[derive(Clone, Debug, Default)]
pub struct Tamper {
    reference: Vec<Cell>,
    last: Duration,
    since: [Option<Duration>; 3],
}

impl Tamper {
    /// Judges the next picture, taken at `at`; times must not go back.
    pub fn next(&mut self, picture: Luma<'_>, at: Duration) -> Doubt {
        let cells = cells(picture);
        if cells.len() != self.reference.len() {
            *self = Self { reference: cells, last: at, since: [None; 3] };
            return Doubt::default();
        }
        let seen = self.judge(&cells);
        self.learn(&cells, at, seen.contains(&true));
        let [covered, blurred, turned] = std::array::from_fn(|which| {
            if !seen[which] {
                self.since[which] = None;
                return false;
            }
            at.saturating_sub(*self.since[which].get_or_insert(at)) >= HOLD
        });
        Doubt { covered, blurred, turned }
    }

    /// Covered, blurred, turned: at most one of them.
    fn judge(&self, cells: &[Cell]) -> [bool; 3] {
        let own = |was: &Cell| was.contrast >= STRUCTURE && was.steady >= STEADY;
        let known: Vec<(&Cell, &Cell)> = self.reference.iter().zip(cells).filter(|(was, _)| own(was)).collect();
        if known.len() < CELLS_MIN {
            return [false; 3];
        }
        let part = |holds: &dyn Fn(&Cell, &Cell) -> bool| {
            known.iter().filter(|(was, is)| holds(was, is)).count() as f32 / known.len() as f32
        };
        let covered = part(&|was, is| is.contrast < was.contrast * GONE) >= MOST;
        let turned = part(&|was, is| alike(was, is) < UNLIKE) >= UNLIKE_CELLS;
        let sharp = |cell: &Cell| cell.edges / cell.contrast.max(1.0);
        let soft = |was: &Cell, is: &Cell| sharp(is) < sharp(was) * SOFT && alike(was, is) >= UNLIKE;
        let fine: Vec<&(&Cell, &Cell)> = known.iter().filter(|(was, _)| was.edges >= EDGES).collect();
        let soft = fine.iter().filter(|(was, is)| soft(was, is)).count() as f32;
        let blurred = fine.len() >= CELLS_MIN / 2 && soft >= fine.len() as f32 * SOFT_CELLS;
        [covered, blurred && !covered, turned && !covered]
    }

    /// While the whole view is in doubt, its cells stay what they were, but for the slow change of all things.
    fn learn(&mut self, cells: &[Cell], at: Duration, doubtful: bool) {
        let passed = at.saturating_sub(self.last).as_secs_f32();
        self.last = at;
        let part = |of: Duration| (passed / of.as_secs_f32()).min(1.0);
        for (was, is) in self.reference.iter_mut().zip(cells) {
            let slow = doubtful || was.steady >= STEADY;
            if !doubtful {
                was.steady += (alike(was, is).max(0.0) - was.steady) * part(STEADY_FOR);
            }
            let weight = part(if slow { MEMORY } else { RELEARN });
            for (known, seen) in was.pattern.iter_mut().zip(&is.pattern) {
                *known += (seen - *known) * weight;
            }
            was.contrast += (is.contrast - was.contrast) * weight;
            was.edges += (is.edges - was.edges) * weight;
        }
    }
}

/// The correlation of two patterns, -1 to 1; 0 where one of them has none.
fn alike(was: &Cell, is: &Cell) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let size = (product(&was.pattern, &was.pattern) * product(&is.pattern, &is.pattern)).sqrt();
    if size > f32::EPSILON { product(&was.pattern, &is.pattern) / size } else { 0.0 }
}

fn cells(picture: Luma<'_>) -> Vec<Cell> {
    let (wide, high) = (picture.width / CELLS.0, picture.height / CELLS.1);
    if wide < 4 || high < 4 {
        return Vec::new();
    }
    let corners = (0..CELLS.1).flat_map(|row| (0..CELLS.0).map(move |column| (column * wide, row * high)));
    corners.map(|corner| cell(picture, corner, (wide, high))).collect()
}

/// Each sample of the pattern is the mean of what it covers, so that noise and focus hardly change it.
fn cell(picture: Luma<'_>, (left, top): (usize, usize), (wide, high): (usize, usize)) -> Cell {
    let line = |row: usize| &picture.pixels[(top + row) * picture.width + left..][..wide];
    let (across, down) = (PATTERN.min(wide), PATTERN.min(high));
    let mut sums = vec![(0_u32, 0_u32); across * down];
    for row in (0..high).step_by((high / (down * 2)).max(1)) {
        for (column, bright) in line(row).iter().enumerate() {
            let (sum, count) = &mut sums[row * down / high * across + column * across / wide];
            *sum += u32::from(*bright);
            *count += 1;
        }
    }
    let mut pattern: Vec<f32> = sums.iter().map(|(sum, count)| *sum as f32 / (*count).max(1) as f32).collect();
    let mean = pattern.iter().sum::<f32>() / pattern.len() as f32;
    pattern.iter_mut().for_each(|bright| *bright -= mean);
    let contrast = (pattern.iter().map(|bright| bright * bright).sum::<f32>() / pattern.len() as f32).sqrt();

    let (mut differences, mut pairs) = (0_u32, 0_u32);
    for row in (0..high).step_by((high / EDGE_ROWS).max(1)) {
        for pair in line(row).windows(2) {
            differences += u32::from(pair[0].abs_diff(pair[1])).pow(2);
            pairs += 1;
        }
    }
    Cell { pattern, contrast, edges: (differences as f32 / pairs.max(1) as f32).sqrt(), steady: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 640;
    const HEIGHT: usize = 480;

    /// A scene of blocks with hard edges, a little noise on it.
    fn scene(noise: usize) -> Vec<u8> {
        let block = |x: usize, y: usize| {
            let mixed = (x / 10 * 7_919 + y / 10 * 104_729 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 56) as u8 % 200 + 20
        };
        (0..WIDTH * HEIGHT).map(|at| block(at % WIDTH, at / WIDTH) + ((at * 7 + noise * 13) % 5) as u8).collect()
    }

    fn luma(pixels: &[u8]) -> Luma<'_> {
        Luma { width: WIDTH, height: HEIGHT, pixels }
    }

    /// Forty seconds of the scene, and then ten of what became of it: what is seen at the end.
    fn after(change: impl Fn(&[u8]) -> Vec<u8>) -> Doubt {
        let mut tamper = Tamper::default();
        let mut seen = Doubt::default();
        for tick in 0..100 {
            let picture = if tick < 80 { scene(tick) } else { change(&scene(tick)) };
            seen = tamper.next(luma(&picture), Duration::from_millis(tick as u64 * 500));
            assert!(tick >= 80 + 6 || seen == Doubt::default(), "{tick}: {seen:?}");
        }
        seen
    }

    fn smoothed(picture: &[u8], reach: usize) -> Vec<u8> {
        let mut smooth = picture.to_vec();
        for (line, out) in picture.chunks(WIDTH).zip(smooth.chunks_mut(WIDTH)) {
            for (at, bright) in out.iter_mut().enumerate() {
                let part = &line[at.saturating_sub(reach)..(at + reach + 1).min(WIDTH)];
                *bright = (part.iter().map(|bright| usize::from(*bright)).sum::<usize>() / part.len()) as u8;
            }
        }
        smooth
    }

    #[test]
    fn an_unchanged_view_and_another_light_raise_no_doubt() {
        assert_eq!(after(<[u8]>::to_vec), Doubt::default());
        assert_eq!(after(|picture| picture.iter().map(|bright| bright / 2).collect()), Doubt::default());
        assert_eq!(after(|picture| picture.iter().map(|bright| bright.saturating_add(35)).collect()), Doubt::default());
    }

    #[test]
    fn a_covered_eye_is_seen_dark_grey_and_dazzled() {
        for bright in [3, 128, 252] {
            let seen = after(|picture| picture.iter().map(|noise| bright + noise % 3).collect());
            assert_eq!(seen, Doubt { covered: true, ..Doubt::default() }, "{bright}");
        }
    }

    #[test]
    fn a_turned_camera_and_one_out_of_focus_are_told_apart() {
        let turned = after(|picture| {
            let mut other = picture.to_vec();
            other.rotate_left(WIDTH * 41 + 53);
            other
        });
        assert_eq!(turned, Doubt { turned: true, ..Doubt::default() });
        assert_eq!(after(|picture| smoothed(picture, 3)), Doubt { blurred: true, ..Doubt::default() });
    }

    #[test]
    fn a_van_before_half_of_the_view_is_no_doubt() {
        let seen = after(|picture| {
            let covered = |at: usize| at % WIDTH > WIDTH / 4 && at / WIDTH > HEIGHT / 4;
            picture.iter().enumerate().map(|(at, bright)| if covered(at) { 90 } else { *bright }).collect()
        });
        assert_eq!(seen, Doubt::default());
    }

    #[test]
    fn a_wall_another_size_and_no_picture_at_all_are_no_doubt_and_no_panic() {
        let mut tamper = Tamper::default();
        let wall = vec![100; WIDTH * HEIGHT];
        for (tick, (width, height)) in (0..).zip([(WIDTH, HEIGHT); 40].into_iter().chain([(320, 240), (0, 0), (3, 3)]))
        {
            let picture = Luma { width, height, pixels: &wall[..width * height] };
            assert_eq!(tamper.next(picture, Duration::from_millis(tick * 200)), Doubt::default());
        }
    }
}

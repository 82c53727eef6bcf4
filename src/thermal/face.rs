//! Where on a thermal picture a face is, and its warmest stable area.
//!
//! No model of faces is at work. What is as warm as skin and hangs together inside the measurement window is taken as a
//! face; eyes lie in a band below its top. The inner corner of the eye is the warmest steady place of a dry, bare face,
//! so the warmest area of a few joined pixels there stands for it. A hot drink, a bent head or glasses can deceive
//! that; the conditions and the agreement of several frames (`repeats`, `spread` of the lane) catch a part of it.
//!
//! ```text
//!   window ─► 3 x 3 mean ─► as warm as skin ─► joined areas ─► the one face ─► band of the eyes ─► warmest joined pixels
//! ```

use std::ops::{Range, RangeInclusive};

use super::Thermogram;
use super::condition::Reason;

/// A part of the picture, in parts of its width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// From the left edge.
    pub left: f64,
    /// From the top.
    pub top: f64,
    /// Across.
    pub width: f64,
    /// Down.
    pub height: f64,
}

impl Window {
    /// The whole picture.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

    /// True where it lies within a picture.
    pub fn is_sound(&self) -> bool {
        let side = |from: f64, length: f64| from >= 0.0 && length > 0.0 && from + length <= 1.0 + 1e-9;
        side(self.left, self.width) && side(self.top, self.height)
    }

    /// Columns and rows of a picture.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within a picture
    pub fn of(&self, picture: &Thermogram) -> (Range<usize>, Range<usize>) {
        let side = |from: f64, length: f64, pixels: usize| {
            let at = |part: f64| (part * pixels as f64).round() as usize;
            let start = at(from).min(pixels - 1);
            start..at(from + length).clamp(start + 1, pixels)
        };
        (side(self.left, self.width, picture.width()), side(self.top, self.height, picture.height()))
    }
}

/// What is taken as a face.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Where a person's face is to be.
    pub window: Window,
    /// °C that skin can have.
    pub skin: RangeInclusive<f32>,
    /// Pixels across and down that a face must have at least.
    pub least: (usize, usize),
    /// Joined pixels of which the warmest area consists; more than 9, or one hot pixel, spread by the mean, is an area.
    pub area: usize,
}

/// A face and its warmest stable area.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Columns.
    pub columns: Range<usize>,
    /// Rows.
    pub rows: Range<usize>,
    /// °C of the warmest area: the mean of its pixels.
    pub celsius: f32,
    /// A pixel of it.
    pub at: (usize, usize),
}

/// Rows of a face in which eyes are, in parts of its height from the top.
const EYES: (f64, f64) = (0.15, 0.65);
/// A face is at most so much higher than wide; what is below is neck.
const SLENDER: f64 = 1.5;
/// Another area as warm as skin is a second person from this part of the first one's pixels on.
const PERSON: f64 = 0.25;

/// The one face in the window.
///
/// # Errors
/// Every reason why there is none that counts, and the face, where there is one in spite of them.
pub fn find(picture: &Thermogram, rules: &Rules) -> (Option<Face>, Vec<Reason>) {
    let (columns, rows) = rules.window.of(picture);
    let plane = Plane::smooth(picture, &columns, &rows);
    let mut patches = plane.patches(&rules.skin);
    patches.sort_by_key(|patch| std::cmp::Reverse(patch.pixels.len()));
    let Some(face) = patches.first().filter(|face| face.pixels.len() >= rules.area) else {
        return (None, vec![Reason::NoFace]);
    };
    let mut reasons = Vec::new();
    let persons = patches.iter().filter(|patch| patch.pixels.len() as f64 >= PERSON * face.pixels.len() as f64).count();
    if persons > 1 {
        reasons.push(Reason::Persons { seen: persons });
    }
    let (width, height) = (face.columns.len(), face.rows.len());
    if width < rules.least.0 || height < rules.least.1 {
        reasons.push(Reason::FaceSmall { seen: (width, height), least: rules.least });
    }
    let touches = |side: &Range<usize>, of: usize| side.start == 0 || side.end == of;
    if touches(&face.columns, plane.width) || face.rows.start == 0 {
        reasons.push(Reason::FaceCut);
    }
    if plane.over(face, *rules.skin.end()) {
        reasons.push(Reason::Hot);
    }
    let warmest = plane.warmest(face, rules.area);
    if warmest.is_none() {
        reasons.push(Reason::NoArea);
    }
    let moved = |side: &Range<usize>, by: usize| side.start + by..side.end + by;
    let face = warmest.map(|(celsius, at)| Face {
        columns: moved(&face.columns, columns.start),
        rows: moved(&face.rows, rows.start),
        celsius,
        at: (at % plane.width + columns.start, at / plane.width + rows.start),
    });
    (face, reasons)
}

/// The window, each pixel the mean of what is around it.
struct Plane {
    width: usize,
    celsius: Vec<f32>,
}

/// Joined pixels as warm as skin.
struct Patch {
    pixels: Vec<usize>,
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Plane {
    fn smooth(picture: &Thermogram, columns: &Range<usize>, rows: &Range<usize>) -> Self {
        let mean = |x: usize, y: usize| {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in (y.saturating_sub(1)..=y + 1).filter_map(|y| picture.row(y)) {
                for celsius in &row[x.saturating_sub(1)..row.len().min(x + 2)] {
                    if celsius.is_finite() {
                        (sum, count) = (sum + celsius, count + 1.0);
                    }
                }
            }
            sum / count
        };
        let celsius =
            rows.clone().flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect();
        Self { width: columns.len(), celsius }
    }

    fn neighbours(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let (width, length, x) = (self.width, self.celsius.len(), at % self.width);
        let left = (x > 0).then(|| at - 1);
        let right = (x + 1 < width).then_some(at + 1);
        let above = at.checked_sub(width);
        let below = Some(at + width).filter(|below| *below < length);
        [left, right, above, below].into_iter().flatten()
    }

    fn patches(&self, skin: &RangeInclusive<f32>) -> Vec<Patch> {
        let mut open: Vec<bool> = self.celsius.iter().map(|celsius| skin.contains(celsius)).collect();
        let mut patches = Vec::new();
        for first in 0..open.len() {
            if !std::mem::take(&mut open[first]) {
                continue;
            }
            let mut pixels = vec![first];
            let mut next = 0;
            while let Some(at) = pixels.get(next).copied() {
                next += 1;
                pixels.extend(self.neighbours(at).filter(|near| std::mem::take(&mut open[*near])));
            }
            patches.push(self.patch(pixels));
        }
        patches
    }

    fn patch(&self, pixels: Vec<usize>) -> Patch {
        let span = |of: &dyn Fn(usize) -> usize| {
            let (low, high) =
                pixels.iter().fold((usize::MAX, 0), |(low, high), at| (low.min(of(*at)), high.max(of(*at))));
            low..high + 1
        };
        let (columns, rows) = (span(&|at| at % self.width), span(&|at| at / self.width));
        Patch { pixels, columns, rows }
    }

    /// True where something hotter than skin is on the face or beside it.
    fn over(&self, face: &Patch, limit: f32) -> bool {
        let near = |at: usize| face.columns.contains(&(at % self.width)) && face.rows.contains(&(at / self.width));
        (0..self.celsius.len()).any(|at| near(at) && self.celsius[at] > limit)
    }

    /// Mean and one pixel of the first `area` joined pixels that come together, the warmest taken first.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // within a picture
    fn warmest(&self, face: &Patch, area: usize) -> Option<(f32, usize)> {
        let height = (face.rows.len() as f64).min(face.columns.len() as f64 * SLENDER);
        let row = |part: f64| face.rows.start + (height * part).round() as usize;
        let eyes = row(EYES.0)..row(EYES.1);
        let mut pixels: Vec<usize> =
            face.pixels.iter().copied().filter(|at| eyes.contains(&(at / self.width))).collect();
        pixels.sort_by(|a, b| self.celsius[*b].total_cmp(&self.celsius[*a]).then(a.cmp(b)));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut group_of = std::collections::BTreeMap::new();
        for at in pixels {
            let mut joined: Vec<usize> = self.neighbours(at).filter_map(|near| group_of.get(&near).copied()).collect();
            joined.sort_unstable();
            joined.dedup();
            let mut group = vec![at];
            for old in joined {
                group.append(&mut groups[old]);
            }
            if group.len() >= area {
                let sum: f32 = group.iter().map(|at| self.celsius[*at]).sum();
                let warmest = group.iter().copied().max_by(|a, b| self.celsius[*a].total_cmp(&self.celsius[*b]))?;
                return Some((sum / group.len() as f32, warmest));
            }
            group_of.extend(group.iter().map(|at| (*at, groups.len())));
            groups.push(group);
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const WIDTH: usize = 60;
    const HEIGHT: usize = 60;

    pub(in super::super) fn rules() -> Rules {
        Rules { window: Window::WHOLE, skin: 30.0..=43.0, least: (18, 24), area: 4 }
    }

    /// A room of 22 °C with faces of 34 °C around these centres, 20 across and 28 down.
    pub(in super::super) fn room(faces: &[(usize, usize)]) -> Vec<f32> {
        let within = |x: usize, y: usize, face: &(usize, usize)| x.abs_diff(face.0) < 10 && y.abs_diff(face.1) < 14;
        let celsius = |x, y| if faces.iter().any(|face| within(x, y, face)) { 34.0 } else { 22.0 };
        (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).map(|(x, y)| celsius(x, y)).collect()
    }

    /// Warms a square of `side` pixels.
    pub(in super::super) fn warm(celsius: &mut [f32], at: (usize, usize), side: usize, degrees: f32) {
        for y in at.1..at.1 + side {
            celsius[y * WIDTH + at.0..y * WIDTH + at.0 + side].fill(degrees);
        }
    }

    pub(in super::super) fn picture(celsius: Vec<f32>) -> Thermogram {
        Thermogram::new(WIDTH, celsius).unwrap()
    }

    fn found(celsius: Vec<f32>) -> (Option<Face>, Vec<Reason>) {
        find(&picture(celsius), &rules())
    }

    #[test]
    fn the_warmest_joined_area_of_the_eyes_is_the_value() {
        let mut celsius = room(&[(30, 30)]);
        warm(&mut celsius, (34, 26), 4, 36.4);
        let (face, reasons) = found(celsius);
        let face = face.unwrap();
        assert_eq!(reasons, []);
        assert!((face.celsius - 36.4).abs() < 0.01, "{face:?}");
        assert!((34..38).contains(&face.at.0) && (26..30).contains(&face.at.1), "{face:?}");
    }

    #[test]
    fn one_hot_pixel_and_a_warm_mouth_are_not_the_value() {
        let mut celsius = room(&[(30, 30)]);
        warm(&mut celsius, (34, 26), 4, 36.4);
        warm(&mut celsius, (26, 27), 1, 42.0);
        warm(&mut celsius, (28, 39), 4, 38.0);
        let (face, reasons) = found(celsius);
        assert_eq!(reasons, []);
        assert!((face.unwrap().celsius - 36.4).abs() < 0.05);
        let mut glint = room(&[(30, 30)]);
        warm(&mut glint, (30, 27), 1, 42.0);
        let face = find(&picture(glint), &Rules { area: 30, ..rules() }).0.unwrap();
        assert!(face.celsius < 34.5, "{face:?}");
    }

    #[test]
    fn an_empty_room_two_persons_a_distant_one_and_half_a_face_do_not_count() {
        assert_eq!(found(room(&[])), (None, vec![Reason::NoFace]));
        assert_eq!(found(room(&[(15, 30), (45, 30)])).1, [Reason::Persons { seen: 2 }]);
        assert!(found(room(&[(5, 30)])).1.contains(&Reason::FaceCut));
        let small = Rules { least: (40, 50), ..rules() };
        let reasons = find(&picture(room(&[(30, 30)])), &small).1;
        assert!(matches!(reasons[..], [Reason::FaceSmall { least: (40, 50), .. }]), "{reasons:?}");
    }

    #[test]
    fn a_lamp_or_a_hot_drink_before_the_face_does_not_count() {
        let mut celsius = room(&[(30, 30)]);
        warm(&mut celsius, (28, 36), 5, 60.0);
        assert_eq!(found(celsius).1, [Reason::Hot]);
    }

    #[test]
    fn what_is_outside_of_the_window_is_not_looked_at() {
        let half = Window { left: 0.0, top: 0.0, width: 0.5, height: 1.0 };
        let (face, reasons) = find(&picture(room(&[(15, 30), (45, 30)])), &Rules { window: half, ..rules() });
        assert_eq!(reasons, []);
        assert!(face.unwrap().columns.end <= 30);
    }
}

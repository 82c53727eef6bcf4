//! What it is made of: two energies tell light atoms from heavy ones, whatever their thickness.
//!
//! With `a = ln(AIR / low)` and `b = ln(AIR / high)`, the ratio `a / b` grows with the atomic number and falls with
//! thickness, as the beam hardens (R. E. Alvarez and A. Macovski, Physics in Medicine and Biology 21, 733, 1976;
//! V. Rebuffel and J.-M. Dinten, Insight 49, 589, 2007). A wedge of polyethylene, aluminium and iron gives the ratio of
//! each at every `b`. Between two of them lie all their mixtures, so that the border at an effective atomic number is
//! where the mixture has it; how that is computed, and the picture's mapping for a shader, is in docs/materials.md.

mod smooth;
mod wedge;

use super::scan::Plane;
use super::{AIR, Scan};
use wedge::Curve;
pub use wedge::{Patch, Reference, STEPS_MIN, WedgeError};

/// What an officer's colours are chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Too thin to say.
    Empty,
    /// Effective atomic number below [`BORDERS`]`.0`: food, cloth, plastics, explosives.
    Organic,
    /// Between the borders: light metals, glass, salts, and organic over metal.
    Mixed,
    /// Above [`BORDERS`]`.1`: steel, copper.
    Inorganic,
    /// Too thick to say.
    Saturated,
}

/// Effective atomic numbers where organic ends and where inorganic begins, as makers of these machines give them
/// (docs/materials.md names the page).
pub const BORDERS: (f64, f64) = (10.0, 18.0);

impl Class {
    /// All of them, in the order of [`Self::code`].
    pub const ALL: [Self; 5] = [Self::Empty, Self::Organic, Self::Mixed, Self::Inorganic, Self::Saturated];

    /// As in the alpha of [`Table::texture`].
    pub const fn code(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Organic => 1,
            Self::Mixed => 2,
            Self::Inorganic => 3,
            Self::Saturated => 4,
        }
    }

    /// As in records and on screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Organic => "organic",
            Self::Mixed => "mixed",
            Self::Inorganic => "inorganic",
            Self::Saturated => "saturated",
        }
    }

    /// Of middle lightness: orange, green, blue. What cannot be told has no colour.
    pub const fn colour(self) -> [u8; 3] {
        match self {
            Self::Organic => [240, 130, 20],
            Self::Mixed => [40, 160, 70],
            Self::Inorganic => [50, 100, 225],
            Self::Empty | Self::Saturated => [128, 128, 128],
        }
    }

    /// The class of an effective atomic number.
    pub fn of_effective_z(z: f64) -> Self {
        if z < BORDERS.0 {
            Self::Organic
        } else if z < BORDERS.1 {
            Self::Mixed
        } else {
            Self::Inorganic
        }
    }
}

/// Cells of a side of the table.
pub const SIDE: usize = 256;
/// `b` at the table's right edge.
const DEPTH_MAX: f64 = 8.0;
/// log2 of `a / b` at its upper edge.
const RATIO_MAX: f64 = 3.0;
/// A class is said where the mixed band is wider than this many deviations to either side of its middle.
const SURE: f64 = 2.5;
/// Samples that the local average takes together where nothing is near an edge; near one it is about half of them.
const TOGETHER: f64 = (smooth::REACH * 2 + 1).pow(2) as f64 / 2.0;
/// What averaging does not help: gains that are off by this part, as elements and the beam drift between two times of air.
const GAIN_ERROR: f64 = 0.002;
/// And what scatter, afterglow and a dark value that moved add to each sample, part of air.
const OFFSET_ERROR: f64 = 0.0005;

/// Class by what both energies lose, for one machine at one setting of its tube.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Rows of one `a / b`, the lowest first.
    cells: Vec<Class>,
}

impl Table {
    /// From steps of a wedge of all [`Reference`]s.
    ///
    /// # Errors
    /// [`WedgeError`] where steps are too few or cannot be what they are said to be.
    pub fn calibrated(patches: &[Patch]) -> Result<Self, WedgeError> {
        let [light, middle, heavy] = Reference::ALL.map(|material| Curve::of(material, patches));
        let curves = [light?, middle?, heavy?];
        let noise = Noise::of(patches);
        let deepest = curves.iter().map(Curve::deepest).fold(f64::INFINITY, f64::min);
        let mut cells = vec![Class::Empty; SIDE * SIDE];
        for column in 0..SIDE {
            let b = DEPTH_MAX * ((column as f64 + 0.5) / SIDE as f64).powi(2);
            let borders = borders(&curves, b).ok_or(WedgeError::Crossed { depth: b }).or_else(|crossed| {
                // Curves may meet where nothing is said anyway.
                if b > deepest || b < 0.01 { Ok((1.0, 1.0)) } else { Err(crossed) }
            })?;
            for row in 0..SIDE {
                let ratio = (RATIO_MAX * (row as f64 + 0.5) / SIDE as f64).exp2();
                let unsure = (borders.1 - borders.0) * b <= 2.0 * SURE * noise.of_difference(ratio * b, b, ratio);
                cells[row * SIDE + column] = match (unsure || b > deepest, b < thin(deepest), ratio) {
                    (true, true, _) => Class::Empty,
                    (true, false, _) => Class::Saturated,
                    (false, _, ratio) if ratio < borders.0 => Class::Organic,
                    (false, _, ratio) if ratio < borders.1 => Class::Mixed,
                    (false, ..) => Class::Inorganic,
                };
            }
        }
        Ok(Self { cells })
    }

    /// The class of two corrected samples. Of single ones it speckles; [`Self::classes`] averages first.
    pub fn lookup(&self, low: u16, high: u16) -> Class {
        self.of(f32::from(low), f32::from(high))
    }

    /// The class of two means of corrected samples.
    fn of(&self, low: f32, high: f32) -> Class {
        self.cells[cell(low, high)]
    }

    /// [`SIDE`] rows of [`SIDE`] RGBA cells, the row of the lowest ratio first: colour of the class, and its code as
    /// alpha. docs/materials.md says which cell belongs to which samples.
    pub fn texture(&self) -> Vec<u8> {
        self.cells
            .iter()
            .flat_map(|class| {
                let [r, g, b] = class.colour();
                [r, g, b, class.code()]
            })
            .collect()
    }

    /// The class of every sample of one view, lines one after the other, each decided by the local average of docs/materials.md.
    /// Empty where no two energies were measured: one alone tells nothing, and colours of somebody else nothing that is known.
    pub fn classes(&self, scan: &Scan, view: u8) -> Vec<Class> {
        match (scan.plane(view, 0), scan.plane(view, 1)) {
            (Some(low), Some(high)) if scan.format().dual() => self.classes_of(low, high),
            (Some(_) | None, Some(_) | None) => Vec::new(),
        }
    }

    fn classes_of(&self, low: Plane<'_>, high: Plane<'_>) -> Vec<Class> {
        let mut classes = Vec::with_capacity(low.lines() * low.pixels());
        smooth::each(low, high, |low, high| classes.push(self.of(low, high)));
        classes
    }
}

/// Place of two samples in the table. The same in the page's shader, which has floats of 32 bits.
fn cell(low: f32, high: f32) -> usize {
    let air = f32::from(AIR);
    let (a, b) = ((air / low.max(1.0)).ln().max(0.0), (air / high.max(1.0)).ln().max(0.0));
    let side = SIDE as f32;
    let column = side * (b / DEPTH_MAX as f32).sqrt();
    let row = if b > 0.0 { side * (a / b).max(1.0).log2() / RATIO_MAX as f32 } else { 0.0 };
    let within = |place: f32| (place as usize).min(SIDE - 1);
    within(row) * SIDE + within(column)
}

/// What is unsure and loses less than this is too thin, else too thick.
fn thin(deepest: f64) -> f64 {
    deepest.min(1.0) / 2.0
}

/// Ratios at `b` where the effective atomic number passes [`BORDERS`]; `None` where the curves are not in order.
fn borders(curves: &[Curve; 3], b: f64) -> Option<(f64, f64)> {
    let [light, middle, heavy] = [0, 1, 2].map(|at| (curves[at].at(b), Reference::ALL[at].effective_z()));
    let rising = light.0.0 < middle.0.0 && middle.0.0 < heavy.0.0;
    rising.then(|| (border(light, middle, BORDERS.0), border(middle, heavy, BORDERS.1)))
}

/// The ratio of that mixture of two materials, each as ((ratio, electrons), effective atomic number), that has `z`.
fn border((light, light_z): ((f64, f64), f64), (heavy, heavy_z): ((f64, f64), f64), z: f64) -> f64 {
    const POWER: f64 = 2.94;
    let (below, above) = (z.powf(POWER) - light_z.powf(POWER), heavy_z.powf(POWER) - z.powf(POWER));
    let part = light.1 * below / (light.1 * below + heavy.1 * above);
    light.0 + part * (heavy.0 - light.0)
}

/// What a sample's variance is where `through` is left of the air: that of its photons, so proportional to it.
#[derive(Clone, Copy, Debug)]
struct Noise {
    low: f64,
    high: f64,
}

impl Noise {
    fn of(patches: &[Patch]) -> Self {
        let air = f64::from(AIR);
        let middle = |of: fn(&Patch) -> (f64, f64)| {
            let mut all: Vec<f64> =
                patches.iter().map(of).map(|(mean, variance)| variance / (mean.max(1.0) * air)).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(0.0)
        };
        Self {
            low: middle(|patch| (patch.low, patch.low_variance)),
            high: middle(|patch| (patch.high, patch.high_variance)),
        }
    }

    /// Deviation of `a - ratio · b`, the way across the borders.
    fn of_difference(self, a: f64, b: f64, ratio: f64) -> f64 {
        let of_depth = |depth: f64, photons: f64| {
            let through = (-depth).exp();
            photons / through / TOGETHER + GAIN_ERROR.powi(2) + (OFFSET_ERROR / through).powi(2)
        };
        (of_depth(a, self.low) + ratio.powi(2) * of_depth(b, self.high)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of a machine with two single lines of 60 and 100 keV, by Beer and Lambert; 1/cm as NIST has them.
    fn patches() -> Vec<Patch> {
        let materials = [
            (Reference::Polyethylene, 0.1852, 0.1616, 1.5),
            (Reference::Aluminium, 0.7501, 0.4601, 0.5),
            (Reference::Iron, 9.483, 2.926, 0.08),
        ];
        let step = |material, low: f64, high: f64, thickness_cm: f64| Patch {
            material,
            thickness_cm,
            low: f64::from(AIR) * (-low * thickness_cm).exp(),
            high: f64::from(AIR) * (-high * thickness_cm).exp(),
            low_variance: 40_000.0,
            high_variance: 40_000.0,
        };
        let of = |(material, low, high, thick)| (1..15).map(move |at| step(material, low, high, thick * f64::from(at)));
        materials.into_iter().flat_map(of).collect()
    }

    #[test]
    fn a_cell_is_where_the_page_computes_it_too() {
        assert_eq!(cell(60_000.0, 60_000.0), 0);
        assert_eq!(cell(65_535.0, 65_535.0), 0, "brighter than air is air");
        // b = ln(60000/8000) = 2.0149, 256 sqrt(b / 8) = 128.5; a = ln 60 = 4.0943, a / b = 2.0320, 256 log2(a / b) / 3 = 87.3
        assert_eq!(cell(1_000.0, 8_000.0), 87 * SIDE + 128);
        // The harder energy loses more than the softer one: noise, taken as the lowest ratio.
        assert_eq!(cell(60_000.0, 8_000.0), 128);
        // ln 60000 = 11.0 is beyond the right edge.
        assert_eq!(cell(0.0, 0.0), 255);
    }

    #[test]
    fn the_texture_has_each_cells_colour_and_code() {
        let table = Table::calibrated(&patches()).unwrap();
        let texture = table.texture();
        assert_eq!(texture.len(), SIDE * SIDE * 4);
        for (low, high) in [(60_000, 60_000), (30_000, 33_000), (1_000, 8_000), (40_000, 52_000), (0, 0)] {
            let class = table.lookup(low, high);
            let at = 4 * cell(f32::from(low), f32::from(high));
            let [r, g, b] = class.colour();
            assert_eq!(texture[at..at + 4], [r, g, b, class.code()], "{low} {high}: {class:?}");
        }
    }

    /// Of single lines ratios do not depend on thickness: 1.146, 1.630 and 3.241; water has 1.206, copper 3.47.
    #[test]
    fn single_lines_give_the_same_class_at_every_thickness() {
        let table = Table::calibrated(&patches()).unwrap();
        let at = |low: f64, high: f64, cm: f64| {
            let sample = |attenuation: f64| (f64::from(AIR) * (-attenuation * cm).exp()) as u16;
            table.lookup(sample(low), sample(high))
        };
        for cm in [1.0, 3.0, 8.0] {
            assert_eq!(at(0.2059, 0.1707, cm), Class::Organic, "water of {cm} cm");
            assert_eq!(at(0.7501, 0.4601, cm / 2.0), Class::Mixed, "aluminium of {cm} / 2 cm");
            assert_eq!(at(14.27, 4.108, cm / 40.0), Class::Inorganic, "copper of {cm} / 40 cm");
        }
        assert_eq!(at(0.2059, 0.1707, 0.02), Class::Empty);
        assert_eq!(at(14.27, 4.108, 3.0), Class::Saturated);
    }

    #[test]
    fn a_border_lies_where_the_mixture_has_its_effective_atomic_number() {
        // As many electrons of 6 and of 12 have 10 where the part f of the heavier one has
        // (1 - f) 6^2.94 + f 12^2.94 = 10^2.94: f = (870.96 - 193.98) / (1488.7 - 193.98) = 0.5229.
        let ratio = border(((1.0, 5.0), 6.0), ((2.0, 5.0), 12.0), 10.0);
        assert!((ratio - 1.5229).abs() < 0.0005, "{ratio}");
        // Where the heavier one needs half the electrons for the same loss, more of the loss must be its own.
        let fewer = border(((1.0, 5.0), 6.0), ((2.0, 2.5), 12.0), 10.0);
        assert!(fewer > ratio, "{fewer}");
    }

    #[test]
    fn a_wedge_that_cannot_be_says_which_step() {
        let refused = |patches: Vec<Patch>| Table::calibrated(&patches).unwrap_err();
        let only_light = patches().into_iter().filter(|patch| patch.material != Reference::Iron).collect();
        assert_eq!(refused(only_light), WedgeError::TooFew { material: Reference::Iron, found: 0 });
        let mut exchanged = patches();
        exchanged[3].thickness_cm = exchanged[5].thickness_cm + 0.1;
        assert!(matches!(refused(exchanged), WedgeError::Disorder { material: Reference::Polyethylene, .. }));
        let other = |patch: Patch| match patch.material {
            Reference::Polyethylene => Reference::Iron,
            Reference::Aluminium => Reference::Aluminium,
            Reference::Iron => Reference::Polyethylene,
        };
        let crossed = patches().into_iter().map(|patch| Patch { material: other(patch), ..patch }).collect();
        assert!(matches!(refused(crossed), WedgeError::Crossed { .. }));
    }
}

//! What a step wedge of known materials looks like to this very machine: for each material, how the two energies go
//! together at every thickness. Hardening of the beam is in it, for it is measured and not computed.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::image::{AIR, Scan};

/// A material that calibrates. One at either end and one in the middle of what is to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// CH₂, for all that is organic.
    Polyethylene,
    /// For light metals, and what behaves like them.
    Aluminium,
    /// For heavier metals.
    Iron,
}

impl Reference {
    /// All of them, the lightest atoms first.
    pub const ALL: [Self; 3] = [Self::Polyethylene, Self::Aluminium, Self::Iron];

    /// Effective atomic number, the mean of the power 2.94 over electrons (W. V. Mayneord, 1937): for CH₂
    /// `((2 · 1^2.94 + 6 · 6^2.94) / 8)^(1/2.94)`.
    pub const fn effective_z(self) -> f64 {
        match self {
            Self::Polyethylene => 5.444,
            Self::Aluminium => 13.0,
            Self::Iron => 26.0,
        }
    }

    /// Moles of electrons in a cm³: density times electrons for each unit of mass, 8/14.027, 13/26.982 and 26/55.845.
    const fn electrons(self) -> f64 {
        match self {
            Self::Polyethylene => 0.94 * 0.570_33,
            Self::Aluminium => 2.70 * 0.481_80,
            Self::Iron => 7.87 * 0.465_57,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Polyethylene => "polyethylene",
            Self::Aluminium => "aluminium",
            Self::Iron => "iron",
        }
    }
}

/// One step of a wedge as corrected samples show it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// What it is made of.
    pub material: Reference,
    /// How thick it is, cm.
    pub thickness_cm: f64,
    /// Mean of the softer energy, samples.
    pub low: f64,
    /// Mean of the harder energy, samples.
    pub high: f64,
    /// Variance of one sample of the softer energy.
    pub low_variance: f64,
    /// Variance of one sample of the harder energy.
    pub high_variance: f64,
}

impl Patch {
    /// Of samples that all lie on the same step; keep away from its edges.
    pub fn measured(material: Reference, thickness_cm: f64, low: &[u16], high: &[u16]) -> Self {
        let ((low, low_variance), (high, high_variance)) = (spread(low), spread(high));
        Self { material, thickness_cm, low, high, low_variance, high_variance }
    }

    /// Of a rectangle on an image of the wedge. `None` where it did not measure two energies or has no sample there.
    pub fn on(
        scan: &Scan,
        view: u8,
        (lines, elements): (Range<usize>, Range<usize>),
        (material, thickness_cm): (Reference, f64),
    ) -> Option<Self> {
        let within = |energy: u8| -> Option<Vec<u16>> {
            let plane = scan.plane(view, energy)?;
            let rows = lines.clone().map(|line| plane.line(line).get(elements.clone()));
            Some(rows.collect::<Option<Vec<_>>>()?.concat()).filter(|samples| !samples.is_empty())
        };
        if !scan.format().dual() {
            return None;
        }
        Some(Self::measured(material, thickness_cm, &within(0)?, &within(1)?))
    }
}

fn spread(samples: &[u16]) -> (f64, f64) {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
    (mean, samples.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum::<f64>() / count)
}

/// Why a wedge calibrates nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum WedgeError {
    /// Too few steps of one material let anything through.
    TooFew {
        /// Of which.
        material: Reference,
        /// How many there are.
        found: usize,
    },
    /// A thicker step lets more through, or the harder energy less than the softer one.
    Disorder {
        /// Of which.
        material: Reference,
        /// The step, cm.
        thickness_cm: f64,
    },
    /// At one absorption the curves are not in the order of their atoms.
    Crossed {
        /// ln of what the harder energy loses.
        depth: f64,
    },
}

impl fmt::Display for WedgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { material, found } => write!(
                f,
                "material calibration: {found} usable steps of {}, expected at least {STEPS_MIN} that absorb between 1 % and \
                 99.9 %; scan a wedge with more steps",
                material.word()
            ),
            Self::Disorder { material, thickness_cm } => write!(
                f,
                "material calibration: {} of {thickness_cm} cm lets more through than a thinner step, or more of the softer \
                 than of the harder energy; check the order of the steps, and which energy is which",
                material.word()
            ),
            Self::Crossed { depth } => write!(
                f,
                "material calibration: where the harder energy loses {:.0} %, polyethylene, aluminium and iron do not look \
                 lighter to heavier; check which step was which",
                100.0 * (1.0 - (-depth).exp())
            ),
        }
    }
}

impl std::error::Error for WedgeError {}

/// Usable steps of each material.
pub const STEPS_MIN: usize = 4;

/// How one material looks at every thickness.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Square root of ln of what the harder energy loses; ln of the ratio of both; moles of electrons for each unit of
    /// that loss. In this measure curves are nearly straight, so that few steps suffice.
    points: Vec<(f64, f64, f64)>,
}

impl Curve {
    pub(super) fn of(material: Reference, patches: &[Patch]) -> Result<Self, WedgeError> {
        let mut steps: Vec<&Patch> = patches.iter().filter(|patch| patch.material == material).collect();
        steps.sort_by(|left, right| left.thickness_cm.total_cmp(&right.thickness_cm));
        let mut points: Vec<(f64, f64, f64)> = Vec::new();
        for step in steps {
            let (low, high) = (depth(step.low), depth(step.high));
            if high < 0.01 || step.low < 0.001 * f64::from(AIR) {
                continue;
            }
            let point = (high.sqrt(), (low / high).ln(), material.electrons() * step.thickness_cm / high);
            if low < high || points.last().is_some_and(|last| last.0 >= point.0) {
                return Err(WedgeError::Disorder { material, thickness_cm: step.thickness_cm });
            }
            points.push(point);
        }
        if points.len() < STEPS_MIN {
            return Err(WedgeError::TooFew { material, found: points.len() });
        }
        Ok(Self { points })
    }

    /// The greatest loss that was measured.
    pub(super) fn deepest(&self) -> f64 {
        self.points.last().map_or(0.0, |last| last.0 * last.0)
    }

    /// Ratio of both energies' losses, and moles of electrons in a cm², where the harder energy loses `depth`. Below the
    /// first step the line through the first two goes on.
    pub(super) fn at(&self, depth: f64) -> (f64, f64) {
        let place = depth.max(0.0).sqrt();
        let after = self.points.partition_point(|point| point.0 <= place).clamp(1, self.points.len() - 1);
        let (before, after) = (self.points[after - 1], self.points[after]);
        let part = (place - before.0) / (after.0 - before.0);
        let between = |before: f64, after: f64| before + part * (after - before);
        (between(before.1, after.1).exp(), depth * between(before.2, after.2).max(0.0))
    }
}

/// ln of what is missing from air.
pub(super) fn depth(sample: f64) -> f64 {
    (f64::from(AIR) / sample.max(1.0)).ln()
}

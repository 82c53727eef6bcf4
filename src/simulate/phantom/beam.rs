//! What leaves the tube, what the detector makes of it, and what is left behind a path: Beer and Lambert at every energy.
//!
//! ```text
//!   tube ── filter ──► subject ──► front crystal ── copper ──► back crystal      (one tube, two layers)
//!   Kramers            exp(-μ t)   low energy                  high energy
//! ```
//! The number of photons of energy E from a thick target under E0 is taken as proportional to E0/E - 1 (H. A. Kramers,
//! Philosophical Magazine 46, 836, 1923). That leaves out the target's own lines and absorption, and for a linear
//! accelerator the forward direction; the shape is right enough for pictures and for a calibration that must cope with
//! hardening, and wrong for dosimetry. A crystal weighs each photon that it stops with its energy.

use super::material::{ALL, Material};

/// A thickness of a material, cm.
pub type Layer = (Material, f64);

/// Energies in one beam.
const BINS: u32 = 32;

/// What one detector layer sees of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    /// keV, the part of the detected photons in air that have it, and each material's attenuation at it.
    lines: Vec<(f64, f64, [f64; ALL.len()])>,
}

/// How much of the air value is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// Of the signal.
    pub signal: f64,
    /// Of the variance that its photons bring.
    pub variance: f64,
}

impl Beam {
    /// Lines of given energy (keV) and given parts of the detected photons.
    pub fn lines(lines: &[(f64, f64)]) -> Self {
        let all: f64 = lines.iter().map(|(_, part)| part).sum();
        let known = |kev: f64| ALL.map(|material| material.attenuation(kev));
        Self { lines: lines.iter().map(|(kev, part)| (*kev, part / all, known(*kev))).collect() }
    }

    /// A tube at `peak` kV (or an accelerator of `peak` keV) behind `before`, seen by `crystal` behind itself.
    pub fn tube(peak: f64, before: &[Layer], crystal: Layer) -> Self {
        // Equal steps of the logarithm: most photons are soft, and the coefficients change most there.
        let (lowest, step) = (15f64.ln(), (peak.ln() - 15f64.ln()) / f64::from(BINS));
        let lines = (0..BINS).map(|bin| {
            let kev = (lowest + (f64::from(bin) + 0.5) * step).exp();
            let photons = (peak / kev - 1.0) * kev * step;
            (kev, photons * (-depth(before, kev)).exp() * (1.0 - (-depth(&[crystal], kev)).exp()))
        });
        Self::lines(&lines.collect::<Vec<_>>())
    }

    /// What is left of the air value behind `path`.
    pub fn behind(&self, path: &[Layer]) -> Left {
        let (mut left, mut air) = ((0.0, 0.0), (0.0, 0.0));
        if path.is_empty() {
            return Left { signal: 1.0, variance: 1.0 };
        }
        for (kev, part, known) in &self.lines {
            let mut depth = 0.0;
            for (material, thickness) in path {
                depth += known[*material as usize] * thickness;
            }
            let through = part * (-depth).exp();
            left = (left.0 + through * kev, left.1 + through * kev * kev);
            air = (air.0 + part * kev, air.1 + part * kev * kev);
        }
        Left { signal: left.0 / air.0, variance: left.1 / air.1 }
    }

    /// How much larger the relative variance of an energy-weighing crystal is than that of one that counts.
    pub fn excess(&self) -> f64 {
        let moment = |power: i32| self.lines.iter().map(|(kev, part, _)| part * kev.powi(power)).sum::<f64>();
        moment(2) / (moment(1) * moment(1))
    }
}

fn depth(path: &[Layer], kev: f64) -> f64 {
    path.iter().map(|(material, thickness)| material.attenuation(kev) * thickness).sum()
}

/// The two beams of a dual-energy machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The softer one.
    pub low: Beam,
    /// The harder one.
    pub high: Beam,
}

impl Pair {
    /// A baggage machine: one tube at 160 kV behind 3 mm of aluminium, two crystals with 0.6 mm of copper between them.
    pub fn baggage() -> Self {
        Self::baggage_at(160.0)
    }

    /// The same with its tube at `peak` kV.
    pub fn baggage_at(peak: f64) -> Self {
        let (filter, front) = ((Material::Aluminium, 0.3), (Material::CaesiumIodide, 0.04));
        let between = [filter, front, (Material::Copper, 0.06)];
        Self {
            low: Beam::tube(peak, &[filter], front),
            high: Beam::tube(peak, &between, (Material::CaesiumIodide, 0.4)),
        }
    }

    /// A cargo machine: an accelerator that alternates between 4 and 6 MeV behind 2 cm of copper, one crystal of 3 cm.
    pub fn cargo() -> Self {
        let (filter, crystal) = ((Material::Copper, 2.0), (Material::CaesiumIodide, 3.0));
        Self { low: Beam::tube(4_000.0, &[filter], crystal), high: Beam::tube(6_000.0, &[filter], crystal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 0.0005, "{found}, expected {expected}");
    }

    #[test]
    fn one_line_is_weakened_as_beer_and_lambert_say() {
        let line = Beam::lines(&[(60.0, 1.0)]);
        // exp(-1.205 * 7.87 * 0.1)
        near(line.behind(&[(Material::Iron, 0.1)]).signal, 0.3874);
        // exp(-0.2059 * 2)
        near(line.behind(&[(Material::Water, 2.0)]).signal, 0.6625);
        // The product of both: exp(-0.9483 - 0.4118)
        near(line.behind(&[(Material::Iron, 0.1), (Material::Water, 2.0)]).signal, 0.2566);
        near(line.behind(&[]).signal, 1.0);
    }

    #[test]
    fn two_lines_are_weakened_each_by_itself_and_weighed_by_energy() {
        let two = Beam::lines(&[(60.0, 0.5), (100.0, 0.5)]);
        // Behind 1 cm of aluminium exp(-0.7501) = 0.4723 and exp(-0.4601) = 0.6312 are left:
        // signal (60 * 0.4723 + 100 * 0.6312) / 160, variance (3600 * 0.4723 + 10000 * 0.6312) / 13600.
        let left = two.behind(&[(Material::Aluminium, 1.0)]);
        near(left.signal, 0.5716);
        near(left.variance, 0.5891);
        // 0.5 * 3600 + 0.5 * 10000 over 80 squared.
        near(two.excess(), 1.0625);
    }

    #[test]
    fn thick_layers_harden_the_beam() {
        let pair = Pair::baggage();
        for beam in [&pair.low, &pair.high] {
            let depth = |cm: f64| -beam.behind(&[(Material::Iron, cm)]).signal.ln() / cm;
            assert!(depth(0.1) > 1.2 * depth(1.0), "{} and {}", depth(0.1), depth(1.0));
        }
    }

    /// What colours of a baggage screen rest on: the softer beam loses the more against the harder, the heavier the
    /// atoms are.
    #[test]
    fn two_energies_tell_organic_from_inorganic_from_metal() {
        let pair = Pair::baggage();
        let ratio = |material: Material| {
            // Each as thick as halves the harder signal.
            let thickness = (1..).map(|step| 0.01 * f64::from(step));
            let half = thickness.into_iter().find(|cm| pair.high.behind(&[(material, *cm)]).signal < 0.5).unwrap();
            let path = [(material, half)];
            pair.low.behind(&path).signal.ln() / pair.high.behind(&path).signal.ln()
        };
        let organic = ratio(Material::Polyethylene).max(ratio(Material::Water)).max(ratio(Material::Sugar));
        let light = ratio(Material::Aluminium).min(ratio(Material::Salt));
        let metal = ratio(Material::Iron).min(ratio(Material::Copper));
        assert!(organic + 0.1 < light && ratio(Material::Salt) + 0.1 < metal, "{organic} {light} {metal}");
    }

    #[test]
    fn cargo_beams_pass_through_steel_that_stops_a_baggage_machine() {
        let steel = [(Material::Iron, 10.0)];
        assert!(Pair::cargo().high.behind(&steel).signal > 0.02);
        assert!(Pair::baggage().high.behind(&steel).signal < 0.001);
    }
}

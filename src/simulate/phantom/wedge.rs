//! A step wedge of the three materials that calibrate, scanned: what a technician would do with the real one.

use super::beam::Pair;
use super::material::Material;
use super::scene::Scene;
use super::{Detector, Exposure};
use crate::image::material::{Patch, Reference};
use crate::image::{Format, Line, Scan};

/// Lines of a step, and how many at its edges are left out.
const STEP: usize = 20;
const EDGE: usize = 2;
/// Detector elements over each row of steps.
const ELEMENTS: u32 = 60;
type Rows = [(u32, f64); 2];
/// Steps and centimetres of each: a thin row, and one on which the thickest lets hardly anything through.
const ROWS: [(Material, Reference, Rows); 3] = [
    (Material::Polyethylene, Reference::Polyethylene, [(8, 0.2), (16, 1.6)]),
    (Material::Aluminium, Reference::Aluminium, [(8, 0.05), (16, 0.7)]),
    (Material::Iron, Reference::Iron, [(8, 0.005), (16, 0.1)]),
];

/// Every step as a machine with `beams` and `detector` sees it, the thinnest of each material first.
pub fn patches(beams: &Pair, detector: Detector) -> Vec<Patch> {
    let mut patches = Vec::new();
    for (material, reference, rows) in ROWS {
        for (steps, step) in rows {
            let scan = scan(&Scene::wedge(&[material], steps, step), beams, detector, steps);
            patches.extend((1..=steps).filter_map(|at| {
                let first = at as usize * STEP;
                let place = (first + EDGE..first + STEP - EDGE, 0..ELEMENTS as usize);
                Patch::on(&scan, 0, place, (reference, step * f64::from(at)))
            }));
        }
    }
    // The thick row begins where the thin one has not ended; steps of one thickness would be twice the same.
    patches.sort_by(|left, right| left.thickness_cm.total_cmp(&right.thickness_cm));
    patches.dedup_by(|later, earlier| {
        later.material == earlier.material && later.thickness_cm < earlier.thickness_cm + 1e-9
    });
    patches
}

/// One row of steps, the air before and behind it included.
fn scan(scene: &Scene, beams: &Pair, detector: Detector, steps: u32) -> Scan {
    let size = ((steps + 1) * STEP as u32, ELEMENTS);
    let exposure = Exposure::of(scene, beams, detector, size, u64::from(steps));
    let (width, height) = (exposure.width as usize, exposure.height as usize);
    let format =
        Format { pixels: exposure.height, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
    let mut scan = Scan::new(format);
    for index in 0..exposure.width {
        let column =
            |samples: &[u16]| -> Vec<u16> { (0..height).map(|row| samples[row * width + index as usize]).collect() };
        let samples = [column(&exposure.low), column(&exposure.high)].concat().into();
        scan.add(&Line { index, view: 0, filled: false, samples });
    }
    scan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::material::Table;

    #[test]
    fn the_wedge_of_the_phantoms_calibrates() {
        let patches = patches(&Pair::baggage(), Detector::default());
        assert!(patches.len() > 60, "{}", patches.len());
        Table::calibrated(&patches).unwrap();
    }
}

//! Tube and detector drift, and what lies on the belt for good grows: the air between subjects says how much.
//!
//! The level of a whole energy is followed quickly, for a tube changes as one; each element slowly, so that its own noise
//! does not become its gain: one that follows by 1/n of each line carries sqrt(1/2n) of the noise of one line, 1.6 % of it
//! at [`ELEMENT_LINES`]. What stands in the beam teaches nothing; that is decided by who calls.

use super::{AIR, Format};

/// Lines of air after which most of a change of the whole beam is followed.
const LEVEL_LINES: f32 = 64.0;
/// Lines of air after which most of a change of one element is followed.
const ELEMENT_LINES: f32 = 2_048.0;
/// How far a sample may lie from air and still teach, part of one.
const NEAR: f32 = 0.1;
/// Gains go no further than this from the calibration: beyond, the detector must be calibrated again.
const RANGE: (f32, f32) = (0.5, 2.0);

#[derive(Clone, Debug)]
pub(super) struct Air {
    pixels: usize,
    /// For each view as many as a line has samples.
    gains: Vec<Vec<f32>>,
}

impl Air {
    pub(super) fn new(format: &Format) -> Self {
        let gains = vec![vec![1.0; format.samples()]; usize::from(format.views.max(1))];
        Self { pixels: format.pixels.max(1) as usize, gains }
    }

    pub(super) fn of_view(&self, view: usize) -> &[f32] {
        self.gains.get(view).map_or(&[], Vec::as_slice)
    }

    /// How far the beam is from where it was calibrated, over all elements: 0.02 is 2 % brighter or darker.
    pub(super) fn drift(&self) -> f32 {
        let mean = |gains: &[f32]| gains.iter().sum::<f32>() / gains.len().max(1) as f32 - 1.0;
        let means = self.gains.iter().flat_map(|gains| gains.chunks(self.pixels)).map(mean);
        means.fold(0.0, |far, mean| if mean.abs() > f32::abs(far) { mean } else { far })
    }

    /// `samples` are a corrected line that saw nothing but air.
    pub(super) fn learn(&mut self, view: usize, samples: &[u16]) {
        let Some(gains) = self.gains.get_mut(view) else { return };
        for (gains, samples) in gains.chunks_mut(self.pixels).zip(samples.chunks(self.pixels)) {
            let missing = |sample: &u16| f32::from(AIR) / f32::from((*sample).max(1)) - 1.0;
            let near = || samples.iter().map(missing).filter(|missing| missing.abs() < NEAR);
            let count = near().count();
            if count * 2 < samples.len() {
                continue;
            }
            let level = near().sum::<f32>() / count as f32;
            for (gain, sample) in gains.iter_mut().zip(samples) {
                let own = Some(missing(sample) - level).filter(|own| own.abs() < NEAR).unwrap_or(0.0);
                *gain = (*gain * (1.0 + level / LEVEL_LINES + own / ELEMENT_LINES)).clamp(RANGE.0, RANGE.1);
            }
        }
    }
}

//! Elements of the detector that do not measure: found among their own kind by robust statistics, so that a few of them
//! cannot move the yardstick.
//!
//! A median and the median deviation from it, times 1.4826 (what makes it the standard deviation of a normal
//! distribution), stand for mean and deviation.

use std::fmt;

/// What is wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// It answers to light with less than a third of what its neighbours do.
    Dead,
    /// It says the same whatever happens.
    Stuck,
    /// It says much without light.
    Hot,
    /// It varies more than four times as much as the others.
    Noisy,
}

/// An element that is left out; its neighbours stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPixel {
    /// View, from 0.
    pub view: u8,
    /// Energy, 0 is the softer one.
    pub energy: u8,
    /// Element, from 0.
    pub pixel: u32,
    /// What is wrong with it.
    pub defect: Defect,
}

impl fmt::Display for BadPixel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.defect {
            Defect::Dead => "dead",
            Defect::Stuck => "stuck",
            Defect::Hot => "hot",
            Defect::Noisy => "noisy",
        };
        write!(f, "view {} energy {} element {} is {what}", self.view + 1, self.energy + 1, self.pixel)
    }
}

/// Part of its neighbours' answer that an element must give at least.
const RESPONSE_MIN: f32 = 1.0 / 3.0;
/// How many times the middle one's deviation an element may have.
const NOISE_MAX: f32 = 4.0;
/// How many deviations the dark value may lie from the middle one.
const DARK_DEVIATIONS: f32 = 10.0;
/// Less than this part of the middle answer is never too much without light.
const DARK_FLOOR: f32 = 0.02;
/// Elements to either side that an answer is held against: a fan beam is weaker at its ends, but slowly.
const NEIGHBOURS: usize = 16;

/// Mean and standard deviation of each element over the lines of one channel.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Seen {
    /// Of `pixels` elements from `first` on, in `lines` of at least that many.
    pub(super) fn of(lines: &[&[u16]], first: usize, pixels: usize) -> Self {
        let count = lines.len().max(1) as f32;
        let column = |at: usize| lines.iter().filter_map(move |line| line.get(at)).map(|sample| f32::from(*sample));
        let mean: Vec<f32> = (first..first + pixels).map(|at| column(at).sum::<f32>() / count).collect();
        let spread = |(at, mean): (usize, &f32)| {
            (column(first + at).map(|sample| (sample - mean).powi(2)).sum::<f32>() / count).sqrt()
        };
        let deviation = mean.iter().enumerate().map(spread).collect();
        Self { mean, deviation }
    }
}

/// What is wrong with which elements of one channel.
pub(super) fn find(dark: &Seen, white: &Seen) -> Vec<(u32, Defect)> {
    let answer: Vec<f32> = white.mean.iter().zip(&dark.mean).map(|(white, dark)| white - dark).collect();
    let middle = (median(&dark.mean), median(&dark.deviation), median(&white.deviation), median(&answer));
    let from_middle: Vec<f32> = dark.mean.iter().map(|mean| (mean - middle.0).abs()).collect();
    let far = (DARK_DEVIATIONS * 1.4826 * median(&from_middle)).max(DARK_FLOOR * middle.3);
    let judge = |at: usize| {
        let around = &answer[at.saturating_sub(NEIGHBOURS)..(at + NEIGHBOURS + 1).min(answer.len())];
        let still = dark.deviation[at] == 0.0 && white.deviation[at] == 0.0;
        // A detector without any noise is a simulated one, and its stillness is no fault.
        let noisy = |deviation: f32, middle: f32| middle > 0.0 && deviation > NOISE_MAX * middle.max(0.5);
        if answer[at] < RESPONSE_MIN * median(around) || answer[at] <= 0.0 {
            Some(if still { Defect::Stuck } else { Defect::Dead })
        } else if from_middle[at] > far {
            Some(Defect::Hot)
        } else if noisy(dark.deviation[at], middle.1) || noisy(white.deviation[at], middle.2) {
            Some(Defect::Noisy)
        } else {
            None
        }
    };
    (0u32..).zip(0..answer.len()).filter_map(|(pixel, at)| Some((pixel, judge(at)?))).collect()
}

/// The one in the middle; 0 of nothing.
pub(super) fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

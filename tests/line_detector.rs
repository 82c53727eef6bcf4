//! Real lines of a real detector: 640 elements, dark and white lines, and 181 lines of a tooth that turns
//! (`linescan_tooth_row0_*` of the data folder, from tomopy). Prints how even air becomes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use portside::image::{AIR, Calibration, Format, Processor, RawLine, Scan, Segmentation, Step};

const PIXELS: usize = 640;
const FORMAT: Format =
    Format { pixels: PIXELS as u32, energies: 1, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true };
/// Elements beside the tooth on every line.
const BESIDE: std::ops::Range<usize> = 0..100;

#[test]
fn air_of_a_real_detector_becomes_even() {
    let Some((dark, white)) = lines("dark_10x640").zip(lines("white_10x640")) else { return };
    let Some(tooth) = lines("lines_181x640") else { return };
    // What is judged is the air beside the tooth, which the calibration never saw.
    let calibration = Calibration::from_lines(&FORMAT, &dark, &white).unwrap();
    println!("bad elements: {:?}", calibration.bad());
    let steps = run(calibration, &white, &tooth);
    let scan = scan(&steps);
    let plane = scan.plane(0, 0).unwrap();
    let said: Vec<Vec<f64>> = tooth.iter().map(|line| part(&line.samples, mean_white(&white))).collect();
    let corrected: Vec<Vec<f64>> =
        (scan.lines() - tooth.len()..scan.lines()).map(|at| part(plane.line(at), f64::from(AIR))).collect();
    // An element's mean over all lines is what its offset and gain are; what is left between lines is noise.
    let (before, after) = (spread(&means(&said)), spread(&means(&corrected)));
    // The pattern of this beam wanders, and no line of pure air comes while the tooth turns: the first lines are nearest
    // to the calibration.
    let early = spread(&means(&corrected[..20]));
    let (level, noise) = (middle(&means(&corrected)), spread(&corrected[0]));
    println!("air beside the tooth, {} lines of {} elements:", tooth.len(), BESIDE.len());
    println!(
        "  elements apart before correction {:.2} %, after {:.2} %, on the first 20 lines {:.2} %",
        100.0 * before,
        100.0 * after,
        100.0 * early
    );
    println!("  level {:.2} % of air, one line's own noise {:.2} %", 100.0 * level, 100.0 * noise);
    assert!(before > 0.02, "raw elements differ by more than 2 %: {before}");
    assert!(after < 0.008, "corrected elements differ by less than 0.8 %: {after}");
    assert!(early < 0.005, "and soon after calibration by less than 0.5 %: {early}");
    assert!((level - 1.0).abs() < 0.01, "the level of air: {level}");
}

#[test]
fn the_tooth_is_one_whole_image_of_all_its_lines() {
    let Some((dark, white)) = lines("dark_10x640").zip(lines("white_10x640")) else { return };
    let Some(tooth) = lines("lines_181x640") else { return };
    let steps = run(Calibration::from_lines(&FORMAT, &dark, &white).unwrap(), &white, &tooth);
    let begins = steps.iter().filter(|step| **step == Step::Begin).count();
    let Some(Step::End(outcome)) = steps.last() else { panic!("it ended: {:?}", steps.last()) };
    assert_eq!((begins, outcome.filled, &outcome.flaws[..]), (1, 0, &[][..]));
    let scan = scan(&steps);
    assert_eq!(scan.lines(), tooth.len() + 10 + 20, "all white lines before it and 20 behind it");
    let darkest = scan.plane(0, 0).unwrap().rows().into_iter().min().unwrap();
    assert!((8_000..16_000).contains(&darkest), "through the tooth comes a fifth: {darkest}");
}

/// White lines, the tooth, and white lines until the image ends.
fn run(calibration: Calibration, white: &[RawLine], tooth: &[RawLine]) -> Vec<Step> {
    let settings = Segmentation { lead_out: 20, ..Segmentation::default() };
    let mut processor = Processor::new(FORMAT, calibration, settings);
    let lines = white.iter().chain(tooth).chain(white).chain(white).chain(white);
    (0..).zip(lines).flat_map(|(counter, line)| processor.line(RawLine { counter, ..line.clone() })).collect()
}

fn scan(steps: &[Step]) -> Scan {
    let mut scan = Scan::new(FORMAT);
    for step in steps {
        if let Step::Line(line) = step {
            assert!(scan.add(line));
        }
    }
    scan
}

/// Beside the tooth, as parts of `white`.
fn part(samples: &[u16], white: f64) -> Vec<f64> {
    samples[BESIDE].iter().map(|sample| f64::from(*sample) / white).collect()
}

fn mean_white(white: &[RawLine]) -> f64 {
    middle(
        &white
            .iter()
            .map(|line| middle(&line.samples.iter().map(|s| f64::from(*s)).collect::<Vec<_>>()))
            .collect::<Vec<_>>(),
    )
}

fn means(lines: &[Vec<f64>]) -> Vec<f64> {
    (0..BESIDE.len()).map(|at| lines.iter().map(|line| line[at]).sum::<f64>() / lines.len() as f64).collect()
}

fn middle(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation.
fn spread(values: &[f64]) -> f64 {
    let mean = middle(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn lines(name: &str) -> Option<Vec<RawLine>> {
    let data = std::env::var_os("PORTSIDE_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = data.join(format!("xray/linescan_tooth_row0_{name}_u16le.raw"));
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!(
            "skipped: {} is not there; real detector lines are in the data folder, see $PORTSIDE_DATA",
            path.display()
        );
        return None;
    };
    let samples: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(samples.chunks(PIXELS).map(|line| RawLine { counter: 0, view: 0, samples: line.to_vec() }).collect())
}

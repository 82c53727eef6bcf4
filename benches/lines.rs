//! What an X-ray line costs from the detector to the image, and what a finished image of 1,152 × 2,500 samples of two
//! energies costs until it is evidence.
//!
//!     cargo bench --bench lines
//!
//! At 375 lines/s a line may take 2.6 ms.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a bench says by panicking what went wrong

use std::time::Duration;

use portside::clock::Clock;
use portside::image::files::{presentation_png, tiff16};
use portside::image::material::{Patch, Reference, Table};
use portside::image::render::render;
use portside::image::{AIR, Calibration, Format, Processor, RawLine, Scan, Segmentation, Step};
use portside::simulate::phantom::beam::{Beam, Pair};
use portside::simulate::phantom::material::Material;
use portside::simulate::phantom::scene::Scene;
use portside::simulate::phantom::{Detector, Exposure};

const PIXELS: u32 = 1_152;
const LINES: u32 = 2_500;
const FORMAT: Format =
    Format { pixels: PIXELS, energies: 2, views: 1, pitch_um: 1_000, line_um: 500, live: true, raw: true };
/// Lines of air before the subject and behind it.
const AROUND: u32 = 200;

fn main() {
    let clock = Clock::start();
    let table = table();
    let detector = Elements::new();
    let calibration = Calibration::from_lines(&FORMAT, &detector.lines(0.0), &detector.lines(1.0)).unwrap();
    let lines = detector.bag();
    let mut processor = Processor::new(FORMAT, calibration, Segmentation::default());
    let (mut steps, mut times) = (Vec::new(), Vec::new());
    for line in lines {
        let start = clock.moment();
        let came = processor.line(line);
        times.push(clock.moment().since(start));
        steps.extend(came);
    }
    times.sort();
    let at = |part: usize| micros(times[times.len() * part / 1_000]);
    println!(
        "a line of {PIXELS} x 2 samples, {} lines: p50 {:.0} us, p99 {:.0} us, worst {:.0} us; allowed 2,600 us",
        times.len(),
        at(500),
        at(990),
        micros(times[times.len() - 1])
    );
    let scan = scan(&steps);
    println!("image of {} x {PIXELS}, counts {:?}, drift {:.4}", scan.lines(), processor.counts(), processor.drift());
    let timed = |what: &str, work: &mut dyn FnMut() -> usize| {
        let start = clock.moment();
        let size = work();
        println!("{what}: {:.0} ms, {size}", micros(clock.moment().since(start)) / 1_000.0);
    };
    timed("classes of 5 x 5 means, samples", &mut || table.classes(&scan, 0).len());
    timed("classes and colours, lines", &mut || render(&scan, 0, Some(&table)).unwrap().width as usize);
    timed("grey, lines", &mut || render(&scan, 0, None).unwrap().width as usize);
    let rendered = render(&scan, 0, Some(&table)).unwrap();
    timed("presentation PNG, bytes", &mut || presentation_png(&rendered).unwrap().len());
    timed("TIFF of both energies, bytes", &mut || tiff16(&scan).unwrap().len());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn scan(steps: &[Step]) -> Scan {
    let mut scan = Scan::new(FORMAT);
    for step in steps {
        if let Step::Line(line) = step {
            assert!(scan.add(line), "one image");
        }
    }
    scan
}

/// A detector whose elements have offsets and gains of their own.
struct Elements(Vec<(f64, f64)>);

impl Elements {
    fn new() -> Self {
        let mut dice = fastrand::Rng::with_seed(1);
        Self((0..2 * PIXELS).map(|_| (80.0 + 40.0 * dice.f64(), 0.35 + 0.1 * dice.f64())).collect())
    }

    fn say(&self, counter: u32, through: impl Fn(usize) -> f64) -> RawLine {
        let sample = |(at, (offset, gain)): (usize, &(f64, f64))| (offset + gain * through(at)).round() as u16;
        RawLine { counter, view: 0, samples: self.0.iter().enumerate().map(sample).collect() }
    }

    fn lines(&self, light: f64) -> Vec<RawLine> {
        let mut dice = fastrand::Rng::with_seed(2);
        let mut noise = || 40.0 * (dice.f64() - 0.5);
        let mut line = |counter| {
            let noise: Vec<f64> = (0..2 * PIXELS).map(|_| noise()).collect();
            self.say(counter, |at| light * f64::from(AIR) + noise[at])
        };
        (0..32).map(&mut line).collect()
    }

    fn bag(&self) -> Vec<RawLine> {
        let exposure = Exposure::of(&Scene::bag(7), &Pair::baggage(), Detector::default(), (LINES, PIXELS), 7);
        let energies = [&exposure.low, &exposure.high];
        let through = |line: u32, at: usize| {
            let (energy, pixel) = (at / PIXELS as usize, at % PIXELS as usize);
            f64::from(energies[energy][pixel * LINES as usize + line as usize])
        };
        let air = |counter: u32| self.say(counter, |at| through(counter % 40, at));
        let before = (0..AROUND).map(air);
        let subject = (0..LINES).map(|line| self.say(AROUND + line, |at| through(line, at)));
        before.chain(subject).chain((AROUND + LINES..2 * AROUND + LINES).map(air)).collect()
    }
}

fn table() -> Table {
    let beams = Pair::baggage();
    let of = |material: Material, reference: Reference, most: f64| {
        let beams = &beams;
        (1..=16).map(move |step| {
            let cm = most * f64::from(step * step) / 256.0;
            let mean = |beam: &Beam| f64::from(AIR) * beam.behind(&[(material, cm)]).signal;
            let (low, high) = (mean(&beams.low), mean(&beams.high));
            let variance = |mean: f64| mean * f64::from(AIR) / Detector::default().photons;
            Patch {
                material: reference,
                thickness_cm: cm,
                low,
                high,
                low_variance: variance(low),
                high_variance: variance(high),
            }
        })
    };
    let patches = of(Material::Polyethylene, Reference::Polyethylene, 26.0)
        .chain(of(Material::Aluminium, Reference::Aluminium, 11.0))
        .chain(of(Material::Iron, Reference::Iron, 1.6));
    Table::calibrated(&patches.collect::<Vec<_>>()).unwrap()
}

//! What stands in an X-ray machine's tunnel: the detector over the belt, and what it sees of the bags that ride through.
//!
//! The belt's encoder triggers the lines, as in machines whose belt may stop under a bag: no way, no line.

mod wire;

use std::collections::BTreeMap;

use portside_devices::lines::Detector;
use portside_devices::simulate::belt::{Bag, Belt};

use super::detector::{Beam, Panel, Quality, Subject};
use super::phantom::beam::Pair;
use super::phantom::luggage::Contents;
use super::phantom::scene::Scene;

pub use wire::{Calibrate, LineSender};

/// Part of a picture that is air before and behind a suitcase, as [`Scene::suitcase`] packs it.
const MARGIN: f64 = 0.05;

/// How the tunnel is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TunnelSetup {
    /// Elements of the detector.
    pub pixels: u32,
    /// Width of an element in the plane of the belt.
    pub pitch_mm: f64,
    /// Way of the belt between two lines.
    pub line_mm: f64,
    /// Where the source is, from the entry.
    pub source_mm: f64,
}

/// A detector and the bags that it can tell.
#[derive(Debug)]
pub struct Tunnel {
    setup: TunnelSetup,
    panel: Panel,
    bags: BTreeMap<u64, Subject>,
    /// How far the belt had run at the last line.
    reached: f64,
}

impl Tunnel {
    /// An empty tunnel under `detector`, which has one view and as many elements as the setup says. The same seed is the
    /// same detector.
    pub fn new(setup: TunnelSetup, detector: &Detector, seed: u64) -> Self {
        let panel = Panel::new(detector, Quality::default(), seed);
        Self { setup, panel, bags: BTreeMap::new(), reached: 0.0 }
    }

    /// What a bag `length_mm` long looks like to this machine, computed on every `grain`-th place. It takes a second or
    /// more.
    pub fn expose(setup: TunnelSetup, contents: Contents, length_mm: f64, grain: u32, seed: u64) -> Subject {
        let width = length_mm / (1.0 - 2.0 * MARGIN);
        // At most the length of a belt, in lines.
        let lines = (width / setup.line_mm).round() as u32;
        let aspect = width / (f64::from(setup.pixels) * setup.pitch_mm);
        let scene = Scene::suitcase(contents, aspect, seed);
        Subject::of(&scene, &Pair::baggage(), (lines, setup.pixels), 2, grain)
    }

    /// From here on bag `id` of the belt looks like this. A bag that nobody exposed is air.
    pub fn pack(&mut self, id: u64, bag: Subject) {
        self.bags.insert(id, bag);
    }

    /// Dark lines and white ones, as the machine takes them while its belt stands.
    pub fn calibrate(&mut self, lines: u32) -> (Vec<Vec<u16>>, Vec<Vec<u16>>) {
        let dark = (0..lines).map(|_| self.panel.say(Beam::Off)).collect();
        (dark, (0..lines).map(|_| self.panel.say(Beam::Air)).collect())
    }

    /// The lines since the last look, each as the detector says it: samples of the softer energy, then of the harder one.
    pub fn look(&mut self, belt: &Belt) -> Vec<Vec<u16>> {
        let (travelled, step) = (belt.travelled(), self.setup.line_mm);
        let mut lines = Vec::new();
        while self.reached + step <= travelled {
            self.reached += step;
            let ago = travelled - self.reached;
            lines.push(self.line(belt.bags(), ago));
        }
        // What is gone does not come again.
        self.bags.retain(|id, _| belt.bags().iter().any(|bag| bag.id == *id));
        lines
    }

    /// The line that was taken when the belt had `ago` less way behind it.
    fn line(&mut self, bags: &[Bag], ago: f64) -> Vec<u16> {
        let source = self.setup.source_mm;
        let seen = bags.iter().find_map(|bag| {
            let subject = self.bags.get(&bag.id)?;
            let margin = MARGIN * subject.len() as f64;
            let at = ((bag.front - ago - source) / self.setup.line_mm + margin).floor();
            // Not below 0, and a line of a bag is far below what an usize holds.
            (at >= 0.0).then(|| subject.line(at as usize)).flatten()
        });
        self.panel.say(seen.map_or(Beam::Air, Beam::Through))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portside_devices::library::Library;
    use portside_devices::simulate::belt::BeltSetup;

    use super::*;

    const SETUP: TunnelSetup = TunnelSetup { pixels: 40, pitch_mm: 14.0, line_mm: 5.0, source_mm: 1_200.0 };
    const BELT: BeltSetup = BeltSetup {
        scan_mm: 800.0,
        source_mm: 400.0,
        decision_mm: 4_000.0,
        exit_mm: 6_000.0,
        blade: None,
        blade_travel: Duration::from_millis(200),
        speed: 400.0,
        picture_gap_mm: 60.0,
    };

    fn detector() -> Detector {
        let shipped = Library::shipped().get("xray/generic-baggage-lines").unwrap().unwrap();
        Detector { pixels: SETUP.pixels, ..shipped.detector.clone().unwrap() }
    }

    /// Everything that the detector says while a bag of 450 mm rides through, looked at every `step_ms`.
    fn ride(step_ms: u64, stop_at: Option<u64>) -> Vec<Vec<u16>> {
        let (mut belt, mut tunnel) = (Belt::new(BELT), Tunnel::new(SETUP, &detector(), 7));
        let bag = belt.put(-10.0, 450.0);
        tunnel.pack(bag, Tunnel::expose(SETUP, Contents::Firearm, 450.0, 1, 3));
        belt.start();
        let mut lines = Vec::new();
        for step in 0..9_000 / step_ms {
            if Some(step) == stop_at {
                belt.stop();
            }
            if stop_at.is_some_and(|at| step == at + 400) {
                belt.start();
            }
            belt.advance(Duration::from_millis(step_ms));
            lines.extend(tunnel.look(&belt));
        }
        lines
    }

    /// Lines that show anything but air.
    fn shadowed(lines: &[Vec<u16>]) -> usize {
        let air: Vec<f64> = lines[0].iter().map(|sample| f64::from(*sample)).collect();
        let dim =
            |line: &&Vec<u16>| line.iter().zip(&air).filter(|(now, air)| f64::from(**now) < 0.95 * **air).count() > 3;
        lines.iter().filter(dim).count()
    }

    #[test]
    fn a_bag_is_as_many_lines_long_as_it_is_long() {
        let lines = ride(5, None);
        let long = shadowed(&lines);
        assert!((86..=91).contains(&long), "450 mm of 5 mm each: {long}");
        assert_eq!(lines[0].len(), 80);
    }

    #[test]
    fn it_does_not_matter_how_often_anybody_looks_nor_whether_the_belt_rests() {
        let whole = shadowed(&ride(5, None));
        assert_eq!(shadowed(&ride(50, None)), whole);
        assert_eq!(shadowed(&ride(5, Some(700))), whole);
    }
}

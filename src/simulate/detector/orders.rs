//! What a technician types to a simulated detector, one line at a time:
//!
//! ```text
//! bag 7         a packed bag rides through; with a firearm: bag 7 firearm (blade, food)
//! truck 3       a loaded truck, for a cargo machine
//! calibrate     dark lines and white ones come again
//! beam off      lines come, and are dark
//! lose 12       so many lines are counted and not sent
//! stall 3s      nothing comes for so long
//! garbage       bytes that are no line stand between two
//! cut           the connection breaks in the middle of a line
//! wait 2s       go on after this time
//! ```

use std::time::Duration;

use portside_devices::lines::Detector;

use super::{Fault, LineDetector, Subject};
use crate::simulate::phantom::beam::Pair;
use crate::simulate::phantom::luggage::Contents;
use crate::simulate::phantom::scene::Scene;

/// Every so-many-th place of a subject is computed, which takes a second or two.
const GRAIN: u32 = 4;
/// How long subjects are, millimetres.
const BAG_MM: f64 = 600.0;
const TRUCK_MM: f64 = 9_000.0;
/// Air before a subject, in parts of a second.
const GAP: f64 = 0.5;

/// One line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A bag packed by a seed.
    Bag(u64, Contents),
    /// A truck loaded by a seed.
    Truck(u64),
    /// Dark lines and white ones.
    Calibrate,
    /// Beam on or off.
    Beam(bool),
    /// What goes wrong, at the next line.
    Fault(Fault),
    /// A pause.
    Wait(Duration),
}

/// Reads one line; `None` for an empty one and a comment.
///
/// # Errors
/// A sentence with what was expected.
pub fn parse(line: &str) -> Result<Option<Order>, String> {
    let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
    Ok(Some(match &words[..] {
        [] => return Ok(None),
        ["bag"] => Order::Bag(1, Contents::Harmless),
        ["bag", seed] => Order::Bag(number(seed)?, Contents::Harmless),
        ["bag", seed, what] => Order::Bag(number(seed)?, contents(what)?),
        ["truck"] => Order::Truck(1),
        ["truck", seed] => Order::Truck(number(seed)?),
        ["calibrate"] => Order::Calibrate,
        ["beam", "on"] => Order::Beam(true),
        ["beam", "off"] => Order::Beam(false),
        ["lose", lines] => Order::Fault(Fault::Lose(number(lines)?)),
        ["stall", time] => Order::Fault(Fault::Stall(duration(time)?)),
        ["garbage"] => Order::Fault(Fault::Garbage(b"no line at all".to_vec())),
        ["cut"] => Order::Fault(Fault::Cut),
        ["wait", time] => Order::Wait(duration(time)?),
        _ => {
            return Err(
                "write: bag [SEED [firearm|blade|food]] | truck [SEED] | calibrate | beam on|off | lose LINES | \
                        stall TIME | garbage | cut | wait TIME"
                    .to_owned(),
            );
        }
    }))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number that fits here"))
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("`{text}` is no time such as 300ms: {error}"))
}

fn contents(text: &str) -> Result<Contents, String> {
    match text {
        "firearm" => Ok(Contents::Firearm),
        "blade" => Ok(Contents::Blade),
        "food" => Ok(Contents::Food),
        _ => Err(format!("`{text}` is none of: firearm, blade, food")),
    }
}

impl Order {
    /// The subject that it puts on the belt of `detector`, if it does. This takes a second or two.
    pub fn subject(&self, detector: &Detector) -> Option<Subject> {
        let (scene, beams, length): (fn(f64, &Self) -> Scene, _, _) = match self {
            Self::Bag(..) => (bag, Pair::baggage(), BAG_MM),
            Self::Truck(_) => (|_, order| Scene::truck(order.seed()), Pair::cargo(), TRUCK_MM),
            Self::Calibrate | Self::Beam(_) | Self::Fault(_) | Self::Wait(_) => return None,
        };
        // Where nobody said how far apart they are, as in a baggage machine.
        let millimetres = |um: u32| if um == 0 { 0.8 } else { f64::from(um) / 1_000.0 };
        let lines = (length / millimetres(detector.line_um)).round() as u32;
        let aspect = length / (f64::from(detector.pixels) * millimetres(detector.pitch_um));
        let size = (lines, detector.pixels);
        Some(Subject::of(&scene(aspect, self), &beams, size, detector.energies, GRAIN))
    }

    const fn seed(&self) -> u64 {
        match self {
            Self::Bag(seed, _) | Self::Truck(seed) => *seed,
            Self::Calibrate | Self::Beam(_) | Self::Fault(_) | Self::Wait(_) => 0,
        }
    }

    /// Does it, except waiting, which is the caller's; `subject` is what [`Self::subject`] gave.
    pub fn obey(self, detector: &LineDetector, rate: u32, subject: Option<Subject>) {
        if let Some(subject) = subject {
            detector.put(subject, (f64::from(rate) * GAP) as u32);
        }
        match self {
            Self::Calibrate => detector.calibrate(),
            Self::Beam(on) => detector.beam(on),
            Self::Fault(fault) => detector.fault(0, fault),
            Self::Bag(..) | Self::Truck(_) | Self::Wait(_) => {}
        }
    }
}

fn bag(aspect: f64, order: &Order) -> Scene {
    let contents = if let Order::Bag(_, contents) = order { *contents } else { Contents::Harmless };
    Scene::suitcase(contents, aspect, order.seed())
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;

    use super::*;

    #[test]
    fn each_line_means_what_the_page_says() {
        let table = [
            ("bag 7", Order::Bag(7, Contents::Harmless)),
            ("bag 7 firearm", Order::Bag(7, Contents::Firearm)),
            ("truck 3  # by night", Order::Truck(3)),
            ("calibrate", Order::Calibrate),
            ("beam off", Order::Beam(false)),
            ("lose 12", Order::Fault(Fault::Lose(12))),
            ("stall 3s", Order::Fault(Fault::Stall(Duration::from_secs(3)))),
            ("cut", Order::Fault(Fault::Cut)),
            ("wait 2s", Order::Wait(Duration::from_secs(2))),
        ];
        for (line, order) in table {
            assert_eq!(parse(line), Ok(Some(order)), "{line}");
        }
        assert_eq!(parse("  # nothing"), Ok(None));
        for (line, why) in [
            ("bag x", "`x` is no number"),
            ("bag 1 tank", "none of: firearm"),
            ("wait 3", "no time"),
            ("dance", "write:"),
        ] {
            assert!(parse(line).unwrap_err().contains(why), "{line}");
        }
    }

    #[test]
    fn a_bag_fits_the_detector_it_rides_under() {
        let detector = Library::shipped().get("xray/generic-baggage-lines").unwrap().unwrap().detector.clone().unwrap();
        let detector = Detector { pixels: 64, pitch_um: 12_800, line_um: 10_000, ..detector };
        let bag = Order::Bag(7, Contents::Harmless).subject(&detector).unwrap();
        assert_eq!((bag.len(), bag.line(0).unwrap().len()), (60, 128));
        assert!(bag.line(30).unwrap().iter().min() < Some(&40_000), "something is in the way");
        assert_eq!(Order::Calibrate.subject(&detector), None);
    }
}

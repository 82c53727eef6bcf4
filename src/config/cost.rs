//! What reading the devices of a link costs, and how soon doubt reaches the arm.

use std::time::Duration;

use portside_devices::plan::{Block, Speed, cycle_cost, plan, read_cost};
use portside_devices::profile::{PollClass, Profile};

use super::checked::{Config, Device, OnModbus};

/// From the input's reading to the request withdrawn on the wire (promise 5).
const WITHDRAWAL: Duration = Duration::from_millis(50);
/// The longest time from doubt to withdrawal that is accepted (promise 5).
pub(super) const REACTION_MAX: Duration = Duration::from_millis(150);

/// One device as its link sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Polled<'a> {
    pub(super) profile: &'a Profile,
    pub(super) interval: Duration,
}

/// What a link's devices cost together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Every read of every device once: the longest that a read can wait for its turn.
    pub cycle: Duration,
    /// Reads that fall due within the shortest interval of the link, on average.
    pub need: Duration,
    /// Part of the time that the link is busy; above 1 it cannot keep up.
    pub busy: f64,
    /// The longest single read: what is on the wire already when something urgent comes.
    pub longest: Duration,
}

/// Characters of a request that writes one output.
const WRITE: u32 = 8;

impl Figures {
    /// How long an order that protects takes at worst until it is on the wire: it waits for no turn, but on a serial
    /// bus it cannot cut short the telegrams that are under way.
    pub(super) fn withdrawal(&self, speed: Speed) -> Duration {
        match speed {
            Speed::Tcp { .. } => WITHDRAWAL,
            Speed::Serial { .. } => WITHDRAWAL.max(self.longest + speed.transmission(WRITE)),
        }
    }
}

/// How often the points of a class are read on a device with this interval.
///
/// Measurements once a second and counters every ten seconds are as often as telemetry keeps them.
pub fn interval_of(class: PollClass, interval: Duration) -> Duration {
    match class {
        PollClass::Fast => interval,
        PollClass::Normal => interval.max(Duration::from_secs(1)),
        PollClass::Slow => interval.max(Duration::from_secs(10)),
    }
}

/// The figures of one link.
pub(super) fn figures(devices: &[Polled<'_>], speed: Speed) -> Figures {
    let mut figures = Figures { cycle: Duration::ZERO, need: Duration::ZERO, busy: 0.0, longest: Duration::ZERO };
    for device in devices {
        let blocks: Vec<Block> = plan(device.profile);
        figures.longest = blocks.iter().map(|block| read_cost(block, speed)).fold(figures.longest, Duration::max);
        for class in PollClass::ALL {
            let cost = cycle_cost(&blocks, class, speed);
            figures.cycle += cost;
            figures.busy += cost.as_secs_f64() / interval_of(class, device.interval).as_secs_f64();
        }
    }
    let shortest = devices.iter().map(|device| device.interval).min().unwrap_or_default();
    figures.need = shortest.mul_f64(figures.busy);
    figures
}

/// `1,340 ms`
pub(super) fn millis(time: Duration) -> String {
    let digits = time.as_millis().to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown + " ms"
}

impl OnModbus {
    /// How often the points of a class are read.
    pub fn interval_of(&self, class: PollClass) -> Duration {
        interval_of(class, self.interval)
    }

    fn polled(&self) -> Polled<'_> {
        Polled { profile: &self.profile, interval: self.interval }
    }
}

impl Config {
    /// What the devices of one link cost together.
    pub fn figures(&self, link: usize) -> Figures {
        let (devices, speed) = self.links.get(link).map_or((&[][..], Speed::TCP), |link| (&link.devices, link.speed));
        let polled: Vec<Polled<'_>> =
            devices.iter().filter_map(|at| self.devices.get(*at)?.modbus()).map(OnModbus::polled).collect();
        figures(&polled, speed)
    }

    /// The worst time from a presence under the arm to its close request withdrawn on the wire (promise 5).
    ///
    /// `None` where the lane has no arm.
    pub fn reaction(&self) -> Option<Duration> {
        let gate = self.gate()?;
        let watched = gate.sensors.iter().map(|sensor| sensor.device).chain([gate.arm]);
        let polls = watched.filter_map(|at| {
            let device = self.devices.get(at)?.modbus()?;
            Some(device.interval.max(self.figures(device.link).cycle))
        });
        Some(polls.max().unwrap_or_default() + self.withdrawal(gate.arm))
    }

    /// How long the withdrawal itself takes on the arm's link.
    fn withdrawal(&self, arm: usize) -> Duration {
        let link = self.devices.get(arm).and_then(Device::modbus).map(|arm| arm.link);
        let speed = link.and_then(|link| self.links.get(link)).map(|link| link.speed);
        link.zip(speed).map_or(WITHDRAWAL, |(link, speed)| self.figures(link).withdrawal(speed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(points: u16, poll: &str) -> Profile {
        let mut text =
            "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"t\"\n".to_owned();
        for index in 0..points {
            // Every second address: no two share a read.
            text += &format!(
                "[[point]]\nname = \"di{}\"\ntable = \"discrete\"\naddress = {}\npoll = \"{poll}\"\n",
                index + 1,
                index * 2
            );
        }
        Profile::parse("io/t", &text).unwrap()
    }

    #[test]
    fn a_link_needs_what_its_reads_cost_within_the_shortest_interval() {
        let (fast, slow) = (profile(4, "fast"), profile(10, "slow"));
        let second = Duration::from_secs(1);
        let figures = figures(
            &[
                Polled { profile: &fast, interval: Duration::from_millis(100) },
                Polled { profile: &slow, interval: second },
            ],
            Speed::TCP,
        );
        // 4 reads of 5 ms every 100 ms; 10 of 5 ms every 10 s.
        assert_eq!(figures.cycle, Duration::from_millis(70));
        assert!((figures.busy - 0.205).abs() < 1e-9, "{figures:?}");
        assert_eq!(figures.need, Duration::from_micros(20_500));
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(millis(Duration::from_millis(1_340)), "1,340 ms");
        assert_eq!(millis(Duration::from_millis(999)), "999 ms");
        assert_eq!(millis(Duration::from_millis(1_234_567)), "1,234,567 ms");
    }
}

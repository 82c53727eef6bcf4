//! A radiation portal that sends lines as Rapiscan's do: background while nothing passes, counts and at the end a total
//! while something does.

use std::collections::VecDeque;
use std::time::Duration;

use super::Speaker;
use crate::moment::Moment;

/// What passes the portal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// For how long.
    pub lasts: Duration,
    /// Speed in km/h.
    pub speed: f64,
    /// Gamma counts of one interval and detector.
    pub gamma: u32,
    /// Neutron counts of one second and detector.
    pub neutrons: u32,
}

impl Load {
    /// A lorry with nothing in it.
    pub const CLEAN: Self = Self { lasts: Duration::from_secs(10), speed: 8.2, gamma: 66, neutrons: 1 };
}

/// How often the portal speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// From one gamma interval to the next.
    pub scan: Duration,
    /// From one background to the next.
    pub background: Duration,
}

impl Default for Tempo {
    /// As the real one does.
    fn default() -> Self {
        Self { scan: Duration::from_millis(200), background: Duration::from_secs(5) }
    }
}

/// Gamma counts of one interval and detector above which it alarms, with a background of 75.
const GAMMA_ALARM: u32 = 100;
/// Neutron counts of one second and detector above which it alarms.
const NEUTRON_ALARM: u32 = 8;
/// Gamma background of one second and detector.
const BACKGROUND: u32 = 375;

/// The portal.
#[derive(Clone, Debug)]
pub struct LinePortal {
    tempo: Tempo,
    loads: VecDeque<Load>,
    state: State,
    /// Occupancies so far.
    count: u32,
    background: u32,
    said: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Free { next: Moment },
    Occupied { load: Load, ends: Moment, next: Moment, intervals: u32 },
}

impl LinePortal {
    /// A portal through which nothing passes.
    pub const fn new(tempo: Tempo) -> Self {
        let state = State::Free { next: Moment::START };
        Self { tempo, loads: VecDeque::new(), state, count: 0, background: BACKGROUND, said: Vec::new() }
    }

    /// Lets something pass once the portal is free.
    pub fn drive(&mut self, load: Load) {
        self.loads.push_back(load);
    }

    /// Sets the gamma background of one second and detector.
    pub const fn set_background(&mut self, counts: u32) {
        self.background = counts;
    }

    /// Occupancies so far.
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn line(&mut self, word: &str, counts: u32) {
        let line = format!("{word},{counts:06},{counts:06},{counts:06},{counts:06}\r\n");
        self.said.extend(line.into_bytes());
    }

    fn step(&mut self) {
        match self.state {
            State::Free { next } => match self.loads.pop_front() {
                Some(load) => {
                    self.state = State::Occupied { load, ends: next + load.lasts, next, intervals: 0 };
                }
                None => {
                    self.line("NB", 1);
                    let word = if self.background > 900 { "GH" } else { "GB" };
                    self.line(word, self.background);
                    self.state = State::Free { next: next + self.tempo.background };
                }
            },
            State::Occupied { ends, next, .. } if next >= ends => {
                self.count += 1;
                let end = format!("GX,{:06},006500,000000,000000\r\n", self.count);
                self.said.extend(end.into_bytes());
                self.state = State::Free { next };
            }
            State::Occupied { load, ends, next, intervals } => {
                self.line(if load.gamma > GAMMA_ALARM { "GA" } else { "GS" }, load.gamma);
                if intervals == 1 {
                    let speed = format!("SP,0.1000,{:06.3},{:06.2},000000\r\n", load.speed / 1.609_344, load.speed);
                    self.said.extend(speed.into_bytes());
                }
                if intervals % 5 == 0 {
                    self.line(if load.neutrons > NEUTRON_ALARM { "NA" } else { "NS" }, load.neutrons);
                }
                let next = next + self.tempo.scan;
                self.state = State::Occupied { load, ends, next, intervals: intervals + 1 };
            }
        }
    }
}

impl Speaker for LinePortal {
    fn speak(&mut self, now: Moment) -> Vec<u8> {
        // What waits to pass does not wait for the next background.
        if let State::Free { next } = &mut self.state
            && !self.loads.is_empty()
        {
            *next = (*next).min(now);
        }
        while self.next().is_some_and(|next| next <= now) {
            self.step();
        }
        std::mem::take(&mut self.said)
    }

    fn next(&self) -> Option<Moment> {
        match self.state {
            State::Free { next } | State::Occupied { next, .. } => Some(next),
        }
    }

    fn hear(&mut self, _: Moment, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;
    use crate::portal::{Finding, Portal, PortalEvent};
    use crate::reading::Reading;
    use crate::stream::{Splitter, Understood};

    #[test]
    fn its_lines_are_those_of_the_profile_and_reduce_to_what_passed() {
        let profile = Library::shipped().get("radiation/rapiscan-rpm").unwrap().unwrap();
        let stream = profile.stream.as_ref().unwrap();
        let mut simulated = LinePortal::new(Tempo::default());
        let (mut portal, mut splitter, mut found) = (Portal::new(), Splitter::new(), Vec::new());
        for second in 0..200 {
            match second {
                10 => simulated.drive(Load::CLEAN),
                40 => simulated.drive(Load { gamma: 300, ..Load::CLEAN }),
                70 => simulated.drive(Load { neutrons: 20, ..Load::CLEAN }),
                100 => simulated.set_background(950),
                110 => simulated.drive(Load::CLEAN),
                _ => {}
            }
            let at = Moment::from_millis(second * 1_000);
            splitter.push(stream, &simulated.speak(at), |unit| {
                let Understood::Record { found: list, .. } = stream.understand(&profile, unit, None) else {
                    panic!("{}", unit.escape_ascii())
                };
                let reading = |one: crate::stream::Found| Reading {
                    point: profile.points[one.point].name.clone(),
                    value: one.value,
                    quality: one.quality,
                    at,
                };
                let readings: Vec<Reading> = list.into_iter().map(reading).collect();
                for event in portal.observe(at, &readings) {
                    if let PortalEvent::Ended(occupancy) = event {
                        found.push(occupancy);
                    }
                }
            });
        }
        let findings: Vec<Finding> = found.iter().map(crate::portal::Occupancy::finding).collect();
        let doubt = Finding::Unknown(crate::portal::Doubt::BackgroundHigh);
        assert_eq!(findings, [Finding::Clear, Finding::Alarm, Finding::Alarm, doubt]);
        assert_eq!((found[1].gamma, found[2].neutron), (Finding::Alarm, Finding::Alarm));
        assert_eq!(found[0].gamma_max, Some(264.0));
        assert!((found[0].speed.unwrap() - 2.278).abs() < 0.001);
        assert_eq!(simulated.count(), 4);
    }
}

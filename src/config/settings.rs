//! What the lane machine is told of the configuration.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;

use super::checked::Config;
use super::choice::{Direction, Mode};
use crate::lane;

/// The longest time between two renewals of a held close.
const RENEW_MAX: Duration = Duration::from_millis(100);
/// One lost or late renewal must not drop a close that is still wanted.
const RENEWALS_PER_WATCHDOG: u32 = 3;

/// A drawbar or the gap between lorry and trailer passes a loop in less.
const TRAILER_GAP: Duration = Duration::from_secs(1);

impl Config {
    /// What the gate's machine is told; its sensors stand in the order of [`super::Gate::sensors`]. `None` for a belt.
    pub fn settings(&self) -> Option<lane::Settings> {
        let gate = self.gate()?;
        Some(lane::Settings {
            agencies: self.agencies.iter().map(|agency| agency.id.shared()).collect(),
            sensors: gate.sensors.iter().map(|sensor| sensor.sensor.clone()).collect(),
            arm: self.arm(gate),
            desks: self.station.desks.iter().map(|desk| self.desk(*desk)).collect(),
            picture: match self.station.xray {
                Some(_) => lane::PictureRule::Required { within: self.station.picture },
                None => lane::PictureRule::None,
            },
            temperature: self.screening().cloned(),
            radiation: self.radiation.clone(),
            review_timeout: self.review.timeout,
            blind: self.review.blind,
            clear_for: gate.clear,
            stale_after: gate.stale,
            renew_every: self.renew_every(gate),
            identify_timeout: gate.identify,
            leave_timeout: gate.leave,
            gone_after: gate.gone,
            trailer_gap: TRAILER_GAP,
        })
    }

    /// What the belt's machine is told; its sensors stand in the order of [`super::Belt::sensors`]. `None` for a gate.
    pub fn belt_settings(&self) -> Option<lane::belt::Settings> {
        let belt = self.belt()?;
        let device = &self.devices[belt.drive];
        let has = |point: &str| device.modbus().is_some_and(|on| on.profile.point(point).is_some());
        let [scan_mm, decision_mm, exit_mm, examine_mm] = belt.places_mm;
        Some(lane::belt::Settings {
            agencies: self.agencies.iter().map(|agency| agency.id.shared()).collect(),
            desks: self.station.desks.iter().map(|desk| self.desk(*desk)).collect(),
            review_timeout: self.review.timeout,
            blind: self.review.blind,
            sensors: belt.sensors.iter().map(|sensor| sensor.sensor.clone()).collect(),
            drive: lane::belt::Drive {
                device: device.id.shared(),
                can_beam_off: has("beam_off"),
                has_beam: has("xray_on"),
                has_interlock: has("interlock"),
            },
            decision: match &belt.diverter {
                Some(diverter) => lane::belt::Decision::Divert(lane::belt::Diverter {
                    device: self.devices[diverter.device].id.shared(),
                    lead_mm: diverter.lead_mm,
                    blade_mm: diverter.blade_mm,
                    travel: diverter.travel,
                }),
                None => lane::belt::Decision::Stop,
            },
            scan_mm,
            decision_mm,
            exit_mm,
            examine_mm,
            speed: belt.speed,
            tolerance: belt.tolerance,
            slack_mm: belt.slack_mm,
            slip_mm: belt.slip_mm,
            gap_mm: belt.gap_mm,
            noise_mm: belt.noise_mm,
            length_max_mm: belt.length_max_mm,
            images: belt.images,
            stale_after: belt.stale,
            stop_within: belt.stop_within,
        })
    }

    /// How temperatures are measured in the lane's direction and mode; `None` where they are not. In normal mode those who
    /// enter are screened, in an emergency those who leave as well.
    pub fn screening(&self) -> Option<&lane::temperature::Rules> {
        let screens = self.lane.direction != Direction::Exit || self.lane.mode == Mode::Emergency;
        self.temperature.as_ref().filter(|_| screens)
    }

    fn arm(&self, gate: &super::Gate) -> lane::Arm {
        let device = &self.devices[gate.arm];
        let profile = device.modbus().map(|device| &device.profile);
        let has = |point: &str| profile.is_some_and(|profile| profile.point(point).is_some());
        lane::Arm {
            device: device.id.shared(),
            // A profile of a barrier always says how it closes; one that never asks is the safe reading of none.
            closes: profile.and_then(|profile| profile.closes).unwrap_or(Closes::Own),
            can_stop: has("stop"),
            has_protection: has("protection"),
            has_stop_button: has("stop_pressed"),
            has_fault: has("fault"),
            travel: gate.travel,
        }
    }

    fn renew_every(&self, gate: &super::Gate) -> Duration {
        let watchdog = self.devices[gate.arm].modbus().and_then(|device| device.profile.watchdog);
        watchdog.map_or(RENEW_MAX, |watchdog| RENEW_MAX.min(watchdog / RENEWALS_PER_WATCHDOG))
    }

    fn desk(&self, desk: super::Desk) -> lane::Desk {
        let agency: Arc<str> = self.agencies[desk.agency].id.shared();
        lane::Desk { agency, role: desk.role }
    }
}

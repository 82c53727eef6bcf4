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
    /// What the lane machine is told; its sensors stand in the order of [`super::Gate::sensors`].
    pub fn settings(&self) -> lane::Settings {
        lane::Settings {
            agencies: self.agencies.iter().map(|agency| agency.id.shared()).collect(),
            sensors: self.gate.sensors.iter().map(|sensor| sensor.sensor.clone()).collect(),
            arm: self.arm(),
            desks: self.station.desks.iter().map(|desk| self.desk(*desk)).collect(),
            picture: match self.station.xray {
                Some(_) => lane::PictureRule::Required { within: self.station.picture },
                None => lane::PictureRule::None,
            },
            temperature: self.screening().cloned(),
            review_timeout: self.review.timeout,
            blind: self.review.blind,
            clear_for: self.gate.clear,
            stale_after: self.gate.stale,
            renew_every: self.renew_every(),
            identify_timeout: self.gate.identify,
            leave_timeout: self.gate.leave,
            gone_after: self.gate.gone,
            trailer_gap: TRAILER_GAP,
        }
    }

    /// How temperatures are measured in the lane's direction and mode; `None` where they are not. In normal mode those who
    /// enter are screened, in an emergency those who leave as well.
    pub fn screening(&self) -> Option<&lane::temperature::Rules> {
        let screens = self.lane.direction != Direction::Exit || self.lane.mode == Mode::Emergency;
        self.temperature.as_ref().filter(|_| screens)
    }

    fn arm(&self) -> lane::Arm {
        let device = &self.devices[self.gate.arm];
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
            travel: self.gate.travel,
        }
    }

    fn renew_every(&self) -> Duration {
        let watchdog = self.devices[self.gate.arm].modbus().and_then(|device| device.profile.watchdog);
        watchdog.map_or(RENEW_MAX, |watchdog| RENEW_MAX.min(watchdog / RENEWALS_PER_WATCHDOG))
    }

    fn desk(&self, desk: super::Desk) -> lane::Desk {
        let agency: Arc<str> = self.agencies[desk.agency].id.shared();
        lane::Desk { agency, role: desk.role }
    }
}

//! Simulated vehicles: where one stands along the lane and how its driver behaves.
//!
//! ```text
//!        approach             under          beyond
//!   ──[-7.0 ── -2.0]──────[-1.8 ─ +1.8]───[+1.8 ─ +6.0]──► metres from the arm
//!                            ▲ arm at 0
//! ```

use std::time::Duration;

use crate::moment::Moment;

/// Where each sensor looks, in metres from the arm: approach, under, beyond. Without a gap between under and beyond:
/// no vehicle can stand there unseen.
pub(super) const ZONES: [(f64, f64); 3] = [(-7.0, -2.0), (-1.8, 1.8), (1.8, 6.0)];
/// Where drivers stop before a closed arm.
const STOP_LINE: f64 = -2.2;
/// Where a vehicle has left the lane, either way.
const GONE: f64 = 14.0;
/// How far open the arm must be for a driver to go.
const OPEN_ENOUGH: f64 = 0.98;

/// How a driver behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    /// Waits at the arm and drives through when it is open.
    Pass,
    /// Follows the vehicle ahead through without stopping, whatever the arm does, as long as it is not closed.
    Tailgate,
    /// Comes from the far side and drives through when the arm is open.
    WrongWay,
    /// Waits at the arm for so long, then backs out.
    TurnBack(Duration),
    /// Drives under the open arm and stands there for so long.
    StopUnder(Duration),
}

/// One vehicle as a view shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VehicleView {
    /// The number that [`super::Gate::send`] gave it.
    pub id: u32,
    /// Its leading end, metres from the arm, positive behind it.
    pub front: f64,
    /// Its trailing end.
    pub rear: f64,
    /// How its driver behaves.
    pub manner: Manner,
}

#[derive(Clone, Debug)]
pub(super) struct Vehicle {
    pub(super) id: u32,
    pub(super) manner: Manner,
    /// The end nearer to the far side.
    pub(super) high: f64,
    pub(super) length: f64,
    speed: f64,
    /// When it came to a stand where its manner makes it wait.
    waits_since: Option<Moment>,
    backing: bool,
    stood: bool,
    /// The arm came down on it; it is counted once.
    pub(super) struck: bool,
}

impl Vehicle {
    pub(super) fn new(id: u32, manner: Manner, length: f64, speed: f64) -> Self {
        let high = match manner {
            Manner::WrongWay => GONE - 1.0 + length,
            Manner::Pass | Manner::Tailgate | Manner::TurnBack(_) | Manner::StopUnder(_) => -GONE + 1.0,
        };
        Self { id, manner, high, length, speed, waits_since: None, backing: false, stood: false, struck: false }
    }

    /// The end nearer to the approach.
    pub(super) fn low(&self) -> f64 {
        self.high - self.length
    }

    pub(super) fn view(&self) -> VehicleView {
        let (front, rear) = match self.manner {
            Manner::WrongWay => (self.low(), self.high),
            Manner::Pass | Manner::Tailgate | Manner::TurnBack(_) | Manner::StopUnder(_) => (self.high, self.low()),
        };
        VehicleView { id: self.id, front, rear, manner: self.manner }
    }

    /// True where some of it lies between `from` and `to`.
    pub(super) fn covers(&self, (from, to): (f64, f64)) -> bool {
        self.low() < to && from < self.high
    }

    pub(super) fn gone(&self) -> bool {
        self.low() > GONE || self.high < -GONE
    }

    /// Drives for `dt` seconds. `arm` is how far it is open (0 to 1), `ahead` the next obstacle in its direction.
    pub(super) fn drive(&mut self, now: Moment, dt: f64, arm: f64, ahead: Option<f64>) {
        let step = self.speed * dt;
        match self.manner {
            Manner::WrongWay => self.drive_back(step, arm, ahead),
            Manner::TurnBack(wait) if self.backing || self.waited(now, wait) => {
                self.backing = true;
                self.high -= step;
            }
            Manner::StopUnder(wait) if !self.stood && self.middle() >= 0.0 => {
                self.waits_since.get_or_insert(now);
                self.stood = self.waited(now, wait);
            }
            Manner::TurnBack(_) => self.drive_on(now, step, 0.0, ahead),
            Manner::Pass | Manner::StopUnder(_) => self.drive_on(now, step, arm, ahead),
            Manner::Tailgate => self.drive_on(now, step, if arm > 0.3 { 1.0 } else { 0.0 }, ahead),
        }
    }

    fn middle(&self) -> f64 {
        self.high - self.length / 2.0
    }

    fn waited(&self, now: Moment, wait: Duration) -> bool {
        self.waits_since.is_some_and(|since| now.since(since) >= wait)
    }

    fn drive_on(&mut self, now: Moment, step: f64, arm: f64, ahead: Option<f64>) {
        let mut to = self.high + step;
        if let Some(ahead) = ahead {
            to = to.min((ahead - 1.0).max(self.high));
        }
        if self.high <= STOP_LINE && to > STOP_LINE && arm < OPEN_ENOUGH {
            to = STOP_LINE;
            self.waits_since.get_or_insert(now);
        }
        self.high = to;
    }

    fn drive_back(&mut self, step: f64, arm: f64, ahead: Option<f64>) {
        let mut to = self.low() - step;
        if let Some(ahead) = ahead {
            to = to.max((ahead + 1.0).min(self.low()));
        }
        if self.low() >= -STOP_LINE && to < -STOP_LINE && arm < OPEN_ENOUGH {
            to = -STOP_LINE;
        }
        self.high = to + self.length;
    }
}

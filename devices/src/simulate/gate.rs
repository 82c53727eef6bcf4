//! A gate: an arm with its motor, limit switches and I/O module, three presence sensors, and vehicles that drive.
//!
//! It keeps the score that matters: how often the arm came down on a vehicle.
//!
//! The module answers as the profiles `barrier/generic-relay` (pulse) and `barrier/generic-held` (held) say, on
//! unit 1; the sensors are also on unit 2, an `io/waveshare-8ch`, inputs 1 to 3.

use std::time::Duration;

use super::vehicle::{Manner, Vehicle, VehicleView, ZONES};
use super::{ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Request, Response, Simulator};
use crate::kind::Closes;
use crate::moment::Moment;
use crate::profile::Table;

/// Unit id of the barrier's module.
const BARRIER: u8 = 1;
/// Unit id of the second module with the sensors alone.
const SENSORS: u8 = 2;
/// Coils of the barrier's module.
const OPEN: usize = 0;
const STOP: usize = 1;
const CLOSE: usize = 2;
/// One step of the physics.
const STEP: Duration = Duration::from_millis(5);
/// The arm, in metres along the lane.
const ARM: (f64, f64) = (-0.05, 0.05);
/// Below this opening the arm touches a vehicle that stands under it.
const TOUCHES: f64 = 0.75;
/// Limit switches make this near to their ends.
const LIMIT: f64 = 0.02;

/// How a gate is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSetup {
    /// How the barrier closes, which decides its module's layout.
    pub closes: Closes,
    /// Travel from limit to limit.
    pub travel: Duration,
    /// The module drops a held close this long after the last renewal.
    pub watchdog: Duration,
    /// A barrier that closes by itself does so after it has been open and its own loop clear for this long.
    pub own_after: Duration,
}

impl GateSetup {
    /// A gate of two seconds' travel.
    pub const fn new(closes: Closes) -> Self {
        Self {
            closes,
            travel: Duration::from_secs(2),
            watchdog: Duration::from_millis(500),
            own_after: Duration::from_secs(5),
        }
    }
}

/// One of the three presence sensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Before the arm.
    Approach,
    /// Under it.
    Under,
    /// Behind it.
    Beyond,
}

/// What is wrong with a presence sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorFault {
    /// Nothing.
    None,
    /// It says present whatever stands there.
    StuckOn,
    /// It says clear whatever stands there.
    StuckOff,
    /// It changes with every 100 ms.
    Flickers,
}

/// What is wrong with the arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArmFault {
    /// Nothing.
    None,
    /// It does not move further.
    Jammed,
    /// The contact of the open relay is welded: the motor goes on opening.
    OpenWelded,
    /// The contact of the close relay is welded: the motor goes on closing.
    CloseWelded,
    /// Somebody lifts it by hand.
    ForcedUp,
    /// Somebody pushes it down by hand.
    ForcedDown,
    /// Both limit switches are made.
    BothLimits,
    /// Neither limit switch is ever made.
    NoLimits,
    /// The operator reports a fault and does not move.
    Faulty,
}

/// A button at the lane that acts without any program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Opens the arm.
    EmergencyOpen,
    /// Stops the arm.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motor {
    Still,
    Opening,
    Closing,
}

/// What a gate looks like at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct GateView {
    /// How far the arm is open: 0 closed, 1 open.
    pub arm: f64,
    /// The motor lifts it.
    pub opening: bool,
    /// The motor lowers it.
    pub closing: bool,
    /// What the sensors say: approach, under, beyond.
    pub sensors: [bool; 3],
    /// The relays: open, stop, close.
    pub relays: [bool; 3],
    /// Vehicles in the lane, in the order in which they came.
    pub vehicles: Vec<VehicleView>,
    /// How often the arm came down on a vehicle.
    pub struck: u32,
    /// How often the motor began to close.
    pub closings: u32,
    /// Vehicles that left on the far side.
    pub passed: u32,
    /// Vehicles that left on the near side.
    pub returned: u32,
}

/// A gate in virtual time.
#[derive(Clone, Debug)]
pub struct Gate {
    setup: GateSetup,
    now: Moment,
    arm: f64,
    motor: Motor,
    coils: [bool; 8],
    counter: u16,
    renewed: Moment,
    arm_fault: ArmFault,
    sensor_faults: [SensorFault; 3],
    pressed: [bool; 2],
    vehicles: Vec<Vehicle>,
    last_id: u32,
    clear_since: Moment,
    struck: u32,
    closings: u32,
    passed: u32,
    returned: u32,
}

impl Gate {
    /// A closed gate with an empty lane.
    pub fn new(setup: GateSetup) -> Self {
        Self {
            setup,
            now: Moment::START,
            arm: 0.0,
            motor: Motor::Still,
            coils: [false; 8],
            counter: 0,
            renewed: Moment::START,
            arm_fault: ArmFault::None,
            sensor_faults: [SensorFault::None; 3],
            pressed: [false; 2],
            vehicles: Vec::new(),
            last_id: 0,
            clear_since: Moment::START,
            struck: 0,
            closings: 0,
            passed: 0,
            returned: 0,
        }
    }

    /// Sends a vehicle of so many metres into the lane at so many metres a second; returns its number.
    pub fn send(&mut self, manner: Manner, length: f64, speed: f64) -> u32 {
        self.last_id += 1;
        self.vehicles.push(Vehicle::new(self.last_id, manner, length, speed));
        self.last_id
    }

    /// Puts the arm where power came back on it, from 0 (closed) to 1 (open).
    pub const fn place_arm(&mut self, opening: f64) {
        self.arm = opening.clamp(0.0, 1.0);
    }

    /// Makes the arm fail, or right again.
    pub const fn fail_arm(&mut self, fault: ArmFault) {
        self.arm_fault = fault;
    }

    /// Makes a sensor fail, or right again.
    pub const fn fail_sensor(&mut self, spot: Spot, fault: SensorFault) {
        self.sensor_faults[spot as usize] = fault;
    }

    /// Presses a button, or lets it go.
    pub const fn press(&mut self, button: Button, down: bool) {
        self.pressed[button as usize] = down;
    }

    /// What the gate looks like.
    pub fn view(&self) -> GateView {
        GateView {
            arm: self.arm,
            opening: self.motor == Motor::Opening,
            closing: self.motor == Motor::Closing,
            sensors: self.sensors(),
            relays: [self.coils[OPEN], self.coils[STOP], self.coils[CLOSE]],
            vehicles: self.vehicles.iter().map(Vehicle::view).collect(),
            struck: self.struck,
            closings: self.closings,
            passed: self.passed,
            returned: self.returned,
        }
    }

    /// Brings the gate to `now`, in small steps; a moment that has passed changes nothing.
    pub fn step(&mut self, now: Moment) {
        while now.since(self.now) >= STEP {
            self.now = self.now + STEP;
            self.step_motor();
            self.step_arm();
            self.step_vehicles();
            self.count_struck();
        }
    }

    fn step_motor(&mut self) {
        let before = self.motor;
        if self.setup.closes == Closes::Held && self.coils[CLOSE] && self.request_is_dead() {
            // What the watchdog drops stays dropped until it is asked for anew.
            self.coils[CLOSE] = false;
        }
        let closes_itself = self.closes_itself();
        match self.setup.closes {
            Closes::Held if self.motor == Motor::Closing && !self.coils[CLOSE] => self.motor = Motor::Still,
            Closes::Held if self.coils[CLOSE] && !self.coils[OPEN] && !self.coils[STOP] => self.motor = Motor::Closing,
            Closes::Own if closes_itself => self.motor = Motor::Closing,
            Closes::Held | Closes::Own | Closes::Pulse => {}
        }
        match self.arm_fault {
            ArmFault::OpenWelded => self.motor = Motor::Opening,
            ArmFault::CloseWelded => self.motor = Motor::Closing,
            ArmFault::Faulty => self.motor = Motor::Still,
            ArmFault::None
            | ArmFault::Jammed
            | ArmFault::ForcedUp
            | ArmFault::ForcedDown
            | ArmFault::BothLimits
            | ArmFault::NoLimits => {}
        }
        if self.pressed[Button::EmergencyOpen as usize] {
            self.motor = Motor::Opening;
        }
        if self.pressed[Button::Stop as usize] {
            self.motor = Motor::Still;
        }
        if self.motor == Motor::Closing && before != Motor::Closing && self.arm > LIMIT {
            self.closings += 1;
        }
    }

    fn request_is_dead(&self) -> bool {
        self.now.since(self.renewed) >= self.setup.watchdog
    }

    /// A barrier that closes by itself looks at the loop under its arm.
    fn closes_itself(&mut self) -> bool {
        if self.arm < 1.0 || self.sensors()[Spot::Under as usize] {
            self.clear_since = self.now;
        }
        self.now.since(self.clear_since) >= self.setup.own_after
    }

    fn step_arm(&mut self) {
        let part = STEP.as_secs_f64() / self.setup.travel.as_secs_f64();
        let by_motor = match (self.motor, self.arm_fault) {
            (_, ArmFault::Jammed) | (Motor::Still, _) => 0.0,
            (Motor::Opening, _) => part,
            (Motor::Closing, _) => -part,
        };
        let by_hand = match self.arm_fault {
            ArmFault::ForcedUp => part,
            ArmFault::ForcedDown => -part,
            ArmFault::None
            | ArmFault::Jammed
            | ArmFault::OpenWelded
            | ArmFault::CloseWelded
            | ArmFault::BothLimits
            | ArmFault::NoLimits
            | ArmFault::Faulty => 0.0,
        };
        self.arm = (self.arm + by_motor + by_hand).clamp(0.0, 1.0);
        let ended =
            (self.motor == Motor::Opening && self.arm >= 1.0) || (self.motor == Motor::Closing && self.arm <= 0.0);
        if ended {
            self.motor = Motor::Still;
        }
    }

    fn step_vehicles(&mut self) {
        for index in 0..self.vehicles.len() {
            let (low, high) = (self.vehicles[index].low(), self.vehicles[index].high);
            let others = || self.vehicles.iter().enumerate().filter(move |(other, _)| *other != index);
            let ahead = match self.vehicles[index].manner {
                Manner::WrongWay => {
                    others().map(|(_, other)| other.high).filter(|end| *end <= low).max_by(f64::total_cmp)
                }
                Manner::Pass | Manner::Tailgate | Manner::TurnBack(_) | Manner::StopUnder(_) => {
                    others().map(|(_, other)| other.low()).filter(|end| *end >= high).min_by(f64::total_cmp)
                }
            };
            self.vehicles[index].drive(self.now, STEP.as_secs_f64(), self.arm, ahead);
        }
        let gone = |vehicle: &Vehicle| vehicle.gone();
        self.passed +=
            u32::try_from(self.vehicles.iter().filter(|vehicle| gone(vehicle) && vehicle.high > 0.0).count())
                .unwrap_or(u32::MAX);
        self.returned +=
            u32::try_from(self.vehicles.iter().filter(|vehicle| gone(vehicle) && vehicle.high < 0.0).count())
                .unwrap_or(u32::MAX);
        self.vehicles.retain(|vehicle| !gone(vehicle));
    }

    fn count_struck(&mut self) {
        let comes_down = self.motor == Motor::Closing || self.arm_fault == ArmFault::ForcedDown;
        if !comes_down || self.arm > TOUCHES {
            return;
        }
        for vehicle in self.vehicles.iter_mut().filter(|vehicle| vehicle.covers(ARM) && !vehicle.struck) {
            vehicle.struck = true;
            self.struck += 1;
        }
    }

    fn sensors(&self) -> [bool; 3] {
        let mut said = [false; 3];
        for (place, zone) in ZONES.iter().enumerate() {
            let present = self.vehicles.iter().any(|vehicle| vehicle.covers(*zone));
            said[place] = match self.sensor_faults[place] {
                SensorFault::None => present,
                SensorFault::StuckOn => true,
                SensorFault::StuckOff => false,
                SensorFault::Flickers => (self.now.as_millis() / 100).is_multiple_of(2),
            };
        }
        said
    }

    fn limits(&self) -> (bool, bool) {
        match self.arm_fault {
            ArmFault::BothLimits => (true, true),
            ArmFault::NoLimits => (false, false),
            ArmFault::None
            | ArmFault::Jammed
            | ArmFault::OpenWelded
            | ArmFault::CloseWelded
            | ArmFault::ForcedUp
            | ArmFault::ForcedDown
            | ArmFault::Faulty => (self.arm >= 1.0 - LIMIT, self.arm <= LIMIT),
        }
    }

    /// The module's inputs as the profiles name them.
    fn inputs(&self) -> Vec<bool> {
        let ((opened, closed), [approach, under, beyond]) = (self.limits(), self.sensors());
        match self.setup.closes {
            Closes::Held => {
                let fault = self.arm_fault == ArmFault::Faulty;
                let [emergency_open, stop_pressed] = self.pressed;
                vec![opened, closed, !fault, fault, emergency_open, stop_pressed, approach, under, beyond, false]
            }
            Closes::Pulse | Closes::Own => vec![opened, closed, approach, under, beyond, false, false, false],
        }
    }

    fn switch(&mut self, coil: usize, on: bool) {
        let rises = on && !self.coils[coil];
        self.coils[coil] = on;
        if !rises {
            return;
        }
        match coil {
            OPEN => self.motor = Motor::Opening,
            STOP => self.motor = Motor::Still,
            CLOSE if self.setup.closes == Closes::Held => self.renewed = self.now,
            CLOSE if self.setup.closes == Closes::Pulse => self.start_closing(),
            _ => {}
        }
    }

    /// A close pulse means nothing while the arm is asked to open.
    fn start_closing(&mut self) {
        if !self.coils[OPEN] && self.arm > 0.0 {
            if self.motor != Motor::Closing {
                self.closings += 1;
            }
            self.motor = Motor::Closing;
        }
    }

    fn barrier(&mut self, request: &Request) -> Response {
        match request {
            Request::Read { table: Table::Coil, start, count } => bits(&self.coils, *start, *count),
            Request::Read { table: Table::Discrete, start, count } => bits(&self.inputs(), *start, *count),
            Request::Read { table: Table::Holding, start: 0, count: 1 } if self.setup.closes == Closes::Held => {
                Response::Words(vec![self.counter])
            }
            Request::Read { .. } => Response::Exception(ILLEGAL_ADDRESS),
            Request::WriteCoils { start, bits } if usize::from(*start) + bits.len() <= self.coils.len() => {
                for (place, on) in bits.iter().enumerate() {
                    self.switch(usize::from(*start) + place, *on);
                }
                Response::Written
            }
            Request::WriteRegisters { start: 0, words } if words.len() == 1 && self.setup.closes == Closes::Held => {
                if words[0] != self.counter {
                    self.renewed = self.now;
                }
                self.counter = words[0];
                Response::Written
            }
            Request::WriteCoils { .. } | Request::WriteRegisters { .. } => Response::Exception(ILLEGAL_ADDRESS),
        }
    }

    fn sensor_module(&self, request: &Request) -> Response {
        let [approach, under, beyond] = self.sensors();
        match request {
            Request::Read { table: Table::Discrete, start, count } => {
                bits(&[approach, under, beyond, false, false, false, false, false], *start, *count)
            }
            Request::Read { table: Table::Coil, start, count } => bits(&[false; 8], *start, *count),
            Request::Read { .. } | Request::WriteCoils { .. } | Request::WriteRegisters { .. } => {
                Response::Exception(ILLEGAL_FUNCTION)
            }
        }
    }
}

impl Simulator for Gate {
    fn answer(&mut self, now: Moment, unit: u8, request: &Request) -> Option<Response> {
        self.step(now);
        match unit {
            BARRIER => Some(self.barrier(request)),
            SENSORS => Some(self.sensor_module(request)),
            _ => None,
        }
    }
}

fn bits(all: &[bool], start: u16, count: u16) -> Response {
    let range = usize::from(start)..usize::from(start) + usize::from(count);
    all.get(range).map_or(Response::Exception(ILLEGAL_ADDRESS), |bits| Response::Bits(bits.to_vec()))
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;

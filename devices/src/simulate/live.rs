//! Devices that behave: a thermometer before which people stand, a scale that settles, a supply whose mains fail, an
//! X-ray machine whose belt and beam only a person at the machine starts. Any Modbus profile of the kind can be acted.

use std::sync::Arc;
use std::time::Duration;

use super::{Model, Request, Response, Simulator};
use crate::codec::{Raw, decode};
use crate::kind::Kind;
use crate::moment::Moment;
use crate::profile::Profile;
use crate::reading::Value;

/// Temperature of the wall that a thermometer sees when nobody stands before it, in °C.
const ROOM: f64 = 21.0;
/// How fast a platform comes to rest: the share of the way left after this is 1/e.
const SETTLING: Duration = Duration::from_millis(400);
/// A weight that moves by less than this, in kg, stands still.
const STILL: f64 = 1.0;
/// More than this, in kg, the scale cannot weigh.
const CAPACITY: f64 = 60_000.0;
/// How long a full battery lasts.
const BATTERY: Duration = Duration::from_secs(20 * 60);
/// How long an empty battery takes to be full.
const CHARGING: Duration = Duration::from_secs(2 * 60 * 60);
/// Below this charge, in percent, the battery is low.
const LOW: f64 = 20.0;

/// What a person at the X-ray machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTheMachine {
    /// Starts the belt.
    RunBelt,
    /// Starts the belt backwards.
    ReverseBelt,
    /// Stops the belt.
    StopBelt,
    /// Starts the beam.
    StartBeam,
    /// Opens a panel: the interlock chain is broken.
    OpenPanel,
    /// Closes it.
    ClosePanel,
    /// Presses the emergency stop.
    PressEmergencyStop,
    /// Pulls it out again.
    ReleaseEmergencyStop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belt {
    Still,
    Forwards,
    Backwards,
}

#[derive(Clone, Debug)]
enum World {
    Thermometer { person: Option<f64> },
    Scale { load: f64, shown: f64 },
    Supply { mains: bool, charge: f64 },
    Machine { belt: Belt, beam: bool, panel_open: bool, emergency: bool },
}

/// One device that behaves.
#[derive(Clone, Debug)]
pub struct Live {
    model: Model,
    world: World,
    now: Moment,
}

impl Live {
    /// A device of `profile` that answers as `unit`.
    ///
    /// # Errors
    /// A sentence, where the kind has nothing to act.
    pub fn new(profile: Arc<Profile>, unit: u8) -> Result<Self, String> {
        let world = match profile.kind {
            Kind::Thermometer => World::Thermometer { person: None },
            Kind::Weighbridge => World::Scale { load: 0.0, shown: 0.0 },
            Kind::Ups => World::Supply { mains: true, charge: 100.0 },
            Kind::Xray => World::Machine { belt: Belt::Still, beam: false, panel_open: false, emergency: false },
            Kind::Barrier
            | Kind::Io
            | Kind::Radiation
            | Kind::Display
            | Kind::Light
            | Kind::Camera
            | Kind::Diverter
            | Kind::Belt => return Err(format!("a {} has nothing to act here", profile.kind.word())),
        };
        let mut live = Self { model: Model::new(profile, unit), world, now: Moment::START };
        live.tell();
        Ok(live)
    }

    /// Who stands before the thermometer: the temperature of the skin, `None` for nobody.
    pub fn stand(&mut self, skin: Option<f64>) {
        if let World::Thermometer { person } = &mut self.world {
            *person = skin;
        }
        self.tell();
    }

    /// What stands on the scale, in kg.
    pub fn put(&mut self, kilograms: f64) {
        if let World::Scale { load, .. } = &mut self.world {
            *load = kilograms;
        }
        self.tell();
    }

    /// Whether the mains are there.
    pub fn mains(&mut self, there: bool) {
        if let World::Supply { mains, .. } = &mut self.world {
            *mains = there;
        }
        self.tell();
    }

    /// A person acts at the X-ray machine. What the machine does not allow at this moment does nothing.
    pub fn act(&mut self, act: AtTheMachine) {
        let (stopped, dark) = (self.output("belt_stop"), self.output("beam_off"));
        let World::Machine { belt, beam, panel_open, emergency } = &mut self.world else { return };
        let free = !*emergency && !stopped;
        match act {
            AtTheMachine::RunBelt if free => *belt = Belt::Forwards,
            AtTheMachine::ReverseBelt if free => *belt = Belt::Backwards,
            AtTheMachine::RunBelt | AtTheMachine::ReverseBelt => {}
            AtTheMachine::StopBelt => *belt = Belt::Still,
            AtTheMachine::StartBeam => *beam |= !*emergency && !*panel_open && !dark,
            AtTheMachine::OpenPanel => *panel_open = true,
            AtTheMachine::ClosePanel => *panel_open = false,
            AtTheMachine::PressEmergencyStop => *emergency = true,
            AtTheMachine::ReleaseEmergencyStop => *emergency = false,
        }
        self.tell();
    }

    /// Lets time pass.
    pub fn pass(&mut self, now: Moment) {
        let time = now.since(self.now);
        self.now = self.now.max(now);
        match &mut self.world {
            World::Thermometer { .. } | World::Machine { .. } => {}
            World::Scale { load, shown } => {
                *shown = *load + (*shown - *load) * (-time.as_secs_f64() / SETTLING.as_secs_f64()).exp();
            }
            World::Supply { mains, charge } => {
                let full = if *mains { CHARGING } else { BATTERY };
                let change = 100.0 * time.as_secs_f64() / full.as_secs_f64();
                *charge = if *mains { (*charge + change).min(100.0) } else { (*charge - change).max(0.0) };
            }
        }
        self.tell();
    }

    /// Whether an output of the profile is switched on.
    fn output(&mut self, name: &str) -> bool {
        self.value(name).and_then(|value| value.as_bool()).unwrap_or(false)
    }

    /// What a point shows, as a link would read it.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        let point = self.model.profile().point(name)?.clone();
        let register = point.register()?;
        let request = Request::Read { table: register.table, start: register.address, count: register.width() };
        let unit = self.model.unit();
        match self.model.answer(self.now, unit, &request)? {
            Response::Bits(bits) => decode(&point, Raw::Bit(*bits.first()?)).0,
            Response::Words(words) => decode(&point, Raw::Words(&words)).0,
            Response::Written | Response::Exception(_) => None,
        }
    }

    fn show(&mut self, name: &str, value: Value) {
        let Some(index) = self.model.profile().point_index(name) else { return };
        // What the model's registers cannot hold is left out, as the device itself could not tell it.
        let _ = self.model.set(index, &value);
    }

    /// Makes the model's points say what the world is like.
    fn tell(&mut self) {
        let (stopped, dark) = (self.output("belt_stop"), self.output("beam_off"));
        if let World::Machine { belt, beam, panel_open, emergency } = &mut self.world {
            if *emergency || stopped {
                *belt = Belt::Still;
            }
            *beam &= !*emergency && !*panel_open && !dark;
        }
        match self.world.clone() {
            World::Thermometer { person } => {
                // A tenth up and down each second, as real ones do.
                let ripple = if (self.now.as_millis() / 500).is_multiple_of(2) { 0.0 } else { 0.1 };
                self.show("temperature", Value::Float(person.unwrap_or(ROOM) + ripple));
                self.show("ambient", Value::Float(ROOM));
                self.show("valid", Value::Bool(person.is_some()));
            }
            World::Scale { load, shown } => {
                self.show("weight", Value::Float(shown.round()));
                self.show("net", Value::Float(shown.round()));
                self.show("stable", Value::Bool((load - shown).abs() < STILL));
                self.show("overload", Value::Bool(load > CAPACITY));
                self.show("zero", Value::Bool(shown.abs() < STILL));
            }
            World::Supply { mains, charge } => {
                self.show("on_battery", Value::Bool(!mains));
                self.show("charge", Value::Float(charge.round()));
                self.show("runtime", Value::Float((charge / 100.0 * BATTERY.as_secs_f64()).round()));
                self.show("battery_low", Value::Bool(charge < LOW));
                self.show("battery_voltage", Value::Float(24.0 + charge / 40.0));
                self.show("battery_temperature", Value::Float(25.0));
                self.show("input_voltage", Value::Float(if mains { 230.0 } else { 0.0 }));
                self.show("output_voltage", Value::Float(if charge > 0.0 || mains { 230.0 } else { 0.0 }));
            }
            World::Machine { belt, beam, panel_open, emergency } => {
                self.show("belt_running", Value::Bool(belt != Belt::Still));
                self.show("belt_reversed", Value::Bool(belt == Belt::Backwards));
                self.show("belt_stopped", Value::Bool(stopped && belt == Belt::Still));
                self.show("belt_run_ready", Value::Bool(!emergency && !stopped && belt == Belt::Still));
                self.show("belt_reverse_ready", Value::Bool(!emergency && !stopped && belt == Belt::Still));
                self.show("interlock", Value::Bool(!panel_open));
                self.show("emergency_stop", Value::Bool(emergency));
                self.show("xray_ready", Value::Bool(!panel_open && !emergency && !dark));
                self.show("xray_on", Value::Bool(beam));
            }
        }
    }
}

impl Simulator for Live {
    fn answer(&mut self, now: Moment, unit: u8, request: &Request) -> Option<Response> {
        self.pass(now);
        let answer = self.model.answer(now, unit, request);
        self.tell();
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Write, encode};
    use crate::library::Library;

    fn live(name: &str) -> Live {
        Live::new(Library::shipped().get(name).unwrap().unwrap(), 1).unwrap()
    }

    fn at(seconds: f64) -> Moment {
        Moment::START + Duration::from_secs_f64(seconds)
    }

    fn number(live: &mut Live, name: &str) -> f64 {
        live.value(name).and_then(|value| value.as_f64()).unwrap_or_else(|| panic!("no {name}"))
    }

    fn on(live: &mut Live, name: &str) -> bool {
        live.value(name).and_then(|value| value.as_bool()).unwrap_or_else(|| panic!("no {name}"))
    }

    fn write(live: &mut Live, name: &str, value: bool) {
        let point = live.model.profile().point(name).unwrap().clone();
        let Write::Coil { address, on } = encode(&point, &Value::Bool(value)).unwrap() else { panic!("no coil") };
        let now = live.now;
        let request = Request::WriteCoils { start: address, bits: vec![on] };
        assert_eq!(live.answer(now, 1, &request), Some(Response::Written));
    }

    #[test]
    fn a_thermometer_sees_the_wall_until_somebody_stands_before_it() {
        for name in ["thermometer/calex-pyrousb", "thermometer/chenhe-ct100", "thermometer/omega-os-miniusb"] {
            let mut live = live(name);
            assert!((number(&mut live, "temperature") - ROOM).abs() < 0.2, "{name}");
            live.stand(Some(36.5));
            live.pass(at(0.7));
            let seen = number(&mut live, "temperature");
            assert!((36.4..=36.7).contains(&seen), "{name}: {seen}");
            live.stand(None);
            assert!(number(&mut live, "temperature") < 25.0);
        }
    }

    #[test]
    fn a_weight_counts_only_when_it_has_settled() {
        for name in ["weighbridge/hbm-wtx", "weighbridge/sartorius-pr5220", "weighbridge/seneca-ze-sg3"] {
            let mut live = live(name);
            assert!(on(&mut live, "stable"), "{name}");
            live.put(40_000.0);
            live.pass(at(0.2));
            assert!(!on(&mut live, "stable"), "{name}");
            assert!((1_000.0..39_000.0).contains(&number(&mut live, "weight")), "{name}");
            live.pass(at(8.0));
            assert!(on(&mut live, "stable"), "{name}");
            assert!((number(&mut live, "weight") - 40_000.0).abs() <= 1.0, "{name}");
            live.put(70_000.0);
            assert!(on(&mut live, "overload"), "{name}");
        }
    }

    #[test]
    fn a_supply_lives_on_its_battery_until_that_is_low() {
        let library = Library::shipped();
        for name in library.names().filter(|name| name.starts_with("ups/")) {
            let Some(profile) =
                library.get(name).and_then(Result::ok).filter(|profile| profile.points[0].register().is_some())
            else {
                continue;
            };
            let mut live = Live::new(profile, 1).unwrap();
            assert!(!on(&mut live, "on_battery"), "{name}");
            live.mains(false);
            assert!(on(&mut live, "on_battery"), "{name}");
            live.pass(at(17.0 * 60.0));
            if live.value("battery_low").is_some() {
                assert!(on(&mut live, "battery_low"), "{name}");
            }
            live.mains(true);
            assert!(!on(&mut live, "on_battery"), "{name}");
        }
    }

    #[test]
    fn only_a_person_at_the_machine_starts_belt_and_beam_and_releasing_a_stop_starts_nothing() {
        let mut live = live("xray/generic-io");
        live.act(AtTheMachine::RunBelt);
        live.act(AtTheMachine::StartBeam);
        assert!(on(&mut live, "belt_running") && on(&mut live, "xray_on"));
        write(&mut live, "belt_stop", true);
        assert!(!on(&mut live, "belt_running") && on(&mut live, "xray_on"));
        live.act(AtTheMachine::RunBelt);
        assert!(!on(&mut live, "belt_running"), "stopped is stopped");
        write(&mut live, "belt_stop", false);
        assert!(!on(&mut live, "belt_running"), "released, and still");
        write(&mut live, "beam_off", true);
        write(&mut live, "beam_off", false);
        assert!(!on(&mut live, "xray_on"));
        live.act(AtTheMachine::ReverseBelt);
        assert!(on(&mut live, "belt_running") && on(&mut live, "belt_reversed"));
    }

    #[test]
    fn a_panel_and_the_emergency_stop_end_what_they_protect_from() {
        let mut live = live("xray/generic-io");
        live.act(AtTheMachine::RunBelt);
        live.act(AtTheMachine::StartBeam);
        live.act(AtTheMachine::OpenPanel);
        assert!(!on(&mut live, "xray_on") && !on(&mut live, "interlock") && on(&mut live, "belt_running"));
        live.act(AtTheMachine::ClosePanel);
        assert!(!on(&mut live, "xray_on"), "a closed panel starts no beam");
        live.act(AtTheMachine::PressEmergencyStop);
        assert!(!on(&mut live, "belt_running"));
        live.act(AtTheMachine::StartBeam);
        assert!(!on(&mut live, "xray_on"));
    }
}

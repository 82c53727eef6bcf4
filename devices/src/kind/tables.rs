//! The standard points of every kind: what its profiles call things, in which unit, and which of them must be there.
//!
//! Words of radiation portals follow ANSI N42.35 and IEC 62244 (occupancy, background, gamma and neutron alarm), those
//! of uninterruptible supplies the variables of Network UPS Tools, those of the X-ray machine its own lamps (X-RAY ON,
//! READY).

use super::{Closes, Direction, Need, Shape, StandardPoint};

const fn output(name: &'static str, shape: Shape, need: Need, meaning: &'static str) -> StandardPoint {
    StandardPoint { name, direction: Direction::Output, shape, unit: None, meaning, need }
}

const fn input(name: &'static str, shape: Shape, need: Need, meaning: &'static str) -> StandardPoint {
    StandardPoint { name, direction: Direction::Input, shape, unit: None, meaning, need }
}

const fn measure(name: &'static str, unit: &'static str, need: Need, meaning: &'static str) -> StandardPoint {
    StandardPoint { name, direction: Direction::Input, shape: Shape::Number, unit: Some(unit), meaning, need }
}

pub(super) const BARRIER: &[StandardPoint] = &[
    output("open", Shape::Bool, Need::Required, "raise the arm"),
    output("close", Shape::Bool, Need::RequiredFor(&[Closes::Held, Closes::Pulse]), "lower the arm"),
    output("stop", Shape::Bool, Need::Optional, "stop the arm where it is"),
    output(
        "close_counter",
        Shape::Number,
        Need::OptionalFor(&[Closes::Held]),
        "rises with every renewal of a held close; the module's watchdog looks at it",
    ),
    input("opened", Shape::Bool, Need::Required, "limit switch: fully open"),
    input("closed", Shape::Bool, Need::Required, "limit switch: fully closed"),
    input("protection", Shape::Bool, Need::Optional, "the operator's own protection is ready"),
    input("fault", Shape::Bool, Need::Optional, "the operator reports a fault"),
    input("emergency_open", Shape::Bool, Need::Optional, "the emergency open button is pressed"),
    input("stop_pressed", Shape::Bool, Need::Optional, "the stop button is pressed"),
    input("moving", Shape::Bool, Need::Optional, "the motor runs"),
    input("position", Shape::Number, Need::Optional, "how far the arm is"),
];

/// Control points of an X-ray machine. Its belt is run and its beam started by a person at the machine.
pub(super) const XRAY: &[StandardPoint] = &[
    output("belt_stop", Shape::Bool, Need::Optional, "stop the belt; only a person at the machine starts it again"),
    output(
        "beam_off",
        Shape::Bool,
        Need::Optional,
        "switch the beam off; only a person at the machine starts it again",
    ),
    input("belt_running", Shape::Bool, Need::Optional, "the belt runs, whichever way"),
    input("belt_reversed", Shape::Bool, Need::Optional, "the belt runs backwards"),
    measure("belt_speed", "m/s", Need::Optional, "speed of the belt"),
    input("belt_run_ready", Shape::Bool, Need::Optional, "a person could start the belt forwards"),
    input("belt_reverse_ready", Shape::Bool, Need::Optional, "a person could start the belt backwards"),
    input("belt_stopped", Shape::Bool, Need::Optional, "the stop that was asked for is in effect"),
    input("interlock", Shape::Bool, Need::Required, "the interlock chain is closed: panels, doors, curtains, key"),
    input("xray_ready", Shape::Bool, Need::Optional, "the tube is warm and could emit; with xray_on off it does not"),
    input("xray_on", Shape::Bool, Need::Required, "the tube emits"),
    input("fault", Shape::Bool, Need::Optional, "the machine reports a fault"),
    input("emergency_stop", Shape::Bool, Need::Optional, "an emergency stop button is pressed"),
];

pub(super) const THERMOMETER: &[StandardPoint] = &[
    measure("temperature", "°C", Need::Required, "temperature of the measured surface"),
    measure("ambient", "°C", Need::Optional, "temperature of the surroundings, or of the sensor's own housing"),
    measure("distance", "m", Need::Optional, "distance from sensor to subject"),
    input("emissivity", Shape::Number, Need::Optional, "the emissivity that the device reckons with, 0 to 1"),
    input("valid", Shape::Bool, Need::Optional, "the device vouches for the measurement"),
    input("fault", Shape::Bool, Need::Optional, "the device reports a fault"),
];

pub(super) const WEIGHBRIDGE: &[StandardPoint] = &[
    measure("weight", "kg", Need::Required, "gross load on the platform"),
    input("stable", Shape::Bool, Need::Required, "the weight stands still: only then it counts"),
    measure("net", "kg", Need::Optional, "load less tare"),
    measure("tare", "kg", Need::Optional, "the tare"),
    input("overload", Shape::Bool, Need::Optional, "more than the scale can weigh"),
    input("underload", Shape::Bool, Need::Optional, "less than nothing: the zero has moved"),
    input("zero", Shape::Bool, Need::Optional, "the platform is empty, within the scale's zero"),
    input("fault", Shape::Bool, Need::Optional, "the scale reports a fault: no weight counts"),
];

pub(super) const RADIATION: &[StandardPoint] = &[
    input("occupied", Shape::Bool, Need::Required, "occupancy: something passes the portal"),
    input("gamma_alarm", Shape::Bool, Need::Required, "gamma above the alarm threshold in this occupancy"),
    input("neutron_alarm", Shape::Bool, Need::Optional, "neutrons above the alarm threshold in this occupancy"),
    input("gamma_counts", Shape::Number, Need::Required, "gamma counts of the device's interval, all detectors"),
    input("neutron_counts", Shape::Number, Need::Optional, "neutron counts of the device's interval, all detectors"),
    input("gamma_background", Shape::Number, Need::Optional, "gamma background, in the unit of gamma_counts"),
    input("neutron_background", Shape::Number, Need::Optional, "neutron background, in the unit of neutron_counts"),
    input("background_high", Shape::Bool, Need::Optional, "the background is too high to tell an alarm"),
    input("background_low", Shape::Bool, Need::Optional, "the background is too low: a detector is dead or shielded"),
    measure("speed", "m/s", Need::Optional, "speed of what passes"),
    input("tamper", Shape::Bool, Need::Optional, "a cabinet of the portal is open"),
    input("power_fail", Shape::Bool, Need::Optional, "the portal runs on its battery"),
    input("fault", Shape::Bool, Need::Optional, "the portal reports a fault"),
];

pub(super) const UPS: &[StandardPoint] = &[
    input("on_battery", Shape::Bool, Need::Required, "the mains are gone: the load runs on the battery"),
    measure("charge", "%", Need::Optional, "charge of the battery"),
    measure("runtime", "s", Need::Optional, "time until the battery is empty at this load"),
    measure("battery_voltage", "V", Need::Optional, "voltage of the battery"),
    measure("battery_temperature", "°C", Need::Optional, "temperature of the battery"),
    measure("input_voltage", "V", Need::Optional, "voltage of the mains"),
    measure("output_voltage", "V", Need::Optional, "voltage at the load"),
    measure("load", "%", Need::Optional, "load, of what the supply is built for"),
    input("battery_low", Shape::Bool, Need::Optional, "the battery is nearly empty"),
    input("replace_battery", Shape::Bool, Need::Optional, "the battery must be replaced"),
    input("bypass", Shape::Bool, Need::Optional, "the load hangs on the mains directly, unprotected"),
    input("overload", Shape::Bool, Need::Optional, "more load than the supply can carry"),
    input("fault", Shape::Bool, Need::Optional, "the supply reports a fault"),
];

pub(super) const DISPLAY: &[StandardPoint] = &[
    output("text", Shape::Text, Need::RequiredUnless("message"), "the text to show"),
    output(
        "message",
        Shape::Number,
        Need::RequiredUnless("text"),
        "the number to show, or the number of the stored message to show",
    ),
    output("clear", Shape::Bool, Need::Optional, "show nothing"),
    output("brightness", Shape::Number, Need::Optional, "brightness, as the device counts it"),
    input("fault", Shape::Bool, Need::Optional, "the display reports a fault"),
];

pub(super) const LIGHT: &[StandardPoint] = &[
    output("red", Shape::Bool, Need::Required, "stop"),
    output("green", Shape::Bool, Need::Required, "go"),
    output("amber", Shape::Bool, Need::Optional, "wait"),
    output("blue", Shape::Bool, Need::Optional, "a lamp of the site's own meaning"),
    output("white", Shape::Bool, Need::Optional, "a lamp of the site's own meaning"),
    output("buzzer", Shape::Bool, Need::Optional, "sound"),
    input("fault", Shape::Bool, Need::Optional, "a lamp or the device is broken"),
];

/// A diverter at rest leads to the examination: what is not released does not reach the exit.
pub(super) const DIVERTER: &[StandardPoint] = &[
    output("pass", Shape::Bool, Need::Required, "lead to the exit; off, and at rest, it leads to the examination"),
    output("divert", Shape::Bool, Need::Optional, "lead to the examination, where a second output asks for it"),
    input("passing", Shape::Bool, Need::Required, "limit switch: it leads to the exit"),
    input("diverted", Shape::Bool, Need::Required, "limit switch: it leads to the examination"),
    input("blocked", Shape::Bool, Need::Optional, "something stands in its way"),
    input("fault", Shape::Bool, Need::Optional, "the diverter reports a fault"),
    input("emergency_stop", Shape::Bool, Need::Optional, "an emergency stop button is pressed"),
];

/// A belt without an X-ray machine. It is run by a person at the belt.
pub(super) const BELT: &[StandardPoint] = &[
    output("belt_stop", Shape::Bool, Need::Required, "stop the belt; only a person at the belt starts it again"),
    input("belt_running", Shape::Bool, Need::Required, "the belt runs, whichever way"),
    input("belt_reversed", Shape::Bool, Need::Optional, "the belt runs backwards"),
    measure("belt_speed", "m/s", Need::Optional, "speed of the belt"),
    input("belt_run_ready", Shape::Bool, Need::Optional, "a person could start the belt"),
    input("belt_stopped", Shape::Bool, Need::Optional, "the stop that was asked for is in effect"),
    input("jam", Shape::Bool, Need::Optional, "something is stuck"),
    input("fault", Shape::Bool, Need::Optional, "the drive reports a fault"),
    input("emergency_stop", Shape::Bool, Need::Optional, "an emergency stop button is pressed"),
];

//! What the lane asks of a barrier, as writes to the points of its profile.
//!
//! Whichever way the arm is asked to go, the output of the other way is switched off before: both at once is never
//! on the wire.

use crate::kind::Closes;
use crate::profile::Profile;
use crate::reading::Value;

/// What the lane asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BarrierCommand {
    /// Raise the arm.
    Open,
    /// Lower the arm: the one request of a passage (`pulse`), or the first or a renewed one (`held`).
    Close {
        /// Rises with every renewal of the same close, from 0.
        renewal: u32,
    },
    /// Take a held close back.
    CloseOff,
    /// Stop the arm where it is.
    Stop,
}

/// One value for one point. A point with a pulse is switched off again by the link.
#[derive(Clone, Debug, PartialEq)]
pub struct PointWrite {
    /// Place in [`Profile::points`].
    pub point: usize,
    /// What to write.
    pub value: Value,
}

/// The writes that carry `command` out, in their order, or why this model cannot.
pub fn writes(profile: &Profile, command: BarrierCommand) -> Result<Vec<PointWrite>, &'static str> {
    let Some(closes) = profile.closes else { return Err("this device is not a barrier") };
    match command {
        BarrierCommand::Open => {
            let mut list = off(profile, &["close"]);
            list.extend(on(profile, "open"));
            Ok(list)
        }
        BarrierCommand::Close { renewal } => close(profile, closes, renewal),
        BarrierCommand::CloseOff => match closes {
            Closes::Held => Ok(off(profile, &["close"])),
            Closes::Pulse => Err("a pulse cannot be taken back: stop or open instead"),
            Closes::Own => Err("this barrier closes by itself and is never asked to"),
        },
        BarrierCommand::Stop => stop(profile, closes),
    }
}

fn close(profile: &Profile, closes: Closes, renewal: u32) -> Result<Vec<PointWrite>, &'static str> {
    let counter = profile.point_index("close_counter").map(|point| PointWrite {
        point,
        // The counter's registers are 16 bits wide in most modules: what counts is that it changes.
        value: Value::Int(i64::from(renewal % 0x1_0000)),
    });
    match (closes, renewal) {
        (Closes::Own, _) => Err("this barrier closes by itself and is never asked to"),
        (Closes::Pulse, 0) => {
            let mut list = off(profile, &["open"]);
            list.extend(on(profile, "close"));
            Ok(list)
        }
        (Closes::Pulse, _) => Err("a close by pulse is never repeated"),
        (Closes::Held, 0) => {
            let mut list = off(profile, &["open"]);
            // The watchdog looks at the counter from the moment the request stands, so the counter comes first.
            list.extend(counter);
            list.extend(on(profile, "close"));
            Ok(list)
        }
        // The request itself is not written again where a counter renews it: once the watchdog has dropped it, a
        // renewal that was only slow must not bring it back.
        (Closes::Held, _) => Ok(counter.map_or_else(|| on(profile, "close"), |counter| vec![counter])),
    }
}

fn stop(profile: &Profile, closes: Closes) -> Result<Vec<PointWrite>, &'static str> {
    let stop = on(profile, "stop");
    if stop.is_empty() && closes != Closes::Held {
        return Err("this barrier has no stop output");
    }
    let mut list = Vec::new();
    // A held close ends by being dropped; the stop output of a pulse barrier is what stops it. Each first where it acts.
    if closes == Closes::Held {
        list.extend(off(profile, &["close"]));
        list.extend(stop);
        list.extend(off(profile, &["open"]));
    } else {
        list.extend(stop);
        list.extend(off(profile, &["open", "close"]));
    }
    Ok(list)
}

fn on(profile: &Profile, name: &str) -> Vec<PointWrite> {
    profile.point_index(name).map(|point| PointWrite { point, value: Value::Bool(true) }).into_iter().collect()
}

/// Switches off those of the named outputs that can be switched off.
fn off(profile: &Profile, names: &[&str]) -> Vec<PointWrite> {
    names
        .iter()
        .filter_map(|name| profile.point_index(name))
        .filter(|point| {
            let command = profile.points[*point].register().and_then(|register| register.command);
            command.is_none_or(|command| command.off.is_some())
        })
        .map(|point| PointWrite { point, value: Value::Bool(false) })
        .collect()
}

/// The writes that bring a device's own outputs to rest: what a link does before anything else when it first reaches
/// a device, because the program may have died in the middle of a pulse or of a held close.
pub fn rest(profile: &Profile) -> Vec<PointWrite> {
    let held = (profile.closes == Some(Closes::Held)).then(|| profile.point_index("close")).flatten();
    (0..profile.points.len())
        .filter(|index| profile.points[*index].pulse.is_some() || held == Some(*index))
        .map(|point| PointWrite { point, value: Value::Bool(false) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    fn said(model: &str, command: BarrierCommand) -> Result<Vec<String>, &'static str> {
        let profile = Library::shipped().get(model).unwrap().unwrap();
        writes(&profile, command).map(|list| {
            list.iter().map(|write| format!("{} {}", profile.points[write.point].name, write.value)).collect()
        })
    }

    #[test]
    fn a_pulse_barrier_gets_one_pulse_and_never_both_ways() {
        let model = "barrier/generic-relay";
        assert_eq!(said(model, BarrierCommand::Open).unwrap(), ["close off", "open on"]);
        assert_eq!(said(model, BarrierCommand::Close { renewal: 0 }).unwrap(), ["open off", "close on"]);
        assert_eq!(said(model, BarrierCommand::Stop).unwrap(), ["stop on", "open off", "close off"]);
        assert!(said(model, BarrierCommand::Close { renewal: 1 }).is_err());
        assert!(said(model, BarrierCommand::CloseOff).is_err());
    }

    #[test]
    fn a_held_barrier_is_renewed_by_its_counter_alone() {
        let model = "barrier/generic-held";
        let close = |renewal| said(model, BarrierCommand::Close { renewal }).unwrap();
        assert_eq!(close(0), ["open off", "close_counter 0", "close on"]);
        assert_eq!(close(7), ["close_counter 7"]);
        assert_eq!(close(65_537), ["close_counter 1"]);
        assert_eq!(said(model, BarrierCommand::CloseOff).unwrap(), ["close off"]);
        assert_eq!(said(model, BarrierCommand::Stop).unwrap(), ["close off", "stop on", "open off"]);
    }

    #[test]
    fn a_barrier_that_closes_by_itself_is_never_asked_to() {
        let text = "kind = \"barrier\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
            closes = \"own\"\n\
            [[point]]\nname = \"open\"\ntable = \"coil\"\naddress = 0\naccess = \"write\"\npulse = \"500 ms\"\n\
            [[point]]\nname = \"opened\"\ntable = \"discrete\"\naddress = 0\n\
            [[point]]\nname = \"closed\"\ntable = \"discrete\"\naddress = 1\n";
        let profile = Profile::parse("barrier/own", text).unwrap();
        assert!(writes(&profile, BarrierCommand::Close { renewal: 0 }).is_err());
        assert!(writes(&profile, BarrierCommand::CloseOff).is_err());
        assert!(writes(&profile, BarrierCommand::Stop).is_err());
        assert_eq!(writes(&profile, BarrierCommand::Open).unwrap().len(), 1);
    }

    #[test]
    fn at_rest_every_pulse_is_off_and_no_held_close_stands() {
        let profile = Library::shipped().get("barrier/generic-held").unwrap().unwrap();
        let names: Vec<_> = rest(&profile).iter().map(|write| &*profile.points[write.point].name).collect();
        assert_eq!(names, ["open", "stop", "close"]);
    }
}

//! Contacts against each other, against what a person sees there, and against time.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use portside_devices::kind::Kind;
use portside_devices::moment::Moment;
use portside_devices::profile::{PollClass, Profile};
use portside_devices::reading::Value;

use super::Cause;
use super::value::with_unit;

/// What a person who stands there sees: `arm.opened=on`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Device id.
    pub device: Arc<str>,
    /// Point name.
    pub point: Arc<str>,
    /// What is seen there.
    pub value: Value,
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || format!("`{text}` is not DEVICE.POINT=VALUE, such as arm.opened=on");
        let (place, value) = text.split_once('=').ok_or_else(help)?;
        let (device, point) = place.split_once('.').ok_or_else(help)?;
        let value = match value {
            "on" | "true" => Value::Bool(true),
            "off" | "false" => Value::Bool(false),
            number => number.parse::<f64>().map(Value::Float).map_err(|_| help())?,
        };
        Ok(Self { device: device.into(), point: point.into(), value })
    }
}

/// Values of one device by point name.
type Values<'a> = BTreeMap<&'a str, &'a Value>;

/// What the contacts of one device say against each other.
pub fn contacts(profile: &Profile, values: &Values<'_>) -> Vec<Cause> {
    let on = |name| values.get(name).is_some_and(|value| value.as_bool() == Some(true));
    if profile.kind == Kind::Barrier && on("opened") && on("closed") {
        return vec![Cause::BothLimits];
    }
    Vec::new()
}

/// What is read, against what a person sees there.
pub fn seen(profile: &Profile, expected: &[&Expectation], values: &Values<'_>) -> Vec<Cause> {
    let limits = ["opened", "closed"];
    let differs = |at: &&&Expectation| values.get(&*at.point).is_some_and(|read| !agree(&at.value, read));
    let wrong: Vec<_> = expected.iter().filter(differs).collect();
    let limit = wrong.iter().find(|at| profile.kind == Kind::Barrier && limits.contains(&&*at.point));
    let read = |name: &str| values.get(name).and_then(|value| value.as_bool());
    if let Some(at) = limit
        && read("opened") != read("closed")
    {
        // Exactly one limit is on, and it is the one at the other end.
        let open = (&*at.point == "opened") == (at.value == Value::Bool(true));
        let words =
            if open { "you see the arm open, and `closed` is on" } else { "you see it closed, and `opened` is on" };
        return vec![Cause::SwappedLimits(words.to_owned())];
    }
    wrong.into_iter().map(|at| disagreement(profile, at, values[&*at.point])).collect()
}

fn disagreement(profile: &Profile, at: &Expectation, read: &Value) -> Cause {
    let point = at.point.to_string();
    match (&at.value, profile.point(&at.point)) {
        (Value::Bool(_), _) | (_, None) => {
            Cause::Inverted { point, seen: at.value.to_string(), read: read.to_string() }
        }
        (Value::Int(_) | Value::Float(_) | Value::Text(_), Some(described)) => {
            Cause::NotAsSeen { point, seen: with_unit(described, &at.value), read: with_unit(described, read) }
        }
    }
}

/// A person reads a display to a few digits.
fn agree(seen: &Value, read: &Value) -> bool {
    match (seen.as_bool(), read.as_bool(), seen.as_f64(), read.as_f64()) {
        (Some(seen), Some(read), ..) => seen == read,
        (None, None, Some(seen), Some(read)) => (seen - read).abs() <= seen.abs() * 0.05 + 0.5,
        (..) => false,
    }
}

/// What one device said while it was watched.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// By point: when it changed and to what; the first entry is how it began.
    changes: BTreeMap<usize, Vec<(Moment, Value)>>,
}

impl History {
    /// Takes in one reading; what did not change since the last one of its point leaves no trace.
    pub fn add(&mut self, index: usize, at: Moment, value: &Value) {
        let known = self.changes.entry(index).or_default();
        if known.last().is_none_or(|(_, last)| last != value) {
            known.push((at, value.clone()));
        }
    }

    fn rises(&self, index: Option<usize>) -> impl Iterator<Item = Moment> {
        let changes = index.and_then(|index| self.changes.get(&index));
        changes.into_iter().flatten().skip(1).filter(|(_, value)| *value == Value::Bool(true)).map(|(at, _)| *at)
    }
}

/// What a time of watching told: inputs that never moved, and limits that follow the wrong command.
pub fn watched(profile: &Profile, history: &History, seconds: u64) -> Vec<Cause> {
    let mut found = Vec::new();
    let index = |name| profile.point_index(name);
    if profile.kind == Kind::Barrier {
        let (opened, closed) = (index("opened"), index("closed"));
        let first = |from: Moment, limit| history.rises(limit).find(|at| *at > from);
        let wrong = history.rises(index("open")).any(|from| match (first(from, opened), first(from, closed)) {
            (Some(opened), Some(closed)) => closed < opened,
            (None, Some(_)) => true,
            (Some(_) | None, None) => false,
        });
        if wrong {
            found.push(Cause::SwappedLimits("the arm was asked to open, and `closed` came on".to_owned()));
        }
    }
    for (index, changes) in &history.changes {
        let point = &profile.points[*index];
        if let ([(_, value)], PollClass::Fast | PollClass::Normal, false) = (&changes[..], point.poll, point.writable())
        {
            found.push(Cause::Stuck { point: point.name.to_string(), seconds, value: with_unit(point, value) });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;

    use super::*;

    fn barrier() -> Arc<Profile> {
        Library::shipped().get("barrier/generic-relay").unwrap().unwrap()
    }

    fn judged(expected: &[&str], opened: bool, closed: bool) -> Vec<Cause> {
        let expected: Vec<Expectation> = expected.iter().map(|text| text.parse().unwrap()).collect();
        let (opened, closed, di3) = (Value::Bool(opened), Value::Bool(closed), Value::Bool(true));
        let values = BTreeMap::from([("opened", &opened), ("closed", &closed), ("di3", &di3)]);
        let mut found = contacts(&barrier(), &values);
        found.extend(seen(&barrier(), &expected.iter().collect::<Vec<_>>(), &values));
        found
    }

    #[test]
    fn limits_are_swapped_when_a_person_sees_the_other_end_and_never_both_on() {
        assert_eq!(judged(&[], false, true), []);
        assert_eq!(judged(&[], true, true), [Cause::BothLimits]);
        assert_eq!(judged(&["arm.closed=on"], false, true), []);
        for told in ["arm.closed=on", "arm.opened=off"] {
            assert!(
                matches!(&judged(&[told], true, false)[..], [Cause::SwappedLimits(words)] if words.contains("closed"))
            );
        }
    }

    #[test]
    fn an_input_that_reads_the_opposite_of_what_is_seen_is_inverted_or_stuck() {
        assert!(
            matches!(&judged(&["arm.di3=off"], false, true)[..], [Cause::Inverted { point, .. }] if point == "di3")
        );
        assert!("di3=off".parse::<Expectation>().is_err() && "arm.di3".parse::<Expectation>().is_err());
    }

    #[test]
    fn watching_finds_limits_that_follow_the_wrong_command_and_inputs_that_never_move() {
        let (profile, mut history) = (barrier(), History::default());
        let at = |name: &str, millis, on, history: &mut History| {
            history.add(profile.point_index(name).unwrap(), Moment::from_millis(millis), &Value::Bool(on));
        };
        for (name, on) in [("open", false), ("opened", true), ("closed", false), ("di3", false)] {
            at(name, 0, on, &mut history);
        }
        at("open", 1_000, true, &mut history);
        at("opened", 1_500, false, &mut history);
        at("closed", 4_000, true, &mut history);
        let found = watched(&profile, &history, 30);
        assert!(matches!(&found[0], Cause::SwappedLimits(_)), "{found:?}");
        assert!(matches!(&found[1..], [Cause::Stuck { point, .. }] if point == "di3"), "{found:?}");
    }
}

//! A commented profile to begin with, for `portside profile new`: it passes every check as it stands.

use std::fmt::Write as _;

use crate::kind::{Closes, Direction, Kind, Need, Shape, StandardPoint};

const HEAD: &str = "\
# A profile of kind `{kind}`. Save it as {kind}/VENDOR-MODEL.toml in the folder that [profiles] of the lane file names,
# describe the model, and try it: portside profile test FILE
kind = \"{kind}\"
vendor = \"VENDOR\"
model = \"MODEL\"
protocol = \"modbus\"
# Where the map was read: a manual with its page, a public project, a measurement of your own.
source = \"SOURCE\"
# What a technician must know before trusting it.
# note = \"NOTE\"
";

const CLOSES: &str = "\
# How it closes: \"held\" while the request is renewed (then add watchdog = \"500 ms\"), \"pulse\" on one pulse,
# \"own\" by itself: it is never asked to, and has no point `close`.
closes = \"pulse\"
";

const IDENTIFY: &str = "
# A register that tells the model, where there is one: nothing else at this address is taken for it.
# [identify]
# table = \"holding\"
# address = 100
# equals = 0x1234
";

const KEYS: &str = "
# Of each point: table (coil, discrete, holding, input) and address as it stands in the request, counted from 0:
# reference 40001 is address 0 of table holding. Registers need a type (bool, u8_low, u8_high, u16, i16, u32, i32, f32,
# u64, i64, f64); longer ones may need word_order = \"low-first\". value = raw x scale + offset.
";

/// A profile of this kind to begin with; `None` where the kind has no profiles.
pub fn skeleton(kind: Kind) -> Option<String> {
    if !kind.has_profiles() {
        return None;
    }
    let mut text = HEAD.replace("{kind}", kind.word());
    if kind == Kind::Barrier {
        text += CLOSES;
    }
    text += IDENTIFY;
    text += KEYS;
    let free = [
        input("di1", "a spare terminal; the points of this kind may have any name"),
        StandardPoint { direction: Direction::Output, ..input("do1", "a spare output") },
    ];
    let points = if kind.standard_points().is_empty() { &free } else { kind.standard_points() };
    for (address, point) in points.iter().enumerate() {
        describe(kind, point, address, &mut text);
    }
    text += "\n# What must come out of the bits or words that the device sends: copy them from its manual or from a capture.\n";
    for point in points.iter().filter(|point| given(kind, point) && point.direction == Direction::Input) {
        let (raw, value) = if point.shape == Shape::Bool { (1, "true") } else { (215, "215") };
        let _ = write!(text, "[[test]]\npoint = \"{}\"\nraw = [{raw}]\nvalue = {value}\n\n", point.name);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    Some(text)
}

const fn input(name: &'static str, meaning: &'static str) -> StandardPoint {
    let (direction, shape) = (Direction::Input, Shape::Bool);
    StandardPoint { name, direction, shape, unit: None, meaning, need: Need::Required }
}

/// True for a point that the skeleton describes, false for one that it only offers in a comment.
fn given(kind: Kind, point: &StandardPoint) -> bool {
    match point.need {
        Need::Required => true,
        Need::RequiredFor(ways) => kind == Kind::Barrier && ways.contains(&Closes::Pulse),
        // The other one is a text, which no register holds.
        Need::RequiredUnless(_) => point.shape != Shape::Text,
        Need::Optional | Need::OptionalFor(_) => false,
    }
}

fn describe(kind: Kind, point: &StandardPoint, address: usize, text: &mut String) {
    let need = match point.need {
        Need::Required => String::new(),
        Need::RequiredUnless(other) => format!("; or `{other}`"),
        Need::RequiredFor(ways) | Need::OptionalFor(ways) => {
            let words: Vec<_> = ways.iter().map(|way| format!("\"{}\"", way.word())).collect();
            format!("; only with closes = {}", words.join(" or "))
        }
        Need::Optional => "; optional".to_owned(),
    };
    let _ = writeln!(text, "\n# {}: {}{need}", point.name, point.meaning);
    if point.shape == Shape::Text {
        return;
    }
    let hash = if given(kind, point) { "" } else { "# " };
    let mut line = |line: String| {
        let _ = writeln!(text, "{hash}{line}");
    };
    line("[[point]]".to_owned());
    line(format!("name = \"{}\"", point.name));
    let output = point.direction == Direction::Output;
    let table = match (point.shape, output) {
        (Shape::Bool, true) => "coil",
        (Shape::Bool, false) => "discrete",
        (Shape::Number | Shape::Text, _) => "holding",
    };
    line(format!("table = \"{table}\""));
    line(format!("address = {address}"));
    if point.shape == Shape::Number {
        line(format!("type = \"{}\"", if point.unit.is_some() { "i16" } else { "u16" }));
    }
    if let Some(unit) = point.unit {
        line(format!("unit = \"{unit}\""));
    }
    if output {
        line("access = \"read-write\"".to_owned());
    }
    if output && kind == Kind::Barrier && point.shape == Shape::Bool {
        line("pulse = \"500 ms\"".to_owned());
    }
    if !output && point.shape == Shape::Bool {
        line("poll = \"fast\"".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    /// Makes every offered key and point real.
    fn uncommented(text: &str) -> String {
        let real = |line: &str| {
            let offered = line.strip_prefix("# ").filter(|rest| {
                let word = rest.split(" = ").next().unwrap_or_default();
                rest.starts_with('[') || (rest.contains(" = ") && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            });
            format!("{}\n", offered.unwrap_or(line))
        };
        text.lines().map(real).collect()
    }

    #[test]
    fn every_skeleton_is_a_sound_profile_with_the_required_points_and_their_tests() {
        for (word, kind) in Kind::WORDS {
            let Some(text) = skeleton(*kind) else {
                assert!(!kind.has_profiles());
                continue;
            };
            let profile = Profile::parse(&format!("{word}/new"), &text).unwrap_or_else(|faults| panic!("{faults:#?}"));
            assert!(!profile.tests.is_empty() || *kind == Kind::Display || *kind == Kind::Light, "{word}");
        }
    }

    #[test]
    fn what_a_skeleton_offers_in_comments_is_sound_too() {
        for (word, kind) in Kind::WORDS.iter().filter(|(_, kind)| kind.has_profiles()) {
            let offered = uncommented(&skeleton(*kind).unwrap());
            // Only a held close has a counter, and a skeleton closes by pulse.
            let (before, counter) = offered.split_once("# close_counter").unwrap_or((&offered, ""));
            let after = counter.split_once("\n\n").map_or("", |(_, after)| after);
            let profile = Profile::parse(&format!("{word}/new"), &format!("{before}\n{after}"));
            let profile = profile.unwrap_or_else(|faults| panic!("{faults:#?}"));
            assert!(profile.points.len() + 2 >= kind.standard_points().len(), "{word}");
            assert!(profile.identify.is_some() && profile.note.is_some());
        }
    }
}

//! The page of all kinds and models, `docs/profiles.md`, made from the tables of kinds and the shipped profiles.

use std::fmt::Write as _;

use crate::kind::{Direction, Kind, Need, Shape, StandardPoint};
use crate::library::Library;
use crate::profile::Profile;

const HEAD: &str = "\
# Kinds and models

Made from the tables of kinds and the shipped profiles (`BLESS=1 cargo test -p portside-devices --test profiles_page`). A
lane file names a model by the first column: `profile = \"barrier/generic-relay\"`. A site describes its own models in
files of the same form, without a compiler: `portside profile new KIND` writes one to begin with, `portside profile test
FILE` tries it, [profiles] `dir` in the lane file says where they are. No map here was invented; where one is this
project's own, for modules that a site wires itself, its source says so.
";

/// The page in Markdown.
pub fn page(library: &Library) -> String {
    let mut text = HEAD.to_owned();
    for (_, kind) in Kind::WORDS.iter().filter(|(_, kind)| kind.has_profiles()) {
        let _ = write!(text, "\n## {}\n\n{}\n\n", kind.word(), rule(*kind));
        points(*kind, &mut text);
        models(*kind, library, &mut text);
    }
    text
}

/// What holds for the whole kind.
fn rule(kind: Kind) -> String {
    let outputs = match kind.only_outputs() {
        None => "Spare terminals may be named `di1`, `do1`, `ai1`, `ao1` and so on, anything else `aux_…`.".to_owned(),
        Some([]) => "It has no outputs. Anything that it tells beyond these points may be named `aux_…`.".to_owned(),
        Some(only) => {
            let names: Vec<_> = only.iter().map(|name| format!("`{name}`")).collect();
            format!("It has no outputs but {}: the rest is a person's act.", names.join(" and "))
        }
    };
    if kind.standard_points().is_empty() { "Every name is free.".to_owned() } else { outputs }
}

fn points(kind: Kind, text: &mut String) {
    if kind.standard_points().is_empty() {
        return;
    }
    *text += "| point | | value | | meaning |\n|---|---|---|---|---|\n";
    for point in kind.standard_points() {
        let way = match point.direction {
            Direction::Input => "in",
            Direction::Output => "out",
        };
        let value = match (point.shape, point.unit) {
            (Shape::Number, Some(unit)) => format!("number, {unit}"),
            (Shape::Number, None) => "number".to_owned(),
            (Shape::Bool, _) => "on or off".to_owned(),
            (Shape::Text, _) => "text".to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {way} | {value} | {} | {} |", point.name, need(point), point.meaning);
    }
    text.push('\n');
}

fn need(point: &StandardPoint) -> String {
    let ways = |ways: &[crate::kind::Closes]| {
        let words: Vec<_> = ways.iter().map(|way| format!("`{}`", way.word())).collect();
        words.join(" and ")
    };
    match point.need {
        Need::Required => "required".to_owned(),
        Need::Optional => String::new(),
        Need::RequiredUnless(other) => format!("this or `{other}`"),
        Need::RequiredFor(closes) => format!("required where it closes by {}", ways(closes)),
        Need::OptionalFor(closes) => format!("only where it closes by {}", ways(closes)),
    }
}

fn models(kind: Kind, library: &Library, text: &mut String) {
    *text += "| model | | points | source | to know |\n|---|---|---|---|---|\n";
    for profile in library.names().filter_map(|name| library.get(name)?.ok()).filter(|profile| profile.kind == kind) {
        let _ = writeln!(
            text,
            "| `{}` | {} {} | {} | {} | {} |",
            profile.name,
            cell(&profile.vendor),
            cell(&profile.model),
            named(&profile),
            cell(&profile.source),
            profile.note.as_deref().map(cell).unwrap_or_default(),
        );
    }
}

/// Its standard points by name and how many others there are.
fn named(profile: &Profile) -> String {
    if let Some(detector) = &profile.detector {
        let energies = if detector.energies == 2 { "two energies" } else { "one energy" };
        return format!("lines: {} elements, {energies}, {} a second", detector.pixels, detector.rate);
    }
    let standard = profile.kind.standard_points();
    let known = |name: &str| standard.iter().any(|point| point.name == name);
    let (names, others): (Vec<_>, Vec<_>) = profile.points.iter().partition(|point| known(&point.name));
    let mut words: Vec<_> = names.iter().map(|point| point.name.to_string()).collect();
    match others.len() {
        0 => {}
        count if words.is_empty() => words.push(count.to_string()),
        count => words.push(format!("{count} more")),
    }
    words.join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

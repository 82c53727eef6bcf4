//! What a thermal picture is held against, as a technician writes it to try it on files.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::thermal::blackbody::{self, Source};
use crate::thermal::condition::Rules;
use crate::thermal::face::Window;

/// °C from which on a temperature is elevated, where no file says otherwise: as in the shipped lane file.
const ELEVATED: f64 = 37.3;

/// The conditions, and the limit.
pub(super) struct Held {
    pub(super) rules: Rules,
    pub(super) elevated: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    elevated: Option<f64>,
    face: Option<FaceTable>,
    place: Option<PlaceTable>,
    reference: Option<ReferenceTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaceTable {
    window: Option<[f64; 4]>,
    skin: Option<[f32; 2]>,
    pixels: Option<[usize; 2]>,
    area: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceTable {
    ambient: Option<[f64; 2]>,
    humidity: Option<[f64; 2]>,
    distance: Option<[f64; 2]>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceTable {
    required: Option<bool>,
    drift_max: Option<f64>,
    uneven_max: Option<f64>,
    fresh_seconds: Option<u64>,
    #[serde(default)]
    source: Vec<SourceTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    window: [f64; 4],
    celsius: f64,
}

/// Those of a file, over the shipped ones.
pub(super) fn read(file: Option<&Path>) -> Result<Held, String> {
    let Some(file) = file else { return Ok(Held { rules: Rules::default(), elevated: ELEVATED }) };
    let at = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{at} cannot be read: {error}"))?;
    let tables: File = toml::from_str(&text).map_err(|error| format!("{at}: {error}"))?;
    held(tables).map_err(|wrong| format!("{at}: {wrong}"))
}

fn held(file: File) -> Result<Held, String> {
    let mut rules = Rules::default();
    if let Some(face) = file.face {
        rules.face.window = face.window.map_or(Ok(rules.face.window), |sides| window("face", sides))?;
        if let Some([low, high]) = face.skin {
            ordered("skin", low.into(), high.into(), 20.0, 50.0)?;
            rules.face.skin = low..=high;
        }
        let [across, down] = face.pixels.unwrap_or(rules.face.least.into());
        rules.face.least = (across, down);
        rules.face.area = face.area.unwrap_or(rules.face.area);
        if !(1..=10_000).contains(&rules.face.area) {
            return Err("`area` of [face] is not 1 to 10,000 pixels".to_owned());
        }
    }
    if let Some(place) = file.place {
        for (name, given, (low, high), rule) in [
            ("ambient", place.ambient, (-40.0, 60.0), &mut rules.ambient),
            ("humidity", place.humidity, (0.0, 1.0), &mut rules.humidity),
            ("distance", place.distance, (0.0, 20.0), &mut rules.distance),
        ] {
            if let Some([from, to]) = given {
                ordered(name, from, to, low, high)?;
                *rule = Some(from..=to);
            }
        }
    }
    if let Some(reference) = file.reference {
        rules.reference = sources(reference, rules.reference)?;
    }
    let elevated = file.elevated.unwrap_or(ELEVATED);
    if !(30.0..=45.0).contains(&elevated) {
        return Err(format!("`elevated` is {elevated}, expected 30 to 45 °C"));
    }
    Ok(Held { rules, elevated })
}

fn sources(table: ReferenceTable, shipped: Option<blackbody::Rules>) -> Result<Option<blackbody::Rules>, String> {
    if table.required == Some(false) && table.source.is_empty() {
        return Ok(None);
    }
    let Some(mut rules) = shipped else { return Ok(None) };
    if table.source.len() > 2 {
        return Err(format!("{} sources of known temperature, expected one or two", table.source.len()));
    }
    for source in table.source {
        ordered("celsius of a source", source.celsius, 100.0, 0.0, 100.0)?;
        rules.sources.push(Source { window: window("source", source.window)?, celsius: source.celsius });
    }
    rules.drift_max = table.drift_max.unwrap_or(rules.drift_max);
    rules.uneven_max = table.uneven_max.unwrap_or(rules.uneven_max);
    rules.fresh_for = table.fresh_seconds.map_or(rules.fresh_for, Duration::from_secs);
    let positive = |value: f64| value > 0.0 && value.is_finite();
    if !positive(rules.drift_max) || !positive(rules.uneven_max) {
        return Err("`drift_max` and `uneven_max` are not above 0 K".to_owned());
    }
    Ok(Some(rules))
}

fn window(of: &str, [left, top, width, height]: [f64; 4]) -> Result<Window, String> {
    let window = Window { left, top, width, height };
    let expected = "expected left, top, width and height in parts of the picture, as in [0.2, 0.1, 0.6, 0.8]";
    window.is_sound().then_some(window).ok_or_else(|| format!("the window of the {of} lies outside: {expected}"))
}

fn ordered(what: &str, from: f64, to: f64, low: f64, high: f64) -> Result<(), String> {
    let sound = from >= low && from <= to && to <= high;
    sound
        .then_some(())
        .ok_or_else(|| format!("`{what}` is {from} to {to}, expected two numbers within {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Held, String> {
        held(toml::from_str(text).map_err(|error| error.to_string())?)
    }

    #[test]
    fn what_a_file_says_goes_over_what_is_shipped() {
        let text = "elevated = 37.5\n[face]\npixels = [40, 60]\nwindow = [0.2, 0.1, 0.6, 0.8]\n[place]\nambient = [16, 28]\n\
                    [reference]\ndrift_max = 1\n[[reference.source]]\nwindow = [0, 0, 0.1, 0.1]\ncelsius = 35";
        let Held { rules, elevated } = read(text).unwrap();
        assert_eq!((elevated, rules.face.least, rules.ambient), (37.5, (40, 60), Some(16.0..=28.0)));
        assert_eq!(rules.humidity, Rules::default().humidity);
        let reference = rules.reference.unwrap();
        assert_eq!((reference.drift_max, reference.sources.len()), (1.0, 1));
        assert_eq!(read("[reference]\nrequired = false").unwrap().rules.reference, None);
    }

    #[test]
    fn what_cannot_be_held_is_refused_with_what_was_expected() {
        for (text, word) in [
            ("elevate = 37.5", "unknown field"),
            ("elevated = 375", "expected 30 to 45"),
            ("[face]\nwindow = [0.5, 0, 0.6, 1]", "parts of the picture"),
            ("[face]\narea = 0", "1 to 10,000"),
            ("[face]\nskin = [43, 30]", "skin"),
            ("[place]\nhumidity = [10, 50]", "within 0 to 1"),
            ("[reference]\ndrift_max = -1", "above 0 K"),
        ] {
            let Err(why) = read(text) else { panic!("{text}") };
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}

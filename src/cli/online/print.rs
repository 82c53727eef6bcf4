//! What was read, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use portside_devices::plan::plan;
use portside_devices::profile::{Point, Profile};
use portside_devices::reading::{Quality, Reading};
use serde_json::{Value, json};

use super::{Found, What};
use crate::diagnose::{Read, Shown, Sight};
use crate::field::medium::Medium;
use crate::field::touch::{Answer, Outcome, setting};

pub(super) fn text(found: &[Found]) -> String {
    let mut out = String::new();
    for device in found {
        // Writing to a String cannot fail.
        let _ = match &device.what {
            What::Modbus(sight) => modbus(&mut out, device, sight),
            What::Stream(at, readings) => stream(&mut out, device, at, readings),
            What::Folder(at) => writeln!(out, "{}  folder {}", device.id, at.path),
            What::Camera(source) => writeln!(out, "{}  camera {source}", device.id),
        };
        for cause in &device.causes {
            let _ = writeln!(out, "  CAUSE  {cause}");
        }
        if device.causes.is_empty() {
            let _ = writeln!(out, "  reads well");
        }
    }
    let wrong = found.iter().filter(|device| !device.causes.is_empty()).count();
    let _ = match wrong {
        0 => writeln!(out, "{} devices touched, nothing moved, all read well", found.len()),
        _ => writeln!(out, "{} devices touched, nothing moved, {wrong} with a cause", found.len()),
    };
    out
}

fn stream(out: &mut String, device: &Found, at: &str, readings: &[Reading]) -> std::fmt::Result {
    writeln!(out, "{}  listened to at {at}", device.id)?;
    for reading in readings {
        let value = reading.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        writeln!(out, "  {}  {value}  {}", reading.point, words(&reading.quality))?;
    }
    Ok(())
}

fn place(sight: &Sight) -> String {
    let port = match &sight.medium {
        Medium::Serial(serial) => format!(" ({})", setting(serial)),
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => String::new(),
    };
    format!("{}{port} unit {}", sight.medium, sight.unit)
}

fn identity(sight: &Sight) -> String {
    match (&sight.profile.identify, sight.identity.as_ref().and_then(Answer::words)) {
        (None, _) => "no identity in the profile".to_owned(),
        (Some(identify), Some([word])) if *word == identify.equals => format!("identity 0x{word:04X}, as expected"),
        (Some(_), Some([word, ..])) => format!("identity 0x{word:04X}"),
        (Some(_), Some([]) | None) => "no identity read".to_owned(),
    }
}

fn modbus(out: &mut String, device: &Found, sight: &Sight) -> std::fmt::Result {
    writeln!(out, "{}  {} at {}, {}", device.id, sight.profile.name, place(sight), identity(sight))?;
    let points = with_unread(sight, device.points());
    if points.is_empty() {
        return Ok(());
    }
    let rows: Vec<[String; 6]> = points.iter().map(|shown| row(sight, shown)).collect();
    let header = ["point", "address", "raw", "value", "quality", "ms"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&header]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    for cells in [&header].into_iter().chain(&rows) {
        let mut line = String::from("  ");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "{cell}{}  ", " ".repeat(width - cell.chars().count()));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The points that were read, and behind them those that were not: none vanishes because its read failed. Where nothing
/// was read at all, the cause speaks for all.
fn with_unread(sight: &Sight, mut points: Vec<Shown>) -> Vec<Shown> {
    if points.is_empty() {
        return points;
    }
    for index in plan(&sight.profile).into_iter().flat_map(|block| block.points) {
        if !points.iter().any(|shown| shown.index == index) {
            let why = sight.reads.iter().find(|read| read.block.points.contains(&index)).map_or("not asked", unread);
            points.push(Shown {
                index,
                raw: Vec::new(),
                value: None,
                quality: Quality::Bad(format!("not read: {why}")),
            });
        }
    }
    points
}

/// Why a read brought nothing, in a few words; the cause says it at length.
const fn unread(read: &Read) -> &'static str {
    match read.answer.outcome {
        Outcome::Silence => "no answer",
        Outcome::Answer(_) | Outcome::Twice(..) => "refused",
        Outcome::Cut(_) => "connection ended",
        Outcome::OtherUnit(_)
        | Outcome::BadCheck
        | Outcome::Misfit(_)
        | Outcome::OtherRequest
        | Outcome::Part
        | Outcome::Foreign => "answer of no use",
    }
}

fn row(sight: &Sight, shown: &Shown) -> [String; 6] {
    let point = &sight.profile.points[shown.index];
    let took = sight.reads.iter().find(|read| read.block.points.contains(&shown.index));
    let took = took.map_or_else(String::new, |read| format!("{:.1}", read.answer.took.as_secs_f64() * 1e3));
    [point.name.to_string(), address(point), raw(point, &shown.raw), value(&sight.profile, shown), quality(shown), took]
}

/// `discrete 3`, as the profile names it.
pub(crate) fn address(point: &Point) -> String {
    point.register().map_or_else(String::new, |register| format!("{} {}", register.table.word(), register.address))
}

/// Bits as 0 or 1, words in hexadecimal.
pub(crate) fn raw(point: &Point, words: &[u16]) -> String {
    let bits = point.register().is_some_and(|register| register.table.is_bits());
    let words = words.iter().map(|word| if bits { word.to_string() } else { format!("{word:04X}") });
    words.collect::<Vec<_>>().join(" ")
}

fn value(profile: &Profile, shown: &Shown) -> String {
    let unit = profile.points[shown.index].unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    shown.value.as_ref().map_or_else(|| "-".to_owned(), |value| format!("{value}{unit}"))
}

fn quality(shown: &Shown) -> String {
    words(&shown.quality)
}

fn words(quality: &Quality) -> String {
    match quality {
        Quality::Good => "good".to_owned(),
        Quality::Stale => "stale".to_owned(),
        Quality::Bad(reason) => format!("bad: {reason}"),
        Quality::Invalid(reason) => format!("invalid: {reason}"),
    }
}

pub(super) fn json(found: &[Found]) -> String {
    let devices: Vec<Value> = found.iter().map(device).collect();
    let ok = found.iter().all(|device| device.causes.is_empty());
    format!("{:#}\n", json!({ "ok": ok, "devices": devices }))
}

fn device(found: &Found) -> Value {
    let causes: Vec<Value> =
        found.causes.iter().map(|cause| json!({ "code": cause.code(), "text": cause.to_string() })).collect();
    let mut value = json!({ "id": found.id, "causes": causes });
    match &found.what {
        What::Stream(at, readings) => {
            value["address"] = json!(at);
            value["readings"] = json!(readings);
        }
        What::Folder(at) => value["folder"] = json!(at.path),
        What::Camera(source) => value["source"] = json!(source),
        What::Modbus(sight) => {
            value["address"] = json!(sight.medium.to_string());
            value["unit"] = json!(sight.unit);
            value["profile"] = json!(sight.profile.name);
            value["identity"] = json!(sight.identity.as_ref().and_then(|answer| answer.words()?.first().copied()));
            value["points"] = {
                let points = with_unread(sight, found.points());
                points.iter().map(|shown| point(sight, shown)).collect()
            };
        }
    }
    value
}

fn point(sight: &Sight, shown: &Shown) -> Value {
    let point = &sight.profile.points[shown.index];
    json!({
        "point": point.name, "address": address(point), "raw": shown.raw, "value": shown.value, "unit": point.unit,
        "quality": shown.quality,
    })
}

//! `portside vision thermal`: what a thermal imager's file says, one line a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use portside_devices::moment::Moment;

use super::super::door::WRONG;
use super::rules::{self, Held};
use crate::field::decoder::{Decoder, Failure};
use crate::field::folder::FILE_LIMIT;
use crate::field::picture::Unreadable;
use crate::lane::temperature::Outcome;
use crate::thermal::blackbody::Watch;
use crate::thermal::condition::{self, Reading, Reason, Surroundings};
use crate::thermal::radiance::{Radiometry, Scale, Scene};
use crate::thermal::{Frame, Thermogram};

/// Temperatures in files of a thermal imager.
#[derive(Args, Debug)]
#[command(after_help = "Reads radiometric JPEGs of FLIR and 16-bit TIFFs, as the camera saved them.\n\nExample:\n  \
    portside vision thermal FLIR.jpg --emissivity 0.98 --distance 1.0\n  \
    portside vision thermal frame.tiff --kelvin-per-count 0.04 --json")]
pub(super) struct ThermalArgs {
    /// Files of a thermal imager
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One line of JSON a file
    #[arg(long)]
    json: bool,
    /// Of the surface, instead of what the camera was told; skin has 0.98
    #[arg(long, value_parser = share)]
    emissivity: Option<f64>,
    /// °C of what the surface reflects, instead of what the camera was told
    #[arg(long, allow_negative_numbers = true, value_parser = surroundings)]
    reflected: Option<f64>,
    /// Metres to the surface, instead of what the camera was told
    #[arg(long, value_parser = metres)]
    distance: Option<f64>,
    /// Kelvin a count, for a file that does not say
    #[arg(long, value_parser = step)]
    kelvin_per_count: Option<f64>,
    /// What the pictures are held against, instead of what is shipped: see docs/thermal.md
    #[arg(long, value_name = "TOML")]
    rules: Option<PathBuf>,
    /// °C of the room; a JPEG has what the camera was told
    #[arg(long, allow_negative_numbers = true, value_parser = surroundings)]
    ambient: Option<f64>,
    /// Relative humidity of the room, 0 to 1; a JPEG has what the camera was told
    #[arg(long, value_parser = share)]
    humidity: Option<f64>,
}

/// What is told of a file.
#[derive(Debug, Serialize)]
struct Told {
    file: String,
    #[serde(flatten)]
    found: Value,
}

/// Runs the verb.
pub(super) fn run(args: &ThermalArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("portside vision thermal: no decoder can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let held = match rules::read(args.rules.as_deref()) {
        Ok(held) => held,
        Err(why) => {
            eprintln!("portside vision thermal: {why}");
            return ExitCode::from(WRONG);
        }
    };
    let mut worst = 0;
    for file in &args.files {
        match runtime.block_on(look(file, args, &held)) {
            Ok(found) if args.json => line(file, found),
            Ok(found) => print!("{}", table(file, &found)),
            Err(Trouble { status, why }) => {
                worst = worst.max(status);
                if args.json {
                    line(file, json!({ "value": null, "sure": false, "error": why }));
                } else {
                    eprintln!("portside vision thermal: {}: {why}", file.display());
                }
            }
        }
    }
    ExitCode::from(worst)
}

/// Why a file says nothing, and the exit status for it.
struct Trouble {
    status: u8,
    why: String,
}

fn line(file: &Path, found: Value) {
    let told = Told { file: file.display().to_string(), found };
    println!("{}", json!(told));
}

async fn look(file: &Path, args: &ThermalArgs, held: &Held) -> Result<Value, Trouble> {
    let bytes = bytes(file)?;
    let frame = Decoder::default().thermogram(&bytes).await.map_err(|failure| Trouble {
        status: 1,
        why: match failure {
            Failure::Unreadable(Unreadable::Incomplete(why)) => format!("{why}: the file is not whole; copy it again"),
            Failure::Unreadable(Unreadable::Never(why)) | Failure::Unavailable(why) => why,
        },
    })?;
    let (frame, assumed) = told(frame, args)?;
    let picture = frame.thermogram().filter(|picture| picture.warmest().is_some()).ok_or_else(|| Trouble {
        status: 1,
        why: "no count of it stands for a temperature; is the camera's calibration in the file?".to_owned(),
    })?;
    let mut watch = Watch::default();
    if let Some(reference) = &held.rules.reference {
        watch.look(Moment::START, &picture, reference);
    }
    let mut reading = condition::read(Moment::START, &picture, &around(&frame, args), &watch, &held.rules);
    if assumed {
        reading.reasons.push(Reason::ScaleAssumed);
    }
    Ok(found(&frame, &picture, assumed, &reading, held))
}

fn bytes(file: &Path) -> Result<Vec<u8>, Trouble> {
    let wrong = |why: String| Trouble { status: WRONG, why };
    let length = std::fs::metadata(file).map_err(|error| wrong(format!("it cannot be opened: {error}")))?;
    if !length.is_file() || length.len() > FILE_LIMIT {
        return Err(wrong(format!("expected a file of at most {FILE_LIMIT} bytes")));
    }
    std::fs::read(file).map_err(|error| wrong(format!("it cannot be read: {error}")))
}

/// The frame with what the caller knows better than the file, and whether its scale is a guess.
fn told(mut frame: Frame, args: &ThermalArgs) -> Result<(Frame, bool), Trouble> {
    let mut assumed = false;
    frame.imager.scale = match (frame.imager.scale, args.kelvin_per_count) {
        (Scale::Planck(radiometry), _) => {
            let Scene { emissivity, reflected, distance, .. } = radiometry.scene;
            let radiometry = radiometry.told(Scene {
                emissivity: args.emissivity.unwrap_or(emissivity),
                reflected: args.reflected.unwrap_or(reflected),
                distance: args.distance.unwrap_or(distance),
                ..radiometry.scene
            });
            Scale::Planck(radiometry)
        }
        (Scale::Linear(_) | Scale::Unsaid, Some(step)) => Scale::Linear(step),
        (Scale::Linear(step), None) => Scale::Linear(step),
        (Scale::Unsaid, None) => {
            assumed = true;
            Scale::Linear(Scale::assumed(&frame.counts).ok_or_else(|| {
                Trouble {
                status: 1,
                why: "it does not say what a count is, and no usual step makes a scene of it; give --kelvin-per-count, \
                      which the camera's manual or settings tell (0.01, 0.04, …)"
                    .to_owned(),
            }
            })?)
        }
    };
    Ok((frame, assumed))
}

/// What the file or the caller knows of the place.
fn around(frame: &Frame, args: &ThermalArgs) -> Surroundings {
    let scene = match &frame.imager.scale {
        Scale::Planck(Radiometry { scene, .. }) => Some(scene),
        Scale::Linear(_) | Scale::Unsaid => None,
    };
    Surroundings {
        ambient: args.ambient.or(scene.map(|scene| scene.air)),
        humidity: args.humidity.or(scene.map(|scene| scene.humidity)),
        distance: args.distance.or(scene.map(|scene| scene.distance)),
    }
}

/// What it comes to: never normal where a reason speaks against it.
fn outcome(reading: &Reading, held: &Held) -> Outcome {
    match reading.celsius() {
        None => Outcome::Invalid,
        Some(celsius) if f64::from(celsius) >= held.elevated => Outcome::Elevated,
        Some(_) => Outcome::Normal,
    }
}

fn found(frame: &Frame, picture: &Thermogram, assumed: bool, reading: &Reading, held: &Held) -> Value {
    let face = reading.face.as_ref().map(|face| {
        let (columns, rows) = (&face.columns, &face.rows);
        json!({
            "x": columns.start, "y": rows.start, "width": columns.len(), "height": rows.len(),
            "celsius": degrees(face.celsius), "at": [face.at.0, face.at.1],
        })
    });
    let reasons = reading.reasons.iter().map(|reason| json!({ "code": reason.code(), "text": reason.to_string() }));
    let value = reading.celsius().map(degrees);
    let imager = &frame.imager;
    let spots = imager.spots.iter().map(|spot| {
        let celsius = picture.at(spot.x as usize, spot.y as usize).map(degrees);
        json!({ "label": spot.label, "x": spot.x, "y": spot.y, "celsius": celsius })
    });
    let scale = match &imager.scale {
        Scale::Planck(Radiometry { scene, .. }) => json!({ "by": "planck", "scene": scene }),
        Scale::Linear(step) => json!({ "by": "linear", "kelvin_per_count": step, "assumed": assumed }),
        Scale::Unsaid => Value::Null,
    };
    let (coldest, warmest) = (picture.coldest(), picture.warmest());
    let at = |warm: Option<crate::thermal::Warm>| warm.map(|warm| json!([warm.x, warm.y]));
    json!({
        "camera": imager.model, "serial": imager.serial, "width": imager.width, "height": imager.height,
        "unit": "°C", "value": value, "sure": value.is_some(), "outcome": outcome(reading, held),
        "elevated_from": held.elevated, "face": face, "reasons": reasons.collect::<Vec<_>>(),
        "valid": value.is_some(),
        "min": coldest.map(|warm| degrees(warm.celsius)), "max": warmest.map(|warm| degrees(warm.celsius)),
        "min_at": at(coldest), "max_at": at(warmest),
        "spots": spots.collect::<Vec<_>>(), "scale": scale,
    })
}

/// Hundredths: no imager tells more.
fn degrees(celsius: f32) -> f64 {
    (f64::from(celsius) * 100.0).round() / 100.0
}

fn table(file: &Path, found: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut rows = vec![
        format!(
            "{}  {} x {} pixels  {}",
            file.display(),
            found["width"],
            found["height"],
            found["camera"].as_str().unwrap_or("a camera without a name")
        ),
        format!("  coldest  {:>7.2} °C  at {}", found["min"].as_f64().unwrap_or_default(), found["min_at"]),
        format!("  warmest  {:>7.2} °C  at {}", found["max"].as_f64().unwrap_or_default(), found["max_at"]),
    ];
    for spot in found["spots"].as_array().into_iter().flatten() {
        let celsius = spot["celsius"].as_f64().map_or("none".to_owned(), |celsius| format!("{celsius:.2} °C"));
        rows.push(format!("  spot {:<4} {celsius:>7}  at [{},{}]", text(&spot["label"]), spot["x"], spot["y"]));
    }
    if let Some(face) = found["face"].as_object() {
        rows.push(format!(
            "  warmest of a face  {:.2} °C  at {}",
            face["celsius"].as_f64().unwrap_or_default(),
            face["at"]
        ));
    }
    rows.push(format!("  a person's temperature: {}", text(&found["outcome"])));
    let reasons = found["reasons"].as_array().into_iter().flatten();
    rows.extend(reasons.map(|reason| format!("    {}", text(&reason["text"]))));
    rows.join("\n") + "\n"
}

fn within(text: &str, range: std::ops::RangeInclusive<f64>, what: &str) -> Result<f64, String> {
    let expected = || format!("expected {what}, {} to {}", range.start(), range.end());
    text.parse().ok().filter(|value| range.contains(value)).ok_or_else(expected)
}

fn share(text: &str) -> Result<f64, String> {
    within(text, 0.01..=1.0, "a share")
}

fn surroundings(text: &str) -> Result<f64, String> {
    within(text, -90.0..=200.0, "degrees Celsius")
}

fn metres(text: &str) -> Result<f64, String> {
    within(text, 0.0..=1_000.0, "metres")
}

fn step(text: &str) -> Result<f64, String> {
    within(text, 0.001..=10.0, "kelvin a count")
}

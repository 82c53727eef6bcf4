//! `portside vision thermal`: what a thermal imager's file says, one line a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::door::WRONG;
use crate::field::decoder::{Decoder, Failure};
use crate::field::folder::FILE_LIMIT;
use crate::field::picture::Unreadable;
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
    let mut worst = 0;
    for file in &args.files {
        match runtime.block_on(look(file, args)) {
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

async fn look(file: &Path, args: &ThermalArgs) -> Result<Value, Trouble> {
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
    Ok(found(&frame, &picture, assumed))
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

fn found(frame: &Frame, picture: &Thermogram, assumed: bool) -> Value {
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
        "unit": "°C",
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
        format!("{}  {} x {} pixels  {}", file.display(), found["width"], found["height"], text(&found["camera"])),
        format!("  coldest  {:>7.2} °C  at {}", found["min"].as_f64().unwrap_or_default(), found["min_at"]),
        format!("  warmest  {:>7.2} °C  at {}", found["max"].as_f64().unwrap_or_default(), found["max_at"]),
    ];
    for spot in found["spots"].as_array().into_iter().flatten() {
        let celsius = spot["celsius"].as_f64().map_or("none".to_owned(), |celsius| format!("{celsius:.2} °C"));
        rows.push(format!("  spot {:<4} {celsius:>7}  at [{},{}]", text(&spot["label"]), spot["x"], spot["y"]));
    }
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

//! Temperatures of real thermal imagers' files, pixel by pixel as other programs reckon them, and the verb on them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod site;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portside::field::decoder::Decoder;
use portside::thermal::radiance::Scale;
use serde_json::Value;

/// Kelvin that two programs may differ by.
const AGREE: f32 = 0.1;

fn decoder() -> Decoder {
    Decoder::of(env!("CARGO_BIN_EXE_portside").into())
}

/// A file of the data folder; `None`, with a line that says so, where it is absent.
fn real(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = std::env::var_os("PORTSIDE_DATA").map_or(beside, PathBuf::from).join("thermal").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: there is no {} (set PORTSIDE_DATA)", path.display());
    None
}

/// What the peer reckons: pixels across, then °C of every pixel.
fn peer(file: &Path) -> Option<(usize, Vec<f32>)> {
    let python = site::python()?;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("celsius");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/thermal_files.py");
    let output = Command::new(python).arg(script).arg(file).arg(&out).output().unwrap();
    if output.status.code() == Some(3) {
        return site::absent("flyr is not among the test peers here (make setup)");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let width = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let bytes = std::fs::read(out).unwrap();
    Some((width, bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()))
}

#[tokio::test]
async fn every_pixel_is_as_warm_as_flyr_or_the_makers_scale_says() {
    for name in ["FLIR.jpg", "FLIR_E40.jpg", "flir_duo_radiometric.tiff"] {
        let Some(file) = real(name) else { continue };
        let Some((width, expected)) = peer(&file) else { return };
        let mut frame = decoder().thermogram(&std::fs::read(&file).unwrap()).await.unwrap();
        if frame.imager.scale == Scale::Unsaid {
            frame.imager.scale = Scale::Linear(Scale::assumed(&frame.counts).unwrap());
        }
        let picture = frame.thermogram().unwrap();
        assert_eq!((picture.width(), picture.width() * picture.height()), (width, expected.len()), "{name}");
        let found: Vec<_> = picture.pixels().collect();
        assert_eq!(found.len(), expected.len(), "{name}: pixels without a temperature");
        let off = found.iter().zip(&expected).map(|(pixel, celsius)| (pixel.celsius - celsius).abs());
        let most = off.fold(0.0, f32::max);
        println!("{name}: {} pixels, {most:.4} K apart at most", expected.len());
        assert!(most < AGREE, "{name}: {most} K");
    }
}

fn thermal(args: &[&str]) -> Output {
    site::portside().args(["vision", "thermal"]).args(args).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_verb_says_one_line_a_file_and_never_normal_of_what_is_no_person() {
    let files: Vec<_> =
        ["FLIR.jpg", "FLIR_E40.jpg", "flir_duo_radiometric.tiff"].iter().filter_map(|n| real(n)).collect();
    if files.len() < 3 {
        return;
    }
    let names: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = thermal(&[&["--json"], &names[..]].concat());
    assert_eq!(output.status.code(), Some(0));
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    for (line, (min, max)) in lines.iter().zip([(25.95, 62.32), (17.88, 24.70), (-3.43, 9.93)]) {
        let near = |key: &str, expected: f64| (line[key].as_f64().unwrap() - expected).abs() < 0.05;
        assert!(near("min", min) && near("max", max), "{line}");
        assert_eq!((&line["value"], &line["sure"], &line["outcome"]), (&Value::Null, &false.into(), &"invalid".into()));
        assert!(
            line["reasons"].as_array().unwrap().iter().any(|reason| reason["code"] == "reference_unseen"),
            "{line}"
        );
    }
    assert_eq!(lines[1]["spots"][0]["celsius"], 20.92);
    assert_eq!(lines[2]["scale"]["assumed"], true);
}

#[test]
fn a_file_that_says_nothing_fails_alone_and_says_what_would() {
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("note.jpg");
    std::fs::write(&note, b"hello, this is no picture").unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/thermogram/png.jpg");
    let (note, sound) = (note.to_str().unwrap(), corpus.to_str().unwrap());
    let output = thermal(&["--json", note, sound]);
    let said = lines(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(said[0]["error"].as_str().unwrap().contains("it is none of") && said[0]["value"].is_null(), "{said:?}");
    assert_eq!(said[1]["max"], 24.7);
    assert_eq!(thermal(&["/nowhere/at.all"]).status.code(), Some(2));
    assert_eq!(thermal(&[sound, "--emissivity", "98"]).status.code(), Some(2));
    let warmer = &lines(&thermal(&["--json", sound, "--emissivity", "0.5"]))[0];
    assert!(warmer["max"].as_f64().unwrap() > 25.5, "{warmer}");
}

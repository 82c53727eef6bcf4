//! Covered, out of focus and turned away, on real recordings of cameras that stand still.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Scalar, Size};
use opencv::imgproc;
use portside_vision::capture::{Limits, Stream};
use portside_vision::look::Luma;
use portside_vision::source::Source;
use portside_vision::tamper::{Doubt, Tamper};

const LOOK: Duration = Duration::from_millis(200);
/// When something happens to the camera.
const THEN: Duration = Duration::from_secs(60);

/// The clip that is shipped, and those of the test data that are there and whose camera stands still.
fn clips() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("PORTSIDE_DATA").map_or_else(|| here.join("../../shared/data"), PathBuf::from);
    let names = ["parking_car_768x432.mp4", "pedestrians_a_768x576.mp4"];
    let there = names.iter().map(|name| data.join("video").join(name)).filter(|path| path.exists());
    [here.join("clips/parking-car.mp4")].into_iter().chain(there).collect()
}

/// Five looks a second at a clip, again and again until `looks` are taken; grey.
fn looks(clip: &Path, looks: usize) -> Vec<Mat> {
    let limits = Limits { open: Duration::from_secs(30), read: Duration::from_secs(30) };
    let mut seen = Vec::new();
    while seen.len() < looks {
        let mut stream = Stream::open(&Source::File(clip.to_owned()), limits).unwrap();
        let every = (stream.rate * LOOK.as_secs_f64()).round().max(1.0) as usize;
        let mut number = 0;
        while seen.len() < looks && stream.advance().unwrap() {
            if number % every == 0 {
                let mut grey = Mat::default();
                imgproc::cvt_color_def(&stream.picture().unwrap(), &mut grey, imgproc::COLOR_BGR2GRAY).unwrap();
                seen.push(grey);
            }
            number += 1;
        }
    }
    seen
}

/// What is seen over 80 s, in the last twenty of which every picture is `changed`.
fn seen(clip: &Path, changed: impl Fn(&Mat) -> Mat) -> Vec<(Duration, Doubt)> {
    let mut tamper = Tamper::default();
    let at = |look: usize| LOOK * look as u32;
    let judge = |(look, picture): (usize, Mat)| {
        let picture = if at(look) < THEN { picture } else { changed(&picture) };
        let size = picture.size().unwrap();
        let luma =
            Luma { width: size.width as usize, height: size.height as usize, pixels: picture.data_bytes().unwrap() };
        (at(look), tamper.next(luma, at(look)))
    };
    looks(clip, 400).into_iter().enumerate().map(judge).collect()
}

fn blurred(picture: &Mat) -> Mat {
    let mut out = Mat::default();
    imgproc::gaussian_blur_def(picture, &mut out, Size::new(0, 0), 4.0).unwrap();
    out
}

fn scaled(picture: &Mat, times: f64, plus: f64) -> Mat {
    let mut out = Mat::default();
    picture.convert_to(&mut out, -1, times, plus).unwrap();
    out
}

/// Turned by a tenth of the view to the side and down.
fn turned(picture: &Mat) -> Mat {
    let size = picture.size().unwrap();
    let (across, down) = (f64::from(size.width) / 10.0, f64::from(size.height) / 10.0);
    let matrix = Mat::from_slice_2d(&[[1.0, 0.0, across], [0.0, 1.0, down]]).unwrap();
    let mut out = Mat::default();
    let border = opencv::core::BORDER_REFLECT;
    imgproc::warp_affine(picture, &mut out, &matrix, size, imgproc::INTER_LINEAR, border, Scalar::default()).unwrap();
    out
}

/// A lorry before two thirds of the view.
fn hidden(picture: &Mat) -> Mat {
    let mut out = picture.clone();
    let size = picture.size().unwrap();
    let part = opencv::core::Rect::new(0, size.height / 6, size.width * 4 / 5, size.height * 5 / 6);
    imgproc::rectangle(&mut out, part, Scalar::all(110.0), imgproc::FILLED, imgproc::LINE_8, 0).unwrap();
    out
}

#[test]
fn real_views_raise_no_doubt_in_other_light_and_behind_a_lorry() {
    for clip in clips() {
        type Change = fn(&Mat) -> Mat;
        let light: [(&str, Change); 4] = [
            ("as it is", Mat::clone),
            ("half the light", |picture| scaled(picture, 0.5, 0.0)),
            ("brighter", |picture| scaled(picture, 1.0, 40.0)),
            ("a lorry", hidden),
        ];
        for (what, change) in light {
            let wrong: Vec<_> = seen(&clip, change).into_iter().filter(|(_, seen)| *seen != Doubt::default()).collect();
            assert!(wrong.is_empty(), "{}, {what}: {wrong:?}", clip.display());
        }
    }
}

#[test]
fn a_covered_blurred_or_turned_camera_is_seen_within_eight_seconds() {
    for clip in clips() {
        let of = |covered, blurred, turned| Doubt { covered, blurred, turned };
        type Change = fn(&Mat) -> Mat;
        let what: [(&str, Change, Doubt); 5] = [
            ("a bag over it", |picture| scaled(picture, 0.02, 4.0), of(true, false, false)),
            ("spray on it", |picture| scaled(picture, 0.05, 120.0), of(true, false, false)),
            ("dazzled", |picture| scaled(picture, 0.1, 235.0), of(true, false, false)),
            ("out of focus", blurred, of(false, true, false)),
            ("turned", turned, of(false, false, true)),
        ];
        for (what, change, doubt) in what {
            let seen = seen(&clip, change);
            let first = seen.iter().find(|(_, seen)| *seen != Doubt::default());
            let (at, found) = first.unwrap_or_else(|| panic!("{}, {what}: nothing", clip.display()));
            println!("{}, {what}: after {:?}", clip.display(), *at - THEN);
            assert_eq!(*found, doubt, "{}, {what}", clip.display());
            assert!(*at >= THEN && *at - THEN <= Duration::from_secs(8), "{what}: {at:?}");
        }
    }
}

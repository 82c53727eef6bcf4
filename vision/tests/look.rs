//! Frozen and black on real recordings, and on real recordings that were stopped or darkened.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};
use opencv::imgproc;
use portside_devices::camera::Blemish;
use portside_vision::capture::{Limits, Stream};
use portside_vision::look::{Look, Luma};
use portside_vision::source::Source;

/// The clip that is shipped, and those of the test data that are there.
fn clips() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("PORTSIDE_DATA").map_or_else(|| here.join("../../shared/data"), PathBuf::from);
    let shipped = here.join("clips/parking-car.mp4");
    let names = ["parking_car_768x432.mp4", "pedestrians_a_768x576.mp4", "dashcam_bus_1280x720.mp4"];
    let there = names.iter().map(|name| data.join("video").join(name)).filter(|path| path.exists());
    [shipped].into_iter().chain(there).collect()
}

/// Every frame of a clip in grey, with its time in the clip.
fn frames(clip: &Path) -> Vec<(Duration, usize, usize, Vec<u8>)> {
    let limits = Limits { open: Duration::from_secs(30), read: Duration::from_secs(30) };
    let mut stream = Stream::open(&Source::File(clip.to_owned()), limits).unwrap();
    let (mut frames, mut grey) = (Vec::new(), Mat::default());
    while stream.advance().unwrap() {
        imgproc::cvt_color_def(&stream.picture().unwrap(), &mut grey, imgproc::COLOR_BGR2GRAY).unwrap();
        let size = grey.size().unwrap();
        let at = Duration::from_secs_f64(frames.len() as f64 / stream.rate);
        frames.push((at, size.width as usize, size.height as usize, grey.data_bytes().unwrap().to_vec()));
    }
    frames
}

/// What is seen at five looks a second.
fn looked(frames: &[(Duration, usize, usize, Vec<u8>)]) -> Vec<(Duration, Blemish)> {
    let (mut look, mut next) = (Look::default(), Duration::ZERO);
    let mut seen = Vec::new();
    for (at, width, height, pixels) in frames {
        if *at >= next {
            seen.push((*at, look.next(Luma { width: *width, height: *height, pixels }, *at)));
            next = *at + Duration::from_millis(199);
        }
    }
    seen
}

#[test]
fn real_recordings_live_also_while_nothing_passes() {
    for clip in clips() {
        let frames = frames(&clip);
        let wrong: Vec<_> = looked(&frames).into_iter().filter(|(_, seen)| *seen != Blemish::default()).collect();
        println!("{}: {} frames, {} wrong looks", clip.display(), frames.len(), wrong.len());
        assert!(wrong.is_empty(), "{}: {wrong:?}", clip.display());
    }
}

#[test]
fn a_recording_that_stops_is_frozen_within_three_seconds_and_lives_when_it_goes_on() {
    for clip in clips() {
        let mut frames = frames(&clip);
        let Some(stop) = frames.iter().position(|(at, ..)| *at >= Duration::from_secs(1)) else { continue };
        let (stopped, still) = (frames[stop].0, frames[stop].clone());
        let rest = frames.split_off(stop + 1);
        let step = Duration::from_millis(40);
        frames.extend((1..=100).map(|number| (stopped + step * number, still.1, still.2, still.3.clone())));
        let resumed = stopped + step * 101;
        frames.extend(rest.into_iter().map(|(at, w, h, pixels)| (at - stopped + resumed, w, h, pixels)));

        let seen = looked(&frames);
        let first = seen.iter().find(|(_, seen)| seen.frozen).expect("it is seen").0 - stopped;
        let again = seen.iter().find(|(at, seen)| *at >= resumed && !seen.frozen).expect("it lives again").0 - resumed;
        println!("{}: stop seen after {first:?}, life after {again:?}", clip.display());
        assert!(first <= Duration::from_secs(3) && again <= Duration::from_secs(1), "{first:?} {again:?}");
    }
}

#[test]
fn a_recording_that_goes_dark_is_black_within_three_seconds() {
    for clip in clips() {
        let mut frames = frames(&clip);
        let Some(dark) = frames.iter().position(|(at, ..)| *at >= Duration::from_millis(500)) else { continue };
        let since = frames[dark].0;
        for (_, _, _, pixels) in &mut frames[dark..] {
            pixels.iter_mut().for_each(|bright| *bright = 6 + *bright / 32);
        }
        let first = looked(&frames).into_iter().find(|(_, seen)| seen.black).expect("it is seen").0 - since;
        println!("{}: dark seen after {first:?}", clip.display());
        assert!(first <= Duration::from_secs(3), "{first:?}");
    }
}

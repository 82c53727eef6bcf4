//! The watching process as the daemon sees it: recordings, and files that are none.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::time::Duration;

use opencv::core::{Mat, MatTraitConst, Scalar, Vector};
use opencv::imgcodecs;
use portside_devices::camera::{Blemish, Said};
use site::{Watching, clip, is_frame};

#[test]
fn a_recording_is_played_again_and_again_at_its_own_pace() {
    let watching = Watching::start(clip().to_str().unwrap(), &["--every", "200ms"]);
    let opened = watching.until("the opening", |message| matches!(message.said, Said::Opened { .. })).1;
    assert_eq!(opened.said, Said::Opened { width: 768, height: 432 });
    let first = watching.frame().1;
    // The clip has 5.92 s, so the 40th frame is of its second round.
    let later = watching.until("the second round", |message| is_frame(message) && message.newest.sequence >= 40).1;
    let took = later.newest.captured - first.newest.captured;
    let least = Duration::from_millis(190) * u32::try_from(later.newest.sequence - first.newest.sequence).unwrap();
    assert!(took >= least, "{took:?} for {} frames", later.newest.sequence);
    assert_eq!(later.newest.blemish, Blemish::default());
    let Said::Frame { width, height, jpeg } = later.said else { unreachable!() };
    let decoded = imgcodecs::imdecode(&Vector::from_slice(&jpeg), imgcodecs::IMREAD_COLOR).unwrap();
    assert_eq!((width, height), (768, 432));
    assert_eq!((decoded.cols(), decoded.rows()), (768, 432));
}

#[test]
fn a_recording_that_is_played_once_ends_and_so_does_the_process() {
    let watching = Watching::start(clip().to_str().unwrap(), &["--once"]);
    let (_, last) = watching.until("the end", |message| message.said == Said::Ended);
    assert!(last.newest.sequence > 0);
    let (status, errors) = watching.ended();
    assert!(status.success(), "{errors}");
}

#[test]
fn a_source_that_is_not_there_is_lost_until_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later.mp4");
    let watching = Watching::start(path.to_str().unwrap(), &[]);
    let (_, reason) = watching.lost();
    assert!(reason.contains("later.mp4: no such file"), "{reason}");
    std::fs::write(&path, b"").unwrap();
    watching.lost();
    let whole = dir.path().join("whole.mp4");
    std::fs::copy(clip(), &whole).unwrap();
    std::fs::rename(&whole, &path).unwrap();
    watching.frame();
}

#[test]
fn a_process_that_nobody_reads_ends_by_itself() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_portside-vision"))
        .args(["watch", clip().to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_that_was_told_of_another_parent_does_not_begin() {
    let watching = Watching::start(clip().to_str().unwrap(), &["--with-parent", "1"]);
    let (status, errors) = watching.ended();
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("process 1 is not the one that started this"), "{errors}");
}

/// A picture file of 200 kB that is 192 MB when it is unpacked.
fn bomb() -> Vec<u8> {
    let black = Mat::new_rows_cols_with_default(8000, 8000, opencv::core::CV_8UC3, Scalar::all(0.0)).unwrap();
    let mut png = Vector::<u8>::new();
    imgcodecs::imencode_def(".png", &black, &mut png).unwrap();
    png.as_slice().to_vec()
}

#[test]
fn a_picture_that_explodes_does_not_take_the_memory_of_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bomb.png");
    std::fs::write(&path, bomb()).unwrap();
    let watching = Watching::start(path.to_str().unwrap(), &["--memory", "512"]);
    let (_, reason) = watching.lost();
    println!("the bomb: {reason}");
    assert!(reason.contains("Insufficient memory"), "{reason}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", watching.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("the process had at most {} kB", peak.unwrap());
    std::fs::copy(clip(), dir.path().join("whole.mp4")).unwrap();
    std::fs::rename(dir.path().join("whole.mp4"), &path).unwrap();
    watching.frame();
}

//! The executable as the daemon calls it: real clips, and a camera that takes the connection and says nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

fn grab(source: &str, out: &std::path::Path, limits: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portside-vision")).args(["grab", source]).arg(out).args(limits).output().unwrap()
}

/// `$PORTSIDE_DATA`, else `../shared/data` beside the checkout.
fn clip(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("PORTSIDE_DATA").map_or(beside, PathBuf::from);
    let path = data.join("video").join(name);
    if !path.exists() {
        println!("skipped: {} is not there; PORTSIDE_DATA names the folder of test data", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn a_recording_becomes_a_jpeg_of_its_own_size() {
    let Some(clip) = clip("parking_car_768x432.mp4") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("frame.jpg");

    let result = grab(clip.to_str().unwrap(), &out, &[]);

    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let line: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!((&line["width"], &line["height"]), (&768.into(), &432.into()), "{line}");
    assert!(line["capture_ms"].is_u64(), "{line}");
    let jpeg = std::fs::read(&out).unwrap();
    assert_eq!((&jpeg[..3], &jpeg[jpeg.len() - 2..]), (&[0xFF, 0xD8, 0xFF][..], &[0xFF, 0xD9][..]));
}

#[test]
fn a_file_that_is_no_video_fails_with_its_name_and_leaves_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.mp4");
    std::fs::write(&text, "not a video").unwrap();
    let out = folder.path().join("frame.jpg");

    let result = grab(text.to_str().unwrap(), &out, &[]);

    assert_eq!(result.status.code(), Some(1));
    assert!(result.stdout.is_empty());
    assert!(String::from_utf8_lossy(&result.stderr).contains("notes.mp4: did not open"));
    assert!(!out.exists());
}

#[test]
fn a_camera_that_accepts_and_stays_silent_ends_at_the_open_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Reads until the caller gives up, answering nothing; how long that took is the caller's own figure below.
    let silent = std::thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        caller.read_to_end(&mut asked).map(|_| asked)
    });
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("frame.jpg");

    let result = grab(&format!("rtsp://admin:secret@{address}/ch1"), &out, &["--open-timeout", "700ms"]);

    assert_eq!(result.status.code(), Some(1));
    drop(TcpStream::connect(address)); // lets the thread end if nobody ever called
    assert!(silent.join().unwrap().unwrap().starts_with(b"OPTIONS rtsp://"), "FFmpeg never spoke RTSP to the camera");
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    let waited: u64 =
        said.split("did not open within ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect(&said);
    // Generous at the top: it only has to be ours and not the library's 30 s.
    assert!((650..20_000).contains(&waited), "waited {waited} ms with a limit of {:?}", Duration::from_millis(700));
    assert!(!said.contains("secret"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_source_of_another_kind_is_a_wrong_call() {
    let result = grab("http://127.0.0.1/a.m3u8", "frame.jpg".as_ref(), &[]);
    assert_eq!(result.status.code(), Some(2));
}

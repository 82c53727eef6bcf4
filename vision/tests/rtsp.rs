//! A real RTSP server that plays a real clip: cut, stalled, frozen, started again. How long each took is printed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use std::time::Duration;

use portside_vision::clock::since_boot;
use site::{Camera, Watching, is_frame};

/// Prints how long something took, and fails only where nobody would wait that long.
fn took(what: &str, since: Duration, until: Duration, aim: &str) {
    let took = until.saturating_sub(since);
    println!("{what}: {:.1} s (aim {aim})", took.as_secs_f64());
    assert!(took < Duration::from_secs(60), "{what} took {took:?}");
}

#[test]
fn a_camera_that_stalls_freezes_is_cut_and_comes_back_is_seen_each_time() {
    let Some(mut camera) = Camera::start("0", None) else { return };
    let begun = since_boot();
    let watching = Watching::start(&camera.url(), &[]);
    took("first frame after the start", begun, watching.frame().0, "5 s");
    watching.until("a steady stream", |message| message.newest.sequence > 10);

    camera.order("stall");
    let stalled = since_boot();
    let (at, reason) = watching.lost();
    took("stall seen", stalled, at, "3 s");
    println!("  {reason}");
    camera.order("play");
    let playing = since_boot();
    took("back after the stall", playing, watching.frame().0, "5 s");
    watching.until("life", |message| is_frame(message) && !message.newest.blemish.frozen);

    camera.order("freeze");
    let frozen = since_boot();
    let (at, _) = watching.until("frozen", |message| message.newest.blemish.frozen);
    took("frozen picture seen", frozen, at, "3 s");
    camera.order("play");
    let playing = since_boot();
    let (at, _) = watching.until("life", |message| is_frame(message) && !message.newest.blemish.frozen);
    took("life seen again", playing, at, "5 s");

    let port = camera.kill();
    let cut = since_boot();
    let (at, reason) = watching.lost();
    took("cut seen", cut, at, "3 s");
    println!("  {reason}");
    let _camera = Camera::start(&port, None).unwrap();
    let back = since_boot();
    took("back after the server's restart", back, watching.frame().0, "5 s");
}

#[test]
fn a_login_from_a_file_opens_the_camera_and_a_wrong_one_is_never_shown() {
    let Some(camera) = Camera::start("0", Some("admin:s3cr@t:x")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("login");
    let login = |line: &str| {
        std::fs::write(&file, line).unwrap();
        Watching::start(&camera.url(), &["--credentials", file.to_str().unwrap()])
    };

    login("admin:s3cr@t:x\n").frame();

    let mut refused = login("admin:wr0ng-word\n");
    let (_, reason) = refused.lost();
    assert!(reason.contains("did not open") && !reason.contains("wr0ng"), "{reason}");
    refused.child.kill().unwrap();
    let (_, errors) = refused.ended();
    assert!(!errors.contains("wr0ng"), "{errors}");
}

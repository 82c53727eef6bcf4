//! The decoding child: what it may use, and what becomes of a file that makes it want more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portside::field::decoder::{Bytes, Decoder, Failure, Limits};
use portside::field::picture::Unreadable;

fn decoder() -> Decoder {
    Decoder::of(env!("CARGO_BIN_EXE_portside").into())
}

const fn file(bytes: &[u8]) -> Bytes<'_> {
    Bytes { file: bytes, sidecar: None }
}

fn never(result: Result<impl std::fmt::Debug, Failure>) -> String {
    match result {
        Err(Failure::Unreadable(Unreadable::Never(reason))) => reason,
        other => panic!("{other:?}"),
    }
}

/// A stand-in for the child: a shell script that reads its input and does `what`.
fn impostor(dir: &Path, what: &str) -> Decoder {
    let path = dir.join("impostor");
    fs::write(&path, format!("#!/bin/sh\n{what}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Decoder::of(path)
}

#[tokio::test]
async fn the_child_gives_the_samples_as_they_are() {
    let mut bytes = Vec::new();
    let pixels = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(300, 200, |x, y| image::Luma([(x * 7 + y) as u16]));
    image::DynamicImage::ImageLuma16(pixels.clone())
        .write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png)
        .unwrap();
    let picture = decoder().picture(file(&bytes)).await.unwrap();
    let expected: Vec<u8> = pixels.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!(picture.samples, expected);
    assert_eq!(decoder().header(file(&bytes)).await.unwrap(), picture.header);
}

#[tokio::test]
async fn a_child_that_needs_more_memory_than_its_share_ends_and_says_nothing_else() {
    let limits = Limits { memory: 96 << 20, ..Limits::default() };
    let samples = vec![0; 64 << 20];
    let sidecar = r#"{"width": 8192, "height": 4096, "bits_allocated": 16}"#;
    let large = Bytes { file: &samples, sidecar: Some(sidecar.as_bytes()) };
    let reason = never(decoder().with_limits(limits).header(large).await);
    assert!(reason.contains("takes more memory than"), "{reason}");
    assert!(decoder().header(large).await.is_ok(), "the file is sound");
}

#[tokio::test]
async fn a_child_that_hangs_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let hanging = impostor(dir.path(), &format!("echo $$ >{}; exec sleep 1000", pid.display()));
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    assert!(never(hanging.with_limits(limits).header(file(b"x")).await).contains("more than 1 s"));
    let pid = fs::read_to_string(pid).unwrap();
    assert!(!PathBuf::from(format!("/proc/{}", pid.trim())).exists(), "it is still there");
}

#[tokio::test]
async fn a_header_that_cannot_be_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let header = |width: u32, more: &str| {
        format!(
            "printf '{{\"picture\":{{\"format\":\"png\",\"width\":{width},\"height\":2,\"bits\":8,\"sample_bytes\":1,\
             \"signed\":false,\"photometric\":\"MONOCHROME2\",\"form\":\"raw\",\"views\":[{{}}]}}}}\\n{more}'"
        )
    };
    let ask = async |what: &str| impostor(dir.path(), what).picture(file(b"")).await;
    assert_eq!(ask(&header(2, "abcd")).await.unwrap().samples, b"abcd");
    assert!(never(ask(&header(60_000_000, "abcd")).await).contains("beyond all limits"));
    assert!(never(ask(&header(2, "abc")).await).contains("fewer samples"));
    assert!(never(ask(&header(2, "abcde")).await).contains("more samples"));
    assert!(never(ask("echo hello").await).contains("something else"));
    // Without an end: its pipe is closed on it.
    never(ask("exec yes ''").await);
    never(ask("exec tr '\\0' x </dev/zero").await);
    assert!(never(ask("kill -ABRT $$").await).contains("memory"));
}

#[test]
fn the_child_can_open_nothing_and_start_nothing() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portside"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"\x89PNG").unwrap();
    let limits = PathBuf::from(format!("/proc/{}/limits", child.id()));
    let limit = |name: &str| {
        let text = fs::read_to_string(&limits).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    let mut looks = 0;
    // The child confines itself before it reads; the last limit is that on files.
    while limit("Max open files") != "0" {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was confined");
        looks += 1;
        assert!(looks < 3_000, "it may still open files");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(limit("Max processes"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max cpu time"), "20");
    assert_eq!(limit("Max address space"), (1u64 << 30).to_string());
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    drop(input);
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8(said.stdout).unwrap().contains("incomplete"));
}

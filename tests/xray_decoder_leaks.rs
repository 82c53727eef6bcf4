//! What a refused picture leaves behind. Alone in its process, because it counts everything that the process holds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Cursor;

use portside::field::decoder::{Bytes, Decoder, Failure};
use portside::field::picture::Unreadable;

fn decoder() -> Decoder {
    Decoder::of(env!("CARGO_BIN_EXE_portside").into())
}

const fn file(bytes: &[u8]) -> Bytes<'_> {
    Bytes { file: bytes, sidecar: None }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::DynamicImage::new_luma16(width, height)
        .write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png)
        .unwrap();
    bytes
}

/// Everything that is refused, a hundred times: what it costs must come back.
#[tokio::test]
async fn bombs_and_empty_files_leave_no_child_and_no_open_file_behind() {
    let mut bomb = png(10, 10);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    // What a warm runtime holds open is not a leak.
    assert!(decoder().header(file(&png(10, 10))).await.is_ok());
    let before = open_files();
    for _ in 0..100 {
        assert!(decoder().header(file(&bomb)).await.is_err());
        let empty = decoder().header(file(b"")).await;
        assert!(matches!(empty, Err(Failure::Unreadable(Unreadable::Incomplete(_)))), "{empty:?}");
    }
    let children = children();
    assert!(children.is_empty(), "still there: {children:?}");
    assert!(open_files() <= before, "{before} files were open, and {} are", open_files());
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Processes called `portside` whose parent is this one.
fn children() -> Vec<String> {
    let stats =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let own = format!(" {} ", std::process::id());
    stats.filter(|stat| stat.split_once("(portside) ").is_some_and(|(_, rest)| rest[1..].starts_with(&own))).collect()
}

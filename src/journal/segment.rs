//! Segment files: where frames lie. Their space is taken in advance, so that a full disk is met between two records
//! and never inside one.
//!
//! A segment begins with 64 bytes: magic, form, number, epoch, CRC32C of the 60 bytes before it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use uuid::Uuid;

use super::files::sync_dir;

/// Frames begin here.
pub(super) const FIRST: u32 = 64;
const MAGIC: &[u8; 8] = b"PSLOG01\n";

pub(super) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.log"))
}

fn header(number: u32, epoch: Uuid) -> [u8; FIRST as usize] {
    let mut header = [0; FIRST as usize];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&1_u32.to_le_bytes());
    header[12..16].copy_from_slice(&number.to_le_bytes());
    header[16..32].copy_from_slice(epoch.as_bytes());
    let crc = crc32c::crc32c(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Creates segment `number`, its space taken and its name durable. What a power cut left of an earlier attempt is
/// written over: a segment counts from its first frame on.
pub(super) fn create(dir: &Path, number: u32, epoch: Uuid, size: u32) -> io::Result<File> {
    let path = path(dir, number);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, u64::from(size)) {
        Ok(()) => {}
        // A file system without preallocation: space is taken as it is written.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(u64::from(size))?,
        Err(error) => {
            // Half a segment helps nobody and its space may let the lane finish.
            let _ = fs::remove_file(&path);
            return Err(error.into());
        }
    }
    file.write_all_at(&header(number, epoch), 0)?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok(file)
}

/// True when the 64 bytes are what they must be for this segment of this epoch.
pub(super) fn header_is_right(bytes: &[u8], number: u32, epoch: Uuid) -> bool {
    bytes.starts_with(&header(number, epoch))
}

/// Numbers of the segments in `dir`, ascending. Other names are left alone.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok());
        numbers.extend(number.filter(|&number| path(dir, number).file_name() == Some(&name)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads bytes `from..to` of a segment, fewer when the file is shorter.
pub(super) fn load(file: &File, from: u32, to: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; to.saturating_sub(from) as usize];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], u64::from(from) + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// Size of a segment's file.
pub(super) fn size(file: &File) -> io::Result<u32> {
    Ok(u32::try_from(file.metadata()?.len()).unwrap_or(u32::MAX))
}

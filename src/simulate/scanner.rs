//! An X-ray machine that leaves its pictures in a folder, and the ways in which such machines write there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::phantom::beam::Pair;
use super::phantom::files::{Habit, files};
use super::phantom::scene::Scene;
use super::phantom::{Detector, Exposure};

/// What passes through the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goods {
    /// A packed bag.
    Bag,
    /// A box of many alike.
    Parcel,
    /// A loaded truck, seen by a cargo machine.
    Truck,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Piece by piece under its own name, as most FTP clients do.
    Grows,
    /// Under a temporary name that is changed at the end, as rsync and careful programs do.
    Renames,
    /// At full size at once and then filled, as Windows does over SMB.
    Reserves,
}

/// Every way of writing.
pub const SENDINGS: [Sending; 3] = [Sending::Grows, Sending::Renames, Sending::Reserves];

/// Pieces of a file, and the pause between two.
const PIECES: usize = 4;
const PAUSE: Duration = Duration::from_millis(60);

/// A machine that scans one thing after another.
#[derive(Debug)]
pub struct Scanner {
    dir: PathBuf,
    size: (u32, u32),
    seed: u64,
    count: u64,
}

impl Scanner {
    /// A machine that writes pictures of `size` pixels into `dir`. The same `seed` gives the same things.
    pub const fn new(dir: PathBuf, size: (u32, u32), seed: u64) -> Self {
        Self { dir, size, seed, count: 0 }
    }

    /// Scans the next of `goods` and writes its files; gives their names.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub async fn scan(&mut self, goods: Goods, habit: Habit, sending: Sending) -> io::Result<Vec<String>> {
        self.count += 1;
        let (size, seed, name) = (self.size, self.seed ^ self.count, format!("scan-{:05}", self.count));
        // Computing a picture takes longer than a task may keep its thread.
        let made = tokio::task::spawn_blocking(move || files(&expose(goods, size, seed), &name, habit));
        let mut names = Vec::new();
        for (name, bytes) in made.await.map_err(io::Error::other)? {
            send(&self.dir, &name, &bytes, sending).await?;
            names.push(name);
        }
        Ok(names)
    }
}

/// The exposure of one of `goods`.
pub fn expose(goods: Goods, size: (u32, u32), seed: u64) -> Exposure {
    let (scene, beams) = match goods {
        Goods::Bag => (Scene::bag(seed), Pair::baggage()),
        Goods::Parcel => (Scene::parcel(seed), Pair::baggage()),
        Goods::Truck => (Scene::truck(seed), Pair::cargo()),
    };
    Exposure::of(&scene, &beams, Detector::default(), size, seed)
}

/// Writes `bytes` to `name` in `dir`.
///
/// # Errors
/// When the folder cannot be written.
pub async fn send(dir: &Path, name: &str, bytes: &[u8], sending: Sending) -> io::Result<()> {
    let path = dir.join(name);
    let under = match sending {
        Sending::Grows | Sending::Reserves => path.clone(),
        Sending::Renames => dir.join(format!("{name}.part")),
    };
    let mut file = fs::File::create(&under).await?;
    if sending == Sending::Reserves {
        file.set_len(bytes.len() as u64).await?;
        file.rewind().await?;
    }
    for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(1)) {
        file.write_all(piece).await?;
        file.flush().await?;
        tokio::time::sleep(PAUSE).await;
    }
    drop(file);
    if under == path { Ok(()) } else { fs::rename(under, path).await }
}

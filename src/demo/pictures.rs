//! The X-ray machine of the demo: puts pictures into the watched folder, first in pieces, as a slow sender does.

use std::path::{Path, PathBuf};

use crate::simulate::phantom;

/// Pixels of a computed picture.
const SIZE: (u32, u32) = (640, 480);

/// Where pictures come from: real ones where there are any, computed ones in between.
#[derive(Debug)]
pub(super) struct Pictures {
    real: Vec<PathBuf>,
    count: u64,
    seed: u64,
}

impl Pictures {
    /// Looks for real pictures in `$PORTSIDE_DATA/xray`, else beside the checkout.
    pub(super) fn new(seed: u64) -> Self {
        let data = std::env::var_os("PORTSIDE_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
        let mut real: Vec<PathBuf> = std::fs::read_dir(data.join("xray"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "png" || kind == "jpg"))
            .collect();
        real.sort();
        Self { real, count: 0, seed }
    }

    /// The next picture's name and bytes.
    pub(super) fn next(&mut self) -> (String, Vec<u8>) {
        self.count += 1;
        let real =
            if self.count % 2 == 1 { self.real.get((self.count / 2) as usize % self.real.len().max(1)) } else { None };
        if let Some(path) = real
            && let Ok(bytes) = std::fs::read(path)
        {
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or("png");
            return (format!("scan-{:05}.{kind}", self.count), bytes);
        }
        (format!("scan-{:05}.png", self.count), phantom::bag(self.seed ^ self.count, SIZE.0, SIZE.1))
    }

    /// A picture whose sender stopped half-way.
    pub(super) fn half(&self) -> (String, Vec<u8>) {
        let mut bytes = phantom::bag(self.seed, SIZE.0, SIZE.1);
        bytes.truncate(bytes.len() / 2);
        ("broken-transfer.png".to_owned(), bytes)
    }
}

/// Writes `bytes` to `name` in `dir` in two pieces.
pub(super) async fn send(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut file = tokio::fs::File::create(dir.join(name)).await?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first).await?;
    file.flush().await?;
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    file.write_all(second).await?;
    file.flush().await
}

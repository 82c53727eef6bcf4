//! The folder into which an X-ray machine drops its pictures.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use portside::clock::Clock;

use super::Scene;

async fn watching(path: &Path, status: &'static str) -> Scene {
    let mut scene = Scene::lane().await;
    scene.device = "scanner";
    scene.devices = format!("[[device]]\nid = \"scanner\"\nkind = \"xray\"\naddress = \"file://{}\"\n", path.display());
    scene.status = status;
    scene
}

pub(crate) async fn missing(dir: PathBuf) -> Scene {
    watching(&dir.join("xray"), "lost").await
}

pub(crate) async fn file(dir: PathBuf) -> Scene {
    fs::write(dir.join("xray"), "not a folder").unwrap();
    watching(&dir.join("xray"), "lost").await
}

/// A folder of the kernel's own takes no file, not even from root.
pub(crate) async fn read_only(_: PathBuf) -> Scene {
    watching(Path::new("/sys/kernel"), "").await
}

pub(crate) async fn skew(dir: PathBuf) -> Scene {
    let folder = dir.join("xray");
    fs::create_dir(&folder).unwrap();
    let picture = File::create(folder.join("0001.png")).unwrap();
    let ahead = std::time::SystemTime::from(Clock::start().wall()) + Duration::from_secs(7_200);
    picture.set_modified(ahead).unwrap();
    watching(&folder, "").await
}

pub(crate) async fn recording(dir: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    let clip = dir.join("clip.mp4");
    scene.devices = format!("[[device]]\nid = \"aux\"\nkind = \"camera\"\naddress = \"file://{}\"\n", clip.display());
    scene.status = "-";
    scene
}

//! Typical images: files that a technician put into a folder, to be looked at beside a live image and never to be judged.
//!
//! They are foreign files like any other, so the decoding child reads them: once to see that they can be shown, and again
//! whenever a desk wants one. Together they cost no memory but their names.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::archive::{self, Archive};
use crate::image::Finished;
use crate::image::feed::Feed;

/// Files of the folder that are looked at; more are no help to anybody who searches among them.
const FILES_MAX: usize = 64;
/// Bytes of one file.
const FILE_BYTES: u64 = 64 << 20;
/// Bytes of the samples of one image: what memory keeps of images that were called back holds it whole.
const SHOWN_BYTES: usize = 48 << 20;
/// Letters of a name that a page shows.
const NAME_MAX: usize = 60;
/// Ids of typical images begin so, and those of no other do: the same file may be evidence too, and is judged there.
const PREFIX: &str = "typical-";
/// Digits of the file's hash in its id.
const DIGITS: usize = 32;

/// Whether an id is that of a typical image.
pub(super) fn is_typical(image: &str) -> bool {
    image.starts_with(PREFIX)
}

/// One typical image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    id: Arc<str>,
    name: Arc<str>,
    #[serde(skip)]
    path: PathBuf,
}

/// The typical images of the station.
#[derive(Debug)]
pub(super) struct Typical {
    dir: PathBuf,
    list: watch::Sender<Arc<[Entry]>>,
}

impl Typical {
    /// Those of `dir`, once they are loaded.
    pub(super) fn of(dir: PathBuf) -> Self {
        Self { dir, list: watch::Sender::new(Arc::new([])) }
    }

    /// The list by name, and when there is another one.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<[Entry]>> {
        self.list.subscribe()
    }

    /// The image of this id.
    pub(super) fn named(&self, id: &str) -> Option<Entry> {
        self.list.borrow().iter().find(|entry| *entry.id == *id).cloned()
    }

    /// Looks at every file of the folder, at the start and whenever somebody says that it has changed. What cannot be shown is left out, and the log says which and why.
    pub(super) async fn load(&self, archive: &Archive) {
        let mut entries = Vec::<Entry>::new();
        for path in self.files().await {
            match examined(&path, archive).await {
                Ok(entry) => match entries.iter().find(|known| known.id == entry.id) {
                    Some(known) => {
                        tracing::warn!(path = %path.display(), same = %known.path.display(), "two typical images are the same file; the second is left out")
                    }
                    None => entries.push(entry),
                },
                Err(why) => tracing::warn!(path = %path.display(), why, "a typical image is left out"),
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        self.list.send_if_modified(|list| {
            let other = **list != *entries;
            if other {
                tracing::info!(count = entries.len(), dir = %self.dir.display(), "typical images to compare with");
                *list = entries.into();
            }
            other
        });
    }

    async fn files(&self) -> Vec<PathBuf> {
        let dir = self.dir.clone();
        let found = tokio::task::spawn_blocking(move || files_of(&dir)).await.unwrap_or_default();
        if found.len() > FILES_MAX {
            let first = found[FILES_MAX].display().to_string();
            tracing::warn!(first, "more than {FILES_MAX} typical images; this one and those after it are left out");
        }
        found.into_iter().take(FILES_MAX).collect()
    }
}

/// Puts a typical image into `feed`; `false` when its file is another one or gone since it was looked at.
pub(super) async fn bring_back(entry: &Entry, archive: &Archive, feed: &Feed) -> bool {
    match read(&entry.path, archive).await {
        Ok((id, finished)) if id == entry.id => {
            let outcome = finished.outcome();
            archive::show(feed, &entry.id, &finished, &outcome);
            true
        }
        Ok(_) => {
            tracing::warn!(path = %entry.path.display(), "a typical image was changed; reload the daemon to show it");
            false
        }
        Err(why) => {
            tracing::warn!(path = %entry.path.display(), why, "a typical image cannot be shown");
            false
        }
    }
}

async fn examined(path: &Path, archive: &Archive) -> Result<Entry, String> {
    let (id, finished) = read(path, archive).await?;
    let format = finished.format();
    let bytes = finished.scan.lines() * format.samples() * usize::from(format.views) * size_of::<u16>();
    if bytes > SHOWN_BYTES {
        return Err(format!("it has {} MB of samples, more than {}", bytes >> 20, SHOWN_BYTES >> 20));
    }
    Ok(Entry { id, name: name_of(path), path: path.to_owned() })
}

/// The file's id and what it shows.
async fn read(path: &Path, archive: &Archive) -> Result<(Arc<str>, Finished), String> {
    let path = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || bytes_of(&path)).await.map_err(|panic| panic.to_string())??;
    let id = format!("{PREFIX}{}", &hex::encode(Sha256::digest(&bytes))[..DIGITS]);
    Ok((id.into(), archive.decoded(bytes).await?))
}

/// The files of the folder in the order of their names, without hidden ones. No folder holds no images.
fn files_of(dir: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(dir = %dir.display(), %error, "the folder of typical images cannot be read");
            return Vec::new();
        }
    };
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    files.sort();
    files
}

/// The bytes of an ordinary file: a pipe or a device that somebody put there is not opened.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.to_string();
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > FILE_BYTES {
        true => Err(format!("it has more than {} MB", FILE_BYTES >> 20)),
        false => Ok(bytes),
    }
}

/// The file's name without its last extension, as one short line.
fn name_of(path: &Path) -> Arc<str> {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let letters = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    letters.take(NAME_MAX).collect::<String>().trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_people_is_that_of_the_file() {
        for (file, name) in
            [("01 空行李箱.tiff", "01 空行李箱"), ("a.b.png", "a.b"), ("x\u{7}y.tif", "x y"), ("plain", "plain")]
        {
            assert_eq!(&*name_of(Path::new(file)), name);
        }
        assert_eq!(name_of(Path::new(&"箱".repeat(200))).chars().count(), NAME_MAX);
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_images_and_hidden_files_are_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(files_of(&dir.path().join("none")).is_empty());
        for name in ["b.png", ".hidden", "a.png"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = files_of(dir.path()).iter().map(|path| name_of(path)).collect();
        assert_eq!(names, [Arc::from("a"), Arc::from("b")]);
    }

    #[test]
    fn what_is_no_ordinary_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(bytes_of(dir.path()), Err("it is not a file".to_owned()));
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(FILE_BYTES + 1).unwrap();
        assert!(bytes_of(&large).is_err_and(|why| why.contains("64 MB")));
    }
}

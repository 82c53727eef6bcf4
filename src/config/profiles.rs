//! Where a lane file's profiles come from: the binary, and the site's own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portside_devices::library::Library;
use portside_devices::profile::Profile;

use super::codes;
use super::faults::{Faults, Placed};
use super::file::ProfilesTable;
use super::report::Source;

/// The library of a lane, and which broken profiles it was asked for.
pub(super) struct Profiles {
    library: Library,
    paths: BTreeMap<String, PathBuf>,
    broken: BTreeSet<String>,
}

/// What became of the search for a profile.
pub(super) enum Found {
    Sound(Arc<Profile>),
    /// There is one, with faults of its own.
    Broken,
    /// There is none; the names that there are.
    Unknown(Vec<String>),
}

impl Profiles {
    /// The shipped profiles and those of the site's folder.
    pub(super) fn load(table: Option<&Placed<ProfilesTable>>, base: &Path, faults: &mut Faults) -> Self {
        let mut profiles = Self { library: Library::shipped(), paths: BTreeMap::new(), broken: BTreeSet::new() };
        if let Some(dir) = table.and_then(|table| table.value.dir.as_ref()) {
            let folder = base.join(&dir.value.0);
            if let Err((path, error)) = profiles.add_folder(&folder) {
                let message = format!("{} cannot be read: {error}", path.display());
                faults.add(
                    codes::UNREADABLE,
                    dir.span.clone(),
                    message,
                    "expected a folder with KIND/VENDOR-MODEL.toml",
                );
            }
        }
        profiles
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), (PathBuf, std::io::Error)> {
        for kind in sorted(folder)? {
            if !kind.is_dir() {
                continue;
            }
            for path in sorted(&kind)? {
                if path.extension().is_none_or(|end| end != "toml") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).map_err(|error| (path.clone(), error))?;
                let name = path.with_extension("");
                let name = name.strip_prefix(folder).unwrap_or(&name).display().to_string();
                self.library.insert(&name, &text);
                self.paths.insert(name, path);
            }
        }
        Ok(())
    }

    /// Looks a profile up by its name.
    pub(super) fn find(&mut self, name: &str) -> Found {
        match self.library.get(name) {
            Some(Ok(profile)) => Found::Sound(profile),
            Some(Err(_)) => {
                self.broken.insert(name.to_owned());
                Found::Broken
            }
            None => Found::Unknown(self.library.names().map(str::to_owned).collect()),
        }
    }

    /// A name to show for a kind: a generic model, if there is one.
    pub(super) fn example(&self, kind: &str) -> String {
        let of_kind = || self.library.names().filter(|name| name.split('/').next() == Some(kind));
        let name = of_kind().find(|name| name.contains("generic")).or_else(|| of_kind().next());
        name.map_or_else(|| format!("{kind}/VENDOR-MODEL"), str::to_owned)
    }

    /// The texts of the broken profiles that were asked for, with their faults.
    pub(super) fn broken(&self) -> Vec<Source> {
        self.broken.iter().filter_map(|name| self.source(name)).collect()
    }

    fn source(&self, name: &str) -> Option<Source> {
        let faults = self.library.get(name)?.err()?;
        let shipped = || format!("shipped profile {name}");
        let path = self.paths.get(name).map_or_else(shipped, |path| path.display().to_string());
        Some(Source { path, text: self.library.text(name)?, faults: faults.to_vec() })
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let fail = |error| (folder.to_owned(), error);
    let entries = std::fs::read_dir(folder).map_err(fail)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(fail)?;
    paths.sort();
    Ok(paths)
}

//! What file names say: which are still being written, and which belong together.

use std::path::{Path, PathBuf};

use super::places::file_name;

/// Names under which programs write before they rename, and what Windows leaves in a shared folder by itself.
pub(super) fn is_temporary(name: &str) -> bool {
    const ENDS: [&str; 7] = [".tmp", ".temp", ".part", ".partial", ".filepart", ".uploading", "~"];
    const WINDOWS: [&str; 2] = ["thumbs.db", "desktop.ini"];
    let name = name.to_lowercase();
    name.starts_with(['.', '~']) || ENDS.iter().any(|end| name.ends_with(end)) || WINDOWS.contains(&name.as_str())
}

/// Files that are one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// The picture, or samples alone, or a sidecar without them.
    pub(super) file: PathBuf,
    /// The sidecar of samples alone.
    pub(super) sidecar: Option<PathBuf>,
    /// The file was out of its sender's reach already.
    pub(super) held: bool,
}

impl Set {
    /// The file, then its sidecar.
    pub(super) fn paths(&self) -> Vec<&Path> {
        [self.file.as_path()].into_iter().chain(self.sidecar.as_deref()).collect()
    }

    /// What must still come, in words.
    pub(super) fn missing(&self) -> Option<String> {
        match kind(&self.file) {
            Kind::Samples if self.sidecar.is_none() => {
                Some("it holds samples alone, and no NAME.json beside it says how they lie".to_owned())
            }
            Kind::Sidecar => Some("it describes samples, and no NAME.raw is beside it".to_owned()),
            Kind::Samples | Kind::Picture => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Picture,
    Samples,
    Sidecar,
}

fn kind(path: &Path) -> Kind {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    match end.as_deref() {
        Some("raw") => Kind::Samples,
        Some("json") => Kind::Sidecar,
        Some(_) | None => Kind::Picture,
    }
}

/// `NAME.json` or `NAME.raw.json` of `NAME.raw`, in whatever case.
pub(super) fn is_sidecar_of(sidecar: &Path, file: &Path) -> bool {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let described = stem(sidecar);
    (kind(file), kind(sidecar)) == (Kind::Samples, Kind::Sidecar)
        && (described == stem(file) || described == Some(file_name(file).to_lowercase()))
}

/// Puts together what belongs together. A sidecar may be held already while its samples are not: a kill came between.
pub(super) fn sets(held: Vec<PathBuf>, listed: Vec<PathBuf>) -> Vec<Set> {
    let files: Vec<(PathBuf, bool)> =
        held.into_iter().map(|path| (path, true)).chain(listed.into_iter().map(|path| (path, false))).collect();
    let of = |(file, held): &(PathBuf, bool)| {
        // Held samples have their sidecar beside them; it was moved first.
        let beside = |other: &&(PathBuf, bool)| is_sidecar_of(&other.0, file) && (!held || other.1);
        let same_place = files.iter().filter(beside).find(|other| other.1 == *held);
        let sidecar = same_place.or_else(|| files.iter().find(beside)).map(|(path, _)| path.clone());
        Set { file: file.clone(), sidecar, held: *held }
    };
    let all: Vec<Set> = files.iter().map(of).collect();
    let claimed: Vec<PathBuf> = all.iter().filter_map(|set| set.sidecar.clone()).collect();
    all.into_iter().filter(|set| !claimed.contains(&set.file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_senders_write_under_before_they_rename_are_left_alone() {
        for name in
            [".scan.png.8Xq", "scan.png.part", "scan.TMP", "scan.filepart", "~scan.png", "scan.dcm~", "Thumbs.db"]
        {
            assert!(is_temporary(name), "{name}");
        }
        for name in ["scan.png", "part.dcm", "tmp", "scan.1.raw"] {
            assert!(!is_temporary(name), "{name}");
        }
    }

    fn named(held: &[&str], listed: &[&str]) -> Vec<(String, Option<String>, bool)> {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
        let text = |path: &PathBuf| path.display().to_string();
        sets(paths(held), paths(listed))
            .iter()
            .map(|set| (text(&set.file), set.sidecar.as_ref().map(text), set.held))
            .collect()
    }

    #[test]
    fn samples_and_their_sidecar_are_one_set_in_either_order_and_case() {
        for listed in [["a.json", "A.RAW"], ["A.RAW", "a.json"]] {
            assert_eq!(named(&[], &listed), [("A.RAW".to_owned(), Some("a.json".to_owned()), false)]);
        }
        let with_both_ends = named(&[], &["a.raw", "a.raw.json", "b.png"]);
        assert_eq!(with_both_ends[0].1.as_deref(), Some("a.raw.json"));
        assert_eq!(with_both_ends.len(), 2);
    }

    #[test]
    fn a_sidecar_that_is_held_already_still_belongs_to_samples_that_are_not() {
        assert_eq!(named(&["t/a.json"], &["a.raw"]), [("a.raw".to_owned(), Some("t/a.json".to_owned()), false)]);
        let again = named(&["t/a.json", "t/a.raw"], &["a.raw", "a.json"]);
        assert_eq!(again[0], ("t/a.raw".to_owned(), Some("t/a.json".to_owned()), true));
        assert_eq!(again[1], ("a.raw".to_owned(), Some("a.json".to_owned()), false));
    }

    #[test]
    fn either_half_alone_says_what_is_missing() {
        let set = |file: &str| Set { file: file.into(), sidecar: None, held: false };
        assert!(set("a.raw").missing().is_some() && set("a.json").missing().is_some());
        assert!(set("a.png").missing().is_none());
    }
}

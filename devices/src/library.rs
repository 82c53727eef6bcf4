//! The profiles that a lane file may name: those shipped inside the binary and the site's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::fault::Fault;
use crate::profile::Profile;

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles");

/// Profiles by name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    profiles: BTreeMap<Arc<str>, Entry>,
}

/// A profile as it was read, with its text.
#[derive(Clone, Debug)]
struct Entry {
    text: Arc<str>,
    parsed: Result<Arc<Profile>, Arc<Vec<Fault>>>,
}

impl Library {
    /// The profiles inside the binary. They are tested to be sound when it is built.
    pub fn shipped() -> Self {
        let mut library = Self::default();
        for (name, text) in shipped_texts() {
            library.insert(&name, text);
        }
        library
    }

    /// Adds a site's own profile, `name` being `KIND/VENDOR-MODEL` (the path below the folder, without `.toml`).
    /// One of the same name replaces a shipped one. A broken one is kept with its faults: it matters only when named.
    pub fn insert(&mut self, name: &str, text: &str) {
        let parsed = Profile::parse(name, text).map(Arc::new).map_err(Arc::new);
        self.profiles.insert(name.into(), Entry { text: text.into(), parsed });
    }

    /// The profile called `name`; `None` where there is none, `Err` with all faults where its text is broken.
    pub fn get(&self, name: &str) -> Option<Result<Arc<Profile>, Arc<Vec<Fault>>>> {
        self.profiles.get(name).map(|entry| entry.parsed.clone())
    }

    /// The text that the spans of a profile's faults and points refer to.
    pub fn text(&self, name: &str) -> Option<Arc<str>> {
        self.profiles.get(name).map(|entry| entry.text.clone())
    }

    /// Every name, broken ones too, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(AsRef::as_ref)
    }
}

/// Name and text of each shipped profile.
fn shipped_texts() -> impl Iterator<Item = (String, &'static str)> {
    SHIPPED.dirs().flat_map(|kind| kind.files()).filter_map(|file| {
        let name = file.path().with_extension("");
        Some((name.to_str()?.replace('\\', "/"), file.contents_utf8()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Kind, Need};

    #[test]
    fn every_shipped_profile_is_sound_and_has_tests() {
        let library = Library::shipped();
        assert!(library.names().count() >= 30);
        for name in library.names() {
            match library.get(name).unwrap() {
                Ok(profile) => assert!(!profile.tests.is_empty(), "{name} has no [[test]]"),
                Err(faults) => panic!("{name}: {faults:#?}"),
            }
        }
    }

    #[test]
    fn every_kind_has_a_model_and_every_required_number_a_test() {
        let library = Library::shipped();
        let profiles: Vec<_> = library.names().map(|name| library.get(name).unwrap().unwrap()).collect();
        for (word, kind) in Kind::WORDS.iter().filter(|(_, kind)| kind.has_profiles()) {
            assert!(profiles.iter().any(|profile| profile.kind == *kind), "no model of kind {word}");
        }
        for profile in &profiles {
            let required = profile.kind.standard_points().iter().filter(|point| point.need == Need::Required);
            for index in required.filter_map(|wanted| profile.point_index(wanted.name)) {
                let point = &profile.points[index];
                let a_bit = point.register().is_some_and(|register| register.table.is_bits());
                let tested = profile.tests.iter().any(|test| test.shows(index));
                let told = tested || a_bit || !point.readable();
                assert!(told, "{}: no [[test]] shows what the bytes of `{}` mean", profile.name, point.name);
            }
        }
    }

    #[test]
    fn a_site_profile_replaces_the_shipped_one_and_a_broken_one_keeps_its_faults() {
        let mut library = Library::shipped();
        library.insert("barrier/generic-relay", "kind = \"barrier\"");
        assert!(library.get("barrier/generic-relay").unwrap().is_err());
        assert!(library.get("barrier/none").is_none());
    }
}

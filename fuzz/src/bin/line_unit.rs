//! A line or frame device's bytes, through every shipped profile: records, noise or nothing, never a panic, never more
//! kept than one unit, and the same records however the bytes were cut.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portside_devices::library::Library;
use portside_devices::profile::Profile;
use portside_devices::stream::{Splitter, Understood};

static PROFILES: LazyLock<Vec<std::sync::Arc<Profile>>> = LazyLock::new(|| {
    let library = Library::shipped();
    let all = library.names().filter_map(|name| library.get(name)?.ok());
    all.filter(|profile| profile.stream.is_some()).collect()
});

/// The records found in `bytes`, handed over `step` bytes at a time.
fn records(profile: &Profile, bytes: &[u8], step: usize) -> Vec<usize> {
    let (Some(stream), mut splitter, mut found) = (&profile.stream, Splitter::new(), Vec::new()) else {
        return Vec::new();
    };
    let mut take = |unit: &[u8]| {
        assert!(unit.len() <= stream.unit_max());
        if let Understood::Record { record, found: values } = stream.understand(profile, unit, None) {
            assert!(values.iter().all(|one| one.point < profile.points.len()));
            found.push(record);
        }
    };
    for part in bytes.chunks(step.max(1)) {
        splitter.push(stream, part, &mut take);
    }
    splitter.quiet(stream, &mut take);
    assert!(!splitter.is_waiting());
    found
}

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    for profile in PROFILES.iter() {
        assert_eq!(records(profile, bytes, usize::from(*cut)), records(profile, bytes, 1), "{}", profile.name);
    }
});

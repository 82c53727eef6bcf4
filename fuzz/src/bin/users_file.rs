//! The file of users after a disk or a hand has been at it: read whole or refused, and what was read can be written.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| portside::people::fuzz(bytes));

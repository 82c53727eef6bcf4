//! The journal's head file as a damaged disk may give it back.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| portside::journal::fuzz::head(bytes));

//! A segment of the evidence log as a damaged disk may give it back: cut into frames and holes that follow each other
//! and end.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| portside::journal::fuzz::segment(bytes));

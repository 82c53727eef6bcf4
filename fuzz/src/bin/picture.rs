//! A file from an X-ray machine, as the decoding child sees it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(portside::field::picture::decode(bytes, None)));

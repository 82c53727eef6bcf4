//! A file from an X-ray machine, as the decoding child sees it: a picture with as many samples as its header says, or
//! a refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = portside::field::picture::decode(bytes, None) {
        assert_eq!(picture.header.samples_size(), Some(picture.samples.len() as u64));
    }
});

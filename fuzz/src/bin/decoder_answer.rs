//! What a decoding child says, should a foreign file have taken it over: its header is believed only within limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::field::decoder::child::Answer;

fuzz_target!(|line: &[u8]| {
    if let Ok(Answer::Picture(header)) = serde_json::from_slice(line) {
        assert!(header.samples_size().is_none_or(|size| size <= portside::field::picture::SAMPLES_LIMIT));
    }
});

//! What a technician types to a simulated device: understood or refused with a sentence, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::simulate::script::parse;

fuzz_target!(|line: &str| {
    if let Err(why) = parse(line) {
        assert!(!why.is_empty());
    }
});

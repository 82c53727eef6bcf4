//! What a serial bus carries after a request: the beginning of its answer, its answer, or neither; never a panic. What
//! is taken for the answer has the request's unit and function and a sound checksum, was not taken a byte sooner, and
//! is none with a byte more.
//!
//! Eight bytes of request, then what came.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::field::rtu::{Verdict, verdict};

fuzz_target!(|bytes: &[u8]| {
    let Some((request, came)) = bytes.split_at_checked(8) else { return };
    if verdict(request, came) != Verdict::Whole {
        return;
    }
    assert_eq!((came[0], came[1] & 0x7F), (request[0], request[1] & 0x7F));
    assert_eq!(sum(came), 0, "a telegram with its own checksum sums up to nothing");
    for length in 0..came.len() {
        assert_eq!(verdict(request, &came[..length]), Verdict::More);
    }
    for byte in [0, 0xFF] {
        assert!(matches!(verdict(request, &[came, &[byte]].concat()), Verdict::Wrong(_)));
    }
});

fn sum(telegram: &[u8]) -> u16 {
    let mut sum = 0xFFFF_u16;
    for bit in telegram.iter().flat_map(|byte| (0..8).map(move |bit| u16::from(byte >> bit & 1))) {
        let carry = (sum ^ bit) & 1;
        sum = (sum >> 1) ^ (carry * 0xA001);
    }
    sum
}

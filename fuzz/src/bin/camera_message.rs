//! What a camera's process writes: a message that is written again as it was read, or none; and never a wish for more
//! bytes than a picture has.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside_devices::camera::{HEADER_LEN, JPEG_MAX, Parsed, parse};

fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok(Parsed::Message(message, taken)) => {
            assert!(taken >= HEADER_LEN && taken <= bytes.len());
            let written = [&message.header()[..], message.payload()].concat();
            assert_eq!(written, bytes[..taken]);
            assert_eq!(parse(&written), Ok(Parsed::Message(message, taken)));
        }
        Ok(Parsed::Needs(needed)) => assert!(needed > bytes.len() && needed <= HEADER_LEN + JPEG_MAX),
        Err(_) => {}
    }
});

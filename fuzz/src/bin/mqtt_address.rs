//! The broker's address in a lane file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::uplink::Address;

fuzz_target!(|text: &str| {
    match text.parse::<Address>() {
        Ok(address) => assert!(!address.host.is_empty() && address.port > 0, "{address:?}"),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
});

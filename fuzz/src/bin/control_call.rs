//! One line from whoever opened the control socket: a call or a refusal, and a call says the same when written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::control::call::{Call, readable};

fuzz_target!(|line: &[u8]| {
    let Ok(call) = serde_json::from_slice::<Call>(line) else { return };
    drop(readable(&call));
    let again = serde_json::to_vec(&call).expect("a call can be written");
    let read: Call = serde_json::from_slice(&again).expect("what was written can be read");
    assert_eq!(format!("{call:?}"), format!("{read:?}"));
});

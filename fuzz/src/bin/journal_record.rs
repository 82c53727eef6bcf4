//! A record as it lies in the journal or came from elsewhere: read or refused; what it says of itself is in its bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::journal::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::parse(bytes) {
        drop(record.inspection());
        drop(record.value());
    }
});

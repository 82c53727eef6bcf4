//! An exported inspection that came from anywhere: proved, found altered or refused, never a panic. What was read of it
//! is no more than its bytes hold.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let checked = portside::bundle::check(Cursor::new(bytes));
    let records = portside::bundle::records(Cursor::new(bytes));
    if let Ok(checked) = checked {
        assert!(checked.evidence <= checked.files);
        assert!(records.is_err() || checked.records <= bytes.len() as u64);
    }
});

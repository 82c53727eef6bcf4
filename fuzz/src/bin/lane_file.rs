//! A lane file: checked to its end whatever it holds, and every fault can be shown.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use portside::config::{Ink, parse};

fuzz_target!(|bytes: &[u8]| {
    // A folder that is not there: what the file names cannot be found, whatever it is.
    if let Err(report) = parse(Path::new("/nonexistent/fuzzed/lane.toml"), bytes) {
        assert!(!report.render(Ink::Plain).is_empty(), "refused without a reason");
    }
});

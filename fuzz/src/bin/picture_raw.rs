//! Samples alone with a sidecar, as the decoding child sees them: the sidecar up to the first zero byte, then the file.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (sidecar, rest) = bytes.split_at(end);
    if let Ok(picture) = portside::field::picture::decode(rest.get(1..).unwrap_or_default(), Some(sidecar)) {
        assert_eq!(picture.header.samples_size(), Some(picture.samples.len() as u64));
    }
});

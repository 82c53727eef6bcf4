//! A file of a thermal imager, as the decoding child sees it: as many counts as its size says, each of them a
//! temperature above absolute zero or none, or a refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = portside::field::thermogram::read(bytes) {
        assert_eq!(frame.imager.pixels(), Some(frame.counts.len()));
        if let Some(picture) = frame.thermogram() {
            assert!(picture.pixels().all(|pixel| pixel.celsius >= -273.2));
        }
        let line = serde_json::to_vec(&frame.imager).expect("what was read can be told");
        // Numbers may differ in their last bit: JSON writes them shortest, and the reader rounds once more.
        let told = serde_json::from_slice::<portside::thermal::Imager>(&line).expect("what was told can be read");
        assert_eq!((told.pixels(), told.model), (frame.imager.pixels(), frame.imager.model));
    }
});

//! A detector's bytes, through every shipped framing: lines of its shape or nothing, never a panic, and the same lines
//! however the bytes were cut.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portside_devices::library::Library;
use portside_devices::lines::{Detector, Frame, Splitter};

/// Few elements: a fuzzer does not fill a line of a thousand.
static DETECTORS: LazyLock<Vec<Detector>> = LazyLock::new(|| {
    let library = Library::shipped();
    let all = library.names().filter_map(|name| library.get(name)?.ok()?.detector.clone());
    let bare = |detector: &Detector| Detector { checksum: None, trailer: 0, ..detector.clone() };
    let small = all.map(|detector| Detector { pixels: 8, length: None, ..detector });
    small.flat_map(|detector| [bare(&detector), detector]).collect()
});

fn lines(detector: &Detector, bytes: &[u8], step: usize) -> Vec<Frame> {
    let (mut splitter, mut found) = (Splitter::default(), Vec::new());
    for part in bytes.chunks(step.max(1)) {
        splitter.push(detector, part, |frame| found.push(frame));
    }
    splitter.quiet(detector, |frame| found.push(frame));
    assert!(!splitter.is_waiting());
    let taken = found.len() * detector.frame_length() + usize::try_from(splitter.tally().skipped).unwrap_or(usize::MAX);
    assert!(taken <= bytes.len());
    found
}

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    for detector in DETECTORS.iter() {
        let found = lines(detector, bytes, usize::from(*cut));
        assert_eq!(found, lines(detector, bytes, 1));
        for frame in found {
            assert_eq!(frame.samples.len(), detector.samples());
            assert!(frame.view < detector.views);
            assert_eq!(detector.read(&detector.write(&frame)), Ok(frame));
        }
    }
});

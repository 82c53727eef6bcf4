//! A tape of a recorded link: entries or a refusal with its line; what was read is written as it was; and it can be
//! played to any asker.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside::simulate::tape::{HEADER, Replay, parse};

fuzz_target!(|input: (String, Vec<u8>)| {
    let (text, asked) = input;
    let Ok(entries) = parse(&text) else { return };
    let written: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    assert_eq!(parse(&format!("{HEADER}\n{written}")).as_ref(), Ok(&entries));
    let mut replay = Replay::new(&entries);
    for part in asked.chunks(7) {
        drop(replay.hear(part));
    }
});

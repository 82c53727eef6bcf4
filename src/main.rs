//! `portside`, the one binary: everything it does is a verb in `cli/`.

fn main() {}

//! One file a verb.

pub mod journal;

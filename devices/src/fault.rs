//! A fault in a text that a technician wrote: what is wrong, where, and what would be right.
//!
//! Profiles and lane files report all their faults at once as a list of these; `src/config/` draws them in
//! compiler style and `portside check --json` prints them for programs.

use std::ops::Range;

/// How much a fault matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; a person should know.
    Warning,
}

/// A second place in the same text that explains the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Byte range in the text.
    pub span: Range<usize>,
    /// What stands there.
    pub label: String,
}

/// One fault in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A stable code such as `E0104`, explained by `portside check --explain E0104`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in one short sentence without a full stop: `unknown key `baudd``.
    pub message: String,
    /// Byte range of the offending text.
    pub span: Range<usize>,
    /// What was expected there: `expected one of …`, `string "8 s", expected a number`.
    pub label: String,
    /// Other places that explain it.
    pub asides: Vec<Aside>,
    /// What to do next, e.g. `did you mean `baud`?`.
    pub help: Option<String>,
}

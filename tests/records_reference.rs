//! `docs/records.md` names every kind of record that the sources name, and no other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const NOUNS: [&str; 7] = ["inspection", "arm", "belt", "alarm", "device", "audit", "telemetry"];

#[test]
fn the_reference_names_exactly_the_kinds_that_are_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut recorded = BTreeSet::new();
    for room in ["src/lane", "src/lane/belt", "src/control", "src/people", "src"] {
        for entry in fs::read_dir(root.join(room)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
                recorded.extend(shipped.split('"').filter(|word| is_kind(word)).map(str::to_owned));
            }
        }
    }
    let reference = fs::read_to_string(root.join("docs/records.md")).unwrap();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let named: BTreeSet<String> = rows.filter(|word| is_kind(word)).map(str::to_owned).collect();
    let missing: Vec<_> = recorded.difference(&named).collect();
    let gone: Vec<_> = named.difference(&recorded).collect();
    assert!(missing.is_empty(), "recorded and not in docs/records.md: {missing:?}");
    assert!(gone.is_empty(), "in docs/records.md and not recorded: {gone:?}");
}

/// `noun.what_happened`, perhaps with a part between.
fn is_kind(word: &str) -> bool {
    let mut parts = word.split('.');
    parts.next().is_some_and(|noun| NOUNS.contains(&noun))
        && word.contains('.')
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

//! `use` points one way. Reads the sources and fails where a room names what it may not know.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

const CLOCKS: [&str; 3] = ["Instant::now", "SystemTime::now", "Timestamp::now"];
const LONGEST_FILE: usize = 600;

/// Where, except where, which words, and why not.
struct Rule {
    room: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

const RULES: [Rule; 17] = [
    Rule {
        room: "devices/src/",
        except: &[],
        words: &["tokio", "std::net", "std::fs", "File::open", CLOCKS[0], CLOCKS[1], CLOCKS[2]],
        reason: "what bytes mean is pure: no runtime, sockets, files or clocks, so that a test needs none either",
    },
    Rule {
        room: "src/lane/",
        except: &[],
        words: &[
            "tokio",
            "sled",
            "std::fs",
            "std::net",
            "crate::clock",
            "crate::screens",
            "crate::uplink",
            "crate::journal",
            "crate::field",
        ],
        reason: "the lane is a pure machine: it is told what happened and when, and replays the same for ever",
    },
    Rule {
        room: "src/lane/interlock.rs",
        except: &[],
        words: &[
            "super::act",
            "super::arm",
            "super::inspection",
            "super::lane",
            "super::passage",
            "super::review",
            "super::sensors",
        ],
        reason: "what must never happen is written twice; a check that asks the machine is no second one",
    },
    Rule {
        room: "src/lane/belt/interlock.rs",
        except: &[],
        words: &[
            "super::act",
            "super::divert",
            "super::edges",
            "super::images",
            "super::machine",
            "super::papers",
            "super::passage",
            "super::subject",
            "super::travel",
            "super::wires",
        ],
        reason: "what must never happen is written twice; a check that asks the machine is no second one",
    },
    Rule {
        room: "src/image/",
        // Live buffers, which tasks write and read.
        except: &["src/image/feed"],
        words: &[
            "tokio",
            "std::fs",
            "std::net",
            "sled",
            "crate::clock",
            "crate::control",
            "crate::journal",
            "crate::lane",
            "crate::screens",
            "crate::simulate",
            "crate::uplink",
        ],
        reason: "what lines show is computed from the lines alone, and the same lines give the same image for ever",
    },
    Rule {
        room: "src/thermal/",
        except: &[],
        words: &[
            "tokio",
            "std::fs",
            "std::net",
            "crate::clock",
            "crate::control",
            "crate::field",
            "crate::journal",
            "crate::lane",
        ],
        reason: "what a count means is reckoned from numbers alone; foreign files are read in a process of their own",
    },
    Rule {
        room: "src/uplink/",
        except: &[],
        words: &["crate::field", "tokio_modbus", "portside_devices::profile"],
        reason: "the uplink carries records; a device it could touch would be a second way to move one",
    },
    Rule {
        room: "src/diagnose/",
        except: &[],
        words: &["tokio", "std::net", "std::fs", "crate::clock", "crate::lane", "crate::control", "crate::cli"],
        reason: "a cause is judged from what was read: pure, so that every wrong wiring is a table in a test",
    },
    Rule {
        room: "src/screens/",
        except: &[],
        words: &["crate::field", "sled"],
        reason: "a page shows what it is given; what opens devices and foreign files is handed to it by run",
    },
    Rule {
        room: "src/people/",
        except: &[],
        words: &["crate::lane", "crate::control", "crate::field", "crate::screens", "crate::uplink"],
        reason: "who somebody is does not depend on what they do; screens and shell ask, people answers",
    },
    Rule {
        room: "src/dicos/",
        except: &[],
        words: &[
            "tokio",
            "std::fs",
            "crate::journal",
            "crate::lane",
            "crate::control",
            "crate::field",
            "crate::bundle",
        ],
        reason: "a file format is bytes out of plain structs, so that other programs can be asked about every one of them",
    },
    Rule {
        room: "src/bundle/",
        except: &[],
        words: &["tokio", "std::fs", "std::net", "crate::lane", "crate::control", "crate::uplink", "crate::cli"],
        reason: "a bundle is made of what its caller gives it; it can ask no daemon and open no file",
    },
    Rule {
        room: "src/journal/",
        except: &[],
        words: &["rumqttc", "crate::uplink", "crate::field"],
        reason: "the journal owes records to whoever reads it and knows no broker",
    },
    Rule {
        room: "src/field/",
        except: &[],
        words: &["crate::lane", "crate::journal", "crate::uplink"],
        reason: "a link carries bytes; what they lead to is decided by the lane alone",
    },
    Rule {
        room: "src/",
        except: &["src/journal/index.rs"],
        words: &["sled::", "use sled"],
        reason: "sled is an index that can be thrown away; one file knows it, so that it stays so",
    },
    Rule {
        room: "src/",
        except: &["src/clock.rs"],
        words: &CLOCKS,
        reason: "one clock: whoever asks the machine for the time cannot be replayed in virtual time",
    },
    Rule {
        room: "src/",
        except: &["src/cli/", "src/demo/", "src/main.rs"],
        words: &["crate::cli"],
        reason: "verbs call rooms; a room that calls a verb cannot be used without a terminal",
    },
];

#[test]
fn no_room_names_what_it_may_not_know() {
    let faults: Vec<String> = sources().iter().flat_map(|(path, text)| faults(path, text)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_fits_in_one_reading() {
    let long = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE);
    let faults: Vec<String> = long
        .map(|(path, lines)| format!("{path}: {lines} lines, more than {LONGEST_FILE}: find the second noun in it"))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn readme_says_of_each_dependency_why_it_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for manifest in ["Cargo.toml", "devices/Cargo.toml"] {
        let text: toml::Table = fs::read_to_string(root.join(manifest)).unwrap().parse().unwrap();
        for name in text["dependencies"].as_table().unwrap().keys() {
            let listed = readme.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            assert!(listed, "{manifest} depends on {name}, and no line of README.md's table says why");
        }
    }
}

#[test]
fn a_planted_breach_is_found_and_a_comment_is_none() {
    let text =
        "//! tokio\n/* sled:: */ let a = \"//\"; tokio::spawn(x); // std::fs\nlet tokio_like = 1;\n/*\nstd::fs\n*/";
    let found = faults("src/lane/machine.rs", text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/lane/machine.rs:2: names `tokio`: the lane is a pure machine"), "{found:?}");
    assert_eq!(faults("src/journal/index.rs", "use sled::Db;"), [""; 0]);
    assert_eq!(faults("src/journal/log.rs", "use sled::Db;").len(), 2);
    assert_eq!(faults("src/lane/interlock.rs", "use super::{settings::Settings, passage::Passage};").len(), 1);
    assert_eq!(faults("src/lane/a.rs", "use crate::{\n    clock::Clock, journal::Log};").len(), 2);
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let code = without_comments(text);
    let rules = RULES
        .iter()
        .filter(|rule| path.starts_with(rule.room) && !rule.except.iter().any(|except| path.starts_with(except)));
    let words = rules.flat_map(|rule| rule.words.iter().map(move |word| (rule, *word)));
    let places =
        words.flat_map(|(rule, word)| lines_naming(&code, word).into_iter().map(move |line| (line, word, rule.reason)));
    places.map(|(line, word, reason)| format!("{path}:{line}: names `{word}`: {reason}")).collect()
}

/// Whole words only, and `crate::{…}` groups count as what they name.
fn lines_naming(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let grouped =
        ["crate::", "super::"].iter().find_map(|parent| Some((format!("{parent}{{"), word.strip_prefix(parent)?)));
    let mut in_group = false;
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        in_group |= grouped.as_ref().is_some_and(|(opening, _)| line.contains(opening.as_str()));
        let needle = grouped.as_ref().filter(|_| in_group).map_or(word, |(_, name)| name);
        let whole = line.match_indices(needle).any(|(at, found)| {
            !line[..at].ends_with(is_part) && (found.ends_with("::") || !line[at + found.len()..].starts_with(is_part))
        });
        if whole {
            lines.push(number + 1);
        }
        in_group &= !line.contains(';');
    }
    lines
}

/// The same lines with comments blanked out and string contents kept: a name in a string may be a dependency too.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string_length(rest),
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(taken);
        if piece.starts_with("//") || piece.starts_with("/*") {
            code.extend(piece.chars().filter(|c| *c == '\n'));
        } else {
            code.push_str(piece);
        }
        rest = after;
    }
    code
}

/// With both quotes. Good enough for finding names: a raw string that ends in a backslash would be read too far.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

fn sources() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "devices/src", "vision/src", "tests", "vision/tests", "devices/tests", "benches"] {
        read_folder(&root, &root.join(folder), &mut found);
    }
    assert!(found.len() > 10, "only {} sources found", found.len());
    found
}

fn read_folder(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read_folder(root, &path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

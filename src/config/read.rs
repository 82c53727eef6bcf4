//! From the bytes of a lane file to the checked configuration, or to everything that is wrong with it.

use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::checked::Config;
use super::codes;
use super::faults::Faults;
use super::file::LaneFile;
use super::profiles::Profiles;
use super::report::{Report, Source};
use super::settle::{Settling, settle};
use super::table::{Spot, TomlValue, names_a_secret};

/// A configuration that the daemon can run, with the warnings a person should see.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Warnings alone.
    pub report: Report,
}

/// Reads and checks the lane file at `path` and the profiles that it names.
///
/// # Errors
/// Every fault of all of them, at least one of which is an error.
pub fn load(path: &Path) -> Result<Checked, Report> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes),
        Err(error) => Err(unreadable(path, "", 0, &format!("cannot read {}: {error}", path.display()))),
    }
}

/// Checks `bytes` as the lane file at `path`, which is only shown and where relative paths count from.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Checked, Report> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_utf8(path, bytes, error.valid_up_to())),
    };
    // Editors on Windows put a byte order mark in front; its three bytes are no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut faults = Faults::default();
    let base = path.parent().unwrap_or(Path::new(""));
    let (config, broken) = text_to_config(text, &hex::encode(Sha256::digest(bytes)), base, &mut faults);
    let shown = faults.without_secrets(text);
    let lane = Source { path: path.display().to_string(), text: shown.into(), faults: faults.into_sorted() };
    let report = Report { sources: std::iter::once(lane).chain(broken).collect() };
    match config {
        Some(config) if report.errors() == 0 => Ok(Checked { config, report }),
        Some(_) | None => Err(report),
    }
}

fn text_to_config(text: &str, hash: &str, base: &Path, faults: &mut Faults) -> (Option<Config>, Vec<Source>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = Spanned::new(0..0, DeValue::Table(root.into_inner()));
    if !errors.is_empty() {
        for error in &errors {
            syntax(error, text, faults);
        }
        beside_syntax(&root, &errors, text, faults);
        return (None, Vec::new());
    }
    let Some(file) = LaneFile::read(&root, Spot { key: "", table: "" }, faults) else { return (None, Vec::new()) };
    let mut profiles = Profiles::load(file.profiles.as_ref(), base, faults);
    let config = settle(file, hash, &mut Settling { faults, profiles: &mut profiles, base });
    let broken = profiles.broken();
    (config, broken)
}

/// Judges single values beside the broken ones, if only values are broken: behind a broken header every key would
/// seem to stand in the wrong section. What is missing, and what parts say of each other, cannot be judged.
fn beside_syntax(root: &Spanned<DeValue<'_>>, errors: &[toml::de::Error], text: &str, faults: &mut Faults) {
    let broken: Vec<Range<usize>> = errors.iter().map(|error| line(text, place(error, text).start)).collect();
    let in_value = |error: &toml::de::Error, line: &Range<usize>| {
        let before = &text[line.start..place(error, text).start.max(line.start)];
        before.contains('=') && !before.trim_start().starts_with('[')
    };
    if !errors.iter().zip(&broken).all(|(error, line)| in_value(error, line)) {
        return;
    }
    let mut beside = Faults::default();
    let _ = LaneFile::read(root, Spot { key: "", table: "" }, &mut beside);
    let known = |at: usize| broken.iter().any(|line| line.contains(&at) || line.end == at);
    faults.absorb(beside, |fault| fault.code != codes::MISSING.0 && !known(fault.span.start));
}

/// Where a syntax error is; at the end of the text where the parser does not say.
fn place(error: &toml::de::Error, text: &str) -> Range<usize> {
    error.span().filter(|span| text.get(span.clone()).is_some()).unwrap_or(text.len()..text.len())
}

/// The line around a byte.
fn line(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    start..text[at..].find('\n').map_or(text.len(), |end| at + end)
}

fn syntax(error: &toml::de::Error, text: &str, faults: &mut Faults) {
    let span = place(error, text);
    let around = line(text, span.start);
    if let Some((key, _)) = text[around.clone()].split_once('=').filter(|(key, _)| names_a_secret(key)) {
        faults.hide(around.start + key.len() + 1..around.end);
    }
    let adding = faults.add(codes::SYNTAX, span.clone(), "this is not TOML", error.message());
    let line = &text[around];
    let said = error.message();
    if line.contains(FULL_WIDTH) {
        adding.help("this line has a Chinese quote, comma, bracket or equals sign: type the ASCII one (\" , [ ] =)");
    } else if said.contains("must be quoted") {
        adding.help("put the text into quotes: key = \"text\"");
    } else if said.contains("duplicate") {
        adding.help("a key may stand once in its section, and a [section] once in the file");
    } else if said.contains("string") {
        adding.help("a text begins and ends with the same quote, on one line");
    }
}

/// Signs that a Chinese keyboard gives where TOML wants the ASCII ones.
const FULL_WIDTH: [char; 12] = [
    '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '\u{ff0c}', '\u{ff1d}', '\u{ff3b}', '\u{ff3d}', '\u{3010}',
    '\u{3011}', '\u{ff02}', '\u{3001}',
];

fn not_utf8(path: &Path, bytes: &[u8], good: usize) -> Report {
    let text = String::from_utf8_lossy(bytes);
    let message = "this file is not UTF-8 text; its editor may have saved it as GBK or UTF-16";
    unreadable(path, &text, good, message)
}

fn unreadable(path: &Path, text: &str, at: usize, message: &str) -> Report {
    let mut faults = Faults::default();
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    let label = if text.is_empty() { "" } else { "the first sign that is not UTF-8" };
    let adding = faults.add(codes::UNREADABLE, at..end, message, label);
    if text.is_empty() {
        adding.help("name the lane file with `-c FILE`; `portside init gate DIR` writes one to begin with");
    } else {
        adding.help("save it again as UTF-8");
    }
    let source = Source { path: path.display().to_string(), text: text.into(), faults: faults.into_sorted() };
    Report { sources: vec![source] }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Ink;

    const GATE: &str = include_str!("../../config/gate.toml");

    fn codes_of(text: &str, base: &Path) -> Vec<&'static str> {
        let report = match parse(&base.join("lane.toml"), text.as_bytes()) {
            Ok(checked) => checked.report,
            Err(report) => report,
        };
        report.sources.iter().flat_map(|source| &source.faults).map(|fault| fault.code).collect()
    }

    #[test]
    fn a_private_key_that_others_can_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["ca.pem", "lane.pem", "lane.key"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let uplink = "[uplink]\nurl = \"mqtts://eport.example\"\nca = \"ca.pem\"\ncert = \"lane.pem\"\n\
                      key = \"lane.key\"\nreceipts = \"puback\"\n";
        let text = format!("{GATE}\n{uplink}");
        let key = dir.path().join("lane.key");
        let set = |mode| std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        set(0o644);
        assert_eq!(codes_of(&text, dir.path()), ["W0106", "W0101"]);
        set(0o400);
        assert_eq!(codes_of(&text, dir.path()), ["W0101"]);
    }

    #[test]
    fn no_secret_is_repeated_wherever_it_stands() {
        let places = [
            "[uplink]\nurl = \"mqtts://lane:geheim@eport.example\"\n",
            "[uplink]\npassword = \"geheim\"\n",
            "[uplink]\npassword = geheim\n",
            "[uplink]\nkey = \"\"\"-----BEGIN PRIVATE KEY-----\ngeheim\"\"\"\n",
            "[uplink]\napi_token = [ \"geheim\",\n\"geheim\" ]\nzz = 1\n",
            "[uplink]\ntrust = \"AGE-SECRET-KEY-geheim\"\n",
        ];
        for place in places {
            let report = parse(Path::new("lane.toml"), format!("{GATE}\n{place}").as_bytes()).unwrap_err();
            let said = report.render(Ink::Plain) + &report.json().to_string();
            assert!(!said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn a_broken_value_does_not_hide_other_faults_and_a_broken_header_invents_none() {
        let value = GATE.replace("\"entry\"", "entry").replace("\"4 s\"", "4").replace("id = \"st1\"", "");
        assert_eq!(codes_of(&value, Path::new("")), ["E0102", "E0107"]);
        let header = GATE.replace("[gate]", "[gate").replace("\"4 s\"", "4");
        assert!(codes_of(&header, Path::new("")).iter().all(|code| *code == "E0102"));
    }

    #[test]
    fn nesting_without_end_is_a_fault_and_no_crash() {
        for open in ["[", "{ a = ", "a."] {
            assert!(parse(Path::new("x"), format!("a = {}", open.repeat(100_000)).as_bytes()).is_err());
        }
        assert!(parse(Path::new("x"), format!("[{}a]", "a.".repeat(20_000)).as_bytes()).is_err());
    }

    #[test]
    fn the_hash_is_of_the_bytes_as_they_are_on_disk() {
        let hash = |text: &str| parse(Path::new("x"), text.as_bytes()).unwrap().config.hash;
        assert_eq!(&*hash(GATE), hex::encode(Sha256::digest(GATE)));
        assert_ne!(hash(GATE), hash(&format!("\u{feff}{GATE}")));
    }
}

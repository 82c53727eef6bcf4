//! From the bytes of a lane file to the checked configuration, or to everything that is wrong with it.

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
use super::table::{Spot, TomlValue};

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
    let lane = Source { path: path.display().to_string(), text: text.into(), faults: faults.into_sorted() };
    let report = Report { sources: std::iter::once(lane).chain(broken).collect() };
    match config {
        Some(config) if report.errors() == 0 => Ok(Checked { config, report }),
        Some(_) | None => Err(report),
    }
}

fn text_to_config(text: &str, hash: &str, base: &Path, faults: &mut Faults) -> (Option<Config>, Vec<Source>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        syntax(error, text, faults);
    }
    // What follows a broken line may have been read wrongly: judging it would send the technician to the wrong place.
    if !errors.is_empty() {
        return (None, Vec::new());
    }
    let root = Spanned::new(0..0, DeValue::Table(root.into_inner()));
    let Some(file) = LaneFile::read(&root, Spot { key: "", table: "" }, faults) else { return (None, Vec::new()) };
    let mut profiles = Profiles::load(file.profiles.as_ref(), base, faults);
    let config = settle(file, hash, &mut Settling { faults, profiles: &mut profiles, base });
    let broken = profiles.broken();
    (config, broken)
}

fn syntax(error: &toml::de::Error, text: &str, faults: &mut Faults) {
    let span = error.span().unwrap_or(text.len()..text.len());
    let adding = faults.add(codes::SYNTAX, span.clone(), "this is not TOML", error.message());
    let line_start = text[..span.start.min(text.len())].rfind('\n').map_or(0, |end| end + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    if line.contains(['“', '”', '‘', '’', ',', '=', '[', ']']) {
        adding.help("this line has a Chinese quote, comma, bracket or equals sign: type the ASCII one (\" , [ ] =)");
    }
}

fn not_utf8(path: &Path, bytes: &[u8], good: usize) -> Report {
    let text = String::from_utf8_lossy(bytes);
    let message = "this file is not UTF-8 text; its editor may have saved it as GBK or UTF-16";
    unreadable(path, &text, good, message)
}

fn unreadable(path: &Path, text: &str, at: usize, message: &str) -> Report {
    let mut faults = Faults::default();
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    let adding = faults.add(codes::UNREADABLE, at..end, message, "");
    if text.is_empty() {
        adding.help("name the lane file with `-c FILE`; `portside init gate DIR` writes one to begin with");
    } else {
        adding.help("save it again as UTF-8");
    }
    let source = Source { path: path.display().to_string(), text: text.into(), faults: faults.into_sorted() };
    Report { sources: vec![source] }
}

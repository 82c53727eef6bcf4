//! `portside profile`: the models that there are, a model's own byte tests, and a profile to begin with.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use portside_devices::kind::Kind;
use portside_devices::library::Library;
use portside_devices::profile::{Profile, skeleton};
use serde_json::json;

use crate::config::{Ink, Report, Source};

/// Lists, tests and begins profiles of device models.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  portside profile list\n  portside profile new thermometer thermometer/acme-t1.toml\n  \
    portside profile test thermometer/acme-t1.toml\n  portside profile test barrier/generic-relay\n\n\
    Exit status: 0 done, 1 a file could not be read or written, 2 a profile has faults or the call is wrong."
)]
pub struct ProfileArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The shipped models, by kind
    List {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Check profiles and run their own byte tests: shipped ones by name, others by file; all shipped ones if none is named
    Test {
        /// KIND/VENDOR-MODEL, or a file
        #[arg(value_name = "NAME|FILE")]
        what: Vec<String>,
        /// The faults for programs, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a commented profile to begin with
    New {
        /// The kind of device
        kind: String,
        /// Where it is written; on standard output if not given
        file: Option<PathBuf>,
    },
}

/// What a call prints and how it ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// For standard error.
    pub error: String,
    /// Exit status.
    pub status: u8,
}

/// Runs the verb.
pub fn run(args: &ProfileArgs) -> ExitCode {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let outcome = match &args.verb {
        Verb::List { json } => list(&Library::shipped(), *json),
        Verb::Test { what, json } => test(what, *json, if colour { Ink::Colour } else { Ink::Plain }),
        Verb::New { kind, file } => new(kind, file.as_deref()),
    };
    // Whoever closed the pipe has seen enough; the status says the rest.
    let _ = std::io::stdout().write_all(outcome.text.as_bytes());
    let _ = std::io::stderr().write_all(outcome.error.as_bytes());
    ExitCode::from(outcome.status)
}

fn list(library: &Library, json: bool) -> Outcome {
    let profiles: Vec<_> = library.names().filter_map(|name| library.get(name)?.ok()).collect();
    if json {
        let each = profiles.iter().map(|profile| {
            json!({
                "name": &*profile.name, "kind": profile.kind.word(), "vendor": &*profile.vendor,
                "model": &*profile.model, "source": &*profile.source, "note": profile.note.as_deref(),
                "points": profile.points.iter().map(|point| &*point.name).collect::<Vec<_>>(),
            })
        });
        return Outcome { text: format!("{:#}\n", each.collect::<serde_json::Value>()), ..Outcome::default() };
    }
    let width = profiles.iter().map(|profile| profile.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for profile in &profiles {
        let _ = writeln!(text, "{:width$}  {} {}", profile.name, profile.vendor, profile.model);
    }
    Outcome { text, ..Outcome::default() }
}

fn test(what: &[String], json: bool, ink: Ink) -> Outcome {
    let library = Library::shipped();
    let all: Vec<String>;
    let asked = if what.is_empty() {
        all = library.names().map(str::to_owned).collect();
        &all
    } else {
        what
    };
    let (mut text, mut report, mut unreadable) = (String::new(), Report::default(), String::new());
    for one in asked {
        match found(one, &library) {
            Err(sentence) => {
                let _ = writeln!(unreadable, "error: {sentence}");
            }
            Ok((name, path, source)) => match Profile::parse(&name, &source) {
                Ok(profile) => {
                    let _ = writeln!(text, "{one}: sound, {}", tested(&profile));
                }
                Err(faults) => report.sources.push(Source { path, text: source.into(), faults }),
            },
        }
    }
    let status = if report.errors() > 0 { 2 } else { u8::from(!unreadable.is_empty()) };
    if json {
        let value = json!({ "ok": status == 0, "faults": report.json() });
        return Outcome { text: format!("{value:#}\n"), error: unreadable, status };
    }
    text += &report.render(ink);
    if let Some(code) = report.sources.iter().flat_map(|source| &source.faults).map(|fault| fault.code).min() {
        let faulty = report.sources.len();
        let _ = writeln!(text, "{faulty} of {} faulty. `portside check --explain {code}` says more.", asked.len());
    }
    Outcome { text, error: unreadable, status }
}

/// How well a sound profile is tested: a number that no test shows may be wrong by its byte order and nobody knows.
fn tested(profile: &Profile) -> String {
    let bare: Vec<&str> = (0..profile.points.len())
        .filter(|index| !profile.tests.iter().any(|test| test.shows(*index)))
        .map(|index| &profile.points[index])
        .filter(|point| point.readable() && !point.register().is_some_and(|register| register.table.is_bits()))
        .map(|point| &*point.name)
        .collect();
    let count = match profile.tests.len() {
        1 => "1 test".to_owned(),
        many => format!("{many} tests"),
    };
    if bare.is_empty() { count } else { format!("{count}; none for {}", bare.join(", ")) }
}

/// Name, place to show and text of a profile that was asked for by name or by file.
fn found(what: &str, library: &Library) -> Result<(String, String, String), String> {
    if let Some(text) = library.text(what) {
        return Ok((what.to_owned(), format!("shipped profile {what}"), text.to_string()));
    }
    let path = Path::new(what);
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name_of(path, &text), what.to_owned(), text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let near = library.names().map(|name| (strsim::damerau_levenshtein(what, name), name)).min();
            let near = near.filter(|(distance, _)| *distance <= 4).map(|(_, name)| format!("; did you mean `{name}`?"));
            Err(format!("`{what}` is neither a shipped profile nor a file{}", near.unwrap_or_default()))
        }
        Err(error) => Err(format!("{what} cannot be read: {error}; expected a profile in UTF-8")),
    }
}

/// `KIND/STEM`: the kind is the folder's name where that is a kind, else what the text says, because a profile on a
/// bench need not lie in the site's folder yet.
fn name_of(path: &Path, text: &str) -> String {
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let folder = path.parent().and_then(Path::file_name).map(|folder| folder.to_string_lossy().into_owned());
    let of_kind = |word: &String| Kind::WORDS.iter().any(|(kind, _)| kind == word);
    let said = || {
        let table: toml::Table = text.parse().ok()?;
        Some(table.get("kind")?.as_str()?.to_owned())
    };
    let kind = folder.filter(of_kind).or_else(said).unwrap_or_default();
    format!("{kind}/{stem}")
}

fn new(kind: &str, file: Option<&Path>) -> Outcome {
    let wrong =
        |status, sentence: String| Outcome { error: format!("error: {sentence}\n"), status, ..Outcome::default() };
    let known = Kind::WORDS.iter().find(|(word, _)| *word == kind);
    let Some(text) = known.and_then(|(_, kind)| skeleton(*kind)) else {
        let words: Vec<_> = Kind::WORDS.iter().filter(|(_, kind)| kind.has_profiles()).map(|(word, _)| *word).collect();
        return wrong(2, format!("`{kind}` is no kind with profiles; expected one of {}", words.join(", ")));
    };
    let Some(file) = file else { return Outcome { text, ..Outcome::default() } };
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut made| made.write_all(text.as_bytes()))
    {
        Ok(()) => {
            let shown = file.display();
            let text = format!("{shown} written; describe the model in it, then: portside profile test {shown}\n");
            Outcome { text, ..Outcome::default() }
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            wrong(1, format!("{} is there already and is left as it is; name another file", file.display()))
        }
        Err(error) => wrong(1, format!("{} cannot be written: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested_files(files: &[(&str, &str)]) -> Outcome {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<String> = files
            .iter()
            .map(|(name, text)| {
                let path = dir.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, text).unwrap();
                path.display().to_string()
            })
            .collect();
        test(&paths, false, Ink::Plain)
    }

    #[test]
    fn every_shipped_profile_is_tested_where_none_is_named() {
        let outcome = test(&[], false, Ink::Plain);
        assert_eq!((outcome.status, outcome.error.as_str()), (0, ""));
        assert_eq!(outcome.text.lines().count(), Library::shipped().names().count());
        assert!(outcome.text.contains("ups/huawei-ups2000: sound, 9 tests"), "{}", outcome.text);
    }

    #[test]
    fn a_new_profile_passes_its_own_test_and_no_file_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        for (word, kind) in Kind::WORDS.iter().filter(|(_, kind)| kind.has_profiles()) {
            let file = dir.path().join(format!("{word}.toml"));
            assert_eq!(new(kind.word(), Some(&file)).status, 0);
            let outcome = test(&[file.display().to_string()], false, Ink::Plain);
            assert_eq!(outcome.status, 0, "{}", outcome.text);
            assert_eq!(new(kind.word(), Some(&file)).status, 1, "written over");
        }
        assert_eq!(new("camera", None).status, 2);
        assert!(new("thermometr", None).error.contains("thermometer"));
    }

    #[test]
    fn all_faults_of_all_files_are_shown_with_their_places_and_a_failing_test_shows_what_came_out() {
        let sound = skeleton(Kind::Thermometer).unwrap();
        let failing = sound.replace("value = 215", "value = 21.5");
        let outcome = tested_files(&[("bench/a.toml", &failing), ("ups/b.toml", &sound), ("c.toml", &sound)]);
        assert_eq!(outcome.status, 2);
        for part in [
            "error[E0315]",
            "came out as 215",
            "bench/a.toml:",
            "error[E0316]",
            "c.toml: sound, 1 test",
            "2 of 3 faulty",
        ] {
            assert!(outcome.text.contains(part), "{part} in {}", outcome.text);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_status_1() {
        let outcome = test(&["ups/apc-smrt".to_owned()], false, Ink::Plain);
        assert_eq!(outcome.status, 1);
        assert!(outcome.error.contains("did you mean `ups/apc-smart`?"), "{}", outcome.error);
    }
}

//! `portside init`: a lane file to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

const GATE: &str = include_str!("../../config/gate.toml");
const BAGGAGE: &str = include_str!("../../config/baggage.toml");
const PARCEL: &str = include_str!("../../config/parcel.toml");

/// Writes a commented, valid lane file to begin with.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  portside init gate /etc/portside")]
pub struct Args {
    /// What kind of lane
    #[arg(value_enum)]
    pub template: Template,
    /// Where lane.toml is written; the folder is made if it is not there
    #[arg(default_value = ".")]
    pub dir: PathBuf,
}

/// A kind of lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A vehicle gate with a barrier
    Gate,
    /// Passenger baggage on a belt that stops
    Baggage,
    /// Mail and express parcels on a belt with a diverter
    Parcel,
    /// Passengers (not in this version)
    Passenger,
}

/// Why no file was written.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The call is wrong: exit status 2.
    Call(String),
    /// The machine did not do it: exit status 1.
    Machine(String),
}

/// Writes the file and says what to do next.
pub fn run(args: &Args) -> ExitCode {
    match write(args.template, &args.dir) {
        Ok(path) => {
            let _ = write!(std::io::stdout(), "{}", next(args.template, &path));
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            let (text, status) = match refusal {
                Refusal::Call(text) => (text, 2),
                Refusal::Machine(text) => (text, 1),
            };
            let _ = writeln!(std::io::stderr(), "error: {text}");
            ExitCode::from(status)
        }
    }
}

/// Writes `DIR/lane.toml` and answers with its path; never over a file that is there.
///
/// # Errors
/// Why nothing was written.
pub fn write(template: Template, dir: &Path) -> Result<PathBuf, Refusal> {
    let text = match template {
        Template::Gate => GATE,
        Template::Baggage => BAGGAGE,
        Template::Parcel => PARCEL,
        Template::Passenger => {
            let name = template.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            return Err(Refusal::Call(format!(
                "lanes of kind `{name}` are not in this version; there are `portside init gate`, `baggage` and `parcel`"
            )));
        }
    };
    let path = dir.join("lane.toml");
    let failed = |error: &std::io::Error| Refusal::Machine(format!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(dir).map_err(|error| failed(&error))?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            return failed(&error);
        }
        let there = path.display();
        Refusal::Call(format!("{there} is there already and is left as it is; name another folder, or move it away"))
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(&error))?;
    Ok(path)
}

fn next(template: Template, path: &Path) -> String {
    let path = path.display();
    let (what, set) = match template {
        Template::Gate | Template::Passenger => {
            ("a vehicle gate with one barrier", "the barrier's address and its sensors")
        }
        Template::Baggage => {
            ("a belt that stops with what is not released", "the devices' addresses and the ways along the belt")
        }
        Template::Parcel => ("a belt with a diverter", "the devices' addresses and the ways along the belt"),
    };
    format!(
        "Wrote {path}, {what}.\n\
         No key was made: the daemon makes the lane's own key and the certificate of its pages at its first start.\n\
         \n\
         Next:\n\
         1. Open {path} and set port, lane, agencies, {set}.\n\
         2. portside check -c {path}\n\
         3. portside run -c {path}\n\
         4. portside user add NAME --agency AGENCY --role officer\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_gate_template_is_valid_without_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(Template::Gate, &dir.path().join("new/folder")).unwrap();
        let checked = config::load(&path).unwrap_or_else(|report| panic!("{}", report.render(config::Ink::Plain)));
        assert_eq!(checked.report.warnings(), 0, "{}", checked.report.render(config::Ink::Plain));
        assert!(next(Template::Gate, &path).contains("portside check -c"));
    }

    #[test]
    fn the_templates_of_belts_are_valid_but_for_the_folder_of_pictures() {
        for template in [Template::Baggage, Template::Parcel] {
            let dir = tempfile::tempdir().unwrap();
            let path = write(template, dir.path()).unwrap();
            let checked = config::load(&path).unwrap_or_else(|report| panic!("{}", report.render(config::Ink::Plain)));
            let said = checked.report.render(config::Ink::Plain);
            assert!(checked.report.warnings() <= 1 && !said.contains("E0"), "{said}");
            assert!(checked.config.belt().is_some() && checked.config.belt_settings().is_some());
        }
    }

    #[test]
    fn a_file_that_is_there_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lane.toml"), "mine").unwrap();
        assert!(matches!(write(Template::Gate, dir.path()), Err(Refusal::Call(text)) if text.contains("already")));
        assert_eq!(std::fs::read_to_string(dir.path().join("lane.toml")).unwrap(), "mine");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_the_machine_s_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(write(Template::Gate, &file.path().join("below")), Err(Refusal::Machine(_))));
    }

    #[test]
    fn lanes_of_later_versions_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let refused = write(Template::Passenger, dir.path());
        assert!(matches!(refused, Err(Refusal::Call(text)) if text.contains("passenger")));
        assert!(!dir.path().join("lane.toml").exists());
    }
}

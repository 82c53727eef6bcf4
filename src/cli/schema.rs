//! `portside schema`: the machine-readable form of the files that people write.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::config::schema;

/// Prints the JSON Schema (draft 2020-12) of a file, for editors and other programs.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  portside schema config > lane.schema.json\n\
    and as the first line of the lane file, for Taplo and VS Code:\n  #:schema ./lane.schema.json")]
pub struct Args {
    /// Which file
    #[arg(value_enum)]
    pub of: Of,
}

/// A file that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// The lane file
    Config,
    /// A device profile
    Profile,
}

/// Prints the schema.
pub fn run(args: &Args) -> ExitCode {
    let schema = match args.of {
        Of::Config => schema::config(),
        Of::Profile => schema::profile(),
    };
    match writeln!(std::io::stdout(), "{schema:#}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

//! `portside`, the one binary: everything it does is a verb in `cli/`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    portside::cli::run(portside::cli::Cli::parse())
}

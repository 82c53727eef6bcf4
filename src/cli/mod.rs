//! The command line: one file a verb. Exit status 0 done, 1 it failed at run time, 2 the call or the configuration is
//! wrong.

mod act;
mod door;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Edge controller of a shared inspection lane
#[derive(Parser, Debug)]
#[command(name = "portside", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Judge the subject of an inspection for an agency
    Verdict(act::VerdictArgs),
    /// Name the subject in the lane
    Identify(act::IdentifyArgs),
    /// Stop a subject, or lift one's own hold
    Hold(act::HoldArgs),
    /// Open by override, stop, resume, confirm
    Barrier(act::BarrierArgs),
}

/// Runs the verb.
pub fn run(cli: Cli) -> ExitCode {
    match cli.verb {
        Verb::Verdict(args) => act::verdict(args),
        Verb::Identify(args) => act::identify(args),
        Verb::Hold(args) => act::hold(args),
        Verb::Barrier(args) => act::barrier(args),
    }
}

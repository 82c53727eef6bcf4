//! `portside vision`: the lane's eyes tried on files.

mod rules;
mod thermal;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Tries the eyes on pictures of the lane.
#[derive(Args, Debug)]
pub(super) struct VisionArgs {
    #[command(subcommand)]
    eye: Eye,
}

#[derive(Subcommand, Debug)]
enum Eye {
    /// Temperatures in files of a thermal imager
    Thermal(thermal::ThermalArgs),
}

/// Runs the verb.
pub(super) fn run(args: &VisionArgs) -> ExitCode {
    match &args.eye {
        Eye::Thermal(args) => thermal::run(args),
    }
}

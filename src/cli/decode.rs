//! `portside decode`: one foreign picture, in a process that can do nothing else. The daemon calls it for each file.

use std::io;
use std::process::ExitCode;

use crate::field::decoder::child::{NOT_CONFINED, Reading, confine, serve};

/// Reads an X-ray file from standard input; tells on standard output what it is, and its samples
///
/// One line of JSON, then the samples: views one after the other, rows from the top, 16-bit samples low byte first.
/// Example: portside decode <scan.dcm | head -n 1
#[derive(clap::Args, Debug)]
pub(super) struct DecodeArgs {
    /// So many bytes of standard input, before the file, are the sidecar of a file of samples alone
    #[arg(long, default_value_t = 0)]
    sidecar_bytes: u64,
    /// The file is a thermal imager's: tell its counts, not the picture that it shows
    #[arg(long)]
    thermogram: bool,
    /// Bytes of memory that it may use
    #[arg(long, default_value_t = 1 << 30)]
    memory: u64,
    /// Seconds of computing that it may take
    #[arg(long, default_value_t = 20)]
    cpu: u64,
}

pub(super) fn run(args: &DecodeArgs) -> ExitCode {
    if let Err(error) = confine(args.memory, args.cpu) {
        eprintln!("portside decode: cannot limit itself: {error}; it reads nothing without its limits");
        return NOT_CONFINED.into();
    }
    // No lock on a buffered standard output: the samples go out as they are.
    let reading = match args.thermogram {
        true => Reading::Thermogram,
        false => Reading::Picture { sidecar_bytes: args.sidecar_bytes },
    };
    match serve(reading, io::stdin().lock(), io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("portside decode: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `portside probe`: what is on the wire. Reads only, paced so that a bus is not disturbed.

mod modbus;
mod ports;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use modbus::{Line, medium};
pub(crate) use ports::holders;

/// `portside probe`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  portside probe serial\n  portside probe modbus 10.0.0.20:502\n  \
    portside probe modbus /dev/ttyUSB0 --baud 9600 --unit 3 --registers 0..40\n\n\
    Everything here only reads. Nothing is written to any device.")]
pub(super) struct ProbeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// The serial ports of this machine, what they are, and who holds them
    #[command(after_help = "Example:\n  portside probe serial --json")]
    Serial {
        /// Print them for programs, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Unit ids that answer, the models they are, and what their registers hold
    Modbus(modbus::ModbusArgs),
}

/// Runs `portside probe`.
pub(super) fn run(args: &ProbeArgs) -> ExitCode {
    match &args.what {
        What::Serial { json } => ports::run(*json),
        What::Modbus(args) => modbus::run(args),
    }
}

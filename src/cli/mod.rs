//! The command line: one file a verb. Exit status 0 done, 1 it failed at run time, 2 the call or the configuration is
//! wrong.

mod act;
pub mod check;
mod decode;
mod demo;
mod door;
mod examine;
pub mod export;
pub mod init;
pub mod journal;
pub mod online;
mod point;
mod probe;
pub mod profile;
mod record;
mod run;
pub mod schema;
mod simulate;
pub mod status;
mod typical;
mod user;
mod vision;
mod wedge;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Edge controller of a shared inspection lane
#[derive(Parser, Debug)]
#[command(name = "portside", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Run a whole simulated lane on this machine
    Demo(demo::DemoArgs),
    /// Run the daemon
    Run(run::RunArgs),
    /// Say every fault of a lane file, or what the lane will do
    Check(check::Args),
    /// Read, watch and write single points
    Point(point::PointArgs),
    /// Find what is on the wire
    Probe(probe::ProbeArgs),
    /// Be a device for a bench test, or play a recorded one
    Simulate(simulate::SimulateArgs),
    /// Write down the bytes of a link with their times
    Record(record::RecordArgs),
    /// Write a commented lane file to begin with
    Init(init::Args),
    /// Print the JSON Schema of a file that people write
    Schema(schema::Args),
    /// List device models, test their profiles, begin a new one
    Profile(profile::ProfileArgs),
    /// Show the lane, its devices, the journal and the uplink on one screen
    Status(status::StatusArgs),
    /// Browse the journal and prove it
    Journal(JournalCall),
    /// Judge the subject of an inspection for an agency
    Verdict(act::VerdictArgs),
    /// Name the subject in the lane
    Identify(act::IdentifyArgs),
    /// Stop a subject, or lift one's own hold
    Hold(act::HoldArgs),
    /// Examine a held subject together
    Examination(examine::ExaminationArgs),
    /// Record what an agency does after its finding
    Disposition(examine::DispositionArgs),
    /// Hand a finding to another agency, or accept one
    Case(examine::CaseArgs),
    /// Confirm a person's temperature with an instrument of one's own
    Temperature(act::TemperatureArgs),
    /// Open by override, stop, resume, confirm
    Barrier(act::BarrierArgs),
    /// Calibrate the colours of materials with a scanned step wedge
    Wedge(wedge::WedgeArgs),
    /// Keep an image as a typical one, which desks compare with
    Typical(typical::TypicalArgs),
    /// Try the eyes on pictures of the lane
    Vision(vision::VisionArgs),
    /// Add, list, disable the people who log in at the pages
    User(user::UserArgs),
    #[command(hide = true)]
    Decode(decode::DecodeArgs),
}

#[derive(Args, Debug)]
struct JournalCall {
    #[command(flatten)]
    args: journal::JournalArgs,
    #[command(flatten)]
    socket: door::SocketArg,
}

/// Runs the verb.
pub fn run(cli: Cli) -> ExitCode {
    match cli.verb {
        Verb::Demo(args) => demo::run(args),
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Point(args) => point::run(&args),
        Verb::Probe(args) => probe::run(&args),
        Verb::Simulate(args) => simulate::run(&args),
        Verb::Record(args) => record::run(&args),
        Verb::Init(args) => init::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Profile(args) => profile::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Journal(call) => match call.args.dir() {
            Some(dir) => journal::run(&call.args, dir, &mut std::io::stdout().lock()),
            None => journal::ask(&call.args, &call.socket, &mut std::io::stdout().lock()),
        },
        Verb::Verdict(args) => act::verdict(args),
        Verb::Identify(args) => act::identify(args),
        Verb::Hold(args) => act::hold(args),
        Verb::Examination(args) => examine::examination(args),
        Verb::Disposition(args) => examine::disposition(args),
        Verb::Case(args) => examine::case(args),
        Verb::Temperature(args) => act::temperature(args),
        Verb::Barrier(args) => act::barrier(args),
        Verb::Wedge(args) => wedge::run(&args),
        Verb::Typical(args) => typical::run(&args),
        Verb::Vision(args) => vision::run(&args),
        Verb::User(args) => user::run(args),
        Verb::Decode(args) => decode::run(&args),
    }
}

//! How a verb reaches the running daemon, and how its answer is shown.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::control::call::{Call, Reply};
use crate::control::socket;

/// Where daemons put their control sockets: `LANE.sock`.
pub(super) const RUN_DIR: &str = "/run/portside";
/// It failed at run time.
const FAILED: u8 = 1;
/// The call or the configuration is wrong.
pub(super) const WRONG: u8 = 2;

/// Which daemon.
#[derive(Args, Debug)]
pub(super) struct SocketArg {
    /// Control socket of the daemon [default: the only one under /run/portside]
    #[arg(long, value_name = "PATH", env = "PORTSIDE_SOCKET", global = true)]
    socket: Option<PathBuf>,
}

/// Which daemon, and how to print.
#[derive(Args, Debug)]
pub(super) struct DoorArgs {
    #[command(flatten)]
    pub(super) socket: SocketArg,
    /// Print the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Asks the daemon and prints what it answers.
pub(super) fn call(args: &DoorArgs, call: &Call) -> ExitCode {
    match ask(&args.socket, call) {
        Ok(reply) => print(&reply, args.json),
        Err(message) => {
            eprintln!("portside: {message}");
            ExitCode::from(FAILED)
        }
    }
}

/// Asks the daemon.
///
/// # Errors
/// A sentence that says which socket was tried and what to do.
pub(super) fn ask(args: &SocketArg, call: &Call) -> Result<Reply, String> {
    let path = match &args.socket {
        Some(path) => path.clone(),
        None => only_socket(Path::new(RUN_DIR))?,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(socket::ask(&path, call)).map_err(|error| explain(&path, &error))
}

fn explain(path: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let path = path.display();
    if matches!(error.kind(), NotFound | ConnectionRefused) {
        return format!("no daemon listens on {path}; start it with `portside run`, or name its socket with --socket");
    }
    if error.kind() == PermissionDenied {
        return format!("you may not open {path}; it is for members of the group portside");
    }
    format!("the daemon behind {path} did not answer: {error}")
}

fn only_socket(dir: &Path) -> Result<PathBuf, String> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sock"))
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(format!("no daemon runs here (no socket under {}); name one with --socket", dir.display())),
        many => {
            let names: Vec<String> = many.iter().map(|path| path.display().to_string()).collect();
            Err(format!("several daemons run here; name one with --socket: {}", names.join(", ")))
        }
    }
}

pub(super) fn print(reply: &Reply, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string(reply).unwrap_or_default());
    }
    match reply {
        Reply::Done { message } => {
            if !json {
                println!("{message}");
            }
            ExitCode::SUCCESS
        }
        Reply::Refused { code, message } => {
            if !json {
                eprintln!("refused: {message} [{code}]");
            }
            ExitCode::from(FAILED)
        }
        Reply::Failed { message } => {
            if !json {
                eprintln!("portside: {message}");
            }
            ExitCode::from(FAILED)
        }
        Reply::Status { .. }
        | Reply::Points { .. }
        | Reply::Verified { .. }
        | Reply::Users { .. }
        | Reply::Code { .. } => ExitCode::SUCCESS,
        Reply::Records { records } => {
            if !json {
                let mut out = std::io::stdout().lock();
                for record in records {
                    let _ = writeln!(out, "{record}");
                }
            }
            ExitCode::SUCCESS
        }
    }
}

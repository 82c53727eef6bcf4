//! `portside demo`: a whole simulated lane on this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::demo::{self, Options};

/// `portside demo`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  portside demo\n  portside demo --once\n  portside demo --headless --seed 7 --dir /tmp/lane"
)]
pub(super) struct DemoArgs {
    /// One inspection of each outcome, a short review time, then the end
    #[arg(long)]
    once: bool,
    /// Drives the traffic: the same seed sends the same subjects
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Folder for state, kept; without it a temporary one that is removed
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Broker to use instead of the embedded one, such as mqtt://127.0.0.1:1883
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Address that the embedded broker and the desks' pages listen on
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Lines instead of the terminal view
    #[arg(long)]
    headless: bool,
    /// This lane alone
    #[arg(long, value_enum)]
    lane: Option<demo::Lane>,
}

/// Runs the demo.
pub(super) fn run(args: DemoArgs) -> ExitCode {
    let temporary = match args.dir {
        Some(_) => None,
        None => match tempfile::Builder::new().prefix("portside-demo-").tempdir() {
            Ok(dir) => Some(dir),
            Err(error) => return failed(&format!("no temporary folder can be made: {error}")),
        },
    };
    let dir = args.dir.or_else(|| temporary.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
    let options = Options {
        once: args.once,
        seed: args.seed,
        dir,
        broker: args.broker,
        listen: args.listen,
        headless: args.headless,
        lane: args.lane,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(cancel_at_signal(stop.clone()));
        demo::run(options, stop).await
    });
    runtime.shutdown_background();
    match ended {
        Ok(outcome) if outcome.faults.is_empty() => ExitCode::SUCCESS,
        Ok(outcome) => {
            for fault in &outcome.faults {
                eprintln!("demo: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> ExitCode {
    eprintln!("demo: {message}");
    ExitCode::FAILURE
}

async fn cancel_at_signal(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
}

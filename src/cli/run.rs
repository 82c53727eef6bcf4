//! `portside run`: the daemon.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::door::{RUN_DIR, WRONG};
use crate::clock::Clock;
use crate::config::{self, Config, Ink};
use crate::notify::{self, Progress};
use crate::run::{self, Environment};

/// Arguments of `portside run`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portside run -c /etc/portside/G03.toml\n\n\
    SIGTERM ends it in order, SIGHUP reads the lane file again: a faulty one is refused and the lane goes on as it is.")]
pub(super) struct RunArgs {
    /// The lane file
    #[arg(short, long, value_name = "FILE", default_value = "/etc/portside/lane.toml")]
    config: PathBuf,
    /// The control socket [default: /run/portside/LANE.sock]
    #[arg(long, value_name = "PATH", env = "PORTSIDE_SOCKET")]
    socket: Option<PathBuf>,
    /// End in order when standard input ends, as it does when the parent dies
    #[arg(long, hide = true)]
    end_with_stdin: bool,
}

/// Threads that wait for something outside are left behind after this long.
const LAST_THREADS: Duration = Duration::from_millis(500);

/// Log lines that may wait for a reader; further ones are counted and dropped.
const LINES_WAITING_MAX: usize = 8192;
/// How often dropped lines are looked for.
const DROPPED_EVERY: Duration = Duration::from_secs(10);

/// Why one run ended.
enum Ended {
    Stopped,
    Reload(Box<Config>),
    /// It never ran: its socket or its store could not be opened.
    NotStarted,
    Failed,
}

/// Runs the daemon until it is told to stop.
pub(super) fn run(args: &RunArgs) -> ExitCode {
    let log = Log::to_stderr();
    let Some(config) = load(&args.config, &log) else { return ExitCode::from(WRONG) };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot start");
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(tell_dropped(log.lines.error_counter()));
    let told = runtime.block_on(async { Told::listen(args.end_with_stdin) });
    let mut told = match told {
        Ok(told) => told,
        Err(error) => {
            tracing::error!(%error, "signals cannot be heard");
            return ExitCode::FAILURE;
        }
    };
    let mut now = config;
    // The lane file before the last reload, until the one after it has started.
    let mut before: Option<Config> = None;
    let ended = loop {
        match (runtime.block_on(once(args, now.clone(), &mut told, &log)), before.take()) {
            (Ended::Stopped, _) => break ExitCode::SUCCESS,
            (Ended::Reload(config), _) => before = Some(std::mem::replace(&mut now, *config)),
            (Ended::NotStarted, Some(old)) => {
                tracing::error!("the lane cannot start with the changed lane file; it goes on with the old one");
                now = old;
            }
            (Ended::NotStarted, None) | (Ended::Failed, _) => break ExitCode::FAILURE,
        }
    };
    // A name that is still being resolved must not hold the end up.
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}

async fn once(args: &RunArgs, config: Config, told: &mut Told, log: &Log) -> Ended {
    let clock = Clock::start();
    let progress = Progress::default();
    let feeding = notify::watchdog_period().map(|period| tokio::spawn(notify::feed(clock, progress.clone(), period)));
    let stop = CancellationToken::new();
    let hash = config.hash.clone();
    let socket = args.socket.clone().unwrap_or_else(|| Path::new(RUN_DIR).join(format!("{}.sock", config.lane.id)));
    let lane_key = run::lane_key_path(&config.store.dir);
    let env = Environment { config, socket, lane_key, clock, progress };
    let mut running = tokio::spawn(run::run_once(env, stop.clone()));
    let ended = tokio::select! {
        ended = told.end(&args.config, &hash, log) => {
            if ended.is_none() {
                // Not at a reload: a service that says so is ended by systemd.
                notify::stopping("the lane is stopping");
            }
            stop.cancel();
            match (failure(running.await), ended) {
                (Some(failed), _) => failed,
                (None, Some(config)) => Ended::Reload(config),
                (None, None) => Ended::Stopped,
            }
        }
        failed = &mut running => failure(failed).unwrap_or(Ended::Failed),
    };
    if let Some(feeding) = feeding {
        feeding.abort();
    }
    ended
}

/// How a run failed, if it did; the log has why.
fn failure(ended: Result<Result<(), run::RunError>, tokio::task::JoinError>) -> Option<Ended> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::error!("{error}");
            Some(if error.at_start() { Ended::NotStarted } else { Ended::Failed })
        }
        Err(panic) => {
            tracing::error!(%panic, "the lane's task ended by a panic");
            Some(Ended::Failed)
        }
    }
}

/// Everything that can tell the daemon to end or to begin anew. It listens through reloads: a SIGTERM that comes in the
/// middle of one is still there when the next run begins.
struct Told {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    parent_gone: CancellationToken,
}

impl Told {
    fn listen(end_with_stdin: bool) -> std::io::Result<Self> {
        let parent_gone = CancellationToken::new();
        if end_with_stdin {
            let gone = parent_gone.clone();
            // A thread of its own, which ends with the process: the runtime would wait for the end of a read.
            std::thread::spawn(move || {
                // Nobody says anything here; an error is an end as well.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                gone.cancel();
            });
        }
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            parent_gone,
        })
    }

    /// Waits for SIGTERM, SIGINT or the parent's end (`None`), or for a SIGHUP with a lane file that is right (`Some`).
    async fn end(&mut self, file: &Path, hash: &str, log: &Log) -> Option<Box<Config>> {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return None,
                _ = self.interrupt.recv() => return None,
                () = self.parent_gone.cancelled() => return None,
                _ = self.hang_up.recv() => {
                    notify::reloading();
                    match load(file, log) {
                        Some(config) if *config.hash == *hash => notify::ready("the lane file has not changed"),
                        Some(config) => return Some(Box::new(config)),
                        None => notify::ready("the lane file is faulty; the lane goes on with the old one"),
                    }
                }
            }
        }
    }
}

/// Reads the lane file; its faults go to the log, as `portside check` would draw them.
fn load(file: &Path, log: &Log) -> Option<Config> {
    let ink = if std::io::stderr().is_terminal() { Ink::Colour } else { Ink::Plain };
    match config::load(file) {
        Ok(checked) => {
            if checked.report.warnings() > 0 {
                log.show(&checked.report.render(ink));
            }
            Some(checked.config)
        }
        Err(report) => {
            log.show(&report.render(ink));
            tracing::error!(file = %file.display(), errors = report.errors(), "the lane file is faulty");
            None
        }
    }
}

/// The log goes to standard error through a thread of its own: a pipe that nobody reads, or a journald that stalls, must
/// never hold up a stop. What does not fit is dropped and counted.
struct Log {
    lines: NonBlocking,
    /// Writes what still waits when it is dropped, and gives up soon where nobody reads.
    _thread: WorkerGuard,
}

impl Log {
    /// Starts the log; journald adds its own time.
    fn to_stderr() -> Self {
        use tracing_subscriber::EnvFilter;
        let (lines, thread) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(LINES_WAITING_MAX)
            .thread_name("log")
            .finish(std::io::stderr());
        let filter = EnvFilter::try_from_env("PORTSIDE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(lines.clone())
            .with_ansi(std::io::stderr().is_terminal());
        let started =
            if std::env::var_os("JOURNAL_STREAM").is_some() { log.without_time().try_init() } else { log.try_init() };
        let log = Self { lines, _thread: thread };
        if let Err(error) = started {
            log.show(&format!("portside: logging cannot start: {error}\n"));
        }
        // What panics holds a thread of the lane, and may not wait for a reader either.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        log
    }

    /// Shows text as it is.
    fn show(&self, text: &str) {
        // A lossy writer takes everything, or counts it as dropped.
        let _ = self.lines.clone().write_all(text.as_bytes());
    }
}

/// Says how many lines were dropped, as soon as lines are taken again.
async fn tell_dropped(counter: ErrorCounter) {
    let mut told = 0;
    loop {
        tokio::time::sleep(DROPPED_EVERY).await;
        let dropped = counter.dropped_lines();
        if dropped > told {
            told = dropped;
            tracing::warn!(dropped, "log lines were dropped since the start: nobody read them in time");
        }
    }
}

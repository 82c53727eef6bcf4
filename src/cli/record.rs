//! `portside record`: stands between a program and a device, and writes down every byte with its time.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{ArgGroup, Args};
use portside_devices::moment::Moment;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::door::WRONG;
use super::probe::{Line, medium};
use crate::clock::Clock;
use crate::field::medium::{self as wire, Medium};
use crate::simulate::bench::Pty;
use crate::simulate::tape::{Entry, HEADER, What};

/// How long the way to the device may take to open.
const CONNECT: Duration = Duration::from_secs(2);

/// `portside record`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("place").required(true).args(["listen", "pty"])))]
#[command(after_help = "Examples:\n  portside record 10.0.0.20:502 --listen 127.0.0.1:5020 -o gate.tape\n  \
    portside record /dev/serial/by-id/usb-FTDI_A --baud 9600 --pty /tmp/bus -o bus.tape\n\n\
    Point the lane file at --listen or --pty while it records; SIGINT ends it. `portside simulate replay FILE` plays it.")]
pub(super) struct RecordArgs {
    /// The device or bus: HOST:PORT, or the path of a serial port
    link: String,
    #[command(flatten)]
    line: Line,
    /// Take the program's connection here
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Let the program open a pseudo-terminal under this name
    #[arg(long, value_name = "LINK")]
    pty: Option<PathBuf>,
    /// The file to write; it must not exist
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// The tape while it is written.
#[derive(Clone)]
struct Recorder {
    file: Arc<Mutex<File>>,
    clock: Clock,
}

impl Recorder {
    /// Each entry is written at once: what a kill leaves behind is a tape up to there.
    fn note(&self, what: What) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // The time is taken under the lock, so that no entry lies before the one ahead of it.
        let at = self.clock.moment().since(Moment::START);
        writeln!(file, "{}", Entry { at, what })
    }
}

/// Runs `portside record`.
pub(super) fn run(args: &RecordArgs) -> ExitCode {
    let medium = match medium(&args.link, &args.line) {
        Ok(medium) => medium,
        Err(words) => {
            eprintln!("portside: {words}");
            return ExitCode::from(WRONG);
        }
    };
    let clock = Clock::start();
    let begun = File::create_new(&args.output).and_then(|mut file| {
        writeln!(file, "{HEADER}\n# {} {medium}", clock.wall())?;
        Ok(file)
    });
    let file = match begun {
        Ok(file) => file,
        Err(error) => {
            eprintln!("portside: {}: {error}", args.output.display());
            return ExitCode::from(WRONG);
        }
    };
    let recorder = Recorder { file: Arc::new(Mutex::new(file)), clock };
    let ended = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                ended = record(args, &medium, &recorder) => ended,
                ended = tokio::signal::ctrl_c() => ended,
            }
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portside: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn record(args: &RecordArgs, medium: &Medium, recorder: &Recorder) -> io::Result<()> {
    if let Some(listen) = args.listen {
        let listener = TcpListener::bind(listen).await?;
        println!("recording {medium} into {}: connect to {}", args.output.display(), listener.local_addr()?);
        loop {
            // One caller at a time: two on one tape could not be told apart.
            let (near, _) = listener.accept().await?;
            near.set_nodelay(true)?;
            between(near, medium, recorder).await?;
        }
    }
    let Some(link) = &args.pty else { return Err(io::Error::other("say --listen ADDR or --pty LINK")) };
    let mut pty = Pty::make(link)?;
    println!("recording {medium} into {}: open {}", args.output.display(), link.display());
    loop {
        // The other end may be opened and closed as often as one likes; the device is reached all the while.
        between(pty.near(), medium, recorder).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Passes bytes both ways until either side ends. An error is one of the tape; one of a side is its end.
async fn between<N: AsyncRead + AsyncWrite + Unpin>(
    mut near: N,
    medium: &Medium,
    recorder: &Recorder,
) -> io::Result<()> {
    let mut far = match wire::open(medium, CONNECT).await {
        Ok(far) => far,
        Err(words) => {
            eprintln!("{words}");
            return Ok(());
        }
    };
    recorder.note(What::Open)?;
    let (mut sent, mut came) = ([0; 4096], [0; 4096]);
    loop {
        let passed = tokio::select! {
            count = near.read(&mut sent) => match count {
                Ok(count @ 1..) => {
                    recorder.note(What::Sent(sent[..count].to_vec()))?;
                    far.write_all(&sent[..count]).await.is_ok()
                }
                Ok(0) | Err(_) => false,
            },
            count = far.read(&mut came) => match count {
                Ok(count @ 1..) => {
                    recorder.note(What::Came(came[..count].to_vec()))?;
                    near.write_all(&came[..count]).await.is_ok()
                }
                Ok(0) | Err(_) => false,
            },
        };
        if !passed {
            return recorder.note(What::Close);
        }
    }
}

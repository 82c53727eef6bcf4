//! `portside-vision`: one job a call, started by the daemon or by a technician. What a job finds goes to stdout, errors
//! go to stderr; exit status 0 done, 1 it failed, 2 the call is wrong.

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use opencv::core::{MatTraitConst, Vector};
use opencv::imgcodecs;
use portside_vision::capture::{Limits, first_frame};
use portside_vision::source::Source;
use portside_vision::watch::{Job as WatchJob, Play, watch};
use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, nice, set_parent_process_death_signal, setrlimit};
use serde::Serialize;

/// RTSP over TCP, because lost UDP packets are smeared pictures; and one second of looking at a stream's format instead
/// of five. The libraries read these when they first open a source, so they have to be there when the process begins.
const LIBRARY_SETTINGS: [(&str, &str); 2] = [
    ("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp|analyzeduration;1000000"),
    ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2"),
];

/// Nicer than the daemon by this.
const BEHIND_THE_LANE: i32 = 5;

#[derive(Parser)]
#[command(version, about = "The lane's eyes")]
struct Call {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Take one picture from a camera or a recording.
    #[command(
        after_help = "Example: portside-vision grab rtsp://10.0.0.31/ch1 plate.jpg --open-timeout 3s --read-timeout 2s"
    )]
    Grab {
        #[command(flatten)]
        from: From,
        /// Where the JPEG goes.
        out: PathBuf,
    },
    /// Watch a camera or a recording: frames and signs of life on stdout, in the form that the daemon reads.
    #[command(
        after_help = "Example: portside-vision watch rtsp://10.0.0.31/ch1 --credentials login.txt | head -c 40 | xxd"
    )]
    Watch {
        #[command(flatten)]
        from: From,
        /// How often a frame is taken.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "200ms")]
        every: Duration,
        /// Play a recording once instead of again and again.
        #[arg(long)]
        once: bool,
        /// MiB of memory of its own that the process may take.
        #[arg(long, value_name = "MIB", default_value_t = 512)]
        memory: u64,
        /// End with the process of this id, which must be the one that started this.
        #[arg(long, value_name = "PID")]
        with_parent: Option<i32>,
    },
}

#[derive(Args)]
struct From {
    /// A path, file://PATH, rtsp://HOST… or v4l2:///dev/v4l/by-id/…
    source: Source,
    /// File with the camera's login, one line USER:PASSWORD.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// How long the stream may take to open.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "3s")]
    open_timeout: Duration,
    /// How long a frame may take to come.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "2s")]
    read_timeout: Duration,
}

/// What `grab` prints.
#[derive(Serialize)]
struct Grabbed {
    width: i32,
    height: i32,
    capture_ms: u128,
}

fn main() -> ExitCode {
    let call = Call::parse();
    let (name, done) = match &call.job {
        Job::Grab { from, out } => ("grab", with_library_settings().and_then(|()| grab(from, out))),
        Job::Watch { from, every, once, memory, with_parent } => {
            let play = if *once { Play::Once } else { Play::Loop };
            let watched = tied_to(*with_parent)
                .and_then(|()| with_library_settings())
                .and_then(|()| begin_watching(from, *every, play, *memory));
            ("watch", watched)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portside-vision {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this program anew in its own place where the settings are missing: to set them in a process that runs is
/// unsafe.
fn with_library_settings() -> Result<(), Box<dyn Error>> {
    if LIBRARY_SETTINGS.iter().all(|(name, _)| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    for (name, value) in LIBRARY_SETTINGS.iter().filter(|(name, _)| std::env::var_os(name).is_none()) {
        again.env(name, value);
    }
    Err(again.exec().into())
}

/// Has the kernel end this process with the one that started it: one that hangs would not notice by itself.
fn tied_to(parent: Option<i32>) -> Result<(), Box<dyn Error>> {
    let Some(parent) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match getppid() == Pid::from_raw(parent) {
        true => Ok(()),
        // It died before the kernel was told.
        false => Err(format!("process {parent} is not the one that started this").into()),
    }
}

impl From {
    fn source(&self) -> Result<Source, Box<dyn Error>> {
        let Some(path) = &self.credentials else { return Ok(self.source.clone()) };
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let line = fs::read_to_string(path).map_err(|error| named(&error))?;
        Ok(self.source.clone().with_login(&line).map_err(|error| named(&error))?)
    }

    fn limits(&self) -> Limits {
        Limits { open: self.open_timeout, read: self.read_timeout }
    }
}

fn begin_watching(from: &From, every: Duration, play: Play, memory: u64) -> Result<(), Box<dyn Error>> {
    let limit = Some(memory << 20);
    // Decoding must never take the processor from who polls the arm. A refusal changes nothing else.
    let _ = nice(BEHIND_THE_LANE);
    setrlimit(Resource::Data, Rlimit { current: limit, maximum: limit })?;
    opencv::core::set_num_threads(1)?;
    let out = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    Ok(watch(WatchJob { source: from.source()?, limits: from.limits(), every, play }, out)?)
}

fn grab(from: &From, out: &Path) -> Result<(), Box<dyn Error>> {
    let source = from.source()?;
    let frame = first_frame(&source, from.limits())?;
    let mut jpeg = Vector::new();
    // `imwrite` would choose the format by the name's ending and report a full disk as `false`.
    if !imgcodecs::imencode_def(".jpg", &frame.pixels, &mut jpeg)? {
        return Err(format!("{source}: the frame could not be encoded as JPEG").into());
    }
    fs::write(out, jpeg.as_slice()).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    let size = frame.pixels.size()?;
    let grabbed = Grabbed { width: size.width, height: size.height, capture_ms: frame.took.as_millis() };
    println!("{}", serde_json::to_string(&grabbed)?);
    Ok(())
}

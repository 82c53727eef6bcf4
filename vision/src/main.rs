//! `portside-vision`: one job a call, started by the daemon or by a technician. Results go to stdout as JSON lines,
//! errors to stderr; exit status 0 done, 1 it failed, 2 the call is wrong.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use opencv::core::{MatTraitConst, Vector};
use opencv::imgcodecs;
use portside_vision::capture::{Limits, first_frame};
use portside_vision::source::Source;
use serde::Serialize;

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
        /// A path, file://PATH or rtsp://HOST…
        source: Source,
        /// Where the JPEG goes.
        out: PathBuf,
        /// How long the stream may take to open.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "3s")]
        open_timeout: std::time::Duration,
        /// How long the frame may take to come.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "2s")]
        read_timeout: std::time::Duration,
    },
}

/// What `grab` prints.
#[derive(Serialize)]
struct Grabbed {
    width: i32,
    height: i32,
    capture_ms: u128,
}

fn main() -> ExitCode {
    let Call { job: Job::Grab { source, out, open_timeout, read_timeout } } = Call::parse();
    match grab(&source, &out, Limits { open: open_timeout, read: read_timeout }) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("portside-vision grab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn grab(source: &Source, out: &Path, limits: Limits) -> Result<String, Box<dyn Error>> {
    let frame = first_frame(source, limits)?;
    let mut jpeg = Vector::new();
    // `imwrite` would choose the format by the name's ending and report a full disk as `false`.
    if !imgcodecs::imencode_def(".jpg", &frame.pixels, &mut jpeg)? {
        return Err(format!("{source}: the frame could not be encoded as JPEG").into());
    }
    std::fs::write(out, jpeg.as_slice()).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    let size = frame.pixels.size()?;
    Ok(serde_json::to_string(&Grabbed { width: size.width, height: size.height, capture_ms: frame.took.as_millis() })?)
}

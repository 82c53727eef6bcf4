//! Watches one source for as long as somebody reads: frames, signs of life, and what happened to it.
//!
//! ```text
//!  waiting thread                                   this thread
//!  open ──► frame ──► frame ──► … ──► slot ──► judge, encode ──► standard output
//!   ▲         │ none in time: lost                └── nothing new: heartbeat
//!   └── pause ┘
//! ```
//! The library's calls block and cannot be ended from outside. A waiting thread that stays away for longer than its
//! limits allow is therefore the end of the process: whoever started it starts another.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vector};
use opencv::{imgcodecs, imgproc};
use portside_devices::camera::{Blemish, JPEG_MAX, Message, Newest, Said};

use crate::capture::{CaptureError, Limits, Stream};
use crate::clock::since_boot;
use crate::look::{Look, Luma};
use crate::slot::{Next, Shot, Slot};
use crate::source::Source;
use crate::tamper::{Doubt, Tamper};

/// Something is written at least this often.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// Pauses before a source is opened again: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// A waiting thread may stay away this much longer than its limits: a name server may be slow, and the machine busy.
const GRACE: Duration = Duration::from_secs(6);
/// A recording that fell behind by more goes on from where it is.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// Good enough to read a plate on, a quarter of the bytes of the library's own 95.
const QUALITY: i32 = 85;

/// How a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// Again and again.
    Loop,
    /// Once; then the process is done.
    Once,
}

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// The camera or recording.
    pub source: Source,
    /// How long its calls may block.
    pub limits: Limits,
    /// A frame is taken this often at most.
    pub every: Duration,
    /// What happens at the end of a recording.
    pub play: Play,
}

/// Why watching ended otherwise than by the end of the recording or of the reader.
#[derive(Debug)]
pub enum WatchError {
    /// The library did not come back.
    Stuck(Source),
    /// A frame could not be made a JPEG.
    Encode(opencv::Error),
    /// Threads cannot be started.
    Thread(io::Error),
}

impl std::fmt::Display for WatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stuck(source) => write!(f, "{source}: the video library did not come back within its time limit"),
            Self::Encode(error) => write!(f, "a frame could not be encoded as JPEG: {error}"),
            Self::Thread(error) => write!(f, "a thread could not be started: {error}"),
        }
    }
}

impl std::error::Error for WatchError {}

/// Watches until nobody reads `out` any more, or a recording that is played once is over.
///
/// # Errors
/// When the process cannot go on and should be replaced.
pub fn watch(job: Job, out: File) -> Result<(), WatchError> {
    let slot = Arc::new(Slot::default());
    let (source, handed) = (job.source.clone(), slot.clone());
    let waiting = std::thread::Builder::new().name("capture".to_owned()).spawn(move || attend(&job, &handed));
    waiting.map_err(WatchError::Thread)?;
    let mut teller = Teller { out, look: Look::default(), tamper: Tamper::default(), newest: Newest::default() };
    loop {
        let next = slot.next(HEARTBEAT);
        let over = matches!(next, Next::Event(Said::Ended));
        match teller.tell(next) {
            Ok(()) if over => return Ok(()),
            Ok(()) if slot.is_overdue(since_boot()) => return Err(WatchError::Stuck(source)),
            Ok(()) => {}
            Err(TellError::NobodyReads) => return Ok(()),
            Err(TellError::Encode(error)) => return Err(WatchError::Encode(error)),
        }
    }
}

/// The thread that waits for the camera.
fn attend(job: &Job, slot: &Slot) {
    let mut pause = PAUSE.0;
    let mut told = false;
    loop {
        slot.announce(since_boot() + job.limits.open + GRACE);
        let mut frames = 0;
        let played = Stream::open(&job.source, job.limits).and_then(|mut stream| {
            if !told {
                slot.tell(Said::Opened { width: stream.size.0, height: stream.size.1 });
                told = true;
            }
            play(job, &mut stream, slot, &mut frames)
        });
        match played {
            Ok(()) if frames > 0 && job.play == Play::Once => return slot.tell(Said::Ended),
            Ok(()) if frames > 0 => continue,
            Ok(()) => lost(slot, &CaptureError::NoFrame(job.source.clone(), Duration::ZERO)),
            Err(error) => lost(slot, &error),
        }
        told = false;
        pause = if frames > 0 { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
        slot.announce(since_boot() + pause + GRACE);
        std::thread::sleep(pause);
    }
}

fn lost(slot: &Slot, error: &CaptureError) {
    slot.tell(Said::Lost { reason: error.to_string() });
}

/// Takes frames until the end of the recording or an error.
fn play(job: &Job, stream: &mut Stream, slot: &Slot, frames: &mut u64) -> Result<(), CaptureError> {
    let mut pace = Pace::new(since_boot(), stream.rate);
    let mut wanted = Duration::ZERO;
    loop {
        slot.announce(since_boot() + job.limits.read + GRACE);
        if !stream.advance()? {
            return Ok(());
        }
        *frames += 1;
        if matches!(job.source, Source::File(_)) {
            std::thread::sleep(pace.wait(since_boot()));
        }
        let now = since_boot();
        if now >= wanted {
            slot.put(stream.picture()?, now);
            wanted = now + job.every;
        }
    }
}

/// When the frames of a recording are due.
#[derive(Clone, Copy, Debug)]
struct Pace {
    next: Duration,
    step: Duration,
}

impl Pace {
    fn new(now: Duration, rate: f64) -> Self {
        Self { next: now, step: Duration::from_secs_f64(1.0 / rate) }
    }

    /// How long to wait before the next frame is shown.
    fn wait(&mut self, now: Duration) -> Duration {
        if now.saturating_sub(self.next) > BEHIND_MAX {
            self.next = now;
        }
        let wait = self.next.saturating_sub(now);
        self.next += self.step;
        wait
    }
}

enum TellError {
    NobodyReads,
    Encode(opencv::Error),
}

impl From<opencv::Error> for TellError {
    fn from(error: opencv::Error) -> Self {
        Self::Encode(error)
    }
}

/// The thread that judges, encodes and writes.
struct Teller {
    out: File,
    look: Look,
    tamper: Tamper,
    newest: Newest,
}

impl Teller {
    fn tell(&mut self, next: Next) -> Result<(), TellError> {
        match next {
            Next::Nothing => self.write(Said::Heartbeat),
            Next::Event(said) => {
                if matches!(said, Said::Opened { .. }) {
                    self.look = Look::default();
                    self.newest.blemish = Blemish::default();
                }
                self.write(said)
            }
            Next::Shot(shot) => self.frame(&shot),
        }
    }

    fn frame(&mut self, shot: &Shot) -> Result<(), TellError> {
        let blemish = judged(&mut self.look, &mut self.tamper, &shot.pixels, shot.captured)?;
        self.newest = Newest { sequence: shot.sequence, captured: shot.captured, age: Duration::ZERO, blemish };
        let size = shot.pixels.size()?;
        let side = |pixels: i32| u16::try_from(pixels).unwrap_or(0);
        let (width, height) = (side(size.width), side(size.height));
        let jpeg = jpeg(&shot.pixels)?;
        if jpeg.len() > JPEG_MAX {
            return self.write(Said::Lost { reason: format!("a frame has {} bytes as JPEG", jpeg.len()) });
        }
        self.write(Said::Frame { width, height, jpeg })
    }

    fn write(&mut self, said: Said) -> Result<(), TellError> {
        if self.newest.sequence > 0 {
            self.newest.age = since_boot().saturating_sub(self.newest.captured);
        }
        let message = Message { newest: self.newest, said };
        let written = self.out.write_all(&message.header()).and_then(|()| self.out.write_all(message.payload()));
        // Whoever read is gone, and with it the reason to go on.
        written.map_err(|_| TellError::NobodyReads)
    }
}

fn judged(look: &mut Look, tamper: &mut Tamper, pixels: &Mat, at: Duration) -> opencv::Result<Blemish> {
    let mut grey = Mat::default();
    imgproc::cvt_color_def(pixels, &mut grey, imgproc::COLOR_BGR2GRAY)?;
    let size = grey.size()?;
    let side = |pixels: i32| usize::try_from(pixels).unwrap_or(0);
    let luma = Luma { width: side(size.width), height: side(size.height), pixels: grey.data_bytes()? };
    let Doubt { covered, blurred, turned } = tamper.next(luma, at);
    Ok(Blemish { covered, blurred, turned, ..look.next(luma, at) })
}

fn jpeg(pixels: &Mat) -> opencv::Result<Vec<u8>> {
    let mut bytes = Vector::<u8>::new();
    let quality = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, QUALITY]);
    if !imgcodecs::imencode(".jpg", pixels, &mut bytes, &quality)? {
        return Err(opencv::Error::new(opencv::core::StsError, "imencode gave nothing"));
    }
    Ok(bytes.as_slice().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_played_as_fast_as_it_was_made() {
        let millis = Duration::from_millis;
        let mut pace = Pace::new(millis(1000), 25.0);
        assert_eq!(pace.wait(millis(1000)), millis(0));
        assert_eq!(pace.wait(millis(1010)), millis(30));
        assert_eq!(pace.wait(millis(1095)), millis(0)); // late
        assert_eq!(pace.wait(millis(1095)), millis(25)); // and caught up
    }

    #[test]
    fn a_recording_that_was_stopped_for_long_does_not_hurry_after() {
        let millis = Duration::from_millis;
        let mut pace = Pace::new(millis(0), 10.0);
        assert_eq!(pace.wait(millis(60_000)), millis(0));
        assert_eq!(pace.wait(millis(60_000)), millis(100));
    }
}

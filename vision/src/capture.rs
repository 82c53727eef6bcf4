//! One frame out of a source, with an end to the waiting.
//!
//! Three habits of the library shape this file. Opening with the backend left open tries them all, so FFmpeg is
//! named. A failed open is not an error but a capture that is not opened. And after a stall the first read comes back
//! good, late, with a frame that the decoder still held: a read that used up its time is therefore a failure.

use std::fmt;
use std::time::{Duration, Instant};

use opencv::core::{Mat, MatTraitConst, Vector};
use opencv::videoio::{
    CAP_FFMPEG, CAP_PROP_OPEN_TIMEOUT_MSEC, CAP_PROP_READ_TIMEOUT_MSEC, VideoCapture, VideoCaptureTrait,
    VideoCaptureTraitConst,
};

use crate::source::Source;

/// How long each step may block. FFmpeg's own limits are 30 s.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the stream's first packets have told its format.
    pub open: Duration,
    /// Until a frame.
    pub read: Duration,
}

/// One frame, as the camera gave it.
#[derive(Debug)]
pub struct Frame {
    /// 8-bit BGR.
    pub pixels: Mat,
    /// From the request to open until the frame was there.
    pub took: Duration,
}

/// Why there is no frame.
#[derive(Debug)]
pub enum CaptureError {
    /// The file or stream did not open within the limit.
    NotOpened(Source, Duration),
    /// It opened, and then gave no frame: the recording is empty or the stream stalled.
    NoFrame(Source, Duration),
    /// A frame came so late that it may be from before a stall.
    Stale(Source, Duration),
    /// The library itself failed.
    Library(Source, opencv::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(source, after) => write!(
                f,
                "{source}: did not open within {}: expected a video file or a camera's stream; look whether the address, \
                 the channel path and the login are right",
                millis(*after)
            ),
            Self::NoFrame(source, after) => {
                write!(
                    f,
                    "{source}: opened, but gave no frame within {}; try a player on the same address",
                    millis(*after)
                )
            }
            Self::Stale(source, after) => {
                write!(
                    f,
                    "{source}: the frame came only after {}, so it may be from before a stall; try again",
                    millis(*after)
                )
            }
            Self::Library(source, error) => write!(f, "{source}: {error}"),
        }
    }
}

impl std::error::Error for CaptureError {}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// Opens `source` and reads its first frame. Blocks for at most about the sum of both limits.
pub fn first_frame(source: &Source, limits: Limits) -> Result<Frame, CaptureError> {
    let fail = |error| CaptureError::Library(source.clone(), error);
    let (opened, open_took) = timed(|| open(source, limits));
    let mut capture = opened.map_err(fail)?;
    if !capture.is_opened().map_err(fail)? {
        return Err(CaptureError::NotOpened(source.clone(), open_took));
    }
    let mut pixels = Mat::default();
    let (read, read_took) = timed(|| capture.read(&mut pixels));
    if !read.map_err(fail)? || pixels.empty() {
        return Err(CaptureError::NoFrame(source.clone(), read_took));
    }
    if is_stale(read_took, limits.read) {
        return Err(CaptureError::Stale(source.clone(), read_took));
    }
    Ok(Frame { pixels, took: open_took + read_took })
}

fn open(source: &Source, limits: Limits) -> opencv::Result<VideoCapture> {
    let address = match source {
        Source::File(path) => path.to_string_lossy().into_owned(),
        Source::Rtsp(url) => url.clone(),
    };
    let params = Vector::from_slice(&[
        CAP_PROP_OPEN_TIMEOUT_MSEC,
        whole_millis(limits.open),
        CAP_PROP_READ_TIMEOUT_MSEC,
        whole_millis(limits.read),
    ]);
    VideoCapture::from_file_with_params(&address, CAP_FFMPEG, &params)
}

/// The library takes an `int`, and 0 would mean its own default.
fn whole_millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// Measured on OpenCV 4.6: the frame left over after a stall comes when the read's limit has run out.
fn is_stale(took: Duration, limit: Duration) -> bool {
    took * 5 > limit * 4
}

/// Measures the library, decides nothing about the lane: this process is told no lane time.
#[allow(clippy::disallowed_methods)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_used_up_its_time_is_stale() {
        let limit = Duration::from_millis(2000);
        assert!(!is_stale(Duration::from_millis(1600), limit));
        assert!(is_stale(Duration::from_millis(1601), limit));
        assert!(is_stale(Duration::from_millis(2004), limit));
    }

    #[test]
    fn a_limit_is_never_the_librarys_own_default() {
        assert_eq!(whole_millis(Duration::ZERO), 1);
        assert_eq!(whole_millis(Duration::from_micros(300)), 1);
        assert_eq!(whole_millis(Duration::MAX), i32::MAX);
    }
}

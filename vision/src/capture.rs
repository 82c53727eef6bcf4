//! Frames out of a source, with an end to the waiting.
//!
//! Three habits of the library shape this file. Opening with the backend left open tries them all, so FFmpeg is
//! named. A failed open is not an error but a capture that is not opened. And after a stall the first read comes back
//! good, late, with a frame that the decoder still held: a read that used up its time is therefore a failure.

use std::fmt;
use std::io;
use std::time::Duration;

use opencv::core::{Mat, MatTraitConst, Vector};
use opencv::videoio::{
    CAP_FFMPEG, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_WIDTH, CAP_PROP_OPEN_TIMEOUT_MSEC,
    CAP_PROP_READ_TIMEOUT_MSEC, CAP_V4L2, VideoCapture, VideoCaptureTrait, VideoCaptureTraitConst,
};
use portside_devices::camera::SIDE_MAX;

use crate::clock::since_boot;
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
    /// The recording or the camera's device is not there, or may not be looked at.
    NotThere(Source, io::Error),
    /// The recording is there, and is none that the library reads.
    NoRecording(Source),
    /// The stream did not open within the limit.
    NotOpened(Source, Duration),
    /// It opened, and then gave no frame: the recording is empty or the stream stalled.
    NoFrame(Source, Duration),
    /// A stream that gave frames gives none any more, and did not make anybody wait for it.
    BrokeOff(Source),
    /// A frame came so late that it may be from before a stall.
    Stale(Source, Duration),
    /// Its pictures are larger than any camera's, which only a file made to do harm has.
    TooLarge(Source, i64, i64),
    /// The library itself failed.
    Library(Source, opencv::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(source, error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "{source}: no such file; look at the path")
            }
            Self::NotThere(source, error) => write!(f, "{source}: cannot be looked at: {error}"),
            Self::NoRecording(source) => write!(f, "{source}: did not open: expected a video file"),
            Self::NotOpened(source, after) => write!(
                f,
                "{source}: did not open within {}: expected a camera's stream; look whether the address, the channel \
                 path and the login are right",
                millis(*after)
            ),
            Self::NoFrame(source, after) => {
                write!(
                    f,
                    "{source}: opened, but gave no frame within {}; try a player on the same address",
                    millis(*after)
                )
            }
            Self::BrokeOff(source) => {
                write!(f, "{source}: the stream broke off: look whether the camera or what lies between was restarted")
            }
            Self::Stale(source, after) => {
                write!(
                    f,
                    "{source}: the stream stalled: a frame came only after {}, so it may be from before that",
                    millis(*after)
                )
            }
            Self::TooLarge(source, width, height) => {
                write!(
                    f,
                    "{source}: its pictures have {width} × {height} pixels, expected at most {SIDE_MAX} × {SIDE_MAX}"
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
///
/// # Errors
/// When there is no frame.
pub fn first_frame(source: &Source, limits: Limits) -> Result<Frame, CaptureError> {
    let begun = since_boot();
    let mut stream = Stream::open(source, limits)?;
    if !stream.advance()? {
        return Err(CaptureError::NoFrame(source.clone(), since_boot().saturating_sub(begun)));
    }
    let pixels = stream.picture()?;
    Ok(Frame { pixels, took: since_boot().saturating_sub(begun) })
}

/// An open source.
pub struct Stream {
    source: Source,
    capture: VideoCapture,
    limits: Limits,
    /// Pixels across and down; 0 where the source does not say.
    pub size: (u16, u16),
    /// Frames a second, as a recording says; 25 where it says nothing sensible.
    pub rate: f64,
}

impl Stream {
    /// Opens a source. Blocks for at most about the limit, the asking for a host's address not counted.
    ///
    /// # Errors
    /// When it did not open.
    pub fn open(source: &Source, limits: Limits) -> Result<Self, CaptureError> {
        let fail = |error| CaptureError::Library(source.clone(), error);
        there(source)?;
        let begun = since_boot();
        let capture = open(source, limits).map_err(fail)?;
        if !capture.is_opened().map_err(fail)? {
            return Err(match source {
                Source::File(_) => CaptureError::NoRecording(source.clone()),
                Source::Rtsp(_) | Source::V4l2(_) => {
                    CaptureError::NotOpened(source.clone(), since_boot().saturating_sub(begun))
                }
            });
        }
        let property = |id| capture.get(id).map_err(fail);
        let (width, height) = (property(CAP_PROP_FRAME_WIDTH)? as i64, property(CAP_PROP_FRAME_HEIGHT)? as i64);
        let side = |pixels: i64| u16::try_from(pixels).ok().filter(|pixels| *pixels <= SIDE_MAX);
        let (Some(across), Some(down)) = (side(width), side(height)) else {
            return Err(CaptureError::TooLarge(source.clone(), width, height));
        };
        let rate = Some(property(CAP_PROP_FPS)?).filter(|rate| (1.0..=120.0).contains(rate)).unwrap_or(25.0);
        Ok(Self { source: source.clone(), capture, limits, size: (across, down), rate })
    }

    /// Goes on to the next frame; false at the end of a recording. A stream has no end: there it is an error.
    ///
    /// # Errors
    /// When no frame came in time.
    pub fn advance(&mut self) -> Result<bool, CaptureError> {
        let begun = since_boot();
        let there = self.capture.grab().map_err(|error| CaptureError::Library(self.source.clone(), error))?;
        let took = since_boot().saturating_sub(begun);
        match (&self.source, there) {
            (Source::File(_), _) => Ok(there),
            (Source::Rtsp(_) | Source::V4l2(_), false) if is_stale(took, self.limits.read) => {
                Err(CaptureError::NoFrame(self.source.clone(), took))
            }
            (Source::Rtsp(_) | Source::V4l2(_), false) => Err(CaptureError::BrokeOff(self.source.clone())),
            (Source::Rtsp(_) | Source::V4l2(_), true) if is_stale(took, self.limits.read) => {
                Err(CaptureError::Stale(self.source.clone(), took))
            }
            (Source::Rtsp(_) | Source::V4l2(_), true) => Ok(true),
        }
    }

    /// The frame that [`Self::advance`] went on to, 8-bit BGR.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn picture(&mut self) -> Result<Mat, CaptureError> {
        let mut pixels = Mat::default();
        let decoded = self.capture.retrieve_def(&mut pixels);
        match decoded.map_err(|error| CaptureError::Library(self.source.clone(), error))? && !pixels.empty() {
            true => Ok(pixels),
            false => Err(CaptureError::NoFrame(self.source.clone(), Duration::ZERO)),
        }
    }
}

/// The library does not say that a file is missing, only that it did not open.
fn there(source: &Source) -> Result<(), CaptureError> {
    match source {
        Source::File(path) | Source::V4l2(path) => {
            std::fs::metadata(path).map(drop).map_err(|error| CaptureError::NotThere(source.clone(), error))
        }
        Source::Rtsp(_) => Ok(()),
    }
}

fn open(source: &Source, limits: Limits) -> opencv::Result<VideoCapture> {
    let address = match source {
        Source::File(path) => path.to_string_lossy().into_owned(),
        Source::Rtsp(url) => url.clone(),
        // By-id names are links; which number they point to changes with every plug.
        Source::V4l2(path) => {
            let device = path.canonicalize().unwrap_or_else(|_| path.clone());
            return VideoCapture::from_file(&device, CAP_V4L2);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_that_is_missing_is_called_so_and_not_a_wrong_address() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip.mp4");
        let said = there(&Source::File(clip.clone())).unwrap_err().to_string();
        assert_eq!(said, format!("{}: no such file; look at the path", clip.display()));
        std::fs::write(&clip, "x").unwrap();
        assert!(there(&Source::File(clip)).is_ok());
    }

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

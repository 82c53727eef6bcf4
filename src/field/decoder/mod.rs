//! Decoding foreign pictures in a child process of our own binary, so that a file which crashes, hangs or swells its
//! decoder costs nothing but that file.
//!
//! ```text
//!   parent                                    child: `portside decode`
//!   sidecar and file bytes ──stdin──►  confines itself, reads, decodes
//!   checks every number    ◄─stdout──  one line of JSON, then the samples
//! ```
//! The child has no way out but its two pipes: before it reads the first byte it gives up memory beyond its share, time,
//! new files, sockets and processes ([`child`]). The parent believes no number of its header beyond the limits of
//! [`picture`](super::picture), waits no longer than [`Limits::time`], and ends it on every path.

pub mod child;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use self::child::{Answer, NOT_CONFINED};
use super::picture::{Decoded, Picture, Unreadable};
use crate::thermal::Frame;

/// Longest header line; 64 views with long names stay below it.
const HEADER_LIMIT: u64 = 64 << 10;
/// Longest reason that goes into a record.
const REASON_LIMIT: usize = 500;

/// What a child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space: the file, the decoded samples, what a decoder needs beside them, and the program.
    pub memory: u64,
    /// Whole seconds of computing.
    pub cpu: Duration,
    /// From start to end, whatever it does.
    pub time: Duration,
}

impl Default for Limits {
    /// The memory fits beside a daemon in the 2 GB of the unit.
    fn default() -> Self {
        Self { memory: 1 << 30, cpu: Duration::from_secs(20), time: Duration::from_secs(60) }
    }
}

/// The bytes of one picture.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// Of the file.
    pub file: &'a [u8],
    /// Of the sidecar, for a file of samples alone.
    pub sidecar: Option<&'a [u8]>,
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The file is to blame.
    Unreadable(Unreadable),
    /// This machine is: no child could be started or confined. The file may be sound.
    Unavailable(String),
}

/// Starts one child a picture.
#[derive(Clone, Debug)]
pub struct Decoder {
    program: PathBuf,
    limits: Limits,
}

impl Default for Decoder {
    /// This program itself, also after a newer one was installed over its file.
    fn default() -> Self {
        Self::of(PathBuf::from("/proc/self/exe"))
    }
}

impl Decoder {
    /// A decoder whose children run `program`, which is a `portside`.
    pub fn of(program: PathBuf) -> Self {
        Self { program, limits: Limits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What the picture is; the samples are counted and dropped.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn header(&self, bytes: Bytes<'_>) -> Result<Decoded, Failure> {
        self.picture_with(bytes, Keep::Header).await.map(|picture| picture.header)
    }

    /// The picture with its samples.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn picture(&self, bytes: Bytes<'_>) -> Result<Picture, Failure> {
        self.picture_with(bytes, Keep::Samples).await
    }

    /// What a thermal imager's file holds.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn thermogram(&self, file: &[u8]) -> Result<Frame, Failure> {
        match self.ask(Bytes { file, sidecar: None }, Keep::Counts).await? {
            Said::Thermogram(frame) => Ok(frame),
            Said::Picture(_) | Said::Refused(_) => Err(mistaken()),
        }
    }

    async fn picture_with(&self, bytes: Bytes<'_>, keep: Keep) -> Result<Picture, Failure> {
        match self.ask(bytes, keep).await? {
            Said::Picture(picture) => Ok(picture),
            Said::Thermogram(_) | Said::Refused(_) => Err(mistaken()),
        }
    }

    async fn ask(&self, bytes: Bytes<'_>, keep: Keep) -> Result<Said, Failure> {
        let mut child = self.start(bytes, keep)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Unavailable("the decoder was started without its pipes".to_owned()));
        };
        let talk = async { tokio::join!(feed(input, bytes), answer(output, keep), child.wait()) };
        let (said, status) = match tokio::time::timeout(self.limits.time, talk).await {
            Ok(((), said, status)) => (said, status),
            Err(_) => {
                self.end(child).await;
                let reason = format!("decoding it took more than {} s", self.limits.time.as_secs());
                return Err(Failure::Unreadable(Unreadable::Never(reason)));
            }
        };
        let status = status.map_err(|error| Failure::Unavailable(format!("the decoder was lost: {error}")))?;
        if status.code() == Some(NOT_CONFINED.into()) {
            let reason = "the decoder may not limit itself: allow the system call prlimit64 (see the unit)";
            return Err(Failure::Unavailable(reason.to_owned()));
        }
        match said {
            Ok(Said::Refused(why)) => Err(Failure::Unreadable(short(why))),
            Ok(said) if status.success() => Ok(said),
            Err(reason) if status.success() => Err(Failure::Unreadable(Unreadable::Never(reason))),
            Ok(Said::Picture(_) | Said::Thermogram(_)) | Err(_) => Err(Failure::Unreadable(self.ended_by(status))),
        }
    }

    fn start(&self, bytes: Bytes<'_>, keep: Keep) -> Result<Child, Failure> {
        let mut command = Command::new(&self.program);
        command
            .arg0("portside")
            .arg("decode")
            .args(["--sidecar-bytes", &bytes.sidecar.map_or(0, <[u8]>::len).to_string()])
            .args((keep == Keep::Counts).then_some("--thermogram"))
            .args(["--memory", &self.limits.memory.to_string(), "--cpu", &self.limits.cpu.as_secs().to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command.spawn().map_err(|error| {
            Failure::Unavailable(format!("the decoder {} cannot be started: {error}", self.program.display()))
        })
    }

    /// Kills it and waits until it is gone.
    async fn end(&self, mut child: Child) {
        if let Err(error) = child.kill().await {
            tracing::error!(%error, "a decoder could not be ended");
        }
    }

    fn ended_by(&self, status: ExitStatus) -> Unreadable {
        use std::os::unix::process::ExitStatusExt;
        let Limits { memory, cpu, .. } = self.limits;
        Unreadable::Never(match status.signal() {
            // SIGXCPU, and SIGKILL a second later.
            Some(24 | 9) => format!("decoding it took more than {} s of computing", cpu.as_secs()),
            // What an allocation that fails ends in.
            Some(6) => format!("decoding it takes more memory than the {} MB that a decoder may use", memory >> 20),
            Some(_) | None => format!("its decoder failed ({status})"),
        })
    }
}

/// What of a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Header,
    Samples,
    Counts,
}

/// A child that refuses does not read to the end, which is no fault of ours.
async fn feed(mut input: ChildStdin, bytes: Bytes<'_>) {
    for part in [bytes.sidecar.unwrap_or_default(), bytes.file] {
        if input.write_all(part).await.is_err() {
            return;
        }
    }
}

enum Said {
    Picture(Picture),
    Thermogram(Frame),
    Refused(Unreadable),
}

fn mistaken() -> Failure {
    Failure::Unreadable(Unreadable::Never("its decoder answers what it was not asked".to_owned()))
}

/// What the child says. `Err`: what it says cannot be.
async fn answer(output: ChildStdout, keep: Keep) -> Result<Said, String> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    (&mut output).take(HEADER_LIMIT).read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
    let nonsense = |what: &str| format!("its decoder answers {what}");
    let answer = serde_json::from_slice(&line).map_err(|_| nonsense("something else than a header"))?;
    let size = match &answer {
        Answer::Refused(why) => return Ok(Said::Refused(why.clone())),
        Answer::Picture(header) => header.samples_size(),
        Answer::Thermogram(imager) => imager.pixels().map(|pixels| 2 * pixels as u64),
    };
    let size = size.ok_or_else(|| nonsense("a header beyond all limits"))?;
    let mut samples = Vec::new();
    let mut rest = (&mut output).take(size);
    let came = match keep {
        Keep::Header => tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await,
        Keep::Samples | Keep::Counts => rest.read_to_end(&mut samples).await.map(|count| count as u64),
    };
    if came.map_err(|error| error.to_string())? != size {
        return Err(nonsense("fewer samples than it announced"));
    }
    match (output.read_u8().await, answer) {
        (_, Answer::Refused(why)) => Ok(Said::Refused(why)),
        (Ok(_), Answer::Picture(_) | Answer::Thermogram(_)) => Err(nonsense("more samples than it announced")),
        (Err(_), Answer::Picture(header)) => Ok(Said::Picture(Picture { header, samples })),
        (Err(_), Answer::Thermogram(imager)) => {
            let counts = samples.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            Ok(Said::Thermogram(Frame { imager, counts }))
        }
    }
}

/// A reason fit for a record: the file's own text may be in it.
fn short(why: Unreadable) -> Unreadable {
    let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(REASON_LIMIT).collect();
    match why {
        Unreadable::Incomplete(reason) => Unreadable::Incomplete(cut(reason)),
        Unreadable::Never(reason) => Unreadable::Never(cut(reason)),
    }
}

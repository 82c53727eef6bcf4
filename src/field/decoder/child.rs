//! The child's side: give everything up, read, decode, tell.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::field::folder::FILE_LIMIT;
use crate::field::picture::{Decoded, Picture, Unreadable, decode};
use crate::field::thermogram;
use crate::thermal::{Frame, Imager};

/// Exit status of a child that could not limit itself, and therefore read nothing.
pub const NOT_CONFINED: u8 = 3;
/// Longest sidecar.
const SIDECAR_LIMIT: u64 = 64 << 10;

/// The line before the samples.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A picture, whose samples follow.
    Picture(Decoded),
    /// A thermal imager's, whose counts follow, two bytes each, the low one first.
    Thermogram(Imager),
    /// None, and why.
    Refused(Unreadable),
}

/// What the file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The picture that it shows, with what `sidecar_bytes` of sidecar say of a file of samples alone.
    Picture {
        /// Bytes of sidecar before the file.
        sidecar_bytes: u64,
    },
    /// The counts of a thermal imager.
    Thermogram,
}

/// Takes from this process what decoding does not need, for good: `memory` bytes of address space and `cpu` seconds
/// are left, and nothing new can be opened, connected, written to disk or started.
///
/// # Errors
/// When the kernel refuses; then nothing foreign may be read.
pub fn confine(memory: u64, cpu: u64) -> io::Result<()> {
    let set = |resource, soft, hard| setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    set(Resource::As, memory, memory)?;
    // A signal at the first limit, the end at the second.
    set(Resource::Cpu, cpu, cpu + 1)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Nproc, 0, 0)?;
    rustix::thread::set_no_new_privs(true)?;
    // Last: every number below the limit stays usable, and none is given out any more, for files and sockets alike.
    set(Resource::Nofile, 0, 0)?;
    Ok(())
}

/// Reads a file from `input` and tells `output` what it is. True for what could be read.
///
/// # Errors
/// When one of the pipes fails.
pub fn serve(reading: Reading, mut input: impl Read, mut output: impl Write) -> io::Result<bool> {
    let sidecar_bytes = match reading {
        Reading::Picture { sidecar_bytes } => sidecar_bytes,
        Reading::Thermogram => 0,
    };
    let (answer, samples) = match receive(sidecar_bytes, &mut input) {
        Ok(Ok((sidecar, file))) => match reading {
            Reading::Picture { .. } => picture(decode(&file, (sidecar_bytes > 0).then_some(&sidecar))),
            Reading::Thermogram => frame(thermogram::read(&file)),
        },
        Ok(Err(refused)) => (Answer::Refused(refused), Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            let why = "decoding it takes more memory than a decoder may use".to_owned();
            (Answer::Refused(Unreadable::Never(why)), Vec::new())
        }
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.write_all(&samples)?;
    output.flush()?;
    Ok(!matches!(answer, Answer::Refused(_)))
}

fn picture(read: Result<Picture, Unreadable>) -> (Answer, Vec<u8>) {
    match read {
        Ok(Picture { header, samples }) => (Answer::Picture(header), samples),
        Err(why) => (Answer::Refused(why), Vec::new()),
    }
}

fn frame(read: Result<Frame, Unreadable>) -> (Answer, Vec<u8>) {
    match read {
        Ok(Frame { imager, counts }) => {
            (Answer::Thermogram(imager), counts.iter().flat_map(|count| count.to_le_bytes()).collect())
        }
        Err(why) => (Answer::Refused(why), Vec::new()),
    }
}

type Received = Result<(Vec<u8>, Vec<u8>), Unreadable>;

fn receive(sidecar_bytes: u64, input: &mut impl Read) -> io::Result<Received> {
    if sidecar_bytes > SIDECAR_LIMIT {
        let reason = format!("its sidecar has {sidecar_bytes} bytes, more than {SIDECAR_LIMIT}");
        return Ok(Err(Unreadable::Never(reason)));
    }
    let (mut sidecar, mut file) = (Vec::new(), Vec::new());
    input.take(sidecar_bytes).read_to_end(&mut sidecar)?;
    input.take(FILE_LIMIT + 1).read_to_end(&mut file)?;
    if file.len() as u64 > FILE_LIMIT {
        return Ok(Err(Unreadable::Never(format!("it has more than {FILE_LIMIT} bytes"))));
    }
    Ok(Ok((sidecar, file)))
}

//! The child's side: give everything up, read, decode, tell.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::field::folder::FILE_LIMIT;
use crate::field::picture::{Decoded, Picture, Unreadable, decode};

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
    /// None, and why.
    Refused(Unreadable),
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

/// Reads `sidecar_bytes` of sidecar and then the file from `input`, and tells `output` what it is. True for a picture.
///
/// # Errors
/// When one of the pipes fails.
pub fn serve(sidecar_bytes: u64, mut input: impl Read, mut output: impl Write) -> io::Result<bool> {
    let picture = match receive(sidecar_bytes, &mut input) {
        Ok(Ok((sidecar, file))) => decode(&file, (sidecar_bytes > 0).then_some(&sidecar)),
        Ok(Err(refused)) => Err(refused),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            Err(Unreadable::Never("decoding it takes more memory than a decoder may use".to_owned()))
        }
        Err(error) => return Err(error),
    };
    let (answer, samples) = match picture {
        Ok(Picture { header, samples }) => (Answer::Picture(header), samples),
        Err(why) => (Answer::Refused(why), Vec::new()),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.write_all(&samples)?;
    output.flush()?;
    Ok(matches!(answer, Answer::Picture(_)))
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

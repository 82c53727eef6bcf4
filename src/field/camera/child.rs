//! The process that watches one camera. It may hang, crash, leak or talk nonsense; whatever becomes of it, it ends with
//! this value, and with the daemon.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use portside_devices::camera::{Message, Parsed, WireError, parse};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::CameraSpec;
use super::words::Words;
use crate::clock::Clock;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// A running process.
pub(super) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
    out: ChildStdout,
    /// What was read and not yet taken: part of one message, or some.
    held: BytesMut,
}

/// Why there is no next message.
#[derive(Debug)]
pub(super) enum Silenced {
    /// It closed its output; as a rule because it ended.
    Closed,
    /// It wrote something that is no message.
    Nonsense(WireError),
    /// The pipe failed.
    Pipe(io::Error),
}

impl Child {
    /// Starts `program` on the camera of `spec`. Its standard input is empty, its standard error goes to the log.
    pub(super) fn start(program: &Path, spec: &CameraSpec, clock: Clock) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("watch")
            .arg(&*spec.source)
            .args(["--every", &format!("{}ms", spec.every.as_millis())])
            .args(["--memory", &(spec.limits.memory >> 20).to_string()])
            // The process asks the kernel to end it with this one; a group of its own is what this one can end.
            .args(["--with-parent", &std::process::id().to_string()])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(path) = &spec.credentials {
            command.arg("--credentials").arg(path);
        }
        let mut process = command.spawn()?;
        let missing = || io::Error::other("a pipe of the process is missing");
        let (out, err) = (process.stdout.take().ok_or_else(missing)?, process.stderr.take().ok_or_else(missing)?);
        tokio::spawn(listen(err, spec.id.clone(), clock));
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { process, group, out, held: BytesMut::new() })
    }

    /// The next message. Nothing is lost when the wait for it is given up.
    pub(super) async fn next(&mut self) -> Result<Message, Silenced> {
        loop {
            match parse(&self.held).map_err(Silenced::Nonsense)? {
                Parsed::Message(message, taken) => {
                    self.held.advance(taken);
                    return Ok(message);
                }
                Parsed::Needs(needed) => self.held.reserve((needed - self.held.len()).min(CHUNK)),
            }
            match self.out.read_buf(&mut self.held).await {
                Ok(0) => return Err(Silenced::Closed),
                Ok(_) => {}
                Err(error) => return Err(Silenced::Pipe(error)),
            }
        }
    }

    /// Memory that it holds at this moment, bytes; `None` once it has ended.
    pub(super) async fn memory(&self) -> Option<u64> {
        let status = tokio::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).await.ok()?;
        resident(&status)
    }

    /// Ends it and waits until it has: a process that the kernel cannot end is not joined by a second one.
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.process.wait().await
    }

    fn kill(&self) {
        // Until it has been waited for, its number is nobody else's. An error says that nobody is left.
        if let Some(group) = self.group.filter(|_| self.process.id().is_some()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

async fn listen(mut err: ChildStderr, camera: Arc<str>, clock: Clock) {
    let (mut words, mut chunk) = (Words::default(), [0; 4096]);
    while let Ok(count @ 1..) = err.read(&mut chunk).await {
        for line in words.take(&chunk[..count], clock.moment()) {
            tracing::warn!(%camera, line, "vision");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_off_the_kernels_own_words() {
        assert_eq!(resident("Name:\tx\nVmHWM:\t   20 kB\nVmRSS:\t   94756 kB\nThreads:\t4\n"), Some(94_756 << 10));
        assert_eq!(resident("Name:\tx\nState:\tZ (zombie)\n"), None);
    }
}

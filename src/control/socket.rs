//! The control socket: a Unix socket on which `portside verdict`, `status`, `journal` and their like reach the daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::call::{Call, Reply};

/// Longest request line.
const LINE_LIMIT: u64 = 64 << 10;
/// A caller that says nothing for this long is let go.
const IDLE: Duration = Duration::from_secs(60);
/// Callers served at once; the next one waits.
const CALLERS: usize = 32;

/// A call with the way back to its caller.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub call: Call,
    /// Unix user id of the caller.
    pub uid: u32,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Reply>,
}

/// The bound socket; the file is removed when it is dropped.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Binds `path` with mode 0660, in place of a socket that nobody listens on any more.
    ///
    /// # Errors
    /// When a daemon already listens there, or the folder refuses.
    pub fn bind(path: &Path) -> std::io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::AddrInUse,
                format!("a daemon already listens on {}", path.display()),
            ));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves callers until cancelled; each call goes to `calls`.
    pub async fn serve(self, calls: mpsc::Sender<Asked>, stop: CancellationToken) {
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CALLERS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let calls = calls.clone();
                    let stop = stop.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            served = serve_caller(stream, calls) => if let Err(error) = served {
                                tracing::debug!(%error, "a caller of the control socket left");
                            }
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept a caller");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve_caller(stream: UnixStream, calls: mpsc::Sender<Asked>) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut lines).take(LINE_LIMIT);
        let got = tokio::time::timeout(IDLE, limited.read_until(b'\n', &mut line)).await;
        if !matches!(got, Ok(Ok(1..))) {
            return Ok(());
        }
        let reply = if line.ends_with(b"\n") {
            answer(&line, uid, &calls).await
        } else {
            Reply::Failed { message: format!("the request is longer than {LINE_LIMIT} bytes or breaks off") }
        };
        let mut bytes = serde_json::to_vec(&reply).unwrap_or_default();
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
    }
}

async fn answer(line: &[u8], uid: u32, calls: &mpsc::Sender<Asked>) -> Reply {
    let call = match serde_json::from_slice::<Call>(line) {
        Ok(call) => call,
        Err(error) => return Reply::Failed { message: format!("the request cannot be read: {error}") },
    };
    let (answer, answered) = oneshot::channel();
    if calls.send(Asked { call, uid, answer }).await.is_err() {
        return Reply::Failed { message: "the daemon is stopping; nothing was done".to_owned() };
    }
    answered.await.unwrap_or_else(|_| Reply::Failed {
        message: "the daemon stopped before it answered; look at the journal whether it was recorded".to_owned(),
    })
}

/// Asks the daemon behind `path` one thing.
///
/// # Errors
/// When nobody listens there, or the daemon went away before it answered.
pub async fn ask(path: &Path, call: &Call) -> std::io::Result<Reply> {
    let mut stream = UnixStream::connect(path).await?;
    let mut bytes = serde_json::to_vec(call)?;
    bytes.push(b'\n');
    stream.write_all(&bytes).await?;
    let mut line = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn door() -> (tempfile::TempDir, PathBuf, mpsc::Receiver<Asked>, CancellationToken) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let (calls, asked) = mpsc::channel(4);
        let stop = CancellationToken::new();
        tokio::spawn(Door::bind(&path).unwrap().serve(calls, stop.clone()));
        (dir, path, asked, stop)
    }

    #[tokio::test]
    async fn a_call_reaches_the_daemon_with_the_callers_user_and_the_answer_comes_back() {
        let (_dir, path, mut asked, _stop) = door().await;
        let caller = tokio::spawn(async move { ask(&path, &Call::Recent { stream: None, limit: 3 }).await.unwrap() });
        let got = asked.recv().await.unwrap();
        assert!(matches!(got.call, Call::Recent { limit: 3, .. }));
        assert_eq!(got.uid, rustix::process::getuid().as_raw());
        got.answer.send(Reply::Records { records: vec!["{}".into()] }).unwrap();
        assert!(matches!(caller.await.unwrap(), Reply::Records { records } if records == ["{}"]));
    }

    #[tokio::test]
    async fn garbage_gets_a_sentence_and_the_next_caller_is_served() {
        let (_dir, path, mut asked, _stop) = door().await;
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(b"\xff\xfe nonsense\n").await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        assert!(line.contains("cannot be read"), "{line}");
        tokio::spawn(async move { asked.recv().await.unwrap().answer.send(Reply::Done { message: "yes".into() }) });
        assert!(matches!(ask(&path, &Call::Status).await.unwrap(), Reply::Done { .. }));
    }

    #[tokio::test]
    async fn the_socket_is_for_owner_and_group_alone_and_a_second_daemon_is_refused() {
        let (_dir, path, _asked, _stop) = door().await;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert!(Door::bind(&path).is_err());
    }

    #[tokio::test]
    async fn a_socket_left_by_a_killed_daemon_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        assert!(Door::bind(&path).is_ok());
    }
}

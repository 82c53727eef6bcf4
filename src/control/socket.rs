//! The control socket: a Unix socket on which `portside verdict`, `status`, `journal` and their like reach the daemon.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::call::{self, Call, Reply};
use crate::lane::Act;

/// Longest request line.
const LINE_LIMIT: u64 = 64 << 10;
/// A caller that says nothing for this long, or takes none of its answer, is let go.
const SILENCE: Duration = Duration::from_secs(5);
/// The same while many callers are at the door: who comes to stop the arm says so at once.
const SILENCE_IN_A_CROWD: Duration = Duration::from_millis(250);
/// So many callers are no crowd.
const CROWD: usize = 64;
/// Callers at the door at once; the next one is sent away.
const CALLERS: usize = 256;
/// Callers at once whose answer needs the journal alone: each may hold a whole answer in memory.
const READERS: usize = 16;
/// Callers at once who wait for what they did to be on disk.
const ACTORS: usize = 32;
/// Callers at once who look at the lane.
const LOOKERS: usize = 16;
/// An answer is written in parts of this size, each in its own time.
const PART: usize = 64 << 10;

/// A call with the way back to its caller.
#[derive(Debug)]
pub struct Asked {
    /// What is asked.
    pub call: Call,
    /// Through which door it came.
    pub caller: Caller,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Reply>,
}

/// Through which door somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The control socket, as this Unix user.
    Shell(u32),
    /// A screen, where the person has logged in.
    Screen,
}

impl Caller {
    /// The Unix user, for the record.
    pub const fn uid(self) -> Option<u32> {
        match self {
            Self::Shell(uid) => Some(uid),
            Self::Screen => None,
        }
    }
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

    /// Serves callers until `token` is cancelled. A stop goes to `stops`, and waits neither for a place nor behind any
    /// other call; every other call goes to `calls`.
    pub async fn serve(self, calls: mpsc::Sender<Asked>, stops: mpsc::Sender<Asked>, token: CancellationToken) {
        let hall = Arc::new(Hall::new(calls, stops));
        loop {
            let accepted = tokio::select! {
                () = token.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => hall.receive(stream, token.clone()),
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

/// Who may be here at once, and where calls go.
struct Hall {
    calls: mpsc::Sender<Asked>,
    stops: mpsc::Sender<Asked>,
    callers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    actors: Arc<Semaphore>,
    lookers: Arc<Semaphore>,
}

impl Hall {
    fn new(calls: mpsc::Sender<Asked>, stops: mpsc::Sender<Asked>) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        let (callers, readers, actors, lookers) = (places(CALLERS), places(READERS), places(ACTORS), places(LOOKERS));
        Self { calls, stops, callers, readers, actors, lookers }
    }

    fn receive(self: &Arc<Self>, stream: UnixStream, token: CancellationToken) {
        let Ok(place) = self.callers.clone().try_acquire_owned() else {
            // A line into an empty socket never waits; a caller who is gone already needs none.
            let _ = stream.try_write(&line(&busy("too many callers are at the control socket")));
            return;
        };
        let hall = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                served = hall.serve(stream) => if let Err(error) = served {
                    tracing::debug!(%error, "a caller of the control socket left");
                }
            }
            drop(place);
        });
    }

    async fn serve(&self, stream: UnixStream) -> std::io::Result<()> {
        let caller = Caller::Shell(stream.peer_cred()?.uid());
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        loop {
            let mut said = Vec::new();
            let mut limited = (&mut lines).take(LINE_LIMIT);
            let got = tokio::time::timeout(self.patience(), limited.read_until(b'\n', &mut said)).await;
            if !matches!(got, Ok(Ok(1..))) {
                return Ok(());
            }
            let (reply, _place) = if said.ends_with(b"\n") {
                self.answer(&said, caller).await
            } else {
                let message = format!("the request is longer than {LINE_LIMIT} bytes or breaks off");
                (Reply::Failed { message }, None)
            };
            for part in line(&reply).chunks(PART) {
                tokio::time::timeout(SILENCE, write.write_all(part)).await??;
            }
        }
    }

    fn patience(&self) -> Duration {
        if CALLERS - self.callers.available_permits() > CROWD { SILENCE_IN_A_CROWD } else { SILENCE }
    }

    /// The answer, and the place that its caller keeps until it is written.
    async fn answer(&self, said: &[u8], caller: Caller) -> (Reply, Option<OwnedSemaphorePermit>) {
        let call = match serde_json::from_slice::<Call>(said) {
            Ok(call) => call,
            Err(error) => return (Reply::Failed { message: format!("the request cannot be read: {error}") }, None),
        };
        if let Call::Act { officer, act: Act::Stop } = call {
            let stop = Call::Act { officer: call::legible(&officer), act: Act::Stop };
            return (pass(&self.stops, stop, caller).await, None);
        }
        if let Err(message) = call::readable(&call) {
            return (Reply::Refused { code: call::UNREADABLE.to_owned(), message }, None);
        }
        match self.place(&call) {
            Ok(place) => (pass(&self.calls, call, caller).await, Some(place)),
            Err(what) => (busy(what), None),
        }
    }

    fn place(&self, call: &Call) -> Result<OwnedSemaphorePermit, &'static str> {
        let (places, what) = match call {
            call if call::reads(call) => (&self.readers, "too many callers read the journal"),
            Call::Act { .. } | Call::WritePoint { .. } | Call::User { .. } => {
                (&self.actors, "too many callers wait for their acts to be on disk")
            }
            Call::Status
            | Call::Points { .. }
            | Call::Records { .. }
            | Call::Inspection { .. }
            | Call::Recent { .. }
            | Call::Verify => (&self.lookers, "too many callers look at the lane"),
        };
        places.clone().try_acquire_owned().map_err(|_| what)
    }
}

fn busy(what: &str) -> Reply {
    Reply::Failed { message: format!("{what}; nothing was done, try again in a few seconds") }
}

fn line(reply: &Reply) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(reply).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Asks the control task over `way`, and waits for its answer.
pub async fn pass(way: &mpsc::Sender<Asked>, call: Call, caller: Caller) -> Reply {
    let (answer, answered) = oneshot::channel();
    if way.send(Asked { call, caller, answer }).await.is_err() {
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
    use crate::lane::Officer;

    struct Site {
        path: PathBuf,
        asked: mpsc::Receiver<Asked>,
        stops: mpsc::Receiver<Asked>,
        _dir: tempfile::TempDir,
    }

    fn door() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let (calls, asked) = mpsc::channel(64);
        let (stops_out, stops) = mpsc::channel(4);
        tokio::spawn(Door::bind(&path).unwrap().serve(calls, stops_out, CancellationToken::new()));
        Site { path, asked, stops, _dir: dir }
    }

    fn call(agency: &str, act: Act) -> Call {
        Call::Act { officer: Officer { agency: agency.into(), name: "7".into() }, act }
    }

    /// A caller that asks and does not wait.
    async fn says(path: &Path, call: &Call) -> UnixStream {
        let mut stream = UnixStream::connect(path).await.unwrap();
        let mut bytes = serde_json::to_vec(call).unwrap();
        bytes.push(b'\n');
        stream.write_all(&bytes).await.unwrap();
        stream
    }

    async fn stopped(path: PathBuf, stops: &mut mpsc::Receiver<Asked>) {
        let caller = tokio::spawn(async move { ask(&path, &call("customs", Act::Stop)).await.unwrap() });
        let asked = stops.recv().await.unwrap();
        assert!(matches!(asked.call, Call::Act { act: Act::Stop, .. }));
        asked.answer.send(Reply::Done { message: "stop ordered".into() }).unwrap();
        assert!(matches!(caller.await.unwrap(), Reply::Done { .. }));
    }

    #[tokio::test]
    async fn callers_who_say_nothing_keep_nobody_from_stopping_the_arm() {
        let mut site = door();
        let mut silent = Vec::new();
        for _ in 0..CALLERS - 1 {
            silent.push(UnixStream::connect(&site.path).await.unwrap());
        }
        stopped(site.path, &mut site.stops).await;
    }

    #[tokio::test]
    async fn a_stop_passes_callers_who_wait_for_the_disk_and_one_more_of_those_is_told_so() {
        let mut site = door();
        let (mut waiting, mut unanswered) = (Vec::new(), Vec::new());
        for _ in 0..ACTORS {
            waiting.push(says(&site.path, &call("customs", Act::Resume)).await);
            unanswered.push(site.asked.recv().await.unwrap());
        }
        let refused = ask(&site.path, &call("customs", Act::Resume)).await.unwrap();
        assert!(matches!(&refused, Reply::Failed { message } if message.contains("nothing was done")), "{refused:?}");
        let reading = says(&site.path, &Call::Verify).await;
        assert!(matches!(site.asked.recv().await.unwrap().call, Call::Verify), "acts take no reader's place");
        stopped(site.path, &mut site.stops).await;
        drop((waiting, unanswered, reading));
    }

    #[tokio::test]
    async fn a_caller_beyond_the_bound_is_sent_away_with_a_sentence_and_a_silent_one_is_let_go() {
        let site = door();
        let mut silent = Vec::new();
        for _ in 0..CALLERS {
            silent.push(UnixStream::connect(&site.path).await.unwrap());
        }
        let mut told = String::new();
        UnixStream::connect(&site.path).await.unwrap().read_to_string(&mut told).await.unwrap();
        assert!(told.contains("too many callers"), "{told}");
        for mut one in silent {
            assert_eq!(one.read(&mut [0; 1]).await.unwrap(), 0, "let go without a word");
        }
    }

    #[tokio::test]
    async fn text_that_no_record_can_bear_is_refused_and_a_stop_is_passed_on_with_the_text_made_legible() {
        let mut site = door();
        let reply = ask(&site.path, &call("customs\n", Act::Resume)).await.unwrap();
        assert!(matches!(&reply, Reply::Refused { code, .. } if code == "unreadable_text"), "{reply:?}");
        let _caller = says(&site.path, &call("cus\ntoms", Act::Stop)).await;
        let Call::Act { officer, .. } = site.stops.recv().await.unwrap().call else { panic!("no act") };
        assert_eq!(&*officer.agency, "cus\u{fffd}toms");
    }

    #[tokio::test]
    async fn a_call_reaches_the_daemon_with_the_callers_user_and_the_answer_comes_back() {
        let Site { path, mut asked, _dir, .. } = door();
        let caller = tokio::spawn(async move { ask(&path, &Call::Recent { stream: None, limit: 3 }).await.unwrap() });
        let got = asked.recv().await.unwrap();
        assert!(matches!(got.call, Call::Recent { limit: 3, .. }));
        assert_eq!(got.caller, Caller::Shell(rustix::process::getuid().as_raw()));
        got.answer.send(Reply::Records { records: vec!["{}".into()] }).unwrap();
        assert!(matches!(caller.await.unwrap(), Reply::Records { records } if records == ["{}"]));
    }

    #[tokio::test]
    async fn garbage_gets_a_sentence_and_the_next_caller_is_served() {
        let Site { path, mut asked, _dir, .. } = door();
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
        let Site { path, _dir, .. } = door();
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

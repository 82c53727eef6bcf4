//! The link to an X-ray detector that sends its lines over TCP. The detector listens, the lane connects.
//!
//! ```text
//!            ┌────────────► Waiting ──time is up──► connect ──► bytes ──Splitter──► Heard … ──► whoever makes images
//!            └─ cut, dead, refused ◄────────────────────┘           └─ silence ──► Silence
//! ```
//! A line is handed on as soon as its bytes are there, and never dropped here: where the receiver is slow, TCP holds the
//! detector back, and the gap in its counter shows what it threw away. What the detector is, how fast it sends and how
//! often it was not understood are told as health and readings of its device.

mod health;

use std::sync::Arc;
use std::time::Duration;

use portside_devices::lines::{Detector, Frame, FrameKind, Idle, Splitter, Unwrapped};
use portside_devices::moment::Moment;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::health::Health;
use super::medium::{self, Medium, Stream};
use super::{FieldEvent, LinkState, LinkStats};
use crate::clock::Clock;
use crate::image::RawLine;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// The task turns at least this often, whatever the detector does.
const TURN: Duration = Duration::from_millis(250);
/// Pause before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A connection on which a detector that always sends has said nothing for so long is left.
const DEAD: Duration = Duration::from_secs(5);
/// The kernel asks this long after the last byte whether the other end is still there, three times.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// One detector.
#[derive(Clone, Debug)]
pub struct LinesSpec {
    /// Its id in the lane file.
    pub id: Arc<str>,
    /// The number by which events call it.
    pub index: usize,
    /// Where it listens.
    pub medium: Medium,
    /// How its lines are framed.
    pub detector: Arc<Detector>,
}

/// One line as the detector said it; its counter goes on where the detector's own begins again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it shows.
    pub kind: FrameKind,
    /// The line.
    pub line: RawLine,
}

/// What the link tells whoever makes images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinesEvent {
    /// Lines came.
    Lines {
        /// When.
        at: Moment,
        /// At least one.
        lines: Vec<Heard>,
    },
    /// No line came for as long as the profile says, or the connection ended: what is growing grows no more. Told once.
    Silence,
    /// A connection begins: what its first lines are the profile says.
    Begun,
    /// Whether the detector can be reached.
    Link {
        /// It can.
        up: bool,
    },
}

/// The handle of a running link.
#[derive(Debug)]
pub struct LinesHandle {
    name: Arc<str>,
    stats: Arc<LinkStats>,
    task: JoinHandle<()>,
}

impl LinesHandle {
    /// Where it leads.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its counters.
    pub const fn stats(&self) -> &Arc<LinkStats> {
        &self.stats
    }

    /// Waits until it has ended after its cancellation.
    pub async fn ended(self) {
        // A panic of the task is in the log already; ended is ended.
        let _ = self.task.await;
    }
}

/// Starts the link's task. It lives until `stop`, through every failure of the link, and waits for `lines` when it is full.
pub fn listen(
    spec: LinesSpec,
    clock: Clock,
    lines: mpsc::Sender<LinesEvent>,
    events: mpsc::Sender<FieldEvent>,
    stop: CancellationToken,
) -> LinesHandle {
    let (name, stats): (Arc<str>, _) = (spec.medium.to_string().into(), Arc::new(LinkStats::default()));
    let health = Health::new(spec.index, events, clock);
    let link = Link { spec, clock, lines, health, stats: stats.clone() };
    let task = tokio::spawn(async move {
        // The receiver ends with the run, and then there is nothing left to do here either.
        let _ = stop.run_until_cancelled(link.run()).await;
    });
    LinesHandle { name, stats, task }
}

struct Link {
    spec: LinesSpec,
    clock: Clock,
    lines: mpsc::Sender<LinesEvent>,
    health: Health,
    stats: Arc<LinkStats>,
}

/// Why a connection is not gone on with.
enum End {
    /// It is of no use: the reason is for the technician.
    Lost(String),
    /// Nobody wants the lines any more.
    Unwanted,
}

/// One connection.
struct Connection {
    stream: Stream,
    splitter: Splitter,
    count: Unwrapped,
    buffer: Box<[u8]>,
    /// When the last line came, or the connection began.
    heard: Moment,
    /// Since then nothing that grows was told to be over.
    silent: bool,
    lines: u64,
}

impl Link {
    async fn run(mut self) {
        let mut pause = PAUSE;
        loop {
            let (reason, lines) = match self.connection().await {
                (End::Unwanted, _) => return,
                (End::Lost(reason), lines) => (reason, lines),
            };
            self.stats.connected(false);
            tracing::warn!(device = %self.spec.id, reason, "the link to a detector is down");
            self.health.link(&LinkState::Down { reason: reason.into() });
            if self.tell(LinesEvent::Link { up: false }).await.is_err() {
                return;
            }
            pause = if lines > 0 { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
            self.wait(pause).await;
        }
    }

    /// Waits in turns, so that a link that waits is not taken for one that hangs.
    async fn wait(&mut self, pause: Duration) {
        let until = self.clock.moment() + pause;
        while self.clock.moment() < until {
            self.stats.beat();
            tokio::time::sleep(TURN.min(self.clock.until(until))).await;
        }
    }

    async fn tell(&self, event: LinesEvent) -> Result<(), End> {
        self.lines.send(event).await.map_err(|_| End::Unwanted)
    }

    /// One connection from its beginning to its end, and how many lines it brought.
    async fn connection(&mut self) -> (End, u64) {
        self.stats.beat();
        let stream = match medium::open(&self.spec.medium, CONNECT).await {
            Ok(stream) => stream,
            Err(reason) => return (End::Lost(reason), 0),
        };
        keep_alive(&stream);
        self.stats.connected(true);
        let mut open = Connection {
            stream,
            splitter: Splitter::default(),
            count: Unwrapped::new(self.spec.detector.counter.wraps),
            buffer: vec![0; CHUNK].into(),
            heard: self.clock.moment(),
            silent: false,
            lines: 0,
        };
        let end = match self.serve(&mut open).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        // What waits in the splitter without its guard is a line all the same.
        let rest = self.rest(&mut open).await;
        let told = if open.silent { Ok(()) } else { self.tell(LinesEvent::Silence).await };
        match (rest, told) {
            (Ok(()), Ok(())) => (end, open.lines),
            (Err(end), _) | (_, Err(end)) => (end, open.lines),
        }
    }

    async fn serve(&mut self, open: &mut Connection) -> Result<std::convert::Infallible, End> {
        self.tell(LinesEvent::Begun).await?;
        if self.spec.detector.idle == Idle::Nothing {
            self.up().await?;
        }
        let turn = TURN.min(self.spec.detector.silence);
        loop {
            self.stats.beat();
            match tokio::time::timeout(turn, open.stream.read(&mut open.buffer)).await {
                Ok(Ok(count)) => self.came(open, count).await?,
                Ok(Err(error)) => return Err(End::Lost(format!("{} ended the connection: {error}", self.spec.medium))),
                Err(_) => {}
            }
            self.silence(open).await?;
            self.health.round(open.splitter.tally());
        }
    }

    async fn up(&mut self) -> Result<(), End> {
        if self.health.link(&LinkState::Up) {
            tracing::info!(device = %self.spec.id, at = %self.spec.medium, "the detector sends");
            self.tell(LinesEvent::Link { up: true }).await?;
        }
        Ok(())
    }

    async fn came(&mut self, open: &mut Connection, count: usize) -> Result<(), End> {
        let Connection { splitter, buffer, count: unwrapped, .. } = open;
        let mut lines = Vec::new();
        splitter.push(&self.spec.detector, &buffer[..count], |frame| lines.push(heard(frame, unwrapped)));
        self.hand_on(open, lines).await
    }

    async fn hand_on(&mut self, open: &mut Connection, lines: Vec<Heard>) -> Result<(), End> {
        if lines.is_empty() {
            return Ok(());
        }
        let at = self.clock.moment();
        (open.heard, open.silent) = (at, false);
        open.lines += lines.len() as u64;
        self.health.lines(lines.iter().filter(|heard| heard.line.view == 0).count());
        self.up().await?;
        self.tell(LinesEvent::Lines { at, lines }).await
    }

    /// Nothing more will come of what is begun.
    async fn rest(&mut self, open: &mut Connection) -> Result<(), End> {
        let (splitter, unwrapped) = (&mut open.splitter, &mut open.count);
        let mut lines = Vec::new();
        splitter.quiet(&self.spec.detector, |frame| lines.push(heard(frame, unwrapped)));
        self.hand_on(open, lines).await
    }

    async fn silence(&mut self, open: &mut Connection) -> Result<(), End> {
        let quiet = self.clock.moment().since(open.heard);
        if quiet < self.spec.detector.silence {
            return Ok(());
        }
        if !open.silent {
            self.rest(open).await?;
            open.silent = true;
            self.tell(LinesEvent::Silence).await?;
        }
        if self.spec.detector.idle == Idle::Lines {
            let reason = self.why_nothing(open);
            if quiet > DEAD {
                return Err(End::Lost(reason));
            }
            if self.health.link(&LinkState::Down { reason: reason.into() }) {
                self.tell(LinesEvent::Link { up: false }).await?;
            }
        }
        Ok(())
    }

    fn why_nothing(&self, open: &Connection) -> String {
        let (at, tally) = (&self.spec.medium, open.splitter.tally());
        match (open.lines, tally.skipped, tally.last) {
            (0, 1.., Some(why)) => {
                format!("{at} sends bytes that are no lines of the profile: {why}; look at its [lines]")
            }
            (0, 1.., None) => {
                format!("{at} sends bytes among which `sync` of the profile is nowhere: is it the right model?")
            }
            (_, _, _) => format!("{at} holds the connection and sends no lines: does the detector run?"),
        }
    }
}

fn heard(frame: Frame, count: &mut Unwrapped) -> Heard {
    let Frame { kind, counter, view, samples } = frame;
    Heard { kind, line: RawLine { counter: count.next(counter), view, samples } }
}

/// A detector that is silent by nature shows by this alone that its plug was pulled.
fn keep_alive(stream: &Stream) {
    let Stream::Tcp(stream) = stream else { return };
    let often = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(Duration::from_secs(2)).with_retries(3);
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_keepalive(&often) {
        tracing::debug!(%error, "no keep-alive on the link to a detector");
    }
}

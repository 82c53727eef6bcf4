//! Cameras: one process a camera watches it, and one task here watches the process.
//!
//! ```text
//!  camera ⇄ portside-vision ──frames, heartbeats──► keeper ──newest frame, state──► whoever asks
//!                ▲                                    │
//!                └── killed and started again ◄───────┘ silent, too large, talking nonsense, ended
//! ```
//! Nobody waits for a camera. Its frames lie ready; who wants one takes the newest and looks how old it is.

mod child;
mod health;
pub mod program;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portside_devices::camera::{Blemish, Message, Said};
use portside_devices::moment::Moment;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{FieldEvent, LinkState};
use crate::clock::Clock;
use child::{Child, Silenced};
use health::Health;
pub use health::{CameraState, Why};
use words::{plain, without_logins};

/// How often silence and memory are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A frame that is older shows what was.
const FRESH: Duration = Duration::from_secs(2);
/// How much longer than later on a process may be silent before its first word: it loads 250 libraries.
const FIRST_WORD: u32 = 5;
/// Frames that may be missed before the newest counts as old.
const MISSED_MAX: u32 = 3;

/// One camera.
#[derive(Clone, Debug)]
pub struct CameraSpec {
    /// Its id in the lane file.
    pub id: Arc<str>,
    /// The number by which events call it.
    pub index: usize,
    /// `rtsp://…` without a login, `file://…` or `v4l2://…`.
    pub source: Arc<str>,
    /// File with its login, which only the camera's process reads.
    pub credentials: Option<PathBuf>,
    /// How often a frame is taken.
    pub every: Duration,
    /// What its process may do.
    pub limits: Limits,
}

/// What a camera's process may do before it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// It speaks twice a second while it is well.
    pub silence: Duration,
    /// Memory, bytes.
    pub memory: u64,
    /// Pause before the second process; doubled before each further one.
    pub pause: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

impl Default for Limits {
    /// 512 MiB hold a 4K stream and its decoder; a camera of 768×432 takes 95 MB.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(3),
            memory: 512 << 20,
            pause: Duration::from_millis(500),
            pause_max: Duration::from_secs(30),
        }
    }
}

/// One frame, as the camera's process encoded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// JPEG.
    pub jpeg: Vec<u8>,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// Its number since its process began.
    pub sequence: u64,
    /// When it came out of the camera.
    pub made: Moment,
    /// What is wrong with it.
    pub blemish: Blemish,
}

/// The handle of a watched camera.
#[derive(Debug)]
pub struct CameraHandle {
    eye: Eye,
    task: JoinHandle<()>,
}

/// What can be seen of a camera at any time, without waiting.
#[derive(Clone, Debug)]
pub struct Eye {
    id: Arc<str>,
    state: watch::Receiver<CameraState>,
    newest: watch::Receiver<Option<Arc<Frame>>>,
    starts: Arc<AtomicU64>,
}

impl Eye {
    /// The camera's id in the lane file.
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// How it stands.
    pub fn state(&self) -> CameraState {
        self.state.borrow().clone()
    }

    /// Its newest frame, however old.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.newest.borrow().clone()
    }

    /// Processes that were started for it.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Waits for its next change of state; `false` when nobody watches it any more.
    pub async fn changed(&mut self) -> bool {
        self.state.changed().await.is_ok()
    }

    /// An eye whose state and frame a test sets.
    pub fn scripted(id: Arc<str>, state: CameraState, newest: Option<Frame>) -> Self {
        let (_, state) = watch::channel(state);
        let (_, newest) = watch::channel(newest.map(Arc::new));
        Self { id, state, newest, starts: Arc::default() }
    }
}

impl CameraHandle {
    /// What can be seen of it.
    pub const fn eye(&self) -> &Eye {
        &self.eye
    }

    /// Waits until its process is gone, after its cancellation.
    pub async fn ended(self) {
        // A panic of the task is in the log already; ended is ended.
        let _ = self.task.await;
    }
}

/// Says where the program lies that watches cameras, each time anew: it may be installed later. [`program::find`].
pub type Program = Arc<dyn Fn() -> Result<PathBuf, String> + Send + Sync>;

/// Watches one camera until `stop`, through every failure of its process.
///
/// `events` is never waited for.
pub fn watch(
    spec: CameraSpec,
    program: Program,
    clock: Clock,
    events: mpsc::Sender<FieldEvent>,
    stop: CancellationToken,
) -> CameraHandle {
    let (state_out, state) = watch::channel(CameraState::Starting);
    let (newest_out, newest) = watch::channel(None);
    let eye = Eye { id: spec.id.clone(), state, newest, starts: Arc::default() };
    let health = Health::new(FRESH.max(spec.every * MISSED_MAX));
    let starts = eye.starts.clone();
    let keeper =
        Keeper { spec, program, clock, events, state: state_out, newest: newest_out, starts, health, told: None };
    CameraHandle { eye, task: tokio::spawn(keeper.run(stop)) }
}

/// Why a process is replaced.
#[derive(Debug)]
enum End {
    /// There is no program to start.
    Absent(String),
    /// It could not be started, or ended, or had to be ended.
    Gone(String),
    /// The camera is to be watched no more.
    Stopped,
}

struct Keeper {
    spec: CameraSpec,
    program: Program,
    clock: Clock,
    events: mpsc::Sender<FieldEvent>,
    state: watch::Sender<CameraState>,
    newest: watch::Sender<Option<Arc<Frame>>>,
    starts: Arc<AtomicU64>,
    health: Health,
    /// What control knows.
    told: Option<LinkState>,
}

impl Keeper {
    async fn run(mut self, stop: CancellationToken) {
        let mut pause = self.spec.limits.pause;
        loop {
            let begun = self.clock.moment();
            let end = self.run_once(&stop).await;
            // One that held out for longer than the longest pause was not the same trouble again.
            if self.clock.moment().since(begun) > self.spec.limits.pause_max {
                pause = self.spec.limits.pause;
            }
            match end {
                End::Stopped => return,
                End::Absent(reason) => {
                    self.health.absent(reason.into());
                    pause = self.spec.limits.pause_max;
                }
                End::Gone(reason) => {
                    tracing::warn!(camera = %self.spec.id, reason, ?pause, "the camera's process is started again");
                    self.health.lost(reason.into());
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.rest(pause) => {}
            }
            pause = (pause * 2).min(self.spec.limits.pause_max);
        }
    }

    /// Waits, and goes on telling how the camera stands.
    async fn rest(&mut self, pause: Duration) {
        let until = self.clock.moment() + pause;
        loop {
            self.publish();
            match self.clock.until(until) {
                Duration::ZERO => return,
                left => tokio::time::sleep(left.min(LOOK)).await,
            }
        }
    }

    /// One process from its start to its end.
    async fn run_once(&mut self, stop: &CancellationToken) -> End {
        let program = match (self.program)() {
            Ok(program) => program,
            Err(reason) => return End::Absent(reason),
        };
        let mut child = match Child::start(&program, &self.spec, self.clock) {
            Ok(child) => child,
            Err(error) => return End::Gone(format!("{} cannot be started: {error}", program.display())),
        };
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.health.started();
        let why = tokio::select! {
            () = stop.cancelled() => None,
            why = self.attend(&mut child) => Some(why),
        };
        match (why, child.end().await) {
            (None, _) => End::Stopped,
            (Some(Some(why)), _) => End::Gone(why),
            (Some(None), Ok(status)) => End::Gone(format!("its process ended: {status}")),
            (Some(None), Err(error)) => End::Gone(format!("its process ended: {error}")),
        }
    }

    /// Listens to a process until it must be replaced; `None` when it ended by itself.
    async fn attend(&mut self, child: &mut Child) -> Option<String> {
        let Limits { silence, memory: memory_max, .. } = self.spec.limits;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Silence is counted in looks, not read off a clock: while this program itself stands still, nobody is silent.
        let (mut looks, mut allowed) = (0, silence * FIRST_WORD);
        loop {
            self.publish();
            tokio::select! {
                message = child.next() => match message {
                    Ok(message) => {
                        (looks, allowed) = (0, silence);
                        self.take(message, self.clock.moment());
                    }
                    Err(Silenced::Closed) => return None,
                    Err(Silenced::Nonsense(error)) => return Some(error.to_string()),
                    Err(Silenced::Pipe(error)) => return Some(format!("its pipe failed: {error}")),
                },
                _ = look.tick() => {
                    looks += 1;
                    if LOOK * looks > allowed {
                        return Some(format!("its process gave no sign of life for {} ms", allowed.as_millis()));
                    }
                    if let Some(memory) = child.memory().await.filter(|memory| *memory > memory_max) {
                        return Some(format!("its process took {} MiB of memory", memory >> 20));
                    }
                }
            }
        }
    }

    fn take(&mut self, message: Message, now: Moment) {
        let Message { newest, said } = message;
        match said {
            Said::Frame { width, height, jpeg } => {
                // The process reads the same clock; a time that has not come yet is this one.
                let made = self.clock.since_boot(newest.captured).min(now);
                let frame = Frame { jpeg, width, height, sequence: newest.sequence, made, blemish: newest.blemish };
                self.health.frame(made, newest.blemish);
                self.newest.send_replace(Some(Arc::new(frame)));
            }
            Said::Lost { reason } => self.health.lost(without_logins(&plain(&reason)).into()),
            Said::Ended => self.health.lost("its recording is over".into()),
            Said::Heartbeat => {}
            Said::Opened { width, height } => tracing::info!(camera = %self.spec.id, width, height, "camera opened"),
        }
    }

    fn publish(&mut self) {
        let now = self.clock.moment();
        let state = self.health.state(now);
        self.tell(&state, now);
        self.state.send_if_modified(|known| {
            let news = *known != state;
            if news {
                tracing::info!(camera = %self.spec.id, ?state, "camera");
                *known = state;
            }
            news
        });
    }

    /// Tells control as far as there is room; what it could not be told is told again.
    fn tell(&mut self, state: &CameraState, now: Moment) {
        let link = match (state, state.complaint()) {
            (CameraState::Starting, _) => return,
            (_, None) => LinkState::Up,
            (_, Some(reason)) => LinkState::Down { reason },
        };
        if self.told.as_ref() == Some(&link) {
            return;
        }
        let event = FieldEvent::Link { device: self.spec.index, at: now, state: link.clone() };
        if self.events.try_send(event).is_ok() {
            self.told = Some(link);
        }
    }
}

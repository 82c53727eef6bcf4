//! Links: the only code that opens a device link. One task per link; devices on it take turns.
//!
//! ```text
//!            LinkHandle::write            FieldEvent
//!   control ────────────────► link task ─────────────► control
//!                 urgent first   │  ▲
//!                                ▼  │  one request at a time
//!                              device
//! ```
//! Of everything that a link could do next, [`orders`] and [`turn`] choose, and only then is it done:
//! protective writes, ends of pulses, commands, polls, in this order.

mod board;
mod breaker;
pub mod camera;
pub mod decoder;
pub mod folder;
mod later;
mod line;
pub mod lines;
mod link;
pub mod medium;
mod orders;
pub mod picture;
pub mod rtu;
mod seen;
mod stats;
pub mod thermogram;
pub mod touch;
mod turn;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use portside_devices::barrier::PointWrite;
use portside_devices::moment::Moment;
use portside_devices::profile::{PollClass, Profile};
use portside_devices::reading::{Reading, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use board::{Board, Newest};
use medium::Medium;
pub use stats::{LinkFigures, LinkStats};

use crate::clock::Clock;

/// One link and the devices on it.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    /// Its name in logs and in `status`.
    pub name: Arc<str>,
    /// What carries its bytes.
    pub medium: Medium,
    /// The devices on it, each with its own unit id.
    pub devices: Vec<DeviceSpec>,
    /// How long an answer may take. A protective write waits for at most 100 ms of it.
    pub timeout: Duration,
    /// Whether anything may be written.
    pub drive: Drive,
}

/// Whether a link writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// It carries out orders, and brings outputs to rest when it first reaches a device.
    Full,
    /// It only reads: `check --online`, `point watch`.
    WatchOnly,
}

/// One device on a link.
#[derive(Clone, Debug)]
pub struct DeviceSpec {
    /// Its id in the lane file.
    pub id: Arc<str>,
    /// The number by which events and write requests call it.
    pub index: usize,
    /// Modbus unit id.
    pub unit: u8,
    /// What its bytes mean.
    pub profile: Arc<Profile>,
    /// How often each class of its points is polled.
    pub intervals: Intervals,
    /// Names of the points that are reported on every poll, changed or not: whoever waits for one must see silence.
    pub watched: Vec<Arc<str>>,
}

/// How often each class of points is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intervals {
    /// For points of class `fast`.
    pub fast: Duration,
    /// For points of class `normal`.
    pub normal: Duration,
    /// For points of class `slow`.
    pub slow: Duration,
}

impl Intervals {
    /// The interval of `class`.
    pub const fn of(&self, class: PollClass) -> Duration {
        match class {
            PollClass::Fast => self.fast,
            PollClass::Normal => self.normal,
            PollClass::Slow => self.slow,
        }
    }
}

/// What a link tells.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldEvent {
    /// Readings of one answer: every watched point of it, and of the others what has changed.
    Batch {
        /// [`DeviceSpec::index`].
        device: usize,
        /// When the answer was there.
        at: Moment,
        /// At least one.
        readings: Vec<Reading>,
    },
    /// A device began or ceased to answer.
    Link {
        /// [`DeviceSpec::index`].
        device: usize,
        /// When.
        at: Moment,
        /// Which.
        state: LinkState,
    },
    /// A protective write could not be confirmed; it goes on being repeated. Told at the first failure and then each
    /// second.
    Unconfirmed {
        /// [`DeviceSpec::index`].
        device: usize,
        /// When.
        at: Moment,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        reason: Arc<str>,
    },
}

/// Whether a device answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It answers.
    Up,
    /// It does not.
    Down {
        /// What a technician should look at.
        reason: Arc<str>,
    },
}

/// How much a write matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Tried once; refused at once while the link is down.
    Command,
    /// Protects people: goes ahead of everything, supersedes the device's waiting commands and is repeated until the
    /// device confirms it, or until `give_up` has passed.
    Protective {
        /// For an order that must not be carried out late, such as the reversal of a close; `None` for stop and
        /// close-off, which are right at any time.
        give_up: Option<Duration>,
    },
}

/// Values to write to points of one device, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRequest {
    /// [`DeviceSpec::index`].
    pub device: usize,
    /// What to write. A point with a pulse is switched off again by the link.
    pub writes: Vec<PointWrite>,
    /// How much it matters.
    pub urgency: Urgency,
}

/// What became of a write request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The device confirmed every write; one whose profile knows no confirmation has been sent it.
    Written,
    /// The device, or its profile, refused; writes before the refused one were done.
    Refused(String),
    /// Nothing of it reached the device.
    NotSent(String),
    /// An answer was lost and reading back did not tell: it may or may not have been done.
    Unknown(String),
}

/// A write request on its way, with whoever waits for its outcome.
#[derive(Debug)]
struct Order {
    request: WriteRequest,
    reply: oneshot::Sender<Outcome>,
}

/// The handle of a running link.
#[derive(Debug)]
pub struct LinkHandle {
    name: Arc<str>,
    commands: mpsc::Sender<Order>,
    urgent: mpsc::UnboundedSender<Order>,
    stats: Arc<LinkStats>,
    task: JoinHandle<()>,
}

/// Commands that may wait for their turn; a lane gives at most one renewal per 100 ms.
const COMMANDS_WAITING_MAX: usize = 64;

impl LinkHandle {
    /// Hands a write to the link and returns at once. A dropped receiver takes nothing back.
    pub fn write(&self, request: WriteRequest) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let order = Order { request, reply };
        let returned = match order.request.urgency {
            Urgency::Protective { .. } => {
                self.urgent.send(order).err().map(|refused| (refused.0, "has ended".to_owned()))
            }
            Urgency::Command => self.commands.try_send(order).err().map(|refused| match refused {
                mpsc::error::TrySendError::Full(order) => {
                    (order, format!("has {COMMANDS_WAITING_MAX} commands waiting already"))
                }
                mpsc::error::TrySendError::Closed(order) => (order, "has ended".to_owned()),
            }),
        };
        if let Some((order, why)) = returned {
            // Whoever waits may be gone too, which is theirs to know.
            let _ = order.reply.send(Outcome::NotSent(format!("link `{}` {why}", self.name)));
        }
        outcome
    }

    /// Writes one value to one point.
    pub fn write_point(
        &self,
        device: usize,
        point: usize,
        value: Value,
        urgency: Urgency,
    ) -> oneshot::Receiver<Outcome> {
        self.write(WriteRequest { device, writes: vec![PointWrite { point, value }], urgency })
    }

    /// The link's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its counters, shared and cheap to read.
    pub fn stats(&self) -> &Arc<LinkStats> {
        &self.stats
    }

    /// Waits until the link has ended after its cancellation: by then it has tried to end its pulses.
    pub async fn ended(self) {
        // A panic of the task is in the log already; ended is ended.
        let _ = self.task.await;
    }
}

/// Starts the task of one link. It lives until `cancel`, through every failure of the link.
///
/// `events` is never waited for: while it is full the link goes on polling, and tells everything again once there is
/// room.
pub fn spawn(spec: LinkSpec, clock: Clock, events: mpsc::Sender<FieldEvent>, cancel: CancellationToken) -> LinkHandle {
    spawn_after(Duration::ZERO, spec, clock, events, cancel)
}

/// As [`spawn`], but the link begins after `delay`: links that are polled equally often, begun one after the other, do
/// not have all their answers come at once.
pub fn spawn_after(
    delay: Duration,
    spec: LinkSpec,
    clock: Clock,
    events: mpsc::Sender<FieldEvent>,
    cancel: CancellationToken,
) -> LinkHandle {
    let (commands, commands_in) = mpsc::channel(COMMANDS_WAITING_MAX);
    let (urgent, urgent_in) = mpsc::unbounded_channel();
    let stats = Arc::new(LinkStats::default());
    let name = spec.name.clone();
    let counted = stats.clone();
    let task = tokio::spawn(async move {
        // A link that is to end before it began has nothing to bring to rest.
        if cancel.run_until_cancelled(tokio::time::sleep(delay)).await.is_none() {
            return;
        }
        // Its polls stand on a grid that begins here.
        if spec.devices.iter().any(|device| line::speaks(&device.profile)) {
            line::LineLink::new(spec, clock, events, commands_in, urgent_in, counted).run(cancel).await;
        } else {
            link::Link::new(spec, clock, events, commands_in, urgent_in, counted).run(cancel).await;
        }
    });
    LinkHandle { name, commands, urgent, stats, task }
}

//! The uplink's life: one honest attempt after the other, each on a connection of its own.
//!
//! ```text
//!  run ──► run_once: open ──► exchange ──► close        (asked to stop)
//!   ▲                  │          │
//!   └── back off ◄─────┴── fault ─┘                     (everything of the connection is dropped)
//! ```

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portside_devices::moment::Moment;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use rumqttc::v5::{Event, EventLoop};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::fault::{Backoff, Fault};
use super::link::{self, Seen, Sent, Window};
use super::message::{self, Presence, RECORD_TYPE, Standing, Status, StreamStatus, Topics};
use super::order::{Answer, Choice, Order, Room, Wanted};
use super::owed::{Owed, SetAside, Stored};
use super::state::{Backlog, Link, UplinkState};
use super::{LaneStatus, Settings};
use crate::clock::{Clock, rfc3339_millis};

/// Retiring, counting and looking for a stall happen this often, not with every message.
const TICK: Duration = Duration::from_millis(100);
/// How long a stop waits for what is in flight, and then for the closing status.
const FAREWELL: Duration = Duration::from_secs(1);
/// Notes that may wait to be heard.
pub(super) const NOTES: usize = 16;

/// The task behind a [`super::Handle`].
#[derive(Debug)]
pub(super) struct Uplink<O> {
    settings: Settings,
    topics: Topics,
    owed: O,
    order: Order,
    lane: watch::Receiver<LaneStatus>,
    clock: Clock,
    stop: CancellationToken,
    state: watch::Sender<UplinkState>,
    asides: mpsc::Sender<SetAside>,
    noted: mpsc::Receiver<(Arc<str>, u64)>,
    notes: mpsc::Sender<(Arc<str>, u64)>,
    backoff: Backoff,
    last_ack: Option<Timestamp>,
    offline_since: Timestamp,
}

/// What one connection knows beside its window.
#[derive(Debug)]
struct Session {
    window: Window,
    presence: Presence,
    since: String,
    /// Latest moment at which the broker answered something, or had nothing to answer.
    progress: Moment,
    status_at: Moment,
    status_due: Due,
    /// What the last status said about streams that stand still.
    standing_still: Vec<(Arc<str>, String)>,
}

/// Whether the status has to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It says what is so.
    No,
    /// Something changed.
    Yes,
}

/// Records on their way from the journal.
struct Fetch<'a> {
    wanted: Wanted,
    records: Pin<Box<dyn Future<Output = Result<Vec<Stored>, String>> + Send + 'a>>,
}

impl<O: Owed> Uplink<O> {
    pub(super) fn new(
        settings: Settings,
        mut owed: O,
        lane: watch::Receiver<LaneStatus>,
        clock: Clock,
        stop: CancellationToken,
        state: watch::Sender<UplinkState>,
        asides: mpsc::Sender<SetAside>,
    ) -> Self {
        let topics = Topics::new(&settings.port, &settings.lane);
        let mut order = Order::new(topics.stream("").len(), settings.retry_unheard);
        order.grown(&owed.spans());
        state.send_modify(|state| state.streams = backlog(&order));
        let (notes, noted) = mpsc::channel(NOTES);
        let backoff = Backoff::new(settings.retry_max);
        let offline_since = clock.wall();
        Self {
            settings,
            topics,
            owed,
            order,
            lane,
            clock,
            stop,
            state,
            asides,
            noted,
            notes,
            backoff,
            last_ack: None,
            offline_since,
        }
    }

    /// Keeps a connection until the token is cancelled.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        loop {
            let end = self.run_once().await;
            self.settle();
            let Err(fault) = end else { break };
            let wait = self.backoff.wait(&fault, fastrand::f64());
            tracing::warn!(broker = %self.settings.address, %fault, retry_ms = wait.as_millis(), "uplink is offline");
            self.say(Link::Offline { reason: fault.to_string(), since: self.offline_since });
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
            self.say(Link::Connecting);
        }
        self.say(Link::Offline { reason: "closed".to_owned(), since: self.offline_since });
    }

    /// One connection from its opening to its end: `Ok` when it ended because we were asked to stop.
    async fn run_once(&mut self) -> Result<(), Fault> {
        let stop = self.stop.clone();
        let session = Arc::from(Uuid::now_v7().to_string());
        let mut presence = Presence { state: Standing::Offline, session, epoch: self.owed.epoch() };
        let opening = link::open(&self.settings, presence.to_bytes());
        let Some(opened) = stop.run_until_cancelled(opening).await else { return Ok(()) };
        let (window, mut eventloop) = opened?;
        presence.state = Standing::Online;
        let (now, since) = (self.clock.moment(), self.clock.wall());
        self.order.begin(window.packet_limit);
        tracing::info!(broker = %self.settings.address, session = %presence.session, "uplink is online");
        self.say(Link::Online { since });
        let mut session = Session {
            window,
            presence,
            since: rfc3339_millis(since),
            progress: now,
            status_at: now,
            status_due: Due::Yes,
            standing_still: Vec::new(),
        };
        self.send_status(&mut session, now)?;
        let end = self.exchange(&mut session, &mut eventloop).await;
        // Answers that came in before the fault still count.
        while let Some(event) = eventloop.state.events.pop_front() {
            self.see(&mut session, &event);
        }
        self.offline_since = self.clock.wall();
        end?;
        self.close(&mut session, &mut eventloop).await;
        Ok(())
    }

    /// Sends and receives until a fault (`Err`) or until asked to stop (`Ok`).
    async fn exchange(&mut self, session: &mut Session, eventloop: &mut EventLoop) -> Result<(), Fault> {
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.cancelled());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fetch: Option<Fetch<'static>> = None;
        loop {
            // `poll` must never be dropped half way: what it was about to write would be lost without an error.
            let mut poll = pin!(eventloop.poll());
            let event = loop {
                self.fill(session)?;
                fetch = fetch.or_else(|| self.fetch());
                tokio::select! {
                    () = &mut stopped => return Ok(()),
                    event = &mut poll => break event?,
                    (wanted, records) = fetched(&mut fetch) => {
                        fetch = None;
                        self.order.fetched(&wanted, records, self.clock.moment());
                    }
                    () = self.owed.changed() => self.order.grown(&self.owed.spans()),
                    () = changed(&mut self.lane) => session.status_due = Due::Yes,
                    Some((stream, sequence)) = self.noted.recv() => self.order.noted(&stream, sequence),
                    _ = tick.tick() => self.tick(session)?,
                }
            };
            self.see(session, &event);
        }
    }

    /// Hands the connection what there is room for.
    fn fill(&mut self, session: &mut Session) -> Result<(), Fault> {
        let now = self.clock.moment();
        if session.status_due == Due::Yes
            && now.since(session.status_at) >= self.settings.status_gap
            && session.window.free() > 0
        {
            self.send_status(session, now)?;
        }
        let reserved = session.window.size() / 8;
        loop {
            let room = Room { free: session.window.free(), reserved };
            match self.order.choose(now, room) {
                None => return Ok(()),
                Some(Choice::Send(ticket, bytes)) => {
                    if session.window.in_flight() == 0 {
                        session.progress = now;
                    }
                    let topic = self.topics.stream(self.order.name(ticket.stream));
                    session.window.publish(Sent::Record(ticket), &topic, bytes, message::record_properties())?;
                }
                Some(Choice::SetAside { stream, sequence, size }) => {
                    self.set_aside(stream, sequence, size, session.window.packet_limit);
                }
            }
        }
    }

    fn set_aside(&self, stream: Arc<str>, sequence: u64, size: usize, limit: usize) {
        tracing::warn!(%stream, sequence, size, limit, "record is too large for the broker");
        let noted = self.notes.clone();
        // With nobody there to note it, the record stays owed, its stream waits, and the state says why.
        let _ = self.asides.try_send(SetAside { stream, sequence, size, limit, noted });
    }

    fn fetch(&self) -> Option<Fetch<'static>> {
        let wanted = self.order.wanted()?;
        let records = Box::pin(self.owed.read(&wanted.name, wanted.from, wanted.records, wanted.bytes));
        Some(Fetch { wanted, records })
    }

    /// Keeps the books after an event of the connection.
    fn see(&mut self, session: &mut Session, event: &Event) -> Seen {
        let seen = session.window.see(event);
        if let Seen::Answered(sent, reason) = &seen {
            session.progress = self.clock.moment();
            self.last_ack = Some(self.clock.wall());
            self.backoff.reset();
            match sent {
                Sent::Status => report_refused_status(*reason),
                Sent::Record(ticket) => self.order.answered(*ticket, answer(*reason), session.progress),
            }
        }
        seen
    }

    /// What need not happen with every message.
    fn tick(&mut self, session: &mut Session) -> Result<(), Fault> {
        let now = self.clock.moment();
        self.settle();
        self.say_counts();
        let still: Vec<_> = self.standing_still().collect();
        if still != session.standing_still || now.since(session.status_at) >= self.settings.status_every {
            session.standing_still = still;
            session.status_due = Due::Yes;
        }
        if session.window.in_flight() > 0 && now.since(session.progress) >= self.settings.stall_after {
            return Err(Fault::Stalled(self.settings.stall_after));
        }
        Ok(())
    }

    fn standing_still(&self) -> impl Iterator<Item = (Arc<str>, String)> {
        let streams = self.order.backlog();
        streams.filter_map(|(name, _, waiting)| Some((name.clone(), waiting?.to_string())))
    }

    fn send_status(&mut self, session: &mut Session, now: Moment) -> Result<(), Fault> {
        session.status_due = Due::No;
        session.status_at = now;
        if session.window.in_flight() == 0 {
            session.progress = now;
        }
        let topic = self.topics.status();
        let payload = self.status(session, topic.len());
        session.window.publish(Sent::Status, &topic, payload.into(), message::status_properties())
    }

    /// The whole status, or its three first words where the broker takes no more.
    fn status(&mut self, session: &Session, topic: usize) -> Vec<u8> {
        let waiting: Vec<_> = self.standing_still().collect();
        let spans = self.owed.spans();
        self.order.grown(&spans);
        let streams = spans.iter().map(|span| {
            let reason = waiting.iter().find(|(name, _)| *name == span.stream).map(|(_, reason)| reason.clone());
            (span.stream.clone(), StreamStatus::new(span, reason))
        });
        let lane = self.lane.borrow_and_update();
        let (presence, since) = (session.presence.clone(), &session.since);
        let bytes = Status { presence, since, lane: &lane, streams: streams.collect() }.to_bytes();
        if message::packet_size(topic, RECORD_TYPE.len(), bytes.len()) <= session.window.packet_limit {
            return bytes;
        }
        tracing::warn!(size = bytes.len(), limit = session.window.packet_limit, "status is too large for the broker");
        session.presence.to_bytes()
    }

    /// Says goodbye. Where this fails the broker publishes the will, and nothing is lost: what was not acknowledged
    /// is still owed.
    async fn close(&mut self, session: &mut Session, eventloop: &mut EventLoop) {
        if !matches!(timeout(FAREWELL, self.drain(session, eventloop)).await, Ok(Ok(()))) {
            tracing::info!(left = session.window.in_flight(), "closing with messages that were not acknowledged");
        }
        session.presence.state = Standing::Closing;
        if !matches!(timeout(FAREWELL, self.leave(session, eventloop)).await, Ok(Ok(()))) {
            tracing::info!("closing without the broker's leave");
        }
    }

    async fn drain(&mut self, session: &mut Session, eventloop: &mut EventLoop) -> Result<(), Fault> {
        while session.window.in_flight() > 0 {
            let event = eventloop.poll().await?;
            self.see(session, &event);
        }
        Ok(())
    }

    async fn leave(&mut self, session: &mut Session, eventloop: &mut EventLoop) -> Result<(), Fault> {
        self.send_status(session, self.clock.moment())?;
        self.drain(session, eventloop).await?;
        session.window.leave()?;
        loop {
            let event = eventloop.poll().await?;
            if self.see(session, &event) == Seen::Left {
                return Ok(());
            }
        }
    }

    /// Tells the journal what is owed no longer.
    fn settle(&mut self) {
        for (stream, up_to) in self.order.take_retired() {
            self.owed.retire(&stream, up_to);
        }
    }

    fn say(&mut self, link: Link) {
        self.order.grown(&self.owed.spans());
        let (streams, last_ack) = (backlog(&self.order), self.last_ack);
        self.state.send_replace(UplinkState { link, streams, last_ack });
    }

    fn say_counts(&self) {
        let (streams, last_ack) = (backlog(&self.order), self.last_ack);
        self.state.send_if_modified(|state| {
            let modified = state.streams != streams || state.last_ack != last_ack;
            state.streams = streams;
            state.last_ack = last_ack;
            modified
        });
    }
}

fn backlog(order: &Order) -> std::collections::BTreeMap<Arc<str>, Backlog> {
    order.backlog().map(|(name, owed, waiting)| (name.clone(), Backlog { owed, waiting })).collect()
}

fn answer(reason: PubAckReason) -> Answer {
    match reason {
        PubAckReason::Success => Answer::Taken,
        PubAckReason::NoMatchingSubscribers => Answer::Unheard,
        PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::NotAuthorized
        | PubAckReason::TopicNameInvalid
        | PubAckReason::PacketIdentifierInUse
        | PubAckReason::QuotaExceeded
        | PubAckReason::PayloadFormatInvalid => Answer::Refused(format!("{reason:?}")),
    }
}

fn report_refused_status(reason: PubAckReason) {
    if let Answer::Refused(reason) = answer(reason) {
        tracing::warn!(%reason, "the broker refused the status: the centre cannot see this lane");
    }
}

/// The records of a fetch; never, when none is under way.
async fn fetched(fetch: &mut Option<Fetch<'static>>) -> (Wanted, Result<Vec<Stored>, String>) {
    match fetch {
        Some(Fetch { wanted, records }) => {
            let records = records.await;
            (wanted.clone(), records)
        }
        None => std::future::pending().await,
    }
}

/// A change of the lane's status; never, once nobody can change it any more.
async fn changed(lane: &mut watch::Receiver<LaneStatus>) {
    if lane.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

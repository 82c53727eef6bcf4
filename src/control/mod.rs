//! The only task that moves a lane.
//!
//! ```text
//!  field, folders, officers ──► take ──► lane.handle ──► effects ──► queue ──► settle ──► journal, barrier, answers
//!                                             └── Protect ──────────────────────────────► barrier, at once
//! ```
//! Effects wait in one queue, in the order in which the lane gave them. A movement or an answer leaves the queue when
//! every record before it is durable, and a movement only if the interlock still agrees at that moment. What protects
//! people waits for nothing. The task itself never waits for the disk: while records are on their way it goes on taking
//! events, so that a stop is never late.

pub mod call;
pub mod devices;
mod doubts;
mod inputs;
pub mod machine;
pub mod points;
pub mod portals;
mod queue;
pub mod records;
pub mod roles;
pub mod scribe;
pub mod snapshots;
pub mod socket;
pub mod status;
pub mod tally;
pub mod telemetry;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::field::{FieldEvent, LinkHandle};
use crate::journal::{Append, Draft, Journal, Seals, Stream};
use crate::lane::{Effect, Note, Order, OrderOutcome, Picture, Topic, belt};
use crate::notify::Beat;
use crate::uplink::UplinkState;
use call::Reply;
use devices::{Devices, Movers, Ordered};
use machine::{Happening, Machine, Motion};
use queue::{Queue, Ready, Step};
use roles::Roles;
use scribe::{Scribe, Unkept};
use snapshots::Snapshots;
use socket::Asked;
use status::{LaneWords, Status};
use telemetry::Thinner;

/// The task comes round at least this often, which feeds the watchdog.
const ROUND: Duration = Duration::from_secs(1);
/// At the end, records that are on their way get this long to become durable.
const LAST_RECORDS: Duration = Duration::from_secs(3);

/// What the watched folders have to tell.
#[derive(Debug)]
pub enum Scan {
    /// A picture that is durable evidence by now.
    Picture {
        /// What it is.
        picture: Picture,
        /// Where the sender's file lies, if it was one; it is moved away once the picture is on record.
        path: Option<PathBuf>,
    },
    /// A file that cannot be used.
    SetAside {
        /// Device id.
        device: Arc<str>,
        /// File name as it arrived.
        name: String,
        /// Why.
        reason: String,
    },
    /// The folder of a device can be read, or cannot.
    Link {
        /// Device number.
        device: usize,
        /// Whether it can.
        state: crate::field::LinkState,
    },
}

/// Everything the control task is built from.
pub struct Parts {
    /// The one clock.
    pub clock: Clock,
    /// The machine that decides, and the one that checks.
    pub machine: Machine,
    /// Which point means what.
    pub roles: Roles,
    /// The devices and their links.
    pub devices: Devices,
    /// The radiation portals.
    pub portals: portals::Portals,
    /// Which points there are, and which a technician may write.
    pub points: points::Points,
    /// The way to the journal for what the lane decides.
    pub scribe: Scribe,
    /// The journal itself, for telemetry.
    pub journal: Journal,
    /// Keys of sealed verdicts.
    pub seals: Arc<Seals>,
    /// Pictures of the lane at the instants that matter.
    pub snapshots: Snapshots,
    /// How far the desks agree.
    pub tally: tally::Tally,
    /// What the status says besides.
    pub words: LaneWords,
    /// What devices say.
    pub field: mpsc::Receiver<FieldEvent>,
    /// What folders say.
    pub scans: mpsc::Receiver<Scan>,
    /// Stops, which wait behind nothing.
    pub stops: mpsc::Receiver<Asked>,
    /// What else people ask.
    pub asked: mpsc::Receiver<Asked>,
    /// What became of orders.
    pub outcomes: mpsc::UnboundedReceiver<Ordered>,
    /// Where the published view goes.
    pub status: watch::Sender<Arc<Status>>,
    /// How the uplink fares; `None` when the lane stands alone.
    pub uplink: Option<watch::Receiver<UplinkState>>,
    /// The watchdog's ear.
    pub beat: Beat,
}

/// What the task woke up for.
enum Input {
    Stop,
    Kept(Result<(), Unkept>),
    Thinned(Result<(), Unkept>),
    Field(FieldEvent),
    Scan(Scan),
    Asked(Asked),
    Ordered(Ordered),
    Round,
}

/// Whether what was published last is what there is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Current,
    Outdated,
}

/// The control task.
pub struct Control {
    parts: Parts,
    queue: Queue<Motion>,
    thinner: Thinner,
    thinning: Option<Append>,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    tickets: u64,
    generation: u64,
    shown: Shown,
}

impl Control {
    /// A control task that has not begun.
    pub fn new(parts: Parts) -> Self {
        let ids = parts.devices.views.iter().map(|view| view.id.clone()).collect();
        Self {
            thinner: Thinner::new(ids),
            thinning: None,
            queue: Queue::default(),
            waiting: BTreeMap::new(),
            tickets: 0,
            generation: 0,
            shown: Shown::Outdated,
            parts,
        }
    }

    /// Moves the lane until `stop` is cancelled, and hands the links back: they have last writes to do.
    ///
    /// The error says that something could not be kept: nothing moves on a decision that is not on disk, so the task
    /// takes a close request back, ends, and the daemon starts anew from what the disk holds.
    pub async fn run(mut self, stop: CancellationToken) -> (Vec<LinkHandle>, Result<(), Unkept>) {
        let ended = self.serve(stop).await;
        (self.parts.devices.links, ended)
    }

    async fn serve(&mut self, stop: CancellationToken) -> Result<(), Unkept> {
        self.publish();
        loop {
            let input = self.next(&stop).await;
            if matches!(input, Input::Stop) {
                break;
            }
            if let Err(unkept) = self.take(input) {
                tracing::error!(%unkept, "the lane stops: a record could not be kept");
                self.let_go();
                return Err(unkept);
            }
            self.eyes();
            self.settle();
            self.publish();
            self.parts.beat.tick(self.parts.clock.moment());
        }
        self.finish().await
    }

    /// Waits for whatever comes first. Chooses nothing: what devices say goes first only because it may protect.
    async fn next(&mut self, stop: &CancellationToken) -> Input {
        let Self { parts, queue, thinner, thinning, .. } = self;
        let now = parts.clock.moment();
        let telemetry = thinner.deadline().filter(|_| thinning.is_none());
        let deadline = [parts.machine.deadline(), telemetry].into_iter().flatten().min();
        let wait = deadline.map_or(ROUND, |deadline| deadline.since(now)).min(ROUND);
        let kept = async {
            match queue.ticket() {
                Some(ticket) => ticket.await,
                None => std::future::pending().await,
            }
        };
        let thinned = async {
            match thinning {
                Some(append) => append.await.map(|_| ()).map_err(Unkept::from),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Input::Stop,
            Some(asked) = parts.stops.recv() => Input::Asked(asked),
            Some(event) = parts.field.recv() => Input::Field(event),
            kept = kept => Input::Kept(kept),
            Some(ordered) = parts.outcomes.recv() => Input::Ordered(ordered),
            Some(asked) = parts.asked.recv() => Input::Asked(asked),
            Some(scan) = parts.scans.recv() => Input::Scan(scan),
            thinned = thinned => Input::Thinned(thinned),
            () = tokio::time::sleep(wait) => Input::Round,
        }
    }

    fn take(&mut self, input: Input) -> Result<(), Unkept> {
        match input {
            Input::Stop => {}
            Input::Kept(kept) => return self.kept(kept),
            Input::Thinned(kept) => return self.thinned(kept),
            Input::Field(event) => self.field(event),
            Input::Scan(scan) => self.scan(scan),
            Input::Asked(asked) => self.asked(asked),
            Input::Ordered(ordered) => self.ordered(ordered),
            Input::Round => self.step(Happening::Tick),
        }
        self.thin();
        Ok(())
    }

    /// The records at the head of the queue are durable.
    fn kept(&mut self, kept: Result<(), Unkept>) -> Result<(), Unkept> {
        kept?;
        for record in &self.queue.kept() {
            self.parts.machine.kept(record);
            self.parts.tally.kept(record);
        }
        Ok(())
    }

    /// Telemetry may be lost on a disk that is full or too slow, and is then said to be; a fenced journal ends the run.
    fn thinned(&mut self, kept: Result<(), Unkept>) -> Result<(), Unkept> {
        self.thinning = None;
        match kept {
            Err(unkept) if self.parts.journal.fenced().is_none() => {
                tracing::warn!(%unkept, "telemetry was not kept");
                Ok(())
            }
            kept => kept,
        }
    }

    /// Carries out everything at the head of the queue that waits for no record any more.
    fn settle(&mut self) {
        while let Some(ready) = self.queue.ready(self.parts.clock.moment()) {
            match ready {
                Ready::Move(order) => self.order(order),
                Ready::Late(order) => self.not_given(order, "it waited too long for the disk"),
                Ready::Answer { ticket, reply } => self.answer(ticket, reply),
                Ready::Forget(inspection) => self.forget(inspection),
                Ready::Taken(path) => take_away(path),
            }
        }
    }

    /// Tells the lane of an order that never left.
    fn not_given(&mut self, order: Motion, why: &'static str) {
        tracing::warn!(?order, why, "an order was not given");
        self.step(Happening::Ordered { order, outcome: OrderOutcome::NotWritten });
    }

    fn answer(&mut self, ticket: u64, reply: Reply) {
        if let Some(caller) = self.waiting.remove(&ticket) {
            // A caller who left finds the outcome in the journal.
            let _ = caller.send(reply);
        }
    }

    fn order(&mut self, order: Motion) {
        let now = self.parts.clock.moment();
        match self.parts.machine.permit(now, &order, false) {
            Ok(()) => self.parts.devices.order(order, false),
            Err(rule) => self.refused(order, rule.0),
        }
    }

    /// Gives an order that waits for nothing. A close that has not left yet is taken back with it, and needs no reversal.
    fn protect(&mut self, order: Motion) {
        let withdrawn = self.queue.withdraw(&order);
        let now = self.parts.clock.moment();
        if order != Motion::Gate(Order::Open) || withdrawn.is_empty() {
            match self.parts.machine.permit(now, &order, true) {
                Ok(()) => self.parts.devices.order(order, true),
                Err(rule) => self.refused(order, rule.0),
            }
        }
        for order in withdrawn {
            self.not_given(order, "it was taken back before it left");
        }
    }

    /// Renews a close that has left. It follows no record, so it waits for none, and it never comes after the withdrawal.
    fn renew(&mut self, order: Motion) {
        if !self.queue.holds_close() {
            self.order(order);
        }
    }

    fn refused(&mut self, order: Motion, rule: &'static str) {
        tracing::warn!(?order, rule, "the interlock refused an order");
        self.step(Happening::Refused { order, rule });
    }

    /// Does what the interlock wants although the machine did not order it, and says so.
    fn obey(&mut self) {
        let now = self.parts.clock.moment();
        let Some(order) = self.parts.machine.demand(now) else { return };
        tracing::warn!(?order, "the interlock demands what nobody ordered");
        self.parts.devices.order(order, true);
        let device = self.parts.devices.mover_id();
        self.note(Topic::Alarm, "alarm.interlock_demand", &device, json!({ "order": "belt_stop" }));
    }

    fn forget(&self, inspection: Arc<str>) {
        let seals = self.parts.seals.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = seals.erase(&inspection) {
                tracing::error!(%inspection, %error, "the key of sealed verdicts could not be erased");
            }
        });
    }

    /// One event through the machine, and its effects into the queue.
    fn step(&mut self, happening: Happening) {
        self.shown = Shown::Outdated;
        let now = self.parts.clock.moment();
        let effects = self.parts.machine.handle(now, happening);
        let mut records = Vec::new();
        for effect in effects {
            let step = match effect {
                Effect::Record(note) => {
                    records.push(note);
                    continue;
                }
                Effect::Protect(order) => {
                    self.protect(order);
                    continue;
                }
                Effect::Move(order @ Motion::Gate(Order::Close { renewal: 1.. })) => {
                    self.renew(order);
                    continue;
                }
                Effect::Move(order) => Step::Move { order, given: now },
                Effect::Answer { ticket, answer } => Step::Answer { ticket, reply: reply(answer) },
                Effect::Forget { inspection } => Step::Forget(inspection),
            };
            self.keep(std::mem::take(&mut records));
            self.queue.push(step);
        }
        self.keep(records);
        self.obey();
    }

    /// What the cameras doubt of themselves, while nothing stands before them.
    fn eyes(&mut self) {
        let machine = &self.parts.machine;
        let empty = || machine.view().is_empty();
        for (camera, doubt) in self.parts.snapshots.doubts(self.parts.clock.moment(), empty) {
            self.note(Topic::Alarm, "alarm.camera", &camera, json!({ "doubt": doubt }));
        }
    }

    fn keep(&mut self, notes: Vec<Note>) {
        if notes.is_empty() {
            return;
        }
        for note in &notes {
            tracing::info!(inspection = %note.subject, kind = note.kind, "recorded");
        }
        self.parts.snapshots.look(&notes, self.parts.clock.moment());
        let records = notes.clone();
        let ticket = self.parts.scribe.keep(notes, self.parts.clock.wall());
        self.queue.push(Step::Kept { ticket, records });
    }

    fn note(&mut self, topic: Topic, kind: &'static str, subject: &Arc<str>, data: serde_json::Value) {
        self.keep(vec![Note { topic, kind, subject: subject.clone(), data, secret: None }]);
    }

    /// Hands due telemetry to the journal, one batch at a time: while the disk is slow the windows grow instead.
    fn thin(&mut self) {
        if self.thinning.is_some() {
            return;
        }
        let time = self.parts.clock.wall();
        let due = self.thinner.take(self.parts.clock.moment());
        let drafts: Vec<Draft> = due
            .into_iter()
            .map(|readings| {
                let id = readings.device.clone();
                let data = serde_json::to_value(readings).unwrap_or_default();
                Draft::new(Stream::Telemetry, "telemetry.readings", &id, time, data)
            })
            .collect();
        if !drafts.is_empty() {
            self.thinning = Some(self.parts.journal.append(&drafts));
        }
    }

    /// Publishes one view with the next generation number, once everything that it shows is durable. Readings that mean
    /// nothing to the lane show nowhere in it: with many devices a copy of it for each of their batches is what the
    /// task would do most.
    fn publish(&mut self) {
        if self.queue.len() > 0 || self.shown == Shown::Current {
            return;
        }
        self.shown = Shown::Current;
        self.generation += 1;
        let status = Status {
            generation: self.generation,
            at: self.parts.clock.moment(),
            words: self.parts.words.clone(),
            lane: self.parts.machine.view(),
            devices: self.parts.devices.views.clone(),
            portals: self.parts.portals.views(),
            agreement: self.parts.tally.view(),
            sights: Arc::new(self.parts.machine.sights()),
        };
        self.parts.status.send_replace(Arc::new(status));
    }

    /// Nobody will watch from here on: a held close is taken back, a pulsed one stopped or reversed, a belt with subjects
    /// on it stopped. Answers with the order's word, if something moved.
    fn let_go(&mut self) -> Option<serde_json::Value> {
        let moves = self.parts.machine.view().moves();
        let order = match &self.parts.devices.movers {
            Movers::Barrier(barrier) => {
                let profile = &barrier.profile;
                match profile.closes {
                    Some(Closes::Held) => Motion::Gate(Order::CloseOff),
                    Some(Closes::Pulse) if moves && profile.point("stop").is_some() => Motion::Gate(Order::Stop),
                    Some(Closes::Pulse) if moves => Motion::Gate(Order::Open),
                    Some(Closes::Pulse | Closes::Own) | None => return None,
                }
            }
            Movers::Belt { .. } if moves => Motion::Belt(belt::Order::BeltStop),
            Movers::Belt { .. } => return None,
        };
        let word = match &order {
            Motion::Gate(order) => json!(order),
            Motion::Belt(order) => json!(order.word()),
        };
        self.protect(order);
        moves.then_some(word)
    }

    /// Takes a close request back, lets records on their way become durable, and answers who waits for them.
    async fn finish(&mut self) -> Result<(), Unkept> {
        if let Some(order) = self.let_go() {
            let device = self.parts.devices.mover_id();
            let data = json!({ "order": order, "why": "the daemon ends and would not see what stands there" });
            let kind = match self.parts.devices.movers {
                Movers::Barrier(_) => "arm.asked",
                Movers::Belt { .. } => "belt.asked",
            };
            self.note(Topic::Device, kind, &device, data);
        }
        let data = json!({ "step": self.parts.machine.view().step() });
        let draft = Draft::new(Stream::Audit, "audit.stopped", "lane", self.parts.clock.wall(), data);
        let ticket = self.parts.scribe.keep_drafts(vec![draft], self.parts.clock.wall());
        self.queue.push(Step::Kept { ticket, records: Vec::new() });
        let drained = tokio::time::timeout(LAST_RECORDS, async {
            let steps: Vec<Step<Motion>> = self.queue.drain().collect();
            for step in steps {
                match step {
                    Step::Kept { ticket, .. } => ticket.await?,
                    // The lane is stopping: what has not moved by now is found unmoved, and recorded as asked.
                    Step::Move { order, .. } => tracing::warn!(?order, "not given: the daemon stops"),
                    Step::Answer { ticket, reply } => self.answer(ticket, reply),
                    Step::Forget(inspection) => self.forget(inspection),
                    Step::Taken(path) => take_away(path),
                }
            }
            Ok(())
        });
        drained.await.unwrap_or_else(|_| Err(Unkept("the disk took too long at the end".to_owned())))
    }
}

fn reply(answer: Result<Arc<str>, crate::lane::Refusal>) -> Reply {
    match answer {
        Ok(message) => Reply::Done { message },
        Err(refusal) => Reply::Refused { code: refusal.code().to_owned(), message: refusal.to_string() },
    }
}

fn take_away(path: PathBuf) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = crate::field::folder::take(&path) {
            tracing::warn!(path = %path.display(), %error, "a picture that is evidence could not be moved away");
        }
    });
}

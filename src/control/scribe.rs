//! Turns what the lane wants kept into drafts and hands them to the journal, in order, sealing what must not be read yet.
//!
//! Sealing makes a key file durable and may wait for the disk; it happens on a task of its own, so that the control
//! task never waits and a stop is never late.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::journal::{Append, AppendError, Draft, Journal, Seals, Stream};
use crate::lane::{Note, Topic};

/// Completes when everything handed over with it is durable.
pub type Ticket = Pin<Box<dyn Future<Output = Result<(), Unkept>> + Send>>;

/// Why something was not kept. Nothing may move on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unkept(pub String);

impl std::fmt::Display for Unkept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unkept {}

impl From<AppendError> for Unkept {
    fn from(error: AppendError) -> Self {
        Self(error.to_string())
    }
}

/// What is handed over: notes of the lane, or drafts that need no sealing.
#[derive(Debug)]
struct Batch {
    notes: Vec<Note>,
    drafts: Vec<Draft>,
    time: Timestamp,
    reply: oneshot::Sender<Result<Append, Unkept>>,
}

/// The way to the scribe.
#[derive(Clone, Debug)]
pub struct Scribe {
    batches: mpsc::UnboundedSender<Batch>,
}

impl Scribe {
    /// Starts the scribe's task. It ends when the last handle is dropped and everything is handed over.
    pub fn start(journal: Journal, seals: Arc<Seals>) -> Self {
        let (batches, mut incoming) = mpsc::unbounded_channel::<Batch>();
        tokio::spawn(async move {
            while let Some(batch) = incoming.recv().await {
                let drafts = drafts(batch.notes, batch.drafts, batch.time, &seals).await;
                // Whoever waited may be gone; the record is kept all the same.
                let _ = batch.reply.send(drafts.map(|drafts| journal.append(&drafts)));
            }
        });
        Self { batches }
    }

    /// Keeps `notes`, in this order, behind everything handed over before.
    pub fn keep(&self, notes: Vec<Note>, time: Timestamp) -> Ticket {
        self.hand_over(notes, Vec::new(), time)
    }

    /// Keeps `drafts`, in this order, behind everything handed over before.
    pub fn keep_drafts(&self, drafts: Vec<Draft>, time: Timestamp) -> Ticket {
        self.hand_over(Vec::new(), drafts, time)
    }

    fn hand_over(&self, notes: Vec<Note>, drafts: Vec<Draft>, time: Timestamp) -> Ticket {
        let (reply, answer) = oneshot::channel();
        let sent = self.batches.send(Batch { notes, drafts, time, reply });
        Box::pin(async move {
            let ended = || Unkept("the scribe's task has ended".to_owned());
            sent.map_err(|_| ended())?;
            let append = answer.await.map_err(|_| ended())??;
            append.await?;
            Ok(())
        })
    }
}

async fn drafts(
    notes: Vec<Note>,
    mut drafts: Vec<Draft>,
    time: Timestamp,
    seals: &Arc<Seals>,
) -> Result<Vec<Draft>, Unkept> {
    for note in notes {
        let mut data = note.data;
        if let Some(secret) = note.secret {
            let (seals, inspection) = (Arc::clone(seals), note.subject.clone());
            let (agency, room) = (Arc::clone(secret.agency()), secret.room());
            let plain = serde_json::to_vec(&secret).map_err(|error| Unkept(error.to_string()))?;
            let sealed = tokio::task::spawn_blocking(move || seals.seal(&inspection, &agency, &plain, room)).await;
            let sealed = sealed
                .map_err(|panic| Unkept(format!("sealing failed: {panic}")))?
                .map_err(|error| Unkept(format!("a part of a record cannot be sealed: {error}")))?;
            if let Value::Object(fields) = &mut data {
                fields.insert("sealed".to_owned(), Value::String(sealed));
            }
        }
        drafts.push(Draft::new(stream(note.topic), note.kind, &note.subject, time, data));
    }
    Ok(drafts)
}

const fn stream(topic: Topic) -> Stream {
    match topic {
        Topic::Inspection => Stream::Inspection,
        Topic::Alarm => Stream::Alarm,
        Topic::Device => Stream::Device,
    }
}

//! The people of a lane's demo: what they do is a call on the daemon's socket, each deed once.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::desks::Desks;
use super::show::{Line, Show};
use super::story::Deed;
use crate::control::call::{Call, Reply};
use crate::control::socket;

/// The people of one lane.
#[derive(Debug)]
pub(super) struct People {
    socket: PathBuf,
    desks: Desks,
    show: Show,
    /// Deeds that are done or being done.
    done: Arc<Mutex<BTreeSet<String>>>,
}

impl People {
    /// People who have done nothing yet.
    pub(super) fn new(socket: PathBuf, desks: Desks, show: Show) -> Self {
        Self { socket, desks, show, done: Arc::default() }
    }

    /// What their screens show; null while the daemon is away.
    pub(super) async fn look(&self) -> Value {
        match socket::ask(&self.socket, &Call::Status).await {
            Ok(Reply::Status { status }) => *status,
            Ok(_) | Err(_) => Value::Null,
        }
    }

    /// Whether anybody sits at a screen who is not played.
    pub(super) fn has_visitors(&self) -> bool {
        self.desks.is_any_taken()
    }

    /// Does `deed` as soon as a person can, unless it was done. What belongs to a desk at which somebody sits is left to
    /// that person.
    pub(super) fn act(&self, deed: Deed) {
        if self.desks.is_taken(&deed.officer.agency) && deed.is_of_a_desk() {
            return;
        }
        if !self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(deed.key.clone()) {
            return;
        }
        let (path, show, done) = (self.socket.clone(), self.show.clone(), self.done.clone());
        let desks = self.desks.clone();
        tokio::spawn(async move {
            tokio::time::sleep(deed.after).await;
            if desks.is_taken(&deed.officer.agency) && deed.is_of_a_desk() {
                done.lock().unwrap_or_else(PoisonError::into_inner).remove(&deed.key);
                return;
            }
            let call = Call::Act { officer: deed.officer.clone(), act: deed.act.clone() };
            let reply = socket::ask(&path, &call).await.map_err(|error| error.to_string());
            // What was not recorded is done again; what may be asked again later is free to be.
            if deed.again || matches!(reply, Err(_) | Ok(Reply::Failed { .. })) {
                done.lock().unwrap_or_else(PoisonError::into_inner).remove(&deed.key);
            }
            show.line(Line::Acted { officer: deed.officer, act: Box::new(deed.act), reply });
        });
    }
}

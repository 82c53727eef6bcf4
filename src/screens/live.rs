//! The WebSocket of one desk: what the daemon tells a page, and the little that a page says on it.
//!
//! ```text
//!  heartbeat ─┐
//!  status ────┤ choose, most urgent first ──► act: one message at a time, so that a page that takes long is thinned
//!  page ──────┤                                    by the feed and nobody else waits
//!  feed ──────┘
//! ```
//! The heartbeat runs from the moment the page came, whatever else is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::desk::{self, State};
use super::{App, Visitor, frame};
use crate::clock::rfc3339_millis;
use crate::control::status::Status;
use crate::image::feed::{News, Watcher};
use crate::people::{NoEntry, Presence};

/// A page that hears nothing for three of these says that it is not live.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// Lines that come within this time travel together.
const GATHER: Duration = Duration::from_millis(5);
/// Longest message of a page.
pub const SAID_MAX: usize = 4 << 10;
/// A page that says more than this between two heartbeats says it in a loop.
const SAID_OFTEN: u32 = 32;

/// Close codes of our own, which pages know.
mod code {
    /// The daemon ends.
    pub(super) const GOING: u16 = 1001;
    /// The page said what no page of ours says.
    pub(super) const NONSENSE: u16 = 1008;
    /// The session is over.
    pub(super) const NO_SESSION: u16 = 4401;
    /// The session is locked.
    pub(super) const LOCKED: u16 = 4423;
}

/// What a page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    /// It asks for an image.
    Want { image: Arc<str> },
    /// It drew an image for the first time.
    Shown { image: Arc<str>, revision: u32 },
}

/// A state as it is sent.
#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    generation: u64,
    now: String,
    #[serde(flatten)]
    state: &'a State,
}

/// Why the loop woke up.
enum Woken {
    Stop,
    Beat,
    Status,
    Said(Option<Result<Message, axum::Error>>),
    News(News),
    Old(News),
}

/// Why a page is let go.
enum Leave {
    /// It went by itself.
    Gone,
    /// It is told why.
    Close(u16, &'static str),
}

impl From<axum::Error> for Leave {
    fn from(_: axum::Error) -> Self {
        Self::Gone
    }
}

/// Serves one desk's page until it goes.
pub async fn serve(socket: WebSocket, visitor: Visitor, app: Arc<App>) {
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    let (watcher, old, status) = (app.feed.watch(), app.recall.watch(), app.status.clone());
    let mut page =
        Page { socket, visitor, app, watcher, old, status, beat, gather: None, told: None, generation: 0, said: 0 };
    let leave = match page.hello().await {
        Ok(()) => page.talk().await,
        Err(leave) => leave,
    };
    if let Leave::Close(code, reason) = leave {
        let close = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = page.socket.send(Message::Close(Some(close))).await;
    }
}

struct Page {
    socket: WebSocket,
    visitor: Visitor,
    app: Arc<App>,
    watcher: Watcher,
    old: Watcher,
    status: watch::Receiver<Arc<Status>>,
    beat: Interval,
    gather: Option<Instant>,
    told: Option<State>,
    generation: u64,
    said: u32,
}

impl Page {
    async fn hello(&mut self) -> Result<(), Leave> {
        let (site, person) = (&self.app.site, &self.visitor.person);
        let images = self.app.feed.images();
        let images: Vec<_> = images
            .iter()
            .map(|image| json!({ "image": image.image, "number": image.number, "made": rfc3339_millis(image.made) }))
            .collect();
        let hello = json!({
            "type": "hello", "version": 1, "now": self.now(), "heartbeat_ms": HEARTBEAT.as_millis() as u64,
            "station": { "id": site.station }, "images": images,
            "me": { "name": person.name, "display": person.display, "agency": person.agency, "role": person.role },
            "lane": { "port": site.port, "id": site.lane, "name": site.name },
            "desk": { "role": site.role_of(&person.agency), "agency": person.agency, "name": site.name_of(&person.agency) },
        });
        self.say(&hello).await?;
        if let Some(materials) = self.app.materials.clone() {
            self.socket.send(Message::Text(materials)).await?;
        }
        self.state().await
    }

    async fn talk(&mut self) -> Leave {
        loop {
            let woken = self.next().await;
            if let Err(leave) = self.act(woken).await {
                return leave;
            }
        }
    }

    /// Waits for whatever comes first. The heartbeat goes before all else, lines after it: there are always more.
    async fn next(&mut self) -> Woken {
        let Self { socket, watcher, old, status, beat, gather, app, .. } = self;
        let gathered = async {
            if let Some(until) = *gather {
                tokio::time::sleep_until(until).await;
            }
            tokio::select! {
                biased;
                news = watcher.next() => Woken::News(news),
                news = old.next() => Woken::Old(news),
            }
        };
        tokio::select! {
            biased;
            () = app.stop.cancelled() => Woken::Stop,
            _ = beat.tick() => Woken::Beat,
            Ok(()) = status.changed() => Woken::Status,
            said = socket.recv() => Woken::Said(said),
            news = gathered => news,
        }
    }

    async fn act(&mut self, woken: Woken) -> Result<(), Leave> {
        match woken {
            Woken::Stop => Err(Leave::Close(code::GOING, "the daemon ends")),
            Woken::Beat => self.beat().await,
            Woken::Status => self.state().await,
            Woken::Said(said) => self.said(said).await,
            Woken::News(news) => self.news(news).await,
            // The link is the live feed's to tell of.
            Woken::Old(News::Link { .. }) => Ok(()),
            Woken::Old(news) => self.news(news).await,
        }
    }

    /// A session that is over or locked shows nothing any more, a heartbeat later at most.
    async fn beat(&mut self) -> Result<(), Leave> {
        self.said = 0;
        match self.app.people.session(&self.visitor.token, Presence::Watches).await {
            Ok(person) if person == self.visitor.person => {}
            Ok(_) | Err(NoEntry::NoSession) => return Err(Leave::Close(code::NO_SESSION, "the session is over")),
            Err(NoEntry::Locked) => return Err(Leave::Close(code::LOCKED, "the screen is locked")),
        }
        let beat = json!({ "type": "beat", "now": self.now() });
        self.say(&beat).await
    }

    /// Tells the state if it is another one for this desk.
    async fn state(&mut self) -> Result<(), Leave> {
        let status = self.status.borrow_and_update().clone();
        let state = desk::compose(&self.app.site, &status, &self.visitor.person.agency, self.app.clock.moment());
        if self.told.as_ref() == Some(&state) {
            return Ok(());
        }
        self.generation += 1;
        let told = Told { r#type: "state", generation: self.generation, now: self.now(), state: &state };
        let text = serde_json::to_string(&told).unwrap_or_default();
        self.socket.send(Message::Text(text.into())).await?;
        self.told = Some(state);
        Ok(())
    }

    async fn said(&mut self, said: Option<Result<Message, axum::Error>>) -> Result<(), Leave> {
        self.said += 1;
        let text = match said {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Leave::Gone),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) if self.said <= SAID_OFTEN => return Ok(()),
            Some(Ok(Message::Text(text))) if self.said <= SAID_OFTEN => text,
            Some(Ok(_)) => return Err(nonsense()),
        };
        match serde_json::from_str(&text).map_err(|_| nonsense())? {
            Said::Want { image } => self.want(&image).await,
            Said::Shown { image, revision } => {
                self.app.shown(&self.visitor.person, image, revision, self.told.as_ref());
                Ok(())
            }
        }
    }

    /// From memory, else from evidence.
    async fn want(&mut self, image: &Arc<str>) -> Result<(), Leave> {
        if self.watcher.want(image) || self.old.want(image) {
            return Ok(());
        }
        if self.app.bring_back(image).await && self.old.want(image) {
            return Ok(());
        }
        self.say(&json!({ "type": "gone", "image": image })).await
    }

    async fn news(&mut self, news: News) -> Result<(), Leave> {
        let told = match news {
            News::Lines(lines) => {
                let full = lines.lines.len() as u64 * 2 * lines.lines.first().map_or(0, |line| line.samples.len()) as u64;
                self.gather = (full < GATHERED).then(|| self.soon());
                return Ok(self.socket.send(Message::Binary(frame::encode(&lines))).await?);
            }
            News::Link { up } => json!({ "type": "link", "up": up }),
            News::Begin { image, number, format, made } => json!({
                "type": "image.begin", "image": image, "number": number, "format": &*format,
                "made": rfc3339_millis(made),
            }),
            News::End { image, number, outcome, missing } => json!({
                "type": "image.end", "image": image, "number": number, "outcome": outcome, "missing": missing,
            }),
            News::Gone { image, number } => json!({ "type": "gone", "image": image, "number": number }),
        };
        self.say(&told).await
    }
}

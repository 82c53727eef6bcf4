//! The WebSocket of one desk: what the daemon tells a page, and the little that a page says on it.
//!
//! ```text
//!  heartbeat ─┐
//!  status ────┤ choose, most urgent first ──► act: one message at a time, so that a page that takes long is thinned
//!  page ──────┤                                    by the feed and nobody else waits
//!  feed ──────┘
//! ```
//! The heartbeat runs from the moment the page came, whatever else is sent.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use super::desk::{self, State};
use super::door::{self, Called};
use super::listen::Peer;
use super::reply::Code;
use super::typical::{self, Entry};
use super::{App, Visitor, frame, guard, reply};
use crate::clock::rfc3339_millis;
use crate::control::call::Call;
use crate::control::status::Status;
use crate::image::feed::{News, Watcher};
use crate::image::material::SIDE;
use crate::lane::{Act, ImageRef};
use crate::people::{NoEntry, Presence, Standing};

/// A page that hears nothing for three of these says that it is not live.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// Lines that come within this time travel together.
const GATHER: Duration = Duration::from_millis(5);
/// Samples of a frame that is worth sending by itself, in bytes.
const WORTH_SENDING: usize = 64 << 10;
/// Longest message of a page.
pub(super) const SAID_MAX: usize = 4 << 10;
/// A page that says more than this between two heartbeats says it in a loop.
const SAID_OFTEN: u32 = 32;

/// Images of which a page may say that it drew them, and whose subject is not known or was told already.
const DRAWN_MAX: usize = 64;

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
    /// A key or a pointer was used: somebody is at the screen, whom the idle lock would interrupt.
    Here,
}

/// Why the loop woke up.
enum Woken {
    Stop,
    Beat,
    Status,
    Said(Option<Result<Message, axum::Error>>),
    Session,
    Typical,
    Brought(bool),
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

/// Opens the WebSocket of a desk for a person of its agency.
pub(super) async fn open(
    Shared(app): Shared<Arc<App>>,
    Path((station, agency)): Path<(String, String)>,
    Extension(Called(called)): Extension<Called>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    if let Err(turned) = guard::from_here(&called, &headers) {
        return turned.into_response();
    }
    let visitor = match door::visitor(&app, &headers, Presence::Acts) {
        Ok(visitor) => visitor,
        Err(no) => return no.into_response(),
    };
    if *station != *app.site.station || app.site.seat(&agency).is_none() {
        return reply::refused(StatusCode::NOT_FOUND, Code::NoSuchDesk, "this station has no such desk");
    }
    if !visitor.person.role.judges() {
        return reply::refused(StatusCode::FORBIDDEN, Code::NotAllowed, "only officers and supervisors sit at a desk");
    }
    if *visitor.person.agency != *agency {
        return reply::refused(StatusCode::FORBIDDEN, Code::NotYourDesk, "this desk is another agency's");
    }
    let (Some(standing), Ok(place)) = (app.people.watch(&visitor.token), app.live.clone().try_acquire_owned()) else {
        let message = "too many desks look at this station; close one";
        return reply::refused(StatusCode::SERVICE_UNAVAILABLE, Code::TooManyDesks, message);
    };
    match upgrade {
        Ok(upgrade) => {
            upgrade.max_message_size(SAID_MAX).max_frame_size(SAID_MAX).on_upgrade(move |socket| async move {
                serve(socket, visitor, standing, app).await;
                drop((place, peer.place));
            })
        }
        Err(rejection) => rejection.into_response(),
    }
}

/// Serves one desk's page until it goes.
async fn serve(socket: WebSocket, visitor: Visitor, standing: watch::Receiver<Standing>, app: Arc<App>) {
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    let (watcher, old, status) = (app.feed.watch(), app.recalled.watch_wanted(), app.status.clone());
    let typical = app.typical.watch();
    let mut page = Page {
        socket,
        visitor,
        standing,
        app,
        watcher,
        old,
        status,
        typical,
        beat,
        gather: None,
        bringing: None,
        told: None,
        drawn: Vec::new(),
        reported: VecDeque::new(),
        generation: 0,
        said: 0,
    };
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
    standing: watch::Receiver<Standing>,
    app: Arc<App>,
    watcher: Watcher,
    old: Watcher,
    status: watch::Receiver<Arc<Status>>,
    typical: watch::Receiver<Arc<[Entry]>>,
    beat: Interval,
    gather: Option<Pin<Box<Sleep>>>,
    /// An image that is on its way back from evidence.
    bringing: Option<(Arc<str>, JoinHandle<bool>)>,
    told: Option<State>,
    /// Drawn, and of no subject yet.
    drawn: Vec<ImageRef>,
    /// On record, or on its way there.
    reported: VecDeque<Arc<str>>,
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
        let agencies: Vec<_> = site.agencies.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        let typical = self.typical.borrow_and_update().clone();
        let hello = json!({
            "type": "hello", "version": 1, "now": self.now(), "heartbeat_ms": HEARTBEAT.as_secs() * 1000,
            "station": { "id": site.station }, "images": images, "me": person,
            "agencies": agencies, "typical": &*typical,
            "lane": { "port": site.port, "id": site.lane, "name": site.name },
            "desk": {
                "agency": person.agency, "name": site.name_of(&person.agency),
                "role": site.seat(&person.agency).map(|seat| seat.role),
            },
        });
        self.say(&hello).await?;
        if let Some(table) = &self.app.materials {
            let data = base64(&table.texture());
            self.say(&json!({ "type": "materials", "width": SIDE, "height": SIDE, "data": data })).await?;
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
        let Self { socket, standing, watcher, old, status, typical, beat, gather, app, bringing, .. } = self;
        let brought = async {
            match bringing {
                Some((_, task)) => Woken::Brought(task.await.unwrap_or(false)),
                None => std::future::pending().await,
            }
        };
        let gathered = async {
            if let Some(sleep) = gather {
                sleep.await;
                *gather = None;
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
            Ok(()) = standing.changed() => Woken::Session,
            Ok(()) = status.changed() => Woken::Status,
            Ok(()) = typical.changed() => Woken::Typical,
            said = socket.recv() => Woken::Said(said),
            brought = brought => brought,
            news = gathered => news,
        }
    }

    async fn act(&mut self, woken: Woken) -> Result<(), Leave> {
        match woken {
            Woken::Stop => Err(Leave::Close(code::GOING, "the daemon ends")),
            Woken::Beat => self.beat().await,
            Woken::Status => self.state().await,
            Woken::Session => self.session(),
            Woken::Typical => {
                let typical = self.typical.borrow_and_update().clone();
                self.say(&json!({ "type": "typical", "typical": &*typical })).await
            }
            Woken::Said(said) => self.said(said).await,
            Woken::Brought(there) => self.brought(there).await,
            Woken::News(news) => self.news(news).await,
            // The link is the live feed's to tell of.
            Woken::Old(News::Link { .. }) => Ok(()),
            Woken::Old(news) => self.news(news).await,
        }
    }

    async fn beat(&mut self) -> Result<(), Leave> {
        self.said = 0;
        self.session()?;
        let beat = json!({ "type": "beat", "now": self.now() });
        self.say(&beat).await
    }

    /// A session that is over or locked shows nothing any more.
    fn session(&mut self) -> Result<(), Leave> {
        self.standing.borrow_and_update();
        self.still(Presence::Watches)
    }

    fn still(&self, presence: Presence) -> Result<(), Leave> {
        match self.app.people.session(&self.visitor.token, presence) {
            Ok(person) if person == self.visitor.person => Ok(()),
            Ok(_) | Err(NoEntry::NoSession) => Err(Leave::Close(code::NO_SESSION, "the session is over")),
            Err(NoEntry::Locked) => Err(Leave::Close(code::LOCKED, "the screen is locked")),
        }
    }

    /// Tells the state if it is another one for this desk.
    async fn state(&mut self) -> Result<(), Leave> {
        let status = self.status.borrow_and_update().clone();
        let Some(state) = desk::compose(&self.app.site, &status, &self.visitor.person.agency) else { return Ok(()) };
        if self.told.as_ref() == Some(&state) {
            return Ok(());
        }
        self.generation += 1;
        let text = desk::message(&state, self.generation, self.app.clock.moment(), &self.now());
        self.socket.send(Message::Text(text.into())).await?;
        for subject in &state.subjects {
            subject.images.iter().for_each(|image| self.app.known.add(image, Some(&subject.id)));
        }
        self.told = Some(state);
        self.report();
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
            Said::Here => self.still(Presence::Acts),
            Said::Want { image } => self.want(&image).await,
            Said::Shown { image, revision } => {
                let told = self.reported.contains(&image) || self.drawn.iter().any(|known| known.id == image);
                if self.drawn.len() < DRAWN_MAX && !told {
                    self.drawn.push(ImageRef { id: image, revision });
                }
                self.report();
                Ok(())
            }
        }
    }

    /// Puts on record what was drawn, once the image is known to be of a subject: a live one is drawn before it is.
    fn report(&mut self) {
        let Some(told) = &self.told else { return };
        let of = |image: &ImageRef| told.subjects.iter().find(|subject| subject.images.contains(&image.id));
        let known: Vec<_> = self.drawn.extract_if(.., |image| of(image).is_some()).collect();
        for image in known {
            let Some(inspection) = of(&image).map(|subject| subject.id.clone()) else { continue };
            self.reported.push_back(image.id.clone());
            if self.reported.len() > DRAWN_MAX {
                self.reported.pop_front();
            }
            let call = Call::Act { officer: self.visitor.officer(), act: Act::Shown { inspection, image } };
            let app = self.app.clone();
            tokio::spawn(async move { app.ask(call).await });
        }
    }

    /// From memory, else from evidence, which takes its time. Whoever asks for another image meanwhile no longer wants
    /// the one before.
    async fn want(&mut self, image: &Arc<str>) -> Result<(), Leave> {
        if self.watcher.want(image) || self.old.want(image) {
            return Ok(());
        }
        let app = self.app.clone();
        let task = match (app.typical.named(image), app.known.named(image)) {
            (Some(entry), _) => {
                tokio::spawn(async move { typical::bring_back(&entry, &app.archive, &app.recalled).await })
            }
            (None, Some(wanted)) => tokio::spawn(async move { app.archive.bring_back(&wanted, &app.recalled).await }),
            (None, None) => return self.say(&json!({ "type": "gone", "image": image })).await,
        };
        if let Some((_, before)) = self.bringing.replace((image.clone(), task)) {
            before.abort();
        }
        Ok(())
    }

    async fn brought(&mut self, there: bool) -> Result<(), Leave> {
        let Some((image, _)) = self.bringing.take() else { return Ok(()) };
        if there && self.old.want(&image) {
            return Ok(());
        }
        self.say(&json!({ "type": "gone", "image": image })).await
    }

    async fn news(&mut self, news: News) -> Result<(), Leave> {
        let told = match news {
            News::Lines(lines) => {
                let frame = frame::encode(&lines);
                self.gather = (frame.len() < WORTH_SENDING).then(|| Box::pin(tokio::time::sleep(GATHER)));
                return Ok(self.socket.send(Message::Binary(frame)).await?);
            }
            News::Link { up } => json!({ "type": "link", "up": up }),
            News::Begin { image, number, format, made } => {
                self.app.known.add(&image, None);
                json!({
                    "type": "image.begin", "image": image, "number": number, "format": &*format,
                    "made": rfc3339_millis(made),
                })
            }
            News::End { image, number, outcome, missing } => json!({
                "type": "image.end", "image": image, "number": number, "outcome": outcome, "missing": missing,
            }),
            News::Gone { image, number } => json!({ "type": "gone", "image": image, "number": number }),
        };
        self.say(&told).await
    }

    async fn say(&mut self, message: &Value) -> Result<(), Leave> {
        Ok(self.socket.send(Message::Text(message.to_string().into())).await?)
    }

    fn now(&self) -> String {
        rfc3339_millis(self.app.clock.wall())
    }
}

/// As RFC 4648 has it, for a browser's `atob`.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

const fn nonsense() -> Leave {
    Leave::Close(code::NONSENSE, "this is not what a page of this lane says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let standard =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("\u{ff}>", "w78+")];
        for (plain, text) in standard {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}

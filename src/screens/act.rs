//! What a person does at a screen, on the same way as what is done at the shell: the answer comes when it is on record.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::once::{Pending, Turn};
use super::reply::Code;
use super::{App, Visitor, reply, typical};
use crate::control::call::{self, Call, Reply};
use crate::control::socket::{self, Caller};
use crate::lane::Act;

/// What a page sends. Who acts is the session's person, never in here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    act: Act,
    idempotency: Uuid,
}

pub(super) async fn act(State(app): State<Arc<App>>, visitor: Visitor, body: Bytes) -> Response {
    if !visitor.person.role.judges() {
        let message = "only officers and supervisors act on the lane";
        return reply::refused(StatusCode::FORBIDDEN, Code::NotAllowed, message);
    }
    let Wish { act, idempotency } = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => {
            let message = format!("the act cannot be read: {error}");
            return reply::refused(StatusCode::UNPROCESSABLE_ENTITY, Code::Unreadable, &message);
        }
    };
    if judges_a_typical_image(&act) {
        let message = "a typical image is there to compare with; judge the subject's own image";
        return reply::refused(StatusCode::UNPROCESSABLE_ENTITY, Code::TypicalImage, message);
    }
    if app.judged_blindly(&visitor, &act) {
        let message = "a verdict from a screen names the image that it rests on; load the page again";
        return reply::refused(StatusCode::UNPROCESSABLE_ENTITY, Code::NoImage, message);
    }
    let call = Call::Act { officer: visitor.officer(), act };
    match app.once.turn(&visitor.person.name, idempotency, &body) {
        Turn::First(promise) => {
            let pending = promise.pending();
            // It is done to its end although the page may leave.
            tokio::spawn(async move { promise.keep(app.ask(call).await) });
            answered(pending).await
        }
        Turn::Again(pending) => answered(pending).await,
        Turn::Other => {
            let message = "this key was used for another act; load the page again";
            reply::refused(StatusCode::UNPROCESSABLE_ENTITY, Code::KeyReused, message)
        }
    }
}

/// How far the desks agree, from inspections that are closed.
pub(super) async fn stats(State(app): State<Arc<App>>, _visitor: Visitor) -> Response {
    let agreement = app.status.borrow().agreement.clone();
    reply::done("of closed inspections", json!({ "stats": agreement }))
}

/// The lane would refuse it too, as an image that is none of the inspection.
fn judges_a_typical_image(act: &Act) -> bool {
    matches!(act, Act::Judge { image: Some(image), .. } if typical::is_typical(&image.id))
}

async fn answered(pending: Pending) -> Response {
    match pending.answer().await {
        Some(answer) => reply::of_control(&answer),
        None => reply::failed("the daemon stopped before it answered; look whether it was recorded"),
    }
}

impl App {
    /// Only the shell may judge without naming an image: a page that does not say what it shows may show another one.
    fn judged_blindly(&self, visitor: &Visitor, act: &Act) -> bool {
        let Act::Judge { inspection, image: None, .. } = act else { return false };
        let status = self.status.borrow();
        let sight = status.sights.get(&visitor.person.agency);
        let subjects = sight.into_iter().flat_map(|sight| &sight.subjects);
        subjects.filter(|subject| subject.id == *inspection).any(|subject| subject.image.is_some())
    }

    /// Asks the control task. A stop waits neither for a place nor behind any other call.
    pub(super) async fn ask(&self, call: Call) -> Reply {
        if let Call::Act { officer, act: Act::Stop } = &call {
            let stop = Call::Act { officer: call::legible(officer), act: Act::Stop };
            return socket::pass(&self.stops, stop, Caller::Screen).await;
        }
        if let Err(message) = call::readable(&call) {
            return Reply::Refused { code: call::UNREADABLE.to_owned(), message };
        }
        let Ok(_place) = self.acting.try_acquire() else {
            let message = "too many acts wait to be on disk; nothing was done, try again in a few seconds";
            return Reply::Refused { code: Code::TooManyActs.code().to_owned(), message: message.to_owned() };
        };
        socket::pass(&self.calls, call, Caller::Screen).await
    }
}

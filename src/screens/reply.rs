//! Every answer of the API has one shape: `reply`, a stable `code` where it was refused, and a sentence for the person.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::guard::Turned;
use crate::control::call::{self, Reply};
use crate::people::{Denied, NoEntry};

/// Why the pages refuse by themselves; what the lane and the people refuse has codes of its own. The pages' words have a
/// sentence for each in every language, and a test reads them out of here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Failed,
    Foreign,
    KeyReused,
    Method,
    NoImage,
    NoSuchDesk,
    NoSuchImage,
    NoSuchPage,
    NotAllowed,
    NotJson,
    NotYourDesk,
    TooLarge,
    TooManyActs,
    TooManyDesks,
    TooSlow,
    TypicalImage,
    Unreadable,
    WrongHost,
}

impl Code {
    /// Stable code of the reason.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Foreign => "foreign",
            Self::KeyReused => "key_reused",
            Self::Method => "method",
            Self::NoImage => "no_image",
            Self::NoSuchDesk => "no_such_desk",
            Self::NoSuchImage => "no_such_image",
            Self::NoSuchPage => "no_such_page",
            Self::NotAllowed => "not_allowed",
            Self::NotJson => "not_json",
            Self::NotYourDesk => "not_your_desk",
            Self::TooLarge => "too_large",
            Self::TooManyActs => "too_many_acts",
            Self::TooManyDesks => "too_many_desks",
            Self::TooSlow => "too_slow",
            Self::TypicalImage => "typical_image",
            Self::Unreadable => "unreadable",
            Self::WrongHost => "wrong_host",
        }
    }
}

/// Why an answer is a refusal, for whoever dresses it as a page.
#[derive(Clone, Debug)]
pub(super) struct Refused(pub(super) String);

/// Done, with what else the page wants to know.
pub(super) fn done(message: &str, more: Value) -> Response {
    let mut body = json!({ "reply": "done", "message": message });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Json(body).into_response()
}

/// Refused; nothing was done.
pub(super) fn refused(status: StatusCode, code: Code, message: &str) -> Response {
    answered(status, "refused", code.code(), message)
}

fn answered(status: StatusCode, reply: &str, code: &str, message: &str) -> Response {
    let body = json!({ "reply": reply, "code": code, "message": message });
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(Refused(code.to_owned()));
    response
}

/// The answer that the control task gave.
pub(super) fn of_control(reply: &Reply) -> Response {
    match reply {
        Reply::Done { message } => done(message, Value::Null),
        Reply::Refused { code, message } => {
            let status = match code.as_str() {
                call::UNREADABLE => StatusCode::UNPROCESSABLE_ENTITY,
                code if code == Code::TooManyActs.code() => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::CONFLICT,
            };
            answered(status, "refused", code, message)
        }
        Reply::Failed { message } => failed(message),
        Reply::Status { .. }
        | Reply::Points { .. }
        | Reply::Records { .. }
        | Reply::Verified { .. }
        | Reply::Users { .. }
        | Reply::Code { .. }
        | Reply::Part { .. } => {
            failed("the daemon answered something else; look at the journal whether it was recorded")
        }
    }
}

/// It failed at run time; the sentence says whether anything was done.
pub(super) fn failed(message: &str) -> Response {
    answered(StatusCode::SERVICE_UNAVAILABLE, "failed", Code::Failed.code(), message)
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        refused(self.status, self.code, self.message)
    }
}

impl IntoResponse for NoEntry {
    fn into_response(self) -> Response {
        answered(StatusCode::UNAUTHORIZED, "refused", self.code(), &self.to_string())
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Wrong | Self::NoSession | Self::SessionLocked => StatusCode::UNAUTHORIZED,
            Self::Wait { .. } | Self::Locked { .. } | Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Weak(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Disabled
            | Self::CodeExpired
            | Self::NotOfThisLane
            | Self::NoSuccessor
            | Self::SamePerson
            | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::Unkept(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = answered(status, "refused", self.code(), &self.to_string());
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds(wait));
        }
        response
    }
}

/// Rounded up, so that nobody comes back too early.
fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
}

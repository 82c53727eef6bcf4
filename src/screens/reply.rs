//! Every answer of the API has one shape: `reply`, a stable `code` where it was refused, and a sentence for the person.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::guard::Turned;
use crate::control::call::{self, Reply};
use crate::people::{Denied, NoEntry};

/// Done, with what else the page wants to know.
pub(super) fn done(message: &str, more: Value) -> Response {
    let mut body = json!({ "reply": "done", "message": message });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Json(body).into_response()
}

/// Refused; nothing was done.
pub(super) fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "reply": "refused", "code": code, "message": message }))).into_response()
}

/// The answer that the control task gave.
pub(super) fn of_control(reply: &Reply) -> Response {
    match reply {
        Reply::Done { message } => done(message, Value::Null),
        Reply::Refused { code, message } if code == call::UNREADABLE => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, code, message)
        }
        Reply::Refused { code, message } => refused(StatusCode::CONFLICT, code, message),
        Reply::Failed { message } => failed(message),
        Reply::Status { .. }
        | Reply::Points { .. }
        | Reply::Records { .. }
        | Reply::Users { .. }
        | Reply::Code { .. }
        | Reply::Verified { .. } => {
            failed("the daemon answered something else; look at the journal whether it was recorded")
        }
    }
}

/// It failed at run time; the sentence says whether anything was done.
pub(super) fn failed(message: &str) -> Response {
    let body = json!({ "reply": "failed", "code": "failed", "message": message });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        refused(self.status, self.code, self.message)
    }
}

impl IntoResponse for NoEntry {
    fn into_response(self) -> Response {
        refused(StatusCode::UNAUTHORIZED, self.code(), &self.to_string())
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
        let mut response = refused(status, self.code(), &self.to_string());
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

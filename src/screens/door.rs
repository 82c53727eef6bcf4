//! The way in: what is asked of every request before anything is done for it, and what every answer carries.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use super::reply::Code;
use super::{App, Visitor, act, archive, dress, guard, live, login, pages, reply};
use crate::people::{NoEntry, Presence};

/// The session's cookie: no other site, no script and no plain connection sees it.
pub(super) const COOKIE: &str = "__Host-portside";

/// Every route there is.
pub(super) fn router(app: Arc<App>) -> axum::Router {
    axum::Router::new()
        .route("/", get(pages::landing))
        .route("/login", get(pages::login))
        .route("/desk/{station}/{agency}", get(pages::desk))
        .route("/desk/{station}/{agency}/live", any(live::open))
        .route("/assets/{*path}", get(pages::asset))
        .route("/favicon.ico", get(pages::icon))
        .route("/healthz", get(pages::health))
        .route("/api/login", post(login::login))
        .route("/api/first", post(login::first))
        .route("/api/logout", post(login::logout))
        .route("/api/lock", post(login::lock))
        .route("/api/unlock", post(login::unlock))
        .route("/api/hand-over", post(login::hand_over))
        .route("/api/me", get(login::me))
        .route("/api/act", post(act::act))
        .route("/api/stats", get(act::stats))
        .route("/api/image/{id}/presentation.png", get(archive::presentation))
        .fallback(|| async { reply::refused(StatusCode::NOT_FOUND, Code::NoSuchPage, "there is no such page") })
        .layer(middleware::from_fn_with_state(app.clone(), pass))
        .with_state(app)
}

/// Lets a request in, and dresses its answer.
async fn pass(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let by_hand = dress::navigates(request.method(), request.uri().path(), request.headers());
    let mut response = match admit(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    };
    if by_hand {
        response = dress::dressed(response);
    }
    let headers = response.headers_mut();
    for (name, value) in guard::SEALED_IN {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if api || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// A request that comes from one of our own pages, with its body whole and bounded.
async fn admit(app: &App, request: Request) -> Result<Request, Response> {
    let (mut parts, body) = request.into_parts();
    let called = app.hosts.called(&parts.uri, &parts.headers).map_err(IntoResponse::into_response)?;
    match parts.method {
        Method::GET | Method::HEAD => {
            if parts.uri.path().starts_with("/api/") {
                guard::may_read(&parts.headers).map_err(IntoResponse::into_response)?;
            }
            parts.extensions.insert(Called(called));
            // Nothing of ours reads a body here.
            Ok(Request::from_parts(parts, Body::empty()))
        }
        Method::POST => {
            guard::may_post(&called, &parts.headers).map_err(IntoResponse::into_response)?;
            let whole = tokio::time::timeout(app.limits.body, to_bytes(body, app.limits.body_bytes));
            match whole.await {
                Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
                Ok(Err(_)) => {
                    Err(closing(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, "the request's body is too long"))
                }
                Err(_) => Err(closing(StatusCode::REQUEST_TIMEOUT, Code::TooSlow, "the request's body took too long")),
            }
        }
        _ => Err(reply::refused(StatusCode::METHOD_NOT_ALLOWED, Code::Method, "only GET and POST are answered")),
    }
}

/// The rest of the body is not read, so nothing else can come on this connection.
fn closing(status: StatusCode, code: Code, message: &str) -> Response {
    let mut response = reply::refused(status, code, message);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The name by which the request called us.
#[derive(Clone, Debug)]
pub(super) struct Called(pub(super) axum::http::uri::Authority);

/// The token of the session's cookie, if there is exactly one.
pub(super) fn token(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut found = None;
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    for pair in lines.flat_map(|line| line.split(';')) {
        if let Some((COOKIE, token)) = pair.trim().split_once('=')
            && found.replace(token.into()).is_some()
        {
            return None;
        }
    }
    found
}

/// Who asks, without putting the idle lock off.
pub(super) fn visitor(app: &App, headers: &HeaderMap, presence: Presence) -> Result<Visitor, NoEntry> {
    let token = token(headers).ok_or(NoEntry::NoSession)?;
    let person = app.people.session(&token, presence)?;
    Ok(Visitor { token, person })
}

/// A person who does something.
impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = NoEntry;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, NoEntry> {
        visitor(app, &parts.headers, Presence::Acts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cookie_is_a_session_and_two_are_somebodys_trick() {
        let head = |line: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(line))]);
        assert_eq!(token(&head("a=b; __Host-portside=12ab; c=d")).as_deref(), Some("12ab"));
        for none in ["", "a=b", "__Host-portside", "portside=1", "__Host-portside=1; __Host-portside=2"] {
            assert_eq!(token(&head(none)), None, "{none}");
        }
    }
}

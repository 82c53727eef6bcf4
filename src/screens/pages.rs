//! The pages themselves: files inside the program, so that no path of a request ever reaches a disk.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use include_dir::{Dir, include_dir};

use super::reply::Code;
use super::{App, door, reply};

static WEB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/screens/web");

/// The control task publishes every second while it is well.
const CONTROL_SILENCE: Duration = Duration::from_secs(10);

pub(super) async fn landing() -> Response {
    file("index.html")
}

pub(super) async fn login() -> Response {
    file("login.html")
}

/// A desk's page for whoever is logged in; the WebSocket behind it looks whose desk it is.
pub(super) async fn desk(
    State(app): State<Arc<App>>,
    Path((station, agency)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if *station != *app.site.station || app.site.seat(&agency).is_none() {
        return reply::refused(StatusCode::NOT_FOUND, Code::NoSuchDesk, "this station has no such desk");
    }
    let token = door::token(&headers);
    let Some((person, _)) = token.and_then(|token| app.people.holder(&token)) else {
        return Redirect::to(&format!("/login?to=/desk/{station}/{agency}")).into_response();
    };
    if !person.role.judges() {
        return reply::refused(StatusCode::FORBIDDEN, Code::NotAllowed, "only officers and supervisors sit at a desk");
    }
    if *person.agency != *agency {
        return reply::refused(StatusCode::FORBIDDEN, Code::NotYourDesk, "this desk is another agency's");
    }
    file("desk.html")
}

pub(super) async fn asset(Path(path): Path<String>) -> Response {
    let mut response = file(&path);
    // A page of another version of the program must not run with an asset of this one.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Browsers ask for it where a page names none, such as for a refusal.
pub(super) async fn icon() -> Response {
    file("icon.svg")
}

/// Well while the control task is.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let silent = app.clock.moment().since(app.status.borrow().at);
    match silent <= CONTROL_SILENCE {
        true => (StatusCode::OK, "well\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the control task is silent\n").into_response(),
    }
}

fn file(path: &str) -> Response {
    match (WEB.get_file(path), kind(path)) {
        (Some(file), Some(kind)) => ([(header::CONTENT_TYPE, kind)], file.contents()).into_response(),
        _ => reply::refused(StatusCode::NOT_FOUND, Code::NoSuchPage, "there is no such page"),
    }
}

/// The media type of what pages are made of; nothing else is served.
fn kind(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    Some(match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        _ => return None,
    })
}

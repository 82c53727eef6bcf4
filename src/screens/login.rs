//! Logging in and out, locking and handing over: the web's side of [`crate::people`].

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::listen::Peer;
use super::reply::Code;
use super::{App, Site, door, reply};
use crate::people::{Denied, NoEntry, Person, Secret, Session, Standing};

/// What the login page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

/// The first login: the one-time code, and the password from then on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    name: String,
    code: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlock {
    password: String,
}

pub(super) async fn login(State(app): State<Arc<App>>, Extension(peer): Extension<Peer>, body: Bytes) -> Response {
    let Login { name, password } = match read(&body) {
        Ok(login) => login,
        Err(refused) => return *refused,
    };
    begun(&app, app.people.login(&name, Secret::new(password), &from(&peer)).await)
}

pub(super) async fn first(State(app): State<Arc<App>>, Extension(peer): Extension<Peer>, body: Bytes) -> Response {
    let First { name, code, password } = match read(&body) {
        Ok(first) => first,
        Err(refused) => return *refused,
    };
    let (code, chosen) = (Secret::new(code), Secret::new(password));
    begun(&app, app.people.first_login(&name, code, chosen, &from(&peer)).await)
}

pub(super) async fn hand_over(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Login { name, password } = match read(&body) {
        Ok(login) => login,
        Err(refused) => return *refused,
    };
    let Some(token) = door::token(&headers) else { return Denied::NoSession.into_response() };
    begun(&app, app.people.hand_over(&token, &name, Secret::new(password), &from(&peer)).await)
}

pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Unlock { password } = match read(&body) {
        Ok(unlock) => unlock,
        Err(refused) => return *refused,
    };
    let Some(token) = door::token(&headers) else { return Denied::NoSession.into_response() };
    match app.people.unlock(&token, Secret::new(password), &from(&peer)).await {
        Ok(person) => reply::done("unlocked", about(&app.site, Some((&person, Standing::Open)))),
        Err(denied) => denied.into_response(),
    }
}

pub(super) async fn lock(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match door::token(&headers) {
        Some(token) => app.people.lock(&token),
        None => return NoEntry::NoSession.into_response(),
    }
    reply::done("locked", Value::Null)
}

pub(super) async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(token) = door::token(&headers) {
        app.people.logout(&token).await;
    }
    let mut response = reply::done("logged out", Value::Null);
    let over = format!("{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", door::COOKIE);
    if let Ok(cookie) = HeaderValue::from_str(&over) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Who is here, where this is, and which desks there are. The page asks by itself, which is no sign of a person.
pub(super) async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let holder = door::token(&headers).and_then(|token| app.people.holder(&token));
    match &holder {
        Some((person, standing @ (Standing::Open | Standing::Locked))) => {
            reply::done("you are logged in", about(&app.site, Some((person, *standing))))
        }
        // Asking who is here is no attempt to get in, so nobody is refused.
        Some((_, Standing::Ended(_))) | None => reply::done("nobody is logged in", about(&app.site, None)),
    }
}

fn about(site: &Site, holder: Option<(&Person, Standing)>) -> Value {
    let desks = site.seats.iter().map(|seat| {
        let path = format!("/desk/{}/{}", site.station, seat.agency);
        json!({ "agency": seat.agency, "name": site.name_of(&seat.agency), "role": seat.role, "path": path })
    });
    let mut about = json!({
        "lane": { "port": site.port, "id": site.lane, "name": site.name },
        "station": { "id": site.station, "desks": desks.collect::<Vec<_>>() },
        "standing": "none",
    });
    if let Some((person, standing)) = holder {
        about["me"] = json!(person);
        about["agency"] = json!({ "id": person.agency, "name": site.name_of(&person.agency) });
        about["standing"] = json!(if standing == Standing::Locked { "locked" } else { "open" });
    }
    about
}

/// The cookie of a session that has begun. It lasts as long as the browser runs; the daemon ends the session by itself.
fn begun(app: &App, session: Result<Session, Denied>) -> Response {
    let session = match session {
        Ok(session) => session,
        Err(denied) => return denied.into_response(),
    };
    let mut response = reply::done("logged in", about(&app.site, Some((&session.person, Standing::Open))));
    let cookie = format!("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict", door::COOKIE, session.token.expose());
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn from(peer: &Peer) -> String {
    peer.address.ip().to_canonical().to_string()
}

/// The body as the page sends it. What stands in it is never repeated: it may be a password.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<Response>> {
    let unreadable = |_| {
        let message = "the request is not what this page sends; load the page again";
        Box::new(reply::refused(StatusCode::UNPROCESSABLE_ENTITY, Code::Unreadable, message))
    };
    serde_json::from_slice(body).map_err(unreadable)
}

//! A refusal that a person meets in the address bar is a page, in that person's language; scripts keep their JSON.
//!
//! The page knows the code alone: its words are those of every other page, and who is here it asks as they do.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::reply::{Code, Refused};

const PAGE: &str = include_str!("web/refused.html");
/// Under a name that is not ours nothing else is served, so this page stands alone.
const MISDIRECTED: &str = include_str!("web/misdirected.html");
/// Stands for the code in the page.
const PLACE: &str = "@CODE@";
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a person goes to this address, and no script asks.
pub(super) fn navigates(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let page = match headers.get(FETCH_DEST) {
        Some(destination) => destination == "document",
        // Browsers older than 2023 do not say it.
        None => headers.get(header::ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html")),
    };
    page && *method == Method::GET && !path.starts_with("/api/")
}

/// The same refusal as a page; what is no refusal stays as it is.
pub(super) fn dressed(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let code = response.extensions().get::<Refused>().map_or(Code::NoSuchPage.code().to_owned(), |it| it.0.clone());
    let page = match status {
        StatusCode::MISDIRECTED_REQUEST => MISDIRECTED.to_owned(),
        _ => PAGE.replace(PLACE, &code),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, Body::from(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn an_address_bar_navigates_and_a_script_an_image_and_the_api_do_not() {
        let (html, json) = (("accept", "text/html,application/xhtml+xml;q=0.9"), ("accept", "application/json"));
        for (fields, path, goes) in [
            (&[("sec-fetch-dest", "document"), html][..], "/desk/xr1/ciq", true),
            (&[html], "/desk/xr1/ciq", true),
            (&[("sec-fetch-dest", "document"), html], "/api/act", false),
            (&[("sec-fetch-dest", "empty"), html], "/desk/xr1/ciq", false),
            (&[("sec-fetch-dest", "image")], "/desk/xr1/ciq", false),
            (&[json], "/desk/xr1/ciq", false),
            (&[("accept", "*/*")], "/desk/xr1/ciq", false),
            (&[], "/", false),
        ] {
            assert_eq!(navigates(&Method::GET, path, &head(fields)), goes, "{path} {fields:?}");
        }
        assert!(!navigates(&Method::POST, "/", &head(&[html])));
    }

    #[test]
    fn the_page_has_one_place_for_the_code() {
        assert_eq!(PAGE.matches(PLACE).count(), 1);
        assert!(!MISDIRECTED.contains("/assets/"), "assets have no name there either");
    }
}

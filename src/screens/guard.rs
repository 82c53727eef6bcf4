//! Who may ask at all, judged from the head of a request: pure, so that every trick is a line of a table.
//!
//! A page of another site can make a browser send a request with the officer's cookie. It cannot make it say that it
//! comes from here: browsers write `Origin` and `Sec-Fetch-Site` themselves, and no form can set `X-Portside`.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

use super::reply::Code;

/// The header that only a script of ours sets.
pub(super) const OURS: HeaderName = HeaderName::from_static("x-portside");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    /// Status of the answer.
    pub status: StatusCode,
    /// Stable code.
    pub code: Code,
    /// The sentence.
    pub message: &'static str,
}

const fn turned(status: StatusCode, code: Code, message: &'static str) -> Turned {
    Turned { status, code, message }
}

/// The names by which this daemon may be called.
#[derive(Clone, Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Names and addresses without port; IPv6 addresses with or without brackets.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let bare = |name: String| name.trim_matches(['[', ']']).to_ascii_lowercase();
        Self(names.into_iter().map(bare).collect())
    }

    /// The authority that the request was sent to, if it is one of ours: a name that somebody else's name server gives
    /// out for this address is not.
    ///
    /// # Errors
    /// When there is none, or another.
    pub(super) fn called(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Turned> {
        let misdirected = turned(
            StatusCode::MISDIRECTED_REQUEST,
            Code::WrongHost,
            "this daemon is not known under the name in the request; `hosts` of [screens] lists its names",
        );
        let mut named = headers.get_all(HOST).iter();
        let host = match (named.next(), named.next()) {
            (Some(host), None) => host,
            (None, _) | (_, Some(_)) => return Err(misdirected),
        };
        let host = Authority::try_from(host.as_bytes()).map_err(|_| misdirected)?;
        let same = uri.authority().is_none_or(|authority| *authority == host);
        let known = self.0.contains(&host.host().trim_matches(['[', ']']).to_ascii_lowercase());
        if same && known && !host.as_str().contains('@') { Ok(host) } else { Err(misdirected) }
    }
}

/// May this head change anything? `called` is what [`Hosts::called`] gave.
///
/// # Errors
/// When it comes from elsewhere, or is not what our pages send.
pub(super) fn may_post(called: &Authority, headers: &HeaderMap) -> Result<(), Turned> {
    from_here(called, headers)?;
    let foreign = turned(StatusCode::FORBIDDEN, Code::Foreign, "the request was not made by a page of this lane");
    if !headers.contains_key(OURS) {
        return Err(foreign);
    }
    let json = |value: &HeaderValue| {
        let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
    };
    match one(headers, &CONTENT_TYPE).ok_or(foreign)? {
        kind if json(kind) => Ok(()),
        _ => Err(turned(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::NotJson, "the request's body has to be JSON")),
    }
}

/// May this head open a WebSocket? No script can set a header on one, so its origin decides.
///
/// # Errors
/// When it comes from elsewhere.
pub(super) fn from_here(called: &Authority, headers: &HeaderMap) -> Result<(), Turned> {
    let foreign = turned(StatusCode::FORBIDDEN, Code::Foreign, "the request was not made by a page of this lane");
    let origin = one(headers, &ORIGIN).ok_or(foreign)?;
    let authority = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    let same = authority.is_some_and(|origin| origin.eq_ignore_ascii_case(called.as_str()));
    if same && site_is_ours(headers) { Ok(()) } else { Err(foreign) }
}

/// May this head read what only a person may? A cookie that is `SameSite=Strict` should have stayed away already.
///
/// # Errors
/// When a page of another site asks.
pub(super) fn may_read(headers: &HeaderMap) -> Result<(), Turned> {
    let ours = headers.get_all(FETCH_SITE).iter().all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let foreign = turned(StatusCode::FORBIDDEN, Code::Foreign, "the request was not made by a page of this lane");
    if ours { Ok(()) } else { Err(foreign) }
}

/// Browsers older than 2023 do not send it.
fn site_is_ours(headers: &HeaderMap) -> bool {
    headers.get_all(FETCH_SITE).iter().all(|site| site.as_bytes() == b"same-origin")
}

/// The header's value, if it is there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

/// What every answer carries.
pub(super) const SEALED_IN: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(["Lane3.port".to_owned(), "10.0.0.5".to_owned(), "[::1]".to_owned()])
    }

    fn head(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    fn called(host: &'static str) -> Result<Authority, Turned> {
        hosts().called(&Uri::from_static("/"), &head(&[("host", host)]))
    }

    #[test]
    fn only_our_own_names_are_answered_to() {
        for host in ["lane3.port", "LANE3.PORT:8443", "10.0.0.5:8443", "[::1]:8443"] {
            assert_eq!(called(host).map(|host| host.to_string()), Ok(host.to_owned()));
        }
        for host in
            ["evil.example", "lane3.port.evil.example", "10.0.0.6", "", "lane3.port@evil.example", "a b", "x@10.0.0.5"]
        {
            assert_eq!(called(host).unwrap_err().status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
        assert!(hosts().called(&Uri::from_static("/"), &HeaderMap::new()).is_err());
        let mut twice = head(&[("host", "10.0.0.5")]);
        twice.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(hosts().called(&Uri::from_static("/"), &twice).is_err());
        let elsewhere = Uri::from_static("https://evil.example/");
        assert!(hosts().called(&elsewhere, &head(&[("host", "10.0.0.5")])).is_err());
    }

    #[test]
    fn only_what_our_own_page_sends_may_change_anything() {
        let host = called("10.0.0.5:8443").unwrap();
        let (origin, json, ours) = (
            ("origin", "https://10.0.0.5:8443"),
            ("content-type", "application/json; charset=utf-8"),
            ("x-portside", "1"),
        );
        let same = ("sec-fetch-site", "same-origin");
        assert_eq!(may_post(&host, &head(&[origin, json, ours, same])), Ok(()));
        assert_eq!(may_post(&host, &head(&[origin, json, ours])), Ok(()), "a browser that sends no Sec-Fetch-Site");
        for fields in [
            &[json, ours, same][..],
            &[origin, json, same],
            &[origin, ours, same],
            &[origin, json, ours, ("sec-fetch-site", "cross-site")],
            &[origin, json, ours, ("sec-fetch-site", "same-site")],
            &[("origin", "null"), json, ours],
            &[("origin", "http://10.0.0.5:8443"), json, ours],
            &[("origin", "https://10.0.0.5"), json, ours],
            &[("origin", "https://10.0.0.5:8443.evil.example"), json, ours],
        ] {
            assert_eq!(may_post(&host, &head(fields)).unwrap_err().status, StatusCode::FORBIDDEN, "{fields:?}");
        }
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let refused = may_post(&host, &head(&[origin, ("content-type", kind), ours])).unwrap_err();
            assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let mut two = head(&[origin, json, ours]);
        two.append(ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(may_post(&host, &two).is_err());
    }

    #[test]
    fn a_page_of_another_site_reads_nothing() {
        assert_eq!(may_read(&head(&[])), Ok(()));
        assert_eq!(may_read(&head(&[("sec-fetch-site", "none")])), Ok(()));
        assert!(may_read(&head(&[("sec-fetch-site", "cross-site")])).is_err());
    }
}

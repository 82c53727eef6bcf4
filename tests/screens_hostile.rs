//! What strangers and their pages send: nothing of it is served, nothing ends the daemon, and memory stays bounded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod screens_site;

use std::time::Duration;

use portside::image::feed::Settings;
use portside::people::Role;
use portside::screens::Limits;
use screens_site::{Answer, PASSWORD, Pages, Told, answer, format, line, patient, resident};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::RwLock;

const STOP: &str = r#"{"act":{"verb":"stop"},"idempotency":"00000000-0000-4000-8000-000000000001"}"#;

/// Nothing was given away and nothing done: refused in our own shape, or by a closed connection.
fn refused(what: &str, answer: &Answer) {
    assert!(matches!(answer.status, 0 | 400..=431), "{what}: {answer:?}");
    assert!(!String::from_utf8_lossy(&answer.body).contains("root:"), "{what}");
}

/// What a test of memory measures must be its own: the other tests wait for it.
static MEMORY: RwLock<()> = RwLock::const_new(());

async fn alive(pages: &Pages, cookie: &str) {
    let me = pages.get("/api/me", cookie).await;
    assert_eq!(me.status, 200, "the daemon does not serve its own page any more: {me:?}");
}

fn short() -> Limits {
    let moment = Duration::from_secs(5);
    Limits { handshake: moment, head: moment, body: moment, ..patient() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_page_of_ours_sends_changes_nothing() {
    let _together = MEMORY.read().await;
    let pages = Pages::open(2).await;
    let cookie = pages.login(0, Role::Officer).await;
    let host = pages.host();
    let (origin, evil) = (format!("https://{host}"), "https://evil.example".to_owned());
    let mut tried = 0;
    for path in ["/api/act", "/api/login", "/api/first", "/api/logout", "/api/lock", "/api/unlock", "/api/hand-over"] {
        for (says_origin, site, kind, ours) in [
            (Some(&evil), "cross-site", "application/json", true),
            (Some(&evil), "same-origin", "application/json", true),
            (Some(&origin), "cross-site", "application/json", true),
            (Some(&origin), "same-site", "application/json", true),
            (Some(&origin), "none", "application/json", true),
            (None, "same-origin", "application/json", true),
            (Some(&origin), "same-origin", "application/json", false),
            (Some(&origin), "same-origin", "text/plain", true),
            (Some(&origin), "same-origin", "text/plain", false),
            (Some(&origin), "same-origin", "application/x-www-form-urlencoded", false),
            (Some(&evil), "cross-site", "multipart/form-data; boundary=x", false),
            (Some(&"null".to_owned()), "cross-site", "text/plain", false),
        ] {
            let origin = says_origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
            let ours = if ours { "X-Portside: 1\r\n" } else { "" };
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\n{origin}Sec-Fetch-Site: {site}\r\n{ours}Content-Type: {kind}\r\n\
                 Content-Length: {}\r\nCookie: __Host-portside={cookie}\r\n\r\n{STOP}",
                STOP.len()
            );
            let answer = pages.say(request.as_bytes()).await;
            assert!(matches!(answer.status, 403 | 415), "{request}: {answer:?}");
            tried += 1;
        }
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
        let request = format!("{method} /api/act HTTP/1.1\r\nHost: {host}\r\nCookie: __Host-portside={cookie}\r\n\r\n");
        refused(method, &pages.say(request.as_bytes()).await);
        tried += 1;
    }
    for host in
        ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "", "localhost@evil.example", "[::ffff:1]"]
    {
        let request = format!("GET /api/me HTTP/1.1\r\nHost: {host}\r\nCookie: __Host-portside={cookie}\r\n\r\n");
        assert!(matches!(pages.say(request.as_bytes()).await.status, 400 | 421), "{host}");
        tried += 1;
    }
    for origin in ["https://evil.example", "null", "http://localhost", "https://localhost", ""] {
        let request = format!(
            "GET /desk/xr1/agency0/live HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Cookie: __Host-portside={cookie}\r\n\r\n"
        );
        assert_eq!(pages.say(request.as_bytes()).await.status, 403, "{origin}");
        tried += 1;
    }
    assert!(pages.acts.lock().unwrap().is_empty());
    alive(&pages, &cookie).await;
    println!("{tried} forged requests, none done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_leads_anywhere_but_to_the_pages() {
    let _together = MEMORY.read().await;
    let pages = Pages::open(1).await;
    let cookie = pages.login(0, Role::Officer).await;
    let up = [
        "../",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "..\\",
        "..%5c",
        "....//",
        "..;/",
        "%252e%252e%252f",
        "..%c0%af",
        "..%00/",
    ];
    let wanted = ["etc/passwd", "proc/self/environ", "Cargo.toml", "lane-key", "mod.rs"];
    let roots = ["/assets/", "/", "/api/image/", "/desk/", "/desk/xr1/"];
    let mut tried = 0;
    for root in roots {
        for dots in up {
            for file in wanted {
                let path = format!("{root}{}{file}", dots.repeat(6));
                refused(&path, &pages.get(&path, &cookie).await);
                tried += 1;
            }
        }
    }
    for id in ["..%2f..%2flane-key", "%00", "a%00b", "-", "%2e", &"a".repeat(64), &"g".repeat(64), &"0".repeat(4000)] {
        let path = format!("/api/image/{id}/presentation.png");
        refused(&path, &pages.get(&path, &cookie).await);
        tried += 1;
    }
    alive(&pages, &cookie).await;
    println!("{tried} paths, none served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_write_reaches_a_page_as_text_and_never_as_a_page() {
    let _together = MEMORY.read().await;
    let pages = Pages::open(1).await;
    let cookie = pages.login(0, Role::Officer).await;
    let scripts = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'-alert(1)-'",
        "</script><svg onload=alert(1)>",
        "javascript:alert(1)",
        "{{constructor.constructor('alert(1)')()}}",
        "${alert(1)}",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "\u{202e}<b>",
        "\\u003cscript\\u003e",
    ];
    for (number, script) in scripts.iter().enumerate() {
        let text = serde_json::to_string(script).unwrap();
        let act = format!(
            r#"{{"act":{{"verb":"identify","inspection":null,"identity":{text}}},"idempotency":"00000000-0000-4000-8000-0000000001{number:02}"}}"#
        );
        for answer in [
            pages.post("/api/act", &cookie, &act).await,
            pages.post("/api/login", "", &format!(r#"{{"name":{text},"password":{text}}}"#)).await,
            pages.get(&format!("/desk/{}/x", script.replace(' ', "%20").replace('#', "%23")), &cookie).await,
        ] {
            let head = answer.head.to_ascii_lowercase();
            assert!(!head.contains("text/html"), "{script}: {answer:?}");
            if answer.status != 0 && answer.status != 400 {
                assert!(head.contains("x-content-type-options: nosniff"), "{answer:?}");
                assert!(head.contains("content-security-policy: default-src 'self'"), "{answer:?}");
                assert!(!head.contains("unsafe-inline") && head.contains("frame-ancestors 'none'"), "{answer:?}");
                assert!(head.contains("cache-control: no-store"), "{answer:?}");
            }
        }
    }
    alive(&pages, &cookie).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_or_says_too_much_is_let_go_and_holds_nobody_up() {
    let _alone = MEMORY.write().await;
    let pages = Pages::with(1, short(), Settings::default()).await;
    let cookie = pages.login(0, Role::Officer).await;
    let before = resident();
    let mut desk = pages.desk(0, &cookie).await;
    desk.until("state").await;
    let host = pages.host();
    // Heads and bodies that never end, and connections that never speak TLS.
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut head = pages.connect().await;
        head.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-A: ").as_bytes()).await.unwrap();
        let mut body = pages.connect().await;
        let posted = pages.posted("/api/act", &cookie, STOP);
        body.write_all(&posted.as_bytes()[..posted.len() - 5]).await.unwrap();
        let idle = pages.connect().await;
        slow.extend([head, body, idle]);
    }
    let mut raw = tokio::net::TcpStream::connect(pages.address).await.unwrap();
    raw.write_all(b"\x16\x03\x01").await.unwrap();
    // Bodies and heads that are too long, and bytes that are no request.
    let (mut tried, mut most) = (0, before);
    for size in [65 << 10, 1 << 20, 16 << 20] {
        let body = "x".repeat(size);
        refused("a long body", &pages.post("/api/act", &cookie, &body).await);
        (tried, most) = (tried + 1, most.max(resident()));
    }
    refused(
        "many fields",
        &pages.say(format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "A: b\r\n".repeat(500)).as_bytes()).await,
    );
    refused(
        "a long field",
        &pages.say(format!("GET / HTTP/1.1\r\nHost: {host}\r\nA: {}\r\n\r\n", "b".repeat(1 << 20)).as_bytes()).await,
    );
    for seed in 0..250u64 {
        let noise: Vec<u8> = (0..200)
            .map(|place| (seed.wrapping_mul(6364136223846793005).wrapping_add(place * 1442695) >> 13) as u8)
            .collect();
        refused("noise", &pages.say(&noise).await);
        (tried, most) = (tried + 1, most.max(resident()));
    }
    let lying = format!(
        "POST /api/act HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 500\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    refused("two lengths", &pages.say(lying.as_bytes()).await);
    let deep = format!(r#"{{"act":{}"#, "[".repeat(60_000));
    refused("deep JSON", &pages.post("/api/act", &cookie, &deep).await);
    for mut one in slow {
        // Whatever is answered, the end comes.
        let mut rest = Vec::new();
        let _ = one.read_to_end(&mut rest).await;
    }
    let mut rest = Vec::new();
    let _ = raw.read_to_end(&mut rest).await;
    desk.until("beat").await;
    alive(&pages, &cookie).await;
    let grown = most.max(resident()).saturating_sub(before);
    println!("{tried} payloads, none served; memory {} kB before, {} kB more at most", before >> 10, grown >> 10);
    assert!(grown < 128 << 20, "{grown} bytes more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_talks_nonsense_is_let_go_and_the_next_desk_is_not() {
    let _together = MEMORY.read().await;
    let pages = Pages::open(2).await;
    let (cookie, mut other) = (pages.login(0, Role::Officer).await, pages.seat(1).await);
    for nonsense in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"type":"want"}"#,
        r#"{"type":"want","image":5}"#,
        r#"{"type":"shown","image":"i","revision":-1}"#,
        r#"{"type":"state"}"#,
        r#"{"type":"act","act":{"verb":"stop"}}"#,
    ] {
        let mut desk = pages.desk(0, &cookie).await;
        desk.say(nonsense).await;
        loop {
            match desk.next().await {
                Told::Closed(code) => break assert_eq!(code, 1008, "{nonsense}"),
                Told::Text(_) | Told::Lines(_) => {}
            }
        }
    }
    // A frame that claims to be long and stops half-way, an unmasked one, and a flood.
    for bytes in [&[0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3][..], &[0x81, 0x05, b'h'], &[0xff; 64]] {
        let mut desk = pages.desk(0, &cookie).await;
        desk.until("state").await;
        desk.socket.get_mut().write_all(bytes).await.unwrap();
        drop(desk);
    }
    let mut flood = pages.desk(0, &cookie).await;
    for _ in 0..200 {
        if tokio_tungstenite_send(&mut flood, r#"{"type":"want","image":"none"}"#).await.is_err() {
            break;
        }
    }
    loop {
        if let Told::Closed(_) = flood.next().await {
            break;
        }
    }
    pages.feed.begin("i".into(), &format(8));
    pages.feed.line("i", line(0, 8));
    other.until("image.begin").await;
    other.until("beat").await;
    assert!(pages.acts.lock().unwrap().is_empty());
}

async fn tokio_tungstenite_send(desk: &mut screens_site::Desk, text: &str) -> Result<(), ()> {
    use futures_util::SinkExt as _;
    let message = tokio_tungstenite::tungstenite::Message::text(text);
    desk.socket.send(message).await.map_err(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_every_place_of_one_address_is_sent_away_and_open_desks_go_on() {
    let _together = MEMORY.read().await;
    let limits = Limits { of_one: 20, ..patient() };
    let pages = Pages::with(1, limits, Settings::default()).await;
    let mut desk = pages.seat(0).await;
    desk.until("state").await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(tokio::net::TcpStream::connect(pages.address).await.unwrap());
    }
    let mut away = 0;
    for one in &mut crowd[40..] {
        let mut byte = [0];
        away += usize::from(matches!(one.read(&mut byte).await, Ok(0) | Err(_)));
    }
    assert_eq!(away, 160, "beyond the bound nobody waits");
    desk.until("beat").await;
    drop(crowd);
}

#[tokio::test]
async fn no_secret_stands_in_an_answer() {
    let _together = MEMORY.read().await;
    let pages = Pages::open(1).await;
    let cookie = pages.login(0, Role::Officer).await;
    let mut connection = pages.connect().await;
    let body = format!(r#"{{"name":"officer0","password":"{PASSWORD}","extra":"x"}}"#);
    connection.write_all(pages.posted("/api/login", &cookie, &body).as_bytes()).await.unwrap();
    let answer = answer(&mut connection).await;
    assert_eq!(answer.status, 422);
    let text = format!("{}{}", answer.head, String::from_utf8_lossy(&answer.body));
    assert!(!text.contains(PASSWORD) && !text.contains(&cookie), "{text}");
}

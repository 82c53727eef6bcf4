//! Desks over real TLS sockets: what each is told, whatever the others do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod screens_site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portside::image::feed::Settings;
use portside::image::files::tiff16;
use portside::image::{AIR, Line, Scan};
use portside::journal::{Draft, Stream};
use portside::lane::Act;
use portside::people::{Role, Secret};
use screens_site::{Desk, PASSWORD, Pages, Told, format, line, outcome, patient, sight, subject};
use serde_json::Value;

const PIXELS: u32 = 64;

/// All lines of one image that a desk was given, each checked.
async fn whole(desk: &mut Desk, image: &str, lines: u32) -> Vec<u8> {
    let (mut got, mut steps, mut number) = (BTreeSet::new(), Vec::new(), None);
    let mut ended = false;
    while !ended || (got.len() as u32) < lines {
        match desk.next().await {
            Told::Text(text) if text["image"] == image => match text["type"].as_str().unwrap() {
                "image.begin" => number = text["number"].as_u64(),
                "image.end" => {
                    assert_eq!((&text["outcome"]["lines"], &text["missing"]), (&lines.into(), &0.into()));
                    ended = true;
                }
                other => panic!("{other} of {image}"),
            },
            Told::Text(_) => {}
            Told::Lines(frame) if Some(u64::from(frame.number)) == number => {
                steps.push(frame.step);
                for ((index, samples), filled) in frame.lines().zip(&frame.filled) {
                    let sent = line(index, frame.pixels.into());
                    assert_eq!((samples, *filled), (&*sent.samples, sent.filled), "line {index}");
                    assert!(got.insert(index), "line {index} came twice");
                }
            }
            Told::Lines(_) => {}
            Told::Closed(code) => panic!("closed with {code}"),
        }
    }
    steps
}

fn write(pages: &Pages, image: &str, lines: std::ops::Range<u32>, pixels: u32) {
    lines.for_each(|index| pages.feed.line(image, line(index, pixels)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_desk_sees_every_line_though_others_come_and_go_during_the_scan() {
    for desks in [2, 3, 6] {
        let pages = Pages::open(desks).await;
        let mut seated = Vec::new();
        for agency in 0..desks - 1 {
            seated.push(pages.seat(agency).await);
        }
        let late = pages.login(desks - 1, Role::Officer).await;
        pages.feed.begin("i".into(), &format(PIXELS));
        write(&pages, "i", 0..200, PIXELS);
        seated[0].until("image.begin").await;
        let leaves = seated.remove(0);
        drop(leaves);
        let mut readers: Vec<_> = seated.into_iter().collect();
        readers.push(pages.desk(desks - 1, &late).await);
        let reading = readers.into_iter().map(|mut desk| tokio::spawn(async move { whole(&mut desk, "i", 500).await }));
        let reading: Vec<_> = reading.collect();
        for index in 200..500 {
            pages.feed.line("i", line(index, PIXELS));
            tokio::task::yield_now().await;
        }
        pages.feed.end("i", &outcome(500));
        assert_eq!(reading.len(), desks - 1);
        for desk in reading {
            desk.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_that_takes_nothing_is_thinned_and_gets_all_of_it_later_while_another_is_up_to_date() {
    let pages = Pages::with(2, patient(), Settings { behind: 100, ..Settings::default() }).await;
    let (mut slow, mut fast) = (pages.seat(0).await, pages.seat(1).await);
    slow.until("state").await;
    pages.feed.begin("i".into(), &format(1152));
    let reading = tokio::spawn(async move {
        whole(&mut fast, "i", 3_000).await;
        fast
    });
    for index in 0..3_000 {
        pages.feed.line("i", line(index, 1152));
        tokio::task::yield_now().await;
    }
    pages.feed.end("i", &outcome(3_000));
    // The slow one has not taken a byte by the time that the other has everything.
    reading.await.unwrap();
    let steps = whole(&mut slow, "i", 3_000).await;
    assert!(steps.iter().any(|step| *step > 1), "14 MB fit into no socket buffer");
}

#[tokio::test]
async fn a_page_hears_a_beat_each_second_though_the_control_task_answers_nobody() {
    let pages = Pages::open(2).await;
    let cookie = pages.login(0, Role::Officer).await;
    let mut desk = pages.desk(0, &cookie).await;
    let hello = desk.text("hello").await;
    assert_eq!((&hello["version"], &hello["heartbeat_ms"]), (&1.into(), &1000.into()));
    assert_eq!((&hello["me"]["agency"], &hello["lane"]["id"]), (&"agency0".into(), &"B1".into()));
    let mut stuck = pages.connect().await;
    let body = r#"{"act":{"verb":"confirm_clear"},"idempotency":"00000000-0000-4000-8000-000000000001"}"#;
    let posted = pages.posted("/api/act", &cookie, body);
    tokio::io::AsyncWriteExt::write_all(&mut stuck, posted.as_bytes()).await.unwrap();
    for _ in 0..3 {
        let beat = desk.text("beat").await;
        assert!(beat["now"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test]
async fn an_older_image_comes_again_when_it_is_asked_for_and_one_that_is_gone_is_said_to_be() {
    let pages = Pages::with(1, patient(), Settings { images: 2, ..Settings::default() }).await;
    for image in ["a", "b", "c"] {
        pages.feed.begin(image.into(), &format(PIXELS));
        write(&pages, image, 0..40, PIXELS);
        pages.feed.end(image, &outcome(40));
    }
    let mut desk = pages.seat(0).await;
    let hello = desk.text("hello").await;
    let listed: Vec<_> = hello["images"].as_array().unwrap().iter().map(|image| image["image"].clone()).collect();
    assert_eq!(listed, ["b", "c"]);
    whole(&mut desk, "c", 40).await;
    desk.say(r#"{"type":"want","image":"b"}"#).await;
    whole(&mut desk, "b", 40).await;
    desk.say(r#"{"type":"want","image":"a"}"#).await;
    assert_eq!(desk.text("gone").await["image"], "a");
}

#[tokio::test]
async fn a_live_image_that_memory_let_go_of_comes_back_from_the_file_that_it_became() {
    let pages = Pages::with(1, patient(), Settings { images: 1, ..Settings::default() }).await;
    let id = "019aa8a0-0000-7000-8000-000000000001";
    let lines = || (0..30).map(|index| air(index, PIXELS));
    let mut scan = Scan::new(format(PIXELS));
    lines().for_each(|line| assert!(scan.add(&line)));
    pages.feed.begin(id.into(), &format(PIXELS));
    lines().for_each(|line| pages.feed.line(id, line));
    pages.feed.end(id, &outcome(30));
    let kept = pages.evidence.put(&tiff16(&scan).unwrap()).unwrap();
    let shown = pages.evidence.put(b"a file for the eye that nobody can decode").unwrap();
    for (image, form, sha256) in [(id, "rendered", &shown.sha256), (id, "raw", &kept.sha256)] {
        let data = serde_json::json!({
            "image": image, "form": form, "sha256": sha256, "lines": 30, "filled": 2, "flaws": ["clipped"],
        });
        let draft = Draft::new(Stream::Inspection, "inspection.picture", "i-1", pages.clock.wall(), data);
        pages.journal.append(&[draft]).await.unwrap();
    }
    let cookie = pages.login(0, Role::Officer).await;
    let mut desk = pages.desk(0, &cookie).await;
    desk.until("image.end").await;
    pages.feed.begin("next".into(), &format(PIXELS));
    desk.until("image.begin").await;
    // Nobody knows of which inspection it is, so nobody can look for its file.
    desk.say(&format!(r#"{{"type":"want","image":"{id}"}}"#)).await;
    desk.until("gone").await;
    let seen = sight(vec![subject("i-1", &[id], &pages.agencies, |_| "waiting")]);
    pages.publish(1, BTreeMap::from([(pages.agencies[0].clone(), seen)]));
    desk.until("state").await;
    desk.say(&format!(r#"{{"type":"want","image":"{id}"}}"#)).await;
    let begun = desk.text("image.begin").await;
    assert_eq!((&begun["image"], &begun["format"]["energies"]), (&id.into(), &2.into()));
    let told = desk.until("image.end").await;
    let got = told.iter().filter_map(|told| match told {
        Told::Lines(frame) => Some(frame.lines().map(|(index, samples)| (index, samples.to_vec())).collect::<Vec<_>>()),
        Told::Text(_) | Told::Closed(_) => None,
    });
    let sent: Vec<_> = lines().map(|line| (line.index, line.samples.to_vec())).collect();
    assert_eq!(got.collect::<Vec<_>>().concat(), sent);
    let Some(Told::Text(end)) = told.last() else { unreachable!() };
    assert_eq!(
        end["outcome"],
        serde_json::json!({ "lines": 30, "filled": 2, "flaws": ["clipped"] }),
        "as it ended, not as its file was read"
    );
    let picture = pages.get(&format!("/api/image/{id}/presentation.png"), &cookie).await;
    assert_eq!((picture.status, &picture.body[..8]), (200, &b"\x89PNG\r\n\x1a\n"[..]));
}

/// A line of nearly nothing but air.
fn air(index: u32, pixels: u32) -> Line {
    let samples = (0..2 * pixels).map(|pixel| AIR - ((index * 7 + pixel) % 500) as u16).collect();
    Line { index, view: 0, filled: false, samples }
}

/// One review as the first desk lives it; `sealed`: the other desk gives its verdict before the first does.
async fn lived(sealed: bool) -> Vec<Value> {
    let pages = Pages::open(2).await;
    let mut desk = pages.seat(0).await;
    let names = pages.agencies.clone();
    let see = |mine: &'static str, other: &'static str, shown: &'static str| -> BTreeMap<Arc<str>, _> {
        let sees = |own: usize, own_standing, other_standing| {
            let standing = |agency: &str| if *agency == *names[own] { own_standing } else { other_standing };
            (names[own].clone(), sight(vec![subject("i-1", &["img"], &names, standing)]))
        };
        BTreeMap::from([sees(0, mine, shown), sees(1, other, shown)])
    };
    desk.until("state").await;
    pages.publish(1, see("waiting", "waiting", "hidden"));
    let mut told = desk.until("state").await;
    if sealed {
        pages.publish(2, see("waiting", "given", "hidden"));
        pages.publish(3, see("waiting", "given", "hidden"));
    }
    pages.feed.begin("img".into(), &format(4));
    write(&pages, "img", 0..3, 4);
    pages.feed.end("img", &outcome(3));
    told.extend(desk.until("image.end").await);
    told.extend(desk.until("beat").await);
    pages.publish(4, see("given", if sealed { "given" } else { "waiting" }, "hidden"));
    told.extend(desk.until("state").await);
    pages.publish(5, see("clear", "clear", "clear"));
    told.extend(desk.until("state").await);
    let texts = told.into_iter().filter_map(|told| match told {
        Told::Text(text) => Some(text),
        Told::Lines(_) => None,
        Told::Closed(code) => panic!("closed with {code}"),
    });
    let plain = |mut text: Value| {
        for volatile in ["now", "made"] {
            text.as_object_mut().unwrap().remove(volatile);
        }
        for subject in text["subjects"].as_array_mut().into_iter().flatten() {
            subject.as_object_mut().unwrap().remove("left_ms");
        }
        text
    };
    texts.filter(|text| text["type"] != "beat").map(plain).collect()
}

#[tokio::test]
async fn no_frame_that_a_desk_gets_shows_whether_another_desk_has_given_its_verdict() {
    let (open, sealed) = (lived(false).await, lived(true).await);
    assert_eq!(open, sealed);
    let states: Vec<_> = open.iter().filter(|text| text["type"] == "state").collect();
    let generations: Vec<_> = states.iter().map(|state| state["generation"].as_u64().unwrap()).collect();
    assert_eq!(generations, [2, 3, 4], "numbers are the desk's own");
    assert_eq!(states[0]["subjects"][0]["desks"][1]["standing"], "hidden");
    assert_eq!(states[2]["subjects"][0]["desks"][1]["standing"], "clear");
}

#[tokio::test]
async fn between_two_beats_a_desk_is_sent_nothing_at_all_when_another_one_judges() {
    let pages = Pages::open(2).await;
    let mut desk = pages.seat(0).await;
    let names = pages.agencies.clone();
    let see = |mine: &'static str, other: &'static str| -> BTreeMap<Arc<str>, _> {
        let sees = |own: usize, standing: &'static str| {
            let own = names[own].clone();
            let mut seen = subject("i-1", &["img"], &names, |agency| if *agency == *own { standing } else { "hidden" });
            seen.images.clear();
            (own, sight(vec![seen]))
        };
        BTreeMap::from([sees(0, mine), sees(1, other)])
    };
    pages.publish(1, see("waiting", "waiting"));
    while desk.text("state").await["subjects"].as_array().unwrap().is_empty() {}
    desk.text("beat").await;
    for (generation, other) in (2..).zip(["given", "waiting", "given"]) {
        pages.publish(generation, see("waiting", other));
        // The page has looked at the status by the second of these beats, whatever the machine's load.
        for _ in 0..2 {
            let told = desk.next().await;
            assert!(matches!(&told, Told::Text(text) if text["type"] == "beat"), "{told:?}");
        }
    }
    // The same publication is told at once where it is this desk that judged.
    pages.publish(5, see("given", "given"));
    let told = desk.text("state").await;
    assert_eq!((&told["generation"], &told["subjects"][0]["desks"][0]["standing"]), (&3.into(), &"given".into()));
}

#[tokio::test]
async fn an_act_is_the_sessions_persons_and_the_same_key_does_it_once() {
    let pages = Pages::open(2).await;
    let cookie = pages.login(0, Role::Officer).await;
    let act = |key: u8, verdict: &str| {
        format!(
            r#"{{"act":{{"verb":"judge","inspection":"i-1","verdict":"{verdict}","image":{{"id":"img","revision":1}}}},"idempotency":"00000000-0000-4000-8000-0000000000{key:02}"}}"#
        )
    };
    for _ in 0..3 {
        let done = pages.post("/api/act", &cookie, &act(1, "clear")).await;
        assert_eq!((done.status, &done.json()["reply"]), (200, &"done".into()), "{done:?}");
    }
    let other = pages.post("/api/act", &cookie, &act(1, "alarm")).await;
    assert_eq!((other.status, other.code().as_str()), (422, "key_reused"));
    let forged = r#"{"officer":{"agency":"agency1","name":"x"},"act":{"verb":"stop"},"idempotency":"00000000-0000-4000-8000-000000000003"}"#;
    assert_eq!(pages.post("/api/act", &cookie, forged).await.status, 422);
    let acts = pages.acts.lock().unwrap();
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!((&*acts[0].0.agency, &*acts[0].0.name), ("agency0", "officer0"));
}

#[tokio::test]
async fn a_verdict_that_names_no_image_is_not_taken_where_there_is_one() {
    let pages = Pages::open(1).await;
    let cookie = pages.login(0, Role::Officer).await;
    let seen = sight(vec![subject("i-1", &["img"], &pages.agencies, |_| "waiting")]);
    pages.publish(1, BTreeMap::from([(pages.agencies[0].clone(), seen)]));
    let body = r#"{"act":{"verb":"judge","inspection":"i-1","verdict":"clear"},"idempotency":"00000000-0000-4000-8000-000000000001"}"#;
    let refused = pages.post("/api/act", &cookie, body).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "no_image"));
    assert!(pages.acts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_desk_is_for_people_of_its_agency_who_judge() {
    let pages = Pages::open(2).await;
    let (officer, supervisor) = (pages.login(0, Role::Officer).await, pages.login(0, Role::Supervisor).await);
    let (technician, auditor) = (pages.login(0, Role::Technician).await, pages.login(0, Role::Auditor).await);
    for (cookie, path, status) in [
        (&*officer, "/desk/xr1/agency0", 404), // allowed; these tests build no page
        (&*supervisor, "/desk/xr1/agency0", 404),
        (&*officer, "/desk/xr1/agency1", 403),
        (&*technician, "/desk/xr1/agency0", 403),
        (&*auditor, "/desk/xr1/agency0", 403),
        (&*officer, "/desk/xr1/nobody", 404),
        (&*officer, "/desk/xr2/agency0", 404),
        ("", "/desk/xr1/agency0", 303),
        ("no such token", "/desk/xr1/agency0", 303),
    ] {
        let answer = pages.get(path, cookie).await;
        let shown = answer.status == 200 || answer.code() == "no_such_page";
        assert!(answer.status == status || (status == 404 && shown), "{path}: {answer:?}");
        let live = pages.say(upgrade(&pages, &format!("{path}/live"), cookie).as_bytes()).await;
        let expected = match status {
            404 if path == "/desk/xr1/agency0" => 101,
            303 => 401,
            status => status,
        };
        assert_eq!(live.status, expected, "{path}/live");
    }
    let act = r#"{"act":{"verb":"stop"},"idempotency":"00000000-0000-4000-8000-000000000001"}"#;
    assert_eq!(pages.post("/api/act", &auditor, act).await.status, 403);
    assert_eq!(pages.post("/api/act", "", act).await.status, 401);
}

fn upgrade(pages: &Pages, path: &str, cookie: &str) -> String {
    let host = pages.host();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Cookie: __Host-portside={cookie}\r\n\r\n"
    )
}

#[tokio::test]
async fn who_logs_in_gets_a_cookie_that_no_script_and_no_other_site_sees_and_a_locked_screen_shows_nothing() {
    let pages = Pages::open(1).await;
    let code = pages.add("zhang", 0, Role::Officer).await;
    let first = format!(r#"{{"name":"zhang","code":"{code}","password":"{PASSWORD}"}}"#);
    let answer = pages.post("/api/first", "", &first).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer.head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:")).unwrap();
    let (value, rest) = cookie.split_once(": ").unwrap().1.split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; Secure; HttpOnly; SameSite=Strict");
    let token = value.strip_prefix("__Host-portside=").unwrap();
    assert_eq!(token.len(), 64);
    let me = pages.get("/api/me", token).await.json();
    assert_eq!((&me["me"]["name"], &me["standing"]), (&"zhang".into(), &"open".into()));
    assert_eq!(me["station"]["desks"][0]["path"], "/desk/xr1/agency0");
    let mut desk = pages.desk(0, token).await;
    desk.until("state").await;
    assert_eq!(pages.post("/api/lock", token, "{}").await.status, 200);
    assert_eq!(closed(&mut desk).await, 4423);
    let act = r#"{"act":{"verb":"stop"},"idempotency":"00000000-0000-4000-8000-000000000001"}"#;
    assert_eq!(pages.post("/api/act", token, act).await.code(), "session_locked");
    assert_eq!(pages.get("/api/me", token).await.json()["standing"], "locked");
    let unlock = format!(r#"{{"password":"{PASSWORD}"}}"#);
    assert_eq!(pages.post("/api/unlock", token, &unlock).await.status, 200);
    let mut desk = pages.desk(0, token).await;
    desk.until("state").await;
    // The same officer at another screen: the session here is over.
    let elsewhere = pages.people.login("zhang", Secret::new(PASSWORD.into()), "there").await;
    assert!(elsewhere.is_ok());
    assert_eq!(closed(&mut desk).await, 4401);
    let nobody = pages.get("/api/me", token).await;
    let told = nobody.json();
    assert_eq!((nobody.status, &told["standing"], &told["me"]), (200, &"none".into(), &Value::Null));
    assert_eq!(pages.get("/api/stats", token).await.code(), "no_session");
    let wrong = pages.post("/api/login", "", r#"{"name":"zhang","password":"wrong"}"#).await;
    assert_eq!((wrong.status, wrong.json()["reply"].as_str()), (401, Some("refused")));
}

async fn closed(desk: &mut Desk) -> u16 {
    loop {
        if let Told::Closed(code) = desk.next().await {
            return code;
        }
    }
}

#[tokio::test]
async fn the_first_image_that_a_desk_drew_is_told_to_the_lane_once_it_is_known_whose_it_is() {
    let pages = Pages::open(1).await;
    let mut desk = pages.seat(0).await;
    desk.until("state").await;
    desk.say(r#"{"type":"shown","image":"img","revision":1}"#).await;
    desk.say(r#"{"type":"shown","image":"img","revision":1}"#).await;
    desk.until("beat").await;
    assert!(pages.acts.lock().unwrap().is_empty(), "it is of no subject yet");
    let seen = sight(vec![subject("i-1", &["img"], &pages.agencies, |_| "waiting")]);
    pages.publish(1, BTreeMap::from([(pages.agencies[0].clone(), seen)]));
    desk.until("state").await;
    desk.until("beat").await;
    let acts = pages.acts.lock().unwrap().clone();
    let [(officer, Act::Shown { inspection, image })] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((&*officer.agency, &**inspection, &*image.id, image.revision), ("agency0", "i-1", "img", 1));
}

#[tokio::test]
async fn an_image_in_memory_is_shown_as_a_picture_and_health_is_said() {
    let pages = Pages::open(1).await;
    let cookie = pages.login(0, Role::Officer).await;
    pages.feed.begin("img".into(), &format(20));
    write(&pages, "img", 0..30, 20);
    let picture = pages.get("/api/image/img/presentation.png", &cookie).await;
    assert_eq!((picture.status, &picture.body[..8]), (200, &b"\x89PNG\r\n\x1a\n"[..]));
    assert_eq!(&picture.body[16..24], &[0, 0, 0, 30, 0, 0, 0, 20], "lines across, elements down");
    assert_eq!(pages.get("/api/image/img/presentation.png", "").await.status, 401);
    assert_eq!(pages.get("/api/image/none/presentation.png", &cookie).await.status, 404);
    assert_eq!(pages.get("/healthz", "").await.status, 200);
}

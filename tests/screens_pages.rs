//! What pages are told beside the lines: typical images, agencies, and why they are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod screens_site;

use std::collections::BTreeMap;

use portside::image::feed::Settings;
use portside::image::files::tiff16;
use portside::image::{AIR, Line, Scan};
use portside::people::Role;
use screens_site::{Answer, Desk, Pages, Told, format, patient, sight, subject};
use serde_json::Value;

const PIXELS: u32 = 16;
const LINES: u32 = 30;

/// Lines of nearly nothing but air.
fn lines(darker: u16) -> impl Iterator<Item = Line> {
    let samples = move |index: u32| (0..2 * PIXELS).map(move |pixel| AIR - darker - ((index * 7 + pixel) % 500) as u16);
    (0..LINES).map(move |index| Line { index, view: 0, filled: false, samples: samples(index).collect() })
}

fn file(darker: u16) -> Vec<u8> {
    let mut scan = Scan::new(format(PIXELS));
    lines(darker).for_each(|line| assert!(scan.add(&line)));
    tiff16(&scan).unwrap()
}

async fn beside(files: &[(&str, Vec<u8>)]) -> Pages {
    Pages::beside(files, 2, patient(), Settings::default()).await
}

/// The list of typical images, once there is one.
async fn typical(desk: &mut Desk) -> Vec<(String, String)> {
    let mut list = desk.text("hello").await["typical"].as_array().unwrap().clone();
    if list.is_empty() {
        list = desk.text("typical").await["typical"].as_array().unwrap().clone();
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect()
}

#[tokio::test]
async fn typical_images_are_listed_by_name_and_sent_to_whoever_wants_one() {
    let bomb = b"II*\0\xff\xff\xff\xff no picture at all".to_vec();
    let files = [("02 手提箱.tiff", file(40)), ("01 空箱.tiff", file(0)), ("broken.tiff", bomb), (".hidden", file(80))];
    let pages = beside(&files).await;
    let cookie = pages.login(0, Role::Officer).await;
    let mut desk = pages.desk(0, &cookie).await;
    let list = typical(&mut desk).await;
    let names: Vec<&str> = list.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["01 空箱", "02 手提箱"], "what cannot be read is left out");
    desk.say(&format!(r#"{{"type":"want","image":"{}"}}"#, list[1].0)).await;
    let begun = desk.text("image.begin").await;
    assert_eq!((&begun["image"], &begun["format"]["energies"]), (&Value::from(&*list[1].0), &2.into()));
    let told = desk.until("image.end").await;
    let got = told.iter().filter_map(|told| match told {
        Told::Lines(frame) => Some(frame.lines().map(|(_, samples)| samples.to_vec()).collect::<Vec<_>>()),
        Told::Text(_) | Told::Closed(_) => None,
    });
    let sent: Vec<_> = lines(40).map(|line| line.samples.to_vec()).collect();
    assert_eq!(got.collect::<Vec<_>>().concat(), sent, "sample by sample");
    let mut later = pages.desk(0, &cookie).await;
    assert_eq!(later.text("hello").await["typical"].as_array().unwrap().len(), 2, "who comes later is told at once");
}

#[tokio::test]
async fn a_typical_image_that_was_changed_or_removed_is_gone_and_the_others_are_there() {
    let pages = beside(&[("a.tiff", file(0)), ("b.tiff", file(40)), ("c.tiff", file(80))]).await;
    let mut desk = pages.seat(0).await;
    let list = typical(&mut desk).await;
    std::fs::write(pages.folder.join("a.tiff"), file(120)).unwrap();
    std::fs::remove_file(pages.folder.join("b.tiff")).unwrap();
    for (id, _) in &list[..2] {
        desk.say(&format!(r#"{{"type":"want","image":"{id}"}}"#)).await;
        assert_eq!(desk.text("gone").await["image"], **id);
    }
    desk.say(&format!(r#"{{"type":"want","image":"{}"}}"#, list[2].0)).await;
    assert_eq!(desk.text("image.begin").await["image"], *list[2].0);
    // Until somebody says that the folder has changed.
    pages.reload.notify_one();
    let list = desk.text("typical").await["typical"].take();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "c"]);
    desk.say(&format!(r#"{{"type":"want","image":{}}}"#, list[0]["id"])).await;
    assert_eq!(desk.text("image.begin").await["image"], list[0]["id"]);
    for name in ["a.tiff", "c.tiff"] {
        std::fs::remove_file(pages.folder.join(name)).unwrap();
    }
    pages.reload.notify_one();
    assert_eq!(desk.text("typical").await["typical"], serde_json::json!([]));
}

#[tokio::test]
async fn nobody_judges_a_typical_image() {
    let pages = beside(&[("a.tiff", file(0))]).await;
    let cookie = pages.login(0, Role::Officer).await;
    let mut desk = pages.desk(0, &cookie).await;
    let (id, _) = typical(&mut desk).await.remove(0);
    let seen = sight(vec![subject("i-1", &["img"], &pages.agencies, |_| "waiting")]);
    pages.publish(1, BTreeMap::from([(pages.agencies[0].clone(), seen)]));
    let judge = |image: &str, key: u8| {
        format!(
            r#"{{"act":{{"verb":"judge","inspection":"i-1","verdict":"clear","image":{{"id":"{image}","revision":1}}}},"idempotency":"00000000-0000-4000-8000-0000000000{key:02}"}}"#
        )
    };
    let refused = pages.post("/api/act", &cookie, &judge(&id, 1)).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "typical_image"));
    assert!(pages.acts.lock().unwrap().is_empty());
    assert_eq!(pages.post("/api/act", &cookie, &judge("img", 2)).await.status, 200);
}

#[tokio::test]
async fn a_desk_is_told_of_every_agency_of_the_lane_also_of_one_without_a_desk() {
    let pages = Pages::open(2).await;
    let hello = pages.seat(0).await.text("hello").await;
    let expected = serde_json::json!([
        { "id": "agency0", "name": "部门 agency0" },
        { "id": "agency1", "name": "部门 agency1" },
        { "id": "transport", "name": "交通运输" },
    ]);
    assert_eq!(hello["agencies"], expected);
}

/// As a browser's address bar asks, or as a script does.
async fn ask(pages: &Pages, host: &str, path: &str, cookie: &str, destination: &str) -> Answer {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html,*/*;q=0.8\r\nSec-Fetch-Dest: {destination}\r\n\
         Sec-Fetch-Site: none\r\nCookie: __Host-portside={cookie}\r\n\r\n"
    );
    pages.say(request.as_bytes()).await
}

#[tokio::test]
async fn a_person_who_meets_a_refusal_gets_a_page_and_a_script_gets_json() {
    let pages = Pages::open(2).await;
    let officer = pages.login(0, Role::Officer).await;
    let auditor = pages.login(0, Role::Auditor).await;
    let ours = pages.host();
    for (cookie, path, status, code) in [
        (&*officer, "/desk/xr1/agency1", 403, "not_your_desk"),
        (&*auditor, "/desk/xr1/agency0", 403, "not_allowed"),
        (&*officer, "/desk/xr1/nobody", 404, "no_such_desk"),
        (&*officer, "/desk/xr9/agency0", 404, "no_such_desk"),
        ("", "/desk/xr9/agency0", 404, "no_such_desk"),
        (&*officer, "/no/such/page", 404, "no_such_page"),
        (&*officer, "/desk/xr1/agency0/live", 403, "foreign"),
        (&*officer, "/desk/%ff/agency0", 400, "no_such_page"),
    ] {
        let page = ask(&pages, &ours, path, cookie, "document").await;
        let text = String::from_utf8(page.body.clone()).unwrap();
        assert_eq!(page.status, status, "{path}: {text}");
        assert!(page.head.to_ascii_lowercase().contains("content-type: text/html"), "{path}: {}", page.head);
        assert!(page.head.to_ascii_lowercase().contains("content-security-policy"), "{path}: {}", page.head);
        assert!(text.contains(&format!(r#"<meta name="refusal" content="{code}">"#)), "{path}: {text}");
        let script = ask(&pages, &ours, path, cookie, "empty").await;
        assert_eq!(script.status, status, "{path}");
        if code != "no_such_page" || status == 404 {
            assert_eq!(script.code(), code, "{path}");
        }
    }
    for path in ["/api/stats", "/api/image/x/presentation.png"] {
        assert_eq!(ask(&pages, &ours, path, "", "document").await.code(), "no_session", "{path}");
    }
    let elsewhere = ask(&pages, "evil.example", "/desk/xr1/agency0", &officer, "document").await;
    let text = String::from_utf8(elsewhere.body).unwrap();
    assert!(elsewhere.status == 421 && text.contains("Not this address") && text.contains("地址不对"), "{text}");
    assert!(!text.contains("localhost"), "whoever has a wrong name is not told the right ones");
}

//! Two officers of two agencies at one machine, each before a real browser: what they see, say, and may not know.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod desk_site;
mod site;

use std::collections::BTreeSet;

use browser::{Browser, Pointer, SMALL, Turn};
use desk_site::compare::{difference, first_line, places};
use desk_site::{DeskSite, Officer, PLAN, Plan, TUNNEL};
use portside::simulate::phantom::luggage::Contents;
use portside_devices::simulate::belt::Away;
use serde_json::{Value, json};

/// Counts of 60,000 by which a picture may differ from the raw lines: rounding, and how air is normalised.
const ALIKE: f64 = 300.0;

async fn two_desks(turn: &Turn, dir: &tempfile::TempDir) -> (DeskSite, Officer, Officer) {
    let site = DeskSite::start(dir.path(), PLAN).await;
    let customs = Officer::arrives(turn, &site, "customs", "zhang.wei", SMALL);
    let ciq = Officer::arrives(turn, &site, "ciq", "li.na", SMALL);
    (site, customs, ciq)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_see_one_image_grow_out_of_the_raw_lines_and_one_release_follows_both_verdicts() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut site, mut customs, mut ciq) = two_desks(&turn, &dir).await;
    let bag = site.put(Contents::Firearm, 500.0, 2);

    let mut begins = BTreeSet::new();
    for lines in [20, 60, 120, 160] {
        customs.sees_lines(lines);
        ciq.sees_lines(lines);
        // The belt's encoder triggers the lines: while it rests, the picture does.
        site.stop_belt();
        let (said, lines) = (site.heard(), lines.min(60));
        let places = places(lines, &said);
        let (one, other) = (customs.pixels(&places), ciq.pixels(&places));
        assert_eq!(one, other, "both desks see the same samples after {lines} lines");
        let first = first_line(&one, &places, &said);
        let (mean, most) = difference(&one, &places, &said, first).unwrap();
        assert!(most < ALIKE, "after {lines} lines a sample is {most} off, {mean} in the mean");
        if lines >= 60 {
            begins.insert(first);
        }
        site.start_belt();
    }
    assert_eq!(begins.len(), 1, "a line has its place from the beginning: {begins:?}");

    site.rides_to(bag, 2_100.0);
    site.stop_belt();
    let inspection = site.reviewed(&[]);
    let (image, same) = (customs.sees_the_end(), ciq.sees_the_end());
    assert_eq!(image["id"], same["id"]);
    let lines = image["lines"].as_u64().unwrap() as usize;
    assert!((200..300).contains(&lines), "a bag of 500 mm and some air: {lines} lines");
    let said = site.heard();
    let places = places(lines, &said);
    let seen = customs.pixels(&places);
    assert_eq!(seen, ciq.pixels(&places));
    let (mean, most) = difference(&seen, &places, &said, *begins.first().unwrap()).unwrap();
    assert!(most < ALIKE, "a sample of the finished image is {most} off, {mean} in the mean");
    assert!(seen.iter().any(|[low, _]| *low < 3_000), "the firearm is dark");

    customs.says("Clear");
    site.sealed(&inspection, "customs");
    // One verdict releases nothing: the diverter still leads to the examination.
    assert!(site.records(&inspection, "inspection.released").is_empty());
    assert_eq!(site.belt.with(|site, now| site.at(now).limits()), (false, true));
    ciq.says("Clear");
    site.step(&inspection, "released");
    site.start_belt();
    assert_eq!(site.left(bag), Away::Exit, "{}", site.daemon.log());
    assert_eq!(site.records(&inspection, "inspection.released").len(), 1);
    customs.browser.is_quiet();
    ciq.browser.is_quiet();
    site.daemon.done(&["journal", "verify"]);
}

/// What a desk was told of the lane, without what is another at every look and for every subject.
fn told(frames: &[Value], inspection: &str) -> Vec<Value> {
    let mut states: Vec<Value> = frames.iter().filter(|frame| frame["type"] == "state").cloned().collect();
    for state in &mut states {
        // Agreement counts inspections that are closed, and those before this one are.
        for volatile in ["generation", "now", "stats"] {
            state[volatile].take();
        }
        for next in state["next"].as_array_mut().unwrap() {
            next["text"] = next["text"].as_str().unwrap().replace(inspection, "this one").into();
        }
        for subject in state["subjects"].as_array_mut().unwrap() {
            for volatile in ["id", "left_ms", "image", "images"] {
                subject[volatile].take();
            }
        }
    }
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn no_desk_learns_what_another_said_nor_that_it_said_anything_until_all_have() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (mut site, mut customs, mut ciq) = two_desks(&turn, &dir).await;
    let mut hushes = Vec::new();
    // The same bag three times; what customs says differs, and once it says nothing.
    for verdict in [Some("Clear"), Some("Alarm"), None] {
        let (bag, inspection) = site.scan(Contents::Harmless, 4);
        customs.sees_the_end();
        ciq.sees_the_end();
        ciq.browser.control("radio", "Clear").is_ready();
        let before = ciq.frames().len();
        let text = ciq.browser.text();
        if let Some(verdict) = verdict {
            customs.says(verdict);
            site.sealed(&inspection, "customs");
        }
        let beats = |officer: &Officer| officer.frames().iter().filter(|frame| frame["type"] == "beat").count();
        let from = beats(&ciq);
        site::until("three beats", || (beats(&ciq) >= from + 3).then_some(()));
        let after = ciq.frames()[before..].to_vec();
        let kinds: BTreeSet<String> = after.iter().map(|frame| frame["type"].to_string()).collect();
        assert_eq!(kinds, BTreeSet::from(["\"beat\"".to_owned()]), "{verdict:?} was told to ciq: {after:#?}");
        let shown = |text: &str| text.lines().filter(|line| !line.contains(':')).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(shown(&ciq.browser.text()), shown(&text), "{verdict:?} can be seen on the page of ciq");
        let (status, me) = ciq.calls("/api/me", None);
        assert_eq!(status, 200);
        hushes.push((told(&ciq.frames(), &inspection).pop().unwrap(), me));

        // ciq cannot ask for it either, nor speak for customs: who acts is the session's person.
        let image = ciq.browser.run("return window.portside.image.id", &[]);
        let revision = 1;
        let judge = json!({ "act": { "verb": "judge", "inspection": inspection, "verdict": "clear",
            "image": { "id": image, "revision": revision }, "regions": [], "note": null },
            "idempotency": "0190f6a2-0000-4000-8000-000000000001", "officer": { "agency": "customs", "name": "zhang.wei" } });
        assert_eq!(ciq.calls("/api/act", Some(&judge)).0, 422);

        ciq.says("Clear");
        if verdict.is_some() {
            ciq.browser.until("opened verdicts", "!document.getElementById('desks').innerText.includes('Not opened')");
        } else {
            customs.says("Clear");
        }
        site.start_belt();
        let way = if verdict == Some("Alarm") { Away::Examine } else { Away::Exit };
        assert_eq!(site.left(bag), way, "{verdict:?}");
        if way == Away::Examine {
            site.daemon.done(&[
                "hold",
                "lift",
                &inspection,
                "--agency",
                "customs",
                "--officer",
                "somebody",
                "--reason",
                "examined",
            ]);
        }
        site.stop_belt();
    }
    assert_eq!(hushes[0], hushes[1], "clear and alarm look alike to the other desk");
    assert_eq!(hushes[0], hushes[2], "a verdict and none look alike to the other desk");
    customs.browser.is_quiet();
    ciq.browser.is_quiet_but(&["/api/act"]);
}

/// Where the picture is in the window.
fn stage(browser: &Browser) -> [f64; 4] {
    let place = browser.run(
        "const r = document.getElementById('picture').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]",
        &[],
    );
    std::array::from_fn(|side| place[side].as_f64().unwrap())
}

/// The picture alone, as the graphics card drew it.
fn drawn(browser: &Browser) -> String {
    browser.run("return document.getElementById('picture').toDataURL()", &[]).as_str().unwrap().to_owned()
}

/// Waits until the picture is another than `before`, and gives it.
fn changes(browser: &Browser, what: &str, before: &str) -> String {
    site::until(&format!("{what} to change the picture"), || Some(drawn(browser)).filter(|now| now != before))
}

fn becomes(browser: &Browser, what: &str, wanted: &str) {
    site::until(what, || (drawn(browser) == wanted).then_some(()));
}

/// Every tool of the picture: its key, the name of its button if it has one, and the key that takes it back.
const TOOLS: [(&str, Option<&str>, &str); 21] = [
    ("G", Some("Grey"), "Z"),
    ("C", Some("Materials"), "C"),
    ("O", Some("Organic"), "Z"),
    ("M", Some("Metal"), "Z"),
    ("H", Some("Hot"), "Z"),
    ("J", Some("Rainbow"), "Z"),
    ("Q", Some("Low pen."), "Z"),
    ("W", Some("High pen."), "Z"),
    ("E", Some("Edges"), "Z"),
    ("K", Some("Local"), "Z"),
    ("I", Some("Invert"), "I"),
    ("S", None, "Z"),
    ("Plus", Some("Zoom in"), "0"),
    ("9", Some("1:1"), "0"),
    ("X", Some("Mirror"), "X"),
    ("6", Some("Light"), "5"),
    ("7", Some("Dense"), "5"),
    ("8", Some("Very dense"), "5"),
    ("[", None, "5"),
    (";", None, "5"),
    ("'", None, "5"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_changes_the_picture_by_key_and_by_pointer_and_can_be_taken_back() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    let (_, inspection) = site.scan(Contents::Firearm, 6);
    officer.sees_the_end();
    let page = &officer.browser;
    for keys in ["Z", "0"] {
        page.key(keys);
    }
    // Twice the same: nothing moves by itself.
    let plain = site::until("a picture that stands still", || {
        let now = drawn(page);
        (now == drawn(page)).then_some(now)
    });
    for (key, button, back) in TOOLS {
        page.key(key);
        let by_key = changes(page, key, &plain);
        page.key(back);
        becomes(page, &format!("{back} to take {key} back"), &plain);
        let Some(name) = button else { continue };
        page.control("button", name).press();
        becomes(page, &format!("the button {name} to do what {key} does"), &by_key);
        page.key(back);
        becomes(page, &format!("{back} to take {name} back"), &plain);
    }
    turned_and_moved(page, &plain);
    marked(&officer, page);
    officer.browser.control("radio", "Alarm").press();
    officer.browser.control("button", "Seal: Alarm").press();
    officer.has_sealed();
    site.sealed(&inspection, "customs");
    officer.browser.is_quiet();
}

/// Rotating four times, panning and dragging the window.
fn turned_and_moved(page: &Browser, plain: &str) {
    for _ in 0..4 {
        let before = drawn(page);
        page.key("R");
        changes(page, "R", &before);
    }
    becomes(page, "four quarters to be a whole turn", plain);
    let [left, top, width, height] = stage(page);
    let (x, y) = (left + width / 2.0, top + height / 2.0);
    page.wheel(x, y, -3);
    let near = changes(page, "the wheel", plain);
    // The whole picture has air and steel and needs the whole range; a part of it does not.
    page.key("A");
    let automatic = changes(page, "A", &near);
    page.key("5");
    becomes(page, "5 to give the whole range", &near);
    page.control("button", "Auto").press();
    becomes(page, "the button Auto to do what A does", &automatic);
    page.key("5");
    becomes(page, "5 to give the whole range again", &near);
    page.control("button", "Pan").press();
    page.pointer(&[Pointer::To(x, y), Pointer::Press, Pointer::To(x - 80.0, y + 30.0), Pointer::Lift]);
    let panned = changes(page, "a drag of the hand", &near);
    page.pointer(&[Pointer::To(x, y)]);
    page.key("Left");
    changes(page, "an arrow key", &panned);
    page.key("0");
    becomes(page, "0 to fit the picture again", plain);
    page.key("L");
    page.pointer(&[Pointer::To(x, y), Pointer::Press, Pointer::To(x + 90.0, y - 60.0), Pointer::Lift]);
    changes(page, "a drag of window and level", plain);
    page.key("5");
    becomes(page, "5 to give the whole range", plain);
    for _ in 0..20 {
        page.key("Plus");
    }
    let most = changes(page, "zooming", plain);
    page.key("Shift+G");
    changes(page, "interpolation", &most);
    page.key("Shift+G");
    page.key("0");
    becomes(page, "0 to fit the picture again", plain);
}

/// A measured way, a box and a polygon, with the pointer; undone, made again, and given a category.
fn marked(officer: &Officer, page: &Browser) {
    let [left, top, width, height] = stage(page);
    let at = |x: f64, y: f64| Pointer::To(left + width * x, top + height * y);
    page.key("D");
    page.pointer(&[at(0.4, 0.4), Pointer::Press, at(0.6, 0.6), Pointer::Lift]);
    page.until("a measured way", r"/\d\s*(mm|cm)/.test(document.getElementById('overlay').textContent)");
    page.key("B");
    page.pointer(&[at(0.4, 0.4), Pointer::Press, at(0.6, 0.6), Pointer::Lift]);
    page.shows("Marks (1)");
    page.key("Escape");
    page.control("button", "Undo").press();
    page.shows("Marks (0)");
    page.control("button", "Redo").press();
    page.shows("Marks (1)");
    page.control("combobox", "Category of mark 1").press();
    page.run(
        "const s = document.getElementById('mark-category-0'); s.value = 'firearm';
        s.dispatchEvent(new Event('change', { bubbles: true }))",
        &[],
    );
    page.shows("Firearm");
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("N");
    for (x, y) in [(0.45, 0.45), (0.55, 0.45), (0.5, 0.55)] {
        page.pointer(&[at(x, y), Pointer::Press, Pointer::Lift]);
    }
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("Shift+Enter");
    page.shows("Marks (2)");
    page.control("textbox", "Note").fill("a pistol, 手枪 <b>");
    assert_eq!(page.control("textbox", "Note").text(), "a pistol, 手枪 <b>");
    assert!(officer.browser.has("button", "Choose Mark 1, Firearm"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_moved_while_it_grows_is_the_one_that_a_whole_drawing_gives() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    // 530 lines, wider than the window however the picture is turned.
    let bag = site.put(Contents::Firearm, 1_330.0, 9);
    let page = &officer.browser;
    let mut moved = 0;
    for (front, keys) in [(2_150.0, "K"), (2_260.0, "X"), (2_360.0, "R")] {
        site.rides_to(bag, front);
        // The belt's encoder triggers the lines: while it rests, the picture does.
        site.stop_belt();
        officer.sees_lines(((front - TUNNEL.source_mm) / TUNNEL.line_mm) as usize - 20);
        let again = page.run(
            "const canvas = document.getElementById('picture');
            portside.draw(false);
            const grown = canvas.toDataURL(), moved = portside.moved;
            portside.draw(true);
            return [grown === canvas.toDataURL(), moved, portside.image.ended, portside.image.lines]",
            &[],
        );
        assert_eq!(again[0], true, "before {keys}: {again}");
        assert_eq!(again[2], false, "it grew all the time: {again}");
        let now = again[1].as_u64().unwrap();
        assert!(now > moved, "before {keys} the picture was moved: {again}");
        moved = now;
        page.key(keys);
    }
    site.rides_to(bag, 3_000.0);
    officer.sees_the_end();
    officer.browser.is_quiet();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clicks_are_one_verdict_and_an_old_image_is_refused_and_the_other_one_shown() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, mut customs, mut ciq) = two_desks(&turn, &dir).await;
    let (_, inspection) = site.scan(Contents::Blade, 8);
    let image = customs.sees_the_end()["id"].clone();
    ciq.sees_the_end();
    let judge = |id: &Value, revision: u32, key: u32| {
        json!({ "act": { "verb": "judge", "inspection": inspection, "verdict": "clear",
            "image": { "id": id, "revision": revision }, "regions": [], "note": null },
            "idempotency": format!("0190f6a2-0000-4000-8000-{key:012}") })
    };
    for (id, revision) in [(&image, 0), (&image, 2), (&json!("0190f6a2-0000-7000-8000-000000000000"), 1)] {
        let (status, body) = customs.calls("/api/act", Some(&judge(id, revision, revision)));
        assert_eq!((status, &body["code"]), (409, &json!("stale_image")), "{id} {revision}: {body}");
    }
    assert!(site.records(&inspection, "inspection.verdict.sealed").is_empty());

    customs.browser.control("radio", "Alarm").is_ready();
    customs.browser.control("radio", "Alarm").press();
    customs.browser.control("button", "Seal: Alarm").press_twice();
    customs.has_sealed();
    site.sealed(&inspection, "customs");
    // The same attempt again is answered and not done again; another attempt is refused.
    let (first, again) = (judge(&image, 1, 77), judge(&image, 1, 77));
    assert_eq!(ciq.calls("/api/act", Some(&first)).0, 200);
    assert_eq!(ciq.calls("/api/act", Some(&again)).0, 200);
    assert_eq!(ciq.calls("/api/act", Some(&judge(&image, 1, 78))).0, 409);
    let agencies: Vec<Value> = site
        .records(&inspection, "inspection.verdict.sealed")
        .iter()
        .map(|record| record["data"]["agency"].clone())
        .collect();
    assert_eq!(agencies, ["customs", "ciq"], "one record each");
    site.step(&inspection, "held");
    customs.browser.is_quiet_but(&["409"]);
    ciq.browser.is_quiet_but(&["409"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_desks_and_six_release_a_bag_together_whoever_is_last() {
    let Some(turn) = browser::turn() else { return };
    for desks in [3, 6] {
        let dir = tempfile::tempdir().unwrap();
        let mut site = DeskSite::start(dir.path(), Plan { desks, ..PLAN }).await;
        let agencies = &desk_site::AGENCIES[..desks];
        // Three browsers fill this machine; the further desks speak at the shell.
        let mut officers: Vec<Officer> = agencies
            .iter()
            .rev()
            .take(3)
            .map(|(agency, _)| Officer::arrives(&turn, &site, agency, &format!("officer.{agency}"), SMALL))
            .collect();
        let (bag, inspection) = site.scan(Contents::Harmless, 12);
        let images: BTreeSet<String> =
            officers.iter().map(|officer| officer.sees_the_end()["id"].to_string()).collect();
        assert_eq!(images.len(), 1);
        for (agency, _) in &agencies[..desks - 3] {
            site.daemon.done(&["verdict", &inspection, "clear", "--agency", agency, "--officer", "somebody"]);
        }
        for officer in &officers {
            assert!(site.records(&inspection, "inspection.released").is_empty());
            officer.says("Clear");
            site.sealed(&inspection, &officer.agency);
        }
        site.step(&inspection, "released");
        site.start_belt();
        assert_eq!(site.left(bag), Away::Exit);
        officers.iter_mut().for_each(|officer| officer.browser.is_quiet());
    }
}

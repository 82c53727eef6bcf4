//! Images beyond one texture and of two views, in a real browser: every sample where it belongs, each view alone, and
//! sixteen times as large as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod screens_site;
mod site;

use browser::{Browser, SMALL};
use portside::image::{Format, Line, Outcome};
use portside::people::Role;
use screens_site::{PASSWORD, Pages};
use serde_json::{Value, json};
use site::until;

const FORMAT: Format =
    Format { pixels: 48, energies: 2, views: 2, pitch_um: 1_000, line_um: 1_000, live: true, raw: true };
/// More than a texture need be long (8,192), and not a whole number of tiles.
const LINES: u32 = 9_001;
const IMAGE: &str = "01a20200-0000-7000-8000-000000000001";

/// No two neighbours alike, in any direction.
fn sample(view: u8, line: u32, place: u32) -> u16 {
    let mixed = (line * 48 * 4 + place * 2 + u32::from(view)).wrapping_mul(2_654_435_761) >> 16;
    (mixed % 59_000) as u16 + 500
}

fn scan(pages: &Pages) {
    pages.feed.begin(IMAGE.into(), &FORMAT);
    for index in 0..LINES {
        for view in 0..FORMAT.views {
            let samples = (0..FORMAT.pixels * 2).map(|place| sample(view, index, place)).collect();
            pages.feed.line(IMAGE, Line { index, view, filled: false, samples });
        }
    }
    pages.feed.end(IMAGE, &Outcome { lines: LINES, filled: 0, flaws: Vec::new() });
}

fn sits_down(browser: &Browser, pages: &Pages, name: &str, code: &str) {
    browser.open(&format!("https://{}/login", pages.host()));
    if browser.has("button", "English") {
        browser.control("button", "English").press();
    }
    browser.control("button", "First time here? Use a one-time code").press();
    for (field, text) in
        [("User name", name), ("One-time code", code), ("New password", PASSWORD), ("New password again", PASSWORD)]
    {
        browser.control("textbox", field).fill(text);
    }
    browser.control("button", "Set the password and log in").press();
    browser.until("the desk", "location.pathname.startsWith('/desk/') && window.portside !== undefined");
}

fn drawn(browser: &Browser) -> Value {
    browser.run("return document.getElementById('picture').toDataURL()", &[])
}

fn changes(browser: &Browser, before: &Value) -> Value {
    until("another picture", || Some(drawn(browser)).filter(|now| now != before))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_image_of_two_views_is_whole_to_its_last_line_and_shown_sixteen_times_as_large() {
    let Some(turn) = browser::turn() else { return };
    let pages = Pages::open(1).await;
    let code = pages.add("zhang.wei", 0, Role::Officer).await;
    let mut browser = Browser::start(&turn, "zhang.wei", SMALL);
    sits_down(&browser, &pages, "zhang.wei", &code);
    scan(&pages);
    // A page that takes long is given every so-many-th line first, and the rest after it.
    let whole =
        format!("(image => image?.ended && image.lines === {LINES} && image.stretched === 0)(window.portside.image)");
    browser.until("the whole image", &whole);
    browser.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))", &[]);

    let lines = [0, 1, 1_023, 1_024, 4_095, 4_096, 8_191, 8_192, LINES - 1];
    let places: Vec<(u8, u32, u32)> = [0, 1]
        .iter()
        .flat_map(|view| lines.iter().flat_map(move |line| [0, 23, 47].map(|at| (*view, *line, at))))
        .collect();
    let script = "return arguments[0].map(([view, line, at]) => { const it = window.portside.pixel(view, line, at);
        return it && [it.low, it.high]; })";
    let read = browser.run(script, &[json!(places)]);
    for (place, read) in places.iter().zip(read.as_array().unwrap()) {
        let (view, line, at) = *place;
        let sent = [sample(view, line, at), sample(view, line, at + FORMAT.pixels)];
        assert_eq!(*read, json!(sent), "view {view}, line {line}, element {at}");
    }

    let both = drawn(&browser);
    browser.key("V");
    let first = changes(&browser, &both);
    browser.key("V");
    let second = changes(&browser, &first);
    assert_ne!(second, both);
    browser.key("V");
    until("both views again", || (drawn(&browser) == both).then_some(()));

    browser.key("9");
    let one_to_one = changes(&browser, &both);
    for _ in 0..40 {
        browser.key("Plus");
    }
    changes(&browser, &one_to_one);
    browser.until("sixteen times", "document.getElementById('window-bar').innerText.includes('16.0×')");
    browser.screenshot("views-sixteen-times");
    browser.is_quiet();
    assert!(pages.acts.lock().unwrap().is_empty(), "looking is no act");
}

//! How the pages look: small screens and large ones, both languages, judged by axe-core and by where things are. The
//! pictures are kept, and are there to be looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod desk_site;
mod site;

use browser::{Browser, Language, SMALL, Window};
use desk_site::{DeskSite, Officer, PLAN};
use portside::simulate::phantom::luggage::Contents;

const LARGE: Window = Window { width: 3840, height: 2160, language: Language::English };

fn judged(browser: &Browser, name: &str) {
    // Type and pictures come after the page.
    browser.until("all letters", "document.fonts.status === 'loaded'");
    browser.screenshot(name);
    browser.is_laid_out();
    browser.is_accessible();
}

#[tokio::test(flavor = "multi_thread")]
async fn login_list_and_desk_can_be_read_on_small_screens_and_large_ones_in_both_languages() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let visitor = Browser::start(&turn, "a visitor", SMALL);
    for (window, size) in [(SMALL, "1280"), (LARGE, "3840")] {
        visitor.resize(window);
        for path in ["", "login"] {
            visitor.open(&site.url(&format!("/{path}")));
            let page = if path.is_empty() { "list" } else { path };
            for (language, lang) in [("中文", "zh"), ("English", "en")] {
                if visitor.has("button", language) {
                    visitor.control("button", language).press();
                }
                judged(&visitor, &format!("{page}-{size}-{lang}"));
            }
        }
    }
    drop(visitor);

    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    judged(&officer.browser, "desk-empty-1280-en");
    let (_, first) = site.scan(Contents::Food, 5);
    officer.sees_the_end();
    officer.says("Unknown");
    site.daemon.done(&["verdict", &first, "clear", "--agency", "ciq", "--officer", "somebody"]);
    site.step(&first, "held");
    judged(&officer.browser, "desk-held-1280-en");
    site.start_belt();
    let (_, inspection) = site.scan(Contents::Firearm, 6);
    site.daemon.done(&[
        "identify",
        "行李 CA1234-07",
        "--inspection",
        &inspection,
        "--agency",
        "customs",
        "--officer",
        "somebody",
    ]);
    officer.sees_the_end();
    officer.browser.control("radio", "Alarm").is_ready();
    officer.browser.control("radio", "Alarm").press();
    for (window, size) in [(SMALL, "1280"), (LARGE, "3840")] {
        officer.browser.resize(window);
        for (language, lang) in [(Language::Chinese, "zh"), (Language::English, "en")] {
            officer.speaks(language);
            judged(&officer.browser, &format!("desk-{size}-{lang}"));
        }
    }
    officer.browser.key("?");
    judged(&officer.browser, "desk-keys-3840-en");
    officer.browser.key("Escape");
    officer.browser.key("Shift+D");
    judged(&officer.browser, "desk-sunlight-3840-en");
    officer.browser.resize(SMALL);
    judged(&officer.browser, "desk-sunlight-1280-en");
    officer.browser.control("button", "Seal: Alarm").press();
    officer.has_sealed();
    site.sealed(&inspection, "customs");
    judged(&officer.browser, "desk-sealed-1280-en");
    officer.browser.is_quiet();
}

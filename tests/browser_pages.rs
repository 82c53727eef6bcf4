//! Pages that a person meets beside the own live desk: another agency's, none at all, one that cannot show an image; and
//! typical images beside the live one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod desk_site;
mod site;

use std::fs;
use std::path::Path;

use browser::{Browser, Language, SMALL};
use desk_site::{DeskSite, Officer, PLAN, english};
use portside::image::files::tiff16;
use portside::image::{AIR, Format, Line, Scan};
use portside::simulate::phantom::luggage::Contents;
use rustix::process::Signal;
use serde_json::json;
use site::daemon::lane_file;

fn judged(browser: &Browser, name: &str) {
    browser.until("all letters", "document.fonts.status === 'loaded'");
    browser.screenshot(name);
    browser.is_laid_out();
    browser.is_accessible();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_another_desk_is_told_whose_it_is_and_finds_the_way_to_the_own_one() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let stranger = Browser::start(&turn, "a stranger", SMALL);
    stranger.open(&site.url("/desk/xr9/customs"));
    stranger.shows("没有这个屏");
    english(&stranger);
    stranger.shows("no desk \"customs\" at station \"xr9\"");
    stranger.control("link", "Log in").press();
    stranger.until("the log-in page", "location.pathname === '/login'");
    drop(stranger);

    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    let page = &officer.browser;
    for (lang, words, own) in [
        ("en", ["Desk of 检验检疫, station xr1", "another agency's desk", "zhang.wei, 海关"], "Open the desk of 海关"),
        ("zh", ["检验检疫屏 · 工位 xr1", "其他部门的屏", "zhang.wei，海关"], "进入海关屏"),
    ] {
        page.open(&site.url("/desk/xr1/ciq"));
        if lang == "zh" {
            page.control("button", "中文").press();
        }
        words.iter().for_each(|words| page.shows(words));
        page.has("link", own);
        assert_eq!(page.run("return document.contentType", &[]), "text/html");
        judged(page, &format!("another-agencys-desk-{lang}"));
    }
    page.control("link", "进入海关屏").press();
    officer.is_at_the_desk();
    let page = &officer.browser;
    for (path, words) in
        [("/desk/xr1/nobody", "没有这个屏"), ("/<b>no such</b>", "没有页面"), ("/desk/xr1/ciq/live", "不是由本通道")]
    {
        page.open(&site.url(path));
        page.shows(words);
        page.is_accessible();
    }
    page.control("link", "进入海关屏").press();
    officer.is_at_the_desk();
    // The addresses were wrong on purpose; nothing else may stand there, above all nothing of who is here.
    officer.browser.is_quiet_but(&["/desk/xr1/ciq", "/desk/xr1/nobody", "no%20such"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_who_is_here_writes_no_error_into_the_console() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let mut visitor = Browser::start(&turn, "a visitor", SMALL);
    for path in ["/login", "/"] {
        visitor.open(&site.url(path));
        visitor.shows("行李查验 1 号通道");
    }
    visitor.is_quiet();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_cannot_show_images_says_so_and_takes_no_part() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    officer.browser.before_pages(
        "const given = HTMLCanvasElement.prototype.getContext;
         HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
             return kind === 'webgl2' ? null : given.call(this, kind, ...more);
         };",
    );
    officer.browser.reload();
    officer.browser.shows("This browser cannot show the image");
    officer.browser.shows("WebGL 2");
    judged(&officer.browser, "no-webgl-en");
    officer.browser.control("button", "中文").press();
    officer.browser.shows("此浏览器无法显示图像");
    assert!(officer.frames().is_empty(), "nothing is shown here, so the daemon is not asked for it");
    judged(&officer.browser, "no-webgl-zh");
    officer.browser.control("link", "全部屏").press();
    officer.browser.until("the list of desks", "location.pathname === '/'");
    officer.browser.is_quiet();
}

/// A typical image of two energies, as the journal keeps one: air, and a square of `inside`.
fn typical(folder: &Path, name: &str, inside: u16) {
    let format = Format { pixels: 96, energies: 2, views: 1, pitch_um: 3_000, line_um: 2_500, live: true, raw: true };
    let mut scan = Scan::new(format);
    for index in 0..160 {
        let sample = |at: u32| {
            let within = (40..120).contains(&index) && (24..72).contains(&(at % 96));
            if within { inside } else { AIR - (at % 7) as u16 }
        };
        assert!(scan.add(&Line { index, view: 0, filled: false, samples: (0..192).map(sample).collect() }));
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), tiff16(&scan).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_compares_with_a_typical_image_by_keys_and_judges_the_live_one() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("store/typical");
    typical(&folder, "02 手提箱.tiff", 20_000);
    fs::write(folder.join("readme.txt"), "no picture").unwrap();
    let site = DeskSite::start(dir.path(), PLAN).await;
    let mut officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
    let (_, inspection) = site.scan(Contents::Firearm, 3);
    let image = officer.sees_the_end()["id"].clone();
    let page = &officer.browser;
    assert!(!page.text().contains("空箱"), "until somebody compares, typical images take no place");
    // A technician keeps an image of the lane as a typical one, under the eyes of the officer.
    let lane_file = lane_file(dir.path());
    let add = ["typical", "add", &inspection, "01 空箱", "-c", lane_file.to_str().unwrap()];
    site.daemon.done(&add);
    assert!(!site.daemon.call(&add).status.success(), "never in place of another");
    site.daemon.signal(Signal::HUP);
    site::until("a list of both", || {
        let mut lists = officer.frames().into_iter().filter(|frame| frame["type"] == "typical");
        lists.next_back().filter(|last| last["typical"].as_array().unwrap().len() == 2)
    });
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("t");
    page.shows("Compared with: 01 空箱");
    let names = "return [...document.querySelectorAll('#recall button b')].map(b => b.textContent)";
    let names = page.run(names, &[]);
    assert_eq!([&names[0], &names[1]], [&json!("01 空箱"), &json!("02 手提箱")], "{names}");
    assert_eq!(names.as_array().unwrap().len(), 3, "the live image comes after them: {names}");
    page.run("document.querySelectorAll('#recall button')[0].focus()", &[]);
    page.key("Tab");
    page.key("Enter");
    page.shows("Compared with: 02 手提箱");
    assert_eq!(page.run("return window.portside.image.id", &[]), image, "the live image stays");
    judged(page, "compare-typical-en");
    officer.speaks(Language::Chinese);
    officer.browser.shows("对比：02 手提箱");
    judged(&officer.browser, "compare-typical-zh");
    officer.speaks(Language::English);
    officer.says("Alarm");
    site.sealed(&inspection, "customs");
    officer.browser.run("document.getElementById('stage').focus()", &[]);
    officer.browser.key("t");
    officer.browser.until("one image", "!document.body.innerText.includes('Compared with')");
    assert!(site.daemon.log().contains("readme.txt"), "what cannot be shown is named in the log");
    officer.browser.is_quiet();
}

//! The pictures of the README, of this project's own phantoms only. `make screenshots` runs it; it is no test.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a picture that cannot be taken is none")]

mod browser;
mod desk_site;
mod site;

use std::fs;
use std::path::Path;

use browser::{Browser, Language, SMALL};
use desk_site::{DeskSite, Officer, PLAN, Plan};
use portside::simulate::phantom::luggage::Contents;
use portside::simulate::tunnel::TunnelSetup;

/// As fine as the demo's detector.
const TUNNEL: TunnelSetup = TunnelSetup { pixels: 576, pitch_mm: 1.0, line_mm: 1.25, source_mm: 1_200.0 };

fn keep(browser: &Browser, name: &str) {
    let taken = browser.screenshot(name);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    fs::create_dir_all(&docs).unwrap();
    // Fewer colours and the best compression: a repository keeps every version of them.
    let picture = image::open(taken).unwrap().into_rgb8();
    let file = fs::File::create(docs.join(format!("{name}.png"))).unwrap();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        file,
        image::codecs::png::CompressionType::Best,
        image::codecs::png::FilterType::Adaptive,
    );
    picture.write_with_encoder(encoder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes docs/screens; `make screenshots` runs it"]
async fn pictures_for_the_readme() {
    let turn = browser::turn().expect("pictures need a browser");
    let dir = tempfile::tempdir().unwrap();
    let site = DeskSite::start(dir.path(), Plan { tunnel: TUNNEL, ..PLAN }).await;
    let officer = Officer::called(&turn, &site, "customs", "zhang.wei", "张伟", SMALL);
    let (_, first) = site.scan(Contents::Food, 21);
    officer.sees_the_end();
    officer.says("Clear");
    site.daemon.done(&["verdict", &first, "clear", "--agency", "ciq", "--officer", "li.na"]);
    site.step(&first, "released");
    let bag = site.put(Contents::Firearm, 560.0, 14);
    officer.browser.until("the next image", "window.portside.image.number === 2");
    officer.sees_lines(330);
    officer.speaks(Language::Chinese);
    keep(&officer.browser, "desk-growing-zh");
    site.rides_to(bag, 2_200.0);
    site.stop_belt();
    site.reviewed(&[first]);
    officer.sees_the_end();
    officer.browser.until("a verdict that can be given", "!document.getElementById('verdict-alarm').disabled");
    officer.browser.key("2");
    keep(&officer.browser, "desk-zh");
    officer.speaks(Language::English);
    keep(&officer.browser, "desk-en");
}

//! The browser that other tests drive, tried on pages whose faults are known: what finds nothing here would find nothing
//! there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod site;

use browser::{Browser, Pointer, SMALL, Turn};

const PAGE: &str = r##"<!doctype html><html lang="en"><title>A desk</title><main><h1>A desk</h1>
<label>Name <input id="n"></label>
<button aria-label="Judge clear" onclick="document.getElementById('said').textContent += 'clear '">C</button>
<button disabled>Alarm</button><p id="said" style="color:#111"></p>
<canvas width="64" height="64" aria-label="picture" role="img"></canvas></main>
<script>addEventListener('keydown', e => { said.textContent += 'key ' + e.key + ' ' })</script></html>"##;

fn page(turn: &Turn, html: &str) -> Browser {
    let browser = Browser::start(turn, "somebody", SMALL);
    browser.open("about:blank");
    browser.run("document.open(); document.write(arguments[0]); document.close()", &[html.into()]);
    browser
}

#[test]
fn controls_are_found_by_role_and_name_and_pressed_filled_and_keyed() {
    let Some(turn) = browser::turn() else { return };
    let mut page = page(&turn, PAGE);
    page.control("button", "Judge clear").press();
    page.shows("clear");
    page.control("button", "Judge clear").press_twice();
    page.shows("clear clear clear");
    page.control("textbox", "Name").fill("张三 <b>");
    assert_eq!(page.control("textbox", "Name").text(), "张三 <b>");
    assert!(!page.control("button", "Alarm").is_on());
    assert!(!page.has("button", "C"), "a control is known by its accessible name");
    page.pointer(&[Pointer::To(1.0, 700.0), Pointer::Press, Pointer::Lift]);
    page.key("Shift+E");
    page.shows("key E");
    page.is_quiet();
    assert!(page.screenshot("harness").metadata().unwrap().len() > 1_000);
}

#[test]
fn webgl2_is_there_without_a_graphics_card() {
    let Some(turn) = browser::turn() else { return };
    let page = page(&turn, PAGE);
    let size = page.run("return document.querySelector('canvas').getContext('webgl2').getParameter(0x0D33)", &[]);
    assert!(size.as_u64().unwrap() >= 8_192, "{size}");
}

#[test]
fn an_error_on_the_console_is_not_overlooked() {
    let Some(turn) = browser::turn() else { return };
    let mut page = page(&turn, PAGE);
    page.run("setTimeout(() => { throw new Error('planted') }); return new Promise(r => setTimeout(r, 50))", &[]);
    let errors = page.errors_but(&[]);
    assert!(errors.len() == 1 && errors[0].contains("planted"), "{errors:?}");
    page.is_quiet_but(&["planted"]);
}

/// What is found misplaced when `change` is done to the page.
fn misplaced(page: &Browser, change: &str) -> String {
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])", &[change.into()]);
    let faults = page.misplaced().join("; ");
    page.run("document.querySelector('main').lastElementChild.remove()", &[]);
    faults
}

#[test]
fn what_lies_wrong_or_is_cut_off_is_not_overlooked() {
    let Some(turn) = browser::turn() else { return };
    let page = page(&turn, PAGE);
    page.is_laid_out();
    let found = |change: &str| misplaced(&page, change);
    assert!(
        found("<div><button>one</button><button style='margin-left:-12px'>two</button></div>").contains("overlap by")
    );
    let cut = "<p style='width:40px;overflow:hidden;white-space:nowrap'>much too long for this</p>";
    assert!(found(cut).contains("cut off"));
    assert!(
        found("<button style='position:fixed;left:1270px;width:60px'>x</button>").contains("outside of the window")
    );
    let cover = "<div><a href='#' style='position:fixed;top:600px'>under</a><p style='position:fixed;inset:500px 0 0 0'>over</p></div>";
    assert!(found(cover).contains("lies under"));
    page.is_laid_out();
}

#[test]
fn letters_that_can_hardly_be_read_are_not_overlooked() {
    let Some(turn) = browser::turn() else { return };
    let page = page(&turn, PAGE);
    page.is_accessible();
    let faint = "<p style='color:#ccc;background:#fff'>hardly to be read</p>";
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])", &[faint.into()]);
    let Some(found) = page.violations() else { return };
    assert!(found.len() == 1 && found[0].contains("color-contrast"), "{found:?}");
}

#[test]
fn pictures_of_devtools_are_decoded() {
    assert_eq!(browser::decode("UG9ydHNpZGU="), b"Portside");
    assert_eq!(browser::decode("UG9ydA=="), b"Port");
    assert_eq!(browser::decode("//79"), [255, 254, 253]);
}

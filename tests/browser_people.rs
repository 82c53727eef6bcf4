//! Officers' sessions in real browsers, a lane that stops answering, and words that would like to be programs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod desk_site;
mod site;

use browser::{SMALL, Turn};
use desk_site::{DeskSite, Officer, PASSWORD, PLAN};
use portside::simulate::phantom::luggage::Contents;
use rustix::process::Signal;
use serde_json::json;

async fn desk(turn: &Turn, dir: &tempfile::TempDir) -> (DeskSite, Officer) {
    let site = DeskSite::start(dir.path(), PLAN).await;
    let officer = Officer::arrives(turn, &site, "customs", "zhang.wei", SMALL);
    (site, officer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_falls_silent_is_not_live_and_takes_nothing_until_it_speaks_again() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, mut officer) = desk(&turn, &dir).await;
    site.scan(Contents::Harmless, 3);
    officer.sees_the_end();
    let page = &officer.browser;
    page.control("radio", "Clear").is_ready();
    page.control("radio", "Clear").press();
    page.control("button", "Seal: Clear").is_ready();
    // The page's own clock: from the last word of the lane until the page says so.
    page.run(
        "globalThis.__dead = null;
         new MutationObserver(() => { globalThis.__dead ??= performance.now(); })
             .observe(document.getElementById('live'), { attributes: true, attributeFilter: ['class'] })",
        &[],
    );
    site.daemon.signal(Signal::STOP);
    page.until("a page that is not live", "document.getElementById('live').classList.contains('dead')");
    let silence = page.run("return globalThis.__dead - globalThis.__frames.at(-1).at", &[]).as_f64().unwrap();
    // Three seconds are promised; the timer of a browser on a busy machine may be late.
    assert!((1_500.0..4_500.0).contains(&silence), "not live after {silence} ms");
    page.shows("Not live: verdicts are off.");
    for (role, name) in
        [("radio", "Clear"), ("radio", "Alarm"), ("radio", "Unknown"), ("button", "Seal: Clear"), ("button", "Stop")]
    {
        assert!(!page.control(role, name).is_on(), "{name} can be pressed");
    }
    page.screenshot("not-live");
    page.key("Control+Enter");
    site.daemon.signal(Signal::CONT);
    officer.is_live();
    let page = &officer.browser;
    // What was chosen is still chosen, and nothing of it was sent.
    page.control("button", "Seal: Clear").is_ready();
    assert_eq!(page.control("radio", "Clear").attribute("aria-checked").as_deref(), Some("true"));
    page.control("button", "Seal: Clear").press();
    officer.has_sealed();
    officer.browser.is_quiet_but(&["WebSocket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_screen_shows_nothing_takes_nothing_and_keeps_the_case() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, mut officer) = desk(&turn, &dir).await;
    let (_, inspection) = site.scan(Contents::Food, 3);
    let image = officer.sees_the_end()["id"].clone();
    let page = &officer.browser;
    page.control("radio", "Unknown").is_ready();
    page.control("radio", "Unknown").press();
    page.control("textbox", "Note").fill("fruit, to be opened");
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("Shift+L");
    page.shows("The screen is locked");
    page.is_accessible();
    page.screenshot("locked");
    page.key("Escape");
    page.shows("The screen is locked");
    let judge = json!({ "act": { "verb": "judge", "inspection": inspection, "verdict": "clear",
        "image": { "id": image, "revision": 1 }, "regions": [], "note": null },
        "idempotency": "0190f6a2-0000-4000-8000-000000000009" });
    let (status, body) = officer.calls("/api/act", Some(&judge));
    assert_eq!((status, &body["code"]), (401, &json!("session_locked")), "{body}");
    assert!(site.records(&inspection, "inspection.verdict.sealed").is_empty());
    let page = &officer.browser;
    page.control("textbox", "Password").fill("not this one at all");
    page.control("button", "Unlock").press();
    page.until("a refusal", "document.querySelector('#lock .refusal').textContent.length > 0");
    page.until("an unlock that can be tried", "!document.querySelector('#lock button.main').disabled");
    // A wrong password makes the next try wait.
    site::until("the screen to be unlocked", || {
        if !page.has("textbox", "Password") {
            return Some(());
        }
        page.control("textbox", "Password").fill(PASSWORD);
        page.control("button", "Unlock").press();
        std::thread::sleep(std::time::Duration::from_millis(500));
        (page.run("return document.getElementById('lock') === null", &[]) == true).then_some(())
    });
    officer.is_live();
    let page = &officer.browser;
    assert_eq!(page.control("textbox", "Note").text(), "fruit, to be opened");
    assert_eq!(page.control("radio", "Unknown").attribute("aria-checked").as_deref(), Some("true"));
    page.control("button", "Seal: Unknown").is_ready();
    page.control("button", "Seal: Unknown").press();
    officer.has_sealed();
    site.sealed(&inspection, "customs");
    officer.browser.is_quiet_but(&["/api/unlock", "/api/act", "/live"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_has_one_screen_and_the_older_one_is_told_and_ended() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (site, first) = desk(&turn, &dir).await;
    let second = Officer::logs_in(&turn, &site, "customs", "zhang.wei", SMALL);
    first.browser.until("the log-in page", "location.pathname === '/login'");
    first.browser.screenshot("ended-elsewhere");
    second.is_live();
    let (status, _) = second.calls("/api/me", None);
    assert_eq!(status, 200);
}

/// Words that run where somebody forgot that they are words.
fn payloads() -> Vec<String> {
    let bare = [
        "<script>window.__xss=1</script>",
        "<ScRiPt>window.__xss=1</sCrIpT>",
        "<script src=//127.0.0.1/x.js></script>",
        "<script>window.__xss=1//",
        "<<script>window.__xss=1;//<</script>",
        "</script><script>window.__xss=1</script>",
        "</title><script>window.__xss=1</script>",
        "</textarea><script>window.__xss=1</script>",
        "</style><script>window.__xss=1</script>",
        "</select><img src=x onerror=window.__xss=1>",
        "--><script>window.__xss=1</script><!--",
        "]]><script>window.__xss=1</script>",
        "<img src=x onerror=window.__xss=1>",
        "<img src=x onerror=\"window.__xss=1\">",
        "<img src='x' onerror='window.__xss=1'>",
        "<img/src=x/onerror=window.__xss=1>",
        "<img src=x onerror=window['__xss']=1>",
        "<img src=\"x`<script>window.__xss=1</script>\"` `>",
        "<image src=x onerror=window.__xss=1>",
        "<svg onload=window.__xss=1>",
        "<svg/onload=window.__xss=1>",
        "<svg><script>window.__xss=1</script></svg>",
        "<svg><animate onbegin=window.__xss=1 attributeName=x dur=1s>",
        "<svg><a xlink:href=javascript:window.__xss=1><text y=20>x</text></a></svg>",
        "<svg><set attributeName=onmouseover to=window.__xss=1>",
        "<svg><use href=\"data:image/svg+xml,<svg id='x' onload='window.__xss=1'/>#x\">",
        "<svg><foreignObject><iframe srcdoc='<script>parent.__xss=1</script>'></foreignObject></svg>",
        "<math><mtext><img src=x onerror=window.__xss=1></mtext></math>",
        "<math href=javascript:window.__xss=1>x</math>",
        "<body onload=window.__xss=1>",
        "<body onpageshow=window.__xss=1>",
        "<iframe src=javascript:parent.__xss=1></iframe>",
        "<iframe srcdoc='<script>parent.__xss=1</script>'></iframe>",
        "<iframe onload=window.__xss=1></iframe>",
        "<object data=javascript:window.__xss=1>",
        "<object data='data:text/html,<script>parent.__xss=1</script>'>",
        "<embed src=javascript:window.__xss=1>",
        "<a href=javascript:window.__xss=1>x</a>",
        "<a href='java\u{9}script:window.__xss=1'>x</a>",
        "<form><button formaction=javascript:window.__xss=1>x</button></form>",
        "<form action=javascript:window.__xss=1><input type=submit></form>",
        "<input autofocus onfocus=window.__xss=1>",
        "<input onblur=window.__xss=1 autofocus><input autofocus>",
        "<select autofocus onfocus=window.__xss=1>",
        "<textarea autofocus onfocus=window.__xss=1>",
        "<button autofocus onfocus=window.__xss=1>x</button>",
        "<video><source onerror=window.__xss=1></video>",
        "<video src=x onerror=window.__xss=1>",
        "<audio src=x onerror=window.__xss=1>",
        "<details open ontoggle=window.__xss=1>x</details>",
        "<marquee onstart=window.__xss=1>x</marquee>",
        "<meta http-equiv=refresh content='0;url=javascript:window.__xss=1'>",
        "<link rel=stylesheet href=//127.0.0.1/x.css>",
        "<base href=//127.0.0.1/>",
        "<style>@import '//127.0.0.1/x.css';</style>",
        "<div style='background:url(javascript:window.__xss=1)'>",
        "<p onmouseover=window.__xss=1 style='position:fixed;inset:0'>x</p>",
        "<template><script>window.__xss=1</script></template>",
        "<noscript><p title='</noscript><img src=x onerror=window.__xss=1>'>",
        "<xss onclick=window.__xss=1 id=x tabindex=1>#x",
        "\" onmouseover=window.__xss=1 x=\"",
        "' onfocus=window.__xss=1 autofocus x='",
        "` onerror=window.__xss=1 `",
        "javascript:window.__xss=1",
        "data:text/html,<script>window.__xss=1</script>",
        "${window.__xss=1}",
        "{{constructor.constructor('window.__xss=1')()}}",
        "#{window.__xss=1}",
        "<%= window.__xss=1 %>",
        "';window.__xss=1;//",
        "\";window.__xss=1;//",
        "\\\";window.__xss=1;//",
        "</script><svg onload=window.__xss=1>京A12345",
        "＜script＞window.__xss=1＜/script＞",
        "&lt;script&gt;window.__xss=1&lt;/script&gt;",
        "&#60;script&#62;window.__xss=1&#60;/script&#62;",
        "%3Cscript%3Ewindow.__xss=1%3C/script%3E",
        "\\u003cscript\\u003ewindow.__xss=1\\u003c/script\\u003e",
        "__proto__",
        "constructor",
    ];
    bare.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_plate_a_name_a_note_and_a_device_are_words_and_run_nothing() {
    let Some(turn) = browser::turn() else { return };
    let dir = tempfile::tempdir().unwrap();
    let plan = desk_site::Plan { xray_name: "<img src=x onerror=window.__xss=1> X 光机", ..PLAN };
    let site = DeskSite::start(dir.path(), plan).await;
    let display = "<img src=x onerror=window.__xss=1>张伟";
    let mut officer = Officer::called(&turn, &site, "customs", "zhang.wei", display, SMALL);
    officer.browser.shows(display);
    let (_, inspection) = site.scan(Contents::Harmless, 3);
    officer.sees_the_end();
    let payloads = payloads();
    assert!(payloads.len() >= 50);
    let (mut shown, mut refused) = (0, 0);
    for (at, payload) in payloads.iter().enumerate() {
        let identify = json!({ "act": { "verb": "identify", "inspection": inspection, "identity": payload },
            "idempotency": format!("0190f6a2-0000-4000-8000-{:012}", 1_000 + at) });
        let (status, body) = officer.calls("/api/act", Some(&identify));
        match status {
            200 => {
                let said = format!(
                    "[...document.querySelectorAll('.identity')].some(e => e.textContent === {})",
                    json!(payload)
                );
                officer.browser.until(&format!("{payload} to be shown as it is"), &said);
                shown += 1;
            }
            409 | 422 => refused += 1,
            _ => panic!("{payload}: {status} {body}"),
        }
        assert_eq!(officer.browser.run("return window.__xss === undefined", &[]), true, "{payload} ran");
        assert_eq!(officer.browser.run("return document.querySelectorAll('main script, aside script, footer script, iframe, object, embed, base').length", &[]), 0, "{payload}");
    }
    assert!(shown >= 50, "{shown} shown, {refused} refused");
    // Hover and focus over everything there is.
    officer.browser.run("for (const e of document.querySelectorAll('*')) { e.dispatchEvent(new MouseEvent('mouseover', { bubbles: true })); e.focus?.() }", &[]);
    let note = payloads[0].clone();
    officer.browser.control("textbox", "Note").fill(&note);
    officer.says("Clear");
    officer.browser.shows(&note);
    officer.browser.reload();
    officer.is_at_the_desk();
    assert_eq!(officer.browser.run("return window.__xss === undefined", &[]), true);
    // A refusal repeats what was asked for, and so do pages that are not there.
    for path in [
        "/login?to=javascript:window.__xss=1",
        "/login?to=//127.0.0.1/<script>",
        "/desk/<script>window.__xss=1</script>/customs",
        "/<svg onload=window.__xss=1>",
    ] {
        officer.browser.open(&site.url(path));
        assert_eq!(officer.browser.run("return window.__xss === undefined", &[]), true, "{path}");
    }
    officer.browser.is_quiet_but(&["/api/act", "404", "/<svg", "/desk/", "401", "403"]);
}

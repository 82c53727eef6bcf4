//! What an officer waits for in a real browser of 1280×800 with software graphics: from a line on the wire to the frame
//! that shows it, and from a tool's key to its frame on an image of 1,152 elements and 2,500 lines.
//!
//! Run with `cargo bench --bench browser`. It needs Chromium and ChromeDriver.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on has failed")]

#[path = "../tests/browser/mod.rs"]
mod browser;
#[path = "../tests/desk_site/mod.rs"]
mod desk_site;
#[path = "../tests/site/mod.rs"]
mod site;

use browser::SMALL;
use desk_site::{DeskSite, Officer, PLAN, Plan};
use portside::simulate::phantom::luggage::Contents;
use portside::simulate::tunnel::TunnelSetup;
use serde_json::Value;

/// 375 lines a second at 200 mm/s.
const TUNNEL: TunnelSetup = TunnelSetup { pixels: 1_152, pitch_mm: 0.5, line_mm: 200.0 / 375.0, source_mm: 1_200.0 };
/// 2,500 lines and the air around them.
const LENGTH: f64 = 1_330.0;

/// Notes at each frame how many lines it shows, and when: wall time, milliseconds.
const WATCH: &str = r"
    globalThis.__shown = [];
    let frames = -1;
    const look = () => {
        const { portside } = window;
        if (portside.frames !== frames && portside.image) {
            frames = portside.frames;
            const [line, element] = [portside.image.lines - 1, 0];
            portside.pixel(0, line, element);  // waits until the graphics have done what they were told
            globalThis.__shown.push([portside.image.id, portside.image.lines, performance.timeOrigin + performance.now()]);
        }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

/// Presses a key sixty times; how long until the frame that shows it is drawn, milliseconds.
const PRESS: &str = r"
    const [keys] = arguments;
    const frame = () => new Promise(requestAnimationFrame);
    return (async () => {
        const times = [];
        for (let at = 0; at < 60; at += 1) {
            const before = window.portside.frames, began = performance.now();
            document.body.dispatchEvent(new KeyboardEvent('keydown', { key: keys[at % keys.length], bubbles: true }));
            do await frame(); while (window.portside.frames === before && performance.now() - began < 5000);
            window.portside.pixel(0, 0, 0);
            times.push(performance.now() - began);
            await frame();
        }
        return times;
    })();";

fn main() {
    let Some(turn) = browser::turn() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let site = DeskSite::start(dir.path(), Plan { tunnel: TUNNEL, grain: 4, ..PLAN }).await;
        let officer = Officer::arrives(&turn, &site, "customs", "zhang.wei", SMALL);
        officer.browser.run(WATCH, &[]);
        let bag = site.put(Contents::Firearm, LENGTH, 1);
        site.rides_to(bag, TUNNEL.source_mm + LENGTH + 400.0);
        site.stop_belt();
        let image = officer.sees_the_end();
        println!("image: {} lines of 1,152 elements, 2 energies, 375 lines/s", image["lines"]);
        lines(&site, &officer);
        for (what, keys) in [
            ("window", ["[", "]"]),
            ("materials", ["c", "g"]),
            ("edges", ["e", "z"]),
            ("local contrast", ["k", "z"]),
            ("zoom", ["+", "0"]),
        ] {
            let times = officer.browser.run(PRESS, &[serde_json::json!(keys)]);
            print(
                &format!("tool change, {what}"),
                times.as_array().unwrap().iter().filter_map(Value::as_f64).collect(),
            );
        }
    });
}

/// From the moment at which a line was handed to the socket to the first frame that holds it.
fn lines(site: &DeskSite, officer: &Officer) {
    let shown = officer.browser.run("return globalThis.__shown", &[]);
    let shown: Vec<(usize, f64)> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one[1].as_u64().unwrap() as usize, one[2].as_f64().unwrap()))
        .collect();
    let said = site.heard();
    let first = desk_site::first_line_of(&said, officer);
    let lines = shown.last().unwrap().0;
    let wait = |line: usize| {
        let frame = shown.iter().find(|(lines, _)| *lines > line)?;
        Some(frame.1 - said.sent_ms.get(first + line)?)
    };
    // What came before the subject was known to be one waits for it by design: the air in front.
    let times: Vec<f64> = (64..lines).filter_map(wait).collect();
    print("line sent to the frame after its upload", times);
}

fn print(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{what}: p50 {:.0} ms, p99 {:.0} ms, most {:.0} ms ({} times)", at(0.5), at(0.99), at(1.0), times.len());
}

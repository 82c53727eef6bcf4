//! A real browser without a screen, driven as a person would drive it: by the names that controls have, by keys and by
//! the pointer. What a page writes to its console as an error fails the test.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "shared by test programs, none of which uses all of it")]

mod axe;
mod driver;
mod layout;
mod page;

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use driver::Session;
use serde_json::{Value, json};

use crate::site::until;

pub use page::Pointer;

/// Software graphics of two browsers fill two cores: tests with browsers take turns.
static TURN: Mutex<()> = Mutex::new(());

/// What a browser asks pages for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Chinese,
    English,
}

impl Language {
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en-GB",
        }
    }
}

/// A browser's window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub width: u32,
    pub height: u32,
    pub language: Language,
}

/// The smallest screen that a desk is used on.
pub const SMALL: Window = Window { width: 1280, height: 800, language: Language::English };

impl Window {
    pub const fn in_language(self, language: Language) -> Self {
        Self { language, ..self }
    }
}

/// Whoever holds it may start browsers.
pub struct Turn(#[allow(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

/// Waits for the turn of a test that needs browsers; `None`, with a line that says so, where there is no Chromium.
pub fn turn() -> Option<Turn> {
    if !driver::is_installed() {
        let words = "no chromium and chromedriver here (`make setup` installs them)";
        assert!(std::env::var_os("PORTSIDE_NEEDS_BROWSER").is_none(), "{words}, and this run must have them");
        println!("skipped: {words}");
        return None;
    }
    Some(Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// One browser with one page.
pub struct Browser {
    session: Session,
    /// Who sits there, for messages and file names.
    name: String,
    console: Vec<Message>,
}

/// A line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub level: String,
    pub text: String,
}

impl Browser {
    /// Starts one. The turn shows that this is allowed.
    pub fn start(_turn: &Turn, name: &str, window: Window) -> Self {
        let session = Session::start(window);
        let browser = Self { session, name: name.to_owned(), console: Vec::new() };
        browser.resize(window);
        browser
    }

    /// A window's own border is not part of the page.
    pub fn resize(&self, window: Window) {
        let metrics =
            json!({ "width": window.width, "height": window.height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// From here on this runs in every page before anything of the page itself.
    pub fn before_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    pub fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    pub fn reload(&self) {
        self.command("refresh", &json!({}));
    }

    pub fn address(&self) -> String {
        self.run("return location.href", &[]).as_str().unwrap_or_default().to_owned()
    }

    /// Runs a function's body in the page; `arguments[0]` and so on are `arguments`, and a promise is waited for. What
    /// comes from here is exempt from the page's Content-Security-Policy.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until the page answers `expression` with something true, and returns it.
    pub fn until(&self, what: &str, expression: &str) -> Value {
        let script = format!("return ({expression})");
        until(&format!("{what} at {}'s browser", self.name), || {
            let seen = self.session.command("execute/sync", &json!({ "script": script, "args": [] })).ok()?;
            let nothing = matches!(&seen, Value::Null | Value::Bool(false)) || seen == json!(0) || seen == json!("");
            (!nothing).then_some(seen)
        })
    }

    /// Everything that the page shows as text.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText", &[]).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows `words`.
    pub fn shows(&self, words: &str) {
        let script = "return document.body.innerText.includes(arguments[0])";
        let body = json!({ "script": script, "args": [words] });
        let seen = crate::site::wait(|| self.session.command("execute/sync", &body).ok().filter(|seen| *seen == true));
        assert!(seen.is_some(), "{}'s page never showed {words:?}, but: {}", self.name, self.text());
    }

    /// Keeps what the window shows as a picture among this test's artefacts.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let answer = self.devtools("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = decode(answer["data"].as_str().unwrap());
        let path = screens().join(format!("{name}.png"));
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The picture of a part of the window: left, top, width, height. The same pixels give the same bytes.
    pub fn part(&self, [x, y, width, height]: [f64; 4]) -> Vec<u8> {
        let clip = json!({ "x": x, "y": y, "width": width, "height": height, "scale": 1 });
        let answer = self.devtools("Page.captureScreenshot", &json!({ "format": "png", "clip": clip }));
        decode(answer["data"].as_str().unwrap())
    }

    /// What the page wrote to its console since the browser started.
    pub fn console(&mut self) -> &[Message] {
        let lines = self.command("se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().into_iter().flatten().map(|line| Message {
            level: line["level"].as_str().unwrap_or_default().to_owned(),
            text: line["message"].as_str().unwrap_or_default().to_owned(),
        });
        self.console.extend(lines);
        &self.console
    }

    /// What the page wrote there as errors, but for those that a test provoked: their text holds one of `provoked`.
    pub fn errors_but(&mut self, provoked: &[&str]) -> Vec<String> {
        // Chromium writes every refusal down.
        let lines = self.console().iter().filter(|line| line.level == "SEVERE").map(|line| line.text.clone());
        lines.filter(|text| !provoked.iter().any(|known| text.contains(known))).collect()
    }

    /// Nothing went wrong in the page but what the test provoked.
    pub fn is_quiet_but(&mut self, provoked: &[&str]) {
        let errors = self.errors_but(provoked);
        assert!(errors.is_empty(), "{}'s page has errors: {errors:#?}", self.name);
    }

    /// Nothing went wrong in the page.
    pub fn is_quiet(&mut self) {
        self.is_quiet_but(&[]);
    }

    pub(crate) fn devtools(&self, method: &str, parameters: &Value) -> Value {
        self.session
            .devtools(method, parameters)
            .unwrap_or_else(|refused| panic!("{}: {method}: {}", self.name, refused.0))
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        self.session.command(command, body).unwrap_or_else(|refused| {
            panic!("{}: {command} {}: {}", self.name, body.to_string().chars().take(300).collect::<String>(), refused.0)
        })
    }
}

/// The folder of this run's pictures.
pub fn screens() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screens");
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Standard base 64, as DevTools sends pictures.
pub fn decode(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').map(value).collect();
    let group = |digits: &[u8]| -> Vec<u8> {
        let bits = (0..4).fold(0_u32, |bits, place| bits << 6 | u32::from(digits.get(place).copied().unwrap_or(0)));
        bits.to_be_bytes()[1..digits.len()].to_vec()
    };
    digits.chunks(4).flat_map(group).collect()
}

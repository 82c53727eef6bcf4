//! An officer in front of a browser.

use serde_json::{Value, json};

use super::DeskSite;
use crate::browser::{Browser, Language, Turn, Window};
use crate::site::until;

pub const PASSWORD: &str = "seven quiet herons";

/// Keeps every text frame that the page receives, and every line's frame by its length.
const LISTENS: &str = r"
const Plain = WebSocket;
globalThis.__frames = [];
globalThis.WebSocket = class extends Plain {
    constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => {
            if (typeof data === 'string') globalThis.__frames.push({ at: performance.now(), text: data });
        });
    }
};";

pub struct Officer {
    pub browser: Browser,
    pub agency: String,
    pub name: String,
}

impl Officer {
    /// Is added by the technician, logs in with the one-time code, chooses a password, and sees the own desk live.
    pub fn arrives(turn: &Turn, site: &DeskSite, agency: &str, name: &str, window: Window) -> Self {
        Self::called(turn, site, agency, name, name, window)
    }

    /// The same with a name for people.
    pub fn called(turn: &Turn, site: &DeskSite, agency: &str, name: &str, display: &str, window: Window) -> Self {
        let code = site.add_user(name, agency, display);
        let browser = Browser::start(turn, name, window);
        browser.before_pages(LISTENS);
        browser.open(&site.url("/login"));
        english(&browser);
        browser.control("button", "First time here? Use a one-time code").press();
        browser.control("textbox", "User name").fill(name);
        browser.control("textbox", "One-time code").fill(&code);
        browser.control("textbox", "New password").fill(PASSWORD);
        browser.control("textbox", "New password again").fill(PASSWORD);
        browser.control("button", "Set the password and log in").press();
        let officer = Self { browser, agency: agency.to_owned(), name: name.to_owned() };
        officer.is_at_the_desk();
        officer.speaks(window.language);
        officer
    }

    /// Logs in somewhere with the password.
    pub fn logs_in(turn: &Turn, site: &DeskSite, agency: &str, name: &str, window: Window) -> Self {
        let browser = Browser::start(turn, &format!("{name} again"), window);
        browser.before_pages(LISTENS);
        browser.open(&site.url("/login"));
        english(&browser);
        browser.control("textbox", "User name").fill(name);
        browser.control("textbox", "Password").fill(PASSWORD);
        browser.control("button", "Log in").press();
        let officer = Self { browser, agency: agency.to_owned(), name: name.to_owned() };
        officer.is_at_the_desk();
        officer
    }

    pub fn is_at_the_desk(&self) {
        self.browser.until("the desk", "location.pathname.startsWith('/desk/') && window.portside !== undefined");
        self.is_live();
    }

    pub fn is_live(&self) {
        self.browser.until("a live desk", "!document.getElementById('live').classList.contains('dead')");
    }

    /// Switches the page's language by its key.
    pub fn speaks(&self, language: Language) {
        let lang = if language == Language::Chinese { "zh-CN" } else { "en" };
        if self.browser.run("return document.documentElement.lang", &[]) != lang {
            self.browser.key("Shift+E");
        }
        self.browser.until("the language", &format!("document.documentElement.lang === '{lang}'"));
    }

    /// Waits until the page shows at least so many lines of the image that grows.
    pub fn sees_lines(&self, lines: usize) {
        // What has come is drawn with the next frame. The first element sees air, which is never 0.
        let last = lines - 1;
        let drawn = format!("window.portside.pixel(0, {last}, 0)?.low > 0");
        self.browser
            .until("lines", &format!("window.portside.image && window.portside.image.lines >= {lines} && {drawn}"));
    }

    /// Waits until the image on the screen is finished and every line of it drawn.
    pub fn sees_the_end(&self) -> Value {
        let whole = "window.portside.image && window.portside.image.ended && window.portside.image.stretched === 0";
        let drawn = "window.portside.pixel(0, window.portside.image.lines - 1, 0)?.low > 0";
        self.browser.until("a finished image", &format!("{whole} && {drawn} && window.portside.image"))
    }

    /// What the graphics card holds at these places of the first view: softer energy and harder one of each.
    pub fn pixels(&self, places: &[(usize, usize)]) -> Vec<[u16; 2]> {
        let places: Vec<Value> = places.iter().map(|(line, element)| json!([line, element])).collect();
        let script = "return arguments[0].map(([line, element]) => {
            const it = window.portside.pixel(0, line, element); return it && [it.low, it.high]; })";
        let read = self.browser.run(script, &[json!(places)]);
        let pair = |one: &Value| [0, 1].map(|at| one[at].as_u64().unwrap_or_else(|| panic!("no sample: {one}")) as u16);
        read.as_array().unwrap().iter().map(pair).collect()
    }

    /// Chooses and seals a verdict with the pointer.
    pub fn says(&self, verdict: &str) {
        self.browser.control("radio", verdict).is_ready();
        self.browser.control("radio", verdict).press();
        self.browser.control("button", &format!("Seal: {verdict}")).press();
        self.has_sealed();
    }

    /// The page says that its own verdict is sealed.
    pub fn has_sealed(&self) {
        self.browser.until("a sealed verdict", "document.querySelector('#verdict .sealed') !== null");
    }

    /// The text frames that came since the page was loaded.
    pub fn frames(&self) -> Vec<Value> {
        let frames = self.browser.run("return globalThis.__frames.map(frame => frame.text)", &[]);
        frames.as_array().unwrap().iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect()
    }

    /// A call as the page makes it; status and body.
    pub fn calls(&self, path: &str, body: Option<&Value>) -> (u64, Value) {
        let script = "const [path, body] = arguments;
            const headers = { 'X-Portside': '1', 'Content-Type': 'application/json' };
            return fetch(path, body === null ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) })
                .then(async answer => [answer.status, await answer.json().catch(() => null)])";
        let answer = self.browser.run(script, &[json!(path), json!(body)]);
        (answer[0].as_u64().unwrap(), answer[1].clone())
    }
}

/// Pages are Chinese until somebody chooses.
pub fn english(browser: &Browser) {
    if browser.run("return document.documentElement.lang", &[]) != "en" {
        browser.control("button", "English").press();
    }
    browser.until("English", "document.documentElement.lang === 'en'");
}

impl DeskSite {
    /// `portside user add`; gives the one-time code that it prints.
    pub fn add_user(&self, name: &str, agency: &str, display: &str) -> String {
        let words = ["user", "add", name, "--agency", agency, "--role", "officer", "--display", display, "--json"];
        let reply: Value = serde_json::from_str(&self.daemon.done(&words)).unwrap();
        reply["code"].as_str().unwrap_or_else(|| panic!("no code: {reply}")).to_owned()
    }

    /// Waits until an agency's verdict of the inspection is on record.
    pub fn sealed(&self, inspection: &str, agency: &str) -> Value {
        until(&format!("a verdict of {agency}"), || {
            let sealed = self.records(inspection, "inspection.verdict.sealed");
            sealed.into_iter().find(|record| record["data"]["agency"] == agency)
        })
    }
}

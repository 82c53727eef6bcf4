//! ChromeDriver as a child, and one WebDriver session with it.
//!
//! WebDriver is JSON over HTTP, and little of it is used here. The crates that speak it bring forty packages and more, and
//! one of them switches `serde_json` to another order of keys in the daemon under test too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Window;
use crate::site::HANG;

/// A session; it ends with its value, and ChromeDriver and Chromium with it.
pub(super) struct Session {
    driver: Child,
    port: u16,
    id: String,
    /// Everything that the browser writes.
    _scratch: TempDir,
}

/// What a WebDriver command was refused for.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

/// Where Debian puts both, and where the usual names lead.
pub(super) fn is_installed() -> bool {
    let found = |names: [&str; 2]| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| names.iter().any(|name| dir.join(name).is_file()))
    };
    found(["chromedriver", "chromedriver"]) && found(["chromium", "google-chrome"])
}

impl Session {
    /// Starts ChromeDriver on a port of its own choice, and a browser in it.
    pub(super) fn start(window: Window) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut driver = yielding("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", scratch.path())
            .env("HOME", scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = port_of(&mut driver);
        let mut session = Self { driver, port, id: String::new(), _scratch: scratch };
        let answer = session.send("POST", "/session", &capabilities(window)).expect("a browser starts");
        session.id = answer["sessionId"].as_str().expect("a session has an id").to_owned();
        session
    }

    /// A command of this session, such as `url`.
    pub(super) fn command(&self, command: &str, body: &Value) -> Result<Value, Refused> {
        self.send("POST", &format!("/session/{}/{command}", self.id), body)
    }

    /// A command of the DevTools protocol.
    pub(super) fn devtools(&self, method: &str, parameters: &Value) -> Result<Value, Refused> {
        self.command("goog/cdp/execute", &json!({ "cmd": method, "params": parameters }))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refused> {
        let answer = exchange(self.port, method, path, &body.to_string())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let value = answer["value"].clone();
        match value["error"].as_str() {
            Some(error) => Err(Refused(format!("{error}: {}", value["message"].as_str().unwrap_or_default()))),
            None => Ok(value),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = exchange(self.port, "DELETE", &format!("/session/{}", self.id), "");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// It says on its standard output which one it took.
fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').parse().ok()
    });
    // What it says later has nowhere else to go.
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("chromedriver says its port")
}

fn capabilities(window: Window) -> Value {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        // WebGL2 without a graphics card.
        "--use-gl=angle".to_owned(),
        "--use-angle=swiftshader".to_owned(),
        "--enable-unsafe-swiftshader".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--mute-audio".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        // A page that needs anything but its own lane does not work here.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost".to_owned(),
        // A browser whose driver is gone reads the end of this pipe and ends too.
        "--remote-debugging-pipe".to_owned(),
        format!("--lang={}", window.language.tag()),
        format!("--accept-lang={}", window.language.tag()),
        format!("--window-size={},{}", window.width, window.height),
    ];
    // Chromium's sandbox refuses to run as root.
    if rustix::process::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        // The daemon's certificate is of its own making.
        "acceptInsecureCerts": true,
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": { "args": arguments, "binary": binary() },
    } } })
}

fn binary() -> &'static str {
    let known = ["/usr/bin/chromium", "/usr/bin/google-chrome"];
    known.into_iter().find(|path| Path::new(path).exists()).unwrap_or("chromium")
}

/// One request and its answer; ChromeDriver always says how long that is.
fn exchange(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(HANG))?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}Content-Type: application/json\r\n\r\n{body}").as_bytes())?;
    let mut answer = BufReader::new(stream);
    let mut expected = 0;
    loop {
        let mut line = String::new();
        if answer.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            expected = length.trim().parse().map_err(std::io::Error::other)?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut bytes = vec![0; expected];
    answer.read_exact(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::other)
}

/// A program that leaves the processor to the lane under test, as browsers on machines of their own do. For root Chromium
/// gives its software graphics precedence over everything, and a lane that cannot read its sensors is rightly blind.
fn yielding(program: &str) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "5"]);
    if rustix::process::geteuid().is_root() {
        command.args(["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]);
    }
    command.arg(program);
    command
}

//! The screens on a real socket with a journal, people and a feed of their own, and clients that share no code with them:
//! requests are written by hand, WebSockets spoken by tokio-tungstenite.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portside::clock::Clock;
use portside::control::call::{Call, Reply};
use portside::control::machine::LaneView;
use portside::control::socket::Asked;
use portside::control::status::{LaneWords, Status};
use portside::field::decoder::Decoder;
use portside::image::feed::{Feed, Settings};
use portside::image::{Format, Line, Outcome};
use portside::journal::{EvidenceFiles, Identity, Journal, Options};
use portside::lane::{Act, DeskView, HoldView, ImageRef, Officer, Sight, SubjectSight, Todo, belt};
use portside::people::{self, Administered, People, Role, Secret, Spans, UserAct};
use portside::screens::{self, Hosts, Limits, Parts, Seat, Site};
use portside_devices::moment::Moment;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;

pub const PASSWORD: &str = "Kranich-und-Laterne-77";

/// The screens, and everything that they are fed from.
pub struct Pages {
    pub address: SocketAddr,
    pub feed: Feed,
    pub status: watch::Sender<Arc<Status>>,
    pub acts: Arc<Mutex<Vec<(Officer, Act)>>>,
    pub people: People,
    pub clock: Clock,
    pub journal: Journal,
    pub evidence: EvidenceFiles,
    pub agencies: Vec<Arc<str>>,
    /// Of typical images.
    pub folder: PathBuf,
    pub reload: Arc<Notify>,
    connector: TlsConnector,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Pages {
    pub async fn open(desks: usize) -> Self {
        Self::with(desks, patient(), Settings::default()).await
    }

    pub async fn with(desks: usize, limits: Limits, settings: Settings) -> Self {
        Self::beside(&[], desks, limits, settings).await
    }

    /// With files in the folder of typical images.
    pub async fn beside(typical: &[(&str, Vec<u8>)], desks: usize, limits: Limits, settings: Settings) -> Self {
        let (clock, stop) = (Clock::start(), CancellationToken::new());
        let dir = tempfile::tempdir().unwrap();
        let reload = Arc::new(Notify::new());
        let folder = dir.path().join("typical");
        std::fs::create_dir(&folder).unwrap();
        typical.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
        let identity = Identity { port: "CNTYN".into(), lane: "B1".into() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let (evidence, _) = EvidenceFiles::open(dir.path()).unwrap();
        let agencies: Vec<Arc<str>> = (0..desks).map(|number| format!("agency{number}").into()).collect();
        let spans = Spans { lock_after: Duration::from_secs(300), session: Duration::from_secs(3600) };
        let settings_of_people = people::Settings { dir: dir.path().to_owned(), agencies: agencies.clone(), spans };
        let people = People::open(settings_of_people, journal.clone(), clock).unwrap();
        let feed = Feed::new(settings, clock);
        let (status, seen) = watch::channel(Arc::new(idle(&agencies, clock)));
        let acts = Arc::new(Mutex::new(Vec::new()));
        let (calls, stops) = (lane(acts.clone()), lane(acts.clone()));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let tls = screens::tls(vec![made.cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let connector = TlsConnector::from(Arc::new(client.with_root_certificates(roots).with_no_client_auth()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = Parts {
            site: site(&agencies),
            hosts: Hosts::new(["localhost".to_owned()]),
            limits,
            feed: feed.clone(),
            status: seen,
            people: people.clone(),
            evidence: evidence.clone(),
            typical: folder.clone(),
            reload: reload.clone(),
            records: journal.reader(),
            restore: portside::run::screens::restore(Decoder::of(env!("CARGO_BIN_EXE_portside").into())),
            materials: None,
            calls,
            stops,
            clock,
        };
        tokio::spawn(screens::serve(listener, tls, parts, stop.clone()));
        Self {
            address,
            feed,
            status,
            acts,
            people,
            clock,
            journal,
            evidence,
            agencies,
            folder,
            reload,
            connector,
            stop,
            _dir: dir,
        }
    }

    /// A new user of an agency, logged in; the value of the cookie.
    pub async fn login(&self, agency: usize, role: Role) -> String {
        let name = format!("{role}{agency}");
        self.login_as(&name, agency, role).await
    }

    pub async fn login_as(&self, name: &str, agency: usize, role: Role) -> String {
        let code = self.add(name, agency, role).await;
        let session = self.people.first_login(name, Secret::new(code), Secret::new(PASSWORD.into()), "test").await;
        session.unwrap().token.expose().to_owned()
    }

    /// A new user's one-time code.
    pub async fn add(&self, name: &str, agency: usize, role: Role) -> String {
        let agency = self.agencies[agency].to_string();
        let act = UserAct::Add { name: name.into(), display: None, agency, role };
        match self.people.administer(act, 0).await.unwrap() {
            Administered::Code { code, .. } => code.expose().to_owned(),
            Administered::Done(_) | Administered::Users(_) => panic!("no code"),
        }
    }

    pub async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        self.connector.connect(name, stream).await.unwrap()
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// What comes back for these bytes, until the daemon closes or has answered one request.
    pub async fn say(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes).await;
        answer(&mut stream).await
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        let host = self.host();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: __Host-portside={cookie}\r\n\r\n");
        self.say(head.as_bytes()).await
    }

    /// As our own page posts it.
    pub async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        self.say(self.posted(path, cookie, body).as_bytes()).await
    }

    pub fn posted(&self, path: &str, cookie: &str, body: &str) -> String {
        let (host, length) = (self.host(), body.len());
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nSec-Fetch-Site: same-origin\r\n\
             X-Portside: 1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Cookie: __Host-portside={cookie}\r\n\r\n{body}"
        )
    }

    /// The WebSocket of a desk.
    pub async fn desk(&self, agency: usize, cookie: &str) -> Desk {
        let host = self.host();
        let path = format!("wss://{host}/desk/xr1/{}/live", self.agencies[agency]);
        let mut request = path.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", format!("https://{host}").parse().unwrap());
        headers.insert("cookie", format!("__Host-portside={cookie}").parse().unwrap());
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let stream = self.connect().await;
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.expect("no WebSocket");
        Desk { socket }
    }

    /// A desk that a fresh officer sits at.
    pub async fn seat(&self, agency: usize) -> Desk {
        let cookie = self.login(agency, Role::Officer).await;
        self.desk(agency, &cookie).await
    }

    /// Publishes what the lane would.
    pub fn publish(&self, generation: u64, sights: BTreeMap<Arc<str>, Sight>) {
        let status = Status { generation, sights: Arc::new(sights), ..idle(&self.agencies, self.clock) };
        self.status.send_replace(Arc::new(status));
    }
}

/// Limits that no load of the machine reaches.
pub fn patient() -> Limits {
    let hour = Duration::from_secs(3_600);
    Limits { handshake: hour, head: hour, body: hour, stalled: hour, ..Limits::default() }
}

fn site(agencies: &[Arc<str>]) -> Site {
    Site {
        port: "CNTYN".into(),
        lane: "B1".into(),
        name: "行李 1 号".into(),
        station: "xr1".into(),
        xray: None,
        seats: agencies.iter().map(|agency| Seat { agency: agency.clone(), role: "required" }).collect(),
        agencies: named(agencies),
        timeout: Duration::from_secs(90),
    }
}

/// All agencies of the lane; the last has no desk.
fn named(agencies: &[Arc<str>]) -> Vec<(Arc<str>, Arc<str>)> {
    let name = |agency: &Arc<str>| (agency.clone(), Arc::from(format!("部门 {agency}")));
    agencies.iter().map(name).chain([("transport".into(), "交通运输".into())]).collect()
}

pub fn idle(agencies: &[Arc<str>], clock: Clock) -> Status {
    let view = belt::View {
        step: "free",
        belt: Vec::new(),
        aside: Vec::new(),
        motion: "running",
        stopping: false,
        diverter: None,
        beam: None,
        sensors: Vec::new(),
        faults: Vec::new(),
        next: Vec::new(),
    };
    let words = LaneWords {
        port: "CNTYN".into(),
        id: "B1".into(),
        name: "行李 1 号".into(),
        version: "0",
        pid: 1,
        config_hash: "".into(),
        mode: "normal".into(),
    };
    let sights = agencies.iter().map(|agency| (agency.clone(), sight(Vec::new()))).collect();
    Status {
        generation: 0,
        words,
        at: clock.moment(),
        lane: LaneView::Belt(view),
        devices: Vec::new(),
        portals: Vec::new(),
        agreement: Arc::default(),
        sights: Arc::new(sights),
    }
}

pub fn sight(subjects: Vec<SubjectSight>) -> Sight {
    Sight { step: "free", subjects, beam: None, motion: Some("running"), faults: Vec::new(), next: Vec::new() }
}

/// A subject under review as one of `agencies` sees it.
pub fn subject(
    id: &str,
    images: &[&str],
    agencies: &[Arc<str>],
    standing: impl Fn(&str) -> &'static str,
) -> SubjectSight {
    let desk = |agency: &Arc<str>| DeskView { agency: agency.clone(), role: "required", standing: standing(agency) };
    let images: Vec<Arc<str>> = images.iter().map(|image| Arc::from(*image)).collect();
    SubjectSight {
        id: id.into(),
        step: "reviewing",
        at: Some("scan"),
        identity: None,
        image: images.last().map(|id| ImageRef { id: id.clone(), revision: images.len() as u32 }),
        images,
        desks: agencies.iter().map(desk).collect(),
        mine: None,
        holds: Vec::<HoldView>::new(),
        examination: None,
        until: Some(Moment::from_millis(90_000)),
    }
}

pub fn todo(text: &str) -> Todo {
    Todo { code: "judge", agencies: Vec::new(), text: text.to_owned() }
}

/// Stands for the control task: keeps what it is asked, and says that it is done.
fn lane(acts: Arc<Mutex<Vec<(Officer, Act)>>>) -> mpsc::Sender<Asked> {
    let (calls, mut asked) = mpsc::channel::<Asked>(64);
    tokio::spawn(async move {
        while let Some(Asked { call, answer, .. }) = asked.recv().await {
            let Call::Act { officer, act } = call else { panic!("no act") };
            if matches!(act, Act::ConfirmClear) {
                // A disk that takes for ever: nobody answers.
                std::mem::forget(answer);
                continue;
            }
            acts.lock().unwrap().push((officer, act));
            let _ = answer.send(Reply::Done { message: "recorded".into() });
        }
    });
    calls
}

/// One answer of the daemon.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Status 0: the daemon closed without a word.
pub async fn answer(stream: &mut TlsStream<TcpStream>) -> Answer {
    let mut bytes = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let field = |name: &str| {
                let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
                line.split_once(':')?.1.trim().parse::<usize>().ok()
            };
            let length = field("content-length").unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Answer { status, head, body: bytes[end + 4..].to_vec() };
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return Answer { status: 0, head: String::new(), body: bytes },
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

/// One desk's WebSocket.
pub struct Desk {
    pub socket: WebSocketStream<TlsStream<TcpStream>>,
}

/// A message as a page takes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Text(Value),
    Lines(Frame),
    Closed(u16),
}

/// A frame of lines, read after the description and not with the daemon's code.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub view: u8,
    pub energies: u8,
    pub step: u8,
    pub number: u32,
    pub first: u32,
    pub count: u16,
    pub pixels: u16,
    pub filled: Vec<bool>,
    pub samples: Vec<u16>,
}

impl Frame {
    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from(word(at)) | u32::from(word(at + 2)) << 16;
        assert_eq!(bytes[0], 1, "version");
        let (count, mask) = (word(12), long(16) as usize);
        assert!(mask >= usize::from(count).div_ceil(8), "a bit for each line");
        let start = 20 + mask.div_ceil(4) * 4;
        let filled = (0..usize::from(count)).map(|line| bytes[20 + line / 8] >> (line % 8) & 1 == 1).collect();
        let samples: Vec<u16> = bytes[start..].chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        assert_eq!(samples.len(), usize::from(count) * usize::from(bytes[2]) * usize::from(word(14)));
        Self {
            view: bytes[1],
            energies: bytes[2],
            step: bytes[3],
            number: long(4),
            first: long(8),
            count,
            pixels: word(14),
            filled,
            samples,
        }
    }

    /// Index and samples of each line.
    pub fn lines(&self) -> impl Iterator<Item = (u32, &[u16])> {
        let length = usize::from(self.energies) * usize::from(self.pixels);
        let index = |place: usize| self.first + place as u32 * u32::from(self.step);
        self.samples.chunks(length).enumerate().map(move |(place, line)| (index(place), line))
    }
}

impl Desk {
    pub async fn next(&mut self) -> Told {
        use futures_util::StreamExt as _;
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Told::Text(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Binary(bytes))) => Told::Lines(Frame::read(&bytes)),
            Some(Ok(Message::Close(frame))) => Told::Closed(frame.map_or(0, |frame| frame.code.into())),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Told::Text(Value::Null),
            None | Some(Err(_)) => Told::Closed(0),
        }
    }

    pub async fn say(&mut self, text: &str) {
        use futures_util::SinkExt as _;
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Everything up to the first text of this type, that one last.
    pub async fn until(&mut self, kind: &str) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().await);
            match all.last() {
                Some(Told::Text(text)) if text["type"] == kind => return all,
                Some(Told::Closed(code)) => panic!("closed with {code} before {kind}"),
                Some(Told::Text(_) | Told::Lines(_)) | None => {}
            }
        }
    }

    /// The next text of this type.
    pub async fn text(&mut self, kind: &str) -> Value {
        match self.until(kind).await.pop() {
            Some(Told::Text(text)) => text,
            Some(Told::Lines(_) | Told::Closed(_)) | None => unreachable!(),
        }
    }
}

pub fn format(pixels: u32) -> Format {
    Format { pixels, energies: 2, views: 1, pitch_um: 1_000, line_um: 1_000, live: true, raw: true }
}

/// A line whose samples say which one it is.
pub fn line(index: u32, pixels: u32) -> Line {
    let samples = (0..2 * pixels).map(|pixel| (index.wrapping_mul(31) + pixel) as u16).collect();
    Line { index, view: 0, filled: index % 50 == 7, samples }
}

pub fn outcome(lines: u32) -> Outcome {
    Outcome { lines, ..Outcome::default() }
}

/// Resident memory of this process, bytes.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

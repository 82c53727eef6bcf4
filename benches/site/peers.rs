//! The processes of a bench: the daemon, and this program once more under another word.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use portside::control::call::{Call, Reply};
use portside::control::socket;
use portside::lane::{Act, Officer};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::now;

/// This program under another word, in a process of its own, spoken to line by line.
pub struct Peer {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    pub fn start(words: &[String]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let child =
            Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.expect("this program starts again");
        let to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, to, from }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub async fn say(&mut self, line: &str) {
        self.to.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
    }

    pub async fn hear(&mut self) -> String {
        self.from.next_line().await.expect("it can be read").expect("it is still there")
    }

    pub async fn end(mut self) {
        drop(self.to);
        let _ = self.child.wait().await;
    }
}

/// `portside run` on a lane file in a folder of its own.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Starts it with the lane file `lane.toml` of `dir`; what it logs goes to a file beside it.
    pub fn start(dir: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).expect("a log");
        let socket = dir.join("control.sock");
        let child = Command::new(env!("CARGO_BIN_EXE_portside"))
            .args(["run", "--end-with-stdin", "-c"])
            .arg(dir.join("lane.toml"))
            .arg("--socket")
            .arg(&socket)
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the daemon starts");
        Self { child, socket }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The lane's status; `None` while nobody answers.
    pub async fn status(&self) -> Option<serde_json::Value> {
        match socket::ask(&self.socket, &Call::Status).await {
            Ok(Reply::Status { status }) => Some(*status),
            Ok(_) | Err(_) => None,
        }
    }

    /// Waits until the status is as wanted.
    pub async fn until(&mut self, good: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        loop {
            if let Some(status) = self.status().await.filter(&good) {
                return status;
            }
            let ended = self.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "the daemon ended: {ended:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Acts as an officer.
    pub async fn ask(&self, act: &Act) -> Reply {
        let officer = Officer { agency: "customs".into(), name: "010042".into() };
        let call = Call::Act { officer, act: act.clone() };
        socket::ask(&self.socket, &call).await.expect("the daemon answers")
    }

    /// Acts as an officer, again and again until it is done.
    pub async fn act(&self, act: &Act) {
        let mut last = None;
        for _ in 0..500 {
            let reply = self.ask(act).await;
            if matches!(reply, Reply::Done { .. }) {
                return;
            }
            last = Some(reply);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{act:?} is refused for ever: {last:?}");
    }

    /// Ends it in order, as SIGTERM would.
    pub async fn end(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait().await;
    }

    /// Ends it as a power cut would, apart from the disk.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it is killed");
    }
}

/// One message with the moment at which it was here.
pub type Heard = (Duration, Bytes);

/// Subscribes to `filter` with a plain client; comes back once the broker has granted it.
pub async fn listen(port: u16, filter: &str) -> mpsc::UnboundedReceiver<Heard> {
    let mut options = MqttOptions::new(format!("listener-{}", fastrand::u32(..)), "127.0.0.1", port);
    options.set_max_packet_size(Some(1 << 20));
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut eventloop) = AsyncClient::new(options, 10);
    client.subscribe(filter, QoS::AtLeastOnce).await.expect("it is queued");
    let (to, heard) = mpsc::unbounded_channel();
    let (granted, grant) = tokio::sync::oneshot::channel();
    let mut granted = Some(granted);
    tokio::spawn(async move {
        let _client = client;
        loop {
            // The broker ends with the bench; what was not heard by then shows as lost.
            let Ok(event) = eventloop.poll().await else { return };
            match event {
                Event::Incoming(Packet::Publish(publish)) => {
                    if to.send((now(), publish.payload)).is_err() {
                        return;
                    }
                }
                Event::Incoming(Packet::SubAck(_)) => {
                    if let Some(granted) = granted.take() {
                        let _ = granted.send(());
                    }
                }
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    });
    grant.await.expect("the broker grants it");
    heard
}

/// A lane file with the arm of the simulator at `arm`, and `more` devices.
pub fn lane_file(dir: &Path, broker: Option<u16>, arm: u16, interval: &str, more: &str) {
    let uplink = broker.map_or_else(String::new, |port| {
        format!("[uplink]\nurl = \"mqtt://127.0.0.1:{port}\"\nreceipts = \"puback\"\n")
    });
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/site/profiles");
    let text = include_str!("lane.toml")
        .replace("@STORE@", &dir.join("store").display().to_string())
        .replace("@PROFILES@", &profiles.display().to_string())
        .replace("@UPLINK@", &uplink)
        .replace("@ARM@", &arm.to_string())
        .replace("@INTERVAL@", interval)
        + more;
    std::fs::write(dir.join("lane.toml"), text).expect("the lane file is written");
}

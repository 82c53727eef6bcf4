//! A Modbus TCP peer that follows a script, byte by byte, and a link to hold against it.
#![allow(dead_code)] // each test file uses its part

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portside::clock::Clock;
use portside::field::medium::Medium;
use portside::field::{self, DeviceSpec, Drive, FieldEvent, Intervals, LinkHandle, LinkSpec};
use portside_devices::profile::Profile;
use portside_devices::reading::{Quality, Reading};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// No wait of a test is longer; nothing is concluded from how long it took.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Connections before this one.
    pub(crate) connection: usize,
    /// Requests before this one, on any connection.
    pub(crate) number: usize,
    pub(crate) transaction: [u8; 2],
    pub(crate) unit: u8,
    /// Function and data.
    pub(crate) pdu: Vec<u8>,
}

impl Asked {
    pub(crate) fn address(&self) -> u16 {
        u16::from_be_bytes([self.pdu[1], self.pdu[2]])
    }

    /// Second word: a count, or the value that is written.
    pub(crate) fn count(&self) -> u16 {
        u16::from_be_bytes([self.pdu[3], self.pdu[4]])
    }

    pub(crate) fn is_write(&self) -> bool {
        matches!(self.pdu[0], 5 | 6 | 15 | 16)
    }

    /// The frame of an answer with this PDU.
    pub(crate) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        frame(self.transaction, self.unit, pdu)
    }

    /// The right answer of a device whose register or input N holds 1000 + N, and whose bits are all off.
    pub(crate) fn right(&self) -> Vec<u8> {
        self.frame(&self.right_pdu())
    }

    pub(crate) fn right_pdu(&self) -> Vec<u8> {
        match self.pdu[0] {
            code @ (1 | 2) => {
                let bytes = u8::try_from(self.count().div_ceil(8)).unwrap();
                let mut pdu = vec![code, bytes];
                pdu.extend(vec![0; usize::from(bytes)]);
                pdu
            }
            code @ (3 | 4) => {
                let mut pdu = vec![code, u8::try_from(self.count() * 2).unwrap()];
                for address in self.address()..self.address() + self.count() {
                    pdu.extend((1000 + address).to_be_bytes());
                }
                pdu
            }
            _ => self.pdu[..5].to_vec(),
        }
    }
}

pub(crate) fn frame(transaction: [u8; 2], unit: u8, pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len() + 1).unwrap().to_be_bytes();
    [&transaction[..], &[0, 0], &length, &[unit], pdu].concat()
}

/// What the peer does on a request, in order.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
}

/// A peer that answers by `script` and remembers what it was asked.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _end: DropGuard,
}

impl Peer {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, script, end) = (asked.clone(), Arc::new(script), CancellationToken::new());
        let cancelled = end.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = cancelled.cancelled() => return,
                };
                let Ok((mut stream, _)) = accepted else { return };
                let (log, script, cancelled) = (log.clone(), script.clone(), cancelled.clone());
                tokio::spawn(async move {
                    let serve = async {
                        let mut head = [0; 7];
                        while stream.read_exact(&mut head).await.is_ok() {
                            let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
                            if stream.read_exact(&mut pdu).await.is_err() {
                                return;
                            }
                            let request = {
                                let mut log = log.lock().unwrap();
                                let request = Asked {
                                    connection,
                                    number: log.len(),
                                    transaction: [head[0], head[1]],
                                    unit: head[6],
                                    pdu,
                                };
                                log.push(request.clone());
                                request
                            };
                            for act in script(&request) {
                                match act {
                                    Act::Send(bytes) => {
                                        if stream.write_all(&bytes).await.is_err() {
                                            return;
                                        }
                                    }
                                    Act::Wait(time) => tokio::time::sleep(time).await,
                                    Act::Close => return,
                                }
                            }
                        }
                    };
                    tokio::select! { () = serve => {}, () = cancelled.cancelled() => {} }
                });
            }
        });
        Self { address, asked, _end: end.drop_guard() }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// A link under test.
pub(crate) struct Rig {
    pub(crate) handle: LinkHandle,
    pub(crate) events: mpsc::Receiver<FieldEvent>,
    pub(crate) cancel: CancellationToken,
}

pub(crate) fn profile(name: &str, body: &str) -> Arc<Profile> {
    let kind = name.split('/').next().unwrap();
    let head = format!("kind = \"{kind}\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n");
    Arc::new(Profile::parse(name, &(head + body)).unwrap_or_else(|faults| panic!("{faults:#?}")))
}

pub(crate) fn device(index: usize, unit: u8, profile: &Arc<Profile>, watched: &[&str], every: Duration) -> DeviceSpec {
    DeviceSpec {
        id: format!("d{index}").into(),
        index,
        unit,
        profile: profile.clone(),
        intervals: Intervals { fast: every, normal: every, slow: every * 10 },
        watched: watched.iter().map(|name| Arc::from(*name)).collect(),
    }
}

impl Rig {
    pub(crate) fn start(address: SocketAddr, devices: Vec<DeviceSpec>, timeout: Duration) -> Self {
        Self::on(Medium::tcp(address.ip().to_string(), address.port()), devices, timeout)
    }

    pub(crate) fn on(medium: Medium, devices: Vec<DeviceSpec>, timeout: Duration) -> Self {
        let (sender, events) = mpsc::channel(1024);
        let cancel = CancellationToken::new();
        let spec = LinkSpec { name: "test".into(), medium, devices, timeout, drive: Drive::Full };
        let handle = field::spawn(spec, Clock::start(), sender, cancel.clone());
        Self { handle, events, cancel }
    }

    /// The first event that `pick` takes; the others are shown to it and dropped.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(&FieldEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the link has ended");
                if let Some(found) = pick(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(HANG, search).await.expect("no such event came")
    }

    /// Waits for a reading of `point` that `pick` takes.
    pub(crate) async fn reading<T>(&mut self, point: &str, mut pick: impl FnMut(&Reading) -> Option<T>) -> T {
        self.until(|event| match event {
            FieldEvent::Batch { readings, .. } => {
                readings.iter().filter(|reading| &*reading.point == point).find_map(&mut pick)
            }
            FieldEvent::Link { .. } | FieldEvent::Unconfirmed { .. } => None,
        })
        .await
    }

    pub(crate) async fn good(&mut self, point: &str) -> portside_devices::reading::Value {
        self.reading(point, |reading| match reading.quality {
            Quality::Good => reading.value.clone(),
            Quality::Stale | Quality::Bad(_) | Quality::Invalid(_) => None,
        })
        .await
    }

    /// Waits until `point` is read as `value`.
    pub(crate) async fn becomes(&mut self, point: &str, value: portside_devices::reading::Value) {
        let search = async { while self.good(point).await != value {} };
        tokio::time::timeout(HANG, search).await.unwrap_or_else(|_| panic!("`{point}` never became {value}"));
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

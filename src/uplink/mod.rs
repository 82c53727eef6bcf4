//! Journal to broker: every owed record, in order, until the broker has acknowledged it.
//!
//! ```text
//!  journal ──heads, records──► order (pure: which record next) ──► session (one connection) ──► broker
//!     ▲                           │  ▲                                │
//!     └────────── retire ─────────┘  └───────────── PUBACK ───────────┘
//! ```
//! The journal is the truth. A connection keeps nothing that matters: when it ends, its client is dropped and the
//! next one begins at the oldest record that is still owed. Nobody waits for this room; whoever wants to know how it
//! fares watches [`Handle::state`].

mod address;
mod fault;
mod journal;
mod link;
mod message;
mod order;
mod owed;
mod session;
mod state;
mod tls;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use address::{Address, AddressFault, Security};
pub use journal::JournalOwed;
pub use message::{DeviceHealth, DeviceState, LaneStatus, RECORD_TYPE, Topics};
pub use order::Waiting;
pub use owed::{Owed, SetAside, Span, Stored};
pub use state::{Backlog, Link, UplinkState};
pub use tls::TlsFiles;

use crate::clock::Clock;

/// How to reach the broker, and how hard to press it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker.
    pub address: Address,
    /// Certificates; read again for every connection, so that renewed ones are taken without a restart.
    pub tls: TlsFiles,
    /// User name and password, where the broker asks for them.
    pub login: Option<(String, String)>,
    /// MQTT client id. A second client with the same id throws the first one out.
    pub client_id: String,
    /// Port id, as in the topics.
    pub port: Arc<str>,
    /// Lane id, as in the topics.
    pub lane: Arc<str>,
    /// A ping this often when nothing else is said; whole seconds, at least 1 s.
    pub keep_alive: Duration,
    /// Most messages that may wait for their PUBACK; the broker's Receive Maximum lowers it.
    pub window: u16,
    /// Largest packet in bytes, both ways; the broker's Maximum Packet Size lowers it for sending.
    pub packet_max: u32,
    /// Name resolution, TCP, TLS and CONNACK together; whole seconds, at least 1 s.
    pub connect_timeout: Duration,
    /// Messages wait for their PUBACK and none came for this long: the connection is rebuilt.
    pub stall_after: Duration,
    /// How long a stream that nobody subscribes to waits before its oldest record is tried again.
    pub retry_unheard: Duration,
    /// Longest wait before the next connection after a broken link. A broker that refuses us is asked less often.
    pub retry_max: Duration,
    /// The status is published no more often than this.
    pub status_gap: Duration,
    /// The status is published at least this often, for its oldest and newest sequences.
    pub status_every: Duration,
}

impl Settings {
    /// Settings for a lane, with the figures that suit a site's own broker.
    pub fn new(address: Address, port: impl Into<Arc<str>>, lane: impl Into<Arc<str>>) -> Self {
        let (port, lane) = (port.into(), lane.into());
        Self {
            address,
            tls: TlsFiles::default(),
            login: None,
            client_id: format!("portside-{port}-{lane}"),
            port,
            lane,
            keep_alive: Duration::from_secs(10),
            window: 100,
            packet_max: 1 << 20,
            connect_timeout: Duration::from_secs(5),
            stall_after: Duration::from_secs(60),
            retry_unheard: Duration::from_secs(5),
            // A minute's outage is to be over within two seconds of the broker's return.
            retry_max: Duration::from_millis(1500),
            status_gap: Duration::from_secs(1),
            status_every: Duration::from_secs(60),
        }
    }

    /// Where the files with a client certificate and key lie, for `mqtts`.
    pub fn with_client_certificate(mut self, cert: PathBuf, key: PathBuf) -> Self {
        self.tls.client = Some((cert, key));
        self
    }
}

/// A running uplink.
#[derive(Debug)]
pub struct Handle {
    state: watch::Receiver<UplinkState>,
    set_aside: mpsc::Receiver<SetAside>,
    task: JoinHandle<()>,
}

impl Handle {
    /// How the uplink fares; changes are published at once, counts a few times a second.
    pub fn state(&self) -> watch::Receiver<UplinkState> {
        self.state.clone()
    }

    /// The next record that is too large for the broker. Its stream stands still until [`SetAside::noted`] is
    /// called, after the note about it is durable; an unanswered one is offered again. `None` when the uplink ended.
    pub async fn set_aside(&mut self) -> Option<SetAside> {
        self.set_aside.recv().await
    }

    /// Waits until the uplink has ended, which it does soon after its token was cancelled.
    pub async fn ended(self) {
        // An error here is a panic of the task, which the panic hook has reported.
        self.task.await.unwrap_or_default();
    }
}

/// Starts the uplink on the current runtime. It ends some time (at most two seconds) after `stop` is cancelled.
pub fn spawn(
    settings: Settings,
    owed: impl Owed,
    status: watch::Receiver<LaneStatus>,
    clock: Clock,
    stop: CancellationToken,
) -> Handle {
    spawn_when(settings, std::future::ready(Ok::<_, std::convert::Infallible>(owed)), status, clock, stop)
}

/// As [`spawn`], on a journal that may take its time to open: until then nothing is sent. One that does not open ends
/// the uplink, and the state says why.
pub fn spawn_when<O: Owed, E: std::fmt::Display + Send>(
    settings: Settings,
    opening: impl Future<Output = Result<O, E>> + Send + 'static,
    status: watch::Receiver<LaneStatus>,
    clock: Clock,
    stop: CancellationToken,
) -> Handle {
    let (state_out, state) = watch::channel(UplinkState::connecting());
    let (asides, set_aside) = mpsc::channel(session::NOTES);
    let task = tokio::spawn(async move {
        match stop.run_until_cancelled(opening).await {
            Some(Ok(owed)) => session::Uplink::new(settings, owed, status, clock, stop, state_out, asides).run().await,
            Some(Err(error)) => {
                tracing::error!(%error, "the uplink cannot read the journal; records stay owed until the next start");
                let link = Link::Offline { reason: error.to_string(), since: clock.wall() };
                state_out.send_modify(|state| state.link = link);
            }
            None => {}
        }
    });
    Handle { state, set_aside, task }
}

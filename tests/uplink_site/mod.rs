//! What the uplink's tests are made of: a journal in memory, a Mosquitto, a centre in Python.
#![allow(dead_code, unreachable_pub)] // each test program uses a part

pub mod ledger;
pub mod mosquitto;
pub mod stub;
pub mod subscriber;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use portside::clock::Clock;
use portside::uplink::{self, DeviceHealth, DeviceState, Handle, LaneStatus, Link, Owed, Settings, UplinkState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use ledger::Ledger;

pub const ROOT: &str = "eport/v1/CNTYN/G03";

/// A port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .map(|addr| addr.port())
        .expect("a free port")
}

pub fn settings(url: &str) -> Settings {
    Settings::new(url.parse().expect("an address"), "CNTYN", "G03")
}

pub fn lane_status() -> LaneStatus {
    LaneStatus {
        version: "0.1.0".into(),
        config_hash: "9f2c".into(),
        mode: "normal".into(),
        challenges: vec![],
        devices: BTreeMap::from([("arm".into(), DeviceHealth { state: DeviceState::Good, reason: None })]),
    }
}

/// A running uplink and what it takes to steer it.
pub struct Running {
    pub handle: Handle,
    pub state: watch::Receiver<UplinkState>,
    pub lane: watch::Sender<LaneStatus>,
    pub stop: CancellationToken,
}

pub fn spawn(settings: Settings, ledger: &Ledger) -> Running {
    spawn_with(settings, ledger.owed())
}

pub fn spawn_with(settings: Settings, owed: impl Owed) -> Running {
    let (lane, lane_seen) = watch::channel(lane_status());
    let stop = CancellationToken::new();
    let handle = uplink::spawn(settings, owed, lane_seen, Clock::start(), stop.clone());
    Running { state: handle.state(), handle, lane, stop }
}

impl Running {
    /// Waits for a state, and fails with the last one when it does not come.
    pub async fn until(&mut self, what: &str, mut good: impl FnMut(&UplinkState) -> bool) -> UplinkState {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.state.wait_for(|state| good(state))).await;
        let found = waited.map(|state| state.expect("the uplink lives").clone());
        found.unwrap_or_else(|_| panic!("waited for {what}, but the uplink is {:?}", *self.state.borrow()))
    }

    pub async fn online(&mut self) {
        self.until("online", |state| matches!(state.link, Link::Online { .. })).await;
    }

    pub async fn nothing_owed(&mut self, ledger: &Ledger) {
        let total = ledger.total();
        self.until("nothing owed", |state| state.owed() == 0 && ledger.retired_total() == total).await;
    }

    pub async fn offline(&mut self) -> String {
        let state = self.until("offline", |state| matches!(state.link, Link::Offline { .. })).await;
        match state.link {
            Link::Offline { reason, .. } => reason,
            Link::Connecting | Link::Online { .. } => unreachable!(),
        }
    }

    pub async fn close(self) {
        self.stop.cancel();
        self.handle.ended().await;
    }
}

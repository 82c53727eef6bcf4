//! A broker inside the daemon, for the demo and for tests; a site runs a broker that keeps its messages on disk.
//!
//! rumqttd has no shutdown: its threads end with the process. It forgets everything then.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// Messages of one topic filter are forgotten beyond this many bytes …
const SEGMENT_BYTES: usize = 1 << 20;
/// … times this.
const SEGMENTS: usize = 10;
/// The largest message it takes; a larger one ends its sender's connection.
const PAYLOAD_MAX: usize = 1 << 20;
/// How often the listener is looked for while it starts, and how long between two looks.
const LOOKS: u32 = 100;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A broker that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerHandle {
    /// Where it takes MQTT 5 clients. MQTT 3.1.1 clients are turned away.
    pub addr: SocketAddr,
}

/// Starts a broker on `addr` and returns once it takes connections; port 0 means any free port. Blocks for the time
/// that a thread takes to start.
pub fn start(addr: SocketAddr) -> io::Result<BrokerHandle> {
    // rumqttd only logs that it could not listen, so this is found out before. Between here and its own bind another
    // program may take the port; then the look below fails, or finds a stranger, whom CONNECT will expose.
    let addr = TcpListener::bind(addr)?.local_addr()?;
    let mut broker = Broker::new(config(addr));
    thread::Builder::new().name("broker".to_owned()).spawn(move || {
        if let Err(fault) = broker.start() {
            tracing::error!(%fault, "the embedded broker ended");
        }
    })?;
    for _ in 0..LOOKS {
        if TcpStream::connect_timeout(&addr, LOOK_EVERY).is_ok() {
            return Ok(BrokerHandle { addr });
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("the embedded broker does not listen on {addr}")))
}

fn config(listen: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: PAYLOAD_MAX,
        max_inflight_count: 200,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server =
        ServerSettings { name: "broker-v5".to_owned(), listen, tls: None, next_connection_delay_ms: 1, connections };
    let router = RouterConfig {
        max_connections: 64,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    Config { router, v5: Some(HashMap::from([("v5".to_owned(), server)])), ..Config::default() }
}

//! A broker that does what a test tells it, byte by byte (MQTT 5.0, chapters 2 and 3).

use portside::uplink::RECORD_TYPE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::ROOT;

pub struct Stub {
    listener: TcpListener,
    pub port: u16,
}

/// One connection of the lane.
pub struct Peer {
    stream: TcpStream,
}

/// A packet of the lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// Its payload.
    Status {
        id: u16,
        payload: Vec<u8>,
    },
    Record {
        id: u16,
        stream: String,
        sequence: u64,
        payload: Vec<u8>,
    },
    Ping,
    Disconnect,
}

impl Stub {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        Self { listener, port }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Takes the lane's next connection and accepts it with these CONNACK properties, always with a lost session.
    pub async fn accept(&self, properties: &[u8]) -> Peer {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let (kind, _) = frame(&mut stream).await.expect("a packet");
        assert_eq!(kind, 0x10, "CONNECT comes first");
        let mut connack = vec![0x20, 3 + properties.len() as u8, 0, 0, properties.len() as u8];
        connack.extend_from_slice(properties);
        stream.write_all(&connack).await.expect("it is written");
        Peer { stream }
    }
}

impl Peer {
    /// The next packet; `None` when the lane is gone.
    pub async fn packet(&mut self) -> Option<Packet> {
        let (kind, body) = frame(&mut self.stream).await?;
        match kind & 0xf0 {
            0x30 => Some(publish(kind, &body)),
            0xc0 => {
                self.stream.write_all(&[0xd0, 0]).await.ok()?;
                Some(Packet::Ping)
            }
            0xe0 => Some(Packet::Disconnect),
            kind => panic!("the lane has no reason to send a packet of kind {kind:#x}"),
        }
    }

    /// The next record; everything else is answered as it should be.
    pub async fn record(&mut self) -> Option<(u16, String, u64)> {
        loop {
            match self.packet().await? {
                Packet::Record { id, stream, sequence, .. } => return Some((id, stream, sequence)),
                Packet::Status { id, .. } => self.answer(id, 0).await,
                Packet::Ping | Packet::Disconnect => {}
            }
        }
    }

    /// PUBACK with a reason.
    pub async fn answer(&mut self, id: u16, reason: u8) {
        let [high, low] = id.to_be_bytes();
        // The lane may be gone; then there is nobody to answer.
        let _ = self.stream.write_all(&[0x40, 3, high, low, reason]).await;
    }

    /// True when nothing comes for a little while.
    pub async fn is_quiet(&mut self) -> bool {
        let wait = std::time::Duration::from_millis(150);
        tokio::time::timeout(wait, self.stream.peek(&mut [0])).await.is_err()
    }
}

async fn frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let mut length = 0_usize;
    for shift in [0, 7, 14, 21] {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

/// Reads a PUBLISH, and holds it to the contract: QoS 1, records not retained, their content type and nothing else.
fn publish(kind: u8, body: &[u8]) -> Packet {
    assert_eq!(kind & 0b0110, 0b0010, "QoS 1");
    let (length, rest) = body.split_at(2);
    let (topic, rest) = rest.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
    let (id, rest) = rest.split_at(2);
    let id = u16::from_be_bytes([id[0], id[1]]);
    let (properties, payload) = rest[1..].split_at(usize::from(rest[0]));
    let topic = std::str::from_utf8(topic).expect("a topic is UTF-8");
    if topic == format!("{ROOT}/status") {
        assert_eq!(kind & 1, 1, "the status is retained");
        return Packet::Status { id, payload: payload.to_vec() };
    }
    assert_eq!(kind & 1, 0, "a record is not retained");
    assert_eq!(&properties[..3], [0x03, 0, RECORD_TYPE.len() as u8]);
    assert_eq!(&properties[3..], RECORD_TYPE.as_bytes());
    let stream = topic.strip_prefix(&format!("{ROOT}/stream/")).expect("a stream's topic").to_owned();
    let record: serde_json::Value = serde_json::from_slice(payload).expect("a record is JSON");
    let sequence = record["sequence"].as_str().and_then(|digits| digits.parse().ok()).expect("a sequence");
    Packet::Record { id, stream, sequence, payload: payload.to_vec() }
}

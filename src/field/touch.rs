//! One place touched by hand, request by request, with every byte in sight: what `probe` and `check --online` see the
//! world through. Nothing but reads goes out here.
//!
//! The links use tokio-modbus, which answers with values or an error. A technician needs what lies between: another
//! unit's frame, a wrong checksum, the banner of a web server, a second answer behind the first. So this speaks the
//! frames of [`portside_devices::modbus`] itself.

use std::fmt;
use std::io;
use std::time::Duration;

use portside_devices::modbus::{self, Asked, Framing, Heard};
use portside_devices::profile::Table;
use portside_devices::simulate::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::medium::{self, DataBits, Medium, Parity, Serial, StopBits, Stream};
use crate::clock::Clock;

/// Bytes of an answer that are kept; what goes on longer is no Modbus.
const BYTES_MAX: usize = 1024;
/// After bytes that are no Modbus so much more is waited for: a banner comes in parts.
const BANNER: Duration = Duration::from_millis(50);
/// On a bus so much more is waited for after an answer: a second device may answer the same request.
const SECOND: Duration = Duration::from_millis(30);
/// After an answer that did not come, a bus is left alone for this long.
const QUIET: Duration = Duration::from_millis(100);

/// What is left between two requests: a bus with other talk on it must not be crowded, and an old slave needs a rest
/// before it listens again.
fn pause(medium: &Medium) -> Duration {
    match medium {
        Medium::Tcp { .. } => Duration::from_millis(5),
        Medium::RtuOverTcp { gap, .. } => *gap + Duration::from_millis(10),
        Medium::Serial(serial) => serial.gap + Duration::from_millis(10),
    }
}

/// How a port is set, as people write it: `9600 Bd 8N1`.
pub fn setting(serial: &Serial) -> String {
    let data = match serial.data_bits {
        DataBits::Seven => 7,
        DataBits::Eight => 8,
    };
    let parity = match serial.parity {
        Parity::None => 'N',
        Parity::Even => 'E',
        Parity::Odd => 'O',
    };
    let stop = match serial.stop_bits {
        StopBits::One => 1,
        StopBits::Two => 2,
    };
    format!("{} Bd {data}{parity}{stop}", serial.baud)
}

/// Why there is no way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The host name cannot be resolved.
    NoName(String),
    /// The machine is there and nothing listens on this port.
    Refused,
    /// No answer to the attempt to connect.
    Silent(Duration),
    /// The network says that no such machine can be reached.
    NoRoute(String),
    /// No such serial port.
    NoPort,
    /// Another program holds the serial port.
    Held,
    /// This user may not open it.
    Denied,
    /// Something else, in the system's words.
    Other(String),
}

/// What came after one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A sound answer of the device, which may be an exception.
    Answer(Response),
    /// A sound answer, and so many bytes behind it that nobody asked for.
    Twice(Response, usize),
    /// A sound answer of another unit.
    OtherUnit(u8),
    /// A sound answer to something else.
    OtherRequest,
    /// The right answer with a wrong checksum.
    BadCheck,
    /// An answer whose length or echo does not fit.
    Misfit(String),
    /// An answer that breaks off.
    Part,
    /// Bytes that are no Modbus of this framing.
    Foreign,
    /// Not one byte in time.
    Silence,
    /// The other side ended the connection.
    Cut(String),
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it is.
    pub outcome: Outcome,
    /// The bytes that came.
    pub bytes: Vec<u8>,
    /// From the request until the answer was whole, or until it was given up.
    pub took: Duration,
}

impl Answer {
    /// The words of an answer to a read of registers.
    pub fn words(&self) -> Option<&[u16]> {
        let (Outcome::Answer(Response::Words(words)) | Outcome::Twice(Response::Words(words), _)) = &self.outcome
        else {
            return None;
        };
        Some(words)
    }

    /// True where a device answered the request, if only by an exception.
    pub const fn is_answer(&self) -> bool {
        matches!(self.outcome, Outcome::Answer(_) | Outcome::Twice(..))
    }

    /// True where the device answered with data.
    pub const fn is_data(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Answer(Response::Bits(_) | Response::Words(_))
                | Outcome::Twice(Response::Bits(_) | Response::Words(_), _)
        )
    }
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An open way to a place.
pub struct Touch {
    wire: Box<dyn Wire>,
    framing: Framing,
    /// Waited after an answer for one that nobody asked for; zero on TCP, where no second device hears the request.
    linger: Duration,
    pause: Duration,
    transaction: u16,
    /// The unit whose answer was given up last; what it says by and by is not the next one's.
    given_up: Option<u8>,
    /// A unit that answered after it was given up.
    late: Option<u8>,
    clock: Clock,
}

impl fmt::Debug for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Touch").field("framing", &self.framing).finish_non_exhaustive()
    }
}

impl Touch {
    /// Opens the way, within this time.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(medium: &Medium, within: Duration) -> Result<Self, NoWay> {
        let (wire, framing, linger): (Box<dyn Wire>, _, _) = match medium {
            Medium::Tcp { host, port } => (Box::new(connect(host, *port, within).await?), Framing::Tcp, Duration::ZERO),
            Medium::RtuOverTcp { host, port, .. } => {
                (Box::new(connect(host, *port, within).await?), Framing::Rtu, SECOND)
            }
            Medium::Serial(serial) => (Box::new(port(medium, serial, within).await?), Framing::Rtu, SECOND),
        };
        Ok(Self {
            wire,
            framing,
            linger,
            pause: pause(medium),
            transaction: 0,
            given_up: None,
            late: None,
            clock: Clock::start(),
        })
    }

    /// The unit that answered after it was given up, if one did since this was asked last.
    pub const fn late(&mut self) -> Option<u8> {
        self.late.take()
    }

    /// Lets go of the port or connection; what is read then is silence.
    pub fn close(&mut self) {
        self.wire = Box::new(tokio::io::empty());
    }

    /// One read and what comes of it within `limit`. Bytes of an earlier request that are still on their way are
    /// thrown away first.
    pub async fn read(&mut self, unit: u8, table: Table, start: u16, count: u16, limit: Duration) -> Answer {
        tokio::time::sleep(self.pause).await;
        self.drain().await;
        self.transaction = self.transaction.wrapping_add(1);
        let asked = Asked::new(self.transaction, unit, Request::Read { table, start, count });
        let sent = self.clock.moment();
        let mut bytes = Vec::new();
        let outcome = match self.wire.write_all(&modbus::request(self.framing, &asked)).await {
            Ok(()) => tokio::time::timeout(limit, self.listen(&asked, &mut bytes)).await,
            Err(error) => Ok(Outcome::Cut(error.to_string())),
        };
        let took = self.clock.moment().since(sent);
        let outcome = match outcome {
            Ok(Outcome::Answer(response)) => self.linger(response, &mut bytes).await,
            Ok(Outcome::Foreign) => {
                while bytes.len() < BYTES_MAX && self.more(&mut bytes, BANNER).await {}
                Outcome::Foreign
            }
            Ok(outcome) => outcome,
            Err(_) if bytes.is_empty() => Outcome::Silence,
            Err(_) => judged(modbus::hear(self.framing, &asked, &bytes)).unwrap_or(Outcome::Part),
        };
        self.given_up = (outcome == Outcome::Silence).then_some(unit);
        Answer { outcome, bytes, took }
    }

    async fn listen(&mut self, asked: &Asked, bytes: &mut Vec<u8>) -> Outcome {
        let mut buffer = [0; 512];
        loop {
            match self.wire.read(&mut buffer).await {
                Ok(0) => return Outcome::Cut("the other side ended the connection".to_owned()),
                Err(error) => return Outcome::Cut(error.to_string()),
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            }
            match self.framing {
                Framing::Tcp => self.late = skip_late(asked, bytes).or(self.late),
                Framing::Rtu => self.set_late_aside(asked.unit, bytes),
            }
            if let Some(outcome) = judged(modbus::hear(self.framing, asked, bytes)) {
                return outcome;
            }
            if bytes.len() >= BYTES_MAX {
                return Outcome::Foreign;
            }
        }
    }

    /// Looks whether a second device answers the same request.
    async fn linger(&mut self, response: Response, bytes: &mut Vec<u8>) -> Outcome {
        let whole = bytes.len();
        while !self.linger.is_zero() && bytes.len() < BYTES_MAX && self.more(bytes, self.linger).await {}
        match bytes.len() - whole {
            0 => Outcome::Answer(response),
            extra => Outcome::Twice(response, extra),
        }
    }

    async fn drain(&mut self) {
        // A serial frame does not say which request it answers: a late one has to be over before the next is asked.
        let quiet = if self.framing == Framing::Rtu && self.given_up.is_some() { QUIET } else { Duration::ZERO };
        let mut waste = Vec::new();
        while waste.len() < BYTES_MAX && self.more(&mut waste, quiet).await {
            if self.framing == Framing::Rtu {
                // On a bus whatever still talks must end first.
                tokio::time::sleep(self.pause).await;
            }
        }
        if self.framing == Framing::Rtu && !waste.is_empty() {
            self.late = self.given_up.or(self.late);
        }
    }

    /// Bytes of the unit that was given up are not those of the one that was asked.
    fn set_late_aside(&mut self, asked: u8, bytes: &mut Vec<u8>) {
        if let Some(unit) = self.given_up.filter(|unit| *unit != asked && bytes.first() == Some(unit)) {
            self.late = Some(unit);
            bytes.clear();
        }
    }

    /// Takes in what comes within `wait`; false when nothing does.
    async fn more(&mut self, bytes: &mut Vec<u8>, wait: Duration) -> bool {
        let mut buffer = [0; 512];
        match tokio::time::timeout(wait, self.wire.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => {
                bytes.extend_from_slice(&buffer[..count]);
                true
            }
            Ok(Ok(0) | Err(_)) | Err(_) => false,
        }
    }
}

/// The first bytes that a camera answers when it is asked to describe a stream; nothing is played.
///
/// # Errors
/// Why there is no way to it.
pub async fn describe(host: &str, port: u16, url: &str, within: Duration) -> Result<String, NoWay> {
    let mut stream = connect(host, port, within).await?;
    let asked = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n");
    let mut answer = [0; 512];
    let talk = async {
        stream.write_all(asked.as_bytes()).await?;
        stream.read(&mut answer).await
    };
    // Who accepts the connection and then says nothing, or ends it, has answered: with nothing.
    let count = tokio::time::timeout(within, talk).await.map_or(0, |read| read.unwrap_or(0));
    Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
}

/// Takes whole answers to requests that were given up not long ago off the front; ours may stand behind them.
fn skip_late(asked: &Asked, bytes: &mut Vec<u8>) -> Option<u8> {
    let mut late = None;
    while modbus::hear(Framing::Tcp, asked, bytes) == Heard::OtherRequest {
        let came = u16::from_be_bytes([bytes[0], bytes[1]]);
        if !(1..64).contains(&asked.transaction.wrapping_sub(came)) {
            break;
        }
        late = bytes.get(6).copied();
        let length = 6 + usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        bytes.drain(..length.min(bytes.len()));
    }
    late
}

fn judged(heard: Heard) -> Option<Outcome> {
    Some(match heard {
        Heard::Part => return None,
        Heard::Answer { response, extra: 0 } => Outcome::Answer(response),
        Heard::Answer { response, extra } => Outcome::Twice(response, extra),
        Heard::OtherUnit(unit) => Outcome::OtherUnit(unit),
        Heard::OtherRequest => Outcome::OtherRequest,
        Heard::BadCheck => Outcome::BadCheck,
        Heard::Misfit(why) => Outcome::Misfit(why),
        Heard::Foreign => Outcome::Foreign,
    })
}

async fn connect(host: &str, port: u16, within: Duration) -> Result<TcpStream, NoWay> {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let connecting = async {
        let found = tokio::net::lookup_host((host, port)).await.map_err(|error| NoWay::NoName(error.to_string()))?;
        let found: Vec<_> = found.collect();
        TcpStream::connect(&found[..]).await.map_err(|error| {
            let kind = error.kind();
            if kind == ConnectionRefused {
                NoWay::Refused
            } else if kind == HostUnreachable || kind == NetworkUnreachable {
                NoWay::NoRoute(error.to_string())
            } else if kind == TimedOut {
                NoWay::Silent(within)
            } else {
                NoWay::Other(error.to_string())
            }
        })
    };
    let stream = tokio::time::timeout(within, connecting).await.map_err(|_| NoWay::Silent(within))??;
    stream.set_nodelay(true).map_err(|error| NoWay::Other(error.to_string()))?;
    Ok(stream)
}

async fn port(medium: &Medium, serial: &Serial, within: Duration) -> Result<Stream, NoWay> {
    medium::open(medium, within).await.map_err(|words| match words {
        _ if !serial.path.exists() => NoWay::NoPort,
        words if words.contains("is in use") => NoWay::Held,
        words if words.contains("may not be opened") => NoWay::Denied,
        words => NoWay::Other(words),
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn local(port: u16) -> Medium {
        Medium::tcp("127.0.0.1", port)
    }

    /// A server that answers each request with the next of these, whatever was asked; each on its own connection.
    async fn scripted(answers: Vec<Vec<u8>>) -> Medium {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let spot = local(listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut request = [0; 12];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        spot
    }

    async fn first(answer: &[u8], limit: Duration) -> Answer {
        let spot = scripted(vec![answer.to_vec()]).await;
        let mut touch = Touch::open(&spot, LIMIT).await.unwrap();
        touch.read(1, Table::Holding, 0, 1, limit).await
    }

    #[tokio::test]
    async fn what_is_not_the_answer_is_told_apart() {
        assert_eq!(first(&[0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 9], LIMIT).await.words(), Some(&[9][..]));
        assert_eq!(first(&[0, 1, 0, 0, 0, 5, 2, 3, 2, 0, 9], LIMIT).await.outcome, Outcome::OtherUnit(2));
        assert_eq!(
            first(&[0, 1, 0, 0, 0, 4, 1, 3, 1, 0], LIMIT).await.outcome,
            Outcome::Misfit("it says 1 bytes and carries 1, 2 were asked for".into())
        );
        let banner = first(b"HTTP/1.1 400 Bad Request\r\n\r\n", LIMIT).await;
        assert_eq!(banner.outcome, Outcome::Foreign);
        assert!(banner.bytes.starts_with(b"HTTP/1.1 400"), "{banner:?}");
    }

    #[tokio::test]
    async fn a_late_answer_is_skipped_and_never_taken_for_the_next() {
        let late = [[0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 1], [0, 2, 0, 0, 0, 5, 1, 3, 2, 0, 2]].concat();
        let spot = scripted(vec![Vec::new(), late]).await;
        let mut touch = Touch::open(&spot, LIMIT).await.unwrap();
        let silence = touch.read(1, Table::Holding, 0, 1, Duration::from_millis(1)).await;
        assert_eq!(silence.outcome, Outcome::Silence);
        assert_eq!(touch.read(1, Table::Holding, 0, 1, LIMIT).await.words(), Some(&[2][..]));
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_a_name_that_is_none_and_a_missing_device_are_told_apart() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert_eq!(Touch::open(&local(port), LIMIT).await.unwrap_err(), NoWay::Refused);
        let missing = Medium::Serial(Serial {
            path: "/dev/serial/by-id/none".into(),
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            gap: Duration::ZERO,
            quiet: Duration::ZERO,
        });
        assert_eq!(Touch::open(&missing, LIMIT).await.unwrap_err(), NoWay::NoPort);
    }
}

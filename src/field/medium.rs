//! What carries the bytes of a link, and how it is opened.
//!
//! ```text
//!   open ──► Stream ──bytes──► … ──Err: hung up──► drop it, wait, open again
//! ```
//! A [`Stream`] never ends quietly. A pulled plug shows as an endless "0 bytes" on one pseudo-terminal, as EIO on
//! another, as ENXIO or ENODEV on a USB adapter: here each of them is an error, and every error means that the stream
//! is gone. Whoever holds it drops it, backs off and opens again; what the new one leads to is not known until it has
//! been identified.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use portside_devices::plan;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

/// What carries the bytes of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A TCP connection.
    Tcp {
        /// Host name or address, without brackets.
        host: Arc<str>,
        /// TCP port.
        port: u16,
    },
    /// A TCP connection to a gateway that passes on what a serial bus carries, byte for byte.
    RtuOverTcp {
        /// Host name or address, without brackets.
        host: Arc<str>,
        /// TCP port.
        port: u16,
        /// As [`Serial::gap`]: the gateway puts no more silence on the bus than it is given.
        gap: Duration,
        /// As [`Serial::quiet`].
        quiet: Duration,
    },
    /// A serial port of this machine.
    Serial(Serial),
}

/// A serial port and how it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serial {
    /// The port, by its stable name.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Data bits of a character.
    pub data_bits: DataBits,
    /// Parity bit of a character.
    pub parity: Parity,
    /// Stop bits of a character.
    pub stop_bits: StopBits,
    /// Silence that is kept between two telegrams.
    pub gap: Duration,
    /// How long nobody is asked after an answer that did not come, so that a late one is over by then.
    pub quiet: Duration,
}

/// Data bits of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataBits {
    /// 7, for devices that speak ASCII.
    Seven,
    /// 8.
    Eight,
}

/// Parity bit of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Stop bits of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    /// One.
    One,
    /// Two.
    Two,
}

impl Serial {
    /// How long one character takes: start bit, data, parity, stop bits.
    pub fn character(&self) -> Duration {
        let data = match self.data_bits {
            DataBits::Seven => 7,
            DataBits::Eight => 8,
        };
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Even | Parity::Odd => 1,
        };
        let stop = match self.stop_bits {
            StopBits::One => 1,
            StopBits::Two => 2,
        };
        plan::character(self.baud, 1 + data + parity + stop)
    }
}

impl Medium {
    /// A TCP connection to `host:port`.
    pub fn tcp(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }
}

/// The place, as people call it: `10.0.0.20:502`, `/dev/serial/by-id/…`.
impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port, .. } if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp { host, port } | Self::RtuOverTcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Serial(serial) => write!(f, "{}", serial.path.display()),
        }
    }
}

/// An open medium. Every error of it, and every end, means that it is gone.
#[derive(Debug)]
pub enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A serial port, which no other program can open meanwhile.
    Serial(SerialStream),
}

/// Opens a medium: a connection within `within`, a serial port at once or not at all.
///
/// # Errors
/// What a technician should look at.
pub async fn open(medium: &Medium, within: Duration) -> Result<Stream, String> {
    match medium {
        Medium::Tcp { host, port } | Medium::RtuOverTcp { host, port, .. } => {
            let connecting = TcpStream::connect((&**host, *port));
            let stream = match tokio::time::timeout(within, connecting).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return Err(format!("{medium} cannot be reached: {error}")),
                Err(_) => {
                    return Err(format!("{medium} does not accept a connection within {} ms", within.as_millis()));
                }
            };
            // Without this a request waits up to 40 ms for the acknowledgement of the one before.
            stream.set_nodelay(true).map_err(|error| format!("{medium}: {error}"))?;
            Ok(Stream::Tcp(stream))
        }
        Medium::Serial(serial) => open_serial(serial).map(Stream::Serial),
    }
}

fn open_serial(serial: &Serial) -> Result<SerialStream, String> {
    let path = serial.path.to_string_lossy();
    let builder = tokio_serial::new(path.clone(), serial.baud)
        .data_bits(match serial.data_bits {
            DataBits::Seven => tokio_serial::DataBits::Seven,
            DataBits::Eight => tokio_serial::DataBits::Eight,
        })
        .parity(match serial.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .stop_bits(match serial.stop_bits {
            StopBits::One => tokio_serial::StopBits::One,
            StopBits::Two => tokio_serial::StopBits::Two,
        });
    let stream = builder.open_native_async().map_err(|error| {
        // The kinds are stable in the pinned version; the texts come from the operating system.
        match error.kind() {
            tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => {
                format!("the serial port {path} is not there: is its adapter plugged in?")
            }
            tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
                format!("the serial port {path} may not be opened: does this user belong to group dialout?")
            }
            tokio_serial::ErrorKind::NoDevice => {
                format!("the serial port {path} is in use by another program: {error}")
            }
            tokio_serial::ErrorKind::Io(_)
            | tokio_serial::ErrorKind::InvalidInput
            | tokio_serial::ErrorKind::Unknown => format!("the serial port {path} cannot be opened: {error}"),
        }
    })?;
    // A pseudo-terminal keeps what came while nobody had it open.
    stream.clear(ClearBuffer::Input).map_err(|error| format!("{path}: {error}"))?;
    Ok(stream)
}

impl Stream {
    /// Drops the bytes that wait to be read, without waiting for more, and says how many there were.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn drain(&mut self) -> io::Result<usize> {
        let (mut buffer, mut dropped) = ([0; 256], 0);
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.try_read(&mut buffer),
                Self::Serial(stream) => stream.try_read(&mut buffer),
            };
            match read {
                Ok(0) => return Err(hung_up()),
                Ok(count) => dropped += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(dropped),
                Err(error) => return Err(error),
            }
        }
    }
}

fn hung_up() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "hung up")
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        ready!(match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Serial(stream) => Pin::new(stream).poll_read(cx, buf),
        })?;
        // An end that can be read again and again would keep a careless reader busy for ever.
        if buf.filled().len() == before && room > 0 { Poll::Ready(Err(hung_up())) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Serial(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            // tokio-serial would block the thread until the last bit is on the wire. What was written is with the
            // kernel, and whoever waits for an answer allows for the time that the bytes take.
            Self::Serial(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Serial(_) => Poll::Ready(Ok(())),
        }
    }
}

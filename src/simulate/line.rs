//! Serves simulated line and frame devices on real sockets, or on anything else that carries bytes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::simulate::{LineFaults, Passed, Speaker};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// A simulated device that is on a line.
#[derive(Debug)]
pub struct OnLine<S> {
    clock: Clock,
    site: Arc<Mutex<Site<S>>>,
    changed: Arc<tokio::sync::Notify>,
}

impl<S> Clone for OnLine<S> {
    fn clone(&self) -> Self {
        Self { clock: self.clock, site: self.site.clone(), changed: self.changed.clone() }
    }
}

#[derive(Debug)]
struct Site<S> {
    speaker: S,
    faults: LineFaults,
    connections: u64,
}

/// Longest wait of a connection before it looks at its device again.
const LOOK: Duration = Duration::from_millis(100);

/// Puts `speaker` on a free port of the loopback interface until `cancel`: each connection hears it.
pub async fn serve<S: Speaker>(
    speaker: S,
    clock: Clock,
    cancel: CancellationToken,
) -> io::Result<(SocketAddr, OnLine<S>)> {
    serve_at(speaker, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock, cancel).await
}

/// Puts `speaker` on `address` until `cancel`.
pub async fn serve_at<S: Speaker>(
    speaker: S,
    address: SocketAddr,
    clock: Clock,
    cancel: CancellationToken,
) -> io::Result<(SocketAddr, OnLine<S>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let device = OnLine::new(speaker, clock);
    let served = device.clone();
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            // Only whoever measures the time would notice.
            let _ = stream.set_nodelay(true);
            let (device, cancel) = (served.clone(), cancel.clone());
            tokio::spawn(async move { device.carry(stream, cancel).await });
        }
    });
    Ok((address, device))
}

impl<S: Speaker> OnLine<S> {
    /// A device that is not on any line yet.
    pub fn new(speaker: S, clock: Clock) -> Self {
        let site = Site { speaker, faults: LineFaults::default(), connections: 0 };
        Self { clock, site: Arc::new(Mutex::new(site)), changed: Arc::default() }
    }

    /// Looks at the device or changes it, at this moment of its clock.
    pub fn with<R>(&self, look: impl FnOnce(&mut S, Moment) -> R) -> R {
        let now = self.clock.moment();
        let seen = look(&mut self.lock().speaker, now);
        self.changed.notify_waiters();
        seen
    }

    /// Puts faults on the line, or takes them off.
    pub fn faults<R>(&self, change: impl FnOnce(&mut LineFaults) -> R) -> R {
        change(&mut self.lock().faults)
    }

    /// How often somebody has connected.
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// A panic of one connection must not silence the others.
    fn lock(&self) -> MutexGuard<'_, Site<S>> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the device speak and hear on `stream` until it ends, is hung up or `cancel`.
    pub async fn carry(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, cancel: CancellationToken) {
        self.lock().connections += 1;
        let mut buffer = [0; 256];
        loop {
            let now = self.clock.moment();
            let said = {
                let site = &mut *self.lock();
                let bytes = site.speaker.speak(now);
                site.faults.pass(bytes)
            };
            if !deliver(&mut stream, said).await {
                return;
            }
            let next = self.lock().speaker.next();
            let wait = next.map_or(LOOK, |next| self.clock.until(next).min(LOOK));
            let heard = tokio::select! {
                () = cancel.cancelled() => return,
                () = self.changed.notified() => continue,
                () = tokio::time::sleep(wait) => continue,
                heard = stream.read(&mut buffer) => heard,
            };
            let Ok(count @ 1..) = heard else { return };
            let answer = {
                let (now, site) = (self.clock.moment(), &mut *self.lock());
                let bytes = site.speaker.hear(now, &buffer[..count]);
                site.faults.pass(bytes)
            };
            if !deliver(&mut stream, answer).await {
                return;
            }
        }
    }
}

/// False where the line is hung up.
async fn deliver(stream: &mut (impl AsyncWrite + Unpin), passed: Passed) -> bool {
    let Passed::Bytes(bytes, wait) = passed else { return false };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    bytes.is_empty() || stream.write_all(&bytes).await.is_ok()
}

//! Connections: who gets one, how long they may take, and how they end.
//!
//! Whoever holds a connection costs memory and a place, so there are bounds on all of it: connections, connections of
//! one address, the time of a TLS handshake, of a request's head and body, and of an answer that nobody takes.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

/// How much the world may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one address.
    pub of_one: usize,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time for the head of a request, from the end of the answer before it.
    pub head: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// An answer of which nothing is taken for this long ends the connection.
    pub stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 512,
            of_one: 96,
            handshake: seconds(10),
            head: seconds(10),
            body: seconds(10),
            body_bytes: 64 << 10,
            stalled: seconds(15),
        }
    }
}

/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;
/// Fields of a request's head.
const HEAD_FIELDS: usize = 64;
/// What the kernel may hold for one reader. What waits there is older than it need be, so a slow page is shown to be slow.
const SEND_BUFFER: usize = 256 << 10;

/// Answers that have begun get this long at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A place among the connections, given back when the last who holds it goes.
#[derive(Debug)]
pub(super) struct Place {
    _any: OwnedSemaphorePermit,
    from: IpAddr,
    house: Arc<House>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guests = self.house.guests();
        if let Some(count) = guests.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.from);
            }
        }
    }
}

/// Who is here.
#[derive(Debug)]
struct House {
    places: Arc<Semaphore>,
    guests: Mutex<HashMap<IpAddr, usize>>,
    of_one: usize,
}

impl House {
    fn new(limits: &Limits) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { places, guests: Mutex::default(), of_one: limits.of_one }
    }

    fn guests(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One address that takes all it can leaves places for the others.
    fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let any = self.places.clone().try_acquire_owned().ok()?;
        let mut guests = self.guests();
        let count = guests.entry(from).or_default();
        if *count >= self.of_one {
            return None;
        }
        *count += 1;
        drop(guests);
        Some(Place { _any: any, from, house: self.clone() })
    }
}

/// Who is at the other end, for what answers a request. Its place is free again when the last clone is gone, which a
/// WebSocket takes with it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The address.
    pub address: SocketAddr,
    /// The place.
    pub(super) place: Arc<Place>,
}

/// Serves `app` until `stop`; answers that have begun are finished.
pub(super) async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    app: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let house = Arc::new(House::new(&limits));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Whoever finds no place is sent away at once: waiting would hold what there is too little of.
                let Some(place) = house.place(address.ip().to_canonical()) else { continue };
                let peer = Peer { address, place: Arc::new(place) };
                let (tls, app, stop) = (tls.clone(), app.clone(), stop.clone());
                open.spawn(async move {
                    if let Err(error) = connection(stream, peer, tls, app, limits, stop).await {
                        tracing::debug!(%address, %error, "a connection of a screen ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the screens cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    open.close();
    let _ = tokio::time::timeout(LAST_ANSWERS, open.wait()).await;
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    tls: TlsAcceptor,
    app: Router,
    limits: Limits,
    stop: CancellationToken,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stalled = u32::try_from(limits.stalled.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, stalled)?;
    sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER)?;
    let stream = tokio::time::timeout(limits.handshake, tls.accept(stream)).await??;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        app.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_headers(HEAD_FIELDS).max_buf_size(HEAD_BYTES);
    let serving = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    ended.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let limits = Limits { connections: 3, of_one: 2, ..Limits::default() };
        let house = Arc::new(House::new(&limits));
        let (greedy, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let taken = [house.place(greedy), house.place(greedy)];
        assert!(taken.iter().all(Option::is_some) && house.place(greedy).is_none());
        let desk = house.place(other);
        assert!(desk.is_some() && house.place(other).is_none(), "all places are taken");
        drop(taken);
        assert!(house.place(greedy).is_some());
        drop(desk);
        assert!(house.guests().is_empty());
    }
}

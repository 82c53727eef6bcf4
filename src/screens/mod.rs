//! The pages of the lane and their API: HTTPS, a WebSocket a desk, and nothing that the lane waits for.
//!
//! ```text
//!  browser ──TLS──► listen ──► door (host, origin, body) ──► pages   embedded files
//!                                                        ├─► login   people
//!                                                        ├─► act     ──► control task ──► answer, once durable
//!                                                        ├─► picture feed memory, else evidence, else typical images
//!                                                        └─► live    ◄── feed (lines), status (what a desk may know)
//! ```
//! The lane publishes and never looks who reads; what people ask takes the way of the control socket.

mod act;
mod archive;
pub mod certificate;
mod desk;
mod door;
mod dress;
mod frame;
mod guard;
mod listen;
mod live;
mod login;
mod once;
mod pages;
mod reply;
mod typical;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::control::socket::Asked;
use crate::control::status::Status;
use crate::image::Finished;
use crate::image::feed::{self, Feed};
use crate::image::material::Table;
use crate::journal::{EvidenceFiles, Reader};
use crate::lane::Officer;
use crate::people::{People, Person};
use archive::{Archive, Known};
pub use guard::Hosts;
pub use listen::Limits;
use once::Once;
use typical::Typical;

/// Desks that may look at once.
const LIVE_MAX: usize = 64;
/// Acts at once that wait for the disk.
const ACTS_MAX: usize = 32;

/// Images that were brought back from evidence: few, and numbered apart from live ones.
const RECALLED: feed::Settings =
    feed::Settings { images: 4, bytes: 64 << 20, frame: 128 << 10, behind: 512, numbers_after: 1 << 31 };

/// What pages say of the lane, the same for one run.
#[derive(Clone, Debug)]
pub struct Site {
    /// Port id.
    pub port: Arc<str>,
    /// Lane id.
    pub lane: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// The station's id.
    pub station: Arc<str>,
    /// Id of its X-ray machine.
    pub xray: Option<Arc<str>>,
    /// Its desks, in the order of the lane file.
    pub seats: Vec<Seat>,
    /// Ids and names of the lane's agencies.
    pub agencies: Vec<(Arc<str>, Arc<str>)>,
    /// Time that a review has.
    pub timeout: Duration,
}

/// One agency's place at the station.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Agency id.
    pub agency: Arc<str>,
    /// `required` or `advisory`.
    pub role: &'static str,
}

impl Site {
    /// An agency's name for people; its id where it has none.
    pub fn name_of(&self, agency: &Arc<str>) -> Arc<str> {
        let known = self.agencies.iter().find(|(id, _)| id == agency);
        known.map_or(agency, |(_, name)| name).clone()
    }

    /// The desk of an agency.
    pub fn seat(&self, agency: &str) -> Option<&Seat> {
        self.seats.iter().find(|seat| &*seat.agency == agency)
    }
}

/// Makes an image of a file's bytes again; whoever builds the screens knows how.
pub type Restore = Arc<dyn Fn(Vec<u8>) -> BoxFuture<Result<Finished, String>> + Send + Sync>;
type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// Everything the screens are built from.
pub struct Parts {
    /// What they say of the lane.
    pub site: Site,
    /// The names by which they may be called.
    pub hosts: Hosts,
    /// How much the world may take.
    pub limits: Limits,
    /// The images of the station.
    pub feed: Feed,
    /// The view that the control task publishes.
    pub status: watch::Receiver<Arc<Status>>,
    /// Who may log in.
    pub people: People,
    /// Where finished images lie.
    pub evidence: EvidenceFiles,
    /// The folder of typical images; there may be none.
    pub typical: PathBuf,
    /// Tells that it has changed.
    pub reload: Arc<Notify>,
    /// Which of them an image became.
    pub records: Reader,
    /// What reads them.
    pub restore: Restore,
    /// Which material colours what, calibrated for the station's machine; `None`: images stay grey.
    pub materials: Option<Arc<Table>>,
    /// The way of calls to the control task.
    pub calls: mpsc::Sender<Asked>,
    /// The way of stops, which waits behind nothing.
    pub stops: mpsc::Sender<Asked>,
    /// The one clock.
    pub clock: Clock,
}

/// What every request and every desk's page shares.
struct App {
    site: Site,
    hosts: Hosts,
    limits: Limits,
    feed: Feed,
    recalled: Feed,
    status: watch::Receiver<Arc<Status>>,
    people: People,
    archive: Archive,
    known: Known,
    typical: Typical,
    materials: Option<Arc<Table>>,
    calls: mpsc::Sender<Asked>,
    stops: mpsc::Sender<Asked>,
    clock: Clock,
    stop: CancellationToken,
    once: Once,
    live: Arc<Semaphore>,
    acting: Arc<Semaphore>,
}

/// Somebody with an open session.
#[derive(Clone, Debug)]
struct Visitor {
    token: Arc<str>,
    person: Person,
}

impl Visitor {
    fn officer(&self) -> Officer {
        Officer { agency: self.person.agency.clone(), name: self.person.name.clone() }
    }
}

/// Serves the screens until `stop`.
pub async fn serve(listener: TcpListener, tls: TlsAcceptor, parts: Parts, stop: CancellationToken) {
    let Parts { site, hosts, limits, feed, status, people, evidence, records, .. } = parts;
    let Parts { typical, reload, restore, materials, calls, stops, clock, .. } = parts;
    let app = Arc::new(App {
        site,
        hosts,
        limits,
        feed,
        recalled: Feed::new(RECALLED, clock),
        status,
        people,
        archive: Archive::new(evidence, records, restore),
        known: Known::default(),
        typical: Typical::of(typical),
        materials,
        calls,
        stops,
        clock,
        stop: stop.clone(),
        once: Once::default(),
        live: Arc::new(Semaphore::new(LIVE_MAX)),
        acting: Arc::new(Semaphore::new(ACTS_MAX)),
    });
    let looking = app.clone();
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        loop {
            looking.typical.load(&looking.archive).await;
            reload.notified().await;
        }
    }));
    listen::serve(listener, tls, door::router(app), limits, stop).await;
}

/// TLS with this certificate: HTTP/1.1 alone, because a WebSocket needs it and nothing else would gain.
///
/// # Errors
/// When the key does not fit the certificate.
pub fn tls(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

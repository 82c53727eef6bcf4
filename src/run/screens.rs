//! The pages, on threads of their own: whoever floods them takes no time from the lane.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Screens};
use crate::control::socket::Asked;
use crate::control::status::Status;
use crate::field::decoder::{Bytes, Decoder, Failure};
use crate::field::picture::Unreadable;
use crate::image::feed::Feed;
use crate::image::material::Table;
use crate::journal::{EvidenceFiles, Reader};
use crate::lane::DeskRole;
use crate::people::People;
use crate::screens::{self, Hosts, Limits, Restore, Seat, Site, certificate};

/// Threads: TLS for six desks at ten times a belt's pace takes less than one.
const THREADS: usize = 2;
/// An address that is taken is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// Answers that have begun get this long at the end.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What the pages take part in.
pub(super) struct Sources {
    pub(super) feed: Feed,
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) people: People,
    pub(super) evidence: EvidenceFiles,
    pub(super) materials: Option<Arc<Table>>,
    pub(super) records: Reader,
    pub(super) calls: mpsc::Sender<Asked>,
    pub(super) stops: mpsc::Sender<Asked>,
    pub(super) clock: Clock,
}

/// Serves the pages of `[screens]` until `stop`. A lane whose pages cannot be served goes on without them and says so.
pub(super) fn start(config: &Config, sources: Sources, stop: &CancellationToken) -> Option<JoinHandle<()>> {
    let screens = config.screens.clone()?;
    let (site, dir, stop) = (site(config), config.store.dir.clone(), stop.clone());
    let typical = config.typical();
    let serve = move || {
        let found = certificate::load_or_make(&screens, &dir, sources.clock.wall()).map_err(|error| error.to_string());
        let tls = found.and_then(|found| {
            tracing::info!(fingerprint = %found.fingerprint, ends = %found.ends, "the certificate of the pages");
            screens::tls(found.chain, found.key).map_err(|error| error.to_string())
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("screens")
            .enable_all()
            .build();
        match (tls, runtime) {
            (Ok(tls), Ok(runtime)) => {
                runtime.block_on(run(&screens, site, typical, sources, tls, stop));
                runtime.shutdown_timeout(LAST_ANSWERS);
            }
            (Err(error), _) => tracing::error!(%error, "the pages cannot be served: no certificate"),
            (_, Err(error)) => tracing::error!(%error, "the pages cannot be served: no threads"),
        }
    };
    let started = std::thread::Builder::new().name("screens".to_owned()).spawn(serve);
    started.inspect_err(|error| tracing::error!(%error, "the pages cannot be served: no thread")).ok()
}

async fn run(
    screens: &Screens,
    site: Site,
    typical: PathBuf,
    sources: Sources,
    tls: TlsAcceptor,
    stop: CancellationToken,
) {
    let Some(listener) = bind(screens.listen, &stop).await else { return };
    let names = certificate::names(screens);
    if let (Ok(address), Some(name)) = (listener.local_addr(), names.first()) {
        tracing::info!("the pages are at https://{name}:{}/, listening on {address}", address.port());
    }
    let Sources { feed, status, people, evidence, materials, records, calls, stops, clock } = sources;
    let reload = Arc::new(Notify::new());
    tokio::spawn(told_to_reload(reload.clone()));
    let parts = screens::Parts {
        site,
        hosts: Hosts::new(names),
        limits: Limits::default(),
        feed,
        status,
        people,
        evidence,
        typical,
        reload,
        records,
        restore: restore(Decoder::default()),
        materials,
        calls,
        stops,
        clock,
    };
    screens::serve(listener, tls, parts, stop).await;
}

/// A lane file that is as it was leaves the lane running, so the pages hear of a SIGHUP themselves.
async fn told_to_reload(reload: Arc<Notify>) {
    match signal(SignalKind::hangup()) {
        Ok(mut hang_up) => {
            while hang_up.recv().await.is_some() {
                reload.notify_one();
            }
        }
        Err(error) => tracing::warn!(%error, "typical images are read at the start alone: signals cannot be heard"),
    }
}

/// Files are foreign bytes: a child process reads them.
pub fn restore(decoder: Decoder) -> Restore {
    Arc::new(move |file| {
        let decoder = decoder.clone();
        Box::pin(async move {
            let picture = decoder.picture(Bytes { file: &file, sidecar: None }).await;
            let picture = picture.map_err(|failure| match failure {
                Failure::Unreadable(Unreadable::Incomplete(why) | Unreadable::Never(why))
                | Failure::Unavailable(why) => why,
            })?;
            let made = tokio::task::spawn_blocking(move || crate::image::of_picture(&picture)).await;
            made.map_err(|panic| panic.to_string())
        })
    })
}

async fn bind(address: SocketAddr, stop: &CancellationToken) -> Option<TcpListener> {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(error) => tracing::error!(%address, %error, "the pages cannot be served there; tried again in 5 s"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn site(config: &Config) -> Site {
    let agency = |index: usize| &config.agencies[index];
    let seats = config.station.desks.iter().map(|desk| Seat {
        agency: agency(desk.agency).id.shared(),
        role: match desk.role {
            DeskRole::Required => "required",
            DeskRole::Advisory => "advisory",
        },
    });
    Site {
        port: config.lane.port.shared(),
        lane: config.lane.id.shared(),
        name: config.lane.name.clone(),
        station: config.station.id.shared(),
        xray: config.station.xray.map(|device| config.devices[device].id.shared()),
        seats: seats.collect(),
        agencies: config.agencies.iter().map(|agency| (agency.id.shared(), agency.name.clone())).collect(),
        timeout: config.review.timeout,
    }
}

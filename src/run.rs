//! Builds everything, runs it, and shuts it down: producers first, the journal last.

mod cameras;
mod lines;
mod machine;
pub mod materials;
mod pictures;
mod recollection;
pub mod screens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portside_devices::profile::PollClass;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config, Mode};
use crate::control::call::Call;
use crate::control::devices::{DeviceView, Devices};
use crate::control::points::Points;
use crate::control::portals::Portals;
use crate::control::roles::Roles;
use crate::control::scribe::{Scribe, Unkept};
use crate::control::snapshots::Snapshots;
use crate::control::socket::{Asked, Caller, Door};
use crate::control::status::{LaneWords, Status};
use crate::control::tally::Tally;
use crate::control::{Control, Parts};
use crate::field::{self, DeviceSpec, Drive, FieldEvent, Intervals, LinkHandle, LinkSpec};
use crate::image::feed::{self, Feed};
use crate::journal::{self, Draft, EvidenceFiles, Gravity, Journal, OpenError, Options, Seals, Stream};
use crate::notify::{Progress, ready};
use crate::people::{self, People, Spans};
use crate::supervise;
use crate::uplink::{self, Address, DeviceHealth, DeviceState, JournalOwed, LaneStatus, TlsFiles};

/// Events that may wait for the control task; a link goes on polling when they are full.
const EVENTS_WAITING_MAX: usize = 4096;
/// Links are polled in this many groups, one after the other: in one, a reading would wait for all others of its moment;
/// each by itself would wake the processor most often.
const GROUPS: u32 = 5;
/// The last group begins this much later than the first, at most.
const BEGINS_WITHIN: Duration = Duration::from_millis(100);
/// The control task is silent for no longer than this while it is well.
const CONTROL_SILENCE: Duration = Duration::from_secs(4);
/// The pages have this long for their last answers.
const PAGES_END: Duration = Duration::from_secs(2);
/// A link has this long for its last writes.
const LINK_END: Duration = Duration::from_secs(1);
/// The uplink has this long to send what it has in hand.
const UPLINK_END: Duration = Duration::from_secs(2);

/// What a run needs from outside; a test builds it too.
#[derive(Debug)]
pub struct Environment {
    /// The checked lane file.
    pub config: Config,
    /// Where the control socket is bound.
    pub socket: PathBuf,
    /// The file with the lane key; made at the first start.
    pub lane_key: PathBuf,
    /// The one clock.
    pub clock: Clock,
    /// Who watches over progress.
    pub progress: Progress,
}

/// Why a run ended otherwise than by being told to.
#[derive(Debug)]
pub enum RunError {
    /// The journal cannot be opened.
    Journal(OpenError),
    /// A part of the store cannot be opened.
    Store(String),
    /// The control socket cannot be bound.
    Socket(PathBuf, std::io::Error),
    /// A record could not be kept: nothing may move any more.
    Unkept(Unkept),
}

impl RunError {
    /// The lane never ran: with another lane file it may.
    pub const fn at_start(&self) -> bool {
        match self {
            Self::Journal(_) | Self::Store(_) | Self::Socket(..) => true,
            Self::Unkept(_) => false,
        }
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Journal(error) => write!(f, "the journal cannot be opened: {error}"),
            Self::Store(text) => write!(f, "the store cannot be opened: {text}"),
            Self::Socket(path, error) => write!(f, "the control socket {} cannot be bound: {error}", path.display()),
            Self::Unkept(unkept) => write!(f, "the lane stopped because a record could not be kept: {unkept}"),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs the lane until `stop` is cancelled.
///
/// # Errors
/// When it cannot start, or a record could not be kept.
pub async fn run_once(env: Environment, stop: CancellationToken) -> Result<(), RunError> {
    let Environment { config, socket, lane_key, clock, progress } = env;
    let door = Door::bind(&socket).map_err(|error| RunError::Socket(socket.clone(), error))?;
    let store = open_store(&config, lane_key).await?;
    let Store { journal, evidence, seals, findings } = store;
    let machine = machine::begin(&config, &journal, &seals, clock).await;

    let producers = CancellationToken::new();
    let (field_events, field) = mpsc::channel::<FieldEvent>(EVENTS_WAITING_MAX);
    let roles = Roles::of(&config);
    let links = start_links(&config, &roles, clock, &field_events, &producers);
    let (scans_out, scans) = mpsc::channel(8);
    let feed = Feed::new(feed::Settings::default(), clock);
    pictures::watch_folders(&config, &evidence, clock, &scans_out, &feed, &producers);
    let materials = materials::table(&config);
    let detectors = lines::start(
        &config,
        &lines::Parts {
            evidence: evidence.clone(),
            feed: feed.clone(),
            materials: materials.clone(),
            clock,
            scans: scans_out.clone(),
            events: field_events.clone(),
        },
        &producers,
    );
    let (calls, asked) = mpsc::channel(64);
    let (for_control, control_asked) = mpsc::channel(64);
    let (stops_out, stops) = mpsc::channel(64);
    let door = tokio::spawn(door.serve(calls.clone(), stops_out.clone(), producers.clone()));
    let people = open_people(&config, &journal, clock).await?;
    tokio::spawn(people.clone().keep_time(producers.clone()));
    tokio::spawn(answer_readers(asked, for_control, journal.clone(), people.clone(), config.store.dir.clone(), clock));

    let words = words(&config);
    let (outcomes_out, outcomes) = mpsc::unbounded_channel();
    let devices =
        Devices { views: device_views(&config), links, movers: machine::movers(&config), outcomes: outcomes_out };
    let scribe = Scribe::start(journal.clone(), seals.clone());
    let tally = Tally::begin(&journal);
    let (status_out, status) = watch::channel(Arc::new(Status {
        generation: 0,
        at: clock.moment(),
        words: words.clone(),
        lane: machine.view(),
        devices: devices.views.clone(),
        portals: Vec::new(),
        agreement: tally.view(),
        sights: Arc::new(machine.sights()),
    }));
    let pages = screens::Sources {
        feed,
        status: status.clone(),
        people,
        evidence: evidence.clone(),
        materials,
        records: journal.reader(),
        calls,
        stops: stops_out,
        clock,
    };
    let pages = screens::start(&config, pages, &producers);
    let cameras = cameras::start(&config, clock, &field_events, &producers);
    let (snapshots, snapper) = Snapshots::start(cameras::looked_at(&config, &cameras), evidence, scribe.clone(), clock);
    told_at_start(&scribe, &config, clock, findings);

    let uplink_stop = CancellationToken::new();
    let (uplink_state, uplink) = start_uplink(&config, &journal, &scribe, &status, clock, &uplink_stop).unzip();
    tokio::spawn(supervise::store(journal.clone(), clock, progress.clone()));
    let watches: Vec<_> = devices
        .links
        .iter()
        .map(|link| (Arc::from(link.name()), link.stats().clone()))
        .chain(detectors.iter().map(|link| (link.name().clone(), link.stats().clone())))
        .map(|(name, stats)| supervise::link(name, stats, clock, progress.clone()))
        .map(tokio::spawn)
        .collect();
    let control = Control::new(Parts {
        clock,
        machine,
        roles,
        portals: Portals::of(&config),
        devices,
        points: Points::of(&config),
        scribe,
        journal: journal.clone(),
        seals,
        snapshots,
        tally,
        words,
        field,
        scans,
        stops,
        asked: control_asked,
        outcomes,
        status: status_out,
        uplink: uplink_state,
        beat: progress.task("control", CONTROL_SILENCE, clock.moment()),
    });
    ready(&format!("lane {}/{} is up", config.lane.port, config.lane.id));
    let (links, ended) = control.run(stop).await;

    producers.cancel();
    watches.iter().for_each(tokio::task::JoinHandle::abort);
    // A door that closes later would take away the socket of the run after this one.
    let _ = door.await;
    if let Some(pages) = pages {
        let ended = tokio::task::spawn_blocking(move || pages.join());
        let _ = tokio::time::timeout(PAGES_END, ended).await;
    }
    // A pulse that has begun is ended, and a close request taken back, before anybody lets go of the barrier.
    for link in links {
        let _ = tokio::time::timeout(LINK_END, link.ended()).await;
    }
    for camera in cameras {
        let _ = tokio::time::timeout(LINK_END, camera.ended()).await;
    }
    for detector in detectors {
        let _ = tokio::time::timeout(LINK_END, detector.ended()).await;
    }
    // Pictures that were taken come on record while there is a journal.
    let _ = tokio::time::timeout(UPLINK_END, snapper).await;
    uplink_stop.cancel();
    if let Some(uplink) = uplink {
        let _ = tokio::time::timeout(UPLINK_END, uplink).await;
    }
    journal.close().await;
    ended.map_err(RunError::Unkept)
}

struct Store {
    journal: Journal,
    evidence: EvidenceFiles,
    seals: Arc<Seals>,
    findings: Vec<journal::Finding>,
}

async fn open_store(config: &Config, lane_key: PathBuf) -> Result<Store, RunError> {
    let dir = config.store.dir.clone();
    let identity = journal::Identity { port: config.lane.port.to_string(), lane: config.lane.id.to_string() };
    let opened = tokio::task::spawn_blocking(move || {
        let (journal, mut findings) = Journal::open(&dir, &identity, Options::default()).map_err(RunError::Journal)?;
        let (evidence, more) = EvidenceFiles::open(&dir).map_err(|error| RunError::Store(error.to_string()))?;
        findings.extend(more);
        let seals = Seals::open(&dir, &lane_key).map_err(|error| RunError::Store(error.to_string()))?;
        let seals = Arc::new(seals);
        Ok(Store { journal, evidence, seals, findings })
    });
    opened.await.map_err(|panic| RunError::Store(panic.to_string()))?
}

fn start_links(
    config: &Config,
    roles: &Roles,
    clock: Clock,
    events: &mpsc::Sender<FieldEvent>,
    stop: &CancellationToken,
) -> Vec<LinkHandle> {
    let spec = |link: &crate::config::Link| {
        let on = link.devices.iter().filter_map(|index| config.devices[*index].modbus().map(|on| (*index, on)));
        let devices: Vec<DeviceSpec> = on
            .clone()
            .map(|(index, on)| DeviceSpec {
                id: config.devices[index].id.shared(),
                index,
                unit: on.unit,
                profile: on.profile.clone(),
                intervals: Intervals {
                    fast: on.interval_of(PollClass::Fast),
                    normal: on.interval_of(PollClass::Normal),
                    slow: on.interval_of(PollClass::Slow),
                },
                watched: roles.watched(index).cloned().collect(),
            })
            .collect();
        let timeout = on.map(|(_, on)| on.timeout).max().unwrap_or(Duration::from_millis(300));
        LinkSpec { name: link.name.clone(), medium: link.medium.clone(), devices, timeout, drive: Drive::Full }
    };
    let start = |(number, link): (u32, &crate::config::Link)| {
        let spec = spec(link);
        let interval = spec.devices.iter().map(|device| device.intervals.fast).min().unwrap_or_default();
        let delay = interval.min(BEGINS_WITHIN) * (number % GROUPS) / GROUPS;
        field::spawn_after(delay, spec, clock, events.clone(), stop.clone())
    };
    (0..).zip(&config.links).map(start).collect()
}

/// The people of the lane. Where it serves no pages, users can be added for the day when it does.
async fn open_people(config: &Config, journal: &Journal, clock: Clock) -> Result<People, RunError> {
    let spans = config
        .screens
        .as_ref()
        .map_or(Spans::default(), |screens| Spans { lock_after: screens.lock_after, session: screens.session });
    let agencies = config.agencies.iter().map(|agency| agency.id.shared()).collect();
    let settings = people::Settings { dir: config.store.dir.clone(), agencies, spans };
    let journal = journal.clone();
    let opened = tokio::task::spawn_blocking(move || People::open(settings, journal, clock));
    opened.await.map_err(|panic| RunError::Store(panic.to_string()))?.map_err(RunError::Store)
}

/// Answers what only reads the journal or is about users, and passes the rest on to the control task.
async fn answer_readers(
    mut asked: mpsc::Receiver<Asked>,
    control: mpsc::Sender<Asked>,
    journal: Journal,
    people: People,
    dir: PathBuf,
    clock: Clock,
) {
    while let Some(asked) = asked.recv().await {
        let Asked { call, caller, answer } = asked;
        // Screens ask for neither: users and bundles are the shell's alone.
        let uid = caller.uid().unwrap_or(u32::MAX);
        if let (Call::User { act }, Caller::Shell(uid)) = (&call, caller) {
            let (people, act) = (people.clone(), act.clone());
            tokio::spawn(async move {
                let _ = answer.send(people.administer(act, uid).await.into());
            });
        } else if crate::control::call::reads(&call) {
            let (journal, dir) = (journal.clone(), dir.clone());
            tokio::spawn(async move {
                let _ = answer.send(crate::control::records::answer(call, uid, &journal, &dir, clock.wall()).await);
            });
        } else if control.send(Asked { call, caller, answer }).await.is_err() {
            return;
        }
    }
}

fn words(config: &Config) -> LaneWords {
    LaneWords {
        port: config.lane.port.shared(),
        id: config.lane.id.shared(),
        name: config.lane.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        config_hash: config.hash.clone(),
        mode: match config.lane.mode {
            Mode::Normal => "normal",
            Mode::Emergency => "emergency",
        }
        .into(),
    }
}

fn device_views(config: &Config) -> Vec<DeviceView> {
    let view = |device: &crate::config::Device| DeviceView {
        id: device.id.shared(),
        name: device.name.clone(),
        kind: device.kind(),
        health: DeviceHealth { state: DeviceState::Unknown, reason: None },
        bad: BTreeMap::new(),
    };
    config.devices.iter().map(view).collect()
}

/// What a start puts on record: the start itself, and everything that opening the journal found.
fn told_at_start(scribe: &Scribe, config: &Config, clock: Clock, findings: Vec<journal::Finding>) {
    let time = clock.wall();
    let data = json!({ "version": env!("CARGO_PKG_VERSION"), "config_hash": config.hash, "pid": std::process::id() });
    let mut drafts = vec![Draft::new(Stream::Audit, "audit.started", "lane", time, data)];
    for finding in findings {
        tracing::warn!(%finding, "journal");
        let stream = if finding.gravity == Gravity::Alarm { Stream::Alarm } else { Stream::Audit };
        let kind = if finding.gravity == Gravity::Alarm { "alarm.journal" } else { "audit.journal" };
        drafts.push(Draft::new(stream, kind, "journal", time, json!({ "text": finding.text })));
    }
    drop(scribe.keep_drafts(drafts, time));
}

fn start_uplink(
    config: &Config,
    journal: &Journal,
    scribe: &Scribe,
    status: &watch::Receiver<Arc<Status>>,
    clock: Clock,
    stop: &CancellationToken,
) -> Option<(watch::Receiver<uplink::UplinkState>, tokio::task::JoinHandle<()>)> {
    let settings = uplink_settings(config, config.uplink.as_ref()?);
    let (told, telling) = watch::channel(lane_status(&status.borrow()));
    let mut status = status.clone();
    tokio::spawn(async move {
        while status.changed().await.is_ok() {
            let next = lane_status(&status.borrow_and_update());
            told.send_if_modified(|known| {
                let news = *known != next;
                *known = next;
                news
            });
        }
    });
    // A lost index is built anew for seconds: the lane does not wait for that, the uplink does.
    let opening = JournalOwed::open(journal.clone());
    let mut handle = uplink::spawn_when(settings, opening, telling, clock, stop.clone());
    let (state, scribe) = (handle.state(), scribe.clone());
    let task = tokio::spawn(async move {
        while let Some(set_aside) = handle.set_aside().await {
            let data = json!({
                "stream": set_aside.stream, "sequence": set_aside.sequence,
                "size": set_aside.size, "limit": set_aside.limit,
            });
            let draft = Draft::new(Stream::Alarm, "alarm.record_too_large", "uplink", clock.wall(), data);
            if scribe.keep_drafts(vec![draft], clock.wall()).await.is_ok() {
                set_aside.noted();
            }
        }
        handle.ended().await;
    });
    Some((state, task))
}

fn uplink_settings(config: &Config, uplink: &config::Uplink) -> uplink::Settings {
    let (security, tls) = match &uplink.security {
        config::Security::Plain => (uplink::Security::Plain, TlsFiles::default()),
        config::Security::Tls { ca, identity } => {
            let client = identity.as_ref().map(|identity| (identity.cert.clone(), identity.key.clone()));
            (uplink::Security::Tls, TlsFiles { ca: Some(ca.clone()), client })
        }
    };
    let address = Address { security, host: uplink.host.to_string(), port: uplink.port };
    let mut settings = uplink::Settings::new(address, config.lane.port.shared(), config.lane.id.shared());
    settings.tls = tls;
    settings.client_id = uplink.client_id.to_string();
    settings.keep_alive = uplink.keepalive;
    settings
}

fn lane_status(status: &Status) -> LaneStatus {
    LaneStatus {
        version: status.words.version.into(),
        config_hash: status.words.config_hash.clone(),
        mode: status.words.mode.clone(),
        challenges: Vec::new(),
        devices: status.devices.iter().map(|view| (view.id.clone(), view.health.clone())).collect(),
    }
}

/// The lane key lies beside the store unless a credential is given: systemd's `LoadCredential=lane-key:…`.
pub fn lane_key_path(store: &Path) -> PathBuf {
    match std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join("lane-key")) {
        Some(credential) if credential.exists() => credential,
        Some(_) | None => store.join("lane-key"),
    }
}

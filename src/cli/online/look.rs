//! Reads what the lane would read, and asks on where that fails. Nothing but reads goes out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::library::Library;
use portside_devices::plan::plan;
use portside_devices::profile::{Identify, Profile, Table};
use portside_devices::reading::{Quality, Reading};
use portside_devices::simulate::Response;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Found, What};
use crate::clock::Clock;
use crate::diagnose::{Cause, More, Read, Sight, causes, denies, folder, no_way};
use crate::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
use crate::field::touch::{Answer, NoWay, Outcome, Touch, setting};
use crate::field::{self, DeviceSpec, Drive, FieldEvent, Intervals, LinkSpec};

/// How long a way may take to open.
const CONNECT: Duration = Duration::from_secs(2);
/// A unit that is looked for gets this long at most: it is not known to be there.
const SWEEP: Duration = Duration::from_millis(150);
/// A device that is late is waited for this long.
const LATE: Duration = Duration::from_secs(2);
/// Units that are looked for when the one of the lane file is silent: what people set, and what makers ship.
const LIKELY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 32, 100, 247, 255];
/// A device that speaks lines or frames is listened to for this long at most.
const LISTEN: Duration = Duration::from_secs(5);
/// Settings of a port, by how common they are.
const BAUDS: [u32; 8] = [9_600, 19_200, 38_400, 115_200, 57_600, 4_800, 2_400, 1_200];

/// One Modbus device of the lane.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) id: Arc<str>,
    pub(crate) unit: u8,
    pub(crate) profile: Arc<Profile>,
    pub(crate) timeout: Duration,
}

/// Everything that the devices at one place say, each with what was found where it failed.
pub(crate) async fn look(medium: &Medium, targets: &[Target], library: &Library) -> Vec<Sight> {
    let mut touch = match Touch::open(medium, CONNECT).await {
        Ok(touch) => touch,
        Err(no_way) => return targets.iter().map(|target| shut(medium, target, &no_way)).collect(),
    };
    let mut sights = Vec::new();
    for target in targets {
        sights.push(read(&mut touch, medium, target).await);
        reopen(&mut touch, medium, sights.last()).await;
    }
    let alive: Vec<(u8, Arc<str>)> = sights
        .iter()
        .zip(targets)
        .filter(|(sight, _)| sight.reads.iter().any(|read| read.answer.is_answer() && !by_gateway(&read.answer)))
        .map(|(sight, target)| (sight.unit, target.id.clone()))
        .collect();
    for sight in &mut sights {
        if sight.reads.iter().any(|read| read.answer.is_answer() && !by_gateway(&read.answer)) {
            refine(&mut touch, sight, library).await;
        } else {
            search(&mut touch, sight, &alive).await;
        }
    }
    sights
}

fn empty(medium: &Medium, target: &Target) -> Sight {
    Sight {
        medium: medium.clone(),
        unit: target.unit,
        profile: target.profile.clone(),
        timeout: target.timeout,
        way: Ok(()),
        identity: None,
        reads: Vec::new(),
        more: More::default(),
    }
}

fn shut(medium: &Medium, target: &Target, no_way: &NoWay) -> Sight {
    let holder = match medium {
        Medium::Serial(serial) => super::super::probe::holders(&serial.path).into_iter().next(),
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => None,
    };
    let more = More { holder, ..More::default() };
    Sight { way: Err(no_way.clone()), more, ..empty(medium, target) }
}

/// A connection that was cut, or that something foreign lives behind, is not asked a second time.
async fn reopen(touch: &mut Touch, medium: &Medium, last: Option<&Sight>) {
    let spoilt = |read: &Read| matches!(read.answer.outcome, Outcome::Cut(_) | Outcome::Foreign);
    if last.is_some_and(|sight| sight.reads.iter().any(spoilt))
        && let Ok(fresh) = Touch::open(medium, CONNECT).await
    {
        *touch = fresh;
    }
}

/// The reads that the lane needs of one device.
async fn read(touch: &mut Touch, medium: &Medium, target: &Target) -> Sight {
    let mut sight = empty(medium, target);
    let limit = target.timeout;
    if let Some(identify) = &target.profile.identify {
        sight.identity = Some(touch.read(target.unit, identify.table, identify.address, 1, limit).await);
    }
    if let Some(base) = target.profile.base {
        let answer = touch.read(target.unit, base.table, base.address, 1, limit).await;
        if let Some(Ok(based)) = answer.words().map(|words| target.profile.based(words[0])) {
            sight.profile = Arc::new(based);
        }
    }
    for block in plan(&sight.profile) {
        let mut answer = touch.read(target.unit, block.table, block.start, block.count, limit).await;
        if !answer.is_answer() && !matches!(answer.outcome, Outcome::Cut(_)) {
            // One telegram may be lost; two are a fault.
            let again = touch.read(target.unit, block.table, block.start, block.count, limit).await;
            answer = if again.is_answer() || answer.outcome == Outcome::Silence { again } else { answer };
        }
        let (cut, answers) = (matches!(answer.outcome, Outcome::Cut(_)), answer.is_answer());
        sight.reads.push(Read { block, answer });
        if cut || !answers && sight.reads.len() >= 2 {
            break;
        }
    }
    sight
}

fn by_gateway(answer: &Answer) -> bool {
    matches!(answer.outcome, Outcome::Answer(Response::Exception(10 | 11)))
}

/// The device is silent or not understood: who else is there?
async fn search(touch: &mut Touch, sight: &mut Sight, alive: &[(u8, Arc<str>)]) {
    let Some((table, start, count)) =
        sight.reads.first().map(|read| (read.block.table, read.block.start, read.block.count))
    else {
        return;
    };
    let understood = |outcome: &Outcome| matches!(outcome, Outcome::Silence | Outcome::Answer(_) | Outcome::Part);
    if sight.reads.iter().all(|read| understood(&read.answer.outcome)) {
        // A slow device may still have earlier requests of the old connection before it.
        touch.close();
        match Touch::open(&sight.medium, CONNECT).await {
            Ok(fresh) => *touch = fresh,
            Err(_) => return,
        }
        let late = touch.read(sight.unit, table, start, count, LATE).await;
        if late.is_answer() && !by_gateway(&late) {
            sight.more.late = Some(late.took);
            return;
        }
        sight.more.units = alive.iter().map(|(unit, id)| (*unit, Some(id.clone()))).collect();
        let known: Vec<u8> = alive.iter().map(|(unit, _)| *unit).chain([sight.unit]).collect();
        for unit in LIKELY.into_iter().filter(|unit| !known.contains(unit) && fits(&sight.medium, *unit)) {
            let answer = touch.read(unit, table, start, count, sight.timeout.min(SWEEP)).await;
            let there = answer.is_answer() && !by_gateway(&answer);
            let late = touch.late().filter(|late| !known.contains(late));
            sight.more.units.extend(there.then_some(unit).into_iter().chain(late).map(|unit| (unit, None)));
        }
        sight.more.units.dedup();
    }
    if !sight.more.units.is_empty() {
        return;
    }
    match sight.medium.clone() {
        Medium::Tcp { host, port } => {
            let gap = Duration::from_millis(5);
            let raw = Medium::RtuOverTcp { host, port, gap, quiet: gap };
            if let Ok(mut raw) = Touch::open(&raw, CONNECT).await {
                let answer = raw.read(sight.unit, table, start, count, sight.timeout).await;
                sight.more.serial_frames = answer.is_answer();
            }
        }
        Medium::Serial(serial) => sight.more.setting = other_setting(touch, &serial, sight.unit, table, start).await,
        Medium::RtuOverTcp { .. } => {}
    }
}

/// 248 and above are for TCP alone.
const fn fits(medium: &Medium, unit: u8) -> bool {
    matches!(medium, Medium::Tcp { .. }) || unit < 248
}

/// Tries every usual setting of a port at which nobody answered.
async fn other_setting(touch: &mut Touch, serial: &Serial, unit: u8, table: Table, start: u16) -> Option<String> {
    for baud in BAUDS {
        for parity in [Parity::None, Parity::Even, Parity::Odd] {
            let other = Serial { baud, parity, data_bits: DataBits::Eight, stop_bits: StopBits::One, ..serial.clone() };
            if (other.baud, other.parity) == (serial.baud, serial.parity) {
                continue;
            }
            // The port is exclusive: the old opening has to end before the new one.
            touch.close();
            *touch = Touch::open(&Medium::Serial(other.clone()), CONNECT).await.ok()?;
            if touch.read(unit, table, start, 1, SWEEP).await.is_answer() {
                return Some(setting(&other));
            }
        }
    }
    None
}

/// The device answers: where it refuses or makes no sense, its neighbourhood is read.
async fn refine(touch: &mut Touch, sight: &mut Sight, library: &Library) {
    let (unit, limit) = (sight.unit, sight.timeout);
    for place in 0..sight.reads.len() {
        let block = sight.reads[place].block.clone();
        let answer = &sight.reads[place].answer;
        let refused = denies(answer);
        if answer.is_answer() && !answer.is_data() && !refused {
            // A busy or failed device says nothing about its addresses, and is not asked for more.
            continue;
        }
        if refused {
            let other = sibling(block.table);
            if touch.read(unit, other, block.start, block.count, limit).await.is_data() {
                sight.more.tables.push((place, other));
                continue;
            }
        }
        let alone = Sight { reads: vec![sight.reads[place].clone()], more: More::default(), ..sight.clone() };
        if refused || !causes(&alone).is_empty() {
            for by in [-1, 1] {
                let Some(start) = block.start.checked_add_signed(by) else { continue };
                let answer = touch.read(unit, block.table, start, block.count, limit).await;
                if answer.is_data() {
                    sight.more.shifts.push((place, i32::from(by), answer));
                }
            }
        }
    }
    let expected = sight.profile.identify.as_ref().map(|identify| identify.equals);
    let found = sight.identity.as_ref().and_then(|answer| answer.words()?.first().copied());
    if expected.is_some() && expected != found {
        sight.more.models = models(touch, unit, library, limit).await;
    }
}

const fn sibling(table: Table) -> Table {
    match table {
        Table::Coil => Table::Discrete,
        Table::Discrete => Table::Coil,
        Table::Holding => Table::Input,
        Table::Input => Table::Holding,
    }
}

/// Names of the known profiles whose identity the unit has.
pub(crate) async fn models(touch: &mut Touch, unit: u8, library: &Library, limit: Duration) -> Vec<Arc<str>> {
    let names =
        library.names().filter_map(|name| Some((Arc::<str>::from(name), library.get(name)?.ok()?.identify.clone()?)));
    let known: Vec<(Arc<str>, Identify)> = names.collect();
    let mut places: Vec<(Table, u16)> = known.iter().map(|(_, identify)| (identify.table, identify.address)).collect();
    places.sort_unstable();
    places.dedup();
    let mut fits = Vec::new();
    for (table, address) in places {
        let answer = touch.read(unit, table, address, 1, limit).await;
        let Some(&[word]) = answer.words() else { continue };
        let same = |identify: &Identify| (identify.table, identify.address, identify.equals) == (table, address, word);
        fits.extend(known.iter().filter(|(_, identify)| same(identify)).map(|(name, _)| name.clone()));
    }
    fits
}

/// Listens to a device that speaks lines or frames, over the link that the daemon uses, which only reads here.
pub(crate) async fn listen(medium: &Medium, target: &Target) -> Found {
    let at = medium.to_string();
    let found = |readings, causes| Found { id: target.id.clone(), what: What::Stream(at.clone(), readings), causes };
    if let Err(shut) = Touch::open(medium, CONNECT).await {
        let holder = match medium {
            Medium::Serial(serial) => super::super::probe::holders(&serial.path).into_iter().next(),
            Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => None,
        };
        return found(Vec::new(), vec![no_way(medium, &shut, holder)]);
    }
    let every = Duration::from_millis(500);
    let device = DeviceSpec {
        id: target.id.clone(),
        index: 0,
        unit: target.unit,
        profile: target.profile.clone(),
        intervals: Intervals { fast: every, normal: every, slow: every },
        watched: Vec::new(),
    };
    let (name, medium_, timeout) = (target.id.clone(), medium.clone(), target.timeout);
    let spec = LinkSpec { name, medium: medium_, devices: vec![device], timeout, drive: Drive::WatchOnly };
    let ((events, mut heard), stop, clock) = (mpsc::channel(256), CancellationToken::new(), Clock::start());
    let link = field::spawn(spec, clock, events, stop.clone());
    let mut said: BTreeMap<Arc<str>, Reading> = BTreeMap::new();
    let wanted = target.profile.points.iter().filter(|point| point.readable()).count();
    let end = clock.moment() + LISTEN;
    while said.len() < wanted {
        match tokio::time::timeout(clock.until(end), heard.recv()).await {
            Ok(Some(FieldEvent::Batch { readings, .. })) => {
                let news = readings.into_iter().filter(|reading| reading.quality != Quality::Stale);
                said.extend(news.map(|reading| (reading.point.clone(), reading)));
            }
            Ok(Some(FieldEvent::Link { .. } | FieldEvent::Unconfirmed { .. })) => {}
            Ok(None) | Err(_) => break,
        }
    }
    stop.cancel();
    link.ended().await;
    let causes = match said.is_empty() {
        true => vec![Cause::NothingSaid { place: at.clone(), seconds: LISTEN.as_secs() }],
        false => said
            .values()
            .filter_map(|reading| match &reading.quality {
                Quality::Good | Quality::Stale => None,
                Quality::Bad(reason) | Quality::Invalid(reason) => {
                    Some(Cause::NoMeasurement { point: reading.point.to_string(), reason: reason.clone() })
                }
            })
            .collect(),
    };
    found(said.into_values().collect(), causes)
}

/// What is found at a watched folder. A file is made there and removed again, unless a daemon would take it in.
pub(crate) fn folder_at(path: &Path, write: bool, clock: Clock) -> folder::Found {
    let mut found = folder::Found { path: path.display().to_string(), ..folder::Found::default() };
    let Ok(meta) = std::fs::metadata(path) else { return found };
    (found.exists, found.is_folder) = (true, meta.is_dir());
    if !found.is_folder {
        return found;
    }
    let wall = clock.wall();
    let ahead = |meta: &std::fs::Metadata| {
        let written = meta.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok())?;
        Some(written.as_second() - wall.as_second())
    };
    match std::fs::read_dir(path) {
        Err(error) => found.unreadable = Some(error.to_string()),
        Ok(entries) => {
            let files = entries.flatten().filter_map(|entry| {
                let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
                Some((entry.file_name().to_string_lossy().into_owned(), ahead(&meta)?))
            });
            found.newest_ahead = files.max_by_key(|(_, ahead)| *ahead);
        }
    }
    if write {
        let trial = path.join(format!(".portside-check-{}", std::process::id()));
        match std::fs::write(&trial, b"portside check --online\n") {
            Err(error) => found.unwritable = Some(error.to_string()),
            Ok(()) => {
                found.fresh_ahead = std::fs::metadata(&trial).ok().as_ref().and_then(ahead);
                // What cannot be removed is said at the next picture; a dot file is no picture.
                let _ = std::fs::remove_file(&trial);
            }
        }
    }
    found
}

//! `portside check --online`: every device of the lane touched once, nothing moved, and the probable cause of whatever
//! does not read well.

mod lines;
pub(crate) mod look;
mod print;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use portside_devices::library::Library;
use portside_devices::profile::Protocol;
use portside_devices::reading::{Reading, Value};

use self::look::Target;
use crate::clock::Clock;
use crate::config::{Config, Connection, OnCamera};
use crate::diagnose::source::{self, Login};
use crate::diagnose::{
    Cause, Expectation, History, Shown, Sight, causes, contacts, folder, no_way, seen, shown, watched,
};
use crate::field::medium::Medium;
use crate::field::touch::{self, Touch};

/// How long a camera may take for its first answer.
const CAMERA: Duration = Duration::from_secs(2);
/// How often a watched device is read.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// What `check --online` can be told.
#[derive(Args, Clone, Debug, Default)]
pub struct OnlineArgs {
    /// Touch every device once and say what it reads, moving nothing
    #[arg(long)]
    pub online: bool,
    /// Then watch for this long while somebody moves what the sensors see: finds what is stuck
    #[arg(long, value_name = "TIME", requires = "online", value_parser = humantime::parse_duration)]
    pub watch: Option<Duration>,
    /// What you see there, such as `arm.opened=on`: finds what is swapped or inverted
    #[arg(long, value_name = "DEVICE.POINT=VALUE", requires = "online")]
    pub expect: Vec<Expectation>,
    /// Touch the devices although the lane's daemon runs
    #[arg(long, requires = "online")]
    pub beside: bool,
}

/// One device as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id.
    pub id: Arc<str>,
    /// What was read; a folder has no reads.
    pub what: What,
    /// What is wrong, the most telling first; empty where all is well.
    pub causes: Vec<Cause>,
}

/// What kind of place a device is at.
#[derive(Clone, Debug)]
pub enum What {
    /// A Modbus unit.
    Modbus(Box<Sight>),
    /// A device that speaks lines or frames: what it said while it was listened to.
    Stream(String, Vec<Reading>),
    /// A watched folder.
    Folder(folder::Found),
    /// A camera, by its source.
    Camera(Arc<str>),
}

impl Found {
    /// Every point that was read, in the order of the reads.
    pub fn points(&self) -> Vec<Shown> {
        match &self.what {
            What::Modbus(sight) => {
                sight.reads.iter().flat_map(|read| shown(&sight.profile, &read.block, &read.answer)).collect()
            }
            What::Stream(..) | What::Folder(_) | What::Camera(_) => Vec::new(),
        }
    }
}

/// Touches the devices on wires, by their place in the lane file; with `only` the links of this device alone.
pub async fn wires(config: &Config, only: Option<&str>) -> BTreeMap<usize, Found> {
    let library = Library::shipped();
    let mut by_device = BTreeMap::new();
    let wanted = |index: &usize| only.is_none_or(|id| config.devices[*index].id.as_str() == id);
    for link in config.links.iter().filter(|link| link.devices.iter().any(wanted)) {
        let on = link.devices.iter().filter_map(|index| Some((*index, config.devices[*index].modbus()?)));
        let (places, targets): (Vec<usize>, Vec<Target>) = on
            .map(|(index, on)| {
                let id = config.devices[index].id.shared();
                (index, Target { id, unit: on.unit, profile: on.profile.clone(), timeout: on.timeout })
            })
            .unzip();
        if targets.iter().any(|target| target.profile.protocol != Protocol::Modbus) {
            // Such a device has its link to itself.
            for (place, target) in places.into_iter().zip(targets) {
                by_device.insert(place, look::listen(&link.medium, &target).await);
            }
            continue;
        }
        let sights = look::look(&link.medium, &targets, &library).await;
        for ((place, target), sight) in places.into_iter().zip(targets).zip(sights) {
            let causes = causes(&sight);
            by_device.insert(place, Found { id: target.id, what: What::Modbus(Box::new(sight)), causes });
        }
    }
    by_device
}

/// Touches every device of the lane.
pub async fn touch(config: &Config, args: &OnlineArgs) -> Vec<Found> {
    let mut by_device = wires(config, None).await;
    for (place, device) in config.devices.iter().enumerate() {
        let (what, causes) = match &device.connection {
            Connection::Modbus(_) | Connection::Lines(_) => continue,
            Connection::Folder(dir) => {
                let found = look::folder_at(dir, true, Clock::start());
                let causes = folder::causes(&found);
                (What::Folder(found), causes)
            }
            Connection::Camera(camera) => (What::Camera(camera.source.clone()), look_at(camera).await),
        };
        by_device.insert(place, Found { id: device.id.shared(), what, causes });
    }
    let mut all: Vec<Found> = by_device.into_values().collect();
    for device in &config.devices {
        if let Some(on) = device.lines() {
            all.push(lines::look(device.id.shared(), on).await);
        }
    }
    for found in &mut all {
        judge_contacts(found, &args.expect);
    }
    if let Some(time) = args.watch {
        watch(&mut all, time).await;
    }
    all
}

/// What is wrong with a camera's source; whether its picture is a good one is for the daemon's own watch to say.
async fn look_at(camera: &OnCamera) -> Vec<Cause> {
    let source = &*camera.source;
    if let Some(path) = source.strip_prefix("file://") {
        let missing = || Cause::Source(format!("{path} is not there, or is no file: a recording was expected"));
        let there = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
        return if there { Vec::new() } else { vec![missing()] };
    }
    let Some((place, path)) = source.strip_prefix("rtsp://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    else {
        return Vec::new();
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(554)),
        Some(_) | None => (place, 554),
    };
    let host = host.trim_matches(['[', ']']);
    let login = if camera.credentials.is_some() { Login::Given } else { Login::None };
    match touch::describe(host, port, source, CAMERA).await {
        Ok(answer) => source::rtsp(&answer, &format!("/{path}"), login).into_iter().collect(),
        Err(shut) => vec![no_way(&Medium::tcp(host, port), &shut, None)],
    }
}

/// What the contacts say against each other and against what a person sees.
fn judge_contacts(found: &mut Found, expected: &[Expectation]) {
    let points = found.points();
    let What::Modbus(sight) = &found.what else { return };
    let name = |shown: &Shown| &*sight.profile.points[shown.index].name;
    let good = points.iter().filter(|shown| shown.quality.is_good());
    let values: BTreeMap<&str, &Value> = good.filter_map(|shown| Some((name(shown), shown.value.as_ref()?))).collect();
    let of_this: Vec<&Expectation> = expected.iter().filter(|at| at.device == found.id).collect();
    let mut more = contacts(&sight.profile, &values);
    more.extend(seen(&sight.profile, &of_this, &values));
    found.causes.extend(more);
}

/// Reads every device that answered, again and again, and judges what moved.
async fn watch(all: &mut [Found], time: Duration) {
    let clock = Clock::start();
    let mut histories: Vec<History> = vec![History::default(); all.len()];
    let mut open: Vec<(Medium, Touch)> = Vec::new();
    let end = clock.moment() + time;
    while clock.moment() < end {
        for (found, history) in all.iter().zip(&mut histories) {
            let What::Modbus(sight) = &found.what else { continue };
            if !sight.reads.iter().any(|read| read.answer.is_data()) {
                continue;
            }
            if !open.iter().any(|(medium, _)| *medium == sight.medium) {
                let Ok(touch) = Touch::open(&sight.medium, sight.timeout).await else { continue };
                open.push((sight.medium.clone(), touch));
            }
            let Some((_, touch)) = open.iter_mut().find(|(medium, _)| *medium == sight.medium) else { continue };
            for read in &sight.reads {
                let block = &read.block;
                let answer = touch.read(sight.unit, block.table, block.start, block.count, sight.timeout).await;
                for shown in shown(&sight.profile, block, &answer) {
                    if let Some(value) = &shown.value {
                        history.add(shown.index, clock.moment(), value);
                    }
                }
            }
        }
        tokio::time::sleep(WATCH_EVERY.min(clock.until(end))).await;
    }
    for (found, history) in all.iter_mut().zip(histories) {
        if let What::Modbus(sight) = &found.what {
            found.causes.extend(watched(&sight.profile, &history, time.as_secs()));
        }
    }
}

/// Touches, and answers with what to print and the exit status: 0 all reads well, 1 something does not, 2 a daemon holds
/// the devices.
pub fn run(config: &Config, args: &OnlineArgs, json: bool) -> (String, u8) {
    if let Err(word) = known(config, &args.expect) {
        return (format!("error: {word}\n"), 2);
    }
    if !args.beside
        && let Some(socket) = daemon(config)
    {
        return (held(config, &socket), 2);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return (format!("error: {error}\n"), 1),
    };
    if let (false, Some(time)) = (json, args.watch) {
        // Said at once: whoever has to move things must know when.
        let _ = writeln!(std::io::stderr(), "then watching for {} s: move what the sensors see", time.as_secs());
    }
    let found = runtime.block_on(touch(config, args));
    let status = u8::from(found.iter().any(|device| !device.causes.is_empty()));
    (if json { print::json(&found) } else { print::text(&found) }, status)
}

fn known(config: &Config, expected: &[Expectation]) -> Result<(), String> {
    for at in expected {
        let device = config.devices.iter().find(|device| device.id.as_str() == &*at.device);
        let device = device.ok_or_else(|| format!("--expect: the lane file has no device `{}`", at.device))?;
        let profile = device.modbus().map(|on| &on.profile);
        if profile.is_none_or(|profile| profile.point(&at.point).is_none()) {
            return Err(format!("--expect: device `{}` has no point `{}`", at.device, at.point));
        }
    }
    Ok(())
}

/// The socket of a daemon that runs this lane.
fn daemon(config: &Config) -> Option<PathBuf> {
    let named = std::env::var_os("PORTSIDE_SOCKET").map(PathBuf::from);
    let usual = PathBuf::from(super::door::RUN_DIR).join(format!("{}.sock", config.lane.id));
    [named, Some(usual)].into_iter().flatten().find(|path| std::os::unix::net::UnixStream::connect(path).is_ok())
}

fn held(config: &Config, socket: &std::path::Path) -> String {
    let serial = config.links.iter().any(|link| matches!(link.medium, Medium::Serial(_)));
    let more = if serial { "; the serial ports it holds cannot be opened at all" } else { "" };
    format!(
        "error: the daemon of this lane runs (it listens on {}), and touching its devices would disturb it: many \
         modules take one connection only, and on a bus two callers talk at once{more}\n\
         `portside point read DEVICE` shows what the daemon reads. To touch the devices yourself stop the daemon, or \
         add --beside.\n",
        socket.display()
    )
}

/// The text of one run, for documents and tests.
pub fn text(found: &[Found]) -> String {
    print::text(found)
}

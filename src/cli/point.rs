//! `portside point`: a multimeter for single points, through the running daemon or, without one, over a link of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use portside_devices::moment::Moment;
use portside_devices::reading::Quality;

use super::door::{self, DoorArgs, WRONG};
use super::online::{self, What};
use crate::config;
use crate::control::call::{Call, Reply};
use crate::control::points::{Answering, PointNow, point_now};
use crate::field::Newest;
use crate::lane::Officer;
use crate::simulate::script::parse_value;

/// How often a watched point is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// `portside point`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  portside point list\n  portside point read arm.opened\n  portside point watch arm\n  \
    portside point write lamp.red on --agency customs --officer 7\n  portside point read arm -c lane.toml\n\n\
    With -c, and no daemon running, the devices are read directly. Writing goes through the daemon alone."
)]
pub(super) struct PointArgs {
    #[command(subcommand)]
    what: PointCall,
}

#[derive(Subcommand, Debug)]
enum PointCall {
    /// Every point, where the device keeps it, and whether it may be written
    #[command(after_help = "Example:\n  portside point list arm")]
    List(Look),
    /// What points say: raw, value, quality, age
    #[command(after_help = "Example:\n  portside point read arm.opened")]
    Read(Look),
    /// What points say, again whenever it changes
    #[command(after_help = "Example:\n  portside point watch arm")]
    Watch(Look),
    /// Write a point that moves nothing the lane guards
    #[command(after_help = "Example:\n  portside point write lamp.red on --agency customs --officer 7 --yes")]
    Write(Write),
}

#[derive(Args, Debug)]
struct Look {
    /// DEVICE or DEVICE.POINT; everything without it
    what: Option<String>,
    /// Read the devices of this lane file directly, where no daemon runs
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    door: DoorArgs,
}

#[derive(Args, Debug)]
struct Write {
    /// DEVICE.POINT
    what: String,
    /// on, off or a number, in the unit of the profile
    value: String,
    /// Agency that the technician acts for, as the lane file names it
    #[arg(long, value_name = "AGENCY")]
    agency: String,
    /// The technician's name or number as it stands in the record
    #[arg(long, value_name = "NAME", env = "USER", default_value = "local")]
    officer: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    door: DoorArgs,
}

/// Runs `portside point`.
pub(super) fn run(args: &PointArgs) -> ExitCode {
    match &args.what {
        PointCall::List(look) => show(look, list),
        PointCall::Read(look) => show(look, table),
        PointCall::Watch(look) => watch(look),
        PointCall::Write(args) => write(args),
    }
}

fn fail(status: u8, words: &str) -> ExitCode {
    eprintln!("portside: {words}");
    ExitCode::from(status)
}

/// `arm.opened` into device and point.
fn parted(what: Option<&str>) -> (Option<Arc<str>>, Option<Arc<str>>) {
    match what.map(|what| what.split_once('.').map_or((what, None), |(device, point)| (device, Some(point)))) {
        None => (None, None),
        Some((device, point)) => (Some(device.into()), point.map(Arc::from)),
    }
}

fn points(look: &Look) -> Result<Vec<PointNow>, String> {
    let (device, point) = parted(look.what.as_deref());
    match (&look.config, door::ask(&look.door.socket, &Call::Points { device: device.clone(), point: point.clone() })) {
        (_, Ok(Reply::Points { points })) => Ok(points),
        (_, Ok(Reply::Failed { message } | Reply::Refused { message, .. })) => Err(message),
        (_, Ok(other)) => Err(format!("the daemon answered something else: {other:?}")),
        (None, Err(words)) => Err(format!("{words}; or read the devices directly with -c FILE")),
        (Some(file), Err(_)) => direct(file, device.as_deref(), point.as_deref()),
    }
}

/// Reads the devices of a lane file once, over links of one's own that only read.
fn direct(file: &std::path::Path, device: Option<&str>, point: Option<&str>) -> Result<Vec<PointNow>, String> {
    let checked = config::load(file).map_err(|report| report.render(config::Ink::Plain))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let found = runtime.block_on(online::wires(&checked.config, device));
    let mut points = Vec::new();
    for found in found.values().filter(|found| device.is_none_or(|device| &*found.id == device)) {
        let What::Modbus(sight) = &found.what else { continue };
        let shown = found.points();
        for (index, described) in sight.profile.points.iter().enumerate() {
            if point.is_some_and(|point| &*described.name != point) {
                continue;
            }
            let read = shown.iter().find(|shown| shown.index == index);
            let newest = read.map(|shown| Newest { raw: shown.raw.clone(), refused: None, at: Moment::START });
            let writable = Err("writing goes through the daemon, which does not run".to_owned());
            points.push(point_now(&found.id, described, newest, Answering::Yes, Moment::START, writable));
        }
    }
    if points.is_empty() {
        return Err(format!("{} has no such device or point", file.display()));
    }
    Ok(points)
}

fn show(look: &Look, print: impl Fn(&[PointNow])) -> ExitCode {
    match points(look) {
        Err(words) => fail(1, &words),
        Ok(points) if look.door.json => {
            println!("{}", serde_json::to_string(&points).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Ok(points) => {
            print(&points);
            ExitCode::SUCCESS
        }
    }
}

fn list(points: &[PointNow]) {
    for point in points {
        let name = format!("{}.{}", point.device, point.point);
        let writable = match &point.writable {
            Ok(()) => "writable".to_owned(),
            Err(why) => why.clone(),
        };
        println!("{name:24} {:14} {:6} {writable}", point.address, point.unit.as_deref().unwrap_or("-"));
    }
}

fn table(points: &[PointNow]) {
    for point in points {
        println!("{}", line(point));
    }
}

/// One point in one line.
fn line(point: &PointNow) -> String {
    let name = format!("{}.{}", point.device, point.point);
    let raw: Vec<String> = point.raw.iter().map(|word| format!("{word:04X}")).collect();
    let unit = point.unit.as_deref().map_or_else(String::new, |unit| format!(" {unit}"));
    let value = point.value.as_ref().map_or_else(|| "-".to_owned(), |value| format!("{value}{unit}"));
    let age = point.age_ms.map_or_else(|| "never read".to_owned(), |age| format!("{age} ms ago"));
    format!("{name:24} {:14} {:10} {value:14} {:6} {age}", point.address, raw.join(" "), quality(&point.quality))
}

fn quality(quality: &Quality) -> String {
    match quality {
        Quality::Good => "good".to_owned(),
        Quality::Stale => "stale".to_owned(),
        Quality::Bad(why) => format!("bad: {why}"),
        Quality::Invalid(why) => format!("invalid: {why}"),
    }
}

fn watch(look: &Look) -> ExitCode {
    let mut known: BTreeMap<String, (Vec<u16>, Quality)> = BTreeMap::new();
    loop {
        let points = match points(look) {
            Ok(points) => points,
            Err(words) => return fail(1, &words),
        };
        for point in points {
            let now = (point.raw.clone(), point.quality.clone());
            if known.insert(format!("{}.{}", point.device, point.point), now.clone()) == Some(now) {
                continue;
            }
            let text = if look.door.json { serde_json::to_string(&point).unwrap_or_default() } else { line(&point) };
            if writeln!(std::io::stdout(), "{text}").is_err() {
                return ExitCode::SUCCESS;
            }
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

fn write(args: &Write) -> ExitCode {
    let (Some(device), Some(point)) = parted(Some(&args.what)) else {
        return fail(WRONG, &format!("`{}` is not DEVICE.POINT", args.what));
    };
    let value = match parse_value(&args.value) {
        Ok(value) => value,
        Err(words) => return fail(WRONG, &words),
    };
    if !args.yes && !confirmed(&args.what, &args.value) {
        return fail(WRONG, "not confirmed, nothing was written");
    }
    let officer = Officer { agency: args.agency.as_str().into(), name: args.officer.as_str().into() };
    door::call(&args.door, &Call::WritePoint { officer, device, point, value })
}

/// The name has to be typed: a habit of saying yes writes to the wrong terminal.
fn confirmed(what: &str, value: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        eprintln!("portside: nobody can be asked here; scripts say --yes");
        return false;
    }
    eprint!("{what} will be {value}. Type {what} to write it: ");
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).is_ok() && typed.trim() == what
}

//! Which units answer, which models they are, and what their registers hold.

use std::io::{IsTerminal, Write as _};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use portside_devices::library::Library;
use portside_devices::plan;
use portside_devices::profile::Table;
use portside_devices::simulate::Response;
use serde_json::{Value, json};

use super::holders;
use crate::cli::door::{RUN_DIR, WRONG};
use crate::cli::online::look::models;
use crate::diagnose::views::{ORDERS, View, views};
use crate::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
use crate::field::touch::{Answer, NoWay, Outcome, Touch, setting};

const CONNECT: Duration = Duration::from_secs(2);
/// Registers that are asked for at once when a map is looked for: few enough for any device.
const STEP: u16 = 16;
const TABLES: [Table; 4] = [Table::Coil, Table::Discrete, Table::Holding, Table::Input];

/// `portside probe modbus`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  portside probe modbus 10.0.0.20:502\n  \
    portside probe modbus rtu:10.0.0.21:4001 --units 1..16\n  \
    portside probe modbus /dev/serial/by-id/usb-FTDI_A --baud 19200 --parity even --unit 3 --registers 0..40")]
pub(super) struct ModbusArgs {
    /// HOST:PORT, rtu:HOST:PORT for a gateway that passes serial frames on, or the path of a serial port
    address: String,
    #[command(flatten)]
    line: Line,
    /// Unit ids to look for
    #[arg(long, value_name = "FROM..TO", default_value = "1..247", value_parser = range::<u8>)]
    units: RangeInclusive<u8>,
    /// Look at this unit alone
    #[arg(long, value_name = "ID")]
    unit: Option<u8>,
    /// Read these addresses of all four tables, registers in every byte and word order
    #[arg(long, value_name = "FROM..TO", requires = "unit", value_parser = range::<u16>)]
    registers: Option<RangeInclusive<u16>>,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", default_value = "150ms", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print what was found for programs, as JSON
    #[arg(long)]
    json: bool,
}

/// How a serial port is set.
#[derive(Args, Clone, Debug)]
pub(crate) struct Line {
    /// Bits a second of a serial port
    #[arg(long, default_value_t = 9600)]
    pub(crate) baud: u32,
    /// Parity of a serial port
    #[arg(long, value_enum, default_value_t = ParityWord::None)]
    pub(crate) parity: ParityWord,
    /// Stop bits of a serial port: 1 or 2
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) stop_bits: u8,
}

/// The parity bit, as people say it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ParityWord {
    /// No parity bit
    None,
    /// Even
    Even,
    /// Odd
    Odd,
}

impl Line {
    /// The port at `path` with this setting.
    pub(crate) fn serial(&self, path: PathBuf) -> Serial {
        let silence = plan::silence(self.baud, plan::character(self.baud, 11));
        Serial {
            path,
            baud: self.baud,
            data_bits: DataBits::Eight,
            parity: match self.parity {
                ParityWord::None => Parity::None,
                ParityWord::Even => Parity::Even,
                ParityWord::Odd => Parity::Odd,
            },
            stop_bits: if self.stop_bits == 2 { StopBits::Two } else { StopBits::One },
            gap: silence,
            quiet: Duration::from_millis(100),
        }
    }
}

/// `1..247`, `0..40`, both ends included, or a single number.
fn range<T: std::str::FromStr + PartialOrd + Copy>(text: &str) -> Result<RangeInclusive<T>, String> {
    let help = || format!("`{text}` is not FROM..TO, such as 1..16");
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let number = |part: &str| part.trim_start_matches('=').parse::<T>().map_err(|_| help());
    let (from, to) = (number(from)?, number(to)?);
    if from <= to { Ok(from..=to) } else { Err(help()) }
}

/// What an address of the command line means.
pub(crate) fn medium(address: &str, line: &Line) -> Result<Medium, String> {
    let bare = address.strip_prefix("serial://").unwrap_or(address);
    if bare.starts_with('/') {
        return Ok(Medium::Serial(line.serial(PathBuf::from(bare))));
    }
    let (text, frames) = match bare.strip_prefix("rtu:") {
        Some(rest) => (rest, true),
        None => (bare.strip_prefix("tcp:").unwrap_or(bare), false),
    };
    let help = || format!("`{address}` is neither HOST:PORT nor the path of a serial port");
    let (host, port) = text.rsplit_once(':').ok_or_else(help)?;
    let port = port.parse::<u16>().map_err(|_| help())?;
    let host: Arc<str> = host.trim_matches(['[', ']']).into();
    if host.is_empty() {
        return Err(help());
    }
    let gap = Duration::from_millis(4);
    Ok(if frames { Medium::RtuOverTcp { host, port, gap, quiet: gap } } else { Medium::Tcp { host, port } })
}

/// One unit that answers.
struct Unit {
    unit: u8,
    took: Duration,
    said: String,
    models: Vec<Arc<str>>,
}

pub(super) fn run(args: &ModbusArgs) -> ExitCode {
    let medium = match medium(&args.address, &args.line) {
        Ok(medium) => medium,
        Err(words) => {
            eprintln!("portside: {words}");
            return ExitCode::from(WRONG);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("portside: {error}");
            return ExitCode::FAILURE;
        }
    };
    disturbs(&medium);
    runtime.block_on(probe(&medium, args))
}

/// Says what a probe would disturb, before it does.
fn disturbs(medium: &Medium) {
    let runs = std::fs::read_dir(RUN_DIR).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|end| end == "sock") && std::os::unix::net::UnixStream::connect(path).is_ok()
    });
    match medium {
        Medium::Serial(_) if runs => {
            eprintln!("a daemon runs here: a bus of its lane cannot be probed beside it, the port is held");
        }
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } if runs => eprintln!(
            "a daemon runs here: if this is a device of its lane, its polls come later meanwhile, and a module that \
             takes one connection only may drop the daemon's"
        ),
        Medium::Serial(_) | Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => {}
    }
}

async fn probe(medium: &Medium, args: &ModbusArgs) -> ExitCode {
    let mut touch = match Touch::open(medium, CONNECT).await {
        Ok(touch) => touch,
        Err(no_way) => {
            eprintln!("portside: {}", no_way_words(medium, &no_way));
            return ExitCode::FAILURE;
        }
    };
    if let (Some(unit), Some(registers)) = (args.unit, &args.registers) {
        return scan(&mut touch, unit, registers, args).await;
    }
    let units = args.unit.map_or(args.units.clone(), |unit| unit..=unit);
    sweep(&mut touch, medium, units, args).await
}

fn no_way_words(medium: &Medium, no_way: &NoWay) -> String {
    match (no_way, medium) {
        (NoWay::Refused, _) => format!("{medium}: the machine is there, but nothing listens on this port"),
        (NoWay::Silent(_), _) => format!("{medium}: nobody answers; wrong address, device off, or a firewall between"),
        (NoWay::NoName(words), _) => format!("{medium}: the name cannot be resolved: {words}"),
        (NoWay::NoRoute(words), _) => format!("{medium}: no way there: {words}"),
        (NoWay::NoPort, _) => format!("{medium}: no such port; `portside probe serial` lists what is there"),
        (NoWay::Held, Medium::Serial(serial)) => {
            let by = holders(&serial.path).join(", ");
            format!("{medium}: held by {}; end it first", if by.is_empty() { "another program" } else { &by })
        }
        (NoWay::Held, _) => format!("{medium}: held by another program"),
        (NoWay::Denied, _) => format!("{medium}: this user may not open it; add it to group dialout"),
        (NoWay::Other(words), _) => words.clone(),
    }
}

async fn sweep(touch: &mut Touch, medium: &Medium, units: RangeInclusive<u8>, args: &ModbusArgs) -> ExitCode {
    let count = u32::from(*units.end() - *units.start()) + 1;
    if !args.json {
        let port = match medium {
            Medium::Serial(serial) => format!(" ({})", setting(serial)),
            Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => String::new(),
        };
        let at_most = args.timeout.saturating_mul(count).as_secs().max(1);
        println!("{medium}{port}: units {} to {}, reads only, at most {at_most} s", units.start(), units.end());
    }
    let (library, mut found, mut strange) = (Library::shipped(), Vec::new(), None);
    let mut ahead: std::collections::VecDeque<u8> = units.collect();
    while let Some(unit) = ahead.pop_front() {
        progress(args, &format!("unit {unit}, {} found", found.len()));
        let mut answer = touch.read(unit, Table::Holding, 0, 1, args.timeout).await;
        if let Some(late) = touch.late() {
            // Somebody is there who takes longer: asked again with more patience, once.
            let patient = touch.read(late, Table::Holding, 0, 1, args.timeout * 4).await;
            if late == unit {
                answer = patient;
            } else if let Some(said) = said(&patient) {
                let models = models(touch, late, &library, args.timeout * 4).await;
                found.push(Unit { unit: late, took: patient.took, said, models });
            }
        }
        match said(&answer) {
            Some(said) => {
                let models = models(touch, unit, &library, args.timeout).await;
                found.push(Unit { unit, took: answer.took, said, models });
            }
            None => strange = strange.or_else(|| strangely(unit, &answer)),
        }
        if matches!(answer.outcome, Outcome::Cut(_) | Outcome::Foreign)
            && let Ok(fresh) = Touch::open(medium, CONNECT).await
        {
            *touch = fresh;
        }
    }
    progress(args, "");
    if args.json {
        let units: Vec<Value> = found
            .iter()
            .map(|unit| json!({ "unit": unit.unit, "ms": unit.took.as_secs_f64() * 1e3, "profiles": unit.models }))
            .collect();
        println!("{:#}", json!({ "address": medium.to_string(), "units": units, "strange": strange }));
    } else {
        found.iter().for_each(show_unit);
        match (&strange, found.len()) {
            (Some(strange), _) => println!("{strange}"),
            (None, 0) => println!("no unit answers: look at power and wires, and on a bus at baud rate and parity"),
            (None, count) => println!("{count} found"),
        }
    }
    if found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn show_unit(unit: &Unit) {
    let models = match &unit.models[..] {
        [] => "no known profile's identity fits".to_owned(),
        names => format!("fits {}", names.join(", ")),
    };
    println!("unit {:3}  {:6.1} ms  {}; {models}", unit.unit, unit.took.as_secs_f64() * 1e3, unit.said);
}

/// What a unit that is there says to the first register; `None` where nobody is there.
fn said(answer: &Answer) -> Option<String> {
    match &answer.outcome {
        Outcome::Answer(Response::Exception(10 | 11)) => None,
        Outcome::Answer(Response::Exception(code)) => Some(format!("answers, exception {code} to holding 0")),
        Outcome::Answer(_) => Some(format!("answers, holding 0 is {}", answer.words().map_or(0, |words| words[0]))),
        Outcome::Twice(..) => Some("answers TWICE: two devices have this unit id".to_owned()),
        Outcome::BadCheck => Some("answers with a wrong checksum: two devices at once, or a disturbed line".to_owned()),
        Outcome::Misfit(_)
        | Outcome::OtherUnit(_)
        | Outcome::OtherRequest
        | Outcome::Part
        | Outcome::Foreign
        | Outcome::Silence
        | Outcome::Cut(_) => None,
    }
}

/// Something that came although no unit answered.
fn strangely(unit: u8, answer: &Answer) -> Option<String> {
    let bytes = answer.bytes.len();
    match &answer.outcome {
        Outcome::OtherUnit(came) => Some(format!("unit {unit} was asked, and unit {came} answered")),
        Outcome::Foreign | Outcome::Part => {
            let text: String =
                String::from_utf8_lossy(&answer.bytes).lines().next().unwrap_or_default().chars().take(40).collect();
            let hex: Vec<String> = answer.bytes.iter().take(12).map(|byte| format!("{byte:02X}")).collect();
            let shown = if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') { text } else { hex.join(" ") };
            Some(format!("{bytes} bytes came that are no Modbus ({shown}): another protocol, baud rate or parity"))
        }
        Outcome::Cut(words) => Some(format!("the other side ends the connection: {words}")),
        Outcome::Misfit(_) | Outcome::OtherRequest => Some("answers came that fit no request".to_owned()),
        Outcome::Answer(_) | Outcome::Twice(..) | Outcome::BadCheck | Outcome::Silence => None,
    }
}

/// Shows how far it is, where somebody watches.
fn progress(args: &ModbusArgs, words: &str) {
    let mut out = std::io::stderr();
    if !args.json && out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{words}");
        let _ = out.flush();
    }
}

/// What one table holds, address by address.
struct Held {
    table: Table,
    words: Vec<(u16, u16)>,
}

async fn scan(touch: &mut Touch, unit: u8, registers: &RangeInclusive<u16>, args: &ModbusArgs) -> ExitCode {
    let mut held = Vec::new();
    for table in TABLES {
        progress(args, &format!("unit {unit}: {}", table.word()));
        held.push(Held { table, words: read_all(touch, unit, table, registers, args.timeout).await });
    }
    progress(args, "");
    let library = Library::shipped();
    let fits = models(touch, unit, &library, args.timeout).await;
    if args.json {
        let tables: serde_json::Map<String, Value> =
            held.iter().map(|held| (held.table.word().to_owned(), json!(held.words))).collect();
        println!("{:#}", json!({ "unit": unit, "tables": tables, "profiles": fits }));
    } else {
        held.iter().for_each(show_table);
        println!("profiles whose identity fits: {}", if fits.is_empty() { "none".to_owned() } else { fits.join(", ") });
    }
    if held.iter().all(|held| held.words.is_empty()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Reads in steps; a step that is refused is read address by address, for many devices refuse a read that touches one
/// address they do not have.
async fn read_all(
    touch: &mut Touch,
    unit: u8,
    table: Table,
    registers: &RangeInclusive<u16>,
    limit: Duration,
) -> Vec<(u16, u16)> {
    let mut words = Vec::new();
    let mut from = u32::from(*registers.start());
    let end = u32::from(*registers.end());
    let mut silent = 0;
    while let (Ok(start), true) = (u16::try_from(from), from <= end && silent < 3) {
        let count = u16::try_from((end - from + 1).min(u32::from(STEP))).unwrap_or(STEP);
        let answer = touch.read(unit, table, start, count, limit).await;
        silent = if answer.is_answer() { 0 } else { silent + 1 };
        if answer.is_data() {
            words.extend((start..=u16::MAX).zip(values(&answer)));
        } else if let Outcome::Answer(Response::Exception(code)) = answer.outcome {
            // A function that the device does not have is not there at any address.
            if code == portside_devices::simulate::ILLEGAL_FUNCTION {
                return words;
            }
            for at in start..=start.saturating_add(count - 1) {
                let one = touch.read(unit, table, at, 1, limit).await;
                words.extend(values(&one).into_iter().map(|word| (at, word)));
            }
        }
        from += u32::from(count);
    }
    words
}

fn values(answer: &Answer) -> Vec<u16> {
    let (Outcome::Answer(response) | Outcome::Twice(response, _)) = &answer.outcome else { return Vec::new() };
    match response {
        Response::Words(words) => words.clone(),
        Response::Bits(bits) => bits.iter().map(|bit| u16::from(*bit)).collect(),
        Response::Written | Response::Exception(_) => Vec::new(),
    }
}

fn show_table(held: &Held) {
    let word = held.table.word();
    if held.words.is_empty() {
        println!("{word}: no address in this range");
        return;
    }
    if held.table.is_bits() {
        let on: Vec<String> = held.words.iter().filter(|(_, bit)| *bit == 1).map(|(at, _)| at.to_string()).collect();
        let on = if on.is_empty() { "none".to_owned() } else { on.join(" ") };
        println!("{word}: {} addresses, on: {on}", held.words.len());
        return;
    }
    println!("{word}: {} addresses; long values begin at the address of the line", held.words.len());
    println!("  addr  word   u16    i16  swapped | order         u32          i32  f32");
    for run in runs(&held.words) {
        let words: Vec<u16> = run.iter().map(|(_, word)| *word).collect();
        for view in views(run[0].0, &words) {
            show_view(&view);
        }
    }
}

/// Addresses that follow each other.
fn runs(words: &[(u16, u16)]) -> Vec<&[(u16, u16)]> {
    words.chunk_by(|(one, _), (next, _)| one.checked_add(1) == Some(*next)).collect()
}

fn show_view(view: &View) {
    let [short, swapped] = view.short;
    print!("  {:5} {:04X} {short:6} {:6}  {swapped:6} |", view.address, view.word, signed(short));
    let Some(long) = view.long else {
        println!();
        return;
    };
    for (place, (order, bits)) in ORDERS.iter().zip(long).enumerate() {
        let indent = if place == 0 { String::new() } else { format!("{:34}|", "") };
        println!("{indent} {order} {bits:11} {:12}  {}", i32::from_ne_bytes(bits.to_ne_bytes()), float(bits));
    }
}

const fn signed(word: u16) -> i16 {
    i16::from_ne_bytes(word.to_ne_bytes())
}

fn float(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_port_a_gateway_or_a_port_of_this_machine() {
        let line = Line { baud: 19_200, parity: ParityWord::Even, stop_bits: 1 };
        assert_eq!(medium("10.0.0.20:502", &line), Ok(Medium::tcp("10.0.0.20", 502)));
        assert_eq!(medium("[fe80::1]:502", &line), Ok(Medium::tcp("fe80::1", 502)));
        assert!(matches!(medium("rtu:gw:4001", &line), Ok(Medium::RtuOverTcp { port: 4001, .. })));
        assert!(matches!(medium("/dev/ttyUSB0", &line), Ok(Medium::Serial(serial)) if serial.baud == 19_200));
        for wrong in ["10.0.0.20", ":502", "h:70000", ""] {
            assert!(medium(wrong, &line).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_include_both_ends_and_do_not_run_backwards() {
        assert_eq!(range::<u8>("1..16"), Ok(1..=16));
        assert_eq!(range::<u16>("0..=40"), Ok(0..=40));
        assert_eq!(range::<u8>("7"), Ok(7..=7));
        assert!(range::<u8>("16..1").is_err() && range::<u8>("1..300").is_err());
    }
}

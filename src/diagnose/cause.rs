//! The causes that can be told apart, each in a sentence that says what to do next.

use std::fmt;

use portside_devices::profile::{ByteOrder, Table, WordOrder};

/// What is wrong. The sentence of each variant says what its parts are.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "its Display names each part in a sentence")]
pub enum Cause {
    /// The host name means nothing here.
    NoName(String),
    /// The machine is there, the port is not.
    PortClosed(String),
    /// Nobody answers the attempt to connect.
    HostSilent(String),
    /// The network has no way there.
    NoRoute(String, String),
    /// The serial port does not exist.
    NoPort(String),
    /// Another program holds the serial port.
    PortHeld(String, Option<String>),
    /// The port may not be opened.
    Denied(String),
    /// Anything else that keeps the way shut, in the system's words.
    NoWay(String),
    /// Something else than Modbus lives there.
    NotModbus(String),
    /// The peer ends the connection at each request.
    CutOff(String),
    /// A gateway passes serial frames on as they are.
    SerialFrames,
    /// The unit is silent, others answer.
    OtherUnits { unit: u8, answer: Vec<String> },
    /// Answers bear another unit's number.
    AnswersAs { asked: u8, came: u8 },
    /// The gateway says that the device behind it does not answer.
    BehindGateway(u8),
    /// Other devices of the lane answer on this bus, this one does not.
    DeadUnit { unit: u8, alive: Vec<String> },
    /// Nobody answers on the bus.
    DeadBus { unit: u8, setting: Option<String> },
    /// The unit answers at another setting of the port.
    OtherSetting { configured: String, answers: String },
    /// The unit answers later than it may.
    Late { allowed_ms: u128, took_ms: u128 },
    /// Bytes without sense.
    Noise { bytes: usize, setting: Option<String> },
    /// Checksums that are wrong.
    BadCheck(u8),
    /// Two devices answer one request.
    TwoAnswer(u8),
    /// An answer that is not long enough.
    Broken(String),
    /// One read stays without an answer, others have theirs.
    NoAnswer { table: Table, start: u16, count: u16, within_ms: u128 },
    /// The device is there and has no time: exception 5 or 6.
    Busy(u8),
    /// The device reports a failure of its own: exception 4 or 8.
    Failed(u8),
    /// An exception that speaks neither of the address nor of a failure.
    Excepted(u8),
    /// The addresses answer in another table.
    OtherTable { configured: Table, answers: Table, start: u16 },
    /// The addresses answer shifted.
    Shifted { table: Table, start: u16, by: i32 },
    /// The device has no such addresses.
    NoAddress { table: Table, start: u16, count: u16, words: String },
    /// The identity register holds another model's number.
    WrongModel { expected: u16, found: u16, known: Vec<String> },
    /// The identity register does not answer.
    NoIdentity { table: Table, address: u16 },
    /// Implausible as configured, plausible in another order.
    Order { point: String, as_is: String, order: (ByteOrder, WordOrder), value: String },
    /// Implausible as configured, plausible by a power of ten.
    Scale { point: String, as_is: String, factor: f64, value: String },
    /// Not a number: no sensor behind it.
    NoMeasurement { point: String, reason: String },
    /// Out of its range in every order and scale.
    Implausible { point: String, reason: String },
    /// Both limit switches are on.
    BothLimits,
    /// A person sees the opposite of both limit switches.
    SwappedLimits(String),
    /// A person sees the opposite of what is read.
    Inverted { point: String, seen: String, read: String },
    /// What is read is not what a person sees.
    NotAsSeen { point: String, seen: String, read: String },
    /// It did not move while it was watched.
    Stuck { point: String, seconds: u64, value: String },
    /// The folder is not there.
    NoFolder(String),
    /// It is there and cannot be read.
    FolderUnreadable(String, String),
    /// It cannot be written.
    FolderReadOnly(String, String),
    /// It is a file.
    NotAFolder(String),
    /// The clock of the machine that writes is wrong.
    ClockSkew { seconds: i64, file: String },
    /// A device that speaks lines or frames says nothing that its profile knows.
    NothingSaid { place: String, seconds: u64 },
    /// The source of a camera is not what it should be.
    Source(String),
}

impl Cause {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoName(_) => "no_name",
            Self::PortClosed(_) => "port_closed",
            Self::HostSilent(_) => "host_silent",
            Self::NoRoute(..) => "no_route",
            Self::NoPort(_) => "no_port",
            Self::PortHeld(..) => "port_held",
            Self::Denied(_) => "denied",
            Self::NoWay(_) => "no_way",
            Self::NotModbus(_) => "not_modbus",
            Self::CutOff(_) => "cut_off",
            Self::SerialFrames => "serial_frames",
            Self::OtherUnits { .. } => "other_unit",
            Self::AnswersAs { .. } => "answers_as",
            Self::BehindGateway(_) => "behind_gateway",
            Self::DeadUnit { .. } => "dead_unit",
            Self::DeadBus { .. } => "dead_bus",
            Self::OtherSetting { .. } => "other_setting",
            Self::Late { .. } => "late",
            Self::Noise { .. } => "noise",
            Self::BadCheck(_) => "bad_check",
            Self::TwoAnswer(_) => "two_answer",
            Self::Broken(_) => "broken_answer",
            Self::NoAnswer { .. } => "no_answer",
            Self::Busy(_) => "device_busy",
            Self::Failed(_) => "device_failed",
            Self::Excepted(_) => "exception",
            Self::OtherTable { .. } => "other_table",
            Self::Shifted { .. } => "shifted",
            Self::NoAddress { .. } => "no_address",
            Self::WrongModel { .. } => "wrong_model",
            Self::NoIdentity { .. } => "no_identity",
            Self::Order { .. } => "order",
            Self::Scale { .. } => "scale",
            Self::NoMeasurement { .. } => "no_measurement",
            Self::Implausible { .. } => "implausible",
            Self::BothLimits => "both_limits",
            Self::SwappedLimits(_) => "swapped_limits",
            Self::Inverted { .. } => "inverted",
            Self::NotAsSeen { .. } => "not_as_seen",
            Self::Stuck { .. } => "stuck",
            Self::NoFolder(_) => "no_folder",
            Self::FolderUnreadable(..) => "folder_unreadable",
            Self::FolderReadOnly(..) => "folder_read_only",
            Self::NotAFolder(_) => "not_a_folder",
            Self::ClockSkew { .. } => "clock_skew",
            Self::NothingSaid { .. } => "nothing_said",
            Self::Source(_) => "source",
        }
    }
}

/// An order in the words of a profile.
pub(super) fn order_words((bytes, words): (ByteOrder, WordOrder)) -> String {
    let bytes = match bytes {
        ByteOrder::Big => "byte_order = \"big\"",
        ByteOrder::Little => "byte_order = \"little\"",
    };
    let words = match words {
        WordOrder::HighFirst => "word_order = \"high-first\"",
        WordOrder::LowFirst => "word_order = \"low-first\"",
    };
    format!("`{bytes}`, `{words}`")
}

/// `input 10 to 13`
fn range(table: Table, start: u16, count: u16) -> String {
    format!("{} {start} to {}", table.word(), u32::from(start) + u32::from(count) - 1)
}

fn or(setting: Option<&String>) -> String {
    setting.map_or_else(String::new, |setting| format!(" at {setting}"))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(words) => {
                write!(f, "the host name cannot be resolved ({words}): correct it, or write the IP address")
            }
            Self::PortClosed(place) => write!(
                f,
                "wrong port, or the device's Modbus server is off: the machine at {place} refuses the connection; \
                 Modbus TCP is usually port 502"
            ),
            Self::HostSilent(place) => write!(
                f,
                "wrong address, device off, or a firewall drops the packets: nobody at {place} answers the attempt \
                 to connect; try `ping`, then the rules in between"
            ),
            Self::NoRoute(place, words) => write!(
                f,
                "no machine can be reached at {place} ({words}): look at the address, the cable and this machine's \
                 own network"
            ),
            Self::NoPort(path) => write!(
                f,
                "there is no serial port {path}: is the adapter plugged in? `portside probe serial` lists what is there"
            ),
            Self::PortHeld(path, by) => write!(
                f,
                "another program holds {path}{}: end it first",
                by.as_ref().map_or_else(String::new, |by| format!(" ({by})"))
            ),
            Self::Denied(path) => write!(f, "this user may not open {path}: add it to group dialout"),
            Self::NoWay(words) => f.write_str(words),
            Self::NotModbus(what) => write!(
                f,
                "what answers there is not Modbus: {what}; look at the address and port, or at the mode of the gateway"
            ),
            Self::CutOff(words) => write!(
                f,
                "the other side accepts the connection and ends it at the first request ({words}): it may allow only \
                 certain addresses, too few connections, or not be a Modbus server"
            ),
            Self::SerialFrames => f.write_str(
                "the gateway passes serial frames on as they are: write `modbus+rtu://…` as the address, or set the \
                 gateway to Modbus TCP",
            ),
            Self::OtherUnits { unit, answer } => write!(
                f,
                "wrong unit id: unit {unit} does not answer, {} does: correct the address in the lane file, or the \
                 number set on the device",
                answer.join(", ")
            ),
            Self::AnswersAs { asked, came } => write!(
                f,
                "the answers to unit {asked} bear the number {came}: another device, or a gateway that rewrites \
                 unit ids; write unit {came}, or correct the gateway"
            ),
            Self::BehindGateway(unit) => write!(
                f,
                "the gateway answers, unit {unit} behind it does not: look at the device's power, its bus wires and \
                 its unit id"
            ),
            Self::DeadUnit { unit, alive } => write!(
                f,
                "dead device: unit {unit} does not answer, but {} on the same bus does, so bus, settings and \
                 gateway are right: look at its power, its own A/B wires and its unit id",
                alive.join(", ")
            ),
            Self::DeadBus { unit, setting: Some(setting) } => write!(
                f,
                "nobody answers at {setting}: neither unit {unit} nor any other that was tried; look at power, at the \
                 wires (A and B swapped?) and at baud rate and parity"
            ),
            Self::DeadBus { unit, setting: None } => write!(
                f,
                "the connection is accepted, and then nobody answers, neither unit {unit} nor any other that was \
                 tried: wrong unit id, a gateway whose serial side is dead, a firewall that swallows the requests, or \
                 the device's program hangs (restart it)"
            ),
            Self::OtherSetting { configured, answers } => write!(
                f,
                "wrong baud rate or parity: configured {configured}, but the device answers at {answers}: correct \
                 the lane file"
            ),
            Self::Late { allowed_ms, took_ms } => write!(
                f,
                "the device answers, but after {took_ms} ms, and `timeout` allows {allowed_ms} ms: raise it, or give \
                 the device less to do"
            ),
            Self::Noise { bytes, setting } => write!(
                f,
                "{bytes} bytes without sense came{}: wrong baud rate or parity, A and B swapped, or no Modbus",
                or(setting.as_ref())
            ),
            Self::BadCheck(unit) => write!(
                f,
                "answers of unit {unit} come with a wrong checksum: two devices with the same unit id talk at once, \
                 or the line is disturbed (termination, shield, length)"
            ),
            Self::TwoAnswer(unit) => write!(
                f,
                "two devices have unit id {unit}: behind a whole answer another one came; give one of them another id"
            ),
            Self::Broken(words) => write!(f, "the answer does not fit the request ({words}): a gateway that cuts it?"),
            Self::NoAnswer { table, start, count, within_ms } => write!(
                f,
                "no answer to the read of {} within {within_ms} ms, though the device answers other reads: it may not \
                 know these addresses and keep silent, or be slow with them; look at the profile, or raise `timeout`",
                range(*table, *start, *count)
            ),
            Self::Busy(code @ 5) => write!(
                f,
                "the device answers \"acknowledge\" (exception {code}): it still works on what it was asked; ask again \
                 later, nothing is wrong with the profile"
            ),
            Self::Busy(code) => write!(
                f,
                "the device answers \"busy\" (exception {code}): ask again later, and ask less often if it stays so; \
                 nothing is wrong with the profile"
            ),
            Self::Failed(code) => write!(
                f,
                "the device itself failed (exception {code}): look at its display or lamps, then restart it; nothing is \
                 wrong with the profile"
            ),
            Self::Excepted(code @ (10 | 11)) => write!(
                f,
                "the gateway answers exception {code} to some reads, though the device answers others: the bus behind \
                 it is disturbed, or the gateway waits too short a time for the device"
            ),
            Self::Excepted(code) => write!(
                f,
                "the device answers exception {code}, which speaks of no address: its manual says what it means"
            ),
            Self::OtherTable { configured, answers, start } => write!(
                f,
                "wrong table: the device has no {} at {start}, but answers there as {}: correct `table` in the profile",
                configured.word(),
                answers.word()
            ),
            Self::Shifted { table, start, by } => write!(
                f,
                "addresses off by {}: what the profile looks for at {} {start} is at {}; correct the addresses, the \
                 wire counts from 0",
                by.abs(),
                table.word(),
                i32::from(*start) + by
            ),
            Self::NoAddress { table, start, count, words } => write!(
                f,
                "{words}: the device has no {}; wrong model, or wrong addresses in the profile",
                range(*table, *start, *count)
            ),
            Self::WrongModel { expected, found, known } if known.is_empty() => write!(
                f,
                "wrong model: it says 0x{found:04X}, the profile expects 0x{expected:04X}; no known profile fits"
            ),
            Self::WrongModel { expected, found, known } => write!(
                f,
                "wrong model: it says 0x{found:04X}, the profile expects 0x{expected:04X}; 0x{found:04X} is {}",
                known.join(" or ")
            ),
            Self::NoIdentity { table, address } => write!(
                f,
                "wrong model? The device does not answer {} {address}, where the profile looks for its identity",
                table.word()
            ),
            Self::Order { point, as_is, order, value } => write!(
                f,
                "swapped bytes or words: `{point}` reads {as_is}, which cannot be; with {} it is {value}: correct the \
                 profile",
                order_words(*order)
            ),
            Self::Scale { point, as_is, factor, value } => write!(
                f,
                "wrong scale: `{point}` reads {as_is}, which cannot be; {factor} times that is {value}: correct \
                 `scale` in the profile"
            ),
            Self::NoMeasurement { point, reason } => {
                write!(f, "`{point}` is no measurement ({reason}): sensor broken or not connected?")
            }
            Self::Implausible { point, reason } => write!(
                f,
                "`{point}`: {reason}; no other byte order, word order or power of ten explains it: wrong address, \
                 type or sensor"
            ),
            Self::BothLimits => f.write_str(
                "`opened` and `closed` are both on, which cannot be: one limit switch is stuck, or wired as a break \
                 contact (`inverted = true`)",
            ),
            Self::SwappedLimits(seen) => write!(
                f,
                "`opened` and `closed` are swapped: {seen}; exchange the two wires, or their addresses in the profile"
            ),
            Self::Inverted { point, seen, read } => write!(
                f,
                "inverted input, or stuck: `{point}` reads {read} where you see {seen}: a break contact wants \
                 `inverted = true` in the profile; `--watch 30s` tells whether it moves at all"
            ),
            Self::NotAsSeen { point, seen, read } => {
                write!(f, "`{point}` reads {read} where you see {seen}: wrong terminal, scale or sensor")
            }
            Self::Stuck { point, seconds, value } => write!(
                f,
                "stuck: `{point}` stayed {value} for {seconds} s; if what it watches did move, look at its sensor, \
                 wire and terminal"
            ),
            Self::NoFolder(path) => {
                write!(f, "{path} is not there: create it, or mount the share of the X-ray machine there")
            }
            Self::FolderUnreadable(path, words) => {
                write!(f, "{path} cannot be read ({words}): look at its owner and the mount")
            }
            Self::FolderReadOnly(path, words) => write!(
                f,
                "{path} cannot be written ({words}): the lane moves each picture into a folder inside; let its user \
                 write there"
            ),
            Self::NotAFolder(path) => write!(f, "{path} is a file, and should be the folder where pictures arrive"),
            Self::ClockSkew { seconds, file } => write!(
                f,
                "the clock of the machine that writes is {} s {}: `{file}` says so; set NTP on both, a picture whose \
                 time does not fit is evidence of no subject",
                seconds.abs(),
                if *seconds > 0 { "ahead of this one" } else { "behind this one" }
            ),
            Self::NothingSaid { place, seconds } => write!(
                f,
                "nothing that the profile knows came from {place} within {seconds} s: wrong port, baud rate or model, or \
                 the device speaks only when something passes; `portside record` shows its bytes"
            ),
            Self::Source(words) => f.write_str(words),
        }
    }
}

//! The lane file once every check has passed. A value of these types needs no further looking up and no further
//! doubt: what one part says of another is a place in a list, every unit is fixed, every range has been enforced.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Kind;
use portside_devices::plan::Speed;
use portside_devices::profile::Profile;

use super::choice::{Decisive, Direction, Mode, Receipts, Traffic};
use super::value::{Id, Recipient};
use crate::field::medium::Medium;
use crate::lane;

/// Everything the daemon is built from.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which lane this is.
    pub lane: Lane,
    /// The agencies, in the lane file's order; never empty.
    pub agencies: Vec<Agency>,
    /// Where records and evidence are kept.
    pub store: Store,
    /// The way to the centre; `None`: the lane stands alone.
    pub uplink: Option<Uplink>,
    /// Where the pages are served; `None`: not at all.
    pub screens: Option<Screens>,
    /// Connections and serial ports, one task each; several devices may share one.
    pub links: Vec<Link>,
    /// The devices, in the lane file's order.
    pub devices: Vec<Device>,
    /// Where subjects are judged.
    pub station: Station,
    /// How verdicts become a release.
    pub review: Review,
    /// How temperatures are measured, where they are.
    pub temperature: Option<lane::temperature::Rules>,
    /// The radiation portal in the lane, where there is one.
    pub radiation: Option<lane::radiation::Rules>,
    /// A gate with its barrier, or a belt.
    pub way: Way,
    /// Lower-case hex SHA-256 of the lane file's bytes, the configuration hash of `status`.
    pub hash: Arc<str>,
}

/// Which lane this is.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The port's code.
    pub port: Id,
    /// The lane's id within the port.
    pub id: Id,
    /// Name for people.
    pub name: Arc<str>,
    /// What passes through.
    pub traffic: Traffic,
    /// Which way.
    pub direction: Direction,
    /// Normal or emergency.
    pub mode: Mode,
    /// For people's times; records are in UTC.
    pub time_zone: jiff::tz::TimeZone,
}

/// One agency.
#[derive(Clone, Debug)]
pub struct Agency {
    /// Its id.
    pub id: Id,
    /// Name for people.
    pub name: Arc<str>,
    /// Who can open this agency's confidential records.
    pub seal_to: Vec<Recipient>,
}

/// Where records and evidence are kept.
#[derive(Clone, Debug)]
pub struct Store {
    /// The folder; absolute, or relative to the lane file's folder and already joined to it.
    pub dir: PathBuf,
    /// Bytes it may take.
    pub limit: u64,
    /// How long closed and receipted inspections are kept.
    pub keep: Duration,
}

/// The way to the centre.
#[derive(Clone, Debug)]
pub struct Uplink {
    /// Host name or address, without brackets.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
    /// Plain or TLS.
    pub security: Security,
    /// MQTT client id.
    pub client_id: Arc<str>,
    /// MQTT keep-alive.
    pub keepalive: Duration,
    /// What makes a record no longer owed.
    pub receipts: Receipts,
    /// Whose signed requests and receipts count.
    pub trust: Option<PathBuf>,
}

/// How the connection to the broker is protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// `mqtt://`: not at all.
    Plain,
    /// `mqtts://`.
    Tls {
        /// PEM file of the authority that signed the broker's certificate.
        ca: PathBuf,
        /// The lane's own certificate, for brokers that ask for one.
        identity: Option<Identity>,
    },
}

/// A certificate of the lane.
#[derive(Clone, Debug)]
pub struct Identity {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Where the pages are served.
#[derive(Clone, Debug)]
pub struct Screens {
    /// Address and port.
    pub listen: std::net::SocketAddr,
    /// The site's certificate; `None`: the daemon makes one.
    pub identity: Option<Identity>,
    /// Names and addresses that browsers use, in lower case and without brackets; empty: the machine's own.
    pub hosts: Vec<Arc<str>>,
    /// A screen is locked after so long without an act.
    pub lock_after: Duration,
    /// A session ends this long after its log-in.
    pub session: Duration,
    /// The folder of typical images; `None`: in the store.
    pub typical: Option<PathBuf>,
}

impl Config {
    /// The folder of typical images: the one that [screens] names, else one in the store.
    pub fn typical(&self) -> PathBuf {
        let named = self.screens.as_ref().and_then(|screens| screens.typical.clone());
        named.unwrap_or_else(|| self.store.dir.join("typical"))
    }
}

/// One connection or serial port, which its devices share.
#[derive(Clone, Debug)]
pub struct Link {
    /// As `status` and logs call it: the name of the bus, else `host:port` or the port's path.
    pub name: Arc<str>,
    /// What carries its bytes.
    pub medium: Medium,
    /// What its telegrams cost.
    pub speed: Speed,
    /// The devices behind it: places in [`Config::devices`], never empty.
    pub devices: Vec<usize>,
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id, the subject of its records.
    pub id: Id,
    /// Name for people; the id where the file gives none.
    pub name: Arc<str>,
    /// How it is reached and what it is.
    pub connection: Connection,
    /// Where the pictures of an X-ray machine arrive that has control points besides.
    pub images: Option<PathBuf>,
    /// Where its detector sends lines, where it has control points besides.
    pub lines: Option<OnLines>,
}

impl Device {
    /// What the device is for.
    pub fn kind(&self) -> Kind {
        match &self.connection {
            Connection::Modbus(device) => device.profile.kind,
            Connection::Folder(_) | Connection::Lines(_) => Kind::Xray,
            Connection::Camera(_) => Kind::Camera,
        }
    }

    /// The folder into which it drops pictures.
    pub fn folder(&self) -> Option<&PathBuf> {
        match &self.connection {
            Connection::Folder(dir) => Some(dir),
            Connection::Modbus(_) => self.images.as_ref(),
            Connection::Camera(_) | Connection::Lines(_) => None,
        }
    }

    /// Where it sends lines.
    pub const fn lines(&self) -> Option<&OnLines> {
        match &self.connection {
            Connection::Lines(lines) => Some(lines),
            Connection::Modbus(_) => self.lines.as_ref(),
            Connection::Folder(_) | Connection::Camera(_) => None,
        }
    }

    /// What is known of it as a Modbus device; `None` for a watched folder.
    pub const fn modbus(&self) -> Option<&OnModbus> {
        match &self.connection {
            Connection::Modbus(device) => Some(device),
            Connection::Folder(_) | Connection::Camera(_) | Connection::Lines(_) => None,
        }
    }
}

/// How a device is reached.
#[derive(Clone, Debug)]
pub enum Connection {
    /// A unit that is asked or listened to: a barrier, an I/O module, a scale.
    Modbus(OnModbus),
    /// A folder into which an X-ray machine drops its pictures.
    Folder(PathBuf),
    /// A camera, watched by a process of its own.
    Camera(OnCamera),
    /// The detector of an X-ray machine, which sends its lines.
    Lines(OnLines),
}

/// A detector that sends lines.
#[derive(Clone, Debug)]
pub struct OnLines {
    /// Where it listens: a TCP connection.
    pub medium: Medium,
    /// How its lines are framed; a profile with a `detector`.
    pub profile: Arc<Profile>,
}

/// A camera.
#[derive(Clone, Debug)]
pub struct OnCamera {
    /// `rtsp://…` without a login, `file://…` or `v4l2://…`.
    pub source: Arc<str>,
    /// File with its login.
    pub credentials: Option<PathBuf>,
    /// How often a frame is taken.
    pub every: Duration,
    /// At which instants its picture is kept; never twice the same.
    pub snapshots: Vec<Decisive>,
}

/// A unit on TCP or a serial bus, whether it speaks Modbus, lines or frames: its profile says which.
#[derive(Clone, Debug)]
pub struct OnModbus {
    /// Place in [`Config::links`].
    pub link: usize,
    /// Unit id; 1 for a device that is alone on its link.
    pub unit: u8,
    /// Its points.
    pub profile: Arc<Profile>,
    /// How often its fast points are read.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// Where subjects are judged.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its id.
    pub id: Id,
    /// Place of the X-ray device in [`Config::devices`]; `None`: the desks judge without a picture.
    pub xray: Option<usize>,
    /// How long the desks wait for a picture after the subject is identified.
    pub picture: Duration,
    /// The desks; at least one is required.
    pub desks: Vec<Desk>,
}

/// One agency's desk.
#[derive(Clone, Copy, Debug)]
pub struct Desk {
    /// Place in [`Config::agencies`].
    pub agency: usize,
    /// What its silence means.
    pub role: lane::DeskRole,
}

/// How verdicts become a release.
#[derive(Clone, Copy, Debug)]
pub struct Review {
    /// Verdicts stay sealed until all required ones are in or time is up.
    pub blind: bool,
    /// After this a missing required verdict is `not_reviewed`, and the subject is held.
    pub timeout: Duration,
}

/// What subjects pass.
#[derive(Clone, Debug)]
pub enum Way {
    /// A barrier and what guards it.
    Gate(Gate),
    /// A belt through an X-ray machine.
    Belt(Belt),
}

impl Config {
    /// The gate; `None` where the lane has a belt.
    pub const fn gate(&self) -> Option<&Gate> {
        match &self.way {
            Way::Gate(gate) => Some(gate),
            Way::Belt(_) => None,
        }
    }

    /// The belt; `None` where the lane is a gate.
    pub const fn belt(&self) -> Option<&Belt> {
        match &self.way {
            Way::Belt(belt) => Some(belt),
            Way::Gate(_) => None,
        }
    }
}

/// A belt through an X-ray machine. Lengths are in millimetres.
#[derive(Clone, Debug)]
pub struct Belt {
    /// Place of what drives the belt in [`Config::devices`].
    pub drive: usize,
    /// The diverter; `None`: the belt is stopped at the decision.
    pub diverter: Option<BeltDiverter>,
    /// From the entry sensor to those of scan, decision, exit and examination.
    pub places_mm: [f64; 4],
    /// Millimetres a second.
    pub speed: f64,
    /// The true speed differs by no more than this part of it.
    pub tolerance: f64,
    /// What polling and the angle of a light barrier add to a measured way.
    pub slack_mm: f64,
    /// What one start or stop adds.
    pub slip_mm: f64,
    /// A shorter clear stretch belongs to the same subject.
    pub gap_mm: f64,
    /// A shorter shadow is dust.
    pub noise_mm: f64,
    /// No subject is longer.
    pub length_max_mm: f64,
    /// When pictures come.
    pub images: lane::belt::ImageRule,
    /// A sensor or contact not read for this long is unknown.
    pub stale: Duration,
    /// The belt stands within this time after it was told to stop.
    pub stop_within: Duration,
    /// Light barriers; their order is that of [`lane::belt::Settings::sensors`].
    pub sensors: Vec<BeltSensor>,
}

/// The diverter of a belt.
#[derive(Clone, Copy, Debug)]
pub struct BeltDiverter {
    /// Place in [`Config::devices`].
    pub device: usize,
    /// From the decision sensor to the first point that it moves over.
    pub lead_mm: f64,
    /// Length of what it moves over.
    pub blade_mm: f64,
    /// Longest regular travel from side to side.
    pub travel: Duration,
}

/// One light barrier.
#[derive(Clone, Debug)]
pub struct BeltSensor {
    /// Place of the device in [`Config::devices`].
    pub device: usize,
    /// Name of the point; on means present.
    pub point: Arc<str>,
    /// Its name, and where it looks.
    pub sensor: lane::belt::Sensor,
}

/// The barrier and what guards it.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Place of the barrier in [`Config::devices`].
    pub arm: usize,
    /// Longest regular travel from limit to limit.
    pub travel: Duration,
    /// Every guarding sensor must have been clear without a break for this long before a close.
    pub clear: Duration,
    /// A subject without an identity for this long: the officers are asked, an alarm is raised.
    pub identify: Duration,
    /// A released subject that has not departed after this long: alarm.
    pub leave: Duration,
    /// A subject that left the approach without reaching the arm is gone after this long.
    pub gone: Duration,
    /// A sensor or contact not read for this long is unknown.
    pub stale: Duration,
    /// Presence sensors; their order is that of [`lane::Settings::sensors`].
    pub sensors: Vec<Sensor>,
}

/// One presence sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Place of the device in [`Config::devices`].
    pub device: usize,
    /// Name of the point in the device's profile; on means present.
    pub point: Arc<str>,
    /// What it says, where it looks, what it proves.
    pub sensor: lane::Sensor,
}

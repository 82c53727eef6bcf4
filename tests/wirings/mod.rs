//! The wrong wirings, each built on a lane whose other devices are well.

mod bus;
mod folder;
mod map;
mod network;
mod sense;

use std::any::Any;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::bench::Bench;
use portside_devices::library::Library;
use portside_devices::modbus::Framing;
use portside_devices::profile::Profile;
use portside_devices::reading::Value;
use portside_devices::simulate::Model;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::site::{daemon::lane_file, lane};

/// One fault.
pub(crate) struct Case {
    /// As a technician would say it.
    pub(crate) name: &'static str,
    /// Which tools name it, in the judgement of whoever read the page; the first is asserted.
    pub(crate) named: &'static str,
    /// The cause that has to be named.
    pub(crate) code: &'static str,
    /// Builds it; the folder is the lane's own.
    pub(crate) set: fn(PathBuf) -> Pin<Box<dyn Future<Output = Scene> + Send>>,
}

/// A fault that is built.
pub(crate) struct Scene {
    /// What the lane file says besides the arm.
    pub(crate) devices: String,
    /// The device with the fault.
    pub(crate) device: &'static str,
    /// What a person sees there.
    pub(crate) expect: Vec<&'static str>,
    pub(crate) watch: Option<Duration>,
    /// What `probe modbus` is called with; `None` where it has nothing to do with it.
    pub(crate) probe: Option<Vec<String>>,
    /// What the daemon's status comes to say.
    pub(crate) status: &'static str,
    /// Of the status only the state is kept: which of several reasons comes first differs from run to run.
    pub(crate) state_only: bool,
    /// The fault shows at other devices as well.
    pub(crate) spreads: bool,
    pub(crate) stop: CancellationToken,
    arm: Bench,
    arm_port: u16,
    /// What has to live as long as the fault.
    _keep: Vec<Box<dyn Any + Send + Sync>>,
}

/// A measuring device of the tests: two temperatures, a fill level and a contact.
const METER: &str = r#"
kind = "io"
vendor = "Test"
model = "Meter"
protocol = "modbus"
source = "this test"
gap = 4

[[point]]
name = "ai1"
table = "input"
address = 10
type = "f32"
unit = "°C"
range = [-40, 85]
poll = "fast"

[[point]]
name = "ai2"
table = "input"
address = 12
type = "u16"
scale = 0.1
unit = "°C"
range = [-40, 85]
invalid = [0x8000]
poll = "fast"

[[point]]
name = "ai3"
table = "input"
address = 13
type = "u16"
unit = "%"
range = [20, 30]
poll = "fast"

[[point]]
name = "di1"
table = "discrete"
address = 3
type = "bool"
poll = "fast"

[[test]]
point = "ai3"
raw = [25]
value = 25
"#;

/// The meter as it is built, which may differ from what the lane file says it is.
pub(crate) fn meter(unit: u8, changes: &[(&str, &str)]) -> Model {
    let text = changes.iter().fold(METER.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let mut model = Model::new(Arc::new(Profile::parse("io/test-meter", &text).unwrap()), unit);
    for (name, value) in [("ai1", 21.37), ("ai2", 21.5), ("ai3", 25.0)] {
        set(&mut model, name, &Value::Float(value));
    }
    model
}

/// A device of a shipped profile.
pub(crate) fn shipped(name: &str, unit: u8) -> Model {
    Model::new(Library::shipped().get(name).unwrap().unwrap(), unit)
}

pub(crate) fn set(model: &mut Model, name: &str, value: &Value) {
    let index = model.profile().point_index(name).unwrap();
    model.set(index, value).unwrap();
}

/// Puts a bench on a free TCP port.
pub(crate) async fn on_tcp(bench: &Bench, framing: Framing, stop: &CancellationToken) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(bench.clone().serve_tcp(listener, framing, stop.clone()));
    port
}

/// A device of the meter's kind at this address of the lane file.
pub(crate) fn aux(address: &str) -> String {
    device("aux", "io", "io/test-meter", address)
}

pub(crate) fn device(id: &str, kind: &str, profile: &str, address: &str) -> String {
    format!(
        "[[device]]\nid = \"{id}\"\nkind = \"{kind}\"\nprofile = \"{profile}\"\naddress = \"{address}\"\n\
         interval = \"100 ms\"\ntimeout = \"250 ms\"\n"
    )
}

impl Scene {
    /// A lane whose arm is well, closed, with nothing in the way.
    pub(crate) async fn lane() -> Self {
        let stop = CancellationToken::new();
        let mut arm = shipped("barrier/generic-relay", 1);
        set(&mut arm, "closed", &Value::Bool(true));
        let arm = Bench::new(vec![arm], Clock::start());
        let arm_port = on_tcp(&arm, Framing::Tcp, &stop).await;
        Self {
            devices: String::new(),
            device: "aux",
            expect: Vec::new(),
            watch: None,
            probe: None,
            status: "",
            state_only: false,
            spreads: false,
            stop,
            arm,
            arm_port,
            _keep: Vec::new(),
        }
    }

    /// The same with the meter on a wire of its own, at unit 3; `unit` is what the lane file says.
    pub(crate) async fn meter(model: Model, unit: u8, status: &'static str) -> Self {
        let mut scene = Self::lane().await;
        let bench = Bench::new(vec![model], Clock::start());
        let port = on_tcp(&bench, Framing::Tcp, &scene.stop).await;
        scene.devices = aux(&format!("modbus://127.0.0.1:{port}/{unit}"));
        scene.probing(&format!("127.0.0.1:{port}"), &["--units", "1..4"]);
        scene.status = status;
        scene
    }

    pub(crate) fn probing(&mut self, address: &str, words: &[&str]) {
        self.probe = Some([address].iter().chain(words).map(|word| (*word).to_owned()).collect());
    }

    pub(crate) fn keep(&mut self, what: impl Any + Send + Sync) {
        self._keep.push(Box::new(what));
    }

    /// Makes the fault one of the arm.
    pub(crate) fn at_arm(mut self, points: &[(&str, bool)]) -> Self {
        for (name, on) in points {
            self.arm.with(1, |arm| set(arm, name, &Value::Bool(*on))).unwrap();
        }
        self.device = "arm";
        self.probing(&format!("127.0.0.1:{}", self.arm_port), &["--unit", "1", "--registers", "0..7"]);
        self.status = "good";
        self
    }

    /// Writes the lane file and the profile of the tests.
    pub(crate) fn write(&self, dir: &Path) -> PathBuf {
        let profiles = dir.join("profiles/io");
        fs::create_dir_all(&profiles).unwrap();
        fs::write(profiles.join("test-meter.toml"), METER).unwrap();
        let more = format!("[profiles]\ndir = \"{}\"\n{}", dir.join("profiles").display(), self.devices);
        lane::write(dir, ([127, 0, 0, 1], self.arm_port).into(), &more);
        lane_file(dir)
    }
}

macro_rules! case {
    ($name:literal, $named:literal, $code:literal, $set:path) => {
        Case { name: $name, named: $named, code: $code, set: |dir| Box::pin($set(dir)) }
    };
}

pub(crate) const CASES: &[Case] = &[
    case!("wrong unit id on TCP", "check, probe", "other_unit", network::wrong_unit),
    case!("wrong host: a firewall drops every packet", "check, probe", "host_silent", network::dropped),
    case!("wrong port: nothing listens", "check, probe, status", "port_closed", network::closed),
    case!("host name that does not exist", "check, probe, status", "no_name", network::no_name),
    case!("an SSH server instead of Modbus", "check, probe", "not_modbus", network::ssh),
    case!("a web server instead of Modbus", "check, probe", "not_modbus", network::web),
    case!("a gateway that passes serial frames on", "check, probe", "serial_frames", network::frames),
    case!("a gateway with nobody behind it", "check, status", "behind_gateway", network::gateway),
    case!("a gateway that rewrites unit ids", "check, probe", "answers_as", network::rewritten),
    case!("a device slower than `timeout`", "check", "late", network::late),
    case!("a device that cuts the connection at each request", "check, probe", "cut_off", network::cut_off),
    case!("answers that break off", "check", "broken_answer", network::broken),
    case!("byte order", "check", "order", map::bytes),
    case!("word order", "check", "order", map::words),
    case!("byte and word order", "check", "order", map::both),
    case!("wrong scale", "check", "scale", map::scale),
    case!("address off by one, refused", "check", "shifted", map::shifted),
    case!("address off by one, answered with other values", "check", "shifted", map::shifted_quietly),
    case!("coil instead of discrete input", "check", "other_table", map::coil),
    case!("holding instead of input register", "check", "other_table", map::holding),
    case!("wrong model, a known one", "check, probe, status", "wrong_model", map::known_model),
    case!("wrong model, without these addresses", "check", "no_address", map::no_address),
    case!("wrong register: a value that nothing explains", "check", "implausible", map::implausible),
    case!("sensor broken: NaN", "check, status", "no_measurement", sense::nan),
    case!("sensor not connected: the device's code for none", "check, status", "no_measurement", sense::none),
    case!("limit coils swapped", "check", "swapped_limits", sense::swapped),
    case!("one limit switch wired as a break contact", "check", "both_limits", sense::both),
    case!("inverted input", "check", "inverted", sense::inverted),
    case!("stuck sensor", "check", "stuck", sense::stuck),
    case!("sensor on the wrong terminal", "check", "not_as_seen", sense::wrong_terminal),
    case!("wrong baud rate", "check", "other_setting", bus::baud),
    case!("dead slave among living ones", "check", "dead_unit", bus::dead),
    case!("nobody on the bus: no power, or A and B swapped", "check", "dead_bus", bus::nobody),
    case!("wrong unit id on a bus", "check, probe", "other_unit", bus::wrong_unit),
    case!("two devices with one unit id", "check, probe", "two_answer", bus::twice),
    case!("noise instead of frames", "check, probe, status", "noise", bus::noise),
    case!("disturbed line: wrong checksums", "check, probe, status", "bad_check", bus::bad_check),
    case!("adapter not plugged in", "check, probe, status", "no_port", bus::missing),
    case!("another program holds the port", "check, probe, status", "port_held", bus::held),
    case!("wrong camera path", "check", "source", network::camera),
    case!("wrong camera: a recording that is not there", "check", "source", folder::recording),
    case!("X-ray folder missing: share not mounted", "check, status", "no_folder", folder::missing),
    case!("X-ray folder is a file", "check, status", "not_a_folder", folder::file),
    case!("X-ray folder cannot be written", "check, status", "folder_read_only", folder::read_only),
    case!("clock of the X-ray PC two hours ahead", "check", "clock_skew", folder::skew),
];

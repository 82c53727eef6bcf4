//! The lane file, and the profile of its detector.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use portside::simulate::tunnel::TunnelSetup;

use super::{AGENCIES, Plan};
use crate::site::daemon::lane_file;

pub const DETECTOR_NAME: &str = "xray/test-lines";
const DETECTOR: &str = r#"
kind = "xray"
vendor = "Test"
model = "line detector, two energies"
protocol = "xray-lines"
source = "layout of this project"

[lines]
sync = "4C 58 52 31"
header = 16
counter = { at = 4, type = "u32" }
view = { at = 8 }
kind = { at = 9, data = 0, dark = 1, white = 2 }
length = { at = 12, type = "u32" }
pixels = @PIXELS@
energies = 2
arrangement = "low-then-high"
bits = 16
trailer = 2
checksum = { sum = "crc16-ccitt" }
pitch_um = @PITCH@
rate = @RATE@
speed_mm_s = 200
idle = "nothing"
silence = "60 s"
calibration = { lines = "flagged", average = 64 }

[[test]]
header = "4C 58 52 31 02 01 00 00 00 00 00 00 @LENGTH@ 00 00"
samples = "00 10 FF FF 01 00"
counter = 258
low = [4096, 65535, 1, 0]
high = [0]
"#;

const LANE: &str = r#"
[lane]
port = "CNTYN"
id = "B01"
name = "行李查验 1 号通道"
traffic = "baggage"
direction = "entry"
time_zone = "Asia/Shanghai"
@AGENCIES@
[store]
dir = "store"
limit = "10 GB"
keep = "180 d"

[profiles]
dir = "@DIR@/profiles"

[screens]
listen = "127.0.0.1:@PORT@"
lock_after = "@LOCK@"

[[device]]
id = "scanner"
kind = "xray"
name = "@NAME@"
profile = "xray/generic-io"
address = "modbus://@SITE@/1"
lines = "tcp://@DETECTOR@"
detector = "xray/test-lines"
interval = "@POLL@"

[[device]]
id = "eyes"
kind = "io"
profile = "io/waveshare-8ch"
address = "modbus://@SITE@/2"
interval = "@POLL@"

[[device]]
id = "diverter"
kind = "diverter"
profile = "diverter/generic-io"
address = "modbus://@SITE@/3"
interval = "@POLL@"

[belt]
drive = "scanner"
decision = "divert"
diverter = "diverter"
scan = "0.8 m"
source = "0.4 m"
stop_at = "4 m"
lead = "0.8 m"
blade = "0.3 m"
travel = "500 ms"
exit = "6 m"
speed = "0.2 m/s"
tolerance = "10 %"
picture_after = "0 ms"
picture_within = "30 s"
picture_late = "40 s"
enclosed = true

[[belt.sensor]]
point = "eyes.di1"
name = "entry"
place = "entry"

[[belt.sensor]]
point = "eyes.di2"
name = "before the tunnel"
place = "scan"

[[belt.sensor]]
point = "eyes.di3"
name = "decision"
place = "decision"

[[belt.sensor]]
point = "eyes.di4"
name = "exit"
place = "exit"

[[belt.sensor]]
point = "eyes.di5"
name = "examination"
place = "examine"

[[station]]
id = "xr1"
xray = "scanner"
desks = [@DESKS@]

[review]
blind = true
timeout = "@REVIEW@"
"#;

/// The profile of a detector over a belt that runs `speed` mm/s.
pub fn profile(tunnel: TunnelSetup, speed: f64) -> String {
    let [low, high] = u16::try_from(16 + 4 * tunnel.pixels + 2).unwrap().to_le_bytes();
    DETECTOR
        .replace("@PIXELS@", &tunnel.pixels.to_string())
        .replace("@PITCH@", &format!("{:.0}", tunnel.pitch_mm * 1_000.0))
        .replace("@RATE@", &format!("{:.0}", speed / tunnel.line_mm))
        .replace("@LENGTH@", &format!("{low:02X} {high:02X}"))
}

pub fn write(dir: &Path, plan: Plan, detector_profile: &str, port: u16, belt: SocketAddr, detector: SocketAddr) {
    let profile = dir.join("profiles").join(DETECTOR_NAME).with_extension("toml");
    fs::create_dir_all(profile.parent().unwrap()).unwrap();
    fs::write(profile, detector_profile).unwrap();
    let present = &AGENCIES[..plan.desks];
    let all = &AGENCIES[..plan.agencies.max(plan.desks)];
    let agencies: String =
        all.iter().map(|(id, name)| format!("\n[[agency]]\nid = \"{id}\"\nname = \"{name}\"\n")).collect();
    let desks: Vec<String> = present.iter().map(|(id, _)| format!("{{ agency = \"{id}\" }}")).collect();
    let text = LANE
        .replace("@AGENCIES@", &agencies)
        .replace("@DESKS@", &desks.join(", "))
        .replace("@DIR@", dir.to_str().unwrap())
        .replace("@PORT@", &port.to_string())
        .replace("@LOCK@", plan.lock_after)
        .replace("@POLL@", plan.poll)
        .replace("@NAME@", plan.xray_name)
        .replace("@SITE@", &belt.to_string())
        .replace("@DETECTOR@", &detector.to_string())
        .replace("@REVIEW@", plan.review);
    fs::write(lane_file(dir), text).unwrap();
}

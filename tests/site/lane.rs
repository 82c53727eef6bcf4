//! The lane file of these tests, and the simulated gate that it drives.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use portside::clock::Clock;
use portside::simulate::{Served, serve};
use portside_devices::kind::Closes;
use portside_devices::simulate::{Gate, GateSetup};
use tokio_util::sync::CancellationToken;

use super::daemon::lane_file;

const LANE: &str = r#"
[lane]
port = "CNTYN"
id = "G03"
name = "货运卡口 3 号通道"
traffic = "vehicle"
direction = "entry"
mode = "normal"
time_zone = "Asia/Shanghai"

[[agency]]
id = "customs"
name = "海关"

[[agency]]
id = "ciq"
name = "检验检疫"

[store]
dir = "store"
limit = "10 GB"
keep = "180 d"

[[device]]
id = "arm"
kind = "barrier"
name = "栏杆机"
profile = "barrier/generic-relay"
address = "modbus://@ARM@/1"
interval = "50 ms"
timeout = "250 ms"

[gate]
arm = "arm"
travel = "4 s"
clear = "1.5 s"
identify = "60 s"
leave = "60 s"
gone = "4 s"

[[gate.sensor]]
point = "arm.di3"
name = "approach loop"
place = "approach"
proves = false

[[gate.sensor]]
point = "arm.di4"
name = "loop under the arm"
place = "under"
proves = true

[[gate.sensor]]
point = "arm.di5"
name = "photocell behind the arm"
place = "beyond"
proves = true

[[station]]
id = "xr1"
desks = [{ agency = "customs", role = "required" }, { agency = "ciq", role = "required" }]

[review]
blind = true
timeout = "10 min"
"#;

/// Writes a lane file into `dir`: the arm at `arm`, and what else is wanted, such as `[uplink]` or more devices.
pub fn write(dir: &Path, arm: SocketAddr, more: &str) {
    fs::write(lane_file(dir), format!("{}\n{more}", LANE.replace("@ARM@", &arm.to_string()))).unwrap();
}

/// The `[uplink]` of a lane.
pub fn uplink(url: &str) -> String {
    format!("[uplink]\nurl = \"{url}\"\nreceipts = \"puback\"\n")
}

/// A gate of the devices' own simulator on a socket of its own.
pub async fn gate() -> Served<Gate> {
    serve(Gate::new(GateSetup::new(Closes::Pulse)), Clock::start(), CancellationToken::new()).await.unwrap()
}

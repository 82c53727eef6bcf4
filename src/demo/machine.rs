//! The X-ray machine of the demo's belt: its detector sends lines over TCP while the belt moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portside_devices::profile::Profile;
use portside_devices::simulate::BeltSite;
use tokio_util::sync::CancellationToken;

use super::daemon::Paths;
use crate::run::materials;
use crate::simulate::Served;
use crate::simulate::detector::Subject;
use crate::simulate::phantom::beam::Pair;
use crate::simulate::phantom::{Detector, wedge};
use crate::simulate::tunnel::{LineSender, Tunnel, TunnelSetup};

/// The profile of its detector, for the lane file's `detector`.
const PROFILE: &str = include_str!("detector.toml");
const PROFILE_NAME: &str = "xray/demo-lines";
/// Its id in the lane file.
const DEVICE: &str = "scanner";
/// As belt, lane file and profile say it.
pub(super) const TUNNEL: TunnelSetup = TunnelSetup { pixels: 576, pitch_mm: 1.0, line_mm: 1.25, source_mm: 1_200.0 };
/// Dark lines and white ones of a calibration.
const CALIBRATION: u32 = 64;
/// How often the detector empties its buffer into the network.
const EMPTIES: Duration = Duration::from_millis(10);

/// The machine's detector.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    tunnel: Arc<Mutex<Tunnel>>,
    sender: LineSender,
}

impl Machine {
    /// Starts the detector over the belt of `site`, and writes its profile.
    pub(super) async fn start(
        paths: &Paths,
        site: Served<BeltSite>,
        seed: u64,
        until: CancellationToken,
    ) -> std::io::Result<Self> {
        let file = paths.profiles().join(PROFILE_NAME).with_extension("toml");
        std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
        std::fs::write(file, PROFILE)?;
        let detector = Profile::parse(PROFILE_NAME, PROFILE).ok().and_then(|profile| profile.detector);
        let detector = detector.ok_or_else(|| std::io::Error::other("its profile is broken"))?;
        calibrate_materials(paths)?;
        let tunnel = Arc::new(Mutex::new(Tunnel::new(TUNNEL, &detector, seed)));
        let calibrated = tunnel.clone();
        let calibrate = Arc::new(move || lock(&calibrated).calibrate(CALIBRATION));
        let sender = LineSender::serve(detector, calibrate, until.clone()).await?;
        let machine = Self { tunnel, sender };
        tokio::spawn(machine.clone().send(site, until));
        Ok(machine)
    }

    /// Where the detector listens.
    pub(super) const fn address(&self) -> std::net::SocketAddr {
        self.sender.address()
    }

    /// From here on it knows what bag `id` of the belt looks like.
    pub(super) fn pack(&self, id: u64, exposure: Subject) {
        lock(&self.tunnel).pack(id, exposure);
    }

    async fn send(self, site: Served<BeltSite>, until: CancellationToken) {
        while !until.is_cancelled() {
            let lines = site.with(|site, now| lock(&self.tunnel).look(site.at(now)));
            lines.into_iter().for_each(|line| self.sender.send(line));
            tokio::time::sleep(EMPTIES).await;
        }
    }
}

/// What a technician does once with a step wedge on the real machine (`portside wedge`).
fn calibrate_materials(paths: &Paths) -> std::io::Result<()> {
    let patches = wedge::patches(&Pair::baggage(), Detector::default());
    let path = materials::path(&paths.store(), DEVICE);
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    std::fs::write(path, serde_json::to_vec(&patches)?)
}

fn lock(tunnel: &Mutex<Tunnel>) -> std::sync::MutexGuard<'_, Tunnel> {
    tunnel.lock().unwrap_or_else(PoisonError::into_inner)
}

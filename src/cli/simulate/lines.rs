//! `portside simulate xray/...-lines`: a detector whose subjects a technician puts on the belt.

use std::net::SocketAddr;

use portside_devices::lines::Detector;
use portside_devices::profile::Profile;
use tokio_util::sync::CancellationToken;

use super::{failed, typed, wrong};
use crate::clock::Clock;
use crate::simulate::detector::orders::{self, Order};
use crate::simulate::detector::{LineDetector, Quality};

/// Gains and offsets of the elements; the same detector each time.
const SEED: u64 = 1;

/// Serves `detector` on `listen` until standard input ends, or the program is told to.
pub(super) async fn simulate(
    profile: &Profile,
    detector: &Detector,
    listen: SocketAddr,
    script: &str,
) -> Result<(), (u8, String)> {
    let mut first = Vec::new();
    for (number, line) in script.lines().enumerate() {
        first.extend(orders::parse(line).map_err(|why| wrong(format!("line {} of the script: {why}", number + 1)))?);
    }
    let stop = CancellationToken::new();
    let served =
        LineDetector::start(detector.clone(), Quality::default(), SEED, listen, Clock::start(), stop.clone()).await;
    let served = served.map_err(|error| failed(format!("{listen}: {error}")))?;
    println!("# in the [[device]] of the X-ray machine:");
    println!("lines = \"tcp://{}\"\ndetector = \"{}\"\n", served.address(), profile.name);
    for order in first {
        obey(order, &served, detector).await;
    }
    let mut typing = typed();
    while let Some(line) = typing.next().await {
        match orders::parse(&line) {
            Ok(None) => {}
            Ok(Some(order)) => obey(order, &served, detector).await,
            Err(why) => eprintln!("{why}"),
        }
    }
    stop.cancel();
    Ok(())
}

async fn obey(order: Order, served: &LineDetector, detector: &Detector) {
    if let Order::Wait(time) = order {
        return tokio::time::sleep(time).await;
    }
    let (asked, under) = (order.clone(), detector.clone());
    // Lines go on while a bag is computed.
    match tokio::task::spawn_blocking(move || asked.subject(&under)).await {
        Ok(subject) => order.obey(served, detector.rate, subject),
        Err(error) => eprintln!("it could not be computed: {error}"),
    }
}

//! A serial bus, on a pseudo-terminal.

use std::path::{Path, PathBuf};

use portside::clock::Clock;
use portside::simulate::bench::{Bench, Pty};
use portside_devices::simulate::{Model, WireFault};
use tokio_serial::SerialPortBuilderExt;

use super::{Scene, aux, device, meter};

fn port(dir: &Path) -> PathBuf {
    dir.join("pair1")
}

/// A lane with a bus of these devices; the lane file asks for the meter at unit 3.
async fn scene(dir: &Path, bench: Bench, status: &'static str) -> Scene {
    let mut scene = Scene::lane().await;
    let pty = Pty::make(&port(dir)).unwrap();
    tokio::spawn(bench.serve_pty(pty, scene.stop.clone()));
    lines(&mut scene, dir, status);
    scene
}

fn lines(scene: &mut Scene, dir: &Path, status: &'static str) {
    let bus = format!("[bus.pair1]\nport = \"{}\"\nbaud = 9600\n\n", port(dir).display());
    scene.devices = bus + &aux("modbus://pair1/3").replace("100 ms", "1 s");
    scene.probing(port(dir).to_str().unwrap(), &["--baud", "9600", "--units", "1..6"]);
    scene.status = status;
}

fn bench(devices: Vec<Model>) -> Bench {
    Bench::new(devices, Clock::start())
}

pub(crate) async fn baud(dir: PathBuf) -> Scene {
    scene(&dir, bench(vec![meter(3, &[])]).at_baud(19_200), "lost").await
}

pub(crate) async fn dead(dir: PathBuf) -> Scene {
    let mut scene = scene(&dir, bench(vec![meter(2, &[])]), "lost").await;
    scene.devices += &device("other", "io", "io/test-meter", "modbus://pair1/2").replace("100 ms", "1 s");
    scene
}

pub(crate) async fn nobody(dir: PathBuf) -> Scene {
    scene(&dir, bench(Vec::new()), "lost").await
}

pub(crate) async fn wrong_unit(dir: PathBuf) -> Scene {
    scene(&dir, bench(vec![meter(5, &[])]), "lost").await
}

pub(crate) async fn twice(dir: PathBuf) -> Scene {
    let mut scene = scene(&dir, bench(vec![meter(3, &[]), meter(3, &[])]), "lost").await;
    scene.state_only = true;
    scene
}

async fn faulty(dir: &Path, fault: WireFault) -> Scene {
    let bench = bench(vec![meter(3, &[])]);
    bench.put(3, fault, None);
    scene(dir, bench, "lost").await
}

pub(crate) async fn noise(dir: PathBuf) -> Scene {
    faulty(&dir, WireFault::Garbage).await
}

pub(crate) async fn bad_check(dir: PathBuf) -> Scene {
    faulty(&dir, WireFault::BadCheck).await
}

pub(crate) async fn missing(dir: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    lines(&mut scene, &dir, "lost");
    scene
}

pub(crate) async fn held(dir: PathBuf) -> Scene {
    let mut scene = scene(&dir, bench(vec![meter(3, &[])]), "lost").await;
    let holder = tokio_serial::new(port(&dir).to_str().unwrap(), 9_600).open_native_async().unwrap();
    scene.keep(holder);
    scene
}

//! A device whose registers are not where or what the profile says.

use std::path::PathBuf;

use portside::clock::Clock;
use portside::simulate::bench::Bench;
use portside_devices::modbus::Framing;
use portside_devices::profile::Table;
use portside_devices::simulate::Model;

use super::{Scene, device, meter, on_tcp, shipped};

const FLOAT: &str = "type = \"f32\"";

pub(crate) async fn bytes(_: PathBuf) -> Scene {
    // Without its range it is still no number that an instrument sends; the daemon has no opinion.
    Scene::meter(meter(3, &[(FLOAT, "type = \"f32\"\nbyte_order = \"little\"")]), 3, "good").await
}

pub(crate) async fn words(_: PathBuf) -> Scene {
    Scene::meter(meter(3, &[(FLOAT, "type = \"f32\"\nword_order = \"low-first\"")]), 3, "degraded").await
}

pub(crate) async fn both(_: PathBuf) -> Scene {
    let changes = [(FLOAT, "type = \"f32\"\nbyte_order = \"little\"\nword_order = \"low-first\"")];
    Scene::meter(meter(3, &changes), 3, "degraded").await
}

pub(crate) async fn scale(_: PathBuf) -> Scene {
    Scene::meter(meter(3, &[("scale = 0.1", "scale = 0.01")]), 3, "degraded").await
}

/// A meter whose map lies one address lower.
fn lower() -> Model {
    meter(3, &[("address = 10", "address = 9"), ("address = 12", "address = 11"), ("address = 13", "address = 12")])
}

pub(crate) async fn shifted(_: PathBuf) -> Scene {
    Scene::meter(lower(), 3, "degraded").await
}

pub(crate) async fn shifted_quietly(_: PathBuf) -> Scene {
    let mut model = lower();
    model.put_word(Table::Input, 13, 0);
    Scene::meter(model, 3, "degraded").await
}

pub(crate) async fn coil(_: PathBuf) -> Scene {
    let mut model = meter(3, &[]);
    model.retable(Table::Discrete, Table::Coil);
    Scene::meter(model, 3, "degraded").await
}

pub(crate) async fn holding(_: PathBuf) -> Scene {
    let mut model = meter(3, &[]);
    model.retable(Table::Input, Table::Holding);
    Scene::meter(model, 3, "degraded").await
}

pub(crate) async fn known_model(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    let bench = Bench::new(vec![shipped("io/advantech-adam6050", 3)], Clock::start());
    let port = on_tcp(&bench, Framing::Tcp, &scene.stop).await;
    scene.devices = device("aux", "io", "io/advantech-adam4150", &format!("modbus://127.0.0.1:{port}/3"));
    // This model keeps its number in another table: the one that was looked for has to be there to differ.
    bench.with(3, |model| model.put_word(Table::Input, 210, 0x6050)).unwrap();
    scene.probing(&format!("127.0.0.1:{port}"), &["--units", "1..4"]);
    scene.status = "";
    scene
}

pub(crate) async fn no_address(_: PathBuf) -> Scene {
    let changes =
        [("address = 10", "address = 110"), ("address = 12", "address = 112"), ("address = 13", "address = 113")];
    Scene::meter(meter(3, &changes), 3, "degraded").await
}

pub(crate) async fn implausible(_: PathBuf) -> Scene {
    let mut model = meter(3, &[]);
    model.put_word(Table::Input, 13, 0xE0E0);
    Scene::meter(model, 3, "degraded").await
}

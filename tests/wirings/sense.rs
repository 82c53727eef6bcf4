//! Sensors, and the wires between them and their terminals.

use std::path::PathBuf;
use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::bench::Bench;
use portside_devices::modbus::Framing;
use portside_devices::profile::Table;
use portside_devices::reading::Value;

use super::{Scene, aux, meter, on_tcp, set};

pub(crate) async fn nan(_: PathBuf) -> Scene {
    let mut model = meter(3, &[]);
    model.set_nan(0).unwrap();
    Scene::meter(model, 3, "degraded").await
}

pub(crate) async fn none(_: PathBuf) -> Scene {
    let mut model = meter(3, &[]);
    model.put_word(Table::Input, 12, 0x8000);
    Scene::meter(model, 3, "degraded").await
}

pub(crate) async fn swapped(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await.at_arm(&[("opened", true), ("closed", false)]);
    scene.expect = vec!["arm.closed=on"];
    scene
}

pub(crate) async fn both(_: PathBuf) -> Scene {
    Scene::lane().await.at_arm(&[("opened", true), ("closed", true)])
}

pub(crate) async fn inverted(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await.at_arm(&[("di4", true)]);
    scene.expect = vec!["arm.di4=off"];
    scene
}

/// Everything of the meter moves, but for one temperature.
pub(crate) async fn stuck(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    let bench = Bench::new(vec![meter(3, &[])], Clock::start());
    let port = on_tcp(&bench, Framing::Tcp, &scene.stop).await;
    scene.devices = aux(&format!("modbus://127.0.0.1:{port}/3"));
    scene.probing(&format!("127.0.0.1:{port}"), &["--units", "3"]);
    (scene.watch, scene.status, scene.spreads) = (Some(Duration::from_secs(4)), "good", true);
    let stop = scene.stop.clone();
    tokio::spawn(async move {
        for turn in 0_u32.. {
            let warm = 21.0 + f64::from(turn % 5);
            bench.with(3, |model| {
                set(model, "ai1", &Value::Float(warm));
                set(model, "ai3", &Value::Float(warm));
                set(model, "di1", &Value::Bool(turn / 3 % 2 == 1));
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(130)) => {}
            }
        }
    });
    scene
}

pub(crate) async fn wrong_terminal(_: PathBuf) -> Scene {
    let mut scene = Scene::meter(meter(3, &[]), 3, "good").await;
    scene.expect = vec!["aux.ai1=36.5"];
    scene
}

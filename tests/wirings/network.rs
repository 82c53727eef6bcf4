//! The way to a device on TCP.

use std::path::PathBuf;
use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::bench::Bench;
use portside_devices::modbus::Framing;
use portside_devices::simulate::WireFault;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Scene, aux, meter, on_tcp};

pub(crate) async fn wrong_unit(_: PathBuf) -> Scene {
    Scene::meter(meter(3, &[]), 2, "lost").await
}

pub(crate) async fn closed(_: PathBuf) -> Scene {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    at(&format!("127.0.0.1:{port}"), "lost").await
}

pub(crate) async fn no_name(_: PathBuf) -> Scene {
    at("meter.invalid:502", "lost").await
}

/// A queue of connections that is full drops the packets of the next one, as a firewall would.
pub(crate) async fn dropped(_: PathBuf) -> Scene {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let filling: Vec<_> = (0..8)
        .map(|_| tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)))
        .map(tokio::spawn)
        .collect();
    let mut scene = at(&format!("127.0.0.1:{}", address.port()), "lost").await;
    for connection in filling {
        scene.keep(connection.await);
    }
    scene.keep(socket);
    scene
}

async fn at(place: &str, status: &'static str) -> Scene {
    let mut scene = Scene::lane().await;
    scene.devices = aux(&format!("modbus://{place}/3"));
    scene.probing(place, &["--units", "3"]);
    scene.status = status;
    scene
}

/// Something that says `words` to whoever talks to it, at once or after the first bytes.
async fn saying(words: &'static [u8], first: bool) -> Scene {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = at(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port()), "lost").await;
    let stop = scene.stop.clone();
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (mut stream, _) = accepted.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 512];
                if first && stream.write_all(words).await.is_err() {
                    return;
                }
                while matches!(stream.read(&mut buffer).await, Ok(1..)) {
                    if !first && stream.write_all(words).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    scene
}

pub(crate) async fn ssh(_: PathBuf) -> Scene {
    // It answers what it cannot read with a line of its own, as OpenSSH does.
    saying(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", false).await
}

pub(crate) async fn web(_: PathBuf) -> Scene {
    saying(b"HTTP/1.1 400 Bad Request\r\nConnection: keep-alive\r\n\r\n", false).await
}

pub(crate) async fn frames(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    let bench = Bench::new(vec![meter(3, &[])], Clock::start());
    let port = on_tcp(&bench, Framing::Rtu, &scene.stop).await;
    scene.devices = aux(&format!("modbus://127.0.0.1:{port}/3"));
    scene.probing(&format!("rtu:127.0.0.1:{port}"), &["--units", "1..4"]);
    scene.status = "lost";
    scene
}

pub(crate) async fn gateway(_: PathBuf) -> Scene {
    let mut scene = Scene::lane().await;
    let bench = Bench::new(Vec::new(), Clock::start()).behind_gateway();
    let port = on_tcp(&bench, Framing::Tcp, &scene.stop).await;
    scene.devices = aux(&format!("modbus://127.0.0.1:{port}/3"));
    scene.probing(&format!("127.0.0.1:{port}"), &["--units", "1..4"]);
    scene.status = "lost";
    scene
}

async fn faulty(fault: WireFault, status: &'static str) -> Scene {
    let mut scene = Scene::lane().await;
    let bench = Bench::new(vec![meter(3, &[])], Clock::start());
    bench.put(3, fault, None);
    let port = on_tcp(&bench, Framing::Tcp, &scene.stop).await;
    scene.devices = aux(&format!("modbus://127.0.0.1:{port}/3"));
    scene.probing(&format!("127.0.0.1:{port}"), &["--units", "3"]);
    scene.status = status;
    scene
}

pub(crate) async fn rewritten(_: PathBuf) -> Scene {
    faulty(WireFault::WrongUnit(1), "lost").await
}

pub(crate) async fn late(_: PathBuf) -> Scene {
    faulty(WireFault::Late(Duration::from_millis(1_200)), "lost").await
}

pub(crate) async fn cut_off(_: PathBuf) -> Scene {
    faulty(WireFault::Drop, "lost").await
}

pub(crate) async fn broken(_: PathBuf) -> Scene {
    faulty(WireFault::Cut, "lost").await
}

pub(crate) async fn camera(_: PathBuf) -> Scene {
    let mut scene = saying(b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", false).await;
    let place = scene.devices.split("modbus://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    scene.devices = format!("[[device]]\nid = \"aux\"\nkind = \"camera\"\naddress = \"rtsp://{place}/stream9\"\n");
    // What the daemon says depends on whether the program that opens cameras is installed.
    (scene.probe, scene.status) = (None, "-");
    scene
}

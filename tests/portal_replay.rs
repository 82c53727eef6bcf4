//! A captured session of a radiation portal, replayed over TCP, gives the occupancies that took place; alarms come from
//! the simulator, because the session has none.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use modbus_peer::{HANG, Rig, device};
use portside::clock::Clock;
use portside::field::FieldEvent;
use portside::simulate::line::serve;
use portside_devices::library::Library;
use portside_devices::moment::Moment;
use portside_devices::portal::{self, Doubt, Finding, Occupancy, Portal, PortalEvent, Ray};
use portside_devices::reading::{Quality, Reading, Value};
use portside_devices::simulate::{LineFault, LinePortal, Load, Tempo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(100);

/// The captured session; `None`, said, where the data folder is not there.
fn session() -> Option<String> {
    let data = std::env::var_os("PORTSIDE_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = data.join("rpm/S2-C0-NONE.csv");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("SKIPPED: {} is not there", path.display());
    }
    text
}

/// What one occupancy must come out as, tallied from the text alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    number: u32,
    gamma_max: f64,
    neutron_max: f64,
    /// km/h, of those below what the profile calls plausible.
    speed: Option<f64>,
}

/// Goes through the session word by word: an occupancy is everything up to a GX line; counts are those of GS and NS,
/// four detectors added up; the speed is the third figure of SP.
fn tallies(session: &str) -> Vec<Tally> {
    let (mut list, mut tally) = (Vec::new(), Tally::default());
    for line in session.lines() {
        let words: Vec<&str> = line.split(',').collect();
        let sum = || words[1..5].iter().map(|word| word.parse::<f64>().unwrap()).sum::<f64>();
        match words[0] {
            "GS" => tally.gamma_max = tally.gamma_max.max(sum()),
            "NS" => tally.neutron_max = tally.neutron_max.max(sum()),
            "SP" => {
                let speed: f64 = words[3].parse().unwrap();
                let slower = tally.speed.is_none_or(|slowest| speed < slowest);
                tally.speed = if slower && speed < 144.0 { Some(speed) } else { tally.speed };
            }
            "GX" => {
                tally.number = words[1].parse().unwrap();
                list.push(std::mem::take(&mut tally));
            }
            "GA" | "NA" => panic!("the session has no alarm"),
            _ => {}
        }
    }
    list
}

/// Sends the session as the live wire has it, without the time column; each occupancy waits until the one before was
/// heard, so that the test does not depend on how fast the machine is.
async fn play(listener: TcpListener, session: String, mut heard: mpsc::Receiver<()>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    for line in session.lines() {
        let (record, _time) = line.rsplit_once(',').unwrap();
        stream.write_all(format!("{record}\r\n").as_bytes()).await.unwrap();
        if record.starts_with("GX") {
            heard.recv().await.unwrap();
        }
    }
    // Open until the test has heard the last.
    heard.recv().await;
}

/// Everything that the portal on a link told until `ends` occupancies were over, and the number of each.
async fn reduce(rig: &mut Rig, ends: usize, heard: &mpsc::Sender<()>) -> (Vec<PortalEvent>, Vec<u32>) {
    let (mut portal, mut told, mut numbers, mut ended) = (Portal::new(), Vec::new(), Vec::new(), 0);
    while ended < ends {
        let event = tokio::time::timeout(HANG, rig.events.recv()).await.expect("no more events").unwrap();
        let FieldEvent::Batch { at, readings, .. } = event else { continue };
        for reading in readings.iter().filter(|reading| &*reading.point == "aux_occupancies") {
            let Some(Value::Int(number)) = reading.value else { continue };
            numbers.push(u32::try_from(number).unwrap());
        }
        for event in portal.observe(at, &readings) {
            if let PortalEvent::Ended(_) = event {
                ended += 1;
                let _ = heard.send(()).await;
            }
            told.push(event);
        }
    }
    (told, numbers)
}

fn occupancies(told: &[PortalEvent]) -> Vec<&Occupancy> {
    let ended = told.iter().filter_map(|event| match event {
        PortalEvent::Ended(occupancy) => Some(occupancy),
        PortalEvent::Began { .. } | PortalEvent::Alarm { .. } => None,
    });
    ended.collect()
}

fn rig(address: std::net::SocketAddr) -> Rig {
    let profile = Library::shipped().get("radiation/rapiscan-rpm").unwrap().unwrap();
    Rig::start(address, vec![device(0, 1, &profile, portal::POINTS, EVERY)], EVERY)
}

#[tokio::test]
async fn the_captured_session_gives_its_25_occupancies_clear_with_their_figures() {
    let Some(session) = session() else { return };
    let expected = tallies(&session);
    // `grep -c ^GX` of the file; its counter runs from 17 to 41.
    assert_eq!(expected.len(), 25);
    assert_eq!((expected[0].number, expected[24].number), (17, 41));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = rig(listener.local_addr().unwrap());
    let (heard, hears) = mpsc::channel(1);
    let playing = tokio::spawn(play(listener, session, hears));
    let (told, numbers) = reduce(&mut rig, expected.len(), &heard).await;
    drop(heard);
    playing.await.unwrap();

    assert_eq!(numbers, expected.iter().map(|tally| tally.number).collect::<Vec<_>>());
    let found = occupancies(&told);
    assert_eq!(found.len(), expected.len());
    assert!(!told.iter().any(|event| matches!(event, PortalEvent::Alarm { .. })));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.finding(), Finding::Clear, "{expected:?}");
        assert_eq!(found.gamma_max, Some(expected.gamma_max), "{expected:?}");
        assert_eq!(found.neutron_max, Some(expected.neutron_max), "{expected:?}");
        let speed = found.speed.map(|metres| (metres * 360.0).round() / 100.0);
        assert_eq!(speed, expected.speed, "{expected:?}");
        assert!(found.began <= found.ended);
    }
}

/// A hundred times as fast as the real one.
const TEMPO: Tempo = Tempo { scan: Duration::from_millis(2), background: Duration::from_millis(50) };

fn load(gamma: u32, neutrons: u32) -> Load {
    Load { lasts: Duration::from_millis(60), gamma, neutrons, ..Load::CLEAN }
}

#[tokio::test]
async fn alarms_are_told_at_once_and_held_and_a_passage_that_was_not_heard_is_never_clear() {
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let (address, simulated) = serve(LinePortal::new(TEMPO), Clock::start(), end).await.unwrap();
    let mut rig = rig(address);
    // Its free state is heard before anything passes.
    rig.becomes("gamma_alarm", Value::Bool(false)).await;
    simulated.with(|portal, _| [load(66, 1), load(300, 1), load(66, 20), load(66, 1)].map(|load| portal.drive(load)));
    let (heard, _hears) = mpsc::channel(8);
    let (told, numbers) = reduce(&mut rig, 4, &heard).await;
    assert_eq!(numbers, [1, 2, 3, 4]);
    let alarms: Vec<Ray> = told
        .iter()
        .filter_map(|event| match event {
            PortalEvent::Alarm { ray, .. } => Some(*ray),
            PortalEvent::Began { .. } | PortalEvent::Ended(_) => None,
        })
        .collect();
    assert_eq!(alarms, [Ray::Gamma, Ray::Neutron]);
    let findings: Vec<Finding> = occupancies(&told).iter().map(|found| found.finding()).collect();
    let unseen = Finding::Unknown(Doubt::BegunUnseen);
    // This reducer began in the middle of the first: it does not vouch for it.
    assert!(findings[0] == Finding::Clear || findings[0] == unseen, "{findings:?}");
    assert_eq!(findings[1..], [Finding::Alarm, Finding::Alarm, Finding::Clear]);

    simulated.with(|portal, _| portal.drive(Load { lasts: Duration::from_secs(2), ..load(66, 1) }));
    // A reducer that knows the portal free and in order, so that nothing but the hang-up can cast doubt.
    let mut portal = Portal::new();
    let free = |point: &str| Reading {
        point: point.into(),
        value: Some(Value::Bool(false)),
        quality: Quality::Good,
        at: Moment::START,
    };
    portal.observe(Moment::START, &["occupied", "gamma_alarm", "neutron_alarm"].map(free));
    rig.until(|event| {
        let FieldEvent::Batch { at, readings, .. } = event else { return None };
        portal.observe(*at, readings);
        portal.is_occupied().then_some(())
    })
    .await;
    simulated.faults(|faults| faults.put(LineFault::HangUp, Some(1)));
    let lost = rig
        .until(|event| {
            let FieldEvent::Batch { at, readings, .. } = event else { return None };
            portal.observe(*at, readings).into_iter().find_map(|event| match event {
                PortalEvent::Ended(occupancy) => Some(occupancy),
                PortalEvent::Began { .. } | PortalEvent::Alarm { .. } => None,
            })
        })
        .await;
    assert_eq!(lost.finding(), Finding::Unknown(Doubt::NotHeard), "{lost:?}");
}

//! Line and frame devices over real sockets and pseudo-terminals: what is taken for an answer, what silence and noise
//! do, what a display is sent.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says what is missing by failing

mod modbus_peer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modbus_peer::{Rig, device};
use portside::clock::Clock;
use portside::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
use portside::field::{FieldEvent, LinkState, Outcome, Urgency};
use portside::simulate::line::{OnLine, serve};
use portside_devices::library::Library;
use portside_devices::profile::Profile;
use portside_devices::reading::{Quality, Value};
use portside_devices::simulate::{AskedScale, ContinuousScale, LineFault, Platform, Sign, Speaker, Thermometers};
use tokio::net::TcpListener;
use tokio_serial::{SerialPort, SerialStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const TIMEOUT: Duration = Duration::from_millis(150);
const EVERY: Duration = Duration::from_millis(20);

fn shipped(name: &str) -> Arc<Profile> {
    Library::shipped().get(name).unwrap().unwrap()
}

/// A simulated device on a free TCP port.
async fn on_tcp<S: Speaker>(speaker: S) -> (SocketAddr, OnLine<S>, DropGuard) {
    let end = CancellationToken::new();
    let (address, device) = serve(speaker, Clock::start(), end.clone()).await.unwrap();
    (address, device, end.drop_guard())
}

/// A simulated device on a pseudo-terminal to which `link` points, as a name by id points at a port.
fn on_port<S: Speaker>(speaker: S, link: &Path) -> (OnLine<S>, DropGuard) {
    let (master, slave) = SerialStream::pair().unwrap();
    let path = PathBuf::from(slave.name().unwrap());
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(path, link).unwrap();
    let (device, end) = (OnLine::new(speaker, Clock::start()), CancellationToken::new());
    let (served, cancelled) = (device.clone(), end.clone());
    tokio::spawn(async move {
        // Held open, so that the line lives before the link has opened it.
        let _slave = slave;
        served.carry(master, cancelled).await;
    });
    (device, end.drop_guard())
}

/// The port at `path`: fast, so that tests wait for what they are about.
fn port(path: &Path) -> Medium {
    Medium::Serial(Serial {
        path: path.to_owned(),
        baud: 115_200,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        gap: Duration::ZERO,
        quiet: TIMEOUT,
    })
}

fn reason(event: &FieldEvent) -> Option<String> {
    match event {
        FieldEvent::Link { state: LinkState::Down { reason }, .. } => Some(reason.to_string()),
        FieldEvent::Link { state: LinkState::Up, .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => {
            None
        }
    }
}

fn load(load: i32) -> Platform {
    Platform { load, ..Platform::EMPTY }
}

#[tokio::test]
async fn a_scale_that_speaks_by_itself_is_heard_through_noise_and_a_disturbed_frame_is_not() {
    let (address, scale, _end) = on_tcp(ContinuousScale::new(EVERY)).await;
    let devices = vec![device(4, 1, &shipped("weighbridge/toledo-continuous"), &["weight"], EVERY)];
    let mut rig = Rig::start(address, devices, TIMEOUT);
    assert_eq!(rig.good("weight").await, Value::Int(0));
    scale.with(|scale, _| scale.platform = load(15_600));
    rig.becomes("weight", Value::Int(15_600)).await;
    scale.faults(|faults| {
        faults.put(LineFault::Noise(b"\x02\x2A0 zz\x02".to_vec()), Some(3));
        for place in 0..18 {
            faults.put(LineFault::Disturbed(place), Some(1));
            faults.put(LineFault::Cut(place), Some(1));
        }
    });
    let mut heard = 0;
    rig.reading("weight", |reading| {
        if let Some(value) = reading.value.as_ref().filter(|_| reading.quality.is_good()) {
            assert_eq!(value, &Value::Int(15_600), "a disturbed frame was believed");
            heard += 1;
        }
        (heard > 50).then_some(())
    })
    .await;
    scale.with(|scale, _| scale.platform.overload = true);
    rig.reading("weight", |reading| matches!(reading.quality, Quality::Invalid(_)).then_some(())).await;
}

#[tokio::test]
async fn a_device_that_falls_silent_is_down_with_stale_values_and_heard_again_when_it_returns() {
    let (address, scale, _end) = on_tcp(ContinuousScale::new(EVERY)).await;
    let text = Library::shipped().text("weighbridge/toledo-continuous").unwrap().replace("\"2 s\"", "\"300 ms\"");
    let profile = Arc::new(Profile::parse("weighbridge/test", &text).unwrap());
    let mut rig = Rig::start(address, vec![device(0, 1, &profile, &["weight"], EVERY)], TIMEOUT);
    rig.becomes("weight", Value::Int(0)).await;
    scale.faults(|faults| faults.put(LineFault::Silent, None));
    let said = rig.until(reason).await;
    assert!(said.contains("0.3 s"), "{said}");
    rig.reading("weight", |reading| (reading.quality == Quality::Stale).then_some(())).await;
    let before = scale.connections();
    scale.faults(portside_devices::simulate::LineFaults::clear);
    rig.becomes("weight", Value::Int(0)).await;
    assert!(scale.connections() > before || before > 1, "a peer that vanished is found by connecting again");
}

#[tokio::test]
async fn bytes_that_are_none_of_the_profile_s_are_named_as_a_wrong_baud_rate_or_model() {
    let (address, scale, _end) = on_tcp(ContinuousScale::new(EVERY)).await;
    scale.faults(|faults| faults.put(LineFault::Disturbed(2), None));
    let text = Library::shipped().text("weighbridge/toledo-continuous").unwrap().replace("\"2 s\"", "\"300 ms\"");
    let profile = Arc::new(Profile::parse("weighbridge/test", &text).unwrap());
    let mut rig = Rig::start(address, vec![device(0, 1, &profile, &["weight"], EVERY)], TIMEOUT);
    let said = rig.until(reason).await;
    assert!(said.contains("compare baud rate, parity and model"), "{said}");
}

#[tokio::test]
async fn a_line_that_is_hung_up_is_opened_again() {
    let (address, scale, _end) = on_tcp(ContinuousScale::new(EVERY)).await;
    let devices = vec![device(0, 1, &shipped("weighbridge/toledo-continuous"), &["weight"], EVERY)];
    let mut rig = Rig::start(address, devices, TIMEOUT);
    for round in 1..4 {
        rig.becomes("weight", Value::Int(round - 1)).await;
        scale.faults(|faults| faults.put(LineFault::HangUp, Some(1)));
        rig.until(reason).await;
        scale.with(|scale, _| scale.platform = load(i32::try_from(round).unwrap()));
        rig.becomes("weight", Value::Int(round)).await;
    }
}

#[tokio::test]
async fn a_port_that_is_pulled_and_comes_back_as_another_is_opened_again_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("scale");
    let (_first, end) = on_port(ContinuousScale::new(EVERY), &name);
    let devices = vec![device(0, 1, &shipped("weighbridge/toledo-continuous"), &["weight"], EVERY)];
    let mut rig = Rig::on(port(&name), devices, TIMEOUT);
    rig.becomes("weight", Value::Int(0)).await;
    drop(end);
    rig.until(reason).await;
    let (second, _end) = on_port(ContinuousScale::new(EVERY), &name);
    second.with(|scale, _| scale.platform = load(7));
    rig.becomes("weight", Value::Int(7)).await;
}

#[tokio::test]
async fn a_scale_is_asked_and_says_whether_it_stands_still() {
    let (address, scale, _end) = on_tcp(AskedScale::new()).await;
    let devices = vec![device(0, 1, &shipped("weighbridge/mettler-sics"), &["weight", "stable"], EVERY)];
    let mut rig = Rig::start(address, devices, TIMEOUT);
    scale.with(|scale, _| scale.platform = Platform { load: -12, stable: false, overload: false });
    rig.becomes("weight", Value::Float(-12.0)).await;
    rig.becomes("stable", Value::Bool(false)).await;
    scale.with(|scale, _| scale.platform.overload = true);
    rig.reading("weight", |reading| matches!(reading.quality, Quality::Invalid(_)).then_some(())).await;
    scale.with(|scale, _| scale.platform = load(15_600));
    rig.becomes("weight", Value::Float(15_600.0)).await;
}

/// Two thermometers that show other temperatures: an answer taken for the other's shows.
async fn thermometers_survive(medium: Medium, device_on: &OnLine<Thermometers>, what: LineFault) {
    let profile = shipped("thermometer/optris-ct");
    let devices = vec![
        device(0, 1, &profile, &["temperature", "emissivity"], EVERY),
        device(1, 2, &profile, &["temperature", "emissivity"], EVERY),
    ];
    let mut rig = Rig::on(medium, devices, TIMEOUT);
    rig.becomes("temperature", Value::Float(20.0)).await;
    device_on.faults(|faults| {
        for _ in 0..2 {
            faults.put(what.clone(), Some(1));
            faults.put(LineFault::Noise(Vec::new()), Some(2));
        }
    });
    let mut after = [0; 2];
    rig.until(|event| {
        let FieldEvent::Batch { device, readings, .. } = event else { return None };
        for reading in readings.iter().filter(|reading| reading.quality == Quality::Good) {
            let right = match (&*reading.point, device) {
                ("temperature", 0) => 20.0,
                ("temperature", _) => 40.0,
                ("emissivity", _) => 0.95,
                (_, _) => continue,
            };
            let value = reading.value.as_ref().and_then(Value::as_f64).unwrap();
            assert!((value - right).abs() < 1e-6, "{what:?}: {value} is another's answer");
            after[*device] += 1;
        }
        (after.iter().all(|count| *count > 12)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_mark_is_never_taken_for_another_s_on_tcp() {
    for fault in [
        LineFault::Late(TIMEOUT * 3),
        LineFault::Cut(1),
        LineFault::Noise(vec![5]),
        LineFault::Silent,
        LineFault::HangUp,
    ] {
        let (address, device, _end) = on_tcp(Thermometers::new(vec![200, 400])).await;
        let medium = Medium::tcp(address.ip().to_string(), address.port());
        thermometers_survive(medium, &device, fault).await;
    }
}

#[tokio::test]
async fn an_answer_without_a_mark_is_never_taken_for_another_s_on_a_serial_line() {
    let dir = tempfile::tempdir().unwrap();
    // Its answers take 250 ms at most by its profile: this one is late and over within the quiet that follows.
    for fault in
        [LineFault::Late(Duration::from_millis(400)), LineFault::Cut(1), LineFault::Noise(vec![5]), LineFault::Silent]
    {
        let name = dir.path().join("thermometers");
        let (device, _end) = on_port(Thermometers::new(vec![200, 400]), &name);
        thermometers_survive(port(&name), &device, fault).await;
    }
}

#[tokio::test]
async fn a_display_shows_chinese_text_and_nothing_that_a_value_could_smuggle_in() {
    let (address, sign, _end) = on_tcp(Sign::new()).await;
    let profile = shipped("display/generic-gbk-line");
    let text = profile.point_index("text").unwrap();
    let mut rig = Rig::start(address, vec![device(5, 3, &profile, &[], EVERY)], TIMEOUT);
    rig.until(|event| match event {
        FieldEvent::Link { device: 5, state: LinkState::Up, .. } => Some(()),
        FieldEvent::Link { .. } | FieldEvent::Batch { .. } | FieldEvent::Unconfirmed { .. } => None,
    })
    .await;
    let write = async |value: Value| rig.handle.write_point(5, text, value, Urgency::Command).await.unwrap();
    assert_eq!(write(Value::Text("粤B12345 请通行".into())).await, Outcome::Written);
    assert_eq!(write(Value::Text("等\r\n99:放行".into())).await, Outcome::Written);
    assert_eq!(sign.with(|sign, _| sign.shown.clone()), ["粤B12345 请通行", "等??99:放行"]);
    sign.with(|sign, _| sign.broken = true);
    assert!(matches!(write(Value::Text("x".into())).await, Outcome::Refused(why) if why.contains("refused")));
    sign.faults(|faults| faults.put(LineFault::Silent, Some(1)));
    assert!(matches!(write(Value::Text("x".into())).await, Outcome::Unknown(_)));
    assert!(matches!(write(Value::Int(7)).await, Outcome::Refused(_)));
}

#[tokio::test]
async fn what_is_written_while_the_link_is_down_is_refused_at_once() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let profile = shipped("display/alpha-sign");
    let text = profile.point_index("text").unwrap();
    let mut rig = Rig::start(gone, vec![device(0, 1, &profile, &[], EVERY)], TIMEOUT);
    let said = rig.until(reason).await;
    assert!(said.contains("cannot be reached"), "{said}");
    let outcome = rig.handle.write_point(0, text, Value::Text("x".into()), Urgency::Command).await.unwrap();
    assert!(matches!(outcome, Outcome::NotSent(why) if why.contains("is down")));
}

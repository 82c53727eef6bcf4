//! Fifty devices of a hundred registers each, read every 100 ms: whether the polls come on time, how long a reading
//! takes to a subscriber, and what it costs; beside a bare tokio-modbus and rumqttc loop that keeps nothing, in one run.
//!
//!     cargo bench --bench readings                 # two rounds of 8 s of each, and 8 s under full change
//!     SECONDS=60 cargo bench --bench readings      # longer rounds
//!
//! Each device changes one register every 1.4 to 2 s, as the first change after a quiet second: telemetry keeps a
//! device's changes to one record a second, and what follows within it waits for its end. The last round changes all
//! registers at every poll. The polls are stamped by the simulator, the records by a plain MQTT 5 client.

#![allow(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

mod site;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, MqttOptions};
use site::mosquitto::Mosquitto;
use site::peers::{Daemon, Heard, Peer, lane_file, listen};
use site::{Times, disk, folder, now, processor_time, resident, setting};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_modbus::client::{Reader as _, tcp};
use tokio_modbus::slave::Slave;

const DEVICES: usize = 50;
const POLL: Duration = Duration::from_millis(100);
const ROUNDS: u64 = 2;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("barrier") => site::simulator::barrier().await,
        Some("modules") => site::simulator::modules(DEVICES).await,
        Some("loop") => bare(&words[1..]).await,
        _ => measure().await,
    }
}

/// What was seen of one program.
#[derive(Default)]
struct Seen {
    polls: u64,
    on_time: u64,
    delay: Times,
    lost: u64,
    processor: Duration,
    time: Duration,
    resident: f64,
}

impl Seen {
    fn share(&self) -> f64 {
        100.0 * self.processor.as_secs_f64() / self.time.as_secs_f64()
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let on_time = 100.0 * self.on_time as f64 / self.polls as f64;
        writeln!(f, "polls on time {on_time:6.2} % of {}", self.polls)?;
        if self.delay.len() > 0 {
            writeln!(f, "    read -> subscriber  {}  {} lost", self.delay, self.lost)?;
        }
        write!(f, "    processor {:5.2} % of a core, resident {:5.1} MiB", self.share(), self.resident)
    }
}

async fn measure() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let dir = folder();
    let disk = disk(dir.path());
    let mut arm = Peer::start(&["barrier".to_owned()]);
    let arm_port: u16 = arm.hear().await.parse().expect("a port");
    let mut modules = Peer::start(&["modules".to_owned()]);
    let ports = modules.hear().await;
    let text = ports.split(' ').enumerate().fold(String::new(), |mut text, (number, port)| {
        let _ = write!(
            text,
            "\n[[device]]\nid = \"d{number}\"\nkind = \"io\"\nprofile = \"io/bench-registers\"\n\
             address = \"modbus://127.0.0.1:{port}/1\"\ninterval = \"100 ms\"\n"
        );
        text
    });
    lane_file(dir.path(), Some(broker.port), arm_port, "100 ms", &text);
    let mut records = listen(broker.port, "eport/v1/CNTYN/G03/stream/telemetry").await;
    let mut bare_records = listen(broker.port, "bench/bare").await;

    let seconds = setting("SECONDS", 8);
    let (mut ours, mut plain, mut full) = (Seen::default(), Seen::default(), Seen::default());
    for round in 1..=ROUNDS {
        let mut daemon = Daemon::start(dir.path());
        daemon.until(|status| status["uplink"]["link"] == "online").await;
        watch(&mut modules, daemon.pid(), "one", seconds, &mut records, &mut ours).await;
        if round == ROUNDS {
            watch(&mut modules, daemon.pid(), "all", seconds, &mut records, &mut full).await;
        }
        daemon.end().await;
        let mut words = vec!["loop".to_owned(), broker.port.to_string()];
        words.extend(ports.split(' ').map(str::to_owned));
        let bare = Peer::start(&words);
        watch(&mut modules, bare.pid(), "one", seconds, &mut bare_records, &mut plain).await;
        bare.end().await;
    }
    println!("readings: {DEVICES} devices x 100 registers every {} ms, a connection each", POLL.as_millis());
    println!("  disk alone, write + fdatasync  {disk}");
    println!("  portside run    {ours}");
    println!("  bare loop       {plain}");
    println!(
        "  ratio           p50 {:.2}, p99 {:.2}, processor {:.2}",
        ours.delay.at(0.5) / plain.delay.at(0.5),
        ours.delay.at(0.99) / plain.delay.at(0.99),
        ours.share() / plain.share()
    );
    println!("  aim             99.9 % on time; p50/p99 2/5 ms; processor 5 %");
    println!("  portside run, all registers change at every poll\n                  {full}");
    modules.end().await;
    arm.end().await;
}

/// Watches one program for a while, after it has had time to begin.
async fn watch(
    modules: &mut Peer,
    pid: u32,
    change: &str,
    seconds: u64,
    records: &mut UnboundedReceiver<Heard>,
    seen: &mut Seen,
) {
    modules.say(change).await;
    // What came with the first poll fills a window, and the changes behind it take a few seconds to get clear of that.
    tokio::time::sleep(Duration::from_secs(4)).await;
    while records.try_recv().is_ok() {}
    modules.say(change).await;
    let (before, start) = (processor_time(pid), now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    seen.processor += processor_time(pid).saturating_sub(before);
    seen.time += now().saturating_sub(start);
    seen.resident = resident(pid);
    modules.say("tell").await;
    let (mut polls, mut changes) = (vec![Vec::new(); DEVICES], Vec::new());
    loop {
        let line = modules.hear().await;
        let words: Vec<&str> = line.split(' ').collect();
        let nanos = |word: &str| Duration::from_nanos(word.parse().expect("a number"));
        match words.as_slice() {
            [device, "poll", at] => polls[device.parse::<usize>().expect("a number")].push(nanos(at)),
            [device, "change", word, at] => {
                changes.push((format!("d{device}"), word.parse::<u64>().expect("a number"), nanos(at)));
            }
            _ => break,
        }
    }
    polls.iter().for_each(|polls| count(polls, seen));
    let mut heard: HashMap<(String, u64), Duration> = HashMap::new();
    while let Ok((at, payload)) = records.try_recv() {
        let record: serde_json::Value = serde_json::from_slice(&payload).unwrap_or_default();
        let device = record["data"]["device"].as_str().unwrap_or_default().to_owned();
        if let Some(word) = record["data"]["points"]["r0"]["last"].as_u64() {
            heard.entry((device, word)).or_insert(at);
        }
    }
    for (device, word, at) in changes {
        match heard.get(&(device, word)) {
            Some(heard) => seen.delay.add(heard.saturating_sub(at)),
            // What changed last is still on its way.
            None if now().saturating_sub(at) < Duration::from_secs(2) => {}
            None => seen.lost += 1,
        }
    }
}

/// Holds the polls of one device against the grid that most of them stand on.
fn count(polls: &[Duration], seen: &mut Seen) {
    let (Some(first), Some(last)) = (polls.first(), polls.last()) else { return };
    let period = POLL.as_nanos() as i128;
    let mut phases: Vec<i128> = Vec::new();
    for at in polls {
        // Relative to the first poll, so that phases around the grid's point do not wrap.
        let phase = (at.as_nanos() as i128 - first.as_nanos() as i128 + period / 2) % period - period / 2;
        phases.push(phase);
    }
    let middle = {
        let mut sorted = phases.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    };
    let due = (last.as_nanos() - first.as_nanos()) as i128 / period + 1;
    let mut met = vec![false; usize::try_from(due).unwrap_or(0) + 1];
    for at in polls {
        let since = at.as_nanos() as i128 - first.as_nanos() as i128 - middle;
        let tick = (since + period / 2).div_euclid(period);
        if (since - tick * period).abs() <= period / 10
            && let Some(met) = usize::try_from(tick).ok().and_then(|tick| met.get_mut(tick))
        {
            *met = true;
        }
    }
    seen.polls += u64::try_from(due).unwrap_or(0);
    seen.on_time += (met.iter().filter(|met| **met).count() as u64).min(u64::try_from(due).unwrap_or(0));
}

/// What a loop without a journal does: reads each device every 100 ms, and publishes what has changed.
async fn bare(words: &[String]) {
    let mut ports = words.iter().map(|word| word.parse::<u16>().expect("a port"));
    let mut options = MqttOptions::new("bare", "127.0.0.1", ports.next().expect("the broker's port"));
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut eventloop) = AsyncClient::new(options, 1000);
    tokio::spawn(async move { while eventloop.poll().await.is_ok() {} });
    for (number, port) in ports.enumerate() {
        let client = client.clone();
        tokio::spawn(async move {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
            let stream = tokio::net::TcpStream::connect(address).await.expect("the module answers");
            stream.set_nodelay(true).expect("it can be set");
            let mut link = tcp::attach_slave(stream, Slave(1));
            let mut tick = tokio::time::interval(POLL);
            let mut last = Vec::new();
            loop {
                tick.tick().await;
                let words = link.read_holding_registers(0, 100).await.expect("it answers").expect("no exception");
                if words != last {
                    let said = serde_json::json!({ "last": words[0] });
                    let data = serde_json::json!({ "device": format!("d{number}"), "points": { "r0": said } });
                    let text = serde_json::json!({ "data": data }).to_string();
                    client.try_publish("bench/bare", QoS::AtLeastOnce, false, text).expect("there is room");
                    last = words;
                }
            }
        });
    }
    let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
}

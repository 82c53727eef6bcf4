//! 50 devices of 100 registers every 100 ms: how many polls are on time, and what they cost.
//!
//! The devices live in a child process, so that their cost is not counted. Run with
//! `cargo bench --bench polls`, optionally with seconds: `cargo bench --bench polls -- 60`.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use portside::clock::Clock;
use portside::field::medium::Medium;
use portside::field::{self, DeviceSpec, Drive, Intervals, LinkSpec};
use portside::simulate::serve;
use portside_devices::profile::Profile;
use portside_devices::simulate::Bank;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const DEVICES: u8 = 50;
const REGISTERS: u16 = 100;
const EVERY: Duration = Duration::from_millis(100);

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "--devices") {
        return devices();
    }
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(20);
    let mut child =
        Command::new(std::env::current_exe()?).arg("--devices").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let result = address(&mut child).and_then(|address| measure(address, seconds));
    // The child ends with its standard input.
    drop(child.stdin.take());
    child.wait()?;
    result
}

fn address(child: &mut Child) -> Fallible<SocketAddr> {
    let mut line = String::new();
    let out = child.stdout.take().ok_or("no standard output")?;
    BufReader::new(out).read_line(&mut line)?;
    Ok(line.trim().parse()?)
}

/// The child: every register of every device changes every 100 ms.
#[tokio::main(flavor = "current_thread")]
async fn devices() -> Fallible<()> {
    let served = serve(Bank::new(DEVICES, REGISTERS), Clock::start(), CancellationToken::new()).await?;
    println!("{}", served.address());
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let change = async {
        for word in 0.. {
            served.with(|bank, _| {
                for unit in 1..=DEVICES {
                    for address in 0..REGISTERS {
                        bank.set(unit, address, word);
                    }
                }
            });
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! { _ = ended => {}, () = change => {} }
    Ok(())
}

fn profile() -> Fallible<Arc<Profile>> {
    let mut text =
        "kind = \"io\"\nvendor = \"Bench\"\nmodel = \"Bank\"\nprotocol = \"modbus\"\nsource = \"bench\"\n".to_owned();
    for address in 0..REGISTERS {
        text +=
            &format!("[[point]]\nname = \"r{address}\"\ntable = \"holding\"\naddress = {address}\ntype = \"u16\"\n");
    }
    Ok(Arc::new(Profile::parse("io/bench", &text).map_err(|faults| format!("{faults:?}"))?))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn measure(address: SocketAddr, seconds: u64) -> Fallible<()> {
    let (clock, cancel, profile) = (Clock::start(), CancellationToken::new(), profile()?);
    let (events, mut received) = mpsc::channel(1024);
    let device = |unit: u8| DeviceSpec {
        id: format!("d{unit}").into(),
        index: usize::from(unit),
        unit,
        profile: profile.clone(),
        intervals: Intervals { fast: EVERY, normal: EVERY, slow: EVERY },
        watched: Vec::new(),
    };
    let spec = LinkSpec {
        name: "bench".into(),
        medium: Medium::tcp(address.ip().to_string(), address.port()),
        devices: (1..=DEVICES).map(device).collect(),
        timeout: EVERY,
        drive: Drive::WatchOnly,
    };
    let link = field::spawn(spec, clock, events, cancel.clone());
    let counted = tokio::spawn(async move {
        let mut readings = 0_u64;
        while let Some(event) = received.recv().await {
            if let field::FieldEvent::Batch { readings: batch, .. } = event {
                readings += u64::try_from(batch.len()).unwrap_or(0);
            }
        }
        readings
    });
    let (began, cpu) = (clock.moment(), cpu_ticks()?);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (took, cpu) = (clock.moment().since(began), cpu_ticks()? - cpu);
    let figures = link.stats().figures();
    cancel.cancel();
    link.ended().await;
    let on_time = 100.0 * (1.0 - figures.late as f64 / figures.cycles.max(1) as f64);
    println!(
        "{} polls in {:.1} s, {on_time:.2} % on time, {} failed",
        figures.cycles,
        took.as_secs_f64(),
        figures.failures
    );
    println!("round trip mean {:?}, longest {:?}", figures.round_trip_mean, figures.round_trip_max);
    println!("{} changed readings told, {} events untold", counted.await?, figures.untold);
    // Clock ticks of /proc are 1/100 s on every Linux that this runs on.
    println!("CPU {:.1} % of a core, {}", cpu as f64 / took.as_secs_f64(), resident()?);
    Ok(())
}

/// User and system time of this process, in ticks.
fn cpu_ticks() -> Fallible<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().ok_or("no stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    Ok(fields.get(11).ok_or("no utime")?.parse::<u64>()? + fields.get(12).ok_or("no stime")?.parse::<u64>()?)
}

fn resident() -> Fallible<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

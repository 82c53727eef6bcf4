//! Durable appends beside a bare group-commit loop of the same frames on the same disk, in one run.
//!
//! `cargo bench --bench append`: the two take turns, so that both meet the same noise. Exit status 1 when an aim of the
//! design is missed. The files lie in the build's temporary folder; another disk: `PORTSIDE_BENCH_DIR`.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use portside::clock::Clock;
use portside::journal::{Draft, Identity, Journal, Options, Stream};
use serde_json::json;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);
const FILE: usize = 8 << 20;

fn draft() -> Draft {
    let officer = json!({ "agency": "customs", "name": "010042" });
    let data = json!({ "officer": officer, "verdict": "clear", "role": "required", "pictures": 1 });
    let time = Timestamp::from_second(1_795_248_930).unwrap_or_default();
    Draft::new(Stream::Inspection, "inspection.verdict.opened", "0198c2b0-7b1c-7def-8123-456789abcdef", time, data)
}

/// Records made durable, and the time it took.
#[derive(Clone, Copy, Default)]
struct Tally {
    records: u64,
    time: Duration,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.time += other.time;
    }

    fn rate(self) -> f64 {
        self.records as f64 / self.time.as_secs_f64()
    }
}

/// The bare loop: files whose space is taken in advance, as the journal's segments are, one write and one `fdatasync`
/// for each group.
struct Bare {
    dir: PathBuf,
    number: u32,
    file: File,
    at: usize,
}

impl Bare {
    fn new(dir: &Path) -> std::io::Result<Self> {
        fs::create_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), number: 0, file: fresh(dir, 0)?, at: 0 })
    }

    fn rotate(&mut self) -> std::io::Result<()> {
        self.number += 1;
        self.file = fresh(&self.dir, self.number)?;
        self.at = 0;
        Ok(())
    }

    fn round(&mut self, group: u64, frame: usize) -> std::io::Result<Tally> {
        let clock = Clock::start();
        let bytes = vec![b'x'; frame * group as usize];
        let mut records = 0;
        while clock.moment().since(START) < ROUND {
            if self.at + bytes.len() > FILE {
                self.rotate()?;
            }
            self.file.write_all_at(&bytes, self.at as u64)?;
            self.file.sync_data()?;
            self.at += bytes.len();
            records += group;
        }
        Ok(Tally { records, time: clock.moment().since(START) })
    }
}

fn fresh(dir: &Path, number: u32) -> std::io::Result<File> {
    let path = dir.join(number.to_string());
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, FILE as u64)?;
    file.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}

const START: portside_devices::moment::Moment = portside_devices::moment::Moment::START;

/// `producers` tasks, each waiting for its record to be durable before it makes the next.
fn round(runtime: &tokio::runtime::Runtime, journal: &Journal, producers: u64) -> Tally {
    let clock = Clock::start();
    let tasks: Vec<_> = (0..producers)
        .map(|_| {
            let journal = journal.clone();
            runtime.spawn(async move {
                let mut records = 0;
                while clock.moment().since(START) < ROUND {
                    if journal.append(&[draft()]).await.is_ok() {
                        records += 1;
                    }
                }
                records
            })
        })
        .collect();
    let records = tasks.into_iter().map(|task| runtime.block_on(task).unwrap_or(0)).sum();
    Tally { records, time: clock.moment().since(START) }
}

/// Bytes that this process sent towards the disk.
fn device_bytes() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0)
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let root = std::env::var_os("PORTSIDE_BENCH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    fs::create_dir_all(&root)?;
    let dir = tempfile::tempdir_in(root)?;
    let identity = Identity { port: "BENCH".to_owned(), lane: "1".to_owned() };
    let (journal, _) = Journal::open(&dir.path().join("journal"), &identity, Options::default())?;
    let mut bare = Bare::new(&dir.path().join("bare"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut missed = false;
    let mut judge = |what: &str, value: f64, fits: bool, aim: &str| {
        println!("  {what:<40} {value:>10.2}   aim {aim}{}", if fits { "" } else { "   MISSED" });
        missed |= !fits;
    };
    runtime.block_on(journal.append(&[draft()]))?;
    let frame = stored_size(&runtime, &journal)?;
    println!("records of {frame} bytes with their frame, {ROUNDS} rounds of {ROUND:?} each, taking turns");
    for producers in [1, 64] {
        let (mut ours, mut theirs) = (Tally::default(), Tally::default());
        let (mut bytes, before) = (0, journal.disk_use());
        for _ in 0..ROUNDS {
            theirs.add(bare.round(producers, frame)?);
            let start = device_bytes();
            ours.add(round(&runtime, &journal, producers));
            bytes += device_bytes() - start;
        }
        let flushes = (journal.disk_use().flushes - before.flushes) as f64;
        let records = ours.records as f64;
        println!("{producers} producers: {:.0} appends/s, bare loop {:.0}/s", ours.rate(), theirs.rate());
        println!("  {:<40} {:>10.2}", "records per flush", records / flushes);
        let ratio = ours.rate() / theirs.rate();
        judge("of the bare loop's rate", ratio, ratio >= 0.8, ">= 0.80");
        if producers == 1 {
            judge("flushes per record", flushes / records, flushes / records <= 1.2, "<= 1.20");
            let each = bytes as f64 / records;
            judge("device bytes per record, index included", each, each <= 6000.0, "<= 6000");
        }
    }
    journal.close_blocking();
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn stored_size(runtime: &tokio::runtime::Runtime, journal: &Journal) -> Result<usize, Box<dyn std::error::Error>> {
    let stored = runtime.block_on(journal.reader().read(Stream::Inspection, 1, 1, 1 << 20))?;
    let record = stored.first().ok_or("the record is not there")?;
    Ok((32 + record.bytes.len()).next_multiple_of(8))
}

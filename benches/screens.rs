//! From a detector's line to three desks: WebSockets over TLS on loopback, lines of 1,152 elements, two energies, 16 bits.
//!
//!     cargo bench --bench screens
//!     SECONDS=10 cargo bench --bench screens      # each pace for so long; otherwise 20 s at 375 lines/s, 60 s at 3,750
//!
//! The processor time is that of the threads that serve the pages; the memory is that of the process, in which the desks,
//! 96 MB of images and people's passwords are as well. Passwords cost memory by design, before anything is measured.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a bench that cannot go on has nothing to report")]

#[path = "../tests/screens_site/mod.rs"]
mod screens_site;
mod site;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures_util::StreamExt as _;
use portside::image::feed::Feed;
use screens_site::{Desk, Pages, format, line, outcome};
use site::{Times, now, resident, setting};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::Message;

const PIXELS: u32 = 1_152;
/// Lines of one image.
const IMAGE: u32 = 2_500;
/// Lines of 6 MB.
const SCAN: u32 = 6_000_000 / (PIXELS * 2 * 2) + 1;
const DESKS: u64 = 3;
const PACE: u64 = 375;
/// A desk that hears nothing for so long has lost what did not come.
const LOST_AFTER: Duration = Duration::from_secs(20);

/// What a desk heard.
enum Heard {
    Lines { number: u32, first: u32, count: u32, step: u32, at: Duration },
    End { at: Duration },
    Gone,
}

fn main() {
    let (server, desks) = (threads("screens"), threads("desks"));
    let pages = server.block_on(Pages::open(DESKS as usize));
    let (tell, heard) = channel();
    for agency in 0..DESKS as usize {
        let desk = desks.block_on(pages.seat(agency));
        desks.spawn(listen(desk, tell.clone()));
    }
    let mut bench = Bench { feed: pages.feed.clone(), heard, images: 0 };
    bench.pace(PACE, setting("SECONDS", 20));
    bench.pace(10 * PACE, setting("SECONDS", 60));
    bench.scan();
}

fn threads(name: &str) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build().unwrap()
}

async fn listen(mut desk: Desk, tell: Sender<Heard>) {
    while let Some(Ok(message)) = desk.socket.next().await {
        let at = now();
        let heard = match &message {
            Message::Binary(frame) => {
                let word = |at: usize| u32::from(u16::from_le_bytes([frame[at], frame[at + 1]]));
                let long = |at: usize| word(at) | word(at + 2) << 16;
                Heard::Lines { number: long(4), first: long(8), count: word(12), step: frame[3].into(), at }
            }
            Message::Text(text) if text.contains(r#""type":"image.end""#) => Heard::End { at },
            Message::Text(text) if text.contains(r#""type":"gone""#) => Heard::Gone,
            Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        if tell.send(heard).is_err() {
            return;
        }
    }
}

struct Bench {
    feed: Feed,
    heard: Receiver<Heard>,
    /// Images so far.
    images: u32,
}

impl Bench {
    /// Lines at a belt's pace, image after image.
    fn pace(&mut self, rate: u64, seconds: u64) {
        let images = u32::try_from((rate * seconds).div_ceil(IMAGE.into())).unwrap();
        let lines = u64::from(images * IMAGE);
        let sent: Vec<AtomicU64> = (0..lines).map(|_| AtomicU64::new(0)).collect();
        let (before, memory) = (processor_time("screens"), resident(std::process::id()));
        let (feed, start) = (self.feed.clone(), now());
        let mut most = memory;
        let (came, took) = std::thread::scope(|scope| {
            let write = || {
                for (place, sent) in (0u64..).zip(&sent) {
                    let due = start + Duration::from_nanos(place * 1_000_000_000 / rate);
                    std::thread::sleep(due.saturating_sub(now()));
                    sent.store(now().as_nanos() as u64, Ordering::Release);
                    write(&feed, rate, place);
                }
                now().saturating_sub(start)
            };
            let writer = scope.spawn(write);
            let came = self.collect(&sent, images, || most = most.max(resident(std::process::id())));
            (came, writer.join().unwrap())
        });
        let processor = processor_time("screens").saturating_sub(before).as_secs_f64() / took.as_secs_f64() * 100.0;
        println!("{rate} lines/s for {:.0} s to {DESKS} desks:", took.as_secs_f64());
        println!("  a line from the feed to a desk  {}", came.times);
        println!("  {lines} lines sent, lost {}, twice {}, thinned at first {}", came.lost, came.twice, came.thinned);
        println!("  processor {processor:.1} % of one core, memory {memory:.0} MiB before, {most:.0} MiB at most");
    }

    /// Waits until every desk has heard every line and every end.
    fn collect(&mut self, sent: &[AtomicU64], images: u32, mut now_and_then: impl FnMut()) -> Came {
        let mut had = vec![0u64; sent.len()];
        let (mut came, mut lines, mut ends) = (Came::default(), 0, 0);
        while lines < DESKS * sent.len() as u64 || ends < DESKS * u64::from(images) {
            let Ok(heard) = self.heard.recv_timeout(LOST_AFTER) else { break };
            match heard {
                Heard::Lines { number, first, count, step, at } => {
                    came.thinned += if step > 1 { u64::from(count) } else { 0 };
                    for nth in 0..count {
                        let place = (number - self.images - 1) * IMAGE + first + nth * step;
                        had[place as usize] += 1;
                        let sent = Duration::from_nanos(sent[place as usize].load(Ordering::Acquire));
                        came.times.add(at.saturating_sub(sent));
                    }
                    lines += u64::from(count);
                }
                Heard::End { .. } => {
                    ends += 1;
                    now_and_then();
                }
                // Of images that are complete long since, when the desks keep up; otherwise the count of lines says so.
                Heard::Gone => {}
            }
        }
        came.lost = had.iter().map(|times| DESKS.saturating_sub(*times)).sum();
        came.twice = had.iter().map(|times| times.saturating_sub(DESKS)).sum();
        self.images += images;
        came
    }

    /// 6 MB that come all at once, as from a file.
    fn scan(&mut self) {
        let lines: Vec<_> = (0..SCAN).map(|index| line(index, PIXELS)).collect();
        self.feed.begin("scan".into(), &format(PIXELS));
        lines.into_iter().for_each(|line| self.feed.line("scan", line));
        let end = now();
        self.feed.end("scan", &outcome(SCAN));
        let (mut lines, mut ends, mut last) = (0, 0, end);
        while lines < DESKS * u64::from(SCAN) || ends < DESKS {
            match self.heard.recv_timeout(LOST_AFTER).expect("a desk lost lines") {
                Heard::Lines { count, at, .. } => (lines, last) = (lines + u64::from(count), last.max(at)),
                Heard::End { at } => (ends, last) = (ends + 1, last.max(at)),
                Heard::Gone => {}
            }
        }
        let took = last.saturating_sub(end).as_secs_f64() * 1e3;
        println!("a scan of 6 MB at once: complete on {DESKS} desks {took:.0} ms after its end; allowed 1,000 ms");
    }
}

/// Images of each pace have names of their own: those of the one before are still in memory.
fn write(feed: &Feed, rate: u64, place: u64) {
    let (image, index) = (place / u64::from(IMAGE), (place % u64::from(IMAGE)) as u32);
    let image = format!("{rate}-{image}");
    if index == 0 {
        feed.begin(image.as_str().into(), &screens_site::format(PIXELS));
    }
    feed.line(&image, line(index, PIXELS));
    if index == IMAGE - 1 {
        feed.end(&image, &outcome(IMAGE));
    }
}

#[derive(Default)]
struct Came {
    times: Times,
    lost: u64,
    twice: u64,
    thinned: u64,
}

/// Processor time of this process's threads of a name.
fn processor_time(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_one = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (head, rest) = text.rsplit_once(") ")?;
        let ticks = || rest.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
        head.ends_with(&format!("({name}")).then(|| ticks().sum::<u64>() * 10)
    };
    Duration::from_millis(tasks.filter_map(of_one).sum())
}

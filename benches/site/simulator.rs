//! The devices of a bench, served in a process of their own, which stamps what it is asked and what it answers.

use std::time::Duration;

use portside::clock::Clock;
use portside::simulate::{Served, serve};
use portside_devices::moment::Moment;
use portside_devices::simulate::{Bank, Request, Response, Simulator};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::now;

const OPEN: u16 = 0;
const CLOSE: u16 = 2;
const OPENED: u16 = 0;
const CLOSED: u16 = 1;
const PROTECTION: u16 = 2;
/// Coils lie behind the inputs of the bank, which has one set of words for all tables.
const COILS: u16 = 16;

/// A barrier that obeys at once: its limits change with the coil that is written.
struct Barrier {
    bank: Bank,
    ready_at: Option<Duration>,
    reactions: mpsc::UnboundedSender<Duration>,
}

impl Barrier {
    fn stand(&mut self, opened: bool) {
        self.bank.set(1, OPENED, u16::from(opened));
        self.bank.set(1, CLOSED, u16::from(!opened));
    }

    fn written(&mut self, coil: u16) {
        if coil == CLOSE {
            self.bank.set(1, PROTECTION, 0);
            if let Some(ready_at) = self.ready_at.take() {
                let _ = self.reactions.send(now().saturating_sub(ready_at));
            }
        }
        self.stand(coil == OPEN);
    }
}

impl Simulator for Barrier {
    fn answer(&mut self, at: Moment, unit: u8, request: &Request) -> Option<Response> {
        if let Request::WriteCoils { start, bits } = request {
            if bits.first() == Some(&true) && [OPEN, CLOSE].contains(start) {
                self.written(*start);
            }
            let request = Request::WriteCoils { start: COILS + start, bits: bits.clone() };
            return self.bank.answer(at, unit, &request);
        }
        self.bank.answer(at, unit, request)
    }
}

/// Serves one barrier. It says its port; then `flip` moves the arm by hand and is answered with the moment and where it
/// is, and `ready MICROS` makes the protection ready after that time and is answered with how long the close coil took.
pub async fn barrier() {
    let (reactions, mut reacted) = mpsc::unbounded_channel();
    let barrier = Barrier { bank: Bank::new(1, 32), ready_at: None, reactions };
    let served = serve(barrier, Clock::start(), CancellationToken::new()).await.expect("it is served");
    served.with(|barrier, _| barrier.stand(false));
    println!("{}", served.address().port());
    let mut opened = false;
    let mut asked = lines();
    while let Ok(Some(line)) = asked.next_line().await {
        let mut words = line.split_whitespace();
        match (words.next(), words.next().and_then(|micros| micros.parse().ok())) {
            (Some("flip"), _) => {
                opened = !opened;
                let at = served.with(|barrier, _| {
                    barrier.stand(opened);
                    now()
                });
                println!("{} {}", at.as_nanos(), if opened { "open" } else { "closed" });
            }
            (Some("ready"), Some(micros)) => {
                tokio::time::sleep(Duration::from_micros(micros)).await;
                served.with(|barrier, _| {
                    barrier.ready_at = Some(now());
                    barrier.bank.set(1, PROTECTION, 1);
                });
                let took = tokio::time::timeout(Duration::from_secs(2), reacted.recv()).await;
                println!("{}", took.ok().flatten().map_or(0, |took| took.as_nanos()));
            }
            _ => println!("?"),
        }
    }
}

/// How the registers of a module change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// The first one now and then.
    One,
    /// All of them with every poll.
    All,
}

/// A module with a hundred registers that stamps every poll.
struct Module {
    bank: Bank,
    word: u16,
    change: Change,
    next: Duration,
    stamps: Stamps,
}

/// What was asked of one module.
#[derive(Default)]
struct Stamps {
    polls: Vec<Duration>,
    changes: Vec<(u16, Duration)>,
}

impl Simulator for Module {
    fn answer(&mut self, at: Moment, unit: u8, request: &Request) -> Option<Response> {
        let now = now();
        self.stamps.polls.push(now);
        match self.change {
            Change::One if now >= self.next => {
                self.word = self.word.wrapping_add(1);
                self.bank.set(1, 0, self.word);
                self.stamps.changes.push((self.word, now));
                // Well over a telemetry window, so that each change is the first after a quiet second.
                self.next = now + Duration::from_millis(fastrand::u64(1400..2000));
            }
            Change::One => {}
            Change::All => {
                self.word = self.word.wrapping_add(1);
                (0..100).for_each(|place| self.bank.set(1, place, self.word.wrapping_add(place)));
            }
        }
        self.bank.answer(at, unit, request)
    }
}

/// Serves so many modules, each at a port of its own. It says the ports; `one` and `all` choose how registers change
/// and begin the stamps anew, `tell` answers with them: `DEVICE poll NANOS`, `DEVICE change WORD NANOS`, `end`.
pub async fn modules(count: usize) {
    let mut modules: Vec<Served<Module>> = Vec::new();
    for _ in 0..count {
        let module =
            Module { bank: Bank::new(1, 100), word: 0, change: Change::One, next: now(), stamps: Stamps::default() };
        modules.push(serve(module, Clock::start(), CancellationToken::new()).await.expect("it is served"));
    }
    let ports: Vec<String> = modules.iter().map(|module| module.address().port().to_string()).collect();
    println!("{}", ports.join(" "));
    let mut asked = lines();
    while let Ok(Some(line)) = asked.next_line().await {
        if line == "tell" {
            tell(&modules);
            continue;
        }
        let change = if line == "all" { Change::All } else { Change::One };
        for module in &modules {
            module.with(|module, _| {
                module.change = change;
                module.stamps = Stamps::default();
            });
        }
    }
}

fn tell(modules: &[Served<Module>]) {
    for (number, module) in modules.iter().enumerate() {
        let stamps = module.with(|module, _| std::mem::take(&mut module.stamps));
        for at in stamps.polls {
            println!("{number} poll {}", at.as_nanos());
        }
        for (word, at) in stamps.changes {
            println!("{number} change {word} {}", at.as_nanos());
        }
    }
    println!("end");
}

fn lines() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

//! A simulated X-ray detector on a real socket: it listens, and sends whoever connects its lines at the pace of the belt.
//!
//! ```text
//!   put(Subject) ──► belt: subject, air, subject … ──► Panel (offsets, gains, noise) ──framing of the profile──► TCP
//! ```
//! Subjects are computed ahead ([`Subject::of`]); a line that is sent costs an addition and a multiplication a sample.
//! A receiver that does not keep up loses lines, and finds a gap in the counter.

pub mod orders;
mod panel;
mod subject;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portside_devices::lines::{Calibration, Detector, Frame, FrameKind, Idle};
use portside_devices::moment::Moment;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub use panel::{Beam, Panel, Quality};
pub use subject::Subject;

use crate::clock::Clock;

/// Lines are sent in bundles of this time.
const BUNDLE: Duration = Duration::from_millis(8);
/// A line that could not be sent for so long is lost.
const BACKLOG: Duration = Duration::from_secs(1);
/// How long a detector that speaks of subjects alone goes on behind one.
const BEHIND_SECONDS: usize = 3;
/// Lines of darkness and of air beyond those that a calibration needs.
const SPARE: u32 = 8;

/// What goes wrong, once, and then no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// So many lines are counted and not sent.
    Lose(u32),
    /// These bytes stand between two lines.
    Garbage(Vec<u8>),
    /// Nothing is sent for so long; what the belt brings meanwhile is lost.
    Stall(Duration),
    /// The connection is cut in the middle of a line.
    Cut,
}

/// A running detector. Cheap to clone; it ends with the token that it was started with.
#[derive(Clone, Debug)]
pub struct LineDetector {
    address: SocketAddr,
    belt: Arc<Mutex<Belt>>,
}

/// What is to come.
#[derive(Debug)]
struct Belt {
    detector: Detector,
    panels: Vec<Panel>,
    subjects: VecDeque<Subject>,
    /// The line of the first of them that comes next.
    at: usize,
    calibrating: VecDeque<FrameKind>,
    faults: VecDeque<(u32, Fault)>,
    beam: bool,
    counter: u32,
    /// Lines that were sent since the start.
    sent: u64,
}

impl LineDetector {
    /// Listens on `address` (port 0: any) as `detector` describes it, until `stop`. It takes its calibration when it is
    /// connected to for the first time, and again when [`Self::calibrate`] asks for it.
    pub async fn start(
        detector: Detector,
        quality: Quality,
        seed: u64,
        address: SocketAddr,
        clock: Clock,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let panels = (0..detector.views).map(|view| Panel::new(&detector, quality, seed ^ u64::from(view))).collect();
        let mut belt = Belt {
            detector,
            panels,
            subjects: VecDeque::new(),
            at: 0,
            calibrating: VecDeque::new(),
            faults: VecDeque::new(),
            beam: true,
            counter: 0,
            sent: 0,
        };
        belt.calibrate();
        let served = Self { address, belt: Arc::new(Mutex::new(belt)) };
        let this = served.clone();
        tokio::spawn(async move {
            let _ = stop.run_until_cancelled(this.serve(listener, clock)).await;
        });
        Ok(served)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a subject on the belt, `gap` lines of air behind the one before it, or behind this moment.
    pub fn put(&self, subject: Subject, gap: u32) {
        self.put_with(subject, gap, &[]);
    }

    /// The same, and has something go wrong at these lines of it, the first one first.
    pub fn put_with(&self, subject: Subject, gap: u32, faults: &[(u32, Fault)]) {
        let mut belt = self.lock();
        let ahead = belt.calibrating.len() + belt.subjects.iter().map(Subject::len).sum::<usize>() - belt.at;
        let mut told = 0;
        for (line, fault) in faults {
            let at = u32::try_from(ahead).unwrap_or(u32::MAX).saturating_add(gap).saturating_add(*line);
            belt.faults.push_back((at.saturating_sub(told), fault.clone()));
            told = at;
        }
        // One that speaks of subjects alone goes on a while behind each of them.
        let behind = match belt.detector.idle {
            Idle::Lines => 0,
            Idle::Nothing => belt.detector.rate as usize * BEHIND_SECONDS,
        };
        belt.subjects.extend([Subject::air(gap as usize), subject, Subject::air(behind)]);
    }

    /// Lines that are still to come before the belt is empty.
    pub fn waiting(&self) -> usize {
        let belt = self.lock();
        belt.subjects.iter().map(Subject::len).sum::<usize>().saturating_sub(belt.at)
    }

    /// Lines that were sent, each view counted.
    pub fn sent(&self) -> u64 {
        self.lock().sent
    }

    /// Takes dark and white lines again; the belt waits.
    pub fn calibrate(&self) {
        self.lock().calibrate();
    }

    /// Switches the beam. Without it lines come, and they are dark.
    pub fn beam(&self, on: bool) {
        self.lock().beam = on;
    }

    /// Has something go wrong after so many further lines.
    pub fn fault(&self, after: u32, fault: Fault) {
        self.lock().faults.push_back((after, fault));
    }

    /// A panic of one connection must not silence the others.
    fn lock(&self) -> MutexGuard<'_, Belt> {
        self.belt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One receiver at a time: a detector has one computer.
    async fn serve(self, listener: TcpListener, clock: Clock) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            if let Calibration::First { .. } = self.lock().detector.calibration {
                self.lock().calibrate();
            }
            if let Err(error) = self.send(stream, clock).await {
                tracing::debug!(%error, "a simulated detector lost its connection");
            }
        }
    }

    async fn send(&self, mut stream: TcpStream, clock: Clock) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut pace = Pace { begun: clock.moment(), rate: self.lock().detector.rate, lines: 0 };
        loop {
            tokio::time::sleep(BUNDLE).await;
            let due = pace.due(clock.moment());
            let bundle = self.lock().bundle(due);
            pace.lines += u64::from(bundle.lines);
            stream.write_all(&bundle.bytes).await?;
            match bundle.then {
                Then::Go => {}
                Then::Cut => return Ok(()),
                Then::Stall(time) => {
                    tokio::time::sleep(time).await;
                    let due = pace.due(clock.moment());
                    self.lock().lose(due);
                    pace.lines += u64::from(due);
                }
            }
            let late = pace.due(clock.moment());
            if f64::from(late) > BACKLOG.as_secs_f64() * f64::from(pace.rate) {
                self.lock().lose(late);
                pace.lines += u64::from(late);
            }
        }
    }
}

/// How many lines should have been sent by now.
struct Pace {
    begun: Moment,
    rate: u32,
    lines: u64,
}

impl Pace {
    fn due(&self, now: Moment) -> u32 {
        let due = (now.since(self.begun).as_secs_f64() * f64::from(self.rate)) as u64;
        u32::try_from(due.saturating_sub(self.lines)).unwrap_or(u32::MAX)
    }
}

/// What is sent at once, and what comes after it.
struct Bundle {
    bytes: Vec<u8>,
    lines: u32,
    then: Then,
}

enum Then {
    Go,
    Cut,
    Stall(Duration),
}

impl Belt {
    fn calibrate(&mut self) {
        let (dark, white) = match self.detector.calibration {
            Calibration::Flagged { lines } => (lines + SPARE, lines + SPARE),
            Calibration::First { dark, white } => (dark, white),
            Calibration::Done { .. } => return,
        };
        let kinds = [(FrameKind::Dark, dark), (FrameKind::White, white)];
        self.calibrating = kinds.iter().flat_map(|(kind, lines)| vec![*kind; *lines as usize]).collect();
    }

    /// The bytes of the next `lines` lines, or fewer where something goes wrong among them.
    fn bundle(&mut self, lines: u32) -> Bundle {
        let mut bytes = Vec::new();
        for line in 0..lines {
            match self.fault() {
                None => bytes.extend(self.line()),
                Some(Fault::Lose(count)) => self.lose(count),
                Some(Fault::Garbage(garbage)) => {
                    bytes.extend(garbage);
                    bytes.extend(self.line());
                }
                Some(Fault::Stall(time)) => return Bundle { bytes, lines: line, then: Then::Stall(time) },
                Some(Fault::Cut) => {
                    let half = self.line();
                    bytes.extend(&half[..half.len() / 2]);
                    return Bundle { bytes, lines: line + 1, then: Then::Cut };
                }
            }
        }
        Bundle { bytes, lines, then: Then::Go }
    }

    /// What goes wrong at the next line.
    fn fault(&mut self) -> Option<Fault> {
        let (after, _) = self.faults.front_mut()?;
        if *after > 0 {
            *after -= 1;
            return None;
        }
        self.faults.pop_front().map(|(_, fault)| fault)
    }

    /// The belt goes on by so many lines that nobody is told of.
    fn lose(&mut self, lines: u32) {
        for _ in 0..lines {
            self.count();
            self.advance();
        }
    }

    fn count(&mut self) -> u32 {
        let said = self.counter;
        self.counter = u32::try_from((u64::from(said) + 1) % self.detector.counter.wraps).unwrap_or(0);
        said
    }

    /// What stands in the beam, gone on by one line.
    fn advance(&mut self) -> Option<(Subject, usize)> {
        while let Some(first) = self.subjects.front() {
            if self.at < first.len() {
                self.at += 1;
                return Some((first.clone(), self.at - 1));
            }
            self.subjects.pop_front();
            self.at = 0;
        }
        None
    }

    /// The bytes of the next line of every view; none while a detector is silent that only speaks of subjects.
    fn line(&mut self) -> Vec<u8> {
        let counter = self.count();
        let kind = self.calibrating.pop_front().unwrap_or(FrameKind::Data);
        let here = if kind == FrameKind::Data { self.advance() } else { None };
        if kind == FrameKind::Data && here.is_none() && self.detector.idle == Idle::Nothing {
            return Vec::new();
        }
        let through = here.as_ref().and_then(|(subject, at)| subject.line(*at));
        let beam = match (kind, through) {
            (FrameKind::Dark, _) => Beam::Off,
            (FrameKind::Data, _) if !self.beam => Beam::Off,
            (FrameKind::Data, Some(samples)) if !samples.is_empty() => Beam::Through(samples),
            (FrameKind::White | FrameKind::Data, _) => Beam::Air,
        };
        let mut bytes = Vec::new();
        for (view, panel) in (0..).zip(&mut self.panels) {
            bytes.extend(self.detector.write(&Frame { kind, counter, view, samples: panel.say(beam) }));
            self.sent += 1;
        }
        bytes
    }
}

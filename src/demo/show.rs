//! What the demo shows: lines, or a terminal view of lane, arm, devices and backlog.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portside_devices::simulate::{BeltSite, Gate, GateView};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::Line as Row;
use ratatui::widgets::{Block, Paragraph};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::centre::Centre;
use super::daemon::Paths;
use super::story::Story;
use super::{Lane, Options, picture};
use crate::clock::Clock;
use crate::control::call::Reply;
use crate::lane::{Act, Officer};
use crate::simulate::Served;

/// Lines that the terminal view keeps.
const KEPT: usize = 200;

/// One thing that happened in the demo.
#[derive(Debug)]
pub(super) enum Line {
    /// A vehicle drives up.
    Arrives {
        /// Its plate.
        plate: String,
        /// How it is meant to go.
        story: Story,
    },
    /// An officer acted and got an answer, or none.
    Acted {
        /// Who.
        officer: Officer,
        /// What.
        act: Box<Act>,
        /// The daemon's answer.
        reply: Result<Reply, String>,
    },
    /// A relay of the barrier was switched on, as the site saw it.
    Relay(&'static str),
    /// The arm came down on a vehicle.
    Struck,
    /// A subject's story is told.
    Told {
        /// How it went.
        story: Story,
        /// Its inspection.
        inspection: Arc<str>,
    },
    /// Anything else.
    Words(String),
}

/// The simulated sites, as they are.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    /// Vehicles and the arm.
    pub(super) gate: Served<Gate>,
    /// Bags and the diverter.
    pub(super) belt: Served<BeltSite>,
}

/// Shows what happens.
#[derive(Clone, Debug)]
pub(super) struct Show {
    clock: Clock,
    scene: Arc<Mutex<Scene>>,
    /// `None`: lines on standard output.
    view: Option<CancellationToken>,
    ended: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

#[derive(Debug, Default)]
struct Scene {
    lines: VecDeque<String>,
    status: Value,
    belt: Value,
    head: Vec<String>,
    /// Where the desks are, and how to log in.
    desks: Vec<String>,
}

impl Show {
    /// Prints the addresses and what to try, and starts the terminal view where there is a terminal to view.
    pub(super) fn start(
        options: &Options,
        paths: [&Paths; 2],
        broker: &str,
        centres: Vec<Centre>,
        sites: Sites,
        clock: Clock,
    ) -> Self {
        let head = head(options, paths, broker, &sites);
        let scene = Arc::new(Mutex::new(Scene { head: head.clone(), ..Scene::default() }));
        let ended = Arc::default();
        if options.headless || options.once || !std::io::stdout().is_terminal() {
            for line in &head {
                println!("{line}");
            }
            return Self { clock, scene, view: None, ended };
        }
        let stop = CancellationToken::new();
        let (theirs, until) = (scene.clone(), stop.clone());
        let thread = std::thread::spawn(move || view(&theirs, &centres, &sites, &until));
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Self { clock, scene, view: Some(stop), ended }
    }

    /// Shows one thing that happened.
    pub(super) fn line(&self, line: Line) {
        let seconds = self.clock.moment().as_millis() as f64 / 1000.0;
        let text = format!("{seconds:8.2} s  {}", words(line));
        if self.view.is_none() {
            println!("{text}");
            return;
        }
        let mut scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        scene.lines.push_back(text);
        if scene.lines.len() > KEPT {
            scene.lines.pop_front();
        }
    }

    /// Shows what is to stay in sight.
    pub(super) fn important(&self, text: String) {
        if self.view.is_none() {
            println!("  {text}");
            return;
        }
        self.scene.lock().unwrap_or_else(PoisonError::into_inner).desks.push(text);
    }

    /// Shows how the lane stands.
    pub(super) fn status(&self, status: &Value) {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner).status.clone_from(status);
    }

    /// Shows how the belt stands.
    pub(super) fn belt(&self, status: &Value) {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner).belt.clone_from(status);
    }

    /// Gives the terminal back.
    pub(super) fn end(&self) {
        let Some(stop) = &self.view else { return };
        stop.cancel();
        if let Some(thread) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A view that panicked has nothing left to give back.
            let _ = thread.join();
        }
        let scene = self.scene.lock().unwrap_or_else(PoisonError::into_inner);
        for line in scene.lines.iter().rev().take(20).rev() {
            println!("{line}");
        }
    }
}

fn head(options: &Options, [gate, belt]: [&Paths; 2], broker: &str, sites: &Sites) -> Vec<String> {
    let mut lines = Vec::new();
    if options.plays(Lane::Gate) {
        lines.extend([
            format!("A simulated gate lane, with state in {}", gate.dir.display()),
            format!("  broker      {broker}, topics under {}/#", super::ROOT),
            format!("  devices     Modbus TCP at {}, unit 1", sites.gate.address()),
            format!("  X-ray       PNG and JPEG files dropped into {}", gate.pictures().display()),
            match crate::field::camera::program::find() {
                Ok(_) => "  camera      a recording of a real lane (CC BY 4.0, Intel), kept at decisive instants",
                Err(_) => "  camera      unavailable: `make demo-vision` builds the program that needs OpenCV",
            }
            .to_owned(),
        ]);
    }
    if options.plays(Lane::Belt) {
        lines.extend([
            format!("A simulated baggage lane, with state in {}", belt.dir.display()),
            format!("  broker      {broker}, topics under {}/#", super::belt::ROOT),
            format!("  devices     Modbus TCP at {}: X-ray machine, light barriers, diverter", sites.belt.address()),
            "  X-ray       lines of a simulated detector over TCP while the belt moves, two energies".to_owned(),
        ]);
    }
    let paths = if options.plays(Lane::Gate) { gate } else { belt };
    lines.push(
        "  desks       played by customs 100234 and ciq 7731 until you log in at one: the logins follow".to_owned(),
    );
    lines.push("              (the certificate is of the demo's own making, so the browser will ask)".to_owned());
    lines.push("Try, in another terminal:".to_owned());
    if options.plays(Lane::Gate) && options.plays(Lane::Belt) {
        lines.push(format!("  PORTSIDE_SOCKET={} portside status        # the belt", belt.socket().display()));
    }
    lines.extend([
        format!("  export PORTSIDE_SOCKET={}", paths.socket().display()),
        "  portside status".to_owned(),
        "  portside journal list".to_owned(),
        "  portside journal show INSPECTION --why".to_owned(),
        format!("  portside journal verify {}", paths.dir.display()),
        "  portside barrier stop --agency customs --officer me".to_owned(),
        "  portside barrier resume --agency customs --officer me".to_owned(),
        "  portside verdict INSPECTION --agency customs --officer me clear".to_owned(),
        String::new(),
    ]);
    lines
}

fn words(line: Line) -> String {
    match line {
        Line::Arrives { plate, story } => format!("{plate} arrives: {}", story.words()),
        Line::Acted { officer, act, reply } => {
            let deed = deed(&act);
            let Officer { agency, name } = officer;
            match reply {
                Ok(Reply::Done { message }) => format!("recorded  {agency} {name} {deed}: {message}"),
                Ok(Reply::Refused { code, message }) => format!("refused   {agency} {name} {deed}: {message} [{code}]"),
                Ok(other) => format!("failed    {agency} {name} {deed}: {other:?}"),
                Err(error) => format!("unheard   {agency} {name} {deed}: {error}"),
            }
        }
        Line::Relay(name) => format!("movement  the site sees the {name} relay on"),
        Line::Struck => "STRUCK    the arm came down on a vehicle".to_owned(),
        Line::Told { story, inspection } => format!("ended     {inspection}: {}", story.words()),
        Line::Words(words) => words,
    }
}

fn deed(act: &Act) -> String {
    match act {
        Act::Identify { identity, .. } => format!("identify {identity}"),
        Act::Judge { inspection, verdict, .. } => {
            format!("judge {inspection} {}", format!("{verdict:?}").to_lowercase())
        }
        Act::Shown { inspection, .. } => format!("shown {inspection}"),
        Act::PlaceHold { inspection, .. } => format!("place_hold {inspection}"),
        Act::LiftHold { inspection, .. } => format!("lift_hold {inspection}"),
        Act::ExaminationBegin { inspection, .. } => format!("examination_begin {inspection}"),
        Act::ExaminationArrive { inspection } => format!("examination_arrive {inspection}"),
        Act::ExaminationOpen { inspection } => format!("examination_open {inspection}"),
        Act::ExaminationFinding { inspection, found, .. } => {
            format!("examination_finding {inspection} {}", found.word())
        }
        Act::ExaminationClose { inspection } => format!("examination_close {inspection}"),
        Act::Disposition { inspection, disposition, .. } => format!("disposition {inspection} {}", disposition.word()),
        Act::HandOver { inspection, to, .. } => format!("hand_over {inspection} to {to}"),
        Act::Accept { inspection, from } => format!("accept {inspection} from {from}"),
        Act::Temperature { inspection, .. } => format!("temperature {inspection}"),
        Act::Open { .. } => "open".to_owned(),
        Act::Stop => "stop".to_owned(),
        Act::Resume => "resume".to_owned(),
        Act::ConfirmClear => "confirm_clear".to_owned(),
        Act::ConfirmSubject => "confirm_subject".to_owned(),
    }
}

/// Draws until told to end; `q`, Esc and Ctrl-C ask the whole demo to end.
fn view(scene: &Mutex<Scene>, centres: &[Centre], sites: &Sites, stop: &CancellationToken) {
    let mut terminal = ratatui::init();
    while !stop.is_cancelled() {
        let gate = sites.gate.with(|gate, now| {
            gate.step(now);
            gate.view()
        });
        let belt = sites.belt.with(|site, now| picture::Belt::of(site.at(now)));
        let drawn = {
            let scene = scene.lock().unwrap_or_else(PoisonError::into_inner);
            terminal.draw(|frame| draw(frame, &scene, centres, &gate, &belt)).is_ok()
        };
        if !drawn {
            break;
        }
        if event::poll(Duration::from_millis(100)).unwrap_or(false)
            && let Ok(Event::Key(key)) = event::read()
        {
            let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                // The demo listens for the same signal that a shell would send.
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
            }
        }
    }
    ratatui::restore();
}

fn draw(frame: &mut Frame<'_>, scene: &Scene, centres: &[Centre], gate: &GateView, belt: &picture::Belt) {
    let screen = |status: &Value| match status.is_null() {
        true => "the daemon is starting …".to_owned(),
        false => crate::cli::status::screen(status),
    };
    let (at_gate, at_belt) = (screen(&scene.status), screen(&scene.belt));
    let height = |text: &str| u16::try_from(text.lines().count()).unwrap_or(20) + 2;
    let halves = |area| Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area);
    let parts = Layout::vertical([
        Constraint::Length(6),
        Constraint::Length(height(&at_gate).max(height(&at_belt))),
        Constraint::Length(3),
        Constraint::Length(height(&scene.desks.join("\n"))),
        Constraint::Min(4),
    ]);
    let [lanes, statuses, uplink, desks, events] = parts.areas(frame.area());
    let [road, band] = halves(lanes);
    let [gate_status, belt_status] = halves(statuses);
    let inside = |area: ratatui::layout::Rect| usize::from(area.width.saturating_sub(2));
    let mut put = |text: Paragraph<'_>, title: &str, area| frame.render_widget(text.block(titled(title)), area);
    put(Paragraph::new(picture::road(gate, inside(road))), "Gate as it is (simulated) · q ends", road);
    put(Paragraph::new(belt.rows(inside(band))), "Belt as it is (simulated)", band);
    put(Paragraph::new(at_gate), "Gate as its daemon sees it", gate_status);
    put(Paragraph::new(at_belt), "Belt as its daemon sees it", belt_status);
    let received: Vec<_> = centres.iter().map(Centre::received).collect();
    let words = format!(
        "{} records received, {} of them again, {} faults in the chains",
        received.iter().map(|lane| lane.records + lane.again).sum::<u64>(),
        received.iter().map(|lane| lane.again).sum::<u64>(),
        received.iter().map(|lane| lane.faults.len()).sum::<usize>()
    );
    put(Paragraph::new(words), "Centre", uplink);
    put(Paragraph::new(scene.desks.join("\n")), "Desks: open one in a browser, and it is yours", desks);
    let room = usize::from(events.height.saturating_sub(2));
    let all: Vec<Row<'_>> = scene.head.iter().chain(&scene.lines).map(|line| Row::from(line.as_str())).collect();
    let skip = all.len().saturating_sub(room);
    put(Paragraph::new(all[skip..].to_vec()), "What happened", events);
}

fn titled(title: &str) -> Block<'_> {
    Block::bordered().title(title).border_style(Style::new().fg(Color::DarkGray))
}

//! What the demo shows: lines, or a terminal view of lane, arm, devices and backlog.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portside_devices::simulate::{Gate, GateView};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line as Row;
use ratatui::widgets::{Block, Paragraph};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::centre::Centre;
use super::daemon::Paths;
use super::story::Story;
use crate::clock::Clock;
use crate::control::call::Reply;
use crate::lane::{Act, Officer};
use crate::simulate::Served;

/// Lines that the terminal view keeps.
const KEPT: usize = 200;
/// Metres of lane that the picture shows on either side of the arm.
const REACH: f64 = 14.0;

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
        act: Act,
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
    head: Vec<String>,
}

impl Show {
    /// Prints the addresses and what to try, and starts the terminal view where there is a terminal to view.
    pub(super) fn start(
        options: &Options,
        paths: &Paths,
        broker: &str,
        centre: Centre,
        gate: Served<Gate>,
        clock: Clock,
    ) -> Self {
        let head = head(paths, broker, &gate);
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
        let thread = std::thread::spawn(move || view(&theirs, &centre, &gate, &until));
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

    /// Shows how the lane stands.
    pub(super) fn status(&self, status: &Value) {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner).status.clone_from(status);
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

fn head(paths: &Paths, broker: &str, gate: &Served<Gate>) -> Vec<String> {
    let socket = paths.socket().display().to_string();
    vec![
        format!("A simulated gate lane, with state in {}", paths.dir.display()),
        format!("  broker      {broker}, topics under {}/#", super::ROOT),
        format!("  devices     Modbus TCP at {}, unit 1", gate.address()),
        format!("  X-ray       PNG and JPEG files dropped into {}", paths.pictures().display()),
        match crate::field::camera::program::find() {
            Ok(_) => {
                "  camera      a recording of a real lane (CC BY 4.0, Intel), kept at decisive instants".to_owned()
            }
            Err(_) => "  camera      unavailable: `make demo-vision` builds the program that needs OpenCV".to_owned(),
        },
        "  desks       customs (officer 100234), ciq (officer 7731)".to_owned(),
        "Try, in another terminal:".to_owned(),
        format!("  export PORTSIDE_SOCKET={socket}"),
        "  portside status".to_owned(),
        "  portside journal list".to_owned(),
        "  portside journal show INSPECTION --why".to_owned(),
        format!("  portside journal verify {}", paths.dir.display()),
        "  portside barrier stop --agency customs --officer me".to_owned(),
        "  portside barrier resume --agency customs --officer me".to_owned(),
        "  portside verdict INSPECTION --agency customs --officer me clear".to_owned(),
        String::new(),
    ]
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
        Act::Judge { inspection, verdict } => format!("judge {inspection} {}", format!("{verdict:?}").to_lowercase()),
        Act::PlaceHold { inspection, .. } => format!("place_hold {inspection}"),
        Act::LiftHold { inspection, .. } => format!("lift_hold {inspection}"),
        Act::Temperature { inspection, .. } => format!("temperature {inspection}"),
        Act::Open { .. } => "open".to_owned(),
        Act::Stop => "stop".to_owned(),
        Act::Resume => "resume".to_owned(),
        Act::ConfirmClear => "confirm_clear".to_owned(),
        Act::ConfirmSubject => "confirm_subject".to_owned(),
    }
}

/// Draws until told to end; `q`, Esc and Ctrl-C ask the whole demo to end.
fn view(scene: &Mutex<Scene>, centre: &Centre, gate: &Served<Gate>, stop: &CancellationToken) {
    let mut terminal = ratatui::init();
    while !stop.is_cancelled() {
        let look = gate.with(|gate, now| {
            gate.step(now);
            gate.view()
        });
        let drawn = {
            let scene = scene.lock().unwrap_or_else(PoisonError::into_inner);
            terminal.draw(|frame| draw(frame, &scene, centre, &look)).is_ok()
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

fn draw(frame: &mut Frame<'_>, scene: &Scene, centre: &Centre, gate: &GateView) {
    let status = if scene.status.is_null() {
        "the daemon is starting …".to_owned()
    } else {
        crate::cli::status::screen(&scene.status)
    };
    let height = u16::try_from(status.lines().count()).unwrap_or(20) + 2;
    let parts = Layout::vertical([
        Constraint::Length(6),
        Constraint::Length(height),
        Constraint::Length(3),
        Constraint::Min(4),
    ]);
    let [lane, lane_status, uplink, events] = parts.areas(frame.area());
    let width = usize::from(lane.width.saturating_sub(2));
    frame.render_widget(Paragraph::new(road(gate, width)).block(titled("Lane as it is (simulated) · q ends")), lane);
    frame.render_widget(Paragraph::new(status).block(titled("Lane as the daemon sees it")), lane_status);
    let received = centre.received();
    let words = format!(
        "{} records received, {} of them again, {} faults in the chain",
        received.records + received.again,
        received.again,
        received.faults.len()
    );
    frame.render_widget(Paragraph::new(words).block(titled("Centre")), uplink);
    let room = usize::from(events.height.saturating_sub(2));
    let all: Vec<Row<'_>> = scene.head.iter().chain(&scene.lines).map(|line| Row::from(line.as_str())).collect();
    let skip = all.len().saturating_sub(room);
    frame.render_widget(Paragraph::new(all[skip..].to_vec()).block(titled("What happened")), events);
}

fn titled(title: &str) -> Block<'_> {
    Block::bordered().title(title).border_style(Style::new().fg(Color::DarkGray))
}

/// The road from the side: vehicles as blocks, the arm as a post with a bar that rises.
fn road(gate: &GateView, width: usize) -> Vec<Row<'static>> {
    let place = |metres: f64| {
        let share = ((metres + REACH) / (2.0 * REACH)).clamp(0.0, 1.0);
        (share * width.saturating_sub(1) as f64).round() as usize
    };
    let mut lane = vec![' '; width];
    for vehicle in &gate.vehicles {
        let (low, high) = (vehicle.rear.min(vehicle.front), vehicle.rear.max(vehicle.front));
        if high > -REACH && low < REACH {
            lane[place(low)..=place(high)].fill('█');
        }
    }
    let arm = place(0.0);
    let mut above = vec![' '; width];
    let bar = if gate.arm > 0.98 {
        '│'
    } else if gate.arm < 0.02 {
        '═'
    } else {
        '╱'
    };
    above[arm] = bar;
    if lane[arm] == ' ' {
        lane[arm] = if gate.arm < 0.02 { '╪' } else { '·' };
    }
    let mut ground = vec!['─'; width];
    for (on, (from, to)) in gate.sensors.iter().zip([(-7.0, -2.0), (-1.8, 1.8), (1.8, 6.0)]) {
        ground[place(from)..=place(to)].fill(if *on { '▓' } else { '░' });
    }
    let row = |cells: Vec<char>| Row::from(cells.into_iter().collect::<String>());
    vec![row(above).bold(), row(lane), row(ground), Row::from(" approach · under the arm · beyond").dim()]
}

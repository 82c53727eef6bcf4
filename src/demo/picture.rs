//! The simulated sites as a picture of letters, from the side.

use portside_devices::simulate::GateView;
use portside_devices::simulate::belt::{self, Away, Eye};
use ratatui::style::Stylize;
use ratatui::text::Line as Row;

/// Metres of lane that the picture shows on either side of the arm.
const REACH: f64 = 14.0;
/// Millimetres of belt that the picture shows.
const BELT: f64 = 6_600.0;

/// The belt at one moment.
#[derive(Clone, Debug)]
pub(super) struct Belt {
    /// Rear and front of each bag, and the side that it was led to.
    bags: Vec<(f64, f64, Option<Away>)>,
    eyes: Vec<(f64, bool)>,
    runs: bool,
    beam: bool,
}

impl Belt {
    /// Looks at it.
    pub(super) fn of(belt: &belt::Belt) -> Self {
        let places = [(0.0, Eye::Entry), (800.0, Eye::Scan), (4_000.0, Eye::Decision), (6_000.0, Eye::Exit)];
        Self {
            bags: belt.bags().iter().map(|bag| (bag.rear(), bag.front, bag.side)).collect(),
            eyes: places.into_iter().map(|(mm, eye)| (mm, belt.sees(eye))).collect(),
            runs: belt.runs(),
            beam: belt.beam(),
        }
    }

    /// Bags ride from left to right; those that were led to the examination ride a row lower.
    pub(super) fn rows(&self, width: usize) -> Vec<Row<'static>> {
        let place = |mm: f64| ((mm / BELT).clamp(0.0, 1.0) * width.saturating_sub(1) as f64).round() as usize;
        let (mut exit, mut aside) = (vec![' '; width], vec![' '; width]);
        for (rear, front, side) in self.bags.iter().filter(|(rear, front, _)| *front > 0.0 && *rear < BELT) {
            let row = if *side == Some(Away::Examine) { &mut aside } else { &mut exit };
            row[place(*rear)..=place(*front)].fill('▆');
        }
        let mut ground = vec![if self.runs { '═' } else { '─' }; width];
        for (mm, seen) in &self.eyes {
            ground[place(*mm)] = if *seen { '▓' } else { '┴' };
        }
        ground[place(1_200.0)] = if self.beam { '☢' } else { '×' };
        let row = |cells: Vec<char>| Row::from(cells.into_iter().collect::<String>());
        let words = " entry · scan, source ☢ · decision · exit; below: led to the examination";
        vec![row(exit).bold(), row(ground), row(aside), Row::from(words).dim()]
    }
}

/// The road from the side: vehicles as blocks, the arm as a post with a bar that rises.
pub(super) fn road(gate: &GateView, width: usize) -> Vec<Row<'static>> {
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

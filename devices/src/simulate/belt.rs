//! A belt through an X-ray machine: bags that ride, light barriers that see them, pictures, a diverter, hands.
//!
//! It keeps the score that matters: which bag left by which side, and how often the diverter moved against one.

use std::time::Duration;

/// The belt reaches its speed, and comes to rest, within this time.
const RAMP: Duration = Duration::from_millis(250);
/// Behind the exit a bag rides on for so long before it is gone.
const AWAY_MM: f64 = 400.0;

/// How a belt is built, in millimetres from the entry light barrier and millimetres a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeltSetup {
    /// The light barrier before the tunnel.
    pub scan_mm: f64,
    /// From there to the source.
    pub source_mm: f64,
    /// The light barrier where it is decided.
    pub decision_mm: f64,
    /// The light barriers of exit and examination.
    pub exit_mm: f64,
    /// From the decision to the diverter's blade, and the blade's length; `None` without a diverter.
    pub blade: Option<(f64, f64)>,
    /// How long the blade takes from side to side.
    pub blade_travel: Duration,
    /// True speed of the belt.
    pub speed: f64,
    /// Bags nearer to each other than this are in one picture.
    pub picture_gap_mm: f64,
}

/// Where a bag leaves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// To its owner.
    Exit,
    /// To the examination.
    Examine,
    /// Into somebody's hands.
    Hands,
}

/// One bag.
#[derive(Clone, Debug, PartialEq)]
pub struct Bag {
    /// Its number.
    pub id: u64,
    /// Where its front is.
    pub front: f64,
    /// How long it is.
    pub length: f64,
    /// The side that the blade led it to.
    pub side: Option<Away>,
}

impl Bag {
    /// Where its rear is.
    pub fn rear(&self) -> f64 {
        self.front - self.length
    }

    fn covers(&self, mm: f64) -> bool {
        self.rear() < mm && mm < self.front
    }
}

/// A place that sees bags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eye {
    /// At the entry.
    Entry,
    /// Before the tunnel.
    Scan,
    /// At the decision.
    Decision,
    /// At the exit.
    Exit,
    /// At the examination.
    Examine,
}

/// Bags that one picture shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    /// Their numbers, the foremost first.
    pub bags: Vec<u64>,
}

/// The belt and everything on it.
#[derive(Clone, Debug)]
pub struct Belt {
    setup: BeltSetup,
    /// The foremost first.
    bags: Vec<Bag>,
    last_id: u64,
    /// As a part of the full speed.
    pace: f64,
    motor: Motor,
    /// 0 leads to the examination, 1 to the exit.
    blade: f64,
    wanted: Away,
    /// Bags of the picture that is not finished.
    in_picture: Vec<u64>,
    shots: Vec<Shot>,
    gone: Vec<(u64, Away)>,
    struck: u32,
    stops: u32,
    beam: bool,
    travelled: f64,
}

/// What the motor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motor {
    Off,
    Forward,
    Backward,
}

impl Belt {
    /// An empty belt that stands; its diverter rests.
    pub const fn new(setup: BeltSetup) -> Self {
        Self {
            setup,
            bags: Vec::new(),
            last_id: 0,
            pace: 0.0,
            motor: Motor::Off,
            blade: 0.0,
            wanted: Away::Examine,
            in_picture: Vec::new(),
            shots: Vec::new(),
            gone: Vec::new(),
            struck: 0,
            stops: 0,
            beam: false,
            travelled: 0.0,
        }
    }

    /// A person starts it at the machine, and its beam with it.
    pub const fn start(&mut self) {
        self.motor = Motor::Forward;
        self.beam = true;
    }

    /// A person lets it run backwards.
    pub const fn reverse(&mut self) {
        self.motor = Motor::Backward;
        self.beam = false;
    }

    /// It is told to stop.
    pub const fn stop(&mut self) {
        if !matches!(self.motor, Motor::Off) {
            self.stops += 1;
        }
        self.motor = Motor::Off;
        self.beam = false;
    }

    /// The beam is told to end.
    pub const fn beam_off(&mut self) {
        self.beam = false;
    }

    /// The diverter is told where to lead.
    pub const fn lead(&mut self, side: Away) {
        self.wanted = side;
    }

    /// From here on the belt runs at this speed.
    pub const fn set_speed(&mut self, speed: f64) {
        self.setup.speed = speed;
    }

    /// A bag is put down with its front at `front`; returns its number. It pushes nobody: a place that is taken makes
    /// the two overlap, as on a belt they lie on each other.
    pub fn put(&mut self, front: f64, length: f64) -> u64 {
        self.last_id += 1;
        self.bags.push(Bag { id: self.last_id, front, length, side: None });
        self.sort();
        self.last_id
    }

    /// Somebody takes a bag off.
    pub fn take(&mut self, id: u64) -> Option<Bag> {
        let place = self.bags.iter().position(|bag| bag.id == id)?;
        self.in_picture.retain(|shown| *shown != id);
        self.gone.push((id, Away::Hands));
        Some(self.bags.remove(place))
    }

    /// Somebody moves a bag along the belt.
    pub fn shift(&mut self, id: u64, by: f64) {
        if let Some(bag) = self.bags.iter_mut().find(|bag| bag.id == id) {
            bag.front += by;
        }
        self.sort();
    }

    /// Somebody lets two bags change places, front at front.
    pub fn swap(&mut self, one: u64, other: u64) {
        let place = |id| self.bags.iter().position(|bag| bag.id == id);
        if let (Some(one), Some(other)) = (place(one), place(other)) {
            let (first, second) = (self.bags[one].front, self.bags[other].front);
            (self.bags[one].front, self.bags[other].front) = (second, first);
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.bags.sort_by(|one, other| other.front.total_cmp(&one.front));
    }

    /// Lets time pass.
    pub fn advance(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let wanted = match self.motor {
            Motor::Off => 0.0,
            Motor::Forward => 1.0,
            Motor::Backward => -1.0,
        };
        let step = seconds / RAMP.as_secs_f64();
        self.pace += (wanted - self.pace).clamp(-step, step);
        self.turn_blade(seconds);
        self.ride(self.pace * self.setup.speed * seconds);
    }

    fn turn_blade(&mut self, seconds: f64) {
        let Some((lead, length)) = self.setup.blade else { return };
        let before = self.blade;
        let step = seconds / self.setup.blade_travel.as_secs_f64();
        let wanted = if self.wanted == Away::Exit { 1.0 } else { 0.0 };
        self.blade += (wanted - self.blade).clamp(-step, step);
        let from = self.setup.decision_mm + lead;
        let over = |bag: &Bag| bag.front > from && bag.rear() < from + length;
        if (before - self.blade).abs() > f64::EPSILON && self.bags.iter().any(over) {
            self.struck += 1;
        }
    }

    fn ride(&mut self, mm: f64) {
        self.travelled += mm;
        let line = self.setup.scan_mm + self.setup.source_mm;
        let blade = self.setup.decision_mm + self.setup.blade.map_or(0.0, |(lead, _)| lead);
        for place in 0..self.bags.len() {
            let bag = &mut self.bags[place];
            let (rear, front) = (bag.rear(), bag.front);
            bag.front += mm;
            if front < blade && bag.front >= blade {
                bag.side =
                    Some(if self.setup.blade.is_none() || self.blade >= 0.5 { Away::Exit } else { Away::Examine });
                // A blade between its ends leads nowhere.
                self.struck += u32::from(self.setup.blade.is_some() && self.blade > 0.02 && self.blade < 0.98);
            }
            let leaves = rear < line && bag.rear() >= line;
            if leaves {
                self.picture(place, line);
            }
        }
        let end = self.setup.exit_mm + AWAY_MM;
        let gone = self.bags.iter().filter(|bag| bag.rear() > end);
        self.gone.extend(gone.map(|bag| (bag.id, bag.side.unwrap_or(Away::Exit))));
        self.bags.retain(|bag| bag.rear() <= end);
    }

    /// A rear leaves the source: the picture is finished unless the next bag follows closely.
    fn picture(&mut self, place: usize, line: f64) {
        self.in_picture.push(self.bags[place].id);
        let rear = self.bags[place].rear();
        let close = |bag: &Bag| bag.rear() < line && bag.front > rear - self.setup.picture_gap_mm;
        if !self.bags.iter().any(close) {
            self.shots.push(Shot { bags: std::mem::take(&mut self.in_picture) });
        }
    }

    /// Whether the light barrier is shadowed.
    pub fn sees(&self, eye: Eye) -> bool {
        let (mm, side) = match eye {
            Eye::Entry => (0.0, None),
            Eye::Scan => (self.setup.scan_mm, None),
            Eye::Decision => (self.setup.decision_mm, None),
            Eye::Exit => (self.setup.exit_mm, Some(Away::Exit)),
            Eye::Examine => (self.setup.exit_mm, Some(Away::Examine)),
        };
        self.bags.iter().any(|bag| bag.covers(mm) && (side.is_none() || bag.side == side))
    }

    /// Bags that shadow the light barrier.
    pub fn at(&self, eye: Eye) -> Vec<u64> {
        let mm = match eye {
            Eye::Entry => 0.0,
            Eye::Scan => self.setup.scan_mm,
            Eye::Decision => self.setup.decision_mm,
            Eye::Exit | Eye::Examine => self.setup.exit_mm,
        };
        self.bags.iter().filter(|bag| bag.covers(mm)).map(|bag| bag.id).collect()
    }

    /// The motor turns, whichever way.
    pub fn runs(&self) -> bool {
        self.motor != Motor::Off
    }

    /// The motor turns backwards.
    pub fn backwards(&self) -> bool {
        self.motor == Motor::Backward
    }

    /// The tube emits.
    pub const fn beam(&self) -> bool {
        self.beam
    }

    /// Limit switches of the diverter: it leads to the exit, it leads to the examination.
    pub fn limits(&self) -> (bool, bool) {
        (self.blade > 0.98, self.blade < 0.02)
    }

    /// What is on the belt, the foremost first.
    pub fn bags(&self) -> &[Bag] {
        &self.bags
    }

    /// Pictures that were finished since the last call.
    pub fn shots(&mut self) -> Vec<Shot> {
        std::mem::take(&mut self.shots)
    }

    /// Bags that left since the last call, and where to.
    pub fn gone(&mut self) -> Vec<(u64, Away)> {
        std::mem::take(&mut self.gone)
    }

    /// How often the blade moved with a bag over it, or a bag ran into a blade between its ends.
    pub const fn struck(&self) -> u32 {
        self.struck
    }

    /// How far it has truly run, in millimetres; backwards counts against it.
    pub const fn travelled(&self) -> f64 {
        self.travelled
    }

    /// How often it was stopped while it ran.
    pub const fn stops(&self) -> u32 {
        self.stops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: BeltSetup = BeltSetup {
        scan_mm: 800.0,
        source_mm: 400.0,
        decision_mm: 3_000.0,
        exit_mm: 4_200.0,
        blade: Some((600.0, 300.0)),
        blade_travel: Duration::from_millis(500),
        speed: 200.0,
        picture_gap_mm: 60.0,
    };

    fn run(belt: &mut Belt, seconds: u32) {
        (0..seconds * 100).for_each(|_| belt.advance(Duration::from_millis(10)));
    }

    #[test]
    fn a_bag_rides_through_its_picture_to_the_side_that_the_blade_leads_to() {
        let mut belt = Belt::new(SETUP);
        let bag = belt.put(-10.0, 500.0);
        belt.start();
        run(&mut belt, 12);
        assert_eq!(belt.shots(), [Shot { bags: vec![bag] }]);
        belt.lead(Away::Exit);
        run(&mut belt, 20);
        assert_eq!(belt.gone(), [(bag, Away::Exit)]);
        assert_eq!(belt.struck(), 0);
    }

    #[test]
    fn bags_that_touch_are_one_picture_and_bags_apart_are_two() {
        for (gap, shots) in [(10.0, 1), (100.0, 2)] {
            let mut belt = Belt::new(SETUP);
            belt.put(-10.0, 500.0);
            belt.put(-510.0 - gap, 500.0);
            belt.start();
            run(&mut belt, 15);
            assert_eq!(belt.shots().len(), shots, "{gap} mm apart");
        }
    }

    #[test]
    fn a_blade_that_turns_against_a_bag_is_counted() {
        let mut belt = Belt::new(SETUP);
        belt.put(SETUP.decision_mm + 700.0, 500.0);
        belt.lead(Away::Exit);
        run(&mut belt, 1);
        assert!(belt.struck() > 0);
    }

    #[test]
    fn a_belt_that_stands_moves_nobody() {
        let mut belt = Belt::new(SETUP);
        belt.put(-10.0, 500.0);
        belt.start();
        run(&mut belt, 1);
        belt.stop();
        run(&mut belt, 1);
        let rested = belt.bags()[0].front;
        run(&mut belt, 5);
        assert_eq!(belt.bags()[0].front, rested);
        assert_eq!(belt.stops(), 1);
    }
}

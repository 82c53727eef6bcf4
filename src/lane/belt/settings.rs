//! What the lane file says about one belt lane, checked and in the units the machine works in: millimetres along the
//! belt, counted from the entry sensor.

use std::sync::Arc;
use std::time::Duration;

use crate::lane::Desk;

/// Where a presence sensor of a belt lane looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spot {
    /// Where subjects are put on the belt.
    Entry,
    /// Before the X-ray source: who passes here is in the next picture.
    Scan,
    /// Where it is decided who goes on.
    Decision,
    /// Behind the decision, on the way out.
    Exit,
    /// On the side of the examination.
    Examine,
    /// A light curtain beside the belt between scan and decision: somebody reaches in.
    Reach,
}

impl Spot {
    /// The word in the lane file, records and views.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Scan => "scan",
            Self::Decision => "decision",
            Self::Exit => "exit",
            Self::Examine => "examine",
            Self::Reach => "reach",
        }
    }

    /// The spot that a subject passes before this one.
    pub(super) const fn before(self) -> Option<Self> {
        match self {
            Self::Entry | Self::Reach => None,
            Self::Scan => Some(Self::Entry),
            Self::Decision => Some(Self::Scan),
            Self::Exit | Self::Examine => Some(Self::Decision),
        }
    }
}

/// One presence sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Name as the lane file gives it.
    pub name: Arc<str>,
    /// Where it looks.
    pub spot: Spot,
}

/// What drives the belt and makes the beam: the X-ray machine, as far as it lets itself be asked.
#[derive(Clone, Debug)]
pub struct Drive {
    /// Device id, the subject of its records.
    pub device: Arc<str>,
    /// It has an output that switches the beam off.
    pub can_beam_off: bool,
    /// It says whether its beam is on.
    pub has_beam: bool,
    /// It reports its interlock chain.
    pub has_interlock: bool,
}

/// The diverter. At rest it leads to the examination.
#[derive(Clone, Debug)]
pub struct Diverter {
    /// Device id, the subject of its records.
    pub device: Arc<str>,
    /// From the decision sensor to the first point that the diverter moves over.
    pub lead_mm: f64,
    /// Length of what it moves over.
    pub blade_mm: f64,
    /// Longest regular travel from one side to the other.
    pub travel: Duration,
}

/// What keeps an unreleased subject from the exit.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The belt is stopped with the subject at the decision sensor.
    Stop,
    /// A diverter leads it to the examination.
    Divert(Diverter),
}

/// When pictures come, and how many.
#[derive(Clone, Copy, Debug)]
pub struct ImageRule {
    /// From the scan sensor to the X-ray source.
    pub source_mm: f64,
    /// A picture comes no earlier than this after its subject's rear has left the source.
    pub min: Duration,
    /// And no later than this, as a rule.
    pub max: Duration,
    /// No picture comes later than this. What comes between `max` and `late` is bound to nobody.
    pub late: Duration,
    /// File times may be wrong by this much.
    pub step: Duration,
    /// Pictures of one subject.
    pub count: usize,
    /// Subjects nearer to each other than this may come in one picture: the machine cuts as it thinks best.
    pub cut_mm: f64,
}

/// Everything the belt lane needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Agencies of the lane, in the lane file's order.
    pub agencies: Vec<Arc<str>>,
    /// Desks that judge.
    pub desks: Vec<Desk>,
    /// After this a missing required verdict is `not_reviewed`, and the subject is held.
    pub review_timeout: Duration,
    /// Verdicts stay sealed until all required ones are in or time is up.
    pub blind: bool,
    /// Presence sensors; [`super::Event::Sensor`] names them by their place here.
    pub sensors: Vec<Sensor>,
    /// The belt and its X-ray machine.
    pub drive: Drive,
    /// What keeps an unreleased subject from the exit.
    pub decision: Decision,
    /// From the entry sensor to the scan sensor.
    pub scan_mm: f64,
    /// From the entry sensor to the decision sensor.
    pub decision_mm: f64,
    /// From the entry sensor to the exit sensor.
    pub exit_mm: f64,
    /// From the entry sensor to the examination sensor, where there is one.
    pub examine_mm: f64,
    /// Nominal speed of the belt, millimetres a second.
    pub speed: f64,
    /// The true speed differs from the nominal by no more than this part of it.
    pub tolerance: f64,
    /// What polling, and the angle of a light barrier, add to every measured way.
    pub slack_mm: f64,
    /// What one start or stop of the belt adds.
    pub slip_mm: f64,
    /// A clear stretch shorter than this belongs to the same subject; the X-ray machine cuts no finer.
    pub gap_mm: f64,
    /// A shadow shorter than this is dust.
    pub noise_mm: f64,
    /// No subject is longer.
    pub length_max_mm: f64,
    /// When pictures come.
    pub images: ImageRule,
    /// A sensor or contact not read for this long is unknown.
    pub stale_after: Duration,
    /// The belt stands still within this time after it was told to stop.
    pub stop_within: Duration,
}

impl Settings {
    /// Where the sensor stands, from the entry.
    pub(super) const fn position(&self, spot: Spot) -> f64 {
        match spot {
            Spot::Entry | Spot::Reach => 0.0,
            Spot::Scan => self.scan_mm,
            Spot::Decision => self.decision_mm,
            Spot::Exit => self.exit_mm,
            Spot::Examine => self.examine_mm,
        }
    }

    /// The place of the sensor at `spot`.
    pub(super) fn sensor(&self, spot: Spot) -> Option<usize> {
        self.sensors.iter().position(|sensor| sensor.spot == spot)
    }

    /// The diverter, where the lane has one.
    pub(super) const fn diverter(&self) -> Option<&Diverter> {
        match &self.decision {
            Decision::Divert(diverter) => Some(diverter),
            Decision::Stop => None,
        }
    }
}

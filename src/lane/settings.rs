//! What the lane file says about one gate lane, checked and in the units the machine works in.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;

use super::{radiation, temperature};

/// Where a presence sensor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Before the arm and wholly outside its sweep: it announces a subject and does not guard the arm.
    Approach,
    /// Under the arm: guards it.
    Under,
    /// Behind the arm: guards it, and shows that the subject has passed.
    Beyond,
}

impl Place {
    /// True where a subject could be struck by the arm.
    pub const fn guards_arm(self) -> bool {
        match self {
            Self::Approach => false,
            Self::Under | Self::Beyond => true,
        }
    }
}

/// One presence sensor.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// Name as the lane file gives it, for records and refusals.
    pub name: Arc<str>,
    /// Where it looks.
    pub place: Place,
    /// It must be seen to change in each passage before the arm may close: a sensor stuck at clear is found so.
    pub proves: bool,
}

/// The barrier.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Device id, the subject of its records.
    pub device: Arc<str>,
    /// How it closes.
    pub closes: Closes,
    /// It has a stop output.
    pub can_stop: bool,
    /// It reports its own protection as ready, and closing requires that.
    pub has_protection: bool,
    /// It reports its stop button: unreadable counts as pressed wherever closing is concerned.
    pub has_stop_button: bool,
    /// It reports a fault of its own: unreadable counts as faulty wherever closing is concerned.
    pub has_fault: bool,
    /// Longest regular travel from limit to limit.
    pub travel: Duration,
}

/// What a missing verdict of a desk means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeskRole {
    /// No release without its verdict.
    Required,
    /// Its silence blocks nothing; its alarm holds all the same.
    Advisory,
}

/// One agency's desk at the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desk {
    /// Agency id.
    pub agency: Arc<str>,
    /// What its silence means.
    pub role: DeskRole,
}

/// What a review waits for before it asks the desks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureRule {
    /// A station with an X-ray source: at least one picture, within the given time; none means hold.
    Required {
        /// How long to wait for it after identification.
        within: Duration,
    },
    /// No X-ray source at this lane: the desks are asked at once.
    None,
}

/// Everything the gate lane needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Agencies of the lane, in the lane file's order.
    pub agencies: Vec<Arc<str>>,
    /// Presence sensors; [`super::Event::Sensor`] names them by their place here.
    pub sensors: Vec<Sensor>,
    /// The barrier.
    pub arm: Arm,
    /// Desks that judge.
    pub desks: Vec<Desk>,
    /// What a review waits for.
    pub picture: PictureRule,
    /// After this a missing required verdict is `not_reviewed`, and the subject is held.
    pub review_timeout: Duration,
    /// How temperatures are measured; `None`: the lane measures none.
    pub temperature: Option<temperature::Rules>,
    /// The radiation portal in the lane; `None`: it has none.
    pub radiation: Option<radiation::Rules>,
    /// Verdicts stay sealed until all required ones are in or time is up.
    pub blind: bool,
    /// Every guarding sensor must have been clear without a break for this long before a close; at least 1.5 s.
    pub clear_for: Duration,
    /// A sensor or contact not read for this long is unknown; at most 300 ms.
    pub stale_after: Duration,
    /// A `held` close is renewed this often; at most 100 ms.
    pub renew_every: Duration,
    /// A subject without an identity for this long: the officers are asked, an alarm is raised.
    pub identify_timeout: Duration,
    /// A released subject that has not departed after this long: alarm, the arm stays open.
    pub leave_timeout: Duration,
    /// A subject that left the approach without reaching the arm is gone after this long.
    pub gone_after: Duration,
    /// Under and beyond the arm, a gap shorter than this belongs to the same subject (drawbar, trailer); it delays the
    /// tailgating alarm, never a protective act.
    pub trailer_gap: Duration,
}

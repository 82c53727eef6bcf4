//! The gate lane: told what happened, it says what to do, in order.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::arm::Arm;
use super::inspection::Inspection;
use super::recall::Recalled;
use super::sensors::Sensors;
use super::settings::Settings;
use super::{ArmView, Effect, Event, Order, View};

/// Gives each new inspection its id.
pub type Ids = Box<dyn FnMut() -> Arc<str> + Send>;

/// The pure machine of one gate lane.
pub struct Lane {
    pub(super) settings: Settings,
    pub(super) ids: Ids,
    pub(super) now: Moment,
    pub(super) sensors: Sensors,
    pub(super) arm: Arm,
    pub(super) asked: Option<Order>,
    pub(super) inspection: Option<Inspection>,
}

impl Lane {
    /// A lane that has seen nothing and assumes nothing.
    pub fn new(settings: Settings, ids: Ids) -> Self {
        Self::restore(settings, ids, Recalled::NOTHING)
    }

    /// A lane that goes on with the inspection that its records tell of.
    pub fn restore(mut settings: Settings, ids: Ids, memory: Recalled) -> Self {
        settings.clear_for = settings.clear_for.max(Duration::from_millis(1_500));
        settings.stale_after = settings.stale_after.min(Duration::from_millis(300));
        settings.renew_every = settings.renew_every.min(Duration::from_millis(100));
        Self {
            sensors: Sensors::new(&settings),
            arm: Arm::new(&settings),
            asked: None,
            inspection: memory.inspection,
            now: Moment::START,
            ids,
            settings,
        }
    }

    /// Takes one event and says what to do about it, in order. Time never goes back: an earlier `now` counts as the
    /// latest.
    pub fn handle(&mut self, now: Moment, _event: Event) -> Vec<Effect> {
        self.now = self.now.max(now);
        Vec::new()
    }

    /// What screens show.
    pub fn view(&self) -> View {
        View {
            step: self.inspection.as_ref().map_or("free", Inspection::word),
            inspection: None,
            arm: ArmView { asked: self.asked, seen: self.arm.seen().word(), state: "boot", waits_for: None },
            sensors: Vec::new(),
            faults: Vec::new(),
            next: Vec::new(),
        }
    }

    /// When the lane wants to be told [`Event::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Moment> {
        None
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("now", &self.now).field("inspection", &self.inspection).finish_non_exhaustive()
    }
}

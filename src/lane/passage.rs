//! The subject's way through the lane: arrival, decision, opening, passing, leaving, and those who come without leave.
//!
//! The arrows of an inspection are drawn in `inspection.rs`; here is what makes each happen. Those without leave:
//!
//! ```text
//!  none ──under rises──► Tailgating (arm not seen closed since the last subject) or Intrusion ──┐
//!    ▲  ──beyond rises─► WrongWay                                                               │
//!    └────────────────────────── every guarding sensor clear ◄──────────────────────────────────┘
//! ```
//! - under rises, no released subject → Tailgating, Intrusion: alarm; a tailgater gets an inspection of its own.
//! - beyond rises, nobody on the way there → WrongWay: alarm.
//! - all clear → none: an unreleased subject that reached the far side has passed; its inspection ends so.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use serde_json::json;

use super::arm;
use super::contacts::Position;
use super::inspection::{Inspection, Reason, Sameness, Step, Way};
use super::lane::{Lane, License, ms};
use super::radiation::Portal;
use super::screening::Screening;
use super::settings::Place;
use super::{Effect, Order};

/// The barrier's own protection may take this long to report ready after everything is clear.
pub(super) const PROTECTION_PATIENCE: Duration = Duration::from_secs(2);

/// Whether the arm has been seen closed since the last subject left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    Shut,
    Ajar,
}

/// Somebody at the arm without leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trespass {
    pub(super) kind: Offence,
    /// A sensor behind the arm has risen since.
    pub(super) beyond_rose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offence {
    Tailgating,
    Intrusion,
    WrongWay,
}

impl Offence {
    const fn alarm(self) -> &'static str {
        match self {
            Self::Tailgating => "alarm.tailgating",
            Self::Intrusion => "alarm.intrusion",
            Self::WrongWay => "alarm.wrong_way",
        }
    }
}

impl Lane {
    /// The lane begins when every sensor and both limits have been read: before that nothing is assumed.
    pub(super) fn begin(&mut self) {
        if self.begun || !self.sensors.all_reported() || !self.arm.limits_read() {
            return;
        }
        self.begun = true;
        let passing = self.inspection.as_ref().and_then(Inspection::way).is_some();
        if !passing && (self.sensors.present(Place::Under) || self.sensors.present(Place::Beyond)) {
            self.trespass(Offence::Intrusion);
        }
    }

    /// A sensor rose to present.
    pub(super) fn rose(&mut self, sensor: usize) {
        let Some(place) = self.sensors.place(sensor) else { return };
        if place.guards_arm() && self.license == License::Confirmed {
            self.license = License::None; // what the person saw is no longer so
        }
        let way = self.inspection.as_ref().and_then(Inspection::way);
        match (place, way) {
            _ if !self.begun => {}
            (Place::Under, Some(Way::Beyond)) => {
                self.depart();
                self.trespass(Offence::Tailgating);
            }
            (Place::Under, None) => {
                let tail = self.behind == Behind::Ajar;
                self.trespass(if tail { Offence::Tailgating } else { Offence::Intrusion });
            }
            (Place::Beyond, Some(Way::Under { .. })) => {
                if let Some(inspection) = &mut self.inspection {
                    inspection.go(Way::Under { beyond_rose: true });
                }
            }
            (Place::Beyond, None | Some(Way::Pending | Way::Confirm | Way::Waiting { .. } | Way::Vanished)) => {
                self.trespass(Offence::WrongWay);
            }
            (Place::Approach, _) | (Place::Under, Some(_)) | (Place::Beyond, Some(Way::Beyond)) => {}
        }
    }

    fn trespass(&mut self, kind: Offence) {
        if let Some(trespass) = &mut self.trespass {
            trespass.beyond_rose |= kind == Offence::WrongWay;
            return;
        }
        self.trespass = Some(Trespass { kind, beyond_rose: false });
        if kind == Offence::Tailgating && self.inspection.is_none() {
            self.open_inspection(Reason::Tailgating);
        }
        self.alarm(kind.alarm(), json!({}));
    }

    /// Ends a trespass when nobody is at the arm any more.
    pub(super) fn end_trespass(&mut self) {
        if !self.sensors.guard_clear(self.now, self.settings.trailer_gap) {
            return;
        }
        let Some(Trespass { kind, beyond_rose }) = self.trespass.take() else { return };
        let unreleased = self.inspection.as_ref().is_some_and(|inspection| inspection.way().is_none());
        let through = beyond_rose || (!self.sensors.exist(Place::Beyond) && !self.sensors.present(Place::Approach));
        if unreleased && through && kind != Offence::WrongWay {
            self.close_inspection("passed_unreleased");
        }
    }

    pub(super) fn open_inspection(&mut self, reason: Reason) {
        let until = self.now + self.settings.identify_timeout;
        let mut inspection = Inspection::new((self.ids)(), reason, &self.settings.desks, self.now, until);
        inspection.case.screening = self.settings.temperature.as_ref().map(|_| Screening::new());
        inspection.case.portal = self.settings.radiation.as_ref().map(|_| Portal::new());
        self.inspection = Some(inspection);
        self.inspection_note("inspection.opened", json!({ "reason": reason.word(), "sensors": self.sensors.vector() }));
    }

    pub(super) fn close_inspection(&mut self, outcome: &'static str) {
        let Some(inspection) = &self.inspection else { return };
        let id = Arc::clone(&inspection.case.id);
        let grounds = match inspection.step {
            Step::Released { grounds, .. } => Some(grounds.word()),
            Step::Unidentified { .. } | Step::AwaitingPicture { .. } | Step::Reviewing { .. } | Step::Held => None,
        };
        let held = !inspection.case.holds.is_empty();
        let data = json!({
            "outcome": outcome, "released_by": grounds, "identity": inspection.case.identity,
            "holds": inspection.case.holds_data(), "verdicts": inspection.case.verdicts_data(),
            "findings": inspection.case.findings_data(), "sensors": self.sensors.vector(),
        });
        if held {
            self.alarm("alarm.held_subject_left", json!({ "outcome": outcome }));
        }
        self.inspection_note("inspection.closed", data);
        self.inspection = None;
        self.before = Some(Arc::clone(&id));
        self.out.push(Effect::Forget { inspection: id });
    }

    /// Takes one arrow of the inspection; `false` when nothing is left to do at this moment.
    pub(super) fn advance(&mut self) -> bool {
        let Some(inspection) = &self.inspection else { return self.arrive() };
        if inspection.way().is_none() && inspection.reason != Reason::Override && self.gone() {
            self.close_inspection("withdrawn");
            return true;
        }
        match inspection.step {
            Step::Unidentified { until } => self.identified_or_ask(until),
            Step::AwaitingPicture { until } => self.pictured_or_hold(until),
            Step::Reviewing { until } => self.conclude_when_due(until),
            Step::Held if inspection.case.holds.is_empty() => self.lifted(),
            Step::Held => false,
            Step::Released { way, leave_by, .. } => self.remind(leave_by) || self.pass(way),
        }
    }

    fn arrive(&mut self) -> bool {
        let free = self.begun && self.trespass.is_none() && self.sensors.present(Place::Approach);
        if free {
            self.open_inspection(Reason::Approach);
        }
        free
    }

    /// No sensor has shown a subject for `gone_after`.
    fn gone(&self) -> bool {
        let wait = self.settings.gone_after;
        self.sensors.exist(Place::Approach)
            && self.sensors.clear_at(Place::Approach, self.now, wait)
            && self.sensors.guard_clear(self.now, wait)
    }

    fn remind(&mut self, leave_by: Option<Moment>) -> bool {
        let due = leave_by.is_some_and(|by| self.now >= by);
        if due {
            if let Some(Inspection { step: Step::Released { leave_by, .. }, .. }) = &mut self.inspection {
                *leave_by = None;
            }
            self.alarm("alarm.never_left", json!({ "after_ms": ms(self.settings.leave_timeout) }));
        }
        due
    }

    fn pass(&mut self, way: Way) -> bool {
        let under = self.sensors.present(Place::Under);
        let shut = self.arm.position() == Position::Closed;
        match way {
            Way::Pending => self.open_when_possible(),
            Way::Confirm | Way::Waiting { .. } | Way::Vanished if under && !shut => self.enter(),
            Way::Waiting { .. } if self.opening_failed() => self.go(Way::Confirm),
            Way::Waiting { asked } => self.now >= asked + self.settings.gone_after && self.vanish(),
            Way::Confirm => self.vanish(),
            Way::Under { beyond_rose } => self.leave_under(beyond_rose),
            Way::Beyond => self.sensors.guard_clear(self.now, self.settings.trailer_gap) && self.depart(),
            // Whoever arrives is another: it must not pass on this one's release.
            Way::Vanished if self.sensors.present(Place::Approach) => {
                self.behind = Behind::Ajar;
                self.close_inspection("vanished");
                true
            }
            Way::Vanished => false,
        }
    }

    fn go(&mut self, way: Way) -> bool {
        self.inspection.as_mut().map(|inspection| inspection.go(way)).is_some()
    }

    /// The arm was asked to open, and neither opens nor stands open.
    fn opening_failed(&self) -> bool {
        let position = self.arm.position();
        let moving = matches!(self.arm.state(), arm::State::Opening { .. } | arm::State::Open);
        !moving && matches!(position, Position::Closed | Position::Between | Position::Both)
    }

    fn open_when_possible(&mut self) -> bool {
        if self.arm.latched().is_some() {
            return self.go(Way::Confirm);
        }
        if self.arm.state() == arm::State::Boot || self.arm.closing() {
            return false;
        }
        self.open_arm("released");
        true
    }

    /// Asks the arm to open for the subject in the lane. From here the sensors prove themselves anew.
    pub(super) fn open_arm(&mut self, why: &str) {
        self.order(Order::Open, why);
        self.sensors.forget_guard_changes();
        // A doubt lasts as long as its cause: what is unknown at the opening proves nothing in this passage.
        self.license = if self.blind() { License::None } else { License::Proving };
        self.told_protection = false;
        self.arm.ask_open(self.now);
        self.wait_for_subject();
    }

    pub(super) fn wait_for_subject(&mut self) {
        if let Some(Inspection { step: Step::Released { way, leave_by, .. }, .. }) = &mut self.inspection {
            *way = Way::Waiting { asked: self.now };
            *leave_by = Some(self.now + self.settings.leave_timeout);
        }
    }

    fn enter(&mut self) -> bool {
        self.inspection_note("inspection.entered", json!({ "sensors": self.sensors.vector() }));
        self.go(Way::Under { beyond_rose: false })
    }

    fn vanish(&mut self) -> bool {
        let nobody_expected = self.inspection.as_ref().is_some_and(|inspection| inspection.reason == Reason::Override);
        if nobody_expected || !self.gone() {
            return false;
        }
        self.alarm("alarm.vanished", json!({}));
        self.go(Way::Vanished)
    }

    fn leave_under(&mut self, beyond_rose: bool) -> bool {
        let restored = self.inspection.as_ref().is_some_and(|inspection| inspection.sameness == Sameness::Restored);
        let reached =
            beyond_rose || !self.sensors.exist(Place::Beyond) || (restored && self.sensors.present(Place::Beyond));
        if !self.sensors.clear_at(Place::Under, self.now, self.settings.trailer_gap) {
            return false;
        }
        if reached {
            return self.go(Way::Beyond);
        }
        if !self.sensors.present(Place::Approach) {
            return self.vanish();
        }
        self.inspection_note("inspection.backed_out", json!({ "sensors": self.sensors.vector() }));
        let way = if restored { Way::Confirm } else { Way::Waiting { asked: self.now } };
        self.go(way)
    }

    /// The released subject has left. The passage entitles to one close if every proving sensor took part in it.
    fn depart(&mut self) -> bool {
        let unproved = self.sensors.unproved();
        self.license = match self.license {
            License::Proving if unproved.is_empty() => License::Passed,
            License::Proving => {
                self.alarm("alarm.sensor_unproved", json!({ "unproved": unproved }));
                License::None
            }
            License::None | License::Passed | License::Confirmed => License::None,
        };
        self.behind = if self.arm.position() == Position::Closed { Behind::Shut } else { Behind::Ajar };
        self.close_inspection("departed");
        true
    }

    /// Gives the one close of a passage, once everything agrees.
    pub(super) fn close_when_clear(&mut self) {
        let why = match self.license {
            License::Passed => "passed",
            License::Confirmed => "confirmed_clear",
            License::None | License::Proving => return,
        };
        let passing = self.inspection.as_ref().and_then(Inspection::way).is_some();
        let may = self.settings.arm.closes != Closes::Own && self.arm.state() == arm::State::Open && !passing;
        if !may || !self.sensors.guard_clear(self.now, self.settings.clear_for) {
            return;
        }
        if let Some(doubt) = self.arm.doubt() {
            self.protection_missing(doubt);
            return;
        }
        if self.arm.position() == Position::Open {
            self.order(Order::Close { renewal: 0 }, why);
            self.arm.ask_close(self.now);
            self.doubted();
        }
    }

    fn protection_missing(&mut self, doubt: &'static str) {
        let long = self.sensors.guard_clear(self.now, self.settings.clear_for + PROTECTION_PATIENCE);
        if long && !std::mem::replace(&mut self.told_protection, true) {
            self.alarm("alarm.close_prevented", json!({ "by": doubt }));
        }
    }
}

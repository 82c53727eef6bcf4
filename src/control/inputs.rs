//! What reaches the control task, turned into events of the lane and records.

use std::collections::BTreeMap;
use std::sync::Arc;

use portside_devices::moment::Moment;
use portside_devices::reading::{Quality, Reading};
use serde_json::json;

use super::call::{Call, Reply};
use super::devices::Ordered;
use super::machine::Happening;
use super::queue::Step;
use super::socket::Asked;
use super::{Control, Scan, Shown};
use crate::field::FieldEvent;
use crate::journal::{Draft, Stream};
use crate::lane::{Act, Topic};

impl Control {
    pub(super) fn field(&mut self, event: FieldEvent) {
        match event {
            FieldEvent::Batch { device, at, readings } => self.readings(device, at, readings),
            FieldEvent::Link { device, state, .. } => self.link(device, &state),
            FieldEvent::Unconfirmed { device, attempts, reason, .. } => {
                let Some(id) = self.parts.devices.views.get(device).map(|view| view.id.clone()) else { return };
                let data = json!({ "attempts": attempts, "reason": reason });
                self.note(Topic::Alarm, "alarm.order_unconfirmed", &id, data);
            }
        }
    }

    fn readings(&mut self, device: usize, at: Moment, mut readings: Vec<Reading>) {
        let roles = &self.parts.roles;
        let mut order: Vec<&Reading> = readings.iter().collect();
        order.sort_by_key(|reading| roles.comes_last(device, reading));
        for reading in order {
            let discreet = self.parts.roles.discreet(device, &reading.point);
            let bad = match &reading.quality {
                Quality::Good | Quality::Stale => None,
                Quality::Bad(_) | Quality::Invalid(_) if discreet => Some("no usable reading".to_owned()),
                Quality::Bad(reason) | Quality::Invalid(reason) => Some(reason.clone()),
            };
            if self.parts.devices.quality(device, &reading.point, bad) {
                self.shown = Shown::Outdated;
            }
            if let Some(event) = self.parts.roles.happening(device, reading) {
                self.step(event);
            }
        }
        self.portal_heard(device, at, &readings);
        readings.retain(|reading| !self.parts.roles.discreet(device, &reading.point));
        self.thinner.add(device, readings);
    }

    fn link(&mut self, device: usize, state: &crate::field::LinkState) {
        use crate::field::LinkState::{Down, Up};
        self.shown = Shown::Outdated;
        if !self.parts.devices.link(device, state) {
            return;
        }
        let id = self.parts.devices.views[device].id.clone();
        let data = match state {
            Up => json!({ "state": "up" }),
            Down { reason } => json!({ "state": "down", "reason": reason }),
        };
        tracing::info!(device = %id, ?state, "link");
        self.note(Topic::Device, "device.link", &id, data);
        if matches!(state, Down { .. }) {
            self.portal_lost(device, self.parts.clock.moment());
        }
    }

    pub(super) fn scan(&mut self, scan: Scan) {
        match scan {
            Scan::Picture { picture, path } => {
                self.step(Happening::Picture(picture));
                if let Some(path) = path {
                    self.queue.push(Step::Taken(path));
                }
            }
            Scan::SetAside { device, name, reason } => {
                let inspection = self.parts.machine.view().inspection();
                let data = json!({ "file": name, "reason": reason, "inspection": inspection });
                self.note(Topic::Alarm, "alarm.scan_set_aside", &device, data);
            }
            Scan::Link { device, state } => self.link(device, &state),
        }
    }

    pub(super) fn asked(&mut self, asked: Asked) {
        match asked.call {
            Call::Act { officer, act } => {
                self.tickets += 1;
                let ticket = self.tickets;
                self.waiting.insert(ticket, asked.answer);
                self.audit(&officer, &act, asked.caller.uid());
                self.step(Happening::Officer { officer, act, ticket });
            }
            Call::Points { device, point } => {
                let now = self.parts.clock.moment();
                let found = self.parts.points.now(&self.parts.devices, device.as_deref(), point.as_deref(), now);
                let _ = asked.answer.send(match found {
                    Ok(points) => Reply::Points { points },
                    Err(message) => Reply::Failed { message },
                });
            }
            Call::WritePoint { officer, device, point, value } => {
                let person = super::points::Person { officer, uid: asked.caller.uid() };
                self.write_point(&person, &device, &point, &value, asked.answer);
            }
            Call::Status => {
                let _ = asked.answer.send(Reply::Status { status: Box::new(self.whole_status()) });
            }
            Call::Records { .. } | Call::Inspection { .. } | Call::Recent { .. } | Call::Verify | Call::User { .. } => {
                let message = "journal and users do without the lane; this call went astray".to_owned();
                let _ = asked.answer.send(Reply::Failed { message });
            }
        }
    }

    /// The published view, and how journal and uplink stand.
    fn whole_status(&self) -> serde_json::Value {
        let mut status = serde_json::to_value(&**self.parts.status.borrow()).unwrap_or_default();
        let heads = self.parts.journal.heads().borrow().clone();
        let streams: BTreeMap<String, u64> =
            heads.streams.iter().map(|(stream, newest)| (stream.to_string(), *newest)).collect();
        status["journal"] = json!({
            "epoch": heads.epoch.to_string(), "newest": streams, "waiting": self.queue.len(),
            "fenced": self.parts.journal.fenced(),
        });
        status["cameras"] = self.parts.snapshots.views(self.parts.clock.moment());
        status["uplink"] = self.parts.uplink.as_ref().map_or(serde_json::Value::Null, |state| json!(&*state.borrow()));
        status
    }

    /// Who asked for what through which Unix user, beside what the lane makes of it. A verdict's value is not named.
    fn audit(&mut self, officer: &crate::lane::Officer, act: &Act, uid: Option<u32>) {
        let (verb, inspection) = named(act);
        let data = json!({
            "agency": officer.agency, "officer": officer.name, "uid": uid, "act": verb, "inspection": inspection,
        });
        let draft = Draft::new(Stream::Audit, "audit.act", "lane", self.parts.clock.wall(), data);
        let ticket = self.parts.scribe.keep_drafts(vec![draft], self.parts.clock.wall());
        self.queue.push(Step::Kept { ticket, records: Vec::new() });
    }

    pub(super) fn ordered(&mut self, ordered: Ordered) {
        let Ordered { order, outcome, words } = ordered;
        if let Some(words) = words {
            tracing::warn!(?order, ?outcome, words, "an order to the barrier did not arrive");
        }
        self.step(Happening::Ordered { order, outcome });
    }
}

fn named(act: &Act) -> (&'static str, Option<Arc<str>>) {
    match act {
        Act::Identify { inspection, .. } => ("identify", inspection.clone()),
        Act::Judge { inspection, .. } => ("judge", Some(inspection.clone())),
        Act::Shown { inspection, .. } => ("shown", Some(inspection.clone())),
        Act::PlaceHold { inspection, .. } => ("place_hold", Some(inspection.clone())),
        Act::LiftHold { inspection, .. } => ("lift_hold", Some(inspection.clone())),
        Act::ExaminationBegin { inspection, .. } => ("examination_begin", Some(inspection.clone())),
        Act::ExaminationArrive { inspection } => ("examination_arrive", Some(inspection.clone())),
        Act::ExaminationOpen { inspection } => ("examination_open", Some(inspection.clone())),
        Act::ExaminationFinding { inspection, .. } => ("examination_finding", Some(inspection.clone())),
        Act::ExaminationClose { inspection } => ("examination_close", Some(inspection.clone())),
        Act::Disposition { inspection, .. } => ("disposition", Some(inspection.clone())),
        Act::HandOver { inspection, .. } => ("hand_over", Some(inspection.clone())),
        Act::Accept { inspection, .. } => ("accept", Some(inspection.clone())),
        Act::Temperature { inspection, .. } => ("temperature", Some(inspection.clone())),
        Act::Open { .. } => ("open", None),
        Act::Stop => ("stop", None),
        Act::Resume => ("resume", None),
        Act::ConfirmClear => ("confirm_clear", None),
        Act::ConfirmSubject => ("confirm_subject", None),
    }
}

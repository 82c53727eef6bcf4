//! The records that the lane writes: one place for what every kind of them carries.

use serde_json::{Value, json};

use super::case::Entry;
use super::lane::{Lane, order_word};
use super::{Effect, Note, Officer, Order, Secret, Topic};

impl Lane {
    /// A record of the inspection in the lane; nothing where there is none.
    pub(super) fn inspection_note(&mut self, kind: &'static str, data: Value) {
        self.secret_note(kind, data, None);
    }

    /// The same with a part that stays unreadable until its time.
    fn secret_note(&mut self, kind: &'static str, data: Value, secret: Option<Secret>) {
        let Some(subject) = self.inspection.as_ref().map(|inspection| inspection.case.id.clone()) else { return };
        self.out.push(Effect::Record(Note { topic: Topic::Inspection, kind, subject, data, secret }));
    }

    /// A record of the inspection in the lane, as its papers word it.
    pub(super) fn inspection_entry(&mut self, entry: Entry) {
        self.secret_note(entry.kind, entry.data, entry.secret);
    }

    /// A record of the barrier.
    pub(super) fn device_note(&mut self, kind: &'static str, data: Value) {
        let subject = self.settings.arm.device.clone();
        self.out.push(Effect::Record(Note { topic: Topic::Device, kind, subject, data, secret: None }));
    }

    /// An alarm with everything that the sensors and contacts say, and the inspection in the lane.
    pub(super) fn alarm(&mut self, kind: &'static str, mut data: Value) {
        let inspection = self.inspection.as_ref().map(|inspection| inspection.case.id.clone());
        let subject = inspection.clone().unwrap_or_else(|| self.settings.arm.device.clone());
        if let Value::Object(data) = &mut data {
            data.insert("inspection".into(), json!(inspection));
            data.insert("sensors".into(), self.sensors.vector());
            data.insert("arm".into(), self.arm.vector());
            data.insert("position".into(), json!(self.arm.seen().word()));
        }
        self.out.push(Effect::Record(Note { topic: Topic::Alarm, kind, subject, data, secret: None }));
    }

    /// An order that protects: given at once, recorded right after.
    pub(super) fn protect(&mut self, order: Order, why: &str) {
        self.asked = Some(order);
        self.out.push(Effect::Protect(order));
        self.order_note(order, why);
    }

    /// An order that moves the arm on a decision: recorded first.
    pub(super) fn order(&mut self, order: Order, why: &str) {
        self.asked = Some(order);
        self.order_note(order, why);
        self.out.push(Effect::Move(order));
    }

    fn order_note(&mut self, order: Order, why: &str) {
        let data = json!({
            "order": order_word(order), "why": why,
            "inspection": self.inspection.as_ref().map(|inspection| &inspection.case.id),
            "sensors": self.sensors.vector(), "arm": self.arm.vector(),
        });
        self.device_note("arm.asked", data);
    }
}

/// A named person in a record.
pub(super) fn person(officer: &Officer) -> Value {
    json!({ "agency": officer.agency, "name": officer.name })
}

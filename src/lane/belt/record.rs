//! The records that the belt lane writes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::event::{Effect, Order, Wire};
use super::machine::Belt;
use crate::lane::case::Entry;
use crate::lane::contacts::state_word;
use crate::lane::sensors::word;
use crate::lane::{Note, Topic};

impl Belt {
    /// A record of one inspection, as its papers word it.
    pub(super) fn entry(&mut self, inspection: &Arc<str>, entry: Entry) {
        let Entry { kind, data, secret } = entry;
        let note = Note { topic: Topic::Inspection, kind, subject: Arc::clone(inspection), data, secret };
        self.out.push(Effect::Record(note));
    }

    /// A record of one inspection.
    pub(super) fn inspection_note(&mut self, inspection: &Arc<str>, kind: &'static str, data: Value) {
        self.entry(inspection, Entry { kind, data, secret: None });
    }

    /// A record of a device.
    pub(super) fn device_note(&mut self, device: Arc<str>, kind: &'static str, data: Value) {
        self.out.push(Effect::Record(Note { topic: Topic::Device, kind, subject: device, data, secret: None }));
    }

    /// An alarm with everything that the sensors and contacts say.
    pub(super) fn alarm(&mut self, inspection: Option<&Arc<str>>, kind: &'static str, mut data: Value) {
        if let Value::Object(data) = &mut data {
            data.insert("inspection".into(), json!(inspection));
            data.insert("sensors".into(), self.sensor_vector());
            data.insert("belt".into(), self.wire_vector());
        }
        let subject = inspection.cloned().unwrap_or_else(|| self.settings.drive.device.clone());
        self.out.push(Effect::Record(Note { topic: Topic::Alarm, kind, subject, data, secret: None }));
    }

    /// An order that protects: given at once, recorded right after.
    pub(super) fn protect(&mut self, order: Order, why: &str, inspection: Option<&Arc<str>>) {
        self.out.push(Effect::Protect(order.clone()));
        self.order_note(&order, why, inspection);
    }

    /// An order that moves the diverter on a decision: recorded first.
    pub(super) fn order(&mut self, order: Order, why: &str, inspection: Option<&Arc<str>>) {
        self.order_note(&order, why, inspection);
        self.out.push(Effect::Move(order));
    }

    fn order_note(&mut self, order: &Order, why: &str, inspection: Option<&Arc<str>>) {
        let device = self.device_of(order);
        let data = json!({
            "order": order.word(), "why": why, "inspection": inspection,
            "sensors": self.sensor_vector(), "belt": self.wire_vector(),
        });
        self.device_note(device, "belt.asked", data);
    }

    fn device_of(&self, order: &Order) -> Arc<str> {
        match (order, self.settings.diverter()) {
            (Order::Pass { .. } | Order::Divert, Some(diverter)) => diverter.device.clone(),
            (Order::Pass { .. } | Order::Divert, None) | (Order::BeltStop | Order::BeamOff, _) => {
                self.settings.drive.device.clone()
            }
        }
    }

    /// What the sensors say, for records.
    pub(super) fn sensor_vector(&self) -> Value {
        let each = self.edges.iter().map(|(name, says, _)| (name.to_string(), Value::from(word(says))));
        Value::Object(each.collect::<Map<_, _>>())
    }

    /// What the contacts that have been read say, for records.
    pub(super) fn wire_vector(&self) -> Value {
        let read = Wire::ALL.iter().filter(|wire| self.wires.heard(**wire));
        let each = read.map(|wire| (wire.word().to_owned(), Value::from(state_word(self.wires.says(*wire)))));
        Value::Object(each.collect::<Map<_, _>>())
    }
}

//! What a link writes to line or frame devices: commands, each tried once.

use portside_devices::codec::words;
use portside_devices::reading::Value;
use tokio::sync::oneshot;

use super::ask::Reply;
use super::{Line, LineLink};
use crate::field::{DeviceSpec, Drive, Order, Outcome, Urgency, WriteRequest};

/// An order in the device's own bytes.
#[derive(Debug)]
pub(super) struct Command {
    place: usize,
    steps: Vec<Step>,
    reply: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
struct Step {
    bytes: Vec<u8>,
    answers: Vec<usize>,
    refusals: Vec<usize>,
}

impl LineLink {
    /// Judges an order that came in: refused with a reason, or put in its place.
    pub(super) fn accept(&mut self, order: Order) {
        let Order { request, reply } = order;
        let outcome = match self.command_of(&request) {
            Err(why) => Outcome::Refused(why),
            Ok((place, steps)) => match self.obstacle(place) {
                Some(why) => Outcome::NotSent(why),
                None => return self.orders.push_back(Command { place, steps, reply }),
            },
        };
        let _ = reply.send(outcome);
    }

    fn command_of(&self, request: &WriteRequest) -> Result<(usize, Vec<Step>), String> {
        let place = self.devices.iter().position(|device| device.spec.index == request.device);
        let place = place.ok_or_else(|| format!("link `{}` has no device {}", self.name, request.device))?;
        if self.drive == Drive::WatchOnly {
            return Err(format!("link `{}` only reads", self.name));
        }
        if request.urgency != Urgency::Command {
            // The profile check keeps everything that protects people on Modbus.
            return Err("what protects people is not ordered by lines or frames".to_owned());
        }
        let spec = &self.devices[place].spec;
        let steps = request.writes.iter().map(|write| step(spec, write.point, &write.value)).collect::<Result<_, _>>();
        steps.map(|steps| (place, steps)).map_err(|why| format!("device `{}`: {why}", spec.id))
    }

    /// Why a command to this device cannot be sent, if so.
    fn obstacle(&self, place: usize) -> Option<String> {
        if let Line::Down { reason, .. } = &self.line
            && self.in_vain > 0
        {
            return Some(format!("link `{}` is down: {reason}", self.name));
        }
        let device = &self.devices[place];
        device.breaker.is_open().then(|| format!("device `{}` does not answer", device.spec.id))
    }

    pub(super) fn drop_orders(&mut self, reason: &str) {
        for command in self.orders.drain(..) {
            let _ = command.reply.send(Outcome::NotSent(reason.to_owned()));
        }
    }

    pub(super) async fn command(&mut self) {
        let Some(Command { place, steps, reply }) = self.orders.pop_front() else { return };
        let mut outcome = Outcome::Written;
        for step in steps {
            let wanted: Vec<usize> = step.answers.iter().chain(&step.refusals).copied().collect();
            let came = self.exchange(place, &step.bytes, &wanted).await;
            let now = self.clock.moment();
            match came {
                Reply::Sent => {}
                Reply::Came((record, found)) => {
                    self.answered(place, record, found, now);
                    if step.refusals.contains(&record) {
                        let name = self.record_name(place, record);
                        outcome = Outcome::Refused(format!("device `{}` answers {name}", self.devices[place].spec.id));
                        break;
                    }
                }
                Reply::Lost(why) => {
                    outcome = Outcome::Unknown(why);
                    break;
                }
            }
        }
        // Whoever asked may be gone: what was sent was sent all the same.
        let _ = reply.send(outcome);
    }

    fn record_name(&self, place: usize, record: usize) -> String {
        let stream = self.devices[place].spec.profile.stream.as_ref();
        stream.map_or_else(String::new, |stream| format!("`{}`", stream.records[record].name))
    }
}

fn step(spec: &DeviceSpec, point: usize, value: &Value) -> Result<Step, String> {
    let point = spec.profile.points.get(point).ok_or_else(|| format!("it has no point {point}"))?;
    let bytes = words(point, spec.unit, value)?;
    let sink = point.signal().and_then(|signal| signal.sink.as_ref());
    let (answers, refusals) = sink.map(|sink| (sink.answers.clone(), sink.refusals.clone())).unwrap_or_default();
    Ok(Step { bytes, answers, refusals })
}

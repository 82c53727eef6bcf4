//! The lane's devices as the control task sees them: who answers, and how an order reaches what it moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use portside_devices::barrier::{self, BarrierCommand, PointWrite};
use portside_devices::kind::Kind;
use portside_devices::profile::Profile;
use portside_devices::reading::Value;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::machine::Motion;
use crate::field::{LinkHandle, LinkState, Outcome, Urgency, WriteRequest};
use crate::lane::{Order, OrderOutcome, belt};
use crate::uplink::{DeviceHealth, DeviceState};

/// A protective opening that comes later than this is not carried out: the doubt it answered may be over.
const REVERSAL_VALID: std::time::Duration = std::time::Duration::from_secs(1);

/// One device as screens show it.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    /// Id of the lane file.
    pub id: Arc<str>,
    /// Name for people.
    pub name: Arc<str>,
    /// What it is for.
    pub kind: Kind,
    /// Whether it answers.
    #[serde(flatten)]
    pub health: DeviceHealth,
    /// Points of which the newest reading cannot be used, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bad: BTreeMap<Arc<str>, String>,
}

/// How an order came out, sent back to the control task.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The order.
    pub order: Motion,
    /// What became of it.
    pub outcome: OrderOutcome,
    /// The link's words, for the log.
    pub words: Option<String>,
}

/// A device that orders go to: its place in the field.
#[derive(Debug)]
pub struct Mover {
    /// Device number.
    pub device: usize,
    /// Its profile.
    pub profile: Arc<Profile>,
    /// Its link's number in [`Devices::links`].
    pub link: usize,
}

/// What orders go to.
#[derive(Debug)]
pub enum Movers {
    /// The barrier of a gate.
    Barrier(Mover),
    /// The X-ray machine or belt, and the diverter where there is one.
    Belt {
        /// What drives the belt.
        drive: Mover,
        /// What leads to the exit or the examination.
        diverter: Option<Mover>,
    },
}

/// All devices of the lane.
#[derive(Debug)]
pub struct Devices {
    /// One entry a device, in the lane file's order.
    pub views: Vec<DeviceView>,
    /// The running links.
    pub links: Vec<LinkHandle>,
    /// What orders go to.
    pub movers: Movers,
    /// Where outcomes of orders go.
    pub outcomes: mpsc::UnboundedSender<Ordered>,
}

impl Devices {
    /// Hands an order to its device's link and returns at once; the outcome comes by the channel.
    pub fn order(&self, order: Motion, protective: bool) {
        let urgency = match (protective, &order) {
            (false, _) => Urgency::Command,
            (true, Motion::Gate(Order::Open)) => Urgency::Protective { give_up: Some(REVERSAL_VALID) },
            (true, Motion::Gate(_) | Motion::Belt(_)) => Urgency::Protective { give_up: None },
        };
        let (mover, writes) = match self.writes(&order) {
            Ok(writes) => writes,
            Err(words) => return self.tell(order, Outcome::Refused(words.to_owned())),
        };
        let request = WriteRequest { device: mover.device, writes, urgency };
        let outcome = self.links[mover.link].write(request);
        self.await_outcome(order, outcome);
    }

    /// Where an order goes, and what it writes there.
    fn writes(&self, order: &Motion) -> Result<(&Mover, Vec<PointWrite>), &'static str> {
        match (order, &self.movers) {
            (Motion::Gate(order), Movers::Barrier(barrier)) => {
                barrier::writes(&barrier.profile, command(*order)).map(|writes| (barrier, writes))
            }
            (Motion::Belt(order), Movers::Belt { drive, diverter }) => {
                let mover = match order {
                    belt::Order::BeltStop | belt::Order::BeamOff => drive,
                    belt::Order::Pass { .. } | belt::Order::Divert => {
                        diverter.as_ref().ok_or("this lane has no diverter")?
                    }
                };
                let writes = match order {
                    belt::Order::BeltStop => switched(&mover.profile, &[("belt_stop", true)]),
                    belt::Order::BeamOff => switched(&mover.profile, &[("beam_off", true)]),
                    belt::Order::Pass { .. } => switched(&mover.profile, &[("divert", false), ("pass", true)]),
                    belt::Order::Divert => switched(&mover.profile, &[("pass", false), ("divert", true)]),
                };
                if writes.is_empty() { Err("this model has no output for it") } else { Ok((mover, writes)) }
            }
            (Motion::Gate(_), Movers::Belt { .. }) => Err("this lane has no barrier"),
            (Motion::Belt(_), Movers::Barrier(_)) => Err("this lane has no belt"),
        }
    }

    /// The device that the lane's own records are about.
    pub fn mover_id(&self) -> Arc<str> {
        let device = match &self.movers {
            Movers::Barrier(mover) | Movers::Belt { drive: mover, .. } => mover.device,
        };
        self.views[device].id.clone()
    }

    fn await_outcome(&self, order: Motion, outcome: oneshot::Receiver<Outcome>) {
        let outcomes = self.outcomes.clone();
        tokio::spawn(async move {
            let outcome = outcome.await.unwrap_or_else(|_| Outcome::Unknown("its link has ended".to_owned()));
            // A control task that is gone asks no more.
            let _ = outcomes.send(ordered(order, outcome));
        });
    }

    fn tell(&self, order: Motion, outcome: Outcome) {
        let _ = self.outcomes.send(ordered(order, outcome));
    }

    /// Takes in that a device began or ceased to answer; true when that is news.
    pub fn link(&mut self, device: usize, state: &LinkState) -> bool {
        let Some(view) = self.views.get_mut(device) else { return false };
        let before = view.health.state;
        view.health = match state {
            LinkState::Up => DeviceHealth { state: usable(&view.bad), reason: None },
            LinkState::Down { reason } => DeviceHealth { state: DeviceState::Lost, reason: Some(reason.to_string()) },
        };
        let lost = |state| matches!(state, DeviceState::Lost);
        before == DeviceState::Unknown || lost(before) != lost(view.health.state)
    }

    /// Takes in how far a reading can be trusted; true when the device's health changed by it.
    pub fn quality(&mut self, device: usize, point: &Arc<str>, bad: Option<String>) -> bool {
        let Some(view) = self.views.get_mut(device) else { return false };
        let changed = match bad {
            Some(reason) => view.bad.insert(point.clone(), reason.clone()).as_ref() != Some(&reason),
            None => view.bad.remove(point).is_some(),
        };
        if changed && view.health.state != DeviceState::Lost {
            view.health.state = usable(&view.bad);
        }
        changed
    }

    /// Every device's health by its id, for the lane's status at the centre.
    pub fn health(&self) -> BTreeMap<Arc<str>, DeviceHealth> {
        self.views.iter().map(|view| (view.id.clone(), view.health.clone())).collect()
    }
}

fn usable(bad: &BTreeMap<Arc<str>, String>) -> DeviceState {
    if bad.is_empty() { DeviceState::Good } else { DeviceState::Degraded }
}

/// The outputs that the model has, in this order.
fn switched(profile: &Profile, outputs: &[(&str, bool)]) -> Vec<PointWrite> {
    let found = outputs
        .iter()
        .filter_map(|(name, on)| profile.point_index(name).map(|point| PointWrite { point, value: Value::Bool(*on) }));
    found.collect()
}

const fn command(order: Order) -> BarrierCommand {
    match order {
        Order::Open => BarrierCommand::Open,
        Order::Close { renewal } => BarrierCommand::Close { renewal },
        Order::CloseOff => BarrierCommand::CloseOff,
        Order::Stop => BarrierCommand::Stop,
    }
}

fn ordered(order: Motion, outcome: Outcome) -> Ordered {
    let (outcome, words) = match outcome {
        Outcome::Written => (OrderOutcome::Written, None),
        Outcome::Refused(words) | Outcome::NotSent(words) => (OrderOutcome::NotWritten, Some(words)),
        Outcome::Unknown(words) => (OrderOutcome::Unknown, Some(words)),
    };
    Ordered { order, outcome, words }
}

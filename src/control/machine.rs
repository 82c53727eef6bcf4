//! The lane and the interlock that checks it: a gate's, or a belt's. To the rest of the control task they are one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;
use serde::Serialize;

use crate::lane::belt::{self, Belt, Wire};
use crate::lane::interlock::Rule;
use crate::lane::radiation::News;
use crate::lane::temperature::Gauge;
use crate::lane::{
    Act, ArmContact, Contact, Effect, Event, Interlock, Lane, Note, Officer, Order, OrderOutcome, Picture, Presence,
    Sight, View,
};

/// An order of either lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Motion {
    /// To the barrier.
    Gate(Order),
    /// To the X-ray machine, its belt or the diverter.
    Belt(belt::Order),
}

/// What happened, as either lane may be told.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A presence sensor was read.
    Sensor {
        /// Its place in the lane's settings.
        sensor: usize,
        /// What it says.
        presence: Presence,
    },
    /// A contact of the barrier was read.
    Arm {
        /// Which one.
        contact: ArmContact,
        /// What it says.
        state: Contact,
    },
    /// A contact of the X-ray machine, its belt or the diverter was read.
    Wire {
        /// Which one.
        wire: Wire,
        /// What it says.
        state: Contact,
    },
    /// The thermometer was read.
    Gauge {
        /// What of it.
        gauge: Gauge,
        /// The value, if it can be used.
        value: Option<f64>,
    },
    /// The radiation portal in the lane alarms, or something has passed it.
    Radiation(News),
    /// A person acted.
    Officer {
        /// Who.
        officer: Officer,
        /// What.
        act: Act,
        /// Names the waiting caller.
        ticket: u64,
    },
    /// Durable picture evidence arrived.
    Picture(Picture),
    /// What became of an order.
    Ordered {
        /// The order.
        order: Motion,
        /// What became of it.
        outcome: OrderOutcome,
    },
    /// The interlock refused an order.
    Refused {
        /// The order.
        order: Motion,
        /// The rule.
        rule: &'static str,
    },
    /// Time has come to look at deadlines.
    Tick,
}

/// The machine that decides, and the one that checks.
#[derive(Debug)]
pub enum Machine {
    /// A gate lane.
    Gate {
        /// Decides.
        lane: Box<Lane>,
        /// Checks.
        interlock: Box<Interlock>,
    },
    /// A belt lane.
    Belt {
        /// Decides.
        lane: Box<Belt>,
        /// Checks, and demands.
        interlock: Box<belt::Interlock>,
    },
}

/// What screens show of the lane.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum LaneView {
    /// A gate.
    Gate(Box<View>),
    /// A belt.
    Belt(belt::View),
}

impl Machine {
    /// Tells both what happened, and answers with what the lane wants done, in order.
    pub fn handle(&mut self, now: Moment, happening: Happening) -> Vec<Effect<Motion>> {
        match self {
            Self::Gate { lane, interlock } => {
                let Some(event) = gate_event(happening) else { return Vec::new() };
                interlock.observe(now, &event);
                lane.handle(now, event).into_iter().map(|effect| effect.map(Motion::Gate)).collect()
            }
            Self::Belt { lane, interlock } => {
                let Some(event) = belt_event(happening) else { return Vec::new() };
                interlock.observe(now, &event);
                lane.handle(now, event).into_iter().map(|effect| effect.map(Motion::Belt)).collect()
            }
        }
    }

    /// When the lane wants to be told of the time.
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Gate { lane, .. } => lane.deadline(),
            Self::Belt { lane, .. } => lane.deadline(),
        }
    }

    /// May this order leave?
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn permit(&mut self, now: Moment, order: &Motion, protective: bool) -> Result<(), Rule> {
        match (self, order) {
            (Self::Gate { interlock, .. }, Motion::Gate(order)) => interlock.permit(now, *order, protective),
            (Self::Belt { interlock, .. }, Motion::Belt(order)) => interlock.permit(now, order, protective),
            (Self::Gate { .. }, Motion::Belt(_)) | (Self::Belt { .. }, Motion::Gate(_)) => {
                Err(Rule("the lane has nothing that this order could move"))
            }
        }
    }

    /// What the interlock wants done although nobody ordered it.
    pub fn demand(&mut self, now: Moment) -> Option<Motion> {
        match self {
            Self::Gate { .. } => None,
            Self::Belt { interlock, .. } => interlock.demand(now).map(Motion::Belt),
        }
    }

    /// A record is durable.
    pub fn kept(&mut self, note: &Note) {
        match self {
            Self::Gate { interlock, .. } => interlock.observe_effect(&Effect::Record(note.clone())),
            Self::Belt { interlock, .. } => interlock.observe_record(note),
        }
    }

    /// What each agency's desk may know.
    pub fn sights(&self) -> BTreeMap<Arc<str>, Sight> {
        match self {
            Self::Gate { lane, .. } => sights(lane.agencies(), |agency| lane.view_for(agency)),
            Self::Belt { lane, .. } => sights(lane.agencies(), |agency| lane.view_for(agency)),
        }
    }

    /// What screens show.
    pub fn view(&self) -> LaneView {
        match self {
            Self::Gate { lane, .. } => LaneView::Gate(Box::new(lane.view())),
            Self::Belt { lane, .. } => LaneView::Belt(lane.view()),
        }
    }
}

impl LaneView {
    /// The word of the lane's step.
    pub const fn step(&self) -> &'static str {
        match self {
            Self::Gate(view) => view.step,
            Self::Belt(view) => view.step,
        }
    }

    /// The one inspection that a picture that came now would be of, where there is one.
    pub fn inspection(&self) -> Option<Arc<str>> {
        match self {
            Self::Gate(view) => view.inspection.as_ref().map(|inspection| inspection.id.clone()),
            Self::Belt(_) => None,
        }
    }

    /// Nothing is in the lane that anybody knows of.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Gate(view) => view.inspection.is_none(),
            Self::Belt(view) => view.belt.is_empty(),
        }
    }

    /// Something moves, or may, that nobody will watch when this program ends.
    pub fn moves(&self) -> bool {
        match self {
            Self::Gate(view) => view.arm.state == "closing",
            Self::Belt(view) => !view.belt.is_empty() && view.motion != "stopped",
        }
    }
}

fn sights(agencies: &[Arc<str>], of: impl Fn(&str) -> Sight) -> BTreeMap<Arc<str>, Sight> {
    agencies.iter().map(|agency| (Arc::clone(agency), of(agency))).collect()
}

fn gate_event(happening: Happening) -> Option<Event> {
    Some(match happening {
        Happening::Sensor { sensor, presence } => Event::Sensor { sensor, presence },
        Happening::Arm { contact, state } => Event::Arm { contact, state },
        Happening::Gauge { gauge, value } => Event::Gauge { gauge, value },
        Happening::Radiation(news) => Event::Radiation(news),
        Happening::Officer { officer, act, ticket } => Event::Officer { officer, act, ticket },
        Happening::Picture(picture) => Event::Picture(picture),
        Happening::Ordered { order: Motion::Gate(order), outcome } => Event::Ordered { order, outcome },
        Happening::Refused { order: Motion::Gate(order), rule } => Event::Refused { order, rule },
        Happening::Tick => Event::Tick,
        Happening::Wire { .. }
        | Happening::Ordered { order: Motion::Belt(_), .. }
        | Happening::Refused { order: Motion::Belt(_), .. } => return None,
    })
}

fn belt_event(happening: Happening) -> Option<belt::Event> {
    Some(match happening {
        Happening::Sensor { sensor, presence } => belt::Event::Sensor { sensor, presence },
        Happening::Wire { wire, state } => belt::Event::Wire { wire, state },
        Happening::Officer { officer, act, ticket } => belt::Event::Officer { officer, act, ticket },
        Happening::Picture(picture) => belt::Event::Picture(picture),
        Happening::Ordered { order: Motion::Belt(order), outcome } => belt::Event::Ordered { order, outcome },
        Happening::Refused { order: Motion::Belt(order), rule } => belt::Event::Refused { order, rule },
        Happening::Tick => belt::Event::Tick,
        Happening::Arm { .. }
        | Happening::Gauge { .. }
        | Happening::Radiation(_)
        | Happening::Ordered { order: Motion::Gate(_), .. }
        | Happening::Refused { order: Motion::Gate(_), .. } => return None,
    })
}

/// How an order waits in the queue.
pub(super) trait Waits: Clone {
    /// It is not given when it has waited longer: what it was decided on may no longer hold.
    fn valid(&self) -> Duration;
    /// What protects takes it back while it waits.
    fn withdrawn_by(&self, protective: &Self) -> bool;
    /// It asks an arm to close.
    fn closes(&self) -> bool;
}

impl Waits for Motion {
    fn valid(&self) -> Duration {
        match self {
            Self::Gate(order) => order.valid(),
            // Beyond this the subject is at the diverter, which the machine watches.
            Self::Belt(belt::Order::Pass { .. }) => Duration::from_secs(1),
            Self::Belt(belt::Order::Divert) => Duration::from_secs(3),
            Self::Belt(belt::Order::BeltStop | belt::Order::BeamOff) => Duration::MAX,
        }
    }

    fn withdrawn_by(&self, protective: &Self) -> bool {
        match (self, protective) {
            (Self::Gate(order), Self::Gate(protective)) => order.withdrawn_by(protective),
            // A belt that stops carries nobody to the exit.
            (Self::Belt(belt::Order::Pass { .. }), Self::Belt(_)) => true,
            (Self::Belt(_) | Self::Gate(_), _) => false,
        }
    }

    fn closes(&self) -> bool {
        match self {
            Self::Gate(order) => order.closes(),
            Self::Belt(_) => false,
        }
    }
}

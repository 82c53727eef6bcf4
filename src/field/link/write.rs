//! What a link writes: commands once, protective orders until they are confirmed, the end of every pulse.

use std::time::Duration;

use portside_devices::codec::{Raw, decode, encode};
use portside_devices::moment::Moment;
use portside_devices::reading::Value;

use super::super::Outcome;
use super::super::orders::{self, Command, Step};
use super::super::seen::Data;
use super::super::wire::{Ask, Exception, Got};
use super::exchange::{Bar, Reply, Yields};
use super::{FAREWELL, Line, Link, PROTECTIVE_TIMEOUT_MAX};

/// What became of one write.
#[derive(Debug)]
enum Written {
    Confirmed,
    Refused(Exception),
    Lost(String),
    Overtaken,
    /// Nothing was sent: it is not known to be the device that is meant.
    Barred(String),
}

/// What reading back a lost write has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadBack {
    Holds,
    Differs,
    Unknown,
}

impl Link {
    /// One write; a pulse that may have begun is planned to end.
    async fn write(&mut self, place: usize, step: &Step, limit: Duration, yields: Yields) -> Written {
        let began = self.clock.moment();
        if let Err(bar) = self.identify(place, limit, yields).await {
            return self.barred(place, bar, began);
        }
        let reply = self.exchange(place, &Ask::Write(step.write.clone()), limit, yields).await;
        let now = self.clock.moment();
        let written = match reply {
            Reply::Got(Got::Written) => Written::Confirmed,
            Reply::Got(Got::Exception(exception)) => Written::Refused(exception),
            Reply::Got(Got::Data(_)) => Written::Lost("a read was answered instead".to_owned()),
            Reply::Lost(why) => Written::Lost(why),
            Reply::Overtaken => Written::Overtaken,
        };
        match &written {
            Written::Refused(Exception::Illegal(_) | Exception::Unable(_)) => self.answers(place, now),
            Written::Confirmed => {
                self.answers(place, now);
                self.orders.ended(place, step.point);
                self.plan_end(place, step, now);
            }
            Written::Lost(why) | Written::Refused(Exception::Absent(why)) => {
                self.failed(place, began, now);
                self.fell_silent(place, orders::reason(why), now);
                self.plan_end(place, step, now);
            }
            Written::Overtaken => self.plan_end(place, step, now),
            Written::Barred(_) => {}
        }
        written
    }

    fn barred(&mut self, place: usize, bar: Bar, began: Moment) -> Written {
        match bar {
            Bar::Stranger(why) | Bar::Lost(why) => {
                let now = self.clock.moment();
                self.failed(place, began, now);
                self.fell_silent(place, orders::reason(&why), now);
                Written::Barred(why)
            }
            Bar::Overtaken => Written::Overtaken,
        }
    }

    fn plan_end(&mut self, place: usize, step: &Step, now: Moment) {
        let point = &self.devices[place].spec.profile.points[step.point];
        let (Some(pulse), Value::Bool(true)) = (point.pulse, &step.value) else { return };
        if let Ok(off) = encode(point, &Value::Bool(false)) {
            self.orders.end_at(place, step.point, off, now + pulse);
        }
    }

    pub(super) async fn command(&mut self) {
        let Some(Command { device, steps, reply }) = self.orders.take_command() else { return };
        let mut outcome = Outcome::Written;
        for (done, step) in steps.iter().enumerate() {
            self.take_in();
            if self.orders.protects(device) {
                let why = "overtaken by a protective order".to_owned();
                outcome = if done == 0 { Outcome::NotSent(why) } else { Outcome::Unknown(why) };
                break;
            }
            match self.write(device, step, self.timeout, Yields::ToProtection).await {
                Written::Confirmed => {}
                Written::Refused(Exception::Unable(why)) if self.closes(device, step) => {
                    outcome = Outcome::Unknown(why);
                    break;
                }
                Written::Refused(Exception::Illegal(why) | Exception::Unable(why)) => {
                    outcome = Outcome::Refused(why);
                    break;
                }
                Written::Barred(why) if done == 0 => {
                    outcome = Outcome::NotSent(why);
                    break;
                }
                Written::Barred(why) => {
                    outcome = Outcome::Unknown(why);
                    break;
                }
                Written::Overtaken => {
                    outcome = Outcome::Unknown("overtaken by a protective order".to_owned());
                    break;
                }
                Written::Refused(Exception::Absent(why)) | Written::Lost(why) => {
                    match self.read_back(device, step).await {
                        ReadBack::Holds => {}
                        ReadBack::Differs if self.closes(device, step) => {
                            outcome = Outcome::Unknown(format!(
                                "{why}; it reads back as off, yet a slow or self-resetting output may close the arm"
                            ));
                            break;
                        }
                        ReadBack::Differs => {
                            outcome = Outcome::NotSent(format!("{why}; reading back shows that it was not done"));
                            break;
                        }
                        ReadBack::Unknown => {
                            outcome = Outcome::Unknown(why);
                            break;
                        }
                    }
                }
            }
        }
        // Whoever asked may be gone; the record is theirs.
        let _ = reply.send(outcome);
    }

    /// Whether this write may bring the arm down: unless it is known to have been done it stays in doubt, for whoever
    /// believes that nothing moves ceases to guard.
    fn closes(&self, place: usize, step: &Step) -> bool {
        step.value == Value::Bool(true) && &*self.devices[place].spec.profile.points[step.point].name == "close"
    }

    /// Looks whether a write whose answer was lost was done: an actuator is not asked twice on a guess.
    async fn read_back(&mut self, place: usize, step: &Step) -> ReadBack {
        let profile = self.devices[place].spec.profile.clone();
        let point = &profile.points[step.point];
        let Some(register) = point.register().filter(|_| point.readable()) else { return ReadBack::Unknown };
        if matches!(self.line, Line::Down { .. }) {
            self.connect().await;
        }
        let ask = Ask::Read { table: register.table, start: register.address, count: register.width() };
        let reply = self.exchange(place, &ask, self.timeout, Yields::ToProtection).await;
        let value = match &reply {
            Reply::Got(Got::Data(Data::Bits(bits))) => bits.first().map(|bit| decode(point, Raw::Bit(*bit)).0),
            Reply::Got(Got::Data(Data::Words(words))) => Some(decode(point, Raw::Words(words)).0),
            Reply::Got(Got::Written | Got::Exception(_)) | Reply::Lost(_) | Reply::Overtaken => None,
        };
        match value.flatten() {
            Some(value) => {
                let now = self.clock.moment();
                self.answers(place, now);
                if value == step.value { ReadBack::Holds } else { ReadBack::Differs }
            }
            None => ReadBack::Unknown,
        }
    }

    /// One attempt at the protective order whose turn it is.
    pub(super) async fn protect(&mut self) {
        let Some(mut order) = self.orders.take_protective(self.clock.moment()) else { return };
        let limit = self.timeout.min(PROTECTIVE_TIMEOUT_MAX);
        order.attempts += 1;
        while let Some(step) = order.steps.get(order.confirmed).cloned() {
            let written = self.write(order.device, &step, limit, Yields::ToNothing).await;
            match written {
                Written::Confirmed => order.confirmed += 1,
                // A device that refuses the very request, three times, will not be stopped by more of them: the lane
                // has to know.
                Written::Refused(Exception::Illegal(why)) if order.attempts >= 3 => {
                    return order.answer(&Outcome::Refused(why));
                }
                Written::Refused(Exception::Illegal(why) | Exception::Unable(why) | Exception::Absent(why))
                | Written::Lost(why)
                | Written::Barred(why) => return self.not_confirmed(order, &why),
                Written::Overtaken => return self.not_confirmed(order, "overtaken"),
            }
        }
        order.answer(&Outcome::Written);
    }

    pub(super) async fn end_pulse(&mut self) {
        let Some(end) = self.orders.due_end(self.clock.moment()) else { return };
        let step = Step { point: end.point, value: Value::Bool(false), write: end.write };
        match self.write(end.device, &step, self.timeout, Yields::ToProtection).await {
            Written::Confirmed => {}
            Written::Refused(Exception::Illegal(why)) => {
                // What the device does not have cannot be on.
                let point = &self.devices[end.device].spec.profile.points[end.point].name;
                tracing::warn!(link = &*self.name, point = &**point, why, "output cannot be switched off");
                self.orders.ended(end.device, end.point);
            }
            Written::Refused(Exception::Unable(_) | Exception::Absent(_))
            | Written::Lost(_)
            | Written::Barred(_)
            | Written::Overtaken => {
                self.orders.end_again(end.device, end.point, self.clock.moment());
            }
        }
    }

    /// The link ends: what protects and what ends a pulse is still written, as far as it can be in a moment.
    pub(super) async fn farewell(&mut self) {
        self.take_in();
        self.orders.drop_commands(None, "the program ends");
        let over = self.clock.moment() + FAREWELL;
        self.orders.all_due(over);
        while self.orders.urgent() && self.clock.moment() < over {
            match self.line {
                Line::Up(_) if self.orders.protecting() => self.protect().await,
                Line::Up(_) => self.end_now().await,
                Line::Down { .. } => self.connect().await,
            }
            if matches!(self.line, Line::Down { refused: 1.., .. }) {
                break;
            }
        }
    }

    /// Ends the next pulse although its time has not come.
    async fn end_now(&mut self) {
        self.orders.all_due(self.clock.moment());
        self.end_pulse().await;
    }
}

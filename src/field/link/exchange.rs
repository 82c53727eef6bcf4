//! One request and its answer; and whether the device is the one that the lane file means.

use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::profile::Profile;

use super::super::Order;
use super::super::seen::Data;
use super::super::wire::{Ask, Exception, Fault, Got};
use super::{BEAT, Line, Link};

/// What a request in flight gets when a protective order waits: with reconnecting and writing on a lane's own
/// network it leaves the order well inside the 50 ms of the promise to withdraw a close.
const GRACE: Duration = Duration::from_millis(20);

/// What became of one request.
#[derive(Debug)]
pub(super) enum Reply {
    Got(Got),
    /// No answer that counts; whatever may still come of it has been dropped, or is waited for.
    Lost(String),
    /// Dropped for a protective order.
    Overtaken,
}

/// Whether a request in flight is given up for a protective order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yields {
    ToProtection,
    ToNothing,
}

/// Whether it is known who answers to a unit id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// To be asked before anything else is asked or written.
    Unknown,
    /// The model that the profile describes; or a profile that cannot tell.
    Settled,
}

impl Identity {
    /// At first, and whenever another device may have taken the place.
    pub(super) const fn of(profile: &Profile) -> Self {
        if profile.identify.is_some() { Self::Unknown } else { Self::Settled }
    }
}

/// Why a device is not used.
#[derive(Debug)]
pub(super) enum Bar {
    /// It is another model, or cannot say which it is.
    Stranger(String),
    /// It did not answer.
    Lost(String),
    /// A protective order came first.
    Overtaken,
}

impl Link {
    /// Makes sure that the device is of the model that its profile describes: after a plug was pulled and put back,
    /// another one may answer to its unit id.
    pub(super) async fn identify(&mut self, place: usize, limit: Duration, yields: Yields) -> Result<(), Bar> {
        let device = &self.devices[place];
        let (Identity::Unknown, Some(identify)) = (device.identity, device.spec.profile.identify.clone()) else {
            return Ok(());
        };
        let ask = Ask::Read { table: identify.table, start: identify.address, count: 1 };
        let (table, at, due) = (identify.table.word(), identify.address, identify.equals);
        let found = match self.exchange(place, &ask, limit, yields).await {
            Reply::Got(Got::Data(Data::Words(words))) if words == [due] => {
                self.devices[place].identity = Identity::Settled;
                return Ok(());
            }
            Reply::Got(Got::Data(Data::Words(words))) => format!("holds {:#06x}", words.first().unwrap_or(&0)),
            Reply::Got(Got::Exception(Exception::Illegal(why))) => format!("cannot be read ({why})"),
            Reply::Got(Got::Exception(Exception::Unable(why) | Exception::Absent(why))) | Reply::Lost(why) => {
                return Err(Bar::Lost(why));
            }
            Reply::Got(Got::Data(Data::Bits(_)) | Got::Written) => "is answered by something else".to_owned(),
            Reply::Overtaken => return Err(Bar::Overtaken),
        };
        let spec = &self.devices[place].spec;
        Err(Bar::Stranger(format!(
            "unit {} is not `{}`: its {table} register {at} {found}, expected {due:#06x}; was another device connected?",
            spec.unit, spec.profile.name
        )))
    }

    /// One request and its answer; the only place that puts bytes on the wire. `limit` counts without the time that the
    /// telegrams themselves take.
    pub(super) async fn exchange(&mut self, place: usize, ask: &Ask, limit: Duration, yields: Yields) -> Reply {
        if yields == Yields::ToProtection && self.keep_quiet().await == Kept::ForProtection {
            return Reply::Overtaken;
        }
        let Line::Up(wire) = &mut self.line else { return Reply::Lost("the link is down".to_owned()) };
        let unit = self.devices[place].spec.unit;
        let sent = self.clock.moment();
        let on_the_way = wire.transmission(ask);
        // A telegram on a bus cannot be cut short: one that a device answers as soon as it should is waited for.
        let grace = |now: Moment| {
            if on_the_way.is_zero() { GRACE } else { (on_the_way + GRACE).saturating_sub(now.since(sent)) }
        };
        let mut came: Vec<Order> = Vec::new();
        let result = {
            let answer = wire.exchange(unit, ask);
            let limit = tokio::time::sleep(limit + on_the_way);
            let beat = tokio::time::sleep(BEAT);
            tokio::pin!(answer, limit, beat);
            loop {
                tokio::select! {
                    biased;
                    result = &mut answer => break Some(result),
                    () = &mut limit => break None,
                    Some(order) = self.urgent.recv() => {
                        came.push(order);
                        if yields == Yields::ToProtection && came.len() == 1 {
                            let grace = limit.deadline().min(tokio_now_plus(grace(self.clock.moment())));
                            limit.as_mut().reset(grace);
                        }
                    }
                    () = &mut beat => {
                        self.stats.beat();
                        beat.as_mut().reset(tokio_now_plus(BEAT));
                    }
                }
            }
        };
        self.stats.stray(wire.take_stray());
        let overtaken = !came.is_empty() && yields == Yields::ToProtection;
        for order in came {
            self.accept(order);
        }
        let took = self.clock.moment().since(sent);
        match result {
            Some(Ok(got)) => {
                self.stats.answered(took);
                Reply::Got(got)
            }
            Some(Err(Fault::Foul(why))) => {
                self.foul(&why);
                Reply::Lost(why)
            }
            Some(Err(Fault::Gone(why))) => {
                self.stats.failed();
                self.drop_line(&why);
                Reply::Lost(why)
            }
            None => {
                let why = format!("no answer from unit {unit} within {} ms", took.as_millis());
                self.foul(&why);
                if overtaken { Reply::Overtaken } else { Reply::Lost(why) }
            }
        }
    }

    /// Waits until the bus has been left alone long enough after a request that failed.
    async fn keep_quiet(&mut self) -> Kept {
        loop {
            let Line::Up(wire) = &self.line else { return Kept::ToTheEnd };
            let rest = self.clock.until(wire.not_before());
            if rest.is_zero() {
                return Kept::ToTheEnd;
            }
            tokio::select! {
                biased;
                Some(order) = self.urgent.recv() => {
                    self.accept(order);
                    if self.orders.protecting() {
                        return Kept::ForProtection;
                    }
                }
                () = tokio::time::sleep(rest.min(BEAT)) => self.stats.beat(),
            }
        }
    }

    /// Nothing that counts came: a bus is left alone for a while, a connection is dropped.
    fn foul(&mut self, why: &str) {
        self.stats.failed();
        let kept = match &mut self.line {
            Line::Up(wire) => wire.spoil(),
            Line::Down { .. } => return,
        };
        if !kept {
            self.drop_line(why);
        }
    }
}

/// Until when the bus was left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    ToTheEnd,
    ForProtection,
}

/// The runtime's clock, which times its sleeps; everything that is decided uses [`crate::clock::Clock`].
fn tokio_now_plus(wait: Duration) -> tokio::time::Instant {
    tokio::time::sleep(wait).deadline()
}

//! What a link asks of line or frame devices, and what may count as the answer.

use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::stream::Stream;

use super::wire::{Came, Heap, NoAnswer};
use super::{Line, LineLink, QUIET_MAX, Talk};
use crate::field::medium::Medium;
use crate::field::turn::{Pace, Turn};

/// What became of one exchange.
#[derive(Debug)]
pub(super) enum Reply {
    Came(Came),
    /// Nothing was to come.
    Sent,
    /// Nothing that counts came.
    Lost(String),
}

impl LineLink {
    /// Sends bytes and waits for one of the records `wanted`, if there are any.
    pub(super) async fn exchange(&mut self, place: usize, bytes: &[u8], wanted: &[usize]) -> Reply {
        let profile = self.devices[place].spec.profile.clone();
        let (Line::Up(wire), Some(stream)) = (&mut self.line, &profile.stream) else {
            return Reply::Lost("the link is down".to_owned());
        };
        let (sent, limit) = (self.clock.moment(), limit(self.timeout, &self.medium, bytes.len(), stream));
        let (mut others, polled) = (Vec::new(), self.talk == Talk::Polled);
        let talking = async {
            if polled {
                wire.forget().map_err(NoAnswer::Gone)?;
            }
            wire.send(bytes).await.map_err(NoAnswer::Gone)?;
            if wanted.is_empty() {
                return Ok(Reply::Sent);
            }
            wire.answer(&profile, stream, wanted, &mut others).await.map(Reply::Came)
        };
        let result = tokio::time::timeout(limit, talking).await;
        let now = self.clock.moment();
        self.came(Heap { records: others, ..Heap::default() }, now);
        match result {
            Ok(Ok(reply)) => {
                self.stats.answered(now.since(sent));
                reply
            }
            Ok(Err(NoAnswer::Gone(why))) => {
                self.hung_up(&why);
                Reply::Lost(why)
            }
            Ok(Err(NoAnswer::Wrong(why))) => self.no_answer(why, limit, now),
            Err(_) => self.no_answer(format!("no answer within {} ms", limit.as_millis()), limit, now),
        }
    }

    /// Nothing that counts came in time. What may still come must not be taken for the next answer.
    fn no_answer(&mut self, why: String, limit: Duration, now: Moment) -> Reply {
        self.stats.failed();
        if self.talk == Talk::Polled {
            self.quiet_until = (now + quiet(&self.medium, limit), now + QUIET_MAX.max(limit * 2));
            match self.medium {
                Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => {
                    self.stats.connected(false);
                    self.line = Line::Down { retry_at: now, reason: why.as_str().into() };
                }
                Medium::Serial(_) => {}
            }
        }
        Reply::Lost(why)
    }

    pub(super) async fn poll(&mut self, turn: Turn) {
        let spec = &self.devices[turn.device].spec;
        let (profile, unit) = (spec.profile.clone(), spec.unit);
        let Some(stream) = &profile.stream else { return };
        let request = &stream.requests[turn.block];
        let began = self.clock.moment();
        let reply = match stream.ask(request, unit) {
            Ok(bytes) => self.exchange(turn.device, &bytes, &request.answers).await,
            Err(why) => Reply::Lost(why),
        };
        let now = self.clock.moment();
        match reply {
            Reply::Came((record, found)) => {
                self.answered(turn.device, record, found, now);
                match self.turns.answered(turn, now) {
                    Pace::Within => {}
                    Pace::OnTime => self.stats.cycle(0),
                    Pace::Late { skipped } => self.stats.cycle(1 + skipped),
                }
            }
            Reply::Sent => {}
            Reply::Lost(why) => {
                self.turns.failed(turn, now);
                // Alone on its link a device keeps nobody else waiting.
                let alone = self.devices.len() == 1;
                let cost = if alone { Duration::ZERO } else { now.since(began) + self.quiet_until.0.since(now) };
                self.devices[turn.device].breaker.failed(now, cost);
                let why = format!("request `{}`: {why}", request.name);
                self.fell_silent(turn.device, &why, now);
            }
        }
    }
}

/// How long an answer may take: the device's own time, and that of the bytes on a serial line.
fn limit(timeout: Duration, medium: &Medium, bytes: usize, stream: &Stream) -> Duration {
    let own = stream.timeout.map_or(timeout, |own| own.max(timeout));
    let on_line = match medium {
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => Duration::ZERO,
        Medium::Serial(serial) => serial.character() * u32::try_from(bytes + stream.unit_max()).unwrap_or(u32::MAX),
    };
    own + on_line
}

/// How long nothing is sent after an answer that did not come.
fn quiet(medium: &Medium, limit: Duration) -> Duration {
    match medium {
        // On a fresh connection nothing late can come, unless a gateway passes it on.
        Medium::Tcp { .. } => Duration::ZERO,
        Medium::RtuOverTcp { quiet, .. } => (*quiet).max(limit),
        Medium::Serial(serial) => serial.quiet.max(limit),
    }
}

//! The line of a link: opened, refused, gone.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::super::orders;
use super::super::wire::Wire;
use super::{Identity, Link};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Longest wait for a connection while a protective order waits for it.
const CONNECT_TIMEOUT_URGENT: Duration = Duration::from_millis(250);
/// Waits between connections that are refused: doubled up to the second.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The connection, or the port.
#[derive(Debug)]
pub(super) enum Line {
    Up(Wire),
    Down {
        retry_at: Moment,
        /// Connections refused in a row; 0 while nothing is known to be wrong.
        refused: u32,
        reason: Arc<str>,
    },
}

impl Link {
    pub(super) async fn connect(&mut self) {
        let result = loop {
            if let Some(result) = self.attempt().await {
                break result;
            }
        };
        let now = self.clock.moment();
        match result {
            Ok(wire) => {
                // After a mere drop the waits between attempts go on, or a unit that drops every connection would
                // take all the turns of its link.
                if matches!(self.line, Line::Down { refused: 1.., .. }) {
                    self.orders.line_is_back(now);
                    self.strangers();
                }
                self.line = Line::Up(wire);
                self.stats.connected(true);
            }
            Err(reason) => self.refused(&reason, now),
        }
    }

    /// One attempt to connect; `None` when it made way for that of a protective order, whose limit is shorter and whose
    /// first packet must not wait for the repetition of one that was lost.
    async fn attempt(&mut self) -> Option<Result<Wire, String>> {
        let urgent = self.orders.protecting();
        let within = if urgent { CONNECT_TIMEOUT_URGENT } else { CONNECT_TIMEOUT };
        let medium = self.medium.clone();
        let connecting = Wire::connect(&medium, within, self.clock);
        tokio::pin!(connecting);
        loop {
            tokio::select! {
                biased;
                result = &mut connecting => return Some(result),
                Some(order) = self.urgent.recv() => {
                    self.accept(order);
                    if !urgent && self.orders.protecting() {
                        return None;
                    }
                }
                Some(order) = self.commands.recv() => self.accept(order),
            }
        }
    }

    fn refused(&mut self, reason: &str, now: Moment) {
        let before = match &self.line {
            Line::Up(_) => 0,
            Line::Down { refused, .. } => *refused,
        };
        if before == 0 {
            tracing::warn!(link = &*self.name, reason, "link down");
        }
        let wait =
            if self.orders.urgent() { RECONNECT.0 } else { (RECONNECT.0 * (1 << before.min(5))).min(RECONNECT.1) };
        let reason = orders::reason(reason);
        self.line = Line::Down { retry_at: now + wait, refused: before.saturating_add(1), reason: reason.clone() };
        self.stats.failed();
        self.orders.drop_commands(None, &format!("link `{}` is down: {reason}", self.name));
        for place in 0..self.devices.len() {
            self.fell_silent(place, reason.clone(), now);
        }
        self.unconfirmed(&reason, now);
    }

    /// Tells that protective orders wait for a link that is down.
    fn unconfirmed(&mut self, reason: &Arc<str>, now: Moment) {
        while let Some(mut order) = self.orders.take_protective(now) {
            order.attempts += 1;
            self.tell_unconfirmed(&mut order, reason, now);
            // Put behind this moment, so that the loop ends; the link's return brings it forward.
            self.orders.again(order, now + Duration::from_nanos(1));
        }
    }

    /// Drops the line; it is opened again at once, and waits only when that is refused.
    pub(super) fn drop_line(&mut self, reason: &str) {
        self.stats.connected(false);
        if matches!(self.line, Line::Up(Wire::Rtu(_))) {
            // The plug may have been pulled, and another put in.
            tracing::warn!(link = &*self.name, reason, "serial line gone");
            self.strangers();
        }
        self.line = Line::Down { retry_at: Moment::START, refused: 0, reason: reason.into() };
    }

    /// Who answers on the line from here on has to say first who it is.
    fn strangers(&mut self) {
        for device in &mut self.devices {
            device.identity = Identity::of(&device.spec.profile);
        }
    }
}

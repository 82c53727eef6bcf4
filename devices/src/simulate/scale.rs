//! Weighing terminals: one that sends Toledo's continuous frames by itself, one that answers `SI`.

use std::time::Duration;

use super::Speaker;
use crate::moment::Moment;
use crate::stream::Sum;

/// What stands on the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Kilograms.
    pub load: i32,
    /// It stands still.
    pub stable: bool,
    /// More than the scale can weigh.
    pub overload: bool,
}

impl Platform {
    /// Nothing.
    pub const EMPTY: Self = Self { load: 0, stable: true, overload: false };
}

/// A terminal with continuous output.
#[derive(Clone, Debug)]
pub struct ContinuousScale {
    /// What stands on it.
    pub platform: Platform,
    every: Duration,
    next: Moment,
}

impl ContinuousScale {
    /// A scale that sends so often; real ones send about seven times a second.
    pub const fn new(every: Duration) -> Self {
        Self { platform: Platform::EMPTY, every, next: Moment::START }
    }

    /// The frame that it sends.
    pub fn frame(&self) -> Vec<u8> {
        let Platform { load, stable, overload } = self.platform;
        let status = 0x30 | u8::from(load < 0) << 1 | u8::from(overload) << 2 | u8::from(!stable) << 3;
        let mut frame = vec![0x02, 0x2A, status, 0x20];
        frame.extend(format!("{:6}000000\r", load.unsigned_abs()).into_bytes());
        frame.extend(Sum::Sum7Negated.of(&frame));
        frame
    }
}

impl Speaker for ContinuousScale {
    fn speak(&mut self, now: Moment) -> Vec<u8> {
        if self.next > now {
            return Vec::new();
        }
        // One frame however late: what it showed meanwhile is gone.
        self.next = now + self.every;
        self.frame()
    }

    fn next(&self) -> Option<Moment> {
        Some(self.next)
    }

    fn hear(&mut self, _: Moment, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

/// A scale that is asked.
#[derive(Clone, Debug)]
pub struct AskedScale {
    /// What stands on it.
    pub platform: Platform,
    heard: Vec<u8>,
}

impl AskedScale {
    /// An empty scale.
    pub const fn new() -> Self {
        Self { platform: Platform::EMPTY, heard: Vec::new() }
    }
}

impl Default for AskedScale {
    fn default() -> Self {
        Self::new()
    }
}

impl Speaker for AskedScale {
    fn speak(&mut self, _: Moment) -> Vec<u8> {
        Vec::new()
    }

    fn next(&self) -> Option<Moment> {
        None
    }

    fn hear(&mut self, _: Moment, bytes: &[u8]) -> Vec<u8> {
        self.heard.extend(bytes);
        let mut answer = Vec::new();
        while let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.heard.drain(..end + 2).collect();
            let Platform { load, stable, overload } = self.platform;
            let said = match (&line[..end], overload) {
                (b"SI", true) => "S +\r\n".to_owned(),
                (b"SI", false) => format!("S {} {load:10} kg\r\n", if stable { 'S' } else { 'D' }),
                (_, _) => "ES\r\n".to_owned(),
            };
            answer.extend(said.into_bytes());
        }
        answer
    }
}

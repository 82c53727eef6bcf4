//! The bytes of a link with their times, as text: recorded once at a site, played as often as the fault has to be seen.
//!
//! ```text
//! # portside tape 1
//! # 2026-11-21T08:15:30Z 10.0.0.20:502
//! 0.000000 = open
//! 0.000310 > 000100000006010200000008
//! 0.001020 < 00010000000401020105
//! 9.120000 = close
//! ```
//! Seconds since the start, the direction (`>` towards the device, `<` from it), the bytes in hexadecimal. Lines that
//! begin with `#` are for people, except the first, which names format and version. docs/tape.md is the reference.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// The first line of every tape.
pub const HEADER: &str = "# portside tape 1";
/// Longest tape that is read, in bytes of its text: a day of a busy bus.
pub const SIZE_MAX: usize = 256 << 20;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The link was opened.
    Open,
    /// The link was closed.
    Close,
    /// Bytes went to the device.
    Sent(Vec<u8>),
    /// Bytes came from the device.
    Came(Vec<u8>),
}

/// What happened when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Since the start of the tape; never before the entry ahead of it.
    pub at: Duration,
    /// What.
    pub what: What,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} ", self.at.as_secs(), self.at.subsec_micros())?;
        match &self.what {
            What::Open => f.write_str("= open"),
            What::Close => f.write_str("= close"),
            What::Sent(bytes) => write!(f, "> {}", hex::encode(bytes)),
            What::Came(bytes) => write!(f, "< {}", hex::encode(bytes)),
        }
    }
}

/// Reads a tape.
///
/// # Errors
/// The first line that is none, with what was expected. A last line that breaks off, as a kill leaves it, is left out.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line.trim_end()) != Some(HEADER) {
        return Err(format!("line 1 is not `{HEADER}`: this is no tape, or one of another version"));
    }
    let whole = text.ends_with('\n');
    let count = text.lines().count();
    let mut entries: Vec<Entry> = Vec::new();
    for (number, line) in lines {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = match parse_line(line) {
            Ok(entry) => entry,
            Err(_) if !whole && number + 1 == count => break,
            Err(why) => return Err(format!("line {}: {why}", number + 1)),
        };
        if entries.last().is_some_and(|last| last.at > entry.at) {
            return Err(format!("line {}: its time lies before that of the line above", number + 1));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Result<Entry, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [time, direction, what] = words[..] else {
        return Err("expected SECONDS, then >, < or =, then the bytes".to_owned());
    };
    let at = seconds(time).ok_or_else(|| format!("`{}` is no time in seconds", time.escape_debug()))?;
    let bytes = || hex::decode(what).map_err(|error| format!("the bytes are no hexadecimal: {error}"));
    let what = match (direction, what) {
        (">", _) => What::Sent(bytes()?),
        ("<", _) => What::Came(bytes()?),
        ("=", "open") => What::Open,
        ("=", "close") => What::Close,
        (other, _) => return Err(format!("`{}` is none of >, < and = open or close", other.escape_debug())),
    };
    Ok(Entry { at, what })
}

/// `12.000345`, to the microsecond.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() != 6 || !digits(part) || !digits(whole) {
        return None;
    }
    let micros: u64 = part.parse().ok()?;
    Some(Duration::from_secs(whole.parse().ok()?) + Duration::from_micros(micros))
}

/// A request and what followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchange {
    sent: Vec<u8>,
    /// Bytes, and how long after the request they came.
    came: Vec<(Duration, Vec<u8>)>,
}

/// Plays a tape to whoever asks what was asked then.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What came before anything was sent, by its time since the opening: a device that talks by itself.
    unasked: Vec<(Duration, Vec<u8>)>,
    exchanges: VecDeque<Exchange>,
    heard: Vec<u8>,
}

impl Replay {
    /// A tape at its beginning.
    pub fn new(entries: &[Entry]) -> Self {
        let (mut unasked, mut exchanges) = (Vec::new(), VecDeque::<Exchange>::new());
        let (mut opened, mut asked) = (Duration::ZERO, Duration::ZERO);
        for Entry { at, what } in entries {
            match what {
                What::Open if exchanges.is_empty() => opened = *at,
                What::Open | What::Close => {}
                What::Sent(bytes) => {
                    asked = *at;
                    match exchanges.back_mut() {
                        // A request may have come in parts.
                        Some(last) if last.came.is_empty() && !whole(&last.sent) => last.sent.extend_from_slice(bytes),
                        Some(_) | None => exchanges.push_back(Exchange { sent: bytes.clone(), came: Vec::new() }),
                    }
                }
                What::Came(bytes) => match exchanges.back_mut() {
                    Some(last) => last.came.push((*at - asked, bytes.clone())),
                    None => unasked.push((*at - opened, bytes.clone())),
                },
            }
        }
        Self { unasked, exchanges, heard: Vec::new() }
    }

    /// What a device that talks by itself says, and when after the opening.
    pub fn unasked(&self) -> &[(Duration, Vec<u8>)] {
        &self.unasked
    }

    /// Takes in bytes of the asker: what is to be said, and how long after. The next exchange of the tape that was the
    /// same is played, then it goes to the end of the row; a request that was never recorded is met by silence.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        self.heard.extend_from_slice(bytes);
        let found = self.exchanges.iter().position(|exchange| same(&exchange.sent, &self.heard));
        if let Some(mut exchange) = found.and_then(|place| self.exchanges.remove(place)) {
            let transaction = [self.heard[0], *self.heard.get(1).unwrap_or(&0)];
            self.heard.clear();
            let came =
                exchange.came.iter().map(|(after, bytes)| (*after, renumbered(bytes, &exchange.sent, transaction)));
            let came = came.collect();
            // The same question again gets what it got the next time, and from the beginning once that was all.
            exchange.sent.shrink_to_fit();
            self.exchanges.push_back(exchange);
            return came;
        }
        if !self.exchanges.iter().any(|exchange| begins(&exchange.sent, &self.heard)) {
            self.heard.clear();
        }
        Vec::new()
    }
}

/// True for a Modbus TCP frame, whose first two bytes count and differ at each asking.
fn is_tcp(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes[2..4] == [0, 0]
        && usize::from(u16::from_be_bytes([bytes[4], bytes[5]])) == bytes.len() - 6
}

fn whole(bytes: &[u8]) -> bool {
    is_tcp(bytes) || bytes.len() < 2 || bytes.ends_with(b"\n") || {
        let (body, check) = bytes.split_at(bytes.len() - 2);
        portside_devices::modbus::crc(body).to_le_bytes() == check
    }
}

fn same(recorded: &[u8], heard: &[u8]) -> bool {
    recorded == heard || is_tcp(recorded) && is_tcp(heard) && recorded[2..] == heard[2..]
}

fn begins(recorded: &[u8], heard: &[u8]) -> bool {
    recorded.starts_with(heard)
        || is_tcp(recorded) && recorded.len() > heard.len() && heard.len() <= 2
        || is_tcp(recorded) && heard.len() > 2 && recorded[2..].starts_with(&heard[2..])
}

fn renumbered(bytes: &[u8], sent: &[u8], transaction: [u8; 2]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if is_tcp(sent) && bytes.len() >= 2 && bytes[..2] == sent[..2] {
        bytes[..2].copy_from_slice(&transaction);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tape(lines: &str) -> Result<Vec<Entry>, String> {
        parse(&format!("{HEADER}\n# a site\n{lines}"))
    }

    #[test]
    fn a_tape_is_read_as_it_was_written() {
        let entries = vec![
            Entry { at: Duration::ZERO, what: What::Open },
            Entry { at: Duration::from_micros(310), what: What::Sent(vec![1, 2, 255]) },
            Entry { at: Duration::from_secs(9), what: What::Came(vec![0]) },
            Entry { at: Duration::from_secs(9), what: What::Close },
        ];
        let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        assert_eq!(tape(&text), Ok(entries));
    }

    #[test]
    fn what_is_no_tape_is_refused_with_its_line_and_a_torn_end_is_left_out() {
        for (lines, says) in [
            ("0.1 > 00\n", "line 3: `0.1` is no time"),
            ("0.100000 ? 00\n", "line 3: `?` is none"),
            ("0.100000 > 0\n", "line 3: the bytes"),
            ("0.200000 > 00\n0.100000 < 00\n", "line 4: its time lies before"),
        ] {
            let why = tape(lines).unwrap_err();
            assert!(why.starts_with(says), "{why}");
        }
        assert!(parse("0.100000 > 00\n").unwrap_err().contains("this is no tape"));
        assert_eq!(tape("0.100000 > 00\n0.2000").unwrap().len(), 1);
    }

    #[test]
    fn the_same_question_gets_the_next_answer_with_its_own_number() {
        // transaction 1 and 2 ask the same register; it holds 5, then 6.
        let entries = tape(
            "0.000000 > 000100000006010300000001\n0.001000 < 00010000000501030200 05\n".replace(" 05", "05").as_str(),
        );
        let mut entries = entries.unwrap();
        let more = tape("1.000000 > 000200000006010300000001\n1.002000 < 0002000000050103020006\n").unwrap();
        entries.extend(more);
        let mut replay = Replay::new(&entries);
        let ask = |transaction| [0, transaction, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];
        let answer = |transaction, value| vec![0, transaction, 0, 0, 0, 5, 1, 3, 2, 0, value];
        assert_eq!(replay.hear(&ask(9)), [(Duration::from_millis(1), answer(9, 5))]);
        assert_eq!(replay.hear(&ask(10)[..5]), []);
        assert_eq!(replay.hear(&ask(10)[5..]), [(Duration::from_millis(2), answer(10, 6))]);
        assert_eq!(replay.hear(&ask(11)), [(Duration::from_millis(1), answer(11, 5))], "from the beginning again");
        assert_eq!(replay.hear(b"what was never asked"), []);
        assert_eq!(replay.hear(&ask(12)).len(), 1);
    }

    #[test]
    fn what_a_device_said_by_itself_keeps_its_times() {
        let entries = tape("0.500000 = open\n0.700000 < 47422c\n1.500000 < 4e53\n").unwrap();
        let replay = Replay::new(&entries);
        let times: Vec<u128> = replay.unasked().iter().map(|(after, _)| after.as_millis()).collect();
        assert_eq!(times, [200, 1_000]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}", lines in "([0-9]{1,3}\\.[0-9]{6} [><=] (open|close|[0-9a-f]{0,8})\n){0,8}") {
            let _ = parse(&text);
            if let Ok(entries) = tape(&lines) {
                let mut replay = Replay::new(&entries);
                for entry in &entries {
                    if let What::Sent(bytes) = &entry.what {
                        replay.hear(bytes);
                    }
                }
            }
        }
    }
}

//! Tells where one unit ends and the next begins, in whatever bytes arrive.
//!
//! ```text
//!   line    Collecting ──end of line──► unit, Collecting      frame   look for the start bytes
//!               │ longer than allowed                                 take as many bytes as the length says
//!               ▼                                                     end and checksum right ──► unit
//!           Skipping ──end of line, or a start──► Collecting          otherwise leave out ONE byte and look again
//! ```
//! A frame that does not hold is not thrown away whole: the real one may begin inside of it.

use super::{FrameFraming, Framing, Length, LineFraming, Stream};

/// Splits the bytes of one connection into units. Keeps at most one unit's bytes.
#[derive(Clone, Debug)]
pub struct Splitter {
    state: State,
    noise: u64,
}

#[derive(Clone, Debug)]
enum State {
    Collecting(Vec<u8>),
    /// The line is too long; only as much is kept as may be the beginning of its end.
    Skipping(Vec<u8>),
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new()
    }
}

impl Splitter {
    /// A splitter that has seen nothing.
    pub const fn new() -> Self {
        Self { state: State::Collecting(Vec::new()), noise: 0 }
    }

    /// Bytes that belonged to no unit, so far.
    pub const fn noise(&self) -> u64 {
        self.noise
    }

    /// True while the beginning of a unit waits for its rest.
    pub const fn is_waiting(&self) -> bool {
        match &self.state {
            State::Collecting(bytes) => !bytes.is_empty(),
            State::Skipping(_) => true,
        }
    }

    /// Takes bytes in and hands every unit that they complete to `unit`: a line with its start and without its end, a
    /// frame whole.
    pub fn push(&mut self, stream: &Stream, bytes: &[u8], mut unit: impl FnMut(&[u8])) {
        match &stream.framing {
            Framing::Line(line) => bytes.iter().for_each(|byte| self.line(line, *byte, &mut unit)),
            Framing::Frame(frame) => {
                for part in bytes.chunks(frame.max.max(1)) {
                    self.frame(stream, frame, part, &mut unit);
                }
            }
        }
    }

    /// Nothing came for so long that what is begun will not be finished: the units inside of it, and then nothing.
    pub fn quiet(&mut self, stream: &Stream, mut unit: impl FnMut(&[u8])) {
        let State::Collecting(mut bytes) = std::mem::replace(&mut self.state, State::Collecting(Vec::new())) else {
            return;
        };
        if let Framing::Frame(frame) = &stream.framing {
            while !bytes.is_empty() {
                bytes.drain(..1);
                self.noise += 1;
                self.take_frames(stream, frame, &mut bytes, &mut unit);
            }
        }
        self.noise += bytes.len() as u64;
    }

    fn line(&mut self, framing: &LineFraming, byte: u8, unit: &mut impl FnMut(&[u8])) {
        let (State::Collecting(bytes) | State::Skipping(bytes)) = &mut self.state;
        bytes.push(byte);
        let begins = !framing.start.is_empty() && bytes.ends_with(&framing.start);
        if begins {
            self.noise += (bytes.len() - framing.start.len()) as u64;
            self.state = State::Collecting(framing.start.clone());
        } else if bytes.ends_with(&framing.end) {
            self.end_of_line(framing, unit);
        } else if bytes.len() > framing.max + framing.end.len() {
            self.skip(framing);
        }
    }

    fn end_of_line(&mut self, framing: &LineFraming, unit: &mut impl FnMut(&[u8])) {
        match std::mem::replace(&mut self.state, State::Collecting(Vec::new())) {
            State::Skipping(bytes) => self.noise += bytes.len() as u64,
            State::Collecting(mut bytes) => {
                bytes.truncate(bytes.len() - framing.end.len());
                // A line feed alone ends the lines of many devices that send a carriage return before it.
                if framing.end == b"\n" && bytes.last() == Some(&b'\r') {
                    bytes.pop();
                }
                if bytes.len() > framing.max || !bytes.starts_with(&framing.start) {
                    self.noise += bytes.len() as u64;
                } else if bytes.len() > framing.start.len() {
                    unit(&bytes);
                }
            }
        }
    }

    fn skip(&mut self, framing: &LineFraming) {
        let (State::Collecting(bytes) | State::Skipping(bytes)) = &mut self.state;
        let kept = bytes.len() - framing.start.len().max(framing.end.len());
        self.noise += kept as u64;
        bytes.drain(..kept);
        let rest = std::mem::take(bytes);
        self.state = State::Skipping(rest);
    }

    fn frame(&mut self, stream: &Stream, framing: &FrameFraming, part: &[u8], unit: &mut impl FnMut(&[u8])) {
        let (State::Collecting(mut bytes) | State::Skipping(mut bytes)) =
            std::mem::replace(&mut self.state, State::Collecting(Vec::new()));
        bytes.extend_from_slice(part);
        self.take_frames(stream, framing, &mut bytes, unit);
        self.state = State::Collecting(bytes);
    }

    /// Takes every frame out of `bytes` and leaves what may become one.
    fn take_frames(
        &mut self,
        stream: &Stream,
        framing: &FrameFraming,
        bytes: &mut Vec<u8>,
        unit: &mut impl FnMut(&[u8]),
    ) {
        let mut from = 0;
        loop {
            let rest = &bytes[from..];
            let skipped = before_start(rest, &framing.start);
            self.noise += skipped as u64;
            from += skipped;
            let rest = &bytes[from..];
            match candidate(stream, framing, rest) {
                Candidate::Short => break,
                Candidate::Frame(length) => {
                    unit(&rest[..length]);
                    from += length;
                }
                Candidate::None => {
                    self.noise += 1;
                    from += 1;
                }
            }
        }
        bytes.drain(..from);
    }
}

/// What stands at the beginning of some bytes.
enum Candidate {
    /// A frame of so many bytes.
    Frame(usize),
    /// What may be one when more comes.
    Short,
    /// Nothing.
    None,
}

/// How many bytes stand before what is, or may become, the start of a frame.
fn before_start(bytes: &[u8], start: &[u8]) -> usize {
    let fits = |at: &usize| {
        let rest = &bytes[*at..];
        let common = rest.len().min(start.len());
        rest[..common] == start[..common]
    };
    (0..bytes.len()).find(fits).unwrap_or(bytes.len())
}

fn candidate(stream: &Stream, framing: &FrameFraming, bytes: &[u8]) -> Candidate {
    let length = match framing.length {
        Length::Fixed(length) => length,
        Length::Told { at, size, order, add } => match bytes.get(at..at + size) {
            None => return Candidate::Short,
            Some(told) => usize::try_from(order.join(told)).unwrap_or(usize::MAX).saturating_add(add),
        },
        // The link counts the bytes of such an answer: nothing in them tells where they begin.
        Length::OfAnswer => return if bytes.is_empty() { Candidate::Short } else { Candidate::None },
    };
    if length > framing.max || length <= framing.start.len() + framing.end.len() {
        return Candidate::None;
    }
    let Some(frame) = bytes.get(..length) else { return Candidate::Short };
    let whole = frame.starts_with(&framing.start) && frame.ends_with(&framing.end);
    if whole && stream.checksum.is_none_or(|checksum| checksum.holds(frame)) {
        Candidate::Frame(length)
    } else {
        Candidate::None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Charset, Checksum, Form, Order, Sum};
    use super::*;

    fn stream(framing: Framing, checksum: Option<Checksum>) -> Stream {
        Stream::bare(framing, checksum, Charset::Ascii)
    }

    fn lines(start: &[u8], end: &[u8]) -> Stream {
        stream(Framing::Line(LineFraming { start: start.into(), end: end.into(), max: 10 }), None)
    }

    fn frames() -> Stream {
        let length = Length::Told { at: 1, size: 1, order: Order::Big, add: 3 };
        let framing = FrameFraming { start: vec![0x02], end: vec![0x03], length, max: 12 };
        let checksum = Checksum { sum: Sum::Xor8, from: 1, after: 1, form: Form::Raw };
        stream(Framing::Frame(framing), Some(checksum))
    }

    fn split(stream: &Stream, parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut splitter, mut units) = (Splitter::new(), Vec::new());
        for part in parts {
            splitter.push(stream, part, |unit| units.push(unit.to_vec()));
        }
        units
    }

    /// A frame with `body`: 02, length of the rest less three, body, sum, 03.
    fn frame(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x02, u8::try_from(body.len() + 1).unwrap()];
        bytes.extend(body);
        bytes.extend(Sum::Xor8.of(&bytes[1..]));
        bytes.push(0x03);
        bytes
    }

    #[test]
    fn lines_end_as_the_device_ends_them_wherever_the_bytes_are_cut() {
        let units = split(&lines(b"", b"\r\n"), &[b"GB,1\r\nGS", b",2\r", b"\n\r\nX\n\r\n"]);
        assert_eq!(units, [b"GB,1".to_vec(), b"GS,2".to_vec(), b"X\n".to_vec()]);
        assert_eq!(split(&lines(b"", b"\n"), &[b"a\r\nb\n"]), [b"a", b"b"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_one_is_not() {
        let units = split(&lines(b"", b"\r\n"), &[b"0123456789ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ\r", b"\nGB,1\r\n"]);
        assert_eq!(units, [b"GB,1"]);
        assert_eq!(split(&lines(b"", b"\r\n"), &[b"0123456789\r\n"]).len(), 1, "exactly as long as allowed");
        assert!(split(&lines(b"", b"\r\n"), &[b"0123456789A\r\n"]).is_empty());
    }

    #[test]
    fn a_start_begins_a_line_whatever_stands_before_it() {
        let units = split(&lines(b"\x02", b"\x03"), &[b"noise\x02ab", b"\x02cd\x03zz\x03\x02e\x03"]);
        assert_eq!(units, [b"\x02cd".to_vec(), b"\x02e".to_vec()]);
        let units = split(&lines(b"\x02", b"\x03"), &[b"0123456789ABCDEFGH\x02cd\x03"]);
        assert_eq!(units, [b"\x02cd"]);
    }

    #[test]
    fn a_frame_is_found_after_noise_and_inside_of_what_was_none() {
        let good = frame(b"ab");
        let mut bytes = vec![0x55, 0x02, 0x08];
        bytes.extend(&good);
        bytes.extend(&good);
        assert_eq!(split(&frames(), &[&bytes]), [good.clone(), good.clone()]);
        let mut disturbed = good.clone();
        disturbed[3] ^= 0x10;
        assert_eq!(split(&frames(), &[&disturbed, &good]), std::slice::from_ref(&good));
        assert!(split(&frames(), &[&[0x02, 0xFF, 0x02, 0x00]]).is_empty());
    }

    #[test]
    fn after_a_pause_a_frame_is_found_inside_of_one_that_never_ended() {
        let (stream, good) = (frames(), frame(b"ab"));
        let (mut splitter, mut units) = (Splitter::new(), Vec::new());
        splitter.push(&stream, &[0x02, 0x09], |unit| units.push(unit.to_vec()));
        splitter.push(&stream, &good, |unit| units.push(unit.to_vec()));
        assert!(units.is_empty() && splitter.is_waiting());
        splitter.quiet(&stream, |unit| units.push(unit.to_vec()));
        assert_eq!(units, [good]);
        assert!(!splitter.is_waiting());
        assert_eq!(splitter.noise(), 2);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_splitter_keep_more_than_one_unit(parts in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![Just(0x02), Just(0x03), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..40), 0..20,
        )) {
            for stream in [lines(b"", b"\r\n"), lines(b"\x02", b"\x03"), frames()] {
                let (mut splitter, mut kept) = (Splitter::new(), 0);
                for part in &parts {
                    splitter.push(&stream, part, |unit| kept += unit.len());
                    let (State::Collecting(bytes) | State::Skipping(bytes)) = &splitter.state;
                    prop_assert!(bytes.len() <= 13);
                }
                let came: usize = parts.iter().map(Vec::len).sum();
                prop_assert!(kept + usize::try_from(splitter.noise()).unwrap() <= came);
                splitter.quiet(&stream, |_| {});
                prop_assert!(!splitter.is_waiting());
            }
        }

        #[test]
        fn a_frame_is_found_whatever_stood_before_it_and_however_it_is_cut(
            noise in proptest::collection::vec(any::<u8>(), 0..30),
            body in proptest::collection::vec(any::<u8>(), 0..8),
            cut in 0_usize..40,
        ) {
            let stream = frames();
            let good = frame(&body);
            let mut bytes = noise;
            bytes.extend(&good);
            let cut = cut.min(bytes.len());
            let (mut splitter, mut units) = (Splitter::new(), Vec::new());
            splitter.push(&stream, &bytes[..cut], |unit| units.push(unit.to_vec()));
            splitter.push(&stream, &bytes[cut..], |unit| units.push(unit.to_vec()));
            splitter.quiet(&stream, |unit| units.push(unit.to_vec()));
            // Noise that happens to be a frame which reaches into the good one is the device's own doing.
            let eaten = units.iter().any(|unit| *unit != good);
            prop_assert!(eaten || units.last() == Some(&good));
        }

        #[test]
        fn the_line_after_any_noise_line_is_whole(noise in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = noise;
            bytes.extend(b"\r\nGB,1\r\n");
            let units = split(&lines(b"", b"\r\n"), &[&bytes]);
            prop_assert_eq!(units.last().map(Vec::as_slice), Some(&b"GB,1"[..]));
        }
    }
}

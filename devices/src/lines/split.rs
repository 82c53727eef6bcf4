//! Finds the frames of a detector in whatever bytes arrive.
//!
//! ```text
//!   find the sync bytes ──► whole frame there? ──► it holds ──► Frame, go on right behind it
//!            ▲                                        │ it does not
//!            └────────── leave out ONE byte ◄─────────┘
//! ```
//! What does not hold is not thrown away whole: where bytes were lost, the next real frame begins inside of it. Sync
//! bytes may stand among samples by chance, so a frame that carries neither checksum nor end counts only when another
//! one begins right behind it, or when it stands where one was due and no other one begins inside of it.

use super::{Damage, Detector, Frame};

/// Splits the bytes of one connection into frames. Keeps fewer bytes than two frames and a header.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    waiting: Vec<u8>,
    step: Step,
    tally: Tally,
}

/// Whether the next frame is known to begin where the last one ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// Nothing was found yet: a connection may begin in the middle of a frame, which is no fault.
    #[default]
    Joining,
    Kept,
    Lost,
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u64,
    /// Bytes that belonged to none.
    pub skipped: u64,
    /// How often something else stood where a frame should have begun.
    pub lost: u64,
    /// Why the last one of them was none; `None` where not even its beginning was there.
    pub last: Option<Damage>,
}

/// What stands at the beginning of some bytes.
enum Candidate {
    Frame(Frame),
    /// It may be one when more comes.
    Short,
    None(Option<Damage>),
}

/// Whether more bytes may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    May,
    Never,
}

impl Splitter {
    /// What was found so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// True while the beginning of a frame waits for its rest.
    pub const fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes bytes in and hands every frame that they complete to `found`.
    pub fn push(&mut self, detector: &Detector, bytes: &[u8], mut found: impl FnMut(Frame)) {
        for part in bytes.chunks(detector.frame_length()) {
            self.waiting.extend_from_slice(part);
            self.take(detector, More::May, &mut found);
        }
    }

    /// Nothing came for so long that what is begun will not be finished: the frames inside of it, and then nothing.
    pub fn quiet(&mut self, detector: &Detector, mut found: impl FnMut(Frame)) {
        self.take(detector, More::Never, &mut found);
        self.waiting.clear();
    }

    fn take(&mut self, detector: &Detector, more: More, found: &mut impl FnMut(Frame)) {
        let bytes = std::mem::take(&mut self.waiting);
        let mut from = 0;
        while from < bytes.len() {
            let skipped = before_sync(&bytes[from..], &detector.sync);
            if skipped > 0 {
                self.skip(skipped, None);
                from += skipped;
                continue;
            }
            match candidate(detector, &bytes[from..], self.step, more) {
                Candidate::Frame(frame) => {
                    self.tally.frames += 1;
                    self.step = Step::Kept;
                    found(frame);
                    from += detector.frame_length();
                }
                Candidate::Short => break,
                Candidate::None(why) => {
                    self.skip(1, why);
                    from += 1;
                }
            }
        }
        self.waiting = bytes;
        self.waiting.drain(..from);
    }

    fn skip(&mut self, bytes: usize, why: Option<Damage>) {
        self.tally.skipped += bytes as u64;
        if self.step == Step::Kept {
            self.tally.lost += 1;
            self.tally.last = why;
            self.step = Step::Lost;
        } else if self.tally.last.is_none() {
            self.tally.last = why;
        }
    }
}

/// How many bytes stand before what is, or may become, the beginning of a frame.
fn before_sync(bytes: &[u8], sync: &[u8]) -> usize {
    (0..bytes.len()).find(|at| begins(&bytes[*at..], sync)).unwrap_or(bytes.len())
}

/// True for what begins with `sync`, or may when more comes.
fn begins(bytes: &[u8], sync: &[u8]) -> bool {
    let common = bytes.len().min(sync.len());
    bytes[..common] == sync[..common]
}

/// True where another frame begins inside of the first one.
fn holds_another(detector: &Detector, bytes: &[u8]) -> bool {
    let starts = |at: &usize| bytes[*at..].starts_with(&detector.sync) && detector.head(&bytes[*at..]).is_ok();
    (1..detector.frame_length()).any(|at| starts(&at))
}

fn candidate(detector: &Detector, bytes: &[u8], step: Step, more: More) -> Candidate {
    let length = detector.frame_length();
    // A header that lies is known before the rest is there.
    if bytes.len() >= detector.header
        && let Err(damage) = detector.head(bytes)
    {
        return Candidate::None(Some(damage));
    }
    let Some(frame) = bytes.get(..length) else {
        return if more == More::May { Candidate::Short } else { Candidate::None(None) };
    };
    if !detector.is_guarded() {
        if bytes.len() < length + detector.header && more == More::May {
            return Candidate::Short;
        }
        let followed = begins(&bytes[length..], &detector.sync);
        if !followed && (step != Step::Kept || holds_another(detector, bytes)) {
            return Candidate::None(Some(Damage::Follower));
        }
    }
    match detector.read(frame) {
        Ok(frame) => Candidate::Frame(frame),
        Err(damage) => Candidate::None(Some(damage)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{FrameKind, Sample, small};
    use super::*;

    fn bare() -> Detector {
        Detector { checksum: None, trailer: 0, ..small() }
    }

    fn frame(counter: u32) -> Frame {
        let samples = (0..6).map(|place| u16::try_from((counter * 7 + place) % 0xFFF).unwrap()).collect();
        Frame { kind: FrameKind::Data, counter: counter % 0x1_0000, view: (counter % 2) as u8, samples }
    }

    fn split(detector: &Detector, parts: &[&[u8]]) -> (Vec<u32>, Tally) {
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        for part in parts {
            splitter.push(detector, part, |frame| found.push(frame.counter));
            assert!(splitter.waiting.len() < 2 * detector.frame_length() + detector.header);
        }
        splitter.quiet(detector, |frame| found.push(frame.counter));
        assert!(!splitter.is_waiting());
        (found, *splitter.tally())
    }

    fn bytes(detector: &Detector, counters: impl IntoIterator<Item = u32>) -> Vec<u8> {
        counters.into_iter().flat_map(|counter| detector.write(&frame(counter))).collect()
    }

    #[test]
    fn a_connection_may_begin_in_the_middle_of_a_frame() {
        for detector in [small(), bare()] {
            let all = bytes(&detector, 1..4);
            let (found, tally) = split(&detector, &[&all[9..]]);
            assert_eq!(found, [2, 3]);
            assert_eq!((tally.lost, tally.frames, tally.skipped), (0, 2, detector.frame_length() as u64 - 9));
        }
    }

    #[test]
    fn lost_bytes_cost_their_own_frame_and_no_other() {
        for detector in [small(), bare()] {
            let length = detector.frame_length();
            for cut in 1..length {
                let mut all = bytes(&detector, 1..6);
                all.drain(2 * length + cut - 1..2 * length + cut);
                let (found, tally) = split(&detector, &[&all]);
                assert_eq!(found, [1, 2, 4, 5], "byte {cut} lost");
                assert_eq!((tally.lost, tally.skipped), (1, length as u64 - 1));
            }
        }
    }

    #[test]
    fn a_disturbed_frame_is_left_out_and_said_why() {
        let detector = small();
        let mut all = bytes(&detector, 1..4);
        all[detector.frame_length() + 9] ^= 1;
        let (found, tally) = split(&detector, &[&all]);
        assert_eq!(found, [1, 3]);
        assert_eq!((tally.lost, tally.last), (1, Some(Damage::Checksum)));
    }

    #[test]
    fn sync_bytes_among_samples_are_no_frame() {
        let detector = bare();
        let mut all = bytes(&detector, [1]);
        let start = all.len();
        // One sample ends in A5 and the next begins with 5A.
        let tricky = Detector { sample: Sample { bits: 16, ..detector.sample }, ..detector.clone() };
        all.extend(tricky.write(&Frame { samples: vec![0xA500, 0x005A, 0, 0, 0, 0], ..frame(2) }));
        let detector = tricky;
        all.extend(bytes(&detector, [3]));
        assert_eq!(split(&detector, &[&all]).0, [1, 2, 3]);
        assert_eq!(split(&detector, &[&all[start + 3..]]).0, [3], "joined inside of the tricky one");
    }

    #[test]
    fn a_frame_without_a_guard_waits_for_the_next_one_or_for_quiet() {
        let detector = bare();
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        splitter.push(&detector, &bytes(&detector, [1]), |frame| found.push(frame.counter));
        assert!(found.is_empty() && splitter.is_waiting());
        splitter.push(&detector, &bytes(&detector, [2])[..8], |frame| found.push(frame.counter));
        assert_eq!(found, [1]);
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        splitter.push(&detector, &bytes(&detector, [1]), |frame| found.push(frame.counter));
        splitter.quiet(&detector, |frame| found.push(frame.counter));
        assert_eq!(found, [1]);
    }

    proptest! {
        #[test]
        fn the_same_frames_come_out_however_the_bytes_are_cut(
            count in 1_u32..12,
            cuts in proptest::collection::vec(1_usize..60, 1..40),
            hurt in proptest::collection::vec((0_usize..300, any::<u8>()), 0..6),
        ) {
            for detector in [small(), bare()] {
                let mut all = bytes(&detector, 0..count);
                for (at, byte) in &hurt {
                    let length = all.len();
                    all[at % length] = *byte;
                }
                let mut parts = Vec::new();
                let (mut rest, mut cuts) = (&all[..], cuts.iter().cycle());
                while !rest.is_empty() {
                    let (part, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                    parts.push(part);
                    rest = after;
                }
                prop_assert_eq!(split(&detector, &parts), split(&detector, &[&all]));
            }
        }

        #[test]
        fn garbage_between_frames_costs_none_of_those_that_a_checksum_guards(
            garbage in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(0xA5), Just(0x5A), any::<u8>()], 0..50), 1..8,
            ),
        ) {
            let detector = small();
            let (mut all, mut sent) = (Vec::new(), Vec::new());
            for (counter, noise) in (0..).zip(&garbage) {
                all.extend(noise);
                all.extend(bytes(&detector, [counter]));
                sent.push(counter);
            }
            let noise: usize = garbage.iter().map(Vec::len).sum();
            let (found, tally) = split(&detector, &[&all]);
            prop_assert_eq!(found, sent);
            prop_assert_eq!(tally.skipped, noise as u64);
        }
    }
}

//! Lines of an X-ray detector as they come over a connection: one frame a line and view, described by a profile.
//!
//! ```text
//!  │ sync … counter … view … kind … length │ low low low … high high high │ … checksum … end │
//!  ├──────────────── header ───────────────┼──────────── samples ─────────┼──── trailer ─────┤
//! ```
//! Makers keep the layouts of their detectors to themselves, so a profile says all of it: where the counter stands and
//! when it begins again, how the samples of two energies lie, which of their bits count, how dark and white lines are
//! told from those of subjects. [`Splitter`] finds the frames in whatever bytes arrive.

mod count;
mod split;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use count::Unwrapped;
pub use split::{Splitter, Tally};

use crate::stream::{Checksum, Order};

/// Pixels of a line at most.
pub const PIXELS_MAX: u32 = 32_768;
/// Bytes before the samples, and behind them, at most.
pub const AROUND_MAX: usize = 256;

/// The framing of one detector model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detector {
    /// What every frame begins with; at least two bytes.
    pub sync: Vec<u8>,
    /// Bytes before the first sample, `sync` included.
    pub header: usize,
    /// The line counter.
    pub counter: Counter,
    /// Which view a line is of; `None` with one view.
    pub view: Option<ViewField>,
    /// Whether a line shows subjects, darkness or air; `None` where frames do not say it.
    pub kind: Option<KindField>,
    /// The frame's own length in bytes, where it tells one.
    pub length: Option<LengthField>,
    /// Detector elements of a line.
    pub pixels: u32,
    /// 1, or 2.
    pub energies: u8,
    /// How many detectors send lines of the same moments.
    pub views: u8,
    /// How the samples of a line lie.
    pub arrangement: Arrangement,
    /// How one sample is written.
    pub sample: Sample,
    /// Bytes behind the last sample.
    pub trailer: usize,
    /// The last of them, where they are always the same.
    pub end: Vec<u8>,
    /// What guards the frame.
    pub checksum: Option<Checksum>,
    /// Width of an element in the plane of the belt, micrometres; 0: nobody said.
    pub pitch_um: u32,
    /// Way of a subject between two lines, micrometres; 0: nobody said.
    pub line_um: u32,
    /// Lines a second, of each view.
    pub rate: u32,
    /// How it is calibrated.
    pub calibration: Calibration,
    /// Whether lines come while nothing is in the beam.
    pub idle: Idle,
    /// When no line came for so long, an image that is growing is over, and a source that sends all the time is silent.
    pub silence: Duration,
}

/// Where a number stands in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Offset of its first byte from the frame's first.
    pub at: usize,
    /// Bytes, 1 to 4.
    pub size: usize,
    /// Which of them comes first.
    pub order: Order,
    /// Bits of it that count, moved down.
    pub mask: u32,
}

/// The line counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Where it stands.
    pub field: Field,
    /// It begins again at 0 after so many lines, 2 to 2^32.
    pub wraps: u64,
}

/// The number of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewField {
    /// Where it stands.
    pub field: Field,
    /// What the first view is called; the others follow.
    pub first: u32,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindField {
    /// Where it stands.
    pub field: Field,
    /// What stands there in lines of subjects.
    pub data: u32,
    /// In lines without a beam.
    pub dark: Option<u32>,
    /// In lines of an empty beam.
    pub white: Option<u32>,
}

/// The length of the frame as the frame tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthField {
    /// Where it stands.
    pub field: Field,
    /// Bytes of the frame that it leaves out.
    pub add: usize,
}

/// How the samples of a line of two energies lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrangement {
    /// All of the softer energy, then all of the harder one.
    LowThenHigh,
    /// The other way round.
    HighThenLow,
    /// Both of an element, the softer one first, then both of the next.
    PixelLowFirst,
    /// The same, the harder one first.
    PixelHighFirst,
}

impl Arrangement {
    /// Every way with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[
        ("low-then-high", Self::LowThenHigh),
        ("high-then-low", Self::HighThenLow),
        ("pixel-low-first", Self::PixelLowFirst),
        ("pixel-high-first", Self::PixelHighFirst),
    ];

    /// Place among the samples of a frame of what belongs at `place` of a line: softer energy first, then the harder.
    const fn place(self, place: usize, pixels: usize) -> usize {
        let (energy, pixel) = (place / pixels, place % pixels);
        match self {
            Self::LowThenHigh => place,
            Self::HighThenLow => (1 - energy) * pixels + pixel,
            Self::PixelLowFirst => 2 * pixel + energy,
            Self::PixelHighFirst => 2 * pixel + 1 - energy,
        }
    }
}

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Bits that carry something, 8 to 16.
    pub bits: u8,
    /// Bytes that it takes, 1 or 2.
    pub bytes: usize,
    /// Which of them comes first.
    pub order: Order,
    /// Where the bits stand in them.
    pub align: Align,
}

/// Where the bits of a sample stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Align {
    /// At the bottom; above them are zeros.
    Low,
    /// At the top; what is below them means nothing.
    High,
}

impl Align {
    /// Both with the word a profile calls them by.
    pub const WORDS: &[(&str, Self)] = &[("low", Self::Low), ("high", Self::High)];
}

/// How the lines come that tell darkness and air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// Frames say it of themselves, whenever the machine takes them.
    Flagged {
        /// So many of each are averaged.
        lines: u32,
    },
    /// The first lines of a connection: so many dark ones, then so many white ones.
    First {
        /// Dark ones.
        dark: u32,
        /// White ones.
        white: u32,
    },
    /// The detector has corrected its lines already.
    Done {
        /// What it says of air.
        air: u16,
    },
}

/// What comes while nothing is in the beam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idle {
    /// Lines of air: silence is a fault.
    Lines,
    /// Nothing: lines come while a subject passes.
    Nothing,
}

impl Idle {
    /// Both with the word a profile calls them by.
    pub const WORDS: &[(&str, Self)] = &[("lines", Self::Lines), ("nothing", Self::Nothing)];
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Whatever is on the belt.
    Data,
    /// No beam.
    Dark,
    /// The beam, and nothing in it.
    White,
}

impl FrameKind {
    /// Every kind with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] = &[("data", Self::Data), ("dark", Self::Dark), ("white", Self::White)];

    /// The word a profile calls it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Dark => "dark",
            Self::White => "white",
        }
    }
}

/// One line of one view, as the detector said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it shows.
    pub kind: FrameKind,
    /// The line counter; it wraps as [`Counter::wraps`] says.
    pub counter: u32,
    /// The view, from 0.
    pub view: u8,
    /// [`Detector::samples`] samples of [`Sample::bits`] bits: the softer energy, then the harder one.
    pub samples: Vec<u16>,
}

/// Why bytes that begin like a frame are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// It tells another length than its model's.
    Length,
    /// Its last bytes are not those of an end.
    End,
    /// Its checksum is wrong.
    Checksum,
    /// Its view is none of the detector's.
    View,
    /// Its kind is none.
    Kind,
    /// Its counter is beyond the number at which it begins again.
    Counter,
    /// A sample has more bits than it can have.
    Sample,
    /// What follows does not begin like a frame.
    Follower,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "it tells another length than the profile",
            Self::End => "it does not end as the profile says",
            Self::Checksum => "its checksum is wrong",
            Self::View => "it is of a view that the profile does not have",
            Self::Kind => "it is of a kind that the profile does not know",
            Self::Counter => "its counter is beyond the `wraps` of the profile",
            Self::Sample => "a sample has more bits than the profile says",
            Self::Follower => "what follows it is no frame",
        })
    }
}

impl Field {
    /// What stands there; `None` where the bytes end before it.
    pub fn read(self, bytes: &[u8]) -> Option<u32> {
        let joined = self.order.join(bytes.get(self.at..self.at + self.size)?);
        let number = u32::try_from(joined).ok()? & self.mask;
        Some(number >> self.mask.trailing_zeros())
    }

    /// Puts `number` there. What is beyond the field is cut off.
    fn write(self, number: u32, bytes: &mut [u8]) {
        let kept = self.order.join(&bytes[self.at..self.at + self.size]) as u32 & !self.mask;
        let number = kept | (number << self.mask.trailing_zeros()) & self.mask;
        for (place, byte) in bytes[self.at..self.at + self.size].iter_mut().enumerate() {
            let shift = match self.order {
                Order::Big => self.size - 1 - place,
                Order::Little => place,
            };
            *byte = (number >> (8 * shift)) as u8;
        }
    }

    /// The first byte behind it.
    pub const fn end(self) -> usize {
        self.at + self.size
    }
}

impl Sample {
    /// The highest number that it can be.
    pub const fn max(self) -> u16 {
        u16::MAX >> (16 - self.bits)
    }

    const fn shift(self) -> u8 {
        match self.align {
            Align::Low => 0,
            Align::High => 8 * self.bytes as u8 - self.bits,
        }
    }

    fn read(self, bytes: &[u8]) -> u16 {
        let number = match (bytes, self.order) {
            ([one], _) => u16::from(*one),
            ([first, second, ..], Order::Big) => u16::from_be_bytes([*first, *second]),
            ([first, second, ..], Order::Little) => u16::from_le_bytes([*first, *second]),
            ([], _) => 0,
        };
        number >> self.shift()
    }

    fn write(self, number: u16, out: &mut Vec<u8>) {
        let number = number.min(self.max()) << self.shift();
        match (self.bytes, self.order) {
            (1, _) => out.push(number as u8),
            (_, Order::Big) => out.extend(number.to_be_bytes()),
            (_, Order::Little) => out.extend(number.to_le_bytes()),
        }
    }
}

impl Detector {
    /// Samples of a line, all energies together.
    pub const fn samples(&self) -> usize {
        self.pixels as usize * self.energies as usize
    }

    /// Bytes of every frame.
    pub const fn frame_length(&self) -> usize {
        self.header + self.samples() * self.sample.bytes + self.trailer
    }

    /// True where a frame proves by itself that it is whole; otherwise only what follows it shows that.
    pub const fn is_guarded(&self) -> bool {
        self.checksum.is_some() || !self.end.is_empty()
    }

    /// Reads [`Self::frame_length`] bytes that begin with [`Self::sync`].
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(&self, frame: &[u8]) -> Result<Frame, Damage> {
        // What costs least goes first: whoever sends headers alone must not make this program reckon checksums.
        let (kind, view, counter) = self.head(frame)?;
        if !frame.ends_with(&self.end) {
            return Err(Damage::End);
        }
        if self.checksum.is_some_and(|checksum| !checksum.holds(frame)) {
            return Err(Damage::Checksum);
        }
        let body = &frame[self.header..frame.len() - self.trailer];
        let samples = self.line(body);
        if samples.iter().any(|sample| *sample > self.sample.max()) {
            return Err(Damage::Sample);
        }
        Ok(Frame { kind, counter, view, samples })
    }

    fn head(&self, frame: &[u8]) -> Result<(FrameKind, u8, u32), Damage> {
        let told = self.length.map(|length| (length.field.read(frame), length.add));
        if told.is_some_and(|(told, add)| told.is_none_or(|told| told as usize + add != self.frame_length())) {
            return Err(Damage::Length);
        }
        let kind = match self.kind {
            None => FrameKind::Data,
            Some(kind) => kind.field.read(frame).and_then(|word| kind.meaning(word)).ok_or(Damage::Kind)?,
        };
        let view = match self.view {
            None => 0,
            Some(view) => {
                let number = view.field.read(frame).and_then(|number| number.checked_sub(view.first));
                number
                    .and_then(|number| u8::try_from(number).ok())
                    .filter(|view| *view < self.views)
                    .ok_or(Damage::View)?
            }
        };
        let counter = self.counter.field.read(frame).filter(|counter| u64::from(*counter) < self.counter.wraps);
        Ok((kind, view, counter.ok_or(Damage::Counter)?))
    }

    /// The samples in the order of a line.
    fn line(&self, body: &[u8]) -> Vec<u16> {
        let size = self.sample.bytes;
        if self.energies == 1 || self.arrangement == Arrangement::LowThenHigh {
            return body.chunks_exact(size).map(|bytes| self.sample.read(bytes)).collect();
        }
        let pixels = self.pixels as usize;
        let at = |place: usize| self.arrangement.place(place, pixels) * size;
        (0..self.samples()).map(|place| self.sample.read(&body[at(place)..at(place) + size])).collect()
    }

    /// The bytes of a frame, as the detector sends them. Samples that are missing are 0, those too many are left out.
    pub fn write(&self, frame: &Frame) -> Vec<u8> {
        let mut bytes = vec![0; self.header];
        bytes[..self.sync.len()].copy_from_slice(&self.sync);
        self.counter.field.write(frame.counter, &mut bytes);
        if let Some(view) = self.view {
            view.field.write(u32::from(frame.view) + view.first, &mut bytes);
        }
        if let Some(kind) = self.kind {
            kind.field.write(kind.word(frame.kind), &mut bytes);
        }
        if let Some(length) = self.length {
            let told = u32::try_from(self.frame_length() - length.add).unwrap_or(u32::MAX);
            length.field.write(told, &mut bytes);
        }
        let mut lying = vec![0; self.samples()];
        for (place, sample) in frame.samples.iter().take(self.samples()).enumerate() {
            let place = if self.energies == 1 { place } else { self.arrangement.place(place, self.pixels as usize) };
            lying[place] = *sample;
        }
        lying.iter().for_each(|sample| self.sample.write(*sample, &mut bytes));
        self.finish(bytes)
    }

    /// A header and samples as they came, with the trailer that belongs to them.
    pub fn finish(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.resize(self.frame_length(), 0);
        let end = bytes.len() - self.end.len();
        bytes[end..].copy_from_slice(&self.end);
        if let Some(checksum) = self.checksum {
            checksum.sign(&mut bytes);
        }
        bytes
    }
}

impl KindField {
    fn meaning(self, word: u32) -> Option<FrameKind> {
        match word {
            word if word == self.data => Some(FrameKind::Data),
            word if Some(word) == self.dark => Some(FrameKind::Dark),
            word if Some(word) == self.white => Some(FrameKind::White),
            _ => None,
        }
    }

    /// A kind that the model does not tell goes out as data, as it would on the wire.
    fn word(self, kind: FrameKind) -> u32 {
        match kind {
            FrameKind::Data => self.data,
            FrameKind::Dark => self.dark.unwrap_or(self.data),
            FrameKind::White => self.white.unwrap_or(self.data),
        }
    }
}

/// A detector small enough to write its bytes down.
#[cfg(test)]
pub(crate) fn small() -> Detector {
    let field = |at, size, order| Field { at, size, order, mask: u32::MAX >> (32 - 8 * size) };
    Detector {
        sync: vec![0xA5, 0x5A],
        header: 8,
        counter: Counter { field: field(2, 2, Order::Little), wraps: 0x1_0000 },
        view: Some(ViewField { field: field(4, 1, Order::Big), first: 1 }),
        kind: Some(KindField { field: field(5, 1, Order::Big), data: 0, dark: Some(1), white: Some(2) }),
        length: Some(LengthField { field: field(6, 2, Order::Big), add: 0 }),
        pixels: 3,
        energies: 2,
        views: 2,
        arrangement: Arrangement::LowThenHigh,
        sample: Sample { bits: 12, bytes: 2, order: Order::Little, align: Align::Low },
        trailer: 2,
        end: Vec::new(),
        checksum: Some(Checksum {
            sum: crate::stream::Sum::Crc16Ccitt,
            from: 2,
            after: 0,
            form: crate::stream::Form::Raw,
        }),
        pitch_um: 1_500,
        line_um: 600,
        rate: 375,
        calibration: Calibration::Flagged { lines: 2 },
        idle: Idle::Lines,
        silence: Duration::from_millis(500),
    }
}

//! One open medium to line or frame devices, and what may count as an answer on it.

use std::time::Duration;

use portside_devices::profile::Profile;
use portside_devices::stream::{Found, Framing, Length, RecordShape, Splitter, Stream, Understood};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::field::medium::{self, Medium};

/// Bytes that are read at once.
const CHUNK: usize = 1_024;

/// A record that came.
pub(super) type Came = (usize, Vec<Found>);

/// What some bytes held.
#[derive(Debug, Default)]
pub(super) struct Heap {
    /// The device's records.
    pub(super) records: Vec<Came>,
    /// Units that it is known to send and that mean nothing here.
    pub(super) ignored: u32,
    /// Units that are none of the device's.
    pub(super) noise: u32,
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: medium::Stream,
    splitter: Splitter,
    buffer: Box<[u8]>,
    /// Bytes that came since the medium was opened.
    pub(super) bytes: u64,
}

impl Wire {
    pub(super) async fn open(medium: &Medium, within: Duration) -> Result<Self, String> {
        let stream = medium::open(medium, within).await?;
        Ok(Self { stream, splitter: Splitter::new(), buffer: vec![0; CHUNK].into(), bytes: 0 })
    }

    /// True while the beginning of a unit waits for its rest.
    pub(super) const fn is_waiting(&self) -> bool {
        self.splitter.is_waiting()
    }

    /// The next bytes, understood. May be dropped before it ends. `Err`: the medium is gone.
    pub(super) async fn hear(&mut self, profile: &Profile, stream: &Stream) -> Result<Heap, String> {
        let count = self.read().await?;
        let (mut heap, splitter) = (Heap::default(), &mut self.splitter);
        splitter.push(stream, &self.buffer[..count], |unit| heap.take(profile, stream, unit, None));
        Ok(heap)
    }

    /// Nothing has come for a while: what was begun is not finished any more.
    pub(super) fn pause(&mut self, profile: &Profile, stream: &Stream) -> Heap {
        let mut heap = Heap::default();
        self.splitter.quiet(stream, |unit| heap.take(profile, stream, unit, None));
        heap
    }

    async fn read(&mut self) -> Result<usize, String> {
        let count = self.stream.read(&mut self.buffer).await.map_err(|error| error.to_string())?;
        self.bytes += count as u64;
        Ok(count)
    }

    /// Throws away what has come and what was begun. `Err`: the medium is gone.
    pub(super) fn forget(&mut self) -> Result<usize, String> {
        self.splitter = Splitter::new();
        self.stream.drain().map_err(|error| error.to_string())
    }

    /// Sends bytes. When it is dropped before it ends, part of them may have been sent.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).await.map_err(|error| error.to_string())?;
        self.stream.flush().await.map_err(|error| error.to_string())
    }

    /// Waits for one of the records `wanted`; what else the device says meanwhile goes to `others`.
    pub(super) async fn answer(
        &mut self,
        profile: &Profile,
        stream: &Stream,
        wanted: &[usize],
        others: &mut Vec<Came>,
    ) -> Result<Came, NoAnswer> {
        if let Some(length) = counted(stream, wanted) {
            return self.counted_answer(profile, stream, wanted, length).await;
        }
        loop {
            let count = self.read().await.map_err(NoAnswer::Gone)?;
            let (mut heap, splitter) = (Heap::default(), &mut self.splitter);
            let among = stream.is_polled().then_some(wanted);
            splitter.push(stream, &self.buffer[..count], |unit| heap.take(profile, stream, unit, among));
            let found = heap.records.iter().position(|(record, _)| wanted.contains(record));
            let answer = found.map(|place| heap.records.remove(place));
            // A device that floods instead of answering must not fill the memory until the time is up.
            others.extend(heap.records.into_iter().take(CHUNK.saturating_sub(others.len())));
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// An answer of which only its length is known: exactly so many bytes, and nothing behind them.
    async fn counted_answer(
        &mut self,
        profile: &Profile,
        stream: &Stream,
        wanted: &[usize],
        length: usize,
    ) -> Result<Came, NoAnswer> {
        let mut came: Vec<u8> = Vec::with_capacity(length);
        while came.len() < length {
            let count = self.read().await.map_err(NoAnswer::Gone)?;
            came.extend_from_slice(&self.buffer[..count]);
        }
        let more = self.stream.drain().map_err(|error| NoAnswer::Gone(error.to_string()))?;
        let many = came.len() + more;
        if many > length {
            return Err(NoAnswer::Wrong(format!("{many} bytes came, the answer has {length}")));
        }
        match stream.understand(profile, &came, Some(wanted)) {
            Understood::Record { record, found } => Ok((record, found)),
            Understood::Ignored | Understood::Noise => Err(NoAnswer::Wrong("what came is no answer".to_owned())),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The medium is gone.
    Gone(String),
    /// Something came that is none.
    Wrong(String),
}

impl Heap {
    fn take(&mut self, profile: &Profile, stream: &Stream, unit: &[u8], among: Option<&[usize]>) {
        match stream.understand(profile, unit, among) {
            Understood::Record { record, found } => self.records.push((record, found)),
            Understood::Ignored => self.ignored += 1,
            Understood::Noise => self.noise += 1,
        }
    }
}

/// The length of the answer, where that is all that is known of it.
fn counted(stream: &Stream, wanted: &[usize]) -> Option<usize> {
    let Framing::Frame(framing) = &stream.framing else { return None };
    let RecordShape::Frame(layout) = &stream.records[*wanted.first()?].shape else { return None };
    layout.length.filter(|_| framing.length == Length::OfAnswer)
}

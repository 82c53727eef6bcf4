//! The youngest durable records in memory: the uplink reads each soon after it was written, and need not go through
//! index and file for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reader::Stored;
use super::stream::Stream;

/// Bytes of records that are kept; older ones are read from the log.
const BYTES_MAX: usize = 1 << 20;

/// The youngest records, whichever their stream.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Without a gap each: what lies between first and last is there.
    streams: BTreeMap<Stream, VecDeque<Stored>>,
    /// In the order in which they came.
    order: VecDeque<Stream>,
    bytes: usize,
}

impl Recent {
    /// Takes records in, which are durable by now.
    pub(super) fn add(&self, records: impl Iterator<Item = Stored>) {
        let mut kept = self.lock();
        records.for_each(|record| kept.add(record));
    }

    /// As [`super::Reader::read`]; `None` where the log has to be asked.
    pub(super) fn read(&self, stream: &Stream, from: u64, max_records: usize, max_bytes: usize) -> Option<Vec<Stored>> {
        let kept = self.lock();
        let records = kept.streams.get(stream)?;
        let first = records.front()?.sequence;
        let skipped = usize::try_from(from.checked_sub(first)?).ok().filter(|skipped| *skipped < records.len())?;
        let mut bytes = 0_usize;
        let fits = |record: &&Stored| {
            bytes = bytes.saturating_add(record.bytes.len());
            bytes <= max_bytes || bytes == record.bytes.len()
        };
        Some(records.iter().skip(skipped).take(max_records).take_while(fits).cloned().collect())
    }

    /// Whoever panicked while holding it left it whole enough: a reader checks what it takes.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, record: Stored) {
        let records = self.streams.entry(record.stream.clone()).or_default();
        debug_assert!(records.back().is_none_or(|last| last.sequence + 1 == record.sequence), "{record:?}");
        self.order.push_back(record.stream.clone());
        self.bytes += record.bytes.len();
        records.push_back(record);
        while self.bytes > BYTES_MAX {
            let Some(stream) = self.order.pop_front() else { return };
            let oldest = self.streams.get_mut(&stream).and_then(VecDeque::pop_front);
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(stream: &Stream, sequence: u64, size: usize) -> Stored {
        Stored { stream: stream.clone(), sequence, bytes: vec![b'x'; size].into() }
    }

    fn sequences(found: Option<Vec<Stored>>) -> Option<Vec<u64>> {
        found.map(|found| found.iter().map(|stored| stored.sequence).collect())
    }

    #[test]
    fn what_is_young_enough_is_answered_and_the_rest_is_left_to_the_log() {
        let recent = Recent::default();
        recent.add((5..=8).map(|sequence| record(&Stream::Alarm, sequence, 10)));
        assert_eq!(sequences(recent.read(&Stream::Alarm, 6, 10, 1000)), Some(vec![6, 7, 8]));
        assert_eq!(sequences(recent.read(&Stream::Alarm, 5, 2, 1000)), Some(vec![5, 6]));
        assert_eq!(sequences(recent.read(&Stream::Alarm, 5, 10, 25)), Some(vec![5, 6]));
        assert_eq!(sequences(recent.read(&Stream::Alarm, 5, 10, 1)), Some(vec![5]), "at least one");
        assert_eq!(sequences(recent.read(&Stream::Alarm, 4, 10, 1000)), None);
        assert_eq!(sequences(recent.read(&Stream::Alarm, 9, 10, 1000)), None);
        assert_eq!(sequences(recent.read(&Stream::Device, 5, 10, 1000)), None);
    }

    #[test]
    fn memory_is_bounded_over_all_streams_together() {
        let recent = Recent::default();
        recent.add(std::iter::once(record(&Stream::Alarm, 1, 10)));
        recent.add((1..=9).map(|sequence| record(&Stream::Telemetry, sequence, BYTES_MAX / 8)));
        assert_eq!(sequences(recent.read(&Stream::Alarm, 1, 10, 1000)), None);
        assert_eq!(sequences(recent.read(&Stream::Telemetry, 1, 10, usize::MAX)), None);
        assert_eq!(sequences(recent.read(&Stream::Telemetry, 2, 10, usize::MAX)), Some((2..=9).collect()));
    }
}

//! The newest answer of every point, for whoever wants to look without disturbing the link.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portside_devices::moment::Moment;
use portside_devices::plan::Block;
use portside_devices::profile::Profile;

use super::seen::Data;

/// What was last heard of one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its bits or words as they came; empty while nothing did.
    pub raw: Vec<u16>,
    /// Why the last read of it was refused, if it was.
    pub refused: Option<Arc<str>>,
    /// When.
    pub at: Moment,
}

/// By device number and the point's place in its profile.
#[derive(Debug, Default)]
pub struct Board {
    points: Mutex<BTreeMap<(usize, usize), Newest>>,
}

impl Board {
    /// What was last heard of a point; `None` before the first answer.
    pub fn newest(&self, device: usize, point: usize) -> Option<Newest> {
        self.lock().get(&(device, point)).cloned()
    }

    /// A looker that panicked must not silence the link.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), Newest>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an answer whose length was checked against its request.
    pub(super) fn answered(&self, device: usize, profile: &Profile, block: &Block, data: &Data, at: Moment) {
        let mut points = self.lock();
        for index in &block.points {
            let Some(register) = profile.points.get(*index).and_then(|point| point.register()) else { continue };
            let from = usize::from(register.address.saturating_sub(block.start));
            let newest = points.entry((device, *index)).or_insert(Newest { raw: Vec::new(), refused: None, at });
            // The buffer is kept: a link answers thousands of times a second.
            newest.raw.clear();
            match data {
                Data::Bits(bits) => newest.raw.extend(bits.get(from).map(|bit| u16::from(*bit))),
                Data::Words(words) => {
                    newest.raw.extend(words.get(from..from + usize::from(register.width())).unwrap_or_default());
                }
            }
            (newest.refused, newest.at) = (None, at);
        }
    }

    /// Takes in an exception.
    pub(super) fn refused(&self, device: usize, block: &Block, why: &str, at: Moment) {
        let (mut points, why) = (self.lock(), Arc::<str>::from(why));
        for index in &block.points {
            let newest = Newest { raw: Vec::new(), refused: Some(why.clone()), at };
            points.insert((device, *index), newest);
        }
    }
}

//! What the demo's passengers bring: bags packed to fit their stories, X-rayed ahead of time.

use tokio::sync::mpsc;

use super::machine::TUNNEL;
use super::story::{self, Story};
use crate::simulate::detector::Subject;
use crate::simulate::phantom::luggage::Contents;
use crate::simulate::tunnel::Tunnel;

/// Bags that are packed ahead: each takes seconds to compute and a megabyte or two to keep.
const AHEAD: usize = 2;

/// Every second place is computed: an unoptimised build keeps up with the belt.
const GRAIN: u32 = 2;

/// A bag that waits for its turn on the belt.
pub(super) struct Packed {
    /// How its inspection is meant to go.
    pub(super) story: Story,
    /// Millimetres.
    pub(super) length: f64,
    /// What the machine will see of it.
    pub(super) exposure: Subject,
}

/// Bags one after the other, the same for the same seed.
pub(super) struct Stock {
    bags: mpsc::Receiver<Packed>,
    /// `None`: there is no end of them.
    pub(super) left: Option<usize>,
}

impl Stock {
    /// Begins to pack. `once` is one bag of each story.
    pub(super) fn new(once: bool, seed: u64) -> Self {
        let (sender, bags) = mpsc::channel(AHEAD);
        // Ends with its receiver.
        std::thread::spawn(move || {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut stories = story::ALL.into_iter();
            while let Some(story) = if once { stories.next() } else { Some(Story::draw(&mut dice)) } {
                if sender.blocking_send(pack(story, &mut dice)).is_err() {
                    return;
                }
            }
        });
        Self { bags, left: once.then_some(story::ALL.len()) }
    }

    /// The next bag, if it is packed.
    pub(super) fn next(&mut self) -> Option<Packed> {
        let bag = self.bags.try_recv().ok()?;
        self.left = self.left.map(|left| left.saturating_sub(1));
        Some(bag)
    }
}

fn pack(story: Story, dice: &mut fastrand::Rng) -> Packed {
    let contents = match story {
        Story::Released | Story::NotReviewed => Contents::Harmless,
        Story::Held => Contents::Food,
        Story::Alarmed if dice.bool() => Contents::Firearm,
        Story::Alarmed => Contents::Blade,
    };
    let length = 420.0 + 230.0 * dice.f64();
    Packed { story, length, exposure: Tunnel::expose(TUNNEL, contents, length, GRAIN, dice.u64(..)) }
}

//! What the threads of one open journal know together.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::frame::Spot;
use super::recent::Recent;

/// Shared by the storage thread, the index thread and every handle.
#[derive(Debug)]
pub(super) struct Shared {
    /// The journal's directory.
    pub(super) dir: PathBuf,
    /// Bytes of drafts that wait for the storage thread.
    pub(super) waiting: AtomicUsize,
    pub(super) recent: Recent,
    fence: OnceLock<Arc<str>>,
    state: Mutex<State>,
    changed: Condvar,
    flushes: AtomicU64,
    bytes: AtomicU64,
}

/// How far the log and its index reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Everything before this is on disk.
    pub(super) durable: Spot,
    /// Everything before this is in the index.
    pub(super) indexed: Spot,
    /// The index thread lets records gather, and wants to hear only of what is urgent.
    pub(super) gathering: bool,
    /// Readers that wait for the index.
    pub(super) wanted: usize,
    /// The index gave an answer that cannot be right, or none: it has to be built anew.
    pub(super) index_failed: bool,
    /// It was given up.
    pub(super) index_down: bool,
    pub(super) closed: bool,
}

/// What the journal asked of its disk since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUse {
    /// Calls of `fdatasync`.
    pub flushes: u64,
    /// Bytes given to the system.
    pub bytes: u64,
}

impl Shared {
    pub(super) fn new(dir: PathBuf, durable: Spot) -> Self {
        Self {
            dir,
            waiting: AtomicUsize::new(0),
            recent: Recent::default(),
            fence: OnceLock::new(),
            state: Mutex::new(State {
                durable,
                indexed: Spot::ZERO,
                gathering: false,
                wanted: 0,
                index_failed: false,
                index_down: false,
                closed: false,
            }),
            changed: Condvar::new(),
            flushes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Why no record is taken any more; `None` while all is well.
    pub(super) fn fence(&self) -> Option<Arc<str>> {
        self.fence.get().cloned()
    }

    pub(super) fn raise_fence(&self, reason: &str) {
        let _ = self.fence.set(Arc::from(reason));
    }

    pub(super) fn count(&self, bytes: usize) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn disk_use(&self) -> DiskUse {
        DiskUse { flushes: self.flushes.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Notes that the log is durable up to `durable`. While the index thread gathers and nobody reads, nobody is woken:
    /// a thread that wakes with every commit takes the processor from the one that commits.
    pub(super) fn advance(&self, durable: Spot) {
        let mut state = self.lock();
        state.durable = durable;
        let awaited = !state.gathering || state.wanted > 0;
        drop(state);
        if awaited {
            self.changed.notify_all();
        }
    }

    /// The index thread's rest: `most` long, unless `urgent` holds before.
    pub(super) fn gather(&self, most: Duration, urgent: impl Fn(&State) -> bool) -> State {
        self.lock().gathering = true;
        let state = self.wait_at_most(most, urgent);
        self.lock().gathering = false;
        state
    }

    /// Changes the state and wakes everybody who waits for it.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    pub(super) fn state(&self) -> State {
        *self.lock()
    }

    /// Waits until `ready` holds and returns the state that it held for.
    pub(super) fn wait(&self, ready: impl Fn(&State) -> bool) -> State {
        let mut state = self.lock();
        while !ready(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state
    }

    /// As [`Self::wait`], but no longer than `most`.
    pub(super) fn wait_at_most(&self, most: Duration, ready: impl Fn(&State) -> bool) -> State {
        let waited = self.changed.wait_timeout_while(self.lock(), most, |state| !ready(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *state
    }

    /// The state is plain numbers: whoever panicked while holding it left it whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

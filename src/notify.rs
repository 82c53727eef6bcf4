//! What the service manager is told: ready, reloading, stopping, one line of status, and that the daemon is alive.
//!
//! Alive means that work is done, not that a timer runs. Each task that matters registers with a [`Progress`] and
//! ticks its [`Beat`] whenever it comes round; the watchdog is fed only while none of them has been silent for longer
//! than it said it ever would be. A task that is stuck, or gone, therefore ends in a restart by systemd, and the log
//! names it.
//!
//! ```text
//!            all ticked in time                    one silent too long
//!   Fed ───────────────────────► Fed      Fed ─────────────────────────► Starved: no WATCHDOG=1, one log line
//!    ▲                                                                      │
//!    └──────────────────────────── it ticked again ◄────────────────────────┘ (else systemd restarts us)
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portside_devices::moment::Moment;
use sd_notify::NotifyState;

use crate::clock::Clock;

/// An announced wait counts as progress for at most this long. A disk that needs a minute for one flush is slow; one
/// that needs more is broken, and a restart is the better answer.
pub const ANNOUNCED_MAX: Duration = Duration::from_secs(60);

/// systemd restarts after one whole period without a word, so each period holds several words.
const WORDS_PER_PERIOD: u32 = 5;

/// Every task whose silence must end the process.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pulses: Arc<Mutex<Vec<Arc<Pulse>>>>,
}

/// One task's sign of life. Cheap enough to tick on every turn of a loop.
///
/// Dropping it does not take the task off the list: a task that panicked has dropped it too.
#[must_use = "a task that never ticks stops the daemon"]
#[derive(Debug)]
pub struct Beat {
    progress: Progress,
    pulse: Arc<Pulse>,
}

#[derive(Debug)]
struct Pulse {
    task: String,
    max_silence: Duration,
    /// Nanoseconds of the last tick's [`Moment`].
    ticked: AtomicU64,
    /// Nanoseconds of the [`Moment`] until which silence was announced; 0 when it was not.
    announced: AtomicU64,
}

/// A task that has been silent for longer than it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// The name it registered with.
    pub task: String,
    /// How long ago its last tick was.
    pub since: Duration,
}

impl Progress {
    /// Registers a task that ticks at least every `max_silence` while it is well, and counts as having ticked `now`.
    ///
    /// A task that waits for events wakes by itself that often; five seconds or less stop the feeding within five.
    pub fn task(&self, name: impl Into<String>, max_silence: Duration, now: Moment) -> Beat {
        let pulse = Arc::new(Pulse {
            task: name.into(),
            max_silence,
            ticked: AtomicU64::new(now.as_nanos()),
            announced: AtomicU64::new(0),
        });
        self.list(|pulses| pulses.push(Arc::clone(&pulse)));
        Beat { progress: self.clone(), pulse }
    }

    /// Every task that is silent for too long at `now`, in the order in which they registered.
    pub fn silent(&self, now: Moment) -> Vec<Silent> {
        self.list(|pulses| pulses.iter().filter_map(|pulse| pulse.silent(now)).collect())
    }

    /// The list is whole after any panic: it is only ever pushed to and filtered.
    fn list<T>(&self, change: impl FnOnce(&mut Vec<Arc<Pulse>>) -> T) -> T {
        change(&mut self.pulses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Beat {
    /// The task came round. Ends an announced wait.
    pub fn tick(&self, now: Moment) {
        self.pulse.announced.store(0, Ordering::Relaxed);
        self.pulse.ticked.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// The task is about to wait for something that may lawfully be slow, such as a flush to disk: its silence counts
    /// as progress until `until`, at most [`ANNOUNCED_MAX`] from `now`. The next [`tick`](Self::tick) ends it.
    pub fn announce(&self, now: Moment, until: Moment) {
        self.tick(now);
        self.pulse.announced.store(until.min(now + ANNOUNCED_MAX).as_nanos(), Ordering::Relaxed);
    }

    /// The task ended as it should, for instance because a reload removed its link.
    pub fn retire(self) {
        self.progress.list(|pulses| pulses.retain(|pulse| !Arc::ptr_eq(pulse, &self.pulse)));
    }
}

impl Pulse {
    fn silent(&self, now: Moment) -> Option<Silent> {
        let ticked = Moment::from_nanos(self.ticked.load(Ordering::Relaxed));
        let announced = Moment::from_nanos(self.announced.load(Ordering::Relaxed));
        let since = now.since(ticked);
        (since > self.max_silence && now > announced).then(|| Silent { task: self.task.clone(), since })
    }
}

/// Whether the service manager hears from us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watchdog {
    /// Every task is doing its work.
    #[default]
    Fed,
    /// These tasks are not, and the time until the restart is running.
    Starved(Vec<Silent>),
}

impl Watchdog {
    /// The state that follows from who is silent.
    pub fn after(silent: Vec<Silent>) -> Self {
        if silent.is_empty() { Self::Fed } else { Self::Starved(silent) }
    }

    /// What to write to the log on the way from `before` to `self`: the change, not every turn of it.
    pub fn change(&self, before: &Self) -> Option<String> {
        match (before, self) {
            (Self::Fed, Self::Starved(silent)) => {
                Some(format!("no progress in {}; the watchdog is not fed", names(silent)))
            }
            (Self::Starved(silent), Self::Fed) => {
                Some(format!("{} came round again; the watchdog is fed", names(silent)))
            }
            (Self::Fed, Self::Fed) | (Self::Starved(_), Self::Starved(_)) => None,
        }
    }
}

fn names(silent: &[Silent]) -> String {
    let each = silent.iter().map(|one| format!("{} (silent for {} ms)", one.task, one.since.as_millis()));
    each.collect::<Vec<_>>().join(", ")
}

/// The service manager's limit, `None` when it set none. The process is restarted after that long without a word.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Feeds the watchdog as long as every task makes progress. Runs until it is dropped.
///
/// It is a task of the runtime and not a thread of its own, so that a runtime whose workers are all blocked falls
/// silent too.
pub async fn feed(clock: Clock, progress: Progress, period: Duration) {
    let mut watchdog = Watchdog::default();
    loop {
        let next = Watchdog::after(progress.silent(clock.moment()));
        if let Some(change) = next.change(&watchdog) {
            tracing::error!("{change}");
        }
        if next == Watchdog::Fed {
            tell(&[NotifyState::Watchdog]);
        }
        watchdog = next;
        tokio::time::sleep(period / WORDS_PER_PERIOD).await;
    }
}

/// The lane works: devices answer or are known not to, the journal is open, the control socket is there.
pub fn ready(text: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(text))]);
}

/// A reload has begun; [`ready`] ends it, whether the new file was taken or refused.
pub fn reloading() {
    // systemd refuses RELOADING=1 of a `Type=notify-reload` unit that does not say when; it measures by its own clock.
    match NotifyState::monotonic_usec_now() {
        Ok(when) => tell(&[NotifyState::Reloading, when]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The orderly end has begun: producers first.
pub fn stopping(text: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(&one_line(text))]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(&one_line(text))]);
}

/// A line break would end the status, and what follows it would be a message of its own.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Without a service manager (`$NOTIFY_SOCKET` unset) nobody listens and nothing is wrong.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("cannot reach the service manager at $NOTIFY_SOCKET: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    fn silent_names(progress: &Progress, now: Moment) -> Vec<String> {
        progress.silent(now).into_iter().map(|silent| silent.task).collect()
    }

    #[test]
    fn a_task_that_ticks_within_its_word_is_never_silent() {
        let progress = Progress::default();
        let control = progress.task("control", 2 * SECOND, at(0));
        for second in 0..100 {
            assert_eq!(progress.silent(at(second)), []);
            if second % 2 == 0 {
                control.tick(at(second));
            }
        }
    }

    #[test]
    fn one_stuck_task_of_three_starves_the_watchdog_and_is_named() {
        let progress = Progress::default();
        let beats = ["control", "store", "field"].map(|name| progress.task(name, 2 * SECOND, at(0)));
        for second in 1..=10 {
            beats[0].tick(at(second));
            beats[2].tick(at(second));
        }
        assert_eq!(progress.silent(at(10)), [Silent { task: "store".to_owned(), since: 10 * SECOND }]);
    }

    #[test]
    fn silence_of_exactly_the_promised_length_is_still_in_time() {
        let progress = Progress::default();
        let _beat = progress.task("store", 2 * SECOND, at(1));
        assert_eq!(progress.silent(at(3)), []);
        assert_eq!(progress.silent(at(3) + Duration::from_nanos(1)).len(), 1);
    }

    #[test]
    fn an_announced_flush_counts_as_progress_until_it_ends_or_a_minute_is_over() {
        let progress = Progress::default();
        let store = progress.task("store", 2 * SECOND, at(0));

        store.announce(at(10), at(40));
        assert_eq!(progress.silent(at(40)), []);
        assert_eq!(silent_names(&progress, at(41)), ["store"]);

        store.announce(at(100), at(100_000));
        assert_eq!(progress.silent(at(160)), []);
        assert_eq!(silent_names(&progress, at(161)), ["store"]);

        store.announce(at(200), at(260));
        store.tick(at(201));
        assert_eq!(silent_names(&progress, at(204)), ["store"], "the tick ended the announcement");
    }

    #[test]
    fn a_task_that_died_is_silent_and_one_that_retired_is_forgotten() {
        let progress = Progress::default();
        drop(progress.task("died", SECOND, at(0)));
        progress.task("retired", SECOND, at(0)).retire();
        assert_eq!(silent_names(&progress, at(5)), ["died"]);
    }

    #[test]
    fn a_pause_of_the_whole_machine_starves_the_watchdog_only_until_the_tasks_have_run() {
        let progress = Progress::default();
        let control = progress.task("control", 2 * SECOND, at(0));
        assert_eq!(silent_names(&progress, at(3600)), ["control"]);
        control.tick(at(3600));
        assert_eq!(progress.silent(at(3600)), []);
    }

    #[test]
    fn the_log_tells_each_change_once() {
        let stuck = Watchdog::after(vec![Silent { task: "store".to_owned(), since: 7 * SECOND }]);
        let longer = Watchdog::after(vec![Silent { task: "store".to_owned(), since: 9 * SECOND }]);
        let begun = stuck.change(&Watchdog::Fed);
        assert_eq!(begun.as_deref(), Some("no progress in store (silent for 7000 ms); the watchdog is not fed"));
        assert_eq!(longer.change(&stuck), None);
        let over = Watchdog::Fed.change(&longer);
        assert_eq!(over.as_deref(), Some("store (silent for 9000 ms) came round again; the watchdog is fed"));
        assert_eq!(Watchdog::Fed.change(&Watchdog::Fed), None);
    }

    #[test]
    fn a_status_text_cannot_smuggle_a_message_in() {
        assert_eq!(one_line("lane open\nMAINPID=1\r\n"), "lane open MAINPID=1  ");
    }
}

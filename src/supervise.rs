//! Signs of life of what cannot tick for itself: the storage thread and the links. Each is looked at by a task that
//! ticks for it, and only while it advances.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::field::LinkStats;
use crate::journal::Journal;
use crate::notify::{ANNOUNCED_MAX, Progress};

/// How often the storage thread is asked whether it is there.
const ASK_STORE: Duration = Duration::from_secs(1);
/// How often a link's turns are looked at; a link turns at least twice a second.
const LOOK_AT_LINK: Duration = Duration::from_millis(500);
/// Silence that starves the watchdog within the 5 s of fault R6.
const SILENCE_MAX: Duration = Duration::from_secs(4);

/// Asks the storage thread for nothing, again and again: its answer shows that it comes round. A flush may lawfully be
/// slow, so its silence is announced for as long as the watchdog allows.
pub async fn store(journal: Journal, clock: Clock, progress: Progress) {
    let beat = progress.task("store", SILENCE_MAX, clock.moment());
    loop {
        let now = clock.moment();
        beat.announce(now, now + ANNOUNCED_MAX);
        if journal.append(&[]).await.is_err() {
            // Closed in order, or fenced: the control task ends the run either way.
            beat.retire();
            return;
        }
        beat.tick(clock.moment());
        tokio::time::sleep(ASK_STORE).await;
    }
}

/// Ticks for a link as long as it takes turns. Ends when it is dropped, as the link itself does.
pub async fn link(name: Arc<str>, stats: Arc<LinkStats>, clock: Clock, progress: Progress) {
    let beat = progress.task(format!("link {name}"), SILENCE_MAX, clock.moment());
    let mut seen = stats.figures().beats;
    loop {
        tokio::time::sleep(LOOK_AT_LINK).await;
        let beats = stats.figures().beats;
        if beats != seen {
            seen = beats;
            beat.tick(clock.moment());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Identity, Options};

    #[tokio::test]
    async fn an_idle_store_is_never_silent_and_a_closed_one_leaves_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".to_owned(), lane: "G03".to_owned() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let (clock, progress) = (Clock::start(), Progress::default());
        let task = tokio::spawn(store(journal.clone(), clock, progress.clone()));
        tokio::task::yield_now().await;
        assert_eq!(progress.silent(clock.moment()), []);
        journal.close().await;
        task.await.unwrap();
        assert_eq!(progress.silent(clock.moment() + ANNOUNCED_MAX * 2), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_that_takes_no_turn_starves_the_watchdog_by_its_name() {
        let (clock, progress) = (Clock::start(), Progress::default());
        let task = tokio::spawn(link("10.0.0.20:502".into(), Arc::default(), clock, progress.clone()));
        tokio::time::sleep(LOOK_AT_LINK * 4).await;
        let late = clock.moment() + SILENCE_MAX * 2;
        let silent: Vec<String> = progress.silent(late).into_iter().map(|silent| silent.task).collect();
        assert_eq!(silent, ["link 10.0.0.20:502"]);
        task.abort();
    }
}

//! Whose turn it is: absolute ticks for every device and class, the earliest deadline first, and among equals the
//! device that was served least recently.
//!
//! Ticks stand on a grid that begins with the link, so a poll that came late moves none after it. A tick that passed
//! unserved is skipped and counted: catching up would make every other poll late too.

use std::time::Duration;

use portside_devices::moment::Moment;

/// The reads that one device's class needs on each tick.
#[derive(Debug)]
pub(super) struct Job {
    /// The device's place on the link.
    pub(super) device: usize,
    /// Places of its reads in the device's plan.
    pub(super) blocks: Vec<usize>,
    interval: Duration,
    due: Moment,
    next_block: usize,
}

impl Job {
    pub(super) fn new(device: usize, blocks: Vec<usize>, interval: Duration, first: Moment) -> Self {
        // A zero interval would be due for ever; a millisecond is more than any module bears.
        Self { device, blocks, interval: interval.max(Duration::from_millis(1)), due: first, next_block: 0 }
    }
}

/// What a link may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This turn, at once.
    Now(Turn),
    /// Nothing before this moment.
    NotBefore(Moment),
    /// Nothing at all.
    None,
}

/// One read of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) job: usize,
    pub(super) device: usize,
    pub(super) block: usize,
}

/// How a finished turn stood in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// The cycle goes on with its next read.
    Within,
    /// The cycle ended before its next tick.
    OnTime,
    /// The cycle ended after its next tick; so many ticks were skipped besides.
    Late { skipped: u64 },
}

/// How long a cycle that failed waits at most for its next tick.
const RETRY_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Turns {
    jobs: Vec<Job>,
    /// By device: the count of turns when it was last served.
    served: Vec<u64>,
    turns: u64,
}

impl Turns {
    pub(super) fn new(jobs: Vec<Job>, devices: usize) -> Self {
        Self { jobs, served: vec![0; devices], turns: 0 }
    }

    /// `not_before` holds devices back that their breaker has taken out.
    pub(super) fn next(&self, now: Moment, not_before: impl Fn(usize) -> Moment) -> Next {
        let mut best: Option<(Moment, u64, usize)> = None;
        let mut earliest: Option<Moment> = None;
        for (index, job) in self.jobs.iter().enumerate() {
            let from = job.due.max(not_before(job.device));
            if from > now {
                earliest = Some(earliest.map_or(from, |earliest| earliest.min(from)));
                continue;
            }
            let key = (from + job.interval, self.served[job.device], index);
            if best.is_none_or(|best| key < best) {
                best = Some(key);
            }
        }
        match (best, earliest) {
            (Some((_, _, job)), _) => Next::Now(self.turn(job)),
            (None, Some(moment)) => Next::NotBefore(moment),
            (None, None) => Next::None,
        }
    }

    fn turn(&self, job: usize) -> Turn {
        let found = &self.jobs[job];
        Turn { job, device: found.device, block: found.blocks[found.next_block] }
    }

    /// The read of `turn` was answered.
    pub(super) fn answered(&mut self, turn: Turn, now: Moment) -> Pace {
        self.serve(turn.device);
        let job = &mut self.jobs[turn.job];
        job.next_block += 1;
        if job.next_block < job.blocks.len() {
            return Pace::Within;
        }
        job.next_block = 0;
        let in_time = now <= job.due + job.interval;
        let skipped = advance(job, now);
        if in_time { Pace::OnTime } else { Pace::Late { skipped } }
    }

    /// The read of `turn` failed: the rest of its cycle is dropped.
    pub(super) fn failed(&mut self, turn: Turn, now: Moment) {
        self.serve(turn.device);
        let job = &mut self.jobs[turn.job];
        job.next_block = 0;
        advance(job, now);
        // A slow class would show a passing fault for minutes; the grid is met again after the retry.
        if job.due > now + RETRY_MAX {
            job.due = now + RETRY_MAX;
        }
    }

    fn serve(&mut self, device: usize) {
        self.turns += 1;
        self.served[device] = self.turns;
    }
}

/// Moves to the next tick that has not wholly passed; returns how many had.
fn advance(job: &mut Job, now: Moment) -> u64 {
    job.due = job.due + job.interval;
    let behind = now.since(job.due).as_nanos() / job.interval.as_nanos();
    let skipped = u64::try_from(behind).unwrap_or(u64::MAX);
    let nanos = u64::try_from(job.interval.as_nanos()).unwrap_or(u64::MAX);
    job.due = job.due + Duration::from_nanos(nanos.saturating_mul(skipped));
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    const fn every(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn free(_: usize) -> Moment {
        Moment::START
    }

    #[test]
    fn ticks_stay_on_their_grid_however_late_the_answers_are() {
        let mut turns = Turns::new(vec![Job::new(0, vec![0], every(100), at(0))], 1);
        let mut ticks = Vec::new();
        for late in [3, 40, 99, 7] {
            let Next::NotBefore(tick) = turns.next(at(0), |_| at(10_000)) else { panic!() };
            assert_eq!(tick, at(10_000), "a device that is held back has no turn");
            let due = turns.jobs[0].due;
            let Next::Now(turn) = turns.next(due, free) else { panic!("not due at {due:?}") };
            ticks.push(due.as_millis());
            assert_eq!(turns.answered(turn, due + every(late)), Pace::OnTime);
        }
        assert_eq!(ticks, [0, 100, 200, 300]);
    }

    #[test]
    fn a_tick_that_passed_unserved_is_skipped_and_counted() {
        let mut turns = Turns::new(vec![Job::new(0, vec![0], every(100), at(0))], 1);
        let Next::Now(turn) = turns.next(at(0), free) else { panic!() };
        assert_eq!(turns.answered(turn, at(350)), Pace::Late { skipped: 2 });
        assert!(matches!(turns.next(at(350), free), Next::Now(_)), "the tick of 300 ms is served late");
        assert_eq!(turns.answered(turn, at(351)), Pace::OnTime);
        assert_eq!(turns.next(at(351), free), Next::NotBefore(at(400)));
    }

    #[test]
    fn devices_take_fair_turns_when_the_link_cannot_keep_up() {
        let jobs = (0..3).map(|device| Job::new(device, vec![0, 1], every(10), at(0))).collect();
        let (mut turns, mut served) = (Turns::new(jobs, 3), [0_u32; 3]);
        for step in 0..600 {
            let now = at(step * 20);
            let Next::Now(turn) = turns.next(now, free) else { panic!() };
            served[turn.device] += 1;
            turns.answered(turn, now + every(20));
        }
        assert!(served.iter().all(|times| (198..=202).contains(times)), "{served:?}");
    }

    #[test]
    fn a_fast_class_goes_before_a_slow_one_but_never_starves_it() {
        let jobs = vec![Job::new(0, vec![0], every(1_000), at(0)), Job::new(0, vec![1], every(10), at(0))];
        let (mut turns, mut slow) = (Turns::new(jobs, 1), 0);
        let Next::Now(first) = turns.next(at(0), free) else { panic!() };
        assert_eq!(first.job, 1);
        for step in 0..400 {
            let now = at(step * 15);
            let Next::Now(turn) = turns.next(now, free) else { continue };
            slow += u32::from(turn.job == 0);
            turns.answered(turn, now + every(15));
        }
        assert!((5..=6).contains(&slow), "{slow} in 6 s");
    }

    #[test]
    fn a_slow_poll_that_failed_is_tried_again_within_a_second() {
        let mut turns = Turns::new(vec![Job::new(0, vec![0, 1], every(60_000), at(0))], 1);
        let Next::Now(turn) = turns.next(at(0), free) else { panic!() };
        turns.failed(turn, at(100));
        assert_eq!(turns.next(at(100), free), Next::NotBefore(at(1_100)));
    }
}

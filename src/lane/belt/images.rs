//! Whose picture it is. It is said only where it can be nobody else's; otherwise the picture is bound to nobody.
//!
//! A subject whose rear has left the source owes its pictures from `min` to `max` after that. A picture belongs to the
//! one subject that owes in that moment. It belongs to nobody when two could be meant, when an earlier subject still
//! owes a picture that may only be late, when it is a copy, or when its file is older than the scan.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::moment::Moment;

use super::settings::{ImageRule, Settings};
use crate::lane::{Arrival, Picture};

/// Copies are recognised among so many pictures.
const REMEMBERED: usize = 512;

/// Whether a thing that passed the source is a subject whose place on the belt is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Certain,
    Doubtful,
}

/// One thing that passed the source, or is about to.
#[derive(Clone, Debug)]
struct Exposure {
    inspection: Arc<str>,
    /// How far the belt will have run when its front reaches the source, and its rear leaves it.
    front_mm: f64,
    rear_mm: Option<f64>,
    /// When its rear left the source.
    end: Option<Moment>,
    /// Pictures that are its own, or might be.
    got: usize,
    standing: Standing,
}

/// What passed the source lately.
#[derive(Clone, Debug)]
pub(super) struct Images {
    rule: ImageRule,
    /// What the belt's tolerance adds to the moment at which a rear leaves the source.
    slack: Duration,
    exposures: VecDeque<Exposure>,
    seen: VecDeque<Arc<str>>,
    /// The belt ran backwards: until it has run this far, a picture may be of something scanned a second time.
    blurred_until_mm: Option<f64>,
    reach_mm: f64,
}

impl Images {
    pub(super) fn new(settings: &Settings) -> Self {
        let slack_mm = settings.images.source_mm * settings.tolerance + settings.slack_mm;
        Self {
            rule: settings.images,
            slack: Duration::from_secs_f64(slack_mm / settings.speed),
            exposures: VecDeque::new(),
            seen: VecDeque::new(),
            blurred_until_mm: None,
            reach_mm: settings.decision_mm + settings.length_max_mm,
        }
    }

    /// A front is at the scan sensor.
    pub(super) fn enter(&mut self, inspection: &Arc<str>, mm: f64) {
        self.exposures.push_back(Exposure {
            inspection: Arc::clone(inspection),
            front_mm: mm + self.rule.source_mm,
            rear_mm: None,
            end: None,
            got: 0,
            standing: Standing::Certain,
        });
    }

    /// A rear has left the scan sensor.
    pub(super) fn leave(&mut self, inspection: &str, mm: f64) {
        let source_mm = self.rule.source_mm;
        if let Some(exposure) = self.of(inspection) {
            exposure.rear_mm = Some(mm + source_mm);
        }
    }

    /// Its place on the belt is not certain any more.
    pub(super) fn doubt(&mut self, inspection: &str) {
        if let Some(exposure) = self.of(inspection) {
            exposure.standing = Standing::Doubtful;
        }
    }

    /// It was taken away, or lost: what it owes may come from here on, and is nobody's.
    pub(super) fn gone(&mut self, inspection: &str, now: Moment) {
        if let Some(exposure) = self.of(inspection) {
            exposure.standing = Standing::Doubtful;
            exposure.end.get_or_insert(now);
        }
    }

    /// The belt ran backwards.
    pub(super) fn blur(&mut self, mm: f64) {
        self.blurred_until_mm = Some(mm + self.reach_mm);
    }

    fn of(&mut self, inspection: &str) -> Option<&mut Exposure> {
        self.exposures.iter_mut().rev().find(|exposure| &*exposure.inspection == inspection)
    }

    /// Lets time and belt go on. Answers with who has left the source and until when its pictures may come.
    pub(super) fn advance(&mut self, now: Moment, mm: f64) -> Option<(Arc<str>, Moment)> {
        if self.blurred_until_mm.is_some_and(|until| mm >= until) {
            self.blurred_until_mm = None;
        }
        let late = self.rule.late + self.slack;
        self.exposures.retain(|exposure| exposure.end.is_none_or(|end| now <= end + late));
        let until = now + self.rule.max + self.slack;
        let gone = |exposure: &&mut Exposure| exposure.end.is_none() && exposure.rear_mm.is_some_and(|rear| mm >= rear);
        let exposure = self.exposures.iter_mut().find(gone)?;
        exposure.end = Some(now);
        Some((Arc::clone(&exposure.inspection), until))
    }

    /// Where the belt has to run on to until the next rear leaves the source.
    pub(super) fn next_mm(&self) -> Option<f64> {
        let waiting = self.exposures.iter().filter(|exposure| exposure.end.is_none());
        waiting.filter_map(|exposure| exposure.rear_mm).reduce(f64::min)
    }

    /// Whose picture this is.
    ///
    /// # Errors
    /// Why it is bound to nobody, in a sentence.
    pub(super) fn bind(&mut self, now: Moment, mm: f64, picture: &Picture) -> Result<Arc<str>, Arc<str>> {
        let made = match &picture.arrival {
            Arrival::Stale { reason } => return Err(Arc::clone(reason)),
            Arrival::Fresh { made } => *made,
        };
        if self.seen.contains(&picture.sha256) {
            return Err("it is a copy of an earlier picture".into());
        }
        self.seen.push_back(Arc::clone(&picture.sha256));
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
        if self.blurred_until_mm.is_some() {
            return Err("the belt ran backwards: a subject may have been scanned twice".into());
        }
        self.candidate(now, mm, made)
    }

    fn candidate(&mut self, now: Moment, mm: f64, made: Moment) -> Result<Arc<str>, Arc<str>> {
        let (rule, slack) = (self.rule, self.slack);
        let mut could: Vec<&mut Exposure> =
            self.exposures.iter_mut().filter(|exposure| exposure.could(now, mm, rule, slack)).collect();
        let [only] = could.as_mut_slice() else {
            let none = could.is_empty();
            // One of them has had a picture, and from here on nobody can say which.
            if let Some(oldest) = could.iter_mut().find(|exposure| exposure.got < rule.count) {
                oldest.got += 1;
            }
            could.into_iter().for_each(|exposure| exposure.standing = Standing::Doubtful);
            let why = if none { "no subject can have made it at this moment" } else { "it can be of several subjects" };
            return Err(why.into());
        };
        only.got += 1;
        let end = match only.end {
            Some(end) if now <= end + rule.max + slack => end,
            Some(_) => {
                only.standing = Standing::Doubtful;
                return Err("it came too late to be sure whose it is".into());
            }
            None => return Err("its subject is still in the scan".into()),
        };
        if made + rule.step + slack < end + rule.min {
            only.got -= 1;
            return Err("its file is older than the scan".into());
        }
        match only.standing {
            Standing::Certain => Ok(Arc::clone(&only.inspection)),
            Standing::Doubtful => Err("it is not certain which subject was scanned".into()),
        }
    }
}

impl Exposure {
    /// Whether a picture that comes at this moment could be of this thing at all.
    fn could(&self, now: Moment, mm: f64, rule: ImageRule, slack: Duration) -> bool {
        let owes = self.got < rule.count;
        match (self.end, self.standing) {
            (None, Standing::Certain) => false,
            // What is not where it is believed to be may have left the source already.
            (None, Standing::Doubtful) => mm >= self.front_mm,
            (Some(end), _) if now + slack < end + rule.min || now > end + rule.late + slack => false,
            (Some(end), Standing::Doubtful) if now <= end + rule.max + slack => true,
            (Some(_), Standing::Certain) => owes,
            (Some(_), Standing::Doubtful) => owes && self.got == 0,
        }
    }
}

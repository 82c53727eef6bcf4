//! The script of the demo: how each subject's inspection is meant to go, and what each officer does about what the
//! lane shows. Pure: the status comes in, acts come out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::lane::{Act, Officer, Verdict};

/// How one inspection is meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Story {
    /// Every desk says clear: the arm opens.
    Released,
    /// One desk cannot judge, examines the subject, lifts its hold: then the arm opens.
    Held,
    /// One desk raises an alarm: the subject stays held and the driver backs out.
    Alarmed,
    /// One desk says nothing in time: silence is no consent, and the driver backs out.
    NotReviewed,
}

/// One of each, in the order of `--once`.
pub(super) const ALL: [Story; 4] = [Story::Released, Story::Held, Story::Alarmed, Story::NotReviewed];

impl Story {
    /// Draws a story as a busy lane would see them: most subjects are clear.
    pub(super) fn draw(dice: &mut fastrand::Rng) -> Self {
        match dice.u8(0..10) {
            0..=6 => Self::Released,
            7 => Self::Held,
            8 => Self::Alarmed,
            _ => Self::NotReviewed,
        }
    }

    /// What one desk says; `None` is silence.
    fn verdict(self, agency: &str) -> Option<Verdict> {
        match (self, agency) {
            (Self::Held, "ciq") => Some(Verdict::Unknown),
            (Self::Alarmed, "customs") => Some(Verdict::Alarm),
            (Self::NotReviewed, "ciq") => None,
            (Self::Released | Self::Held | Self::Alarmed | Self::NotReviewed, _) => Some(Verdict::Clear),
        }
    }

    /// True when the driver leaves through the gate in the end.
    pub(super) const fn passes(self) -> bool {
        matches!(self, Self::Released | Self::Held)
    }

    /// What the demo calls it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Released => "both desks say clear, the arm opens",
            Self::Held => "ciq cannot judge, examines, lifts its hold, the arm opens",
            Self::Alarmed => "customs raises an alarm, the subject is held and turns back",
            Self::NotReviewed => "ciq stays silent, which is no consent: held, turns back",
        }
    }
}

impl Story {
    /// What the demo calls it where a bag rides on a belt.
    pub(super) const fn at_the_belt(self) -> &'static str {
        match self {
            Self::Released => "both desks say clear, it leaves by the exit",
            Self::Held => "ciq cannot judge: led to the examination, opened, hold lifted",
            Self::Alarmed => "customs raises an alarm: led to the examination",
            Self::NotReviewed => "ciq stays silent, which is no consent: led to the examination",
        }
    }
}

/// One act that an officer is about to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Deed {
    /// Names the deed, so that it is done once.
    pub(super) key: String,
    /// Who does it.
    pub(super) officer: Officer,
    /// What.
    pub(super) act: Act,
    /// A person needs this long to do it.
    pub(super) after: Duration,
    /// It may be asked of the same person again.
    pub(super) again: bool,
}

/// The two people at the desks and the one at the lane.
fn person(agency: &str) -> Officer {
    let name = if agency == "ciq" { "7731" } else { "100234" };
    Officer { agency: agency.into(), name: name.into() }
}

/// What the people of the demo would do about `status`, given that the lane looks as `lane_clear` says and a vehicle
/// waits at the arm or not.
pub(super) fn deeds(story: Story, plate: &str, status: &Value, lane_clear: bool, vehicle_waits: bool) -> Vec<Deed> {
    let inspection: Option<Arc<str>> = status["lane"]["inspection"]["id"].as_str().map(Arc::from);
    let mut deeds = Vec::new();
    for todo in status["lane"]["next"].as_array().into_iter().flatten() {
        match (todo["code"].as_str().unwrap_or_default(), &inspection) {
            ("identify", Some(id)) => {
                let act = Act::Identify { inspection: Some(id.clone()), identity: plate.into() };
                deeds.push(deed(format!("identify {id}"), person("customs"), act, 600));
            }
            ("judge", Some(id)) => deeds.extend(verdicts(story, id, todo)),
            ("lift_hold", Some(id)) if story.passes() => deeds.extend(lifts(id, todo)),
            ("confirm_clear", _) if lane_clear => {
                deeds.push(at_the_lane("confirm clear", Act::ConfirmClear, 800));
            }
            ("confirm_subject", Some(id)) if vehicle_waits => {
                deeds.push(at_the_lane(&format!("confirm subject {id}"), Act::ConfirmSubject, 800));
            }
            ("open_arm", _) if lane_clear => {
                let reason = "the arm stood between its limits, nobody is there".into();
                deeds.push(at_the_lane("open the arm", Act::Open { reason }, 1500));
            }
            ("resume", _) => {
                deeds.push(at_the_lane("resume", Act::Resume, 1500));
            }
            _ => {}
        }
    }
    deeds
}

fn verdicts(story: Story, id: &Arc<str>, todo: &Value) -> Vec<Deed> {
    let agencies = todo["agencies"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let each = agencies.filter_map(|agency| {
        let verdict = story.verdict(agency)?;
        let act = Act::judge(id.clone(), verdict);
        let after = if agency == "ciq" { 1400 } else { 900 };
        Some(deed(format!("judge {agency} {id}"), person(agency), act, after))
    });
    each.collect()
}

/// Every agency whose hold stands examines the subject and lifts its own.
fn lifts(id: &Arc<str>, todo: &Value) -> Vec<Deed> {
    let agencies = todo["agencies"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let each = agencies.map(|agency| {
        let reason = "opened and examined together, nothing found".into();
        let act = Act::LiftHold { inspection: id.clone(), reason };
        deed(format!("lift {agency} {id}"), person(agency), act, 1500)
    });
    each.collect()
}

/// What the officers would do about one subject of a belt.
pub(super) fn deeds_at_the_belt(story: Story, subject: &Value) -> Vec<Deed> {
    let Some(id) = subject["id"].as_str().map(Arc::<str>::from) else { return Vec::new() };
    let agencies = |list: &str, which: fn(&Value) -> bool| -> Vec<Value> {
        let of = subject[list].as_array().into_iter().flatten().filter(|one| which(one));
        of.map(|one| one["agency"].clone()).collect()
    };
    match subject["step"].as_str() {
        Some("reviewing") => {
            let waiting = agencies("desks", |desk| desk["standing"] == "waiting");
            verdicts(story, &id, &serde_json::json!({ "agencies": waiting }))
        }
        // What is still on the belt cannot be opened.
        Some("held") if subject["at"] == "examine" => {
            let holders = agencies("holds", |_| true);
            let mut lifts = lifts(&id, &serde_json::json!({ "agencies": holders }));
            lifts.iter_mut().for_each(|deed| deed.after *= 3);
            lifts
        }
        Some(_) | None => Vec::new(),
    }
}

/// A person has looked: nothing is at the diverter.
pub(super) fn look_at_the_diverter(daemon: u64) -> Deed {
    deed(format!("confirm clear for {daemon}"), person("customs"), Act::ConfirmClear, 300)
}

fn deed(key: String, officer: Officer, act: Act, after_ms: u64) -> Deed {
    Deed { key, officer, act, after: Duration::from_millis(after_ms), again: false }
}

/// What the person at the lane does as often as the lane asks for it.
fn at_the_lane(key: &str, act: Act, after_ms: u64) -> Deed {
    Deed { again: true, ..deed(key.to_owned(), person("customs"), act, after_ms) }
}

/// A plate of the new-energy or the ordinary form, made up.
pub(super) fn plate(dice: &mut fastrand::Rng) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let province = ['粤', '桂', '云', '湘', '京', '沪'][dice.usize(0..6)];
    let letter = |dice: &mut fastrand::Rng| char::from(LETTERS[dice.usize(0..LETTERS.len())]);
    let city = letter(dice);
    let tail: String = (0..5).map(|_| if dice.u8(0..5) == 0 { letter(dice) } else { dice.digit(10) }).collect();
    format!("{province}{city}{tail}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judging() -> Value {
        json!({ "generation": 9, "lane": { "inspection": { "id": "i-1" },
            "next": [{ "code": "judge", "agencies": ["customs", "ciq"] }] } })
    }

    #[test]
    fn a_silent_desk_does_nothing_and_the_other_judges() {
        let deeds = deeds(Story::NotReviewed, "粤A12345", &judging(), true, true);
        assert_eq!(deeds.len(), 1);
        assert_eq!(&*deeds[0].officer.agency, "customs");
    }

    #[test]
    fn an_alarm_is_raised_by_one_desk_alone() {
        let acts: Vec<Act> =
            deeds(Story::Alarmed, "粤A12345", &judging(), true, true).into_iter().map(|deed| deed.act).collect();
        let judged = |verdict| Act::judge("i-1", verdict);
        assert_eq!(acts, [judged(Verdict::Alarm), judged(Verdict::Clear)]);
    }

    #[test]
    fn nobody_confirms_a_clear_lane_while_something_stands_there() {
        let status = json!({ "generation": 9, "lane": { "next": [{ "code": "confirm_clear", "agencies": [] }] } });
        assert!(deeds(Story::Released, "粤A12345", &status, false, true).is_empty());
        assert_eq!(deeds(Story::Released, "粤A12345", &status, true, true).len(), 1);
    }

    #[test]
    fn plates_have_a_province_and_six_more_characters() {
        let mut dice = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            assert_eq!(plate(&mut dice).chars().count(), 7);
        }
    }
}

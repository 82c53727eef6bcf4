//! What happens at a gate lane, one sentence a test, in virtual time.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use std::time::Duration;

use lane_site::{APPROACH, Site, is_record, picture, place_of, settings};
use portside::lane::{
    Act, Arrival, Effect, Event, Officer, Order, Picture, PictureRule, Presence, Recalled, Secret, Verdict,
};
use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use serde_json::json;

const CLOSE: Order = Order::Close { renewal: 0 };

#[test]
fn a_subject_that_both_agencies_clear_is_released_passes_and_the_arm_closes_once() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(6_000);
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
    assert_eq!(site.height, 0.0);
    assert_eq!(site.view().arm.state, "closed");
    assert_eq!(site.step(), "free");
    assert_eq!(site.data("inspection.closed")["outcome"], "departed");
    assert_eq!(site.data("inspection.closed")["released_by"], "verdicts");
    let inspection: Vec<_> = site.kinds().into_iter().filter(|kind| kind.starts_with("inspection.")).collect();
    assert_eq!(
        inspection,
        [
            "inspection.opened",
            "inspection.identified",
            "inspection.review_opened",
            "inspection.verdict.sealed",
            "inspection.verdict.sealed",
            "inspection.verdict.opened",
            "inspection.verdict.opened",
            "inspection.verdict.opened",
            "inspection.released",
            "inspection.entered",
            "inspection.closed"
        ]
    );
    assert!(site.log.iter().any(|(_, effect)| matches!(effect, Effect::Forget { .. })));
    assert_eq!(site.kinds().iter().filter(|kind| kind.starts_with("alarm.")).count(), 0, "{:?}", site.kinds());
}

#[test]
fn the_release_and_the_asking_are_recorded_before_the_arm_moves() {
    let mut site = Site::started(Closes::Held);
    site.release();
    let released = place_of(&site, |effect| is_record(effect, "inspection.released"));
    let asked = place_of(&site, |effect| is_record(effect, "arm.asked"));
    let moved = place_of(&site, |effect| *effect == Effect::Move(Order::Open));
    assert!(released < asked && asked < moved);
}

#[test]
fn a_verdict_is_answered_only_after_it_is_recorded() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.log.clear();
    site.judge_as("customs", Verdict::Clear).unwrap();
    let sealed = place_of(&site, |effect| is_record(effect, "inspection.verdict.sealed"));
    let answered = place_of(&site, |effect| matches!(effect, Effect::Answer { .. }));
    assert!(sealed < answered);
}

#[test]
fn a_sealed_verdict_shows_that_it_was_given_and_nowhere_what_it_was() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Alarm).unwrap();
    let shown = serde_json::to_string(&site.view()).unwrap();
    assert!(shown.contains("\"given\"") && !shown.contains("alarm"), "{shown}");
    assert_eq!(site.data("inspection.verdict.sealed"), &json!({ "agency": "customs" }));
    let secret = site.records().last().unwrap().secret.clone().unwrap();
    assert!(matches!(secret, Secret::Verdict(sealed) if sealed.verdict == Verdict::Alarm));
}

#[test]
fn nothing_is_opened_while_a_required_verdict_is_missing() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("security", Verdict::Clear).unwrap();
    site.run(80_000);
    assert_eq!(site.count("inspection.verdict.opened"), 0);
    assert_eq!(site.orders(), []);
    assert_eq!(site.step(), "reviewing");
}

#[test]
fn silence_of_a_required_desk_holds_the_subject_as_not_reviewed() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.run(91_000);
    assert_eq!(site.step(), "held");
    assert_eq!(site.data("inspection.held"), &json!({ "holds": [{ "agency": "ciq", "reasons": ["not_reviewed"] }] }));
    assert_eq!(site.orders(), []);
    site.run(3_600_000);
    assert_eq!(site.orders(), [], "time never releases");
}

#[test]
fn an_alarm_holds_and_only_its_agency_lifts_it() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Alarm).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    assert_eq!(site.step(), "held");
    let inspection = site.id();
    let lift = Act::LiftHold { inspection, reason: "opened, nothing found".into() };
    let refusal = site.act("ciq", lift.clone()).unwrap_err();
    assert_eq!(refusal.code(), "not_your_hold");
    assert!(refusal.to_string().contains("customs"));
    assert_eq!(site.orders(), []);
    site.act("customs", lift).unwrap();
    assert_eq!(site.orders(), [Order::Open]);
    assert_eq!(site.data("inspection.released")["by"], "lifts");
    assert_eq!(site.data("inspection.released")["lifts"][0]["agency"], "customs");
}

#[test]
fn an_advisory_alarm_holds_although_its_silence_would_not() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("security", Verdict::Alarm).unwrap();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    assert_eq!(site.data("inspection.held"), &json!({ "holds": [{ "agency": "security", "reasons": ["alarm"] }] }));
}

#[test]
fn every_hold_has_to_be_lifted_before_the_release() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Alarm).unwrap();
    site.judge_as("ciq", Verdict::Unknown).unwrap();
    let inspection = site.id();
    let lift = Act::LiftHold { inspection, reason: "examined".into() };
    site.act("customs", lift.clone()).unwrap();
    assert_eq!(site.step(), "held");
    assert_eq!(site.orders(), []);
    site.act("ciq", lift).unwrap();
    assert_eq!(site.orders(), [Order::Open]);
}

#[test]
fn a_hold_placed_during_the_review_stops_a_subject_that_everyone_clears() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    let inspection = site.id();
    site.act("border", Act::PlaceHold { inspection, reason: "wanted".into() }).unwrap();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    assert_eq!(site.step(), "held");
    assert_eq!(site.data("inspection.held"), &json!({ "holds": [{ "agency": "border", "reasons": ["wanted"] }] }));
}

#[test]
fn two_agencies_deciding_at_the_same_moment_give_the_same_outcome_in_both_orders() {
    use Verdict::{Alarm, Clear, Unknown};
    for (customs, ciq) in
        [(Clear, Clear), (Clear, Alarm), (Alarm, Clear), (Alarm, Alarm), (Unknown, Clear), (Clear, Unknown)]
    {
        let outcome = |first: (&str, Verdict), second: (&str, Verdict)| {
            let mut site = Site::started(Closes::Held);
            site.arrive();
            site.judge_as(first.0, first.1).unwrap();
            site.judge_as(second.0, second.1).unwrap();
            assert_eq!(site.count("inspection.verdict.sealed"), 2, "both are recorded");
            (site.step(), site.orders(), site.view().inspection.unwrap().holds)
        };
        let forth = outcome(("customs", customs), ("ciq", ciq));
        let back = outcome(("ciq", ciq), ("customs", customs));
        assert_eq!(forth, back);
        let both_clear = customs == Clear && ciq == Clear;
        assert_eq!(forth.1.is_empty(), !both_clear);
        assert_eq!(forth.0, if both_clear { "released" } else { "held" });
    }
}

#[test]
fn a_double_click_is_one_verdict() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    assert_eq!(site.judge_as("customs", Verdict::Alarm).unwrap_err().code(), "already_judged");
    assert_eq!(site.count("inspection.verdict.sealed"), 1);
}

#[test]
fn a_verdict_on_a_stale_screen_never_reaches_the_next_subject() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    let stale = site.id();
    site.set(APPROACH, Presence::Clear);
    site.run(11_000);
    site.arrive();
    let refusal = site.act("customs", Act::judge(stale, Verdict::Clear)).unwrap_err();
    assert_eq!(refusal.code(), "other_inspection");
    assert_eq!(site.count("inspection.verdict.sealed"), 0);
}

#[test]
fn acts_without_standing_are_refused_and_leave_no_record() {
    let mut site = Site::started(Closes::Held);
    let before = site.records().count();
    let code = |answer: Result<_, portside::lane::Refusal>| answer.map(|_: std::sync::Arc<str>| ()).unwrap_err().code();
    assert_eq!(code(site.act("customs", Act::judge("x".into(), Verdict::Clear))), "no_subject");
    assert_eq!(code(site.act("pirates", Act::Resume)), "unknown_agency");
    assert_eq!(code(site.act("customs", Act::Resume)), "nothing_latched");
    assert_eq!(code(site.act("customs", Act::Open { reason: "  ".into() })), "no_reason");
    assert_eq!(code(site.act("customs", Act::ConfirmClear)), "nothing_to_confirm");
    assert_eq!(code(site.act("customs", Act::ConfirmSubject)), "no_subject");
    let nobody = Officer { agency: "customs".into(), name: " ".into() };
    assert_eq!(code(site.act_as(nobody, Act::Open { reason: "x".into() })), "nameless_officer");
    assert_eq!(site.records().count(), before);
    site.set(APPROACH, Presence::Present);
    let id = site.id();
    let judge = Act::judge(id.clone(), Verdict::Clear);
    assert_eq!(code(site.act("customs", judge.clone())), "wrong_step");
    assert_eq!(code(site.act("border", judge)), "no_desk");
    assert_eq!(code(site.act("customs", Act::Identify { inspection: None, identity: " ".into() })), "no_identity");
    assert_eq!(code(site.act("customs", Act::LiftHold { inspection: id, reason: "x".into() })), "no_hold");
    assert_eq!(site.orders(), []);
}

#[test]
fn an_unidentified_subject_is_asked_for_once() {
    let mut site = Site::started(Closes::Held);
    site.set(APPROACH, Presence::Present);
    site.run(120_000);
    assert_eq!(site.count("alarm.unidentified"), 1);
    assert_eq!(site.step(), "unidentified");
    assert_eq!(site.view().next[0].code, "identify");
}

#[test]
fn no_picture_in_time_holds_for_every_required_agency() {
    let mut settings = settings(Closes::Held);
    settings.picture = PictureRule::Required { within: Duration::from_secs(30) };
    let mut site = Site::with(settings);
    site.run(1_000);
    site.arrive();
    assert_eq!(site.step(), "awaiting_picture");
    site.run(31_000);
    assert_eq!(site.step(), "held");
    let none = |agency| json!({ "agency": agency, "reasons": ["no_picture"] });
    assert_eq!(site.data("inspection.held"), &json!({ "holds": [none("customs"), none("ciq")] }));
}

#[test]
fn a_picture_is_evidence_before_the_desks_are_asked_and_belongs_to_nobody_in_an_empty_lane() {
    let mut settings = settings(Closes::Held);
    settings.picture = PictureRule::Required { within: Duration::from_secs(30) };
    let mut site = Site::with(settings);
    site.run(1_000);
    site.send(Event::Picture(picture("early")));
    assert_eq!(site.data("alarm.unbound_picture")["name"], "early");
    site.arrive();
    site.send(Event::Picture(picture("scan")));
    assert_eq!(site.step(), "reviewing");
    let kinds = site.kinds();
    let place = |kind| kind_place(&kinds, kind);
    assert!(place("inspection.picture") < place("inspection.review_opened"));
    assert_eq!(site.data("inspection.review_opened")["pictures"][0], *picture("scan").sha256);
    site.send(Event::Picture(picture("second")));
    assert_eq!(site.view().inspection.unwrap().pictures.len(), 2, "a later picture is evidence too");
}

#[test]
fn a_picture_of_another_subject_is_never_evidence_of_this_one() {
    let mut settings = settings(Closes::Held);
    settings.picture = PictureRule::Required { within: Duration::from_secs(30) };
    let mut site = Site::with(settings);
    site.run(10_000);
    site.arrive();
    let stale = Arrival::Stale { reason: "left over".into() };
    let before = Arrival::Fresh { made: Moment::from_millis(7_000) };
    for (arrival, reason) in [(stale, "left over"), (before, "it was made before the subject in the lane arrived")] {
        site.send(Event::Picture(Picture { arrival, ..picture("another's") }));
        assert_eq!(site.step(), "awaiting_picture", "{reason}");
        assert_eq!(site.data("alarm.unbound_picture")["reason"], reason);
        assert_eq!(site.view().inspection.unwrap().pictures.len(), 0);
    }
}

fn kind_place(kinds: &[&str], kind: &str) -> usize {
    kinds.iter().position(|each| *each == kind).unwrap()
}

#[test]
fn an_override_needs_a_reason_and_is_refused_while_a_hold_stands_or_a_verdict_is_sealed() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    let open = Act::Open { reason: "ambulance".into() };
    site.judge_as("customs", Verdict::Alarm).unwrap();
    assert_eq!(site.act("border", open.clone()).unwrap_err().code(), "verdict_sealed");
    site.judge_as("ciq", Verdict::Clear).unwrap();
    assert_eq!(site.act("border", open).unwrap_err().code(), "hold_stands");
    assert_eq!(site.orders(), []);
}

#[test]
fn an_override_opens_on_record_by_name() {
    let mut site = Site::started(Closes::Held);
    site.set(APPROACH, Presence::Present);
    site.act("border", Act::Open { reason: "ambulance".into() }).unwrap();
    let data = site.data("inspection.override");
    assert_eq!(data, &json!({ "officer": { "agency": "border", "name": "officer of border" }, "reason": "ambulance" }));
    let recorded = place_of(&site, |effect| is_record(effect, "inspection.override"));
    assert!(recorded < place_of(&site, |effect| *effect == Effect::Move(Order::Open)));
    site.run(3_500);
    site.drive_through();
    site.run(6_000);
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
    assert_eq!(site.data("inspection.closed")["released_by"], "override");
}

#[test]
fn an_override_in_an_empty_lane_has_an_inspection_of_its_own_and_closes_on_a_persons_word() {
    let mut site = Site::started(Closes::Held);
    site.act("border", Act::Open { reason: "sweeping".into() }).unwrap();
    site.run(30_000);
    assert_eq!(site.closes(), 0);
    site.act("border", Act::ConfirmClear).unwrap();
    site.run(5_000);
    assert_eq!(site.data("inspection.closed")["outcome"], "nobody_passed");
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
    assert_eq!(site.height, 0.0);
}

#[test]
fn the_beginning_of_an_id_acts_on_the_inspection_in_the_lane_and_on_no_other() {
    let mut site = Site::recalled(settings(Closes::Held), Recalled::NOTHING, "0198c2b0-7b1c");
    site.run(1_000);
    site.arrive();
    let hold = |id: &str| Act::PlaceHold { inspection: id.into(), reason: "look".into() };
    assert_eq!(site.act("customs", hold("0198c2b0")).unwrap_err().code(), "other_inspection");
    site.act("customs", hold("0198c2b0-7b1c")).unwrap();
    assert_eq!(site.data("inspection.hold_placed")["agency"], "customs");
}

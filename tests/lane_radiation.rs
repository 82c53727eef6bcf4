//! A radiation portal in a gate lane: what holds, what releases, whose word ends it, what a crash remembers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)] // a test stops at the first surprise

mod lane_site;

use std::time::Duration;

use lane_site::{APPROACH, Site, settings};
use portside::lane::radiation::{Finding, News, Rules};
use portside::lane::{Act, Event, Memory, Note, PictureRule, Presence, Refusal, Settings, Topic, Verdict, recall};
use portside_devices::kind::Closes;
use serde_json::json;

const CLEAR: News = News::Ended(Finding::Clear);
const UNKNOWN: News = News::Ended(Finding::Unknown);
const ALARMED: News = News::Ended(Finding::Alarm);

fn guarded(required: bool) -> Settings {
    let rules = Rules { portal: "rpm".into(), agency: "customs".into(), required };
    Settings { radiation: Some(rules), ..settings(Closes::Pulse) }
}

/// A lane with a portal and a subject in it that nobody has judged yet.
fn site(required: bool) -> Site {
    let mut site = Site::with(guarded(required));
    site.run(1_000);
    site.arrive();
    site
}

fn tell(site: &mut Site, news: &[News]) {
    for news in news {
        site.send(Event::Radiation(*news));
        site.run(100);
    }
}

fn judge(site: &mut Site) {
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.run(100);
}

fn lift(site: &mut Site, agency: &str) -> Result<(), Refusal> {
    let inspection = site.id();
    site.act(agency, Act::LiftHold { inspection, reason: "examined by hand".into() })?;
    site.run(100);
    Ok(())
}

fn standing(site: &Site) -> &'static str {
    site.view().inspection.unwrap().radiation.unwrap().standing
}

fn holds(site: &Site) -> Vec<(String, Vec<String>)> {
    let holds = site.view().inspection.unwrap().holds;
    let words = |hold: &portside::lane::HoldView| hold.reasons.iter().map(ToString::to_string).collect();
    holds.iter().map(|hold| (hold.agency.to_string(), words(hold))).collect()
}

fn held_by_customs() -> Vec<(String, Vec<String>)> {
    vec![("customs".to_owned(), vec!["radiation".to_owned()])]
}

#[test]
fn an_alarm_holds_at_once_although_both_verdicts_are_clear() {
    for required in [true, false] {
        let mut site = site(required);
        tell(&mut site, &[News::Alarm]);
        assert_eq!((standing(&site), holds(&site)), ("alarm", held_by_customs()));
        let placed = json!({ "agency": "customs", "officer": null, "reason": "radiation" });
        assert_eq!(site.data("inspection.hold_placed"), &placed);
        tell(&mut site, &[ALARMED]);
        assert_eq!(site.count("inspection.hold_placed"), 1);
        judge(&mut site);
        assert_eq!(site.step(), "held", "{}", site.tail());
        assert!(site.orders().is_empty());
    }
}

#[test]
fn a_clear_passage_after_an_alarm_undoes_nothing() {
    let mut site = site(true);
    tell(&mut site, &[News::Alarm, ALARMED, CLEAR]);
    judge(&mut site);
    assert_eq!((site.step(), standing(&site)), ("held", "alarm"));
}

#[test]
fn a_clear_passage_stands_against_no_release() {
    let mut site = site(true);
    tell(&mut site, &[CLEAR]);
    judge(&mut site);
    assert_eq!((site.step(), standing(&site)), ("released", "clear"), "{}", site.tail());
    assert_eq!(site.count("inspection.hold_placed") + site.count("inspection.held"), 0);
    let found = json!({ "agency": "customs", "device": "rpm", "finding": "clear", "ended": true, "holds": false });
    assert_eq!(site.data("inspection.radiation"), &found);
}

#[test]
fn a_passage_that_could_not_be_judged_holds_where_a_clear_one_is_required() {
    let mut strict = site(true);
    tell(&mut strict, &[UNKNOWN]);
    assert_eq!(holds(&strict), held_by_customs());
    tell(&mut strict, &[CLEAR]);
    judge(&mut strict);
    assert_eq!(strict.step(), "held", "only the agency lifts its hold");
    let mut lax = site(false);
    tell(&mut lax, &[UNKNOWN]);
    judge(&mut lax);
    assert_eq!((lax.step(), standing(&lax)), ("released", "unknown"));
}

#[test]
fn silence_of_the_portal_is_no_consent_where_a_clear_passage_is_required() {
    let mut strict = site(true);
    judge(&mut strict);
    assert_eq!(strict.step(), "held", "{}", strict.tail());
    assert_eq!(strict.data("inspection.held")["holds"], json!([{ "agency": "customs", "reasons": ["radiation"] }]));
    assert!(strict.orders().is_empty());
    tell(&mut strict, &[CLEAR]);
    assert_eq!(strict.step(), "held", "a clear passage later does not lift what the agency holds");
    lift(&mut strict, "customs").unwrap();
    assert_eq!((strict.step(), standing(&strict)), ("released", "clear"));
    let mut lax = site(false);
    judge(&mut lax);
    assert_eq!(lax.step(), "released");
}

#[test]
fn only_the_agency_lifts_and_its_word_ends_the_matter_until_a_later_passage_alarms() {
    let mut site = site(true);
    site.judge_as("ciq", Verdict::Alarm).unwrap();
    site.judge_as("customs", Verdict::Clear).unwrap();
    tell(&mut site, &[News::Alarm]);
    assert!(matches!(lift(&mut site, "border"), Err(Refusal::NotYourHold { .. })));
    lift(&mut site, "customs").unwrap();
    assert_eq!((site.step(), standing(&site)), ("held", "waived"), "the other agency still holds");
    tell(&mut site, &[ALARMED, UNKNOWN, CLEAR]);
    assert_eq!(standing(&site), "waived", "the end of the passage that was examined is no news");
    tell(&mut site, &[News::Alarm]);
    lift(&mut site, "ciq").unwrap();
    assert_eq!((site.step(), holds(&site)), ("held", held_by_customs()));
    lift(&mut site, "customs").unwrap();
    assert_eq!(site.step(), "released");
}

#[test]
fn a_passage_that_alarmed_before_the_subject_arrived_and_ends_with_it_holds() {
    let mut site = site(false);
    tell(&mut site, &[ALARMED]);
    assert_eq!(holds(&site), held_by_customs());
}

#[test]
fn what_passes_while_nobody_is_in_the_lane_is_nobodys() {
    let mut site = Site::with(guarded(true));
    site.run(1_000);
    tell(&mut site, &[News::Alarm, ALARMED, CLEAR]);
    assert_eq!(site.records().filter(|note| note.topic == Topic::Inspection).count(), 0);
    site.arrive();
    assert_eq!((standing(&site), holds(&site)), ("waiting", Vec::new()));
    judge(&mut site);
    assert_eq!(site.step(), "held", "the clear passage was not this subject's");
}

#[test]
fn another_subject_begins_anew() {
    let mut site = site(true);
    tell(&mut site, &[CLEAR]);
    let first = site.id();
    site.set(APPROACH, Presence::Clear);
    site.run(11_000);
    site.set(APPROACH, Presence::Present);
    site.run(100);
    assert_ne!(site.id(), first);
    assert_eq!(standing(&site), "waiting");
}

#[test]
fn lifting_another_hold_does_not_lead_past_the_portal() {
    let picture = PictureRule::Required { within: Duration::from_secs(5) };
    let mut site = Site::with(Settings { picture, ..guarded(true) });
    site.run(1_000);
    site.arrive();
    let inspection = site.id();
    site.act("border", Act::PlaceHold { inspection, reason: "papers".into() }).unwrap();
    site.run(6_000);
    assert_eq!(site.step(), "held", "no picture came, and nothing passed the portal");
    lift(&mut site, "border").unwrap();
    lift(&mut site, "ciq").unwrap();
    let both = vec![("customs".to_owned(), vec!["no_picture".to_owned(), "radiation".to_owned()])];
    let mut found = holds(&site);
    found[0].1.sort();
    assert_eq!((site.step(), found), ("held", both));
    lift(&mut site, "customs").unwrap();
    assert_eq!(site.step(), "released");
}

#[test]
fn no_override_opens_while_the_portals_hold_stands() {
    let mut site = site(false);
    tell(&mut site, &[News::Alarm]);
    let open = || Act::Open { reason: "ambulance".into() };
    assert_eq!(site.act("ciq", open()), Err(Refusal::HoldStands { owners: vec!["customs".into()] }));
    lift(&mut site, "customs").unwrap();
    site.act("ciq", open()).unwrap();
}

#[test]
fn an_alarm_before_the_arm_is_asked_takes_the_release_back_and_after_it_only_stands_on_record() {
    let mut latched = site(true);
    tell(&mut latched, &[CLEAR]);
    latched.act("ciq", Act::Stop).unwrap();
    judge(&mut latched);
    assert_eq!(latched.step(), "released");
    assert!(!latched.orders().contains(&portside::lane::Order::Open));
    tell(&mut latched, &[UNKNOWN]);
    assert_eq!(latched.step(), "released", "it was released on a clear passage");
    tell(&mut latched, &[News::Alarm]);
    assert_eq!((latched.step(), holds(&latched)), ("held", held_by_customs()));
    latched.act("ciq", Act::Resume).unwrap();
    latched.run(1_000);
    assert!(!latched.orders().contains(&portside::lane::Order::Open));

    let mut asked = site(true);
    tell(&mut asked, &[CLEAR]);
    judge(&mut asked);
    assert!(asked.orders().contains(&portside::lane::Order::Open));
    tell(&mut asked, &[News::Alarm]);
    assert_eq!((asked.step(), holds(&asked)), ("released", Vec::new()));
    assert_eq!(asked.data("inspection.radiation")["holds"], false);
}

#[test]
fn a_crash_after_any_record_forgets_neither_an_alarm_nor_a_clear_passage_nor_the_lifting() {
    let settings = guarded(true);
    let restarted = |notes: &[Note], last: &str| {
        let count = notes.iter().rposition(|note| note.kind == last).unwrap() + 1;
        let memories = notes[..count].iter().map(|note| Memory {
            kind: note.kind,
            subject: &note.subject,
            data: &note.data,
            secret: note.secret.clone(),
        });
        let mut site = Site::recalled(settings.clone(), recall::fold(&settings, memories), "after");
        site.set(APPROACH, Presence::Present);
        site.run(1_000);
        site
    };
    let inspection =
        |site: &Site| -> Vec<Note> { site.records().filter(|note| note.topic == Topic::Inspection).cloned().collect() };
    let mut alarmed = site(true);
    tell(&mut alarmed, &[News::Alarm]);
    judge(&mut alarmed);
    lift(&mut alarmed, "customs").unwrap();
    let notes = inspection(&alarmed);
    for last in ["inspection.hold_placed", "inspection.radiation", "inspection.verdict.opened", "inspection.held"] {
        let mut site = restarted(&notes, last);
        assert_eq!(holds(&site), held_by_customs(), "{last}");
        if last != "inspection.hold_placed" {
            assert_eq!(standing(&site), "alarm", "{last}");
        }
        lift(&mut site, "customs").unwrap();
        assert_eq!(standing(&site), "waived", "{last}");
    }
    assert_eq!(restarted(&notes, "inspection.hold_lifted").step(), "released");

    let mut clear = site(true);
    tell(&mut clear, &[CLEAR]);
    let mut clear = restarted(&inspection(&clear), "inspection.radiation");
    assert_eq!(standing(&clear), "clear");
    judge(&mut clear);
    assert_eq!(clear.step(), "released");
}

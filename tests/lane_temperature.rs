//! Temperatures in a gate lane: what indicates, what asks for a person, what holds, what a crash remembers.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use std::sync::Arc;
use std::time::Duration;

use lane_site::{APPROACH, Site, settings};
use portside::lane::temperature::{Gauge, Health, Outcome, Reason, Rules};
use portside::lane::{
    Act, Event, Measurement, Memory, Note, PictureRule, Presence, Refusal, Secret, Settings, Topic, Verdict, recall,
};
use portside_devices::kind::Closes;

fn rules() -> Rules {
    Rules {
        device: "thermo".into(),
        agency: "ciq".into(),
        required: true,
        elevated: 37.3,
        relative: None,
        plausible: 34.0..=43.0,
        ambient: Some(16.0..=32.0),
        distance: None,
        repeats: 3,
        spread: 0.5,
        within: Duration::from_secs(10),
        vouches: Vec::new(),
        health: Health::Sealed,
    }
}

fn screened(rules: Rules) -> Settings {
    Settings { temperature: Some(rules), ..settings(Closes::Pulse) }
}

fn site(rules: Rules) -> Site {
    let mut site = Site::with(screened(rules));
    site.run(1_000);
    site.arrive();
    site
}

fn measure(site: &mut Site, readings: &[f64]) {
    site.send(Event::Gauge { gauge: Gauge::Ambient, value: Some(22.0) });
    for celsius in readings {
        site.send(Event::Gauge { gauge: Gauge::Temperature, value: Some(*celsius) });
        site.run(300);
    }
}

fn judge(site: &mut Site) {
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.run(100);
}

fn confirm(site: &mut Site, agency: &str, celsius: f64) -> Result<Arc<str>, Refusal> {
    let inspection = site.id();
    site.act(agency, Act::Temperature { inspection, celsius, instrument: "ear thermometer 12".into() })
}

fn lift(site: &mut Site, agency: &str) {
    let inspection = site.id();
    site.act(agency, Act::LiftHold { inspection, reason: "examined".into() }).unwrap();
}

fn sealed(site: &Site, kind: &str) -> Measurement {
    let note = site.records().filter(|note| note.kind == kind).last().unwrap();
    match &note.secret {
        Some(Secret::Measurement(measured)) => measured.clone(),
        other => panic!("{other:?}"),
    }
}

fn standing(site: &Site) -> &'static str {
    site.view().inspection.unwrap().temperature.unwrap().standing
}

fn asked(site: &Site) -> bool {
    site.view().next.iter().any(|todo| todo.code == "measure" && todo.agencies == ["ciq".into()])
}

#[test]
fn a_normal_indication_stands_against_no_release() {
    let mut site = site(rules());
    measure(&mut site, &[21.0, 36.4, 36.5, 36.5]);
    assert_eq!(sealed(&site, "inspection.temperature.indicated").celsius, Some(36.5));
    assert_eq!((standing(&site), asked(&site)), ("measured", false));
    judge(&mut site);
    assert_eq!(site.step(), "released", "{}", site.tail());
}

#[test]
fn what_was_measured_is_sealed_and_the_shared_record_does_not_tell_elevated_from_invalid() {
    let shared = |readings: &[f64]| {
        let mut site = site(rules());
        measure(&mut site, readings);
        site.run(11_000);
        (site.data("inspection.temperature.indicated").clone(), sealed(&site, "inspection.temperature.indicated"))
    };
    let (elevated, fever) = shared(&[38.4, 38.5, 38.4]);
    let (invalid, nothing) = shared(&[36.0, 38.0, 36.0]);
    assert_eq!(elevated, invalid);
    assert_eq!(elevated["confirm"], true);
    assert_eq!((fever.temperature, fever.celsius), (Outcome::Elevated, Some(38.5)));
    assert_eq!((nothing.temperature, nothing.celsius), (Outcome::Invalid, None));
    assert_eq!(nothing.reasons, [Reason::Spread]);
    let text = serde_json::to_string(&elevated).unwrap();
    assert!(!text.contains("38") && !text.contains("elevated"), "{text}");
}

#[test]
fn where_the_site_shares_health_data_they_stand_in_the_record() {
    let mut site = site(Rules { health: Health::Shared, ..rules() });
    measure(&mut site, &[38.4, 38.5, 38.4]);
    let data = site.data("inspection.temperature.indicated");
    assert_eq!((data["temperature"].as_str(), data["celsius"].as_f64()), (Some("elevated"), Some(38.5)));
}

#[test]
fn without_a_settled_temperature_the_agency_holds_whatever_the_verdicts_say() {
    for readings in [&[38.4, 38.5, 38.4][..], &[36.0, 38.0], &[]] {
        let mut site = site(rules());
        measure(&mut site, readings);
        judge(&mut site);
        assert_eq!(site.step(), "held", "{readings:?}\n{}", site.tail());
        assert_eq!(
            site.data("inspection.held")["holds"],
            serde_json::json!([
                { "agency": "ciq", "reasons": ["temperature"] }
            ])
        );
        assert_eq!(site.count("inspection.temperature.indicated"), 1, "silence is recorded too");
        assert_eq!((standing(&site), asked(&site)), ("confirm", true));
        assert!(site.orders().is_empty());
    }
}

#[test]
fn where_it_is_not_required_it_is_recorded_and_holds_nobody() {
    let mut site = site(Rules { required: false, ..rules() });
    measure(&mut site, &[38.4, 38.5, 38.4]);
    assert!(asked(&site));
    judge(&mut site);
    assert_eq!(site.step(), "released");
}

#[test]
fn the_agencys_own_normal_measurement_ends_its_hold() {
    let mut site = site(rules());
    measure(&mut site, &[38.4, 38.5, 38.4]);
    judge(&mut site);
    assert_eq!(&*confirm(&mut site, "ciq", 36.6).unwrap(), "recorded: 36.6 °C is normal");
    let confirmed = sealed(&site, "inspection.temperature.confirmed");
    assert_eq!((confirmed.temperature, confirmed.celsius), (Outcome::Normal, Some(36.6)));
    assert_eq!(site.data("inspection.temperature.confirmed")["instrument"], "ear thermometer 12");
    assert_eq!(site.data("inspection.hold_lifted")["lifted"], serde_json::json!(["temperature"]));
    site.run(100);
    assert_eq!(site.step(), "released");
    assert_eq!(site.data("inspection.released")["by"], "lifts");
}

#[test]
fn it_ends_nothing_but_the_temperature() {
    let mut site = site(rules());
    measure(&mut site, &[38.4, 38.5, 38.4]);
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Alarm).unwrap();
    site.run(100);
    confirm(&mut site, "ciq", 36.6).unwrap();
    site.run(100);
    assert_eq!(site.step(), "held");
    assert_eq!(site.view().inspection.unwrap().holds[0].reasons, ["alarm".into()]);
}

#[test]
fn a_confirmed_fever_holds_until_the_agency_lifts() {
    let mut site = site(rules());
    measure(&mut site, &[36.5, 36.5, 36.6]);
    confirm(&mut site, "ciq", 38.2).unwrap();
    judge(&mut site);
    assert_eq!(site.step(), "held", "the person's measurement outweighs the lane's");
    assert_eq!(confirm(&mut site, "ciq", 36.6), Err(Refusal::AlreadyConfirmed));
    lift(&mut site, "ciq");
    site.run(100);
    assert_eq!((site.step(), standing(&site)), ("released", "waived"));
}

#[test]
fn a_confirmation_before_the_decision_makes_no_hold() {
    let mut site = site(rules());
    measure(&mut site, &[38.4, 38.5, 38.4]);
    confirm(&mut site, "ciq", 36.8).unwrap();
    judge(&mut site);
    assert_eq!(site.step(), "released");
    assert_eq!(site.count("inspection.held"), 0);
}

#[test]
fn no_other_hold_and_its_lifting_leads_past_the_temperature() {
    let picture = PictureRule::Required { within: Duration::from_secs(5) };
    let mut site = Site::with(Settings { picture, ..screened(rules()) });
    site.run(1_000);
    site.arrive();
    site.run(6_000);
    assert_eq!(site.step(), "held", "no picture came, and nobody was measured");
    lift(&mut site, "customs");
    confirm(&mut site, "ciq", 36.6).unwrap();
    site.run(100);
    assert_eq!(site.view().inspection.unwrap().holds[0].reasons, ["no_picture".into()]);
    lift(&mut site, "ciq");
    site.run(100);
    assert_eq!(site.step(), "released");
}

#[test]
fn an_override_does_not_pass_over_a_measurement_that_stands() {
    let mut site = site(rules());
    measure(&mut site, &[38.4, 38.5, 38.4]);
    let open = || Act::Open { reason: "ambulance".into() };
    assert_eq!(site.act("customs", open()), Err(Refusal::MeasurementStands { agency: "ciq".into() }));
    confirm(&mut site, "ciq", 36.6).unwrap();
    site.act("customs", open()).unwrap();
}

#[test]
fn a_confirmation_is_refused_with_its_reason() {
    let mut site = site(rules());
    assert_eq!(confirm(&mut site, "customs", 36.6), Err(Refusal::NotYourMeasurement { agency: "ciq".into() }));
    let slip = confirm(&mut site, "ciq", 366.0).unwrap_err();
    assert_eq!(slip.to_string(), "a person has 34.0 to 43.0 °C here; look at the instrument and type it again");
    assert_eq!(confirm(&mut site, "ciq", f64::NAN).unwrap_err().code(), "implausible_temperature");
    let inspection = site.id();
    let blank = Act::Temperature { inspection, celsius: 36.6, instrument: "  ".into() };
    assert_eq!(site.act("ciq", blank), Err(Refusal::NoInstrument));
    assert_eq!(site.count("inspection.temperature.confirmed"), 0);
    measure(&mut site, &[36.5, 36.5, 36.5]);
    judge(&mut site);
    assert_eq!(confirm(&mut site, "ciq", 36.6).unwrap_err().code(), "wrong_step", "released already");

    let mut unscreened = Site::started(Closes::Pulse);
    unscreened.arrive();
    assert_eq!(confirm(&mut unscreened, "ciq", 36.6), Err(Refusal::NotScreened));
}

#[test]
fn a_series_is_bound_to_the_subject_that_it_was_taken_of() {
    let mut site = Site::with(screened(rules()));
    site.run(1_000);
    measure(&mut site, &[36.5, 36.5, 36.5]);
    assert_eq!(site.count("inspection.temperature.indicated"), 0, "nobody is in the lane");
    site.arrive();
    let first = site.id();
    measure(&mut site, &[36.5, 36.5]);
    site.set(APPROACH, Presence::Clear);
    site.run(11_000);
    site.set(APPROACH, Presence::Present);
    assert_ne!(site.id(), first);
    measure(&mut site, &[36.5]);
    let ended: Vec<_> = site.records().filter(|note| note.kind == "inspection.temperature.indicated").collect();
    assert!(ended.iter().all(|note| note.subject == first), "two readings of one and one of another are no series");
}

#[test]
fn a_crash_after_any_record_forgets_neither_a_fever_nor_a_confirmation() {
    let settings = screened(rules());
    let mut site = site(rules());
    measure(&mut site, &[38.4, 38.5, 38.4]);
    judge(&mut site);
    confirm(&mut site, "ciq", 36.6).unwrap();
    let notes: Vec<Note> = site.records().filter(|note| note.topic == Topic::Inspection).cloned().collect();
    let kinds: Vec<_> = notes.iter().map(|note| note.kind).collect();
    let after = |kind: &str| kinds.iter().rposition(|other| *other == kind).unwrap() + 1;
    let restarted = |count: usize, key: bool| {
        let memory = recall::fold(
            &settings,
            notes[..count].iter().map(|note| Memory {
                kind: note.kind,
                subject: &note.subject,
                data: &note.data,
                secret: note.secret.clone().filter(|_| key),
            }),
        );
        let mut site = Site::recalled(settings.clone(), memory, "after");
        site.set(APPROACH, Presence::Present);
        site.run(1_000);
        site
    };
    let measured = restarted(after("inspection.temperature.indicated"), true);
    assert_eq!((standing(&measured), asked(&measured)), ("confirm", true));
    assert_eq!(
        standing(&restarted(after("inspection.temperature.indicated"), false)),
        "confirm",
        "unreadable is not normal"
    );
    let held = restarted(after("inspection.held"), true);
    assert_eq!((held.step(), standing(&held)), ("held", "confirm"));
    let mut confirmed = restarted(after("inspection.temperature.confirmed"), true);
    assert_eq!((confirmed.step(), standing(&confirmed)), ("held", "confirmed"), "the lifting was not recorded");
    lift(&mut confirmed, "ciq");
    confirmed.run(100);
    assert_eq!(confirmed.step(), "released");
    assert_eq!(restarted(after("inspection.hold_lifted"), true).step(), "released");
}

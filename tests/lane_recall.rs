//! A crash after every single effect of a passage: the records alone bring the same subject back at the same step.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use std::collections::BTreeMap;

use lane_site::{Site, officer, picture, settings};
use portside::lane::{
    Act, Effect, Event, Memory, Note, Order, PictureRule, Presence, Recalled, Refusal, Secret, Settings, Topic,
    Verdict, recall,
};
use portside_devices::kind::Closes;

/// What is on disk after a crash: the records before it, secrets with them as their key is kept.
fn fold(settings: &Settings, notes: &[Note]) -> Recalled {
    let inspection = notes.iter().filter(|note| note.topic == Topic::Inspection);
    recall::fold(
        settings,
        inspection.map(|note| Memory {
            kind: note.kind,
            subject: &note.subject,
            data: &note.data,
            secret: note.secret.clone(),
        }),
    )
}

fn reboot(settings: &Settings, notes: &[Note]) -> Site {
    let mut site = Site::recalled(settings.clone(), fold(settings, notes), "after");
    for note in notes.iter().filter(|note| note.topic == Topic::Inspection) {
        site.interlock.recall(note.kind, &note.subject);
        site.judge.recalled(note.kind, &note.subject);
    }
    site
}

/// One whole passage with an alarm, a lifted hold and a picture; what the sensors said at each effect is kept.
fn story() -> (Settings, Vec<(Effect, Vec<Presence>, f64)>) {
    let mut settings = settings(Closes::Held);
    settings.picture = PictureRule::Required { within: std::time::Duration::from_secs(30) };
    let mut site = Site::with(settings.clone());
    let mut story = Vec::new();
    let mut keep = |site: &mut Site| {
        story.extend(site.log.drain(..).map(|(_, effect)| (effect, site.says.clone(), site.height)));
    };
    site.run(1_000);
    site.arrive();
    site.send(Event::Picture(picture("scan")));
    keep(&mut site);
    site.judge_as("customs", Verdict::Alarm).unwrap();
    keep(&mut site);
    site.judge_as("ciq", Verdict::Clear).unwrap();
    keep(&mut site);
    let inspection = site.id();
    site.act("border", Act::PlaceHold { inspection: inspection.clone(), reason: "wanted".into() }).unwrap();
    keep(&mut site);
    for agency in ["customs", "border"] {
        site.act(agency, Act::LiftHold { inspection: inspection.clone(), reason: "examined".into() }).unwrap();
        keep(&mut site);
    }
    site.run(3_500);
    keep(&mut site);
    for (sensor, presence) in [
        (lane_site::UNDER, Presence::Present),
        (lane_site::APPROACH, Presence::Clear),
        (lane_site::BEYOND, Presence::Present),
        (lane_site::UNDER, Presence::Clear),
    ] {
        site.set(sensor, presence);
        site.run(600);
        keep(&mut site);
    }
    site.set(lane_site::BEYOND, Presence::Clear);
    site.run(600);
    keep(&mut site);
    site.run(6_000);
    keep(&mut site);
    (settings, story)
}

/// What must be true of an inspection's records however often the daemon crashed: decisions are on record once.
fn nothing_is_said_twice(notes: &[Note]) {
    let mut seen: BTreeMap<(String, &str, String), usize> = BTreeMap::new();
    for note in notes.iter().filter(|note| note.topic == Topic::Inspection) {
        let agency = note.data.get("agency").map(ToString::to_string).unwrap_or_default();
        *seen.entry((note.subject.to_string(), note.kind, agency)).or_default() += 1;
    }
    for ((subject, kind, agency), count) in seen {
        let again = matches!(kind, "inspection.picture" | "inspection.entered" | "inspection.confirmed");
        assert!(count == 1 || again, "{kind} {agency} of {subject} is on record {count} times");
    }
}

fn notes(effects: &[(Effect, Vec<Presence>, f64)]) -> Vec<Note> {
    let records = effects.iter().filter_map(|(effect, ..)| match effect {
        Effect::Record(note) => Some(note.clone()),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_crash_after_any_effect_keeps_the_subject_and_its_step_and_loses_and_repeats_no_decision() {
    let (settings, story) = story();
    for cut in 0..=story.len() {
        let before = notes(&story[..cut]);
        let mut site = reboot(&settings, &before);
        let open = fold(&settings, &before).inspection().cloned();
        let (_, says, height) = &story[cut.saturating_sub(1)];
        site.says.clone_from(says);
        site.height = *height;
        site.run(1_000);

        let orders = site.orders();
        assert_eq!(orders, [], "cut {cut}: nothing moves for a recalled subject by itself");
        if let Some(open) = &open {
            let still = site.view().inspection.map(|inspection| inspection.id);
            assert_eq!(still.as_ref(), Some(open), "cut {cut}: the same subject");
            let given = before.iter().filter(|note| note.kind == "inspection.verdict.sealed").count();
            let kept = site.view().inspection.unwrap().desks.iter().filter(|desk| desk.standing != "waiting").count();
            assert!(kept >= given, "cut {cut}: no verdict is lost");
        }
        go_on(&mut site, cut);
        let mut all = before;
        all.extend(site.records().cloned());
        nothing_is_said_twice(&all);
        if let Some(open) = open {
            let closed = all.iter().filter(|note| note.kind == "inspection.closed" && note.subject == open);
            assert_eq!(closed.count(), 1, "cut {cut}: it ends once\n{}", site.tail());
            let verdicts: Vec<_> = all
                .iter()
                .filter(|note| note.kind == "inspection.verdict.opened" && note.subject == open)
                .map(|note| (note.data["agency"].clone(), note.data["verdict"].clone()))
                .collect();
            assert!(verdicts.contains(&("customs".into(), "alarm".into())), "cut {cut}: {verdicts:?}");
            assert!(verdicts.contains(&("ciq".into(), "clear".into())), "cut {cut}: {verdicts:?}");
        }
    }
}

/// The officers do what is still to do, and the subject drives on.
fn go_on(site: &mut Site, cut: usize) {
    for _ in 0..12 {
        let view = site.view();
        let Some(inspection) = view.inspection else { break };
        let id = inspection.id;
        for todo in view.next {
            let standing =
                |agency: &str| inspection.desks.iter().any(|d| &*d.agency == agency && d.standing == "waiting");
            match todo.code {
                "confirm_subject" => drop(site.act("customs", Act::ConfirmSubject)),
                "identify" => {
                    drop(site.act("customs", Act::Identify { inspection: None, identity: "粤B12345".into() }))
                }
                "judge" => {
                    for (agency, verdict) in [("customs", Verdict::Alarm), ("ciq", Verdict::Clear)] {
                        if standing(agency) {
                            site.act(agency, Act::judge(id.clone(), verdict)).unwrap();
                        }
                    }
                }
                "lift_hold" => {
                    for agency in &todo.agencies {
                        let lift = Act::LiftHold { inspection: id.clone(), reason: "examined".into() };
                        site.act_as(officer(agency), lift).unwrap();
                    }
                }
                _ => {}
            }
        }
        if site.step() == "awaiting_picture" {
            site.send(Event::Picture(picture("late scan")));
        }
        site.run(4_000);
        if site.view().arm.state == "open" && matches!(site.step(), "released" | "passing") {
            site.drive_through();
            site.run(1_000);
        }
        if site.step() == "vanished" {
            site.act("customs", Act::ConfirmClear).unwrap();
            site.run(1_000);
        }
    }
    let opens = site.orders().iter().filter(|order| **order == Order::Open).count();
    let confirmed = site.count("inspection.confirmed") + site.count("inspection.released");
    assert!(opens <= confirmed, "cut {cut}: each opening after the crash has its person or its release");
    assert!(site.closes() <= 1, "cut {cut}: no second close");
}

#[test]
fn a_second_crash_right_after_the_first_brings_the_same_again() {
    let (settings, story) = story();
    for cut in 0..=story.len() {
        let mut all = notes(&story[..cut]);
        for _ in 0..3 {
            let mut site = reboot(&settings, &all);
            site.says.clone_from(&story[cut.saturating_sub(1)].1);
            site.height = story[cut.saturating_sub(1)].2;
            site.run(200);
            all.extend(site.records().cloned());
        }
        nothing_is_said_twice(&all);
    }
}

#[test]
fn a_release_before_a_crash_opens_only_when_a_person_confirms_the_subject() {
    let (settings, story) = story();
    let released = story
        .iter()
        .position(|(effect, ..)| matches!(effect, Effect::Record(note) if note.kind == "inspection.released"));
    let before = notes(&story[..=released.unwrap()]);
    let mut site = reboot(&settings, &before);
    site.says[lane_site::APPROACH] = Presence::Present;
    site.run(60_000);
    assert_eq!(site.step(), "released");
    assert_eq!(site.orders(), []);
    assert_eq!(site.view().next[0].code, "confirm_subject");
    let stranger = portside::lane::Officer { agency: "customs".into(), name: "".into() };
    assert_eq!(site.act_as(stranger, Act::ConfirmSubject), Err(Refusal::NamelessOfficer));
    site.act("customs", Act::ConfirmSubject).unwrap();
    assert_eq!(site.orders(), [Order::Open]);
    assert_eq!(site.count("inspection.released"), 0);
}

#[test]
fn a_sealed_verdict_that_cannot_be_unsealed_holds() {
    let (settings, story) = story();
    let mut before = notes(&story);
    let sealed = before.iter().rposition(|note| note.kind == "inspection.verdict.sealed").unwrap();
    before.truncate(sealed + 1);
    for note in &mut before {
        note.secret = None::<Secret>;
    }
    let mut site = reboot(&settings, &before);
    site.says[lane_site::APPROACH] = Presence::Present;
    site.run(1_000);
    assert_eq!(site.step(), "held");
    assert_eq!(site.count("inspection.released"), 0);
}

#[test]
fn a_lane_whose_last_inspection_is_closed_starts_free() {
    let (settings, story) = story();
    let all = notes(&story);
    assert!(fold(&settings, &all).inspection().is_none());
    let prefixed: Vec<String> = all.iter().map(|note| format!("portside.{}", note.kind)).collect();
    let memories = all.iter().zip(&prefixed).filter(|(note, _)| note.topic == Topic::Inspection);
    let memories = memories.map(|(note, kind)| Memory { kind, subject: &note.subject, data: &note.data, secret: None });
    assert!(recall::fold(&settings, memories).inspection().is_none());
}

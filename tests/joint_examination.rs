//! Marks, images and a joint examination at a gate and beside a belt: the specification, one sentence a test.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod belt_site;
mod lane_site;
mod review_site;

use std::sync::Arc;

use belt_site::{Kind, Site};
use portside::lane::{
    Act, Category, DeskRole, Disposition, Event, Found, ImageRef, Refusal, Region, Secret, Shape, Verdict,
};
use review_site::{Bench, settings};

const DRUGS: Found = Found::Item(Category::Drugs);

fn bench() -> Bench {
    Bench::reviewing(&settings(&[("customs", DeskRole::Required), ("ciq", DeskRole::Required)]))
}

fn region() -> Region {
    Region { view: 0, shape: Shape::Box { x: 12, y: 34, width: 5, height: 6 }, category: Category::Drugs }
}

fn marked(inspection: Arc<str>, image: Option<ImageRef>) -> Act {
    let note = Some("  looks like tablets  ".into());
    Act::Judge { inspection, verdict: Verdict::Alarm, image, regions: vec![region()], note }
}

fn code<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> &'static str {
    answer.unwrap_err().code()
}

/// Both desks have judged, and customs holds on what it marked.
fn held() -> Bench {
    let mut bench = bench();
    bench.act("customs", marked(bench.id(), None)).unwrap();
    bench.act("ciq", Act::judge(bench.id(), Verdict::Clear)).unwrap();
    assert_eq!((bench.step(), bench.holders()), ("held", vec!["customs".to_owned()]));
    bench
}

#[test]
fn a_verdict_on_an_image_that_is_not_the_newest_is_refused_and_the_newest_is_named() {
    let mut bench = bench();
    let first = ImageRef { id: format!("{:0>64}", "a").into(), revision: 1 };
    assert_eq!(code(bench.act("customs", marked(bench.id(), Some(first.clone())))), "stale_image", "there is none yet");
    bench.send(Event::Picture(lane_site::picture("a")));
    assert_eq!(bench.image(), Some(first.clone()));
    bench.send(Event::Picture(lane_site::picture("b")));
    let refusal = bench.act("customs", marked(bench.id(), Some(first))).unwrap_err();
    let second = bench.image().unwrap();
    assert_eq!((refusal.code(), second.revision), ("stale_image", 2));
    assert!(refusal.to_string().contains(&*second.id) && refusal.chinese().contains(&*second.id), "{refusal}");
    bench.act("customs", marked(bench.id(), Some(second.clone()))).unwrap();
    assert_eq!(code(bench.act("customs", marked(bench.id(), Some(second)))), "already_judged");
}

#[test]
fn several_files_of_one_image_are_one_image() {
    let mut bench = bench();
    for name in ["for processing", "for presentation"] {
        let picture = portside::lane::Picture { image: Some("live-1".into()), ..lane_site::picture(name) };
        bench.send(Event::Picture(picture));
    }
    assert_eq!(bench.image(), Some(ImageRef { id: "live-1".into(), revision: 1 }));
    bench.restart(&[]);
    assert_eq!(bench.image(), Some(ImageRef { id: "live-1".into(), revision: 1 }));
}

#[test]
fn the_first_image_on_a_desk_is_on_record_once_and_the_verdict_says_how_long_it_took() {
    let mut bench = bench();
    bench.send(Event::Picture(lane_site::picture("a")));
    let (inspection, image) = (bench.id(), bench.image().unwrap());
    let shown = |image: ImageRef| Act::Shown { inspection: inspection.clone(), image };
    bench.act("customs", shown(image.clone())).unwrap();
    bench.now = bench.now + std::time::Duration::from_millis(2_000);
    bench.act("customs", shown(image.clone())).unwrap();
    assert_eq!(bench.notes_of("inspection.shown").count(), 1);
    let other = ImageRef { id: "another's".into(), revision: 1 };
    assert_eq!(code(bench.act("ciq", shown(other))), "stale_image");
    assert_eq!(code(bench.act("border", shown(image.clone()))), "no_desk");
    bench.act("customs", marked(inspection.clone(), Some(image))).unwrap();
    bench.act("ciq", Act::judge(inspection, Verdict::Clear)).unwrap();
    let opened: Vec<_> = bench.notes_of("inspection.verdict.opened").map(|note| note.data.clone()).collect();
    assert!((2_000..2_010).contains(&opened[0]["after_ms"].as_u64().unwrap()), "{opened:?}");
    assert_eq!((&opened[0]["image"]["revision"], &opened[1]["after_ms"]), (&1.into(), &serde_json::Value::Null));
}

#[test]
fn what_is_marked_outlives_a_crash_and_is_shared_when_an_examination_begins_and_the_note_never() {
    let mut bench = bench();
    bench.act("customs", marked(bench.id(), None)).unwrap();
    bench.restart(&[]);
    bench.act("ciq", Act::judge(bench.id(), Verdict::Clear)).unwrap();
    bench.restart(&[]);
    let mine = bench.lane.view_for("customs").subjects[0].mine.clone().unwrap();
    assert_eq!((mine.regions, mine.note.as_deref()), (vec![region()], Some("looks like tablets")));
    assert_eq!(bench.lane.view_for("ciq").subjects[0].mine.as_ref().unwrap().verdict, Verdict::Clear);
    let inspection = bench.id();
    bench.act("customs", Act::ExaminationBegin { inspection, with: vec!["ciq".into()], note: None }).unwrap();
    bench.restart(&[]);
    let examination = bench.lane.view_for("ciq").subjects[0].examination.clone().unwrap();
    assert_eq!((examination.stage, examination.missing.len()), ("called", 2));
    assert_eq!((&*examination.regions[0].agency, &examination.regions[0].regions), ("customs", &vec![region()]));
    assert!(!bench.notes.iter().any(|note| note.data.to_string().contains("tablets")), "notes stay sealed");
}

#[test]
fn what_does_not_fit_where_everything_is_equally_long_is_refused() {
    let mut bench = bench();
    let points = (0..100).map(|n| (n * 40_000, 4_000_000 - n * 40_000)).collect();
    let wide = Region { view: 0, shape: Shape::Polygon { points }, category: Category::Other };
    let inspection = bench.id();
    let judge = |regions| Act::Judge {
        inspection: inspection.clone(),
        verdict: Verdict::Alarm,
        image: None,
        regions,
        note: None,
    };
    assert_eq!(code(bench.act("customs", judge(vec![wide; 100]))), "too_much_marked");
    bench.act("customs", judge(vec![region(); 100])).unwrap();
}

/// Calls, brings together, opens.
fn opened(bench: &mut Bench) -> Arc<str> {
    let inspection = bench.id();
    let begin = Act::ExaminationBegin { inspection: inspection.clone(), with: vec!["ciq".into()], note: None };
    bench.act("customs", begin).unwrap();
    for agency in ["customs", "ciq"] {
        bench.act(agency, Act::ExaminationArrive { inspection: inspection.clone() }).unwrap();
    }
    bench.act("ciq", Act::ExaminationOpen { inspection: inspection.clone() }).unwrap();
    inspection
}

#[test]
fn a_subject_is_opened_once_with_everybody_there_and_each_lifts_its_own_hold_after_its_part() {
    let mut bench = held();
    let inspection = bench.id();
    let of = |act: fn(Arc<str>) -> Act| act(inspection.clone());
    let arrive: fn(Arc<str>) -> Act = |inspection| Act::ExaminationArrive { inspection };
    let open: fn(Arc<str>) -> Act = |inspection| Act::ExaminationOpen { inspection };
    let close: fn(Arc<str>) -> Act = |inspection| Act::ExaminationClose { inspection };
    let lift: fn(Arc<str>) -> Act = |inspection| Act::LiftHold { inspection, reason: "examined".into() };
    let begin = |with: &[&str]| Act::ExaminationBegin {
        inspection: inspection.clone(),
        with: with.iter().map(|agency| Arc::from(*agency)).collect(),
        note: None,
    };
    let found = |found| Act::ExaminationFinding { inspection: inspection.clone(), found, note: None };
    assert_eq!(code(bench.act("ciq", begin(&[]))), "no_doubt");
    assert_eq!(code(bench.act("customs", begin(&["pirates"]))), "unknown_agency");
    assert_eq!(code(bench.act("customs", of(arrive))), "no_examination");
    bench.act("customs", begin(&["ciq"])).unwrap();
    bench.act("customs", of(arrive)).unwrap();
    assert_eq!(code(bench.act("customs", of(arrive))), "already_arrived");
    assert_eq!(code(bench.act("border", of(arrive))), "not_called");
    assert_eq!(code(bench.act("customs", of(open))), "not_all_present");
    assert_eq!(code(bench.act("customs", found(DRUGS))), "not_opened");
    bench.act("ciq", of(arrive)).unwrap();
    assert_eq!(bench.holders(), ["ciq", "customs"], "who arrives holds");
    bench.act("ciq", of(open)).unwrap();
    assert_eq!(code(bench.act("customs", of(open))), "already_opened");
    assert_eq!(code(bench.act("customs", of(lift))), "examination_open");
    assert_eq!(code(bench.act("customs", of(close))), "no_finding");
    bench.act("customs", found(DRUGS)).unwrap();
    bench.act("customs", found(Found::Nothing)).unwrap();
    let findings: Vec<_> = bench.notes_of("inspection.examination.finding").map(|note| note.data.clone()).collect();
    assert_eq!((&findings[1]["number"], &findings[1]["corrects"]), (&2.into(), &1.into()), "a new record corrects");
    bench.act("customs", of(close)).unwrap();
    bench.act("customs", of(lift)).unwrap();
    assert_eq!((bench.step(), bench.holders()), ("held", vec!["ciq".to_owned()]));
    bench.act("ciq", found(Found::Nothing)).unwrap();
    bench.act("ciq", of(close)).unwrap();
    bench.act("ciq", of(lift)).unwrap();
    assert_eq!(bench.step(), "released");
    let before = bench.opened_after.expect("the arm is asked to open");
    assert!(bench.notes[..before].iter().any(|note| note.kind == "inspection.released"));
}

#[test]
fn a_finding_that_is_another_agencys_business_is_held_by_the_giver_until_it_is_accepted() {
    let mut bench = held();
    let inspection = opened(&mut bench);
    let hand = |to: &str| Act::HandOver { inspection: inspection.clone(), to: to.into(), note: None };
    let accept = |from: &str| Act::Accept { inspection: inspection.clone(), from: from.into() };
    let lift = Act::LiftHold { inspection: inspection.clone(), reason: "examined".into() };
    let dispose = |disposition, instead_of| Act::Disposition {
        inspection: inspection.clone(),
        disposition,
        instead_of,
        note: None,
    };
    assert_eq!(code(bench.act("customs", hand("border"))), "no_finding");
    for (agency, found) in [("customs", DRUGS), ("ciq", Found::Nothing)] {
        bench.act(agency, Act::ExaminationFinding { inspection: inspection.clone(), found, note: None }).unwrap();
        bench.act(agency, Act::ExaminationClose { inspection: inspection.clone() }).unwrap();
    }
    assert_eq!(code(bench.act("customs", hand("customs"))), "hand_over_to_self");
    bench.act("customs", hand("security")).unwrap();
    bench.act("customs", hand("border")).unwrap();
    let last = bench.notes.last().unwrap();
    assert_eq!(last.data["instead_of"], "security", "a new record corrects");
    assert_eq!(code(bench.act("customs", lift.clone())), "hand_over_pending");
    assert_eq!(code(bench.act("security", accept("customs"))), "not_handed_over");
    assert_eq!(code(bench.act("border", dispose(Disposition::Detain, None))), "no_finding");
    bench.restart(&[]);
    bench.act("border", accept("customs")).unwrap();
    assert_eq!(code(bench.act("customs", hand("border"))), "already_accepted");
    bench.act("border", dispose(Disposition::Detain, None)).unwrap();
    assert_eq!(code(bench.act("border", dispose(Disposition::Detain, None))), "already_disposed");
    assert_eq!(code(bench.act("border", dispose(Disposition::Destroy, Some(Disposition::Tax)))), "nothing_to_correct");
    bench.act("border", dispose(Disposition::Destroy, Some(Disposition::Detain))).unwrap();
    for agency in ["customs", "ciq"] {
        bench.act(agency, lift.clone()).unwrap();
    }
    assert_eq!(bench.holders(), ["border"], "who accepts holds");
    let view = bench.lane.view_for("customs").subjects[0].examination.clone().unwrap();
    assert_eq!((view.stage, view.dispositions.len(), view.handed_over[0].accepted), ("ended", 1, true));
    bench.act("border", lift).unwrap();
    assert_eq!(bench.step(), "released");
}

#[test]
fn nobody_examines_a_subject_that_is_not_held() {
    let mut bench = bench();
    let inspection = bench.id();
    bench.act("customs", Act::PlaceHold { inspection: inspection.clone(), reason: "wanted".into() }).unwrap();
    let begin = Act::ExaminationBegin { inspection, with: Vec::new(), note: None };
    assert_eq!(code(bench.act("customs", begin)), "wrong_step", "it would share what is still sealed");
}

#[test]
fn every_note_is_sealed_at_the_length_of_its_kind_whether_anything_was_written_or_not() {
    let mut bench = held();
    opened(&mut bench);
    let rooms: Vec<_> = bench.notes.iter().filter_map(|note| Some((note.kind, note.secret.as_ref()?))).collect();
    assert!(rooms.len() >= 6, "{rooms:?}");
    for (kind, secret) in rooms {
        let longest = serde_json::to_vec(secret).unwrap().len();
        assert!(longest <= secret.room(), "{kind}");
        assert!(matches!(secret, Secret::Verdict(_) | Secret::Remark(_)), "{kind}");
    }
}

#[test]
fn a_bag_is_opened_beside_the_belt_and_not_on_it() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    let image = site.view().belt[0].image.clone();
    assert_eq!(image.as_ref().map(|image| image.revision), Some(1));
    site.act("ciq", marked(inspection.clone(), image)).unwrap();
    let other = site.lane.view_for("customs");
    assert_eq!(other.subjects[0].desks.iter().find(|desk| &*desk.agency == "ciq").unwrap().standing, "hidden");
    assert_eq!(other.next.iter().map(|todo| todo.code).collect::<Vec<_>>(), ["judge"]);
    site.judge(&inspection, "customs", Verdict::Clear);
    let begin = Act::ExaminationBegin { inspection: inspection.clone(), with: Vec::new(), note: None };
    site.act("ciq", begin).unwrap();
    site.act("ciq", Act::ExaminationArrive { inspection: inspection.clone() }).unwrap();
    let open = Act::ExaminationOpen { inspection: inspection.clone() };
    assert_eq!(code(site.act("ciq", open.clone())), "wrong_step", "it is still on the belt");
    site.until("the examination", 30_000, |site| site.left(bag).is_some());
    site.run(1_000);
    site.act("ciq", open).unwrap();
    let examination = site.lane.view_for("customs").subjects[0].examination.clone().unwrap();
    assert_eq!((examination.stage, examination.regions[0].regions.len()), ("opened", 1));
    let found = Found::Item(Category::Food);
    site.act("ciq", Act::ExaminationFinding { inspection: inspection.clone(), found, note: None }).unwrap();
    site.act("ciq", Act::ExaminationClose { inspection: inspection.clone() }).unwrap();
    site.lift(&inspection, "ciq");
    assert_eq!(site.outcome(&inspection).as_deref(), Some("examined"));
    let closed = &site.notes("inspection.closed")[0].data;
    assert_eq!(closed["findings"], serde_json::json!([{ "agency": "ciq", "found": "food" }]));
}

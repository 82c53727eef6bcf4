//! What a belt lane does, in virtual time: the specification, one sentence a test.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod belt_site;

use std::sync::Arc;
use std::time::Duration;

use belt_site::{Kind, Site, officer, settings};
use portside::lane::belt::{Order, Recalled, Spot, Wire};
use portside::lane::{Act, Contact, Officer, Presence, Refusal, Verdict};
use portside_devices::simulate::belt::{Away, Eye};

const BOTH: [Kind; 2] = [Kind::Stop, Kind::Divert];

#[test]
fn a_bag_that_every_required_desk_clears_rides_to_the_exit() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        let (bag, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        site.clear(&inspection);
        assert_eq!(site.step(&inspection), Some("released"));
        site.until("the exit", 30_000, |site| site.left(bag).is_some());
        assert_eq!(site.left(bag), Some(Away::Exit), "{kind:?}");
        assert_eq!(site.outcome(&inspection).as_deref(), Some("departed"));
        assert_eq!(site.alarms(), Vec::<&str>::new(), "{}", site.tail());
        assert_eq!((site.world.struck(), site.world.stops(), site.demands), (0, 0, 0));
        let kinds: Vec<_> = site.records_of(&inspection).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(
            kinds,
            [
                "inspection.opened",
                "inspection.scanned",
                "inspection.picture",
                "inspection.review_opened",
                "inspection.verdict.sealed",
                "inspection.verdict.sealed",
                "inspection.verdict.opened",
                "inspection.verdict.opened",
                "inspection.verdict.opened",
                "inspection.released",
                "inspection.sent",
                "inspection.closed",
            ]
        );
    }
}

#[test]
fn the_diverter_leads_every_bag_that_is_not_released_to_the_examination() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.judge(&inspection, "customs", Verdict::Clear);
    site.judge(&inspection, "ciq", Verdict::Alarm);
    site.until("the examination", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
    assert_eq!(site.step(&inspection), Some("held"));
    assert_eq!(site.orders(), [], "at rest it leads there already");
    site.lift(&inspection, "ciq");
    assert_eq!(site.outcome(&inspection).as_deref(), Some("examined"));
}

#[test]
fn a_verdict_that_is_missing_at_the_diverter_is_not_reviewed_and_holds() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.judge(&inspection, "customs", Verdict::Clear);
    site.until("the examination", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
    let held = site.notes("inspection.held").pop().unwrap().data.clone();
    assert_eq!(held["holds"], serde_json::json!([{ "agency": "ciq", "reasons": ["not_reviewed"] }]));
}

#[test]
fn the_belt_stops_with_an_unreleased_bag_at_the_decision_and_a_person_starts_it_after_the_release() {
    let mut site = Site::started(Kind::Stop);
    let (bag, inspection) = site.load(500.0);
    site.until("the stop", 30_000, |site| !site.world.runs());
    assert!(site.world.at(Eye::Decision).contains(&bag));
    assert_eq!(site.view().belt[0].bound, Some("halted"));
    assert!(site.orders().contains(&Order::BeltStop));
    site.run(2_000);
    site.clear(&inspection);
    site.run(20_000);
    assert!(site.world.at(Eye::Decision).contains(&bag), "nothing runs a belt but a person");
    site.world.start();
    site.until("the exit", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.outcome(&inspection).as_deref(), Some("departed"));
}

#[test]
fn a_belt_that_is_started_with_an_unreleased_bag_at_the_decision_is_stopped_again() {
    let mut site = Site::started(Kind::Stop);
    let (bag, inspection) = site.load(600.0);
    site.until("the stop", 30_000, |site| !site.world.runs());
    site.run(3_000);
    for _ in 0..2 {
        let stops = site.world.stops();
        site.world.start();
        site.until("the next stop", 1_000, |site| site.world.stops() > stops);
        site.run(1_000);
    }
    assert_ne!(site.left(bag), Some(Away::Exit));
    assert_ne!(site.outcome(&inspection).as_deref(), Some("departed"));
}

#[test]
fn a_held_bag_that_is_taken_off_the_standing_belt_is_examined_beside_it_and_the_belt_goes_on() {
    let mut site = Site::started(Kind::Stop);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.judge(&inspection, "customs", Verdict::Alarm);
    site.judge(&inspection, "ciq", Verdict::Clear);
    site.until("the stop", 30_000, |site| !site.world.runs());
    site.run(2_000);
    site.world.take(bag);
    site.run(2_000);
    assert_eq!(site.view().aside.len(), 1);
    site.world.start();
    let (next, after) = site.load(500.0);
    site.until("the next review", 15_000, |site| site.step(&after) == Some("reviewing"));
    site.clear(&after);
    site.until("the next exit", 30_000, |site| site.left(next).is_some());
    site.lift(&inspection, "customs");
    assert_eq!(site.outcome(&inspection).as_deref(), Some("examined"));
    assert_eq!(site.outcome(&after).as_deref(), Some("departed"));
}

#[test]
fn no_picture_holds() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        site.picture_after = None;
        let (bag, inspection) = site.load(500.0);
        site.run(40_000);
        assert_ne!(site.left(bag), Some(Away::Exit), "{kind:?}");
        assert_eq!(site.step(&inspection), Some("held"));
        let held = site.notes("inspection.held")[0].data["holds"].to_string();
        assert!(held.contains("no_picture"), "{held}");
    }
}

#[test]
fn unknown_and_a_placed_hold_are_no_release() {
    for verdict in [Verdict::Unknown, Verdict::Clear] {
        let mut site = Site::started(Kind::Divert);
        let (bag, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        if verdict == Verdict::Clear {
            let act = Act::PlaceHold { inspection: inspection.clone(), reason: "a tip".into() };
            site.act("border", act).unwrap();
        }
        site.judge(&inspection, "customs", verdict);
        site.judge(&inspection, "ciq", Verdict::Clear);
        site.until("the examination", 30_000, |site| site.left(bag).is_some());
        assert_eq!(site.left(bag), Some(Away::Examine), "{verdict:?}");
    }
}

#[test]
fn several_bags_in_flight_each_keep_their_own_picture_and_their_own_end() {
    let mut site = Site::started(Kind::Divert);
    let mut bags = Vec::new();
    for turn in 0..6 {
        let (bag, inspection) = site.load(450.0);
        bags.push((bag, inspection, turn % 2 == 0));
        for _ in 0..9 {
            judge_all(&mut site, &bags);
            site.run(1_000);
        }
    }
    assert!(site.view().belt.len() > 1, "several are under way");
    site.run(40_000);
    for (bag, inspection, clear) in &bags {
        let pictures = site.records_of(inspection);
        let picture = pictures.iter().find(|(kind, _)| *kind == "inspection.picture").unwrap();
        assert_eq!(picture.1["name"], format!("bag{bag}"));
        assert_eq!(site.left(*bag), Some(if *clear { Away::Exit } else { Away::Examine }));
    }
    assert_eq!((site.world.struck(), site.refusals.clone()), (0, Vec::new()));
}

/// The desks say what they think of every bag that they are asked about.
fn judge_all(site: &mut Site, bags: &[(u64, Arc<str>, bool)]) {
    for (_, inspection, clear) in bags {
        if site.step(inspection) != Some("reviewing") {
            continue;
        }
        let verdict = if *clear { Verdict::Clear } else { Verdict::Alarm };
        site.judge(inspection, "customs", Verdict::Clear);
        site.judge(inspection, "ciq", verdict);
    }
}

#[test]
fn status_shows_the_subjects_in_the_order_of_the_belt() {
    let mut site = Site::started(Kind::Divert);
    let mut inspections = Vec::new();
    for _ in 0..3 {
        inspections.push(site.load(400.0).1);
        site.run(3_000);
    }
    let shown: Vec<_> = site.view().belt.into_iter().map(|subject| (subject.id, subject.at)).collect();
    assert_eq!(shown.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), inspections);
    assert_eq!(shown.iter().map(|(_, at)| *at).collect::<Vec<_>>(), ["scan", "scan", "entry"]);
}

#[test]
fn a_bag_that_vanishes_in_the_tunnel_is_an_alarm_and_the_next_keeps_its_own_papers() {
    let mut site = Site::started(Kind::Divert);
    let (first, gone) = site.load(500.0);
    site.run(5_000);
    let (second, stays) = site.load(500.0);
    site.run(3_000);
    site.world.take(first);
    site.until("the review", 20_000, |site| site.step(&stays) == Some("reviewing"));
    site.clear(&stays);
    site.until("the exit", 30_000, |site| site.left(second).is_some());
    assert!(site.alarms().contains(&"alarm.vanished"));
    assert_eq!(site.outcome(&gone).as_deref(), Some("vanished"));
    assert_eq!((site.left(second), site.outcome(&stays).as_deref()), (Some(Away::Exit), Some("departed")));
}

#[test]
fn a_bag_that_is_put_down_behind_the_entry_is_examined_and_its_picture_is_nobodys() {
    let mut site = Site::started(Kind::Divert);
    let bag = site.world.put(400.0, 300.0);
    site.until("the examination", 40_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
    assert!(site.alarms().contains(&"alarm.inserted"));
    assert!(site.alarms().contains(&"alarm.unbound_picture"));
    assert_eq!(site.notes("inspection.picture").len(), 0);
}

#[test]
fn two_bags_that_are_pushed_together_before_the_scan_are_both_examined() {
    let mut site = Site::started(Kind::Divert);
    let (first, one) = site.load(300.0);
    site.run(2_300);
    let (second, other) = site.load(300.0);
    let behind = site.world.bags().iter().find(|bag| bag.id == first).unwrap().rear();
    let front = site.world.bags().iter().find(|bag| bag.id == second).unwrap().front;
    site.world.shift(second, behind - front - 5.0);
    site.run(60_000);
    assert_eq!((site.left(first), site.left(second)), (Some(Away::Examine), Some(Away::Examine)));
    assert_eq!(site.notes("inspection.picture").len(), 0, "{}", site.tail());
    assert!(site.outcome(&one).is_some_and(|outcome| outcome != "departed") || site.step(&one) == Some("held"));
    assert_eq!(site.outcome(&other).as_deref(), Some("vanished"));
}

#[test]
fn a_hand_that_reaches_in_behind_the_scan_sends_what_is_there_to_the_examination() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    assert_eq!(site.step(&inspection), Some("released"));
    site.reach = Presence::Present;
    site.run(200);
    site.reach = Presence::Clear;
    assert_eq!(site.step(&inspection), Some("held"));
    site.until("the examination", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
}

#[test]
fn a_doubt_stays_when_its_hold_is_lifted_so_the_bag_is_still_handed_out_by_a_person() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.run(5_000);
    site.reach = Presence::Unknown;
    site.run(200);
    site.reach = Presence::Clear;
    for agency in ["customs", "ciq"] {
        site.lift(&inspection, agency);
    }
    site.run(100);
    assert_eq!(site.step(&inspection), Some("released"));
    site.until("the examination", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
    assert_eq!(site.outcome(&inspection).as_deref(), Some("handed_out"));
}

#[test]
fn a_belt_that_runs_backwards_makes_everything_on_it_doubtful_and_pictures_nobodys() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    site.world.reverse();
    site.run(2_500);
    site.world.start();
    site.until("the examination", 40_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Examine));
    assert!(site.notes("inspection.doubted").iter().any(|note| note.data["doubt"] == "motion"));
    assert_eq!(site.notes("inspection.picture").len(), 1, "the second scan is bound to nobody");
}

#[test]
fn a_belt_that_stops_and_goes_on_loses_nobody() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.run(2_000);
    for _ in 0..2 {
        site.world.stop();
        site.run(5_000);
        site.world.start();
        site.run(3_000);
    }
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    site.until("the exit", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Exit), "{}", site.tail());
}

#[test]
fn a_bag_that_sticks_at_a_light_barrier_stops_the_belt() {
    let mut site = Site::started(Kind::Divert);
    site.load(500.0);
    site.until("the scan", 10_000, |site| site.view().belt.first().is_some_and(|subject| subject.at == "scan"));
    let scan = site.sensor(Spot::Scan);
    site.says[scan] = Some(Presence::Present);
    site.until("the stop", 20_000, |site| !site.world.runs());
    assert!(site.alarms().contains(&"alarm.stuck"));
    assert!(site.view().faults.iter().any(|fault| fault == "stuck:eye_scan"));
}

#[test]
fn a_sensor_that_falls_silent_makes_everything_on_the_belt_doubtful() {
    let mut site = Site::started(Kind::Divert);
    let (_, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    let exit = site.sensor(Spot::Exit);
    site.says[exit] = Some(Presence::Unknown);
    site.run(200);
    assert_eq!(site.step(&inspection), Some("held"));
    assert!(site.alarms().contains(&"alarm.sensor_lost"));
}

#[test]
fn when_nothing_is_read_any_more_the_belt_is_told_to_stop_and_everything_is_doubtful() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        let (_, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        site.clear(&inspection);
        site.silent = true;
        site.run(1_000);
        assert!(!site.world.runs(), "{kind:?}");
        assert_eq!(site.step(&inspection), Some("held"));
        site.silent = false;
        site.world.start();
        site.run(40_000);
        assert_ne!(site.outcome(&inspection).as_deref(), Some("departed"));
    }
}

#[test]
fn a_blink_of_a_light_barrier_is_no_edge() {
    let mut site = Site::started(Kind::Divert);
    let decision = site.sensor(Spot::Decision);
    site.says[decision] = Some(Presence::Present);
    site.run(50);
    site.says[decision] = None;
    site.run(2_000);
    assert_eq!(site.opened().len(), 0);
    let (bag, inspection) = site.load(500.0);
    let scan = site.sensor(Spot::Scan);
    site.until("the scan", 10_000, |site| site.world.sees(Eye::Scan));
    site.run(1_000);
    site.says[scan] = Some(Presence::Clear);
    site.run(100);
    site.says[scan] = None;
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    site.until("the exit", 30_000, |site| site.left(bag).is_some());
    assert_eq!(site.left(bag), Some(Away::Exit));
}

#[test]
fn a_picture_that_two_bags_could_have_made_is_nobodys() {
    let mut settings = settings(Kind::Divert);
    settings.images.max = Duration::from_secs(6);
    settings.images.late = Duration::from_secs(8);
    let mut site = Site::with(settings, Recalled::NOTHING, "inspection");
    site.world.start();
    site.run(15_000);
    site.picture_after = None;
    let (first, one) = site.load(300.0);
    site.run(2_400);
    let (_, other) = site.load(300.0);
    site.until("both scanned", 15_000, |site| site.world.bags().iter().all(|bag| bag.rear() > 1_210.0));
    site.run(1_000);
    site.picture_in(0, &format!("bag{first}"));
    site.run(100);
    assert!(site.alarms().contains(&"alarm.unbound_picture"));
    assert_eq!((site.step(&one), site.step(&other)), (Some("awaiting_picture"), Some("awaiting_picture")));
}

#[test]
fn while_a_picture_is_missing_that_may_only_be_late_the_next_is_nobodys() {
    let mut settings = settings(Kind::Divert);
    settings.images.late = Duration::from_secs(10);
    let mut site = Site::with(settings, Recalled::NOTHING, "inspection");
    site.world.start();
    site.run(15_000);
    site.picture_after = None;
    let (first, _) = site.load(300.0);
    site.run(3_000);
    let (_, second) = site.load(300.0);
    let left = |site: &Site| site.world.bags().iter().any(|bag| bag.id == first && bag.rear() > 1_205.0);
    site.until("the first is through", 10_000, left);
    site.picture_after = Some(Duration::from_millis(700));
    site.run(12_000);
    assert_eq!(site.notes("inspection.picture").len(), 0);
    assert_eq!(site.step(&second), Some("held"));
}

#[test]
fn a_copy_and_a_file_older_than_the_scan_are_nobodys() {
    let mut site = Site::started(Kind::Divert);
    let (bag, _) = site.load(300.0);
    site.run(9_000);
    assert_eq!(site.notes("inspection.picture").len(), 1);
    site.load(300.0);
    site.picture_after = None;
    site.until("the second is through", 20_000, |site| {
        site.world.bags().iter().filter(|bag| bag.rear() > 1_205.0).count() == 2
    });
    site.picture_in(500, &format!("bag{bag}"));
    site.run(600);
    let old = belt_site::picture("old", portside_devices::moment::Moment::from_millis(0));
    site.send(portside::lane::belt::Event::Picture(old));
    assert_eq!(site.notes("inspection.picture").len(), 1);
    let reasons: Vec<_> = site.notes("alarm.unbound_picture").iter().map(|note| note.data["reason"].clone()).collect();
    assert_eq!(reasons, ["it is a copy of an earlier picture", "its file is older than the scan"]);
}

#[test]
fn a_diverter_that_does_not_arrive_stops_the_belt_and_latches_until_a_person_resumes() {
    let mut site = Site::started(Kind::Divert);
    let (bag, inspection) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
    site.clear(&inspection);
    site.wires = vec![(Wire::Passing, Contact::Off), (Wire::Diverted, Contact::On)];
    site.until("the fault", 40_000, |site| site.alarms().contains(&"alarm.diverter_fault"));
    site.run(1_000);
    assert!(!site.world.runs());
    assert_eq!(site.left(bag), None);
    site.wires.clear();
    site.act("customs", Act::Resume).unwrap();
    assert!(site.view().faults.is_empty());
}

#[test]
fn a_released_bag_close_behind_an_alarmed_one_goes_to_the_examination_rather_than_move_the_diverter_against_it() {
    let mut site = Site::started(Kind::Divert);
    let (first, alarmed) = site.load(400.0);
    site.run(2_600);
    let (second, cleared) = site.load(400.0);
    site.until("both reviews", 20_000, |site| site.step(&cleared) == Some("reviewing"));
    site.clear(&cleared);
    site.judge(&alarmed, "customs", Verdict::Alarm);
    site.judge(&alarmed, "ciq", Verdict::Clear);
    site.run(40_000);
    assert_eq!((site.left(first), site.left(second)), (Some(Away::Examine), Some(Away::Examine)), "{}", site.tail());
    assert_eq!(site.world.struck(), 0);
    assert_eq!(site.outcome(&cleared).as_deref(), Some("handed_out"));
}

#[test]
fn an_alarmed_bag_too_close_behind_a_released_one_stops_the_belt_before_the_diverter() {
    let mut site = Site::started(Kind::Divert);
    let (first, cleared) = site.load(400.0);
    site.run(2_600);
    let (second, alarmed) = site.load(400.0);
    site.until("both reviews", 20_000, |site| site.step(&alarmed) == Some("reviewing"));
    site.clear(&cleared);
    site.judge(&alarmed, "customs", Verdict::Alarm);
    site.judge(&alarmed, "ciq", Verdict::Clear);
    site.until("the stop", 40_000, |site| !site.world.runs());
    site.run(1_000);
    assert_eq!((site.left(second), site.world.struck()), (None, 0));
    // A person takes both off, looks, and says so.
    for bag in [first, second] {
        if site.left(bag).is_none() {
            site.world.take(bag);
        }
    }
    site.run(2_000);
    site.act("customs", Act::ConfirmClear).unwrap();
    site.world.start();
    site.run(5_000);
    assert!(site.world.runs(), "{}", site.tail());
    assert_eq!(site.world.limits(), (false, true), "it rests again");
}

#[test]
fn a_hold_that_is_placed_on_a_bag_on_its_way_out_stops_the_belt() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        let (bag, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        site.clear(&inspection);
        site.until("the decision", 20_000, |site| site.step(&inspection) == Some("passing"));
        site.act("border", Act::PlaceHold { inspection: inspection.clone(), reason: "a tip".into() }).unwrap();
        site.run(1_000);
        assert!(!site.world.runs() && site.left(bag).is_none(), "{kind:?}");
        assert_eq!(site.step(&inspection), Some("held"));
    }
}

#[test]
fn a_bag_that_is_held_at_the_diverter_does_not_go_out_because_somebody_starts_the_belt_again() {
    for on_the_way in [100, 400, 900, 1_600, 2_400] {
        let mut site = Site::started(Kind::Divert);
        let (bag, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        site.clear(&inspection);
        site.until("the decision", 20_000, |site| site.step(&inspection) == Some("passing"));
        site.run(on_the_way);
        site.act("border", Act::PlaceHold { inspection: inspection.clone(), reason: "a tip".into() }).unwrap();
        for _ in 0..3 {
            site.run(3_000);
            site.world.start();
        }
        site.run(10_000);
        assert_ne!(site.left(bag), Some(Away::Exit), "{on_the_way} ms behind the decision\n{}", site.tail());
    }
}

#[test]
fn an_unreleased_bag_at_the_exit_is_an_alarm_and_stops_the_belt() {
    let mut site = Site::started(Kind::Stop);
    site.deaf = true;
    let (_, inspection) = site.load(500.0);
    site.until("it passed", 40_000, |site| site.alarms().contains(&"alarm.passed_unreleased"));
    assert!(site.alarms().contains(&"alarm.belt_did_not_stop"));
    assert!(site.orders().contains(&Order::BeamOff));
    assert!(site.demands > 0, "the interlock wanted it stopped as well");
    site.until("the end", 20_000, |site| site.outcome(&inspection).is_some());
    assert_eq!(site.outcome(&inspection).as_deref(), Some("passed_unreleased"));
}

#[test]
fn the_beam_is_switched_off_when_the_interlock_opens_and_over_a_belt_that_stands() {
    let mut site = Site::started(Kind::Stop);
    site.wires = vec![(Wire::Interlock, Contact::Off)];
    site.run(100);
    assert_eq!(site.orders(), [Order::BeamOff]);
    let mut site = Site::started(Kind::Stop);
    site.wires = vec![(Wire::Running, Contact::Off), (Wire::Beam, Contact::On)];
    site.run(4_000);
    assert_eq!(site.orders(), [Order::BeamOff]);
}

#[test]
fn whoever_shouts_stop_is_obeyed() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        let nobody = Officer { agency: "pirates".into(), name: "".into() };
        assert!(site.act_as(nobody, Act::Stop).is_ok());
        assert!(!site.world.runs());
    }
}

#[test]
fn an_act_on_no_certain_inspection_is_refused() {
    let mut site = Site::started(Kind::Stop);
    let judge = |inspection: &str| Act::judge(inspection.into(), Verdict::Clear);
    assert!(matches!(site.act("customs", judge("inspection-000000000001")), Err(Refusal::NotOpen { .. })));
    let (_, first) = site.load(300.0);
    site.run(3_000);
    site.load(300.0);
    assert!(matches!(site.act("customs", judge("insp")), Err(Refusal::NotOpen { .. })), "too short to be meant");
    let identify = Act::Identify { inspection: None, identity: "MU512-0042".into() };
    assert!(matches!(site.act("customs", identify.clone()), Err(Refusal::WhichSubject { open: 2 })));
    let one = Act::Identify { inspection: Some(first.clone()), identity: "MU512-0042".into() };
    assert!(site.act("customs", one).is_ok());
    assert!(matches!(site.act("customs", Act::Open { reason: "x".into() }), Err(Refusal::NoArm)));
    assert!(matches!(site.act("pirates", judge(&first)), Err(Refusal::UnknownAgency { .. })));
    assert!(matches!(site.act("border", judge(&first)), Err(Refusal::NoDesk { .. })));
    let nameless = Officer { name: " ".into(), ..officer("customs") };
    assert!(matches!(site.act_as(nameless, judge(&first)), Err(Refusal::NamelessOfficer)));
}

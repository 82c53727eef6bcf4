//! What happens at a gate lane when something goes wrong, one sentence a test, in virtual time.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use std::time::Duration;

use lane_site::{APPROACH, BEYOND, Drive, Site, UNDER, is_record, officer, place_of, settings};
use portside::lane::{
    Act, ArmContact, Contact, DeskRole, Effect, Event, Order, OrderOutcome, Place, Presence, Sensor, Verdict,
};
use portside_devices::kind::Closes;
use serde_json::json;

const CLOSE: Order = Order::Close { renewal: 0 };

#[test]
fn presence_takes_a_held_close_back_within_one_poll() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(2_500);
    assert_eq!(site.drive, Drive::Down);
    site.says[UNDER] = Presence::Present;
    site.run(50);
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::CloseOff]);
    assert_eq!(site.drive, Drive::Off);
    let protect = place_of(&site, |effect| *effect == Effect::Protect(Order::CloseOff));
    assert!(is_record(&site.log[protect + 1].1, "arm.asked"), "recorded right after");
    site.set(UNDER, Presence::Clear);
    site.run(60_000);
    assert_eq!(site.closes(), 1, "never retried");
}

#[test]
fn presence_stops_a_pulsed_close_or_reverses_it_where_there_is_no_stop() {
    for (can_stop, last) in [(true, Order::Stop), (false, Order::Open)] {
        let mut settings = settings(Closes::Pulse);
        settings.arm.can_stop = can_stop;
        let mut site = Site::with(settings);
        site.run(1_000);
        site.release();
        site.drive_through();
        site.run(2_500);
        site.set(BEYOND, Presence::Present);
        assert_eq!(site.orders(), [Order::Open, CLOSE, last]);
        site.set(BEYOND, Presence::Clear);
        site.run(60_000);
        assert_eq!(site.closes(), 1);
    }
}

#[test]
fn every_doubt_takes_the_close_back() {
    type Doubt = (&'static str, fn(&mut Site));
    let doubts: [Doubt; 9] = [
        ("under unknown", |site| site.says[UNDER] = Presence::Unknown),
        ("beyond present", |site| site.says[BEYOND] = Presence::Present),
        ("under silent", |site| site.silent[UNDER] = true),
        ("contacts silent", |site| site.arm_silent = true),
        ("protection lost", |site| site.contacts[0].1 = Contact::Off),
        ("protection unknown", |site| site.contacts[0].1 = Contact::Unknown),
        ("operator fault", |site| site.contacts[1].1 = Contact::On),
        ("stop pressed", |site| site.contacts[3].1 = Contact::On),
        ("both limits", |site| site.limits = Some((Contact::On, Contact::On))),
    ];
    for (name, doubt) in doubts {
        let mut site = Site::started(Closes::Held);
        site.release();
        site.drive_through();
        site.run(2_500);
        assert_eq!(site.drive, Drive::Down, "{name}");
        doubt(&mut site);
        site.run(350);
        assert!(site.orders().contains(&Order::CloseOff), "{name}: {:?}", site.orders());
        assert_eq!(site.drive, Drive::Off, "{name}");
        site.run(60_000);
        assert_eq!(site.closes(), 1, "{name}: never retried");
    }
}

#[test]
fn a_barrier_that_closes_by_itself_is_never_asked_to() {
    let mut site = Site::started(Closes::Own);
    site.release();
    site.drive_through();
    site.run(10_000);
    assert_eq!(site.orders(), [Order::Open]);
    site.drive = Drive::Down;
    site.run(4_000);
    assert_eq!(site.count("alarm.arm_forced"), 0, "it came down by itself, as it does");
    assert_eq!(site.view().arm.state, "closed");
}

#[test]
fn a_flickering_photocell_never_lets_the_arm_down() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    for _ in 0..60 {
        site.set(UNDER, Presence::Present);
        site.set(UNDER, Presence::Clear);
        site.run(1_300);
    }
    assert_eq!(site.closes(), 0);
}

#[test]
fn a_subject_under_the_arm_for_an_hour_keeps_it_open_and_is_told_once() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(UNDER, Presence::Present);
    site.run(3_600_000);
    assert_eq!(site.orders(), [Order::Open]);
    assert_eq!(site.height, 1.0);
    assert_eq!(site.count("alarm.never_left"), 1);
    assert_eq!(site.count("alarm.sensor_stuck"), 1);
}

#[test]
fn a_tailgater_gets_an_unreleased_inspection_of_its_own_and_never_the_arm() {
    let mut site = Site::started(Closes::Held);
    site.release();
    let first = site.id();
    site.set(UNDER, Presence::Present);
    site.set(BEYOND, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.run(600);
    site.set(UNDER, Presence::Present);
    assert_eq!(site.count("alarm.tailgating"), 1);
    let second = site.id();
    assert_ne!(first, second);
    assert_eq!(site.view().inspection.unwrap().reason, "tailgating");
    site.run(60_000);
    assert_eq!(site.closes(), 0);
    site.set(APPROACH, Presence::Clear);
    site.set(BEYOND, Presence::Clear);
    site.set(BEYOND, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.set(BEYOND, Presence::Clear);
    site.run(6_000);
    assert_eq!(site.data("inspection.closed")["outcome"], "passed_unreleased");
    assert_eq!(site.count("inspection.released"), 1);
    assert_eq!(site.orders(), [Order::Open, CLOSE], "it closes when everybody is gone");
}

#[test]
fn a_tailgater_after_the_departure_takes_a_close_back() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(2_500);
    site.set(UNDER, Presence::Present);
    assert_eq!(site.count("alarm.tailgating"), 1);
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::CloseOff]);
    assert!(site.height > 0.5);
}

#[test]
fn a_gap_between_tractor_and_trailer_is_not_a_tailgater() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(UNDER, Presence::Present);
    site.set(BEYOND, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.run(200);
    site.set(UNDER, Presence::Present);
    assert_eq!(site.count("alarm.tailgating"), 0);
    assert_eq!(site.step(), "passing");
}

#[test]
fn the_wrong_way_and_an_intrusion_are_alarms_with_the_sensor_vector() {
    let mut site = Site::started(Closes::Held);
    site.set(BEYOND, Presence::Present);
    let all = json!({ "approach": "clear", "under": "clear", "beyond": "present" });
    assert_eq!(site.data("alarm.wrong_way")["sensors"], all);
    site.set(UNDER, Presence::Present);
    site.run(1_000);
    site.set(BEYOND, Presence::Clear);
    site.set(UNDER, Presence::Clear);
    site.run(1_000);
    assert_eq!(site.count("alarm.intrusion"), 0, "one trespass is told once");
    site.set(UNDER, Presence::Present);
    assert_eq!(site.count("alarm.intrusion"), 1);
    assert_eq!(site.orders(), []);
}

#[test]
fn an_unreleased_subject_that_drives_through_ends_its_inspection_and_the_next_one_inherits_nothing() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    let first = site.id();
    site.set(UNDER, Presence::Present);
    site.set(BEYOND, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.set(BEYOND, Presence::Clear);
    site.run(1_000);
    assert_eq!(site.count("alarm.intrusion"), 1);
    assert_eq!(site.data("inspection.closed")["outcome"], "passed_unreleased");
    assert_ne!(site.id(), first, "whoever stands at the approach is inspected anew");
    assert_eq!(site.step(), "unidentified");
}

#[test]
fn a_subject_that_leaves_unreleased_is_withdrawn_and_a_held_one_is_an_alarm() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Alarm).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.set(APPROACH, Presence::Clear);
    site.run(11_000);
    assert_eq!(site.data("inspection.closed")["outcome"], "withdrawn");
    assert_eq!(site.count("alarm.held_subject_left"), 1);
    assert_eq!(site.step(), "free");
}

#[test]
fn a_released_subject_that_vanishes_leaves_the_arm_to_a_person() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(APPROACH, Presence::Clear);
    site.run(60_000);
    assert_eq!(site.count("alarm.vanished"), 1);
    assert_eq!(site.orders(), [Order::Open]);
    assert!(site.view().next.iter().any(|todo| todo.code == "confirm_clear"));
    site.act("customs", Act::ConfirmClear).unwrap();
    site.run(5_000);
    assert_eq!(site.data("inspection.closed")["outcome"], "vanished");
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
}

#[test]
fn whoever_arrives_after_a_vanished_subject_does_not_pass_on_its_release() {
    let mut site = Site::started(Closes::Held);
    site.release();
    let first = site.id();
    site.set(APPROACH, Presence::Clear);
    site.run(11_000);
    site.set(APPROACH, Presence::Present);
    assert_ne!(site.id(), first);
    site.set(UNDER, Presence::Present);
    assert_eq!(site.count("alarm.tailgating"), 1);
}

#[test]
fn a_subject_that_backs_out_is_still_released() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(UNDER, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.run(1_000);
    assert_eq!(site.step(), "released");
    assert_eq!(site.count("inspection.backed_out"), 1);
    site.drive_through();
    site.run(6_000);
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
}

#[test]
fn a_sensor_that_did_not_change_in_the_passage_forbids_the_close_until_a_person_looks() {
    let mut settings = settings(Closes::Held);
    settings.sensors.push(Sensor { name: "photocell".into(), place: Place::Under, proves: true });
    let mut site = Site::with(settings);
    site.run(1_000);
    site.release();
    site.drive_through();
    site.run(60_000);
    assert_eq!(site.closes(), 0);
    assert_eq!(site.data("alarm.sensor_unproved")["unproved"], json!(["photocell"]));
    site.act("customs", Act::ConfirmClear).unwrap();
    site.run(5_000);
    assert_eq!(site.closes(), 1);
}

#[test]
fn an_arm_that_does_not_leave_or_does_not_arrive_is_a_fault_and_is_not_asked_again() {
    let mut site = Site::started(Closes::Held);
    site.dead = true;
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.run(10_000);
    assert_eq!(site.count("alarm.arm_did_not_leave"), 1);
    assert_eq!(site.orders(), [Order::Open]);
    assert_eq!(site.view().next[0].code, "resume");
    site.height = 0.5;
    site.dead = false;
    site.act("customs", Act::ConfirmSubject).unwrap();
    site.run(5_000);
    assert_eq!(site.view().arm.state, "open");

    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(2_200);
    site.limits = Some((Contact::Off, Contact::Off));
    site.run(5_000);
    assert_eq!(site.count("alarm.arm_did_not_arrive"), 1);
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::CloseOff]);
}

#[test]
fn a_forced_arm_is_told_within_half_a_second_and_nothing_moves() {
    let mut site = Site::started(Closes::Held);
    site.height = 0.2;
    site.run(500);
    assert_eq!(site.count("alarm.arm_forced"), 1);
    assert_eq!(site.view().arm.state, "fault");
    site.run(60_000);
    assert_eq!(site.orders(), []);
}

#[test]
fn a_bouncing_limit_switch_is_not_a_forced_arm() {
    let mut site = Site::started(Closes::Held);
    for _ in 0..20 {
        site.limits = Some((Contact::Off, Contact::Off));
        site.run(50);
        site.limits = None;
        site.run(200);
    }
    assert_eq!(site.count("alarm.arm_forced"), 0);
}

#[test]
fn the_emergency_button_opens_without_us_is_recorded_and_never_closed_again_by_itself() {
    let mut site = Site::started(Closes::Held);
    site.contacts[2].1 = Contact::On;
    site.drive = Drive::Up;
    site.run(1_000);
    assert_eq!(site.count("arm.emergency_open"), 1);
    assert_eq!(site.count("alarm.arm_forced"), 0);
    site.contact(ArmContact::EmergencyOpen, Contact::Off);
    site.run(60_000);
    assert_eq!(site.closes(), 0);
    assert_eq!(site.act("customs", Act::ConfirmClear).unwrap_err().code(), "latched");
    site.act("customs", Act::Resume).unwrap();
    site.run(5_000);
    assert_eq!(site.closes(), 0);
    site.act("customs", Act::ConfirmClear).unwrap();
    site.run(5_000);
    assert_eq!(site.closes(), 1);
}

#[test]
fn both_limits_at_once_are_a_fault() {
    let mut site = Site::started(Closes::Held);
    site.limits = Some((Contact::On, Contact::On));
    site.run(1_000);
    assert_eq!(site.count("alarm.arm_both_limits"), 1);
    assert_eq!(site.act("customs", Act::Resume).unwrap_err().code(), "still_there");
    assert_eq!(site.act("customs", Act::Open { reason: "x".into() }).unwrap_err().code(), "latched");
    site.limits = None;
    site.run(500);
    site.act("customs", Act::Resume).unwrap();
    assert_eq!(site.view().arm.state, "closed");
}

#[test]
fn an_arm_between_its_limits_for_too_long_is_told_once() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.height = 0.9;
    site.drive = Drive::Off;
    site.run(60_000);
    assert_eq!(site.count("alarm.arm_astray"), 1);
}

#[test]
fn an_open_arm_at_the_start_is_not_closed_before_a_person_confirms() {
    let mut site = Site::new(Closes::Held);
    site.height = 1.0;
    site.run(60_000);
    assert_eq!(site.orders(), []);
    site.set(UNDER, Presence::Present);
    assert_eq!(site.act("customs", Act::ConfirmClear).unwrap_err().code(), "not_clear");
    site.set(UNDER, Presence::Clear);
    site.act("customs", Act::ConfirmClear).unwrap();
    site.run(5_000);
    assert_eq!(site.orders(), [CLOSE]);
}

#[test]
fn a_confirmation_is_void_once_somebody_stands_under_the_arm() {
    let mut site = Site::new(Closes::Held);
    site.height = 1.0;
    site.run(1_000);
    site.act("customs", Act::ConfirmClear).unwrap();
    site.set(UNDER, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.run(60_000);
    assert_eq!(site.closes(), 0);
}

#[test]
fn a_sensor_that_was_lost_in_the_passage_forbids_the_close_and_the_next_full_passage_allows_it() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(UNDER, Presence::Present);
    site.set(BEYOND, Presence::Unknown);
    site.set(BEYOND, Presence::Clear);
    site.set(APPROACH, Presence::Clear);
    site.set(BEYOND, Presence::Present);
    site.set(UNDER, Presence::Clear);
    site.run(600);
    site.set(BEYOND, Presence::Clear);
    site.run(60_000);
    assert_eq!(site.data("inspection.closed")["outcome"], "departed");
    assert_eq!(site.closes(), 0);
    site.release();
    site.drive_through();
    site.run(5_000);
    assert_eq!(site.closes(), 1);
}

#[test]
fn a_pause_of_the_program_counts_as_a_doubt() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.now = site.now + Duration::from_millis(400);
    site.run(60_000);
    assert_eq!(site.closes(), 0);
}

#[test]
fn missing_protection_keeps_the_arm_open_and_is_told_once() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.contact(ArmContact::Protection, Contact::Off);
    site.drive_through();
    site.run(30_000);
    assert_eq!(site.closes(), 0);
    assert_eq!(site.data("alarm.close_prevented")["by"], "protection_not_ready");
    assert_eq!(site.count("alarm.close_prevented"), 1);
    site.contact(ArmContact::Protection, Contact::On);
    site.run(5_000);
    assert_eq!(site.closes(), 1);
}

#[test]
fn an_order_that_was_not_written_is_told_and_a_close_is_not_retried() {
    let mut site = Site::started(Closes::Pulse);
    site.release();
    site.drive_through();
    site.run(1_400);
    site.dead = true;
    site.run(200);
    assert_eq!(site.closes(), 1);
    site.send(Event::Ordered { order: CLOSE, outcome: OrderOutcome::NotWritten });
    site.run(30_000);
    assert_eq!(site.count("alarm.order_failed"), 1);
    assert_eq!(site.orders(), [Order::Open, CLOSE]);
}

#[test]
fn a_refusal_by_the_interlock_ends_the_close_with_an_alarm() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(1_600);
    site.send(Event::Refused { order: CLOSE, rule: "rule" });
    site.run(30_000);
    assert_eq!(site.data("alarm.order_refused")["rule"], "rule");
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::CloseOff]);
}

#[test]
fn a_barrier_that_reverses_by_itself_is_not_asked_again() {
    let mut site = Site::started(Closes::Pulse);
    site.release();
    site.drive_through();
    site.run(2_500);
    site.drive = Drive::Up;
    site.run(10_000);
    assert_eq!(site.count("alarm.arm_came_back"), 1);
    assert_eq!(site.closes(), 1);
}

#[test]
fn the_next_subject_waits_for_its_own_release_while_the_arm_closes() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.set(APPROACH, Presence::Present);
    site.run(600);
    site.identify();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.run(1_500);
    assert_eq!(site.drive, Drive::Down);
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.run(10_000);
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::Open], "it opens when the arm has arrived");
    assert_eq!(site.height, 1.0);
}

#[test]
fn without_blindness_a_verdict_is_open_at_once_and_decides_nothing_alone() {
    let mut settings = settings(Closes::Held);
    settings.blind = false;
    settings.desks[1].role = DeskRole::Required;
    let mut site = Site::with(settings);
    site.run(1_000);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    assert_eq!(site.data("inspection.verdict.opened")["officer"], *officer("customs").name);
    assert_eq!(site.step(), "reviewing");
    site.judge_as("ciq", Verdict::Clear).unwrap();
    assert_eq!(site.orders(), [Order::Open]);
    assert_eq!(site.count("inspection.verdict.opened"), 3, "two verdicts and one silent advisory desk");
}

#[test]
fn late_word_of_an_opening_that_failed_does_not_make_a_close_forgotten() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(2_500);
    assert_eq!(site.view().arm.state, "closing");
    site.send(Event::Ordered { order: Order::Open, outcome: OrderOutcome::NotWritten });
    assert_eq!(site.view().arm.state, "closing");
    site.set(UNDER, Presence::Present);
    assert!(site.orders().contains(&Order::CloseOff));
}

#[test]
fn a_loose_wire_of_a_contact_is_told_once_until_it_has_been_readable_for_a_while() {
    let mut site = Site::started(Closes::Held);
    for _ in 0..20 {
        site.contact(ArmContact::Protection, Contact::Unknown);
        site.contact(ArmContact::Protection, Contact::Off);
    }
    assert_eq!(site.count("alarm.contact_lost"), 1);
    site.run(6_000);
    site.contact(ArmContact::Protection, Contact::Unknown);
    assert_eq!(site.count("alarm.contact_lost"), 2);
}

#[test]
fn a_lane_that_sees_nothing_is_not_called_free() {
    let mut site = Site::started(Closes::Held);
    assert_eq!(site.step(), "free");
    site.silent[UNDER] = true;
    site.run(1_000);
    assert_eq!(site.step(), "blind");
    site.silent[UNDER] = false;
    site.run(100);
    assert_eq!(site.step(), "free");
}

#[test]
fn an_arm_that_was_stopped_on_its_way_down_is_brought_home_by_opening_and_confirming() {
    let mut site = Site::started(Closes::Pulse);
    site.release();
    site.drive_through();
    site.run(2_500);
    assert_eq!(site.view().arm.state, "closing");
    site.act("customs", Act::Stop).unwrap();
    site.run(500);
    site.act("customs", Act::Resume).unwrap();
    site.run(10_000);
    while site.view().next.iter().any(|todo| todo.code == "resume") {
        site.act("customs", Act::Resume).unwrap();
        site.run(100);
    }
    let todos = |site: &Site| site.view().next.iter().map(|todo| todo.code).collect::<Vec<_>>();
    assert_eq!((site.step(), todos(&site)), ("free", vec!["open_arm"]));
    site.act("customs", Act::Open { reason: "it stands half-way".into() }).unwrap();
    site.run(5_000);
    assert_eq!(todos(&site), ["confirm_clear"]);
    site.act("customs", Act::ConfirmClear).unwrap();
    site.run(10_000);
    assert_eq!((site.step(), site.height, todos(&site)), ("free", 0.0, vec![]));
}

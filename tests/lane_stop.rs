//! A person stops the arm: what is ordered, what is answered, and how it goes on, one sentence a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use lane_site::{APPROACH, Drive, Site, settings};
use portside::lane::{Act, ArmContact, Contact, Officer, Order, Presence, Verdict};
use portside_devices::kind::Closes;

const CLOSE: Order = Order::Close { renewal: 0 };

#[test]
fn stop_wins_over_everything_and_latches_until_a_person_resumes() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.drive_through();
    site.run(2_500);
    site.act_as(Officer { agency: "passer-by".into(), name: "".into() }, Act::Stop).unwrap();
    assert_eq!(site.drive, Drive::Off);
    site.run(60_000);
    assert_eq!(site.orders(), [Order::Open, CLOSE, Order::Stop, Order::CloseOff]);
    assert_eq!(site.act("customs", Act::Open { reason: "x".into() }).unwrap_err().code(), "latched");
    site.act("customs", Act::Resume).unwrap();
    site.run(60_000);
    assert_eq!(site.orders().len(), 4, "resume moves nothing");
    site.act("customs", Act::Open { reason: "go on".into() }).unwrap();
    site.run(5_000);
    assert_eq!(site.height, 1.0);
}

#[test]
fn a_stop_is_answered_with_what_was_ordered_and_never_as_seen() {
    for (closes, can_stop, says) in [
        (Closes::Held, true, "stop ordered; the barrier has not confirmed it yet"),
        (Closes::Held, false, "any close is taken back"),
        (Closes::Pulse, true, "stop ordered; the barrier has not confirmed it yet"),
        (Closes::Pulse, false, "opening ordered instead of the close"),
    ] {
        let mut settings = settings(closes);
        settings.arm.can_stop = can_stop;
        let mut site = Site::with(settings);
        site.run(1_000);
        site.release();
        site.drive_through();
        site.run(2_500);
        assert_eq!(site.view().arm.state, "closing");
        let answer = site.act("customs", Act::Stop).unwrap();
        assert!(answer.starts_with(says), "{answer}");
        assert_eq!(answer.contains("use its own button"), !can_stop, "{answer}");
    }
    let mut settings = settings(Closes::Pulse);
    settings.arm.can_stop = false;
    let mut site = Site::with(settings);
    site.run(1_000);
    let answer = site.act("customs", Act::Stop).unwrap();
    assert!(answer.contains("nothing could be sent"), "{answer}");
    assert_eq!(site.orders(), []);
}

#[test]
fn a_stopped_open_arm_waits_for_a_resume_and_only_then_for_somebody_who_looks() {
    let mut site = Site::started(Closes::Held);
    site.release();
    site.set(APPROACH, Presence::Clear);
    site.run(60_000);
    assert_eq!(site.view().arm.waits_for, Some("confirm_clear"));
    site.act("customs", Act::Stop).unwrap();
    site.run(100);
    let codes = |site: &Site| site.view().next.iter().map(|todo| todo.code).collect::<Vec<_>>();
    assert_eq!((site.view().arm.waits_for, codes(&site)), (Some("resume"), vec!["resume"]));
    assert_eq!(site.act("customs", Act::ConfirmClear).unwrap_err().code(), "latched");
    site.act("customs", Act::Resume).unwrap();
    site.run(100);
    assert_eq!((site.view().arm.waits_for, codes(&site)), (Some("confirm_clear"), vec!["confirm_clear"]));
}

#[test]
fn a_stop_button_that_is_still_pressed_cannot_be_resumed() {
    let mut site = Site::started(Closes::Held);
    site.contact(ArmContact::StopPressed, Contact::On);
    assert_eq!(site.act("customs", Act::Resume).unwrap_err().code(), "still_there");
    site.contact(ArmContact::StopPressed, Contact::Off);
    site.act("customs", Act::Resume).unwrap();
}

#[test]
fn a_stopped_opening_goes_on_only_when_a_person_confirms_the_subject() {
    let mut site = Site::started(Closes::Held);
    site.arrive();
    site.judge_as("customs", Verdict::Clear).unwrap();
    site.judge_as("ciq", Verdict::Clear).unwrap();
    site.run(1_000);
    site.act("ciq", Act::Stop).unwrap();
    site.act("ciq", Act::Resume).unwrap();
    site.run(10_000);
    assert!(site.height < 0.5);
    site.act("ciq", Act::ConfirmSubject).unwrap();
    site.run(5_000);
    assert_eq!(site.height, 1.0);
    assert_eq!(site.count("inspection.released"), 1);
}

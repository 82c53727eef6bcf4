//! What a belt lane makes of its own records after a restart.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod belt_site;

use belt_site::{Kind, Site};
use portside::lane::belt::recall;
use portside::lane::{Effect, Memory, Verdict};
use portside_devices::simulate::belt::Away;

const BOTH: [Kind; 2] = [Kind::Stop, Kind::Divert];

/// Everything recorded so far, as the next run reads it back.
fn restart(site: &Site) -> Site {
    let notes: Vec<_> = site
        .log
        .iter()
        .filter_map(|(_, effect)| match effect {
            Effect::Record(note) if note.kind.starts_with("inspection.") => Some(note.clone()),
            _ => None,
        })
        .collect();
    let memories = notes.iter().map(|note| Memory {
        kind: note.kind,
        subject: &note.subject,
        data: &note.data,
        secret: note.secret.clone(),
    });
    let recalled = recall::fold(&site.settings, memories);
    let mut after = Site::with(site.settings.clone(), recalled, "second-run-00");
    after.world = site.world.clone();
    after
}

#[test]
fn after_a_restart_everything_that_was_on_the_belt_is_examined_released_or_not() {
    for kind in BOTH {
        let mut site = Site::started(kind);
        let (bag, inspection) = site.load(500.0);
        site.until("the review", 15_000, |site| site.step(&inspection) == Some("reviewing"));
        site.clear(&inspection);
        assert_eq!(site.step(&inspection), Some("released"));
        let mut after = restart(&site);
        after.run(40_000);
        assert_ne!(after.left(bag), Some(Away::Exit), "{kind:?}\n{}", after.tail());
        assert_eq!(after.step(&inspection), Some("held"));
        assert_eq!(after.world.struck(), 0);
        for agency in ["customs", "ciq"] {
            after.lift(&inspection, agency);
        }
        after.run(100);
        assert_eq!(after.outcome(&inspection).as_deref(), Some("examined"));
    }
}

#[test]
fn after_a_restart_an_alarm_that_was_sealed_still_holds_and_what_was_at_the_examination_is_still_there() {
    let mut site = Site::started(Kind::Divert);
    let (first_bag, first) = site.load(500.0);
    site.until("the examination", 40_000, |site| site.left(first_bag).is_some());
    site.run(1_000);
    let (_, second) = site.load(500.0);
    site.until("the review", 15_000, |site| site.step(&second) == Some("reviewing"));
    site.judge(&second, "customs", Verdict::Alarm);
    let mut after = restart(&site);
    after.run(1_000);
    let aside = after.view().aside;
    assert_eq!(aside.iter().map(|subject| &*subject.id).collect::<Vec<_>>(), [&*first, &*second]);
    assert!(aside.iter().all(|subject| subject.step == "held"));
    let reasons: Vec<_> = aside[1].holds.iter().flat_map(|hold| hold.reasons.clone()).collect();
    assert!(reasons.iter().any(|reason| &**reason == "alarm"), "{reasons:?}");
    assert!(aside[0].doubts.is_empty() && aside[1].doubts == ["restart"]);
}

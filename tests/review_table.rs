//! From verdicts to one release: every combination of desks, answers, losses and orders of arrival.
//!
//! The rule, said plainly and independently of the machine: desks are heard until every required one has spoken, or time
//! is up. A desk then holds when it said alarm; a required one also when it said anything but clear, or nothing, or what
//! it said cannot be read any more. Where no desk is required, every desk holds. Released is what nobody holds.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lane_site;
mod review_site;

use std::collections::BTreeMap;

use portside::lane::{Act, DeskRole, Verdict};
use review_site::{Bench, settings};

const AGENCIES: [&str; 3] = ["customs", "ciq", "security"];
const ROLES: [DeskRole; 2] = [DeskRole::Required, DeskRole::Advisory];

/// What becomes of one desk.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Says(Verdict),
    /// It never judges: its officer is away, or its link is gone.
    Silent,
    /// It says clear; then the daemon is killed, and the key of what was sealed cannot be read.
    Lost,
}

const PARTS: [Part; 5] =
    [Part::Says(Verdict::Clear), Part::Says(Verdict::Alarm), Part::Says(Verdict::Unknown), Part::Silent, Part::Lost];

/// Who holds, by the plain rule; and who was heard.
fn plain(roles: &[DeskRole], parts: &[Part], order: &[usize]) -> (Vec<String>, Vec<usize>) {
    let required: Vec<usize> = (0..roles.len()).filter(|desk| roles[*desk] == DeskRole::Required).collect();
    let mut heard = Vec::new();
    let mut all_in = false;
    for desk in order {
        if parts[*desk] != Part::Silent && !all_in {
            heard.push(*desk);
        }
        all_in = !required.is_empty() && required.iter().all(|desk| heard.contains(desk));
    }
    let holds = (0..roles.len()).filter(|desk| {
        let said = match parts[*desk] {
            _ if !heard.contains(desk) => "nothing",
            Part::Says(Verdict::Clear) => "clear",
            Part::Says(Verdict::Alarm) => "alarm",
            Part::Says(Verdict::Unknown) => "unknown",
            Part::Silent => "nothing",
            // What was opened before the key was lost is known.
            Part::Lost if all_in => "clear",
            Part::Lost => "lost",
        };
        said == "alarm" || required.is_empty() || (required.contains(desk) && said != "clear")
    });
    let mut holds: Vec<String> = holds.map(|desk| AGENCIES[desk].to_owned()).collect();
    holds.sort_unstable();
    (holds, heard)
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let placed = shorter.iter().flat_map(|order| {
        (0..=order.len()).map(move |at| {
            let mut order = order.clone();
            order.insert(at, count - 1);
            order
        })
    });
    placed.collect()
}

/// Every choice of one of `of` for each of `count`.
fn choices<T: Copy>(of: &[T], count: usize) -> Vec<Vec<T>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        all = all.iter().flat_map(|chosen| of.iter().map(move |one| [chosen.as_slice(), &[*one]].concat())).collect();
    }
    all
}

fn one_case(roles: &[DeskRole], parts: &[Part], order: &[usize]) -> &'static str {
    let desks: Vec<_> = AGENCIES.into_iter().zip(roles.iter().copied()).collect();
    let mut bench = Bench::reviewing(&settings(&desks));
    let (holds, heard) = plain(roles, parts, order);
    for desk in order {
        let verdict = match parts[*desk] {
            Part::Says(verdict) => verdict,
            Part::Lost => Verdict::Clear,
            Part::Silent => continue,
        };
        let taken = bench.act(AGENCIES[*desk], Act::judge(bench.id(), verdict));
        assert_eq!(taken.is_ok(), heard.contains(desk), "{roles:?} {parts:?} {order:?}: desk {desk}");
    }
    let lost: Vec<&str> =
        (0..parts.len()).filter(|desk| parts[*desk] == Part::Lost).map(|desk| AGENCIES[desk]).collect();
    if !lost.is_empty() {
        bench.restart(&lost);
    }
    if bench.step() == "reviewing" {
        assert_eq!(bench.notes_of("inspection.verdict.opened").count(), 0, "{roles:?} {parts:?} {order:?}: too early");
        bench.time_up();
    }
    let step = bench.step();
    assert_eq!(bench.holders(), holds, "{roles:?} {parts:?} {order:?}");
    assert_eq!(step, if holds.is_empty() { "released" } else { "held" }, "{roles:?} {parts:?} {order:?}");
    assert_eq!(bench.notes_of("inspection.released").count(), usize::from(holds.is_empty()));
    assert_eq!(bench.notes_of("inspection.verdict.opened").count(), roles.len(), "each desk is opened once");
    if let Some(before) = bench.opened_after {
        let kinds: Vec<_> = bench.notes[..before].iter().map(|note| note.kind).collect();
        assert!(kinds.contains(&"inspection.released"), "the arm moves on a record: {kinds:?}");
    }
    assert!(holds.is_empty() || bench.opened_after.is_none(), "a held subject opens nothing");
    step
}

#[test]
fn every_combination_of_desks_answers_losses_and_orders_ends_as_the_plain_rule_says() {
    let (mut cases, mut ends) = (0, BTreeMap::new());
    for count in [2, 3] {
        for roles in choices(&ROLES, count) {
            for parts in choices(&PARTS, count) {
                for order in orders(count) {
                    *ends.entry(one_case(&roles, &parts, &order)).or_insert(0) += 1;
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} cases: {ends:?}");
    assert_eq!(cases, 4 * 25 * 2 + 8 * 125 * 6);
    assert_eq!(ends.len(), 2, "both ends are reached: {ends:?}");
}

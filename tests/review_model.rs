//! Random sessions of several desks beside a plain model, with restarts: no leak of a sealed verdict, no release without
//! the conditions, no hold lifted by another agency, no opening without everybody there.
//!
//! Each session is played three times: as it is, with one desk saying something else, and with that desk silent. Until
//! the verdicts are opened, everything that any other desk sees or is answered must be the same in all three.
//! `PORTSIDE_SESSIONS` sets how many are played, `PORTSIDE_SEED` plays a run again.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;
mod review_site;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fastrand::Rng;
use portside::lane::{
    Act, Category, DeskRole, Disposition, Event, Found, ImageRef, Note, Refusal, Region, Shape, Verdict,
};
use review_site::{Bench, settings};

const LANE: [&str; 4] = ["customs", "ciq", "border", "security"];
const DESKS: [&str; 3] = ["customs", "ciq", "security"];
/// Nobody else writes this, or marks that.
const NOTE: &str = "between us alone";
const PLACE: u32 = 7_654_321;

type Name = &'static str;

/// What is true of one subject, by the rules alone.
#[derive(Default)]
struct Plain {
    desks: BTreeMap<Name, DeskRole>,
    said: BTreeMap<Name, Verdict>,
    images: u32,
    open: bool,
    holds: BTreeSet<Name>,
    examination: Option<Examination>,
    pending: BTreeMap<Name, (Name, Category)>,
    accepted: BTreeMap<(Name, Name), Category>,
    disposed: BTreeSet<(Name, Disposition)>,
}

#[derive(Default)]
struct Examination {
    opened: bool,
    with: BTreeSet<Name>,
    here: BTreeSet<Name>,
    found: BTreeMap<Name, Found>,
    closed: BTreeSet<Name>,
}

impl Examination {
    fn ended(&self) -> bool {
        self.opened && self.here == self.closed
    }
}

/// What somebody does, in the model's words; `image`: of how many images the verdict speaks.
#[derive(Clone, Debug)]
enum Deed {
    Judge { verdict: Verdict, image: Option<u32> },
    Hold { reason: bool },
    Lift { reason: bool },
    Begin { with: Vec<Name> },
    Arrive,
    Open,
    Find(Found),
    Close,
    Dispose { what: Disposition, instead_of: Option<Disposition> },
    HandOver { to: Name },
    Accept { from: Name },
}

impl Plain {
    fn released(&self) -> bool {
        self.open && self.holds.is_empty()
    }

    fn required(&self) -> Vec<Name> {
        self.desks.iter().filter(|(_, role)| **role == DeskRole::Required).map(|(desk, _)| *desk).collect()
    }

    fn open_when_complete(&mut self) {
        let required = self.required();
        if !required.is_empty() && required.iter().all(|desk| self.said.contains_key(desk)) {
            self.conclude();
        }
    }

    fn conclude(&mut self) {
        if std::mem::replace(&mut self.open, true) {
            return;
        }
        let required = self.required();
        for desk in self.desks.keys() {
            let said = self.said.get(desk);
            let needed = required.contains(desk) && said != Some(&Verdict::Clear);
            if required.is_empty() || needed || said == Some(&Verdict::Alarm) {
                self.holds.insert(desk);
            }
        }
    }

    fn finding(&self, agency: Name) -> Option<Found> {
        let own = self.examination.as_ref().and_then(|examination| examination.found.get(agency).copied());
        let accepted = self.accepted.iter().find(|((_, to), _)| *to == agency).map(|(_, found)| Found::Item(*found));
        match own {
            Some(Found::Item(_)) => own,
            Some(Found::Nothing) | None => accepted.or(own),
        }
    }

    /// Whether the rules allow it; it is done then.
    fn allows(&mut self, agency: Name, deed: &Deed) -> bool {
        if !LANE.contains(&agency) {
            return false;
        }
        match deed {
            Deed::Judge { verdict, image } => {
                let may = self.desks.contains_key(agency) && !self.said.contains_key(agency) && !self.open;
                let may = may && image.is_none_or(|image| image == self.images && image > 0);
                if may {
                    self.said.insert(agency, *verdict);
                    self.open_when_complete();
                }
                may
            }
            Deed::Hold { reason } => *reason && self.holds.insert(agency),
            Deed::Lift { reason } => *reason && self.lift(agency),
            held => self.open && self.allows_when_held(agency, held),
        }
    }

    fn lift(&mut self, agency: Name) -> bool {
        if let Some(examination) = &mut self.examination {
            let part = examination.opened && examination.here.contains(agency) && !examination.closed.contains(agency);
            if part || self.pending.contains_key(agency) {
                return false;
            }
            if self.holds.contains(agency) && !examination.opened {
                examination.here.remove(agency);
            }
        }
        self.holds.remove(agency)
    }

    fn allows_when_held(&mut self, agency: Name, deed: &Deed) -> bool {
        let finding = self.finding(agency);
        match deed {
            Deed::Begin { with } => {
                let opened = self.examination.as_ref().is_some_and(|examination| examination.opened);
                let doubts = self.said.get(agency).is_some_and(|verdict| *verdict != Verdict::Clear);
                let ground = self.holds.contains(agency) || doubts;
                let may = !opened && ground && with.iter().all(|agency| LANE.contains(agency));
                if may {
                    self.examination.get_or_insert_default().with = with.iter().copied().collect();
                }
                may
            }
            Deed::Dispose { what, instead_of } => {
                let own = |disposition: Disposition| self.disposed.contains(&(agency, disposition));
                let may = finding.is_some() && instead_of.is_none_or(own) && !own(*what);
                if may {
                    self.disposed.retain(|(by, wrong)| *by != agency || Some(*wrong) != *instead_of);
                    self.disposed.insert((agency, *what));
                }
                may
            }
            Deed::HandOver { to } => {
                let Some(Found::Item(found)) = finding else { return false };
                let may = LANE.contains(to) && *to != agency && !self.accepted.contains_key(&(agency, *to));
                if may {
                    self.pending.insert(agency, (*to, found));
                    self.holds.insert(agency);
                }
                may
            }
            Deed::Accept { from } => {
                let Some((_, found)) = self.pending.get(from).copied().filter(|(to, _)| *to == agency) else {
                    return false;
                };
                self.pending.remove(from);
                self.accepted.insert((*from, agency), found);
                self.holds.insert(agency);
                true
            }
            there => self.allows_there(agency, there),
        }
    }

    fn allows_there(&mut self, agency: Name, deed: &Deed) -> bool {
        let Some(examination) = &mut self.examination else { return false };
        let called: BTreeSet<Name> = self.holds.union(&examination.with).copied().collect();
        let here = examination.here.contains(agency);
        match deed {
            Deed::Arrive => {
                let may = !examination.ended() && called.contains(agency) && !here;
                if may {
                    examination.here.insert(agency);
                    self.holds.insert(agency);
                }
                may
            }
            Deed::Open => {
                let may = !examination.opened && here && called.is_subset(&examination.here);
                examination.opened |= may;
                may
            }
            Deed::Find(found) => {
                let may = examination.opened && here;
                if may {
                    examination.found.insert(agency, *found);
                    if *found == Found::Nothing {
                        self.pending.remove(agency);
                    }
                }
                may
            }
            Deed::Close => {
                examination.opened && examination.found.contains_key(agency) && examination.closed.insert(agency)
            }
            _ => unreachable!("done before"),
        }
    }
}

/// The same session as one lane sees it.
struct Play {
    bench: Bench,
    /// Opened, or of no further use for comparing.
    over: bool,
}

/// How the desk that is watched differs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Variant {
    AsItIs,
    Otherwise,
    Silent,
}

fn region(x: u32) -> Region {
    Region { view: 0, shape: Shape::Box { x, y: 1, width: 9, height: 9 }, category: Category::Blade }
}

fn as_act(deed: &Deed, inspection: Arc<str>, image: Option<ImageRef>, watched: bool, variant: Variant) -> Act {
    let reason = |given: bool| Arc::from(if given { "because" } else { " " });
    match deed.clone() {
        Deed::Judge { verdict, image: asked } => {
            let image = asked.map(|revision| {
                let newest = image.filter(|newest| newest.revision == revision);
                newest.unwrap_or_else(|| ImageRef { id: "another".into(), revision })
            });
            let (verdict, regions, note) = match variant {
                _ if !watched => (verdict, Vec::new(), None),
                Variant::AsItIs | Variant::Silent => (verdict, vec![region(PLACE)], Some(NOTE.into())),
                Variant::Otherwise => {
                    let other = if verdict == Verdict::Clear { Verdict::Alarm } else { Verdict::Clear };
                    (other, Vec::new(), None)
                }
            };
            Act::Judge { inspection, verdict, image, regions, note }
        }
        Deed::Hold { reason: given } => Act::PlaceHold { inspection, reason: reason(given) },
        Deed::Lift { reason: given } => Act::LiftHold { inspection, reason: reason(given) },
        Deed::Begin { with } => {
            let with = with.into_iter().map(Arc::from).collect();
            Act::ExaminationBegin { inspection, with, note: Some(NOTE.into()) }
        }
        Deed::Arrive => Act::ExaminationArrive { inspection },
        Deed::Open => Act::ExaminationOpen { inspection },
        Deed::Find(found) => Act::ExaminationFinding { inspection, found, note: Some(NOTE.into()) },
        Deed::Close => Act::ExaminationClose { inspection },
        Deed::Dispose { what, instead_of } => {
            Act::Disposition { inspection, disposition: what, instead_of, note: Some(NOTE.into()) }
        }
        Deed::HandOver { to } => Act::HandOver { inspection, to: to.into(), note: Some(NOTE.into()) },
        Deed::Accept { from } => Act::Accept { inspection, from: from.into() },
    }
}

fn pick<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

fn random_deed(rng: &mut Rng, plain: &Plain) -> Deed {
    let items = [Found::Nothing, Found::Item(Category::Drugs), Found::Item(Category::AnimalOrPlant)];
    let everyone = [&LANE[..], &["pirates"]].concat();
    let reason = rng.u8(..10) > 0;
    if !plain.open {
        return match rng.u8(..12) {
            0..9 => {
                let verdict = pick(rng, &[Verdict::Clear, Verdict::Clear, Verdict::Alarm, Verdict::Unknown]);
                let seen = if rng.u8(..8) == 0 { plain.images + 1 } else { plain.images };
                let image = Some(seen).filter(|seen| *seen > 0 && rng.bool());
                Deed::Judge { verdict, image }
            }
            9 => Deed::Hold { reason },
            10 => Deed::Lift { reason },
            _ => Deed::Begin { with: vec![pick(rng, &everyone)] },
        };
    }
    match rng.u8(..24) {
        0 => Deed::Judge { verdict: Verdict::Clear, image: None },
        1 => Deed::Hold { reason },
        2..5 => Deed::Lift { reason },
        5..8 => Deed::Begin { with: if rng.u8(..3) == 0 { vec![pick(rng, &everyone)] } else { Vec::new() } },
        8..12 => Deed::Arrive,
        12..14 => Deed::Open,
        14..17 => Deed::Find(pick(rng, &items)),
        17..19 => Deed::Close,
        19..21 => {
            let instead_of = if rng.u8(..4) == 0 { Some(pick(rng, &Disposition::ALL)) } else { None };
            Deed::Dispose { what: pick(rng, &Disposition::ALL), instead_of }
        }
        21 => Deed::HandOver { to: pick(rng, &everyone) },
        _ => Deed::Accept { from: pick(rng, &LANE) },
    }
}

/// What brings an examination on, so that the sessions get far: chance alone seldom does.
fn next_deed(rng: &mut Rng, plain: &Plain) -> Option<(Name, Deed)> {
    let any = |rng: &mut Rng, names: Vec<Name>| (!names.is_empty()).then(|| pick(rng, &names));
    let holders: Vec<Name> = plain.holds.iter().copied().collect();
    if let Some((_, (to, _))) = plain.pending.iter().next().filter(|_| rng.bool()) {
        let from = *plain.pending.keys().next()?;
        return Some((to, Deed::Accept { from }));
    }
    let Some(examination) = &plain.examination else {
        return Some((any(rng, holders)?, Deed::Begin { with: Vec::new() }));
    };
    let called = plain.holds.union(&examination.with).copied();
    let missing: Vec<Name> = called.filter(|agency| !examination.here.contains(agency)).collect();
    let here: Vec<Name> = examination.here.iter().copied().collect();
    let silent = here.iter().copied().filter(|agency| !examination.found.contains_key(agency)).collect();
    let finders: Vec<Name> = here.iter().copied().filter(|agency| plain.finding(agency).is_some()).collect();
    if !examination.opened {
        return Some(match any(rng, missing) {
            Some(agency) => (agency, Deed::Arrive),
            None => (any(rng, here)?, Deed::Open),
        });
    }
    match rng.u8(..4) {
        0 => Some((any(rng, silent)?, Deed::Find(Found::Item(pick(rng, &Category::ALL))))),
        1 => Some((any(rng, finders)?, Deed::HandOver { to: pick(rng, &LANE) })),
        2 => Some((any(rng, finders)?, Deed::Close)),
        _ => Some((any(rng, holders)?, Deed::Lift { reason: true })),
    }
}

#[derive(Debug, Default)]
struct Reached {
    acts: usize,
    refused: usize,
    restarts: usize,
    compared: usize,
    opened: usize,
    released: usize,
    examined: usize,
    handed_over: usize,
    shared: usize,
}

/// Everything that a record shows to whoever has no key.
fn outside(note: &Note) -> (&'static str, &Arc<str>, &serde_json::Value, Option<usize>) {
    (note.kind, &note.subject, &note.data, note.secret.as_ref().map(portside::lane::Secret::room))
}

fn compare(plays: &[Play; 3], watched: Name, reached: &mut Reached, context: &dyn Fn() -> String) {
    let [as_it_is, otherwise, silent] = plays;
    for agency in LANE.into_iter().filter(|agency| *agency != watched) {
        let sight = as_it_is.bench.lane.view_for(agency);
        assert_eq!(sight, otherwise.bench.lane.view_for(agency), "{agency} learns what {watched} says: {}", context());
        assert_eq!(sight, silent.bench.lane.view_for(agency), "{agency} learns that {watched} spoke: {}", context());
        reached.compared += 2;
    }
    let (shown, twin) = (&as_it_is.bench.notes, &otherwise.bench.notes);
    let same = shown.len() == twin.len() && shown.iter().map(outside).eq(twin.iter().map(outside));
    assert!(same, "a record tells what {watched} says: {}", context());
}

/// What the record of a desk's mark may be read in, and by whom, once everything is open.
fn nothing_is_said_before_its_time(bench: &Bench, watched: Name, context: &dyn Fn() -> String) -> bool {
    let place = PLACE.to_string();
    let begun = bench.notes_of("inspection.examination.begun").count() > 0;
    for note in &bench.notes {
        let text = note.data.to_string();
        assert!(!text.contains(NOTE), "{} shows a note: {}", note.kind, context());
        let shares = note.kind == "inspection.examination.begun";
        assert!(shares || !text.contains(&place), "{} shows a region: {}", note.kind, context());
    }
    for agency in LANE.into_iter().filter(|agency| *agency != watched) {
        let text = serde_json::to_string(&bench.lane.view_for(agency)).unwrap();
        assert!(!text.contains(NOTE), "{agency} sees a note: {}", context());
        assert!(begun || !text.contains(&place), "{agency} sees a region: {}", context());
    }
    begun
}

fn session(seed: u64, reached: &mut Reached) {
    let mut rng = Rng::with_seed(seed);
    let count = rng.usize(2..=3);
    let role = |rng: &mut Rng| if rng.u8(..4) == 0 { DeskRole::Advisory } else { DeskRole::Required };
    let desks: Vec<(Name, DeskRole)> = DESKS[..count].iter().map(|desk| (*desk, role(&mut rng))).collect();
    let settings = settings(&desks);
    let watched = desks[rng.usize(..count)].0;
    let mut plain = Plain { desks: desks.into_iter().collect(), ..Plain::default() };
    let mut plays = [(); 3].map(|()| Play { bench: Bench::reviewing(&settings), over: false });
    let variants = [Variant::AsItIs, Variant::Otherwise, Variant::Silent];
    let everyone = [&LANE[..], &["pirates"]].concat();
    let mut log: Vec<String> = Vec::new();
    for _ in 0..50 {
        let mut answers: Vec<Option<Result<Arc<str>, Refusal>>> = vec![None; 3];
        let (mut agency, mut allowed) = ("", None);
        let before = plays[0].bench.notes.len();
        match rng.u8(..40) {
            0 => {
                log.push("time is up".into());
                plays.iter_mut().filter(|play| !play.over).for_each(|play| play.bench.time_up());
                plain.conclude();
            }
            1 | 2 => {
                log.push("restart".into());
                plays.iter_mut().filter(|play| !play.over).for_each(|play| play.bench.restart(&[]));
                reached.restarts += 1;
            }
            3 | 4 => {
                log.push("picture".into());
                plain.images += 1;
                let picture = lane_site::picture(&format!("image {}", plain.images));
                plays.iter_mut().filter(|play| !play.over).for_each(|play| {
                    play.bench.send(Event::Picture(picture.clone()));
                });
            }
            _ => {
                let onward = if plain.open && rng.u8(..3) > 0 { next_deed(&mut rng, &plain) } else { None };
                let deed;
                (agency, deed) = match onward {
                    Some(onward) => onward,
                    None => (pick(&mut rng, &everyone), random_deed(&mut rng, &plain)),
                };
                log.push(format!("{agency}: {deed:?}"));
                for ((play, variant), answer) in plays.iter_mut().zip(variants).zip(&mut answers) {
                    let mine = agency == watched && matches!(deed, Deed::Judge { .. });
                    if play.over || (mine && variant == Variant::Silent) {
                        continue;
                    }
                    let act = as_act(&deed, play.bench.id(), play.bench.image(), mine, variant);
                    *answer = Some(play.bench.act(agency, act));
                }
                allowed = Some(plain.allows(agency, &deed));
                reached.acts += 1;
            }
        }
        let context = || format!("seed {seed}, watched {watched}, {:?}\n{}", plain.desks, log.join("\n"));
        let bench = &plays[0].bench;
        if let (Some(allowed), Some(answer)) = (allowed, &answers[0]) {
            assert_eq!(answer.is_ok(), allowed, "{answer:?}: {}", context());
            reached.refused += usize::from(answer.is_err());
        }
        let step = if plain.released() {
            "released"
        } else if plain.open {
            "held"
        } else {
            "reviewing"
        };
        assert_eq!(bench.step(), step, "{}", context());
        let holds: Vec<String> = plain.holds.iter().map(|agency| (*agency).to_owned()).collect();
        assert_eq!(bench.holders(), holds, "{}", context());
        assert_eq!(bench.notes_of("inspection.released").count(), usize::from(plain.released()), "{}", context());
        for lifted in bench.notes[before..].iter().filter(|note| note.kind == "inspection.hold_lifted") {
            assert_eq!(lifted.data["agency"], agency, "another agency's hold was lifted: {}", context());
        }
        if !plain.open {
            compare(&plays, watched, reached, &context);
            for (play, answer) in plays.iter().zip(&answers).skip(1) {
                let same = play.over || answer.is_none() || agency == watched || *answer == answers[0];
                assert!(same, "{agency} is answered otherwise: {answer:?}, {:?}: {}", answers[0], context());
            }
        } else if !plays[1].over {
            plays[1].over = true;
            plays[2].over = true;
            reached.opened += 1;
        }
        if plain.released() {
            reached.released += 1;
            break;
        }
    }
    let context = || format!("seed {seed}, watched {watched}\n{}", log.join("\n"));
    reached.shared += usize::from(nothing_is_said_before_its_time(&plays[0].bench, watched, &context));
    reached.examined += plays[0].bench.notes_of("inspection.examination.opened").count();
    reached.handed_over += plays[0].bench.notes_of("inspection.case.accepted").count();
}

#[test]
fn random_sessions_go_as_the_plain_model_says_and_tell_no_desk_of_another() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("PORTSIDE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let sessions = number("PORTSIDE_SESSIONS").unwrap_or(10_000);
    println!("seed {seed}: play it again with PORTSIDE_SEED={seed}");
    let mut reached = Reached::default();
    (0..sessions).for_each(|number| session(seed.wrapping_add(number), &mut reached));
    println!("{sessions} sessions: {reached:?}");
    let all =
        [reached.refused, reached.restarts, reached.opened, reached.released, reached.examined, reached.handed_over];
    assert!(
        sessions < 1_000 || all.iter().all(|count| *count > 50),
        "the sessions reach what they are about: {reached:?}"
    );
}

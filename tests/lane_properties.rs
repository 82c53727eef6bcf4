//! The rules of the arm as invariants: random events, every combination of inputs, mutants, vehicles.
//!
//! Machine, interlock and judge are three opinions on each order. `PORTSIDE_ENDURANCE=1` plays 10^7 events a barrier instead of
//! 10^5; a failing run prints its seed, and `PORTSIDE_SEED` plays it again.

// A test stops at the first surprise, and looks for the one thing it is about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm)]

mod lane_site;

use std::time::Duration;

use fastrand::Rng;
use lane_site::judge::Judge;
use lane_site::{APPROACH, Drive, Site, picture, settings};
use portside::lane::{
    Act, ArmContact, Contact, Effect, Event, Interlock, Note, Officer, Order, OrderOutcome, Place, Presence, Sensor,
    Settings, Topic, Verdict,
};
use portside_devices::kind::Closes;
use portside_devices::moment::Moment;
use sha2::{Digest, Sha256};

const KINDS: [Closes; 3] = [Closes::Held, Closes::Pulse, Closes::Own];

fn events() -> usize {
    if std::env::var_os("PORTSIDE_ENDURANCE").is_some() { 10_000_000 } else { 100_000 }
}

fn seed() -> u64 {
    let given = std::env::var("PORTSIDE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}: play it again with PORTSIDE_SEED={seed}");
    seed
}

fn pick<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())].clone()
}

fn random_act(rng: &mut Rng, site: &Site) -> Act {
    let inspection = site.view().inspection.map_or_else(|| "none".into(), |inspection| inspection.id);
    let inspection = if rng.u8(..20) == 0 { "other".into() } else { inspection };
    let reason = if rng.u8(..10) == 0 { "" } else { "because" }.into();
    match rng.u8(..17) {
        0..3 => Act::Identify { inspection: None, identity: "粤B12345".into() },
        3..8 => Act::judge(inspection, pick(rng, &[Verdict::Clear, Verdict::Clear, Verdict::Alarm, Verdict::Unknown])),
        8 => Act::PlaceHold { inspection, reason },
        9..11 => Act::LiftHold { inspection, reason },
        11 => Act::Open { reason },
        12 => Act::Stop,
        13..15 => Act::Resume,
        15 => Act::ConfirmClear,
        _ => Act::ConfirmSubject,
    }
}

fn random_event(rng: &mut Rng, site: &mut Site, sensors: usize) {
    match rng.u8(..100) {
        0..30 => {
            let presence = pick(rng, &[Presence::Clear, Presence::Clear, Presence::Present, Presence::Unknown]);
            let presence = if presence == Presence::Unknown && rng.u8(..8) > 0 { Presence::Clear } else { presence };
            let sensor = rng.usize(..sensors);
            site.says[sensor] = presence;
            site.send(Event::Sensor { sensor, presence });
        }
        30..40 => {
            site.limits =
                pick(rng, &[None, None, None, Some((Contact::On, Contact::On)), Some((Contact::Off, Contact::Off))])
        }
        40..44 => {
            let slot = rng.usize(..4);
            let usual = [Contact::On, Contact::Off, Contact::Off, Contact::Off][slot];
            site.contacts[slot].1 =
                if rng.u8(..4) == 0 { pick(rng, &[Contact::On, Contact::Off, Contact::Unknown]) } else { usual };
        }
        44..46 => {
            let sensor = rng.usize(..sensors);
            site.silent[sensor] = rng.u8(..4) == 0;
        }
        46 => site.arm_silent = rng.u8(..8) == 0,
        47..70 => {
            let agency = pick(rng, &["customs", "ciq", "security", "border", "pirates"]);
            let name = if rng.u8(..20) == 0 { "" } else { "somebody" };
            let act = random_act(rng, site);
            let _ = site.act_as(Officer { agency: agency.into(), name: name.into() }, act);
        }
        70 => site.send(Event::Picture(picture("random"))),
        71..73 => {
            let order = pick(rng, &[Order::Open, Order::Close { renewal: 0 }, Order::CloseOff, Order::Stop]);
            let outcome = pick(rng, &[OrderOutcome::Written, OrderOutcome::NotWritten, OrderOutcome::Unknown]);
            if order == (Order::Close { renewal: 0 }) && outcome == OrderOutcome::NotWritten {
                site.drive = Drive::Off; // what was not written moves nothing
            }
            site.send(Event::Ordered { order, outcome });
        }
        73 => site.dead = rng.u8(..4) == 0,
        74..97 => site.run(pick(rng, &[50, 100, 300, 1_600])),
        _ => calm_passage(rng, site),
    }
}

/// Long stretches of an undisturbed passage, so that the runs reach closing again and again.
fn calm_passage(rng: &mut Rng, site: &mut Site) {
    site.limits = None;
    site.dead = false;
    site.arm_silent = false;
    site.silent.fill(false);
    site.says.fill(Presence::Clear);
    site.contacts = [
        (ArmContact::Protection, Contact::On),
        (ArmContact::Fault, Contact::Off),
        (ArmContact::EmergencyOpen, Contact::Off),
        (ArmContact::StopPressed, Contact::Off),
    ];
    site.run(rng.u64(100..12_000));
    let _ = site.act("customs", Act::Resume);
    let _ = site.act("customs", Act::ConfirmClear);
    site.run(rng.u64(100..3_000));
    site.set(APPROACH, Presence::Present);
    site.run(100);
    let Some(inspection) = site.view().inspection.map(|inspection| inspection.id) else { return };
    let _ = site.act("customs", Act::Identify { inspection: None, identity: "粤B12345".into() });
    for agency in ["customs", "ciq", "security"] {
        let verdict = if rng.u8(..6) == 0 { Verdict::Alarm } else { Verdict::Clear };
        let _ = site.act(agency, Act::judge(inspection.clone(), verdict));
        let _ = site.act(agency, Act::LiftHold { inspection: inspection.clone(), reason: "examined".into() });
    }
    site.run(rng.u64(2_000..4_000));
    site.drive_through();
    site.run(rng.u64(100..4_000));
}

/// Plays random events; `Site` panics as soon as machine, interlock and judge disagree.
fn play(settings: &Settings, seed: u64, events: usize) -> (Site, usize, usize) {
    let mut rng = Rng::with_seed(seed);
    let mut site = Site::with(settings.clone());
    let (mut closes, mut opens, mut played) = (0, 0, 0);
    while played < events {
        random_event(&mut rng, &mut site, settings.sensors.len());
        let renewal = |effect: &Effect| matches!(effect, Effect::Move(Order::Close { renewal }) if *renewal > 0);
        closes += site.closes();
        opens += site.orders().iter().filter(|order| **order == Order::Open).count();
        assert!(
            site.log.iter().filter(|(_, effect)| renewal(effect)).count() == 0 || settings.arm.closes == Closes::Held
        );
        played = site.events;
        site.log.clear();
    }
    (site, opens, closes)
}

#[test]
fn no_order_of_events_makes_the_machine_break_a_rule_or_disagree_with_the_interlock() {
    let seed = seed();
    for (place, closes) in KINDS.into_iter().enumerate() {
        for can_stop in [true, false] {
            let mut settings = settings(closes);
            settings.arm.can_stop = can_stop;
            settings.sensors.push(Sensor { name: "photocell".into(), place: Place::Under, proves: false });
            let (_, opens, closed) = play(&settings, seed ^ place as u64, events());
            println!("{closes:?} can_stop={can_stop}: {opens} opened, {closed} closed");
            assert!(opens > 10, "the run reaches the orders it is about");
            assert_eq!(closed > 10, closes != Closes::Own, "the run reaches the closes it is about");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_effects() {
    let hash = || {
        let mut rng = Rng::with_seed(42);
        let mut site = Site::started(Closes::Held);
        while site.events < 20_000 {
            random_event(&mut rng, &mut site, 3);
        }
        Sha256::digest(format!("{:?}", site.log))
    };
    assert_eq!(hash(), hash());
}

/// What a broken machine could order at any moment: the interlock must permit no order that the judge forbids.
#[test]
fn a_mutated_machine_is_caught_by_the_interlock() {
    let seed = seed();
    for closes in KINDS {
        let mut rng = Rng::with_seed(seed);
        let settings = settings(closes);
        let mut site = Site::with(settings.clone());
        let (mut asked, mut permitted, mut caught) = (0, 0, 0);
        while site.events < events() {
            random_event(&mut rng, &mut site, settings.sensors.len());
            site.log.clear();
            for _ in 0..4 {
                let renewal = rng.u32(..3);
                let order = pick(&mut rng, &[Order::Open, Order::Close { renewal: 0 }, Order::Close { renewal }]);
                let protective = rng.u8(..4) == 0;
                // On a copy: the run itself goes on as if the mutant had not spoken.
                let mut interlock = site.interlock.clone();
                let permit = interlock.permit(site.now, order, protective);
                let right = site.judge.judge(site.now, order, protective);
                asked += 1;
                permitted += usize::from(permit.is_ok());
                caught += usize::from(permit.is_err());
                if permit.is_ok() {
                    assert_eq!(right, Ok(()), "{closes:?}: the interlock permitted {order:?} at {:?}", site.now);
                }
            }
        }
        println!("{closes:?}: {asked} planted orders, {permitted} rightly permitted, {caught} refused");
        assert!(caught > 100 && (permitted > 0 || closes == Closes::Own));
    }
}

/// All values of all sensors × where the arm is × protection × time clear × a stop: closing is right in one case.
#[test]
fn a_close_is_permitted_in_the_one_right_case_of_all() {
    use Presence::{Clear, Present, Unknown};
    let limits = [Contact::On, Contact::Off, Contact::Unknown];
    let (mut cases, mut permitted) = (0, 0);
    for count in 1..=4_u32 {
        let mut settings = settings(Closes::Held);
        let sensor = |n: u32| Sensor {
            name: format!("s{n}").into(),
            place: if n.is_multiple_of(2) { Place::Under } else { Place::Beyond },
            proves: true,
        };
        settings.sensors = (0..count).map(sensor).collect();
        for code in 0..3_usize.pow(count) {
            let values: Vec<_> = (0..count).map(|n| [Clear, Present, Unknown][code / 3_usize.pow(n) % 3]).collect();
            for (opened, closed) in limits.iter().flat_map(|opened| limits.iter().map(move |closed| (*opened, *closed)))
            {
                for protection in limits {
                    for confirmed in [true, false] {
                        for wait in [1_400, 1_500] {
                            cases += 1;
                            let permit = one_case(&settings, &values, (opened, closed), protection, confirmed, wait);
                            let right = values.iter().all(|value| *value == Clear)
                                && (opened, closed, protection) == (Contact::On, Contact::Off, Contact::On)
                                && confirmed
                                && wait == 1_500;
                            assert_eq!(
                                permit, right,
                                "{values:?} {opened:?} {closed:?} {protection:?} {confirmed} {wait}"
                            );
                            permitted += usize::from(permit);
                        }
                    }
                }
            }
        }
    }
    println!("{cases} cases, {permitted} permitted");
    assert_eq!(permitted, 4, "one right case for each number of sensors");
}

/// Interlock and judge see everything clear, a person's confirmation, then the values of the case.
fn one_case(
    settings: &Settings,
    values: &[Presence],
    limits: (Contact, Contact),
    protection: Contact,
    confirmed: bool,
    wait: u64,
) -> bool {
    let mut interlock = Interlock::new(settings);
    let mut judge = Judge::new(settings);
    let record = Effect::Record(Note {
        topic: Topic::Device,
        kind: "arm.confirmed_clear",
        subject: "arm".into(),
        data: serde_json::Value::Null,
        secret: None,
    });
    let mut both = |now: Moment, event: Event| {
        let confirms = matches!(event, Event::Officer { .. });
        interlock.observe(now, &event);
        judge.observe(now, &event);
        if confirms {
            interlock.observe_effect(&record);
            judge.carried_out(&record);
        }
    };
    let contacts = |limits: (Contact, Contact), protection| {
        [
            (ArmContact::Opened, limits.0),
            (ArmContact::Closed, limits.1),
            (ArmContact::Protection, protection),
            (ArmContact::Fault, Contact::Off),
            (ArmContact::StopPressed, Contact::Off),
        ]
    };
    for millis in (0..=wait).step_by(100) {
        let now = Moment::from_millis(1_000 + millis);
        for sensor in 0..values.len() {
            both(now, Event::Sensor { sensor, presence: Presence::Clear });
        }
        for (contact, state) in contacts((Contact::On, Contact::Off), Contact::On) {
            both(now, Event::Arm { contact, state });
        }
        if millis == 0 && confirmed {
            let officer = Officer { agency: "customs".into(), name: "somebody".into() };
            both(now, Event::Officer { officer, act: Act::ConfirmClear, ticket: 1 });
        }
    }
    let now = Moment::from_millis(1_000 + wait);
    for (sensor, presence) in values.iter().enumerate() {
        both(now, Event::Sensor { sensor, presence: *presence });
    }
    for (contact, state) in contacts(limits, protection) {
        both(now, Event::Arm { contact, state });
    }
    let close = Order::Close { renewal: 0 };
    let right = judge.permit(now, close, false).is_ok();
    let permit = interlock.permit(now, close, false).is_ok();
    assert_eq!(permit, right, "interlock and judge agree");
    permit
}

/// The machine itself, from a departed subject on, in every combination of inputs: it asks to close in one.
#[test]
fn the_machine_closes_in_the_one_right_case_of_all() {
    use Presence::{Clear, Present, Unknown};
    let mut closed = 0;
    for code in 0..27_usize {
        for limits in [(true, false), (false, false), (true, true), (false, true)] {
            for protection in [Contact::On, Contact::Off, Contact::Unknown] {
                let mut site = Site::started(Closes::Pulse);
                site.release();
                site.drive_through();
                site.run(1_000);
                assert_eq!(site.closes(), 0);
                site.says = [code % 3, code / 3 % 3, code / 9].map(|value| [Clear, Present, Unknown][value]).to_vec();
                site.limits = Some((lane_site::on(limits.0), lane_site::on(limits.1)));
                site.contacts[0].1 = protection;
                site.run(3_000);
                // The approach does not guard the arm: whatever it says, the arm may close.
                let right = site.says[1..] == [Clear, Clear] && limits == (true, false) && protection == Contact::On;
                assert_eq!(site.closes() == 1, right, "{:?} {limits:?} {protection:?}", site.says);
                closed += site.closes();
            }
        }
    }
    assert_eq!(closed, 3, "one case, for each value of the approach");
}

/// A vehicle as the sensors see it: metres along the lane, the arm at 0.
#[derive(Clone, Copy, Debug)]
struct Vehicle {
    front: f64,
    length: f64,
    speed: f64,
    bold: bool,
}

impl Vehicle {
    fn covers(&self, from: f64, to: f64) -> bool {
        self.front > from && self.front - self.length < to
    }
}

/// Vehicles that queue, stop, tailgate and dash: the arm never goes down while one stands where it would be struck.
#[test]
fn the_arm_never_comes_down_on_a_vehicle() {
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    for closes in [Closes::Held, Closes::Pulse] {
        let mut site = Site::started(closes);
        let mut queue: Vec<Vehicle> = Vec::new();
        let (mut under_for, mut passed) = (0, 0);
        let steps = if std::env::var_os("PORTSIDE_ENDURANCE").is_some() { 3_000_000 } else { 120_000 };
        for step in 0..steps {
            if step % 2_000 == 0 || (step % 300 == 0 && rng.u8(..5) == 0) {
                let front = queue.last().map_or(-14.0, |last: &Vehicle| (last.front - last.length - 1.5).min(-14.0));
                queue.push(Vehicle { front, length: 4.0 + 10.0 * rng.f64(), speed: 0.0, bold: rng.u8(..6) == 0 });
            }
            drive(&mut rng, &mut queue, site.height);
            let before = queue.len();
            queue.retain(|vehicle| vehicle.front - vehicle.length < 8.0);
            passed += before - queue.len();
            site.says = [(-12.0, -1.5), (-1.0, 1.5), (1.0, 6.0)]
                .map(|(from, to)| {
                    let covered = queue.iter().any(|vehicle| vehicle.covers(from, to));
                    if covered { Presence::Present } else { Presence::Clear }
                })
                .to_vec();
            let was = site.height;
            site.run(10);
            let struck = queue.iter().any(|vehicle| vehicle.covers(-0.5, 0.5));
            under_for = if struck { under_for + 10 } else { 0 };
            // One poll of 50 ms, and the order's own way.
            assert!(
                under_for <= 100 || site.height >= was,
                "{closes:?}, seed {seed}, step {step}: {queue:?}\n{}",
                site.tail()
            );
            officers(&mut site, step);
            if step % 100 == 0 {
                site.log.clear();
            }
        }
        println!("{closes:?}: {passed} vehicles passed");
        assert!(passed > 10);
    }
}

fn drive(rng: &mut Rng, queue: &mut [Vehicle], height: f64) {
    let mut ahead = f64::MAX;
    for vehicle in queue {
        let room = ahead - vehicle.front - 1.0;
        let stop_line = vehicle.front < -1.2 && vehicle.front > -2.0 && height < 0.95 && !vehicle.bold;
        let halted = rng.u16(..2_000) == 0;
        vehicle.speed = if room < 0.2 || stop_line || halted { 0.0 } else { (vehicle.speed + 0.02).min(3.0) };
        vehicle.front += vehicle.speed * 0.010;
        ahead = vehicle.front - vehicle.length;
    }
}

fn officers(site: &mut Site, step: u32) {
    if !step.is_multiple_of(50) {
        return;
    }
    let view = site.view();
    if let Some(inspection) = &view.inspection {
        let id = inspection.id.clone();
        match view.step {
            "unidentified" => drop(site.act("customs", Act::Identify { inspection: None, identity: "粤B1".into() })),
            "reviewing" => {
                for agency in ["customs", "ciq"] {
                    let _ = site.act(agency, Act::judge(id.clone(), Verdict::Clear));
                }
            }
            _ => {}
        }
    }
    for todo in &view.next {
        match todo.code {
            "resume" => drop(site.act("customs", Act::Resume)),
            "confirm_clear" => drop(site.act("customs", Act::ConfirmClear)),
            "confirm_subject" => drop(site.act("customs", Act::ConfirmSubject)),
            _ => {}
        }
    }
    if matches!(view.arm.seen, "between" | "closed")
        && view.next.iter().all(|todo| todo.code != "resume")
        && step.is_multiple_of(1_000)
    {
        let _ = site.act("customs", Act::Open { reason: "clear the lane".into() });
    }
}

/// How much faster than real time a lane is simulated; the figure is printed, not asserted.
#[test]
fn a_simulated_passage_is_faster_than_real_time() {
    let passages: u32 = if std::env::var_os("PORTSIDE_ENDURANCE").is_some() { 20_000 } else { 20 };
    let clock = portside::clock::Clock::start();
    let mut lane = portside::lane::Lane::new(settings(Closes::Held), lane_site::ids("i"));
    let mut now = Moment::START;
    let (mut events, mut effects) = (0_u64, 0_u64);
    for _ in 0..passages {
        let script = [
            (0, [1, 0, 0], true),
            (80, [1, 1, 0], true),
            (100, [0, 1, 1], true),
            (110, [0, 0, 1], true),
            (120, [0, 0, 0], true),
        ];
        for poll in 0..300_u64 {
            now = now + Duration::from_millis(100);
            let (.., values, _) = script.iter().rev().find(|(from, ..)| *from <= poll).unwrap();
            let mut send = |event| {
                events += 1;
                effects += lane.handle(now, event).len() as u64;
            };
            for (sensor, value) in values.iter().enumerate() {
                let presence = if *value == 1 { Presence::Present } else { Presence::Clear };
                send(Event::Sensor { sensor, presence });
            }
            let open = (60..170).contains(&poll);
            let closed = !(40..190).contains(&poll);
            for (contact, state) in [
                (ArmContact::Opened, lane_site::on(open)),
                (ArmContact::Closed, lane_site::on(closed)),
                (ArmContact::Protection, Contact::On),
                (ArmContact::Fault, Contact::Off),
                (ArmContact::StopPressed, Contact::Off),
            ] {
                send(Event::Arm { contact, state });
            }
            if poll == 30 {
                let id = lane.view().inspection.unwrap().id;
                let mut act = |agency: &str, act| {
                    let officer = Officer { agency: agency.into(), name: "somebody".into() };
                    effects += lane.handle(now, Event::Officer { officer, act, ticket: 1 }).len() as u64;
                };
                act("customs", Act::Identify { inspection: None, identity: "粤B12345".into() });
                act("customs", Act::judge(id.clone(), Verdict::Clear));
                act("ciq", Act::judge(id, Verdict::Clear));
            }
        }
    }
    let real = clock.moment().since(Moment::START).as_secs_f64();
    let simulated = now.since(Moment::START).as_secs_f64();
    println!(
        "{passages} passages, {events} events, {effects} effects in {real:.3} s: {:.0} passages/s, {:.0} x real time",
        f64::from(passages) / real,
        simulated / real
    );
    assert!(effects >= u64::from(passages) * 15);
}

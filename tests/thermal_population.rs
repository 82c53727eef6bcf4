//! Many people of known temperature before a simulated imager: how many fevers are found and how many people are
//! alarmed for nothing, with the conditions of a valid reading and without them. A seed makes the people; the table is
//! printed (`cargo test --test thermal_population -- --nocapture`) and stands in docs/thermal.md.
//!
//! What disturbs is of two kinds. The conditions can see that somebody is too far away, not alone, half in the picture or
//! behind a hot cup, that the room is cold and that the camera is off. They cannot see glasses before the eyes, nor that
//! everybody's skin is colder since the frost began: the second half of the people. Against that helps only a limit that
//! follows the people.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "pixels and people, a few thousand")]

use std::time::Duration;

use fastrand::Rng;
use portside::thermal::Thermogram;
use portside::thermal::blackbody::{Source, Watch};
use portside::thermal::condition::{Rules, Surroundings, read};
use portside::thermal::face::{self, Window};
use portside::thermal::population::{self, Population};
use portside_devices::moment::Moment;

const SEED: u64 = 20_261_122;
const PEOPLE: usize = 1_200;
/// Far more fevers than at a border, so that there are enough to count.
const FEVERS: f64 = 0.08;
/// At a border.
const RARE: f64 = 0.001;
const WIDTH: usize = 96;
const HEIGHT: usize = 72;
/// Skin at the corner of the eye is some 0.4 K colder than the body, of one more, of the other less; a fever begins at
/// 38 °C. These and what follows are assumptions of the simulation, not measurements.
const SKIN_BELOW_BODY: (f64, f64) = (0.4, 0.2);
const ELEVATED: f64 = 37.2;
const SET_POINT: f64 = 35.0;

struct Person {
    fever: bool,
    picture: Thermogram,
    around: Surroundings,
}

fn normal(rng: &mut Rng, mean: f64, sigma: f64) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    mean + sigma * radius * (std::f64::consts::TAU * rng.f64()).cos()
}

fn person(rng: &mut Rng, number: usize) -> Person {
    let fever = rng.f64() < FEVERS;
    let body = if fever { 38.0 + 1.8 * rng.f64() } else { normal(rng, 36.7, 0.3) };
    let mut eye = body - normal(rng, SKIN_BELOW_BODY.0, SKIN_BELOW_BODY.1);
    let mut chance = |share: f64| rng.f64() < share;
    let (far, company, cut, cup) = (chance(0.05), chance(0.04), chance(0.03), chance(0.03));
    let (glasses, frost) = (chance(0.04), number > PEOPLE / 2);
    // One in twenty comes while the door stands open; the camera is cold in the beginning and drifts by the hour.
    let door = number % 400 > 380;
    let drift = if number < 60 { -2.6 } else { 0.9 * (number as f64 / 120.0).sin() };
    let colder = [(far, 0.9), (glasses, 0.8), (frost, 0.6), (door, 1.2)];
    eye -= colder.iter().filter(|(is, _)| *is).map(|(_, kelvin)| kelvin).sum::<f64>();
    let room = if door { 12.0 } else { 22.0 };
    let mut celsius = vec![room; WIDTH * HEIGHT];
    rectangle(&mut celsius, (0, 0), (8, 8), SET_POINT);
    let size = if far { (12, 16) } else { (26, 34) };
    let left = if cut { 10 } else { 36 + rng.usize(..10) };
    head(&mut celsius, (left, 18 + rng.usize(..8)), size, eye);
    if company {
        let other = normal(rng, 36.3, 0.3);
        head(&mut celsius, (if cut { 60 } else { 12 }, 20), (20, 28), other);
    }
    if cup {
        rectangle(&mut celsius, (left + size.0 / 2, 60), (6, 8), 55.0);
        rectangle(&mut celsius, (left + size.0 / 2 - 3, 18 + size.1 / 2), (5, 5), 46.0);
    }
    let celsius = celsius.iter().map(|celsius| (celsius + drift + normal(rng, 0.0, 0.05)) as f32).collect();
    let around = Surroundings { ambient: Some(room), humidity: Some(0.4), distance: Some(if far { 3.5 } else { 1.0 }) };
    Person { fever, picture: Thermogram::new(WIDTH, celsius).unwrap(), around }
}

/// A face with two warm corners of the eyes.
fn head(celsius: &mut [f64], at: (usize, usize), size: (usize, usize), eye: f64) {
    rectangle(celsius, at, size, eye - 1.3);
    for side in [size.0 / 2 - 5, size.0 / 2 + 1] {
        rectangle(celsius, (at.0 + side, at.1 + size.1 / 3), (4, 4), eye);
    }
}

fn rectangle(celsius: &mut [f64], at: (usize, usize), size: (usize, usize), degrees: f64) {
    for y in at.1..(at.1 + size.1).min(HEIGHT) {
        celsius[y * WIDTH + at.0..y * WIDTH + (at.0 + size.0).min(WIDTH)].fill(degrees);
    }
}

fn rules() -> Rules {
    let shipped = Rules::default();
    let corner = Window { left: 0.0, top: 0.0, width: 0.07, height: 0.09 };
    let reference = shipped.reference.clone().map(|mut reference| {
        reference.sources.push(Source { window: corner, celsius: SET_POINT });
        reference
    });
    let window = Window { left: 0.12, top: 0.12, width: 0.86, height: 0.86 };
    let face = face::Rules { window, skin: 30.0..=43.0, least: (20, 26), area: 4 };
    Rules { face, reference, ..shipped }
}

#[derive(Clone, Copy, PartialEq)]
enum Said {
    Normal,
    Elevated,
    Invalid,
}

#[derive(Default)]
struct Count {
    found: f64,
    missed: f64,
    alarmed: f64,
    passed: f64,
    invalid: f64,
}

impl Count {
    fn add(&mut self, fever: bool, said: Said) {
        let place = match (said, fever) {
            (Said::Invalid, _) => &mut self.invalid,
            (Said::Elevated, true) => &mut self.found,
            (Said::Normal, true) => &mut self.missed,
            (Said::Elevated, false) => &mut self.alarmed,
            (Said::Normal, false) => &mut self.passed,
        };
        *place += 1.0;
    }

    fn sensitivity(&self) -> f64 {
        self.found / (self.found + self.missed)
    }

    fn specificity(&self) -> f64 {
        self.passed / (self.passed + self.alarmed)
    }

    fn ppv(&self) -> f64 {
        self.found / (self.found + self.alarmed)
    }

    fn ppv_at(&self, prevalence: f64) -> f64 {
        let found = self.sensitivity() * prevalence;
        found / (found + (1.0 - self.specificity()) * (1.0 - prevalence))
    }

    fn row(&self, name: &str) {
        let [sensitivity, specificity, ppv, rare] =
            [self.sensitivity(), self.specificity(), self.ppv(), self.ppv_at(RARE)].map(|part| part * 100.0);
        println!(
            "| {name} | {sensitivity:.1} % | {specificity:.1} % | {ppv:.1} % | {rare:.1} % | {} | {} | {} |",
            self.missed, self.alarmed, self.invalid
        );
    }
}

fn limit(value: Option<f32>, limit: f64) -> Said {
    match value {
        None => Said::Invalid,
        Some(celsius) if f64::from(celsius) >= limit => Said::Elevated,
        Some(_) => Said::Normal,
    }
}

#[test]
fn the_conditions_find_more_of_the_fevers_and_alarm_fewer_of_the_healthy() {
    let mut rng = Rng::with_seed(SEED);
    let rules = rules();
    let relative = population::Rules { deviations: 3.0, least: 30, most: 200, within: Duration::from_secs(14_400) };
    let mut passed = Population::default();
    let [mut warmest, mut bare, mut valid, mut compared] = [(); 4].map(|()| Count::default());
    let mut fevers = 0;
    for number in 0..PEOPLE {
        let now = Moment::START + Duration::from_secs(number as u64 * 10);
        let Person { fever, picture, around } = person(&mut rng, number);
        fevers += usize::from(fever);
        warmest.add(fever, limit(picture.warmest().map(|warm| warm.celsius), ELEVATED));
        // What an imager without conditions would say of the same area of the same face.
        let face = face::find(&picture, &rules.face).0;
        bare.add(fever, limit(face.map_or(Some(0.0), |face| Some(face.celsius)), ELEVATED));
        let mut watch = Watch::default();
        watch.look(now, &picture, rules.reference.as_ref().unwrap());
        let value = read(now, &picture, &around, &watch, &rules).celsius();
        valid.add(fever, limit(value, ELEVATED));
        let stands_out = passed.limit(now, &relative).map_or(ELEVATED, |limit| limit.min(ELEVATED));
        compared.add(fever, limit(value, stands_out));
        value.into_iter().for_each(|celsius| passed.add(now, celsius.into(), &relative));
    }
    println!(
        "seed {SEED}: {PEOPLE} people, {fevers} with a fever of 38.0 to 39.8 °C; elevated from {ELEVATED} °C at the eye"
    );
    println!(
        "| how | sensitivity | specificity | PPV here | PPV at 1 in 1,000 | fevers missed | alarmed for nothing | measured again |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    warmest.row("warmest pixel");
    bare.row("warmest area of the face, no conditions");
    valid.row("the same with conditions and black body");
    compared.row("and a limit relative to those who passed");

    for count in [&warmest, &bare, &valid, &compared] {
        assert_eq!(count.found + count.missed + count.alarmed + count.passed + count.invalid, PEOPLE as f64);
    }
    assert!(valid.sensitivity() > bare.sensitivity(), "{}", valid.sensitivity());
    assert!(valid.ppv() > bare.ppv() && valid.ppv() > warmest.ppv(), "{}", valid.ppv());
    assert!(compared.sensitivity() > valid.sensitivity(), "{}", compared.sensitivity());
    assert!(valid.invalid < 0.3 * PEOPLE as f64, "{} invalid", valid.invalid);
}

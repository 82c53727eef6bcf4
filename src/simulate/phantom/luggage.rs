//! Suitcases as passengers pack them, and what some of them should not have packed.
//!
//! Places and sizes are parts of the height of a tunnel, about 55 cm; thickness along the beam is in cm. A thing is put
//! together from boxes and ellipsoids: what the X-rays meet adds up.

use std::f64::consts::{FRAC_PI_2, PI};

use super::material::Material;
use super::scene::{Scene, Solid};

/// A suitcase is at least so many times as long as high, its picture's air included.
const LEAST: f64 = 1.35;

/// What lies in a suitcase beside clothes and toiletries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contents {
    /// Nothing that anybody asks about.
    Harmless,
    /// A firearm.
    Firearm,
    /// A kitchen knife.
    Blade,
    /// Fruit and a sausage, which the quarantine service wants to see.
    Food,
}

/// Something and where it lies: its middle, and how it is turned.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    turn: f64,
}

impl Place {
    /// A box of `size` whose middle is `along` and `across` from here, before the turn.
    fn block(self, (along, across): (f64, f64), size: (f64, f64), thickness: f64, material: Material) -> Solid {
        Solid::block(self.at(along, across), size, thickness, material).turned(self.turn)
    }

    fn ball(self, (along, across): (f64, f64), size: (f64, f64), thickness: f64, material: Material) -> Solid {
        Solid::ball(self.at(along, across), size, thickness, material).turned(self.turn)
    }

    fn at(self, along: f64, across: f64) -> (f64, f64) {
        let (sin, cos) = self.turn.sin_cos();
        (self.x + along * cos - across * sin, self.y + along * sin + across * cos)
    }
}

impl Scene {
    /// A suitcase in a picture `aspect` times as wide as high, packed by `seed`. One that is shorter than it would be high
    /// is a smaller one.
    pub fn suitcase(contents: Contents, aspect: f64, seed: u64) -> Self {
        let picture = aspect;
        let aspect = picture.max(LEAST);
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut things = shell(aspect);
        clothes(aspect, &mut dice, &mut things);
        // Four quarters of the suitcase, in any order; each takes one large thing.
        let mut quarters = [(0.29, 0.31), (0.70, 0.30), (0.30, 0.69), (0.70, 0.68)];
        dice.shuffle(&mut quarters);
        let mut places = quarters.into_iter().map(|(x, y)| Place {
            x: x * aspect + 0.04 * (dice.f64() - 0.5),
            y: y + 0.04 * (dice.f64() - 0.5),
            turn: 0.5 * (dice.f64() - 0.5),
        });
        let special: Option<fn(Place) -> Vec<Solid>> = match contents {
            Contents::Harmless => None,
            Contents::Firearm => Some(pistol),
            Contents::Blade => Some(knife),
            Contents::Food => Some(fruit),
        };
        let usual: [fn(Place) -> Vec<Solid>; 4] = [laptop, bottles, shoes, tins];
        let first = (seed % 4) as usize;
        let usual = (first..first + 4).map(|at| usual[at % 4]);
        for (thing, place) in special.into_iter().chain(usual).zip(&mut places) {
            things.extend(thing(place));
        }
        drop(places);
        things.extend(keys(Place { x: (0.2 + 0.6 * dice.f64()) * aspect, y: 0.5, turn: PI * dice.f64() }));
        things.extend(cable(Place { x: (0.2 + 0.6 * dice.f64()) * aspect, y: 0.3 + 0.4 * dice.f64(), turn: 0.0 }));
        Self::of(things, (aspect, aspect / picture))
    }
}

/// Walls, the two tubes of the handle, wheels.
fn shell(aspect: f64) -> Vec<Solid> {
    let middle = (aspect / 2.0, 0.5);
    let wall = |inset: f64, cm| Solid::block(middle, (0.9 * aspect - inset, 0.86 - inset), cm, Material::Polyethylene);
    let mut parts = vec![wall(0.0, 0.5), wall(0.02, 0.3)];
    for y in [0.40, 0.60] {
        parts.push(Solid::block((aspect * 0.42, y), (aspect * 0.72, 0.022), 0.12, Material::Aluminium));
    }
    parts.push(Solid::block((aspect * 0.065, 0.5), (0.03, 0.24), 0.9, Material::Polyethylene));
    for y in [0.13, 0.87] {
        parts.push(Solid::ball((0.95 * aspect - 0.045, y), (0.08, 0.08), 2.4, Material::Polyethylene));
        parts.push(Solid::ball((0.95 * aspect - 0.045, y), (0.02, 0.02), 1.6, Material::Iron));
    }
    parts
}

fn clothes(aspect: f64, dice: &mut fastrand::Rng, things: &mut Vec<Solid>) {
    for _ in 0..9 {
        let size = (0.3 + 0.25 * dice.f64(), 0.2 + 0.35 * dice.f64());
        // Whichever way it is turned, it stays inside.
        let room = size.0.max(size.1) / 2.0 + 0.07;
        let within = |dice: &mut fastrand::Rng, whole: f64| room + (whole - 2.0 * room) * dice.f64();
        let place = (within(dice, 0.9 * aspect) + 0.05 * aspect - 0.035, within(dice, 1.0));
        let soft = Solid::ball(place, size, 0.6 + 1.6 * dice.f64(), Material::Polyethylene);
        things.push(soft.turned(PI * dice.f64()));
    }
}

fn laptop(place: Place) -> Vec<Solid> {
    let mut parts = vec![
        place.block((0.0, 0.0), (0.56, 0.40), 0.16, Material::Aluminium),
        place.block((0.0, 0.0), (0.53, 0.37), 0.5, Material::Polyethylene),
        place.block((-0.02, -0.10), (0.42, 0.13), 0.025, Material::Copper),
        place.ball((0.19, -0.12), (0.10, 0.10), 0.12, Material::Iron),
    ];
    let cells =
        (0..4).map(|cell| place.block((-0.19 + 0.125 * f64::from(cell), 0.11), (0.115, 0.10), 0.35, Material::Salt));
    parts.extend(cells);
    let chips =
        (0..5).map(|chip| place.block((-0.17 + 0.075 * f64::from(chip), -0.10), (0.03, 0.03), 0.09, Material::Copper));
    parts.extend(chips);
    parts
}

/// A bottle of water and one of shampoo.
fn bottles(place: Place) -> Vec<Solid> {
    vec![
        place.block((0.0, -0.07), (0.30, 0.11), 5.6, Material::Water),
        place.ball((0.15, -0.07), (0.12, 0.11), 5.2, Material::Water),
        place.block((0.23, -0.07), (0.05, 0.045), 2.2, Material::Polyethylene),
        place.ball((-0.02, 0.10), (0.26, 0.12), 4.5, Material::Sugar),
        place.block((0.14, 0.10), (0.05, 0.05), 1.8, Material::Polyethylene),
    ]
}

/// Soles with a steel shank.
fn shoes(place: Place) -> Vec<Solid> {
    let shoe = |across: f64| {
        [
            place.ball((0.0, across), (0.50, 0.15), 3.2, Material::Polyethylene),
            place.block((-0.17, across), (0.12, 0.11), 2.4, Material::Polyethylene),
            place.block((-0.02, across), (0.20, 0.025), 0.14, Material::Iron),
        ]
    };
    [shoe(-0.10), shoe(0.10)].concat()
}

fn tins(place: Place) -> Vec<Solid> {
    let tin = |along: f64| {
        [
            place.ball((along, 0.0), (0.15, 0.15), 6.0, Material::Water),
            place.ball((along, 0.0), (0.16, 0.16), 0.05, Material::Iron),
            place.block((along, 0.0), (0.13, 0.02), 0.05, Material::Iron),
        ]
    };
    [tin(-0.17), tin(0.0), tin(0.17)].concat()
}

fn keys(place: Place) -> Vec<Solid> {
    let key = |turn: f64| {
        let key = Place { turn: place.turn + turn, ..place };
        [
            key.ball((0.03, 0.0), (0.045, 0.045), 0.25, Material::Copper),
            key.block((0.08, 0.0), (0.09, 0.014), 0.25, Material::Copper),
        ]
    };
    [key(0.0), key(0.7), key(-0.6)].concat()
}

/// A charger and its cable in loops.
fn cable(place: Place) -> Vec<Solid> {
    let mut parts = vec![
        place.block((0.0, 0.0), (0.09, 0.09), 1.6, Material::Polyethylene),
        place.block((0.0, 0.0), (0.05, 0.05), 0.35, Material::Copper),
    ];
    let point = |step: u32| {
        let angle = f64::from(step) * 0.35;
        let radius = 0.09 + 0.0012 * f64::from(step);
        (radius * angle.cos(), 0.7 * radius * angle.sin())
    };
    for step in 0..44 {
        let ((x, y), (next_x, next_y)) = (point(step), point(step + 1));
        let (along, across) = (next_x - x, next_y - y);
        let middle = (place.x + (x + next_x) / 2.0, place.y + (y + next_y) / 2.0);
        let piece = Solid::block(middle, (1.1 * along.hypot(across), 0.009), 0.16, Material::Copper);
        parts.push(piece.turned(across.atan2(along)));
    }
    parts
}

fn pistol(place: Place) -> Vec<Solid> {
    let guard = |along, across, size| place.block((along, across), size, 0.5, Material::Iron);
    let grip = Place { turn: place.turn + 1.32, ..place };
    let (x, y) = place.at(-0.11, 0.10);
    let grip = Place { x, y, ..grip };
    vec![
        place.block((0.0, 0.0), (0.34, 0.055), 1.6, Material::Iron),
        place.block((0.02, -0.012), (0.36, 0.018), 0.8, Material::Iron),
        place.block((-0.02, 0.04), (0.26, 0.03), 1.0, Material::Iron),
        grip.block((0.0, 0.0), (0.20, 0.085), 1.4, Material::Polyethylene),
        grip.block((0.0, 0.0), (0.19, 0.05), 0.9, Material::Iron),
        guard(0.01, 0.095, (0.09, 0.012)),
        guard(0.05, 0.075, (0.012, 0.05)),
        guard(0.0, 0.07, (0.012, 0.04)),
    ]
}

fn knife(place: Place) -> Vec<Solid> {
    vec![
        place.block((0.09, 0.0), (0.26, 0.05), 0.22, Material::Iron),
        place.ball((0.22, -0.005), (0.14, 0.04), 0.2, Material::Iron),
        place.block((-0.14, 0.0), (0.20, 0.022), 0.22, Material::Iron),
        place.block((-0.14, 0.0), (0.20, 0.045), 1.6, Material::Polyethylene),
        place.ball((-0.19, 0.0), (0.016, 0.016), 1.7, Material::Iron),
        place.ball((-0.10, 0.0), (0.016, 0.016), 1.7, Material::Iron),
    ]
}

/// Apples, a bunch of bananas, a sausage.
fn fruit(place: Place) -> Vec<Solid> {
    let apple = |along, across| {
        [
            place.ball((along, across), (0.135, 0.13), 7.0, Material::Water),
            place.ball((along, across), (0.03, 0.045), 1.2, Material::Sugar),
        ]
    };
    let banana = |fan: f64| {
        let bent = |part: f64| {
            let angle = part + fan;
            let at = (0.02 + 0.20 * angle.cos(), 0.24 - 0.34 * angle.sin());
            let piece = place.ball(at, (0.09, 0.055), 3.2, Material::Water);
            piece.turned(place.turn - angle + FRAC_PI_2)
        };
        [bent(0.9), bent(1.15), bent(1.4), bent(1.65)]
    };
    let mut parts = [apple(-0.17, -0.08), apple(-0.17, 0.08)].concat();
    parts.extend([banana(0.0), banana(0.2)].concat());
    parts.push(place.ball((0.05, 0.19), (0.34, 0.07), 3.6, Material::Water));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Centimetres of a material that the beam meets, summed over the picture.
    fn amount(scene: &Scene, material: Material) -> f64 {
        let places = (0..60).flat_map(|x| (0..40).map(move |y| (f64::from(x) / 60.0, f64::from(y) / 40.0)));
        let layers = places.flat_map(|(x, y)| scene.path_at(x, y));
        layers.filter(|(of, _)| *of == material).map(|(_, cm)| cm).sum()
    }

    #[test]
    fn the_same_seed_packs_the_same_suitcase() {
        let pack = |seed| Scene::suitcase(Contents::Harmless, 1.6, seed);
        assert_eq!(pack(5).path_at(0.4, 0.4), pack(5).path_at(0.4, 0.4));
        assert!((0..40).any(|x| {
            let x = f64::from(x) / 40.0;
            pack(5).path_at(x, 0.4) != pack(6).path_at(x, 0.4)
        }));
    }

    #[test]
    fn a_firearm_is_much_iron_a_blade_some_and_fruit_much_water() {
        for seed in 0..8 {
            let of = |contents, material| amount(&Scene::suitcase(contents, 1.6, seed), material);
            assert!(of(Contents::Firearm, Material::Iron) > of(Contents::Harmless, Material::Iron) + 15.0, "{seed}");
            assert!(of(Contents::Blade, Material::Iron) > 1.0, "{seed}");
            assert!(of(Contents::Food, Material::Water) > 100.0, "{seed}");
        }
    }

    #[test]
    fn a_suitcase_lies_inside_of_its_picture() {
        let scene = Scene::suitcase(Contents::Harmless, 1.6, 3);
        for place in 0..100 {
            let place = f64::from(place) / 100.0;
            assert!(scene.path_at(0.02, place).is_empty() && scene.path_at(0.98, place).is_empty());
            assert!(scene.path_at(place, 0.02).is_empty() && scene.path_at(place, 0.98).is_empty());
        }
    }
}

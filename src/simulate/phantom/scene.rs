//! What lies in the beam: shapes with a thickness and a material, packed by a seed.

use std::f64::consts::PI;

use super::beam::Layer;
use super::material::Material;

/// An ellipsoid, or a box of even thickness.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Round,
    Box,
}

/// One thing: a box or an ellipsoid of one material.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solid {
    shape: Shape,
    centre: (f64, f64),
    half: (f64, f64),
    turn: f64,
    /// Greatest thickness along the beam, cm.
    thickness: f64,
    material: Material,
}

impl Solid {
    /// A box of even thickness around `centre`, as long and as high as `size`.
    pub(super) fn block(centre: (f64, f64), size: (f64, f64), thickness: f64, material: Material) -> Self {
        flat(centre, (size.0 / 2.0, size.1 / 2.0), thickness, material)
    }

    /// An ellipsoid around `centre`.
    pub(super) fn ball(centre: (f64, f64), size: (f64, f64), thickness: f64, material: Material) -> Self {
        Self { shape: Shape::Round, ..Self::block(centre, size, thickness, material) }
    }

    /// The same, turned around its own middle.
    pub(super) const fn turned(self, turn: f64) -> Self {
        Self { turn, ..self }
    }

    /// Thickness that the beam meets at `(x, y)`, cm.
    fn thickness_at(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.turn.sin_cos();
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let across = (dx * cos + dy * sin) / self.half.0;
        let along = (dy * cos - dx * sin) / self.half.1;
        match self.shape {
            Shape::Round => self.thickness * (1.0 - across * across - along * along).max(0.0).sqrt(),
            Shape::Box if across.abs() <= 1.0 && along.abs() <= 1.0 => self.thickness,
            Shape::Box => 0.0,
        }
    }
}

/// Everything in the beam. A picture's width and height are 1 each.
#[derive(Clone, Debug)]
pub struct Scene {
    items: Vec<Solid>,
    /// What a picture's width and height are in the items' own measure; their middle in height is 0.5.
    window: (f64, f64),
}

/// What a range of things may be made of, how thick they are in cm, and how large in parts of the picture.
struct Goods(&'static [Material], (f64, f64), f64);

impl Scene {
    /// `items` in a picture as wide and high as `window` says in their measure.
    pub(super) const fn of(items: Vec<Solid>, window: (f64, f64)) -> Self {
        Self { items, window }
    }

    /// A packed bag.
    pub fn bag(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let shell =
            |inset: f64, thickness| flat((0.5, 0.5), (0.45 - inset, 0.42 - inset), thickness, Material::Polyethylene);
        let mut items = vec![shell(0.0, 0.6), shell(0.02, 4.0)];
        let clothes = Goods(&[Material::Polyethylene, Material::Water, Material::Sugar], (2.0, 10.0), 0.16);
        let small = Goods(&[Material::Aluminium, Material::Salt], (0.3, 1.8), 0.10);
        let metal = Goods(&[Material::Iron, Material::Copper], (0.05, 0.45), 0.06);
        for _ in 0..dice.usize(9..16) {
            let goods = [&clothes, &clothes, &clothes, &small, &metal][dice.usize(0..5)];
            items.push(thing(&mut dice, goods));
        }
        Self { items, window: (1.0, 1.0) }
    }

    /// A parcel: a box of many alike, and something else among them.
    pub fn parcel(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut items = vec![flat((0.5, 0.5), (0.42, 0.38), 0.8, Material::Polyethylene)];
        let inside = [Material::Sugar, Material::Water, Material::Polyethylene, Material::Salt][dice.usize(0..4)];
        let (columns, rows) = (dice.u32(3..7), dice.u32(2..5));
        for at in 0..columns * rows {
            let place = |index: u32, count: u32| 0.5 + 0.7 * ((f64::from(index) + 0.5) / f64::from(count) - 0.5);
            let centre = (place(at % columns, columns), place(at / columns, rows));
            let half = (0.3 / f64::from(columns), 0.28 / f64::from(rows));
            items.push(Solid { shape: Shape::Round, centre, half, turn: 0.0, thickness: 6.0, material: inside });
        }
        let other = Goods(&[Material::Iron, Material::Lead, Material::Aluminium], (0.1, 0.6), 0.08);
        items.push(thing(&mut dice, &other));
        Self { items, window: (1.0, 1.0) }
    }

    /// A loaded truck from the side, for a cargo machine.
    pub fn truck(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let steel = |centre, half, thickness| flat(centre, half, thickness, Material::Iron);
        let mut items = vec![
            steel((0.58, 0.45), (0.37, 0.30), 0.4),
            steel((0.58, 0.74), (0.40, 0.015), 4.0),
            steel((0.13, 0.55), (0.07, 0.18), 0.5),
            steel((0.14, 0.68), (0.05, 0.05), 14.0),
        ];
        for at in [0.15, 0.55, 0.62, 0.85] {
            items.push(Solid {
                shape: Shape::Round,
                turn: 0.0,
                ..flat((at, 0.80), (0.035, 0.055), 12.0, Material::Iron)
            });
        }
        for pallet in 0..dice.u32(5..9) {
            let material =
                [Material::Water, Material::Sugar, Material::Salt, Material::Polyethylene, Material::Aluminium];
            let centre = (0.27 + 0.09 * f64::from(pallet), 0.60 - 0.1 * dice.f64());
            let thickness = 40.0 + 100.0 * dice.f64();
            items.push(flat(centre, (0.035, 0.73 - centre.1), thickness, material[dice.usize(0..material.len())]));
        }
        let hidden = Goods(&[Material::Lead, Material::Iron, Material::Copper], (3.0, 10.0), 0.03);
        items.push(thing(&mut dice, &hidden));
        Self { items, window: (1.0, 1.0) }
    }

    /// Nothing: what a line looks like in air.
    pub const fn air() -> Self {
        Self { items: Vec::new(), window: (1.0, 1.0) }
    }

    /// A step wedge for calibration: one row of equal steps a material, the first step `step` cm thick, each further one
    /// `step` more. [`Scene::step_at`] says what lies where.
    pub fn wedge(materials: &[Material], steps: u32, step: f64) -> Self {
        let rows = f64::from(u32::try_from(materials.len()).unwrap_or(u32::MAX));
        let mut items = Vec::new();
        for (row, material) in (0u32..).zip(materials) {
            for at in 0..steps {
                let centre = ((f64::from(at) + 1.5) / f64::from(steps + 1), (f64::from(row) + 0.5) / rows);
                let half = (0.5 / f64::from(steps + 1), 0.5 / rows);
                items.push(flat(centre, half, step * f64::from(at + 1), *material));
            }
        }
        Self { items, window: (1.0, 1.0) }
    }

    /// The middle of step `at` (from 0) in `row` of `rows` of a wedge with `steps`, as parts of the picture. Left of the
    /// first step, a column as wide is air.
    pub fn step_at(row: u32, rows: u32, at: u32, steps: u32) -> (f64, f64) {
        ((f64::from(at) + 1.5) / f64::from(steps + 1), (f64::from(row) + 0.5) / f64::from(rows))
    }

    /// What the beam meets at a place, given as parts of the picture.
    pub fn path_at(&self, x: f64, y: f64) -> Vec<Layer> {
        let (x, y) = (x * self.window.0, 0.5 + (y - 0.5) * self.window.1);
        let layers = self.items.iter().map(|item| (item.material, item.thickness_at(x, y)));
        layers.filter(|(_, thickness)| *thickness > 0.0).collect()
    }
}

fn flat(centre: (f64, f64), half: (f64, f64), thickness: f64, material: Material) -> Solid {
    Solid { shape: Shape::Box, centre, half, turn: 0.0, thickness, material }
}

fn thing(dice: &mut fastrand::Rng, Goods(materials, (thin, thick), size): &Goods) -> Solid {
    Solid {
        shape: if dice.bool() { Shape::Round } else { Shape::Box },
        centre: (0.18 + 0.64 * dice.f64(), 0.2 + 0.6 * dice.f64()),
        half: (size * (0.25 + 0.75 * dice.f64()), size * (0.25 + 0.75 * dice.f64())),
        turn: PI * dice.f64(),
        thickness: thin + (thick - thin) * dice.f64(),
        material: materials[dice.usize(0..materials.len())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_is_thickest_in_its_middle_and_a_turned_box_ends_where_it_should() {
        let ball = Solid { shape: Shape::Round, ..flat((0.5, 0.5), (0.2, 0.2), 10.0, Material::Water) };
        assert_eq!(ball.thickness_at(0.5, 0.5), 10.0);
        // Half-way out: sqrt(1 - 0.25)
        assert!((ball.thickness_at(0.6, 0.5) - 8.660).abs() < 0.001);
        assert_eq!(ball.thickness_at(0.71, 0.5), 0.0);
        let bar = Solid { turn: PI / 2.0, ..flat((0.5, 0.5), (0.4, 0.1), 1.0, Material::Iron) };
        assert_eq!((bar.thickness_at(0.5, 0.85), bar.thickness_at(0.85, 0.5)), (1.0, 0.0));
    }

    #[test]
    fn each_step_of_a_wedge_is_one_step_thicker() {
        let wedge = Scene::wedge(&[Material::Aluminium, Material::Iron], 5, 0.2);
        for (row, material) in [Material::Aluminium, Material::Iron].into_iter().enumerate() {
            for at in 0..5 {
                let (x, y) = Scene::step_at(row as u32, 2, at, 5);
                let path = wedge.path_at(x, y);
                assert_eq!(path.len(), 1);
                assert_eq!((path[0].0, (path[0].1 * 10.0).round()), (material, 2.0 * f64::from(at + 1)));
            }
        }
        assert!(wedge.path_at(0.05, 0.5).is_empty(), "air beside the first step");
    }

    #[test]
    fn every_scene_has_air_at_its_corner_and_something_in_its_middle() {
        for scene in [Scene::bag(3), Scene::parcel(3), Scene::truck(3)] {
            assert!(scene.path_at(0.005, 0.005).is_empty());
            assert!(!scene.path_at(0.55, 0.5).is_empty());
        }
    }
}

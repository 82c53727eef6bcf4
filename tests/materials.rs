//! Materials by two energies: calibrated on polyethylene, aluminium and iron at 160 kV, tried on others, at other voltages,
//! with other noise. The figures printed are those of docs/materials.md.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use portside::image::material::{Class, Patch, Reference, Table};
use portside::image::{Format, Line, Scan};
use portside::simulate::phantom::beam::Pair;
use portside::simulate::phantom::material::Material;
use portside::simulate::phantom::scene::Scene;
use portside::simulate::phantom::{Detector, Exposure, wedge};

/// Never a reference; the lightest first.
const OTHERS: [Material; 14] = [
    Material::Ethanol,
    Material::Acrylic,
    Material::Sugar,
    Material::Nitrate,
    Material::Water,
    Material::Teflon,
    Material::Glass,
    Material::Pvc,
    Material::Chalk,
    Material::Salt,
    Material::Titanium,
    Material::Stainless,
    Material::Copper,
    Material::Zinc,
];

/// Parts of the harder energy that get through, from a sheet of paper to what stops everything.
const THROUGH: [f64; 16] =
    [0.995, 0.98, 0.96, 0.93, 0.88, 0.8, 0.7, 0.6, 0.5, 0.38, 0.27, 0.18, 0.1, 0.05, 0.02, 0.0005];

/// More noise than [`Detector::default`], with which the wedge is measured.
const DETECTOR: Detector = Detector { photons: 80_000.0, gain_spread: 0.003 };

#[test]
fn other_materials_voltages_and_noise_are_told_apart_and_what_cannot_be_is_said() {
    let table = table();
    let mut seen: BTreeMap<(usize, Class), u32> = BTreeMap::new();
    let mut at_depth: BTreeMap<(usize, bool), u32> = BTreeMap::new();
    for (kv, (material_at, material)) in
        [155.0, 160.0, 165.0].into_iter().flat_map(|kv| OTHERS.iter().enumerate().map(move |other| (kv, other)))
    {
        let beams = Pair::baggage_at(kv);
        for (depth_at, through) in THROUGH.into_iter().enumerate() {
            let thickness = thickness(&Pair::baggage(), *material, through);
            let seed = (material_at * 100 + depth_at) as u64 + kv as u64 * 10_000;
            for class in classes(&table, &beams, &Scene::wedge(&[*material], 1, thickness), DETECTOR, seed) {
                *seen.entry((material_at, class)).or_default() += 1;
                let said = !matches!(class, Class::Empty | Class::Saturated);
                *at_depth.entry((depth_at, said)).or_default() += 1;
            }
        }
    }
    let count = |material: usize, class: Class| seen.get(&(material, class)).copied().unwrap_or(0);
    println!("| material | Z_eff | empty | organic | mixed | inorganic | saturated | right of what was said |");
    println!("|---|---|---|---|---|---|---|---|");
    let (mut right, mut said) = (0, 0);
    for (at, material) in OTHERS.iter().enumerate() {
        let counts = Class::ALL.map(|class| count(at, class));
        let truth = Class::of_effective_z(material.effective_z());
        let of_said: u32 = counts[1..4].iter().sum();
        (right, said) = (right + count(at, truth), said + of_said);
        let cells = counts.map(|count| count.to_string()).join(" | ");
        let part = 100.0 * f64::from(count(at, truth)) / f64::from(of_said);
        println!("| {material:?} | {:.1} | {cells} | {part:.1} % |", material.effective_z());
        assert!(part > 85.0, "{material:?}: {part:.1} %");
    }
    let part = 100.0 * f64::from(right) / f64::from(said);
    println!("right: {right} of {said} said, {part:.2} %");
    let said_at = |depth: usize| {
        let [no, yes] = [false, true].map(|said| f64::from(at_depth.get(&(depth, said)).copied().unwrap_or(0)));
        100.0 * yes / (no + yes)
    };
    for (at, through) in THROUGH.iter().enumerate() {
        println!("{:.2} % through: said of {:.1} %", 100.0 * through, said_at(at));
    }
    assert!(part >= 95.0, "{part:.2} %");
    // A table that never says anything is never wrong.
    for (at, through) in THROUGH.iter().enumerate().take(12).skip(2) {
        assert!(said_at(at) > 95.0, "{through} through: said of {:.1} %", said_at(at));
    }
    assert!(said_at(15) < 0.1, "nothing comes through, and a class is said");
}

#[test]
fn air_is_empty_and_what_stops_everything_is_saturated() {
    let table = table();
    let share = |scene: &Scene, expected: Class| {
        let found = classes(&table, &Pair::baggage(), scene, DETECTOR, 7);
        f64::from(found.iter().filter(|class| **class == expected).count() as u32) / found.len() as f64
    };
    assert!(share(&Scene::air(), Class::Empty) > 0.999);
    for (material, cm) in [(Material::Iron, 6.0), (Material::Lead, 1.0), (Material::Water, 60.0)] {
        let share = share(&Scene::wedge(&[material], 1, cm), Class::Saturated);
        assert!(share > 0.999, "{material:?}: {share}");
    }
    assert_eq!(table.lookup(60_000, 60_000), Class::Empty);
    assert_eq!(table.lookup(65_535, 65_535), Class::Empty);
    assert_eq!(table.lookup(0, 0), Class::Saturated);
}

/// Said in docs/materials.md, so that nobody learns it from a bag: its absorption edge at 88 keV lies within the harder
/// energy.
#[test]
fn lead_looks_lighter_than_it_is_until_nothing_comes_through() {
    let table = table();
    let most = |cm: f64| {
        let found = classes(&table, &Pair::baggage(), &Scene::wedge(&[Material::Lead], 1, cm), DETECTOR, 3);
        Class::ALL.into_iter().max_by_key(|class| found.iter().filter(|one| one == &class).count()).unwrap()
    };
    assert_eq!([0.005, 0.02, 0.07].map(most), [Class::Mixed; 3]);
    assert_eq!(most(0.1), Class::Organic);
    assert_eq!([0.15, 0.3].map(most), [Class::Saturated; 2]);
}

#[test]
fn an_edge_of_steel_does_not_turn_into_plastic() {
    let table = table();
    // Half of the picture is a sheet of steel, half is air.
    let scan = scan(&Scene::wedge(&[Material::Iron], 1, 0.2), &Pair::baggage(), Detector::default(), (64, 32), 5);
    let classes = table.classes(&scan, 0);
    let count = |wanted: Class| classes.iter().filter(|class| **class == wanted).count();
    assert_eq!((count(Class::Organic), count(Class::Mixed)), (0, 0));
    assert_eq!(count(Class::Inorganic), 32 * 32);
}

#[test]
fn one_energy_has_no_class() {
    let format = Format { energies: 1, ..format(4) };
    let line = Line { index: 0, view: 0, filled: false, samples: vec![30_000; 4].into() };
    assert!(table().classes(&Scan::of(format, [&line]), 0).is_empty());
}

#[test]
fn a_wedge_whose_energies_are_exchanged_is_refused() {
    let patches = patches().into_iter().map(|patch| Patch { low: patch.high, high: patch.low, ..patch });
    assert!(Table::calibrated(&patches.collect::<Vec<_>>()).is_err());
}

#[test]
fn colours_that_somebody_rendered_are_no_materials_and_calibrate_none() {
    let coloured = Format { energies: 3, raw: false, ..format(4) };
    let mut scan = Scan::new(coloured);
    let samples = [[60_000; 4], [40_000; 4], [20_000; 4]].concat().into();
    assert!(scan.add(&Line { index: 0, view: 0, filled: false, samples }));
    assert!(table().classes(&scan, 0).is_empty());
    assert!(Patch::on(&scan, 0, (0..1, 0..4), (Reference::ALL[0], 1.0)).is_none());
}

fn table() -> Table {
    Table::calibrated(&patches()).unwrap()
}

/// What a technician measures: for each material a row of thin steps and one of thick ones.
fn patches() -> Vec<Patch> {
    wedge::patches(&Pair::baggage(), Detector::default())
}

/// Classes of the samples on the one step of `scene`, its edges left out.
fn classes(table: &Table, beams: &Pair, scene: &Scene, detector: Detector, seed: u64) -> Vec<Class> {
    let (width, height) = (48u32, 24u32);
    let scan = scan(scene, beams, detector, (width, height), seed);
    let classes = table.classes(&scan, 0);
    (28..44).flat_map(|line| classes[line * height as usize + 2..][..height as usize - 4].to_vec()).collect()
}

fn scan(scene: &Scene, beams: &Pair, detector: Detector, size: (u32, u32), seed: u64) -> Scan {
    let exposure = Exposure::of(scene, beams, detector, size, seed);
    let (width, height) = (exposure.width as usize, exposure.height as usize);
    let mut scan = Scan::new(format(exposure.height));
    for index in 0..width {
        let column = |samples: &[u16]| -> Vec<u16> { (0..height).map(|row| samples[row * width + index]).collect() };
        let samples = [column(&exposure.low), column(&exposure.high)].concat().into();
        assert!(scan.add(&Line { index: index as u32, view: 0, filled: false, samples }));
    }
    scan
}

const fn format(pixels: u32) -> Format {
    Format { pixels, energies: 2, views: 1, pitch_um: 0, line_um: 0, live: true, raw: true }
}

/// How thick it must be to let `through` of the harder energy pass, cm.
fn thickness(beams: &Pair, material: Material, through: f64) -> f64 {
    let (mut thin, mut thick) = (0.0, 200.0);
    for _ in 0..60 {
        let middle = (thin + thick) / 2.0;
        if beams.high.behind(&[(material, middle)]).signal > through { thin = middle } else { thick = middle }
    }
    thick
}

//! What phantoms are made of: density and mass attenuation coefficients.
//!
//! Coefficients are total attenuation with coherent scattering of NIST's XCOM (Standard Reference Database 8, Berger,
//! Hubbell and others), taken from its cross sections for the elements and added by weight, in cm²/g over keV. They agree
//! with the printed tables of SRD 126 (Hubbell and Seltzer) at the energies that both have: at 60 keV water 0.2059,
//! aluminium 0.2778, iron 1.205. Between two entries both scales are logarithmic; a jump at an absorption edge is two
//! entries around it.

use super::substance::{self, GRID};

/// A substance of one density.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material {
    /// Organic: clothes, plastics, at 0.94 g/cm³.
    Polyethylene,
    /// Organic: drinks.
    Water,
    /// Organic: food, powders, at the density of sugar in bulk, 0.85 g/cm³.
    Sugar,
    /// Inorganic: salts, ceramics and glass behave alike; in bulk 1.2 g/cm³.
    Salt,
    /// Light metal.
    Aluminium,
    /// Metal: steel.
    Iron,
    /// Metal: wires.
    Copper,
    /// Metal: shielding.
    Lead,
    /// The scintillator of the detector.
    CaesiumIodide,
    /// Organic: plastic glass.
    Acrylic,
    /// Organic: spirits.
    Ethanol,
    /// Counts as organic: ammonium nitrate, fertiliser and explosive, in bulk 0.9 g/cm³.
    Nitrate,
    /// The heaviest of the plastics without chlorine: PTFE.
    Teflon,
    /// Window and bottle glass.
    Glass,
    /// Plastic with chlorine in it: PVC.
    Pvc,
    /// Stone, tablets, in bulk 1.5 g/cm³.
    Chalk,
    /// Light for a metal.
    Titanium,
    /// Steel of knives.
    Stainless,
    /// Coatings, die castings.
    Zinc,
}

/// Every material, in the order of their declaration.
pub(super) const ALL: [Material; 19] = [
    Material::Polyethylene,
    Material::Water,
    Material::Sugar,
    Material::Salt,
    Material::Aluminium,
    Material::Iron,
    Material::Copper,
    Material::Lead,
    Material::CaesiumIodide,
    Material::Acrylic,
    Material::Ethanol,
    Material::Nitrate,
    Material::Teflon,
    Material::Glass,
    Material::Pvc,
    Material::Chalk,
    Material::Titanium,
    Material::Stainless,
    Material::Zinc,
];

impl Material {
    /// g/cm³.
    pub const fn density(self) -> f64 {
        match self {
            Self::Polyethylene => 0.94,
            Self::Water => 1.0,
            Self::Sugar => 0.85,
            Self::Salt => 1.2,
            Self::Aluminium => 2.70,
            Self::Iron => 7.87,
            Self::Copper => 8.96,
            Self::Lead => 11.35,
            Self::CaesiumIodide => 4.51,
            Self::Acrylic => 1.19,
            Self::Ethanol => 0.789,
            Self::Nitrate => 0.9,
            Self::Teflon => 2.2,
            Self::Glass => 2.5,
            Self::Pvc => 1.4,
            Self::Chalk => 1.5,
            Self::Titanium => 4.5,
            Self::Stainless => 8.0,
            Self::Zinc => 7.13,
        }
    }

    /// Effective atomic number: the mean of the power 2.94 over the electrons (W. V. Mayneord, 1937). Of water
    /// `((2 · 1^2.94 + 8 · 8^2.94) / 10)^(1/2.94)`.
    pub const fn effective_z(self) -> f64 {
        match self {
            Self::Polyethylene => 5.44,
            Self::Ethanol => 6.35,
            Self::Acrylic => 6.47,
            Self::Sugar => 6.92,
            Self::Nitrate => 7.40,
            Self::Water => 7.42,
            Self::Teflon => 8.43,
            Self::Glass => 12.39,
            Self::Aluminium => 13.0,
            Self::Pvc => 13.86,
            Self::Chalk => 15.08,
            Self::Salt => 15.18,
            Self::Titanium => 22.0,
            Self::Stainless => 25.89,
            Self::Iron => 26.0,
            Self::Copper => 29.0,
            Self::Zinc => 30.0,
            Self::CaesiumIodide => 54.04,
            Self::Lead => 82.0,
        }
    }

    /// Linear attenuation coefficient at `kev` (15 to 6,000; beyond, that of the nearer end), 1/cm.
    pub fn attenuation(self, kev: f64) -> f64 {
        let kev = kev.clamp(15.0, 6_000.0);
        self.density()
            * match self.table() {
                Table::Own(table) => between(table.len(), |at| table[at], kev),
                Table::Grid(table) => between(GRID.len(), |at| (GRID[at], table[at]), kev),
            }
    }

    const fn table(self) -> Table {
        match self {
            Self::Polyethylene => Table::Own(&POLYETHYLENE),
            Self::Water => Table::Own(&WATER),
            Self::Sugar => Table::Own(&SUGAR),
            Self::Salt => Table::Own(&SALT),
            Self::Aluminium => Table::Own(&ALUMINIUM),
            Self::Iron => Table::Own(&IRON),
            Self::Copper => Table::Own(&COPPER),
            Self::Lead => Table::Own(&LEAD),
            Self::CaesiumIodide => Table::Own(&CAESIUMIODIDE),
            Self::Acrylic => Table::Grid(&substance::ACRYLIC),
            Self::Ethanol => Table::Grid(&substance::ETHANOL),
            Self::Nitrate => Table::Grid(&substance::NITRATE),
            Self::Teflon => Table::Grid(&substance::TEFLON),
            Self::Glass => Table::Grid(&substance::GLASS),
            Self::Pvc => Table::Grid(&substance::PVC),
            Self::Chalk => Table::Grid(&substance::CHALK),
            Self::Titanium => Table::Grid(&substance::TITANIUM),
            Self::Stainless => Table::Grid(&substance::STAINLESS),
            Self::Zinc => Table::Grid(&substance::ZINC),
        }
    }
}

/// cm²/g.
enum Table {
    /// With the energies, keV.
    Own(&'static [(f64, f64)]),
    /// At the energies of [`GRID`].
    Grid(&'static [f64; GRID.len()]),
}

/// Both scales are logarithmic.
fn between(count: usize, entry: impl Fn(usize) -> (f64, f64), kev: f64) -> f64 {
    let above = (0..count).find(|at| entry(*at).0 > kev).unwrap_or(count).clamp(1, count - 1);
    let ((e0, m0), (e1, m1)) = (entry(above - 1), entry(above));
    let part = (kev.ln() - e0.ln()) / (e1.ln() - e0.ln());
    (m0.ln() + part * (m1.ln() - m0.ln())).exp()
}

const POLYETHYLENE: [(f64, f64); 23] = [
    (15.0, 0.7455),
    (20.0, 0.4315),
    (30.0, 0.2707),
    (40.0, 0.2275),
    (50.0, 0.2084),
    (60.0, 0.197),
    (80.0, 0.1823),
    (100.0, 0.1719),
    (150.0, 0.1534),
    (200.0, 0.1402),
    (300.0, 0.1217),
    (400.0, 0.1089),
    (500.0, 0.09947),
    (600.0, 0.09198),
    (800.0, 0.08078),
    (1000.0, 0.07262),
    (1250.0, 0.06495),
    (1500.0, 0.0591),
    (2000.0, 0.05064),
    (3000.0, 0.04045),
    (4000.0, 0.03444),
    (5000.0, 0.03045),
    (6000.0, 0.02761),
];

const WATER: [(f64, f64); 23] = [
    (15.0, 1.672),
    (20.0, 0.8098),
    (30.0, 0.3756),
    (40.0, 0.2683),
    (50.0, 0.2269),
    (60.0, 0.2059),
    (80.0, 0.1837),
    (100.0, 0.1707),
    (150.0, 0.1505),
    (200.0, 0.137),
    (300.0, 0.1186),
    (400.0, 0.1061),
    (500.0, 0.09687),
    (600.0, 0.08956),
    (800.0, 0.07866),
    (1000.0, 0.07072),
    (1250.0, 0.06324),
    (1500.0, 0.05754),
    (2000.0, 0.04942),
    (3000.0, 0.03969),
    (4000.0, 0.03403),
    (5000.0, 0.03031),
    (6000.0, 0.0277),
];

const SUGAR: [(f64, f64); 23] = [
    (15.0, 1.308),
    (20.0, 0.6549),
    (30.0, 0.3253),
    (40.0, 0.2427),
    (50.0, 0.2102),
    (60.0, 0.193),
    (80.0, 0.1741),
    (100.0, 0.1626),
    (150.0, 0.1439),
    (200.0, 0.1311),
    (300.0, 0.1136),
    (400.0, 0.1016),
    (500.0, 0.09278),
    (600.0, 0.08578),
    (800.0, 0.07533),
    (1000.0, 0.06773),
    (1250.0, 0.06057),
    (1500.0, 0.05512),
    (2000.0, 0.04732),
    (3000.0, 0.03798),
    (4000.0, 0.03253),
    (5000.0, 0.02895),
    (6000.0, 0.02643),
];

const SALT: [(f64, f64); 23] = [
    (15.0, 12.67),
    (20.0, 5.505),
    (30.0, 1.755),
    (40.0, 0.8335),
    (50.0, 0.5036),
    (60.0, 0.3558),
    (80.0, 0.2342),
    (100.0, 0.1867),
    (150.0, 0.1423),
    (200.0, 0.124),
    (300.0, 0.1044),
    (400.0, 0.09262),
    (500.0, 0.08421),
    (600.0, 0.07772),
    (800.0, 0.06811),
    (1000.0, 0.06117),
    (1250.0, 0.05468),
    (1500.0, 0.04984),
    (2000.0, 0.0431),
    (3000.0, 0.03547),
    (4000.0, 0.03129),
    (5000.0, 0.02873),
    (6000.0, 0.02704),
];

const ALUMINIUM: [(f64, f64); 23] = [
    (15.0, 7.955),
    (20.0, 3.442),
    (30.0, 1.128),
    (40.0, 0.5684),
    (50.0, 0.3681),
    (60.0, 0.2778),
    (80.0, 0.2018),
    (100.0, 0.1704),
    (150.0, 0.1378),
    (200.0, 0.1223),
    (300.0, 0.1042),
    (400.0, 0.09276),
    (500.0, 0.08445),
    (600.0, 0.07802),
    (800.0, 0.06841),
    (1000.0, 0.06146),
    (1250.0, 0.05496),
    (1500.0, 0.05006),
    (2000.0, 0.04324),
    (3000.0, 0.03541),
    (4000.0, 0.03106),
    (5000.0, 0.02836),
    (6000.0, 0.02655),
];

const IRON: [(f64, f64); 23] = [
    (15.0, 57.09),
    (20.0, 25.68),
    (30.0, 8.177),
    (40.0, 3.629),
    (50.0, 1.957),
    (60.0, 1.205),
    (80.0, 0.5952),
    (100.0, 0.3718),
    (150.0, 0.1964),
    (200.0, 0.1461),
    (300.0, 0.1099),
    (400.0, 0.09401),
    (500.0, 0.08415),
    (600.0, 0.07704),
    (800.0, 0.067),
    (1000.0, 0.05995),
    (1250.0, 0.0535),
    (1500.0, 0.04883),
    (2000.0, 0.04265),
    (3000.0, 0.03621),
    (4000.0, 0.03312),
    (5000.0, 0.03146),
    (6000.0, 0.03057),
];

const COPPER: [(f64, f64); 23] = [
    (15.0, 74.05),
    (20.0, 33.8),
    (30.0, 10.91),
    (40.0, 4.862),
    (50.0, 2.613),
    (60.0, 1.593),
    (80.0, 0.763),
    (100.0, 0.4585),
    (150.0, 0.2217),
    (200.0, 0.1559),
    (300.0, 0.1119),
    (400.0, 0.09413),
    (500.0, 0.08363),
    (600.0, 0.07625),
    (800.0, 0.06606),
    (1000.0, 0.05901),
    (1250.0, 0.05261),
    (1500.0, 0.04803),
    (2000.0, 0.04205),
    (3000.0, 0.03599),
    (4000.0, 0.03318),
    (5000.0, 0.03177),
    (6000.0, 0.03108),
];

const LEAD: [(f64, f64); 29] = [
    (15.0, 111.6),
    (15.199, 107.8),
    (15.201, 148.5),
    (15.86, 134.4),
    (15.862, 154.8),
    (20.0, 86.37),
    (30.0, 30.32),
    (40.0, 14.36),
    (50.0, 8.042),
    (60.0, 5.02),
    (80.0, 2.419),
    (88.003, 1.91),
    (88.005, 7.684),
    (100.0, 5.549),
    (150.0, 2.015),
    (200.0, 0.9986),
    (300.0, 0.4032),
    (400.0, 0.2323),
    (500.0, 0.1613),
    (600.0, 0.1248),
    (800.0, 0.0887),
    (1000.0, 0.07102),
    (1250.0, 0.05875),
    (1500.0, 0.05222),
    (2000.0, 0.04607),
    (3000.0, 0.04234),
    (4000.0, 0.04198),
    (5000.0, 0.04272),
    (6000.0, 0.04391),
];

const CAESIUMIODIDE: [(f64, f64); 27] = [
    (15.0, 58.16),
    (20.0, 26.86),
    (30.0, 9.045),
    (33.168, 6.926),
    (33.17, 21.22),
    (35.984, 17.18),
    (35.986, 30.26),
    (40.0, 22.97),
    (50.0, 12.87),
    (60.0, 7.921),
    (80.0, 3.677),
    (100.0, 2.035),
    (150.0, 0.7291),
    (200.0, 0.3805),
    (300.0, 0.1818),
    (400.0, 0.1237),
    (500.0, 0.09809),
    (600.0, 0.08374),
    (800.0, 0.0677),
    (1000.0, 0.05848),
    (1250.0, 0.05109),
    (1500.0, 0.04644),
    (2000.0, 0.04123),
    (3000.0, 0.03721),
    (4000.0, 0.03616),
    (5000.0, 0.03622),
    (6000.0, 0.03673),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Values printed in SRD 126 at entries, and one between two entries by hand.
    #[test]
    fn coefficients_are_those_of_the_printed_tables() {
        let near = |material: Material, kev: f64, mass: f64| {
            let found = material.attenuation(kev) / material.density();
            assert!((found / mass - 1.0).abs() < 0.003, "{material:?} at {kev} keV: {found}, expected {mass}");
        };
        near(Material::Water, 60.0, 0.2059);
        near(Material::Polyethylene, 100.0, 0.1719);
        near(Material::Aluminium, 60.0, 0.2778);
        near(Material::Iron, 60.0, 1.205);
        near(Material::Copper, 100.0, 0.4584);
        near(Material::Lead, 1000.0, 0.07102);
        // Acrylic as printed for itself, and titanium.
        near(Material::Acrylic, 60.0, 0.1924);
        near(Material::Teflon, 100.0, 0.1500);
        near(Material::Titanium, 60.0, 0.7661);
        // Between 60 and 80 keV: exp(ln 1.205 + ln(70/60)/ln(80/60) * ln(0.5952/1.205)) = 0.8260.
        near(Material::Iron, 70.0, 0.826);
    }

    #[test]
    fn effective_atomic_numbers_are_the_mean_over_electrons() {
        let of = |atoms: &[(f64, f64)]| {
            let electrons: f64 = atoms.iter().map(|(count, z)| count * z).sum();
            (atoms.iter().map(|(count, z)| count * z * z.powf(2.94)).sum::<f64>() / electrons).powf(1.0 / 2.94)
        };
        let near = |material: Material, atoms: &[(f64, f64)]| {
            let expected = of(atoms);
            assert!((material.effective_z() - expected).abs() < 0.01, "{material:?}: {expected}");
        };
        near(Material::Water, &[(2.0, 1.0), (1.0, 8.0)]);
        near(Material::Polyethylene, &[(1.0, 6.0), (2.0, 1.0)]);
        near(Material::Salt, &[(1.0, 11.0), (1.0, 17.0)]);
        near(Material::Teflon, &[(1.0, 6.0), (2.0, 9.0)]);
        near(Material::Pvc, &[(2.0, 6.0), (3.0, 1.0), (1.0, 17.0)]);
        near(Material::Chalk, &[(1.0, 20.0), (1.0, 6.0), (3.0, 8.0)]);
        near(Material::Nitrate, &[(2.0, 7.0), (4.0, 1.0), (3.0, 8.0)]);
    }

    #[test]
    fn lead_absorbs_four_times_as_much_right_above_its_edge() {
        let ratio = Material::Lead.attenuation(88.01) / Material::Lead.attenuation(88.0);
        assert!((3.9..4.1).contains(&ratio), "{ratio}");
    }
}

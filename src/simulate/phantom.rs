//! X-ray pictures of luggage that nobody packed: computed by the attenuation law from shapes with a thickness and a
//! material, with photon noise and a detector that ends at 16 bits.
//!
//! Single energy at one effective photon energy of about 60 keV, so grey only. Mass attenuation coefficients are those
//! of NIST Standard Reference Database 126 (Hubbell and Seltzer) at 60 keV: polyethylene 0.197, aluminium 0.278, iron
//! 1.205 cm²/g; densities 0.94, 2.70 and 7.87 g/cm³.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};

/// Detector counts in air, below the 65,535 of 16 bits so that noise does not clip.
const AIR: f64 = 60_000.0;
/// Photons that one detector count stands for; sets the noise.
const PHOTONS_A_COUNT: f64 = 0.5;

#[derive(Clone, Copy, Debug)]
enum Material {
    Polyethylene,
    Aluminium,
    Iron,
}

impl Material {
    /// Linear attenuation coefficient at 60 keV, 1/cm.
    const fn attenuation(self) -> f64 {
        match self {
            Self::Polyethylene => 0.197 * 0.94,
            Self::Aluminium => 0.278 * 2.70,
            Self::Iron => 1.205 * 7.87,
        }
    }
}

/// An ellipse or a box, as thick as its profile says at each place.
#[derive(Clone, Copy, Debug)]
struct Item {
    round: bool,
    centre: (f64, f64),
    half: (f64, f64),
    turn: f64,
    /// Greatest thickness along the beam, cm.
    thickness: f64,
    material: Material,
}

impl Item {
    /// Thickness that the beam meets at `(x, y)`, cm.
    fn thickness_at(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.turn.sin_cos();
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let across = (dx * cos + dy * sin) / self.half.0;
        let along = (dy * cos - dx * sin) / self.half.1;
        if self.round {
            let rest = 1.0 - across * across - along * along;
            return if rest > 0.0 { self.thickness * rest.sqrt() } else { 0.0 };
        }
        if across.abs() <= 1.0 && along.abs() <= 1.0 { self.thickness } else { 0.0 }
    }
}

/// A 16-bit grey PNG of a packed bag; the same seed gives the same bytes.
pub fn bag(seed: u64, width: u32, height: u32) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let items = pack(&mut dice, f64::from(width), f64::from(height));
    let picture = ImageBuffer::from_fn(width, height, |x, y| {
        let depth: f64 =
            items.iter().map(|item| item.material.attenuation() * item.thickness_at(f64::from(x), f64::from(y))).sum();
        Luma([detect(AIR * (-depth).exp(), &mut dice)])
    });
    let mut bytes = Vec::new();
    // Writing a PNG into memory cannot fail for a picture of this size; an empty file would be set aside, not taken.
    if DynamicImage::ImageLuma16(picture).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).is_err() {
        bytes.clear();
    }
    bytes
}

/// Counts with the noise of the photons behind them (variance = mean) as the detector reports them.
fn detect(counts: f64, dice: &mut fastrand::Rng) -> u16 {
    let spread = (counts / PHOTONS_A_COUNT).sqrt() * PHOTONS_A_COUNT;
    // Twelve uniform draws sum to a normal one closely enough for a picture.
    let normal: f64 = (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0;
    (counts + spread * normal).round().clamp(0.0, 65_535.0) as u16
}

fn pack(dice: &mut fastrand::Rng, width: f64, height: f64) -> Vec<Item> {
    let centre = (width / 2.0, height / 2.0);
    let shell = |inset: f64, thickness, material| Item {
        round: false,
        centre,
        half: (width * (0.45 - inset), height * (0.42 - inset)),
        turn: 0.0,
        thickness,
        material,
    };
    let mut items = vec![shell(0.0, 0.6, Material::Polyethylene), shell(0.02, 4.0, Material::Polyethylene)];
    for _ in 0..dice.usize(9..16) {
        let (material, thickness, size) = match dice.u8(0..10) {
            0..=5 => (Material::Polyethylene, 2.0 + 8.0 * dice.f64(), 0.16),
            6..=7 => (Material::Aluminium, 0.3 + 1.5 * dice.f64(), 0.10),
            _ => (Material::Iron, 0.05 + 0.4 * dice.f64(), 0.06),
        };
        items.push(Item {
            round: dice.bool(),
            centre: (width * (0.18 + 0.64 * dice.f64()), height * (0.2 + 0.6 * dice.f64())),
            half: (width * size * (0.25 + 0.75 * dice.f64()), height * size * (0.25 + 0.75 * dice.f64())),
            turn: std::f64::consts::PI * dice.f64(),
            thickness,
            material,
        });
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_packs_the_same_bag_and_another_seed_another() {
        assert_eq!(bag(7, 80, 60), bag(7, 80, 60));
        assert_ne!(bag(7, 80, 60), bag(8, 80, 60));
    }

    #[test]
    fn air_is_bright_and_a_bag_is_darker_but_not_black() {
        let decoded = image::load_from_memory(&bag(3, 200, 150)).unwrap().into_luma16();
        let corner = decoded.get_pixel(1, 1).0[0];
        let darkest = decoded.pixels().map(|pixel| pixel.0[0]).min().unwrap();
        assert!(corner > 58_000, "air {corner}");
        assert!(darkest < corner / 2, "darkest {darkest}");
    }

    #[test]
    fn an_iron_plate_of_1_mm_lets_through_what_the_attenuation_law_says() {
        let plate = Item {
            round: false,
            centre: (0.0, 0.0),
            half: (1.0, 1.0),
            turn: 0.0,
            thickness: 0.1,
            material: Material::Iron,
        };
        let through = (-plate.material.attenuation() * plate.thickness_at(0.0, 0.0)).exp();
        assert!((through - 0.387).abs() < 0.001, "{through}");
    }
}

//! What a thermal imager's picture says of a person's temperature, and when it says nothing that counts.
//!
//! ```text
//!  Frame (counts, as the camera gave them)
//!    │ radiance: Planck, emissivity, air between ──► Thermogram (°C a pixel)
//!    │ blackbody: what the camera makes of a known temperature ──► corrected, or refused
//!    │ face: the warmest stable area of the measurement window
//!    ▼ conditions: did all hold? ──► a value, or invalid with every reason. Invalid is not normal.
//! ```
//! Pure: numbers in, numbers out. The bytes of files are read elsewhere, in a process of their own.

pub mod blackbody;
pub mod condition;
pub mod face;
pub mod population;
pub mod radiance;

use serde::{Deserialize, Serialize};

use self::radiance::Scale;

/// Longest side of a thermal picture; imagers of this decade have 1,280.
pub const SIDE_LIMIT: u32 = 4_096;
/// Marked places of one file at most.
pub const SPOTS_LIMIT: usize = 64;

/// How a file or frame says its counts are to be understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imager {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What the camera calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its serial number: the same camera after a reboot has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// How counts become degrees.
    pub scale: Scale,
    /// Places that somebody marked in the camera, whole pixels.
    pub spots: Vec<Spot>,
}

/// A marked place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// What it is called.
    pub label: String,
}

impl Imager {
    /// Pixels of the picture; `None` where a side is beyond every imager.
    pub fn pixels(&self) -> Option<usize> {
        let sides = 1..=SIDE_LIMIT;
        let sound = sides.contains(&self.width) && sides.contains(&self.height) && self.spots.len() <= SPOTS_LIMIT;
        usize::try_from(u64::from(self.width) * u64::from(self.height)).ok().filter(|_| sound)
    }
}

/// One picture as the camera gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What it is.
    pub imager: Imager,
    /// [`Imager::pixels`] counts, rows from the top.
    pub counts: Vec<u16>,
}

impl Frame {
    /// Degrees of every pixel; `None` where the scale is not known.
    pub fn thermogram(&self) -> Option<Thermogram> {
        let degrees = self.imager.scale.table(&self.counts)?;
        let celsius = self.counts.iter().map(|count| degrees.celsius(*count)).collect();
        Thermogram::new(self.imager.width as usize, celsius)
    }
}

/// Degrees Celsius of every pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Thermogram {
    width: usize,
    celsius: Vec<f32>,
}

/// A pixel with its temperature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Warm {
    /// Pixels from the left.
    pub x: usize,
    /// Pixels from the top.
    pub y: usize,
    /// Degrees Celsius.
    pub celsius: f32,
}

impl Thermogram {
    /// Rows from the top; a pixel without a temperature is not a number. `None` where the rows are not whole.
    pub fn new(width: usize, celsius: Vec<f32>) -> Option<Self> {
        (width > 0 && !celsius.is_empty() && celsius.len().is_multiple_of(width)).then_some(Self { width, celsius })
    }

    /// Pixels across.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub const fn height(&self) -> usize {
        self.celsius.len() / self.width
    }

    /// The temperature of a pixel; `None` outside the picture and where there is none.
    pub fn at(&self, x: usize, y: usize) -> Option<f32> {
        let inside = x < self.width && y < self.height();
        inside.then(|| self.celsius[y * self.width + x]).filter(|celsius| celsius.is_finite())
    }

    fn row(&self, y: usize) -> Option<&[f32]> {
        self.celsius.chunks(self.width).nth(y)
    }

    /// The coldest pixel.
    pub fn coldest(&self) -> Option<Warm> {
        self.extreme(|a, b| a < b)
    }

    /// The warmest pixel.
    pub fn warmest(&self) -> Option<Warm> {
        self.extreme(|a, b| a > b)
    }

    /// The same with every temperature changed.
    #[must_use]
    pub fn map(&self, change: impl Fn(f32) -> f32) -> Self {
        Self { width: self.width, celsius: self.celsius.iter().map(|celsius| change(*celsius)).collect() }
    }

    /// Pixels with a temperature, rows from the top.
    pub fn pixels(&self) -> impl Iterator<Item = Warm> + '_ {
        let place = |(at, celsius): (usize, &f32)| Warm { x: at % self.width, y: at / self.width, celsius: *celsius };
        self.celsius.iter().enumerate().filter(|(_, celsius)| celsius.is_finite()).map(place)
    }

    fn extreme(&self, better: impl Fn(f32, f32) -> bool) -> Option<Warm> {
        self.pixels().reduce(|best, warm| if better(warm.celsius, best.celsius) { warm } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coldest_and_the_warmest_pixel_are_found_among_those_that_have_a_temperature() {
        let picture = Thermogram::new(3, vec![20.0, f32::NAN, 36.5, 19.5, 20.0, 22.0]).unwrap();
        assert_eq!(picture.coldest(), Some(Warm { x: 0, y: 1, celsius: 19.5 }));
        assert_eq!(picture.warmest(), Some(Warm { x: 2, y: 0, celsius: 36.5 }));
        assert_eq!((picture.at(1, 0), picture.at(3, 0), picture.at(0, 2)), (None, None, None));
        assert_eq!(Thermogram::new(4, vec![0.0; 6]), None, "half a row");
    }
}

//! What a desk marks in an image, and which image it looked at.
//!
//! Marks are counted in whole pixels of the image as it came: `x` is the line, from the edge that went through the beam
//! first, `y` the detector element. They are the desk's own until a joint examination begins.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Most regions of one verdict.
pub const REGIONS_MAX: usize = 100;
/// Most corners of one polygon.
pub const POINTS_MAX: usize = 100;
/// Longest note, in bytes.
pub const NOTE_MAX: usize = 2_000;

/// Which image a desk judged, and how many images there were when it did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageRef {
    /// The image's id: what the screens call it while its lines come in, else the SHA-256 of its file.
    pub id: Arc<str>,
    /// Images bound to the inspection so far; rises with each one.
    pub revision: u32,
}

/// What is suspected in a region, or was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Guns and parts of them.
    Firearm,
    /// Knives and other blades.
    Blade,
    /// Explosives and detonators.
    Explosive,
    /// Ammunition.
    Ammunition,
    /// Flammable liquids and gases.
    Flammable,
    /// Drugs and what they are made from.
    Drugs,
    /// Cash and bearer papers.
    Currency,
    /// Animals and plants, and parts of them.
    AnimalOrPlant,
    /// Food.
    Food,
    /// Electronic devices.
    Electronics,
    /// Goods that are not what was declared.
    Undeclared,
    /// Anything else.
    Other,
}

impl Category {
    /// Every category. The order is that of sealed records: it is only ever added to at the end.
    pub const ALL: [Self; 12] = [
        Self::Firearm,
        Self::Blade,
        Self::Explosive,
        Self::Ammunition,
        Self::Flammable,
        Self::Drugs,
        Self::Currency,
        Self::AnimalOrPlant,
        Self::Food,
        Self::Electronics,
        Self::Undeclared,
        Self::Other,
    ];

    /// The word in acts, records and views.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Firearm => "firearm",
            Self::Blade => "blade",
            Self::Explosive => "explosive",
            Self::Ammunition => "ammunition",
            Self::Flammable => "flammable",
            Self::Drugs => "drugs",
            Self::Currency => "currency",
            Self::AnimalOrPlant => "animal_or_plant",
            Self::Food => "food",
            Self::Electronics => "electronics",
            Self::Undeclared => "undeclared",
            Self::Other => "other",
        }
    }

    /// The category that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.word() == word)
    }
}

/// The outline of a region, in whole pixels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub enum Shape {
    /// Upright.
    Box {
        /// First line.
        x: u32,
        /// First detector element.
        y: u32,
        /// Lines, at least 1.
        width: u32,
        /// Detector elements, at least 1.
        height: u32,
    },
    /// Closed by itself: the last corner is joined to the first.
    Polygon {
        /// Corners as `[x, y]`, at least three.
        points: Vec<(u32, u32)>,
    },
}

/// One region that a desk marked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// The view, from 0.
    pub view: u8,
    /// Its outline.
    #[serde(flatten)]
    pub shape: Shape,
    /// What is suspected there.
    pub category: Category,
}

/// Whether these regions may be taken; the error is the sentence for the person.
///
/// # Errors
/// When there are too many, or one of them encloses nothing.
pub fn bounded(regions: &[Region]) -> Result<(), String> {
    if regions.len() > REGIONS_MAX {
        return Err(format!("{} regions are marked, more than {REGIONS_MAX}; nothing was done", regions.len()));
    }
    for (number, region) in (1..).zip(regions) {
        match &region.shape {
            Shape::Box { x, y, width, height } => {
                let ends = [(x, width), (y, height)].map(|(from, size)| from.checked_add(*size));
                if *width == 0 || *height == 0 || ends.contains(&None) {
                    return Err(format!("region {number} is empty or ends outside of any image; mark it again"));
                }
            }
            Shape::Polygon { points } if !(3..=POINTS_MAX).contains(&points.len()) => {
                let count = points.len();
                return Err(format!("region {number} has {count} corners; expected 3 to {POINTS_MAX}, mark it again"));
            }
            Shape::Polygon { .. } => {}
        }
    }
    Ok(())
}

/// Regions as they are sealed: a row of numbers each, because what is sealed has one length whatever it says.
///
/// View and category come first; then a box in four numbers, or a polygon's corners, each after the first as its
/// distance from the one before.
pub(super) mod rows {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Category, Region, Shape};

    pub(crate) fn serialize<S: Serializer>(regions: &[Region], to: S) -> Result<S::Ok, S::Error> {
        regions.iter().map(row).collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Region>, D::Error> {
        let rows = Vec::<Vec<i64>>::deserialize(from)?;
        let regions = rows.iter().map(|row| region(row));
        regions.collect::<Option<_>>().ok_or_else(|| serde::de::Error::custom("a row of numbers is no region"))
    }

    fn row(region: &Region) -> Vec<i64> {
        let category = Category::ALL.iter().position(|category| *category == region.category);
        let mut row = vec![i64::from(region.view), category.and_then(|at| i64::try_from(at).ok()).unwrap_or_default()];
        match &region.shape {
            Shape::Box { x, y, width, height } => row.extend([*x, *y, *width, *height].map(i64::from)),
            Shape::Polygon { points } => {
                let mut before = (0, 0);
                for point in points {
                    let (x, y) = (i64::from(point.0), i64::from(point.1));
                    row.extend([x - before.0, y - before.1]);
                    before = (x, y);
                }
            }
        }
        row
    }

    fn region(row: &[i64]) -> Option<Region> {
        let (&[view, category], rest) = row.split_first_chunk::<2>()?;
        let category = *Category::ALL.get(usize::try_from(category).ok()?)?;
        let shape = match rest {
            [x, y, width, height] => {
                let number = |number: &i64| u32::try_from(*number).ok();
                Shape::Box { x: number(x)?, y: number(y)?, width: number(width)?, height: number(height)? }
            }
            corners if corners.len() >= 6 && corners.len().is_multiple_of(2) => {
                let (mut x, mut y) = (0_i64, 0_i64);
                let points = corners.chunks_exact(2).map(|step| {
                    (x, y) = (x.checked_add(step[0])?, y.checked_add(step[1])?);
                    Some((u32::try_from(x).ok()?, u32::try_from(y).ok()?))
                });
                Shape::Polygon { points: points.collect::<Option<_>>()? }
            }
            _ => return None,
        };
        Some(Region { view: u8::try_from(view).ok()?, shape, category })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sealed(#[serde(with = "rows")] Vec<Region>);

    fn frame(x: u32, width: u32) -> Region {
        Region { view: 1, shape: Shape::Box { x, y: 7, width, height: 2 }, category: Category::Drugs }
    }

    fn polygon(points: &[(u32, u32)]) -> Region {
        Region { view: 0, shape: Shape::Polygon { points: points.to_vec() }, category: Category::Other }
    }

    #[test]
    fn a_region_is_written_flat_with_its_shape_named() {
        let text = r#"{"view":1,"shape":"box","x":3,"y":7,"width":9,"height":2,"category":"drugs"}"#;
        assert_eq!(serde_json::from_str::<Region>(text).unwrap(), frame(3, 9));
        assert_eq!(serde_json::to_string(&frame(3, 9)).unwrap(), text);
        let text = r#"{"view":0,"shape":"polygon","points":[[1,2],[3,4],[0,9]],"category":"other"}"#;
        assert_eq!(serde_json::from_str::<Region>(text).unwrap(), polygon(&[(1, 2), (3, 4), (0, 9)]));
        assert!(serde_json::from_str::<Region>(&text.replace("other", "gold")).is_err(), "a closed list");
    }

    #[test]
    fn what_encloses_nothing_or_is_too_much_is_refused() {
        let refused = |regions: &[Region]| bounded(regions).unwrap_err();
        assert_eq!(bounded(&vec![frame(0, 1); REGIONS_MAX]), Ok(()));
        assert!(refused(&vec![frame(0, 1); REGIONS_MAX + 1]).contains("101 regions"));
        assert!(refused(&[frame(0, 1), frame(0, 0)]).starts_with("region 2 is empty"));
        assert!(refused(&[frame(u32::MAX, 1)]).contains("outside"));
        assert!(refused(&[polygon(&[(0, 0), (1, 1)])]).contains("2 corners"));
        assert!(refused(&[polygon(&[(0, 0); POINTS_MAX + 1])]).contains("101 corners"));
    }

    #[test]
    fn what_is_sealed_comes_back_as_it_was() {
        let far = polygon(&[(u32::MAX, 0), (0, u32::MAX), (5, 5), (4, 6)]);
        let regions = Sealed(vec![frame(3, 9), far, polygon(&[(1, 1), (2, 2), (3, 1)])]);
        let text = serde_json::to_string(&regions).unwrap();
        assert!(text.starts_with("[[1,5,3,7,9,2],"), "{text}");
        assert_eq!(serde_json::from_str::<Sealed>(&text).unwrap(), regions);
        for broken in ["[[1]]", "[[1,99,3,7,9,2]]", "[[0,1,1,1,1]]", "[[0,1,-1,1,1,1]]", "[[0,1,1,1,-2,1,0,0]]"] {
            assert!(serde_json::from_str::<Sealed>(broken).is_err(), "{broken}");
        }
    }
}

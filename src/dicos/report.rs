//! Threat detection reports: what a desk decided, and what all desks come to.
//!
//! An operator is a number within the inspection and the agency: who that was is in the lane's own records, and a report
//! that goes on to other systems tells nobody's name and cannot be matched with another report of the same person.

use dicom_dictionary_std::{tags, uids};
use jiff::Timestamp;

use super::element::{Set, of_dicos};
use super::{Inspection, NotWritten, Reference, Series, Written, common, uid};

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Place among the reports of the inspection, from 1.
    pub number: u32,
    /// Whose.
    pub maker: Maker,
    /// What was decided.
    pub decision: Decision,
    /// When.
    pub decided: Timestamp,
    /// When the desks were asked.
    pub asked: Timestamp,
    /// Why there is no decision of a person; `None` where there is one.
    pub abort: Option<Abort>,
    /// What may be shown of where and what; nothing sealed.
    pub objects: Vec<Object>,
    /// The images that it is about.
    pub images: Vec<Reference>,
}

/// Whose report it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// One desk's officer.
    Operator(Operator),
    /// All desks together.
    Aggregate,
}

/// Who sat at a desk, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Agency id.
    pub agency: String,
    /// The number of the officer among those of this inspection, from 1; `None` where nobody judged.
    pub number: Option<u32>,
}

/// The standard's alarm decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing found.
    Clear,
    /// Something found.
    Alarm,
    /// Nobody can tell, or nobody said.
    Unknown,
}

impl Decision {
    const fn word(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Alarm => "ALARM",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Why there is no decision of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// The time for it was up.
    Timeout,
    /// Nobody judged, and no time was up.
    NotReviewed,
}

impl Abort {
    const fn word(self) -> &'static str {
        match self {
            Self::Timeout => "TIMEOUT",
            Self::NotReviewed => "NOT_REVIEWED",
        }
    }
}

/// A potential threat object that a person marked and that may be shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it is taken for.
    pub category: Category,
    /// The lane's own word for that.
    pub words: String,
    /// The image it is marked in, as a place in [`Report::images`].
    pub image: usize,
    /// Where, in pixels of that image.
    pub shape: Shape,
}

/// The standard's threat categories that a lane uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Explosives.
    Explosive,
    /// What may not be carried: weapons, ammunition, what burns.
    ProhibitedItem,
    /// What may not be brought in, or not undeclared.
    Contraband,
    /// Anything else.
    Other,
}

impl Category {
    /// The category for a lane's own word.
    pub fn of(word: &str) -> Self {
        match word {
            "explosive" => Self::Explosive,
            "firearm" | "blade" | "ammunition" | "flammable" => Self::ProhibitedItem,
            "drugs" | "currency" | "animal_or_plant" | "food" | "undeclared" => Self::Contraband,
            _ => Self::Other,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Explosive => "EXPLOSIVE",
            Self::ProhibitedItem => "PI",
            Self::Contraband => "CONTRABAND",
            Self::Other => "OTHER",
        }
    }
}

/// Where something is, in pixels from the image's upper left corner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A box.
    Box {
        /// Column of its left side.
        x: u32,
        /// Row of its upper side.
        y: u32,
        /// Columns, at least 1.
        width: u32,
        /// Rows, at least 1.
        height: u32,
    },
    /// A closed line through these points, at least three.
    Polygon {
        /// Column and row of each.
        points: Vec<(u32, u32)>,
    },
}

impl Shape {
    /// Left, upper, width, height of the box around it.
    fn around(&self) -> [f32; 4] {
        match self {
            Self::Box { x, y, width, height } => [*x, *y, *width, *height].map(|number| number as f32),
            Self::Polygon { points } => {
                let (xs, ys) = (points.iter().map(|point| point.0), points.iter().map(|point| point.1));
                let (left, upper) = (xs.clone().min().unwrap_or(0), ys.clone().min().unwrap_or(0));
                let (right, lower) = (xs.max().unwrap_or(0), ys.max().unwrap_or(0));
                [left, upper, (right - left).max(1), (lower - upper).max(1)].map(|number| number as f32)
            }
        }
    }

    /// Points x, y, z one after the other; z is 0 in a projection. Two are opposite corners.
    fn outline(&self) -> Vec<f32> {
        match self {
            Self::Box { .. } => {
                let [x, y, width, height] = self.around();
                vec![x, y, 0.0, x + width, y + height, 0.0]
            }
            Self::Polygon { points } => points.iter().flat_map(|(x, y)| [*x as f32, *y as f32, 0.0]).collect(),
        }
    }
}

/// Writes a threat detection report.
///
/// # Errors
/// When an object names an image that the report does not, or the file cannot be written.
pub fn write(inspection: &Inspection, report: &Report) -> Result<Written, NotWritten> {
    let content = format!("{report:?} {}", env!("CARGO_PKG_VERSION"));
    let reference = Reference {
        class: uids::DICOS_THREAT_DETECTION_REPORT_STORAGE.to_owned(),
        instance: uid(&["report", &inspection.id, &content]),
    };
    let mut set = Set::new();
    let series = Series {
        modality: "TDR",
        device: "Portside",
        made: report.decided,
        began: report.asked,
        number: report.number,
    };
    common(&mut set, inspection, &series)?;
    set.text(tags::ACQUISITION_STATUS, "SUCCESSFUL")?;
    set.text(tags::FRAME_OF_REFERENCE_UID, &uid(&["frame of reference", &inspection.id]))?;
    set.unknown(tags::POSITION_REFERENCE_INDICATOR)?;
    set.references(tags::REFERENCED_STUDY_SEQUENCE, &report.images)?;
    set.text(tags::ADDITIONAL_SCREENING_PERFORMED, "NO")?;
    // Regions are in pixels of the image.
    set.double(of_dicos::IMAGE_SCALE, 1.0)?;
    maker(&mut set, report)?;
    decision(&mut set, report)?;
    Ok(Written { bytes: set.file(&reference)?, reference })
}

fn maker(set: &mut Set, report: &Report) -> Result<(), NotWritten> {
    match &report.maker {
        Maker::Aggregate => set.text(tags::TDR_TYPE, "AGGREGATE"),
        Maker::Operator(operator) => {
            set.text(tags::TDR_TYPE, "OPERATOR")?;
            set.items(tags::OPERATOR_IDENTIFICATION_SEQUENCE, vec![identification(operator)?])
        }
    }
}

/// Person Identification Macro: the operator's code, and how that is encoded (context group DCS4).
fn identification(operator: &Operator) -> Result<Set, NotWritten> {
    let (value, meaning) = match operator.number {
        Some(number) => (format!("OFFICER-{number}"), format!("officer {number} of {}", operator.agency)),
        None => ("NOBODY".to_owned(), format!("nobody of {}", operator.agency)),
    };
    let mut item = Set::new();
    let codes = vec![code(&value, "99PORTSIDE", &meaning)?, code("100001", "DCS", "Text Encoding")?];
    item.items(tags::PERSON_IDENTIFICATION_CODE_SEQUENCE, codes)?;
    item.text(tags::INSTITUTION_NAME, &operator.agency)?;
    Ok(item)
}

fn code(value: &str, scheme: &str, meaning: &str) -> Result<Set, NotWritten> {
    let mut item = Set::new();
    item.text(tags::CODE_VALUE, value)?;
    item.text(tags::CODING_SCHEME_DESIGNATOR, scheme)?;
    item.text(tags::CODE_MEANING, meaning)?;
    Ok(item)
}

fn decision(set: &mut Set, report: &Report) -> Result<(), NotWritten> {
    set.text(tags::ALARM_DECISION, report.decision.word())?;
    set.moment(tags::ALARM_DECISION_TIME, report.decided)?;
    set.text(tags::ABORT_FLAG, if report.abort.is_some() { "ABORT" } else { "SUCCESS" })?;
    if let Some(abort) = report.abort {
        set.text(tags::ABORT_REASON, abort.word())?;
    }
    set.floats(tags::TOTAL_PROCESSING_TIME, vec![took(report)])?;
    let items = threats(report)?;
    let count = u16::try_from(items.len()).unwrap_or(u16::MAX);
    set.number(tags::NUMBER_OF_TOTAL_OBJECTS, count)?;
    set.number(tags::NUMBER_OF_ALARM_OBJECTS, if report.decision == Decision::Alarm { count } else { 0 })?;
    set.items(tags::THREAT_SEQUENCE, items)
}

/// Milliseconds; the standard asks for more than nothing.
fn took(report: &Report) -> f32 {
    report.decided.duration_since(report.asked).as_millis().max(1) as f32
}

/// The objects that may be shown. An alarm has at least one: without any to show, one that says neither where nor how many
/// there are, so that nothing follows from it about what is sealed.
fn threats(report: &Report) -> Result<Vec<Set>, NotWritten> {
    if report.objects.is_empty() && report.decision == Decision::Alarm {
        let words = "what was seen, and where, is not in this file";
        return Ok(vec![threat(1, Category::Other, words, report)?]);
    }
    let items = report.objects.iter().zip(1..).map(|(object, id)| {
        let mut item = threat(id, object.category, &object.words, report)?;
        let image = report.images.get(object.image);
        let image = image.ok_or_else(|| NotWritten(format!("object {id} is marked in no image of the report")))?;
        item.items(tags::PTO_REPRESENTATION_SEQUENCE, vec![representation(image, &object.shape)?])?;
        Ok(item)
    });
    items.collect()
}

fn threat(id: u16, category: Category, words: &str, report: &Report) -> Result<Set, NotWritten> {
    let mut assessment = Set::new();
    assessment.text(tags::THREAT_CATEGORY, category.word())?;
    assessment.text(tags::THREAT_CATEGORY_DESCRIPTION, words)?;
    assessment.text(tags::ATD_ABILITY_ASSESSMENT, "NO_INTERFERENCE")?;
    let flag = match report.decision {
        Decision::Alarm => "THREAT",
        Decision::Clear => "NO_THREAT",
        Decision::Unknown => "UNKNOWN",
    };
    assessment.text(tags::ATD_ASSESSMENT_FLAG, flag)?;
    let mut item = Set::new();
    item.number(tags::POTENTIAL_THREAT_OBJECT_ID, id)?;
    item.moment(of_dicos::PROCESSING_START_TIME, report.asked)?;
    item.moment(of_dicos::PROCESSING_END_TIME, report.decided)?;
    item.floats(of_dicos::PROCESSING_TIME, vec![took(report)])?;
    item.items(tags::ATD_ASSESSMENT_SEQUENCE, vec![assessment])?;
    Ok(item)
}

fn representation(image: &Reference, shape: &Shape) -> Result<Set, NotWritten> {
    let [x, y, width, height] = shape.around();
    let mut region = Set::new();
    region.floats(tags::THREAT_ROI_BASE, vec![x, y, 0.0])?;
    region.floats(tags::THREAT_ROI_EXTENTS, vec![width, height, 0.0])?;
    // Empty: all of it.
    region.unknown(tags::THREAT_ROI_BITMAP)?;
    let mut item = Set::new();
    item.references(tags::REFERENCED_INSTANCE_SEQUENCE, std::slice::from_ref(image))?;
    item.items(tags::THREAT_ROI_VOXEL_SEQUENCE, vec![region])?;
    item.floats(tags::BOUNDING_POLYGON, shape.outline())?;
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_around_a_polygon_holds_all_its_points() {
        let shape = Shape::Polygon { points: vec![(10, 40), (30, 20), (25, 60)] };
        assert_eq!(shape.around(), [10.0, 20.0, 20.0, 40.0]);
        assert_eq!(shape.outline(), [10.0, 40.0, 0.0, 30.0, 20.0, 0.0, 25.0, 60.0, 0.0]);
        let shape = Shape::Box { x: 5, y: 6, width: 7, height: 8 };
        assert_eq!(shape.outline(), [5.0, 6.0, 0.0, 12.0, 14.0, 0.0]);
    }

    #[test]
    fn every_category_of_a_lane_has_a_word_of_the_standard() {
        let words = ["firearm", "explosive", "drugs", "electronics", "something else"];
        assert_eq!(words.map(|word| Category::of(word).word()), ["PI", "EXPLOSIVE", "CONTRABAND", "OTHER", "OTHER"]);
    }
}

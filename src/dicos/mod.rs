//! DICOS files (NEMA IIC 1, DICOM for security screening): what a lane saw and what its desks said, in the form that
//! other systems of this field read. Bytes out of plain structs; `docs/dicos.md` says which attribute carries what.
//!
//! ```text
//!  Inspection + Projection ──image::write──► DX for processing: the samples as measured, one file a view and energy
//!  Inspection + Report ─────report::write──► TDR: OPERATOR, one a desk; AGGREGATE, what all of them come to
//! ```
//! Only registered attributes are written: [`element`] takes every value representation from the DICOM registry (PS3.6), and
//! from a list of the seven that DICOS has otherwise or alone, and refuses a tag of neither. What nobody told the lane (calibration, tube
//! voltage and current) is empty, or 0 where the standard wants a number; it is never invented.

mod element;
mod image;
mod report;

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use image::{Energy, Projection, write as write_image};
pub use report::{Abort, Category, Decision, Maker, Object, Operator, Report, Shape, write as write_report};

use element::Set;

/// The edition of the standard whose structure is followed.
const EDITION: &str = "V03";

/// What the passage was, for every file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its id in the records.
    pub id: String,
    /// Port id.
    pub port: String,
    /// Lane id.
    pub lane: String,
    /// What the subject is.
    pub subject: Subject,
    /// Plate, container number, tag; empty where nobody named it.
    pub identity: Option<String>,
    /// When it began.
    pub opened: Timestamp,
}

/// The standard's object of inspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A bag or a parcel. Threat reports say where things are in it.
    Baggage,
    /// A vehicle or a container. The standard's threat reports have particulars for baggage and persons alone.
    Cargo,
}

impl Subject {
    const fn word(self) -> &'static str {
        match self {
            Self::Baggage => "BAGGAGE",
            Self::Cargo => "CARGO",
        }
    }
}

/// A written file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// SOP class and instance, by which other files name it.
    pub reference: Reference,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How one file names another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// SOP class UID.
    pub class: String,
    /// SOP instance UID.
    pub instance: String,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritten(String);

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotWritten {}

/// A UID that the same parts always give: `2.25.` and a UUID as a decimal number (PS3.5 B.2), the UUID made of the parts'
/// SHA-256 (RFC 9562, version 8).
fn uid(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    format!("2.25.{}", uuid::Builder::from_custom_bytes(first).into_uuid().as_u128())
}

/// Modules that every object of an inspection has: patient (the object of inspection), study, series, equipment.
fn common(set: &mut Set, inspection: &Inspection, series: &Series<'_>) -> Result<(), NotWritten> {
    use dicom_dictionary_std::tags;
    let study = uid(&["study", &inspection.id]);
    // Names of subjects and agencies are Chinese: UTF-8 (PS3.3 C.12.1.1.2).
    set.text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192")?;
    set.date_and_time(tags::INSTANCE_CREATION_DATE, tags::INSTANCE_CREATION_TIME, series.made)?;
    set.date_and_time(tags::STUDY_DATE, tags::STUDY_TIME, inspection.opened)?;
    set.date_and_time(tags::SERIES_DATE, tags::SERIES_TIME, series.began)?;
    set.date_and_time(tags::CONTENT_DATE, tags::CONTENT_TIME, series.made)?;
    set.text(tags::TIMEZONE_OFFSET_FROM_UTC, "+0000")?;
    set.text(tags::MODALITY, series.modality)?;
    set.text(tags::MANUFACTURER, "Portside")?;
    set.text(tags::INSTITUTION_NAME, &inspection.port)?;
    set.text(tags::INSTITUTION_ADDRESS, &inspection.port)?;
    set.text(tags::INSTITUTIONAL_DEPARTMENT_NAME, "")?;
    set.text(tags::STATION_NAME, &inspection.lane)?;
    set.text(tags::MANUFACTURER_MODEL_NAME, series.device)?;
    set.text(tags::DEVICE_SERIAL_NUMBER, "unknown")?;
    set.text(tags::SOFTWARE_VERSIONS, env!("CARGO_PKG_VERSION"))?;
    set.unknown(tags::DATE_OF_LAST_CALIBRATION)?;
    set.unknown(tags::TIME_OF_LAST_CALIBRATION)?;
    set.text(tags::PATIENT_ID, inspection.identity.as_deref().unwrap_or(&inspection.id))?;
    set.text(tags::ISSUER_OF_PATIENT_ID, &inspection.port)?;
    set.text(tags::TYPE_OF_PATIENT_ID, "TEXT")?;
    set.text(tags::STUDY_INSTANCE_UID, &study)?;
    set.text(tags::SERIES_INSTANCE_UID, &uid(&["series", &inspection.id, series.modality]))?;
    set.text(tags::STUDY_ID, &inspection.id)?;
    set.text(tags::INSTANCE_NUMBER, &series.number.to_string())?;
    set.text(tags::DICOS_VERSION, EDITION)?;
    set.text(tags::OOI_TYPE, inspection.subject.word())?;
    set.text(tags::SCAN_TYPE, "OPERATIONAL")?;
    set.items(tags::ALGORITHM_ROUTING_CODE_SEQUENCE, Vec::new())
}

/// Where a file stands among the files of its inspection.
struct Series<'a> {
    modality: &'static str,
    device: &'a str,
    /// When what the file says was made.
    made: Timestamp,
    /// When the first file of its kind was.
    began: Timestamp,
    /// From 1.
    number: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_give_the_same_uid_and_no_other_parts_do() {
        let one = uid(&["study", "a"]);
        assert_eq!(one, uid(&["study", "a"]));
        assert_ne!(one, uid(&["studya"]));
        assert!(one.len() <= 64 && one.starts_with("2.25.") && one[5..].bytes().all(|digit| digit.is_ascii_digit()));
    }

    /// What `python3 -c` says of the rule above: other programs may make the same UIDs.
    #[test]
    fn a_uid_is_the_one_that_another_program_makes() {
        assert_eq!(uid(&["study", "a"]), "2.25.228251159415033953527568825822240126123");
    }
}

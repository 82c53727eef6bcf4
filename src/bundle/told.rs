//! What the records of one inspection say of it, for the files that are made of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::Refusal;
use crate::dicos::{Category, Decision, Shape, Subject};
use crate::journal::{Record, Stored, Stream};

/// Whether an inspection that goes on may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Only one that is closed.
    Closed,
    /// As far as it is, without anything that is sealed.
    Open,
}

/// One inspection as its records tell it.
#[derive(Clone, Debug)]
pub struct Told {
    pub(super) id: String,
    pub(super) port: String,
    pub(super) lane: String,
    pub(super) epoch: String,
    pub(super) closed: bool,
    pub(super) subject: Subject,
    pub(super) identity: Option<String>,
    pub(super) opened: Timestamp,
    /// When the desks were asked, and how long they had.
    pub(super) asked: Option<(Timestamp, i64)>,
    pub(super) pictures: Vec<Pictured>,
    pub(super) desks: Vec<Desk>,
    /// Evidence that the records name, with the ending of its file's name.
    pub(super) evidence: BTreeMap<String, &'static str>,
    /// What may leave, by stream in order of sequence.
    pub(super) records: BTreeMap<Stream, Vec<Stored>>,
    pub(super) held_back: BTreeMap<String, u64>,
    /// Places of the journal that could not be read: records of it may have been there.
    pub(super) damage: Vec<String>,
}

/// A picture that became evidence.
#[derive(Clone, Debug)]
pub(super) struct Pictured {
    pub(super) sha256: String,
    pub(super) sidecar: Option<String>,
    /// The id under which screens showed it.
    pub(super) image: Option<String>,
    pub(super) device: String,
    /// What the machine called the file.
    pub(super) name: String,
    pub(super) raw: bool,
    pub(super) at: Timestamp,
    /// Distance of rows and columns in micrometres.
    pub(super) spacing_um: Option<(u32, u32)>,
}

/// What a desk said, once it was opened.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) agency: String,
    pub(super) required: bool,
    /// `None`: not reviewed.
    pub(super) verdict: Option<Decision>,
    pub(super) officer: Option<String>,
    pub(super) decided: Timestamp,
    /// The image that the marks are in.
    pub(super) image: Option<String>,
    /// Marks that are shared.
    pub(super) marks: Vec<Mark>,
}

/// A mark in an image.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) view: usize,
    pub(super) category: String,
    pub(super) shape: Shape,
}

impl Told {
    /// What `records` tell; all of them are of one inspection of one journal.
    ///
    /// Held back: what is in an agency's own stream, always; records of earlier exports, which would make each export
    /// another; and while the inspection is open every record with a sealed part, and who did what (`audit`), because
    /// keys of sealed verdicts still exist and desks are not to learn of each other.
    ///
    /// # Errors
    /// [`Refusal::Open`] and [`Refusal::NoRecords`], and [`Refusal::Record`] for bytes that are no record.
    pub fn of(inspection: &str, records: &[Stored], wanted: Wanted) -> Result<Self, Refusal> {
        let mut parsed = Vec::new();
        for stored in records {
            let record = Record::parse(&stored.bytes).map_err(|error| Refusal::Record(error.to_string()))?;
            parsed.push((stored, record));
        }
        let Some((_, first)) = parsed.first() else { return Err(Refusal::NoRecords) };
        let closed = parsed.iter().any(|(_, record)| record.kind == "inspection.closed");
        if !closed && wanted == Wanted::Closed {
            return Err(Refusal::Open { inspection: inspection.to_owned() });
        }
        let mut place = first.source.split('/').skip(1).map(str::to_owned);
        let mut told = Self {
            id: inspection.to_owned(),
            port: place.next().unwrap_or_default(),
            lane: place.next().unwrap_or_default(),
            epoch: first.epoch.to_string(),
            closed,
            subject: Subject::Cargo,
            identity: None,
            opened: first.time,
            asked: None,
            pictures: Vec::new(),
            desks: Vec::new(),
            evidence: BTreeMap::new(),
            records: BTreeMap::new(),
            held_back: BTreeMap::new(),
            damage: Vec::new(),
        };
        for (stored, record) in parsed {
            told.take(stored, &record);
        }
        for records in told.records.values_mut() {
            records.sort_by_key(|stored| stored.sequence);
        }
        Ok(told)
    }

    /// The same, beside places of the journal that could not be read.
    #[must_use]
    pub fn beside(self, damage: Vec<String>) -> Self {
        Self { damage, ..self }
    }

    fn take(&mut self, stored: &Stored, record: &Record<'_>) {
        if record.kind == "audit.exported" {
            return;
        }
        let data = record.value();
        if !self.may_leave(stored, &data) {
            *self.held_back.entry(stored.stream.to_string()).or_default() += 1;
            return;
        }
        named(&data, &mut self.evidence);
        if stored.stream == Stream::Inspection {
            self.learn(record, &data);
        }
        self.records.entry(stored.stream.clone()).or_default().push(stored.clone());
    }

    fn may_leave(&self, stored: &Stored, data: &Value) -> bool {
        match stored.stream {
            Stream::Agency(_) => false,
            Stream::Audit => self.closed,
            Stream::Alarm | Stream::Inspection | Stream::Device | Stream::Telemetry => self.closed || !sealed(data),
        }
    }

    fn learn(&mut self, record: &Record<'_>, data: &Value) {
        match record.kind.as_str() {
            "inspection.opened" => self.opened = record.time,
            "inspection.identified" => self.identity = text(data, "identity"),
            "inspection.picture" => self.pictures.extend(pictured(record.time, data)),
            "inspection.review_opened" => {
                self.asked = Some((record.time, data["timeout_ms"].as_i64().unwrap_or(i64::MAX)));
            }
            "inspection.verdict.sealed" => {
                let desk = text(data, "agency").map(|agency| (agency, record.time));
                if let Some((agency, time)) = desk {
                    self.desk(&agency, time).decided = time;
                }
            }
            "inspection.verdict.opened" => self.learn_verdict(record.time, data),
            "inspection.examination.begun" => self.learn_marks(record.time, data),
            // Said of inspections on a belt alone.
            "inspection.scanned" => self.subject = Subject::Baggage,
            "inspection.closed" if data.get("doubts").is_some() => self.subject = Subject::Baggage,
            _ => {} // the rest is in the records
        }
    }

    fn learn_verdict(&mut self, time: Timestamp, data: &Value) {
        let Some(agency) = text(data, "agency") else { return };
        let desk = self.desk(&agency, time);
        desk.required = data["role"] != "advisory";
        desk.verdict = match data["verdict"].as_str() {
            Some("clear") => Some(Decision::Clear),
            Some("alarm") => Some(Decision::Alarm),
            Some("not_reviewed") => None,
            Some(_) | None => Some(Decision::Unknown),
        };
        if desk.verdict.is_none() {
            desk.decided = time;
        }
        desk.officer = text(data, "officer");
    }

    /// What the desks marked, each in the image that it judged, becomes shared when a joint examination begins.
    fn learn_marks(&mut self, time: Timestamp, data: &Value) {
        for of_desk in data["regions"].as_array().into_iter().flatten() {
            let (Some(agency), Some(marks)) = (text(of_desk, "agency"), of_desk["regions"].as_array()) else {
                continue;
            };
            let marks = marks.iter().filter_map(mark).collect();
            let image = of_desk["image"]["id"].as_str().map(str::to_owned);
            let desk = self.desk(&agency, time);
            (desk.marks, desk.image) = (marks, image);
        }
    }

    fn desk(&mut self, agency: &str, time: Timestamp) -> &mut Desk {
        let place = self.desks.iter().position(|desk| desk.agency == agency).unwrap_or_else(|| {
            self.desks.push(Desk {
                agency: agency.to_owned(),
                required: true,
                verdict: None,
                officer: None,
                decided: time,
                image: None,
                marks: Vec::new(),
            });
            self.desks.len() - 1
        });
        &mut self.desks[place]
    }
}

fn pictured(at: Timestamp, data: &Value) -> Option<Pictured> {
    let number = |key: &str| data[key].as_u64().and_then(|number| u32::try_from(number).ok()).filter(|um| *um > 0);
    Some(Pictured {
        sha256: text(data, "sha256")?,
        sidecar: text(data, "sidecar"),
        image: text(data, "image"),
        device: text(data, "device").unwrap_or_else(|| "unknown".to_owned()),
        name: text(data, "name").unwrap_or_default(),
        raw: data["form"] == "raw",
        at,
        spacing_um: number("pitch_um").zip(number("line_um")),
    })
}

/// A mark as records carry it (docs/records.md).
fn mark(data: &Value) -> Option<Mark> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let shape = match data["shape"].as_str()? {
        "box" => Shape::Box {
            x: number(&data["x"])?,
            y: number(&data["y"])?,
            width: number(&data["width"])?.max(1),
            height: number(&data["height"])?.max(1),
        },
        "polygon" => {
            let point = |point: &Value| number(&point[0]).zip(number(&point[1]));
            let points: Option<Vec<_>> = data["points"].as_array()?.iter().map(point).collect();
            Shape::Polygon { points: points.filter(|points| points.len() >= 3)? }
        }
        _ => return None,
    };
    let view = data["view"].as_u64().and_then(|view| usize::try_from(view).ok())?;
    Some(Mark { view, category: text(data, "category")?, shape })
}

impl Mark {
    pub(super) fn category(&self) -> Category {
        Category::of(&self.category)
    }
}

/// Whether any part of a record is sealed.
fn sealed(data: &Value) -> bool {
    match data {
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| (key == "sealed" && !value.is_null()) || sealed(value))
        }
        Value::Array(items) => items.iter().any(sealed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Every evidence file that `data` names, however deep.
fn named(data: &Value, found: &mut BTreeMap<String, &'static str>) {
    match data {
        Value::Object(fields) => {
            if let Some(sha256) = text(data, "sha256") {
                found.insert(sha256, ending(data["media_type"].as_str().unwrap_or_default()));
            }
            found.extend(text(data, "sidecar").map(|sha256| (sha256, "json")));
            fields.values().for_each(|value| named(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| named(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn ending(media_type: &str) -> &'static str {
    match media_type {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tiff",
        "application/dicom" => "dcm",
        _ => "bin",
    }
}

fn text(data: &Value, key: &str) -> Option<String> {
    data.get(key).and_then(Value::as_str).map(str::to_owned)
}

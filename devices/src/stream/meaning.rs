//! What a unit says: which record it is, and what that makes of the device's points.

use std::sync::Arc;

use super::{Condition, Framing, Literal, RecordShape, Signal, Splitter, Stream, Test};
use crate::codec::{agree, judge};
use crate::kind::Shape;
use crate::profile::{Expect, Place, Point, Profile};
use crate::reading::{Quality, Value};

/// What one field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// A whole number.
    Int(i64),
    /// A number; NaN where the device sends that.
    Float(f64),
    /// A text without control characters.
    Text(Arc<str>),
    /// What the device sends where it has no number: `---.-`.
    Missing(Arc<str>),
}

impl Held {
    /// The same with `more` added to a whole number.
    pub(super) fn add(self, more: i64) -> Self {
        match self {
            Self::Int(number) => Self::Int(number.saturating_add(more)),
            Self::Float(_) | Self::Text(_) | Self::Missing(_) => self,
        }
    }
}

/// What a unit turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Understood {
    /// One of the device's records.
    Record {
        /// Its place in [`Stream::records`].
        record: usize,
        /// What it says, each point once.
        found: Vec<Found>,
    },
    /// Something that the device is known to send and that means nothing here.
    Ignored,
    /// None of the device's records: disturbed, or another device, or another baud rate.
    Noise,
}

/// What a record says of one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The point's place in [`Profile::points`].
    pub point: usize,
    /// Its value, where there is one.
    pub value: Option<Value>,
    /// How far to trust it.
    pub quality: Quality,
}

impl Stream {
    /// What `unit` says. Only the records that `among` names are looked for; `None` looks for all.
    pub fn understand(&self, profile: &Profile, unit: &[u8], among: Option<&[usize]>) -> Understood {
        if let Some(body) = self.body(unit) {
            for (record, shape) in self.records.iter().enumerate() {
                if among.is_some_and(|among| !among.contains(&record)) {
                    continue;
                }
                let held = match &shape.shape {
                    RecordShape::Line(pattern) => pattern.read(body, self.charset),
                    RecordShape::Frame(layout) => layout.read(body, self.charset),
                };
                if let Some(held) = held {
                    return Understood::Record { record, found: self.found(profile, record, &held) };
                }
            }
        }
        if self.ignored.iter().any(|beginning| unit.starts_with(beginning)) {
            return Understood::Ignored;
        }
        Understood::Noise
    }

    /// What the records' patterns are held against; `None` where the checksum does not hold.
    fn body<'u>(&self, unit: &'u [u8]) -> Option<&'u [u8]> {
        match (&self.framing, self.checksum) {
            // A frame's checksum was what told it apart.
            (Framing::Frame(_), _) => Some(unit),
            (Framing::Line(line), None) => unit.strip_prefix(line.start.as_slice()),
            (Framing::Line(line), Some(checksum)) => {
                let end = checksum.place(unit.len()).filter(|_| checksum.holds(unit))?;
                unit[..end].strip_prefix(line.start.as_slice())
            }
        }
    }

    fn found(&self, profile: &Profile, record: usize, held: &[(usize, Held)]) -> Vec<Found> {
        let record = &self.records[record];
        let mut list = Vec::with_capacity(record.points.len() + record.set.len() + record.invalid.len());
        for (point, value) in &record.set {
            list.push(Found { point: *point, value: Some(value.clone()), quality: Quality::Good });
        }
        for (point, reason) in &record.invalid {
            list.push(Found { point: *point, value: None, quality: Quality::Invalid(reason.as_ref().into()) });
        }
        for index in &record.points {
            let point = &profile.points[*index];
            if let Place::Signal(signal) = &point.place {
                let (value, quality) = signal.value(point, held);
                list.push(Found { point: *index, value, quality });
            }
        }
        list
    }
}

fn get(held: &[(usize, Held)], field: usize) -> Option<&Held> {
    held.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
}

impl Condition {
    fn holds(&self, held: &[(usize, Held)]) -> bool {
        get(held, self.field).is_some_and(|value| self.test.holds(value))
    }
}

impl Test {
    fn holds(&self, held: &Held) -> bool {
        match (self, held) {
            (Self::Bit(bit), Held::Int(number)) => number >> bit & 1 == 1,
            (Self::Among(list), Held::Int(number)) => list.contains(&Literal::Int(*number)),
            (Self::Among(list), Held::Text(text)) => {
                list.iter().any(|one| matches!(one, Literal::Text(same) if same == text))
            }
            (Self::Bit(_), Held::Float(_) | Held::Text(_) | Held::Missing(_))
            | (Self::Among(_), Held::Float(_) | Held::Missing(_)) => false,
        }
    }
}

type Judged = (Option<Value>, Quality);

impl Signal {
    fn value(&self, point: &Point, held: &[(usize, Held)]) -> Judged {
        if let Some((_, reason)) = self.invalid_when.iter().find(|(condition, _)| condition.holds(held)) {
            return (None, Quality::Invalid(reason.as_ref().into()));
        }
        let first = self.fields.first().and_then(|field| get(held, *field));
        match (self.shape, first) {
            (_, None) => (None, Quality::Bad(format!("the record does not hold `{}`", point.name))),
            (_, Some(Held::Missing(sent))) => missing(sent),
            (Shape::Text, Some(Held::Text(text))) => (Some(Value::Text(text.as_ref().into())), Quality::Good),
            (Shape::Text, Some(Held::Int(number))) => (Some(Value::Text(number.to_string())), Quality::Good),
            (Shape::Text, Some(Held::Float(number))) => (Some(Value::Text(number.to_string())), Quality::Good),
            (Shape::Bool, Some(value)) => {
                let on = self.truth.as_ref().map_or_else(|| *value != Held::Int(0), |test| test.holds(value));
                (Some(Value::Bool(on != point.inverted)), Quality::Good)
            }
            (Shape::Number, Some(_)) => self.number(point, held),
        }
    }

    fn number(&self, point: &Point, held: &[(usize, Held)]) -> Judged {
        let mut total = Total { whole: Some(0), size: 0.0 };
        for field in &self.fields {
            match get(held, *field) {
                Some(Held::Int(number)) => total.add_whole(*number),
                Some(Held::Float(number)) => total = Total { whole: None, size: total.size + number },
                Some(Held::Missing(sent)) => return missing(sent),
                Some(Held::Text(text)) => return (None, Quality::Bad(format!("`{text}` is not a number"))),
                None => return (None, Quality::Bad(format!("the record does not hold all of `{}`", point.name))),
            }
        }
        if total.whole.and_then(|whole| u64::try_from(whole).ok()).is_some_and(|raw| point.invalid.contains(&raw)) {
            let reason = format!("the device sent {}, its code for no measurement", total.size);
            return (None, Quality::Invalid(reason));
        }
        self.scaled(point, total, held)
    }

    fn scaled(&self, point: &Point, total: Total, held: &[(usize, Held)]) -> Judged {
        let places = match self.decimals.map(|field| get(held, field)) {
            None => 0,
            Some(Some(Held::Int(places @ -9..=9))) => *places,
            Some(_) => return (None, Quality::Bad("the device does not say where the decimal point is".to_owned())),
        };
        let below = self.negative.as_ref().is_some_and(|condition| condition.holds(held));
        let plain = places == 0 && !below && point.scale == 1.0 && point.offset == 0.0;
        if let Some(whole) = total.whole.filter(|_| plain) {
            return judge(point, Value::Int(whole), total.size);
        }
        let power = 10_f64.powi(i32::try_from(places.abs()).unwrap_or(0));
        // Dividing by a power of ten is exact where multiplying by its inverse is not.
        let shown = if places >= 0 { total.size / power } else { total.size * power };
        let size = (if below { -shown } else { shown }) * point.scale + point.offset;
        judge(point, Value::Float(size), size)
    }
}

/// Fields added up: exact as long as all of them are whole numbers and their sum fits.
struct Total {
    whole: Option<i64>,
    size: f64,
}

impl Total {
    fn add_whole(&mut self, number: i64) {
        self.whole = self.whole.and_then(|whole| whole.checked_add(number));
        self.size += number as f64;
    }
}

fn missing(sent: &str) -> Judged {
    (None, Quality::Invalid(format!("the device sent `{sent}` instead of a value")))
}

/// What `[[test]]` blocks try.
impl Stream {
    pub(crate) fn try_unit(
        &self,
        profile: &Profile,
        unit: &[u8],
        record: Option<usize>,
        expect: &[(usize, Expect)],
    ) -> Result<(), String> {
        let understood = self.understand(profile, unit, None);
        let name = |record: usize| format!("it was taken for record `{}`", self.records[record].name);
        let found = match (understood, record) {
            (Understood::Record { record: found, .. }, Some(record)) if found != record => return Err(name(found)),
            (Understood::Record { record: found, .. }, None) if expect.is_empty() => return Err(name(found)),
            (Understood::Record { found, .. }, _) => found,
            (Understood::Ignored | Understood::Noise, None) if expect.is_empty() => return Ok(()),
            (Understood::Ignored, _) => return Err("it was ignored".to_owned()),
            (Understood::Noise, _) => return Err("it was taken for none of the records".to_owned()),
        };
        for (point, expect) in expect {
            let name = &profile.points[*point].name;
            let one = found.iter().find(|one| one.point == *point);
            let one = one.ok_or_else(|| format!("the record says nothing of `{name}`"))?;
            agree(&profile.points[*point], expect, one.value.as_ref(), &one.quality)?;
        }
        Ok(())
    }

    pub(crate) fn try_bytes(&self, profile: &Profile, bytes: &[u8], records: &[usize]) -> Result<(), String> {
        let mut found = Vec::new();
        let mut take = |unit: &[u8]| {
            if let Understood::Record { record, .. } = self.understand(profile, unit, None) {
                found.push(record);
            }
        };
        let mut splitter = Splitter::new();
        // One byte after the other, as a slow line brings them.
        bytes.iter().for_each(|byte| splitter.push(self, &[*byte], &mut take));
        splitter.quiet(self, &mut take);
        if found == records {
            return Ok(());
        }
        let names: Vec<_> = found.iter().map(|record| format!("`{}`", self.records[*record].name)).collect();
        Err(if names.is_empty() { "no record came out".to_owned() } else { format!("{} came out", names.join(", ")) })
    }
}

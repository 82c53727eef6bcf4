//! Reads `[[test]]` blocks of line and frame devices.

use std::ops::Range;

use toml::de::DeTable;

use super::reader::{At, Section, did_you_mean, fault};
use super::records::places;
use super::signals::test_bytes;
use super::{Expect, Point, ProfileTest, Protocol, Trial, code, lines, parse};
use crate::fault::Fault;
use crate::stream::Stream;

/// Keys of such blocks that a Modbus profile does not have.
pub(super) const KEYS: &[&str] =
    &["line", "frame", "record", "values", "bad", "invalid", "bytes", "records", "write", "unit", "sends"];

/// Reads one `[[test]]` block.
pub(super) fn test(
    protocol: Protocol,
    table: &DeTable<'_>,
    span: Range<usize>,
    points: &[Point],
    stream: &Stream,
    faults: &mut Vec<Fault>,
) -> Option<ProfileTest> {
    let before = faults.len();
    let mut section = Section::new("a test", table, span.clone(), faults);
    section.foreign(&["raw", "value", "quality"], "a line or frame device has no registers");
    section.foreign(lines::TEST_KEYS, "it belongs to protocol \"xray-lines\"");
    let key = if protocol == Protocol::Frame { "frame" } else { "line" };
    section.foreign(&[if key == "frame" { "line" } else { "frame" }], "the device has another protocol");
    let draft = Draft {
        unit: test_bytes(&mut section, key, protocol, stream),
        record: section.texts("record"),
        values: section.table("values").map(|(table, _)| table),
        bad: section.texts("bad").unwrap_or_default(),
        invalid: section.texts("invalid").unwrap_or_default(),
        bytes: test_bytes(&mut section, "bytes", protocol, stream),
        records: section.texts("records"),
        point: section.text("point"),
        write: section.any("write").map(|value| (value.get_ref(), value.span())),
        to: section.integer("unit", 0..=255),
        sends: test_bytes(&mut section, "sends", protocol, stream),
    };
    section.finish();
    let trial = draft.trial(key, &span, points, stream, faults);
    trial.filter(|_| faults.len() == before).map(|trial| ProfileTest { trial, span })
}

struct Draft<'a, 'i> {
    unit: Option<Vec<u8>>,
    record: Option<Vec<At<String>>>,
    values: Option<&'a DeTable<'i>>,
    bad: Vec<At<String>>,
    invalid: Vec<At<String>>,
    bytes: Option<Vec<u8>>,
    records: Option<Vec<At<String>>>,
    point: Option<At<String>>,
    write: Option<(&'a toml::de::DeValue<'i>, Range<usize>)>,
    to: Option<At<i128>>,
    sends: Option<Vec<u8>>,
}

impl Draft<'_, '_> {
    fn trial(
        self,
        key: &str,
        span: &Range<usize>,
        points: &[Point],
        stream: &Stream,
        faults: &mut Vec<Fault>,
    ) -> Option<Trial> {
        match (&self.unit, &self.bytes, &self.point) {
            (Some(unit), None, None) => {
                let unit = unit.clone();
                let record = self.record.as_ref().map(|names| places(names, &stream.records, faults));
                let expect = self.expect(points, faults);
                Some(Trial::Unit { unit, record: record.and_then(|places| places.first().copied()), expect })
            }
            (None, Some(bytes), None) => {
                let records = places(self.records.as_deref().unwrap_or_default(), &stream.records, faults);
                Some(Trial::Bytes { bytes: bytes.clone(), records })
            }
            (None, None, Some(point)) => {
                let place = find(point, points, faults)?;
                let (value, at) = self.write.or_else(|| missing(faults, span, "`point` without `write`"))?;
                let value = parse::literal(value, at, "`write`", faults)?;
                let unit = self.to.map_or(1, |to| u8::try_from(to.value).unwrap_or(1));
                let sends = self.sends.or_else(|| missing(faults, span, "`write` without `sends`"))?;
                Some(Trial::Write { point: place, value, unit, sends })
            }
            (_, _, _) => missing(
                faults,
                span,
                &format!(
                    "expected one of `{key}` with `values`, `bytes` with `records`, `point` with `write` and `sends`"
                ),
            ),
        }
    }

    fn expect(&self, points: &[Point], faults: &mut Vec<Fault>) -> Vec<(usize, Expect)> {
        let mut list = Vec::new();
        for (name, value) in self.values.iter().flat_map(|table| table.iter()) {
            let name = At { value: name.get_ref().to_string(), span: name.span() };
            let value = parse::literal(value.get_ref(), value.span(), "`values`", faults);
            list.extend(find(&name, points, faults).zip(value.map(Expect::Good)));
        }
        for (names, expect) in [(&self.bad, Expect::Bad), (&self.invalid, Expect::Invalid)] {
            list.extend(names.iter().filter_map(|name| Some((find(name, points, faults)?, expect.clone()))));
        }
        list
    }
}

fn missing<T>(faults: &mut Vec<Fault>, span: &Range<usize>, label: &str) -> Option<T> {
    faults.push(fault(code::TEST, span.clone(), "a test that tries nothing".to_owned(), label));
    None
}

fn find(name: &At<String>, points: &[Point], faults: &mut Vec<Fault>) -> Option<usize> {
    let place = points.iter().position(|point| *point.name == *name.value);
    if place.is_none() {
        let message = format!("a test of a point that does not exist: `{}`", name.value);
        let mut wrong = fault(code::TEST, name.span.clone(), message, "no such point in this profile");
        wrong.help = did_you_mean(&name.value, points.iter().map(|point| &*point.name));
        faults.push(wrong);
    }
    place
}

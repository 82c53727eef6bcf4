//! Reads the points of a line or frame device: which field they come from, how they are written.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::framing::bytes_key;
use super::reader::{At, Section, did_you_mean, fault, whole};
use super::records::{places, template};
use super::{Access, Protocol, code};
use crate::kind::Shape;
use crate::stream::{Condition, Literal, Signal, Sink, Stream, Template, Test, TextRules, Words};

/// Keys that only such points have.
pub(super) const KEYS: &[&str] =
    &["field", "decimals", "negative", "invalid_when", "send", "answer", "refusal", "replace", "max", "forbid"];
/// Keys of a Modbus point that make no sense here.
pub(super) const FOREIGN: &[&str] =
    &["table", "address", "byte_order", "word_order", "mask", "pulse", "poll", "decimals_word", "decimals_mask"];

const SHAPES: &[(&str, Shape)] = &[("bool", Shape::Bool), ("number", Shape::Number), ("text", Shape::Text)];

/// What points can speak of.
pub(super) struct Known<'s> {
    /// The fields and records that could be read.
    pub(super) stream: &'s Stream,
    /// Whether these are all: of a name that may stand in what could not be read nothing is said.
    pub(super) whole: bool,
}

/// Reads the keys that say where a point is; those of every point have been read.
pub(super) fn signal(
    section: &mut Section<'_, '_, '_>,
    name: &str,
    access: Access,
    protocol: Protocol,
    known: &Known<'_>,
) -> Option<Signal> {
    section
        .foreign(FOREIGN, "a line or frame device has no registers; how often it is asked stands in its [[request]]");
    let shape = section.word("type", SHAPES).map_or(Shape::Number, |shape| shape.value);
    let fields = fields(section, name, access, known);
    let truth = truth(section, shape);
    let decimals = section.text("decimals").map(|text| field(&text, known, section));
    let negative = section.table("negative");
    let negative = negative.map(|(table, span)| condition(section, "negative", table, span, known));
    let invalid_when = invalid_when(section, known);
    let sink = sink(section, shape, access, protocol, known);
    clashes(section, shape, access);
    Some(Signal {
        shape,
        fields: fields?,
        truth,
        decimals: match decimals {
            Some(found) => Some(found?),
            None => None,
        },
        negative: match negative {
            Some(found) => Some(found?),
            None => None,
        },
        invalid_when,
        sink,
    })
}

fn field(text: &At<String>, known: &Known<'_>, section: &mut Section<'_, '_, '_>) -> Option<usize> {
    let fields = &known.stream.fields;
    let place = fields.iter().position(|field| **field == *text.value);
    if place.is_none() && !known.whole {
        return Some(0);
    }
    if place.is_none() {
        let message = format!("{} speaks of a field that no record has: `{}`", section.what, text.value);
        let mut wrong = fault(code::UNKNOWN_NAME, text.span.clone(), message, "no pattern or layout holds it");
        wrong.help = did_you_mean(&text.value, fields.iter().map(AsRef::as_ref));
        section.push(wrong);
    }
    place
}

/// The fields that a point is read from: those it names, else the one of its own name, else none.
fn fields(section: &mut Section<'_, '_, '_>, name: &str, access: Access, known: &Known<'_>) -> Option<Vec<usize>> {
    match section.texts("field") {
        Some(names) => names.iter().map(|text| field(text, known, section)).collect(),
        None if access == Access::Write => Some(Vec::new()),
        None => Some(known.stream.fields.iter().position(|field| **field == *name).into_iter().collect()),
    }
}

fn truth(section: &mut Section<'_, '_, '_>, shape: Shape) -> Option<Test> {
    let bit = section.integer("bit", 0..=62);
    let equals = section.any("equals").map(|value| (value.get_ref(), value.span()));
    if let Some(at) = bit.as_ref().filter(|_| equals.is_some()) {
        let label = "`equals` says already when it is on";
        section.report(code::CONTRADICTION, at.span.clone(), format!("{} has two tests", section.what), label);
    }
    let test = match (bit, equals) {
        (Some(bit), _) => Some(Test::Bit(u8::try_from(bit.value).unwrap_or(0))),
        (None, Some((value, span))) => among(section, value, span).map(Test::Among),
        (None, None) => None,
    };
    test.filter(|_| shape == Shape::Bool)
}

fn among(section: &mut Section<'_, '_, '_>, value: &DeValue<'_>, span: Range<usize>) -> Option<Vec<Literal>> {
    let one = |value: &DeValue<'_>| match value.as_str() {
        Some(text) => Some(Literal::Text(text.into())),
        None => whole(value).and_then(|number| i64::try_from(number).ok()).map(Literal::Int),
    };
    let list = match value.as_array() {
        Some(items) => items.iter().map(|item| one(item.get_ref())).collect(),
        None => one(value).map(|one| vec![one]),
    };
    if list.is_none() {
        let message = format!("wrong type for `equals` of {}", section.what);
        section.report(code::WRONG_TYPE, span, message, "expected a text, an integer, or a list of them");
    }
    list
}

fn condition(
    section: &mut Section<'_, '_, '_>,
    key: &str,
    table: &DeTable<'_>,
    span: Range<usize>,
    known: &Known<'_>,
) -> Option<Condition> {
    let mut inner = section.inner(format!("`{key}` of {}", section.what), table, span);
    let condition = condition_keys(&mut inner, known);
    inner.finish();
    condition
}

fn condition_keys(section: &mut Section<'_, '_, '_>, known: &Known<'_>) -> Option<Condition> {
    let name = section.text("field");
    let name = section.required("field", name);
    let test = truth(section, Shape::Bool);
    if test.is_none() && !section.has("bit") && !section.has("equals") {
        section.required::<()>("equals", None);
    }
    let field = field(&name?, known, section)?;
    Some(Condition { field, test: test? })
}

fn invalid_when(section: &mut Section<'_, '_, '_>, known: &Known<'_>) -> Vec<(Condition, Arc<str>)> {
    let mut list = Vec::new();
    for (table, span) in section.tables("invalid_when") {
        let mut inner = section.inner(format!("`invalid_when` of {}", section.what), table, span);
        let reason = inner.text("reason");
        let reason = inner.required("reason", reason);
        let condition = condition_keys(&mut inner, known);
        inner.finish();
        list.extend(condition.zip(reason.map(|reason| reason.value.into())));
    }
    list
}

fn sink(
    section: &mut Section<'_, '_, '_>,
    shape: Shape,
    access: Access,
    protocol: Protocol,
    known: &Known<'_>,
) -> Option<Sink> {
    let replace = section.text("replace").and_then(|text| text.value.chars().next()).unwrap_or('?');
    let max = section.integer("max", 1..=1_024).map_or(64, |max| usize::try_from(max.value).unwrap_or(64));
    let forbid = section.text("forbid").map(|text| text.value).unwrap_or_default();
    let rules = TextRules::new(known.stream, replace, max, &forbid);
    let names = |names: Option<Vec<At<String>>>| names.unwrap_or_default();
    let (answer, refusal) = (names(section.texts("answer")), names(section.texts("refusal")));
    let words = if shape == Shape::Bool {
        switch(section, protocol, known.stream)
    } else {
        value(section, protocol, known.stream)
    };
    if access == Access::Read || !known.whole {
        return None;
    }
    let (answers, refusals) = section.with_faults(|faults| {
        (places(&answer, &known.stream.records, faults), places(&refusal, &known.stream.records, faults))
    });
    Some(Sink { words: words?, rules, answers, refusals })
}

fn switch(section: &mut Section<'_, '_, '_>, protocol: Protocol, stream: &Stream) -> Option<Words> {
    section.foreign(&["send"], "a bool is sent by `on` and `off`");
    let on = template(section, "on", protocol, stream);
    let off = template(section, "off", protocol, stream);
    for (key, template) in [("on", &on), ("off", &off)] {
        without_value(section, key, template.as_ref());
    }
    Some(Words::Switch { on: on?, off })
}

fn without_value(section: &mut Section<'_, '_, '_>, key: &'static str, template: Option<&Template>) {
    if template.is_some_and(Template::takes_value) {
        let span = section.key_span(key);
        section.report(code::PATTERN, span, format!("`{key}` of {} has no value", section.what), "use `send`");
    }
}

fn value(section: &mut Section<'_, '_, '_>, protocol: Protocol, stream: &Stream) -> Option<Words> {
    section.foreign(&["on", "off"], "only a bool is switched; a value is sent by `send`");
    let send = template(section, "send", protocol, stream)?;
    if !send.takes_value() {
        let span = section.key_span("send");
        let message = format!("`send` of {} has no place for the value", section.what);
        section.report(code::PATTERN, span, message, "write {value} where it belongs");
    }
    Some(Words::Value(send))
}

fn clashes(section: &mut Section<'_, '_, '_>, shape: Shape, access: Access) {
    let mut clash = |key: &str, when: bool, why: &str| {
        if when && section.has(key) {
            let (span, message) = (section.key_span(key), format!("`{key}` makes no sense in {}", section.what));
            section.report(code::CONTRADICTION, span, message, why);
        }
    };
    for key in ["bit", "equals", "inverted"] {
        clash(key, shape != Shape::Bool, "only a bool can have it");
    }
    for key in ["scale", "offset", "unit", "range", "deadband", "allowed", "invalid", "decimals", "negative"] {
        clash(key, shape != Shape::Number, "only a number can have it");
    }
    for key in ["send", "on", "off", "answer", "refusal", "replace", "max", "forbid"] {
        clash(key, access == Access::Read, "the point is read: `access` must be \"write\" or \"read-write\"");
    }
    for key in ["field", "bit", "equals", "decimals", "negative", "invalid_when"] {
        clash(key, access == Access::Write, "the point is written only");
    }
    let sends = if shape == Shape::Bool { "on" } else { "send" };
    if access != Access::Read && !section.has(sends) {
        section.required::<()>(sends, None);
    }
}

/// Bytes of a `[[test]]` block of such a device.
pub(super) fn test_bytes(
    section: &mut Section<'_, '_, '_>,
    key: &'static str,
    protocol: Protocol,
    stream: &Stream,
) -> Option<Vec<u8>> {
    bytes_key(section, key, protocol, stream.charset).map(|bytes| bytes.value)
}

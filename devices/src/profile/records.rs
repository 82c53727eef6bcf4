//! Reads what a device's lines or frames can be and what it is asked: `[[record]]` and `[[request]]`.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::framing::class;
use super::reader::{At, Section, did_you_mean, fault};
use super::{Point, PollClass, Protocol, code, parse};
use crate::fault::Fault;
use crate::reading::Value;
use crate::stream::{
    Cell, CellKind, FieldKind, Layout, Order, Pattern, PatternFault, Record, RecordShape, Request, Selector, Stream,
    Template,
};

/// A record whose points are not known yet.
pub(super) struct RecordDraft {
    record: Record,
    set: Vec<(At<String>, Value)>,
    invalid: Vec<(At<String>, Arc<str>)>,
}

/// A request whose records are not known yet.
pub(super) struct RequestDraft {
    name: Arc<str>,
    class: PollClass,
    send: Template,
    answer: Vec<At<String>>,
    span: Range<usize>,
}

/// Reads one `[[record]]`; its fields get their places among the names of `stream`.
pub(super) fn record(
    protocol: Protocol,
    table: &DeTable<'_>,
    span: Range<usize>,
    stream: &mut Stream,
    faults: &mut Vec<Fault>,
) -> Option<RecordDraft> {
    let before = faults.len();
    let what = match table.get("name").and_then(|name| name.get_ref().as_str()) {
        Some(name) => format!("record `{name}`"),
        None => "a record".to_owned(),
    };
    let mut section = Section::new(what, table, span.clone(), faults);
    let name = section.text("name");
    let name = section.required("name", name);
    let stale = section.duration("stale", Duration::from_millis(100)..=Duration::from_secs(86_400));
    let (set, invalid) = (section.table("set"), section.table("invalid"));
    let shape = match protocol {
        Protocol::Frame => {
            section.foreign(&["pattern"], "a frame is recognised by bytes at places: `when`");
            layout(&mut section, stream)
        }
        Protocol::Line | Protocol::Modbus | Protocol::XrayLines => {
            section.foreign(&["length", "when", "fields"], "a line is recognised by its `pattern`");
            pattern(&mut section, stream)
        }
    };
    section.finish();
    let set = set.map_or_else(Vec::new, |(table, _)| values(table, faults));
    let invalid = invalid.map_or_else(Vec::new, |(table, _)| reasons(table, faults));
    let record = Record {
        name: name?.value.into(),
        shape: shape?,
        points: Vec::new(),
        set: Vec::new(),
        invalid: Vec::new(),
        stale: stale.map(|stale| stale.value),
        span,
    };
    (faults.len() == before).then_some(RecordDraft { record, set, invalid })
}

/// The place of a field's name, which is new if need be.
fn place(fields: &mut Vec<Arc<str>>, name: &str) -> usize {
    fields.iter().position(|known| **known == *name).unwrap_or_else(|| {
        fields.push(name.into());
        fields.len() - 1
    })
}

fn pattern(section: &mut Section<'_, '_, '_>, stream: &mut Stream) -> Option<RecordShape> {
    let text = section.text("pattern");
    let text = section.required("pattern", text)?;
    let fields = &mut stream.fields;
    match Pattern::parse(&text.value, stream.charset, &mut |name| place(fields, name)) {
        Ok(pattern) => Some(RecordShape::Line(pattern)),
        Err(PatternFault { at, length, label, word }) => {
            let message = format!("the pattern of {} cannot be read", section.what);
            let mut wrong = fault(code::PATTERN, text.part(at, length), message, label);
            wrong.help = word.and_then(|word| did_you_mean(&word, FieldKind::WORDS.iter().map(|(word, _)| *word)));
            section.push(wrong);
            None
        }
    }
}

fn layout(section: &mut Section<'_, '_, '_>, stream: &mut Stream) -> Option<RecordShape> {
    let length = section.integer("length", 1..=2_048).and_then(|length| usize::try_from(length.value).ok());
    let when = section.tables("when");
    let fields = section.table("fields");
    let what = section.what.clone();
    let mut selectors = Vec::new();
    for (table, span) in when {
        selectors.push(selector(section.inner(format!("`when` of {what}"), table, span))?);
    }
    let mut cells = Vec::new();
    for (name, value) in fields.iter().flat_map(|(table, _)| table.iter()) {
        let what = format!("field `{}`", name.get_ref());
        let Some(table) = value.get_ref().as_table() else {
            let label = format!("{}, expected {{ at = …, type = … }}", value.get_ref().type_str());
            section.report(code::WRONG_TYPE, value.span(), format!("{what} is not a table"), label);
            continue;
        };
        let field = place(&mut stream.fields, name.get_ref());
        cells.extend(cell(section.inner(what, table, value.span()), field));
    }
    Some(RecordShape::Frame(Layout { length, when: selectors, cells }))
}

fn small<T: TryFrom<i128> + Default>(number: Option<At<i128>>) -> T {
    number.and_then(|number| T::try_from(number.value).ok()).unwrap_or_default()
}

fn selector(mut section: Section<'_, '_, '_>) -> Option<Selector> {
    let at = section.integer("at", 0..=2_047);
    let at = section.required("at", at);
    let mask = section.integer("mask", 1..=255);
    let equals = section.integer("equals", 0..=255);
    let equals = section.required("equals", equals);
    section.finish();
    Some(Selector {
        at: small(Some(at?)),
        mask: mask.map_or(0xFF, |mask| small(Some(mask))),
        equals: small(Some(equals?)),
    })
}

fn cell(mut section: Section<'_, '_, '_>, field: usize) -> Option<Cell> {
    let at = section.integer("at", 0..=2_047);
    let at = section.required("at", at);
    let kind = section.word("type", CellKind::WORDS);
    let kind = section.required("type", kind);
    let length = section.integer("length", 1..=256);
    let order = section.word("order", Order::WORDS);
    let mask = section.integer("mask", 1..=i128::from(u64::MAX));
    let add = section.integer("add", -1_000_000..=1_000_000);
    let texts = kind.as_ref().is_some_and(|kind| matches!(kind.value, CellKind::Digits(_) | CellKind::Text(_)));
    let mut clash = |key: &str, when: bool, why: &str| {
        if when && section.has(key) {
            let (span, message) = (section.key_span(key), format!("`{key}` makes no sense in {}", section.what));
            section.report(code::CONTRADICTION, span, message, why);
        }
    };
    clash("length", !texts, "only digits and text have a length of their own");
    clash("order", texts, "digits and text have no byte order");
    clash("mask", !kind.as_ref().is_some_and(|kind| kind.value.has_bits()), "bits are picked out of unsigned types");
    if texts && !section.has("length") {
        section.required::<()>("length", None);
    }
    section.finish();
    let length: usize = small(length);
    let kind = match kind?.value {
        CellKind::Digits(_) => CellKind::Digits(length),
        CellKind::Text(_) => CellKind::Text(length),
        other @ (CellKind::U8
        | CellKind::I8
        | CellKind::U16
        | CellKind::I16
        | CellKind::U24
        | CellKind::U32
        | CellKind::I32
        | CellKind::F32
        | CellKind::F64) => other,
    };
    Some(Cell {
        field,
        at: small(Some(at?)),
        kind,
        order: order.map_or(Order::Big, |order| order.value),
        mask: mask.and_then(|mask| u64::try_from(mask.value).ok()),
        add: small(add),
    })
}

fn named<'t, 'i>(table: &'t DeTable<'i>) -> impl Iterator<Item = (At<String>, &'t Spanned<DeValue<'i>>)> {
    table.iter().map(|(name, value)| (At { value: name.get_ref().to_string(), span: name.span() }, value))
}

fn values(table: &DeTable<'_>, faults: &mut Vec<Fault>) -> Vec<(At<String>, Value)> {
    named(table)
        .filter_map(|(name, value)| Some((name, parse::literal(value.get_ref(), value.span(), "`set`", faults)?)))
        .collect()
}

fn reasons(table: &DeTable<'_>, faults: &mut Vec<Fault>) -> Vec<(At<String>, Arc<str>)> {
    let mut list = Vec::new();
    for (name, value) in named(table) {
        match value.get_ref().as_str() {
            Some(reason) => list.push((name, reason.into())),
            None => {
                let label = format!("{}, expected a reason such as \"overload\"", value.get_ref().type_str());
                faults.push(fault(code::WRONG_TYPE, value.span(), "wrong type in `invalid`".to_owned(), label));
            }
        }
    }
    list
}

/// Reads one `[[request]]`.
pub(super) fn request(
    protocol: Protocol,
    table: &DeTable<'_>,
    span: Range<usize>,
    stream: &Stream,
    faults: &mut Vec<Fault>,
) -> Option<RequestDraft> {
    let before = faults.len();
    let mut section = Section::new("a request", table, span.clone(), faults);
    let name = section.text("name");
    let name = section.required("name", name);
    let class = class(&mut section);
    let send = template(&mut section, "send", protocol, stream);
    let send = section.required("send", send);
    let answer = section.texts("answer");
    let answer = section.required("answer", answer);
    if send.as_ref().is_some_and(Template::takes_value) {
        let span = section.key_span("send");
        section.report(code::PATTERN, span, "a request has no value to send".to_owned(), "{value} belongs to a point");
    }
    section.finish();
    let request = RequestDraft { name: name?.value.into(), class, send: send?, answer: answer?, span };
    (faults.len() == before).then_some(request)
}

/// A key that holds a template; faulted where it cannot be read.
pub(super) fn template(
    section: &mut Section<'_, '_, '_>,
    key: &'static str,
    protocol: Protocol,
    stream: &Stream,
) -> Option<Template> {
    let text = section.text(key)?;
    let read = match protocol {
        Protocol::Frame => Template::hex(&text.value),
        Protocol::Line | Protocol::Modbus | Protocol::XrayLines => Template::text(&text.value, stream.charset),
    };
    match read {
        Ok(template) => Some(template),
        Err(wrong) => {
            let message = format!("`{key}` of {} cannot be read", section.what);
            section.report(code::PATTERN, text.part(wrong.at, 1), message, wrong.label);
            None
        }
    }
}

/// The places of the records that `names` call.
pub(super) fn places(names: &[At<String>], records: &[Record], faults: &mut Vec<Fault>) -> Vec<usize> {
    let mut list = Vec::new();
    for name in names {
        match records.iter().position(|record| *record.name == *name.value) {
            Some(place) => list.push(place),
            None => {
                let message = format!("there is no record `{}`", name.value);
                let mut wrong = fault(code::UNKNOWN_NAME, name.span.clone(), message, "no such [[record]]");
                wrong.help = did_you_mean(&name.value, records.iter().map(|record| &*record.name));
                faults.push(wrong);
            }
        }
    }
    list
}

/// Takes the names of all records, so that points and requests can speak of them.
pub(super) fn take(drafts: &[RecordDraft], stream: &mut Stream) {
    stream.records = drafts.iter().map(|draft| draft.record.clone()).collect();
}

/// Binds records and requests to points and records.
pub(super) fn bind(
    drafts: Vec<RecordDraft>,
    requests: Vec<RequestDraft>,
    points: &[Point],
    stream: &mut Stream,
    faults: &mut Vec<Fault>,
) {
    stream.records = drafts.into_iter().map(|draft| bound(draft, points, faults)).collect();
    for RequestDraft { name, class, send, answer, span } in requests {
        let answers = places(&answer, &stream.records, faults);
        stream.requests.push(Request { name, class, send, answers, span });
    }
}

fn bound(draft: RecordDraft, points: &[Point], faults: &mut Vec<Fault>) -> Record {
    let RecordDraft { mut record, set, invalid } = draft;
    let held: Vec<usize> = record.shape.fields().collect();
    let reads = |point: &Point| {
        point
            .signal()
            .is_some_and(|signal| !signal.fields.is_empty() && signal.fields.iter().all(|field| held.contains(field)))
    };
    record.points = (0..points.len()).filter(|index| reads(&points[*index])).collect();
    let mut find = |name: &At<String>| {
        let place = points.iter().position(|point| *point.name == *name.value);
        if place.is_none() {
            let message = format!("record `{}` speaks of a point that does not exist: `{}`", record.name, name.value);
            let mut wrong = fault(code::UNKNOWN_NAME, name.span.clone(), message, "no such point in this profile");
            wrong.help = did_you_mean(&name.value, points.iter().map(|point| &*point.name));
            faults.push(wrong);
        }
        place
    };
    record.set = set.into_iter().filter_map(|(name, value)| Some((find(&name)?, value))).collect();
    record.invalid = invalid.into_iter().filter_map(|(name, reason)| Some((find(&name)?, reason))).collect();
    record
}

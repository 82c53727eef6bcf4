//! Reads the text of a profile; [`super::check`] then judges what was read against its kind.

use std::ops::Range;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::reader::{At, Section, did_you_mean, fault, real, whole};
use super::records::{RecordDraft, RequestDraft};
use super::signals::Known;
use super::{
    Access, Base, ByteOrder, Command, DataType, Decimals, Expect, Identify, Place, Point, PollClass, Profile,
    ProfileTest, Protocol, Register, Table, Trial, Truth, WordOrder, check, code, framing, lines, records, signals,
    trials,
};
use crate::fault::Fault;
use crate::kind::{Closes, Kind};
use crate::reading::Value;
use crate::stream::Stream;

/// What the framing of a detector belongs to.
const DETECTORS: &str = "it belongs to protocol \"xray-lines\"";
const WORD: std::ops::RangeInclusive<i128> = 0..=0xFFFF;

/// Reads and checks a whole profile.
pub(super) fn profile(name: &str, text: &str) -> Result<Profile, Vec<Fault>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> = errors
        .iter()
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            fault(code::SYNTAX, span, "this is not valid TOML".to_owned(), error.message())
        })
        .collect();
    let span = 0..text.find('\n').unwrap_or(text.len());
    let profile = body(name, root.get_ref(), span, &mut faults);
    if let Some(profile) = &profile {
        check::profile(profile, &mut faults);
        // The test blocks run only where the map itself is sound: otherwise they would repeat its faults.
        if faults.is_empty() {
            check::tests(profile, &mut faults);
        }
    }
    faults.sort_by_key(|fault| fault.span.start);
    match profile {
        Some(profile) if faults.is_empty() => Ok(profile),
        Some(_) | None => Err(faults),
    }
}

fn body(name: &str, root: &DeTable<'_>, span: Range<usize>, faults: &mut Vec<Fault>) -> Option<Profile> {
    let mut top = Section::new("the profile", root, span.clone(), faults);
    let kind = top.word("kind", Kind::WORDS);
    let kind = top.required("kind", kind);
    let vendor = top.text("vendor");
    let vendor = top.required("vendor", vendor);
    let model = top.text("model");
    let model = top.required("model", model);
    let protocol = top.word("protocol", Protocol::WORDS);
    let protocol = top.required("protocol", protocol);
    let source = top.text("source");
    let source = top.required("source", source);
    let note = top.text("note");
    let closes = top.word("closes", Closes::WORDS);
    // The arm must be let go of within half a second of the last renewal (promise 5).
    let watchdog = top.duration("watchdog", Duration::from_millis(1)..=Duration::from_millis(500));
    let speaks = protocol.as_ref().map_or(Protocol::Modbus, |protocol| protocol.value);
    let gap = top.integer("gap", 0..=64);
    let base_table = top.table("base");
    let identify_table = top.table("identify");
    let framing_table = framing_table(speaks, &mut top);
    let record_tables = top.tables("record");
    let request_tables = top.tables("request");
    let point_tables = top.tables("point");
    let test_tables = top.tables("test");
    if point_tables.is_empty() && !top.has("point") && speaks != Protocol::XrayLines {
        let span = top.span.clone();
        top.report(code::MISSING_KEY, span, "the profile has no points".to_owned(), "expected at least one [[point]]");
    }
    let unreadable = (closes.is_none() && top.has("closes")) || (watchdog.is_none() && top.has("watchdog"));
    if let Some(kind) = &kind {
        folder(name, kind, &mut top);
    }
    top.finish();

    let base = base_table.and_then(|(table, span)| base(table, span, faults));
    let identify = identify_table.and_then(|(table, span)| identify(table, span, faults));
    let mut parts = Parts { protocol: speaks, stream: None, whole: true, records: Vec::new(), requests: Vec::new() };
    let mut detector = None;
    match speaks {
        Protocol::Modbus => {}
        Protocol::Line | Protocol::Frame => parts.read(framing_table, record_tables, request_tables, span, faults),
        Protocol::XrayLines => {
            detector = lines::detector(framing_table, span, faults);
            parts.whole = detector.is_some();
        }
    }
    let read = point_tables.len();
    let points: Vec<Point> =
        point_tables.into_iter().filter_map(|(table, span)| point(table, span, &parts, faults)).collect();
    let all_points = points.len() == read && parts.whole;
    let stream = if all_points { parts.bind(&points, faults) } else { None };
    let mut tests = Vec::new();
    for (table, span) in test_tables {
        tests.extend(match (speaks, &stream) {
            (Protocol::Modbus, _) => test(table, span, &points, all_points, faults),
            (Protocol::Line | Protocol::Frame, Some(stream)) => {
                trials::test(speaks, table, span, &points, stream, faults)
            }
            // Without sound records every test would be faulted for theirs.
            (Protocol::Line | Protocol::Frame, None) => None,
            (Protocol::XrayLines, _) => lines::test(table, span, faults),
        });
    }
    let profile = Profile {
        name: name.into(),
        kind: kind?.value,
        vendor: vendor?.value.into(),
        model: model?.value.into(),
        protocol: protocol?.value,
        source: source?.value.into(),
        note: note.map(|note| note.value.into()),
        closes: closes.map(|closes| closes.value),
        watchdog: watchdog.map(|watchdog| watchdog.value),
        gap: gap.as_ref().map_or(0, word),
        stream,
        detector,
        points,
        base,
        identify,
        tests,
    };
    // What could not be read is not missing: saying both would send the technician looking twice.
    (all_points && !unreadable).then_some(profile)
}

fn folder(name: &str, kind: &At<Kind>, top: &mut Section<'_, '_, '_>) {
    let folder = name.split('/').next().unwrap_or("");
    if folder != kind.value.word() {
        let label = format!("the folder is `{folder}`, the kind is `{}`", kind.value.word());
        top.report(code::WRONG_FOLDER, kind.span.clone(), format!("`{name}` stands in the wrong folder"), label);
    }
}

fn base(table: &DeTable<'_>, span: Range<usize>, faults: &mut Vec<Fault>) -> Option<Base> {
    let mut section = Section::new("`base`", table, span, faults);
    let place = section.word("table", Table::REGISTERS);
    let place = section.required("table", place);
    let address = section.integer("address", WORD);
    let address = section.required("address", address);
    section.finish();
    Some(Base { table: place?.value, address: word(&address?) })
}

fn identify(table: &DeTable<'_>, span: Range<usize>, faults: &mut Vec<Fault>) -> Option<Identify> {
    let mut section = Section::new("`identify`", table, span, faults);
    let place = section.word("table", Table::REGISTERS);
    let place = section.required("table", place);
    let address = section.integer("address", WORD);
    let address = section.required("address", address);
    let equals = section.integer("equals", WORD);
    let equals = section.required("equals", equals);
    section.finish();
    Some(Identify { table: place?.value, address: word(&address?), equals: word(&equals?) })
}

/// A number that the reader has found to lie within a word.
fn word(number: &At<i128>) -> u16 {
    u16::try_from(number.value).unwrap_or(u16::MAX)
}

/// The table that says how units are told apart; those of the other protocols are faulted.
fn framing_table<'a, 'i>(protocol: Protocol, top: &mut Section<'a, 'i, '_>) -> Option<(&'a DeTable<'i>, Range<usize>)> {
    match protocol {
        Protocol::Modbus => {
            top.foreign(&["line", "frame", "record", "request"], "they belong to protocol \"line\" or \"frame\"");
            top.foreign(&["lines"], DETECTORS);
            None
        }
        Protocol::Line => {
            top.foreign(&["frame", "gap", "base", "identify"], "they belong to another protocol");
            top.foreign(&["lines"], DETECTORS);
            top.table("line")
        }
        Protocol::Frame => {
            top.foreign(&["line", "gap", "base", "identify"], "they belong to another protocol");
            top.foreign(&["lines"], DETECTORS);
            top.table("frame")
        }
        Protocol::XrayLines => {
            let others = ["line", "frame", "record", "request", "gap", "base", "identify", "closes", "watchdog"];
            top.foreign(&others, "they belong to another protocol");
            top.foreign(&["point"], "a detector of lines has no points: control points are a device's own `profile`");
            let table = top.table("lines");
            top.required("lines", table)
        }
    }
}

/// What a line or frame device says and is asked, before its points are known.
struct Parts {
    protocol: Protocol,
    stream: Option<Stream>,
    /// Whether all of it could be read.
    whole: bool,
    records: Vec<RecordDraft>,
    requests: Vec<RequestDraft>,
}

type Tables<'a, 'i> = Vec<(&'a DeTable<'i>, Range<usize>)>;

impl Parts {
    /// Reads everything but the points.
    fn read<'a, 'i>(
        &mut self,
        table: Option<(&'a DeTable<'i>, Range<usize>)>,
        records: Tables<'a, 'i>,
        requests: Tables<'a, 'i>,
        header: Range<usize>,
        faults: &mut Vec<Fault>,
    ) {
        let before = faults.len();
        self.whole = false;
        let Some(mut stream) = framing::framing(self.protocol, table, header, faults) else { return };
        for (table, span) in records {
            self.records.extend(records::record(self.protocol, table, span, &mut stream, faults));
        }
        for (table, span) in requests {
            self.requests.extend(records::request(self.protocol, table, span, &stream, faults));
        }
        records::take(&self.records, &mut stream);
        self.stream = Some(stream);
        self.whole = faults.len() == before;
    }

    fn bind(self, points: &[Point], faults: &mut Vec<Fault>) -> Option<Stream> {
        let mut stream = self.stream?;
        records::bind(self.records, self.requests, points, &mut stream, faults);
        Some(stream)
    }
}

fn point(table: &DeTable<'_>, span: Range<usize>, parts: &Parts, faults: &mut Vec<Fault>) -> Option<Point> {
    let before = faults.len();
    let what = match table.get("name").and_then(|name| name.get_ref().as_str()) {
        Some(name) => format!("point `{name}`"),
        None => "a point".to_owned(),
    };
    let mut section = Section::new(what, table, span, faults);
    let point = match (parts.protocol, &parts.stream) {
        (Protocol::Modbus, _) => point_keys(&mut section, registers),
        (Protocol::Line | Protocol::Frame, Some(stream)) => point_keys(&mut section, |section, common| {
            let name = common.name.as_ref().map_or("", |name| name.value.as_str());
            let known = Known { stream, whole: parts.whole };
            signals::signal(section, name, common.access, parts.protocol, &known).map(Place::Signal)
        }),
        // Its fields are unknown: only what stands in the point itself could be judged.
        (Protocol::Line | Protocol::Frame, None) | (Protocol::XrayLines, _) => return None,
    };
    section.finish();
    // Half of a point would be judged wrongly by the checks against its kind.
    point.filter(|_| faults.len() == before)
}

/// The keys that points of every protocol have.
struct Common {
    name: Option<At<String>>,
    access: Access,
}

fn point_keys<F>(section: &mut Section<'_, '_, '_>, place: F) -> Option<Point>
where
    F: FnOnce(&mut Section<'_, '_, '_>, &Common) -> Option<Place>,
{
    let name = section.text("name");
    let name = section.required("name", name);
    let inverted = section.boolean("inverted").unwrap_or(false);
    let scale = section.number("scale");
    let offset = section.number("offset");
    let unit = section.text("unit");
    let range = section.range("range");
    let invalid = section.integers("invalid", 0..=i128::from(u64::MAX));
    let allowed = section.integers("allowed", i128::from(i64::MIN)..=i128::from(i64::MAX));
    let deadband = section.number("deadband");
    let poll = section.word("poll", PollClass::WORDS);
    let access = section.word("access", Access::WORDS).map_or(Access::Read, |access| access.value);
    let pulse = section.duration("pulse", Duration::from_millis(20)..=Duration::from_secs(30));
    if scale.as_ref().is_some_and(|scale| scale.value == 0.0) {
        let span = section.key_span("scale");
        section.report(
            code::CONTRADICTION,
            span,
            format!("{} has scale 0", section.what),
            "every value would be the same",
        );
    }
    let common = Common { name, access };
    let place = place(section, &common)?;
    Some(Point {
        name: common.name?.value.into(),
        place,
        inverted,
        scale: scale.map_or(1.0, |scale| scale.value),
        offset: offset.map_or(0.0, |offset| offset.value),
        unit: unit.map(|unit| unit.value.into()),
        range,
        invalid: invalid.map_or_else(Vec::new, |list| narrow(list.value)),
        allowed: allowed.map_or_else(Vec::new, |list| narrow(list.value)),
        deadband: deadband.map_or(0.0, |deadband| deadband.value.abs()),
        poll: poll.map_or(PollClass::Normal, |poll| poll.value),
        access,
        pulse: pulse.map(|pulse| pulse.value),
        span: section.span.clone(),
    })
}

fn registers(section: &mut Section<'_, '_, '_>, _: &Common) -> Option<Place> {
    section.foreign(signals::KEYS, "it belongs to a line or frame device; a Modbus point has a table and an address");
    let place = section.word("table", Table::WORDS);
    let place = section.required("table", place);
    let address = section.integer("address", WORD);
    let address = section.required("address", address);
    let data = section.word("type", DataType::WORDS);
    let byte_order = section.word("byte_order", ByteOrder::WORDS);
    let word_order = section.word("word_order", WordOrder::WORDS);
    let bit = section.integer("bit", 0..=15);
    let mask = section.integer("mask", 1..=i128::from(u64::MAX));
    let equals = section.integer("equals", WORD);
    let on = section.integer("on", WORD);
    let off = section.integer("off", WORD);
    let decimals_word = section.integer("decimals_word", 1..=124);
    let decimals_mask = section.integer("decimals_mask", 1..=0xFFFF);

    let table = place?.value;
    let data = match data {
        Some(data) => data.value,
        None if table.is_bits() => DataType::Bool,
        None => {
            section.required::<()>("type", None);
            return None;
        }
    };
    let truth = match (data, bit, equals) {
        (DataType::Bool, Some(bit), _) => Some(Truth::Bit(u8::try_from(bit.value).unwrap_or(0))),
        (DataType::Bool, None, Some(equals)) => {
            Some(Truth::Equals { mask: mask.as_ref().map_or(0xFFFF, word), value: word(&equals) })
        }
        (_, _, _) => None,
    };
    check::keys(section, table, data);
    Some(Place::Register(Register {
        table,
        address: word(&address?),
        data,
        byte_order: byte_order.map_or(ByteOrder::Big, |order| order.value),
        word_order: word_order.map_or(WordOrder::HighFirst, |order| order.value),
        truth,
        mask: mask.filter(|_| data != DataType::Bool).and_then(|mask| u64::try_from(mask.value).ok()),
        command: on.map(|on| Command { on: word(&on), off: off.as_ref().map(word) }),
        decimals: decimals_word
            .map(|at| Decimals { word: word(&at), mask: decimals_mask.as_ref().map_or(0xFFFF, word) }),
    }))
}

fn narrow<T: TryFrom<i128>>(list: Vec<i128>) -> Vec<T> {
    list.into_iter().filter_map(|number| T::try_from(number).ok()).collect()
}

fn test(
    table: &DeTable<'_>,
    span: Range<usize>,
    points: &[Point],
    all_points: bool,
    faults: &mut Vec<Fault>,
) -> Option<ProfileTest> {
    let mut section = Section::new("a test", table, span.clone(), faults);
    section.foreign(trials::KEYS, "it belongs to a line or frame device");
    section.foreign(lines::TEST_KEYS, DETECTORS);
    let name = section.text("point");
    let name = section.required("point", name);
    let raw = section.integers("raw", WORD);
    let raw = section.required("raw", raw);
    let value = section.any("value").map(|value| (value.get_ref(), value.span()));
    let quality = section.word("quality", &[("bad", Doubt::Bad), ("invalid", Doubt::Invalid)]);
    if value.is_none() && quality.is_none() && !section.has("quality") {
        section.required::<()>("value", None);
    }
    section.finish();
    let (name, raw) = (name?, raw?);
    let Some(index) = points.iter().position(|point| *point.name == *name.value) else {
        if all_points {
            let message = format!("a test of a point that does not exist: `{}`", name.value);
            let mut wrong = fault(code::TEST, name.span, message, "no such point in this profile");
            wrong.help = did_you_mean(&name.value, points.iter().map(|point| &*point.name));
            faults.push(wrong);
        }
        return None;
    };
    let expect = match (quality, value) {
        (Some(quality), _) => quality.value.expect(),
        (None, Some((value, span))) => Expect::Good(literal(value, span, "`value` of a test", faults)?),
        (None, None) => return None,
    };
    Some(ProfileTest { trial: Trial::Register { point: index, raw: narrow(raw.value), expect }, span })
}

/// The two qualities that a test can ask for, as plain words for the reader's closed list.
#[derive(Clone, Copy)]
enum Doubt {
    Bad,
    Invalid,
}

impl Doubt {
    const fn expect(self) -> Expect {
        match self {
            Self::Bad => Expect::Bad,
            Self::Invalid => Expect::Invalid,
        }
    }
}

/// A value as a profile writes it: true, false, a number or a text.
pub(super) fn literal(value: &DeValue<'_>, span: Range<usize>, of: &str, faults: &mut Vec<Fault>) -> Option<Value> {
    if let Some(on) = value.as_bool() {
        return Some(Value::Bool(on));
    }
    if let Some(number) = whole(value).and_then(|number| i64::try_from(number).ok()) {
        return Some(Value::Int(number));
    }
    if let Some(number) = real(value) {
        return Some(Value::Float(number));
    }
    if let Some(text) = value.as_str() {
        return Some(Value::Text(text.to_owned()));
    }
    let label = format!("{}, expected true, false, a number or a text", value.type_str());
    faults.push(fault(code::WRONG_TYPE, span, format!("wrong type for {of}"), label));
    None
}

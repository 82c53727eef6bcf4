//! Reads how the lines of an X-ray detector are framed: `[lines]` of a profile, and its test blocks.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::de::DeTable;

use super::reader::{At, Section};
use super::{LineTrial, ProfileTest, Protocol, Trial, code, framing, trials};
use crate::fault::Fault;
use crate::lines::{
    AROUND_MAX, Align, Arrangement, Calibration, Counter, Detector, Field, FrameKind, Idle, KindField, LengthField,
    PIXELS_MAX, Sample, ViewField,
};
use crate::stream::{Charset, Order};

const U32: RangeInclusive<i128> = 0..=0xFFFF_FFFF;
const AROUND: RangeInclusive<i128> = 0..=AROUND_MAX as i128;
const SILENCE: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(60);
/// Lines that are averaged: with fewer the noise of the calibration stands in every image.
const AVERAGED: RangeInclusive<i128> = 8..=4_096;

/// How many bytes a field of a header has.
const SIZES: &[(&str, usize)] = &[("u8", 1), ("u16", 2), ("u24", 3), ("u32", 4)];

/// The ways in which dark and white lines come.
#[derive(Clone, Copy)]
enum Comes {
    Flagged,
    First,
    Done,
}

const COMES: &[(&str, Comes)] = &[("flagged", Comes::Flagged), ("first", Comes::First), ("done", Comes::Done)];

/// Keys of a test block that other devices do not have.
pub(super) const TEST_KEYS: &[&str] = &["header", "samples", "kind", "counter", "view", "low", "high"];

/// The words for the schema.
pub(super) fn field_words() -> impl Iterator<Item = &'static str> {
    SIZES.iter().map(|(word, _)| *word)
}

/// The words for the schema.
pub(super) fn comes_words() -> impl Iterator<Item = &'static str> {
    COMES.iter().map(|(word, _)| *word)
}

type Table<'a, 'i> = (&'a DeTable<'i>, Range<usize>);

/// Reads `[lines]`.
pub(super) fn detector(
    table: Option<Table<'_, '_>>,
    header: Range<usize>,
    faults: &mut Vec<Fault>,
) -> Option<Detector> {
    let empty = DeTable::new();
    let (table, span) = table.unwrap_or((&empty, header));
    let before = faults.len();
    let mut section = Section::new("`lines`", table, span, faults);
    let frame = frame(&mut section);
    let content = content(&mut section);
    let sample = sample(&mut section);
    let geometry = geometry(&mut section);
    let idle = section.word("idle", Idle::WORDS).map_or(Idle::Lines, |idle| idle.value);
    let silence = section.duration("silence", SILENCE).map_or(Duration::from_millis(500), |silence| silence.value);
    let calibration = section.table("calibration");
    section.required("calibration", calibration.as_ref());
    section.finish();
    let (frame, content, sample, geometry) = (frame?, content?, sample?, geometry?);
    let fields = frame.fields(faults);
    let calibration = calibration.and_then(|(table, span)| self::calibration(table, span, &fields, faults));
    let checksum = frame.checksum.as_ref().and_then(|(table, span)| framing::checksum(table, span.clone(), faults));
    let (counter, wraps) = fields.counter?;
    let detector = Detector {
        sync: frame.sync.value,
        header: frame.header.value,
        counter: Counter { field: counter, wraps },
        view: fields.view,
        kind: fields.kind.as_ref().map(|(kind, _)| *kind),
        length: fields.length,
        pixels: content.pixels,
        energies: content.energies,
        views: content.views,
        arrangement: content.arrangement,
        sample,
        trailer: frame.trailer,
        end: frame.end,
        checksum,
        pitch_um: geometry.pitch_um,
        line_um: geometry.line_um,
        rate: geometry.rate,
        calibration: calibration?,
        idle,
        silence,
    };
    judge(&detector, &fields, &frame.header.span, faults);
    (faults.len() == before).then_some(detector)
}

/// What stands around the samples, with the tables that are read by themselves.
struct Around<'a, 'i> {
    sync: At<Vec<u8>>,
    header: At<usize>,
    trailer: usize,
    end: Vec<u8>,
    counter: Option<Table<'a, 'i>>,
    view: Option<Table<'a, 'i>>,
    kind: Option<Table<'a, 'i>>,
    length: Option<Table<'a, 'i>>,
    checksum: Option<Table<'a, 'i>>,
}

fn frame<'a, 'i>(section: &mut Section<'a, 'i, '_>) -> Option<Around<'a, 'i>> {
    let sync = framing::bytes_key(section, "sync", Protocol::XrayLines, Charset::Ascii);
    let sync = section.required("sync", sync);
    if let Some(short) = sync.as_ref().filter(|sync| !(2..=16).contains(&sync.value.len())) {
        let label = "expected 2 to 16 bytes: fewer stand among the samples by chance";
        section.report(code::FRAMING, short.span.clone(), "frames would be found where none are".to_owned(), label);
    }
    let header = section.integer("header", 3..=*AROUND.end());
    let header = section.required("header", header);
    let trailer = section.integer("trailer", AROUND).map_or(0, |trailer| number(&trailer));
    let end = framing::bytes_key(section, "end", Protocol::XrayLines, Charset::Ascii);
    let [counter, view, kind, length, checksum] =
        ["counter", "view", "kind", "length", "checksum"].map(|key| section.table(key));
    section.required("counter", counter.as_ref());
    let header = header?;
    Some(Around {
        sync: sync?,
        header: At { value: number(&header), span: header.span },
        trailer,
        end: end.map(|end| end.value).unwrap_or_default(),
        counter,
        view,
        kind,
        length,
        checksum,
    })
}

/// What the fields of the header say.
struct Fields {
    counter: Option<(Field, u64)>,
    view: Option<ViewField>,
    kind: Option<(KindField, Range<usize>)>,
    length: Option<LengthField>,
    /// Where each stands: its bytes, and its place in the profile.
    places: Vec<(Field, Range<usize>)>,
}

impl Around<'_, '_> {
    fn fields(&self, faults: &mut Vec<Fault>) -> Fields {
        let mut places = Vec::new();
        let mut open =
            |table: &Option<Table<'_, '_>>, name: &str, faults: &mut Vec<Fault>, read: &mut ReadField<'_>| {
                let Some((table, span)) = table else { return };
                let mut section = Section::new(format!("`lines.{name}`"), table, span.clone(), faults);
                let field = field(&mut section);
                read(&mut section, field);
                section.finish();
                places.extend(field.map(|field| (field, span.clone())));
            };
        let (mut counter, mut view, mut kind, mut length) = (None, None, None, None);
        open(&self.counter, "counter", faults, &mut |section, field| {
            let wraps = section.integer("wraps", 2..=0x1_0000_0000);
            counter = field.map(|field| (field, wraps.map_or(field_span(field), |at| at.value.unsigned_abs() as u64)));
        });
        open(&self.view, "view", faults, &mut |section, field| {
            let first = section.integer("first", U32).map_or(0, |first| word(&first));
            view = field.map(|field| ViewField { field, first });
        });
        open(&self.kind, "kind", faults, &mut |section, field| {
            let data = section.integer("data", U32);
            let data = section.required("data", data);
            let [dark, white] = ["dark", "white"].map(|key| section.integer(key, U32).map(|at| word(&at)));
            let read = field.zip(data).map(|(field, data)| KindField { field, data: word(&data), dark, white });
            kind = read.map(|read| (read, section.span.clone()));
        });
        open(&self.length, "length", faults, &mut |section, field| {
            let add = section.integer("add", AROUND).map_or(0, |add| number(&add));
            length = field.map(|field| LengthField { field, add });
        });
        Fields { counter, view, kind, length, places }
    }
}

type ReadField<'r> = dyn FnMut(&mut Section<'_, '_, '_>, Option<Field>) + 'r;

fn field(section: &mut Section<'_, '_, '_>) -> Option<Field> {
    let at = section.integer("at", AROUND);
    let at = section.required("at", at);
    let size = section.word("type", SIZES).map_or(1, |size| size.value);
    let order = section.word("order", Order::WORDS).map_or(Order::Little, |order| order.value);
    let all = u32::MAX >> (32 - 8 * size);
    let mask = section.integer("mask", 1..=i128::from(all)).map_or(all, |mask| word(&mask));
    Some(Field { at: number(&at?), size, order, mask })
}

/// How many different numbers a field can hold.
const fn field_span(field: Field) -> u64 {
    (field.mask >> field.mask.trailing_zeros()) as u64 + 1
}

struct Content {
    pixels: u32,
    energies: u8,
    views: u8,
    arrangement: Arrangement,
}

fn content(section: &mut Section<'_, '_, '_>) -> Option<Content> {
    let pixels = section.integer("pixels", 8..=i128::from(PIXELS_MAX));
    let pixels = section.required("pixels", pixels);
    let energies = section.integer("energies", 1..=2).map_or(1, |energies| number(&energies));
    let views = section.integer("views", 1..=8).map_or(1, |views| number(&views));
    let arrangement = section.word("arrangement", Arrangement::WORDS);
    if energies == 2 && arrangement.is_none() && !section.has("arrangement") {
        section.required::<()>("arrangement", None);
    }
    if let Some(extra) = arrangement.as_ref().filter(|_| energies == 1) {
        let label = "one energy lies as it comes";
        let message = "`arrangement` without a second energy".to_owned();
        section.report(code::CONTRADICTION, extra.span.clone(), message, label);
    }
    if views > 1 && !section.has("view") {
        let (span, message) = (section.key_span("views"), "nothing tells one view from another".to_owned());
        section.report(code::FRAMING, span, message, "add `view`, the field of the header that holds its number");
    }
    Some(Content {
        pixels: word(&pixels?),
        energies: u8::try_from(energies).unwrap_or(1),
        views: u8::try_from(views).unwrap_or(1),
        arrangement: arrangement.map_or(Arrangement::LowThenHigh, |arrangement| arrangement.value),
    })
}

fn sample(section: &mut Section<'_, '_, '_>) -> Option<Sample> {
    let bits = section.integer("bits", 8..=16);
    let bits = section.required("bits", bits);
    let bytes = section.integer("sample_bytes", 1..=2);
    let order = section.word("order", Order::WORDS).map_or(Order::Little, |order| order.value);
    let align = section.word("align", Align::WORDS).map_or(Align::Low, |align| align.value);
    let bits = number(&bits?);
    if let Some(few) = bytes.as_ref().filter(|bytes| number(bytes) * 8 < bits) {
        let message = format!("a sample of {bits} bits does not fit into one byte");
        section.report(code::CONTRADICTION, few.span.clone(), message, "expected 2");
    }
    let bytes = bytes.map_or(bits.div_ceil(8), |bytes| number(&bytes));
    Some(Sample { bits: u8::try_from(bits).unwrap_or(16), bytes, order, align })
}

struct Geometry {
    pitch_um: u32,
    line_um: u32,
    rate: u32,
}

fn geometry(section: &mut Section<'_, '_, '_>) -> Option<Geometry> {
    let pitch_um = section.integer("pitch_um", 10..=100_000).map_or(0, |pitch| word(&pitch));
    let rate = section.integer("rate", 1..=100_000);
    let rate = section.required("rate", rate);
    let line = section.integer("line_um", 10..=1_000_000);
    let speed = section.integer("speed_mm_s", 1..=20_000);
    if let (Some(_), Some(speed)) = (&line, &speed) {
        let (span, message) = (speed.span.clone(), "two ways to say how far lines are apart".to_owned());
        section.report(code::CONTRADICTION, span, message, "`line_um` says it already");
    }
    let rate = word(&rate?);
    let line_um = match (line, speed) {
        (Some(line), _) => word(&line),
        (None, Some(speed)) => word(&speed).saturating_mul(1_000) / rate,
        (None, None) => 0,
    };
    Some(Geometry { pitch_um, line_um, rate })
}

fn calibration(
    table: &DeTable<'_>,
    span: Range<usize>,
    fields: &Fields,
    faults: &mut Vec<Fault>,
) -> Option<Calibration> {
    let mut section = Section::new("`lines.calibration`", table, span, faults);
    let comes = section.word("lines", COMES);
    let comes = section.required("lines", comes);
    let [average, dark, white] = ["average", "dark", "white"].map(|key| section.integer(key, AVERAGED));
    let air = section.integer("air", 1..=0xFFFF);
    let mut foreign = |keys: &[&'static str]| {
        for key in keys {
            if section.has(key) {
                let (span, message) = (section.key_span(key), format!("`{key}` makes no sense in {}", section.what));
                section.report(code::CONTRADICTION, span, message, "it belongs to another way of `lines`");
            }
        }
    };
    let read = match comes.as_ref()?.value {
        Comes::Flagged => {
            foreign(&["dark", "white", "air"]);
            Some(Calibration::Flagged { lines: average.map_or(64, |lines| word(&lines)) })
        }
        Comes::First => {
            foreign(&["average", "air"]);
            let (dark, white) = (section.required("dark", dark), section.required("white", white));
            dark.zip(white).map(|(dark, white)| Calibration::First { dark: word(&dark), white: word(&white) })
        }
        Comes::Done => {
            foreign(&["average", "dark", "white"]);
            let air = section.required("air", air);
            air.map(|air| Calibration::Done { air: u16::try_from(air.value).unwrap_or(u16::MAX) })
        }
    };
    let told = fields.kind.as_ref().is_some_and(|(kind, _)| kind.dark.is_some() && kind.white.is_some());
    if matches!(read, Some(Calibration::Flagged { .. })) && !told {
        let span = comes.map_or_else(|| section.span.clone(), |comes| comes.span);
        let message = "no frame would tell that it is dark or white".to_owned();
        section.report(code::FRAMING, span, message, "expected `lines.kind` with `data`, `dark` and `white`");
    }
    section.finish();
    read
}

/// The parts against each other.
fn judge(detector: &Detector, fields: &Fields, header: &Range<usize>, faults: &mut Vec<Fault>) {
    let mut wrong = |code, span: &Range<usize>, message: &str, label: String| {
        faults.push(super::reader::fault(code, span.clone(), message.to_owned(), label));
    };
    if detector.sync.len() > detector.header {
        let label = format!("`sync` alone has {} bytes", detector.sync.len());
        wrong(code::CONTRADICTION, header, "the header is too short", label);
    }
    for (field, span) in &fields.places {
        if field.end() > detector.header {
            let label = format!("it ends at byte {}, the header at byte {}", field.end(), detector.header);
            wrong(code::CONTRADICTION, span, "a field of the header lies among the samples", label);
        } else if field.at < detector.sync.len() {
            let label = format!("`sync` are bytes 0 to {}", detector.sync.len() - 1);
            wrong(code::CONTRADICTION, span, "a field of the header lies in `sync`", label);
        }
    }
    if detector.counter.wraps > field_span(detector.counter.field) {
        let label = format!("the field holds {} numbers", field_span(detector.counter.field));
        wrong(code::CONTRADICTION, header, "the counter never reaches its `wraps`", label);
    }
    if let Some((kind, span)) = &fields.kind
        && (kind.dark == Some(kind.data)
            || kind.white == Some(kind.data)
            || kind.dark.is_some() && kind.dark == kind.white)
    {
        let label = "expected a number of its own for each".to_owned();
        wrong(code::CONTRADICTION, span, "two kinds of line have one number", label);
    }
    let guards = detector.checksum.map_or(0, |checksum| checksum.width() + checksum.after);
    if guards.max(detector.end.len()) > detector.trailer {
        let label = "expected `trailer` with the bytes of `checksum` and `end`".to_owned();
        wrong(code::CONTRADICTION, header, "checksum and end do not fit behind the samples", label);
    } else if detector.checksum.is_some_and(|checksum| checksum.after < detector.end.len()) {
        let label = "expected `after` of the checksum as long as `end`".to_owned();
        wrong(code::CONTRADICTION, header, "the checksum lies in `end`", label);
    }
}

/// Reads one `[[test]]` block.
pub(super) fn test(table: &DeTable<'_>, span: Range<usize>, faults: &mut Vec<Fault>) -> Option<ProfileTest> {
    let before = faults.len();
    let mut section = Section::new("a test", table, span.clone(), faults);
    section.foreign(&["point", "raw", "value", "quality"], "a detector of lines has no points");
    section.foreign(trials::KEYS, "it belongs to a line or frame device");
    let header = framing::bytes_key(&mut section, "header", Protocol::XrayLines, Charset::Ascii);
    let header = section.required("header", header);
    let samples = framing::bytes_key(&mut section, "samples", Protocol::XrayLines, Charset::Ascii);
    let kind = section.word("kind", FrameKind::WORDS).map_or(FrameKind::Data, |kind| kind.value);
    let counter = section.integer("counter", U32);
    let counter = section.required("counter", counter);
    let view = section.integer("view", 0..=7).map_or(0, |view| number(&view));
    let [low, high] = ["low", "high"].map(|key| {
        let list = section.integers(key, 0..=0xFFFF).map(|list| list.value).unwrap_or_default();
        list.into_iter().filter_map(|sample| u16::try_from(sample).ok()).collect()
    });
    section.finish();
    let trial = LineTrial {
        header: header?.value,
        samples: samples.map(|samples| samples.value).unwrap_or_default(),
        kind,
        counter: word(&counter?),
        view: u8::try_from(view).unwrap_or(0),
        low,
        high,
    };
    (faults.len() == before).then_some(ProfileTest { trial: Trial::Line(trial), span })
}

/// A number that the reader has found to lie within its bounds.
fn number(at: &At<i128>) -> usize {
    usize::try_from(at.value).unwrap_or(0)
}

fn word(at: &At<i128>) -> u32 {
    u32::try_from(at.value).unwrap_or(0)
}

//! Reads how a device's lines or frames are told apart: `[line]`, `[frame]` and their `checksum`.

use std::time::Duration;

use super::code;
use super::reader::{At, Section};
use super::{PollClass, Protocol};
use crate::fault::Fault;
use crate::stream::{
    Charset, Checksum, Form, FrameFraming, Framing, Length, LineFraming, Order, Stream, Sum, hex_bytes,
};
use std::ops::Range;
use toml::de::DeTable;

/// Longest pause that a device may make, and longest wait for an answer.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(3_600);
/// Longest unit: what a splitter keeps of any device.
const UNIT_MAX: i128 = 2_048;

/// Bytes that stand in a text: as they are for a line device, as hexadecimal digits for a frame device.
pub(super) fn bytes(text: &At<String>, protocol: Protocol, charset: Charset) -> Result<Vec<u8>, &'static str> {
    match protocol {
        Protocol::Frame | Protocol::XrayLines => {
            let words = text.value.split_ascii_whitespace().map(hex_bytes).collect::<Option<Vec<_>>>();
            words.map(|words| words.concat()).ok_or("expected bytes in hexadecimal such as \"02 1B\"")
        }
        Protocol::Line | Protocol::Modbus => {
            charset.bytes(&text.value).map_err(|_| "a character is not in the device's charset")
        }
    }
}

/// A key that holds bytes; faulted where they cannot be read.
pub(super) fn bytes_key(
    section: &mut Section<'_, '_, '_>,
    key: &'static str,
    protocol: Protocol,
    charset: Charset,
) -> Option<At<Vec<u8>>> {
    let text = section.texts(key)?.into_iter().next()?;
    match bytes(&text, protocol, charset) {
        Ok(value) => Some(At { value, span: text.span }),
        Err(why) => {
            let message = format!("`{key}` of {} cannot be read", section.what);
            section.report(code::PATTERN, text.span, message, why);
            None
        }
    }
}

/// Reads `[line]` or `[frame]` into a stream that has no records yet.
pub(super) fn framing(
    protocol: Protocol,
    table: Option<(&DeTable<'_>, Range<usize>)>,
    header: Range<usize>,
    faults: &mut Vec<Fault>,
) -> Option<Stream> {
    let empty = DeTable::new();
    let (table, span) = table.unwrap_or((&empty, header));
    let before = faults.len();
    let name = if protocol == Protocol::Line { "`line`" } else { "`frame`" };
    let mut section = Section::new(name, table, span, faults);
    let charset = section.word("charset", Charset::WORDS).map_or(Charset::Ascii, |charset| charset.value);
    let silence = section.duration("silence", PAUSE);
    let timeout = section.duration("timeout", PAUSE);
    let max = section.integer("max", 1..=UNIT_MAX).map_or(256, |max| usize::try_from(max.value).unwrap_or(256));
    let ignored = ignored(&mut section, protocol, charset);
    let checksum_table = section.table("checksum");
    let framing = match protocol {
        Protocol::Frame => frame(&mut section, charset, max),
        Protocol::Line | Protocol::Modbus | Protocol::XrayLines => line(&mut section, charset, max),
    };
    section.finish();
    let checksum = checksum_table.and_then(|(table, span)| checksum(table, span, faults));
    let mut stream = Stream::bare(framing, checksum, charset);
    stream.silence = silence.map_or(stream.silence, |silence| silence.value);
    stream.timeout = timeout.map(|timeout| timeout.value);
    stream.ignored = ignored;
    (faults.len() == before).then_some(stream)
}

fn ignored(section: &mut Section<'_, '_, '_>, protocol: Protocol, charset: Charset) -> Vec<Vec<u8>> {
    let texts = section.texts("ignore").unwrap_or_default();
    let mut list = Vec::new();
    for text in texts {
        match bytes(&text, protocol, charset) {
            Ok(beginning) if !beginning.is_empty() => list.push(beginning),
            Ok(_) => section.report(
                code::PATTERN,
                text.span,
                "an `ignore` that is empty".to_owned(),
                "it would take every disturbance for a sign of life",
            ),
            Err(why) => section.report(code::PATTERN, text.span, "an `ignore` cannot be read".to_owned(), why),
        }
    }
    list
}

fn line(section: &mut Section<'_, '_, '_>, charset: Charset, max: usize) -> Framing {
    let start = bytes_key(section, "start", Protocol::Line, charset).map(|start| start.value).unwrap_or_default();
    let end = bytes_key(section, "end", Protocol::Line, charset);
    if let Some(end) = end.as_ref().filter(|end| end.value.is_empty() || start.ends_with(&end.value)) {
        let label = "expected one or more characters that are not those of `start`, such as \"\\r\\n\"";
        section.report(code::FRAMING, end.span.clone(), "no line would ever end".to_owned(), label);
    }
    let end = end.map_or_else(|| b"\n".to_vec(), |end| end.value);
    Framing::Line(LineFraming { start, end, max })
}

fn frame(section: &mut Section<'_, '_, '_>, charset: Charset, max: usize) -> Framing {
    let start = bytes_key(section, "start", Protocol::Frame, charset).map(|start| start.value).unwrap_or_default();
    let end = bytes_key(section, "end", Protocol::Frame, charset).map(|end| end.value).unwrap_or_default();
    let fixed = section.integer("length", 2..=UNIT_MAX);
    let at = section.integer("length_at", 0..=64);
    let size = section.word("length_type", &[("u8", 1_usize), ("u16", 2)]);
    let order = section.word("length_order", Order::WORDS);
    let add = section.integer("length_add", 0..=64);
    if at.is_none() && !section.has("length_at") {
        for key in ["length_type", "length_order", "length_add"] {
            if section.has(key) {
                let span = section.key_span(key);
                section.report(code::CONTRADICTION, span, format!("`{key}` without `length_at`"), "says nothing");
            }
        }
    }
    let number = |at: &At<i128>| usize::try_from(at.value).unwrap_or(0);
    let length = match (&fixed, &at) {
        (Some(_), Some(at)) => {
            let label = "`length` says already how long a frame is";
            section.report(code::CONTRADICTION, at.span.clone(), "a frame with two lengths".to_owned(), label);
            Length::OfAnswer
        }
        (Some(fixed), None) => Length::Fixed(number(fixed)),
        (None, Some(at)) => Length::Told {
            at: number(at),
            size: size.map_or(1, |size| size.value),
            order: order.map_or(Order::Big, |order| order.value),
            add: add.as_ref().map_or(0, number),
        },
        (None, None) => Length::OfAnswer,
    };
    if start.is_empty() && !section.has("start") && length != Length::OfAnswer {
        let span = section.span.clone();
        let label = "add `start`, the bytes that begin a frame";
        section.report(code::FRAMING, span, "nothing tells where a frame begins".to_owned(), label);
    }
    let max = if let Length::Fixed(length) = length { length } else { max };
    Framing::Frame(FrameFraming { start, end, length, max })
}

pub(super) fn checksum(table: &DeTable<'_>, span: Range<usize>, faults: &mut Vec<Fault>) -> Option<Checksum> {
    let mut section = Section::new("`checksum`", table, span, faults);
    let sum = section.word("sum", Sum::WORDS);
    let sum = section.required("sum", sum);
    let from = section.integer("from", 0..=64);
    let after = section.integer("after", 0..=16);
    let form = section.word("form", Form::WORDS);
    section.finish();
    let number = |at: Option<At<i128>>| at.and_then(|at| usize::try_from(at.value).ok()).unwrap_or(0);
    Some(Checksum {
        sum: sum?.value,
        from: number(from),
        after: number(after),
        form: form.map_or(Form::Raw, |form| form.value),
    })
}

/// The class of a request, by the word that points use.
pub(super) fn class(section: &mut Section<'_, '_, '_>) -> PollClass {
    section.word("poll", PollClass::WORDS).map_or(PollClass::Normal, |poll| poll.value)
}

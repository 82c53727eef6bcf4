//! What is sent to a device: bytes with places for a unit number, a value and a checksum in them.
//!
//! ```text
//!   line     "\u0002{unit:02}T{value}\u0003{xor8@1}\r"    text; checksums as two hexadecimal digits a byte
//!   frame    "{unit+B0} 84 {value:u16} {xor8@1}"           hexadecimal bytes; checksums as bytes
//!   either   {unit} {unit:02} {unit+B0} {value} {value:06} {value:u16} {value:u16le} {xor8} {xor8@1} {{ }}
//! ```
//! `@1` is the first byte that a checksum covers; it ends before the checksum itself.
//!
//! **A value can never break the framing.** Of a text, control characters, bytes that begin or end a unit, the byte
//! that stands behind the value in the template and the profile's own `forbid` are replaced by `replace`, after
//! encoding: in GBK the second byte of a character can be `|` or `}`.

use super::checksum::{Form, Sum, written};
use super::{Charset, Framing, Stream};
use crate::reading::Value;

/// Bytes with places in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The unit number in decimal, with zeros in front up to this width.
    UnitText(usize),
    /// The unit number plus this, as one byte.
    UnitByte(u8),
    /// The value.
    Value(ValueForm),
    /// A checksum of everything from this byte on.
    Checksum(Sum, usize),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    /// A text, or a number in decimal.
    Plain,
    /// A whole number with zeros in front, of exactly this width.
    Padded(usize),
    /// A whole number in this many bytes, the highest first or the lowest.
    Bytes {
        /// 1, 2 or 4.
        width: usize,
        /// The lowest byte first.
        little: bool,
    },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// Where, in bytes.
    pub at: usize,
    /// What is wrong.
    pub label: String,
}

/// How text is made harmless before it is put into a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// How it is written in bytes.
    pub charset: Charset,
    /// How a checksum is written.
    pub form: Form,
    /// Bytes that no value may hold.
    pub forbidden: Vec<u8>,
    /// What stands for a character that may not be sent.
    pub replace: char,
    /// Longest text in bytes; the rest is left out at a whole character.
    pub max: usize,
}

impl TextRules {
    /// Rules under which no value can begin or end a unit of `stream`.
    pub fn new(stream: &Stream, replace: char, max: usize, forbid: &str) -> Self {
        let mut forbidden: Vec<u8> = (0..0x20).chain([0x7F]).collect();
        let (start, end, form) = match &stream.framing {
            Framing::Line(line) => (&line.start, &line.end, Form::Hex),
            Framing::Frame(frame) => (&frame.start, &frame.end, Form::Raw),
        };
        forbidden.extend(start.iter().chain(end));
        forbidden.extend(stream.charset.bytes(forbid).unwrap_or_default());
        let form = stream.checksum.map_or(form, |checksum| checksum.form);
        Self { charset: stream.charset, form, forbidden, replace, max }
    }

    /// The bytes of a text that is safe to send, with `stop` standing behind it.
    fn harmless(&self, text: &str, stop: Option<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        for character in text.chars() {
            let mut bytes = self.allowed(character, stop).unwrap_or_default();
            if bytes.is_empty() {
                bytes = self.allowed(self.replace, stop).unwrap_or_default();
            }
            if out.len() + bytes.len() > self.max {
                break;
            }
            out.extend(bytes);
        }
        out
    }

    fn allowed(&self, character: char, stop: Option<u8>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let known = self.charset.encode(character, &mut bytes);
        let harmful = |byte: &u8| self.forbidden.contains(byte) || stop == Some(*byte);
        (known && !bytes.iter().any(harmful)).then_some(bytes)
    }
}

fn wrong(at: usize, label: impl Into<String>) -> TemplateFault {
    TemplateFault { at, label: label.into() }
}

impl Template {
    /// Reads the template of a line device.
    pub fn text(text: &str, charset: Charset) -> Result<Self, TemplateFault> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let length = match rest.as_bytes() {
                [b'{', b'{', ..] | [b'}', b'}', ..] => {
                    push(&mut parts, &[rest.as_bytes()[0]]);
                    2
                }
                [b'{', ..] => {
                    let end = rest.find('}').ok_or_else(|| wrong(at, "a `{` that is never closed"))?;
                    parts.push(place(&rest[1..end]).map_err(|label| wrong(at, label))?);
                    end + 1
                }
                [b'}', ..] => return Err(wrong(at, "a `}` that closes nothing: write `}}` for the brace itself")),
                _ => {
                    let length = rest.find(['{', '}']).unwrap_or(rest.len());
                    let bytes = charset.bytes(&rest[..length]);
                    push(
                        &mut parts,
                        &bytes.map_err(|unknown| wrong(at, format!("`{unknown}` is not in the charset")))?,
                    );
                    length
                }
            };
            rest = &rest[length..];
        }
        Ok(Self { parts })
    }

    /// Reads the template of a frame device: hexadecimal bytes and places between blanks.
    pub fn hex(text: &str) -> Result<Self, TemplateFault> {
        let mut parts = Vec::new();
        let start = text.as_ptr() as usize;
        for word in text.split_ascii_whitespace() {
            let at = word.as_ptr() as usize - start;
            match word.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(inner) => parts.push(place(inner).map_err(|label| wrong(at, label))?),
                None => push(&mut parts, &hex_bytes(word).ok_or_else(|| wrong(at, "expected bytes such as `B0 01`"))?),
            }
        }
        Ok(Self { parts })
    }

    /// True where a value has a place in it.
    pub fn takes_value(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(_)))
    }

    /// The bytes to send, or why this value cannot be sent.
    pub fn render(&self, unit: u8, value: Option<&Value>, rules: &TextRules) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Bytes(bytes) => out.extend(bytes),
                Part::UnitText(width) => out.extend(format!("{unit:0width$}").into_bytes()),
                Part::UnitByte(base) => out.push(
                    base.checked_add(unit).ok_or_else(|| format!("unit {unit} does not fit behind 0x{base:02X}"))?,
                ),
                Part::Checksum(sum, from) => {
                    let covered = out.get(*from..).ok_or("the checksum covers bytes that are not there")?;
                    out.extend(written(sum.of(covered), rules.form));
                }
                Part::Value(value_form) => {
                    let value = value.ok_or("there is no value to send")?;
                    let stop = match self.parts.get(index + 1) {
                        Some(Part::Bytes(next)) => next.first().copied(),
                        Some(Part::UnitText(_) | Part::UnitByte(_) | Part::Value(_) | Part::Checksum(..)) | None => {
                            None
                        }
                    };
                    out.extend(value_form.bytes(value, rules, stop)?);
                }
            }
        }
        Ok(out)
    }
}

fn push(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        Some(Part::Bytes(before)) => before.extend(bytes),
        Some(Part::UnitText(_) | Part::UnitByte(_) | Part::Value(_) | Part::Checksum(..)) | None => {
            parts.push(Part::Bytes(bytes.to_vec()));
        }
    }
}

fn place(inner: &str) -> Result<Part, String> {
    let (name, form) = inner.split_once(':').map_or((inner, None), |(name, form)| (name, Some(form)));
    if let Some(rest) = name.strip_prefix("unit") {
        return unit_place(rest, form)
            .ok_or_else(|| format!("`{inner}`: expected {{unit}}, {{unit:02}} or {{unit+B0}}"));
    }
    if name == "value" {
        let form = value_form(form.unwrap_or("")).ok_or_else(|| {
            format!("`{inner}`: expected {{value}}, {{value:06}}, {{value:u8}}, {{value:u16}}, {{value:u16le}} or {{value:u32}}")
        })?;
        return Ok(Part::Value(form));
    }
    let (word, from) = name.split_once('@').map_or((name, "0"), |(word, from)| (word, from));
    let sum = Sum::WORDS.iter().find(|(known, _)| *known == word).map(|(_, sum)| *sum);
    match (sum, from.parse(), form) {
        (Some(sum), Ok(from), None) => Ok(Part::Checksum(sum, from)),
        (_, _, _) => Err(format!("`{inner}` is neither unit, value nor a checksum such as xor8@1")),
    }
}

fn unit_place(rest: &str, form: Option<&str>) -> Option<Part> {
    match (rest.strip_prefix('+'), form) {
        (Some(base), None) => u8::from_str_radix(base, 16).ok().map(Part::UnitByte),
        (None, None) if rest.is_empty() => Some(Part::UnitText(1)),
        (None, Some(width)) if rest.is_empty() => width.parse().ok().filter(|width| *width <= 3).map(Part::UnitText),
        (_, _) => None,
    }
}

fn value_form(form: &str) -> Option<ValueForm> {
    let (kind, little) = form.strip_suffix("le").map_or((form, false), |kind| (kind, true));
    match kind {
        "" if !little => Some(ValueForm::Plain),
        "u8" => Some(ValueForm::Bytes { width: 1, little }),
        "u16" => Some(ValueForm::Bytes { width: 2, little }),
        "u32" => Some(ValueForm::Bytes { width: 4, little }),
        digits => digits.parse().ok().filter(|width| !little && *width <= 20).map(ValueForm::Padded),
    }
}

/// The bytes of hexadecimal digits; `None` where it is anything else.
pub(crate) fn hex_bytes(word: &str) -> Option<Vec<u8>> {
    let whole = word.len().is_multiple_of(2) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pair = |at: usize| word.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    whole.then(|| (0..word.len()).step_by(2).filter_map(pair).collect())
}

impl ValueForm {
    fn bytes(self, value: &Value, rules: &TextRules, stop: Option<u8>) -> Result<Vec<u8>, String> {
        match (self, value) {
            (Self::Plain, Value::Text(text)) => Ok(rules.harmless(text, stop)),
            (Self::Plain, Value::Int(_) | Value::Float(_)) => Ok(value.to_string().into_bytes()),
            (Self::Padded(width), _) => {
                let text = format!("{:0width$}", whole(value)?);
                if text.len() == width { Ok(text.into_bytes()) } else { Err(format!("{value} has no {width} digits")) }
            }
            (Self::Bytes { width, little }, _) => {
                let number = u64::try_from(whole(value)?).ok().filter(|number| *number < 1 << (width * 8));
                let number = number.ok_or_else(|| format!("{value} does not fit into {width} bytes"))?;
                let mut bytes = number.to_be_bytes()[8 - width..].to_vec();
                if little {
                    bytes.reverse();
                }
                Ok(bytes)
            }
            (Self::Plain, Value::Bool(_)) => Err(format!("{value} is neither a text nor a number")),
        }
    }
}

/// The nearest whole number.
#[allow(clippy::cast_possible_truncation)] // guarded by the range
fn whole(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::Float(number) if number.abs() < 9e15 => Ok(number.round() as i64),
        Value::Float(_) | Value::Bool(_) | Value::Text(_) => Err(format!("{value} is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::LineFraming;
    use super::*;

    fn rules(charset: Charset) -> TextRules {
        let framing = Framing::Line(LineFraming { start: vec![0x02], end: vec![0x03], max: 80 });
        TextRules::new(&Stream::bare(framing, None, charset), '?', 24, "~")
    }

    fn frame_rules() -> TextRules {
        TextRules { form: Form::Raw, ..rules(Charset::Ascii) }
    }

    fn sent(template: &str, unit: u8, value: &Value) -> Result<Vec<u8>, String> {
        let template = Template::text(template, Charset::Ascii).unwrap();
        template.render(unit, Some(value), &rules(Charset::Ascii))
    }

    #[test]
    fn lines_and_frames_are_put_together_with_unit_value_and_checksum() {
        let text = Value::Text("GO".into());
        assert_eq!(sent("\u{2}{unit:02}{{{value}}}\u{3}{xor8@1}\r", 7, &text).unwrap(), b"\x0207{GO}\x030A\r");
        let frame = Template::hex("{unit+B0} 84 {value:u16} {xor8@1}").unwrap();
        let bytes = frame.render(1, Some(&Value::Int(950)), &frame_rules()).unwrap();
        assert_eq!(bytes, [0xB1, 0x84, 0x03, 0xB6, 0x84 ^ 0x03 ^ 0xB6]);
        assert_eq!(sent("B{value:03}", 1, &Value::Float(7.4)).unwrap(), b"B007");
        let little = Template::hex("{value:u16le}").unwrap();
        assert_eq!(little.render(1, Some(&Value::Int(258)), &frame_rules()).unwrap(), [2, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_wrapped() {
        for (template, value) in [
            ("{value:u8}", Value::Int(256)),
            ("{value:u8}", Value::Int(-1)),
            ("{value:02}", Value::Int(100)),
            ("{value:02}", Value::Text("1".into())),
            ("{value}", Value::Bool(true)),
            ("{value:u16}", Value::Float(f64::NAN)),
        ] {
            assert!(sent(template, 1, &value).is_err(), "{template} {value:?}");
        }
        let unit = Template::hex("{unit+B0}").unwrap();
        assert!(unit.render(200, None, &frame_rules()).is_err());
    }

    #[test]
    fn text_is_made_harmless_and_cut_at_a_whole_character() {
        let text = |text: &str| sent("{value};", 1, &Value::Text(text.into())).unwrap();
        assert_eq!(text("a\r\nb\u{2}c;d~e"), b"a??b?c?d?e;");
        assert_eq!(text("粤B12345"), b"?B12345;");
        assert_eq!(text(&"x".repeat(99)).len(), 25);
        let template = Template::text("{value}|", Charset::Gbk).unwrap();
        let send = |text: &str| template.render(1, Some(&Value::Text(text.into())), &rules(Charset::Gbk)).unwrap();
        assert_eq!(send("粤B"), b"\xD4\xC1B|");
        // The second byte of this character is 0x7C, the byte that ends the value.
        assert_eq!(Charset::Gbk.bytes("亅").unwrap()[1], b'|');
        assert_eq!(send("亅B"), b"?B|");
        assert_eq!(send(&"通".repeat(13)).len(), 25, "twelve characters of two bytes and the end");
    }

    #[test]
    fn what_begins_or_ends_a_unit_is_no_part_of_a_text_although_it_can_be_read() {
        let framing = Framing::Line(LineFraming { start: b"#".to_vec(), end: b"!".to_vec(), max: 80 });
        let rules = TextRules::new(&Stream::bare(framing, None, Charset::Ascii), '.', 24, "");
        let template = Template::text("#T {value} end!", Charset::Ascii).unwrap();
        let sent = template.render(1, Some(&Value::Text("a#b!c".into())), &rules).unwrap();
        assert_eq!(sent, b"#T a.b.c end!");
    }

    #[test]
    fn a_template_that_cannot_work_says_where_and_why() {
        for (text, at, part) in [
            ("ab{value", 2, "never closed"),
            ("{valeu}", 0, "neither unit, value nor a checksum"),
            ("x{unit+XY}", 1, "{unit+B0}"),
            ("{value:u9}", 0, "{value:u16}"),
        ] {
            let fault = Template::text(text, Charset::Ascii).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.label.contains(part), "{text}: {}", fault.label);
        }
        assert_eq!(Template::hex("B0 1").unwrap_err().at, 3);
    }

    proptest! {
        #[test]
        fn no_text_can_begin_or_end_a_unit_or_its_own_place(text in any::<String>()) {
            for charset in [Charset::Ascii, Charset::Utf8, Charset::Latin1, Charset::Gbk] {
                let template = Template::text("\u{2}T{value}|\u{3}", charset).unwrap();
                let bytes = template.render(1, Some(&Value::Text(text.clone())), &rules(charset)).unwrap();
                let inner = &bytes[2..bytes.len() - 2];
                prop_assert!(inner.len() <= 24);
                prop_assert!(inner.iter().all(|byte| *byte >= 0x20 && !b"\x7F|~".contains(byte)));
            }
        }
    }
}

//! Patterns of lines: literal text with named fields in it, `GB,{left:int},{right:int}`.
//!
//! ```text
//!   {name:int}      a whole number, blanks before it skipped
//!   {name:number}   a number with or without decimals
//!   {name:hex}      hexadecimal digits
//!   {name:bits}     zeros and ones, the highest bit first
//!   {name:byte}     one byte as a number
//!   {name:text}     anything up to what follows
//!   {name:int:6}    exactly six bytes, padded with blanks
//!   {:text}         a field that is not used
//!   {*}             whatever follows, unused
//!   {{ and }}       the braces themselves
//! ```
//! A pattern fits a line or it does not; it is read once from left to right and never tries again, so no line can
//! make it slow.

use std::sync::Arc;

use super::charset::Charset;
use super::meaning::Held;

/// A pattern, ready to be held against lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As the profile has it.
    pub text: Arc<str>,
    /// What it is made of.
    pub pieces: Vec<Piece>,
}

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Exactly these bytes.
    Literal(Vec<u8>),
    /// A field.
    Field {
        /// Its place among the names of the stream; `None` where it is not used.
        field: Option<usize>,
        /// What it holds.
        kind: FieldKind,
        /// Its bytes, where they are always as many.
        width: Option<usize>,
    },
    /// Whatever follows.
    Rest,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// A whole number.
    Int,
    /// A number with or without decimals.
    Number,
    /// Hexadecimal digits.
    Hex,
    /// Zeros and ones, the highest bit first.
    Bits,
    /// One byte as a number.
    Byte,
    /// Text.
    Text,
}

impl FieldKind {
    /// Every kind with the word a pattern calls it by.
    pub const WORDS: &[(&str, Self)] = &[
        ("int", Self::Int),
        ("number", Self::Number),
        ("hex", Self::Hex),
        ("bits", Self::Bits),
        ("byte", Self::Byte),
        ("text", Self::Text),
    ];
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternFault {
    /// Where in the pattern, in bytes.
    pub at: usize,
    /// How many bytes of it are meant.
    pub length: usize,
    /// What is wrong.
    pub label: String,
    /// The word that cannot be understood, where a list of words is expected.
    pub word: Option<String>,
}

impl Pattern {
    /// Reads a pattern; `place` gives each field name its place among the names of the stream.
    pub fn parse(text: &str, charset: Charset, place: &mut dyn FnMut(&str) -> usize) -> Result<Self, PatternFault> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let (piece, length) = match rest.as_bytes() {
                [b'{', b'{', ..] | [b'}', b'}', ..] => (Piece::Literal(vec![rest.as_bytes()[0]]), 2),
                [b'{', ..] => field(rest, at, place)?,
                [b'}', ..] => return Err(wrong(at, 1, "a `}` that closes nothing: write `}}` for the brace itself")),
                _ => literal(rest, at, charset)?,
            };
            push(&mut pieces, piece, at, length)?;
            rest = &rest[length..];
        }
        Ok(Self { text: text.into(), pieces })
    }

    /// The fields of a line; `None` where the pattern does not fit it.
    pub fn read(&self, line: &[u8], charset: Charset) -> Option<Vec<(usize, Held)>> {
        let mut held = Vec::new();
        let mut rest = line;
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(bytes) => rest = rest.strip_prefix(bytes.as_slice())?,
                Piece::Rest => return Some(held),
                Piece::Field { field, kind, width } => {
                    let length = match width {
                        Some(width) => *width,
                        None => kind.reach(rest, self.pieces.get(index + 1))?,
                    };
                    let value = kind.value(rest.get(..length)?, charset)?;
                    rest = &rest[length..];
                    held.extend(field.map(|field| (field, value)));
                }
            }
        }
        rest.is_empty().then_some(held)
    }

    /// The fields that it holds.
    pub fn fields(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field { field, .. } => *field,
            Piece::Literal(_) | Piece::Rest => None,
        })
    }
}

fn wrong(at: usize, length: usize, label: impl Into<String>) -> PatternFault {
    PatternFault { at, length, label: label.into(), word: None }
}

fn literal(rest: &str, at: usize, charset: Charset) -> Result<(Piece, usize), PatternFault> {
    let length = rest.find(['{', '}']).unwrap_or(rest.len());
    match charset.bytes(&rest[..length]) {
        Ok(bytes) => Ok((Piece::Literal(bytes), length)),
        Err(unknown) => {
            let place = rest.find(unknown).unwrap_or(0);
            Err(wrong(at + place, unknown.len_utf8(), format!("`{unknown}` is not in the device's charset")))
        }
    }
}

fn field(rest: &str, at: usize, place: &mut dyn FnMut(&str) -> usize) -> Result<(Piece, usize), PatternFault> {
    let Some(end) = rest.find('}') else { return Err(wrong(at, 1, "a `{` that is never closed")) };
    let (inner, length) = (&rest[1..end], end + 1);
    if inner == "*" {
        return Ok((Piece::Rest, length));
    }
    let mut parts = inner.split(':');
    let (name, kind, width) = (parts.next().unwrap_or(""), parts.next().unwrap_or("text"), parts.next());
    if parts.next().is_some() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(wrong(at, length, "expected {name:type} or {name:type:width}, the name in small letters"));
    }
    let Some((_, kind)) = FieldKind::WORDS.iter().find(|(word, _)| *word == kind) else {
        let words: Vec<_> = FieldKind::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect();
        let label = format!("`{kind}` is no type of field; expected one of {}", words.join(", "));
        return Err(PatternFault { word: Some(kind.to_owned()), ..wrong(at, length, label) });
    };
    let width = match width.map(str::parse::<usize>) {
        None => (*kind == FieldKind::Byte).then_some(1),
        Some(Ok(width @ 1..=256)) => Some(width),
        Some(Ok(_) | Err(_)) => return Err(wrong(at, length, "the width is a number of bytes from 1 to 256")),
    };
    if *kind == FieldKind::Byte && width != Some(1) {
        return Err(wrong(at, length, "a byte is one byte wide"));
    }
    let field = (!name.is_empty()).then(|| place(name));
    Ok((Piece::Field { field, kind: *kind, width }, length))
}

/// Appends a piece, if what stands before it says where it begins.
fn push(pieces: &mut Vec<Piece>, piece: Piece, at: usize, length: usize) -> Result<(), PatternFault> {
    let unclear = match (pieces.last(), &piece) {
        (Some(Piece::Rest), _) => return Err(wrong(at, length, "nothing can stand after `{*}`")),
        (Some(Piece::Field { width: None, kind: FieldKind::Text, .. }), Piece::Field { .. } | Piece::Rest) => true,
        (Some(Piece::Field { width: None, .. }), Piece::Field { kind, .. }) => *kind != FieldKind::Text,
        (Some(Piece::Literal(_) | Piece::Field { .. }) | None, _) => false,
    };
    if unclear {
        return Err(wrong(at, length, "nothing tells where the field before ends: give that one a width"));
    }
    match (pieces.last_mut(), piece) {
        (Some(Piece::Literal(before)), Piece::Literal(more)) => before.extend(more),
        (_, piece) => pieces.push(piece),
    }
    Ok(())
}

impl FieldKind {
    /// How many bytes of `rest` belong to a field without a width.
    fn reach(self, rest: &[u8], next: Option<&Piece>) -> Option<usize> {
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let run =
            |belongs: &dyn Fn(u8) -> bool| blanks + rest[blanks..].iter().take_while(|byte| belongs(**byte)).count();
        match self {
            Self::Int | Self::Number => Some(blanks + number_length(&rest[blanks..])),
            Self::Hex => Some(run(&|byte| byte.is_ascii_hexdigit())),
            Self::Bits => Some(run(&|byte| matches!(byte, b'0' | b'1'))),
            Self::Byte => Some(1),
            Self::Text => match next {
                Some(Piece::Literal(stop)) => rest.windows(stop.len()).position(|window| window == stop.as_slice()),
                Some(Piece::Field { .. } | Piece::Rest) | None => Some(rest.len()),
            },
        }
    }

    /// What exactly these bytes hold.
    fn value(self, bytes: &[u8], charset: Charset) -> Option<Held> {
        if self == Self::Byte {
            return bytes.first().map(|byte| Held::Int(i64::from(*byte)));
        }
        let text = charset.text(bytes).filter(|text| !text.chars().any(char::is_control))?;
        let trimmed = text.trim_matches(' ');
        match self {
            Self::Text => Some(Held::Text(trimmed.into())),
            Self::Hex => digits(trimmed, 15).and_then(|text| i64::from_str_radix(text, 16).ok()).map(Held::Int),
            Self::Bits => digits(trimmed, 63).and_then(|text| i64::from_str_radix(text, 2).ok()).map(Held::Int),
            Self::Int | Self::Number | Self::Byte => number(trimmed, self),
        }
    }
}

/// Digits without a sign, which the standard library would take.
fn digits(text: &str, most: usize) -> Option<&str> {
    (text.len() <= most && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// How far a number goes, with what devices send instead of one: `-----`, `---.-`, `NaN`.
fn number_length(rest: &[u8]) -> usize {
    let stands_in = rest.iter().take_while(|byte| is_dash(**byte)).count();
    let sign = rest.iter().take_while(|byte| matches!(byte, b'+' | b'-')).count().min(1);
    let blanks = if sign == 1 { rest[1..].iter().take_while(|byte| **byte == b' ').count() } else { 0 };
    let size = sign + blanks;
    let figures = rest[size..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let exponent = exponent_length(&rest[size + figures..]);
    if figures > 0 && rest[size..size + figures].iter().any(u8::is_ascii_digit) {
        return size + figures + exponent;
    }
    let word = rest[size..].iter().take(3).take_while(|byte| byte.is_ascii_alphabetic()).count();
    if word == 3 && is_no_number(&rest[size..size + 3]) { size + 3 } else { stands_in }
}

fn exponent_length(rest: &[u8]) -> usize {
    let sign = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
    let figures = rest.iter().skip(1 + sign).take_while(|byte| byte.is_ascii_digit()).count();
    if matches!(rest.first(), Some(b'e' | b'E')) && figures > 0 { 1 + sign + figures } else { 0 }
}

const fn is_dash(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'_' | b'*' | b'#')
}

fn is_no_number(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"nan") || word.eq_ignore_ascii_case(b"inf")
}

fn number(text: &str, kind: FieldKind) -> Option<Held> {
    if text.len() >= 2 && text.bytes().all(is_dash) {
        return Some(Held::Missing(text.into()));
    }
    let plain: String = text.chars().filter(|character| *character != ' ').collect();
    if is_no_number(plain.trim_start_matches(['+', '-']).as_bytes()) {
        return Some(Held::Float(f64::NAN));
    }
    // A blank may stand between sign and digits, and nowhere else.
    let inner = text.trim_start_matches(['+', '-']).trim_start_matches(' ');
    if inner.contains(' ') {
        return None;
    }
    match kind {
        FieldKind::Int => plain.parse().ok().map(Held::Int),
        FieldKind::Number | FieldKind::Hex | FieldKind::Bits | FieldKind::Byte | FieldKind::Text => {
            plain.parse().ok().filter(|number: &f64| number.is_finite()).map(Held::Float)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> (Pattern, Vec<String>) {
        let mut names = Vec::new();
        let parsed = Pattern::parse(text, Charset::Ascii, &mut |name| {
            names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        });
        (parsed.expect(text), names)
    }

    fn read(text: &str, line: &str) -> Option<Vec<(String, Held)>> {
        let (pattern, names) = pattern(text);
        let held = pattern.read(line.as_bytes(), Charset::Ascii)?;
        Some(held.into_iter().map(|(field, value)| (names[field].clone(), value)).collect())
    }

    fn one(text: &str, line: &str) -> Option<Held> {
        read(text, line).map(|mut held| held.remove(0).1)
    }

    #[test]
    fn fields_are_read_between_the_literals() {
        assert_eq!(
            read("GB,{a:int},{:int},{b:int}", "GB,000379,000371,-7"),
            Some(vec![("a".to_owned(), Held::Int(379)), ("b".to_owned(), Held::Int(-7))])
        );
        assert_eq!(read("GB,{a:int}", "GB,1,2"), None, "the whole line must fit");
        assert_eq!(read("GB,{a:int}{*}", "GB,1,2").map(|held| held.len()), Some(1));
        assert_eq!(read("GB,{a:int}", "GS,1"), None);
        assert_eq!(one("{{{a:hex}}}", "{1F}"), Some(Held::Int(31)));
        assert_eq!(one("({:number} {a:bits}", "(230.1 00110000"), Some(Held::Int(0b11_0000)));
        assert_eq!(one("\u{2}{a:byte}x", "\u{2}Ax"), Some(Held::Int(65)));
        assert_eq!(one("ID:{a:text};{*}", "ID: 12 ab;zz"), Some(Held::Text("12 ab".into())));
    }

    #[test]
    fn numbers_come_with_blanks_signs_and_decimals_as_scales_send_them() {
        for (line, value) in
            [("S S     100.00 kg", 100.0), ("S S -  12.5 kg", -12.5), ("S S +1e3 kg", 1000.0), ("S S .5 kg", 0.5)]
        {
            assert_eq!(one("S S {a:number} kg", line), Some(Held::Float(value)), "{line}");
        }
        assert_eq!(one("{a:int:6}{:byte}", "  -120x"), Some(Held::Int(-120)));
        for line in ["S S 1 0 kg", "S S  kg", "S S 1.2.3 kg", "S S - kg", "S S ++1 kg"] {
            assert_eq!(one("S S {a:number} kg", line), None, "{line}");
        }
        assert_eq!(one("{a:int}", "99999999999999999999"), None, "what does not fit is not cut");
    }

    #[test]
    fn what_stands_in_for_a_number_is_a_missing_one() {
        assert_eq!(one("({a:number} x", "(---.- x"), Some(Held::Missing("---.-".into())));
        assert_eq!(one("{a:int:6}", "------"), Some(Held::Missing("------".into())));
        assert!(matches!(one("{a:number} kg", "NaN kg"), Some(Held::Float(number)) if number.is_nan()));
    }

    #[test]
    fn a_pattern_that_cannot_work_says_where_and_why() {
        for (text, at, part) in [
            ("GB,{a:int", 3, "never closed"),
            ("GB}", 2, "closes nothing"),
            ("{a:itn}", 0, "no type of field"),
            ("{a:text}{b:int}", 8, "give that one a width"),
            ("{a:int}{b:int}", 7, "give that one a width"),
            ("{*}x", 3, "nothing can stand after"),
            ("{a:int:0}", 0, "1 to 256"),
            ("{A:int}", 0, "small letters"),
            ("5°{a:int}", 1, "charset"),
        ] {
            let fault = Pattern::parse(text, Charset::Ascii, &mut |_| 0).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.label.contains(part), "{text}: {}", fault.label);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_never_more(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            for text in ["S {a:number} {b:text}", "{a:int:3}{b:hex}x{c:bits}{*}", "{a:text},{b:byte}{c:number}"] {
                let (pattern, _) = pattern(text);
                for charset in [Charset::Ascii, Charset::Utf8, Charset::Latin1, Charset::Gbk] {
                    pattern.read(&line, charset);
                }
            }
        }

        #[test]
        fn a_number_comes_back_as_it_was_written(number in any::<i64>(), scaled in -1e9_f64..1e9) {
            prop_assert_eq!(one("x{a:int}y", &format!("x{number}y")), Some(Held::Int(number)));
            prop_assert_eq!(one("x{a:number}y", &format!("x{scaled}y")), Some(Held::Float(scaled)));
        }
    }
}

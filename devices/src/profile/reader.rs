//! Reads one table of a TOML text key by key and collects everything that is wrong with it.
//!
//! serde stops at the first error of a table and loses spans inside tagged enums; a technician wants all of them.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::code;
use crate::fault::{Fault, Severity};

/// A value and where it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl At<String> {
    /// Where a part of a text stands, as far as it can be told: an escape in the text moves what follows it.
    pub(super) fn part(&self, at: usize, length: usize) -> Range<usize> {
        if self.span.len() == self.value.len() + 2 {
            let start = self.span.start + 1 + at;
            return start..start + length;
        }
        self.span.clone()
    }
}

/// A fault without asides or help.
pub(super) fn fault(code: &'static str, span: Range<usize>, message: String, label: impl Into<String>) -> Fault {
    Fault { code, severity: Severity::Error, message, span, label: label.into(), asides: Vec::new(), help: None }
}

/// The known word nearest to `word`, if it is near enough to be a slip of the hand.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let tolerance = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "did you mean …?", if something is near.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// One table being read. Every key it knows is asked for exactly once; [`Section::finish`] faults the rest.
pub(super) struct Section<'a, 'i, 'f> {
    /// How faults call the table: ``point `opened` ``.
    pub(super) what: String,
    /// The table's header, where faults about missing keys point.
    pub(super) span: Range<usize>,
    table: &'a DeTable<'i>,
    known: Vec<&'static str>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'i, 'f> Section<'a, 'i, 'f> {
    pub(super) fn new(
        what: impl Into<String>,
        table: &'a DeTable<'i>,
        span: Range<usize>,
        faults: &'f mut Vec<Fault>,
    ) -> Self {
        Self { what: what.into(), span, table, known: Vec::new(), faults }
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table.get(key)
    }

    pub(super) fn report(&mut self, code: &'static str, span: Range<usize>, message: String, label: impl Into<String>) {
        self.faults.push(fault(code, span, message, label));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The span of a key's name, or of the table where the key is absent.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(name, _)| name.span())
    }

    fn wrong_type(&mut self, key: &str, value: &Spanned<DeValue<'i>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.report(
            code::WRONG_TYPE,
            value.span(),
            format!("wrong type for `{key}` of {}", self.what),
            format!("{found}, expected {expected}"),
        );
    }

    /// Faults the absence of `key` and passes the value on.
    pub(super) fn required<T>(&mut self, key: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            let span = self.span.clone();
            self.report(
                code::MISSING_KEY,
                span,
                format!("{} has no `{key}`", self.what),
                format!("`{key}` is required"),
            );
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a text");
            return None;
        };
        if text.trim().is_empty() {
            self.report(
                code::WRONG_TYPE,
                value.span(),
                format!("`{key}` of {} is empty", self.what),
                "expected a text",
            );
            return None;
        }
        Some(At { value: text.to_owned(), span: value.span() })
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(key, value, "true or false");
        }
        found
    }

    pub(super) fn integer(&mut self, key: &'static str, bounds: RangeInclusive<i128>) -> Option<At<i128>> {
        let value = self.value(key)?;
        self.integer_of(key, value, bounds)
    }

    fn integer_of(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'i>>,
        bounds: RangeInclusive<i128>,
    ) -> Option<At<i128>> {
        let Some(number) = whole(value.get_ref()) else {
            self.wrong_type(key, value, "an integer");
            return None;
        };
        if !bounds.contains(&number) {
            let label = format!("{number} is not in {} to {}", bounds.start(), bounds.end());
            self.report(code::OUT_OF_BOUNDS, value.span(), format!("`{key}` of {} is out of bounds", self.what), label);
            return None;
        }
        Some(At { value: number, span: value.span() })
    }

    pub(super) fn integers(&mut self, key: &'static str, bounds: RangeInclusive<i128>) -> Option<At<Vec<i128>>> {
        let value = self.value(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of integers");
            return None;
        };
        let list =
            items.iter().filter_map(|item| self.integer_of(key, item, bounds.clone())).map(|at| at.value).collect();
        Some(At { value: list, span: value.span() })
    }

    pub(super) fn number(&mut self, key: &'static str) -> Option<At<f64>> {
        let value = self.value(key)?;
        self.number_of(key, value)
    }

    fn number_of(&mut self, key: &str, value: &Spanned<DeValue<'i>>) -> Option<At<f64>> {
        match real(value.get_ref()).filter(|number| number.is_finite()) {
            Some(number) => Some(At { value: number, span: value.span() }),
            None => {
                self.wrong_type(key, value, "a finite number");
                None
            }
        }
    }

    /// `[low, high]`, low not above high.
    pub(super) fn range(&mut self, key: &'static str) -> Option<RangeInclusive<f64>> {
        let value = self.value(key)?;
        let pair: Vec<f64> = match value.get_ref().as_array() {
            Some(items) => items.iter().filter_map(|item| self.number_of(key, item)).map(|at| at.value).collect(),
            None => Vec::new(),
        };
        match pair[..] {
            [low, high] if low <= high => Some(low..=high),
            _ => {
                self.wrong_type(key, value, "[low, high] with low not above high");
                None
            }
        }
    }

    /// A duration with its unit: `"500 ms"`.
    pub(super) fn duration(&mut self, key: &'static str, bounds: RangeInclusive<Duration>) -> Option<At<Duration>> {
        let value = self.value(key)?;
        let parsed = value.get_ref().as_str().and_then(|text| humantime::parse_duration(text).ok());
        let Some(duration) = parsed else {
            let shown = value.get_ref().as_str().map_or_else(String::new, |text| format!(" \"{text}\""));
            let found = value.get_ref().type_str();
            self.report(
                code::WRONG_TYPE,
                value.span(),
                format!("`{key}` of {} is not a duration", self.what),
                format!("{found}{shown}, expected a duration with its unit such as \"500 ms\""),
            );
            return None;
        };
        if !bounds.contains(&duration) {
            let (low, high) = (bounds.start().as_millis(), bounds.end().as_millis());
            self.report(
                code::OUT_OF_BOUNDS,
                value.span(),
                format!("`{key}` of {} is out of bounds", self.what),
                format!("{} ms is not in {low} ms to {high} ms", duration.as_millis()),
            );
            return None;
        }
        Some(At { value: duration, span: value.span() })
    }

    /// One word of a closed list.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(At { value: *meaning, span: text.span });
        }
        let list: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let message = format!("`{key}` of {} is unknown: `{}`", self.what, text.value);
        let mut wrong = fault(code::UNKNOWN_WORD, text.span, message, format!("expected one of {}", list.join(", ")));
        wrong.help = did_you_mean(&text.value, words.iter().map(|(word, _)| *word));
        self.faults.push(wrong);
        None
    }

    /// A value of any type.
    pub(super) fn any(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.value(key)
    }

    /// A table inside of this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<(&'a DeTable<'i>, Range<usize>)> {
        let value = self.value(key)?;
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.wrong_type(key, value, "a table");
        }
        found.map(|table| (table, value.span()))
    }

    /// An array of tables inside of this one.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<(&'a DeTable<'i>, Range<usize>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items: Option<&'a DeArray<'i>> = value.get_ref().as_array();
        let tables: Option<Vec<_>> = items.map(|items| {
            items.iter().filter_map(|item| item.get_ref().as_table().map(|table| (table, item.span()))).collect()
        });
        match tables {
            Some(tables) => tables,
            None => {
                self.wrong_type(key, value, &format!("[[{key}]] tables"));
                Vec::new()
            }
        }
    }

    /// A table inside of this one, read for itself.
    pub(super) fn inner<'b, 'j>(
        &mut self,
        what: String,
        table: &'b DeTable<'j>,
        span: Range<usize>,
    ) -> Section<'b, 'j, '_> {
        Section::new(what, table, span, self.faults)
    }

    pub(super) fn push(&mut self, wrong: Fault) {
        self.faults.push(wrong);
    }

    /// Lends the list of faults to what judges more than this table.
    pub(super) fn with_faults<T>(&mut self, judge: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        judge(self.faults)
    }

    /// Takes keys for known that belong to another protocol, and faults those that are there.
    pub(super) fn foreign(&mut self, keys: &[&'static str], why: &str) {
        for key in keys {
            self.known.push(key);
            if self.has(key) {
                let (span, message) = (self.key_span(key), format!("`{key}` makes no sense in {}", self.what));
                self.report(code::CONTRADICTION, span, message, why);
            }
        }
    }

    /// A text or a list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<At<String>>> {
        let value = self.value(key)?;
        let one = |value: &Spanned<DeValue<'i>>| {
            value.get_ref().as_str().map(|text| At { value: text.to_owned(), span: value.span() })
        };
        let list = match value.get_ref().as_array() {
            Some(items) => items.iter().map(one).collect(),
            None => one(value).map(|text| vec![text]),
        };
        if list.is_none() {
            self.wrong_type(key, value, "a text or a list of texts");
        }
        list
    }

    /// Faults every key that was never asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.table.iter() {
            let key: &str = name.get_ref();
            if self.known.contains(&key) {
                continue;
            }
            let message = format!("unknown key `{key}` in {}", self.what);
            let mut wrong = fault(code::UNKNOWN_KEY, name.span(), message, "not a key of this table");
            wrong.help = did_you_mean(key, self.known.iter().copied());
            self.faults.push(wrong);
        }
    }
}

/// The integer in a value, in whichever base it was written.
pub(super) fn whole(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The number in a value, whole or not.
pub(super) fn real(value: &DeValue<'_>) -> Option<f64> {
    match value.as_float() {
        Some(float) => float.as_str().parse().ok(),
        None => whole(value).map(|number| number as f64),
    }
}

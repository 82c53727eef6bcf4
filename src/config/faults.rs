//! Collects what is wrong with a text while it is read, so that one run says everything.

use std::ops::Range;

use portside_devices::fault::{Aside, Fault, Severity};

use super::codes::Code;

/// A value and where it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> Placed<T> {
    pub(super) fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }
}

/// The faults of one text.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    secrets: Vec<Range<usize>>,
}

impl Faults {
    /// Adds a fault; the answer lets asides and help be added to it.
    pub(super) fn add(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Adding<'_> {
        let severity = if code.0.starts_with('W') { Severity::Warning } else { Severity::Error };
        let (message, label) = (printable(&message.into()), printable(&label.into()));
        let place = self.list.len();
        self.list.push(Fault { code: code.0, severity, message, span, label, asides: Vec::new(), help: None });
        Adding(&mut self.list[place])
    }

    /// Keeps what stands there out of every drawing: faults end up in logs.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// The text with every hidden place starred out, byte for byte, so that other places stay where they are.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let hidden = |at: usize| self.secrets.iter().any(|span| span.contains(&at));
        text.char_indices().fold(String::with_capacity(text.len()), |mut shown, (at, c)| {
            if hidden(at) && c != '\n' {
                shown.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                shown.push(c);
            }
            shown
        })
    }

    /// Takes over the faults of `other` that `wanted` lets pass, and every place that it hides.
    pub(super) fn absorb(&mut self, other: Self, wanted: impl Fn(&Fault) -> bool) {
        self.list.extend(other.list.into_iter().filter(wanted));
        self.secrets.extend(other.secrets);
    }

    /// True when something found so far keeps the file from being used.
    pub(super) fn any_errors(&self) -> bool {
        self.list.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// The faults in the order of the text.
    pub(super) fn into_sorted(mut self) -> Vec<Fault> {
        self.list.sort_by_key(|fault| (fault.span.start, fault.span.end));
        self.list
    }
}

/// A fault that has been added and can still be explained better.
pub(super) struct Adding<'a>(&'a mut Fault);

impl Adding<'_> {
    /// Points at another place that explains this one.
    pub(super) fn aside(self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.0.asides.push(Aside { span, label: printable(&label.into()) });
        self
    }

    /// Says what to do next.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.0.help = Some(printable(&help.into()));
        self
    }

    /// Names the nearest known word, or else all of them where they are few.
    pub(super) fn nearest<'k>(self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.dedup();
        match nearest(word, known.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None if known.len() <= 12 => self.help(format!("known are {}", list(known))),
            None => self,
        }
    }
}

/// The known word nearest to `word`, if it is near enough to be a slip of the hand.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let tolerance = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= tolerance && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Words as they are listed in a sentence: `` `a`, `b`, `c` ``.
pub(super) fn list<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `text` without what could move a terminal's cursor or turn its line around.
fn printable(text: &str) -> String {
    let acts = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if acts(c) {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_its_word_and_another_word_does_not() {
        let known = ["barrier", "io", "xray"];
        assert_eq!(nearest("barier", known), Some("barrier"));
        assert_eq!(nearest("Xray", known), Some("xray"));
        assert_eq!(nearest("weighbridge", known), None);
        assert_eq!(nearest("ab", known), None, "two letters of two are no likeness");
    }

    #[test]
    fn a_hidden_place_is_starred_out_and_nothing_moves() {
        let mut faults = Faults::default();
        let text = "a = \"海x\ny\" # z";
        faults.hide(4..12);
        let shown = faults.without_secrets(text);
        assert_eq!(shown, "a = *****\n** # z");
        assert_eq!(shown.len(), text.len());
    }

    #[test]
    fn what_a_file_says_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}海"), "a\\u{1b}[2Jb\\u{202e}海");
    }
}

//! The faults of a lane file and its profiles, drawn for people in compiler style and listed for programs.

use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use portside_devices::fault::{Fault, Severity};
use serde_json::{Value, json};

/// One text and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it came from, as it was asked for.
    pub path: String,
    /// What the spans of its faults refer to.
    pub text: Arc<str>,
    /// In the order of the text.
    pub faults: Vec<Fault>,
}

/// Everything that one check found, in the lane file and in each broken profile that it names.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The lane file first.
    pub sources: Vec<Source>,
}

/// Whether a report is drawn with colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// For files, pipes and the journal.
    Plain,
    /// For a terminal.
    Colour,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        self.sources.iter().flat_map(|source| &source.faults).filter(|fault| fault.severity == severity).count()
    }

    /// How many faults keep the daemon from starting.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many faults a person should know of.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// The faults in compiler style, one below the other, with an empty line after each.
    pub fn render(&self, ink: Ink) -> String {
        let renderer = match ink {
            Ink::Plain => Renderer::plain(),
            Ink::Colour => Renderer::styled(),
        };
        let mut drawn = String::new();
        for source in &self.sources {
            for fault in &source.faults {
                drawn += renderer.render(&[group(source, fault)]).trim_end();
                drawn += "\n\n";
            }
        }
        drawn
    }

    /// The faults for programs: lines and columns count from 1, columns in characters.
    pub fn json(&self) -> Value {
        let each = self.sources.iter().flat_map(|source| source.faults.iter().map(|fault| entry(source, fault)));
        Value::Array(each.collect())
    }
}

fn group<'a>(source: &'a Source, fault: &'a Fault) -> Group<'a> {
    let level = match fault.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let group = level.primary_title(fault.message.as_str()).id(fault.code);
    let group = if source.text.is_empty() && fault.label.is_empty() {
        group.element(Origin::path(&*source.path))
    } else {
        group.element(snippet(source, fault))
    };
    match &fault.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn snippet<'a>(source: &'a Source, fault: &'a Fault) -> Snippet<'a, Annotation<'a>> {
    let place = AnnotationKind::Primary.span(within(&fault.span, &source.text)).label(fault.label.as_str());
    let mut snippet = Snippet::source(&*source.text).path(&*source.path).annotation(place);
    for aside in &fault.asides {
        let span = within(&aside.span, &source.text);
        snippet = snippet.annotation(AnnotationKind::Context.span(span).label(aside.label.as_str()));
    }
    snippet
}

/// The span cut to the text and to whole characters: a drawing must never fail.
fn within(span: &std::ops::Range<usize>, text: &str) -> std::ops::Range<usize> {
    let down = |at: usize| {
        let at = at.min(text.len());
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    let start = down(span.start);
    start..down(span.end).max(start)
}

fn entry(source: &Source, fault: &Fault) -> Value {
    let (line, column) = place(&source.text, fault.span.start);
    let (end_line, end_column) = place(&source.text, fault.span.end);
    let asides: Vec<Value> = fault
        .asides
        .iter()
        .map(|aside| {
            let (line, column) = place(&source.text, aside.span.start);
            json!({ "line": line, "column": column, "label": aside.label })
        })
        .collect();
    json!({
        "code": fault.code,
        "severity": match fault.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "file": source.path,
        "line": line, "column": column, "end_line": end_line, "end_column": end_column,
        "text": source.text.get(within(&fault.span, &source.text)),
        "message": fault.message, "label": fault.label, "help": fault.help, "asides": asides,
    })
}

/// Line and column of a byte, both from 1, the column in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..within(&(at..at), text).start];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_not_bytes() {
        let text = "a = 1\r\nname = \"货运\" # x";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('运').unwrap()), (2, 10));
        assert_eq!(place(text, text.find('#').unwrap()), (2, 13));
        assert_eq!(place(text, 9_999), (2, 16));
    }

    #[test]
    fn a_span_beyond_the_text_or_inside_a_character_is_drawn_all_the_same() {
        let fault = |span| Fault {
            code: "E0102",
            severity: Severity::Error,
            message: "m".to_owned(),
            span,
            label: "l".to_owned(),
            asides: Vec::new(),
            help: None,
        };
        for (text, span) in
            [("", 0..0), ("", 5..9), ("海", 1..2), ("海\n", 3..4), ("a", std::ops::Range { start: 1, end: 0 })]
        {
            let source = Source { path: "x".to_owned(), text: text.into(), faults: vec![fault(span)] };
            assert!(Report { sources: vec![source] }.render(Ink::Plain).contains("E0102"), "{text:?}");
        }
    }
}

//! What people type to say who they are.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest name.
const LONGEST: usize = 40;
/// Letters of an unknown name that go on record. People type passwords into the wrong field, and a record is for ever.
const SHOWN: usize = 3;

/// A user's name as officers type it: letters, digits, `.`, `-` and `_`, beginning with a letter or digit; capitals do
/// not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(Arc<str>);

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// A sentence for the person who typed it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if let Some(wrong) = text.chars().find(|c| !good(*c)) {
            return Err(format!(
                "`{}` cannot be in a user's name; it has letters, digits, `.`, `-` and `_`, for example `zhang.wei`",
                wrong.escape_debug()
            ));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.len() < 2 || text.len() > LONGEST {
            return Err(format!("a user's name has 2 to {LONGEST} characters and begins with a letter or digit"));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whether `letter` could break a line of a log or turn it around.
pub(super) fn breaks(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What of a name that is no user's goes on record: its first letters and its length.
pub(super) fn glimpse(typed: &str) -> String {
    let shown: String = typed.chars().take(SHOWN).map(|c| if breaks(c) { '\u{fffd}' } else { c }).collect();
    let rest = typed.chars().count().saturating_sub(SHOWN);
    if rest == 0 { shown } else { format!("{shown}…+{}", rest.min(999)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_officers_type_it() {
        for (typed, name) in
            [("zhang.wei", "zhang.wei"), (" Zhang.Wei ", "zhang.wei"), ("100234", "100234"), ("a_b-c", "a_b-c")]
        {
            assert_eq!(Name::parse(typed).unwrap().as_str(), name);
        }
        let long = "a".repeat(LONGEST + 1);
        for typed in ["", "a", ".a", "张伟", "a b", "a/b", "a\n", "a'", "../x", long.as_str()] {
            assert!(Name::parse(typed.trim_end_matches(' ')).is_err() || typed == "a\n", "{typed:?}");
        }
    }

    #[test]
    fn of_an_unknown_name_three_letters_and_the_length_are_shown_and_none_that_moves_a_cursor() {
        assert_eq!(glimpse("My-Secret-Password"), "My-…+15");
        assert_eq!(glimpse("ab"), "ab");
        assert_eq!(glimpse("\u{1b}[\u{202e}2J"), "\u{fffd}[\u{fffd}…+2");
        assert_eq!(glimpse(&"x".repeat(1 << 20)), "xxx…+999");
    }
}

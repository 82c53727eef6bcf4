//! One-time codes: how a person comes to the first password without anybody else having chosen it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// How long a code may be used.
pub(super) const VALID: Duration = Duration::from_secs(24 * 3600);
/// Characters of a code, 5 bits each: 80 bits.
const LENGTH: usize = 16;
/// Characters of a group.
const GROUP: usize = 4;
/// Crockford's base 32: no letter that is read as a digit, and no word by chance.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code as it is handed to a person, in groups: `K7QM-2XHD-94TN-RB3V`. Serde carries it over the control socket to
/// whoever asked for it; it never shows itself otherwise.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// A fresh one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn make() -> Result<Self, String> {
        let mut random = [0; LENGTH];
        getrandom::fill(&mut random).map_err(|error| format!("the system gives no random numbers: {error}"))?;
        let letters: Vec<u8> = random.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
        let groups: Vec<_> = letters.chunks(GROUP).map(String::from_utf8_lossy).collect();
        Ok(Self(groups.join("-")))
    }

    /// The code in its groups.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is hashed of it.
    pub(super) fn secret(&self) -> Secret {
        bare(&self.0)
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(…)")
    }
}

/// What was typed, as it is hashed: without groups, in capitals, letters that look like digits as digits.
pub(super) fn bare(typed: &str) -> Secret {
    let letter = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    // More than a code can have is no code; it is not hashed at length either.
    let typed = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(LENGTH + 1);
    Secret::new(typed.map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_eighty_bits_in_groups_of_four() {
        let code = OneTimeCode::make().unwrap();
        let groups: Vec<_> = code.expose().split('-').collect();
        assert_eq!(groups.len(), 4);
        assert!(groups.iter().all(|group| group.len() == 4 && group.bytes().all(|byte| ALPHABET.contains(&byte))));
        assert_ne!(code.expose(), OneTimeCode::make().unwrap().expose());
        assert_eq!(format!("{code:?}"), "OneTimeCode(…)");
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let typed = ["K7QM-2XHD-94TN-RB30", "k7qm 2xhd 94tn rb3o", "K7QM2XHD94TNRB30"];
        for text in typed {
            assert_eq!(bare(text).expose(), "K7QM2XHD94TNRB30");
        }
        assert_eq!(bare("il").expose(), "11");
        assert_eq!(bare(&"A".repeat(1 << 20)).expose().len(), LENGTH + 1);
    }
}

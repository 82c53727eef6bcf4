//! Which passwords are taken, in the spirit of NIST SP 800-63B §3.1.1.2: long enough, none of those that are tried
//! first, not the person's own name; and no rules of composition, which make passwords worse.

use super::name::Name;

/// Fewest characters.
pub const SHORTEST: usize = 10;
/// Most bytes; a hash of more would only cost time.
pub(super) const LONGEST: usize = 256;

/// Words that guessers try first, reduced as [`bare`] reduces; those shorter than [`SHORTEST`] count where a password
/// holds little else.
const COMMON: &[&str] = &[
    "password",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwerty",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx",
    "1q2w3e4r5t",
    "1q2w3e4r",
    "iloveyou",
    "woaini",
    "welcome",
    "letmein",
    "admin",
    "administrator",
    "changeme",
    "default",
    "secret",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "superman",
    "sunshine",
    "princess",
    "starwars",
    "trustno1",
    "whatever",
    "computer",
    "internet",
    "test",
    "guest",
    "root",
    "user",
    "login",
    "master",
    "portside",
    "customs",
    "haiguan",
    "bianjian",
    "kouan",
    "officer",
    "5201314",
    "1314520",
    "147258369",
    "qazwsxedc",
    "asdfasdf",
    "abcd1234",
    "a123456",
    "abc123",
];

/// Runs on a keyboard or in an alphabet; backwards too.
const RUNS: &[&str] =
    &["abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm", "qazwsxedcrfvtgbyhnujmikolp"];

/// Characters beside a common word, a run or the name that make no password of it.
const LITTLE: usize = 5;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than [`SHORTEST`] characters.
    Short,
    /// More than [`LONGEST`] bytes.
    Long,
    /// Little more than the person's own name.
    Name,
    /// Little more than a word or a row of keys that guessers try first.
    Common,
    /// A few characters over and over.
    Repeated,
}

impl Weakness {
    /// Stable word of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Short => "password_short",
            Self::Long => "password_long",
            Self::Name => "password_is_name",
            Self::Common => "password_common",
            Self::Repeated => "password_repeated",
        }
    }
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short => write!(f, "a password has at least {SHORTEST} characters; several words are easy to keep"),
            Self::Long => write!(f, "a password has at most {LONGEST} bytes"),
            Self::Name => f.write_str("the password is little more than your name; choose something else"),
            Self::Common => f.write_str("this is one of the passwords that are tried first; choose something else"),
            Self::Repeated => f.write_str("the password repeats a few characters; choose something else"),
        }
    }
}

/// Judges `password` of the person `name`.
pub(super) fn judge(password: &str, name: &Name) -> Result<(), Weakness> {
    let count = password.chars().count();
    if count < SHORTEST {
        return Err(Weakness::Short);
    }
    if password.len() > LONGEST {
        return Err(Weakness::Long);
    }
    let bare = bare(password);
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 4 {
        return Err(Weakness::Repeated);
    }
    if little_more_than(&bare, &self::bare(name.as_str())) {
        return Err(Weakness::Name);
    }
    if common(&bare) || runs(&bare) {
        return Err(Weakness::Common);
    }
    Ok(())
}

/// Lower case, without what people put between words.
fn bare(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '.' | '-' | '_')).collect()
}

/// True when taking every `word` out of `text` leaves little.
fn little_more_than(text: &str, word: &str) -> bool {
    word.chars().count() >= 2 && text.contains(word) && text.replace(word, "").chars().count() < LITTLE
}

/// True when common words make up nearly all of it.
fn common(text: &str) -> bool {
    let mut words = COMMON.to_vec();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = words.iter().fold(text.to_owned(), |rest, word| rest.replace(word, ""));
    rest.chars().count() < LITTLE
}

/// True when the text falls into pieces of runs, each at least four long, with little between.
fn runs(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let follows = |pair: &[char]| {
        let pair: String = pair.iter().collect();
        let turned: String = pair.chars().rev().collect();
        RUNS.iter().any(|run| run.contains(&pair) || run.contains(&turned))
    };
    // A pair of neighbours happens by chance; three in a row do not.
    let in_run = letters.windows(4).enumerate().filter(|(_, four)| four.windows(2).all(follows)).map(|(at, _)| at);
    let covered: std::collections::BTreeSet<usize> = in_run.flat_map(|at| at..at + 4).collect();
    !covered.is_empty() && letters.len() - covered.len() < LITTLE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(password: &str) -> Result<(), Weakness> {
        judge(password, &Name::parse("zhang.wei").unwrap())
    }

    #[test]
    fn long_enough_and_not_tried_first_is_taken_whatever_it_is_composed_of() {
        for password in
            ["correct horse battery", "绿色的大象在海关门口等着", "kfjwoeqpxz", "seven lorries wait", "0837264915 0"]
        {
            assert_eq!(judged(password), Ok(()), "{password}");
        }
    }

    #[test]
    fn what_guessers_try_first_is_refused_by_its_reason() {
        for (password, why) in [
            ("short", Weakness::Short),
            ("九个字不够长啊", Weakness::Short),
            ("Zhang.Wei.88", Weakness::Name),
            ("zhangweizhangwei", Weakness::Name),
            ("password2026", Weakness::Common),
            ("P@ssw0rd 123", Weakness::Common),
            ("1234567890", Weakness::Common),
            ("0987654321", Weakness::Common),
            ("qwertyuiop", Weakness::Common),
            ("1qaz2wsx3edc", Weakness::Common),
            ("abcdef123456", Weakness::Common),
            ("woaini1314520", Weakness::Common),
            ("aaaaaaaaaaaa", Weakness::Repeated),
            ("121212121212", Weakness::Repeated),
        ] {
            assert_eq!(judged(password), Err(why), "{password}");
        }
        assert_eq!(judged(&"long".repeat(100)), Err(Weakness::Long));
    }
}

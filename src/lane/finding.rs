//! The closed lists of a joint examination: what is found, and what an agency does about it.

use serde::{Deserialize, Serialize};

use super::marks::Category;

/// What an examination found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "FoundWord", into = "FoundWord")]
pub enum Found {
    /// Nothing that is this agency's business.
    Nothing,
    /// Something.
    Item(Category),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum FoundWord {
    Nothing(Nothing),
    Item(Category),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nothing {
    Nothing,
}

impl From<FoundWord> for Found {
    fn from(word: FoundWord) -> Self {
        match word {
            FoundWord::Nothing(Nothing::Nothing) => Self::Nothing,
            FoundWord::Item(category) => Self::Item(category),
        }
    }
}

impl From<Found> for FoundWord {
    fn from(found: Found) -> Self {
        match found {
            Found::Nothing => Self::Nothing(Nothing::Nothing),
            Found::Item(category) => Self::Item(category),
        }
    }
}

impl Found {
    /// The word in records and views: `nothing`, or the category.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Item(category) => category.word(),
        }
    }

    /// What this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        if word == "nothing" { Some(Self::Nothing) } else { Category::from_word(word).map(Self::Item) }
    }
}

/// What an agency does after its finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// 放行: the owner gets it.
    ReleaseToOwner,
    /// 扣留: it is kept.
    Detain,
    /// 退运: it goes back.
    Return,
    /// 检疫处理: it is treated.
    QuarantineTreatment,
    /// 移交: it goes to another authority.
    Transfer,
    /// 征税: it is taxed.
    Tax,
    /// 销毁: it is destroyed.
    Destroy,
    /// 警告: the owner is warned.
    Warn,
}

impl Disposition {
    /// Every disposition.
    pub const ALL: [Self; 8] = [
        Self::ReleaseToOwner,
        Self::Detain,
        Self::Return,
        Self::QuarantineTreatment,
        Self::Transfer,
        Self::Tax,
        Self::Destroy,
        Self::Warn,
    ];

    /// The word in acts, records and views.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReleaseToOwner => "release_to_owner",
            Self::Detain => "detain",
            Self::Return => "return",
            Self::QuarantineTreatment => "quarantine_treatment",
            Self::Transfer => "transfer",
            Self::Tax => "tax",
            Self::Destroy => "destroy",
            Self::Warn => "warn",
        }
    }

    /// What this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_word_that_cannot_be_left_out() {
        for (found, word) in [(Found::Nothing, "nothing"), (Found::Item(Category::AnimalOrPlant), "animal_or_plant")] {
            assert_eq!(serde_json::to_value(found).unwrap(), word);
            assert_eq!(serde_json::from_value::<Found>(word.into()).unwrap(), found);
            assert_eq!(Found::from_word(found.word()), Some(found));
        }
        for broken in ["null", "\"gold\"", "{}"] {
            assert!(serde_json::from_str::<Found>(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn each_disposition_has_its_word() {
        for disposition in Disposition::ALL {
            assert_eq!(serde_json::to_value(disposition).unwrap(), disposition.word());
            assert_eq!(Disposition::from_word(disposition.word()), Some(disposition));
        }
    }
}

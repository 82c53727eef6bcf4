//! Reads TOML tables into structs key by key, and describes the same structs as JSON Schema.
//!
//! serde stops at the first fault of a table and loses places inside tagged enums; a technician wants every fault at
//! once. `table!` declares a struct once: its fields are the keys, their doc comments the help that an editor shows.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::codes;
use super::faults::{Faults, Placed, list, nearest};

/// Where a value stands, in words: ``` `port` of [lane] ```.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) key: &'a str,
    pub(super) table: &'a str,
}

impl std::fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.table.is_empty() { write!(f, "`{}`", self.key) } else { write!(f, "`{}` of {}", self.key, self.table) }
    }
}

/// What can stand behind a key.
pub(super) trait TomlValue: JsonSchema + Sized {
    /// Reads the value, or says what is wrong with it.
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self>;
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) need: Need,
    /// The value in TOML where the file gives none.
    pub(super) default: Option<&'static str>,
    /// A value in TOML to show.
    pub(super) example: Option<&'static str>,
    pub(super) about: &'static str,
}

/// Whether a table can do without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)] // so that `table!` reads as the declaration that it is
pub(super) enum Need {
    required,
    optional,
}

/// Declares a TOML table: `need key: Type = "default" like "example";`, defaults and examples being TOML values.
macro_rules! table {
    ($(#[doc = $about:literal])* $name:ident, $title:literal {
        $($(#[doc = $doc:literal])* $need:ident $key:ident: $type:ty $(= $default:literal)? $(, like $example:literal)?;)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug)]
        #[allow(dead_code)] // what belongs to a later version is checked and not used
        pub(super) struct $name {
            $($(#[doc = $doc])* pub(super) $key: Option<$crate::config::faults::Placed<$type>>,)*
            /// Keys that the text gives, those with a wrong value too.
            pub(super) given: Vec<&'static str>,
        }

        impl $name {
            /// How faults call the table.
            pub(super) const TITLE: &str = $title;
            /// Its keys, in the order of its fields.
            pub(super) const KEYS: &[$crate::config::table::Key] = &[$($crate::config::table::Key {
                name: stringify!($key),
                need: $crate::config::table::Need::$need,
                default: $crate::config::table::maybe!($($default)?),
                example: $crate::config::table::maybe!($($example)?),
                about: concat!($($doc, "\n"),*),
            }),*];
        }

        impl $crate::config::table::TomlValue for $name {
            fn read(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                spot: $crate::config::table::Spot<'_>,
                faults: &mut $crate::config::faults::Faults,
            ) -> Option<Self> {
                let mut open = $crate::config::table::Open::new(value, spot, Self::TITLE, Self::KEYS, faults)?;
                Some(Self { $($key: open.take(stringify!($key)),)* given: open.given() })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let types = [$(generator.subschema_for::<$type>()),*];
                $crate::config::table::schema(concat!($($about, "\n"),*), Self::KEYS, types)
            }
        }
    };
}

/// `Some` of a literal that is there.
macro_rules! maybe {
    () => {
        None
    };
    ($literal:literal) => {
        Some($literal)
    };
}

pub(super) use {maybe, table};

/// A table being read.
pub(super) struct Open<'a, 'i> {
    table: &'a DeTable<'i>,
    header: std::ops::Range<usize>,
    title: &'static str,
    keys: &'static [Key],
    faults: &'a mut Faults,
}

impl<'a, 'i> Open<'a, 'i> {
    /// Opens the table and faults the keys that it does not have.
    pub(super) fn new(
        value: &'a Spanned<DeValue<'i>>,
        spot: Spot<'_>,
        title: &'static str,
        keys: &'static [Key],
        faults: &'a mut Faults,
    ) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(value, spot, &format!("a table, {title}"), faults);
            return None;
        };
        for (name, value) in table.iter() {
            if !keys.iter().any(|key| key.name == &**name.get_ref()) {
                unknown(name, value, title, keys, faults);
            }
        }
        Some(Self { table, header: value.span(), title, keys, faults })
    }

    /// Reads the value of a key, its default where it is absent, and faults it where it is required.
    pub(super) fn take<T: TomlValue>(&mut self, name: &'static str) -> Option<Placed<T>> {
        let key = self.keys.iter().find(|key| key.name == name)?;
        let spot = Spot { key: name, table: self.title };
        if let Some(value) = self.table.get(name) {
            return T::read(value, spot, self.faults).map(|read| Placed::new(read, value.span()));
        }
        if let Some(default) = key.default {
            let value = DeValue::parse(default).ok()?;
            return T::read(&value, spot, self.faults).map(|read| Placed::new(read, self.header.clone()));
        }
        if key.need == Need::required && !self.misspelt(name) {
            self.missing(key);
        }
        None
    }

    /// True when an unknown key of the table is this one misspelt, which has been said already.
    fn misspelt(&self, name: &str) -> bool {
        let names = || self.keys.iter().map(|key| key.name);
        let unknown = self.table.keys().map(|key| &**key.get_ref()).filter(|word| names().all(|name| name != *word));
        unknown.into_iter().any(|word| nearest(word, names()) == Some(name))
    }

    /// The keys that the text gives.
    pub(super) fn given(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).filter(|name| self.table.contains_key(*name)).collect()
    }

    fn missing(&mut self, key: &Key) {
        let what = if self.title.is_empty() { "the lane file".to_owned() } else { self.title.to_owned() };
        let section = key.example.is_some_and(|example| example.starts_with('['));
        let name = match key.example {
            Some(example) if section => example.to_owned(),
            Some(_) | None => format!("`{}`", key.name),
        };
        let adding = self.faults.add(
            codes::MISSING,
            self.header.clone(),
            format!("{what} has no {name}"),
            format!("{name} is required"),
        );
        let first = beginning(key.about);
        match key.example {
            Some(_) if section => adding.help(format!("add {name}: {first}")),
            Some(example) => adding.help(format!("add `{} = {example}`: {first}", key.name)),
            None => adding.help(format!("add {name}: {first}")),
        };
    }
}

/// Words in the names of keys that would hold a secret.
const SECRETS: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "psk", "credential", "api_key", "private"];

/// True where a key of this name would hold a secret.
pub(super) fn names_a_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| key.to_lowercase().contains(secret))
}

/// The first sentence of a doc comment, to stand behind a colon.
fn beginning(about: &str) -> String {
    let line = sentence(about);
    let first = line.split_once(". ").map_or(&*line, |(first, _)| first).trim_end_matches('.');
    let mut letters = first.chars();
    match (letters.next(), letters.next()) {
        (Some(one), Some(two)) if !two.is_uppercase() => one.to_lowercase().chain([two]).chain(letters).collect(),
        (Some(_) | None, _) => first.to_owned(),
    }
}

fn unknown(
    name: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    title: &str,
    keys: &'static [Key],
    faults: &mut Faults,
) {
    let word: &str = name.get_ref();
    let known = keys.iter().map(|key| key.name);
    if names_a_secret(word) {
        faults.hide(value.span());
        faults
            .add(codes::SECRET, name.span(), format!("`{word}` would put a secret into the lane file"), "not here")
            .help("keep it in a file of its own or a systemd credential and name its path, as `key` of [uplink] does");
        return;
    }
    if title.is_empty() {
        faults
            .add(
                codes::UNKNOWN_KEY,
                name.span(),
                format!("unknown section or key `{word}`"),
                "not a part of a lane file",
            )
            .nearest(word, known);
        return;
    }
    let adding = faults.add(
        codes::UNKNOWN_KEY,
        name.span(),
        format!("unknown key `{word}` in {title}"),
        "not a key of this table",
    );
    if let Some(near) = nearest(word, known.clone()) {
        adding.help(format!("did you mean `{near}`?"));
    } else if let Some(home) = super::file::home_of(word) {
        adding.help(format!(
            "`{word}` is a key of {home}: in TOML a key belongs to the last [header] above it, so move it up to there"
        ));
    } else {
        adding.help(format!("{title} has {}", list(known)));
    }
}

/// Faults a value of another type than `expected`.
pub(super) fn wrong_type(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, expected: &str, faults: &mut Faults) {
    let found = match value.get_ref() {
        DeValue::String(text) => format!("text \"{text}\""),
        DeValue::Integer(number) => format!("number {number}"),
        DeValue::Float(number) => format!("number {number}"),
        DeValue::Boolean(truth) => format!("{truth}"),
        DeValue::Datetime(time) => format!("date {time}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    faults.add(
        codes::WRONG_TYPE,
        value.span(),
        format!("wrong type for {spot}"),
        format!("{found}, expected {expected}"),
    );
}

/// The schema of a table.
pub(super) fn schema(about: &str, keys: &[Key], types: impl IntoIterator<Item = Schema>) -> Schema {
    let mut properties = Map::new();
    for (key, mut schema) in keys.iter().zip(types) {
        let range = schema.remove("$comment").and_then(|range| range.as_str().map(|range| format!(" ({range})")));
        schema.insert("description".to_owned(), (sentence(key.about) + &range.unwrap_or_default()).into());
        if let Some(default) = key.default.and_then(json) {
            schema.insert("default".to_owned(), default);
        }
        if let Some(example) = key.example.and_then(json) {
            schema.insert("examples".to_owned(), Value::Array(vec![example]));
        }
        properties.insert(key.name.to_owned(), schema.to_value());
    }
    let required: Vec<_> =
        keys.iter().filter(|key| key.need == Need::required && key.default.is_none()).map(|key| key.name).collect();
    json_schema!({
        "type": "object",
        "description": sentence(about),
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

/// A doc comment as one line.
pub(super) fn sentence(about: &str) -> String {
    about.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A TOML value as JSON; headers such as `[lane]` that stand for a whole section have none.
fn json(toml: &str) -> Option<Value> {
    let value = toml::Value::deserialize(ValueDeserializer::parse(toml).ok()?).ok()?;
    serde_json::to_value(value).ok()
}

impl<T: TomlValue> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: TomlValue> TomlValue for Vec<Placed<T>> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(items) = value.get_ref().as_array() else {
            let section = spot.table.trim_matches(['[', ']']);
            let header = if section.is_empty() { spot.key.to_owned() } else { format!("{section}.{}", spot.key) };
            wrong_type(value, spot, &format!("a list: [[{header}]] or [ … ]"), faults);
            return None;
        };
        let read = |item: &Spanned<DeValue<'_>>| T::read(item, spot, faults).map(|read| Placed::new(read, item.span()));
        Some(items.iter().filter_map(read).collect())
    }
}

impl TomlValue for bool {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            wrong_type(value, spot, "true or false, without quotes", faults);
        }
        read
    }
}

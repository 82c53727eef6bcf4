//! The single values of a lane file, each a type that only a right value fits into.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::codes::{self, Code};
use super::faults::Faults;
use super::table::{Spot, TomlValue, wrong_type};

/// A value that is written as a text in quotes.
pub(super) trait TextValue: Sized {
    /// What is expected, for faults: `an id`.
    const WHAT: &str;

    /// Reads the text, or says why it cannot be: the fault's code, label and help.
    fn parse(text: &str) -> Result<Self, Flaw>;

    /// What an editor checks and shows.
    fn schema() -> Schema;
}

/// Why a text is not the wanted value.
pub(super) struct Flaw {
    pub(super) code: Code,
    /// What is wrong; `None`: the text is not what was expected.
    pub(super) message: Option<String>,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Flaw {
    pub(super) fn new(code: Code, label: impl Into<String>) -> Self {
        Self { code, message: None, label: label.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl<T: TextValue + JsonSchema> TomlValue for T {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(text) = value.get_ref().as_str() else {
            wrong_type(value, spot, &format!("{} in quotes", T::WHAT), faults);
            return None;
        };
        match T::parse(text) {
            Ok(read) => Some(read),
            Err(flaw) => {
                if flaw.code == codes::SECRET {
                    faults.hide(value.span());
                }
                let message = flaw.message.unwrap_or_else(|| format!("{spot} is not {}", T::WHAT));
                let adding = faults.add(flaw.code, value.span(), message, flaw.label);
                if let Some(help) = flaw.help {
                    adding.help(help);
                }
                None
            }
        }
    }
}

/// Gives a [`TextValue`] its schema in place, without a name of its own.
macro_rules! inline_text {
    ($($type:ty),*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                <$type as TextValue>::schema()
            }
        }
    )*};
}

pub(super) use inline_text;

inline_text!(Id, Text, FilePath, Recipient, Zone, Listen, PointName);

/// A name that topics, records and file names are made of: letters, digits and `-`, 1 to 40 of them. `all` and
/// names that begin with `_` are the centre's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TextValue for Id {
    const WHAT: &str = "an id";

    fn parse(text: &str) -> Result<Self, Flaw> {
        let flaw =
            |label: String| Flaw::new(codes::BAD_ID, label).help("an id has letters, digits and `-`: `G03`, `xr-1`");
        if text.is_empty() {
            return Err(flaw("it is empty".to_owned()));
        }
        if text == "all" || text.starts_with('_') {
            return Err(flaw(format!("`{text}` belongs to the centre")));
        }
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return Err(flaw(format!("`{wrong}` cannot be in an id")));
        }
        if text.len() > 40 {
            return Err(flaw(format!("{} characters, expected at most 40", text.len())));
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9-]{1,40}$", "not": { "const": "all" } })
    }
}

/// A name for people, in any script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(pub(super) Arc<str>);

impl TextValue for Text {
    const WHAT: &str = "a name";

    fn parse(text: &str) -> Result<Self, Flaw> {
        plain(text).map(|text| Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 200 })
    }
}

/// A text of one visible line.
fn plain(text: &str) -> Result<&str, Flaw> {
    if text.trim().is_empty() {
        return Err(Flaw::new(codes::BAD_NAME, "it is empty"));
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(Flaw::new(
            codes::BAD_NAME,
            format!("it contains the control character {}", control.escape_unicode()),
        ));
    }
    if text.chars().count() > 200 {
        return Err(Flaw::new(codes::BAD_NAME, "it is longer than 200 characters"));
    }
    Ok(text)
}

/// The path of a file or folder; a relative one counts from the lane file's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath(pub(super) PathBuf);

impl TextValue for FilePath {
    const WHAT: &str = "a path";

    fn parse(text: &str) -> Result<Self, Flaw> {
        if text.contains("-----BEGIN") || text.contains("AGE-SECRET-KEY-") {
            return Err(Flaw::new(codes::SECRET, "this is the key itself, expected the path of its file")
                .help("put it into a file that only the daemon can read, and name that file here"));
        }
        plain(text).map(|text| Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A public key to which confidential records are sealed, in age's form; its checksum has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(Arc<str>);

impl Recipient {
    /// The key as text: `age1…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TextValue for Recipient {
    const WHAT: &str = "an age public key";

    fn parse(text: &str) -> Result<Self, Flaw> {
        let flaw = |label: &str| Err(Flaw::new(codes::BAD_RECIPIENT, label));
        if text.to_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(Flaw::new(codes::SECRET, "this is a private key, expected the public one, age1…")
                .help("remove it from this file and replace that key: it is no longer secret"));
        }
        if !text.starts_with("age1") || text.len() != 62 {
            return flaw("expected `age1` and 58 more characters");
        }
        if !bech32_checksum_holds("age", &text[4..]) {
            return flaw("its checksum is wrong: a character was mistyped or lost");
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^age1[ac-hj-np-z02-9]{58}$" })
    }
}

/// BIP 173, as age uses it for public keys; `data` is what follows the `1`.
fn bech32_checksum_holds(prefix: &str, data: &str) -> bool {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let mut values: Vec<u32> = prefix.bytes().map(|byte| u32::from(byte) >> 5).collect();
    values.push(0);
    values.extend(prefix.bytes().map(|byte| u32::from(byte) & 31));
    for letter in data.chars() {
        let Some(value) = LETTERS.find(letter).and_then(|value| u32::try_from(value).ok()) else { return false };
        values.push(value);
    }
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ value;
        (0..5).filter(|bit| (top >> bit) & 1 == 1).fold(shifted, |sum, bit| sum ^ GENERATOR[bit])
    };
    values.into_iter().fold(1, step) == 1
}

/// A time zone of the IANA list.
#[derive(Clone, Debug)]
pub(super) struct Zone(pub(super) jiff::tz::TimeZone);

impl TextValue for Zone {
    const WHAT: &str = "a time zone";

    fn parse(text: &str) -> Result<Self, Flaw> {
        // "CST" would be taken by some tables; the IANA names that lanes use have an area in front.
        let zone = Some(text).filter(|text| text.contains('/') || *text == "UTC").map(jiff::tz::TimeZone::get);
        if let Some(Ok(zone)) = zone {
            return Ok(Self(zone));
        }
        let flaw = Flaw::new(codes::BAD_TIME_ZONE, format!("\"{text}\" is not in the IANA list"));
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        match super::faults::nearest(text, names.iter().map(String::as_str)) {
            Some(near) => Err(flaw.help(format!("did you mean `{near}`?"))),
            None => Err(flaw.help("write area and city, such as \"Asia/Shanghai\"")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^(UTC|[A-Za-z_]+/[A-Za-z0-9_+/-]+)$" })
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listen(pub(super) SocketAddr);

impl TextValue for Listen {
    const WHAT: &str = "an address to listen on";

    fn parse(text: &str) -> Result<Self, Flaw> {
        text.parse().map(Self).map_err(|_| {
            Flaw::new(codes::BAD_LISTEN, "expected an IP address and a port")
                .help("write \"0.0.0.0:8443\" for every network card or \"127.0.0.1:8443\" for this machine alone")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^.+:[0-9]{1,5}$" })
    }
}

/// `DEVICE.POINT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PointName {
    pub(super) device: String,
    pub(super) point: String,
}

impl TextValue for PointName {
    const WHAT: &str = "a device's point";

    fn parse(text: &str) -> Result<Self, Flaw> {
        match text.split_once('.') {
            Some((device, point)) if !device.is_empty() && !point.is_empty() => {
                Ok(Self { device: device.to_owned(), point: point.to_owned() })
            }
            Some(_) | None => Err(Flaw::new(codes::UNKNOWN_POINT, "expected DEVICE.POINT")
                .help("write the device's id, a dot and the name of a point of its profile, such as \"arm.di3\"")),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9-]+\\.[^.]+$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: TextValue>(text: &str) -> Option<&'static str> {
        T::parse(text).err().map(|flaw| flaw.code.0)
    }

    #[test]
    fn an_id_is_what_a_topic_can_carry() {
        for good in ["G03", "xr-1", "a", &"x".repeat(40)] {
            assert_eq!(code::<Id>(good), None, "{good}");
        }
        for bad in ["", "all", "_centre", "a b", "a/b", "+", "通道", "a_b", "a.b", &"x".repeat(41)] {
            assert_eq!(code::<Id>(bad), Some("E0109"), "{bad}");
        }
    }

    #[test]
    fn a_recipient_with_one_wrong_letter_is_refused() {
        // The example recipient of age's own README.
        let right = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        assert_eq!(code::<Recipient>(right), None);
        for place in 4..right.len() {
            let mut wrong = right.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'q' { b'p' } else { b'q' };
            assert_eq!(code::<Recipient>(std::str::from_utf8(&wrong).unwrap()), Some("E0116"), "{place}");
        }
        assert_eq!(code::<Recipient>("AGE-SECRET-KEY-1QQQQ"), Some("E0111"));
    }

    #[test]
    fn a_time_zone_is_area_and_city() {
        assert_eq!(code::<Zone>("Asia/Shanghai"), None);
        assert_eq!(code::<Zone>("UTC"), None);
        for bad in ["CST", "Asia/Shanghia", "", "+08:00"] {
            assert_eq!(code::<Zone>(bad), Some("E0114"), "{bad}");
        }
    }

    #[test]
    fn a_path_is_never_the_key_itself() {
        assert_eq!(code::<FilePath>("/etc/portside/key.pem"), None);
        assert_eq!(code::<FilePath>("-----BEGIN PRIVATE KEY-----"), Some("E0111"));
        assert_eq!(code::<FilePath>(" "), Some("E0117"));
        assert_eq!(code::<FilePath>("a\u{1b}b"), Some("E0117"));
    }
}

//! How text is written in bytes.

use encoding_rs::GBK;

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// 7 bits.
    Ascii,
    /// Unicode.
    Utf8,
    /// ISO 8859-1, where a degree sign is one byte.
    Latin1,
    /// GB 2312 and GBK, what Chinese displays understand.
    Gbk,
}

impl Charset {
    /// Every charset with the word a profile calls it by.
    pub const WORDS: &[(&str, Self)] =
        &[("ascii", Self::Ascii), ("utf-8", Self::Utf8), ("latin-1", Self::Latin1), ("gbk", Self::Gbk)];

    /// Appends the bytes of one character; false where the charset does not have it.
    pub fn encode(self, character: char, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Ascii => push(u8::try_from(character).ok().filter(u8::is_ascii), out),
            Self::Latin1 => push(u8::try_from(character).ok(), out),
            Self::Utf8 => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                true
            }
            Self::Gbk => {
                let mut text = [0; 4];
                let (bytes, _, unknown) = GBK.encode(character.encode_utf8(&mut text));
                if !unknown {
                    out.extend_from_slice(&bytes);
                }
                !unknown
            }
        }
    }

    /// The bytes of a text; the first character that the charset does not have, if there is one.
    pub fn bytes(self, text: &str) -> Result<Vec<u8>, char> {
        let mut out = Vec::with_capacity(text.len());
        match text.chars().find(|character| !self.encode(*character, &mut out)) {
            Some(unknown) => Err(unknown),
            None => Ok(out),
        }
    }

    /// The text of bytes that a device sent; `None` where they are none.
    pub fn text(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Ascii => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned()),
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Gbk => GBK.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned()),
        }
    }
}

fn push(byte: Option<u8>, out: &mut Vec<u8>) -> bool {
    out.extend(byte);
    byte.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was_written_or_is_refused() {
        for (charset, text, bytes) in [
            (Charset::Ascii, "GO", &[0x47, 0x4F][..]),
            (Charset::Latin1, "5°", &[0x35, 0xB0]),
            (Charset::Utf8, "粤", &[0xE7, 0xB2, 0xA4]),
            (Charset::Gbk, "粤B", &[0xD4, 0xC1, 0x42]),
        ] {
            assert_eq!(charset.bytes(text).unwrap(), bytes);
            assert_eq!(charset.text(bytes).as_deref(), Some(text));
        }
        assert_eq!(Charset::Ascii.bytes("5°"), Err('°'));
        assert_eq!(Charset::Gbk.bytes("😀"), Err('😀'));
        assert_eq!(Charset::Ascii.text(&[0xB0]), None);
        assert_eq!(Charset::Utf8.text(&[0xE7, 0xB2]), None);
        assert_eq!(Charset::Gbk.text(&[0xD4]), None);
    }
}

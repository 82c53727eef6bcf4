//! A display that takes lines of text in GBK and confirms each.

use super::Speaker;
use crate::moment::Moment;
use crate::stream::Charset;

/// The display.
#[derive(Clone, Debug, Default)]
pub struct Sign {
    /// Every text that was shown, the last one last.
    pub shown: Vec<String>,
    /// It refuses everything.
    pub broken: bool,
    heard: Vec<u8>,
}

impl Sign {
    /// A dark display.
    pub const fn new() -> Self {
        Self { shown: Vec::new(), broken: false, heard: Vec::new() }
    }

    fn take(&mut self, line: &[u8]) -> &'static [u8] {
        let text = line.get(3..).and_then(|text| Charset::Gbk.text(text));
        match text {
            Some(text) if !self.broken => {
                self.shown.push(text);
                b"OK\r\n"
            }
            Some(_) | None => b"ERR 3\r\n",
        }
    }
}

impl Speaker for Sign {
    fn speak(&mut self, _: Moment) -> Vec<u8> {
        Vec::new()
    }

    fn next(&self) -> Option<Moment> {
        None
    }

    fn hear(&mut self, _: Moment, bytes: &[u8]) -> Vec<u8> {
        self.heard.extend(bytes);
        let mut answer = Vec::new();
        while let Some(end) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.heard.drain(..end + 2).collect();
            answer.extend(self.take(&line[..end]));
        }
        answer
    }
}

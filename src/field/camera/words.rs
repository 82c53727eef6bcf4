//! What a camera's process says on its standard error, fit for the log: a broken stream makes the video libraries write
//! hundreds of lines a second, some of them with the whole address.

use std::time::Duration;

use portside_devices::moment::Moment;

/// Lines that are let through in one [`WINDOW`].
const LINES: u32 = 5;
/// After which the count begins anew.
const WINDOW: Duration = Duration::from_secs(10);
/// Bytes of a line that are kept.
const LINE_MAX: usize = 300;

/// Splits bytes into lines and lets few of them through.
#[derive(Debug, Default)]
pub(super) struct Words {
    line: Vec<u8>,
    begun: Option<Moment>,
    said: u32,
    dropped: u64,
}

impl Words {
    /// Takes bytes as they came at `now`; answers with the lines for the log.
    pub(super) fn take(&mut self, bytes: &[u8], now: Moment) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => lines.extend(self.end_of_line(now)),
                _ if self.line.len() < LINE_MAX => self.line.push(*byte),
                _ => {} // the end of a line that is too long says least
            }
        }
        lines
    }

    fn end_of_line(&mut self, now: Moment) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return None;
        }
        if self.begun.is_none_or(|begun| now.since(begun) > WINDOW) {
            (self.begun, self.said) = (Some(now), 0);
        }
        if self.said == LINES {
            self.dropped += 1;
            return None;
        }
        self.said += 1;
        let text = without_logins(&plain(&String::from_utf8_lossy(&line)));
        match std::mem::take(&mut self.dropped) {
            0 => Some(text),
            dropped => Some(format!("{text} ({dropped} lines before it were left out)")),
        }
    }
}

/// Without what would move a terminal's cursor.
pub(super) fn plain(text: &str) -> String {
    text.trim().replace(char::is_control, " ")
}

/// `rtsp://user:secret@host/` → `rtsp://…@host/`, wherever it stands. A password may hold an `@`: the last one before
/// the path counts.
pub(super) fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(['/', ' ', '\'', '"']).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(login) => {
                clean.push('…');
                rest = &after[login..];
            }
            None => rest = after,
        }
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut words = Words::default();
        let flood: String = (0..1000).map(|number| format!("error {number}\n")).collect();
        let said = words.take(flood.as_bytes(), at(1));
        assert_eq!(said, (0..5).map(|number| format!("error {number}")).collect::<Vec<_>>());
        assert_eq!(words.take(b"again\n", at(11)), [""; 0]);
        assert_eq!(words.take(b"again\n", at(12)), ["again (996 lines before it were left out)"]);
    }

    #[test]
    fn lines_come_in_pieces_without_control_characters_and_never_grow() {
        let mut words = Words::default();
        assert_eq!(words.take(b"[h264 @ 0x1] \x1b[31mbad", at(0)), [""; 0]);
        assert_eq!(words.take(b" data\r\n\n", at(0)), ["[h264 @ 0x1]  [31mbad data"]);
        assert_eq!(words.take(&[b'x'; 1 << 20], at(0)), [""; 0]);
        assert_eq!(words.take(b"\n", at(0)), ["x".repeat(LINE_MAX)]);
    }

    #[test]
    fn no_login_comes_into_the_log() {
        for (text, clean) in [
            ("rtsp://admin:p@ss@10.0.0.9:554/ch1@main: failed", "rtsp://…@10.0.0.9:554/ch1@main: failed"),
            ("tried 'rtsp://a:b@h' and http://c:d@i/x", "tried 'rtsp://…@h' and http://…@i/x"),
            ("rtsp://10.0.0.9/ch1 and user@host", "rtsp://10.0.0.9/ch1 and user@host"),
            ("no address", "no address"),
        ] {
            assert_eq!(without_logins(text), clean);
        }
    }
}

//! Where pictures come from, decoded once. FFmpeg would open far more (`concat:`, `http:`, playlists that name other
//! files), and a lane file must not be a way to make it do so.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A camera or a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A recording on this machine.
    File(PathBuf),
    /// A camera's stream; the URL may carry its password.
    Rtsp(String),
    /// A camera on this machine, by its stable name. Not tried on hardware.
    V4l2(PathBuf),
}

impl Source {
    /// The same source with the login that a file of its own gives: one line `USER:PASSWORD`.
    ///
    /// # Errors
    /// When the line is none, or the source takes none.
    pub fn with_login(self, line: &str) -> Result<Self, String> {
        let Self::Rtsp(url) = self else { return Err(format!("{self}: only a stream takes a login")) };
        let Some((user, password)) = line.trim_end_matches(['\r', '\n']).split_once(':') else {
            return Err("expected one line USER:PASSWORD".to_owned());
        };
        if user.is_empty() || line.trim_end().contains(char::is_control) {
            return Err("expected one line USER:PASSWORD, and nothing else".to_owned());
        }
        let Some((scheme, rest)) = url.split_once("://").filter(|_| redact(&url) == url) else {
            return Err(format!("{}: has a login already", redact(&url)));
        };
        Ok(Self::Rtsp(format!("{scheme}://{}:{}@{rest}", encoded(user), encoded(password))))
    }
}

/// As a URL carries it: everything but letters and digits by its bytes.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("rtsp" | "rtsps", rest)) if !rest.is_empty() => Ok(Self::Rtsp(text.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("v4l2", path)) if path.starts_with("/dev/") => Ok(Self::V4l2(path.into())),
            None if !text.is_empty() => Ok(Self::File(text.into())),
            Some(_) | None => Err(format!(
                "cannot take pictures from `{}`: expected a path, file://PATH, rtsp://HOST… or v4l2:///dev/v4l/by-id/…",
                redact(text)
            )),
        }
    }
}

/// Without the password, because errors and logs show it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::V4l2(path) => write!(f, "{}", path.display()),
            Self::Rtsp(url) => write!(f, "{}", redact(url)),
        }
    }
}

/// `rtsp://user:secret@host/x` → `rtsp://…@host/x`. A password may itself hold an `@`, so the last one before the path counts.
fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_camera_urls_are_sources_and_nothing_else_is() {
        assert_eq!("clip.mp4".parse(), Ok(Source::File("clip.mp4".into())));
        assert_eq!("file:///srv/clip.mp4".parse(), Ok(Source::File("/srv/clip.mp4".into())));
        assert_eq!("rtsp://10.0.0.9/1".parse(), Ok(Source::Rtsp("rtsp://10.0.0.9/1".to_owned())));
        let by_id = "/dev/v4l/by-id/usb-046d_C920-video-index0";
        assert_eq!(format!("v4l2://{by_id}").parse(), Ok(Source::V4l2(by_id.into())));
        for refused in ["", "rtsp://", "file://", "http://10.0.0.9/a.m3u8", "concat://a|b", "v4l2://0"] {
            assert!(refused.parse::<Source>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let camera: Source = "rtsp://admin:p@ss@10.0.0.9:554/ch1@main".parse().unwrap();
        assert_eq!(camera.to_string(), "rtsp://…@10.0.0.9:554/ch1@main");
        let refused = "http://admin:pass@10.0.0.9/".parse::<Source>().unwrap_err();
        assert!(!refused.contains("pass"), "{refused}");
    }

    #[test]
    fn a_login_from_a_file_comes_into_the_url_whatever_it_holds() {
        let camera: Source = "rtsp://10.0.0.9/ch1".parse().unwrap();
        let with = camera.clone().with_login("admin:p@ss/w:ö\r\n").unwrap();
        assert_eq!(with, Source::Rtsp("rtsp://admin:p%40ss%2Fw%3A%C3%B6@10.0.0.9/ch1".to_owned()));
        assert_eq!(with.to_string(), "rtsp://…@10.0.0.9/ch1");
        for wrong in ["", "admin", ":secret", "admin:secret\nsecond:line"] {
            let error = camera.clone().with_login(wrong).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(with.with_login("a:b").is_err());
        assert!(Source::File("clip.mp4".into()).with_login("a:b").is_err());
    }
}

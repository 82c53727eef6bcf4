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
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("rtsp" | "rtsps", rest)) if !rest.is_empty() => Ok(Self::Rtsp(text.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            None if !text.is_empty() => Ok(Self::File(text.into())),
            Some(_) | None => Err(format!(
                "cannot take pictures from `{}`: expected a path, file://PATH or rtsp://HOST…",
                redact(text)
            )),
        }
    }
}

/// Without the password, because errors and logs show it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
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
        for refused in ["", "rtsp://", "file://", "http://10.0.0.9/a.m3u8", "concat://a|b"] {
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
}

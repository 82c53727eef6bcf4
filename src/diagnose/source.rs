//! What is wrong with a camera's source, judged from the first line that it answers.

use super::Cause;

/// Whether the lane file names a login for the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It does.
    Given,
    /// It does not.
    None,
}

/// What the answer to a DESCRIBE says (RFC 2326, 7.1.1); `None` where all is well.
pub fn rtsp(answer: &str, path: &str, login: Login) -> Option<Cause> {
    let line = answer.lines().next().unwrap_or_default();
    let said: String = line.chars().take(60).collect();
    let wrong = |words: String| Some(Cause::Source(words));
    let code = line.strip_prefix("RTSP/1.0 ").and_then(|rest| rest.get(..3));
    match (code, login) {
        (Some("200"), _) | (Some("401"), Login::Given) => None,
        (Some("401" | "403"), Login::None) => {
            wrong("the camera wants a login: give it a user for the lane, and name the file with it".to_owned())
        }
        (Some("403"), Login::Given) => wrong("the camera refuses this user: look at its rights".to_owned()),
        (Some("404" | "454"), _) => wrong(format!(
            "wrong camera path: the camera has no stream `{path}`; its own page or maker's list names them"
        )),
        (Some(code), _) => wrong(format!("the camera answers RTSP {code} to `{path}`")),
        (None, _) if line.is_empty() => {
            wrong("the machine accepts the connection and answers nothing to RTSP".to_owned())
        }
        (None, _) => wrong(format!("what answers there is no camera (RTSP): it says `{}`", said.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_told_apart_by_the_first_line_that_it_answers() {
        let says = |line: &str, login| rtsp(line, "/1", login).map(|cause| cause.to_string());
        assert_eq!(says("RTSP/1.0 200 OK\r\nCSeq: 1\r\n", Login::None), None);
        assert_eq!(says("RTSP/1.0 401 Unauthorized\r\n", Login::Given), None);
        for (line, words) in [
            ("RTSP/1.0 401 Unauthorized", "wants a login"),
            ("RTSP/1.0 404 Not Found", "no stream `/1`"),
            ("RTSP/1.0 500 Internal", "RTSP 500"),
            ("HTTP/1.0 400 Bad Request", "no camera (RTSP): it says `HTTP/1.0 400"),
            ("", "answers nothing"),
        ] {
            let said = says(line, Login::None).unwrap();
            assert!(said.contains(words), "{said}");
        }
    }
}

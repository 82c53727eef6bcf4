//! What is wrong with a watched folder, judged from what was found there.

use super::Cause;

/// Clocks that differ by more make pictures that fit no subject.
const SKEW_MAX: i64 = 60;

/// What the system said of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its path, for people.
    pub path: String,
    /// Something is there.
    pub exists: bool,
    /// It is a folder.
    pub is_folder: bool,
    /// Why it cannot be listed.
    pub unreadable: Option<String>,
    /// Why no file can be made in it.
    pub unwritable: Option<String>,
    /// Seconds by which the time that the share gave to a file made there lies ahead of this machine's.
    pub fresh_ahead: Option<i64>,
    /// The newest file there, and by how many seconds its time lies ahead.
    pub newest_ahead: Option<(String, i64)>,
}

/// What is wrong, if anything.
pub fn causes(found: &Found) -> Vec<Cause> {
    let path = found.path.clone();
    if !found.exists {
        return vec![Cause::NoFolder(path)];
    }
    if !found.is_folder {
        return vec![Cause::NotAFolder(path)];
    }
    if let Some(words) = &found.unreadable {
        return vec![Cause::FolderUnreadable(path, words.clone())];
    }
    let mut causes = Vec::new();
    if let Some(words) = &found.unwritable {
        causes.push(Cause::FolderReadOnly(path, words.clone()));
    }
    // The share's own clock shows at a file that was made this moment, in either direction; that of a sender who sets
    // the time himself only when it lies in the future: an old picture is no wrong clock.
    match (found.fresh_ahead, &found.newest_ahead) {
        (Some(seconds), _) if seconds.abs() > SKEW_MAX => {
            causes.push(Cause::ClockSkew { seconds, file: "a file made there this moment".to_owned() });
        }
        (_, Some((file, seconds))) if *seconds > SKEW_MAX => {
            causes.push(Cause::ClockSkew { seconds: *seconds, file: file.clone() });
        }
        (Some(_) | None, Some(_) | None) => {}
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Found {
        Found { path: "/x".into(), exists: true, is_folder: true, fresh_ahead: Some(0), ..Found::default() }
    }

    #[test]
    fn a_sound_folder_with_old_pictures_has_no_cause() {
        assert_eq!(causes(&Found { newest_ahead: Some(("a.png".into(), -86_400)), ..sound() }), []);
    }

    #[test]
    fn a_wrong_clock_shows_at_a_fresh_file_both_ways_and_at_a_picture_of_the_future() {
        for seconds in [-3_600, 3_600] {
            let found = Found { fresh_ahead: Some(seconds), ..sound() };
            assert!(matches!(causes(&found)[..], [Cause::ClockSkew { seconds: told, .. }] if told == seconds));
        }
        let found = Found { newest_ahead: Some(("a.png".into(), 7_200)), ..sound() };
        assert!(matches!(&causes(&found)[..], [Cause::ClockSkew { file, .. }] if file == "a.png"));
    }

    #[test]
    fn a_folder_that_is_missing_a_file_or_read_only_is_said_to_be() {
        assert!(matches!(causes(&Found::default())[..], [Cause::NoFolder(_)]));
        assert!(matches!(causes(&Found { is_folder: false, ..sound() })[..], [Cause::NotAFolder(_)]));
        let found = Found { unwritable: Some("denied".into()), ..sound() };
        assert!(matches!(causes(&found)[..], [Cause::FolderReadOnly(..)]));
    }
}

//! The file of users: there whole or not at all, whatever moment the power goes; readable by the daemon alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::user::User;

/// Name of the file in the store's folder.
pub const NAME: &str = "people.json";
/// What this program writes and reads.
const FORM: u32 = 1;
/// A longer file is none of ours.
const BYTES_MAX: u64 = 16 << 20;
/// Broken files that are kept beside it.
const ASIDE_MAX: u32 = 1_000;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    form: u32,
    users: Vec<User>,
}

/// Where the users lie.
#[derive(Clone, Debug)]
pub(super) struct UsersFile {
    path: PathBuf,
}

/// What a start found.
#[derive(Debug)]
pub(super) enum Found {
    /// The users; none where there is no file yet.
    Users(Vec<User>),
    /// A file that cannot be used lies aside, under the name in the sentence. Nobody can log in before users are added
    /// again or the file is brought back.
    SetAside(String),
    /// The file is left where it is and may not be replaced: the sentence says why.
    Untouched(String),
}

impl UsersFile {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self { path: dir.join(NAME) }
    }

    /// Reads the users. Waits for the disk.
    pub(super) fn read(&self) -> Found {
        let there = self.path.display();
        let bytes = match self.bytes() {
            Ok(None) => return Found::Users(Vec::new()),
            Ok(Some(bytes)) => bytes,
            Err(error) => return Found::Untouched(format!("the users in {there} cannot be read: {error}")),
        };
        #[derive(Deserialize)]
        struct Form {
            form: u32,
        }
        // The form comes first: a newer file may hold what this program cannot read.
        match serde_json::from_slice::<Form>(&bytes) {
            Ok(Form { form }) if form > FORM => {
                return Found::Untouched(format!(
                    "the users in {there} were written by a later version (form {form}, expected {FORM}); run that version"
                ));
            }
            Ok(_) | Err(_) => {}
        }
        match parse(&bytes) {
            Ok(users) => Found::Users(users),
            Err(why) => self.set_aside(&why),
        }
    }

    fn bytes(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let meta = file.metadata()?;
        if meta.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %self.path.display(), "others could read the file of users; its mode is set to 0600");
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, BYTES_MAX + 1), &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Moves a broken file to a name of its own, never over another.
    fn set_aside(&self, why: &str) -> Found {
        let there = self.path.display();
        let free =
            (1..=ASIDE_MAX).map(|n| self.path.with_extension(format!("json.broken-{n}"))).find(|to| !to.exists());
        let Some(aside) = free else {
            return Found::Untouched(format!(
                "the users in {there} cannot be used ({why}), and too many broken files lie beside"
            ));
        };
        let moved = fs::rename(&self.path, &aside).and_then(|()| self.sync_dir());
        match moved {
            Ok(()) => Found::SetAside(format!(
                "the file of users cannot be used ({why}) and lies in {}; nobody can log in before it is brought back or \
                 users are added again",
                aside.display()
            )),
            Err(error) => Found::Untouched(format!(
                "the users in {there} cannot be used ({why}) nor the file be moved aside: {error}"
            )),
        }
    }

    /// Replaces the file: the old users or the new ones survive a power cut, never a mix. Waits for the disk.
    pub(super) fn write(&self, users: Vec<User>) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&Content { form: FORM, users })?;
        let temporary = self.path.with_extension("json.tmp");
        // What a power cut left of an earlier write.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Reads the content of the file.
///
/// # Errors
/// What is wrong with it; nothing of its content is in the sentence.
fn parse(bytes: &[u8]) -> Result<Vec<User>, String> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it is longer than {BYTES_MAX} bytes"));
    }
    let at = |error: serde_json::Error| {
        format!("it breaks off or is altered at line {}, column {}", error.line(), error.column())
    };
    let content: Content = serde_json::from_slice(bytes).map_err(at)?;
    let mut names: Vec<_> = content.users.iter().map(|user| &user.name).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two users have one name".to_owned());
    }
    if content.users.iter().any(|user| !user.proof.hashed().is_sound()) {
        return Err("a hash has settings that were not written here".to_owned());
    }
    Ok(content.users)
}

/// What a fuzzer feeds.
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8]) {
    if let Ok(users) = parse(bytes) {
        let written = serde_json::to_vec(&Content { form: FORM, users: users.clone() }).unwrap_or_default();
        assert_eq!(parse(&written), Ok(users), "what was read can be written and read again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::hash::Hasher;
    use crate::people::name::Name;
    use crate::people::user::{Account, Proof, Role};

    async fn users(count: usize) -> Vec<User> {
        let hashed = Hasher::new().unwrap().hash("correct horse battery".into()).await.unwrap();
        let user = |number| User {
            name: Name::parse(&format!("u{number}")).unwrap(),
            display: "张伟".into(),
            agency: "customs".into(),
            role: Role::Officer,
            account: Account::Enabled,
            proof: Proof::Password { hashed: hashed.clone(), since: "2026-01-01T00:00:00Z".parse().unwrap() },
        };
        (0..count).map(user).collect()
    }

    fn found(file: &UsersFile) -> Vec<User> {
        match file.read() {
            Found::Users(users) => users,
            Found::SetAside(said) | Found::Untouched(said) => panic!("{said}"),
        }
    }

    #[tokio::test]
    async fn what_was_written_is_read_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = UsersFile::in_dir(dir.path());
        assert_eq!(found(&file), []);
        let users = users(2).await;
        file.write(users.clone()).unwrap();
        assert_eq!(found(&file), users);
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(found(&file), users);
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600, "taken back");
    }

    /// Wherever a power cut ends a write, the file itself is the old one: only the temporary one is ever part written.
    #[tokio::test]
    async fn a_write_that_was_cut_at_any_byte_leaves_the_old_users_and_hinders_no_later_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = UsersFile::in_dir(dir.path());
        let (old, new) = (users(1).await, users(2).await);
        file.write(old.clone()).unwrap();
        let whole = serde_json::to_vec_pretty(&Content { form: FORM, users: new.clone() }).unwrap();
        for cut in (0..whole.len()).step_by(97) {
            fs::write(file.path.with_extension("json.tmp"), &whole[..cut]).unwrap();
            assert_eq!(found(&file), old);
        }
        file.write(new.clone()).unwrap();
        assert_eq!(found(&file), new);
    }

    #[tokio::test]
    async fn a_broken_file_is_set_aside_as_it_is_and_never_read_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let file = UsersFile::in_dir(dir.path());
        file.write(users(2).await).unwrap();
        let whole = fs::read(&file.path).unwrap();
        let mut twice = users(1).await;
        twice.extend(users(1).await);
        let dear = String::from_utf8(whole.clone()).unwrap().replace("19456", "4000000000").into_bytes();
        let mut broken: Vec<Vec<u8>> = (0..whole.len() - 1).step_by(89).map(|cut| whole[..cut].to_vec()).collect();
        broken.push(serde_json::to_vec(&Content { form: FORM, users: twice }).unwrap());
        broken.push(dear);
        broken.push(b"\xff\x00".to_vec());
        for (number, bytes) in broken.iter().enumerate() {
            fs::write(&file.path, bytes).unwrap();
            let Found::SetAside(said) = file.read() else { panic!("{}", String::from_utf8_lossy(bytes)) };
            let aside = dir.path().join(format!("people.json.broken-{}", number + 1));
            assert!(said.contains(&*aside.to_string_lossy()) && !said.contains("salt"), "{said}");
            assert_eq!(&fs::read(aside).unwrap(), bytes);
            assert!(!file.path.exists());
        }
    }

    #[test]
    fn a_file_of_a_later_version_or_one_that_cannot_be_read_stays_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = UsersFile::in_dir(dir.path());
        fs::write(&file.path, br#"{"form":2,"people":[]}"#).unwrap();
        assert!(matches!(file.read(), Found::Untouched(said) if said.contains("later version")));
        assert!(file.path.exists());
        fs::remove_file(&file.path).unwrap();
        fs::create_dir(&file.path).unwrap();
        assert!(matches!(file.read(), Found::Untouched(_)));
    }
}

//! Passwords and codes as they are kept: argon2id, one at a time.
//!
//! 19 MiB, two passes, one lane are OWASP's figures (Password Storage Cheat Sheet) and the crate's defaults. One hash
//! at a time, away from the runtime: a guesser at the log-in page can keep one core busy and never the lane's.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::secret::Secret;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
const HASH: usize = 32;
/// A file that asks for more was not written here, and would be a way to fill the memory.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
/// Hashes that may be waited for at once.
const WAITING_MAX: usize = 64;

/// What is kept of a password or code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hashed {
    algorithm: Word,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(with = "hex")]
    salt: [u8; SALT],
    #[serde(with = "hex")]
    hash: [u8; HASH],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Argon2id,
}

impl Hashed {
    fn of(secret: &Secret) -> Result<Self, String> {
        let mut made = Self::nobodys()?;
        made.hash = made.reckon(secret).ok_or("the hash cannot be reckoned with these settings")?;
        Ok(made)
    }

    /// A hash that no secret has: what the password of a name that nobody has is compared with.
    fn nobodys() -> Result<Self, String> {
        let (mut salt, mut hash) = ([0; SALT], [0; HASH]);
        let no_random = |error| format!("the system gives no random numbers: {error}");
        getrandom::fill(&mut salt).map_err(no_random)?;
        getrandom::fill(&mut hash).map_err(no_random)?;
        Ok(Self { algorithm: Word::Argon2id, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash })
    }

    /// Whether the settings are ones that a login can afford.
    pub(super) fn is_sound(&self) -> bool {
        self.memory_kib <= MEMORY_KIB_MAX && (1..=PASSES_MAX).contains(&self.passes) && self.settings().is_some()
    }

    fn settings(&self) -> Option<Params> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH)).ok()
    }

    fn is_of(&self, secret: &Secret) -> bool {
        self.reckon(secret).is_some_and(|hash| hash.ct_eq(&self.hash).into())
    }

    fn reckon(&self, secret: &Secret) -> Option<[u8; HASH]> {
        let Word::Argon2id = self.algorithm;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.settings()?);
        let mut hash = [0; HASH];
        argon.hash_password_into(secret.expose().as_bytes(), &self.salt, &mut hash).ok()?;
        Some(hash)
    }
}

/// Reckons hashes, one after the other in the order in which they were asked for.
#[derive(Clone, Debug)]
pub(super) struct Hasher {
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    nobodys: Arc<Hashed>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoHash {
    /// Too many wait already.
    Busy,
    /// It cannot be reckoned.
    Broken(String),
}

impl Hasher {
    pub(super) fn new() -> Result<Self, String> {
        let places = |count| Arc::new(Semaphore::new(count));
        Ok(Self { turn: places(1), waiting: places(WAITING_MAX), nobodys: Arc::new(Hashed::nobodys()?) })
    }

    /// Whether `secret` is what `kept` was made of. With nothing kept it takes as long, and is not.
    pub(super) async fn check(&self, secret: Secret, kept: Option<Hashed>) -> Result<bool, NoHash> {
        let known = kept.is_some();
        let against = kept.unwrap_or_else(|| Hashed::clone(&self.nobodys));
        self.alone(move || against.is_of(&secret) & known).await
    }

    /// What is kept of `secret`.
    pub(super) async fn hash(&self, secret: Secret) -> Result<Hashed, NoHash> {
        self.alone(move || Hashed::of(&secret)).await?.map_err(NoHash::Broken)
    }

    async fn alone<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoHash> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| NoHash::Busy)?;
        let closed = |_| NoHash::Broken("the turn is closed".to_owned());
        let turn = self.turn.clone().acquire_owned().await.map_err(closed)?;
        // Turn and place go with the work: who asked may be gone before it is done.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|panic| NoHash::Broken(panic.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_secret_is_known_again_and_another_is_not() {
        let hasher = Hasher::new().unwrap();
        let kept = hasher.hash("correct horse battery".into()).await.unwrap();
        assert!(kept.memory_kib >= 19 * 1024 && kept.passes >= 2 && kept.is_sound());
        assert_eq!(hasher.check("correct horse battery".into(), Some(kept.clone())).await, Ok(true));
        assert_eq!(hasher.check("correct horse batterY".into(), Some(kept.clone())).await, Ok(false));
        assert_eq!(hasher.check("correct horse battery".into(), None).await, Ok(false));
        let again = hasher.hash("correct horse battery".into()).await.unwrap();
        assert_ne!(kept, again, "each has a salt of its own");
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Hashed>(&text).unwrap(), kept);
    }

    #[test]
    fn a_hash_that_a_login_cannot_afford_is_not_sound() {
        let sound = Hashed::nobodys().unwrap();
        let dear = |memory_kib, passes, lanes| Hashed { memory_kib, passes, lanes, ..sound.clone() };
        assert!(sound.is_sound());
        for hashed in [dear(u32::MAX, 2, 1), dear(19_456, 17, 1), dear(19_456, 0, 1), dear(4, 2, 1), dear(19_456, 2, 0)]
        {
            assert!(!hashed.is_sound(), "{hashed:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_two_are_reckoned_at_once_and_one_too_many_is_told_so() {
        let hasher = Hasher::new().unwrap();
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let held = hasher.turn.clone().acquire_owned().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING_MAX {
            let (hasher, at_once, most) = (hasher.clone(), at_once.clone(), most.clone());
            waiting.push(tokio::spawn(async move {
                let work = move || {
                    most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    at_once.fetch_sub(1, Ordering::SeqCst);
                };
                hasher.alone(work).await
            }));
        }
        while hasher.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.check("x".into(), None).await, Err(NoHash::Busy));
        drop(held);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}

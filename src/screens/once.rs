//! An act that is sent twice is done once: a key names it, and whoever comes with the same key gets the same answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use crate::control::call::Reply;

/// Answers remembered. A page repeats an act within seconds; this is some hours of a lane.
const REMEMBERED: usize = 4096;

type Key = (Arc<str>, Uuid);
type Answer = watch::Receiver<Option<Arc<Reply>>>;

/// What becomes of an act.
#[derive(Debug)]
pub(super) enum Turn {
    /// Nobody asked for it yet: do it, and say what became of it.
    First(Promise),
    /// It is being done or was: this is or will be the answer.
    Again(Pending),
    /// The key stood for something else.
    Other,
}

/// Keeps the answer for everybody who has the key.
#[derive(Debug)]
pub(super) struct Promise(watch::Sender<Option<Arc<Reply>>>);

impl Promise {
    /// The answer, for good.
    pub(super) fn keep(self, reply: Reply) {
        self.0.send_replace(Some(Arc::new(reply)));
    }

    /// Where the answer will be.
    pub(super) fn pending(&self) -> Pending {
        Pending(self.0.subscribe())
    }
}

/// An answer that may still come.
#[derive(Debug)]
pub(super) struct Pending(Answer);

impl Pending {
    /// The answer; `None` when who was to give it is gone.
    pub(super) async fn answer(mut self) -> Option<Arc<Reply>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[derive(Debug, Default)]
struct Book {
    entries: HashMap<Key, ([u8; 32], Answer)>,
    order: VecDeque<Key>,
}

/// The keys of the last acts.
#[derive(Debug, Default)]
pub(super) struct Once(Mutex<Book>);

impl Once {
    /// Takes or finds the key of `person` for an act with these `bytes`.
    pub(super) fn turn(&self, person: &Arc<str>, key: Uuid, bytes: &[u8]) -> Turn {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, digest) = ((person.clone(), key), <[u8; 32]>::from(Sha256::digest(bytes)));
        if let Some((same, answer)) = book.entries.get(&key) {
            return if *same == digest { Turn::Again(Pending(answer.clone())) } else { Turn::Other };
        }
        let promise = watch::Sender::new(None);
        book.entries.insert(key.clone(), (digest, promise.subscribe()));
        book.order.push_back(key);
        if book.order.len() > REMEMBERED
            && let Some(oldest) = book.order.pop_front()
        {
            book.entries.remove(&oldest);
        }
        Turn::First(Promise(promise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(message: &str) -> Reply {
        Reply::Done { message: message.into() }
    }

    #[tokio::test]
    async fn the_same_key_gets_the_same_answer_even_while_it_is_being_done() {
        let (once, key, who) = (Once::default(), Uuid::from_u128(1), Arc::from("officer"));
        let Turn::First(promise) = once.turn(&who, key, b"clear") else { panic!("not the first") };
        let Turn::Again(early) = once.turn(&who, key, b"clear") else { panic!("not known") };
        promise.keep(done("recorded"));
        let Turn::Again(late) = once.turn(&who, key, b"clear") else { panic!("forgotten") };
        for pending in [early, late] {
            let answer = pending.answer().await.unwrap();
            assert!(matches!(&*answer, Reply::Done { message } if &**message == "recorded"));
        }
    }

    #[test]
    fn a_key_stands_for_one_act_of_one_person() {
        let (once, key, who) = (Once::default(), Uuid::from_u128(1), Arc::from("officer"));
        let _kept = once.turn(&who, key, b"clear");
        assert!(matches!(once.turn(&who, key, b"alarm"), Turn::Other));
        assert!(matches!(once.turn(&"another".into(), key, b"alarm"), Turn::First(_)));
    }

    #[tokio::test]
    async fn nobody_waits_for_an_answer_that_nobody_will_give() {
        let (once, who) = (Once::default(), Arc::from("officer"));
        let Turn::First(promise) = once.turn(&who, Uuid::nil(), b"") else { panic!("not the first") };
        let pending = promise.pending();
        drop(promise);
        assert!(pending.answer().await.is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (once, who) = (Once::default(), Arc::from("officer"));
        for key in 0..10_000 {
            once.turn(&who, Uuid::from_u128(key), b"");
        }
        let book = once.0.lock().unwrap();
        assert_eq!((book.entries.len(), book.order.len()), (REMEMBERED, REMEMBERED));
    }
}
